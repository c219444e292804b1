/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, time, and the host that does what the scheduler says. */
#include "tests/sim/world.h"

#include <assert.h>
#include <string.h>

#include "tests/sim/names.h"

uint64_t rnd(World *w)
{
    uint64_t z = (w->rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t between(World *w, uint64_t low, uint64_t high)
{
    return low + rnd(w) % (high - low + 1);
}

bool chance(World *w, uint32_t permille)
{
    return rnd(w) % 1000 < permille;
}

/* Mostly small, sometimes very large. */
uint64_t skewed(World *w, uint64_t most)
{
    uint64_t v = most >> between(w, 0, 8);
    return between(w, v / 2, v);
}

static bool earlier(const Pending *a, const Pending *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void push(World *w, uint64_t delay, Kind kind, uint32_t who, uint64_t a, uint64_t b, uint64_t c)
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

Pending pop(World *w)
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

SimExecutor *executor_of(World *w, const SimSession *c)
{
    return c->executor == NOBODY ? NULL : &w->executors[c->executor];
}

static uint32_t find_executor(World *w, uint64_t id)
{
    return lookup_get(&w->executor_ids, id);
}

/* The low bits of an id say which client it is. */
static uint32_t find_session(World *w, uint64_t id)
{
    uint32_t i = (uint32_t)(id & 0xffff);
    return i < w->n_sessions && w->sessions[i].open && w->sessions[i].id == id ? i : NOBODY;
}

SimSession *session_of(World *w, const SimLane *l)
{
    return &w->sessions[l->number / LANES];
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
uint64_t held_beside(const SimSession *c, const SimLane *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LANES; i++)
        if (&c->lanes[i] != l && c->lanes[i].state == SIM_RUNNING)
            sum += c->lanes[i].held;
    return sum;
}

bool any_query(const SimSession *c)
{
    for (uint32_t i = 0; i < LANES; i++)
        if (c->lanes[i].state != SIM_NONE)
            return true;
    return false;
}

/* A final state: once per query. */
void finish(SimLane *l, uint64_t *counter)
{
    CHECK(l->state != SIM_NONE);
    l->state = SIM_NONE;
    l->requesting = false;
    l->held = 0;
    l->run++; /* steps under way are about the past */
    (*counter)++;
}

uint64_t committed(const SimExecutor *e)
{
    return e->writing ? MAX(e->max, e->next_max) : e->max;
}

void recount(World *w, const SimExecutor *e, uint64_t before)
{
    w->sum += committed(e) - before;
}

/* The leaf is gone: the kernel or somebody ended everything in it. */
void die(World *w, SimExecutor *e, SessionCause cause)
{
    if (e->stopping)
        return;
    e->stopping = true;
    push(w, between(w, MSEC, 300 * MSEC), KIND_EXIT, (uint32_t)(e - w->executors), e->id, cause,
         e->peak);
}

void bury(World *w, SimExecutor *e)
{
    w->sum -= committed(e);
    lookup_remove(&w->executor_ids, e->id);
    e->alive = false;
}

void gone(World *w, SimSession *c)
{
    c->open = false;
    w->n_open--;
    c->executor = NOBODY;
    push(w, between(w, MSEC, 20 * USEC_PER_SEC), KIND_OPEN, (uint32_t)(c - w->sessions), 0, 0, 0);
}

void set_current(SimExecutor *e, uint64_t bytes)
{
    e->current = bytes;
    e->peak = MAX(e->peak, bytes);
}

static void do_action(World *w, const SchedAction *a)
{
    uint32_t ci = a->session ? find_session(w, a->session) : NOBODY;
    uint32_t ei = a->executor ? find_executor(w, a->executor) : NOBODY;
    SimSession *c = ci != NOBODY ? &w->sessions[ci] : NULL;
    SimExecutor *e = ei != NOBODY ? &w->executors[ei] : NULL;
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
            CHECK(ei + 1 < w->n_executors_max);
        w->n_used = MAX(w->n_used, ei + 1);
        lookup_put(&w->executor_ids, a->executor, ei);
        w->executors[ei] = (SimExecutor){.id = a->executor,
                                         .alive = true,
                                         .high = a->high_bytes,
                                         .max = a->max_bytes,
                                         .session = NOBODY,
                                         .spawned_at = w->now,
                                         .current = 8 * MIB,
                                         .base = 8 * MIB};
        recount(w, &w->executors[ei], 0);
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
        c->idle_at = w->now;
        c->spilled = 0;
        w->tenants[c->tenant].sum_before += a->max_bytes; /* it has been on the account before */
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
        uint64_t before = committed(e);
        e->writing = true;
        e->next_high = a->high_bytes;
        e->next_max = a->max_bytes;
        recount(w, e, before);
        w->n_raised += a->max_bytes > e->max;
        w->raised_other = w->raised_other || (a->max_bytes > e->max && c && c != w->asking);
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
        push(w, l->step_usec, KIND_STEP, l->number, c->id, l->run, 0);
        break;
    case SCHED_ACTION_QUEUE:
        CHECK(l && l->state == SIM_ASKED && a->position >= 1 && a->reason[0]);
        break;
    case SCHED_ACTION_REFUSE_QUERY:
        CHECK(l && l->state == SIM_ASKED && l->serial == a->serial && a->reason[0]);
        c->answered = a->serial;
        c->idle_at = w->now;
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
            push(w, 1, KIND_FAIL, l->number, c->id, l->run, 0);
            break;
        }
        push(w, 1, KIND_STEP, l->number, c->id, l->run, a->verdict == MEMORY_VERDICT_PARTLY);
        break;
    case SCHED_ACTION_SHRINK:
        CHECK(c && e);
        CHECK(a->grant_bytes >= w->config.floor_bytes || w->budget_lowered);
        c->shrink_to = a->grant_bytes;
        push(w, between(w, 50, 20 * MSEC), KIND_RETURN, ci, c->id, 0, 0);
        break;
    case SCHED_ACTION_LOST:
        CHECK(c && a->reason[0]);
        c->executor = NOBODY;
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
            c->generation++;
            c->opened_at = w->now;
            push(w, between(w, MSEC, 10 * MSEC), KIND_RETRY, ci, c->id, 0, 0);
        } else {
            gone(w, c);
        }
        break;
    case SCHED_ACTION_CANCEL:
        CHECK(l && l->state == SIM_RUNNING && a->reason[0]);
        if (!strstr(a->reason, "spilled")) {
            uint64_t timeout = w->config.statement_timeout_usec;
            w->n_timed_out++;
            CHECK(timeout && w->now - l->asked_at >= timeout);
            CHECK(l->warned || timeout <= w->config.warn_usec);
        }
        if (!l->stubborn)
            push(w, between(w, MSEC, 300 * MSEC), KIND_OBEY, l->number, c->id, l->query, 0);
        break;
    case SCHED_ACTION_DRAINED:
        CHECK(w->draining && w->n_open == 0 && !w->drained);
        w->drained = true;
        break;
    case SCHED_ACTION_NOTICE:
        CHECK(a->reason[0]);
        if (l)
            l->warned = true;
        break;
    default:
        CHECK(false);
    }
}

void limit_written(World *w, SimExecutor *e, const Pending *p)
{
    uint64_t before = committed(e);
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
    recount(w, e, before);
    push(w, between(w, 5, MSEC), KIND_ACK, p->who, p->a, p->b, 0);
}

void send(World *w, SchedEvent *event)
{
    SchedAction a;
    event->now_usec = w->now;
    w->n_events++;
    if (w->trace)
        printf("%12" PRIu64 " > %s s%" PRIu64 "\n", w->now, event_name(event->type),
               event->session);
    watch_before(w);
    sched_event(w->sched, event);
    while (sched_next_action(w->sched, &a))
        do_action(w, &a);
    watch_after(w);
    uint64_t next = sched_next_timer(w->sched);
    if (next != SCHED_NEVER && (next < w->timer_at || w->timer_at <= w->now)) {
        w->timer_at = next;
        push(w, next > w->now ? next - w->now : 1, KIND_TIMER, 0, next, 0, 0);
    }
}

void happen(World *w, const Pending *p)
{
    SchedEvent event = {.session = p->a};
    bool lane = p->kind == KIND_THINK || p->kind == KIND_STEP || p->kind == KIND_CANCEL ||
                p->kind == KIND_FAIL || p->kind == KIND_OBEY;
    uint32_t number = lane ? p->who / LANES : p->who;
    SimSession *c = &w->sessions[number < w->n_sessions ? number : 0];
    SimLane *l = &c->lanes[lane ? p->who % LANES : 0];
    SimExecutor *e = &w->executors[lane ? 0 : p->who];
    uint64_t before;
    bool current = c->open && c->id == p->a;
    switch (p->kind) {
    case KIND_OPEN:
        if (!c->open && !w->draining)
            client_open(w, c);
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
        before = committed(e);
        e->writing = false;
        recount(w, e, before);
        event = (SchedEvent){.type = SCHED_EVENT_RESIZED};
        event.resized.executor = p->a;
        event.resized.serial = p->b;
        event.resized.high_bytes = e->high;
        event.resized.max_bytes = e->max;
        event.resized.current_bytes = e->current;
        send(w, &event);
        break;
    case KIND_EXIT:
        if (!e->alive || e->id != p->a)
            break;
        bury(w, e);
        event = (SchedEvent){.type = SCHED_EVENT_EXECUTOR_EXIT};
        event.exit.executor = p->a;
        event.exit.cause = (uint32_t)p->b;
        event.exit.peak_bytes = p->c;
        send(w, &event);
        break;
    case KIND_RETURN:
        if (current && c->executor != NOBODY && !executor_of(w, c)->stopping && c->shrink_to)
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
        if (current && c->executor != NOBODY && !executor_of(w, c)->stopping &&
            l->state != SIM_NONE && l->query == p->b && !l->requesting)
            end_query(w, c, l, QUERY_STATE_CANCELLED, &w->n_cancelled);
        break;
    case KIND_FAIL:
        if (current && l->run == p->b && l->state == SIM_RUNNING && !executor_of(w, c)->stopping)
            end_query(w, c, l, QUERY_STATE_FAILED, &w->n_failed);
        break;
    case KIND_OBEY:
        if (current && l->query == p->b && l->state == SIM_RUNNING && !executor_of(w, c)->stopping)
            end_query(w, c, l, QUERY_STATE_FAILED, &w->n_failed);
        break;
    case KIND_FAULT:
        fault(w);
        break;
    case KIND_BURST: /* everybody comes back from lunch */
        w->burst_until = w->now + between(w, 10 * MSEC, 2 * USEC_PER_SEC);
        push(w, between(w, 5 * USEC_PER_SEC, 120 * USEC_PER_SEC), KIND_BURST, 0, 0, 0, 0);
        break;
    case KIND_NOTHING:
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
