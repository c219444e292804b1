/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/number_format.h"

#include <string.h>

static char upper(char ch)
{
    return (char)(ch >= 'a' && ch <= 'z' ? ch - 32 : ch);
}

/* One token at text[*at]: 0 9 , . $ S M P, or 0 for none. */
static char next_token(const char *text, size_t n, size_t *at)
{
    char a = upper(text[*at]), b = *at + 1 < n ? upper(text[*at + 1]) : '\0';
    (*at)++;
    switch (a) {
    case '0':
    case '9':
    case '$':
    case 'S':
        return a;
    case ',':
    case 'G':
        return ',';
    case '.':
    case 'D':
        return '.';
    default:
        break;
    }
    if ((a == 'M' && b == 'I') || (a == 'P' && b == 'R')) {
        (*at)++;
        return a;
    }
    return '\0';
}

/* Digits go into the group that is open, or a new one. */
static NumberFormatError add_digit(NumberFormat *f, char digit, bool *open)
{
    if (f->n_before + f->n_after >= NUMBER_DIGITS_MAX)
        return NUMBER_FORMAT_TOO_LONG;
    if (f->point) {
        f->after_exact = f->n_after == 0 ? digit == '0' : f->after_exact;
        f->n_after++;
        return NUMBER_FORMAT_OK;
    }
    if (!*open) {
        f->groups[f->n_groups].n = 0;
        f->groups[f->n_groups++].exact = digit == '0';
        *open = true;
    }
    f->groups[f->n_groups - 1].n++;
    f->n_before++;
    return NUMBER_FORMAT_OK;
}

NumberFormatError number_format_read(const char *text, size_t n, NumberFormat *ret)
{
    NumberFormat *f = ret;
    bool open = false, comma = false, digits = false, ended = false;

    memset(f, 0, sizeof(*f));
    if (n == 0)
        return NUMBER_FORMAT_EMPTY;
    for (size_t at = 0; at < n;) {
        char token = next_token(text, n, &at);
        NumberFormatError error = NUMBER_FORMAT_OK;
        switch (token) {
        case '0':
        case '9':
            if (ended)
                return NUMBER_FORMAT_UNEXPECTED;
            error = add_digit(f, token, &open);
            digits = true;
            comma = false;
            break;
        case ',':
            if (f->point)
                return NUMBER_FORMAT_GROUP_LATE;
            if (!digits || comma)
                return NUMBER_FORMAT_GROUPS;
            open = false;
            comma = true;
            break;
        case '.':
            if (f->point)
                return NUMBER_FORMAT_TWICE;
            if (comma)
                return NUMBER_FORMAT_GROUPS;
            f->point = true;
            break;
        case '$':
            if (f->currency)
                return NUMBER_FORMAT_TWICE;
            if (digits || f->point)
                return NUMBER_FORMAT_CURRENCY;
            f->currency = true;
            break;
        case '\0':
            return digits ? NUMBER_FORMAT_UNEXPECTED : NUMBER_FORMAT_NO_DIGIT;
        default:
            if (f->sign)
                return NUMBER_FORMAT_TWICE;
            f->sign = token;
            f->sign_first = !digits && !f->point && !f->currency;
            /* PR stands at the end; the others at one of the ends. */
            ended = !f->sign_first || token == 'P';
        }
        if (error)
            return error;
    }
    if (!digits)
        return NUMBER_FORMAT_NO_DIGIT;
    return comma ? NUMBER_FORMAT_GROUPS : NUMBER_FORMAT_OK;
}

/* ---- reading ---- */

typedef struct Text {
    char c[NUMBER_TEXT_MAX];
    size_t n, at;
} Text;

static bool take(Text *t, char ch)
{
    bool found = t->at < t->n && t->c[t->at] == ch;
    t->at += found;
    return found;
}

static bool digit_here(const Text *t, size_t i)
{
    return i < t->n && t->c[i] >= '0' && t->c[i] <= '9';
}

/* Groups of the text fit those of the format from the right. */
static bool read_before(const NumberFormat *f, Text *t, __int128 *value)
{
    uint8_t sizes[NUMBER_DIGITS_MAX + 1];
    uint32_t n = 0, total = 0;
    bool more = digit_here(t, t->at);

    while (more) {
        uint32_t k = 0;
        for (; digit_here(t, t->at); t->at++, k++) {
            if (++total > f->n_before)
                return false;
            *value = *value * 10 + (t->c[t->at] - '0');
        }
        sizes[n++] = (uint8_t)k;
        more = t->at < t->n && t->c[t->at] == ',' && digit_here(t, t->at + 1);
        t->at += more;
    }
    if (n > f->n_groups)
        return false;
    for (uint32_t i = 0; i < f->n_groups; i++) { /* i-th from the right */
        uint32_t k = i < n ? sizes[n - 1 - i] : 0, most = f->groups[f->n_groups - 1 - i].n;
        if (k > most || (f->groups[f->n_groups - 1 - i].exact && k != most))
            return false;
    }
    return true;
}

bool number_format_parse(const NumberFormat *f, const char *text, size_t n, __int128 *ret)
{
    Text t = {.n = 0};
    bool negative = false, bracket = false;
    __int128 value = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == ' ')
            continue;
        if (t.n == sizeof(t.c))
            return false;
        t.c[t.n++] = text[i];
    }
    if (f->sign == 'P')
        negative = bracket = take(&t, '<');
    else if (f->sign_first) {
        negative = take(&t, '-');
        if (!negative && f->sign == 'S')
            (void)take(&t, '+');
    }
    if (f->currency && !take(&t, '$'))
        return false;
    size_t begin = t.at;
    if (!read_before(f, &t, &value))
        return false;
    uint32_t after = 0;
    if (f->point && take(&t, '.'))
        for (; after < f->n_after && digit_here(&t, t.at); t.at++, after++)
            value = value * 10 + (t.c[t.at] - '0');
    if (t.at == begin || (f->after_exact && after != f->n_after))
        return false;
    for (; after < f->n_after; after++)
        value *= 10;
    if (f->sign && !f->sign_first && f->sign != 'P') {
        negative = take(&t, '-');
        if (!negative && f->sign == 'S')
            (void)take(&t, '+');
    }
    if (bracket && !take(&t, '>'))
        return false;
    *ret = negative ? -value : value;
    return t.at == t.n;
}

/* ---- writing ---- */

size_t number_format_put(const NumberFormat *f, __int128 value, uint32_t scale,
                         char out[NUMBER_TEXT_MAX])
{
    bool negative = value < 0;
    unsigned __int128 u = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    char digits[48]; /* from the lowest */
    uint32_t n = 0;
    size_t k = 0;

    for (; u > 0 && n < sizeof(digits); u /= 10)
        digits[n++] = (char)('0' + (int)(u % 10));
    while (n < scale)
        digits[n++] = '0';
    uint32_t zeros = 0; /* at the end */
    while (zeros < scale && scale - zeros > f->n_after && digits[zeros] == '0')
        zeros++;
    memmove(digits, digits + zeros, n - zeros);
    n -= zeros;
    scale -= zeros;
    uint32_t before = n - scale;
    bool full = before > f->n_before || scale > f->n_after;
    char sign = f->sign == 'P' ? (negative ? '<' : '\0')
                : f->sign      ? (negative         ? '-'
                                  : f->sign == 'S' ? '+'
                                                   : ' ')
                               : '\0';
    bool first = f->sign_first || (f->sign == 'P' && negative);

    if (first && f->currency)
        out[k++] = sign;
    if (f->currency)
        out[k++] = '$';
    uint32_t left = f->n_before;
    bool started = false;
    for (uint32_t g = 0; g < f->n_groups; g++) {
        for (uint32_t i = 0; i < f->groups[g].n; i++, left--) {
            /* With a point there is a digit before it, unless there is a sign. */
            bool shown = left <= before || f->groups[g].exact || started ||
                         (left == 1 && f->point && !first);
            /* Blanks stand before the sign. */
            if (!started && (shown || full) && first && !f->currency)
                out[k++] = sign;
            started |= shown || full;
            out[k++] = full ? '#' : !shown ? ' ' : left <= before ? digits[scale + left - 1] : '0';
        }
        if (g + 1 < f->n_groups)
            out[k++] = started && !full ? ',' : ' ';
    }
    if (first && !f->currency && !started) /* no digit at all */
        out[k++] = sign;
    if (f->point && f->n_after > 0)
        out[k++] = '.';
    else if (f->point)
        out[k++] = ' ';
    for (uint32_t i = 0; i < f->n_after; i++)
        out[k++] = full ? '#' : i < scale ? digits[scale - 1 - i] : '0';
    if (f->sign == 'P') {
        out[k++] = negative ? '>' : ' ';
        if (!negative)
            out[k++] = ' ';
    } else if (f->sign && !f->sign_first) {
        out[k++] = sign;
    }
    return k;
}
