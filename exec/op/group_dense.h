/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One integer key whose values lie close together: an array from value to group, without hashing or
 * comparing. It covers the values seen so far and grows with them; when it would be much larger
 * than the rows that it serves, it is given up.
 */

#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

typedef struct GroupDense {
    bool usable;
    int64_t base;     /* value of groups[0] */
    uint32_t *groups; /* [size], group + 1; 0: none yet */
    uint64_t size;
    uint32_t null_group; /* + 1 */
    uint64_t n_rows;     /* that were looked up */
} GroupDense;

/* The least and the greatest value of the rows that count. Return: false when all are null. */
bool group_dense_range(const Vector *v, const uint16_t *sel, uint32_t n, int64_t *ret_min,
                       int64_t *ret_max);
/**
 * group_dense_cover() - make room for values from @min to @max
 * Return: 0 with @d->usable, which is false when it does not pay or memory is refused.
 */
void group_dense_cover(GroupDense *d, MemPool *pool, int64_t min, int64_t max, uint32_t n);
/* The place of a value, or of null; NULL when it is not covered. */
static inline uint32_t *group_dense_at(GroupDense *d, bool is_null, int64_t value)
{
    if (is_null)
        return &d->null_group;
    uint64_t at = (uint64_t)value - (uint64_t)d->base;
    return at < d->size ? &d->groups[at] : NULL;
}
void group_dense_done(GroupDense *d, MemPool *pool);
