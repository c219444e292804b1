/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/random.h"

#include <math.h>

#include "exec/kernel/digest.h"

/* ---- xorshift ---- */

RandomShift random_shift(int64_t seed)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)seed >> 8 * (7 - i));
    int32_t low = murmur3_bytes(bytes, sizeof(bytes), 0x3c074a61);
    int32_t high = murmur3_bytes(bytes, sizeof(bytes), low);
    return (RandomShift){.state = (uint64_t)(uint32_t)high << 32 | (uint32_t)low};
}

static uint64_t next_bits(RandomShift *r, unsigned bits)
{
    uint64_t x = r->state;
    x ^= x << 21;
    x ^= x >> 35;
    x ^= x << 4;
    r->state = x;
    return x & ((UINT64_C(1) << bits) - 1);
}

int32_t random_shift_int(RandomShift *r)
{
    return (int32_t)(uint32_t)next_bits(r, 32);
}

double random_shift_double(RandomShift *r)
{
    uint64_t high = next_bits(r, 26) << 27;
    return (double)(high + next_bits(r, 27)) * 0x1.0p-53;
}

double random_shift_normal(RandomShift *r)
{
    double x, y, s;

    if (r->has_normal) {
        r->has_normal = false;
        return r->next_normal;
    }
    do {
        x = 2 * random_shift_double(r) - 1;
        y = 2 * random_shift_double(r) - 1;
        s = x * x + y * y;
    } while (s >= 1 || s == 0);
    double scale = sqrt(-2 * log(s) / s);
    r->next_normal = y * scale;
    r->has_normal = true;
    return x * scale;
}

/* ---- twister ---- */

#define N_WORDS 624u
#define MIDDLE 397u

void random_twister(RandomTwister *r, int64_t seed)
{
    const uint32_t keys[2] = {(uint32_t)((uint64_t)seed >> 32), (uint32_t)seed};
    uint32_t *w = r->words, i = 1;

    w[0] = 19650218;
    for (uint32_t k = 1; k < N_WORDS; k++)
        w[k] = 1812433253u * (w[k - 1] ^ w[k - 1] >> 30) + k;
    for (uint32_t k = 0; k < N_WORDS; k++) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * 1664525u) + keys[k % 2] + k % 2;
        if (++i == N_WORDS) {
            w[0] = w[N_WORDS - 1];
            i = 1;
        }
    }
    for (uint32_t k = 1; k < N_WORDS; k++) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * 1566083941u) - i;
        if (++i == N_WORDS) {
            w[0] = w[N_WORDS - 1];
            i = 1;
        }
    }
    w[0] = 0x80000000u;
    r->at = N_WORDS;
}

static uint32_t next_word(RandomTwister *r)
{
    uint32_t *w = r->words;
    if (r->at >= N_WORDS) {
        for (uint32_t i = 0; i < N_WORDS; i++) {
            uint32_t y = (w[i] & 0x80000000u) | (w[(i + 1) % N_WORDS] & 0x7fffffffu);
            w[i] = w[(i + MIDDLE) % N_WORDS] ^ y >> 1 ^ (y % 2 ? 0x9908b0dfu : 0);
        }
        r->at = 0;
    }
    uint32_t y = w[r->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

uint64_t random_twister_long(RandomTwister *r)
{
    uint64_t high = (uint64_t)next_word(r) << 32;
    return high | next_word(r);
}

uint32_t random_twister_below(RandomTwister *r, uint32_t n)
{
    if ((n & (n - 1)) == 0)
        return (uint32_t)((uint64_t)n * (next_word(r) >> 1) >> 31);
    for (;;) {
        uint32_t bits = next_word(r) >> 1, value = bits % n;
        if (bits - value + (n - 1) <= INT32_MAX)
            return value;
    }
}
