/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Subqueries become joins.
 *
 *   EXISTS, IN as a conjunct of WHERE     semi join; with NOT in front, anti join
 *   a scalar subquery without correlation  cross join with its one row
 *   a scalar subquery with equalities to the query around it
 *                                          left join with its rows grouped by them
 *   EXISTS, IN where a value is wanted     bind_mark.c
 *   any other correlation                  bind_decorrelate.c
 *
 * A scalar subquery that may give several rows is aggregated to one with a count, which is looked
 * at when the value is: SCALAR_SUBQUERY_TOO_MANY_ROWS is an error of rows.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_subquery.h"

/* The subquery's relation, with the names of @outer visible. */
Bound *bind_query(Binder *b, const Bound *outer, const Bound *second, const UExpr *e)
{
    if (b->subquery_depth >= BIND_SUBQUERY_DEPTH_MAX)
        return bind_unsupported(b, e->position, e->stop, "subqueries nested this deeply");
    Scope *before = b->outer;
    Scope scope = {.bound = outer, .second = second, .outer = before};
    b->outer = &scope;
    b->subquery_depth++;
    Bound *bound = bind_relation(b, e->query);
    b->subquery_depth--;
    b->outer = before;
    return bound;
}

Bound *bind_over_join(Binder *b, const Bound *input, PlanNode *join)
{
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    if (!bound)
        return NULL;
    *bound = *input;
    bound->node = join;
    bound->project = NULL;
    bound->below = NULL;
    bound->aggregate = NULL;
    return bound;
}

static bool check_width(Binder *b, const UExpr *e, const Bound *query)
{
    if (e->subquery_kind != USUBQUERY_IN || e->n_args == query->n_columns)
        return true;
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH", "42K09",
               "Cannot resolve %.200s due to data type mismatch: The number of columns in the left "
               "hand side of an IN subquery does not match the number of columns in the output of "
               "subquery: %u and %u.",
               uexpr_quoted(b, e), e->n_args, query->n_columns);
    return false;
}

/* For EXISTS neither order nor how many matters. */
static PlanNode *any_row_of(PlanNode *node)
{
    while ((node->kind == PLAN_SORT && node->sort.limit < 0) ||
           (node->kind == PLAN_LIMIT && node->limit.limit != 0 && node->limit.offset <= 0))
        node = node->input;
    return node;
}

bool bind_in_condition(Binder *b, const UExpr *e, const Bound *query, const PlanNode *inner,
                       uint32_t n_outer, Expr *const *left, ExprList *list, bool *ret_nullable)
{
    *ret_nullable = false;
    for (uint32_t i = 0; i < e->n_args && e->subquery_kind == USUBQUERY_IN; i++) {
        uint32_t column = query->columns[i].index;
        const PlanField *f = &inner->fields[column];
        Expr *right = bind_check(b, expr_column(b->arena, n_outer + column, f->type, f->nullable));
        if (!left[i] || !right)
            return false;
        *ret_nullable |= left[i]->nullable || f->nullable;
        Expr *same = bind_binary(b, e, FN_EQ, left[i], right);
        if (!same || !expr_list_add(b->arena, list, same))
            return bind_fail(b, mem_arena_error(b->arena)), false;
    }
    return true;
}

/* Not false: what NOT IN must not meet. */
Expr *bind_true_or_unknown(Binder *b, const ExprList *parts)
{
    Expr *all = bind_check(b, expr_balanced(b->arena, FN_AND, parts->items, parts->n));
    Expr *yes = bind_check(b, expr_bool(b->arena, true));
    return all && yes ? bind_check(b, expr_call(b->arena, FN_COALESCE, TYPE(BOOLEAN), false,
                                                (Expr *[]){all, yes}, 2))
                      : NULL;
}

Bound *bind_subquery_conjunct(Binder *b, Bound *input, const UExpr *e, bool negated)
{
    Bound *query = bind_query(b, input, NULL, e);
    if (!query || !check_width(b, e, query))
        return NULL;
    uint32_t n_outer = input->node->n_fields;
    bool in = e->subquery_kind == USUBQUERY_IN;
    ExprList correlated = {0}, condition = {0};
    PlanNode *inner = bind_decorrelate(b, input->node, in ? query->node : any_row_of(query->node),
                                       false, &correlated);
    if (!inner)
        return NULL;
    Expr **left = bind_alloc(b, e->n_args, sizeof(*left));
    for (uint32_t i = 0; left && in && i < e->n_args; i++) {
        Scope scope = {.bound = input, .outer = b->outer, .clause = "IN"};
        left[i] = bind_expr(b, &scope, e->args[i]);
    }
    bool nullable;
    if (!left || !bind_in_condition(b, e, query, inner, n_outer, left, &condition, &nullable))
        return NULL;
    PlanNode *join = bind_join_node(b, negated ? JOIN_ANTI : JOIN_SEMI, input->node, inner);
    if (!join)
        return NULL;
    if (in && negated && nullable) {
        /* With nulls NOT IN is three-valued; the operator knows one key and nothing beside. */
        if (correlated.n > 0 || e->n_args > 1) {
            Expr *unless = bind_true_or_unknown(b, &condition);
            condition = (ExprList){0};
            if (!unless || !expr_list_add(b->arena, &condition, unless))
                return bind_fail(b, mem_arena_error(b->arena));
        } else {
            join->join.null_aware = true;
        }
    }
    for (uint32_t i = 0; i < correlated.n; i++)
        if (!expr_list_add(b->arena, &condition, bind_sides(b, correlated.items[i], n_outer)))
            return bind_fail(b, mem_arena_error(b->arena));
    if (condition.n > 0 &&
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return NULL;
    return bind_over_join(b, input, join);
}

/* ---- scalar subqueries ---- */

/* The aggregation without groups that makes @node give exactly one row, or NULL. */
static PlanNode *one_row_aggregate(PlanNode *node)
{
    while (node->kind == PLAN_PROJECT)
        node = node->input;
    return node->kind == PLAN_AGGREGATE && node->aggregate.n_groups == 0 ? node : NULL;
}

static bool gives_one_row(const PlanNode *node)
{
    while (node->kind == PLAN_PROJECT || node->kind == PLAN_SORT)
        node = node->input;
    if (node->kind == PLAN_AGGREGATE)
        return node->aggregate.n_groups == 0;
    return node->kind == PLAN_VALUES && node->values.n_batches == 1 &&
           node->values.batches[0].n_selected == 1;
}

/*
 * Equalities between the subquery and the query around it, taken apart: @inner over the subquery's
 * columns, @outer over those around it. All are of one kind: = or <=>. Return: false: something
 * else is among them, or an error.
 */
bool bind_split_equalities(Binder *b, const ExprList *correlated, ExprList *inner, ExprList *outer,
                           FunctionId *ret_equal)
{
    *ret_equal = FN_EQ;
    for (uint32_t i = 0; i < correlated->n; i++) {
        const Expr *c = correlated->items[i];
        if (c->kind != EXPR_CALL || (c->function != FN_EQ && c->function != FN_EQ_NULL_SAFE) ||
            (i > 0 && c->function != *ret_equal))
            return false;
        *ret_equal = c->function;
        uint32_t far = BIND_OUTER_BASE + BIND_OUTER_STRIDE;
        bool first =
            expr_has_columns(c->args[0]) && expr_columns_within(c->args[0], BIND_OUTER_BASE, far);
        Expr *out = c->args[first ? 0 : 1], *in = c->args[first ? 1 : 0];
        if (expr_has_outer(in) || !expr_has_columns(out) ||
            !expr_columns_within(out, BIND_OUTER_BASE, far))
            return false;
        if (!expr_list_add(b->arena, inner, in) ||
            !expr_list_add(b->arena, outer, expr_shift(b->arena, out, -(int64_t)BIND_OUTER_BASE)))
            return bind_fail(b, mem_arena_error(b->arena)), false;
    }
    return true;
}

/* @input aggregated by @groups. */
PlanNode *bind_groups_node(Binder *b, PlanNode *input, const ExprList *groups,
                           Aggregate *aggregates, uint32_t n_aggregates)
{
    PlanNode *node = bind_node(b, PLAN_AGGREGATE, input, groups->n + n_aggregates);
    if (!node)
        return NULL;
    node->aggregate.groups = groups->items;
    node->aggregate.n_groups = groups->n;
    node->aggregate.aggregates = aggregates;
    node->aggregate.n_aggregates = n_aggregates;
    for (uint32_t i = 0; i < groups->n; i++)
        node->fields[i] = (PlanField){"key", groups->items[i]->type, groups->items[i]->nullable};
    for (uint32_t i = 0; i < n_aggregates; i++)
        node->fields[groups->n + i] =
            (PlanField){"aggregate", aggregates[i].type, aggregates[i].nullable};
    return node;
}

Expr *bind_field_column(Binder *b, const PlanNode *node, uint32_t i)
{
    return bind_check(b, expr_column(b->arena, i, node->fields[i].type, node->fields[i].nullable));
}

Expr *bind_long(Binder *b, int64_t value)
{
    return bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = value}));
}

/* The groups of @node (keys first) as columns of a left join to what is attached; without keys it
 * is one row. Return: number of the first new column; UINT32_MAX after an error. */
uint32_t bind_attach_groups(Binder *b, Scope *scope, PlanNode *node, const ExprList *outer_keys,
                            FunctionId equal)
{
    Bound *input = *scope->attach;
    uint32_t first = input->node->n_fields;
    PlanNode *join =
        bind_join_node(b, outer_keys->n > 0 ? JOIN_LEFT : JOIN_CROSS, input->node, node);
    if (!join)
        return UINT32_MAX;
    ExprList condition = {0};
    for (uint32_t i = 0; i < outer_keys->n; i++) {
        const PlanField *f = &node->fields[i];
        Expr *key = expr_column(b->arena, first + i, f->type, f->nullable);
        if (!key || !expr_list_add(b->arena, &condition,
                                   expr_compare(b->arena, equal, outer_keys->items[i], key)))
            return bind_fail(b, mem_arena_error(b->arena)), UINT32_MAX;
    }
    if (condition.n > 0 &&
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return UINT32_MAX;
    *scope->attach = bind_over_join(b, input, join);
    return *scope->attach ? first : UINT32_MAX;
}

/* An aggregate's value over no rows. */
typedef struct OverNothing {
    Binder *b;
    const PlanNode *aggregate;
} OverNothing;

static Expr *replace_nothing(void *userdata, Expr *e)
{
    const OverNothing *o = userdata;
    if (e->kind != EXPR_COLUMN || e->column >= o->aggregate->aggregate.n_aggregates)
        return NULL;
    AggregateId id = o->aggregate->aggregate.aggregates[e->column].id;
    if (id == AGG_COLLECT)
        return bind_check(o->b, expr_literal(o->b->arena, TYPE(BINARY), (Literal){0}));
    return id == AGG_COUNT || id == AGG_COUNT_STAR
               ? bind_long(o->b, 0)
               : bind_check(o->b, expr_null(o->b->arena, e->type));
}

/* The value of column @value, unless the count beside it says that there were several rows. */
static Expr *single_value(Binder *b, const UExpr *e, Expr *value, Expr *count)
{
    static const char message[] = "More than one row returned by a subquery used as an expression.";
    Expr *text =
        bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                   (Literal){.s = vec_string(message, sizeof(message) - 1)}));
    Expr *kind = bind_check(b, expr_int(b->arena, FN_RAISE_TOO_MANY_ROWS));
    Expr *one = bind_long(b, 1);
    if (!value || !count || !text || !kind || !one)
        return NULL;
    Expr *many = bind_check(b, expr_compare(b->arena, FN_GT, count, one));
    Expr *raise =
        bind_check(b, expr_call(b->arena, FN_RAISE, value->type, true, (Expr *[]){text, kind}, 2));
    if (raise)
        raise->position = e->position;
    return bind_case(b, value->type, (Expr *[]){many, raise, value}, 3);
}

/* first(value), count(*) by @groups */
static PlanNode *first_and_count(Binder *b, PlanNode *input, const ExprList *groups, Expr *value)
{
    Aggregate *aggregates = bind_alloc(b, 2, sizeof(*aggregates));
    if (!aggregates || !value)
        return NULL;
    aggregates[0] =
        (Aggregate){.id = AGG_FIRST_KNOWN, .nullable = true, .type = value->type, .arg = value};
    aggregates[1] = (Aggregate){.id = AGG_COUNT_STAR, .type = TYPE(LONG)};
    return bind_groups_node(b, input, groups, aggregates, 2);
}

/* The value of the subquery for each combination of outer values that it uses. */
static Expr *domain_value(Binder *b, Scope *scope, const UExpr *e, Bound *query)
{
    ExprList correlated = {0}, inner = {0}, outer = {0};
    FunctionId equal;
    PlanNode *node = bind_decorrelate(b, scope->bound->node, query->node, true, &correlated);
    if (!node || !bind_split_equalities(b, &correlated, &inner, &outer, &equal))
        return b->result ? NULL : bind_unsupported(b, e->position, e->stop, "this subquery");
    PlanNode *grouped =
        first_and_count(b, node, &inner, bind_field_column(b, node, query->columns[0].index));
    uint32_t first = grouped ? bind_attach_groups(b, scope, grouped, &outer, equal) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    Expr *value = bind_field_column(b, join, first + inner.n);
    if (one_row_aggregate(query->node))
        return value;
    return single_value(b, e, value, bind_field_column(b, join, first + inner.n + 1));
}

/* Rows of the subquery, at most one for each key, or an error when the value is looked at. */
static Expr *correlated_rows(Binder *b, Scope *scope, const UExpr *e, Bound *query)
{
    ExprList correlated = {0}, inner = {0}, outer = {0};
    FunctionId equal;
    PlanNode *node = bind_pull_up(b, query->node, &correlated);
    if (!node)
        return NULL;
    if (plan_has_outer(node) || !bind_split_equalities(b, &correlated, &inner, &outer, &equal))
        return domain_value(b, scope, e, query);
    PlanNode *grouped =
        first_and_count(b, node, &inner, bind_field_column(b, node, query->columns[0].index));
    uint32_t first = grouped ? bind_attach_groups(b, scope, grouped, &outer, equal) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    return single_value(b, e, bind_field_column(b, join, first + inner.n),
                        bind_field_column(b, join, first + inner.n + 1));
}

/* Does the projection, aggregation included, use outer columns above its input? */
static bool outer_above(PlanNode *top, const PlanNode *aggregate)
{
    for (PlanNode *node = top; node != aggregate; node = node->input)
        for (uint32_t i = 0; i < node->n_fields; i++)
            if (expr_has_outer(node->project.exprs[i]))
                return true;
    for (uint32_t i = 0; i < aggregate->aggregate.n_aggregates; i++) {
        const Aggregate *a = &aggregate->aggregate.aggregates[i];
        if ((a->arg && expr_has_outer(a->arg)) || (a->filter && expr_has_outer(a->filter)))
            return true;
        if (!a->nullable && a->id != AGG_COUNT && a->id != AGG_COUNT_STAR && a->id != AGG_COLLECT)
            return true;
    }
    return false;
}

/* An aggregate without groups: grouped by the keys, and its value over nothing where none fits. */
static Expr *correlated_aggregate(Binder *b, Scope *scope, const UExpr *e, Bound *query,
                                  PlanNode *aggregate)
{
    ExprList correlated = {0}, inner = {0}, outer = {0};
    FunctionId equal;
    PlanNode *node = bind_pull_up(b, aggregate->input, &correlated);
    if (!node)
        return NULL;
    if (plan_has_outer(node) || outer_above(query->node, aggregate) ||
        !bind_split_equalities(b, &correlated, &inner, &outer, &equal))
        return domain_value(b, scope, e, query);
    PlanNode *grouped = bind_groups_node(b, node, &inner, aggregate->aggregate.aggregates,
                                         aggregate->aggregate.n_aggregates);
    if (!grouped)
        return NULL;
    /* The projections above, over the aggregates alone, then where they are now. */
    Expr *value = bind_field_column(b, query->node, query->columns[0].index);
    for (PlanNode *above = query->node; above != aggregate && value; above = above->input)
        value = expr_substitute(b->arena, value, above->project.exprs);
    OverNothing nothing = {b, aggregate};
    Expr *over_nothing = value ? expr_rewrite(b->arena, value, replace_nothing, &nothing) : NULL;
    value = value ? expr_shift(b->arena, value, inner.n) : NULL;
    Expr *mark = bind_check(b, expr_bool(b->arena, true));
    uint32_t n = inner.n + 2;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!value || !over_nothing || !mark || !exprs || !names)
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < inner.n; i++) {
        exprs[i] = bind_field_column(b, grouped, i);
        names[i] = "key";
    }
    exprs[n - 2] = value;
    names[n - 2] = "scalarsubquery()";
    exprs[n - 1] = mark;
    names[n - 1] = "mark";
    PlanNode *project = bind_project_node(b, grouped, exprs, names, n);
    if (!project)
        return NULL;
    uint32_t first = bind_attach_groups(b, scope, project, &outer, equal);
    if (first == UINT32_MAX)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    Expr *found = bind_field_column(b, join, first + n - 2);
    if (over_nothing->kind == EXPR_LITERAL && over_nothing->literal.is_null)
        return found;
    Expr *marked = bind_field_column(b, join, first + n - 1);
    Expr *is_marked =
        marked
            ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &marked, 1))
            : NULL;
    return bind_case(b, found ? found->type : TYPE(NULL),
                     (Expr *[]){is_marked, found, over_nothing}, 3);
}

/* A row at most: LIMIT 1 or 0. */
static bool gives_one_row_at_most(const PlanNode *node)
{
    while (node->kind == PLAN_PROJECT)
        node = node->input;
    return node->kind == PLAN_LIMIT && node->limit.limit >= 0 && node->limit.limit <= 1;
}

/* A value for later; until then it is column BIND_PENDING_BASE + k. */
static Expr *pend(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query, Expr **left)
{
    PendingList *list = scope->pending;
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        PendingSubquery *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return NULL;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n] = (PendingSubquery){e, query, left, negated};
    bool scalar = e->subquery_kind == USUBQUERY_SCALAR;
    Type type = scalar ? query->node->fields[query->columns[0].index].type : TYPE(BOOLEAN);
    bool nullable = e->subquery_kind != USUBQUERY_EXISTS;
    return bind_check(b, expr_column(b->arena, BIND_PENDING_BASE + list->n++, type, nullable));
}

typedef struct Pending {
    Binder *b;
    Expr **values;
} Pending;

static Expr *replace_pending(void *userdata, Expr *e)
{
    const Pending *p = userdata;
    if (e->kind != EXPR_COLUMN || e->column < BIND_PENDING_BASE || e->column >= BIND_WINDOW_BASE)
        return NULL;
    return p->values[e->column - BIND_PENDING_BASE];
}

typedef struct PendingMap {
    Binder *b;
    Expr *(*replace)(void *userdata, Expr *e);
    void *userdata;
} PendingMap;

/* A column of the query around, which stands for another now. */
static Expr *replace_near(void *userdata, Expr *e)
{
    PendingMap *m = userdata;
    uint32_t column = e->column - BIND_OUTER_BASE;
    if (e->kind != EXPR_COLUMN || e->column < BIND_OUTER_BASE || column >= BIND_OUTER_STRIDE)
        return NULL;
    Expr *here = bind_check(m->b, expr_column(m->b->arena, column, e->type, e->nullable));
    Expr *made =
        here ? bind_check(m->b, expr_rewrite(m->b->arena, here, m->replace, m->userdata)) : NULL;
    if (!made || m->b->result)
        return e;
    Expr *far = bind_check(m->b, expr_shift(m->b->arena, made, BIND_OUTER_BASE));
    return far ? far : e;
}

bool bind_pending_map(Binder *b, PendingList *list, uint32_t first,
                      Expr *(*replace)(void *userdata, Expr *e), void *userdata)
{
    PendingMap map = {b, replace, userdata};
    for (uint32_t i = first; i < list->n && !b->result; i++) {
        PendingSubquery *p = &list->items[i];
        for (uint32_t k = 0; p->left && k < p->e->n_args && !b->result; k++)
            p->left[k] = bind_check(b, expr_rewrite(b->arena, p->left[k], replace, userdata));
        if (plan_has_near(p->query->node)) {
            PlanNode *node = bind_map_plan(b, p->query->node, replace_near, &map);
            p->query = bound_over(b, p->query, node);
        }
    }
    return b->result == 0;
}

static Expr *attach(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query,
                    Expr **left);

PlanNode *bind_pending_join(Binder *b, PlanNode *node, const PendingList *pending, Expr **exprs,
                            uint32_t n)
{
    if (pending->n == 0)
        return node;
    Expr **values = bind_alloc(b, pending->n, sizeof(*values));
    if (!values || !node)
        return NULL;
    Bound over = {.node = node};
    Bound *attached = &over;
    for (uint32_t i = 0; i < pending->n; i++) {
        const PendingSubquery *p = &pending->items[i];
        Scope scope = {.bound = &over, .outer = b->outer, .attach = &attached};
        values[i] = attach(b, &scope, p->e, p->negated, p->query, p->left);
        if (!values[i])
            return NULL;
    }
    Pending p = {b, values};
    for (uint32_t i = 0; i < n; i++) {
        exprs[i] = expr_rewrite(b->arena, exprs[i], replace_pending, &p);
        if (!exprs[i])
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return b->result ? NULL : attached->node;
}

static Expr *attach_scalar(Binder *b, Scope *scope, const UExpr *e, Bound *query)
{
    if (plan_has_near(query->node)) {
        PlanNode *aggregate = one_row_aggregate(query->node);
        return aggregate ? correlated_aggregate(b, scope, e, query, aggregate)
                         : correlated_rows(b, scope, e, query);
    }
    ExprList none = {0};
    PlanNode *inner = bind_decorrelate(b, NULL, query->node, true, &none);
    uint32_t column = query->columns[0].index;
    if (inner && !gives_one_row(inner)) {
        bool at_most = gives_one_row_at_most(inner);
        PlanNode *node = first_and_count(b, inner, &none, bind_field_column(b, inner, column));
        Expr **exprs = bind_alloc(b, 1, sizeof(*exprs));
        const char **names = bind_alloc(b, 1, sizeof(*names));
        if (!node || !exprs || !names)
            return NULL;
        exprs[0] = bind_field_column(b, node, 0);
        if (!at_most)
            exprs[0] = single_value(b, e, exprs[0], bind_field_column(b, node, 1));
        names[0] = "scalarsubquery()";
        inner = exprs[0] ? bind_project_node(b, node, exprs, names, 1) : NULL;
        column = 0;
    }
    Bound *input = *scope->attach;
    uint32_t n_outer = input->node->n_fields;
    PlanNode *join = bind_join_node(b, JOIN_CROSS, input->node, inner);
    if (!join)
        return NULL;
    *scope->attach = bind_over_join(b, input, join);
    return bind_field_column(b, join, n_outer + column);
}

static Expr *attach(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query,
                    Expr **left)
{
    return e->subquery_kind == USUBQUERY_SCALAR
               ? attach_scalar(b, scope, e, query)
               : bind_attach_mark(b, scope, e, negated, query, left);
}

/* Bound before, when the relation was made ready for it. */
static Expr *prebound(Binder *b, const Scope *scope, const UExpr *e)
{
    for (uint32_t i = 0; i < b->n_prebound; i++) {
        if (b->prebound[i].e != e)
            continue;
        int64_t shift = 0;
        if (scope->aggregate && scope->second)
            shift = scope->bound->node->n_fields;
        return bind_check(b, expr_shift(b->arena, b->prebound[i].value, shift));
    }
    return NULL;
}

Expr *bind_subquery(Binder *b, Scope *scope, const UExpr *e)
{
    bool negated = scope->negated;
    Expr *known = prebound(b, scope, e);
    if (known || b->result)
        return known;
    if (!scope->attach && !scope->pending)
        return bind_unsupported(b, e->position, e->stop, "a subquery in this place");
    Bound *query = bind_query(b, scope->bound, scope->attach ? NULL : scope->second, e);
    if (!query)
        return NULL;
    if (e->subquery_kind == USUBQUERY_SCALAR && query->n_columns != 1)
        return bind_error(b, e->position, e->stop,
                          "INVALID_SUBQUERY_EXPRESSION."
                          "SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                          "42823",
                          "Invalid subquery: Scalar subquery must return only one column, but "
                          "returned %u.",
                          query->n_columns);
    Expr **left = NULL;
    if (e->subquery_kind == USUBQUERY_IN) {
        left = bind_alloc(b, e->n_args, sizeof(*left));
        if (!left || !check_width(b, e, query))
            return NULL;
        for (uint32_t i = 0; i < e->n_args; i++) {
            left[i] = bind_expr(b, scope, e->args[i]);
            if (!left[i])
                return NULL;
        }
    }
    return scope->attach ? attach(b, scope, e, negated, query, left)
                         : pend(b, scope, e, negated, query, left);
}

static bool prebind_one(Binder *b, const Bound *input, Bound **attached, const UExpr *e,
                        bool negated)
{
    Scope scope = {.bound = input,
                   .outer = b->outer,
                   .clause = "SELECT",
                   .attach = attached,
                   .negated = negated};
    Expr *value = bind_subquery(b, &scope, e);
    if (!value)
        return false;
    if (b->n_prebound == b->prebound_capacity) {
        uint32_t capacity = b->prebound_capacity ? b->prebound_capacity * 2 : 8;
        Prebound *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (b->n_prebound > 0)
            memcpy(grown, b->prebound, b->n_prebound * sizeof(*grown));
        b->prebound = grown;
        b->prebound_capacity = capacity;
    }
    b->prebound[b->n_prebound++] = (Prebound){e, value, false};
    return true;
}

bool uexpr_negates(const UExpr *call, bool negated)
{
    if (call->kind != UEXPR_CALL)
        return false;
    if (strcmp(call->name, "not") == 0)
        return !negated;
    return negated && (strcmp(call->name, "and") == 0 || strcmp(call->name, "or") == 0);
}

bool bind_prebind(Binder *b, const Bound *input, Bound **attached, const UExpr *e, bool negated)
{
    if (e->kind == UEXPR_SUBQUERY)
        return prebind_one(b, input, attached, e, negated);
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!bind_prebind(b, input, attached, e->args[i], uexpr_negates(e, negated)))
            return false;
    return !e->filter || bind_prebind(b, input, attached, e->filter, false);
}
