/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The state that scheduler.c, router/ and scaler/ share. Everything is in arrays made by
 * sched_new() and named by index; an index of another thing is a uint32_t, SCHED_NONE for none.
 *
 * An event changes state and sets `dirty`; the pump then emits what follows, stops when the queue
 * of actions is nearly full, and is called again when the caller has taken them. So every step of
 * the pump must be idempotent.
 *
 * No step looks at all sessions. Whoever changes a session touches it (sched_touch()); the pump
 * serves the touched ones and files them anew (filing.c) in the lists and heaps where the steps
 * find them: who waits, who is idle and since when, who holds most, whose time has come.
 */

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "scheduler/heap.h"
#include "scheduler/lookup.h"
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
#define SCHED_HISTORY_SETS 2048u
#define SCHED_PAYERS 2u /* a user, and perhaps a group */
#define SCHED_QUOTAS_MAX 1024u
/* A query that was cancelled and goes on for so long takes its executor along. */
#define SCHED_CANCEL_GRACE_USEC (10 * USEC_PER_SEC)
#define SCHED_HISTORY_WAYS 4u
/* No sum of bytes below can overflow when every figure from outside is cut to this. */
#define SCHED_BYTES_MAX (UINT64_C(1) << 50)
/* A SHRINK that has not been answered is repeated after this. */
#define SCHED_SHRINK_REPEAT_USEC USEC_PER_SEC
/* How long memory that an executor was asked for counts as coming. */
#define SCHED_SQUEEZE_PATIENCE_USEC (100 * USEC_PER_MSEC)
#define SCHED_IDLE_QUEUED                                                                          \
    (UINT64_C(1) << 63)      /* in a key of Sched.idle: behind all that have no query waiting */
#define SCHED_IDLE_PLENTY 15 /* times idle_usec, while half of the budget is free */
/* How long a MEMORY_REQUEST waits for idle sessions to give back before it is told to spill. */
#define SCHED_SPILL_PATIENCE_USEC (200 * USEC_PER_MSEC)

/* A throttled task sleeps for 2 s at most each time (mm/memcontrol.c,
 * MEMCG_MAX_HIGH_DELAY_JIFFIES). */
#define SCHED_THROTTLE_SLEEP_USEC (2 * USEC_PER_SEC + 500 * USEC_PER_MSEC)

typedef enum ExecutorState {
    EXECUTOR_FREE, /* the record, not the process */
    EXECUTOR_SPAWNING,
    EXECUTOR_READY,
    EXECUTOR_STOPPING,
} ExecutorState;

typedef struct Executor {
    uint64_t id;
    ExecutorState state;
    uint32_t session;       /* SCHED_NONE: warm, or its session is gone */
    uint32_t tenant, group; /* indices; pay until the leaf is gone */
    bool restart;           /* stopped by us so that the session starts again larger */
    SessionCause stop_cause;
    uint64_t high_bytes, max_bytes, grant_bytes; /* limits in force, and the grant they carry */
    uint64_t next_high_bytes, next_max_bytes, next_grant_bytes;
    uint64_t resize_serial; /* 0: none under way */
    uint64_t view;          /* Sched.view when it was started */
    uint64_t coming_bytes;  /* what Sched.coming_bytes counts of it */
    ListNode in_list;       /* Sched.free_executors, .warm, or none */
} Executor;

typedef struct Request {
    uint64_t serial, query, total_bytes, minimum_bytes, since_usec;
} Request;

typedef enum QueryStage {
    QUERY_WAITING,
    QUERY_RAISING, /* admitted; its raise has not been acknowledged */
    QUERY_RUNNING,
} QueryStage;

/* What a session that runs waits for. */
typedef enum Lacks {
    LACKS_NOTHING,
    LACKS_QUOTA,  /* its tenant's */
    LACKS_MEMORY, /* the host's */
} Lacks;

/* What keeps a waiting query back, as far as known. OWN: its session's, its tenant's or its class's
 * bound, so others may pass. */
typedef enum QueryHold {
    HOLD_UNKNOWN, /* to be looked at */
    HOLD_NOT,     /* at most for a slot */
    HOLD_SESSION, /* until its session is touched */
    HOLD_TENANT,  /* until its tenant has more room */
    HOLD_QUOTA,   /* the same, but no memory of others would help */
    HOLD_MEMORY,  /* until the host has more room */
} QueryHold;

typedef struct Query {
    /* What a walk over the queue looks at comes first. */
    ListNode in_queue; /* while waiting, oldest first */
    uint32_t session, tenant, class, node;
    QueryHold hold;
    bool movable; /* its session may take slots elsewhere */
    bool rides;   /* on the lease that its session has */
    uint32_t overtaken;
    uint64_t seen_room, seen_ceilings; /* of Sched, when it was weighed */
    uint64_t lacking_bytes; /* of the budget, beyond what its session's leaf has; HOLD_MEMORY */
    uint32_t position, told_position;
    uint64_t told_usec;
    ListNode in_session; /* or in Sched.free_queries */
    uint64_t query, serial, fingerprint, scan_bytes, memory_bytes, since_usec;
    uint64_t useful_bytes;               /* for the whole process */
    uint64_t admitted;                   /* Sched.n_admitted when it was its turn */
    uint64_t asked_usec, cancelled_usec; /* 0: not yet */
    bool warned;                         /* its time is nearly over */
    bool proven;                         /* memory_bytes has been seen, not guessed */
    QueryStage stage;
    uint32_t n_slots_wanted, n_threads_max;
    const char *why; /* static text: what it waits for */
} Query;

typedef struct Session {
    uint64_t id; /* 0: free */
    SchedSessionState state;
    uint32_t tenant, group, executor;
    uint32_t node, class;
    uint32_t n_slots, n_slots_wanted;
    uint32_t n_running, n_queued, n_requests;
    bool spread;    /* memory from all nodes: it has outgrown its home */
    bool cpus_told; /* the last MOVE or PLACE still holds */
    bool asked;     /* to shrink, since its last work */
    bool returned;  /* and has given back what it could */
    bool stuck;     /* the last lowering ended above what was asked */
    bool giving;    /* counted in n_giving */
    uint32_t mode, profile, generation;
    uint64_t grant_bytes;     /* told to the executor */
    uint64_t trip_usec;       /* above memory.high since */
    uint64_t shrink_usec;     /* last SHRINK or lowering */
    uint64_t asked_max_bytes; /* what its leaf comes down to when it does as asked */
    uint64_t coming_bytes;    /* what Sched.coming_bytes counts of it */
    uint64_t idle_usec;       /* without work since */
    uint64_t filed_bytes;     /* what node_used of filed_node counts of it */
    uint32_t filed_node, filed_load;
    uint64_t seen_room;     /* Sched.n_room, when its requests were looked at */
    Lacks lacks;            /* and how much, when its requests were last looked at */
    uint64_t lacking_bytes; /* of the budget, before its requests are worth another look */
    ListNode queries;
    ListNode in_opening; /* Sched.opening, by the time it began to wait */
    ListNode in_seeking; /* Sched.seeking: without an executor */
    ListNode in_touched, in_untold, in_pressing, in_late, in_short, in_asked;
    ListNode in_bucket; /* of its pool, by the number of its slots */
    ListNode in_account[SCHED_PAYERS];
    uint64_t spill_bytes, undelivered_bytes;
    bool warned;              /* that it will be ended */
    const char *why_ended;    /* static text; NULL: by itself */
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

/* A user's or a group's account. A session is on both, an executor until its leaf is gone. */
typedef struct Tenant {
    uint64_t key; /* sched_account_key() */
    uint32_t uid; /* or gid */
    bool is_group;
    SchedQuota quota;
    uint64_t spill_bytes, undelivered_bytes;
    uint32_t n_sessions, n_queries, n_running;
    uint32_t n_executors;     /* the record is free when both are 0 */
    uint32_t n_giving;        /* of Sched.n_giving */
    uint64_t committed_bytes; /* sum of memory.max that may be in force */
    bool memory_short;        /* set by the pump: one of its sessions waits for its quota */
    ListNode sessions;
    ListNode in_list; /* Sched.free_tenants, .short_tenants or none */
} Tenant;

typedef struct QuotaSet {
    uint64_t key;
    SchedQuota quota;
} QuotaSet;

typedef struct History {
    uint64_t fingerprint, peak_bytes, elapsed_usec, used;
} History;

/* One pool as the router sees it: who leases how much. */
typedef struct Lessees {
    ListNode *by_count; /* sessions by the number of their slots, 0..n_max */
    uint32_t n_max;
    uint32_t highest; /* no session has more */
    uint32_t n_many;  /* sessions with more than one slot */
    ListNode shorted; /* got fewer than they have use for */
} Lessees;

struct Sched {
    SchedConfig config;
    SchedTopology topology;
    SlotTable slots;
    uint64_t now_usec;
    uint64_t last_executor, last_serial, last_use, n_admitted;
    uint64_t committed_bytes;
    uint64_t floor_max_bytes; /* memory.max of a leaf with the floor */
    uint64_t coming_bytes;    /* of the budget, on its way back */
    /* Each node's share of the budget, what is bound to it, its sessions and leased slots. */
    uint64_t node_share[SCHED_NODES_MAX], node_used[SCHED_NODES_MAX];
    uint32_t node_online[SCHED_NODES_MAX]; /* CPUs */
    uint32_t node_load[SCHED_NODES_MAX];
    uint32_t pressure;
    bool dirty, pumping;
    bool adopting;     /* the pump waits until all that survived has been named */
    bool memory_short; /* set by the pump: somebody waits for the host's memory */
    bool roomier;      /* memory has come back, or a bound has changed */
    bool recheck;      /* other ceilings: what waiting queries want is to be weighed again */
    uint64_t n_room, n_ceilings; /* how often; who has seen this number need not look again */
    uint64_t short_bytes;        /* for so much of the budget, at most */
    uint32_t n_sessions, n_running, n_waiting, n_warm_failures;
    uint32_t n_executors, n_stopping;
    uint32_t n_giving; /* idle sessions that hold more than the floor and were not asked in vain */
    uint64_t warm_after_usec, tell_usec;
    uint64_t view; /* counts VIEW_CHANGED */
    bool draining, drained_told;
    uint64_t drain_deadline_usec; /* 0: none */
    uint32_t n_quotas;
    QuotaSet quotas[SCHED_QUOTAS_MAX];
    uint32_t n_executors_max, n_queries_max, n_tenants_max;
    Session *sessions;
    Executor *executors;
    Tenant *tenants; /* n_tenants_max: an executor may outlive its tenant's last session */
    Query *queries;
    Lessees *lessees; /* by pool */
    ListNode *buckets;
    uint32_t *free_sessions; /* a stack */
    Lookup session_ids, executor_ids, accounts;
    ListNode waiting, free_queries, free_executors, free_tenants, short_tenants;
    ListNode warm; /* executors without a tenant that are not being stopped */
    ListNode opening, seeking;
    ListNode touched;               /* changed since they were filed */
    ListNode untold;                /* another cpuset or weight than they were told */
    ListNode slotless;              /* running without a slot: its CPUs went offline */
    ListNode pressing;              /* with a request, or above the trip wire */
    ListNode just_asked;            /* to shrink, oldest first: counted in coming_bytes */
    ListNode late[SCHED_NODES_MAX]; /* interactive longer than interactive_usec */
    Heap due;                       /* when time alone makes a session worth a look */
    Heap idle[_SCHED_MODE_MAX];     /* may be asked to shrink; who will miss it least comes first */
    Heap spent;                     /* the same, but has given already what it could */
    Heap lower;                     /* idle, and has returned what its leaf still allows */
    Heap large;                     /* holders above the floor, largest first */
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
/* A fresh record with the floor. @id: 0: the next. NULL: none is free. */
Executor *sched_executor_new(Sched *s, uint64_t id);
void sched_stop(Sched *s, Executor *e, SessionCause cause);
void sched_query_drop(Sched *s, Query *q);
/* Into a list where it is not yet; out is list_remove(). */
void sched_list_keep(ListNode *list, ListNode *node, bool in);

/* account.c */

static inline uint64_t sched_account_key(bool group, uint32_t id)
{
    return ((uint64_t)group << 32 | id) + 1;
}

/* The index of the account, a fresh one when there is none. */
uint32_t sched_account_open(Sched *s, bool group, uint32_t id);
/* After it has lost a session or an executor: the record is free without both (S-10). */
void sched_account_release(Sched *s, Tenant *t);
void sched_quota_set(Sched *s, bool group, uint32_t id, const SchedQuota *quota);
/* Its bounds: of the quota, or of the configuration, which knows users only. 0: none. */
uint64_t sched_memory_max(const Sched *s, const Tenant *t);
/* What forbids another session, with the bound; NULL: nothing. */
const char *sched_open_bound(const Sched *s, uint32_t tenant, uint32_t group, uint64_t *ret_limit);
/* What forbids another waiting query. */
const char *sched_queries_bound(const Sched *s, uint32_t tenant, uint32_t group,
                                uint64_t *ret_limit);
/* What keeps every query of the session from its turn. NULL: nothing. */
const char *sched_turn_bound(const Sched *s, const Session *session);
/* An executor begins or ceases to count, or counts otherwise. */
void sched_charge(Sched *s, const Executor *e, int executors, uint64_t more_bytes);
void sched_usage(Sched *s, Session *session, uint64_t spill_bytes, uint64_t undelivered_bytes);

static inline Tenant *sched_payer(const Sched *s, uint32_t tenant, uint32_t group, uint32_t k)
{
    uint32_t i = k == 0 ? tenant : group;
    return i == SCHED_NONE ? NULL : &s->tenants[i];
}

/* For the user, and for the group if there is one. @x: a session or an executor. */
#define sched_each_payer(s, x, t)                                                                  \
    for (uint32_t t##_k = 0; t##_k < SCHED_PAYERS; t##_k++)                                        \
        for (Tenant *t = sched_payer(s, (x)->tenant, (x)->group, t##_k); t; t = NULL)

/* @node: of Tenant.sessions. */
static inline Session *sched_session_in(const Tenant *t, ListNode *node)
{
    ListNode *first = t->is_group ? node - 1 : node;
    return container_of(first, Session, in_account);
}

/* filing.c */

/* Something about it has changed: the pump serves it and files it anew. */
void sched_touch(Sched *s, Session *session);
void sched_touch_all(Sched *s);
/* Its CPUs, memory nodes or weight are others than it was told. */
void sched_untold(Sched *s, Session *session);
/* Into the lists, heaps and sums where the steps of the pump find it; a dropped one into none. */
void sched_refile(Sched *s, Session *session);
/* After every change of its state, limits or owner. */
void sched_recount(Sched *s, Executor *e);
/* Those whose time has come are touched; what was asked for long ago no longer counts as coming. */
void sched_take_due(Sched *s);
const History *sched_history_find(const Sched *s, uint64_t fingerprint);
void sched_history_learn(Sched *s, uint64_t fingerprint, uint64_t peak, uint64_t elapsed_usec);

#define sched_each_live(s, se)                                                                     \
    for (Session *se = (s)->sessions; se < (s)->sessions + (s)->config.sessions_max; se++)         \
        if (se->id != 0)
#define sched_each_executor(s, e)                                                                  \
    for (Executor *e = (s)->executors; e < (s)->executors + (s)->n_executors_max; e++)             \
        if (e->state != EXECUTOR_FREE)
