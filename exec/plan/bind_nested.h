/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The binder's part for ARRAY, MAP and STRUCT: types that meet, casts, access, functions. */

#include "exec/plan/bind_internal.h"
#include "exec/vec/nested.h"
#include "exec/text/value.h"

/* Nested types. Return: false after an error: nested too deeply, or no memory. */
bool bind_array_type(Binder *b, Type element, bool contains_null, Type *ret);
bool bind_map_type(Binder *b, Type key, Type value, bool contains_null, Type *ret);
bool bind_struct_type(Binder *b, const TypeField *fields, uint32_t n, Type *ret);

/* type_wider() that knows nested types, too. Return: false: they do not meet. */
bool bind_wider(Binder *b, Type x, Type y, Type *ret);
/* Does Spark keep the two from meeting inside a collection: a string with something else, or (with
 * @decimals) a decimal with another number? */
bool type_mixes(Type x, Type y, bool decimals);
/* A cast from or to a nested type. The caller has asked type_can_cast(). */
Expr *bind_cast_nested(Binder *b, Expr *e, Type type, bool try_cast);
/* May values of the type be compared? No map is. */
bool type_is_orderable(Type type);
/* What the order of the values of @e is that of; @e itself unless it is nested. */
Expr *bind_order_key(Binder *b, Expr *e);
/* The same for a key of ORDER BY. NULL after INVALID_ORDERING_TYPE. */
Expr *bind_sort_key(Binder *b, const UExpr *source, Expr *e);
/* @e so that equal values have equal bytes; @e itself unless it is nested and has floats or maps.
 */
Expr *bind_normalised(Binder *b, Expr *e);
/* Both sides of a comparison of nested values. Return: false after INVALID_ORDERING_TYPE. */
bool bind_compare_nested(Binder *b, const UExpr *e, FunctionId id, Expr **left, Expr **right);

/* args[0].name, args[0][index] */
Expr *bind_extract(Binder *b, Scope *scope, const UExpr *e);
/* Field @name of a struct, of the structs of an array, or the value of a map. */
Expr *bind_field(Binder *b, const UExpr *e, Expr *base, const char *base_name, const char *name);

/* Element @index of an array, FN_ARRAY_GET or FN_ELEMENT_AT; @tolerant: NULL where there is none.
 */
Expr *bind_field_at(Binder *b, Expr *record, uint32_t field);
Expr *bind_element(Binder *b, FunctionId id, Expr *array, Expr *index, bool tolerant);

/* @e is a column, @n_column parts of it, and fields. */
void bind_remember_path(Binder *b, const UExpr *e, uint32_t n_column, bool is_map);

/* A function on nested values. */
typedef struct NestedRow NestedRow;
typedef Expr *(*NestedBind)(Binder *b, const UExpr *e, const NestedRow *row, Expr **args,
                            uint32_t n);
struct NestedRow {
    const char *name;
    uint16_t id; /* FunctionId */
    uint8_t min_args, max_args;
    bool overload; /* the name has another meaning for other types */
    NestedBind bind;
};

/* bind_json.c: those on JSON text; NULL: none of them. */
const NestedRow *bind_json_row(const char *name);
/* A type all of whose parts may be missing. */
bool bind_as_nullable(Binder *b, Type type, Type *ret);
/* Options of from_json() and from_csv(): map('key', 'value', ...), a constant. @take: false for
 * what cannot be done, which is then refused. Return: false after an error. */
typedef bool (*BindTakeOption)(const VecString *key, const VecString *value, void *userdata);
bool bind_options(Binder *b, const UExpr *e, Expr *map, BindTakeOption take, void *userdata);
bool bind_option_is(const VecString *s, const char *text);
bool bind_option_pattern(const VecString *value, TextPattern *ret, bool *ret_has);
/* A constant: the type as DDL, names in their case. */
Expr *bind_type_as_ddl(Binder *b, Type type);
/* bind_csv.c */
Expr *bind_schema_of_csv(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n);
Expr *bind_from_csv(Binder *b, const UExpr *e, const NestedRow *row, Expr **args, uint32_t n);
/* json_tuple: its array, for the generator. */
Expr *bind_json_tuple(Binder *b, const UExpr *e, Expr **args, uint32_t n);

/* Is it a function on nested values only? Then its arguments are bound by bind_nested_call(). */
bool function_is_nested(const char *name);
Expr *bind_nested_call(Binder *b, Scope *scope, const UExpr *e);
/* concat() and others that work on strings, too: with these arguments on arrays? */
bool function_is_nested_for(const char *name, Expr *const *args, uint32_t n);
Expr *bind_nested_overload(Binder *b, const UExpr *e, Expr **args, uint32_t n);

/* A column as show() writes it. */
Expr *bind_show_text(Binder *b, Expr *e);
/* A call with the nullability given. */
Expr *bind_make_call(Binder *b, FunctionId id, Type type, bool nullable, Expr *const *args,
                     uint32_t n);
Expr *bind_unexpected_input(Binder *b, const UExpr *e, uint32_t number, const char *wanted,
                            const Expr *arg);
/* Argument @i as @type, implicitly. NULL after UNEXPECTED_INPUT_TYPE. */
Expr *bind_coerce(Binder *b, const UExpr *e, Expr *arg, uint32_t i, Type type, const char *wanted);
void *bind_invalid_ordering(Binder *b, const UExpr *e, const char *function, Type type);

/* Lambdas: a new parameter, and the function of it. */
Expr *bind_variable(Binder *b, Type type, bool nullable);
Expr *bind_lambda_of(Binder *b, Expr *body, Expr *const *variables, uint32_t n);
/* Names of the parameters in scope, innermost first. */
typedef struct LambdaScope {
    const struct LambdaScope *outer;
    const UExpr *lambda; /* UEXPR_LAMBDA: @parts are the names */
    Expr **variables;
} LambdaScope;
/* The parameter of that name, or NULL. */
Expr *bind_lambda_name(Binder *b, const Scope *scope, const char *name);

/* bind_higher.c: functions that take lambdas. */
bool bind_is_higher(const char *name);
const char *bind_higher_name(FunctionId id);
Expr *bind_higher_call(Binder *b, Scope *scope, const UExpr *e);
void *bind_wrong_number(Binder *b, const UExpr *e, uint32_t min, uint32_t max);
/* Names by number, for listings; NULL behind the last. bind_json_name_at() takes its own off *@i.
 */
const char *bind_nested_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max);
const char *bind_json_name_at(size_t *i, uint32_t *ret_min, uint32_t *ret_max);
const char *bind_higher_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max);
const char *bind_generator_name_at(size_t i);
const char *bind_window_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max);
/* "array_contains", for EXPLAIN. */
const char *nested_function_name(FunctionId id);
