/* SPDX-License-Identifier: Apache-2.0 */
/* What has had its time: queries, idle sessions, and everybody when the host is drained. Each is
 * told before. */
#include <assert.h>

#include "scheduler/router/router.h"

static bool is_over(uint64_t now_usec, uint64_t since_usec, uint64_t timeout_usec)
{
    return timeout_usec != 0 && now_usec - since_usec >= timeout_usec;
}

/* So long after it began the client is told; a time-out shorter than the warning has none. */
static uint64_t warn_after(const Sched *s, uint64_t timeout_usec)
{
    return timeout_usec > s->config.warn_usec ? timeout_usec - s->config.warn_usec : 0;
}

static void warn(Sched *s, const Session *se, uint64_t query, const char *what,
                 uint64_t timeout_usec)
{
    SchedAction *a = sched_emit(s, SCHED_ACTION_NOTICE, se);
    a->query = query;
    sched_reason(a, "%s in %ju s: its time is %ju s.", what,
                 (uintmax_t)(s->config.warn_usec / USEC_PER_SEC),
                 (uintmax_t)(timeout_usec / USEC_PER_SEC));
}

static void end_session(Sched *s, Session *se, SessionCause cause, const char *why)
{
    se->why_ended = why;
    sched_stop(s, sched_executor_of(s, se), cause);
}

static void cancel(Sched *s, Session *se, Query *q, const char *what, uint64_t amount)
{
    bool waits = q->stage != QUERY_RUNNING; /* for its turn, or for its raise */
    SchedAction *a = sched_emit(s, waits ? SCHED_ACTION_REFUSE_QUERY : SCHED_ACTION_CANCEL, se);
    a->query = q->query;
    a->serial = q->serial;
    a->cause = SESSION_CAUSE_QUOTA;
    sched_reason(a, "Cancelled: %s %ju.", what, (uintmax_t)amount);
    q->cancelled_usec = s->now_usec;
    if (!waits)
        return;
    se->answered_serial = q->serial;
    sched_query_drop(s, q);
    if (se->n_running == 0)
        router_idle(s, se);
}

static void time_out_query(Sched *s, Session *se, Query *q)
{
    uint64_t timeout = s->config.statement_timeout_usec, warning = warn_after(s, timeout);
    if (q->cancelled_usec != 0) {
        if (is_over(s->now_usec, q->cancelled_usec, SCHED_CANCEL_GRACE_USEC))
            end_session(s, se, SESSION_CAUSE_QUOTA, "a query that was cancelled did not end");
    } else if (is_over(s->now_usec, q->asked_usec, timeout)) {
        cancel(s, se, q,
               "its time is over; seconds that a query may take:", timeout / USEC_PER_SEC);
    } else if (!q->warned && is_over(s->now_usec, q->asked_usec, warning)) {
        warn(s, se, q->query, "The query will be cancelled", timeout);
        q->warned = true;
    }
}

/* Over an account's quota of spilled bytes: who has spilled most recently stops. */
static const Tenant *over_spill(const Sched *s, const Session *se)
{
    sched_each_payer(s, se, t) if (t->quota.spill_max_bytes &&
                                   t->spill_bytes > t->quota.spill_max_bytes) return t;
    return NULL;
}

static void time_out(Sched *s, Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    const Tenant *over = se->spill_bytes > 0 ? over_spill(s, se) : NULL;
    list_for_each_safe (n, &se->queries) {
        Query *q = container_of(n, Query, in_session);
        if (e->state != EXECUTOR_READY || !sched_may_emit(s))
            return;
        if (over && q->stage != QUERY_WAITING && q->cancelled_usec == 0)
            cancel(s, se, q, "more was spilled than the quota allows, MiB:",
                   over->quota.spill_max_bytes / MIB);
        else
            time_out_query(s, se, q);
    }
    uint64_t timeout = s->config.idle_timeout_usec, warning = warn_after(s, timeout);
    if (e->state != EXECUTOR_READY || !list_empty(&se->queries) || !sched_may_emit(s))
        return;
    if (is_over(s->now_usec, se->idle_usec, timeout)) {
        end_session(s, se, SESSION_CAUSE_QUOTA, "it was idle for longer than is allowed");
    } else if (!se->warned && is_over(s->now_usec, se->idle_usec, warning)) {
        warn(s, se, 0, "The idle session will be ended", timeout);
        se->warned = true;
    }
}

void router_drain(Sched *s, bool on, uint64_t deadline_usec)
{
    s->draining = on;
    s->drained_told = false;
    s->drain_deadline_usec = on ? deadline_usec : 0;
    sched_each_live(s, se) se->warned = false;
    sched_touch_all(s);
}

uint64_t router_drain_deadline(const Sched *s)
{
    uint64_t at = s->drain_deadline_usec;
    if (at == 0 || s->n_sessions == 0)
        return SCHED_NEVER;
    return at > s->now_usec + s->config.warn_usec ? at - s->config.warn_usec : at;
}

/* The end of a drain concerns everybody, so it walks over all; at the deadline, until all have
 * gone. */
static void end_drain(Sched *s)
{
    uint64_t at = s->drain_deadline_usec;
    if (at != 0 && s->n_sessions > 0 && s->now_usec + s->config.warn_usec >= at) {
        bool over = s->now_usec >= at;
        sched_each_live(s, se)
        {
            Executor *e = sched_executor_of(s, se);
            if (!sched_may_emit(s))
                return;
            if (over && e) {
                end_session(s, se, SESSION_CAUSE_SHUTDOWN, "the host is being drained");
            } else if (!over && !se->warned) {
                se->warned = true;
                sched_reason(sched_emit(s, SCHED_ACTION_NOTICE, se),
                             "The host is being drained: the session will be ended in %ju s.",
                             (uintmax_t)((at - s->now_usec) / USEC_PER_SEC));
            }
        }
    }
    if (s->n_sessions > 0 || s->n_executors > 0 || s->drained_told || !sched_may_emit(s))
        return;
    s->drained_told = true;
    (void)sched_emit(s, SCHED_ACTION_DRAINED, NULL);
}

void router_end(Sched *s)
{
    if (s->draining)
        end_drain(s);
    list_for_each_safe (n, &s->touched) {
        Session *se = container_of(n, Session, in_touched);
        if (se->state == SCHED_SESSION_LIVE)
            time_out(s, se);
    }
}

static uint64_t sooner(uint64_t t, const Sched *s, uint64_t since_usec, uint64_t after_usec)
{
    uint64_t at = since_usec + after_usec;
    return after_usec != 0 && at > s->now_usec ? MIN(t, at) : t;
}

uint64_t router_end_deadline(const Sched *s, const Session *se)
{
    uint64_t t = SCHED_NEVER, query = s->config.statement_timeout_usec;
    uint64_t idle = s->config.idle_timeout_usec;
    if (se->state != SCHED_SESSION_LIVE)
        return t;
    list_for_each (n, &se->queries) {
        const Query *q = container_of(n, Query, in_session);
        if (q->cancelled_usec != 0) {
            t = sooner(t, s, q->cancelled_usec, SCHED_CANCEL_GRACE_USEC);
            continue;
        }
        t = sooner(t, s, q->asked_usec, query);
        t = q->warned ? t : sooner(t, s, q->asked_usec, warn_after(s, query));
    }
    if (!list_empty(&se->queries))
        return t;
    t = sooner(t, s, se->idle_usec, idle);
    return se->warned ? t : sooner(t, s, se->idle_usec, warn_after(s, idle));
}
