/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The proleptic Gregorian calendar.
 * Source of the two conversions: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Civil {
    int32_t year;
    uint32_t month, day; /* 1.. */
} Civil;

#define CIVIL_MICROS_PER_SECOND INT64_C(1000000)
#define CIVIL_MICROS_PER_DAY (INT64_C(86400) * CIVIL_MICROS_PER_SECOND)

static inline int32_t civil_to_days(int32_t year, uint32_t month, uint32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    uint32_t yoe = (uint32_t)(y - era * 400);
    uint32_t doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    uint32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int32_t)(era * 146097 + (int64_t)doe - 719468);
}

static inline Civil civil_from_days(int32_t days)
{
    int64_t z = (int64_t)days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    uint32_t doe = (uint32_t)(z - era * 146097);
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153;
    uint32_t month = mp < 10 ? mp + 3 : mp - 9;
    return (Civil){
        .year = (int32_t)((int64_t)yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = doy - (153 * mp + 2) / 5 + 1,
    };
}

static inline bool civil_is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline uint32_t civil_month_days(int32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap(year) ? 29 : days[month - 1];
}

static inline bool civil_valid(int64_t year, int64_t month, int64_t day)
{
    return year >= -999999 && year <= 999999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= civil_month_days((int32_t)year, (uint32_t)month);
}

/* The last day of the target month when there is no such day. False when the year leaves the range
 * of a date. */
bool civil_add_months(int32_t days, int64_t months, int32_t *ret_days);

/* Quotient rounded down and the remainder that is left, 0 <= remainder < @b. */
static inline int64_t civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t civil_floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}

#define CIVIL_TEXT_MAX 40u
/* "2024-02-29"; years above 9999 with a plus. Return: length. @buf has CIVIL_TEXT_MAX bytes. */
uint32_t civil_format_date(int32_t days, char *buf);
/* "2024-02-29 12:00:00.5", UTC, no trailing zeros of the fraction. */
uint32_t civil_format_timestamp(int64_t micros, char *buf);

/* Spark's forms: [+-]yyyy*[-[m]m[-[d]d]], after a full date also ' ' or 'T' and anything. Spaces
 * around are skipped. Return: success. */
bool civil_parse_date(const char *text, uint32_t n, int32_t *ret_days);
/* What a text says: a date, then optionally 'T' or ' ' and [h]h[:[m]m[:[s]s[.f{1,9}]]], then
 * optionally anything that may be the name of a zone. */
typedef struct CivilClock {
    int64_t wall;     /* microseconds since 1970 as a clock shows them */
    const char *zone; /* in the text, not empty, not looked at; NULL: none */
    uint32_t n_zone;
} CivilClock;
bool civil_parse_clock(const char *text, uint32_t n, CivilClock *ret);
