/* SPDX-License-Identifier: Apache-2.0 */

/* Views that stay: the text of a query, the database that its names are of, and its columns. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"

/* The query, bound as one that may not read what ends with the session. */
static int bind_query(Query *q, const SqlStatement *s, PlanNode **ret_plan)
{
    q->context.catalogue_only = true;
    int r = query_bind(q, s->query, ret_plan);
    q->context.catalogue_only = false;
    return r;
}

static int wrong_count(Query *q, const char *name, uint32_t wanted, uint32_t given)
{
    return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                           given > wanted
                               ? "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
                               : "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_"
                                 "COLUMNS",
                           "21S01", "Cannot create view `%.200s`, the reason is %s data columns.",
                           name, given > wanted ? "too many" : "not enough");
}

static int view_columns(Query *q, const SqlStatement *s, PlanNode *plan, CatalogEntry *e)
{
    uint32_t n = plan->n_fields;
    PlanField *fields = mem_arena_new_array(q->arena, PlanField, n + 1);
    e->sources = mem_arena_new_array(q->arena, const char *, n + 1);
    if (!fields || !e->sources)
        return query_result(q, mem_arena_error(q->arena));
    if (s->n_columns > 0 && s->n_columns != n)
        return wrong_count(q, s->name, s->n_columns, n);
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = plan->fields[i];
        e->sources[i] = plan->fields[i].name;
        if (s->n_columns > 0)
            fields[i].name = s->columns[i];
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(fields[k].name, fields[i].name) == 0)
                return table_column_twice(q, fields[i].name);
    }
    e->n_columns = e->n_sources = n;
    return catalogue_columns(q, fields, s->comments, n, &e->columns);
}

static int fill_view(Query *q, const SqlStatement *s, CatalogEntry *e)
{
    PlanNode *plan;
    e->text = s->text;
    e->database = q->context.database;
    int r = bind_query(q, s, &plan);
    return r ? r : view_columns(q, s, plan, e);
}

static int put_view(Query *q, const CatalogDatabase *database, const char *name,
                    const CatalogEntry *e, CatalogPut how)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_put(store, database, name, e, how, q->error);
    return r == CATALOG_E_EXISTS ? catalogue_exists(q, database->name, name) : query_result(q, r);
}

int query_create_catalogue_view(Query *q, const SqlStatement *s)
{
    CatalogDatabase database;
    TableRef old;
    CatalogEntry e = {.kind = CATALOG_VIEW,
                      .comment = s->comment,
                      .created_usec = q->context.now_usec,
                      .properties = s->properties,
                      .n_properties = s->n_properties};
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    if (!catalog_name_is_valid(s->name))
        return catalogue_bad_name(q, s->name);
    const char *name = catalogue_lower(q, s->name);
    if (!name)
        return query_result(q, mem_arena_error(q->arena));
    int r = catalogue_need_database(q, s->database, &database);
    if (r == 0)
        r = catalogue_find(q, s->database, name, &old);
    bool there = r == 0, replace = s->replace || q->operation->replay;
    if (r != 0 && r != CATALOG_E_NONE)
        return r;
    if (there && s->if_not_exists)
        return 0;
    if (there && old.entry.kind != CATALOG_VIEW && replace) {
        char quoted[400];
        return query_error_set(q->error, DATA_ERROR_ANALYSIS,
                               "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809",
                               "'CREATE OR REPLACE VIEW' expects a view but %s is a table.",
                               catalogue_quoted(&old, quoted, sizeof(quoted)));
    }
    if (there && !replace)
        return catalogue_exists(q, database.name, name);
    r = fill_view(q, s, &e);
    return r ? r : put_view(q, &database, name, &e, there ? CATALOG_PUT_ANY : CATALOG_PUT_NEW);
}

/* ALTER VIEW v AS query: columns and text are new, the rest stays. */
int query_alter_view(Query *q, const SqlStatement *s)
{
    TableRef t;
    int r = catalogue_need(q, s->database, s->name, &t);
    if (r == 0)
        r = fill_view(q, s, &t.entry);
    return r ? r : put_view(q, &t.database, t.name, &t.entry, CATALOG_PUT_ANY);
}
