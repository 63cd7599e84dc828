/* The first process of every pod: holds its namespaces, reaps what is orphaned into it. */
#include <signal.h>
#include <unistd.h>

static void leave(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    signal(SIGCHLD, SIG_IGN); /* the kernel then reaps the children itself */
    signal(SIGINT, leave);
    signal(SIGTERM, leave);
    for (;;)
        pause();
}
