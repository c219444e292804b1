/* SPDX-License-Identifier: Apache-2.0 */

/* LocalRelation: rows that the client sent along, from Arrow into batches of the query's arena. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"
#include "connect/proto/spark_relation.h"
#include "exec/arrow/values.h"
#include "exec/connect/decode_parts.h"
#include "exec/plan/expr_build.h"
#include "exec/sql/parser.h"

/* ---- schemas as JSON ---- */

typedef struct Json {
    Decoder *d;
    const char *at, *end;
    unsigned depth;
} Json;

static void json_space(Json *j)
{
    while (j->at < j->end && (*j->at == ' ' || (*j->at >= '\t' && *j->at <= '\r')))
        j->at++;
}

static bool json_accept(Json *j, char c)
{
    json_space(j);
    if (j->at < j->end && *j->at == c) {
        j->at++;
        return true;
    }
    return false;
}

static bool json_expect(Json *j, char c)
{
    return json_accept(j, c) || (decode_malformed(j->d), false);
}

/* A string; escapes other than \uXXXX above 127 are resolved. */
static char *json_text(Json *j)
{
    if (!json_expect(j, '"'))
        return NULL;
    char *out = ubuilder_alloc(j->d->b, 1, (size_t)(j->end - j->at) + 4);
    size_t n = 0;
    if (!out)
        return NULL;
    while (j->at < j->end && *j->at != '"') {
        char c = *j->at++;
        if (c == '\\' && j->at < j->end) {
            c = *j->at++;
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
            else if (c == 'u' && j->end - j->at >= 4) {
                unsigned code = 0;
                for (int i = 0; i < 4; i++) {
                    char h = *j->at++;
                    code =
                        code << 4 | (unsigned)(h <= '9' ? h - '0' : ((h | 0x20) - 'a' + 10) & 15);
                }
                if (code >= 0x800) {
                    out[n++] = (char)(0xE0 | (code >> 12 & 15));
                    out[n++] = (char)(0x80 | (code >> 6 & 0x3F));
                    c = (char)(0x80 | (code & 0x3F));
                } else if (code >= 0x80) {
                    out[n++] = (char)(0xC0 | code >> 6);
                    c = (char)(0x80 | (code & 0x3F));
                } else {
                    c = (char)code;
                }
            }
        }
        out[n++] = c;
    }
    out[n] = '\0';
    if (!json_expect(j, '"') || strlen(out) != n)
        return decode_malformed(j->d);
    return out;
}

static bool json_skip(Json *j)
{
    if (++j->depth > 100)
        return decode_malformed(j->d), false;
    json_space(j);
    bool ok = true;
    if (j->at < j->end && *j->at == '"') {
        ok = json_text(j) != NULL;
    } else if (json_accept(j, '{') || json_accept(j, '[')) {
        char close = j->at[-1] == '{' ? '}' : ']';
        while (ok && !json_accept(j, close)) {
            if (close == '}')
                ok = json_text(j) && json_expect(j, ':');
            ok = ok && json_skip(j);
            if (ok && !json_accept(j, ','))
                ok = json_accept(j, close) ? (j->at--, true) : (decode_malformed(j->d), false);
        }
    } else {
        const char *begin = j->at;
        while (j->at < j->end && !strchr(",]} \n", *j->at))
            j->at++;
        ok = j->at > begin || (decode_malformed(j->d), false);
    }
    j->depth--;
    return ok;
}

static bool json_type(Json *j, Type *ret_type);

static bool json_bool_value(Json *j, bool *ret)
{
    json_space(j);
    *ret = j->at < j->end && *j->at == 't';
    return json_skip(j);
}

/* { "name": ..., "type": ..., "nullable": ... } */
static bool json_field(Json *j, TypeField *field)
{
    bool has_type = false;
    *field = (TypeField){.nullable = true};
    if (!json_expect(j, '{'))
        return false;
    do {
        char *key = json_text(j);
        if (!key || !json_expect(j, ':'))
            return false;
        bool ok;
        if (strcmp(key, "name") == 0)
            ok = (field->name = json_text(j)) != NULL;
        else if (strcmp(key, "type") == 0)
            ok = has_type = json_type(j, &field->type);
        else if (strcmp(key, "nullable") == 0)
            ok = json_bool_value(j, &field->nullable);
        else
            ok = json_skip(j);
        if (!ok)
            return false;
    } while (json_accept(j, ','));
    if (!json_expect(j, '}'))
        return false;
    return (field->name && has_type) || (decode_malformed(j->d), false);
}

static bool json_fields(Json *j, DecodeList *list)
{
    if (!json_expect(j, '['))
        return false;
    while (!json_accept(j, ']')) {
        TypeField *field = ubuilder_alloc(j->d->b, 1, sizeof(*field));
        if (!field || !json_field(j, field) || !decode_add(j->d, list, field))
            return false;
        if (!json_accept(j, ',')) {
            if (!json_expect(j, ']'))
                return false;
            break;
        }
    }
    return true;
}

/* "long", "decimal(10,2)", or an object for a nested type. */
static bool json_type(Json *j, Type *ret_type)
{
    json_space(j);
    if (j->at < j->end && *j->at == '"') {
        char *text = json_text(j);
        return text && sql_parse_type(j->d->b, text, strlen(text), ret_type) == 0;
    }
    if (++j->depth > 60 || !json_expect(j, '{'))
        return decode_malformed(j->d), false;
    char *kind = NULL;
    DecodeList fields = {0};
    TypeField children[2] = {{.name = "element", .nullable = true},
                             {.name = "value", .nullable = true}};
    do {
        char *key = json_text(j);
        bool ok = key && json_expect(j, ':');
        if (!ok)
            return false;
        if (strcmp(key, "type") == 0)
            ok = (kind = json_text(j)) != NULL;
        else if (strcmp(key, "fields") == 0)
            ok = json_fields(j, &fields);
        else if (strcmp(key, "elementType") == 0 || strcmp(key, "keyType") == 0)
            ok = json_type(j, &children[0].type);
        else if (strcmp(key, "valueType") == 0)
            ok = json_type(j, &children[1].type);
        else
            ok = json_skip(j);
        if (!ok)
            return false;
    } while (json_accept(j, ','));
    j->depth--;
    if (!json_expect(j, '}') || !kind)
        return decode_malformed(j->d), false;
    if (strcmp(kind, "struct") == 0) {
        if (fields.n > 255)
            return decode_unsupported(j->d, "a struct of more than 255 fields"), false;
        TypeField *copy = ubuilder_alloc(j->d->b, fields.n, sizeof(*copy));
        for (uint32_t i = 0; copy && i < fields.n; i++)
            copy[i] = *(TypeField *)fields.items[i];
        *ret_type = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)fields.n, .children = copy};
        return copy != NULL;
    }
    bool is_array = strcmp(kind, "array") == 0;
    if (!is_array && strcmp(kind, "map") != 0)
        return decode_unsupported(j->d, "user-defined types"), false;
    *ret_type = (Type){.kind = is_array ? TYPE_ARRAY : TYPE_MAP, .n_children = is_array ? 1 : 2};
    ret_type->children = ubuilder_dup(j->d->b, children, ret_type->n_children, sizeof(*children));
    return ret_type->children != NULL;
}

UExpr *decode_json_type(Decoder *d, const char *text, size_t n)
{
    Json j = {d, text, text + n, 0};
    Type type;
    return json_type(&j, &type) ? uexpr_literal(d->b, type, (Literal){.is_null = true}) : NULL;
}

bool decode_schema_text(Decoder *d, const char *text, size_t n, PlanField **ret_fields,
                        uint32_t *ret_n)
{
    Json j = {d, text, text + n, 0};
    json_space(&j);
    if (j.at == j.end || *j.at != '{')
        return sql_parse_schema(d->b, text, n, ret_fields, ret_n) == 0;
    Type type;
    if (!json_type(&j, &type) || type.kind != TYPE_STRUCT)
        return decode_malformed(d), false;
    PlanField *fields = ubuilder_alloc(d->b, type.n_children, sizeof(*fields));
    if (!fields)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++)
        fields[i] =
            (PlanField){type.children[i].name, type.children[i].type, type.children[i].nullable};
    *ret_fields = fields;
    *ret_n = type.n_children;
    return true;
}

/* ---- Arrow ---- */

/* Rows [first, first + n) of one column. */
static bool copy_column(Decoder *d, Vector *v, const ArrowColumn *c, const ArrowField *f, Type type,
                        int64_t first, uint32_t n)
{
    const ArrowRead read = {.arena = d->b->arena, .copy = true};
    int r;

    *v = (Vector){.type = type, .phys = (uint8_t)type_phys(type), .encoding = VEC_FLAT};
    v->values = mem_arena_zalloc(d->b->arena, ALIGN_UP(n * phys_size(v->phys) + 1, 64u), 64);
    v->valid = mem_arena_zalloc(d->b->arena, ALIGN_UP((n + 63) / 64 * 8 + 1, 64u), 64);
    if (!v->values || !v->valid)
        return ubuilder_fail(d->b, mem_arena_error(d->b->arena)), false;
    if (f->type == ARROW_TYPE_NULL) {
        v->has_nulls = n > 0;
    } else {
        r = arrow_values(&read, f, type, c, first, NULL, n, v->values, v->valid, &v->has_nulls);
        if (r == -EMSGSIZE)
            return decode_unsupported(d, "a nested value of more than 2 GiB"), false;
        if (r == -EBADMSG)
            return decode_malformed(d), false;
        if (r)
            return ubuilder_fail(d->b, r), false;
    }
    if (!v->has_nulls)
        v->valid = NULL;
    return true;
}

static bool copy_rows(Decoder *d, const URel *rel, const ArrowField *fields,
                      const ArrowColumn *columns, int64_t n_rows, DecodeList *batches)
{
    for (int64_t first = 0; first < n_rows; first += VEC_ROWS_MAX) {
        uint32_t n = (uint32_t)MIN(n_rows - first, (int64_t)VEC_ROWS_MAX);
        Batch *batch = ubuilder_alloc(d->b, 1, sizeof(*batch));
        if (!batch)
            return false;
        *batch = (Batch){.n_rows = n, .n_selected = n, .n_columns = rel->n_fields};
        batch->columns = ubuilder_alloc(d->b, rel->n_fields, sizeof(Vector));
        if (!batch->columns)
            return false;
        for (uint32_t k = 0; k < rel->n_fields; k++)
            if (!copy_column(d, &batch->columns[k], &columns[k], &fields[k], rel->fields[k].type,
                             first, n))
                return false;
        if (!decode_add(d, batches, batch))
            return false;
    }
    return true;
}

/* The first stream's fields are those of the relation. */
static URel *new_relation(Decoder *d, const ArrowField *fields, uint32_t n_fields)
{
    URel *rel = urel_new(d->b, UREL_LOCAL);
    if (!rel)
        return NULL;
    rel->n_fields = n_fields;
    rel->fields = ubuilder_alloc(d->b, n_fields, sizeof(*rel->fields));
    if (!rel->fields)
        return NULL;
    for (uint32_t i = 0; i < n_fields; i++) {
        const char *name = fields[i].name ? fields[i].name : "";
        rel->fields[i].name = ubuilder_strndup(d->b, name, strlen(name));
        rel->fields[i].nullable = fields[i].nullable;
        const char *unreadable;
        int r = arrow_type_of(d->b->arena, &fields[i], &rel->fields[i].type, &unreadable);
        if (!rel->fields[i].name || r)
            return r ? ubuilder_fail(d->b, r) : NULL;
        if (unreadable)
            return decode_unsupported(d, unreadable);
    }
    return rel;
}

/* The others' have the same types. */
static bool same_fields(Decoder *d, const URel *rel, const ArrowField *fields, uint32_t n_fields)
{
    bool same = n_fields == rel->n_fields;
    for (uint32_t i = 0; same && i < n_fields; i++) {
        Type type;
        const char *unreadable;
        int r = arrow_type_of(d->b->arena, &fields[i], &type, &unreadable);
        if (r)
            return ubuilder_fail(d->b, r), false;
        same = !unreadable && type_equal(type, rel->fields[i].type);
        rel->fields[i].nullable |= fields[i].nullable;
    }
    return same || (decode_malformed(d), false);
}

bool local_rows_add(Decoder *d, LocalRows *rows, ProtoBytes stream)
{
    _cleanup_arrow_reader_ ArrowReader *reader = NULL;
    int r = arrow_reader_new(stream.data, stream.n_bytes, &reader);
    if (r == -EOPNOTSUPP && reader)
        return decode_unsupported(d, arrow_reader_reason(reader)), false;
    if (r < 0)
        return (r == -ENOMEM ? ubuilder_fail(d->b, r) : decode_malformed(d)), false;
    uint32_t n_fields;
    const ArrowField *fields = arrow_reader_fields(reader, &n_fields);
    if (rows->rel ? !same_fields(d, rows->rel, fields, n_fields)
                  : !(rows->rel = new_relation(d, fields, n_fields)))
        return false;
    const ArrowColumn *columns;
    int64_t n_rows;
    while ((r = arrow_reader_next(reader, &columns, &n_rows)) > 0)
        if (!copy_rows(d, rows->rel, fields, columns, n_rows, &rows->batches))
            return false;
    if (r == -EOPNOTSUPP)
        return decode_unsupported(d, arrow_reader_reason(reader)), false;
    return r == 0 || ((r == -ENOMEM ? ubuilder_fail(d->b, r) : decode_malformed(d)), false);
}

/* The data under the schema that came with it: columns by position, cast where types differ. */
static URel *apply_schema(Decoder *d, URel *rel, const PlanField *fields, uint32_t n)
{
    if (!rel) {
        rel = urel_new(d->b, UREL_LOCAL);
        if (!rel)
            return NULL;
        rel->fields = ubuilder_dup(d->b, fields, n, sizeof(*fields));
        rel->n_fields = n;
        return rel->fields ? rel : NULL;
    }
    if (rel->n_fields != n)
        return decode_malformed(d);
    bool same = true;
    for (uint32_t i = 0; i < n; i++) {
        same &= type_equal(rel->fields[i].type, fields[i].type);
        rel->fields[i].name = fields[i].name;
        rel->fields[i].nullable |= fields[i].nullable;
    }
    if (same)
        return rel;
    /* Names may repeat, so the casts go by position: columns get unique names first. */
    URel *project = urel_new(d->b, UREL_PROJECT);
    UExpr **exprs = ubuilder_alloc(d->b, n, sizeof(*exprs));
    if (!project || !exprs)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        const char *parts[] = {name};
        UExpr *column = uexpr_column(d->b, parts, 1);
        exprs[i] =
            uexpr_alias(d->b, uexpr_cast(d->b, column, fields[i].type, false), fields[i].name);
        rel->fields[i].name = ubuilder_strndup(d->b, name, strlen(name));
        if (!exprs[i] || !rel->fields[i].name)
            return NULL;
    }
    project->input = urel_seal(d->b, rel);
    project->exprs = exprs;
    project->n_exprs = n;
    return project->input ? project : NULL;
}

URel *local_rows_finish(Decoder *d, LocalRows *rows, ProtoBytes schema)
{
    URel *rel = rows->rel;
    if (rel) {
        rel->batches = ubuilder_alloc(d->b, rows->batches.n, sizeof(Batch));
        if (!rel->batches)
            return NULL;
        for (uint32_t i = 0; i < rows->batches.n; i++)
            rel->batches[i] = *(Batch *)rows->batches.items[i];
        rel->n_batches = rows->batches.n;
    }
    if (schema.data && schema.n_bytes > 0) {
        PlanField *fields;
        uint32_t n_fields;
        if (!proto_is_utf8(schema))
            return decode_malformed(d);
        /* Types may keep a part of the text. */
        const char *text = ubuilder_strndup(d->b, (const char *)schema.data, schema.n_bytes);
        if (!text || !decode_schema_text(d, text, schema.n_bytes, &fields, &n_fields))
            return NULL;
        rel = apply_schema(d, rel, fields, n_fields);
    }
    if (!rel && d->b->result == 0)
        rel = urel_new(d->b, UREL_LOCAL);
    if (rel && !rel->fields)
        rel->fields = ubuilder_alloc(d->b, 1, sizeof(PlanField));
    return rel;
}

URel *decode_local_relation(Decoder *d, ProtoReader r)
{
    ProtoBytes data = {0}, schema = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.wire != PROTO_WIRE_BYTES)
            return decode_malformed(d);
        if (f.number == SPARK_LOCAL_RELATION_DATA)
            data = f.bytes;
        else if (f.number == SPARK_LOCAL_RELATION_SCHEMA)
            schema = f.bytes;
    }
    if (n < 0)
        return NULL;
    LocalRows rows = {0};
    if (data.data && data.n_bytes > 0 && !local_rows_add(d, &rows, data))
        return NULL;
    return local_rows_finish(d, &rows, schema);
}
