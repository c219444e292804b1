/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/index.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet_internal.h"

/*
 * The page index: OffsetIndex says at which row each page begins, ColumnIndex what its values lie
 * between. The bytes stay in the arena, where bounds of strings point to.
 */

static int load_bytes(const ParquetFile *file, uint64_t offset, uint64_t n, MemArena *arena,
                      const uint8_t **ret_bytes)
{
    uint64_t size = io_file_size(file->io);
    uint8_t *bytes;

    *ret_bytes = NULL;
    if (n == 0 || n > PARQUET_INDEX_BYTES_MAX || offset < 4 || offset > size || n > size - offset)
        return 0;
    bytes = mem_arena_alloc(arena, (size_t)n, 16);
    if (!bytes)
        return mem_arena_error(arena);
    *ret_bytes = bytes;
    return io_read(file->io, offset, (size_t)n, bytes);
}

/* --- where pages begin ------------------------------------------------------------------------ */

typedef struct Location {
    int64_t offset, n_bytes, row;
} Location;

static Location read_location(ThriftReader *r)
{
    Location l = {-1, -1, -1};
    ThriftField field;

    thrift_enter(r, &field);
    while (thrift_next(r, &field)) {
        if (field.id == 1)
            l.offset = thrift_int(r, &field);
        else if (field.id == 2)
            l.n_bytes = thrift_int(r, &field);
        else if (field.id == 3)
            l.row = thrift_int(r, &field);
        else
            thrift_skip(r, &field);
    }
    return l;
}

/* Return: 0, with @pages->n == 0 when it cannot be used; MEM_E_*. */
static int read_offsets(const uint8_t *bytes, size_t n, uint64_t n_rows, MemArena *arena,
                        ParquetPages *pages)
{
    ThriftReader r;
    ThriftField field;
    uint64_t *rows = NULL;
    uint32_t n_pages = 0;

    thrift_init(&r, bytes, n);
    thrift_enter(&r, &field);
    while (thrift_next(&r, &field)) {
        if (field.id != 1 || rows) {
            thrift_skip(&r, &field);
            continue;
        }
        n_pages = thrift_list(&r, &field, THRIFT_STRUCT, PARQUET_INDEX_PAGES_MAX);
        rows = mem_arena_new_array(arena, uint64_t, (size_t)n_pages + 1);
        if (!rows)
            return mem_arena_error(arena);
        for (uint32_t i = 0; i < n_pages && !r.bad; i++) {
            int64_t row = read_location(&r).row;

            /* Ascending from 0, within the row group: or rows would be lost. */
            if (row < 0 || (uint64_t)row >= n_rows ||
                (i == 0 ? row != 0 : (uint64_t)row <= rows[i - 1]))
                r.bad = true;
            rows[i] = (uint64_t)row;
        }
        rows[n_pages] = n_rows;
    }
    if (r.bad || n_pages == 0)
        return 0;
    pages->n = n_pages;
    pages->first_row = rows;
    return 0;
}

/* --- what they hold --------------------------------------------------------------------------- */

typedef struct IndexDraft {
    const ParquetColumn *column;
    ParquetPages *pages;
    bool has_min, has_max, has_null_pages;
} IndexDraft;

/* Elements of a list of bool are a byte each: 1 is true (2 is false; some write 0). */
static void read_null_pages(ThriftReader *r, const ThriftField *field, IndexDraft *d)
{
    /* The element's type is that of either value: writers differ. */
    uint8_t element = r->at < r->end ? *r->at & 0x0f : 0;
    uint32_t n = thrift_list(r, field, element == THRIFT_FALSE ? THRIFT_FALSE : THRIFT_TRUE,
                             PARQUET_INDEX_PAGES_MAX);

    if (n != d->pages->n || (size_t)(r->end - r->at) < n) {
        r->bad = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++, r->at++) {
        ParquetStatistics *s = &d->pages->statistics[i];

        if (*r->at != 1)
            continue;
        s->has_null_count = true;
        s->null_count = d->pages->first_row[i + 1] - d->pages->first_row[i];
    }
    d->has_null_pages = true;
}

static void read_bounds(ThriftReader *r, const ThriftField *field, IndexDraft *d, bool is_max)
{
    uint32_t n = thrift_list(r, field, THRIFT_BINARY, PARQUET_INDEX_PAGES_MAX);
    const ThriftField element = {.type = THRIFT_BINARY};

    if (n != d->pages->n)
        r->bad = true;
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        ParquetStatistics *s = &d->pages->statistics[i];
        size_t length;
        const uint8_t *bytes = thrift_binary(r, &element, SIZE_MAX, &length);
        bool usable = bytes && length <= PARQUET_STATISTICS_BYTES_MAX;

        if (is_max)
            s->has_max = usable && statistics_value(d->column, bytes, (uint32_t)length, &s->max);
        else
            s->has_min = usable && statistics_value(d->column, bytes, (uint32_t)length, &s->min);
    }
    *(is_max ? &d->has_max : &d->has_min) = true;
}

static void read_null_counts(ThriftReader *r, const ThriftField *field, IndexDraft *d)
{
    uint32_t n = thrift_list(r, field, THRIFT_I64, PARQUET_INDEX_PAGES_MAX);
    const ThriftField element = {.type = THRIFT_I64};

    if (n != d->pages->n)
        r->bad = true;
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        ParquetStatistics *s = &d->pages->statistics[i];
        uint64_t n_rows = d->pages->first_row[i + 1] - d->pages->first_row[i];
        int64_t count = thrift_int(r, &element);

        if (count < 0 || (uint64_t)count > n_rows)
            continue;
        s->has_null_count = true;
        s->null_count = (uint64_t)count;
    }
}

/* A page of nulls has bounds that mean nothing. */
static void settle_bounds(IndexDraft *d)
{
    for (uint32_t i = 0; i < d->pages->n; i++) {
        ParquetStatistics *s = &d->pages->statistics[i];

        s->may_be_nan =
            d->column->physical == PARQUET_FLOAT || d->column->physical == PARQUET_DOUBLE;
        if (s->has_null_count &&
            s->null_count == d->pages->first_row[i + 1] - d->pages->first_row[i])
            s->has_min = s->has_max = false;
    }
}

static bool read_values(const uint8_t *bytes, size_t n, IndexDraft *d)
{
    ThriftReader r;
    ThriftField field;

    thrift_init(&r, bytes, n);
    thrift_enter(&r, &field);
    while (thrift_next(&r, &field)) {
        if (field.id == 1 && !d->has_null_pages)
            read_null_pages(&r, &field, d);
        else if ((field.id == 2 && !d->has_min) || (field.id == 3 && !d->has_max))
            read_bounds(&r, &field, d, field.id == 3);
        else if (field.id == 5)
            read_null_counts(&r, &field, d);
        else
            thrift_skip(&r, &field);
    }
    settle_bounds(d);
    return !r.bad && d->has_null_pages && d->has_min && d->has_max;
}

int parquet_pages_load(const ParquetFile *file, uint32_t row_group, uint32_t column,
                       MemArena *arena, ParquetPages *ret_pages)
{
    const ParquetColumn *c = &file->columns[column];
    const ParquetChunk *chunk = parquet_file_chunk(file, row_group, column);
    uint64_t n_rows = file->row_groups[row_group].n_rows;
    const uint8_t *offsets, *values;
    ParquetPages pages = {0};
    IndexDraft draft = {.column = c, .pages = &pages};
    int r;

    *ret_pages = (ParquetPages){0};
    if (c->nested || c->unreadable || chunk->encrypted || !chunk->n_offset_index ||
        !chunk->n_column_index)
        return 0;
    r = load_bytes(file, chunk->offset_index, chunk->n_offset_index, arena, &offsets);
    if (r == 0)
        r = load_bytes(file, chunk->column_index, chunk->n_column_index, arena, &values);
    if (r != 0 || !offsets || !values)
        return r;
    r = read_offsets(offsets, chunk->n_offset_index, n_rows, arena, &pages);
    if (r != 0 || pages.n == 0)
        return r;
    pages.statistics = mem_arena_new_array(arena, ParquetStatistics, pages.n);
    if (!pages.statistics)
        return mem_arena_error(arena);
    if (read_values(values, chunk->n_column_index, &draft))
        *ret_pages = pages;
    return 0;
}

/* --- where a part lies ------------------------------------------------------------------------ */

typedef struct PartDraft {
    const ParquetChunk *chunk;
    uint64_t first, end, n_rows; /* rows */
    uint64_t first_page;         /* offset of the chunk's first data page */
    uint64_t last_end;           /* of the page before */
    uint64_t from, to, row;      /* found */
    bool any;
} PartDraft;

/* Pages one behind the other, within the chunk, each of some rows; @next_row: of the one after. */
static bool add_location(PartDraft *d, const Location *l, uint64_t next_row)
{
    uint64_t offset = (uint64_t)l->offset, n = (uint64_t)l->n_bytes, row = (uint64_t)l->row;
    uint64_t chunk_end = d->chunk->offset + d->chunk->n_bytes;

    if (l->offset < 0 || l->n_bytes <= 0 || l->row < 0 || offset < d->last_end ||
        offset > chunk_end || n > chunk_end - offset || next_row <= row || next_row > d->n_rows)
        return false;
    d->last_end = offset + n;
    if (next_row <= d->first || row >= d->end)
        return true;
    if (!d->any) {
        d->from = offset;
        d->row = row;
    }
    d->to = offset + n;
    d->any = true;
    return true;
}

static bool find_locations(const uint8_t *bytes, size_t n, PartDraft *d)
{
    ThriftReader r;
    ThriftField field;
    bool fine = false;

    thrift_init(&r, bytes, n);
    thrift_enter(&r, &field);
    while (thrift_next(&r, &field)) {
        if (field.id != 1 || fine) {
            thrift_skip(&r, &field);
            continue;
        }
        uint32_t n_pages = thrift_list(&r, &field, THRIFT_STRUCT, PARQUET_INDEX_PAGES_MAX);
        Location before = {0};

        for (uint32_t i = 0; i < n_pages && !r.bad; i++) {
            Location l = read_location(&r);

            if (i == 0 ? l.row != 0 : !add_location(d, &before, (uint64_t)MAX(l.row, 0)))
                return false;
            if (i == 0)
                d->first_page = (uint64_t)MAX(l.offset, 0);
            before = l;
        }
        fine = n_pages > 0 && !r.bad && add_location(d, &before, d->n_rows);
    }
    return fine && !r.bad && d->any;
}

int parquet_part_find(const ParquetFile *file, uint32_t row_group, uint32_t column, uint64_t first,
                      uint64_t end, MemArena *arena, ParquetPart *ret_part)
{
    const ParquetColumn *c = &file->columns[column];
    const ParquetChunk *chunk = parquet_file_chunk(file, row_group, column);
    PartDraft d = {.chunk = chunk,
                   .first = first,
                   .end = end,
                   .n_rows = file->row_groups[row_group].n_rows,
                   .last_end = chunk->offset};
    const uint8_t *bytes;
    int r;

    *ret_part = (ParquetPart){.offset = chunk->offset, .n_bytes = chunk->n_bytes};
    if (c->nested || c->unreadable || chunk->encrypted || !chunk->n_offset_index)
        return 0;
    r = load_bytes(file, chunk->offset_index, chunk->n_offset_index, arena, &bytes);
    if (r != 0 || !bytes || !find_locations(bytes, chunk->n_offset_index, &d))
        return r;
    *ret_part = (ParquetPart){.n_dictionary = d.first_page - chunk->offset,
                              .offset = d.from,
                              .n_bytes = d.to - d.from,
                              .first_row = d.row};
    return 0;
}
