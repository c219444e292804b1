/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside sort and top-N: rows that are kept in runs, and their order.
 *
 * An entry is the first key as 64 bits whose order is the key's, and the row. Only entries of equal
 * prefix look at the row.
 */

#include "exec/op/pipeline.h"
#include "exec/op/spill.h"

#define SORT_PREFIX_NULL_FIRST 0u
#define SORT_PREFIX_NULL_LAST UINT64_MAX

typedef struct SortEntry {
    uint64_t prefix;
    const uint8_t *row;
} SortEntry;

typedef struct SortBlock SortBlock;

/* Sorted (after combine) entries and what they point to. */
typedef struct SortRun {
    MemPool *pool;
    SortEntry *entries;
    uint64_t n, capacity;
    bool has_room;     /* for the merge of its entries, behind them */
    SortBlock *blocks; /* of rows, newest first */
    MemArena *strings;
    RowStrings keeper;
} SortRun;

/* The sink's own struct, for both of its classes; the source reads the runs. */
typedef struct Sort {
    Operator op;
    ExprProgram *program; /* keys */
    uint32_t n_keys, n_columns;
    RowLayout layout;      /* columns, then keys that are none of them */
    uint32_t *key_columns; /* per key */
    uint64_t top;          /* top-N: rows wanted, offset included; 0: all */
    pthread_mutex_t own_lock;
    pthread_mutex_t *lock; /* of what follows; parts of a window share one */
    MemArena *arena;       /* of the lists */
    SortRun **runs;
    uint32_t n_runs, runs_capacity;
    SpillShape shape; /* of rows on disk: the prefix, then the row */
    SpillRun *spilled;
    uint32_t n_spilled, spilled_capacity;
    RuntimeFilter *bound; /* top-N: of the first key, for the scan that it comes from, or NULL */
    atomic_uint_fast64_t best; /* top-N: no row of a larger prefix is wanted; UINT64_MAX: unknown */
} Sort;

/* 63 bits that order as the value does, the key's direction and nulls included. */
uint64_t sort_prefix(const SortKey *key, const Vector *v, uint32_t row);
/* By all keys. Return: below, equal to, above 0. */
int sort_compare_rows(const Sort *s, const uint8_t *a, const uint8_t *b);

static inline bool sort_entry_less(const Sort *s, const SortEntry *a, const SortEntry *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return sort_compare_rows(s, a->row, b->row) < 0;
}

int sort_run_new(const Sort *s, MemPool *pool, SortRun **ret_run);
/* Also of one that was only half made; accepts NULL. */
void sort_run_free(SortRun *run);
/* Forgets all rows, their memory too. Return: 0; MEM_E_*. */
int sort_run_reset(const Sort *s, SortRun *run);
/* Stable; @other has room for @n entries. Return: 0; QUERY_E_CANCELLED. */
int sort_entries(const Sort *s, SortEntry *entries, SortEntry *other, uint64_t n);
/* Stable. Return: 0; MEM_E_*; QUERY_E_CANCELLED. */
int sort_run_sort(const Sort *s, SortRun *run);
/**
 * sort_run_append() - keep rows
 * @columns:   of the input, s->n_columns
 * @keys:      vectors of the keys
 * @rows:      u16[@n], which
 * @prefixes:  u64[@n]
 * @ret_done:  out, also on failure: rows that were kept, the first of them
 * Return: 0; MEM_E_*.
 */
int sort_run_append(const Sort *s, SortRun *run, const Vector *columns, const Vector *keys,
                    const uint16_t *rows, const uint64_t *prefixes, uint32_t n, uint32_t *ret_done);
/* Drop all but the first @n entries, and the memory of the others. @run is sorted. */
int sort_run_cut(const Sort *s, SortRun *run, uint64_t n);
/* Hand a sorted run to the source. Takes @run also when it fails. */
int sort_add_run(Sort *s, Worker *worker, SortRun *run);

void sort_close(Operator *op);
extern const OperatorClass top_n_class;
