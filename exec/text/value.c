/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/decimal.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool text_integer(const char *text, uint32_t n, int64_t *ret)
{
    bool negative = n > 0 && text[0] == '-';
    uint32_t i = n > 0 && (text[0] == '-' || text[0] == '+');
    uint64_t v = 0;

    if (i == n)
        return false;
    if (n - i <= 18) { /* cannot overflow */
        for (; i < n; i++) {
            uint32_t digit = (uint32_t)text[i] - '0';

            if (digit > 9)
                return false;
            v = v * 10 + digit;
        }
        *ret = negative ? -(int64_t)v : (int64_t)v;
        return true;
    }
    for (; i < n; i++)
        if (!is_digit(text[i]) || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
            return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = (int64_t)(negative ? 0 - v : v);
    return true;
}

bool text_whole(const char *text, uint32_t n, uint32_t *ret_precision, __int128 *ret)
{
    uint32_t i = n > 0 && (text[0] == '-' || text[0] == '+');
    int64_t n_digits = 0, n_fraction = 0, exponent = 0;
    bool any = false, point = false;

    for (; i < n && (is_digit(text[i]) || (text[i] == '.' && !point)); i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        n_digits += n_digits > 0 || text[i] != '0';
        n_fraction += point;
    }
    if (any && i < n && (text[i] == 'e' || text[i] == 'E') &&
        (!text_integer(text + i + 1, n - i - 1, &exponent) || exponent > 40))
        return false;
    if (!any || (i < n && text[i] != 'e' && text[i] != 'E') || n_fraction > exponent ||
        n_digits + exponent - n_fraction > 38)
        return false;
    *ret_precision = (uint32_t)MAX(n_digits + exponent - n_fraction, INT64_C(1));
    return dec_parse(text, n, 0, ret) == 0;
}

/* Up to 15 digits and small powers of ten are exact in a double (Clinger 1990). */
static bool easy_double(const char *text, uint32_t n, double *ret)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    uint32_t i = n > 0 && (text[0] == '-' || text[0] == '+'), n_digits = 0, n_fraction = 0;
    uint64_t v = 0;
    bool point = false;

    for (; i < n; i++) {
        uint32_t digit = (uint32_t)text[i] - '0';

        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (digit > 9 || ++n_digits > 15)
            return false;
        v = v * 10 + digit;
        n_fraction += point;
    }
    if (n_digits == 0)
        return false;
    *ret = (double)v / powers[n_fraction];
    if (text[0] == '-')
        *ret = -*ret;
    return true;
}

bool text_double(const char *text, uint32_t n, double *ret)
{
    static const char *const words[] = {"NaN", "Infinity"};
    char buf[400], *end;
    const char *c;

    if (easy_double(text, n, ret))
        return true;
    while (n > 0 && (unsigned char)*text <= ' ') {
        text++;
        n--;
    }
    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    if (n == 0 || n >= sizeof(buf) || memchr(text, '\0', n))
        return false;
    memcpy(buf, text, n);
    buf[n] = '\0';
    c = buf + (*buf == '-' || *buf == '+');
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(c, words[i]) == 0) {
            *ret = i == 0 ? (double)NAN : *buf == '-' ? -(double)INFINITY : (double)INFINITY;
            return true;
        }
    if (!is_digit(*c) && !(*c == '.' && is_digit(c[1])))
        return false;
    if (strpbrk(c, "xX") && !strpbrk(c, "pP")) /* Java wants the exponent of a hexadecimal */
        return false;
    if (strchr("dDfF", buf[n - 1]))
        buf[n - 1] = '\0';
    *ret = strtod(buf, &end);
    return *end == '\0' && end != buf;
}

bool text_has_shape(const char *text, uint32_t n, const char *shape)
{
    for (uint32_t i = 0; i < n; i++)
        if (!shape[i] || (shape[i] == 'd' ? !is_digit(text[i]) : text[i] != shape[i]))
            return false;
    return shape[n] == '\0';
}

/* --- patterns --------------------------------------------------------------------------------- */

bool text_pattern_parse(const char *text, TextPattern *ret)
{
    *ret = (TextPattern){0};
    if (strlen(text) > TEXT_PATTERN_MAX)
        return false;
    while (*text) {
        struct TextPatternPart *part = &ret->parts[ret->n];
        char letter = *text;
        bool quoted = letter == '\'';

        if (ret->n++ == ARRAY_SIZE(ret->parts))
            return false;
        if (quoted || !((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))) {
            text += quoted;
            while (*text && part->n_literal < sizeof(part->literal)) {
                if (quoted ? *text == '\'' && text[1] != '\''
                           : *text == '\'' || (*text >= 'a' && *text <= 'z') ||
                                 (*text >= 'A' && *text <= 'Z'))
                    break;
                part->literal[part->n_literal++] = *text;
                text += *text == '\'' ? 2 : 1;
            }
            if (quoted && *text++ != '\'')
                return false;
            if (strpbrk(part->literal, "[]{}#"))
                return false;
            continue;
        }
        if (!strchr("yMdHmsSXxu", letter))
            return false;
        part->letter = letter == 'u' ? 'y' : letter;
        for (; *text == letter; text++)
            part->width++;
        if (part->letter == 'M' && part->width > 2)
            return false;
    }
    return ret->n > 0;
}

/* "Z", "+01", "+0130", "+01:30" */
static bool read_offset(const char *text, uint32_t n, uint32_t *at, int64_t *ret)
{
    bool negative;
    int64_t hours, minutes = 0;
    uint32_t i = *at;

    if (i < n && text[i] == 'Z') {
        *at = i + 1;
        *ret = 0;
        return true;
    }
    if (i + 3 > n || (text[i] != '+' && text[i] != '-') || !is_digit(text[i + 1]) ||
        !is_digit(text[i + 2]))
        return false;
    negative = text[i] == '-';
    hours = (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
    i += 3;
    if (i + 2 < n && text[i] == ':' && is_digit(text[i + 1]))
        i++;
    if (i + 2 <= n && is_digit(text[i]) && is_digit(text[i + 1])) {
        minutes = (text[i] - '0') * 10 + (text[i + 1] - '0');
        i += 2;
    }
    *at = i;
    *ret = (hours * 60 + minutes) * INT64_C(60000000) * (negative ? -1 : 1);
    return hours <= 18 && minutes < 60;
}

/* Two letters mean two digits, one letter one or two; a year of four at least. */
static bool read_number(const struct TextPatternPart *part, const char *text, uint32_t n,
                        uint32_t *at, int64_t *ret)
{
    uint32_t least = part->letter == 'y' && part->width != 2 ? MAX(part->width, 1u) : part->width;
    uint32_t most = part->letter == 'S' ? 9
                    : part->width == 1  ? (part->letter == 'y' ? 10 : 2)
                                        : part->width;
    uint32_t i = *at;

    if (part->letter == 'S')
        least = 1;
    *ret = 0;
    while (i < n && i - *at < most && is_digit(text[i]))
        *ret = *ret * 10 + (text[i++] - '0');
    if (i - *at < least)
        return false;
    if (part->letter == 'S')
        for (uint32_t k = i - *at; k < 9; k++)
            *ret *= 10;
    if (part->letter == 'y' && part->width == 2)
        *ret += 2000;
    *at = i;
    return true;
}

bool text_by_pattern(const TextPattern *pattern, const char *text, uint32_t n, int64_t *ret_micros,
                     bool *ret_has_offset)
{
    int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, nanos = 0;
    int64_t offset = 0;
    uint32_t at = 0;

    *ret_has_offset = false;
    for (uint32_t i = 0; i < pattern->n; i++) {
        const struct TextPatternPart *part = &pattern->parts[i];
        int64_t *into = part->letter == 'y'   ? &year
                        : part->letter == 'M' ? &month
                        : part->letter == 'd' ? &day
                        : part->letter == 'H' ? &hour
                        : part->letter == 'm' ? &minute
                        : part->letter == 's' ? &second
                                              : &nanos;

        if (part->letter == 0) {
            if (n - at < part->n_literal || memcmp(text + at, part->literal, part->n_literal) != 0)
                return false;
            at += part->n_literal;
        } else if (part->letter == 'X' || part->letter == 'x') {
            *ret_has_offset = true;
            if (!read_offset(text, n, &at, &offset))
                return false;
        } else if (!read_number(part, text, n, &at, into)) {
            return false;
        }
    }
    if (at != n || !civil_valid(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_micros = (int64_t)civil_to_days((int32_t)year, (uint32_t)month, (uint32_t)day) *
                      INT64_C(86400000000) +
                  (hour * 3600 + minute * 60 + second) * INT64_C(1000000) + nanos / 1000 - offset;
    return true;
}
