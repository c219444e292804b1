/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/reader_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Batches out of a column chunk. A batch may cross pages; as long as all of its rows come from
 * dictionary pages it stays codes, and when they come from one plain page without nulls it is a
 * pointer into that page.
 *
 *   codes | validity | scratch codes | values | scratch values      the reader's one block
 */

int parquet_reader_new(MemPool *pool, ParquetReader **ret_reader)
{
    ParquetReader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return -ENOMEM;
    reader->pool = pool;
    *ret_reader = reader;
    return 0;
}

void parquet_reader_close(ParquetReader *reader)
{
    nested_reader_free(reader);
    page_buffers_free(reader->pool, &reader->retired);
    reader->page = page_buffer_free(reader->pool, reader->page);
    reader->previous_bytes = page_buffer_free(reader->pool, reader->previous_bytes);
    page_dictionary_free(reader);
    reader->kind = PAGE_NONE;
    reader->page_left = reader->rows_left = reader->skip = 0;
    reader->begin = reader->at = reader->end = reader->part_bytes = NULL;
    reader->ahead = 0;
}

ParquetReader *parquet_reader_free(ParquetReader *reader)
{
    if (!reader)
        return NULL;
    parquet_reader_close(reader);
    mem_block_free(reader->pool, reader->block, reader->n_block);
    codec_done(&reader->codec);
    free(reader);
    return NULL;
}

static int reader_buffers(ParquetReader *reader)
{
    size_t n_codes = (size_t)VEC_ROWS_MAX * sizeof(uint32_t) + 64;
    size_t n_valid = (VEC_VALID_WORDS + 8) * sizeof(uint64_t);
    size_t n_values = (size_t)VEC_ROWS_MAX * reader->n_phys + 64;
    size_t n_block = 2 * n_codes + n_valid + 2 * n_values;
    void *block;
    int r;

    if (n_block > reader->n_block) {
        mem_block_free(reader->pool, reader->block, reader->n_block);
        reader->block = NULL;
        reader->n_block = 0;
        r = mem_block_alloc(reader->pool, n_block, "Parquet reader", &block);
        if (r != 0)
            return r;
        reader->block = block;
        reader->n_block = n_block;
    }
    reader->out_codes = (uint32_t *)reader->block;
    reader->out_valid = (uint64_t *)(reader->block + n_codes);
    reader->scratch_codes = (uint32_t *)(reader->block + n_codes + n_valid);
    reader->out_values = reader->block + 2 * n_codes + n_valid;
    reader->scratch_values = reader->out_values + n_values;
    return 0;
}

int parquet_reader_open(ParquetReader *reader, const ParquetFile *file, uint32_t row_group,
                        uint32_t column, const uint8_t *bytes, QueryError *error)
{
    char text[200];

    parquet_reader_close(reader);
    reader->file = file;
    reader->column = &file->columns[column];
    if (reader->column->unreadable) {
        (void)snprintf(text, sizeof(text), "its type (%s) is not supported",
                       reader->column->unreadable);
        return reader_bad(reader, error, text);
    }
    reader->chunk = parquet_file_chunk(file, row_group, column);
    if (reader->chunk->encrypted)
        return reader_bad(reader, error, "it is encrypted, which is not supported");
    if (reader->column->nested)
        return nested_reader_open(reader, row_group, bytes, error);
    return reader_open_chunk(reader, file, reader->column, reader->chunk, bytes, error);
}

int reader_open_chunk(ParquetReader *reader, const ParquetFile *file, const ParquetColumn *column,
                      const ParquetChunk *chunk, const uint8_t *bytes, QueryError *error)
{
    char text[200];

    reader->file = file;
    reader->column = column;
    reader->chunk = chunk;
    if (!codec_known(reader->chunk->codec)) {
        (void)snprintf(text, sizeof(text), "the compression %s (%u) is not supported",
                       codec_name(reader->chunk->codec), reader->chunk->codec);
        return reader_bad(reader, error, text);
    }
    reader->phys = type_phys(reader->column->type);
    reader->n_phys = (uint32_t)phys_size(reader->phys);
    reader->begin = reader->at = bytes;
    reader->begin_offset = chunk->offset;
    reader->end = bytes + reader->chunk->n_bytes;
    reader->rows_left = reader->chunk->n_values;
    return reader_buffers(reader);
}

int parquet_reader_open_part(ParquetReader *reader, const ParquetFile *file, uint32_t row_group,
                             uint32_t column, const ParquetPart *part, const uint8_t *dictionary,
                             const uint8_t *bytes, QueryError *error)
{
    bool nested = file->columns[column].nested; /* is read whole */
    int r =
        parquet_reader_open(reader, file, row_group, column, nested ? bytes : dictionary, error);

    if (r != 0 || nested)
        return r;
    reader->end = reader->at + part->n_dictionary;
    reader->part = *part;
    reader->part_bytes = bytes;
    return 0;
}

bool reader_next_part(ParquetReader *reader)
{
    uint64_t passed, known;

    if (!reader->part_bytes)
        return false;
    reader->begin = reader->at = TAKE_PTR(reader->part_bytes);
    reader->begin_offset = reader->part.offset;
    reader->end = reader->at + reader->part.n_bytes;
    passed = MIN(reader->part.first_row, reader->rows_left);
    known = MIN(passed, reader->skip);
    reader->rows_left -= passed;
    reader->skip -= known;
    reader->ahead += passed - known;
    return true;
}

void parquet_reader_skip(ParquetReader *reader, uint64_t n_rows)
{
    uint64_t done = MIN(n_rows, reader->ahead);

    reader->ahead -= done;
    reader->skip += n_rows - done;
}

/* Leaves out @n rows of the current page. */
static int skip_in_page(ParquetReader *reader, uint64_t n, QueryError *error)
{
    uint64_t bits[VEC_VALID_WORDS + 1], n_values = 0;

    reader->page_left -= n;
    if (!reader->levels.present) {
        n_values = n;
        n = 0;
    }
    while (n > 0) {
        uint32_t m = (uint32_t)MIN(n, (uint64_t)VEC_ROWS_MAX), n_valid;

        if (!level_read(&reader->levels, m, bits, 0, &n_valid))
            return reader_bad(reader, error, "a page's levels are cut short");
        n_values += n_valid;
        n -= m;
    }
    return values_skip(reader, n_values, error);
}

static int apply_skip(ParquetReader *reader, QueryError *error)
{
    int r = 0;

    while (r == 0 && reader->skip > 0) {
        uint64_t n;

        if (reader->page_left == 0) {
            PageHeader header;

            r = page_find(reader, &header, error);
            if (r != 0)
                return r;
            if ((uint64_t)header.n_values <= reader->skip) {
                reader->skip -= (uint64_t)header.n_values;
                page_pass(reader, &header);
                continue;
            }
            r = page_start(reader, &header, error);
            if (r != 0)
                return r;
        }
        n = MIN(reader->skip, reader->page_left);
        reader->skip -= n;
        r = n == reader->page_left && reader->kind != PAGE_NONE
                ? (reader->page_left = 0, 0) /* the rest of the page: nobody will look at it */
                : skip_in_page(reader, n, error);
    }
    return r;
}

/* --- nulls ------------------------------------------------------------------------------------ */

#define SPREAD(type)                                                                               \
    do {                                                                                           \
        const type *in = src;                                                                      \
        type *out = (type *)dst + first;                                                           \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            type keep = (type) - (type)vec_bit(valid, first + i);                                  \
            out[i] = *in & keep;                                                                   \
            in += keep & 1;                                                                        \
        }                                                                                          \
    } while (0)

/* Values without gaps to rows [first, first + n) of @dst; nulls become 0. One more is read. */
static void spread(void *dst, const void *src, uint32_t size, const uint64_t *valid, uint32_t first,
                   uint32_t n)
{
    switch (size) {
    case 1:
        SPREAD(uint8_t);
        break;
    case 2:
        SPREAD(uint16_t);
        break;
    case 4:
        SPREAD(uint32_t);
        break;
    case 8:
        SPREAD(uint64_t);
        break;
    default:
        SPREAD(unsigned __int128);
        break;
    }
}

/* --- one batch -------------------------------------------------------------------------------- */

typedef struct BatchDraft {
    uint32_t n_rows, filled;
    bool has_nulls;
    bool is_codes, is_flat;
    void *borrowed; /* values in a page */
    const uint16_t *sel;
    uint32_t n_sel, sel_at;
} BatchDraft;

static int draft_codes(ParquetReader *reader, BatchDraft *b, uint32_t m, uint32_t n_valid,
                       QueryError *error)
{
    uint32_t *target = n_valid == m ? reader->out_codes + b->filled : reader->scratch_codes;
    uint32_t max = 0;

    if (!rle_read(&reader->codes, n_valid, target, &max))
        return reader_bad(reader, error, "a page's codes are cut short");
    if (n_valid > 0 && max >= reader->n_dict)
        return reader_bad(reader, error, "a code lies outside of the dictionary");
    if (n_valid < m) {
        reader->scratch_codes[n_valid] = 0;
        spread(reader->out_codes, reader->scratch_codes, 4, reader->out_valid, b->filled, m);
    }
    b->is_codes = true;
    return 0;
}

/* Codes so far become values, because what follows is not codes. */
static void draft_flatten(ParquetReader *reader, BatchDraft *b)
{
    for (uint32_t i = 0; i < b->filled; i++)
        memcpy(reader->out_values + (size_t)i * reader->n_phys,
               (uint8_t *)reader->dict_values + (size_t)reader->out_codes[i] * reader->n_phys,
               reader->n_phys);
    b->is_codes = false;
}

/* The whole batch as a pointer into the page. */
static bool draft_borrow(ParquetReader *reader, BatchDraft *b, uint32_t m, uint32_t n_valid)
{
    size_t n_bytes = (size_t)m * reader->n_phys;

    if (b->filled > 0 || m < b->n_rows || n_valid < m || reader->kind != PAGE_PLAIN ||
        reader->column->conversion != PARQUET_AS_IS || reader->column->fixed_bytes == 0 ||
        reader->phys == PHYS_STRING || (uintptr_t)reader->data % reader->n_phys != 0 ||
        n_bytes > (size_t)(reader->data_end - reader->data))
        return false;
    b->borrowed = (void *)reader->data;
    reader->data += n_bytes;
    return true;
}

static int draft_values(ParquetReader *reader, BatchDraft *b, uint32_t m, uint32_t n_valid,
                        QueryError *error)
{
    uint8_t *target = reader->out_values + (size_t)b->filled * reader->n_phys;
    const uint16_t *sel = NULL;
    uint32_t n_sel = 0;
    int r;

    if (b->is_codes)
        draft_flatten(reader, b);
    b->is_flat = true;
    if (draft_borrow(reader, b, m, n_valid))
        return 0;
    if (b->sel && n_valid == m) {
        while (b->sel_at < b->n_sel && b->sel[b->sel_at] < b->filled)
            b->sel_at++;
        sel = b->sel + b->sel_at;
        n_sel = b->n_sel - b->sel_at;
    }
    if (n_valid < m)
        target = reader->scratch_values;
    r = values_decode(reader, n_valid, target, sel, n_sel, b->filled, error);
    if (r != 0)
        return r;
    if (n_valid < m) {
        memset(reader->scratch_values + (size_t)n_valid * reader->n_phys, 0, reader->n_phys);
        spread(reader->out_values, reader->scratch_values, reader->n_phys, reader->out_valid,
               b->filled, m);
    }
    return 0;
}

static void draft_nulls(ParquetReader *reader, BatchDraft *b, uint32_t m, uint32_t n_valid)
{
    if (n_valid < m) {
        if (!b->has_nulls)
            bits_set_range(reader->out_valid, 0, b->filled);
        b->has_nulls = true;
    } else if (b->has_nulls) {
        bits_set_range(reader->out_valid, b->filled, m);
    }
}

static int draft_part(ParquetReader *reader, BatchDraft *b, QueryError *error)
{
    uint32_t m = (uint32_t)MIN((uint64_t)(b->n_rows - b->filled), reader->page_left), n_valid;
    int r;

    if (!level_read(&reader->levels, m, reader->out_valid, b->filled, &n_valid))
        return reader_bad(reader, error, "a page's levels are cut short");
    draft_nulls(reader, b, m, n_valid);
    if (reader->kind == PAGE_CODES && !b->is_flat && reader->n_dict > 0)
        r = draft_codes(reader, b, m, n_valid, error);
    else
        r = draft_values(reader, b, m, n_valid, error);
    reader->page_left -= m;
    b->filled += m;
    return r;
}

static void draft_vector(const ParquetReader *reader, const BatchDraft *b, Vector *ret_out)
{
    *ret_out = (Vector){
        .type = reader->column->type,
        .phys = (uint8_t)reader->phys,
        .encoding = VEC_FLAT,
        .has_nulls = b->has_nulls,
        .valid = b->has_nulls ? reader->out_valid : NULL,
        .values = b->borrowed ? b->borrowed : reader->out_values,
    };
    if (b->is_codes) {
        ret_out->encoding = VEC_DICT;
        ret_out->values = reader->dict_values;
        ret_out->codes = reader->out_codes;
        ret_out->n_dict = reader->n_dict;
        ret_out->dict_id = reader->dict_id;
        ret_out->dict_is_unique = reader->dict_is_unique;
    }
}

int parquet_reader_next(ParquetReader *reader, uint32_t n_rows, const uint16_t *sel, uint32_t n_sel,
                        Vector *ret_out, QueryError *error)
{
    BatchDraft b = {.n_rows = n_rows, .sel = sel, .n_sel = n_sel};
    int r;

    if (reader->nested)
        return nested_reader_next(reader, n_rows, sel, n_sel, ret_out, error);
    page_buffers_free(reader->pool, &reader->retired);
    if (reader->ahead > 0)
        return reader_bad(reader, error, "rows are wanted that were not read");
    r = apply_skip(reader, error);
    while (r == 0 && b.filled < n_rows) {
        while (r == 0 && reader->page_left == 0) {
            PageHeader header;

            r = page_find(reader, &header, error);
            if (r == 0)
                r = page_start(reader, &header, error);
        }
        if (r == 0)
            r = draft_part(reader, &b, error);
    }
    if (r == 0)
        draft_vector(reader, &b, ret_out);
    return r;
}

int parquet_reader_dictionary(ParquetReader *reader, Vector *ret_dictionary, bool *ret_only,
                              QueryError *error)
{
    if (!reader->dictionary_loaded && reader->page_left == 0 && reader->rows_left > 0) {
        PageHeader header;
        int r = page_find(reader, &header, error);

        if (r != 0)
            return r;
    }
    *ret_dictionary = (Vector){
        .type = reader->column->type,
        .phys = (uint8_t)reader->phys,
        .encoding = VEC_FLAT,
        .values = reader->dict_values,
        .n_dict = reader->n_dict,
        .dict_id = reader->dict_id,
        .dict_is_unique = reader->dict_is_unique,
    };
    *ret_only = reader->chunk->only_dictionary;
    return 0;
}

int parquet_dictionary_size(const ParquetFile *file, uint32_t row_group, uint32_t column,
                            uint32_t *ret_n)
{
    const ParquetChunk *chunk = parquet_file_chunk(file, row_group, column);
    uint8_t bytes[256];
    size_t n = (size_t)MIN(chunk->n_bytes, (uint64_t)sizeof(bytes));
    PageHeader header;
    int r;

    *ret_n = 0;
    r = io_read(file->io, chunk->offset, n, bytes);
    if (r < 0)
        return r;
    /* The body is not here, so only the fields of the header can be looked at. */
    if (page_header_peek(bytes, bytes + n, &header) && header.type == PARQUET_PAGE_DICTIONARY &&
        header.n_values >= 0 && header.n_values <= INT32_MAX)
        *ret_n = (uint32_t)header.n_values;
    return 0;
}
