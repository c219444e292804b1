/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/recursion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/op/scan.h"
#include "exec/vec/ops.h"

#define LEVELS_KEY "spark.sql.cteRecursionLevelLimit"
#define LEVELS_DEFAULT 100
#define ROWS_KEY "spark.sql.cteRecursionRowLimit"
#define ROWS_DEFAULT 1000000

/* All rows of one recursion so far; a level is a part of @batches. */
typedef struct Rows {
    MemArena *arena;
    Batch *batches;
    uint32_t n, capacity;
    int64_t rows;
    int64_t most; /* -1: no limit */
    bool too_many;
} Rows;

/* A recursion whose step runs: what its name means. */
typedef struct Level {
    const PlanRecursion *recursion;
    Batch *batches;
    uint32_t n_batches;
    const struct Level *around;
} Level;

typedef struct Runner {
    Query *q;
    uint32_t n_threads;
    ExecProgress *progress;
    int64_t levels_max, rows_max;
    int result;
} Runner;

bool recursion_in(const PlanNode *node)
{
    if (!node)
        return false;
    if (node->kind == PLAN_VALUES)
        return node->values.recursion != NULL;
    for (uint32_t i = 0; node->kind == PLAN_UNION && i < node->union_all.n_inputs; i++)
        if (recursion_in(node->union_all.inputs[i]))
            return true;
    return recursion_in(node->input) || recursion_in(node->right);
}

static void *fail(Runner *u, int r)
{
    if (u->result == 0)
        u->result = r;
    return NULL;
}

static void *alloc(Runner *u, size_t bytes)
{
    MemArena *arena = u->q->context.arena;
    void *p = mem_arena_zalloc(arena, bytes, 16);
    return p ? p : fail(u, mem_arena_error(arena));
}

/* ---- rows that stay ---- */

static int keep_strings(Rows *rows, Vector *v, uint32_t n)
{
    VecString *values = v->values;
    for (uint32_t i = 0; i < n; i++) {
        if (vec_row_is_null(v, i)) {
            memset(&values[i], 0, sizeof(values[i]));
        } else if (values[i].length > VEC_STRING_INLINE) {
            char *copy = mem_arena_alloc(rows->arena, values[i].length, 16);
            if (!copy)
                return mem_arena_error(rows->arena);
            memcpy(copy, values[i].ptr, values[i].length);
            values[i].ptr = copy;
        }
    }
    return 0;
}

static bool keep_room(Rows *rows)
{
    if (rows->n < rows->capacity)
        return true;
    uint32_t capacity = rows->capacity ? rows->capacity * 2 : 16;
    Batch *grown = mem_arena_zalloc(rows->arena, capacity * sizeof(*grown), 16);
    if (!grown)
        return false;
    if (rows->n > 0)
        memcpy(grown, rows->batches, rows->n * sizeof(*grown));
    rows->batches = grown;
    rows->capacity = capacity;
    return true;
}

static int keep_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Rows *rows = userdata;
    uint32_t n = batch->n_selected;
    if (n == 0)
        return 0;
    rows->rows += n;
    rows->too_many = rows->most >= 0 && rows->rows >= rows->most;
    if (rows->too_many)
        return QUERY_E_CANCELLED;
    Vector *columns = mem_arena_zalloc(rows->arena, (batch->n_columns + 1) * sizeof(*columns), 16);
    if (!columns || !keep_room(rows))
        return mem_arena_error(rows->arena);
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        int r = vec_compact(&batch->columns[i], batch->sel, n, rows->arena, &columns[i]);
        if (r == 0 && columns[i].phys == PHYS_STRING)
            r = keep_strings(rows, &columns[i], n);
        if (r != 0)
            return r;
    }
    rows->batches[rows->n++] =
        (Batch){.n_rows = n, .n_selected = n, .n_columns = batch->n_columns, .columns = columns};
    return 0;
}

/* ---- one level ---- */

static PlanNode *substitute(Runner *u, PlanNode *node, const Level *level, int64_t limit);

static int execute(Runner *u, PlanNode *bound, Rows *rows)
{
    Query *q = u->q;
    PlanNode *plan;
    int r = plan_optimise(&q->context, bound, &plan);
    if (r != 0)
        return r;
    PlanEstimate estimate;
    plan_estimate(plan, &estimate);
    QueryRun run = {.plan = plan,
                    .pool = q->pool,
                    .n_threads = MAX(MIN(u->n_threads, estimate.parallelism), 1u),
                    .team = q->session->team,
                    .cancel = q->operation->cancelled,
                    .scan_new = scan_source_new,
                    .result = keep_batch,
                    .userdata = rows,
                    .error = q->error,
                    .progress = u->progress,
                    .spill = q->session->host.spill};
    return exec_run(&run);
}

/* What is planned for a level goes with it; rows are in an arena that stays. */
static int run_level(Runner *u, PlanNode *plan, const Level *level, int64_t limit, Rows *rows)
{
    PlanContext *context = &u->q->context;
    MemArena *before = context->arena, *arena;
    const struct Zone *zone = context->zone;
    int r = mem_arena_new(u->q->pool, "recursion", &arena);
    if (r != 0)
        return r;
    context->arena = arena;
    plan = substitute(u, plan, level, -1);
    if (plan && limit >= 0) {
        PlanNode *top = alloc(u, sizeof(*top));
        if (top) {
            *top = (PlanNode){.kind = PLAN_LIMIT,
                              .input = plan,
                              .n_fields = plan->n_fields,
                              .fields = plan->fields,
                              .limit = {limit, 0}};
        }
        plan = top;
    }
    r = plan ? execute(u, plan, rows) : u->result;
    context->arena = before;
    context->zone = zone;
    mem_arena_free(arena);
    return r;
}

static int level_error(Runner *u, int64_t levels)
{
    char limit[24];
    snprintf(limit, sizeof(limit), "%lld", (long long)levels);
    int r =
        query_error_set(u->q->error, DATA_ERROR_RUNTIME, "RECURSION_LEVEL_LIMIT_EXCEEDED", "42836",
                        "Recursion level limit %s reached but query has not exhausted, try "
                        "increasing it like 'WITH RECURSIVE t(col) MAX RECURSION LEVEL 200'.",
                        limit);
    query_error_parameters(u->q->error, "levelLimit", limit, NULL);
    return r;
}

static int rows_error(Runner *u)
{
    char limit[24];
    snprintf(limit, sizeof(limit), "%lld", (long long)u->rows_max);
    int r =
        query_error_set(u->q->error, DATA_ERROR_RUNTIME, "RECURSION_ROW_LIMIT_EXCEEDED", "42836",
                        "Recursion row limit %s reached but query has not exhausted, try "
                        "setting a larger LIMIT value when querying the CTE relation.",
                        limit);
    query_error_parameters(u->q->error, "rowLimit", limit, NULL);
    return r;
}

static int run_levels(Runner *u, const PlanRecursion *recursion, const Level *around, int64_t limit,
                      Rows *rows)
{
    int64_t levels = recursion->levels_max >= 0 ? recursion->levels_max : u->levels_max;
    uint32_t from = 0;
    for (int64_t number = 1;; number++) {
        /* Before the first level there is nothing to point into. */
        Batch *last = from > 0 ? rows->batches + from : rows->batches;
        Level level = {recursion, last, rows->n - from, around};
        int64_t rest = limit >= 0 ? limit - rows->rows : -1, before = rows->rows;
        from = rows->n;
        int r = run_level(u, number == 1 ? recursion->first : recursion->step, &level, rest, rows);
        if (rows->too_many)
            return rows_error(u);
        if (r != 0 || rows->rows == before)
            return r;
        if (levels >= 0 && number > levels)
            return level_error(u, levels);
        if (limit >= 0 && rows->rows >= limit)
            return 0;
        if (query_cancelled(u->q))
            return QUERY_E_CANCELLED;
    }
}

/* ---- the plan with rows ---- */

static PlanNode *values(Runner *u, const PlanNode *node, Batch *batches, uint32_t n)
{
    PlanNode *made = alloc(u, sizeof(*made));
    if (!made)
        return NULL;
    *made = *node;
    made->values.recursion = NULL;
    made->values.batches = batches;
    made->values.n_batches = n;
    return made;
}

static PlanNode *substitute_leaf(Runner *u, const PlanNode *node, const Level *level, int64_t limit)
{
    const PlanRecursion *recursion = node->values.recursion;
    if (node->values.level_before) {
        while (level && level->recursion != recursion)
            level = level->around;
        return level ? values(u, node, level->batches, level->n_batches)
                     : fail(u, -ENOTRECOVERABLE);
    }
    Rows rows = {.arena = u->q->context.arena, .most = limit >= 0 ? -1 : u->rows_max};
    int r = run_levels(u, recursion, level, limit, &rows);
    return r == 0 ? values(u, node, rows.batches, rows.n) : fail(u, r);
}

/* @limit: how many rows are wanted of @node; -1: all. */
static PlanNode *substitute(Runner *u, PlanNode *node, const Level *level, int64_t limit)
{
    if (!recursion_in(node))
        return node;
    if (node->kind == PLAN_VALUES)
        return substitute_leaf(u, node, level, limit);
    PlanNode *copy = alloc(u, sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *node;
    if (node->kind == PLAN_UNION) {
        copy->union_all.inputs = alloc(u, node->union_all.n_inputs * sizeof(PlanNode *));
        for (uint32_t i = 0; copy->union_all.inputs && i < node->union_all.n_inputs; i++)
            copy->union_all.inputs[i] = substitute(u, node->union_all.inputs[i], level, -1);
    }
    if (node->kind == PLAN_LIMIT)
        limit = node->limit.limit < 0 || node->limit.limit > INT64_MAX - node->limit.offset
                    ? -1
                    : node->limit.limit + node->limit.offset;
    else if (node->kind != PLAN_PROJECT)
        limit = -1;
    if (node->input)
        copy->input = substitute(u, node->input, level, limit);
    if (node->right)
        copy->right = substitute(u, node->right, level, -1);
    return u->result == 0 ? copy : NULL;
}

/* Below 0: no limit. */
static int64_t setting(Query *q, const char *key, int64_t otherwise)
{
    _cleanup_free_ char *text = NULL;
    if (!q->session->plan || plan_session_get_conf(q->session->plan, key, &text) != 0)
        return otherwise;
    char *end;
    long long value = strtoll(text, &end, 10);
    return end != text && *end == '\0' ? MAX(value, -1ll) : otherwise;
}

int recursion_run(Query *q, PlanNode *plan, uint32_t n_threads, ExecProgress *progress,
                  PlanNode **ret_plan)
{
    Runner u = {.q = q,
                .n_threads = n_threads,
                .progress = progress,
                .levels_max = setting(q, LEVELS_KEY, LEVELS_DEFAULT),
                .rows_max = setting(q, ROWS_KEY, ROWS_DEFAULT)};
    PlanNode *made = substitute(&u, plan, NULL, -1);
    if (!made)
        return u.result;
    *ret_plan = made;
    return 0;
}
