/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/table_partition.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/connect/write.h"
#include "exec/io/io.h"
#include "exec/write/commit_tree.h"
#include "exec/write/write.h"

#define NULL_FOLDER "__HIVE_DEFAULT_PARTITION__"
#define FOLDERS_MAX 100000u

/* ---- what PARTITION (...) says ---- */

/* A value as the text of its folder: CAST(CAST(value AS type) AS STRING). */
static int value_text(Query *q, UExpr *value, Type type, const char **ret_text)
{
    UBuilder *b = &q->builder;
    UExpr *e = uexpr_cast(b, uexpr_cast(b, value, type, false), TYPE(STRING), false);
    URel *rel = e ? urel_new(b, UREL_PROJECT) : NULL;
    URel *one = urel_seal(b, urel_new(b, UREL_ONE_ROW));
    if (!rel || !one)
        return query_result(q, b->result);
    e = uexpr_alias(b, e, "value");
    rel->input = one;
    rel->exprs = ubuilder_dup(b, &e, 1, sizeof(e));
    rel->n_exprs = 1;
    rel = b->result == 0 ? urel_seal(b, rel) : NULL;
    if (!rel)
        return query_result(q, b->result);
    PlanNode *plan;
    uint32_t n = 0;
    Literal text = {.is_null = true};
    int r = query_bind(q, rel, &plan);
    if (r == 0)
        r = query_collect(q, plan, 1, &text, &n);
    if (r != 0)
        return r;
    bool empty = text.is_null || text.s.length == 0;
    *ret_text =
        empty ? NULL_FOLDER : mem_arena_strndup(q->arena, vec_string_data(&text.s), text.s.length);
    return *ret_text ? 0 : query_result(q, mem_arena_error(q->arena));
}

static int not_partitioned(Query *q, const TableRef *t)
{
    char quoted[400];
    return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                           "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY", "42601",
                           "The partition command is invalid. Table %s is not partitioned.",
                           catalogue_quoted(t, quoted, sizeof(quoted)));
}

int table_not_partitioned(Query *q, const TableRef *t)
{
    char quoted[400];
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "NOT_A_PARTITIONED_TABLE", "42809",
                           "Operation REPAIR TABLE is not allowed for %s because it is not a "
                           "partitioned table.",
                           catalogue_quoted(t, quoted, sizeof(quoted)));
}

static int no_column(Query *q, const TableRef *t, const char *name)
{
    char quoted[400];
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "NON_PARTITION_COLUMN", "42000",
                           "PARTITION clause cannot contain the non-partition column: `%.100s`. "
                           "The table is %s.",
                           name, catalogue_quoted(t, quoted, sizeof(quoted)));
}

int table_partition_spec(Query *q, const TableRef *t, const SqlStatement *s, PartitionSpec *ret)
{
    const CatalogEntry *e = &t->entry;
    PlanField *fields;
    uint32_t first = e->n_columns - MIN(e->n_partitions, e->n_columns);
    if (e->n_partitions == 0)
        return not_partitioned(q, t);
    int r = query_result(q, catalogue_fields(&q->builder, e, &fields));
    *ret = (PartitionSpec){.texts = mem_arena_new_array(q->arena, const char *, e->n_partitions)};
    if (r == 0 && !ret->texts)
        r = query_result(q, mem_arena_error(q->arena));
    for (uint32_t i = 0; r == 0 && i < e->n_partitions; i++)
        ret->texts[i] = NULL;
    for (uint32_t k = 0; r == 0 && k < s->n_partitions; k++) {
        uint32_t i = 0;
        while (i < e->n_partitions && strcasecmp(e->partitions[i], s->partitions[k]) != 0)
            i++;
        if (i == e->n_partitions)
            return no_column(q, t, s->partitions[k]);
        if (!s->values || !s->values[k])
            continue;
        r = value_text(q, s->values[k], fields[first + i].type, &ret->texts[i]);
        ret->n_given++;
    }
    return r;
}

/* ---- folders ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Does a folder's name, with its escapes, stand for @key = @text? NULL: for any value. */
static bool folder_says(const char *name, const char *key, const char *text)
{
    const char *eq = strchr(name, '=');
    if (!eq || (size_t)(eq - name) != strlen(key) || strncasecmp(name, key, strlen(key)) != 0)
        return false;
    if (!text)
        return true;
    const char *at = eq + 1;
    for (; *at && *text; text++) {
        int high = *at == '%' ? hex(at[1]) : -1, low = high >= 0 ? hex(at[2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : *at;
        if (c != *text)
            return false;
        at += low >= 0 ? 3 : 1;
    }
    return !*at && !*text;
}

typedef struct Walk {
    Query *q;
    const CatalogEntry *entry;
    const PartitionSpec *spec; /* NULL: all */
    DecodeList *names;
    uint32_t n_visited;
} Walk;

/* @path: below the table's folder, "" at first. */
static int walk(Walk *w, int fd, uint32_t level, const char *path)
{
    UBuilder *b = &w->q->builder;
    if (level == w->entry->n_partitions) {
        char *copy = ubuilder_strndup(b, path, strlen(path));
        return decode_add(&w->q->decoder, w->names, copy) ? 0 : b->result;
    }
    _cleanup_(tree_streamp) DIR *dir = tree_stream(fd);
    struct dirent *entry;
    int r = 0;
    while (dir && r == 0 && (entry = readdir(dir)) && ++w->n_visited <= FOLDERS_MAX) {
        char below[IO_PATH_MAX];
        const char *text = w->spec ? w->spec->texts[level] : NULL;
        if (!folder_says(entry->d_name, w->entry->partitions[level], text))
            continue;
        int n = snprintf(below, sizeof(below), "%s%s%s", path, *path ? "/" : "", entry->d_name);
        if (n < 0 || (size_t)n >= sizeof(below))
            continue;
        _cleanup_close_ int next = tree_open(fd, entry->d_name);
        if (next >= 0)
            r = walk(w, next, level + 1, below);
    }
    return r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int table_list_partitions(Query *q, const TableRef *t, const PartitionSpec *spec,
                          DecodeList *ret_names)
{
    Walk w = {.q = q, .entry = &t->entry, .spec = spec, .names = ret_names};
    if (t->entry.n_partitions == 0)
        return not_partitioned(q, t);
    _cleanup_close_ int fd = open(t->entry.location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd >= 0 ? query_result(q, walk(&w, fd, 0, "")) : 0;
    if (r == 0 && ret_names->n > 1)
        qsort(ret_names->items, ret_names->n, sizeof(*ret_names->items), compare_names);
    return r;
}

/* Has the folder files of the write that has just ended? */
static bool has_files_of(int fd, const char *id)
{
    _cleanup_(tree_streamp) DIR *dir = id ? tree_stream(fd) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strstr(entry->d_name, id))
            return true;
    return false;
}

static void drop_folder(int table_fd, const char *path, const char *keep_id)
{
    _cleanup_close_ int fd = openat(table_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char parent[IO_PATH_MAX];
    if (fd < 0 || has_files_of(fd, keep_id))
        return;
    const char *slash = strrchr(path, '/');
    (void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
                   slash ? path : ".");
    _cleanup_close_ int in = openat(table_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in >= 0)
        tree_dispose(in, slash ? slash + 1 : path, table_fd);
}

static int no_partition(Query *q, const TableRef *t)
{
    char quoted[400];
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "PARTITIONS_NOT_FOUND", "428FT",
                           "The partition(s) cannot be found in table %s. Verify the partition "
                           "specification and table name.",
                           catalogue_quoted(t, quoted, sizeof(quoted)));
}

int table_drop_partitions(Query *q, const TableRef *t, const SqlStatement *s, const char *keep_id)
{
    PartitionSpec spec;
    DecodeList names = {0};
    if (q->operation->replay)
        return 0;
    int r = table_partition_spec(q, t, s, &spec);
    if (r == 0)
        r = table_list_partitions(q, t, &spec, &names);
    if (r != 0)
        return r;
    if (names.n == 0 && s->kind == SQL_ALTER_TABLE && !s->if_exists)
        return no_partition(q, t);
    r = write_tell_effect(q);
    _cleanup_close_ int fd = open(t->entry.location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t i = 0; r == 0 && fd >= 0 && i < names.n; i++)
        drop_folder(fd, names.items[i], keep_id);
    return r;
}

int table_add_partition(Query *q, const TableRef *t, const SqlStatement *s)
{
    PartitionSpec spec;
    DecodeList names = {0};
    char quoted[400];
    if (q->operation->replay)
        return 0;
    int r = table_partition_spec(q, t, s, &spec);
    if (r != 0)
        return r;
    if (spec.n_given != t->entry.n_partitions)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                               "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY", "42601",
                               "The partition command is invalid. Not all columns of table %s are "
                               "given.",
                               catalogue_quoted(t, quoted, sizeof(quoted)));
    r = table_list_partitions(q, t, &spec, &names);
    if (r == 0 && names.n > 0)
        return s->if_not_exists
                   ? 0
                   : query_error_set(q->error, DATA_ERROR_ANALYSIS, "PARTITIONS_ALREADY_EXIST",
                                     "428FT",
                                     "Cannot ADD or RENAME TO partition(s) in table %s "
                                     "because they already exist.",
                                     catalogue_quoted(t, quoted, sizeof(quoted)));
    if (r == 0)
        r = write_tell_effect(q);
    _cleanup_close_ int fd = open(t->entry.location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t i = 0; r == 0 && fd >= 0 && i < t->entry.n_partitions; i++) {
        char name[IO_PATH_MAX];
        r = query_result(
            q, write_partition_name(t->entry.partitions[i], spec.texts[i], name, sizeof(name)));
        if (r != 0 || (mkdirat(fd, name, 0777) < 0 && errno != EEXIST))
            return r ? r : write_fail(q->error, t->entry.location, errno);
        int below = tree_open(fd, name);
        (void)fd_close(fd);
        fd = below;
    }
    return r || fd >= 0 ? r : write_fail(q->error, t->entry.location, ENOENT);
}
