/* SPDX-License-Identifier: Apache-2.0 */

/* SHOW and DESCRIBE of databases, tables and views, as Spark prints them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/table_partition.h"
#include "exec/connect/text_table.h"
#include "exec/vec/nested.h"

/* ---- lists ---- */

/* Temporary views, behind the tables. */
typedef struct Temporary {
    Query *q;
    DecodeList names;
    const char *pattern;
    bool global;
} Temporary;

static int each_temporary(void *userdata, const char *name)
{
    Temporary *t = userdata;
    static const char prefix[] = "global_temp.";
    bool global = strncmp(name, prefix, sizeof(prefix) - 1) == 0;
    if (plan_name_is_hidden(name) || global != t->global)
        return 0;
    if (global)
        name += sizeof(prefix) - 1;
    if (!text_pattern_matches(t->pattern, name))
        return 0;
    char *copy = ubuilder_strndup(&t->q->builder, name, strlen(name));
    return decode_add(&t->q->decoder, &t->names, copy) ? 0 : t->q->builder.result;
}

static int show_temporary(Query *q, TextTable *t, const char *pattern, bool global, bool extended)
{
    Temporary names = {.q = q, .pattern = pattern, .global = global};
    int r = plan_session_each_view(q->session->plan, each_temporary, &names);
    for (uint32_t i = 0; r == 0 && i < names.names.n; i++) {
        const char *name = names.names.items[i];
        char information[400];
        (void)snprintf(information, sizeof(information), "Table: %.200s\nType: VIEW\n", name);
        r = table_row(t, (const char *[]){global ? "global_temp" : "", name, "true",
                                          extended ? information : NULL});
    }
    return query_result(q, r);
}

static int table_lines(Query *q, const TableRef *t, TextTable *lines);

/* The lines of DESCRIBE EXTENDED as one text. */
static int table_information(Query *q, const TableRef *t, char **ret_text)
{
    TextTable lines = {.q = q, .n_columns = 3};
    int r = table_lines(q, t, &lines);
    if (r != 0)
        return r;
    size_t n;
    char *text = NULL;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    for (uint32_t i = 0; i + 2 < lines.cells.n; i += 3)
        fprintf(out, "%s: %s\n", (const char *)lines.cells.items[i],
                (const char *)lines.cells.items[i + 1]);
    for (uint32_t i = 0; i < t->entry.n_partitions; i++)
        fprintf(out, "%s`%s`%s", i ? ", " : "Partition Columns: [", t->entry.partitions[i],
                i + 1 == t->entry.n_partitions ? "]\n" : "");
    fprintf(out, "Schema: root\n");
    for (uint32_t i = 0; i < t->entry.n_columns; i++)
        fprintf(out, " |-- %s: %s (nullable = true)\n", t->entry.columns[i].name,
                strcmp(t->entry.columns[i].type, "int") == 0      ? "integer"
                : strcmp(t->entry.columns[i].type, "bigint") == 0 ? "long"
                                                                  : t->entry.columns[i].type);
    fputc('\n', out);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}

static int show_catalogued(Query *q, TextTable *rows, const SqlStatement *s, bool views_only,
                           bool extended)
{
    const CatalogStore *store = NULL;
    CatalogDatabase database;
    const char **names;
    uint32_t n;
    int r = catalogue_need_database(q, s->database, &database);
    if (r == 0)
        r = catalogue_store(q, &store);
    if (r == 0)
        r = query_result(q, catalog_list(store, &database, q->arena, &names, &n, q->error));
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        TableRef t;
        _cleanup_free_ char *information = NULL;
        if (!text_pattern_matches(s->pattern, names[i]))
            continue;
        if (views_only || extended) {
            r = catalogue_find(q, database.name, names[i], &t);
            if (r == CATALOG_E_NONE || (r == 0 && views_only && t.entry.kind != CATALOG_VIEW)) {
                r = 0;
                continue;
            }
        }
        if (r == 0 && extended)
            r = table_information(q, &t, &information);
        if (r == 0)
            r = query_result(q, table_row(rows, (const char *[]){database.name, names[i], "false",
                                                                 information}));
    }
    return r;
}

static int show_tables(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    bool views = s->kind == SQL_SHOW_VIEWS;
    TextTable t = {.q = q,
                   .fields = {{"namespace", TYPE(STRING), false},
                              {views ? "viewName" : "tableName", TYPE(STRING), false},
                              {"isTemporary", TYPE(BOOLEAN), false},
                              {"information", TYPE(STRING), false}},
                   .n_columns = s->analyze ? 4 : 3};
    bool global = s->database && strcasecmp(s->database, "global_temp") == 0;
    int r = global ? 0 : show_catalogued(q, &t, s, views, s->analyze);
    if (r == 0 && global)
        r = show_temporary(q, &t, s->pattern, true, s->analyze);
    if (r == 0)
        r = show_temporary(q, &t, s->pattern, false, s->analyze);
    return r ? r : table_put(&t, w);
}

static int show_databases(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"namespace", TYPE(STRING), false}}, .n_columns = 1};
    const CatalogStore *store = NULL;
    const char **names;
    uint32_t n;
    int r = catalogue_store(q, &store);
    if (r == 0)
        r = query_result(q, catalog_databases(store, q->arena, &names, &n, q->error));
    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (text_pattern_matches(s->pattern, names[i]))
            r = query_result(q, table_row(&t, (const char *[]){names[i]}));
    return r ? r : table_put(&t, w);
}

static int show_catalogs(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"catalog", TYPE(STRING), false}}, .n_columns = 1};
    int r = text_pattern_matches(s->pattern, "spark_catalog")
                ? query_result(q, table_row(&t, (const char *[]){"spark_catalog"}))
                : 0;
    return r ? r : table_put(&t, w);
}

/* ---- properties, partitions ---- */

/* SHOW and DESCRIBE say less about where they have looked. */
static int need(Query *q, const SqlStatement *s, TableRef *t)
{
    return catalogue_need(q, s->database, s->name, t);
}

static int show_properties(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"key", TYPE(STRING), false}, {"value", TYPE(STRING), false}},
                   .n_columns = 2};
    TableRef ref;
    char none[500];
    const char *value = NULL;
    int r = need(q, s, &ref);
    for (uint32_t i = 0; r == 0 && i < ref.entry.n_properties; i++) {
        const UOption *p = &ref.entry.properties[i];
        if (!s->value)
            r = query_result(q, table_row(&t, (const char *[]){p->key, p->value}));
        else if (strcmp(p->key, s->value) == 0)
            value = p->value;
    }
    if (r == 0 && s->value) {
        (void)snprintf(none, sizeof(none),
                       "Table spark_catalog.%.128s.%.128s does not have property: %.100s",
                       ref.database.name, ref.name, s->value);
        r = query_result(q, table_row(&t, (const char *[]){s->value, value ? value : none}));
    }
    return r ? r : table_put(&t, w);
}

int query_partitions(Query *q, const char *database, const char *name, DecodeList *ret_names)
{
    TableRef t;
    int r = catalogue_need(q, database, name, &t);
    return r ? r : table_list_partitions(q, &t, NULL, ret_names);
}

static int show_partitions(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"partition", TYPE(STRING), false}}, .n_columns = 1};
    DecodeList names = {0};
    TableRef ref;
    PartitionSpec spec = {0};
    int r = need(q, s, &ref);
    if (r == 0 && s->n_partitions > 0)
        r = table_partition_spec(q, &ref, s, &spec);
    if (r == 0)
        r = table_list_partitions(q, &ref, spec.texts ? &spec : NULL, &names);
    for (uint32_t i = 0; r == 0 && i < names.n; i++)
        r = query_result(q, table_row(&t, (const char *[]){names.items[i]}));
    return r ? r : table_put(&t, w);
}

/* ---- SHOW CREATE TABLE ---- */

static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            fputc('\\', out);
        fputc(*c, out);
    }
    fputc('\'', out);
}

static void put_pairs(FILE *out, const char *word, const UOption *pairs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        fprintf(out, "%s\n  ", i ? "," : word);
        put_quoted(out, pairs[i].key);
        fputs(" = ", out);
        put_quoted(out, pairs[i].value);
    }
    if (n > 0)
        fputs(")\n", out);
}

static void put_columns(FILE *out, const CatalogEntry *e, const PlanField *fields)
{
    for (uint32_t i = 0; i < e->n_columns; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        catalogue_put_name(out, e->columns[i].name);
        if (e->kind == CATALOG_TABLE) {
            fputc(' ', out);
            catalogue_put_type(out, fields[i].type, true);
        }
        if (e->columns[i].comment) {
            fputs(" COMMENT ", out);
            put_quoted(out, e->columns[i].comment);
        }
    }
    fputs(")\n", out);
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const UOption *)a)->key, ((const UOption *)b)->key);
}

static void put_create(FILE *out, const TableRef *t, const PlanField *fields, const char *name)
{
    const CatalogEntry *e = &t->entry;
    bool table = e->kind == CATALOG_TABLE;
    fprintf(out, table ? "CREATE TABLE spark_catalog.%s." : "CREATE VIEW %s.", t->database.name);
    catalogue_put_name(out, name);
    fputs(" (", out);
    put_columns(out, e, fields);
    if (table)
        fprintf(out, "USING %s\n", e->format);
    put_pairs(out, "OPTIONS (", e->options, e->n_options);
    for (uint32_t i = 0; i < e->n_partitions; i++)
        fprintf(out, "%s%s%s", i ? ", " : "PARTITIONED BY (", e->partitions[i],
                i + 1 == e->n_partitions ? ")\n" : "");
    if (e->comment) {
        fputs("COMMENT ", out);
        put_quoted(out, e->comment);
        fputc('\n', out);
    }
    if (table && !e->managed)
        fprintf(out, "LOCATION 'file:%s'\n", e->location);
    put_pairs(out, "TBLPROPERTIES (", e->properties, e->n_properties);
    if (!table)
        fprintf(out, "WITH SCHEMA COMPENSATION\nAS %s\n", e->text);
}

int query_create_text(Query *q, const char *database, const char *name, char **ret_text)
{
    TableRef t;
    size_t n;
    PlanField *fields;
    int r = catalogue_need(q, database, name, &t);
    if (r == 0)
        r = query_result(q, catalogue_fields(&q->builder, &t.entry, &fields));
    if (r != 0)
        return r;
    qsort(t.entry.properties, t.entry.n_properties, sizeof(UOption), compare_pairs);
    char *text = NULL;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    put_create(out, &t, fields, name);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}

static int show_create(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q, .fields = {{"createtab_stmt", TYPE(STRING), false}}, .n_columns = 1};
    _cleanup_free_ char *text = NULL;
    int r = query_create_text(q, s->database, s->name, &text);
    if (r == 0)
        r = query_result(q, table_row(&t, (const char *[]){text}));
    return r ? r : table_put(&t, w);
}

/* ---- DESCRIBE ---- */

static int line(TextTable *t, const char *key, const char *value)
{
    return query_result(t->q, table_row(t, (const char *[]){key, value, ""}));
}

/* "[k=v, x=y]", in order of the keys. */
static int pairs_line(TextTable *t, const char *key, UOption *pairs, uint32_t n)
{
    _cleanup_free_ char *text = NULL;
    size_t n_text;
    if (n == 0)
        return 0;
    FILE *out = open_memstream(&text, &n_text);
    if (!out)
        return -ENOMEM;
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "%s%s=%s", i ? ", " : "[", pairs[i].key, pairs[i].value);
    fputc(']', out);
    return fclose(out) != 0 ? -ENOMEM : line(t, key, text);
}

static int view_lines(TextTable *t, const CatalogEntry *e)
{
    _cleanup_free_ char *names = NULL;
    char space[200];
    size_t n;
    FILE *out = open_memstream(&names, &n);
    if (!out)
        return -ENOMEM;
    fputc('[', out);
    for (uint32_t i = 0; i < e->n_sources; i++)
        fprintf(out, "%s`%s`", i ? ", " : "", e->sources[i]);
    fputc(']', out);
    if (fclose(out) != 0)
        return -ENOMEM;
    (void)snprintf(space, sizeof(space), "spark_catalog.%.128s", e->database);
    int r = line(t, "View Text", e->text);
    if (r == 0)
        r = line(t, "View Original Text", e->text);
    if (r == 0)
        r = line(t, "View Schema Mode", "COMPENSATION");
    if (r == 0)
        r = line(t, "View Catalog and Namespace", space);
    return r ? r : line(t, "View Query Output Columns", names);
}

static int table_lines(Query *q, const TableRef *ref, TextTable *t)
{
    const CatalogEntry *e = &ref->entry;
    bool table = e->kind == CATALOG_TABLE;
    char created[64] = "", place[4200];
    time_t seconds = (time_t)(e->created_usec / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm))
        (void)strftime(created, sizeof(created), "%a %b %d %H:%M:%S UTC %Y", &tm);
    const char *type = !table ? "VIEW" : e->managed ? "MANAGED" : "EXTERNAL";
    const char *const lines[][2] = {{"Catalog", "spark_catalog"},
                                    {"Database", ref->database.name},
                                    {"Table", ref->name},
                                    {"Created Time", created},
                                    {"Last Access", "UNKNOWN"},
                                    {"Created By", "Berth " BERTH_VERSION},
                                    {"Type", type}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++)
        r = line(t, lines[i][0], lines[i][1]);
    if (r == 0 && table)
        r = line(t, "Provider", e->format);
    if (r == 0 && e->comment)
        r = line(t, "Comment", e->comment);
    if (r == 0 && !table)
        r = view_lines(t, e);
    if (r == 0)
        r = pairs_line(t, "Table Properties", e->properties, e->n_properties);
    if (r != 0 || !table)
        return r;
    (void)snprintf(place, sizeof(place), "file:%s", e->location);
    r = line(t, "Location", place);
    if (r == 0)
        r = pairs_line(t, "Storage Properties", e->options, e->n_options);
    return r || e->n_partitions == 0 ? r : line(t, "Partition Provider", "Catalog");
}

static const char *comment_of(const TableRef *ref, const char *name)
{
    for (uint32_t i = 0; ref && i < ref->entry.n_columns; i++)
        if (strcasecmp(ref->entry.columns[i].name, name) == 0)
            return ref->entry.columns[i].comment;
    return NULL;
}

static int describe_column(Query *q, const SqlStatement *s, const PlanNode *plan,
                           const TableRef *ref, ProtoWriter *w)
{
    static const char *const statistics[] = {
        "min", "max", "num_nulls", "distinct_count", "avg_col_len", "max_col_len", "histogram"};
    TextTable t = {
        .q = q,
        .fields = {{"info_name", TYPE(STRING), false}, {"info_value", TYPE(STRING), false}},
        .n_columns = 2};
    uint32_t i = 0;
    while (i < plan->n_fields && strcasecmp(plan->fields[i].name, s->value) != 0)
        i++;
    if (i == plan->n_fields)
        return query_error_set(
            q->error, DATA_ERROR_ANALYSIS, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
            "A column, variable, or function parameter with name `%.200s` cannot "
            "be resolved.",
            s->value);
    char type[512];
    type_format(plan->fields[i].type, type, sizeof(type));
    const char *comment = comment_of(ref, plan->fields[i].name);
    int r = table_row(&t, (const char *[]){"col_name", plan->fields[i].name});
    if (r == 0)
        r = table_row(&t, (const char *[]){"data_type", type});
    if (r == 0)
        r = table_row(&t, (const char *[]){"comment", comment ? comment : "NULL"});
    for (size_t k = 0; s->analyze && r == 0 && k < ARRAY_SIZE(statistics); k++)
        r = table_row(&t, (const char *[]){statistics[k], "NULL"});
    return r ? query_result(q, r) : table_put(&t, w);
}

static int partition_lines(TextTable *t, const TableRef *ref, const PlanNode *plan)
{
    const CatalogEntry *e = &ref->entry;
    if (e->n_partitions == 0 || plan->n_fields != e->n_columns)
        return 0;
    int r = line(t, "# Partition Information", "");
    if (r == 0)
        r = table_row(t, (const char *[]){"# col_name", "data_type", "comment"});
    for (uint32_t i = e->n_columns - e->n_partitions; r == 0 && i < e->n_columns; i++) {
        char type[512];
        type_format(plan->fields[i].type, type, sizeof(type));
        r = table_row(t, (const char *[]){e->columns[i].name, type, e->columns[i].comment});
    }
    return query_result(t->q, r);
}

static int describe(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {.q = q,
                   .fields = {{"col_name", TYPE(STRING), false},
                              {"data_type", TYPE(STRING), false},
                              {"comment", TYPE(STRING), true}},
                   .n_columns = 3};
    PlanNode *plan;
    TableRef found, *ref = NULL;
    int r = query_bind(q, s->query, &plan);
    if (r == 0 && s->name) {
        /* A temporary view of that name comes first, and has no entry. */
        const PlanView *view = s->database ? NULL : plan_session_view(q->session->plan, s->name);
        r = view ? CATALOG_E_NONE : catalogue_find(q, s->database, s->name, &found);
        plan_view_unref(view);
        ref = r == 0 ? &found : NULL;
        r = r == CATALOG_E_NONE ? 0 : r;
    }
    if (r == 0 && s->value)
        return describe_column(q, s, plan, ref, w);
    for (uint32_t i = 0; r == 0 && i < plan->n_fields; i++) {
        char type[512];
        type_format(plan->fields[i].type, type, sizeof(type));
        r = query_result(q, table_row(&t, (const char *[]){plan->fields[i].name, type,
                                                           comment_of(ref, plan->fields[i].name)}));
    }
    if (r == 0 && ref)
        r = partition_lines(&t, ref, plan);
    if (r == 0 && ref && s->analyze) {
        r = line(&t, "", "");
        if (r == 0)
            r = line(&t, "# Detailed Table Information", "");
        if (r == 0)
            r = table_lines(q, ref, &t);
    }
    return r ? r : table_put(&t, w);
}

static int describe_database(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    TextTable t = {
        .q = q,
        .fields = {{"info_name", TYPE(STRING), false}, {"info_value", TYPE(STRING), true}},
        .n_columns = 2};
    CatalogDatabase d;
    char place[4200], *text = NULL;
    size_t n;
    int r = catalogue_need_database(q, s->database, &d);
    if (r != 0)
        return r;
    (void)snprintf(place, sizeof(place), "file:%s", d.entry.location);
    r = table_row(&t, (const char *[]){"Catalog Name", "spark_catalog"});
    if (r == 0)
        r = table_row(&t, (const char *[]){"Namespace Name", d.name});
    if (r == 0)
        r = table_row(&t, (const char *[]){"Comment", d.entry.comment ? d.entry.comment : ""});
    if (r == 0)
        r = table_row(&t, (const char *[]){"Location", place});
    if (r != 0 || !s->analyze)
        return r ? query_result(q, r) : table_put(&t, w);
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    for (uint32_t i = 0; i < d.entry.n_properties; i++)
        fprintf(out, "%s(%s,%s)", i ? ", " : "(", d.entry.properties[i].key,
                d.entry.properties[i].value);
    fputs(d.entry.n_properties > 0 ? ")" : "", out);
    r = fclose(out) != 0 ? -ENOMEM : table_row(&t, (const char *[]){"Properties", text});
    free(text);
    return r ? query_result(q, r) : table_put(&t, w);
}

int query_show(Query *q, const SqlStatement *s, ProtoWriter *w)
{
    switch (s->kind) {
    case SQL_SHOW_DATABASES:
        return show_databases(q, s, w);
    case SQL_SHOW_CATALOGS:
        return show_catalogs(q, s, w);
    case SQL_SHOW_CREATE:
        return show_create(q, s, w);
    case SQL_SHOW_PROPERTIES:
        return show_properties(q, s, w);
    case SQL_SHOW_PARTITIONS:
        return show_partitions(q, s, w);
    case SQL_DESCRIBE:
        return describe(q, s, w);
    case SQL_DESCRIBE_DATABASE:
        return describe_database(q, s, w);
    default:
        return show_tables(q, s, w);
    }
}
