/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/interval.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECOND INT64_C(1000000)

static const char *const names[2][4] = {{"YEAR", "MONTH"}, {"DAY", "HOUR", "MINUTE", "SECOND"}};

const char *interval_field_name(uint8_t kind, uint32_t field)
{
    return names[kind == TYPE_INTERVAL_DT][field];
}

int64_t interval_unit(uint8_t kind, uint32_t field)
{
    static const int64_t units[] = {86400 * SECOND, 3600 * SECOND, 60 * SECOND, SECOND};
    if (kind == TYPE_INTERVAL_YM)
        return field == 0 ? 12 : 1;
    return units[field];
}

uint32_t interval_format(Type type, int64_t value, char *buf)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    uint32_t start = interval_start(type), end = interval_end(type);
    const char *sign = value < 0 ? "-" : "";
    int n = snprintf(buf, INTERVAL_TEXT_MAX, "INTERVAL '%s", sign);

    for (uint32_t field = start; field <= end; field++) {
        uint64_t unit = (uint64_t)interval_unit(type.kind, field);
        bool pad = type.kind == TYPE_INTERVAL_DT && field > 0;
        const char *before = field == start                  ? ""
                             : type.kind == TYPE_INTERVAL_YM ? "-"
                             : field == 1                    ? " "
                                                             : ":";
        n += snprintf(buf + n, INTERVAL_TEXT_MAX - (size_t)n, "%s%0*llu", before, pad ? 2 : 1,
                      (unsigned long long)(rest / unit));
        rest %= unit;
    }
    if (type.kind == TYPE_INTERVAL_DT && end == 3 && rest) {
        n += snprintf(buf + n, INTERVAL_TEXT_MAX - (size_t)n, ".%06u", (unsigned)rest);
        while (buf[n - 1] == '0')
            n--;
    }
    n += snprintf(buf + n, INTERVAL_TEXT_MAX - (size_t)n, "' %s",
                  interval_field_name(type.kind, start));
    if (end > start)
        n += snprintf(buf + n, INTERVAL_TEXT_MAX - (size_t)n, " TO %s",
                      interval_field_name(type.kind, end));
    return (uint32_t)n;
}

typedef struct Text {
    const char *at, *end;
} Text;

static bool take(Text *t, char c)
{
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static void skip_blanks(Text *t)
{
    while (t->at < t->end && (unsigned char)*t->at <= ' ')
        t->at++;
}

static bool take_word(Text *t, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(t);
    if ((size_t)(t->end - t->at) < n || strncasecmp(t->at, word, n) != 0)
        return false;
    t->at += n;
    return true;
}

static bool take_sign(Text *t)
{
    if (take(t, '-'))
        return true;
    take(t, '+');
    return false;
}

/* Digits times @unit onto *@sum. */
static bool add_field(Text *t, int64_t unit, bool first, __int128 *sum)
{
    const char *start = t->at;
    __int128 x = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9' && t->at - start < 19; t->at++)
        x = x * 10 + (*t->at - '0');
    *sum += x * unit;
    return t->at > start && (first || t->at - start <= 2);
}

static bool add_fields(Type type, Text *t, __int128 *sum)
{
    uint32_t start = interval_start(type), end = interval_end(type);
    for (uint32_t field = start; field <= end; field++) {
        char before = type.kind == TYPE_INTERVAL_YM ? '-' : field == 1 ? ' ' : ':';
        if (field > start && !take(t, before))
            return false;
        if (!add_field(t, interval_unit(type.kind, field), field == start, sum))
            return false;
    }
    if (type.kind == TYPE_INTERVAL_DT && end == 3 && take(t, '.')) {
        int64_t scale = SECOND / 10;
        for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++, scale /= 10)
            *sum += (*t->at - '0') * scale;
    }
    return true;
}

bool interval_parse(Type type, const char *text, size_t n, int64_t *ret_value)
{
    Text t = {text, text + n};
    __int128 sum = 0, max = type.kind == TYPE_INTERVAL_YM ? INT32_MAX : INT64_MAX;
    bool negative = false;

    skip_blanks(&t);
    while (t.end > t.at && (unsigned char)t.end[-1] <= ' ')
        t.end--;
    bool quoted = take_word(&t, "INTERVAL");
    if (quoted) {
        skip_blanks(&t);
        negative = take_sign(&t);
        skip_blanks(&t);
        if (!take(&t, '\''))
            return false;
    }
    negative ^= take_sign(&t);
    if (!add_fields(type, &t, &sum))
        return false;
    uint32_t start = interval_start(type), end = interval_end(type);
    if (quoted && (!take(&t, '\'') || !take_word(&t, interval_field_name(type.kind, start)) ||
                   (end > start &&
                    (!take_word(&t, "TO") || !take_word(&t, interval_field_name(type.kind, end))))))
        return false;
    if (negative)
        sum = -sum;
    if (t.at != t.end || sum > max || sum < -max - 1)
        return false;
    *ret_value = (int64_t)sum;
    return true;
}
