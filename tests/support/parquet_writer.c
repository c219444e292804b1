/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/parquet_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* --- bytes and compact Thrift ----------------------------------------------------------------- */

typedef struct Out {
    uint8_t *bytes;
    size_t n, n_max;
} Out;

static void put(Out *o, const void *bytes, size_t n)
{
    if (o->n + n > o->n_max) {
        o->n_max = (o->n + n) * 2 + 256;
        o->bytes = realloc(o->bytes, o->n_max);
        if (!o->bytes)
            abort();
    }
    if (n > 0)
        memcpy(o->bytes + o->n, bytes, n);
    o->n += n;
}

static void put_byte(Out *o, uint8_t b)
{
    put(o, &b, 1);
}

static void put_varint(Out *o, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_byte(o, (uint8_t)(v | 0x80));
    put_byte(o, (uint8_t)v);
}

/* Fields come in ascending order, at most 15 apart. */
static void put_field(Out *o, int *last, int id, uint8_t type)
{
    put_byte(o, (uint8_t)((id - *last) << 4 | type));
    *last = id;
}

static void put_number(Out *o, int64_t v)
{
    put_varint(o, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static void put_i32(Out *o, int *last, int id, int64_t v)
{
    put_field(o, last, id, 5);
    put_number(o, v);
}

static void put_i64(Out *o, int *last, int id, int64_t v)
{
    put_field(o, last, id, 6);
    put_number(o, v);
}

static void put_binary(Out *o, int *last, int id, const void *bytes, size_t n)
{
    put_field(o, last, id, 8);
    put_varint(o, n);
    put(o, bytes, n);
}

static void put_list(Out *o, int *last, int id, uint8_t type, uint32_t n)
{
    put_field(o, last, id, 9);
    put_byte(o, (uint8_t)(15 << 4 | type));
    put_varint(o, n);
}

/* --- values ----------------------------------------------------------------------------------- */

typedef struct Value {
    uint8_t bytes[72];
    size_t n;
    int64_t number;
    double real;
    const char *text;
} Value;

static bool is_null(const ParquetWriterColumn *c, uint64_t row)
{
    return c->optional && c->null && c->null(row);
}

static void value_at(const ParquetWriterColumn *c, uint64_t row, Value *v)
{
    char buf[64];
    const char *text;
    uint32_t n;

    switch (c->kind) {
    case WRITE_DOUBLE:
        v->real = c->real(row);
        memcpy(v->bytes, &v->real, 8);
        v->n = 8;
        break;
    case WRITE_STRING:
        text = c->text(row, buf);
        n = (uint32_t)strlen(text);
        memcpy(v->bytes, &n, 4);
        memcpy(v->bytes + 4, text, n);
        v->n = 4 + n;
        break;
    default:
        v->number = c->number(row);
        memcpy(v->bytes, &v->number, 8);
        v->n = c->kind == WRITE_INT64 || c->kind == WRITE_DECIMAL ? 8 : 4;
    }
}

static int compare(const ParquetWriterColumn *c, const Value *a, const Value *b)
{
    size_t n;
    int r;

    switch (c->kind) {
    case WRITE_DOUBLE:
        return a->real < b->real ? -1 : a->real > b->real;
    case WRITE_STRING:
        n = MIN(a->n, b->n) - 4;
        r = memcmp(a->bytes + 4, b->bytes + 4, n);
        return r ? r : a->n < b->n ? -1 : a->n > b->n;
    default:
        return a->number < b->number ? -1 : a->number > b->number;
    }
}

/* --- pages ------------------------------------------------------------------------------------ */

typedef struct Chunk {
    uint64_t offset, data_offset, n_bytes, n_values, n_nulls;
    bool has_bounds;
    Value min, max;
} Chunk;

typedef struct Dictionary {
    Value *values;
    uint32_t n;
} Dictionary;

static uint32_t dictionary_code(Dictionary *d, const Value *v)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->values[i].n == v->n && memcmp(d->values[i].bytes, v->bytes, v->n) == 0)
            return i;
    d->values = realloc(d->values, (d->n + 1) * sizeof(Value));
    if (!d->values)
        abort();
    d->values[d->n] = *v;
    return d->n++;
}

static void put_page(Out *file, int type, const Out *body, uint64_t n_values, int encoding)
{
    int last = 0, inner = 0;

    put_i32(file, &last, 1, type);
    put_i32(file, &last, 2, (int64_t)body->n);
    put_i32(file, &last, 3, (int64_t)body->n);
    put_field(file, &last, type == 2 ? 7 : 5, 12);
    put_i32(file, &inner, 1, (int64_t)n_values);
    put_i32(file, &inner, 2, encoding);
    if (type == 0) {
        put_i32(file, &inner, 3, 3);
        put_i32(file, &inner, 4, 3);
    }
    put_byte(file, 0);
    put_byte(file, 0);
    put(file, body->bytes, body->n);
}

/* One run per value: the plainest form of the hybrid. */
static void put_levels(Out *body, const ParquetWriterColumn *c, uint64_t first, uint64_t n)
{
    Out levels = {0};
    uint32_t n_levels;

    for (uint64_t i = 0; i < n; i++) {
        put_varint(&levels, 1 << 1);
        put_byte(&levels, !is_null(c, first + i));
    }
    n_levels = (uint32_t)levels.n;
    put(body, &n_levels, 4);
    put(body, levels.bytes, levels.n);
    free(levels.bytes);
}

static void put_codes(Out *body, const uint32_t *codes, uint64_t n, uint32_t n_dict)
{
    uint32_t width = 1;
    uint64_t groups = (n + 7) / 8;
    uint8_t *packed;

    while (width < 32 && n_dict > 1u << width)
        width++;
    packed = calloc(groups * width + 1, 1);
    if (!packed)
        abort();
    for (uint64_t i = 0; i < n; i++)
        for (uint32_t b = 0; b < width; b++)
            if (codes[i] >> b & 1)
                packed[(i * width + b) / 8] |= (uint8_t)(1u << (i * width + b) % 8);
    put_byte(body, (uint8_t)width);
    put_varint(body, groups << 1 | 1);
    put(body, packed, groups * width);
    free(packed);
}

static void note_value(const ParquetWriterColumn *c, const Value *v, Chunk *chunk)
{
    if (!chunk->has_bounds || compare(c, v, &chunk->min) < 0)
        chunk->min = *v;
    if (!chunk->has_bounds || compare(c, v, &chunk->max) > 0)
        chunk->max = *v;
    chunk->has_bounds = true;
}

static void put_chunk(Out *file, const ParquetWriterColumn *c, uint64_t first, uint64_t n,
                      uint64_t per_page, Chunk *chunk)
{
    uint32_t *codes = calloc(n + 1, sizeof(*codes));
    Dictionary dictionary = {0};
    Out body = {0};
    Value v = {0};

    *chunk = (Chunk){.offset = file->n, .n_values = n};
    for (uint64_t i = 0; i < n; i++) {
        if (is_null(c, first + i)) {
            chunk->n_nulls++;
            continue;
        }
        value_at(c, first + i, &v);
        note_value(c, &v, chunk);
        if (c->dictionary)
            codes[i] = dictionary_code(&dictionary, &v);
    }
    if (c->dictionary) {
        for (uint32_t i = 0; i < dictionary.n; i++)
            put(&body, dictionary.values[i].bytes, dictionary.values[i].n);
        put_page(file, 2, &body, dictionary.n, 0);
    }
    chunk->data_offset = file->n;
    for (uint64_t at = 0; at < n; at += per_page) {
        uint64_t m = MIN(per_page, n - at), k = 0;
        uint32_t *dense = calloc(m + 1, sizeof(*dense));

        body.n = 0;
        if (c->optional)
            put_levels(&body, c, first + at, m);
        for (uint64_t i = 0; i < m; i++) {
            if (is_null(c, first + at + i))
                continue;
            dense[k++] = codes[at + i];
            if (!c->dictionary) {
                value_at(c, first + at + i, &v);
                put(&body, v.bytes, v.n);
            }
        }
        if (c->dictionary)
            put_codes(&body, dense, k, dictionary.n);
        put_page(file, 0, &body, m, c->dictionary ? 8 : 0);
        free(dense);
    }
    chunk->n_bytes = file->n - chunk->offset;
    free(body.bytes);
    free(dictionary.values);
    free(codes);
}

/* --- footer ----------------------------------------------------------------------------------- */

static int physical(const ParquetWriterColumn *c)
{
    static const int table[] = {
        [WRITE_INT32] = 1,  [WRITE_INT64] = 2, [WRITE_DOUBLE] = 5,
        [WRITE_STRING] = 6, [WRITE_DATE] = 1,  [WRITE_DECIMAL] = 2,
    };

    return table[c->kind];
}

static void put_schema(Out *o, const ParquetWriterColumn *columns, uint32_t n)
{
    int last = 0;

    put_binary(o, &last, 4, "schema", 6);
    put_i32(o, &last, 5, n);
    put_byte(o, 0);
    for (uint32_t i = 0; i < n; i++) {
        const ParquetWriterColumn *c = &columns[i];

        last = 0;
        put_i32(o, &last, 1, physical(c));
        put_i32(o, &last, 3, c->optional ? 1 : 0);
        put_binary(o, &last, 4, c->name, strlen(c->name));
        if (c->kind == WRITE_STRING)
            put_i32(o, &last, 6, 0);
        if (c->kind == WRITE_DATE)
            put_i32(o, &last, 6, 6);
        if (c->kind == WRITE_DECIMAL) {
            put_i32(o, &last, 6, 5);
            put_i32(o, &last, 7, 2);
            put_i32(o, &last, 8, 15);
        }
        put_byte(o, 0);
    }
}

static void put_statistics(Out *o, const ParquetWriterColumn *c, const Chunk *chunk)
{
    size_t skip = c->kind == WRITE_STRING ? 4 : 0;
    int last = 0;

    put_i64(o, &last, 3, (int64_t)chunk->n_nulls);
    if (chunk->has_bounds) {
        put_binary(o, &last, 5, chunk->max.bytes + skip, chunk->max.n - skip);
        put_binary(o, &last, 6, chunk->min.bytes + skip, chunk->min.n - skip);
    }
    put_byte(o, 0);
}

static void put_chunk_meta(Out *o, const ParquetWriterColumn *c, const Chunk *chunk)
{
    int outer = 0, last = 0, inner = 0;

    put_i64(o, &outer, 2, (int64_t)chunk->offset);
    put_field(o, &outer, 3, 12);
    put_i32(o, &last, 1, physical(c));
    put_list(o, &last, 2, 5, 1);
    put_number(o, c->dictionary ? 8 : 0);
    put_list(o, &last, 3, 8, 1);
    put_varint(o, strlen(c->name));
    put(o, c->name, strlen(c->name));
    put_i32(o, &last, 4, 0);
    put_i64(o, &last, 5, (int64_t)chunk->n_values);
    put_i64(o, &last, 6, (int64_t)chunk->n_bytes);
    put_i64(o, &last, 7, (int64_t)chunk->n_bytes);
    put_i64(o, &last, 9, (int64_t)chunk->data_offset);
    if (c->dictionary)
        put_i64(o, &last, 11, (int64_t)chunk->offset);
    if (!c->no_statistics) {
        put_field(o, &last, 12, 12);
        put_statistics(o, c, chunk);
    }
    put_list(o, &last, 13, 12, 1);
    put_i32(o, &inner, 1, 0);
    put_i32(o, &inner, 2, c->dictionary ? 8 : 0);
    put_i32(o, &inner, 3, 1);
    put_byte(o, 0);
    put_byte(o, 0);
    put_byte(o, 0);
}

uint8_t *parquet_write(const ParquetWriterColumn *columns, uint32_t n_columns, uint64_t n_rows,
                       uint64_t rows_per_group, uint64_t rows_per_page, size_t *ret_n)
{
    uint64_t n_groups = (n_rows + rows_per_group - 1) / rows_per_group;
    Chunk *chunks = calloc(n_groups * n_columns + 1, sizeof(*chunks));
    Out file = {0};
    uint32_t n_footer;
    size_t footer;
    int last = 0;

    if (!chunks)
        abort();
    put(&file, "PAR1", 4);
    for (uint64_t g = 0; g < n_groups; g++)
        for (uint32_t i = 0; i < n_columns; i++)
            put_chunk(&file, &columns[i], g * rows_per_group,
                      MIN(rows_per_group, n_rows - g * rows_per_group), rows_per_page,
                      &chunks[g * n_columns + i]);
    footer = file.n;
    put_i32(&file, &last, 1, 1);
    put_list(&file, &last, 2, 12, n_columns + 1);
    put_schema(&file, columns, n_columns);
    put_i64(&file, &last, 3, (int64_t)n_rows);
    put_list(&file, &last, 4, 12, (uint32_t)n_groups);
    for (uint64_t g = 0; g < n_groups; g++) {
        int inner = 0;

        put_list(&file, &inner, 1, 12, n_columns);
        for (uint32_t i = 0; i < n_columns; i++)
            put_chunk_meta(&file, &columns[i], &chunks[g * n_columns + i]);
        put_i64(&file, &inner, 2, 1);
        put_i64(&file, &inner, 3, (int64_t)MIN(rows_per_group, n_rows - g * rows_per_group));
        put_byte(&file, 0);
    }
    put_byte(&file, 0);
    n_footer = (uint32_t)(file.n - footer);
    put(&file, &n_footer, 4);
    put(&file, "PAR1", 4);
    free(chunks);
    *ret_n = file.n;
    return file.bytes;
}
