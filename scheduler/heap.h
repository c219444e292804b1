/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A binary heap of indices that knows where each one is, so that a key can change and an index can
 * leave in the time of one walk up or down. Smallest key first, of equal keys the smallest index.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct HeapEntry {
    uint64_t key;
    uint32_t index;
} HeapEntry;

typedef struct Heap {
    HeapEntry *entries;
    uint32_t *places; /* of each index: its entry and 1; 0: it is not in the heap */
    uint32_t n;
} Heap;

/* For indices below @n_max. Return: 0, -ENOMEM. */
int heap_init(Heap *h, uint32_t n_max);
void heap_done(Heap *h);
/* In, with this key; it may be in already. */
void heap_set(Heap *h, uint32_t index, uint64_t key);
/* Out, if it was in. */
void heap_remove(Heap *h, uint32_t index);

static inline bool heap_has(const Heap *h, uint32_t index)
{
    return h->places[index] != 0;
}

/* In with this key, or out. */
static inline void heap_keep(Heap *h, uint32_t index, bool in, uint64_t key)
{
    if (in)
        heap_set(h, index, key);
    else if (heap_has(h, index))
        heap_remove(h, index);
}
