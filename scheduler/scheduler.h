/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The scheduler: a pure state machine. Events go in, actions come out; it makes no system call,
 * reads no clock and allocates only in sched_new() (D-11), so the same events always give the same
 * actions.
 *
 *     sched_event(s, &event);                      one thing that has happened, with the time it
 * happened at while (sched_next_action(s, &action))        carry out every action before the next
 * event
 *         ...
 *     arm a timer for sched_next_timer(s)          and send SCHED_EVENT_TIMER when it fires
 *
 * Who names what: sessions are named by the caller (never reused), executors by the scheduler,
 * queries by their executor (unique within a session's generation).
 *
 * Memory. Each executor has a grant (what it was told it may reserve) and limits on its leaf
 * derived from it: sched_limits(). Limits are written by a worker thread, so a RESIZE counts with
 * the larger of old and new until SCHED_EVENT_RESIZED acknowledges it; at most one RESIZE per
 * executor is under way. GRANT and MEMORY_REPLY leave only after the raise that they need has been
 * acknowledged.
 *
 * A MEMORY_RETURN names the latest answer that its sender had read; one that crossed a GRANT or
 * MEMORY_REPLY on its way is about the time before and is ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/control.h"
#include "scheduler/topology/topology.h"

#define SCHED_QUERIES_PER_SESSION 16u
#define SCHED_REQUESTS_PER_SESSION 8u
#define SCHED_NONE UINT32_MAX
#define SCHED_NEVER UINT64_MAX

typedef enum SchedClass {
    SCHED_CLASS_INTERACTIVE,
    SCHED_CLASS_BATCH,
    _SCHED_CLASS_MAX,
} SchedClass;

/* STANDARD: the least resources that meet the need. PERFORMANCE: start fast, run fast. */
typedef enum SchedMode {
    SCHED_MODE_STANDARD,
    SCHED_MODE_PERFORMANCE,
    _SCHED_MODE_MAX,
} SchedMode;

/* How the host fares, from memory.pressure and cpu.pressure. */
typedef enum SchedPressure {
    SCHED_PRESSURE_NONE,
    SCHED_PRESSURE_SOME, /* give idle grants back at once, no new warm executors */
    SCHED_PRESSURE_FULL, /* and admit no batch query, ask the largest holder to spill */
    _SCHED_PRESSURE_MAX,
} SchedPressure;

/* All of it may change by SCHED_EVENT_CONFIG except the three marked fixed. 0 means no bound in
 * *_max_bytes. */
typedef struct SchedConfig {
    uint64_t memory_budget_bytes;      /* the sum of all memory.max never exceeds this (D-1) */
    uint64_t memory_reserve_bytes;     /* part of the budget that only running work may grow into */
    uint64_t floor_bytes;              /* grant of a session without work, and of a warm executor */
    uint64_t session_memory_max_bytes; /* memory.max of one session */
    uint64_t tenant_memory_max_bytes;  /* sum of memory.max of one tenant's sessions */
    uint32_t sessions_max;             /* fixed: capacity */
    uint32_t tenant_sessions_max;
    uint32_t tenant_queries_max;              /* queued and running */
    uint32_t queue_max;                       /* queries that wait, all tenants */
    uint32_t n_warm;                          /* fixed: executors kept ready */
    uint32_t slot_cpus;                       /* fixed: CPUs of one slot, 1..16 */
    uint32_t slots_per_cpu[_SCHED_CLASS_MAX]; /* fixed: how many slots of a class share the same
                                                 CPUs, 1..4 */
    uint32_t cpu_weight[_SCHED_CLASS_MAX]; /* cpu.weight of one leased slot, 1..10000: the classes'
                                              shares */
    uint64_t interactive_scan_bytes;       /* an estimate up to this counts as interactive */
    uint64_t interactive_usec;             /* running longer than this moves a session to batch */
    uint64_t thread_scan_bytes; /* standard mode: one slot for each of these bytes to scan */
    uint64_t idle_usec[_SCHED_MODE_MAX]; /* how long a session without work keeps a grant above the
                                            floor */
    uint64_t throttle_usec;              /* longest stay above memory.high before the restart */
    uint64_t request_wait_usec; /* longest wait of a MEMORY_REQUEST before restart or refusal */
    uint64_t open_wait_usec;    /* longest wait of a new session for memory or a process */
    uint64_t restart_window_usec;
    uint32_t restarts_max; /* per session in restart_window_usec */
    /* 0: none. From the question to the last row; without a query. */
    uint64_t statement_timeout_usec, idle_timeout_usec;
    uint64_t
        warn_usec; /* so long before either, and before the end of a drain, the client is told */
} SchedConfig;

/* Sensible values for a host with @memory_bytes, before the configuration files. */
SchedConfig sched_config_default(uint64_t memory_bytes);

/**
 * sched_config_check() - are these values possible?
 * @reason: out, the key and why, when the answer is not 0
 * Return: 0, -EINVAL.
 */
int sched_config_check(const SchedConfig *config, char *reason, size_t reason_size);

/* Bounds of one user or of one group of users. 0: the configuration's bound per user, or none. */
typedef struct SchedQuota {
    uint32_t sessions_max;
    uint32_t running_max, queued_max;
    uint32_t cpu_weight_percent;    /* of what its sessions would have, 1..1000; 0: 100 */
    uint64_t memory_max_bytes;      /* sum of memory.max of its sessions */
    uint64_t spill_max_bytes;       /* beyond it, its queries that spill are cancelled */
    uint64_t undelivered_max_bytes; /* beyond it, its queries wait until somebody reads */
} SchedQuota;

typedef enum SchedEventType {
    SCHED_EVENT_SESSION_OPENED,
    SCHED_EVENT_SESSION_ADOPTED, /* found running at the start, with its executor: these two come */
    SCHED_EVENT_QUERY_ADOPTED,  /* before all others; estimates and requests are sent again later */
    SCHED_EVENT_SESSION_RETRY,  /* after LOST with may_retry: it wants an executor again */
    SCHED_EVENT_SESSION_CLOSED, /* by client, administrator (cause), or after LOST */
    SCHED_EVENT_EXECUTOR_READY,
    SCHED_EVENT_EXECUTOR_EXIT, /* the process is gone and its leaf removed */
    SCHED_EVENT_QUERY_ESTIMATE,
    SCHED_EVENT_QUERY_END, /* also for a query still queued that was cancelled */
    SCHED_EVENT_MEMORY_REQUEST,
    SCHED_EVENT_MEMORY_RETURN,
    SCHED_EVENT_MEMORY_HIGH, /* trip wire crossed */
    SCHED_EVENT_RESIZED,     /* a RESIZE has been carried out, or could not be */
    SCHED_EVENT_PSI,
    SCHED_EVENT_CPU_CHANGED,
    SCHED_EVENT_LIMIT_SET,
    SCHED_EVENT_QUOTA_SET, /* holds until it is set again, whoever is there */
    SCHED_EVENT_USAGE,     /* spilled and undelivered bytes of a session, as they are now */
    SCHED_EVENT_DRAIN,
    SCHED_EVENT_CONFIG,
    SCHED_EVENT_VIEW_CHANGED, /* what executors see of the host is another for those born from now
                                 on */
    SCHED_EVENT_LEARNED,      /* what a workload has needed, from before this start */
    SCHED_EVENT_TIMER,
    _SCHED_EVENT_MAX,
} SchedEventType;

typedef struct SchedEvent {
    SchedEventType type;
    uint64_t now_usec; /* never smaller than that of the event before */
    uint64_t session;  /* 0 where the event has none */
    union {
        struct {
            uint32_t tenant;  /* uid */
            uint32_t group;   /* the gid whose quota counts; 0: none */
            uint32_t profile; /* LatencyProfile */
            uint32_t mode;    /* SchedMode */
        } opened;
        struct {
            uint32_t tenant, group, profile, mode, generation;
            uint64_t executor;
            uint64_t grant_bytes;           /* what it was told, as it says */
            uint64_t serial;                /* of the latest answer that it has read */
            uint64_t high_bytes, max_bytes; /* in force */
        } adopted;
        struct {
            uint32_t cause; /* SessionCause: CLOSED, ADMIN, SHUTDOWN */
        } closed;
        struct {
            uint64_t executor;
        } ready;
        struct {
            uint64_t executor;
            uint32_t cause; /* SessionCause */
            uint64_t peak_bytes;
            char operator_name[CONTROL_OPERATOR_MAX]; /* asked for memory last; "" unknown */
        } exit;
        struct {
            uint64_t serial; /* echoed in GRANT or REFUSE; of no meaning in QUERY_ADOPTED */
            uint64_t query;
            uint64_t scan_bytes;
            uint64_t memory_peak_bytes;
            uint64_t memory_useful_bytes; /* for the whole process, with what it keeps for later */
            uint64_t fingerprint;
            uint32_t parallelism;
            uint32_t profile;
        } estimate;
        struct {
            uint64_t query;
            uint32_t state; /* QueryState */
            uint64_t memory_peak_bytes;
            uint64_t elapsed_usec;
        } end;
        struct {
            uint64_t serial; /* echoed in MEMORY_REPLY */
            uint64_t query;
            uint64_t total_bytes;
            uint64_t minimum_bytes;
            char operator_name[CONTROL_OPERATOR_MAX];
        } request;
        struct {
            uint64_t serial; /* of the latest answer that the executor had read; 0: none */
            uint64_t total_bytes;
        } returned;
        struct {
            uint64_t current_bytes; /* less page cache, which reclaim takes back by itself */
            uint64_t high_bytes;    /* in force when it was crossed */
        } high;
        struct {
            uint64_t executor;
            uint64_t serial; /* of the RESIZE */
            /* What is in force now, whatever was asked; the writer lowers memory.max only when
             * memory.current leaves room (D-2), so a lowering may end higher than asked. */
            uint64_t high_bytes;
            uint64_t max_bytes;
            uint64_t current_bytes; /* less page cache */
        } resized;
        struct {
            uint32_t level; /* SchedPressure */
        } psi;
        SchedCpus online; /* CPU_CHANGED: never empty */
        struct {
            uint64_t max_bytes; /* 0 takes the limit away */
        } limit;
        struct {
            uint64_t fingerprint, peak_bytes, elapsed_usec;
        } learned;
        struct {
            bool group; /* @id is a gid, else a uid */
            uint32_t id;
            SchedQuota quota; /* all 0 takes it away */
        } quota;
        struct {
            uint64_t spill_bytes, undelivered_bytes;
        } usage;
        struct {
            bool on;                /* no new sessions; false: as usual again */
            uint64_t deadline_usec; /* when those that are left are ended; 0: never */
        } drain;
        const SchedConfig *config; /* borrowed for the call; has passed sched_config_check() */
    };
} SchedEvent;

typedef enum SchedActionType {
    SCHED_ACTION_SPAWN, /* start @executor in a new leaf with these limits; READY or EXIT answers */
    SCHED_ACTION_STOP,  /* end @executor and all in its leaf; EXIT answers */
    SCHED_ACTION_PLACE, /* hand @executor out to @session: cpuset and weight first, then HANDOUT */
    SCHED_ACTION_MOVE,  /* new cpuset, memory nodes, weight; no answer */
    SCHED_ACTION_RESIZE, /* new memory.high and memory.max of @executor's leaf; RESIZED answers */
    SCHED_ACTION_GRANT,  /* QUERY_GRANT */
    SCHED_ACTION_QUEUE,  /* the query waits at @position; @reason says why */
    SCHED_ACTION_REFUSE_QUERY,   /* QUERY_GRANT with refused = 1 */
    SCHED_ACTION_REFUSE_SESSION, /* an OPEN or RETRY cannot be served; the scheduler has forgotten
                                    it */
    SCHED_ACTION_MEMORY_REPLY,
    SCHED_ACTION_SHRINK,  /* MEMORY_SHRINK to @grant_bytes */
    SCHED_ACTION_LOST,    /* SESSION_LOST; with @may_retry the scheduler waits for RETRY or CLOSED,
                           * otherwise   it has forgotten the session */
    SCHED_ACTION_CANCEL,  /* of a running query; QUERY_END answers. @reason is for its client */
    SCHED_ACTION_DRAINED, /* the last session has gone */
    SCHED_ACTION_NOTICE,
    _SCHED_ACTION_MAX,
} SchedActionType;

typedef struct SchedAction {
    SchedActionType type;
    uint64_t session; /* 0: none */
    uint64_t executor;
    uint64_t query;
    uint64_t serial; /* GRANT, REFUSE_QUERY, MEMORY_REPLY: of the question. RESIZE: to be echoed */
    uint32_t tenant;
    uint32_t generation; /* PLACE: 1 for the first executor of a session */
    /* PLACE, MOVE */
    uint32_t node;    /* home */
    uint32_t class;   /* SchedClass */
    uint32_t n_slots; /* 0: the session has no work */
    uint32_t cpu_weight;
    uint64_t mems; /* bit n: node n, for cpuset.mems */
    SchedCpus cpus;
    /* PLACE, GRANT, MEMORY_REPLY, SHRINK: total for the process; SPAWN, RESIZE: what the limits are
     * made for */
    uint64_t grant_bytes;
    uint64_t high_bytes;                      /* SPAWN, PLACE, RESIZE */
    uint64_t max_bytes;                       /* SPAWN, PLACE, RESIZE; LOST: the limit it had */
    uint64_t peak_bytes;                      /* LOST */
    uint32_t n_threads;                       /* PLACE, GRANT */
    uint32_t verdict;                         /* MemoryVerdict */
    uint32_t cause;                           /* SessionCause: STOP, REFUSE_SESSION, LOST */
    uint32_t position;                        /* QUEUE: 1.. */
    uint32_t may_retry;                       /* LOST */
    char operator_name[CONTROL_OPERATOR_MAX]; /* LOST */
    char reason[CONTROL_REASON_MAX];
} SchedAction;

typedef struct Sched Sched;

/**
 * sched_new() - the only place that allocates
 * @config, @topology: copied; @config has passed sched_config_check()
 * Starts its warm executors by itself at the first event. Return: 0, -ENOMEM.
 */
int sched_new(const SchedConfig *config, const SchedTopology *topology, Sched **ret_sched);
Sched *sched_free(Sched *s);

static inline void sched_freep(Sched **s)
{
    *s = sched_free(*s);
}

/**
 * sched_event() - tell what has happened
 *
 * All actions of the event before must have been taken (asserted). An event about a session,
 * executor or query that the scheduler does not know any more is normal (messages cross) and
 * ignored. Cannot fail.
 */
void sched_event(Sched *s, const SchedEvent *event);

/* Take the next action. Return: false when there is none left. */
bool sched_next_action(Sched *s, SchedAction *ret_action);

/* When a TIMER event is wanted, in the time of the events; SCHED_NEVER: not at all. */
uint64_t sched_next_timer(const Sched *s);

/* memory.high and memory.max for a grant: high = grant + max(1/16, 24 MiB), max = high + max(1/8,
 * 32 MiB). */
void sched_limits(uint64_t grant_bytes, uint64_t *ret_high_bytes, uint64_t *ret_max_bytes);
/* The largest grant whose memory.max is at most @max_bytes; 0 when there is none. */
uint64_t sched_grant_for_max(uint64_t max_bytes);

const char *sched_class_to_string(SchedClass class);

/* Views for D-Bus and for tests: copies, taken between events. */

typedef enum SchedSessionState {
    SCHED_SESSION_OPENING, /* waits for memory or for its process */
    SCHED_SESSION_LIVE,
    SCHED_SESSION_LOST, /* executor gone; RETRY or CLOSED comes next */
    _SCHED_SESSION_STATE_MAX,
} SchedSessionState;

typedef struct SchedSessionInfo {
    uint64_t session;
    uint64_t executor; /* 0: none */
    uint32_t tenant;
    uint32_t state;   /* SchedSessionState */
    uint32_t profile; /* LatencyProfile as asked */
    uint32_t mode;    /* SchedMode */
    uint32_t generation;
    uint32_t node;  /* home */
    uint32_t class; /* SchedClass it runs or last ran in */
    uint32_t n_slots;
    uint32_t n_running;
    uint32_t n_queued;
    uint32_t n_raises; /* trip wire raises in this generation */
    uint64_t mems;
    SchedCpus cpus;
    uint64_t grant_bytes;
    uint64_t high_bytes;
    uint64_t max_bytes;       /* the larger of old and new while a resize is under way */
    uint64_t limit_set_bytes; /* by the administrator; 0: none */
} SchedSessionInfo;

typedef struct SchedPoolInfo {
    uint32_t node;
    uint32_t class;
    uint32_t n_slots; /* with a CPU that is online */
    uint32_t n_leased;
    uint32_t n_sessions;        /* that hold a lease */
    uint32_t n_queued;          /* queries of this class whose session has its home on this node */
    uint64_t memory_bytes;      /* share of the budget of the node; both pools of a node share it */
    uint64_t memory_used_bytes; /* memory.max bound to the node */
} SchedPoolInfo;

typedef struct SchedSlotInfo {
    uint32_t node;
    uint32_t class;
    uint32_t index; /* within its pool */
    bool online;
    uint64_t session; /* 0: free */
    SchedCpus cpus;
} SchedSlotInfo;

typedef struct SchedQueryInfo {
    uint64_t session;
    uint64_t query;
    uint32_t tenant;
    uint32_t class;
    uint32_t position;       /* 0: granted */
    uint64_t since_usec;     /* when it was queued or granted */
    uint64_t estimate_bytes; /* of memory, corrected by what the same fingerprint used before */
    uint64_t scan_bytes;
    uint64_t fingerprint;
} SchedQueryInfo;

typedef struct SchedTotals {
    uint64_t
        budget_bytes; /* in effect; above the configured one while a smaller one is being reached */
    uint64_t committed_bytes; /* sum of memory.max that may be in force */
    uint32_t n_sessions;
    uint32_t n_executors;
    uint32_t n_warm; /* ready, without a session */
    uint32_t n_running;
    uint32_t n_queued;
    uint32_t pressure; /* SchedPressure */
} SchedTotals;

/* Would this fit? */
typedef struct SchedWish {
    uint64_t session;                                    /* 0: a new one */
    uint32_t tenant, group, profile, mode;               /* of a new one */
    uint64_t scan_bytes, memory_peak_bytes, fingerprint; /* as in an estimate */
    uint32_t parallelism;
} SchedWish;

typedef enum SchedFit {
    SCHED_FIT_NOW,     /* it would begin at once */
    SCHED_FIT_LATER,   /* it would wait, at @position, for @reason */
    SCHED_FIT_REFUSED, /* it would not be accepted now, for @reason */
    _SCHED_FIT_MAX,
} SchedFit;

typedef struct SchedAnswer {
    uint32_t class, n_threads, position;
    uint64_t grant_bytes; /* what it would be given */
    char reason[CONTROL_REASON_MAX];
} SchedAnswer;

/**
 * sched_would_fit() - what would become of a query, or of a new session with it
 * Nothing changes. Of an estimate that came next, SCHED_FIT_NOW says that it is granted in the same
 * event or after its RESIZE; @grant_bytes is then the least that it gets.
 */
SchedFit sched_would_fit(const Sched *s, const SchedWish *wish, SchedAnswer *ret_answer);

void sched_totals(const Sched *s, SchedTotals *ret_totals);
/* Each returns false past the end; indices are dense only for pools and slots, so walk with *index.
 */
bool sched_each_session(const Sched *s, size_t *index, SchedSessionInfo *ret_info);
bool sched_each_query(const Sched *s, size_t *index, SchedQueryInfo *ret_info);
bool sched_each_pool(const Sched *s, size_t *index, SchedPoolInfo *ret_info);
bool sched_each_slot(const Sched *s, size_t *index, SchedSlotInfo *ret_info);
/* Return: false when there is no such session. */
bool sched_get_session(const Sched *s, uint64_t session, SchedSessionInfo *ret_info);
