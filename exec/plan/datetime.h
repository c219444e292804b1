/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Dates and clocks as Spark writes and reads them: proleptic Gregorian, years 1..9999 in text.
 * Text of literals, of show() and of EXPLAIN; the casts of running queries are expr's own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USEC_PER_DAY INT64_C(86400000000)

/* Days since 1970-01-01; @month 1..12, @day 1..31 (days beyond the month carry over). */
int64_t plan_days_from_civil(int64_t year, int month, int day);
void plan_civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

/* "2024-2-5", "2024-02", "2024", blanks around, a 'T...' or ' ...' behind is ignored as Spark does.
 * Return: false when it is no date. */
bool plan_parse_date(const char *text, size_t n, int32_t *ret_days);

/* "2024-02-05". Return: length. @size at least 24. */
size_t plan_format_date(int64_t days, char *buf, size_t size);
/* "2024-02-05 01:02:03.5". @size at least 48. */
size_t plan_format_timestamp(int64_t usec, char *buf, size_t size);
