/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/history/history.h"

static const HistoryFilter everything = {.uid = UINT32_MAX};
static const HistoryLimits roomy = {.queries_max = 100000, .workloads_max = 1000};

typedef struct Place {
    char dir[64];
    char file[96];
} Place;

static int setup(void **state)
{
    Place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    snprintf(p->dir, sizeof(p->dir), "/tmp/berth-history-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/history.sqlite", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    Place *p = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    int r = system(command);
    free(p);
    return r;
}

static HistoryRecord record(uint32_t uid, uint64_t fingerprint, uint64_t start, uint64_t peak)
{
    HistoryRecord r = {
        .start_usec = start,
        .uid = uid,
        .session = 7,
        .query = 3,
        .fingerprint = fingerprint,
        .rows = 11,
        .scan_bytes = 12,
        .estimate_bytes = 4 * peak,
        .grant_bytes = 8 * peak,
        .peak_bytes = peak,
        .limit_bytes = 9 * peak,
        .cpu_usec = 100,
        .queued_usec = 10,
        .elapsed_usec = 200,
        .generation = 1,
    };

    strcpy(r.version, "1.0");
    strcpy(r.operation, "00000000-0000-0000-0000-000000000001");
    return r;
}

static History *open_at(const Place *p, const HistoryLimits *limits, bool expect_damage)
{
    History *h = NULL;
    bool damaged = !expect_damage;

    assert_int_equal(history_open(p->dir, limits, &h, &damaged), 0);
    assert_int_equal(damaged, expect_damage);
    return h;
}

static size_t count(History *h, const HistoryFilter *filter)
{
    static HistoryRecord found[HISTORY_LIST_MAX];
    size_t n = 0;

    assert_int_equal(history_list(h, filter, found, HISTORY_LIST_MAX, &n), 0);
    return n;
}

static void test_what_was_written_is_there_after_a_restart(void **state)
{
    const Place *p = *state;
    HistoryRecord in[3] = {record(1000, UINT64_MAX - 5, 50, 1 << 20), record(1001, 9, 60, 2 << 20),
                           record(1000, UINT64_MAX - 5, 70, 3 << 20)};
    HistoryRecord out[4];
    HistoryWorkload work[4];
    size_t n = 0;

    in[2].state = QUERY_STATE_FAILED;
    in[2].cause = SESSION_CAUSE_OOM;
    in[2].rows = UINT64_MAX; /* ends at what sqlite holds */
    strcpy(in[2].operator_name, "hash join build");
    History *h = open_at(p, &roomy, false);
    assert_int_equal(history_append(h, in, 3), 0);
    h = history_close(h);
    h = open_at(p, &roomy, false);

    assert_int_equal(history_list(h, &everything, out, 4, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(out[0].start_usec, 70);
    assert_true(out[0].fingerprint == UINT64_MAX - 5);
    assert_true(out[0].rows == INT64_MAX);
    assert_int_equal(out[0].cause, SESSION_CAUSE_OOM);
    assert_string_equal(out[0].operator_name, "hash join build");
    assert_true(out[0].id > out[1].id);
    out[2].id = 0;
    assert_memory_equal(&out[2], &in[0], sizeof(in[0]));

    assert_int_equal(count(h, &(HistoryFilter){.uid = 1001}), 1);
    assert_int_equal(count(h, &(HistoryFilter){.uid = UINT32_MAX, .since_usec = 60}), 2);
    assert_int_equal(count(h, &(HistoryFilter){.uid = UINT32_MAX, .failed_only = true}), 1);
    assert_int_equal(count(h, &(HistoryFilter){.uid = UINT32_MAX, .fingerprint = 9}), 1);
    assert_int_equal(history_list(h, &everything, out, 1, &n), 0);
    assert_int_equal(n, 1);
    struct stat st;
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(history_workloads(h, &(HistoryFilter){.uid = 1000}, work, 4, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(work[0].n, 2);
    assert_int_equal(work[0].n_failed, 1);
    assert_int_equal(work[0].n_oom, 1);
    assert_int_equal(work[0].first_usec, 50);
    assert_int_equal(work[0].last_usec, 70);
    assert_int_equal(work[0].peak_bytes, 3 << 20);
    assert_int_equal(work[0].grant_bytes, 24 << 20);
    assert_int_equal(work[0].elapsed_usec, 400);
    assert_string_equal(work[0].version, "1.0");
    h = history_close(h);
}

static void test_rows_are_bounded_by_number(void **state)
{
    const HistoryLimits few = {.queries_max = 500, .workloads_max = 10};
    static HistoryRecord batch[100];
    HistoryWorkload work[200];
    size_t n;
    History *h = open_at(*state, &few, false);

    for (uint64_t i = 0; i < 4000; i += 100) {
        for (uint64_t k = 0; k < 100; k++)
            batch[k] = record(1000, 1 + (i + k) / 20, i + k, 1);
        assert_int_equal(history_append(h, batch, 100), 0);
    }
    n = count(h, &everything);
    assert_in_range(n, 500, 1600);
    assert_int_equal(history_workloads(h, &everything, work, 200, &n), 0);
    assert_in_range(n, 10, 100);
    assert_int_equal(work[0].fingerprint, 200);
    h = history_close(h);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
}

static void test_a_file_that_is_none_is_put_aside(void **state)
{
    const Place *p = *state;
    HistoryRecord one = record(1000, 1, 1, 1);
    char aside[128];

    overwrite(p->file, 0,
              "this is not a database, but it is long enough to be looked at as one....", 72);
    History *h = open_at(p, &roomy, true);
    assert_int_equal(history_append(h, &one, 1), 0);
    assert_int_equal(count(h, &everything), 1);
    h = history_close(h);
    snprintf(aside, sizeof(aside), "%s.damaged", p->file);
    assert_int_equal(access(aside, F_OK), 0);
    h = open_at(p, &roomy, false);
    assert_int_equal(count(h, &everything), 1);
    h = history_close(h);
}

static void test_pages_that_are_damaged_later(void **state)
{
    const Place *p = *state;
    static HistoryRecord batch[1000];
    static uint8_t garbage[16 * 4096];
    HistoryRecord one = record(1000, 1, 1, 1);

    memset(garbage, 0xa5, sizeof(garbage));
    for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
        batch[i] = record(1000, i + 1, i, 1);
    History *h = open_at(p, &roomy, false);
    assert_int_equal(history_append(h, batch, ARRAY_SIZE(batch)), 0);
    h = history_close(h);
    overwrite(p->file, 4096, garbage, sizeof(garbage));
    h = open_at(p, &roomy, false); /* its first page is whole */
    assert_int_equal(history_append(h, &one, 1), -EUCLEAN);
    assert_int_equal(count(h, &everything), 1);
    assert_int_equal(history_append(h, &one, 1), 0);
    h = history_close(h);
}

static void test_other_tables_are_damage(void **state)
{
    const Place *p = *state;
    char command[300];

    /* The right numbers in the head, a table of another shape. */
    History *h = open_at(p, &roomy, false);
    h = history_close(h);
    snprintf(command, sizeof(command),
             "python3 -c \"import sqlite3; c = sqlite3.connect('%s'); "
             "c.execute('DROP TABLE queries'); c.execute('CREATE TABLE queries(x)'); c.commit()\"",
             p->file);
    assert_int_equal(system(command), 0);
    h = open_at(p, &roomy, false);
    HistoryRecord out[2];
    size_t n = 1;
    assert_int_equal(history_list(h, &everything, out, 2, &n), -EUCLEAN);
    assert_int_equal(n, 0);
    assert_int_equal(history_list(h, &everything, out, 2, &n), 0);
    h = history_close(h);
}

static void test_no_room_costs_records_only(void **state)
{
    static HistoryRecord batch[2000];
    struct rlimit before, small = {.rlim_cur = 64 << 10};
    History *h = open_at(*state, &roomy, false);
    HistoryRecord one = record(1000, 1, 1, 1);

    assert_int_equal(history_append(h, &one, 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
        batch[i] = record(1000, i + 1, i, 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int r = history_append(h, batch, ARRAY_SIZE(batch));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(r == -EIO || r == -ENOSPC);
    assert_int_equal(count(h, &everything), 1);
    assert_int_equal(history_append(h, batch, ARRAY_SIZE(batch)), 0);
    assert_int_equal(count(h, &everything), 2001);
    h = history_close(h);
}

static void test_no_directory(void **state)
{
    History *h = NULL;
    bool damaged;

    (void)state;
    assert_int_equal(history_open("/nonexistent/berth", &roomy, &h, &damaged), -ENOENT);
    assert_null(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_written_is_there_after_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_rows_are_bounded_by_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_none_is_put_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_that_are_damaged_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_tables_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_costs_records_only, setup, teardown),
        cmocka_unit_test(test_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
