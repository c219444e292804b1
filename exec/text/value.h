/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Texts as values, the way Java reads them: Integer.parseInt(), BigDecimal(), Double.parseDouble()
 * (what Spark's readers of CSV and of partition folders call), not the way CAST does. No spaces are
 * skipped unless said; all return whether @text is one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/kernel/date_pattern.h"
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

/* A pattern of exec/kernel/date_pattern.h without names of zones. */
#define TEXT_PATTERN_MAX 128u
typedef struct TextPattern {
    char text[TEXT_PATTERN_MAX + 1];
    uint32_t n;
} TextPattern;

/* False: it is none, or too long. */
bool text_pattern_parse(const char *text, TextPattern *ret);
/* Microseconds on the wall; *ret_has_offset: an offset was there and is taken off. */
bool text_by_pattern(const TextPattern *pattern, const char *text, uint32_t n, int64_t *ret_micros,
                     bool *ret_has_offset);
