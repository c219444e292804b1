/* SPDX-License-Identifier: Apache-2.0 */

/*
 * EXISTS and IN where a value is wanted: under OR, in CASE, in a select list. With equalities only,
 * the different keys of the subquery are joined and marked; else the different outer values that
 * meet the condition are.
 *
 * As in Spark the value of IN is false where SQL says unknown, and so is that of NOT IN.
 */

#include "base/cleanup.h"
#include "exec/plan/bind_subquery.h"

/* The different @keys of @node and a column that is true. */
static PlanNode *marked_keys(Binder *b, PlanNode *node, const ExprList *keys)
{
    PlanNode *groups = bind_groups_node(b, node, keys, NULL, 0);
    Expr **exprs = bind_alloc(b, keys->n + 1, sizeof(*exprs));
    const char **names = bind_alloc(b, keys->n + 1, sizeof(*names));
    if (!groups || !exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < keys->n; i++) {
        exprs[i] = bind_field_column(b, groups, i);
        names[i] = "key";
    }
    exprs[keys->n] = bind_check(b, expr_bool(b->arena, true));
    names[keys->n] = "mark";
    return bind_project_node(b, groups, exprs, names, keys->n + 1);
}

/* count(*) and count(value) by the correlation: what IN must know when it finds nothing. */
static Expr *in_without_match(Binder *b, Scope *scope, PlanNode *node, const ExprList *inner,
                              const ExprList *outer, FunctionId equal, Expr *value, Expr *left)
{
    Aggregate *counts = bind_alloc(b, 2, sizeof(*counts));
    if (!counts)
        return NULL;
    if (!bind_may_repeat(b, node))
        return NULL;
    counts[0] = (Aggregate){.id = AGG_COUNT_STAR, .type = TYPE(LONG)};
    counts[1] = (Aggregate){.id = AGG_COUNT, .type = TYPE(LONG), .arg = value};
    PlanNode *groups = bind_groups_node(b, node, inner, counts, 2);
    uint32_t first = groups ? bind_attach_groups(b, scope, groups, outer, equal) : UINT32_MAX;
    Expr *zero = bind_long(b, 0);
    if (first == UINT32_MAX || !zero)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    Expr *all = bind_field_column(b, join, first + inner->n);
    Expr *known = bind_field_column(b, join, first + inner->n + 1);
    if (!all || !known)
        return NULL;
    /* all > 0 and (left is null or all > known) */
    Expr *any = bind_check(b, expr_compare(b->arena, FN_GT, all, zero));
    Expr *missing = bind_check(b, expr_compare(b->arena, FN_GT, all, known));
    Expr *no_left = bind_check(b, expr_call(b->arena, FN_IS_NULL, TYPE(BOOLEAN), false, &left, 1));
    if (!any || !missing || !no_left)
        return NULL;
    Expr *either = bind_check(
        b, expr_call(b->arena, FN_OR, TYPE(BOOLEAN), true, (Expr *[]){no_left, missing}, 2));
    return either ? bind_check(b, expr_call(b->arena, FN_AND, TYPE(BOOLEAN), true,
                                            (Expr *[]){any, either}, 2))
                  : NULL;
}

/* ---- any condition: the combinations of outer values that meet it ---- */

typedef struct Used {
    Binder *b;
    uint32_t *map; /* outer column -> number among those that are used; UINT32_MAX: it is not */
    uint32_t n_outer, n;
} Used;

static bool visit_used(void *userdata, uint32_t column)
{
    Used *u = userdata;
    if (column < u->n_outer && u->map[column] == UINT32_MAX)
        u->map[column] = u->n++;
    return true;
}

static Expr *replace_used(void *userdata, Expr *e)
{
    const Used *u = userdata;
    if (e->kind != EXPR_COLUMN || e->column >= BIND_OUTER_BASE)
        return NULL;
    uint32_t column = e->column < u->n_outer ? u->map[e->column] : e->column - u->n_outer + u->n;
    return bind_check(u->b, expr_column(u->b->arena, column, e->type, e->nullable));
}

/* Is there a row of @inner for which @parts hold, over outer columns and then those of @inner? */
static Expr *mark_of(Binder *b, Scope *scope, Used *u, PlanNode *inner, const ExprList *parts)
{
    PlanNode *outer = (*scope->attach)->node;
    ExprList keys = {0};
    bool before = true;
    uint32_t *columns = bind_alloc(b, u->n, sizeof(*columns));
    if (!columns)
        return NULL;
    for (uint32_t i = 0; i < u->n_outer; i++)
        if (u->map[i] != UINT32_MAX) {
            columns[u->map[i]] = i;
            before &= i < scope->bound->node->n_fields;
        }
    /* What was joined for other subqueries need not be computed again. */
    if (before)
        outer = scope->bound->node;
    if (!bind_may_repeat(b, outer))
        return NULL;
    for (uint32_t i = 0; i < u->n; i++)
        if (!expr_list_add(b->arena, &keys, bind_field_column(b, outer, columns[i])))
            return bind_fail(b, mem_arena_error(b->arena));
    PlanNode *domain = bind_groups_node(b, outer, &keys, NULL, 0);
    PlanNode *semi = bind_join_node(b, JOIN_SEMI, domain, inner);
    Expr *condition = bind_check(b, expr_balanced(b->arena, FN_AND, parts->items, parts->n));
    condition =
        condition ? bind_check(b, expr_rewrite(b->arena, condition, replace_used, u)) : NULL;
    if (!semi || !condition || !bind_join_condition(b, semi, condition))
        return NULL;
    ExprList same = {0};
    for (uint32_t i = 0; i < u->n; i++)
        if (!expr_list_add(b->arena, &same, bind_field_column(b, semi, i)))
            return bind_fail(b, mem_arena_error(b->arena));
    PlanNode *marked = marked_keys(b, semi, &same);
    uint32_t first =
        marked ? bind_attach_groups(b, scope, marked, &keys, FN_EQ_NULL_SAFE) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    Expr *mark = bind_field_column(b, (*scope->attach)->node, first + u->n);
    return mark ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &mark, 1))
                : NULL;
}

static Expr *general_mark(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query,
                          Expr **left)
{
    PlanNode *outer = (*scope->attach)->node;
    Used u = {.b = b, .n_outer = outer->n_fields};
    ExprList correlated = {0}, in = {0}, all = {0};
    PlanNode *inner = bind_decorrelate(b, scope->bound->node, query->node, false, &correlated);
    bool nullable;
    u.map = bind_alloc(b, u.n_outer, sizeof(*u.map));
    if (!inner || !u.map || !bind_in_condition(b, e, query, inner, u.n_outer, left, &in, &nullable))
        return NULL;
    for (uint32_t i = 0; i < u.n_outer; i++)
        u.map[i] = UINT32_MAX;
    for (uint32_t i = 0; i < correlated.n; i++)
        if (!expr_list_add(b->arena, &all, bind_sides(b, correlated.items[i], u.n_outer)))
            return bind_fail(b, mem_arena_error(b->arena));
    uint32_t n_correlated = all.n;
    for (uint32_t i = 0; i < in.n; i++)
        if (!expr_list_add(b->arena, &all, in.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < all.n; i++)
        expr_each_column(all.items[i], visit_used, &u);
    if (u.n == 0)
        return bind_unsupported(b, e->position, e->stop, "this subquery");
    if (in.n == 0 || !nullable || !negated)
        return mark_of(b, scope, &u, inner, &all);
    all.n = n_correlated;
    Expr *unless = bind_true_or_unknown(b, &in);
    if (!unless || !expr_list_add(b->arena, &all, unless))
        return bind_fail(b, mem_arena_error(b->arena));
    return mark_of(b, scope, &u, inner, &all);
}

Expr *bind_attach_mark(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query,
                       Expr **lefts)
{
    bool in = e->subquery_kind == USUBQUERY_IN;
    ExprList correlated = {0}, inner = {0}, outer = {0};
    FunctionId equal;
    PlanNode *node = bind_pull_up(b, query->node, &correlated);
    if (!node)
        return NULL;
    if (plan_has_outer(node) || (in && e->n_args > 1) ||
        !bind_split_equalities(b, &correlated, &inner, &outer, &equal) || (in && equal != FN_EQ))
        return b->result ? NULL : general_mark(b, scope, e, negated, query, lefts);
    ExprList keys = {0}, outer_keys = {0};
    for (uint32_t i = 0; i < inner.n; i++)
        if (!expr_list_add(b->arena, &keys, inner.items[i]) ||
            !expr_list_add(b->arena, &outer_keys, outer.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    Expr *left = in ? lefts[0] : NULL, *value = NULL;
    if (in) {
        value = bind_field_column(b, node, query->columns[0].index);
        Expr *same = bind_binary(b, e, FN_EQ, left, value);
        if (!same)
            return NULL;
        left = same->args[0];
        value = same->args[1];
        if (!expr_list_add(b->arena, &keys, value) || !expr_list_add(b->arena, &outer_keys, left))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (keys.n == 0) {
        /* Is there any row at all? */
        PlanNode *one = bind_pass_node(b, PLAN_LIMIT, node);
        Aggregate *count = bind_alloc(b, 1, sizeof(*count));
        if (!one || !count)
            return NULL;
        one->limit.limit = 1;
        *count = (Aggregate){.id = AGG_COUNT_STAR, .type = TYPE(LONG)};
        PlanNode *counted = bind_groups_node(b, one, &keys, count, 1);
        uint32_t first =
            counted ? bind_attach_groups(b, scope, counted, &outer_keys, FN_EQ) : UINT32_MAX;
        Expr *zero = bind_long(b, 0);
        if (first == UINT32_MAX || !zero)
            return NULL;
        return bind_check(b,
                          expr_compare(b->arena, FN_GT,
                                       bind_field_column(b, (*scope->attach)->node, first), zero));
    }
    PlanNode *marked = marked_keys(b, node, &keys);
    uint32_t first = marked ? bind_attach_groups(b, scope, marked, &outer_keys, equal) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    Expr *mark = bind_field_column(b, (*scope->attach)->node, first + keys.n);
    Expr *found =
        mark ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &mark, 1))
             : NULL;
    if (!in || !found || !negated || (!left->nullable && !value->nullable))
        return found;
    Expr *unknown = in_without_match(b, scope, node, &inner, &outer, equal, value, left);
    Expr *yes = bind_check(b, expr_bool(b->arena, true));
    Expr *no = bind_check(b, expr_bool(b->arena, false));
    return bind_case(b, TYPE(BOOLEAN), (Expr *[]){found, yes, unknown, yes, no}, 5);
}
