/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/ops.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

uint64_t vec_dict_id_next(void)
{
    /* The one counter of the process; a number is never used twice in 2^64. */
    static _Atomic uint64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

#define COMPARE_AS(T)                                                                              \
    do {                                                                                           \
        T x = *(const T *)a, y = *(const T *)b;                                                    \
        return x < y ? -1 : x > y;                                                                 \
    } while (0)

int vec_value_compare(PhysKind phys, const void *a, const void *b)
{
    switch (phys) {
    case PHYS_BOOL:
        COMPARE_AS(uint8_t);
    case PHYS_I8:
        COMPARE_AS(int8_t);
    case PHYS_I16:
        COMPARE_AS(int16_t);
    case PHYS_I32:
        COMPARE_AS(int32_t);
    case PHYS_I64:
        COMPARE_AS(int64_t);
    case PHYS_I128: {
        __int128 x, y;
        memcpy(&x, a, 16);
        memcpy(&y, b, 16);
        return x < y ? -1 : x > y;
    }
    case PHYS_F32:
        return vec_double_compare(*(const float *)a, *(const float *)b);
    case PHYS_F64:
        return vec_double_compare(*(const double *)a, *(const double *)b);
    case PHYS_STRING:
        return vec_string_compare(a, b);
    default:
        assert(false);
        return 0;
    }
}

Vector vec_const_null(Type type)
{
    static uint64_t zeros[4]; /* never written: the value and the bitmap of every constant null */
    return (Vector){
        .type = type,
        .phys = (uint8_t)type_phys(type),
        .encoding = VEC_CONST,
        .has_nulls = true,
        .values = zeros,
        .valid = zeros,
    };
}

#define GATHER_AS(T)                                                                               \
    do {                                                                                           \
        const T *restrict from = v->values;                                                        \
        T *restrict to = values;                                                                   \
        if (v->encoding == VEC_CONST)                                                              \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[0];                                                                   \
        else if (v->encoding == VEC_DICT && sel)                                                   \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[codes[sel[i]]];                                                       \
        else if (v->encoding == VEC_DICT)                                                          \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[codes[i]];                                                            \
        else if (sel)                                                                              \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[sel[i]];                                                              \
        else                                                                                       \
            memcpy(to, from, sizeof(T) * n);                                                       \
    } while (0)

typedef struct Bytes16 {
    uint64_t words[2];
} Bytes16;

bool vec_gather(const Vector *v, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid)
{
    assert(n <= VEC_ROWS_MAX);
    const uint32_t *restrict codes = v->codes;

    switch (phys_size(v->phys)) {
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
    case 16:
        GATHER_AS(Bytes16);
        break;
    default:
        assert(false);
    }

    if (!v->has_nulls)
        return false;
    if (v->encoding != VEC_CONST && !sel) {
        memcpy(valid, v->valid, (n + 63) / 64 * 8);
        return true;
    }
    for (uint32_t w = 0; w * 64 < n; w++) {
        uint64_t bits = 0;
        uint32_t end = n - w * 64 < 64 ? n - w * 64 : 64;
        for (uint32_t i = 0; i < end; i++) {
            uint32_t row = v->encoding == VEC_CONST ? 0 : sel[w * 64 + i];
            bits |= (uint64_t)vec_bit(v->valid, row) << i;
        }
        valid[w] = bits;
    }
    return true;
}

#define FLATTEN_AS(T)                                                                              \
    do {                                                                                           \
        const T *restrict from = v->values;                                                        \
        T *restrict to = values;                                                                   \
        if (v->encoding == VEC_CONST && sel)                                                       \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[sel[i]] = from[0];                                                              \
        else if (v->encoding == VEC_CONST)                                                         \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[0];                                                                   \
        else if (sel)                                                                              \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[sel[i]] = from[codes[sel[i]]];                                                  \
        else                                                                                       \
            for (uint32_t i = 0; i < n; i++)                                                       \
                to[i] = from[codes[i]];                                                            \
    } while (0)

void vec_flatten(const Vector *v, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid,
                 Vector *ret_flat)
{
    assert(n <= VEC_ROWS_MAX);
    if (v->encoding == VEC_FLAT) {
        *ret_flat = *v;
        return;
    }

    const uint32_t *restrict codes = v->codes;
    switch (phys_size(v->phys)) {
    case 1:
        FLATTEN_AS(uint8_t);
        break;
    case 2:
        FLATTEN_AS(uint16_t);
        break;
    case 4:
        FLATTEN_AS(uint32_t);
        break;
    case 8:
        FLATTEN_AS(uint64_t);
        break;
    case 16:
        FLATTEN_AS(Bytes16);
        break;
    default:
        assert(false);
    }

    Vector flat = {
        .type = v->type,
        .phys = v->phys,
        .encoding = VEC_FLAT,
        .has_nulls = v->has_nulls,
        .values = values,
        .valid = v->valid,
    };
    if (v->has_nulls && v->encoding == VEC_CONST) {
        memset(valid, vec_bit(v->valid, 0) ? 0xff : 0, VEC_VALID_WORDS * 8);
        flat.valid = valid;
    }
    *ret_flat = flat;
}

int vec_compact(const Vector *v, const uint16_t *sel, uint32_t n, MemArena *arena, Vector *ret_flat)
{
    void *values = mem_arena_alloc(arena, (size_t)(n ? n : 1) * phys_size(v->phys), 64);
    uint64_t *valid = v->has_nulls ? mem_arena_alloc(arena, (n + 64) / 64 * 8, 64) : NULL;
    if (!values || (v->has_nulls && !valid))
        return mem_arena_error(arena);

    Vector flat = {.type = v->type, .phys = v->phys, .encoding = VEC_FLAT, .values = values};
    if (vec_gather(v, sel, n, values, valid)) {
        flat.has_nulls = true;
        flat.valid = valid;
    }
    *ret_flat = flat;
    return 0;
}

static char *format_i128(__int128 value, uint32_t scale, char *buf, size_t size)
{
    char digits[48];
    uint32_t n = 0;
    unsigned __int128 u = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u || n <= scale);
    size_t at = 0;
    if (value < 0 && at + 1 < size)
        buf[at++] = '-';
    while (n > 0 && at + 1 < size) {
        if (n == scale && scale > 0 && at + 2 < size)
            buf[at++] = '.';
        buf[at++] = digits[--n];
    }
    buf[at] = '\0';
    return buf;
}

char *vec_format(const Vector *v, uint32_t row, char *buf, size_t size)
{
    assert(size > 0);
    if (vec_row_is_null(v, row)) {
        snprintf(buf, size, "NULL");
        return buf;
    }
    const void *p = vec_value_at(v, row);
    uint32_t scale = v->type.kind == TYPE_DECIMAL ? v->type.scale : 0;
    switch (v->phys) {
    case PHYS_BOOL:
        snprintf(buf, size, "%s", *(const uint8_t *)p ? "true" : "false");
        return buf;
    case PHYS_I8:
        return format_i128(*(const int8_t *)p, 0, buf, size);
    case PHYS_I16:
        return format_i128(*(const int16_t *)p, 0, buf, size);
    case PHYS_I32:
        return format_i128(*(const int32_t *)p, 0, buf, size);
    case PHYS_I64:
        return format_i128(*(const int64_t *)p, scale, buf, size);
    case PHYS_I128: {
        __int128 value;
        memcpy(&value, p, 16);
        return format_i128(value, scale, buf, size);
    }
    case PHYS_F32:
        snprintf(buf, size, "%.9g", (double)*(const float *)p);
        return buf;
    case PHYS_F64:
        snprintf(buf, size, "%.17g", *(const double *)p);
        return buf;
    case PHYS_STRING: {
        const VecString *s = p;
        snprintf(buf, size, "%.*s", (int)s->length, vec_string_data(s));
        return buf;
    }
    default:
        snprintf(buf, size, "?");
        return buf;
    }
}
