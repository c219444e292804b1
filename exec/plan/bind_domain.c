/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Correlated subqueries without correlation. Where the columns of the query around stand in filters
 * at the top, those filters become the condition of the join. Anywhere else: the different
 * combinations of the outer values (the domain) are joined in where they are used, and carried up
 * through every operator beside its own columns - as groups of an aggregation, as columns of a
 * projection, as keys of a join. (Neumann and Kemper, "Unnesting Arbitrary Queries", 2015.)
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"

#define REPEATED_NODES_MAX 5000u

static bool count_within(const PlanNode *node, uint32_t *left)
{
    if (!node)
        return true;
    if (*left == 0)
        return false;
    --*left;
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (!count_within(node->union_all.inputs[i], left))
                return false;
    return count_within(node->input, left) && count_within(node->right, left);
}

bool bind_may_repeat(Binder *b, const PlanNode *node)
{
    uint32_t left = REPEATED_NODES_MAX;
    if (count_within(node, &left))
        return true;
    bind_unsupported(b, 0, 0, "so many correlated subqueries over each other");
    return false;
}

typedef struct Domain {
    Binder *b;
    PlanNode *node;    /* the different combinations; NULL: no column */
    uint32_t *columns; /* [n] of the outer relation */
    uint32_t n, capacity;
    /* For expressions: column c of the input is now map(c), domain column i is @first + i. */
    uint32_t split, shift, first;
} Domain;

static bool visit_near(void *userdata, uint32_t column)
{
    Domain *d = userdata;
    if (column < BIND_OUTER_BASE || column >= BIND_OUTER_BASE + BIND_OUTER_STRIDE)
        return true;
    column -= BIND_OUTER_BASE;
    for (uint32_t i = 0; i < d->n; i++)
        if (d->columns[i] == column)
            return true;
    if (d->n == d->capacity) {
        uint32_t capacity = d->capacity ? d->capacity * 2 : 8;
        uint32_t *grown = bind_alloc(d->b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (d->n > 0)
            memcpy(grown, d->columns, d->n * sizeof(*grown));
        d->columns = grown;
        d->capacity = capacity;
    }
    d->columns[d->n++] = column;
    return true;
}

static bool collect_near(void *userdata, const Expr *e)
{
    expr_each_column(e, visit_near, userdata);
    return false;
}

static Expr *replace_domain(void *userdata, Expr *e)
{
    const Domain *d = userdata;
    if (e->kind != EXPR_COLUMN)
        return NULL;
    uint32_t column = e->column;
    if (column >= BIND_OUTER_BASE + BIND_OUTER_STRIDE) {
        column -= BIND_OUTER_STRIDE;
    } else if (column >= BIND_OUTER_BASE) {
        uint32_t i = 0;
        while (i < d->n && d->columns[i] != column - BIND_OUTER_BASE)
            i++;
        column = d->first + i;
    } else if (column >= d->split) {
        column += d->shift;
    }
    return bind_check(d->b, expr_column(d->b->arena, column, e->type, e->nullable));
}

/* Expressions over an input of @n columns with the domain behind it. */
static void over_input(Domain *d, uint32_t n)
{
    d->split = UINT32_MAX;
    d->shift = 0;
    d->first = n;
}

static Expr *column_of(Domain *d, const PlanNode *node, uint32_t i)
{
    const PlanField *f = &node->fields[i];
    return bind_check(d->b, expr_column(d->b->arena, i, f->type, f->nullable));
}

/* @n of @node's columns in the order of @order, then the domain's from @domain on. */
static PlanNode *reorder(Domain *d, PlanNode *node, const uint32_t *order, uint32_t n,
                         uint32_t domain, const PlanField *fields)
{
    Expr **exprs = bind_alloc(d->b, n + d->n, sizeof(*exprs));
    const char **names = bind_alloc(d->b, n + d->n, sizeof(*names));
    if (!node || !exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n + d->n; i++) {
        uint32_t from = i < n ? order[i] : domain + i - n;
        exprs[i] = column_of(d, node, from);
        names[i] = i < n ? fields[i].name : node->fields[from].name;
    }
    return d->b->result ? NULL : bind_project_node(d->b, node, exprs, names, n + d->n);
}

/* @n columns, those from @gap on moved by @by. */
static uint32_t *order_with_gap(Domain *d, uint32_t n, uint32_t gap, uint32_t by)
{
    uint32_t *order = bind_alloc(d->b, n, sizeof(*order));
    for (uint32_t i = 0; order && i < n; i++)
        order[i] = i < gap ? i : i + by;
    return order;
}

static PlanNode *push(Domain *d, PlanNode *node);

/* What uses no outer column: each row with each combination. */
static PlanNode *cross(Domain *d, PlanNode *node)
{
    node = bind_nearer(d->b, node);
    return d->n == 0 ? node : bind_join_node(d->b, JOIN_CROSS, node, d->node);
}

static PlanNode *push_filter(Domain *d, PlanNode *node)
{
    Binder *b = d->b;
    uint32_t n = node->input->n_fields;
    bool below = plan_has_near(node->input);
    PlanNode *input = below ? push(d, node->input) : cross(d, node->input);
    over_input(d, n);
    Expr *condition = bind_map_expr(b, node->filter.condition, replace_domain, d);
    if (!input || !condition)
        return NULL;
    if (!below && input->kind == PLAN_JOIN && input->right == d->node &&
        !expr_has_outer(condition)) {
        /* Equalities with outer columns are the keys of the join with the domain. */
        return bind_join_condition(b, input, condition) ? input : NULL;
    }
    PlanNode *filter = bind_pass_node(b, PLAN_FILTER, input);
    if (filter)
        filter->filter.condition = condition;
    return filter;
}

/* The projection @node over @input, which has the domain behind its columns. */
static PlanNode *project_over(Domain *d, PlanNode *node, PlanNode *input)
{
    Binder *b = d->b;
    uint32_t n = node->n_fields, n_input = node->input->n_fields;
    Expr **exprs = bind_alloc(b, n + d->n, sizeof(*exprs));
    const char **names = bind_alloc(b, n + d->n, sizeof(*names));
    if (!input || !exprs || !names)
        return NULL;
    over_input(d, n_input);
    for (uint32_t i = 0; i < n + d->n; i++) {
        exprs[i] = i < n ? bind_map_expr(b, node->project.exprs[i], replace_domain, d)
                         : column_of(d, input, n_input + i - n);
        names[i] = i < n ? node->fields[i].name : input->fields[n_input + i - n].name;
    }
    return b->result ? NULL : bind_project_node(b, input, exprs, names, n + d->n);
}

/* An aggregation without groups has a row for each combination, also where nothing came in. */
static PlanNode *fill_empty(Domain *d, PlanNode *groups, const PlanNode *node)
{
    Binder *b = d->b;
    uint32_t n = node->n_fields;
    PlanNode *join = bind_join_node(b, JOIN_LEFT, d->node, groups);
    ExprList parts = {0};
    for (uint32_t i = 0; join && i < d->n; i++) {
        Expr *same = expr_compare(b->arena, FN_EQ_NULL_SAFE, column_of(d, d->node, i),
                                  column_of(d, join, d->n + i));
        if (!expr_list_add(b->arena, &parts, same))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!join || !bind_join_condition(
                     b, join, bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n))))
        return NULL;
    Expr **exprs = bind_alloc(b, n + d->n, sizeof(*exprs));
    const char **names = bind_alloc(b, n + d->n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n + d->n; i++) {
        uint32_t from = i < n ? 2 * d->n + i : i - n;
        exprs[i] = column_of(d, join, from);
        names[i] = join->fields[from].name;
        if (i >= n || node->aggregate.aggregates[i].nullable || !exprs[i])
            continue;
        Expr *zero = bind_check(b, expr_literal(b->arena, exprs[i]->type, (Literal){.i = 0}));
        if (!zero)
            return NULL;
        exprs[i] = bind_check(
            b, expr_call(b->arena, FN_COALESCE, zero->type, false, (Expr *[]){exprs[i], zero}, 2));
    }
    return b->result ? NULL : bind_project_node(b, join, exprs, names, n + d->n);
}

static PlanNode *push_aggregate(Domain *d, PlanNode *node)
{
    Binder *b = d->b;
    uint32_t n_groups = node->aggregate.n_groups, n_aggregates = node->aggregate.n_aggregates;
    uint32_t n_input = node->input->n_fields, n = node->n_fields + d->n;
    PlanNode *input = push(d, node->input);
    PlanNode *groups = input ? bind_node(b, PLAN_AGGREGATE, input, n) : NULL;
    Expr **keys = bind_alloc(b, n_groups + d->n, sizeof(*keys));
    if (!groups || !keys)
        return NULL;
    over_input(d, n_input);
    for (uint32_t i = 0; i < n_groups + d->n; i++) {
        keys[i] = i < n_groups ? bind_map_expr(b, node->aggregate.groups[i], replace_domain, d)
                               : column_of(d, input, n_input + i - n_groups);
        groups->fields[i] = i < n_groups ? node->fields[i] : input->fields[n_input + i - n_groups];
    }
    for (uint32_t i = 0; i < n_aggregates; i++)
        groups->fields[n_groups + d->n + i] = node->fields[n_groups + i];
    groups->aggregate.groups = keys;
    groups->aggregate.n_groups = n_groups + d->n;
    groups->aggregate.n_aggregates = n_aggregates;
    groups->aggregate.aggregates =
        bind_map_aggregates(b, node->aggregate.aggregates, n_aggregates, replace_domain, d);
    if (b->result)
        return NULL;
    if (n_groups == 0) {
        for (uint32_t i = 0; i < n_aggregates; i++)
            if (!node->aggregate.aggregates[i].nullable &&
                node->aggregate.aggregates[i].type.kind != TYPE_LONG &&
                node->aggregate.aggregates[i].id != AGG_COLLECT)
                return bind_unsupported(b, 0, 0, "this aggregate in a correlated subquery");
        return fill_empty(d, groups, node);
    }
    return reorder(d, groups, order_with_gap(d, node->n_fields, n_groups, d->n), node->n_fields,
                   n_groups, node->fields);
}

/* Number of each row of @input among those of its combination, in the order of @keys; in a column
 * behind all others. */
static PlanNode *row_numbers(Domain *d, PlanNode *input, uint32_t first, const SortKey *keys,
                             uint32_t n_keys)
{
    Binder *b = d->b;
    uint32_t n = input->n_fields;
    Expr **exprs = bind_alloc(b, n + n_keys, sizeof(*exprs));
    const char **names = bind_alloc(b, n + n_keys, sizeof(*names));
    SortKey *order = bind_alloc(b, d->n + n_keys, sizeof(*order));
    WindowFunction *number = bind_alloc(b, 1, sizeof(*number));
    if (!exprs || !names || !order || !number)
        return NULL;
    over_input(d, first);
    for (uint32_t i = 0; i < n + n_keys; i++) {
        exprs[i] =
            i < n ? column_of(d, input, i) : bind_map_expr(b, keys[i - n].expr, replace_domain, d);
        names[i] = i < n ? input->fields[i].name : "key";
    }
    PlanNode *project = b->result ? NULL : bind_project_node(b, input, exprs, names, n + n_keys);
    if (!project)
        return NULL;
    for (uint32_t i = 0; i < d->n + n_keys; i++) {
        bool key = i >= d->n;
        order[i] = key ? keys[i - d->n] : (SortKey){.nulls_first = true};
        order[i].expr = column_of(d, project, key ? n + i - d->n : first + i);
    }
    *number = (WindowFunction){.id = WINDOW_ROW_NUMBER,
                               .type = TYPE(INT),
                               .start.kind = WINDOW_UNBOUNDED_PRECEDING,
                               .end.kind = WINDOW_CURRENT_ROW};
    PlanNode *window = bind_node(b, PLAN_WINDOW, project, n + n_keys + 1);
    if (!window || b->result)
        return NULL;
    memcpy(window->fields, project->fields, (n + n_keys) * sizeof(*window->fields));
    window->fields[n + n_keys] = (PlanField){"row_number()", TYPE(INT), false};
    window->window.keys = order;
    window->window.n_keys = d->n + n_keys;
    window->window.n_partition = d->n;
    window->window.functions = number;
    window->window.n_functions = 1;
    return window;
}

/* LIMIT for each combination: by the number of the row. Projections may stand above the sort. */
static PlanNode *push_limit(Domain *d, PlanNode *node)
{
    Binder *b = d->b;
    enum { PROJECTIONS_MAX = 16 };
    PlanNode *above[PROJECTIONS_MAX];
    uint32_t n_above = 0;
    PlanNode *below = node->input;
    while (below->kind == PLAN_PROJECT && n_above < PROJECTIONS_MAX) {
        above[n_above++] = below;
        below = below->input;
    }
    bool sorted = below->kind == PLAN_SORT;
    if (!sorted) {
        n_above = 0;
        below = node->input;
    }
    PlanNode *base = sorted ? below->input : below;
    uint32_t n = base->n_fields;
    PlanNode *input = push(d, base);
    PlanNode *numbered = input ? row_numbers(d, input, n, sorted ? below->sort.keys : NULL,
                                             sorted ? below->sort.n_keys : 0)
                               : NULL;
    PlanNode *filter = bind_pass_node(b, PLAN_FILTER, numbered);
    if (!filter)
        return NULL;
    int64_t offset = MAX(node->limit.offset, INT64_C(0));
    Expr *number = column_of(d, numbered, numbered->n_fields - 1);
    ExprList parts = {0};
    for (int upper = 0; upper < 2; upper++) {
        int64_t bound = upper ? node->limit.limit : offset;
        if (upper ? bound < 0 : bound == 0)
            continue;
        if (upper && __builtin_add_overflow(bound, offset, &bound))
            continue;
        bound = MIN(bound, (int64_t)INT32_MAX);
        Expr *limit = bind_check(b, expr_literal(b->arena, TYPE(INT), (Literal){.i = bound}));
        if (!number || !limit ||
            !expr_list_add(b->arena, &parts,
                           expr_compare(b->arena, upper ? FN_LE : FN_GT, number, limit)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    filter->filter.condition = bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n));
    PlanNode *made =
        b->result ? NULL : reorder(d, filter, order_with_gap(d, n, n, 0), n, n, base->fields);
    for (uint32_t i = n_above; made && i-- > 0;)
        made = project_over(d, above[i], made);
    return made;
}

static PlanNode *push_window(Domain *d, PlanNode *node)
{
    uint32_t n_input = node->input->n_fields, n_made = node->n_fields - n_input;
    PlanNode *input = push(d, node->input);
    PlanNode *made = input ? bind_node(d->b, PLAN_WINDOW, input, node->n_fields + d->n) : NULL;
    SortKey *keys = bind_alloc(d->b, d->n + node->window.n_keys, sizeof(*keys));
    if (!made || !keys)
        return NULL;
    for (uint32_t i = 0; i < d->n; i++)
        keys[i] = (SortKey){.expr = column_of(d, input, n_input + i), .nulls_first = true};
    for (uint32_t i = 0; i < node->window.n_keys; i++)
        keys[d->n + i] = node->window.keys[i];
    made->window = node->window;
    made->window.keys = keys;
    made->window.n_keys += d->n;
    made->window.n_partition += d->n;
    memcpy(made->fields, node->fields, n_input * sizeof(*made->fields));
    memcpy(made->fields + n_input, input->fields + n_input, d->n * sizeof(*made->fields));
    memcpy(made->fields + n_input + d->n, node->fields + n_input, n_made * sizeof(*made->fields));
    return reorder(d, made, order_with_gap(d, node->n_fields, n_input, d->n), node->n_fields,
                   n_input, node->fields);
}

static PlanNode *push_union(Domain *d, PlanNode *node)
{
    uint32_t n_inputs = node->union_all.n_inputs, n = node->n_fields;
    PlanNode *made = bind_node(d->b, PLAN_UNION, NULL, n + d->n);
    PlanNode **inputs = bind_alloc(d->b, n_inputs, sizeof(*inputs));
    if (!made || !inputs)
        return NULL;
    for (uint32_t i = 0; i < n_inputs; i++) {
        inputs[i] = push(d, node->union_all.inputs[i]);
        if (!inputs[i])
            return NULL;
    }
    memcpy(made->fields, node->fields, n * sizeof(*made->fields));
    memcpy(made->fields + n, inputs[0]->fields + n, d->n * sizeof(*made->fields));
    made->union_all.inputs = inputs;
    made->union_all.n_inputs = n_inputs;
    return made;
}

/* Sides with the domain: the left one unless only the right one may, both when both use it. */
static PlanNode *push_join(Domain *d, PlanNode *node)
{
    Binder *b = d->b;
    JoinType type = node->join.type;
    uint32_t n_left = node->input->n_fields, n_right = node->right->n_fields;
    bool right_near = plan_has_near(node->right);
    bool inner = type == JOIN_INNER || type == JOIN_CROSS;
    bool right_only = right_near && inner && !plan_has_near(node->input);
    bool both = right_near && !right_only;
    bool one_side = type == JOIN_SEMI || type == JOIN_ANTI;
    if (type == JOIN_FULL || type == JOIN_RIGHT || (both && node->join.null_aware))
        return bind_unsupported(b, 0, 0, "this join in a correlated subquery");
    PlanNode *left = right_only ? bind_nearer(b, node->input) : push(d, node->input);
    PlanNode *right = right_near ? push(d, node->right) : bind_nearer(b, node->right);
    PlanNode *join = bind_join_node(b, type, left, right);
    if (!join)
        return NULL;
    uint32_t first = right_only ? n_left + n_right : n_left;
    /* Keys are over their own side. */
    over_input(d, n_left);
    join->join.left_keys =
        bind_map_exprs(b, node->join.left_keys, node->join.n_keys, replace_domain, d);
    over_input(d, n_right);
    join->join.right_keys =
        bind_map_exprs(b, node->join.right_keys, node->join.n_keys, replace_domain, d);
    d->split = n_left;
    d->shift = right_only ? 0 : d->n;
    d->first = first;
    ExprList parts = {0};
    Expr *residual = bind_map_expr(b, node->join.residual, replace_domain, d);
    for (uint32_t i = 0; i < node->join.n_keys && !b->result; i++) {
        Expr *r = expr_shift(b->arena, join->join.right_keys[i], left->n_fields);
        if (!r || !expr_list_add(b->arena, &parts,
                                 expr_compare(b->arena, FN_EQ, join->join.left_keys[i], r)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (residual && !expr_list_add(b->arena, &parts, residual))
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; both && i < d->n && !b->result; i++) {
        Expr *l = column_of(d, left, n_left + i);
        Expr *r = column_of(d, right, n_right + i);
        r = r ? expr_shift(b->arena, r, left->n_fields) : NULL;
        if (!l || !r ||
            !expr_list_add(b->arena, &parts, expr_compare(b->arena, FN_EQ_NULL_SAFE, l, r)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (b->result)
        return NULL;
    join->join.left_keys = join->join.right_keys = NULL;
    join->join.null_aware = node->join.null_aware;
    if (parts.n > 0 &&
        !bind_join_condition(b, join,
                             bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n))))
        return NULL;
    if (one_side || right_only)
        return join;
    return reorder(d, join, order_with_gap(d, n_left + n_right, n_left, d->n), n_left + n_right,
                   n_left, node->fields);
}

static PlanNode *push_expand(Domain *d, PlanNode *node)
{
    uint32_t n_input = node->input->n_fields, n_ids = node->n_fields - n_input;
    PlanNode *input = push(d, node->input);
    PlanNode *made = input ? bind_node(d->b, PLAN_EXPAND, input, node->n_fields + d->n) : NULL;
    if (!made)
        return NULL;
    memcpy(made->fields, node->fields, n_input * sizeof(*made->fields));
    memcpy(made->fields + n_input, input->fields + n_input, d->n * sizeof(*made->fields));
    memcpy(made->fields + n_input + d->n, node->fields + n_input, n_ids * sizeof(*made->fields));
    made->expand = node->expand;
    return reorder(d, made, order_with_gap(d, node->n_fields, n_input, d->n), node->n_fields,
                   n_input, node->fields);
}

static PlanNode *push_generate(Domain *d, PlanNode *node)
{
    uint32_t n_input = node->input->n_fields, n_made = node->n_fields - n_input;
    PlanNode *input = push(d, node->input);
    PlanNode *made = input ? bind_node(d->b, PLAN_GENERATE, input, node->n_fields + d->n) : NULL;
    if (!made)
        return NULL;
    over_input(d, n_input);
    made->generate = node->generate;
    made->generate.array = bind_map_expr(d->b, node->generate.array, replace_domain, d);
    if (!made->generate.array)
        return NULL;
    memcpy(made->fields, node->fields, n_input * sizeof(*made->fields));
    memcpy(made->fields + n_input, input->fields + n_input, d->n * sizeof(*made->fields));
    memcpy(made->fields + n_input + d->n, node->fields + n_input, n_made * sizeof(*made->fields));
    return reorder(d, made, order_with_gap(d, node->n_fields, n_input, d->n), node->n_fields,
                   n_input, node->fields);
}

/* Return: @node's columns, then the domain's. */
static PlanNode *push(Domain *d, PlanNode *node)
{
    if (!node || d->b->result)
        return NULL;
    if (!plan_has_near(node))
        return cross(d, node);
    switch (node->kind) {
    case PLAN_FILTER:
        return push_filter(d, node);
    case PLAN_PROJECT:
        return project_over(d, node, push(d, node->input));
    case PLAN_AGGREGATE:
        return push_aggregate(d, node);
    case PLAN_DISTINCT:
        return bind_pass_node(d->b, PLAN_DISTINCT, push(d, node->input));
    case PLAN_SORT: /* of rows that are joined: no order is left */
        return push(d, node->input);
    case PLAN_LIMIT:
        return push_limit(d, node);
    case PLAN_UNION:
        return push_union(d, node);
    case PLAN_JOIN:
        return push_join(d, node);
    case PLAN_EXPAND:
        return push_expand(d, node);
    case PLAN_GENERATE:
        return push_generate(d, node);
    case PLAN_WINDOW:
        return push_window(d, node);
    default:
        return bind_unsupported(d->b, 0, 0, "this operation in a correlated subquery");
    }
}

/* The different combinations of the columns of @outer that are used. */
static bool make_domain(Domain *d, PlanNode *outer)
{
    Binder *b = d->b;
    if (d->n == 0)
        return true;
    if (!bind_may_repeat(b, outer))
        return false;
    Expr **keys = bind_alloc(b, d->n, sizeof(*keys));
    d->node = bind_node(b, PLAN_AGGREGATE, outer, d->n);
    if (!keys || !d->node)
        return false;
    for (uint32_t i = 0; i < d->n; i++) {
        keys[i] = column_of(d, outer, d->columns[i]);
        d->node->fields[i] = outer->fields[d->columns[i]];
    }
    d->node->aggregate.groups = keys;
    d->node->aggregate.n_groups = d->n;
    return b->result == 0;
}

PlanNode *bind_decorrelate(Binder *b, PlanNode *outer, PlanNode *node, bool whole, ExprList *list)
{
    if (!plan_has_outer(node))
        return node;
    if (!whole) {
        ExprList pulled = {0};
        PlanNode *made = bind_pull_up(b, node, &pulled);
        if (!made)
            return NULL;
        if (!plan_has_near(made)) {
            *list = pulled;
            return bind_nearer(b, made);
        }
    }
    Domain d = {.b = b};
    bind_any_expr(node, collect_near, &d);
    if (b->result || !make_domain(&d, outer))
        return NULL;
    uint32_t n = node->n_fields;
    PlanNode *made = push(&d, node);
    for (uint32_t i = 0; made && i < d.n; i++) {
        Expr *inner = column_of(&d, made, n + i);
        const PlanField *f = &outer->fields[d.columns[i]];
        Expr *far = bind_check(
            b, expr_column(b->arena, BIND_OUTER_BASE + d.columns[i], f->type, f->nullable));
        if (!inner || !far ||
            !expr_list_add(b->arena, list, expr_compare(b->arena, FN_EQ_NULL_SAFE, inner, far)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return made;
}
