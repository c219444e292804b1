/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/date_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"

static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};
static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

/* How often the letter at @i stands there. */
static uint32_t run_length(const char *p, uint32_t n, uint32_t i)
{
    uint32_t k = 1;
    while (i + k < n && p[i + k] == p[i])
        k++;
    return k;
}

/* Letters that Spark 2 knew are refused by another name than those that nobody knows. */
static DatePatternError wrong_letter(char ch)
{
    return strchr("GyMLdkHmsSEDFwWahKzZYuX", ch) ? DATE_PATTERN_LEGACY : DATE_PATTERN_ILLEGAL;
}

/* ---- writing ---- */

typedef struct Moment {
    Civil date;
    int32_t days;
    int64_t usec;   /* of the day */
    int64_t offset; /* seconds */
    const char *zone;
    uint32_t n_zone;
} Moment;

static int put_number(char *out, size_t size, int64_t x, uint32_t digits)
{
    return snprintf(out, size, "%0*lld", (int)digits, (long long)x);
}

/* Years of more than four digits show their sign. */
static int put_year(char *out, size_t size, int64_t year, uint32_t n)
{
    if (n == 2)
        return put_number(out, size, (year % 100 + 100) % 100, 2);
    if (n >= 4 && year > 9999)
        return snprintf(out, size, "+%lld", (long long)year);
    if (year < 0)
        return snprintf(out, size, "-%0*lld", (int)n, (long long)-year);
    return put_number(out, size, year, n);
}

/* +HHMM in one of its forms; @z: Z for UTC. */
static int put_offset(char *out, size_t size, int64_t seconds, bool colon, bool minutes_always,
                      bool z)
{
    int64_t m = llabs(seconds) / 60;
    if (seconds == 0 && z)
        return snprintf(out, size, "Z");
    int k = snprintf(out, size, "%c%02lld", seconds < 0 ? '-' : '+', (long long)(m / 60));
    if (minutes_always || m % 60 != 0)
        k += snprintf(out + k, size - (size_t)k, "%s%02lld", colon ? ":" : "", (long long)(m % 60));
    return k;
}

/* GMT, GMT+8, GMT+08:30 */
static int put_localised(char *out, size_t size, int64_t seconds, bool full)
{
    int64_t m = llabs(seconds) / 60;
    char sign = seconds < 0 ? '-' : '+';
    if (seconds == 0)
        return snprintf(out, size, "GMT");
    if (full)
        return snprintf(out, size, "GMT%c%02lld:%02lld", sign, (long long)(m / 60),
                        (long long)(m % 60));
    if (m % 60 == 0)
        return snprintf(out, size, "GMT%c%lld", sign, (long long)(m / 60));
    return snprintf(out, size, "GMT%c%lld:%02lld", sign, (long long)(m / 60), (long long)(m % 60));
}

static int put_zone_field(char letter, uint32_t n, const Moment *m, char *out, size_t size)
{
    switch (letter) {
    case 'X':
    case 'x':
        if (n > 3)
            return -1;
        return put_offset(out, size, m->offset, n == 3, n > 1, letter == 'X');
    case 'Z':
        if (n == 4)
            return put_localised(out, size, m->offset, true);
        return n > 5 ? -1 : put_offset(out, size, m->offset, n == 5, true, n == 5);
    case 'O':
        return n == 1 || n == 4 ? put_localised(out, size, m->offset, n == 4) : -1;
    case 'V':
        return n == 2 ? snprintf(out, size, "%.*s", (int)m->n_zone, m->zone) : -1;
    default: /* z: names of zones are not here; their ids are */
        if (n == 4 && m->n_zone == 3 && memcmp(m->zone, "UTC", 3) == 0)
            return snprintf(out, size, "Coordinated Universal Time");
        return n <= 3 ? snprintf(out, size, "%.*s", (int)m->n_zone, m->zone) : -1;
    }
}

/* One field of @n letters. Return: bytes; -1: no such field. */
static int put_field(char letter, uint32_t n, const Moment *m, char *out, size_t size)
{
    int64_t seconds = m->usec / 1000000, hour = seconds / 3600;
    int64_t weekday = ((int64_t)m->days % 7 + 10) % 7; /* 1970-01-01 was a Thursday */
    int64_t quarter = (m->date.month + 2) / 3;
    static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th"};
    switch (letter) {
    case 'G':
        if (n > 4)
            return -1;
        return snprintf(out, size, "%s",
                        m->date.year > 0 ? (n == 4 ? "Anno Domini" : "AD")
                                         : (n == 4 ? "Before Christ" : "BC"));
    case 'y':
        return n > 6 ? -1 : put_year(out, size, m->date.year, n);
    case 'M':
    case 'L':
        if (n <= 2)
            return put_number(out, size, m->date.month, n);
        return n <= 4 ? snprintf(out, size, n == 3 ? "%.3s" : "%s", month_names[m->date.month - 1])
                      : -1;
    case 'd':
        return n <= 2 ? put_number(out, size, m->date.day, n) : -1;
    case 'D':
        return n <= 3 ? put_number(out, size, m->days - civil_to_days(m->date.year, 1, 1) + 1, n)
                      : -1;
    case 'F':
        return n == 1 ? put_number(out, size, (m->date.day - 1) % 7 + 1, 1) : -1;
    case 'Q':
    case 'q':
        if (n <= 2)
            return put_number(out, size, quarter, n);
        return n == 3   ? snprintf(out, size, "Q%lld", (long long)quarter)
               : n == 4 ? snprintf(out, size, "%s quarter", ordinals[quarter - 1])
                        : -1;
    case 'E':
        return n <= 4 ? snprintf(out, size, n <= 3 ? "%.3s" : "%s", day_names[weekday]) : -1;
    case 'a':
        return n == 1 ? snprintf(out, size, "%s", hour < 12 ? "AM" : "PM") : -1;
    case 'H':
        return n <= 2 ? put_number(out, size, hour, n) : -1;
    case 'k':
        return n <= 2 ? put_number(out, size, hour ? hour : 24, n) : -1;
    case 'K':
        return n <= 2 ? put_number(out, size, hour % 12, n) : -1;
    case 'h':
        return n <= 2 ? put_number(out, size, hour % 12 ? hour % 12 : 12, n) : -1;
    case 'm':
        return n <= 2 ? put_number(out, size, seconds / 60 % 60, n) : -1;
    case 's':
        return n <= 2 ? put_number(out, size, seconds % 60, n) : -1;
    case 'S': {
        char digits[16];
        snprintf(digits, sizeof(digits), "%06lld000", (long long)(m->usec % 1000000));
        return n <= 9 ? snprintf(out, size, "%.*s", (int)n, digits) : -1;
    }
    case 'X':
    case 'x':
    case 'Z':
    case 'O':
    case 'V':
    case 'z':
        return put_zone_field(letter, n, m, out, size);
    default:
        return -1;
    }
}

/*
 * Quoted text at *@at: calls nothing, copies into @out (nullable). Two quotes are one, inside of
 * text and outside. Return: false when it has no end.
 */
static bool quoted(const char *p, uint32_t n, uint32_t *at, char *out, size_t *k)
{
    uint32_t i = *at + 1;
    if (i < n && p[i] == '\'') {
        out[(*k)++] = '\'';
        *at = i + 1;
        return true;
    }
    for (; i < n; i++) {
        if (p[i] == '\'' && i + 1 < n && p[i + 1] == '\'') {
            i++;
        } else if (p[i] == '\'') {
            *at = i + 1;
            return true;
        }
        out[(*k)++] = p[i];
    }
    return false;
}

DatePatternError date_pattern_format(const char *p, uint32_t n, int64_t wall, int64_t offset,
                                     const char *zone, uint32_t n_zone, char *out, size_t *ret_n)
{
    int64_t days = civil_floor_div(wall, CIVIL_MICROS_PER_DAY);
    Moment m = {.date = civil_from_days((int32_t)days),
                .days = (int32_t)days,
                .usec = civil_floor_mod(wall, CIVIL_MICROS_PER_DAY),
                .offset = offset / 1000000,
                .zone = zone,
                .n_zone = MIN(n_zone, ZONE_NAME_MAX)};
    uint32_t open = 0;
    size_t k = 0;

    if (n > DATE_PATTERN_MAX)
        return DATE_PATTERN_ILLEGAL;
    for (uint32_t i = 0; i < n;) {
        if (p[i] == '\'') {
            if (!quoted(p, n, &i, out, &k))
                return DATE_PATTERN_ILLEGAL;
            continue;
        }
        if (!is_letter(p[i])) {
            open += p[i] == '[';
            if (p[i] == '{' || p[i] == '}' || p[i] == '#')
                return DATE_PATTERN_LEGACY;
            if (p[i] == ']' && open-- == 0)
                return DATE_PATTERN_ILLEGAL;
            if (p[i] != '[' && p[i] != ']')
                out[k++] = p[i];
            i++;
            continue;
        }
        uint32_t count = run_length(p, n, i);
        int written = count > 9 ? -1 : put_field(p[i], count, &m, out + k, DATE_TEXT_MAX - k);
        if (written < 0)
            return wrong_letter(p[i]);
        if ((size_t)written >= DATE_TEXT_MAX - k - DATE_PATTERN_MAX)
            return DATE_PATTERN_ILLEGAL;
        k += (size_t)written;
        i += count;
    }
    *ret_n = k;
    return DATE_PATTERN_OK;
}

/* ---- reading ---- */

/* Fields that were read; -1: not there. */
typedef struct Fields {
    bool has_year, bc, era;
    int64_t year;
    int month, day, day_of_year, hour, hour_of_half, half, minute, second;
    int64_t usec;
} Fields;

typedef struct Reader {
    const char *p, *text;
    uint32_t n, n_text, i, at;
    Fields f;
    DatePatternTime *out;
    DatePatternError error; /* of the pattern itself */
} Reader;

/* Digits that fixed fields right behind pattern place @i take from a field before them. */
static uint32_t widths_behind(const Reader *r, uint32_t i)
{
    uint32_t width = 0;
    while (i < r->n && strchr("yMLdDHhKkms", r->p[i])) {
        uint32_t count = run_length(r->p, r->n, i);
        bool year = r->p[i] == 'y';
        bool fixed = count == 2 ? r->p[i] != 'D' : r->p[i] == 'D' && count == 3;
        if (!fixed || (year && count != 2))
            break;
        width += count;
        i += count;
    }
    return width;
}

/* A number of @least to @most digits. */
static bool read_number(Reader *r, uint32_t least, uint32_t most, int64_t *ret)
{
    uint32_t have = 0;
    while (r->at + have < r->n_text && is_digit(r->text[r->at + have]) && have < 18)
        have++;
    if (least != most) { /* leave what fixed fields behind need */
        uint32_t behind = widths_behind(r, r->i);
        have = have > behind ? have - behind : 0;
    }
    have = MIN(have, most);
    if (have < least)
        return false;
    *ret = 0;
    for (uint32_t k = 0; k < have; k++)
        *ret = *ret * 10 + (r->text[r->at + k] - '0');
    r->at += have;
    return true;
}

static bool read_small(Reader *r, uint32_t count, int low, int high, int *ret)
{
    int64_t x;
    if (!read_number(r, count == 2 ? 2 : 1, count == 2 ? 2 : 9, &x) || x < low || x > high)
        return false;
    if (*ret >= 0 && *ret != x)
        return false;
    *ret = (int)x;
    return true;
}

/* One of @names, whole or its first three letters. */
static bool read_name(Reader *r, const char *const *names, int n, bool whole, int *ret)
{
    for (int i = 0; i < n; i++) {
        uint32_t length = whole ? (uint32_t)strlen(names[i]) : 3;
        if (r->n_text - r->at >= length && strncasecmp(r->text + r->at, names[i], length) == 0) {
            r->at += length;
            *ret = i;
            return true;
        }
    }
    return false;
}

/* +HH[[:]MM], or Z where it may stand. */
static bool read_offset(Reader *r, bool colon, bool minutes_needed, bool z)
{
    const char *t = r->text + r->at;
    uint32_t left = r->n_text - r->at;
    r->out->zone = t;
    r->out->has_offset = true;
    if (z && left > 0 && (t[0] == 'Z' || t[0] == 'z')) {
        r->out->offset = 0;
        r->out->n_zone = 1;
        r->at++;
        return true;
    }
    if (left < 3 || (t[0] != '+' && t[0] != '-') || !is_digit(t[1]) || !is_digit(t[2]))
        return false;
    int64_t minutes = ((t[1] - '0') * 10 + (t[2] - '0')) * 60;
    uint32_t k = 3;
    uint32_t skip = colon ? 1 : 0;
    if (left >= k + skip + 2 && (!colon || t[3] == ':') && is_digit(t[k + skip]) &&
        is_digit(t[k + skip + 1])) {
        int more = (t[k + skip] - '0') * 10 + (t[k + skip + 1] - '0');
        if (more > 59)
            return false;
        minutes += more;
        k += skip + 2;
    } else if (minutes_needed) {
        return false;
    }
    if (minutes > 18 * 60)
        return false;
    r->out->offset = (t[0] == '-' ? -minutes : minutes) * 60 * 1000000;
    r->out->n_zone = k;
    r->at += k;
    return true;
}

/* A name of a zone as far as its letters go. */
static bool read_zone(Reader *r)
{
    uint32_t from = r->at;
    while (r->at < r->n_text && (is_letter(r->text[r->at]) || is_digit(r->text[r->at]) ||
                                 (r->text[r->at] && strchr("/_+-:", r->text[r->at]))))
        r->at++;
    r->out->zone = r->text + from;
    r->out->n_zone = r->at - from;
    r->out->has_offset = zone_fixed_offset(r->out->zone, r->out->n_zone, &r->out->offset);
    return r->out->has_offset ||
           (r->out->n_zone > 0 && zone_is_known(r->out->zone, r->out->n_zone));
}

static bool read_year(Reader *r, uint32_t count)
{
    int64_t year;
    bool plus = r->at < r->n_text && r->text[r->at] == '+';
    bool minus = r->at < r->n_text && r->text[r->at] == '-';
    if (count == 2) {
        if (!read_number(r, 2, 2, &year))
            return false;
        year += 2000;
    } else {
        uint32_t most = count >= 4 ? (plus || minus ? 6 : count) : 6;
        r->at += (count >= 4 && plus) || minus;
        /* A field of a fixed number of digits needs no thought for those behind it. */
        if (!read_number(r, count, most, &year))
            return false;
        year = minus ? -year : year;
    }
    r->f.year = year;
    r->f.has_year = true;
    return true;
}

static bool read_fraction(Reader *r, uint32_t count)
{
    uint32_t k = 0;
    int64_t x = 0;
    for (; k < count && r->at < r->n_text && is_digit(r->text[r->at]); k++, r->at++)
        if (k < 6)
            x = x * 10 + (r->text[r->at] - '0');
    for (uint32_t i = k; i < 6; i++)
        x *= 10;
    r->f.usec = x;
    return k > 0;
}

/* The field of @count letters before place r->i. */
static bool read_field(Reader *r, char letter, uint32_t count)
{
    static const char *const halves[] = {"AM", "PM"}, *const eras[] = {"BC", "AD"};
    Fields *f = &r->f;
    int name = -1;
    bool ok = true;

    switch (letter) {
    case 'y':
        return count <= 6 && read_year(r, count);
    case 'M':
    case 'L':
        if (count <= 2)
            return read_small(r, count, 1, 12, &f->month);
        if (count > 4)
            break;
        ok = read_name(r, month_names, 12, count == 4, &name);
        f->month = name + 1;
        return ok;
    case 'd':
        return count <= 2 && read_small(r, count, 1, 31, &f->day);
    case 'D': {
        int64_t x;
        ok = count <= 3 && read_number(r, count, count == 1 ? 9 : 3, &x) && x >= 1 && x <= 366;
        f->day_of_year = ok ? (int)x : -1;
        return ok;
    }
    case 'H':
        return count <= 2 && read_small(r, count, 0, 23, &f->hour);
    case 'k':
        ok = count <= 2 && read_small(r, count, 1, 24, &name);
        f->hour = name % 24;
        return ok;
    case 'h':
        ok = count <= 2 && read_small(r, count, 1, 12, &name);
        f->hour_of_half = name % 12;
        return ok;
    case 'K':
        return count <= 2 && read_small(r, count, 0, 11, &f->hour_of_half);
    case 'm':
        return count <= 2 && read_small(r, count, 0, 59, &f->minute);
    case 's':
        return count <= 2 && read_small(r, count, 0, 59, &f->second);
    case 'S':
        return count <= 9 && read_fraction(r, count);
    case 'a':
        if (r->n_text - r->at < 2)
            return false;
        for (int i = 0; i < 2; i++)
            if (strncasecmp(r->text + r->at, halves[i], 2) == 0)
                f->half = i;
        r->at += 2;
        return count == 1 && f->half >= 0;
    case 'G':
        if (r->n_text - r->at < 2 || count > 3)
            return false;
        for (int i = 0; i < 2; i++)
            if (strncasecmp(r->text + r->at, eras[i], 2) == 0)
                name = i;
        r->at += 2;
        f->era = true;
        f->bc = name == 0;
        return name >= 0;
    case 'X':
    case 'x':
        return count <= 3 && read_offset(r, count == 3, count > 1, letter == 'X');
    case 'Z':
        return count != 4 && count <= 5 && read_offset(r, count == 5, true, count == 5);
    case 'V':
    case 'z':
    case 'O':
        return read_zone(r);
    default:
        break;
    }
    r->error = wrong_letter(letter);
    return false;
}

static bool read_literal(Reader *r, const char *bytes, size_t n)
{
    if (r->n_text - r->at < n || strncasecmp(r->text + r->at, bytes, n) != 0)
        return false;
    r->at += (uint32_t)n;
    return true;
}

/* Moves behind the bracket that ends this section. */
static void skip_section(Reader *r)
{
    uint32_t depth = 1;
    for (; r->i < r->n && depth > 0; r->i++) {
        if (r->p[r->i] == '\'') {
            for (r->i++; r->i < r->n && r->p[r->i] != '\''; r->i++)
                ;
            continue;
        }
        depth += r->p[r->i] == '[';
        depth -= r->p[r->i] == ']';
    }
}

/* Up to the end, or behind the bracket that ends the section. */
static bool read_items(Reader *r, uint32_t depth)
{
    char literal[DATE_PATTERN_MAX];
    if (depth > 8) {
        r->error = DATE_PATTERN_ILLEGAL;
        return false;
    }
    while (r->i < r->n) {
        char ch = r->p[r->i];
        size_t k = 0;
        bool ok = true;
        if (ch == '\'') {
            if (!quoted(r->p, r->n, &r->i, literal, &k)) {
                r->error = DATE_PATTERN_ILLEGAL;
                return false;
            }
            ok = read_literal(r, literal, k);
        } else if (ch == '[') {
            r->i++;
            Reader saved = *r;
            DatePatternTime time = *r->out;
            if (!read_items(r, depth + 1)) {
                if (r->error)
                    return false;
                *r = saved;
                *r->out = time;
                skip_section(r);
            }
        } else if (ch == ']') {
            r->i++;
            if (depth == 0)
                r->error = DATE_PATTERN_ILLEGAL;
            return depth > 0;
        } else if (is_letter(ch)) {
            uint32_t count = run_length(r->p, r->n, r->i);
            r->i += count;
            ok = read_field(r, ch, count);
        } else if (strchr("{}#", ch)) {
            r->error = DATE_PATTERN_ILLEGAL;
            return false;
        } else {
            r->i++;
            ok = read_literal(r, &ch, 1);
        }
        if (!ok)
            return false;
    }
    return depth == 0;
}

/* What the fields say together. Return: false when there is no such date. */
static bool resolve(const Fields *f, int64_t *ret_wall)
{
    int64_t year = f->has_year ? f->year : 1970, days;
    if (f->era)
        year = f->bc ? 1 - year : year;
    if (year < -290307 || year > 294246) /* of timestamps */
        return false;
    if (f->day_of_year > 0 && f->month < 0 && f->day < 0) {
        if (f->day_of_year == 366 && !civil_is_leap((int32_t)year))
            return false;
        days = civil_to_days((int32_t)year, 1, 1) + f->day_of_year - 1;
    } else {
        int month = f->month < 0 ? 1 : f->month, day = f->day < 0 ? 1 : f->day;
        if (!civil_valid(year, month, day))
            return false;
        days = civil_to_days((int32_t)year, (uint32_t)month, (uint32_t)day);
    }
    int hour = f->hour >= 0           ? f->hour
               : f->hour_of_half >= 0 ? f->hour_of_half + (f->half > 0 ? 12 : 0)
               : f->half > 0          ? 12
                                      : 0;
    if (f->hour >= 0 && f->half >= 0 && (hour >= 12) != (f->half > 0))
        return false;
    int64_t seconds = hour * 3600 + MAX(f->minute, 0) * 60 + MAX(f->second, 0);
    *ret_wall = days * CIVIL_MICROS_PER_DAY + seconds * CIVIL_MICROS_PER_SECOND + f->usec;
    return true;
}

/* A pattern is wrong whatever the text is. */
DatePatternError date_pattern_check(const char *p, uint32_t n)
{
    static const char letters[] = "yMLdDHhKkmsSaGXxZVzO", most[] = "64423222222914335244";
    if (n > DATE_PATTERN_MAX)
        return DATE_PATTERN_ILLEGAL;
    for (uint32_t i = 0, count; i < n; i += count) {
        count = 1;
        if (p[i] == '\'') {
            while (i + count < n && p[i + count] != '\'')
                count++;
            count++;
        } else if (is_letter(p[i])) {
            const char *known = strchr(letters, p[i]);
            count = run_length(p, n, i);
            if (!known || count > (uint32_t)(most[known - letters] - '0'))
                return wrong_letter(p[i]);
        } else if (p[i] == '{' || p[i] == '}' || p[i] == '#') {
            return DATE_PATTERN_LEGACY;
        }
    }
    return DATE_PATTERN_OK;
}

DatePatternError date_pattern_read(const char *pattern, uint32_t n, const char *text,
                                   uint32_t n_text, DatePatternTime *ret)
{
    Reader r = {.p = pattern, .n = n, .text = text, .n_text = n_text, .out = ret};
    Fields *f = &r.f;

    *ret = (DatePatternTime){0};
    f->month = f->day = f->day_of_year = f->hour = f->hour_of_half = f->half = f->minute =
        f->second = -1;
    bool ok = read_items(&r, 0);
    if (r.error)
        return r.error;
    return ok && r.at == n_text && resolve(f, &ret->wall) ? DATE_PATTERN_OK : DATE_PATTERN_NO_MATCH;
}

DatePatternError date_pattern_parse(const char *pattern, uint32_t n, const char *text,
                                    uint32_t n_text, DatePatternTime *ret)
{
    DatePatternError error = date_pattern_check(pattern, n);
    *ret = (DatePatternTime){0};
    return error ? error : date_pattern_read(pattern, n, text, n_text, ret);
}
