/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that decode relations share, and what they give to decode_relation(). */

#include "exec/connect/decode.h"

/*
 * Most relations have one input and some lists. One walk collects what any of them may have; each
 * kind then takes its own.
 */
typedef struct DecodeParts {
    URel *input, *right;
    DecodeList exprs, exprs2, strings;
    int64_t ints[8];
    bool has[16];
} DecodeParts;

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

/* @kinds: by field number. False after a failure. */
bool decode_collect(Decoder *d, ProtoReader r, const uint8_t kinds[8], DecodeParts *p);
/* A relation over the input that was collected; malformed without one. */
URel *decode_over(Decoder *d, URelKind kind, const DecodeParts *p);
void decode_set_exprs(URel *rel, const DecodeList *list);
void decode_set_names(URel *rel, const DecodeList *list);
/* A field that is such a message. */
URel *decode_enter_relation(Decoder *d, const ProtoReader *r, const ProtoField *f);
UExpr *decode_enter_expression(Decoder *d, const ProtoReader *r, const ProtoField *f);

/* decode_source.c */
URel *decode_read(Decoder *d, ProtoReader r);
URel *decode_sql(Decoder *d, ProtoReader r);
URel *decode_range(Decoder *d, ProtoReader r);
/* decode_join.c */
URel *decode_join(Decoder *d, ProtoReader r);
URel *decode_lateral_join(Decoder *d, ProtoReader r);
URel *decode_set_operation(Decoder *d, ProtoReader r);
URel *decode_with_relations(Decoder *d, ProtoReader r);
/* decode_near.c */
URel *decode_as_of_join(Decoder *d, ProtoReader r);
URel *decode_nearest_by_join(Decoder *d, ProtoReader r);
/* parse.c */
URel *decode_parse(Decoder *d, ProtoReader r);
/* decode_aggregate.c */
URel *decode_aggregate(Decoder *d, ProtoReader r);
/* decode_columns.c */
URel *decode_deduplicate(Decoder *d, ProtoReader r);
URel *decode_named(Decoder *d, ProtoReader r, URelKind kind);
URel *decode_drop(Decoder *d, ProtoReader r);
URel *decode_with_columns(Decoder *d, ProtoReader r);
URel *decode_renamed(Decoder *d, ProtoReader r);
URel *decode_na_drop(Decoder *d, ProtoReader r);
URel *decode_na_fill(Decoder *d, ProtoReader r);
URel *decode_describe(Decoder *d, ProtoReader r, bool summary);
URel *decode_replace(Decoder *d, ProtoReader r);
URel *decode_unpivot(Decoder *d, ProtoReader r);
URel *decode_to_schema(Decoder *d, ProtoReader r);
/* local_relation.c: a relation from Arrow streams, one after the other, and a schema of DDL or JSON
 * that their columns are cast to by position; both may be missing. */
typedef struct LocalRows {
    URel *rel; /* NULL: none yet */
    DecodeList batches;
} LocalRows;
/* Copies the rows. Return: false after a failure. */
bool local_rows_add(Decoder *d, LocalRows *rows, ProtoBytes stream);
URel *local_rows_finish(Decoder *d, LocalRows *rows, ProtoBytes schema);
