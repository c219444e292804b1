/* SPDX-License-Identifier: Apache-2.0 */
/* Casts from text: any bytes give a value or a clean error; try_cast gives null exactly where cast
 * fails; and what a value is written as, reads as the same value (EXPR-4). First byte: the type. */
#include <stdlib.h>
#include <string.h>

#include "exec/expr/expr.h"
#include "exec/vec/ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const Type targets[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_BYTE},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_DECIMAL, .precision = 10, .scale = 3},
    {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10},
    {.kind = TYPE_DATE},
    {.kind = TYPE_TIMESTAMP},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    MemPool *pool;
    MemArena *arena;
    ExprProgram *program;
    ExprState *state;
    QueryError error = {0};

    if (n_bytes < 1 || n_bytes > 1000)
        return 0;
    Type type = targets[data[0] % (sizeof(targets) / sizeof(targets[0]))];
    VecString text = vec_string((const char *)data + 1, (uint32_t)n_bytes - 1);
    Vector column = {.type = TYPE(STRING), .phys = PHYS_STRING, .values = &text};
    Batch batch = {.n_rows = 1, .n_selected = 1, .n_columns = 1, .columns = &column};
    Expr leaf = {.kind = EXPR_COLUMN, .type = TYPE(STRING)}, *leaf_p = &leaf;
    Expr cast = {.kind = EXPR_CAST, .type = type, .n_args = 1, .args = &leaf_p}, *cast_p = &cast;
    Expr attempt = cast;
    Expr back = {.kind = EXPR_CAST, .type = TYPE(STRING), .n_args = 1, .args = &cast_p};
    Expr *back_p = &back;
    Expr again = {.kind = EXPR_CAST, .type = type, .n_args = 1, .args = &back_p};
    Expr *exprs[3] = {&cast, &attempt, &again};
    Vector v, tried, same;
    attempt.try_cast = true;

    if (mem_pool_new(1 << 24, NULL, NULL, &pool) || mem_arena_new(pool, "fuzz", &arena) ||
        expr_compile(arena, exprs, 3, 1, NULL, &program) || expr_state_new(program, pool, &state))
        abort();
    expr_begin(state, &batch);
    if (expr_eval(state, 1, &tried, NULL))
        abort();
    int r = expr_eval(state, 0, &v, &error);
    if ((r != 0) != vec_row_is_null(&tried, 0) || (r && error.error_class[0] == '\0'))
        abort();
    if (r == 0) {
        if (vec_value_compare(v.phys, vec_value_at(&v, 0), vec_value_at(&tried, 0)) != 0)
            abort();
        if (expr_eval(state, 2, &same, NULL) ||
            vec_value_compare(v.phys, vec_value_at(&v, 0), vec_value_at(&same, 0)) != 0)
            abort();
    }
    expr_state_free(state);
    mem_arena_free(arena);
    mem_pool_free(pool);
    return 0;
}
