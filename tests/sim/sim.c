/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seeded simulation of a host under the scheduler, in virtual time: clients, executors, the
 * worker that writes limits, the kernel's reaction to them, CPUs that go offline, configuration
 * that changes. The world keeps its own books, so that what is checked is what would be in force,
 * not what the scheduler believes.
 *
 *     sim --seed N --events M [--trace]     one run; prints the hash of all actions
 *     sim --seeds FROM-TO --events M        many, each twice: the same seed must give the same hash
 * (D-11)
 *
 * After every event:
 *   - the sum of memory.max that may be in force is within the budget (D-1), never set below use
 * (D-2)
 *   - a grant is told only when the limits that carry it are in force (D-10)
 *   - all CPUs of all sessions are online, no slot without a CPU is leased
 *   - a query has at most one final state, and when the run has been drained exactly one (D-8)
 *   - one executor is placed once (D-7)
 *   - the scheduler's state agrees with itself (check.c), which holds the starvation bound
 * At the end all sessions have closed and only warm executors are left (D-12).
 */
#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scheduler/scheduler.h"
#include "tests/sim/check.h"
#include "tests/sim/names.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC USEC_PER_MSEC
#define SESSIONS_MAX 512u
#define EXECUTORS_MAX 2048u
#define LANES 3u /* queries that one client runs at a time, at most */
/* A client waits for nothing longer than this in virtual time, whatever happens around it. */
#define WAIT_BOUND_USEC (900 * USEC_PER_SEC)

static uint64_t current_seed;
static char repeat[96]; /* the line that on_fatal() writes */

/* Most invariants are asserted by the scheduler itself, which knows nothing of seeds. */
static void on_fatal(int sig)
{
    (void)!write(STDERR_FILENO, repeat, strlen(repeat));
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "seed %" PRIu64 ": %s:%d: %s\n", current_seed, __FILE__, __LINE__,     \
                    #cond);                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef enum Kind {
    KIND_OPEN,
    KIND_RETRY,
    KIND_THINK, /* the client's next step: a query, or the end */
    KIND_READY,
    KIND_STEP,    /* a running query goes on */
    KIND_WRITTEN, /* the worker has written a limit */
    KIND_ACK,
    KIND_EXIT,
    KIND_RETURN,
    KIND_CANCEL,
    KIND_FAIL,
    KIND_DELIVER, /* a MEMORY_RETURN reaches berthd */
    KIND_FAULT,
    KIND_TIMER,
} Kind;

typedef struct Pending {
    uint64_t at, order;
    Kind kind;
    uint32_t who;
    uint64_t a, b, c;
} Pending;

typedef struct SimExecutor {
    uint64_t id;
    bool alive, placed, stopping;
    uint64_t high, max;           /* in force */
    uint64_t next_high, next_max; /* being written */
    bool writing;
    uint64_t current, peak, base, spawned_at;
    uint32_t session; /* SESSIONS_MAX: none */
} SimExecutor;

typedef enum SimQueryState { SIM_NONE, SIM_ASKED, SIM_RUNNING } SimQueryState;

/* One query after the other. */
typedef struct SimLane {
    SimQueryState state;
    uint64_t query, serial, asked_at, run;
    uint64_t peak, held, fingerprint; /* of this query: needs, has by its own count */
    uint32_t n_steps, step;
    uint64_t step_usec;
    bool again; /* the query was lost and will be run again */
    bool requesting, sly;
    uint64_t request_serial, requested_at;
} SimLane;

typedef struct SimSession {
    bool open;
    uint64_t id;
    uint32_t tenant, profile, mode, executor; /* EXECUTORS_MAX: none */
    uint32_t n_left;                          /* queries still to run */
    uint32_t n_lanes;
    SimLane lanes[LANES];
    bool leaks;
    uint64_t grant, shrink_to, opened_at, answered;
} SimSession;

typedef struct World {
    uint64_t rng, now, order, hash, last_session, last_serial, last_query;
    Sched *sched;
    SchedConfig config;
    SchedTopology topology;
    SchedCpus online;
    Pending *heap;
    size_t n_heap, heap_size;
    SimExecutor executors[EXECUTORS_MAX];
    SimSession sessions[SESSIONS_MAX];
    uint32_t n_sessions, n_tenants, fault_permille, spawn_fault_permille;
    uint64_t spawn_usec_max;
    uint64_t n_events, n_queries, n_done, n_failed, n_refused, n_lost, n_cancelled, n_oom, n_raised,
        n_restarts;
    uint64_t n_granted, n_rescued, wait_max, timer_at, view_changed_at;
    bool draining, trace, budget_lowered;
    uint64_t sum_before;
} World;

static uint64_t rnd(World *w)
{
    uint64_t z = (w->rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t between(World *w, uint64_t low, uint64_t high)
{
    return low + rnd(w) % (high - low + 1);
}

static bool chance(World *w, uint32_t permille)
{
    return rnd(w) % 1000 < permille;
}

/* Mostly small, sometimes very large. */
static uint64_t skewed(World *w, uint64_t most)
{
    uint64_t v = most >> between(w, 0, 8);
    return between(w, v / 2, v);
}

static bool earlier(const Pending *a, const Pending *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(World *w, uint64_t delay, Kind kind, uint32_t who, uint64_t a, uint64_t b,
                 uint64_t c)
{
    if (w->n_heap == w->heap_size) {
        w->heap_size = w->heap_size ? 2 * w->heap_size : 1024;
        w->heap = realloc(w->heap, w->heap_size * sizeof(*w->heap));
        assert(w->heap);
    }
    size_t i = w->n_heap++;
    Pending p = {.at = w->now + delay,
                 .order = ++w->order,
                 .kind = kind,
                 .who = who,
                 .a = a,
                 .b = b,
                 .c = c};
    for (; i > 0 && earlier(&p, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = p;
}

static Pending pop(World *w)
{
    Pending top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < w->n_heap) {
        if (child + 1 < w->n_heap && earlier(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!earlier(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static void hash_bytes(World *w, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w->hash = (w->hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
}

static SimExecutor *executor_of(World *w, const SimSession *c)
{
    return c->executor == EXECUTORS_MAX ? NULL : &w->executors[c->executor];
}

static uint32_t find_executor(World *w, uint64_t id)
{
    for (uint32_t i = 0; i < EXECUTORS_MAX; i++)
        if (w->executors[i].alive && w->executors[i].id == id)
            return i;
    return EXECUTORS_MAX;
}

static uint32_t find_session(World *w, uint64_t id)
{
    for (uint32_t i = 0; i < w->n_sessions; i++)
        if (w->sessions[i].open && w->sessions[i].id == id)
            return i;
    return SESSIONS_MAX;
}

static SimSession *session_of(World *w, const SimLane *l)
{
    for (uint32_t i = 0; i < w->n_sessions; i++)
        if (l >= w->sessions[i].lanes && l < w->sessions[i].lanes + LANES)
            return &w->sessions[i];
    abort();
}

static uint32_t lane_number(World *w, const SimLane *l)
{
    SimSession *c = session_of(w, l);
    return (uint32_t)(c - w->sessions) * LANES + (uint32_t)(l - c->lanes);
}

static SimLane *lane_of_query(SimSession *c, uint64_t query)
{
    for (uint32_t i = 0; i < LANES; i++)
        if (c->lanes[i].state != SIM_NONE && c->lanes[i].query == query)
            return &c->lanes[i];
    return NULL;
}

static SimLane *lane_of_request(SimSession *c, uint64_t serial)
{
    for (uint32_t i = 0; i < LANES; i++)
        if (c->lanes[i].requesting && c->lanes[i].request_serial == serial)
            return &c->lanes[i];
    return NULL;
}

/* By its own count: what all lanes have, but one. */
static uint64_t held_beside(const SimSession *c, const SimLane *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LANES; i++)
        if (&c->lanes[i] != l && c->lanes[i].state == SIM_RUNNING)
            sum += c->lanes[i].held;
    return sum;
}

static bool any_query(const SimSession *c)
{
    for (uint32_t i = 0; i < LANES; i++)
        if (c->lanes[i].state != SIM_NONE)
            return true;
    return false;
}

/* A final state: once per query. */
static void finish(SimLane *l, uint64_t *counter)
{
    CHECK(l->state != SIM_NONE);
    l->state = SIM_NONE;
    l->requesting = false;
    l->held = 0;
    l->run++; /* steps under way are about the past */
    (*counter)++;
}

static void client_next(World *w, SimLane *l)
{
    push(w, between(w, MSEC, 3 * USEC_PER_SEC), KIND_THINK, lane_number(w, l), session_of(w, l)->id,
         0, 0);
}

static void send(World *w, SchedEvent *event);

/* The leaf is gone: the kernel or somebody ended everything in it. */
static void die(World *w, SimExecutor *e, SessionCause cause)
{
    if (e->stopping)
        return;
    e->stopping = true;
    push(w, between(w, MSEC, 300 * MSEC), KIND_EXIT, (uint32_t)(e - w->executors), e->id, cause,
         e->peak);
}

/* The client comes again later with a new session. */
static void gone(World *w, SimSession *c)
{
    c->open = false;
    c->executor = EXECUTORS_MAX;
    push(w, between(w, MSEC, 20 * USEC_PER_SEC), KIND_OPEN, (uint32_t)(c - w->sessions), 0, 0, 0);
}

static void set_current(World *w, SimExecutor *e, uint64_t bytes)
{
    e->current = bytes;
    e->peak = MAX(e->peak, bytes);
}

static void do_action(World *w, const SchedAction *a)
{
    uint32_t ci = a->session ? find_session(w, a->session) : SESSIONS_MAX;
    uint32_t ei = a->executor ? find_executor(w, a->executor) : EXECUTORS_MAX;
    SimSession *c = ci < SESSIONS_MAX ? &w->sessions[ci] : NULL;
    SimExecutor *e = ei < EXECUTORS_MAX ? &w->executors[ei] : NULL;
    SimLane *l = c ? lane_of_query(c, a->query) : NULL;
    uint64_t high, max;

    hash_bytes(w, a, sizeof(*a));
    if (w->trace)
        printf("%12" PRIu64 " %-14s s%" PRIu64 " e%" PRIu64 " q%" PRIu64 " grant=%" PRIu64
               "M max=%" PRIu64 "M node=%u slots=%u %s\n",
               w->now, action_name(a->type), a->session, a->executor, a->query,
               a->grant_bytes / MIB, a->max_bytes / MIB, a->node, a->n_slots, a->reason);
    switch (a->type) {
    case SCHED_ACTION_SPAWN:
        CHECK(!e);
        for (ei = 0; w->executors[ei].alive; ei++)
            CHECK(ei + 1 < EXECUTORS_MAX);
        w->executors[ei] = (SimExecutor){.id = a->executor,
                                         .alive = true,
                                         .high = a->high_bytes,
                                         .max = a->max_bytes,
                                         .session = SESSIONS_MAX,
                                         .spawned_at = w->now,
                                         .current = 8 * MIB,
                                         .base = 8 * MIB};
        if (chance(w, w->draining ? 0 : w->spawn_fault_permille))
            die(w, &w->executors[ei], SESSION_CAUSE_SPAWN);
        else
            push(w, between(w, 5 * MSEC, w->spawn_usec_max), KIND_READY, ei, a->executor, 0, 0);
        break;
    case SCHED_ACTION_STOP:
        CHECK(e);
        die(w, e, (SessionCause)a->cause);
        break;
    case SCHED_ACTION_PLACE:
        CHECK(c && e && !e->placed && !e->stopping); /* D-7 */
        CHECK(e->max == a->max_bytes && e->high == a->high_bytes);
        /* Who comes after a change of the view does not get an executor from before it. */
        CHECK(e->spawned_at >= w->view_changed_at || c->opened_at <= w->view_changed_at);
        e->placed = true;
        e->session = ci;
        c->executor = ei;
        c->grant = a->grant_bytes;
        CHECK(w->now - c->opened_at <= w->config.open_wait_usec + 2 * USEC_PER_SEC);
        for (uint32_t i = 0; i < c->n_lanes; i++)
            client_next(w, &c->lanes[i]);
        break;
    case SCHED_ACTION_MOVE:
        CHECK(c && e);
        CHECK(a->mems != 0 && sched_cpus_count(&a->cpus) > 0);
        for (unsigned i = 0; i < SCHED_CPU_WORDS; i++)
            CHECK((a->cpus.bits[i] & ~w->online.bits[i]) == 0);
        break;
    case SCHED_ACTION_RESIZE:
        CHECK(e && !e->writing);
        /* Never below what the executor may use by what it was told (D-2). */
        sched_limits(c ? c->grant : 0, &high, &max);
        CHECK(a->max_bytes >= MIN(max, e->max));
        e->writing = true;
        e->next_high = a->high_bytes;
        e->next_max = a->max_bytes;
        w->n_raised += a->max_bytes > e->max;
        push(w, chance(w, 5) ? between(w, 100 * MSEC, USEC_PER_SEC) : between(w, 20, 2 * MSEC),
             KIND_WRITTEN, ei, a->executor, a->serial, chance(w, w->fault_permille / 4));
        break;
    case SCHED_ACTION_GRANT:
        CHECK(l && e && l->state == SIM_ASKED && l->serial == a->serial);
        CHECK(a->n_threads >= 1);
        sched_limits(a->grant_bytes, &high, &max);
        CHECK(max <= e->max); /* raised before told */
        l->state = SIM_RUNNING;
        c->grant = a->grant_bytes;
        c->answered = a->serial;
        w->n_granted++;
        w->wait_max = MAX(w->wait_max, w->now - l->asked_at);
        push(w, l->step_usec, KIND_STEP, lane_number(w, l), c->id, l->run, 0);
        break;
    case SCHED_ACTION_QUEUE:
        CHECK(l && l->state == SIM_ASKED && a->position >= 1 && a->reason[0]);
        break;
    case SCHED_ACTION_REFUSE_QUERY:
        CHECK(l && l->state == SIM_ASKED && l->serial == a->serial && a->reason[0]);
        c->answered = a->serial;
        finish(l, &w->n_refused);
        client_next(w, l);
        break;
    case SCHED_ACTION_REFUSE_SESSION:
        CHECK(c && a->reason[0]);
        CHECK(!any_query(c));
        gone(w, c);
        break;
    case SCHED_ACTION_MEMORY_REPLY:
        l = c ? lane_of_request(c, a->serial) : NULL;
        CHECK(l && e);
        sched_limits(a->grant_bytes, &high, &max);
        CHECK(max <= e->max || a->grant_bytes <= c->grant);
        w->wait_max = MAX(w->wait_max, w->now - l->requested_at);
        l->requesting = false;
        c->grant = a->grant_bytes;
        c->answered = a->serial;
        if (a->verdict == MEMORY_VERDICT_REFUSED) {
            CHECK(strstr(a->reason, "operator"));
            push(w, 1, KIND_FAIL, lane_number(w, l), c->id, l->run, 0);
            break;
        }
        push(w, 1, KIND_STEP, lane_number(w, l), c->id, l->run,
             a->verdict == MEMORY_VERDICT_PARTLY);
        break;
    case SCHED_ACTION_SHRINK:
        CHECK(c && e);
        CHECK(a->grant_bytes >= w->config.floor_bytes || w->budget_lowered);
        c->shrink_to = a->grant_bytes;
        push(w, between(w, 50, 20 * MSEC), KIND_RETURN, ci, c->id, 0, 0);
        break;
    case SCHED_ACTION_LOST:
        CHECK(c && a->reason[0]);
        c->executor = EXECUTORS_MAX;
        c->grant = c->shrink_to = c->answered = 0;
        for (uint32_t i = 0; i < LANES; i++) {
            l = &c->lanes[i];
            l->run++;
            if (l->state == SIM_NONE)
                continue;
            finish(l, &w->n_lost);
            l->again = a->may_retry;
        }
        if (a->may_retry) {
            w->n_restarts++;
            c->opened_at = w->now;
            push(w, between(w, MSEC, 10 * MSEC), KIND_RETRY, ci, c->id, 0, 0);
        } else {
            gone(w, c);
        }
        break;
    case SCHED_ACTION_NOTICE:
        CHECK(a->reason[0]);
        break;
    default:
        CHECK(false);
    }
}

static void check_world(World *w)
{
    uint64_t sum = 0, budget = w->config.memory_budget_bytes;
    for (uint32_t i = 0; i < EXECUTORS_MAX; i++) {
        const SimExecutor *e = &w->executors[i];
        if (e->alive)
            sum += e->writing ? MAX(e->max, e->next_max) : e->max;
    }
    if (sum <= budget)
        w->budget_lowered = false;
    CHECK(sum <= budget || (w->budget_lowered && sum <= w->sum_before)); /* D-1 */
    w->sum_before = sum;
    SchedSlotInfo slot;
    for (size_t i = 0; sched_each_slot(w->sched, &i, &slot);) {
        bool online = false;
        for (unsigned k = 0; k < SCHED_CPU_WORDS; k++)
            online = online || (slot.cpus.bits[k] & w->online.bits[k]);
        CHECK(slot.session == 0 || online);
    }
    check_sched(w->sched);
}

static void send(World *w, SchedEvent *event)
{
    SchedAction a;
    event->now_usec = w->now;
    w->n_events++;
    if (w->trace)
        printf("%12" PRIu64 " > %s s%" PRIu64 "\n", w->now, event_name(event->type),
               event->session);
    sched_event(w->sched, event);
    while (sched_next_action(w->sched, &a))
        do_action(w, &a);
    check_world(w);
    uint64_t next = sched_next_timer(w->sched);
    if (next != SCHED_NEVER && (next < w->timer_at || w->timer_at <= w->now)) {
        w->timer_at = next;
        push(w, next > w->now ? next - w->now : 1, KIND_TIMER, 0, next, 0, 0);
    }
}

static void ask_query(World *w, SimSession *c, SimLane *l)
{
    SchedEvent event = {.type = SCHED_EVENT_QUERY_ESTIMATE, .session = c->id};
    if (!l->again) {
        uint64_t budget = w->config.memory_budget_bytes;
        c->n_left--;
        l->peak = chance(w, 30) ? between(w, budget / 2, budget) : skewed(w, budget / 8);
        l->n_steps = (uint32_t)between(w, 1, 10);
        l->step_usec = skewed(w, 2 * USEC_PER_SEC) + 10;
        l->fingerprint = chance(w, 700) ? between(w, 1, 40) : 0;
        l->sly = chance(w, 150);
    }
    l->again = false;
    l->query = ++w->last_query;
    l->serial = ++w->last_serial;
    l->state = SIM_ASKED;
    l->asked_at = w->now;
    l->step = 0;
    l->held = 0;
    l->run++;
    w->n_queries++;
    event.estimate.query = l->query;
    event.estimate.serial = l->serial;
    /* Often wrong, up to eight times either way, sometimes absurd. */
    event.estimate.memory_peak_bytes =
        chance(w, 10) ? UINT64_MAX : (l->peak << between(w, 0, 3)) >> between(w, 0, 3);
    event.estimate.memory_useful_bytes = chance(w, 10) ? UINT64_MAX : skewed(w, 4 * 1024 * MIB);
    event.estimate.scan_bytes = skewed(w, 64 * 1024 * MIB);
    event.estimate.parallelism = (uint32_t)between(w, 0, 64);
    event.estimate.fingerprint = l->fingerprint;
    event.estimate.profile = (uint32_t)between(w, 0, 2);
    send(w, &event);
}

static void end_query(World *w, SimSession *c, SimLane *l, QueryState state, uint64_t *counter)
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
    set_current(w, e, MIN(e->current, e->base + held_beside(c, NULL)));
    client_next(w, l);
    send(w, &event);
}

static void step_query(World *w, SimSession *c, SimLane *l, bool spilled)
{
    SimExecutor *e = executor_of(w, c);
    uint32_t number = lane_number(w, l);
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
        SchedEvent event = {.type = SCHED_EVENT_MEMORY_REQUEST, .session = c->id};
        l->requesting = true;
        l->requested_at = w->now;
        l->request_serial = event.request.serial = ++w->last_serial;
        event.request.query = l->query;
        event.request.total_bytes = others + own;
        event.request.minimum_bytes = others + (chance(w, 300) ? own : own / between(w, 2, 16));
        strcpy(event.request.operator_name, "hash join");
        send(w, &event);
        return;
    }
    l->step++;
    l->held = MAX(l->held, own);
    if (others + own > e->max) {
        w->n_oom++;
        set_current(w, e, e->max);
        die(w, e, SESSION_CAUSE_OOM);
        return;
    }
    set_current(w, e, MAX(e->current, others + own));
    if (chance(w, w->fault_permille)) {
        static const SessionCause causes[] = {SESSION_CAUSE_CRASH, SESSION_CAUSE_KILLED,
                                              SESSION_CAUSE_SECCOMP, SESSION_CAUSE_PROTOCOL};
        die(w, e, causes[rnd(w) % ARRAY_SIZE(causes)]);
        return;
    }
    push(w, e->current > e->high ? 3 * MSEC : l->step_usec, KIND_STEP, number, c->id, l->run, 0);
}

static void client_think(World *w, SimSession *c, SimLane *l)
{
    if (l->state != SIM_NONE || c->executor == EXECUTORS_MAX || executor_of(w, c)->stopping)
        return; /* lost meanwhile: the retry thinks again */
    if (l->again || (c->n_left > 0 && !w->draining)) {
        ask_query(w, c, l);
        if (chance(w, 40) && c->open && l->state != SIM_NONE)
            push(w, skewed(w, 4 * USEC_PER_SEC), KIND_CANCEL, lane_number(w, l), c->id, l->query,
                 0);
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

static void give_back(World *w, SimSession *c)
{
    SimExecutor *e = executor_of(w, c);
    /* Idle: all but what it leaks. Running: it spills half of what it has. */
    for (uint32_t i = 0; i < LANES; i++)
        c->lanes[i].held /= 2;
    uint64_t used = e->base + held_beside(c, NULL), keep = MAX(c->shrink_to, used);
    c->grant = MIN(c->grant, keep);
    c->shrink_to = 0;
    set_current(w, e, MIN(e->current, used));
    /* An answer may cross it on the way. */
    push(w, between(w, 10, 5 * MSEC), KIND_DELIVER, (uint32_t)(c - w->sessions), c->id, c->answered,
         c->grant);
}

static void limit_written(World *w, SimExecutor *e, const Pending *p)
{
    if (!p->c) { /* otherwise the write failed and the old limits stay */
        if (e->next_max < e->max) {
            /* D-2: the writer lowers high, lets the kernel reclaim, and stops above what is in use.
             */
            uint64_t least_max = MIN(e->current + 16 * MIB, e->max);
            uint64_t least_high = MIN(e->current + 8 * MIB, e->high);
            e->next_max = MAX(e->next_max, least_max);
            e->next_high = MAX(e->next_high, least_high);
            e->next_high = MIN(e->next_high, e->next_max);
        }
        CHECK(e->next_max >= MIN(e->current, e->max));
        e->max = e->next_max;
        e->high = e->next_high;
    } else {
        /* What was asked counts until the answer has come, whatever became of it. */
        e->next_max = MAX(e->next_max, e->max);
    }
    push(w, between(w, 5, MSEC), KIND_ACK, p->who, p->a, p->b, 0);
}

static void fault(World *w)
{
    SchedEvent event = {0};
    uint64_t what = rnd(w) % 7;
    if (!w->draining)
        push(w, between(w, 100 * MSEC, 20 * USEC_PER_SEC), KIND_FAULT, 0, 0, 0, 0);
    if (what == 0 && !w->draining) {
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

static void happen(World *w, const Pending *p)
{
    SchedEvent event = {.session = p->a};
    bool lane = p->kind == KIND_THINK || p->kind == KIND_STEP || p->kind == KIND_CANCEL ||
                p->kind == KIND_FAIL;
    uint32_t number = lane ? p->who / LANES : p->who;
    SimSession *c = &w->sessions[number < SESSIONS_MAX ? number : 0];
    SimLane *l = &c->lanes[lane ? p->who % LANES : 0];
    SimExecutor *e = &w->executors[lane ? 0 : p->who];
    bool current = c->open && c->id == p->a;
    switch (p->kind) {
    case KIND_OPEN:
        if (c->open)
            break;
        c->open = true;
        c->n_lanes = chance(w, 300) ? LANES : 1;
        for (uint32_t i = 0; i < LANES; i++)
            c->lanes[i] = (SimLane){.run = c->lanes[i].run + 1};
        c->grant = c->shrink_to = c->answered = 0;
        c->n_left = (uint32_t)between(w, 1, 20);
        c->executor = EXECUTORS_MAX;
        c->id = event.session = ++w->last_session;
        c->opened_at = w->now;
        event.type = SCHED_EVENT_SESSION_OPENED;
        event.opened.tenant = 1000 + c->tenant;
        event.opened.profile = c->profile;
        event.opened.mode = c->mode;
        send(w, &event);
        break;
    case KIND_RETRY:
        event.type = chance(w, 50) ? SCHED_EVENT_SESSION_CLOSED : SCHED_EVENT_SESSION_RETRY;
        if (!current)
            break;
        c->opened_at = w->now;
        if (event.type == SCHED_EVENT_SESSION_CLOSED)
            gone(w, c);
        send(w, &event);
        break;
    case KIND_THINK:
        if (current)
            client_think(w, c, l);
        break;
    case KIND_READY:
        event = (SchedEvent){.type = SCHED_EVENT_EXECUTOR_READY};
        event.ready.executor = p->a;
        if (e->alive && e->id == p->a && !e->stopping)
            send(w, &event);
        break;
    case KIND_STEP:
        if (current && l->run == p->b && l->state == SIM_RUNNING && !l->requesting)
            step_query(w, c, l, p->c);
        break;
    case KIND_WRITTEN:
        if (e->alive && e->id == p->a)
            limit_written(w, e, p);
        break;
    case KIND_ACK:
        if (!e->alive || e->id != p->a)
            break;
        e->writing = false;
        event = (SchedEvent){.type = SCHED_EVENT_RESIZED};
        event.resized.executor = p->a;
        event.resized.serial = p->b;
        event.resized.high_bytes = e->high;
        event.resized.max_bytes = e->max;
        event.resized.current_bytes = e->current;
        send(w, &event);
        break;
    case KIND_EXIT:
        e->alive = false;
        event = (SchedEvent){.type = SCHED_EVENT_EXECUTOR_EXIT};
        event.exit.executor = p->a;
        event.exit.cause = (uint32_t)p->b;
        event.exit.peak_bytes = p->c;
        send(w, &event);
        break;
    case KIND_RETURN:
        if (current && c->executor != EXECUTORS_MAX && !executor_of(w, c)->stopping && c->shrink_to)
            give_back(w, c);
        break;
    case KIND_DELIVER:
        event.type = SCHED_EVENT_MEMORY_RETURN;
        event.returned.serial = p->b;
        event.returned.total_bytes = p->c;
        if (current)
            send(w, &event);
        break;
    case KIND_CANCEL:
        if (current && c->executor != EXECUTORS_MAX && !executor_of(w, c)->stopping &&
            l->state != SIM_NONE && l->query == p->b && !l->requesting)
            end_query(w, c, l, QUERY_STATE_CANCELLED, &w->n_cancelled);
        break;
    case KIND_FAIL:
        if (current && l->run == p->b && l->state == SIM_RUNNING && !executor_of(w, c)->stopping)
            end_query(w, c, l, QUERY_STATE_FAILED, &w->n_failed);
        break;
    case KIND_FAULT:
        fault(w);
        break;
    case KIND_TIMER:
        if (p->a == w->timer_at) {
            event = (SchedEvent){.type = SCHED_EVENT_TIMER};
            w->timer_at = w->now;
            send(w, &event);
        }
        break;
    }
}

static void make_topology(World *w, bool large)
{
    SchedTopology *t = &w->topology;
    uint32_t n_nodes = (uint32_t)between(w, 1, large ? 8 : 3), cpu = 0;
    for (uint32_t n = 0; n < n_nodes; n++) {
        uint32_t number = n * (uint32_t)between(w, 1, 3) % SCHED_NODES_MAX;
        while (t->nodes[number].present)
            number++;
        SchedNode *node = &t->nodes[number];
        node->present = true;
        node->memory_bytes =
            n > 0 && chance(w, 60) ? 0 : between(w, 2, large ? 256 : 16) * 1024 * MIB;
        uint32_t n_cpus = (uint32_t)between(w, n == 0, large ? 128 : 8); /* some have memory only */
        for (uint32_t i = 0; i < n_cpus; i++, cpu++) {
            sched_cpus_add(&node->cpus, cpu);
            if (cpu == 0 || !chance(w, 50))
                sched_cpus_add(&t->online, cpu);
        }
        t->n_nodes++;
    }
    w->online = t->online;
}

static void make_config(World *w, bool large)
{
    uint64_t memory = 0;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        memory += w->topology.nodes[n].memory_bytes;
    SchedConfig c = sched_config_default(memory);
    char reason[128];
    c.sessions_max = (uint32_t)between(w, 2, large ? 300 : 40);
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
    CHECK(sched_config_check(&c, reason, sizeof(reason)) == 0);
    w->config = c;
}

static void make_clients(World *w, bool large)
{
    w->n_sessions = (uint32_t)between(w, 2, large ? 400 : 50);
    w->n_tenants = (uint32_t)between(w, 1, 20);
    w->fault_permille = (uint32_t)between(w, 0, 25);
    w->spawn_fault_permille = chance(w, 100) ? 600 : w->fault_permille;
    w->spawn_usec_max = chance(w, 50) ? 60 * USEC_PER_SEC : 50 * MSEC;
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        SimSession *c = &w->sessions[i];
        c->tenant = (uint32_t)(rnd(w) % w->n_tenants);
        c->profile = (uint32_t)(chance(w, 600) ? 0 : between(w, 1, 2));
        c->mode = chance(w, 200);
        c->leaks = chance(w, 50);
        push(w, between(w, 0, 20 * USEC_PER_SEC), KIND_OPEN, i, 0, 0, 0);
    }
    push(w, between(w, 0, 5 * USEC_PER_SEC), KIND_FAULT, 0, 0, 0, 0);
}

static bool any_open(const World *w)
{
    for (uint32_t i = 0; i < w->n_sessions; i++)
        if (w->sessions[i].open)
            return true;
    return false;
}

/* No more queries, no more faults: everything that was begun must come to its end. */
static void drain(World *w)
{
    SchedEvent calm = {.type = SCHED_EVENT_PSI};
    uint64_t deadline = w->now + 20000 * USEC_PER_SEC;
    w->draining = true;
    send(w, &calm);
    while (w->n_heap > 0 && (any_open(w) || w->now < deadline - 19000 * USEC_PER_SEC)) {
        Pending p = pop(w);
        CHECK(p.at < deadline);
        w->now = p.at;
        if (p.kind != KIND_OPEN)
            happen(w, &p);
    }
    CHECK(!any_open(w));
    CHECK(w->n_queries ==
          w->n_done + w->n_failed + w->n_refused + w->n_lost + w->n_cancelled); /* D-8 */
    SchedTotals t;
    sched_totals(w->sched, &t);
    CHECK(t.n_sessions == 0 && t.n_running == 0 && t.n_queued == 0 &&
          t.n_executors <= w->config.n_warm);
    uint64_t high, max;
    sched_limits(w->config.floor_bytes, &high, &max);
    CHECK(t.committed_bytes == t.n_executors * max);
}

static uint64_t run(uint64_t seed, uint64_t n_events, bool trace, bool verbose)
{
    World *w = calloc(1, sizeof(*w));
    assert(w);
    current_seed = seed;
    (void)snprintf(repeat, sizeof(repeat),
                   "failed; to see it again: sim --seed %" PRIu64 " --events %" PRIu64 " --trace\n",
                   seed, n_events);
    w->rng = seed * UINT64_C(0xd1342543de82ef95) + 1;
    w->hash = UINT64_C(0xcbf29ce484222325);
    w->trace = trace;
    bool large = chance(w, 60);
    make_topology(w, large);
    make_config(w, large);
    CHECK(sched_new(&w->config, &w->topology, &w->sched) == 0);
    make_clients(w, large);
    while (w->n_heap > 0 && w->n_events < n_events) {
        Pending p = pop(w);
        w->now = p.at;
        happen(w, &p);
    }
    drain(w);
    CHECK(w->wait_max <= WAIT_BOUND_USEC);
    if (verbose)
        printf("seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
               " s, %u sessions, %" PRIu64 " queries: %" PRIu64 " done, %" PRIu64
               " failed, %" PRIu64 " refused, %" PRIu64 " lost, %" PRIu64 " cancelled; %" PRIu64
               " raises, %" PRIu64 " oom kills, %" PRIu64 " restarts; longest wait %" PRIu64
               " ms\n",
               seed, w->hash, w->n_events, w->now / USEC_PER_SEC, w->n_sessions, w->n_queries,
               w->n_done, w->n_failed, w->n_refused, w->n_lost, w->n_cancelled, w->n_raised,
               w->n_oom, w->n_restarts, w->wait_max / MSEC);
    uint64_t hash = w->hash;
    (void)sched_free(w->sched);
    free(w->heap);
    free(w);
    return hash;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 1, n_events = 2000;
    bool trace = false, many = false;
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'm'},
        {"events", required_argument, NULL, 'e'},
        {"trace", no_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    (void)signal(SIGABRT, on_fatal);
    (void)signal(SIGSEGV, on_fatal);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 's') {
            from = to = strtoull(optarg, NULL, 10);
        } else if (c == 'm') {
            many = true;
            if (sscanf(optarg, "%" SCNu64 "-%" SCNu64, &from, &to) != 2)
                return 2;
        } else if (c == 'e') {
            n_events = strtoull(optarg, NULL, 10);
        } else if (c == 't') {
            trace = true;
        } else {
            fprintf(stderr, "usage: sim [--seed N | --seeds FROM-TO] [--events M] [--trace]\n");
            return 2;
        }
    }
    for (uint64_t seed = from; seed <= to; seed++) {
        uint64_t hash = run(seed, n_events, trace, !many);
        if (many && run(seed, n_events, false, false) != hash) {
            fprintf(stderr, "seed %" PRIu64 ": two runs gave different actions\n", seed);
            return 1;
        }
    }
    if (many)
        printf("%" PRIu64 " seeds, each twice, %" PRIu64
               " events and the drain: all invariants held\n",
               to - from + 1, n_events);
    return 0;
}
