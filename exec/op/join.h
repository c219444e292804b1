/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: the hash join's table, made by join_build.c, read by join_probe.c.
 *
 * A row of the build side:
 *
 *   offset   what
 *   0        hash of the key (or the key itself when it is one integer), u64
 *   8        next row of the chain, pointer
 *   16       1 once a left row matched it (RIGHT and FULL only), u8 in 8 bytes
 *   24       null bits, then the columns of the right input, then the keys that are no column of it
 *
 * The directory is an array of words: for hashed keys the upper 16 bits are a Bloom filter of the
 * chain's hashes, the lower 48 the first row; for one integer key of a dense range it is indexed by
 * key - min and needs no hash at all.
 */

#include "exec/op/key_hash.h"
#include "exec/op/pipeline.h"

#define JOIN_HEAD 24u
#define JOIN_KEYS_MAX 4096u
#define JOIN_FILTERS_MAX 16u
#define JOIN_POINTER_MASK UINT64_C(0x0000ffffffffffff)

typedef struct JoinBlock {
    uint8_t *rows;
    uint32_t n_rows, capacity;
    size_t bytes;
} JoinBlock;

typedef struct JoinFilter {
    uint32_t key;
    RuntimeFilter *filter;
} JoinFilter;

typedef struct JoinBuild {
    Operator op;
    ExprProgram *program; /* right keys */
    uint32_t n_keys;
    RowLayout layout;
    uint32_t *key_columns; /* per key: its column in the layout */
    bool integer;          /* one key of PHYS_I8..PHYS_I64: compared as i64 */
    bool keep_nulls;       /* RIGHT, FULL: rows with a null key come out unmatched */

    pthread_mutex_t lock;
    JoinBlock *blocks;
    uint32_t n_blocks, blocks_capacity;
    MemArena **arenas; /* long strings */
    uint32_t n_arenas, arenas_capacity;
    uint64_t n_rows;      /* in the table */
    atomic_bool null_key; /* a key was null: NOT IN is never true */
    int64_t key_min[JOIN_FILTERS_MAX], key_max[JOIN_FILTERS_MAX];

    uint64_t *directory;
    uint64_t n_directory;
    uint32_t shift; /* hash >> shift is the slot */
    bool dense;
    int64_t dense_min;
    atomic_bool duplicates; /* some key is there twice */

    JoinFilter filters[JOIN_FILTERS_MAX];
    uint32_t n_filters;
    uint64_t *bitmaps[JOIN_FILTERS_MAX];
    uint64_t bitmap_words[JOIN_FILTERS_MAX];

    struct JoinDisk *disk; /* NULL: nothing of it may be written to disk */
} JoinBuild;

static inline const uint8_t *join_next(const uint8_t *row)
{
    const uint8_t *next;
    memcpy(&next, row + 8, sizeof(next));
    return next;
}

static inline uint64_t join_hash(const uint8_t *row)
{
    uint64_t h;
    memcpy(&h, row, 8);
    return h;
}

/* Two of 16 tag bits, from hash bits that do not choose the slot. */
static inline uint64_t join_tag(uint64_t hash)
{
    return UINT64_C(1) << (48 + (hash & 15)) | UINT64_C(1) << (48 + (hash >> 4 & 15));
}

static inline int64_t join_integer(const Vector *v, uint32_t row)
{
    uint32_t at = vec_index(v, row);
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

/* Gives the table back: rows, strings, directory. */
void join_build_release(JoinBuild *b);
/* Empty, for all rows of @b->n_rows; hashed. Return: 0; MEM_E_*. */
int join_directory_alloc(JoinBuild *b, uint64_t n_rows);
void join_link_block(JoinBuild *b, const JoinBlock *block);
void join_filter_rows(JoinBuild *b, const uint8_t *rows, uint32_t n_rows);
int join_list_grow(MemArena *arena, void **list, uint32_t *capacity, uint32_t needed, size_t size);

/*
 * Keys of a batch: values for an integer key, hashes otherwise, for the selected rows without a
 * null key. @rows: out, those rows. Return: 0; *ret_n how many.
 */
int join_keys(const JoinBuild *b, const KernelTable *kern, const Vector *keys, const uint16_t *sel,
              uint32_t n, KeyHashCache *caches, MemArena *arena, uint16_t *rows, uint64_t *out,
              uint32_t *ret_n);
