/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <strings.h>

#include "exec/kernel/civil.h"

/* Dates are days, timestamps microseconds, both since 1970 in UTC. */

static int begin_rows(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      uint32_t n_args, Reg *out, void *ret_values, const Vector **ret_args,
                      const uint16_t **ret_rows, uint32_t *ret_n)
{
    for (uint32_t i = 0; i < n_args; i++) {
        int r = expr_flat(s, args[i], scope, &ret_args[i]);
        if (r)
            return r;
    }
    int r = expr_out(s, out, step->type, step->phys, ret_values);
    if (r)
        return r;
    return expr_live_rows(s, scope, ret_args, n_args, out, ret_rows, ret_n);
}

static bool is_timestamp(Type t)
{
    return t.kind == TYPE_TIMESTAMP || t.kind == TYPE_TIMESTAMP_NTZ;
}

static bool is_date_or_timestamp(Type t)
{
    return t.kind == TYPE_DATE || is_timestamp(t);
}

static int64_t load(const Vector *v, uint32_t row)
{
    row &= expr_mask(v);
    return v->phys == PHYS_I32 ? ((const int32_t *)v->values)[row]
                               : ((const int64_t *)v->values)[row];
}

static int32_t days_of(const Vector *v, uint32_t row)
{
    int64_t x = load(v, row);
    return v->phys == PHYS_I32 ? (int32_t)x : (int32_t)civil_floor_div(x, CIVIL_MICROS_PER_DAY);
}

static int32_t part_of_date(FunctionId f, int32_t days)
{
    Civil c;

    if (f == FN_DAY_OF_WEEK) /* Sunday is 1; 1970-01-01 was a Thursday */
        return (int32_t)civil_floor_mod((int64_t)days + 4, 7) + 1;
    c = civil_from_days(days);
    switch (f) {
    case FN_YEAR:
        return c.year;
    case FN_MONTH:
        return (int32_t)c.month;
    case FN_DAY:
        return (int32_t)c.day;
    case FN_QUARTER:
        return (int32_t)(c.month - 1) / 3 + 1;
    default:
        return days - civil_to_days(c.year, 1, 1) + 1;
    }
}

static int eval_date_part(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    int32_t *values;
    int r = begin_rows(s, step, scope, args, 1, out, &values, &v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    values[row] = part_of_date(step->function, days_of(v, row));
    return 0;
}

static int eval_time_part(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    int32_t *values;
    int r = begin_rows(s, step, scope, args, 1, out, &values, &v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t second =
            civil_floor_mod(load(v, row), CIVIL_MICROS_PER_DAY) / CIVIL_MICROS_PER_SECOND;
        values[row] = (int32_t)(step->function == FN_HOUR     ? second / 3600
                                : step->function == FN_MINUTE ? second / 60 % 60
                                                              : second % 60);
    }
    return 0;
}

/* date_add, date_sub, date_diff */
static int eval_date_days(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    int32_t *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t a = days_of(v[0], row);
        int64_t b = step->function == FN_DATE_DIFF ? days_of(v[1], row) : load(v[1], row);
        int64_t x = step->function == FN_DATE_ADD ? a + b : a - b;
        if (x < INT32_MIN || x > INT32_MAX)
            return expr_fail_datetime(s, step, "the date leaves its range");
        values[row] = (int32_t)x;
    }
    return 0;
}

static int add_months(ExprState *s, const Step *step, int64_t value, bool timestamp, int64_t months,
                      int64_t *ret)
{
    int32_t days;

    if (!timestamp) {
        if (!civil_add_months((int32_t)value, months, &days))
            return expr_fail_datetime(s, step, "add months to a date");
        *ret = days;
        return 0;
    }
    int64_t day = civil_floor_div(value, CIVIL_MICROS_PER_DAY);
    int64_t rest = civil_floor_mod(value, CIVIL_MICROS_PER_DAY), micros;
    if (!civil_add_months((int32_t)day, months, &days) ||
        __builtin_mul_overflow((int64_t)days, CIVIL_MICROS_PER_DAY, &micros) ||
        __builtin_add_overflow(micros, rest, ret))
        return expr_fail_datetime(s, step, "add months to a timestamp");
    return 0;
}

/* add_months(date or timestamp, int) and date or timestamp + interval. */
static int eval_add_interval(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                             Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    bool timestamp = is_timestamp(v[0]->type), to_timestamp = is_timestamp(step->type);
    bool micros = v[1]->type.kind == TYPE_INTERVAL_DT;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t a = load(v[0], row), b = load(v[1], row), x = 0;
        if (!micros) {
            r = add_months(s, step, a, timestamp, b, &x);
            if (r)
                return r;
        } else if (!timestamp && !to_timestamp) {
            /* A date plus whole days stays a date. */
            x = a + civil_floor_div(b, CIVIL_MICROS_PER_DAY);
        } else {
            if ((!timestamp && __builtin_mul_overflow(a, CIVIL_MICROS_PER_DAY, &a)) ||
                __builtin_add_overflow(a, b, &x))
                return expr_fail_datetime(s, step, "add an interval to a timestamp");
        }
        if (to_timestamp) {
            ((int64_t *)values)[row] = x;
            continue;
        }
        if (x < INT32_MIN || x > INT32_MAX)
            return expr_fail_datetime(s, step, "the date leaves its range");
        ((int32_t *)values)[row] = (int32_t)x;
    }
    return 0;
}

typedef enum TruncUnit {
    TRUNC_NONE,
    TRUNC_YEAR,
    TRUNC_QUARTER,
    TRUNC_MONTH,
    TRUNC_WEEK,
    TRUNC_DAY,
    TRUNC_HOUR,
    TRUNC_MINUTE,
    TRUNC_SECOND,
    TRUNC_MILLISECOND,
    TRUNC_MICROSECOND,
} TruncUnit;

static TruncUnit trunc_unit(const VecString *s)
{
    static const struct {
        const char *name;
        uint8_t unit;
    } names[] = {
        {"YEAR", TRUNC_YEAR},
        {"YYYY", TRUNC_YEAR},
        {"YY", TRUNC_YEAR},
        {"QUARTER", TRUNC_QUARTER},
        {"MONTH", TRUNC_MONTH},
        {"MM", TRUNC_MONTH},
        {"MON", TRUNC_MONTH},
        {"WEEK", TRUNC_WEEK},
        {"DAY", TRUNC_DAY},
        {"DD", TRUNC_DAY},
        {"HOUR", TRUNC_HOUR},
        {"MINUTE", TRUNC_MINUTE},
        {"SECOND", TRUNC_SECOND},
        {"MILLISECOND", TRUNC_MILLISECOND},
        {"MICROSECOND", TRUNC_MICROSECOND},
    };
    for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
        if (s->length == strlen(names[i].name) &&
            strncasecmp(vec_string_data(s), names[i].name, s->length) == 0)
            return (TruncUnit)names[i].unit;
    return TRUNC_NONE;
}

static int32_t trunc_days(TruncUnit unit, int32_t days)
{
    Civil c = civil_from_days(days);
    switch (unit) {
    case TRUNC_YEAR:
        return civil_to_days(c.year, 1, 1);
    case TRUNC_QUARTER:
        return civil_to_days(c.year, (c.month - 1) / 3 * 3 + 1, 1);
    case TRUNC_MONTH:
        return civil_to_days(c.year, c.month, 1);
    case TRUNC_WEEK: /* to Monday */
        return days - (int32_t)civil_floor_mod((int64_t)days + 3, 7);
    default:
        return days;
    }
}

static int64_t trunc_micros(TruncUnit unit, int64_t micros)
{
    static const int64_t units[] = {
        [TRUNC_DAY] = CIVIL_MICROS_PER_DAY,
        [TRUNC_HOUR] = 3600 * CIVIL_MICROS_PER_SECOND,
        [TRUNC_MINUTE] = 60 * CIVIL_MICROS_PER_SECOND,
        [TRUNC_SECOND] = CIVIL_MICROS_PER_SECOND,
        [TRUNC_MILLISECOND] = 1000,
        [TRUNC_MICROSECOND] = 1,
    };
    if (unit >= TRUNC_DAY)
        return micros - civil_floor_mod(micros, units[unit]);
    return trunc_days(unit, (int32_t)civil_floor_div(micros, CIVIL_MICROS_PER_DAY)) *
           CIVIL_MICROS_PER_DAY;
}

/* date_trunc(unit, timestamp) and trunc(unit, date): an unknown unit gives null. */
static int eval_trunc(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    const VecString *units = v[0]->values;
    uint32_t mask = expr_mask(v[0]);
    EXPR_FOR_ROWS(rows, n, row)
    {
        TruncUnit unit = trunc_unit(&units[row & mask]);
        bool date = step->phys == PHYS_I32;
        if (unit == TRUNC_NONE || (date && unit > TRUNC_WEEK)) {
            if (!out->v.has_nulls) {
                r = expr_out_valid(s, out);
                if (r)
                    return r;
            }
            vec_bit_clear(out->valid, row);
            continue;
        }
        if (date)
            ((int32_t *)values)[row] = trunc_days(unit, days_of(v[1], row));
        else if (v[1]->phys == PHYS_I32)
            ((int64_t *)values)[row] = trunc_micros(unit, load(v[1], row) * CIVIL_MICROS_PER_DAY);
        else
            ((int64_t *)values)[row] = trunc_micros(unit, load(v[1], row));
    }
    return 0;
}

static int eval_make_date(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v[3];
    const uint16_t *rows;
    uint32_t n;
    int32_t *values;
    int r = begin_rows(s, step, scope, args, 3, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t year = load(v[0], row), month = load(v[1], row), day = load(v[2], row);
        if (!civil_valid(year, month, day))
            return expr_fail_field(s, step, "Invalid value of year, month or day");
        values[row] = civil_to_days((int32_t)year, (uint32_t)month, (uint32_t)day);
    }
    return 0;
}

bool expr_bind_date(Step *step, const Step *steps)
{
    const Step *a = step->n_args > 0 ? &steps[step->args[0]] : NULL;
    const Step *b = step->n_args > 1 ? &steps[step->args[1]] : NULL;

    switch (step->function) {
    case FN_YEAR:
    case FN_MONTH:
    case FN_DAY:
    case FN_QUARTER:
    case FN_DAY_OF_WEEK:
    case FN_DAY_OF_YEAR:
        step->eval = eval_date_part;
        return step->n_args == 1 && is_date_or_timestamp(a->type) && step->phys == PHYS_I32;
    case FN_HOUR:
    case FN_MINUTE:
    case FN_SECOND:
        step->eval = eval_time_part;
        return step->n_args == 1 && is_timestamp(a->type) && step->phys == PHYS_I32;
    case FN_DATE_ADD:
    case FN_DATE_SUB:
        step->eval = eval_date_days;
        return step->n_args == 2 && is_date_or_timestamp(a->type) && b->phys == PHYS_I32 &&
               step->phys == PHYS_I32;
    case FN_DATE_DIFF:
        step->eval = eval_date_days;
        return step->n_args == 2 && is_date_or_timestamp(a->type) &&
               is_date_or_timestamp(b->type) && step->phys == PHYS_I32;
    case FN_ADD_MONTHS:
    case FN_DATE_ADD_INTERVAL:
        step->eval = eval_add_interval;
        return step->n_args == 2 && is_date_or_timestamp(a->type) &&
               (b->phys == PHYS_I32 || b->type.kind == TYPE_INTERVAL_DT) &&
               is_date_or_timestamp(step->type) &&
               (!is_timestamp(a->type) || is_timestamp(step->type));
    case FN_DATE_TRUNC:
        step->eval = eval_trunc;
        return step->n_args == 2 && a->phys == PHYS_STRING && is_date_or_timestamp(b->type) &&
               is_date_or_timestamp(step->type) &&
               (!is_timestamp(b->type) || is_timestamp(step->type));
    case FN_MAKE_DATE:
        step->eval = eval_make_date;
        return step->n_args == 3 && a->phys == PHYS_I32 && b->phys == PHYS_I32 &&
               steps[step->args[2]].phys == PHYS_I32 && step->phys == PHYS_I32;
    default:
        return false;
    }
}
