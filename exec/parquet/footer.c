/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/parquet_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * From the last bytes of a file to a checked ParquetFile. Names and statistics stay where they are
 * in the footer, which lives as long as the file; chunks are checked against the file's size once,
 * here, so that readers need not.
 *
 * Layout: "PAR1" | pages ... | FileMetaData (compact Thrift) | u32 length of it | "PAR1"
 */

#define TAIL_BYTES ((uint64_t)64 << 10) /* read at once; most footers fit */
#define LIST_MAX 65536u

/* --- schema ----------------------------------------------------------------------------------- */

static void read_unit(ThriftReader *r, SchemaElement *e)
{
    ThriftField field;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        e->unit = (int8_t)(field.id >= 1 && field.id <= 3 ? field.id : 2);
        thrift_skip(r, &field);
    }
}

static void read_logical_member(ThriftReader *r, SchemaElement *e)
{
    ThriftField field;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        if (e->logical == 5 && field.id == 1)
            e->scale = (int32_t)thrift_int(r, &field);
        else if (e->logical == 5 && field.id == 2)
            e->precision = (int32_t)thrift_int(r, &field);
        else if ((e->logical == 7 || e->logical == 8) && field.id == 1)
            e->is_utc = thrift_bool(r, &field);
        else if ((e->logical == 7 || e->logical == 8) && field.id == 2 &&
                 field.type == THRIFT_STRUCT)
            read_unit(r, e);
        else if (e->logical == 10 && field.id == 1)
            e->bit_width = (int8_t)thrift_int(r, &field);
        else if (e->logical == 10 && field.id == 2)
            e->is_signed = thrift_bool(r, &field);
        else
            thrift_skip(r, &field);
    }
}

static void read_logical(ThriftReader *r, SchemaElement *e)
{
    ThriftField field;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        e->logical = (int8_t)(field.id > 0 && field.id < 100 ? field.id : 100);
        if (field.type == THRIFT_STRUCT)
            read_logical_member(r, e);
        else
            thrift_skip(r, &field);
    }
}

static void read_element(ThriftReader *r, SchemaElement *e)
{
    ThriftField field;
    int64_t v;

    *e = (SchemaElement){.physical = -1, .converted = -1};
    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            v = thrift_int(r, &field);
            e->physical = (int8_t)(v >= 0 && v < _PARQUET_PHYSICAL_MAX ? v : -1);
            if (e->physical < 0)
                r->bad = true;
            break;
        case 2:
            e->type_length = (int32_t)thrift_int(r, &field);
            break;
        case 3:
            v = thrift_int(r, &field);
            e->repetition = (int8_t)v;
            if (v < 0 || v > 2)
                r->bad = true;
            break;
        case 4:
            e->name = thrift_binary(r, &field, PARQUET_NAME_BYTES_MAX, &e->n_name);
            if (e->name && memchr(e->name, 0, e->n_name))
                r->bad = true;
            break;
        case 5:
            v = thrift_int(r, &field);
            e->n_children = (uint32_t)v;
            if (v < 0 || v > PARQUET_COLUMNS_MAX)
                r->bad = true;
            break;
        case 6:
            v = thrift_int(r, &field);
            e->converted = (int8_t)(v >= 0 && v < 64 ? v : -1);
            break;
        case 7:
            e->scale = (int32_t)thrift_int(r, &field);
            break;
        case 8:
            e->precision = (int32_t)thrift_int(r, &field);
            break;
        case 10:
            if (field.type == THRIFT_STRUCT)
                read_logical(r, e);
            else
                thrift_skip(r, &field);
            break;
        default:
            thrift_skip(r, &field);
        }
    }
    if (!e->name)
        e->name = (const uint8_t *)"";
}

static const char *read_schema(ThriftReader *r, const ThriftField *field, ParquetFile *file)
{
    uint32_t n = thrift_list(r, field, THRIFT_STRUCT, PARQUET_COLUMNS_MAX * 4);
    _cleanup_free_ SchemaElement *elements = NULL;

    if (r->bad || file->columns)
        return "the schema is broken";
    elements = calloc(n + 1, sizeof(*elements));
    if (!elements)
        return "out of memory";
    for (uint32_t i = 0; i < n && !r->bad; i++)
        read_element(r, &elements[i]);
    if (r->bad)
        return "the schema is broken";
    return schema_build(file, elements, n);
}

/* --- column chunks ---------------------------------------------------------------------------- */

typedef struct ChunkDraft {
    ParquetChunk chunk;
    int64_t type, codec, n_values, compressed, uncompressed, data_offset, dictionary_offset;
    bool has_meta, has_external_file, dictionary_pages, other_pages, has_encoding_stats;
    const uint8_t *old_min, *old_max;
    size_t n_old_min, n_old_max;
} ChunkDraft;

static const uint8_t *read_bound(ThriftReader *r, const ThriftField *field, uint32_t *ret_n)
{
    size_t n;
    const uint8_t *bytes = thrift_binary(r, field, SIZE_MAX, &n);

    *ret_n = (uint32_t)n;
    return bytes && n <= PARQUET_STATISTICS_BYTES_MAX ? bytes : NULL;
}

static void read_statistics(ThriftReader *r, ChunkDraft *d)
{
    ThriftField field;
    uint32_t n = 0;

    d->chunk.min_exact = d->chunk.max_exact = true;
    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            d->old_max = read_bound(r, &field, &n);
            d->n_old_max = n;
            break;
        case 2:
            d->old_min = read_bound(r, &field, &n);
            d->n_old_min = n;
            break;
        case 3:
            d->chunk.null_count = thrift_int(r, &field);
            break;
        case 5:
            d->chunk.max = read_bound(r, &field, &d->chunk.n_max);
            break;
        case 6:
            d->chunk.min = read_bound(r, &field, &d->chunk.n_min);
            break;
        case 7:
            d->chunk.max_exact = thrift_bool(r, &field);
            break;
        case 8:
            d->chunk.min_exact = thrift_bool(r, &field);
            break;
        default:
            thrift_skip(r, &field);
        }
    }
}

static void read_encoding_stats(ThriftReader *r, const ThriftField *list, ChunkDraft *d)
{
    uint32_t n = thrift_list(r, list, THRIFT_STRUCT, LIST_MAX);

    d->has_encoding_stats = true;
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        int64_t page = 0, encoding = 0, count = 0;
        ThriftField field;

        thrift_enter(r, &field);
        while (thrift_next(r, &field)) {
            if (field.id == 1)
                page = thrift_int(r, &field);
            else if (field.id == 2)
                encoding = thrift_int(r, &field);
            else if (field.id == 3)
                count = thrift_int(r, &field);
            else
                thrift_skip(r, &field);
        }
        if ((page != PARQUET_PAGE_DATA && page != PARQUET_PAGE_DATA_V2) || count == 0)
            continue;
        if (encoding == PARQUET_PLAIN_DICTIONARY || encoding == PARQUET_RLE_DICTIONARY)
            d->dictionary_pages = true;
        else
            d->other_pages = true;
    }
}

static void read_chunk_meta(ThriftReader *r, ChunkDraft *d)
{
    ThriftField field;

    d->has_meta = true;
    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            d->type = thrift_int(r, &field);
            break;
        case 4:
            d->codec = thrift_int(r, &field);
            break;
        case 5:
            d->n_values = thrift_int(r, &field);
            break;
        case 6:
            d->uncompressed = thrift_int(r, &field);
            break;
        case 7:
            d->compressed = thrift_int(r, &field);
            break;
        case 9:
            d->data_offset = thrift_int(r, &field);
            break;
        case 11:
            d->dictionary_offset = thrift_int(r, &field);
            break;
        case 12:
            if (field.type == THRIFT_STRUCT)
                read_statistics(r, d);
            else
                thrift_skip(r, &field);
            break;
        case 13:
            read_encoding_stats(r, &field, d);
            break;
        case 14:
            d->chunk.bloom_offset = (uint64_t)MAX(thrift_int(r, &field), 0);
            break;
        default:
            thrift_skip(r, &field);
        }
    }
}

static const char *chunk_check(ChunkDraft *d, const ParquetFile *file)
{
    uint64_t size = io_file_size(file->io), start;
    ParquetChunk *c = &d->chunk;

    if (c->encrypted) { /* what is said of it without the key is not needed to refuse it */
        *c = (ParquetChunk){.encrypted = true, .offset = 4, .null_count = -1};
        return NULL;
    }
    if (!d->has_meta)
        return "a column chunk has no metadata";
    if (d->has_external_file)
        return "a column chunk lies in another file";
    if (d->type < 0 || d->type >= _PARQUET_PHYSICAL_MAX || d->codec < 0 || d->codec > UINT8_MAX)
        return "a column chunk has an unknown type or codec";
    if (d->n_values < 0 || d->compressed < 0 || d->uncompressed < 0)
        return "a column chunk has a negative size";
    if (d->n_values == 0) {
        /* Nothing of it is read. Writers give it no place then, or that of an empty dictionary. */
        d->data_offset = 4;
        d->dictionary_offset = d->compressed = d->uncompressed = 0;
    }
    if (d->data_offset < 4)
        return "a column chunk has an impossible offset";
    start = (uint64_t)d->data_offset;
    if (d->dictionary_offset >= 4 && (uint64_t)d->dictionary_offset < start) {
        start = (uint64_t)d->dictionary_offset;
        c->dictionary_offset = start;
    }
    if (start > size - 8 || (uint64_t)d->compressed > size - 8 - start)
        return "a column chunk lies outside of the file";
    c->offset = start;
    c->n_bytes = (uint64_t)d->compressed;
    c->n_uncompressed = (uint64_t)d->uncompressed;
    c->n_values = (uint64_t)d->n_values;
    c->codec = (uint8_t)d->codec;
    c->physical = (uint8_t)d->type;
    c->only_dictionary = d->has_encoding_stats && d->dictionary_pages && !d->other_pages;
    if (c->null_count < -1 || c->null_count > d->n_values)
        c->null_count = -1;
    return NULL;
}

/*
 * The old minimum and maximum were compared as signed bytes, so they are only good for signed
 * numbers (parquet.thrift, Statistics).
 */
static void chunk_use_old_bounds(ChunkDraft *d, const ParquetColumn *column)
{
    bool is_number = column && !column->unreadable && !column->nested && !column->is_unsigned &&
                     (d->type == PARQUET_INT32 || d->type == PARQUET_INT64 ||
                      d->type == PARQUET_FLOAT || d->type == PARQUET_DOUBLE);

    if (d->chunk.min || d->chunk.max || !is_number)
        return;
    d->chunk.min = d->old_min;
    d->chunk.n_min = (uint32_t)d->n_old_min;
    d->chunk.max = d->old_max;
    d->chunk.n_max = (uint32_t)d->n_old_max;
}

/* Looked at when it is used (index.c): a place that is impossible is as good as none. */
static void read_index_place(ThriftReader *r, const ThriftField *field, ParquetChunk *c)
{
    int64_t v = thrift_int(r, field);
    uint64_t offset = (uint64_t)MAX(v, 0);
    uint32_t n = v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;

    if (field->id == 4)
        c->offset_index = offset;
    else if (field->id == 5)
        c->n_offset_index = n;
    else if (field->id == 6)
        c->column_index = offset;
    else
        c->n_column_index = n;
}

static const char *read_chunk(ThriftReader *r, const ParquetFile *file, const ParquetColumn *column,
                              ParquetChunk *ret_chunk)
{
    ChunkDraft d = {.type = -1, .chunk.null_count = -1};
    ThriftField field;
    const char *reason;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        if (field.id == 1)
            d.has_external_file = true;
        if (field.id == 8) /* crypto_metadata */
            d.chunk.encrypted = true;
        if (field.id == 3 && field.type == THRIFT_STRUCT)
            read_chunk_meta(r, &d);
        else if (field.id >= 4 && field.id <= 7)
            read_index_place(r, &field, &d.chunk);
        else
            thrift_skip(r, &field);
    }
    if (r->bad)
        return "a column chunk is broken";
    reason = chunk_check(&d, file);
    if (reason)
        return reason;
    if (d.chunk.encrypted) {
        *ret_chunk = d.chunk;
        return NULL;
    }
    if (column && column->n_leaves == 1 && !column->unreadable && !column->nested &&
        d.type != column->physical)
        return "a column chunk has another type than the schema says";
    chunk_use_old_bounds(&d, column);
    *ret_chunk = d.chunk;
    return NULL;
}

/* A nested column is read as one: from its first leaf's first byte to the last of its last. */
static const char *make_spans(ParquetFile *file, ParquetRowGroup *group)
{
    ParquetChunk *spans = NULL;

    for (uint32_t i = 0; i < file->n_columns; i++) {
        const ParquetColumn *c = &file->columns[i];
        uint64_t end = 0;

        if (!c->nested)
            continue;
        if (!spans)
            spans = mem_arena_new_array(file->arena, ParquetChunk, file->n_columns);
        if (!spans)
            return "out of memory";
        ParquetChunk *span = &spans[i];
        *span = group->chunks[c->leaf];
        span->min = span->max = NULL;
        span->null_count = -1;
        span->dictionary_offset = 0;
        span->only_dictionary = false;
        span->n_uncompressed = span->n_values = span->n_bytes = 0;
        span->offset = 4;
        for (uint32_t k = 0; k < c->n_leaves; k++) {
            const ParquetChunk *leaf = &group->chunks[c->leaf + k];
            span->encrypted |= leaf->encrypted;
            if (leaf->n_values == 0)
                continue;
            if (span->n_values == 0 || leaf->offset < span->offset)
                span->offset = leaf->offset;
            end = MAX(end, leaf->offset + leaf->n_bytes);
            span->n_values += leaf->n_values;
            span->n_uncompressed += leaf->n_uncompressed;
            if (leaf->n_values < group->n_rows)
                return "a column chunk has fewer values than its row group has rows";
        }
        if (span->n_values > 0)
            span->n_bytes = end - span->offset;
    }
    group->spans = spans;
    return NULL;
}

/* --- row groups ------------------------------------------------------------------------------- */

static const char *read_row_group(ThriftReader *r, ParquetFile *file, ParquetRowGroup *group)
{
    ParquetChunk *chunks = NULL;
    ThriftField field;
    int64_t n_rows = -1;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        if (field.id == 1 && !chunks) {
            uint32_t n = thrift_list(r, &field, THRIFT_STRUCT, PARQUET_COLUMNS_MAX);
            uint32_t column = 0;

            if (r->bad || n != file->n_leaves)
                return "a row group has another number of columns than the schema";
            chunks = mem_arena_new_array(file->arena, ParquetChunk, n);
            if (!chunks)
                return "out of memory";
            for (uint32_t leaf = 0; leaf < n; leaf++) {
                const char *reason;

                while (column + 1 < file->n_columns && file->columns[column + 1].leaf <= leaf)
                    column++;
                reason = read_chunk(r, file, &file->columns[column], &chunks[leaf]);
                if (reason)
                    return reason;
            }
        } else if (field.id == 3) {
            n_rows = thrift_int(r, &field);
        } else {
            thrift_skip(r, &field);
        }
    }
    if (r->bad || n_rows < 0 || !chunks)
        return "a row group is broken";
    for (uint32_t i = 0; i < file->n_columns; i++)
        if (!file->columns[i].unreadable && !file->columns[i].nested &&
            !chunks[file->columns[i].leaf].encrypted &&
            chunks[file->columns[i].leaf].n_values != (uint64_t)n_rows)
            return "a column chunk has another number of values than its row group";
    group->n_rows = (uint64_t)n_rows;
    group->chunks = chunks;
    return make_spans(file, group);
}

static const char *read_row_groups(ThriftReader *r, const ThriftField *field, ParquetFile *file)
{
    uint32_t n = thrift_list(r, field, THRIFT_STRUCT, PARQUET_ROW_GROUPS_MAX);

    if (r->bad || !file->columns || file->row_groups)
        return "the list of row groups is broken";
    file->row_groups = mem_arena_new_array(file->arena, ParquetRowGroup, n + 1);
    if (!file->row_groups)
        return "out of memory";
    file->n_row_groups = n;
    for (uint32_t i = 0; i < n; i++) {
        const char *reason = read_row_group(r, file, &file->row_groups[i]);

        if (reason)
            return reason;
        file->row_groups[i].first_row = file->n_rows;
        if (__builtin_add_overflow(file->n_rows, file->row_groups[i].n_rows, &file->n_rows))
            return "the number of rows overflows";
    }
    return NULL;
}

static const char *parse_footer(ParquetFile *file)
{
    ThriftReader r;
    ThriftField field;
    const char *reason = NULL;
    size_t n;

    thrift_init(&r, file->footer, file->n_footer);
    thrift_enter(&r, &field);
    while (!reason && thrift_next(&r, &field)) {
        switch (field.id) {
        case 2:
            reason = read_schema(&r, &field, file);
            break;
        case 4:
            reason = read_row_groups(&r, &field, file);
            break;
        case 6: {
            const uint8_t *text = thrift_binary(&r, &field, SIZE_MAX, &n);

            if (text)
                file->created_by = mem_arena_strndup(file->arena, (const char *)text, MIN(n, 256u));
            break;
        }
        default:
            thrift_skip(&r, &field);
        }
    }
    if (!reason && r.bad)
        reason = "its metadata is broken";
    if (!reason && (!file->columns || !file->row_groups))
        reason = "its metadata is incomplete";
    return reason;
}

/* --- the file --------------------------------------------------------------------------------- */

static int footer_bad(const ParquetFile *file, const char *reason, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_FILE, "CANNOT_READ_FILE_FOOTER", "KD001",
                           "Could not read footer for file: file:%s. Please ensure that the file "
                           "is in Parquet format: %s.",
                           io_file_path(file->io), reason);
}

static uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static int read_bytes(const ParquetFile *file, uint64_t offset, size_t n, void *buffer,
                      QueryError *error)
{
    int r = io_read(file->io, offset, n, buffer);

    if (r == -ENODATA)
        return footer_bad(file, "it became shorter while it was read", error);
    if (r < 0 && r != -ENOMEM)
        return footer_bad(file, strerror(-r), error);
    return r;
}

static int load_footer(ParquetFile *file, QueryError *error)
{
    uint64_t size = io_file_size(file->io), n_tail = MIN(size, TAIL_BYTES);
    uint8_t *tail, *footer;
    const uint8_t *end;
    uint32_t n;
    int r;

    if (size < 12)
        return footer_bad(file, size == 0 ? "it is empty" : "it is too short", error);
    tail = mem_arena_alloc(file->arena, n_tail, 64);
    if (!tail)
        return mem_arena_error(file->arena);
    r = read_bytes(file, size - n_tail, n_tail, tail, error);
    if (r != 0)
        return r;
    end = tail + n_tail;
    if (memcmp(end - 4, "PARE", 4) == 0)
        return footer_bad(file, "its footer is encrypted", error);
    if (memcmp(end - 4, "PAR1", 4) != 0)
        return footer_bad(file, "it does not end with PAR1", error);
    n = load_u32(end - 8);
    if (n == 0 || n > PARQUET_FOOTER_BYTES_MAX)
        return footer_bad(file, "the footer's length is impossible", error);
    if (n > size - 12)
        return footer_bad(file, "the footer is longer than the file", error);
    if (n <= n_tail - 8) {
        file->footer = end - 8 - n;
        file->n_footer = n;
        return 0;
    }
    footer = mem_arena_alloc(file->arena, n, 64);
    if (!footer)
        return mem_arena_error(file->arena);
    r = read_bytes(file, size - 8 - n, n - (n_tail - 8), footer, error);
    if (r != 0)
        return r;
    memcpy(footer + (n - (n_tail - 8)), tail, n_tail - 8);
    file->footer = footer;
    file->n_footer = n;
    return 0;
}

static int file_load(ParquetFile *file, QueryError *error)
{
    const char *reason;
    int r = load_footer(file, error);

    if (r != 0)
        return r;
    reason = parse_footer(file);
    if (mem_arena_error(file->arena))
        return mem_arena_error(file->arena);
    return reason ? footer_bad(file, reason, error) : 0;
}

int parquet_file_open(IoFile *io, MemPool *pool, ParquetFile **ret_file, QueryError *error)
{
    ParquetFile *file = calloc(1, sizeof(*file));
    int r;

    if (!file)
        return -ENOMEM;
    file->io = io_file_ref(io);
    file->created_by = "";
    r = mem_arena_new(pool, "Parquet footer", &file->arena);
    if (r == 0)
        r = file_load(file, error);
    if (r != 0) {
        (void)parquet_file_free(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

ParquetFile *parquet_file_free(ParquetFile *file)
{
    if (!file)
        return NULL;
    (void)mem_arena_free(file->arena);
    (void)io_file_unref(file->io);
    free(file);
    return NULL;
}

IoFile *parquet_file_io(const ParquetFile *file)
{
    return file->io;
}

uint64_t parquet_file_rows(const ParquetFile *file)
{
    return file->n_rows;
}

uint32_t parquet_file_n_columns(const ParquetFile *file)
{
    return file->n_columns;
}

const ParquetColumn *parquet_file_column(const ParquetFile *file, uint32_t column)
{
    return &file->columns[column];
}

uint32_t parquet_file_n_row_groups(const ParquetFile *file)
{
    return file->n_row_groups;
}

const ParquetRowGroup *parquet_file_row_group(const ParquetFile *file, uint32_t row_group)
{
    return &file->row_groups[row_group];
}

const ParquetChunk *parquet_file_chunk(const ParquetFile *file, uint32_t row_group, uint32_t column)
{
    const ParquetRowGroup *group = &file->row_groups[row_group];

    if (file->columns[column].nested)
        return &group->spans[column];
    return &group->chunks[file->columns[column].leaf];
}

const char *parquet_file_created_by(const ParquetFile *file)
{
    return file->created_by ? file->created_by : "";
}

uint64_t parquet_file_memory(const ParquetFile *file)
{
    return mem_arena_bytes(file->arena);
}
