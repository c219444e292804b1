/* SPDX-License-Identifier: Apache-2.0 */

/*
 * spark.catalog: one database, "default" of "spark_catalog", and the session's temporary views.
 * What there is nothing of (functions to list, tables to create) is refused by name.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_types.h"
#include "exec/connect/query.h"
#include "exec/connect/text_table.h"

/* The strings of a catalog message by their field numbers. */
typedef struct Words {
    const char *text[4];
} Words;

static bool read_words(Query *q, ProtoReader r, Words *words)
{
    ProtoField f;
    int n;
    *words = (Words){0};
    while ((n = decode_next(&q->decoder, &r, &f)) > 0)
        if (f.number >= 1 && f.number <= 3 && f.wire == PROTO_WIRE_BYTES)
            words->text[f.number] = decode_string(&q->decoder, &f);
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

typedef struct Listing {
    TextTable table;
    const char *pattern;
    bool views;
} Listing;

static int list_view(void *userdata, const char *name)
{
    Listing *l = userdata;
    if (!text_pattern_matches(l->pattern, name))
        return 0;
    return table_row(&l->table, (const char *[]){name, NULL, NULL, NULL, "TEMPORARY", "true"});
}

static int list_tables(Query *q, const char *pattern, ProtoWriter *w)
{
    Listing l = {.table = {.q = q,
                           .fields = {{"name", TYPE(STRING), false},
                                      {"catalog", TYPE(STRING), true},
                                      {"namespace", TYPE(STRING), true},
                                      {"description", TYPE(STRING), true},
                                      {"tableType", TYPE(STRING), false},
                                      {"isTemporary", TYPE(BOOLEAN), false}},
                           .n_columns = 6},
                 .pattern = pattern};
    int r = query_result(q, plan_session_each_view(q->session->plan, list_view, &l));
    return r ? r : table_put(&l.table, w);
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

static bool has_view(Query *q, const char *name)
{
    const PlanView *view = plan_session_view(q->session->plan, name);
    plan_view_unref(view);
    return view != NULL;
}

static bool is_default(const char *name)
{
    return strcasecmp(name, "default") == 0 || strcasecmp(name, "spark_catalog.default") == 0;
}

static int no_schema(Query *q, const char *name)
{
    char quoted[140];
    snprintf(quoted, sizeof(quoted), "`spark_catalog`.`%.100s`", name);
    query_error_set(q->error, DATA_ERROR_ANALYSIS, "SCHEMA_NOT_FOUND", "42704",
                    "The schema %s cannot be found. Verify the spelling and correctness of the "
                    "schema and catalog.",
                    quoted);
    query_error_parameters(q->error, "schemaName", quoted, NULL);
    return QUERY_E_FAILED;
}

/* Commands on a table that change nothing here still want the table to be there. */
static int touch(Query *q, const char *name, ProtoWriter *w)
{
    PlanNode *plan;
    int r = bind_table(q, name, &plan);
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
        return is_default(first) ? put_nothing(q, w) : no_schema(q, first);
    case SPARK_CATALOG_SET_CURRENT_CATALOG:
        if (strcmp(first, "spark_catalog") == 0)
            return put_nothing(q, w);
        decode_unsupported(&q->decoder, "catalogs other than spark_catalog");
        return query_result(q, q->builder.result);
    case SPARK_CATALOG_LIST_DATABASES: {
        TextTable t = {.q = q,
                       .fields = {{"name", TYPE(STRING), false},
                                  {"catalog", TYPE(STRING), true},
                                  {"description", TYPE(STRING), true},
                                  {"locationUri", TYPE(STRING), true}},
                       .n_columns = 4};
        int r = text_pattern_matches(words->text[1], "default")
                    ? query_result(q, table_row(&t, (const char *[]){"default", "spark_catalog",
                                                                     "default database", NULL}))
                    : 0;
        return r ? r : table_put(&t, w);
    }
    case SPARK_CATALOG_LIST_CATALOGS: {
        TextTable t = {
            .q = q,
            .fields = {{"name", TYPE(STRING), false}, {"description", TYPE(STRING), true}},
            .n_columns = 2};
        int r = query_result(q, table_row(&t, (const char *[]){"spark_catalog", NULL}));
        return r ? r : table_put(&t, w);
    }
    case SPARK_CATALOG_DATABASE_EXISTS:
        return put_bool(q, is_default(first), w);
    case SPARK_CATALOG_LIST_TABLES:
        return list_tables(q, words->text[2], w);
    case SPARK_CATALOG_LIST_COLUMNS:
        return list_columns(q, first, w);
    case SPARK_CATALOG_TABLE_EXISTS:
        return put_bool(q, has_view(q, first), w);
    case SPARK_CATALOG_DROP_TEMP_VIEW: {
        bool dropped = plan_session_drop_view(q->session->plan, first) == 1;
        q->flags |= DATA_FLAG_REPLAY;
        return put_bool(q, dropped, w);
    }
    case SPARK_CATALOG_IS_CACHED: {
        PlanNode *plan;
        int r = bind_table(q, first, &plan);
        return r ? r : put_bool(q, false, w);
    }
    case SPARK_CATALOG_CACHE_TABLE:
    case SPARK_CATALOG_UNCACHE_TABLE:
    case SPARK_CATALOG_REFRESH_TABLE:
        return touch(q, first, w);
    case SPARK_CATALOG_CLEAR_CACHE:
    case SPARK_CATALOG_REFRESH_BY_PATH:
        return put_nothing(q, w);
    default:
        decode_unsupported(&q->decoder, "this part of the catalog API (Catalog)");
        return query_result(q, q->builder.result);
    }
}

int query_catalog(Query *q, ProtoReader r, ProtoWriter *ret_relation)
{
    ProtoField f;
    int n;
    while ((n = decode_next(&q->decoder, &r, &f)) > 0) {
        ProtoReader inner;
        Words words;
        if (!decode_enter(&q->decoder, &r, &f, &inner) || !read_words(q, inner, &words))
            break;
        return answer(q, f.number, &words, ret_relation);
    }
    decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}
