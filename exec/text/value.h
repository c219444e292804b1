/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Texts as values, the way Java reads them: Integer.parseInt(), BigDecimal(), Double.parseDouble()
 * (what Spark's readers of CSV and of partition folders call), not the way CAST does. No spaces are
 * skipped unless said; all return whether @text is one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/kernel/zone.h"

/* [+-]digits, within int64_t. */
bool text_integer(const char *text, uint32_t n, int64_t *ret);
/* Java's Double.parseDouble(): control characters and spaces around, NaN, Infinity, hexadecimal,
 * a suffix d or f. */
bool text_double(const char *text, uint32_t n, double *ret);
/* A number without fraction however it is written (1e5, 10.): of up to 38 digits. */
bool text_whole(const char *text, uint32_t n, uint32_t *ret_precision, __int128 *ret);
/* 'd' in @shape is a digit, anything else itself. */
bool text_has_shape(const char *text, uint32_t n, const char *shape);

/*
 * A java.time pattern of numbers: letters y M d H m s S and X, x (offsets), texts in quotes,
 * everything else itself.
 */
#define TEXT_PATTERN_MAX 128u
typedef struct TextPattern {
    struct TextPatternPart {
        char letter; /* 0: @n_literal bytes stand here */
        uint8_t width;
        uint8_t n_literal;
        char literal[14];
    } parts[32];
    uint32_t n;
} TextPattern;

/* False: a letter that is not read, or too long. */
bool text_pattern_parse(const char *text, TextPattern *ret);
/* Microseconds on the wall; *ret_has_offset: an offset was there and is taken off. */
bool text_by_pattern(const TextPattern *pattern, const char *text, uint32_t n, int64_t *ret_micros,
                     bool *ret_has_offset);
