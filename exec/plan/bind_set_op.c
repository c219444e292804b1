/* SPDX-License-Identifier: Apache-2.0 */

/* Set operations, DISTINCT and duplicates by some columns. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"

static PlanNode *project_to_types(Binder *b, const Bound *input, const uint32_t *order,
                                  const PlanField *fields, uint32_t n)
{
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        names[i] = fields[i].name;
        if (order[i] == UINT32_MAX) {
            exprs[i] = bind_check(b, expr_null(b->arena, fields[i].type));
        } else {
            const PlanField *f = &input->node->fields[order[i]];
            exprs[i] = bind_cast_to(
                b, bind_check(b, expr_column(b->arena, order[i], f->type, f->nullable)),
                fields[i].type);
        }
        if (!exprs[i])
            return NULL;
    }
    return bind_project_node(b, input->node, exprs, names, n);
}

static uint32_t visible_columns(const Bound *bound, uint32_t *order)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < bound->n_columns; i++)
        if (!bound->columns[i].hidden)
            order[n++] = bound->columns[i].index;
    return n;
}

static const char *set_op_name(const URel *rel)
{
    return rel->set_op == USET_UNION    ? "UNION"
           : rel->set_op == USET_EXCEPT ? "EXCEPT"
                                        : "INTERSECT";
}

static void *columns_mismatch(Binder *b, const URel *rel, uint32_t n_first, uint32_t i,
                              uint32_t n_here)
{
    char first[12], here[12];
    const char *ordinal = i == 1 ? "second" : i == 2 ? "third" : "next";
    snprintf(first, sizeof(first), "%u", n_first);
    snprintf(here, sizeof(here), "%u", n_here);
    bind_error(b, rel->position, rel->stop, "NUM_COLUMNS_MISMATCH", "42826",
               "%s can only be performed on inputs with the same number of columns, but the first "
               "input has %s columns and the %s input has %s columns.",
               set_op_name(rel), first, ordinal, here);
    query_error_parameters(b->context->error, "operator", set_op_name(rel), "firstNumColumns",
                           first, "invalidOrdinalNum", ordinal, "invalidNumColumns", here, NULL);
    return NULL;
}

/* unionByName with columns that are missing: those that only input @i has stand behind the others,
 * NULL in all inputs before. */
static bool add_missing(Binder *b, Bound **bounds, uint32_t **orders, uint32_t i,
                        PlanField **fields, uint32_t *n)
{
    const Bound *here = bounds[i];
    uint32_t n_before = *n, room = n_before + here->n_columns;
    PlanField *grown = bind_alloc(b, room, sizeof(*grown));
    if (!grown)
        return false;
    memcpy(grown, *fields, n_before * sizeof(*grown));
    for (uint32_t k = 0; k < here->n_columns; k++) {
        const BoundColumn *c = &here->columns[k];
        bool known = c->hidden;
        for (uint32_t j = 0; j < *n && !known; j++)
            known = names_equal(b, c->name, grown[j].name);
        if (known)
            continue;
        grown[*n] = here->node->fields[c->index];
        grown[*n].name = c->name;
        grown[(*n)++].nullable = true;
    }
    for (uint32_t k = 0; k < i; k++) {
        uint32_t *order = bind_alloc(b, *n, sizeof(*order));
        if (!order)
            return false;
        for (uint32_t j = 0; j < *n; j++)
            order[j] = j < n_before ? orders[k][j] : UINT32_MAX;
        orders[k] = order;
    }
    *fields = grown;
    return true;
}

/* unionByName: columns of @bound in the order of @first. Return: false after an error. */
static bool order_by_name(Binder *b, const URel *rel, const Bound *bound, const PlanField *fields,
                          uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        order[i] = UINT32_MAX;
        for (uint32_t k = 0; k < bound->n_columns; k++)
            if (!bound->columns[k].hidden && names_equal(b, bound->columns[k].name, fields[i].name))
                order[i] = bound->columns[k].index;
        if (order[i] == UINT32_MAX && !rel->allow_missing) {
            bind_error(b, rel->position, rel->stop, "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703",
                       "A column, variable, or function parameter with name `%.100s` cannot be "
                       "resolved.",
                       fields[i].name);
            return false;
        }
    }
    return true;
}

/* The side that a row came from, behind its columns: 1, and -1 or NULL for the other side. */
static PlanNode *tagged(Binder *b, PlanNode *input, const int64_t *tags, uint32_t n_tags)
{
    uint32_t n = input->n_fields;
    Expr **exprs = bind_alloc(b, n + n_tags, sizeof(*exprs));
    const char **names = bind_alloc(b, n + n_tags, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n + n_tags; i++) {
        const PlanField *f = &input->fields[MIN(i, n - 1)];
        Literal value = {.is_null = i >= n && tags[i - n] == 0, .i = i >= n ? tags[i - n] : 0};
        exprs[i] = bind_check(b, i < n ? expr_column(b->arena, i, f->type, f->nullable)
                                       : expr_literal(b->arena, TYPE(LONG), value));
        names[i] = i < n ? f->name : "side";
        if (!exprs[i])
            return NULL;
    }
    return bind_project_node(b, input, exprs, names, n + n_tags);
}

/*
 * INTERSECT ALL, EXCEPT ALL: both sides grouped by all columns; a row comes back as often as it
 * stands on both sides, or as it stands on the left more often than on the right.
 */
static PlanNode *set_op_all(Binder *b, bool intersect, PlanNode **inputs, const PlanField *fields,
                            uint32_t n)
{
    static const int64_t intersect_tags[2][2] = {{1, 0}, {0, 1}}, except_tags[2][1] = {{1}, {-1}};
    uint32_t n_tags = intersect ? 2 : 1;
    PlanNode **sides = bind_alloc(b, 2, sizeof(PlanNode *));
    if (!sides)
        return NULL;
    for (int i = 0; i < 2; i++) {
        sides[i] = tagged(b, inputs[i], intersect ? intersect_tags[i] : except_tags[i], n_tags);
        if (!sides[i])
            return NULL;
    }
    PlanNode *both = bind_node(b, PLAN_UNION, NULL, n + n_tags);
    PlanNode *groups = both ? bind_node(b, PLAN_AGGREGATE, both, n + n_tags) : NULL;
    Expr **keys = bind_alloc(b, n, sizeof(*keys));
    Aggregate *counts = bind_alloc(b, n_tags, sizeof(*counts));
    if (!groups || !keys || !counts)
        return NULL;
    both->union_all.inputs = sides;
    both->union_all.n_inputs = 2;
    for (uint32_t i = 0; i < n + n_tags; i++)
        both->fields[i] = i < n ? fields[i] : (PlanField){"side", TYPE(LONG), true};
    Expr *times = NULL;
    ExprList conditions = {0};
    for (uint32_t i = 0; i < n + n_tags; i++) {
        const PlanField *f = &both->fields[i];
        Expr *column = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        groups->fields[i] = *f;
        if (!column)
            return NULL;
        if (i < n) {
            keys[i] = column;
            continue;
        }
        counts[i - n] = (Aggregate){.id = intersect ? AGG_COUNT : AGG_SUM,
                                    .type = TYPE(LONG),
                                    .nullable = !intersect,
                                    .arg = column};
        Expr *zero = bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = 0}));
        if (!zero ||
            !expr_list_add(b->arena, &conditions, expr_compare(b->arena, FN_GT, column, zero)))
            return bind_fail(b, mem_arena_error(b->arena));
        times = times ? bind_check(b, expr_call(b->arena, FN_LEAST, TYPE(LONG), false,
                                                (Expr *[]){times, column}, 2))
                      : column;
    }
    groups->aggregate.groups = keys;
    groups->aggregate.n_groups = n;
    groups->aggregate.aggregates = counts;
    groups->aggregate.n_aggregates = n_tags;
    PlanNode *filter = bind_pass_node(b, PLAN_FILTER, groups);
    Expr **exprs = bind_alloc(b, n + 1, sizeof(*exprs));
    const char **names = bind_alloc(b, n + 1, sizeof(*names));
    if (!filter || !exprs || !names)
        return NULL;
    filter->filter.condition =
        bind_check(b, expr_balanced(b->arena, FN_AND, conditions.items, conditions.n));
    memcpy(exprs, keys, n * sizeof(*exprs));
    exprs[n] = times;
    for (uint32_t i = 0; i <= n; i++)
        names[i] = i < n ? fields[i].name : "times";
    PlanNode *project = bind_project_node(b, filter, exprs, names, n + 1);
    PlanNode *node = project ? bind_node(b, PLAN_REPLICATE, project, n) : NULL;
    if (node)
        memcpy(node->fields, project->fields, n * sizeof(*node->fields));
    return node;
}

Bound *bind_set_op(Binder *b, const URel *rel)
{
    uint32_t n_inputs = rel->n_inputs;
    Bound **bounds = bind_alloc(b, n_inputs, sizeof(*bounds));
    uint32_t **orders = bind_alloc(b, n_inputs, sizeof(*orders));
    PlanNode **inputs = bind_alloc(b, n_inputs, sizeof(*inputs));
    if (!bounds || !orders || !inputs)
        return NULL;
    uint32_t n = 0;
    PlanField *fields = NULL;
    for (uint32_t i = 0; i < n_inputs; i++) {
        bounds[i] = bind_relation(b, rel->inputs[i]);
        orders[i] = bounds[i] ? bind_alloc(b, bounds[i]->n_columns, sizeof(uint32_t)) : NULL;
        if (!orders[i])
            return NULL;
        uint32_t n_here = visible_columns(bounds[i], orders[i]);
        if (i == 0) {
            n = n_here;
            fields = bind_alloc(b, n, sizeof(*fields));
            if (!fields)
                return NULL;
            for (uint32_t k = 0; k < n; k++) {
                fields[k] = bounds[0]->node->fields[orders[0][k]];
                for (uint32_t c = 0; c < bounds[0]->n_columns; c++)
                    if (!bounds[0]->columns[c].hidden &&
                        bounds[0]->columns[c].index == orders[0][k])
                        fields[k].name = bounds[0]->columns[c].name;
            }
            continue;
        }
        if (rel->by_name) {
            if (rel->allow_missing && !add_missing(b, bounds, orders, i, &fields, &n))
                return NULL;
            uint32_t *order = bind_alloc(b, n, sizeof(*order));
            if (!order || !order_by_name(b, rel, bounds[i], fields, n, order))
                return NULL;
            orders[i] = order;
        }
        if (!rel->allow_missing && n_here != n)
            return columns_mismatch(b, rel, n, i, n_here);
        for (uint32_t k = 0; k < n; k++) {
            if (orders[i][k] == UINT32_MAX) {
                fields[k].nullable = true;
                continue;
            }
            const PlanField *f = &bounds[i]->node->fields[orders[i][k]];
            fields[k].nullable |= f->nullable;
            if (!bind_wider(b, fields[k].type, f->type, &fields[k].type)) {
                char left[100], right[100];
                return bind_error(b, rel->position, rel->stop, "INCOMPATIBLE_COLUMN_TYPE", "42825",
                                  "%s can only be performed on tables with compatible column "
                                  "types. The column number %u of the second table is \"%s\" type "
                                  "which is not compatible with \"%s\" at the same column of the "
                                  "first table.",
                                  set_op_name(rel), k + 1,
                                  type_format(f->type, right, sizeof(right)),
                                  type_format(fields[k].type, left, sizeof(left)));
            }
        }
    }
    for (uint32_t i = 0; i < n_inputs; i++) {
        inputs[i] = project_to_types(b, bounds[i], orders[i], fields, n);
        if (!inputs[i])
            return NULL;
    }
    PlanNode *node;
    if (rel->set_op == USET_UNION) {
        node = bind_node(b, PLAN_UNION, NULL, n);
        if (!node)
            return NULL;
        node->union_all.inputs = inputs;
        node->union_all.n_inputs = n_inputs;
        memcpy(node->fields, fields, n * sizeof(*fields));
    } else if (rel->all) {
        node = set_op_all(b, rel->set_op == USET_INTERSECT, inputs, fields, n);
    } else {
        /* Rows of the left with, or without, an equal row on the right; nulls are equal. */
        node = bind_join_node(b, rel->set_op == USET_INTERSECT ? JOIN_SEMI : JOIN_ANTI, inputs[0],
                              inputs[1]);
        Expr *condition = NULL;
        for (uint32_t i = 0; i < n; i++) {
            Expr *left = expr_column(b->arena, i, fields[i].type, inputs[0]->fields[i].nullable);
            Expr *right =
                expr_column(b->arena, n + i, fields[i].type, inputs[1]->fields[i].nullable);
            Expr *same = expr_compare(b->arena, FN_EQ_NULL_SAFE, left, right);
            condition = condition && same ? expr_call(b->arena, FN_AND, TYPE(BOOLEAN), false,
                                                      (Expr *[]){condition, same}, 2)
                                          : same;
        }
        if (!node || !bind_check(b, condition) || !bind_join_condition(b, node, condition))
            return NULL;
    }
    if (!rel->all)
        node = bind_pass_node(b, PLAN_DISTINCT, node);
    return bound_new(b, node);
}

/* @input with nested columns whose equal values have equal bytes. */
static PlanNode *bind_distinct_values(Binder *b, const URel *rel, PlanNode *input)
{
    uint32_t n = input->n_fields;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    bool changed = false;
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &input->fields[i];
        if (!type_is_orderable(f->type)) {
            char type[130];
            bind_type_text(f->type, type);
            return bind_error(b, rel->position, rel->stop,
                              "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE", "0A000",
                              "The feature is not supported: Cannot have MAP type columns in "
                              "DataFrame which calls set operations (INTERSECT, EXCEPT, etc.), but "
                              "the type of column `%.100s` is %s.",
                              f->name, type);
        }
        Expr *column = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        exprs[i] = bind_normalised(b, column);
        names[i] = f->name;
        if (!exprs[i])
            return NULL;
        changed |= exprs[i] != column;
    }
    return changed ? bind_project_node(b, input, exprs, names, n) : input;
}

Bound *bind_distinct(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    input = input ? bound_visible(b, input) : NULL;
    if (!input)
        return NULL;
    bool *is_key = NULL;
    if (rel->kind == UREL_DEDUPLICATE && rel->n_names > 0) {
        is_key = bind_alloc(b, input->node->n_fields, sizeof(*is_key));
        if (!is_key)
            return NULL;
        for (uint32_t k = 0; k < rel->n_names; k++) {
            UExpr e = {.kind = UEXPR_COLUMN,
                       .parts = &rel->names[k],
                       .n_parts = 1,
                       .plan_id = UNRESOLVED_NO_PLAN_ID};
            Scope scope = {.bound = input};
            Expr *made = bind_expr(b, &scope, &e);
            if (!made)
                return NULL;
            is_key[made->column] = true;
        }
    }
    if (!is_key) {
        PlanNode *values = bind_distinct_values(b, rel, input->node);
        return values ? bound_over(b, input, bind_pass_node(b, PLAN_DISTINCT, values)) : NULL;
    }
    /* dropDuplicates(subset): any row of each group, that is the first one. */
    uint32_t n = input->node->n_fields, n_groups = 0;
    PlanNode *node = bind_node(b, PLAN_AGGREGATE, input->node, n);
    uint32_t *at = bind_alloc(b, n, sizeof(*at));
    if (!node || !at)
        return NULL;
    node->aggregate.groups = bind_alloc(b, n, sizeof(Expr *));
    node->aggregate.aggregates = bind_alloc(b, n, sizeof(Aggregate));
    if (!node->aggregate.groups || !node->aggregate.aggregates)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        n_groups += is_key[i];
    uint32_t next_group = 0, next_aggregate = 0;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &input->node->fields[i];
        Expr *column = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        if (!column)
            return NULL;
        if (is_key[i]) {
            at[i] = next_group;
            node->aggregate.groups[next_group++] = column;
        } else {
            at[i] = n_groups + next_aggregate;
            node->aggregate.aggregates[next_aggregate++] = (Aggregate){
                .id = AGG_FIRST, .nullable = f->nullable, .type = f->type, .arg = column};
        }
        node->fields[at[i]] = *f;
    }
    node->aggregate.n_groups = next_group;
    node->aggregate.n_aggregates = next_aggregate;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &input->node->fields[i];
        exprs[i] = bind_check(b, expr_column(b->arena, at[i], f->type, f->nullable));
        names[i] = f->name;
    }
    return bound_over(b, input, bind_project_node(b, node, exprs, names, n));
}
