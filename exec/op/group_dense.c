/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/group_dense.h"

#include "base/cleanup.h"

#define DENSE_FIRST ((uint64_t)1 << 19) /* values for which it is tried at all */
#define DENSE_MAX ((uint64_t)1 << 26)   /* 256 MiB */
#define DENSE_PER_ROW 8u                /* values for each row seen */

#define RANGE_LOOP(type)                                                                           \
    do {                                                                                           \
        const type *values = v->values;                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            uint32_t row = sel ? sel[i] : i;                                                       \
            if (v->has_nulls && vec_row_is_null(v, row))                                           \
                continue;                                                                          \
            int64_t x = values[vec_index(v, row)];                                                 \
            min = x < min ? x : min;                                                               \
            max = x > max ? x : max;                                                               \
        }                                                                                          \
    } while (0)

bool group_dense_range(const Vector *v, const uint16_t *sel, uint32_t n, int64_t *ret_min,
                       int64_t *ret_max)
{
    int64_t min = INT64_MAX, max = INT64_MIN;

    switch (v->phys) {
    case PHYS_I8:
        RANGE_LOOP(int8_t);
        break;
    case PHYS_I16:
        RANGE_LOOP(int16_t);
        break;
    case PHYS_I32:
        RANGE_LOOP(int32_t);
        break;
    default:
        RANGE_LOOP(int64_t);
        break;
    }
    *ret_min = min;
    *ret_max = max;
    return min <= max;
}

void group_dense_cover(GroupDense *d, MemPool *pool, int64_t min, int64_t max, uint32_t n)
{
    void *block;

    d->n_rows += n;
    if (d->size > 0 && min >= d->base && (uint64_t)max - (uint64_t)d->base < d->size)
        return;
    if (d->size > 0) {
        min = MIN(min, d->base);
        max = MAX(max, (int64_t)((uint64_t)d->base + d->size - 1));
    }
    uint64_t span = (uint64_t)max - (uint64_t)min;
    if (span >= DENSE_MAX || span >= MAX(DENSE_FIRST, d->n_rows * DENSE_PER_ROW)) {
        d->usable = false;
        return;
    }
    /* Sorted files grow at one end, batch by batch: leave room there. */
    uint64_t size = MIN(MAX(span + 1, d->size * 2), DENSE_MAX), spare = size - (span + 1);
    size = MAX(size, UINT64_C(4096));
    if (d->size > 0 && min < d->base)
        min = (uint64_t)min - (uint64_t)INT64_MIN > spare ? min - (int64_t)spare : INT64_MIN;
    if (mem_block_alloc(pool, size * sizeof(uint32_t), "aggregate", &block) != 0) {
        d->usable = false;
        return;
    }
    memset(block, 0, size * sizeof(uint32_t));
    if (d->size > 0) {
        memcpy((uint32_t *)block + ((uint64_t)d->base - (uint64_t)min), d->groups,
               d->size * sizeof(uint32_t));
        mem_block_free(pool, d->groups, d->size * sizeof(uint32_t));
    }
    d->groups = block;
    d->size = size;
    d->base = min;
}

void group_dense_done(GroupDense *d, MemPool *pool)
{
    if (d->groups)
        mem_block_free(pool, d->groups, d->size * sizeof(uint32_t));
    *d = (GroupDense){0};
}
