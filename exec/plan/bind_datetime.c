/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of dates and clocks whose types no signature tells. */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_signed.h"
#include "exec/plan/datetime.h"
#include "exec/vec/interval.h"

static const char default_pattern[] = "yyyy-MM-dd HH:mm:ss";

static Expr *text_literal(Binder *b, const char *text)
{
    return bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                      (Literal){.s = vec_string(text, (uint32_t)strlen(text))}));
}

static Expr *long_literal(Binder *b, int64_t x)
{
    return bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = x}));
}

static bool is_clock(Type type)
{
    return type.kind == TYPE_DATE || type.kind == TYPE_TIMESTAMP || type.kind == TYPE_TIMESTAMP_NTZ;
}

/* ---- by patterns ---- */

static Expr *bind_date_format(Binder *b, const UExpr *e, Expr **args)
{
    Expr *made[3] = {bind_coerce(b, e, args[0], 0, TYPE(TIMESTAMP), "TIMESTAMP"),
                     bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING"), bind_zone_name(b)};
    return bind_signed_call(b, FN_DATE_FORMAT, TYPE(STRING), made, 3, 0);
}

/* Text by a pattern, as @type: a date, an instant or a clock on the wall. */
static Expr *parse_time(Binder *b, Expr *text, Expr *pattern, Type type, bool try)
{
    Expr *args[3] = {text, pattern, NULL};
    bool wall = type.kind == TYPE_TIMESTAMP_NTZ;
    args[2] = wall ? NULL : bind_zone_name(b);
    Expr *made =
        bind_signed_call(b, FN_PARSE_TIME, wall ? type : TYPE(TIMESTAMP), args, wall ? 2 : 3, '?');
    if (made && try)
        made = bind_signed_call(b, FN_TRY, made->type, &made, 1, '?');
    return bind_cast_to(b, made, type);
}

/* to_date(), to_timestamp(), to_timestamp_ntz(), to_timestamp_ltz() and try_ forms */
static Expr *bind_to_time(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    bool try = strncmp(e->name, "try_", 4) == 0;
    const char *name = e->name + (try ? 4 : 0);
    Type type = strcmp(name, "to_date") == 0            ? TYPE(DATE)
                : strcmp(name, "to_timestamp_ntz") == 0 ? TYPE(TIMESTAMP_NTZ)
                                                        : TYPE(TIMESTAMP);
    Type from = args[0]->type;
    if (n == 2 && (from.kind == TYPE_STRING || from.kind == TYPE_NULL)) {
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
        args[1] = bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING");
        return args[0] && args[1] ? parse_time(b, args[0], args[1], type, try) : NULL;
    }
    if (n == 2 && !is_clock(from))
        return bind_unexpected_input(b, e, 0, "STRING\" or \"DATE\" or \"TIMESTAMP", args[0]);
    if (!type_can_cast(from, type, b->context->settings.ansi))
        return bind_unexpected_input(b, e, 0, "STRING", args[0]);
    Expr *made = bind_cast_to(b, args[0], type);
    if (made && try && made != args[0] && (made->kind == EXPR_CALL || made->kind == EXPR_CAST))
        made = bind_signed_call(b, FN_TRY, type, &made, 1, '?');
    return made;
}

/* unix_timestamp(), to_unix_timestamp(), unix_seconds(), unix_millis(), unix_micros() */
static Expr *bind_unix_timestamp(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr *instant;
    int64_t unit = strcmp(e->name, "unix_micros") == 0   ? 1
                   : strcmp(e->name, "unix_millis") == 0 ? 1000
                                                         : 1000000;
    if (unit == 1 || unit == 1000 || strcmp(e->name, "unix_seconds") == 0) {
        instant = bind_coerce(b, e, args[0], 0, TYPE(TIMESTAMP), "TIMESTAMP");
    } else if (n == 0) {
        instant = bind_by_name(b, e, "current_timestamp", NULL, 0);
    } else if (is_clock(args[0]->type)) {
        instant = bind_cast_to(b, args[0], TYPE(TIMESTAMP));
    } else {
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
        Expr *pattern = n == 2 ? bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING")
                               : text_literal(b, default_pattern);
        instant =
            args[0] && pattern ? parse_time(b, args[0], pattern, TYPE(TIMESTAMP), false) : NULL;
    }
    Expr *divisor = long_literal(b, unit);
    return instant ? bind_signed_call(b, FN_FLOOR_QUOTIENT, TYPE(LONG),
                                      (Expr *[]){instant, divisor}, 2, 0)
                   : NULL;
}

/* ---- made of fields ---- */

static Expr *bind_make_timestamp(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    bool try = strncmp(e->name, "try_", 4) == 0;
    bool wall = strcmp(e->name + (try ? 4 : 0), "make_timestamp_ntz") == 0;
    if (wall && n == 7)
        return bind_wrong_number(b, e, 6, 6);
    for (uint32_t i = 0; i < 6; i++) {
        Type type = i < 5 ? TYPE(INT) : TYPE_DECIMAL_OF(16, 6);
        args[i] = bind_coerce(b, e, args[i], i, type, i < 5 ? "INT" : "DECIMAL(16,6)");
        if (!args[i])
            return NULL;
    }
    Expr *made = bind_signed_call(b, FN_MAKE_CLOCK, TYPE(TIMESTAMP_NTZ), args, 6, 0);
    if (made && try)
        made = bind_signed_call(b, FN_TRY, made->type, &made, 1, '?');
    if (!made || wall)
        return made;
    if (n < 7)
        return bind_cast_to(b, made, TYPE(TIMESTAMP));
    Expr *zone = bind_coerce(b, e, args[6], 6, TYPE(STRING), "STRING");
    return bind_signed_call(b, FN_ZONE_INSTANT, TYPE(TIMESTAMP), (Expr *[]){made, zone}, 2, 0);
}

/* @n pairs of an argument and its factor, added up as @type. */
static Expr *sum_products(Binder *b, Expr *const *args, const int64_t *factors, uint32_t n,
                          Type type)
{
    Expr *parts[8];
    for (uint32_t i = 0; i < n; i++) {
        parts[2 * i] = args[i];
        parts[2 * i + 1] = long_literal(b, factors[i]);
    }
    return bind_signed_call(b, FN_SUM_PRODUCTS, type, parts, 2 * n, 0);
}

static Expr *bind_make_interval(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    static const int64_t months[] = {12, 1};
    static const int64_t usecs[] = {USEC_PER_DAY, INT64_C(3600000000), 60000000, 1};
    bool ym = strcmp(e->name, "make_ym_interval") == 0;
    Expr *made[4];
    for (uint32_t i = 0; i < (ym ? 2u : 4u); i++) {
        Type type = i < 3 ? TYPE(INT) : TYPE_DECIMAL_OF(18, 6);
        made[i] = i < n ? bind_coerce(b, e, args[i], i, type, i < 3 ? "INT" : "DECIMAL(18,6)")
                        : bind_cast_to(b, bind_check(b, expr_int(b->arena, 0)), type);
        if (!made[i])
            return NULL;
    }
    return ym ? sum_products(b, made, months, 2, TYPE(INTERVAL_YM))
              : sum_products(b, made, usecs, 4, TYPE(INTERVAL_DT));
}

/* timestamp_seconds(), _millis(), _micros() */
static Expr *bind_timestamp_of(Binder *b, const UExpr *e, Expr **args)
{
    int64_t factor = strcmp(e->name, "timestamp_seconds") == 0  ? 1000000
                     : strcmp(e->name, "timestamp_millis") == 0 ? 1000
                                                                : 1;
    Type from = args[0]->type;
    if (from.kind == TYPE_NULL)
        return bind_check(b, expr_null(b->arena, TYPE(TIMESTAMP)));
    if (factor == 1000000 && type_is_numeric(from) && !type_is_integral(from))
        return bind_cast_to(b, args[0], TYPE(TIMESTAMP));
    if (!type_is_integral(from))
        return bind_unexpected_input(b, e, 0, factor == 1000000 ? "NUMERIC" : "INTEGRAL", args[0]);
    return sum_products(b, args, &factor, 1, TYPE(TIMESTAMP));
}

/* ---- units ---- */

typedef struct Unit {
    const char *name;
    int64_t months, usec; /* one of them */
    bool wall;            /* counted on the wall clock */
} Unit;

static const Unit *find_unit(Binder *b, const UExpr *e, const Expr *arg)
{
    static const Unit units[] = {{"YEAR", 12, 0, true},
                                 {"QUARTER", 3, 0, true},
                                 {"MONTH", 1, 0, true},
                                 {"WEEK", 0, 7 * USEC_PER_DAY, true},
                                 {"DAY", 0, USEC_PER_DAY, true},
                                 {"DAYOFYEAR", 0, USEC_PER_DAY, true},
                                 {"HOUR", 0, INT64_C(3600000000), false},
                                 {"MINUTE", 0, 60000000, false},
                                 {"SECOND", 0, 1000000, false},
                                 {"MILLISECOND", 0, 1000, false},
                                 {"MICROSECOND", 0, 1, false}};
    const VecString *s = &arg->literal.s;
    if (arg->kind == EXPR_LITERAL && arg->type.kind == TYPE_STRING && !arg->literal.is_null)
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
            if (strlen(units[i].name) == s->length &&
                strncasecmp(units[i].name, vec_string_data(s), s->length) == 0)
                return &units[i];
    return bind_error(b, e->position, e->stop, "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "22023",
                      "The value of parameter(s) `unit` in `%.40s` is invalid: expects one of the "
                      "units without quotes YEAR, QUARTER, MONTH, WEEK, DAY, DAYOFYEAR, HOUR, "
                      "MINUTE, SECOND, MILLISECOND, MICROSECOND, but got %.100s.",
                      e->name, uexpr_name(b, e->args[0]));
}

/* timestampadd(unit, n, clock) */
static Expr *bind_timestamp_add(Binder *b, const UExpr *e, Expr **args)
{
    const Unit *unit = find_unit(b, e, args[0]);
    if (!unit)
        return NULL;
    if (args[1]->type.kind != TYPE_LONG)
        args[1] = bind_coerce(b, e, args[1], 1, TYPE(INT), "BIGINT");
    if (args[2]->type.kind != TYPE_TIMESTAMP_NTZ)
        args[2] = bind_coerce(b, e, args[2], 2, TYPE(TIMESTAMP), "TIMESTAMP");
    if (!args[1] || !args[2])
        return NULL;
    Expr *interval = unit->months ? sum_products(b, &args[1], &unit->months, 1, TYPE(INTERVAL_YM))
                                  : sum_products(b, &args[1], &unit->usec, 1, TYPE(INTERVAL_DT));
    return interval ? bind_binary(b, e, FN_ADD, args[2], interval) : NULL;
}

/* timestampdiff(unit, from, to) */
static Expr *bind_timestamp_diff(Binder *b, const UExpr *e, Expr **args)
{
    const Unit *unit = find_unit(b, e, args[0]);
    if (!unit)
        return NULL;
    for (uint32_t i = 1; i < 3; i++) {
        if (args[i]->type.kind != TYPE_TIMESTAMP_NTZ || !unit->wall)
            args[i] = bind_coerce(b, e, args[i], i, TYPE(TIMESTAMP), "TIMESTAMP");
        if (args[i] && unit->wall)
            args[i] = bind_cast_to(b, args[i], TYPE(TIMESTAMP_NTZ));
        if (!args[i])
            return NULL;
    }
    Expr *made[3] = {args[1], args[2], long_literal(b, unit->months ? unit->months : unit->usec)};
    return bind_signed_call(b, unit->months ? FN_MONTHS_APART : FN_TIME_APART, TYPE(LONG), made, 3,
                            0);
}

/* ---- others ---- */

/* convert_timezone([from,] to, clock on the wall) */
static Expr *bind_convert_timezone(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr *from = n == 3 ? bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING") : bind_zone_name(b);
    Expr *to = bind_coerce(b, e, args[n - 2], n - 2, TYPE(STRING), "STRING");
    Expr *wall = args[n - 1];
    if (wall->type.kind != TYPE_TIMESTAMP_NTZ) {
        if (!is_clock(wall->type) && wall->type.kind != TYPE_STRING && wall->type.kind != TYPE_NULL)
            return bind_unexpected_input(b, e, n - 1, "TIMESTAMP_NTZ", wall);
        wall = bind_cast_to(b, wall, TYPE(TIMESTAMP_NTZ));
    }
    Expr *instant =
        bind_signed_call(b, FN_ZONE_INSTANT, TYPE(TIMESTAMP), (Expr *[]){wall, from}, 2, 0);
    return instant ? bind_signed_call(b, FN_ZONE_WALL, TYPE(TIMESTAMP_NTZ), (Expr *[]){instant, to},
                                      2, 0)
                   : NULL;
}

static Expr *bind_months_between(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr *made[3] = {bind_clock_argument(b, e, args[0], 0), bind_clock_argument(b, e, args[1], 1),
                     n == 3 ? bind_coerce(b, e, args[2], 2, TYPE(BOOLEAN), "BOOLEAN")
                            : bind_check(b, expr_bool(b->arena, true))};
    return bind_signed_call(b, FN_MONTHS_BETWEEN, TYPE(DOUBLE), made, 3, 0);
}

/* ---- fields ---- */

Expr *bind_date_part(Binder *b, const UExpr *e, Expr **args)
{
    static const struct {
        const char *name;
        const char *function;
    } fields[] = {{"year", "year"},
                  {"y", "year"},
                  {"years", "year"},
                  {"yr", "year"},
                  {"quarter", "quarter"},
                  {"qtr", "quarter"},
                  {"month", "month"},
                  {"mon", "month"},
                  {"months", "month"},
                  {"day", "day"},
                  {"d", "day"},
                  {"days", "day"},
                  {"dayofweek", "dayofweek"},
                  {"dow", "dayofweek"},
                  {"dayofweek_iso", "#dayofweek_iso"},
                  {"dow_iso", "#dayofweek_iso"},
                  {"week", "weekofyear"},
                  {"w", "weekofyear"},
                  {"weeks", "weekofyear"},
                  {"yearofweek", "#yearofweek"},
                  {"doy", "dayofyear"},
                  {"hour", "hour"},
                  {"h", "hour"},
                  {"hours", "hour"},
                  {"hr", "hour"},
                  {"hrs", "hour"},
                  {"minute", "minute"},
                  {"min", "minute"},
                  {"m", "minute"},
                  {"mins", "minute"},
                  {"minutes", "minute"},
                  {"seconds", "#second"},
                  {"second", "#second"},
                  {"secs", "#second"},
                  {"sec", "#second"},
                  {"s", "#second"},
                  {"years", "year"},
                  {"yrs", "year"},
                  {"mons", "month"}};
    if (args[0]->kind == EXPR_LITERAL &&
        (args[0]->type.kind == TYPE_NULL || args[0]->literal.is_null))
        return bind_check(b, expr_null(b->arena, TYPE(DOUBLE)));
    if (args[0]->kind != EXPR_LITERAL || args[0]->type.kind != TYPE_STRING)
        return bind_unexpected_input(b, e, 0, "STRING\" literal \"", args[0]);
    char field[24];
    uint32_t n = args[0]->literal.s.length;
    if (n < sizeof(field)) {
        memcpy(field, vec_string_data(&args[0]->literal.s), n);
        field[n] = '\0';
        for (char *c = field; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        for (size_t i = 0; !type_is_interval(args[1]->type) && i < ARRAY_SIZE(fields); i++)
            if (strcmp(field, fields[i].name) == 0)
                return bind_by_name(b, e, fields[i].function, args + 1, 1);
        Expr *made =
            type_is_interval(args[1]->type) ? bind_interval_field(b, field, args[1]) : NULL;
        if (made || b->result)
            return made;
    }
    return bind_error(b, e->position, e->stop, "INVALID_EXTRACT_FIELD", "42000",
                      "Cannot extract %.40s from %.200s.", vec_string_data(&args[0]->literal.s),
                      uexpr_quoted(b, e->args[1]));
}

/* ---- stretches of time ---- */

static Expr *bind_window_edge(Binder *b, const UExpr *e, Expr **args)
{
    if (args[0]->type.kind != TYPE_TIMESTAMP_NTZ)
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(TIMESTAMP), "TIMESTAMP");
    return args[0] ? bind_signed_call(b, FN_WINDOW_EDGE, args[0]->type, args, 4, 0) : NULL;
}

/* The end of a stretch is the first moment behind it. */
static Expr *bind_window_time(Binder *b, const UExpr *e, Expr **args)
{
    Type type = args[0]->type;
    uint32_t end = 0;
    while (type.kind == TYPE_STRUCT && end < type.n_children &&
           strcmp(type.children[end].name, "end") != 0)
        end++;
    if (type.kind != TYPE_STRUCT || end == type.n_children ||
        (type.children[end].type.kind != TYPE_TIMESTAMP &&
         type.children[end].type.kind != TYPE_TIMESTAMP_NTZ))
        return bind_unexpected_input(b, e, 0, "STRUCT", args[0]);
    Expr *made[4] = {bind_field_at(b, args[0], end), long_literal(b, 1), long_literal(b, 0),
                     long_literal(b, -1)};
    return bind_window_edge(b, e, made);
}

Expr *bind_datetime(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n)
{
    switch ((FunctionId)f->id) {
    case FN_DATE_FORMAT:
        return bind_date_format(b, e, args);
    case FN_PARSE_TIME:
        return bind_to_time(b, e, args, n);
    case FN_FLOOR_QUOTIENT:
        return bind_unix_timestamp(b, e, args, n);
    case FN_MAKE_CLOCK:
        return bind_make_timestamp(b, e, args, n);
    case FN_SUM_PRODUCTS:
        return f->name[0] == 'm' ? bind_make_interval(b, e, args, n)
                                 : bind_timestamp_of(b, e, args);
    case FN_TIMESTAMP_ADD:
        return bind_timestamp_add(b, e, args);
    case FN_TIME_APART:
        return bind_timestamp_diff(b, e, args);
    case FN_CONVERT_ZONE:
        return bind_convert_timezone(b, e, args, n);
    case FN_WINDOW_EDGE:
        return n == 1 ? bind_window_time(b, e, args) : bind_window_edge(b, e, args);
    default:
        return bind_months_between(b, e, args, n);
    }
}
