/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rows on disk, for operators whose rows do not fit in memory.
 *
 *   SpillSpace    one per query: a file without a name, appended to by all workers
 *   SpillRun      some rows in it: a list of blocks, in the order in which they were written
 *   SpillWriter   collects rows in a buffer and writes a block when it is full
 *   SpillReader   one block at a time back into memory
 *
 * A block is rows of one fixed size, then the bytes of their long strings, compressed by LZ4 (or as
 * they are when that gains nothing) and guarded by a checksum. In memory after reading it looks as
 * before writing: VecStrings point into the block. The file disappears with its descriptor,
 * whatever happens.
 *
 * A space may be used by several threads; a run, a writer, a reader by one at a time.
 */

#include <stdatomic.h>

#include "exec/op/run.h"
#include "exec/vec/row.h"

/* Rows and strings of a block before compression, and what the compressed form needs at most: both
 * together fill one 256 KiB cell. */
#define SPILL_BLOCK_BYTES ((uint32_t)126 << 10)

typedef struct SpillSpace SpillSpace;

/* What a row is: where in its bytes strings lie. */
typedef struct SpillShape {
    uint32_t size; /* multiple of 8 */
    uint32_t n_strings;
    uint32_t *strings; /* offsets of VecStrings; those of nulls are zeroed */
} SpillShape;

typedef struct SpillBlock {
    uint64_t offset; /* in the file */
    uint64_t checksum;
    uint32_t stored; /* bytes in the file; @raw: not compressed */
    uint32_t raw;
    uint32_t n_rows;
} SpillBlock;

typedef struct SpillChunk SpillChunk;

typedef struct SpillRun {
    SpillChunk *first, *last;
    uint32_t n_blocks;
    uint64_t n_rows;
    uint64_t raw_bytes; /* rows and strings as they were in memory */
    uint32_t raw_max;   /* of one block */
} SpillRun;

/* Walks the blocks of a run. */
typedef struct SpillCursor {
    const SpillChunk *chunk;
    uint32_t at;
} SpillCursor;

/* Return: 0; -ENOMEM. */
int spill_space_new(const ExecSpill *options, MemPool *pool, SpillSpace **ret_space);
/* Accepts NULL. */
SpillSpace *spill_space_free(SpillSpace *space);
/* Written so far. */
uint64_t spill_space_bytes(const SpillSpace *space);

/* A shape of @layout with @head more bytes in front of it. Return: 0; mem_arena_error(). */
int spill_shape_of_layout(MemArena *arena, const RowLayout *layout, uint32_t head,
                          SpillShape *ret_shape);

typedef struct SpillWriter {
    SpillSpace *space;
    const SpillShape *shape;
    uint8_t *buffer; /* [capacity], rows and strings */
    uint8_t *packed; /* [spill_packed_bytes(capacity)], the compressed form; writers may share it */
    uint32_t capacity;
    uint32_t n_rows, n_strings; /* rows from the front, bytes of strings from the back */
    uint64_t written;           /* bytes of the file, by this writer */
} SpillWriter;

size_t spill_packed_bytes(uint32_t capacity);
/* @buffer is 8-aligned; both are borrowed. */
void spill_writer_init(SpillWriter *w, SpillSpace *space, const SpillShape *shape, void *buffer,
                       uint32_t capacity, void *packed);
/**
 * spill_write() - append a row to a run, through the writer's buffer
 * @head, @n_head:  first bytes of the row as written, or NULL, 0
 * @row:            the others: shape->size - @n_head
 * All rows in the buffer go to one run: spill_flush() before another is begun.
 * Return: 0; QUERY_E_FAILED (no space); MEM_E_* (a row larger than the buffer, the run's list).
 */
int spill_write(SpillWriter *w, SpillRun *run, const void *head, uint32_t n_head,
                const uint8_t *row, QueryError *error);
/* Writes what is in the buffer. */
int spill_flush(SpillWriter *w, SpillRun *run, QueryError *error);

/* Frees the list; the bytes stay in the file. */
void spill_run_done(SpillRun *run, SpillSpace *space);
/* All blocks of @from behind those of @to. Allocates nothing. */
void spill_run_join(SpillRun *to, SpillRun *from, SpillSpace *space);

static inline SpillCursor spill_run_begin(const SpillRun *run)
{
    return (SpillCursor){.chunk = run->first};
}
/* Return: the next block, or NULL. */
const SpillBlock *spill_cursor_next(SpillCursor *cursor);

/**
 * spill_read() - one block back into memory
 * @to:       room for block->raw bytes, 8-aligned; rows first, strings point into it
 * @scratch:  room for block->stored bytes; not used when the block is not compressed
 * Return: 0; QUERY_E_FAILED (it cannot be read, or is not what was written).
 */
int spill_read(SpillSpace *space, const SpillShape *shape, const SpillBlock *block, void *to,
               void *scratch, QueryError *error);

/* A buffer for the blocks of a run, and one cursor through them. */
typedef struct SpillReader {
    SpillSpace *space;
    const SpillShape *shape;
    SpillCursor cursor;
    uint8_t *memory; /* raw_max, then raw_max of scratch */
    size_t n_memory;
    uint32_t raw_max;
    uint32_t n_rows; /* of the block that is in memory */
} SpillReader;

/* Return: 0; MEM_E_*. */
int spill_reader_init(SpillReader *r, SpillSpace *space, const SpillShape *shape,
                      const SpillRun *run);
/* The next block: rows at r->memory, r->n_rows. 0 rows: the end. Return: 0; QUERY_E_FAILED. */
int spill_reader_next(SpillReader *r, QueryError *error);
void spill_reader_done(SpillReader *r);
