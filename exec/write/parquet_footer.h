/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The Parquet file in the making, between its two halves: rows into chunks, and the footer. */

#include "exec/write/parquet_leaf.h"
#include "exec/write/write.h"

/* How a column, or a part of a nested one, is made of leaves. */
typedef struct WriteNode {
    Type type;
    bool nullable;
    uint8_t def, rep; /* levels of its parent */
    uint32_t n_children;
    struct WriteNode *children;
    uint32_t leaf; /* first of its leaves */
    uint32_t n_leaves;
} WriteNode;

/* A finished column chunk. Offsets in the file, but for those of its indexes. */
typedef struct ChunkMeta {
    uint64_t begin, data_offset, n_bytes, n_uncompressed;
    uint64_t n_values, n_nulls;
    uint64_t column_index, offset_index; /* in ParquetOut.indexes */
    uint32_t n_column_index, n_offset_index;
    uint32_t n_dictionary_pages, n_plain_pages;
    bool has_dictionary;
    LeafBounds bounds;
} ChunkMeta;

typedef struct GroupMeta {
    uint64_t n_rows, begin;
} GroupMeta;

typedef struct ParquetOut {
    const WriteSpec *spec;
    MemPool *pool;
    MemArena *arena;
    Output *out;
    Compressor compressor;
    Bytes body, packed;
    WriteNode *columns;
    Leaf *leaves;
    const char **paths; /* per leaf: its path, names behind one another with their NUL */
    uint8_t *n_path;    /* per leaf: names in it */
    uint32_t n_leaves;
    uint64_t group_bytes; /* in memory, when a row group ends */
    uint64_t n_rows, n_group_rows;
    int failed;    /* a row group that was written in part: the file is worth nothing */
    Bytes groups;  /* GroupMeta */
    Bytes chunks;  /* ChunkMeta, n_leaves for each group */
    Bytes indexes; /* column and offset indexes */
} ParquetOut;

/* Column and offset index of a finished leaf, whose pages begin at @begin of the file. */
int footer_add_index(ParquetOut *p, const Leaf *leaf, uint64_t begin, ChunkMeta *chunk);
/* Indexes, footer, its length and the magic. */
int footer_write(ParquetOut *p);
