/* SPDX-License-Identifier: Apache-2.0 */
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
#include "daemon/quota/quota.h"

static void count_fault(void *userdata, unsigned line, const char *why)
{
    unsigned *lines = userdata;

    assert_non_null(why);
    *lines |= 1u << line;
}

static unsigned parse(Quotas *q, const char *text)
{
    unsigned faults = 0;

    assert_int_equal(quotas_parse(q, text, strlen(text), count_fault, &faults), 0);
    return faults;
}

static void test_text_and_back(void **state)
{
    static const char text[] = "user 7 sessions=1 memory=18446744073709551615\n"
                               "user 2001 running=2 queued=3 weight=50\n"
                               "group 100 spill=4 undelivered=5\n";
    Quotas q = {};

    (void)state;
    assert_int_equal(parse(&q, "# a remark\n\ngroup 100 undelivered=5 spill=4\n"
                               "user 2001 queued=3 running=2 weight=50\r\n"
                               "user 7 memory=18446744073709551615\tsessions=1"),
                     0);
    assert_int_equal(q.n, 3);
    _cleanup_free_ char *back = quotas_format(&q);
    assert_string_equal(back, text);
    assert_int_equal(quotas_find(&q, false, 2001)->cpu_weight_percent, 50);
    assert_null(quotas_find(&q, true, 2001));

    /* All zero is none. */
    assert_int_equal(quotas_set(&q, false, 7, &(SchedQuota){}), 0);
    assert_int_equal(quotas_set(&q, false, 8, &(SchedQuota){}), 0);
    assert_int_equal(q.n, 2);
    assert_null(quotas_find(&q, false, 7));

    const uint32_t groups[] = {5, 100, 6};
    assert_int_equal(quotas_group_of(&q, 5, groups, 3), 100);
    assert_int_equal(quotas_group_of(&q, 5, groups, 1), 0);
    assert_int_equal(quotas_group_of(&q, 100, NULL, 0), 100);
    quotas_done(&q);
}

static void test_lines_that_are_none_are_left_out(void **state)
{
    Quotas q = {};

    (void)state;
    assert_int_equal(parse(&q, "user 1 sessions=1\n"          /* 1 */
                               "user\n"                       /* 2 */
                               "host 1 sessions=1\n"          /* 3 */
                               "user -1 sessions=1\n"         /* 4 */
                               "user 4294967295 sessions=1\n" /* 5 */
                               "user 2 sessions\n"            /* 6 */
                               "user 2 sessions=\n"           /* 7 */
                               "user 2 sessions=4294967296\n" /* 8 */
                               "user 2 session=1\n"           /* 9 */
                               "user 2 weight=1001\n"         /* 10 */
                               "user 3 running=4\n" /* 11 */),
                     0x7fc);
    assert_int_equal(q.n, 2);
    assert_int_equal(quotas_find(&q, false, 3)->running_max, 4);
    quotas_done(&q);
}

static void test_there_is_an_end(void **state)
{
    Quotas q = {};
    const SchedQuota one = {.sessions_max = 1};

    (void)state;
    for (uint32_t i = 0; i < QUOTAS_MAX; i++)
        assert_int_equal(quotas_set(&q, i % 2, i, &one), 0);
    assert_int_equal(quotas_set(&q, false, 1, &one), -ENOSPC);
    assert_int_equal(quotas_set(&q, true, 1, &one), 0); /* it is there */
    for (size_t i = 1; i < q.n; i++)
        assert_true(q.rows[i - 1].group < q.rows[i].group ||
                    (q.rows[i - 1].group == q.rows[i].group && q.rows[i - 1].id < q.rows[i].id));
    quotas_done(&q);
}

static void test_the_file(void **state)
{
    char dir[] = "/tmp/berth-quota-XXXXXX", path[96], command[96];
    _cleanup_free_ char *none = NULL;
    _cleanup_free_ char *text = NULL;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(quotas_read(dir, &none), 0);
    assert_string_equal(none, "");
    assert_int_equal(quotas_write(dir, "user 1 sessions=1\n"), 0);
    assert_int_equal(quotas_write(dir, "user 1 sessions=2\n"), 0);
    assert_int_equal(quotas_read(dir, &text), 0);
    assert_string_equal(text, "user 1 sessions=2\n");
    snprintf(path, sizeof(path), "%s/" QUOTAS_FILE, dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(path, QUOTAS_TEXT_MAX + 1), 0);
    char *large = NULL;
    assert_int_equal(quotas_read(dir, &large), -EFBIG);
    assert_int_equal(quotas_write("/nonexistent/berth", ""), -ENOENT);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_lines_that_are_none_are_left_out),
        cmocka_unit_test(test_there_is_an_end),
        cmocka_unit_test(test_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
