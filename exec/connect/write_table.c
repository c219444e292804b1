/* SPDX-License-Identifier: Apache-2.0 */

/*
 * saveAsTable() and insertInto(), and writeTo(): the statements CREATE TABLE AS and INSERT under
 * other names. Spark's own catalog refuses most of writeTo() ("Cannot write into v1 table"); here
 * it does what it says.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_command.h"
#include "exec/connect/catalogue.h"
#include "exec/connect/write.h"

/* ---- saveAsTable(), insertInto() ---- */

static int table_of(Query *q, const char *table, SqlStatement *s)
{
    const char **parts;
    uint32_t n;
    int r = query_result(q, unresolved_split_name(&q->builder, table, strlen(table), &parts, &n));
    if (r != 0)
        return r;
    if (n > 3 || (n == 3 && strcasecmp(parts[0], "spark_catalog") != 0))
        return query_error_set(
            q->error, DATA_ERROR_ANALYSIS, "REQUIRES_SINGLE_PART_NAMESPACE", "42K05",
            "spark_catalog requires a single-part namespace, but got %.200s.", table);
    s->name = parts[n - 1];
    s->database = n > 1 ? parts[n - 2] : NULL;
    s->target = urel_new(&q->builder, UREL_TABLE);
    if (!s->target)
        return query_result(q, q->builder.result);
    s->target->parts = parts;
    s->target->n_parts = n;
    return 0;
}

/* What an append says about the table must be so. */
static int check_append(Query *q, const TableRef *t, const SqlStatement *s, bool named_format)
{
    const CatalogEntry *e = &t->entry;
    PlanNode *data;
    if (named_format && strcasecmp(e->format, s->format) != 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1159", "",
                               "The format of the existing table spark_catalog.%.128s.%.128s is "
                               "`%.40s`. It doesn't match the specified format `%.40s`.",
                               t->database.name, t->name, e->format, s->format);
    bool same = s->n_partitions == e->n_partitions;
    for (uint32_t i = 0; same && i < s->n_partitions; i++)
        same = strcasecmp(s->partitions[i], e->partitions[i]) == 0;
    if (!same)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1163", "",
                               "Specified partitioning does not match that of the existing table "
                               "spark_catalog.%.128s.%.128s.",
                               t->database.name, t->name);
    int r = query_bind(q, s->query, &data);
    if (r == 0 && data->n_fields != e->n_columns)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1161", "",
                               "The column number of the existing table "
                               "spark_catalog.%.128s.%.128s doesn't match the data schema.",
                               t->database.name, t->name);
    return r;
}

int write_to_table(Query *q, const WriteCommand *c, const char *table, bool insert,
                   bool named_format)
{
    TableRef t;
    SqlStatement s = {.kind = SQL_INSERT,
                      .query = c->input,
                      .format = c->format,
                      .path = c->path,
                      .options = (UOption *)c->options,
                      .n_options = c->n_options,
                      .partitions = (const char **)c->partitions,
                      .n_partitions = c->n_partitions,
                      .if_not_exists = c->mode == COMMIT_IGNORE,
                      .replace = c->mode == COMMIT_OVERWRITE};
    int r = table_of(q, table, &s);
    if (r == 0 && insert && c->n_partitions > 0)
        return query_error_set(q->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1309", "",
                               "insertInto() can't be used together with partitionBy(). Partition "
                               "columns have already been defined for the table. It is not "
                               "necessary to use partitionBy().");
    if (r == 0 && insert)
        return query_insert(q, &s, NULL);
    s.target = NULL;
    if (r == 0 && c->mode != COMMIT_APPEND)
        return query_create_table(q, &s);
    if (r == 0)
        r = catalogue_find(q, s.database, s.name, &t);
    if (r == CATALOG_E_NONE)
        return query_create_table(q, &s);
    if (r == 0 && t.entry.kind == CATALOG_TABLE)
        r = check_append(q, &t, &s, named_format);
    if (r == 0)
        r = table_of(q, table, &s);
    s.n_partitions = 0;
    s.by_name = true;
    s.if_not_exists = false;
    return r ? r : query_insert(q, &s, NULL);
}

/* ---- writeTo() ---- */

typedef struct WriteTo {
    SqlStatement statement;
    const char *table;
    uint64_t mode;
    UExpr *condition;
    DecodeList partitions, options, properties;
} WriteTo;

static void decode_pair(Decoder *d, ProtoReader r, DecodeList *list)
{
    char *key, *value;
    if (!decode_entry(d, r, &key, &value) || !value)
        return;
    UOption *pair = ubuilder_alloc(d->b, 1, sizeof(*pair));
    if (pair)
        *pair = (UOption){key, value};
    decode_add(d, list, pair);
}

/* partitionedBy("a"): only columns; years(), bucket() and their like say what no folder has. */
static void decode_partition(Decoder *d, ProtoReader r, WriteTo *to)
{
    UExpr *e = decode_expression(d, r);
    if (!e)
        return;
    if (e->kind != UEXPR_COLUMN || e->n_parts != 1)
        decode_unsupported(d, "partitionedBy() with transforms");
    else
        decode_add(d, &to->partitions, (void *)e->parts[0]);
}

static void decode_field(Decoder *d, const ProtoReader *r, const ProtoField *f, WriteTo *to)
{
    ProtoReader inner;
    if (f->number == SPARK_WRITE_V2_TABLE_NAME)
        to->table = decode_string(d, f);
    else if (f->number == SPARK_WRITE_V2_PROVIDER)
        to->statement.format = decode_string(d, f);
    else if (f->number == SPARK_WRITE_V2_MODE)
        to->mode = f->value;
    else if (f->wire != PROTO_WIRE_BYTES || !decode_enter(d, r, f, &inner))
        return;
    else if (f->number == SPARK_WRITE_V2_INPUT)
        to->statement.query = decode_relation(d, inner);
    else if (f->number == SPARK_WRITE_V2_PARTITIONING_COLUMNS)
        decode_partition(d, inner, to);
    else if (f->number == SPARK_WRITE_V2_OPTIONS)
        decode_pair(d, inner, &to->options);
    else if (f->number == SPARK_WRITE_V2_TABLE_PROPERTIES)
        decode_pair(d, inner, &to->properties);
    else if (f->number == SPARK_WRITE_V2_OVERWRITE_CONDITION)
        to->condition = decode_expression(d, inner);
}

static UOption *pairs_of(Decoder *d, const DecodeList *list)
{
    UOption *pairs = ubuilder_alloc(d->b, list->n + 1, sizeof(*pairs));
    for (uint32_t i = 0; pairs && i < list->n; i++)
        pairs[i] = *(const UOption *)list->items[i];
    return pairs;
}

static int decode_write_to(Query *q, ProtoReader r, WriteTo *to)
{
    Decoder *d = &q->decoder;
    SqlStatement *s = &to->statement;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        decode_field(d, &r, &f, to);
    if (n == 0 && (!to->table || !s->query) && d->b->result == 0)
        decode_malformed(d);
    s->options = pairs_of(d, &to->options);
    s->n_options = to->options.n;
    s->properties = pairs_of(d, &to->properties);
    s->n_properties = to->properties.n;
    s->partitions = (const char **)to->partitions.items;
    s->n_partitions = to->partitions.n;
    return query_result(q, d->b->result);
}

int query_write_operation_v2(Query *q, ProtoReader r)
{
    WriteTo to = {.statement = {.kind = SQL_INSERT}};
    SqlStatement *s = &to.statement;
    InsertOptions options = {0};
    int result = decode_write_to(q, r, &to);
    if (result == 0)
        result = table_of(q, to.table, s);
    if (result != 0)
        return result;
    switch (to.mode) {
    case SPARK_MODE_REPLACE:
    case SPARK_MODE_CREATE_OR_REPLACE:
        s->replace = true;
        s->must_exist = to.mode == SPARK_MODE_REPLACE;
        _fallthrough_;
    case SPARK_MODE_CREATE:
        s->target = NULL;
        return query_create_table(q, s);
    case SPARK_MODE_OVERWRITE:
        s->replace = true;
        options.condition = to.condition;
        break;
    case SPARK_MODE_OVERWRITE_PARTITIONS:
        s->replace = options.dynamic = true;
        break;
    case SPARK_MODE_APPEND:
        break;
    default:
        decode_malformed(&q->decoder);
        return query_result(q, q->builder.result);
    }
    s->by_name = true;
    s->n_partitions = 0;
    return query_insert(q, s, &options);
}
