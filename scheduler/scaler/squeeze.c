/* SPDX-License-Identifier: Apache-2.0 */
/* Memory comes back: idle sessions, those that have outgrown a lower limit, who is asked to spill,
 * and the warm executors, which are the first to go. */
#include <assert.h>

#include "scheduler/router/router.h"
#include "scheduler/scaler/scaler.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

bool scaler_is_idle(const Session *se)
{
    return se->n_running == 0 && se->n_requests == 0 && se->trip_usec == 0;
}

bool scaler_may_ask(const Sched *s, const Session *se)
{
    return s->now_usec - se->shrink_usec >= SCHED_SHRINK_REPEAT_USEC;
}

bool scaler_was_just_asked(const Sched *s, const Session *se)
{
    return se->asked && !se->returned &&
           s->now_usec - se->shrink_usec < SCHED_SQUEEZE_PATIENCE_USEC;
}

/* While the host is half empty nobody has a use for what an idle session keeps. */
static uint64_t patience(const Sched *s, uint32_t mode)
{
    uint64_t usec = s->config.idle_usec[mode];
    return s->committed_bytes <= s->config.memory_budget_bytes / 2 ? usec * SCHED_IDLE_PLENTY
                                                                   : usec;
}

/* The session that has been idle longest and was not asked; one that waits for its turn will want
 * its memory soon. Return: SCHED_NEVER: nobody's time will come. */
static uint64_t first_idle_until(const Sched *s, uint32_t mode)
{
    const Heap *h = &s->idle[mode];
    if (h->n == 0 || h->entries[0].key >= SCHED_IDLE_QUEUED)
        return SCHED_NEVER;
    return h->entries[0].key + patience(s, mode);
}

uint64_t scaler_idle_deadline(const Sched *s)
{
    uint64_t t = SCHED_NEVER;
    for (uint32_t mode = 0; mode < _SCHED_MODE_MAX; mode++) {
        uint64_t until = first_idle_until(s, mode);
        t = MIN(t, until);
    }
    return t;
}

/* No limit that was set for it allows more. */
static uint64_t capped(const Sched *s, const Session *se, uint64_t target_bytes)
{
    uint64_t cap = sched_grant_for_max(scaler_personal_max(s, se));
    return MAX(MIN(target_bytes, cap), s->config.floor_bytes);
}

/* What the executor has returned goes by itself; for more it is asked. */
static void ask_down(Sched *s, Session *se, uint64_t target_bytes)
{
    se->shrink_usec = s->now_usec;
    if (se->grant_bytes < sched_executor_of(s, se)->grant_bytes) {
#ifndef BERTH_MUTATION_LOWER
        target_bytes = MAX(target_bytes, se->grant_bytes);
#endif
        scaler_resize(s, se, target_bytes);
    } else {
        uint64_t high;
        se->asked = true;
        sched_limits(target_bytes, &high, &se->asked_max_bytes);
        sched_emit(s, SCHED_ACTION_SHRINK, se)->grant_bytes = target_bytes;
    }
    sched_touch(s, se);
    sched_refile(s, se);
}

static Session *top(Sched *s, const Heap *h)
{
    return h->n > 0 ? &s->sessions[h->entries[0].index] : NULL;
}

/* Those whose time has come; under pressure, all. */
static void shrink_idle(Sched *s)
{
    bool all = s->pressure != SCHED_PRESSURE_NONE;
    for (uint32_t mode = 0; mode < _SCHED_MODE_MAX; mode++)
        while (s->idle[mode].n > 0 && sched_may_emit(s) &&
               (all || first_idle_until(s, mode) <= s->now_usec))
            ask_down(s, top(s, &s->idle[mode]), s->config.floor_bytes);
    while (all && s->spent.n > 0 && sched_may_emit(s))
        ask_down(s, top(s, &s->spent), s->config.floor_bytes);
    /* What has been returned costs nobody anything. */
    while (s->memory_short && s->lower.n > 0 && sched_may_emit(s))
        ask_down(s, top(s, &s->lower), s->config.floor_bytes);
}

static bool may_ask_now(const Sched *s, const Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    return se->state == SCHED_SESSION_LIVE && e->state == EXECUTOR_READY && e->resize_serial == 0 &&
           scaler_may_ask(s, se);
}

/* A limit was set below what it has. */
static void shrink_capped(Sched *s, Session *se)
{
    if (!may_ask_now(s, se) || !sched_may_emit(s))
        return;
    const Executor *e = sched_executor_of(s, se);
    uint64_t target = capped(s, se, e->grant_bytes);
    if (target < e->grant_bytes && !(se->grant_bytes < e->grant_bytes ? se->stuck : se->returned))
        ask_down(s, se, target);
}

/* Idle sessions are asked for what is lacking, not for all they hold. */
static void squeeze_idle(Sched *s)
{
    const Heap *const heaps[] = {&s->idle[SCHED_MODE_STANDARD], &s->idle[SCHED_MODE_PERFORMANCE],
                                 &s->spent};
    while (s->coming_bytes < s->short_bytes && sched_may_emit(s)) {
        const HeapEntry *best = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(heaps); i++)
            if (heaps[i]->n > 0 && (!best || heaps[i]->entries[0].key < best->key))
                best = &heaps[i]->entries[0];
        if (!best)
            return;
        Session *se = &s->sessions[best->index];
        uint64_t lacking = s->short_bytes - s->coming_bytes;
        uint64_t target = sched_grant_for_max(minus(sched_executor_of(s, se)->max_bytes, lacking));
        ask_down(s, se, MAX(target, s->config.floor_bytes));
    }
}

/*
 * Who is asked to spill when somebody waits and nobody is idle: the largest holder above an equal
 * share, of the host or of the tenant whose quota is the bound. Nobody spills for another tenant's
 * quota.
 */
static void spill_largest(Sched *s)
{
    Session *se = top(s, &s->large);
    if (!se || !may_ask_now(s, se))
        return;
    const Executor *e = sched_executor_of(s, se);
    uint64_t share = s->config.memory_budget_bytes / MAX(s->n_sessions, 1u);
    /* An idle one is asked anyway: nobody need spill yet. */
    if (e->grant_bytes > sched_grant_for_max(share) && (se->n_running > 0 || se->returned) &&
        sched_may_emit(s))
        ask_down(s, se,
                 scaler_is_idle(se) ? s->config.floor_bytes : capped(s, se, e->grant_bytes / 2));
}

/* A user's or group's quota is the bound: its idle sessions give all, and the largest that runs
 * spills. Walks over that user's sessions alone. */
static void squeeze_tenant(Sched *s, const Tenant *t)
{
    uint64_t share = sched_memory_max(s, t) / MAX(t->n_sessions, 1u);
    uint64_t least = sched_grant_for_max(share);
    Session *largest = NULL;
    bool idle_holds = false;
    list_for_each (n, &t->sessions) {
        Session *se = sched_session_in(t, n);
        const Executor *e = sched_executor_of(s, se);
        if (se->state != SCHED_SESSION_LIVE || e->state != EXECUTOR_READY)
            continue;
        if (e->grant_bytes > least) {
            idle_holds = idle_holds || (se->n_running == 0 && !se->returned);
            largest = !largest || e->grant_bytes > sched_executor_of(s, largest)->grant_bytes
                          ? se
                          : largest;
        }
        if (scaler_is_idle(se) && e->grant_bytes > s->config.floor_bytes && may_ask_now(s, se) &&
            sched_may_emit(s))
            ask_down(s, se, s->config.floor_bytes);
    }
    if (largest && !idle_holds && largest->n_running > 0 && may_ask_now(s, largest) &&
        sched_may_emit(s))
        ask_down(s, largest, capped(s, largest, sched_executor_of(s, largest)->grant_bytes / 2));
}

void scaler_shrink(Sched *s)
{
    list_for_each (n, &s->touched)
        shrink_capped(s, container_of(n, Session, in_touched));
    shrink_idle(s);
    list_for_each (n, &s->short_tenants)
        squeeze_tenant(s, container_of(n, Tenant, in_list));
    if (s->memory_short)
        squeeze_idle(s);
    if (s->memory_short || s->pressure == SCHED_PRESSURE_FULL)
        spill_largest(s);
}

void scaler_warm(Sched *s)
{
    uint32_t n_warm = 0;
    bool stopped = false;
    list_for_each_safe (n, &s->warm) {
        Executor *e = container_of(n, Executor, in_list);
        bool ready = e->state == EXECUTOR_READY;
        if (e->view != s->view || s->draining) {
            if (ready && sched_may_emit(s))
                sched_stop(s, e, SESSION_CAUSE_SHUTDOWN);
            continue; /* not counted: its successor need not wait for it */
        }
        n_warm++;
        if (s->memory_short && ready && !stopped && sched_may_emit(s)) {
            sched_stop(s, e, SESSION_CAUSE_SHUTDOWN);
            stopped = true; /* one at a time: its memory may be enough */
        }
    }
    if (s->memory_short || s->draining || s->pressure != SCHED_PRESSURE_NONE ||
        s->now_usec < s->warm_after_usec)
        return;
    uint64_t budget = minus(s->config.memory_budget_bytes, s->config.memory_reserve_bytes);
    while (n_warm < s->config.n_warm && s->committed_bytes + s->floor_max_bytes <= budget &&
           sched_may_emit(s) && scaler_spawn(s, NULL))
        n_warm++;
}

uint64_t scaler_deadline(const Sched *s, const Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    uint64_t t = SCHED_NEVER;
    if (se->state != SCHED_SESSION_LIVE || e->state != EXECUTOR_READY)
        return t;
    for (uint32_t i = 0; i < se->n_requests; i++) {
        uint64_t waited = s->now_usec - se->requests[i].since_usec;
        uint64_t after = waited < SCHED_SPILL_PATIENCE_USEC ? SCHED_SPILL_PATIENCE_USEC
                                                            : s->config.request_wait_usec;
        t = MIN(t, se->requests[i].since_usec + after);
    }
    if (se->trip_usec != 0) {
        uint64_t at = se->trip_usec + s->config.throttle_usec;
        if (at <= s->now_usec)
            at = se->trip_seen_usec + s->config.throttle_usec + SCHED_THROTTLE_SLEEP_USEC;
        t = MIN(t, at);
    }
    /* Asked a moment ago; afterwards it may be asked again. */
    if (e->grant_bytes > s->config.floor_bytes && e->resize_serial == 0 && !scaler_may_ask(s, se))
        t = MIN(t, se->shrink_usec + SCHED_SHRINK_REPEAT_USEC);
    return t;
}
