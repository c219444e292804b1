/* SPDX-License-Identifier: Apache-2.0 */

/* Columns by name: renamed, dropped, added, filled, described, unpivoted. */

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

URel *decode_deduplicate(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_DEDUPLICATE_INPUT] = PART_INPUT,
                                     [SPARK_DEDUPLICATE_COLUMN_NAMES] = PART_STRING,
                                     [SPARK_DEDUPLICATE_WITHIN_WATERMARK] = PART_INT};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_DEDUPLICATE, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.ints[SPARK_DEDUPLICATE_WITHIN_WATERMARK])
        return decode_unsupported(d, "structured streaming");
    decode_set_names(rel, &p.strings);
    return rel;
}

/* An input and names. */
URel *decode_named(Decoder *d, ProtoReader r, URelKind kind)
{
    static const uint8_t kinds[8] = {[1] = PART_INPUT, [2] = PART_STRING};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, kind, &p) : NULL;
    if (rel)
        decode_set_names(rel, &p.strings);
    return rel;
}

URel *decode_drop(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_DROP_INPUT] = PART_INPUT,
                                     [SPARK_DROP_COLUMNS] = PART_EXPR,
                                     [SPARK_DROP_COLUMN_NAMES] = PART_STRING};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_DROP, &p) : NULL;
    if (!rel)
        return NULL;
    decode_set_exprs(rel, &p.exprs);
    decode_set_names(rel, &p.strings);
    return rel;
}

/* Aliases are no Expressions here, but the messages inside one. */
static UExpr *decode_with_column(Decoder *d, ProtoReader r)
{
    UExpr *e = NULL;
    char *name = NULL, *metadata = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_ALIAS_EXPR)
            e = decode_enter_expression(d, &r, &f);
        else if (f.number == SPARK_ALIAS_NAME)
            name = decode_string(d, &f);
        else if (f.number == SPARK_ALIAS_METADATA)
            metadata = decode_string(d, &f);
    }
    UExpr *alias = n == 0 && e && name ? uexpr_alias(d->b, e, name) : decode_malformed(d);
    if (alias)
        alias->text = metadata;
    return alias;
}

URel *decode_with_columns(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_WITH_COLUMNS_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_WITH_COLUMNS_ALIASES &&
                 (!decode_enter(d, &r, &f, &inner) ||
                  !decode_add(d, &p.exprs, decode_with_column(d, inner))))
            return NULL;
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_WITH_COLUMNS, &p) : NULL;
    if (rel)
        decode_set_exprs(rel, &p.exprs);
    return rel;
}

URel *decode_renamed(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *from, *to;
        if (f.number == SPARK_WITH_COLUMNS_RENAMED_INPUT) {
            p.input = decode_enter_relation(d, &r, &f);
        } else if (f.number == SPARK_WITH_COLUMNS_RENAMED_RENAME_COLUMNS_MAP ||
                   f.number == SPARK_WITH_COLUMNS_RENAMED_RENAMES) {
            /* Both have the old name in field 1 and the new one in field 2. */
            if (!decode_enter(d, &r, &f, &inner) || !decode_entry(d, inner, &from, &to) ||
                !decode_add(d, &p.strings, from) || !decode_add(d, &p.strings, to))
                return decode_malformed(d);
        }
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_RENAME, &p) : NULL;
    if (rel)
        decode_set_names(rel, &p.strings);
    return rel;
}

URel *decode_na_drop(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_NA_DROP_INPUT] = PART_INPUT,
                                     [SPARK_NA_DROP_COLS] = PART_STRING,
                                     [SPARK_NA_DROP_MIN_NON_NULLS] = PART_INT};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? decode_over(d, UREL_NA_DROP, &p) : NULL;
    if (!rel)
        return NULL;
    decode_set_names(rel, &p.strings);
    rel->start = p.has[SPARK_NA_DROP_MIN_NON_NULLS] ? p.ints[SPARK_NA_DROP_MIN_NON_NULLS] : -1;
    return rel;
}

URel *decode_na_fill(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_NA_FILL_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_NA_FILL_COLS)
            decode_add(d, &p.strings, decode_string(d, &f));
        else if (f.number == SPARK_NA_FILL_VALUES && decode_enter(d, &r, &f, &inner))
            decode_add(d, &p.exprs, decode_literal(d, inner));
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_NA_FILL, &p) : NULL;
    if (!rel)
        return NULL;
    if (p.exprs.n == 0 || (p.exprs.n != 1 && p.exprs.n != p.strings.n))
        return decode_malformed(d);
    decode_set_exprs(rel, &p.exprs);
    decode_set_names(rel, &p.strings);
    return rel;
}

/* describe() and summary(): @kind's numbers of the columns and of the statistics, 0: none. */
URel *decode_describe(Decoder *d, ProtoReader r, bool summary)
{
    static const char *const usual[] = {"count", "mean", "stddev", "min", "max"};
    static const char *const all[] = {"count", "mean", "stddev", "min", "25%", "50%", "75%", "max"};
    static const uint8_t kinds[8] = {
        [SPARK_STAT_DESCRIBE_INPUT] = PART_INPUT, [SPARK_STAT_DESCRIBE_COLS] = PART_STRING};
    DecodeParts p;
    if (!decode_collect(d, r, kinds, &p))
        return NULL;
    URel *rel = decode_over(d, UREL_DESCRIBE, &p);
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
        decode_set_names(rel, &p.strings);
    return rel->parts ? rel : NULL;
}

URel *decode_replace(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner, value;
        ProtoField g;
        if (f.number == SPARK_NA_REPLACE_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
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
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_REPLACE, &p) : NULL;
    if (!rel)
        return NULL;
    decode_set_exprs(rel, &p.exprs);
    decode_set_names(rel, &p.strings);
    return rel;
}

URel *decode_unpivot(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    const char *names[2] = {NULL, NULL};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        ProtoField g;
        if (f.number == SPARK_UNPIVOT_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_UNPIVOT_IDS)
            decode_add(d, &p.exprs, decode_enter_expression(d, &r, &f));
        else if (f.number == SPARK_UNPIVOT_VALUES && decode_enter(d, &r, &f, &inner)) {
            while (decode_next(d, &inner, &g) > 0)
                if (g.number == SPARK_UNPIVOT_VALUES_VALUES)
                    decode_add(d, &p.exprs2, decode_enter_expression(d, &inner, &g));
        } else if (f.number == SPARK_UNPIVOT_VARIABLE_COLUMN_NAME)
            names[0] = decode_string(d, &f);
        else if (f.number == SPARK_UNPIVOT_VALUE_COLUMN_NAME)
            names[1] = decode_string(d, &f);
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_UNPIVOT, &p) : NULL;
    if (!rel)
        return NULL;
    if (!names[0] || !names[1])
        return decode_malformed(d);
    decode_set_exprs(rel, &p.exprs);
    rel->groups = (UExpr **)p.exprs2.items;
    rel->n_groups = p.exprs2.n;
    rel->names = ubuilder_dup(d->b, names, 2, sizeof(*names));
    rel->n_names = 2;
    return rel->names ? rel : NULL;
}

URel *decode_to_schema(Decoder *d, ProtoReader r)
{
    DecodeParts p = {0};
    Type type = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_TO_SCHEMA_INPUT)
            p.input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_TO_SCHEMA_SCHEMA && decode_enter(d, &r, &f, &inner) &&
                 !decode_type(d, inner, &type))
            return NULL;
    }
    URel *rel = n == 0 && d->b->result == 0 ? decode_over(d, UREL_TO_SCHEMA, &p) : NULL;
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
