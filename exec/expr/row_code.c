/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <strings.h>

#include "exec/expr/uri.h"
#include "exec/expr/utf8.h"
#include "exec/vec/ops.h"

/* Texts in other codes: character sets, base 64, URLs. */

/* ---- character sets ---- */

typedef enum Charset {
    CHARSET_UTF8,
    CHARSET_ASCII,
    CHARSET_LATIN1,
    CHARSET_UTF16, /* with a mark of its byte order in front */
    CHARSET_UTF16BE,
    CHARSET_UTF16LE,
    CHARSET_UTF32,
} Charset;

#define BAD_CODE UINT32_MAX

static int charset_of(RowCall *c, const char *function, Charset *ret)
{
    static const struct {
        const char *name;
        Charset charset;
    } names[] = {{"utf-8", CHARSET_UTF8},        {"us-ascii", CHARSET_ASCII},
                 {"iso-8859-1", CHARSET_LATIN1}, {"utf-16", CHARSET_UTF16},
                 {"utf-16be", CHARSET_UTF16BE},  {"utf-16le", CHARSET_UTF16LE},
                 {"utf-32", CHARSET_UTF32}};
    const VecString *name = row_string(c, 1);
    const char *p = vec_string_data(name);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strlen(names[i].name) == name->length &&
            strncasecmp(names[i].name, p, name->length) == 0) {
            *ret = names[i].charset;
            return 0;
        }
    return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_PARAMETER_VALUE.CHARSET", "22023",
                    "The value of parameter(s) `charset` in `%s` is invalid: expects one of the "
                    "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8, but got "
                    "%.*s.",
                    function, (int)MIN(name->length, 100u), p);
}

static int malformed(RowCall *c, const char *function)
{
    const VecString *name = row_string(c, 1);
    return row_fail(c, DATA_ERROR_RUNTIME, "MALFORMED_CHARACTER_CODING", "22000",
                    "Invalid value found when performing `%s` with %.*s", function,
                    (int)MIN(name->length, 100u), vec_string_data(name));
}

static char *put16(char *to, uint32_t unit, bool little)
{
    to[little] = (char)(unit >> 8);
    to[!little] = (char)unit;
    return to + 2;
}

static int row_encode(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    Charset charset;
    int r = charset_of(c, "encode", &charset);

    if (r)
        return r;
    if (charset == CHARSET_UTF8)
        return row_set_part(c, *text);
    char *out = row_bytes(c, (uint64_t)text->length * 4 + 2, &r), *to = out;
    if (!out)
        return r;
    if (charset == CHARSET_UTF16 && text->length > 0)
        to = put16(to, 0xfeff, false);
    for (uint32_t at = 0; at < text->length;) {
        uint32_t code = utf8_code(p, text->length, &at);
        if (code == UTF8_BAD)
            code = 0xfffd; /* as Java reads such bytes */
        if (charset <= CHARSET_LATIN1) {
            if (code >= (charset == CHARSET_ASCII ? 0x80u : 0x100u))
                return malformed(c, "encode");
            *to++ = (char)code;
        } else if (charset == CHARSET_UTF32) {
            to = put16(put16(to, code >> 16, false), code, false);
        } else if (code >= 0x10000) {
            to = put16(to, 0xd7c0 + (code >> 10), charset == CHARSET_UTF16LE);
            to = put16(to, 0xdc00 + (code & 0x3ff), charset == CHARSET_UTF16LE);
        } else {
            to = put16(to, code, charset == CHARSET_UTF16LE);
        }
    }
    return row_set_part(c, vec_string(out, (uint32_t)(to - out)));
}

static uint32_t unit16(const uint8_t *p, bool little)
{
    return little ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

/* The code point at @p, @n bytes left. Return: how many bytes it has; 0 when it is none. */
static uint32_t decode_one(Charset charset, bool little, const uint8_t *p, uint32_t n,
                           uint32_t *ret)
{
    switch (charset) {
    case CHARSET_ASCII:
        *ret = p[0];
        return p[0] < 0x80;
    case CHARSET_LATIN1:
        *ret = p[0];
        return 1;
    case CHARSET_UTF32:
        if (n < 4)
            return 0;
        *ret = unit16(p, little) << (little ? 0 : 16) | unit16(p + 2, little) << (little ? 16 : 0);
        return *ret > 0x10ffff || (*ret >= 0xd800 && *ret < 0xe000) ? 0 : 4;
    default:
        if (n < 2)
            return 0;
        *ret = unit16(p, little);
        if (*ret < 0xd800 || *ret >= 0xe000)
            return 2;
        if (*ret >= 0xdc00 || n < 4)
            return 0;
        uint32_t low = unit16(p + 2, little);
        *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
        return low >= 0xdc00 && low < 0xe000 ? 4 : 0;
    }
}

static int row_decode(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const uint8_t *p = (const uint8_t *)vec_string_data(text), *end = p + text->length;
    Charset charset;
    int r = charset_of(c, "decode", &charset);

    if (r)
        return r;
    if (charset == CHARSET_UTF8) {
        if (!utf8_valid((const char *)p, text->length))
            return malformed(c, "decode");
        return row_set_part(c, *text);
    }
    bool little = charset == CHARSET_UTF16LE;
    if (charset == CHARSET_UTF16 && end - p >= 2 &&
        (unit16(p, false) == 0xfeff || unit16(p, true) == 0xfeff)) {
        little = unit16(p, true) == 0xfeff;
        p += 2;
    }
    if (charset == CHARSET_UTF32 && end - p >= 4 &&
        (memcmp(p, "\0\0\xfe\xff", 4) == 0 || memcmp(p, "\xff\xfe\0\0", 4) == 0)) {
        little = p[0] == 0xff;
        p += 4;
    }
    char *out = row_bytes(c, (uint64_t)text->length * 2 + 4, &r), *to = out;
    if (!out)
        return r;
    while (p < end) {
        uint32_t code, n = decode_one(charset, little, p, (uint32_t)(end - p), &code);
        if (n == 0)
            return malformed(c, "decode");
        p += n;
        to += utf8_put(code, to);
    }
    return row_set_part(c, vec_string(out, (uint32_t)(to - out)));
}

/* ---- base 64 ---- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/* Characters of a line; lines are parted as MIME has it. */
#define BASE64_LINE 76u

static int row_base64(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const unsigned char *p = (const unsigned char *)vec_string_data(text);
    uint32_t n = text->length, k = 0, in_line = 0;
    uint64_t n_out = ((uint64_t)n + 2) / 3 * 4;
    int r;
    char *out = row_bytes(c, n_out + n_out / BASE64_LINE * 2, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < n; i += 3) {
        uint32_t left = n - i;
        uint32_t bits = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                        (left > 2 ? p[i + 2] : 0u);
        if (in_line == BASE64_LINE) {
            out[k++] = '\r';
            out[k++] = '\n';
            in_line = 0;
        }
        in_line += 4;
        out[k++] = base64[bits >> 18];
        out[k++] = base64[bits >> 12 & 63];
        out[k++] = left > 1 ? base64[bits >> 6 & 63] : '=';
        out[k++] = left > 2 ? base64[bits & 63] : '=';
    }
    return row_set_part(c, vec_string(out, k));
}

static int base64_digit(char ch)
{
    return ch >= 'A' && ch <= 'Z'   ? ch - 'A'
           : ch >= 'a' && ch <= 'z' ? ch - 'a' + 26
           : ch >= '0' && ch <= '9' ? ch - '0' + 52
           : ch == '+'              ? 62
           : ch == '/'              ? 63
                                    : -1;
}

/* Other characters are passed over, as by a MIME decoder. */
static int row_unbase64(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t bits = 0, n_bits = 0, k = 0;
    int r;
    char *out = row_bytes(c, (uint64_t)text->length + 1, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < text->length && p[i] != '='; i++) {
        int digit = base64_digit(p[i]);
        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[k++] = (char)(bits >> n_bits);
        }
    }
    return row_set_part(c, vec_string(out, k));
}

static bool is_hex(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
}

static uint32_t hex_value(char ch)
{
    return ch <= '9' ? (uint32_t)(ch - '0') : (uint32_t)((ch | 0x20) - 'a') + 10;
}

static int wrong_binary(RowCall *c, const char *format)
{
    const VecString *text = row_string(c, 0);
    return row_fail(c, DATA_ERROR_RUNTIME, "CONVERSION_INVALID_INPUT", "22018",
                    "The value '%.*s' ('%s') cannot be converted to \"BINARY\" because it is "
                    "malformed. Correct the value as per the syntax, or change its format. Use "
                    "`try_to_binary` to tolerate malformed input and return NULL instead.",
                    (int)MIN(text->length, 100u), vec_string_data(text), format);
}

/* Two digits a byte, an odd one in front alone. */
static int row_unhex_strict(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t n = text->length, odd = n % 2;
    int r;
    char *out = row_bytes(c, (uint64_t)n / 2 + 1, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        if (!is_hex(p[i]))
            return wrong_binary(c, "HEX");
        uint32_t at = (i + odd) / 2, high = (i + odd) % 2 == 0 ? 0 : (uint8_t)out[at];
        out[at] = (char)(i == 0 && odd ? hex_value(p[i]) : high << 4 | hex_value(p[i]));
    }
    return row_set_part(c, vec_string(out, n / 2 + odd));
}

/* Four characters at a time, the last filled with one or two '=' or cut; blanks stand anywhere. */
static int row_unbase64_strict(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t bits = 0, n = 0, pad = 0, k = 0;
    bool bad = false;
    int r;
    char *out = row_bytes(c, (uint64_t)text->length + 1, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < text->length && !bad; i++) {
        if (p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r'))
            continue;
        int digit = base64_digit(p[i]);
        pad += p[i] == '=';
        bad = (digit < 0 && p[i] != '=') || (pad > 0 && p[i] != '=') || pad > 2;
        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        n++;
        if (n % 4 == 0) {
            out[k++] = (char)(bits >> 16);
            out[k++] = (char)(bits >> 8);
            out[k++] = (char)bits;
        }
    }
    uint32_t rest = n % 4;
    if (bad || rest == 1 || (pad > 0 && rest + pad != 4))
        return wrong_binary(c, "BASE64");
    if (rest >= 2)
        out[k++] = (char)(rest == 2 ? bits >> 4 : bits >> 10);
    if (rest == 3)
        out[k++] = (char)(bits >> 2);
    return row_set_part(c, vec_string(out, k));
}

/* ---- URLs ---- */

static int row_url_encode(RowCall *c)
{
    static const char hex[] = "0123456789ABCDEF";
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t k = 0;
    int r;
    char *out = row_bytes(c, (uint64_t)text->length * 3, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < text->length; i++) {
        uint8_t byte = (uint8_t)p[i];
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= 'a' && byte <= 'z') || (byte && strchr("*-._", byte));
        if (plain || byte == ' ') {
            out[k++] = plain ? p[i] : '+';
            continue;
        }
        out[k++] = '%';
        out[k++] = hex[byte >> 4];
        out[k++] = hex[byte & 15];
    }
    return row_set_part(c, vec_string(out, k));
}

static int row_url_decode(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *p = vec_string_data(text);
    uint32_t n = text->length, k = 0;
    int r;
    /* Bytes that are no UTF-8 become three. */
    char *out = row_bytes(c, (uint64_t)n * 2 + 4, &r);

    if (!out)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        if (p[i] != '%') {
            out[k++] = p[i] == '+' ? ' ' : p[i];
            continue;
        }
        if (i + 2 >= n || !is_hex(p[i + 1]) || !is_hex(p[i + 2]))
            return row_fail(c, DATA_ERROR_RUNTIME, "CANNOT_DECODE_URL", "22546",
                            "The provided URL cannot be decoded: %.*s. Please ensure that the URL "
                            "is properly formatted and try again.",
                            (int)MIN(n, 200u), p);
        out[k++] = (char)(hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]));
        i += 2;
    }
    if (utf8_valid(out, k))
        return row_set_part(c, vec_string(out, k));
    char *repaired = row_bytes(c, (uint64_t)k * 3, &r);
    return repaired ? row_set_part(c, vec_string(repaired, utf8_repair(out, k, repaired))) : r;
}

/* The value of @key in "a=1&b=2". */
static int put_parameter(RowCall *c, VecString query, const VecString *key)
{
    const char *at = vec_string_data(&query), *end = at + query.length;

    while (at <= end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        if ((size_t)(stop - at) > key->length && at[key->length] == '=' &&
            memcmp(at, vec_string_data(key), key->length) == 0)
            return row_set_text(c, at + key->length + 1, (size_t)(stop - at) - key->length - 1);
        at = stop + 1;
    }
    return row_set_null(c);
}

static int row_parse_url(RowCall *c)
{
    const VecString *text = row_string(c, 0), *part = row_string(c, 1);
    const char *p = vec_string_data(text);
    Uri uri;

    if (!uri_parse(p, text->length, &uri))
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_URL", "22P02",
                        "The url is invalid: %.*s. Use `try_parse_url` to tolerate invalid URL and "
                        "return NULL instead.",
                        (int)MIN(text->length, 200u), p);
    static const struct {
        const char *name;
        size_t offset;
    } parts[] = {{"HOST", offsetof(Uri, host)},           {"PATH", offsetof(Uri, path)},
                 {"QUERY", offsetof(Uri, query)},         {"REF", offsetof(Uri, fragment)},
                 {"PROTOCOL", offsetof(Uri, scheme)},     {"FILE", offsetof(Uri, path)},
                 {"AUTHORITY", offsetof(Uri, authority)}, {"USERINFO", offsetof(Uri, user)}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strlen(parts[i].name) != part->length ||
            memcmp(parts[i].name, vec_string_data(part), part->length) != 0)
            continue;
        UriPart found = *(const UriPart *)((const char *)&uri + parts[i].offset);
        if (!found.is_there || (c->n_args == 3 && strcmp(parts[i].name, "QUERY") != 0))
            return row_set_null(c);
        if (strcmp(parts[i].name, "FILE") == 0 && uri.query.is_there)
            found.n = uri.query.from + uri.query.n - found.from;
        if (c->n_args == 3)
            return put_parameter(c, vec_string(p + found.from, found.n), row_string(c, 2));
        return row_set_text(c, p + found.from, found.n);
    }
    return row_set_null(c);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_code[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(ENCODE) = {.row = row_encode},
    AT(DECODE) = {.row = row_decode},
    AT(BASE64) = {.row = row_base64},
    AT(UNBASE64) = {.row = row_unbase64},
    AT(UNBASE64_STRICT) = {.row = row_unbase64_strict},
    AT(UNHEX_STRICT) = {.row = row_unhex_strict},
    AT(URL_ENCODE) = {.row = row_url_encode},
    AT(URL_DECODE) = {.row = row_url_decode},
    AT(PARSE_URL) = {.row = row_parse_url},
};
