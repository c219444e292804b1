/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The generators of random numbers whose sequences Spark's functions show.
 * Sources: Marsaglia, "Xorshift RNGs", 2003; Marsaglia's polar method as java.util.Random has it;
 * Matsumoto and Nishimura, "Mersenne Twister", 1998 (init_by_array).
 */

#include <stdbool.h>
#include <stdint.h>

/* rand(), randn(), randstr(). */
typedef struct RandomShift {
    uint64_t state;
    double next_normal;
    bool has_normal;
} RandomShift;

RandomShift random_shift(int64_t seed);
int32_t random_shift_int(RandomShift *r);
double random_shift_double(RandomShift *r); /* [0, 1) */
double random_shift_normal(RandomShift *r);

/* uuid(), shuffle(). */
typedef struct RandomTwister {
    uint32_t words[624];
    uint32_t at;
} RandomTwister;

void random_twister(RandomTwister *r, int64_t seed);
uint64_t random_twister_long(RandomTwister *r);
uint32_t random_twister_below(RandomTwister *r, uint32_t n); /* @n from 1 to 2^31 - 1 */
