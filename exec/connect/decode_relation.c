/* SPDX-License-Identifier: Apache-2.0 */

/* Relation messages: what most of them have in common, those of one input, and which is which. */

#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

URel *decode_enter_relation(Decoder *d, const ProtoReader *r, const ProtoField *f)
{
    ProtoReader inner;
    return decode_enter(d, r, f, &inner) ? decode_relation(d, inner) : NULL;
}

UExpr *decode_enter_expression(Decoder *d, const ProtoReader *r, const ProtoField *f)
{
    ProtoReader inner;
    return decode_enter(d, r, f, &inner) ? decode_expression(d, inner) : NULL;
}

bool decode_collect(Decoder *d, ProtoReader r, const uint8_t kinds[8], DecodeParts *p)
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
            p->input = decode_enter_relation(d, &r, &f);
            break;
        case PART_RIGHT:
            p->right = decode_enter_relation(d, &r, &f);
            break;
        case PART_EXPR:
            decode_add(d, &p->exprs, decode_enter_expression(d, &r, &f));
            break;
        case PART_EXPR2:
            decode_add(d, &p->exprs2, decode_enter_expression(d, &r, &f));
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

URel *decode_over(Decoder *d, URelKind kind, const DecodeParts *p)
{
    if (!p->input)
        return decode_malformed(d);
    URel *rel = urel_new(d->b, kind);
    if (rel)
        rel->input = p->input;
    return rel;
}

void decode_set_exprs(URel *rel, const DecodeList *list)
{
    rel->exprs = (UExpr **)list->items;
    rel->n_exprs = list->n;
}

void decode_set_names(URel *rel, const DecodeList *list)
{
    rel->names = (const char **)list->items;
    rel->n_names = list->n;
}

static URel *decode_project(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_PROJECT_INPUT] = PART_INPUT, [SPARK_PROJECT_EXPRESSIONS] = PART_EXPR};
    DecodeParts p;
    if (!decode_collect(d, r, kinds, &p))
        return NULL;
    if (!p.input) {
        p.input = urel_seal(d->b, urel_new(d->b, UREL_ONE_ROW));
        if (!p.input)
            return NULL;
    }
    URel *rel = decode_over(d, UREL_PROJECT, &p);
    if (rel)
        decode_set_exprs(rel, &p.exprs);
    return rel;
}

static URel *decode_filter(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_FILTER_INPUT] = PART_INPUT, [SPARK_FILTER_CONDITION] = PART_EXPR};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_FILTER, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.exprs.n != 1)
        return decode_malformed(d);
    rel->condition = p.exprs.items[0];
    return rel;
}

static URel *decode_sample(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    double low = 0, high = 0;
    int64_t seed = 0;
    bool seeded = false;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_SAMPLE_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
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
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_SAMPLE, &p) : NULL;
    if (!rel)
        return NULL;
    rel->low = low;
    rel->high = high;
    rel->start = seed;
    rel->all = !seeded;
    return rel;
}

bool decode_sort_order(Decoder *d, ProtoReader r, USortKey *key)
{
    ProtoField f;
    int n;
    uint64_t direction = 0, nulls = 0;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_SORT_ORDER_CHILD)
            key->expr = decode_enter_expression(d, &r, &f);
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
    DecodeParts p = {0};
    DecodeList keys = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_SORT_INPUT) {
            p.input = decode_enter_relation(d, &r, &f);
        } else if (f.number == SPARK_SORT_ORDER) {
            USortKey *key = ubuilder_alloc(d->b, 1, sizeof(*key));
            if (!key || !decode_enter(d, &r, &f, &inner) || !decode_sort_order(d, inner, key) ||
                !decode_add(d, &keys, key))
                return NULL;
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_SORT, &p) : NULL;
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
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_LIMIT, &p) : NULL;
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
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_TAIL, &p) : NULL;
    if (rel)
        rel->start = (int32_t)p.ints[SPARK_TAIL_LIMIT];
    return rel;
}

static URel *decode_subquery_alias(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {
        [SPARK_SUBQUERY_ALIAS_INPUT] = PART_INPUT, [SPARK_SUBQUERY_ALIAS_ALIAS] = PART_STRING};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_ALIAS, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.strings.n != 1)
        return decode_malformed(d);
    rel->name = p.strings.items[0];
    return rel;
}

/* Hints and partitionings say how, not what: the input alone. */
static URel *decode_input_only(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == 1)
            return decode_enter_relation(d, &r, &f);
    return n == 0 ? decode_malformed(d) : NULL;
}

static const char *refused_name(uint32_t number)
{
    static const struct {
        uint32_t number;
        const char *name;
    } names[] = {{SPARK_RELATION_MAP_PARTITIONS, "mapInPandas() (MapPartitions)"},
                 {SPARK_RELATION_GROUP_MAP, "applyInPandas() (GroupMap)"},
                 {SPARK_RELATION_CO_GROUP_MAP, "cogroup() (CoGroupMap)"},
                 {SPARK_RELATION_WITH_WATERMARK, "withWatermark() (WithWatermark)"},
                 {SPARK_RELATION_APPLY_IN_PANDAS_WITH_STATE, "applyInPandasWithState()"},
                 {SPARK_RELATION_RELATION_CHANGES, "changes of a table (RelationChanges)"},
                 {SPARK_RELATION_CROSSTAB, "crosstab() (StatCrosstab)"},
                 {SPARK_RELATION_FREQ_ITEMS, "freqItems() (StatFreqItems)"},
                 {SPARK_RELATION_SAMPLE_BY, "sampleBy() (StatSampleBy)"},
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
    case SPARK_RELATION_AS_OF_JOIN:
        return decode_as_of_join(d, r);
    case SPARK_RELATION_NEAREST_BY_JOIN:
        return decode_nearest_by_join(d, r);
    case SPARK_RELATION_PARSE:
        return decode_parse(d, r);
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
    case SPARK_RELATION_CATALOG:
        return decode_catalog(d, r);
    case SPARK_RELATION_LOCAL_RELATION:
        return decode_local_relation(d, r);
    case SPARK_RELATION_CACHED_LOCAL_RELATION:
        return decode_cached_local(d, r);
    case SPARK_RELATION_CHUNKED_CACHED_LOCAL_RELATION:
        return decode_chunked_local(d, r);
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
    case SPARK_RELATION_CROSSTAB:
        return decode_crosstab(d, r);
    case SPARK_RELATION_FREQ_ITEMS:
        return decode_freq_items(d, r);
    case SPARK_RELATION_SAMPLE_BY:
        return decode_sample_by(d, r);
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
