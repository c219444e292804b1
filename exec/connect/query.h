/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation from bytes to rows: its memory, its trees, its plan, its run. */

#include "exec/connect/decode.h"
#include "exec/connect/persist.h"
#include "exec/connect/reply.h"
#include "exec/connect/service.h"
#include "exec/op/run.h"
#include "exec/plan/bind.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"

struct ServiceSession {
    ServiceHost host;
    PlanSession *plan;
    ExecTeam *team;        /* the threads of all its queries */
    PersistTable *persist; /* what it was asked to cache */
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
/* observe.c: what df.observe() asked for; a run of its own each. */
int query_emit_observed(Query *q);
/* One value of a flat vector, in @arena. Return: 0; as mem_charge(). */
int query_literal(MemArena *arena, const Vector *v, uint32_t row, Literal *ret);
/* And then query_emit_observed(). */
int query_emit_metrics(Query *q, const PlanNode *plan);
/* Schema, batches, metrics of a bound plan. @tail as reply_writer_new(). */
int query_emit_plan(Query *q, PlanNode *plan, int64_t tail);
int query_emit(Query *q, ProtoWriter *w);
/* A spark.connect.Relation as the root of a plan. */
int query_execute_relation(Query *q, ProtoReader r);
/* A tree in an arena of its own becomes a view; the arena is the session's afterwards. */
typedef struct ViewBuilder {
    MemArena *arena;
    UBuilder builder;
    Decoder decoder;
    const PlanTable *table; /* NULL: a temporary view */
} ViewBuilder;

/* statement.c. Whoever opened it frees the arena, unless keeping took it (it is NULL then). */
int view_builder_open(Query *q, ViewBuilder *v);
int view_builder_keep(Query *q, ViewBuilder *v, const char *name, URel *tree, bool replace);
/* checkpoint.c: CheckpointCommand, RemoveCachedRemoteRelationCommand. */
int query_checkpoint(Query *q, ProtoReader r);
int query_checkpoint_remove(Query *q, ProtoReader r);
/* write.c: INSERT, INSERT OVERWRITE DIRECTORY, CREATE TABLE AS; a WriteOperation. */
int query_write_statement(Query *q, const SqlStatement *statement);
int query_write_operation(Query *q, ProtoReader r);
/* table.c: the session's catalogue. CREATE TABLE by columns or AS query. */
int query_create_table(Query *q, const SqlStatement *statement);
/* Also of a view. */
int query_drop_table(Query *q, const char *name, bool if_exists);
int query_truncate_table(Query *q, URel *target);
bool query_has_database(Query *q, const char *name);
int query_create_database(Query *q, const char *name, bool if_not_exists);
int query_drop_database(Query *q, const char *name, bool if_exists);
/* Their errors. Return: QUERY_E_FAILED. */
int query_no_table(Query *q, const char *name);
int query_no_database(Query *q, const char *name);
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
