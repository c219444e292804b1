/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/find.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

/*
 * First and last byte of the needle against sixteen places at once: two bytes that fit are rare
 * enough that what lies between them is seldom compared in vain.
 */
static const char *find_in_block(const char *at, const char *needle, size_t m, __m128i first,
                                 __m128i last)
{
    __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), first);
    __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(at + m - 1)), last);
    uint32_t hits = (uint32_t)_mm_movemask_epi8(_mm_and_si128(a, b));

    while (hits) {
        const char *hit = at + __builtin_ctz(hits);
        if (m <= 2 || memcmp(hit + 1, needle + 1, m - 2) == 0)
            return hit;
        hits &= hits - 1;
    }
    return NULL;
}

const char *find_bytes(const char *text, size_t n, const char *needle, size_t m)
{
    if (m == 0)
        return text;
    if (n < m)
        return NULL;
    size_t places = n - m + 1, i = 0;
    if (places >= 16) {
        __m128i first = _mm_set1_epi8(needle[0]), last = _mm_set1_epi8(needle[m - 1]);
        for (; i + 16 <= places; i += 16) {
            const char *hit = find_in_block(text + i, needle, m, first, last);
            if (hit)
                return hit;
        }
        /* The last places once more, with some that have been looked at. */
        return i < places ? find_in_block(text + places - 16, needle, m, first, last) : NULL;
    }
    for (; i < places; i++)
        if (text[i] == needle[0] && memcmp(text + i, needle, m) == 0)
            return text + i;
    return NULL;
}
#else
const char *find_bytes(const char *text, size_t n, const char *needle, size_t m)
{
    return m == 0 ? text : memmem(text, n, needle, m);
}
#endif
