/* SPDX-License-Identifier: Apache-2.0 */

/* plan_dump: SQL from the command line to its bound and optimised plan; for developers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/io/io.h"
#include "exec/plan/bind.h"
#include "exec/plan/explain.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"

int main(int argc, char **argv)
{
    MemPool *pool;
    MemArena *arena;
    IoContext *io;
    SessionFiles *files;
    QueryError error = {0};
    PlanSession *session;
    mem_pool_new(UINT64_C(1) << 32, NULL, NULL, &pool);
    mem_arena_new(pool, "plan", &arena);
    io_context_new_pread(&io);
    session_files_new(pool, io, &files);
    plan_session_new(pool, &session);
    session_files_enter(files);
    UBuilder b = {.arena = arena, .error = &error};
    SqlStatement s;
    int r = argc > 1 ? sql_parse_statement(&b, argv[1], strlen(argv[1]), NULL, &s) : -EINVAL;
    PlanNode *plan = NULL, *optimised = NULL;
    PlanContext context;
    plan_context_init(&context, arena, session, files, &error);
    if (r == 0) {
        context.sql_text = argv[1];
        context.n_sql_text = strlen(argv[1]);
        r = plan_bind(&context, s.query, &plan);
    }
    if (r == 0)
        r = plan_optimise(&context, plan, &optimised);
    if (r == 0) {
        plan_explain(stdout, PLAN_EXPLAIN_COST, plan, optimised);
        plan_print_schema(stdout, plan->fields, plan->n_fields, 0);
    } else {
        printf("error %d: [%s] %s (SQLSTATE %s) line %u column %u\n", r, error.error_class,
               error.message, error.sqlstate, error.line, error.column);
    }
    plan_context_done(&context);
    session_files_leave(files);
    session_files_free(files);
    io_context_free(io);
    plan_session_free(session);
    mem_arena_free(arena);
    mem_pool_free(pool);
    return r != 0;
}
