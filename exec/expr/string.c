/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include "exec/expr/utf8.h"
#include "exec/kernel/find.h"

/*
 * Functions of strings. Characters are UTF-8 code points; a byte that starts none counts as one.
 * Results point into their argument where they can, else into the batch's bytes.
 */

#define STRING_RESULT_MAX (UINT32_C(1) << 30)

static const VecString *string_at(const Vector *v, uint32_t row)
{
    return (const VecString *)v->values + (row & expr_mask(v));
}

static int64_t int_at(const Vector *v, uint32_t row)
{
    row &= expr_mask(v);
    return v->phys == PHYS_I32 ? ((const int32_t *)v->values)[row]
                               : ((const int64_t *)v->values)[row];
}

static int begin_rows(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out, void *ret_values, const Vector **ret_args,
                      const uint16_t **ret_rows, uint32_t *ret_n)
{
    for (uint32_t i = 0; i < step->n_args; i++) {
        int r = expr_flat(s, args[i], scope, &ret_args[i]);
        if (r)
            return r;
    }
    int r = expr_out(s, out, step->type, step->phys, ret_values);
    if (r)
        return r;
    return expr_live_rows(s, scope, ret_args, step->n_args, out, ret_rows, ret_n);
}

/* Part of a string that outlives the result: short parts are copied into it. */
static VecString part(const VecString *s, uint32_t from, uint32_t to)
{
    return vec_string(vec_string_data(s) + from, to - from);
}

static int eval_length(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                       Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    int32_t *values;
    int r = begin_rows(s, step, scope, args, out, &values, &v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *x = string_at(v, row);
        values[row] =
            (int32_t)(v->type.kind == TYPE_BINARY ? x->length
                                                  : utf8_count(vec_string_data(x), x->length));
    }
    return 0;
}

static int eval_case_fold(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    bool upper = step->function == FN_UPPER;
    int r = begin_rows(s, step, scope, args, out, &values, &v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *x = string_at(v, row);
        const char *from = vec_string_data(x);
        if (x->length > STRING_RESULT_MAX)
            return expr_fail_overflow(s, step, upper ? "upper" : "lower");
        /* A mapped character may take one byte more. */
        char *to = expr_bytes(s, x->length + x->length / 2 + 4);
        if (!to)
            return mem_arena_error(s->strings);
        values[row] = vec_string(to, utf8_map_case(from, x->length, upper, to));
    }
    return 0;
}

/* Characters to take off: a blank, or those of the second argument. */
static bool in_trim_set(const char *text, uint32_t n, const VecString *set)
{
    if (!set)
        return n == 1 && *text == ' ';
    const char *at = vec_string_data(set);
    for (uint32_t i = 0; i < set->length;) {
        uint32_t next = utf8_next(at, set->length, i);
        if (next - i == n && memcmp(at + i, text, n) == 0)
            return true;
        i = next;
    }
    return false;
}

static int eval_trim(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    int r = begin_rows(s, step, scope, args, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *x = string_at(v[0], row);
        const VecString *set = step->n_args == 2 ? string_at(v[1], row) : NULL;
        const char *text = vec_string_data(x);
        uint32_t from = 0, to = x->length;
        while (step->function != FN_RTRIM && from < to) {
            uint32_t next = utf8_next(text, to, from);
            if (!in_trim_set(text + from, next - from, set))
                break;
            from = next;
        }
        while (step->function != FN_LTRIM && to > from) {
            uint32_t last = utf8_previous(text, from, to);
            if (!in_trim_set(text + last, to - last, set))
                break;
            to = last;
        }
        values[row] = part(x, from, to);
    }
    return 0;
}

/* Byte offset of the character number @index, or the end. */
static uint32_t offset_of(const VecString *x, int64_t index)
{
    const char *text = vec_string_data(x);
    uint32_t at = 0;
    for (; index > 0 && at < x->length; index--)
        at = utf8_next(text, x->length, at);
    return at;
}

/* Spark's substring: 1-based, 0 means 1, negative counts from the end; the length is counted from
 * the position even where that lies before the start. */
static VecString substring(const VecString *x, int64_t position, int64_t length)
{
    const char *text = vec_string_data(x);
    int64_t start, end;

    if (position > 0) {
        start = position - 1;
    } else if (position < 0) {
        start = (int64_t)utf8_count(text, x->length) + position;
    } else {
        start = 0;
    }
    if (length <= 0)
        return vec_string("", 0);
    end = start + length;
    start = start < 0 ? 0 : start;
    if (end <= start)
        return vec_string("", 0);
    uint32_t from = offset_of(x, start), to = from;
    for (int64_t i = start; i < end && to < x->length; i++)
        to = utf8_next(text, x->length, to);
    return part(x, from, to);
}

static int eval_substring(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v[3];
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    int r = begin_rows(s, step, scope, args, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *x = string_at(v[0], row);
        int64_t a = int_at(v[1], row);
        if (step->function == FN_SUBSTRING)
            values[row] = substring(x, a, step->n_args == 3 ? int_at(v[2], row) : INT32_MAX);
        else if (step->function == FN_LEFT)
            values[row] = substring(x, 1, a);
        else
            values[row] = a <= 0 ? vec_string("", 0) : substring(x, -a, a);
        if (step->function == FN_RIGHT && a > 0 &&
            (int64_t)utf8_count(vec_string_data(x), x->length) <= a)
            values[row] = *x;
    }
    return 0;
}

static int eval_concat(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                       Reg *out)
{
    const Vector **v = mem_arena_alloc(s->strings, sizeof(Vector *) * (step->n_args + 1), 8);
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    if (!v)
        return mem_arena_error(s->strings);
    int r = begin_rows(s, step, scope, args, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        uint64_t length = 0;
        for (uint32_t i = 0; i < step->n_args; i++)
            length += string_at(v[i], row)->length;
        if (length > STRING_RESULT_MAX)
            return expr_fail_overflow(s, step, "concat");
        char small[VEC_STRING_INLINE];
        char *bytes = length <= sizeof(small) ? small : expr_bytes(s, (uint32_t)length);
        if (!bytes)
            return mem_arena_error(s->strings);
        uint32_t at = 0;
        for (uint32_t i = 0; i < step->n_args; i++) {
            const VecString *x = string_at(v[i], row);
            memcpy(bytes + at, vec_string_data(x), x->length);
            at += x->length;
        }
        values[row] = vec_string(bytes, at);
    }
    return 0;
}

static int replace_one(ExprState *s, const Step *step, const VecString *x, const VecString *what,
                       const VecString *with, VecString *ret)
{
    const char *text = vec_string_data(x), *needle = vec_string_data(what);
    const char *end = text + x->length;
    uint64_t hits = 0;

    if (what->length == 0) {
        *ret = *x;
        return 0;
    }
    for (const char *at = text; (at = find_bytes(at, (size_t)(end - at), needle, what->length));
         at += what->length)
        hits++;
    if (hits == 0) {
        *ret = *x;
        return 0;
    }
    uint64_t length = x->length - hits * what->length + hits * with->length;
    if (length > STRING_RESULT_MAX)
        return expr_fail_overflow(s, step, "replace");
    char *bytes = expr_bytes(s, (uint32_t)length), *to = bytes;
    if (!bytes)
        return mem_arena_error(s->strings);
    const char *at = text;
    for (uint64_t i = 0; i < hits; i++) {
        const char *hit = find_bytes(at, (size_t)(end - at), needle, what->length);
        memcpy(to, at, (size_t)(hit - at));
        to += hit - at;
        memcpy(to, vec_string_data(with), with->length);
        to += with->length;
        at = hit + what->length;
    }
    memcpy(to, at, (size_t)(end - at));
    *ret = vec_string(bytes, (uint32_t)length);
    return 0;
}

static int eval_replace(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    const Vector *v[3];
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    const VecString nothing = vec_string("", 0);
    int r = begin_rows(s, step, scope, args, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        r = replace_one(s, step, string_at(v[0], row), string_at(v[1], row),
                        step->n_args == 3 ? string_at(v[2], row) : &nothing, &values[row]);
        if (r)
            return r;
    }
    return 0;
}

static int eval_find(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        const VecString *x = string_at(v[0], row), *y = string_at(v[1], row);
        const char *text = vec_string_data(x), *needle = vec_string_data(y);
        const char *hit;
        switch (step->function) {
        case FN_STARTS_WITH:
            ((uint8_t *)values)[row] =
                x->length >= y->length && memcmp(text, needle, y->length) == 0;
            break;
        case FN_ENDS_WITH:
            ((uint8_t *)values)[row] = x->length >= y->length &&
                                       memcmp(text + x->length - y->length, needle, y->length) == 0;
            break;
        case FN_CONTAINS:
            ((uint8_t *)values)[row] = find_bytes(text, x->length, needle, y->length) != NULL;
            break;
        default:
            /* The character's number, from 1; 0 when absent. */
            hit = find_bytes(text, x->length, needle, y->length);
            ((int32_t *)values)[row] =
                hit ? (int32_t)utf8_count(text, (uint32_t)(hit - text)) + 1 : 0;
        }
    }
    return 0;
}

bool expr_bind_string_plain(Step *step, const Step *steps)
{
    const Step *a = step->n_args > 0 ? &steps[step->args[0]] : NULL;
    const Step *b = step->n_args > 1 ? &steps[step->args[1]] : NULL;
    const Step *c = step->n_args > 2 ? &steps[step->args[2]] : NULL;
    bool string = a && a->phys == PHYS_STRING;

    switch (step->function) {
    case FN_LENGTH:
        step->eval = eval_length;
        return step->n_args == 1 && string && step->phys == PHYS_I32;
    case FN_LOWER:
    case FN_UPPER:
        step->eval = eval_case_fold;
        return step->n_args == 1 && string;
    case FN_TRIM:
    case FN_LTRIM:
    case FN_RTRIM:
        step->eval = eval_trim;
        return string && (step->n_args == 1 || (step->n_args == 2 && b->phys == PHYS_STRING));
    case FN_SUBSTRING:
        step->eval = eval_substring;
        return string && step->n_args >= 2 && step->n_args <= 3 && b->phys == PHYS_I32 &&
               (!c || c->phys == PHYS_I32);
    case FN_LEFT:
    case FN_RIGHT:
        step->eval = eval_substring;
        return string && step->n_args == 2 && b->phys == PHYS_I32;
    case FN_CONCAT:
        for (uint32_t i = 0; i < step->n_args; i++)
            if (steps[step->args[i]].phys != PHYS_STRING)
                return false;
        step->eval = eval_concat;
        return step->n_args > 0;
    case FN_REPLACE:
        step->eval = eval_replace;
        return string && step->n_args >= 2 && step->n_args <= 3 && b->phys == PHYS_STRING &&
               (!c || c->phys == PHYS_STRING);
    case FN_STARTS_WITH:
    case FN_ENDS_WITH:
    case FN_CONTAINS:
        step->eval = eval_find;
        return step->n_args == 2 && string && b->phys == PHYS_STRING && step->phys == PHYS_BOOL;
    case FN_INSTR:
        step->eval = eval_find;
        return step->n_args == 2 && string && b->phys == PHYS_STRING && step->phys == PHYS_I32;
    default:
        return false;
    }
}
