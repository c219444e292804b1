/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core/cgroup_root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/log.h"
#include "sandbox/cgroup/cgroup.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define SUPERVISOR_WEIGHT 10000u
#define SUPERVISOR "supervisor"
#define STALE_WAIT_MSEC 5000

/* Where berthd came from, to go back to before the tree is removed. Set once by cgroup_root_open().
 */
static char origin[CGROUP_ROOT_PATH_MAX];

static int own_cgroup(char *buf, size_t size)
{
    char text[8192];
    ssize_t n = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));

    if (n < 0)
        return (int)n;
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        if (strncmp(line, "0::", 3) == 0)
            return text_copy(buf, size, line + 3) ? 0 : -ENAMETOOLONG;
        line = end ? end + 1 : NULL;
    }
    return -ENOTSUP;
}

/* Makes each component of @path below the mount and hands the controllers down on the way. */
static int make_path(const char *path, int *ret_fd)
{
    _cleanup_close_ int fd = -EBADF;
    char copy[CGROUP_ROOT_PATH_MAX], *save = NULL;
    int r = cgroup_open_root(CGROUP_MOUNT, &fd);

    if (r != 0)
        return r;
    text_copy(copy, sizeof(copy), path);
    for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        uint32_t controllers;
        int next = -EBADF;
        r = cgroup_controllers(fd, &controllers);
        if (r == 0)
            (void)cgroup_enable(fd, controllers);
        r = cgroup_create(fd, part, &next);
        if (r != 0)
            return r < 0 ? r : -ENOENT;
        fd_close(fd);
        fd = next;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static void remove_stale(int root_fd)
{
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        fd_close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        _cleanup_close_ int leaf = -EBADF;
        if (strncmp(e->d_name, "executor-", 9) != 0 ||
            cgroup_create(root_fd, e->d_name, &leaf) != 0)
            continue;
        (void)cgroup_kill(leaf);
        for (int waited = 0; cgroup_populated(leaf) > 0 && waited < STALE_WAIT_MSEC; waited += 10)
            (void)poll(NULL, 0, 10);
        int r = cgroup_remove(root_fd, e->d_name);
        log_line(r < 0 ? LOG_WARNING : LOG_NOTICE, "removed cgroup %s of an earlier berthd: %s",
                 e->d_name, r < 0 ? strerror(-r) : "done");
    }
    closedir(dir);
}

static void note(CgroupRoot *root, const char *sentence)
{
    if (root->n_unenforced < UNENFORCED_MAX)
        root->unenforced[root->n_unenforced++] = sentence;
}

static void note_missing(CgroupRoot *root)
{
    static const struct {
        uint32_t controller;
        const char *sentence;
    } rows[] = {
        {CGROUP_CONTROLLER_MEMORY, "Memory limits: the kernel offers no memory controller here."},
        {CGROUP_CONTROLLER_PIDS, "Process limits: the kernel offers no pids controller here."},
        {CGROUP_CONTROLLER_CPU, "CPU shares: the kernel offers no cpu controller here."},
        {CGROUP_CONTROLLER_CPUSET,
         "Placement on CPUs and NUMA nodes: the kernel offers no cpuset controller here."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (!(root->controllers & rows[i].controller))
            note(root, rows[i].sentence);
}

/* Return: 0; negative errno. Logs the step that failed. */
static int open_tree(const char *configured, CgroupRoot *root)
{
    _cleanup_close_ int fd = -EBADF, supervisor = -EBADF;
    int r = own_cgroup(origin, sizeof(origin));

    if (r < 0) {
        log_line(LOG_ERR, "this process is in no cgroup v2: the host has the old hierarchy");
        return r;
    }
    if (strncmp(configured, CGROUP_MOUNT "/", strlen(CGROUP_MOUNT) + 1) == 0)
        configured += strlen(CGROUP_MOUNT);
    size_t n = strlen(origin);
    text_copy(root->path, sizeof(root->path), configured[0] ? configured : origin);
    if (!configured[0] && strcmp(origin, "/") == 0)
        text_copy(root->path, sizeof(root->path), "/berth");
    else if (!configured[0] && n > sizeof(SUPERVISOR) &&
             strcmp(origin + n - sizeof(SUPERVISOR), "/" SUPERVISOR) == 0)
        root->path[n - sizeof(SUPERVISOR)] = 0;
    r = make_path(root->path, &fd);
    if (r < 0) {
        log_line(LOG_ERR, "cannot open the cgroup %s%s: %s", CGROUP_MOUNT, root->path,
                 strerror(-r));
        return r;
    }
    r = cgroup_create(fd, SUPERVISOR, &supervisor);
    if (r == 0)
        r = cgroup_attach(supervisor, 0);
    if (r != 0) {
        log_line(LOG_ERR, "cannot move to %s/" SUPERVISOR ": %s", root->path, strerror(-r));
        return r < 0 ? r : -ENOENT;
    }
    r = cgroup_controllers(fd, &root->controllers);
    if (r == 0)
        r = cgroup_enable(fd, root->controllers);
    if (r != 0) {
        log_line(LOG_ERR,
                 "cannot enable controllers in %s: %s; start berthd by its unit (Delegate=yes) or "
                 "name an "
                 "empty cgroup with CgroupRoot=",
                 root->path, strerror(-r));
        return r < 0 ? r : -ENOENT;
    }
    /* What berthd does for a session must not wait for the CPU behind the sessions' own work. */
    if (root->controllers & CGROUP_CONTROLLER_CPU &&
        cgroup_cpu_set(supervisor, SUPERVISOR_WEIGHT, false) != 0)
        log_line(LOG_WARNING, "cannot raise the CPU weight of %s/" SUPERVISOR, root->path);
    root->fd = TAKE_FD(fd);
    return 0;
}

int cgroup_root_open(const char *configured, bool required, CgroupRoot *ret_root)
{
    const uint32_t needed = CGROUP_CONTROLLER_MEMORY | CGROUP_CONTROLLER_PIDS;
    CgroupRoot root = {.fd = -EBADF};
    int r = open_tree(configured, &root);

    if (r == 0 && required && (root.controllers & needed) != needed) {
        log_line(LOG_ERR, "%s offers no memory or pids controller", root.path);
        fd_close(root.fd);
        r = -ENOTSUP;
    }
    if (r < 0 && required) {
        log_line(LOG_ERR,
                 "refusing to start: without cgroup v2 no limit on memory, processes or CPU "
                 "could be enforced. RequireCgroup=no starts anyway.");
        return r;
    }
    if (r < 0) {
        root = (CgroupRoot){.fd = -EBADF};
        note(&root, "Memory, process and CPU limits: no cgroup v2 tree is delegated to berthd.");
    } else {
        note_missing(&root);
        remove_stale(root.fd);
    }
    *ret_root = root;
    return 0;
}

void cgroup_root_close(CgroupRoot *root)
{
    _cleanup_close_ int parent = -EBADF;
    char parent_path[CGROUP_ROOT_PATH_MAX + sizeof(CGROUP_MOUNT)];

    if (root->fd < 0)
        return;
    /* A unit's own cgroup goes with the unit. Another tree is left empty by berthd, and then
     * removed. */
    if (strncmp(origin, root->path, strlen(root->path)) != 0) {
        snprintf(parent_path, sizeof(parent_path), CGROUP_MOUNT "%s", origin);
        if (cgroup_open_root(parent_path, &parent) == 0 && cgroup_attach(parent, 0) == 0) {
            (void)cgroup_remove(root->fd, SUPERVISOR);
            snprintf(parent_path, sizeof(parent_path), CGROUP_MOUNT "%s", root->path);
            (void)rmdir(parent_path);
        }
    }
    root->fd = fd_close(root->fd);
}
