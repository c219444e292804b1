/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Calendar arithmetic after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
 * (https://howardhinnant.github.io/date_algorithms.html).
 */

#include "exec/plan/datetime.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

int64_t plan_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void plan_civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = yoe + era * 400 + (*ret_month <= 2);
}

/* A cursor over text that ends at @end. */
typedef struct Cursor {
    const char *at, *end;
} Cursor;

static Cursor trimmed(const char *text, size_t n)
{
    const char *end = text + n;
    while (text < end && (unsigned char)*text <= ' ')
        text++;
    while (end > text && (unsigned char)end[-1] <= ' ')
        end--;
    return (Cursor){text, end};
}

/* @min..@max digits. Return: false when there are fewer or more. */
static bool digits(Cursor *c, int min, int max, int64_t *ret)
{
    int n = 0;
    int64_t value = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (++n > max)
            return false;
        value = value * 10 + (*c->at++ - '0');
    }
    *ret = value;
    return n >= min;
}

static bool accept(Cursor *c, char what)
{
    if (c->at < c->end && *c->at == what) {
        c->at++;
        return true;
    }
    return false;
}

static int month_days(int64_t year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_date_part(Cursor *c, int64_t *ret_days)
{
    bool negative = accept(c, '-');
    if (!negative)
        accept(c, '+');
    int64_t year, month = 1, day = 1;
    if (!digits(c, 4, 7, &year))
        return false;
    if (negative)
        year = -year;
    if (accept(c, '-')) {
        if (!digits(c, 1, 2, &month))
            return false;
        if (accept(c, '-') && !digits(c, 1, 2, &day))
            return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, (int)month))
        return false;
    *ret_days = plan_days_from_civil(year, (int)month, (int)day);
    return true;
}

bool plan_parse_date(const char *text, size_t n, int32_t *ret_days)
{
    Cursor c = trimmed(text, n);
    int64_t days;
    if (!parse_date_part(&c, &days))
        return false;
    if (c.at < c.end && *c.at != ' ' && *c.at != 'T')
        return false;
    if (days != (int32_t)days)
        return false;
    *ret_days = (int32_t)days;
    return true;
}

size_t plan_format_date(int64_t days, char *buf, size_t size)
{
    int64_t year;
    int month, day;
    plan_civil_from_days(days, &year, &month, &day);
    if (year > 9999)
        return (size_t)snprintf(buf, size, "+%lld-%02d-%02d", (long long)year, month, day);
    return (size_t)snprintf(buf, size, "%s%04lld-%02d-%02d", year < 0 ? "-" : "",
                            (long long)(year < 0 ? -year : year), month, day);
}

/* ".5" for half a second, "" for none. */
static size_t format_fraction(int64_t usec, char *buf)
{
    if (usec == 0) {
        buf[0] = '\0';
        return 0;
    }
    size_t n = (size_t)sprintf(buf, ".%06d", (int)usec);
    while (buf[n - 1] == '0')
        buf[--n] = '\0';
    return n;
}

size_t plan_format_timestamp(int64_t usec, char *buf, size_t size)
{
    int64_t days = usec / USEC_PER_DAY, rest = usec % USEC_PER_DAY;
    if (rest < 0) {
        rest += USEC_PER_DAY;
        days--;
    }
    char date[32], fraction[16];
    plan_format_date(days, date, sizeof(date));
    format_fraction(rest % 1000000, fraction);
    int second = (int)(rest / 1000000);
    return (size_t)snprintf(buf, size, "%s %02d:%02d:%02d%s", date, second / 3600, second / 60 % 60,
                            second % 60, fraction);
}
