/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded start, with whatever this machine allows: what is missing is named, the rest holds.
 * A child becomes the executor and answers over descriptor 3. As root it is run once more as an
 * ordinary user.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/sandbox.h"

#define NOBODY 65534
#define EXIT_CODE 37

typedef struct Answer {
    int embed, lock;
    uint32_t missing;
    ControlExecutorHello hello;
    ControlExecutorLocked locked;
    int read_root, write_read_root, write_write_root, read_passwd, cwd, fork;
} Answer;

typedef struct Tree {
    char base[64], ro[128], rw[128];
} Tree;

static int try_open(const char *dir, const char *name, int flags)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}

static void __attribute__((noreturn)) executor_main(const Tree *t, int fd)
{
    static const RingOptions ring_options = {.n_entries = 8, .n_files = 8};
    SandboxRoots roots = {
        .n = 3, .paths = {t->ro, t->rw, "/nonexistent"}, .writable = {false, true, false}};
    Ring ring = RING_INIT;
    SandboxStep step;
    Answer a = {0};
    uint32_t missing = 0;
    int spill_fd;
    if (fd != CONTROL_EXECUTOR_FD)
        (void)dup2(fd, CONTROL_EXECUTOR_FD);
    if (chdir(t->ro) < 0)
        _exit(1);
    a.embed = sandbox_embed(&roots, &ring_options, NULL, &ring, &a.hello, &spill_fd, &a.missing);
    SandboxLockOptions options = {
        .roots = &roots, .spill_fd = -EBADF, .ring = &ring, .embedded = true};
    a.lock = a.embed < 0 ? -ECANCELED : sandbox_lock(&options, &a.locked, &missing, &step);
    a.missing |= missing;
    a.read_root = try_open(t->ro, "f", O_RDONLY);
    a.write_read_root = try_open(t->ro, "f", O_WRONLY);
    a.write_write_root = try_open(t->rw, "new", O_WRONLY | O_CREAT);
    a.read_passwd = try_open("/etc", "passwd", O_RDONLY);
    a.cwd = try_open(".", "f", O_RDONLY);
    long pid = syscall(__NR_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    a.fork = pid < 0 ? -errno : 0;
    (void)fd_write_all(CONTROL_EXECUTOR_FD, &a, sizeof(a));
    _exit(EXIT_CODE);
}

static int tree_setup(void **state)
{
    Tree *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    (void)snprintf(t->base, sizeof(t->base), "/tmp/test-embedded-XXXXXX");
    assert_non_null(mkdtemp(t->base));
    (void)snprintf(t->ro, sizeof(t->ro), "%s/ro", t->base);
    (void)snprintf(t->rw, sizeof(t->rw), "%s/rw", t->base);
    assert_int_equal(mkdir(t->ro, 0777) + mkdir(t->rw, 0777), 0);
    assert_int_equal(chmod(t->base, 0755) + chmod(t->ro, 0777) + chmod(t->rw, 0777), 0);
    assert_int_equal(try_open(t->ro, "f", O_WRONLY | O_CREAT), 0);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/f", t->ro);
    assert_int_equal(chmod(path, 0666), 0);
    *state = t;
    return 0;
}

static int tree_teardown(void **state)
{
    Tree *t = *state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", t->base);
    (void)system(command);
    free(t);
    return 0;
}

static Answer run_executor(const Tree *t, uid_t uid)
{
    Answer a;
    int pair[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (uid != geteuid() && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
            _exit(1);
        executor_main(t, pair[1]);
    }
    (void)close(pair[1]);
    int r = fd_read_all(pair[0], &a, sizeof(a));
    (void)close(pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(r, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_CODE); /* through the process that stands by */
    return a;
}

static void check(const Answer *a, uid_t uid)
{
    assert_int_equal(a->embed, 0);
    assert_int_equal(a->lock, 0);
    assert_true(a->missing & SANDBOX_MISSING_CGROUP);
    assert_int_equal(a->locked.uid, uid);
    assert_int_equal(a->locked.capabilities, 0);
    assert_int_equal(a->locked.no_new_privs, 1);
    assert_int_equal(a->locked.seccomp_mode, 2);
    assert_int_equal(a->hello.io_mode == IO_MODE_RING, !(a->missing & SANDBOX_MISSING_RING));
    assert_int_equal(a->locked.n_open_fds, a->hello.io_mode == IO_MODE_RING ? 5 : 4);
    assert_int_equal(a->fork, -EPERM);
    assert_int_equal(a->read_root, 0);
    assert_int_equal(a->cwd, 0);
    assert_int_equal(a->write_write_root, 0);
    /* One of two layers must hold the files. */
    if (!(a->missing & SANDBOX_MISSING_MOUNT_NAMESPACE)) {
        assert_int_equal(a->read_passwd, -ENOENT);
        assert_int_equal(a->write_read_root, -EROFS);
    } else if (!(a->missing & SANDBOX_MISSING_LANDLOCK)) {
        assert_int_equal(a->read_passwd, -EACCES);
        assert_int_equal(a->write_read_root, -EACCES);
    }
}

static void as_the_caller(void **state)
{
    Answer a = run_executor(*state, geteuid());
    check(&a, geteuid());
}

static void as_an_ordinary_user(void **state)
{
    if (geteuid() != 0)
        skip();
    Answer a = run_executor(*state, NOBODY);
    check(&a, NOBODY);
}

static void *sleep_thread(void *arg)
{
    (void)pause();
    return arg;
}

/* A second thread would stay outside of everything. */
static void refuses_to_lock_beside_a_thread(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        ControlExecutorLocked locked = {0};
        SandboxStep step;
        SandboxRoots roots = {.n = 0};
        SandboxLockOptions options = {.roots = &roots, .spill_fd = -EBADF, .embedded = true};
        if (pthread_create(&thread, NULL, sleep_thread, NULL) != 0)
            _exit(1);
        _exit(sandbox_lock(&options, &locked, NULL, &step) == -EBUSY ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_the_caller, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(as_an_ordinary_user, tree_setup, tree_teardown),
        cmocka_unit_test(refuses_to_lock_beside_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
