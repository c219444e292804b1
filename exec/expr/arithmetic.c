/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <math.h>

/*
 * ANSI arithmetic. Integers of 64 bits and decimals first try to prove, from the ranges of their
 * arguments in this batch, that nothing can overflow; then a plain vectorised loop does the work,
 * and a decimal of up to 38 digits stays in 64 bits. Otherwise each row is checked.
 */

typedef struct Range {
    i128 lo, hi;
} Range;

static Range range_multiply(Range a, Range b)
{
    i128 p[4] = {a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi};
    Range r = {p[0], p[0]};
    for (int i = 1; i < 4; i++) {
        r.lo = p[i] < r.lo ? p[i] : r.lo;
        r.hi = p[i] > r.hi ? p[i] : r.hi;
    }
    return r;
}

/* Bounds come from 64-bit values, so one operation on them fits in 128 bits. */
static Range range_apply(FunctionId f, Range a, Range b)
{
    if (f == FN_ADD)
        return (Range){a.lo + b.lo, a.hi + b.hi};
    if (f == FN_SUBTRACT)
        return (Range){a.lo - b.hi, a.hi - b.lo};
    return range_multiply(a, b);
}

static bool range_within(Range r, i128 lo, i128 hi)
{
    return r.lo >= lo && r.hi <= hi;
}

static bool reg_range(ExprState *s, Reg *reg, const Scope *scope, Range *ret)
{
    int64_t lo, hi;
    if (!expr_range(s, reg, scope, &lo, &hi))
        return false;
    *ret = (Range){lo, hi};
    return true;
}

/* out = a op b in 64 bits, after the caller has shown that it fits. @ka, @kb: factors that bring
 * the arguments to one scale. */
static void plain_i64(ExprState *s, FunctionId f, const Vector *a, const Vector *b, int64_t ka,
                      int64_t kb, const uint16_t *sel, uint32_t n, int64_t *out)
{
    const int64_t *pa = a->values, *pb = b->values;
    uint32_t ma = expr_mask(a), mb = expr_mask(b);
    uint32_t n_rows = s->batch->n_rows;
    const KernelTable *k = s->kern;

    if (n * 4 > n_rows && (ma || ka == 1) && (mb || kb == 1) && (ma || mb)) {
        if (ma && mb && ka == 1 && kb == 1) {
            (f == FN_ADD        ? k->add_i64
             : f == FN_SUBTRACT ? k->sub_i64
                                : k->mul_i64)(pa, pb, out, n_rows);
            return;
        }
        if (ma && !mb && ka == 1) {
            if (f == FN_MULTIPLY)
                k->mul_const_i64(pa, pb[0], out, n_rows);
            else
                k->add_const_i64(pa, f == FN_ADD ? pb[0] : (int64_t)(0 - (uint64_t)pb[0]), out,
                                 n_rows);
            return;
        }
        if (!ma && mb && kb == 1) {
            if (f == FN_MULTIPLY)
                k->mul_const_i64(pb, pa[0], out, n_rows);
            else if (f == FN_ADD)
                k->add_const_i64(pb, pa[0], out, n_rows);
            else
                k->rsub_const_i64(pb, pa[0], out, n_rows);
            return;
        }
    }
#define LOOP(OP)                                                                                   \
    EXPR_FOR_ROWS(sel, n, row)                                                                     \
    out[row] =                                                                                     \
        (int64_t)((uint64_t)pa[row & ma] * (uint64_t)ka OP(uint64_t) pb[row & mb] * (uint64_t)kb)
    if (f == FN_ADD)
        LOOP(+);
    else if (f == FN_SUBTRACT)
        LOOP(-);
    else
        LOOP(*);
#undef LOOP
}

/* The plain loop, if the ranges allow it. */
static int try_plain(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out,
                     int64_t ka, int64_t kb, i128 min, i128 max, bool *ret_done)
{
    Range a, b, scaled_a, scaled_b, result;
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    int64_t *values;

    *ret_done = false;
    if (args[0]->v.phys != PHYS_I64 || args[1]->v.phys != PHYS_I64 ||
        !reg_range(s, args[0], scope, &a) || !reg_range(s, args[1], scope, &b))
        return 0;
    scaled_a = range_multiply(a, (Range){ka, ka});
    scaled_b = range_multiply(b, (Range){kb, kb});
    if (!range_within(scaled_a, INT64_MIN, INT64_MAX) ||
        !range_within(scaled_b, INT64_MIN, INT64_MAX))
        return 0;
    result = range_apply(step->function, scaled_a, scaled_b);
    if (!range_within(result, min, max) || !range_within(result, INT64_MIN, INT64_MAX))
        return 0;

    for (uint32_t i = 0; i < 2; i++) {
        int r = expr_flat(s, args[i], scope, &v[i]);
        if (r)
            return r;
    }
    int r = expr_out(s, out, step->type, PHYS_I64, &values);
    if (r)
        return r;
    r = expr_live_rows(s, scope, v, 2, out, &rows, &n);
    if (r)
        return r;
    /* A constant is brought to scale here, so that the loop has nothing to multiply. */
    Vector constants[2];
    int64_t scaled[2];
    int64_t factors[2] = {ka, kb};
    const Vector *use[2] = {v[0], v[1]};
    for (uint32_t i = 0; i < 2; i++)
        if (v[i]->encoding == VEC_CONST && factors[i] != 1) {
            scaled[i] = *(const int64_t *)v[i]->values * factors[i];
            constants[i] = *v[i];
            constants[i].values = &scaled[i];
            use[i] = &constants[i];
            factors[i] = 1;
        }
    plain_i64(s, step->function, use[0], use[1], factors[0], factors[1], scope->sel, scope->n,
              values);
    out->bounded = true;
    out->lo = (int64_t)result.lo;
    out->hi = (int64_t)result.hi;
    *ret_done = true;
    return 0;
}

/* Arguments flat, out made, rows known: how every checked loop begins. */
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

/* --- integers --- */

static const char *operator_name(FunctionId f)
{
    return f == FN_ADD ? "+" : f == FN_SUBTRACT ? "-" : f == FN_MULTIPLY ? "*" : "division";
}

#define CHECKED_LOOP(T)                                                                            \
    do {                                                                                           \
        const T *pa = v[0]->values, *pb = v[1]->values;                                            \
        T *to = values;                                                                            \
        uint32_t ma = expr_mask(v[0]), mb = expr_mask(v[1]);                                       \
        bool overflow = false;                                                                     \
        if (step->function == FN_ADD)                                                              \
            EXPR_FOR_ROWS(rows, n, row)                                                            \
        overflow |= __builtin_add_overflow(pa[row & ma], pb[row & mb], &to[row]);                  \
        else if (step->function == FN_SUBTRACT) EXPR_FOR_ROWS(rows, n, row) overflow |=            \
            __builtin_sub_overflow(pa[row & ma], pb[row & mb], &to[row]);                          \
        else EXPR_FOR_ROWS(rows, n, row) overflow |=                                               \
            __builtin_mul_overflow(pa[row & ma], pb[row & mb], &to[row]);                          \
        return overflow ? expr_fail_overflow(s, step, operator_name(step->function)) : 0;          \
    } while (0)

static int eval_integer(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    bool done;
    int r = try_plain(s, step, scope, args, out, 1, 1, INT64_MIN, INT64_MAX, &done);
    if (r || done)
        return r;
    r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    switch (step->phys) {
    case PHYS_I8:
        CHECKED_LOOP(int8_t);
    case PHYS_I16:
        CHECKED_LOOP(int16_t);
    case PHYS_I32:
        CHECKED_LOOP(int32_t);
    default:
        CHECKED_LOOP(int64_t);
    }
}

static int64_t load_i64(const Vector *v, uint32_t row)
{
    switch (v->phys) {
    case PHYS_I8:
        return ((const int8_t *)v->values)[row & expr_mask(v)];
    case PHYS_I16:
        return ((const int16_t *)v->values)[row & expr_mask(v)];
    case PHYS_I32:
        return ((const int32_t *)v->values)[row & expr_mask(v)];
    default:
        return ((const int64_t *)v->values)[row & expr_mask(v)];
    }
}

static void store_i64(PhysKind phys, void *values, uint32_t row, int64_t x)
{
    switch (phys) {
    case PHYS_I8:
        ((int8_t *)values)[row] = (int8_t)x;
        break;
    case PHYS_I16:
        ((int16_t *)values)[row] = (int16_t)x;
        break;
    case PHYS_I32:
        ((int32_t *)values)[row] = (int32_t)x;
        break;
    default:
        ((int64_t *)values)[row] = x;
    }
}

/* div and %; the divisor may not be 0, and the one quotient that does not fit is an overflow. */
static int eval_integer_divide(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                               Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    bool modulo = step->function == FN_MODULO;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t a = load_i64(v[0], row), b = load_i64(v[1], row);
        if (b == 0)
            return expr_fail_divide(s, step);
        if (b == -1) {
            if (!modulo && a == INT64_MIN)
                return expr_fail_overflow(s, step, "div");
            store_i64(step->phys, values, row, modulo ? 0 : -a);
            continue;
        }
        store_i64(step->phys, values, row, modulo ? a % b : a / b);
    }
    return 0;
}

static int eval_integer_unary(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                              Reg *out)
{
    const Vector *v[1];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    static const int64_t least[] = {[PHYS_I8] = INT8_MIN,
                                    [PHYS_I16] = INT16_MIN,
                                    [PHYS_I32] = INT32_MIN,
                                    [PHYS_I64] = INT64_MIN};
    int r = begin_rows(s, step, scope, args, 1, out, &values, v, &rows, &n);
    if (r)
        return r;
    bool abs = step->function == FN_ABS;
    EXPR_FOR_ROWS(rows, n, row)
    {
        int64_t a = load_i64(v[0], row);
        if (a == least[step->phys])
            return expr_fail_overflow(s, step, abs ? "abs" : "-");
        store_i64(step->phys, values, row, abs && a >= 0 ? a : -a);
    }
    return 0;
}

/* --- floats --- */

static double load_f64(const Vector *v, uint32_t row)
{
    row &= expr_mask(v);
    return v->phys == PHYS_F32 ? (double)((const float *)v->values)[row]
                               : ((const double *)v->values)[row];
}

static void store_f64(PhysKind phys, void *values, uint32_t row, double x)
{
    if (phys == PHYS_F32)
        ((float *)values)[row] = (float)x;
    else
        ((double *)values)[row] = x;
}

static int eval_float(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    if (step->phys == PHYS_F64 && step->function <= FN_MULTIPLY && v[0]->encoding == VEC_FLAT &&
        v[1]->encoding == VEC_FLAT && scope->n * 4 > s->batch->n_rows) {
        (step->function == FN_ADD ? s->kern->add_f64
         : step->function == FN_SUBTRACT
             ? s->kern->sub_f64
             : s->kern->mul_f64)(v[0]->values, v[1]->values, values, s->batch->n_rows);
        return 0;
    }
    EXPR_FOR_ROWS(rows, n, row)
    {
        double a = load_f64(v[0], row), b = load_f64(v[1], row), x;
        switch (step->function) {
        case FN_ADD:
            x = a + b;
            break;
        case FN_SUBTRACT:
            x = a - b;
            break;
        case FN_MULTIPLY:
            x = a * b;
            break;
        default:
            if (b == 0)
                return expr_fail_divide(s, step);
            x = step->function == FN_DIVIDE ? a / b : fmod(a, b);
        }
        store_f64(step->phys, values, row, x);
    }
    return 0;
}

static int eval_float_unary(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                            Reg *out)
{
    const Vector *v[1];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 1, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        double a = load_f64(v[0], row), x;
        switch (step->function) {
        case FN_NEGATE:
            x = -a;
            break;
        case FN_ABS:
            x = fabs(a);
            break;
        case FN_SQRT:
            x = sqrt(a);
            break;
        case FN_EXP:
            x = exp(a);
            break;
        default:
            /* Spark's ln() of what has no logarithm is null. */
            if (a <= 0) {
                if (!out->v.has_nulls) {
                    r = expr_out_valid(s, out);
                    if (r)
                        return r;
                }
                vec_bit_clear(out->valid, row);
                continue;
            }
            x = log(a);
        }
        store_f64(step->phys, values, row, x);
    }
    return 0;
}

static int eval_power(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    double *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    values[row] = pow(load_f64(v[0], row), load_f64(v[1], row));
    return 0;
}

/* ceil and floor of doubles give LONG, of integers themselves. */
static int eval_ceil_floor(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                           Reg *out)
{
    const Vector *v[1];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int r = begin_rows(s, step, scope, args, 1, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        if (v[0]->phys <= PHYS_I64) {
            store_i64(step->phys, values, row, load_i64(v[0], row));
            continue;
        }
        double a = load_f64(v[0], row);
        double x = step->function == FN_CEIL ? ceil(a) : floor(a);
        if (step->phys == PHYS_F64) {
            store_f64(step->phys, values, row, x);
            continue;
        }
        /* As Java: out of range stops at the ends, NaN is 0. */
        store_i64(step->phys, values, row,
                  isnan(x)                      ? 0
                  : x >= 9223372036854775807.0  ? INT64_MAX
                  : x <= -9223372036854775808.0 ? INT64_MIN
                                                : (int64_t)x);
    }
    return 0;
}

/* --- decimals --- */

static i128 load_i128(const Vector *v, uint32_t row)
{
    row &= expr_mask(v);
    if (v->phys == PHYS_I128)
        return ((const i128 *)v->values)[row];
    return load_i64(v, row);
}

static void store_decimal(PhysKind phys, void *values, uint32_t row, i128 x)
{
    if (phys == PHYS_I128)
        ((i128 *)values)[row] = x;
    else
        ((int64_t *)values)[row] = (int64_t)x;
}

/* Scale that the operation has before it is rounded to the result's. */
static uint32_t natural_scale(const Step *step, const Type a, const Type b)
{
    return step->function == FN_MULTIPLY ? (uint32_t)a.scale + b.scale : MAX(a.scale, b.scale);
}

static bool decimal_row(const Step *step, Type ta, Type tb, i128 a, i128 b, i128 *ret)
{
    Type t = step->type;
    i128 x;

    switch (step->function) {
    case FN_MULTIPLY: {
        uint32_t natural = (uint32_t)ta.scale + tb.scale;
        if (natural >= t.scale)
            return dec_multiply(a, b, natural - t.scale, ret);
        return dec_multiply(a, b, 0, &x) && dec_rescale(x, natural, t.scale, ret);
    }
    case FN_ADD:
    case FN_SUBTRACT: {
        uint32_t scale = MAX(ta.scale, tb.scale);
        if (!dec_rescale(a, ta.scale, scale, &a) || !dec_rescale(b, tb.scale, scale, &b))
            return false;
        if (step->function == FN_ADD ? __builtin_add_overflow(a, b, &x)
                                     : __builtin_sub_overflow(a, b, &x))
            return false;
        return dec_rescale(x, scale, t.scale, ret);
    }
    case FN_DIVIDE: {
        /* a / 10^sa / (b / 10^sb) * 10^s */
        int shift = (int)t.scale - ta.scale + tb.scale;
        if (shift >= 0)
            return dec_divide(a, b, (uint32_t)shift, ret);
        return dec_rescale(b, 0, (uint32_t)-shift, &b) && dec_divide(a, b, 0, ret);
    }
    default: {
        uint32_t scale = MAX(ta.scale, tb.scale);
        i128 q, rest;
        if (!dec_divmod(a, ta.scale, b, tb.scale, &q, &rest))
            return false;
        if (step->function == FN_MODULO)
            return dec_rescale(rest, scale, t.scale, ret);
        *ret = q;
        return true;
    }
    }
}

static int eval_decimal(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out)
{
    Type ta = args[0]->v.type, tb = args[1]->v.type, t = step->type;
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    bool done = false;
    int r;

    if (step->function <= FN_MULTIPLY && t.scale == natural_scale(step, ta, tb)) {
        bool multiply = step->function == FN_MULTIPLY;
        uint32_t up_a = multiply ? 0 : t.scale - ta.scale, up_b = multiply ? 0 : t.scale - tb.scale;
        i128 limit = dec_pow10(t.precision) - 1;
        if (up_a <= 18 && up_b <= 18) {
            r = try_plain(s, step, scope, args, out, (int64_t)dec_pow10(up_a),
                          (int64_t)dec_pow10(up_b), -limit, limit, &done);
            if (r || done)
                return r;
        }
    }

    r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    bool divides = step->function == FN_DIVIDE || step->function == FN_MODULO;
    EXPR_FOR_ROWS(rows, n, row)
    {
        i128 a = load_i128(v[0], row), b = load_i128(v[1], row), x;
        if (divides && b == 0)
            return expr_fail_divide(s, step);
        if (!decimal_row(step, ta, tb, a, b, &x)) /* beyond 38 digits: no text to show */
            return expr_fail_precision_text(s, step, "result", 6, t);
        if (!dec_fits(x, t.precision))
            return expr_fail_precision(s, step, x, t.scale, t);
        store_decimal(step->phys, values, row, x);
    }
    return 0;
}

/* div of decimals gives LONG. */
static int eval_decimal_int_divide(ExprState *s, const Step *step, const Scope *scope,
                                   Reg *const *args, Reg *out)
{
    const Vector *v[2];
    const uint16_t *rows;
    uint32_t n;
    int64_t *values;
    int r = begin_rows(s, step, scope, args, 2, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        i128 a = load_i128(v[0], row), b = load_i128(v[1], row), q, rest;
        if (b == 0)
            return expr_fail_divide(s, step);
        if (!dec_divmod(a, v[0]->type.scale, b, v[1]->type.scale, &q, &rest) || q < INT64_MIN ||
            q > INT64_MAX)
            return expr_fail_overflow(s, step, "div");
        values[row] = (int64_t)q;
    }
    return 0;
}

static i128 floor_to(i128 v, uint32_t drop, bool up)
{
    if (drop == 0)
        return v;
    i128 unit = dec_pow10(drop), q = v / unit, rest = v % unit;
    if (rest > 0 && up)
        q++;
    if (rest < 0 && !up)
        q--;
    return q;
}

/* Negation, abs, ceil, floor, round. */
static int eval_decimal_unary(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                              Reg *out)
{
    Type from = args[0]->v.type, t = step->type;
    const Vector *v[1];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int64_t digits = 0;

    if (step->n_args == 2) {
        if (vec_row_is_null(&args[1]->v, 0))
            return expr_out_null(s, step, out);
        digits = load_i64(&args[1]->v, 0);
    }
    int r = begin_rows(s, step, scope, args, 1, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        i128 x = load_i128(v[0], row);
        bool fits = true;
        switch (step->function) {
        case FN_NEGATE:
            x = -x;
            break;
        case FN_ABS:
            x = x < 0 ? -x : x;
            break;
        case FN_CEIL:
        case FN_FLOOR:
            x = floor_to(x, from.scale, step->function == FN_CEIL);
            fits = dec_rescale(x, 0, t.scale, &x);
            break;
        default:
            /* Round to @digits places, then write it at the result's scale. */
            if (digits < from.scale) {
                int64_t drop = from.scale - digits;
                if (drop > (int64_t)DEC_DIGITS_MAX)
                    x = 0;
                else
                    fits = dec_rescale(x, (uint32_t)drop, 0, &x) &&
                           dec_rescale(x, 0, (uint32_t)drop, &x);
            }
            fits = fits && dec_rescale(x, from.scale, t.scale, &x);
        }
        if (!fits)
            return expr_fail_overflow(s, step, "round");
        if (!dec_fits(x, t.precision))
            return expr_fail_precision(s, step, x, t.scale, t);
        store_decimal(step->phys, values, row, x);
    }
    return 0;
}

/* round(double or integer, digits), HALF_UP on the decimal text as BigDecimal does it. */
static int eval_round(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                      Reg *out)
{
    const Vector *v[1];
    const uint16_t *rows;
    uint32_t n;
    void *values;
    int64_t digits = 0;

    if (step->n_args == 2) {
        if (vec_row_is_null(&args[1]->v, 0))
            return expr_out_null(s, step, out);
        digits = load_i64(&args[1]->v, 0);
    }
    int r = begin_rows(s, step, scope, args, 1, out, &values, v, &rows, &n);
    if (r)
        return r;
    EXPR_FOR_ROWS(rows, n, row)
    {
        i128 x;
        if (step->phys == PHYS_F32 || step->phys == PHYS_F64) {
            double d = load_f64(v[0], row);
            if (digits >= 0 && digits <= 30 && dec_from_double(d, (uint32_t)digits, &x))
                d = dec_to_double(x, (uint32_t)digits);
            else if (digits < 0 && digits >= -30 && dec_from_double(d, 0, &x) &&
                     dec_rescale(x, (uint32_t)-digits, 0, &x) &&
                     dec_rescale(x, 0, (uint32_t)-digits, &x))
                d = dec_to_double(x, 0);
            else if (digits < -30)
                d = 0;
            store_f64(step->phys, values, row, d);
            continue;
        }
        x = load_i64(v[0], row);
        if (digits < 0) {
            uint32_t drop = digits < -38 ? 38 : (uint32_t)-digits;
            if (!dec_rescale(x, drop, 0, &x) || !dec_rescale(x, 0, drop, &x))
                return expr_fail_overflow(s, step, "round");
        }
        static const int64_t most[] = {[PHYS_I8] = INT8_MAX,
                                       [PHYS_I16] = INT16_MAX,
                                       [PHYS_I32] = INT32_MAX,
                                       [PHYS_I64] = INT64_MAX};
        if (x > most[step->phys] || x < -(i128)most[step->phys] - 1)
            return expr_fail_overflow(s, step, "round");
        store_i64(step->phys, values, row, (int64_t)x);
    }
    return 0;
}

static bool is_float(const Step *step)
{
    return step->phys == PHYS_F32 || step->phys == PHYS_F64;
}

static bool bind_binary(Step *step, const Step *a, const Step *b)
{
    bool decimals = a->type.kind == TYPE_DECIMAL && b->type.kind == TYPE_DECIMAL;
    bool integers = a->phys >= PHYS_I8 && a->phys <= PHYS_I64 && !decimals && b->phys == a->phys;

    if (decimals && step->function == FN_INT_DIVIDE) {
        step->eval = eval_decimal_int_divide;
        return step->phys == PHYS_I64;
    }
    if (decimals && step->type.kind == TYPE_DECIMAL) {
        step->eval = eval_decimal;
        return true;
    }
    if (is_float(a) && a->phys == b->phys && a->phys == step->phys) {
        step->eval = eval_float;
        return step->function != FN_INT_DIVIDE;
    }
    if (!integers)
        return false;
    if (step->function == FN_INT_DIVIDE) {
        step->eval = eval_integer_divide;
        return step->phys == PHYS_I64;
    }
    step->eval = step->function == FN_MODULO ? eval_integer_divide : eval_integer;
    return step->phys == a->phys && step->function != FN_DIVIDE;
}

static bool bind_unary(Step *step, const Step *a)
{
    bool integer = a->phys >= PHYS_I8 && a->phys <= PHYS_I64;

    switch (step->function) {
    case FN_SQRT:
    case FN_EXP:
    case FN_LN:
        step->eval = eval_float_unary;
        return a->phys == PHYS_F64 && step->phys == PHYS_F64;
    case FN_NEGATE:
    case FN_ABS:
        if (a->type.kind == TYPE_DECIMAL)
            step->eval = eval_decimal_unary;
        else
            step->eval = is_float(a) ? eval_float_unary : eval_integer_unary;
        return a->phys == step->phys && (integer || is_float(a) || a->phys == PHYS_I128);
    case FN_CEIL:
    case FN_FLOOR:
        if (a->type.kind == TYPE_DECIMAL) {
            step->eval = eval_decimal_unary;
            return step->type.kind == TYPE_DECIMAL;
        }
        step->eval = eval_ceil_floor;
        return (integer || is_float(a)) && (step->phys == PHYS_I64 || step->phys == a->phys);
    case FN_ROUND:
        if (a->type.kind == TYPE_DECIMAL) {
            step->eval = eval_decimal_unary;
            return step->type.kind == TYPE_DECIMAL;
        }
        step->eval = eval_round;
        return (integer || is_float(a)) && step->phys == a->phys;
    default:
        return false;
    }
}

bool expr_bind_arithmetic(Step *step, const Step *steps)
{
    if (step->n_args == 0)
        return false;
    const Step *a = &steps[step->args[0]];
    switch (step->function) {
    case FN_ADD:
    case FN_SUBTRACT:
    case FN_MULTIPLY:
    case FN_DIVIDE:
    case FN_INT_DIVIDE:
    case FN_MODULO:
        return step->n_args == 2 && bind_binary(step, a, &steps[step->args[1]]);
    case FN_POWER:
        step->eval = eval_power;
        return step->n_args == 2 && a->phys == PHYS_F64 && steps[step->args[1]].phys == PHYS_F64 &&
               step->phys == PHYS_F64;
    case FN_NEGATE:
    case FN_ABS:
    case FN_ROUND:
    case FN_CEIL:
    case FN_FLOOR:
    case FN_SQRT:
    case FN_EXP:
    case FN_LN: {
        if (step->n_args == 2) {
            /* How many digits must be a constant integer. */
            const Step *digits = &steps[step->args[1]];
            if (step->function != FN_ROUND || !digits->constant || digits->phys > PHYS_I64 ||
                digits->phys < PHYS_I8)
                return false;
        } else if (step->n_args != 1) {
            return false;
        }
        return bind_unary(step, a);
    }
    default:
        return false;
    }
}
