/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation from bytes to rows: its memory, its trees, its plan, its run. */

#include "exec/catalog/store.h"
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
    ExecTeam *team;           /* the threads of all its queries */
    PersistTable *persist;    /* what it was asked to cache */
    CatalogMemory *catalogue; /* without a warehouse */
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
    uint16_t flags;     /* for DATA_COMPLETE */
    char *database;     /* the current one, as the query began */
    CatalogStore store; /* see catalogue_store() */
    bool has_store;
    void *plan_block; /* of a plan that came compressed */
    size_t n_plan_block;
    /* Of the last run. */
    NodeMetrics *metrics;
    uint32_t n_metrics;
} Query;

int query_open(ServiceSession *session, const ServiceOperation *operation, QueryError *error,
               Query *q);
void query_close(Query *q);
/**
 * query_plan() - what a spark.connect.Plan holds, decompressed if need be
 * @ret_number: SPARK_PLAN_ROOT or SPARK_PLAN_COMMAND
 * Return: a reader in that message by @ret_inner; otherwise as query_result(). Once for each query.
 */
int query_plan(Query *q, ProtoReader plan, uint32_t *ret_number, ProtoReader *ret_inner);
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
/* parse.c: Decoder.infer_json; @userdata is the query. */
int query_infer_json(void *userdata, const URel *input, MemArena *arena, Type *ret);
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
/* table.c: CREATE TABLE by columns, AS query or LIKE; DROP, TRUNCATE. */
int query_create_table(Query *q, const SqlStatement *statement);
int query_drop_table(Query *q, const char *database, const char *name, bool if_exists,
                     bool is_view);
int query_truncate_table(Query *q, const SqlStatement *statement);
/* view.c: CREATE VIEW that stays, ALTER VIEW AS. */
int query_create_catalogue_view(Query *q, const SqlStatement *statement);
int query_alter_view(Query *q, const SqlStatement *statement);
/* alter.c. Pairs of @from over those that are there. */
int query_merge_properties(Query *q, const UOption *from, uint32_t n_from, UOption **pairs,
                           uint32_t *n);
int query_alter_table(Query *q, const SqlStatement *statement);
/* database.c */
int query_create_database(Query *q, const SqlStatement *statement);
int query_drop_database(Query *q, const char *name, bool if_exists, bool cascade);
int query_alter_database(Query *q, const SqlStatement *statement);
int query_use(Query *q, const char *database);
/* table_show.c: SHOW and DESCRIBE of what the catalogue has. @ret_relation as below. */
int query_show(Query *q, const SqlStatement *statement, ProtoWriter *ret_relation);
/* The statement that would make it again, for free(3). */
int query_create_text(Query *q, const char *database, const char *name, char **ret_text);
/* Folders of partitions, "p=1/q=2", in order. */
int query_partitions(Query *q, const char *database, const char *name, DecodeList *ret_names);
/* write_table.c: WriteOperationV2. */
int query_write_operation_v2(Query *q, ProtoReader r);
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
