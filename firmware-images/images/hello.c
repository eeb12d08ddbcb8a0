/*
 * hello: a web server to try a cluster with. `/` greets with the Pod's name, in HTML for a browser and as one
 * line for anything else; `/healthz` answers ok. The port is the first argument, 8080 without one. A request is a
 * child process, so a slow client keeps nobody waiting; SIGTERM stops accepting and lets answers finish.
 */
#include "system.h"

#ifndef VERSION
#define VERSION "1"
#endif
#ifndef GREETING
#define GREETING "Hello from a Coracle board!"
#endif

struct sockaddr_in { unsigned short family, port; unsigned int address; char zero[8]; };
struct sockaddr_in6 { unsigned short family, port; unsigned int flow; unsigned char address[16]; unsigned int scope; };
struct pollfd { int fd; short events, revents; };
struct timespec { long seconds, nanoseconds; };
struct utsname { char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65]; };
struct sigaction { void *handler; unsigned long flags; void *restorer; sigset_t mask; };

struct text { char bytes[4096]; size_t size; };

static void add(struct text *to, const char *s) {
  for (; *s && to->size < sizeof to->bytes; s++) to->bytes[to->size++] = *s;
}

static void add_number(struct text *to, size_t number) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  add(to, digits + at);
}

static int starts_with(const char *s, const char *prefix) {
  while (*prefix)
    if (*s++ != *prefix++) return 0;
  return 1;
}

static int contains(const char *s, const char *part) {
  for (; *s; s++)
    if (starts_with(s, part)) return 1;
  return 0;
}

/* Waits for input; 0 when none came in time. */
static int readable(int fd, long seconds) {
  struct pollfd poll = {fd, 1, 0};
  struct timespec limit = {seconds, 0};
  return CALL(SYS_ppoll, &poll, 1, &limit, NULL) > 0;
}

static void respond(int fd, const char *status, const char *type, const struct text *body, int head) {
  struct text out = {.size = 0};
  add(&out, "HTTP/1.1 ");
  add(&out, status);
  add(&out, "\r\nContent-Type: ");
  add(&out, type);
  add(&out, "; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: ");
  add_number(&out, body->size);
  add(&out, "\r\n\r\n");
  if (!head)
    for (size_t i = 0; i < body->size && out.size < sizeof out.bytes; i++) out.bytes[out.size++] = body->bytes[i];
  for (size_t sent = 0; sent < out.size;) {
    long n = sys_write(fd, out.bytes + sent, out.size - sent);
    if (n <= 0) return;
    sent += (size_t)n;
  }
}

static void greet(struct text *body, const char *host, int html) {
  if (html)
    add(body,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>hello</title><style>body{font:1.2rem/1.6 system-ui,sans-serif;margin:15vh auto;max-width:32rem;"
        "padding:0 1rem;color:#123;background:#f4f8fa}code{background:#dde9ef;padding:.1em .4em;border-radius:.3em}"
        "</style><h1>" GREETING "</h1><p>Pod <code>");
  else
    add(body, GREETING " Pod ");
  add(body, host);
  add(body, html ? "</code>, version <code>" VERSION "</code>.</p></html>\n" : ", version " VERSION ".\n");
}

static void serve(int fd, const char *host) {
  char request[4096];
  size_t size = 0;
  request[0] = 0;
  while (size < sizeof request - 1 && !contains(request, "\r\n\r\n") && readable(fd, 5)) {
    long n = sys_read(fd, request + size, sizeof request - 1 - size);
    if (n <= 0) return;
    size += (size_t)n;
    request[size] = 0;
  }
  if (size == 0) return;
  struct text body = {.size = 0};
  int head = starts_with(request, "HEAD ");
  const char *path = request + (head ? 5 : 4);
  if (!head && !starts_with(request, "GET ")) {
    add(&body, "method not allowed\n");
    respond(fd, "405 Method Not Allowed", "text/plain", &body, 0);
  } else if (starts_with(path, "/healthz ")) {
    add(&body, "ok\n");
    respond(fd, "200 OK", "text/plain", &body, head);
  } else if (starts_with(path, "/ ") || starts_with(path, "/?")) {
    int html = contains(request, "text/html");
    greet(&body, host, html);
    respond(fd, "200 OK", html ? "text/html" : "text/plain", &body, head);
  } else {
    add(&body, "not found\n");
    respond(fd, "404 Not Found", "text/plain", &body, head);
  }
}

static unsigned short swapped(unsigned number) { return (unsigned short)((number >> 8 & 255) | (number & 255) << 8); }

static int listen_on(unsigned port) {
  int on = 1, off = 0;
  /* IPv6 with IPv4 inside; plain IPv4 on a kernel without IPv6. */
  struct sockaddr_in6 any6 = {.family = 10, .port = swapped(port)};
  struct sockaddr_in any4 = {.family = 2, .port = swapped(port)};
  long fd = CALL(SYS_socket, 10, 1 | 02000000, 0, 0);
  int six = fd >= 0;
  if (!six) fd = CALL(SYS_socket, 2, 1 | 02000000, 0, 0);
  if (fd < 0) return -1;
  syscall6(SYS_setsockopt, fd, 1, 2 /* SO_REUSEADDR */, (long)&on, sizeof on, 0);
  if (six) syscall6(SYS_setsockopt, fd, 41, 26 /* IPV6_V6ONLY */, (long)&off, sizeof off, 0);
  long bound = six ? CALL(SYS_bind, fd, &any6, sizeof any6, 0) : CALL(SYS_bind, fd, &any4, sizeof any4, 0);
  return bound < 0 || CALL(SYS_listen, fd, 128, 0, 0) < 0 ? -1 : (int)fd;
}

int main(int argc, char **argv) {
  unsigned port = 0;
  for (const char *s = argc > 1 ? argv[1] : "8080"; *s >= '0' && *s <= '9'; s++) port = port * 10 + (unsigned)(*s - '0');
  struct utsname host;
  CALL(SYS_uname, &host, 0, 0, 0);
  struct sigaction ignore = {.handler = (void *)1};
  CALL(SYS_rt_sigaction, SIGPIPE, &ignore, NULL, sizeof(sigset_t));
  CALL(SYS_rt_sigaction, SIGCHLD, &ignore, NULL, sizeof(sigset_t)); /* children need no reaping */
  sigset_t stop = SIGNAL_BIT(SIGTERM) | SIGNAL_BIT(SIGINT);
  block_signals(stop);
  int signals = (int)CALL(SYS_signalfd4, -1, &stop, sizeof stop, 02000000);
  int listener = listen_on(port);
  if (listener < 0 || signals < 0) {
    static const char message[] = "hello: cannot listen\n";
    sys_write(2, message, sizeof message - 1);
    return 1;
  }
  static const char ready[] = "hello: version " VERSION " is listening\n";
  sys_write(1, ready, sizeof ready - 1);
  for (;;) {
    struct pollfd polls[2] = {{listener, 1, 0}, {signals, 1, 0}};
    if (CALL(SYS_ppoll, polls, 2, NULL, NULL) < 0) continue;
    if (polls[1].revents) break;
    int fd = (int)CALL(SYS_accept4, listener, NULL, NULL, 02000000);
    if (fd < 0) continue;
    /* clone(SIGCHLD) is fork. */
    long child = CALL(SYS_clone, SIGCHLD, NULL, NULL, NULL);
    if (child == 0) {
      serve(fd, host.nodename);
      sys_exit(0);
    }
    sys_close(fd);
  }
  sys_close(listener);
  CALL(SYS_wait4, -1, NULL, 0, NULL); /* with SIGCHLD ignored: returns when the last child is gone */
  return 0;
}
