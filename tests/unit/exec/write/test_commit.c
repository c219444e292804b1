/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/write/commit.h"
#include "exec/write/commit_tree.h"

/*
 * The protocol of exec/write/README.md. A child process commits and is killed at each step; what a
 * reader sees afterwards is the old data or the new, and the next writer leaves nothing over.
 */

static char root[64];

typedef struct Plan {
    CommitMode mode;
    const char *prefix; /* of the files that it writes */
    uint32_t n_files;
    bool folders;           /* in partitions of two */
    const uint32_t *places; /* of each file, in place of those two; names have the commit's id */
    int die_at;             /* number of the step; -1: lives */
    int refuse_at;
    int at;
} Plan;

static int on_step(void *userdata, CommitStep step)
{
    Plan *plan = userdata;
    int at = plan->at++;
    if (at == plan->die_at)
        (void)kill(getpid(), SIGKILL);
    return at == plan->refuse_at ? QUERY_E_CANCELLED : 0;
}

static void put_file(int fd, const char *name, const char *text)
{
    int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(file);
}

static int commit(const char *target, Plan *plan, QueryError *error)
{
    char path[128], name[64];
    _cleanup_(commit_freep) Commit *c = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", root, target);
    int r = commit_begin(path, plan->mode, on_step, plan, &c, error);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < plan->n_files; i++) {
        int fd = commit_directory(c);
        _cleanup_close_ int below = -EBADF;
        if (plan->folders) {
            (void)snprintf(name, sizeof(name), "k=%u", plan->places ? plan->places[i] : i % 2);
            (void)mkdirat(fd, name, 0777);
            below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            assert_true(below >= 0);
        }
        (void)snprintf(name, sizeof(name), "%s%u%s", plan->prefix, i,
                       plan->places ? commit_id(c) : "");
        put_file(below >= 0 ? below : fd, name, plan->prefix);
    }
    return commit_end(c, error);
}

/* Files that a reader sees, and how many of them begin with @letter. */
static uint32_t count(const char *target, char letter, uint32_t *ret_all)
{
    char path[128];
    IoList list = {0};
    QueryError error = {0};
    uint32_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", root, target);
    *ret_all = 0;
    if (io_list(path, 1000, &list, &error) != 0)
        return 0;
    for (size_t i = 0; i < list.n_paths; i++)
        n += strrchr(list.files[i].path, '/')[1] == letter;
    *ret_all = (uint32_t)list.n_paths;
    io_list_done(&list);
    return n;
}

static uint32_t left_over(const char *folder)
{
    char path[128];
    uint32_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", root, folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += tree_is_named(e->d_name, TREE_STAGING) || tree_is_named(e->d_name, TREE_COMMITTED) ||
             tree_is_named(e->d_name, TREE_REPLACING);
    if (dir)
        (void)closedir(dir);
    return n;
}

static void empty_root(void)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)tree_remove(fd, "t");
    (void)tree_remove(fd, "x");
    (void)close(fd);
}

/* Return: was it killed? */
static bool commit_in_child(const char *target, Plan plan)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        QueryError error = {0};
        _exit(commit(target, &plan, &error) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static void kill_everywhere(CommitMode mode, uint32_t n_old, uint32_t n_new, bool folders)
{
    bool killed = true, seen_old = false, seen_new = false;
    uint32_t n_expected_old = mode == COMMIT_OVERWRITE ? 0 : n_old;
    for (int at = 0; killed; at++) {
        assert_true(at < 100);
        empty_root();
        if (n_old > 0)
            assert_false(commit_in_child("t", (Plan){.mode = COMMIT_ERROR,
                                                     .prefix = "old",
                                                     .n_files = n_old,
                                                     .folders = folders,
                                                     .die_at = -1,
                                                     .refuse_at = -1}));
        killed = commit_in_child("t", (Plan){.mode = mode,
                                             .prefix = "new",
                                             .n_files = n_new,
                                             .folders = folders,
                                             .die_at = at,
                                             .refuse_at = -1});
        uint32_t all, n = count("t", 'n', &all), again;
        if (n == 0) {
            assert_int_equal(all, n_old);
            seen_old = true;
        } else {
            assert_int_equal(n, n_new);
            assert_int_equal(all, n_new + n_expected_old);
            seen_new = true;
        }
        assert_true(killed || n == n_new);
        /* The next one who writes there completes it, or removes it. */
        assert_false(commit_in_child("t", (Plan){.mode = COMMIT_APPEND,
                                                 .prefix = "more",
                                                 .n_files = 1,
                                                 .die_at = -1,
                                                 .refuse_at = -1}));
        assert_false(commit_in_child("x", (Plan){.mode = COMMIT_OVERWRITE,
                                                 .prefix = "more",
                                                 .n_files = 1,
                                                 .die_at = -1,
                                                 .refuse_at = -1}));
        assert_int_equal(count("t", 'n', &again), n);
        assert_int_equal(again, all + 1);
        assert_int_equal(left_over("t"), 0);
        assert_int_equal(left_over("."), 0);
    }
    assert_true(seen_old && seen_new);
}

static void test_killed_while_creating(void **state)
{
    kill_everywhere(COMMIT_ERROR, 0, 3, false);
    kill_everywhere(COMMIT_APPEND, 0, 3, true);
    kill_everywhere(COMMIT_OVERWRITE, 0, 1, false);
}

static void test_killed_while_replacing(void **state)
{
    kill_everywhere(COMMIT_OVERWRITE, 3, 2, false);
    kill_everywhere(COMMIT_OVERWRITE, 4, 5, true);
}

static void test_killed_while_adding(void **state)
{
    kill_everywhere(COMMIT_APPEND, 2, 1, false);
    kill_everywhere(COMMIT_APPEND, 2, 4, false);
    kill_everywhere(COMMIT_APPEND, 3, 5, true);
}

/* The partitions of t that hold files of @letter, as bits; each holds files of one writer only. */
static uint32_t partitions(char letter)
{
    uint32_t bits = 0;
    for (uint32_t k = 0; k < 8; k++) {
        char folder[32];
        uint32_t all, n;
        (void)snprintf(folder, sizeof(folder), "t/k=%u", k);
        n = count(folder, letter, &all);
        assert_true(n == 0 || n == all);
        bits |= n > 0 ? 1u << k : 0;
    }
    return bits;
}

/* Old ones in 0, 1, 2; new ones in some: each partition is old or new at each step, none is lost,
 * and whoever writes next completes what had begun. */
static void kill_partitions(const uint32_t *places, uint32_t n_new)
{
    static const uint32_t old_places[] = {0, 1, 2};
    uint32_t wanted = 0;
    bool killed = true, seen_part = false;
    for (uint32_t i = 0; i < n_new; i++)
        wanted |= 1u << places[i];
    for (int at = 0; killed; at++) {
        assert_true(at < 100);
        empty_root();
        assert_false(commit_in_child("t", (Plan){.mode = COMMIT_ERROR,
                                                 .prefix = "old",
                                                 .n_files = 3,
                                                 .folders = true,
                                                 .places = old_places,
                                                 .die_at = -1,
                                                 .refuse_at = -1}));
        killed = commit_in_child("t", (Plan){.mode = COMMIT_REPLACE,
                                             .prefix = "new",
                                             .n_files = n_new,
                                             .folders = true,
                                             .places = places,
                                             .die_at = at,
                                             .refuse_at = -1});
        uint32_t new = partitions('n'), old = partitions('o');
        assert_int_equal(old & new, 0);
        assert_int_equal((old | new) & 7, 7);
        assert_int_equal(new & ~wanted, 0);
        assert_int_equal(old & 7 & ~wanted, 7 & ~wanted);
        seen_part |= new != 0 && new != wanted;
        assert_true(killed || new == wanted);
        bool begun = left_over("t") > 0 && new != 0;
        assert_false(commit_in_child("t", (Plan){.mode = COMMIT_APPEND,
                                                 .prefix = "more",
                                                 .n_files = 1,
                                                 .die_at = -1,
                                                 .refuse_at = -1}));
        uint32_t after = partitions('n');
        assert_true(after == new || after == wanted);
        assert_true(!begun || after == wanted);
        assert_int_equal(partitions('o') | after, 7u | after);
        assert_int_equal(left_over("t"), 0);
        assert_int_equal(left_over("."), 0);
    }
    assert_true(seen_part == (n_new > 1));
}

static void test_killed_while_replacing_partitions(void **state)
{
    static const uint32_t one[] = {1}, added[] = {5}, several[] = {2, 1, 4, 7};
    kill_partitions(one, ARRAY_SIZE(one));
    kill_partitions(added, ARRAY_SIZE(added));
    kill_partitions(several, ARRAY_SIZE(several));
}

/* What cannot be replaced is seen before anything is. */
static void test_partitions_that_cannot_be_replaced(void **state)
{
    static const uint32_t places[] = {0, 1};
    QueryError error = {0};
    char path[128];
    Plan plan = {.mode = COMMIT_REPLACE,
                 .prefix = "a",
                 .n_files = 2,
                 .folders = true,
                 .places = places,
                 .die_at = -1,
                 .refuse_at = -1};
    uint32_t all;
    empty_root();
    assert_int_equal(commit("t", &plan, &error), 0); /* nothing is there: it is made */
    assert_int_equal(count("t", 'a', &all), 2);
    (void)snprintf(path, sizeof(path), "%s/t", root);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(tree_remove(fd, "k=1"), 0);
    assert_int_equal(symlinkat("k=0", fd, "k=1"), 0);
    plan.prefix = "b";
    assert_int_equal(commit("t", &plan, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "TASK_WRITE_FAILED");
    assert_int_equal(count("t/k=0", 'b', &all), 0);
    assert_int_equal(all, 1);
    assert_int_equal(left_over("t"), 0);
    (void)close(fd);
}

/* A cancel before the rename leaves nothing; afterwards it comes too late. */
static void test_refused_at_each_step(void **state)
{
    static const CommitMode modes[] = {COMMIT_OVERWRITE, COMMIT_APPEND};
    for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
        for (int at = 0; at < 8; at++) {
            QueryError error = {0};
            Plan old = {
                .mode = COMMIT_ERROR, .prefix = "old", .n_files = 2, .die_at = -1, .refuse_at = -1};
            Plan new = {
                .mode = modes[m], .prefix = "new", .n_files = 2, .die_at = -1, .refuse_at = at};
            uint32_t all;
            empty_root();
            assert_int_equal(commit("t", &old, &error), 0);
            int r = commit("t", &new, &error);
            assert_int_equal(r, at < 3 ? QUERY_E_CANCELLED : 0);
            assert_int_equal(count("t", 'n', &all), r == 0 ? 2 : 0);
            assert_int_equal(left_over("t"), 0);
            assert_int_equal(left_over("."), 0);
        }
}

static void test_modes(void **state)
{
    QueryError error = {0};
    Plan plan = {.prefix = "a", .n_files = 2, .die_at = -1, .refuse_at = -1};
    uint32_t all;
    empty_root();
    plan.mode = COMMIT_IGNORE;
    assert_int_equal(commit("t/deep/er", &plan, &error), 0);
    assert_int_equal(commit("t/deep/er", &plan, &error), COMMIT_E_IGNORED);
    plan.mode = COMMIT_ERROR;
    assert_int_equal(commit("t/deep/er/", &plan, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "PATH_ALREADY_EXISTS");
    assert_int_equal(count("t/deep/er", 'a', &all), 2);

    /* A file may be replaced, a link not: what it means would stay as it was. */
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file(fd, "x", "a file");
    plan.mode = COMMIT_OVERWRITE;
    assert_int_equal(commit("x", &plan, &error), 0);
    assert_int_equal(count("x", 'a', &all), 2);
    assert_int_equal(left_over("."), 0);
    (void)tree_remove(fd, "x");
    assert_int_equal(symlinkat("t", fd, "x"), 0);
    assert_int_equal(commit("x", &plan, &error), QUERY_E_FAILED);
    (void)unlinkat(fd, "x", 0);
    error = (QueryError){0};
    assert_int_equal(commit("../../../../../..", &plan, &error), QUERY_E_FAILED);
    assert_string_equal(error.error_class, "TASK_WRITE_FAILED");
    (void)close(fd);
}

/* Two at once: each one's files are there, and neither sweeps the other's away. */
static void test_side_by_side(void **state)
{
    QueryError error = {0};
    Plan a = {.mode = COMMIT_APPEND, .prefix = "a", .n_files = 2, .die_at = -1, .refuse_at = -1};
    Plan b = {.mode = COMMIT_APPEND, .prefix = "b", .n_files = 2, .die_at = -1, .refuse_at = -1};
    char path[128];
    uint32_t all;
    empty_root();
    assert_int_equal(commit("t", &a, &error), 0);
    (void)snprintf(path, sizeof(path), "%s/t", root);
    Commit *open_one = NULL, *new_one = NULL;
    Plan c = {.die_at = -1, .refuse_at = -1};
    assert_int_equal(commit_begin(path, COMMIT_APPEND, on_step, &c, &open_one, &error), 0);
    put_file(commit_directory(open_one), "c", "c");
    assert_int_equal(commit("t", &b, &error), 0);
    assert_int_equal(commit_end(open_one, &error), 0);
    assert_int_equal(count("t", 'c', &all), 1);
    assert_int_equal(all, 5);
    commit_free(open_one);

    /* Both found nothing there: the second to come adds to what the first has made. */
    (void)snprintf(path, sizeof(path), "%s/x", root);
    assert_int_equal(commit_begin(path, COMMIT_APPEND, on_step, &c, &open_one, &error), 0);
    assert_int_equal(commit_begin(path, COMMIT_APPEND, on_step, &c, &new_one, &error), 0);
    put_file(commit_directory(open_one), "1", "c");
    put_file(commit_directory(new_one), "2", "c");
    assert_int_equal(commit_end(new_one, &error), 0);
    assert_int_equal(commit_end(open_one, &error), 0);
    commit_free(open_one);
    commit_free(new_one);
    (void)count("x", '1', &all);
    assert_int_equal(all, 2);
    assert_int_equal(left_over("x"), 0);
    assert_int_equal(left_over("."), 0);
}

static void all_can_be_opened(IoContext *io, const IoList *list)
{
    for (size_t i = 0; i < list->n_paths; i++) {
        QueryError error = {0};
        IoFile *file = NULL;
        assert_int_equal(io_file_open(io, list->files[i].path, &file, &error), 0);
        (void)io_file_unref(file);
    }
}

/* W-10: who holds a folder finds its files, whatever becomes of it; then they go. */
static void read_while(CommitMode mode, bool folders, bool drop)
{
    static const uint32_t places[] = {0, 1, 2};
    char path[128];
    IoContext *io = NULL;
    IoList list = {0};
    QueryError error = {0};
    Plan old = {.mode = COMMIT_ERROR,
                .prefix = "old",
                .n_files = 3,
                .folders = folders,
                .places = folders ? places : NULL,
                .die_at = -1,
                .refuse_at = -1};
    Plan new = old, other = old;
    new.mode = mode;
    new.prefix = "new";
    other.mode = COMMIT_OVERWRITE;
    other.folders = false;
    other.places = NULL;
    empty_root();
    assert_int_equal(io_context_new_pread(&io), 0);
    assert_int_equal(commit("t", &old, &error), 0);
    (void)snprintf(path, sizeof(path), "%s/t", root);
    int held = io_hold(path);
    assert_true(held >= 0);
    assert_int_equal(io_list(path, 1000, &list, &error), 0);
    assert_int_equal(list.n_paths, 3);
    assert_true(io_hold_is_of(held, path));
    if (drop) {
        int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tree_dispose(fd, "t", -EBADF);
        (void)close(fd);
    } else
        assert_int_equal(commit("t", &new, &error), 0);
    assert_int_equal(io_hold_is_of(held, path), mode == COMMIT_REPLACE);
    all_can_be_opened(io, &list);
    /* Other writers leave it alone as long as it is held. */
    assert_int_equal(commit("x", &other, &error), 0);
    if (!drop)
        assert_int_equal(commit("t",
                                &(Plan){.mode = COMMIT_APPEND,
                                        .prefix = "more",
                                        .n_files = 1,
                                        .die_at = -1,
                                        .refuse_at = -1},
                                &error),
                         0);
    all_can_be_opened(io, &list);
    assert_int_equal(left_over(".") + left_over("t"), 1);
    (void)close(held);
    assert_int_equal(commit("x", &other, &error), 0);
    if (!drop)
        assert_int_equal(commit("t",
                                &(Plan){.mode = COMMIT_APPEND,
                                        .prefix = "last",
                                        .n_files = 1,
                                        .die_at = -1,
                                        .refuse_at = -1},
                                &error),
                         0);
    assert_int_equal(left_over(".") + left_over("t"), 0);
    io_list_done(&list);
    io_context_free(io);
}

static void test_held(void **state)
{
    read_while(COMMIT_OVERWRITE, false, false);
    read_while(COMMIT_OVERWRITE, true, false);
    read_while(COMMIT_REPLACE, true, false);
    read_while(COMMIT_OVERWRITE, true, true);
}

static int make_root(void **state)
{
    (void)snprintf(root, sizeof(root), "/tmp/berth-commit-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    empty_root();
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_refused_at_each_step),
        cmocka_unit_test(test_killed_while_creating),
        cmocka_unit_test(test_killed_while_replacing),
        cmocka_unit_test(test_killed_while_adding),
        cmocka_unit_test(test_killed_while_replacing_partitions),
        cmocka_unit_test(test_partitions_that_cannot_be_replaced),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
