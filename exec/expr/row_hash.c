/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <xxhash.h>

#include "exec/kernel/digest.h"
#include "exec/vec/nested.h"

/* Digests of texts; hash() and xxhash64() of any values. */

static int put_digest(RowCall *c, DigestKind kind)
{
    static const char hex[] = "0123456789abcdef";
    const VecString *text = row_string(c, 0);
    uint8_t bytes[DIGEST_BYTES_MAX];
    char out[2 * DIGEST_BYTES_MAX];
    size_t n = digest(kind, vec_string_data(text), text->length, bytes);

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    return row_set_text(c, out, 2 * n);
}

static int row_md5(RowCall *c)
{
    return put_digest(c, DIGEST_MD5);
}

static int row_bitmap_count(RowCall *c)
{
    const VecString *bytes = row_string(c, 0);
    const char *data = vec_string_data(bytes);
    int64_t n = 0;
    for (uint32_t i = 0; i < bytes->length; i++)
        n += __builtin_popcount((uint8_t)data[i]);
    return row_set_int(c, n);
}

static int row_sha1(RowCall *c)
{
    return put_digest(c, DIGEST_SHA1);
}

static int row_sha2(RowCall *c)
{
    switch (row_int(c, 1)) {
    case 224:
        return put_digest(c, DIGEST_SHA224);
    case 0:
    case 256:
        return put_digest(c, DIGEST_SHA256);
    case 384:
        return put_digest(c, DIGEST_SHA384);
    case 512:
        return put_digest(c, DIGEST_SHA512);
    default:
        return row_set_null(c);
    }
}

/* ---- hashes of values ---- */

/* Both begin with 42 and take the hash so far as the seed; nulls leave it as it is. */
static uint64_t hash_int(bool wide, int32_t x, uint64_t seed)
{
    return wide ? XXH64(&x, sizeof(x), seed)
                : (uint64_t)(uint32_t)murmur3_int(x, (int32_t)(uint32_t)seed);
}

static uint64_t hash_long(bool wide, int64_t x, uint64_t seed)
{
    return wide ? XXH64(&x, sizeof(x), seed)
                : (uint64_t)(uint32_t)murmur3_long(x, (int32_t)(uint32_t)seed);
}

static uint64_t hash_bytes(bool wide, const void *bytes, size_t n, uint64_t seed)
{
    return wide ? XXH64(bytes, n, seed)
                : (uint64_t)(uint32_t)murmur3_bytes(bytes, n, (int32_t)(uint32_t)seed);
}

/* The shortest two's complement, highest byte first. */
static uint64_t hash_decimal(bool wide, i128 x, uint64_t seed)
{
    uint8_t bytes[16];
    size_t from = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((unsigned __int128)x >> 8 * (15 - i));
    while (from < 15 && bytes[from] == (x < 0 ? 0xff : 0) && (bytes[from] ^ bytes[from + 1]) < 0x80)
        from++;
    return hash_bytes(wide, bytes + from, sizeof(bytes) - from, seed);
}

static uint64_t hash_double(bool wide, double d, uint64_t seed)
{
    int64_t bits = INT64_C(0x7ff8000000000000);
    d = d == 0 ? 0 : d;
    if (d == d)
        memcpy(&bits, &d, sizeof(bits));
    return hash_long(wide, bits, seed);
}

static uint64_t hash_float(bool wide, float f, uint64_t seed)
{
    int32_t bits = 0x7fc00000;
    f = f == 0 ? 0 : f;
    if (f == f)
        memcpy(&bits, &f, sizeof(bits));
    return hash_int(wide, bits, seed);
}

/* Types nest NESTED_DEPTH_MAX deep at most. */
static uint64_t hash_value(bool wide, Type type, const NestedItem *item, uint64_t seed)
{
    const NestedValue *v = &item->value;
    NestedItem part;

    if (item->is_null)
        return seed;
    switch ((TypeKind)type.kind) {
    case TYPE_BOOLEAN:
        return hash_int(wide, v->b != 0, seed);
    case TYPE_BYTE:
        return hash_int(wide, v->i8, seed);
    case TYPE_SHORT:
        return hash_int(wide, v->i16, seed);
    case TYPE_FLOAT:
        return hash_float(wide, v->f32, seed);
    case TYPE_DOUBLE:
        return hash_double(wide, v->f64, seed);
    case TYPE_DECIMAL:
        return type.precision > 18 ? hash_decimal(wide, v->i128, seed)
                                   : hash_long(wide, v->i64, seed);
    case TYPE_STRING:
    case TYPE_BINARY:
        return hash_bytes(wide, vec_string_data(&v->s), v->s.length, seed);
    case TYPE_ARRAY:
        for (uint32_t i = 0, n = nested_count(&v->s); i < n; i++) {
            nested_element(type.children[0].type, &v->s, i, &part);
            seed = hash_value(wide, type.children[0].type, &part, seed);
        }
        return seed;
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type.n_children; i++) {
            nested_field(type, &v->s, i, &part);
            seed = hash_value(wide, type.children[i].type, &part, seed);
        }
        return seed;
    default:
        return type_phys(type) == PHYS_I32 ? hash_int(wide, v->i32, seed)
                                           : hash_long(wide, v->i64, seed);
    }
}

static int row_hash(RowCall *c)
{
    bool wide = c->step->function == FN_XXHASH64;
    uint64_t hash = 42;
    NestedItem item;

    for (uint32_t i = 0; i < c->n_args; i++) {
        if (row_null(c, i))
            continue;
        nested_load(c->v[i], c->row, &item);
        hash = hash_value(wide, c->v[i]->type, &item, hash);
    }
    return row_set_int(c, wide ? (int64_t)hash : (int64_t)(int32_t)(uint32_t)hash);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_hash[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(BITMAP_COUNT) = {.row = row_bitmap_count, .flags = ROW_SAFE},
    AT(MD5) = {.row = row_md5, .flags = ROW_SAFE},
    AT(SHA1) = {.row = row_sha1, .flags = ROW_SAFE},
    AT(SHA2) = {.row = row_sha2, .flags = ROW_SAFE},
    AT(HASH) = {.row = row_hash, .flags = ROW_SAFE | ROW_NULLS},
    AT(XXHASH64) = {.row = row_hash, .flags = ROW_SAFE | ROW_NULLS},
};
