/* SPDX-License-Identifier: Apache-2.0 */
/* The list of mounts: what is refused, in which order, with which restrictions. A directory stands
 * in for the host. */
#include <errno.h>
#include <fcntl.h>
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
#include "sandbox/namespace/mount_plan.h"

typedef struct Host {
    char path[64];
    int fd;
    MountPlan plan;
} Host;

static int host_setup(void **state)
{
    Host *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    (void)snprintf(h->path, sizeof(h->path), "/tmp/test-mount-XXXXXX");
    assert_non_null(mkdtemp(h->path));
    h->fd = open(h->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(h->fd >= 0);
    *state = h;
    return 0;
}

static int host_teardown(void **state)
{
    Host *h = *state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", h->path);
    (void)system(command);
    (void)fd_close(h->fd);
    free(h);
    return 0;
}

static int plan_one(Host *h, const char *executor, const char *path, const char *source)
{
    SandboxRoot root = {.path = path, .source = source};
    return mount_plan_init(h->fd, executor, &root, 1, &h->plan);
}

static void refuses_what_could_show_the_host(void **state)
{
    Host *h = *state;
    static const char *const bad[] = {"",
                                      "/",
                                      "data",
                                      "./data",
                                      "//data",
                                      "/data/",
                                      "/data//x",
                                      "/data/../etc",
                                      "/data/.",
                                      "/..",
                                      "/proc",
                                      "/proc/1/root",
                                      "/sys/fs/cgroup",
                                      "/dev",
                                      "/dev/shm",
                                      "/usr",
                                      "/usr/lib",
                                      "/lib/x86_64-linux-gnu",
                                      "/lib64",
                                      "/berth-executor",
                                      "/berth-executor/x"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(plan_one(h, "/usr/bin/e", bad[i], NULL), -EINVAL);
    /* The real place counts as well as the name. */
    assert_int_equal(plan_one(h, "/usr/bin/e", "/data", "/proc/1/root"), -EINVAL);
    assert_int_equal(plan_one(h, "/usr/bin/e", "/data", "relative"), -EINVAL);
    assert_int_equal(plan_one(h, "relative", "/data", NULL), -EINVAL);
    /* Names that only begin alike are fine. */
    assert_int_equal(plan_one(h, "/usr/bin/e", "/development", NULL), 0);
    assert_int_equal(plan_one(h, "/usr/bin/e", "/usr/share/zoneinfo", NULL), 0);
    assert_int_equal(plan_one(h, "/usr/bin/e", "/data/..x", NULL), 0);
}

static void too_many_roots(void **state)
{
    Host *h = *state;
    SandboxRoot roots[SANDBOX_ROOTS_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        roots[i] = (SandboxRoot){.path = "/data"};
    assert_int_equal(mount_plan_init(h->fd, "/e", roots, ARRAY_SIZE(roots), &h->plan), -E2BIG);
    assert_int_equal(mount_plan_init(h->fd, "/e", roots, SANDBOX_ROOTS_MAX, &h->plan), 0);
    assert_int_equal(h->plan.n_ops, SANDBOX_ROOTS_MAX + 1);
}

static void outer_roots_come_first(void **state)
{
    Host *h = *state;
    const SandboxRoot roots[] = {{.path = "/data/out", .writable = true},
                                 {.path = "/srv"},
                                 {.path = "/data", .source = "/mnt/big/data"},
                                 {.path = "/data/out/cold"}};
    assert_int_equal(mount_plan_init(h->fd, NULL, roots, ARRAY_SIZE(roots), &h->plan), 0);
    static const int order[] = {2, 0, 3, 1};
    assert_int_equal(h->plan.n_ops, ARRAY_SIZE(order));
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const MountOp *op = &h->plan.ops[i];
        assert_int_equal(op->root, order[i]);
        assert_string_equal(op->target, roots[order[i]].path);
        assert_int_equal(op->writable, roots[order[i]].writable);
        assert_false(op->executable);
        assert_true(op->recursive);
    }
    assert_string_equal(h->plan.ops[0].source, "/mnt/big/data");
}

static void libraries_look_as_on_the_host(void **state)
{
    Host *h = *state;
    assert_int_equal(mkdirat(h->fd, "usr", 0755) + mkdirat(h->fd, "usr/lib", 0755) +
                         mkdirat(h->fd, "lib64", 0755),
                     0);
    assert_int_equal(symlinkat("usr/lib", h->fd, "lib"), 0);
    assert_int_equal(mount_plan_init(h->fd, "/usr/libexec/berth/berth-executor", NULL, 0, &h->plan),
                     0);
    assert_int_equal(h->plan.n_ops, 4);
    const MountOp *ops = h->plan.ops;
    assert_string_equal(ops[0].target, "/usr/lib");
    assert_int_equal(ops[0].kind, MOUNT_OP_BIND);
    assert_true(ops[0].executable && !ops[0].writable && !ops[0].recursive);
    assert_string_equal(ops[1].target, "/lib");
    assert_int_equal(ops[1].kind, MOUNT_OP_LINK);
    assert_string_equal(ops[1].link, "usr/lib");
    assert_string_equal(ops[2].target, "/lib64");
    assert_int_equal(ops[2].kind, MOUNT_OP_BIND);
    assert_string_equal(ops[3].target, MOUNT_PLAN_EXECUTOR);
    assert_true(ops[3].file && ops[3].executable && !ops[3].writable);
}

/* Embedded: nothing will be executed any more, so no library and no binary is visible. */
static void nothing_to_execute_without_an_executor(void **state)
{
    Host *h = *state;
    assert_int_equal(mkdirat(h->fd, "lib64", 0755), 0);
    assert_int_equal(plan_one(h, NULL, "/usr/share/data", NULL), 0);
    assert_int_equal(h->plan.n_ops, 1);
    assert_false(h->plan.ops[0].executable);
}

static void roots_from_the_command_line(void **state)
{
    (void)state;
    char *argv[] = {(char *)"e", (char *)"--read=/a", (char *)"--io=pread", (char *)"--write=/b/c",
                    NULL};
    SandboxRoots roots;
    assert_int_equal(sandbox_roots_from_argv(4, argv, &roots), 0);
    assert_int_equal(roots.n, 2);
    assert_string_equal(roots.paths[0], "/a");
    assert_false(roots.writable[0]);
    assert_string_equal(roots.paths[1], "/b/c");
    assert_true(roots.writable[1]);
    argv[1] = (char *)"--read=a";
    assert_int_equal(sandbox_roots_from_argv(4, argv, &roots), -EINVAL);

    char *many[SANDBOX_ROOTS_MAX + 3] = {(char *)"e"};
    for (size_t i = 1; i < ARRAY_SIZE(many) - 1; i++)
        many[i] = (char *)"--read=/a";
    assert_int_equal(sandbox_roots_from_argv(ARRAY_SIZE(many) - 1, many, &roots), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_could_show_the_host, host_setup,
                                        host_teardown),
        cmocka_unit_test_setup_teardown(too_many_roots, host_setup, host_teardown),
        cmocka_unit_test_setup_teardown(outer_roots_come_first, host_setup, host_teardown),
        cmocka_unit_test_setup_teardown(libraries_look_as_on_the_host, host_setup, host_teardown),
        cmocka_unit_test_setup_teardown(nothing_to_execute_without_an_executor, host_setup,
                                        host_teardown),
        cmocka_unit_test(roots_from_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
