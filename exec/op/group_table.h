/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A hash table of groups: each group is one row that holds its hash, its key, and the states of its
 * aggregates.
 *
 *   offset             what
 *   0                  hash, u64
 *   keys.head          null bits and values of the key columns (vec/row.h)
 *   keys.size          states, zeroed when the group is made
 *   row_size
 *
 * Slots are u64: the upper 32 bits of the hash, and the group's number + 1; so a probe touches the
 * row only when 32 bits of the hash agree. Rows lie in blocks and never move.
 */

#include "exec/memory/memory.h"
#include "exec/vec/row.h"

#define GROUP_BLOCK_ROWS 1024u
#define GROUPS_MAX (UINT32_C(1) << 31)

typedef struct GroupTable {
    MemPool *pool;
    const char *operator_name;
    const RowLayout *keys;
    uint32_t row_size;
    MemArena *strings; /* long strings of keys and states */
    uint8_t **blocks;  /* [n_blocks], GROUP_BLOCK_ROWS rows each */
    uint32_t n_blocks, blocks_capacity;
    uint32_t n_groups;
    uint64_t *slots;
    uint64_t n_slots; /* power of two, or 0 */
    bool fixed;       /* no key is a string: keys are equal when their bytes are */
} GroupTable;

int group_table_init(GroupTable *t, MemPool *pool, const char *operator_name, const RowLayout *keys,
                     uint32_t row_size);
void group_table_done(GroupTable *t);

static inline uint8_t *group_row(const GroupTable *t, uint32_t number)
{
    return t->blocks[number / GROUP_BLOCK_ROWS] + (size_t)(number % GROUP_BLOCK_ROWS) * t->row_size;
}

static inline uint64_t group_hash(const uint8_t *row)
{
    uint64_t h;
    memcpy(&h, row, 8);
    return h;
}

/**
 * group_table_find() - the group of a key, made if it is new
 * @key:  a row of the layout @t->keys with its hash in front; strings may point anywhere
 * Return: 0; MEM_E_*; negative errno.
 */
int group_table_find(GroupTable *t, const uint8_t *key, uint32_t *ret_number);
/**
 * group_table_find_rows() - the groups of many keys
 * @keys:         @n rows as above, @keys->size bytes each
 * @ret_numbers:  u32[@n]
 * What a large table has in memory only is asked for ahead of its use.
 */
int group_table_find_rows(GroupTable *t, const uint8_t *keys, uint32_t n, uint32_t *ret_numbers);
/**
 * group_table_add() - a group that is known to be new
 * As long as nobody looks a key up by its hash the slots are left out; group_table_find() makes
 * them when it is first called. Return: as group_table_find().
 */
int group_table_add(GroupTable *t, const uint8_t *key, uint32_t *ret_number);
/* Drop the slots: groups are added by group_table_add() from now on, or found in another way. */
void group_table_drop_slots(GroupTable *t);
/* Without making it. Many threads may look up at once. Return: false when there is none. */
bool group_table_lookup(const GroupTable *t, const uint8_t *key, uint32_t *ret_number);
static inline void group_table_prefetch(const GroupTable *t, const uint8_t *key)
{
    if (t->n_slots)
        __builtin_prefetch(&t->slots[group_hash(key) & (t->n_slots - 1)]);
}
/* Without a key: the one group. */
int group_table_single(GroupTable *t, uint32_t *ret_number);
uint64_t group_table_bytes(const GroupTable *t);
