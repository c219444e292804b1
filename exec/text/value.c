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

/* Quotes and brackets are closed, and no zone is read by its name: that would be looked up for each
 * value. */
static bool is_whole(const char *text)
{
    bool quoted = false;
    int depth = 0;

    for (; *text && depth >= 0; text++) {
        quoted ^= *text == '\'';
        if (quoted)
            continue;
        depth += (*text == '[') - (*text == ']');
        if (strchr("VzO", *text))
            return false;
    }
    return !quoted && depth == 0;
}

bool text_pattern_parse(const char *text, TextPattern *ret)
{
    size_t n = strlen(text);

    if (n == 0 || n > TEXT_PATTERN_MAX || !is_whole(text) ||
        date_pattern_check(text, (uint32_t)n) != DATE_PATTERN_OK)
        return false;
    memcpy(ret->text, text, n + 1);
    ret->n = (uint32_t)n;
    return true;
}

bool text_by_pattern(const TextPattern *pattern, const char *text, uint32_t n, int64_t *ret_micros,
                     bool *ret_has_offset)
{
    DatePatternTime time;

    if (date_pattern_read(pattern->text, pattern->n, text, n, &time) != DATE_PATTERN_OK)
        return false;
    *ret_has_offset = time.has_offset;
    *ret_micros = time.wall - (time.has_offset ? time.offset : 0);
    return true;
}
