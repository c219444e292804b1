/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* States of statistics: running means and sums of powers of differences, of one number or of two.
 * The steps are Spark's, so that one thread gives the same last digit. */

#include "exec/op/accumulate.h"

/* Welford's running mean and sum of squared differences; merged as by Chan et al. */
typedef struct Variance {
    double count, mean, m2;
} Variance;

/* The same up to the fourth power. */
typedef struct Moments {
    Variance variance;
    double m3, m4;
} Moments;

/* Of pairs (x, y), which come as FN_PAIR makes them. */
typedef struct Covariance {
    double count, mean_x, mean_y;
    double c;             /* sum of products of differences */
    double m2_x, m2_y;    /* as corr() sums them up */
    double variance_x_m2; /* as var_pop() does */
} Covariance;

/* STATE_VARIANCE, STATE_MOMENTS, STATE_COVARIANCE */
void moments_update(const State *state, const StateInput *in);
void moments_merge(const State *state, uint8_t *to, const uint8_t *from);
/* @row: the group. Return: 0; QUERY_E_FAILED. */
int moments_finalize(const Aggregate *aggregate, const State *state, const uint8_t *row,
                     double *ret, bool *ret_null, QueryError *error);
