/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/vec/nested.h"
#include "exec/parquet/parquet.h"
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
    *ret_files = files;
    return 0;
}

static void entry_free(FileEntry *entry)
{
    if (!entry)
        return;
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
        entry_free(files->entries[i]);
    for (size_t i = 0; i < files->n_stale; i++)
        entry_free(files->stale[i]);
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

void session_files_enter(SessionFiles *files)
{
    pthread_mutex_lock(&files->lock);
    files->n_inside++;
    files->clock++;
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
        entry_free(files->stale[i]);
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
        entry_free(files->entries[i]);
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
    entry_free(entry);
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
        r = source_file_statistics(entry->parquet, &entry->statistics);
    if (r != 0) {
        entry_free(entry);
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

/* --- sources ---------------------------------------------------------------------------------- */

static int no_schema(const char *path, QueryError *error)
{
    int r = query_error_set(error, DATA_ERROR_ANALYSIS, "UNABLE_TO_INFER_SCHEMA", "42KD9",
                            "Unable to infer schema for Parquet at %s. It must be specified "
                            "manually.",
                            path);
    query_error_parameters(error, "format", "Parquet", NULL);
    return r;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* In a directory only files that say that they are Parquet count; a file that is named counts. */
static int keep_parquet(IoList *list, const char *path, QueryError *error)
{
    size_t kept = 0;

    if (!list->from_directory)
        return list->n_paths > 0 ? 0 : no_schema(path, error);
    for (size_t i = 0; i < list->n_paths; i++) {
        char *name = list->paths[i];

        if (ends_with(name, ".parquet") || ends_with(name, ".parq"))
            list->paths[kept++] = name;
        else
            free(name);
    }
    list->n_paths = kept;
    for (size_t i = 0; i < kept; i++)
        if (strchr(list->paths[i], '=') && !strchr(path, '='))
            return query_error_set(error, DATA_ERROR_UNSUPPORTED,
                                   "UNSUPPORTED_FEATURE.PARTITIONED_SOURCE", "0A000",
                                   "%s is partitioned by folder names (%s), which is not "
                                   "supported. Name the files of one partition.",
                                   path, list->paths[i]);
    return kept > 0 ? 0 : no_schema(path, error);
}

static int schema_differs(const char *first, const char *other, const char *column,
                          QueryError *error)
{
    return query_error_set(error, DATA_ERROR_ANALYSIS, "CANNOT_MERGE_SCHEMAS", "42KD9",
                           "Failed merging schemas: file:%s and file:%s differ in column %s.",
                           first, other, column);
}

static int check_same_schema(const SourceInfo *source, const ParquetFile *file, QueryError *error)
{
    const char *path = io_file_path(parquet_file_io(file));
    uint32_t n = parquet_file_n_columns(file);

    for (uint32_t i = 0; i < MIN(n, source->n_columns); i++) {
        const ParquetColumn *c = parquet_file_column(file, i);
        const SourceColumn *s = &source->columns[i];

        if (strcmp(c->name, s->name) != 0 || !type_equal(c->type, s->type) ||
            (c->unreadable != NULL) == s->readable)
            return schema_differs(source->files[0].path, path, s->name, error);
    }
    if (n != source->n_columns)
        return schema_differs(source->files[0].path, path,
                              n > source->n_columns ? parquet_file_column(file, n - 1)->name
                                                    : source->columns[n].name,
                              error);
    return 0;
}

static int start_columns(SourceInfo *source, const ParquetFile *file, MemArena *arena)
{
    source->n_columns = parquet_file_n_columns(file);
    source->columns = mem_arena_new_array(arena, SourceColumn, source->n_columns);
    if (!source->columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < source->n_columns; i++) {
        const ParquetColumn *c = parquet_file_column(file, i);
        SourceColumn *s = &source->columns[i];

        s->name = mem_arena_strndup(arena, c->name, strlen(c->name));
        if (!s->name)
            return mem_arena_error(arena);
        int r = type_copy(arena, c->type, &s->type);
        if (r)
            return r;
        s->nullable = true;
        s->readable = c->unreadable == NULL;
        s->unreadable = c->unreadable;
    }
    return 0;
}

/* The footer's strings live as long as the file; the plan may live longer. */
static int keep_strings(SourceInfo *source, MemArena *arena)
{
    for (uint32_t i = 0; i < source->n_columns; i++) {
        SourceColumn *c = &source->columns[i];
        Literal *bounds[] = {&c->min, &c->max};

        if (!c->has_min_max || type_phys(c->type) != PHYS_STRING)
            continue;
        for (size_t k = 0; k < ARRAY_SIZE(bounds); k++) {
            VecString s = bounds[k]->s;
            char *copy = mem_arena_strndup(arena, vec_string_data(&s), s.length);

            if (!copy)
                return mem_arena_error(arena);
            bounds[k]->s = vec_string(copy, s.length);
        }
    }
    return 0;
}

static int source_load(SessionFiles *files, const IoList *list, MemArena *arena, SourceInfo *source,
                       QueryError *error)
{
    _cleanup_free_ const SourceFileStatistics **statistics =
        calloc(list->n_paths, sizeof(*statistics));
    int r = 0;

    source->format = "parquet";
    source->files = mem_arena_new_array(arena, ScanFile, list->n_paths);
    if (!source->files || !statistics)
        return source->files ? -ENOMEM : mem_arena_error(arena);
    for (size_t i = 0; i < list->n_paths; i++) {
        ScanFile *file = &source->files[i];
        const FileEntry *entry;

        r = files_get(files, list->paths[i], &entry, error);
        if (r != 0)
            return r;
        file->path = mem_arena_strndup(arena, list->paths[i], strlen(list->paths[i]));
        if (!file->path)
            return mem_arena_error(arena);
        file->size_bytes = entry->identity.size_bytes;
        file->source = entry->parquet;
        source->n_files++;
        source->rows += parquet_file_rows(entry->parquet);
        source->bytes += file->size_bytes;
        statistics[i] = entry->statistics;
        r = i == 0 ? start_columns(source, entry->parquet, arena)
                   : check_same_schema(source, entry->parquet, error);
        if (r != 0)
            return r;
    }
    source_merge_statistics(source, statistics);
    return keep_strings(source, arena);
}

static const char *strip_scheme(const char *path)
{
    if (strncmp(path, "file://", 7) == 0 && path[7] == '/')
        return path + 7;
    if (strncmp(path, "file:", 5) == 0 && path[5] == '/')
        return path + 5;
    return path;
}

int source_open(SessionFiles *files, const char *path, const char *format, MemArena *arena,
                SourceInfo **ret_source, QueryError *error)
{
    _cleanup_(io_list_done) IoList list = {0};
    SourceInfo *source;
    int r;

    if (strcasecmp(format, "parquet") != 0)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_DATASOURCE_FORMAT", "42604",
                               "The data source format %.64s is not supported; parquet is.",
                               format);
    path = strip_scheme(path);
    r = io_list(path, SOURCE_FILES_MAX, &list, error);
    if (r == QUERY_E_FAILED && error && strcmp(error->error_class, "PATH_NOT_FOUND") == 0) {
        char name[400];
        (void)snprintf(name, sizeof(name), "file:%.390s", path);
        query_error_parameters(error, "path", name, NULL);
    }
    if (r != 0)
        return r;
    r = keep_parquet(&list, path, error);
    if (r != 0)
        return r;
    source = mem_arena_new_of(arena, SourceInfo);
    if (!source)
        return mem_arena_error(arena);
    r = source_load(files, &list, arena, source, error);
    if (r != 0)
        return r;
    *ret_source = source;
    return 0;
}

int source_find_column(const SourceInfo *source, const char *name, bool case_sensitive)
{
    int found = -1;

    for (uint32_t i = 0; i < source->n_columns; i++) {
        const char *other = source->columns[i].name;

        if (case_sensitive ? strcmp(name, other) != 0 : strcasecmp(name, other) != 0)
            continue;
        if (found >= 0)
            return -2;
        found = (int)i;
    }
    return found;
}
