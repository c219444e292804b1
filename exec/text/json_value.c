/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/json_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/decimal.h"
#include "exec/vec/interval.h"

int json_node_string(const JsonText *json, const JsonNode *node, VecString *ret)
{
    const char *text = json->text + node->start;
    char *bytes;

    if (!node->escaped) {
        *ret = vec_string(text, node->n);
        return 0;
    }
    bytes = mem_arena_alloc(json->arena, node->n + 4u, 1);
    if (!bytes)
        return mem_arena_error(json->arena);
    *ret = vec_string(bytes, json_unescape(text, node->n, bytes));
    return 0;
}

bool json_key_is(const JsonText *json, const JsonNode *key, const char *name, uint32_t n)
{
    char buf[256];
    uint32_t length;

    if (!key->escaped)
        return key->n == n && memcmp(json->text + key->start, name, n) == 0;
    if (key->n > sizeof(buf)) {
        VecString s;

        return json_node_string(json, key, &s) == 0 && s.length == n &&
               memcmp(vec_string_data(&s), name, n) == 0;
    }
    length = json_unescape(json->text + key->start, key->n, buf);
    return length == n && memcmp(buf, name, n) == 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static int base64_value(const JsonText *json, const VecString *s, NestedItem *ret, bool *ok)
{
    const char *text = vec_string_data(s);
    uint8_t *out = mem_arena_alloc(json->arena, s->length / 4 * 3 + 4, 1);
    uint32_t bits = 0, n_bits = 0, n = 0;

    if (!out)
        return mem_arena_error(json->arena);
    *ok = true;
    for (uint32_t i = 0; i < s->length && text[i] != '=' && *ok; i++) {
        char c = text[i];
        int v = c >= 'A' && c <= 'Z'   ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '+'             ? 62
                : c == '/'             ? 63
                                       : -1;

        *ok = v >= 0;
        bits = bits << 6 | (uint32_t)(v & 63);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    ret->value.s = vec_string((const char *)out, n);
    return 0;
}

/* A node's text as a STRING. */
static int text_value(const JsonText *json, uint32_t at, NestedItem *ret)
{
    const JsonNode *node = &json->nodes[at];

    if (node->kind == JSON_STRING)
        return json_node_string(json, node, &ret->value.s);
    if (json->write)
        return json->write(json->userdata, at, &ret->value.s);
    ret->value.s = vec_string(json->text + node->start, node->n);
    return 0;
}

static bool whole_value(Type type, const char *text, uint32_t n, NestedValue *ret)
{
    int64_t i;

    if (!text_integer(text, n, &i))
        return false;
    switch (type.kind) {
    case TYPE_BYTE:
        ret->i8 = (int8_t)i;
        return ret->i8 == i;
    case TYPE_SHORT:
        ret->i16 = (int16_t)i;
        return ret->i16 == i;
    case TYPE_INT:
        ret->i32 = (int32_t)i;
        return ret->i32 == i;
    default:
        ret->i64 = i;
        return true;
    }
}

static bool float_value(Type type, bool is_string, const char *text, uint32_t n, NestedValue *ret)
{
    double d;

    if (is_string) { /* only what is no number otherwise */
        static const char *const words[] = {"NaN",      "+INF", "+Infinity",
                                            "Infinity", "-INF", "-Infinity"};
        uint32_t k = 0;

        while (k < ARRAY_SIZE(words) && !(strlen(words[k]) == n && memcmp(words[k], text, n) == 0))
            k++;
        if (k == ARRAY_SIZE(words))
            return false;
        d = k == 0 ? (double)NAN : k >= 4 ? -(double)INFINITY : (double)INFINITY;
    } else if (!text_double(text, n, &d)) {
        return false;
    }
    if (type.kind == TYPE_FLOAT)
        ret->f32 = (float)d;
    else
        ret->f64 = d;
    return true;
}

static bool decimal_value(Type type, const char *text, uint32_t n, NestedValue *ret)
{
    __int128 v;

    if (dec_parse(text, n, type.scale, &v) != 0 || !dec_fits(v, type.precision))
        return false;
    if (type.precision <= 18)
        ret->i64 = (int64_t)v;
    else
        ret->i128 = v;
    return true;
}

static bool time_value(const JsonText *json, Type type, const char *text, uint32_t n,
                       NestedValue *ret)
{
    CivilClock clock;
    bool offset;

    switch (type.kind) {
    case TYPE_INTERVAL_YM:
    case TYPE_INTERVAL_DT: {
        int64_t x;

        if (!interval_parse(type, text, n, &x))
            return false;
        if (type.kind == TYPE_INTERVAL_YM)
            ret->i32 = (int32_t)x;
        else
            ret->i64 = x;
        return true;
    }
    case TYPE_DATE:
        if (!json->date)
            return civil_parse_date(text, n, &ret->i32);
        if (!text_by_pattern(json->date, text, n, &ret->i64, &offset))
            return false;
        ret->i32 = (int32_t)civil_floor_div(ret->i64, INT64_C(86400000000));
        return true;
    case TYPE_TIMESTAMP:
        if (!json->timestamp)
            return zone_parse_instant(json->zone, text, n, &ret->i64);
        if (!text_by_pattern(json->timestamp, text, n, &ret->i64, &offset))
            return false;
        if (!offset)
            ret->i64 = zone_instant(json->zone, ret->i64);
        return true;
    default:
        if (json->timestamp)
            return text_by_pattern(json->timestamp, text, n, &ret->i64, &offset) && !offset;
        if (!civil_parse_clock(text, n, &clock) || clock.zone)
            return false;
        ret->i64 = clock.wall;
        return true;
    }
}

static int scalar_value(const JsonText *json, uint32_t at, Type type, NestedItem *ret, bool *ok)
{
    const JsonNode *node = &json->nodes[at];
    bool is_string = node->kind == JSON_STRING;
    bool number = node->kind == JSON_INTEGER || node->kind == JSON_NUMBER;
    const char *text = json->text + node->start;
    uint32_t n = node->n;
    VecString s;
    int r;

    *ok = true;
    switch (type.kind) {
    case TYPE_STRING:
        return text_value(json, at, ret);
    case TYPE_BOOLEAN:
        *ok = node->kind == JSON_TRUE || node->kind == JSON_FALSE;
        ret->value.b = node->kind == JSON_TRUE;
        return 0;
    case TYPE_BYTE:
    case TYPE_SHORT:
    case TYPE_INT:
    case TYPE_LONG:
        *ok = node->kind == JSON_INTEGER && whole_value(type, text, n, &ret->value);
        return 0;
    default:
        break;
    }
    if (type.kind == TYPE_TIMESTAMP && node->kind == JSON_INTEGER) { /* seconds */
        *ok = text_integer(text, n, &ret->value.i64) &&
              !__builtin_mul_overflow(ret->value.i64, INT64_C(1000000), &ret->value.i64);
        return 0;
    }
    *ok = is_string || (number && (type_is_numeric(type)));
    if (!*ok)
        return 0;
    r = is_string ? json_node_string(json, node, &s) : 0;
    if (r != 0)
        return r;
    if (is_string) {
        text = vec_string_data(&s);
        n = s.length;
    }
    if (type.kind == TYPE_FLOAT || type.kind == TYPE_DOUBLE) {
        *ok = float_value(type, is_string, text, n, &ret->value);
        return 0;
    }
    if (type.kind == TYPE_DECIMAL) {
        *ok = decimal_value(type, text, n, &ret->value);
        return 0;
    }
    if (type.kind == TYPE_BINARY)
        return base64_value(json, &s, ret, ok);
    *ok = time_value(json, type, text, n, &ret->value);
    return 0;
}

static NestedItem *items_of(const JsonText *json, uint64_t n)
{
    return mem_arena_alloc(json->arena, (n + 1) * sizeof(NestedItem), 16);
}

/* One wrong element makes the array null, as Spark has it. */
static int array_value(const JsonText *json, uint32_t at, Type element, NestedItem *ret, bool *ok)
{
    const JsonNode *node = &json->nodes[at];
    NestedItem *items = items_of(json, node->count);
    uint32_t n = 0;
    bool bad = false;

    if (!items)
        return mem_arena_error(json->arena);
    for (uint32_t i = at + 1; i < node->next; i = json->nodes[i].next) {
        bool wrong = false;
        int r = json_value(json, i, element, &items[n], &wrong);

        if (r != 0)
            return r;
        bad |= wrong && items[n].is_null;
        n++;
    }
    *ok = !bad;
    return nested_array(json->arena, element, items, n, &ret->value.s);
}

static int map_value(const JsonText *json, uint32_t at, Type type, NestedItem *ret, bool *ok)
{
    const JsonNode *node = &json->nodes[at];
    uint32_t n = 0, count = node->count;
    NestedItem *halves = items_of(json, 2ull * count);
    VecString arrays[2];
    bool bad = false;

    if (!halves)
        return mem_arena_error(json->arena);
    for (uint32_t i = at + 1; i < node->next; i = json->nodes[i + 1].next, n++) {
        int r;

        halves[n] = (NestedItem){0};
        r = json_node_string(json, &json->nodes[i], &halves[n].value.s);
        if (r == 0)
            r = json_value(json, i + 1, type.children[1].type, &halves[count + n], &bad);
        if (r != 0)
            return r;
    }
    *ok = !bad;
    for (uint32_t i = 0; i < 2; i++) {
        int r = nested_array(json->arena, type.children[i].type, halves + (size_t)i * count, n,
                             &arrays[i]);
        if (r != 0)
            return r;
    }
    return nested_map_of(json->arena, &arrays[0], &arrays[1], &ret->value.s);
}

/* A wrong field is null, the others stay. */
static int struct_value(const JsonText *json, uint32_t at, Type type, NestedItem *ret,
                        bool *ret_bad)
{
    NestedItem *fields = items_of(json, type.n_children);

    if (!fields)
        return mem_arena_error(json->arena);
    for (uint32_t k = 0; k < type.n_children; k++) {
        const char *name = type.children[k].name;
        uint32_t n = (uint32_t)strlen(name), value = 0;
        int r;

        fields[k] = (NestedItem){.is_null = true};
        for (uint32_t i = at + 1; i < json->nodes[at].next; i = json->nodes[i + 1].next)
            if (json_key_is(json, &json->nodes[i], name, n))
                value = i + 1; /* of several the last counts */
        r = value ? json_value(json, value, type.children[k].type, &fields[k], ret_bad) : 0;
        if (r != 0)
            return r;
    }
    return nested_record(json->arena, type, fields, &ret->value.s);
}

int json_value(const JsonText *json, uint32_t at, Type type, NestedItem *ret, bool *ret_bad)
{
    uint8_t kind = json->nodes[at].kind;
    bool ok = true;
    int r = 0;

    *ret = (NestedItem){.is_null = kind == JSON_NULL};
    if (kind == JSON_NULL)
        return 0;
    switch (type.kind) {
    case TYPE_ARRAY:
        ok = kind == JSON_ARRAY;
        if (ok)
            r = array_value(json, at, type.children[0].type, ret, &ok);
        break;
    case TYPE_MAP:
        ok = kind == JSON_OBJECT;
        if (ok)
            r = map_value(json, at, type, ret, &ok);
        break;
    case TYPE_STRUCT:
        ok = kind == JSON_OBJECT;
        if (ok)
            r = struct_value(json, at, type, ret, ret_bad);
        break;
    default:
        r = scalar_value(json, at, type, ret, &ok);
    }
    if (!ok) {
        *ret = (NestedItem){.is_null = true};
        *ret_bad = true;
    }
    return r;
}

/* --- inference -------------------------------------------------------------------------------- */

static int array_type(const JsonInfer *infer, Type element, Type *ret)
{
    TypeField *field = mem_arena_new_of(infer->arena, TypeField);

    if (!field)
        return mem_arena_error(infer->arena);
    *field = (TypeField){"element", element, true};
    *ret = (Type){.kind = TYPE_ARRAY, .n_children = 1, .children = field};
    return 0;
}

static int struct_type(const JsonInfer *infer, const TypeField *fields, uint32_t n, Type *ret)
{
    TypeField *copy = mem_arena_new_array(infer->arena, TypeField, n + 1);

    if (n > UINT8_MAX)
        return -E2BIG;
    if (!copy)
        return mem_arena_error(infer->arena);
    if (n > 0)
        memcpy(copy, fields, n * sizeof(*fields));
    *ret = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n, .children = copy};
    return 0;
}

static int unite_structs(const JsonInfer *infer, Type a, Type b, Type *ret)
{
    TypeField *fields =
        mem_arena_new_array(infer->arena, TypeField, (size_t)a.n_children + b.n_children + 1);
    uint32_t n = 0, i = 0, k = 0;

    if (!fields)
        return mem_arena_error(infer->arena);
    while (i < a.n_children || k < b.n_children) {
        int order = i == a.n_children   ? 1
                    : k == b.n_children ? -1
                                        : strcmp(a.children[i].name, b.children[k].name);

        if (order == 0) {
            int r = json_unite(infer, a.children[i].type, b.children[k].type, &fields[n].type);

            if (r != 0)
                return r;
            fields[n].name = a.children[i].name;
            fields[n++].nullable = true;
            i++;
            k++;
        } else {
            fields[n++] = order < 0 ? a.children[i++] : b.children[k++];
        }
    }
    return struct_type(infer, fields, n, ret);
}

static uint32_t digits_of(Type t)
{
    return t.kind == TYPE_LONG ? 20 : t.precision;
}

int json_unite(const JsonInfer *infer, Type a, Type b, Type *ret)
{
    bool wholes = (a.kind == TYPE_LONG || a.kind == TYPE_DECIMAL) &&
                  (b.kind == TYPE_LONG || b.kind == TYPE_DECIMAL);

    *ret = TYPE(STRING);
    if (a.kind == TYPE_NULL || b.kind == TYPE_NULL) {
        *ret = a.kind == TYPE_NULL ? b : a;
    } else if (wholes && a.kind == b.kind && a.kind == TYPE_LONG) {
        *ret = a;
    } else if (wholes) {
        *ret = TYPE_DECIMAL_OF(MAX(digits_of(a), digits_of(b)), 0);
    } else if (type_is_numeric(a) && type_is_numeric(b)) {
        *ret = TYPE(DOUBLE);
    } else if (a.kind == b.kind && a.kind == TYPE_STRUCT) {
        return unite_structs(infer, a, b, ret);
    } else if (a.kind == b.kind && a.kind == TYPE_ARRAY) {
        Type element;
        int r = json_unite(infer, a.children[0].type, b.children[0].type, &element);

        return r == 0 ? array_type(infer, element, ret) : r;
    } else if (a.kind == b.kind) {
        *ret = a;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const TypeField *)a)->name, ((const TypeField *)b)->name);
}

static int infer_object(const JsonInfer *infer, const JsonText *json, uint32_t at, Type *ret)
{
    const JsonNode *node = &json->nodes[at];
    TypeField *fields = mem_arena_new_array(infer->arena, TypeField, (size_t)node->count + 1);
    uint32_t n = 0;

    if (!fields)
        return mem_arena_error(infer->arena);
    for (uint32_t i = at + 1; i < node->next; i = json->nodes[i + 1].next) {
        const JsonNode *key = &json->nodes[i];
        char *name = mem_arena_alloc(infer->arena, key->n + 5u, 1);
        int r;

        if (!name)
            return mem_arena_error(infer->arena);
        name[json_unescape(json->text + key->start, key->n, name)] = '\0';
        fields[n] = (TypeField){.name = name, .nullable = true};
        r = json_infer(infer, json, i + 1, &fields[n].type);
        if (r != 0)
            return r;
        n += name[0] != '\0';
    }
    qsort(fields, n, sizeof(*fields), by_name);
    return struct_type(infer, fields, n, ret);
}

int json_infer(const JsonInfer *infer, const JsonText *json, uint32_t at, Type *ret)
{
    const JsonNode *node = &json->nodes[at];
    Type element = TYPE(NULL);
    uint32_t n_digits = node->n - (node->kind == JSON_INTEGER && json->text[node->start] == '-');
    int64_t i;

    *ret = TYPE(STRING);
    switch (node->kind) {
    case JSON_NULL:
        *ret = TYPE(NULL);
        return 0;
    case JSON_OBJECT:
        return infer_object(infer, json, at, ret);
    case JSON_STRING:
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        if (!infer->as_strings)
            *ret = TYPE(BOOLEAN);
        return 0;
    case JSON_INTEGER:
        if (!infer->as_strings)
            *ret = text_integer(json->text + node->start, node->n, &i) ? TYPE(LONG)
                   : n_digits <= 38 ? TYPE_DECIMAL_OF(n_digits, 0)
                                    : TYPE(DOUBLE);
        return 0;
    case JSON_NUMBER:
        if (!infer->as_strings)
            *ret = TYPE(DOUBLE);
        return 0;
    default:
        break;
    }
    for (uint32_t k = at + 1; k < node->next; k = json->nodes[k].next) {
        Type type;
        int r = json_infer(infer, json, k, &type);

        if (r == 0)
            r = json_unite(infer, element, type, &element);
        if (r != 0)
            return r;
    }
    return array_type(infer, element, ret);
}

int json_without_void(const JsonInfer *infer, Type type, Type *ret, bool *ret_gone)
{
    TypeField *fields = mem_arena_new_array(infer->arena, TypeField, (size_t)type.n_children + 1);
    uint32_t n = 0;
    bool gone = false;

    if (!fields)
        return mem_arena_error(infer->arena);
    *ret_gone = false;
    *ret = type.kind == TYPE_NULL ? TYPE(STRING) : type;
    if (type.kind != TYPE_STRUCT && type.kind != TYPE_ARRAY)
        return 0;
    for (uint32_t i = 0; i < type.n_children; i++) {
        int r;

        fields[n] = type.children[i];
        r = json_without_void(infer, type.children[i].type, &fields[n].type, &gone);
        if (r != 0)
            return r;
        n += !gone;
    }
    *ret_gone = n == 0;
    if (n == 0)
        return 0;
    return type.kind == TYPE_ARRAY ? array_type(infer, fields[0].type, ret)
                                   : struct_type(infer, fields, n, ret);
}

int json_widen(const JsonInfer *record, const JsonInfer *kept, const JsonText *json, uint32_t at,
               Type *type)
{
    Type one, both;
    int r = json_infer(record, json, at, &one);

    if (r == 0)
        r = json_unite(record, *type, one, &both);
    if (r == 0 && !type_is_bounded(both))
        r = -E2BIG;
    if (r == 0 && !(type_equal(both, *type) && both.kind == type->kind))
        r = type_copy(kept->arena, both, type);
    mem_arena_reset(record->arena);
    return r;
}
