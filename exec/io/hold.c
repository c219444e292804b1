/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A table may be replaced while a query reads it. Whoever replaces a folder sets the old one aside,
 * under a name that no listing shows, and removes it only when it has a lock that readers keep
 * away (exec/write/README.md); until then a file is found there by what comes behind in its path.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "exec/io/io_internal.h"

#define HOLD_TRIES 20u       /* of a millisecond: a writer has the lock while it ends */
#define ASIDE_LEVELS 8u      /* folders above a file that may have been set aside */
#define ASIDE_ENTRIES 10000u /* names of one folder that are looked at */

int io_hold(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (uint32_t i = 0; flock(fd, LOCK_SH | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == HOLD_TRIES)
            return -errno;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return TAKE_FD(fd);
}

bool io_hold_is_of(int fd, const char *path)
{
    struct stat held, now;
    return fstat(fd, &held) == 0 && stat(path, &now) == 0 && held.st_ino == now.st_ino &&
           held.st_dev == now.st_dev;
}

/* "_temporary-" and 32 hexadecimal digits, and its kin. */
static bool is_named(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 && strlen(name) == n + 32 &&
           strspn(name + n, "0123456789abcdef") == 32;
}

static void closedirp(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int open_below(int fd, const char *name, const char *rest)
{
    char path[IO_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", name, rest);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    int file = openat(fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return file < 0 ? -errno : file;
}

/* Of @rest below @folder: with all of its folders, without the first, or in the folder set aside.
 */
static int look_in(const char *folder, const char *rest)
{
    _cleanup_(closedirp) DIR *dir = opendir(folder);
    struct dirent *entry;
    const char *behind = strchr(rest, '/'), *last = strrchr(rest, '/');
    for (uint32_t i = 0; dir && i < ASIDE_ENTRIES && (entry = readdir(dir)); i++) {
        if (!is_named(entry->d_name, "_temporary-") && !is_named(entry->d_name, "_replacing-"))
            continue;
        int fd = open_below(dirfd(dir), entry->d_name, rest);
        if (fd < 0 && behind)
            fd = open_below(dirfd(dir), entry->d_name, behind + 1);
        if (fd < 0 && last && last != behind)
            fd = open_below(dirfd(dir), entry->d_name, last + 1);
        if (fd >= 0)
            return fd;
    }
    return -ENOENT;
}

/* A file of several that were added has been moved up since (W-3). */
static int look_above(const char *path)
{
    char moved[IO_PATH_MAX];
    const char *at = strstr(path, "/_committed-"), *rest = at ? strchr(at + 1, '/') : NULL;
    if (!rest || (size_t)snprintf(moved, sizeof(moved), "%.*s%s", (int)(at - path), path, rest) >=
                     sizeof(moved))
        return -ENOENT;
    int fd = open(moved, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int io_open_aside(const char *path)
{
    char folder[IO_PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof(folder))
        return -ENAMETOOLONG;
    memcpy(folder, path, n + 1);
    int fd = look_above(path);
    for (uint32_t level = 0; fd < 0 && level < ASIDE_LEVELS; level++) {
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder)
            break;
        *slash = '\0';
        fd = look_in(folder, path + (slash - folder) + 1);
    }
    return fd < 0 ? -ENOENT : fd;
}
