/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/cleanup.h"
#include "connect/arrow/arrow.h"
#include "connect/proto/spark_service.h"
#include "connect/proto/spark_types.h"
#include "exec/connect/nested_arrow.h"
#include "exec/vec/interval.h"

/* ---- types ---- */

static void put_field(ProtoWriter *w, const char *name, Type type, bool nullable,
                      const char *metadata)
{
    proto_begin(w, SPARK_TYPE_STRUCT_FIELDS);
    proto_put_string(w, SPARK_TYPE_STRUCT_FIELD_NAME, name);
    reply_put_type(w, SPARK_TYPE_STRUCT_FIELD_DATA_TYPE, type);
    proto_put_bool(w, SPARK_TYPE_STRUCT_FIELD_NULLABLE, nullable);
    if (metadata)
        proto_put_string(w, SPARK_TYPE_STRUCT_FIELD_METADATA, metadata);
    proto_end(w);
}

void reply_put_struct(ProtoWriter *w, uint32_t number, const PlanField *fields, uint32_t n)
{
    proto_begin(w, number);
    proto_begin(w, SPARK_TYPE_STRUCT);
    for (uint32_t i = 0; i < n; i++)
        put_field(w, fields[i].name, fields[i].type, fields[i].nullable, fields[i].metadata);
    proto_end(w);
    proto_end(w);
}

void reply_put_type(ProtoWriter *w, uint32_t number, Type type)
{
    static const uint8_t numbers[_TYPE_KIND_MAX] = {
        [TYPE_NULL] = SPARK_TYPE_NULL,
        [TYPE_BOOLEAN] = SPARK_TYPE_BOOLEAN,
        [TYPE_BYTE] = SPARK_TYPE_BYTE,
        [TYPE_SHORT] = SPARK_TYPE_SHORT,
        [TYPE_INT] = SPARK_TYPE_INTEGER,
        [TYPE_LONG] = SPARK_TYPE_LONG,
        [TYPE_FLOAT] = SPARK_TYPE_FLOAT,
        [TYPE_DOUBLE] = SPARK_TYPE_DOUBLE,
        [TYPE_DECIMAL] = SPARK_TYPE_DECIMAL,
        [TYPE_STRING] = SPARK_TYPE_STRING,
        [TYPE_BINARY] = SPARK_TYPE_BINARY,
        [TYPE_DATE] = SPARK_TYPE_DATE,
        [TYPE_TIMESTAMP] = SPARK_TYPE_TIMESTAMP,
        [TYPE_TIMESTAMP_NTZ] = SPARK_TYPE_TIMESTAMP_NTZ,
        [TYPE_INTERVAL_YM] = SPARK_TYPE_YEAR_MONTH_INTERVAL,
        [TYPE_INTERVAL_DT] = SPARK_TYPE_DAY_TIME_INTERVAL,
        [TYPE_ARRAY] = SPARK_TYPE_ARRAY,
        [TYPE_MAP] = SPARK_TYPE_MAP,
        [TYPE_STRUCT] = SPARK_TYPE_STRUCT};
    proto_begin(w, number);
    proto_begin(w, numbers[type.kind]);
    switch (type.kind) {
    case TYPE_DECIMAL:
        proto_put_int64(w, SPARK_TYPE_DECIMAL_SCALE, type.scale);
        proto_put_int64(w, SPARK_TYPE_DECIMAL_PRECISION, type.precision);
        break;
    case TYPE_STRING:
        proto_put_string(w, SPARK_TYPE_STRING_COLLATION, "UTF8_BINARY");
        break;
    case TYPE_INTERVAL_YM:
        proto_put_int64(w, SPARK_TYPE_YEAR_MONTH_INTERVAL_START_FIELD, interval_start(type));
        proto_put_int64(w, SPARK_TYPE_YEAR_MONTH_INTERVAL_END_FIELD, interval_end(type));
        break;
    case TYPE_INTERVAL_DT:
        proto_put_int64(w, SPARK_TYPE_DAY_TIME_INTERVAL_START_FIELD, interval_start(type));
        proto_put_int64(w, SPARK_TYPE_DAY_TIME_INTERVAL_END_FIELD, interval_end(type));
        break;
    case TYPE_ARRAY:
        reply_put_type(w, SPARK_TYPE_ARRAY_ELEMENT_TYPE, type.children[0].type);
        proto_put_bool(w, SPARK_TYPE_ARRAY_CONTAINS_NULL, type.children[0].nullable);
        break;
    case TYPE_MAP:
        reply_put_type(w, SPARK_TYPE_MAP_KEY_TYPE, type.children[0].type);
        reply_put_type(w, SPARK_TYPE_MAP_VALUE_TYPE, type.children[1].type);
        proto_put_bool(w, SPARK_TYPE_MAP_VALUE_CONTAINS_NULL, type.children[1].nullable);
        break;
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type.n_children; i++)
            put_field(w, type.children[i].name, type.children[i].type, type.children[i].nullable,
                      NULL);
        break;
    default:
        break;
    }
    proto_end(w);
    proto_end(w);
}

/* ---- rows ---- */

typedef struct Column {
    ArrowType type;
    uint8_t phys;
    bool nested; /* @bytes and @offsets hold the values as exec/vec/nested.h has them */
    Type value_type;
    void *values; /* as Arrow wants them; bits for booleans */
    size_t values_size;
    uint8_t *validity;
    size_t validity_size;
    int32_t *offsets;
    size_t offsets_size;
    char *bytes;
    size_t n_bytes, bytes_size;
    bool has_nulls;
} Column;

struct ReplyWriter {
    MemPool *pool;
    uint64_t charged;
    ReplyEmit emit;
    void *userdata;
    ArrowField *fields;
    ArrowColumn *views;
    Column *columns;
    uint32_t n_columns;
    ArrowWriter *arrow;
    int64_t tail;
    uint32_t chunk_bytes;
    int64_t n_rows; /* in the buffers */
    uint64_t n_emitted;
    bool any;
    MemArena *arena; /* the schema's nested fields */
    MemArena *built; /* nested columns of the rows that are being emitted */
};

static const struct {
    uint8_t arrow, width; /* width in the buffer */
} arrow_types[_TYPE_KIND_MAX] = {
    [TYPE_NULL] = {ARROW_TYPE_NULL, 0},           [TYPE_BOOLEAN] = {ARROW_TYPE_BOOL, 1},
    [TYPE_BYTE] = {ARROW_TYPE_INT8, 1},           [TYPE_SHORT] = {ARROW_TYPE_INT16, 2},
    [TYPE_INT] = {ARROW_TYPE_INT32, 4},           [TYPE_LONG] = {ARROW_TYPE_INT64, 8},
    [TYPE_FLOAT] = {ARROW_TYPE_FLOAT, 4},         [TYPE_DOUBLE] = {ARROW_TYPE_DOUBLE, 8},
    [TYPE_DECIMAL] = {ARROW_TYPE_DECIMAL128, 16}, [TYPE_STRING] = {ARROW_TYPE_UTF8, 0},
    [TYPE_BINARY] = {ARROW_TYPE_BINARY, 0},       [TYPE_DATE] = {ARROW_TYPE_DATE32, 4},
    [TYPE_TIMESTAMP] = {ARROW_TYPE_TIMESTAMP, 8}, [TYPE_TIMESTAMP_NTZ] = {ARROW_TYPE_TIMESTAMP, 8},
    [TYPE_INTERVAL_YM] = {ARROW_TYPE_INT32, 4},   [TYPE_INTERVAL_DT] = {ARROW_TYPE_DURATION, 8},
};

int reply_writer_new(MemPool *pool, const PlanField *fields, uint32_t n_fields,
                     const char *time_zone, int64_t tail, ReplyEmit emit, void *userdata,
                     QueryError *error, ReplyWriter **ret_writer)
{
    _cleanup_(reply_writer_freep) ReplyWriter *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->pool = pool;
    w->emit = emit;
    w->userdata = userdata;
    w->tail = tail;
    w->n_columns = n_fields;
    w->fields = calloc(n_fields + 1, sizeof(*w->fields));
    w->views = calloc(n_fields + 1, sizeof(*w->views));
    w->columns = calloc(n_fields + 1, sizeof(*w->columns));
    if (!w->fields || !w->views || !w->columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_fields; i++) {
        Type t = fields[i].type;
        if (type_is_nested(t)) {
            int r = w->arena ? 0 : mem_arena_new(pool, "result", &w->arena);
            if (r == 0 && !w->built)
                r = mem_arena_new(pool, "result", &w->built);
            if (r == 0)
                r = nested_arrow_field(w->arena, fields[i].name, t, fields[i].nullable, time_zone,
                                       &w->fields[i]);
            if (r)
                return r;
            w->columns[i] = (Column){
                .type = w->fields[i].type, .phys = PHYS_STRING, .nested = true, .value_type = t};
            continue;
        }
        w->fields[i] = (ArrowField){.name = fields[i].name,
                                    .type = arrow_types[t.kind].arrow,
                                    .nullable = fields[i].nullable || t.kind == TYPE_NULL,
                                    .precision = t.precision,
                                    .scale = t.scale,
                                    .timezone = t.kind == TYPE_TIMESTAMP ? time_zone : NULL};
        w->columns[i] = (Column){.type = arrow_types[t.kind].arrow, .phys = (uint8_t)type_phys(t)};
    }
    int r = arrow_writer_new(w->fields, n_fields, &w->arrow);
    if (r < 0)
        return r;
    *ret_writer = TAKE_PTR(w);
    return 0;
}

ReplyWriter *reply_writer_free(ReplyWriter *w)
{
    if (!w)
        return NULL;
    for (uint32_t i = 0; w->columns && i < w->n_columns; i++) {
        free(w->columns[i].values);
        free(w->columns[i].validity);
        free(w->columns[i].offsets);
        free(w->columns[i].bytes);
    }
    arrow_writer_free(w->arrow);
    mem_arena_free(w->arena);
    mem_arena_free(w->built);
    free(w->fields);
    free(w->views);
    free(w->columns);
    if (w->charged > 0)
        mem_uncharge(w->pool, w->charged);
    free(w);
    return NULL;
}

uint64_t reply_writer_rows(const ReplyWriter *w)
{
    return w->n_emitted + (uint64_t)w->n_rows;
}

/* Room for @needed bytes in a buffer of ours, charged first. New bytes are zero. */
static int grow(ReplyWriter *w, void *buffer, size_t *size, size_t needed)
{
    if (needed <= *size)
        return 0;
    size_t bigger = ALIGN_UP(MAX(needed, *size * 2), (size_t)4096);
    int r = mem_charge(w->pool, bigger - *size, "result");
    if (r != 0)
        return r;
    void *grown = realloc(*(void **)buffer, bigger);
    if (!grown) {
        mem_uncharge(w->pool, bigger - *size);
        return -ENOMEM;
    }
    memset((char *)grown + *size, 0, bigger - *size);
    w->charged += bigger - *size;
    *(void **)buffer = grown;
    *size = bigger;
    return 0;
}

static int add_strings(ReplyWriter *w, Column *c, const Vector *v, const Batch *batch)
{
    int64_t row = w->n_rows;
    size_t total = 0;
    bool text = c->type == ARROW_TYPE_UTF8, valid = true;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t at = batch->sel ? batch->sel[i] : i;
        if (vec_row_is_null(v, at))
            continue;
        const VecString *s = &((const VecString *)v->values)[vec_index(v, at)];
        bool ok = !text || text_is_utf8(vec_string_data(s), s->length);
        total += ok ? s->length : 3ull * s->length;
        valid &= ok;
    }
    if (c->n_bytes + total > INT32_MAX)
        return -EMSGSIZE;
    int r = grow(w, &c->offsets, &c->offsets_size,
                 ((size_t)row + batch->n_selected + 1) * sizeof(int32_t));
    if (r == 0)
        r = grow(w, &c->bytes, &c->bytes_size, c->n_bytes + total + 1);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t at = batch->sel ? batch->sel[i] : i;
        if (!vec_row_is_null(v, at)) {
            const VecString *s = &((const VecString *)v->values)[vec_index(v, at)];
            const char *bytes = vec_string_data(s);
            /* A cast from binary, or a file that lies: the client's reader would stop there. */
            if (!valid && !text_is_utf8(bytes, s->length)) {
                c->n_bytes += text_replace_invalid(bytes, s->length, c->bytes + c->n_bytes);
            } else {
                memcpy(c->bytes + c->n_bytes, bytes, s->length);
                c->n_bytes += s->length;
            }
        }
        c->offsets[row + i + 1] = (int32_t)c->n_bytes;
    }
    return 0;
}

static int add_bools(ReplyWriter *w, Column *c, const Vector *v, const Batch *batch)
{
    int r = grow(w, &c->values, &c->values_size, ((size_t)w->n_rows + batch->n_selected) / 8 + 8);
    if (r != 0)
        return r;
    uint8_t *bits = c->values;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t at = batch->sel ? batch->sel[i] : i;
        int64_t row = w->n_rows + i;
        bool value = !vec_row_is_null(v, at) && ((const uint8_t *)v->values)[vec_index(v, at)];
        uint8_t bit = (uint8_t)(1u << (row % 8));
        bits[row / 8] = value ? bits[row / 8] | bit : bits[row / 8] & (uint8_t)~bit;
    }
    return 0;
}

static int add_fixed(ReplyWriter *w, Column *c, const Vector *v, const Batch *batch)
{
    size_t width = c->type == ARROW_TYPE_DECIMAL128 ? 16 : phys_size(v->phys);
    int r = grow(w, &c->values, &c->values_size, ((size_t)w->n_rows + batch->n_selected) * width);
    if (r != 0)
        return r;
    char *out = (char *)c->values + (size_t)w->n_rows * width;
    for (uint32_t i = 0; i < batch->n_selected; i++, out += width) {
        uint32_t at = batch->sel ? batch->sel[i] : i;
        if (vec_row_is_null(v, at)) {
            memset(out, 0, width);
            continue;
        }
        uint32_t index = vec_index(v, at);
        if (c->type == ARROW_TYPE_DECIMAL128 && v->phys == PHYS_I64) {
            __int128 wide = ((const int64_t *)v->values)[index];
            memcpy(out, &wide, 16);
        } else {
            memcpy(out, (const char *)v->values + (size_t)index * width, width);
        }
    }
    return 0;
}

static int add_validity(ReplyWriter *w, Column *c, const Vector *v, const Batch *batch)
{
    int r =
        grow(w, &c->validity, &c->validity_size, ((size_t)w->n_rows + batch->n_selected) / 8 + 8);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        int64_t row = w->n_rows + i;
        bool null = vec_row_is_null(v, batch->sel ? batch->sel[i] : i);
        uint8_t bit = (uint8_t)(1u << (row % 8));
        c->validity[row / 8] =
            null ? c->validity[row / 8] & (uint8_t)~bit : c->validity[row / 8] | bit;
        c->has_nulls |= null;
    }
    return 0;
}

static size_t buffered_bytes(const ReplyWriter *w)
{
    size_t n = 0;
    for (uint32_t i = 0; i < w->n_columns; i++) {
        const Column *c = &w->columns[i];
        n += c->n_bytes + (size_t)w->n_rows * (c->type == ARROW_TYPE_BOOL ? 1
                                               : c->offsets_size > 0      ? 4
                                               : c->type == ARROW_TYPE_NULL
                                                   ? 0
                                                   : arrow_type_width(c->type));
    }
    return n;
}

static int set_nested_view(ReplyWriter *w, uint32_t i, int64_t first, int64_t n)
{
    const Column *c = &w->columns[i];
    NestedItem *items = mem_arena_zalloc(w->built, sizeof(*items) * ((size_t)n + 1), 16);
    if (!items)
        return mem_arena_error(w->built);
    for (int64_t k = 0; k < n; k++) {
        int64_t row = first + k;
        items[k].is_null = !(c->validity[row / 8] >> (row % 8) & 1);
        if (!items[k].is_null)
            items[k].value.s = vec_string(c->bytes + c->offsets[row],
                                          (uint32_t)(c->offsets[row + 1] - c->offsets[row]));
    }
    return nested_arrow_column(w->built, c->value_type, items, (uint32_t)n, &w->views[i]);
}

/* Views of rows [first, first + n) of the buffers. */
static int set_views(ReplyWriter *w, int64_t first, int64_t n)
{
    static const int32_t no_offsets[1];
    if (w->built)
        mem_arena_reset(w->built);
    for (uint32_t i = 0; i < w->n_columns; i++) {
        const Column *c = &w->columns[i];
        if (c->nested) {
            int r = set_nested_view(w, i, first, n);
            if (r)
                return r;
            continue;
        }
        bool text = c->type == ARROW_TYPE_UTF8 || c->type == ARROW_TYPE_BINARY;
        w->views[i] = (ArrowColumn){.length = n,
                                    .offset = first,
                                    .null_count = c->has_nulls ? -1 : 0,
                                    .validity = c->has_nulls ? c->validity : NULL,
                                    .offsets = text ? (c->offsets ? c->offsets : no_offsets) : NULL,
                                    .data = text ? c->bytes : c->values};
        if (c->type == ARROW_TYPE_NULL)
            w->views[i].null_count = n;
    }
    return 0;
}

/* What one message has of an Arrow stream. */
typedef struct Part {
    const uint8_t *data; /* NULL: the whole stream is written in place */
    size_t n_data;
    int64_t n_rows;
    uint64_t index, n_parts; /* of chunks; 0 parts: it is whole */
} Part;

static int emit_part(ReplyWriter *w, const Part *part)
{
    uint64_t rows = (uint64_t)part->n_rows;
    size_t n_inner =
        1 + proto_varint_size(rows) + proto_bytes_field_size(SPARK_ARROW_BATCH_DATA, part->n_data);
    if (part->n_parts > 0)
        n_inner += 2 + proto_varint_size(part->index) + proto_varint_size(part->n_parts);
    _cleanup_proto_writer_ ProtoWriter out;
    proto_writer_init(&out, DATA_PAYLOAD_MAX, NULL, NULL);
    uint64_t charge = n_inner + 64;
    int r = mem_charge(w->pool, charge, "result");
    if (r != 0)
        return r;
    proto_put_header(&out, SPARK_RESPONSE_ARROW_BATCH, n_inner);
    proto_put_varint(&out, SPARK_ARROW_BATCH_ROW_COUNT, rows);
    if (part->n_parts > 0) {
        proto_put_varint(&out, SPARK_ARROW_BATCH_CHUNK_INDEX, part->index);
        proto_put_varint(&out, SPARK_ARROW_BATCH_NUM_CHUNKS_IN_BATCH, part->n_parts);
    }
    proto_put_header(&out, SPARK_ARROW_BATCH_DATA, part->n_data);
    uint8_t *room = proto_reserve(&out, part->n_data);
    if (room && part->data)
        memcpy(room, part->data, part->n_data);
    else if (room)
        arrow_writer_write(w->arrow, w->views, part->n_rows, room, part->n_data);
    r = proto_writer_finish(&out);
    if (r == 0)
        r = w->emit(w->userdata, out.data, out.n_bytes, part->index == 0 ? rows : 0);
    mem_uncharge(w->pool, charge);
    return r;
}

static int emit_chunks(ReplyWriter *w, int64_t n, size_t n_arrow)
{
    void *stream;
    int r = mem_block_alloc(w->pool, n_arrow, "result", &stream);
    if (r != 0)
        return r;
    arrow_writer_write(w->arrow, w->views, n, stream, n_arrow);
    Part part = {.n_rows = n, .n_parts = (n_arrow + w->chunk_bytes - 1) / w->chunk_bytes};
    for (size_t at = 0; r == 0 && at < n_arrow; at += part.n_data, part.index++) {
        part.data = (const uint8_t *)stream + at;
        part.n_data = MIN(n_arrow - at, (size_t)w->chunk_bytes);
        r = emit_part(w, &part);
    }
    mem_block_free(w->pool, stream, n_arrow);
    return r;
}

static int emit_rows(ReplyWriter *w, int64_t first, int64_t n)
{
    int r = set_views(w, first, n);
    if (r != 0)
        return r;
    size_t n_arrow = arrow_writer_measure(w->arrow, w->views, n);
    if (w->chunk_bytes > 0 && n_arrow > w->chunk_bytes)
        r = emit_chunks(w, n, n_arrow);
    else
        r = emit_part(w, &(Part){.n_data = n_arrow, .n_rows = n});
    if (r == 0) {
        w->any = true;
        w->n_emitted += (uint64_t)n;
    }
    return r;
}

void reply_writer_set_chunks(ReplyWriter *w, uint32_t bytes)
{
    w->chunk_bytes = bytes;
}

static void clear_rows(ReplyWriter *w)
{
    w->n_rows = 0;
    for (uint32_t i = 0; i < w->n_columns; i++) {
        w->columns[i].n_bytes = 0;
        w->columns[i].has_nulls = false;
        if (w->columns[i].offsets)
            w->columns[i].offsets[0] = 0;
    }
}

/* tail(): rows that can no longer be among the last go. Moves memory once per doubling. */
static void drop_front(ReplyWriter *w)
{
    int64_t drop = (w->n_rows - w->tail) / 64 * 64; /* whole words of bits */
    if (w->n_rows < 2 * w->tail + 65536 || drop <= 0)
        return;
    int64_t left = w->n_rows - drop;
    for (uint32_t i = 0; i < w->n_columns; i++) {
        Column *c = &w->columns[i];
        size_t width = c->type == ARROW_TYPE_BOOL ? 0 : arrow_type_width(c->type);
        if (c->validity)
            memmove(c->validity, c->validity + drop / 8, (size_t)left / 8 + 1);
        if (c->type == ARROW_TYPE_BOOL && c->values)
            memmove(c->values, (char *)c->values + drop / 8, (size_t)left / 8 + 1);
        else if (c->values)
            memmove(c->values, (char *)c->values + (size_t)drop * width, (size_t)left * width);
        if (c->offsets) {
            int32_t base = c->offsets[drop];
            for (int64_t k = 0; k <= left; k++)
                c->offsets[k] = c->offsets[k + drop] - base;
            c->n_bytes -= (size_t)base;
            memmove(c->bytes, c->bytes + base, c->n_bytes);
        }
    }
    w->n_rows = left;
}

int reply_writer_add(ReplyWriter *w, const Batch *batch)
{
    if (batch->n_selected == 0)
        return 0;
    for (uint32_t i = 0; i < w->n_columns; i++) {
        Column *c = &w->columns[i];
        const Vector *v = &batch->columns[i];
        int r = 0;
        if (c->type == ARROW_TYPE_UTF8 || c->type == ARROW_TYPE_BINARY || c->nested)
            r = add_strings(w, c, v, batch);
        else if (c->type == ARROW_TYPE_BOOL)
            r = add_bools(w, c, v, batch);
        else if (c->type != ARROW_TYPE_NULL)
            r = add_fixed(w, c, v, batch);
        if (r == 0 && c->type != ARROW_TYPE_NULL)
            r = add_validity(w, c, v, batch);
        if (r != 0)
            return r;
    }
    w->n_rows += batch->n_selected;
    if (w->tail >= 0) {
        drop_front(w);
        return 0;
    }
    if (w->n_rows < (int64_t)SERVICE_BATCH_ROWS && buffered_bytes(w) < SERVICE_BATCH_BYTES)
        return 0;
    int r = emit_rows(w, 0, w->n_rows);
    clear_rows(w);
    return r;
}

int reply_writer_finish(ReplyWriter *w)
{
    int64_t first = w->tail >= 0 && w->n_rows > w->tail ? w->n_rows - w->tail : 0;
    int64_t n = w->n_rows - first;
    if (n == 0 && w->any)
        return 0;
    int r = emit_rows(w, first, n);
    clear_rows(w);
    return r;
}

int reply_writer_take_stream(ReplyWriter *w, uint8_t **ret_data, size_t *ret_n)
{
    int r = set_views(w, 0, w->n_rows);
    if (r != 0)
        return r;
    size_t n = arrow_writer_measure(w->arrow, w->views, w->n_rows);
    uint8_t *data = malloc(n);
    if (!data)
        return -ENOMEM;
    arrow_writer_write(w->arrow, w->views, w->n_rows, data, n);
    *ret_data = data;
    *ret_n = n;
    return 0;
}
