/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/session/death.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

SessionCause death_classify(const Death *d, SessionCause verdict, bool started)
{
    /* An OOM kill that came first wins over a SIGKILL that berthd sent a moment later. */
    if (d->code != CLD_EXITED && d->status == SIGKILL &&
        (d->n_oom_kill > 0 || d->n_oom_group_kill > 0))
        return SESSION_CAUSE_OOM;
    if (d->code != CLD_EXITED && d->status == SIGSYS)
        return SESSION_CAUSE_SECCOMP;
    if (verdict != SESSION_CAUSE_NONE)
        return verdict;
    if (!started)
        return SESSION_CAUSE_SPAWN;
    if (d->code == CLD_EXITED)
        return d->status == 0 ? SESSION_CAUSE_CLOSED : SESSION_CAUSE_CRASH;
    switch (d->status) {
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
        return SESSION_CAUSE_KILLED;
    default:
        return SESSION_CAUSE_CRASH;
    }
}

char *death_describe(const Death *d, char *buf, size_t size)
{
    const char *name = d->code == CLD_EXITED ? NULL : sigabbrev_np(d->status);

    if (d->code == CLD_EXITED)
        snprintf(buf, size, "ended with status %d", d->status);
    else if (name)
        snprintf(buf, size, "killed by SIG%s", name);
    else
        snprintf(buf, size, "killed by signal %d", d->status);
    return buf;
}
