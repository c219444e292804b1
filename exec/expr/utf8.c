/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/utf8.h"

#include <string.h>

/* Simple case mappings as ranges, from the Unicode Character Database's regular stretches. */
typedef struct CaseRange {
    uint32_t lower_first, lower_last;
    int32_t to_upper; /* added to a lower-case letter; 0: pairs, upper case is even */
    bool pairs_odd;   /* pairs whose upper-case letter is odd */
} CaseRange;

static const CaseRange ranges[] = {
    {0x61, 0x7a, -32, false},   {0xe0, 0xf6, -32, false},   {0xf8, 0xfe, -32, false},
    {0x100, 0x12f, 0, false},   {0x132, 0x137, 0, false},   {0x139, 0x148, 0, true},
    {0x14a, 0x177, 0, false},   {0x179, 0x17e, 0, true},    {0x3b1, 0x3c1, -32, false},
    {0x3c3, 0x3cb, -32, false}, {0x430, 0x44f, -32, false}, {0x450, 0x45f, -80, false},
    {0x460, 0x481, 0, false},   {0x48a, 0x4bf, 0, false},   {0x4d0, 0x52f, 0, false},
    {0x1e00, 0x1e95, 0, false},
};

static uint32_t map_code(uint32_t c, bool upper)
{
    for (uint32_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const CaseRange *r = &ranges[i];
        if (r->to_upper == 0) {
            if (c < r->lower_first || c > r->lower_last)
                continue;
            bool is_upper = (c & 1) == (r->pairs_odd ? 1u : 0u);
            return upper ? (is_upper ? c : c - 1) : (is_upper ? c + 1 : c);
        }
        if (upper && c >= r->lower_first && c <= r->lower_last)
            return (uint32_t)((int32_t)c + r->to_upper);
        uint32_t low = (uint32_t)((int32_t)r->lower_first + r->to_upper);
        uint32_t high = (uint32_t)((int32_t)r->lower_last + r->to_upper);
        if (!upper && c >= low && c <= high)
            return (uint32_t)((int32_t)c - r->to_upper);
    }
    if (upper && c == 0xff)
        return 0x178;
    if (!upper && c == 0x178)
        return 0xff;
    return c;
}

/* Two- and three-byte characters that are well formed. Return: bytes, 0 when it is none of those.
 */
static uint32_t decode(const unsigned char *p, uint32_t n, uint32_t *ret_code)
{
    if (n >= 2 && (p[0] & 0xe0) == 0xc0 && p[0] >= 0xc2 && (p[1] & 0xc0) == 0x80) {
        *ret_code = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
        return 2;
    }
    if (n >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *ret_code = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
        return *ret_code >= 0x800 ? 3 : 0;
    }
    return 0;
}

static uint32_t encode(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3f));
    to[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

uint32_t utf8_map_case(const char *text, uint32_t n, bool upper, char *to)
{
    uint32_t at = 0, out = 0;

    while (at < n) {
        unsigned char c = (unsigned char)text[at];
        uint32_t code, used;
        if (c < 0x80) {
            char first = upper ? 'a' : 'A';
            to[out++] = (char)(c >= first && c <= first + 25 ? c ^ 0x20 : c);
            at++;
            continue;
        }
        used = decode((const unsigned char *)text + at, n - at, &code);
        if (used == 0) {
            to[out++] = text[at++];
            continue;
        }
        out += encode(map_code(code, upper), to + out);
        at += used;
    }
    return out;
}

uint32_t utf8_put(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    uint32_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (uint32_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(0xf00u >> n | code);
    return n;
}

/* How many bytes of a broken character belong together: what a decoder replaces at once. */
static uint32_t broken_length(const unsigned char *p, uint32_t n)
{
    if (p[0] < 0xe0 || p[0] > 0xf4 || n < 2)
        return 1;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 1;
    return p[0] >= 0xf0 && n > 2 && (p[2] & 0xc0) == 0x80 ? 3 : 2;
}

uint32_t utf8_repair(const char *text, uint32_t n, char *to)
{
    uint32_t k = 0;
    for (uint32_t at = 0; at < n;) {
        uint32_t from = at;
        if (utf8_code(text, n, &at) == UTF8_BAD) {
            k += utf8_put(0xfffd, to + k);
            at = from + broken_length((const unsigned char *)text + from, n - from);
            continue;
        }
        memcpy(to + k, text + from, at - from);
        k += at - from;
    }
    return k;
}
