/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed makes: host, configuration, clients; and how clients and their queries behave. */
#include "tests/sim/world.h"

#include <assert.h>
#include <string.h>

#include "tests/sim/check.h"

static void make_topology(World *w)
{
    static const uint32_t gib[] = {16, 256, 4096};
    SchedTopology *t = &w->topology;
    uint32_t n_nodes = (uint32_t)between(w, 1, w->shape == SHAPE_SMALL ? 3 : 8), cpu = 0;
    for (uint32_t n = 0; n < n_nodes; n++) {
        uint32_t number = n * (uint32_t)between(w, 1, 3) % SCHED_NODES_MAX;
        while (t->nodes[number].present)
            number++;
        SchedNode *node = &t->nodes[number];
        node->present = true;
        node->memory_bytes = n > 0 && chance(w, 60) ? 0 : between(w, 2, gib[w->shape]) * 1024 * MIB;
        uint32_t n_cpus = (uint32_t)between(
            w, n == 0 ? 2 : 0, w->shape == SHAPE_SMALL ? 8 : 128); /* some have memory only */
        for (uint32_t i = 0; i < n_cpus; i++, cpu++) {
            sched_cpus_add(&node->cpus, cpu);
            if (cpu == 0 || !chance(w, 50))
                sched_cpus_add(&t->online, cpu);
        }
        t->n_nodes++;
    }
    w->online = t->online;
}

static void make_config(World *w)
{
    uint64_t memory = 0;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        memory += w->topology.nodes[n].memory_bytes;
    SchedConfig c = sched_config_default(memory);
    char reason[128];
    static const uint32_t sessions[] = {40, 300, 10000};
    c.sessions_max = (uint32_t)between(w, 2, sessions[w->shape]);
    c.tenant_sessions_max = (uint32_t)between(w, 1, 40);
    c.queue_max = (uint32_t)between(w, 1, 200);
    c.n_warm = (uint32_t)between(w, 0, 6);
    c.slot_cpus = (uint32_t)between(w, 1, 4);
    c.slots_per_cpu[0] = (uint32_t)between(w, 1, 4);
    c.slots_per_cpu[1] = (uint32_t)between(w, 1, 2);
    if (chance(w, 300))
        c.tenant_memory_max_bytes =
            between(w, c.memory_budget_bytes / 8 + 512 * MIB, c.memory_budget_bytes * 2);
    if (chance(w, 300))
        c.session_memory_max_bytes = between(w, 256 * MIB, c.memory_budget_bytes);
    if (chance(w, 250)) {
        c.statement_timeout_usec = between(w, 5 * USEC_PER_SEC, 120 * USEC_PER_SEC);
        c.idle_timeout_usec = between(w, 10 * USEC_PER_SEC, 200 * USEC_PER_SEC);
        c.warn_usec = between(w, 0, 10 * USEC_PER_SEC);
    }
    CHECK(sched_config_check(&c, reason, sizeof(reason)) == 0);
    w->config = c;
}

static void make_clients(World *w)
{
    static const uint32_t clients[] = {50, 400, 10000};
    w->n_sessions = (uint32_t)between(w, 2, clients[w->shape]);
    w->sessions = calloc(w->n_sessions, sizeof(*w->sessions));
    assert(w->sessions);
    w->n_tenants = (uint32_t)between(w, 1, w->shape == SHAPE_HUGE ? 2000 : 20);
    w->fault_permille = (uint32_t)between(w, 0, 25);
    w->spawn_fault_permille = chance(w, 100) ? 600 : w->fault_permille;
    w->spawn_usec_max = chance(w, 50) ? 60 * USEC_PER_SEC : 50 * MSEC;
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        SimSession *c = &w->sessions[i];
        c->tenant = (uint32_t)(rnd(w) % w->n_tenants);
        c->profile = (uint32_t)(chance(w, 600) ? 0 : between(w, 1, 2));
        c->mode = chance(w, 200);
        c->leaks = chance(w, 50);
        for (uint32_t k = 0; k < LANES; k++)
            c->lanes[k].number = i * LANES + k;
        push(w, between(w, 0, 20 * USEC_PER_SEC), KIND_OPEN, i, 0, 0, 0);
    }
    push(w, between(w, 0, 5 * USEC_PER_SEC), KIND_FAULT, 0, 0, 0, 0);
    if (chance(w, 300))
        push(w, between(w, 0, 20 * USEC_PER_SEC), KIND_BURST, 0, 0, 0, 0);
}

void make_world(World *w)
{
    uint64_t r = rnd(w) % 10000;
    w->shape = r < 20 ? SHAPE_HUGE : (r < 500 ? SHAPE_MIDDLE : SHAPE_SMALL);
    make_topology(w);
    make_config(w);
    make_clients(w);
    w->n_executors_max = 2 * w->config.sessions_max + w->config.n_warm;
    w->executors = calloc(w->n_executors_max, sizeof(*w->executors));
    w->ran_before =
        calloc(2 * (w->n_executors_max + w->config.sessions_max), sizeof(*w->ran_before));
    w->tenants = calloc(w->n_tenants, sizeof(*w->tenants));
    int r2 = lookup_init(&w->executor_ids, w->n_executors_max);
    assert(w->executors && w->ran_before && w->tenants && r2 == 0);
    static const uint32_t every[] = {1, 16, 2048};
    w->check_every = every[w->shape];
}

void client_open(World *w, SimSession *c)
{
    SchedEvent event = {.type = SCHED_EVENT_SESSION_OPENED};
    uint32_t index = (uint32_t)(c - w->sessions);
    c->open = true;
    w->n_open++;
    c->n_lanes = chance(w, 300) ? LANES : 1;
    for (uint32_t i = 0; i < LANES; i++)
        c->lanes[i] = (SimLane){.run = c->lanes[i].run + 1, .number = index * LANES + i};
    c->grant = c->shrink_to = c->answered = 0;
    c->n_left = (uint32_t)between(w, 1, 20);
    c->executor = NOBODY;
    c->id = event.session = ++w->last_session << 16 | index;
    c->generation = 1;
    c->opened_at = w->now;
    event.opened.tenant = 1000 + c->tenant;
    event.opened.group = c->tenant % 4; /* one in four has none */
    event.opened.profile = c->profile;
    event.opened.mode = c->mode;
    send(w, &event);
}

void client_next(World *w, SimLane *l)
{
    uint64_t most = w->now < w->burst_until ? 2 * MSEC : 3 * USEC_PER_SEC;
    push(w, between(w, MSEC, most), KIND_THINK, l->number, session_of(w, l)->id, 0, 0);
}

/* Often wrong, now and then by a factor of a hundred either way, sometimes absurd. */
static uint64_t wrong_guess(World *w, uint64_t peak)
{
    if (chance(w, 10))
        return UINT64_MAX;
    if (chance(w, 100))
        return chance(w, 500) ? peak * 100 : peak / 100;
    return (peak << between(w, 0, 3)) >> between(w, 0, 3);
}

/* Also a second time, when berthd has been started again. */
void send_estimate(World *w, SimSession *c, SimLane *l)
{
    SchedEvent event = {.type = SCHED_EVENT_QUERY_ESTIMATE, .session = c->id};
    l->serial = ++w->last_serial;
    event.estimate.query = l->query;
    event.estimate.serial = l->serial;
    event.estimate.memory_peak_bytes = l->guess;
    event.estimate.memory_useful_bytes = chance(w, 10) ? UINT64_MAX : skewed(w, 4 * 1024 * MIB);
    event.estimate.scan_bytes = l->scan;
    event.estimate.parallelism = l->promised < _SCHED_FIT_MAX ? 4 : (uint32_t)between(w, 0, 64);
    event.estimate.fingerprint = l->fingerprint;
    event.estimate.profile = l->promised < _SCHED_FIT_MAX ? 0 : (uint32_t)between(w, 0, 2);
    uint64_t query = l->query;
    send(w, &event);
    CHECK((l->promised == SCHED_FIT_REFUSED) <= (l->state == SIM_NONE));
    CHECK((l->promised == SCHED_FIT_NOW) <=
          (w->raised_other ||
           (l->query == query && (l->state == SIM_RUNNING || executor_of(w, c)->writing))));
}

/* Would it fit? The answer changes nothing, and holds. */
static void ask_first(World *w, SimSession *c, SimLane *l)
{
    SchedWish wish = {.session = c->id,
                      .scan_bytes = l->scan,
                      .memory_peak_bytes = l->guess,
                      .fingerprint = l->fingerprint,
                      .parallelism = 4};
    SchedAnswer answer;
    bool look = w->shape == SHAPE_SMALL && chance(w, 100); /* it is large */
    uint64_t before = look ? check_digest(w->sched) : 0;
    SchedFit fit = sched_would_fit(w->sched, &wish, &answer);
    CHECK(!look || check_digest(w->sched) == before);
    CHECK(fit == SCHED_FIT_NOW || answer.reason[0]);
    l->promised = fit;
    w->asking = c;
    w->raised_other = false;
    send_estimate(w, c, l);
    l->promised = _SCHED_FIT_MAX;
}

void ask_query(World *w, SimSession *c, SimLane *l)
{
    if (!l->again) {
        uint64_t budget = w->config.memory_budget_bytes;
        c->n_left--;
        l->peak = chance(w, 30) ? between(w, budget / 2, budget) : skewed(w, budget / 8);
        l->n_steps = (uint32_t)between(w, 1, 10);
        l->step_usec = skewed(w, 2 * USEC_PER_SEC) + 10;
        l->fingerprint = chance(w, 700) ? between(w, 1, 40) : 0;
        l->sly = chance(w, 150);
        /* Grows for as long as it gets anything. */
        l->runaway = chance(w, 10);
        if (l->runaway)
            l->peak = 4 * budget;
        l->scan = skewed(w, 64 * 1024 * MIB);
        l->guess = wrong_guess(w, l->peak);
    }
    l->again = false;
    l->query = ++w->last_query;
    l->state = SIM_ASKED;
    l->asked_at = w->now;
    l->step = 0;
    l->held = 0;
    l->run++;
    l->warned = false;
    l->stubborn = chance(w, 50);
    l->promised = _SCHED_FIT_MAX;
    c->idle_at = w->now;
    w->n_queries++;
    if (chance(w, 100))
        ask_first(w, c, l);
    else
        send_estimate(w, c, l);
}

void end_query(World *w, SimSession *c, SimLane *l, QueryState state, uint64_t *counter)
{
    SchedEvent event = {.type = SCHED_EVENT_QUERY_END, .session = c->id};
    SimExecutor *e = executor_of(w, c);
    event.end.query = l->query;
    event.end.state = state;
    event.end.memory_peak_bytes = l->held + e->base;
    event.end.elapsed_usec = w->now - l->asked_at;
    if (c->leaks && e->base < l->held / 2)
        e->base = MIN(l->held / 2, e->current);
    finish(l, counter);
    c->idle_at = w->now;
    set_current(e, MIN(e->current, e->base + held_beside(c, NULL)));
    client_next(w, l);
    send(w, &event);
}

/* Also a second time, when berthd has been started again. */
void ask_memory(World *w, SimSession *c, SimLane *l)
{
    SchedEvent event = {.type = SCHED_EVENT_MEMORY_REQUEST, .session = c->id};
    l->requesting = true;
    l->requested_at = w->now;
    l->request_serial = event.request.serial = ++w->last_serial;
    event.request.query = l->query;
    event.request.total_bytes = executor_of(w, c)->base + held_beside(c, l) + l->wants;
    event.request.minimum_bytes = l->least;
    strcpy(event.request.operator_name, "hash join");
    send(w, &event);
}

void step_query(World *w, SimSession *c, SimLane *l, bool spilled)
{
    SimExecutor *e = executor_of(w, c);
    uint32_t number = l->number;
    if (e->stopping)
        return;
    if (e->current > e->high) {
        /* Throttled: tells again, and looks again a little later. */
        SchedEvent event = {.type = SCHED_EVENT_MEMORY_HIGH, .session = c->id};
        event.high.current_bytes = e->current;
        event.high.high_bytes = e->high;
        push(w, between(w, 10 * MSEC, 40 * MSEC), KIND_STEP, number, c->id, l->run, 0);
        send(w, &event);
        return;
    }
    if (l->step >= l->n_steps) {
        end_query(w, c, l, QUERY_STATE_DONE, &w->n_done);
        return;
    }
    uint64_t others = e->base + held_beside(c, l), own = l->peak / l->n_steps * (l->step + 1);
    if (spilled)
        own = MIN(own, c->grant > others ? c->grant - others : 0);
    if (others + own > c->grant && !l->sly && !spilled) {
        l->wants = own;
        l->least = others + (chance(w, 300) ? own : own / between(w, 2, 16));
        ask_memory(w, c, l);
        return;
    }
    l->step++;
    l->held = MAX(l->held, own);
    if (others + own > e->max) {
        w->n_oom++;
        set_current(e, e->max);
        die(w, e, SESSION_CAUSE_OOM);
        return;
    }
    set_current(e, MAX(e->current, others + own));
    if (chance(w, w->fault_permille)) {
        static const SessionCause causes[] = {SESSION_CAUSE_CRASH, SESSION_CAUSE_KILLED,
                                              SESSION_CAUSE_SECCOMP, SESSION_CAUSE_PROTOCOL};
        die(w, e, causes[rnd(w) % ARRAY_SIZE(causes)]);
        return;
    }
    push(w, e->current > e->high ? 3 * MSEC : l->step_usec, KIND_STEP, number, c->id, l->run, 0);
}

void client_think(World *w, SimSession *c, SimLane *l)
{
    if (l->state != SIM_NONE || c->executor == NOBODY || executor_of(w, c)->stopping)
        return; /* lost meanwhile: the retry thinks again */
    if (l->again || (c->n_left > 0 && !w->draining)) {
        ask_query(w, c, l);
        if (chance(w, 40) && c->open && l->state != SIM_NONE)
            push(w, skewed(w, 4 * USEC_PER_SEC), KIND_CANCEL, l->number, c->id, l->query, 0);
        return;
    }
    if (any_query(c))
        return; /* the last lane closes */
    for (uint32_t i = 0; i < LANES; i++)
        if (c->lanes[i].again)
            return;
    SchedEvent event = {.type = SCHED_EVENT_SESSION_CLOSED, .session = c->id};
    event.closed.cause = chance(w, 100) ? SESSION_CAUSE_ADMIN : SESSION_CAUSE_CLOSED;
    gone(w, c);
    send(w, &event);
}

void give_back(World *w, SimSession *c)
{
    SimExecutor *e = executor_of(w, c);
    /* Idle: all but what it leaks. Running: it spills half of what it has. */
    for (uint32_t i = 0; i < LANES; i++)
        c->lanes[i].held /= 2;
    uint64_t used = e->base + held_beside(c, NULL), keep = MAX(c->shrink_to, used);
    c->grant = MIN(c->grant, keep);
    c->shrink_to = 0;
    set_current(e, MIN(e->current, used));
    /* An answer may cross it on the way. */
    push(w, between(w, 10, 5 * MSEC), KIND_DELIVER, (uint32_t)(c - w->sessions), c->id, c->answered,
         c->grant);
}
