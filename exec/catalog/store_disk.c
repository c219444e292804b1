/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Entries as files in the folder "_catalog" of a database. A change is written beside its place,
 * synced and renamed; whoever changes something holds the folder's lock meanwhile, and so may
 * remove what a writer that died has left. Readers hold nothing.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/catalog/store_internal.h"
#include "exec/io/io.h"

#define FOLDER "_catalog"
#define NEW_PREFIX ".new-"
#define LOCK_TRIES 2500u /* of 2 ms */

static const char *suffix(bool database)
{
    return database ? ".database" : ".table";
}

static int fail(const char *path, int error_number, QueryError *error)
{
    int e = error_number < 0 ? -error_number : error_number;
    if (e == ENOMEM)
        return -ENOMEM;
    bool rights = e == EROFS || e == EACCES || e == EPERM;
    return query_error_set(error, DATA_ERROR_FILE, "BERTH_CATALOG_FILE", "58030",
                           "The catalogue's file %.400s cannot be used: %s.%s", path, strerror(e),
                           rights ? " The warehouse must lie below a directory that the "
                                    "administrator lets sessions write to (WritePaths= of "
                                    "berthd.conf; --output of berth sql --embedded)."
                                  : "");
}

void disk_path(const char *folder, const char *name, bool database, char *buf, size_t size)
{
    (void)snprintf(buf, size, "%.4000s/" FOLDER "/%.200s%s", folder, name, suffix(database));
}

static void closedirp(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

/* ---- the folder ---- */

/* @path and what is missing above it. Return: 0 or negative errno. */
static int make_folders(char *path)
{
    if (mkdirat(AT_FDCWD, path, 0777) == 0 || errno == EEXIST)
        return 0;
    int refused = errno;
    for (char *at = path + 1; refused == ENOENT && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdirat(AT_FDCWD, path, 0777) < 0 && errno != EEXIST && errno != EROFS &&
            errno != EACCES)
            refused = errno;
        *at = '/';
    }
    if (refused == ENOENT && (mkdirat(AT_FDCWD, path, 0777) == 0 || errno == EEXIST))
        return 0;
    return refused == ENOENT ? -errno : -refused;
}

/* Return: a descriptor or negative errno. */
static int open_folder(const char *folder, bool make)
{
    char path[IO_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/" FOLDER, folder);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd >= 0 ? fd : -errno;
    int r = make_folders(path);
    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static int lock_folder(int fd)
{
    for (uint32_t i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return -EBUSY;
}

int disk_lock(const char *folder, int *ret_fd, QueryError *error)
{
    _cleanup_close_ int fd = open_folder(folder, true);
    int r = fd < 0 ? fd : lock_folder(fd);
    if (r < 0)
        return fail(folder, r, error);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* With the lock held nobody else is writing. */
static void sweep(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;
    if (!dir && own >= 0)
        (void)fd_close(own);
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, NEW_PREFIX, sizeof(NEW_PREFIX) - 1) == 0)
            (void)unlinkat(fd, entry->d_name, 0);
}

/* ---- one entry ---- */

int disk_read(const char *folder, const char *name, bool database, char **ret_bytes, size_t *ret_n,
              QueryError *error)
{
    char path[IO_PATH_MAX + 300];
    struct stat st;
    disk_path(folder, name, database, path, sizeof(path));
    /* Non-blocking: a FIFO of that name does not hang us. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return CATALOG_E_NONE;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(path, errno, error);
    if (!S_ISREG(st.st_mode) || st.st_size > CATALOG_BYTES_MAX)
        return fail(path, S_ISREG(st.st_mode) ? EFBIG : EINVAL, error);
    size_t n = (size_t)st.st_size, at = 0;
    _cleanup_free_ char *bytes = malloc(n + 1);
    if (!bytes)
        return -ENOMEM;
    while (at < n) {
        ssize_t k = pread(fd, bytes + at, n - at, (off_t)at);
        if (k < 0 && errno != EINTR)
            return fail(path, errno, error);
        if (k == 0)
            break;
        at += k > 0 ? (size_t)k : 0;
    }
    *ret_bytes = TAKE_PTR(bytes);
    *ret_n = at;
    return 0;
}

static int write_new(int folder_fd, const char *name, const char *bytes, size_t n)
{
    _cleanup_close_ int fd =
        openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    for (size_t at = 0; at < n;) {
        ssize_t k = write(fd, bytes + at, n - at);
        if (k < 0 && errno != EINTR)
            return -errno;
        at += k > 0 ? (size_t)k : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* glibc makes renameat() of no flags, which a sandbox does not have. */
static int rename_over(int fd, const char *from, const char *to)
{
    return syscall(SYS_renameat2, fd, from, fd, to, 0u) < 0 ? -errno : 0;
}

static int write_locked(int fd, const char *to, const char *bytes, size_t n, CatalogPut how)
{
    char from[64];
    uint64_t id;
    sweep(fd);
    if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return -EIO;
    (void)snprintf(from, sizeof(from), NEW_PREFIX "%016llx", (unsigned long long)id);
    int r = write_new(fd, from, bytes, n);
    if (r == 0 && how == CATALOG_PUT_NEW)
        r = renameat2(fd, from, fd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
    else if (r == 0)
        r = rename_over(fd, from, to);
    if (r < 0)
        (void)unlinkat(fd, from, 0);
    else
        (void)fsync(fd);
    return r;
}

int disk_write(const char *folder, const char *name, bool database, const char *bytes, size_t n,
               CatalogPut how, QueryError *error)
{
    char path[IO_PATH_MAX + 300], file[300];
    disk_path(folder, name, database, path, sizeof(path));
    (void)snprintf(file, sizeof(file), "%.200s%s", name, suffix(database));
    _cleanup_close_ int fd = open_folder(folder, true);
    int r = fd < 0 ? fd : how == CATALOG_PUT_LOCKED ? 0 : lock_folder(fd);
    if (r == 0)
        r = write_locked(fd, file, bytes, n, how);
    return r == -EEXIST ? CATALOG_E_EXISTS : r < 0 ? fail(path, r, error) : 0;
}

int disk_remove(const char *folder, const char *name, bool database, QueryError *error)
{
    char path[IO_PATH_MAX + 300];
    disk_path(folder, name, database, path, sizeof(path));
    _cleanup_close_ int fd = open_folder(folder, false);
    int r = fd < 0 ? fd : unlinkat(fd, strrchr(path, '/') + 1, 0) < 0 ? -errno : 0;
    if (r == -ENOENT)
        return CATALOG_E_NONE;
    if (r < 0)
        return fail(path, r, error);
    (void)fsync(fd);
    return 0;
}

int disk_rename(const char *folder, const char *name, const char *to, QueryError *error)
{
    char path[IO_PATH_MAX + 300], file[300];
    disk_path(folder, name, false, path, sizeof(path));
    (void)snprintf(file, sizeof(file), "%.200s%s", to, suffix(false));
    _cleanup_close_ int fd = open_folder(folder, false);
    int r = fd < 0                                                                  ? fd
            : renameat2(fd, strrchr(path, '/') + 1, fd, file, RENAME_NOREPLACE) < 0 ? -errno
                                                                                    : 0;
    if (r == -ENOENT)
        return CATALOG_E_NONE;
    if (r == -EEXIST)
        return CATALOG_E_EXISTS;
    if (r < 0)
        return fail(path, r, error);
    (void)fsync(fd);
    return 0;
}

/* ---- all of them ---- */

typedef struct Names {
    MemArena *arena;
    const char **items;
    uint32_t n, capacity;
} Names;

static int add_name(Names *names, const char *text, size_t n)
{
    if (names->n == CATALOG_NAMES_MAX)
        return 0;
    if (names->n == names->capacity) {
        uint32_t capacity = names->capacity ? names->capacity * 2 : 32;
        const char **grown = mem_arena_new_array(names->arena, const char *, capacity);
        if (!grown)
            return mem_arena_error(names->arena);
        if (names->n > 0)
            memcpy(grown, names->items, names->n * sizeof(*grown));
        names->items = grown;
        names->capacity = capacity;
    }
    char *copy = mem_arena_strndup(names->arena, text, n);
    if (!copy)
        return mem_arena_error(names->arena);
    names->items[names->n++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What ends with @end, without it. */
static int list_names(DIR *dir, const char *end, Names *names)
{
    struct dirent *entry;
    size_t n_end = strlen(end);
    int r = 0;
    while (r == 0 && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name);
        if (n > n_end && entry->d_name[0] != '.' && strcmp(entry->d_name + n - n_end, end) == 0)
            r = add_name(names, entry->d_name, n - n_end);
    }
    if (names->n > 1)
        qsort(names->items, names->n, sizeof(*names->items), compare_names);
    return r;
}

int disk_list(const char *folder, bool database, MemArena *arena, const char ***ret_names,
              uint32_t *ret_n, QueryError *error)
{
    Names names = {.arena = arena};
    int fd = open_folder(folder, false);
    if (fd < 0 && fd != -ENOENT)
        return fail(folder, fd, error);
    _cleanup_(closedirp) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !dir) {
        (void)fd_close(fd);
        return -ENOMEM;
    }
    int r = dir ? list_names(dir, suffix(database), &names) : 0;
    *ret_names = names.items;
    *ret_n = names.n;
    return r;
}

bool disk_is_database(const char *folder)
{
    _cleanup_close_ int fd = open_folder(folder, false);
    return fd >= 0;
}

int disk_list_shared(const char *shared, MemArena *arena, const char ***ret_names, uint32_t *ret_n)
{
    Names names = {.arena = arena};
    _cleanup_(closedirp) DIR *dir = opendir(shared);
    int r = dir ? list_names(dir, ".db", &names) : 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < names.n; i++) {
        char folder[IO_PATH_MAX];
        int k = snprintf(folder, sizeof(folder), "%s/%s.db", shared, names.items[i]);
        if (k > 0 && (size_t)k < sizeof(folder) && disk_is_database(folder))
            names.items[n++] = names.items[i];
    }
    *ret_names = names.items;
    *ret_n = n;
    return r;
}
