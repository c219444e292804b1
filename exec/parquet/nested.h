/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside parquet/: nested columns. A column of ARRAY, MAP or STRUCT is stored as its leaves, each
 * value with two levels: how much of its path is there (definition), and at which repeated field of
 * the path it goes on (repetition). Source: Melnik et al., "Dremel", VLDB 2010; parquet-format,
 * "Nested Encoding".
 */

#include "exec/parquet/parquet_internal.h"

typedef enum ParquetNodeKind {
    PARQUET_NODE_LEAF,
    PARQUET_NODE_LIST, /* child 0 is the element */
    PARQUET_NODE_MAP,  /* children 0 and 1 are key and value */
    PARQUET_NODE_STRUCT,
} ParquetNodeKind;

typedef struct ParquetLevels {
    uint32_t definition, repetition;
} ParquetLevels;

typedef struct ParquetNode ParquetNode;
struct ParquetNode {
    uint8_t kind; /* ParquetNodeKind */
    bool optional;
    Type type;
    /* Not null from this definition level on. */
    uint32_t definition, repetition;
    /* LIST, MAP: an entry is there from this definition level on; another one of the same follows
     * at this repetition level. */
    uint32_t inner_definition, inner_repetition;
    uint32_t first_leaf, n_leaves; /* counted in the column */
    uint32_t n_children;
    ParquetNode **children;
    ParquetColumn *leaf; /* LEAF; @leaf->leaf is counted in the column */
};

/* The column at element @at of the schema, which is a group or repeated: its tree and type, or what
 * makes it unreadable. */
void nested_schema_build(ParquetFile *file, ParquetColumn *column, const SchemaElement *elements,
                         uint32_t n_elements, uint32_t at);

/* A reader's part for them (nested.c). */
typedef struct NestedReader NestedReader;
int nested_reader_open(ParquetReader *reader, uint32_t row_group, const uint8_t *bytes,
                       QueryError *error);
void nested_reader_free(ParquetReader *reader);
int nested_reader_next(ParquetReader *reader, uint32_t n_rows, const uint16_t *sel, uint32_t n_sel,
                       Vector *ret_out, QueryError *error);
