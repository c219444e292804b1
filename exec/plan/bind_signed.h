/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that bind calls say to each other: bind_call.c, bind_signed.c, bind_special.c. */

#include <assert.h>

#include "exec/plan/bind_nested.h"
#include "exec/plan/function_table.h"

/* Bodies are constants of ours. */
#define assert_body(condition) assert(condition)

/* bind_signed.c; @n has been checked against the signature. */
Expr *bind_signed(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n);
/* @nullable: '?' always, '!' never, else when an argument is. */
Expr *bind_signed_call(Binder *b, FunctionId id, Type type, Expr *const *args, uint32_t n,
                       char nullable);
/* An expression of function_table.h's bodies. */
Expr *bind_body(Binder *b, const UExpr *e, const char *text, Expr *const *args, uint32_t n);
/* bind_special.c: signature "*". */
Expr *bind_special(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n);
/* bind_random.c: FN_VOLATILE_FIRST to FN_VOLATILE_LAST. */
Expr *bind_random(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n);
/* bind_datetime.c */
/* extract(field FROM x): the field is a literal. */
Expr *bind_date_part(Binder *b, const UExpr *e, Expr **args);
Expr *bind_datetime(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n);
/* Digits of round() and ceil(): a constant. Return: false after an error. */
bool bind_scale(Binder *b, const UExpr *e, Expr *arg, int64_t *ret_scale);
Expr *bind_ceil_scale(Binder *b, const UExpr *e, FunctionId id, Expr **args);

/* bind_call.c */
Expr *bind_by_name(Binder *b, const UExpr *e, const char *name, Expr **args, uint32_t n);
Expr *bind_clock_argument(Binder *b, const UExpr *e, Expr *arg, uint32_t i);
Expr *bind_wrong_types(Binder *b, const UExpr *e, const Expr *left, const Expr *right);
