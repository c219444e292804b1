/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: a query in pieces, and the makers of the operators.
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/expr/expr.h"
#include "exec/op/op.h"
#include "exec/vec/ops.h"
#include "exec/vec/row.h"

typedef struct Query Query;

typedef struct Pipeline {
    Source *source;
    Operator *first; /* what the source's batches are pushed into */
    uint32_t depth;  /* locals that a worker needs: number of operators, sink included */
    bool finishes;   /* the last one into its sink */
    bool opened;
    bool closed;      /* its source is */
    atomic_bool done; /* an operator wants no more */
} Pipeline;

typedef struct PendingFilter {
    const PlanNode *scan;
    RuntimeFilter *filter;
} PendingFilter;

typedef struct StoreEntry {
    const SharedPlan *plan;
    Operator *store;
    struct StoreEntry *next;
} StoreEntry;

struct Query {
    ExecContext context;
    QueryRun *run;
    Worker *workers;
    uint32_t n_metrics;

    Pipeline *pipelines;
    uint32_t n_pipelines, pipelines_capacity;
    Operator **operators; /* all, in the order of their making */
    uint32_t n_operators, operators_capacity;
    bool *operator_opened;
    PendingFilter *filters;
    uint32_t n_filters, filters_capacity;
    StoreEntry *stores;

    pthread_mutex_t lock; /* first error */
    int result;
    bool has_error;

    pthread_mutex_t result_lock; /* one call of the callback at a time */

    pthread_mutex_t order_lock;
    pthread_cond_t order_changed;
    uint64_t *positions; /* per worker: no batch before this will come from it */
    uint32_t n_order;    /* workers in the running pipeline */
    bool order_needed;

    bool pressure_init; /* the workers' locks are made */
};

static inline Query *query_of(ExecContext *context)
{
    return (Query *)context; /* the context is its first member */
}

/* Cuts the plan; appends pipelines in the order in which they must run. */
int query_build(Query *query, const PlanNode *plan);
/* For makers: every operator is registered, so that it is closed whatever happens. */
int query_add_operator(Query *query, Operator *op);
int query_add_pipeline(Query *query, Source *source, Operator *first, bool finishes);

/* The first failure decides what the query returns, and stops everybody. */
void query_fail(Query *query, Worker *worker, int r, const char *operator_name);

/* Until every batch in front of this worker's has been pushed through. Return: 0, or
 * QUERY_E_CANCELLED when the query stops. */
int worker_wait_turn(Worker *worker);

/* The time of @node starts to run. */
void worker_switch(Worker *worker, uint32_t node);

/* Makers. @next is where a streaming operator pushes; sinks have none. */
int filter_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int project_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int expand_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int replicate_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int generate_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int sample_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int limit_new(Query *query, const PlanNode *node, Operator *next, Operator **ret);
int result_new(Query *query, const PlanNode *node, Operator **ret);
int aggregate_new(Query *query, const PlanNode *node, Operator **ret);
int aggregate_source_new(Query *query, Operator *aggregate, Source **ret);
int sort_new(Query *query, const PlanNode *node, Operator **ret);
/* The filter is narrowed as a top-N gets on. Return: false when the sort keeps all rows. */
bool sort_set_bound(Operator *sort, RuntimeFilter *filter);
int sort_source_new(Query *query, Operator *sort, Source **ret);
/* Over the rows of a sort by partition and order. */
int window_source_new(Query *query, const PlanNode *node, Operator *sort, Source **ret);
/* What spreads rows over parts for it; @order: the sort by partition and order. NULL: no need to.
 */
int window_sort_new(Query *query, const PlanNode *node, const PlanNode *order, Operator **ret);
int join_build_new(Query *query, const PlanNode *node, Operator **ret);
int join_probe_new(Query *query, const PlanNode *node, Operator *build, Operator *next,
                   Operator **ret);
/* RIGHT and FULL: the rows of the build side that nothing matched. */
int join_unmatched_new(Query *query, Operator *build, Source **ret);
int join_build_add_filter(Operator *build, uint32_t key, RuntimeFilter *filter);
/* Rows that several nodes like @node read; all of their sources are to be made before any runs. */
int store_new(Query *query, const PlanNode *node, Operator **ret);
int store_source_new(Query *query, Operator *store, const PlanNode *node, Source **ret);
int range_source_new(Query *query, const PlanNode *node, Source **ret);
int values_source_new(Query *query, const PlanNode *node, Source **ret);

/* Common head of an operator's own struct. */
static inline void operator_init(Operator *op, const OperatorClass *class, Query *query,
                                 const PlanNode *node, Operator *next)
{
    op->class = class;
    op->context = &query->context;
    op->node = node;
    op->next = next;
    op->number = next ? next->number + 1 : 0;
}

/* Rows that count in @batch. */
static inline uint32_t batch_rows(const Batch *batch)
{
    return batch->sel ? batch->n_selected : batch->n_rows;
}
