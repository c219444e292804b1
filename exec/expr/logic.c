/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

/*
 * Three-valued logic and conditions. These steps decide which rows their arguments see: a branch is
 * evaluated for its own rows only, so `CASE WHEN x <> 0 THEN 1 / x END` never divides by zero.
 */

/* AND and OR stop at the first argument that decides a row. */
static int eval_and_or(ExprState *s, const Step *step, const Scope *scope, Reg *out)
{
    bool decides = step->function == FN_OR;
    uint8_t *values;
    int r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_out_valid(s, out);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    values[row] = !decides;

    Scope *scopes = mem_arena_new_array(s->strings, Scope, step->n_args + 1);
    if (!scopes)
        return mem_arena_error(s->strings);
    scopes[0] = *scope;
    bool any_null = false;
    for (uint32_t i = 0; i < step->n_args && scopes[i].n > 0; i++) {
        Reg *arg;
        const Vector *v;
        r = expr_step(s, step->args[i], &scopes[i], &arg);
        if (r)
            return r;
        v = &arg->v;
        const uint8_t *pass = v->values;
        uint16_t *rows = expr_rows(s);
        if (!rows)
            return mem_arena_error(s->arena);
        uint32_t k = 0;
        if (!v->has_nulls && v->encoding == VEC_FLAT && !any_null) {
            EXPR_FOR_ROWS(scopes[i].sel, scopes[i].n, row)
            {
                rows[k] = (uint16_t)row;
                values[row] = pass[row];
                k += pass[row] != decides;
            }
        } else {
            EXPR_FOR_ROWS(scopes[i].sel, scopes[i].n, row)
            {
                if (vec_row_is_null(v, row)) {
                    vec_bit_clear(out->valid, row);
                    any_null = true;
                } else if (pass[vec_index(v, row)] == decides) {
                    vec_bit_set(out->valid, row);
                    values[row] = decides;
                    continue;
                }
                rows[k++] = (uint16_t)row;
            }
        }
        scopes[i + 1] = k == scopes[i].n ? scopes[i] : expr_scope(s, &scopes[i], rows, k);
    }
    if (!any_null)
        out->v.has_nulls = false;
    return 0;
}

static int eval_not(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const Vector *v;
    uint8_t *values;
    const uint16_t *rows;
    uint32_t n;
    int r = expr_flat(s, args[0], scope, &v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, &v, 1, out, &rows, &n);
    if (r)
        return r;
    const uint8_t *from = v->values;
    uint32_t mask = expr_mask(v);
    EXPR_FOR_ROWS(rows, n, row)
    values[row] = !from[row & mask];
    return 0;
}

static int eval_is_null(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    const Vector *v = &args[0]->v;
    bool want = step->function == FN_IS_NULL;
    uint8_t *values;
    int r = expr_out(s, out, step->type, PHYS_BOOL, &values);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    values[row] = vec_row_is_null(v, row) == want;
    return 0;
}

/* Copy an argument's values for some rows into @out, which has a bitmap. */
static int copy_rows(ExprState *s, const Step *step, Reg *arg, const Scope *scope, Reg *out)
{
    const Vector *v;
    uint32_t size = (uint32_t)phys_size(step->phys);
    uint8_t *values = out->values;

    if (arg->v.type.kind == TYPE_NULL) {
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        vec_bit_clear(out->valid, row);
        return 0;
    }
    int r =
        step->phys == PHYS_I128 ? expr_flat_wide(s, arg, scope, &v) : expr_flat(s, arg, scope, &v);
    if (r)
        return r;
    const uint8_t *from = v->values;
    uint32_t mask = expr_mask(v);
    switch (size) {
    case 8:
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        ((uint64_t *)(void *)values)[row] = ((const uint64_t *)(const void *)from)[row & mask];
        break;
    case 4:
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        ((uint32_t *)(void *)values)[row] = ((const uint32_t *)(const void *)from)[row & mask];
        break;
    case 1:
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        values[row] = from[row & mask];
        break;
    default:
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
        memcpy(values + (size_t)row * size, from + (size_t)(row & mask) * size, size);
    }
    if (v->has_nulls)
        EXPR_FOR_ROWS(scope->sel, scope->n, row)
    if (!vec_bit(v->valid, row & mask))
        vec_bit_clear(out->valid, row);
    return 0;
}

static int begin_choice(ExprState *s, const Step *step, Reg *out)
{
    void *values;
    int r = expr_out(s, out, step->type, step->phys, &values);
    return r ? r : expr_out_valid(s, out);
}

static int null_rows(const Scope *scope, Reg *out)
{
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    vec_bit_clear(out->valid, row);
    return 0;
}

/* Evaluate @arg for @scope and copy it. */
static int take_branch(ExprState *s, const Step *step, uint32_t number, const Scope *scope,
                       Reg *out)
{
    Reg *arg;
    if (scope->n == 0)
        return 0;
    int r = expr_step(s, number, scope, &arg);
    return r ? r : copy_rows(s, step, arg, scope, out);
}

/* CASE and IF: pairs of condition and value, then perhaps a last value. */
static int eval_case(ExprState *s, const Step *step, const Scope *scope, Reg *out)
{
    uint32_t n_pairs = step->n_args / 2;
    int r = begin_choice(s, step, out);
    if (r)
        return r;

    /* Without branches that may fail, without strings: nothing special, but the same code. */
    Scope *scopes = mem_arena_new_array(s->strings, Scope, n_pairs + 1);
    if (!scopes)
        return mem_arena_error(s->strings);
    scopes[0] = *scope;
    for (uint32_t i = 0; i < n_pairs; i++) {
        Reg *condition;
        scopes[i + 1] = scopes[i];
        if (scopes[i].n == 0)
            continue;
        r = expr_step(s, step->args[2 * i], &scopes[i], &condition);
        if (r)
            return r;
        const Vector *v = &condition->v;
        uint16_t *yes = expr_rows(s), *no = expr_rows(s);
        if (!yes || !no)
            return mem_arena_error(s->arena);
        uint32_t n_yes = 0, n_no = 0;
        const uint8_t *pass = v->values;
        EXPR_FOR_ROWS(scopes[i].sel, scopes[i].n, row)
        {
            bool is_true = !vec_row_is_null(v, row) && pass[vec_index(v, row)];
            yes[n_yes] = no[n_no] = (uint16_t)row;
            n_yes += is_true;
            n_no += !is_true;
        }
        Scope branch = n_no == 0 ? scopes[i] : expr_scope(s, &scopes[i], yes, n_yes);
        r = take_branch(s, step, step->args[2 * i + 1], &branch, out);
        if (r)
            return r;
        if (n_yes > 0)
            scopes[i + 1] = expr_scope(s, &scopes[i], no, n_no);
    }
    if (step->n_args % 2)
        return take_branch(s, step, step->args[step->n_args - 1], &scopes[n_pairs], out);
    return null_rows(&scopes[n_pairs], out);
}

static int eval_coalesce(ExprState *s, const Step *step, const Scope *scope, Reg *out)
{
    int r = begin_choice(s, step, out);
    if (r)
        return r;
    Scope *scopes = mem_arena_new_array(s->strings, Scope, step->n_args + 1);
    if (!scopes)
        return mem_arena_error(s->strings);
    scopes[0] = *scope;
    for (uint32_t i = 0; i < step->n_args; i++) {
        Reg *arg;
        scopes[i + 1] = scopes[i];
        if (scopes[i].n == 0)
            break;
        r = expr_step(s, step->args[i], &scopes[i], &arg);
        if (r)
            return r;
        uint32_t mark = s->scratch_used;
        uint16_t *have = expr_rows(s), *lack = expr_rows(s);
        if (!have || !lack)
            return mem_arena_error(s->arena);
        uint32_t n_have = 0, n_lack = 0;
        EXPR_FOR_ROWS(scopes[i].sel, scopes[i].n, row)
        {
            bool null = vec_row_is_null(&arg->v, row);
            have[n_have] = lack[n_lack] = (uint16_t)row;
            n_have += !null;
            n_lack += null;
        }
        if (n_have == 0) { /* thousands of arguments without a value need no memory each */
            s->scratch_used = mark;
            continue;
        }
        Scope found = expr_scope(s, &scopes[i], have, n_have);
        r = copy_rows(s, step, arg, &found, out);
        if (r)
            return r;
        scopes[i + 1] = expr_scope(s, &scopes[i], lack, n_lack);
    }
    return null_rows(&scopes[step->n_args], out);
}

static int eval_nullif(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                       Reg *out)
{
    const Vector *a, *b;
    int r = begin_choice(s, step, out);
    if (r)
        return r;
    r = copy_rows(s, step, args[0], scope, out);
    if (r)
        return r;
    if (args[0]->v.type.kind == TYPE_NULL || args[1]->v.type.kind == TYPE_NULL)
        return 0;
    bool wide = args[0]->v.phys == PHYS_I128 || args[1]->v.phys == PHYS_I128;
    r = wide ? expr_flat_wide(s, args[0], scope, &a) : expr_flat(s, args[0], scope, &a);
    if (r)
        return r;
    r = wide ? expr_flat_wide(s, args[1], scope, &b) : expr_flat(s, args[1], scope, &b);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        if (vec_row_is_null(a, row) || vec_row_is_null(b, row))
            continue;
        if (vec_value_compare(a->phys, vec_value_at(a, row), vec_value_at(b, row)) == 0)
            vec_bit_clear(out->valid, row);
    }
    return 0;
}

/* The first row that is wanted ends the query; a null message too, with no text. */
static int eval_raise(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    if (scope->n == 0)
        return expr_out_null(s, step, out);
    const Vector *text;
    int r = expr_flat(s, args[0], scope, &text);
    if (r)
        return r;
    uint32_t row = scope->sel ? scope->sel[0] : 0;
    return expr_fail_raise(s, step, vec_row_is_null(text, row) ? NULL : vec_value_at(text, row));
}

/* Value arguments must lie in memory as the result does; a bare NULL always may. */
static bool same_phys(const Step *step, const Step *arg)
{
    return arg->phys == step->phys || arg->type.kind == TYPE_NULL;
}

bool expr_bind_logic(Step *step, const Step *steps)
{
    if (step->kind == EXPR_CASE || step->function == FN_IF) {
        if (step->n_args < 2 || (step->function == FN_IF && step->n_args != 3))
            return false;
        for (uint32_t i = 0; i < step->n_args; i++) {
            bool condition = i % 2 == 0 && i + 1 < step->n_args;
            const Step *arg = &steps[step->args[i]];
            if (condition ? arg->phys != PHYS_BOOL : !same_phys(step, arg))
                return false;
        }
        step->lazy = eval_case;
        return true;
    }
    switch (step->function) {
    case FN_AND:
    case FN_OR:
        for (uint32_t i = 0; i < step->n_args; i++)
            if (steps[step->args[i]].phys != PHYS_BOOL)
                return false;
        step->lazy = eval_and_or;
        return step->n_args > 0;
    case FN_NOT:
        if (step->n_args != 1 || steps[step->args[0]].phys != PHYS_BOOL)
            return false;
        step->eval = eval_not;
        return true;
    case FN_IS_NULL:
    case FN_IS_NOT_NULL:
        step->eval = eval_is_null;
        return step->n_args == 1;
    case FN_COALESCE:
        for (uint32_t i = 0; i < step->n_args; i++)
            if (!same_phys(step, &steps[step->args[i]]))
                return false;
        step->lazy = eval_coalesce;
        return step->n_args > 0;
    case FN_RAISE:
        if (step->n_args != 2 || steps[step->args[0]].phys != PHYS_STRING ||
            steps[step->args[1]].kind != EXPR_LITERAL)
            return false;
        step->eval = eval_raise;
        return true;
    case FN_NULLIF:
        if (step->n_args != 2 || !same_phys(step, &steps[step->args[0]]) ||
            !same_phys(step, &steps[step->args[1]]))
            return false;
        step->eval = eval_nullif;
        return true;
    default:
        return false;
    }
}
