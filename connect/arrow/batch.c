/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "connect/arrow/batch_internal.h"

/*
 * Batches: nodes and buffers are walked in step with the schema. First it is found which buffers
 * belong to which field, then, when their bytes are at hand, columns are made of them: pointers
 * where the wire has our form, converted copies otherwise (convert.c).
 */

/* ---- which buffers are whose ---- */

/* How far a walk has come. */
typedef struct Place {
    uint64_t node, buffer;
    uint32_t variadic;
} Place;

/* Buffers of one node without its children; -1: it has fewer counts of views than columns. */
static int64_t own_buffers(const ArrowBatch *b, const ArrowNode *node, bool is_value, Place *at)
{
    if (node->is_encoded && !is_value)
        return 2;
    switch (node->wire) {
    case WIRE_NULL:
    case WIRE_RUN_END_ENCODED:
        return 0;
    case WIRE_STRUCT:
    case WIRE_FIXED_SIZE_LIST:
        return 1;
    case WIRE_UNION: /* had validity before version 1.0 */
        return 1 + node->is_dense + (b->message->version == VERSION_V4);
    case WIRE_UTF8:
    case WIRE_BINARY:
    case WIRE_LARGE_UTF8:
    case WIRE_LARGE_BINARY:
    case WIRE_LIST_VIEW:
    case WIRE_LARGE_LIST_VIEW:
        return 3;
    case WIRE_UTF8_VIEW:
    case WIRE_BINARY_VIEW:
        return at->variadic < b->n_variadic ? 2 + (int64_t)b->variadic[at->variadic++] : -1;
    default:
        return 2;
    }
}

/* Bounded recursion, as the schema was checked. Return: false when the batch has too few. */
static bool pass(const ArrowBatch *b, const ArrowNode *node, bool is_value, Place *at)
{
    int64_t n = own_buffers(b, node, is_value, at);

    if (n < 0)
        return false;
    at->node++;
    at->buffer += (uint64_t)n;
    if (at->node > b->n_nodes || at->buffer > b->n_buffers)
        return false;
    for (uint32_t i = 0; i < node->n_children && !(node->is_encoded && !is_value); i++)
        if (!pass(b, &node->children[i], false, at))
            return false;
    return true;
}

static int copy_tables(const FlatTable *t, ArrowMemory memory, ArrowBatch *b, ArrowReason *reason)
{
    FlatVector nodes, buffers, variadic;

    if (flat_read_vector(t, BATCH_NODES, NODE_SIZE, &nodes) < 0 ||
        flat_read_vector(t, BATCH_BUFFERS, BUFFER_SIZE, &buffers) < 0 ||
        flat_read_vector(t, BATCH_VARIADIC, 8, &variadic) < 0)
        return arrow_malformed(reason, "a record batch");
    struct ArrowNodeCount *counts = arrow_take(memory, (size_t)nodes.n_items + 1, sizeof(*counts));
    uint32_t *views = arrow_take(memory, (size_t)variadic.n_items + 1, sizeof(*views));
    b->buffers = arrow_take(memory, (size_t)buffers.n_items + 1, sizeof(*b->buffers));
    if (!counts || !views || !b->buffers)
        return -ENOMEM;
    for (uint32_t i = 0; i < nodes.n_items; i++)
        counts[i] = (struct ArrowNodeCount){flat_item_i64(&nodes, i, NODE_SIZE, 0),
                                            flat_item_i64(&nodes, i, NODE_SIZE, 8)};
    for (uint32_t i = 0; i < variadic.n_items; i++) {
        int64_t n = flat_item_i64(&variadic, i, 8, 0);
        if (n < 0 || n > buffers.n_items)
            return arrow_malformed(reason, "a batch has too few buffers");
        views[i] = (uint32_t)n;
    }
    for (uint32_t i = 0; i < buffers.n_items; i++) {
        uint64_t offset = (uint64_t)flat_item_i64(&buffers, i, BUFFER_SIZE, 0);
        uint64_t n = (uint64_t)flat_item_i64(&buffers, i, BUFFER_SIZE, 8);
        if (offset > b->message->n_body || n > b->message->n_body - offset)
            return arrow_malformed(reason, "a buffer lies outside its batch");
        if (offset % 8 != 0 && n > 0)
            return arrow_malformed(reason, "a buffer is not aligned");
        b->buffers[i] = (ArrowBuffer){.offset = offset, .n_bytes = n};
    }
    b->nodes = counts;
    b->n_nodes = nodes.n_items;
    b->variadic = views;
    b->n_variadic = variadic.n_items;
    b->n_buffers = buffers.n_items;
    return 0;
}

static bool is_wanted(const ArrowBatch *b, uint32_t field)
{
    return b->is_dictionary || !b->wanted || b->wanted[field];
}

static const ArrowNode *top_node(const ArrowBatch *b, uint32_t i)
{
    return b->is_dictionary ? b->schema->slots[b->dictionary].node : &b->schema->nodes[i];
}

static uint32_t n_top(const ArrowBatch *b)
{
    return b->is_dictionary ? 1 : b->schema->n_fields;
}

int arrow_batch_open(const ArrowSchema *schema, const ArrowMessage *message, const bool *wanted,
                     ArrowMemory memory, ArrowBatch *ret, ArrowReason *reason)
{
    ArrowBatch b = {.schema = schema,
                    .message = message,
                    .n_rows = message->n_rows,
                    .is_dictionary = message->kind == ARROW_MESSAGE_DICTIONARY,
                    .wanted = wanted};
    FlatTable t;
    Place at = {0};

    assert(message->kind == ARROW_MESSAGE_DICTIONARY || message->kind == ARROW_MESSAGE_BATCH);
    if (b.is_dictionary &&
        !arrow_schema_find_dictionary(schema, message->dictionary_id, &b.dictionary))
        return arrow_malformed(reason, "a dictionary that no field has");
    if (arrow_batch_table(message, &t) < 0)
        return arrow_malformed(reason, "a record batch");
    int k = copy_tables(&t, memory, &b, reason);
    if (k < 0)
        return k;
    for (uint32_t i = 0; i < n_top(&b); i++) {
        uint64_t first = at.buffer;
        if (!pass(&b, top_node(&b, i), b.is_dictionary, &at))
            return arrow_malformed(reason, "a batch has too few nodes or buffers");
        for (uint64_t k2 = first; k2 < at.buffer; k2++)
            b.buffers[k2].wanted = is_wanted(&b, i);
    }
    if (at.node != b.n_nodes || at.buffer != b.n_buffers)
        return arrow_malformed(reason, "a batch has too many nodes or buffers");
    *ret = b;
    return 0;
}

/* ---- columns ---- */

/* Walks nodes and buffers in step with the fields. */
typedef struct Walk {
    const ArrowBatch *batch;
    const uint32_t *sizes;
    ArrowConvert convert;
    Place at;
} Walk;

static const ArrowBuffer *next_buffer(Walk *w)
{
    assert(w->at.buffer < w->batch->n_buffers); /* arrow_batch_open() has counted them */
    return &w->batch->buffers[w->at.buffer++];
}

/* @n items of @width bytes. */
static int next_values(Walk *w, int64_t n, size_t width, const uint8_t **ret_data)
{
    const ArrowBuffer *b = next_buffer(w);

    *ret_data = b->data;
    return (uint64_t)n * width <= b->n_bytes
               ? 0
               : arrow_malformed(w->convert.reason, "a buffer is too short");
}

static int64_t count_valid(const uint8_t *bits, int64_t n)
{
    int64_t n_valid = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, sizeof(word));
        n_valid += __builtin_popcountll(word);
    }
    for (; i < n; i++)
        n_valid += bits[i / 8] >> (i % 8) & 1;
    return n_valid;
}

static int read_validity(Walk *w, ArrowColumn *c)
{
    const ArrowBuffer *b = next_buffer(w);

    if (c->null_count == 0)
        return 0;
    if ((uint64_t)(c->length + 7) / 8 > b->n_bytes)
        return arrow_malformed(w->convert.reason, "a validity bitmap is too short");
    c->null_count = c->length - count_valid(b->data, c->length);
    c->validity = c->null_count > 0 ? b->data : NULL;
    return 0;
}

/* Rising, from 0 on; 64-bit ones become 32-bit. */
static int read_offsets(Walk *w, bool is_large, ArrowColumn *c, int32_t *ret_last)
{
    const ArrowBuffer *b = next_buffer(w);
    size_t width = is_large ? 8 : 4;

    *ret_last = 0;
    if (c->length == 0)
        return 0; /* whatever is there counts nothing */
    if (((uint64_t)c->length + 1) * width > b->n_bytes)
        return arrow_malformed(w->convert.reason, "an offset buffer is too short");

    int32_t *narrow = NULL;
    if (is_large) {
        narrow = arrow_take(w->convert.memory, (size_t)c->length + 1, sizeof(*narrow));
        if (!narrow)
            return -ENOMEM;
    }
    int64_t before = 0;
    for (int64_t i = 0; i <= c->length; i++) {
        int64_t offset;
        if (is_large) {
            memcpy(&offset, b->data + i * 8, 8);
            if (offset > INT32_MAX)
                return arrow_refuse(w->convert.reason, -EOPNOTSUPP,
                                    "more than 2 GiB in one column of one batch");
            narrow[i] = (int32_t)offset;
        } else {
            offset = ((const int32_t *)(const void *)b->data)[i];
        }
        if (offset < before)
            return arrow_malformed(w->convert.reason, "offsets do not rise");
        before = offset;
    }
    c->offsets = narrow ? narrow : (const int32_t *)(const void *)b->data;
    *ret_last = (int32_t)before;
    return 0;
}

/* Values of one size lie where these offsets say. */
static int make_offsets(Walk *w, uint32_t size, ArrowColumn *c, int32_t *ret_last)
{
    *ret_last = 0;
    if (c->length == 0)
        return 0;
    if ((uint64_t)c->length * size > INT32_MAX)
        return arrow_refuse(w->convert.reason, -EOPNOTSUPP,
                            "more than 2 GiB in one column of one batch");
    int32_t *offsets = arrow_take(w->convert.memory, (size_t)c->length + 1, sizeof(*offsets));
    if (!offsets)
        return -ENOMEM;
    for (int64_t i = 0; i <= c->length; i++)
        offsets[i] = (int32_t)(i * size);
    c->offsets = offsets;
    *ret_last = offsets[c->length];
    return 0;
}

static int not_utf8(Walk *w, const ArrowField *f)
{
    return arrow_refuse(w->convert.reason, -EBADMSG, "field \"%s\" is not UTF-8", f->name);
}

static int read_text(Walk *w, const ArrowField *f, ArrowColumn *c, int32_t last)
{
    const uint8_t *bytes;
    int k = next_values(w, last, 1, &bytes);
    if (k < 0)
        return k;
    c->data = bytes;
    if (f->type != ARROW_TYPE_UTF8 || c->length == 0)
        return 0;
    /* All of it is well-formed and no value starts inside a character, so each value is
     * well-formed. */
    int32_t first = c->offsets[0];
    if (!text_is_utf8(bytes + first, (size_t)(last - first)))
        return not_utf8(w, f);
    for (int64_t i = 0; i < c->length; i++)
        if (c->offsets[i] < last && (bytes[c->offsets[i]] & 0xc0) == 0x80)
            return not_utf8(w, f);
    return 0;
}

/* 16 bytes each: length; up to 12 bytes, or 4 of them, the number of a buffer and a place there. */
static int read_views(Walk *w, const ArrowField *f, ArrowColumn *c)
{
    const ArrowBatch *b = w->batch;
    const uint8_t *views;
    int k = next_values(w, c->length, 16, &views);
    uint32_t n_buffers = b->variadic[w->at.variadic++];
    const ArrowBuffer *buffers = &b->buffers[w->at.buffer];

    w->at.buffer += n_buffers;
    if (k < 0 || c->length == 0)
        return k;
    ArrowText *texts = arrow_take(w->convert.memory, (size_t)c->length, sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        const uint8_t *view = views + i * 16;
        uint32_t words[4];

        if (!arrow_is_valid(c, i))
            continue;
        memcpy(words, view, sizeof(words));
        if (words[0] <= 12) {
            texts[i] = (ArrowText){(const char *)view + 4, words[0]};
        } else {
            if (words[0] > INT32_MAX || words[2] >= n_buffers ||
                words[3] > buffers[words[2]].n_bytes ||
                words[0] > buffers[words[2]].n_bytes - words[3])
                return arrow_malformed(w->convert.reason, "a view outside its buffers");
            texts[i] = (ArrowText){(const char *)buffers[words[2]].data + words[3], words[0]};
        }
        if (f->type == ARROW_TYPE_UTF8 && !text_is_utf8(texts[i].bytes, texts[i].n))
            return not_utf8(w, f);
    }
    c->texts = texts;
    return 0;
}

static uint64_t load_index(const uint8_t *p, const ArrowNode *node)
{
    uint64_t value = 0;

    memcpy(&value, p, node->index_width);
    if (!node->index_signed || node->index_width == 8)
        return value; /* one below 0 is beyond any dictionary */
    unsigned shift = 64 - 8 * node->index_width;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

static int read_codes(Walk *w, const ArrowField *f, const ArrowNode *node, ArrowColumn *c)
{
    uint64_t size = w->sizes ? w->sizes[f->dictionary] : 0;
    const uint8_t *indices;
    int k = next_values(w, c->length, node->index_width, &indices);
    if (k < 0)
        return k;
    uint32_t *codes = arrow_take(w->convert.memory, (size_t)c->length + 1, sizeof(*codes));
    if (!codes)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        uint64_t code;
        if (!arrow_is_valid(c, i))
            continue;
        code = load_index(indices + i * node->index_width, node);
        if (code >= size)
            return arrow_refuse(w->convert.reason, -EBADMSG,
                                "field \"%s\" has an index outside its dictionary", f->name);
        codes[i] = (uint32_t)code;
    }
    c->codes = codes;
    return 0;
}

static int read_fixed(Walk *w, const ArrowField *f, const ArrowNode *node, ArrowColumn *c)
{
    const uint8_t *values;
    int k = node->wire == WIRE_BOOL ? next_values(w, (c->length + 7) / 8, 1, &values)
                                    : next_values(w, c->length, arrow_node_width(node), &values);
    if (k < 0)
        return k;
    c->data = values;
    return arrow_convert(&w->convert, f, node, c);
}

static int read_columns(Walk *w, const ArrowField *fields, const ArrowNode *nodes,
                        uint32_t n_fields, int64_t n_rows, const ArrowColumn **ret);

/* @n_rows: what the parent needs; @exact: and no more. Bounded recursion, as the schema was
 * checked. */
static int read_column(Walk *w, const ArrowField *f, const ArrowNode *node, bool is_value,
                       int64_t n_rows, bool exact, ArrowColumn *c)
{
    const struct ArrowNodeCount *count = &w->batch->nodes[w->at.node++];
    ArrowReason *reason = w->convert.reason;

    c->length = count->length;
    c->null_count = count->null_count;
    if (c->length < n_rows || (exact && c->length != n_rows) || c->length > ARROW_ROWS_MAX)
        return arrow_malformed(reason, "length of a column");
    if (c->null_count < 0 || c->null_count > c->length)
        return arrow_malformed(reason, "null count of a column");
    if (f->type == ARROW_TYPE_OTHER)
        return arrow_refuse(reason, -EOPNOTSUPP, "field \"%s\" has the type %s", f->name, f->other);
    bool encoded = f->is_encoded && !is_value;
    if (f->type == ARROW_TYPE_NULL && !encoded) {
        c->null_count = c->length;
        return 0;
    }

    int32_t last;
    int k = read_validity(w, c);
    if (k < 0)
        return k;
    if (encoded)
        return read_codes(w, f, node, c);
    switch (node->wire) {
    case WIRE_UTF8:
    case WIRE_BINARY:
    case WIRE_LARGE_UTF8:
    case WIRE_LARGE_BINARY:
        k = read_offsets(w, node->wire == WIRE_LARGE_UTF8 || node->wire == WIRE_LARGE_BINARY, c,
                         &last);
        return k < 0 ? k : read_text(w, f, c, last);
    case WIRE_FIXED_SIZE_BINARY:
        k = make_offsets(w, node->size, c, &last);
        return k < 0 ? k : read_text(w, f, c, last);
    case WIRE_UTF8_VIEW:
    case WIRE_BINARY_VIEW:
        return read_views(w, f, c);
    case WIRE_LIST:
    case WIRE_LARGE_LIST:
    case WIRE_MAP:
        k = read_offsets(w, node->wire == WIRE_LARGE_LIST, c, &last);
        return k < 0 ? k : read_columns(w, f->children, node->children, 1, last, &c->children);
    case WIRE_FIXED_SIZE_LIST:
        k = make_offsets(w, node->size, c, &last);
        return k < 0 ? k : read_columns(w, f->children, node->children, 1, last, &c->children);
    case WIRE_STRUCT:
        return read_columns(w, f->children, node->children, f->n_children, c->length, &c->children);
    default:
        return read_fixed(w, f, node, c);
    }
}

static int read_columns(Walk *w, const ArrowField *fields, const ArrowNode *nodes,
                        uint32_t n_fields, int64_t n_rows, const ArrowColumn **ret)
{
    ArrowColumn *columns = arrow_take(w->convert.memory, MAX(n_fields, 1u), sizeof(*columns));
    if (!columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_fields; i++) {
        int k = read_column(w, &fields[i], &nodes[i], false, n_rows, false, &columns[i]);
        if (k < 0)
            return k;
    }
    *ret = columns;
    return 0;
}

int arrow_batch_columns(const ArrowBatch *batch, const uint32_t *sizes, ArrowMemory memory,
                        const ArrowColumn **ret_columns, ArrowReason *reason)
{
    Walk w = {.batch = batch, .sizes = sizes, .convert = {memory, reason}};
    uint32_t n = n_top(batch);
    ArrowColumn *columns = arrow_take(memory, MAX(n, 1u), sizeof(*columns));

    if (!columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        const ArrowField *f = batch->is_dictionary ? batch->schema->slots[batch->dictionary].field
                                                   : &batch->schema->fields[i];
        const ArrowNode *node = top_node(batch, i);
        int k = 0;

        if (is_wanted(batch, i))
            k = read_column(&w, f, node, batch->is_dictionary, batch->n_rows, true, &columns[i]);
        else
            (void)pass(batch, node, false, &w.at);
        if (k < 0)
            return k;
    }
    *ret_columns = columns;
    return 0;
}
