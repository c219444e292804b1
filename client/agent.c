/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define AGENT "/usr/bin/pkttyagent"

static void run_agent(pid_t parent, int ready)
{
    char process[32], notify[32];
    (void)snprintf(process, sizeof(process), "%d", parent);
    (void)snprintf(notify, sizeof(notify), "%d", ready);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* Inherited on purpose: it closes the descriptor when it is ready. */
    if (getppid() != parent || fcntl(ready, F_SETFD, 0) < 0)
        _exit(1);
    (void)execl(AGENT, AGENT, "--process", process, "--notify-fd", notify, "--fallback", NULL);
    _exit(127);
}

pid_t agent_start(void)
{
    _cleanup_close_ int from = -EBADF;
    int ends[2];
    char byte;
    /* root is not asked, and without a terminal there is nobody to ask. */
    if (geteuid() == 0 || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) ||
        access(AGENT, X_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    from = ends[0];
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        run_agent(parent, ends[1]);
    (void)close(ends[1]);
    while (child > 0 && read(from, &byte, 1) < 0 && errno == EINTR)
        ;
    return child > 0 ? child : -1;
}

void agent_stop(pid_t agent)
{
    if (agent <= 0)
        return;
    (void)kill(agent, SIGTERM);
    (void)kill(agent, SIGCONT);
    while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
        ;
}
