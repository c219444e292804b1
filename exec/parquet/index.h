/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a file says of its column chunks beside the footer: bounds of each page, and Bloom filters.
 * Both are hints. One that is broken, too large or of an unknown kind is as good as none; one that
 * lies hides rows, as statistics in a footer that lie do.
 * Source: parquet-format, PageIndex.md and BloomFilter.md.
 */

#include "exec/parquet/parquet.h"

#define PARQUET_INDEX_BYTES_MAX ((uint64_t)16 << 20) /* of one column chunk's */
#define PARQUET_BLOOM_BYTES_MAX ((uint64_t)32 << 20)
#define PARQUET_INDEX_PAGES_MAX 65536u

typedef struct ParquetPages {
    uint32_t n;
    uint64_t *first_row; /* u64[n + 1], in the row group; the last is its number of rows */
    ParquetStatistics *statistics; /* of each; strings point into @arena's memory */
} ParquetPages;

/**
 * parquet_pages_load() - the pages of a column chunk, from its column index and offset index
 * @arena:  charged for all of it
 * Return: 0, with ret_pages->n == 0 when there is no index that can be used; MEM_E_*; negative
 * errno.
 */
int parquet_pages_load(const ParquetFile *file, uint32_t row_group, uint32_t column,
                       MemArena *arena, ParquetPages *ret_pages);

/**
 * parquet_part_find() - the bytes of a column chunk that hold rows [@first, @end) of the row group
 * @arena:  for the offset index, which is not needed afterwards
 * Return: 0, all of the chunk where no index says more; MEM_E_*; negative errno.
 */
int parquet_part_find(const ParquetFile *file, uint32_t row_group, uint32_t column, uint64_t first,
                      uint64_t end, MemArena *arena, ParquetPart *ret_part);

typedef struct ParquetBloom {
    const ParquetColumn *column;
    uint32_t *words; /* NULL: there is none */
    size_t n_bytes;
} ParquetBloom;

/**
 * parquet_bloom_load() - the Bloom filter of a column chunk
 * @bytes_max: a larger one is not worth reading
 * Return: 0, with ret_bloom->words == NULL when there is none; MEM_E_*; negative errno.
 */
int parquet_bloom_load(const ParquetFile *file, uint32_t row_group, uint32_t column,
                       uint64_t bytes_max, MemPool *pool, ParquetBloom *ret_bloom);
void parquet_bloom_done(ParquetBloom *bloom, MemPool *pool);
/* False: no row of the chunk has that value. */
bool parquet_bloom_may_hold(const ParquetBloom *bloom, const ParquetValue *value);
