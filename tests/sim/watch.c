/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is checked from outside after every event, by the world's own books:
 *   - the sum of memory.max that may be in force is within the budget (D-1)
 * and, after every event of a small host, every 16th of a middle one, every 2048th of a huge one:
 *   - that sum counted anew
 *   - no slot without a CPU is leased
 *   - the scheduler's state agrees with itself and its turns were fair (check.c)
 * The rest is checked where it happens (world.c): what is told is carried by the limits in force
 * (D-10), a limit never goes below what was told or is in use (D-2), CPUs are online, each query
 * has one final state (D-8), one executor is placed once (D-7).
 */
#include "tests/sim/check.h"
#include "tests/sim/world.h"

static bool is_due(const World *w)
{
    return w->n_events % w->check_every == 0;
}

void watch_before(World *w)
{
    if (is_due(w))
        w->n_admitted_before = check_before(w->sched, w->ran_before);
}

static void check_fully(World *w)
{
    uint64_t sum = 0;
    uint32_t n_used = 0;
    for (uint32_t i = 0; i < w->n_used; i++) {
        if (!w->executors[i].alive)
            continue;
        sum += committed(&w->executors[i]);
        n_used = i + 1;
    }
    w->n_used = n_used;
    CHECK(sum == w->sum);
    SchedSlotInfo slot;
    for (size_t i = 0; sched_each_slot(w->sched, &i, &slot);) {
        bool online = false;
        for (unsigned k = 0; k < SCHED_CPU_WORDS; k++)
            online = online || (slot.cpus.bits[k] & w->online.bits[k]);
        CHECK(slot.session == 0 || online);
    }
    check_sched(w->sched);
    check_fairness(w->sched, w->ran_before, w->n_admitted_before);
}

/* By user: no more memory than the quota, but for what was there when it became smaller. And nobody
 * is left whose time is over. */
static void check_clients(World *w)
{
    const SchedConfig *c = &w->config;
    for (uint32_t i = 0; i < w->n_tenants; i++)
        w->tenants[i].sum = 0;
    for (uint32_t i = 0; i < w->n_used; i++)
        if (w->executors[i].alive && w->executors[i].session != NOBODY)
            w->tenants[w->sessions[w->executors[i].session].tenant].sum +=
                committed(&w->executors[i]);
    for (uint32_t i = 0; i < w->n_tenants; i++) {
        SimTenant *t = &w->tenants[i];
        uint64_t quota =
            t->quota.memory_max_bytes ? t->quota.memory_max_bytes : c->tenant_memory_max_bytes;
        CHECK(!quota || t->sum <= quota || t->sum <= t->sum_before || w->check_every > 1);
        t->sum_before = t->sum;
    }
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        SimSession *s = &w->sessions[i];
        const SimExecutor *e = executor_of(w, s);
        uint64_t slack = 12 * USEC_PER_SEC; /* a CANCEL is given ten */
        if (!s->open || !e || e->stopping)
            continue;
        CHECK(any_query(s) || !c->idle_timeout_usec ||
              w->now - s->idle_at <= c->idle_timeout_usec + slack);
        for (uint32_t k = 0; k < LANES; k++)
            CHECK(s->lanes[k].state == SIM_NONE || !c->statement_timeout_usec ||
                  w->now - s->lanes[k].asked_at <= c->statement_timeout_usec + slack);
    }
}

void watch_after(World *w)
{
    uint64_t budget = w->config.memory_budget_bytes;
    if (w->sum <= budget)
        w->budget_lowered = false;
    CHECK(w->sum <= budget || (w->budget_lowered && w->sum <= w->sum_before)); /* D-1 */
    w->sum_before = w->sum;
    if (is_due(w)) {
        check_fully(w);
        check_clients(w);
    }
}

/* Everything has been drained: nothing is left of anybody. */
void watch_end(World *w)
{
    SchedTotals t;
    uint64_t high, max;
    check_fully(w);
    CHECK(w->n_open == 0);
    CHECK(w->n_queries ==
          w->n_done + w->n_failed + w->n_refused + w->n_lost + w->n_cancelled); /* D-8 */
    sched_totals(w->sched, &t);
    CHECK(t.n_sessions == 0 && t.n_running == 0 && t.n_queued == 0 &&
          t.n_executors <= (w->drains ? 0 : w->config.n_warm)); /* D-12 */
    CHECK(w->drained == w->drains);
    sched_limits(w->config.floor_bytes, &high, &max);
    CHECK(t.committed_bytes == t.n_executors * max);
    CHECK(w->wait_max <= WAIT_BOUND_USEC);
}
