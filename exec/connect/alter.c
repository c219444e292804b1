/* SPDX-License-Identifier: Apache-2.0 */

/* ALTER TABLE and VIEW: an entry is read, changed and put back while others are kept away. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"
#include "exec/connect/write.h"

/* @from over what is in *@pairs; new ones in the order of their keys, as Spark lists them. */
int query_merge_properties(Query *q, const UOption *from, uint32_t n_from, UOption **pairs,
                           uint32_t *n)
{
    UOption *all = mem_arena_new_array(q->arena, UOption, (size_t)*n + n_from + 1);
    uint32_t k = *n;
    if (!all)
        return query_result(q, mem_arena_error(q->arena));
    if (k > 0)
        memcpy(all, *pairs, k * sizeof(*all));
    for (uint32_t i = 0; i < n_from; i++) {
        uint32_t at = 0;
        while (at < k && strcmp(all[at].key, from[i].key) != 0)
            at++;
        all[at] = from[i];
        k += at == k;
    }
    *pairs = all;
    *n = k;
    return 0;
}

static void unset_properties(CatalogEntry *e, const UOption *keys, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->n_properties; i++) {
        bool goes = false;
        for (uint32_t k = 0; k < n; k++)
            goes |= strcmp(keys[k].key, e->properties[i].key) == 0;
        if (!goes)
            e->properties[kept++] = e->properties[i];
    }
    e->n_properties = kept;
}

/* New columns stand behind the others, and before those that partition. */
static int add_columns(Query *q, CatalogEntry *e, const SqlStatement *s)
{
    CatalogColumn *more, *all;
    uint32_t n_first = e->n_columns - MIN(e->n_partitions, e->n_columns);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        for (uint32_t k = 0; k < e->n_columns; k++)
            if (strcasecmp(e->columns[k].name, s->fields[i].name) == 0)
                return table_column_twice(q, s->fields[i].name);
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(s->fields[k].name, s->fields[i].name) == 0)
                return table_column_twice(q, s->fields[i].name);
        if (!s->fields[i].nullable)
            return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1052", "",
                                   "ADD COLUMN with v1 tables cannot specify NOT NULL.");
    }
    int r = catalogue_columns(q, s->fields, s->comments, s->n_fields, &more);
    if (r != 0)
        return r;
    all = mem_arena_new_array(q->arena, CatalogColumn, (size_t)e->n_columns + s->n_fields);
    if (!all)
        return query_result(q, mem_arena_error(q->arena));
    memcpy(all, e->columns, n_first * sizeof(*all));
    memcpy(all + n_first, more, s->n_fields * sizeof(*all));
    memcpy(all + n_first + s->n_fields, e->columns + n_first,
           (e->n_columns - n_first) * sizeof(*all));
    e->columns = all;
    e->n_columns += s->n_fields;
    return 0;
}

static int comment_column(Query *q, CatalogEntry *e, const SqlStatement *s)
{
    for (uint32_t i = 0; i < e->n_columns; i++)
        if (strcasecmp(e->columns[i].name, s->value) == 0) {
            e->columns[i].comment = s->comment;
            return 0;
        }
    return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNRESOLVED_COLUMN.WITH_SUGGESTION",
                           "42703",
                           "A column, variable, or function parameter with name `%.200s` cannot be "
                           "resolved.",
                           s->value);
}

static int change_entry(Query *q, CatalogEntry *e, const SqlStatement *s)
{
    switch (s->alter) {
    case SQL_ALTER_SET_PROPERTIES:
        return query_merge_properties(q, s->properties, s->n_properties, &e->properties,
                                      &e->n_properties);
    case SQL_ALTER_UNSET_PROPERTIES:
        unset_properties(e, s->properties, s->n_properties);
        return 0;
    case SQL_ALTER_COMMENT:
        e->comment = s->comment[0] ? s->comment : NULL;
        return 0;
    case SQL_ALTER_ADD_COLUMNS:
        return add_columns(q, e, s);
    case SQL_ALTER_COLUMN_COMMENT:
        return comment_column(q, e, s);
    case SQL_ALTER_LOCATION:
        e->location = write_absolute_path(q, s->path);
        e->managed = false;
        return e->location ? 0 : query_result(q, mem_arena_error(q->arena));
    default:
        return 0;
    }
}

static int wrong_kind(Query *q, const TableRef *t, const SqlStatement *s)
{
    char quoted[400];
    return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                           s->is_view ? "EXPECT_VIEW_NOT_TABLE.USE_ALTER_TABLE"
                                      : "EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW",
                           "42809", "'ALTER %s' expects a %s but %s is a %s.",
                           s->is_view ? "VIEW" : "TABLE", s->is_view ? "view" : "table",
                           catalogue_quoted(t, quoted, sizeof(quoted)),
                           s->is_view ? "table" : "view");
}

static int rename_table(Query *q, const TableRef *t, const SqlStatement *s)
{
    const CatalogStore *store = NULL;
    const char *to = catalogue_lower(q, s->value);
    if (!to)
        return query_result(q, mem_arena_error(q->arena));
    if (!catalog_name_is_valid(to))
        return catalogue_bad_name(q, to);
    if (s->to_database && strcasecmp(s->to_database, t->database.name) != 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1073", "",
                               "RENAME TABLE source and destination databases do not match: "
                               "'%.128s' != '%.128s'.",
                               t->database.name, s->to_database);
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_rename(store, &t->database, t->name, to, q->error);
    if (r == CATALOG_E_EXISTS)
        return catalogue_exists(q, t->database.name, to);
    return r == CATALOG_E_NONE ? catalogue_no_table(q, t->database.name, t->name)
                               : query_result(q, r);
}

/* Read again under the lock, as another may have changed it since it was found. */
static int change_locked(Query *q, const SqlStatement *s, TableRef *t)
{
    const CatalogStore *store = NULL;
    _cleanup_close_ int lock = -EBADF;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalog_lock(store, &t->database, &lock, q->error);
    if (r == 0)
        r = catalogue_need(q, t->database.name, t->name, t);
    if (r == 0)
        r = change_entry(q, &t->entry, s);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_put(store, &t->database, t->name, &t->entry,
                        store->root ? CATALOG_PUT_LOCKED : CATALOG_PUT_ANY, q->error);
    return query_result(q, r);
}

int query_alter_table(Query *q, const SqlStatement *s)
{
    TableRef t;
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    int r = catalogue_need(q, s->database, s->name, &t);
    if (r != 0)
        return r;
    bool comment_on = s->alter == SQL_ALTER_COMMENT;
    if ((t.entry.kind == CATALOG_VIEW) != s->is_view && !comment_on)
        return wrong_kind(q, &t, s);
    switch (s->alter) {
    case SQL_ALTER_RENAME:
        return rename_table(q, &t, s);
    case SQL_ALTER_AS:
        return query_alter_view(q, s);
    case SQL_ALTER_ADD_PARTITION:
        return table_add_partition(q, &t, s);
    case SQL_ALTER_DROP_PARTITION:
        return table_drop_partitions(q, &t, s, NULL);
    case SQL_ALTER_RECOVER:
        return t.entry.n_partitions > 0 ? 0 : table_not_partitioned(q, &t);
    default:
        return change_locked(q, s, &t);
    }
}
