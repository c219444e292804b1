/* SPDX-License-Identifier: Apache-2.0 */

/* Functions on nested values: what they take, and the type and nullability of what they give. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/datetime.h"
#include "exec/plan/function_table.h"

#define ANY 255

/* ---- arguments ---- */

static bool any_null(Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->nullable)
            return true;
    return false;
}

/* Argument @i as an array. Return: false after UNEXPECTED_INPUT_TYPE. */
static bool want_array(Binder *b, const UExpr *e, Expr **args, uint32_t i)
{
    if (args[i]->type.kind == TYPE_ARRAY)
        return true;
    Type type;
    if (args[i]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, i, "ARRAY", args[i]), false;
    if (!bind_array_type(b, TYPE(NULL), true, &type))
        return false;
    args[i] = bind_check(b, expr_null(b->arena, type));
    return args[i] != NULL;
}

static bool want_map(Binder *b, const UExpr *e, Expr **args, uint32_t i)
{
    if (args[i]->type.kind == TYPE_MAP)
        return true;
    Type type;
    if (args[i]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, i, "MAP", args[i]), false;
    if (!bind_map_type(b, TYPE(NULL), TYPE(NULL), true, &type))
        return false;
    args[i] = bind_check(b, expr_null(b->arena, type));
    return args[i] != NULL;
}

static bool coerce_to(Binder *b, const UExpr *e, Expr **args, uint32_t i, Type type)
{
    args[i] = bind_coerce(b, e, args[i], i, type, NULL);
    return args[i] != NULL;
}

static void *null_typed(Binder *b, const UExpr *e)
{
    char name[60];
    snprintf(name, sizeof(name), "`%.50s`", e->name);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NULL_TYPE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: Null typed values cannot be used "
               "as arguments of %s.",
               uexpr_quoted(b, e), name);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName", name,
                           NULL);
    return NULL;
}

/* Argument @i as INT; only smaller integers become one by themselves. */
static bool want_int(Binder *b, const UExpr *e, Expr **args, uint32_t i)
{
    Type t = args[i]->type;
    if (t.kind == TYPE_BYTE || t.kind == TYPE_SHORT || t.kind == TYPE_INT || t.kind == TYPE_NULL) {
        args[i] = bind_cast_to(b, args[i], TYPE(INT));
        return args[i] != NULL;
    }
    return bind_unexpected_input(b, e, i, "INT", args[i]), false;
}

static void *diff_types(Binder *b, const UExpr *e, const char *error_class, const char *text,
                        const Expr *left, const Expr *right)
{
    char l[130], r[130], name[60];
    bind_type_text(left->type, l);
    bind_type_text(right->type, r);
    snprintf(name, sizeof(name), "`%.50s`", e->name);
    bind_error(b, e->position, e->stop, error_class, "42K09",
               "Cannot resolve %.300s due to data type mismatch: Input to %s should have been %s "
               "but it's [%s, %s].",
               uexpr_quoted(b, e), name, text, l, r);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName", name,
                           "dataType", "\"ARRAY\"", "leftType", l, "rightType", r, NULL);
    return NULL;
}

/* An array and one of its elements, @array and @value, brought to one element type. */
static bool meet_element(Binder *b, const UExpr *e, Expr **args, uint32_t array, uint32_t value)
{
    const Expr *a = args[array];
    bool contains = strcmp(e->name, "array_contains") == 0;
    if ((a->type.kind == TYPE_NULL && (contains || strcmp(e->name, "array_position") == 0)) ||
        (args[value]->type.kind == TYPE_NULL && contains))
        return null_typed(b, e), false;
    if (a->type.kind != TYPE_ARRAY)
        return bind_unexpected_input(b, e, array, "ARRAY", a), false;
    const TypeField *element = &args[array]->type.children[0];
    Type type, whole;
    if (type_mixes(element->type, args[value]->type, false) ||
        !bind_wider(b, element->type, args[value]->type, &type)) {
        diff_types(b, e, "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES",
                   "\"ARRAY\" followed by a value with same element type", args[array],
                   args[value]);
        return false;
    }
    if (!bind_array_type(b, type, element->nullable, &whole))
        return false;
    args[array] = bind_cast_to(b, args[array], whole);
    args[value] = bind_cast_to(b, args[value], type);
    return args[array] && args[value];
}

/* Arrays of one element type; @ret: that of all, with nulls where one has nulls. */
static bool meet_arrays(Binder *b, const UExpr *e, Expr **args, uint32_t n, Type *ret)
{
    Type type = args[0]->type;
    for (uint32_t i = 1; i < n; i++)
        if (type.kind != TYPE_ARRAY || args[i]->type.kind != TYPE_ARRAY ||
            type_mixes(type, args[i]->type, true) || !bind_wider(b, type, args[i]->type, &type)) {
            diff_types(b, e, "DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES",
                       "two \"ARRAY\" with same element type", args[0], args[i]);
            return false;
        }
    for (uint32_t i = 0; i < n; i++) {
        Type own;
        if (!bind_array_type(b, type.children[0].type, args[i]->type.children[0].nullable, &own))
            return false;
        args[i] = bind_cast_to(b, args[i], own);
        if (!args[i])
            return false;
    }
    *ret = type;
    return true;
}

static bool orderable(Binder *b, const UExpr *e, Type type)
{
    return type_is_orderable(type) || (bind_invalid_ordering(b, e, e->name, type), false);
}

/* ---- constructors ---- */

static void *different(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (b->result != 0)
        return NULL;
    char list[300] = "(", text[130], name[60];
    size_t used = 1;
    for (uint32_t i = 0; i < n && used < sizeof(list) - 140; i++) {
        bind_type_text(args[i]->type, text);
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? " or " : "", text);
    }
    snprintf(list + used, sizeof(list) - used, ")");
    snprintf(name, sizeof(name), "`%.50s`", e->name);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "42K09",
               "Cannot resolve %.300s due to data type mismatch: Input to %s should all be the "
               "same type, but it's %s.",
               uexpr_quoted(b, e), name, list);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName", name,
                           "dataType", list, NULL);
    return NULL;
}

static Expr *same_types(Binder *b, const UExpr *e, Expr **args, uint32_t n, Type *ret)
{
    return bind_common_type(b, args, n, ret) ? args[0] : different(b, e, args, n);
}

static Expr *bind_array(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type element = TYPE(NULL), type;
    if (n > 0 && !same_types(b, e, args, n, &element))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        args[i] = bind_cast_to(b, args[i], element);
        if (!args[i])
            return NULL;
    }
    if (!bind_array_type(b, element, any_null(args, n), &type))
        return NULL;
    return bind_make_call(b, FN_ARRAY, type, false, args, n);
}

static void *odd_number(Binder *b, const UExpr *e, uint32_t n)
{
    char name[60], number[12];
    snprintf(name, sizeof(name), "`%.50s`", e->name);
    snprintf(number, sizeof(number), "%u", n);
    bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
               "The %s requires 2n (n > 0) parameters but the actual number is %s.", name, number);
    query_error_parameters(b->context->error, "functionName", name, "expectedNum", "2n (n > 0)",
                           "actualNum", number, "docroot", "https://spark.apache.org/docs/latest",
                           NULL);
    return NULL;
}

static Expr *bind_map(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (n % 2)
        return odd_number(b, e, n);
    Expr **halves = bind_alloc(b, n, sizeof(*halves));
    Type types[2] = {TYPE(NULL), TYPE(NULL)}, type;
    if (!halves)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        halves[i % 2 * (n / 2) + i / 2] = args[i];
    for (uint32_t i = 0; i < 2 && n > 0; i++)
        if (!same_types(b, e, halves + i * (n / 2), n / 2, &types[i]))
            return NULL;
    if (type_contains(types[0], TYPE_MAP))
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE",
                          "42K09",
                          "Cannot resolve %.300s due to data type mismatch: The key of map cannot "
                          "be/contain \"MAP\".",
                          uexpr_quoted(b, e));
    for (uint32_t i = 0; i < n; i++) {
        args[i] = bind_cast_to(b, args[i], types[i % 2]);
        if (!args[i])
            return NULL;
    }
    if (!bind_map_type(b, types[0], types[1], any_null(halves + n / 2, n / 2), &type))
        return NULL;
    return bind_make_call(b, FN_MAP, type, false, args, n);
}

static Expr *make_struct(Binder *b, TypeField *fields, Expr **args, uint32_t n)
{
    Type type;
    for (uint32_t i = 0; i < n; i++) {
        fields[i].type = args[i]->type;
        fields[i].nullable = args[i]->nullable;
    }
    if (!bind_struct_type(b, fields, n, &type))
        return NULL;
    return bind_make_call(b, FN_STRUCT, type, false, args, n);
}

static Expr *bind_struct(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    TypeField *fields = bind_alloc(b, n, sizeof(*fields));
    if (!fields)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const UExpr *arg = e->args[i];
        fields[i].name = arg->kind == UEXPR_ALIAS                  ? arg->name
                         : arg->kind == UEXPR_COLUMN               ? arg->parts[arg->n_parts - 1]
                         : arg->kind == UEXPR_EXTRACT && arg->name ? arg->name
                         : arg->kind == UEXPR_EXTRACT && args[i]->kind == EXPR_CALL &&
                                 args[i]->function == FN_FIELD
                             ? args[i]->args[0]->type.children[args[i]->args[1]->literal.i].name
                             : NULL;
        if (!fields[i].name) {
            char name[16];
            snprintf(name, sizeof(name), "col%u", i + 1);
            fields[i].name = mem_arena_strndup(b->arena, name, strlen(name));
            if (!fields[i].name)
                return bind_fail(b, mem_arena_error(b->arena));
        }
    }
    return make_struct(b, fields, args, n);
}

static Expr *bind_named_struct(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                               uint32_t n)
{
    if (n % 2)
        return odd_number(b, e, n);
    TypeField *fields = bind_alloc(b, n / 2, sizeof(*fields));
    Expr **values = bind_alloc(b, n / 2, sizeof(*values));
    if (!fields || !values)
        return NULL;
    for (uint32_t i = 0; i < n / 2; i++) {
        const Expr *name = args[2 * i];
        if (name->kind != EXPR_LITERAL || name->type.kind != TYPE_STRING || name->literal.is_null)
            return bind_error(
                b, e->position, e->stop,
                "DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING", "42K09",
                "Cannot resolve %.300s due to data type mismatch: Only foldable `STRING` "
                "expressions are allowed to appear at odd position, but they are [%.200s].",
                uexpr_quoted(b, e), uexpr_quoted(b, e->args[2 * i]));
        const VecString *s = &name->literal.s;
        fields[i].name = mem_arena_strndup(b->arena, vec_string_data(s), s->length);
        values[i] = args[2 * i + 1];
        if (!fields[i].name)
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return make_struct(b, fields, values, n / 2);
}

/* @record with @path (a or a.b) set to @value, or without it when @value is NULL. */
static Expr *update_field(Binder *b, const UExpr *e, Expr *record, const char *path, Expr *value)
{
    if (record->type.kind != TYPE_STRUCT)
        return bind_unexpected_input(b, e, 0, "STRUCT", record);
    uint32_t n = 0, n_old = record->type.n_children;
    TypeField fields[UINT8_MAX + 1];
    Expr *args[UINT8_MAX + 1];
    const char *dot = strchr(path, '.');
    char *name = mem_arena_strndup(b->arena, path, dot ? (size_t)(dot - path) : strlen(path));
    bool found = false;
    if (!name)
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < n_old; i++) {
        const char *old = record->type.children[i].name;
        Expr *field = bind_field_at(b, record, i);
        if (!field)
            return NULL;
        if (names_equal(b, old, name)) {
            found = true;
            if (dot)
                field = update_field(b, e, field, dot + 1, value);
            else if (value)
                field = value;
            else
                continue;
            if (!field)
                return NULL;
            old = dot ? old : name;
        }
        fields[n] = (TypeField){.name = old};
        args[n++] = field;
    }
    if (!found && dot)
        return bind_field(b, e, record, uexpr_quoted(b, e->args[0]), name);
    if (!found && value) {
        if (n == UINT8_MAX)
            return bind_unsupported(b, e->position, e->stop, "a struct of more than 255 fields");
        fields[n] = (TypeField){.name = name};
        args[n++] = value;
    }
    if (n == 0)
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.CANNOT_DROP_ALL_FIELDS",
                          "42K09",
                          "Cannot resolve %.300s due to data type mismatch: Cannot drop all fields "
                          "in struct.",
                          uexpr_quoted(b, e));
    Expr *made = make_struct(b, fields, args, n);
    if (!made || !record->nullable)
        return made;
    Expr *test = bind_make_call(b, FN_IS_NULL, TYPE(BOOLEAN), false, &record, 1);
    Expr *null = bind_check(b, expr_null(b->arena, made->type));
    return bind_case(b, made->type, (Expr *[]){test, null, made}, 3);
}

/* Column.withField(), Column.dropFields() */
static Expr *bind_update(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (args[1]->kind != EXPR_LITERAL || args[1]->type.kind != TYPE_STRING ||
        args[1]->literal.is_null)
        return bind_unexpected_input(b, e, 1, "STRING", args[1]);
    const VecString *s = &args[1]->literal.s;
    char *path = mem_arena_strndup(b->arena, vec_string_data(s), s->length);
    if (!path)
        return bind_fail(b, mem_arena_error(b->arena));
    return update_field(b, e, args[0], path, n == 3 ? args[2] : NULL);
}

/* ---- access ---- */

/* A map and a key that may be looked up in it. */
static bool meet_key(Binder *b, const UExpr *e, Expr **args)
{
    Type key, whole;
    bool map = args[0]->type.kind == TYPE_MAP;
    if (!map || type_mixes(args[0]->type.children[0].type, args[1]->type, true) ||
        !bind_wider(b, args[0]->type.children[0].type, args[1]->type, &key)) {
        diff_types(b, e, "DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES",
                   "\"MAP\" followed by a value with same key type,", args[0], args[1]);
        return false;
    }
    const TypeField *value = &args[0]->type.children[1];
    if (!orderable(b, e, key) || !bind_map_type(b, key, value->type, value->nullable, &whole))
        return false;
    args[0] = bind_cast_to(b, args[0], whole);
    args[1] = bind_cast_to(b, args[1], key);
    return args[0] && args[1];
}

static Expr *bind_element_at(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                             uint32_t n)
{
    bool tolerant = e->name[0] != 'e' || !b->context->settings.ansi;
    if (args[0]->type.kind == TYPE_MAP) {
        if (!meet_key(b, e, args))
            return NULL;
        return bind_make_call(b, FN_MAP_GET, args[0]->type.children[1].type, true, args, 2);
    }
    if (args[0]->type.kind != TYPE_ARRAY)
        return bind_unexpected_input(b, e, 0, "ARRAY\" or \"MAP", args[0]);
    if (!want_int(b, e, args, 1))
        return NULL;
    return bind_element(b, FN_ELEMENT_AT, args[0], args[1], tolerant);
}

static Expr *bind_get(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (!want_array(b, e, args, 0))
        return NULL;
    if (!type_is_integral(args[1]->type) && args[1]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, 1, "INTEGRAL", args[1]);
    args[1] = bind_cast_to(b, args[1], TYPE(INT));
    return bind_element(b, FN_ARRAY_GET, args[0], args[1], true);
}

static Expr *bind_size(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    bool only_arrays = strcmp(e->name, "array_size") == 0;
    uint8_t kind = args[0]->type.kind;
    if (kind != TYPE_ARRAY && kind != TYPE_NULL && (kind != TYPE_MAP || only_arrays))
        return bind_unexpected_input(b, e, 0, only_arrays ? "ARRAY" : "ARRAY\" or \"MAP", args[0]);
    if (kind == TYPE_NULL && !want_array(b, e, args, 0))
        return NULL;
    Expr *made = bind_make_call(b, FN_SIZE, TYPE(INT), args[0]->nullable, args, 1);
    if (only_arrays || b->context->settings.ansi || !made || !made->nullable)
        return made;
    Expr *minus = bind_check(b, expr_int(b->arena, -1)); /* as before ANSI mode */
    return bind_make_call(b, FN_COALESCE, TYPE(INT), false, (Expr *[]){made, minus}, 2);
}

/* ---- maps ---- */

static Expr *bind_map_from_arrays(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                                  uint32_t n)
{
    Type type;
    if (!want_array(b, e, args, 0) || !want_array(b, e, args, 1))
        return NULL;
    const TypeField *key = &args[0]->type.children[0], *value = &args[1]->type.children[0];
    if (!orderable(b, e, key->type) ||
        !bind_map_type(b, key->type, value->type, value->nullable, &type))
        return NULL;
    return bind_make_call(b, row->id, type, any_null(args, 2), args, 2);
}

static Expr *bind_map_from_entries(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                                   uint32_t n)
{
    const TypeField *entry = args[0]->type.kind == TYPE_ARRAY ? &args[0]->type.children[0] : NULL;
    Type type;
    if (!entry || entry->type.kind != TYPE_STRUCT || entry->type.n_children != 2)
        return bind_unexpected_input(b, e, 0, "ARRAY\" of pair \"STRUCT", args[0]);
    const TypeField *key = &entry->type.children[0], *value = &entry->type.children[1];
    if (!orderable(b, e, key->type) ||
        !bind_map_type(b, key->type, value->type, value->nullable, &type))
        return NULL;
    return bind_make_call(b, row->id, type, args[0]->nullable || entry->nullable, args, 1);
}

static Expr *bind_map_part(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type, entry;
    if (!want_map(b, e, args, 0))
        return NULL;
    const TypeField *key = &args[0]->type.children[0], *value = &args[0]->type.children[1];
    TypeField fields[2] = {{"key", key->type, false}, {"value", value->type, value->nullable}};
    bool ok = row->id == FN_MAP_KEYS     ? bind_array_type(b, key->type, false, &type)
              : row->id == FN_MAP_VALUES ? bind_array_type(b, value->type, value->nullable, &type)
                                         : bind_struct_type(b, fields, 2, &entry) &&
                                               bind_array_type(b, entry, false, &type);
    return ok ? bind_make_call(b, row->id, type, args[0]->nullable, args, 1) : NULL;
}

static Expr *bind_map_concat(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                             uint32_t n)
{
    Type type;
    if (n == 0)
        return bind_map_type(b, TYPE(STRING), TYPE(STRING), false, &type)
                   ? bind_make_call(b, FN_MAP, type, false, args, 0)
                   : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->type.kind != TYPE_MAP)
            return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES",
                              "42K09",
                              "Cannot resolve %.300s due to data type mismatch: The `map_concat` "
                              "should all be of type map.",
                              uexpr_quoted(b, e));
    for (uint32_t i = 1; i < n; i++)
        if (type_mixes(args[0]->type, args[i]->type, false))
            return different(b, e, args, n);
    if (!same_types(b, e, args, n, &type))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        args[i] = bind_cast_to(b, args[i], type);
        if (!args[i])
            return NULL;
    }
    return bind_make_call(b, row->id, type, any_null(args, n), args, n);
}

static Expr *bind_map_contains(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                               uint32_t n)
{
    if (!meet_key(b, e, args))
        return NULL;
    return bind_make_call(b, row->id, TYPE(BOOLEAN), any_null(args, 2), args, 2);
}

static Expr *bind_str_to_map(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                             uint32_t n)
{
    static const char *const defaults[] = {"", ",", ":"};
    Expr *all[3];
    Type type;
    for (uint32_t i = 0; i < 3; i++) {
        if (i < n && args[i]->type.kind != TYPE_STRING && args[i]->type.kind != TYPE_NULL)
            return bind_unexpected_input(b, e, i, "STRING", args[i]);
        all[i] = i < n ? bind_coerce(b, e, args[i], i, TYPE(STRING), NULL)
                       : bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                                    (Literal){.s = vec_string(defaults[i], 1)}));
        if (!all[i])
            return NULL;
        if (i > 0 && all[i]->kind != EXPR_LITERAL)
            return bind_unsupported(b, e->position, e->stop,
                                    "str_to_map with delimiters that are not literals");
    }
    if (!bind_map_type(b, TYPE(STRING), TYPE(STRING), true, &type))
        return NULL;
    return bind_make_call(b, row->id, type, any_null(all, 3), all, 3);
}

/* ---- arrays ---- */

static Expr *bind_contains(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (!meet_element(b, e, args, 0, 1) || !orderable(b, e, args[1]->type))
        return NULL;
    Type type = row->id == FN_ARRAY_CONTAINS   ? TYPE(BOOLEAN)
                : row->id == FN_ARRAY_POSITION ? TYPE(LONG)
                                               : args[0]->type;
    bool nullable = any_null(args, 2);
    if (row->id == FN_ARRAY_CONTAINS)
        nullable |= args[0]->type.children[0].nullable;
    return bind_make_call(b, row->id, type, nullable, args, 2);
}

/* The result is an array as the argument is. */
static Expr *bind_same_array(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                             uint32_t n)
{
    if (!want_array(b, e, args, 0))
        return NULL;
    Type element = args[0]->type.children[0].type, type = args[0]->type;
    if (row->id == FN_ARRAY_DISTINCT && !orderable(b, e, element))
        return NULL;
    if (row->id == FN_ARRAY_COMPACT && !bind_array_type(b, element, false, &type))
        return NULL;
    return bind_make_call(b, row->id, type, args[0]->nullable, args, 1);
}

static Expr *bind_set(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    if (!meet_arrays(b, e, args, 2, &type) || !orderable(b, e, type))
        return NULL;
    bool first = args[0]->type.children[0].nullable, second = args[1]->type.children[0].nullable;
    if (row->id == FN_ARRAYS_OVERLAP)
        return bind_make_call(b, row->id, TYPE(BOOLEAN), any_null(args, 2) || first || second, args,
                              2);
    bool nulls = row->id == FN_ARRAY_UNION       ? first || second
                 : row->id == FN_ARRAY_INTERSECT ? first && second
                                                 : first;
    if (!bind_array_type(b, type.children[0].type, nulls, &type))
        return NULL;
    return bind_make_call(b, row->id, type, any_null(args, 2), args, 2);
}

static Expr *bind_join_text(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                            uint32_t n)
{
    Type strings;
    if (!want_array(b, e, args, 0))
        return NULL;
    const TypeField *element = &args[0]->type.children[0];
    if (type_is_nested(element->type))
        return bind_unexpected_input(b, e, 0, "ARRAY<STRING>", args[0]);
    if (!bind_array_type(b, TYPE(STRING), element->nullable, &strings))
        return NULL;
    args[0] = bind_cast_to(b, args[0], strings);
    for (uint32_t i = 1; i < n; i++)
        if (!coerce_to(b, e, args, i, TYPE(STRING)))
            return NULL;
    return args[0] ? bind_make_call(b, row->id, TYPE(STRING), any_null(args, n), args, n) : NULL;
}

static Expr *bind_extreme(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (!want_array(b, e, args, 0))
        return NULL;
    Type element = args[0]->type.children[0].type;
    if (!orderable(b, e, element))
        return NULL;
    return bind_make_call(b, row->id, element, true, args, 1);
}

static Expr *bind_append(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    uint32_t value = n - 1;
    if (!meet_element(b, e, args, 0, value))
        return NULL;
    if (n == 3 && args[1]->type.kind == TYPE_NULL)
        return bind_unexpected_input(b, e, 1, "INT", args[1]);
    if (n == 3 && !want_int(b, e, args, 1))
        return NULL;
    /* Positions behind the end leave nulls. */
    bool nulls = n == 3 || args[0]->type.children[0].nullable || args[value]->nullable;
    if (!bind_array_type(b, args[value]->type, nulls, &type))
        return NULL;
    bool nullable = args[0]->nullable || (n == 3 && args[1]->nullable);
    return bind_make_call(b, row->id, type, nullable, args, n);
}

static Expr *bind_repeat(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    if (!want_int(b, e, args, 1) || !bind_array_type(b, args[0]->type, args[0]->nullable, &type))
        return NULL;
    return bind_make_call(b, row->id, type, args[1]->nullable, args, 2);
}

static Expr *bind_zip(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    TypeField *fields = bind_alloc(b, n, sizeof(*fields));
    Type type;
    if (!fields)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (!want_array(b, e, args, i))
            return NULL;
        char number[12];
        const UExpr *arg = e->args[i];
        snprintf(number, sizeof(number), "%u", i);
        const char *name = arg->kind == UEXPR_ALIAS    ? arg->name
                           : arg->kind == UEXPR_COLUMN ? arg->parts[arg->n_parts - 1]
                                                       : number;
        fields[i] = (TypeField){mem_arena_strndup(b->arena, name, strlen(name)),
                                args[i]->type.children[0].type, true};
        if (!fields[i].name)
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!bind_struct_type(b, fields, n, &type) || !bind_array_type(b, type, false, &type))
        return NULL;
    return bind_make_call(b, row->id, type, any_null(args, n), args, n);
}

static Expr *bind_concat(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    for (uint32_t i = 0; i < n; i++) {
        if (args[i]->type.kind == TYPE_NULL)
            args[i] = bind_cast_to(b, args[i], TYPE(STRING));
        if (!args[i])
            return NULL;
    }
    if (!same_types(b, e, args, n, &type))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        Type own;
        if (args[i]->type.kind != TYPE_ARRAY)
            return different(b, e, args, n);
        if (!bind_array_type(b, type.children[0].type, args[i]->type.children[0].nullable, &own))
            return NULL;
        args[i] = bind_cast_to(b, args[i], own);
        if (!args[i])
            return NULL;
    }
    return bind_make_call(b, row->id, type, any_null(args, n), args, n);
}

static Expr *bind_flatten(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    const TypeField *inner = args[0]->type.kind == TYPE_ARRAY ? &args[0]->type.children[0] : NULL;
    if (!inner || inner->type.kind != TYPE_ARRAY)
        return bind_unexpected_input(b, e, 0, "ARRAY\" of \"ARRAY", args[0]);
    type = inner->type;
    return bind_make_call(b, row->id, type, args[0]->nullable || inner->nullable, args, 1);
}

static Expr *bind_slice(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (!want_array(b, e, args, 0) || !want_int(b, e, args, 1) || !want_int(b, e, args, 2))
        return NULL;
    return bind_make_call(b, row->id, args[0]->type, any_null(args, 3), args, 3);
}

/* sort_array(a [, ascending]): nulls are the least. */
static Expr *bind_sort(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    if (!want_array(b, e, args, 0) || !orderable(b, e, args[0]->type))
        return NULL;
    Expr *ascending = n == 2 ? bind_coerce(b, e, args[1], 1, TYPE(BOOLEAN), NULL)
                             : bind_check(b, expr_bool(b->arena, true));
    Expr *last = bind_check(b, expr_bool(b->arena, false));
    return bind_make_call(b, FN_SORT_ARRAY, args[0]->type, args[0]->nullable,
                          (Expr *[]){args[0], ascending, last}, 3);
}

/* Instants are counted as such, but whole days and months by the clock on the wall. */
static bool sequence_goes_by(Binder *b, const UExpr *e, const Expr *step, bool *ret_wall)
{
    bool literal = step && step->kind == EXPR_LITERAL && !step->literal.is_null;
    *ret_wall = !step || step->type.kind == TYPE_INTERVAL_YM ||
                (literal && step->literal.i % USEC_PER_DAY == 0);
    bool short_step = literal && llabs(step->literal.i) < USEC_PER_DAY;
    if (!*ret_wall && !short_step && !b->context->zone_is_fixed)
        return bind_unsupported(b, e->position, e->stop,
                                "sequence of timestamps by days and hours in a session time zone "
                                "with daylight saving rules"),
               false;
    return true;
}

static Expr *bind_sequence(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type, element;
    if (!bind_wider(b, args[0]->type, args[1]->type, &element))
        element = TYPE(NULL);
    bool clock = element.kind == TYPE_DATE || element.kind == TYPE_TIMESTAMP ||
                 element.kind == TYPE_TIMESTAMP_NTZ;
    if (!clock && type_is_integral(element) && n == 3 &&
        !bind_wider(b, element, args[2]->type, &element))
        element = TYPE(NULL);
    if (!clock && !type_is_integral(element))
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES",
                          "42K09",
                          "Cannot resolve %.300s due to data type mismatch: `sequence` uses the "
                          "wrong parameter type. The parameter type must conform to: 1. The start "
                          "and stop expressions must resolve to the same type. 2. If start and "
                          "stop expressions resolve to the (\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or "
                          "\"DATE\") type, then the step expression must resolve to the "
                          "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO "
                          "SECOND\") type. 3. Otherwise, if start and stop expressions resolve to "
                          "the \"INTEGRAL\" type, then the step expression must resolve to the "
                          "same type.",
                          uexpr_quoted(b, e));
    if (clock && n == 3 && args[2]->type.kind != TYPE_INTERVAL_YM &&
        args[2]->type.kind != TYPE_INTERVAL_DT)
        return bind_unexpected_input(b, e, 2, "INTERVAL", args[2]);
    bool on_wall = false;
    if (element.kind == TYPE_TIMESTAMP &&
        !sequence_goes_by(b, e, n == 3 ? args[2] : NULL, &on_wall))
        return NULL;
    args[0] = bind_cast_to(b, args[0], element);
    args[1] = bind_cast_to(b, args[1], element);
    if (n == 3 && !clock)
        args[2] = bind_cast_to(b, args[2], element);
    if (on_wall) {
        element = TYPE(TIMESTAMP_NTZ);
        args[0] = bind_cast_to(b, args[0], element);
        args[1] = bind_cast_to(b, args[1], element);
    }
    if (b->result != 0 || !bind_array_type(b, element, false, &type))
        return NULL;
    Expr *made = bind_make_call(b, row->id, type, any_null(args, n), args, n);
    if (on_wall && bind_array_type(b, TYPE(TIMESTAMP), false, &type))
        made = bind_cast_to(b, made, type);
    return made;
}

static Expr *bind_split(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n)
{
    Type type;
    if (!coerce_to(b, e, args, 0, TYPE(STRING)) || !coerce_to(b, e, args, 1, TYPE(STRING)) ||
        (n == 3 && !want_int(b, e, args, 2)) || !bind_array_type(b, TYPE(STRING), false, &type))
        return NULL;
    Expr *limit = n == 3 ? args[2] : bind_check(b, expr_int(b->arena, -1));
    return bind_make_call(b, row->id, type, any_null(args, n), (Expr *[]){args[0], args[1], limit},
                          3);
}

/* Language and country change nothing: words are found as in English. */
static Expr *bind_sentences(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                            uint32_t n)
{
    Type words, type;
    for (uint32_t i = 0; i < n; i++)
        if (!coerce_to(b, e, args, i, TYPE(STRING)))
            return NULL;
    if (!bind_array_type(b, TYPE(STRING), false, &words) ||
        !bind_array_type(b, words, false, &type))
        return NULL;
    return bind_make_call(b, row->id, type, true, args, 1);
}

/* ---- the table ---- */

static const NestedRow rows[] = {
    {"array", FN_ARRAY, 0, ANY, false, bind_array},
    {"array_append", FN_ARRAY_APPEND, 2, 2, false, bind_append},
    {"array_compact", FN_ARRAY_COMPACT, 1, 1, false, bind_same_array},
    {"array_contains", FN_ARRAY_CONTAINS, 2, 2, false, bind_contains},
    {"array_distinct", FN_ARRAY_DISTINCT, 1, 1, false, bind_same_array},
    {"array_except", FN_ARRAY_EXCEPT, 2, 2, false, bind_set},
    {"array_insert", FN_ARRAY_INSERT, 3, 3, false, bind_append},
    {"array_intersect", FN_ARRAY_INTERSECT, 2, 2, false, bind_set},
    {"array_join", FN_ARRAY_JOIN, 2, 3, false, bind_join_text},
    {"array_max", FN_ARRAY_MAX, 1, 1, false, bind_extreme},
    {"array_min", FN_ARRAY_MIN, 1, 1, false, bind_extreme},
    {"array_position", FN_ARRAY_POSITION, 2, 2, false, bind_contains},
    {"array_prepend", FN_ARRAY_PREPEND, 2, 2, false, bind_append},
    {"array_remove", FN_ARRAY_REMOVE, 2, 2, false, bind_contains},
    {"array_repeat", FN_ARRAY_REPEAT, 2, 2, false, bind_repeat},
    {"array_size", FN_SIZE, 1, 1, false, bind_size},
    {"array_union", FN_ARRAY_UNION, 2, 2, false, bind_set},
    {"arrays_overlap", FN_ARRAYS_OVERLAP, 2, 2, false, bind_set},
    {"arrays_zip", FN_ARRAYS_ZIP, 0, ANY, false, bind_zip},
    {"cardinality", FN_SIZE, 1, 1, false, bind_size},
    {"concat", FN_ARRAY_CONCAT, 1, ANY, true, bind_concat},
    {"element_at", FN_ELEMENT_AT, 2, 2, false, bind_element_at},
    {"flatten", FN_FLATTEN, 1, 1, false, bind_flatten},
    {"get", FN_ARRAY_GET, 2, 2, false, bind_get},
    {"map", FN_MAP, 0, ANY, false, bind_map},
    {"map_concat", FN_MAP_CONCAT, 0, ANY, false, bind_map_concat},
    {"map_contains_key", FN_MAP_CONTAINS_KEY, 2, 2, false, bind_map_contains},
    {"map_entries", FN_MAP_ENTRIES, 1, 1, false, bind_map_part},
    {"map_from_arrays", FN_MAP_FROM_ARRAYS, 2, 2, false, bind_map_from_arrays},
    {"map_from_entries", FN_MAP_FROM_ENTRIES, 1, 1, false, bind_map_from_entries},
    {"map_keys", FN_MAP_KEYS, 1, 1, false, bind_map_part},
    {"map_values", FN_MAP_VALUES, 1, 1, false, bind_map_part},
    {"named_struct", FN_STRUCT, 0, ANY, false, bind_named_struct},
    {"reverse", FN_ARRAY_REVERSE, 1, 1, true, bind_same_array},
    {"sequence", FN_SEQUENCE, 2, 3, false, bind_sequence},
    {"size", FN_SIZE, 1, 1, false, bind_size},
    {"slice", FN_SLICE, 3, 3, false, bind_slice},
    {"sort_array", FN_SORT_ARRAY, 1, 2, false, bind_sort},
    {"sentences", FN_SENTENCES, 1, 3, false, bind_sentences},
    {"split", FN_SPLIT, 2, 3, false, bind_split},
    {"str_to_map", FN_STR_TO_MAP, 1, 3, false, bind_str_to_map},
    {"struct", FN_STRUCT, 0, ANY, false, bind_struct},
    {"update_fields", FN_INVALID, 2, 3, false, bind_update},
    {"try_element_at", FN_ELEMENT_AT, 2, 2, false, bind_element_at},
};

static const NestedRow *find_row(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return bind_json_row(name);
}

const char *nested_function_name(FunctionId id)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].id == id && id != FN_INVALID)
            return rows[i].name;
    return bind_higher_name(id);
}

bool function_is_nested(const char *name)
{
    const NestedRow *row = find_row(name);
    return row ? !row->overload || (!function_find(name) && !function_signed_find(name))
               : bind_is_higher(name);
}

bool function_is_nested_for(const char *name, Expr *const *args, uint32_t n)
{
    const NestedRow *row = find_row(name);
    if (!row || !row->overload)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->type.kind == TYPE_ARRAY)
            return true;
    return false;
}

Expr *bind_nested_overload(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    const NestedRow *row = find_row(e->name);
    return row->bind(b, e, row, args, n);
}

void *bind_wrong_number(Binder *b, const UExpr *e, uint32_t min, uint32_t max)
{
    char wanted[40], name[110], actual[12];
    if (min == max)
        snprintf(wanted, sizeof(wanted), "%u", min);
    else if (max == ANY)
        snprintf(wanted, sizeof(wanted), "> %d", (int)min - 1);
    else
        snprintf(wanted, sizeof(wanted), "[%u, %u]", min, max);
    snprintf(name, sizeof(name), "`%.100s`", e->name);
    snprintf(actual, sizeof(actual), "%u", e->n_args);
    bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
               "The %s requires %s parameters but the actual number is %s.", name, wanted, actual);
    query_error_parameters(b->context->error, "functionName", name, "expectedNum", wanted,
                           "actualNum", actual, "docroot", "https://spark.apache.org/docs/latest",
                           NULL);
    return NULL;
}

Expr *bind_nested_call(Binder *b, Scope *scope, const UExpr *e)
{
    const NestedRow *row = find_row(e->name);
    if (e->distinct || e->filter)
        return bind_error(b, e->position, e->stop,
                          "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
                          "The function `%.100s` does not support %s.", e->name,
                          e->distinct ? "DISTINCT" : "FILTER clause");
    if (!row)
        return bind_higher_call(b, scope, e);
    if (e->n_args < row->min_args || (row->max_args != ANY && e->n_args > row->max_args))
        return bind_wrong_number(b, e, row->min_args, row->max_args);
    Expr **args = bind_alloc(b, e->n_args, sizeof(*args));
    if (!args)
        return NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        args[i] = bind_expr(b, scope, e->args[i]);
        if (!args[i])
            return NULL;
    }
    return row->bind(b, e, row, args, e->n_args);
}

const char *bind_nested_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max)
{
    if (i >= ARRAY_SIZE(rows)) {
        i -= ARRAY_SIZE(rows);
        const char *name = bind_json_name_at(&i, ret_min, ret_max);
        return name ? name : bind_higher_name_at(i, ret_min, ret_max);
    }
    *ret_min = rows[i].min_args;
    *ret_max = rows[i].max_args;
    return rows[i].name;
}
