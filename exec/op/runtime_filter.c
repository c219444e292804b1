/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/op.h"

static inline int64_t value_at(const Vector *v, uint32_t at)
{
    switch (v->phys) {
    case PHYS_I8:
        return ((const int8_t *)v->values)[at];
    case PHYS_I16:
        return ((const int16_t *)v->values)[at];
    case PHYS_I32:
        return ((const int32_t *)v->values)[at];
    default:
        return ((const int64_t *)v->values)[at];
    }
}

void runtime_filter_narrow(RuntimeFilter *f, bool from_below, int64_t value)
{
    atomic_int_fast64_t *bound = from_below ? &f->moving_min : &f->moving_max;
    int_fast64_t now = atomic_load(bound);

    while (from_below ? value > now : value < now)
        if (atomic_compare_exchange_weak(bound, &now, value)) {
            atomic_fetch_add(&f->version, 1);
            return;
        }
}

/* The two cases that matter, without a branch per row. */
static uint32_t select_bitmap(const RuntimeFilter *f, const int64_t *values, const uint32_t *codes,
                              const uint16_t *sel, uint32_t n, uint16_t *out)
{
    const uint64_t *bits = f->bitmap;
    uint64_t min = (uint64_t)f->min, span = (uint64_t)f->max - min;
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        uint64_t x = (uint64_t)values[codes ? codes[row] : row] - min;
        uint64_t in = x <= span;
        x = in ? x : 0;
        out[k] = (uint16_t)row;
        k += (uint32_t)(bits[x >> 6] >> (x & 63) & in);
    }
    return k;
}

uint32_t runtime_filter_select(const RuntimeFilter *f, const Vector *v, const uint16_t *sel,
                               uint32_t n, uint16_t *sel_out)
{
    uint32_t k = 0;

    if (f->empty)
        return 0;
    if (v->encoding == VEC_CONST) {
        if (vec_row_is_null(v, 0) || !runtime_filter_test(f, value_at(v, 0)))
            return 0;
        for (uint32_t i = 0; i < n; i++)
            sel_out[i] = sel ? sel[i] : (uint16_t)i;
        return n;
    }
    if (f->bitmap && v->phys == PHYS_I64 && !v->has_nulls)
        return select_bitmap(f, v->values, v->encoding == VEC_DICT ? v->codes : NULL, sel, n,
                             sel_out);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        sel_out[k] = (uint16_t)row;
        k += !vec_row_is_null(v, row) && runtime_filter_test(f, value_at(v, vec_index(v, row)));
    }
    return k;
}

bool runtime_filter_range(const RuntimeFilter *f, int64_t min, int64_t max)
{
    if (f->moving)
        return max >= atomic_load(&f->moving_min) && min <= atomic_load(&f->moving_max);
    if (f->empty || max < f->min || min > f->max)
        return false;
    if (!f->bitmap)
        return true;
    /* Short ranges can be looked up whole. */
    uint64_t from = (uint64_t)(min > f->min ? min : f->min) - (uint64_t)f->min;
    uint64_t to = (uint64_t)(max < f->max ? max : f->max) - (uint64_t)f->min;
    if (to - from > UINT64_C(1) << 20)
        return true;
    uint64_t first = from >> 6, last = to >> 6;
    for (uint64_t w = first; w <= last; w++) {
        uint64_t bits = f->bitmap[w];
        if (w == first)
            bits &= ~UINT64_C(0) << (from & 63);
        if (w == last)
            bits &= ~UINT64_C(0) >> (63 - (to & 63));
        if (bits)
            return true;
    }
    return false;
}
