/* SPDX-License-Identifier: Apache-2.0 */

/* Statements that write, with each charge of memory refused in turn, and on a disk that is full:
 * they end with an error and the old data, or with the new (W-4, W-9 of exec/write/README.md). And
 * the gateway is told before anything is visible (W-7). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/connect/service.h"
#include "exec/io/io.h"
#include "exec/write/commit_tree.h"

typedef struct Bed {
    char root[64];
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    ServiceSession *session;
    uint32_t n_effects;
    uint32_t files_at_effect;
    atomic_bool cancelled;
    bool cancel_at_effect;
} Bed;

/* Data files of @folder below the root; *@ret_left counts what should not be there. */
static uint32_t count_files(const Bed *bed, const char *folder, uint32_t *ret_left)
{
    char path[128];
    uint32_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", bed->root, folder);
    DIR *dir = opendir(path);
    *ret_left = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        n += strncmp(e->d_name, "part-", 5) == 0;
        *ret_left +=
            strncmp(e->d_name, "_temporary", 10) == 0 || strncmp(e->d_name, "_committed", 10) == 0;
    }
    if (dir)
        (void)closedir(dir);
    return n;
}

static int on_emit(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows,
                   uint16_t flags)
{
    Bed *bed = userdata;
    uint32_t left;
    if (!(flags & DATA_FLAG_EFFECT))
        return 0;
    bed->n_effects++;
    bed->files_at_effect = count_files(bed, "t", &left);
    if (bed->cancel_at_effect)
        return QUERY_E_CANCELLED;
    return 0;
}

static int run_sql(Bed *bed, QueryError *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int run_sql(Bed *bed, QueryError *error, const char *format, ...)
{
    char text[1024];
    va_list ap;
    ServiceOperation operation = {.userdata = bed, .cancelled = &bed->cancelled, .emit = on_emit};
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    *error = (QueryError){0};
    bed->n_effects = 0;
    return service_execute_sql(bed->session, &operation, text, strlen(text), NULL, error);
}

static void remove_target(const Bed *bed)
{
    int fd = open(bed->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)tree_remove(fd, "t");
    (void)close(fd);
}

/* The new data: more files than one, of all kinds of values. */
#define NEW                                                                                        \
    "SELECT id, CAST(id AS STRING) AS s, concat('a string that is not inline ', id % 100) AS l, "  \
    "IF(id % 3 = 0, NULL, id * 0.5D) AS d, CAST(id AS DECIMAL(30,2)) AS w FROM range(40000)"
#define NESTED "SELECT id, array(id, NULL) AS a, map('k', struct(id AS x)) AS m FROM range(9000)"

static const struct {
    const char *format, *options, *query;
} cases[] = {
    {"parquet", "compression 'snappy'", NEW},
    {"parquet", "compression 'zstd', 'parquet.block.size' = '100000'", NESTED},
    {"parquet", "compression 'gzip', maxRecordsPerFile '1000'", NESTED},
    {"csv", "header 'true'", NEW},
    {"json", "compression 'gzip'", NESTED},
    {"text", "compression 'zstd'", "SELECT CAST(id AS STRING) AS s FROM range(50000)"},
};

static void check_outcome(Bed *bed, int r, const QueryError *error)
{
    uint32_t left, n = count_files(bed, "t", &left);
    assert_int_equal(left, 0);
    assert_true(n >= 1);
    if (r != 0) {
        assert_int_equal(n, 1);
        assert_int_equal(r, QUERY_E_FAILED);
        assert_true(*error->error_class);
    }
    (void)count_files(bed, ".", &left);
    assert_int_equal(left, 0);
}

static void test_refused_memory(void **state)
{
    Bed *bed = *state;
    QueryError error;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t failed = 0, done = 0;
        for (uint64_t nth = 1; nth < 400 && done < 3; nth += 1 + nth / 12) {
            remove_target(bed);
            assert_int_equal(run_sql(bed, &error,
                                     "INSERT OVERWRITE DIRECTORY '%s/t' USING text SELECT 'old'",
                                     bed->root),
                             0);
            mem_pool_fail_charge(bed->pool, nth);
            int r =
                run_sql(bed, &error, "INSERT OVERWRITE DIRECTORY '%s/t' USING %s OPTIONS (%s) %s",
                        bed->root, cases[i].format, cases[i].options, cases[i].query);
            mem_pool_fail_charge(bed->pool, 0);
            check_outcome(bed, r, &error);
            failed += r != 0;
            done += r == 0;
        }
        assert_true(failed > 5 && done > 0);
    }
}

/* Files may have so many bytes and no more: what a quota or a full disk says at some byte. */
static void test_disk_full(void **state)
{
    static const rlim_t limits[] = {1, 100, 4096, 70000};
    Bed *bed = *state;
    QueryError error;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
            remove_target(bed);
            assert_int_equal(run_sql(bed, &error,
                                     "INSERT OVERWRITE DIRECTORY '%s/t' USING text SELECT 'old'",
                                     bed->root),
                             0);
            struct rlimit limit = {limits[k], before.rlim_max};
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
            int r =
                run_sql(bed, &error, "INSERT OVERWRITE DIRECTORY '%s/t' USING %s OPTIONS (%s) %s",
                        bed->root, cases[i].format, cases[i].options, cases[i].query);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
            check_outcome(bed, r, &error);
            if (limits[k] <= 100)
                assert_string_equal(error.error_class, "TASK_WRITE_FAILED");
        }
}

static void test_told_before_it_is_visible(void **state)
{
    Bed *bed = *state;
    QueryError error;
    uint32_t left;
    remove_target(bed);
    assert_int_equal(
        run_sql(bed, &error, "INSERT OVERWRITE DIRECTORY '%s/t' USING csv SELECT 1", bed->root), 0);
    assert_int_equal(bed->n_effects, 1);
    assert_int_equal(bed->files_at_effect, 0);
    assert_int_equal(count_files(bed, "t", &left), 1);

    /* A cancel that comes with it is in time. */
    remove_target(bed);
    bed->cancel_at_effect = true;
    assert_int_equal(
        run_sql(bed, &error, "INSERT OVERWRITE DIRECTORY '%s/t' USING csv SELECT 1", bed->root),
        QUERY_E_CANCELLED);
    bed->cancel_at_effect = false;
    assert_int_equal(count_files(bed, "t", &left), 0);
    (void)count_files(bed, ".", &left);
    assert_int_equal(left, 0);

    /* Nothing to do, nothing to tell. */
    assert_int_equal(run_sql(bed, &error, "SELECT 1"), 0);
    assert_int_equal(bed->n_effects, 0);
}

static int setup(void **state)
{
    static Bed bed = {.root = "/tmp/berth-write-XXXXXX"};
    if (!mkdtemp(bed.root) || mem_pool_new(UINT64_C(256) << 20, NULL, NULL, &bed.pool) != 0 ||
        io_context_new_pread(&bed.io) != 0 || session_files_new(bed.pool, bed.io, &bed.files) != 0)
        return -1;
    ServiceHost host = {.pool = bed.pool, .files = bed.files};
    *state = &bed;
    return service_session_new(&host, &bed.session);
}

static int teardown(void **state)
{
    Bed *bed = *state;
    service_session_free(bed->session);
    session_files_free(bed->files);
    io_context_free(bed->io);
    mem_pool_free(bed->pool); /* asserts a balance of zero */
    remove_target(bed);
    return rmdir(bed->root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_before_it_is_visible),
        cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
