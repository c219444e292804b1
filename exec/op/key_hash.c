/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/key_hash.h"

#include "exec/kernel/hash.h"

static uint64_t hash_value(PhysKind phys, const void *values, uint32_t i)
{
    switch (phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        return hash_u64((uint64_t)(int64_t)((const int8_t *)values)[i]);
    case PHYS_I16:
        return hash_u64((uint64_t)(int64_t)((const int16_t *)values)[i]);
    case PHYS_I32:
        return hash_u64((uint64_t)(int64_t)((const int32_t *)values)[i]);
    case PHYS_I64:
        return hash_u64(((const uint64_t *)values)[i]);
    case PHYS_I128: {
        /* A value of 64 bits hashes as if it were stored in 64. */
        __int128 x = ((const __int128 *)values)[i];
        if (x == (int64_t)x)
            return hash_u64((uint64_t)x);
        return hash_u64(hash_combine((uint64_t)x, (uint64_t)(x >> 64)));
    }
    case PHYS_F32: {
        float f = hash_normal_float(((const float *)values)[i]);
        uint32_t bits;
        memcpy(&bits, &f, 4);
        return hash_u64(bits);
    }
    case PHYS_F64: {
        double d = hash_normal_double(((const double *)values)[i]);
        uint64_t bits;
        memcpy(&bits, &d, 8);
        return hash_u64(bits);
    }
    default:
        return hash_string((const VecString *)values + i);
    }
}

static int cache_fill(const Vector *v, KeyHashCache *c, MemArena *arena)
{
    if (c->capacity < v->n_dict) {
        uint32_t capacity = c->capacity ? c->capacity : 256;
        while (capacity < v->n_dict)
            capacity *= 2;
        c->hashes = mem_arena_alloc(arena, sizeof(uint64_t) * capacity, 64);
        if (!c->hashes) {
            c->capacity = 0;
            return mem_arena_error(arena);
        }
        c->capacity = capacity;
    }
    for (uint32_t i = 0; i < v->n_dict; i++)
        c->hashes[i] = hash_value(v->phys, v->values, i);
    c->ready = true;
    return 0;
}

int key_hash(const KernelTable *kern, const Vector *v, const uint16_t *sel, uint32_t n, bool first,
             KeyHashCache *cache, MemArena *arena, uint64_t *hashes)
{
    const uint64_t *known = NULL;

    if (v->encoding == VEC_DICT && arena) {
        if (cache->dict_id != v->dict_id) {
            cache->dict_id = v->dict_id;
            cache->ready = false;
            cache->rows = 0;
        }
        cache->rows += n;
        if (!cache->ready && v->n_dict <= cache->rows) {
            int r = cache_fill(v, cache, arena);
            if (r)
                return r;
        }
        known = cache->ready ? cache->hashes : NULL;
    }
    if (v->encoding == VEC_FLAT && v->phys == PHYS_I64 && first && !sel && !v->has_nulls) {
        kern->hash_i64(v->values, hashes, n);
        return 0;
    }
    uint64_t constant = 0;
    if (v->encoding == VEC_CONST)
        constant = vec_row_is_null(v, 0) ? HASH_NULL : hash_value(v->phys, v->values, 0);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        uint64_t h;
        if (v->encoding == VEC_CONST)
            h = constant;
        else if (v->has_nulls && !vec_bit(v->valid, row))
            h = HASH_NULL;
        else if (known)
            h = known[v->codes[row]];
        else
            h = hash_value(v->phys, v->values, v->encoding == VEC_DICT ? v->codes[row] : row);
        hashes[i] = first ? h : hash_combine(hashes[i], h);
    }
    return 0;
}
