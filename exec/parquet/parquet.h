/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Parquet files: footer, schema, statistics (ParquetFile, const once opened, shared by threads) and
 * values (ParquetReader, one column chunk at a time, one thread).
 * Source: the Apache Parquet format, parquet-format 2.11: README, Encodings.md, LogicalTypes.md,
 * Compression.md, parquet.thrift.
 *
 * Every byte of a file is untrusted: lengths are checked against the file and the named limits
 * below before anything is allocated, and what is allocated is charged first.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/io/io.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/vec/vector.h"

#define PARQUET_FOOTER_BYTES_MAX ((uint64_t)64 << 20)
#define PARQUET_PAGE_BYTES_MAX ((uint64_t)128 << 20) /* of one page, compressed or not */
#define PARQUET_DICTIONARY_BYTES_MAX ((uint64_t)64 << 20)
#define PARQUET_DICTIONARY_ENTRIES_MAX (UINT32_C(4) << 20)
#define PARQUET_COLUMNS_MAX 32768u
#define PARQUET_ROW_GROUPS_MAX 1000000u
#define PARQUET_SCHEMA_DEPTH_MAX 64u
#define PARQUET_NAME_BYTES_MAX 4096u
#define PARQUET_STATISTICS_BYTES_MAX 65536u /* longer minima and maxima are left out */

typedef struct ParquetFile ParquetFile;
typedef struct ParquetReader ParquetReader;

typedef enum ParquetPhysical {
    PARQUET_BOOLEAN,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96,
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTE_ARRAY,
    PARQUET_FIXED,
    _PARQUET_PHYSICAL_MAX,
} ParquetPhysical;

/* How a stored value becomes a value of a Vector. */
typedef enum ParquetConversion {
    PARQUET_AS_IS,
    PARQUET_TO_I8,
    PARQUET_TO_I16, /* also unsigned 8 bits */
    PARQUET_U16_TO_I32,
    PARQUET_U32_TO_I64,
    PARQUET_I32_TO_I64, /* decimals */
    PARQUET_U64_TO_I128,
    PARQUET_I32_TO_I128,
    PARQUET_I64_TO_I128,
    PARQUET_MILLIS_TO_MICROS,
    PARQUET_NANOS_TO_MICROS,
    PARQUET_INT96_TO_MICROS,
    PARQUET_BYTES_TO_I64, /* big-endian two's complement, decimals */
    PARQUET_BYTES_TO_I128,
    PARQUET_BITS_TO_BOOL,
} ParquetConversion;

/* One top-level column. */
typedef struct ParquetColumn {
    const char *name;
    Type type;              /* TYPE_NULL when @unreadable */
    bool required;          /* cannot hold nulls */
    const char *unreadable; /* NULL, or what it is: "list", "struct", "time(micros)" */
    uint8_t physical;       /* ParquetPhysical */
    uint8_t conversion;     /* ParquetConversion */
    bool is_unsigned;
    uint32_t fixed_bytes;             /* of one stored value; 0 for BOOLEAN and BYTE_ARRAY */
    uint32_t leaf;                    /* number of its (first) column chunk in a row group */
    uint32_t n_leaves;                /* 0: a group without any leaf */
    const struct ParquetNode *nested; /* ARRAY, MAP, STRUCT: how it is made of its leaves */
} ParquetColumn;

typedef struct ParquetChunk {
    uint64_t offset, n_bytes; /* all of its pages; lies within the file */
    uint64_t n_uncompressed;
    uint64_t n_values;
    uint64_t dictionary_offset; /* 0: none */
    const uint8_t *min, *max;   /* stored form, or NULL */
    uint32_t n_min, n_max;
    int64_t null_count; /* -1 unknown */
    uint8_t codec;
    uint8_t physical;
    bool only_dictionary; /* the writer says that every data page is dictionary-encoded */
    bool min_exact, max_exact;
    uint64_t bloom_offset; /* 0: none; may lie anywhere, as the next two */
    uint64_t offset_index, column_index;
    uint32_t n_offset_index, n_column_index; /* 0: none */
    bool encrypted; /* with a key of its own or the footer's: cannot be read */
} ParquetChunk;

typedef struct ParquetRowGroup {
    uint64_t n_rows;
    uint64_t first_row;         /* in the file */
    const ParquetChunk *chunks; /* by leaf */
    const ParquetChunk *spans;  /* by column: all leaves of a nested one; NULL: there is none */
} ParquetRowGroup;

/**
 * parquet_file_open() - read and check the footer
 * @file:   referenced by the result
 * @pool:   charged for the footer as long as the result lives
 * @error:  CANNOT_READ_FILE_FOOTER with path and reason
 * Return: 0; QUERY_E_FAILED; MEM_E_*; -ENOMEM.
 */
int parquet_file_open(IoFile *file, MemPool *pool, ParquetFile **ret_file, QueryError *error);
ParquetFile *parquet_file_free(ParquetFile *file);
IoFile *parquet_file_io(const ParquetFile *file);
uint64_t parquet_file_rows(const ParquetFile *file);
uint32_t parquet_file_n_columns(const ParquetFile *file);
const ParquetColumn *parquet_file_column(const ParquetFile *file, uint32_t column);
uint32_t parquet_file_n_row_groups(const ParquetFile *file);
const ParquetRowGroup *parquet_file_row_group(const ParquetFile *file, uint32_t row_group);
const ParquetChunk *parquet_file_chunk(const ParquetFile *file, uint32_t row_group,
                                       uint32_t column);
/* "parquet-mr version ..." or "". */
const char *parquet_file_created_by(const ParquetFile *file);
uint64_t parquet_file_memory(const ParquetFile *file);

/*
 * Pages of a session's files, kept once they were decompressed, dictionaries once they were
 * decoded. It takes memory that is free, up to a share of the limit, and gives it back when
 * somebody needs it. Keyed by file object, which its owner replaces when the file changes.
 */
typedef struct ParquetCache ParquetCache;

typedef struct ParquetCacheStatistics {
    uint64_t bytes, n_pages, n_hits, n_misses;
} ParquetCacheStatistics;

/* @root: a root account, which has this as its cache from now on. Return: 0; -ENOMEM; MEM_E_*. */
int parquet_cache_new(MemPool *root, ParquetCache **ret_cache);
/* When no reader is left. Accepts NULL. */
ParquetCache *parquet_cache_free(ParquetCache *cache);
/* A query begins: age is counted in these. Accepts NULL. */
void parquet_cache_tick(ParquetCache *cache);
/*
 * What the root's limit would have to be for pages that found no room lately; 0 when there were
 * none worth it, or without a cache.
 */
uint64_t parquet_cache_wish(ParquetCache *cache);
/* From now on readers of @file look into @cache (NULL: none) first. */
void parquet_file_use_cache(ParquetFile *file, ParquetCache *cache);
/* Before @file is freed, or when it is known to have changed. */
void parquet_cache_forget(ParquetCache *cache, ParquetFile *file);
void parquet_cache_statistics(ParquetCache *cache, ParquetCacheStatistics *ret_statistics);

/* A value as statistics and literals hold it; the form of plan.h's Literal without the tree. */
typedef struct ParquetValue {
    union {
        int64_t i;     /* PHYS_BOOL..PHYS_I64 */
        __int128 i128; /* PHYS_I128 */
        double d;      /* PHYS_F32, PHYS_F64 */
        VecString s;   /* PHYS_STRING; points into the footer */
    };
} ParquetValue;

typedef struct ParquetStatistics {
    bool has_min, has_max; /* bounds: no value lies outside; NaN is not counted */
    bool has_null_count;
    bool may_be_nan; /* floating point: a NaN may be there, which sorts above @max */
    uint64_t null_count;
    ParquetValue min, max;
} ParquetStatistics;

/* What the footer says of one column chunk. Cannot fail: what cannot be used is left out. */
void parquet_statistics(const ParquetFile *file, uint32_t row_group, uint32_t column,
                        ParquetStatistics *ret_statistics);

/**
 * parquet_dictionary_size() - entries of a chunk's dictionary, by reading its page header
 * Return: 0 with *ret_n = 0 when it has none; negative errno.
 */
int parquet_dictionary_size(const ParquetFile *file, uint32_t row_group, uint32_t column,
                            uint32_t *ret_n);

/**
 * parquet_reader_new() - a reader; its buffers are kept from chunk to chunk
 * Return: 0; -ENOMEM; MEM_E_*.
 */
int parquet_reader_new(MemPool *pool, ParquetReader **ret_reader);
ParquetReader *parquet_reader_free(ParquetReader *reader);

/**
 * parquet_reader_open() - begin a column chunk
 * @bytes:  the chunk's n_bytes and IO_SLOP more; borrowed until the next open or close
 * What an earlier chunk gave out becomes invalid.
 * Return: 0; QUERY_E_FAILED (a column that cannot be read, a codec that is not known, ...);
 * MEM_E_*.
 */
int parquet_reader_open(ParquetReader *reader, const ParquetFile *file, uint32_t row_group,
                        uint32_t column, const uint8_t *bytes, QueryError *error);
void parquet_reader_close(ParquetReader *reader);

/* Of a column chunk: its dictionary and some pages that follow one another. */
typedef struct ParquetPart {
    uint64_t n_dictionary; /* bytes from the chunk's begin; 0: none, or among the others */
    uint64_t offset, n_bytes;
    uint64_t first_row; /* of these pages; rows before are skipped, never asked for */
} ParquetPart;

/* As parquet_reader_open(), with IO_SLOP behind @dictionary's bytes and behind @bytes. */
int parquet_reader_open_part(ParquetReader *reader, const ParquetFile *file, uint32_t row_group,
                             uint32_t column, const ParquetPart *part, const uint8_t *dictionary,
                             const uint8_t *bytes, QueryError *error);

/**
 * parquet_reader_next() - the next @n_rows values
 * @n_rows:  1..VEC_ROWS_MAX, not more than are left in the chunk
 * @sel:     rows of these that are wanted, ascending u16[@n_sel]; NULL: all. The others may be left
 *           undefined, but every code of a dictionary vector is below n_dict.
 * @ret_out: out, n_rows rows, FLAT or DICT; valid until the next call of next() (dictionary and
 *           its strings: until the chunk is closed)
 * Return: 0; QUERY_E_FAILED with FAILED_READ_FILE; MEM_E_*.
 */
int parquet_reader_next(ParquetReader *reader, uint32_t n_rows, const uint16_t *sel, uint32_t n_sel,
                        Vector *ret_out, QueryError *error);
/* Leaves out @n_rows; whole pages are not even decompressed. Costs nothing until the next next().
 */
void parquet_reader_skip(ParquetReader *reader, uint64_t n_rows);

/**
 * parquet_reader_dictionary() - the chunk's dictionary before any value is decoded
 * @ret_only:  out, every data page so far known is dictionary-encoded: if no entry passes a filter
 *             and nulls do not, the chunk has no row for it
 * Return: 0 with ret_dictionary->n_dict == 0 when there is none; as parquet_reader_next().
 * @ret_dictionary: out, VEC_FLAT over the n_dict entries, dict_id set
 */
int parquet_reader_dictionary(ParquetReader *reader, Vector *ret_dictionary, bool *ret_only,
                              QueryError *error);
