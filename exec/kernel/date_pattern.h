/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Patterns of dates and clocks: "yyyy-MM-dd HH:mm:ss". Source: Spark SQL reference, "Datetime
 * Patterns"; java.time.format.DateTimeFormatter in its strict form, English names.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_PATTERN_MAX 256u
#define DATE_TEXT_MAX (DATE_PATTERN_MAX * 12)

/* What can be wrong with a pattern or a text. */
typedef enum DatePatternError {
    DATE_PATTERN_OK,
    DATE_PATTERN_ILLEGAL,  /* no such letter, too many of them, quotes or brackets left open */
    DATE_PATTERN_LEGACY,   /* what Spark 2 knew: Y, W, w, u, braces; for reading E, F, Q, q, too */
    DATE_PATTERN_NO_MATCH, /* the text is not as the pattern says */
} DatePatternError;

/**
 * date_pattern_format() - a clock on the wall as text
 * @wall: microseconds, @offset: what was added to the instant, @zone: the name of its zone
 * @out: DATE_TEXT_MAX bytes
 */
DatePatternError date_pattern_format(const char *pattern, uint32_t n, int64_t wall, int64_t offset,
                                     const char *zone, uint32_t n_zone, char *out, size_t *ret_n);

typedef struct DatePatternTime {
    int64_t wall;     /* what is missing is that of 1970-01-01 00:00:00 */
    const char *zone; /* into the text; NULL: none was written */
    uint32_t n_zone;
    bool has_offset; /* @zone is one of fixed @offset */
    int64_t offset;
} DatePatternTime;

/* Is it a pattern to read by? */
DatePatternError date_pattern_check(const char *pattern, uint32_t n);
/* Of a pattern that was checked. */
DatePatternError date_pattern_read(const char *pattern, uint32_t n, const char *text,
                                   uint32_t n_text, DatePatternTime *ret);
/* Both. */
DatePatternError date_pattern_parse(const char *pattern, uint32_t n, const char *text,
                                    uint32_t n_text, DatePatternTime *ret);
