/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards IO-1 (both backends give the same bytes and the same errors), IO-2 (no request is in
 * flight when its memory is freed), IO-3 (what is listed is bounded and regular) of
 * exec/io/README.md. The whole suite runs three times: over pread, over a
 * restricted ring, and over a ring that only reads what the page cache does not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "sandbox/ring/ring.h"

#define FILE_BYTES ((size_t)5 << 20)

typedef struct Bed {
    Ring ring;
    IoContext *io;
    MemPool *pool;
    char folder[64], path[128];
    uint8_t *content;
} Bed;

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static int bed_up(void **state, bool with_ring)
{
    Bed *bed = calloc(1, sizeof(*bed));

    bed->ring = (Ring)RING_INIT;
    snprintf(bed->folder, sizeof(bed->folder), "/tmp/berth-io-XXXXXX");
    if (!mkdtemp(bed->folder) || mem_pool_new((uint64_t)64 << 20, NULL, NULL, &bed->pool) < 0)
        return -1;
    snprintf(bed->path, sizeof(bed->path), "%s/data", bed->folder);
    bed->content = malloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        bed->content[i] = (uint8_t)(i * 2654435761u >> 13);
    write_file(bed->path, bed->content, FILE_BYTES);
    if (with_ring) {
        /* A queue of two shows what happens when it is full. */
        RingOptions options = {.n_entries = 2, .n_files = 2};
        int r = ring_open(&options, &bed->ring);

        if (r < 0) {
            print_message("no ring here: %s\n", strerror(-r));
            return -1;
        }
        if (io_context_new_ring(&bed->ring, &bed->io) < 0)
            return -1;
    } else if (io_context_new_pread(&bed->io) < 0) {
        return -1;
    }
    *state = bed;
    return 0;
}

static int setup_pread(void **state)
{
    return bed_up(state, false);
}

static int setup_probe(void **state)
{
    return bed_up(state, true);
}

static int setup_ring(void **state)
{
    int r = bed_up(state, true);

    if (r == 0)
        io_context_set_probe(((Bed *)*state)->io, false);
    return r;
}

static int teardown(void **state)
{
    Bed *bed = *state;
    char command[128];

    (void)io_context_free(bed->io);
    if (bed->ring.fd >= 0)
        ring_close(&bed->ring);
    mem_pool_free(bed->pool);
    free(bed->content);
    snprintf(command, sizeof(command), "rm -rf %s", bed->folder);
    if (system(command) != 0)
        return -1;
    free(bed);
    return 0;
}

static void test_reads_any_range(void **state)
{
    Bed *bed = *state;
    uint8_t *got = malloc(FILE_BYTES);
    IoFile *file;

    assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
    assert_int_equal(io_file_size(file), FILE_BYTES);
    for (int i = 0; i < 50; i++) {
        size_t offset = (size_t)rand() % FILE_BYTES, n = (size_t)rand() % (FILE_BYTES - offset);

        assert_int_equal(io_read(file, offset, n, got), 0);
        assert_memory_equal(got, bed->content + offset, n);
    }
    assert_int_equal(io_read(file, FILE_BYTES, 0, got), 0);
    assert_int_equal(io_read(file, FILE_BYTES, 1, got), -ENODATA);
    assert_int_equal(io_read(file, UINT64_MAX, 2, got), -ENODATA);
    assert_true(io_context_metrics(bed->io).bytes_read > 0);
    io_file_unref(file);
    free(got);
}

static void test_fetch_gives_every_range_with_slop(void **state)
{
    Bed *bed = *state;
    /* Unsorted, touching, overlapping, far apart, empty, longer than one request. */
    IoRange ranges[] = {{4000000, 1000}, {0, 100},    {100, 50},        {120, 100},
                        {3000000, 1},    {500000, 0}, {600000, 2500000}};
    IoFetch *fetch;
    IoFile *file;

    assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(io_fetch_start(file, bed->pool, ranges, ARRAY_SIZE(ranges), &fetch), 0);
        assert_true(mem_pool_reserved(bed->pool) >= io_fetch_bytes(fetch));
        for (size_t i = ARRAY_SIZE(ranges); i-- > 0;) {
            const uint8_t *bytes;
            volatile uint8_t sink;

            assert_int_equal(io_fetch_wait(fetch, i, &bytes), 0);
            assert_memory_equal(bytes, bed->content + ranges[i].offset, ranges[i].n_bytes);
            for (size_t k = 0; k < IO_SLOP; k++)
                sink = bytes[ranges[i].n_bytes + k];
            (void)sink;
        }
        io_fetch_free(fetch);
        assert_int_equal(mem_pool_reserved(bed->pool), 0);
    }
    io_file_unref(file);
}

static void test_fetch_may_be_dropped_unread(void **state)
{
    Bed *bed = *state;
    IoRange range = {0, FILE_BYTES};
    IoFetch *fetch;
    IoFile *file;

    assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(io_fetch_start(file, bed->pool, &range, 1, &fetch), 0);
        io_fetch_free(fetch);
    }
    io_file_unref(file);
    assert_int_equal(mem_pool_reserved(bed->pool), 0);
}

static void test_fetch_refuses_what_is_not_there(void **state)
{
    Bed *bed = *state;
    IoRange outside = {FILE_BYTES - 10, 11}, wraps = {UINT64_MAX, 2}, all = {0, FILE_BYTES};
    IoFetch *fetch;
    IoFile *file;
    const uint8_t *bytes;

    assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
    assert_int_equal(io_fetch_start(file, bed->pool, &outside, 1, &fetch), -ENODATA);
    assert_int_equal(io_fetch_start(file, bed->pool, &wraps, 1, &fetch), -ENODATA);
    mem_pool_fail_charge(bed->pool, 1);
    assert_int_equal(io_fetch_start(file, bed->pool, &all, 1, &fetch), MEM_E_REFUSED);
    /* The file shrinks behind our back. */
    assert_int_equal(truncate(bed->path, 1000000), 0);
    assert_int_equal(io_fetch_start(file, bed->pool, &all, 1, &fetch), 0);
    assert_int_equal(io_fetch_wait(fetch, 0, &bytes), -ENODATA);
    io_fetch_free(fetch);
    write_file(bed->path, bed->content, FILE_BYTES);
    io_file_unref(file);
    assert_int_equal(mem_pool_reserved(bed->pool), 0);
}

typedef struct Reader {
    Bed *bed;
    IoFile *file;
    int failures;
} Reader;

static void *read_much(void *arg)
{
    Reader *r = arg;

    for (int i = 0; i < 60; i++) {
        IoRange ranges[3] = {{(size_t)(i * 77777) % 2000000, 700000},
                             {(size_t)(i * 33333) % 4000000, 5000},
                             {4500000, 300000}};
        IoFetch *fetch;
        const uint8_t *bytes;

        if (io_fetch_start(r->file, r->bed->pool, ranges, 3, &fetch) != 0) {
            r->failures++;
            continue;
        }
        for (int k = 0; k < 3; k++)
            if (io_fetch_wait(fetch, (size_t)k, &bytes) != 0 ||
                memcmp(bytes, r->bed->content + ranges[k].offset, ranges[k].n_bytes) != 0)
                r->failures++;
        io_fetch_free(fetch);
    }
    return NULL;
}

static void test_threads_share_a_context(void **state)
{
    Bed *bed = *state;
    pthread_t threads[4];
    Reader readers[4];
    IoFile *file;

    assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
    for (int i = 0; i < 4; i++) {
        readers[i] = (Reader){.bed = bed, .file = file};
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, &readers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].failures, 0);
    }
    io_file_unref(file);
    assert_int_equal(mem_pool_reserved(bed->pool), 0);
}

static void test_more_files_than_slots(void **state)
{
    Bed *bed = *state;
    IoFile *files[5];
    char path[160], text[32], got[32];

    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/f%d", bed->folder, i);
        snprintf(text, sizeof(text), "file number %d", i);
        write_file(path, text, strlen(text));
        assert_int_equal(io_file_open(bed->io, path, &files[i], NULL), 0);
    }
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++) {
            snprintf(text, sizeof(text), "file number %d", i);
            assert_int_equal(io_read(files[i], 0, strlen(text), got), 0);
            assert_memory_equal(got, text, strlen(text));
        }
    for (int i = 0; i < 5; i++)
        io_file_unref(files[i]);
}

static void test_more_files_than_descriptors(void **state)
{
    Bed *bed = *state;
    static IoFile *files[IO_OPEN_MAX + 20];
    char path[160], text[32], got[32];

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof(path), "%s/g%zu", bed->folder, i);
        snprintf(text, sizeof(text), "file number %05zu", i);
        write_file(path, text, strlen(text));
        assert_int_equal(io_file_open(bed->io, path, &files[i], NULL), 0);
    }
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_SIZE(files); i += 3) {
            snprintf(text, sizeof(text), "file number %05zu", i);
            assert_int_equal(io_read(files[i], 0, strlen(text), got), 0);
            assert_memory_equal(got, text, strlen(text));
        }
    /* The second file has been parked; what stands there now is another one. */
    snprintf(path, sizeof(path), "%s/g1", bed->folder);
    write_file(path, "something else here", 17);
    assert_int_equal(io_read(files[1], 0, 5, got), -ESTALE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(io_read(files[1], 0, 5, got), -ENOENT);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        io_file_unref(files[i]);
}

static void expect_class(Bed *bed, const char *path, const char *error_class)
{
    QueryError error = {0};
    IoFile *file;

    assert_int_equal(io_file_open(bed->io, path, &file, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, error_class);
    assert_non_null(strstr(error.message, path));
}

static void test_open_refuses_what_is_no_file(void **state)
{
    Bed *bed = *state;
    char path[160];

    expect_class(bed, "relative", "PATH_NOT_FOUND");
    snprintf(path, sizeof(path), "%s/absent", bed->folder);
    expect_class(bed, path, "PATH_NOT_FOUND");
    expect_class(bed, bed->folder, "FAILED_READ_FILE.NO_HINT");
    snprintf(path, sizeof(path), "%s/fifo", bed->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_class(bed, path, "FAILED_READ_FILE.NO_HINT");
    expect_class(bed, "/dev/null", "FAILED_READ_FILE.NO_HINT");
}

static void touch(const Bed *bed, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", bed->folder, name);
    write_file(path, "x", 1);
}

static void expect_list(const Bed *bed, const char *pattern, int n, const char *const *names)
{
    char path[256], expected[256];
    IoList list;

    snprintf(path, sizeof(path), "%s/%s", bed->folder, pattern);
    assert_int_equal(io_list(path, 100, &list, NULL), 0);
    assert_int_equal(list.n_paths, n);
    for (int i = 0; i < n; i++) {
        snprintf(expected, sizeof(expected), "%s/%s", bed->folder, names[i]);
        assert_string_equal(list.files[i].path, expected);
    }
    io_list_done(&list);
}

static void test_lists_folders_and_patterns(void **state)
{
    Bed *bed = *state;
    QueryError error = {0};
    char path[160];
    IoList list;

    snprintf(path, sizeof(path), "%s/d", bed->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/d/sub", bed->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    touch(bed, "d/b.parquet");
    touch(bed, "d/a.parquet");
    touch(bed, "d/_SUCCESS");
    touch(bed, "d/.hidden");
    touch(bed, "d/sub/c.parquet");
    expect_list(bed, "d", 3, (const char *[]){"d/a.parquet", "d/b.parquet", "d/sub/c.parquet"});
    expect_list(bed, "d/*.parquet", 2, (const char *[]){"d/a.parquet", "d/b.parquet"});
    expect_list(bed, "*/[b-z].parquet", 1, (const char *[]){"d/b.parquet"});
    expect_list(bed, "d/?.parquet", 2, (const char *[]){"d/a.parquet", "d/b.parquet"});
    expect_list(bed, "d/a.parquet", 1, (const char *[]){"d/a.parquet"});
    snprintf(path, sizeof(path), "%s/d/x*.parquet", bed->folder);
    assert_int_equal(io_list(path, 100, &list, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "PATH_NOT_FOUND");
    snprintf(path, sizeof(path), "%s/d", bed->folder);
    assert_int_equal(io_list(path, 2, &list, NULL), QUERY_E_FAILED);
    assert_int_equal(io_list("d", 2, &list, NULL), QUERY_E_FAILED);
}

/* What was just written is in the page cache: the ring sees it only when it must. */
static void test_cached_bytes_go_past_the_ring(void **state)
{
    Bed *bed = *state;
    IoRange range = {.offset = 1000, .n_bytes = 3 << 20};

    for (int probe = 1; probe >= 0; probe--) {
        IoMetrics before = io_context_metrics(bed->io), after;
        const uint8_t *bytes;
        IoFetch *fetch;
        IoFile *file;

        io_context_set_probe(bed->io, probe);
        assert_int_equal(io_file_open(bed->io, bed->path, &file, NULL), 0);
        assert_int_equal(io_fetch_start(file, bed->pool, &range, 1, &fetch), 0);
        assert_int_equal(io_fetch_wait(fetch, 0, &bytes), 0);
        assert_memory_equal(bytes, bed->content + range.offset, range.n_bytes);
        (void)io_fetch_free(fetch);
        io_file_unref(file);
        after = io_context_metrics(bed->io);
        assert_int_equal(after.bytes_read - before.bytes_read, range.n_bytes);
        if (probe)
            assert_int_equal(after.n_ring, before.n_ring);
        else
            assert_true(after.n_ring > before.n_ring);
    }
}

#define ON_ALL(test)                                                                               \
    {#test " (pread)", test, setup_pread, teardown, NULL},                                         \
        {#test " (ring)", test, setup_ring, teardown, NULL},                                       \
    {                                                                                              \
#test " (probe)", test, setup_probe, teardown, NULL                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_reads_any_range),
        ON_ALL(test_fetch_gives_every_range_with_slop),
        ON_ALL(test_fetch_may_be_dropped_unread),
        ON_ALL(test_fetch_refuses_what_is_not_there),
        ON_ALL(test_threads_share_a_context),
        ON_ALL(test_more_files_than_slots),
        ON_ALL(test_more_files_than_descriptors),
        ON_ALL(test_open_refuses_what_is_no_file),
        ON_ALL(test_lists_folders_and_patterns),
        cmocka_unit_test_setup_teardown(test_cached_bytes_go_past_the_ring, setup_probe, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
