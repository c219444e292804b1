/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/vec/nested.h"
#include "exec/write/write.h"

/*
 * The query's rows in the form in which they are written. Where values become text the expressions
 * of the engine do it: a JSON line is to_json(struct(...)), a CSV cell is CAST(... AS STRING).
 * Partition columns become text at the end of the row, and the rows are sorted by them.
 */

typedef struct Prepare {
    UBuilder *b;
    const PlanField *fields;
    uint32_t n_fields;
    bool *is_partition;
    WriteSpec *spec;
} Prepare;

static char *upper_type(Type type, char *buf, size_t size)
{
    type_format(type, buf, size);
    for (char *at = buf; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return type.kind == TYPE_NULL ? strcpy(buf, "VOID") : buf;
}

static int refuse_type(const Prepare *p, const PlanField *f)
{
    char type[256], quoted[260], name[300];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", upper_type(f->type, type, sizeof(type)));
    (void)query_error_set(p->b->error, DATA_ERROR_UNSUPPORTED,
                          "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "0A000",
                          "The %s datasource doesn't support the column `%.200s` of the type %s.",
                          p->spec->format->title, f->name, quoted);
    (void)snprintf(name, sizeof(name), "`%.200s`", f->name);
    query_error_parameters(p->b->error, "format", p->spec->format->title, "columnName", name,
                           "columnType", quoted, NULL);
    return QUERY_E_FAILED;
}

static bool has_empty_struct(Type type)
{
    if (type.kind == TYPE_STRUCT && type.n_children == 0)
        return true;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (has_empty_struct(type.children[i].type))
            return true;
    return false;
}

static bool is_interval(Type type)
{
    return type_contains(type, TYPE_INTERVAL_YM) || type_contains(type, TYPE_INTERVAL_DT);
}

static bool fits(const WriteSpec *spec, Type type)
{
    if (spec->format == &write_text)
        return type.kind == TYPE_STRING;
    if (type_contains(type, TYPE_NULL))
        return spec->format == &write_json;
    return spec->format != &write_csv || !type_is_nested(type);
}

static int check_types(const Prepare *p, uint32_t n_data)
{
    const WriteSpec *spec = p->spec;
    bool empty = n_data == 0;
    for (uint32_t i = 0; i < p->n_fields; i++)
        empty |= !p->is_partition[i] && has_empty_struct(p->fields[i].type);
    if (empty)
        return query_error_set(p->b->error, DATA_ERROR_UNSUPPORTED,
                               "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE", "0A000",
                               "The %s datasource does not support writing empty or nested empty "
                               "schemas. Please make sure the data schema has at least one or more "
                               "column(s).",
                               spec->format->title);
    for (uint32_t i = 0; i < p->n_fields; i++) {
        if (p->is_partition[i])
            continue;
        if (is_interval(p->fields[i].type))
            return query_error_set(p->b->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                                   "0A000",
                                   "The feature is not supported: writing intervals "
                                   "(column `%.200s`).",
                                   p->fields[i].name);
        if (spec->format == &write_csv && p->fields[i].type.kind == TYPE_TIMESTAMP &&
            !*spec->text.zone)
            return query_error_set(p->b->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                                   "0A000",
                                   "The feature is not supported: timestamps as text in a session "
                                   "time zone whose offset is not fixed.");
        if (!fits(spec, p->fields[i].type))
            return refuse_type(p, &p->fields[i]);
    }
    if (spec->format == &write_text && n_data != 1)
        return query_error_set(p->b->error, DATA_ERROR_ANALYSIS, "_LEGACY_ERROR_TEMP_1133", "",
                               "Text data source supports only a single column, and you have %u "
                               "columns.",
                               n_data);
    return 0;
}

/* CSV has no names of its own, so that only there two columns may share one. */
static int check_names(const Prepare *p)
{
    for (uint32_t i = 0; p->spec->format != &write_csv && i < p->n_fields; i++)
        for (uint32_t k = 0; k < i; k++) {
            if (strcasecmp(p->fields[i].name, p->fields[k].name) != 0)
                continue;
            char name[300], lower[260];
            (void)snprintf(lower, sizeof(lower), "%.250s", p->fields[i].name);
            for (char *at = lower; *at; at++)
                *at = (char)tolower((unsigned char)*at);
            (void)snprintf(name, sizeof(name), "`%s`", lower);
            (void)query_error_set(p->b->error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS",
                                  "42711",
                                  "The column %s already exists. Choose another name or rename "
                                  "the existing column.",
                                  name);
            query_error_parameters(p->b->error, "columnName", name, NULL);
            return QUERY_E_FAILED;
        }
    return 0;
}

/* ---- partition columns ---- */

static int find_partition(Prepare *p, const char *name, bool case_sensitive, uint32_t *ret)
{
    for (uint32_t i = 0; i < p->n_fields; i++)
        if ((case_sensitive ? strcmp : strcasecmp)(p->fields[i].name, name) == 0) {
            *ret = i;
            return 0;
        }
    return query_error_set(p->b->error, DATA_ERROR_ANALYSIS, "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA",
                           "42000",
                           "Partition column `%.200s` not found in the schema. Please "
                           "provide the existing column for partitioning.",
                           name);
}

static int take_partitions(Prepare *p, const char *const *names, uint32_t n, bool case_sensitive,
                           uint32_t *numbers)
{
    if (n > WRITE_PARTITIONS_MAX)
        return query_error_set(p->b->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: more than %u partition columns.",
                               WRITE_PARTITIONS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        int r = find_partition(p, names[i], case_sensitive, &numbers[i]);
        if (r != 0)
            return r;
        const PlanField *f = &p->fields[numbers[i]];
        if (type_is_nested(f->type) || f->type.kind == TYPE_NULL || is_interval(f->type)) {
            char type[256];
            return query_error_set(
                p->b->error, DATA_ERROR_ANALYSIS, "INVALID_PARTITION_COLUMN_DATA_TYPE", "0A000",
                "Cannot use \"%s\" for partition column.", upper_type(f->type, type, sizeof(type)));
        }
        if (p->is_partition[numbers[i]])
            return query_error_set(p->b->error, DATA_ERROR_ANALYSIS, "COLUMN_ALREADY_EXISTS",
                                   "42711",
                                   "The column `%.200s` already exists. Choose another "
                                   "name or rename the existing column.",
                                   f->name);
        p->is_partition[numbers[i]] = true;
        p->spec->partitions[i] = f->name;
    }
    p->spec->n_partitions = n;
    if (n > 0 && n == p->n_fields)
        return query_error_set(p->b->error, DATA_ERROR_ANALYSIS,
                               "ALL_PARTITION_COLUMNS_NOT_ALLOWED", "KD005",
                               "Cannot use all columns for partition columns.");
    return 0;
}

/* ---- the relation ---- */

static UExpr *column(UBuilder *b, uint32_t i)
{
    char name[32];
    int n = snprintf(name, sizeof(name), "c%u", i);
    const char *part = ubuilder_strndup(b, name, (size_t)n);
    return part ? uexpr_column(b, &part, 1) : NULL;
}

/* All columns under names of ours, so that names that occur twice do not matter. */
static URel *rename_columns(UBuilder *b, URel *input, uint32_t n)
{
    const char **names = ubuilder_alloc(b, n + 1, sizeof(*names));
    URel *rel = names ? urel_new(b, UREL_TO_DF) : NULL;
    if (!rel)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        int k = snprintf(name, sizeof(name), "c%u", i);
        names[i] = ubuilder_strndup(b, name, (size_t)k);
    }
    rel->input = input;
    rel->names = names;
    rel->n_names = n;
    return urel_seal(b, rel);
}

static UExpr *as_string(UBuilder *b, UExpr *e)
{
    return uexpr_cast(b, e, TYPE(STRING), false);
}

static UExpr *csv_cell(const Prepare *p, UExpr *e, Type type)
{
    UBuilder *b = p->b;
    const char *zone = p->spec->text.zone;
    static const char without[] = "yyyy-MM-dd'T'HH:mm:ss.SSS";
    switch (type.kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        return e;
    case TYPE_TIMESTAMP:
        e = uexpr_call2(b, "date_format", e, uexpr_string(b, without, strlen(without)));
        return uexpr_call2(b, "concat", e, uexpr_string(b, zone, strlen(zone)));
    case TYPE_TIMESTAMP_NTZ:
        return uexpr_call2(b, "date_format", uexpr_cast(b, e, TYPE(TIMESTAMP), false),
                           uexpr_string(b, without, strlen(without)));
    default:
        return as_string(b, e);
    }
}

/* One column: the line. */
static UExpr *json_line(const Prepare *p, uint32_t n_data)
{
    UBuilder *b = p->b;
    UExpr **args = ubuilder_alloc(b, 2 * (size_t)n_data + 1, sizeof(UExpr *));
    uint32_t n = 0;
    for (uint32_t i = 0; args && i < p->n_fields; i++) {
        if (p->is_partition[i])
            continue;
        args[n++] = uexpr_string(b, p->fields[i].name, strlen(p->fields[i].name));
        args[n++] = column(b, i);
    }
    return args ? uexpr_call1(b, "to_json", uexpr_call(b, "named_struct", args, n)) : NULL;
}

static URel *project(const Prepare *p, URel *input, UExpr **exprs, uint32_t n)
{
    URel *rel = urel_new(p->b, UREL_PROJECT);
    for (uint32_t i = 0; rel && i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "c%u", i);
        exprs[i] = exprs[i] ? uexpr_alias(p->b, exprs[i], name) : NULL;
        if (!exprs[i])
            return NULL;
    }
    if (!rel)
        return NULL;
    rel->input = input;
    rel->exprs = exprs;
    rel->n_exprs = n;
    return urel_seal(p->b, rel);
}

static URel *sort_last(const Prepare *p, URel *input, uint32_t first, uint32_t n)
{
    UBuilder *b = p->b;
    USortKey *keys = ubuilder_alloc(b, n, sizeof(*keys));
    URel *rel = keys ? urel_new(b, UREL_SORT) : NULL;
    if (!rel)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        /* Null and the empty string share a directory, and so must be neighbours. */
        UExpr *pair[] = {column(b, first + i), uexpr_string(b, "", 0)};
        keys[i] = (USortKey){.expr = uexpr_call(b, "coalesce", pair, 2), .nulls_first = true};
        if (!keys[i].expr)
            return NULL;
    }
    rel->input = input;
    rel->keys = keys;
    rel->n_keys = n;
    return urel_seal(b, rel);
}

static URel *build(const Prepare *p, URel *input, uint32_t n_data, const uint32_t *numbers)
{
    UBuilder *b = p->b;
    const WriteSpec *spec = p->spec;
    UExpr **exprs = ubuilder_alloc(b, p->n_fields + 1, sizeof(UExpr *));
    uint32_t n = 0;
    if (!exprs || !(input = rename_columns(b, input, p->n_fields)))
        return NULL;
    if (spec->format == &write_json) {
        exprs[n++] = json_line(p, n_data);
    } else {
        for (uint32_t i = 0; i < p->n_fields; i++) {
            if (p->is_partition[i])
                continue;
            UExpr *e = column(b, i);
            exprs[n++] = spec->format == &write_csv ? csv_cell(p, e, p->fields[i].type) : e;
        }
    }
    for (uint32_t i = 0; i < spec->n_partitions; i++)
        exprs[n++] = as_string(b, column(b, numbers[i]));
    URel *rel = project(p, input, exprs, n);
    return rel && spec->n_partitions > 0
               ? sort_last(p, rel, n - spec->n_partitions, spec->n_partitions)
               : rel;
}

static int fill_fields(const Prepare *p, uint32_t n_data)
{
    WriteSpec *spec = p->spec;
    spec->fields = ubuilder_alloc(p->b, n_data + 1, sizeof(PlanField));
    if (!spec->fields)
        return p->b->result;
    spec->n_fields = 0;
    for (uint32_t i = 0; i < p->n_fields; i++)
        if (!p->is_partition[i])
            spec->fields[spec->n_fields++] = p->fields[i];
    if (spec->format == &write_json)
        spec->n_fields = 1; /* the line */
    return 0;
}

int write_prepare(UBuilder *b, URel *input, const PlanField *fields, uint32_t n_fields,
                  const char *const *partitions, uint32_t n_partitions, bool case_sensitive,
                  WriteSpec *spec, URel **ret_rel)
{
    uint32_t numbers[WRITE_PARTITIONS_MAX], n_data = n_fields - MIN(n_partitions, n_fields);
    Prepare p = {.b = b, .fields = fields, .n_fields = n_fields, .spec = spec};
    p.is_partition = ubuilder_alloc(b, n_fields + 1, sizeof(bool));
    if (!p.is_partition)
        return b->result;
    int r = check_names(&p);
    if (r == 0)
        r = take_partitions(&p, partitions, n_partitions, case_sensitive, numbers);
    if (r == 0)
        r = check_types(&p, n_data);
    if (r == 0)
        r = fill_fields(&p, n_data);
    if (r != 0)
        return r;
    bool as_is =
        n_partitions == 0 && (spec->format == &write_parquet || spec->format == &write_text);
    *ret_rel = as_is ? input : build(&p, input, n_data, numbers);
    return *ret_rel ? 0 : b->result;
}
