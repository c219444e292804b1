/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The executor's side of Spark Connect: bytes of a Plan in, parts of ExecutePlanResponse out. One
 * ServiceSession per process; several operations of it may run at once, each on a thread of its
 * own. The caller (exec/main.c) owns threads, the data channel and the talk with berthd; it lends
 * them as callbacks.
 *
 *   service_execute()  DATA_EXECUTE: emits DATA_RESPONSE payloads, then returns; the caller sends
 *                      DATA_COMPLETE or DATA_ERROR
 *   service_analyze()  DATA_ANALYZE: returns the payload of DATA_ANALYZED
 *   service_config()   DATA_CONFIG
 *
 * A thread that calls in here needs a stack of SERVICE_STACK_BYTES: plans may nest
 * UNRESOLVED_DEPTH_MAX deep.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/source.h"

#define SERVICE_STACK_BYTES (UINT64_C(8) << 20)
/* A reply batch is closed at about this size, or at this number of rows. */
#define SERVICE_BATCH_BYTES (UINT64_C(1) << 20)
#define SERVICE_BATCH_ROWS 65536u

typedef struct ServiceSession ServiceSession;

/* What the optimiser expects of a query: the fields of ControlQueryEstimate. */
typedef struct ServiceEstimate {
    uint64_t scan_bytes; /* compressed, after pruning */
    uint64_t rows;
    uint64_t memory_peak_bytes;
    uint64_t
        memory_useful_bytes; /* for the process, with what it would keep for later; 0: no more */
    uint64_t fingerprint;    /* of the normalised plan, literals stripped */
    uint32_t parallelism;    /* threads it could use, 1.. */
    bool is_slight;          /* no more work than planning it was */
} ServiceEstimate;

typedef struct ServiceGrant {
    uint64_t memory_bytes; /* total for the process; the callback has already raised the pool */
    uint32_t n_threads;    /* 1.. */
} ServiceGrant;

/* How a query that had a grant ended: the fields of ControlQueryEnd. */
typedef struct ServiceUsage {
    bool failed, cancelled;
    uint64_t rows;
    uint64_t scan_bytes;
    uint64_t memory_peak_bytes;
    uint64_t cpu_usec;
    uint64_t elapsed_usec;
} ServiceUsage;

/* What the process lends to the session. Callbacks are called from operation threads, at once from
 * several. */
typedef struct ServiceHost {
    void *userdata;
    MemPool *pool;                 /* account of the process; borrowed */
    SessionFiles *files;           /* borrowed */
    const struct ExecSpill *spill; /* where queries write what does not fit; NULL: nowhere */
    const char *warehouse; /* the administrator's folder for catalogues; NULL: none; borrowed */
    uid_t uid;             /* the client's, whose folder in it is this */
    /**
     * @grant: ask for what a query needs; blocks until the answer
     * @operation: ServiceOperation.userdata of the asking operation
     * Return: 0; QUERY_E_FAILED with *error (refused); QUERY_E_CANCELLED; negative errno.
     * NULL: all that the pool allows, one thread per CPU.
     */
    int (*grant)(void *userdata, void *operation, const ServiceEstimate *estimate,
                 ServiceGrant *ret_grant, QueryError *error);
    /* The query that was granted has ended; called exactly once per successful @grant. NULL:
     * nobody asks. */
    void (*end)(void *userdata, void *operation, const ServiceUsage *usage);
} ServiceHost;

/* A part of something that the client has uploaded. */
typedef struct ServicePiece {
    const uint8_t *bytes; /* NULL: there is nothing of that name */
    size_t n_bytes;       /* 0 at the end of it only */
    uint64_t n_total;     /* of the whole; whoever says it may be wrong */
} ServicePiece;

/* One operation: how its replies leave and how it is stopped. */
typedef struct ServiceOperation {
    void *userdata;
    const atomic_bool *cancelled; /* looked at between batches; set by any thread */
    bool replay;                  /* DATA_FLAG_REPLAY: state is being rebuilt, emit nothing */
    uint32_t chunk_bytes; /* larger Arrow streams are sent in parts of so many bytes; 0: whole */
    /**
     * @emit: send one partial ExecutePlanResponse
     * @rows:  rows of the arrow_batch inside, 0 for other messages
     * @flags: DATA_FLAG_DETERMINISTIC when a rerun would give the same rows in the same order;
     * DATA_FLAG_PROGRESS
     * Called from the operation's threads; may block for credit. Return: 0; QUERY_E_CANCELLED;
     * negative errno, which ends the operation.
     */
    int (*emit)(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows,
                uint16_t flags);
    /**
     * @fetch: ask for an artifact, from byte @offset on; blocks until the answer
     * @name: "cache/...", at most DATA_NAME_MAX bytes
     * The piece may be looked at until the next call of it. Only from the thread that called the
     * service. Return: 0; QUERY_E_CANCELLED; as mem_charge(); negative errno. NULL: nothing is
     * ever uploaded.
     */
    int (*fetch)(void *userdata, const char *name, uint64_t offset, ServicePiece *ret_piece);
    /* SET and RESET: the gateway answers for the configuration. @value NULL: unset. The callback
     * may be NULL. */
    void (*configured)(void *userdata, const char *key, const char *value);
} ServiceOperation;

/* @host is copied. Return: 0, -ENOMEM. */
int service_session_new(const ServiceHost *host, ServiceSession **ret_session);
/* No operation may be inside. Accepts NULL. */
ServiceSession *service_session_free(ServiceSession *session);

/**
 * service_execute() - run a spark.connect.Plan
 * @plan:       borrowed for the call; from the client, so anything
 * @ret_flags:  out, for DATA_COMPLETE: DATA_FLAG_REPLAY when session state was changed
 *
 * Emits, for a relation: schema; one or more arrow_batch (each a complete IPC stream); metrics. For
 * a command: its result, if it has one. Never result_complete: the gateway adds it.
 *
 * Return: 0; QUERY_E_FAILED with *error; QUERY_E_CANCELLED; negative errno (-ENOMEM, what @emit
 * gave). Whatever the bytes are, it does not crash and gives back all memory.
 */
int service_execute(ServiceSession *session, const ServiceOperation *operation, const uint8_t *plan,
                    size_t n_plan, uint16_t *ret_flags, QueryError *error);

/**
 * service_execute_sql() - run one SQL statement as if a client had sent SqlCommand and then its
 * relation For --sql and tests. Return: as service_execute().
 */
int service_execute_sql(ServiceSession *session, const ServiceOperation *operation,
                        const char *text, size_t n_text, uint16_t *ret_flags, QueryError *error);

/**
 * service_analyze() - answer a spark.connect.AnalyzePlanRequest
 * @ret_reply:  out, partial AnalyzePlanResponse, for free(3)
 * Return: as service_execute(). @operation->emit is not called.
 */
int service_analyze(ServiceSession *session, const ServiceOperation *operation,
                    const uint8_t *request, size_t n_request, uint8_t **ret_reply,
                    size_t *ret_n_reply, QueryError *error);

/**
 * service_config() - the payload of DATA_CONFIG: key NUL value NUL ...; value DATA_CONFIG_UNSET
 * unsets Keys that have no effect here are kept. Return: 0; QUERY_E_FAILED (a value that Spark
 * refuses); -EPROTO for a payload that is not pairs; -ENOSPC; -ENOMEM.
 */
int service_config(ServiceSession *session, const char *payload, size_t n_payload,
                   QueryError *error);
