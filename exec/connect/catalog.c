/* SPDX-License-Identifier: Apache-2.0 */

/*
 * spark.catalog: "default" of "spark_catalog", the session's tables and views (table.c), and all
 * functions that there are.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_types.h"
#include "exec/connect/query.h"
#include "exec/connect/text_table.h"
#include "exec/plan/function_list.h"
#include "exec/vec/nested.h"

/* The strings and flags of a catalog message by their field numbers. */
typedef struct Words {
    const char *text[4];
    bool flag[4];
    ProtoReader message;
} Words;

static bool has_messages(uint32_t number)
{
    return number == SPARK_CATALOG_CACHE_TABLE || number == SPARK_CATALOG_CREATE_DATABASE ||
           number == SPARK_CATALOG_CREATE_TABLE || number == SPARK_CATALOG_CREATE_EXTERNAL_TABLE;
}

static bool read_words(Query *q, uint32_t number, ProtoReader r, Words *words)
{
    ProtoField f;
    int n;
    *words = (Words){.message = r};
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        /* Field 1 is always a name; others may be messages. */
        if (f.number > 3 || (f.number > 1 && f.wire == PROTO_WIRE_BYTES && has_messages(number)))
            continue;
        if (f.wire == PROTO_WIRE_BYTES)
            words->text[f.number] = decode_string(&q->decoder, &f);
        else
            words->flag[f.number] = proto_bool(f.value);
    }
    return n == 0 && q->builder.result == 0;
}

static int put_one(Query *q, Type type, const char *name, const char *value, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{name, type, false}}, .n_columns = 1};
    int r = query_result(q, table_row(&t, &value));
    return r ? r : table_put(&t, w);
}

static int put_bool(Query *q, bool value, ProtoWriter *w)
{
    return put_one(q, TYPE(BOOLEAN), "value", value ? "true" : "false", w);
}

static int put_nothing(Query *q, ProtoWriter *w)
{
    TextTable none = {.q = q};
    return table_put(&none, w);
}

/* ---- tables and views ---- */

/*
 * A namespace is an array, which a table of text cannot hold: the client runs a projection over it.
 * NULL stays NULL, and the empty text is no name.
 */
static int put_with_namespace(TextTable *t, ProtoWriter *w)
{
    proto_begin(w, SPARK_RELATION_PROJECT);
    proto_begin(w, SPARK_PROJECT_INPUT);
    int r = table_put(t, w);
    if (r != 0)
        return r;
    proto_end(w);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const char *name = t->fields[i].name;
        bool is_namespace = strcmp(name, "namespace") == 0;
        proto_begin(w, SPARK_PROJECT_EXPRESSIONS);
        proto_begin(w, SPARK_EXPRESSION_EXPRESSION_STRING);
        proto_put_string(w, SPARK_EXPRESSION_STRING_EXPRESSION,
                         is_namespace ? "if(namespace is null, null, filter(array(namespace), n -> "
                                        "n <> '')) as namespace"
                                      : name);
        proto_end(w);
        proto_end(w);
    }
    proto_end(w);
    return 0;
}

typedef struct Listing {
    TextTable table;
    const char *pattern;
    DecodeList names;
} Listing;

static Listing new_listing(Query *q, const char *pattern)
{
    return (Listing){.table = {.q = q,
                               .fields = {{"name", TYPE(STRING), false},
                                          {"catalog", TYPE(STRING), true},
                                          {"namespace", TYPE(STRING), true},
                                          {"description", TYPE(STRING), true},
                                          {"tableType", TYPE(STRING), false},
                                          {"isTemporary", TYPE(BOOLEAN), false}},
                               .n_columns = 6},
                     .pattern = pattern};
}

static int list_row(Listing *l, const PlanView *view)
{
    const PlanTable *t = view->table;
    if (!t)
        return table_row(&l->table,
                         (const char *[]){view->name, NULL, "", NULL, "TEMPORARY", "true"});
    const char *type = t->is_view ? "VIEW" : t->managed ? "MANAGED" : "EXTERNAL";
    return table_row(&l->table,
                     (const char *[]){view->name, "spark_catalog", "default", NULL, type, "false"});
}

/* Names first: the lock is held while they are listed. */
static int list_name(void *userdata, const char *name)
{
    Listing *l = userdata;
    if (plan_name_is_hidden(name) || strchr(name, '.') || !text_pattern_matches(l->pattern, name))
        return 0;
    UBuilder *b = &l->table.q->builder;
    char *copy = ubuilder_strndup(b, name, strlen(name));
    return decode_add(&l->table.q->decoder, &l->names, copy) ? 0 : b->result;
}

static int list_tables(Query *q, const char *pattern, bool views_only, ProtoWriter *w)
{
    Listing l = new_listing(q, pattern);
    int r = plan_session_each_view(q->session->plan, list_name, &l);
    for (uint32_t i = 0; r == 0 && i < l.names.n; i++) {
        const PlanView *view = plan_session_view(q->session->plan, l.names.items[i]);
        if (view && (!views_only || !view->table || view->table->is_view))
            r = list_row(&l, view);
        plan_view_unref(view);
    }
    r = query_result(q, r);
    return r ? r : put_with_namespace(&l.table, w);
}

static int bind_table(Query *q, const char *name, PlanNode **ret_plan)
{
    URel *rel = urel_new(&q->builder, UREL_TABLE);
    if (!rel || unresolved_split_name(&q->builder, name, strlen(name), &rel->parts, &rel->n_parts))
        return query_result(q, q->builder.result);
    return query_bind(q, rel, ret_plan);
}

static int list_columns(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"name", TYPE(STRING), false},
                              {"description", TYPE(STRING), true},
                              {"dataType", TYPE(STRING), false},
                              {"nullable", TYPE(BOOLEAN), false},
                              {"isPartition", TYPE(BOOLEAN), false},
                              {"isBucket", TYPE(BOOLEAN), false},
                              {"isCluster", TYPE(BOOLEAN), false}},
                   .n_columns = 7};
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
    for (uint32_t i = 0; r == 0 && i < plan->n_fields; i++) {
        char type[512];
        const PlanField *f = &plan->fields[i];
        type_format(f->type, type, sizeof(type));
        r = query_result(
            q, table_row(&t, (const char *[]){f->name, NULL, type, f->nullable ? "true" : "false",
                                              "false", "false", "false"}));
    }
    return r ? r : table_put(&t, w);
}

/* The view or table of a name with or without its schema. NULL: there is none. */
static const PlanView *find_view(Query *q, const char *name)
{
    static const char *const schemas[] = {"spark_catalog.default.", "default."};
    bool of_schema = false;
    for (size_t i = 0; i < ARRAY_SIZE(schemas) && !of_schema; i++) {
        of_schema = strncasecmp(name, schemas[i], strlen(schemas[i])) == 0;
        name += of_schema ? strlen(schemas[i]) : 0;
    }
    size_t n = strlen(name);
    char bare[260];
    if (n >= 2 && n < sizeof(bare) && name[0] == '`' && name[n - 1] == '`') {
        (void)snprintf(bare, sizeof(bare), "%.*s", (int)n - 2, name + 1);
        name = bare;
    }
    const PlanView *view = plan_session_view(q->session->plan, name);
    if (view && of_schema && !view->table)
        return plan_view_unref(view);
    return view;
}

static bool has_view(Query *q, const char *name)
{
    const PlanView *view = find_view(q, name);
    plan_view_unref(view);
    return view != NULL;
}

static int get_table(Query *q, const char *name, ProtoWriter *w)
{
    PlanNode *plan;
    const PlanView *view = find_view(q, name);
    if (!view) {
        int r = bind_table(q, name, &plan); /* says that it is not there */
        return r ? r : query_no_table(q, name);
    }
    Listing l = new_listing(q, NULL);
    int r = query_result(q, list_row(&l, view));
    plan_view_unref(view);
    return r ? r : put_with_namespace(&l.table, w);
}

static int table_properties(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"key", TYPE(STRING), false}, {"value", TYPE(STRING), false}},
                   .n_columns = 2};
    const PlanView *view = find_view(q, name);
    if (!view)
        return query_no_table(q, name);
    int r = 0;
    for (uint32_t i = 0; view->table && r == 0 && i < view->table->n_properties; i++)
        r = query_result(q, table_row(&t, (const char *[]){view->table->properties[i].key,
                                                           view->table->properties[i].value}));
    plan_view_unref(view);
    return r ? r : table_put(&t, w);
}

/* "p=1/q=2" of each folder that has files. */
static int list_partitions(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"partition", TYPE(STRING), false}}, .n_columns = 1};
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
    if (r != 0)
        return r;
    const PlanView *view = find_view(q, name);
    bool files = view && view->table && view->tree->kind == UREL_FILES && plan->kind == PLAN_SCAN;
    size_t n_root = files ? strlen(view->tree->paths[0]) : 0;
    plan_view_unref(view);
    for (uint32_t i = 0; files && r == 0 && i < plan->scan.n_files; i++) {
        const char *path = plan->scan.files[i].path, *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) <= n_root + 1)
            continue;
        size_t n = (size_t)(slash - path) - n_root - 1;
        char *folder = ubuilder_strndup(&q->builder, path + n_root + 1, n);
        bool known = t.cells.n > 0 && folder && strcmp(t.cells.items[t.cells.n - 1], folder) == 0;
        if (!known)
            r = query_result(q,
                             folder ? table_row(&t, (const char *[]){folder}) : q->builder.result);
    }
    return r ? r : table_put(&t, w);
}

/* The statement that would make the table again. */
static int create_string(Query *q, const char *name, ProtoWriter *w)
{
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
    if (r != 0)
        return r;
    const PlanView *view = find_view(q, name);
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) {
        plan_view_unref(view);
        return -ENOMEM;
    }
    bool table = view && view->table && view->tree->kind == UREL_FILES;
    (void)fprintf(out, "CREATE %s spark_catalog.default.%s (", table ? "TABLE" : "VIEW",
                  view ? view->name : name);
    for (uint32_t i = 0; i < plan->n_fields; i++) {
        char type[512];
        type_format(plan->fields[i].type, type, sizeof(type));
        for (char *c = type; !type_is_nested(plan->fields[i].type) && *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        (void)fprintf(out, "%s\n  %s%s%s", i ? "," : "", plan->fields[i].name, table ? " " : "",
                      table ? type : "");
    }
    (void)fprintf(out, ")\n");
    if (table)
        (void)fprintf(out, "USING %s\n", view->tree->format);
    for (uint32_t i = 0; table && i < view->table->n_partitions; i++)
        (void)fprintf(out, "%s%s%s", i ? ", " : "PARTITIONED BY (", view->table->partitions[i],
                      i + 1 == view->table->n_partitions ? ")\n" : "");
    if (table && !view->table->managed)
        (void)fprintf(out, "LOCATION 'file:%s'\n", view->tree->paths[0]);
    plan_view_unref(view);
    if (fclose(out) != 0)
        return -ENOMEM;
    return put_one(q, TYPE(STRING), "createtab_stmt", text, w);
}

/* createTable(), createExternalTable(): their fields differ by one. */
static int create_table(Query *q, ProtoReader r, bool external, ProtoWriter *w)
{
    uint32_t shift = external ? 1 : 0;
    Decoder *d = &q->decoder;
    DecodeList options = {0};
    SqlStatement s = {.kind = SQL_CREATE_TABLE, .format = "parquet"};
    const char *name = NULL;
    Type type = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *key, *value;
        if (f.number == SPARK_CREATE_TABLE_TABLE_NAME) {
            name = decode_string(d, &f);
        } else if (f.number == SPARK_CREATE_TABLE_PATH) {
            s.path = decode_string(d, &f);
        } else if (f.number == SPARK_CREATE_TABLE_SOURCE) {
            s.format = decode_string(d, &f);
        } else if (f.number == SPARK_CREATE_TABLE_SCHEMA - shift) {
            if (!decode_enter(d, &r, &f, &inner) || !decode_type(d, inner, &type))
                break;
        } else if (f.number == SPARK_CREATE_TABLE_OPTIONS - shift) {
            UOption *option = ubuilder_alloc(d->b, 1, sizeof(*option));
            if (!option || !decode_enter(d, &r, &f, &inner) ||
                !decode_entry(d, inner, &key, &value) || !value)
                break;
            *option = (UOption){key, value};
            if (strcasecmp(key, "path") == 0)
                s.path = value;
            else
                decode_add(d, &options, option);
        }
    }
    const char **parts;
    uint32_t n_parts;
    if (n == 0 && !name)
        decode_malformed(d);
    if (d->b->result != 0 || unresolved_split_name(d->b, name, strlen(name), &parts, &n_parts) != 0)
        return query_result(q, d->b->result);
    s.name = parts[n_parts - 1];
    s.options = ubuilder_alloc(d->b, options.n + 1, sizeof(UOption));
    s.fields = ubuilder_alloc(d->b, type.n_children + 1u, sizeof(PlanField));
    if (!s.options || !s.fields)
        return query_result(q, d->b->result);
    for (uint32_t i = 0; i < options.n; i++)
        s.options[s.n_options++] = *(const UOption *)options.items[i];
    for (uint32_t i = 0; i < type.n_children; i++)
        s.fields[s.n_fields++] =
            (PlanField){type.children[i].name, type.children[i].type, type.children[i].nullable};
    int result = query_create_table(q, &s);
    return result ? result : put_nothing(q, w);
}

/* ---- databases ---- */

static const PlanField database_fields[] = {{"name", TYPE(STRING), false},
                                            {"catalog", TYPE(STRING), true},
                                            {"description", TYPE(STRING), true},
                                            {"locationUri", TYPE(STRING), true}};

static int database_row(TextTable *t, const char *name)
{
    bool usual = strcasecmp(name, "default") == 0;
    return table_row(t, (const char *[]){usual ? "default" : name, "spark_catalog",
                                         usual ? "default database" : "", NULL});
}

typedef struct Databases {
    TextTable table;
    const char *pattern;
} Databases;

static int list_database(void *userdata, const char *name)
{
    Databases *d = userdata;
    static const size_t n = sizeof(PLAN_DATABASE_PREFIX) - 1;
    if (strncmp(name, PLAN_DATABASE_PREFIX, n) != 0 || !text_pattern_matches(d->pattern, name + n))
        return 0;
    return database_row(&d->table, name + n);
}

static int list_databases(Query *q, const char *pattern, ProtoWriter *w)
{
    Databases d = {.table = {.q = q, .n_columns = ARRAY_SIZE(database_fields)}, .pattern = pattern};
    memcpy(d.table.fields, database_fields, sizeof(database_fields));
    int r = text_pattern_matches(pattern, "default") ? database_row(&d.table, "default") : 0;
    if (r == 0)
        r = plan_session_each_view(q->session->plan, list_database, &d);
    r = query_result(q, r);
    return r ? r : table_put(&d.table, w);
}

static int get_database(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q, .n_columns = ARRAY_SIZE(database_fields)};
    if (!query_has_database(q, name))
        return query_no_database(q, name);
    memcpy(t.fields, database_fields, sizeof(database_fields));
    int r = query_result(
        q, database_row(&t, strncasecmp(name, "spark_catalog.", 14) == 0 ? name + 14 : name));
    return r ? r : table_put(&t, w);
}

/* ---- functions ---- */

static int list_functions(Query *q, const char *pattern, const char *one, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"name", TYPE(STRING), false},
                              {"catalog", TYPE(STRING), true},
                              {"namespace", TYPE(STRING), true},
                              {"description", TYPE(STRING), true},
                              {"className", TYPE(STRING), false},
                              {"isTemporary", TYPE(BOOLEAN), false}},
                   .n_columns = 6};
    FunctionInfo *list = mem_arena_new_array(q->arena, FunctionInfo, FUNCTIONS_MAX);
    if (!list)
        return query_result(q, mem_arena_error(q->arena));
    size_t n = function_list(list);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (one ? strcasecmp(one, list[i].name) == 0 : text_pattern_matches(pattern, list[i].name))
            r = query_result(
                q, table_row(&t, (const char *[]){list[i].name, NULL, NULL, list[i].meaning,
                                                  list[i].kind, "true"}));
    if (r == 0 && one && t.cells.n == 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "UNRESOLVED_ROUTINE", "42883",
                               "Cannot resolve routine `%.100s` on search path "
                               "[`system`.`builtin`, `system`.`session`, "
                               "`spark_catalog`.`default`].",
                               one);
    return r ? r : put_with_namespace(&t, w);
}

static bool has_function(Query *q, const char *name)
{
    FunctionInfo *list = mem_arena_new_array(q->arena, FunctionInfo, FUNCTIONS_MAX);
    size_t n = list ? function_list(list) : 0;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, list[i].name) == 0)
            return true;
    return false;
}

/* ---- caching ---- */

/* Whatever name it was asked for under. */
static uint64_t cache_key(const PlanView *view)
{
    char text[300];
    int n = snprintf(text, sizeof(text), "table:%.250s", view->name);
    return persist_key(text, (size_t)n);
}

static int cache(Query *q, uint32_t number, const char *name, ProtoWriter *w)
{
    static const PersistLevel usual = {
        .disk = true, .memory = true, .deserialized = true, .replication = 1};
    PersistTable *table = q->session->persist;
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
    const PlanView *view = r == 0 ? find_view(q, name) : NULL;
    uint64_t key = view ? cache_key(view) : 0;
    plan_view_unref(view);
    if (r != 0)
        return r;
    if (number == SPARK_CATALOG_IS_CACHED)
        return put_bool(q, view && persist_find(table, key, NULL), w);
    if (number == SPARK_CATALOG_CACHE_TABLE && view)
        r = persist_add(table, key, usual);
    else if (view)
        persist_remove(table, key);
    return r == -ENOMEM ? r : put_nothing(q, w);
}

/* ---- all of them ---- */

/* Commands on a table that change nothing here still want the table to be there. */
static int touch(Query *q, const char *name, ProtoWriter *w)
{
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
    return r ? r : put_nothing(q, w);
}

static int drop_view(Query *q, const char *name, ProtoWriter *w)
{
    bool dropped = plan_session_drop_view(q->session->plan, name) == 1;
    q->flags |= DATA_FLAG_REPLAY;
    return put_bool(q, dropped, w);
}

/* A table's own name, without its schema. */
static const char *last_part(Query *q, const char *name)
{
    const char **parts;
    uint32_t n;
    return unresolved_split_name(&q->builder, name, strlen(name), &parts, &n) == 0 ? parts[n - 1]
                                                                                   : NULL;
}

/* What changes the catalogue. */
static int change(Query *q, uint32_t number, const Words *words, ProtoWriter *w)
{
    const char *first = words->text[1] ? words->text[1] : "";
    char global[300];
    int r;
    switch (number) {
    case SPARK_CATALOG_DROP_TEMP_VIEW:
        return drop_view(q, first, w);
    case SPARK_CATALOG_DROP_GLOBAL_TEMP_VIEW:
        (void)snprintf(global, sizeof(global), "global_temp.%.250s", first);
        return drop_view(q, global, w);
    case SPARK_CATALOG_CREATE_TABLE:
    case SPARK_CATALOG_CREATE_EXTERNAL_TABLE:
        return create_table(q, words->message, number == SPARK_CATALOG_CREATE_EXTERNAL_TABLE, w);
    case SPARK_CATALOG_DROP_TABLE:
    case SPARK_CATALOG_DROP_VIEW:
        first = last_part(q, first);
        r = first ? query_drop_table(q, first, words->flag[2]) : query_result(q, q->builder.result);
        break;
    case SPARK_CATALOG_TRUNCATE_TABLE: {
        URel *rel = urel_new(&q->builder, UREL_TABLE);
        if (!rel ||
            unresolved_split_name(&q->builder, first, strlen(first), &rel->parts, &rel->n_parts))
            return query_result(q, q->builder.result);
        r = query_truncate_table(q, rel);
        break;
    }
    case SPARK_CATALOG_CREATE_DATABASE:
        r = query_create_database(q, first, words->flag[2]);
        break;
    case SPARK_CATALOG_DROP_DATABASE:
        r = query_drop_database(q, first, words->flag[2]);
        break;
    default:
        decode_unsupported(&q->decoder, "this part of the catalog API (Catalog)");
        return query_result(q, q->builder.result);
    }
    return r ? r : put_nothing(q, w);
}

static int answer(Query *q, uint32_t number, const Words *words, ProtoWriter *w)
{
    const char *first = words->text[1] ? words->text[1] : "";
    switch (number) {
    case SPARK_CATALOG_CURRENT_DATABASE:
        return put_one(q, TYPE(STRING), "value", "default", w);
    case SPARK_CATALOG_CURRENT_CATALOG:
        return put_one(q, TYPE(STRING), "value", "spark_catalog", w);
    case SPARK_CATALOG_SET_CURRENT_DATABASE:
        if (!query_has_database(q, first))
            return query_no_database(q, first);
        if (strcasecmp(first, "default") == 0 || strcasecmp(first, "spark_catalog.default") == 0)
            return put_nothing(q, w);
        decode_unsupported(&q->decoder, "a current database other than default");
        return query_result(q, q->builder.result);
    case SPARK_CATALOG_SET_CURRENT_CATALOG:
        if (strcmp(first, "spark_catalog") == 0)
            return put_nothing(q, w);
        decode_unsupported(&q->decoder, "catalogs other than spark_catalog");
        return query_result(q, q->builder.result);
    case SPARK_CATALOG_LIST_DATABASES:
        return list_databases(q, words->text[1], w);
    case SPARK_CATALOG_GET_DATABASE:
        return get_database(q, first, w);
    case SPARK_CATALOG_LIST_CATALOGS: {
        TextTable t = {
            .q = q,
            .fields = {{"name", TYPE(STRING), false}, {"description", TYPE(STRING), true}},
            .n_columns = 2};
        int r = text_pattern_matches(words->text[1], "spark_catalog")
                    ? query_result(q, table_row(&t, (const char *[]){"spark_catalog", NULL}))
                    : 0;
        return r ? r : table_put(&t, w);
    }
    case SPARK_CATALOG_DATABASE_EXISTS:
        return put_bool(q, query_has_database(q, first), w);
    case SPARK_CATALOG_LIST_TABLES:
    case SPARK_CATALOG_LIST_VIEWS:
        if (words->text[1] && !query_has_database(q, words->text[1]))
            return query_no_database(q, words->text[1]);
        return list_tables(q, words->text[2], number == SPARK_CATALOG_LIST_VIEWS, w);
    case SPARK_CATALOG_GET_TABLE:
        return get_table(q, first, w);
    case SPARK_CATALOG_LIST_COLUMNS:
        return list_columns(q, first, w);
    case SPARK_CATALOG_LIST_FUNCTIONS:
        return list_functions(q, words->text[2], NULL, w);
    case SPARK_CATALOG_GET_FUNCTION:
        return list_functions(q, NULL, first, w);
    case SPARK_CATALOG_FUNCTION_EXISTS:
        return put_bool(q, has_function(q, first), w);
    case SPARK_CATALOG_TABLE_EXISTS:
        return put_bool(q, has_view(q, first), w);
    case SPARK_CATALOG_GET_TABLE_PROPERTIES:
        return table_properties(q, first, w);
    case SPARK_CATALOG_LIST_PARTITIONS:
        return list_partitions(q, first, w);
    case SPARK_CATALOG_GET_CREATE_TABLE_STRING:
        return create_string(q, first, w);
    case SPARK_CATALOG_IS_CACHED:
    case SPARK_CATALOG_CACHE_TABLE:
    case SPARK_CATALOG_UNCACHE_TABLE:
        return cache(q, number, first, w);
    case SPARK_CATALOG_REFRESH_TABLE:
    case SPARK_CATALOG_RECOVER_PARTITIONS:
    case SPARK_CATALOG_ANALYZE_TABLE:
        return touch(q, first, w);
    case SPARK_CATALOG_CLEAR_CACHE:
        persist_clear(q->session->persist);
        return put_nothing(q, w);
    case SPARK_CATALOG_REFRESH_BY_PATH:
        return put_nothing(q, w);
    default:
        return change(q, number, words, w);
    }
}

int query_catalog(Query *q, ProtoReader r, ProtoWriter *ret_relation)
{
    ProtoField f;
    int n;
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        ProtoReader inner;
        Words words;
        if (!decode_enter(&q->decoder, &r, &f, &inner) || !read_words(q, f.number, inner, &words))
            break;
        return answer(q, f.number, &words, ret_relation);
    }
    decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}
