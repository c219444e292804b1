/* SPDX-License-Identifier: Apache-2.0 */

/*
 * PIVOT: one aggregation by the groups and the pivot columns, and a second one that lays its rows
 * side by side. UNPIVOT: each row once for each entry, through an Expand.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

/* ---- UNPIVOT ---- */

static Expr *pass(Binder *b, const PlanNode *node, uint32_t i)
{
    const PlanField *f = &node->fields[i];
    return bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
}

static PlanNode *repeat(Binder *b, PlanNode *input, uint32_t times)
{
    PlanNode *node = bind_node(b, PLAN_EXPAND, input, input->n_fields + 1);
    uint64_t *sets = bind_alloc(b, times, sizeof(*sets));
    int64_t *ids = bind_alloc(b, times, sizeof(*ids));
    if (!node || !sets || !ids)
        return NULL;
    memcpy(node->fields, input->fields, input->n_fields * sizeof(*node->fields));
    node->fields[input->n_fields] = (PlanField){"entry", TYPE(LONG), false};
    for (uint32_t i = 0; i < times; i++)
        ids[i] = i;
    node->expand.sets = sets;
    node->expand.ids = ids;
    node->expand.n_sets = times;
    return node;
}

/* CASE @number WHEN 0 THEN exprs[0] ... */
static Expr *choose(Binder *b, Expr *number, Expr *const *exprs, uint32_t n, uint32_t stride)
{
    Type type = exprs[0]->type;
    Expr **args = bind_alloc(b, 2 * (size_t)n, sizeof(*args));
    if (!args || !number)
        return NULL;
    bool nullable = false;
    for (uint32_t i = 0; i < n; i++) {
        Expr *value = exprs[(size_t)i * stride];
        Expr *here = bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = i}));
        if (!value || !here)
            return NULL;
        nullable |= value->nullable;
        /* The last entry is what is left: so the result is null only where a value is. */
        args[2 * i] =
            i + 1 < n ? bind_check(b, expr_compare(b->arena, FN_EQ, number, here)) : value;
        args[2 * i + (i + 1 < n)] = value;
    }
    if (n == 1)
        return exprs[0];
    Expr *made = b->result ? NULL : bind_case(b, type, args, 2 * n - 1);
    if (made)
        made->nullable = nullable;
    return made;
}

Bound *bind_unpivot_node(Binder *b, const Bound *input, Expr *const *ids, const char *const *names,
                         uint32_t n_ids, Expr **values, const char *const *entries,
                         uint32_t n_entries, uint32_t n_values)
{
    PlanNode *rows = repeat(b, input->node, n_entries);
    uint32_t n = n_ids + 1 + n_values;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    Expr **texts = bind_alloc(b, n_entries, sizeof(*texts));
    const char **all_names = bind_alloc(b, n, sizeof(*all_names));
    if (!rows || !exprs || !texts || !all_names)
        return NULL;
    Expr *number = pass(b, rows, rows->n_fields - 1);
    for (uint32_t i = 0; i < n_entries; i++) {
        Literal name = {.s = vec_string(entries[i], (uint32_t)strlen(entries[i]))};
        texts[i] = bind_check(b, expr_literal(b->arena, TYPE(STRING), name));
    }
    if (b->result)
        return NULL;
    memcpy(exprs, ids, n_ids * sizeof(*exprs));
    memcpy(all_names, names, n * sizeof(*all_names));
    exprs[n_ids] = choose(b, number, texts, n_entries, 1);
    for (uint32_t k = 0; k < n_values; k++)
        exprs[n_ids + 1 + k] = choose(b, number, values + k, n_entries, n_values);
    return b->result ? NULL : bound_new(b, bind_project_node(b, rows, exprs, all_names, n));
}

/* (a AS x, b, ...): SQL's UNPIVOT. Entry i has values i * n_columns on; the ids are all the rest.
 */
Bound *bind_sql_unpivot(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    input = input ? bound_visible(b, input) : NULL;
    if (!input)
        return NULL;
    uint32_t n_columns = rel->n_columns, n_entries = rel->n_groups / n_columns, n_ids = 0;
    Scope scope = {.bound = input, .outer = b->outer, .clause = "UNPIVOT"};
    Expr **values = bind_alloc(b, rel->n_groups, sizeof(*values));
    Expr **ids = bind_alloc(b, input->n_columns, sizeof(*ids));
    const char **names = bind_alloc(b, input->n_columns + 1 + n_columns, sizeof(*names));
    const char **entries = bind_alloc(b, n_entries, sizeof(*entries));
    bool *used = bind_alloc(b, input->node->n_fields, sizeof(*used));
    if (!values || !ids || !names || !entries || !used)
        return NULL;
    for (uint32_t i = 0; i < rel->n_groups; i++) {
        values[i] = bind_expr(b, &scope, rel->groups[i]);
        if (!values[i])
            return NULL;
        if (values[i]->kind != EXPR_COLUMN || values[i]->column >= input->node->n_fields)
            return bind_error(b, rel->position, rel->stop, "UNPIVOT_REQUIRES_ATTRIBUTES", "42K0A",
                              "UNPIVOT requires all given values expressions to be columns.");
        used[values[i]->column] = true;
    }
    for (uint32_t i = 0; i < n_entries; i++) {
        entries[i] = rel->parts[i];
        if (entries[i])
            continue;
        char name[600];
        size_t n = 0;
        name[0] = '\0';
        for (uint32_t k = 0; k < n_columns && n < sizeof(name) - 130; k++) {
            const UExpr *e = rel->groups[i * n_columns + k];
            n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%.120s", k ? "_" : "",
                                  e->parts[e->n_parts - 1]);
        }
        entries[i] = mem_arena_strndup(b->arena, name, n);
        if (!entries[i])
            return bind_fail(b, mem_arena_error(b->arena));
    }
    for (uint32_t k = 0; k < n_columns; k++) {
        Expr **column = bind_alloc(b, n_entries, sizeof(*column));
        Type type;
        for (uint32_t i = 0; column && i < n_entries; i++)
            column[i] = values[i * n_columns + k];
        if (!column || !bind_common_type(b, column, n_entries, &type))
            return bind_error(b, rel->position, rel->stop, "UNPIVOT_VALUE_DATA_TYPE_MISMATCH",
                              "42K09", "Unpivot value columns must share a least common type.");
        for (uint32_t i = 0; i < n_entries; i++)
            values[i * n_columns + k] = bind_cast_to(b, column[i], type);
    }
    for (uint32_t i = 0; i < input->n_columns; i++) {
        if (used[input->columns[i].index])
            continue;
        ids[n_ids] = pass(b, input->node, input->columns[i].index);
        names[n_ids++] = input->columns[i].name;
    }
    for (uint32_t i = 0; i < 1 + n_columns; i++)
        names[n_ids + i] = rel->names[i];
    Bound *bound = b->result ? NULL
                             : bind_unpivot_node(b, input, ids, names, n_ids, values, entries,
                                                 n_entries, n_columns);
    if (!bound || rel->all)
        return bound;
    /* EXCLUDE NULLS: rows with no value at all go. */
    ExprList known = {0};
    for (uint32_t k = 0; k < n_columns; k++) {
        Expr *column = pass(b, bound->node, n_ids + 1 + k);
        Expr *is = column ? bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false,
                                                    &column, 1))
                          : NULL;
        if (!is || !expr_list_add(b->arena, &known, is))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    PlanNode *filter = bind_pass_node(b, PLAN_FILTER, bound->node);
    if (!filter)
        return NULL;
    filter->filter.condition = bind_check(b, expr_balanced(b->arena, FN_OR, known.items, known.n));
    return b->result ? NULL : bound_over(b, bound, filter);
}

/* ---- PIVOT ---- */

static void note_columns(Binder *b, const Bound *input, const UExpr *e, bool *used)
{
    int matches;
    if (e->kind == UEXPR_COLUMN) {
        const BoundColumn *c = bind_find(b, input, e, &matches);
        if (c)
            used[c->index] = true;
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        note_columns(b, input, e->args[i], used);
    if (e->filter)
        note_columns(b, input, e->filter, used);
}

/* SQL has no GROUP BY here: all columns that are not used are groups. */
static UExpr **other_columns(Binder *b, const Bound *input, const URel *rel, uint32_t *ret_n)
{
    bool *used = bind_alloc(b, input->node->n_fields, sizeof(*used));
    UExpr **groups = bind_alloc(b, input->n_columns, sizeof(*groups));
    UBuilder builder = {.arena = b->arena, .error = b->context->error};
    if (!used || !groups)
        return NULL;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        note_columns(b, input, rel->exprs[i], used);
    for (uint32_t i = 0; i < rel->n_pivots; i++)
        note_columns(b, input, rel->pivots[i], used);
    uint32_t n = 0;
    for (uint32_t i = 0; i < input->n_columns; i++) {
        const BoundColumn *c = &input->columns[i];
        if (c->hidden || used[c->index])
            continue;
        const char *parts[2] = {c->qualifier, c->name};
        groups[n] =
            c->qualifier ? uexpr_column(&builder, parts, 2) : uexpr_column(&builder, parts + 1, 1);
        if (!groups[n++])
            return bind_fail(b, builder.result);
    }
    *ret_n = n;
    return groups;
}

/* The value as text: names the columns. */
static bool has_name(const UExpr *e)
{
    for (uint32_t i = 0; i < e->n_args; i++)
        if (has_name(e->args[i]))
            return true;
    return e->kind == UEXPR_COLUMN || e->kind == UEXPR_SUBQUERY;
}

static void *not_literal(Binder *b, const UExpr *e)
{
    bind_error(b, e->position, e->stop, "NON_LITERAL_PIVOT_VALUES", "42K08",
               "Literal expressions required for pivot values, found %.200s.", uexpr_quoted(b, e));
    query_error_parameters(b->context->error, "expression", uexpr_quoted(b, e), NULL);
    return NULL;
}

static bool value_text(Binder *b, const UExpr *e, Expr *value, char *buf, size_t size)
{
    Expr *text = bind_cast_to(b, value, TYPE(STRING));
    Literal literal;
    if (!text)
        return false;
    bool known = text->kind == EXPR_LITERAL;
    if (known)
        literal = text->literal;
    else
        known = !expr_has_columns(text) && b->context->fold &&
                b->context->fold(b->arena, text, &literal) == 0;
    if (!known) {
        not_literal(b, e);
        return false;
    }
    if (literal.is_null)
        snprintf(buf, size, "null");
    else
        snprintf(buf, size, "%.*s", (int)MIN(literal.s.length, 200u), vec_string_data(&literal.s));
    return true;
}

/* pivot() without values: all different ones, in their order. */
static UExpr **all_values(Binder *b, const URel *rel, const Bound *input, uint32_t *ret_n)
{
    enum { VALUES_MAX = 10000 }; /* spark.sql.pivotMaxValues */
    PlanContext *c = b->context;
    if (!c->collect)
        return bind_unsupported(b, rel->position, rel->stop, "pivot() without values");
    Scope scope = {.bound = input, .outer = b->outer, .clause = "PIVOT"};
    Expr **exprs = bind_alloc(b, 1, sizeof(*exprs));
    const char **names = bind_alloc(b, 1, sizeof(*names));
    SortKey *key = bind_alloc(b, 1, sizeof(*key));
    Literal *values = bind_alloc(b, VALUES_MAX + 1, sizeof(*values));
    UExpr **made = bind_alloc(b, VALUES_MAX + 1, sizeof(*made));
    if (!exprs || !names || !key || !values || !made)
        return NULL;
    exprs[0] = bind_expr(b, &scope, rel->pivots[0]);
    names[0] = "value";
    PlanNode *project = exprs[0] ? bind_project_node(b, input->node, exprs, names, 1) : NULL;
    PlanNode *distinct = bind_pass_node(b, PLAN_DISTINCT, project);
    PlanNode *sort = bind_pass_node(b, PLAN_SORT, distinct);
    PlanNode *limit = bind_pass_node(b, PLAN_LIMIT, sort);
    if (!limit)
        return NULL;
    Type type = project->fields[0].type;
    if (type.kind == TYPE_ARRAY || type.kind == TYPE_MAP || type.kind == TYPE_STRUCT)
        return bind_unsupported(b, rel->position, rel->stop, "pivot() of nested values");
    *key = (SortKey){.expr = pass(b, distinct, 0), .nulls_first = true};
    sort->sort.keys = key;
    sort->sort.n_keys = 1;
    sort->sort.limit = -1;
    limit->limit.limit = VALUES_MAX + 1;
    if (b->result)
        return NULL;
    uint32_t n;
    int r = c->collect(c->collect_userdata, limit, VALUES_MAX + 1, values, &n);
    if (r != 0)
        return bind_fail(b, r);
    if (n > VALUES_MAX)
        return bind_error(b, rel->position, rel->stop, "_LEGACY_ERROR_TEMP_1324", "42000",
                          "The pivot column %.200s has more than %d distinct values, this could "
                          "indicate an error. If this was intended, set spark.sql.pivotMaxValues "
                          "to at least the number of distinct values of the pivot column.",
                          uexpr_name(b, rel->pivots[0]), VALUES_MAX);
    UBuilder builder = {.arena = b->arena, .error = c->error};
    for (uint32_t i = 0; i < n; i++) {
        made[i] = uexpr_literal(&builder, type, values[i]);
        if (!made[i])
            return bind_fail(b, builder.result);
    }
    *ret_n = n;
    return made;
}

typedef struct PivotValue {
    const char *name;
    Expr *condition; /* over the first aggregation */
} PivotValue;

static bool pivot_value(Binder *b, const URel *rel, const PlanNode *node, uint32_t first,
                        const UExpr *e, PivotValue *ret)
{
    const char *alias = NULL;
    char name[1200], text[220];
    size_t n = 0;
    if (e->kind == UEXPR_ALIAS) {
        alias = e->name;
        e = e->args[0];
    }
    bool row = rel->n_pivots > 1;
    if (row && (e->kind != UEXPR_CALL || e->n_args != rel->n_pivots))
        return bind_error(b, e->position, e->stop, "PIVOT_VALUE_DATA_TYPE_MISMATCH", "42K09",
                          "Invalid pivot value: it must have one value for each pivot column."),
               false;
    Bound *one = bind_one_row(b);
    ExprList parts = {0};
    for (uint32_t k = 0; one && k < rel->n_pivots; k++) {
        const UExpr *source = row ? e->args[k] : e;
        Scope scope = {.bound = one, .clause = "PIVOT"};
        if (has_name(source))
            return not_literal(b, source), false;
        Expr *value = bind_expr(b, &scope, source);
        if (!value || !value_text(b, source, value, text, sizeof(text)))
            return false;
        n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%s", k ? ", " : row ? "{" : "", text);
        n = MIN(n, sizeof(name) - 2);
        Expr *same = bind_binary(b, source, FN_EQ_NULL_SAFE, pass(b, node, first + k), value);
        if (!same || !expr_list_add(b->arena, &parts, same))
            return bind_fail(b, mem_arena_error(b->arena)), false;
    }
    if (row)
        name[n++] = '}';
    ret->name = alias ? alias : mem_arena_strndup(b->arena, name, n);
    ret->condition = bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n));
    return ret->name && ret->condition && !b->result;
}

static const char *pivot_name(Binder *b, const URel *rel, const PivotValue *value, const UExpr *e)
{
    if (rel->n_exprs == 1)
        return value->name;
    const char *aggregate = uexpr_name(b, e);
    if (!aggregate)
        return NULL;
    char name[600];
    int n = snprintf(name, sizeof(name), "%.250s_%.300s", value->name, aggregate);
    const char *copy = mem_arena_strndup(b->arena, name, (size_t)n);
    return copy ? copy : bind_fail(b, mem_arena_error(b->arena));
}

Bound *bind_pivot(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (!uexpr_has_aggregate(rel->exprs[i]))
            return bind_error(b, rel->exprs[i]->position, rel->exprs[i]->stop,
                              "_LEGACY_ERROR_TEMP_1006", "42000",
                              "Aggregate expression required for pivot, but %.200s did not appear "
                              "in any aggregate function.",
                              uexpr_quoted(b, rel->exprs[i]));
    uint32_t n_groups = rel->n_groups;
    UExpr **groups = rel->with_groups ? rel->groups : other_columns(b, input, rel, &n_groups);
    uint32_t n_keys = n_groups + rel->n_pivots, n_first = n_keys + rel->n_exprs;
    UExpr **exprs = bind_alloc(b, n_first, sizeof(*exprs));
    if ((n_groups > 0 && !groups) || !exprs)
        return NULL;
    for (uint32_t i = 0; i < n_groups; i++)
        exprs[i] = groups[i];
    for (uint32_t i = 0; i < rel->n_pivots; i++)
        exprs[n_groups + i] = rel->pivots[i];
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        exprs[n_keys + i] = rel->exprs[i];
    URel by = {.kind = UREL_AGGREGATE,
               .groups = exprs,
               .n_groups = n_keys,
               .exprs = exprs,
               .n_exprs = n_first,
               .position = rel->position,
               .stop = rel->stop,
               .plan_id = UNRESOLVED_NO_PLAN_ID};
    Bound *first = bind_aggregate_over(b, input, &by);
    if (!first)
        return NULL;
    UExpr **pivot_values = rel->values;
    uint32_t n_pivot_values = rel->n_values;
    if (n_pivot_values == 0) {
        pivot_values = all_values(b, rel, input, &n_pivot_values);
        if (!pivot_values)
            return NULL;
    }
    uint32_t n_values = n_pivot_values * rel->n_exprs;
    PlanNode *node = bind_node(b, PLAN_AGGREGATE, first->node, n_groups + n_values);
    Expr **keys = bind_alloc(b, n_groups, sizeof(*keys));
    Aggregate *aggregates = bind_alloc(b, n_values, sizeof(*aggregates));
    if (!node || !keys || !aggregates)
        return NULL;
    for (uint32_t i = 0; i < n_groups; i++) {
        keys[i] = pass(b, first->node, i);
        node->fields[i] = first->node->fields[i];
    }
    for (uint32_t v = 0; v < n_pivot_values; v++) {
        PivotValue value;
        if (!pivot_value(b, rel, first->node, n_groups, pivot_values[v], &value))
            return NULL;
        for (uint32_t i = 0; i < rel->n_exprs; i++) {
            uint32_t at = v * rel->n_exprs + i;
            Expr *arg = pass(b, first->node, n_keys + i);
            const char *name = pivot_name(b, rel, &value, rel->exprs[i]);
            if (!arg || !name)
                return NULL;
            aggregates[at] = (Aggregate){.id = AGG_FIRST_KNOWN,
                                         .nullable = true,
                                         .type = arg->type,
                                         .arg = arg,
                                         .filter = value.condition};
            node->fields[n_groups + at] = (PlanField){name, arg->type, true};
        }
    }
    node->aggregate.groups = keys;
    node->aggregate.n_groups = n_groups;
    node->aggregate.aggregates = aggregates;
    node->aggregate.n_aggregates = n_values;
    Bound *bound = b->result ? NULL : bound_new(b, node);
    for (uint32_t i = 0; bound && i < n_groups; i++) {
        bound->columns[i].attribute = first->columns[i].attribute;
        bound->columns[i].qualifier = first->columns[i].qualifier;
    }
    return bound;
}
