/* SPDX-License-Identifier: Apache-2.0 */

/* Nested types: how they meet, their casts, how they are compared, and access to their parts. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/function_table.h"

/* ---- types ---- */

static bool bounded(Binder *b, Type type)
{
    if (type_is_bounded(type))
        return true;
    bind_unsupported(b, 0, 0, "types nested this deep or with this many fields");
    return false;
}

bool bind_array_type(Binder *b, Type element, bool contains_null, Type *ret)
{
    TypeField *f = bind_alloc(b, 1, sizeof(*f));
    if (!f)
        return false;
    *f = (TypeField){"element", element, contains_null};
    *ret = (Type){.kind = TYPE_ARRAY, .n_children = 1, .children = f};
    return bounded(b, *ret);
}

bool bind_map_type(Binder *b, Type key, Type value, bool contains_null, Type *ret)
{
    TypeField *f = bind_alloc(b, 2, sizeof(*f));
    if (!f)
        return false;
    f[0] = (TypeField){"key", key, false};
    f[1] = (TypeField){"value", value, contains_null};
    *ret = (Type){.kind = TYPE_MAP, .n_children = 2, .children = f};
    return bounded(b, *ret);
}

bool bind_struct_type(Binder *b, const TypeField *fields, uint32_t n, Type *ret)
{
    if (n > UINT8_MAX) {
        bind_unsupported(b, 0, 0, "a struct of more than 255 fields");
        return false;
    }
    TypeField *f = bind_alloc(b, n, sizeof(*f));
    if (!f)
        return false;
    memcpy(f, fields, n * sizeof(*f));
    *ret = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n, .children = f};
    return bounded(b, *ret);
}

static bool wider_children(Binder *b, Type x, Type y, Type *ret)
{
    TypeField fields[UINT8_MAX];
    for (uint32_t i = 0; i < x.n_children; i++) {
        const TypeField *fx = &x.children[i], *fy = &y.children[i];
        if (x.kind == TYPE_STRUCT && !names_equal(b, fx->name, fy->name))
            return false;
        fields[i] = (TypeField){.name = fx->name, .nullable = fx->nullable || fy->nullable};
        if (!bind_wider(b, fx->type, fy->type, &fields[i].type))
            return false;
    }
    TypeField *copy = bind_alloc(b, x.n_children, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, fields, x.n_children * sizeof(*copy));
    *ret = (Type){.kind = x.kind, .n_children = x.n_children, .children = copy};
    return true;
}

bool bind_wider(Binder *b, Type x, Type y, Type *ret)
{
    if (!type_is_nested(x) || x.kind != y.kind || x.n_children != y.n_children || type_equal(x, y))
        return type_wider(x, y, ret);
    return wider_children(b, x, y, ret);
}

bool type_mixes(Type x, Type y, bool decimals)
{
    if (x.kind == TYPE_NULL || y.kind == TYPE_NULL)
        return false;
    if (type_is_nested(x) && x.kind == y.kind && x.n_children == y.n_children) {
        for (uint32_t i = 0; i < x.n_children; i++)
            if (type_mixes(x.children[i].type, y.children[i].type, decimals))
                return true;
        return false;
    }
    if ((x.kind == TYPE_STRING) != (y.kind == TYPE_STRING))
        return true;
    return decimals && (x.kind == TYPE_DECIMAL) != (y.kind == TYPE_DECIMAL);
}

/* ---- lambdas of the binder's own ---- */

Expr *bind_variable(Binder *b, Type type, bool nullable)
{
    Expr *e = bind_check(b, expr_column(b->arena, (uint32_t)b->next_attribute++, type, nullable));
    if (e)
        e->kind = EXPR_VARIABLE;
    return e;
}

Expr *bind_lambda_of(Binder *b, Expr *body, Expr *const *variables, uint32_t n)
{
    Expr *args[4] = {body};
    if (!body || b->result != 0)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        args[i + 1] = variables[i];
    Expr *e =
        bind_check(b, expr_call(b->arena, FN_INVALID, body->type, body->nullable, args, n + 1));
    if (e)
        e->kind = EXPR_LAMBDA;
    return e;
}

Expr *bind_lambda_name(Binder *b, const Scope *scope, const char *name)
{
    for (const LambdaScope *l = scope->lambda; l; l = l->outer)
        for (uint32_t i = 0; i < l->lambda->n_parts; i++)
            if (names_equal(b, l->lambda->parts[i], name))
                return l->variables[i];
    return NULL;
}

/* ---- calls ---- */

Expr *bind_make_call(Binder *b, FunctionId id, Type type, bool nullable, Expr *const *args,
                     uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!args[i])
            return NULL;
    Expr *made = bind_check(b, expr_call(b->arena, id, type, nullable, args, n));
    if (made && type.kind == TYPE_MAP)
        made->try_cast = b->context->settings.map_last_wins;
    return made;
}

Expr *bind_field_at(Binder *b, Expr *record, uint32_t field)
{
    const TypeField *f = &record->type.children[field];
    Expr *number = bind_check(b, expr_int(b->arena, (int32_t)field));
    return bind_make_call(b, FN_FIELD, f->type, f->nullable || record->nullable,
                          (Expr *[]){record, number}, 2);
}

/* ---- casts ---- */

static Expr *cast_step(Binder *b, Expr *e, Type type, bool try_cast)
{
    if (!e || type_equal(e->type, type))
        return e;
    if (type_is_nested(e->type) || type_is_nested(type))
        return bind_cast_nested(b, e, type, try_cast);
    if (try_cast)
        return bind_try_cast(b, e, type);
    return bind_cast_to(b, e, type);
}

static Expr *cast_array(Binder *b, Expr *e, Type type, bool try_cast)
{
    const TypeField *from = &e->type.children[0];
    Expr *x = bind_variable(b, from->type, from->nullable);
    Expr *body = x ? cast_step(b, x, type.children[0].type, try_cast) : NULL;
    Expr *lambda = bind_lambda_of(b, body, &x, 1);
    return bind_make_call(b, FN_TRANSFORM, type, e->nullable, (Expr *[]){e, lambda}, 2);
}

static Expr *cast_map(Binder *b, Expr *e, Type type, bool try_cast)
{
    Expr *halves[2];
    for (uint32_t i = 0; i < 2; i++) {
        Type from, to;
        const TypeField *f = &e->type.children[i], *t = &type.children[i];
        if (!bind_array_type(b, f->type, f->nullable, &from) ||
            !bind_array_type(b, t->type, t->nullable, &to))
            return NULL;
        Expr *half =
            bind_make_call(b, i == 0 ? FN_MAP_KEYS : FN_MAP_VALUES, from, e->nullable, &e, 1);
        halves[i] = cast_step(b, half, to, try_cast);
    }
    return bind_make_call(b, FN_MAP_FROM_ARRAYS, type, e->nullable, halves, 2);
}

static Expr *cast_struct(Binder *b, Expr *e, Type type, bool try_cast)
{
    Expr *fields[UINT8_MAX];
    for (uint32_t i = 0; i < type.n_children; i++) {
        fields[i] = cast_step(b, bind_field_at(b, e, i), type.children[i].type, try_cast);
        if (!fields[i])
            return NULL;
    }
    Expr *made = bind_make_call(b, FN_STRUCT, type, false, fields, type.n_children);
    if (!made || !e->nullable)
        return made;
    Expr *test = bind_make_call(b, FN_IS_NULL, TYPE(BOOLEAN), false, &e, 1);
    Expr *null = bind_check(b, expr_null(b->arena, type));
    return bind_case(b, type, (Expr *[]){test, null, made}, 3);
}

/* The type with clocks on the wall for instants. */
static bool on_the_wall(Binder *b, Type type, Type *ret)
{
    *ret = type.kind == TYPE_TIMESTAMP ? TYPE(TIMESTAMP_NTZ) : type;
    if (type.n_children == 0)
        return true;
    TypeField *fields = bind_alloc(b, type.n_children, sizeof(*fields));
    if (!fields)
        return false;
    for (uint32_t i = 0; i < type.n_children; i++) {
        fields[i] = type.children[i];
        if (!on_the_wall(b, type.children[i].type, &fields[i].type))
            return false;
    }
    ret->children = fields;
    return true;
}

/* Text shows instants in the session's zone. */
static Expr *instants_on_the_wall(Binder *b, Expr *e)
{
    Type wall;
    if (!e || !type_contains(e->type, TYPE_TIMESTAMP) ||
        (b->context->zone_is_fixed && b->context->zone_usec == 0))
        return e;
    return on_the_wall(b, e->type, &wall) ? cast_step(b, e, wall, false) : NULL;
}

Expr *bind_show_text(Binder *b, Expr *e)
{
    if (!e || (e->type.kind != TYPE_BINARY && !type_is_nested(e->type)))
        return e ? bind_cast_to(b, e, TYPE(STRING)) : NULL;
    e = instants_on_the_wall(b, e);
    return e ? bind_make_call(b, FN_SHOW_TEXT, TYPE(STRING), e->nullable, &e, 1) : NULL;
}

Expr *bind_cast_nested(Binder *b, Expr *e, Type type, bool try_cast)
{
    if (type.kind == TYPE_STRING)
        e = instants_on_the_wall(b, e);
    if (!e)
        return NULL;
    if (type.kind == TYPE_STRING || e->type.kind == TYPE_NULL || type_same_bytes(e->type, type))
        return bind_check(b, expr_cast(b->arena, e, type, false));
    switch (type.kind) {
    case TYPE_ARRAY:
        return cast_array(b, e, type, try_cast);
    case TYPE_MAP:
        return cast_map(b, e, type, try_cast);
    default:
        return cast_struct(b, e, type, try_cast);
    }
}

/* ---- order and equality ---- */

bool type_is_orderable(Type type)
{
    return !type_contains(type, TYPE_MAP);
}

void *bind_invalid_ordering(Binder *b, const UExpr *e, const char *function, Type type)
{
    char text[130], name[60];
    bind_type_text(type, text);
    snprintf(name, sizeof(name), "`%.50s`", function);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: The %s does not support ordering "
               "on type %s.",
               uexpr_quoted(b, e), name, text);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName", name,
                           "dataType", text, NULL);
    return NULL;
}

Expr *bind_order_key(Binder *b, Expr *e)
{
    if (!e || !type_is_nested(e->type))
        return e;
    return bind_make_call(b, FN_NESTED_KEY, TYPE(BINARY), e->nullable, &e, 1);
}

Expr *bind_sort_key(Binder *b, const UExpr *source, Expr *e)
{
    if (e && !type_is_orderable(e->type))
        return bind_invalid_ordering(b, source, "sortorder", e->type);
    return bind_order_key(b, e);
}

Expr *bind_normalised(Binder *b, Expr *e)
{
    if (!e || !type_is_nested(e->type) ||
        !(type_contains(e->type, TYPE_DOUBLE) || type_contains(e->type, TYPE_FLOAT) ||
          type_contains(e->type, TYPE_MAP)))
        return e;
    Expr *key = bind_order_key(b, e);
    return bind_make_call(b, FN_NESTED_UNKEY, e->type, e->nullable, &key, 1);
}

bool bind_compare_nested(Binder *b, const UExpr *e, FunctionId id, Expr **left, Expr **right)
{
    Type type = (*left)->type;
    if (!type_is_nested(type))
        return true;
    if (!type_is_orderable(type))
        return bind_invalid_ordering(b, e, id == FN_NE ? "=" : function_operator(id), type), false;
    bool equality = id == FN_EQ || id == FN_NE || id == FN_EQ_NULL_SAFE;
    *left = equality ? bind_normalised(b, *left) : bind_order_key(b, *left);
    *right = equality ? bind_normalised(b, *right) : bind_order_key(b, *right);
    return *left && *right;
}

/* ---- access ---- */

static void *not_a_base(Binder *b, const UExpr *e, const char *base, Type type)
{
    char text[130];
    bind_type_text(type, text);
    bind_error(b, e->position, e->stop, "INVALID_EXTRACT_BASE_FIELD_TYPE", "42000",
               "Can't extract a value from %.300s. Need a complex type [STRUCT, ARRAY, MAP] but "
               "got %s.",
               base, text);
    query_error_parameters(b->context->error, "base", base, "other", text, NULL);
    return NULL;
}

/* Return: UINT32_MAX after FIELD_NOT_FOUND or AMBIGUOUS_REFERENCE_TO_FIELDS. */
static uint32_t find_field(Binder *b, const UExpr *e, Type type, const char *base, const char *name)
{
    uint32_t found = UINT32_MAX, n = 0;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (names_equal(b, type.children[i].name, name)) {
            found = n++ ? found : i;
        }
    if (n == 1)
        return found;
    if (n > 1) {
        bind_error(b, e->position, e->stop, "AMBIGUOUS_REFERENCE_TO_FIELDS", "42000",
                   "Ambiguous reference to the field `%.100s`. It appears %u times in the schema.",
                   name, n);
        return UINT32_MAX;
    }
    char list[300] = "", field[130];
    size_t used = 0;
    for (uint32_t i = 0; i < type.n_children && used < sizeof(list) - 110; i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s`%.100s`", i ? ", " : "",
                                 type.children[i].name);
    snprintf(field, sizeof(field), "`%.100s`", name);
    bind_error(b, e->position, e->stop, "FIELD_NOT_FOUND", "42704",
               "No such struct field %s in %s.", field, list);
    query_error_parameters(b->context->error, "fieldName", field, "fields", list, NULL);
    return UINT32_MAX;
}

static Expr *map_value(Binder *b, const UExpr *e, Expr *map, Expr *key)
{
    Type type = map->type.children[0].type;
    if (!type_is_orderable(type))
        return bind_invalid_ordering(b, e, "getmapvalue", type);
    key = bind_coerce(b, e, key, 1, type, NULL);
    return bind_make_call(b, FN_MAP_GET, map->type.children[1].type, true, (Expr *[]){map, key}, 2);
}

Expr *bind_field(Binder *b, const UExpr *e, Expr *base, const char *base_name, const char *name)
{
    Type type = base->type;
    if (type.kind == TYPE_STRUCT) {
        uint32_t field = find_field(b, e, type, base_name, name);
        return field == UINT32_MAX ? NULL : bind_field_at(b, base, field);
    }
    if (type.kind == TYPE_MAP) {
        Expr *key =
            bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                       (Literal){.s = vec_string(name, (uint32_t)strlen(name))}));
        return map_value(b, e, base, key);
    }
    if (type.kind == TYPE_ARRAY && type.children[0].type.kind == TYPE_STRUCT) {
        const TypeField *element = &type.children[0];
        uint32_t field = find_field(b, e, element->type, base_name, name);
        if (field == UINT32_MAX)
            return NULL;
        Expr *x = bind_variable(b, element->type, element->nullable);
        Expr *body = x ? bind_field_at(b, x, field) : NULL;
        Type made;
        if (!body || !bind_array_type(b, body->type, body->nullable, &made))
            return NULL;
        Expr *lambda = bind_lambda_of(b, body, &x, 1);
        return bind_make_call(b, FN_TRANSFORM, made, base->nullable, (Expr *[]){base, lambda}, 2);
    }
    if (type_is_nested(type))
        return bind_unexpected_input(b, e, 1, "INTEGRAL", &(Expr){.type = TYPE(STRING)});
    return not_a_base(b, e, base_name, type);
}

/* Is it sure that the literal @index of an array made on the spot is there, and what is there? */
static bool element_is_null(const Expr *array, const Expr *index, int64_t from)
{
    if (array->kind != EXPR_CALL || array->function != FN_ARRAY || index->kind != EXPR_LITERAL ||
        index->literal.is_null)
        return true;
    int64_t i = index->literal.i - from;
    if (i < 0 && from == 1)
        i = (int64_t)array->n_args + index->literal.i;
    return i < 0 || i >= (int64_t)array->n_args || array->args[i]->nullable;
}

Expr *bind_element(Binder *b, FunctionId id, Expr *array, Expr *index, bool tolerant)
{
    if (!array || !index)
        return NULL;
    const TypeField *element = &array->type.children[0];
    Expr *mode = bind_check(b, expr_bool(b->arena, tolerant));
    bool nullable = array->nullable || index->nullable || tolerant || element->nullable;
    if (array->kind == EXPR_CALL && array->function == FN_ARRAY && index->kind == EXPR_LITERAL)
        nullable = element_is_null(array, index, id == FN_ELEMENT_AT);
    return bind_make_call(b, id, element->type, nullable, (Expr *[]){array, index, mode}, 3);
}

Expr *bind_extract(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *base = bind_expr(b, scope, e->args[0]);
    if (!base)
        return NULL;
    const UExpr *index = e->args[1];
    const char *base_name = uexpr_quoted(b, e->args[0]);
    bool name =
        index->kind == UEXPR_LITERAL && index->type.kind == TYPE_STRING && !index->literal.is_null;
    bool structs =
        base->type.kind == TYPE_STRUCT ||
        (base->type.kind == TYPE_ARRAY && e->name &&
         base->type.children[0].type.kind == TYPE_STRUCT) ||
        (base->type.kind == TYPE_ARRAY && name && base->type.children[0].type.kind == TYPE_STRUCT);
    if (name && (structs || base->type.kind == TYPE_MAP)) {
        const VecString *s = &index->literal.s;
        char *text = mem_arena_strndup(b->arena, vec_string_data(s), s->length);
        if (!text)
            return bind_fail(b, mem_arena_error(b->arena));
        if (structs && !e->name)
            bind_remember_path(b, e, 0, false);
        return bind_field(b, e, base, base_name, text);
    }
    if (base->type.kind == TYPE_STRUCT) {
        bind_error(b, e->position, e->stop, "INVALID_EXTRACT_FIELD_TYPE", "42000",
                   "Field name should be a non-null string literal, but it's %.300s.",
                   uexpr_quoted(b, index));
        query_error_parameters(b->context->error, "extraction", uexpr_quoted(b, index), NULL);
        return NULL;
    }
    if (base->type.kind != TYPE_ARRAY && base->type.kind != TYPE_MAP)
        return not_a_base(b, e, base_name, base->type);
    Expr *at = bind_expr(b, scope, index);
    if (!at)
        return NULL;
    if (base->type.kind == TYPE_MAP)
        return map_value(b, e, base, at);
    if (!type_is_integral(at->type) && at->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, 1, "INTEGRAL", at);
    return bind_element(b, FN_ARRAY_GET, base, bind_cast_to(b, at, TYPE(INT)),
                        !b->context->settings.ansi);
}

/* ---- names ---- */

void bind_remember_path(Binder *b, const UExpr *e, uint32_t n_column, bool is_map)
{
    if (b->n_paths == b->paths_capacity) {
        uint32_t capacity = b->paths_capacity ? b->paths_capacity * 2 : 8;
        struct FieldPath *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return;
        if (b->n_paths > 0)
            memcpy(grown, b->paths, b->n_paths * sizeof(*grown));
        b->paths = grown;
        b->paths_capacity = capacity;
    }
    b->paths[b->n_paths++] = (struct FieldPath){e, n_column, is_map};
}

const char *bind_name_with_fields(Binder *b, const UExpr *e, const char *name)
{
    if (!e || b->n_paths == 0 || e->kind == UEXPR_ALIAS || e->kind == UEXPR_COLUMN)
        return name;
    return uexpr_name(b, e);
}

bool bind_star_of_struct(Binder *b, const Bound *input, const UExpr *star, SelectItem *items,
                         uint32_t *n_items)
{
    UExpr column = {.kind = UEXPR_COLUMN,
                    .parts = star->parts,
                    .n_parts = star->n_parts,
                    .plan_id = UNRESOLVED_NO_PLAN_ID};
    int matches;
    const BoundColumn *c = bind_find(b, input, &column, &matches);
    if (matches != 1 || input->node->fields[c->index].type.kind != TYPE_STRUCT)
        return true;
    Type type = input->node->fields[c->index].type;
    for (uint32_t i = 0; i < type.n_children; i++) {
        UExpr *e = bind_alloc(b, 1, sizeof(*e));
        const char **parts = bind_alloc(b, star->n_parts + 1, sizeof(*parts));
        if (!e || !parts)
            return false;
        memcpy(parts, star->parts, star->n_parts * sizeof(*parts));
        parts[star->n_parts] = type.children[i].name;
        *e = column;
        e->parts = parts;
        e->n_parts++;
        e->position = star->position;
        items[(*n_items)++] = (SelectItem){.expr = e, .name = type.children[i].name};
    }
    return true;
}
