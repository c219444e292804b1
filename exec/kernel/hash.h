/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Hashes of values for joins and groups. They never leave the process and never decide a result.
 */

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "exec/vec/vector.h"

#define HASH_NULL UINT64_C(0x9E6C63D0676A9A99)

/* The finaliser of MurmurHash3: every input bit reaches every output bit. */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    x ^= x >> 32;
    return x;
}

static inline uint64_t hash_combine(uint64_t a, uint64_t b)
{
    return (a ^ (b + UINT64_C(0x9E3779B97F4A7C15) + (a << 6) + (a >> 2))) *
           UINT64_C(0xD6E8FEB86659FD93);
}

static inline uint64_t hash_string(const VecString *s)
{
    if (s->length <= VEC_STRING_INLINE) {
        uint64_t a, b;
        memcpy(&a, s, 8);
        memcpy(&b, s->rest, 8);
        return hash_u64(hash_combine(a, b));
    }
    return XXH3_64bits(s->ptr, s->length);
}

/* -0.0 and 0.0 are one value, and so are all NaN. */
static inline double hash_normal_double(double d)
{
    return d == 0 ? 0.0 : isnan(d) ? (double)NAN : d;
}

static inline float hash_normal_float(float d)
{
    return d == 0 ? 0.0f : isnan(d) ? (float)NAN : d;
}
