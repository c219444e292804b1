/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Hashes of key columns, a batch at a time. The entries of a dictionary are hashed once.
 */

#include "exec/kernel/kernel.h"
#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

/* Per thread and key column. */
typedef struct KeyHashCache {
    uint64_t dict_id;
    uint64_t rows; /* asked for since this dictionary came */
    bool ready;
    uint32_t capacity;
    uint64_t *hashes;
} KeyHashCache;

/**
 * key_hash() - hashes of one column's selected rows
 * @hashes:  in/out, u64[@n], by place in the selection; combined with what is there unless @first
 * @arena:   for the cache; NULL: no cache
 * A null has a hash of its own. Return: 0; mem_arena_error().
 */
int key_hash(const KernelTable *kern, const Vector *v, const uint16_t *sel, uint32_t n, bool first,
             KeyHashCache *cache, MemArena *arena, uint64_t *hashes);
