/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup files, on a directory with files of the same names: values, order of writes (by
 * inotify), and that no limit is lowered below use (D-2). The fake does not move memory.current, so
 * a shrink sees no reclaim.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/cgroup/cgroup.h"

#define MIB (UINT64_C(1) << 20)

typedef struct Leaf {
    char path[64];
    int fd;
    int inotify_fd;
} Leaf;

static void put(const Leaf *l, const char *file, const char *text)
{
    _cleanup_close_ int fd = openat(l->fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* Numbers as wide as the code writes them, so that a shorter one leaves no old digit behind. */
static void put_number(const Leaf *l, const char *file, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    put(l, file, text);
}

static uint64_t get_number(const Leaf *l, const char *file)
{
    char text[64];
    assert_true(fd_read_file_at(l->fd, file, text, sizeof(text)) > 0);
    return strncmp(text, "max", 3) == 0 ? CGROUP_UNLIMITED : strtoull(text, NULL, 10);
}

static void assert_text(const Leaf *l, const char *file, const char *expected)
{
    char text[64];
    assert_true(fd_read_file_at(l->fd, file, text, sizeof(text)) > 0);
    assert_string_equal(text, expected);
}

static int leaf_setup(void **state)
{
    Leaf *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    (void)snprintf(l->path, sizeof(l->path), "/tmp/test-cgroup-XXXXXX");
    assert_non_null(mkdtemp(l->path));
    l->fd = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    l->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(l->fd >= 0 && l->inotify_fd >= 0);
    put(l, "cgroup.procs", "0");
    put_number(l, "memory.max", 200 * MIB);
    put_number(l, "memory.high", 150 * MIB);
    put_number(l, "memory.current", 100 * MIB);
    put_number(l, "memory.peak", 120 * MIB);
    put(l, "memory.reclaim", "0");
    put(l, "memory.events.local",
        "low 0\nhigh 7\nmax 17608\noom 17608\noom_kill 2\noom_group_kill 1\n");
    *state = l;
    return 0;
}

static int leaf_teardown(void **state)
{
    Leaf *l = *state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", l->path);
    (void)system(command);
    (void)fd_close(l->fd);
    (void)fd_close(l->inotify_fd);
    free(l);
    return 0;
}

static void watch_writes(const Leaf *l)
{
    assert_true(inotify_add_watch(l->inotify_fd, l->path, IN_CLOSE_WRITE) >= 0);
}

/* The files written since watch_writes(), in order: "a b ". */
static void assert_writes(const Leaf *l, const char *expected)
{
    char text[512] = "";
    union {
        struct inotify_event event;
        char bytes[4096];
    } u;
    ssize_t n = read(l->inotify_fd, u.bytes, sizeof(u.bytes));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(u.bytes + at);
        (void)strcat(strcat(text, e->name), " ");
        at += (ssize_t)(sizeof(*e) + e->len);
    }
    assert_string_equal(text, expected);
}

static void names_are_one_component(void **state)
{
    Leaf *l = *state;
    static const char *const bad[] = {
        "",         ".",
        "..",       "a/b",
        ".hidden",  "a b",
        "\xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890123456"};
    int fd;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(cgroup_create(l->fd, bad[i], &fd), -EINVAL);
        assert_int_equal(cgroup_remove(l->fd, bad[i]), -EINVAL);
    }
    assert_int_equal(cgroup_create(l->fd, "session-1.2@x", &fd), 0);
    (void)close(fd);
    assert_int_equal(cgroup_create(l->fd, "session-1.2@x", &fd),
                     0); /* there already: the same one */
    (void)close(fd);
    assert_int_equal(cgroup_remove(l->fd, "session-1.2@x"), 0);
    assert_int_equal(cgroup_remove(l->fd, "session-1.2@x"), 0); /* gone already */
    assert_int_equal(symlinkat("/tmp", l->fd, "link"), 0);
    assert_int_equal(cgroup_create(l->fd, "link", &fd), -ENOTDIR);
}

static void only_a_cgroup2_is_a_root(void **state)
{
    Leaf *l = *state;
    int fd;
    assert_int_equal(cgroup_open_root(l->path, &fd), -ENOTSUP);
    assert_int_equal(cgroup_open_root("/nonexistent", &fd), -ENOENT);
}

static void controllers_by_name(void **state)
{
    Leaf *l = *state;
    uint32_t bits = 0;
    put(l, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
    assert_int_equal(cgroup_controllers(l->fd, &bits), 0);
    assert_int_equal(bits, CGROUP_CONTROLLER_CPU | CGROUP_CONTROLLER_CPUSET | CGROUP_CONTROLLER_IO |
                               CGROUP_CONTROLLER_MEMORY | CGROUP_CONTROLLER_PIDS);
    put(l, "cgroup.controllers", "\n");
    assert_int_equal(cgroup_controllers(l->fd, &bits), 0);
    assert_int_equal(bits, 0);
    put(l, "cgroup.subtree_control", "");
    assert_int_equal(cgroup_enable(l->fd, CGROUP_CONTROLLER_PIDS), 0);
    assert_text(l, "cgroup.subtree_control", "+pids");
}

static void limits_go_only_to_controllers_that_exist(void **state)
{
    Leaf *l = *state;
    const CgroupLimits limits = {.memory_max_bytes = CGROUP_UNLIMITED,
                                 .memory_high_bytes = 160 * MIB,
                                 .pids_max = 64,
                                 .cpu_weight = 50,
                                 .oom_group = true,
                                 .no_swap = true,
                                 .cpus = "0-3",
                                 .mems = "1"};
    put(l, "memory.max", "100");
    put(l, "memory.oom.group", "0");
    put(l, "pids.max", "10");
    /* No cpu, no cpuset, and no swap accounting: none of their files is there. */
    assert_int_equal(
        cgroup_limits_set(l->fd, CGROUP_CONTROLLER_MEMORY | CGROUP_CONTROLLER_PIDS, &limits), 0);
    assert_text(l, "memory.max", "max");
    assert_int_equal(get_number(l, "memory.high"), 160 * MIB);
    assert_text(l, "memory.oom.group", "1");
    assert_text(l, "pids.max", "64");
    assert_int_equal(cgroup_limits_set(l->fd, CGROUP_CONTROLLER_CPUSET, &limits), -ENOENT);
    put(l, "cpuset.cpus", "");
    put(l, "cpuset.mems", "");
    put(l, "cpu.weight", "");
    put(l, "cpu.idle", "1");
    watch_writes(l);
    assert_int_equal(
        cgroup_limits_set(l->fd, CGROUP_CONTROLLER_CPUSET | CGROUP_CONTROLLER_CPU, &limits), 0);
    assert_writes(
        l, "cpuset.mems cpuset.cpus cpu.idle cpu.weight "); /* the node before anything runs */
    assert_text(l, "cpuset.mems", "1");
    assert_text(l, "cpuset.cpus", "0-3");
    assert_text(l, "cpu.weight", "50");
    assert_text(l, "cpu.idle", "0");
}

static void growing_moves_the_fence_before_the_wire(void **state)
{
    Leaf *l = *state;
    watch_writes(l);
    assert_int_equal(cgroup_memory_grow(l->fd, 250 * MIB, 300 * MIB), 0);
    assert_writes(l, "memory.max memory.high ");
    assert_int_equal(get_number(l, "memory.max"), 300 * MIB);
    assert_int_equal(get_number(l, "memory.high"), 250 * MIB);
}

static void growing_lowers_nothing(void **state)
{
    Leaf *l = *state;
    watch_writes(l);
    assert_int_equal(cgroup_memory_grow(l->fd, 110 * MIB, 120 * MIB), 0);
    assert_writes(l, "");
    put(l, "memory.max", "max\n");
    assert_int_equal(cgroup_memory_grow(l->fd, 160 * MIB, 900 * MIB), 0);
    assert_int_equal(get_number(l, "memory.max"), CGROUP_UNLIMITED);
    assert_int_equal(get_number(l, "memory.high"), 160 * MIB);
}

static void shrinking_to_what_is_free(void **state)
{
    Leaf *l = *state;
    uint64_t high, max;
    watch_writes(l);
    assert_int_equal(cgroup_memory_shrink(l->fd, 120 * MIB, 140 * MIB, &high, &max), 0);
    assert_writes(
        l, "memory.high memory.max "); /* the wire first: it slows down who grows meanwhile */
    assert_int_equal(high, 120 * MIB);
    assert_int_equal(max, 140 * MIB);
    assert_int_equal(get_number(l, "memory.high"), 120 * MIB);
    assert_int_equal(get_number(l, "memory.max"), 140 * MIB);
}

/* D-2, for every wish: memory.max never below memory.current, and the answer says what is in force.
 */
static void shrinking_never_goes_below_use(void **state)
{
    Leaf *l = *state;
    for (uint64_t wish = 100; wish <= 190; wish += 10) {
        uint64_t high = 0, max = 0;
        put_number(l, "memory.max", 200 * MIB);
        put_number(l, "memory.high", 150 * MIB);
        put_number(l, "memory.current", 140 * MIB);
        int r = cgroup_memory_shrink(l->fd, wish * MIB, wish * MIB, &high, &max);
        assert_int_equal(high, get_number(l, "memory.high"));
        assert_int_equal(max, get_number(l, "memory.max"));
        assert_true(max >= 140 * MIB + 16 * MIB);
        assert_true(high >= 140 * MIB && high <= 150 * MIB && high <= max);
        assert_int_equal(r, high > wish * MIB || max > wish * MIB ? CGROUP_E_BELOW_USE : 0);
    }
    /* What it could not free was asked back first. */
    assert_true(get_number(l, "memory.reclaim") == 40 * MIB || get_number(l, "memory.reclaim") > 0);
}

static void shrinking_raises_nothing(void **state)
{
    Leaf *l = *state;
    uint64_t high, max;
    watch_writes(l);
    assert_int_equal(cgroup_memory_shrink(l->fd, 500 * MIB, 600 * MIB, &high, &max), 0);
    assert_writes(l, "");
    assert_int_equal(high, 150 * MIB);
    assert_int_equal(max, 200 * MIB);
}

static void counters(void **state)
{
    Leaf *l = *state;
    CgroupMemory m;
    assert_int_equal(cgroup_memory_read(l->fd, &m), 0);
    assert_int_equal(m.current_bytes, 100 * MIB);
    assert_int_equal(m.peak_bytes, 120 * MIB);
    assert_int_equal(m.n_high, 7);
    assert_int_equal(m.n_oom, 17608); /* not the kills */
    assert_int_equal(m.n_oom_kill, 2);
    assert_int_equal(m.n_oom_group_kill, 1);
    assert_int_equal(unlinkat(l->fd, "memory.peak", 0), 0);
    assert_int_equal(cgroup_memory_read(l->fd, &m), 0); /* before 5.19 */
    assert_int_equal(m.peak_bytes, 0);
    put(l, "memory.max", "rubbish\n");
    assert_int_equal(cgroup_memory_read(l->fd, &m), -EIO);

    uint64_t usec;
    put(l, "cpu.stat", "usage_usec 4200\nuser_usec 4000\nsystem_usec 200\n");
    assert_int_equal(cgroup_cpu_read(l->fd, &usec), 0);
    assert_int_equal(usec, 4200);
    put(l, "cgroup.events", "populated 1\nfrozen 0\n");
    assert_int_equal(cgroup_populated(l->fd), 1);
    put(l, "cgroup.events", "populated 0\nfrozen 0\n");
    assert_int_equal(cgroup_populated(l->fd), 0);
}

static void pressure(void **state)
{
    Leaf *l = *state;
    uint32_t some = 9, full = 9;
    put(l, "memory.pressure",
        "some avg10=12.34 avg60=1.00 avg300=0.00 total=99\nfull avg10=0.07 avg60=0.00 avg300=0.00 "
        "total=1\n");
    assert_int_equal(cgroup_pressure_read(l->fd, CGROUP_PRESSURE_MEMORY, &some, &full), 0);
    assert_int_equal(some, 1234);
    assert_int_equal(full, 7);
    assert_int_equal(cgroup_pressure_read(l->fd, CGROUP_PRESSURE_IO, &some, &full), -ENOENT);
}

static void a_removed_leaf_is_gone_not_broken(void **state)
{
    Leaf *l = *state;
    CgroupMemory m;
    uint64_t high, max;
    int fd;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", l->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(cgroup_memory_read(l->fd, &m), CGROUP_E_GONE);
    assert_int_equal(cgroup_memory_grow(l->fd, MIB, MIB), CGROUP_E_GONE);
    assert_int_equal(cgroup_memory_shrink(l->fd, MIB, MIB, &high, &max), CGROUP_E_GONE);
    assert_int_equal(cgroup_kill(l->fd), CGROUP_E_GONE);
    assert_int_equal(cgroup_watch_open(l->fd, CGROUP_WATCH_MEMORY, &fd), CGROUP_E_GONE);
    assert_int_equal(cgroup_populated(l->fd), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, leaf_setup, leaf_teardown)
    const struct CMUnitTest tests[] = {
        TEST(names_are_one_component),
        TEST(only_a_cgroup2_is_a_root),
        TEST(controllers_by_name),
        TEST(limits_go_only_to_controllers_that_exist),
        TEST(growing_moves_the_fence_before_the_wire),
        TEST(growing_lowers_nothing),
        TEST(shrinking_to_what_is_free),
        TEST(shrinking_never_goes_below_use),
        TEST(shrinking_raises_nothing),
        TEST(counters),
        TEST(pressure),
        TEST(a_removed_leaf_is_gone_not_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
