/* SPDX-License-Identifier: Apache-2.0 */

/* Relation messages. */

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/decode.h"
#include "exec/plan/source_format.h"
#include "exec/sql/parser.h"

/*
 * Most relations have one input and some lists. One walk collects what any of them may have; each
 * kind then takes its own.
 */
typedef struct Parts {
    URel *input, *right;
    DecodeList exprs, exprs2, strings;
    int64_t ints[8];
    bool has[16];
} Parts;

static URel *enter_relation(Decoder *d, const ProtoReader *r, const ProtoField *f)
{
    ProtoReader inner;
    return decode_enter(d, r, f, &inner) ? decode_relation(d, inner) : NULL;
}

static UExpr *enter_expression(Decoder *d, const ProtoReader *r, const ProtoField *f)
{
    ProtoReader inner;
    return decode_enter(d, r, f, &inner) ? decode_expression(d, inner) : NULL;
}

/* What a field of a relation is; by number, 0 unused. */
typedef enum PartKind {
    PART_NONE,
    PART_INPUT,
    PART_RIGHT,
    PART_EXPR,
    PART_EXPR2,
    PART_STRING,
    PART_INT, /* kept in ints[number] */
} PartKind;

static bool collect(Decoder *d, ProtoReader r, const uint8_t kinds[8], Parts *p)
{
    ProtoField f;
    int n;
    memset(p, 0, sizeof(*p));
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number >= 8)
            continue;
        p->has[f.number] = true;
        switch ((PartKind)kinds[f.number]) {
        case PART_INPUT:
            p->input = enter_relation(d, &r, &f);
            break;
        case PART_RIGHT:
            p->right = enter_relation(d, &r, &f);
            break;
        case PART_EXPR:
            decode_add(d, &p->exprs, enter_expression(d, &r, &f));
            break;
        case PART_EXPR2:
            decode_add(d, &p->exprs2, enter_expression(d, &r, &f));
            break;
        case PART_STRING:
            decode_add(d, &p->strings, decode_string(d, &f));
            break;
        case PART_INT:
            if (f.wire == PROTO_WIRE_BYTES)
                return decode_malformed(d), false;
            p->ints[f.number] = proto_int64(f.value);
            break;
        default:
            break;
        }
        if (d->b->result != 0)
            return false;
    }
    return n == 0;
}

static URel *over(Decoder *d, URelKind kind, const Parts *p)
{
    if (!p->input)
        return decode_malformed(d);
    URel *rel = urel_new(d->b, kind);
    if (rel)
        rel->input = p->input;
    return rel;
}

static void set_exprs(URel *rel, const DecodeList *list)
{
    rel->exprs = (UExpr **)list->items;
    rel->n_exprs = list->n;
}

static void set_names(URel *rel, const DecodeList *list)
{
    rel->names = (const char **)list->items;
    rel->n_names = list->n;
}

/* ---- sources ---- */

static URel *table_of(Decoder *d, const char *name, size_t n)
{
    const char **parts;
    uint32_t n_parts;
    if (unresolved_split_name(d->b, name, n, &parts, &n_parts) != 0)
        return NULL;
    bool files = n_parts == 2 && source_format_find(parts[0]);
    URel *rel = urel_new(d->b, files ? UREL_FILES : UREL_TABLE);
    if (!rel)
        return NULL;
    if (files) {
        rel->format = parts[0];
        rel->paths = parts + 1;
        rel->n_paths = 1;
    } else {
        rel->parts = parts;
        rel->n_parts = n_parts;
    }
    return rel;
}

static URel *decode_named_table(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == SPARK_NAMED_TABLE_UNPARSED_IDENTIFIER && f.wire == PROTO_WIRE_BYTES)
            return table_of(d, (const char *)f.bytes.data, f.bytes.n_bytes);
    return n == 0 ? decode_malformed(d) : NULL;
}

bool decode_entry(Decoder *d, ProtoReader r, char **ret_key, char **ret_value)
{
    ProtoField f;
    int n;
    *ret_key = *ret_value = NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_MAP_KEY)
            *ret_key = decode_string(d, &f);
        else if (f.number == SPARK_MAP_VALUE)
            *ret_value = decode_string(d, &f);
    }
    return n == 0 && *ret_key && d->b->result == 0;
}

static void add_option(Decoder *d, DecodeList *options, const char *key, const char *value)
{
    UOption *option = ubuilder_alloc(d->b, 1, sizeof(*option));
    if (!option)
        return;
    *option = (UOption){key, value};
    decode_add(d, options, option);
}

static URel *decode_data_source(Decoder *d, ProtoReader r)
{
    URel *rel = urel_new(d->b, UREL_FILES);
    DecodeList paths = {0}, options = {0};
    ProtoField f;
    int n = 0;
    if (!rel)
        return NULL;
    rel->format = "parquet";
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *key, *value;
        switch (f.number) {
        case SPARK_DATA_SOURCE_FORMAT:
            rel->format = decode_string(d, &f);
            break;
        case SPARK_DATA_SOURCE_SCHEMA:
            if (f.bytes.n_bytes > 0 &&
                !decode_schema_text(d, (const char *)f.bytes.data, f.bytes.n_bytes, &rel->fields,
                                    &rel->n_fields))
                return NULL;
            break;
        case SPARK_DATA_SOURCE_OPTIONS:
            if (!decode_enter(d, &r, &f, &inner) || !decode_entry(d, inner, &key, &value))
                return NULL;
            if (strcasecmp(key, "path") == 0 && value)
                decode_add(d, &paths, value);
            else if (value)
                add_option(d, &options, key, value);
            break;
        case SPARK_DATA_SOURCE_PATHS:
            decode_add(d, &paths, decode_string(d, &f));
            break;
        case SPARK_DATA_SOURCE_PREDICATES:
            return decode_unsupported(d, "predicates of a data source");
        default:
            break;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    rel->options = ubuilder_alloc(d->b, options.n + 1, sizeof(*rel->options));
    for (uint32_t i = 0; rel->options && i < options.n; i++)
        rel->options[i] = *(UOption *)options.items[i];
    if (!rel->options)
        return NULL;
    rel->n_options = options.n;
    rel->paths = (const char **)paths.items;
    rel->n_paths = paths.n;
    return rel;
}

static URel *decode_read(Decoder *d, ProtoReader r)
{
    URel *rel = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_READ_IS_STREAMING) {
            if (proto_bool(f.value))
                return decode_unsupported(d, "structured streaming");
        } else if (f.number == SPARK_READ_NAMED_TABLE) {
            rel = decode_enter(d, &r, &f, &inner) ? decode_named_table(d, inner) : NULL;
        } else if (f.number == SPARK_READ_DATA_SOURCE) {
            rel = decode_enter(d, &r, &f, &inner) ? decode_data_source(d, inner) : NULL;
        }
    }
    return n == 0 && rel ? rel : decode_malformed(d);
}

/* A map entry of parameters: key, then a Literal or an Expression. */
static UExpr *decode_parameter(Decoder *d, ProtoReader r, bool literal, const char **ret_name)
{
    UExpr *e = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_MAP_KEY)
            *ret_name = decode_string(d, &f);
        else if (f.number == SPARK_MAP_VALUE && decode_enter(d, &r, &f, &inner))
            e = literal ? decode_literal(d, inner) : decode_expression(d, inner);
    }
    return n == 0 && e && *ret_name ? e : decode_malformed(d);
}

bool decode_sql_parameters(Decoder *d, ProtoReader r, const char **ret_text, size_t *ret_n,
                           SqlParameters *ret_parameters)
{
    DecodeList names = {0}, values = {0};
    ProtoField f;
    int n;
    *ret_text = NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        const char *name = NULL;
        UExpr *e;
        switch (f.number) {
        case SPARK_SQL_QUERY:
            if (f.wire != PROTO_WIRE_BYTES || !proto_is_utf8(f.bytes))
                return decode_malformed(d), false;
            *ret_text = (const char *)f.bytes.data;
            *ret_n = f.bytes.n_bytes;
            break;
        case SPARK_SQL_ARGS:
        case SPARK_SQL_NAMED_ARGUMENTS:
            if (!decode_enter(d, &r, &f, &inner))
                return false;
            e = decode_parameter(d, inner, f.number == SPARK_SQL_ARGS, &name);
            decode_add(d, &values, e);
            decode_add(d, &names, (void *)name);
            break;
        case SPARK_SQL_POS_ARGS:
        case SPARK_SQL_POS_ARGUMENTS:
            if (!decode_enter(d, &r, &f, &inner))
                return false;
            decode_add(d, &values,
                       f.number == SPARK_SQL_POS_ARGS ? decode_literal(d, inner)
                                                      : decode_expression(d, inner));
            break;
        default:
            break;
        }
    }
    if (n < 0 || d->b->result != 0)
        return false;
    if (!*ret_text || (names.n > 0 && names.n != values.n))
        return decode_malformed(d), false;
    *ret_parameters = (SqlParameters){.names = names.n ? (const char **)names.items : NULL,
                                      .values = (UExpr **)values.items,
                                      .n_values = values.n};
    return true;
}

static URel *decode_sql(Decoder *d, ProtoReader r)
{
    const char *text;
    size_t n;
    SqlParameters parameters;
    if (!decode_sql_parameters(d, r, &text, &n, &parameters))
        return NULL;
    d->sql_text = text;
    d->n_sql_text = n;
    d->n_sql_texts++;
    SqlStatement statement;
    if (sql_parse_statement(d->b, text, n, &parameters, &statement) != 0)
        return NULL;
    if (statement.kind != SQL_QUERY)
        return decode_unsupported(d, "a command as a relation");
    return statement.query;
}

static URel *decode_range(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_RANGE_START] = PART_INT,
                                     [SPARK_RANGE_END] = PART_INT,
                                     [SPARK_RANGE_STEP] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? urel_new(d->b, UREL_RANGE) : NULL;
    if (!rel)
        return NULL;
    rel->start = p.ints[SPARK_RANGE_START];
    rel->end = p.ints[SPARK_RANGE_END];
    rel->step = p.has[SPARK_RANGE_STEP] ? p.ints[SPARK_RANGE_STEP] : 1;
    return rel;
}

/* ---- one input ---- */

static URel *decode_project(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_PROJECT_INPUT] = PART_INPUT, [SPARK_PROJECT_EXPRESSIONS] = PART_EXPR};
    Parts p;
    if (!collect(d, r, kinds, &p))
        return NULL;
    if (!p.input) {
        p.input = urel_seal(d->b, urel_new(d->b, UREL_ONE_ROW));
        if (!p.input)
            return NULL;
    }
    URel *rel = over(d, UREL_PROJECT, &p);
    if (rel)
        set_exprs(rel, &p.exprs);
    return rel;
}

static URel *decode_filter(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_FILTER_INPUT] = PART_INPUT, [SPARK_FILTER_CONDITION] = PART_EXPR};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_FILTER, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.exprs.n != 1)
        return decode_malformed(d);
    rel->condition = p.exprs.items[0];
    return rel;
}

static URel *decode_join(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_JOIN_LEFT] = PART_INPUT,
                                     [SPARK_JOIN_RIGHT] = PART_RIGHT,
                                     [SPARK_JOIN_JOIN_CONDITION] = PART_EXPR,
                                     [SPARK_JOIN_JOIN_TYPE] = PART_INT,
                                     [SPARK_JOIN_USING_COLUMNS] = PART_STRING};
    static const uint8_t types[] = {
        [SPARK_JOIN_TYPE_UNSPECIFIED] = JOIN_INNER, [SPARK_JOIN_TYPE_INNER] = JOIN_INNER,
        [SPARK_JOIN_TYPE_FULL_OUTER] = JOIN_FULL,   [SPARK_JOIN_TYPE_LEFT_OUTER] = JOIN_LEFT,
        [SPARK_JOIN_TYPE_RIGHT_OUTER] = JOIN_RIGHT, [SPARK_JOIN_TYPE_LEFT_ANTI] = JOIN_ANTI,
        [SPARK_JOIN_TYPE_LEFT_SEMI] = JOIN_SEMI,    [SPARK_JOIN_TYPE_CROSS] = JOIN_CROSS};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_JOIN, &p) : NULL;
    if (!rel)
        return NULL;
    int64_t type = p.ints[SPARK_JOIN_JOIN_TYPE];
    if (!p.right || type < 0 || type >= (int64_t)ARRAY_SIZE(types) || p.exprs.n > 1)
        return decode_malformed(d);
    rel->right = p.right;
    rel->join_type = types[type];
    rel->condition = p.exprs.n ? p.exprs.items[0] : NULL;
    set_names(rel, &p.strings);
    return rel;
}

static URel *decode_lateral_join(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_LATERAL_JOIN_LEFT] = PART_INPUT,
                                     [SPARK_LATERAL_JOIN_RIGHT] = PART_RIGHT,
                                     [SPARK_LATERAL_JOIN_JOIN_CONDITION] = PART_EXPR,
                                     [SPARK_LATERAL_JOIN_JOIN_TYPE] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_JOIN, &p) : NULL;
    if (!rel)
        return NULL;
    if (!p.right || p.exprs.n > 1)
        return decode_malformed(d);
    switch (p.ints[SPARK_LATERAL_JOIN_JOIN_TYPE]) {
    case SPARK_JOIN_TYPE_UNSPECIFIED:
    case SPARK_JOIN_TYPE_INNER:
        rel->join_type = JOIN_INNER;
        break;
    case SPARK_JOIN_TYPE_CROSS:
        rel->join_type = JOIN_CROSS;
        break;
    case SPARK_JOIN_TYPE_LEFT_OUTER:
        rel->join_type = JOIN_LEFT;
        break;
    default:
        return decode_unsupported(d, "this type of a lateral join");
    }
    rel->right = p.right;
    rel->right->lateral = true;
    rel->condition = p.exprs.n ? p.exprs.items[0] : NULL;
    return rel;
}

static URel *decode_sample(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    double low = 0, high = 0;
    int64_t seed = 0;
    bool seeded = false;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_SAMPLE_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_SAMPLE_LOWER_BOUND)
            low = proto_double(f.value);
        else if (f.number == SPARK_SAMPLE_UPPER_BOUND)
            high = proto_double(f.value);
        else if (f.number == SPARK_SAMPLE_WITH_REPLACEMENT && proto_bool(f.value))
            return decode_unsupported(d, "a sample with replacement");
        else if (f.number == SPARK_SAMPLE_SEED) {
            seed = proto_int64(f.value);
            seeded = true;
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_SAMPLE, &p) : NULL;
    if (!rel)
        return NULL;
    rel->low = low;
    rel->high = high;
    rel->start = seed;
    rel->all = !seeded;
    return rel;
}

static URel *decode_set_operation(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_SET_OPERATION_LEFT_INPUT] = PART_INPUT,
                                     [SPARK_SET_OPERATION_RIGHT_INPUT] = PART_RIGHT,
                                     [SPARK_SET_OPERATION_SET_OP_TYPE] = PART_INT,
                                     [SPARK_SET_OPERATION_IS_ALL] = PART_INT,
                                     [SPARK_SET_OPERATION_BY_NAME] = PART_INT,
                                     [SPARK_SET_OPERATION_ALLOW_MISSING_COLUMNS] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? urel_new(d->b, UREL_SET_OP) : NULL;
    if (!rel)
        return NULL;
    if (!p.input || !p.right)
        return decode_malformed(d);
    switch (p.ints[SPARK_SET_OPERATION_SET_OP_TYPE]) {
    case SPARK_SET_OP_TYPE_INTERSECT:
        rel->set_op = USET_INTERSECT;
        break;
    case SPARK_SET_OP_TYPE_UNION:
        rel->set_op = USET_UNION;
        break;
    case SPARK_SET_OP_TYPE_EXCEPT:
        rel->set_op = USET_EXCEPT;
        break;
    default:
        return decode_malformed(d);
    }
    rel->all = p.ints[SPARK_SET_OPERATION_IS_ALL];
    rel->by_name = p.ints[SPARK_SET_OPERATION_BY_NAME];
    rel->allow_missing = p.ints[SPARK_SET_OPERATION_ALLOW_MISSING_COLUMNS];
    rel->inputs = ubuilder_dup(d->b, (URel *[]){p.input, p.right}, 2, sizeof(URel *));
    rel->n_inputs = 2;
    return rel->inputs ? rel : NULL;
}

bool decode_sort_order(Decoder *d, ProtoReader r, USortKey *key)
{
    ProtoField f;
    int n;
    uint64_t direction = 0, nulls = 0;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_SORT_ORDER_CHILD)
            key->expr = enter_expression(d, &r, &f);
        else if (f.number == SPARK_SORT_ORDER_DIRECTION)
            direction = f.value;
        else if (f.number == SPARK_SORT_ORDER_NULL_ORDERING)
            nulls = f.value;
    }
    if (n < 0 || d->b->result != 0)
        return false;
    if (!key->expr)
        return decode_malformed(d), false;
    key->descending = direction == SPARK_SORT_DIRECTION_DESCENDING;
    key->nulls_first =
        nulls == SPARK_SORT_NULLS_UNSPECIFIED ? !key->descending : nulls == SPARK_SORT_NULLS_FIRST;
    return true;
}

static URel *decode_sort(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    DecodeList keys = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_SORT_INPUT) {
            p.input = enter_relation(d, &r, &f);
        } else if (f.number == SPARK_SORT_ORDER) {
            USortKey *key = ubuilder_alloc(d->b, 1, sizeof(*key));
            if (!key || !decode_enter(d, &r, &f, &inner) || !decode_sort_order(d, inner, key) ||
                !decode_add(d, &keys, key))
                return NULL;
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_SORT, &p) : NULL;
    if (!rel)
        return NULL;
    rel->keys = ubuilder_alloc(d->b, keys.n, sizeof(*rel->keys));
    if (!rel->keys)
        return NULL;
    for (uint32_t i = 0; i < keys.n; i++)
        rel->keys[i] = *(USortKey *)keys.items[i];
    rel->n_keys = keys.n;
    return rel;
}

static URel *decode_limit(Decoder *d, ProtoReader r, bool offset)
{
    static const uint8_t kinds[8] = {
        [SPARK_LIMIT_INPUT] = PART_INPUT, [SPARK_LIMIT_LIMIT] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_LIMIT, &p) : NULL;
    UExpr *count = rel ? uexpr_int(d->b, (int32_t)p.ints[SPARK_LIMIT_LIMIT]) : NULL;
    if (!count)
        return NULL;
    *(offset ? &rel->offset : &rel->condition) = count;
    return rel;
}

static URel *decode_tail(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_TAIL_INPUT] = PART_INPUT, [SPARK_TAIL_LIMIT] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_TAIL, &p) : NULL;
    if (rel)
        rel->start = (int32_t)p.ints[SPARK_TAIL_LIMIT];
    return rel;
}

/* All groups as a set, then each set. */
static UExpr *decode_grouping_sets(Decoder *d, ProtoReader r, const DecodeList *groups)
{
    DecodeList sets = {0};
    ProtoField f, g;
    int n;
    decode_add(d, &sets, uexpr_call(d->b, UGROUP_SET, (UExpr **)groups->items, groups->n));
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number != SPARK_AGGREGATE_GROUPING_SETS)
            continue;
        if (!decode_enter(d, &r, &f, &inner))
            return NULL;
        DecodeList set = {0};
        while ((n = decode_next(d, &inner, &g)) > 0)
            if (g.number == 1 && !decode_add(d, &set, enter_expression(d, &inner, &g)))
                return NULL;
        if (n < 0)
            return NULL;
        decode_add(d, &sets, uexpr_call(d->b, UGROUP_SET, (UExpr **)set.items, set.n));
    }
    return n == 0 && d->b->result == 0
               ? uexpr_call(d->b, UGROUP_SETS_OF, (UExpr **)sets.items, sets.n)
               : NULL;
}

/* groupBy().pivot(column, values) */
static bool decode_pivot(Decoder *d, ProtoReader r, URel *rel)
{
    DecodeList columns = {0}, values = {0};
    ProtoField f, g;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner, value;
        if (f.number != SPARK_AGGREGATE_PIVOT)
            continue;
        if (!decode_enter(d, &r, &f, &inner))
            return false;
        while ((n = decode_next(d, &inner, &g)) > 0) {
            if (g.number == SPARK_PIVOT_COL)
                decode_add(d, &columns, enter_expression(d, &inner, &g));
            else if (g.number == SPARK_PIVOT_VALUES && decode_enter(d, &inner, &g, &value))
                decode_add(d, &values, decode_literal(d, value));
        }
        if (n < 0)
            return false;
    }
    if (n < 0 || d->b->result != 0)
        return false;
    if (columns.n != 1)
        return decode_malformed(d), false;
    rel->kind = UREL_PIVOT;
    rel->pivots = (UExpr **)columns.items;
    rel->n_pivots = 1;
    rel->values = (UExpr **)values.items;
    rel->n_values = values.n;
    return true;
}

static URel *decode_aggregate(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_AGGREGATE_INPUT] = PART_INPUT,
                                     [SPARK_AGGREGATE_GROUP_TYPE] = PART_INT,
                                     [SPARK_AGGREGATE_GROUPING_EXPRESSIONS] = PART_EXPR,
                                     [SPARK_AGGREGATE_AGGREGATE_EXPRESSIONS] = PART_EXPR2};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_AGGREGATE, &p) : NULL;
    if (!rel)
        return NULL;
    UExpr *sets = NULL;
    switch (p.ints[SPARK_AGGREGATE_GROUP_TYPE]) {
    case SPARK_GROUP_TYPE_GROUPBY:
        rel->groups = (UExpr **)p.exprs.items;
        rel->n_groups = p.exprs.n;
        break;
    case SPARK_GROUP_TYPE_ROLLUP:
        sets = uexpr_call(d->b, UGROUP_ROLLUP, (UExpr **)p.exprs.items, p.exprs.n);
        break;
    case SPARK_GROUP_TYPE_CUBE:
        sets = uexpr_call(d->b, UGROUP_CUBE, (UExpr **)p.exprs.items, p.exprs.n);
        break;
    case SPARK_GROUP_TYPE_GROUPING_SETS:
        sets = decode_grouping_sets(d, r, &p.exprs);
        break;
    case SPARK_GROUP_TYPE_PIVOT:
        if (!decode_pivot(d, r, rel))
            return NULL;
        rel->groups = (UExpr **)p.exprs.items;
        rel->n_groups = p.exprs.n;
        break;
    default:
        return decode_malformed(d);
    }
    if (sets || d->b->result != 0) {
        rel->groups = sets ? ubuilder_dup(d->b, &sets, 1, sizeof(sets)) : NULL;
        rel->n_groups = 1;
        if (!rel->groups)
            return NULL;
    }
    set_exprs(rel, &p.exprs2);
    rel->with_groups = true;
    return rel;
}

static URel *decode_deduplicate(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_DEDUPLICATE_INPUT] = PART_INPUT,
                                     [SPARK_DEDUPLICATE_COLUMN_NAMES] = PART_STRING,
                                     [SPARK_DEDUPLICATE_WITHIN_WATERMARK] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_DEDUPLICATE, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.ints[SPARK_DEDUPLICATE_WITHIN_WATERMARK])
        return decode_unsupported(d, "structured streaming");
    set_names(rel, &p.strings);
    return rel;
}

static URel *decode_subquery_alias(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_SUBQUERY_ALIAS_INPUT] = PART_INPUT, [SPARK_SUBQUERY_ALIAS_ALIAS] = PART_STRING};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_ALIAS, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.strings.n != 1)
        return decode_malformed(d);
    rel->name = p.strings.items[0];
    return rel;
}

/* An input and names. */
static URel *decode_named(Decoder *d, ProtoReader r, URelKind kind)
{
    static const uint8_t kinds[8] = {[1] = PART_INPUT, [2] = PART_STRING};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, kind, &p) : NULL;
    if (rel)
        set_names(rel, &p.strings);
    return rel;
}

static URel *decode_drop(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_DROP_INPUT] = PART_INPUT,
                                     [SPARK_DROP_COLUMNS] = PART_EXPR,
                                     [SPARK_DROP_COLUMN_NAMES] = PART_STRING};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_DROP, &p) : NULL;
    if (!rel)
        return NULL;
    set_exprs(rel, &p.exprs);
    set_names(rel, &p.strings);
    return rel;
}

/* Aliases are no Expressions here, but the messages inside one. */
static UExpr *decode_with_column(Decoder *d, ProtoReader r)
{
    UExpr *e = NULL;
    char *name = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_ALIAS_EXPR)
            e = enter_expression(d, &r, &f);
        else if (f.number == SPARK_ALIAS_NAME)
            name = decode_string(d, &f);
    }
    return n == 0 && e && name ? uexpr_alias(d->b, e, name) : decode_malformed(d);
}

static URel *decode_with_columns(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_WITH_COLUMNS_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_WITH_COLUMNS_ALIASES &&
                 (!decode_enter(d, &r, &f, &inner) ||
                  !decode_add(d, &p.exprs, decode_with_column(d, inner))))
            return NULL;
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_WITH_COLUMNS, &p) : NULL;
    if (rel)
        set_exprs(rel, &p.exprs);
    return rel;
}

static URel *decode_renamed(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *from, *to;
        if (f.number == SPARK_WITH_COLUMNS_RENAMED_INPUT) {
            p.input = enter_relation(d, &r, &f);
        } else if (f.number == SPARK_WITH_COLUMNS_RENAMED_RENAME_COLUMNS_MAP ||
                   f.number == SPARK_WITH_COLUMNS_RENAMED_RENAMES) {
            /* Both have the old name in field 1 and the new one in field 2. */
            if (!decode_enter(d, &r, &f, &inner) || !decode_entry(d, inner, &from, &to) ||
                !decode_add(d, &p.strings, from) || !decode_add(d, &p.strings, to))
                return decode_malformed(d);
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_RENAME, &p) : NULL;
    if (rel)
        set_names(rel, &p.strings);
    return rel;
}

static URel *decode_na_drop(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_NA_DROP_INPUT] = PART_INPUT,
                                     [SPARK_NA_DROP_COLS] = PART_STRING,
                                     [SPARK_NA_DROP_MIN_NON_NULLS] = PART_INT};
    Parts p;
    URel *rel = collect(d, r, kinds, &p) ? over(d, UREL_NA_DROP, &p) : NULL;
    if (!rel)
        return NULL;
    set_names(rel, &p.strings);
    rel->start = p.has[SPARK_NA_DROP_MIN_NON_NULLS] ? p.ints[SPARK_NA_DROP_MIN_NON_NULLS] : -1;
    return rel;
}

static URel *decode_na_fill(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_NA_FILL_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_NA_FILL_COLS)
            decode_add(d, &p.strings, decode_string(d, &f));
        else if (f.number == SPARK_NA_FILL_VALUES && decode_enter(d, &r, &f, &inner))
            decode_add(d, &p.exprs, decode_literal(d, inner));
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_NA_FILL, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.exprs.n == 0 || (p.exprs.n != 1 && p.exprs.n != p.strings.n))
        return decode_malformed(d);
    set_exprs(rel, &p.exprs);
    set_names(rel, &p.strings);
    return rel;
}

/* describe() and summary(): @kind's numbers of the columns and of the statistics, 0: none. */
static URel *decode_describe(Decoder *d, ProtoReader r, bool summary)
{
    static const char *const usual[] = {"count", "mean", "stddev", "min", "max"};
    static const char *const all[] = {"count", "mean", "stddev", "min", "25%", "50%", "75%", "max"};
    static const uint8_t kinds[8] = {
        [SPARK_STAT_DESCRIBE_INPUT] = PART_INPUT, [SPARK_STAT_DESCRIBE_COLS] = PART_STRING};
    Parts p;
    if (!collect(d, r, kinds, &p))
        return NULL;
    URel *rel = over(d, UREL_DESCRIBE, &p);
    if (!rel)
        return NULL;
    if (summary && p.strings.n > 0) {
        rel->parts = (const char **)p.strings.items;
        rel->n_parts = p.strings.n;
        return rel;
    }
    rel->n_parts = summary ? ARRAY_SIZE(all) : ARRAY_SIZE(usual);
    rel->parts = ubuilder_dup(d->b, summary ? all : usual, rel->n_parts, sizeof(*rel->parts));
    if (!summary)
        set_names(rel, &p.strings);
    return rel->parts ? rel : NULL;
}

static URel *decode_replace(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner, value;
        ProtoField g;
        if (f.number == SPARK_NA_REPLACE_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_NA_REPLACE_COLS)
            decode_add(d, &p.strings, decode_string(d, &f));
        else if (f.number == SPARK_NA_REPLACE_REPLACEMENTS && decode_enter(d, &r, &f, &inner)) {
            UExpr *pair[2] = {NULL, NULL};
            while (decode_next(d, &inner, &g) > 0)
                if (g.number >= 1 && g.number <= 2 && decode_enter(d, &inner, &g, &value))
                    pair[g.number - 1] = decode_literal(d, value);
            if (!pair[0] || !pair[1])
                return decode_malformed(d);
            decode_add(d, &p.exprs, pair[0]);
            decode_add(d, &p.exprs, pair[1]);
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_REPLACE, &p) : NULL;
    if (!rel)
        return NULL;
    set_exprs(rel, &p.exprs);
    set_names(rel, &p.strings);
    return rel;
}

static URel *decode_unpivot(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    const char *names[2] = {NULL, NULL};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        ProtoField g;
        if (f.number == SPARK_UNPIVOT_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_UNPIVOT_IDS)
            decode_add(d, &p.exprs, enter_expression(d, &r, &f));
        else if (f.number == SPARK_UNPIVOT_VALUES && decode_enter(d, &r, &f, &inner)) {
            while (decode_next(d, &inner, &g) > 0)
                if (g.number == SPARK_UNPIVOT_VALUES_VALUES)
                    decode_add(d, &p.exprs2, enter_expression(d, &inner, &g));
        } else if (f.number == SPARK_UNPIVOT_VARIABLE_COLUMN_NAME)
            names[0] = decode_string(d, &f);
        else if (f.number == SPARK_UNPIVOT_VALUE_COLUMN_NAME)
            names[1] = decode_string(d, &f);
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_UNPIVOT, &p) : NULL;
    if (!rel)
        return NULL;
    if (!names[0] || !names[1])
        return decode_malformed(d);
    set_exprs(rel, &p.exprs);
    rel->groups = (UExpr **)p.exprs2.items;
    rel->n_groups = p.exprs2.n;
    rel->names = ubuilder_dup(d->b, names, 2, sizeof(*names));
    rel->n_names = 2;
    return rel->names ? rel : NULL;
}

static URel *decode_to_schema(Decoder *d, ProtoReader r)
{
    Parts p = {0};
    Type type = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_TO_SCHEMA_INPUT)
            p.input = enter_relation(d, &r, &f);
        else if (f.number == SPARK_TO_SCHEMA_SCHEMA && decode_enter(d, &r, &f, &inner) &&
                 !decode_type(d, inner, &type))
            return NULL;
    }
    URel *rel = n == 0 && d->b->result == 0 ? over(d, UREL_TO_SCHEMA, &p) : NULL;
    if (!rel)
        return NULL;
    if (type.kind != TYPE_STRUCT)
        return decode_malformed(d);
    rel->n_fields = type.n_children;
    rel->fields = ubuilder_alloc(d->b, type.n_children, sizeof(*rel->fields));
    if (!rel->fields)
        return NULL;
    for (uint32_t i = 0; i < rel->n_fields; i++)
        rel->fields[i] =
            (PlanField){type.children[i].name, type.children[i].type, type.children[i].nullable};
    return rel;
}

/* Hints and partitionings say how, not what: the input alone. */
static URel *decode_input_only(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == 1)
            return enter_relation(d, &r, &f);
    return n == 0 ? decode_malformed(d) : NULL;
}

/*
 * WithRelations: plans that the root names, by alias (df parameters of spark.sql) or by plan id
 * (subquery expressions).
 */
static URel *decode_with_relations(Decoder *d, ProtoReader r)
{
    DecodeList ctes = {0};
    ProtoReader walk = r;
    ProtoField f, root = {0};
    int n;
    if (!d->references) {
        d->references = ubuilder_alloc(d->b, DECODE_REFERENCES_MAX, sizeof(*d->references));
        if (!d->references)
            return NULL;
    }
    while ((n = decode_next(d, &walk, &f)) > 0) {
        if (f.number == SPARK_WITH_RELATIONS_ROOT)
            root = f;
        if (f.number != SPARK_WITH_RELATIONS_REFERENCES)
            continue;
        URel *rel = enter_relation(d, &walk, &f);
        if (!rel)
            return NULL;
        if (rel->kind == UREL_ALIAS) {
            decode_add(d, &ctes, rel);
        } else {
            if (d->n_references == DECODE_REFERENCES_MAX)
                return ubuilder_too_deep(d->b);
            d->references[d->n_references++] = (DecodeReference){rel->plan_id, rel};
        }
        if (rel->kind == UREL_ALIAS && d->n_references < DECODE_REFERENCES_MAX)
            d->references[d->n_references++] = (DecodeReference){rel->plan_id, rel};
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (root.number == 0)
        return decode_malformed(d);
    URel *input = enter_relation(d, &r, &root);
    if (!input || ctes.n == 0)
        return input;
    URel *rel = urel_new(d->b, UREL_WITH);
    if (!rel)
        return NULL;
    rel->input = input;
    rel->inputs = (URel **)ctes.items;
    rel->n_inputs = ctes.n;
    return rel;
}

static const char *refused_name(uint32_t number)
{
    static const struct {
        uint32_t number;
        const char *name;
    } names[] = {
        {SPARK_RELATION_MAP_PARTITIONS, "mapInPandas() (MapPartitions)"},
        {SPARK_RELATION_PARSE, "reading CSV or JSON from strings (Parse)"},
        {SPARK_RELATION_GROUP_MAP, "applyInPandas() (GroupMap)"},
        {SPARK_RELATION_CO_GROUP_MAP, "cogroup() (CoGroupMap)"},
        {SPARK_RELATION_WITH_WATERMARK, "withWatermark() (WithWatermark)"},
        {SPARK_RELATION_CACHED_LOCAL_RELATION, "cached data (CachedLocalRelation)"},
        {SPARK_RELATION_CHUNKED_CACHED_LOCAL_RELATION, "cached data (ChunkedCachedLocalRelation)"},
        {SPARK_RELATION_AS_OF_JOIN, "as-of joins (AsOfJoin)"},
        {SPARK_RELATION_CROSSTAB, "crosstab() (StatCrosstab)"},
        {SPARK_RELATION_FREQ_ITEMS, "freqItems() (StatFreqItems)"},
        {SPARK_RELATION_SAMPLE_BY, "sampleBy() (StatSampleBy)"},
        {SPARK_RELATION_CATALOG, "the catalog API (Catalog)"},
        {SPARK_RELATION_ML_RELATION, "machine learning (MlRelation)"},
        {SPARK_RELATION_SHOW_STRING, "show() below other operations (ShowString)"},
        {SPARK_RELATION_HTML_STRING, "HtmlString below other operations"},
        {SPARK_RELATION_EXTENSION, "relation extensions (Extension)"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].number == number)
            return names[i].name;
    return "this kind of relation";
}

static URel *decode_body(Decoder *d, uint32_t number, ProtoReader r)
{
    switch (number) {
    case SPARK_RELATION_READ:
        return decode_read(d, r);
    case SPARK_RELATION_PROJECT:
        return decode_project(d, r);
    case SPARK_RELATION_FILTER:
        return decode_filter(d, r);
    case SPARK_RELATION_JOIN:
        return decode_join(d, r);
    case SPARK_RELATION_LATERAL_JOIN:
        return decode_lateral_join(d, r);
    case SPARK_RELATION_SAMPLE:
        return decode_sample(d, r);
    case SPARK_RELATION_SET_OP:
        return decode_set_operation(d, r);
    case SPARK_RELATION_SORT:
        return decode_sort(d, r);
    case SPARK_RELATION_LIMIT:
        return decode_limit(d, r, false);
    case SPARK_RELATION_OFFSET:
        return decode_limit(d, r, true);
    case SPARK_RELATION_TAIL:
        return decode_tail(d, r);
    case SPARK_RELATION_AGGREGATE:
        return decode_aggregate(d, r);
    case SPARK_RELATION_SQL:
        return decode_sql(d, r);
    case SPARK_RELATION_LOCAL_RELATION:
        return decode_local_relation(d, r);
    case SPARK_RELATION_DEDUPLICATE:
        return decode_deduplicate(d, r);
    case SPARK_RELATION_RANGE:
        return decode_range(d, r);
    case SPARK_RELATION_SUBQUERY_ALIAS:
        return decode_subquery_alias(d, r);
    case SPARK_RELATION_TO_DF:
        return decode_named(d, r, UREL_TO_DF);
    case SPARK_RELATION_WITH_COLUMNS:
        return decode_with_columns(d, r);
    case SPARK_RELATION_WITH_COLUMNS_RENAMED:
        return decode_renamed(d, r);
    case SPARK_RELATION_DROP:
        return decode_drop(d, r);
    case SPARK_RELATION_DROP_NA:
        return decode_na_drop(d, r);
    case SPARK_RELATION_FILL_NA:
        return decode_na_fill(d, r);
    case SPARK_RELATION_DESCRIBE:
        return decode_describe(d, r, false);
    case SPARK_RELATION_COV:
        return decode_corr(d, r, true);
    case SPARK_RELATION_CORR:
        return decode_corr(d, r, false);
    case SPARK_RELATION_APPROX_QUANTILE:
        return decode_approx_quantile(d, r);
    case SPARK_RELATION_SUMMARY:
        return decode_describe(d, r, true);
    case SPARK_RELATION_REPLACE:
        return decode_replace(d, r);
    case SPARK_RELATION_UNPIVOT:
        return decode_unpivot(d, r);
    case SPARK_RELATION_TO_SCHEMA:
        return decode_to_schema(d, r);
    case SPARK_RELATION_WITH_RELATIONS:
        return decode_with_relations(d, r);
    case SPARK_RELATION_UNRESOLVED_TABLE_VALUED_FUNCTION:
        return decode_table_function(d, r);
    case SPARK_RELATION_COLLECT_METRICS:
        return decode_collect_metrics(d, r);
    case SPARK_RELATION_TRANSPOSE:
        return decode_transpose(d, r);
    case SPARK_RELATION_CACHED_REMOTE_RELATION:
        return decode_cached_remote(d, r);
    case SPARK_RELATION_HINT:
    case SPARK_RELATION_REPARTITION:
    case SPARK_RELATION_REPARTITION_BY_EXPRESSION:
        return decode_input_only(d, r);
    default:
        return decode_unsupported(d, refused_name(number));
    }
}

static int64_t decode_plan_id(Decoder *d, ProtoReader r)
{
    int64_t plan_id = UNRESOLVED_NO_PLAN_ID;
    ProtoField f;
    while (decode_next(d, &r, &f) > 0)
        if (f.number == SPARK_RELATION_COMMON_PLAN_ID)
            plan_id = proto_int64(f.value);
    return plan_id;
}

URel *decode_relation(Decoder *d, ProtoReader r)
{
    URel *rel = NULL;
    int64_t plan_id = UNRESOLVED_NO_PLAN_ID;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (!decode_enter(d, &r, &f, &inner))
            return NULL;
        if (f.number == SPARK_RELATION_COMMON)
            plan_id = decode_plan_id(d, inner);
        else
            rel = decode_body(d, f.number, inner);
        if (d->b->result != 0)
            return NULL;
    }
    if (n < 0)
        return NULL;
    if (!rel)
        return decode_malformed(d);
    /* A hint's input has an id of its own; the outer one is an alias of it. */
    if (rel->plan_id != UNRESOLVED_NO_PLAN_ID && plan_id != UNRESOLVED_NO_PLAN_ID) {
        URel *outer = urel_new(d->b, UREL_ALIAS);
        if (!outer)
            return NULL;
        outer->input = rel;
        rel = outer;
    }
    rel->plan_id = plan_id != UNRESOLVED_NO_PLAN_ID ? plan_id : rel->plan_id;
    return urel_seal(d->b, rel);
}
