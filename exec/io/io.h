/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files and asynchronous reads of the executor.
 *
 *   IoContext   one per process: the backend (the restricted ring, or pread), metrics
 *   IoFile      one open regular file (or a buffer that plays one, for tests); shared, counted
 *   IoFetch     some byte ranges of one file on their way into memory: started, waited for, freed
 *
 * Every object is thread-safe, except that one IoFetch is used by one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/ring.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"

/**
 * io_hold() - keeps what is in a folder now, whoever replaces the folder meanwhile
 * As long as the descriptor is open, a writer of ours sets it aside instead of removing it, and its
 * files are found where they are then. Return: a descriptor; negative errno, also where @path is no
 * folder or another keeps the lock: then it is read without.
 */
int io_hold(const char *path);
/* Is @path still the folder that is held? */
bool io_hold_is_of(int fd, const char *path);

typedef struct IoContext IoContext;
typedef struct IoFile IoFile;
typedef struct IoFetch IoFetch;

#define IO_PATH_MAX 4096u
#define IO_LIST_DEPTH_MAX 8u /* folders below a directory source */
#define IO_OPEN_MAX 256u /* files kept open; more are closed and opened again as they are read */
#define IO_RANGES_MAX 32768u /* ranges of one fetch */
/* Bytes behind each fetched range that may be read (not used): decoders load in wide steps. */
#define IO_SLOP 64u

/* What tells that a file is still the one we looked at. */
typedef struct IoIdentity {
    uint64_t device, inode, size_bytes;
    int64_t mtime_nsec, ctime_nsec;
} IoIdentity;

typedef struct IoMetrics {
    uint64_t bytes_read;
    uint64_t n_reads;   /* requests to the kernel */
    uint64_t n_ring;    /* those of them that went through the ring */
    uint64_t wait_nsec; /* that a worker stood waiting for bytes */
} IoMetrics;

/* Direct pread in the thread that waits: the fallback where there is no ring. */
int io_context_new_pread(IoContext **ret_io);
/**
 * io_context_new_ring() - drive the executor's restricted ring
 * @ring:  borrowed, outlives the context; nobody else may submit to it or reap from it
 * Files that find no free slot in the ring's table are read by pread.
 */
int io_context_new_ring(Ring *ring, IoContext **ret_io);
IoContext *io_context_free(IoContext *io);
/**
 * io_context_set_probe() - whether fetches of what is in the page cache go past the ring
 * On by default. Off, everything goes through the ring, which tests want to see.
 */
void io_context_set_probe(IoContext *io, bool probe);
IoMetrics io_context_metrics(const IoContext *io);
/* "ring" or "pread". */
const char *io_context_backend(const IoContext *io);

/**
 * io_file_open() - open a regular file for reading
 * @path:  absolute, at most IO_PATH_MAX bytes, not ending in '/'
 * Return: 0; QUERY_E_FAILED with PATH_NOT_FOUND or FAILED_READ_FILE.NO_HINT (no permission, not a
 * regular file, ...); -ENOMEM.
 */
int io_file_open(IoContext *io, const char *path, IoFile **ret_file, QueryError *error);
/* A file that lives in @bytes (borrowed, outlives it): tests and fuzzing. */
int io_file_open_buffer(IoContext *io, const char *name, const void *bytes, size_t n_bytes,
                        IoFile **ret_file);
IoFile *io_file_ref(IoFile *file);
IoFile *io_file_unref(IoFile *file);
const char *io_file_path(const IoFile *file);
uint64_t io_file_size(const IoFile *file);
IoIdentity io_file_identity(const IoFile *file);

/**
 * io_read() - all of [@offset, @offset + @n), waiting
 * Return: 0; -ENODATA when the file is shorter (it shrank since it was opened); -ESTALE when the
 * path means another file by now; other errno.
 */
int io_read(IoFile *file, uint64_t offset, size_t n, void *buffer);

typedef struct IoRange {
    uint64_t offset, n_bytes;
} IoRange;

/**
 * io_fetch_start() - begin to read ranges into blocks charged to @pool
 * @ranges:  any order, may touch; near ones are read in one request. Within the file, or -ENODATA.
 *
 * Return: 0; as mem_block_alloc(); negative errno.
 */
int io_fetch_start(IoFile *file, MemPool *pool, const IoRange *ranges, size_t n_ranges,
                   IoFetch **ret_fetch);
/**
 * io_fetch_wait() - wait for one range
 * @ret_bytes:  out, n_bytes of the range plus IO_SLOP readable bytes; owned by the fetch
 * Return: 0; -ENODATA; other errno.
 */
int io_fetch_wait(IoFetch *fetch, size_t range, const uint8_t **ret_bytes);
/* Waits for what is on its way, then frees. Accepts NULL. */
IoFetch *io_fetch_free(IoFetch *fetch);
uint64_t io_fetch_bytes(const IoFetch *fetch);

/*
 * Names of files below a path. @path: an absolute file, directory or glob (* ? [..] and {a,b} in
 * any component). Directories give their files sorted by path, folders below included (at most
 * IO_LIST_DEPTH_MAX), names that start with '.', or with '_' and have no '=', left out.
 */
typedef struct IoListed {
    char *path;
    uint32_t n_root; /* bytes of @path that are the directory that was asked for, or that holds the
                        file that was; no '/' behind */
    uint64_t size_bytes; /* as it was when it was listed */
    bool is_moved;       /* within io_list() only */
} IoListed;

typedef struct IoList {
    IoListed *files;
    size_t n_paths;
    bool from_directory; /* a directory was walked: a non-matching extension may be skipped */
} IoList;

/**
 * io_list() - expand a path
 * Return: 0 (n_paths may be 0 for an empty directory); QUERY_E_FAILED with PATH_NOT_FOUND when
 * nothing is there, or when more than @max_paths are; -ENOMEM.
 */
int io_list(const char *path, size_t max_paths, IoList *ret_list, QueryError *error);
void io_list_done(IoList *list);
