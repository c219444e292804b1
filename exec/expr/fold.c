/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#define FOLD_MEMORY_BYTES (UINT64_C(16) << 20)
#define FOLD_DEPTH_MAX 256u

static bool has_column(const Expr *e, uint32_t depth)
{
    if (e->kind == EXPR_COLUMN || e->kind == EXPR_VARIABLE || depth > FOLD_DEPTH_MAX ||
        (e->kind == EXPR_CALL && e->function >= FN_VOLATILE_FIRST &&
         e->function <= FN_VOLATILE_LAST))
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (has_column(e->args[i], depth + 1))
            return true;
    return false;
}

static int literal_of(MemArena *arena, const Vector *v, Literal *ret)
{
    Literal l = {0};

    if (vec_row_is_null(v, 0)) {
        l.is_null = true;
        *ret = l;
        return 0;
    }
    const void *p = vec_value_at(v, 0);
    switch (v->phys) {
    case PHYS_BOOL:
        l.b = *(const uint8_t *)p;
        break;
    case PHYS_I8:
        l.i = *(const int8_t *)p;
        break;
    case PHYS_I16:
        l.i = *(const int16_t *)p;
        break;
    case PHYS_I32:
        l.i = *(const int32_t *)p;
        break;
    case PHYS_I64:
        l.i = *(const int64_t *)p;
        break;
    case PHYS_I128:
        memcpy(&l.i128, p, 16);
        break;
    case PHYS_F32:
        l.d = (double)*(const float *)p;
        break;
    case PHYS_F64:
        l.d = *(const double *)p;
        break;
    case PHYS_STRING: {
        const VecString *s = p;
        char *bytes = mem_arena_strndup(arena, vec_string_data(s), s->length);
        if (!bytes)
            return 1;
        l.s = vec_string(bytes, s->length);
        break;
    }
    default:
        return 1;
    }
    *ret = l;
    return 0;
}

static int fold_in(MemPool *pool, MemArena *scratch, MemArena *arena, const Expr *expr,
                   Literal *ret)
{
    ExprProgram *program;
    _cleanup_(expr_state_freep) ExprState *state = NULL;
    Batch batch = {.n_rows = 1, .n_selected = 1};
    Vector v;
    Expr *one = (Expr *)expr; /* only read */

    if (expr_compile(scratch, &one, 1, 0, NULL, &program) || expr_state_new(program, pool, &state))
        return 1;
    expr_begin(state, &batch);
    return expr_eval(state, 0, &v, NULL) ? 1 : literal_of(arena, &v, ret);
}

int expr_fold(MemArena *arena, const Expr *expr, Literal *ret)
{
    MemPool *pool = NULL;
    MemArena *scratch = NULL;
    int r = 1;

    if (has_column(expr, 0))
        return 1;
    if (mem_pool_new(FOLD_MEMORY_BYTES, NULL, NULL, &pool) == 0 &&
        mem_arena_new(pool, "constant folding", &scratch) == 0)
        r = fold_in(pool, scratch, arena, expr, ret);
    mem_arena_free(scratch);
    mem_pool_free(pool);
    return r;
}
