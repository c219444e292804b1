/* SPDX-License-Identifier: Apache-2.0 */

/* Functions that take lambdas: what the parameters are, and what the body must give. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"

typedef struct HigherRow {
    const char *name;
    uint16_t id; /* FunctionId */
    uint8_t min_args, max_args;
} HigherRow;

static const HigherRow rows[] = {
    {"transform", FN_TRANSFORM, 2, 2},
    {"filter", FN_FILTER, 2, 2},
    {"exists", FN_EXISTS, 2, 2},
    {"forall", FN_FORALL, 2, 2},
    {"aggregate", FN_AGGREGATE, 3, 4},
    {"reduce", FN_AGGREGATE, 3, 4},
    {"zip_with", FN_ZIP_WITH, 3, 3},
    {"map_filter", FN_MAP_FILTER, 2, 2},
    {"transform_keys", FN_TRANSFORM_KEYS, 2, 2},
    {"transform_values", FN_TRANSFORM_VALUES, 2, 2},
    {"map_zip_with", FN_MAP_ZIP_WITH, 3, 3},
    {"array_sort", FN_ARRAY_SORT, 1, 2},
};

static const HigherRow *find_row(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool bind_is_higher(const char *name)
{
    return find_row(name) != NULL;
}

const char *bind_higher_name(FunctionId id)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].id == id)
            return rows[i].name;
    return NULL;
}

/* ---- lambdas ---- */

/* The parameters of one lambda: types in, variables out. */
typedef struct Parameters {
    uint32_t min, max;
    Type types[3];
    bool nullable[3];
    Expr *variables[3];
} Parameters;

/* @e with parameters of the types. What is no lambda ignores them. */
static Expr *bind_lambda(Binder *b, Scope *scope, const UExpr *call, const UExpr *e, Parameters *p)
{
    bool is_lambda = e->kind == UEXPR_LAMBDA;
    uint32_t n = is_lambda ? e->n_parts : p->min;
    if (n < p->min || n > p->max) {
        char wanted[12], actual[12];
        snprintf(wanted, sizeof(wanted), "%u", p->max);
        snprintf(actual, sizeof(actual), "%u", n);
        bind_error(b, e->position, e->stop, "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
                   "42K0D",
                   "Invalid lambda function call. A higher order function expects %s arguments, "
                   "but got %s.",
                   wanted, actual);
        query_error_parameters(b->context->error, "expectedNumArgs", wanted, "actualNumArgs",
                               actual, NULL);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        p->variables[i] = bind_variable(b, p->types[i], p->nullable[i]);
        if (!p->variables[i])
            return NULL;
    }
    for (uint32_t i = 0; is_lambda && i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (names_equal(b, e->parts[i], e->parts[k]))
                return bind_error(b, e->position, e->stop,
                                  "INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES", "42K0D",
                                  "Invalid lambda function call. The lambda function has duplicate "
                                  "arguments `%.100s`. Please, consider to rename the argument "
                                  "names or set \"spark.sql.caseSensitive\" to \"true\".",
                                  e->parts[i]);
    Scope inner = *scope;
    LambdaScope names = {scope->lambda, e, p->variables};
    inner.lambda = is_lambda ? &names : scope->lambda;
    Expr *body = bind_expr(b, &inner, is_lambda ? e->args[0] : e);
    scope->used_outer |= inner.used_outer;
    return bind_lambda_of(b, body, p->variables, n);
}

/* The same with a body of type BOOLEAN. */
static Expr *bind_predicate(Binder *b, Scope *scope, const UExpr *call, uint32_t i, Parameters *p)
{
    Expr *lambda = bind_lambda(b, scope, call, call->args[i], p);
    if (!lambda)
        return NULL;
    if (lambda->type.kind == TYPE_NULL) {
        Expr *body = bind_cast_to(b, lambda->args[0], TYPE(BOOLEAN));
        return bind_lambda_of(b, body, lambda->args + 1, lambda->n_args - 1);
    }
    if (lambda->type.kind != TYPE_BOOLEAN)
        return bind_unexpected_input(b, call, i, "BOOLEAN", lambda);
    return lambda;
}

static Expr *bind_collection(Binder *b, Scope *scope, const UExpr *e, uint32_t i, uint8_t kind)
{
    Expr *arg = bind_expr(b, scope, e->args[i]);
    if (!arg || arg->type.kind == kind)
        return arg;
    return bind_unexpected_input(b, e, i, kind == TYPE_ARRAY ? "ARRAY" : "MAP", arg);
}

/* ---- functions ---- */

static Expr *over_array(Binder *b, Scope *scope, const UExpr *e, const HigherRow *row)
{
    Expr *array = bind_collection(b, scope, e, 0, TYPE_ARRAY);
    if (!array)
        return NULL;
    const TypeField *element = &array->type.children[0];
    Parameters p = {
        .min = 1, .max = 1, .types = {element->type, TYPE(INT)}, .nullable = {element->nullable}};
    if (row->id == FN_TRANSFORM || row->id == FN_FILTER)
        p.max = 2;
    Type type = array->type;
    bool nullable = array->nullable;
    Expr *lambda;
    if (row->id == FN_TRANSFORM) {
        lambda = bind_lambda(b, scope, e, e->args[1], &p);
        if (!lambda || !bind_array_type(b, lambda->type, lambda->nullable, &type))
            return NULL;
    } else {
        lambda = bind_predicate(b, scope, e, 1, &p);
        if (!lambda)
            return NULL;
        if (row->id != FN_FILTER) {
            type = TYPE(BOOLEAN);
            nullable |= lambda->nullable;
        }
    }
    return bind_make_call(b, row->id, type, nullable, (Expr *[]){array, lambda}, 2);
}

static Expr *bind_fold_array(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *array = bind_collection(b, scope, e, 0, TYPE_ARRAY);
    Expr *start = array ? bind_expr(b, scope, e->args[1]) : NULL;
    if (!start)
        return NULL;
    const TypeField *element = &array->type.children[0];
    Parameters p = {.min = 2,
                    .max = 2,
                    .types = {start->type, element->type},
                    .nullable = {true, element->nullable}};
    Expr *merge = bind_lambda(b, scope, e, e->args[2], &p);
    if (!merge)
        return NULL;
    if (!type_equal(merge->type, start->type)) {
        if (!type_same_bytes(merge->type, start->type) && merge->type.kind != TYPE_NULL) {
            char wanted[130];
            type_format(start->type, wanted, sizeof(wanted));
            for (char *c = wanted; *c; c++)
                if (*c >= 'a' && *c <= 'z')
                    *c += 'A' - 'a';
            return bind_unexpected_input(b, e, 2, wanted, merge);
        }
        Expr *body = bind_cast_to(b, merge->args[0], start->type);
        merge = bind_lambda_of(b, body, merge->args + 1, 2);
    }
    if (!merge)
        return NULL;
    if (e->n_args == 3)
        return bind_make_call(b, FN_AGGREGATE, start->type, true, (Expr *[]){array, start, merge},
                              3);
    Parameters q = {.min = 1, .max = 1, .types = {start->type}, .nullable = {true}};
    Expr *finish = bind_lambda(b, scope, e, e->args[3], &q);
    if (!finish)
        return NULL;
    return bind_make_call(b, FN_AGGREGATE, finish->type, array->nullable || finish->nullable,
                          (Expr *[]){array, start, merge, finish}, 4);
}

static Expr *bind_zip_with(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *left = bind_collection(b, scope, e, 0, TYPE_ARRAY);
    Expr *right = left ? bind_collection(b, scope, e, 1, TYPE_ARRAY) : NULL;
    Type type;
    if (!right)
        return NULL;
    Parameters p = {.min = 2,
                    .max = 2,
                    .types = {left->type.children[0].type, right->type.children[0].type},
                    .nullable = {true, true}};
    Expr *lambda = bind_lambda(b, scope, e, e->args[2], &p);
    if (!lambda || !bind_array_type(b, lambda->type, lambda->nullable, &type))
        return NULL;
    return bind_make_call(b, FN_ZIP_WITH, type, left->nullable || right->nullable,
                          (Expr *[]){left, right, lambda}, 3);
}

static Expr *over_map(Binder *b, Scope *scope, const UExpr *e, const HigherRow *row)
{
    Expr *map = bind_collection(b, scope, e, 0, TYPE_MAP);
    if (!map)
        return NULL;
    const TypeField *key = &map->type.children[0], *value = &map->type.children[1];
    Parameters p = {.min = 2,
                    .max = 2,
                    .types = {key->type, value->type},
                    .nullable = {false, value->nullable}};
    Type type = map->type;
    Expr *lambda = row->id == FN_MAP_FILTER ? bind_predicate(b, scope, e, 1, &p)
                                            : bind_lambda(b, scope, e, e->args[1], &p);
    if (!lambda)
        return NULL;
    if (row->id == FN_TRANSFORM_KEYS && type_contains(lambda->type, TYPE_MAP))
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE",
                          "42K09",
                          "Cannot resolve %.300s due to data type mismatch: The key of map cannot "
                          "be/contain \"MAP\".",
                          uexpr_quoted(b, e));
    bool ok = true;
    if (row->id == FN_TRANSFORM_KEYS)
        ok = bind_map_type(b, lambda->type, value->type, value->nullable, &type);
    else if (row->id == FN_TRANSFORM_VALUES)
        ok = bind_map_type(b, key->type, lambda->type, lambda->nullable, &type);
    return ok ? bind_make_call(b, row->id, type, map->nullable, (Expr *[]){map, lambda}, 2) : NULL;
}

static Expr *bind_map_zip(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *maps[2];
    Type key, type;
    for (uint32_t i = 0; i < 2; i++) {
        maps[i] = bind_collection(b, scope, e, i, TYPE_MAP);
        if (!maps[i])
            return NULL;
    }
    if (!bind_wider(b, maps[0]->type.children[0].type, maps[1]->type.children[0].type, &key))
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES",
                          "42K09",
                          "Cannot resolve %.300s due to data type mismatch: Input to the "
                          "`map_zip_with` should have been two \"MAP\"s with compatible key types.",
                          uexpr_quoted(b, e));
    for (uint32_t i = 0; i < 2; i++) {
        const TypeField *value = &maps[i]->type.children[1];
        if (!bind_map_type(b, key, value->type, value->nullable, &type))
            return NULL;
        maps[i] = bind_cast_to(b, maps[i], type);
        if (!maps[i])
            return NULL;
    }
    Parameters p = {.min = 3,
                    .max = 3,
                    .types = {key, maps[0]->type.children[1].type, maps[1]->type.children[1].type},
                    .nullable = {false, true, true}};
    Expr *lambda = bind_lambda(b, scope, e, e->args[2], &p);
    if (!lambda || !bind_map_type(b, key, lambda->type, lambda->nullable, &type))
        return NULL;
    return bind_make_call(b, FN_MAP_ZIP_WITH, type, maps[0]->nullable || maps[1]->nullable,
                          (Expr *[]){maps[0], maps[1], lambda}, 3);
}

static Expr *bind_array_sort(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *array = bind_collection(b, scope, e, 0, TYPE_ARRAY);
    if (!array)
        return NULL;
    const TypeField *element = &array->type.children[0];
    if (e->n_args == 1) {
        if (!type_is_orderable(element->type))
            return bind_invalid_ordering(b, e, e->name, array->type);
        Expr *yes = bind_check(b, expr_bool(b->arena, true));
        return bind_make_call(b, FN_SORT_ARRAY, array->type, array->nullable,
                              (Expr *[]){array, yes, yes}, 3);
    }
    Parameters p = {.min = 2,
                    .max = 2,
                    .types = {element->type, element->type},
                    .nullable = {element->nullable, element->nullable}};
    Expr *lambda = bind_lambda(b, scope, e, e->args[1], &p);
    if (!lambda)
        return NULL;
    if (lambda->type.kind != TYPE_INT) {
        char actual[130];
        bind_type_text(lambda->type, actual);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: The `array_sort` requires "
                   "return \"INT\" type, but the actual is %s type.",
                   uexpr_quoted(b, e), actual);
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName",
                               "`array_sort`", "expectedType", "\"INT\"", "actualType", actual,
                               NULL);
        return NULL;
    }
    return bind_make_call(b, FN_ARRAY_SORT, array->type, array->nullable, (Expr *[]){array, lambda},
                          2);
}

Expr *bind_higher_call(Binder *b, Scope *scope, const UExpr *e)
{
    const HigherRow *row = find_row(e->name);
    if (e->n_args < row->min_args || e->n_args > row->max_args)
        return bind_wrong_number(b, e, row->min_args, row->max_args);
    switch (row->id) {
    case FN_AGGREGATE:
        return bind_fold_array(b, scope, e);
    case FN_ZIP_WITH:
        return bind_zip_with(b, scope, e);
    case FN_MAP_FILTER:
    case FN_TRANSFORM_KEYS:
    case FN_TRANSFORM_VALUES:
        return over_map(b, scope, e, row);
    case FN_MAP_ZIP_WITH:
        return bind_map_zip(b, scope, e);
    case FN_ARRAY_SORT:
        return bind_array_sort(b, scope, e);
    default:
        return over_array(b, scope, e, row);
    }
}

const char *bind_higher_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max)
{
    if (i >= ARRAY_SIZE(rows))
        return NULL;
    *ret_min = rows[i].min_args;
    *ret_max = rows[i].max_args;
    return rows[i].name;
}
