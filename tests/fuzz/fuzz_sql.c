/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any text through the parser, the binder, the optimiser and EXPLAIN. Nothing is run and no file is
 * there. Guards: no crash, no leak (the pool asserts that all is given back), a failure has a class
 * and a message (PLAN-1, SQL-1).
 */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/plan/bind.h"
#include "exec/plan/explain.h"
#include "exec/plan/optimise.h"
#include "exec/sql/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look(MemPool *pool, const char *text, size_t n)
{
    MemArena *arena;
    QueryError error = {0};
    if (mem_arena_new(pool, "plan", &arena) != 0)
        return;
    UBuilder b = {.arena = arena, .error = &error};
    SqlStatement statement;
    PlanContext context;
    PlanNode *bound, *plan;
    plan_context_init(&context, arena, NULL, NULL, &error);
    context.sql_text = text;
    context.n_sql_text = n;
    int r = sql_parse_statement(&b, text, n, NULL, &statement);
    if (r == 0 && statement.query)
        r = plan_bind(&context, statement.query, &bound);
    if (r == 0 && statement.query)
        r = plan_optimise(&context, bound, &plan);
    if (r == 0 && statement.query) {
        FILE *out = fopen("/dev/null", "we");
        assert(out);
        plan_explain(out, PLAN_EXPLAIN_EXTENDED, bound, plan);
        fclose(out);
        PlanEstimate estimate;
        plan_estimate(plan, &estimate);
        assert(estimate.parallelism >= 1);
    }
    assert(r != QUERY_E_FAILED || (error.error_class[0] && error.message[0]));
    plan_context_done(&context);
    mem_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MemPool *pool;
    if (n > 1 << 16 || mem_pool_new(UINT64_C(512) << 20, NULL, NULL, &pool) != 0)
        return 0;
    /* Not NUL-terminated, and exactly as long as it is. */
    char *text = malloc(n ? n : 1);
    assert(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)data[i];
    look(pool, text, n);
    free(text);
    mem_pool_free(pool);
    return 0;
}
