/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Only the buffers of wanted columns are fetched. They lie as far from each other as in the file,
 * so what is aligned there is aligned here. */

int arrow_message_reader_init(ArrowMessageReader *reader, MemPool *pool)
{
    *reader = (ArrowMessageReader){.pool = pool};
    return mem_arena_new(pool, "Arrow", &reader->arena);
}

void arrow_message_reader_reset(ArrowMessageReader *reader)
{
    reader->metadata = io_fetch_free(reader->metadata);
    reader->body = io_fetch_free(reader->body);
    reader->columns = NULL;
    mem_arena_reset(reader->arena);
}

void arrow_message_reader_done(ArrowMessageReader *reader)
{
    if (!reader->arena)
        return;
    arrow_message_reader_reset(reader);
    arrow_codec_done(&reader->codec);
    reader->arena = mem_arena_free(reader->arena);
}

static int malformed(ArrowReason *reason, const char *what)
{
    (void)snprintf(reason->text, sizeof(reason->text), "malformed Arrow data: %s", what);
    return -EBADMSG;
}

static int read_metadata(ArrowMessageReader *r, IoFile *io, const ArrowExtent *extent,
                         ArrowReason *reason)
{
    const IoRange range = {.offset = extent->offset, .n_bytes = extent->n_metadata};
    uint32_t n_prefix, n_metadata;
    const uint8_t *bytes;
    int k = io_fetch_start(io, r->pool, &range, 1, &r->metadata);

    if (k == 0)
        k = io_fetch_wait(r->metadata, 0, &bytes);
    if (k != 0)
        return k;
    arrow_prefix_read(bytes, &n_prefix, &n_metadata);
    if (n_prefix > extent->n_metadata || n_metadata > extent->n_metadata - n_prefix)
        return malformed(reason, "length of the metadata");
    k = arrow_message_read(bytes + n_prefix, n_metadata, &r->message, reason);
    if (k != 0)
        return k;
    /* It has been looked at when the file was opened: now it is another. */
    if (r->message.n_body != extent->n_body || r->message.n_rows != extent->n_rows ||
        (r->message.kind != ARROW_MESSAGE_BATCH && r->message.kind != ARROW_MESSAGE_DICTIONARY))
        return -ESTALE;
    return 0;
}

static _Alignas(64) const uint8_t nothing[IO_SLOP]; /* where a buffer without bytes is */

static int fetch_body(ArrowMessageReader *r, IoFile *io, const ArrowExtent *extent)
{
    uint64_t body = extent->offset + extent->n_metadata;
    IoRange *ranges = mem_arena_new_array(r->arena, IoRange, r->batch.n_buffers + 1u);
    size_t n = 0;
    int k;

    if (!ranges)
        return mem_arena_error(r->arena);
    for (uint32_t i = 0; i < r->batch.n_buffers; i++) {
        const ArrowBuffer *b = &r->batch.buffers[i];

        if (b->wanted && b->n_bytes > 0)
            ranges[n++] = (IoRange){.offset = body + b->offset, .n_bytes = b->n_bytes};
    }
    k = io_fetch_start(io, r->pool, ranges, n, &r->body);
    n = 0;
    for (uint32_t i = 0; i < r->batch.n_buffers && k == 0; i++) {
        ArrowBuffer *b = &r->batch.buffers[i];

        b->data = nothing;
        if (b->wanted && b->n_bytes > 0)
            k = io_fetch_wait(r->body, n++, &b->data);
    }
    return k;
}

/* What the file says of a length is charged before it is believed. */
static int decompress_buffer(ArrowMessageReader *r, ArrowBuffer *b, ArrowReason *reason)
{
    int64_t n;
    uint8_t *out;
    int k;

    if (b->n_bytes < sizeof(n))
        return malformed(reason, "a compressed buffer without its length");
    memcpy(&n, b->data, sizeof(n));
    b->data += sizeof(n);
    b->n_bytes -= sizeof(n);
    if (n == -1) /* it would not have become smaller */
        return 0;
    if (n < 0 || n > INT64_MAX / 2)
        return malformed(reason, "length of a compressed buffer");
    out = mem_arena_alloc(r->arena, (size_t)n + IO_SLOP, 64);
    if (!out)
        return mem_arena_error(r->arena);
    memset(out + n, 0, IO_SLOP);
    k = arrow_decompress(&r->codec, r->message.compression, b->data, b->n_bytes, out, (size_t)n);
    if (k == -EBADMSG)
        return malformed(reason, "a compressed buffer");
    b->data = out;
    b->n_bytes = (uint64_t)n;
    return k;
}

static int decompress_body(ArrowMessageReader *r, ArrowReason *reason)
{
    int k = 0;

    for (uint32_t i = 0; i < r->batch.n_buffers && k == 0; i++)
        if (r->batch.buffers[i].wanted && r->batch.buffers[i].n_bytes > 0)
            k = decompress_buffer(r, &r->batch.buffers[i], reason);
    return k;
}

static int read_all(ArrowMessageReader *r, IoFile *io, const ArrowFile *file,
                    const ArrowExtent *extent, const bool *wanted, const uint32_t *sizes,
                    ArrowReason *reason)
{
    ArrowMemory memory = arrow_arena_memory(r->arena);
    int k = read_metadata(r, io, extent, reason);

    if (k == 0)
        k = arrow_batch_open(file->schema, &r->message, wanted, memory, &r->batch, reason);
    if (k == 0)
        k = fetch_body(r, io, extent);
    if (k == 0 && r->message.compression != ARROW_UNCOMPRESSED)
        k = decompress_body(r, reason);
    if (k == 0)
        k = arrow_batch_columns(&r->batch, sizes, memory, &r->columns, reason);
    if (k == 0)
        r->n_bytes = extent->n_metadata + io_fetch_bytes(r->body);
    return arrow_arena_result(r->arena, k);
}

int arrow_message_reader_read(ArrowMessageReader *reader, IoFile *io, const ArrowFile *file,
                              const ArrowExtent *extent, const bool *wanted, const uint32_t *sizes,
                              QueryError *error)
{
    ArrowReason reason = {0};
    int r;

    arrow_message_reader_reset(reader);
    r = read_all(reader, io, file, extent, wanted, sizes, &reason);
    return r == 0 ? 0 : arrow_file_failed(io_file_path(io), r, &reason, error);
}
