/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A host under the scheduler in virtual time: what there is, and what each part of the simulator
 * offers the others. The world keeps its own books, so that what is checked is what would be in
 * force, not what the scheduler believes.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scheduler/lookup.h"
#include "scheduler/scheduler.h"
#include "tests/sim/seed.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC USEC_PER_MSEC
#define NOBODY UINT32_MAX
#define LANES 3u /* queries that one client runs at a time, at most */
/* A client waits for nothing longer than this in virtual time, whatever happens around it. */
#define WAIT_BOUND_USEC (900 * USEC_PER_SEC)

/* What a seed makes of the host. */
typedef enum Shape {
    SHAPE_SMALL,  /* up to three nodes of eight CPUs, fifty clients */
    SHAPE_MIDDLE, /* up to eight nodes, four hundred clients */
    SHAPE_HUGE,   /* up to eight nodes of 128 CPUs and 4 TiB, ten thousand clients */
} Shape;

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
    KIND_BURST,
    KIND_OBEY,    /* a query that was cancelled ends */
    KIND_NOTHING, /* it was about a berthd that is no more */
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
    uint32_t session; /* NOBODY: none */
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
    bool requesting, sly, runaway;
    bool warned, stubborn; /* told that its time is nearly over; does not heed a CANCEL */
    uint32_t promised;     /* SchedFit */
    uint64_t least;        /* the minimum of its request */
    uint64_t scan, guess, wants;
    uint32_t number; /* of the lane in the world */
    uint64_t request_serial, requested_at;
} SimLane;

typedef struct SimSession {
    bool open;
    uint64_t id;
    uint32_t tenant, profile, mode, executor; /* NOBODY: none */
    uint32_t generation;
    uint32_t n_left; /* queries still to run */
    uint32_t n_lanes;
    SimLane lanes[LANES];
    bool leaks;
    uint64_t grant, shrink_to, opened_at, answered, idle_at;
    uint64_t spilled;
} SimSession;

/* One user's quota and what is on its account. */
typedef struct SimTenant {
    SchedQuota quota;
    uint64_t sum, sum_before; /* of memory.max */
} SimTenant;

typedef struct World {
    uint64_t rng, now, order, hash, last_session, last_serial, last_query;
    Sched *sched;
    SchedConfig config;
    SchedTopology topology;
    SchedCpus online;
    Shape shape;
    Pending *heap;
    size_t n_heap, heap_size;
    SimExecutor *executors;
    uint32_t n_executors_max, n_used; /* none at or behind n_used is alive */
    Lookup executor_ids;
    SimSession *sessions;
    uint32_t n_sessions, n_tenants, fault_permille, spawn_fault_permille;
    uint32_t check_every, n_open;
    uint64_t spawn_usec_max, burst_until;
    uint64_t n_events, n_queries, n_done, n_failed, n_refused, n_lost, n_cancelled, n_oom, n_raised,
        n_restarts, n_takeovers;
    uint64_t n_granted, wait_max, timer_at, view_changed_at;
    bool draining, trace, budget_lowered;
    uint64_t sum, sum_before; /* of memory.max that may be in force */
    uint64_t n_admitted_before;
    SimTenant *tenants;
    bool drains, drained;
    SchedEvent drain;
    uint64_t n_timed_out;
    const SimSession *asking; /* whether its query would fit */
    bool raised_other;        /* and somebody's time had come in between */
    uint32_t *ran_before;     /* by tenant of the scheduler: what it ran before the event */
} World;

/* world.c: chance, time, and the host that does what the scheduler says */

uint64_t rnd(World *w);
uint64_t between(World *w, uint64_t low, uint64_t high);
bool chance(World *w, uint32_t permille);
/* Mostly small, sometimes very large. */
uint64_t skewed(World *w, uint64_t most);
void push(World *w, uint64_t delay, Kind kind, uint32_t who, uint64_t a, uint64_t b, uint64_t c);
Pending pop(World *w);
SimExecutor *executor_of(World *w, const SimSession *c);
SimSession *session_of(World *w, const SimLane *l);
/* By its own count: what all lanes have, but one. */
uint64_t held_beside(const SimSession *c, const SimLane *l);
bool any_query(const SimSession *c);
/* A final state: once per query. */
void finish(SimLane *l, uint64_t *counter);
void set_current(SimExecutor *e, uint64_t bytes);
/* The limits that may be in force have changed: keeps the sum. @before: committed() then. */
uint64_t committed(const SimExecutor *e);
void recount(World *w, const SimExecutor *e, uint64_t before);
/* The leaf is gone: the kernel or somebody ended everything in it. */
void die(World *w, SimExecutor *e, SessionCause cause);
void bury(World *w, SimExecutor *e);
/* The client comes again later with a new session. */
void gone(World *w, SimSession *c);
void limit_written(World *w, SimExecutor *e, const Pending *p);
/* An event, all actions that follow, and the checks. */
void send(World *w, SchedEvent *event);
void happen(World *w, const Pending *p);

/* workload.c: what a seed makes, and how clients and their queries behave */

void make_world(World *w);
void client_open(World *w, SimSession *c);
void client_next(World *w, SimLane *l);
void client_think(World *w, SimSession *c, SimLane *l);
void send_estimate(World *w, SimSession *c, SimLane *l);
void ask_query(World *w, SimSession *c, SimLane *l);
void ask_memory(World *w, SimSession *c, SimLane *l);
void end_query(World *w, SimSession *c, SimLane *l, QueryState state, uint64_t *counter);
void step_query(World *w, SimSession *c, SimLane *l, bool spilled);
void give_back(World *w, SimSession *c);

/* faults.c: what happens to the host */

void fault(World *w);

/* watch.c: what is checked after every event from outside */

void watch_before(World *w);
void watch_after(World *w);
void watch_end(World *w);
