/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/arrow/flatbuffer_internal.h"
#include "connect/arrow/format_internal.h"

struct ArrowWriter {
    const ArrowField *fields;
    uint32_t n_fields;
    uint32_t n_nodes, n_buffers; /* of one batch; the schema alone decides them */
    size_t n_schema;             /* bytes of the encapsulated schema message */
    uint8_t schema[];
};

size_t arrow_type_width(ArrowType type)
{
    static const uint8_t widths[_ARROW_TYPE_MAX] = {
        [ARROW_TYPE_INT8] = 1,        [ARROW_TYPE_INT16] = 2,     [ARROW_TYPE_INT32] = 4,
        [ARROW_TYPE_INT64] = 8,       [ARROW_TYPE_FLOAT] = 4,     [ARROW_TYPE_DOUBLE] = 8,
        [ARROW_TYPE_DATE32] = 4,      [ARROW_TYPE_TIMESTAMP] = 8, [ARROW_TYPE_DURATION] = 8,
        [ARROW_TYPE_DECIMAL128] = 16, [ARROW_TYPE_MONTHS] = 4,
    };
    return (unsigned)type < _ARROW_TYPE_MAX ? widths[type] : 0;
}

const char *arrow_type_to_string(ArrowType type)
{
    static const char *const names[_ARROW_TYPE_MAX] = {
        [ARROW_TYPE_NULL] = "null",
        [ARROW_TYPE_BOOL] = "bool",
        [ARROW_TYPE_INT8] = "int8",
        [ARROW_TYPE_INT16] = "int16",
        [ARROW_TYPE_INT32] = "int32",
        [ARROW_TYPE_INT64] = "int64",
        [ARROW_TYPE_FLOAT] = "float",
        [ARROW_TYPE_DOUBLE] = "double",
        [ARROW_TYPE_DECIMAL128] = "decimal128",
        [ARROW_TYPE_UTF8] = "utf8",
        [ARROW_TYPE_BINARY] = "binary",
        [ARROW_TYPE_DATE32] = "date32",
        [ARROW_TYPE_TIMESTAMP] = "timestamp",
        [ARROW_TYPE_DURATION] = "duration",
        [ARROW_TYPE_LIST] = "list",
        [ARROW_TYPE_MAP] = "map",
        [ARROW_TYPE_STRUCT] = "struct",
        [ARROW_TYPE_MONTHS] = "months",
        [ARROW_TYPE_OTHER] = "other",
    };
    return (unsigned)type < _ARROW_TYPE_MAX ? names[type] : "unknown";
}

static bool has_offsets(ArrowType type)
{
    return type == ARROW_TYPE_UTF8 || type == ARROW_TYPE_BINARY || type == ARROW_TYPE_LIST ||
           type == ARROW_TYPE_MAP;
}

/* ---- schema ---- */

/* Bounded recursion: ARROW_DEPTH_MAX levels. */
static int check_field(const ArrowField *f, unsigned depth, uint32_t *n_nodes, uint32_t *n_buffers)
{
    if ((unsigned)f->type >= ARROW_TYPE_PLAIN_MAX || f->is_encoded)
        return -EINVAL;
    if (depth > ARROW_DEPTH_MAX || *n_nodes >= ARROW_FIELDS_MAX)
        return -E2BIG;
    if (f->name && strlen(f->name) > ARROW_NAME_MAX)
        return -E2BIG;
    *n_nodes += 1;

    switch (f->type) {
    case ARROW_TYPE_NULL:
        return f->n_children == 0 ? 0 : -EINVAL;
    case ARROW_TYPE_LIST:
        if (f->n_children != 1)
            return -EINVAL;
        *n_buffers += 2;
        break;
    case ARROW_TYPE_MAP:
        if (f->n_children != 1 || f->children[0].type != ARROW_TYPE_STRUCT ||
            f->children[0].n_children != 2)
            return -EINVAL;
        *n_buffers += 2;
        break;
    case ARROW_TYPE_STRUCT:
        *n_buffers += 1;
        break;
    case ARROW_TYPE_DECIMAL128:
        if (f->precision < 1 || f->precision > 38)
            return -EINVAL;
        _fallthrough_;
    default:
        if (f->n_children != 0)
            return -EINVAL;
        *n_buffers += has_offsets(f->type) ? 3 : 2;
    }
    for (uint32_t i = 0; i < f->n_children; i++) {
        int r = check_field(&f->children[i], depth + 1, n_nodes, n_buffers);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The member of the union Type, and its table. */
static size_t put_type(FlatWriter *w, const ArrowField *f, uint8_t *ret_wire)
{
    FlatSlot slots[3] = {0};
    size_t n_slots = 0, table;

    switch (f->type) {
    case ARROW_TYPE_INT8:
    case ARROW_TYPE_INT16:
    case ARROW_TYPE_INT32:
    case ARROW_TYPE_INT64:
        *ret_wire = WIRE_INT;
        slots[0] = (FlatSlot){.size = 4, .value = 8 * arrow_type_width(f->type)};
        slots[1] = (FlatSlot){.size = 1, .value = 1};
        n_slots = 2;
        break;
    case ARROW_TYPE_FLOAT:
    case ARROW_TYPE_DOUBLE:
        *ret_wire = WIRE_FLOAT;
        slots[0] = (FlatSlot){.size = 2, .value = f->type == ARROW_TYPE_FLOAT ? 1 : 2};
        n_slots = 1;
        break;
    case ARROW_TYPE_DECIMAL128:
        *ret_wire = WIRE_DECIMAL;
        slots[0] = (FlatSlot){.size = 4, .value = (uint32_t)f->precision};
        slots[1] = (FlatSlot){.size = 4, .value = (uint32_t)f->scale};
        slots[2] = (FlatSlot){.size = 4, .value = 128};
        n_slots = 3;
        break;
    case ARROW_TYPE_DATE32:
        *ret_wire = WIRE_DATE;
        slots[0] = (FlatSlot){.size = 2, .value = 0};
        n_slots = 1;
        break;
    case ARROW_TYPE_TIMESTAMP:
        *ret_wire = WIRE_TIMESTAMP;
        slots[0] = (FlatSlot){.size = 2, .value = UNIT_MICROSECOND};
        slots[1] = (FlatSlot){.size = f->timezone ? 4 : 0};
        table = flat_put_table(w, slots, 2);
        if (f->timezone)
            flat_fill(w, slots[1].at, flat_put_string(w, f->timezone));
        return table;
    case ARROW_TYPE_DURATION:
        *ret_wire = WIRE_DURATION;
        slots[0] = (FlatSlot){.size = 2, .value = UNIT_MICROSECOND};
        n_slots = 1;
        break;
    case ARROW_TYPE_MAP:
        *ret_wire = WIRE_MAP;
        slots[0] = (FlatSlot){.size = 1, .value = 0};
        n_slots = 1;
        break;
    case ARROW_TYPE_NULL:
        *ret_wire = WIRE_NULL;
        break;
    case ARROW_TYPE_BOOL:
        *ret_wire = WIRE_BOOL;
        break;
    case ARROW_TYPE_UTF8:
        *ret_wire = WIRE_UTF8;
        break;
    case ARROW_TYPE_BINARY:
        *ret_wire = WIRE_BINARY;
        break;
    case ARROW_TYPE_LIST:
        *ret_wire = WIRE_LIST;
        break;
    case ARROW_TYPE_STRUCT:
        *ret_wire = WIRE_STRUCT;
        break;
    case ARROW_TYPE_MONTHS:
    case ARROW_TYPE_OTHER:
    case _ARROW_TYPE_MAX:
        break;
    }
    return flat_put_table(w, slots, n_slots);
}

static uint8_t wire_of(const ArrowField *f)
{
    FlatWriter nowhere = {0};
    uint8_t wire = 0;
    put_type(&nowhere, f, &wire);
    return wire;
}

static size_t put_fields(FlatWriter *w, const ArrowField *fields, uint32_t n_fields);

static size_t put_field(FlatWriter *w, const ArrowField *f)
{
    FlatSlot slots[_FIELD_SLOTS] = {
        [FIELD_NAME] = FLAT_OFFSET,
        [FIELD_NULLABLE] = {.size = 1, .value = f->nullable},
        [FIELD_TYPE_TYPE] = {.size = 1, .value = wire_of(f)},
        [FIELD_TYPE] = FLAT_OFFSET,
        [FIELD_CHILDREN] = FLAT_OFFSET,
    };
    size_t table = flat_put_table(w, slots, ARRAY_SIZE(slots));
    uint8_t wire;
    flat_fill(w, slots[FIELD_NAME].at, flat_put_string(w, f->name ? f->name : ""));
    flat_fill(w, slots[FIELD_TYPE].at, put_type(w, f, &wire));
    /* Readers want the vector even where it is empty. */
    flat_fill(w, slots[FIELD_CHILDREN].at, put_fields(w, f->children, f->n_children));
    return table;
}

static size_t put_fields(FlatWriter *w, const ArrowField *fields, uint32_t n_fields)
{
    size_t vector = flat_put_vector(w, n_fields, 4, 4);
    for (uint32_t i = 0; i < n_fields; i++)
        flat_fill(w, vector + 4 + 4 * (size_t)i, put_field(w, &fields[i]));
    return vector;
}

/* The message around a header; its table comes next. Return: where its offset belongs. */
static size_t put_message(FlatWriter *w, uint8_t header_type, uint64_t n_body, FlatSlot *ret_body)
{
    FlatSlot slots[_MESSAGE_SLOTS] = {
        [MESSAGE_VERSION] = {.size = 2, .value = VERSION_V5},
        [MESSAGE_HEADER_TYPE] = {.size = 1, .value = header_type},
        [MESSAGE_HEADER] = FLAT_OFFSET,
        [MESSAGE_BODY_LENGTH] = {.size = 8, .value = n_body},
    };
    flat_store(w, 0, 0, 4);
    w->n_bytes = 4;
    flat_fill(w, 0, flat_put_table(w, slots, ARRAY_SIZE(slots)));
    *ret_body = slots[MESSAGE_BODY_LENGTH];
    return slots[MESSAGE_HEADER].at;
}

/* @out NULL: measure. Return: bytes of prefix and padded metadata. */
static size_t put_schema_message(const ArrowField *fields, uint32_t n_fields, uint8_t *out)
{
    FlatWriter w = {.data = out ? out + PREFIX_SIZE : NULL};
    FlatSlot body;
    FlatSlot slots[_SCHEMA_SLOTS] = {
        [SCHEMA_ENDIANNESS] = {.size = 2}, [SCHEMA_FIELDS] = FLAT_OFFSET};
    size_t header = put_message(&w, HEADER_SCHEMA, 0, &body);

    flat_fill(&w, header, flat_put_table(&w, slots, ARRAY_SIZE(slots)));
    flat_fill(&w, slots[SCHEMA_FIELDS].at, put_fields(&w, fields, n_fields));
    size_t n_metadata = ALIGN_UP(w.n_bytes, 8);
    if (out) {
        FlatWriter prefix = {.data = out};
        flat_store(&prefix, 0, CONTINUATION, 4);
        flat_store(&prefix, 4, n_metadata, 4);
        memset(w.data + w.n_bytes, 0, n_metadata - w.n_bytes);
    }
    return PREFIX_SIZE + n_metadata;
}

int arrow_writer_new(const ArrowField *fields, uint32_t n_fields, ArrowWriter **ret_writer)
{
    uint32_t n_nodes = 0, n_buffers = 0;
    for (uint32_t i = 0; i < n_fields; i++) {
        int r = check_field(&fields[i], 1, &n_nodes, &n_buffers);
        if (r < 0)
            return r;
    }
    size_t n_schema = put_schema_message(fields, n_fields, NULL);
    ArrowWriter *w = malloc(sizeof(*w) + n_schema);
    if (!w)
        return -ENOMEM;
    *w = (ArrowWriter){.fields = fields,
                       .n_fields = n_fields,
                       .n_nodes = n_nodes,
                       .n_buffers = n_buffers,
                       .n_schema = n_schema};
    put_schema_message(fields, n_fields, w->schema);
    *ret_writer = w;
    return 0;
}

ArrowWriter *arrow_writer_free(ArrowWriter *w)
{
    free(w);
    return NULL;
}

/* ---- batches ---- */

/* Where the next node, buffer entry and body byte go. With @out NULL everything is counted, nothing
 * written. */
typedef struct BatchWalk {
    uint8_t *out;        /* start of the body */
    size_t n_body;       /* bytes of the body so far */
    FlatWriter metadata; /* holds the two vectors */
    size_t node, buffer; /* positions in it */
} BatchWalk;

static uint8_t *next_buffer(BatchWalk *walk, size_t n_bytes)
{
    uint8_t *at = walk->out ? walk->out + walk->n_body : NULL;
    size_t n_padded = ALIGN_UP(n_bytes, 8);
    flat_store(&walk->metadata, walk->buffer, walk->n_body, 8);
    flat_store(&walk->metadata, walk->buffer + 8, n_bytes, 8);
    walk->buffer += BUFFER_SIZE;
    walk->n_body += n_padded;
    if (at)
        memset(at + n_bytes, 0, n_padded - n_bytes);
    return at;
}

/* Bits [start, start + n) of @from to bit 0 of @to; the bits behind the last are zero. */
static void copy_bits(uint8_t *to, const uint8_t *from, int64_t start, int64_t n)
{
    const uint8_t *p = from + start / 8;
    unsigned shift = start % 8;
    int64_t n_bytes = (n + 7) / 8;

    if (shift == 0) {
        memcpy(to, p, (size_t)n_bytes);
    } else {
        int64_t n_source = (shift + n + 7) / 8;
        for (int64_t i = 0; i < n_bytes; i++) {
            unsigned high = i + 1 < n_source ? p[i + 1] : 0;
            to[i] = (uint8_t)(p[i] >> shift | high << (8 - shift));
        }
    }
    if (n % 8)
        to[n_bytes - 1] &= (uint8_t)((1u << (n % 8)) - 1);
}

static int64_t count_valid(const uint8_t *bits, int64_t start, int64_t n)
{
    int64_t n_valid = 0;
    for (; n > 0 && start % 8; start++, n--)
        n_valid += bits[start / 8] >> (start % 8) & 1;
    int64_t n_left = n;
    for (; n_left >= 64; start += 64, n_left -= 64) {
        uint64_t word;
        memcpy(&word, bits + start / 8, sizeof(word));
        n_valid += __builtin_popcountll(word);
    }
    for (; n_left > 0; start++, n_left--)
        n_valid += bits[start / 8] >> (start % 8) & 1;
    return n_valid;
}

static void put_validity(BatchWalk *walk, const ArrowColumn *c, int64_t start, int64_t n,
                         bool whole)
{
    int64_t n_nulls = 0;
    if (c->validity && n > 0) {
        if (whole && c->null_count >= 0)
            n_nulls = c->null_count;
        else
            n_nulls = n - count_valid(c->validity, start, n);
    }
    flat_store(&walk->metadata, walk->node, (uint64_t)n, 8);
    flat_store(&walk->metadata, walk->node + 8, (uint64_t)n_nulls, 8);
    walk->node += NODE_SIZE;

    uint8_t *at = next_buffer(walk, n_nulls > 0 ? (size_t)(n + 7) / 8 : 0);
    if (at && n_nulls > 0)
        copy_bits(at, c->validity, start, n);
}

/* Offsets from 0. Return: the first and last offset in the source. */
static void put_offsets(BatchWalk *walk, const ArrowColumn *c, int64_t start, int64_t n,
                        int32_t *ret_from, int32_t *ret_to)
{
    static const int32_t none[1];
    assert(c->offsets || n == 0);
    const int32_t *offsets = c->offsets ? c->offsets + start : none;
    int32_t base = offsets[0];
    uint8_t *at = next_buffer(walk, (size_t)(n + 1) * sizeof(int32_t));

    if (at && base == 0) {
        memcpy(at, offsets, (size_t)(n + 1) * sizeof(int32_t));
    } else if (at) {
        for (int64_t i = 0; i <= n; i++) {
            int32_t rebased = offsets[i] - base;
            memcpy(at + i * sizeof(int32_t), &rebased, sizeof(rebased));
        }
    }
    *ret_from = base;
    *ret_to = offsets[n];
}

/* Rows [start, start + n) of the view @c. Bounded recursion, as the schema was checked. */
static void put_column(BatchWalk *walk, const ArrowField *f, const ArrowColumn *c, int64_t start,
                       int64_t n)
{
    bool whole = start == 0 && n == c->length;
    assert(start >= 0 && n >= 0 && start + n <= c->length);
    start += c->offset;

    if (f->type == ARROW_TYPE_NULL) {
        flat_store(&walk->metadata, walk->node, (uint64_t)n, 8);
        flat_store(&walk->metadata, walk->node + 8, (uint64_t)n, 8);
        walk->node += NODE_SIZE;
        return;
    }
    put_validity(walk, c, start, n, whole);

    if (has_offsets(f->type)) {
        int32_t from, to;
        put_offsets(walk, c, start, n, &from, &to);
        if (f->n_children > 0) {
            put_column(walk, &f->children[0], &c->children[0], from, to - from);
            return;
        }
        uint8_t *at = next_buffer(walk, (size_t)(to - from));
        if (at && to > from)
            memcpy(at, (const uint8_t *)c->data + from, (size_t)(to - from));
    } else if (f->type == ARROW_TYPE_STRUCT) {
        for (uint32_t i = 0; i < f->n_children; i++)
            put_column(walk, &f->children[i], &c->children[i], start, n);
    } else if (f->type == ARROW_TYPE_BOOL) {
        uint8_t *at = next_buffer(walk, (size_t)(n + 7) / 8);
        if (at && n > 0)
            copy_bits(at, c->data, start, n);
    } else {
        size_t width = arrow_type_width(f->type);
        uint8_t *at = next_buffer(walk, (size_t)n * width);
        if (at && n > 0)
            memcpy(at, (const uint8_t *)c->data + (size_t)start * width, (size_t)n * width);
    }
}

static size_t put_batch(const ArrowWriter *w, const ArrowColumn *columns, int64_t n_rows,
                        uint8_t *out)
{
    BatchWalk walk = {.metadata = {.data = out ? out + PREFIX_SIZE : NULL}};
    FlatWriter *m = &walk.metadata;
    FlatSlot body;
    FlatSlot slots[_BATCH_SLOTS] = {[BATCH_LENGTH] = {.size = 8, .value = (uint64_t)n_rows},
                                    [BATCH_NODES] = FLAT_OFFSET,
                                    [BATCH_BUFFERS] = FLAT_OFFSET};

    assert(n_rows >= 0 && n_rows <= ARROW_ROWS_MAX);
    size_t header = put_message(m, HEADER_RECORD_BATCH, 0, &body);
    flat_fill(m, header, flat_put_table(m, slots, ARRAY_SIZE(slots)));
    size_t nodes = flat_put_vector(m, w->n_nodes, NODE_SIZE, 8);
    flat_fill(m, slots[BATCH_NODES].at, nodes);
    size_t buffers = flat_put_vector(m, w->n_buffers, BUFFER_SIZE, 8);
    flat_fill(m, slots[BATCH_BUFFERS].at, buffers);
    size_t n_metadata = ALIGN_UP(m->n_bytes, 8);

    walk.node = nodes + 4;
    walk.buffer = buffers + 4;
    walk.out = out ? out + PREFIX_SIZE + n_metadata : NULL;
    for (uint32_t i = 0; i < w->n_fields; i++) {
        assert(columns[i].length == n_rows);
        put_column(&walk, &w->fields[i], &columns[i], 0, n_rows);
    }
    flat_store(m, body.at, walk.n_body, 8);
    if (out) {
        FlatWriter prefix = {.data = out};
        flat_store(&prefix, 0, CONTINUATION, 4);
        flat_store(&prefix, 4, n_metadata, 4);
        memset(m->data + m->n_bytes, 0, n_metadata - m->n_bytes);
    }
    return PREFIX_SIZE + n_metadata + walk.n_body;
}

size_t arrow_writer_write_part(const ArrowWriter *w, ArrowPart part, const ArrowColumn *columns,
                               int64_t n_rows, uint8_t *out)
{
    switch (part) {
    case ARROW_PART_SCHEMA:
        if (out)
            memcpy(out, w->schema, w->n_schema);
        return w->n_schema;
    case ARROW_PART_BATCH:
        return put_batch(w, columns, n_rows, out);
    case ARROW_PART_END:
        if (out) {
            FlatWriter end = {.data = out};
            flat_store(&end, 0, CONTINUATION, 8);
        }
        return PREFIX_SIZE;
    }
    return 0;
}

size_t arrow_writer_measure(const ArrowWriter *w, const ArrowColumn *columns, int64_t n_rows)
{
    return w->n_schema + put_batch(w, columns, n_rows, NULL) + PREFIX_SIZE;
}

void arrow_writer_write(const ArrowWriter *w, const ArrowColumn *columns, int64_t n_rows,
                        uint8_t *out, size_t n_bytes)
{
    size_t n = arrow_writer_write_part(w, ARROW_PART_SCHEMA, NULL, 0, out);
    n += arrow_writer_write_part(w, ARROW_PART_BATCH, columns, n_rows, out + n);
    n += arrow_writer_write_part(w, ARROW_PART_END, NULL, 0, out + n);
    assert(n == n_bytes);
}
