/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Functions of no two rows alike: each gets a seed as its last argument, the one that was written
 * or one of its own. What is read twice, a common table expression or a view, has one seed.
 */

#include <stdio.h>

#include "exec/plan/bind_signed.h"

static bool constant_of(Binder *b, Expr *arg, Literal *ret)
{
    if (arg->kind == EXPR_LITERAL)
        *ret = arg->literal;
    return arg->kind == EXPR_LITERAL ||
           (b->context->fold && b->context->fold(b->arena, arg, ret) == 0);
}

static Expr *long_literal(Binder *b, int64_t x)
{
    return bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = x}));
}

/* Argument @i of @n as a seed. NULL after an error. */
static Expr *bind_seed(Binder *b, const UExpr *e, Expr *const *args, uint32_t i, uint32_t n)
{
    if (i >= n) {
        /* The tree of a view or CTE is one for all who read it. */
        uint64_t x = b->context->random ^ (uint64_t)(uintptr_t)e;
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return long_literal(b, (int64_t)(x ^ x >> 31));
    }
    Literal seed;
    uint8_t kind = args[i]->type.kind;
    if (e->name[0] == 's' && args[i]->kind != EXPR_LITERAL) { /* shuffle() wants it as it is */
        bind_error(b, e->position, e->stop, "INVALID_PARAMETER_VALUE.LONG", "22023",
                   "The value of parameter(s) `seed` in `shuffle` is invalid: expects a long "
                   "literal, but got %.200s.",
                   uexpr_quoted(b, e->args[i]));
        query_error_parameters(b->context->error, "parameter", "`seed`", "functionName",
                               "`shuffle`", "invalidValue", uexpr_quoted(b, e->args[i]), NULL);
        return NULL;
    }
    if (kind != TYPE_INT && kind != TYPE_LONG && kind != TYPE_NULL)
        return bind_unexpected_input(b, e, i, "INT\" or \"BIGINT", args[i]);
    if (!constant_of(b, args[i], &seed)) {
        bind_error(b, e->position, e->stop, "SEED_EXPRESSION_IS_UNFOLDABLE", "42K08",
                   "The seed expression %.200s of the expression %.300s must be foldable.",
                   uexpr_quoted(b, e->args[i]), uexpr_quoted(b, e));
        query_error_parameters(b->context->error, "seedExpr", uexpr_quoted(b, e->args[i]),
                               "exprWithSeed", uexpr_quoted(b, e), NULL);
        return NULL;
    }
    return long_literal(b, seed.is_null || kind == TYPE_NULL ? 0 : seed.i);
}

static bool foldable(Binder *b, const UExpr *e, Expr *arg, uint32_t i, const char *name,
                     const char *type)
{
    Literal ignored;
    if (constant_of(b, arg, &ignored))
        return true;
    char quoted[40];
    snprintf(quoted, sizeof(quoted), "`%s`", name);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
               "Cannot resolve %.300s due to data type mismatch: the input %s should be a foldable "
               "%s expression; however, got %.200s.",
               uexpr_quoted(b, e), quoted, type, uexpr_quoted(b, e->args[i]));
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "inputName", quoted,
                           "inputType", type, "inputExpr", uexpr_quoted(b, e->args[i]), NULL);
    return false;
}

/* low + (high - low) * rand(seed), in the type that both meet in. */
static Expr *bind_uniform(Binder *b, const UExpr *e, Expr **args, Expr *seed)
{
    static const char *const names[] = {"min", "max"};
    for (uint32_t i = 0; i < 2; i++) {
        if (!type_is_numeric(args[i]->type) && args[i]->type.kind != TYPE_NULL)
            return bind_unexpected_input(b, e, i, "NUMERIC", args[i]);
        if (!foldable(b, e, args[i], i, names[i], "integer or floating-point"))
            return NULL;
    }
    Type type;
    if (!type_wider(args[0]->type, args[1]->type, &type))
        return bind_wrong_types(b, e, args[0], args[1]);
    if (type.kind == TYPE_NULL)
        return bind_check(b, expr_null(b->arena, TYPE(INT)));
    Expr *random = bind_signed_call(b, FN_RAND, TYPE(DOUBLE), &seed, 1, '!');
    Expr *parts[3] = {args[0], args[1], random};
    Expr *made = random ? bind_body(b, e,
                                    "(+ (cast:double $1) (* (- (cast:double $2) (cast:double $1)) "
                                    "$3))",
                                    parts, 3)
                        : NULL;
    return bind_cast_to(b, made, type);
}

Expr *bind_random(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n)
{
    FunctionId id = f->id;
    if (id == FN_PARTITION_ID || id == FN_INCREASING_ID)
        return bind_signed_call(b, id, id == FN_PARTITION_ID ? TYPE(INT) : TYPE(LONG), args, 0,
                                '!');
    uint32_t n_before = id == FN_RANDSTR || id == FN_SHUFFLE ? 1 : id == FN_UNIFORM ? 2 : 0;
    Expr *seed = bind_seed(b, e, args, n_before, n);
    if (!seed)
        return NULL;
    if (id == FN_UNIFORM)
        return bind_uniform(b, e, args, seed);
    if (id == FN_RAND || id == FN_RANDN)
        return bind_signed_call(b, id, TYPE(DOUBLE), &seed, 1, '!');
    if (id == FN_UUID)
        return bind_signed_call(b, id, TYPE(STRING), &seed, 1, '!');
    Type type = TYPE(STRING);
    if (id == FN_RANDSTR) {
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(INT), "INT\" or \"SMALLINT");
        if (!args[0] || !foldable(b, e, args[0], 0, "length", "integer"))
            return NULL;
    } else {
        type = args[0]->type;
        if (type.kind == TYPE_NULL) {
            if (!bind_array_type(b, TYPE(NULL), true, &type))
                return NULL;
            args[0] = bind_cast_to(b, args[0], type);
        }
        if (type.kind != TYPE_ARRAY)
            return bind_unexpected_input(b, e, 0, "ARRAY", args[0]);
    }
    return bind_signed_call(b, id, type, (Expr *[]){args[0], seed}, 2, 0);
}
