/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/parquet_footer.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet_internal.h"
#include "exec/write/thrift_writer.h"

/* Page indexes, and the footer: schema, row groups, Spark's own description of the schema.
 * Source: parquet-format, parquet.thrift; PageIndex.md. */

#ifndef BERTH_VERSION
#define BERTH_VERSION "0"
#endif
#define SPARK_SCHEMA_KEY "org.apache.spark.sql.parquet.row.metadata"

/* ---- page indexes ---- */

enum { ORDER_NONE = 0, ORDER_ASCENDING = 1, ORDER_DESCENDING = 2 };

static int32_t boundary_order(const Leaf *leaf, const LeafPage *pages, uint32_t n)
{
    const LeafBounds *before = NULL;
    bool up = true, down = true;
    for (uint32_t i = 0; i < n; i++) {
        const LeafBounds *b = &pages[i].bounds;
        if (!b->any)
            continue;
        if (before) {
            int low = bounds_compare_min(leaf, before, b),
                high = bounds_compare_max(leaf, before, b);
            up &= low <= 0 && high <= 0;
            down &= low >= 0 && high >= 0;
        }
        before = b;
    }
    return up ? ORDER_ASCENDING : down ? ORDER_DESCENDING : ORDER_NONE;
}

static void put_bounds(ThriftWriter *w, const Leaf *leaf, const LeafPage *pages, uint32_t n,
                       bool max)
{
    thrift_put_list(w, max ? 3 : 2, THRIFT_BINARY, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t buf[PARQUET_WRITE_BOUND];
        bool exact;
        int k = leaf_bound(leaf, &pages[i].bounds, max, buf, &exact);
        thrift_put_string(w, buf, k > 0 ? (size_t)k : 0);
    }
}

/* A page that has values must have bounds, or there is no index for the chunk. */
static bool has_bounds(const Leaf *leaf, const LeafPage *pages, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint8_t buf[PARQUET_WRITE_BOUND];
        bool exact;
        if (pages[i].n_nulls < pages[i].n_levels &&
            (leaf_bound(leaf, &pages[i].bounds, false, buf, &exact) < 0 ||
             leaf_bound(leaf, &pages[i].bounds, true, buf, &exact) < 0))
            return false;
    }
    return true;
}

static void put_column_index(ThriftWriter *w, const Leaf *leaf, const LeafPage *pages, uint32_t n)
{
    thrift_put_list(w, 1, THRIFT_TRUE, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t null_page = pages[i].n_nulls == pages[i].n_levels ? THRIFT_TRUE : THRIFT_FALSE;
        thrift_put_bytes(w, &null_page, 1);
    }
    put_bounds(w, leaf, pages, n, false);
    put_bounds(w, leaf, pages, n, true);
    thrift_put_i32(w, 4, boundary_order(leaf, pages, n));
    thrift_put_list(w, 5, THRIFT_I64, n);
    for (uint32_t i = 0; i < n; i++)
        thrift_put_zigzag(w, pages[i].n_nulls);
}

int footer_add_index(ParquetOut *p, const Leaf *leaf, uint64_t begin, ChunkMeta *chunk)
{
    const LeafPage *pages = (const LeafPage *)(const void *)leaf->page_list.data;
    uint32_t n = (uint32_t)(leaf->page_list.n / sizeof(*pages));
    uint8_t stop = THRIFT_STOP;
    chunk->column_index = p->indexes.n;
    ThriftWriter w = thrift_writer(&p->indexes);
    if (has_bounds(leaf, pages, n)) {
        put_column_index(&w, leaf, pages, n);
        thrift_put_bytes(&w, &stop, 1);
    }
    chunk->n_column_index = (uint32_t)(p->indexes.n - chunk->column_index);
    chunk->offset_index = p->indexes.n;
    w.last[0] = 0;
    thrift_put_list(&w, 1, THRIFT_STRUCT, n);
    for (uint32_t i = 0; i < n; i++) {
        thrift_begin_element(&w);
        thrift_put_i64(&w, 1, (int64_t)(begin + pages[i].offset));
        thrift_put_i32(&w, 2, (int32_t)pages[i].n_bytes);
        thrift_put_i64(&w, 3, (int64_t)pages[i].first_row);
        thrift_end(&w);
    }
    thrift_put_bytes(&w, &stop, 1);
    chunk->n_offset_index = (uint32_t)(p->indexes.n - chunk->offset_index);
    return w.result;
}

/* ---- the schema ---- */

enum { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };

/* Annotations, old and new, of a leaf. */
static void put_annotation(ThriftWriter *w, Type type)
{
    switch (type.kind) {
    case TYPE_BYTE:
    case TYPE_SHORT:
        thrift_put_i32(w, 6, type.kind == TYPE_BYTE ? 15 : 16);
        thrift_begin(w, 10);
        thrift_begin(w, 10);
        thrift_field(w, 1, THRIFT_I8);
        thrift_put_bytes(w, type.kind == TYPE_BYTE ? "\x08" : "\x10", 1);
        thrift_put_bool(w, 2, true);
        break;
    case TYPE_STRING:
        thrift_put_i32(w, 6, 0);
        thrift_begin(w, 10);
        thrift_begin(w, 1);
        break;
    case TYPE_DATE:
        thrift_put_i32(w, 6, 6);
        thrift_begin(w, 10);
        thrift_begin(w, 6);
        break;
    case TYPE_DECIMAL:
        thrift_put_i32(w, 6, 5);
        thrift_put_i32(w, 7, type.scale);
        thrift_put_i32(w, 8, type.precision);
        thrift_begin(w, 10);
        thrift_begin(w, 5);
        thrift_put_i32(w, 1, type.scale);
        thrift_put_i32(w, 2, type.precision);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        if (type.kind == TYPE_TIMESTAMP)
            thrift_put_i32(w, 6, 10);
        thrift_begin(w, 10);
        thrift_begin(w, 8);
        thrift_put_bool(w, 1, type.kind == TYPE_TIMESTAMP);
        thrift_begin(w, 2);
        thrift_begin(w, 2); /* micros */
        thrift_end(w);
        thrift_end(w);
        break;
    default:
        return;
    }
    thrift_end(w);
    thrift_end(w);
}

static void put_leaf_element(ThriftWriter *w, const char *name, Type type, int32_t repetition)
{
    uint8_t width;
    ParquetPhysical physical = leaf_physical(type, &width);
    thrift_begin_element(w);
    thrift_put_i32(w, 1, (int32_t)physical);
    if (physical == PARQUET_FIXED)
        thrift_put_i32(w, 2, width);
    thrift_put_i32(w, 3, repetition);
    thrift_put_binary(w, 4, name, strlen(name));
    put_annotation(w, type);
    thrift_end(w);
}

/* @annotation: 0, LIST or MAP as a field of LogicalType; @converted its old form. */
static void put_group_element(ThriftWriter *w, const char *name, int32_t repetition,
                              uint32_t n_children, int16_t annotation, int32_t converted)
{
    thrift_begin_element(w);
    if (repetition >= 0)
        thrift_put_i32(w, 3, repetition);
    thrift_put_binary(w, 4, name, strlen(name));
    thrift_put_i32(w, 5, (int32_t)n_children);
    if (annotation) {
        thrift_put_i32(w, 6, converted);
        thrift_begin(w, 10);
        thrift_begin(w, annotation);
        thrift_end(w);
        thrift_end(w);
    }
    thrift_end(w);
}

static uint32_t put_element(ThriftWriter *w, const char *name, Type type, bool nullable)
{
    int32_t repetition = nullable ? OPTIONAL : REQUIRED;
    uint32_t n = 1;
    switch (type.kind) {
    case TYPE_ARRAY:
        put_group_element(w, name, repetition, 1, 3, 3);
        put_group_element(w, "list", REPEATED, 1, 0, 0);
        return 2 + put_element(w, "element", type.children[0].type, type.children[0].nullable);
    case TYPE_MAP:
        put_group_element(w, name, repetition, 1, 2, 1);
        put_group_element(w, "key_value", REPEATED, 2, 0, 0);
        n = 2 + put_element(w, "key", type.children[0].type, false);
        return n + put_element(w, "value", type.children[1].type, type.children[1].nullable);
    case TYPE_STRUCT:
        put_group_element(w, name, repetition, type.n_children, 0, 0);
        for (uint32_t i = 0; i < type.n_children; i++)
            n += put_element(w, type.children[i].name, type.children[i].type,
                             type.children[i].nullable);
        return n;
    default:
        put_leaf_element(w, name, type, repetition);
        return 1;
    }
}

static uint32_t count_elements(Type type)
{
    uint32_t n = type.kind == TYPE_ARRAY || type.kind == TYPE_MAP ? 2 : 1;
    for (uint32_t i = 0; i < type.n_children; i++)
        n += count_elements(type.children[i].type);
    return n;
}

static void put_schema(ThriftWriter *w, const WriteSpec *spec)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < spec->n_fields; i++)
        n += count_elements(spec->fields[i].type);
    thrift_put_list(w, 2, THRIFT_STRUCT, n);
    put_group_element(w, "spark_schema", -1, spec->n_fields, 0, 0);
    for (uint32_t i = 0; i < spec->n_fields; i++)
        (void)put_element(w, spec->fields[i].name, spec->fields[i].type, spec->fields[i].nullable);
}

/* ---- Spark's description of it, as JSON ---- */

static int add_json_string(Bytes *to, const char *text)
{
    int r = bytes_add(to, "\"", 1);
    for (; r == 0 && *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c == '"' || c == '\\')
            (void)snprintf(escaped, sizeof(escaped), "\\%c", c);
        else if (c < 0x20)
            (void)snprintf(escaped, sizeof(escaped), "\\u%04X", c);
        else
            (void)snprintf(escaped, sizeof(escaped), "%c", c);
        r = bytes_add_text(to, escaped);
    }
    return r ? r : bytes_add(to, "\"", 1);
}

static int add_json_type(Bytes *to, Type type);

static int add_json_field(Bytes *to, const char *name, Type type, bool nullable)
{
    int r = bytes_add_text(to, "{\"name\":");
    if (r == 0)
        r = add_json_string(to, name);
    if (r == 0)
        r = bytes_add_text(to, ",\"type\":");
    if (r == 0)
        r = add_json_type(to, type);
    return r ? r
             : bytes_add_text(to, nullable ? ",\"nullable\":true,\"metadata\":{}}"
                                           : ",\"nullable\":false,\"metadata\":{}}");
}

static int add_json_struct(Bytes *to, Type type)
{
    int r = bytes_add_text(to, "{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; r == 0 && i < type.n_children; i++) {
        r = i > 0 ? bytes_add(to, ",", 1) : 0;
        if (r == 0)
            r = add_json_field(to, type.children[i].name, type.children[i].type,
                               type.children[i].nullable);
    }
    return r ? r : bytes_add_text(to, "]}");
}

static int add_json_child(Bytes *to, const char *key, const TypeField *child)
{
    int r = bytes_add_text(to, key);
    return r ? r : add_json_type(to, child->type);
}

static int add_json_type(Bytes *to, Type type)
{
    char name[64];
    int r;
    switch (type.kind) {
    case TYPE_STRUCT:
        return add_json_struct(to, type);
    case TYPE_ARRAY:
        r = add_json_child(to, "{\"type\":\"array\",\"elementType\":", &type.children[0]);
        return r ? r
                 : bytes_add_text(to, type.children[0].nullable ? ",\"containsNull\":true}"
                                                                : ",\"containsNull\":false}");
    case TYPE_MAP:
        r = add_json_child(to, "{\"type\":\"map\",\"keyType\":", &type.children[0]);
        if (r == 0)
            r = add_json_child(to, ",\"valueType\":", &type.children[1]);
        return r ? r
                 : bytes_add_text(to, type.children[1].nullable ? ",\"valueContainsNull\":true}"
                                                                : ",\"valueContainsNull\":false}");
    case TYPE_BYTE:
        return bytes_add_text(to, "\"byte\"");
    case TYPE_SHORT:
        return bytes_add_text(to, "\"short\"");
    case TYPE_INT:
        return bytes_add_text(to, "\"integer\"");
    case TYPE_LONG:
        return bytes_add_text(to, "\"long\"");
    default:
        return add_json_string(to, type_format(type, name, sizeof(name)));
    }
}

static void put_key_values(ThriftWriter *w, ParquetOut *p)
{
    p->body.n = 0;
    int r = bytes_add_text(&p->body, "{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; r == 0 && i < p->spec->n_fields; i++) {
        const PlanField *f = &p->spec->fields[i];
        r = i > 0 ? bytes_add(&p->body, ",", 1) : 0;
        if (r == 0)
            r = add_json_field(&p->body, f->name, f->type, f->nullable);
    }
    if (r == 0)
        r = bytes_add_text(&p->body, "]}");
    if (r != 0 && w->result == 0)
        w->result = r;
    thrift_put_list(w, 5, THRIFT_STRUCT, 1);
    thrift_begin_element(w);
    thrift_put_binary(w, 1, SPARK_SCHEMA_KEY, strlen(SPARK_SCHEMA_KEY));
    thrift_put_binary(w, 2, p->body.data, p->body.n);
    thrift_end(w);
}

/* ---- row groups ---- */

static const int32_t codec_number[] = {[WRITE_CODEC_NONE] = PARQUET_CODEC_NONE,
                                       [WRITE_CODEC_SNAPPY] = PARQUET_CODEC_SNAPPY,
                                       [WRITE_CODEC_GZIP] = PARQUET_CODEC_GZIP,
                                       [WRITE_CODEC_ZSTD] = PARQUET_CODEC_ZSTD,
                                       [WRITE_CODEC_LZ4_RAW] = PARQUET_CODEC_LZ4_RAW};

static void put_statistics(ThriftWriter *w, const Leaf *leaf, const ChunkMeta *c)
{
    uint8_t buf[PARQUET_WRITE_BOUND];
    bool exact_min, exact_max;
    thrift_begin(w, 12);
    thrift_put_i64(w, 3, (int64_t)c->n_nulls);
    int max = leaf_bound(leaf, &c->bounds, true, buf, &exact_max);
    if (max >= 0)
        thrift_put_binary(w, 5, buf, (size_t)max);
    int min = leaf_bound(leaf, &c->bounds, false, buf, &exact_min);
    if (min >= 0)
        thrift_put_binary(w, 6, buf, (size_t)min);
    if (max >= 0)
        thrift_put_bool(w, 7, exact_max);
    if (min >= 0)
        thrift_put_bool(w, 8, exact_min);
    thrift_end(w);
}

static void put_encoding_count(ThriftWriter *w, int32_t page, int32_t encoding, uint32_t n)
{
    thrift_begin_element(w);
    thrift_put_i32(w, 1, page);
    thrift_put_i32(w, 2, encoding);
    thrift_put_i32(w, 3, (int32_t)n);
    thrift_end(w);
}

static void put_encodings(ThriftWriter *w, const ChunkMeta *c)
{
    uint32_t n = (c->n_dictionary_pages > 0) + (c->n_plain_pages > 0) + c->has_dictionary;
    thrift_put_list(w, 13, THRIFT_STRUCT, n);
    if (c->has_dictionary)
        put_encoding_count(w, PARQUET_PAGE_DICTIONARY, PARQUET_PLAIN, 1);
    if (c->n_dictionary_pages)
        put_encoding_count(w, PARQUET_PAGE_DATA, PARQUET_RLE_DICTIONARY, c->n_dictionary_pages);
    if (c->n_plain_pages)
        put_encoding_count(w, PARQUET_PAGE_DATA, PARQUET_PLAIN, c->n_plain_pages);
}

static void put_chunk(ThriftWriter *w, const ParquetOut *p, uint32_t i, const ChunkMeta *c,
                      uint64_t indexes)
{
    const Leaf *leaf = &p->leaves[i];
    thrift_begin_element(w);
    thrift_put_i64(w, 2, (int64_t)c->begin);
    thrift_begin(w, 3);
    thrift_put_i32(w, 1, leaf->physical);
    thrift_put_list(w, 2, THRIFT_I32, c->has_dictionary ? 3 : 2);
    thrift_put_zigzag(w, PARQUET_PLAIN);
    thrift_put_zigzag(w, PARQUET_RLE);
    if (c->has_dictionary)
        thrift_put_zigzag(w, PARQUET_RLE_DICTIONARY);
    thrift_put_list(w, 3, THRIFT_BINARY, p->n_path[i]);
    const char *name = p->paths[i];
    for (uint32_t k = 0; k < p->n_path[i]; k++, name += strlen(name) + 1)
        thrift_put_string(w, name, strlen(name));
    thrift_put_i32(w, 4, codec_number[p->spec->codec]);
    thrift_put_i64(w, 5, (int64_t)c->n_values);
    thrift_put_i64(w, 6, (int64_t)c->n_uncompressed);
    thrift_put_i64(w, 7, (int64_t)c->n_bytes);
    thrift_put_i64(w, 9, (int64_t)c->data_offset);
    if (c->has_dictionary)
        thrift_put_i64(w, 11, (int64_t)c->begin);
    put_statistics(w, leaf, c);
    put_encodings(w, c);
    thrift_end(w);
    thrift_put_i64(w, 4, (int64_t)(indexes + c->offset_index));
    thrift_put_i32(w, 5, (int32_t)c->n_offset_index);
    if (c->n_column_index > 0) {
        thrift_put_i64(w, 6, (int64_t)(indexes + c->column_index));
        thrift_put_i32(w, 7, (int32_t)c->n_column_index);
    }
    thrift_end(w);
}

static void put_row_groups(ThriftWriter *w, const ParquetOut *p, uint64_t indexes)
{
    const GroupMeta *groups = (const GroupMeta *)(const void *)p->groups.data;
    const ChunkMeta *chunks = (const ChunkMeta *)(const void *)p->chunks.data;
    uint32_t n = (uint32_t)(p->groups.n / sizeof(*groups));
    thrift_put_list(w, 4, THRIFT_STRUCT, n);
    for (uint32_t g = 0; g < n; g++) {
        const ChunkMeta *first = chunks + (size_t)g * p->n_leaves;
        uint64_t uncompressed = 0, compressed = 0;
        thrift_begin_element(w);
        thrift_put_list(w, 1, THRIFT_STRUCT, p->n_leaves);
        for (uint32_t i = 0; i < p->n_leaves; i++) {
            put_chunk(w, p, i, &first[i], indexes);
            uncompressed += first[i].n_uncompressed;
            compressed += first[i].n_bytes;
        }
        thrift_put_i64(w, 2, (int64_t)uncompressed);
        thrift_put_i64(w, 3, (int64_t)groups[g].n_rows);
        thrift_put_i64(w, 5, (int64_t)groups[g].begin);
        thrift_put_i64(w, 6, (int64_t)compressed);
        if (g <= INT16_MAX)
            thrift_put_int(w, 7, THRIFT_I16, g);
        thrift_end(w);
    }
}

int footer_write(ParquetOut *p)
{
    static const char created_by[] = "Berth version " BERTH_VERSION;
    uint64_t indexes = p->out->end;
    int r = output_write(p->out, p->indexes.data, p->indexes.n);
    if (r != 0)
        return r;
    p->packed.n = 0;
    ThriftWriter w = thrift_writer(&p->packed);
    thrift_put_i32(&w, 1, 1);
    put_schema(&w, p->spec);
    thrift_put_i64(&w, 3, (int64_t)p->n_rows);
    put_row_groups(&w, p, indexes);
    put_key_values(&w, p);
    thrift_put_binary(&w, 6, created_by, strlen(created_by));
    thrift_put_list(&w, 7, THRIFT_STRUCT, p->n_leaves);
    for (uint32_t i = 0; i < p->n_leaves; i++) {
        thrift_begin_element(&w); /* min and max are in the order of the type */
        thrift_begin(&w, 1);
        thrift_end(&w);
        thrift_end(&w);
    }
    uint8_t stop = THRIFT_STOP;
    thrift_put_bytes(&w, &stop, 1);
    uint32_t length = (uint32_t)p->packed.n;
    thrift_put_bytes(&w, &length, 4);
    thrift_put_bytes(&w, "PAR1", 4);
    return w.result ? w.result : output_write(p->out, p->packed.data, p->packed.n);
}
