/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/decimal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define E18 UINT64_C(1000000000000000000)
#define P18(x) ((i128)(x)*E18)

static const i128 powers[DEC_DIGITS_MAX + 1] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
    P18(10),
    P18(100),
    P18(1000),
    P18(10000),
    P18(100000),
    P18(1000000),
    P18(10000000),
    P18(100000000),
    P18(1000000000),
    P18(INT64_C(10000000000)),
    P18(INT64_C(100000000000)),
    P18(INT64_C(1000000000000)),
    P18(INT64_C(10000000000000)),
    P18(INT64_C(100000000000000)),
    P18(INT64_C(1000000000000000)),
    P18(INT64_C(10000000000000000)),
    P18(INT64_C(100000000000000000)),
    P18(INT64_C(1000000000000000000)),
    P18(INT64_C(1000000000000000000)) * 10,
    P18(INT64_C(1000000000000000000)) * 100,
};

i128 dec_pow10(uint32_t k)
{
    assert(k <= DEC_DIGITS_MAX);
    return powers[k];
}

static bool with_sign(u128 magnitude, bool negative, i128 *ret)
{
    if (magnitude >> 127)
        return false;
    *ret = negative ? -(i128)magnitude : (i128)magnitude;
    return true;
}

bool dec_rescale(i128 v, uint32_t from_scale, uint32_t to_scale, i128 *ret)
{
    if (to_scale >= from_scale) {
        uint32_t up = to_scale - from_scale;
        if (v == 0 || up == 0) {
            *ret = v;
            return true;
        }
        return up <= DEC_DIGITS_MAX && !__builtin_mul_overflow(v, powers[up], ret);
    }
    uint32_t down = from_scale - to_scale;
    if (down > DEC_DIGITS_MAX) {
        *ret = 0;
        return true;
    }
    i128 q = v / powers[down], r = v % powers[down];
    /* |r| < 10^38, so doubling it may overflow a signed value but not an unsigned one. */
    if (2 * dec_abs(r) >= (u128)powers[down])
        q += v < 0 ? -1 : 1;
    *ret = q;
    return true;
}

/* 256 bits, lowest limb first. */
typedef struct U256 {
    uint64_t w[4];
} U256;

static U256 multiply_wide(u128 a, u128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64);
    uint64_t b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    u128 p00 = (u128)a0 * b0, p01 = (u128)a0 * b1, p10 = (u128)a1 * b0, p11 = (u128)a1 * b1;
    u128 mid = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;
    u128 high = p11 + (p01 >> 64) + (p10 >> 64) + (mid >> 64);
    return (U256){{(uint64_t)p00, (uint64_t)mid, (uint64_t)high, (uint64_t)(high >> 64)}};
}

/* Return: the remainder. */
static uint64_t divide_small(U256 *x, uint64_t divisor)
{
    u128 rest = 0;
    for (int i = 3; i >= 0; i--) {
        u128 part = rest << 64 | x->w[i];
        x->w[i] = (uint64_t)(part / divisor);
        rest = part % divisor;
    }
    return (uint64_t)rest;
}

bool dec_multiply(i128 a, i128 b, uint32_t drop, i128 *ret)
{
    i128 product;
    if (!__builtin_mul_overflow(a, b, &product))
        return drop == 0 ? (*ret = product, true) : dec_rescale(product, drop, 0, ret);

    U256 x = multiply_wide(dec_abs(a), dec_abs(b));
    uint64_t last = 0;
    /* HALF_UP needs only the first digit that is dropped: divide by 10 last. */
    for (uint32_t left = drop ? drop - 1 : 0; left > 0;) {
        uint32_t k = left < 18 ? left : 18;
        divide_small(&x, (uint64_t)powers[k]);
        left -= k;
    }
    if (drop)
        last = divide_small(&x, 10);
    if (x.w[2] || x.w[3])
        return false;
    u128 q = (u128)x.w[1] << 64 | x.w[0];
    return with_sign(q + (last >= 5), (a < 0) != (b < 0), ret);
}

bool dec_divide(i128 a, i128 b, uint32_t shift, i128 *ret)
{
    assert(b != 0);
    bool negative = (a < 0) != (b < 0);
    u128 n = dec_abs(a), d = dec_abs(b), scaled;

    if (shift <= DEC_DIGITS_MAX && !__builtin_mul_overflow(n, (u128)powers[shift], &scaled)) {
        u128 q = scaled / d, r = scaled % d;
        if (r >= d - r)
            q++;
        return with_sign(q, negative, ret);
    }

    /* Schoolbook, a digit at a time; d <= 2^127, so r + r never leaves 128 bits. */
    u128 q = n / d, r = n % d;
    for (uint32_t i = 0; i < shift; i++) {
        u128 tens = 0;
        uint32_t digit = 0;
        for (int k = 0; k < 10; k++) {
            tens += r;
            if (tens >= d) {
                tens -= d;
                digit++;
            }
        }
        r = tens;
        if (__builtin_mul_overflow(q, (u128)10, &q) || __builtin_add_overflow(q, (u128)digit, &q))
            return false;
    }
    if (r >= d - r)
        q++;
    return with_sign(q, negative, ret);
}

bool dec_divmod(i128 a, uint32_t scale_a, i128 b, uint32_t scale_b, i128 *ret_quotient,
                i128 *ret_remainder)
{
    uint32_t scale = scale_a > scale_b ? scale_a : scale_b;
    if (!dec_rescale(a, scale_a, scale, &a) || !dec_rescale(b, scale_b, scale, &b) || b == 0)
        return false;
    *ret_quotient = a / b;
    *ret_remainder = a % b;
    return true;
}

double dec_to_double(i128 v, uint32_t scale)
{
    u128 magnitude = dec_abs(v);
    if (magnitude < (u128)1 << 53 && scale <= 22) {
        /* Both are exact, so one division rounds correctly. */
        double d = (double)(uint64_t)magnitude / (double)powers[scale];
        return v < 0 ? -d : d;
    }
    char text[DEC_TEXT_MAX + 1];
    text[dec_format(v, scale, text)] = '\0';
    return strtod(text, NULL);
}

bool dec_from_double(double d, uint32_t scale, i128 *ret)
{
    if (!isfinite(d))
        return false;
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, d);
        if (strtod(text, NULL) == d)
            break;
    }
    return dec_parse(text, strlen(text), scale, ret) == 0;
}

size_t dec_format(i128 v, uint32_t scale, char *buf)
{
    char digits[DEC_TEXT_MAX];
    uint32_t n = 0;
    size_t at = 0;
    u128 u = dec_abs(v);

    assert(scale <= DEC_DIGITS_MAX);
    while (u >= E18) {
        uint64_t low = (uint64_t)(u % E18);
        u /= E18;
        for (int i = 0; i < 18; i++, low /= 10)
            digits[n++] = (char)('0' + low % 10);
    }
    for (uint64_t low = (uint64_t)u; low; low /= 10)
        digits[n++] = (char)('0' + low % 10);
    while (n <= scale)
        digits[n++] = '0';
    if (v < 0)
        buf[at++] = '-';
    while (n > 0) {
        if (n == scale)
            buf[at++] = '.';
        buf[at++] = digits[--n];
    }
    return at;
}

int dec_parse(const char *text, size_t n, uint32_t scale, i128 *ret)
{
    size_t i = 0;
    bool negative = false, any = false, point = false;
    u128 value = 0;
    int32_t exponent = 0; /* value * 10^exponent */
    uint32_t dropped = 0; /* digits that did not fit any more: only the first decides rounding */
    int first_dropped = -1;

    if (i < n && (text[i] == '+' || text[i] == '-'))
        negative = text[i++] == '-';
    for (; i < n && ((text[i] >= '0' && text[i] <= '9') || (text[i] == '.' && !point)); i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        if (value >= (u128)powers[37]) {
            if (first_dropped < 0)
                first_dropped = text[i] - '0';
            if (dropped++ > 1000000)
                return DEC_E_RANGE;
            if (!point)
                exponent++;
        } else {
            value = value * 10 + (unsigned)(text[i] - '0');
            if (point)
                exponent--;
        }
        if (exponent < -1000000)
            return DEC_E_SYNTAX;
    }
    if (!any)
        return DEC_E_SYNTAX;
    if (i < n && (text[i] == 'e' || text[i] == 'E')) {
        int32_t e = 0;
        bool e_negative = false;
        i++;
        if (i < n && (text[i] == '+' || text[i] == '-'))
            e_negative = text[i++] == '-';
        if (i >= n)
            return DEC_E_SYNTAX;
        for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
            if (e < 100000000)
                e = e * 10 + (text[i] - '0');
        exponent += e_negative ? -e : e;
    }
    if (i != n)
        return DEC_E_SYNTAX;

    i128 v = (i128)value;
    int64_t shift = (int64_t)exponent + scale;
    if (value == 0) {
        *ret = 0;
        return 0;
    }
    if (shift > (int64_t)DEC_DIGITS_MAX)
        return DEC_E_RANGE;
    if (shift >= 0) {
        if (!dec_rescale(v, 0, (uint32_t)shift, &v))
            return DEC_E_RANGE;
        if (shift == 0 && first_dropped >= 5)
            v++;
    } else {
        dec_rescale(v, shift < -100 ? 100 : (uint32_t)-shift, 0, &v);
    }
    *ret = negative ? -v : v;
    return 0;
}
