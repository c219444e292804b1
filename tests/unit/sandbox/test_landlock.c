/* SPDX-License-Identifier: Apache-2.0 */
/* Masks per ABI: what is forbidden grows with the ABI, what is allowed never holds more than
 * reading and, below writable roots, making and removing files and directories. Then a real domain
 * in a child, where the kernel has one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/landlock/landlock.h"

#define ABI_LATER (LANDLOCK_ABI_KNOWN + 3)

static void no_landlock_means_no_rights_at_all(void **state)
{
    (void)state;
    assert_int_equal(landlock_handled_fs(0), 0);
    assert_int_equal(landlock_allowed_fs(0, true), 0);
    assert_int_equal(landlock_handled_net(0), 0);
    assert_int_equal(landlock_scoped(0), 0);
}

static void forbidden_grows_with_the_abi(void **state)
{
    (void)state;
    static const int n_bits[] = {0, 13, 14, 15, 15, 16, 16, 16};
    for (uint32_t abi = 1; abi <= ABI_LATER; abi++) {
        uint64_t mask = landlock_handled_fs(abi);
        assert_int_equal(mask & landlock_handled_fs(abi - 1), landlock_handled_fs(abi - 1));
        assert_int_equal(__builtin_popcountll(mask), n_bits[abi < 8 ? abi : 7]);
        assert_int_equal(landlock_handled_net(abi), abi >= 4 ? 3 : 0);
        assert_int_equal(landlock_scoped(abi), abi >= 6 ? 3 : 0);
    }
}

static void allowed_is_little(void **state)
{
    (void)state;
    const uint64_t never = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                           LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                           LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
                           1u << 15 /* device ioctl */;
    for (uint32_t abi = 1; abi <= ABI_LATER; abi++) {
        uint64_t read = landlock_allowed_fs(abi, false), write = landlock_allowed_fs(abi, true);
        assert_int_equal(read, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
        assert_int_equal(read & write, read);
        assert_int_equal(write & never, 0);
        assert_int_equal(write & ~landlock_handled_fs(abi), 0); /* or the kernel refuses the rule */
        assert_true(write & LANDLOCK_ACCESS_FS_WRITE_FILE);
    }
}

typedef struct Tree {
    char base[64], ro[128], rw[128];
} Tree;

static int try_open(const char *dir, const char *name, int flags)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : 0;
}

static int confined(const Tree *t)
{
    SandboxRoots roots = {
        .n = 3, .paths = {t->ro, t->rw, "/nonexistent"}, .writable = {false, true, false}};
    bool denied = true;
    int fd;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        landlock_prepare(landlock_abi(), &roots, &denied, &fd) < 0 || denied ||
        landlock_confine(landlock_abi(), fd, -EBADF) < 0)
        return 1;
    if (try_open(t->ro, "f", O_RDONLY) != 0 || try_open(t->ro, "f", O_WRONLY) != -EACCES ||
        try_open(t->ro, "new", O_WRONLY | O_CREAT) != -EACCES)
        return 2;
    if (try_open(t->rw, "new", O_WRONLY | O_CREAT) != 0)
        return 3;
    if (try_open("/etc", "passwd", O_RDONLY) != -EACCES ||
        try_open(t->base, "f", O_RDONLY) != -EACCES)
        return 4;
    return 0;
}

static void a_domain_holds(void **state)
{
    (void)state;
    if (landlock_abi() == 0)
        skip();
    Tree t;
    int status;
    char command[256];
    (void)snprintf(t.base, sizeof(t.base), "/tmp/test-landlock-XXXXXX");
    assert_non_null(mkdtemp(t.base));
    (void)snprintf(t.ro, sizeof(t.ro), "%s/ro", t.base);
    (void)snprintf(t.rw, sizeof(t.rw), "%s/rw", t.base);
    assert_int_equal(mkdir(t.ro, 0700) + mkdir(t.rw, 0700), 0);
    assert_int_equal(try_open(t.ro, "f", O_WRONLY | O_CREAT), 0);
    assert_int_equal(try_open(t.base, "f", O_WRONLY | O_CREAT), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(confined(&t));
    (void)waitpid(pid, &status, 0);
    (void)snprintf(command, sizeof(command), "rm -rf %s", t.base);
    assert_int_equal(system(command), 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_landlock_means_no_rights_at_all),
        cmocka_unit_test(forbidden_grows_with_the_abi),
        cmocka_unit_test(allowed_is_little),
        cmocka_unit_test(a_domain_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
