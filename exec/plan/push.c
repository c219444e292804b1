/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Filters down. opt_push() takes a plan and conjuncts over its output and gives a plan whose rows
 * all satisfy them, with each conjunct as deep as it may go.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

static bool visit_key(void *userdata, uint32_t column)
{
    return ((const bool *)userdata)[column];
}

static PlanNode *push_filter(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    /* The filter's own conjuncts first: they were nearer to the data. */
    ExprList all = {0};
    if (!expr_split(o->arena, FN_AND, node->filter.condition, &all))
        return opt_fail(o);
    for (uint32_t i = 0; i < conjuncts->n; i++)
        if (!expr_list_add(o->arena, &all, conjuncts->items[i]))
            return opt_fail(o);
    /* One that draws lots does so for the rows that are here. */
    ExprList below = {0}, here = {0};
    for (uint32_t i = 0; i < all.n; i++)
        if (!expr_list_add(o->arena, expr_is_volatile(all.items[i]) ? &here : &below, all.items[i]))
            return opt_fail(o);
    return opt_filter(o, opt_push(o, node->input, &below), here.items, here.n);
}

static bool any_volatile(Expr *const *exprs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (expr_is_volatile(exprs[i]))
            return true;
    return false;
}

static PlanNode *push_project(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    ExprList below = {0};
    bool stay = any_volatile(node->project.exprs, node->n_fields);
    for (uint32_t i = 0; !stay && i < conjuncts->n; i++) {
        Expr *e = expr_substitute(o->arena, conjuncts->items[i], node->project.exprs);
        if (!e || !expr_split(o->arena, FN_AND, e, &below))
            return opt_fail(o);
    }
    PlanNode *copy = opt_copy(o, node);
    if (copy)
        copy->input = opt_push(o, node->input, &below);
    if (!copy || !copy->input)
        return NULL;
    return stay ? opt_filter(o, copy, conjuncts->items, conjuncts->n) : copy;
}

static PlanNode *push_aggregate(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    ExprList below = {0}, above = {0};
    uint32_t n = node->aggregate.n_groups;
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        Expr *e = conjuncts->items[i];
        bool groups_only =
            n > 0 && expr_columns_within(e, 0, n) && !any_volatile(node->aggregate.groups, n);
        if (groups_only)
            e = expr_substitute(o->arena, e, node->aggregate.groups);
        if (!expr_list_add(o->arena, groups_only ? &below : &above, e))
            return opt_fail(o);
    }
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    copy->input = opt_push(o, node->input, &below);
    return copy->input ? opt_filter(o, copy, above.items, above.n) : NULL;
}

static PlanNode *push_union(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    PlanNode *copy = opt_copy(o, node);
    PlanNode **inputs = opt_alloc(o, node->union_all.n_inputs, sizeof(*inputs));
    if (!copy || !inputs)
        return NULL;
    for (uint32_t i = 0; i < node->union_all.n_inputs; i++) {
        ExprList same = {0};
        for (uint32_t k = 0; k < conjuncts->n; k++)
            if (!expr_list_add(o->arena, &same, conjuncts->items[k]))
                return opt_fail(o);
        inputs[i] = opt_push(o, node->union_all.inputs[i], &same);
        if (!inputs[i])
            return NULL;
    }
    copy->union_all.inputs = inputs;
    return copy;
}

/* Below a node that passes rows on: sort, distinct. */
static PlanNode *push_through(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    PlanNode *copy = opt_copy(o, node);
    if (copy)
        copy->input = opt_push(o, node->input, conjuncts);
    return copy && copy->input ? copy : NULL;
}

/* Does what @f gives for a row depend on rows behind it? */
static bool looks_ahead(const WindowFunction *f)
{
    switch (f->id) {
    case WINDOW_ROW_NUMBER:
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
        return false;
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST:
    case WINDOW_NTILE:
        return true;
    case WINDOW_SHIFT:
        return f->offset > 0;
    default:
        break;
    }
    bool back = f->end.kind == WINDOW_CURRENT_ROW ||
                (f->end.kind == WINDOW_PRECEDING && f->end.offset >= 0);
    return f->range || !back;
}

/* row_number() <= 3 and its like. Return: the largest number that passes, or 0. */
static int64_t largest_number(const Expr *e, const PlanNode *node, uint8_t *ret_id)
{
    uint32_t n_in = node->input->n_fields;
    if (e->kind != EXPR_CALL || e->n_args != 2)
        return 0;
    bool turned = e->args[0]->kind == EXPR_LITERAL;
    const Expr *column = e->args[turned], *literal = e->args[!turned];
    if (column->kind != EXPR_COLUMN || column->column < n_in || literal->kind != EXPR_LITERAL ||
        literal->literal.is_null || literal->type.kind != TYPE_INT)
        return 0;
    *ret_id = node->window.functions[column->column - n_in].id;
    if (node->window.functions[column->column - n_in].keys_less > 0 ||
        (*ret_id != WINDOW_ROW_NUMBER && *ret_id != WINDOW_RANK && *ret_id != WINDOW_DENSE_RANK))
        return 0;
    int64_t n = literal->literal.i;
    if (e->function == FN_EQ || e->function == (turned ? FN_GE : FN_LE))
        return MAX(n, INT64_C(0));
    return e->function == (turned ? FN_GT : FN_LT) ? MAX(n - 1, INT64_C(0)) : 0;
}

/* The least of what the conjuncts above say. */
static void limit_window(PlanNode *node, const ExprList *above)
{
    for (uint32_t i = 0; i < node->window.n_functions; i++)
        if (looks_ahead(&node->window.functions[i]))
            return;
    for (uint32_t i = 0; i < above->n; i++) {
        uint8_t id;
        int64_t n = largest_number(above->items[i], node, &id);
        if (n > 0 && (node->window.limit == 0 || n < node->window.limit)) {
            node->window.limit = n;
            node->window.limited_by = id;
        }
    }
}

/* What is said of a partition's keys alone drops whole partitions, or none of their rows. */
static PlanNode *push_window(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    ExprList below = {0}, above = {0};
    bool *key = opt_alloc(o, node->n_fields, sizeof(*key));
    PlanNode *copy = opt_copy(o, node);
    if (!key || !copy)
        return NULL;
    for (uint32_t i = 0; i < node->window.n_partition; i++)
        key[node->window.keys[i].expr->column] = true;
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        Expr *e = conjuncts->items[i];
        bool keys_only = expr_has_columns(e) && expr_each_column(e, visit_key, key);
        if (!expr_list_add(o->arena, keys_only ? &below : &above, e))
            return opt_fail(o);
    }
    copy->input = opt_push(o, node->input, &below);
    limit_window(copy, &above);
    return copy->input ? opt_filter(o, copy, above.items, above.n) : NULL;
}

/* Stays above; what is below is still looked at. */
static PlanNode *push_stop(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    if (node->input) {
        ExprList none = {0};
        copy->input = opt_push(o, node->input, &none);
        if (!copy->input)
            return NULL;
    }
    return opt_filter(o, copy, conjuncts->items, conjuncts->n);
}

static PlanNode *push_scan(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    PlanNode *copy = opt_copy(o, node);
    ExprList filters = {0}, above = {0};
    if (!copy)
        return NULL;
    for (uint32_t i = 0; i < node->scan.n_filters; i++)
        if (!expr_list_add(o->arena, &filters, node->scan.filters[i]))
            return opt_fail(o);
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        Expr *e = conjuncts->items[i];
        if (!expr_list_add(o->arena, expr_has_columns(e) ? &filters : &above, e))
            return opt_fail(o);
    }
    copy->scan.filters = filters.items;
    copy->scan.n_filters = filters.n;
    if (!opt_choose_files(o, copy))
        return NULL;
    return opt_filter(o, copy, above.items, above.n);
}

/* ---- outer, semi and anti joins ---- */

/* Columns of a side whose row is missing: all null. */
typedef struct Missing {
    uint32_t low, high;
} Missing;

static bool is_null_there(const Missing *m, const Expr *e);

static bool any_null_there(const Missing *m, const Expr *e)
{
    for (uint32_t i = 0; i < e->n_args; i++)
        if (is_null_there(m, e->args[i]))
            return true;
    return false;
}

/* All results; the conditions do not matter then. */
static bool case_is_null_there(const Missing *m, const Expr *e)
{
    for (uint32_t i = 1; i < e->n_args; i += 2)
        if (!is_null_there(m, e->args[i]))
            return false;
    return e->n_args % 2 == 0 || is_null_there(m, e->args[e->n_args - 1]);
}

/* Is @e null for every such row? */
static bool is_null_there(const Missing *m, const Expr *e)
{
    switch (e->kind) {
    case EXPR_COLUMN:
        return e->column >= m->low && e->column < m->high;
    case EXPR_LITERAL:
        return e->literal.is_null;
    case EXPR_CAST:
    case EXPR_IN:
        return is_null_there(m, e->args[0]);
    case EXPR_CASE:
        return case_is_null_there(m, e);
    case EXPR_CALL:
        break;
    default:
        return false;
    }
    switch (e->function) {
    case FN_EQ:
    case FN_NE:
    case FN_LT:
    case FN_LE:
    case FN_GT:
    case FN_GE:
    case FN_ADD:
    case FN_SUBTRACT:
    case FN_MULTIPLY:
    case FN_DIVIDE:
    case FN_NEGATE:
    case FN_ABS:
    case FN_LIKE:
    case FN_STARTS_WITH:
    case FN_ENDS_WITH:
    case FN_CONTAINS:
    case FN_SUBSTRING:
    case FN_LOWER:
    case FN_UPPER:
    case FN_LENGTH:
    case FN_YEAR:
        return any_null_there(m, e);
    default:
        return false;
    }
}

/* Is the condition @e never true for such a row? False counts as well as null. */
static bool is_never_true(const Missing *m, const Expr *e)
{
    if (is_null_there(m, e))
        return true;
    if (e->kind != EXPR_CALL)
        return expr_is_false(e);
    switch (e->function) {
    case FN_AND:
        for (uint32_t i = 0; i < e->n_args; i++)
            if (is_never_true(m, e->args[i]))
                return true;
        return false;
    case FN_OR:
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!is_never_true(m, e->args[i]))
                return false;
        return e->n_args > 0;
    case FN_IS_NOT_NULL:
        return is_null_there(m, e->args[0]);
    default:
        return false;
    }
}

/* Does a conjunct drop all rows whose columns in [low, high) are missing? */
static bool rejects_missing(const ExprList *conjuncts, uint32_t low, uint32_t high)
{
    Missing m = {low, high};
    for (uint32_t i = 0; i < conjuncts->n; i++)
        if (expr_has_columns(conjuncts->items[i]) && is_never_true(&m, conjuncts->items[i]))
            return true;
    return false;
}

/* RIGHT becomes LEFT with the sides changed and the columns put back in order. */
static PlanNode *mirror(Optimiser *o, const PlanNode *node)
{
    uint32_t n_left = node->input->n_fields, n_right = node->right->n_fields;
    uint32_t n = n_left + n_right;
    PlanNode *join = opt_copy(o, node);
    uint32_t *map = opt_alloc(o, n, sizeof(*map)), *columns = opt_alloc(o, n, sizeof(*columns));
    if (!join || !map || !columns)
        return NULL;
    join->fields = opt_alloc(o, n, sizeof(*join->fields));
    if (!join->fields)
        return NULL;
    join->join.type = JOIN_LEFT;
    join->input = node->right;
    join->right = node->input;
    join->join.left_keys = node->join.right_keys;
    join->join.right_keys = node->join.left_keys;
    for (uint32_t i = 0; i < n; i++) {
        map[i] = i < n_left ? n_right + i : i - n_left;
        columns[i] = map[i];
        join->fields[map[i]] = node->fields[i];
    }
    if (node->join.residual) {
        join->join.residual = expr_remap(o->arena, node->join.residual, map);
        if (!join->join.residual)
            return opt_fail(o);
    }
    return opt_project_columns(o, join, columns, node->fields, n);
}

static PlanNode *push_one_sided(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    uint32_t n_left = node->input->n_fields, n_all = n_left + node->right->n_fields;
    JoinType type = node->join.type;
    ExprList left = {0}, right = {0}, above = {0}, residual = {0};
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        Expr *e = conjuncts->items[i];
        bool to_left = expr_columns_within(e, 0, n_left);
        if (!expr_list_add(o->arena, to_left ? &left : &above, e))
            return opt_fail(o);
    }
    if (node->join.residual) {
        ExprList parts = {0};
        if (!expr_split(o->arena, FN_AND, node->join.residual, &parts))
            return opt_fail(o);
        for (uint32_t i = 0; i < parts.n; i++) {
            Expr *e = parts.items[i];
            bool on_right = expr_has_columns(e) && expr_columns_within(e, n_left, n_all) &&
                            !node->join.null_aware;
            bool on_left = type == JOIN_SEMI && expr_columns_within(e, 0, n_left);
            ExprList *to = on_right ? &right : on_left ? &left : &residual;
            if (on_right)
                e = expr_shift(o->arena, e, -(int64_t)n_left);
            if (!expr_list_add(o->arena, to, e))
                return opt_fail(o);
        }
    }
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    copy->join.residual =
        residual.n ? expr_balanced(o->arena, FN_AND, residual.items, residual.n) : NULL;
    copy->input = opt_push(o, node->input, &left);
    copy->right = opt_push(o, node->right, &right);
    if (!copy->input || !copy->right)
        return NULL;
    return opt_filter(o, copy, above.items, above.n);
}

/* Can column @column of the right side be null in no row that found its partner? */
static bool is_set_in_matches(const PlanNode *node, uint32_t column)
{
    Missing m = {column, column + 1};
    if (!node->right->fields[column].nullable)
        return true;
    for (uint32_t i = 0; i < node->join.n_keys; i++)
        if (is_null_there(&m, node->join.right_keys[i]))
            return true;
    return false;
}

/* Is there a conjunct that only rows without a partner pass? Return: its number, or their number.
 */
static uint32_t find_unmatched(const PlanNode *node, const ExprList *conjuncts)
{
    uint32_t n_left = node->input->n_fields, n_all = n_left + node->right->n_fields, i = 0;
    for (; i < conjuncts->n; i++) {
        const Expr *e = conjuncts->items[i];
        if (e->kind == EXPR_CALL && e->function == FN_IS_NULL && e->args[0]->kind == EXPR_COLUMN &&
            e->args[0]->column >= n_left && e->args[0]->column < n_all &&
            is_set_in_matches(node, e->args[0]->column - n_left))
            break;
    }
    return i;
}

/* LEFT JOIN ... WHERE key IS NULL, as NOT EXISTS is often written: an anti join, and nulls. */
static PlanNode *push_unmatched(Optimiser *o, const PlanNode *node, const ExprList *conjuncts,
                                uint32_t number)
{
    uint32_t n_left = node->input->n_fields, n = n_left + node->right->n_fields;
    PlanNode *anti = opt_copy(o, node), *project = opt_alloc(o, 1, sizeof(*project));
    Expr **exprs = opt_alloc(o, n, sizeof(*exprs));
    ExprList rest = {0};
    if (!anti || !project || !exprs)
        return NULL;
    anti->join.type = JOIN_ANTI;
    anti->n_fields = n_left;
    *project =
        (PlanNode){.kind = PLAN_PROJECT, .input = anti, .fields = node->fields, .n_fields = n};
    project->project.exprs = exprs;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &node->fields[i];
        exprs[i] = i < n_left ? expr_column(o->arena, i, f->type, f->nullable)
                              : expr_literal(o->arena, f->type, (Literal){.is_null = true});
        if (!exprs[i])
            return opt_fail(o);
    }
    for (uint32_t i = 0; i < conjuncts->n; i++)
        if (i != number && !expr_list_add(o->arena, &rest, conjuncts->items[i]))
            return opt_fail(o);
    return opt_push(o, project, &rest);
}

static PlanNode *push_join(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    uint32_t n_left = node->input->n_fields, n_all = n_left + node->right->n_fields;
    switch (node->join.type) {
    case JOIN_INNER:
    case JOIN_CROSS:
        return opt_join_cluster(o, node, conjuncts);
    case JOIN_LEFT:
        if (rejects_missing(conjuncts, n_left, n_all)) {
            PlanNode *inner = opt_copy(o, node);
            if (!inner)
                return NULL;
            inner->join.type = JOIN_INNER;
            return opt_join_cluster(o, inner, conjuncts);
        }
        if (find_unmatched(node, conjuncts) < conjuncts->n)
            return push_unmatched(o, node, conjuncts, find_unmatched(node, conjuncts));
        return push_one_sided(o, node, conjuncts);
    case JOIN_SEMI:
    case JOIN_ANTI:
        return push_one_sided(o, node, conjuncts);
    case JOIN_RIGHT: {
        PlanNode *left = mirror(o, node);
        return left ? opt_push(o, left, conjuncts) : NULL;
    }
    default: { /* FULL: nothing passes */
        bool with_left = rejects_missing(conjuncts, 0, n_left);
        bool with_right = rejects_missing(conjuncts, n_left, n_all);
        if (with_left || with_right) {
            PlanNode *less = opt_copy(o, node);
            if (!less)
                return NULL;
            less->join.type = with_left && with_right ? JOIN_INNER
                              : with_left             ? JOIN_LEFT
                                                      : JOIN_RIGHT;
            return push_join(o, less, conjuncts);
        }
        ExprList none = {0}, none_either = {0};
        PlanNode *copy = opt_copy(o, node);
        if (!copy)
            return NULL;
        copy->input = opt_push(o, node->input, &none);
        copy->right = opt_push(o, node->right, &none_either);
        if (!copy->input || !copy->right)
            return NULL;
        return opt_filter(o, copy, conjuncts->items, conjuncts->n);
    }
    }
}

/* x = 1 OR x = 2 OR x IN (3, 4) is x IN (1, 2, 3, 4): one set, however long the chain. */
static Expr *in_of_or(Optimiser *o, Expr *e)
{
    if (e->kind != EXPR_CALL || e->function != FN_OR)
        return e;
    ExprList arms = {0}, items = {0};
    if (!expr_split(o->arena, FN_OR, e, &arms))
        return opt_fail(o);
    Expr *column = NULL;
    for (uint32_t i = 0; i < arms.n; i++) {
        const Expr *arm = arms.items[i];
        bool equal =
            arm->kind == EXPR_CALL && arm->function == FN_EQ && arm->args[1]->kind == EXPR_LITERAL;
        if (!equal && arm->kind != EXPR_IN)
            return e;
        if (column && !expr_equal(column, arm->args[0]))
            return e;
        if (!column && !expr_list_add(o->arena, &items, column = arm->args[0]))
            return opt_fail(o);
        for (uint32_t k = 1; k < arm->n_args; k++)
            if (!expr_list_add(o->arena, &items, arm->args[k]))
                return opt_fail(o);
    }
    Expr *in = expr_call(o->arena, FN_INVALID, TYPE(BOOLEAN), e->nullable, items.items, items.n);
    if (!in)
        return opt_fail(o);
    in->kind = EXPR_IN;
    return in;
}

/* No rows, the same columns. */
static PlanNode *nothing(Optimiser *o, const PlanNode *node)
{
    PlanNode *empty = opt_copy(o, node);
    if (!empty)
        return NULL;
    empty->kind = PLAN_VALUES;
    empty->input = empty->right = NULL;
    empty->values.batches = NULL;
    empty->values.n_batches = 0;
    empty->values.recursion = NULL;
    return empty;
}

/* What speaks of the input's columns only is asked before rows are made many. */
static PlanNode *push_generate(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    ExprList below = {0}, above = {0};
    PlanNode *copy = opt_copy(o, node);
    for (uint32_t i = 0; copy && i < conjuncts->n; i++) {
        bool input = expr_columns_within(conjuncts->items[i], 0, node->input->n_fields);
        if (!expr_list_add(o->arena, input ? &below : &above, conjuncts->items[i]))
            return opt_fail(o);
    }
    if (copy)
        copy->input = opt_push(o, node->input, &below);
    return copy && copy->input ? opt_filter(o, copy, above.items, above.n) : NULL;
}

PlanNode *opt_push(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    if (o->result != 0 || !node)
        return NULL;
    ExprList kept = {0};
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        Expr *e = opt_fold(o, conjuncts->items[i]);
        e = e ? in_of_or(o, e) : NULL;
        if (!e)
            return NULL;
        if (expr_is_false(e))
            return nothing(o, node);
        bool repeated = expr_is_true(e);
        for (uint32_t k = 0; k < kept.n && !repeated && kept.n < 64; k++)
            repeated = expr_equal(kept.items[k], e);
        if (!repeated && !expr_list_add(o->arena, &kept, e))
            return opt_fail(o);
    }
    switch (node->kind) {
    case PLAN_FILTER:
        return push_filter(o, node, &kept);
    case PLAN_PROJECT:
        return push_project(o, node, &kept);
    case PLAN_AGGREGATE:
        return push_aggregate(o, node, &kept);
    case PLAN_UNION:
        return push_union(o, node, &kept);
    case PLAN_SORT:
        return node->sort.limit >= 0 ? push_stop(o, node, &kept) : push_through(o, node, &kept);
    case PLAN_DISTINCT:
    case PLAN_REPLICATE:
        return push_through(o, node, &kept);
    case PLAN_GENERATE:
        return push_generate(o, node, &kept);
    case PLAN_WINDOW:
        return push_window(o, node, &kept);
    case PLAN_JOIN:
        return push_join(o, node, &kept);
    case PLAN_SCAN:
        return push_scan(o, node, &kept);
    default:
        return push_stop(o, node, &kept);
    }
}
