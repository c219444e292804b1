/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/connect/write.h"
#include "exec/vec/nested.h"

#define TYPE_TEXT_MAX 65536u

/* ---- where it is ---- */

static const char *strip_scheme(const char *path)
{
    if (strncmp(path, "file://", 7) == 0 && path[7] == '/')
        return path + 7;
    return strncmp(path, "file:", 5) == 0 && path[5] == '/' ? path + 5 : path;
}

/*
 * The session's own wish; else the administrator's warehouse; else below the folder that the client
 * stands in, as Spark has it. Without any, and then only for the session, in memory.
 */
static int find_root(Query *q, CatalogStore *store)
{
    const ServiceHost *host = &q->session->host;
    _cleanup_free_ char *wish = NULL, *directory = NULL;
    PlanSession *plan = q->session->plan;
    char path[4096];
    int n = 0;
    if (plan_session_get_conf(plan, PLAN_WAREHOUSE_KEY, &wish) == 0 && *strip_scheme(wish) == '/')
        n = snprintf(path, sizeof(path), "%s", strip_scheme(wish));
    else if (host->warehouse) {
        n = snprintf(path, sizeof(path), "%s/shared", host->warehouse);
        store->shared = mem_arena_strndup(q->arena, path, strlen(path));
        store->is_private = true;
        store->uid = host->uid;
        n = snprintf(path, sizeof(path), "%s/%u", host->warehouse, (unsigned)host->uid);
    } else if (plan_session_get_conf(plan, PLAN_DIRECTORY_KEY, &directory) == 0 &&
               directory[0] == '/')
        n = snprintf(path, sizeof(path), "%s/spark-warehouse", directory);
    else
        return 0;
    if (n >= (int)sizeof(path))
        return -ENAMETOOLONG;
    while (n > 1 && path[n - 1] == '/')
        n--;
    store->root = mem_arena_strndup(q->arena, path, (size_t)n);
    return store->root ? 0 : mem_arena_error(q->arena);
}

int catalogue_store(Query *q, const CatalogStore **ret_store)
{
    if (!q->has_store) {
        q->store = (CatalogStore){.memory = q->session->catalogue};
        int r = find_root(q, &q->store);
        if (r != 0)
            return query_result(q, r);
        q->has_store = true;
    }
    *ret_store = &q->store;
    return 0;
}

bool catalogue_is_kept(Query *q)
{
    const CatalogStore *store = NULL;
    return catalogue_store(q, &store) == 0 && store->root;
}

int catalogue_tell(Query *q)
{
    if (catalogue_is_kept(q))
        return write_tell_effect(q);
    q->flags |= DATA_FLAG_REPLAY;
    return 0;
}

/* ---- errors ---- */

static const char *current_database(const Query *q)
{
    return q->context.database ? q->context.database : CATALOG_DEFAULT;
}

const char *catalogue_quoted(const TableRef *table, char *buf, size_t size)
{
    (void)snprintf(buf, size, "`spark_catalog`.`%.128s`.`%.128s`", table->database.name,
                   table->name);
    return buf;
}

int catalogue_no_database(Query *q, const char *name)
{
    char quoted[200];
    (void)snprintf(quoted, sizeof(quoted), "`spark_catalog`.`%.150s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_NOT_FOUND", "42704",
                    "The schema %s cannot be found. Verify the spelling and correctness of the "
                    "schema and catalog.\nIf you did not qualify the name with a catalog, verify "
                    "the current_schema() output, or qualify the name with the correct catalog.\n"
                    "To tolerate the error on drop use DROP SCHEMA IF EXISTS.",
                    quoted);
    query_error_parameters(q->error, "schemaName", quoted, NULL);
    return QUERY_E_FAILED;
}

int catalogue_no_table(Query *q, const char *database, const char *name)
{
    char quoted[400], path[200];
    if (database)
        (void)snprintf(quoted, sizeof(quoted), "`%.150s`.`%.200s`", database, name);
    else
        (void)snprintf(quoted, sizeof(quoted), "`%.200s`", name);
    (void)snprintf(path, sizeof(path), "[`spark_catalog`.`%.150s`]", current_database(q));
    query_error_set(
        q->error, DATA_ERROR_ANALYSIS, "TABLE_OR_VIEW_NOT_FOUND", "42P01",
        "The table or view %s cannot be found. Verify the spelling and correctness of "
        "the schema and catalog.\nIf you did not qualify the name with a schema, verify "
        "the current_schema() output, or qualify the name with the correct schema and "
        "catalog.\nTo tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE "
        "IF EXISTS.",
        quoted);
    query_error_parameters(q->error, "relationName", quoted, "searchPath", path, NULL);
    return QUERY_E_FAILED;
}

int catalogue_exists(Query *q, const char *database, const char *name)
{
    char quoted[400];
    (void)snprintf(quoted, sizeof(quoted), "`spark_catalog`.`%.150s`.`%.200s`", database, name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07",
                    "Cannot create table or view %s because it already exists.\nChoose a different "
                    "name, drop or replace the existing object, or add the IF NOT EXISTS clause to "
                    "tolerate pre-existing objects.",
                    quoted);
    query_error_parameters(q->error, "relationName", quoted, NULL);
    return QUERY_E_FAILED;
}

int catalogue_bad_name(Query *q, const char *name)
{
    char quoted[300];
    (void)snprintf(quoted, sizeof(quoted), "`%.250s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "INVALID_SCHEMA_OR_RELATION_NAME", "42602",
                    "%s is not a valid name for tables/schemas. Valid names only contain alphabet "
                    "characters, numbers and _.",
                    quoted);
    query_error_parameters(q->error, "name", quoted, NULL);
    return QUERY_E_FAILED;
}

/* ---- looking ---- */

const char *catalogue_lower(Query *q, const char *name)
{
    char *copy = mem_arena_strndup(q->arena, name, strlen(name));
    for (char *c = copy; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return copy;
}

int catalogue_database(Query *q, const char *name, CatalogDatabase *ret)
{
    const CatalogStore *store = NULL;
    int r = catalogue_store(q, &store);
    if (r != 0)
        return r;
    if (name && strncasecmp(name, "spark_catalog.", 14) == 0)
        name += 14;
    const char *lower = catalogue_lower(q, name ? name : current_database(q));
    r = lower ? catalog_database(store, lower, q->arena, ret, q->error) : mem_arena_error(q->arena);
    return r == CATALOG_E_NONE ? r : query_result(q, r);
}

int catalogue_need_database(Query *q, const char *name, CatalogDatabase *ret)
{
    int r = catalogue_database(q, name, ret);
    return r == CATALOG_E_NONE ? catalogue_no_database(q, name ? name : current_database(q)) : r;
}

int catalogue_find(Query *q, const char *database, const char *name, TableRef *ret)
{
    const CatalogStore *store = NULL;
    TableRef t;
    int r = catalogue_database(q, database, &t.database);
    if (r == 0)
        r = catalogue_store(q, &store);
    if (r != 0)
        return r;
    t.name = catalogue_lower(q, name);
    r = t.name ? catalog_get(store, &t.database, t.name, q->arena, &t.entry, q->error)
               : mem_arena_error(q->arena);
    if (r == 0)
        *ret = t;
    return r == CATALOG_E_NONE ? r : query_result(q, r);
}

int catalogue_need(Query *q, const char *database, const char *name, TableRef *ret)
{
    int r = catalogue_find(q, database, name, ret);
    return r == CATALOG_E_NONE ? catalogue_no_table(q, database, name) : r;
}

/* A folder directly in that of its database, which nobody else writes to. */
bool catalogue_owns_folder(Query *q, const TableRef *table)
{
    const CatalogStore *store = NULL;
    const char *place = table->entry.location, *home = table->database.entry.location;
    size_t n = strlen(home);
    if (!table->entry.managed || catalogue_store(q, &store) != 0 || !store->root)
        return false;
    size_t n_root = strlen(store->root);
    bool direct = strncmp(place, home, n) == 0 && place[n] == '/' && !strchr(place + n + 1, '/');
    bool own = !table->database.shared && strncmp(home, store->root, n_root) == 0 &&
               (home[n_root] == '/' || home[n_root] == '\0');
    return direct || own;
}

/* ---- columns ---- */

int catalogue_fields(UBuilder *b, const CatalogEntry *e, PlanField **ret_fields)
{
    PlanField *fields = ubuilder_alloc(b, e->n_columns + 1, sizeof(*fields));
    for (uint32_t i = 0; fields && i < e->n_columns; i++) {
        const CatalogColumn *c = &e->columns[i];
        fields[i] =
            (PlanField){.name = ubuilder_strndup(b, c->name, strlen(c->name)), .nullable = true};
        int r = sql_parse_type(b, c->type, strlen(c->type), &fields[i].type);
        if (r != 0)
            return r;
    }
    *ret_fields = fields;
    return b->result;
}

void catalogue_put_name(FILE *out, const char *name)
{
    bool plain = catalog_name_is_valid(name) && !(name[0] >= '0' && name[0] <= '9');
    fputs(plain ? "" : "`", out);
    for (const char *c = name; *c; c++) {
        if (*c == '`')
            fputc('`', out);
        fputc(*c, out);
    }
    fputs(plain ? "" : "`", out);
}

static void put_simple_type(FILE *out, Type type, bool upper)
{
    char text[160];
    type_format(type, text, sizeof(text));
    for (const char *c = text; *c; c++)
        fputc(upper && *c >= 'a' && *c <= 'z' ? *c - 32 : *c, out);
}

void catalogue_put_type(FILE *out, Type type, bool upper)
{
    static const char *const names[][2] = {
        {"array", "ARRAY"}, {"map", "MAP"}, {"struct", "STRUCT"}};
    if (!type_is_nested(type)) {
        put_simple_type(out, type, upper);
        return;
    }
    bool is_struct = type.kind == TYPE_STRUCT;
    fprintf(out, "%s<", names[is_struct ? 2 : type.kind == TYPE_MAP ? 1 : 0][upper]);
    for (uint32_t i = 0; i < type.n_children; i++) {
        fputs(i ? ", " : "", out);
        if (is_struct) {
            catalogue_put_name(out, type.children[i].name);
            fputs(": ", out);
        }
        catalogue_put_type(out, type.children[i].type, upper);
    }
    fputc('>', out);
}

/* The type as text that gives the type again, in the query's arena. NULL: no memory. */
static const char *type_text(Query *q, Type type)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    catalogue_put_type(out, type, false);
    if (fclose(out) != 0)
        return NULL;
    return n < TYPE_TEXT_MAX ? mem_arena_strndup(q->arena, text, n) : "";
}

int catalogue_columns(Query *q, const PlanField *fields, const char *const *comments, uint32_t n,
                      CatalogColumn **ret_columns)
{
    CatalogColumn *columns = mem_arena_new_array(q->arena, CatalogColumn, n + 1);
    if (!columns)
        return query_result(q, mem_arena_error(q->arena));
    for (uint32_t i = 0; i < n; i++) {
        UBuilder quiet = {.arena = q->arena};
        Type again;
        const char *text = type_text(q, fields[i].type);
        if (!text)
            return query_result(q, mem_arena_error(q->arena) ? mem_arena_error(q->arena) : -ENOMEM);
        if (sql_parse_type(&quiet, text, strlen(text), &again) != 0 ||
            !type_equal(again, fields[i].type))
            return query_error_set(q->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                                   "The feature is not supported: a table with a column of type "
                                   "%.200s.",
                                   text);
        columns[i] = (CatalogColumn){
            .name = fields[i].name, .type = text, .comment = comments ? comments[i] : NULL};
    }
    *ret_columns = columns;
    return 0;
}

/* ---- trees ---- */

static const char *copy_text(UBuilder *b, const char *text)
{
    return ubuilder_strndup(b, text, strlen(text));
}

URel *catalogue_files(UBuilder *b, const CatalogEntry *e)
{
    URel *rel = urel_new(b, UREL_FILES);
    const char *path = copy_text(b, e->location);
    if (!rel || !path || catalogue_fields(b, e, &rel->fields) != 0)
        return NULL;
    rel->n_fields = e->n_columns;
    rel->format = copy_text(b, e->format);
    rel->paths = ubuilder_dup(b, &path, 1, sizeof(path));
    rel->n_paths = 1;
    rel->options = ubuilder_alloc(b, e->n_options + 1, sizeof(*rel->options));
    for (uint32_t i = 0; rel->options && i < e->n_options; i++)
        rel->options[i] =
            (UOption){copy_text(b, e->options[i].key), copy_text(b, e->options[i].value)};
    rel->n_options = e->n_options;
    return b->result == 0 ? urel_seal(b, rel) : NULL;
}

static bool has_twice(const char **names, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(names[i], names[k]) == 0)
                return true;
    return false;
}

/* The columns that the query had when the view was made, under the view's names. */
static URel *view_tree(UBuilder *b, const CatalogEntry *e)
{
    SqlStatement s;
    if (sql_parse_statement(b, e->text, strlen(e->text), NULL, &s) != 0)
        return NULL;
    bool by_position = has_twice(e->sources, e->n_sources);
    URel *rel = s.kind == SQL_QUERY ? urel_new(b, by_position ? UREL_TO_DF : UREL_PROJECT) : NULL;
    if (!rel)
        return NULL;
    rel->input = s.query;
    rel->names = ubuilder_alloc(b, e->n_columns + 1, sizeof(*rel->names));
    rel->exprs = ubuilder_alloc(b, e->n_columns + 1, sizeof(*rel->exprs));
    for (uint32_t i = 0; rel->names && rel->exprs && i < e->n_columns; i++) {
        const char *source = copy_text(b, e->sources[i]);
        rel->names[i] = copy_text(b, e->columns[i].name);
        rel->exprs[i] = source ? uexpr_alias(b, uexpr_column(b, &source, 1), rel->names[i]) : NULL;
    }
    *(by_position ? &rel->n_names : &rel->n_exprs) = e->n_columns;
    return b->result == 0 ? urel_seal(b, rel) : NULL;
}

int catalogue_find_view(void *userdata, const char *database, const char *name,
                        const PlanView **ret_view)
{
    Query *q = userdata;
    TableRef t;
    MemArena *arena;
    int r = catalogue_find(q, database, name, &t);
    if (r != 0)
        return r == CATALOG_E_NONE ? 0 : r;
    r = mem_arena_new(q->pool, "view", &arena);
    if (r != 0)
        return r;
    UBuilder b = {.arena = arena, .error = q->error};
    bool is_view = t.entry.kind == CATALOG_VIEW;
    URel *tree = is_view ? view_tree(&b, &t.entry) : catalogue_files(&b, &t.entry);
    *ret_view =
        tree ? plan_view_new(t.name, is_view ? t.entry.database : t.database.name, tree, arena)
             : NULL;
    if (*ret_view)
        return 0;
    mem_arena_free(arena);
    return b.result ? b.result
           : tree   ? -ENOMEM
                    : query_error_set(q->error, DATA_ERROR_FILE, "BERTH_CATALOG_DAMAGED", "58030",
                                      "The view %s has no query.", t.name);
}
