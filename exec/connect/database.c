/* SPDX-License-Identifier: Apache-2.0 */

/* CREATE, DROP and ALTER DATABASE; USE. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"
#include "exec/connect/write.h"

static int already_there(Query *q, const char *name)
{
    char quoted[200];
    (void)snprintf(quoted, sizeof(quoted), "`%.150s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_ALREADY_EXISTS", "42P06",
                    "Cannot create schema %s because it already exists.\nChoose a different name, "
                    "drop the existing schema, or add the IF NOT EXISTS clause to tolerate "
                    "pre-existing schema.",
                    quoted);
    query_error_parameters(q->error, "schemaName", quoted, NULL);
    return QUERY_E_FAILED;
}

/* NAME.db in the warehouse, or where it was said to be. */
static int database_place(Query *q, const SqlStatement *s, const char *name, CatalogEntry *e)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r != 0)
        return r;
    e->location = "";
    if (s->path) {
        e->location = write_absolute_path(q, s->path);
    } else if (store->root) {
        size_t n = strlen(store->root) + strlen(name) + 8;
        char *path = mem_arena_alloc(q->arena, n, 1);
        if (path)
            (void)snprintf(path, n, "%s/%s.db", store->root, name);
        e->location = path;
    }
    return e->location ? 0 : query_result(q, mem_arena_error(q->arena));
}

static int put_database(Query *q, const char *name, const CatalogEntry *e, CatalogPut how)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_put_database(store, name, e, how, q->error);
    return r == CATALOG_E_EXISTS ? r : query_result(q, r);
}

int query_create_database(Query *q, const SqlStatement *s)
{
    CatalogDatabase there;
    CatalogEntry e = {.kind = CATALOG_DATABASE,
                      .comment = s->comment,
                      .created_usec = q->context.now_usec,
                      .properties = s->properties,
                      .n_properties = s->n_properties};
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    const char *name = catalogue_lower(q, s->database);
    if (!name)
        return query_result(q, mem_arena_error(q->arena));
    if (!catalog_name_is_valid(name))
        return catalogue_bad_name(q, name);
    int r = catalogue_database(q, name, &there);
    if (r == 0)
        return s->if_not_exists || q->operation->replay ? 0 : already_there(q, name);
    if (r == CATALOG_E_NONE)
        r = database_place(q, s, name, &e);
    if (r == 0)
        r = put_database(q, name, &e, CATALOG_PUT_NEW);
    if (r == CATALOG_E_EXISTS)
        return s->if_not_exists ? 0 : already_there(q, name);
    return r;
}

static int drop_tables(Query *q, const CatalogDatabase *database, bool cascade)
{
    const CatalogStore *store = NULL;
    const char **names;
    uint32_t n;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = query_result(q, catalog_list(store, database, q->arena, &names, &n, q->error));
    if (r == 0 && n > 0 && !cascade) {
        query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_NOT_EMPTY", "2BP01",
                        "Cannot drop a schema `%.150s` because it contains objects.\nUse DROP "
                        "SCHEMA ... CASCADE to drop the schema and all its objects.",
                        database->name);
        return QUERY_E_FAILED;
    }
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        TableRef t;
        r = catalogue_find(q, database->name, names[i], &t);
        if (r == 0)
            r = table_drop(q, &t);
        else if (r == CATALOG_E_NONE)
            r = 0; /* somebody else has dropped it */
    }
    return r;
}

int query_drop_database(Query *q, const char *name, bool if_exists, bool cascade)
{
    const CatalogStore *store = NULL;
    CatalogDatabase database;
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    int r = catalogue_database(q, name, &database);
    if (r == CATALOG_E_NONE)
        return if_exists ? 0 : catalogue_no_database(q, name);
    if (r == 0 && strcmp(database.name, CATALOG_DEFAULT) == 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_FEATURE.DROP_DATABASE",
                               "0A000",
                               "The feature is not supported: Drop the default database "
                               "`spark_catalog`.`default`.");
    if (r == 0 && database.shared)
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: dropping a shared database; the "
                               "administrator removes its folder.");
    if (r == 0)
        r = drop_tables(q, &database, cascade);
    if (r == 0)
        r = catalogue_store(q, &store);
    if (r == 0)
        r = catalogue_tell(q);
    if (r == 0)
        r = catalog_remove_database(store, &database, q->error);
    if (r == CATALOG_E_NONE)
        r = 0;
    if (r != 0)
        return query_result(q, r);
    /* Its folder is ours where we have made it. */
    TableRef folder = {
        .database = {.name = "", .entry = {.location = store->root ? store->root : ""}},
        .name = database.name,
        .entry = {.managed = true, .location = database.entry.location}};
    return catalogue_owns_folder(q, &folder) && folder.entry.location[0] == '/'
               ? table_remove_folder(q, folder.entry.location)
               : 0;
}

/* SET DBPROPERTIES, COMMENT ON DATABASE */
int query_alter_database(Query *q, const SqlStatement *s)
{
    CatalogDatabase database;
    if (q->operation->replay && catalogue_is_kept(q))
        return 0;
    int r = catalogue_need_database(q, s->database, &database);
    if (r != 0)
        return r;
    if (strcmp(database.name, CATALOG_DEFAULT) == 0 || database.shared)
        return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: ALTER DATABASE of `default` or of a "
                               "shared one.");
    CatalogEntry *e = &database.entry;
    if (s->comment)
        e->comment = s->comment;
    r = query_merge_properties(q, s->properties, s->n_properties, &e->properties, &e->n_properties);
    return r ? r : put_database(q, database.name, e, CATALOG_PUT_ANY);
}

int query_use(Query *q, const char *name)
{
    CatalogDatabase database;
    if (!name)
        return 0;
    int r = catalogue_need_database(q, name, &database);
    if (r == 0)
        r = plan_session_set_database(q->session->plan, database.name);
    if (r == 0)
        q->flags |= DATA_FLAG_REPLAY;
    return r;
}
