/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the host: pressure, CPUs that go and come, limits and budgets that change, and
 * berthd killed and started again. */
#include <string.h>

#include "tests/sim/world.h"

/* Somebody's quota is set, changed or taken away. */
static void set_quota(World *w, SchedEvent *event)
{
    uint32_t tenant = (uint32_t)(rnd(w) % w->n_tenants);
    SchedQuota q = {0};
    event->type = SCHED_EVENT_QUOTA_SET;
    event->quota.group = chance(w, 300);
    event->quota.id = event->quota.group ? (uint32_t)between(w, 1, 3) : 1000 + tenant;
    if (chance(w, 700)) {
        q.sessions_max = (uint32_t)between(w, 0, 10);
        q.running_max = (uint32_t)between(w, 0, 4);
        q.queued_max = (uint32_t)between(w, 0, 4);
        q.cpu_weight_percent = (uint32_t)between(w, 0, 300);
        if (chance(w, 500))
            q.memory_max_bytes = between(w, 512 * MIB, w->config.memory_budget_bytes);
        if (chance(w, 500))
            q.spill_max_bytes = between(w, MIB, 1024 * MIB);
        if (chance(w, 300))
            q.undelivered_max_bytes = between(w, MIB, 1024 * MIB);
    }
    event->quota.quota = q;
    if (!event->quota.group)
        w->tenants[tenant].quota = q;
}

/* What one session has spilled and not delivered; at the end nothing is left. */
static void set_usage(World *w, SchedEvent *event, SimSession *c)
{
    event->type = SCHED_EVENT_USAGE;
    event->session = c->id;
    c->spilled = w->draining ? 0 : skewed(w, 2048 * MIB);
    event->usage.spill_bytes = c->spilled;
    event->usage.undelivered_bytes = w->draining || chance(w, 700) ? 0 : skewed(w, 2048 * MIB);
}

static void adopt(World *w, SimSession *c)
{
    SimExecutor *e = executor_of(w, c);
    SchedEvent event = {.type = SCHED_EVENT_SESSION_ADOPTED, .session = c->id};
    event.adopted.tenant = 1000 + c->tenant;
    event.adopted.group = c->tenant % 4;
    event.adopted.profile = c->profile;
    event.adopted.mode = c->mode;
    event.adopted.generation = c->generation;
    event.adopted.executor = e->id;
    event.adopted.grant_bytes = c->grant;
    event.adopted.high_bytes = e->high;
    event.adopted.max_bytes = e->max;
    event.adopted.serial = c->answered;
    c->idle_at = w->now;
    c->spilled = 0;
    send(w, &event);
    for (uint32_t i = 0; i < LANES; i++) {
        SimLane *l = &c->lanes[i];
        l->asked_at = w->now; /* its time begins anew */
        l->warned = false;
        if (l->state != SIM_RUNNING)
            continue;
        event = (SchedEvent){.type = SCHED_EVENT_QUERY_ADOPTED, .session = c->id};
        event.estimate.query = l->query;
        event.estimate.memory_peak_bytes = l->guess;
        event.estimate.scan_bytes = l->scan;
        event.estimate.fingerprint = l->fingerprint;
        event.estimate.parallelism = 4;
        send(w, &event);
    }
}

/* With berthd ends who had not been handed out, was on its way out, or waited for an executor. */
static bool survives(const World *w, const SimSession *c)
{
    return c->open && c->executor != NOBODY && !w->executors[c->executor].stopping;
}

/* berthd is killed and started again. What survives: executors of sessions with what runs in them,
 * and the limits in force. */
static void take_over(World *w)
{
    w->n_takeovers++;
    for (size_t i = 0; i < w->n_heap; i++) {
        Pending *p = &w->heap[i];
        if (p->kind == KIND_READY || p->kind == KIND_EXIT || p->kind == KIND_WRITTEN ||
            p->kind == KIND_ACK || p->kind == KIND_TIMER || p->kind == KIND_RETRY)
            p->kind = KIND_NOTHING;
    }
    for (uint32_t i = 0; i < w->n_used; i++) {
        SimExecutor *e = &w->executors[i];
        uint64_t before = e->alive ? committed(e) : 0;
        if (!e->alive)
            continue;
        if (e->session == NOBODY || w->sessions[e->session].executor != i ||
            !survives(w, &w->sessions[e->session])) {
            bury(w, e);
            continue;
        }
        e->writing = false; /* it had not been written yet */
        recount(w, e, before);
    }
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        SimSession *c = &w->sessions[i];
        if (!c->open || survives(w, c))
            continue;
        for (uint32_t k = 0; k < LANES; k++)
            if (c->lanes[k].state != SIM_NONE)
                finish(&c->lanes[k], &w->n_lost);
        gone(w, c);
    }
    SchedTopology topology = w->topology;
    SchedEvent timer = {.type = SCHED_EVENT_TIMER};
    topology.online = w->online;
    (void)sched_free(w->sched);
    CHECK(sched_new(&w->config, &topology, &w->sched) == 0);
    w->timer_at = 0;
    w->drained = false;
    for (uint32_t i = 0; i < w->n_sessions; i++)
        if (w->sessions[i].open)
            adopt(w, &w->sessions[i]);
    for (uint32_t i = 0; i < w->n_tenants; i++) {
        static const SchedQuota none;
        SchedEvent quota = {.type = SCHED_EVENT_QUOTA_SET};
        quota.quota.id = 1000 + i;
        quota.quota.quota = w->tenants[i].quota;
        if (memcmp(&quota.quota.quota, &none, sizeof(none)) != 0)
            send(w, &quota);
    }
    if (w->drains)
        send(w, &w->drain); /* what was ordered is berthd's to remember, as quotas are */
    send(w, &timer);
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        SimSession *c = &w->sessions[i];
        for (uint32_t k = 0; k < LANES && survives(w, c); k++) {
            if (c->lanes[k].state == SIM_ASKED)
                send_estimate(w, c, &c->lanes[k]);
            else if (c->lanes[k].requesting)
                ask_memory(w, c, &c->lanes[k]);
        }
    }
}

void fault(World *w)
{
    SchedEvent event = {0};
    uint64_t what = rnd(w) % 12;
    if (!w->draining)
        push(w, between(w, 100 * MSEC, 20 * USEC_PER_SEC), KIND_FAULT, 0, 0, 0, 0);
    if (what == 7) {
        take_over(w);
        return;
    }
    SimSession *somebody = &w->sessions[rnd(w) % w->n_sessions];
    if (what == 11) {
        event.type = SCHED_EVENT_LEARNED; /* from history, right or not */
        event.learned.fingerprint = between(w, 0, 40);
        event.learned.peak_bytes = chance(w, 100) ? UINT64_MAX : skewed(w, 4096 * MIB);
        event.learned.elapsed_usec = skewed(w, 20 * USEC_PER_SEC);
    } else if (what == 8) {
        set_quota(w, &event);
    } else if (what >= 9) {
        if (!somebody->open)
            return;
        set_usage(w, &event, somebody);
    } else if (what == 0 && !w->draining) {
        event.type = SCHED_EVENT_PSI;
        event.psi.level = chance(w, 500) ? SCHED_PRESSURE_NONE : (uint32_t)between(w, 0, 2);
    } else if (what <= 3) {
        event.type = SCHED_EVENT_CPU_CHANGED;
        w->online = w->topology.online;
        uint32_t permille = w->draining ? 0 : (uint32_t)between(w, 0, 900);
        unsigned kept = 0;
        for (unsigned i = 0; i < SCHED_CPUS_MAX; i++) {
            if (!sched_cpus_has(&w->topology.online, i))
                continue;
            if (chance(w, permille))
                w->online.bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
            else
                kept++;
        }
        if (kept == 0)
            w->online = w->topology.online;
        event.online = w->online;
    } else if (what == 6) {
        event.type = SCHED_EVENT_VIEW_CHANGED;
        w->view_changed_at = w->now;
    } else if (what == 4) {
        SimSession *c = &w->sessions[rnd(w) % w->n_sessions];
        if (!c->open)
            return;
        event.type = SCHED_EVENT_LIMIT_SET;
        event.session = c->id;
        event.limit.max_bytes =
            chance(w, 300) ? 0 : between(w, 160 * MIB, w->config.memory_budget_bytes);
    } else {
        event.type = SCHED_EVENT_CONFIG;
        uint64_t high, max;
        sched_limits(w->config.floor_bytes, &high, &max);
        uint64_t budget = w->config.memory_budget_bytes * between(w, 80, 130) / 100;
        w->config.memory_budget_bytes = MAX(budget, 4 * max + w->config.memory_reserve_bytes);
        w->budget_lowered = true;
        event.config = &w->config;
    }
    send(w, &event);
}
