/* SPDX-License-Identifier: Apache-2.0 */
/* LIKE: escape, pattern NUL text. The matcher agrees with plain backtracking wherever that ends in
 * time (KERN-4). */
#include <stdlib.h>
#include <string.h>

#include "exec/kernel/like.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define STEPS_MAX 200000u

static uint32_t steps;

/* Return: -1 when it takes too long. */
static int slow(const char *p, const char *pe, const char *s, const char *se, int escape)
{
    if (++steps > STEPS_MAX)
        return -1;
    if (p == pe)
        return s == se;
    if ((unsigned char)*p == escape)
        return s < se && *s == p[1] ? slow(p + 2, pe, s + 1, se, escape) : 0;
    if (*p == '%') {
        for (const char *t = s; t <= se; t++) {
            int r = slow(p + 1, pe, t, se, escape);
            if (r)
                return r;
        }
        return 0;
    }
    if (s == se)
        return 0;
    if (*p != '_')
        return *p == *s ? slow(p + 1, pe, s + 1, se, escape) : 0;
    s++;
    while (s < se && ((unsigned char)*s & 0xc0) == 0x80)
        s++;
    return slow(p + 1, pe, s, se, escape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    MemPool *pool;
    MemArena *arena;
    LikePattern like;

    if (n_bytes < 2 || n_bytes > 256)
        return 0;
    int escape = data[0] < 128 ? data[0] : -1;
    const char *pattern = (const char *)data + 1;
    const char *nul = memchr(pattern, 0, n_bytes - 1);
    uint32_t n_pattern = (uint32_t)(nul ? (size_t)(nul - pattern) : n_bytes - 1);
    const char *text = nul ? nul + 1 : "";
    uint32_t n_text = nul ? (uint32_t)(n_bytes - 2 - n_pattern) : 0;

    if (mem_pool_new(1 << 24, NULL, NULL, &pool) || mem_arena_new(pool, "fuzz", &arena))
        abort();
    if (like_compile(pattern, n_pattern, escape, arena, &like) == 0) {
        steps = 0;
        int expected = slow(pattern, pattern + n_pattern, text, text + n_text, escape);
        bool got = like_match(&like, text, n_text);
        if (expected >= 0 && got != expected)
            abort();
    }
    mem_arena_free(arena);
    mem_pool_free(pool);
    return 0;
}
