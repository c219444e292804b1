/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why is an executor gone? From what waitid(2) and memory.events say, and from what berthd did
 * itself. */

#include <stdbool.h>
#include <stdint.h>

#include "base/control.h"

typedef struct Death {
    int code;                              /* si_code: CLD_EXITED, CLD_KILLED, CLD_DUMPED */
    int status;                            /* exit status or signal */
    uint64_t n_oom_kill, n_oom_group_kill; /* of the leaf's memory.events.local, since its birth */
} Death;

/**
 * death_classify()
 * @verdict: why berthd killed it; SESSION_CAUSE_NONE when it did not
 * @started: it had come as far as EXECUTOR_HELLO
 *
 * `oom` is not looked at: it counts reclaim that ended in time as well. A SIGKILL without oom_kill
 * came from somebody else (the client itself may do that), and must never look like a fault of the
 * version (D-9). Never NONE.
 */
SessionCause death_classify(const Death *death, SessionCause verdict, bool started);

/* "killed by SIGSEGV", "ended with status 3" into @buf. Return: @buf. */
char *death_describe(const Death *death, char *buf, size_t size);
