/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One column chunk in the making: values and levels of the page that is open, pages that are done,
 * their bounds.
 *
 * A page ends at a row, at about PARQUET_WRITE_PAGE_BYTES or PARQUET_WRITE_PAGE_ROWS. Values go
 * into a dictionary until that has PARQUET_WRITE_DICTIONARY_BYTES, or until the first page of codes
 * shows that it saves nothing; from then on they are written as they are.
 */

#include "exec/parquet/parquet.h"
#include "exec/vec/nested.h"
#include "exec/write/compress.h"

#define PARQUET_WRITE_PAGE_BYTES ((size_t)1 << 20)
#define PARQUET_WRITE_PAGE_ROWS 20000u
#define PARQUET_WRITE_DICTIONARY_BYTES ((size_t)1 << 20)
#define PARQUET_WRITE_VALUE_BYTES ((uint32_t)64 << 20) /* of one string */
#define PARQUET_WRITE_BOUND 64u                        /* bytes of a bound; longer ones are cut */

/* Smallest and largest value. Bounds of byte arrays are cut, see leaf_bound(). */
typedef struct LeafBounds {
    bool any; /* a value that has an order was there */
    bool cut_min, cut_max;
    uint8_t n_min, n_max; /* BYTE_ARRAY */
    NestedValue min, max; /* the others */
    uint8_t min_bytes[PARQUET_WRITE_BOUND], max_bytes[PARQUET_WRITE_BOUND];
} LeafBounds;

typedef struct LeafPage {
    uint64_t offset;   /* in Leaf.pages */
    uint32_t n_bytes;  /* with its header */
    uint32_t n_levels; /* values, nulls counted */
    uint32_t n_nulls;
    uint64_t first_row; /* in the row group */
    LeafBounds bounds;
} LeafPage;

typedef struct Leaf {
    Type type;
    uint8_t physical; /* ParquetPhysical */
    uint8_t max_def, max_rep;
    uint8_t width; /* bytes of a value in a page; 0: BYTE_ARRAY */
    WriteCodec codec;
    MemPool *pool;
    Compressor *compressor; /* the file's */
    Bytes *body, *packed;   /* scratch of the file */

    /* The open page. */
    Bytes def, rep; /* a byte per level */
    Bytes values;   /* PLAIN; BOOLEAN a byte each */
    Bytes codes;    /* u32 per value, instead of values */
    uint32_t n_levels, n_rows, n_nulls;
    LeafBounds bounds;

    /* The chunk. */
    bool dictionary; /* values go through it */
    Bytes entries;   /* PLAIN */
    Bytes offsets;   /* BYTE_ARRAY: u32 per entry, where it begins */
    uint32_t n_entries;
    Bytes table;      /* u32 per slot: entry + 1 */
    uint32_t n_slots; /* power of two */
    Bytes pages;      /* headers and compressed bodies */
    Bytes page_list;  /* LeafPage */
    uint32_t n_dictionary_pages, n_plain_pages;
    uint64_t n_values, n_rows_done;
    uint64_t n_nulls_done;
    uint64_t n_uncompressed; /* of pages, with headers */
} Leaf;

void leaf_init(Leaf *leaf, MemPool *pool, Type type, uint8_t max_def, uint8_t max_rep,
               WriteCodec codec, Compressor *compressor, Bytes *body, Bytes *packed);
void leaf_done(Leaf *leaf);
/* Physical type and bytes of a value. */
ParquetPhysical leaf_physical(Type type, uint8_t *ret_width);

/**
 * leaf_begin_row() - what follows belongs to a new row; ends the page when it is full
 * Return: 0; MEM_E_*; negative errno.
 */
int leaf_begin_row(Leaf *leaf);
/* One level without a value. */
int leaf_add_null(Leaf *leaf, uint8_t rep, uint8_t def);
/* A value, of the kind that type_phys() says. Return: as above; -EMSGSIZE for one that is too
 * long. */
int leaf_add_value(Leaf *leaf, uint8_t rep, const NestedValue *value);
/* Ends the open page, if there is one. */
int leaf_finish_page(Leaf *leaf);
/* The dictionary page behind what is in @to. */
int leaf_dictionary_page(Leaf *leaf, Bytes *to, uint64_t *ret_uncompressed);
/* Forgets the chunk, keeps memory of moderate size. */
void leaf_reset(Leaf *leaf);
uint64_t leaf_bytes(const Leaf *leaf);

/* NaN has no order and leaves no trace. */
void bounds_add(LeafBounds *bounds, Type type, const NestedValue *value);
void bounds_merge(const Leaf *leaf, LeafBounds *to, const LeafBounds *from);
/* Return: -1, 0, 1. Both have some. */
int bounds_compare_min(const Leaf *leaf, const LeafBounds *a, const LeafBounds *b);
int bounds_compare_max(const Leaf *leaf, const LeafBounds *a, const LeafBounds *b);
/**
 * leaf_bound() - the smallest (or largest) value as it stands in statistics
 * Of byte arrays longer than PARQUET_WRITE_BOUND: something that is not above (below) it.
 * Return: bytes in @buf; -1: there is no such bound.
 */
int leaf_bound(const Leaf *leaf, const LeafBounds *bounds, bool max,
               uint8_t buf[PARQUET_WRITE_BOUND], bool *ret_exact);
