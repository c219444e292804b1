/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/heap.h"

#include <errno.h>
#include <stdlib.h>

static bool before(const HeapEntry *a, const HeapEntry *b)
{
    return a->key != b->key ? a->key < b->key : a->index < b->index;
}

int heap_init(Heap *h, uint32_t n_max)
{
    *h = (Heap){.entries = calloc(n_max, sizeof(HeapEntry)),
                .places = calloc(n_max, sizeof(uint32_t))};
    if (h->entries && h->places)
        return 0;
    heap_done(h);
    return -ENOMEM;
}

void heap_done(Heap *h)
{
    free(h->entries);
    free(h->places);
    *h = (Heap){0};
}

static void put(Heap *h, uint32_t at, HeapEntry entry)
{
    h->entries[at] = entry;
    h->places[entry.index] = at + 1;
}

/* @entry belongs where entry @at was, or above or below it. */
static void settle(Heap *h, uint32_t at, HeapEntry entry)
{
    for (; at > 0 && before(&entry, &h->entries[(at - 1) / 2]); at = (at - 1) / 2)
        put(h, at, h->entries[(at - 1) / 2]);
    for (uint32_t child; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && before(&h->entries[child + 1], &h->entries[child]))
            child++;
        if (!before(&h->entries[child], &entry))
            break;
        put(h, at, h->entries[child]);
    }
    put(h, at, entry);
}

void heap_set(Heap *h, uint32_t index, uint64_t key)
{
    uint32_t place = h->places[index];
    if (place != 0 && h->entries[place - 1].key == key)
        return;
    settle(h, place ? place - 1 : h->n++, (HeapEntry){.key = key, .index = index});
}

void heap_remove(Heap *h, uint32_t index)
{
    uint32_t place = h->places[index];
    if (place == 0)
        return;
    h->places[index] = 0;
    HeapEntry last = h->entries[--h->n];
    if (last.index != index)
        settle(h, place - 1, last);
}
