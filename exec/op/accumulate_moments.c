/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/accumulate_moments.h"

#include <math.h>

#include "exec/vec/ops.h"

static void add_variance(Variance *s, double x)
{
    double delta = x - s->mean, delta_n = delta / (s->count + 1);
    s->count++;
    s->mean += delta_n;
    s->m2 += delta * (delta - delta_n);
}

static void add_moments(Moments *s, double x)
{
    double delta = x - s->variance.mean, delta_n = delta / (s->variance.count + 1);
    double delta2 = delta * delta, delta_n2 = delta_n * delta_n;

    add_variance(&s->variance, x);
    s->m3 = s->m3 - 3.0 * delta_n * s->variance.m2 + delta * (delta2 - delta_n2);
    s->m4 = s->m4 - 4.0 * delta_n * s->m3 - 6.0 * delta_n2 * s->variance.m2 +
            delta * (delta * delta2 - delta_n * delta_n2);
}

static void add_pair(Covariance *s, double x, double y)
{
    double n = s->count + 1, dx = x - s->mean_x, dy = y - s->mean_y;
    double dx_n = dx / n, dy_n = dy / n;

    s->count = n;
    s->mean_x += dx_n;
    s->mean_y += dy_n;
    s->c += dx * (y - s->mean_y);
    s->m2_x += dx * (x - s->mean_x);
    s->m2_y += dy * (y - s->mean_y);
    s->variance_x_m2 += dx * (dx - dx_n);
}

void moments_update(const State *st, const StateInput *in)
{
    const Vector *v = in->v;

    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t row = in->sel ? in->sel[i] : i;
        if (v->has_nulls && vec_row_is_null(v, row))
            continue;
        uint8_t *state = (in->rows ? in->rows[i] : in->single) + st->offset;
        uint32_t at = vec_index(v, row);
        if (st->kind == STATE_COVARIANCE) {
            double pair[2];
            memcpy(pair, (const uint8_t *)v->values + (size_t)at * sizeof(pair), sizeof(pair));
            add_pair((Covariance *)(void *)state, pair[0], pair[1]);
        } else if (st->kind == STATE_MOMENTS) {
            add_moments((Moments *)(void *)state, state_load_float(v, at));
        } else {
            add_variance((Variance *)(void *)state, state_load_float(v, at));
        }
    }
}

static void merge_variance(Variance *a, const Variance *b)
{
    double n = a->count + b->count, delta = b->mean - a->mean, delta_n = delta / n;

    a->m2 += b->m2 + delta * delta_n * a->count * b->count;
    a->mean += delta_n * b->count;
    a->count = n;
}

static void merge_moments(Moments *a, const Moments *b)
{
    Variance l = a->variance;
    const Variance *r = &b->variance;
    double n1 = l.count, n2 = r->count, n = n1 + n2, delta = r->mean - l.mean, dn = delta / n;

    merge_variance(&a->variance, r);
    a->m4 += b->m4 + dn * dn * dn * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2) +
             6.0 * dn * dn * (n1 * n1 * r->m2 + n2 * n2 * l.m2) +
             4.0 * dn * (n1 * b->m3 - n2 * a->m3);
    a->m3 += b->m3 + dn * dn * delta * n1 * n2 * (n1 - n2) + 3.0 * dn * (n1 * r->m2 - n2 * l.m2);
}

static void merge_covariance(Covariance *a, const Covariance *b)
{
    double n1 = a->count, n2 = b->count, n = n1 + n2;
    double dx = b->mean_x - a->mean_x, dy = b->mean_y - a->mean_y, dx_n = dx / n, dy_n = dy / n;

    a->c += b->c + dx * dy_n * n1 * n2;
    a->m2_x += b->m2_x + dx * dx_n * n1 * n2;
    a->m2_y += b->m2_y + dy * dy_n * n1 * n2;
    a->variance_x_m2 += b->variance_x_m2 + dx * dx_n * n1 * n2;
    a->mean_x += dx_n * n2;
    a->mean_y += dy_n * n2;
    a->count = n;
}

void moments_merge(const State *st, uint8_t *to, const uint8_t *from)
{
    double count;

    memcpy(&count, from, sizeof(count)); /* each state begins with it */
    if (count == 0)
        return;
    if (st->kind == STATE_COVARIANCE)
        merge_covariance((Covariance *)(void *)to, (const Covariance *)(const void *)from);
    else if (st->kind == STATE_MOMENTS)
        merge_moments((Moments *)(void *)to, (const Moments *)(const void *)from);
    else
        merge_variance((Variance *)(void *)to, (const Variance *)(const void *)from);
}

/* --- results --- */

static double of_variance(const Aggregate *a, const Variance *s, bool *ret_null)
{
    bool sample = a->id == AGG_STDDEV_SAMP || a->id == AGG_VAR_SAMP;
    bool root = a->id == AGG_STDDEV_SAMP || a->id == AGG_STDDEV_POP;
    /* Spark 3.1+: one row has no sample variance, which is null. */
    *ret_null = s->count < (sample ? 2 : 1);
    if (*ret_null)
        return 0;
    if (a->id == AGG_M2)
        return s->m2;
    double x = s->m2 / (s->count - (sample ? 1 : 0));
    return root ? sqrt(x) : x;
}

static double of_moments(const Aggregate *a, const Moments *s, bool *ret_null)
{
    double n = s->variance.count, m2 = s->variance.m2;
    *ret_null = n == 0 || m2 == 0;
    if (*ret_null)
        return 0;
    return a->id == AGG_SKEWNESS ? sqrt(n) * s->m3 / sqrt(m2 * m2 * m2)
                                 : n * s->m4 / (m2 * m2) - 3.0;
}

static int of_covariance(const Aggregate *a, const Covariance *s, double *ret, bool *ret_null,
                         QueryError *error)
{
    double m2 = s->variance_x_m2;

    *ret_null = s->count == 0;
    switch ((AggregateId)a->id) {
    case AGG_COVAR_POP:
        *ret = s->c / s->count;
        return 0;
    case AGG_COVAR_SAMP:
        *ret_null = s->count < 2;
        *ret = s->c / (s->count - 1);
        return 0;
    case AGG_CORR:
        *ret_null = s->count < 2;
        *ret = s->c / sqrt(s->m2_x * s->m2_y);
        if (!*ret_null && s->m2_x * s->m2_y == 0)
            return query_error_set(error, DATA_ERROR_ARITHMETIC, "DIVIDE_BY_ZERO", "22012",
                                   "Division by zero. Use `try_divide` to tolerate divisor being "
                                   "0 and return NULL instead.");
        return 0;
    case AGG_REGR_SXY:
        *ret = s->c;
        return 0;
    case AGG_REGR_SLOPE:
        *ret_null = m2 == 0;
        *ret = s->c / m2;
        return 0;
    case AGG_REGR_INTERCEPT:
        *ret_null = m2 == 0;
        *ret = s->mean_y - s->c / m2 * s->mean_x;
        return 0;
    default: { /* AGG_REGR_R2 */
        double corr = s->c / sqrt(s->m2_x * s->m2_y);
        *ret_null = s->m2_x == 0;
        *ret = s->m2_y == 0 ? 1.0 : corr * corr;
        return 0;
    }
    }
}

int moments_finalize(const Aggregate *a, const State *st, const uint8_t *row, double *ret,
                     bool *ret_null, QueryError *error)
{
    const void *state = row + st->offset;

    if (st->kind == STATE_COVARIANCE)
        return of_covariance(a, state, ret, ret_null, error);
    *ret = st->kind == STATE_MOMENTS ? of_moments(a, state, ret_null)
                                     : of_variance(a, state, ret_null);
    return 0;
}
