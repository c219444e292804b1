/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/io/io.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/*
 * What files a path means. Names come from folders that others may write to, so depth and count are
 * bounded, and nothing that is not a regular file is listed.
 */

typedef struct Lister {
    IoList list;
    size_t n_allocated, max_paths;
    size_t n_path_bytes;
    uint32_t n_root;    /* of what is listed now */
    uint32_t n_visited; /* directory entries looked at: a bound on time */
    bool too_many;
    bool has_committed;
} Lister;

#define LIST_VISITED_MAX 1000000u
#define LIST_COMPONENTS_MAX 64u
#define LIST_PATTERNS_MAX 256u /* that braces stand for */
#define LIST_PATH_BYTES_MAX ((size_t)32 << 20)

static void closedirp(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int lister_add(Lister *l, const char *path, const struct stat *st)
{
    char *copy;

    l->n_path_bytes += strlen(path) + 1;
    if (l->list.n_paths >= l->max_paths || l->n_path_bytes > LIST_PATH_BYTES_MAX) {
        l->too_many = true;
        return 0;
    }
    if (l->list.n_paths == l->n_allocated) {
        size_t n = l->n_allocated ? l->n_allocated * 2 : 16;
        IoListed *grown = realloc(l->list.files, n * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        l->list.files = grown;
        l->n_allocated = n;
    }
    copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    l->list.files[l->list.n_paths++] =
        (IoListed){.path = copy, .n_root = l->n_root, .size_bytes = (uint64_t)st->st_size};
    return 0;
}

static bool path_join(char *buf, size_t size, const char *folder, const char *name)
{
    const char *slash = folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/";
    int n = snprintf(buf, size, "%s%s%s", folder, slash, name);

    return n > 0 && (size_t)n < size;
}

/* As Spark: what is hidden or not yet written. "_k=1" is a partition. */
static bool is_hidden(const char *name)
{
    static const char copying[] = "._COPYING_";
    size_t n = strlen(name), m = sizeof(copying) - 1;

    return name[0] == '.' || (name[0] == '_' && !strchr(name, '=')) ||
           strcmp(name, "_temporary") == 0 || (n >= m && strcmp(name + n - m, copying) == 0);
}

static int list_folder(Lister *l, const char *folder, uint32_t depth);

/* "_committed-" and 32 hexadecimal digits: files that count and are about to be moved up. */
static bool is_committed(const char *name)
{
    static const char prefix[] = "_committed-";
    size_t n = sizeof(prefix) - 1;

    return strncmp(name, prefix, n) == 0 && strlen(name) == n + 32 &&
           strspn(name + n, "0123456789abcdef") == 32;
}

/*
 * What a writer has committed to @folder and not yet moved up (exec/write/README.md) stands as if
 * it had been. It is listed before the rest, so that a file on its way is met at least once.
 */
static int list_committed(Lister *l, const char *folder)
{
    _cleanup_(closedirp) DIR *dir = opendir(folder);
    struct dirent *entry;
    uint32_t n_root = l->n_root;
    int r = 0;

    while (dir && r == 0 && (entry = readdir(dir))) {
        char path[IO_PATH_MAX];

        if (!is_committed(entry->d_name) || !path_join(path, sizeof(path), folder, entry->d_name))
            continue;
        l->n_root = (uint32_t)strlen(path);
        l->has_committed = true;
        r = list_folder(l, path, 0);
    }
    l->n_root = n_root;
    return r;
}

static int list_folder(Lister *l, const char *folder, uint32_t depth)
{
    _cleanup_(closedirp) DIR *dir = opendir(folder);
    struct dirent *entry;

    if (!dir)
        return errno == ENOMEM ? -ENOMEM : 0; /* a folder below that we may not read is empty */
    while (!l->too_many && (entry = readdir(dir))) {
        char path[IO_PATH_MAX];
        struct stat st;
        int r = 0;

        if (is_hidden(entry->d_name))
            continue;
        if (++l->n_visited > LIST_VISITED_MAX) {
            l->too_many = true;
            break;
        }
        if (!path_join(path, sizeof(path), folder, entry->d_name) || stat(path, &st) < 0)
            continue;
        if (S_ISREG(st.st_mode))
            r = lister_add(l, path, &st);
        else if (S_ISDIR(st.st_mode) && depth < IO_LIST_DEPTH_MAX)
            r = list_folder(l, path, depth + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A path without wildcards. Return: 0, also when nothing is there. */
static int list_plain(Lister *l, const char *path, int *ret_errno)
{
    struct stat st;
    int r;

    if (stat(path, &st) < 0) {
        *ret_errno = errno;
        return 0;
    }
    if (S_ISDIR(st.st_mode)) {
        _cleanup_(closedirp) DIR *dir = opendir(path);

        if (!dir) {
            *ret_errno = errno;
            return 0;
        }
        l->list.from_directory = true;
        l->n_root = (uint32_t)strlen(path);
        while (l->n_root > 1 && path[l->n_root - 1] == '/')
            l->n_root--;
        r = list_committed(l, path);
        return r < 0 ? r : list_folder(l, path, 0);
    }
    l->n_root = (uint32_t)(strrchr(path, '/') - path);
    return lister_add(l, path, &st);
}

static bool has_wildcard(const char *text)
{
    return strpbrk(text, "*?[{") != NULL;
}

static int list_glob(Lister *l, const char *prefix, char *const *components, size_t n_components)
{
    _cleanup_(closedirp) DIR *dir = NULL;
    char path[IO_PATH_MAX];
    struct dirent *entry;
    int ignored = 0;

    if (n_components == 0)
        return list_plain(l, prefix, &ignored);
    if (!has_wildcard(components[0])) {
        if (!path_join(path, sizeof(path), prefix, components[0]))
            return 0;
        return list_glob(l, path, components + 1, n_components - 1);
    }
    dir = opendir(prefix);
    if (!dir)
        return errno == ENOMEM ? -ENOMEM : 0;
    while (!l->too_many && (entry = readdir(dir))) {
        int r;

        if (++l->n_visited > LIST_VISITED_MAX) {
            l->too_many = true;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fnmatch(components[0], entry->d_name, FNM_PERIOD) != 0 ||
            !path_join(path, sizeof(path), prefix, entry->d_name))
            continue;
        r = list_glob(l, path, components + 1, n_components - 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int list_pattern(Lister *l, const char *path, QueryError *error)
{
    _cleanup_free_ char *copy = strdup(path);
    char *components[LIST_COMPONENTS_MAX], *at, *save = NULL;
    size_t n = 0;

    if (!copy)
        return -ENOMEM;
    for (at = strtok_r(copy, "/", &save); at; at = strtok_r(NULL, "/", &save)) {
        if (n == LIST_COMPONENTS_MAX)
            return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                                   "The pattern has more than %u components.", LIST_COMPONENTS_MAX);
        components[n++] = at;
    }
    return list_glob(l, "/", components, n);
}

/* The first {a,b} of @path: where it opens and closes. Commas within further braces do not count.
 */
static bool find_braces(const char *path, size_t *ret_open, size_t *ret_close)
{
    const char *open = strchr(path, '{');
    uint32_t depth = 0;

    for (const char *c = open; c && *c; c++) {
        depth += *c == '{';
        if (*c == '}' && --depth == 0) {
            *ret_open = (size_t)(open - path);
            *ret_close = (size_t)(c - path);
            return true;
        }
    }
    return false;
}

/* Each way to read the braces, one pattern after the other; few nest, so this recurses. */
static int list_braces(Lister *l, const char *path, uint32_t *n_patterns, QueryError *error)
{
    size_t open, close, from;
    uint32_t depth = 0;

    if (++*n_patterns > LIST_PATTERNS_MAX) {
        l->too_many = true;
        return 0;
    }
    if (!find_braces(path, &open, &close))
        return list_pattern(l, path, error);
    from = open + 1;
    for (size_t at = open + 1; at <= close && !l->too_many; at++) {
        char one[IO_PATH_MAX];
        int n, r;

        if (at < close && (path[at] != ',' || depth > 0)) {
            depth += path[at] == '{';
            depth -= path[at] == '}';
            continue;
        }
        n = snprintf(one, sizeof(one), "%.*s%.*s%s", (int)open, path, (int)(at - from), path + from,
                     path + close + 1);
        from = at + 1;
        r = n > 0 && (size_t)n < sizeof(one) ? list_braces(l, one, n_patterns, error) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const IoListed *)a)->path, ((const IoListed *)b)->path);
}

#define COMMITTED_BYTES (sizeof("/_committed-") - 1 + 32)

/* Is it in a "_committed-" folder, and listed where it belongs as well? The list is sorted. */
static bool is_moved(const IoList *list, const IoListed *file)
{
    char path[IO_PATH_MAX];
    uint32_t root = file->n_root;
    IoListed moved = {.path = path};

    if (root <= COMMITTED_BYTES || !is_committed(file->path + root - COMMITTED_BYTES + 1))
        return false;
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)(root - COMMITTED_BYTES), file->path,
                   file->path + root);
    return bsearch(&moved, list->files, list->n_paths, sizeof(moved), compare_files) != NULL;
}

/* A file that was moved up between two looks was met twice: its new name counts. */
static void drop_moved(IoList *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n_paths; i++)
        list->files[i].is_moved = is_moved(list, &list->files[i]);
    for (size_t i = 0; i < list->n_paths; i++) {
        if (list->files[i].is_moved)
            free(list->files[i].path);
        else
            list->files[n++] = list->files[i];
    }
    list->n_paths = n;
}

/* Sorted, and what two patterns found only once. */
static void sort_files(IoList *list)
{
    size_t n = 0;

    if (list->n_paths == 0)
        return;
    qsort(list->files, list->n_paths, sizeof(*list->files), compare_files);
    for (size_t i = 0; i < list->n_paths; i++) {
        if (n > 0 && strcmp(list->files[n - 1].path, list->files[i].path) == 0)
            free(list->files[i].path);
        else
            list->files[n++] = list->files[i];
    }
    list->n_paths = n;
}

static int list_any(Lister *l, const char *path, QueryError *error)
{
    int err = 0, r;

    if (path[0] != '/' || strlen(path) >= IO_PATH_MAX)
        err = ENOENT;
    else if ((r = list_plain(l, path, &err)) < 0)
        return r;
    if (err && has_wildcard(path) && path[0] == '/') {
        uint32_t n_patterns = 0;

        r = list_braces(l, path, &n_patterns, error);
        if (r != 0)
            return r;
        if (l->too_many || l->list.n_paths > 0 || l->list.from_directory)
            err = 0;
    }
    if (err == EACCES)
        return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                               "Encountered error while reading file file:%s: permission denied.",
                               path);
    if (err)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                               "Path does not exist: file:%s.", path);
    if (l->too_many)
        return query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_NOT_FOUND", "42K03",
                               "file:%s means more than %zu files.", path, l->max_paths);
    return 0;
}

int io_list(const char *path, size_t max_paths, IoList *ret_list, QueryError *error)
{
    Lister l = {.max_paths = max_paths};
    int r = list_any(&l, path, error);

    if (r != 0) {
        io_list_done(&l.list);
        return r;
    }
    sort_files(&l.list);
    if (l.has_committed)
        drop_moved(&l.list);
    *ret_list = l.list;
    return 0;
}

void io_list_done(IoList *list)
{
    for (size_t i = 0; i < list->n_paths; i++)
        free(list->files[i].path);
    free(list->files);
    *list = (IoList){0};
}
