/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: the rows of a window before it looks at them. The sink spreads them over parts by a
 * hash of their partition keys; each part is sorted by whichever worker takes it up.
 */

#include "exec/op/key_hash.h"
#include "exec/op/sort_spill.h"

#define WINDOW_PARTS_MAX 64u

typedef struct WindowSort {
    Operator op;
    uint32_t n_parts; /* a power of two */
    Sort *parts;      /* all with @lock */
    pthread_mutex_t lock;
    MemArena *arena;     /* of the parts: other operators use the query's meanwhile */
    atomic_bool spilled; /* something was: the rest is to go, too */
    const PlanNode *window;
} WindowSort;

/* Where the rows of a window are, in runs that are not sorted. */
Sort *window_sort_parts(Operator *sort, uint32_t *ret_n);

/**
 * window_sort_entries() - sort rows in memory by all keys; stable
 * @other:       room for @n entries
 * @ret_sorted:  out, where the entries are: @entries or @other
 * Return: 0; QUERY_E_CANCELLED.
 */
int window_sort_entries(const Sort *s, SortEntry *entries, SortEntry *other, uint64_t n,
                        SortEntry **ret_sorted);
/* Prefixes by which runs of several workers, and those on disk, are merged. */
void window_set_prefixes(const Sort *s, SortRun *run);
