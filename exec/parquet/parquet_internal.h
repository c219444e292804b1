/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/parquet/parquet.h"
#include "exec/parquet/thrift.h"

/* Numbers of parquet.thrift. */
enum {
    PARQUET_CODEC_NONE = 0,
    PARQUET_CODEC_SNAPPY = 1,
    PARQUET_CODEC_GZIP = 2,
    PARQUET_CODEC_LZO = 3,
    PARQUET_CODEC_BROTLI = 4,
    PARQUET_CODEC_LZ4_HADOOP = 5,
    PARQUET_CODEC_ZSTD = 6,
    PARQUET_CODEC_LZ4_RAW = 7,
};

enum {
    PARQUET_PLAIN = 0,
    PARQUET_PLAIN_DICTIONARY = 2,
    PARQUET_RLE = 3,
    PARQUET_BIT_PACKED = 4,
    PARQUET_DELTA_BINARY_PACKED = 5,
    PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    PARQUET_DELTA_BYTE_ARRAY = 7,
    PARQUET_RLE_DICTIONARY = 8,
    PARQUET_BYTE_STREAM_SPLIT = 9,
};

enum {
    PARQUET_PAGE_DATA = 0,
    PARQUET_PAGE_INDEX = 1,
    PARQUET_PAGE_DICTIONARY = 2,
    PARQUET_PAGE_DATA_V2 = 3,
};

struct ParquetFile {
    IoFile *io;
    MemArena *arena;
    const uint8_t *footer;
    size_t n_footer;
    ParquetColumn *columns;
    uint32_t n_columns, n_leaves;
    ParquetRowGroup *row_groups;
    uint32_t n_row_groups;
    uint64_t n_rows;
    const char *created_by;
    ParquetCache *cache;
    uint64_t cache_number; /* what its pages are known by there */
};

/* One element of the footer's schema list. */
typedef struct SchemaElement {
    const uint8_t *name;
    size_t n_name;
    int8_t physical;   /* ParquetPhysical, -1 for groups */
    int8_t repetition; /* 0 required, 1 optional, 2 repeated */
    int8_t converted;  /* ConvertedType, -1 none */
    int8_t logical;    /* field number of the LogicalType union, 0 none */
    int8_t unit;       /* of TIME and TIMESTAMP: 1 millis, 2 micros, 3 nanos */
    int8_t bit_width;  /* of INTEGER */
    bool is_signed, is_utc;
    int32_t type_length, scale, precision;
    uint32_t n_children;
} SchemaElement;

/**
 * schema_build() - top-level columns from the flat list of elements
 * Return: NULL, or what is wrong; @file->columns and counts are set.
 */
const char *schema_build(ParquetFile *file, const SchemaElement *elements, uint32_t n_elements);

/* One vocabulary for old annotations and new ones. */
void schema_normalise(SchemaElement *e);
bool schema_is_list(const SchemaElement *e);
bool schema_is_map(const SchemaElement *e);
/* Type, conversion and physical type of a leaf, whatever it repeats. Return: NULL, or what is
 * wrong. */
const char *schema_leaf(ParquetColumn *column, SchemaElement *e);

/* A stored value in its PLAIN form. Return: false when it has the wrong length. */
bool statistics_value(const ParquetColumn *column, const uint8_t *bytes, uint32_t n,
                      ParquetValue *ret_value);
