/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/key_ids.h"

#include <errno.h>

#include "exec/kernel/hash.h"
#include "exec/vec/ops.h"

int key_ids_init(KeyIds *ids, MemArena *arena, PhysKind phys, uint32_t limit)
{
    uint32_t n_slots = 4;
    while (n_slots < limit * 2)
        n_slots *= 2;
    *ids = (KeyIds){
        .limit = limit,
        .n = 1,
        .phys = (uint8_t)phys,
        .values = mem_arena_zalloc(arena, sizeof(uint64_t[2]) * limit, 16),
        .slots = mem_arena_zalloc(arena, sizeof(uint16_t) * n_slots, 64),
        .n_slots = n_slots,
    };
    return ids->values && ids->slots ? 0 : mem_arena_error(arena);
}

int key_ids_find(KeyIds *ids, const void *value, MemArena *strings, uint16_t *ret_id)
{
    uint64_t copy[2] = {0, 0};
    memcpy(copy, value, phys_size(ids->phys));
    uint64_t hash = ids->phys == PHYS_STRING ? hash_string((const VecString *)(const void *)copy)
                                             : hash_u64(copy[0] ^ hash_u64(copy[1]));
    uint32_t mask = ids->n_slots - 1, at = (uint32_t)hash & mask;
    for (; ids->slots[at]; at = (at + 1) & mask)
        if (vec_value_compare(ids->phys, ids->values[ids->slots[at]], copy) == 0) {
            *ret_id = ids->slots[at];
            return 0;
        }
    if (ids->n == ids->limit)
        return -ENOSPC;
    if (ids->phys == PHYS_STRING) {
        VecString s;
        memcpy(&s, copy, sizeof(s));
        if (s.length > VEC_STRING_INLINE) {
            char *bytes = mem_arena_alloc(strings, s.length, 1);
            if (!bytes)
                return mem_arena_error(strings);
            memcpy(bytes, s.ptr, s.length);
            s.ptr = bytes;
            memcpy(copy, &s, sizeof(s));
        }
    }
    memcpy(ids->values[ids->n], copy, sizeof(copy));
    ids->slots[at] = (uint16_t)ids->n;
    *ret_id = (uint16_t)ids->n++;
    return 0;
}

int key_ids_dictionary(KeyIds *ids, const Vector *v, MemArena *arena)
{
    if (ids->dict_id == v->dict_id)
        return 0;
    if (ids->remap_capacity < v->n_dict || !ids->remap) {
        uint32_t capacity = ids->remap_capacity ? ids->remap_capacity : 256;
        while (capacity < v->n_dict)
            capacity *= 2;
        ids->remap = mem_arena_alloc(arena, sizeof(uint16_t) * capacity, 64);
        if (!ids->remap) {
            ids->remap_capacity = 0;
            return mem_arena_error(arena);
        }
        ids->remap_capacity = capacity;
    }
    memset(ids->remap, 0xff, sizeof(uint16_t) * v->n_dict);
    ids->dict_id = v->dict_id;
    return 0;
}
