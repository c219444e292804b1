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

/*
 * Upper or lower case of Latin, Greek and Cyrillic letters, one character to one; the few that
 * change their number of characters (German sharp s) stay. @to has room for 3/2 * @n bytes.
 * Return: bytes written.
 */
uint32_t utf8_map_case(const char *text, uint32_t n, bool upper, char *to);
