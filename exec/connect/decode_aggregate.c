/* SPDX-License-Identifier: Apache-2.0 */

/* Aggregations: groups, grouping sets, pivots. */

#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

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
            if (g.number == 1 && !decode_add(d, &set, decode_enter_expression(d, &inner, &g)))
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
                decode_add(d, &columns, decode_enter_expression(d, &inner, &g));
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

URel *decode_aggregate(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_AGGREGATE_INPUT] = PART_INPUT,
                                     [SPARK_AGGREGATE_GROUP_TYPE] = PART_INT,
                                     [SPARK_AGGREGATE_GROUPING_EXPRESSIONS] = PART_EXPR,
                                     [SPARK_AGGREGATE_AGGREGATE_EXPRESSIONS] = PART_EXPR2};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_AGGREGATE, &p) : NULL;
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
    decode_set_exprs(rel, &p.exprs2);
    rel->with_groups = true;
    return rel;
}
