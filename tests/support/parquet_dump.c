/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet_dump FILE OUT [BATCH [SKIP]]: decodes all columns that can be read and writes them as
 * plain arrays for tests/integration/parquet.py to compare with what another implementation reads.
 *
 *   OUT.N.valid    one byte per row of column N
 *   OUT.N.values   fixed-size values (0 where null); strings: their bytes
 *   OUT.N.lengths  strings only: int64 per row
 *
 * After each BATCH rows (default 4096) SKIP rows (default 0) are left out. `parquet_dump FILE`
 * alone prints the columns: name, type, rows. Exit 2 with class and message on stderr for bad
 * input.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet.h"

typedef struct Dump {
    FILE *valid, *values, *lengths; /* NULL: read and forget, so that the cache has the pages */
    uint32_t batch, skip;
} Dump;

static int fail(int r, const QueryError *error)
{
    if (r == QUERY_E_FAILED)
        fprintf(stderr, "%s %s\n", error->error_class, error->message);
    else
        fprintf(stderr, "error %d\n", r);
    return 2;
}

static void write_rows(const Dump *d, const Vector *v, uint32_t n)
{
    size_t size = phys_size(v->phys);
    static const char zeros[16];

    for (uint32_t i = 0; i < n; i++) {
        bool null = vec_row_is_null(v, i);
        const char *value = (const char *)v->values + size * vec_index(v, i);

        fputc(!null, d->valid);
        if (v->phys == PHYS_STRING) {
            const VecString *s = (const VecString *)value;
            int64_t length = null ? 0 : s->length;

            fwrite(&length, 8, 1, d->lengths);
            fwrite(null ? "" : vec_string_data(s), 1, (size_t)length, d->values);
        } else {
            fwrite(null ? zeros : value, 1, size, d->values);
        }
    }
}

static int dump_column(const Dump *d, const ParquetFile *file, MemPool *pool, uint32_t column,
                       QueryError *error)
{
    ParquetReader *reader;
    int r = parquet_reader_new(pool, &reader);

    for (uint32_t g = 0; r == 0 && g < parquet_file_n_row_groups(file); g++) {
        const ParquetChunk *chunk = parquet_file_chunk(file, g, column);
        uint64_t left = parquet_file_row_group(file, g)->n_rows;
        IoRange range = {.offset = chunk->offset, .n_bytes = chunk->n_bytes};
        const uint8_t *bytes;
        IoFetch *fetch;

        r = io_fetch_start(parquet_file_io(file), pool, &range, 1, &fetch);
        if (r != 0)
            break;
        r = io_fetch_wait(fetch, 0, &bytes);
        if (r == 0)
            r = parquet_reader_open(reader, file, g, column, bytes, error);
        while (r == 0 && left > 0) {
            uint32_t n = (uint32_t)MIN((uint64_t)d->batch, left);
            Vector v;

            r = parquet_reader_next(reader, n, NULL, 0, &v, error);
            if (r != 0)
                break;
            if (d->valid)
                write_rows(d, &v, n);
            left -= n;
            if (left > 0 && d->skip > 0) {
                parquet_reader_skip(reader, MIN((uint64_t)d->skip, left));
                left -= MIN((uint64_t)d->skip, left);
            }
        }
        parquet_reader_close(reader);
        (void)io_fetch_free(fetch);
    }
    (void)parquet_reader_free(reader);
    return r;
}

static FILE *open_part(const char *prefix, uint32_t column, const char *suffix)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s.%u.%s", prefix, column, suffix);
    return fopen(path, "we");
}

static void print_columns(const ParquetFile *file)
{
    for (uint32_t i = 0; i < parquet_file_n_columns(file); i++) {
        const ParquetColumn *c = parquet_file_column(file, i);
        char type[256];

        printf("%s %s\n", c->name,
               c->unreadable ? c->unreadable : type_format(c->type, type, sizeof(type)));
    }
    printf("rows %llu\n", (unsigned long long)parquet_file_rows(file));
}

static int dump_file(int argc, char **argv, const ParquetFile *file, MemPool *pool,
                     QueryError *error)
{
    Dump d = {.batch = argc > 3 ? (uint32_t)atoi(argv[3]) : VEC_ROWS_MAX,
              .skip = argc > 4 ? (uint32_t)atoi(argv[4]) : 0};
    int r = 0;

    if (argc < 3) {
        print_columns(file);
        return 0;
    }
    for (uint32_t i = 0; r == 0 && i < parquet_file_n_columns(file); i++) {
        if (parquet_file_column(file, i)->unreadable)
            continue;
        d.valid = d.values = d.lengths = NULL;
        r = dump_column(&d, file, pool, i, error);
        if (r != 0)
            break;
        d.valid = open_part(argv[2], i, "valid");
        d.values = open_part(argv[2], i, "values");
        d.lengths = open_part(argv[2], i, "lengths");
        if (!d.valid || !d.values || !d.lengths)
            return -EIO;
        r = dump_column(&d, file, pool, i, error);
        fclose(d.valid);
        fclose(d.values);
        fclose(d.lengths);
    }
    return r;
}

int main(int argc, char **argv)
{
    QueryError error = {0};
    ParquetFile *file = NULL;
    ParquetCache *cache = NULL;
    IoContext *io = NULL;
    IoFile *f = NULL;
    MemPool *pool;
    int r;

    if (argc < 2 || mem_pool_new((uint64_t)1 << 30, NULL, NULL, &pool) < 0 ||
        io_context_new_pread(&io) < 0)
        return 1;
    r = io_file_open(io, argv[1], &f, &error);
    if (r == 0)
        r = parquet_file_open(f, pool, &file, &error);
    if (r == 0)
        r = parquet_cache_new(pool, &cache);
    if (r == 0)
        parquet_file_use_cache(file, cache);
    if (r == 0)
        r = dump_file(argc, argv, file, pool, &error);
    (void)parquet_cache_free(cache);
    (void)parquet_file_free(file);
    (void)io_file_unref(f);
    (void)io_context_free(io);
    (void)mem_pool_free(pool);
    return r == 0 ? 0 : fail(r, &error);
}
