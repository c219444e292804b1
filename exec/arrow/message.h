/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The columns of one message of a file: fetched, decompressed, checked. */

#include "exec/arrow/compression.h"
#include "exec/arrow/file.h"

/* The message that was read last. All that it gives is valid until the next. */
typedef struct ArrowMessageReader {
    MemPool *pool;
    MemArena *arena;
    ArrowCodec codec;
    IoFetch *metadata, *body;
    ArrowMessage message;
    ArrowBatch batch;
    const ArrowColumn *columns; /* per field, or a dictionary's values */
    uint64_t n_bytes;           /* of the file */
} ArrowMessageReader;

int arrow_message_reader_init(ArrowMessageReader *reader, MemPool *pool);
void arrow_message_reader_done(ArrowMessageReader *reader);
/* What the message holds is given back. */
void arrow_message_reader_reset(ArrowMessageReader *reader);
/**
 * arrow_message_reader_read() - the message at @extent
 * @wanted:  per field; of a dictionary it is not looked at. Borrowed until the next
 * @sizes:   as arrow_batch_columns()
 * Return: 0; QUERY_E_FAILED (FAILED_READ_FILE); MEM_E_*; -ENOMEM.
 */
int arrow_message_reader_read(ArrowMessageReader *reader, IoFile *io, const ArrowFile *file,
                              const ArrowExtent *extent, const bool *wanted, const uint32_t *sizes,
                              QueryError *error);
