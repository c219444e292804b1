/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/commit_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/write/commit_replace.h"

#define ID_DIGITS 32u
#define SWEEP_ENTRIES_MAX 100000u /* of a directory that is looked through for what others left */

void tree_streamp(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

DIR *tree_stream(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    if (!dir && own >= 0)
        (void)fd_close(own);
    return dir;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool tree_is_directory(int fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

bool tree_is_named(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 && strlen(name) == n + ID_DIGITS &&
           strspn(name + n, "0123456789abcdef") == ID_DIGITS;
}

int tree_open(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tree_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int tree_sync(int fd, uint32_t depth, uint64_t *n_files)
{
    _cleanup_(tree_streamp) DIR *dir = tree_stream(fd);
    struct dirent *entry;
    if (!dir)
        return -errno;
    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    while ((entry = readdir(dir))) {
        if (is_dot(entry->d_name))
            continue;
        if (!tree_is_directory(fd, entry)) {
            *n_files += entry->d_name[0] != '_';
            continue;
        }
        _cleanup_close_ int below = tree_open(fd, entry->d_name);
        int r = below < 0 ? below : tree_sync(below, depth + 1, n_files);
        if (r < 0)
            return r;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int remove_below(int fd, uint32_t depth)
{
    _cleanup_(tree_streamp) DIR *dir = tree_stream(fd);
    struct dirent *entry;
    int result = 0;
    if (!dir)
        return -errno;
    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    while ((entry = readdir(dir))) {
        int r = 0;
        if (is_dot(entry->d_name))
            continue;
        bool folder = tree_is_directory(fd, entry);
        if (folder) {
            _cleanup_close_ int below = tree_open(fd, entry->d_name);
            r = below < 0 ? below : remove_below(below, depth + 1);
        }
        if (unlinkat(fd, entry->d_name, folder ? AT_REMOVEDIR : 0) < 0 && r == 0)
            r = -errno;
        if (result == 0)
            result = r;
    }
    return result;
}

int tree_remove(int parent_fd, const char *name)
{
    _cleanup_close_ int fd = tree_open(parent_fd, name);
    if (fd == -ENOTDIR) /* an overwrite has taken the place of a file */
        return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
    int r = fd < 0 ? fd : remove_below(fd, 0);
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && r == 0)
        r = -errno;
    return r;
}

/* The lock that says that nobody reads below @fd, of an open file of its own. Return: negative
 * errno, -EWOULDBLOCK somebody does. */
static int lock_out_readers(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = own < 0 ? -errno : tree_lock(own);
    if (r == 0)
        return own;
    (void)fd_close(own);
    return r;
}

void tree_discard(int parent_fd, const char *name, int guard_fd)
{
    _cleanup_close_ int fd = guard_fd < 0 ? tree_open(parent_fd, name) : -EBADF;
    bool is_file = fd == -ENOTDIR;
    _cleanup_close_ int lock = is_file ? -EBADF : lock_out_readers(guard_fd < 0 ? fd : guard_fd);
    if (lock >= 0 || is_file)
        (void)tree_remove(parent_fd, name);
}

void tree_dispose(int parent_fd, const char *name, int guard_fd)
{
    uint64_t id[2];
    char aside[TREE_NAME_BYTES];
    int to_fd = guard_fd < 0 ? parent_fd : guard_fd;
    if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return;
    (void)snprintf(aside, sizeof(aside), TREE_STAGING "%016llx%016llx", (unsigned long long)id[0],
                   (unsigned long long)id[1]);
    if (renameat2(parent_fd, name, to_fd, aside, RENAME_NOREPLACE) < 0)
        return;
    (void)fsync(parent_fd);
    tree_discard(to_fd, aside, guard_fd);
}

static int unlink_one(int fd, const char *name)
{
    return unlinkat(fd, name, 0) < 0 ? -errno : 0;
}

static int move_folder(int from_fd, int to_fd, const char *name, uint32_t depth,
                       void (*moved)(void *userdata), void *userdata)
{
    _cleanup_close_ int from = tree_open(from_fd, name);
    if (from < 0)
        return from;
    if (mkdirat(to_fd, name, 0777) < 0 && errno != EEXIST)
        return -errno;
    _cleanup_close_ int to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return -errno;
    int r = tree_move_up(from, to, depth + 1, moved, userdata);
    if (r == 0 && unlinkat(from_fd, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

int tree_move_up(int from_fd, int to_fd, uint32_t depth, void (*moved)(void *userdata),
                 void *userdata)
{
    _cleanup_(tree_streamp) DIR *dir = tree_stream(from_fd);
    struct dirent *entry;
    if (!dir)
        return -errno;
    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        int r = 0;
        if (is_dot(name))
            continue;
        if (tree_is_directory(from_fd, entry))
            r = move_folder(from_fd, to_fd, name, depth, moved, userdata);
        else if (renameat2(from_fd, name, to_fd, name, RENAME_NOREPLACE) < 0)
            r = errno == EEXIST && name[0] == '_' ? unlink_one(from_fd, name) : -errno;
        else if (moved && name[0] != '_')
            moved(userdata);
        if (r < 0)
            return r;
    }
    return fsync(to_fd) < 0 ? -errno : 0;
}

/*
 * Whoever may rename entries of a directory could give another's data the name of something that is
 * to be removed. So only what is ours is, and only where nobody else may rename it.
 */
static bool is_only_ours(int fd, int below, uid_t own)
{
    struct stat folder, entry;
    return fstat(fd, &folder) == 0 && fstat(below, &entry) == 0 && entry.st_uid == own &&
           (folder.st_uid == own || folder.st_uid == 0) &&
           ((folder.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (folder.st_mode & S_ISVTX));
}

void tree_uuid(const char *digits, char *buf)
{
    (void)snprintf(buf, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
                   digits + 16, digits + 20);
}

/* Exchanging folders is as much as removing them. */
static void sweep_replacing(int fd, int below, const char *name, uid_t own)
{
    char id[37];
    uint32_t n;

    tree_uuid(name + strlen(TREE_REPLACING), id);
    if (is_only_ours(fd, below, own) &&
        replace_partitions(below, fd, id, false, &n, NULL, NULL) == 0)
        (void)tree_remove(fd, name);
}

static void sweep_one(int fd, const char *name, uid_t own)
{
    _cleanup_close_ int below = tree_open(fd, name);
    if (below < 0 || tree_lock(below) < 0)
        return;
    /* What was replaced in @fd is still read by who holds it. */
    _cleanup_close_ int lock = tree_is_named(name, TREE_COMMITTED) ? -EBADF : lock_out_readers(fd);
    if (lock == -EWOULDBLOCK)
        return;
    if (tree_is_named(name, TREE_REPLACING))
        sweep_replacing(fd, below, name, own);
    else if (tree_is_named(name, TREE_COMMITTED)) {
        if (tree_move_up(below, fd, 0, NULL, NULL) == 0)
            (void)unlinkat(fd, name, AT_REMOVEDIR);
    } else if (is_only_ours(fd, below, own))
        (void)tree_remove(fd, name);
}

void tree_sweep(int fd, uid_t own)
{
    _cleanup_(tree_streamp) DIR *dir = tree_stream(fd);
    struct dirent *entry;
    for (uint32_t i = 0; dir && i < SWEEP_ENTRIES_MAX && (entry = readdir(dir)); i++)
        if (tree_is_named(entry->d_name, TREE_COMMITTED) ||
            tree_is_named(entry->d_name, TREE_REPLACING) ||
            tree_is_named(entry->d_name, TREE_STAGING))
            sweep_one(fd, entry->d_name, own);
}
