/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "connect/arrow/format_internal.h"
#include "connect/arrow/schema_internal.h"

/* Metadata of messages, and the footers of files, which name their messages once more. */

static uint32_t load32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void arrow_prefix_read(const uint8_t *bytes, uint32_t *ret_prefix, uint32_t *ret_metadata)
{
    bool old = load32(bytes) != CONTINUATION;

    *ret_prefix = old ? PREFIX_SIZE / 2 : PREFIX_SIZE;
    *ret_metadata = load32(old ? bytes : bytes + 4);
}

/* The table of a record batch: that of the message, or within a dictionary's. */
int arrow_batch_table(const ArrowMessage *m, FlatTable *ret)
{
    FlatTable message, header;
    FlatBuffer metadata = {.data = m->metadata, .n_bytes = m->n_metadata};

    if (flat_read_root(metadata, &message) < 0 ||
        flat_read_table(&message, MESSAGE_HEADER, &header) < 0)
        return -EBADMSG;
    if (m->kind != ARROW_MESSAGE_DICTIONARY) {
        *ret = header;
        return 0;
    }
    return flat_read_table(&header, DICTIONARY_DATA, ret) < 0 ? -EBADMSG : 0;
}

static int read_compression(const FlatTable *batch, ArrowMessage *m, ArrowReason *reason)
{
    FlatTable t;
    uint8_t codec, method;
    int k = flat_read_table(batch, BATCH_COMPRESSION, &t);

    if (k == -ENODATA)
        return 0;
    if (k < 0 || flat_read_u8(&t, 0, 0, &codec) < 0 || flat_read_u8(&t, 1, 0, &method) < 0)
        return arrow_malformed(reason, "compression of a batch");
    if (codec > 1 || method != 0)
        return arrow_refuse(reason, -EOPNOTSUPP, "an Arrow batch compressed by codec %u", codec);
    m->compression = (uint8_t)(codec + 1);
    return 0;
}

static int read_batch(ArrowMessage *m, const FlatTable *header, ArrowReason *reason)
{
    FlatTable batch;
    uint8_t is_delta = 0;

    if (m->kind == ARROW_MESSAGE_DICTIONARY &&
        (flat_read_i64(header, DICTIONARY_ID, 0, &m->dictionary_id) < 0 ||
         flat_read_u8(header, DICTIONARY_IS_DELTA, 0, &is_delta) < 0))
        return arrow_malformed(reason, "a dictionary batch");
    m->is_delta = is_delta != 0;
    if (arrow_batch_table(m, &batch) < 0 ||
        flat_read_i64(&batch, BATCH_LENGTH, 0, &m->n_rows) < 0 || m->n_rows < 0 ||
        m->n_rows > ARROW_ROWS_MAX)
        return arrow_malformed(reason, "a record batch");
    return read_compression(&batch, m, reason);
}

int arrow_message_read(const uint8_t *metadata, size_t n, ArrowMessage *ret, ArrowReason *reason)
{
    FlatTable message, header;
    FlatBuffer buffer = {.data = metadata, .n_bytes = n};
    int64_t n_body;
    ArrowMessage m = {.metadata = metadata, .n_metadata = n};

    if (flat_read_root(buffer, &message) < 0 ||
        flat_read_i16(&message, MESSAGE_VERSION, 0, &m.version) < 0 ||
        flat_read_u8(&message, MESSAGE_HEADER_TYPE, 0, &m.kind) < 0 ||
        flat_read_table(&message, MESSAGE_HEADER, &header) < 0 ||
        flat_read_i64(&message, MESSAGE_BODY_LENGTH, 0, &n_body) < 0)
        return arrow_malformed(reason, "metadata of a message");
    if (m.version != VERSION_V4 && m.version != VERSION_V5)
        return arrow_refuse(reason, -EOPNOTSUPP, "Arrow metadata version %d", m.version + 1);
    if (n_body < 0 || n_body % 8 != 0)
        return arrow_malformed(reason, "length of a body");
    m.n_body = (uint64_t)n_body;
    int k = 0;
    if (m.kind == ARROW_MESSAGE_BATCH || m.kind == ARROW_MESSAGE_DICTIONARY)
        k = read_batch(&m, &header, reason);
    if (k == 0)
        *ret = m;
    return k;
}

int arrow_schema_read(const ArrowMessage *message, ArrowForms forms, ArrowMemory memory,
                      ArrowSchema **ret_schema, ArrowReason *reason)
{
    FlatTable root, header;
    FlatBuffer metadata = {.data = message->metadata, .n_bytes = message->n_metadata};

    if (message->kind != ARROW_MESSAGE_SCHEMA || flat_read_root(metadata, &root) < 0 ||
        flat_read_table(&root, MESSAGE_HEADER, &header) < 0)
        return arrow_malformed(reason, "it does not start with a schema");
    return arrow_schema_of(&header, forms, memory, ret_schema, reason);
}

/* ---- footers ---- */

static int read_blocks(const FlatTable *footer, unsigned slot, ArrowMemory memory,
                       ArrowBlock **ret_blocks, uint32_t *ret_n, ArrowReason *reason)
{
    FlatVector v;

    if (flat_read_vector(footer, slot, BLOCK_SIZE, &v) < 0)
        return arrow_malformed(reason, "blocks of a footer");
    ArrowBlock *blocks = arrow_take(memory, (size_t)v.n_items + 1, sizeof(*blocks));
    if (!blocks)
        return -ENOMEM;
    for (uint32_t i = 0; i < v.n_items; i++) {
        int64_t offset = flat_item_i64(&v, i, BLOCK_SIZE, 0);
        int32_t n_metadata = (int32_t)flat_item_i64(&v, i, BLOCK_SIZE, 8);
        int64_t n_body = flat_item_i64(&v, i, BLOCK_SIZE, 16);

        if (offset < 0 || n_metadata < (int32_t)PREFIX_SIZE || n_body < 0)
            return arrow_malformed(reason, "a block of a footer");
        blocks[i] = (ArrowBlock){(uint64_t)offset, (uint64_t)n_body, (uint32_t)n_metadata};
    }
    *ret_blocks = blocks;
    *ret_n = v.n_items;
    return 0;
}

int arrow_footer_read(const uint8_t *footer, size_t n, ArrowForms forms, ArrowMemory memory,
                      ArrowFooter *ret, ArrowReason *reason)
{
    FlatBuffer buffer = {.data = footer, .n_bytes = n};
    FlatTable root, schema;
    ArrowFooter f = {0};

    /* Its version is of no account: some writers left it out, and each message has its own. */
    if (flat_read_root(buffer, &root) < 0 || flat_read_table(&root, FOOTER_SCHEMA, &schema) < 0)
        return arrow_malformed(reason, "footer");
    int k = arrow_schema_of(&schema, forms, memory, &f.schema, reason);
    if (k == 0)
        k = read_blocks(&root, FOOTER_DICTIONARIES, memory, &f.dictionaries, &f.n_dictionaries,
                        reason);
    if (k == 0)
        k = read_blocks(&root, FOOTER_BATCHES, memory, &f.batches, &f.n_batches, reason);
    if (k == 0)
        *ret = f;
    return k;
}
