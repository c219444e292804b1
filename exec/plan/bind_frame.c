/* SPDX-License-Identifier: Apache-2.0 */

/* What DataFrames have and SQL does not: describe(), replace(), unpivot(), to(). */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_statistic.h"

static Expr *visible_column(Binder *b, const Bound *input, uint32_t i)
{
    const BoundColumn *c = &input->columns[i];
    const PlanField *f = &input->node->fields[c->index];
    return bind_check(b, expr_column(b->arena, c->index, f->type, f->nullable));
}

/* A column of @input by name, or an error. */
static Expr *named_column(Binder *b, const Bound *input, const char *name, const char *clause)
{
    UExpr e = {
        .kind = UEXPR_COLUMN, .parts = &name, .n_parts = 1, .plan_id = UNRESOLVED_NO_PLAN_ID};
    Scope scope = {.bound = input, .clause = clause};
    return bind_expr(b, &scope, &e);
}

/* ---- describe(), summary() ---- */

static bool is_described(Type type)
{
    return type_is_numeric(type) || type.kind == TYPE_STRING;
}

/* The aggregate behind one statistic of one column, cast to text by its reader. */
static bool statistic(Binder *b, const URel *rel, const char *name, Expr *column, Aggregate *a,
                      AggregateFinish *finish)
{
    static const struct {
        const char *name;
        AggregateId id;
    } known[] = {{"count", AGG_COUNT},
                 {"mean", AGG_AVG},
                 {"stddev", AGG_STDDEV_SAMP},
                 {"min", AGG_MIN},
                 {"max", AGG_MAX},
                 {"count_distinct", AGG_COUNT},
                 {"approx_count_distinct", AGG_COUNT}};
    size_t i = 0;
    while (i < ARRAY_SIZE(known) && strcmp(known[i].name, name) != 0)
        i++;
    if (i == ARRAY_SIZE(known)) {
        char *end;
        double percent = strtod(name, &end);
        if (end != name && strcmp(end, "%") == 0 && percent >= 0 && percent <= 100)
            return bind_summary_percentile(b, column, percent / 100, a, finish);
        bind_unsupported(b, rel->position, rel->stop, "this statistic of summary()");
        return false;
    }
    *a = (Aggregate){.id = known[i].id, .nullable = true, .arg = column, .type = column->type};
    if (a->id == AGG_COUNT)
        a->type = TYPE(LONG);
    a->distinct = strstr(name, "distinct") != NULL;
    bool number = a->id == AGG_AVG || a->id == AGG_STDDEV_SAMP;
    bool exact = a->id == AGG_AVG && column->type.kind == TYPE_DECIMAL;
    if (!number)
        return true;
    a->type =
        exact ? type_decimal_bounded(column->type.precision + 4, MIN(column->type.scale + 4, 38))
              : TYPE(DOUBLE);
    /* Text that is no number counts as null. */
    if (!exact)
        a->arg = bind_check(b, expr_cast(b->arena, column, TYPE(DOUBLE), true));
    return a->arg != NULL;
}

/* One row with all statistics, beside a row for each name, of which CASE picks. */
Bound *bind_describe(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    uint32_t capacity = MAX(input->n_columns, rel->n_names), n_columns = 0, n = rel->n_parts;
    Expr **columns = bind_alloc(b, capacity, sizeof(*columns));
    const char **names = bind_alloc(b, capacity + 1, sizeof(*names));
    if (!columns || !names)
        return NULL;
    names[0] = "summary";
    for (uint32_t i = 0; i < rel->n_names; i++) {
        columns[n_columns] = named_column(b, input, rel->names[i], "DESCRIBE");
        if (!columns[n_columns])
            return NULL;
        if (is_described(columns[n_columns]->type))
            names[++n_columns] = rel->names[i];
    }
    for (uint32_t i = 0; rel->n_names == 0 && i < input->n_columns; i++) {
        columns[n_columns] = input->columns[i].hidden ? NULL : visible_column(b, input, i);
        if (b->result)
            return NULL;
        if (columns[n_columns] && is_described(columns[n_columns]->type))
            names[++n_columns] = input->columns[i].name;
    }
    PlanNode *one = bind_node(b, PLAN_AGGREGATE, input->node, n_columns * n);
    Aggregate *aggregates = bind_alloc(b, (size_t)n_columns * n, sizeof(*aggregates));
    AggregateFinish *finishes = bind_alloc(b, (size_t)n_columns * n, sizeof(*finishes));
    UExpr **cells = bind_alloc(b, n, sizeof(*cells));
    if (!one || !aggregates || !finishes || !cells)
        return NULL;
    for (uint32_t i = 0; i < n_columns * n; i++) {
        if (!statistic(b, rel, rel->parts[i % n], columns[i / n], &aggregates[i], &finishes[i]))
            return NULL;
        one->fields[i] = (PlanField){"aggregate", aggregates[i].type, true};
    }
    one->aggregate.aggregates = aggregates;
    one->aggregate.n_aggregates = n_columns * n;
    for (uint32_t i = 0; i < n; i++) {
        cells[i] = bind_alloc(b, 1, sizeof(**cells));
        if (!cells[i])
            return NULL;
        *cells[i] = (UExpr){.kind = UEXPR_LITERAL, .type = TYPE(STRING)};
        cells[i]->literal.s = vec_string(rel->parts[i], (uint32_t)strlen(rel->parts[i]));
    }
    URel values = {.kind = UREL_VALUES,
                   .plan_id = UNRESOLVED_NO_PLAN_ID,
                   .exprs = cells,
                   .n_exprs = n,
                   .n_columns = 1};
    Bound *rows = bind_relation(b, &values);
    PlanNode *both = rows ? bind_join_node(b, JOIN_LEFT, rows->node, one) : NULL;
    Expr **exprs = bind_alloc(b, n_columns + 1, sizeof(*exprs));
    Expr **arms = bind_alloc(b, (size_t)2 * n, sizeof(*arms));
    Expr *which = bind_check(b, expr_column(b->arena, 0, TYPE(STRING), false));
    if (!both || !exprs || !arms || !which)
        return NULL;
    exprs[0] = which;
    for (uint32_t i = 0; i < n_columns; i++) {
        for (uint32_t k = 0; k < n; k++) {
            Expr *name = bind_check(b, expr_literal(b->arena, TYPE(STRING), cells[k]->literal));
            uint32_t at = i * n + k;
            Expr *value = bind_check(b, expr_column(b->arena, 1 + at, one->fields[at].type, true));
            if (value && finishes[at].collected)
                value = bind_finished(b, &aggregates[at], &finishes[at], value);
            arms[2 * k] = name ? bind_check(b, expr_compare(b->arena, FN_EQ, which, name)) : NULL;
            arms[2 * k + 1] = bind_cast_to(b, value, TYPE(STRING));
        }
        exprs[i + 1] = bind_case(b, TYPE(STRING), arms, 2 * n);
    }
    Bound *bound = bound_new(b, bind_project_node(b, both, exprs, names, n_columns + 1));
    if (bound)
        bound->node->fields[0].nullable = true;
    return bound;
}

/* ---- replace() ---- */

static bool is_named(Binder *b, const URel *rel, const char *name)
{
    for (uint32_t i = 0; i < rel->n_names; i++)
        if (names_equal(b, rel->names[i], name))
            return true;
    return rel->n_names == 0;
}

static bool replaces(Type old, Type column)
{
    return type_is_numeric(old) ? type_is_numeric(column) : old.kind == column.kind;
}

Bound *bind_replace(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    uint32_t n = input->node->n_fields;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    Expr **arms = bind_alloc(b, rel->n_exprs + 1, sizeof(*arms));
    if (!exprs || !names || !arms)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &input->node->fields[i];
        exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        names[i] = f->name;
    }
    Scope scope = {.bound = input, .clause = "REPLACE"};
    for (uint32_t c = 0; c < input->n_columns && b->result == 0; c++) {
        uint32_t i = input->columns[c].index, n_arms = 0;
        if (!is_named(b, rel, input->columns[c].name))
            continue;
        for (uint32_t k = 0; k + 1 < rel->n_exprs; k += 2) {
            Expr *old = bind_expr(b, &scope, rel->exprs[k]);
            Expr *new = bind_expr(b, &scope, rel->exprs[k + 1]);
            if (!old || !new)
                return NULL;
            bool is_null = old->type.kind == TYPE_NULL;
            if (is_null || !replaces(old->type, exprs[i]->type))
                continue;
            arms[n_arms++] = bind_binary(b, rel->exprs[k], FN_EQ, exprs[i], old);
            arms[n_arms++] = bind_cast_to(b, new, exprs[i]->type);
        }
        if (n_arms == 0)
            continue;
        arms[n_arms++] = exprs[i];
        exprs[i] = bind_case(b, input->node->fields[i].type, arms, n_arms);
        if (exprs[i])
            exprs[i]->nullable = true;
    }
    PlanNode *node = b->result ? NULL : bind_project_node(b, input->node, exprs, names, n);
    Bound *bound = node ? bind_alloc(b, 1, sizeof(*bound)) : NULL;
    if (bound)
        *bound = (Bound){.node = node, .columns = input->columns, .n_columns = input->n_columns};
    return bound;
}

/* ---- unpivot() ---- */

/* Its values are @groups, or with none all columns that are no id. */
Bound *bind_unpivot(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    Scope scope = {.bound = input, .outer = b->outer, .clause = "UNPIVOT"};
    uint32_t n_ids = rel->n_exprs, n_values = 0;
    uint32_t room = MAX(rel->n_groups, input->n_columns);
    Expr **ids = bind_alloc(b, n_ids, sizeof(*ids));
    Expr **values = bind_alloc(b, room, sizeof(*values));
    const char **value_names = bind_alloc(b, room, sizeof(*value_names));
    const char **names = bind_alloc(b, n_ids + 2, sizeof(*names));
    if (!ids || !values || !value_names || !names)
        return NULL;
    for (uint32_t i = 0; i < n_ids; i++) {
        ids[i] = bind_expr(b, &scope, rel->exprs[i]);
        names[i] = uexpr_name(b, rel->exprs[i]);
        if (!ids[i] || !names[i])
            return NULL;
    }
    names[n_ids] = rel->names[0];
    names[n_ids + 1] = rel->names[1];
    for (uint32_t i = 0; i < rel->n_groups; i++) {
        values[n_values] = bind_expr(b, &scope, rel->groups[i]);
        value_names[n_values] = uexpr_name(b, rel->groups[i]);
        if (!values[n_values] || !value_names[n_values++])
            return NULL;
    }
    for (uint32_t i = 0; rel->n_groups == 0 && i < input->n_columns; i++) {
        bool is_id = input->columns[i].hidden;
        for (uint32_t k = 0; k < n_ids; k++)
            is_id |= ids[k]->kind == EXPR_COLUMN && ids[k]->column == input->columns[i].index;
        if (is_id)
            continue;
        values[n_values] = visible_column(b, input, i);
        value_names[n_values++] = input->columns[i].name;
    }
    if (n_values == 0)
        return bind_error(b, rel->position, rel->stop, "UNPIVOT_REQUIRES_VALUE_COLUMNS", "42K0A",
                          "At least one value column needs to be specified for UNPIVOT, all "
                          "columns specified as ids.");
    Type type;
    if (!bind_common_type(b, values, n_values, &type))
        return bind_error(b, rel->position, rel->stop, "UNPIVOT_VALUE_DATA_TYPE_MISMATCH", "42K09",
                          "Unpivot value columns must share a least common type.");
    for (uint32_t i = 0; i < n_values; i++) {
        values[i] = bind_cast_to(b, values[i], type);
        if (!values[i])
            return NULL;
    }
    return bind_unpivot_node(b, input, ids, names, n_ids, values, value_names, n_values, 1);
}

/* ---- to() ---- */

Bound *bind_to_schema(Binder *b, const URel *rel)
{
    Bound *input = bind_relation(b, rel->input);
    if (!input)
        return NULL;
    Expr **exprs = bind_alloc(b, rel->n_fields, sizeof(*exprs));
    const char **names = bind_alloc(b, rel->n_fields, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < rel->n_fields; i++) {
        const PlanField *f = &rel->fields[i];
        Expr *column = named_column(b, input, f->name, "TO");
        if (!column)
            return NULL;
        if (!type_can_cast(column->type, f->type, true)) {
            char from[130], to[130];
            bind_type_text(column->type, from);
            bind_type_text(f->type, to);
            return bind_error(b, rel->position, rel->stop, "INVALID_COLUMN_OR_FIELD_DATA_TYPE",
                              "42000",
                              "Column or field `%.100s` is of type %s while it's required to be "
                              "%s.",
                              f->name, from, to);
        }
        if (column->nullable && !f->nullable)
            return bind_error(b, rel->position, rel->stop, "NULLABLE_COLUMN_OR_FIELD", "42000",
                              "Column or field `%.100s` is nullable while it's required to be "
                              "non-nullable.",
                              f->name);
        exprs[i] = bind_cast_to(b, column, f->type);
        names[i] = f->name;
    }
    PlanNode *node =
        b->result ? NULL : bind_project_node(b, input->node, exprs, names, rel->n_fields);
    for (uint32_t i = 0; node && i < rel->n_fields; i++)
        node->fields[i].nullable = rel->fields[i].nullable;
    return bound_new(b, node);
}
