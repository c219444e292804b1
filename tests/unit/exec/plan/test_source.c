/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards what exec/plan/source.h promises: which files a path means, one schema, statistics over
 * all files, a cache that notices changed files and keeps what is in use, and the error classes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet.h"
#include "exec/plan/source.h"
#include "tests/support/parquet_writer.h"

typedef struct Bed {
    MemPool *pool;
    MemArena *arena;
    IoContext *io;
    SessionFiles *files;
    char folder[64];
} Bed;

static int64_t offset; /* of the numbers that are written next */

static int64_t number_of(uint64_t row)
{
    return offset + (int64_t)row % 1000;
}

static const char *text_of(uint64_t row, char buf[64])
{
    snprintf(buf, 64, "text %d", (int)(row % 20));
    return buf;
}

static bool some_null(uint64_t row)
{
    return row % 10 == 0;
}

static const ParquetWriterColumn columns[] = {
    {.name = "a", .kind = WRITE_INT64, .dictionary = true, .number = number_of},
    {.name = "T",
     .kind = WRITE_STRING,
     .optional = true,
     .dictionary = true,
     .text = text_of,
     .null = some_null},
    {.name = "b", .kind = WRITE_INT32, .optional = true, .number = number_of},
};

static int setup(void **state)
{
    Bed *bed = calloc(1, sizeof(*bed));

    snprintf(bed->folder, sizeof(bed->folder), "/tmp/berth-source-XXXXXX");
    if (!mkdtemp(bed->folder) || mem_pool_new((uint64_t)64 << 20, NULL, NULL, &bed->pool) < 0 ||
        mem_arena_new(bed->pool, "test", &bed->arena) < 0 || io_context_new_pread(&bed->io) < 0 ||
        session_files_new(bed->pool, bed->io, &bed->files) < 0)
        return -1;
    offset = 0;
    session_files_enter(bed->files);
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    Bed *bed = *state;
    char command[128];

    session_files_leave(bed->files);
    (void)session_files_free(bed->files);
    (void)io_context_free(bed->io);
    (void)mem_arena_free(bed->arena);
    (void)mem_pool_free(bed->pool);
    snprintf(command, sizeof(command), "rm -rf %s", bed->folder);
    free(bed);
    return system(command);
}

static void put_file(const Bed *bed, const char *name, const void *bytes, size_t n)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", bed->folder, name);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void put_parquet(const Bed *bed, const char *name, uint32_t n_columns, uint64_t n_rows)
{
    size_t n;
    uint8_t *bytes = parquet_write(columns, n_columns, n_rows, 5000, 1000, &n);

    put_file(bed, name, bytes, n);
    free(bytes);
}

static int open_path(const Bed *bed, const char *path, const char *format, SourceInfo **ret,
                     QueryError *error)
{
    const char *paths[] = {path};
    SourceRequest request = {.paths = paths, .n_paths = 1, .format = format};

    return source_open(bed->files, &request, bed->arena, ret, error);
}

static int open_source(const Bed *bed, const char *name, SourceInfo **ret, QueryError *error)
{
    char path[256];

    snprintf(path, sizeof(path), "%s%s%s", bed->folder, name[0] ? "/" : "", name);
    *error = (QueryError){0};
    return open_path(bed, path, "parquet", ret, error);
}

static void expect_class(const Bed *bed, const char *name, const char *error_class)
{
    SourceInfo *source;
    QueryError error;

    assert_int_equal(open_source(bed, name, &source, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, error_class);
    assert_true(strlen(error.message) > 10);
}

static void test_one_file(void **state)
{
    Bed *bed = *state;
    SourceInfo *s;
    QueryError error;

    put_parquet(bed, "x.parquet", 3, 12000);
    assert_int_equal(open_source(bed, "x.parquet", &s, &error), 0);
    assert_int_equal(s->rows, 12000);
    assert_int_equal(s->n_files, 1);
    assert_int_equal(s->n_columns, 3);
    assert_string_equal(s->columns[1].name, "T");
    assert_int_equal(s->columns[0].type.kind, TYPE_LONG);
    assert_int_equal(s->columns[1].type.kind, TYPE_STRING);
    assert_true(s->columns[0].nullable && s->columns[0].never_null);
    assert_false(s->columns[1].never_null);
    assert_int_equal(s->columns[1].null_count, 1200);
    assert_true(s->columns[0].has_min_max);
    assert_int_equal(s->columns[0].min.i, 0);
    assert_int_equal(s->columns[0].max.i, 999);
    assert_memory_equal(vec_string_data(&s->columns[1].min.s), "text 1", 6);
    assert_in_range((int)s->columns[0].n_distinct, 900, 1100);
    assert_in_range((int)s->columns[1].n_distinct, 15, 30);
    assert_int_equal(source_find_column(s, "t", false), 1);
    assert_int_equal(source_find_column(s, "t", true), -1);
    assert_int_equal(source_find_column(s, "B", false), 2);
}

static void test_many_files_are_one_source(void **state)
{
    Bed *bed = *state;
    SourceInfo *s;
    QueryError error;
    char path[128];

    snprintf(path, sizeof(path), "%s/d", bed->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put_parquet(bed, "d/2.parquet", 3, 1000);
    offset = 5000;
    put_parquet(bed, "d/1.parquet", 3, 3000);
    put_file(bed, "d/_SUCCESS", "", 0);
    put_file(bed, "d/readme.txt", "text", 4);
    assert_int_equal(open_source(bed, "d", &s, &error), 0);
    assert_int_equal(s->n_files, 2);
    assert_int_equal(s->rows, 4000);
    assert_non_null(strstr(s->files[0].path, "1.parquet"));
    assert_int_equal(s->columns[0].min.i, 0);
    assert_int_equal(s->columns[0].max.i, 5999);
    assert_int_equal(open_source(bed, "d/[12].parquet", &s, &error), 0);
    assert_int_equal(s->n_files, 2);
    /* A column that a file lacks is null there; one that the first file lacks is not seen. */
    put_parquet(bed, "d/3.parquet", 2, 10);
    assert_int_equal(open_source(bed, "d", &s, &error), 0);
    assert_int_equal(s->rows, 4010);
    assert_int_equal(s->n_columns, 3);
    assert_null(s->files[0].columns);
    assert_int_equal(s->files[2].columns[2], SCAN_MISSING);
    assert_int_equal(s->columns[2].null_count, 10);
    assert_false(s->columns[2].has_min_max);
    put_parquet(bed, "d/0.parquet", 2, 10);
    assert_int_equal(open_source(bed, "d", &s, &error), 0);
    assert_int_equal(s->n_columns, 2);
}

static void test_the_cache_sees_changes(void **state)
{
    Bed *bed = *state;
    SourceInfo *one, *again, *changed;
    QueryError error;

    put_parquet(bed, "x.parquet", 3, 100);
    assert_int_equal(open_source(bed, "x.parquet", &one, &error), 0);
    assert_int_equal(open_source(bed, "x.parquet", &again, &error), 0);
    assert_ptr_equal(one->files[0].source, again->files[0].source);
    put_parquet(bed, "x.parquet", 3, 200);
    assert_int_equal(open_source(bed, "x.parquet", &changed, &error), 0);
    assert_int_equal(changed->rows, 200);
    /* The old footer is still there for the query that began with it. */
    assert_int_equal(parquet_file_rows(one->files[0].source), 100);
}

static void test_refusals_have_spark_classes(void **state)
{
    Bed *bed = *state;
    SourceInfo *s;
    QueryError error;
    char path[128];

    expect_class(bed, "absent.parquet", "PATH_NOT_FOUND");
    expect_class(bed, "no*.parquet", "PATH_NOT_FOUND");
    snprintf(path, sizeof(path), "%s/empty", bed->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_class(bed, "empty", "UNABLE_TO_INFER_SCHEMA");
    put_file(bed, "empty/data.csv", "a,b\n", 4);
    expect_class(bed, "empty", "UNABLE_TO_INFER_SCHEMA");
    put_file(bed, "text.parquet", "this is no Parquet file at all", 30);
    expect_class(bed, "text.parquet", "CANNOT_READ_FILE_FOOTER");
    put_file(bed, "zero.parquet", "", 0);
    expect_class(bed, "zero.parquet", "CANNOT_READ_FILE_FOOTER");
    put_file(bed, "tiny.parquet", "PAR1\0\0\0\x7fPAR1", 12);
    expect_class(bed, "tiny.parquet", "CANNOT_READ_FILE_FOOTER");
    put_parquet(bed, "x.parquet", 3, 100);
    snprintf(path, sizeof(path), "%s/x.parquet", bed->folder);
    assert_int_equal(truncate(path, 500), 0);
    expect_class(bed, "x.parquet", "CANNOT_READ_FILE_FOOTER");
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        expect_class(bed, "x.parquet", "FAILED_READ_FILE.NO_HINT");
    }
    error = (QueryError){0};
    assert_int_equal(open_path(bed, path, "orc", &s, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "UNSUPPORTED_DATASOURCE_FORMAT");
    error = (QueryError){0};
    assert_int_equal(open_path(bed, "relative", "parquet", &s, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "PATH_NOT_FOUND");
}

static void test_schemes_are_taken_off(void **state)
{
    Bed *bed = *state;
    char path[256];
    SourceInfo *s;

    put_parquet(bed, "x.parquet", 3, 100);
    snprintf(path, sizeof(path), "file://%s/x.parquet", bed->folder);
    assert_int_equal(open_path(bed, path, "parquet", &s, NULL), 0);
    snprintf(path, sizeof(path), "file:%s/x.parquet", bed->folder);
    assert_int_equal(open_path(bed, path, "Parquet", &s, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_one_file),
        T(test_many_files_are_one_source),
        T(test_the_cache_sees_changes),
        T(test_refusals_have_spark_classes),
        T(test_schemes_are_taken_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
