/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ROLLUP, CUBE, GROUPING SETS. The items of GROUP BY become sets over the list of all different
 * groups; an Expand below the aggregation gives each row once per set, without the groups that the
 * set leaves out, and with the set's number: bit i from the right is 1 when group n-1-i is left
 * out, which is what grouping_id() says.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

#define SETS_MAX 4096u
#define GROUPS_MAX 64u

bool grouping_is_construct(const UExpr *e)
{
    return e->kind == UEXPR_CALL && e->name[0] &&
           (strcmp(e->name, UGROUP_ROLLUP) == 0 || strcmp(e->name, UGROUP_CUBE) == 0 ||
            strcmp(e->name, UGROUP_SETS) == 0 || strcmp(e->name, UGROUP_SETS_OF) == 0);
}

static bool is_composite(const UExpr *e)
{
    return e->kind == UEXPR_CALL && strcmp(e->name, UGROUP_SET) == 0;
}

uint32_t grouping_leaves(const UExpr *e)
{
    if (!grouping_is_construct(e) && !is_composite(e))
        return 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += grouping_leaves(e->args[i]);
    return n;
}

typedef struct SetList {
    uint64_t *items;
    uint32_t n;
} SetList;

static bool too_large(Binder *b, const UExpr *e)
{
    bind_error(b, e->position, e->stop, "GROUPING_SIZE_LIMIT_EXCEEDED", "54000",
               "Grouping sets size cannot be greater than %u.", GROUPS_MAX);
    query_error_parameters(b->context->error, "maxSize", "64", NULL);
    return false;
}

/* The groups of one element: a column, or several in parentheses. */
static bool element(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel, const UExpr *e,
                    uint64_t *ret)
{
    if (is_composite(e)) {
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!element(b, a, scope, rel, e->args[i], ret))
                return false;
        return true;
    }
    uint32_t number;
    if (!bind_group_item(b, a, scope, rel, e, &number))
        return false;
    if (number >= GROUPS_MAX)
        return too_large(b, e);
    *ret |= UINT64_C(1) << number;
    return true;
}

static bool sets_add(Binder *b, const UExpr *e, SetList *list, uint64_t set)
{
    if (list->n == SETS_MAX)
        return bind_unsupported(b, e->position, e->stop, "more than 4096 grouping sets"), false;
    if ((list->n & (list->n - 1)) == 0) {
        uint64_t *grown = bind_alloc(b, list->n ? (size_t)list->n * 2 : 1, sizeof(*grown));
        if (!grown)
            return false;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
    }
    list->items[list->n++] = set;
    return true;
}

static bool sets_of(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel, const UExpr *e,
                    SetList *list);

static bool rollup_or_cube(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel,
                           const UExpr *e, SetList *list)
{
    uint64_t *elements = bind_alloc(b, e->n_args, sizeof(*elements));
    if (!elements)
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!element(b, a, scope, rel, e->args[i], &elements[i]))
            return false;
    if (strcmp(e->name, UGROUP_ROLLUP) == 0) {
        for (uint32_t n = e->n_args + 1; n-- > 0;) {
            uint64_t set = 0;
            for (uint32_t i = 0; i < n; i++)
                set |= elements[i];
            if (!sets_add(b, e, list, set))
                return false;
        }
        return true;
    }
    if (e->n_args > 12)
        return bind_unsupported(b, e->position, e->stop, "more than 4096 grouping sets"), false;
    for (uint32_t left_out = 0; left_out < 1u << e->n_args; left_out++) {
        uint64_t set = 0;
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!(left_out >> (e->n_args - 1 - i) & 1))
                set |= elements[i];
        if (!sets_add(b, e, list, set))
            return false;
    }
    return true;
}

static bool sets_of(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel, const UExpr *e,
                    SetList *list)
{
    if (!grouping_is_construct(e)) {
        uint64_t set = 0;
        return element(b, a, scope, rel, e, &set) && sets_add(b, e, list, set);
    }
    if (strcmp(e->name, UGROUP_ROLLUP) == 0 || strcmp(e->name, UGROUP_CUBE) == 0)
        return rollup_or_cube(b, a, scope, rel, e, list);
    uint32_t first = 0;
    if (strcmp(e->name, UGROUP_SETS_OF) == 0) {
        /* GROUP BY a, b GROUPING SETS (...): the groups are named first, in their order. */
        uint64_t ignored = 0;
        if (!element(b, a, scope, rel, e->args[0], &ignored))
            return false;
        first = 1;
    }
    for (uint32_t i = first; i < e->n_args; i++)
        if (!sets_of(b, a, scope, rel, e->args[i], list))
            return false;
    return true;
}

static bool has_repeated_set(const BoundAggregate *a)
{
    for (uint32_t i = 0; i < a->n_sets; i++)
        for (uint32_t k = 0; k < i; k++)
            if (a->sets[i] == a->sets[k])
                return true;
    return false;
}

/* Several items: every set of one with every set of the next. */
bool bind_grouping_sets(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel)
{
    SetList all = {0};
    for (uint32_t i = 0; i < rel->n_groups; i++) {
        SetList here = {0}, product = {0};
        if (!sets_of(b, a, scope, rel, rel->groups[i], &here))
            return false;
        if (i == 0) {
            all = here;
            continue;
        }
        for (uint32_t k = 0; k < all.n; k++)
            for (uint32_t j = 0; j < here.n; j++)
                if (!sets_add(b, rel->groups[i], &product, all.items[k] | here.items[j]))
                    return false;
        all = product;
    }
    a->sets = all.items;
    a->n_sets = all.n;
    uint64_t everywhere = UINT64_MAX;
    for (uint32_t i = 0; i < all.n; i++)
        everywhere &= all.items[i];
    a->kept_in_all = everywhere;
    a->n_extra = has_repeated_set(a) ? 2 : 1;
    return true;
}

static int64_t set_id(const BoundAggregate *a, uint64_t set)
{
    uint64_t id = 0;
    for (uint32_t i = 0; i < a->n_groups; i++)
        id |= (uint64_t) !(set >> i & 1) << (a->n_groups - 1 - i);
    return (int64_t)id;
}

PlanNode *bind_expand(Binder *b, BoundAggregate *a)
{
    PlanNode *input = a->input->node;
    uint32_t n_input = input->n_fields, n = n_input + a->n_groups;
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (i < n_input) {
            const PlanField *f = &input->fields[i];
            exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
            names[i] = f->name;
            continue;
        }
        exprs[i] = a->groups[i - n_input];
        names[i] = exprs[i]->kind == EXPR_COLUMN && exprs[i]->column < n_input
                       ? input->fields[exprs[i]->column].name
                       : "group";
    }
    if (b->result)
        return NULL;
    PlanNode *project = bind_project_node(b, input, exprs, names, n);
    PlanNode *node = project ? bind_node(b, PLAN_EXPAND, project, n + a->n_extra) : NULL;
    uint32_t *keys = bind_alloc(b, a->n_groups, sizeof(*keys));
    int64_t *ids = bind_alloc(b, a->n_sets, sizeof(*ids));
    if (!node || !keys || !ids)
        return NULL;
    memcpy(node->fields, project->fields, n * sizeof(*node->fields));
    for (uint32_t i = 0; i < a->n_groups; i++) {
        keys[i] = n_input + i;
        node->fields[n_input + i].nullable |= !(a->kept_in_all >> i & 1);
    }
    for (uint32_t i = 0; i < a->n_sets; i++)
        ids[i] = set_id(a, a->sets[i]);
    node->fields[n] = (PlanField){"spark_grouping_id", TYPE(LONG), false};
    if (a->n_extra > 1)
        node->fields[n + 1] = (PlanField){"_gen_grouping_pos", TYPE(LONG), false};
    node->expand.keys = keys;
    node->expand.n_keys = a->n_groups;
    node->expand.sets = a->sets;
    node->expand.ids = ids;
    node->expand.n_sets = a->n_sets;
    return node;
}

/* The number of a group among those of the aggregation. */
static bool group_of(const BoundAggregate *a, const Expr *e, uint32_t *ret)
{
    for (uint32_t i = 0; i < a->n_groups; i++) {
        if (expr_equal(a->groups[i], e)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static void *grouping_mismatch(Binder *b, const UExpr *e, bool id)
{
    if (id)
        return bind_error(b, e->position, e->stop, "GROUPING_ID_COLUMN_MISMATCH", "42803",
                          "Columns of %.200s do not match the grouping columns.", uexpr_name(b, e));
    return bind_error(b, e->position, e->stop, "GROUPING_COLUMN_MISMATCH", "42803",
                      "Column of grouping (%.200s) can't be found in grouping columns.",
                      uexpr_name(b, e->args[0]));
}

Expr *bind_grouping_call(Binder *b, Scope *scope, const UExpr *e)
{
    BoundAggregate *a = scope->aggregate;
    bool id = strcmp(e->name, "grouping_id") == 0;
    if (!a || !a->sets || scope->inside_aggregate)
        return bind_error(b, e->position, e->stop, "UNSUPPORTED_GROUPING_EXPRESSION", "42K0E",
                          "grouping()/grouping_id() can only be used with "
                          "GroupingSets/Cube/Rollup.");
    if (!id && e->n_args != 1)
        return bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
                          "The `grouping` requires 1 parameters but the actual number is %u.",
                          e->n_args);
    Scope inner = *scope;
    inner.allow_aggregates = false;
    inner.inside_aggregate = true;
    inner.second_first = scope->second != NULL;
    inner.attach = NULL;
    inner.pending = NULL;
    inner.lateral = NULL;
    int64_t base = (int64_t)scope->aggregate_base - a->input->node->n_fields;
    uint32_t number = 0;
    if (id && e->n_args > 0 && e->n_args != a->n_groups)
        return grouping_mismatch(b, e, true);
    for (uint32_t i = 0; i < e->n_args; i++) {
        Expr *arg = bind_expr(b, &inner, e->args[i]);
        if (!arg)
            return NULL;
        bool below = base == 0 || expr_columns_within(arg, (uint32_t)base, BIND_OUTER_BASE);
        Expr *shifted = below ? bind_check(b, expr_shift(b->arena, arg, -base)) : NULL;
        if (b->result)
            return NULL;
        if (!shifted || !group_of(a, shifted, &number) || (id && number != i))
            return grouping_mismatch(b, e, id);
    }
    Expr *column = bind_check(b, expr_column(b->arena, BIND_OUTER_BASE - 1, TYPE(LONG), false));
    if (!column || id)
        return column;
    /* 1 for the sets that leave the group out. */
    ExprList items = {0};
    if (!expr_list_add(b->arena, &items, column))
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < a->n_sets; i++) {
        if (a->sets[i] >> number & 1)
            continue;
        Literal value = {.i = set_id(a, a->sets[i])};
        if (!expr_list_add(b->arena, &items, expr_literal(b->arena, TYPE(LONG), value)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    Expr *zero = bind_check(b, expr_literal(b->arena, TYPE(BYTE), (Literal){.i = 0}));
    if (items.n == 1 || !zero)
        return zero;
    Expr *in =
        bind_check(b, expr_call(b->arena, FN_INVALID, TYPE(BOOLEAN), false, items.items, items.n));
    Expr *one = bind_check(b, expr_literal(b->arena, TYPE(BYTE), (Literal){.i = 1}));
    if (!in || !one)
        return NULL;
    in->kind = EXPR_IN;
    return bind_case(b, TYPE(BYTE), (Expr *[]){in, one, zero}, 3);
}
