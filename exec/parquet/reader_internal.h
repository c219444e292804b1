/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/parquet/codec.h"
#include "exec/parquet/delta.h"
#include "exec/parquet/parquet_internal.h"
#include "exec/parquet/nested.h"
#include "exec/parquet/rle.h"

/* Readable bytes behind whatever a decoder walks over. */
#define PAGE_SLOP 64u

/* A block of memory that pages, or strings made from them, live in. */
typedef struct PageBuffer PageBuffer;
struct PageBuffer {
    PageBuffer *next;
    size_t n_block;
    uint8_t *bytes; /* 64-byte aligned */
    /* The bytes are those of an entry of a cache, which this is a reference to. */
    ParquetCache *cache;
    const struct CachedPage *cached;
};

typedef enum PageKind {
    PAGE_NONE,
    PAGE_PLAIN, /* fixed-size values, or u32 length and bytes */
    PAGE_BITS,  /* PLAIN booleans */
    PAGE_CODES, /* of the dictionary */
    PAGE_RLE_BOOL,
    PAGE_DELTA,         /* integers */
    PAGE_DELTA_LENGTH,  /* strings: lengths, then all bytes */
    PAGE_DELTA_STRINGS, /* strings: shared prefixes, lengths of the rest, bytes of the rest */
    PAGE_SPLIT,         /* BYTE_STREAM_SPLIT */
} PageKind;

typedef struct PageHeader {
    int64_t type, n_uncompressed, n_compressed, n_values, n_nulls, encoding;
    int64_t level_encoding, repetition_encoding;
    int64_t n_definition, n_repetition; /* bytes, v2 */
    uint32_t crc;
    bool has_crc, has_data, is_compressed;
    size_t n_header;
} PageHeader;

struct ParquetReader {
    MemPool *pool;
    Codec codec;
    const ParquetFile *file;
    const ParquetColumn *column;
    const ParquetChunk *chunk;
    PhysKind phys;
    uint32_t n_phys; /* bytes of one output value */

    const uint8_t *begin, *at, *end; /* of the chunk or a part of it: first byte, next page, end */
    uint64_t begin_offset;           /* in the file */
    ParquetPart part;                /* what comes behind @end, when @part_bytes */
    const uint8_t *part_bytes;
    uint64_t ahead;     /* rows that were left out before they were skipped */
    uint64_t rows_left; /* in pages that have not been started */
    uint64_t skip;      /* rows to leave out before the next value */

    /* Of a leaf of a nested column: levels of more than one bit, which nested.c reads. */
    bool is_leaf;
    uint32_t max_definition, max_repetition;
    RleReader repetition;
    NestedReader *nested; /* of the nested column itself */

    /* The page that is being read. */
    PageKind kind;
    uint64_t page_left; /* rows */
    LevelReader levels;
    const uint8_t *data, *data_end;
    RleReader codes;
    DeltaReader delta;    /* integers, or lengths */
    DeltaReader prefixes; /* PAGE_DELTA_STRINGS */
    VecString previous;   /* PAGE_DELTA_STRINGS: the last string made, in full in @previous_bytes */
    PageBuffer *previous_bytes;
    uint64_t value_index; /* PAGE_BITS, PAGE_SPLIT */
    uint64_t n_split;     /* PAGE_SPLIT: values of the page */
    PageBuffer *page;
    PageBuffer *retired; /* what the last batch may still point to */

    /* The dictionary of the chunk. */
    bool dictionary_loaded;
    bool dict_is_unique;
    uint32_t n_dict;
    uint64_t dict_id;
    void *dict_values;
    size_t n_dict_values; /* bytes of the block */
    PageBuffer *dict_page;
    const struct CachedPage *dict_cached; /* whose values and page these are, or NULL */

    /* Where batches are made. */
    uint8_t *block;
    size_t n_block;
    uint32_t *out_codes, *scratch_codes;
    uint64_t *out_valid;
    uint8_t *out_values, *scratch_values;
};

int reader_bad(const ParquetReader *reader, QueryError *error, const char *reason);

/* --- reader.c --- */
/* Begins @chunk as @column has it. */
int reader_open_chunk(ParquetReader *reader, const ParquetFile *file, const ParquetColumn *column,
                      const ParquetChunk *chunk, const uint8_t *bytes, QueryError *error);

/* Goes on with the pages behind the dictionary, which are elsewhere. Return: false when none are.
 */
bool reader_next_part(ParquetReader *reader);

/* --- page.c --- */
int page_buffer_new(MemPool *pool, size_t n_bytes, const char *what, PageBuffer **ret_buffer);
PageBuffer *page_buffer_free(MemPool *pool, PageBuffer *buffer);
void page_buffers_free(MemPool *pool, PageBuffer **list);
/* The dictionary that was loaded is let go. */
void page_dictionary_free(ParquetReader *reader);
/* Parses the header at reader->at. Return: NULL, or what is wrong. */
const char *page_header_read(const uint8_t *at, const uint8_t *end, PageHeader *ret_header);
/* The same of a header whose body is elsewhere. Return: false when it is broken or cut short. */
bool page_header_peek(const uint8_t *at, const uint8_t *end, PageHeader *ret_header);
/* Reads headers until a data page is next; a dictionary page on the way is loaded. */
int page_find(ParquetReader *reader, PageHeader *ret_header, QueryError *error);
/* Makes the data page with @header the current one. */
int page_start(ParquetReader *reader, const PageHeader *header, QueryError *error);
/* Moves behind it unread. */
void page_pass(ParquetReader *reader, const PageHeader *header);

/* --- values.c --- */
/*
 * Decodes @n values (no nulls) to @dst[0..n).
 * @sel: rows wanted of these, counted from @first; NULL: all
 * Return: 0; QUERY_E_FAILED; MEM_E_*.
 */
int values_decode(ParquetReader *reader, uint32_t n, void *dst, const uint16_t *sel, uint32_t n_sel,
                  uint32_t first, QueryError *error);
int values_skip(ParquetReader *reader, uint64_t n, QueryError *error);
/* Dictionary entries from PLAIN bytes. */
int values_dictionary(ParquetReader *reader, const uint8_t *bytes, size_t n_bytes, uint32_t n,
                      QueryError *error);
