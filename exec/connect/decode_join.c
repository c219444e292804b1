/* SPDX-License-Identifier: Apache-2.0 */

/* Relations of two inputs and more: joins, set operations, plans that others name. */

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

URel *decode_join(Decoder *d, ProtoReader r)
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
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_JOIN, &p) : NULL;
    if (!rel)
        return NULL;
    int64_t type = p.ints[SPARK_JOIN_JOIN_TYPE];
    if (!p.right || type < 0 || type >= (int64_t)ARRAY_SIZE(types) || p.exprs.n > 1)
        return decode_malformed(d);
    rel->right = p.right;
    rel->join_type = types[type];
    rel->condition = p.exprs.n ? p.exprs.items[0] : NULL;
    decode_set_names(rel, &p.strings);
    return rel;
}

URel *decode_lateral_join(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_LATERAL_JOIN_LEFT] = PART_INPUT,
                                     [SPARK_LATERAL_JOIN_RIGHT] = PART_RIGHT,
                                     [SPARK_LATERAL_JOIN_JOIN_CONDITION] = PART_EXPR,
                                     [SPARK_LATERAL_JOIN_JOIN_TYPE] = PART_INT};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_JOIN, &p) : NULL;
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

URel *decode_set_operation(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_SET_OPERATION_LEFT_INPUT] = PART_INPUT,
                                     [SPARK_SET_OPERATION_RIGHT_INPUT] = PART_RIGHT,
                                     [SPARK_SET_OPERATION_SET_OP_TYPE] = PART_INT,
                                     [SPARK_SET_OPERATION_IS_ALL] = PART_INT,
                                     [SPARK_SET_OPERATION_BY_NAME] = PART_INT,
                                     [SPARK_SET_OPERATION_ALLOW_MISSING_COLUMNS] = PART_INT};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? urel_new(d->b, UREL_SET_OP) : NULL;
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

/*
 * WithRelations: plans that the root names, by alias (df parameters of spark.sql) or by plan id
 * (subquery expressions).
 */
URel *decode_with_relations(Decoder *d, ProtoReader r)
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
        URel *rel = decode_enter_relation(d, &walk, &f);
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
    URel *input = decode_enter_relation(d, &r, &root);
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
