/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/scaler/scaler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scheduler/router/router.h"

#define LIMIT_UNIT                                                                                 \
    (64 * UINT64_C(1024)) /* a multiple of every page size, so the kernel rounds nothing */

typedef char ByteText[32];

void sched_limits(uint64_t grant_bytes, uint64_t *ret_high_bytes, uint64_t *ret_max_bytes)
{
    uint64_t high = grant_bytes + MAX(grant_bytes / 16, 24 * MIB);
    high = ALIGN_UP(high, LIMIT_UNIT);
    uint64_t max = high + MAX(high / 8, 32 * MIB);
    *ret_high_bytes = high;
    *ret_max_bytes = ALIGN_UP(max, LIMIT_UNIT);
}

uint64_t sched_grant_for_max(uint64_t max_bytes)
{
    uint64_t high = max_bytes >= 288 * MIB ? max_bytes / 9 * 8 + 8
                                           : (max_bytes > 32 * MIB ? max_bytes - 32 * MIB : 0);
    uint64_t grant =
        high >= 408 * MIB ? high / 17 * 16 + 16 : (high > 24 * MIB ? high - 24 * MIB : 0);
    uint64_t max;
    /* Rounding up in sched_limits() can cost two units. */
    for (;; grant -= MIN(grant, LIMIT_UNIT)) {
        sched_limits(grant, &high, &max);
        if (grant == 0 || max <= max_bytes)
            return grant;
    }
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The part of the bounds that does not depend on what others use now. */
uint64_t scaler_personal_max(const Sched *s, const Session *se)
{
    uint64_t max = SCHED_BYTES_MAX;
    if (s->config.session_memory_max_bytes)
        max = MIN(max, s->config.session_memory_max_bytes);
    if (se->limit_set_bytes)
        max = MIN(max, se->limit_set_bytes);
    return max;
}

static uint64_t tenant_room_max(const Sched *s, const Session *se, uint64_t own)
{
    uint64_t room = SCHED_BYTES_MAX;
    sched_each_payer(s, se, t)
    {
        uint64_t quota = sched_memory_max(s, t), left = minus(quota, t->committed_bytes - own);
        room = quota ? MIN(room, left) : room;
    }
    return room;
}

uint64_t scaler_quota_room(const Sched *s, const Session *se)
{
    return tenant_room_max(s, se, 0);
}

uint64_t scaler_room(const Sched *s, const Session *se, bool admission)
{
    const Executor *e = sched_executor_of(s, se);
    uint64_t own = sched_executor_committed(e);
    uint64_t budget = s->config.memory_budget_bytes;
    if (admission)
        budget = minus(budget, s->config.memory_reserve_bytes);
#ifdef BERTH_MUTATION_OVERCOMMIT
    uint64_t max = budget;
#else
    uint64_t max = minus(budget, s->committed_bytes - own);
#endif
    max = MIN(max, scaler_personal_max(s, se));
    uint64_t tenant = tenant_room_max(s, se, own);
    return sched_grant_for_max(MIN(max, tenant));
}

uint64_t scaler_ceiling(const Sched *s, const Session *se, bool admission)
{
    uint64_t budget = s->config.memory_budget_bytes;
    if (admission)
        budget = minus(budget, s->config.memory_reserve_bytes);
    uint64_t max = minus(budget, (s->n_sessions - 1) * s->floor_max_bytes);
    max = MIN(max, scaler_personal_max(s, se));
    sched_each_payer(s, se, t)
    {
        uint64_t quota = sched_memory_max(s, t);
        uint64_t left = minus(quota, (t->n_sessions - 1) * s->floor_max_bytes);
        max = quota ? MIN(max, left) : max;
    }
    return sched_grant_for_max(max);
}

bool scaler_own_limit(const Sched *s, const Session *se, uint64_t grant_bytes)
{
    const Executor *e = sched_executor_of(s, se);
    uint64_t tenant = tenant_room_max(s, se, sched_executor_committed(e));
    return grant_bytes > sched_grant_for_max(MIN(tenant, scaler_personal_max(s, se)));
}

void scaler_host_short(Sched *s, uint64_t lacking_bytes)
{
    uint64_t budget = minus(s->config.memory_budget_bytes, s->config.memory_reserve_bytes);
    s->memory_short = true;
    s->short_bytes = MAX(s->short_bytes, minus(lacking_bytes, minus(budget, s->committed_bytes)));
}

/* The account whose quota leaves least: the one that matters. */
static Tenant *tightest(const Sched *s, const Session *se)
{
    Tenant *tight = &s->tenants[se->tenant];
    uint64_t least = UINT64_MAX;
    sched_each_payer(s, se, t)
    {
        uint64_t quota = sched_memory_max(s, t);
        if (!quota || minus(quota, t->committed_bytes) >= least)
            continue;
        least = minus(quota, t->committed_bytes);
        tight = t;
    }
    return tight;
}

void scaler_tenant_short(Sched *s, const Session *se)
{
    Tenant *t = tightest(s, se);
    t->memory_short = true;
    sched_list_keep(&s->short_tenants, &t->in_list, true);
}

uint64_t scaler_lacking(const Sched *s, const Session *se, uint64_t grant_bytes)
{
    uint64_t high, max;
    sched_limits(grant_bytes, &high, &max);
    return minus(max, sched_executor_committed(sched_executor_of(s, se)));
}

/* One that runs lacks @grant_bytes. */
static void lack(Sched *s, Session *se, uint64_t grant_bytes)
{
    uint64_t own = sched_executor_committed(sched_executor_of(s, se));
    if (grant_bytes > sched_grant_for_max(scaler_personal_max(s, se)))
        return;
    if (grant_bytes > sched_grant_for_max(tenant_room_max(s, se, own))) {
        se->lacks = LACKS_QUOTA;
    } else {
        uint64_t lacking = scaler_lacking(s, se, grant_bytes);
        se->lacking_bytes = se->lacks == LACKS_MEMORY ? MIN(se->lacking_bytes, lacking) : lacking;
        se->lacks = LACKS_MEMORY;
    }
    scaler_still_lacking(s, se);
}

void scaler_still_lacking(Sched *s, const Session *se)
{
    if (se->lacks == LACKS_QUOTA)
        scaler_tenant_short(s, se);
    else if (se->lacks == LACKS_MEMORY)
        scaler_host_short(s, se->lacking_bytes);
}

/* Which of the bounds is the one that matters, for a person. */
static const char *bound_name(const Sched *s, const Session *se, const char **ret_remedy)
{
    uint64_t budget = s->config.memory_budget_bytes, personal = scaler_personal_max(s, se);
    if (se->limit_set_bytes && se->limit_set_bytes == personal && personal < budget) {
        *ret_remedy = "raise it with `berth limit`";
        return "the limit set for this session";
    }
    const Tenant *t = tightest(s, se);
    uint64_t quota = sched_memory_max(s, t);
    if (quota && quota < MIN(personal, budget)) {
        *ret_remedy = "stop the user's other sessions, or ask the administrator for a larger quota";
        return t->is_group ? "the memory quota of the user's group" : "the user's memory quota";
    }
    if (personal < budget) {
        *ret_remedy = "ask the administrator to raise the session memory limit";
        return "the memory limit of one session";
    }
    *ret_remedy = "run it when fewer sessions are open, or on a host with more memory";
    return "the memory budget of this host";
}

/* Every change of what may be in force goes through here: the one place that can break D-1. */
static void commit(Sched *s, Executor *e, uint64_t before)
{
    uint64_t after = sched_executor_committed(e);
    s->committed_bytes = s->committed_bytes - before + after;
    s->roomier = s->roomier || after < before;
    sched_recount(s, e);
    if (e->session != SCHED_NONE)
        sched_touch(s, &s->sessions[e->session]);
    sched_charge(s, e, 0, after - before);
#ifndef BERTH_MUTATION_OVERCOMMIT
    assert(after <= before || s->committed_bytes <= s->config.memory_budget_bytes);
#endif
}

void scaler_resize(Sched *s, Session *se, uint64_t grant_bytes)
{
    Executor *e = sched_executor_of(s, se);
    uint64_t before = sched_executor_committed(e);
    assert(e->resize_serial == 0);
#ifndef BERTH_MUTATION_LOWER
    /* Never below what it may use (D-2). */
    assert(grant_bytes >= MIN(se->grant_bytes, e->grant_bytes));
#endif
    e->resize_serial = ++s->last_serial;
    e->next_grant_bytes = grant_bytes;
    sched_limits(grant_bytes, &e->next_high_bytes, &e->next_max_bytes);
    commit(s, e, before);
    SchedAction *a = sched_emit(s, SCHED_ACTION_RESIZE, se);
    a->serial = e->resize_serial;
    a->grant_bytes = grant_bytes;
    a->high_bytes = e->next_high_bytes;
    a->max_bytes = e->next_max_bytes;
}

bool scaler_may_spawn(Sched *s)
{
    if (s->committed_bytes + s->floor_max_bytes <= s->config.memory_budget_bytes)
        return true;
    scaler_host_short(s, s->floor_max_bytes);
    return false;
}

Executor *scaler_spawn(Sched *s, Session *se)
{
    Executor *e = sched_executor_new(s, 0);
    if (!e)
        return NULL;
    list_append(&s->warm, &e->in_list);
    sched_limits(e->grant_bytes, &e->high_bytes, &e->max_bytes);
    commit(s, e, 0);
    SchedAction *a = sched_emit(s, SCHED_ACTION_SPAWN, se);
    a->executor = e->id;
    a->grant_bytes = e->grant_bytes;
    a->high_bytes = e->high_bytes;
    a->max_bytes = e->max_bytes;
    return e;
}

/* May what runs grow? The mutation takes the answer away, to show that a test notices. */
static uint64_t running_room(const Sched *s, const Session *se)
{
#ifdef BERTH_MUTATION_NO_RAISE
    return sched_executor_of(s, se)->grant_bytes;
#else
    return scaler_room(s, se, false);
#endif
}

static void reply(Sched *s, Session *se, uint64_t serial, MemoryVerdict verdict, uint64_t total)
{
    SchedAction *a = sched_emit(s, SCHED_ACTION_MEMORY_REPLY, se);
    a->serial = se->answered_serial = serial;
    a->verdict = verdict;
    a->grant_bytes = total;
    se->asked = se->returned = false;
    sched_touch(s, se);
}

static void reply_refused(Sched *s, Session *se, const Request *rq)
{
    ByteText need, have, limit;
    const char *remedy, *bound = bound_name(s, se, &remedy);
    uint64_t ceiling = scaler_ceiling(s, se, false);
    reply(s, se, rq->serial, MEMORY_VERDICT_REFUSED, se->grant_bytes);
    SchedAction *a = &s->actions[(s->first_action + s->n_actions - 1) % SCHED_ACTIONS_MAX];
    sched_reason(
        a,
        "Out of memory: operator %s needs at least %s, the session has %s and could get %s; "
        "the bound is %s. To mend it, %s.",
        se->operator_name[0] ? se->operator_name : "(unknown)",
        text_format_bytes(need, sizeof(need), rq->minimum_bytes),
        text_format_bytes(have, sizeof(have), se->grant_bytes),
        text_format_bytes(limit, sizeof(limit), ceiling), bound, remedy);
}

/* Ends the executor so that the session comes back with room for @need_bytes. Return: false when it
 * may not. */
static bool restart_larger(Sched *s, Session *se, uint64_t need_bytes)
{
    if (se->restarts[s->config.restarts_max - 1] != 0 &&
        s->now_usec - se->restarts[s->config.restarts_max - 1] < s->config.restart_window_usec)
        return false;
    if (se->n_running == 0 || se->min_need_bytes >= scaler_ceiling(s, se, true))
        return false; /* nothing to run again, or it had everything already */
    if (s->n_stopping > 0)
        return true; /* memory is on its way back: one sacrifice at a time */
    Executor *e = sched_executor_of(s, se);
    se->min_need_bytes = MAX(se->min_need_bytes, need_bytes);
    e->restart = true;
    sched_stop(s, e, SESSION_CAUSE_OOM);
    return true;
}

/* Memory that idle sessions hold above their floor and will be asked for; of the same tenant if
 * that is the bound. */
static bool others_idle(const Sched *s, const Session *se, bool same_tenant)
{
    uint32_t n = same_tenant ? tightest(s, se)->n_giving : s->n_giving;
    return n > se->giving;
}

/* Return: true when the request has been answered. */
static bool serve_request(Sched *s, Session *se, const Request *rq, uint64_t room)
{
    Executor *e = sched_executor_of(s, se);
    uint64_t waited = s->now_usec - rq->since_usec;
    if (rq->total_bytes <= e->grant_bytes) {
        /* All that the limits carry, so that the next few requests need no question. */
        se->grant_bytes = e->grant_bytes;
        reply(s, se, rq->serial, MEMORY_VERDICT_GRANTED, se->grant_bytes);
        return true;
    }
    if (room >= rq->total_bytes) {
        uint64_t step = s->pressure == SCHED_PRESSURE_NONE && !s->memory_short
                            ? e->grant_bytes + e->grant_bytes / 2
                            : 0;
        scaler_resize(s, se, MIN(room, ALIGN_UP(MAX(rq->total_bytes, step), MIB)));
        return false;
    }
    if (waited < SCHED_SPILL_PATIENCE_USEC &&
        others_idle(s, se, scaler_own_limit(s, se, rq->minimum_bytes))) {
        lack(s, se, rq->minimum_bytes);
        return false;
    }
    if (room >= rq->minimum_bytes &&
        (rq->minimum_bytes > e->grant_bytes || room > e->grant_bytes + e->grant_bytes / 8)) {
        scaler_resize(s, se, room); /* not all of it, but what it needs or clearly more than now */
        return false;
    }
    if (rq->minimum_bytes <= e->grant_bytes) {
        se->grant_bytes = e->grant_bytes;
        reply(s, se, rq->serial, MEMORY_VERDICT_PARTLY, se->grant_bytes);
        return true;
    }
    if (rq->minimum_bytes <= scaler_ceiling(s, se, false) &&
        (waited < s->config.request_wait_usec || restart_larger(s, se, rq->total_bytes))) {
        lack(s, se, rq->minimum_bytes);
        return false;
    }
    reply_refused(s, se, rq);
    return true;
}

/* Step 2 of the ladder. The executor's own count is wrong here, so the kernel's decides. */
static void serve_trip(Sched *s, Session *se, uint64_t room)
{
    Executor *e = sched_executor_of(s, se);
    uint64_t want = MAX(e->grant_bytes, se->trip_current_bytes), high, max;
    /* A raise takes a millisecond or two, room that is not used is denied to others: small steps.
     */
    want = ALIGN_UP(want + MAX(want / 8, 16 * MIB), MIB);
    sched_limits(MIN(want, room), &high, &max);
    if (room > e->grant_bytes && high > se->trip_current_bytes) {
        se->n_raises++;
        se->trip_usec = 0;
        scaler_resize(s, se, MIN(want, room));
        return;
    }
    lack(s, se, MAX(e->grant_bytes, se->trip_current_bytes));
    if (s->now_usec - se->shrink_usec >= SCHED_SHRINK_REPEAT_USEC) {
        SchedAction *a = sched_emit(s, SCHED_ACTION_SHRINK, se);
        a->grant_bytes = MAX(se->grant_bytes / 2, s->config.floor_bytes);
        se->asked = true;
        se->asked_max_bytes = e->max_bytes; /* it runs: nothing of it is sure to come */
        se->shrink_usec = s->now_usec;
    }
    if (s->now_usec - se->trip_usec < s->config.throttle_usec)
        return;
    /* Told once only, and never again for longer than the kernel lets a task sleep above the wire:
     * it is below. */
    if (se->trip_seen_usec == se->trip_usec) {
        if (s->now_usec - se->trip_seen_usec >= s->config.throttle_usec + SCHED_THROTTLE_SLEEP_USEC)
            se->trip_usec = 0;
        return;
    }
    /* Above the wire for too long, and it has not said that it spilled: the kernel throttles it for
     * ever. */
    if (!restart_larger(s, se, 2 * se->trip_current_bytes)) {
        se->peak_bytes = se->trip_current_bytes;
        sched_stop(s, e, SESSION_CAUSE_OOM);
    }
}

void scaler_serve(Sched *s, Session *se)
{
    Executor *e = sched_executor_of(s, se);
    if (e->resize_serial != 0 || e->state != EXECUTOR_READY)
        return;
    sched_touch(s, se);
    se->lacks = LACKS_NOTHING;
    se->lacking_bytes = 0;
    se->seen_room = s->n_room;
    uint64_t room = se->n_requests > 0 || se->trip_usec != 0 ? running_room(s, se) : 0;
    for (uint32_t i = 0;
         i < se->n_requests && e->state == EXECUTOR_READY && e->resize_serial == 0;) {
        if (!serve_request(s, se, &se->requests[i], room)) {
            i++;
            continue;
        }
        memmove(&se->requests[i], &se->requests[i + 1],
                (--se->n_requests - i) * sizeof(se->requests[0]));
    }
    if (se->trip_usec != 0 && e->resize_serial == 0 && e->state == EXECUTOR_READY)
        serve_trip(s, se, room);
    /* Memory from its home alone while that is enough. */
    bool spread = !router_fits_home(s, se);
    if (spread != se->spread) {
        se->spread = spread;
        sched_untold(s, se);
        sched_refile(s, se); /* the next one sees that the node has room again */
    }
}

void scaler_request(Sched *s, Session *se, const SchedEvent *event)
{
    Request rq = {.serial = event->request.serial,
                  .query = event->request.query,
                  .since_usec = s->now_usec,
                  .total_bytes = MIN(event->request.total_bytes, SCHED_BYTES_MAX)};
    rq.minimum_bytes = MIN(event->request.minimum_bytes, rq.total_bytes);
    memcpy(se->operator_name, event->request.operator_name, sizeof(se->operator_name));
    if (se->n_requests == SCHED_REQUESTS_PER_SESSION) {
        reply_refused(s, se, &rq);
        return;
    }
    se->requests[se->n_requests++] = rq;
    sched_touch(s, se);
}

void scaler_query_gone(Session *se, uint64_t query)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < se->n_requests; i++)
        if (se->requests[i].query != query)
            se->requests[n++] = se->requests[i];
    se->n_requests = n;
}

void scaler_returned(Sched *s, Session *se, uint64_t serial, uint64_t total_bytes)
{
    if (serial != se->answered_serial && serial != 0)
        return; /* it crossed an answer on the way */
    /* One that does not name its answer: what it is waiting for counts. */
    list_for_each (n, &se->queries)
        if (serial == 0 && container_of(n, Query, in_session)->stage == QUERY_RAISING)
            return;
    if (serial == 0 && se->n_requests > 0)
        return;
    total_bytes = MAX(total_bytes, s->config.floor_bytes);
    se->grant_bytes = MIN(se->grant_bytes, total_bytes);
    /* Of its own accord, or asked for a part, it keeps what makes its next query quicker. */
    se->returned = se->asked && se->asked_max_bytes <= s->floor_max_bytes;
    se->asked = se->returned;
    se->stuck = false;
    se->shrink_usec = 0; /* the limits may follow at once */
    sched_touch(s, se);
}

void scaler_trip(Sched *s, Session *se, uint64_t current_bytes, uint64_t high_bytes)
{
    Executor *e = sched_executor_of(s, se);
    se->trip_current_bytes = MIN(current_bytes, SCHED_BYTES_MAX);
    if (e->resize_serial == 0 && high_bytes < e->high_bytes && current_bytes < e->high_bytes)
        return; /* about the wire before the last raise */
    if (current_bytes + MAX(e->high_bytes / 8, 16 * MIB) < e->high_bytes) {
        se->trip_usec = 0; /* page cache of what it reads: the kernel has dropped it and goes on */
        sched_touch(s, se);
        return;
    }
    /* A new crossing, or one that it is working its way out of. */
    if (se->trip_usec == 0 || current_bytes + current_bytes / 16 < se->trip_first_bytes) {
        se->trip_usec = s->now_usec;
        se->trip_first_bytes = current_bytes;
    }
    se->trip_seen_usec = s->now_usec;
    sched_touch(s, se);
}

void scaler_resized(Sched *s, Executor *e, const SchedEvent *event)
{
    uint64_t before = sched_executor_committed(e);
    /* A writer that reports more than both is wrong, and counting it would break D-1: it is cut. */
    uint64_t max = MIN(event->resized.max_bytes, before), carried = sched_grant_for_max(max);
    bool raised = max > e->max_bytes;
    /* Rounding may cost a grant that the same limits carried before. */
    if (max >= e->max_bytes)
        carried = MAX(carried, e->grant_bytes);
    if (max >= e->next_max_bytes)
        carried = MAX(carried, e->next_grant_bytes);
    e->resize_serial = 0;
    e->max_bytes = max;
    e->high_bytes = MIN(event->resized.high_bytes, max);
    e->grant_bytes = carried;
    commit(s, e, before);
    s->dirty = true;
    Session *se = e->session == SCHED_NONE ? NULL : &s->sessions[e->session];
    if (!se || se->state != SCHED_SESSION_LIVE)
        return;
    se->stuck = !raised && max > e->next_max_bytes;
    if (se->stuck)
        se->shrink_usec = s->now_usec;
    else if (raised && MAX(event->resized.current_bytes, se->trip_current_bytes) < e->high_bytes)
        se->trip_usec = 0; /* not when the new wire has been crossed, too, before this was told */
    router_granted(s, se);
}

void scaler_lost(Sched *s, Session *se, SessionCause cause, bool restart, uint64_t limit_bytes)
{
    ByteText peak, limit, room;
    const char *remedy, *bound = bound_name(s, se, &remedy);
    uint64_t ceiling = scaler_ceiling(s, se, true);
    uint64_t oldest = se->restarts[s->config.restarts_max - 1];
    bool oom = cause == SESSION_CAUSE_OOM || restart;
    bool often = oldest != 0 && s->now_usec - oldest < s->config.restart_window_usec;
    bool may_retry = oom || cause == SESSION_CAUSE_CRASH || cause == SESSION_CAUSE_KILLED;

    if (oom && !restart) {
        /* It had all there is, or as good as all: once more would end the same way. */
        if (se->min_need_bytes >= ceiling || se->peak_bytes > ceiling + ceiling / 8)
            may_retry = false;
        se->min_need_bytes = MAX(se->min_need_bytes, 2 * se->peak_bytes);
    }
    may_retry = may_retry && !often;
    SchedAction *a = sched_emit(s, SCHED_ACTION_LOST, se);
    a->cause = oom ? SESSION_CAUSE_OOM : cause;
    a->may_retry = may_retry;
    a->peak_bytes = se->peak_bytes;
    a->max_bytes = limit_bytes;
    memcpy(a->operator_name, se->operator_name, sizeof(a->operator_name));
    (void)text_format_bytes(peak, sizeof(peak), se->peak_bytes);
    (void)text_format_bytes(limit, sizeof(limit), limit_bytes);
    const char *op = se->operator_name[0] ? se->operator_name : "(unknown)";
    if (oom && may_retry)
        sched_reason(a, "Out of memory at %s of %s (operator %s): starting again with room for %s.",
                     peak, limit, op,
                     text_format_bytes(room, sizeof(room), MIN(se->min_need_bytes, ceiling)));
    else if (oom)
        sched_reason(
            a, "Out of memory: peak %s, limit %s, operator %s%s; the bound is %s. To mend it, %s.",
            peak, limit, op, often ? ", restarted too often" : "", bound, remedy);
    else if (se->why_ended)
        sched_reason(a, "The session was ended: %s.", se->why_ended);
    else
        sched_reason(a, "The executor ended: %s%s.", session_cause_to_string(cause),
                     often ? ", and was restarted too often before" : "");
    if (!may_retry) {
        sched_session_drop(s, se);
        return;
    }
    memmove(&se->restarts[1], &se->restarts[0], sizeof(se->restarts) - sizeof(se->restarts[0]));
    se->restarts[0] = MAX(s->now_usec, UINT64_C(1));
    sched_session_unplace(s, se);
    se->state = SCHED_SESSION_LOST;
}

uint64_t scaler_plenty(const Sched *s, const Session *se, uint64_t total_bytes,
                       uint64_t useful_bytes)
{
    const Executor *e = sched_executor_of(s, se);
    uint64_t half = s->config.memory_budget_bytes / 2;
    if (useful_bytes <= MAX(total_bytes, e->grant_bytes) || s->pressure != SCHED_PRESSURE_NONE ||
        s->memory_short || s->tenants[se->tenant].memory_short || s->committed_bytes >= half)
        return total_bytes;
    uint64_t max = sched_executor_committed(e) + (half - s->committed_bytes) / 2;
    uint64_t spare = MIN(sched_grant_for_max(max), scaler_room(s, se, true));
    useful_bytes = MIN(useful_bytes, SCHED_BYTES_MAX);
    uint64_t more = MIN(ALIGN_UP(useful_bytes, MIB), spare);
    return MAX(total_bytes, more);
}
