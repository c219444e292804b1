/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of the mount table concern the data roots. */
#include "daemon/mount_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t hash_of(const char *table)
{
    static Config config;
    config.read_paths.n = 2;
    strcpy(config.read_paths.path[0], "/home");
    strcpy(config.read_paths.path[1], "/srv/data sets/");
    FILE *f = fmemopen((void *)(uintptr_t)table, strlen(table), "r");
    assert_non_null(f);
    uint64_t hash = mount_watch_hash(f, &config);
    fclose(f);
    return hash;
}

#define ROOT "20 1 8:1 / / rw - ext4 /dev/a rw\n"
#define HOME "21 20 8:2 / /home rw - ext4 /dev/b rw\n"

static void test_what_concerns(void **state)
{
    uint64_t plain = hash_of(ROOT HOME);

    assert_int_equal(hash_of(ROOT HOME), plain);
    /* Elsewhere, and names that only begin alike. */
    assert_int_equal(hash_of(ROOT HOME "30 20 0:5 / /var/lib/docker/x rw - overlay o rw\n"), plain);
    assert_int_equal(hash_of(ROOT "30 20 0:5 / /homework rw - tmpfs t rw\n" HOME), plain);
    /* At a root, below one, above one; with an escaped space. */
    assert_int_not_equal(hash_of(ROOT), plain);
    assert_int_not_equal(hash_of(ROOT HOME "30 21 0:5 / /home/alice/x rw - fuse f rw\n"), plain);
    assert_int_not_equal(hash_of(ROOT HOME "30 20 0:5 / /srv rw - tmpfs t rw\n"), plain);
    assert_int_not_equal(hash_of(ROOT HOME "30 20 0:5 / /srv/data\\040sets rw - tmpfs t rw\n"),
                         plain);
    /* Another file system at the same place. */
    assert_int_not_equal(hash_of(ROOT "22 20 8:3 / /home rw - ext4 /dev/c rw\n"), plain);
}

static void test_odd_tables(void **state)
{
    uint64_t plain = hash_of(ROOT HOME);

    assert_int_equal(hash_of(ROOT HOME "\n"), plain);
    assert_int_equal(hash_of(ROOT HOME "30 20 0:5 /home"), plain);
    assert_int_equal(hash_of(ROOT HOME "30 20 0:5 / \\9 rw -"), plain);
    assert_int_equal(hash_of(ROOT HOME "30 20 0:5 / \\04"), plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_concerns),
        cmocka_unit_test(test_odd_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
