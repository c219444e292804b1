/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/arrow/format_internal.h"
#include "connect/arrow/schema_internal.h"

/* Streams that are in memory as a whole: messages one after the other, in their plain form. */

/* Memory that goes as a whole: the schema's, and each batch's. */
typedef struct Block {
    struct Block *next;
    max_align_t bytes[];
} Block;

struct ArrowReader {
    const uint8_t *data;
    size_t n_bytes, at;
    Block *schema_blocks, *batch_blocks;
    ArrowSchema *schema;
    bool at_end;
    ArrowReason reason;
};

static void *take(void *userdata, size_t n_bytes)
{
    Block **blocks = userdata;
    if (__builtin_add_overflow(n_bytes, sizeof(Block), &n_bytes))
        return NULL;
    Block *b = calloc(1, n_bytes);
    if (!b)
        return NULL;
    b->next = *blocks;
    *blocks = b;
    return b->bytes;
}

static void drop(Block **blocks)
{
    while (*blocks) {
        Block *b = *blocks;
        *blocks = b->next;
        free(b);
    }
}

static int malformed(ArrowReader *r, const char *what)
{
    return arrow_malformed(&r->reason, what);
}

const char *arrow_reader_reason(const ArrowReader *r)
{
    return r->reason.text;
}

/* Return: 1 and the message with its body, 0 at the end of the stream, or an error. */
static int next_message(ArrowReader *r, ArrowMessage *ret, const uint8_t **ret_body)
{
    size_t n_left = r->n_bytes - r->at;
    uint32_t n_prefix, n_metadata;
    const uint8_t *p;

    if (r->at_end || n_left == 0) /* the end marker may be missing */
        return 0;
    p = r->data + r->at;
    if (n_left < PREFIX_SIZE)
        return malformed(r, "cut in the prefix of a message");
    arrow_prefix_read(p, &n_prefix, &n_metadata);
    if (n_prefix != PREFIX_SIZE)
        return arrow_refuse(&r->reason, -EOPNOTSUPP,
                            "Arrow stream in the framing of before version 0.15");
    if (n_metadata == 0) {
        r->at_end = true;
        return 0;
    }
    n_left -= PREFIX_SIZE;
    if (n_metadata > n_left || n_metadata % 8 != 0)
        return malformed(r, "length of the metadata");
    int k = arrow_message_read(p + PREFIX_SIZE, n_metadata, ret, &r->reason);
    if (k < 0)
        return k;
    if (ret->n_body > n_left - n_metadata)
        return malformed(r, "length of a body");
    *ret_body = p + PREFIX_SIZE + n_metadata;
    r->at += PREFIX_SIZE + n_metadata + ret->n_body;
    return 1;
}

static int read_schema(ArrowReader *r)
{
    ArrowMessage m;
    const uint8_t *body;
    int k = next_message(r, &m, &body);

    if (k < 0)
        return k;
    if (k == 0)
        return malformed(r, "it does not start with a schema");
    return arrow_schema_read(&m, ARROW_PLAIN, (ArrowMemory){take, &r->schema_blocks}, &r->schema,
                             &r->reason);
}

int arrow_reader_new(const uint8_t *data, size_t n_bytes, ArrowReader **ret_reader)
{
    _cleanup_arrow_reader_ ArrowReader *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->data = data;
    r->n_bytes = n_bytes;
    if ((uintptr_t)data % 8 != 0) {
        /* Inside a protobuf message nothing is aligned; one copy, so that views may be used as they
         * are. */
        uint8_t *copy = take(&r->schema_blocks, n_bytes);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, data, n_bytes);
        r->data = copy;
    }
    int k = read_schema(r);
    if (k < 0 && k != -EBADMSG && k != -EOPNOTSUPP)
        return k;
    *ret_reader = TAKE_PTR(r);
    return k;
}

ArrowReader *arrow_reader_free(ArrowReader *r)
{
    if (!r)
        return NULL;
    drop(&r->batch_blocks);
    drop(&r->schema_blocks);
    free(r);
    return NULL;
}

const ArrowField *arrow_reader_fields(const ArrowReader *r, uint32_t *ret_n_fields)
{
    return arrow_schema_fields(r->schema, ret_n_fields);
}

int arrow_reader_next(ArrowReader *r, const ArrowColumn **ret_columns, int64_t *ret_n_rows)
{
    ArrowMemory memory = {take, &r->batch_blocks};
    ArrowMessage m;
    ArrowBatch batch;
    const uint8_t *body;

    drop(&r->batch_blocks);
    int k = next_message(r, &m, &body);
    if (k <= 0)
        return k;
    if (m.kind == ARROW_MESSAGE_DICTIONARY)
        return arrow_refuse(&r->reason, -EOPNOTSUPP, "dictionary batch in the Arrow stream");
    if (m.kind != ARROW_MESSAGE_BATCH)
        return malformed(r, "a message that is no record batch");
    if (m.compression != ARROW_UNCOMPRESSED)
        return arrow_refuse(&r->reason, -EOPNOTSUPP,
                            "compressed Arrow batch; send it uncompressed");
    k = arrow_batch_open(r->schema, &m, NULL, memory, &batch, &r->reason);
    if (k < 0)
        return k;
    for (uint32_t i = 0; i < batch.n_buffers; i++)
        batch.buffers[i].data = body + batch.buffers[i].offset;
    k = arrow_batch_columns(&batch, NULL, memory, ret_columns, &r->reason);
    if (k < 0)
        return k;
    *ret_n_rows = batch.n_rows;
    return 1;
}
