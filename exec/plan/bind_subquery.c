/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Subqueries become joins.
 *
 *   EXISTS, IN as a conjunct of WHERE     semi join; with NOT in front, anti join
 *   a scalar subquery without correlation  cross join with its one row
 *   a scalar subquery with equalities to the query around it
 *                                          left join with its rows grouped by them
 *   EXISTS, IN where a value is wanted     left join with the different keys and a mark
 *
 * A scalar subquery that may give several rows is aggregated to one with a count, which is looked
 * at when the value is: SCALAR_SUBQUERY_TOO_MANY_ROWS is an error of rows.
 *
 * Correlation is a column number from BIND_OUTER_BASE on. It may stand in the WHERE of the subquery
 * (and of its select list's projection), from where the conjuncts are pulled up into the join;
 * anywhere else it is refused.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

static bool has_outer(const Expr *e)
{
    return !expr_columns_within(e, 0, BIND_OUTER_BASE);
}

/* Is any expression of the plan correlated? */
static bool plan_has_outer(const PlanNode *node)
{
    if (!node)
        return false;
    switch (node->kind) {
    case PLAN_FILTER:
        if (has_outer(node->filter.condition))
            return true;
        break;
    case PLAN_PROJECT:
        for (uint32_t i = 0; i < node->n_fields; i++)
            if (has_outer(node->project.exprs[i]))
                return true;
        break;
    case PLAN_JOIN:
        if (node->join.residual && has_outer(node->join.residual))
            return true;
        for (uint32_t i = 0; i < node->join.n_keys; i++)
            if (has_outer(node->join.left_keys[i]) || has_outer(node->join.right_keys[i]))
                return true;
        break;
    case PLAN_AGGREGATE:
        for (uint32_t i = 0; i < node->aggregate.n_groups; i++)
            if (has_outer(node->aggregate.groups[i]))
                return true;
        for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
            const Aggregate *a = &node->aggregate.aggregates[i];
            if ((a->arg && has_outer(a->arg)) || (a->filter && has_outer(a->filter)))
                return true;
        }
        break;
    case PLAN_SORT:
        for (uint32_t i = 0; i < node->sort.n_keys; i++)
            if (has_outer(node->sort.keys[i].expr))
                return true;
        break;
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (plan_has_outer(node->union_all.inputs[i]))
                return true;
        break;
    default:
        break;
    }
    return plan_has_outer(node->input) || plan_has_outer(node->right);
}

/* The subquery's relation, with the names of @outer visible. */
static Bound *bind_query(Binder *b, const Bound *outer, const UExpr *e)
{
    if (b->subquery_depth >= BIND_SUBQUERY_DEPTH_MAX)
        return bind_unsupported(b, e->position, e->stop, "subqueries nested this deeply");
    Scope scope = {.bound = outer};
    Scope *before = b->outer;
    b->outer = &scope;
    b->subquery_depth++;
    Bound *bound = bind_relation(b, e->query);
    b->subquery_depth--;
    b->outer = before;
    return bound;
}

/* Appends columns to the projection @node so that @e, over its input, can be said over its output.
 */
typedef struct Raise {
    Binder *b;
    PlanNode *node;
} Raise;

static Expr *raise_column(void *userdata, Expr *e)
{
    Raise *r = userdata;
    Binder *b = r->b;
    PlanNode *node = r->node;
    if (e->kind != EXPR_COLUMN || e->column >= BIND_OUTER_BASE)
        return e->kind == EXPR_COLUMN ? e : NULL;
    for (uint32_t i = 0; i < node->n_fields; i++)
        if (expr_equal(node->project.exprs[i], e))
            return bind_check(b, expr_column(b->arena, i, e->type, e->nullable));
    uint32_t n = node->n_fields;
    PlanField *fields = bind_alloc(b, n + 1, sizeof(*fields));
    Expr **exprs = bind_alloc(b, n + 1, sizeof(*exprs));
    if (!fields || !exprs)
        return e;
    memcpy(fields, node->fields, n * sizeof(*fields));
    memcpy(exprs, node->project.exprs, n * sizeof(*exprs));
    fields[n] = node->input->fields[e->column];
    exprs[n] = e;
    node->fields = fields;
    node->project.exprs = exprs;
    node->n_fields = n + 1;
    return bind_check(b, expr_column(b->arena, n, e->type, e->nullable));
}

/*
 * Takes correlated conjuncts out of the filters at the top of @node. Return: the node without them;
 * *@list says them over its output and outer columns.
 */
static PlanNode *pull_up(Binder *b, PlanNode *node, ExprList *list)
{
    if (node->kind == PLAN_PROJECT) {
        PlanNode *copy = bind_alloc(b, 1, sizeof(*copy));
        if (!copy)
            return NULL;
        *copy = *node;
        ExprList below = {0};
        copy->input = pull_up(b, node->input, &below);
        if (!copy->input)
            return NULL;
        for (uint32_t i = 0; i < below.n; i++) {
            Raise r = {b, copy};
            Expr *e = expr_rewrite(b->arena, below.items[i], raise_column, &r);
            if (b->result || !expr_list_add(b->arena, list, e))
                return bind_fail(b, mem_arena_error(b->arena));
        }
        return copy;
    }
    if (node->kind != PLAN_FILTER)
        return node;
    ExprList parts = {0}, kept = {0};
    PlanNode *input = pull_up(b, node->input, list);
    if (!input || !expr_split(b->arena, FN_AND, node->filter.condition, &parts))
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < parts.n; i++)
        if (!expr_list_add(b->arena, has_outer(parts.items[i]) ? list : &kept, parts.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    if (kept.n == 0)
        return input;
    PlanNode *copy = bind_pass_node(b, PLAN_FILTER, input);
    if (!copy)
        return NULL;
    copy->filter.condition = bind_check(b, expr_balanced(b->arena, FN_AND, kept.items, kept.n));
    return copy->filter.condition ? copy : NULL;
}

/* Outer column n becomes n; inner column n becomes n_outer + n. */
typedef struct Sides {
    Binder *b;
    uint32_t n_outer;
} Sides;

static Expr *replace_sides(void *userdata, Expr *e)
{
    const Sides *s = userdata;
    if (e->kind != EXPR_COLUMN)
        return NULL;
    uint32_t column =
        e->column >= BIND_OUTER_BASE ? e->column - BIND_OUTER_BASE : e->column + s->n_outer;
    return bind_check(s->b, expr_column(s->b->arena, column, e->type, e->nullable));
}

static Bound *over_join(Binder *b, const Bound *input, PlanNode *join)
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

Bound *bind_subquery_conjunct(Binder *b, Bound *input, const UExpr *e, bool negated)
{
    Bound *query = bind_query(b, input, e);
    if (!query)
        return NULL;
    uint32_t n_outer = input->node->n_fields;
    bool in = e->subquery_kind == USUBQUERY_IN;
    if (in && e->n_args != query->n_columns)
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
                          "42K09",
                          "Cannot resolve %.200s due to data type mismatch: The number of columns "
                          "in the left hand side of an IN subquery does not match the number of "
                          "columns in the output of subquery: %u and %u.",
                          uexpr_quoted(b, e), e->n_args, query->n_columns);
    ExprList correlated = {0}, condition = {0};
    PlanNode *inner = pull_up(b, query->node, &correlated);
    if (!inner)
        return NULL;
    if (plan_has_outer(inner))
        return bind_unsupported(b, e->position, e->stop,
                                "a subquery that uses columns of the query around it other than "
                                "in its WHERE");
    bool nullable = false;
    for (uint32_t i = 0; in && i < e->n_args; i++) {
        Scope scope = {.bound = input, .outer = b->outer, .clause = "IN"};
        Expr *left = bind_expr(b, &scope, e->args[i]);
        if (!left)
            return NULL;
        uint32_t column = query->columns[i].index;
        const PlanField *f = &inner->fields[column];
        Expr *right = bind_check(b, expr_column(b->arena, n_outer + column, f->type, f->nullable));
        nullable |= left->nullable || f->nullable;
        if (!expr_list_add(b->arena, &condition, bind_binary(b, e, FN_EQ, left, right)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    for (uint32_t i = 0; i < correlated.n; i++) {
        Sides sides = {b, n_outer};
        Expr *made = expr_rewrite(b->arena, correlated.items[i], replace_sides, &sides);
        if (b->result || !expr_list_add(b->arena, &condition, made))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    PlanNode *join = bind_join_node(b, negated ? JOIN_ANTI : JOIN_SEMI, input->node, inner);
    if (!join)
        return NULL;
    if (in && negated && nullable) {
        /* With nulls NOT IN is three-valued; the operator knows one key and nothing beside. */
        if (correlated.n > 0 || e->n_args > 1)
            return bind_unsupported(b, e->position, e->stop,
                                    "NOT IN over nullable columns with correlation or with several "
                                    "columns; use NOT EXISTS");
        join->join.null_aware = true;
    }
    if (condition.n > 0 &&
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return NULL;
    return over_join(b, input, join);
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
 * columns, @outer over those around it. Return: false after an error.
 */
static bool split_equalities(Binder *b, const UExpr *e, const ExprList *correlated, ExprList *inner,
                             ExprList *outer)
{
    for (uint32_t i = 0; i < correlated->n; i++) {
        const Expr *c = correlated->items[i];
        Expr *in = NULL, *out = NULL;
        if (c->kind == EXPR_CALL && c->function == FN_EQ) {
            bool first_outer = expr_columns_within(c->args[0], BIND_OUTER_BASE, UINT32_MAX);
            out = c->args[first_outer ? 0 : 1];
            in = c->args[first_outer ? 1 : 0];
        }
        if (!in || has_outer(in) || !expr_columns_within(out, BIND_OUTER_BASE, UINT32_MAX)) {
            bind_unsupported(b, e->position, e->stop,
                             "a subquery with a value that is correlated by anything but "
                             "equalities");
            return false;
        }
        if (!expr_list_add(b->arena, inner, in) ||
            !expr_list_add(b->arena, outer, expr_shift(b->arena, out, -(int64_t)BIND_OUTER_BASE)))
            return bind_fail(b, mem_arena_error(b->arena)), false;
    }
    return true;
}

/* @input aggregated by @groups. */
static PlanNode *aggregate_node(Binder *b, PlanNode *input, const ExprList *groups,
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

static Expr *field_column(Binder *b, const PlanNode *node, uint32_t i)
{
    return bind_check(b, expr_column(b->arena, i, node->fields[i].type, node->fields[i].nullable));
}

static Expr *long_literal(Binder *b, int64_t value)
{
    return bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = value}));
}

/* The groups of @node (keys first) as columns of a left join to what is attached; without keys it
 * is one row. Return: number of the first new column; UINT32_MAX after an error. */
static uint32_t attach_groups(Binder *b, Scope *scope, PlanNode *node, const ExprList *outer_keys)
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
                                   expr_compare(b->arena, FN_EQ, outer_keys->items[i], key)))
            return bind_fail(b, mem_arena_error(b->arena)), UINT32_MAX;
    }
    if (condition.n > 0 &&
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return UINT32_MAX;
    *scope->attach = over_join(b, input, join);
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
    return id == AGG_COUNT || id == AGG_COUNT_STAR
               ? long_literal(o->b, 0)
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
    Expr *one = long_literal(b, 1);
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
        (Aggregate){.id = AGG_FIRST, .nullable = true, .type = value->type, .arg = value};
    aggregates[1] = (Aggregate){.id = AGG_COUNT_STAR, .type = TYPE(LONG)};
    return aggregate_node(b, input, groups, aggregates, 2);
}

static void *outer_elsewhere(Binder *b, const UExpr *e)
{
    return bind_unsupported(b, e->position, e->stop,
                            "a subquery that uses columns of the query around it other than in "
                            "its WHERE");
}

/* Rows of the subquery, at most one for each key, or an error when the value is looked at. */
static Expr *correlated_rows(Binder *b, Scope *scope, const UExpr *e, Bound *query)
{
    ExprList correlated = {0}, inner = {0}, outer = {0};
    PlanNode *node = pull_up(b, query->node, &correlated);
    if (!node || !split_equalities(b, e, &correlated, &inner, &outer))
        return NULL;
    if (plan_has_outer(node))
        return outer_elsewhere(b, e);
    PlanNode *grouped =
        first_and_count(b, node, &inner, field_column(b, node, query->columns[0].index));
    uint32_t first = grouped ? attach_groups(b, scope, grouped, &outer) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    return single_value(b, e, field_column(b, join, first + inner.n),
                        field_column(b, join, first + inner.n + 1));
}

/* An aggregate without groups: grouped by the keys, and its value over nothing where none fits. */
static Expr *correlated_aggregate(Binder *b, Scope *scope, const UExpr *e, Bound *query,
                                  PlanNode *aggregate)
{
    ExprList correlated = {0}, inner = {0}, outer = {0};
    PlanNode *node = pull_up(b, aggregate->input, &correlated);
    if (!node || !split_equalities(b, e, &correlated, &inner, &outer))
        return NULL;
    PlanNode *grouped = aggregate_node(b, node, &inner, aggregate->aggregate.aggregates,
                                       aggregate->aggregate.n_aggregates);
    if (!grouped)
        return NULL;
    /* The projections above, over the aggregates alone, then where they are now. */
    Expr *value = field_column(b, query->node, query->columns[0].index);
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
        exprs[i] = field_column(b, grouped, i);
        names[i] = "key";
    }
    exprs[n - 2] = value;
    names[n - 2] = "scalarsubquery()";
    exprs[n - 1] = mark;
    names[n - 1] = "mark";
    PlanNode *project = bind_project_node(b, grouped, exprs, names, n);
    if (!project)
        return NULL;
    if (plan_has_outer(project))
        return outer_elsewhere(b, e);
    uint32_t first = attach_groups(b, scope, project, &outer);
    if (first == UINT32_MAX)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    Expr *found = field_column(b, join, first + n - 2);
    if (over_nothing->kind == EXPR_LITERAL && over_nothing->literal.is_null)
        return found;
    Expr *marked = field_column(b, join, first + n - 1);
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

static bool pend(Binder *b, PendingList *list, Bound *query)
{
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        Bound **grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = query;
    return true;
}

typedef struct Pending {
    Binder *b;
    const uint32_t *columns;
} Pending;

static Expr *replace_pending(void *userdata, Expr *e)
{
    const Pending *p = userdata;
    if (e->kind != EXPR_COLUMN || e->column < BIND_PENDING_BASE)
        return NULL;
    return bind_check(p->b, expr_column(p->b->arena, p->columns[e->column - BIND_PENDING_BASE],
                                        e->type, e->nullable));
}

PlanNode *bind_pending_join(Binder *b, PlanNode *node, const PendingList *pending, Expr **exprs,
                            uint32_t n)
{
    if (pending->n == 0)
        return node;
    uint32_t *columns = bind_alloc(b, pending->n, sizeof(*columns));
    if (!columns)
        return NULL;
    for (uint32_t i = 0; i < pending->n && node; i++) {
        columns[i] = node->n_fields + pending->items[i]->columns[0].index;
        node = bind_join_node(b, JOIN_CROSS, node, pending->items[i]->node);
    }
    Pending p = {b, columns};
    for (uint32_t i = 0; i < n && node; i++) {
        exprs[i] = expr_rewrite(b->arena, exprs[i], replace_pending, &p);
        if (!exprs[i])
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return b->result ? NULL : node;
}

Expr *bind_scalar_subquery(Binder *b, Scope *scope, const UExpr *e)
{
    if (!scope->attach && !scope->pending)
        return bind_unsupported(b, e->position, e->stop,
                                "a scalar subquery in this place; it may stand in the select list, "
                                "in WHERE and in HAVING");
    Bound *query = bind_query(b, scope->bound, e);
    if (!query)
        return NULL;
    if (query->n_columns != 1)
        return bind_error(b, e->position, e->stop,
                          "INVALID_SUBQUERY_EXPRESSION."
                          "SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                          "42823",
                          "Invalid subquery: Scalar subquery must return only one column, but "
                          "returned %u.",
                          query->n_columns);
    if (plan_has_outer(query->node)) {
        if (!scope->attach)
            return bind_unsupported(b, e->position, e->stop,
                                    "a correlated scalar subquery beside aggregates");
        PlanNode *aggregate = one_row_aggregate(query->node);
        return aggregate ? correlated_aggregate(b, scope, e, query, aggregate)
                         : correlated_rows(b, scope, e, query);
    }
    uint32_t column = query->columns[0].index;
    if (!gives_one_row(query->node)) {
        bool at_most = gives_one_row_at_most(query->node);
        ExprList none = {0};
        PlanNode *node =
            first_and_count(b, query->node, &none, field_column(b, query->node, column));
        if (!node)
            return NULL;
        Expr **exprs = bind_alloc(b, 1, sizeof(*exprs));
        const char **names = bind_alloc(b, 1, sizeof(*names));
        if (!exprs || !names)
            return NULL;
        exprs[0] = field_column(b, node, 0);
        if (!at_most)
            exprs[0] = single_value(b, e, exprs[0], field_column(b, node, 1));
        names[0] = "scalarsubquery()";
        query = exprs[0] ? bound_new(b, bind_project_node(b, node, exprs, names, 1)) : NULL;
        if (!query)
            return NULL;
        column = 0;
    }
    const PlanField *f = &query->node->fields[column];
    if (!scope->attach) {
        if (!pend(b, scope->pending, query))
            return NULL;
        return bind_check(b, expr_column(b->arena, BIND_PENDING_BASE + scope->pending->n - 1,
                                         f->type, f->nullable));
    }
    Bound *input = *scope->attach;
    uint32_t n_outer = input->node->n_fields;
    PlanNode *join = bind_join_node(b, JOIN_CROSS, input->node, query->node);
    if (!join)
        return NULL;
    *scope->attach = over_join(b, input, join);
    return bind_check(b, expr_column(b->arena, n_outer + column, f->type, f->nullable));
}

/* ---- EXISTS and IN as values ---- */

/* The different @keys of @node and a column that is true. */
static PlanNode *marked_keys(Binder *b, PlanNode *node, const ExprList *keys)
{
    PlanNode *groups = aggregate_node(b, node, keys, NULL, 0);
    Expr **exprs = bind_alloc(b, keys->n + 1, sizeof(*exprs));
    const char **names = bind_alloc(b, keys->n + 1, sizeof(*names));
    if (!groups || !exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < keys->n; i++) {
        exprs[i] = field_column(b, groups, i);
        names[i] = "key";
    }
    exprs[keys->n] = bind_check(b, expr_bool(b->arena, true));
    names[keys->n] = "mark";
    return bind_project_node(b, groups, exprs, names, keys->n + 1);
}

/* count(*) and count(value) by the correlation: what IN must know when it finds nothing. */
static Expr *in_without_match(Binder *b, Scope *scope, PlanNode *node, const ExprList *inner,
                              const ExprList *outer, Expr *value, Expr *left)
{
    Aggregate *counts = bind_alloc(b, 2, sizeof(*counts));
    if (!counts)
        return NULL;
    counts[0] = (Aggregate){.id = AGG_COUNT_STAR, .type = TYPE(LONG)};
    counts[1] = (Aggregate){.id = AGG_COUNT, .type = TYPE(LONG), .arg = value};
    PlanNode *groups = aggregate_node(b, node, inner, counts, 2);
    uint32_t first = groups ? attach_groups(b, scope, groups, outer) : UINT32_MAX;
    Expr *zero = long_literal(b, 0);
    if (first == UINT32_MAX || !zero)
        return NULL;
    const PlanNode *join = (*scope->attach)->node;
    Expr *all = field_column(b, join, first + inner->n);
    Expr *known = field_column(b, join, first + inner->n + 1);
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

Expr *bind_mark_subquery(Binder *b, Scope *scope, const UExpr *e)
{
    bool in = e->subquery_kind == USUBQUERY_IN;
    if (!scope->attach || (in && e->n_args != 1))
        return bind_unsupported(b, e->position, e->stop,
                                "IN and EXISTS subqueries in this place; they may stand in WHERE "
                                "and in a select list without aggregates");
    Bound *query = bind_query(b, scope->bound, e);
    if (!query)
        return NULL;
    if (in && query->n_columns != 1)
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
                          "42K09",
                          "Cannot resolve %.200s due to data type mismatch: The number of columns "
                          "in the left hand side of an IN subquery does not match the number of "
                          "columns in the output of subquery: %u and %u.",
                          uexpr_quoted(b, e), e->n_args, query->n_columns);
    ExprList correlated = {0}, inner = {0}, outer = {0};
    PlanNode *node = pull_up(b, query->node, &correlated);
    if (!node || !split_equalities(b, e, &correlated, &inner, &outer))
        return NULL;
    if (plan_has_outer(node))
        return outer_elsewhere(b, e);
    ExprList keys = {0}, outer_keys = {0};
    for (uint32_t i = 0; i < inner.n; i++)
        if (!expr_list_add(b->arena, &keys, inner.items[i]) ||
            !expr_list_add(b->arena, &outer_keys, outer.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    Expr *left = NULL, *value = NULL;
    if (in) {
        left = bind_expr(b, scope, e->args[0]);
        value = left ? field_column(b, node, query->columns[0].index) : NULL;
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
        PlanNode *counted = aggregate_node(b, one, &keys, count, 1);
        uint32_t first = counted ? attach_groups(b, scope, counted, &outer_keys) : UINT32_MAX;
        Expr *zero = long_literal(b, 0);
        if (first == UINT32_MAX || !zero)
            return NULL;
        return bind_check(
            b, expr_compare(b->arena, FN_GT, field_column(b, (*scope->attach)->node, first), zero));
    }
    PlanNode *marked = marked_keys(b, node, &keys);
    uint32_t first = marked ? attach_groups(b, scope, marked, &outer_keys) : UINT32_MAX;
    if (first == UINT32_MAX)
        return NULL;
    Expr *mark = field_column(b, (*scope->attach)->node, first + keys.n);
    Expr *found =
        mark ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &mark, 1))
             : NULL;
    if (!in || !found || (!left->nullable && !value->nullable))
        return found;
    Expr *unknown = in_without_match(b, scope, node, &inner, &outer, value, left);
    Expr *yes = bind_check(b, expr_bool(b->arena, true));
    Expr *no = bind_check(b, expr_bool(b->arena, false));
    Expr *null = bind_check(b, expr_null(b->arena, TYPE(BOOLEAN)));
    return bind_case(b, TYPE(BOOLEAN), (Expr *[]){found, yes, unknown, null, no}, 5);
}
