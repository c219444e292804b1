/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The session's catalogue: tables, which are folders of files under a name, views that are not
 * temporary, and the names of databases. It ends with the session; the files of tables stay. A
 * table without a LOCATION is in `spark-warehouse` below the directory that the client stands in,
 * and its folder goes when it is dropped.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/connect/text_table.h"
#include "exec/connect/write.h"
#include "exec/write/commit_tree.h"

static Type copy_type(UBuilder *b, Type type)
{
    TypeField *children =
        type.n_children ? ubuilder_alloc(b, type.n_children, sizeof(*children)) : NULL;
    for (uint32_t i = 0; children && i < type.n_children; i++) {
        const TypeField *from = &type.children[i];
        children[i] = (TypeField){
            .name = from->name ? ubuilder_strndup(b, from->name, strlen(from->name)) : NULL,
            .type = copy_type(b, from->type),
            .nullable = from->nullable};
    }
    type.children = children;
    return type;
}

PlanField *write_copy_fields(UBuilder *b, const PlanField *fields, uint32_t n)
{
    PlanField *copy = ubuilder_alloc(b, n + 1, sizeof(*copy));
    for (uint32_t i = 0; copy && i < n; i++)
        copy[i] = (PlanField){ubuilder_strndup(b, fields[i].name, strlen(fields[i].name)),
                              copy_type(b, fields[i].type), fields[i].nullable};
    return copy;
}

static const char *copy_text(UBuilder *b, const char *text)
{
    return ubuilder_strndup(b, text, strlen(text));
}

static UOption *copy_options(UBuilder *b, const UOption *options, uint32_t n)
{
    UOption *copy = ubuilder_alloc(b, n + 1, sizeof(*copy));
    for (uint32_t i = 0; copy && i < n; i++)
        copy[i] = (UOption){copy_text(b, options[i].key), copy_text(b, options[i].value)};
    return copy;
}

static bool name_is_known(Query *q, const char *name)
{
    const PlanView *view = plan_session_view(q->session->plan, name);
    plan_view_unref(view);
    return view != NULL;
}

int query_no_table(Query *q, const char *name)
{
    char quoted[300];
    (void)snprintf(quoted, sizeof(quoted), "`spark_catalog`.`default`.`%.200s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "TABLE_OR_VIEW_NOT_FOUND", "42P01",
                    "The table or view %s cannot be found. Verify the spelling and correctness "
                    "of the schema and catalog. To tolerate the error on drop use DROP VIEW IF "
                    "EXISTS or DROP TABLE IF EXISTS.",
                    quoted);
    query_error_parameters(q->error, "relationName", quoted, "searchPath",
                           "[`spark_catalog`.`default`]", NULL);
    return QUERY_E_FAILED;
}

/* ---- CREATE TABLE ---- */

/* Columns that partition come last. */
static PlanField *order_fields(UBuilder *b, const SqlStatement *s)
{
    PlanField *ordered = ubuilder_alloc(b, s->n_fields + 1, sizeof(*ordered));
    uint32_t n = 0;
    for (int last = 0; ordered && last < 2; last++)
        for (uint32_t i = 0; i < s->n_fields; i++) {
            bool partitions = false;
            for (uint32_t k = 0; k < s->n_partitions; k++)
                partitions |= strcasecmp(s->fields[i].name, s->partitions[k]) == 0;
            if (partitions == (last == 1))
                ordered[n++] = s->fields[i];
        }
    return ordered;
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

static const char *managed_path(Query *q, const char *name)
{
    char *path = mem_arena_alloc(q->arena, strlen(name) + 32, 1);
    if (!path)
        return NULL;
    (void)sprintf(path, "spark-warehouse/%s", name);
    return write_absolute_path(q, path);
}

static int keep_table(Query *q, const SqlStatement *s, const char *path, const PlanField *fields,
                      uint32_t n_fields)
{
    ViewBuilder v;
    int r = view_builder_open(q, &v);
    if (r != 0)
        return r;
    UBuilder *b = &v.builder;
    URel *rel = urel_new(b, UREL_FILES);
    PlanTable *table = ubuilder_alloc(b, 1, sizeof(*table));
    const char **partitions = ubuilder_alloc(b, s->n_partitions + 1, sizeof(*partitions));
    const char *own = copy_text(b, path);
    if (rel && table && partitions && own) {
        for (uint32_t i = 0; i < s->n_partitions; i++)
            partitions[i] = copy_text(b, s->partitions[i]);
        *table = (PlanTable){.managed = !s->path,
                             .properties = copy_options(b, s->properties, s->n_properties),
                             .n_properties = s->n_properties,
                             .partitions = partitions,
                             .n_partitions = s->n_partitions};
        rel->format = copy_text(b, s->format);
        rel->paths = ubuilder_dup(b, &own, 1, sizeof(own));
        rel->n_paths = 1;
        rel->fields = write_copy_fields(b, fields, n_fields);
        rel->n_fields = n_fields;
        rel->options = copy_options(b, s->options, s->n_options);
        rel->n_options = s->n_options;
        rel = urel_seal(b, rel);
    }
    v.table = table;
    r = rel && b->result == 0 ? view_builder_keep(q, &v, s->name, rel, q->operation->replay)
                              : query_result(q, b->result);
    if (v.arena)
        mem_arena_free(v.arena);
    return r;
}

int query_create_table(Query *q, const SqlStatement *s)
{
    UBuilder *b = &q->builder;
    if (name_is_known(q, s->name) && !q->operation->replay) {
        if (s->if_not_exists)
            return 0;
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "TABLE_OR_VIEW_ALREADY_EXISTS",
                               "42P07",
                               "Cannot create table or view `spark_catalog`.`default`.`%.200s` "
                               "because it already exists.\nChoose a different name, drop or "
                               "replace the existing object, or add the IF NOT EXISTS clause to "
                               "tolerate pre-existing objects.",
                               s->name);
    }
    const char *path = s->path ? write_absolute_path(q, s->path) : managed_path(q, s->name);
    if (!path)
        return query_result(q, mem_arena_error(q->arena));
    if (path[0] != '/')
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: tables without a LOCATION where the "
                               "session has no directory of its own (" PLAN_DIRECTORY_KEY "); say "
                               "where it is to be.");
    PlanField *fields = order_fields(b, s);
    uint32_t n_fields = s->n_fields;
    WriteCommand c = {.format = s->format,
                      .path = path,
                      .mode = s->query ? COMMIT_ERROR : COMMIT_IGNORE,
                      .options = s->options,
                      .n_options = s->n_options,
                      .partitions = s->partitions,
                      .n_partitions = s->n_partitions,
                      .input = s->query ? s->query
                               : fields ? no_rows(b, fields, n_fields)
                                        : NULL};
    if (!fields || !c.input)
        return query_result(q, b->result);
    int r = 0;
    if (s->query || n_fields > 0)
        r = query_write(q, &c);
    return r ? r : keep_table(q, s, path, fields, n_fields);
}

/* ---- DROP, TRUNCATE ---- */

static int remove_folder(Query *q, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || !slash[1])
        return 0;
    int r = write_tell_effect(q);
    if (r != 0)
        return r;
    _cleanup_free_ char *parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return -ENOMEM;
    _cleanup_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)tree_remove(fd, slash + 1); /* the name is gone, whatever remains of the files */
    return 0;
}

int query_drop_table(Query *q, const char *name, bool if_exists)
{
    const PlanView *view = plan_session_view(q->session->plan, name);
    if (!view)
        return if_exists ? 0 : query_no_table(q, name);
    int r = 0;
    if (view->table && view->table->managed && view->tree->kind == UREL_FILES &&
        !q->operation->replay)
        r = remove_folder(q, view->tree->paths[0]);
    plan_view_unref(view);
    if (r != 0)
        return r;
    (void)plan_session_drop_view(q->session->plan, name);
    q->flags |= DATA_FLAG_REPLAY;
    return 0;
}

/* An overwrite with nothing. */
int query_truncate_table(Query *q, URel *target)
{
    PlanNode *plan;
    int r = query_bind(q, target, &plan);
    if (r != 0)
        return r;
    SqlStatement s = {.kind = SQL_INSERT,
                      .target = target,
                      .replace = true,
                      .query = no_rows(&q->builder, plan->fields, plan->n_fields)};
    return s.query ? query_write_statement(q, &s) : query_result(q, q->builder.result);
}

/* ---- databases ---- */

static const char *database_name(char buf[static 300], const char *name)
{
    (void)snprintf(buf, 300, PLAN_DATABASE_PREFIX "%.250s", name);
    return buf;
}

bool query_has_database(Query *q, const char *name)
{
    char buf[300];
    if (strncasecmp(name, "spark_catalog.", 14) == 0)
        name += 14;
    return strcasecmp(name, "default") == 0 || name_is_known(q, database_name(buf, name));
}

int query_no_database(Query *q, const char *name)
{
    char quoted[140];
    (void)snprintf(quoted, sizeof(quoted), "`spark_catalog`.`%.100s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_NOT_FOUND", "42704",
                    "The schema %s cannot be found. Verify the spelling and correctness of the "
                    "schema and catalog.",
                    quoted);
    query_error_parameters(q->error, "schemaName", quoted, NULL);
    return QUERY_E_FAILED;
}

int query_create_database(Query *q, const char *name, bool if_not_exists)
{
    char buf[300];
    if (query_has_database(q, name) && !q->operation->replay)
        return if_not_exists
                   ? 0
                   : query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_ALREADY_EXISTS",
                                     "42P06",
                                     "Cannot create schema `%.100s` because it already exists. "
                                     "Choose a different name, drop the existing schema, or add "
                                     "the IF NOT EXISTS clause to tolerate pre-existing schema.",
                                     name);
    ViewBuilder v;
    int r = view_builder_open(q, &v);
    if (r != 0)
        return r;
    URel *one = urel_seal(&v.builder, urel_new(&v.builder, UREL_ONE_ROW));
    r = one ? view_builder_keep(q, &v, database_name(buf, name), one, q->operation->replay)
            : query_result(q, v.builder.result);
    if (v.arena)
        mem_arena_free(v.arena);
    return r;
}

int query_drop_database(Query *q, const char *name, bool if_exists)
{
    char buf[300];
    if (strcasecmp(name, "default") == 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_FEATURE.DROP_DATABASE",
                               "0A000",
                               "The feature is not supported: Drop the default database "
                               "`default`.");
    if (!plan_session_drop_view(q->session->plan, database_name(buf, name)))
        return if_exists ? 0 : query_no_database(q, name);
    q->flags |= DATA_FLAG_REPLAY;
    return 0;
}
