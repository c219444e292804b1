/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CREATE, DROP and TRUNCATE TABLE. A table is an entry of the catalogue and a folder of files. The
 * folder is written first and under a name that is free, then the entry: who dies in between leaves
 * a folder that nothing names. Dropping goes the other way.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"
#include "exec/connect/write.h"
#include "exec/plan/source.h"
#include "exec/write/commit_tree.h"
#include "exec/write/write.h"

/* ---- columns ---- */

/* What is to be made. */
typedef struct NewTable {
    CatalogDatabase database;
    const char *name;
    CatalogEntry entry;
    PlanField *fields;
    const char **comments;
    uint32_t n_fields;
    bool fresh_place; /* the folder is ours to make */
} NewTable;

static int find_name(const PlanField *fields, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcasecmp(fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

int table_column_twice(Query *q, const char *name)
{
    char quoted[300];
    const char *lower = catalogue_lower(q, name);
    (void)snprintf(quoted, sizeof(quoted), "`%.250s`", lower ? lower : name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS", "42711",
                    "The column %s already exists. Choose another name or rename the existing "
                    "column.",
                    quoted);
    query_error_parameters(q->error, "columnName", quoted, NULL);
    return QUERY_E_FAILED;
}

static int check_columns(Query *q, const NewTable *t, const SqlStatement *s)
{
    for (uint32_t i = 1; i < t->n_fields; i++)
        if (find_name(t->fields, i, t->fields[i].name) >= 0)
            return table_column_twice(q, t->fields[i].name);
    for (uint32_t i = 0; i < s->n_partitions; i++)
        if (find_name(t->fields, t->n_fields, s->partitions[i]) < 0) {
            query_error_set(q->error, DATA_ERROR_ANALYSIS, "COLUMN_NOT_DEFINED_IN_TABLE", "42703",
                            "partition column `%.100s` is not defined in table "
                            "`spark_catalog`.`%.128s`.`%.128s`.",
                            s->partitions[i], t->database.name, t->name);
            return QUERY_E_FAILED;
        }
    if (s->n_partitions > 0 && s->n_partitions == t->n_fields)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
                               "KD005", "Cannot use all columns for partition columns.");
    return 0;
}

/* Columns that partition come last, in the order of PARTITIONED BY. */
static int order_columns(Query *q, NewTable *t, const SqlStatement *s)
{
    UBuilder *b = &q->builder;
    PlanField *fields = ubuilder_alloc(b, t->n_fields + 1, sizeof(*fields));
    const char **comments = ubuilder_alloc(b, t->n_fields + 1, sizeof(*comments));
    const char **partitions = ubuilder_alloc(b, s->n_partitions + 1, sizeof(*partitions));
    uint32_t n = 0;
    if (!fields || !comments || !partitions)
        return query_result(q, b->result);
    for (uint32_t i = 0; i < t->n_fields + s->n_partitions; i++) {
        int at = (int)i;
        bool last = i >= t->n_fields;
        if (last)
            at = find_name(t->fields, t->n_fields, s->partitions[i - t->n_fields]);
        for (uint32_t k = 0; !last && k < s->n_partitions && at >= 0; k++)
            if (strcasecmp(t->fields[i].name, s->partitions[k]) == 0)
                at = -1;
        if (at < 0)
            continue;
        if (last)
            partitions[i - t->n_fields] = t->fields[at].name;
        fields[n] = t->fields[at];
        comments[n++] = t->comments ? t->comments[at] : NULL;
    }
    t->fields = fields;
    t->comments = comments;
    t->entry.partitions = partitions;
    t->entry.n_partitions = s->n_partitions;
    return 0;
}

/* Without columns and a query they are those of the files that are there. */
static int infer_columns(Query *q, NewTable *t, const SqlStatement *s, SqlStatement *with)
{
    UBuilder *b = &q->builder;
    PlanNode *plan;
    URel *rel = urel_new(b, UREL_FILES);
    const char *path = s->path ? write_absolute_path(q, s->path) : NULL;
    if (!path && b->result == 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNABLE_TO_INFER_SCHEMA", "42KD9",
                               "Unable to infer schema for %.60s. It must be specified manually.",
                               strcasecmp(t->entry.format, "parquet") == 0 ? "Parquet"
                                                                           : t->entry.format);
    if (!rel)
        return query_result(q, b->result);
    rel->format = t->entry.format;
    rel->paths = ubuilder_dup(b, &path, 1, sizeof(path));
    rel->n_paths = 1;
    rel->options = s->options;
    rel->n_options = s->n_options;
    rel = urel_seal(b, rel);
    int r = rel ? query_bind(q, rel, &plan) : query_result(q, b->result);
    if (r != 0)
        return r;
    t->fields = plan->fields;
    t->n_fields = plan->n_fields;
    const SourceInfo *source = plan->kind == PLAN_SCAN ? plan->scan.source : NULL;
    uint32_t n = source ? source->n_partitions : 0;
    with->partitions = ubuilder_alloc(b, n + 1, sizeof(*with->partitions));
    for (uint32_t i = 0; with->partitions && i < n; i++)
        with->partitions[i] = plan->fields[source->partitions[i]].name;
    with->n_partitions = n;
    return query_result(q, b->result);
}

/* CREATE TABLE t LIKE other */
static int like_columns(Query *q, NewTable *t, const URel *other, SqlStatement *with)
{
    TableRef ref;
    if (other->kind != UREL_TABLE)
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: CREATE TABLE LIKE files.");
    const char *database = other->n_parts > 1 ? other->parts[other->n_parts - 2] : NULL;
    int r = catalogue_need(q, database, other->parts[other->n_parts - 1], &ref);
    if (r == 0)
        r = query_result(q, catalogue_fields(&q->builder, &ref.entry, &t->fields));
    if (r != 0)
        return r;
    t->n_fields = ref.entry.n_columns;
    t->comments = ubuilder_alloc(&q->builder, t->n_fields + 1, sizeof(*t->comments));
    for (uint32_t i = 0; t->comments && i < t->n_fields; i++)
        t->comments[i] = ref.entry.columns[i].comment;
    with->partitions = ref.entry.partitions;
    with->n_partitions = ref.entry.n_partitions;
    if (!with->format && ref.entry.kind == CATALOG_TABLE)
        t->entry.format = ref.entry.format;
    return t->comments ? 0 : query_result(q, q->builder.result);
}

static int find_columns(Query *q, NewTable *t, SqlStatement *s)
{
    PlanNode *plan;
    int r = 0;
    t->fields = s->fields;
    t->n_fields = s->n_fields;
    t->comments = s->comments;
    if (s->target)
        r = like_columns(q, t, s->target, s);
    else if (s->query) {
        r = query_bind(q, s->query, &plan);
        if (r != 0)
            return r;
        t->fields = plan->fields;
        t->n_fields = plan->n_fields;
    } else if (s->n_fields == 0)
        r = infer_columns(q, t, s, s);
    if (r == 0)
        r = check_columns(q, t, s);
    if (r == 0)
        r = order_columns(q, t, s);
    if (r == 0)
        r = catalogue_columns(q, t->fields, t->comments, t->n_fields, &t->entry.columns);
    t->entry.n_columns = t->n_fields;
    return r;
}

/* ---- the place ---- */

static bool is_free(const char *path)
{
    struct stat st;
    return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* The name of the table in the folder of its database, with digits behind it when that is taken. */
static int managed_place(Query *q, NewTable *t)
{
    const char *home = t->database.entry.location;
    size_t n = strlen(home) + strlen(t->name) + 32;
    char *path = mem_arena_alloc(q->arena, n, 1);
    uint32_t digits = 0;
    if (!path)
        return query_result(q, mem_arena_error(q->arena));
    if (home[0] != '/')
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: tables without a LOCATION where the "
                               "session has neither a warehouse nor a directory of its own "
                               "(" PLAN_DIRECTORY_KEY "); say where it is to be.");
    (void)snprintf(path, n, "%s/%s", home, t->name);
    while (!is_free(path) && getrandom(&digits, sizeof(digits), 0) == (ssize_t)sizeof(digits))
        (void)snprintf(path, n, "%s/%s-%08x", home, t->name, digits);
    t->entry.location = path;
    t->entry.managed = true;
    t->fresh_place = true;
    return 0;
}

static int make_place(Query *q, NewTable *t, const SqlStatement *s)
{
    const CatalogStore *store = NULL;
    if (!s->path) {
        int r = catalogue_store(q, &store);
        if (r == 0 && !q->operation->replay)
            r = catalog_prepare(store, q->error);
        return r ? r : managed_place(q, t);
    }
    t->entry.location = write_absolute_path(q, s->path);
    if (!t->entry.location)
        return query_result(q, mem_arena_error(q->arena));
    if (t->entry.location[0] != '/')
        return query_error_set(
            q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
            "The feature is not supported: a LOCATION that is no absolute path.");
    return 0;
}

/* An empty folder, or the rows of the query in one. */
static int fill_place(Query *q, const NewTable *t, const SqlStatement *s)
{
    const CatalogEntry *e = &t->entry;
    if (q->operation->replay)
        return 0;
    if (s->query) {
        WriteCommand c = {.format = e->format,
                          .path = e->location,
                          .mode = COMMIT_ERROR,
                          .options = e->options,
                          .n_options = e->n_options,
                          .partitions = e->partitions,
                          .n_partitions = e->n_partitions,
                          .input = s->query};
        return query_write(q, &c);
    }
    WriteSpec spec;
    int r = write_format(q->arena, q->session->plan, e->format, e->options, e->n_options, &spec,
                         q->error);
    if (r == QUERY_E_FAILED && !t->fresh_place) {
        *q->error = (QueryError){0}; /* it is read only, and its files are there */
        return 0;
    }
    if (r == 0)
        r = write_tell_effect(q);
    _cleanup_(commit_freep) Commit *commit = NULL;
    if (r == 0)
        r = commit_begin(e->location, COMMIT_IGNORE, NULL, NULL, &commit, q->error);
    if (r == COMMIT_E_IGNORED)
        return 0;
    if (r == 0)
        r = commit_end(commit, q->error);
    /* What others keep elsewhere may be read only. */
    if (r == QUERY_E_FAILED && !t->fresh_place && !is_free(e->location)) {
        *q->error = (QueryError){0};
        r = 0;
    }
    return query_result(q, r);
}

int table_remove_folder(Query *q, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (q->operation->replay || !slash || slash == path || !slash[1])
        return 0;
    int r = write_tell_effect(q);
    if (r != 0)
        return r;
    _cleanup_free_ char *parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return -ENOMEM;
    _cleanup_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        tree_dispose(fd, slash + 1, -EBADF); /* the name is gone, whatever remains of the files */
    return 0;
}

/* ---- CREATE TABLE ---- */

static int put_table(Query *q, const NewTable *t, bool replace)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_put(store, &t->database, t->name, &t->entry,
                        replace ? CATALOG_PUT_ANY : CATALOG_PUT_NEW, q->error);
    return r == CATALOG_E_EXISTS ? r : query_result(q, r);
}

/* Somebody may have been faster; then what was written here goes. */
static int finish_table(Query *q, const NewTable *t, const SqlStatement *s, bool replace)
{
    int r = put_table(q, t, replace);
    if (r == 0)
        return 0;
    if (t->fresh_place)
        (void)table_remove_folder(q, t->entry.location);
    if (r == CATALOG_E_EXISTS)
        return s->if_not_exists ? 0 : catalogue_exists(q, t->database.name, t->name);
    return r;
}

static int copy_statement(Query *q, const SqlStatement *s, NewTable *t)
{
    t->entry = (CatalogEntry){.kind = CATALOG_TABLE,
                              .format = s->format ? s->format : "parquet",
                              .comment = s->comment,
                              .created_usec = q->context.now_usec,
                              .options = s->options,
                              .n_options = s->n_options,
                              .properties = s->properties,
                              .n_properties = s->n_properties};
    t->entry.format = catalogue_lower(q, t->entry.format);
    t->name = catalogue_lower(q, s->name);
    return t->entry.format && t->name ? 0 : query_result(q, mem_arena_error(q->arena));
}

int query_create_table(Query *q, const SqlStatement *statement)
{
    SqlStatement s = *statement;
    NewTable t = {0};
    TableRef old;
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    if (!catalog_name_is_valid(s.name))
        return catalogue_bad_name(q, s.name);
    int r = catalogue_need_database(q, s.database, &t.database);
    if (r != 0)
        return r;
    r = catalogue_find(q, s.database, s.name, &old);
    bool there = r == 0, replace = s.replace || q->operation->replay;
    if (r != 0 && r != CATALOG_E_NONE)
        return r;
    if (there && s.if_not_exists)
        return 0;
    if (there && (!replace || old.entry.kind != CATALOG_TABLE))
        return catalogue_exists(q, t.database.name, old.name);
    if (!there && s.must_exist)
        return catalogue_no_table(q, s.database, s.name);
    r = copy_statement(q, &s, &t);
    if (r == 0)
        r = find_columns(q, &t, &s);
    if (r == 0)
        r = make_place(q, &t, &s);
    if (r == 0)
        r = fill_place(q, &t, &s);
    if (r == 0)
        r = finish_table(q, &t, &s, there);
    if (r == 0 && there && catalogue_owns_folder(q, &old) &&
        strcmp(old.entry.location, t.entry.location) != 0)
        r = table_remove_folder(q, old.entry.location);
    return r;
}

/* ---- DROP, TRUNCATE ---- */

static int wrong_kind(Query *q, const TableRef *t, bool wants_view)
{
    const char *is = t->entry.kind == CATALOG_VIEW ? "VIEW"
                     : t->entry.managed            ? "MANAGED"
                                                   : "EXTERNAL";
    return query_error_set(
        q->error, DATA_ERROR_ANALYSIS, "WRONG_COMMAND_FOR_OBJECT_TYPE", "42809",
        "The operation DROP %s requires a %s. But spark_catalog.%.128s.%.128s is "
        "a %s. Use DROP %s instead.",
        wants_view ? "VIEW" : "TABLE", wants_view ? "VIEW" : "EXTERNAL or MANAGED",
        t->database.name, t->name, is, wants_view ? "TABLE" : "VIEW");
}

/* What cannot be read can still be dropped; its files stay. */
static int drop_damaged(Query *q, const char *database, const char *name)
{
    const CatalogStore *store = NULL;
    CatalogDatabase in;
    const char *lower = catalogue_lower(q, name);
    *q->error = (QueryError){0};
    int r = lower ? catalogue_need_database(q, database, &in)
                  : query_result(q, mem_arena_error(q->arena));
    if (r == 0)
        r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_remove(store, &in, lower, q->error);
    return r == CATALOG_E_NONE ? 0 : query_result(q, r);
}

int table_drop(Query *q, const TableRef *t)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_remove(store, &t->database, t->name, q->error);
    if (r == 0 && t->entry.kind == CATALOG_TABLE && catalogue_owns_folder(q, t))
        r = table_remove_folder(q, t->entry.location);
    return r == CATALOG_E_NONE ? 0 : query_result(q, r);
}

int query_drop_table(Query *q, const char *database, const char *name, bool if_exists, bool is_view)
{
    TableRef t;
    if (!database && plan_session_drop_view(q->session->plan, name)) {
        q->flags |= DATA_FLAG_REPLAY;
        return 0;
    }
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    int r = catalogue_find(q, database, name, &t);
    if (r == CATALOG_E_NONE)
        return if_exists ? 0 : catalogue_no_table(q, database, name);
    if (r == QUERY_E_FAILED && strcmp(q->error->error_class, "BERTH_CATALOG_DAMAGED") == 0)
        return drop_damaged(q, database, name);
    if (r != 0)
        return r;
    if ((t.entry.kind == CATALOG_VIEW) != is_view)
        return wrong_kind(q, &t, is_view);
    return table_drop(q, &t);
}

static URel *no_rows(UBuilder *b, PlanField *fields, uint32_t n)
{
    URel *rel = urel_new(b, UREL_LOCAL);
    if (!rel)
        return NULL;
    rel->fields = fields;
    rel->n_fields = n;
    return urel_seal(b, rel);
}

/* An overwrite with nothing, or the folders of some partitions. */
int query_truncate_table(Query *q, const SqlStatement *statement)
{
    const URel *target = statement->target;
    PlanNode *plan;
    TableRef t;
    if (target->kind == UREL_TABLE) {
        int r = catalogue_need(q, target->n_parts > 1 ? target->parts[target->n_parts - 2] : NULL,
                               target->parts[target->n_parts - 1], &t);
        if (r != 0)
            return r;
        if (statement->n_partitions > 0)
            return table_drop_partitions(q, &t, statement, NULL);
    }
    int r = query_bind(q, target, &plan);
    if (r != 0)
        return r;
    SqlStatement s = {.kind = SQL_INSERT,
                      .target = (URel *)target,
                      .replace = true,
                      .query = no_rows(&q->builder, plan->fields, plan->n_fields)};
    return s.query ? query_write_statement(q, &s) : query_result(q, q->builder.result);
}
