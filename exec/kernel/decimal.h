/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Decimals as scaled integers of up to 38 digits; all rounding is HALF_UP, as Spark's.
 * Functions that return bool return false on overflow of 128 bits and leave *ret alone; whether the
 * result fits the declared precision is asked with dec_fits().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __int128 i128;
typedef unsigned __int128 u128;

#define DEC_DIGITS_MAX 38u

/* 10^@k, 0 <= @k <= 38. */
i128 dec_pow10(uint32_t k);

static inline u128 dec_abs(i128 v)
{
    return v < 0 ? -(u128)v : (u128)v;
}

/* Is |@v| < 10^@precision? */
static inline bool dec_fits(i128 v, uint32_t precision)
{
    return dec_abs(v) < (u128)dec_pow10(precision);
}

/* @v at another scale. */
bool dec_rescale(i128 v, uint32_t from_scale, uint32_t to_scale, i128 *ret);
/* @a * @b / 10^@drop, exact in 256 bits before it is rounded. @drop <= 76. */
bool dec_multiply(i128 a, i128 b, uint32_t drop, i128 *ret);
/* @a * 10^@shift / @b; @b is not 0, @shift <= 114. */
bool dec_divide(i128 a, i128 b, uint32_t shift, i128 *ret);
/* Truncated quotient and remainder (sign of @a) of two numbers of different scales, both results
 * exact. False when the alignment overflows. */
bool dec_divmod(i128 a, uint32_t scale_a, i128 b, uint32_t scale_b, i128 *ret_quotient,
                i128 *ret_remainder);
double dec_to_double(i128 v, uint32_t scale);
/* Nearest decimal, by way of the shortest decimal text of @d as BigDecimal.valueOf() has it. False
 * when not finite or too large. */
bool dec_from_double(double d, uint32_t scale, i128 *ret);

#define DEC_TEXT_MAX 48u
/* Plain notation. Return: length; @buf has DEC_TEXT_MAX bytes and is not terminated. */
size_t dec_format(i128 v, uint32_t scale, char *buf);

enum {
    DEC_E_SYNTAX = 1,
    DEC_E_RANGE = 2, /* more digits than 128 bits hold */
};
/* [+-]digits[.digits][e[+-]digits], no spaces around. Return: 0; DEC_E_*. */
int dec_parse(const char *text, size_t n, uint32_t scale, i128 *ret);
