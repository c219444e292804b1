/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet.h"
#include "exec/plan/source_format.h"
#include "exec/plan/source_statistics.h"

/*
 * The session's files. An entry is one parsed footer with the statistics of its columns; the table
 * is a plain array, because a session knows few files and a query asks once for each.
 */

#define CACHE_BYTES_MAX ((uint64_t)128 << 20) /* of footers, while no query runs */
#define CACHE_FILES_MAX 16384u                /* likewise */

typedef struct FileEntry {
    char *path;
    IoIdentity identity;
    ParquetFile *parquet;
    SourceFileStatistics *statistics; /* per column */
    uint64_t used;                    /* the session's clock when it was last asked for */
} FileEntry;

struct SessionFiles {
    MemPool *pool;
    ParquetCache *cache; /* NULL: @pool is no root, or there was no memory for one */
    IoContext *io;
    pthread_mutex_t lock;
    FileEntry **entries; /* by path */
    size_t n_entries, n_allocated;
    FileEntry **stale; /* replaced while somebody was inside */
    size_t n_stale;
    uint32_t n_inside;
    uint64_t clock;
};

int session_files_new(MemPool *pool, IoContext *io, SessionFiles **ret_files)
{
    SessionFiles *files = calloc(1, sizeof(*files));

    if (!files)
        return -ENOMEM;
    files->pool = pool;
    files->io = io;
    (void)pthread_mutex_init(&files->lock, NULL);
    /* Without it queries go on as well. */
    if (parquet_cache_new(pool, &files->cache) != 0)
        files->cache = NULL;
    *ret_files = files;
    return 0;
}

static void entry_free(SessionFiles *files, FileEntry *entry)
{
    if (!entry)
        return;
    if (entry->parquet)
        parquet_cache_forget(files->cache, entry->parquet);
    (void)parquet_file_free(entry->parquet);
    free(entry->statistics);
    free(entry->path);
    free(entry);
}

SessionFiles *session_files_free(SessionFiles *files)
{
    if (!files)
        return NULL;
    for (size_t i = 0; i < files->n_entries; i++)
        entry_free(files, files->entries[i]);
    for (size_t i = 0; i < files->n_stale; i++)
        entry_free(files, files->stale[i]);
    (void)parquet_cache_free(files->cache);
    free(files->entries);
    free(files->stale);
    pthread_mutex_destroy(&files->lock);
    free(files);
    return NULL;
}

IoContext *session_files_io(SessionFiles *files)
{
    return files->io;
}

uint64_t session_files_cache_wish(SessionFiles *files)
{
    return files ? parquet_cache_wish(files->cache) : 0;
}

void session_files_enter(SessionFiles *files)
{
    pthread_mutex_lock(&files->lock);
    files->n_inside++;
    files->clock++;
    parquet_cache_tick(files->cache);
    pthread_mutex_unlock(&files->lock);
}

static int compare_used(const void *a, const void *b)
{
    const FileEntry *x = *(FileEntry *const *)a, *y = *(FileEntry *const *)b;

    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp((*(FileEntry *const *)a)->path, (*(FileEntry *const *)b)->path);
}

/* Nobody is inside: what is over the limits goes, least recently used first. */
static void evict_locked(SessionFiles *files)
{
    uint64_t bytes = 0;
    size_t keep = 0;

    for (size_t i = 0; i < files->n_stale; i++)
        entry_free(files, files->stale[i]);
    files->n_stale = 0;
    for (size_t i = 0; i < files->n_entries; i++)
        bytes += parquet_file_memory(files->entries[i]->parquet);
    if (files->n_entries <= CACHE_FILES_MAX && bytes <= CACHE_BYTES_MAX)
        return;
    qsort(files->entries, files->n_entries, sizeof(FileEntry *), compare_used);
    bytes = 0;
    while (keep < files->n_entries && keep < CACHE_FILES_MAX) {
        bytes += parquet_file_memory(files->entries[keep]->parquet);
        if (bytes > CACHE_BYTES_MAX)
            break;
        keep++;
    }
    for (size_t i = keep; i < files->n_entries; i++)
        entry_free(files, files->entries[i]);
    files->n_entries = keep;
    qsort(files->entries, files->n_entries, sizeof(FileEntry *), compare_paths);
}

void session_files_leave(SessionFiles *files)
{
    pthread_mutex_lock(&files->lock);
    if (--files->n_inside == 0)
        evict_locked(files);
    pthread_mutex_unlock(&files->lock);
}

/* --- cache ------------------------------------------------------------------------------------ */

/* Return: index of @path, or where it belongs. */
static size_t find_locked(const SessionFiles *files, const char *path, bool *ret_found)
{
    size_t lo = 0, hi = files->n_entries;

    *ret_found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(files->entries[mid]->path, path);

        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool identity_equal(IoIdentity a, IoIdentity b)
{
    return a.device == b.device && a.inode == b.inode && a.size_bytes == b.size_bytes &&
           a.mtime_nsec == b.mtime_nsec && a.ctime_nsec == b.ctime_nsec;
}

static bool grow(FileEntry ***array, size_t n, size_t *n_allocated)
{
    FileEntry **grown;

    if (n < *n_allocated)
        return true;
    grown = realloc(*array, (*n_allocated ? *n_allocated * 2 : 16) * sizeof(FileEntry *));
    if (!grown)
        return false;
    *array = grown;
    *n_allocated = *n_allocated ? *n_allocated * 2 : 16;
    return true;
}

/* Takes @entry over, also on failure. An entry with the same path may be in use: it goes later. */
static int insert_locked(SessionFiles *files, FileEntry *entry)
{
    bool found;
    size_t at = find_locked(files, entry->path, &found);

    if (found) {
        FileEntry **stale = realloc(files->stale, (files->n_stale + 1) * sizeof(FileEntry *));

        if (!stale)
            goto failed;
        files->stale = stale;
        files->stale[files->n_stale++] = files->entries[at];
        files->entries[at] = entry;
        return 0;
    }
    if (!grow(&files->entries, files->n_entries, &files->n_allocated))
        goto failed;
    memmove(&files->entries[at + 1], &files->entries[at],
            (files->n_entries - at) * sizeof(FileEntry *));
    files->entries[at] = entry;
    files->n_entries++;
    return 0;
failed:
    entry_free(files, entry);
    return -ENOMEM;
}

static int entry_new(SessionFiles *files, IoFile *file, FileEntry **ret_entry, QueryError *error)
{
    FileEntry *entry = calloc(1, sizeof(*entry));
    int r = entry ? 0 : -ENOMEM;

    if (r == 0) {
        entry->path = strdup(io_file_path(file));
        entry->identity = io_file_identity(file);
        r = entry->path ? parquet_file_open(file, files->pool, &entry->parquet, error) : -ENOMEM;
    }
    if (r == 0)
        parquet_file_use_cache(entry->parquet, files->cache);
    if (r == 0)
        r = source_file_statistics(entry->parquet, &entry->statistics);
    if (r != 0) {
        entry_free(files, entry);
        return r;
    }
    *ret_entry = entry;
    return 0;
}

static void file_unrefp(IoFile **file)
{
    *file = io_file_unref(*file);
}

/*
 * The lock is not held while a footer is read; two queries that open the same new file at once both
 * read it, and the later one wins.
 */
static int files_get(SessionFiles *files, const char *path, const FileEntry **ret_entry,
                     QueryError *error)
{
    _cleanup_(file_unrefp) IoFile *file = NULL;
    FileEntry *entry = NULL;
    bool found;
    size_t at;
    int r = io_file_open(files->io, path, &file, error);

    if (r != 0)
        return r;
    pthread_mutex_lock(&files->lock);
    at = find_locked(files, path, &found);
    if (found && identity_equal(files->entries[at]->identity, io_file_identity(file))) {
        entry = files->entries[at];
        entry->used = files->clock;
    }
    pthread_mutex_unlock(&files->lock);
    if (!entry) {
        r = entry_new(files, file, &entry, error);
        if (r != 0)
            return r;
        pthread_mutex_lock(&files->lock);
        entry->used = files->clock;
        r = insert_locked(files, entry);
        pthread_mutex_unlock(&files->lock);
        if (r != 0)
            return r;
    }
    *ret_entry = entry;
    return 0;
}

int session_files_parquet(SessionFiles *files, const char *path, SessionFile *ret,
                          QueryError *error)
{
    const FileEntry *entry;
    int r = files_get(files, path, &entry, error);

    if (r == 0)
        *ret = (SessionFile){entry->parquet, entry->statistics, entry->identity.size_bytes};
    return r;
}

MemPool *session_files_pool(SessionFiles *files)
{
    return files->pool;
}
