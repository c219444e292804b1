/* SPDX-License-Identifier: Apache-2.0 */

/* Functions on JSON text. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/json.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/json_options.h"
#include "exec/vec/nested.h"

static bool any_null(Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->nullable)
            return true;
    return false;
}

static bool strings(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (args[i]->type.kind != TYPE_STRING && args[i]->type.kind != TYPE_NULL)
            return bind_unexpected_input(b, e, i, "STRING", args[i]), false;
        args[i] = bind_coerce(b, e, args[i], i, TYPE(STRING), NULL);
        if (!args[i])
            return false;
    }
    return true;
}

static Expr *bind_text(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type = row->id == FN_GET_JSON_OBJECT ? TYPE(STRING) : TYPE(INT);
    if (!strings(b, e, args, n))
        return NULL;
    if (row->id == FN_JSON_OBJECT_KEYS && !bind_array_type(b, TYPE(STRING), true, &type))
        return NULL;
    return bind_make_call(b, row->id, type, true, args, n);
}

Expr *bind_json_tuple(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (n < 2)
        return bind_wrong_number(b, e, 2, 255);
    TypeField *fields = bind_alloc(b, n - 1, sizeof(*fields));
    Type type;
    if (!fields || !strings(b, e, args, n))
        return NULL;
    for (uint32_t i = 0; i + 1 < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        fields[i] =
            (TypeField){mem_arena_strndup(b->arena, name, strlen(name)), TYPE(STRING), true};
        if (!fields[i].name)
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!bind_struct_type(b, fields, n - 1, &type) || !bind_array_type(b, type, false, &type))
        return NULL;
    return bind_make_call(b, FN_JSON_TUPLE, type, false, args, n);
}

/* ---- schema_of_json ---- */

typedef struct Inferred {
    Binder *b;
    const char *text;
    const JsonNode *nodes;
} Inferred;

static bool infer(Inferred *in, uint32_t at, Type *ret);

/* Two types of one place become one: what differs is text, numbers widen, fields unite. */
static bool unite(Binder *b, Type x, Type y, Type *ret)
{
    if (x.kind == TYPE_NULL || y.kind == TYPE_NULL || (x.kind == y.kind && !type_is_nested(x))) {
        *ret = x.kind == TYPE_NULL ? y : x;
        return true;
    }
    if (type_is_numeric(x) && type_is_numeric(y)) {
        *ret = TYPE(DOUBLE);
        return true;
    }
    if (x.kind != y.kind || !type_is_nested(x)) {
        *ret = TYPE(STRING);
        return true;
    }
    if (x.kind == TYPE_ARRAY) {
        Type element;
        return unite(b, x.children[0].type, y.children[0].type, &element) &&
               bind_array_type(b, element, true, ret);
    }
    TypeField fields[2 * UINT8_MAX];
    uint32_t n = 0, i = 0, k = 0;
    while (i < x.n_children || k < y.n_children) {
        int order = i == x.n_children   ? 1
                    : k == y.n_children ? -1
                                        : strcmp(x.children[i].name, y.children[k].name);
        if (order == 0) {
            fields[n] = x.children[i];
            if (!unite(b, x.children[i++].type, y.children[k++].type, &fields[n++].type))
                return false;
        } else {
            fields[n++] = order < 0 ? x.children[i++] : y.children[k++];
        }
    }
    return bind_struct_type(b, fields, n, ret);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const TypeField *)a)->name, ((const TypeField *)b)->name);
}

static bool infer_object(Inferred *in, uint32_t at, Type *ret)
{
    const JsonNode *node = &in->nodes[at];
    TypeField *fields = bind_alloc(in->b, node->count, sizeof(*fields));
    uint32_t n = 0;
    if (!fields)
        return false;
    for (uint32_t i = at + 1; i < node->next; i = in->nodes[i + 1].next) {
        const JsonNode *key = &in->nodes[i];
        char *name = bind_alloc(in->b, 1, key->n + 4u);
        if (!name)
            return false;
        name[json_unescape(in->text + key->start, key->n, name)] = '\0';
        fields[n] = (TypeField){.name = name, .nullable = true};
        if (!infer(in, i + 1, &fields[n++].type))
            return false;
    }
    qsort(fields, n, sizeof(*fields), by_name);
    return bind_struct_type(in->b, fields, n, ret);
}

static bool infer(Inferred *in, uint32_t at, Type *ret)
{
    const JsonNode *node = &in->nodes[at];
    Type element = TYPE(NULL);
    switch (node->kind) {
    case JSON_NULL:
        *ret = TYPE(NULL);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret = TYPE(BOOLEAN);
        return true;
    case JSON_INTEGER:
        *ret = node->n < 19 ? TYPE(LONG) : TYPE_DECIMAL_OF(MIN(node->n, 38u), 0);
        return true;
    case JSON_NUMBER:
        *ret = TYPE(DOUBLE);
        return true;
    case JSON_STRING:
        *ret = TYPE(STRING);
        return true;
    case JSON_OBJECT:
        return infer_object(in, at, ret);
    default:
        break;
    }
    for (uint32_t i = at + 1; i < node->next; i = in->nodes[i].next) {
        Type type;
        if (!infer(in, i, &type) || !unite(in->b, element, type, &element))
            return false;
    }
    return bind_array_type(in->b, element, true, ret);
}

/* Nothing but nulls is text. */
static bool without_void(Binder *b, Type type, Type *ret)
{
    if (type.kind == TYPE_NULL)
        type = TYPE(STRING);
    *ret = type;
    if (type.n_children == 0)
        return true;
    TypeField *fields = bind_alloc(b, type.n_children, sizeof(*fields));
    if (!fields)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++) {
        fields[i] = type.children[i];
        if (!without_void(b, type.children[i].type, &fields[i].type))
            return false;
    }
    ret->children = fields;
    return true;
}

static bool schema_of(Binder *b, const UExpr *e, const Expr *text, Type *ret)
{
    if (text->kind != EXPR_LITERAL || text->type.kind != TYPE_STRING || text->literal.is_null) {
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: the input `json` should be a "
                   "foldable \"STRING\" expression.",
                   uexpr_quoted(b, e));
        return false;
    }
    const VecString *s = &text->literal.s;
    JsonNode *nodes = bind_alloc(b, s->length + 1u, sizeof(*nodes));
    Inferred in = {b, vec_string_data(s), nodes};
    uint32_t n, end;
    Type type;
    if (!nodes)
        return false;
    if (json_parse(in.text, s->length, nodes, s->length + 1, &n, &end) != 0) {
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: the text is no JSON.",
                   uexpr_quoted(b, e));
        return false;
    }
    return infer(&in, 0, &type) && without_void(b, type, ret);
}

/* "STRUCT<a: BIGINT>": as DDL, names in their case. */
static size_t put_ddl(char *buf, size_t size, size_t at, Type type)
{
    char text[64];
    if (!type_is_nested(type)) {
        type_format(type, text, sizeof(text));
        for (char *c = text; *c; c++)
            if (*c >= 'a' && *c <= 'z')
                *c += 'A' - 'a';
        return at + (size_t)snprintf(buf + MIN(at, size), size - MIN(at, size), "%s", text);
    }
    at += (size_t)snprintf(buf + MIN(at, size), size - MIN(at, size), "%s<",
                           type.kind == TYPE_ARRAY ? "ARRAY" : "STRUCT");
    for (uint32_t i = 0; i < type.n_children; i++) {
        if (type.kind == TYPE_STRUCT)
            at += (size_t)snprintf(buf + MIN(at, size), size - MIN(at, size),
                                   "%s%s: ", i ? ", " : "", type.children[i].name);
        at = put_ddl(buf, size, at, type.children[i].type);
    }
    return at + (size_t)snprintf(buf + MIN(at, size), size - MIN(at, size), ">");
}

Expr *bind_type_as_ddl(Binder *b, Type type)
{
    size_t size = put_ddl((char[1]){0}, 0, 0, type) + 1;
    char *text = bind_alloc(b, 1, size);
    if (!text)
        return NULL;
    put_ddl(text, size, 0, type);
    return bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                      (Literal){.s = vec_string(text, (uint32_t)size - 1)}));
}

static Expr *bind_schema_of(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                            uint32_t n)
{
    Type type;
    if (n > 1)
        return bind_unsupported(b, e->position, e->stop, "options of schema_of_json");
    if (!schema_of(b, e, args[0], &type))
        return NULL;
    return bind_type_as_ddl(b, type);
}

/* ---- from_json, to_json ---- */

static bool supported(Type type)
{
    if (type.kind == TYPE_MAP && type.children[0].type.kind != TYPE_STRING)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (!supported(type.children[i].type))
            return false;
    return true;
}

/* All that is read may be missing. */
bool bind_as_nullable(Binder *b, Type type, Type *ret)
{
    *ret = type;
    if (type.n_children == 0)
        return true;
    TypeField *fields = bind_alloc(b, type.n_children, sizeof(*fields));
    if (!fields)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++) {
        fields[i] = type.children[i];
        fields[i].nullable = !(type.kind == TYPE_MAP && i == 0);
        if (!bind_as_nullable(b, type.children[i].type, &fields[i].type))
            return false;
    }
    ret->children = fields;
    return true;
}

/* What holds instants gets the session's zone as second argument. Return: number of arguments. */
static uint32_t with_zone(Binder *b, Type type, Expr **args)
{
    bool needed = type_contains(type, TYPE_TIMESTAMP) && !bind_zone_is_utc(b);
    if (needed)
        args[1] = bind_zone_name(b);
    return needed ? 2 : 1;
}

bool bind_option_is(const VecString *s, const char *text)
{
    return s->length == strlen(text) && strncasecmp(vec_string_data(s), text, s->length) == 0;
}

bool bind_option_pattern(const VecString *value, TextPattern *ret, bool *ret_has)
{
    char text[TEXT_PATTERN_MAX + 1];
    *ret_has = value->length <= TEXT_PATTERN_MAX;
    if (*ret_has) {
        memcpy(text, vec_string_data(value), value->length);
        text[value->length] = '\0';
        *ret_has = text_pattern_parse(text, ret);
    }
    return *ret_has;
}

/* Return: false: it changes how records are read, which is not done. Names that Spark does not know
 * say nothing. */
static bool take_option(const VecString *key, const VecString *value, void *userdata)
{
    JsonReadOptions *o = userdata;
    static const struct {
        const char *key, *value; /* as it is without it */
    } others[] = {
        {"allowComments", "false"},         {"allowUnquotedFieldNames", "false"},
        {"allowSingleQuotes", "true"},      {"allowNumericLeadingZeros", "false"},
        {"primitivesAsString", "false"},    {"allowBackslashEscapingAnyCharacter", "false"},
        {"prefersDecimal", "false"},        {"allowUnquotedControlChars", "false"},
        {"allowNonNumericNumbers", "true"}, {"timeZone", ""},
        {"timestampNTZFormat", ""},         {"locale", "en-US"},
    };
    if (bind_option_is(key, "mode")) {
        o->fail_fast = bind_option_is(value, "FAILFAST");
        return o->fail_fast || bind_option_is(value, "PERMISSIVE");
    }
    if (bind_option_is(key, "dateFormat"))
        return bind_option_pattern(value, &o->date, &o->has_date);
    if (bind_option_is(key, "timestampFormat"))
        return bind_option_pattern(value, &o->timestamp, &o->has_timestamp);
    if (bind_option_is(key, "columnNameOfCorruptRecord")) {
        if (value->length > JSON_CORRUPT_MAX)
            return false;
        memset(o->corrupt, 0, sizeof(o->corrupt));
        memcpy(o->corrupt, vec_string_data(value), value->length);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (bind_option_is(key, others[i].key))
            return bind_option_is(value, others[i].value);
    return true;
}

bool bind_options(Binder *b, const UExpr *e, Expr *map, BindTakeOption take, void *userdata)
{
    Literal literal = map->literal;
    VecString keys, values;
    if (map->type.kind != TYPE_MAP || map->type.children[0].type.kind != TYPE_STRING ||
        map->type.children[1].type.kind != TYPE_STRING) {
        bind_error(b, e->position, e->stop, "INVALID_OPTIONS.NON_MAP_FUNCTION", "42K06",
                   "Invalid options: Must use the `map()` function for options.");
        return false;
    }
    if (map->kind != EXPR_LITERAL &&
        (expr_has_columns(map) || !b->context->fold ||
         b->context->fold(b->arena, map, &literal) != 0 || literal.is_null)) {
        (void)bind_unsupported(b, e->position, e->stop, "options that are no constants");
        return false;
    }
    nested_map(&literal.s, &keys, &values);
    for (uint32_t i = 0, n = nested_count(&keys); i < n; i++) {
        NestedItem key, value;
        nested_element(TYPE(STRING), &keys, i, &key);
        nested_element(TYPE(STRING), &values, i, &value);
        if (value.is_null || !take(&key.value.s, &value.value.s, userdata)) {
            char what[120];
            (void)snprintf(what, sizeof(what), "%.20s with this value of the option %.*s", e->name,
                           (int)MIN(key.value.s.length, 60u), vec_string_data(&key.value.s));
            (void)bind_unsupported(b, e->position, e->stop, what);
            return false;
        }
    }
    return true;
}

/* from_json() with options: the session's zone and what they say behind the text. */
static Expr *from_with(Binder *b, Type type, Expr *text, const JsonReadOptions *o)
{
    char *copy = bind_alloc(b, 1, sizeof(*o));
    if (!copy)
        return NULL;
    memcpy(copy, o, sizeof(*o));
    Expr *made[] = {text, bind_zone_name(b),
                    bind_check(b, expr_literal(b->arena, TYPE(BINARY),
                                               (Literal){.s = vec_string(copy, sizeof(*o))}))};
    return made[1] && made[2] ? bind_make_call(b, FN_FROM_JSON, type, true, made, 3) : NULL;
}

static Expr *bind_from(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type = args[1]->type;
    const UExpr *schema = e->args[1];
    JsonReadOptions options = {.corrupt = "_corrupt_record"};
    if (n == 3 && !bind_options(b, e, args[2], take_option, &options))
        return NULL;
    if (schema->kind == UEXPR_CALL && strcmp(schema->name, "schema_of_json") == 0 &&
        schema->n_args == 1 && schema->args[0]->kind == UEXPR_LITERAL) {
        Expr *text =
            bind_check(b, expr_literal(b->arena, schema->args[0]->type, schema->args[0]->literal));
        if (!text || !schema_of(b, schema, text, &type))
            return NULL;
    }
    if (!type_is_nested(type))
        return bind_error(b, e->position, e->stop, "INVALID_SCHEMA.NON_STRING_LITERAL", "42K07",
                          "The input schema %.200s is not a valid schema string. The input "
                          "expression must be string literal and not null.",
                          uexpr_quoted(b, schema));
    if (!supported(type))
        return bind_unsupported(b, e->position, e->stop,
                                "from_json with maps whose keys are no "
                                "strings");
    if (!strings(b, e, args, 1) || !bind_as_nullable(b, type, &type))
        return NULL;
    bool corrupt = false;
    for (uint32_t i = 0; type.kind == TYPE_STRUCT && i < type.n_children; i++)
        corrupt |= strcmp(type.children[i].name, options.corrupt) == 0 &&
                   type.children[i].type.kind == TYPE_STRING;
    if (!corrupt)
        options.corrupt[0] = '\0';
    if (n == 3 || corrupt)
        return from_with(b, type, args[0], &options);
    Expr *made[2] = {args[0]};
    uint32_t n_made = with_zone(b, type, made);
    return bind_make_call(b, FN_FROM_JSON, type, true, made, n_made);
}

static Expr *bind_to(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (n == 2)
        return bind_unsupported(b, e->position, e->stop, "options of to_json");
    if (!type_is_nested(args[0]->type)) {
        char type[130];
        bind_type_text(args[0]->type, type);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: Input schema %s must be a "
                   "struct, an array, a map or a variant.",
                   uexpr_quoted(b, e), type);
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "schema", type,
                               NULL);
        return NULL;
    }
    Expr *made[2] = {args[0]};
    uint32_t n_made = with_zone(b, args[0]->type, made);
    return bind_make_call(b, FN_TO_JSON, TYPE(STRING), any_null(args, 1), made, n_made);
}

static const NestedRow rows[] = {
    {"get_json_object", FN_GET_JSON_OBJECT, 2, 2, false, bind_text},
    {"json_array_length", FN_JSON_ARRAY_LENGTH, 1, 1, false, bind_text},
    {"json_object_keys", FN_JSON_OBJECT_KEYS, 1, 1, false, bind_text},
    {"from_csv", FN_FROM_CSV, 2, 3, false, bind_from_csv},
    {"from_json", FN_FROM_JSON, 2, 3, false, bind_from},
    {"to_json", FN_TO_JSON, 1, 2, false, bind_to},
    {"schema_of_csv", FN_INVALID, 1, 2, false, bind_schema_of_csv},
    {"schema_of_json", FN_INVALID, 1, 2, false, bind_schema_of},
};

const NestedRow *bind_json_row(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const char *bind_json_name_at(size_t *i, uint32_t *ret_min, uint32_t *ret_max)
{
    if (*i >= ARRAY_SIZE(rows)) {
        *i -= ARRAY_SIZE(rows);
        return NULL;
    }
    *ret_min = rows[*i].min_args;
    *ret_max = rows[*i].max_args;
    return rows[*i].name;
}
