/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"
#include "exec/vec/interval.h"
#include "exec/vec/nested.h"

/*
 * Casts among atomic types by the rules of Spark's ANSI mode: what does not fit is an error, or
 * null under try_cast. One function per pair of families; each row goes through a value that holds
 * everything.
 */

enum {
    CAST_E_INPUT = 1, /* text that is none of the target type */
    CAST_E_OVERFLOW = 2,
    CAST_E_PRECISION = 3,
};

typedef struct CastValue {
    union {
        int64_t i;
        i128 d;
        double f;
        VecString s;
    };
} CastValue;

#define CAST_NUMBER_TEXT_MAX 400u

static bool is_int_phys(PhysKind p)
{
    return p >= PHYS_BOOL && p <= PHYS_I64;
}

static CastValue load_value(const Vector *v, uint32_t row)
{
    CastValue x = {0};
    row &= expr_mask(v);
    switch (v->phys) {
    case PHYS_BOOL:
        x.i = ((const uint8_t *)v->values)[row];
        break;
    case PHYS_I8:
        x.i = ((const int8_t *)v->values)[row];
        break;
    case PHYS_I16:
        x.i = ((const int16_t *)v->values)[row];
        break;
    case PHYS_I32:
        x.i = ((const int32_t *)v->values)[row];
        break;
    case PHYS_I64:
        x.i = ((const int64_t *)v->values)[row];
        break;
    case PHYS_I128:
        x.d = ((const i128 *)v->values)[row];
        break;
    case PHYS_F32:
        x.f = ((const float *)v->values)[row];
        break;
    case PHYS_F64:
        x.f = ((const double *)v->values)[row];
        break;
    default:
        x.s = ((const VecString *)v->values)[row];
    }
    return x;
}

static int store_int(PhysKind phys, void *values, uint32_t row, i128 x)
{
    switch (phys) {
    case PHYS_BOOL:
        ((uint8_t *)values)[row] = x != 0;
        return 0;
    case PHYS_I8:
        ((int8_t *)values)[row] = (int8_t)x;
        return x == (int8_t)x ? 0 : CAST_E_OVERFLOW;
    case PHYS_I16:
        ((int16_t *)values)[row] = (int16_t)x;
        return x == (int16_t)x ? 0 : CAST_E_OVERFLOW;
    case PHYS_I32:
        ((int32_t *)values)[row] = (int32_t)x;
        return x == (int32_t)x ? 0 : CAST_E_OVERFLOW;
    default:
        ((int64_t *)values)[row] = (int64_t)x;
        return x == (int64_t)x ? 0 : CAST_E_OVERFLOW;
    }
}

static int store_decimal(const Step *step, void *values, uint32_t row, i128 x)
{
    if (!dec_fits(x, step->type.precision))
        return CAST_E_PRECISION;
    if (step->phys == PHYS_I128)
        ((i128 *)values)[row] = x;
    else
        ((int64_t *)values)[row] = (int64_t)x;
    return 0;
}

static void store_float(PhysKind phys, void *values, uint32_t row, double x)
{
    if (phys == PHYS_F32)
        ((float *)values)[row] = (float)x;
    else
        ((double *)values)[row] = x;
}

/* --- to text --- */

/* Java's Double.toString(): the shortest digits that come back, "1.0E10" outside [1e-3, 1e7). */
static uint32_t format_double(double d, bool single, char *buf, size_t size)
{
    char digits[40];
    int exponent = 0;

    if (isnan(d))
        return (uint32_t)snprintf(buf, size, "NaN");
    if (isinf(d))
        return (uint32_t)snprintf(buf, size, d < 0 ? "-Infinity" : "Infinity");
    if (d == 0)
        return (uint32_t)snprintf(buf, size, signbit(d) ? "-0.0" : "0.0");
    for (int p = 0; p < 17; p++) {
        snprintf(digits, sizeof(digits), "%.*e", p, d);
        if (single ? strtof(digits, NULL) == (float)d : strtod(digits, NULL) == d)
            break;
    }
    char *e = strchr(digits, 'e');
    exponent = atoi(e + 1);
    *e = '\0';
    char mantissa[32];
    uint32_t n = 0;
    for (const char *c = digits; *c; c++)
        if (*c >= '0' && *c <= '9')
            mantissa[n++] = *c;
    while (n > 1 && mantissa[n - 1] == '0')
        n--;
    mantissa[n] = '\0';
    const char *sign = d < 0 ? "-" : "";

    if (exponent < -3 || exponent >= 7)
        return (uint32_t)snprintf(buf, size, "%s%c.%sE%d", sign, mantissa[0],
                                  n > 1 ? mantissa + 1 : "0", exponent);
    if (exponent < 0)
        return (uint32_t)snprintf(buf, size, "%s0.%.*s%s", sign, -exponent - 1, "000", mantissa);
    if ((int)n <= exponent + 1)
        return (uint32_t)snprintf(buf, size, "%s%s%.*s.0", sign, mantissa, exponent + 1 - (int)n,
                                  "0000000");
    return (uint32_t)snprintf(buf, size, "%s%.*s.%s", sign, exponent + 1, mantissa,
                              mantissa + exponent + 1);
}

static uint32_t format_value(Type from, PhysKind phys, CastValue x, char *buf, size_t size)
{
    switch (from.kind) {
    case TYPE_BOOLEAN:
        return (uint32_t)snprintf(buf, size, x.i ? "true" : "false");
    case TYPE_DATE:
        return civil_format_date((int32_t)x.i, buf);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return civil_format_timestamp(x.i, buf);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return format_double(x.f, from.kind == TYPE_FLOAT, buf, size);
    case TYPE_DECIMAL:
        return (uint32_t)dec_format(phys == PHYS_I128 ? x.d : x.i, from.scale, buf);
    case TYPE_INTERVAL_YM:
    case TYPE_INTERVAL_DT:
        return interval_format(from, x.i, buf);
    default:
        return (uint32_t)dec_format(x.i, 0, buf);
    }
}

uint32_t expr_format_value(Type type, const void *value, char *buf, size_t size)
{
    Vector v = {.type = type, .phys = (uint8_t)type_phys(type), .values = (void *)value};
    return format_value(type, v.phys, load_value(&v, 0), buf, size);
}

static int eval_to_string(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                          Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    VecString *values;
    int r = expr_flat(s, args[0], scope, &v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, PHYS_STRING, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, &v, 1, out, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        char buf[96];
        uint32_t length = format_value(v->type, v->phys, load_value(v, row), buf, sizeof(buf));
        if (length <= VEC_STRING_INLINE) {
            values[row] = vec_string(buf, length);
            continue;
        }
        char *bytes = expr_bytes(s, length);
        if (!bytes)
            return mem_arena_error(s->strings);
        memcpy(bytes, buf, length);
        values[row] = vec_string(bytes, length);
    }
    return 0;
}

/* --- from text --- */

static void trim(const VecString *s, const char **ret_text, uint32_t *ret_n)
{
    const char *text = vec_string_data(s);
    uint32_t n = s->length;
    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    while (n > 0 && (unsigned char)*text <= ' ') {
        text++;
        n--;
    }
    *ret_text = text;
    *ret_n = n;
}

static bool text_is(const char *text, uint32_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(text, word, n) == 0;
}

static int parse_bool(const char *text, uint32_t n, CastValue *ret)
{
    static const char *const yes[] = {"t", "true", "y", "yes", "1"};
    static const char *const no[] = {"f", "false", "n", "no", "0"};
    for (uint32_t i = 0; i < ARRAY_SIZE(yes); i++) {
        if (text_is(text, n, yes[i])) {
            ret->i = 1;
            return 0;
        }
        if (text_is(text, n, no[i])) {
            ret->i = 0;
            return 0;
        }
    }
    return CAST_E_INPUT;
}

static int parse_int(const char *text, uint32_t n, CastValue *ret)
{
    bool negative = false;
    uint64_t x = 0;
    uint32_t i = 0;

    if (n > 0 && (text[0] == '-' || text[0] == '+'))
        negative = text[i++] == '-';
    if (i == n)
        return CAST_E_INPUT;
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return CAST_E_INPUT;
        if (__builtin_mul_overflow(x, (uint64_t)10, &x) ||
            __builtin_add_overflow(x, (uint64_t)(text[i] - '0'), &x))
            return CAST_E_INPUT;
    }
    if (x > (uint64_t)INT64_MAX + negative)
        return CAST_E_INPUT;
    ret->i = negative ? (int64_t)(0 - x) : (int64_t)x;
    return 0;
}

static int parse_double(const char *text, uint32_t n, CastValue *ret)
{
    char buf[CAST_NUMBER_TEXT_MAX];
    bool negative = n > 0 && text[0] == '-';
    uint32_t sign = n > 0 && (text[0] == '-' || text[0] == '+');
    const char *word = text + sign;
    uint32_t n_word = n - sign;

    if (text_is(word, n_word, "nan") && sign == 0) {
        ret->f = (double)NAN;
        return 0;
    }
    if (text_is(word, n_word, "inf") || text_is(word, n_word, "infinity")) {
        ret->f = negative ? -(double)INFINITY : (double)INFINITY;
        return 0;
    }
    /* Java takes a trailing type letter. */
    if (n_word > 1 && strchr("dDfF", word[n_word - 1]))
        n--;
    if (n == 0 || n >= sizeof(buf))
        return CAST_E_INPUT;
    for (uint32_t i = sign; i < n; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || strchr(".eE+-", text[i])) || text[i] == '\0')
            return CAST_E_INPUT;
    memcpy(buf, text, n);
    buf[n] = '\0';
    char *end;
    ret->f = strtod(buf, &end);
    return end == buf + n ? 0 : CAST_E_INPUT;
}

static int parse_value(const Step *step, const VecString *s, CastValue *ret)
{
    const char *text;
    uint32_t n;
    int32_t days;

    trim(s, &text, &n);
    switch (step->type.kind) {
    case TYPE_BOOLEAN:
        return parse_bool(text, n, ret);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return parse_double(text, n, ret);
    case TYPE_DECIMAL: {
        i128 d;
        int r = dec_parse(text, n, step->type.scale, &d);
        ret->d = r ? 0 : d;
        return r == 0 ? 0 : r == DEC_E_RANGE ? CAST_E_OVERFLOW : CAST_E_INPUT;
    }
    case TYPE_DATE:
        if (!civil_parse_date(text, n, &days))
            return CAST_E_INPUT;
        ret->i = days;
        return 0;
    case TYPE_TIMESTAMP: /* in UTC; bind_zone.c sees to the others */
        return zone_parse_instant(NULL, text, n, &ret->i) ? 0 : CAST_E_INPUT;
    case TYPE_TIMESTAMP_NTZ: { /* a zone behind it is of no account */
        CivilClock clock;
        bool ok = civil_parse_clock(text, n, &clock);
        ret->i = clock.wall;
        return ok && (!clock.zone || zone_is_known(clock.zone, clock.n_zone)) ? 0 : CAST_E_INPUT;
    }
    default:
        return parse_int(text, n, ret);
    }
}

/* --- between numbers and times --- */

static int from_double(const Step *step, double d, void *values, uint32_t row)
{
    switch (step->type.kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        store_float(step->phys, values, row, d);
        return 0;
    case TYPE_DECIMAL: {
        i128 x;
        if (!dec_from_double(d, step->type.scale, &x))
            return CAST_E_OVERFLOW;
        return store_decimal(step, values, row, x);
    }
    case TYPE_BOOLEAN:
        return store_int(PHYS_BOOL, values, row, d != 0);
    case TYPE_TIMESTAMP:
        d *= 1e6;
        break;
    default:
        break;
    }
    d = trunc(d);
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0))
        return CAST_E_OVERFLOW;
    return store_int(step->phys, values, row, (int64_t)d);
}

static int from_decimal(const Step *step, Type from, i128 x, void *values, uint32_t row)
{
    switch (step->type.kind) {
    case TYPE_DECIMAL:
        if (!dec_rescale(x, from.scale, step->type.scale, &x))
            return CAST_E_OVERFLOW;
        return store_decimal(step, values, row, x);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        store_float(step->phys, values, row, dec_to_double(x, from.scale));
        return 0;
    case TYPE_BOOLEAN:
        return store_int(PHYS_BOOL, values, row, x != 0);
    case TYPE_TIMESTAMP:
        if (!dec_rescale(x, from.scale, 6, &x))
            return CAST_E_OVERFLOW;
        return store_int(step->phys, values, row, x);
    default:
        return store_int(step->phys, values, row, x / dec_pow10(from.scale));
    }
}

static int from_int(const Step *step, Type from, int64_t i, void *values, uint32_t row)
{
    bool timestamp = from.kind == TYPE_TIMESTAMP || from.kind == TYPE_TIMESTAMP_NTZ;
    i128 x = i;

    switch (step->type.kind) {
    case TYPE_DATE:
        if (timestamp)
            x = civil_floor_div(i, CIVIL_MICROS_PER_DAY);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        if (from.kind == TYPE_DATE)
            x = x * CIVIL_MICROS_PER_DAY;
        else if (!timestamp)
            x = from.kind == TYPE_BOOLEAN ? x : x * CIVIL_MICROS_PER_SECOND;
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        store_float(step->phys, values, row, timestamp ? (double)i / 1e6 : (double)i);
        return 0;
    case TYPE_DECIMAL:
        if (!dec_rescale(x, timestamp ? 6 : 0, step->type.scale, &x))
            return CAST_E_OVERFLOW;
        return store_decimal(step, values, row, x);
    default:
        if (timestamp && step->type.kind != TYPE_BOOLEAN)
            x = civil_floor_div(i, CIVIL_MICROS_PER_SECOND);
    }
    return store_int(step->phys, values, row, x);
}

static int cast_row(const Step *step, const Vector *v, uint32_t row, void *values)
{
    CastValue x = load_value(v, row);

    if (v->phys == PHYS_STRING) {
        CastValue parsed;
        VecString text = x.s;
        int r = parse_value(step, &text, &parsed);
        if (r)
            return r;
        if (step->type.kind == TYPE_DECIMAL)
            return store_decimal(step, values, row, parsed.d);
        if (step->type.kind == TYPE_FLOAT || step->type.kind == TYPE_DOUBLE) {
            store_float(step->phys, values, row, parsed.f);
            return 0;
        }
        /* "300" is no tinyint: that is malformed, not an overflow. */
        return store_int(step->phys, values, row, parsed.i) ? CAST_E_INPUT : 0;
    }
    if (v->type.kind == TYPE_DECIMAL)
        return from_decimal(step, v->type, v->phys == PHYS_I128 ? x.d : x.i, values, row);
    if (v->phys == PHYS_F32 || v->phys == PHYS_F64)
        return from_double(step, x.f, values, row);
    return from_int(step, v->type, x.i, values, row);
}

bool expr_parse_value(Type type, const VecString *text, void *ret_value)
{
    Step step = {.type = type, .phys = (uint8_t)type_phys(type)};
    VecString copy = *text;
    Vector v = {.type = TYPE(STRING), .phys = PHYS_STRING, .values = &copy};
    return cast_row(&step, &v, 0, ret_value) == 0;
}

static int cast_fail(ExprState *s, const Step *step, const Vector *v, uint32_t row, int why)
{
    if (v->phys == PHYS_STRING && why == CAST_E_INPUT)
        return expr_fail_cast_input(s, step, (const VecString *)v->values + (row & expr_mask(v)));
    if (v->phys == PHYS_STRING && step->type.kind == TYPE_DECIMAL) {
        const VecString *text = (const VecString *)v->values + (row & expr_mask(v));
        return expr_fail_precision_text(s, step, vec_string_data(text), text->length, step->type);
    }
    if (step->type.kind == TYPE_DECIMAL) {
        CastValue x = load_value(v, row);
        i128 value = v->phys == PHYS_I128 ? x.d : is_int_phys(v->phys) ? x.i : 0;
        if (is_int_phys(v->phys) || v->phys == PHYS_I128)
            return expr_fail_precision(
                s, step, value, v->type.kind == TYPE_DECIMAL ? v->type.scale : 0, step->type);
    }
    return expr_fail_cast_overflow(s, step, v, row);
}

static int eval_cast(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const Vector *v;
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = expr_flat(s, args[0], scope, &v);
    if (r)
        return r;
    r = expr_out(s, out, step->type, step->phys, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, &v, 1, out, &rows, &n);
    if (r)
        return r;
    if (v->phys == PHYS_I32 && step->phys == PHYS_I64 && step->type.kind == TYPE_LONG) {
        const int32_t *from = v->values;
        int64_t *to = values;
        uint32_t mask = expr_mask(v);
        EXPR_FOR_ROWS(rows, n, row)
        to[row] = from[row & mask];
        return 0;
    }
    EXPR_FOR_ROWS(rows, n, row)
    {
        r = cast_row(step, v, row, values);
        if (r == 0)
            continue;
        if (!step->expr->try_cast)
            return cast_fail(s, step, v, row, r);
        if (!out->v.has_nulls) {
            r = expr_out_valid(s, out);
            if (r)
                return r;
        }
        vec_bit_clear(out->valid, row);
    }
    return 0;
}

/* The same bytes under another name. */
static int eval_relabel(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    out->v = args[0]->v;
    out->v.type = step->type;
    out->bounded = args[0]->bounded;
    out->lo = args[0]->lo;
    out->hi = args[0]->hi;
    return 0;
}

static int eval_null(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    return expr_out_null(s, step, out);
}

/*
 * Decimals of one scale to at least as many digits: nothing happens but that the value may be
 * stored wider, and a narrow register stays narrow.
 */
static int eval_decimal_widen(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                              Reg *out)
{
    return eval_relabel(s, step, scope, args, out);
}

/* A decimal to a larger scale with room for all digits: a multiplication that cannot fail. */
static int eval_decimal_upscale(ExprState *s, const Step *step, const Scope *scope,
                                Reg *const *args, Reg *out)
{
    uint32_t from_scale = args[0]->v.type.kind == TYPE_DECIMAL ? args[0]->v.type.scale : 0;
    uint32_t up = step->type.scale - from_scale;
    int64_t lo, hi;
    const Vector *v;
    int64_t *values;
    const uint16_t *rows;
    uint32_t n;

    if (up <= 18 && args[0]->v.phys == PHYS_I64 && expr_range(s, args[0], scope, &lo, &hi)) {
        i128 k = dec_pow10(up), low = lo * k, high = hi * k;
        if (low >= INT64_MIN && high <= INT64_MAX) {
            int r = expr_flat(s, args[0], scope, &v);
            if (r)
                return r;
            r = expr_out(s, out, step->type, PHYS_I64, &values);
            if (r)
                return r;
            r = expr_live_rows(s, scope, &v, 1, out, &rows, &n);
            if (r)
                return r;
            const int64_t *from = v->values;
            uint32_t mask = expr_mask(v);
            EXPR_FOR_ROWS(scope->sel, scope->n, row)
            values[row] = (int64_t)((uint64_t)from[row & mask] * (uint64_t)k);
            out->bounded = true;
            out->lo = (int64_t)low;
            out->hi = (int64_t)high;
            return 0;
        }
    }
    return eval_cast(s, step, scope, args, out);
}

static bool is_time(Type t)
{
    return t.kind == TYPE_DATE || t.kind == TYPE_TIMESTAMP || t.kind == TYPE_TIMESTAMP_NTZ;
}

/* Is there such a cast at all in ANSI mode? */
static bool cast_exists(Type from, Type to)
{
    if (from.kind >= TYPE_ARRAY || to.kind >= TYPE_ARRAY || to.kind == TYPE_NULL)
        return false;
    if (to.kind == TYPE_STRING)
        return true;
    if (to.kind == TYPE_BINARY)
        return from.kind == TYPE_STRING;
    if (from.kind == TYPE_BINARY)
        return false;
    if (type_is_interval(from) || type_is_interval(to))
        return from.kind == to.kind;
    if (to.kind == TYPE_DATE)
        return from.kind == TYPE_STRING || is_time(from);
    if (from.kind == TYPE_DATE)
        return is_time(to);
    if (to.kind == TYPE_TIMESTAMP_NTZ || from.kind == TYPE_TIMESTAMP_NTZ)
        return (from.kind == TYPE_STRING || is_time(from)) && is_time(to);
    return true;
}

bool expr_bind_cast(Step *step, const Step *steps)
{
    const Step *arg = &steps[step->args[0]];
    Type from = arg->type, to = step->type;

    if (from.kind == TYPE_NULL) {
        step->eval = eval_null;
        return true;
    }
    if (type_equal(from, to) || (type_is_nested(from) && type_same_bytes(from, to))) {
        step->eval = eval_relabel;
        step->can_fail = arg->can_fail;
        return true;
    }
    if (!cast_exists(from, to))
        return false;
    if (to.kind == TYPE_STRING && arg->phys != PHYS_STRING) {
        step->eval = eval_to_string;
        step->can_fail = arg->can_fail;
        return true;
    }
    bool same_bytes = (to.kind == TYPE_STRING || to.kind == TYPE_BINARY) || type_is_interval(to) ||
                      (to.kind == TYPE_TIMESTAMP && from.kind == TYPE_TIMESTAMP_NTZ) ||
                      (to.kind == TYPE_TIMESTAMP_NTZ && from.kind == TYPE_TIMESTAMP);
    if (same_bytes) {
        step->eval = eval_relabel;
        step->can_fail = arg->can_fail;
        return true;
    }
    if (to.kind == TYPE_DECIMAL && (from.kind == TYPE_DECIMAL || type_is_integral(from))) {
        uint32_t scale = from.kind == TYPE_DECIMAL ? from.scale : 0;
        static const uint8_t digits[] = {
            [TYPE_BYTE] = 3, [TYPE_SHORT] = 5, [TYPE_INT] = 10, [TYPE_LONG] = 20};
        uint32_t precision = from.kind == TYPE_DECIMAL ? from.precision : digits[from.kind];
        bool room = to.scale >= scale && to.precision - to.scale >= precision - scale;
        if (room)
            step->can_fail = arg->can_fail;
        if (room && from.kind == TYPE_DECIMAL && to.scale == scale) {
            step->eval = eval_decimal_widen;
            return true;
        }
        if (room && arg->phys == PHYS_I64) {
            step->eval = eval_decimal_upscale;
            return true;
        }
    }
    step->eval = eval_cast;
    return true;
}
