/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole Parquet file from memory: footer, statistics, every readable column, in batches and with
 * rows left out. Whatever the bytes, the pool is balanced afterwards and stays below its limit.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/index.h"

#define MEMORY_MAX ((uint64_t)256 << 20)
#define ROWS_MAX 200000u /* per column: a repeated run may claim billions */

static void touch(const Vector *v, uint32_t n)
{
    size_t size = phys_size(v->phys);
    volatile uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *value;

        if (vec_row_is_null(v, i))
            continue;
        if (v->encoding == VEC_DICT && v->codes[i] >= v->n_dict)
            abort();
        value = (const uint8_t *)v->values + size * vec_index(v, i);
        if (v->phys == PHYS_STRING) {
            const VecString *s = (const VecString *)value;

            if (s->length > 0)
                sum += (uint8_t)vec_string_data(s)[s->length - 1];
        } else {
            sum += value[size - 1];
        }
    }
    (void)sum;
}

static void read_column(const ParquetFile *file, MemPool *pool, ParquetReader *reader,
                        uint32_t group, uint32_t column)
{
    const ParquetChunk *chunk = parquet_file_chunk(file, group, column);
    uint64_t left = parquet_file_row_group(file, group)->n_rows, seen = 0;
    IoRange range = {.offset = chunk->offset, .n_bytes = chunk->n_bytes};
    ParquetStatistics statistics;
    const uint8_t *bytes;
    uint32_t n_dictionary;
    QueryError error = {0};
    IoFetch *fetch;

    parquet_statistics(file, group, column, &statistics);
    (void)parquet_dictionary_size(file, group, column, &n_dictionary);
    if (io_fetch_start(parquet_file_io(file), pool, &range, 1, &fetch) != 0)
        return;
    if (io_fetch_wait(fetch, 0, &bytes) == 0 &&
        parquet_reader_open(reader, file, group, column, bytes, &error) == 0) {
        while (left > 0 && seen < ROWS_MAX) {
            uint32_t n = (uint32_t)MIN((uint64_t)(seen % 3 ? 700 : VEC_ROWS_MAX), left);
            uint16_t sel[2] = {0, (uint16_t)(n - 1)};
            bool some = seen % 5 == 1;
            Vector v;

            if (parquet_reader_next(reader, n, some ? sel : NULL, n > 1 ? 2 : 1, &v, &error) != 0)
                break;
            if (!some)
                touch(&v, n);
            left -= n;
            seen += n;
            if (left > 1000 && seen % 7 == 0) {
                parquet_reader_skip(reader, 900);
                left -= 900;
            }
        }
    }
    parquet_reader_close(reader);
    (void)io_fetch_free(fetch);
}

/* What the file says of the column beside its values. */
static void read_hints(const ParquetFile *file, MemPool *pool, uint32_t group, uint32_t column)
{
    ParquetValue value = {0};
    ParquetPages pages;
    const ParquetChunk *chunk = parquet_file_chunk(file, group, column);
    ParquetBloom bloom;
    ParquetPart part;
    MemArena *arena;

    if (mem_arena_new(pool, "fuzz", &arena) != 0)
        return;
    if (parquet_pages_load(file, group, column, arena, &pages) == 0)
        for (uint32_t i = 0; i < pages.n; i++)
            if (pages.first_row[i] >= pages.first_row[i + 1])
                abort();
    if (parquet_part_find(file, group, column, 0, 1, arena, &part) == 0 &&
        (part.offset < chunk->offset || part.n_bytes > chunk->n_bytes ||
         part.n_dictionary > chunk->n_bytes))
        abort();
    (void)mem_arena_free(arena);
    if (parquet_bloom_load(file, group, column, UINT64_MAX, pool, &bloom) != 0)
        return;
    (void)parquet_bloom_may_hold(&bloom, &value);
    parquet_bloom_done(&bloom, pool);
}

static void read_all(const ParquetFile *file, MemPool *pool)
{
    ParquetReader *reader;

    if (parquet_reader_new(pool, &reader) != 0)
        return;
    for (uint32_t g = 0; g < MIN(parquet_file_n_row_groups(file), 8u); g++)
        for (uint32_t c = 0; c < MIN(parquet_file_n_columns(file), 64u); c++)
            if (!parquet_file_column(file, c)->unreadable) {
                read_hints(file, pool, g, c);
                read_column(file, pool, reader, g, c);
            }
    (void)parquet_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ParquetFile *file = NULL;
    IoContext *io = NULL;
    QueryError error = {0};
    IoFile *f = NULL;
    MemPool *pool;

    if (mem_pool_new(MEMORY_MAX, NULL, NULL, &pool) < 0)
        return 0;
    if (io_context_new_pread(&io) == 0 && io_file_open_buffer(io, "fuzz", data, size, &f) == 0 &&
        parquet_file_open(f, pool, &file, &error) == 0)
        read_all(file, pool);
    (void)parquet_file_free(file);
    (void)io_file_unref(f);
    (void)io_context_free(io);
    if (mem_pool_reserved(pool) != 0)
        abort();
    (void)mem_pool_free(pool);
    return 0;
}
