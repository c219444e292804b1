/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/io/io_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/*
 * Files, and how many of them are open. A session may know tens of thousands of files, a process
 * may have about a thousand descriptors: files that nobody reads are parked, oldest first, and
 * opened again when they are read next, if they are still the same.
 */

static int64_t timespec_nsec(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_failed(const char *path, int err, QueryError *error)
{
    if (err == ENOENT || err == ENOTDIR)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                               "Path does not exist: file:%s.", path);
    if (err == ENOMEM)
        return -ENOMEM;
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file:%s: %s.", path,
                           err == EACCES || err == EPERM    ? "permission denied"
                           : err == EISDIR                  ? "it is a directory"
                           : err == ELOOP                   ? "too many symbolic links"
                           : err == EMFILE || err == ENFILE ? "too many open files"
                                                            : "it cannot be opened");
}

static IoFile *file_new(IoContext *io, const char *path)
{
    size_t n_path = strlen(path) + 1;
    IoFile *file = calloc(1, sizeof(*file) + n_path);

    if (!file)
        return NULL;
    file->io = io;
    file->fd = -EBADF;
    atomic_init(&file->n_refs, 1);
    atomic_init(&file->slot, -1);
    list_init(&file->idle);
    memcpy(file->path, path, n_path);
    return file;
}

/* Return: a descriptor or negative errno; -ENOTSUP when it is not a regular file. @aside: look only
 * where its folder may have been set aside. */
static int open_regular(const char *path, bool aside, IoIdentity *ret_identity)
{
    _cleanup_close_ int fd = -EBADF;
    struct stat st;

    /* Non-blocking, so that a FIFO in the way does not hang us before fstat() tells what it is. */
    if (!aside)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (aside || (fd < 0 && errno == ENOENT)) {
        int err = aside ? ENOENT : errno;
        fd = io_open_aside(path);
        errno = err;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    *ret_identity = (IoIdentity){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size_bytes = (uint64_t)st.st_size,
        .mtime_nsec = timespec_nsec(st.st_mtim),
        .ctime_nsec = timespec_nsec(st.st_ctim),
    };
    return TAKE_FD(fd);
}

/* Under the files' lock: closes what is idle until there is room for one more. */
static void park_locked(IoContext *io)
{
    while (io->n_open >= IO_OPEN_MAX && !list_empty(&io->idle_files)) {
        IoFile *file = container_of(io->idle_files.next, IoFile, idle);
        int slot = atomic_exchange(&file->slot, -1);

        list_remove(&file->idle);
        if (slot >= 0)
            io_slot_release(io, slot);
        file->fd = fd_close(file->fd);
        io->n_open--;
    }
}

int io_file_pin(IoFile *file)
{
    IoContext *io = file->io;
    int r = 0;

    if (file->bytes)
        return 0;
    pthread_mutex_lock(&io->files_lock);
    if (file->fd < 0) {
        IoIdentity now;
        int fd;

        park_locked(io);
        fd = open_regular(file->path, false, &now);
        if (fd >= 0 && memcmp(&now, &file->identity, sizeof(now)) != 0) {
            /* Another of that name: ours has been set aside, or is gone. */
            int other = open_regular(file->path, true, &now);

            (void)fd_close(fd);
            fd = other < 0 ? -ESTALE : other;
        }
        if (fd < 0) {
            r = fd;
        } else if (memcmp(&now, &file->identity, sizeof(now)) != 0) {
            (void)fd_close(fd);
            r = -ESTALE;
        } else {
            file->fd = fd;
            io->n_open++;
        }
    }
    if (r == 0 && file->n_pins++ == 0)
        list_remove(&file->idle);
    pthread_mutex_unlock(&io->files_lock);
    return r;
}

void io_file_unpin(IoFile *file)
{
    if (file->bytes)
        return;
    pthread_mutex_lock(&file->io->files_lock);
    if (--file->n_pins == 0)
        list_append(&file->io->idle_files, &file->idle);
    pthread_mutex_unlock(&file->io->files_lock);
}

int io_file_open(IoContext *io, const char *path, IoFile **ret_file, QueryError *error)
{
    IoIdentity identity;
    IoFile *file;
    int fd;

    if (path[0] != '/' || strlen(path) >= IO_PATH_MAX)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                               "Path does not exist: %.200s.", path);
    file = file_new(io, path);
    if (!file)
        return -ENOMEM;
    pthread_mutex_lock(&io->files_lock);
    park_locked(io);
    fd = open_regular(path, false, &identity);
    if (fd >= 0) {
        file->fd = fd;
        file->identity = identity;
        io->n_open++;
        list_append(&io->idle_files, &file->idle);
    }
    pthread_mutex_unlock(&io->files_lock);
    if (fd < 0) {
        free(file);
        return open_failed(path, -fd, error);
    }
    *ret_file = file;
    return 0;
}

int io_file_open_buffer(IoContext *io, const char *name, const void *bytes, size_t n_bytes,
                        IoFile **ret_file)
{
    IoFile *file = file_new(io, name);

    if (!file)
        return -ENOMEM;
    file->bytes = bytes;
    file->identity.size_bytes = n_bytes;
    *ret_file = file;
    return 0;
}

IoFile *io_file_ref(IoFile *file)
{
    atomic_fetch_add(&file->n_refs, 1);
    return file;
}

IoFile *io_file_unref(IoFile *file)
{
    IoContext *io;
    int slot;

    if (!file || atomic_fetch_sub(&file->n_refs, 1) != 1)
        return NULL;
    io = file->io;
    if (!file->bytes) {
        pthread_mutex_lock(&io->files_lock);
        list_remove(&file->idle);
        if (file->fd >= 0)
            io->n_open--;
        pthread_mutex_unlock(&io->files_lock);
    }
    slot = atomic_load(&file->slot);
    if (slot >= 0)
        io_slot_release(io, slot);
    (void)fd_close(file->fd);
    free(file);
    return NULL;
}

const char *io_file_path(const IoFile *file)
{
    return file->path;
}

uint64_t io_file_size(const IoFile *file)
{
    return file->identity.size_bytes;
}

IoIdentity io_file_identity(const IoFile *file)
{
    return file->identity;
}
