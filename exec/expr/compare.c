/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <math.h>

/* Comparisons, IN, GREATEST and LEAST. */

static KernCompare compare_of(FunctionId f)
{
    switch (f) {
    case FN_EQ:
        return KERN_EQ;
    case FN_NE:
        return KERN_NE;
    case FN_LT:
        return KERN_LT;
    case FN_LE:
        return KERN_LE;
    case FN_GT:
        return KERN_GT;
    default:
        return KERN_GE;
    }
}

static KernCompare compare_swapped(KernCompare op)
{
    static const uint8_t swapped[] = {KERN_EQ, KERN_NE, KERN_GT, KERN_GE, KERN_LT, KERN_LE};
    return (KernCompare)swapped[op];
}

static inline bool holds(KernCompare op, int order)
{
    switch (op) {
    case KERN_EQ:
        return order == 0;
    case KERN_NE:
        return order != 0;
    case KERN_LT:
        return order < 0;
    case KERN_LE:
        return order <= 0;
    case KERN_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* Both arguments flat or constant and of one physical kind. */
static int compare_args(ExprState *s, const Scope *scope, Reg *const *args,
                        const Vector *ret_args[2])
{
    bool wide = args[0]->v.phys == PHYS_I128 || args[1]->v.phys == PHYS_I128;

    for (uint32_t i = 0; i < 2; i++) {
        int r = wide ? expr_flat_wide(s, args[i], scope, &ret_args[i])
                     : expr_flat(s, args[i], scope, &ret_args[i]);
        if (r)
            return r;
    }
    return 0;
}

#define COMPARE_LOOP(T, EXPRESSION)                                                                \
    do {                                                                                           \
        const T *pa = a->values, *pb = b->values;                                                  \
        EXPR_FOR_ROWS(rows, n, row)                                                                \
        {                                                                                          \
            const T *x = &pa[row & ma], *y = &pb[row & mb];                                        \
            out[row] = (EXPRESSION);                                                               \
        }                                                                                          \
    } while (0)

#define COMPARE_INTEGERS(T)                                                                        \
    switch (op) {                                                                                  \
    case KERN_EQ:                                                                                  \
        COMPARE_LOOP(T, *x == *y);                                                                 \
        break;                                                                                     \
    case KERN_NE:                                                                                  \
        COMPARE_LOOP(T, *x != *y);                                                                 \
        break;                                                                                     \
    case KERN_LT:                                                                                  \
        COMPARE_LOOP(T, *x < *y);                                                                  \
        break;                                                                                     \
    case KERN_LE:                                                                                  \
        COMPARE_LOOP(T, *x <= *y);                                                                 \
        break;                                                                                     \
    case KERN_GT:                                                                                  \
        COMPARE_LOOP(T, *x > *y);                                                                  \
        break;                                                                                     \
    default:                                                                                       \
        COMPARE_LOOP(T, *x >= *y);                                                                 \
    }                                                                                              \
    break

static void compare_rows(KernCompare op, const Vector *a, const Vector *b, const uint16_t *rows,
                         uint32_t n, uint8_t *out)
{
    uint32_t ma = expr_mask(a), mb = expr_mask(b);

    switch (a->phys) {
    case PHYS_BOOL:
        COMPARE_INTEGERS(uint8_t);
    case PHYS_I8:
        COMPARE_INTEGERS(int8_t);
    case PHYS_I16:
        COMPARE_INTEGERS(int16_t);
    case PHYS_I32:
        COMPARE_INTEGERS(int32_t);
    case PHYS_I64:
        COMPARE_INTEGERS(int64_t);
    case PHYS_I128:
        COMPARE_INTEGERS(i128);
    case PHYS_F32:
        COMPARE_LOOP(float, holds(op, vec_double_compare(*x, *y)));
        break;
    case PHYS_F64:
        COMPARE_LOOP(double, holds(op, vec_double_compare(*x, *y)));
        break;
    default:
        if (op == KERN_EQ)
            COMPARE_LOOP(VecString, vec_string_equal(x, y));
        else if (op == KERN_NE)
            COMPARE_LOOP(VecString, !vec_string_equal(x, y));
        else
            COMPARE_LOOP(VecString, holds(op, vec_string_compare(x, y)));
    }
}

/* The vectorised loops take whole vectors. Return: done. */
static bool compare_dense(const ExprState *s, KernCompare op, const Vector *a, const Vector *b,
                          uint32_t n, uint8_t *out)
{
    if (a->phys != PHYS_I32 && a->phys != PHYS_I64)
        return false;
    if (a->encoding == VEC_CONST) {
        const Vector *t = a;
        a = b;
        b = t;
        op = compare_swapped(op);
    }
    if (a->encoding != VEC_FLAT)
        return false;
    if (a->phys == PHYS_I32) {
        if (b->encoding == VEC_CONST)
            s->kern->compare_const_i32[op](a->values, *(const int32_t *)b->values, out, n);
        else
            s->kern->compare_i32[op](a->values, b->values, out, n);
    } else {
        if (b->encoding == VEC_CONST)
            s->kern->compare_const_i64[op](a->values, *(const int64_t *)b->values, out, n);
        else
            s->kern->compare_i64[op](a->values, b->values, out, n);
    }
    return true;
}

static int eval_compare(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint8_t *values;
    uint32_t n;
    KernCompare op = compare_of(step->function);
    int r = compare_args(s, scope, args, v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, v, 2, out, &rows, &n);
    if (r)
        return r;
    uint32_t n_rows = s->batch->n_rows;
    if (n * 4 < n_rows || v[0]->phys == PHYS_STRING ||
        !compare_dense(s, op, v[0], v[1], n_rows, values))
        compare_rows(op, v[0], v[1], rows, n, values);
    return 0;
}

static int eval_null_safe(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v[2];
    uint8_t *values;
    int r = compare_args(s, scope, args, v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        bool na = vec_row_is_null(v[0], row), nb = vec_row_is_null(v[1], row);
        values[row] = na || nb ? na && nb
                               : vec_value_compare(v[0]->phys, vec_value_at(v[0], row),
                                                   vec_value_at(v[1], row)) == 0;
    }
    return 0;
}

/* --- GREATEST, LEAST: nulls are skipped --- */

static int eval_extreme(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    bool greatest = step->function == FN_GREATEST;
    size_t size = phys_size(step->phys);
    uint8_t *values;
    int r = expr_out(s, out, step->type, step->phys, &values);
    if (r)
        return r;
    r = expr_out_valid(s, out);
    if (r)
        return r;
    memset(out->valid, 0, VEC_VALID_WORDS * 8);
    for (uint32_t i = 0; i < step->n_args; i++) {
        const Vector *v;
        r = step->phys == PHYS_I128 ? expr_flat_wide(s, args[i], scope, &v)
                                    : expr_flat(s, args[i], scope, &v);
        if (r)
            return r;
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        {
            if (vec_row_is_null(v, row))
                continue;
            const void *value = vec_value_at(v, row);
            uint8_t *best = values + (size_t)row * size;
            if (vec_bit(out->valid, row)) {
                int order = vec_value_compare(step->phys, value, best);
                if (greatest ? order <= 0 : order >= 0)
                    continue;
            }
            memcpy(best, value, size);
            vec_bit_set(out->valid, row);
        }
    }
    return 0;
}

bool expr_bind_compare(Step *step, const Step *steps)
{
    switch (step->function) {
    case FN_EQ:
    case FN_NE:
    case FN_LT:
    case FN_LE:
    case FN_GT:
    case FN_GE:
    case FN_EQ_NULL_SAFE: {
        const Step *a = &steps[step->args[0]], *b = &steps[step->args[1]];
        if (step->n_args != 2)
            return false;
        /* Decimals may differ in digits, never in scale. */
        bool decimals = a->type.kind == TYPE_DECIMAL && b->type.kind == TYPE_DECIMAL &&
                        a->type.scale == b->type.scale;
        if (a->phys != b->phys && !decimals)
            return false;
        step->eval = step->function == FN_EQ_NULL_SAFE ? eval_null_safe : eval_compare;
        return true;
    }
    case FN_GREATEST:
    case FN_LEAST:
        if (step->n_args == 0)
            return false;
        for (uint32_t i = 0; i < step->n_args; i++)
            if (steps[step->args[i]].phys != step->phys)
                return false;
        step->eval = eval_extreme;
        return true;
    default:
        return false;
    }
}

/* --- IN over literals: sorted, then searched --- */

typedef struct InSet {
    uint32_t n;
    uint8_t phys;
    bool has_null;
    uint8_t *values; /* sorted, n * phys_size */
} InSet;

static int in_sift(InSet *set, uint32_t i)
{
    /* Insertion into the sorted front; sets are short, and long ones come sorted more often than
     * not. */
    size_t size = phys_size(set->phys);
    uint8_t value[16];
    memcpy(value, set->values + i * size, size);
    uint32_t lo = 0, hi = i;
    if (i > 0 && vec_value_compare(set->phys, set->values + (i - 1) * size, value) < 0)
        return 0;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (vec_value_compare(set->phys, set->values + mid * size, value) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    memmove(set->values + (lo + 1) * size, set->values + lo * size, (i - lo) * size);
    memcpy(set->values + lo * size, value, size);
    return 0;
}

static bool in_set(const InSet *set, const void *value)
{
    size_t size = phys_size(set->phys);
    uint32_t lo = 0, hi = set->n;

    if (set->n <= 8 && set->phys == PHYS_STRING) {
        for (uint32_t i = 0; i < set->n; i++)
            if (vec_string_equal((const VecString *)(const void *)set->values + i, value))
                return true;
        return false;
    }
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int order = vec_value_compare(set->phys, set->values + mid * size, value);
        if (order == 0)
            return true;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static int eval_in(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const InSet *set = step->aux;
    const Vector *v;
    const uint16_t *rows;
    uint8_t *values;
    uint32_t n;
    int r = set->phys == PHYS_I128 ? expr_flat_wide(s, args[0], scope, &v)
                                   : expr_flat(s, args[0], scope, &v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, &v, 1, out, &rows, &n);
    if (r)
        return r;
    if (set->has_null && !out->v.has_nulls) {
        r = expr_out_valid(s, out);
        if (r)
            return r;
    }
    EXPR_FOR_ROWS(rows, n, row)
    {
        values[row] = in_set(set, vec_value_at(v, row));
        if (set->has_null && !values[row])
            vec_bit_clear(out->valid, row); /* not found, but one item is unknown */
    }
    return 0;
}

int expr_bind_in(MemArena *arena, Step *step, const Step *steps, QueryError *error)
{
    const Expr *e = step->expr;
    const Step *value = &steps[step->args[0]];

    InSet *set = mem_arena_new_of(arena, InSet);
    if (!set)
        return mem_arena_error(arena);
    size_t size = phys_size(value->phys);
    set->phys = value->phys;
    set->values = mem_arena_alloc(arena, size * (e->n_args + 1ull), 16);
    if (!set->values)
        return mem_arena_error(arena);
    for (uint32_t i = 1; i < e->n_args; i++) {
        int r;
        if (e->args[i]->kind != EXPR_LITERAL)
            return 0;
        if (e->args[i]->literal.is_null) {
            set->has_null = true;
            continue;
        }
        Vector v = expr_literal_vector(arena, e->args[i], &r);
        if (r)
            return r;
        if (v.phys == PHYS_I64 && set->phys == PHYS_I128) {
            i128 wide = *(const int64_t *)v.values;
            memcpy(set->values + set->n * size, &wide, 16);
        } else if (v.phys != set->phys) {
            return 0;
        } else {
            memcpy(set->values + set->n * size, v.values, size);
        }
        in_sift(set, set->n++);
    }
    step->aux = set;
    step->eval = eval_in;
    return 0;
}
