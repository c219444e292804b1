/* SPDX-License-Identifier: Apache-2.0 */

/*
 * spark.catalog: databases and tables of "spark_catalog" (catalogue.h), temporary views, and all
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
#include "exec/connect/catalogue.h"
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

static int list_temporary(Listing *l, const char *name)
{
    return table_row(&l->table, (const char *[]){name, NULL, "", NULL, "TEMPORARY", "true"});
}

static int list_row(Listing *l, const TableRef *t)
{
    const char *type = t->entry.kind == CATALOG_VIEW ? "VIEW"
                       : t->entry.managed            ? "MANAGED"
                                                     : "EXTERNAL";
    return table_row(&l->table, (const char *[]){t->name, "spark_catalog", t->database.name,
                                                 t->entry.comment, type, "false"});
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

static int list_tables(Query *q, const char *database, const char *pattern, bool views_only,
                       ProtoWriter *w)
{
    Listing l = new_listing(q, pattern);
    const CatalogStore *store = NULL;
    CatalogDatabase in;
    const char **names;
    uint32_t n;
    int r = catalogue_need_database(q, database, &in);
    if (r == 0)
        r = catalogue_store(q, &store);
    if (r == 0)
        r = query_result(q, catalog_list(store, &in, q->arena, &names, &n, q->error));
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        TableRef t;
        if (!text_pattern_matches(pattern, names[i]))
            continue;
        r = catalogue_find(q, in.name, names[i], &t);
        if (r == 0 && (!views_only || t.entry.kind == CATALOG_VIEW))
            r = query_result(q, list_row(&l, &t));
        r = r == CATALOG_E_NONE ? 0 : r;
    }
    if (r == 0)
        r = query_result(q, plan_session_each_view(q->session->plan, list_name, &l));
    for (uint32_t i = 0; r == 0 && i < l.names.n; i++)
        r = query_result(q, list_temporary(&l, l.names.items[i]));
    return r ? r : put_with_namespace(&l.table, w);
}

static int bind_table(Query *q, const char *name, PlanNode **ret_plan)
{
    URel *rel = urel_new(&q->builder, UREL_TABLE);
    if (!rel || unresolved_split_name(&q->builder, name, strlen(name), &rel->parts, &rel->n_parts))
        return query_result(q, q->builder.result);
    return query_bind(q, rel, ret_plan);
}

/* A name in its parts. */
static int split(Query *q, const char *name, const char **ret_database, const char **ret_name)
{
    const char **parts;
    uint32_t n;
    int r = query_result(q, unresolved_split_name(&q->builder, name, strlen(name), &parts, &n));
    if (r != 0)
        return r;
    *ret_database = n > 1 ? parts[n - 2] : NULL;
    *ret_name = parts[n - 1];
    if (n > 3 || (n == 3 && strcasecmp(parts[0], "spark_catalog") != 0))
        return CATALOG_E_NONE;
    return 0;
}

/* A table or view that no temporary view hides. Return: as catalogue_find(). */
static int find_table(Query *q, const char *name, TableRef *ret)
{
    const char *database, *last;
    int r = split(q, name, &database, &last);
    const PlanView *view = r == 0 && !database ? plan_session_view(q->session->plan, last) : NULL;
    plan_view_unref(view);
    if (view)
        return CATALOG_E_NONE;
    return r ? r : catalogue_find(q, database, last, ret);
}

static bool has_temporary(Query *q, const char *name)
{
    const char *database, *last;
    if (split(q, name, &database, &last) != 0 || database)
        return false;
    const PlanView *view = plan_session_view(q->session->plan, last);
    plan_view_unref(view);
    return view != NULL;
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
    TableRef ref;
    int r = bind_table(q, name, &plan);
    int known = r == 0 ? find_table(q, name, &ref) : r;
    for (uint32_t i = 0; r == 0 && i < plan->n_fields; i++) {
        char type[512];
        const PlanField *f = &plan->fields[i];
        const char *comment = NULL;
        bool partitions = false;
        type_format(f->type, type, sizeof(type));
        for (uint32_t k = 0; known == 0 && k < ref.entry.n_columns; k++)
            if (strcasecmp(ref.entry.columns[k].name, f->name) == 0)
                comment = ref.entry.columns[k].comment;
        for (uint32_t k = 0; known == 0 && k < ref.entry.n_partitions; k++)
            partitions |= strcasecmp(ref.entry.partitions[k], f->name) == 0;
        r = query_result(
            q,
            table_row(&t, (const char *[]){f->name, comment, type, f->nullable ? "true" : "false",
                                           partitions ? "true" : "false", "false", "false"}));
    }
    return r ? r : table_put(&t, w);
}

static int get_table(Query *q, const char *name, ProtoWriter *w)
{
    Listing l = new_listing(q, NULL);
    TableRef t;
    PlanNode *plan;
    int r;
    if (has_temporary(q, name)) {
        r = query_result(q, list_temporary(&l, name));
        return r ? r : put_with_namespace(&l.table, w);
    }
    r = find_table(q, name, &t);
    if (r == CATALOG_E_NONE) {
        r = bind_table(q, name, &plan); /* says that it is not there */
        return r ? r : catalogue_no_table(q, NULL, name);
    }
    if (r == 0)
        r = query_result(q, list_row(&l, &t));
    return r ? r : put_with_namespace(&l.table, w);
}

static int table_properties(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"key", TYPE(STRING), false}, {"value", TYPE(STRING), false}},
                   .n_columns = 2};
    TableRef ref;
    int r = find_table(q, name, &ref);
    if (r == CATALOG_E_NONE && !has_temporary(q, name))
        return catalogue_no_table(q, NULL, name);
    for (uint32_t i = 0; r == 0 && i < ref.entry.n_properties; i++)
        r = query_result(q, table_row(&t, (const char *[]){ref.entry.properties[i].key,
                                                           ref.entry.properties[i].value}));
    return r < 0 || r == QUERY_E_FAILED ? r : table_put(&t, w);
}

static int list_partitions(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"partition", TYPE(STRING), false}}, .n_columns = 1};
    DecodeList names = {0};
    const char *database, *last;
    int r = split(q, name, &database, &last);
    if (r == CATALOG_E_NONE)
        return catalogue_no_table(q, NULL, name);
    if (r == 0)
        r = query_partitions(q, database, last, &names);
    for (uint32_t i = 0; r == 0 && i < names.n; i++)
        r = query_result(q, table_row(&t, (const char *[]){names.items[i]}));
    return r ? r : table_put(&t, w);
}

/* The statement that would make the table again. */
static int create_string(Query *q, const char *name, ProtoWriter *w)
{
    _cleanup_free_ char *text = NULL;
    const char *database, *last;
    int r = split(q, name, &database, &last);
    if (r == CATALOG_E_NONE)
        return catalogue_no_table(q, NULL, name);
    if (r == 0)
        r = query_create_text(q, database, last, &text);
    return r ? r : put_one(q, TYPE(STRING), "createtab_stmt", text, w);
}

/* createTable(), createExternalTable(): their fields differ by one. */
static int create_table(Query *q, ProtoReader r, bool external, ProtoWriter *w)
{
    uint32_t shift = external ? 1 : 0;
    Decoder *d = &q->decoder;
    DecodeList options = {0};
    SqlStatement s = {.kind = SQL_CREATE_TABLE};
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
        } else if (!external && f.number == SPARK_CREATE_TABLE_DESCRIPTION) {
            s.comment = decode_string(d, &f);
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
    if (n == 0 && !name)
        decode_malformed(d);
    int split_result = d->b->result == 0 ? split(q, name, &s.database, &s.name) : 0;
    if (split_result == CATALOG_E_NONE)
        return catalogue_no_table(q, NULL, name);
    if (split_result != 0 || d->b->result != 0)
        return split_result ? split_result : query_result(q, d->b->result);
    if (s.format && !*s.format)
        s.format = NULL;
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

static int database_row(TextTable *t, const CatalogDatabase *d)
{
    char place[4200];
    (void)snprintf(place, sizeof(place), "file:%s", d->entry.location);
    return query_result(
        t->q, table_row(t, (const char *[]){d->name, "spark_catalog",
                                            d->entry.comment ? d->entry.comment : "", place}));
}

static int list_databases(Query *q, const char *pattern, ProtoWriter *w)
{
    TextTable t = {.q = q, .n_columns = ARRAY_SIZE(database_fields)};
    const CatalogStore *store = NULL;
    const char **names;
    uint32_t n;
    memcpy(t.fields, database_fields, sizeof(database_fields));
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = query_result(q, catalog_databases(store, q->arena, &names, &n, q->error));
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        CatalogDatabase d;
        if (!text_pattern_matches(pattern, names[i]))
            continue;
        r = catalogue_database(q, names[i], &d);
        r = r == 0 ? database_row(&t, &d) : r == CATALOG_E_NONE ? 0 : r;
    }
    return r ? r : table_put(&t, w);
}

static int get_database(Query *q, const char *name, ProtoWriter *w)
{
    TextTable t = {.q = q, .n_columns = ARRAY_SIZE(database_fields)};
    CatalogDatabase d;
    memcpy(t.fields, database_fields, sizeof(database_fields));
    int r = catalogue_need_database(q, name, &d);
    if (r == 0)
        r = database_row(&t, &d);
    return r ? r : table_put(&t, w);
}

/* A truth from what was looked for. */
static int put_found(Query *q, int r, ProtoWriter *w)
{
    return r == 0 || r == CATALOG_E_NONE ? put_bool(q, r == 0, w) : r;
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
static int cache_key(Query *q, const char *name, uint64_t *ret_key)
{
    char text[400];
    TableRef t;
    int r = find_table(q, name, &t), n;
    if (r == 0)
        n = snprintf(text, sizeof(text), "table:%.128s.%.128s", t.database.name, t.name);
    else if (r == CATALOG_E_NONE)
        n = snprintf(text, sizeof(text), "view:%.250s", name);
    else
        return r;
    *ret_key = persist_key(text, (size_t)n);
    return 0;
}

static int cache(Query *q, uint32_t number, const char *name, ProtoWriter *w)
{
    static const PersistLevel usual = {
        .disk = true, .memory = true, .deserialized = true, .replication = 1};
    PersistTable *table = q->session->persist;
    PlanNode *plan;
    uint64_t key = 0;
    int r = bind_table(q, name, &plan);
    if (r == 0)
        r = cache_key(q, name, &key);
    if (r != 0)
        return r;
    if (number == SPARK_CATALOG_IS_CACHED)
        return put_bool(q, persist_find(table, key, NULL), w);
    if (number == SPARK_CATALOG_CACHE_TABLE)
        r = persist_add(table, key, usual);
    else
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

static int recover(Query *q, const char *name, ProtoWriter *w)
{
    SqlStatement s = {.kind = SQL_ALTER_TABLE, .alter = SQL_ALTER_RECOVER};
    int r = split(q, name, &s.database, &s.name);
    if (r == CATALOG_E_NONE)
        return catalogue_no_table(q, NULL, name);
    if (r == 0)
        r = query_alter_table(q, &s);
    return r ? r : put_nothing(q, w);
}

static int drop_view(Query *q, const char *name, ProtoWriter *w)
{
    bool dropped = plan_session_drop_view(q->session->plan, name) == 1;
    q->flags |= DATA_FLAG_REPLAY;
    return put_bool(q, dropped, w);
}

static int drop_table(Query *q, const char *name, bool if_exists, bool is_view)
{
    const char *database, *last;
    int r = split(q, name, &database, &last);
    return r ? r : query_drop_table(q, database, last, if_exists, is_view);
}

static int create_database(Query *q, const Words *words)
{
    Decoder *d = &q->decoder;
    SqlStatement s = {.kind = SQL_CREATE_DATABASE,
                      .database = words->text[1] ? words->text[1] : "",
                      .if_not_exists = words->flag[2]};
    return d->b->result ? query_result(q, d->b->result) : query_create_database(q, &s);
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
        r = drop_table(q, first, words->flag[2], number == SPARK_CATALOG_DROP_VIEW);
        break;
    case SPARK_CATALOG_TRUNCATE_TABLE: {
        URel *rel = urel_new(&q->builder, UREL_TABLE);
        if (!rel ||
            unresolved_split_name(&q->builder, first, strlen(first), &rel->parts, &rel->n_parts))
            return query_result(q, q->builder.result);
        SqlStatement s = {.kind = SQL_TRUNCATE_TABLE, .target = rel};
        r = query_truncate_table(q, &s);
        break;
    }
    case SPARK_CATALOG_CREATE_DATABASE:
        r = create_database(q, words);
        break;
    case SPARK_CATALOG_DROP_DATABASE:
        r = query_drop_database(q, first, words->flag[2], words->flag[3]);
        break;
    default:
        decode_unsupported(&q->decoder, "this part of the catalog API (Catalog)");
        return query_result(q, q->builder.result);
    }
    return r ? r : put_nothing(q, w);
}

/* A name with the database that came beside it. */
static const char *with_database(Query *q, const Words *words)
{
    const char *first = words->text[1] ? words->text[1] : "", *second = words->text[2];
    if (!second || !*second)
        return first;
    size_t n = strlen(first) + strlen(second) + 8;
    char *both = mem_arena_alloc(q->arena, n, 1);
    if (both)
        (void)snprintf(both, n, "`%s`.%s", second, first);
    return both ? both : first;
}

static int answer(Query *q, uint32_t number, const Words *words, ProtoWriter *w)
{
    const char *first = words->text[1] ? words->text[1] : "";
    CatalogDatabase database;
    TableRef table;
    if (number == SPARK_CATALOG_TABLE_EXISTS || number == SPARK_CATALOG_GET_TABLE ||
        number == SPARK_CATALOG_LIST_COLUMNS)
        first = with_database(q, words);
    switch (number) {
    case SPARK_CATALOG_CURRENT_DATABASE:
        return put_one(q, TYPE(STRING), "value", q->context.database, w);
    case SPARK_CATALOG_CURRENT_CATALOG:
        return put_one(q, TYPE(STRING), "value", "spark_catalog", w);
    case SPARK_CATALOG_SET_CURRENT_DATABASE: {
        int r = query_use(q, first);
        return r ? r : put_nothing(q, w);
    }
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
        return put_found(q, catalogue_database(q, first, &database), w);
    case SPARK_CATALOG_LIST_TABLES:
    case SPARK_CATALOG_LIST_VIEWS:
        return list_tables(q, words->text[1], words->text[2], number == SPARK_CATALOG_LIST_VIEWS,
                           w);
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
        return has_temporary(q, first) ? put_bool(q, true, w)
                                       : put_found(q, find_table(q, first, &table), w);
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
    case SPARK_CATALOG_ANALYZE_TABLE:
        return touch(q, first, w);
    case SPARK_CATALOG_RECOVER_PARTITIONS:
        return recover(q, first, w);
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
