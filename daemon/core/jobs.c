/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon/log.h"

#define EXECUTOR_PIDS_MAX 1024u
#define EMPTY_WAIT_MSEC 5000
/* What executors read the rules of time zones from. */
#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define SPILL_DEPTH_MAX 16u

/* "0,2-3" of the bits; NULL when none is set, which leaves the file alone. */
static const char *list_of(const uint64_t *bits, size_t n_bits, char *buf, size_t size)
{
    return text_format_cpu_list(bits, n_bits, buf, size) > 0 ? buf : NULL;
}

static bool listed(const ConfigPaths *paths, const char *path)
{
    for (size_t i = 0; i < paths->n; i++)
        if (strcmp(paths->path[i], path) == 0)
            return true;
    return false;
}

/* A configured path that is, or lies below, a symbolic link keeps its name inside: @real is where
 * it is. */
static void add_root(SandboxRoot *root, const char *path, bool writable, char *real)
{
    *root = (SandboxRoot){.path = path, .writable = writable};
    if (realpath(path, real) && strcmp(real, path) != 0)
        root->source = real;
}

static int spawn(BirthJob *j)
{
    const Config *config = &j->config->config;
    SandboxRoot roots[SANDBOX_ROOTS_MAX];
    _cleanup_free_ char(*real)[PATH_MAX] = calloc(SANDBOX_ROOTS_MAX, PATH_MAX);
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    size_t n = 0;

    if (!real)
        return -ENOMEM;
    for (size_t i = 0; i < config->read_paths.n && n < SANDBOX_ROOTS_MAX; i++, n++)
        add_root(&roots[n], config->read_paths.path[i],
                 listed(&config->write_paths, config->read_paths.path[i]), real[n]);
    for (size_t i = 0; i < config->write_paths.n && n < SANDBOX_ROOTS_MAX; i++)
        if (!listed(&config->read_paths, config->write_paths.path[i])) {
            add_root(&roots[n], config->write_paths.path[i], true, real[n]);
            n++;
        }
    if (n < SANDBOX_ROOTS_MAX && access(ZONE_DIRECTORY, R_OK) == 0)
        roots[n++] = (SandboxRoot){.path = ZONE_DIRECTORY};
    spec.executor = config->executor_path;
    spec.roots = roots;
    spec.n_roots = n;
    spec.cgroup_fd = j->leaf_fd;
    spec.control_fd = j->child_fd;
    spec.file_size_max = config->spill_max_bytes;
    return sandbox_spawn(&spec, &j->pid, &j->pidfd, &j->report);
}

/* Now, while the child still has berthd's uid and a ptrace check would pass. They can never change.
 */
static void read_namespaces(BirthJob *j)
{
    static const char *const names[6] = {"mnt", "pid", "net", "ipc", "uts", "cgroup"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[64];
        struct stat st;
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", j->pid, names[i]);
        j->namespaces[i] = stat(path, &st) == 0 ? st.st_ino : 0;
    }
}

void job_birth(WorkerJob *job)
{
    BirthJob *j = container_of(job, BirthJob, job);
    CgroupLimits limits = {.memory_max_bytes = j->max_bytes,
                           .memory_high_bytes = j->high_bytes,
                           .pids_max = EXECUTOR_PIDS_MAX,
                           .oom_group = true,
                           .no_swap = true};
    int r = 0;

    j->report.step = SANDBOX_STEP_CLONE;
    if (j->root_fd >= 0) {
        r = cgroup_create(j->root_fd, j->leaf, &j->leaf_fd);
        if (r == 0)
            r = cgroup_limits_set(j->leaf_fd, j->controllers, &limits);
        if (r == 0 && j->controllers & CGROUP_CONTROLLER_MEMORY)
            r = cgroup_watch_open(j->leaf_fd, CGROUP_WATCH_MEMORY, &j->watch_fd);
    }
    if (r == 0)
        r = spawn(j);
    if (r == 0)
        read_namespaces(j);
    else if (j->leaf_fd >= 0)
        (void)cgroup_remove(j->root_fd, j->leaf);
    j->result = r > 0 ? -ENOENT : r;
}

/* The session's own directory, reached by descriptor only: its parent is closed to everybody but
 * root. */
static int make_spill(PlaceJob *j)
{
    const Config *config = &j->config->config;
    char path[CONFIG_PATH_MAX + CGROUP_NAME_MAX + 2];

    if (config->spill_directory[0] == 0)
        return 0;
    _cleanup_close_ int parent =
        open(config->spill_directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    if (mkdirat(parent, j->leaf, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (fchownat(parent, j->leaf, j->uid, j->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    snprintf(path, sizeof(path), "%s/%s", config->spill_directory, j->leaf);
    return sandbox_spill_open(path, &j->spill_fd);
}

static int set_affinity(pid_t pid, const uint64_t *cpus)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (unsigned i = 0; i < CONTROL_CPUS_MAX && i < CPU_SETSIZE; i++)
        if (cpus[i / 64] >> (i % 64) & 1)
            CPU_SET(i, &set);
    if (CPU_COUNT(&set) == 0)
        return 0;
    return sched_setaffinity(pid, sizeof(set), &set) < 0 ? -errno : 0;
}

void job_place(WorkerJob *job)
{
    PlaceJob *j = container_of(job, PlaceJob, job);
    char cpus[4096], mems[512];
    int r = 0, k;

    if (j->leaf_fd >= 0 && j->controllers & CGROUP_CONTROLLER_CPUSET)
        r = cgroup_cpuset_set(j->leaf_fd,
                              j->write_cpus ? list_of(j->cpus, CONTROL_CPUS_MAX, cpus, sizeof(cpus))
                                            : NULL,
                              j->write_mems ? list_of(&j->mems, 64, mems, sizeof(mems)) : NULL);
    else if (j->pid > 0)
        r = set_affinity(j->pid, j->cpus);
    if (j->leaf_fd >= 0 && j->write_cpus && j->cpu_weight > 0 &&
        j->controllers & CGROUP_CONTROLLER_CPU) {
        k = cgroup_cpu_set(j->leaf_fd, j->cpu_weight, false);
        r = r ? r : k;
    }
    if (j->make_spill) {
        k = make_spill(j);
        r = r ? r : k;
    }
    j->result = r > 0 ? 0 : r; /* CGROUP_E_GONE: it is dying, and its pidfd says so */
}

void job_resize(WorkerJob *job)
{
    ResizeJob *j = container_of(job, ResizeJob, job);
    CgroupMemory now;
    int r;

    if (j->raise)
        r = cgroup_memory_grow(j->leaf_fd, j->high_bytes, j->max_bytes);
    else
        r = cgroup_memory_shrink(j->leaf_fd, j->high_bytes, j->max_bytes, &j->high_bytes,
                                 &j->max_bytes);
    if (r < 0) {
        /* Assume nothing changed; below, the kernel's own figures correct that. */
        j->high_bytes = j->old_high_bytes;
        j->max_bytes = j->old_max_bytes;
    }
    if (cgroup_memory_read(j->leaf_fd, &now) == 0) {
        j->current_bytes = cgroup_memory_held(&now);
        if (r < 0 && now.max_bytes != CGROUP_UNLIMITED)
            j->max_bytes = now.max_bytes;
    }
    j->result = MIN(r, 0);
}

/* Nobody but root can reach the tree any more, but its names are a tenant's: no link is followed.
 */
static int remove_tree(int parent, const char *name, unsigned depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int r = errno == ENOENT ? 0 : -errno;
        fd_close(fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM) && depth > 0)
            (void)remove_tree(fd, e->d_name, depth - 1);
    }
    closedir(dir);
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int wait_empty(int leaf_fd)
{
    _cleanup_close_ int watch = -EBADF;

    if (cgroup_watch_open(leaf_fd, CGROUP_WATCH_POPULATED, &watch) != 0)
        return 0;
    for (int waited = 0; waited < EMPTY_WAIT_MSEC; waited += 100) {
        struct pollfd p = {.fd = watch, .events = POLLPRI};
        (void)cgroup_watch_rearm(watch);
        if (cgroup_populated(leaf_fd) <= 0)
            return 0;
        (void)poll(&p, 1, 100);
    }
    return -EBUSY;
}

void job_remove(WorkerJob *job)
{
    RemoveJob *j = container_of(job, RemoveJob, job);
    const char *spill = j->config->config.spill_directory;

    if (j->leaf_fd >= 0) {
        (void)cgroup_kill(j->leaf_fd);
        j->result = wait_empty(j->leaf_fd);
        (void)cgroup_memory_read(j->leaf_fd, &j->memory);
        if (j->result == 0)
            j->result = cgroup_remove(j->root_fd, j->leaf);
    }
    if (spill[0]) {
        _cleanup_close_ int parent = open(spill, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (parent >= 0)
            (void)remove_tree(parent, j->leaf, SPILL_DEPTH_MAX);
    }
}

int spill_clean(const char *directory)
{
    if (directory[0] == 0)
        return 0;
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || fchmod(fd, 0700) < 0) {
        fd_close(fd);
        return -EPERM;
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fd_close(fd);
        return -ENOMEM;
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (strncmp(e->d_name, "executor-", 9) == 0)
            (void)remove_tree(fd, e->d_name, SPILL_DEPTH_MAX);
    closedir(dir);
    return 0;
}
