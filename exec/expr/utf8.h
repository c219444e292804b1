/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * As much of UTF-8 as SQL's string functions need. Any bytes are accepted: continuation bytes
 * belong to what stands before them.
 */

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t utf8_next(const char *text, uint32_t n, uint32_t at)
{
    at++;
    while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static inline uint32_t utf8_previous(const char *text, uint32_t start, uint32_t at)
{
    at--;
    while (at > start && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static inline uint32_t utf8_count(const char *text, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    /* Continuation bytes at the very start are one character of their own. */
    return count + (n > 0 && ((unsigned char)text[0] & 0xc0) == 0x80);
}

/* The code point at *@at, which moves on; UTF8_BAD for one byte that begins none. */
#define UTF8_BAD UINT32_MAX
static inline uint32_t utf8_code(const char *text, uint32_t n, uint32_t *at)
{
    const unsigned char *p = (const unsigned char *)text + *at;
    uint32_t left = n - *at, length = p[0] < 0x80   ? 1
                                      : p[0] < 0xc2 ? 0
                                      : p[0] < 0xe0 ? 2
                                      : p[0] < 0xf0 ? 3
                                      : p[0] < 0xf5 ? 4
                                                    : 0;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    bool good = length > 0 && length <= left;
    uint32_t code = p[0] & masks[length];
    for (uint32_t i = 1; good && i < length; i++) {
        good = (p[i] & 0xc0) == 0x80;
        code = code << 6 | (p[i] & 0x3fu);
    }
    /* Neither longer than need be, nor half of a pair, nor beyond the last. */
    good = good && !(length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) &&
           !(length == 4 && (code < 0x10000 || code > 0x10ffff));
    *at += good ? length : 1;
    return good ? code : UTF8_BAD;
}

static inline bool utf8_valid(const char *text, uint32_t n)
{
    for (uint32_t at = 0; at < n;)
        if (utf8_code(text, n, &at) == UTF8_BAD)
            return false;
    return true;
}

/* Return: bytes written, 1 to 4. */
uint32_t utf8_put(uint32_t code, char *to);
/* Each longest run of bytes that could have begun a character becomes U+FFFD; @to has room for
 * 3 * @n bytes. Return: bytes written. */
uint32_t utf8_repair(const char *text, uint32_t n, char *to);

/*
 * Upper or lower case of Latin, Greek and Cyrillic letters, one character to one; the few that
 * change their number of characters (German sharp s) stay. @to has room for 3/2 * @n bytes.
 * Return: bytes written.
 */
uint32_t utf8_map_case(const char *text, uint32_t n, bool upper, char *to);
