/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <math.h>
#include <stdlib.h>

#include "exec/kernel/decimal.h"
#include "exec/vec/interval.h"

/* Intervals: months or microseconds, whatever fields their type shows. */

static int overflow(RowCall *c)
{
    return row_fail(c, DATA_ERROR_ARITHMETIC, "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
                    "22015",
                    "Integer overflow while operating with intervals. Try devising "
                    "appropriate values for the interval parameters.");
}

static int set_interval(RowCall *c, i128 x)
{
    bool months = c->step->type.kind == TYPE_INTERVAL_YM;
    if (x > (months ? INT32_MAX : INT64_MAX) || x < (months ? INT32_MIN : INT64_MIN))
        return overflow(c);
    return row_set_int(c, (int64_t)x);
}

static i128 rounded_quotient(i128 a, i128 b)
{
    i128 q = a / b, r = a % b;
    i128 twice = (r < 0 ? -r : r) * 2, size = b < 0 ? -b : b;
    if (twice >= size)
        q += (a < 0) == (b < 0) ? 1 : -1;
    return q;
}

/* interval, unit: the same without what is smaller than the unit. */
static int row_cut(RowCall *c)
{
    int64_t x = row_int(c, 0);
    return row_set_int(c, x - x % row_int(c, 1));
}

/* interval, divisor, modulus (0: none) */
static int row_part(RowCall *c)
{
    int64_t x = row_int(c, 0) / row_int(c, 1), modulus = row_int(c, 2);
    return row_set_wide(c, modulus ? x % modulus : x);
}

/* number, unit */
static int row_of(RowCall *c)
{
    i128 product;
    if (__builtin_mul_overflow(row_wide(c, 0), (i128)row_int(c, 1), &product))
        return overflow(c);
    Type type = c->v[0]->type;
    return set_interval(
        c, type.kind == TYPE_DECIMAL ? rounded_quotient(product, dec_pow10(type.scale)) : product);
}

static int row_of_text(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    int64_t x;
    if (interval_parse(c->step->type, vec_string_data(text), text->length, &x))
        return row_set_int(c, x);
    int shown = text->length < 100 ? (int)text->length : 100;
    char type[64];
    return row_fail(c, DATA_ERROR_ILLEGAL, "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING",
                    "22006",
                    "Error parsing '%.*s' to interval. The interval string does not match "
                    "the format of %s.",
                    shown, vec_string_data(text), type_format(c->step->type, type, sizeof(type)));
}

/* Two points in time, or two numbers of one kind. */
static int row_between(RowCall *c)
{
    return set_interval(c, (i128)row_int(c, 0) - row_int(c, 1));
}

static int set_rounded(RowCall *c, long double x)
{
    x = roundl(x); /* halves away from zero */
    if (!(x > -9.3e18L && x < 9.3e18L))
        return overflow(c);
    return set_interval(c, (i128)x);
}

static int row_times(RowCall *c)
{
    Type by = c->v[1]->type;
    i128 x = row_int(c, 0), product;

    if (by.kind == TYPE_FLOAT || by.kind == TYPE_DOUBLE)
        return set_rounded(c, (long double)x * row_double(c, 1));
    if (__builtin_mul_overflow(x, row_wide(c, 1), &product))
        return overflow(c);
    return set_interval(c, by.kind == TYPE_DECIMAL ? rounded_quotient(product, dec_pow10(by.scale))
                                                   : product);
}

static int row_over(RowCall *c)
{
    Type by = c->v[1]->type;
    bool is_float = by.kind == TYPE_FLOAT || by.kind == TYPE_DOUBLE;
    i128 x = row_int(c, 0);

    if (is_float ? row_double(c, 1) == 0 : row_wide(c, 1) == 0)
        return row_fail(c, DATA_ERROR_ARITHMETIC, "INTERVAL_DIVIDED_BY_ZERO", "22012",
                        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return "
                        "NULL instead.");
    if (is_float)
        return set_rounded(c, (long double)x / row_double(c, 1));
    if (by.kind == TYPE_DECIMAL && __builtin_mul_overflow(x, dec_pow10(by.scale), &x))
        return overflow(c);
    i128 d = row_wide(c, 1), quotient = x / d;
    if (quotient > INT64_MAX || quotient < INT64_MIN)
        return overflow(c);
    return set_interval(c, rounded_quotient(x, d));
}

#define AT(f) [FN_INTERVAL_##f - FN_ROW_FIRST]

const RowRule row_rules_interval[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(CUT) = {.row = row_cut, .flags = ROW_SAFE},
    AT(PART) = {.row = row_part, .flags = ROW_SAFE},
    AT(OF) = {.row = row_of},
    AT(OF_TEXT) = {.row = row_of_text},
    AT(BETWEEN) = {.row = row_between},
    AT(TIMES) = {.row = row_times},
    AT(OVER) = {.row = row_over},
};
