/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation from bytes to rows: its memory, its trees, its plan, its run. */

#include "exec/connect/decode.h"
#include "exec/connect/reply.h"
#include "exec/connect/service.h"
#include "exec/op/run.h"
#include "exec/plan/bind.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"

struct ServiceSession {
    ServiceHost host;
    PlanSession *plan;
    ExecTeam *team; /* the threads of all its queries */
};

typedef struct Query {
    ServiceSession *session;
    const ServiceOperation *operation;
    MemPool *pool;
    MemArena *arena;
    QueryError *error;
    QueryError own_error; /* where the caller wants none */
    UBuilder builder;
    Decoder decoder;
    PlanContext context;
    bool entered;
    uint16_t flags; /* for DATA_COMPLETE */
    /* Of the last run. */
    NodeMetrics *metrics;
    uint32_t n_metrics;
} Query;

int query_open(ServiceSession *session, const ServiceOperation *operation, QueryError *error,
               Query *q);
void query_close(Query *q);
/* Memory that was refused becomes the error that a client understands. */
int query_result(Query *q, int r);

/* Binds; positions refer to the SQL text if there was exactly one. */
int query_bind(Query *q, const URel *tree, PlanNode **ret_plan);
/**
 * query_run() - optimise, ask for the grant, run
 * @plan: bound
 * @ret_optimised: out, nullable
 */
/* The values of the first column of @plan's rows, at most @max, in the query's arena. */
int query_collect(Query *q, PlanNode *plan, uint32_t max, Literal *values, uint32_t *ret_n);
int query_run(Query *q, PlanNode *plan, ExecResult result, void *userdata,
              PlanNode **ret_optimised);
/* The same, into a sink of the caller's. */
int query_run_sink(Query *q, PlanNode *plan, ExecSinkNew sink_new, void *userdata,
                   PlanNode **ret_optimised);
int query_emit_metrics(Query *q, const PlanNode *plan);
/* Schema, batches, metrics of a bound plan. @tail as reply_writer_new(). */
int query_emit_plan(Query *q, PlanNode *plan, int64_t tail);
int query_emit(Query *q, ProtoWriter *w);
/* A spark.connect.Relation as the root of a plan. */
int query_execute_relation(Query *q, ProtoReader r);
/* write.c: INSERT, INSERT OVERWRITE DIRECTORY, CREATE TABLE AS; a WriteOperation. */
int query_write_statement(Query *q, const SqlStatement *statement);
int query_write_operation(Query *q, ProtoReader r);
/* A table of the session's, from its files: a view under @name. */
int query_create_table(Query *q, const char *name, const char *format, const char *path,
                       const UOption *options, uint32_t n_options);
/* A spark.connect.Command. */
int query_execute_command(Query *q, ProtoReader r);
/* A Catalog message; @ret_relation as below. */
int query_catalog(Query *q, ProtoReader r, ProtoWriter *ret_relation);
/* A parsed statement that is no query; @ret_relation is its result as a Relation message, appended.
 */
int query_statement(Query *q, const SqlStatement *statement, ProtoWriter *ret_relation);

static inline bool query_cancelled(const Query *q)
{
    return q->operation->cancelled &&
           atomic_load_explicit(q->operation->cancelled, memory_order_relaxed);
}
