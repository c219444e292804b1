/* SPDX-License-Identifier: Apache-2.0 */

/* Literals: numbers with their types, typed strings, intervals. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"
#include "exec/plan/datetime.h"
#include "exec/sql/literal.h"
#include "exec/vec/interval.h"

/* Spark throws an ArithmeticException here, although it is the parser that does. */
static UExpr *decimal_too_long(Parser *p, const Token *t)
{
    uint32_t n = 0;
    for (uint32_t i = t->start; i < t->stop; i++)
        n += p->text[i] >= '0' && p->text[i] <= '9';
    char precision[12];
    snprintf(precision, sizeof(precision), "%u", n);
    arithmetic_error_at(p, t, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003",
                        "Decimal precision of the literal exceeds max precision 38.");
    query_error_parameters(p->b->error, "precision", precision, "maxPrecision", "38", NULL);
    return NULL;
}

static UExpr *decimal_literal(Parser *p, const Token *t, const char *s, uint32_t n, bool negative)
{
    unsigned __int128 value = 0;
    unsigned n_digits = 0, scale = 0;
    bool dot = false;
    int exponent = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            dot = true;
            continue;
        }
        if ((s[i] | 0x20) == 'e') {
            exponent = atoi(s + i + 1);
            break;
        }
        if (n_digits > 0 || s[i] != '0')
            n_digits++;
        if (n_digits > 38)
            goto too_long;
        value = value * 10 + (unsigned)(s[i] - '0');
        scale += dot;
    }
    if (exponent > 38 || exponent < -38)
        goto too_long;
    for (; exponent > 0; exponent--) {
        if (scale > 0) {
            scale--;
            continue;
        }
        if (value != 0 && ++n_digits > 38)
            goto too_long;
        value *= 10;
    }
    scale += (unsigned)-exponent;
    if (scale > 38)
        goto too_long;
    unsigned precision = MAX(n_digits, scale);
    precision = MAX(precision, 1u);
    __int128 v = negative ? -(__int128)value : (__int128)value;
    Literal literal = {0};
    if (precision <= 18)
        literal.i = (int64_t)v;
    else
        literal.i128 = v;
    return uexpr_literal(p->b, TYPE_DECIMAL_OF(precision, scale), literal);
too_long:
    return decimal_too_long(p, t);
}

static UExpr *out_of_range(Parser *p, const Token *t, const char *type)
{
    return parse_error_at(p, t, "INVALID_NUMERIC_LITERAL_RANGE", "22003",
                          "Numeric literal %.*s is outside the valid range of %s.",
                          (int)MIN(t->stop - t->start, 60u), p->text + t->start, type);
}

/* Digits @s[@n] as a number of at most @max magnitude. Return: false when it does not fit. */
static bool integer_value(const char *s, uint32_t n, bool negative, int64_t max, int64_t *ret)
{
    unsigned __int128 value = 0;
    for (uint32_t i = 0; i < n; i++) {
        value = value * 10 + (unsigned)(s[i] - '0');
        if (value > (unsigned __int128)max + negative)
            return false;
    }
    *ret = negative ? (int64_t) - (__int128)value : (int64_t)value;
    return true;
}

static UExpr *suffixed_literal(Parser *p, const Token *t, const char *s, uint32_t n, bool negative)
{
    char last = s[n - 1] | 0x20;
    if (last == 'd' && (s[n - 2] | 0x20) == 'b')
        return decimal_literal(p, t, s, n - 2, negative);
    int64_t value;
    static const struct {
        char suffix;
        uint8_t kind;
        int64_t max;
        const char *name;
    } integers[] = {{'l', TYPE_LONG, INT64_MAX, "bigint"},
                    {'s', TYPE_SHORT, INT16_MAX, "smallint"},
                    {'y', TYPE_BYTE, INT8_MAX, "tinyint"}};
    for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
        if (last != integers[i].suffix)
            continue;
        if (!integer_value(s, n - 1, negative, integers[i].max, &value))
            return out_of_range(p, t, integers[i].name);
        return uexpr_literal(p->b, (Type){.kind = integers[i].kind}, (Literal){.i = value});
    }
    char *text = ubuilder_strndup(p->b, s, n - 1);
    if (!text)
        return NULL;
    double d = strtod(text, NULL);
    if (last == 'f')
        d = (double)(float)d;
    if (isinf(d))
        return out_of_range(p, t, last == 'f' ? "float" : "double");
    return uexpr_literal(p->b, last == 'f' ? TYPE(FLOAT) : TYPE(DOUBLE),
                         (Literal){.d = negative ? -d : d});
}

UExpr *parse_number(Parser *p, bool negative)
{
    const Token *t = peek(p);
    const char *s = p->text + t->start;
    uint32_t n = t->stop - t->start;
    UExpr *e;
    int64_t value;
    advance(p);
    switch (t->kind) {
    case TOKEN_INTEGER:
        if (integer_value(s, n, negative, INT32_MAX, &value))
            e = uexpr_literal(p->b, TYPE(INT), (Literal){.i = value});
        else if (integer_value(s, n, negative, INT64_MAX, &value))
            e = uexpr_literal(p->b, TYPE(LONG), (Literal){.i = value});
        else
            e = decimal_literal(p, t, s, n, negative);
        break;
    case TOKEN_DECIMAL:
        e = decimal_literal(p, t, s, n, negative);
        break;
    case TOKEN_EXPONENT: {
        char *text = ubuilder_strndup(p->b, s, n);
        if (!text)
            return NULL;
        double d = strtod(text, NULL);
        if (isinf(d))
            return out_of_range(p, t, "double");
        e = uexpr_literal(p->b, TYPE(DOUBLE), (Literal){.d = negative ? -d : d});
        break;
    }
    default:
        e = suffixed_literal(p, t, s, n, negative);
    }
    return e;
}

static UExpr *bad_typed_literal(Parser *p, const Token *t, const char *type)
{
    char name[40], value[64];
    snprintf(name, sizeof(name), "\"%s\"", type);
    snprintf(value, sizeof(value), "%.*s", (int)MIN(t->stop - t->start, 60u), p->text + t->start);
    parse_error_at(p, t, "INVALID_TYPED_LITERAL", "42604",
                   "The value of the typed literal %s is invalid: %s.", name, value);
    query_error_parameters(p->b->error, "valueType", name, "value", value, NULL);
    return NULL;
}

static UExpr *binary_literal(Parser *p, const Token *t, const char *s, size_t n)
{
    char *out = ubuilder_alloc(p->b, 1, n / 2 + 2);
    if (!out)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return bad_typed_literal(p, t, "X");
        /* An odd number of digits begins with half a byte. */
        if ((i + n % 2) % 2 == 0)
            out[at] = (char)(digit << 4);
        else
            out[at++] |= (char)digit;
    }
    return uexpr_literal(p->b, TYPE(BINARY), (Literal){.s = vec_string(out, (uint32_t)at)});
}

UExpr *parse_typed_literal(Parser *p)
{
    static const char *const types[] = {"DATE", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "X"};
    const Token *word = peek(p);
    if (peek_at(p, 1)->kind != TOKEN_STRING)
        return NULL;
    size_t type = 0;
    while (type < ARRAY_SIZE(types) && !token_is_word(p, word, types[type]))
        type++;
    if (type == ARRAY_SIZE(types))
        return NULL;
    uint32_t first = p->at;
    advance(p);
    const Token *t = peek(p);
    size_t n;
    char *s = sql_unquote(p->b, p->text, t, &n);
    if (!s)
        return NULL;
    advance(p);
    UExpr *e = NULL;
    int32_t days;
    if (type == 0) {
        if (!plan_parse_date(s, n, &days))
            return bad_typed_literal(p, t, types[type]);
        e = uexpr_literal(p->b, TYPE(DATE), (Literal){.i = days});
    } else if (type == 4) {
        e = binary_literal(p, t, s, n);
    } else {
        CivilClock clock;
        if (n > UINT16_MAX || !civil_parse_clock(s, (uint32_t)n, &clock))
            return bad_typed_literal(p, t, types[type]);
        if (type == 3)
            return mark(p, uexpr_literal(p->b, TYPE(TIMESTAMP_NTZ), (Literal){.i = clock.wall}),
                        first);
        const Zone *zone = NULL;
        int r = clock.zone ? zone_load(p->b->arena, clock.zone, clock.n_zone, &zone) : 0;
        if (r == ZONE_E_UNKNOWN)
            return bad_typed_literal(p, t, types[type]);
        if (r)
            p->b->result = r;
        Literal instant = {.i = zone ? zone_instant(zone, clock.wall) : clock.wall};
        e = uexpr_literal(p->b, TYPE(TIMESTAMP), instant);
        /* Without a zone it is a clock on the wall of the session's zone: the binder moves it. */
        if (e && !zone)
            e = uexpr_call1(p->b, "timestamp_of_session", e);
    }
    return mark(p, e, first);
}

/* ---- intervals ---- */

typedef struct Interval {
    __int128 months, usec;
    bool has_months, has_usec;
    uint8_t start, end; /* of the fields that were named */
} Interval;

static const struct {
    const char *name;
    int64_t months, usec;
    uint8_t field;
} units[] = {
    {"year", 12, 0, 0},
    {"years", 12, 0, 0},
    {"month", 1, 0, 1},
    {"months", 1, 0, 1},
    {"week", 0, 7 * USEC_PER_DAY, 0},
    {"weeks", 0, 7 * USEC_PER_DAY, 0},
    {"day", 0, USEC_PER_DAY, 0},
    {"days", 0, USEC_PER_DAY, 0},
    {"hour", 0, INT64_C(3600000000), 1},
    {"hours", 0, INT64_C(3600000000), 1},
    {"minute", 0, INT64_C(60000000), 2},
    {"minutes", 0, INT64_C(60000000), 2},
    {"second", 0, INT64_C(1000000), 3},
    {"seconds", 0, INT64_C(1000000), 3},
    {"millisecond", 0, INT64_C(1000), 3},
    {"milliseconds", 0, INT64_C(1000), 3},
    {"microsecond", 0, INT64_C(1), 3},
    {"microseconds", 0, INT64_C(1), 3},
};

static int find_unit(const char *s, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (strlen(units[i].name) == n && strncasecmp(units[i].name, s, n) == 0)
            return (int)i;
    return -1;
}

/* "-1.5" of a unit onto @v. Fractions only of seconds and smaller, as in Spark. */
static bool interval_add(Interval *v, const char *s, size_t n, int unit, bool negative)
{
    size_t i = 0;
    while (i < n && (s[i] == '-' || s[i] == '+'))
        negative ^= s[i++] == '-';
    __int128 whole = 0, fraction = 0;
    int64_t scale = units[unit].usec;
    size_t begin = i;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
        if ((whole = whole * 10 + (s[i] - '0')) > INT64_MAX)
            return false;
    if (i == begin && !(i < n && s[i] == '.'))
        return false;
    if (i < n && s[i] == '.') {
        if (units[unit].months || scale > 1000000)
            return false;
        for (i++; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
            scale /= 10;
            fraction += (s[i] - '0') * scale;
        }
    }
    if (i != n)
        return false;
    uint8_t field = units[unit].field;
    bool first = !v->has_months && !v->has_usec;
    v->start = first || field < v->start ? field : v->start;
    v->end = first || field > v->end ? field : v->end;
    if (units[unit].months) {
        v->has_months = true;
        v->months += (negative ? -whole : whole) * units[unit].months;
    } else {
        v->has_usec = true;
        whole = whole * units[unit].usec + fraction;
        v->usec += negative ? -whole : whole;
    }
    return true;
}

static UExpr *interval_literal(Parser *p, const Token *t, const Interval *v)
{
    if (v->has_months && v->has_usec)
        return parse_error_at(p, t, "INVALID_INTERVAL_FORMAT", "22006",
                              "Cannot mix year-month and day-time fields in one interval.");
    __int128 value = v->has_months ? v->months : v->usec;
    __int128 max = v->has_months ? INT32_MAX : INT64_MAX;
    if (value > max || value < -max - 1)
        return parse_error_at(p, t, "INTERVAL_ARITHMETIC_OVERFLOW", "22015",
                              "The interval is out of range.");
    Type type =
        interval_type(v->has_months ? TYPE_INTERVAL_YM : TYPE_INTERVAL_DT, v->start, v->end);
    return uexpr_literal(p->b, type, (Literal){.i = (int64_t)value});
}

static UExpr *bad_interval(Parser *p, const Token *t)
{
    return parse_error_at(p, t, "INVALID_INTERVAL_FORMAT", "22006",
                          "Error parsing '%.*s' to interval. Please ensure that the value "
                          "provided is in a valid format for defining an interval.",
                          (int)MIN(t->stop - t->start, 60u), p->text + t->start);
}

/* '1-2' YEAR TO MONTH, '1 02:03:04.5' DAY TO SECOND, and what lies between. */
static UExpr *interval_range(Parser *p, const Token *t, const char *s, size_t n, bool negative,
                             int from, int to)
{
    /* Fields by number: year, month, day, hour, minute, second. */
    static const int unit_of[] = {0, 2, 6, 8, 10, 12};
    static const char separators[] = "?- ::";
    Interval v = {0};
    size_t i = 0;
    while (i < n && s[i] == ' ')
        i++;
    if (i < n && (s[i] == '-' || s[i] == '+'))
        negative ^= s[i++] == '-';
    for (int field = from; field <= to; field++) {
        if (field > from) {
            char separator = field == 1 ? '-' : field == 3 ? ' ' : separators[3];
            if (i >= n || s[i] != separator)
                return bad_interval(p, t);
            i++;
        }
        size_t begin = i;
        while (i < n && ((s[i] >= '0' && s[i] <= '9') || (field == 5 && s[i] == '.')))
            i++;
        if (i == begin || !interval_add(&v, s + begin, i - begin, unit_of[field], negative))
            return bad_interval(p, t);
    }
    if (i != n)
        return bad_interval(p, t);
    return interval_literal(p, t, &v);
}

/* '3 days 2 hours' */
static UExpr *interval_string(Parser *p, const Token *t, const char *s, size_t n, bool negative)
{
    Interval v = {0};
    size_t i = 0;
    while (i < n && s[i] == ' ')
        i++;
    if (n - i >= 9 && strncasecmp(s + i, "interval ", 9) == 0)
        i += 9;
    for (;;) {
        while (i < n && s[i] == ' ')
            i++;
        if (i == n)
            break;
        size_t begin = i;
        while (i < n && s[i] != ' ')
            i++;
        size_t end = i;
        while (i < n && s[i] == ' ')
            i++;
        size_t unit_begin = i;
        while (i < n && s[i] != ' ')
            i++;
        int unit = find_unit(s + unit_begin, i - unit_begin);
        if (unit < 0 || !interval_add(&v, s + begin, end - begin, unit, negative))
            return bad_interval(p, t);
    }
    if (!v.has_months && !v.has_usec)
        return bad_interval(p, t);
    return interval_literal(p, t, &v);
}

static int field_of(const Parser *p, const Token *t)
{
    static const char *const fields[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (token_is_word(p, t, fields[i]))
            return (int)i;
    return -1;
}

bool at_interval(const Parser *p)
{
    if (!at_word(p, "INTERVAL"))
        return false;
    const Token *t = peek_at(p, 1);
    if (t->kind == TOKEN_OPERATOR && (t->op == OP_MINUS || t->op == OP_PLUS))
        t = peek_at(p, 2);
    return t->kind == TOKEN_STRING || t->kind == TOKEN_INTEGER || t->kind == TOKEN_DECIMAL;
}

UExpr *parse_interval(Parser *p)
{
    Interval v = {0};
    uint32_t first = p->at - 1;
    for (bool more = true; more;) {
        bool negative = false;
        if (accept_op(p, OP_MINUS))
            negative = true;
        else
            accept_op(p, OP_PLUS);
        const Token *t = peek(p);
        const char *s = p->text + t->start;
        size_t n = t->stop - t->start;
        if (t->kind == TOKEN_STRING)
            s = sql_unquote(p->b, p->text, t, &n);
        else if (t->kind != TOKEN_INTEGER && t->kind != TOKEN_DECIMAL)
            return syntax_error(p);
        if (!s)
            return NULL;
        advance(p);
        const Token *word = peek(p);
        int unit = word->kind == TOKEN_WORD
                       ? find_unit(p->text + word->start, word->stop - word->start)
                       : -1;
        if (unit < 0) {
            if (t->kind != TOKEN_STRING || v.has_months || v.has_usec)
                return syntax_error(p);
            return mark(p, interval_string(p, t, s, n, negative), first);
        }
        int from = field_of(p, word);
        advance(p);
        if (from >= 0 && at_word(p, "TO") && t->kind == TOKEN_STRING) {
            advance(p);
            int to = field_of(p, peek(p));
            bool same_family = to > from && (to <= 1) == (from <= 1);
            if (!same_family)
                return syntax_error(p);
            advance(p);
            return mark(p, interval_range(p, t, s, n, negative, from, to), first);
        }
        while (n > 0 && *s == ' ') {
            s++;
            n--;
        }
        while (n > 0 && s[n - 1] == ' ')
            n--;
        if (!interval_add(&v, s, n, unit, negative))
            return bad_interval(p, t);
        /* INTERVAL 1 DAY 2 HOURS: goes on when a number and a unit follow. */
        const Token *next = peek(p), *after = peek_at(p, 1);
        more = (next->kind == TOKEN_INTEGER || next->kind == TOKEN_STRING ||
                next->kind == TOKEN_DECIMAL) &&
               after->kind == TOKEN_WORD &&
               find_unit(p->text + after->start, after->stop - after->start) >= 0;
    }
    return mark(p, interval_literal(p, &p->tokens[first], &v), first);
}
