/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The two families of intervals: INTERVAL_YM in months, with the fields YEAR 0 and MONTH 1;
 * INTERVAL_DT in microseconds, with DAY 0, HOUR 1, MINUTE 2 and SECOND 3. A type names its first
 * and its last field; Type keeps them in `scale` and `precision` so that a zeroed type is the
 * widest one, YEAR TO MONTH or DAY TO SECOND. Source: Spark SQL reference, "Literals", interval
 * literal; ANSI SQL interval types.
 */

#include "exec/vec/type.h"

#define INTERVAL_TEXT_MAX 80u

static inline bool type_is_interval(Type t)
{
    return t.kind == TYPE_INTERVAL_YM || t.kind == TYPE_INTERVAL_DT;
}

static inline uint32_t interval_last_field(uint8_t kind)
{
    return kind == TYPE_INTERVAL_YM ? 1 : 3;
}

static inline uint32_t interval_start(Type t)
{
    return t.scale;
}

static inline uint32_t interval_end(Type t)
{
    return interval_last_field(t.kind) - t.precision;
}

static inline Type interval_type(uint8_t kind, uint32_t start, uint32_t end)
{
    return (Type){.kind = kind,
                  .scale = (uint8_t)start,
                  .precision = (uint8_t)(interval_last_field(kind) - end)};
}

/* From the earlier first field to the later last one, of two types of one family. */
static inline Type interval_wider(Type a, Type b)
{
    return (Type){.kind = a.kind,
                  .scale = a.scale < b.scale ? a.scale : b.scale,
                  .precision = a.precision < b.precision ? a.precision : b.precision};
}

/* Months or microseconds of one @field. */
int64_t interval_unit(uint8_t kind, uint32_t field);
const char *interval_field_name(uint8_t kind, uint32_t field);
/* "INTERVAL '1 02' DAY TO HOUR". @buf has INTERVAL_TEXT_MAX bytes. Return: length. */
uint32_t interval_format(Type type, int64_t value, char *buf);
/* "1 02" or "INTERVAL '1 02' DAY TO HOUR", for exactly this type. False: it is none, or too large.
 */
bool interval_parse(Type type, const char *text, size_t n, int64_t *ret_value);
