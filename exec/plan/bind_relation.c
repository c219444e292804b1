/* SPDX-License-Identifier: Apache-2.0 */

/* Relations: projections, aliases, filters, sorts, WITH; and the way to all others. */

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/kernel/zone.h"
#include "exec/plan/datetime.h"

PlanNode *bind_node(Binder *b, PlanKind kind, PlanNode *input, uint32_t n_fields)
{
    PlanNode *node = bind_alloc(b, 1, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->input = input;
    node->n_fields = n_fields;
    node->fields = bind_alloc(b, n_fields, sizeof(*node->fields));
    return node->fields ? node : NULL;
}

PlanNode *bind_pass_node(Binder *b, PlanKind kind, PlanNode *input)
{
    if (!input)
        return NULL;
    PlanNode *node = bind_node(b, kind, input, 0);
    if (!node)
        return NULL;
    node->n_fields = input->n_fields;
    node->fields = input->fields;
    return node;
}

PlanNode *bind_project_node(Binder *b, PlanNode *input, Expr **exprs, const char **names,
                            uint32_t n)
{
    PlanNode *node = bind_node(b, PLAN_PROJECT, input, n);
    if (!node)
        return NULL;
    node->project.exprs = exprs;
    for (uint32_t i = 0; i < n; i++) {
        if (!exprs[i])
            return NULL;
        node->fields[i] = (PlanField){names[i], exprs[i]->type, exprs[i]->nullable};
    }
    return node;
}

/* A scope with a fresh attribute for each field. */
Bound *bound_new(Binder *b, PlanNode *node)
{
    if (!node)
        return NULL;
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    if (!bound)
        return NULL;
    bound->node = node;
    bound->n_columns = node->n_fields;
    bound->columns = bind_alloc(b, node->n_fields, sizeof(*bound->columns));
    if (!bound->columns)
        return NULL;
    for (uint32_t i = 0; i < node->n_fields; i++)
        bound->columns[i] = (BoundColumn){
            .name = node->fields[i].name, .attribute = ++b->next_attribute, .index = i};
    return bound;
}

/* The same scope over another node that has the same columns. */
Bound *bound_over(Binder *b, const Bound *input, PlanNode *node)
{
    if (!node)
        return NULL;
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    if (!bound)
        return NULL;
    *bound = *input;
    bound->node = node;
    return bound;
}

void bind_remember_plan_id(Binder *b, int64_t plan_id, const Bound *bound)
{
    if (plan_id == UNRESOLVED_NO_PLAN_ID || !bound)
        return;
    if (b->n_plan_ids == b->plan_ids_capacity) {
        uint32_t capacity = b->plan_ids_capacity ? b->plan_ids_capacity * 2 : 16;
        PlanIdEntry *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return;
        if (b->n_plan_ids > 0)
            memcpy(grown, b->plan_ids, b->n_plan_ids * sizeof(*grown));
        b->plan_ids = grown;
        b->plan_ids_capacity = capacity;
    }
    b->plan_ids[b->n_plan_ids++] = (PlanIdEntry){plan_id, bound};
}

/* ---- projections ---- */

static bool star_excludes(Binder *b, const UExpr *star, const BoundColumn *c)
{
    for (uint32_t i = 0; i < star->n_args; i++) {
        const UExpr *e = star->args[i];
        if (names_equal(b, e->parts[e->n_parts - 1], c->name) &&
            (e->n_parts == 1 ||
             (c->qualifier && names_equal(b, e->parts[e->n_parts - 2], c->qualifier))))
            return true;
    }
    return false;
}

/* Does a DataFrame's own star (df["*"]) mean this column? */
static bool plan_id_has(Binder *b, int64_t plan_id, uint64_t attribute)
{
    for (uint32_t i = 0; i < b->n_plan_ids; i++) {
        if (b->plan_ids[i].plan_id != plan_id)
            continue;
        const Bound *bound = b->plan_ids[i].bound;
        for (uint32_t k = 0; k < bound->n_columns; k++)
            if (bound->columns[k].attribute == attribute)
                return true;
    }
    return false;
}

/* colRegex(): the engine's own RLIKE says it. */
static bool regex_matches(Binder *b, const Bound *input, const UExpr *star, const char *name)
{
    UBuilder builder = {.arena = b->arena, .error = b->context->error};
    size_t n = strlen(star->text) + 16;
    char *pattern = bind_alloc(b, n, 1);
    if (!pattern)
        return false;
    (void)snprintf(pattern, n, "%s^(?:%s)$", b->context->settings.case_sensitive ? "" : "(?i)",
                   star->text);
    UExpr *call = uexpr_call2(&builder, "rlike", uexpr_string(&builder, name, strlen(name)),
                              uexpr_string(&builder, pattern, strlen(pattern)));
    if (!call)
        return bind_fail(b, builder.result), false;
    Scope scope = {.bound = input, .clause = "SELECT"};
    Expr *e = bind_expr(b, &scope, call);
    Literal matches;
    if (!e)
        return false;
    if (e->kind == EXPR_LITERAL)
        return e->literal.b;
    int r = b->context->fold ? b->context->fold(b->arena, e, &matches) : -EOPNOTSUPP;
    if (r != 0)
        return bind_unsupported(b, star->position, star->stop, "this regular expression"), false;
    return !matches.is_null && matches.b;
}

static bool star_includes(Binder *b, const Bound *input, const UExpr *star, const BoundColumn *c)
{
    if (star->text && (c->hidden || !regex_matches(b, input, star, c->name)))
        return false;
    if (star->plan_id != UNRESOLVED_NO_PLAN_ID && !plan_id_has(b, star->plan_id, c->attribute))
        return false;
    if (star->n_parts == 0)
        return !c->hidden && !star_excludes(b, star, c);
    return c->qualifier && names_equal(b, star->parts[star->n_parts - 1], c->qualifier) &&
           !star_excludes(b, star, c);
}

static void *bind_missing_column(Binder *b, const Bound *input, uint32_t position, const char *name)
{
    UExpr e = {.kind = UEXPR_COLUMN,
               .parts = &name,
               .n_parts = 1,
               .position = position,
               .plan_id = UNRESOLVED_NO_PLAN_ID};
    Scope scope = {.bound = input};
    bind_expr(b, &scope, &e);
    return NULL;
}

SelectItem *bind_select_list(Binder *b, const Bound *input, UExpr *const *exprs, uint32_t n,
                             uint32_t *ret_n)
{
    uint32_t n_items = 0;
    for (uint32_t i = 0; i < n; i++)
        n_items += exprs[i]->kind == UEXPR_STAR ? MAX(input->n_columns, (uint32_t)UINT8_MAX) : 1;
    SelectItem *items = bind_alloc(b, n_items, sizeof(*items));
    if (!items)
        return NULL;
    n_items = 0;
    for (uint32_t i = 0; i < n; i++) {
        const UExpr *e = exprs[i];
        if (e->kind != UEXPR_STAR) {
            e = bind_expand_stars(b, input, e);
            const char *name = e ? uexpr_name(b, e) : NULL;
            if (!name)
                return NULL;
            items[n_items++] = (SelectItem){.expr = e, .name = name};
            continue;
        }
        for (uint32_t k = 0; k < e->n_args; k++) {
            int matches;
            if (!bind_find(b, input, e->args[k], &matches) && matches == 0)
                return bind_missing_column(b, input, e->args[k]->position,
                                           e->args[k]->parts[e->args[k]->n_parts - 1]);
        }
        uint32_t before = n_items;
        for (uint32_t k = 0; k < input->n_columns; k++)
            if (star_includes(b, input, e, &input->columns[k]))
                items[n_items++] =
                    (SelectItem){.column = &input->columns[k], .name = input->columns[k].name};
        if (b->result != 0)
            return NULL;
        if (n_items == before && e->n_parts > 0 && !e->text &&
            !bind_star_of_struct(b, input, e, items, &n_items))
            return NULL;
        if (n_items == before && e->n_parts > 0 && !e->text)
            return bind_error(b, e->position, e->stop, "CANNOT_RESOLVE_STAR_EXPAND", "42704",
                              "Cannot resolve `%.100s`.* given input columns. Please check that "
                              "the specified table or struct exists and is accessible in the "
                              "input columns.",
                              e->parts[e->n_parts - 1]);
    }
    *ret_n = n_items;
    return items;
}

/* The column that an output item only passes on, or NULL. */
static const BoundColumn *passed_column(const Bound *input, const Expr *e, const char *name)
{
    if (e->kind != EXPR_COLUMN)
        return NULL;
    for (uint32_t i = 0; i < input->n_columns; i++)
        if (input->columns[i].index == e->column && strcasecmp(input->columns[i].name, name) == 0)
            return &input->columns[i];
    return NULL;
}

/* An alias may bring metadata; a column that is passed on keeps its own. */
static void keep_metadata(const PlanNode *input, const SelectItem *items, PlanNode *node)
{
    for (uint32_t i = 0; i < node->n_fields; i++) {
        const UExpr *e = items[i].expr;
        const Expr *made = node->project.exprs[i];
        if (e && e->kind == UEXPR_ALIAS && e->text)
            node->fields[i].metadata = e->text;
        else if (made->kind == EXPR_COLUMN && made->column < input->n_fields)
            node->fields[i].metadata = input->fields[made->column].metadata;
    }
}

static Bound *bind_project_items(Binder *b, Bound *input, const SelectItem *items, uint32_t n)
{
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    Bound *attached = input;
    WindowList windows = {0};
    LateralList lateral = {.names = bind_alloc(b, n, sizeof(*names)), .exprs = exprs};
    if (!lateral.names)
        return NULL;
    Scope scope = {.bound = input,
                   .outer = b->outer,
                   .clause = "SELECT",
                   .attach = &attached,
                   .lateral = &lateral,
                   .windows = &windows};
    for (uint32_t i = 0; i < n; i++) {
        names[i] = items[i].name;
        if (items[i].column) {
            const PlanField *f = &input->node->fields[items[i].column->index];
            exprs[i] =
                bind_check(b, expr_column(b->arena, items[i].column->index, f->type, f->nullable));
        } else {
            exprs[i] = bind_expr(b, &scope, items[i].expr);
        }
        if (!exprs[i])
            return NULL;
        names[i] = bind_name_with_fields(b, items[i].expr, names[i]);
        if (items[i].expr && items[i].expr->kind == UEXPR_ALIAS)
            lateral.names[i] = items[i].expr->name;
        lateral.n = i + 1;
    }
    PlanNode *below = bind_window_nodes(b, attached->node, &windows, exprs, n);
    PlanNode *node = below ? bind_project_node(b, below, exprs, names, n) : NULL;
    if (node)
        keep_metadata(input->node, items, node);
    Bound *bound = bound_new(b, node);
    if (!bound)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const BoundColumn *c = items[i].column ? items[i].column
                               : items[i].expr->kind == UEXPR_COLUMN
                                   ? passed_column(input, exprs[i], names[i])
                                   : NULL;
        if (c) {
            bound->columns[i].attribute = c->attribute;
            bound->columns[i].qualifier = c->qualifier;
        }
    }
    bound->project = node;
    bound->below = input;
    return bound;
}

static Bound *bind_project(Binder *b, const URel *rel)
{
    rel = bind_time_windows(b, rel);
    if (!rel)
        return NULL;
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (uexpr_has_aggregate(rel->exprs[i])) {
            bool made;
            Bound *bound = bind_generator_over(b, rel, &made);
            return made ? bound : bind_aggregate_over(b, input, rel);
        }
    uint32_t n;
    SelectItem *items = bind_select_list(b, input, rel->exprs, rel->n_exprs, &n);
    items = items ? bind_generator_item(b, &input, items, &n) : NULL;
    const URel *before = b->named_windows;
    b->named_windows = rel;
    Bound *bound = items ? bind_project_items(b, input, items, n) : NULL;
    b->named_windows = before;
    return bound;
}

/* Output columns with one added or replaced each. */
static Bound *bind_with_columns(Binder *b, const URel *rel)
{
    rel = bind_time_windows(b, rel);
    if (!rel)
        return NULL;
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    SelectItem *items = bind_alloc(b, input->n_columns + rel->n_exprs, sizeof(*items));
    if (!items)
        return NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++)
        if (!input->columns[i].hidden)
            items[n++] = (SelectItem){.column = &input->columns[i], .name = input->columns[i].name};
    for (uint32_t i = 0; i < rel->n_exprs; i++) {
        const UExpr *e = rel->exprs[i];
        bool replaced = false;
        for (uint32_t k = 0; k < n; k++) {
            if (!names_equal(b, items[k].name, e->name))
                continue;
            items[k] = (SelectItem){.expr = e, .name = e->name};
            replaced = true;
        }
        if (!replaced && rel->all)
            return bind_missing_column(b, input, e->position, e->name);
        if (!replaced)
            items[n++] = (SelectItem){.expr = e, .name = e->name};
    }
    items = bind_generator_item(b, &input, items, &n);
    return items ? bind_project_items(b, input, items, n) : NULL;
}

static Bound *bind_rename(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    SelectItem *items = bind_alloc(b, input->n_columns, sizeof(*items));
    if (!items)
        return NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++) {
        const BoundColumn *c = &input->columns[i];
        if (c->hidden)
            continue;
        const char *name = c->name;
        for (uint32_t k = 0; k + 1 < rel->n_names; k += 2)
            if (names_equal(b, name, rel->names[k]))
                name = rel->names[k + 1];
        items[n++] = (SelectItem){.column = c, .name = name};
    }
    return bind_project_items(b, input, items, n);
}

static Bound *bind_drop(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    bool *dropped = bind_alloc(b, input->n_columns, sizeof(*dropped));
    SelectItem *items = bind_alloc(b, input->n_columns, sizeof(*items));
    if (!dropped || !items)
        return NULL;
    for (uint32_t k = 0; k < rel->n_names; k++) {
        bool found = !rel->all;
        for (uint32_t i = 0; i < input->n_columns; i++) {
            dropped[i] |= names_equal(b, input->columns[i].name, rel->names[k]);
            found |= dropped[i];
        }
        if (!found)
            return bind_missing_column(b, input, rel->position, rel->names[k]);
    }
    for (uint32_t k = 0; k < rel->n_exprs; k++) {
        /* A column that is not there is no error. */
        if (rel->exprs[k]->kind != UEXPR_COLUMN)
            continue;
        Scope scope = {.bound = input};
        QueryError *error = b->context->error;
        QueryError ignored;
        b->context->error = &ignored;
        Expr *e = bind_expr(b, &scope, rel->exprs[k]);
        b->context->error = error;
        if (!e && b->result != QUERY_E_FAILED)
            return NULL;
        b->result = 0;
        for (uint32_t i = 0; e && i < input->n_columns; i++)
            dropped[i] |= input->columns[i].index == e->column;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++)
        if (!dropped[i] && !input->columns[i].hidden)
            items[n++] = (SelectItem){.column = &input->columns[i], .name = input->columns[i].name};
    return bind_project_items(b, input, items, n);
}

static Bound *bind_to_df(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    uint32_t n = 0;
    SelectItem *items = bind_alloc(b, input->n_columns, sizeof(*items));
    if (!items)
        return NULL;
    for (uint32_t i = 0; i < input->n_columns; i++)
        if (!input->columns[i].hidden)
            items[n++].column = &input->columns[i];
    if (n != rel->n_names)
        return bind_error(b, rel->position, rel->stop, "ASSIGNMENT_ARITY_MISMATCH", "42802",
                          "The number of columns or variables assigned or aliased: %u does not "
                          "match the number of source expressions: %u.",
                          rel->n_names, n);
    for (uint32_t i = 0; i < n; i++)
        items[i].name = rel->names[i];
    return bind_project_items(b, input, items, n);
}

/* ---- alias ---- */

static Bound *bind_alias(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input || !rel->name)
        return input;
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    BoundColumn *columns = bind_alloc(b, input->n_columns, sizeof(*columns));
    if (!bound || !columns)
        return NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++) {
        if (input->columns[i].hidden)
            continue;
        columns[n] = input->columns[i];
        columns[n++].qualifier = rel->name;
    }
    if (rel->n_names > 0 && rel->n_names != n)
        return bind_error(b, rel->position, rel->stop, "ASSIGNMENT_ARITY_MISMATCH", "42802",
                          "The number of columns or variables assigned or aliased: %u does not "
                          "match the number of source expressions: %u.",
                          rel->n_names, n);
    for (uint32_t i = 0; i < rel->n_names; i++)
        columns[i].name = rel->names[i];
    bound->node = input->node;
    bound->columns = columns;
    bound->n_columns = n;
    return bound;
}

/* ---- filter ---- */

/* The scope of @input over the first @n columns of @node: what was joined for subqueries goes. */
Bound *bind_keep_first(Binder *b, const Bound *input, PlanNode *node, uint32_t n)
{
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &node->fields[i];
        exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        names[i] = f->name;
    }
    Bound *bound = bound_over(b, input, bind_project_node(b, node, exprs, names, n));
    if (bound) {
        bound->project = NULL;
        bound->aggregate = NULL;
    }
    return bound;
}

static Bound *bind_filter(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    /* A DataFrame may filter by a column that select() left out just before. */
    bool over_project = input->project != NULL && !uexpr_has_subquery(rel->condition);
    if (!over_project)
        return bind_filter_condition(b, input, rel->condition, "WHERE");
    Expr *condition = bind_extended(b, input, rel->condition, "WHERE", NULL);
    if (!condition)
        return NULL;
    PlanNode *node = bind_pass_node(b, PLAN_FILTER, input->node);
    if (!node)
        return NULL;
    node->filter.condition = condition;
    return bound_over(b, input, node);
}

static bool has_windows(const URel *rel)
{
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (uexpr_has_window(rel->exprs[i]))
            return true;
    return false;
}

static Bound *bind_having(Binder *b, const URel *rel)
{
    /* Window functions see the groups that are left: the condition goes below them. */
    if (rel->input->kind == UREL_AGGREGATE && has_windows(rel->input)) {
        b->having = rel->condition;
        return bind_relation(b, rel->input);
    }
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    PendingList pending = {0};
    Expr *condition = bind_extended(b, input, rel->condition, "HAVING", &pending);
    PlanNode *below = condition ? bind_pending_join(b, input->node, &pending, &condition, 1) : NULL;
    PlanNode *node = below ? bind_pass_node(b, PLAN_FILTER, below) : NULL;
    if (!node)
        return NULL;
    node->filter.condition = condition;
    return below == input->node ? bound_over(b, input, node)
                                : bind_keep_first(b, input, node, input->node->n_fields);
}

/* ---- sort, limit ---- */

/* Columns that only ORDER BY or HAVING needed go away: the visible ones stay. */
static Bound *drop_extra(Binder *b, Bound *bound)
{
    uint32_t n = bound->n_columns;
    if (!bound->project || bound->node->n_fields == n)
        return bound;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &bound->node->fields[bound->columns[i].index];
        exprs[i] =
            bind_check(b, expr_column(b->arena, bound->columns[i].index, f->type, f->nullable));
        names[i] = bound->columns[i].name;
    }
    Bound *made = bound_over(b, bound, bind_project_node(b, bound->node, exprs, names, n));
    if (!made)
        return NULL;
    made->project = NULL;
    made->columns = bind_alloc(b, n, sizeof(*made->columns));
    for (uint32_t i = 0; made->columns && i < n; i++) {
        made->columns[i] = bound->columns[i];
        made->columns[i].index = i;
    }
    return made->columns ? made : NULL;
}

/* Exactly the visible columns, in their order: for operations on whole rows. */
Bound *bound_visible(Binder *b, Bound *bound)
{
    uint32_t n = 0;
    bool identity = true;
    for (uint32_t i = 0; i < bound->n_columns; i++) {
        identity &= !bound->columns[i].hidden && bound->columns[i].index == i;
        n += !bound->columns[i].hidden;
    }
    if (identity && n == bound->node->n_fields)
        return bound;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    BoundColumn *columns = bind_alloc(b, n, sizeof(*columns));
    if (!exprs || !names || !columns)
        return NULL;
    n = 0;
    for (uint32_t i = 0; i < bound->n_columns; i++) {
        const BoundColumn *c = &bound->columns[i];
        if (c->hidden)
            continue;
        const PlanField *f = &bound->node->fields[c->index];
        exprs[n] = bind_check(b, expr_column(b->arena, c->index, f->type, f->nullable));
        names[n] = c->name;
        columns[n] = *c;
        columns[n].index = n;
        n++;
    }
    PlanNode *node = b->result ? NULL : bind_project_node(b, bound->node, exprs, names, n);
    Bound *made = node ? bind_alloc(b, 1, sizeof(*made)) : NULL;
    if (made)
        *made = (Bound){.node = node, .columns = columns, .n_columns = n};
    return made;
}

static Expr *bind_sort_ordinal(Binder *b, const Bound *input, const UExpr *e)
{
    if (e->literal.i < 1 || e->literal.i > input->n_columns)
        return bind_error(b, e->position, e->stop, "ORDER_BY_POS_OUT_OF_RANGE", "42805",
                          "ORDER BY position %lld is not in select list (valid range is [1, %u]).",
                          (long long)e->literal.i, input->n_columns);
    const BoundColumn *c = &input->columns[e->literal.i - 1];
    const PlanField *f = &input->node->fields[c->index];
    return bind_check(b, expr_column(b->arena, c->index, f->type, f->nullable));
}

static bool is_ordinal(const UExpr *e)
{
    return e->kind == UEXPR_LITERAL && e->type.kind == TYPE_INT && !e->literal.is_null;
}

/* Subqueries of ORDER BY are joined below the sort. */
static PlanNode *sort_pending(Binder *b, PlanNode *node, const PendingList *pending, SortKey *keys,
                              uint32_t n)
{
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    if (!exprs)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        exprs[i] = keys[i].expr;
    node = bind_pending_join(b, node, pending, exprs, n);
    for (uint32_t i = 0; i < n; i++)
        keys[i].expr = exprs[i];
    return node;
}

static Bound *bind_sort(Binder *b, const URel *rel)
{
    PendingList pending = {0};
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    uint32_t n_keys = rel->sort_all ? input->n_columns : rel->n_keys;
    SortKey *keys = bind_alloc(b, n_keys, sizeof(*keys));
    if (!keys)
        return NULL;
    for (uint32_t i = 0; i < n_keys; i++) {
        const USortKey *key = &rel->keys[rel->sort_all ? 0 : i];
        keys[i].descending = key->descending;
        keys[i].nulls_first = key->nulls_first;
        if (rel->sort_all) {
            UExpr ordinal = {.kind = UEXPR_LITERAL, .type = TYPE(INT), .literal.i = i + 1};
            keys[i].expr = bind_sort_ordinal(b, input, &ordinal);
        } else if (is_ordinal(key->expr) && b->context->settings.order_by_ordinal) {
            keys[i].expr = bind_sort_ordinal(b, input, key->expr);
        } else {
            keys[i].expr = bind_extended(b, input, key->expr, "ORDER BY", &pending);
        }
        keys[i].expr = bind_sort_key(b, key->expr, keys[i].expr);
        if (!keys[i].expr)
            return NULL;
    }
    PlanNode *below = sort_pending(b, input->node, &pending, keys, n_keys);
    PlanNode *node = below ? bind_pass_node(b, PLAN_SORT, below) : NULL;
    if (!node)
        return NULL;
    node->sort.keys = keys;
    node->sort.n_keys = n_keys;
    node->sort.limit = -1;
    if (pending.n > 0) {
        Bound *kept = bind_keep_first(b, input, node, input->node->n_fields);
        return kept ? bound_visible(b, kept) : NULL;
    }
    Bound *bound = bound_over(b, input, node);
    return bound ? drop_extra(b, bound) : NULL;
}

static bool uexpr_has_column(const UExpr *e)
{
    bool found = e->kind == UEXPR_COLUMN;
    for (uint32_t i = 0; i < e->n_args && !found; i++)
        found = uexpr_has_column(e->args[i]);
    return found;
}

/* A limit is a literal, or folds to one. */
static bool bind_count(Binder *b, const UExpr *e, const char *what, int64_t *ret)
{
    if (uexpr_has_column(e)) {
        bind_error(b, e->position, e->stop, "INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE", "42K0E",
                   "The limit like expression %.200s is invalid. The %s expression must evaluate "
                   "to a constant value.",
                   uexpr_quoted(b, e), what);
        query_error_parameters(b->context->error, "expr", uexpr_quoted(b, e), "name", what, NULL);
        return false;
    }
    Bound *one = bind_one_row(b);
    Scope scope = {.bound = one, .clause = what};
    Expr *made = one ? bind_expr(b, &scope, e) : NULL;
    if (!made)
        return false;
    Literal literal = made->literal;
    bool known = made->kind == EXPR_LITERAL;
    if (!known && b->context->fold && !expr_has_columns(made))
        known = b->context->fold(b->arena, made, &literal) == 0;
    if (!known || !type_is_integral(made->type)) {
        bind_error(
            b, e->position, e->stop,
            known ? "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE"
                  : "INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE",
            "42K0E", "The limit like expression %.200s is invalid. The %s expression must %s.",
            uexpr_quoted(b, e), what, known ? "be integer type" : "evaluate to a constant value");
        char type[130];
        bind_type_text(made->type, type);
        query_error_parameters(b->context->error, "expr", uexpr_quoted(b, e), "name", what,
                               known ? "dataType" : NULL, type, NULL);
        return false;
    }
    if (literal.is_null || literal.i < 0) {
        bind_error(b, e->position, e->stop,
                   literal.is_null ? "INVALID_LIMIT_LIKE_EXPRESSION.IS_NULL"
                                   : "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE",
                   "42K0E",
                   "The limit like expression %.200s is invalid. The evaluated %s expression must "
                   "%s.",
                   uexpr_quoted(b, e), what,
                   literal.is_null ? "not be null" : "be equal to or greater than 0");
        char value[24];
        snprintf(value, sizeof(value), "%lld", (long long)literal.i);
        query_error_parameters(b->context->error, "expr", uexpr_quoted(b, e), "name", what,
                               literal.is_null ? NULL : "v", value, NULL);
        return false;
    }
    *ret = literal.i;
    return true;
}

static Bound *bind_limit(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    input = drop_extra(b, input);
    int64_t limit = -1, offset = 0;
    if (!input || (rel->condition && !bind_count(b, rel->condition, "limit", &limit)) ||
        (rel->offset && !bind_count(b, rel->offset, "offset", &offset)))
        return NULL;
    PlanNode *node = bind_pass_node(b, PLAN_LIMIT, input->node);
    if (!node)
        return NULL;
    node->limit.limit = limit;
    node->limit.offset = offset;
    Bound *bound = bound_over(b, input, node);
    if (bound)
        bound->project = NULL; /* below a limit nothing can be reached */
    return bound;
}

/* ---- WITH ---- */

static Bound *bind_with(Binder *b, const URel *rel)
{
    uint32_t n_before = b->n_ctes;
    uint32_t needed = b->n_ctes + rel->n_inputs;
    if (needed > b->ctes_capacity) {
        uint32_t capacity = MAX(needed, b->ctes_capacity * 2);
        Cte *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return NULL;
        if (b->n_ctes > 0)
            memcpy(grown, b->ctes, b->n_ctes * sizeof(*grown));
        b->ctes = grown;
        b->ctes_capacity = capacity;
    }
    for (uint32_t i = 0; i < rel->n_inputs; i++) {
        for (uint32_t k = n_before; k < b->n_ctes; k++)
            if (names_equal(b, b->ctes[k].name, rel->inputs[i]->name))
                return bind_error(b, rel->inputs[i]->position, rel->inputs[i]->stop,
                                  "DUPLICATED_CTE_NAMES", "42602",
                                  "CTE definition can't have duplicate names: `%.100s`.",
                                  rel->inputs[i]->name);
        CteLoop *loop = rel->all ? bind_alloc(b, 1, sizeof(*loop)) : NULL;
        if (rel->all && !loop)
            return NULL;
        b->ctes[b->n_ctes] = (Cte){rel->inputs[i]->name, rel->inputs[i],
                                   b->n_ctes + (rel->all ? 1 : 0), b->outer, loop};
        b->n_ctes++;
    }
    Bound *bound = bind_relation(b, rel->input);
    b->n_ctes = n_before;
    return bound;
}

static Bound *bind_sample(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    input = input ? drop_extra(b, input) : NULL;
    PlanNode *node = input ? bind_pass_node(b, PLAN_SAMPLE, input->node) : NULL;
    Bound *bound = node ? bound_over(b, input, node) : NULL;
    if (!bound)
        return NULL;
    node->sample.low = rel->low;
    node->sample.high = rel->high;
    node->sample.seed = rel->all ? b->context->now_usec : rel->start;
    bound->project = NULL;
    return bound;
}

static Bound *bind_relation_body(Binder *b, const URel *rel)
{
    switch ((URelKind)rel->kind) {
    case UREL_TABLE:
        return bind_table(b, rel);
    case UREL_FILES:
        return bind_files(b, rel);
    case UREL_ONE_ROW:
        return bind_one_row(b);
    case UREL_VALUES:
        return bind_values(b, rel);
    case UREL_LOCAL:
        return bind_local(b, rel);
    case UREL_RANGE:
        return bind_range(b, rel);
    case UREL_PROJECT:
        return bind_project(b, rel);
    case UREL_FILTER:
        return bind_filter(b, rel);
    case UREL_HAVING:
        return bind_having(b, rel);
    case UREL_JOIN:
        return bind_join(b, rel);
    case UREL_AGGREGATE:
        return bind_aggregate(b, rel);
    case UREL_SORT:
        return bind_sort(b, rel);
    case UREL_LIMIT:
        return bind_limit(b, rel);
    case UREL_SET_OP:
        return bind_set_op(b, rel);
    case UREL_DISTINCT:
    case UREL_DEDUPLICATE:
        return bind_distinct(b, rel);
    case UREL_ALIAS:
        return bind_alias(b, rel);
    case UREL_WITH:
        return bind_with(b, rel);
    case UREL_TO_DF:
        return bind_to_df(b, rel);
    case UREL_WITH_COLUMNS:
        return bind_with_columns(b, rel);
    case UREL_RENAME:
        return bind_rename(b, rel);
    case UREL_DROP:
        return bind_drop(b, rel);
    case UREL_NA_DROP:
        return bind_na_drop(b, rel);
    case UREL_NA_FILL:
        return bind_na_fill(b, rel);
    case UREL_DESCRIBE:
        return bind_describe(b, rel);
    case UREL_REPLACE:
        return bind_replace(b, rel);
    case UREL_UNPIVOT:
        return bind_unpivot(b, rel);
    case UREL_GENERATE:
        return bind_generate(b, rel);
    case UREL_SAMPLE:
        return bind_sample(b, rel);
    case UREL_PIVOT:
        return bind_pivot(b, rel);
    case UREL_SQL_UNPIVOT:
        return bind_sql_unpivot(b, rel);
    case UREL_TO_SCHEMA:
        return bind_to_schema(b, rel);
    case UREL_TRANSPOSE:
        return bind_transpose(b, rel);
    case UREL_TAIL:
        return bind_unsupported(b, rel->position, rel->stop, "tail() below other operations");
    default:
        return bind_unsupported(b, rel->position, rel->stop, "this kind of relation");
    }
}

Bound *bind_relation(Binder *b, const URel *rel)
{
    if (b->result != 0)
        return NULL;
    Bound *bound = bind_relation_body(b, rel);
    if (!bound || b->result != 0)
        return NULL;
    bind_remember_plan_id(b, rel->plan_id, bound);
    return bound;
}

/* ---- entry ---- */

void plan_context_init(PlanContext *context, MemArena *arena, PlanSession *session,
                       SessionFiles *files, QueryError *error)
{
    *context = (PlanContext){
        .arena = arena, .session = session, .files = files, .error = error, .zone_is_fixed = true};
    context->settings = (PlanSettings){.ansi = true,
                                       .group_by_alias = true,
                                       .group_by_ordinal = true,
                                       .order_by_ordinal = true,
                                       .time_zone = "UTC",
                                       .max_to_string_fields = 25};
    if (session)
        plan_session_settings(session, &context->settings);
    const char *zone = context->settings.time_zone;
    context->zone_is_fixed = zone_fixed_offset(zone, strlen(zone), &context->zone_usec);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    context->now_usec = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (getrandom(&context->random, sizeof(context->random), GRND_NONBLOCK) !=
        sizeof(context->random))
        context->random = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void plan_context_release(PlanContext *context)
{
    while (context->n_holds > 0)
        (void)fd_close(context->holds[--context->n_holds]);
}

void plan_context_done(PlanContext *context)
{
    plan_context_release(context);
    for (uint32_t i = 0; i < context->n_views; i++)
        plan_view_unref(context->views[i]);
    context->n_views = 0;
}

int plan_wrap_strings(PlanContext *context, PlanNode *plan, int64_t limit, PlanNode **ret_plan)
{
    Binder b = {.context = context, .arena = context->arena};
    PlanNode *top = bind_pass_node(&b, PLAN_LIMIT, plan);
    Expr **exprs = bind_alloc(&b, plan->n_fields, sizeof(*exprs));
    const char **names = bind_alloc(&b, plan->n_fields, sizeof(*names));
    if (!top || !exprs || !names)
        return b.result;
    top->limit.limit = limit;
    for (uint32_t i = 0; i < plan->n_fields; i++) {
        const PlanField *f = &plan->fields[i];
        Expr *column = bind_check(&b, expr_column(b.arena, i, f->type, f->nullable));
        exprs[i] = bind_show_text(&b, column);
        names[i] = f->name;
        if (!exprs[i])
            return b.result;
    }
    PlanNode *node = bind_project_node(&b, top, exprs, names, plan->n_fields);
    if (!node)
        return b.result;
    *ret_plan = node;
    return 0;
}

int plan_bind(PlanContext *context, const URel *tree, PlanNode **ret_plan)
{
    Binder b = {.context = context,
                .arena = context->arena,
                .database = context->database ? context->database : "default",
                .catalogue_only = context->catalogue_only};
    Bound *bound = bind_relation(&b, tree);
    bound = bound ? bound_visible(&b, bound) : NULL;
    if (!bound)
        return b.result ? b.result : -ENOMEM;
    /* Names are those of the scope, which an alias with column names may have changed. */
    PlanNode *node = bound->node;
    for (uint32_t i = 0; i < bound->n_columns; i++) {
        if (strcmp(bound->columns[i].name, node->fields[i].name) == 0)
            continue;
        Expr **exprs = bind_alloc(&b, node->n_fields, sizeof(*exprs));
        const char **names = bind_alloc(&b, node->n_fields, sizeof(*names));
        if (!exprs || !names)
            return b.result;
        for (uint32_t k = 0; k < node->n_fields; k++) {
            const PlanField *f = &node->fields[k];
            exprs[k] = bind_check(&b, expr_column(b.arena, k, f->type, f->nullable));
            names[k] = bound->columns[k].name;
        }
        node = b.result ? NULL : bind_project_node(&b, node, exprs, names, node->n_fields);
        break;
    }
    if (!node)
        return b.result;
    *ret_plan = node;
    return 0;
}
