/*
 * pause: holds a Pod's namespaces open. As process 1 of a shared PID namespace it reaps what others leave
 * behind, and it goes at once when asked to. It sleeps in one system call, so it costs no CPU.
 */
#include "system.h"

int main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  sigset_t set = SIGNAL_BIT(SIGINT) | SIGNAL_BIT(SIGTERM) | SIGNAL_BIT(SIGCHLD);
  block_signals(set);
  for (;;) {
    long signal = CALL(SYS_rt_sigtimedwait, &set, NULL, NULL, sizeof set);
    if (signal == SIGINT || signal == SIGTERM) return 0;
    /* One SIGCHLD may stand for many children. */
    while (CALL(SYS_wait4, -1, NULL, 1 /* WNOHANG */, NULL) > 0) continue;
  }
}
