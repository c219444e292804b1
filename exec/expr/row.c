/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "exec/plan/function_table.h"

const RowRule *row_rule(FunctionId id)
{
    static const RowRule *const families[] = {
        row_rules_math,    row_rules_text,   row_rules_regex,    row_rules_hash,
        row_rules_code,    row_rules_zone,   row_rules_interval, row_rules_format,
        row_rules_letters, row_rules_random, row_rules_date};
    if (id < FN_ROW_FIRST || id >= FN_ROW_LAST)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const RowRule *rule = &families[i][id - FN_ROW_FIRST];
        if (rule->row || rule->math)
            return rule;
    }
    return NULL;
}

bool row_can_fail(FunctionId id)
{
    const RowRule *rule = row_rule(id);
    return rule && !(rule->flags & ROW_SAFE);
}

int row_memo(ExprState *s, const Step *step, RowMemo **ret_memo)
{
    uint32_t number = (uint32_t)(step - s->program->steps);
    if (!s->memos) {
        s->memos = mem_arena_new_array(s->arena, RowMemo *, s->program->n_steps + 1);
        if (!s->memos)
            return mem_arena_error(s->arena);
    }
    RowMemo *memo = s->memos[number];
    if (!memo) {
        memo = mem_arena_new_of(s->arena, RowMemo);
        if (!memo)
            return mem_arena_error(s->arena);
        int r = mem_arena_new(s->pool, "expression", &memo->arena);
        if (r)
            return r;
        s->memos[number] = memo;
    }
    *ret_memo = memo;
    return 0;
}

void expr_memos_free(ExprState *s)
{
    for (uint32_t i = 0; s->memos && i < s->program->n_steps; i++)
        if (s->memos[i])
            mem_arena_free(s->memos[i]->arena);
}

int row_set_text(RowCall *c, const char *bytes, size_t n)
{
    int r;
    if (n <= VEC_STRING_INLINE)
        return row_set_part(c, vec_string(bytes, (uint32_t)n));
    char *to = row_bytes(c, n, &r);
    if (!to)
        return r;
    memcpy(to, bytes, n);
    return row_set_part(c, vec_string(to, (uint32_t)n));
}

int row_too_large(RowCall *c, uint64_t n)
{
    return row_fail(c, DATA_ERROR_RUNTIME, "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER", "54000",
                    "The result would have %llu bytes, more than %u.", (unsigned long long)n,
                    ROW_STRING_MAX);
}

char *row_bytes(RowCall *c, uint64_t n, int *ret_r)
{
    if (n > ROW_STRING_MAX) {
        *ret_r = row_too_large(c, n);
        return NULL;
    }
    char *bytes = expr_bytes(c->s, (uint32_t)n);
    *ret_r = bytes ? 0 : mem_arena_error(c->s->strings);
    return bytes;
}

int row_text_add(RowCall *c, RowText *text, const char *bytes, size_t n)
{
    if (n == 0 && text->bytes)
        return 0;
    if (!text->bytes || text->n + n > text->capacity) {
        size_t capacity = (text->n + n) * 2 + 64;
        int r;
        char *larger = row_bytes(c, capacity, &r);
        if (!larger)
            return r;
        if (text->n > 0)
            memcpy(larger, text->bytes, text->n);
        text->bytes = larger;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->n, bytes, n);
    text->n += n;
    return 0;
}

int row_fail(RowCall *c, DataErrorKind kind, const char *class, const char *sqlstate,
             const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    query_error_set(c->s->error, kind, class, sqlstate, "%s", text);
    if (c->s->error && c->step->expr && c->step->expr->position && !c->s->error->start)
        c->s->error->start = c->step->expr->position;
    return QUERY_E_FAILED;
}

static int begin(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out,
                 void *ret_values, const Vector ***ret_args)
{
    const Vector **v = mem_arena_alloc(s->strings, sizeof(Vector *) * (step->n_args + 1), 8);
    if (!v)
        return mem_arena_error(s->strings);
    *ret_args = v;
    for (uint32_t i = 0; i < step->n_args; i++) {
        int r = expr_flat(s, args[i], scope, &v[i]);
        if (r)
            return r;
    }
    return expr_out(s, out, step->type, step->phys, ret_values);
}

static int eval_rows(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const RowRule *rule = row_rule(step->function);
    const Vector **v = NULL;
    const uint16_t *rows = scope->sel;
    uint32_t n = scope->n;
    void *values;
    RowMemo *memo = NULL;
    int r = begin(s, step, scope, args, out, &values, &v);
    if (r == 0 && !(rule->flags & ROW_NULLS))
        r = expr_live_rows(s, scope, v, step->n_args, out, &rows, &n);
    if (r == 0)
        r = row_memo(s, step, &memo);
    if (r)
        return r;
    RowCall call = {
        .s = s, .step = step, .v = v, .n_args = step->n_args, .values = values, .memo = memo};
    EXPR_FOR_ROWS(rows, n, row)
    {
        call.row = row;
        r = rule->row(&call);
        if (r)
            return r;
        if (!call.is_null)
            continue;
        call.is_null = false;
        if (!out->v.has_nulls) {
            r = expr_out_valid(s, out);
            if (r)
                return r;
        }
        vec_bit_clear(out->valid, row);
    }
    return 0;
}

static int eval_math(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    double (*math)(double) = row_rule(step->function)->math;
    const Vector **v = NULL;
    const uint16_t *rows;
    uint32_t n;
    double *values;
    int r = begin(s, step, scope, args, out, &values, &v);
    if (r == 0)
        r = expr_live_rows(s, scope, v, 1, out, &rows, &n);
    if (r)
        return r;
    const double *from = v[0]->values;
    uint32_t mask = expr_mask(v[0]);
    EXPR_FOR_ROWS(rows, n, row)
    values[row] = math(from[row & mask]);
    return 0;
}

/* Is the argument in memory what the letter of the signature says? */
static bool fits(char letter, const Step *arg)
{
    switch (letter) {
    case 's':
    case 'y':
    case 'S':
        return arg->phys == PHYS_STRING;
    case 'b':
        return arg->phys == PHYS_BOOL;
    case 'i':
    case 'D':
        return arg->phys == PHYS_I32;
    case 'l':
    case 't':
    case 'w':
        return arg->phys == PHYS_I64;
    case 'd':
        return arg->phys == PHYS_F64;
    case 'I':
        return arg->phys >= PHYS_I8 && arg->phys <= PHYS_I64;
    default:
        return true;
    }
}

bool expr_bind_row(Step *step, const Step *steps)
{
    const RowRule *rule = row_rule(step->function);
    const FunctionSigned *f = function_signed_by_id(step->function);
    if (!rule || !f)
        return false;
    const char *letter = f->signature;
    for (uint32_t i = 0; i < step->n_args && *letter != '*'; i++) {
        if (*letter == '|')
            letter++;
        if (*letter == '>' || !*letter || !fits(*letter, &steps[step->args[i]]))
            return false;
        if (letter[1] != '.')
            letter++;
    }
    if (rule->math &&
        (step->n_args != 1 || steps[step->args[0]].phys != PHYS_F64 || step->phys != PHYS_F64))
        return false;
    step->eval = rule->math ? eval_math : eval_rows;
    return true;
}

/* --- try --- */

static void copy_value(const Vector *from, uint32_t row, PhysKind phys, void *values, uint32_t to)
{
    uint32_t at = vec_index(from, row);
    if (from->phys != phys) { /* a narrow decimal */
        ((i128 *)values)[to] = ((const int64_t *)from->values)[at];
        return;
    }
    size_t size = phys_size(phys);
    memcpy((uint8_t *)values + (size_t)to * size, (const uint8_t *)from->values + (size_t)at * size,
           size);
}

/* The call's register may be filled again for other rows, so its values are not borrowed. */
static int copy_all(ExprState *s, const Step *step, const Scope *scope, const Reg *reg, Reg *out)
{
    uint8_t *values;
    int r = expr_out(s, out, step->type, reg->v.phys, &values);
    if (r == 0 && reg->v.has_nulls)
        r = expr_out_valid(s, out);
    if (r)
        return r;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        copy_value(&reg->v, row, reg->v.phys, values, row);
        if (vec_row_is_null(&reg->v, row))
            vec_bit_clear(out->valid, row);
    }
    return 0;
}

/*
 * The arguments of the call are computed first, and may fail. Then the call for all rows; if that
 * fails, for one row after the other.
 */
static int eval_try(ExprState *s, const Step *step, const Scope *scope, Reg *out)
{
    const Step *call = &s->program->steps[step->args[0]];
    Reg *reg;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < call->n_args; i++)
        r = expr_step(s, call->args[i], scope, &reg);
    if (r)
        return r;
    QueryError *error = s->error;
    s->error = NULL;
    r = expr_step(s, step->args[0], scope, &reg);
    s->error = error;
    out->bounded = false;
    if (r == 0)
        return copy_all(s, step, scope, reg, out);
    if (r != QUERY_E_FAILED)
        return r;
    void *values;
    r = expr_out(s, out, step->type, step->phys, &values);
    if (r == 0)
        r = expr_out_valid(s, out);
    uint16_t *one = r == 0 ? expr_rows(s) : NULL;
    if (!one)
        return r ? r : mem_arena_error(s->arena);
    uint64_t *valid = out->valid;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        one[0] = (uint16_t)row;
        Scope inner = expr_scope(s, scope, one, 1);
        s->error = NULL;
        r = expr_step(s, step->args[0], &inner, &reg);
        s->error = error;
        if (r && r != QUERY_E_FAILED)
            return r;
        if (r || vec_row_is_null(&reg->v, row))
            vec_bit_clear(valid, row);
        else
            copy_value(&reg->v, row, step->phys, values, row);
    }
    return 0;
}

bool expr_bind_try(Step *step)
{
    step->lazy = eval_try;
    return step->function == FN_TRY && step->n_args == 1;
}
