/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/commit_replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/write/commit_tree.h"

typedef struct Replace {
    int to_fd;
    const char *id;
    bool look;
    uint32_t n;
    void (*moved)(void *userdata);
    void *userdata;
    char names[TREE_DEPTH_MAX][256]; /* of the folders on the way to where the walk is */
} Replace;

/*
 * The folder that is to hold the partition, made if need be. Return: descriptor; -ENOENT when it is
 * only looked for and is not there; negative errno.
 */
static int open_place(Replace *r, uint32_t depth)
{
    int fd = fcntl(r->to_fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    for (uint32_t i = 0; i + 1 < depth; i++) {
        int below, e = 0;

        if (!r->look && mkdirat(fd, r->names[i], 0777) < 0 && errno != EEXIST)
            e = -errno;
        below = e == 0 ? tree_open(fd, r->names[i]) : e;
        (void)fd_close(fd);
        if (below < 0)
            return below;
        fd = below;
    }
    return fd;
}

static int look_at(int fd, const char *name)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* The folder names[depth - 1] of @parent_fd is a new partition. */
static int put_partition(Replace *r, int parent_fd, uint32_t depth)
{
    const char *name = r->names[depth - 1];
    _cleanup_close_ int place = open_place(r, depth);

    r->n++;
    if (r->look)
        return place == -ENOENT ? 0 : place < 0 ? place : look_at(place, name);
    if (place < 0)
        return place;
    if (renameat2(parent_fd, name, place, name, RENAME_EXCHANGE) < 0 &&
        (errno != ENOENT || renameat2(parent_fd, name, place, name, RENAME_NOREPLACE) < 0))
        return -errno;
    if (r->moved)
        r->moved(r->userdata);
    return fsync(place) < 0 ? -errno : 0;
}

static int walk(Replace *r, int fd, int parent_fd, uint32_t depth);

static int walk_folder(Replace *r, int fd, const char *name, uint32_t depth)
{
    _cleanup_close_ int below = -EBADF;

    if (depth == TREE_DEPTH_MAX || strlen(name) >= sizeof(r->names[0]))
        return -ELOOP;
    below = tree_open(fd, name);
    if (below < 0)
        return below;
    (void)snprintf(r->names[depth], sizeof(r->names[0]), "%s", name);
    return walk(r, below, fd, depth + 1);
}

/* Bounded recursion: TREE_DEPTH_MAX. */
static int walk(Replace *r, int fd, int parent_fd, uint32_t depth)
{
    _cleanup_(tree_streamp) DIR *dir = tree_stream(fd);
    struct dirent *entry;
    int result = 0;

    if (!dir)
        return -errno;
    while (depth > 0 && (entry = readdir(dir)))
        if (strstr(entry->d_name, r->id) && !tree_is_directory(fd, entry))
            return put_partition(r, parent_fd, depth);
    rewinddir(dir);
    while ((entry = readdir(dir)) && result == 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            tree_is_directory(fd, entry))
            result = walk_folder(r, fd, entry->d_name, depth);
    return result;
}

int replace_partitions(int from_fd, int to_fd, const char *id, bool look, uint32_t *ret_n,
                       void (*moved)(void *userdata), void *userdata)
{
    Replace r = {.to_fd = to_fd, .id = id, .look = look, .moved = moved, .userdata = userdata};
    int result = walk(&r, from_fd, -EBADF, 0);

    *ret_n = r.n;
    return result;
}
