/* SPDX-License-Identifier: Apache-2.0 */

/* DataFrame.na: rows dropped for their nulls, and nulls filled. */

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

static bool named_in(Binder *b, const URel *rel, const char *name)
{
    for (uint32_t i = 0; i < rel->n_names; i++)
        if (names_equal(b, rel->names[i], name))
            return true;
    return rel->n_names == 0;
}

/* @test, and @column is not NaN, which na.drop() takes for missing, too. */
static Expr *and_is_number(Binder *b, Expr *column, Expr *test)
{
    Expr *nan = expr_literal(b->arena, TYPE(DOUBLE), (Literal){.d = __builtin_nan("")});
    nan = nan ? expr_cast(b->arena, nan, column->type, false) : NULL;
    Expr *is = nan ? expr_compare(b->arena, FN_EQ_NULL_SAFE, column, nan) : NULL;
    Expr *is_not = is ? expr_call(b->arena, FN_NOT, TYPE(BOOLEAN), false, &is, 1) : NULL;
    return is_not ? expr_call(b->arena, FN_AND, TYPE(BOOLEAN), false, (Expr *[]){test, is_not}, 2)
                  : NULL;
}

Bound *bind_na_drop(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    Expr *count = NULL;
    ExprList tests = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++) {
        const BoundColumn *c = &input->columns[i];
        if (c->hidden || !named_in(b, rel, c->name))
            continue;
        n++;
        const PlanField *f = &input->node->fields[c->index];
        Expr *column = expr_column(b->arena, c->index, f->type, f->nullable);
        Expr *test =
            column ? expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &column, 1) : NULL;
        if (test && (f->type.kind == TYPE_FLOAT || f->type.kind == TYPE_DOUBLE))
            test = and_is_number(b, column, test);
        if (!expr_list_add(b->arena, &tests, test))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    int64_t minimum = rel->start < 0 ? n : rel->start;
    PlanNode *node = bind_pass_node(b, PLAN_FILTER, input->node);
    if (!node)
        return NULL;
    if (minimum >= n) {
        node->filter.condition =
            bind_check(b, minimum > n ? expr_bool(b->arena, false)
                                      : expr_balanced(b->arena, FN_AND, tests.items, tests.n));
    } else if (minimum <= 1) {
        node->filter.condition =
            bind_check(b, minimum < 1 ? expr_bool(b->arena, true)
                                      : expr_balanced(b->arena, FN_OR, tests.items, tests.n));
    } else {
        for (uint32_t i = 0; i < tests.n; i++) {
            Expr *one = expr_cast(b->arena, tests.items[i], TYPE(INT), false);
            count = count && one
                        ? expr_call(b->arena, FN_ADD, TYPE(INT), false, (Expr *[]){count, one}, 2)
                        : one;
        }
        node->filter.condition = bind_check(
            b, expr_compare(b->arena, FN_GE, count, expr_int(b->arena, (int32_t)minimum)));
    }
    return node->filter.condition ? bound_over(b, input, node) : NULL;
}

/* May a value of @from stand in for nulls of @to? */
static bool fills(Type from, Type to)
{
    if (type_is_numeric(from))
        return type_is_numeric(to);
    return from.kind == to.kind;
}

Bound *bind_na_fill(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    uint32_t n = input->node->n_fields;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    Bound *one = bind_one_row(b);
    Scope scope = {.bound = one};
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &input->node->fields[i];
        exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        names[i] = f->name;
        for (uint32_t k = 0; k < MAX(rel->n_names, 1u) && exprs[i]; k++) {
            if (rel->n_names > 0 && !names_equal(b, rel->names[k], f->name))
                continue;
            Expr *value = bind_expr(b, &scope, rel->exprs[rel->n_exprs == 1 ? 0 : k]);
            if (!value || !fills(value->type, f->type))
                continue;
            value = bind_cast_to(b, value, f->type);
            if (value)
                exprs[i] = bind_check(b, expr_call(b->arena, FN_COALESCE, f->type, false,
                                                   (Expr *[]){exprs[i], value}, 2));
        }
        if (!exprs[i])
            return NULL;
    }
    return bound_over(b, input, bind_project_node(b, input->node, exprs, names, n));
}
