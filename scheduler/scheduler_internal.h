/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The state that scheduler.c, router/ and scaler/ share. Everything is in arrays made by
 * sched_new() and named by index; an index of another thing is a uint32_t, SCHED_NONE for none.
 *
 * An event changes state and sets `dirty`; sched_pump() then looks at the whole state and emits
 * what follows from it, stops when the queue of actions is nearly full, and is called again when
 * the caller has taken them. So every step of the pump must be idempotent.
 */

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "scheduler/pool/pool.h"
#include "scheduler/scheduler.h"

#define MIB (UINT64_C(1) << 20)
#define SCHED_ACTIONS_MAX 256u
/* What one event may emit outside the pump, at most: grants and replies of one session, and a few.
 */
#define SCHED_ACTIONS_MARGIN (SCHED_QUERIES_PER_SESSION + SCHED_REQUESTS_PER_SESSION + 8u)
/* How many queries may be admitted before an older one; the next must be that one. The starvation
 * bound. */
#define SCHED_OVERTAKE_MAX 16u
#define SCHED_RESTARTS_MAX 8u
#define SCHED_SPAWN_TRIES_MAX 3u
#define SCHED_HISTORY_SETS 256u
#define SCHED_HISTORY_WAYS 4u
/* No sum of bytes below can overflow when every figure from outside is cut to this. */
#define SCHED_BYTES_MAX (UINT64_C(1) << 50)
/* A SHRINK that has not been answered is repeated after this. */
#define SCHED_SHRINK_REPEAT_USEC USEC_PER_SEC
/* How long memory that an executor was asked for counts as coming. */
#define SCHED_SQUEEZE_PATIENCE_USEC (100 * USEC_PER_MSEC)
#define SCHED_IDLE_PLENTY 15 /* times idle_usec, while half of the budget is free */
/* How long a MEMORY_REQUEST waits for idle sessions to give back before it is told to spill. */
#define SCHED_SPILL_PATIENCE_USEC (200 * USEC_PER_MSEC)

typedef enum ExecutorState {
    EXECUTOR_FREE, /* the record, not the process */
    EXECUTOR_SPAWNING,
    EXECUTOR_READY,
    EXECUTOR_STOPPING,
} ExecutorState;

typedef struct Executor {
    uint64_t id;
    ExecutorState state;
    uint32_t session; /* SCHED_NONE: warm, or its session is gone */
    uint32_t tenant;  /* index; pays until the leaf is gone */
    bool restart;     /* stopped by us so that the session starts again larger */
    SessionCause stop_cause;
    uint64_t high_bytes, max_bytes, grant_bytes; /* limits in force, and the grant they carry */
    uint64_t next_high_bytes, next_max_bytes, next_grant_bytes;
    uint64_t resize_serial; /* 0: none under way */
    uint64_t view;          /* Sched.view when it was started */
} Executor;

typedef struct Request {
    uint64_t serial, total_bytes, minimum_bytes, since_usec;
} Request;

typedef enum QueryStage {
    QUERY_WAITING,
    QUERY_RAISING, /* admitted; its raise has not been acknowledged */
    QUERY_RUNNING,
} QueryStage;

typedef struct Query {
    ListNode in_session; /* or in Sched.free_queries */
    ListNode in_queue;   /* while waiting, oldest first */
    uint64_t query, serial, fingerprint, scan_bytes, memory_bytes, since_usec;
    uint64_t useful_bytes; /* for the whole process */
    bool proven;           /* memory_bytes has been seen, not guessed */
    QueryStage stage;
    uint32_t session, class, n_slots_wanted, n_threads_max;
    uint32_t overtaken;
    uint32_t position, told_position;
    uint64_t told_usec;
    const char *why; /* static text: what it waits for */
} Query;

typedef struct Session {
    /* What every step of the pump looks at comes first. */
    uint64_t id; /* 0: free */
    SchedSessionState state;
    uint32_t tenant, executor;
    uint32_t node, class;
    uint32_t n_slots, n_slots_wanted;
    uint32_t n_running, n_queued, n_requests;
    bool spread;              /* memory from all nodes: it has outgrown its home */
    bool cpus_told;           /* the last MOVE or PLACE still holds */
    bool asked;               /* to shrink, since its last work */
    bool returned;            /* and has given back what it could */
    bool stuck;               /* the last lowering ended above what was asked */
    uint64_t grant_bytes;     /* told to the executor */
    uint64_t trip_usec;       /* above memory.high since */
    uint64_t shrink_usec;     /* last SHRINK or lowering */
    uint64_t asked_max_bytes; /* what its leaf comes down to when it does as asked */
    uint64_t idle_usec;       /* without work since */
    uint32_t mode, profile, generation;
    ListNode queries;
    uint64_t limit_set_bytes; /* by the administrator */
    uint64_t min_need_bytes; /* after an out-of-memory restart: the next query gets at least this */
    uint64_t trip_seen_usec, trip_first_bytes,
        trip_current_bytes; /* last told, use at first and at last */
    uint32_t n_raises;
    uint64_t answered_serial; /* of the last GRANT, REFUSE_QUERY or MEMORY_REPLY */
    uint64_t opened_usec;     /* began to wait for an executor */
    uint64_t spawn_after_usec;
    uint32_t n_spawn_failures;
    uint64_t peak_bytes;
    uint64_t restarts[SCHED_RESTARTS_MAX]; /* times, newest first; 0: none */
    char operator_name[CONTROL_OPERATOR_MAX];
    Request requests[SCHED_REQUESTS_PER_SESSION];
} Session;

typedef struct Tenant {
    uint32_t uid;
    uint32_t n_sessions, n_queries, n_running;
    uint32_t n_executors;     /* the record is free when both are 0 */
    uint64_t committed_bytes; /* sum of memory.max that may be in force */
    bool memory_short;        /* set by the pump: one of its sessions waits for its quota */
} Tenant;

typedef struct History {
    uint64_t fingerprint, peak_bytes, elapsed_usec, used;
} History;

struct Sched {
    SchedConfig config;
    SchedTopology topology;
    SlotTable slots;
    uint64_t now_usec;
    uint64_t last_executor, last_serial, last_use;
    uint64_t committed_bytes;
    uint64_t warm_max_bytes; /* memory.max of a leaf with the floor */
    /* Made by the pump: each node's share of the budget, and what is bound to it. */
    uint64_t node_share[SCHED_NODES_MAX], node_used[SCHED_NODES_MAX];
    uint32_t node_online[SCHED_NODES_MAX]; /* CPUs */
    uint32_t pressure;
    bool dirty;
    bool memory_short;    /* set by the pump: somebody waits for the host's memory */
    uint64_t short_bytes; /* for so much of the budget, at most */
    uint32_t n_sessions, n_running, n_waiting, n_warm_failures;
    uint64_t warm_after_usec;
    uint64_t view; /* counts VIEW_CHANGED */
    uint32_t n_executors_max, n_queries_max;
    uint64_t *session_ids; /* beside sessions[], so that the search stays in few cache lines */
    Session *sessions;
    Executor *executors;
    Tenant *tenants; /* n_executors_max: an executor may outlive its tenant's last session */
    Query *queries;
    ListNode waiting, free_queries;
    History history[SCHED_HISTORY_SETS][SCHED_HISTORY_WAYS];
    SchedAction actions[SCHED_ACTIONS_MAX];
    uint32_t first_action, n_actions;
};

/* scheduler.c */

/* A new action at the end of the queue, zeroed but for @type and what @session (may be NULL) names.
 */
SchedAction *sched_emit(Sched *s, SchedActionType type, const Session *session);
/* Is there room for the pump to go on? If not, it comes back later. */
bool sched_may_emit(Sched *s);
_printf_(2, 3) void sched_reason(SchedAction *action, const char *format, ...);
uint32_t sched_session_index(const Sched *s, const Session *session);
Executor *sched_executor_of(const Sched *s, const Session *session); /* NULL: none */
/* The limits that may be in force: the larger of old and new. */
uint64_t sched_executor_committed(const Executor *e);
/* Takes away the executor and all queries; the session remains, without a place. */
void sched_session_unplace(Sched *s, Session *session);
void sched_session_drop(Sched *s, Session *session);
void sched_stop(Sched *s, Executor *e, SessionCause cause);
void sched_query_drop(Sched *s, Query *q);
History *sched_history_find(Sched *s, uint64_t fingerprint);
void sched_history_learn(Sched *s, uint64_t fingerprint, uint64_t peak, uint64_t elapsed_usec);

#define sched_each_live(s, se)                                                                     \
    for (Session *se = (s)->sessions; se < (s)->sessions + (s)->config.sessions_max; se++)         \
        if (se->id != 0)
#define sched_each_executor(s, e)                                                                  \
    for (Executor *e = (s)->executors; e < (s)->executors + (s)->n_executors_max; e++)             \
        if (e->state != EXECUTOR_FREE)
