/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "exec/expr/row.h"

/* Numbers. Where Java's library and C's differ in the last place, C's value stands. */

#define PI 3.141592653589793

static double math_asinh(double x)
{
    /* As Spark says it: exact only where the square does not overflow. */
    return x == -INFINITY ? x : log(x + sqrt(x * x + 1));
}

static double math_acosh(double x)
{
    return log(x + sqrt(x * x - 1));
}

static double math_atanh(double x)
{
    return 0.5 * (log1p(x) - log1p(-x));
}

static double math_cot(double x)
{
    return 1 / tan(x);
}

static double math_sec(double x)
{
    return 1 / cos(x);
}

static double math_csc(double x)
{
    return 1 / sin(x);
}

static double math_degrees(double x)
{
    return x * (180 / PI);
}

static double math_radians(double x)
{
    return x * (PI / 180);
}

static double math_signum(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

/* Logarithms of what has none are null. */
static int row_log10(RowCall *c)
{
    double x = row_double(c, 0);
    return x <= 0 ? row_set_null(c) : row_set_double(c, log10(x));
}

static int row_log2(RowCall *c)
{
    double x = row_double(c, 0);
    return x <= 0 ? row_set_null(c) : row_set_double(c, log(x) / log(2));
}

static int row_log1p(RowCall *c)
{
    double x = row_double(c, 0);
    return x <= -1 ? row_set_null(c) : row_set_double(c, log1p(x));
}

static int row_log(RowCall *c)
{
    double base = row_double(c, 0), x = row_double(c, 1);
    return base <= 0 || x <= 0 ? row_set_null(c) : row_set_double(c, log(x) / log(base));
}

static int row_atan2(RowCall *c)
{
    /* 0 is added so that no zero is negative. */
    return row_set_double(c, atan2(row_double(c, 0) + 0.0, row_double(c, 1) + 0.0));
}

static int row_hypot(RowCall *c)
{
    return row_set_double(c, hypot(row_double(c, 0), row_double(c, 1)));
}

static int row_nanvl(RowCall *c)
{
    if (row_null(c, 0))
        return row_set_null(c);
    double x = row_double(c, 0);
    if (!isnan(x))
        return row_set_double(c, x);
    return row_null(c, 1) ? row_set_null(c) : row_set_double(c, row_double(c, 1));
}

static int row_factorial(RowCall *c)
{
    int64_t n = row_int(c, 0), x = 1;
    if (n < 0 || n > 20)
        return row_set_null(c);
    for (int64_t i = 2; i <= n; i++)
        x *= i;
    return row_set_int(c, x);
}

static int row_hex(RowCall *c)
{
    static const char digits[] = "0123456789ABCDEF";
    int r;
    if (c->v[0]->phys == PHYS_STRING) {
        const VecString *x = row_string(c, 0);
        const char *from = vec_string_data(x);
        char *to = row_bytes(c, (uint64_t)x->length * 2, &r);
        if (!to)
            return r;
        for (uint32_t i = 0; i < x->length; i++) {
            to[2 * i] = digits[(unsigned char)from[i] >> 4];
            to[2 * i + 1] = digits[(unsigned char)from[i] & 15];
        }
        return row_set_part(c, vec_string(to, x->length * 2));
    }
    uint64_t x = (uint64_t)row_int(c, 0);
    char buf[16];
    int at = 16;
    do {
        buf[--at] = digits[x & 15];
        x >>= 4;
    } while (x);
    return row_set_text(c, buf + at, (size_t)(16 - at));
}

static int digit_of(char ch)
{
    return ch >= '0' && ch <= '9'   ? ch - '0'
           : ch >= 'a' && ch <= 'z' ? ch - 'a' + 10
           : ch >= 'A' && ch <= 'Z' ? ch - 'A' + 10
                                    : 99;
}

/* An odd number of digits means a zero before them. */
static int row_unhex(RowCall *c)
{
    const VecString *x = row_string(c, 0);
    const char *from = vec_string_data(x);
    uint32_t n = (x->length + 1) / 2, odd = x->length & 1;
    int r;
    char *to = row_bytes(c, n, &r);
    if (!to)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        int high = odd && i == 0 ? 0 : digit_of(from[2 * i - odd]);
        int low = digit_of(from[2 * i + 1 - odd]);
        if (high > 15 || low > 15)
            return row_set_null(c);
        to[i] = (char)(high << 4 | low);
    }
    return row_set_part(c, vec_string(to, n));
}

static int row_bin(RowCall *c)
{
    uint64_t x = (uint64_t)row_int(c, 0);
    char buf[64];
    int at = 64;
    do {
        buf[--at] = (char)('0' + (x & 1));
        x >>= 1;
    } while (x);
    return row_set_text(c, buf + at, (size_t)(64 - at));
}

/*
 * Digits of one base as digits of another, in 64 bits without sign; a negative target base means a
 * signed result. What is no digit ends the number.
 */
static int row_conv(RowCall *c)
{
    const VecString *x = row_string(c, 0);
    int64_t from = row_int(c, 1), to = row_int(c, 2), base = to < 0 ? -to : to;
    const char *text = vec_string_data(x);
    uint32_t n = x->length, at = 0;
    while (at < n && text[at] == ' ')
        at++;
    while (n > at && text[n - 1] == ' ')
        n--;
    if (at == n || from < 2 || from > 36 || base < 2 || base > 36)
        return row_set_null(c);
    bool negative = text[at] == '-';
    at += negative;
    uint64_t v = 0;
    for (; at < n && digit_of(text[at]) < from; at++)
        if (__builtin_mul_overflow(v, (uint64_t)from, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit_of(text[at]), &v))
            return row_fail(c, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003",
                            "Overflow in function conv(). If necessary set "
                            "\"spark.sql.ansi.enabled\" to \"false\" to bypass this error.");
    if (negative && to > 0)
        v = (int64_t)v < 0 ? UINT64_MAX : -v;
    if (to < 0 && (int64_t)v < 0 && !negative) {
        negative = true;
        v = -v;
    }
    char buf[66];
    int end = 65;
    do {
        buf[--end] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v % (uint64_t)base];
        v /= (uint64_t)base;
    } while (v);
    if (negative && to < 0)
        buf[--end] = '-';
    return row_set_text(c, buf + end, (size_t)(65 - end));
}

static int row_pmod(RowCall *c)
{
    const Type t = c->step->type;
    if (t.kind == TYPE_DOUBLE || t.kind == TYPE_FLOAT) {
        double a = row_double(c, 0), n = row_double(c, 1);
        if (n == 0)
            return expr_fail_divide(c->s, c->step);
        double rest = fmod(a, n);
        return row_set_double(c, rest < 0 ? fmod(rest + n, n) : rest);
    }
    i128 a = row_wide(c, 0), n = row_wide(c, 1), quotient, rest;
    uint32_t sa = c->v[0]->type.scale, sn = c->v[1]->type.scale, scale = MAX(sa, sn);
    if (n == 0)
        return expr_fail_divide(c->s, c->step);
    if (t.kind != TYPE_DECIMAL)
        return row_set_int(c, (int64_t)(a % n < 0 ? (a % n + n) % n : a % n));
    if (!dec_divmod(a, sa, n, sn, &quotient, &rest) || !dec_rescale(n, sn, scale, &n))
        return expr_fail_overflow(c->s, c->step, "pmod");
    if (rest < 0)
        rest = (rest + n) % n;
    if (!dec_rescale(rest, scale, t.scale, &rest))
        return expr_fail_overflow(c->s, c->step, "pmod");
    return row_set_wide(c, rest);
}

static int row_bits(RowCall *c)
{
    int64_t a = row_int(c, 0), b = row_int(c, 1);
    return row_set_int(c, c->step->function == FN_BIT_AND  ? a & b
                          : c->step->function == FN_BIT_OR ? a | b
                                                           : a ^ b);
}

static int row_bit_not(RowCall *c)
{
    return row_set_int(c, ~row_int(c, 0));
}

/* The count is taken modulo the width, as Java does. */
static int row_shift(RowCall *c)
{
    bool narrow = c->step->phys == PHYS_I32;
    int64_t x = row_int(c, 0), by = row_int(c, 1) & (narrow ? 31 : 63);
    switch (c->step->function) {
    case FN_SHIFT_LEFT:
        return row_set_int(c, (int64_t)((uint64_t)x << by));
    case FN_SHIFT_RIGHT:
        return row_set_int(c, x >> by);
    default:
        return row_set_int(c, (int64_t)((narrow ? (uint64_t)(uint32_t)x : (uint64_t)x) >> by));
    }
}

static int row_bit_count(RowCall *c)
{
    return row_set_int(c, __builtin_popcountll((uint64_t)row_int(c, 0)));
}

static int row_bit_get(RowCall *c)
{
    int64_t at = row_int(c, 1);
    int bits = 8 * (int)phys_size(c->v[0]->phys);
    if (at < 0 || at >= bits)
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE",
                        "22023",
                        "The value of parameter(s) `pos` in `bit_get` is invalid: expects an "
                        "integer value in [0, %d), but got %lld.",
                        bits, (long long)at);
    return row_set_int(c, row_int(c, 0) >> at & 1);
}

static int row_width_bucket(RowCall *c)
{
    double x = row_double(c, 0), lo = row_double(c, 1), hi = row_double(c, 2);
    int64_t n = row_int(c, 3);
    if (n <= 0 || n == INT64_MAX || isnan(x) || lo == hi || !isfinite(lo) || !isfinite(hi))
        return row_set_null(c);
    bool falling = lo > hi;
    double low = falling ? hi : lo, high = falling ? lo : hi;
    if (falling ? x > high : x < low)
        return row_set_int(c, 0);
    if (falling ? x <= low : x >= high)
        return row_set_int(c, n + 1);
    double part = falling ? (high - x) / (high - low) : (x - low) / (high - low);
    return row_set_int(c, (int64_t)((double)n * part) + 1);
}

/* @v without its last @drop digits, the half going to the even neighbour. */
static i128 half_even(i128 v, uint32_t drop)
{
    if (drop == 0)
        return v;
    if (drop > DEC_DIGITS_MAX)
        return 0;
    i128 unit = dec_pow10(drop), q = v / unit, rest = v % unit;
    u128 twice = dec_abs(rest) * 2;
    if (twice > (u128)unit || (twice == (u128)unit && (q & 1)))
        q += v < 0 ? -1 : 1;
    return q;
}

static bool fits(PhysKind phys, i128 x)
{
    int bits = 8 * (int)phys_size(phys);
    return x >= -((i128)1 << (bits - 1)) && x < (i128)1 << (bits - 1);
}

/* bround(number, digits) */
static int row_bround(RowCall *c)
{
    int64_t digits = row_int(c, 1);
    const Type t = c->step->type;
    i128 x;
    if (t.kind == TYPE_DOUBLE || t.kind == TYPE_FLOAT) {
        double d = row_double(c, 0);
        if (digits > 17 || !dec_from_double(d, 18, &x))
            return row_set_double(c, d);
        int64_t drop = 18 - digits;
        x = half_even(x, drop > 60 ? 60 : (uint32_t)drop);
        if (drop <= 36 && digits >= 0)
            return row_set_double(c, dec_to_double(x, (uint32_t)digits));
        return row_set_double(c, (double)x * pow(10, (double)-digits));
    }
    uint32_t scale = t.kind == TYPE_DECIMAL ? c->v[0]->type.scale : 0;
    x = row_wide(c, 0);
    if (digits < (int64_t)scale) {
        int64_t drop = (int64_t)scale - digits;
        x = half_even(x, drop > 60 ? 60 : (uint32_t)drop);
        if (x != 0 && !dec_rescale(x, 0, (uint32_t)drop, &x))
            return expr_fail_overflow(c->s, c->step, "bround");
    }
    if (t.kind == TYPE_DECIMAL) {
        if (!dec_rescale(x, scale, t.scale, &x) || !dec_fits(x, t.precision))
            return expr_fail_overflow(c->s, c->step, "bround");
        return row_set_wide(c, x);
    }
    if (!fits(c->step->phys, x))
        return expr_fail_overflow(c->s, c->step, "bround");
    return row_set_int(c, (int64_t)x);
}

/* ceil(decimal, digits), floor(decimal, digits) */
static int row_ceil_scale(RowCall *c)
{
    int64_t digits = row_int(c, 1), scale = c->v[0]->type.scale;
    i128 x = row_wide(c, 0);
    if (digits < scale) {
        uint32_t drop = (uint32_t)MIN(scale - digits, (int64_t)DEC_DIGITS_MAX);
        i128 unit = dec_pow10(drop), rest = x % unit;
        x /= unit;
        if (rest > 0 && c->step->function == FN_CEIL_SCALE)
            x++;
        if (rest < 0 && c->step->function == FN_FLOOR_SCALE)
            x--;
        if (!dec_rescale(x, 0, drop, &x))
            return expr_fail_overflow(c->s, c->step, "ceil");
    }
    if (!dec_rescale(x, (uint32_t)scale, c->step->type.scale, &x) ||
        !dec_fits(x, c->step->type.precision))
        return expr_fail_overflow(c->s, c->step, "ceil");
    return row_set_wide(c, x);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_math[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(SIN) = {.math = sin, .flags = ROW_SAFE},
    AT(COS) = {.math = cos, .flags = ROW_SAFE},
    AT(TAN) = {.math = tan, .flags = ROW_SAFE},
    AT(ASIN) = {.math = asin, .flags = ROW_SAFE},
    AT(ACOS) = {.math = acos, .flags = ROW_SAFE},
    AT(ATAN) = {.math = atan, .flags = ROW_SAFE},
    AT(SINH) = {.math = sinh, .flags = ROW_SAFE},
    AT(COSH) = {.math = cosh, .flags = ROW_SAFE},
    AT(TANH) = {.math = tanh, .flags = ROW_SAFE},
    AT(ASINH) = {.math = math_asinh, .flags = ROW_SAFE},
    AT(ACOSH) = {.math = math_acosh, .flags = ROW_SAFE},
    AT(ATANH) = {.math = math_atanh, .flags = ROW_SAFE},
    AT(COT) = {.math = math_cot, .flags = ROW_SAFE},
    AT(SEC) = {.math = math_sec, .flags = ROW_SAFE},
    AT(CSC) = {.math = math_csc, .flags = ROW_SAFE},
    AT(CBRT) = {.math = cbrt, .flags = ROW_SAFE},
    AT(EXPM1) = {.math = expm1, .flags = ROW_SAFE},
    AT(RINT) = {.math = rint, .flags = ROW_SAFE},
    AT(DEGREES) = {.math = math_degrees, .flags = ROW_SAFE},
    AT(RADIANS) = {.math = math_radians, .flags = ROW_SAFE},
    AT(SIGNUM) = {.math = math_signum, .flags = ROW_SAFE},
    AT(LOG10) = {.row = row_log10, .flags = ROW_SAFE},
    AT(LOG2) = {.row = row_log2, .flags = ROW_SAFE},
    AT(LOG1P) = {.row = row_log1p, .flags = ROW_SAFE},
    AT(LOG) = {.row = row_log, .flags = ROW_SAFE},
    AT(ATAN2) = {.row = row_atan2, .flags = ROW_SAFE},
    AT(HYPOT) = {.row = row_hypot, .flags = ROW_SAFE},
    AT(NANVL) = {.row = row_nanvl, .flags = ROW_SAFE | ROW_NULLS},
    AT(FACTORIAL) = {.row = row_factorial, .flags = ROW_SAFE},
    AT(HEX) = {.row = row_hex},
    AT(UNHEX) = {.row = row_unhex},
    AT(BIN) = {.row = row_bin, .flags = ROW_SAFE},
    AT(CONV) = {.row = row_conv},
    AT(PMOD) = {.row = row_pmod},
    AT(BIT_AND) = {.row = row_bits, .flags = ROW_SAFE},
    AT(BIT_OR) = {.row = row_bits, .flags = ROW_SAFE},
    AT(BIT_XOR) = {.row = row_bits, .flags = ROW_SAFE},
    AT(BIT_NOT) = {.row = row_bit_not, .flags = ROW_SAFE},
    AT(SHIFT_LEFT) = {.row = row_shift, .flags = ROW_SAFE},
    AT(SHIFT_RIGHT) = {.row = row_shift, .flags = ROW_SAFE},
    AT(SHIFT_RIGHT_UNSIGNED) = {.row = row_shift, .flags = ROW_SAFE},
    AT(BIT_COUNT) = {.row = row_bit_count, .flags = ROW_SAFE},
    AT(BIT_GET) = {.row = row_bit_get},
    AT(WIDTH_BUCKET) = {.row = row_width_bucket, .flags = ROW_SAFE},
    AT(BROUND) = {.row = row_bround},
    AT(CEIL_SCALE) = {.row = row_ceil_scale},
    AT(FLOOR_SCALE) = {.row = row_ceil_scale},
};
