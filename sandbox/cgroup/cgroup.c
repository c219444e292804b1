/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* Above memory.current, for what is charged between the reading and the write. */
#define SHRINK_SLACK_MIN (UINT64_C(16) << 20)
#define SHRINK_SLACK_SHIFT 3

static const struct {
    const char *name;
    CgroupController bit;
} controllers[] = {
    {"cpu", CGROUP_CONTROLLER_CPU},   {"cpuset", CGROUP_CONTROLLER_CPUSET},
    {"io", CGROUP_CONTROLLER_IO},     {"memory", CGROUP_CONTROLLER_MEMORY},
    {"pids", CGROUP_CONTROLLER_PIDS},
};

/* A removed cgroup answers ENODEV to open files and ENOENT to new ones; a missing file in a living
 * one is ENOENT. */
static int gone(int dir_fd, int r)
{
    if (r == -ENODEV)
        return CGROUP_E_GONE;
    struct stat st;
    if (r == -ENOENT && (fstat(dir_fd, &st) < 0 || st.st_nlink == 0 ||
                         faccessat(dir_fd, "cgroup.procs", F_OK, 0) < 0))
        return CGROUP_E_GONE;
    return r;
}

static int write_text(int dir_fd, const char *file, const char *text)
{
    return gone(dir_fd, fd_write_file_at(dir_fd, file, text));
}

static int write_number(int dir_fd, const char *file, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return write_text(dir_fd, file, value == CGROUP_UNLIMITED ? "max" : text);
}

static int read_number(int dir_fd, const char *file, uint64_t *ret_value)
{
    char text[64], *end;
    ssize_t n = fd_read_file_at(dir_fd, file, text, sizeof(text));
    if (n < 0)
        return gone(dir_fd, (int)n);
    if (strncmp(text, "max", 3) == 0) {
        *ret_value = CGROUP_UNLIMITED;
        return 0;
    }
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || errno != 0)
        return -EIO;
    *ret_value = value;
    return 0;
}

/* The number behind "key " at the start of a line; 0 when there is none. */
static uint64_t find_number(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n + 1, NULL, 10);
    return 0;
}

int cgroup_open_root(const char *path, int *ret_fd)
{
    struct statfs fs;
    _cleanup_close_ int fd = open(path, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    if (fs.f_type != CGROUP2_SUPER_MAGIC)
        return -ENOTSUP;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int cgroup_controllers(int dir_fd, uint32_t *ret_controllers)
{
    char text[256];
    ssize_t n = fd_read_file_at(dir_fd, "cgroup.controllers", text, sizeof(text));
    if (n < 0)
        return (int)n;
    uint32_t bits = 0;
    char *state = NULL;
    for (char *word = strtok_r(text, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
        for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
            if (strcmp(word, controllers[i].name) == 0)
                bits |= controllers[i].bit;
    *ret_controllers = bits;
    return 0;
}

int cgroup_enable(int dir_fd, uint32_t bits)
{
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        if (!(bits & controllers[i].bit))
            continue;
        char text[16];
        (void)snprintf(text, sizeof(text), "+%s", controllers[i].name);
        int r = fd_write_file_at(dir_fd, "cgroup.subtree_control", text);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool name_is_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@");
    return n > 0 && n <= CGROUP_NAME_MAX && name[n] == '\0' && name[0] != '.';
}

int cgroup_create(int dir_fd, const char *name, int *ret_fd)
{
    if (!name_is_valid(name))
        return -EINVAL;
    if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(dir_fd, name, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int cgroup_remove(int dir_fd, const char *name)
{
    if (!name_is_valid(name))
        return -EINVAL;
    return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_attach(int dir_fd, int32_t pid)
{
    return write_number(dir_fd, "cgroup.procs", (uint64_t)pid);
}

int cgroup_cpu_set(int leaf_fd, uint32_t weight, bool idle)
{
    /* cpu.idle = 1 pins the weight, so it goes first when it ends and last when it begins. */
    int r = 0;
    if (!idle)
        r = write_number(leaf_fd, "cpu.idle", 0);
    if ((r == 0 || r == -ENOENT) && !idle && weight > 0)
        r = write_number(leaf_fd, "cpu.weight", weight);
    if (idle)
        r = write_number(leaf_fd, "cpu.idle", 1);
    return r == -ENOENT ? 0 : r;
}

int cgroup_cpuset_set(int leaf_fd, const char *cpus, const char *mems)
{
    int r = 0;
    if (mems)
        r = write_text(leaf_fd, "cpuset.mems", mems);
    if (r == 0 && cpus)
        r = write_text(leaf_fd, "cpuset.cpus", cpus);
    return r;
}

static int read_line(int dir_fd, const char *file, char *buf, size_t size)
{
    ssize_t n = fd_read_file_at(dir_fd, file, buf, size);
    if (n < 0)
        return gone(dir_fd, (int)n);
    buf[strcspn(buf, "\n")] = '\0';
    return 0;
}

int cgroup_cpuset_read(int leaf_fd, char *ret_cpus, size_t n_cpus, char *ret_mems, size_t n_mems)
{
    int r = read_line(leaf_fd, "cpuset.cpus.effective", ret_cpus, n_cpus);
    return r != 0 ? r : read_line(leaf_fd, "cpuset.mems.effective", ret_mems, n_mems);
}

static int memory_limits_set(int leaf_fd, const CgroupLimits *limits)
{
    int r = 0;
    if (limits->memory_max_bytes > 0)
        r = write_number(leaf_fd, "memory.max", limits->memory_max_bytes);
    if (r == 0 && limits->memory_high_bytes > 0)
        r = write_number(leaf_fd, "memory.high", limits->memory_high_bytes);
    if (r == 0 && limits->oom_group)
        r = write_number(leaf_fd, "memory.oom.group", 1);
    if (r == 0 && limits->no_swap) {
        r = write_number(leaf_fd, "memory.swap.max", 0);
        if (r == -ENOENT) /* no swap accounting, so no swap to limit */
            r = 0;
    }
    return r;
}

int cgroup_limits_set(int leaf_fd, uint32_t bits, const CgroupLimits *limits)
{
    int r = 0;
    if (bits & CGROUP_CONTROLLER_MEMORY)
        r = memory_limits_set(leaf_fd, limits);
    if (r == 0 && (bits & CGROUP_CONTROLLER_PIDS) && limits->pids_max > 0)
        r = write_number(leaf_fd, "pids.max", limits->pids_max);
    if (r == 0 && (bits & CGROUP_CONTROLLER_CPUSET))
        r = cgroup_cpuset_set(leaf_fd, limits->cpus, limits->mems);
    if (r == 0 && (bits & CGROUP_CONTROLLER_CPU) && (limits->cpu_weight > 0 || limits->cpu_idle))
        r = cgroup_cpu_set(leaf_fd, limits->cpu_weight, limits->cpu_idle);
    return r;
}

int cgroup_memory_grow(int leaf_fd, uint64_t high_bytes, uint64_t max_bytes)
{
    assert(high_bytes <= max_bytes);
    uint64_t high, max;
    int r = read_number(leaf_fd, "memory.max", &max);
    if (r == 0)
        r = read_number(leaf_fd, "memory.high", &high);
    if (r == 0 && max_bytes > max)
        r = write_number(leaf_fd, "memory.max", max_bytes);
    if (r == 0 && high_bytes > high)
        r = write_number(leaf_fd, "memory.high", high_bytes);
    return r;
}

int cgroup_memory_reclaim(int leaf_fd, uint64_t n_bytes)
{
    return n_bytes > 0 ? write_number(leaf_fd, "memory.reclaim", n_bytes) : 0;
}

int cgroup_memory_shrink(int leaf_fd, uint64_t high_bytes, uint64_t max_bytes,
                         uint64_t *ret_high_bytes, uint64_t *ret_max_bytes)
{
    assert(high_bytes <= max_bytes);
    uint64_t current, high, max;
    int r = read_number(leaf_fd, "memory.max", &max);
    if (r == 0)
        r = read_number(leaf_fd, "memory.high", &high);
    if (r == 0)
        r = read_number(leaf_fd, "memory.current", &current);
    if (r == 0 && current > high_bytes) {
        r = cgroup_memory_reclaim(leaf_fd, current - high_bytes);
        if (r == -EAGAIN || r == -ENOENT || r == -EINTR) /* less than asked; before 5.19 */
            r = 0;
    }
    if (r == 0)
        r = read_number(leaf_fd, "memory.current", &current);
    if (r != 0)
        return r;

    /* The wire first: it slows down whoever grows while we look. Neither limit below what is in
     * use. */
    uint64_t slack = MAX(current >> SHRINK_SLACK_SHIFT, SHRINK_SLACK_MIN);
    uint64_t wished_max = MAX(max_bytes, current + slack);
    uint64_t wished_high = MAX(high_bytes, current);
    uint64_t new_high = MIN(wished_high, high);
    uint64_t new_max = wished_max < max ? wished_max : max;
    if (new_high < high)
        r = write_number(leaf_fd, "memory.high", new_high);
    if (r == 0)
        r = read_number(leaf_fd, "memory.current", &current);
    if (r == 0 && new_max < max) {
        if (current + SHRINK_SLACK_MIN / 2 > new_max) /* it grew all the same */
            new_max = max;
        else
            r = write_number(leaf_fd, "memory.max", new_max);
    }
    if (r != 0)
        return r;
    *ret_high_bytes = new_high;
    *ret_max_bytes = new_max;
    return new_high > high_bytes || new_max > max_bytes ? CGROUP_E_BELOW_USE : 0;
}

int cgroup_memory_read(int leaf_fd, CgroupMemory *ret_memory)
{
    CgroupMemory memory = {0};
    char events[512], stat[8192];
    int r = read_number(leaf_fd, "memory.current", &memory.current_bytes);
    if (r == 0)
        r = read_number(leaf_fd, "memory.peak", &memory.peak_bytes);
    if (r == -ENOENT)
        r = 0;
    if (r == 0)
        r = read_number(leaf_fd, "memory.high", &memory.high_bytes);
    if (r == 0)
        r = read_number(leaf_fd, "memory.max", &memory.max_bytes);
    if (r != 0)
        return r;
    ssize_t n = fd_read_file_at(leaf_fd, "memory.events.local", events, sizeof(events));
    if (n < 0)
        return gone(leaf_fd, (int)n);
    if (fd_read_file_at(leaf_fd, "memory.stat", stat, sizeof(stat)) > 0) {
        uint64_t file = find_number(stat, "file"), shmem = find_number(stat, "shmem");
        memory.file_bytes = file > shmem ? file - shmem : 0;
    }
    memory.n_high = find_number(events, "high");
    memory.n_max = find_number(events, "max");
    memory.n_oom = find_number(events, "oom");
    memory.n_oom_kill = find_number(events, "oom_kill");
    memory.n_oom_group_kill = find_number(events, "oom_group_kill");
    *ret_memory = memory;
    return 0;
}

int cgroup_cpu_read(int leaf_fd, uint64_t *ret_usage_usec)
{
    char text[1024];
    ssize_t n = fd_read_file_at(leaf_fd, "cpu.stat", text, sizeof(text));
    if (n < 0)
        return gone(leaf_fd, (int)n);
    *ret_usage_usec = find_number(text, "usage_usec");
    return 0;
}

int cgroup_populated(int leaf_fd)
{
    char text[128];
    ssize_t n = fd_read_file_at(leaf_fd, "cgroup.events", text, sizeof(text));
    if (n < 0)
        return gone(leaf_fd, (int)n) == CGROUP_E_GONE ? 0 : (int)n;
    return find_number(text, "populated") != 0;
}

int cgroup_kill(int leaf_fd)
{
    return write_number(leaf_fd, "cgroup.kill", 1);
}

int cgroup_freeze(int leaf_fd, bool freeze)
{
    return write_number(leaf_fd, "cgroup.freeze", freeze);
}

int cgroup_watch_open(int leaf_fd, CgroupWatch watch, int *ret_fd)
{
    static const char *const files[_CGROUP_WATCH_MAX] = {"memory.events.local", "cgroup.events"};
    assert(watch < _CGROUP_WATCH_MAX);
    int fd = openat(leaf_fd, files[watch], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return gone(leaf_fd, -errno);
    *ret_fd = fd;
    return 0;
}

int cgroup_watch_rearm(int watch_fd)
{
    char text[512];
    ssize_t n = pread(watch_fd, text, sizeof(text), 0);
    return n >= 0 ? 0 : errno == ENODEV ? CGROUP_E_GONE : -errno;
}

static int open_pressure(int dir_fd, CgroupPressure kind, int flags)
{
    static const char *const names[_CGROUP_PRESSURE_MAX] = {"cpu", "io", "memory"};
    char path[64];
    assert(kind < _CGROUP_PRESSURE_MAX);
    (void)snprintf(path, sizeof(path), dir_fd >= 0 ? "%s.pressure" : "/proc/pressure/%s",
                   names[kind]);
    int fd = openat(dir_fd >= 0 ? dir_fd : AT_FDCWD, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* "some avg10=1.23 avg60=..." -> 123 */
static uint32_t find_avg10(const char *text, const char *line)
{
    unsigned whole = 0, hundredths = 0;
    const char *at = strstr(text, line);
    at = at ? strstr(at, "avg10=") : NULL;
    return at && sscanf(at, "avg10=%u.%2u", &whole, &hundredths) == 2 ? whole * 100 + hundredths
                                                                      : 0;
}

int cgroup_pressure_read(int dir_fd, CgroupPressure kind, uint32_t *ret_some, uint32_t *ret_full)
{
    char text[256];
    _cleanup_close_ int fd = open_pressure(dir_fd, kind, O_RDONLY);
    if (fd < 0)
        return fd;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    *ret_some = find_avg10(text, "some");
    *ret_full = find_avg10(text, "full");
    return 0;
}

int cgroup_pressure_watch(int dir_fd, CgroupPressure kind, uint64_t stall_usec,
                          uint64_t window_usec, int *ret_fd)
{
    char text[64];
    _cleanup_close_ int fd = open_pressure(dir_fd, kind, O_RDWR | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int n = snprintf(text, sizeof(text), "some %" PRIu64 " %" PRIu64, stall_usec, window_usec);
    if (write(fd, text, (size_t)n + 1) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}
