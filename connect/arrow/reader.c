/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "connect/arrow/flatbuffer_internal.h"
#include "connect/arrow/format_internal.h"

/* How a field lies on the wire where that differs from its ArrowField; one per field, depth first.
 */
typedef struct Storage {
    bool is_large; /* 64-bit offsets */
    bool is_date64;
    uint8_t unit; /* of TIMESTAMP and DURATION */
} Storage;

/* Memory that goes as a whole: the schema's, and each batch's. */
typedef struct Block {
    struct Block *next;
    max_align_t bytes[];
} Block;

struct ArrowReader {
    const uint8_t *data;
    size_t n_bytes, at;
    Block *schema_blocks, *batch_blocks;
    const ArrowField *fields;
    uint32_t n_fields;
    Storage *storage; /* ARROW_FIELDS_MAX entries */
    uint32_t n_storage;
    size_t
        n_names; /* bytes copied: one table may be named by many offsets, so this needs a limit */
    bool at_end;
    char reason[192];
};

/* Zeroed. NULL: no memory. */
static void *take(Block **blocks, size_t n_items, size_t item_size)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n_items, item_size, &n_bytes) ||
        __builtin_add_overflow(n_bytes, sizeof(Block), &n_bytes))
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

static int _printf_(3, 4) refuse(ArrowReader *r, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->reason, sizeof(r->reason), format, args);
    va_end(args);
    return error;
}

static int malformed(ArrowReader *r, const char *what)
{
    return refuse(r, -EBADMSG, "malformed Arrow stream: %s", what);
}

const char *arrow_reader_reason(const ArrowReader *r)
{
    return r->reason;
}

/* ---- messages ---- */

typedef struct Message {
    FlatTable header;
    uint8_t header_type;
    const uint8_t *body;
    size_t n_body;
} Message;

static uint32_t load32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Return: 1, 0 at the end of the stream, or an error. */
static int next_message(ArrowReader *r, Message *ret)
{
    size_t n_left = r->n_bytes - r->at;
    const uint8_t *p;

    if (r->at_end || n_left == 0) /* the end marker may be missing */
        return 0;
    p = r->data + r->at;
    if (n_left < PREFIX_SIZE)
        return malformed(r, "cut in the prefix of a message");
    if (load32(p) != CONTINUATION)
        return refuse(r, -EOPNOTSUPP, "Arrow stream in the framing of before version 0.15");
    size_t n_metadata = load32(p + 4);
    if (n_metadata == 0) {
        r->at_end = true;
        return 0;
    }
    n_left -= PREFIX_SIZE;
    if (n_metadata > n_left || n_metadata % 8 != 0)
        return malformed(r, "length of the metadata");

    FlatTable message;
    FlatBuffer metadata = {.data = p + PREFIX_SIZE, .n_bytes = n_metadata};
    int16_t version;
    int64_t n_body;
    Message m = {.body = p + PREFIX_SIZE + n_metadata};
    if (flat_read_root(metadata, &message) < 0 ||
        flat_read_i16(&message, MESSAGE_VERSION, 0, &version) < 0 ||
        flat_read_u8(&message, MESSAGE_HEADER_TYPE, 0, &m.header_type) < 0 ||
        flat_read_table(&message, MESSAGE_HEADER, &m.header) < 0 ||
        flat_read_i64(&message, MESSAGE_BODY_LENGTH, 0, &n_body) < 0)
        return malformed(r, "metadata of a message");
    if (version != VERSION_V4 && version != VERSION_V5)
        return refuse(r, -EOPNOTSUPP, "Arrow metadata version %d", version + 1);
    if (n_body < 0 || (uint64_t)n_body > n_left - n_metadata || n_body % 8 != 0)
        return malformed(r, "length of a body");
    m.n_body = (size_t)n_body;
    r->at += PREFIX_SIZE + n_metadata + m.n_body;
    *ret = m;
    return 1;
}

/* ---- schema ---- */

static const char *const wire_names[_WIRE_MAX] = {
    [0] = "untyped",
    [WIRE_TIME] = "time",
    [WIRE_INTERVAL] = "interval",
    [WIRE_UNION] = "union",
    [WIRE_FIXED_SIZE_BINARY] = "fixed_size_binary",
    [WIRE_FIXED_SIZE_LIST] = "fixed_size_list",
    [22] = "run_end_encoded",
    [23] = "binary_view",
    [24] = "utf8_view",
    [25] = "list_view",
    [26] = "large_list_view",
};

static int copy_text(ArrowReader *r, const char *text, size_t n, const char **ret)
{
    if (n > ARROW_NAME_MAX)
        return refuse(r, -E2BIG, "a name of %zu bytes in the Arrow schema", n);
    if (n > 0 && (memchr(text, 0, n) || !text_is_utf8(text, n)))
        return malformed(r, "a name is not UTF-8");
    r->n_names += n;
    if (r->n_names > r->n_bytes)
        return malformed(r, "names that share their bytes");
    char *copy = take(&r->schema_blocks, n + 1, 1);
    if (!copy)
        return -ENOMEM;
    if (n > 0)
        memcpy(copy, text, n);
    *ret = copy;
    return 0;
}

static int read_int_type(ArrowReader *r, const FlatTable *t, ArrowField *f)
{
    int32_t width;
    uint8_t is_signed;
    if (flat_read_i32(t, 0, 0, &width) < 0 || flat_read_u8(t, 1, 0, &is_signed) < 0)
        return malformed(r, "integer type");
    if (!is_signed)
        return refuse(r, -EOPNOTSUPP, "field \"%s\" has the type uint%d", f->name, width);
    switch (width) {
    case 8:
        f->type = ARROW_TYPE_INT8;
        return 0;
    case 16:
        f->type = ARROW_TYPE_INT16;
        return 0;
    case 32:
        f->type = ARROW_TYPE_INT32;
        return 0;
    case 64:
        f->type = ARROW_TYPE_INT64;
        return 0;
    }
    return malformed(r, "width of an integer type");
}

static int read_decimal_type(ArrowReader *r, const FlatTable *t, ArrowField *f)
{
    int32_t width;
    if (flat_read_i32(t, 0, 0, &f->precision) < 0 || flat_read_i32(t, 1, 0, &f->scale) < 0 ||
        flat_read_i32(t, 2, 128, &width) < 0)
        return malformed(r, "decimal type");
    if (width != 128)
        return refuse(r, -EOPNOTSUPP, "field \"%s\" has the type decimal%d", f->name, width);
    if (f->precision < 1 || f->precision > 38 || f->scale < 0 || f->scale > f->precision)
        return refuse(r, -EOPNOTSUPP, "field \"%s\" has the type decimal128(%d, %d)", f->name,
                      f->precision, f->scale);
    f->type = ARROW_TYPE_DECIMAL128;
    return 0;
}

static int read_timestamp_type(ArrowReader *r, const FlatTable *t, ArrowField *f, Storage *s)
{
    const char *zone;
    size_t n_zone;
    int16_t unit;
    if (flat_read_i16(t, 0, UNIT_SECOND, &unit) < 0 || unit < 0 || unit > UNIT_NANOSECOND ||
        flat_read_string(t, 1, &zone, &n_zone) < 0)
        return malformed(r, "timestamp type");
    s->unit = (uint8_t)unit;
    f->type = ARROW_TYPE_TIMESTAMP;
    return zone && n_zone > 0 ? copy_text(r, zone, n_zone, &f->timezone) : 0;
}

static int read_type(ArrowReader *r, uint8_t wire, const FlatTable *t, ArrowField *f, Storage *s)
{
    int16_t unit;
    switch (wire) {
    case WIRE_NULL:
        f->type = ARROW_TYPE_NULL;
        return 0;
    case WIRE_BOOL:
        f->type = ARROW_TYPE_BOOL;
        return 0;
    case WIRE_INT:
        return read_int_type(r, t, f);
    case WIRE_FLOAT:
        if (flat_read_i16(t, 0, 0, &unit) < 0)
            return malformed(r, "floating-point type");
        if (unit != 1 && unit != 2)
            return refuse(r, -EOPNOTSUPP, "field \"%s\" has the type half-float", f->name);
        f->type = unit == 1 ? ARROW_TYPE_FLOAT : ARROW_TYPE_DOUBLE;
        return 0;
    case WIRE_DECIMAL:
        return read_decimal_type(r, t, f);
    case WIRE_LARGE_UTF8:
    case WIRE_UTF8:
        f->type = ARROW_TYPE_UTF8;
        s->is_large = wire == WIRE_LARGE_UTF8;
        return 0;
    case WIRE_LARGE_BINARY:
    case WIRE_BINARY:
        f->type = ARROW_TYPE_BINARY;
        s->is_large = wire == WIRE_LARGE_BINARY;
        return 0;
    case WIRE_DATE:
        if (flat_read_i16(t, 0, 1, &unit) < 0)
            return malformed(r, "date type");
        f->type = ARROW_TYPE_DATE32;
        s->is_date64 = unit != 0;
        return 0;
    case WIRE_TIMESTAMP:
        return read_timestamp_type(r, t, f, s);
    case WIRE_DURATION:
        if (flat_read_i16(t, 0, UNIT_MILLISECOND, &unit) < 0 || unit < 0 || unit > UNIT_NANOSECOND)
            return malformed(r, "duration type");
        f->type = ARROW_TYPE_DURATION;
        s->unit = (uint8_t)unit;
        return 0;
    case WIRE_LARGE_LIST:
    case WIRE_LIST:
        f->type = ARROW_TYPE_LIST;
        s->is_large = wire == WIRE_LARGE_LIST;
        return 0;
    case WIRE_MAP:
        f->type = ARROW_TYPE_MAP;
        return 0;
    case WIRE_STRUCT:
        f->type = ARROW_TYPE_STRUCT;
        return 0;
    }
    return refuse(r, -EOPNOTSUPP, "field \"%s\" has the type %s", f->name,
                  wire < _WIRE_MAX && wire_names[wire] ? wire_names[wire] : "unknown");
}

static int read_fields(ArrowReader *r, const FlatVector *v, unsigned depth, const ArrowField **ret);

static int read_field(ArrowReader *r, const FlatTable *t, unsigned depth, ArrowField *f)
{
    const char *name;
    size_t n_name;
    uint8_t nullable, wire;
    FlatTable type;
    FlatVector children;

    if (r->n_storage == ARROW_FIELDS_MAX || depth > ARROW_DEPTH_MAX)
        return refuse(r, -E2BIG, "too many or too deeply nested fields in the Arrow schema");
    Storage *s = &r->storage[r->n_storage++];

    if (flat_read_string(t, FIELD_NAME, &name, &n_name) < 0)
        return malformed(r, "name of a field");
    int k = copy_text(r, name, n_name, &f->name);
    if (k < 0)
        return k;
    if (flat_has(t, FIELD_DICTIONARY))
        return refuse(r, -EOPNOTSUPP, "field \"%s\" is dictionary-encoded", f->name);
    if (flat_read_u8(t, FIELD_NULLABLE, 0, &nullable) < 0 ||
        flat_read_u8(t, FIELD_TYPE_TYPE, 0, &wire) < 0 ||
        flat_read_table(t, FIELD_TYPE, &type) < 0 ||
        flat_read_vector(t, FIELD_CHILDREN, 4, &children) < 0)
        return malformed(r, "a field");
    f->nullable = nullable != 0;
    k = read_type(r, wire, &type, f, s);
    if (k < 0)
        return k;

    bool nests =
        f->type == ARROW_TYPE_LIST || f->type == ARROW_TYPE_MAP || f->type == ARROW_TYPE_STRUCT;
    if ((!nests && children.n_items > 0) ||
        (nests && f->type != ARROW_TYPE_STRUCT && children.n_items != 1))
        return malformed(r, "number of children");
    f->n_children = children.n_items;
    k = read_fields(r, &children, depth + 1, &f->children);
    if (k < 0)
        return k;
    if (f->type == ARROW_TYPE_MAP &&
        (f->children[0].type != ARROW_TYPE_STRUCT || f->children[0].n_children != 2))
        return malformed(r, "a map without key and value");
    return 0;
}

static int read_fields(ArrowReader *r, const FlatVector *v, unsigned depth, const ArrowField **ret)
{
    if (v->n_items == 0)
        return 0;
    if (v->n_items > ARROW_FIELDS_MAX)
        return refuse(r, -E2BIG, "too many fields in the Arrow schema");
    ArrowField *fields = take(&r->schema_blocks, v->n_items, sizeof(*fields));
    if (!fields)
        return -ENOMEM;
    for (uint32_t i = 0; i < v->n_items; i++) {
        FlatTable t;
        if (flat_read_item_table(v, i, &t) < 0)
            return malformed(r, "a field");
        int k = read_field(r, &t, depth, &fields[i]);
        if (k < 0)
            return k;
    }
    *ret = fields;
    return 0;
}

static int read_schema(ArrowReader *r)
{
    Message m;
    int16_t endianness;
    FlatVector fields;

    int k = next_message(r, &m);
    if (k < 0)
        return k;
    if (k == 0 || m.header_type != HEADER_SCHEMA)
        return malformed(r, "it does not start with a schema");
    if (flat_read_i16(&m.header, SCHEMA_ENDIANNESS, 0, &endianness) < 0 ||
        flat_read_vector(&m.header, SCHEMA_FIELDS, 4, &fields) < 0)
        return malformed(r, "schema");
    if (endianness != 0)
        return refuse(r, -EOPNOTSUPP, "big-endian Arrow stream");
    r->n_fields = fields.n_items;
    return read_fields(r, &fields, 1, &r->fields);
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
        uint8_t *copy = take(&r->schema_blocks, n_bytes, 1);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, data, n_bytes);
        r->data = copy;
    }
    r->storage = take(&r->schema_blocks, ARROW_FIELDS_MAX, sizeof(*r->storage));
    if (!r->storage)
        return -ENOMEM;
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
    *ret_n_fields = r->n_fields;
    return r->fields;
}

/* ---- batches ---- */

/* Walks nodes, buffers and storage in step with the fields. */
typedef struct BatchWalk {
    const Message *message;
    FlatVector nodes, buffers;
    uint32_t node, buffer;
} BatchWalk;

static int next_buffer(ArrowReader *r, BatchWalk *walk, const uint8_t **ret_data,
                       size_t *ret_n_bytes)
{
    if (walk->buffer == walk->buffers.n_items)
        return malformed(r, "a batch has too few buffers");
    int64_t offset = flat_item_i64(&walk->buffers, walk->buffer, BUFFER_SIZE, 0);
    int64_t length = flat_item_i64(&walk->buffers, walk->buffer, BUFFER_SIZE, 8);
    walk->buffer++;
    if (offset < 0 || length < 0 || (uint64_t)offset > walk->message->n_body ||
        (uint64_t)length > walk->message->n_body - (uint64_t)offset)
        return malformed(r, "a buffer lies outside its batch");
    if (offset % 8 != 0 && length > 0)
        return malformed(r, "a buffer is not aligned");
    *ret_data = walk->message->body + offset;
    *ret_n_bytes = (size_t)length;
    return 0;
}

/* Like next_buffer(), for @n items of @width bytes. */
static int next_values(ArrowReader *r, BatchWalk *walk, int64_t n, size_t width,
                       const uint8_t **ret_data)
{
    size_t n_bytes;
    int k = next_buffer(r, walk, ret_data, &n_bytes);
    if (k < 0)
        return k;
    return (uint64_t)n * width <= n_bytes ? 0 : malformed(r, "a buffer is too short");
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

static int read_validity(ArrowReader *r, BatchWalk *walk, ArrowColumn *c)
{
    const uint8_t *bits;
    size_t n_bytes;
    int k = next_buffer(r, walk, &bits, &n_bytes);
    if (k < 0)
        return k;
    if (c->null_count == 0)
        return 0;
    if ((uint64_t)(c->length + 7) / 8 > n_bytes)
        return malformed(r, "a validity bitmap is too short");
    c->null_count = c->length - count_valid(bits, c->length);
    c->validity = c->null_count > 0 ? bits : NULL;
    return 0;
}

/* Rising, from 0 on; 64-bit ones become 32-bit. */
static int read_offsets(ArrowReader *r, BatchWalk *walk, const Storage *s, ArrowColumn *c,
                        int32_t *ret_last)
{
    const uint8_t *bytes;
    size_t n_bytes, width = s->is_large ? 8 : 4;
    int k = next_buffer(r, walk, &bytes, &n_bytes);
    if (k < 0)
        return k;
    *ret_last = 0;
    if (c->length == 0)
        return 0; /* whatever is there counts nothing */
    if (((uint64_t)c->length + 1) * width > n_bytes)
        return malformed(r, "an offset buffer is too short");

    int32_t *narrow = NULL;
    if (s->is_large) {
        narrow = take(&r->batch_blocks, (size_t)c->length + 1, sizeof(*narrow));
        if (!narrow)
            return -ENOMEM;
    }
    int64_t before = 0;
    for (int64_t i = 0; i <= c->length; i++) {
        int64_t offset;
        if (s->is_large) {
            memcpy(&offset, bytes + i * 8, 8);
            if (offset > INT32_MAX)
                return refuse(r, -EOPNOTSUPP, "more than 2 GiB in one column of one batch");
            narrow[i] = (int32_t)offset;
        } else {
            offset = ((const int32_t *)bytes)[i];
        }
        if (offset < before)
            return malformed(r, "offsets do not rise");
        before = offset;
    }
    c->offsets = narrow ? narrow : (const int32_t *)bytes;
    *ret_last = (int32_t)before;
    return 0;
}

static int read_text(ArrowReader *r, BatchWalk *walk, const ArrowField *f, ArrowColumn *c,
                     int32_t last)
{
    const uint8_t *bytes;
    int k = next_values(r, walk, last, 1, &bytes);
    if (k < 0)
        return k;
    c->data = bytes;
    if (f->type != ARROW_TYPE_UTF8 || c->length == 0)
        return 0;
    /* All of it is well-formed and no value starts inside a character, so each value is
     * well-formed. */
    int32_t first = c->offsets[0];
    if (!text_is_utf8(bytes + first, (size_t)(last - first)))
        return refuse(r, -EBADMSG, "field \"%s\" is not UTF-8", f->name);
    for (int64_t i = 0; i < c->length; i++)
        if (c->offsets[i] < last && (bytes[c->offsets[i]] & 0xc0) == 0x80)
            return refuse(r, -EBADMSG, "field \"%s\" is not UTF-8", f->name);
    return 0;
}

/* Other units than ours: converted into memory of the batch. */
static int convert_times(ArrowReader *r, const ArrowField *f, const Storage *s, ArrowColumn *c)
{
    static const int32_t factors[] = {
        [UNIT_SECOND] = 1000000, [UNIT_MILLISECOND] = 1000, [UNIT_MICROSECOND] = 1};
    const int64_t *from = c->data;
    int64_t *to = take(&r->batch_blocks, (size_t)c->length, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        if (!arrow_is_valid(c, i))
            continue;
        if (s->unit == UNIT_NANOSECOND)
            to[i] = from[i] / 1000 - (from[i] % 1000 < 0);
        else if (__builtin_mul_overflow(from[i], (int64_t)factors[s->unit], &to[i]))
            return refuse(r, -EBADMSG, "field \"%s\" has a time that microseconds cannot hold",
                          f->name);
    }
    c->data = to;
    return 0;
}

static int convert_dates(ArrowReader *r, const ArrowField *f, ArrowColumn *c)
{
    const int64_t msec_per_day = 86400000;
    const int64_t *from = c->data;
    int32_t *to = take(&r->batch_blocks, (size_t)c->length, sizeof(*to));
    if (!to)
        return -ENOMEM;
    for (int64_t i = 0; i < c->length; i++) {
        if (!arrow_is_valid(c, i))
            continue;
        int64_t days = from[i] / msec_per_day - (from[i] % msec_per_day < 0);
        if (days < INT32_MIN || days > INT32_MAX)
            return refuse(r, -EBADMSG, "field \"%s\" has a date that 32 bits cannot hold", f->name);
        to[i] = (int32_t)days;
    }
    c->data = to;
    return 0;
}

static int read_fixed(ArrowReader *r, BatchWalk *walk, const ArrowField *f, const Storage *s,
                      ArrowColumn *c)
{
    const uint8_t *values;
    int k;
    if (f->type == ARROW_TYPE_BOOL)
        k = next_values(r, walk, (c->length + 7) / 8, 1, &values);
    else
        k = next_values(r, walk, c->length, s->is_date64 ? 8 : arrow_type_width(f->type), &values);
    if (k < 0)
        return k;
    c->data = values;
    if (s->is_date64)
        return convert_dates(r, f, c);
    if ((f->type == ARROW_TYPE_TIMESTAMP || f->type == ARROW_TYPE_DURATION) &&
        s->unit != UNIT_MICROSECOND)
        return convert_times(r, f, s, c);
    return 0;
}

static int read_columns(ArrowReader *r, BatchWalk *walk, const ArrowField *fields,
                        uint32_t n_fields, int64_t n_rows, bool exact, const ArrowColumn **ret);

/* @n_rows: what the parent needs; @exact: and no more. Bounded recursion, as the schema was
 * checked. */
static int read_column(ArrowReader *r, BatchWalk *walk, const ArrowField *f, int64_t n_rows,
                       bool exact, ArrowColumn *c)
{
    if (walk->node == walk->nodes.n_items)
        return malformed(r, "a batch has too few nodes");
    const Storage *s = &r->storage[walk->node];
    c->length = flat_item_i64(&walk->nodes, walk->node, NODE_SIZE, 0);
    c->null_count = flat_item_i64(&walk->nodes, walk->node, NODE_SIZE, 8);
    walk->node++;
    if (c->length < n_rows || (exact && c->length != n_rows) || c->length > ARROW_ROWS_MAX)
        return malformed(r, "length of a column");
    if (c->null_count < 0 || c->null_count > c->length)
        return malformed(r, "null count of a column");
    if (f->type == ARROW_TYPE_NULL) {
        c->null_count = c->length;
        return 0;
    }

    int32_t last;
    int k = read_validity(r, walk, c);
    if (k < 0)
        return k;
    switch (f->type) {
    case ARROW_TYPE_UTF8:
    case ARROW_TYPE_BINARY:
        k = read_offsets(r, walk, s, c, &last);
        return k < 0 ? k : read_text(r, walk, f, c, last);
    case ARROW_TYPE_LIST:
    case ARROW_TYPE_MAP:
        k = read_offsets(r, walk, s, c, &last);
        return k < 0 ? k : read_columns(r, walk, f->children, 1, last, false, &c->children);
    case ARROW_TYPE_STRUCT:
        return read_columns(r, walk, f->children, f->n_children, c->length, false, &c->children);
    default:
        return read_fixed(r, walk, f, s, c);
    }
}

static int read_columns(ArrowReader *r, BatchWalk *walk, const ArrowField *fields,
                        uint32_t n_fields, int64_t n_rows, bool exact, const ArrowColumn **ret)
{
    ArrowColumn *columns = take(&r->batch_blocks, MAX(n_fields, 1u), sizeof(*columns));
    if (!columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_fields; i++) {
        int k = read_column(r, walk, &fields[i], n_rows, exact, &columns[i]);
        if (k < 0)
            return k;
    }
    *ret = columns;
    return 0;
}

int arrow_reader_next(ArrowReader *r, const ArrowColumn **ret_columns, int64_t *ret_n_rows)
{
    Message m;
    int64_t n_rows;

    drop(&r->batch_blocks);
    int k = next_message(r, &m);
    if (k <= 0)
        return k;
    if (m.header_type == HEADER_DICTIONARY_BATCH)
        return refuse(r, -EOPNOTSUPP, "dictionary batch in the Arrow stream");
    if (m.header_type != HEADER_RECORD_BATCH)
        return malformed(r, "a message that is no record batch");
    if (flat_has(&m.header, BATCH_COMPRESSION))
        return refuse(r, -EOPNOTSUPP, "compressed Arrow batch; send it uncompressed");

    BatchWalk walk = {.message = &m};
    if (flat_read_i64(&m.header, BATCH_LENGTH, 0, &n_rows) < 0 || n_rows < 0 ||
        n_rows > ARROW_ROWS_MAX ||
        flat_read_vector(&m.header, BATCH_NODES, NODE_SIZE, &walk.nodes) < 0 ||
        flat_read_vector(&m.header, BATCH_BUFFERS, BUFFER_SIZE, &walk.buffers) < 0)
        return malformed(r, "a record batch");
    if (walk.nodes.n_items != r->n_storage)
        return malformed(r, "number of nodes in a batch");
    k = read_columns(r, &walk, r->fields, r->n_fields, n_rows, true, ret_columns);
    if (k < 0)
        return k;
    if (walk.buffer != walk.buffers.n_items)
        return malformed(r, "a batch has too many buffers");
    *ret_n_rows = n_rows;
    return 1;
}
