/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/expr/utf8.h"
#include "exec/kernel/number_format.h"
#include "exec/vec/nested.h"

/* Numbers as text: format_string() by java.util.Formatter, format_number() by
 * java.text.DecimalFormat. */

#define PLACES_MAX 340   /* behind the point */
#define WIDTH_MAX 10000u /* of one field */
#define FORMAT_MAX 65536u
#define NUMBER_MAX 1100u /* characters of one number: 309 digits with commas, PLACES_MAX, sign */

/* 0.DIGITS times ten to the power of @point. */
typedef struct Digits {
    bool negative;
    char d[400];
    int n, point;
} Digits;

/* From "[-]12.5" or "[-]1.25e+01". */
static Digits digits_of_text(const char *text)
{
    Digits x = {.negative = *text == '-'};
    bool fraction = false, significant = false;

    for (text += x.negative; *text && *text != 'e'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        significant |= *text != '0';
        if (significant && x.n < (int)sizeof(x.d))
            x.d[x.n++] = *text;
        x.point += significant ? !fraction : -fraction;
    }
    if (*text == 'e')
        x.point += atoi(text + 1);
    while (x.n > 0 && x.d[x.n - 1] == '0')
        x.n--;
    if (x.n == 0)
        x.point = 1;
    return x;
}

/* The fewest digits that read back. */
static Digits digits_of_double(double d)
{
    char text[40];
    for (int p = 0; p < 17; p++) {
        snprintf(text, sizeof(text), "%.*e", p, d);
        if (strtod(text, NULL) == d)
            break;
    }
    return digits_of_text(text);
}

/* Keeps @places digits behind the point (or before it, below 0). */
static void digits_round(Digits *x, int places, bool half_even)
{
    int keep = x->point + places;

    if (keep >= x->n)
        return;
    bool up = false;
    if (keep >= 0) {
        bool tie = x->d[keep] == '5' && keep + 1 == x->n;
        bool odd = keep > 0 && (x->d[keep - 1] - '0') % 2 == 1;
        up = tie && half_even ? odd : x->d[keep] >= '5';
    }
    x->n = keep > 0 ? keep : 0;
    int i = x->n - 1;
    while (up && i >= 0) {
        up = x->d[i] == '9';
        x->d[i] = up ? '0' : (char)(x->d[i] + 1);
        i--;
    }
    if (up) {
        memmove(x->d + 1, x->d, (size_t)x->n);
        x->d[0] = '1';
        x->n = keep > 0 ? x->n : 1;
        x->point++;
        if (keep <= 0)
            x->point = 1 - places;
    }
    while (x->n > 0 && x->d[x->n - 1] == '0')
        x->n--;
    if (x->n == 0)
        x->point = 1;
}

static char digit_at(const Digits *x, int i)
{
    return i >= 0 && i < x->n ? x->d[i] : '0';
}

/* Without the sign. @group: digits between commas, 0 for none. Return: length. */
static uint32_t digits_put(const Digits *x, int least, int group, int least_places, int most_places,
                           char *out)
{
    int whole = x->point > least ? x->point : least;
    uint32_t k = 0;

    for (int i = whole; i > 0; i--) {
        out[k++] = digit_at(x, x->point - i);
        if (group > 0 && i > 1 && (i - 1) % group == 0)
            out[k++] = ',';
    }
    int places = x->n - x->point;
    places = places < least_places ? least_places : places > most_places ? most_places : places;
    if (places > 0)
        out[k++] = '.';
    for (int i = 0; i < places; i++)
        out[k++] = digit_at(x, x->point + i);
    return k;
}

static bool is_float(const RowCall *c, uint32_t i)
{
    return c->v[i]->type.kind == TYPE_DOUBLE || c->v[i]->type.kind == TYPE_FLOAT;
}

/* ---- format_string ---- */

typedef struct Field {
    bool left, plus, space, zero, comma, paren, alternate;
    uint32_t width;
    int precision; /* -1: none */
    char letter;
} Field;

static int wrong_field(RowCall *c, const VecString *format, uint32_t at, char letter)
{
    return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_FORMAT.MISMATCH_INPUT", "42601",
                    "The format is invalid: %.*s. The conversion '%c' at %u does not take its "
                    "argument.",
                    (int)MIN(format->length, 200u), vec_string_data(format), letter, at + 1);
}

/* @text between blanks up to the width; in capitals for a capital letter. */
static int put_padded(RowCall *c, RowText *out, const Field *f, const char *text, uint32_t n)
{
    uint32_t have = utf8_count(text, n), pad = f->width > have ? f->width - have : 0;
    int r = 0;

    for (uint32_t i = 0; r == 0 && !f->left && i < pad; i++)
        r = row_text_add(c, out, " ", 1);
    if (r == 0 && isupper((unsigned char)f->letter)) {
        int ret;
        char *upper = row_bytes(c, (uint64_t)n * 2 + 8, &ret);
        if (!upper)
            return ret;
        n = utf8_map_case(text, n, true, upper);
        text = upper;
    }
    if (r == 0)
        r = row_text_add(c, out, text, n);
    for (uint32_t i = 0; r == 0 && f->left && i < pad; i++)
        r = row_text_add(c, out, " ", 1);
    return r;
}

/* A number without its sign, with what the flags add. */
static int put_number(RowCall *c, RowText *out, const Field *f, bool negative, const char *text,
                      uint32_t n, bool zeros)
{
    char buf[NUMBER_MAX + WIDTH_MAX + 8];
    uint32_t k = 0;
    uint32_t around = negative ? 1 + f->paren : f->plus || f->space;

    if (negative)
        buf[k++] = f->paren ? '(' : '-';
    else if (f->plus || f->space)
        buf[k++] = f->plus ? '+' : ' ';
    if (f->zero && zeros)
        for (uint32_t i = n + around; i < f->width; i++)
            buf[k++] = '0';
    memcpy(buf + k, text, n);
    k += n;
    if (negative && f->paren)
        buf[k++] = ')';
    return put_padded(c, out, f, buf, k);
}

static int put_integer(RowCall *c, RowText *out, const Field *f, uint32_t arg)
{
    int64_t x = row_int(c, arg);
    char text[80];
    uint32_t n;

    if (f->letter == 'd') {
        char plain[32];
        snprintf(plain, sizeof(plain), "%lld", (long long)x);
        Digits digits = digits_of_text(plain);
        n = digits_put(&digits, 1, f->comma ? 3 : 0, 0, 0, text);
        return put_number(c, out, f, x < 0, text, n, true);
    }
    /* Bits of its own width. */
    uint64_t bits = (uint64_t)x;
    size_t size = phys_size((PhysKind)c->v[arg]->phys);
    if (size < 8)
        bits &= (UINT64_C(1) << 8 * size) - 1;
    const char *prefix = !f->alternate ? "" : f->letter == 'o' ? "0" : "0x";
    n = (uint32_t)snprintf(text, sizeof(text), f->letter == 'o' ? "%s%llo" : "%s%llx", prefix,
                           (unsigned long long)bits);
    return put_number(c, out, f, false, text, n, true);
}

static int put_double(RowCall *c, RowText *out, const Field *f, double d)
{
    char text[NUMBER_MAX];
    uint32_t n;

    if (isnan(d) || isinf(d)) {
        const char *word = isnan(d) ? "NaN" : "Infinity";
        return put_number(c, out, f, d < 0, word, (uint32_t)strlen(word), false);
    }
    Digits x = digits_of_double(d);
    int precision = f->precision < 0 ? 6 : f->precision;
    char letter = (char)tolower((unsigned char)f->letter);
    if (letter == 'g') {
        precision = precision == 0 ? 1 : precision;
        if (x.n > 0)
            digits_round(&x, precision - x.point, false);
        bool plain = x.n == 0 || (x.point > -4 && x.point <= precision);
        letter = plain ? 'f' : 'e';
        precision = plain ? precision - x.point : precision - 1;
    }
    if (letter == 'f') {
        digits_round(&x, precision, false);
        n = digits_put(&x, 1, f->comma ? 3 : 0, precision, precision, text);
    } else {
        if (x.n > 0)
            digits_round(&x, precision + 1 - x.point, false);
        int exponent = x.n > 0 ? x.point - 1 : 0;
        x.point = 1;
        n = digits_put(&x, 1, 0, precision, precision, text);
        n += (uint32_t)snprintf(text + n, sizeof(text) - n, "e%c%02d", exponent < 0 ? '-' : '+',
                                abs(exponent));
    }
    return put_number(c, out, f, signbit(d) != 0, text, n, true);
}

static int put_text(RowCall *c, RowText *out, const Field *f, const char *text, uint32_t n)
{
    if (f->precision >= 0) {
        uint32_t at = 0;
        for (int i = 0; i < f->precision && at < n; i++)
            at = utf8_next(text, n, at);
        n = at;
    }
    return put_padded(c, out, f, text, n);
}

/* %s of anything but nested values. Dates are the numbers that they are inside, as in Spark. */
static int put_any(RowCall *c, RowText *out, const Field *f, uint32_t arg)
{
    Type type = c->v[arg]->type;
    char buf[128];

    if (type_phys(type) == PHYS_STRING)
        return put_text(c, out, f, vec_string_data(row_string(c, arg)), row_string(c, arg)->length);
    if (type.kind == TYPE_DATE || type.kind == TYPE_INTERVAL_YM)
        type = TYPE(INT);
    if (type.kind == TYPE_TIMESTAMP || type.kind == TYPE_TIMESTAMP_NTZ ||
        type.kind == TYPE_INTERVAL_DT)
        type = TYPE(LONG);
    NestedItem item;
    nested_load(c->v[arg], c->row, &item);
    uint32_t n = expr_format_value(type, &item.value, buf, sizeof(buf));
    return put_text(c, out, f, buf, n);
}

/* One field with its argument. Return: as row_fail(). */
static int put_field(RowCall *c, RowText *out, const Field *f, uint32_t arg,
                     const VecString *format, uint32_t at)
{
    char letter = (char)tolower((unsigned char)f->letter);
    bool null = row_null(c, arg);
    uint8_t kind = c->v[arg]->type.kind;
    char one[4];

    if (letter == 'b') {
        bool value = !null && (kind != TYPE_BOOLEAN || row_int(c, arg) != 0);
        return put_text(c, out, f, value ? "true" : "false", value ? 4 : 5);
    }
    if (!letter || !strchr("sdxocfegb", letter))
        return wrong_field(c, format, at, f->letter);
    if (null)
        return put_text(c, out, f, "null", 4);
    bool integer = type_is_integral(c->v[arg]->type) || kind == TYPE_DATE ||
                   kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMP_NTZ ||
                   kind == TYPE_INTERVAL_YM || kind == TYPE_INTERVAL_DT;
    switch (letter) {
    case 's':
        return put_any(c, out, f, arg);
    case 'd':
    case 'x':
    case 'o':
        return integer ? put_integer(c, out, f, arg) : wrong_field(c, format, at, f->letter);
    case 'c': {
        int64_t code = integer ? row_int(c, arg) : -1;
        if (code < 0 || code > 0x10ffff || kind == TYPE_LONG)
            return wrong_field(c, format, at, f->letter);
        return put_padded(c, out, f, one, utf8_put((uint32_t)code, one));
    }
    default:
        return is_float(c, arg) ? put_double(c, out, f, row_double(c, arg))
                                : wrong_field(c, format, at, f->letter);
    }
}

static int read_flags(Field *f, const char *p, uint32_t n, uint32_t at)
{
    for (; at < n; at++) {
        switch (p[at]) {
        case '-':
            f->left = true;
            break;
        case '+':
            f->plus = true;
            break;
        case ' ':
            f->space = true;
            break;
        case '0':
            f->zero = true;
            break;
        case ',':
            f->comma = true;
            break;
        case '(':
            f->paren = true;
            break;
        case '#':
            f->alternate = true;
            break;
        default:
            return (int)at;
        }
    }
    return (int)at;
}

static uint32_t read_count(const char *p, uint32_t n, uint32_t *at)
{
    uint32_t x = 0;
    for (; *at < n && isdigit((unsigned char)p[*at]) && x <= WIDTH_MAX; (*at)++)
        x = x * 10 + (uint32_t)(p[*at] - '0');
    return x;
}

/* The field behind the percent sign at *@at. @next: the argument that is next, @last: the one
 * before. Both count from 1; argument 0 is the format. */
static int format_field(RowCall *c, RowText *out, const VecString *format, uint32_t *at,
                        uint32_t *next, uint32_t *last)
{
    const char *p = vec_string_data(format);
    uint32_t n = format->length, from = *at, i = from + 1, arg = 0, digits = i;
    uint32_t number = read_count(p, n, &digits);
    Field f = {.precision = -1};

    if (digits > i && digits < n && p[digits] == '$') {
        if (number == 0)
            return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.ZERO_INDEX", "22023",
                            "The value of parameter(s) `strfmt` in `format_string` is invalid: "
                            "expects %%1$, %%2$ and so on, but got %%0$.");
        arg = number;
        i = digits + 1;
    } else if (i < n && p[i] == '<') {
        arg = *last;
        i++;
        if (arg == 0)
            return wrong_field(c, format, from, '<');
    }
    i = (uint32_t)read_flags(&f, p, n, i);
    f.width = read_count(p, n, &i);
    if (i < n && p[i] == '.') {
        i++;
        f.precision = (int)read_count(p, n, &i);
    }
    if (i == n || f.width > WIDTH_MAX || f.precision > PLACES_MAX || (unsigned char)p[i] >= 0x80)
        return wrong_field(c, format, from, '%');
    f.letter = p[i];
    *at = i + 1;
    if (f.letter == '%')
        return put_padded(c, out, &f, "%", 1);
    if (f.letter == 'n')
        return row_text_add(c, out, "\n", 1);
    if (strchr("DFO", f.letter))
        return wrong_field(c, format, from, f.letter);
    if (arg == 0)
        arg = (*next)++;
    *last = arg;
    if (arg >= c->n_args)
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_FORMAT.MISMATCH_INPUT", "42601",
                        "The format is invalid: %.*s. There is no argument %u.",
                        (int)MIN(format->length, 200u), p, arg);
    return put_field(c, out, &f, arg, format, from);
}

static int row_format_string(RowCall *c)
{
    if (row_null(c, 0))
        return row_set_null(c);
    const VecString *format = row_string(c, 0);
    const char *p = vec_string_data(format);
    uint32_t at = 0, next = 1, last = 0;
    RowText out = {0};
    int r = row_text_add(c, &out, "", 0);

    if (format->length > FORMAT_MAX)
        return row_fail(c, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                        "Formats have at most %u bytes.", FORMAT_MAX);
    while (r == 0 && at < format->length) {
        const char *sign = memchr(p + at, '%', format->length - at);
        uint32_t to = sign ? (uint32_t)(sign - p) : format->length;
        r = row_text_add(c, &out, p + at, to - at);
        at = to;
        if (r == 0 && sign)
            r = format_field(c, &out, format, &at, &next, &last);
    }
    return r ? r : row_set_part(c, vec_string(out.bytes, (uint32_t)out.n));
}

/* ---- format_number ---- */

typedef struct NumberPattern {
    char prefix[64], suffix[64], negative_prefix[64], negative_suffix[64];
    int least, group, least_places, most_places;
    int times; /* power of ten */
} NumberPattern;

/* Text around the digits, with quotes taken off, up to one of @stops. Return: false: too long. */
static bool pattern_affix(const char *p, uint32_t n, uint32_t *at, const char *stops, char *out,
                          size_t size, int *times)
{
    size_t k = 0;
    bool quoted = false;

    for (; *at < n; (*at)++) {
        char ch = p[*at];
        if (ch == '\'') {
            if (*at + 1 < n && p[*at + 1] == '\'')
                (*at)++;
            else {
                quoted = !quoted;
                continue;
            }
        } else if (!quoted && ch && strchr(stops, ch)) {
            break;
        } else if (!quoted && ch == '%') {
            *times = 2;
        }
        if (k + 1 >= size)
            return false;
        out[k++] = ch;
    }
    out[k] = '\0';
    return !quoted;
}

static bool pattern_digits(const char *p, uint32_t n, uint32_t *at, NumberPattern *ret)
{
    int since_comma = 0;
    bool comma = false, point = false, zero = false, done = false;

    ret->least = ret->least_places = ret->most_places = 0;
    for (; *at < n && !done; (*at) += !done) {
        switch (p[*at]) {
        case '0':
            zero = true;
            ret->least += !point;
            ret->least_places += point;
            ret->most_places += point;
            if (point && ret->most_places != ret->least_places)
                return false;
            since_comma += !point;
            break;
        case '#':
            if (!point && zero)
                return false;
            ret->most_places += point;
            since_comma += !point;
            break;
        case ',':
            if (point)
                return false;
            comma = true;
            since_comma = 0;
            break;
        case '.':
            if (point)
                return false;
            point = true;
            break;
        default:
            done = true;
        }
    }
    ret->group = comma ? since_comma : 0;
    return ret->most_places <= PLACES_MAX && ret->least <= PLACES_MAX && !(comma && !since_comma);
}

static bool pattern_read(const VecString *text, NumberPattern *ret)
{
    const char *p = vec_string_data(text);
    uint32_t n = text->length, at = 0;

    *ret = (NumberPattern){0};
    if (!pattern_affix(p, n, &at, "#0,.;E", ret->prefix, sizeof(ret->prefix), &ret->times) ||
        !pattern_digits(p, n, &at, ret) ||
        !pattern_affix(p, n, &at, "#0,.;E", ret->suffix, sizeof(ret->suffix), &ret->times))
        return false;
    if (at < n && p[at] == ';') {
        at++;
        NumberPattern negative;
        int times = 0;
        if (!pattern_affix(p, n, &at, "#0,.;E", ret->negative_prefix, sizeof(ret->negative_prefix),
                           &times) ||
            !pattern_digits(p, n, &at, &negative) ||
            !pattern_affix(p, n, &at, "#0,.;E", ret->negative_suffix, sizeof(ret->negative_suffix),
                           &times))
            return false;
    } else {
        snprintf(ret->negative_prefix, sizeof(ret->negative_prefix), "-%.60s", ret->prefix);
        memcpy(ret->negative_suffix, ret->suffix, sizeof(ret->suffix));
    }
    if (ret->least == 0 && ret->least_places == 0)
        ret->least = 1;
    return at == n;
}

/* The argument rounded half to even, as its exact value says. */
static Digits rounded(RowCall *c, const NumberPattern *pattern)
{
    char text[NUMBER_MAX];
    int places = pattern->most_places;

    if (is_float(c, 0)) {
        double d = row_double(c, 0);
        Digits x = digits_of_double(d);
        x.point += x.n > 0 ? pattern->times : 0;
        if (x.n - x.point <= places)
            return x;
        if (pattern->times == 0) {
            snprintf(text, sizeof(text), "%.*f", places, d);
            return digits_of_text(text);
        }
        digits_round(&x, places, true);
        return x;
    }
    if (c->v[0]->type.kind == TYPE_DECIMAL)
        text[dec_format(row_wide(c, 0), c->v[0]->type.scale, text)] = '\0';
    else
        snprintf(text, sizeof(text), "%lld", (long long)row_int(c, 0));
    Digits x = digits_of_text(text);
    x.point += x.n > 0 ? pattern->times : 0;
    digits_round(&x, places, true);
    return x;
}

static int row_format_number(RowCall *c)
{
    NumberPattern pattern = {.negative_prefix = "-", .least = 1, .group = 3};

    if (c->v[1]->phys == PHYS_STRING) {
        const VecString *text = row_string(c, 1);
        if (text->length > 0 && !pattern_read(text, &pattern))
            return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_FORMAT.MISMATCH_INPUT", "42601",
                            "The format is invalid: %.*s.", (int)MIN(text->length, 200u),
                            vec_string_data(text));
    } else {
        int64_t places = row_int(c, 1);
        if (places < 0)
            return row_set_null(c);
        pattern.least_places = pattern.most_places = (int)MIN(places, INT64_C(340));
    }
    double d = is_float(c, 0) ? row_double(c, 0) : 0;
    if (isnan(d))
        return row_set_text(c, "NaN", 3);
    bool negative = is_float(c, 0) ? signbit(d) != 0 : row_wide(c, 0) < 0;
    char out[NUMBER_MAX + 128];
    uint32_t n = (uint32_t)snprintf(out, sizeof(out), "%s",
                                    negative ? pattern.negative_prefix : pattern.prefix);
    if (isinf(d)) {
        memcpy(out + n, "\xe2\x88\x9e", 3);
        n += 3;
    } else {
        Digits x = rounded(c, &pattern);
        n += digits_put(&x, pattern.least, pattern.group, pattern.least_places, pattern.most_places,
                        out + n);
    }
    n += (uint32_t)snprintf(out + n, sizeof(out) - n, "%s",
                            negative ? pattern.negative_suffix : pattern.suffix);
    return row_set_text(c, out, n);
}

/* ---- to_number, to_char ---- */

static int row_to_number(RowCall *c)
{
    const VecString *text = row_string(c, 0), *format = row_string(c, 1);
    NumberFormat f;
    i128 value;

    if (number_format_read(vec_string_data(format), format->length, &f) ||
        !number_format_parse(&f, vec_string_data(text), text->length, &value))
        return row_fail(c, DATA_ERROR_ILLEGAL, "INVALID_FORMAT.MISMATCH_INPUT", "42601",
                        "The format is invalid: %.*s. The input \"STRING\" %.*s does not match the "
                        "format.",
                        (int)MIN(format->length, 100u), vec_string_data(format),
                        (int)MIN(text->length, 100u), vec_string_data(text));
    return row_set_wide(c, value);
}

static int row_to_char(RowCall *c)
{
    const VecString *format = row_string(c, 1);
    NumberFormat f;
    char out[NUMBER_TEXT_MAX];

    if (number_format_read(vec_string_data(format), format->length, &f))
        return row_set_null(c);
    size_t n = number_format_put(&f, row_wide(c, 0), c->v[0]->type.scale, out);
    return row_set_text(c, out, n);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_format[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(FORMAT_STRING) = {.row = row_format_string, .flags = ROW_NULLS},
    AT(TO_NUMBER) = {.row = row_to_number},
    AT(TO_CHAR) = {.row = row_to_char},
    AT(FORMAT_NUMBER) = {.row = row_format_number},
};
