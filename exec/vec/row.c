/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/row.h"

#include <assert.h>
#include <errno.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

typedef struct RowDictCopy {
    uint64_t dict_id;
    uint32_t n;
    VecString *entries; /* length UINT32_MAX: not copied yet */
} RowDictCopy;

int row_layout_make(MemArena *arena, const Type *types, uint32_t n_columns, uint32_t head,
                    RowLayout *ret_layout)
{
    if (n_columns > ROW_COLUMNS_MAX)
        return -E2BIG;
    RowLayout l = {
        .n_columns = n_columns,
        .head = head,
        .n_nulls = ALIGN_UP((n_columns + 7) / 8, 8u),
        .offsets = mem_arena_new_array(arena, uint32_t, n_columns + 1),
        .phys = mem_arena_new_array(arena, uint8_t, n_columns + 1),
        .types = mem_arena_new_array(arena, Type, n_columns + 1),
    };
    if (!l.offsets || !l.phys || !l.types)
        return mem_arena_error(arena);

    uint32_t at = head + l.n_nulls;
    /* Large values first, so that nothing needs padding. */
    for (uint32_t size = 16; size > 0; size /= 2)
        for (uint32_t c = 0; c < n_columns; c++) {
            PhysKind phys = type_phys(types[c]);
            if (phys_size(phys) != size)
                continue;
            l.phys[c] = (uint8_t)phys;
            l.types[c] = types[c];
            l.offsets[c] = at;
            l.has_strings |= phys == PHYS_STRING;
            at += size;
        }
    l.size = MAX(ALIGN_UP(at, 8u), 8u); /* rows without columns are counted, too */
    *ret_layout = l;
    return 0;
}

int row_strings_init(RowStrings *strings, MemArena *arena, uint32_t n_columns)
{
    RowDictCopy *dicts = mem_arena_new_array(arena, RowDictCopy, n_columns + 1);
    if (!dicts)
        return mem_arena_error(arena);
    *strings = (RowStrings){.arena = arena, .dicts = dicts, .n_columns = n_columns};
    return 0;
}

static int keep_string(RowStrings *strings, const VecString *s, VecString *ret_copy)
{
    if (s->length <= VEC_STRING_INLINE) {
        *ret_copy = *s;
        return 0;
    }
    char *bytes = mem_arena_alloc(strings->arena, s->length, 1);
    if (!bytes)
        return mem_arena_error(strings->arena);
    memcpy(bytes, s->ptr, s->length);
    *ret_copy = vec_string(bytes, s->length);
    return 0;
}

/* The copies of a dictionary's entries, made when first used. */
static int dict_copy(RowStrings *strings, uint32_t column, const Vector *v, RowDictCopy **ret_copy)
{
    RowDictCopy *copy = &strings->dicts[column];
    if (copy->dict_id != v->dict_id) {
        VecString *entries =
            copy->n >= v->n_dict
                ? copy->entries
                : mem_arena_alloc(strings->arena, sizeof(VecString) * (v->n_dict + 1ull), 16);
        if (!entries)
            return mem_arena_error(strings->arena);
        for (uint32_t i = 0; i < v->n_dict; i++)
            entries[i].length = UINT32_MAX;
        *copy = (RowDictCopy){.dict_id = v->dict_id,
                              .n = copy->n > v->n_dict ? copy->n : v->n_dict,
                              .entries = entries};
    }
    *ret_copy = copy;
    return 0;
}

static int scatter_strings(const RowLayout *l, uint32_t column, const Vector *v,
                           const uint16_t *sel, uint32_t n, uint8_t *rows, RowStrings *strings)
{
    const VecString *values = v->values;
    uint8_t *to = rows + l->offsets[column];
    RowDictCopy *copy = NULL;

    if (v->encoding == VEC_DICT && v->n_dict > 0) {
        int r = dict_copy(strings, column, v, &copy);
        /* Where there is no memory for a note of what was copied, some strings are copied twice. */
        if (r == MEM_E_SPILL || r == MEM_E_REFUSED)
            copy = NULL;
        else if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++, to += l->size) {
        uint32_t row = sel ? sel[i] : i;
        VecString s = {0};
        if (vec_row_is_null(v, row)) {
            memset(to, 0, sizeof(s));
            continue;
        }
        uint32_t at = vec_index(v, row);
        if (values[at].length <= VEC_STRING_INLINE) {
            memcpy(to, &values[at], sizeof(s));
            continue;
        }
        if (copy && copy->entries[at].length != UINT32_MAX) {
            memcpy(to, &copy->entries[at], sizeof(s));
            continue;
        }
        int r = keep_string(strings, &values[at], &s);
        if (r)
            return r;
        if (copy)
            copy->entries[at] = s;
        memcpy(to, &s, sizeof(s));
    }
    return 0;
}

#define SCATTER_AS(T)                                                                              \
    do {                                                                                           \
        const T *from = v->values;                                                                 \
        for (uint32_t i = 0; i < n; i++, to += l->size) {                                          \
            uint32_t row = sel ? sel[i] : i;                                                       \
            T value = from[vec_index(v, row)];                                                     \
            if (v->has_nulls && vec_row_is_null(v, row))                                           \
                memset(&value, 0, sizeof(value));                                                  \
            memcpy(to, &value, sizeof(value));                                                     \
        }                                                                                          \
    } while (0)

int row_scatter(const RowLayout *l, uint32_t column, const Vector *v, const uint16_t *sel,
                uint32_t n, uint8_t *rows, RowStrings *strings)
{
    uint8_t *to = rows + l->offsets[column];

    assert(v->phys == l->phys[column] || (v->phys == PHYS_I64 && l->phys[column] == PHYS_I128));
    if (v->has_nulls)
        for (uint32_t i = 0; i < n; i++)
            if (vec_row_is_null(v, sel ? sel[i] : i))
                row_set_null(l, rows + (size_t)i * l->size, column);

    if (v->phys != l->phys[column]) {
        /* a wide decimal that travelled as 64 bits */
        const int64_t *from = v->values;
        for (uint32_t i = 0; i < n; i++, to += l->size) {
            uint32_t row = sel ? sel[i] : i;
            __int128 value = vec_row_is_null(v, row) ? 0 : from[vec_index(v, row)];
            memcpy(to, &value, sizeof(value));
        }
        return 0;
    }
    switch (v->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        SCATTER_AS(uint8_t);
        return 0;
    case PHYS_I16:
        SCATTER_AS(uint16_t);
        return 0;
    case PHYS_I32:
    case PHYS_F32:
        SCATTER_AS(uint32_t);
        return 0;
    case PHYS_I64:
    case PHYS_F64:
        SCATTER_AS(uint64_t);
        return 0;
    case PHYS_I128:
        SCATTER_AS(__int128);
        return 0;
    case PHYS_STRING:
        return scatter_strings(l, column, v, sel, n, rows, strings);
    default:
        return -EOPNOTSUPP;
    }
}

#define GATHER_AS(T)                                                                               \
    do {                                                                                           \
        T *to = values;                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            T value = 0;                                                                           \
            if (rows[i])                                                                           \
                memcpy(&value, rows[i] + offset, sizeof(value));                                   \
            to[at ? at[i] : i] = value;                                                            \
        }                                                                                          \
    } while (0)

void row_gather(const RowLayout *l, uint32_t column, const uint8_t *const *rows, uint32_t n,
                const uint16_t *at, void *values, uint64_t *valid, Vector *ret_vector)
{
    uint32_t offset = l->offsets[column];
    uint32_t null_byte = l->head + column / 8, null_bit = column % 8;
    bool has_nulls = false;

    switch (phys_size(l->phys[column])) {
    case 1:
        GATHER_AS(uint8_t);
        break;
    case 2:
        GATHER_AS(uint16_t);
        break;
    case 4:
        GATHER_AS(uint32_t);
        break;
    case 8:
        GATHER_AS(uint64_t);
        break;
    default:
        GATHER_AS(__int128);
        break;
    }

    for (uint32_t i = 0; i < n && !has_nulls; i++)
        has_nulls = !rows[i] || (rows[i][null_byte] >> null_bit & 1);
    if (has_nulls) {
        memset(valid, 0xff, VEC_VALID_WORDS * 8);
        for (uint32_t i = 0; i < n; i++)
            if (!rows[i] || (rows[i][null_byte] >> null_bit & 1))
                vec_bit_clear(valid, at ? at[i] : i);
    }
    *ret_vector = (Vector){
        .type = l->types[column],
        .phys = l->phys[column],
        .encoding = VEC_FLAT,
        .has_nulls = has_nulls,
        .values = values,
        .valid = has_nulls ? valid : NULL,
    };
}

bool row_equal(const RowLayout *l, uint32_t column, const Vector *v, uint32_t row,
               const uint8_t *bytes)
{
    bool null = vec_row_is_null(v, row);
    if (null || row_is_null(l, bytes, column))
        return null && row_is_null(l, bytes, column);

    const void *a = vec_value_at(v, row);
    const void *b = bytes + l->offsets[column];
    switch (l->phys[column]) {
    case PHYS_BOOL:
    case PHYS_I8:
        return *(const uint8_t *)a == *(const uint8_t *)b;
    case PHYS_I16:
        return *(const uint16_t *)a == *(const uint16_t *)b;
    case PHYS_I32:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case PHYS_I64:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case PHYS_I128:
        return memcmp(a, b, 16) == 0;
    case PHYS_STRING:
        return vec_string_equal(a, b);
    default:
        return vec_value_compare(l->phys[column], a, b) == 0;
    }
}
