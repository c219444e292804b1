/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/group_table.h"

#include <errno.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

#define SLOTS_FIRST 1024u
#define AHEAD_ROWS 128u    /* asked for together: few enough to stay in the first cache */
#define AHEAD_GROUPS 4096u /* smaller tables are in the caches anyway */
#define SALT_MASK UINT64_C(0xffffffff00000000)

int group_table_init(GroupTable *t, MemPool *pool, const char *operator_name, const RowLayout *keys,
                     uint32_t row_size)
{
    *t = (GroupTable){
        .pool = pool,
        .operator_name = operator_name,
        .keys = keys,
        .row_size = row_size,
        .fixed = !keys->has_strings,
    };
    return mem_arena_new(pool, operator_name, &t->strings);
}

void group_table_done(GroupTable *t)
{
    if (!t->pool)
        return;
    for (uint32_t i = 0; i < t->n_blocks; i++)
        mem_block_free(t->pool, t->blocks[i], (size_t)GROUP_BLOCK_ROWS * t->row_size);
    if (t->blocks)
        mem_block_free(t->pool, t->blocks, sizeof(uint8_t *) * t->blocks_capacity);
    if (t->slots)
        mem_block_free(t->pool, t->slots, sizeof(uint64_t) * t->n_slots);
    t->strings = mem_arena_free(t->strings);
    t->blocks = NULL;
    t->slots = NULL;
    t->n_blocks = t->n_groups = 0;
    t->n_slots = 0;
    t->pool = NULL;
}

uint64_t group_table_bytes(const GroupTable *t)
{
    return (uint64_t)t->n_blocks * GROUP_BLOCK_ROWS * t->row_size + t->n_slots * 8 +
           (t->strings ? mem_arena_bytes(t->strings) : 0);
}

static int add_block(GroupTable *t)
{
    void *block;

    if (t->n_blocks == t->blocks_capacity) {
        uint32_t capacity = t->blocks_capacity ? t->blocks_capacity * 2 : 64;
        void *list;
        int r = mem_block_alloc(t->pool, sizeof(uint8_t *) * capacity, t->operator_name, &list);
        if (r)
            return r;
        if (t->blocks) {
            memcpy(list, t->blocks, sizeof(uint8_t *) * t->n_blocks);
            mem_block_free(t->pool, t->blocks, sizeof(uint8_t *) * t->blocks_capacity);
        }
        t->blocks = list;
        t->blocks_capacity = capacity;
    }
    int r =
        mem_block_alloc(t->pool, (size_t)GROUP_BLOCK_ROWS * t->row_size, t->operator_name, &block);
    if (r)
        return r;
    t->blocks[t->n_blocks++] = block;
    return 0;
}

static int grow_slots(GroupTable *t)
{
    uint64_t n = t->n_slots ? t->n_slots : SLOTS_FIRST / 2;
    void *block;

    do
        n *= 2;
    while ((uint64_t)t->n_groups * 2 >= n);
    int r = mem_block_alloc(t->pool, sizeof(uint64_t) * n, t->operator_name, &block);
    if (r)
        return r;
    uint64_t *slots = block;
    memset(slots, 0, sizeof(uint64_t) * n);
    for (uint32_t g = 0; g < t->n_groups; g++) {
        uint64_t h = group_hash(group_row(t, g));
        uint64_t at = h & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (h & SALT_MASK) | (g + 1);
    }
    if (t->slots)
        mem_block_free(t->pool, t->slots, sizeof(uint64_t) * t->n_slots);
    t->slots = slots;
    t->n_slots = n;
    return 0;
}

/* Keys as bytes: a multiple of 8, mostly two or three words. */
static inline bool bytes_equal(const RowLayout *l, const uint8_t *a, const uint8_t *b)
{
    for (uint32_t i = l->head; i < l->size; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    return true;
}

static bool key_equal(const GroupTable *t, const uint8_t *a, const uint8_t *b)
{
    const RowLayout *l = t->keys;

    /* Short strings are their bytes, too, and where 32 bits of the hash agree so do most keys. */
    if (bytes_equal(l, a, b))
        return true;
    if (t->fixed)
        return false;
    if (memcmp(a + l->head, b + l->head, l->n_nulls) != 0)
        return false;
    for (uint32_t c = 0; c < l->n_columns; c++) {
        const uint8_t *x = a + l->offsets[c], *y = b + l->offsets[c];
        if (l->phys[c] == PHYS_STRING) {
            VecString s, u;
            memcpy(&s, x, sizeof(s));
            memcpy(&u, y, sizeof(u));
            if (!vec_string_equal(&s, &u))
                return false;
        } else if (memcmp(x, y, phys_size(l->phys[c])) != 0) {
            return false;
        }
    }
    return true;
}

static int keep_strings(GroupTable *t, uint8_t *row)
{
    const RowLayout *l = t->keys;

    for (uint32_t c = 0; c < l->n_columns; c++) {
        VecString s;
        if (l->phys[c] != PHYS_STRING)
            continue;
        memcpy(&s, row + l->offsets[c], sizeof(s));
        if (s.length <= VEC_STRING_INLINE)
            continue;
        char *bytes = mem_arena_alloc(t->strings, s.length, 1);
        if (!bytes)
            return mem_arena_error(t->strings);
        memcpy(bytes, s.ptr, s.length);
        s.ptr = bytes;
        memcpy(row + l->offsets[c], &s, sizeof(s));
    }
    return 0;
}

static int add_group(GroupTable *t, const uint8_t *key)
{
    if (t->n_groups >= GROUPS_MAX)
        return -E2BIG;
    if (t->n_groups == t->n_blocks * GROUP_BLOCK_ROWS) {
        int r = add_block(t);
        if (r)
            return r;
    }
    uint8_t *row = group_row(t, t->n_groups);
    if (key)
        memcpy(row, key, t->keys->size);
    else
        memset(row, 0, t->keys->size);
    memset(row + t->keys->size, 0, t->row_size - t->keys->size);
    if (key && !t->fixed) {
        int r = keep_strings(t, row);
        if (r)
            return r;
    }
    t->n_groups++;
    return 0;
}

void group_table_drop_slots(GroupTable *t)
{
    if (t->slots)
        mem_block_free(t->pool, t->slots, sizeof(uint64_t) * t->n_slots);
    t->slots = NULL;
    t->n_slots = 0;
}

bool group_table_lookup(const GroupTable *t, const uint8_t *key, uint32_t *ret_number)
{
    if (!t->n_slots)
        return false;
    uint64_t h = group_hash(key), mask = t->n_slots - 1, salt = h & SALT_MASK;
    for (uint64_t at = h & mask; t->slots[at]; at = (at + 1) & mask) {
        uint32_t number = (uint32_t)t->slots[at] - 1;
        if ((t->slots[at] & SALT_MASK) == salt && key_equal(t, group_row(t, number), key)) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

int group_table_find(GroupTable *t, const uint8_t *key, uint32_t *ret_number)
{
    if ((uint64_t)t->n_groups * 2 >= t->n_slots) {
        int r = grow_slots(t);
        if (r)
            return r;
    }
    uint64_t h = group_hash(key), mask = t->n_slots - 1, at = h & mask;
    uint64_t salt = h & SALT_MASK;
    for (; t->slots[at]; at = (at + 1) & mask) {
        if ((t->slots[at] & SALT_MASK) != salt)
            continue;
        uint32_t number = (uint32_t)t->slots[at] - 1;
        if (key_equal(t, group_row(t, number), key)) {
            *ret_number = number;
            return 0;
        }
    }
    int r = add_group(t, key);
    if (r)
        return r;
    *ret_number = t->n_groups - 1;
    t->slots[at] = salt | t->n_groups;
    return 0;
}

int group_table_add(GroupTable *t, const uint8_t *key, uint32_t *ret_number)
{
    if (t->n_slots)
        return group_table_find(t, key, ret_number);
    int r = add_group(t, key);
    if (r == 0)
        *ret_number = t->n_groups - 1;
    return r;
}

/*
 * Slots first, then the rows that they point to: the misses of each step overlap. Inlined by force:
 * gcc 12 takes a function that does nothing but prefetch for one without effect and drops the call.
 */
static inline __attribute__((always_inline)) void ask_ahead(const GroupTable *t,
                                                            const uint8_t *keys, uint32_t n)
{
    uint64_t mask = t->n_slots - 1;

    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(&t->slots[group_hash(keys + (size_t)i * t->keys->size) & mask]);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t h = group_hash(keys + (size_t)i * t->keys->size), slot = t->slots[h & mask];

        if (slot && ((slot ^ h) & SALT_MASK) == 0)
            __builtin_prefetch(group_row(t, (uint32_t)slot - 1));
    }
}

int group_table_find_rows(GroupTable *t, const uint8_t *keys, uint32_t n, uint32_t *ret_numbers)
{
    size_t size = t->keys->size;

    if ((uint64_t)t->n_groups * 2 >= t->n_slots) {
        int r = grow_slots(t);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *key = keys + i * size;

        if (i % AHEAD_ROWS == 0 && t->n_groups >= AHEAD_GROUPS)
            ask_ahead(t, key, MIN(n - i, AHEAD_ROWS));
        /* Files are often sorted, or clustered, by what they are grouped by. */
        if (i > 0 && group_hash(key) == group_hash(key - size) && key_equal(t, key - size, key)) {
            ret_numbers[i] = ret_numbers[i - 1];
            continue;
        }
        int r = group_table_find(t, key, &ret_numbers[i]);
        if (r)
            return r;
    }
    return 0;
}

int group_table_single(GroupTable *t, uint32_t *ret_number)
{
    *ret_number = 0;
    return t->n_groups ? 0 : add_group(t, NULL);
}
