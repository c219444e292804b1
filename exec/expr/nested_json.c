/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/expr/row.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"
#include "exec/plan/json_options.h"
#include "exec/text/json_value.h"

/* Functions on JSON text. A text that is none is null, never an error. */

/* The text's first value. Return: 0 with ret->nodes NULL when it is malformed; MEM_E_*. */
static int parse(NestedCall *c, const VecString *s, bool whole, JsonText *ret)
{
    uint32_t capacity = 64, n, end;
    *ret = (JsonText){.text = vec_string_data(s), .arena = c->arena, .zone = c->zone};
    for (;;) {
        JsonNode *nodes = mem_arena_alloc(c->arena, sizeof(*nodes) * (size_t)capacity, 8);
        if (!nodes)
            return mem_arena_error(c->arena);
        int r = json_parse(ret->text, s->length, nodes, capacity, &n, &end);
        if (r == 0 && (!whole || json_at_end(ret->text, s->length, end)))
            ret->nodes = nodes;
        if (r != -ENOSPC)
            return 0;
        /* No text has more nodes than bytes. */
        capacity = MIN(capacity * 4, s->length + 1);
    }
}

/* ---- writing ---- */

/* Text that grows in the batch's arena. */
typedef struct JsonOut {
    NestedCall *c;
    char *text;
    uint64_t n, capacity;
    int result;
} JsonOut;

static char *room(JsonOut *out, uint64_t n)
{
    if (out->result)
        return NULL;
    if (out->n + n > out->capacity) {
        uint64_t capacity = MAX(out->capacity * 2, out->n + n + 64);
        char *grown = capacity > INT32_MAX ? NULL : mem_arena_alloc(out->c->arena, capacity, 1);
        if (!grown) {
            out->result = capacity > INT32_MAX ? -EMSGSIZE : mem_arena_error(out->c->arena);
            return NULL;
        }
        if (out->n > 0)
            memcpy(grown, out->text, out->n);
        out->text = grown;
        out->capacity = capacity;
    }
    return out->text + out->n;
}

static void put(JsonOut *out, const char *text, uint64_t n)
{
    char *to = room(out, n);
    if (!to)
        return;
    memcpy(to, text, n);
    out->n += n;
}

static void put_quoted(JsonOut *out, const char *text, uint32_t n)
{
    uint64_t bytes = json_escape(text, n, NULL);
    char *to = room(out, bytes + 2);
    if (!to)
        return;
    to[0] = '"';
    json_escape(text, n, to + 1);
    to[bytes + 1] = '"';
    out->n += bytes + 2;
}

static void put_number(JsonOut *out, const JsonText *j, const JsonNode *node)
{
    char digits[64], text[96];
    if (node->kind == JSON_INTEGER || node->n >= sizeof(digits)) {
        put(out, j->text + node->start, node->n);
        return;
    }
    memcpy(digits, j->text + node->start, node->n);
    digits[node->n] = '\0';
    NestedValue v = {.f64 = strtod(digits, NULL)};
    put(out, text, expr_format_value(TYPE(DOUBLE), &v, text, sizeof(text)));
}

/* The value again, without spaces. */
static void put_node(JsonOut *out, const JsonText *j, uint32_t at)
{
    const JsonNode *node = &j->nodes[at];
    VecString s = {0};
    switch (node->kind) {
    case JSON_STRING:
        out->result = out->result ? out->result : json_node_string(j, node, &s);
        put_quoted(out, vec_string_data(&s), s.length);
        return;
    case JSON_INTEGER:
    case JSON_NUMBER:
        put_number(out, j, node);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        put(out, node->kind == JSON_ARRAY ? "[" : "{", 1);
        for (uint32_t i = at + 1; i < node->next && out->result == 0; i = j->nodes[i].next) {
            if (i > at + 1)
                put(out, ",", 1);
            put_node(out, j, i);
            if (node->kind == JSON_OBJECT) {
                put(out, ":", 1);
                put_node(out, j, ++i);
            }
        }
        put(out, node->kind == JSON_ARRAY ? "]" : "}", 1);
        return;
    default:
        put(out, j->text + node->start, node->n);
    }
}

/* A value as the string that get_json_object() and json_tuple() give: strings without quotes. */
static int node_text(NestedCall *c, const JsonText *j, uint32_t at, NestedItem *ret)
{
    const JsonNode *node = &j->nodes[at];
    if (node->kind == JSON_NULL) {
        ret->is_null = true;
        return 0;
    }
    if (node->kind == JSON_STRING)
        return json_node_string(j, node, &ret->value.s);
    JsonOut out = {.c = c};
    put_node(&out, j, at);
    ret->value.s = vec_string(out.result ? "" : out.text, out.result ? 0 : (uint32_t)out.n);
    return out.result;
}

/* ---- get_json_object ---- */

/* The value of a key of an object; 0: there is none. */
static uint32_t find_key(const JsonText *j, uint32_t object, const char *name, uint32_t n)
{
    for (uint32_t i = object + 1; i < j->nodes[object].next; i = j->nodes[i + 1].next)
        if (json_key_is(j, &j->nodes[i], name, n))
            return i + 1;
    return 0;
}

typedef struct JsonPath {
    const char *at, *end;
} JsonPath;

typedef struct Matches {
    JsonOut out;
    uint32_t n;
    bool many; /* behind a [*] */
    uint32_t single;
} Matches;

/* What the rest of the path finds in node @at. Return: false for a path that is none. */
static bool walk(Matches *m, const JsonText *j, JsonPath p, uint32_t at, uint32_t depth)
{
    while (p.at < p.end) {
        const JsonNode *node = &j->nodes[at];
        const char *name = p.at + 1, *stop;
        uint32_t n;
        if (depth > JSON_DEPTH_MAX)
            return false;
        if (*p.at == '.') {
            for (stop = name; stop < p.end && *stop != '.' && *stop != '['; stop++)
                ;
            n = (uint32_t)(stop - name);
            if (n == 0)
                return false;
            p.at = stop;
            at = node->kind == JSON_OBJECT ? find_key(j, at, name, n) : 0;
            if (at == 0)
                return true;
            continue;
        }
        if (*p.at != '[' || !(stop = memchr(name, ']', (size_t)(p.end - name))))
            return false;
        if (*name == '\'') {
            stop = memchr(name + 1, '\'', (size_t)(p.end - name - 1));
            if (!stop || stop + 1 >= p.end || stop[1] != ']')
                return false;
            n = (uint32_t)(stop - name - 1);
            p.at = stop + 2;
            at = node->kind == JSON_OBJECT ? find_key(j, at, name + 1, n) : 0;
            if (at == 0)
                return true;
            continue;
        }
        p.at = stop + 1;
        if (stop - name == 1 && *name == '*') {
            m->many = true;
            if (node->kind != JSON_ARRAY)
                return true;
            for (uint32_t i = at + 1; i < node->next; i = j->nodes[i].next)
                if (!walk(m, j, p, i, depth + 1))
                    return false;
            return true;
        }
        uint64_t index = 0;
        for (; name < stop; name++) {
            if (*name < '0' || *name > '9' || index > UINT32_MAX)
                return false;
            index = index * 10 + (uint64_t)(*name - '0');
        }
        if (node->kind != JSON_ARRAY || index >= node->count)
            return true;
        at++;
        while (index-- > 0)
            at = j->nodes[at].next;
    }
    if (m->many && j->nodes[at].kind != JSON_NULL) {
        put(&m->out, m->n ? "," : "[", 1);
        put_node(&m->out, j, at);
    }
    m->single = at;
    m->n++;
    return true;
}

static int do_get(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    JsonText j;
    const char *path = vec_string_data(&args[1].value.s);
    Matches m = {.out.c = c};
    int r = parse(c, &args[0].value.s, false, &j);
    ret->is_null = true;
    if (r || !j.nodes || args[1].value.s.length == 0 || path[0] != '$')
        return r;
    JsonPath p = {path + 1, path + args[1].value.s.length};
    if (!walk(&m, &j, p, 0, 0) || m.n == 0)
        return m.out.result;
    if (!m.many) {
        ret->is_null = false;
        return node_text(c, &j, m.single, ret);
    }
    if (m.n > 1)
        put(&m.out, "]", 1);
    if (m.out.result || m.out.n == 0)
        return m.out.result;
    ret->is_null = false;
    uint32_t skip = m.n == 1; /* one result stands without its brackets */
    ret->value.s = vec_string(m.out.text + skip, (uint32_t)m.out.n - skip);
    return 0;
}

/* ---- small ones ---- */

static int do_array_length(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    JsonText j;
    int r = parse(c, &args[0].value.s, false, &j);
    ret->is_null = r || !j.nodes || j.nodes[0].kind != JSON_ARRAY;
    if (!ret->is_null)
        ret->value.i32 = (int32_t)j.nodes[0].count;
    return r;
}

static int do_object_keys(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    JsonText j;
    int r = parse(c, &args[0].value.s, false, &j);
    ret->is_null = r || !j.nodes || j.nodes[0].kind != JSON_OBJECT;
    if (ret->is_null)
        return r;
    NestedItem *items = nested_items(c, j.nodes[0].count);
    uint32_t n = 0;
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 1; r == 0 && i < j.nodes[0].next; i = j.nodes[i + 1].next) {
        items[n] = (NestedItem){0};
        r = json_node_string(&j, &j.nodes[i], &items[n++].value.s);
    }
    return r ? r : nested_array(c->arena, TYPE(STRING), items, n, &ret->value.s);
}

/* json_tuple: an array of one struct of all fields. */
static int do_tuple(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type record = c->step->type.children[0].type;
    NestedItem *fields = nested_items(c, record.n_children), row = {0};
    JsonText j = {0};
    int r = 0;
    if (!fields)
        return mem_arena_error(c->arena);
    if (!args[0].is_null)
        r = parse(c, &args[0].value.s, false, &j);
    for (uint32_t i = 0; r == 0 && i < record.n_children; i++) {
        const VecString *name = &args[i + 1].value.s;
        uint32_t at = 0;
        fields[i] = (NestedItem){.is_null = true};
        if (j.nodes && j.nodes[0].kind == JSON_OBJECT && !args[i + 1].is_null)
            at = find_key(&j, 0, vec_string_data(name), name->length);
        if (at == 0)
            continue;
        fields[i].is_null = false;
        r = node_text(c, &j, at, &fields[i]);
    }
    if (r == 0)
        r = nested_record(c->arena, record, fields, &row.value.s);
    return r ? r : nested_array(c->arena, record, &row, 1, &ret->value.s);
}

/* ---- from_json ---- */

typedef struct JsonAgain {
    NestedCall *c;
    const JsonText *json;
} JsonAgain;

/* JsonText.write: numbers and nested values are written again. */
static int write_again(void *userdata, uint32_t at, VecString *ret)
{
    const JsonAgain *again = userdata;
    NestedItem item = {0};
    int r = node_text(again->c, again->json, at, &item);
    *ret = item.value.s;
    return r;
}

/* What is no such record is a record that says nothing. */
static int empty_record(NestedCall *c, Type type, NestedItem *ret)
{
    NestedItem *fields = nested_items(c, type.n_children);
    if (!fields)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < type.n_children; i++)
        fields[i] = (NestedItem){.is_null = true};
    *ret = (NestedItem){0};
    return nested_record(c->arena, type, fields, &ret->value.s);
}

/* Where timestamps are at stake the session's zone is the second argument. */
int nested_take_zone(NestedCall *c, const NestedItem *args)
{
    RowMemo *memo;
    if (c->step->n_args < 2)
        return 0;
    int r = row_memo(c->s, c->step, &memo);
    if (r == 0)
        r = row_zone(memo, args[1].value.s, &c->zone);
    return r == ZONE_E_UNKNOWN ? nested_fail_value(c, "INVALID_TIMEZONE", "22009",
                                                   "The session's timezone is invalid.")
                               : r;
}

/* The record with its own text in the field for that; NULL: with none, whatever it says itself. */
static int put_corrupt(NestedCall *c, Type type, const char *name, const VecString *text,
                       NestedItem *ret)
{
    NestedItem *fields = nested_items(c, type.n_children);
    if (!fields)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < type.n_children; i++) {
        nested_field(type, &ret->value.s, i, &fields[i]);
        if (strcmp(type.children[i].name, name) == 0)
            fields[i] = text ? (NestedItem){.value.s = *text} : (NestedItem){.is_null = true};
    }
    return nested_record(c->arena, type, fields, &ret->value.s);
}

static int do_from(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = c->step->type;
    JsonText j;
    JsonAgain again = {c, &j};
    bool bad = false;
    JsonReadOptions options = {0};
    if (c->step->n_args == 3)
        memcpy(&options, vec_string_data(&args[2].value.s), sizeof(options));
    int r = nested_take_zone(c, args);
    if (r == 0)
        r = parse(c, &args[0].value.s, true, &j);
    ret->is_null = true;
    if (r || json_at_end(vec_string_data(&args[0].value.s), args[0].value.s.length, 0))
        return r;
    j.write = write_again;
    j.userdata = &again;
    j.date = options.has_date ? &options.date : NULL;
    j.timestamp = options.has_timestamp ? &options.timestamp : NULL;
    if (j.nodes)
        r = json_value(&j, 0, type, ret, &bad);
    if (r)
        return r;
    bad |= ret->is_null;
    if (bad && options.fail_fast)
        return nested_fail_value(c, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023",
                                 "Malformed records are detected in record parsing. Parse Mode: "
                                 "FAILFAST. To process malformed records as null result, try "
                                 "setting the option 'mode' as 'PERMISSIVE'.");
    if (ret->is_null && type.kind == TYPE_STRUCT)
        r = empty_record(c, type, ret);
    if (r == 0 && options.corrupt[0])
        r = put_corrupt(c, type, options.corrupt, bad ? &args[0].value.s : NULL, ret);
    return r;
}

/* ---- to_json ---- */

static void put_base64(JsonOut *out, const VecString *s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)vec_string_data(s);
    put(out, "\"", 1);
    for (uint32_t i = 0; i < s->length; i += 3) {
        uint32_t n = MIN(s->length - i, 3u), x = 0;
        for (uint32_t k = 0; k < 3; k++)
            x = x << 8 | (k < n ? at[i + k] : 0u);
        char text[4] = {digits[x >> 18], digits[x >> 12 & 63], n > 1 ? digits[x >> 6 & 63] : '=',
                        n > 2 ? digits[x & 63] : '='};
        put(out, text, 4);
    }
    put(out, "\"", 1);
}

static void put_clock(JsonOut *out, Type type, int64_t micros)
{
    char text[64], offset[16] = "";
    if (type.kind == TYPE_TIMESTAMP) {
        const Zone *zone = out->c->zone;
        int64_t seconds = zone ? zone_offset_at(zone, micros) / CIVIL_MICROS_PER_SECOND : 0;
        int64_t size = seconds < 0 ? -seconds : seconds;
        int n = snprintf(offset, sizeof(offset), "%c%02d:%02d", seconds < 0 ? '-' : '+',
                         (int)(size / 3600), (int)(size / 60 % 60));
        if (size % 60)
            snprintf(offset + n, sizeof(offset) - (size_t)n, ":%02d", (int)(size % 60));
        if (seconds == 0)
            memcpy(offset, "Z", 2);
        micros += seconds * CIVIL_MICROS_PER_SECOND;
    }
    int64_t day = civil_floor_div(micros, CIVIL_MICROS_PER_DAY);
    int64_t rest = micros - day * CIVIL_MICROS_PER_DAY;
    uint32_t n = civil_format_date((int32_t)day, text);
    n += (uint32_t)snprintf(text + n, sizeof(text) - n, "T%02d:%02d:%02d.%03d%s",
                            (int)(rest / 3600000000), (int)(rest / 60000000 % 60),
                            (int)(rest / 1000000 % 60), (int)(rest / 1000 % 1000), offset);
    put_quoted(out, text, n);
}

static void put_value(JsonOut *out, Type type, const NestedValue *value);

static void put_item(JsonOut *out, Type type, const NestedItem *item)
{
    if (item->is_null)
        put(out, "null", 4);
    else
        put_value(out, type, &item->value);
}

static void put_entries(JsonOut *out, Type type, const VecString *map)
{
    VecString keys, values, text;
    NestedItem item;
    nested_map(map, &keys, &values);
    put(out, "{", 1);
    for (uint32_t i = 0, n = nested_count(&keys); i < n && out->result == 0; i++) {
        put(out, ",", i > 0);
        nested_element(type.children[0].type, &keys, i, &item);
        out->result = nested_to_text(out->c, type.children[0].type, &item, &text);
        if (out->result)
            return;
        put_quoted(out, vec_string_data(&text), text.length);
        put(out, ":", 1);
        nested_element(type.children[1].type, &values, i, &item);
        put_item(out, type.children[1].type, &item);
    }
    put(out, "}", 1);
}

static void put_value(JsonOut *out, Type type, const NestedValue *value)
{
    char text[96];
    uint32_t n;
    NestedItem item;
    bool first = true;
    switch (type.kind) {
    case TYPE_STRUCT:
        put(out, "{", 1);
        for (uint32_t i = 0; i < type.n_children; i++) {
            nested_field(type, &value->s, i, &item);
            if (item.is_null)
                continue;
            put(out, ",", !first);
            put_quoted(out, type.children[i].name, (uint32_t)strlen(type.children[i].name));
            put(out, ":", 1);
            put_value(out, type.children[i].type, &item.value);
            first = false;
        }
        put(out, "}", 1);
        return;
    case TYPE_MAP:
        put_entries(out, type, &value->s);
        return;
    case TYPE_ARRAY:
        put(out, "[", 1);
        for (uint32_t i = 0, count = nested_count(&value->s); i < count && !out->result; i++) {
            nested_element(type.children[0].type, &value->s, i, &item);
            put(out, ",", i > 0);
            put_item(out, type.children[0].type, &item);
        }
        put(out, "]", 1);
        return;
    case TYPE_STRING:
        put_quoted(out, vec_string_data(&value->s), value->s.length);
        return;
    case TYPE_BINARY:
        put_base64(out, &value->s);
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        put_clock(out, type, value->i64);
        return;
    default:
        n = expr_format_value(type, value, text, sizeof(text));
        if (type_is_integral(type) || type.kind == TYPE_BOOLEAN || type.kind == TYPE_DECIMAL ||
            ((type.kind == TYPE_DOUBLE || type.kind == TYPE_FLOAT) && text[n - 1] <= '9'))
            put(out, text, n);
        else
            put_quoted(out, text, n);
    }
}

static int do_to(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    JsonOut out = {.c = c, .result = nested_take_zone(c, args)};
    if (out.result == 0)
        put_value(&out, c->types[0], &args[0].value);
    if (out.result == 0)
        ret->value.s = vec_string(out.text, (uint32_t)out.n);
    return out.result;
}

NestedRowFunction nested_json_function(FunctionId id, bool *ret_nulls)
{
    *ret_nulls = id == FN_JSON_TUPLE;
    switch (id) {
    case FN_GET_JSON_OBJECT:
        return do_get;
    case FN_JSON_ARRAY_LENGTH:
        return do_array_length;
    case FN_JSON_OBJECT_KEYS:
        return do_object_keys;
    case FN_JSON_TUPLE:
        return do_tuple;
    case FN_FROM_JSON:
        return do_from;
    case FN_TO_JSON:
        return do_to;
    case FN_FROM_CSV:
        return nested_from_csv;
    default:
        return NULL;
    }
}
