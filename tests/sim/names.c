/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/names.h"

const char *event_name(SchedEventType type)
{
    static const char *const names[_SCHED_EVENT_MAX] = {
        [SCHED_EVENT_SESSION_OPENED] = "session-opened",
        [SCHED_EVENT_SESSION_ADOPTED] = "session-adopted",
        [SCHED_EVENT_QUERY_ADOPTED] = "query-adopted",
        [SCHED_EVENT_SESSION_RETRY] = "session-retry",
        [SCHED_EVENT_SESSION_CLOSED] = "session-closed",
        [SCHED_EVENT_EXECUTOR_READY] = "executor-ready",
        [SCHED_EVENT_EXECUTOR_EXIT] = "executor-exit",
        [SCHED_EVENT_QUERY_ESTIMATE] = "query-estimate",
        [SCHED_EVENT_QUERY_END] = "query-end",
        [SCHED_EVENT_MEMORY_REQUEST] = "memory-request",
        [SCHED_EVENT_MEMORY_RETURN] = "memory-return",
        [SCHED_EVENT_MEMORY_HIGH] = "memory-high",
        [SCHED_EVENT_RESIZED] = "resized",
        [SCHED_EVENT_PSI] = "psi",
        [SCHED_EVENT_CPU_CHANGED] = "cpu-changed",
        [SCHED_EVENT_LIMIT_SET] = "limit-set",
        [SCHED_EVENT_QUOTA_SET] = "quota-set",
        [SCHED_EVENT_USAGE] = "usage",
        [SCHED_EVENT_DRAIN] = "drain",
        [SCHED_EVENT_CONFIG] = "config",
        [SCHED_EVENT_VIEW_CHANGED] = "view-changed",
        [SCHED_EVENT_LEARNED] = "learned",
        [SCHED_EVENT_TIMER] = "timer",
    };
    return type < _SCHED_EVENT_MAX ? names[type] : "unknown";
}

const char *action_name(SchedActionType type)
{
    static const char *const names[_SCHED_ACTION_MAX] = {
        [SCHED_ACTION_SPAWN] = "spawn",
        [SCHED_ACTION_STOP] = "stop",
        [SCHED_ACTION_PLACE] = "place",
        [SCHED_ACTION_MOVE] = "move",
        [SCHED_ACTION_RESIZE] = "resize",
        [SCHED_ACTION_GRANT] = "grant",
        [SCHED_ACTION_QUEUE] = "queue",
        [SCHED_ACTION_REFUSE_QUERY] = "refuse-query",
        [SCHED_ACTION_REFUSE_SESSION] = "refuse-session",
        [SCHED_ACTION_MEMORY_REPLY] = "memory-reply",
        [SCHED_ACTION_SHRINK] = "shrink",
        [SCHED_ACTION_LOST] = "lost",
        [SCHED_ACTION_CANCEL] = "cancel",
        [SCHED_ACTION_DRAINED] = "drained",
        [SCHED_ACTION_NOTICE] = "notice",
    };
    return type < _SCHED_ACTION_MAX ? names[type] : "unknown";
}
