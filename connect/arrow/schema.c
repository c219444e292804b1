/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "connect/arrow/format_internal.h"
#include "connect/arrow/schema_internal.h"

/*
 * Schemas. Two trees grow side by side: fields as they are handed out, and nodes that say how each
 * lies on the wire. Tables may be named by many offsets, so fields and the bytes of names are
 * counted before anything is taken for them.
 */

typedef struct SchemaReader {
    ArrowSchema *schema;
    ArrowForms forms;
    ArrowMemory memory;
    ArrowReason *reason;
    size_t n_bytes;    /* of the metadata: names have no more */
    size_t n_names;    /* bytes copied */
    uint32_t n_fields; /* taken, of all depths */
} SchemaReader;

int arrow_refuse(ArrowReason *reason, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason->text, sizeof(reason->text), format, args);
    va_end(args);
    return error;
}

int arrow_malformed(ArrowReason *reason, const char *what)
{
    return arrow_refuse(reason, -EBADMSG, "malformed Arrow data: %s", what);
}

static int copy_text(SchemaReader *r, const char *text, size_t n, const char **ret)
{
    if (n > ARROW_NAME_MAX)
        return arrow_refuse(r->reason, -E2BIG, "a name of %zu bytes in the Arrow schema", n);
    if (n > 0 && (memchr(text, 0, n) || !text_is_utf8(text, n)))
        return arrow_malformed(r->reason, "a name is not UTF-8");
    r->n_names += n;
    if (r->n_names > r->n_bytes)
        return arrow_malformed(r->reason, "names that share their bytes");
    char *copy = arrow_take(r->memory, n + 1, 1);
    if (!copy)
        return -ENOMEM;
    if (n > 0)
        memcpy(copy, text, n);
    *ret = copy;
    return 0;
}

/* ---- types ---- */

/* A type that has no form of ours: refused, or a field that only its name is known of. */
static int other(SchemaReader *r, ArrowField *f, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int other(SchemaReader *r, ArrowField *f, const char *format, ...)
{
    char name[64];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (r->forms == ARROW_PLAIN)
        return arrow_refuse(r->reason, -EOPNOTSUPP, "field \"%s\" has the type %s", f->name, name);
    f->type = ARROW_TYPE_OTHER;
    char *copy = arrow_take(r->memory, strlen(name) + 1, 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, name, strlen(name));
    f->other = copy;
    return 0;
}

static int read_int_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int32_t width;
    uint8_t is_signed;
    if (flat_read_i32(t, 0, 0, &width) < 0 || flat_read_u8(t, 1, 0, &is_signed) < 0 ||
        (width != 8 && width != 16 && width != 32 && width != 64))
        return arrow_malformed(r->reason, "integer type");
    node->width = (uint8_t)(width / 8);
    node->is_signed = is_signed != 0;
    if (!is_signed && r->forms == ARROW_PLAIN)
        return other(r, f, "uint%d", width);
    /* Without a sign: as the next wider type. */
    switch (width * (is_signed ? 1 : 2)) {
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
    f->type = ARROW_TYPE_DECIMAL128;
    f->precision = 20;
    return 0;
}

static int read_decimal_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int32_t width;
    if (flat_read_i32(t, 0, 0, &f->precision) < 0 || flat_read_i32(t, 1, 0, &f->scale) < 0 ||
        flat_read_i32(t, 2, 128, &width) < 0 ||
        (width != 32 && width != 64 && width != 128 && width != 256))
        return arrow_malformed(r->reason, "decimal type");
    node->width = (uint8_t)(width / 8);
    if ((width != 128 && r->forms == ARROW_PLAIN))
        return other(r, f, "decimal%d", width);
    if (f->precision < 1 || f->precision > 38 || f->scale < 0 || f->scale > f->precision)
        return other(r, f, "decimal%d(%d, %d)", width, f->precision, f->scale);
    f->type = ARROW_TYPE_DECIMAL128;
    return 0;
}

static int read_float_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int16_t precision;
    if (flat_read_i16(t, 0, 0, &precision) < 0 || precision < 0 || precision > 2)
        return arrow_malformed(r->reason, "floating-point type");
    node->width = (uint8_t)(2 << precision);
    f->type = precision == 2 ? ARROW_TYPE_DOUBLE : ARROW_TYPE_FLOAT;
    return precision == 0 && r->forms == ARROW_PLAIN ? other(r, f, "half-float") : 0;
}

static int read_unit(SchemaReader *r, const FlatTable *t, int16_t otherwise, ArrowNode *node)
{
    int16_t unit;
    if (flat_read_i16(t, 0, otherwise, &unit) < 0 || unit < 0 || unit > UNIT_NANOSECOND)
        return arrow_malformed(r->reason, "unit of a type");
    node->unit = (uint8_t)unit;
    return 0;
}

static int read_timestamp_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    const char *zone;
    size_t n_zone;
    if (read_unit(r, t, UNIT_SECOND, node) < 0 || flat_read_string(t, 1, &zone, &n_zone) < 0)
        return arrow_malformed(r->reason, "timestamp type");
    f->type = ARROW_TYPE_TIMESTAMP;
    return zone && n_zone > 0 ? copy_text(r, zone, n_zone, &f->timezone) : 0;
}

static int read_interval_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int16_t unit;
    if (flat_read_i16(t, 0, 0, &unit) < 0 || unit < 0 || unit > 2)
        return arrow_malformed(r->reason, "interval type");
    node->unit = (uint8_t)unit;
    node->width = (uint8_t)(unit == 0 ? 4 : unit == 1 ? 8 : 16);
    if (unit == 2 || r->forms == ARROW_PLAIN)
        return other(r, f, unit == 2 ? "month_day_nano_interval" : "interval");
    f->type = unit == 0 ? ARROW_TYPE_MONTHS : ARROW_TYPE_DURATION;
    return 0;
}

/* FIXED_SIZE_BINARY and FIXED_SIZE_LIST. Of size 0, rows would cost nothing. */
static int read_sized_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    bool list = node->wire == WIRE_FIXED_SIZE_LIST;
    int32_t size;
    if (flat_read_i32(t, 0, 0, &size) < 0 || size < 0)
        return arrow_malformed(r->reason, "size of a type");
    node->size = (uint32_t)size;
    if (r->forms == ARROW_PLAIN || size == 0)
        return other(r, f, list ? "fixed_size_list" : "fixed_size_binary");
    f->type = list ? ARROW_TYPE_LIST : ARROW_TYPE_BINARY;
    return 0;
}

static int read_date_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int16_t unit;
    if (flat_read_i16(t, 0, 1, &unit) < 0)
        return arrow_malformed(r->reason, "date type");
    node->width = unit == 0 ? 4 : 8;
    f->type = ARROW_TYPE_DATE32;
    return 0;
}

static int read_time_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int32_t width;
    if (flat_read_i32(t, 1, 32, &width) < 0 || (width != 32 && width != 64))
        return arrow_malformed(r->reason, "time type");
    node->width = (uint8_t)(width / 8);
    return other(r, f, "time");
}

static int read_union_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    int16_t mode;
    if (flat_read_i16(t, 0, 0, &mode) < 0 || mode < 0 || mode > 1)
        return arrow_malformed(r->reason, "union type");
    node->is_dense = mode == 1;
    return other(r, f, "union");
}

static int read_type(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    switch (node->wire) {
    case WIRE_NULL:
        f->type = ARROW_TYPE_NULL;
        return 0;
    case WIRE_BOOL:
        f->type = ARROW_TYPE_BOOL;
        return 0;
    case WIRE_INT:
        return read_int_type(r, t, f, node);
    case WIRE_FLOAT:
        return read_float_type(r, t, f, node);
    case WIRE_DECIMAL:
        return read_decimal_type(r, t, f, node);
    case WIRE_LARGE_UTF8:
    case WIRE_UTF8:
        f->type = ARROW_TYPE_UTF8;
        return 0;
    case WIRE_UTF8_VIEW:
        f->type = ARROW_TYPE_UTF8;
        return r->forms == ARROW_PLAIN ? other(r, f, "utf8_view") : 0;
    case WIRE_LARGE_BINARY:
    case WIRE_BINARY:
        f->type = ARROW_TYPE_BINARY;
        return 0;
    case WIRE_BINARY_VIEW:
        f->type = ARROW_TYPE_BINARY;
        return r->forms == ARROW_PLAIN ? other(r, f, "binary_view") : 0;
    case WIRE_DATE:
        return read_date_type(r, t, f, node);
    case WIRE_TIME:
        return read_time_type(r, t, f, node);
    case WIRE_TIMESTAMP:
        return read_timestamp_type(r, t, f, node);
    case WIRE_DURATION:
        f->type = ARROW_TYPE_DURATION;
        return read_unit(r, t, UNIT_MILLISECOND, node);
    case WIRE_INTERVAL:
        return read_interval_type(r, t, f, node);
    case WIRE_FIXED_SIZE_BINARY:
    case WIRE_FIXED_SIZE_LIST:
        return read_sized_type(r, t, f, node);
    case WIRE_LARGE_LIST:
    case WIRE_LIST:
        f->type = ARROW_TYPE_LIST;
        return 0;
    case WIRE_MAP:
        f->type = ARROW_TYPE_MAP;
        return 0;
    case WIRE_STRUCT:
        f->type = ARROW_TYPE_STRUCT;
        return 0;
    case WIRE_UNION:
        return read_union_type(r, t, f, node);
    case WIRE_RUN_END_ENCODED:
        return other(r, f, "run_end_encoded");
    case WIRE_LIST_VIEW:
    case WIRE_LARGE_LIST_VIEW:
        return other(r, f, "list_view");
    }
    /* How many buffers it has is not known, so nothing behind it could be read either. */
    return arrow_refuse(r->reason, -EOPNOTSUPP, "field \"%s\" has the type %s", f->name,
                        node->wire == 0 ? "untyped" : "unknown");
}

/* ---- dictionaries ---- */

static bool same_layout(const ArrowNode *a, const ArrowNode *b)
{
    if (a->wire != b->wire || a->width != b->width || a->unit != b->unit ||
        a->is_signed != b->is_signed || a->is_dense != b->is_dense || a->size != b->size ||
        a->n_children != b->n_children)
        return false;
    for (uint32_t i = 0; i < a->n_children; i++) {
        const ArrowNode *x = &a->children[i], *y = &b->children[i];
        if (x->is_encoded != y->is_encoded || (x->is_encoded && x->id != y->id) ||
            !same_layout(x, y))
            return false;
    }
    return true;
}

/* Fields may share a dictionary when they agree on what its values are. */
static int add_dictionary(SchemaReader *r, ArrowField *f, const ArrowNode *node)
{
    ArrowSchema *s = r->schema;
    for (uint32_t i = 0; i < s->n_dictionaries; i++) {
        if (s->slots[i].node->id != node->id)
            continue;
        if (!same_layout(s->slots[i].node, node) || s->slots[i].field->type != f->type ||
            s->slots[i].field->precision != f->precision || s->slots[i].field->scale != f->scale)
            return arrow_malformed(r->reason, "two fields share a dictionary and differ");
        f->dictionary = i;
        return 0;
    }
    if (s->n_dictionaries == ARROW_DICTIONARIES_MAX)
        return arrow_refuse(r->reason, -E2BIG, "more than %u dictionaries in the Arrow schema",
                            ARROW_DICTIONARIES_MAX);
    f->dictionary = s->n_dictionaries;
    s->slots[s->n_dictionaries++] = (struct ArrowSlot){f, node};
    return 0;
}

/* Before the children: what their dictionaries are is then decided after this one's slot. */
static int read_encoding(SchemaReader *r, const FlatTable *t, ArrowField *f, ArrowNode *node)
{
    FlatTable encoding, index;
    int32_t width = 32;
    uint8_t is_signed = 1;
    if (!flat_has(t, FIELD_DICTIONARY))
        return 0;
    if (r->forms == ARROW_PLAIN)
        return arrow_refuse(r->reason, -EOPNOTSUPP, "field \"%s\" is dictionary-encoded", f->name);
    if (flat_read_table(t, FIELD_DICTIONARY, &encoding) < 0 ||
        flat_read_i64(&encoding, ENCODING_ID, 0, &node->id) < 0)
        return arrow_malformed(r->reason, "a dictionary encoding");
    int k = flat_read_table(&encoding, ENCODING_INDEX, &index);
    if (k != -ENODATA && (k < 0 || flat_read_i32(&index, 0, 0, &width) < 0 ||
                          flat_read_u8(&index, 1, 0, &is_signed) < 0))
        return arrow_malformed(r->reason, "a dictionary encoding");
    if (width != 8 && width != 16 && width != 32 && width != 64)
        return arrow_malformed(r->reason, "width of dictionary indices");
    node->is_encoded = f->is_encoded = true;
    node->index_width = (uint8_t)(width / 8);
    node->index_signed = is_signed != 0;
    return 0;
}

/* ---- fields ---- */

static int read_fields(SchemaReader *r, const FlatVector *v, unsigned depth, const ArrowField **ret,
                       const ArrowNode **ret_nodes);

static bool has_children(uint8_t wire)
{
    return wire == WIRE_LIST || wire == WIRE_LARGE_LIST || wire == WIRE_FIXED_SIZE_LIST ||
           wire == WIRE_MAP || wire == WIRE_STRUCT || wire == WIRE_UNION ||
           wire == WIRE_RUN_END_ENCODED || wire == WIRE_LIST_VIEW || wire == WIRE_LARGE_LIST_VIEW;
}

static bool may_have_children(uint8_t wire, uint32_t n)
{
    if (wire == WIRE_STRUCT || wire == WIRE_UNION)
        return true;
    return n == (!has_children(wire) ? 0u : wire == WIRE_RUN_END_ENCODED ? 2u : 1u);
}

static int read_field(SchemaReader *r, const FlatTable *t, unsigned depth, ArrowField *f,
                      ArrowNode *node)
{
    const char *name;
    size_t n_name;
    uint8_t nullable;
    FlatTable type;
    FlatVector children;

    if (depth > ARROW_DEPTH_MAX)
        return arrow_refuse(r->reason, -E2BIG, "too deeply nested fields in the Arrow schema");
    if (flat_read_string(t, FIELD_NAME, &name, &n_name) < 0)
        return arrow_malformed(r->reason, "name of a field");
    int k = copy_text(r, name, n_name, &f->name);
    if (k < 0)
        return k;
    if (flat_read_u8(t, FIELD_NULLABLE, 0, &nullable) < 0 ||
        flat_read_u8(t, FIELD_TYPE_TYPE, 0, &node->wire) < 0 ||
        flat_read_table(t, FIELD_TYPE, &type) < 0 ||
        flat_read_vector(t, FIELD_CHILDREN, 4, &children) < 0)
        return arrow_malformed(r->reason, "a field");
    f->nullable = nullable != 0;
    k = read_encoding(r, t, f, node);
    if (k == 0)
        k = read_type(r, &type, f, node);
    if (k < 0)
        return k;
    if (!may_have_children(node->wire, children.n_items))
        return arrow_malformed(r->reason, "number of children");
    f->n_children = node->n_children = children.n_items;
    k = read_fields(r, &children, depth + 1, &f->children, &node->children);
    if (k < 0)
        return k;
    if (f->type == ARROW_TYPE_MAP && (f->children[0].type != ARROW_TYPE_STRUCT ||
                                      f->children[0].n_children != 2 || f->children[0].is_encoded))
        return arrow_malformed(r->reason, "a map without key and value");
    return f->is_encoded ? add_dictionary(r, f, node) : 0;
}

static int read_fields(SchemaReader *r, const FlatVector *v, unsigned depth, const ArrowField **ret,
                       const ArrowNode **ret_nodes)
{
    if (v->n_items == 0)
        return 0;
    if (v->n_items > ARROW_FIELDS_MAX - r->n_fields)
        return arrow_refuse(r->reason, -E2BIG, "too many fields in the Arrow schema");
    r->n_fields += v->n_items;
    ArrowField *fields = arrow_take(r->memory, v->n_items, sizeof(*fields));
    ArrowNode *nodes = arrow_take(r->memory, v->n_items, sizeof(*nodes));
    if (!fields || !nodes)
        return -ENOMEM;
    for (uint32_t i = 0; i < v->n_items; i++) {
        FlatTable t;
        if (flat_read_item_table(v, i, &t) < 0)
            return arrow_malformed(r->reason, "a field");
        int k = read_field(r, &t, depth, &fields[i], &nodes[i]);
        if (k < 0)
            return k;
    }
    *ret = fields;
    *ret_nodes = nodes;
    return 0;
}

int arrow_schema_of(const FlatTable *table, ArrowForms forms, ArrowMemory memory,
                    ArrowSchema **ret_schema, ArrowReason *reason)
{
    int16_t endianness;
    FlatVector fields;
    ArrowSchema *schema = arrow_take(memory, 1, sizeof(*schema));
    SchemaReader r = {schema, forms, memory, reason, table->buffer.n_bytes, 0, 0};

    if (!schema)
        return -ENOMEM;
    if (flat_read_i16(table, SCHEMA_ENDIANNESS, 0, &endianness) < 0 ||
        flat_read_vector(table, SCHEMA_FIELDS, 4, &fields) < 0)
        return arrow_malformed(reason, "schema");
    if (endianness != 0)
        return arrow_refuse(reason, -EOPNOTSUPP, "big-endian Arrow data");
    schema->n_fields = fields.n_items;
    int k = read_fields(&r, &fields, 1, &schema->fields, &schema->nodes);
    if (k == 0)
        *ret_schema = schema;
    return k;
}

const ArrowField *arrow_schema_fields(const ArrowSchema *schema, uint32_t *ret_n_fields)
{
    *ret_n_fields = schema->n_fields;
    return schema->fields;
}

uint32_t arrow_schema_dictionaries(const ArrowSchema *schema)
{
    return schema->n_dictionaries;
}

const ArrowField *arrow_schema_dictionary(const ArrowSchema *schema, uint32_t number)
{
    return schema->slots[number].field;
}

bool arrow_schema_find_dictionary(const ArrowSchema *schema, int64_t id, uint32_t *ret_number)
{
    for (uint32_t i = 0; i < schema->n_dictionaries; i++)
        if (schema->slots[i].node->id == id) {
            *ret_number = i;
            return true;
        }
    return false;
}
