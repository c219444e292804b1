/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cgroup v2 files by directory descriptor; no paths that a client can write, no state.
 *
 * berthd opens its own delegated directory once (cgroup_open_root), and everything below it is
 * addressed by descriptor, so a test may pass a plain directory with files of the same names.
 *
 * Any function that writes may sleep for seconds in reclaim or page migration: never on the event
 * loop (D-3). Kernel documentation: admin-guide/cgroup-v2.rst. Floor 5.18 for memory.high,
 * which 6.1 has.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_NAME_MAX 64u
#define CGROUP_UNLIMITED UINT64_MAX /* "max" */

enum {
    CGROUP_E_GONE = 1,  /* the leaf has been removed */
    CGROUP_E_BELOW_USE, /* a shrink stopped above what was asked: memory.current did not fall (D-2)
                         */
};

typedef enum CgroupController {
    CGROUP_CONTROLLER_CPU = 1u << 0,
    CGROUP_CONTROLLER_CPUSET = 1u << 1,
    CGROUP_CONTROLLER_IO = 1u << 2,
    CGROUP_CONTROLLER_MEMORY = 1u << 3,
    CGROUP_CONTROLLER_PIDS = 1u << 4,
} CgroupController;

/**
 * cgroup_open_root() - open berthd's own directory of the v2 hierarchy
 * @path: e.g. "/sys/fs/cgroup/system.slice/berthd.service"
 * Return: 0; -ENOTSUP when it is not a cgroup2 file system; negative errno.
 */
int cgroup_open_root(const char *path, int *ret_fd);

/* CgroupController bits of cgroup.controllers: what may be enabled for children. Return: 0 or
 * negative errno. */
int cgroup_controllers(int dir_fd, uint32_t *ret_controllers);

/* Writes +x for each bit to cgroup.subtree_control, one at a time. Processes must have left @dir_fd
 * (-EBUSY). */
int cgroup_enable(int dir_fd, uint32_t controllers);

/**
 * cgroup_create() - make (or open, if it is there) a child directory
 * @name: one component, at most CGROUP_NAME_MAX bytes, letters, digits, '-', '_', '.', '@'; checked
 * Return: 0; -EINVAL for a bad name; negative errno.
 */
int cgroup_create(int dir_fd, const char *name, int *ret_fd);

/* rmdir. The caller has waited for populated = 0. Return: 0, also when it is gone already; -EBUSY;
 * ... */
int cgroup_remove(int dir_fd, const char *name);

/* Moves a process (0: the caller itself). Only for berthd leaving its unit's top; executors are
 * born inside. */
int cgroup_attach(int dir_fd, int32_t pid);

/* Limits of a new leaf, before anything runs in it. 0 means: leave the kernel's default. */
typedef struct CgroupLimits {
    uint64_t memory_max_bytes; /* CGROUP_UNLIMITED: "max" */
    uint64_t memory_high_bytes;
    uint64_t pids_max;
    uint32_t cpu_weight; /* 1..10,000 */
    bool cpu_idle;       /* SCHED_IDLE for the whole group; takes the place of the weight */
    bool oom_group;      /* memory.oom.group = 1: all or nothing */
    bool no_swap;        /* memory.swap.max = 0 */
    const char *cpus;    /* "0-3,8", or NULL */
    const char *mems;    /* "0", or NULL */
} CgroupLimits;

/**
 * cgroup_limits_set() - write the limits of a leaf that has no process yet
 * @controllers: what the leaf has; limits of other controllers are skipped
 * swap.max and oom.group may be missing on kernels without swap accounting: -ENOENT of swap.max is
 * ignored. Return: 0; CGROUP_E_GONE; negative errno.
 */
int cgroup_limits_set(int leaf_fd, uint32_t controllers, const CgroupLimits *limits);

/**
 * cgroup_memory_grow() - raise the trip wire and the fence of a leaf
 * @high_bytes: new memory.high; not below the present one
 * @max_bytes:  new memory.max, at least @high_bytes; not below the present one
 *
 * Writes max, then high, so the wire never lies above the fence. A value that would lower something
 * is left as it is. A task already throttled is not woken; it notices within 2 s.
 *
 * Return: 0; CGROUP_E_GONE; negative errno.
 */
int cgroup_memory_grow(int leaf_fd, uint64_t high_bytes, uint64_t max_bytes);

/**
 * cgroup_memory_shrink() - lower the trip wire and the fence without killing anything
 * @high_bytes: wished memory.high
 * @max_bytes:  wished memory.max, at least @high_bytes
 * @ret_high_bytes, @ret_max_bytes: out, what is in force now, on 0 and on CGROUP_E_BELOW_USE
 *
 * Lowering memory.max below use kills inside the write. So: memory.reclaim for the excess (page
 * cache goes, anonymous memory stays), then memory.high, and memory.max only as far as
 * memory.current plus a slack of 1/8 (at least 16 MiB) allows (D-2). memory.current can rise
 * between the reading and the write; the slack is for that, and memory.high, written first,
 * throttles the rise.
 *
 * Return: 0 as wished; CGROUP_E_BELOW_USE partly; CGROUP_E_GONE; negative errno.
 */
int cgroup_memory_shrink(int leaf_fd, uint64_t high_bytes, uint64_t max_bytes,
                         uint64_t *ret_high_bytes, uint64_t *ret_max_bytes);

/* Asks for @n_bytes of page cache back. Return: 0; -EAGAIN when less was found; CGROUP_E_GONE;
 * -ENOENT old kernel. */
int cgroup_memory_reclaim(int leaf_fd, uint64_t n_bytes);

typedef struct CgroupMemory {
    uint64_t current_bytes;
    uint64_t peak_bytes; /* 0 where the kernel has no memory.peak (before 5.19) */
    uint64_t high_bytes, max_bytes;
    uint64_t file_bytes; /* page cache of files, part of current: reclaim takes it back */
    /* memory.events.local */
    uint64_t n_high, n_max, n_oom, n_oom_kill, n_oom_group_kill;
} CgroupMemory;

/* What cannot be had back by dropping page cache: that alone is a reason to raise a limit. */
static inline uint64_t cgroup_memory_held(const CgroupMemory *m)
{
    return m->current_bytes > m->file_bytes ? m->current_bytes - m->file_bytes : 0;
}

/* Return: 0; CGROUP_E_GONE; negative errno. Does not sleep. */
int cgroup_memory_read(int leaf_fd, CgroupMemory *ret_memory);

/* usage_usec of cpu.stat. Return: 0; CGROUP_E_GONE; negative errno. */
int cgroup_cpu_read(int leaf_fd, uint64_t *ret_usage_usec);

/* cgroup.events "populated". Return: 0 empty, 1 populated, negative errno; a removed leaf is empty.
 */
int cgroup_populated(int leaf_fd);

/*
 * cgroup.kill (5.14). A leaf that was killed is spent: some kernels (measured: 6.1.176 and 6.18.44,
 * not 6.1.192) kill at once what clone3 puts into it later. Remove it and make a new one.
 * Return: 0; CGROUP_E_GONE; negative errno.
 */
int cgroup_kill(int leaf_fd);

/* cgroup.freeze. Returns at once; cgroup.events tells when it is so. */
int cgroup_freeze(int leaf_fd, bool freeze);

/* cpuset.cpus and cpuset.mems of a living leaf; NULL leaves one alone. mems migrates pages:
 * seconds. */
int cgroup_cpuset_set(int leaf_fd, const char *cpus, const char *mems);

/* What the kernel really gives: cpuset.cpus.effective and cpuset.mems.effective, NUL-terminated. */
int cgroup_cpuset_read(int leaf_fd, char *ret_cpus, size_t n_cpus, char *ret_mems, size_t n_mems);

/* cpu.weight of a living leaf, 1..10,000; and cpu.idle. */
int cgroup_cpu_set(int leaf_fd, uint32_t weight, bool idle);

typedef enum CgroupWatch {
    CGROUP_WATCH_MEMORY,    /* memory.events.local of a leaf */
    CGROUP_WATCH_POPULATED, /* cgroup.events */
    _CGROUP_WATCH_MAX,
} CgroupWatch;

/**
 * cgroup_watch_open() - a descriptor that raises EPOLLPRI when the counters of a leaf change
 * At most one wake-up per 10 ms: read the counters again (cgroup_watch_rearm() first), never count
 * wake-ups. Return: 0 and @ret_fd, owned by the caller; CGROUP_E_GONE; negative errno.
 */
int cgroup_watch_open(int leaf_fd, CgroupWatch watch, int *ret_fd);

/* Reads the file once from its start, which is what re-arms EPOLLPRI. Return: 0; CGROUP_E_GONE;
 * negative errno. */
int cgroup_watch_rearm(int watch_fd);

typedef enum CgroupPressure {
    CGROUP_PRESSURE_CPU,
    CGROUP_PRESSURE_IO,
    CGROUP_PRESSURE_MEMORY,
    _CGROUP_PRESSURE_MAX,
} CgroupPressure;

/* avg10 of the "some" and "full" lines, in hundredths of a percent. @dir_fd -EBADF: the host's
 * /proc/pressure. */
int cgroup_pressure_read(int dir_fd, CgroupPressure kind, uint32_t *ret_some, uint32_t *ret_full);

/**
 * cgroup_pressure_watch() - a PSI trigger: EPOLLPRI when tasks stalled @stall_usec within
 * @window_usec
 * @dir_fd: cgroup, or -EBADF: the host. Windows 500 ms..10 s. Return: 0; -ENOENT, -EOPNOTSUPP
 * without PSI; ...
 */
int cgroup_pressure_watch(int dir_fd, CgroupPressure kind, uint64_t stall_usec,
                          uint64_t window_usec, int *ret_fd);
