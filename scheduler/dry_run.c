/* SPDX-License-Identifier: Apache-2.0 */
/* Would this fit? Asked of the same functions that decide, on copies. */
#include <stdarg.h>
#include <stdio.h>

#include "scheduler/router/router.h"
#include "scheduler/scaler/scaler.h"
#include "scheduler/scheduler_internal.h"

static _printf_(3, 4) SchedFit say(SchedAnswer *answer, SchedFit fit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(answer->reason, sizeof(answer->reason), format, args);
    va_end(args);
    return fit;
}

static void fill(const Sched *s, const Query *q, SchedAnswer *answer)
{
    answer->class = q->class;
    answer->n_threads = q->n_threads_max;
    answer->position = s->n_waiting + 1;
}

/* Somebody has been passed so often that nobody may pass any more. */
static bool somebody_is_due(const Sched *s)
{
    list_for_each (n, &s->waiting)
        if (container_of(n, Query, in_queue)->overtaken >= SCHED_OVERTAKE_MAX)
            return true;
    return false;
}

static SchedFit turn(const Sched *s, const Query *q, SchedAnswer *answer)
{
    if (q->hold != HOLD_NOT)
        return say(answer, SCHED_FIT_LATER, "It would wait %s.", q->why);
    if (s->pressure == SCHED_PRESSURE_FULL && q->class == SCHED_CLASS_BATCH && s->n_running > 0)
        return say(answer, SCHED_FIT_LATER, "It would wait because the host is short of memory.");
    if (!router_slot_for(s, q))
        return say(answer, SCHED_FIT_LATER, "It would wait for a slot of the %s pool.",
                   sched_class_to_string(q->class));
    if (somebody_is_due(s))
        return say(answer, SCHED_FIT_LATER, "It would wait for queries that have waited longer.");
    answer->position = 0;
    return SCHED_FIT_NOW;
}

static SchedFit of_session(const Sched *s, const Session *se, const SchedEvent *estimate,
                           SchedAnswer *answer)
{
    uint64_t limit;
    const char *why = router_refused(s, se, &limit);
    if (why)
        return say(answer, SCHED_FIT_REFUSED, "The limit of %s is %ju.", why, (uintmax_t)limit);
    if (se->state != SCHED_SESSION_LIVE)
        return say(answer, SCHED_FIT_LATER, "The session waits for its executor.");
    Query q = router_make_query(s, se, estimate);
    router_weigh(s, &q);
    fill(s, &q, answer);
    uint64_t total = router_total(s, se, &q), held = sched_executor_of(s, se)->grant_bytes;
    uint64_t room = scaler_room(s, se, true);
    total = total > held ? MIN(total, room) : total;
    answer->grant_bytes = MAX(total, held);
    return turn(s, &q, answer);
}

static SchedFit of_nobody(const Sched *s, const SchedWish *wish, const SchedEvent *estimate,
                          SchedAnswer *answer)
{
    uint32_t tenant = lookup_get(&s->accounts, sched_account_key(false, wish->tenant));
    uint32_t group =
        wish->group ? lookup_get(&s->accounts, sched_account_key(true, wish->group)) : SCHED_NONE;
    Session se = {.tenant = tenant,
                  .group = group,
                  .executor = SCHED_NONE,
                  .profile = wish->profile,
                  .mode = wish->mode,
                  .grant_bytes = s->config.floor_bytes};
    uint64_t limit, high, max;
    const char *why = sched_open_bound(s, tenant, group, &limit);
    if (why && s->draining)
        return say(answer, SCHED_FIT_REFUSED, "The host takes no new sessions: it is drained.");
    if (why)
        return say(answer, SCHED_FIT_REFUSED, "No other session: %s is %ju.", why,
                   (uintmax_t)limit);
    Query q = router_make_query(s, &se, estimate);
    uint64_t budget = s->config.memory_budget_bytes - s->config.memory_reserve_bytes;
    uint64_t grant = s->config.floor_bytes + q.memory_bytes;
    q.movable = true;
    q.hold = HOLD_NOT;
    fill(s, &q, answer);
    uint64_t ceiling = sched_grant_for_max(budget);
    answer->grant_bytes = MIN(grant, ceiling);
    sched_limits(answer->grant_bytes, &high, &max);
    uint64_t free_bytes = budget - MIN(budget, s->committed_bytes);
    uint64_t quota_room = scaler_quota_room(s, &se);
    if (max > free_bytes || max > quota_room) {
        q.hold = HOLD_MEMORY;
        q.why = max > quota_room ? "for memory: the limit of its user or group is reached"
                                 : "for memory";
    }
    return turn(s, &q, answer);
}

SchedFit sched_would_fit(const Sched *s, const SchedWish *wish, SchedAnswer *ret_answer)
{
    SchedEvent estimate = {.type = SCHED_EVENT_QUERY_ESTIMATE};
    estimate.estimate.scan_bytes = wish->scan_bytes;
    estimate.estimate.memory_peak_bytes = wish->memory_peak_bytes;
    estimate.estimate.fingerprint = wish->fingerprint;
    estimate.estimate.parallelism = wish->parallelism;
    *ret_answer = (SchedAnswer){0};
    if (wish->session == 0)
        return of_nobody(s, wish, &estimate, ret_answer);
    uint32_t i = lookup_get(&s->session_ids, wish->session);
    if (i == LOOKUP_NONE)
        return say(ret_answer, SCHED_FIT_REFUSED, "There is no such session.");
    return of_session(s, &s->sessions[i], &estimate, ret_answer);
}
