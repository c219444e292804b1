/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet_damage FILE SEED ROUNDS KEEP [FIELDS]: reads damaged copies of one good Parquet file.
 *
 * First every truncation at a border of the format: around each chunk's begin and end, the footer's
 * begin, and the last bytes; once as it is, and once with the footer put back behind what is left,
 * so that the offsets in it point outside or into something else. Then ROUNDS copies with flipped
 * bits, a third of them in page headers, a third in the footer, the rest anywhere; some also lose a
 * piece. Then about FIELDS copies with one number of the footer, of a page header or of an index
 * set to an extreme value (parquet_damage_fields.c).
 *
 * Each copy must be read or refused with one of the two classes, within the time and the memory
 * below, and the pool must be balanced. A copy that breaks this is written to KEEP and named;
 * exit 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "exec/parquet/index.h"
#include "tests/support/parquet_damage.h"

#define MEMORY_MAX ((uint64_t)256 << 20)
#define SECONDS_MAX 2.0
#define BORDERS_MAX 4096u
#define ROWS_MAX 1000000u /* per column: a repeated run may claim billions */

uint64_t damage_random(Damage *d, uint64_t below)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return below ? d->random % below : 0;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* a busy machine is no fault of the reader */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_rows(ParquetReader *reader, uint64_t left, QueryError *error)
{
    uint8_t seen = 0;
    int r = 0;

    for (uint64_t rows = 0; r == 0 && left > 0 && rows < ROWS_MAX;) {
        uint32_t n = (uint32_t)MIN(left, (uint64_t)VEC_ROWS_MAX);
        Vector v;

        r = parquet_reader_next(reader, n, NULL, 0, &v, error);
        for (uint32_t i = 0; r == 0 && i < n; i++) {
            const uint8_t *value;

            if (vec_row_is_null(&v, i))
                continue;
            value = (const uint8_t *)v.values + (size_t)phys_size(v.phys) * vec_index(&v, i);
            if (v.phys == PHYS_STRING) {
                const VecString *s = (const VecString *)value;

                for (uint32_t k = 0; k < s->length; k++)
                    seen ^= (uint8_t)vec_string_data(s)[k];
            } else {
                seen ^= value[phys_size(v.phys) - 1];
            }
        }
        left -= n;
        rows += n;
    }
    __asm__ volatile("" : : "r"(seen)); /* or nothing would be read */
    return r;
}

static bool is_within(const ParquetChunk *chunk, const ParquetPart *part)
{
    return part->n_dictionary <= chunk->n_bytes && part->offset >= chunk->offset &&
           part->offset - chunk->offset <= chunk->n_bytes &&
           part->n_bytes <= chunk->n_bytes - (part->offset - chunk->offset);
}

/* What the file says of the column beside its values; nothing that an index says is an error. */
static int read_hints(const ParquetFile *file, MemPool *pool, uint32_t group, uint32_t column)
{
    ParquetValue value = {0};
    ParquetPages pages;
    ParquetBloom bloom;
    ParquetPart part;
    MemArena *arena;
    int r = mem_arena_new(pool, "damage", &arena);

    if (r != 0)
        return r;
    r = parquet_pages_load(file, group, column, arena, &pages);
    for (uint32_t i = 0; r == 0 && i < pages.n; i++)
        if (pages.first_row[i] >= pages.first_row[i + 1])
            r = -ENOTRECOVERABLE;
    if (r == 0)
        r = parquet_part_find(file, group, column, 0, 1, arena, &part);
    if (r == 0 && !is_within(parquet_file_chunk(file, group, column), &part))
        r = -ENOTRECOVERABLE;
    (void)mem_arena_free(arena);
    if (r == 0)
        r = parquet_bloom_load(file, group, column, UINT64_MAX, pool, &bloom);
    if (r != 0)
        return r;
    (void)parquet_bloom_may_hold(&bloom, &value);
    parquet_bloom_done(&bloom, pool);
    return 0;
}

static int read_column(const ParquetFile *file, MemPool *pool, uint32_t column, QueryError *error)
{
    ParquetReader *reader;
    int r = parquet_reader_new(pool, &reader);

    for (uint32_t g = 0; r == 0 && g < parquet_file_n_row_groups(file); g++) {
        const ParquetChunk *chunk = parquet_file_chunk(file, g, column);
        IoRange range = {.offset = chunk->offset, .n_bytes = chunk->n_bytes};
        ParquetStatistics statistics;
        const uint8_t *bytes;
        IoFetch *fetch;

        parquet_statistics(file, g, column, &statistics);
        r = read_hints(file, pool, g, column);
        if (r != 0)
            break;
        r = io_fetch_start(parquet_file_io(file), pool, &range, 1, &fetch);
        if (r != 0)
            break;
        r = io_fetch_wait(fetch, 0, &bytes);
        if (r == 0)
            r = parquet_reader_open(reader, file, g, column, bytes, error);
        if (r == 0)
            r = read_rows(reader, parquet_file_row_group(file, g)->n_rows, error);
        parquet_reader_close(reader);
        (void)io_fetch_free(fetch);
    }
    (void)parquet_reader_free(reader);
    return r;
}

static int read_file(const uint8_t *bytes, size_t n, uint64_t *peak, QueryError *error)
{
    ParquetFile *file = NULL;
    ParquetCache *cache = NULL;
    IoContext *io = NULL;
    IoFile *f = NULL;
    MemPool *pool;
    int r = mem_pool_new(MEMORY_MAX, NULL, NULL, &pool);

    if (r < 0)
        return r;
    r = io_context_new_pread(&io);
    if (r == 0)
        r = io_file_open_buffer(io, "damaged", bytes, n, &f);
    if (r == 0)
        r = parquet_file_open(f, pool, &file, error);
    if (r == 0)
        r = parquet_cache_new(pool, &cache);
    if (r == 0)
        parquet_file_use_cache(file, cache);
    /* Twice: the second time what could be decompressed comes from the cache. */
    for (uint32_t i = 0; r == 0 && i < 2 * parquet_file_n_columns(file); i++)
        if (!parquet_file_column(file, i / 2)->unreadable)
            r = read_column(file, pool, i / 2, error);
    (void)parquet_cache_free(cache);
    (void)parquet_file_free(file);
    (void)io_file_unref(f);
    (void)io_context_free(io);
    *peak = mem_pool_peak(pool);
    if (mem_pool_reserved(pool) != 0)
        r = -ENOTRECOVERABLE;
    (void)mem_pool_free(pool);
    return r;
}

bool damage_try(Damage *d, size_t n, const char *what, uint64_t which)
{
    QueryError error = {0};
    uint64_t peak = 0;
    double start = seconds(), took;
    int r = read_file(d->bytes, n, &peak, &error);
    bool typed =
        r == QUERY_E_FAILED && (strcmp(error.error_class, "CANNOT_READ_FILE_FOOTER") == 0 ||
                                strcmp(error.error_class, "FAILED_READ_FILE.NO_HINT") == 0);

    took = seconds() - start;
    d->slowest = MAX(d->slowest, took);
    d->peak = MAX(d->peak, peak);
    d->n_read += r == 0;
    d->n_refused += typed;
    if ((r == 0 || typed) && took <= d->limit)
        return true;

    fprintf(stderr, "%s %llu: result %d (%s %s) after %.2f s, peak %llu KiB\n", what,
            (unsigned long long)which, r, error.error_class, error.message, took,
            (unsigned long long)(peak >> 10));
    FILE *f = fopen(d->keep, "we");
    if (f) {
        fwrite(d->bytes, 1, n, f);
        fclose(f);
    }
    return false;
}

static void add_border(Damage *d, size_t at)
{
    for (int k = -1; k <= 1 && d->n_borders < BORDERS_MAX; k++)
        if (at + (size_t)k < d->n_good)
            d->borders[d->n_borders++] = at + (size_t)k;
}

static bool find_borders(Damage *d)
{
    QueryError error = {0};
    ParquetFile *file = NULL;
    IoContext *io = NULL;
    IoFile *f = NULL;
    MemPool *pool;
    bool good = false;

    if (mem_pool_new(MEMORY_MAX, NULL, NULL, &pool) < 0)
        return false;
    if (io_context_new_pread(&io) == 0 &&
        io_file_open_buffer(io, "good", d->good, d->n_good, &f) == 0 &&
        parquet_file_open(f, pool, &file, &error) == 0) {
        for (uint32_t g = 0; g < parquet_file_n_row_groups(file); g++)
            for (uint32_t c = 0; c < parquet_file_n_columns(file); c++) {
                const ParquetChunk *chunk = parquet_file_chunk(file, g, c);

                add_border(d, (size_t)chunk->offset);
                add_border(d, (size_t)(chunk->offset + chunk->n_bytes));
            }
        good = true;
    } else {
        fprintf(stderr, "the good file: %s %s\n", error.error_class, error.message);
    }
    (void)parquet_file_free(file);
    (void)io_file_unref(f);
    (void)io_context_free(io);
    (void)mem_pool_free(pool);
    return good;
}

static bool cut_all(Damage *d)
{
    for (size_t n = 0; n <= 12; n++)
        add_border(d, n < d->n_good ? n : 0);
    for (size_t n = 0; n <= 12; n++)
        add_border(d, d->n_good - MIN(n, d->n_good));
    add_border(d, d->footer);
    for (uint32_t i = 0; i < d->n_borders; i++) {
        size_t at = d->borders[i], n_footer = d->n_good - d->footer;

        memcpy(d->bytes, d->good, at);
        if (!damage_try(d, at, "cut at", at))
            return false;
        if (at >= d->footer)
            continue;
        memcpy(d->bytes + at, d->good + d->footer, n_footer);
        if (!damage_try(d, at + n_footer, "with a footer, cut at", at))
            return false;
    }
    return true;
}

static bool flip_some(Damage *d, uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        size_t n = d->n_good, low = 0, high = n;
        uint64_t place = damage_random(d, 3);

        memcpy(d->bytes, d->good, n);
        if (place == 0)
            low = d->footer;
        for (uint64_t k = 1 + damage_random(d, place == 1 ? 3 : 8); k > 0; k--) {
            if (place == 1 && d->n_borders > 0) { /* the page header that begins there */
                low = d->borders[damage_random(d, d->n_borders)];
                high = MIN(n, low + 40);
            }
            d->bytes[low + damage_random(d, high - low)] ^= (uint8_t)(1u << damage_random(d, 8));
        }
        if (damage_random(d, 8) == 0) { /* a piece is missing in the middle, the footer stays */
            size_t at = damage_random(d, d->footer),
                   lost = damage_random(d, MIN(d->footer - at, (size_t)5000));

            memmove(d->bytes + at, d->bytes + at + lost, n - at - lost);
            n -= lost;
        }
        if (!damage_try(d, n, "round", i))
            return false;
    }
    return true;
}

static uint8_t *read_all(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    uint8_t *bytes = NULL;
    long n;

    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 12 && fseek(f, 0, SEEK_SET) == 0 &&
        (bytes = malloc((size_t)n)) && fread(bytes, 1, (size_t)n, f) == (size_t)n)
        *ret_n = (size_t)n;
    fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    Damage d = {.limit = SECONDS_MAX};
    uint32_t footer;
    uint8_t *good;
    bool fine;

    if ((argc != 5 && argc != 6) || !(good = read_all(argv[1], &d.n_good)) || d.n_good == 0)
        return 2;
#if defined(__SANITIZE_ADDRESS__)
    d.limit *= 5;
#endif
    memcpy(&footer, good + d.n_good - 8, 4);
    d.good = good;
    d.keep = argv[4];
    d.footer = d.n_good - 8 - MIN((size_t)footer, d.n_good - 8);
    d.random = strtoull(argv[2], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) + 1;
    d.borders = malloc((BORDERS_MAX + 3) * sizeof(size_t));
    d.bytes = malloc(DAMAGE_ROOM(d.n_good));
    if (!d.borders || !d.bytes)
        return 2;
    fine = find_borders(&d) && cut_all(&d) && flip_some(&d, strtoull(argv[3], NULL, 10)) &&
           (argc == 5 || damage_fields(&d, strtoull(argv[5], NULL, 10)));
    printf("%llu read %llu refused %.3f s peak %llu KiB\n", (unsigned long long)d.n_read,
           (unsigned long long)d.n_refused, d.slowest, (unsigned long long)(d.peak >> 10));
    free(d.borders);
    free(d.bytes);
    free(good);
    return fine ? 0 : 1;
}
