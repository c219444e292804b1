/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_spawn() where it must fail: each refusal names its step and leaves no process. What must
 * work is in tests/integration/escape.c, which needs root; without root only the specification is
 * checked here.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sandbox/sandbox.h"
#include "sandbox/spawn/capability.h"

static int spawn(SandboxSpec *spec, SandboxReport *report)
{
    pid_t pid = -1;
    int pidfd = -1;
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (spec->control_fd < 0)
        spec->control_fd = null;
    int r = sandbox_spawn(spec, &pid, &pidfd, report);
    if (r < 0) {
        assert_int_equal(pid, -1);
        assert_int_equal(pidfd, -1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child, alive or dead */
        assert_int_equal(errno, ECHILD);
    } else {
        int status;
        (void)close(pidfd);
        (void)waitpid(pid, &status, 0);
    }
    return r;
}

static void impossible_specifications(void **state)
{
    (void)state;
    SandboxReport report;
    const SandboxRoot bad = {.path = "/"};
    const char *many[SANDBOX_ARGS_MAX + 2] = {0};
    for (size_t i = 0; i < SANDBOX_ARGS_MAX + 1; i++)
        many[i] = "--x";

    SandboxSpec no_executor = SANDBOX_SPEC_INIT;
    assert_int_equal(spawn(&no_executor, &report), -EINVAL);
    assert_int_equal(report.step, SANDBOX_STEP_SPEC);

    SandboxSpec host_root = SANDBOX_SPEC_INIT;
    host_root.executor = "/bin/true";
    host_root.roots = &bad;
    host_root.n_roots = 1;
    assert_int_equal(spawn(&host_root, &report), -EINVAL);
    assert_int_equal(report.step, SANDBOX_STEP_SPEC);

    SandboxSpec too_many = SANDBOX_SPEC_INIT;
    too_many.executor = "/bin/true";
    too_many.args = many;
    assert_int_equal(spawn(&too_many, &report), -E2BIG);

    SandboxSpec no_such_cpu = SANDBOX_SPEC_INIT;
    const uint32_t cpu = 1u << 20;
    no_such_cpu.executor = "/bin/true";
    no_such_cpu.cpus = &cpu;
    no_such_cpu.n_cpus = 1;
    assert_int_equal(spawn(&no_such_cpu, &report), -EINVAL);

    SandboxSpec no_such_node = SANDBOX_SPEC_INIT;
    no_such_node.executor = "/bin/true";
    no_such_node.numa_node = 1 << 20;
    assert_int_equal(spawn(&no_such_node, &report), -EINVAL);

    SandboxSpec no_control = SANDBOX_SPEC_INIT;
    pid_t pid;
    int pidfd;
    no_control.executor = "/bin/true";
    assert_int_equal(sandbox_spawn(&no_control, &pid, &pidfd, &report), -EINVAL);
}

/* A container as root may still lack the right; the beds have it. */
static bool may_spawn(void)
{
    SandboxReport report;
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    spec.executor = "/bin/true";
    return geteuid() == 0 && spawn(&spec, &report) == 0;
}

static void failures_name_their_step(void **state)
{
    (void)state;
    SandboxReport report;
    if (!may_spawn())
        skip();
    SandboxSpec missing = SANDBOX_SPEC_INIT;
    missing.executor = "/nonexistent/berth-executor";
    assert_int_equal(spawn(&missing, &report), -ENOENT);
    assert_int_equal(report.step, SANDBOX_STEP_MOUNT_EXECUTOR);

    SandboxSpec not_a_program = SANDBOX_SPEC_INIT;
    not_a_program.executor = "/etc/passwd";
    assert_int_equal(spawn(&not_a_program, &report), -EACCES);
    assert_int_equal(report.step, SANDBOX_STEP_EXEC);

    SandboxSpec not_a_cgroup = SANDBOX_SPEC_INIT;
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    not_a_cgroup.executor = "/bin/true";
    not_a_cgroup.cgroup_fd = tmp;
    assert_true(spawn(&not_a_cgroup, &report) < 0);
    assert_int_equal(report.step, SANDBOX_STEP_CLONE);
}

static void missing_roots_are_reported(void **state)
{
    (void)state;
    SandboxReport report;
    if (!may_spawn())
        skip();
    char base[] = "/tmp/test-spawn-XXXXXX", file[64], link[64], deep[64], dir[64];
    assert_non_null(mkdtemp(base));
    (void)snprintf(file, sizeof(file), "%s/file", base);
    (void)snprintf(link, sizeof(link), "%s/link", base);
    (void)snprintf(deep, sizeof(deep), "%s/link/below", base);
    (void)snprintf(dir, sizeof(dir), "%s/dir", base);
    (void)close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(symlink("/etc", link), 0);
    const SandboxRoot roots[] = {{.path = "/nonexistent"},
                                 {.path = dir},
                                 {.path = file},
                                 {.path = link}, /* INV-3: a link is not followed, */
                                 {.path = deep}, /* not on the way either, */
                                 {.path = "/named", .source = dir}};
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    spec.executor = "/bin/true";
    spec.roots = roots;
    spec.n_roots = ARRAY_SIZE(roots);
    int r = spawn(&spec, &report);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", base);
    (void)system(command);
    assert_int_equal(r, 0);
    assert_int_equal(report.roots_skipped, 1u << 0 | 1u << 2 | 1u << 3 | 1u << 4);
}

static void steps_and_gaps_have_names(void **state)
{
    (void)state;
    for (int step = 0; step < _SANDBOX_STEP_MAX; step++)
        assert_non_null(sandbox_step_to_string((SandboxStep)step));
    assert_string_equal(sandbox_step_to_string(_SANDBOX_STEP_MAX), "unknown");
    for (uint32_t bit = 1; bit & _SANDBOX_MISSING_ALL; bit <<= 1)
        assert_non_null(sandbox_missing_to_string((SandboxMissing)bit));
    assert_null(sandbox_missing_to_string((SandboxMissing)1024));
}

static void capabilities_only_go_down(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t before, after;
        if (capability_read(&before) < 0 || capability_limit(CAPABILITIES_WARM) < 0 ||
            capability_read(&after) < 0 || (after & ~CAPABILITIES_WARM) != 0 ||
            capability_limit(UINT64_MAX) < 0 || capability_read(&before) < 0)
            _exit(1);
        _exit(before == after ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_specifications),  cmocka_unit_test(failures_name_their_step),
        cmocka_unit_test(missing_roots_are_reported), cmocka_unit_test(steps_and_gaps_have_names),
        cmocka_unit_test(capabilities_only_go_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
