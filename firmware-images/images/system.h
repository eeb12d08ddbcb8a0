/*
 * The few system calls that the images of this folder need, without a C library: a whole program is a few
 * kilobytes and compiles with a bare gcc, native or cross. Linux on x86-64 and arm64.
 */
#ifndef CORACLE_SYSTEM_H
#define CORACLE_SYSTEM_H

typedef unsigned long size_t;
typedef unsigned long sigset_t; /* the kernel's own: 64 signals */

#define NULL ((void *)0)
#define SIGINT 2
#define SIGPIPE 13
#define SIGTERM 15
#define SIGCHLD 17
#define SIGNAL_BIT(n) (1UL << ((n) - 1))

#if defined(__x86_64__)
enum {
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14,
  SYS_socket = 41, SYS_bind = 49, SYS_listen = 50, SYS_setsockopt = 54, SYS_clone = 56, SYS_wait4 = 61,
  SYS_uname = 63, SYS_rt_sigtimedwait = 128, SYS_exit_group = 231, SYS_ppoll = 271, SYS_accept4 = 288,
  SYS_signalfd4 = 289,
};

static long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* The kernel enters with argc at the top of an aligned stack. */
__asm__(".globl _start\n_start:\n xor %ebp,%ebp\n mov %rsp,%rdi\n and $-16,%rsp\n call start_c\n hlt\n");
#elif defined(__aarch64__)
enum {
  SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_ppoll = 73, SYS_signalfd4 = 74, SYS_exit_group = 94,
  SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135, SYS_rt_sigtimedwait = 137, SYS_uname = 160,
  SYS_socket = 198, SYS_bind = 200, SYS_listen = 201, SYS_setsockopt = 208, SYS_clone = 220,
  SYS_accept4 = 242, SYS_wait4 = 260,
};

static long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}

__asm__(".globl _start\n_start:\n mov x29,#0\n mov x30,#0\n mov x0,sp\n and sp,x0,#-16\n bl start_c\n");
#else
#error "only x86-64 and arm64"
#endif

#define CALL(n, a, b, c, d) syscall6((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline long sys_read(int fd, void *to, size_t size) { return CALL(SYS_read, fd, to, size, 0); }
static inline long sys_write(int fd, const void *from, size_t size) { return CALL(SYS_write, fd, from, size, 0); }
static inline long sys_close(int fd) { return CALL(SYS_close, fd, 0, 0, 0); }
static void block_signals(sigset_t set) { CALL(SYS_rt_sigprocmask, 0, &set, NULL, sizeof set); }
__attribute__((noreturn)) static void sys_exit(int code) {
  for (;;) CALL(SYS_exit_group, code, 0, 0, 0);
}

/* gcc may call these by itself. */
void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memset(void *to, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = (char)byte;
  return to;
}

int main(int argc, char **argv);
__attribute__((used, noreturn)) static void start_c(long *stack) {
  sys_exit(main((int)stack[0], (char **)(stack + 1)));
}

#endif
