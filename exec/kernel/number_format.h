/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Formats of to_number() and to_char(): [MI|S] [$] [0|9|G|,]* [.|D] [0|9]* [MI|S|PR]. Source: Spark
 * SQL reference, "Number Pattern". Digits that begin with 0 are all there, with 9 perhaps fewer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_DIGITS_MAX 38u
#define NUMBER_TEXT_MAX 128u

typedef enum NumberFormatError {
    NUMBER_FORMAT_OK,
    NUMBER_FORMAT_EMPTY,
    NUMBER_FORMAT_NO_DIGIT,
    NUMBER_FORMAT_TWICE,      /* a token that may stand once */
    NUMBER_FORMAT_GROUPS,     /* a comma without digits on both sides */
    NUMBER_FORMAT_GROUP_LATE, /* a comma behind the point */
    NUMBER_FORMAT_CURRENCY,   /* $ behind digits */
    NUMBER_FORMAT_UNEXPECTED,
    NUMBER_FORMAT_TOO_LONG,
} NumberFormatError;

typedef struct NumberFormat {
    char sign; /* 0 none, S, M for MI, P for PR */
    bool sign_first, currency, point, after_exact;
    uint8_t n_groups, n_before, n_after;
    struct {
        uint8_t n;
        bool exact;
    } groups[NUMBER_DIGITS_MAX + 1]; /* before the point */
} NumberFormat;

NumberFormatError number_format_read(const char *text, size_t n, NumberFormat *ret);
/* The number as an integer of @ret's scale, n_after. False: the text is not as the format says. */
bool number_format_parse(const NumberFormat *f, const char *text, size_t n, __int128 *ret);
/* @value of scale @scale. Return: length. */
size_t number_format_put(const NumberFormat *f, __int128 value, uint32_t scale,
                         char out[NUMBER_TEXT_MAX]);
