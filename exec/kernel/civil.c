/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/civil.h"

#include <stdio.h>
#include <string.h>

bool civil_add_months(int32_t days, int64_t months, int32_t *ret_days)
{
    Civil c = civil_from_days(days);
    int64_t total = (int64_t)c.year * 12 + (int64_t)c.month - 1 + months;
    int64_t year = civil_floor_div(total, 12);
    uint32_t month = (uint32_t)civil_floor_mod(total, 12) + 1;

    if (year < -5000000 || year > 5000000)
        return false;
    uint32_t last = civil_month_days((int32_t)year, month);
    *ret_days = civil_to_days((int32_t)year, month, c.day < last ? c.day : last);
    return true;
}

uint32_t civil_format_date(int32_t days, char *buf)
{
    Civil c = civil_from_days(days);
    const char *sign = c.year > 9999 ? "+" : c.year < 0 ? "-" : "";
    uint32_t year = (uint32_t)(c.year < 0 ? -c.year : c.year);
    return (uint32_t)snprintf(buf, CIVIL_TEXT_MAX, "%s%04u-%02u-%02u", sign, year, c.month, c.day);
}

uint32_t civil_format_timestamp(int64_t micros, char *buf)
{
    int64_t days = civil_floor_div(micros, CIVIL_MICROS_PER_DAY);
    int64_t rest = civil_floor_mod(micros, CIVIL_MICROS_PER_DAY);
    uint32_t second = (uint32_t)(rest / CIVIL_MICROS_PER_SECOND);
    uint32_t fraction = (uint32_t)(rest % CIVIL_MICROS_PER_SECOND);
    uint32_t n = civil_format_date((int32_t)days, buf);

    n += (uint32_t)snprintf(buf + n, CIVIL_TEXT_MAX - n, " %02u:%02u:%02u", second / 3600,
                            second / 60 % 60, second % 60);
    if (fraction) {
        n += (uint32_t)snprintf(buf + n, CIVIL_TEXT_MAX - n, ".%06u", fraction);
        while (buf[n - 1] == '0')
            n--;
    }
    return n;
}

typedef struct Cursor {
    const char *at, *end;
} Cursor;

static Cursor trimmed(const char *text, uint32_t n)
{
    Cursor c = {text, text + n};
    while (c.at < c.end && (unsigned char)*c.at <= ' ')
        c.at++;
    while (c.end > c.at && (unsigned char)c.end[-1] <= ' ')
        c.end--;
    return c;
}

static bool take(Cursor *c, char ch)
{
    if (c->at >= c->end || *c->at != ch)
        return false;
    c->at++;
    return true;
}

/* @min..@max digits. */
static bool take_number(Cursor *c, uint32_t min, uint32_t max, int64_t *ret)
{
    uint32_t n = 0;
    int64_t value = 0;
    while (n < max && c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        value = value * 10 + (*c->at++ - '0');
        n++;
    }
    *ret = value;
    return n >= min && !(c->at < c->end && *c->at >= '0' && *c->at <= '9');
}

/* Return: parts found (1 year, 2 month, 3 day), 0 when it is no date. */
static uint32_t take_date(Cursor *c, int32_t *ret_days)
{
    int64_t year, month = 1, day = 1;
    uint32_t parts = 1;
    bool negative = false;

    if (c->at < c->end && (*c->at == '-' || *c->at == '+'))
        negative = *c->at++ == '-';
    if (!take_number(c, 4, 6, &year))
        return 0;
    if (take(c, '-')) {
        if (!take_number(c, 1, 2, &month))
            return 0;
        parts = 2;
        if (take(c, '-')) {
            if (!take_number(c, 1, 2, &day))
                return 0;
            parts = 3;
        }
    }
    if (negative)
        year = -year;
    if (!civil_valid(year, month, day))
        return 0;
    *ret_days = civil_to_days((int32_t)year, (uint32_t)month, (uint32_t)day);
    return parts;
}

bool civil_parse_date(const char *text, uint32_t n, int32_t *ret_days)
{
    Cursor c = trimmed(text, n);
    int32_t days;
    uint32_t parts = take_date(&c, &days);

    if (parts == 0)
        return false;
    if (c.at < c.end && !(parts == 3 && (*c.at == ' ' || *c.at == 'T')))
        return false;
    *ret_days = days;
    return true;
}

bool civil_parse_clock(const char *text, uint32_t n, CivilClock *ret)
{
    Cursor c = trimmed(text, n);
    int32_t days;
    int64_t hour = 0, minute = 0, second = 0, fraction = 0;
    uint32_t parts = take_date(&c, &days);

    *ret = (CivilClock){0};
    if (parts == 0)
        return false;
    if (c.at < c.end) {
        if (parts != 3 || (*c.at != ' ' && *c.at != 'T'))
            return false;
        c.at++;
        if (!take_number(&c, 1, 2, &hour) || (take(&c, ':') && !take_number(&c, 1, 2, &minute)))
            return false;
        if (take(&c, ':')) {
            if (!take_number(&c, 1, 2, &second))
                return false;
            if (take(&c, '.')) {
                uint32_t digits = 0;
                for (; c.at < c.end && *c.at >= '0' && *c.at <= '9' && digits < 9; c.at++, digits++)
                    if (digits < 6)
                        fraction = fraction * 10 + (*c.at - '0');
                for (; digits < 6; digits++)
                    fraction *= 10;
            }
        }
        while (take(&c, ' '))
            ;
        if (hour > 23 || minute > 59 || second > 59)
            return false;
        if (c.at < c.end) {
            ret->zone = c.at;
            ret->n_zone = (uint32_t)(c.end - c.at);
        }
    }
    int64_t seconds = (int64_t)days * 86400 + hour * 3600 + minute * 60 + second;
    return !__builtin_mul_overflow(seconds, CIVIL_MICROS_PER_SECOND, &ret->wall) &&
           !__builtin_add_overflow(ret->wall, fraction, &ret->wall);
}
