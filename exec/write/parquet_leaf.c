/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/parquet_leaf.h"

#include <errno.h>
#include <libdeflate.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet_internal.h"
#include "exec/write/thrift_writer.h"

#define SLOTS_FIRST 256u
#define KEEP_BYTES ((size_t)256 << 10) /* of a buffer, from one row group to the next */

/* Bytes of a decimal of more than 18 digits, by precision. */
static uint8_t decimal_width(uint8_t precision)
{
    __int128 limit = 1;
    for (uint8_t i = 0; i < precision; i++)
        limit *= 10;
    uint8_t n = 1;
    while (n < 16 && limit - 1 > ((__int128)1 << (8 * n - 1)) - 1)
        n++;
    return n;
}

ParquetPhysical leaf_physical(Type type, uint8_t *ret_width)
{
    switch (type_phys(type)) {
    case PHYS_BOOL:
        *ret_width = 1;
        return PARQUET_BOOLEAN;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
        *ret_width = 4;
        return PARQUET_INT32;
    case PHYS_I64:
        if (type.kind == TYPE_DECIMAL && type.precision <= 9) {
            *ret_width = 4;
            return PARQUET_INT32;
        }
        *ret_width = 8;
        return PARQUET_INT64;
    case PHYS_I128:
        *ret_width = decimal_width(type.precision);
        return PARQUET_FIXED;
    case PHYS_F32:
        *ret_width = 4;
        return PARQUET_FLOAT;
    case PHYS_F64:
        *ret_width = 8;
        return PARQUET_DOUBLE;
    default:
        *ret_width = 0;
        return PARQUET_BYTE_ARRAY;
    }
}

void leaf_init(Leaf *leaf, MemPool *pool, Type type, uint8_t max_def, uint8_t max_rep,
               WriteCodec codec, Compressor *compressor, Bytes *body, Bytes *packed)
{
    *leaf = (Leaf){.type = type,
                   .max_def = max_def,
                   .max_rep = max_rep,
                   .codec = codec,
                   .pool = pool,
                   .compressor = compressor,
                   .body = body,
                   .packed = packed};
    leaf->physical = (uint8_t)leaf_physical(type, &leaf->width);
    leaf->dictionary = leaf->physical != PARQUET_BOOLEAN;
    Bytes *const all[] = {&leaf->def,   &leaf->rep,     &leaf->values,
                          &leaf->codes, &leaf->entries, &leaf->offsets,
                          &leaf->table, &leaf->pages,   &leaf->page_list};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        bytes_init(all[i], pool);
}

void leaf_done(Leaf *leaf)
{
    Bytes *const all[] = {&leaf->def,   &leaf->rep,     &leaf->values,
                          &leaf->codes, &leaf->entries, &leaf->offsets,
                          &leaf->table, &leaf->pages,   &leaf->page_list};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        bytes_done(all[i]);
}

static void forget(Bytes *b)
{
    b->n = 0;
    if (b->capacity > KEEP_BYTES)
        bytes_done(b);
}

void leaf_reset(Leaf *leaf)
{
    Bytes *const all[] = {&leaf->def,   &leaf->rep,     &leaf->values,
                          &leaf->codes, &leaf->entries, &leaf->offsets,
                          &leaf->table, &leaf->pages,   &leaf->page_list};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        forget(all[i]);
    leaf->n_levels = leaf->n_rows = leaf->n_nulls = 0;
    leaf->bounds = (LeafBounds){0};
    leaf->dictionary = leaf->physical != PARQUET_BOOLEAN;
    leaf->n_entries = leaf->n_slots = 0;
    leaf->n_dictionary_pages = leaf->n_plain_pages = 0;
    leaf->n_values = leaf->n_rows_done = leaf->n_nulls_done = leaf->n_uncompressed = 0;
}

uint64_t leaf_bytes(const Leaf *leaf)
{
    return leaf->def.n + leaf->rep.n + leaf->values.n + leaf->codes.n + leaf->entries.n +
           leaf->offsets.n + leaf->table.n + leaf->pages.n + leaf->page_list.n;
}

/* ---- levels and codes: runs and bit-packed groups of eight ---- */

static int put_varint(Bytes *to, uint32_t v)
{
    uint8_t bytes[5];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    return bytes_add(to, bytes, n);
}

static inline uint32_t number_at(const uint8_t *data, uint32_t size, uint32_t i)
{
    uint32_t v;
    if (size == 1)
        return data[i];
    memcpy(&v, data + 4 * (size_t)i, 4);
    return v;
}

static int put_packed(Bytes *to, const uint8_t *data, uint32_t size, uint32_t first, uint32_t n,
                      uint32_t width)
{
    if (n == 0)
        return 0;
    uint32_t groups = (n + 7) / 8;
    int r = put_varint(to, groups << 1 | 1);
    if (r == 0)
        r = bytes_reserve(to, (size_t)groups * width);
    if (r != 0)
        return r;
    uint64_t bits = 0;
    uint32_t n_bits = 0;
    for (uint32_t i = 0; i < groups * 8; i++) {
        bits |= (uint64_t)(i < n ? number_at(data, size, first + i) : 0) << n_bits;
        for (n_bits += width; n_bits >= 8; n_bits -= 8) {
            to->data[to->n++] = (uint8_t)bits;
            bits >>= 8;
        }
    }
    return 0;
}

static int put_run(Bytes *to, uint32_t value, uint32_t n, uint32_t width)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    int r = put_varint(to, n << 1);
    return r ? r : bytes_add(to, bytes, (width + 7) / 8);
}

/* @size: bytes of a number in @data, 1 or 4. */
static int put_hybrid(Bytes *to, const uint8_t *data, uint32_t size, uint32_t n, uint32_t width)
{
    uint32_t literal = 0, i = 0;
    int r = 0;
    while (r == 0 && i < n) {
        uint32_t value = number_at(data, size, i), run = 1;
        while (i + run < n && number_at(data, size, i + run) == value)
            run++;
        if (run < 8) {
            i += MIN(8u, n - i);
            continue;
        }
        r = put_packed(to, data, size, literal, i - literal, width);
        if (r == 0)
            r = put_run(to, value, run, width);
        i += run;
        literal = i;
    }
    return r ? r : put_packed(to, data, size, literal, n - literal, width);
}

static uint32_t bits_of(uint32_t max)
{
    return max ? 32 - (uint32_t)__builtin_clz(max) : 0;
}

/* Levels of a page of version 1: with their length in front. */
static int put_levels(Bytes *to, const Bytes *levels, uint32_t n, uint8_t max)
{
    if (max == 0)
        return 0;
    uint32_t length = 0;
    size_t at = to->n;
    int r = bytes_add(to, &length, 4);
    if (r == 0)
        r = put_hybrid(to, levels->data, 1, n, bits_of(max));
    if (r == 0) {
        length = (uint32_t)(to->n - at - 4);
        memcpy(to->data + at, &length, 4);
    }
    return r;
}

/* ---- dictionary ---- */

static const uint8_t *entry(const Leaf *leaf, uint32_t i, uint32_t *ret_n)
{
    uint32_t at, n;
    if (leaf->width > 0) {
        *ret_n = leaf->width;
        return leaf->entries.data + (size_t)i * leaf->width;
    }
    memcpy(&at, leaf->offsets.data + 4 * (size_t)i, 4);
    memcpy(&n, leaf->entries.data + at, 4);
    *ret_n = n + 4;
    return leaf->entries.data + at;
}

static uint64_t hash_plain(const uint8_t *data, size_t n)
{
    return XXH3_64bits(data, n);
}

static int dictionary_rehash(Leaf *leaf)
{
    uint32_t n = leaf->n_slots ? leaf->n_slots * 2 : SLOTS_FIRST;
    leaf->table.n = 0;
    int r = bytes_reserve(&leaf->table, (size_t)n * 4);
    if (r != 0)
        return r;
    leaf->table.n = (size_t)n * 4;
    memset(leaf->table.data, 0, leaf->table.n);
    uint32_t *slots = (uint32_t *)(void *)leaf->table.data;
    for (uint32_t i = 0; i < leaf->n_entries; i++) {
        uint32_t n_plain;
        const uint8_t *plain = entry(leaf, i, &n_plain);
        uint32_t at = (uint32_t)hash_plain(plain, n_plain) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    leaf->n_slots = n;
    return 0;
}

/* The code of a value, which is added when it is new. */
static int dictionary_code(Leaf *leaf, const uint8_t *plain, uint32_t n, uint32_t *ret_code)
{
    int r = (leaf->n_entries + 1) * 2 > leaf->n_slots ? dictionary_rehash(leaf) : 0;
    if (r != 0)
        return r;
    uint32_t *slots = (uint32_t *)(void *)leaf->table.data, mask = leaf->n_slots - 1;
    uint32_t at = (uint32_t)hash_plain(plain, n) & mask;
    for (; slots[at]; at = (at + 1) & mask) {
        uint32_t n_other;
        const uint8_t *other = entry(leaf, slots[at] - 1, &n_other);
        if (n_other == n && memcmp(other, plain, n) == 0) {
            *ret_code = slots[at] - 1;
            return 0;
        }
    }
    uint32_t begin = (uint32_t)leaf->entries.n;
    r = leaf->width == 0 ? bytes_reserve(&leaf->offsets, 4) : 0;
    if (r == 0)
        r = bytes_add(&leaf->entries, plain, n);
    if (r != 0)
        return r;
    if (leaf->width == 0)
        (void)bytes_add(&leaf->offsets, &begin, 4);
    *ret_code = leaf->n_entries++;
    slots[at] = leaf->n_entries;
    return 0;
}

/* The open page as it would be without the dictionary, and no more entries from here on. */
static int dictionary_leave(Leaf *leaf)
{
    uint32_t n = (uint32_t)(leaf->codes.n / 4);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_plain;
        const uint8_t *plain = entry(leaf, number_at(leaf->codes.data, 4, i), &n_plain);
        int r = bytes_add(&leaf->values, plain, n_plain);
        if (r != 0)
            return r;
    }
    leaf->dictionary = false;
    leaf->codes.n = 0;
    leaf->n_slots = 0;
    forget(&leaf->table);
    if (leaf->n_dictionary_pages > 0)
        return 0;
    leaf->n_entries = 0;
    forget(&leaf->entries);
    forget(&leaf->offsets);
    return 0;
}

/* Bytes of the first page's values without a dictionary, against with. */
static bool dictionary_pays(const Leaf *leaf)
{
    uint32_t n = (uint32_t)(leaf->codes.n / 4);
    uint64_t plain = 0;
    if (leaf->width > 0) {
        plain = (uint64_t)n * leaf->width;
    } else {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t n_plain;
            (void)entry(leaf, number_at(leaf->codes.data, 4, i), &n_plain);
            plain += n_plain;
        }
    }
    uint64_t codes = (uint64_t)n * bits_of(leaf->n_entries ? leaf->n_entries - 1 : 0) / 8;
    return leaf->entries.n + codes < plain;
}

/* ---- pages ---- */

static int put_booleans(Bytes *to, const Bytes *values)
{
    size_t n = (values->n + 7) / 8;
    int r = bytes_reserve(to, n);
    if (r != 0)
        return r;
    memset(to->data + to->n, 0, n);
    for (size_t i = 0; i < values->n; i++)
        to->data[to->n + i / 8] |= (uint8_t)(values->data[i] << (i & 7));
    to->n += n;
    return 0;
}

static int put_values(Leaf *leaf, Bytes *to)
{
    if (leaf->codes.n > 0) {
        uint8_t width = (uint8_t)bits_of(leaf->n_entries ? leaf->n_entries - 1 : 0);
        int r = bytes_add(to, &width, 1);
        return r ? r : put_hybrid(to, leaf->codes.data, 4, (uint32_t)(leaf->codes.n / 4), width);
    }
    return leaf->physical == PARQUET_BOOLEAN ? put_booleans(to, &leaf->values)
                                             : bytes_add(to, leaf->values.data, leaf->values.n);
}

/* Header and compressed body behind what is in @to. @body->n was filled by the caller. */
static int put_page(Leaf *leaf, Bytes *to, int32_t kind, uint32_t n_levels, int32_t encoding,
                    uint64_t *uncompressed)
{
    leaf->packed->n = 0;
    if (leaf->body->n > PARQUET_PAGE_BYTES_MAX)
        return -EMSGSIZE; /* one row of an array; readers refuse such pages, ours first of all */
    int r =
        compress_add(leaf->compressor, leaf->codec, leaf->body->data, leaf->body->n, leaf->packed);
    if (r != 0)
        return r;
    size_t begin = to->n;
    ThriftWriter w = thrift_writer(to);
    thrift_put_i32(&w, 1, kind);
    thrift_put_i32(&w, 2, (int32_t)leaf->body->n);
    thrift_put_i32(&w, 3, (int32_t)leaf->packed->n);
    thrift_put_i32(&w, 4, (int32_t)libdeflate_crc32(0, leaf->packed->data, leaf->packed->n));
    thrift_begin(&w, kind == PARQUET_PAGE_DATA ? 5 : 7);
    thrift_put_i32(&w, 1, (int32_t)n_levels);
    thrift_put_i32(&w, 2, encoding);
    if (kind == PARQUET_PAGE_DATA) {
        thrift_put_i32(&w, 3, PARQUET_RLE);
        thrift_put_i32(&w, 4, PARQUET_RLE);
    }
    thrift_end(&w);
    uint8_t stop = THRIFT_STOP;
    thrift_put_bytes(&w, &stop, 1);
    *uncompressed += to->n - begin + leaf->body->n;
    thrift_put_bytes(&w, leaf->packed->data, leaf->packed->n);
    if (w.result != 0)
        to->n = begin;
    return w.result;
}

int leaf_dictionary_page(Leaf *leaf, Bytes *to, uint64_t *ret_uncompressed)
{
    leaf->body->n = 0;
    int r = bytes_add(leaf->body, leaf->entries.data, leaf->entries.n);
    *ret_uncompressed = 0;
    return r ? r
             : put_page(leaf, to, PARQUET_PAGE_DICTIONARY, leaf->n_entries, PARQUET_PLAIN,
                        ret_uncompressed);
}

int leaf_finish_page(Leaf *leaf)
{
    if (leaf->n_levels == 0)
        return 0;
    int r = 0;
    if (leaf->codes.n > 0 && leaf->n_dictionary_pages == 0 && !dictionary_pays(leaf))
        r = dictionary_leave(leaf);
    bool codes = leaf->codes.n > 0; /* a page of nulls needs no dictionary */
    leaf->body->n = 0;
    if (r == 0)
        r = put_levels(leaf->body, &leaf->rep, leaf->n_levels, leaf->max_rep);
    if (r == 0)
        r = put_levels(leaf->body, &leaf->def, leaf->n_levels, leaf->max_def);
    if (r == 0)
        r = put_values(leaf, leaf->body);
    if (r == 0)
        r = bytes_reserve(&leaf->page_list, sizeof(LeafPage));
    LeafPage page = {.offset = leaf->pages.n,
                     .n_levels = leaf->n_levels,
                     .n_nulls = leaf->n_nulls,
                     .first_row = leaf->n_rows_done,
                     .bounds = leaf->bounds};
    if (r == 0)
        r = put_page(leaf, &leaf->pages, PARQUET_PAGE_DATA, leaf->n_levels,
                     codes ? PARQUET_RLE_DICTIONARY : PARQUET_PLAIN, &leaf->n_uncompressed);
    if (r != 0)
        return r;
    page.n_bytes = (uint32_t)(leaf->pages.n - page.offset);
    (void)bytes_add(&leaf->page_list, &page, sizeof(page));
    *(codes ? &leaf->n_dictionary_pages : &leaf->n_plain_pages) += 1;
    leaf->n_values += leaf->n_levels;
    leaf->n_nulls_done += leaf->n_nulls;
    leaf->n_rows_done += leaf->n_rows;
    leaf->n_levels = leaf->n_rows = leaf->n_nulls = 0;
    leaf->def.n = leaf->rep.n = leaf->values.n = leaf->codes.n = 0;
    leaf->bounds = (LeafBounds){0};
    return 0;
}

/* ---- values ---- */

int leaf_begin_row(Leaf *leaf)
{
    int r = 0;
    if (leaf->values.n + leaf->codes.n >= PARQUET_WRITE_PAGE_BYTES ||
        leaf->n_rows >= PARQUET_WRITE_PAGE_ROWS || leaf->n_levels >= PARQUET_WRITE_PAGE_BYTES)
        r = leaf_finish_page(leaf);
    if (r == 0)
        leaf->n_rows++;
    return r;
}

static int add_levels(Leaf *leaf, uint8_t rep, uint8_t def)
{
    int r = leaf->max_def ? bytes_reserve(&leaf->def, 1) : 0;
    if (r == 0 && leaf->max_rep)
        r = bytes_add(&leaf->rep, &rep, 1);
    if (r == 0 && leaf->max_def)
        leaf->def.data[leaf->def.n++] = def;
    leaf->n_levels += r == 0;
    return r;
}

int leaf_add_null(Leaf *leaf, uint8_t rep, uint8_t def)
{
    leaf->n_nulls++;
    return add_levels(leaf, rep, def);
}

/* The PLAIN form of a value of fixed width. */
static void plain_fixed(const Leaf *leaf, const NestedValue *v, uint8_t *to)
{
    int32_t narrow;
    switch (type_phys(leaf->type)) {
    case PHYS_BOOL:
        to[0] = v->b & 1;
        return;
    case PHYS_I8:
        narrow = v->i8;
        break;
    case PHYS_I16:
        narrow = v->i16;
        break;
    case PHYS_I64:
        if (leaf->physical == PARQUET_INT64) {
            memcpy(to, &v->i64, 8);
            return;
        }
        narrow = (int32_t)v->i64;
        break;
    case PHYS_I128:
        for (uint32_t i = 0; i < leaf->width; i++)
            to[i] = (uint8_t)(v->i128 >> 8 * (leaf->width - 1 - i));
        return;
    default:
        memcpy(to, v, leaf->width);
        return;
    }
    memcpy(to, &narrow, 4);
}

static int add_plain(Leaf *leaf, const uint8_t *plain, uint32_t n)
{
    uint32_t code;
    int r = 0;
    if (leaf->dictionary && leaf->entries.n + n > PARQUET_WRITE_DICTIONARY_BYTES)
        r = dictionary_leave(leaf);
    if (r != 0 || !leaf->dictionary)
        return r ? r : bytes_add(&leaf->values, plain, n);
    r = bytes_reserve(&leaf->codes, 4);
    if (r == 0)
        r = dictionary_code(leaf, plain, n, &code);
    return r ? r : bytes_add(&leaf->codes, &code, 4);
}

static int add_string(Leaf *leaf, const VecString *s)
{
    if (s->length > PARQUET_WRITE_VALUE_BYTES)
        return -EMSGSIZE;
    /* Length and bytes as they will stand: the scratch of the page is free meanwhile. */
    leaf->body->n = 0;
    int r = bytes_reserve(leaf->body, (size_t)s->length + 4);
    if (r != 0)
        return r;
    memcpy(leaf->body->data, &s->length, 4);
    memcpy(leaf->body->data + 4, vec_string_data(s), s->length);
    return add_plain(leaf, leaf->body->data, s->length + 4);
}

int leaf_add_value(Leaf *leaf, uint8_t rep, const NestedValue *value)
{
    uint8_t plain[16];
    int r;
    if (leaf->width == 0) {
        r = add_string(leaf, &value->s);
    } else {
        plain_fixed(leaf, value, plain);
        r = add_plain(leaf, plain, leaf->width);
    }
    if (r != 0)
        return r;
    bounds_add(&leaf->bounds, leaf->type, value);
    return add_levels(leaf, rep, leaf->max_def);
}
