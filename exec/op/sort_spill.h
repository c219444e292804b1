/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside sort: runs on disk, and the merge of all runs.
 */

#include "exec/op/pressure.h"
#include "exec/op/sort_run.h"

typedef struct MergeInput {
    SortEntry entry; /* the next row */
    uint32_t number; /* equal rows come in the order of the runs */
    SortRun *run;    /* in memory, or NULL */
    uint64_t at;     /* of the run, or in the reader's block */
    SpillReader reader;
} MergeInput;

typedef struct SortMerge {
    Sort *sort;
    MergeInput *inputs;
    uint32_t n_inputs, capacity;
    MergeInput **heap; /* those that have a row, the smallest first */
    uint32_t n_heap;
    MergeInput *taken; /* its row was given out last */
} SortMerge;

/* Writes what the sink's local holds. */
typedef int (*SortSpill)(Sort *s, void *local, Worker *worker);

/**
 * sort_append() - sort_run_append() that writes the run to disk where memory ends
 * @run: of @local, which @spill empties
 */
int sort_append(Sort *s, SortRun *run, const Vector *columns, const Vector *keys,
                const uint16_t *rows, const uint64_t *prefixes, uint32_t n, SortSpill spill,
                void *local, Worker *worker);

/**
 * sort_spill_run() - sort a run, write it to disk and forget its rows
 * Return: 0; QUERY_E_FAILED; QUERY_E_CANCELLED; MEM_E_*.
 */
int sort_spill_run(Sort *s, SortRun *run, Worker *worker);

/**
 * sort_merge_open() - all runs of @s, on disk and in memory, begin to be read
 * So many runs on disk that their buffers do not fit are merged into fewer first.
 * Return: 0; MEM_E_*; QUERY_E_FAILED; QUERY_E_CANCELLED.
 */
int sort_merge_open(Sort *s, Worker *worker, SortMerge *ret_merge);
/* Accepts one that was only half made, or zeroed. */
void sort_merge_close(SortMerge *merge);
/**
 * sort_merge_begin() - before a batch: rows given out before become invalid
 * Return: 0; QUERY_E_FAILED.
 */
int sort_merge_begin(SortMerge *merge, Worker *worker);
/* The next row, valid until sort_merge_begin(); NULL: nothing more in this batch. */
const uint8_t *sort_merge_next(SortMerge *merge);
/* All rows have been given out. */
static inline bool sort_merge_ended(const SortMerge *merge)
{
    return merge->n_heap == 0 && !merge->taken;
}
