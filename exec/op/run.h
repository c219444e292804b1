/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Runs one bound plan: builds pipelines, starts workers, streams the result.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"
#include "exec/vec/vector.h"

#define EXEC_THREADS_MAX 256u
#define EXEC_PLAN_DEPTH_MAX 1024u

typedef struct ExecContext ExecContext;
typedef struct ExecTeam ExecTeam;
typedef struct Source Source;
typedef struct Operator Operator;

/* Of one plan node; nanoseconds are summed over workers. */
typedef struct NodeMetrics {
    uint64_t rows;    /* put out */
    uint64_t batches; /* put out */
    uint64_t nanoseconds;
    uint64_t bytes;   /* read (scan) or held at the peak (join, aggregate, sort) */
    uint64_t spilled; /* bytes written to disk for want of memory */
    uint64_t pruned;  /* scan: rows that statistics showed to be of no interest, unread */
} NodeMetrics;

/* May be read by another thread while the query runs. */
typedef struct ExecProgress {
    _Atomic uint64_t rows_scanned;
    _Atomic uint64_t rows_total; /* the sources' sum, where they know it */
    _Atomic uint64_t bytes_scanned;
} ExecProgress;

/**
 * ExecResult - receives the result
 * @batch: any encoding, with a selection; valid during the call. Its @position is 0.
 *
 * Called by any worker thread, one call at a time, in the order of the plan's result where the plan
 * has one (a sort; otherwise the order of the input files and rows). It may block: that is the
 * back-pressure, and the workers wait.
 * Return: 0; QUERY_E_CANCELLED or a negative errno to stop the query; QUERY_E_FAILED with @error.
 */
typedef int (*ExecResult)(void *userdata, const Batch *batch, QueryError *error);

/* Makes the source of a PLAN_SCAN node: scan_source_new() of exec/op/scan.h. */
typedef int (*ExecScanNew)(ExecContext *context, const PlanNode *node, Source **ret_source);

/* Makes the last sink of all, instead of ExecResult: write_sink_new() of exec/write/write.h. */
typedef int (*ExecSinkNew)(ExecContext *context, const PlanNode *plan, void *userdata,
                           Operator **ret_sink);

/* Where a query may write what does not fit in its memory. */
typedef struct ExecSpill {
    int directory_fd;   /* borrowed; files in it have no name */
    uint64_t bytes_max; /* of one query; 0: what the file system holds */
    uint32_t force;     /* tests: every sink spills at each @force-th batch; 0: when it must */
} ExecSpill;

typedef struct QueryRun {
    const PlanNode *plan;      /* const during the run */
    MemPool *pool;             /* of this query; balanced again when exec_run() returns */
    uint32_t n_threads;        /* 1..EXEC_THREADS_MAX that work at a time */
    ExecTeam *team;            /* whose threads they are; NULL: made for this run (team.h) */
    const atomic_bool *cancel; /* NULL: cannot be cancelled. Looked at once per batch */
    ExecScanNew scan_new;      /* NULL: the plan has no scan */
    ExecResult result;
    void *userdata;       /* of @result or @sink_new */
    ExecSinkNew sink_new; /* NULL: rows go to @result */
    QueryError *error;    /* out, on QUERY_E_FAILED; may be NULL */
    NodeMetrics *metrics; /* out, [n_metrics], by PlanNode.id; may be NULL */
    uint32_t n_metrics;
    ExecProgress *progress; /* may be NULL */
    const ExecSpill *spill; /* NULL: what does not fit fails */
} QueryRun;

/**
 * exec_run() - run a plan to its end
 *
 * The caller's thread works, and threads of the team beside it. None of them works for this query
 * any more when it returns, and everything that it allocated is given back.
 *
 * Return: 0; QUERY_E_FAILED with *run->error (out of memory is one of those, DATA_ERROR_MEMORY);
 * QUERY_E_CANCELLED; negative errno.
 */
int exec_run(QueryRun *run);
