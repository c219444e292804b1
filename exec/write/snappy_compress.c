/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cleanup.h"
#include "exec/write/compress.h"

/*
 * The input is cut into fragments of 64 KiB, so that every offset fits into 16 bits. Within one, a
 * table remembers where four bytes were seen last; where they are there again, the match is made as
 * long as it goes. The longer nothing is found, the wider the steps.
 */

#define FRAGMENT 65536u
#define HASH_BITS 14u

size_t snappy_compress_bound(size_t n)
{
    return 32 + n + n / 6;
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint32_t hash4(uint32_t v)
{
    return v * UINT32_C(0x1E35A7BD) >> (32 - HASH_BITS);
}

static uint8_t *put_literal(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n == 0)
        return to;
    size_t m = n - 1;
    if (m < 60) {
        *to++ = (uint8_t)(m << 2);
    } else if (m < 256) {
        *to++ = 60 << 2;
        *to++ = (uint8_t)m;
    } else { /* a fragment has at most 64 KiB */
        *to++ = 61 << 2;
        *to++ = (uint8_t)m;
        *to++ = (uint8_t)(m >> 8);
    }
    memcpy(to, from, n);
    return to + n;
}

static uint8_t *put_copy(uint8_t *to, uint32_t offset, size_t n)
{
    while (n > 0) {
        /* What is left is long enough to be a copy too. */
        size_t step = n > 64 ? (n < 68 ? 60 : 64) : n;
        if (step >= 4 && step <= 11 && offset < 2048) {
            *to++ = (uint8_t)(1u | (step - 4) << 2 | offset >> 8 << 5);
            *to++ = (uint8_t)offset;
        } else {
            *to++ = (uint8_t)(2u | (step - 1) << 2);
            *to++ = (uint8_t)offset;
            *to++ = (uint8_t)(offset >> 8);
        }
        n -= step;
    }
    return to;
}

/* How far two places agree, up to @end. */
static const uint8_t *match_end(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    while (b + 8 <= end) {
        uint64_t x = load64(a) ^ load64(b);
        if (x)
            return b + (__builtin_ctzll(x) >> 3);
        a += 8;
        b += 8;
    }
    while (b < end && *a == *b) {
        a++;
        b++;
    }
    return b;
}

static uint8_t *compress_fragment(const uint8_t *src, size_t n, uint16_t *table, uint8_t *to)
{
    const uint8_t *at = src, *literal = src, *end = src + n;
    memset(table, 0, sizeof(*table) << HASH_BITS);
    if (n >= 16) {
        const uint8_t *last = end - 8;
        uint32_t skip = 32;
        at++;
        while (at <= last) {
            uint32_t word = load32(at), h = hash4(word);
            const uint8_t *seen = src + table[h];
            table[h] = (uint16_t)(at - src);
            if (seen >= at || load32(seen) != word) {
                at += skip++ >> 5;
                continue;
            }
            to = put_literal(to, literal, (size_t)(at - literal));
            const uint8_t *stop = match_end(seen + 4, at + 4, end);
            to = put_copy(to, (uint32_t)(at - seen), (size_t)(stop - at));
            at = literal = stop;
            skip = 32;
            if (at <= last)
                table[hash4(load32(at - 1))] = (uint16_t)(at - 1 - src);
        }
    }
    return put_literal(to, literal, (size_t)(end - literal));
}

size_t snappy_compress(const uint8_t *src, size_t n, uint8_t *dst)
{
    uint16_t table[1u << HASH_BITS];
    uint8_t *to = dst;
    size_t length = n;
    while (length >= 0x80) {
        *to++ = (uint8_t)(length | 0x80);
        length >>= 7;
    }
    *to++ = (uint8_t)length;
    for (size_t at = 0; at < n; at += FRAGMENT)
        to = compress_fragment(src + at, MIN(n - at, (size_t)FRAGMENT), table, to);
    return (size_t)(to - dst);
}
