/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode FILE [ROUNDS] [COLUMN...]: how fast column chunks are read and decoded, one thread.
 * Prints for each column rows, ns per row, and GB/s of compressed input, the best of ROUNDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "exec/parquet/parquet.h"

typedef struct Timing {
    uint64_t fetch, decode;
} Timing;

static int decode_once(const ParquetFile *file, MemPool *pool, ParquetReader *reader,
                       uint32_t column, Timing *t)
{
    QueryError error = {0};
    int r = 0;

    for (uint32_t g = 0; r == 0 && g < parquet_file_n_row_groups(file); g++) {
        const ParquetChunk *chunk = parquet_file_chunk(file, g, column);
        IoRange range = {.offset = chunk->offset, .n_bytes = chunk->n_bytes};
        uint64_t left = parquet_file_row_group(file, g)->n_rows, start = clock_now_nsec();
        const uint8_t *bytes;
        IoFetch *fetch;

        r = io_fetch_start(parquet_file_io(file), pool, &range, 1, &fetch);
        if (r != 0)
            break;
        r = io_fetch_wait(fetch, 0, &bytes);
        t->fetch += clock_now_nsec() - start;
        start = clock_now_nsec();
        if (r == 0)
            r = parquet_reader_open(reader, file, g, column, bytes, &error);
        while (r == 0 && left > 0) {
            uint32_t n = (uint32_t)MIN((uint64_t)VEC_ROWS_MAX, left);
            Vector v;

            r = parquet_reader_next(reader, n, NULL, 0, &v, &error);
            left -= n;
        }
        t->decode += clock_now_nsec() - start;
        parquet_reader_close(reader);
        (void)io_fetch_free(fetch);
    }
    if (r != 0)
        fprintf(stderr, "%d %s\n", r, error.message);
    return r;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 3;
}

int main(int argc, char **argv)
{
    QueryError error = {0};
    ParquetReader *reader;
    ParquetFile *file;
    IoContext *io;
    IoFile *f;
    MemPool *pool;

    if (argc < 2 || mem_pool_new((uint64_t)4 << 30, NULL, NULL, &pool) < 0 ||
        io_context_new_pread(&io) < 0 || io_file_open(io, argv[1], &f, &error) != 0 ||
        parquet_file_open(f, pool, &file, &error) != 0 || parquet_reader_new(pool, &reader) != 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (uint32_t i = 0; i < parquet_file_n_columns(file); i++) {
        Timing best = {UINT64_MAX, UINT64_MAX};
        double rows = (double)parquet_file_rows(file);
        uint64_t bytes = 0;

        if (!wanted(parquet_file_column(file, i)->name, argc, argv))
            continue;
        for (int round = 0; round < (argc > 2 ? atoi(argv[2]) : 3); round++) {
            Timing t = {0, 0};

            if (decode_once(file, pool, reader, i, &t) != 0)
                return 1;
            best.fetch = MIN(best.fetch, t.fetch);
            best.decode = MIN(best.decode, t.decode);
        }
        for (uint32_t g = 0; g < parquet_file_n_row_groups(file); g++)
            bytes += parquet_file_chunk(file, g, i)->n_bytes;
        printf("%-20s fetch %6.2f ms  decode %7.2f ms  %6.2f ns/row  %6.2f GB/s in\n",
               parquet_file_column(file, i)->name, (double)best.fetch / 1e6,
               (double)best.decode / 1e6, (double)best.decode / rows,
               (double)bytes / (double)best.decode);
    }
    (void)parquet_reader_free(reader);
    (void)parquet_file_free(file);
    (void)io_file_unref(f);
    (void)io_context_free(io);
    (void)mem_pool_free(pool);
    return 0;
}
