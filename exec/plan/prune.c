/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Only what somebody reads. prune() asks a node for some of its columns and gets a node that has
 * them, perhaps among others, and a map from old numbers to new ones.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

#define GONE UINT32_MAX
#define AGGREGATES_COMPARED_MAX 256u /* each with all before it */

typedef struct Pruned {
    PlanNode *node; /* NULL: failed */
    uint32_t *map;  /* old column -> new column, or GONE */
} Pruned;

static Pruned prune(Optimiser *o, const PlanNode *node, const bool *need);

static bool visit_need(void *userdata, uint32_t column)
{
    ((bool *)userdata)[column] = true;
    return true;
}

static void need_columns(bool *need, const Expr *e)
{
    if (e)
        expr_each_column(e, visit_need, need);
}

static bool *copy_need(Optimiser *o, const bool *need, uint32_t n)
{
    bool *copy = opt_alloc(o, n, sizeof(*copy));
    if (copy && n > 0)
        memcpy(copy, need, n);
    return copy;
}

static Expr *remap(Optimiser *o, Expr *e, const uint32_t *map)
{
    Expr *made = expr_remap(o->arena, e, map);
    return made ? made : opt_fail(o);
}

static Expr **remap_all(Optimiser *o, Expr *const *exprs, uint32_t n, const uint32_t *map)
{
    Expr **made = opt_alloc(o, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++) {
        made[i] = remap(o, exprs[i], map);
        if (!made[i])
            return NULL;
    }
    return made;
}

/* New numbers for the needed ones. Return: how many. */
static uint32_t number(uint32_t *map, const bool *need, uint32_t n)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++)
        map[i] = need[i] ? next++ : GONE;
    return next;
}

static PlanField *keep_fields(Optimiser *o, const PlanNode *node, const uint32_t *map, uint32_t n)
{
    PlanField *fields = opt_alloc(o, n, sizeof(*fields));
    for (uint32_t i = 0; fields && i < node->n_fields; i++)
        if (map[i] != GONE)
            fields[map[i]] = node->fields[i];
    return fields;
}

static Pruned prune_scan(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n = node->n_fields;
    bool *wanted = copy_need(o, need, n);
    uint32_t *map = opt_alloc(o, n, sizeof(*map));
    PlanNode *copy = opt_copy(o, node);
    if (!wanted || !map || !copy)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->scan.n_filters; i++)
        need_columns(wanted, node->scan.filters[i]);
    for (uint32_t i = 0; i < node->scan.n_partition_filters; i++)
        need_columns(wanted, node->scan.partition_filters[i]);
    copy->n_fields = number(map, wanted, n);
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->scan.columns = opt_alloc(o, copy->n_fields, sizeof(uint32_t));
    bool *filter_only = opt_alloc(o, copy->n_fields, sizeof(*filter_only));
    copy->scan.filters = remap_all(o, node->scan.filters, node->scan.n_filters, map);
    copy->scan.partition_filters =
        remap_all(o, node->scan.partition_filters, node->scan.n_partition_filters, map);
    if (!copy->fields || !copy->scan.columns || !filter_only || !copy->scan.filters ||
        !copy->scan.partition_filters)
        return (Pruned){0};
    for (uint32_t i = 0; i < n; i++) {
        if (map[i] == GONE)
            continue;
        copy->scan.columns[map[i]] = node->scan.columns[i];
        filter_only[map[i]] = !need[i];
    }
    copy->scan.filter_only = filter_only;
    return (Pruned){copy, map};
}

static Pruned prune_values(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    PlanNode *copy = opt_copy(o, node);
    if (!map || !copy)
        return (Pruned){0};
    copy->n_fields = number(map, need, node->n_fields);
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->values.batches = opt_alloc(o, node->values.n_batches, sizeof(Batch));
    if (!copy->fields || !copy->values.batches)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->values.n_batches; i++) {
        Batch *batch = &copy->values.batches[i];
        *batch = node->values.batches[i];
        batch->n_columns = copy->n_fields;
        batch->columns = opt_alloc(o, copy->n_fields, sizeof(Vector));
        if (!batch->columns)
            return (Pruned){0};
        for (uint32_t k = 0; k < node->n_fields; k++)
            if (map[k] != GONE)
                batch->columns[map[k]] = node->values.batches[i].columns[k];
    }
    return (Pruned){copy, map};
}

/* A node that passes its input's columns on. */
static Pruned over(Optimiser *o, const PlanNode *node, Pruned input)
{
    PlanNode *copy = input.node ? opt_copy(o, node) : NULL;
    if (!copy)
        return (Pruned){0};
    copy->input = input.node;
    copy->fields = input.node->fields;
    copy->n_fields = input.node->n_fields;
    return (Pruned){copy, input.map};
}

static Pruned prune_filter(Optimiser *o, const PlanNode *node, const bool *need)
{
    bool *wanted = copy_need(o, need, node->n_fields);
    if (!wanted)
        return (Pruned){0};
    need_columns(wanted, node->filter.condition);
    Pruned p = over(o, node, prune(o, node->input, wanted));
    if (!p.node)
        return p;
    p.node->filter.condition = remap(o, node->filter.condition, p.map);
    return p.node->filter.condition ? p : (Pruned){0};
}

/* Counts uses: what a projection computes and two expressions want is not computed twice. */
static bool visit_uses(void *userdata, uint32_t column)
{
    ((uint32_t *)userdata)[column]++;
    return true;
}

static bool is_cheap(const Expr *e)
{
    return e->kind == EXPR_COLUMN || e->kind == EXPR_LITERAL;
}

static Pruned prune_project(Optimiser *o, const PlanNode *node, const bool *need)
{
    const PlanNode *input = node->input;
    Expr **exprs = node->project.exprs;
    /* Projections on each other become one where nothing is computed twice. */
    while (input->kind == PLAN_PROJECT) {
        uint32_t *uses = opt_alloc(o, input->n_fields, sizeof(*uses));
        Expr **merged = opt_alloc(o, node->n_fields, sizeof(*merged));
        if (!uses || !merged)
            return (Pruned){0};
        for (uint32_t i = 0; i < node->n_fields; i++)
            if (need[i])
                expr_each_column(exprs[i], visit_uses, uses);
        bool once = true;
        for (uint32_t i = 0; i < input->n_fields && once; i++)
            once = uses[i] <= 1 || is_cheap(input->project.exprs[i]);
        if (!once)
            break;
        for (uint32_t i = 0; i < node->n_fields; i++) {
            merged[i] =
                need[i] ? expr_substitute(o->arena, exprs[i], input->project.exprs) : exprs[i];
            if (!merged[i])
                return opt_fail(o), (Pruned){0};
        }
        exprs = merged;
        input = input->input;
    }
    bool *wanted = opt_alloc(o, input->n_fields, sizeof(*wanted));
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    if (!wanted || !map)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->n_fields; i++)
        if (need[i])
            need_columns(wanted, exprs[i]);
    Pruned below = prune(o, input, wanted);
    PlanNode *copy = below.node ? opt_copy(o, node) : NULL;
    if (!copy)
        return (Pruned){0};
    bool columns_only = true;
    for (uint32_t i = 0; i < node->n_fields; i++)
        columns_only &= !need[i] || exprs[i]->kind == EXPR_COLUMN;
    if (columns_only) {
        /* It only renumbers: the map does that. */
        for (uint32_t i = 0; i < node->n_fields; i++)
            map[i] = need[i] ? below.map[exprs[i]->column] : GONE;
        return (Pruned){below.node, map};
    }
    copy->n_fields = number(map, need, node->n_fields);
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->project.exprs = opt_alloc(o, copy->n_fields, sizeof(Expr *));
    if (!copy->fields || !copy->project.exprs)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->n_fields; i++) {
        if (!need[i])
            continue;
        copy->project.exprs[map[i]] = remap(o, exprs[i], below.map);
        if (!copy->project.exprs[map[i]])
            return (Pruned){0};
    }
    copy->input = below.node;
    return (Pruned){copy, map};
}

static Pruned prune_join(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_left = node->input->n_fields, n_right = node->right->n_fields;
    bool one_side = node->join.type == JOIN_SEMI || node->join.type == JOIN_ANTI;
    bool *wanted = opt_alloc(o, n_left + n_right, sizeof(*wanted));
    if (!wanted)
        return (Pruned){0};
    memcpy(wanted, need, node->n_fields);
    for (uint32_t i = 0; i < node->join.n_keys; i++) {
        need_columns(wanted, node->join.left_keys[i]);
        need_columns(wanted + n_left, node->join.right_keys[i]);
    }
    need_columns(wanted, node->join.residual);
    Pruned left = prune(o, node->input, wanted);
    Pruned right = prune(o, node->right, wanted + n_left);
    PlanNode *copy = left.node && right.node ? opt_copy(o, node) : NULL;
    uint32_t *map = opt_alloc(o, n_left + n_right, sizeof(*map));
    if (!copy || !map)
        return (Pruned){0};
    uint32_t n_new_left = left.node->n_fields, n_new_right = right.node->n_fields;
    for (uint32_t i = 0; i < n_left; i++)
        map[i] = left.map[i];
    for (uint32_t i = 0; i < n_right; i++)
        map[n_left + i] = right.map[i] == GONE ? GONE : n_new_left + right.map[i];
    copy->input = left.node;
    copy->right = right.node;
    copy->n_fields = n_new_left + (one_side ? 0 : n_new_right);
    copy->fields = opt_alloc(o, copy->n_fields, sizeof(PlanField));
    bool *unused = opt_alloc(o, copy->n_fields, sizeof(*unused));
    copy->join.left_keys = remap_all(o, node->join.left_keys, node->join.n_keys, left.map);
    copy->join.right_keys = remap_all(o, node->join.right_keys, node->join.n_keys, right.map);
    if (!copy->fields || !unused || !copy->join.left_keys || !copy->join.right_keys)
        return (Pruned){0};
    memcpy(copy->fields, left.node->fields, n_new_left * sizeof(PlanField));
    if (!one_side)
        memcpy(copy->fields + n_new_left, right.node->fields, n_new_right * sizeof(PlanField));
    for (uint32_t i = 0; i < copy->n_fields; i++)
        unused[i] = true;
    for (uint32_t i = 0; i < node->n_fields; i++) {
        if (map[i] == GONE)
            continue;
        copy->fields[map[i]] = node->fields[i]; /* outer joins have made some nullable */
        if (need[i])
            unused[map[i]] = false;
    }
    copy->join.unused = unused;
    if (node->join.residual) {
        copy->join.residual = remap(o, node->join.residual, map);
        if (!copy->join.residual)
            return (Pruned){0};
    }
    return (Pruned){copy, map};
}

/* The first wanted aggregate that is the same as number @i: HAVING repeats those of the select
 * list.
 */
static uint32_t first_equal(const PlanNode *node, const bool *kept, uint32_t i)
{
    const Aggregate *list = node->aggregate.aggregates;

    for (uint32_t k = 0; k < i && i < AGGREGATES_COMPARED_MAX; k++)
        if (kept[node->aggregate.n_groups + k] && aggregate_equal(&list[k], &list[i]))
            return k;
    return i;
}

static Pruned prune_aggregate(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_groups = node->aggregate.n_groups, n = node->n_fields;
    bool *wanted = opt_alloc(o, node->input->n_fields, sizeof(*wanted));
    bool *kept = copy_need(o, need, n);
    uint32_t *map = opt_alloc(o, n, sizeof(*map));
    PlanNode *copy = opt_copy(o, node);
    if (!wanted || !kept || !map || !copy)
        return (Pruned){0};
    for (uint32_t i = 0; i < n_groups; i++) {
        kept[i] = true;
        need_columns(wanted, node->aggregate.groups[i]);
    }
    for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
        if (!kept[n_groups + i])
            continue;
        if (first_equal(node, kept, i) != i) {
            kept[n_groups + i] = false;
            continue;
        }
        need_columns(wanted, node->aggregate.aggregates[i].arg);
        need_columns(wanted, node->aggregate.aggregates[i].filter);
    }
    Pruned input = prune(o, node->input, wanted);
    if (!input.node)
        return (Pruned){0};
    copy->input = input.node;
    copy->n_fields = number(map, kept, n);
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->aggregate.groups = remap_all(o, node->aggregate.groups, n_groups, input.map);
    copy->aggregate.aggregates = opt_alloc(o, node->aggregate.n_aggregates, sizeof(Aggregate));
    copy->aggregate.n_aggregates = copy->n_fields - n_groups;
    if (!copy->fields || !copy->aggregate.groups || !copy->aggregate.aggregates)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
        if (!kept[n_groups + i])
            continue;
        Aggregate *a = &copy->aggregate.aggregates[map[n_groups + i] - n_groups];
        *a = node->aggregate.aggregates[i];
        if (a->arg && !(a->arg = remap(o, a->arg, input.map)))
            return (Pruned){0};
        if (a->filter && !(a->filter = remap(o, a->filter, input.map)))
            return (Pruned){0};
    }
    for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++)
        if (need[n_groups + i] && !kept[n_groups + i])
            map[n_groups + i] = map[n_groups + first_equal(node, kept, i)];
    return (Pruned){copy, map};
}

static Pruned prune_sort(Optimiser *o, const PlanNode *node, const bool *need)
{
    bool *wanted = copy_need(o, need, node->n_fields);
    SortKey *keys = opt_alloc(o, node->sort.n_keys, sizeof(*keys));
    if (!wanted || !keys)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->sort.n_keys; i++)
        need_columns(wanted, node->sort.keys[i].expr);
    Pruned p = over(o, node, prune(o, node->input, wanted));
    if (!p.node)
        return p;
    for (uint32_t i = 0; i < node->sort.n_keys; i++) {
        keys[i] = node->sort.keys[i];
        keys[i].expr = remap(o, keys[i].expr, p.map);
        if (!keys[i].expr)
            return (Pruned){0};
    }
    p.node->sort.keys = keys;
    return p;
}

/* Functions that nobody reads go, and with the last of them the node. */
static Pruned prune_window(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_in = node->input->n_fields, n = node->window.n_functions, n_kept = 0;
    bool *wanted = copy_need(o, need, n_in);
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    WindowFunction *functions = opt_alloc(o, n, sizeof(*functions));
    SortKey *keys = opt_alloc(o, node->window.n_keys, sizeof(*keys));
    PlanNode *copy = opt_copy(o, node);
    if (!wanted || !map || !functions || !keys || !copy)
        return (Pruned){0};
    for (uint32_t i = 0; i < n; i++) {
        const WindowFunction *f = &node->window.functions[i];
        const Expr *const parts[] = {f->arg,       f->otherwise,     f->start.value,
                                     f->end.value, f->aggregate.arg, f->aggregate.filter};
        if (!need[n_in + i])
            continue;
        n_kept++;
        for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
            need_columns(wanted, parts[k]);
    }
    for (uint32_t i = 0; i < node->window.n_keys && n_kept > 0; i++)
        need_columns(wanted, node->window.keys[i].expr);
    Pruned input = prune(o, node->input, wanted);
    if (!input.node)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->n_fields; i++)
        map[i] = i < n_in ? input.map[i] : GONE;
    if (n_kept == 0)
        return (Pruned){input.node, map};
    copy->input = input.node;
    copy->n_fields = input.node->n_fields + n_kept;
    copy->fields = opt_alloc(o, copy->n_fields, sizeof(PlanField));
    if (!copy->fields)
        return (Pruned){0};
    memcpy(copy->fields, input.node->fields, input.node->n_fields * sizeof(PlanField));
    copy->window.functions = functions;
    copy->window.keys = keys;
    copy->window.n_functions = n_kept;
    n_kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        WindowFunction *f = &functions[n_kept];
        if (!need[n_in + i])
            continue;
        *f = node->window.functions[i];
        Expr **parts[] = {&f->arg,       &f->otherwise,     &f->start.value,
                          &f->end.value, &f->aggregate.arg, &f->aggregate.filter};
        for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
            if (*parts[k] && !(*parts[k] = remap(o, *parts[k], input.map)))
                return (Pruned){0};
        map[n_in + i] = input.node->n_fields + n_kept;
        copy->fields[map[n_in + i]] = node->fields[n_in + i];
        n_kept++;
    }
    for (uint32_t i = 0; i < node->window.n_keys; i++) {
        keys[i] = node->window.keys[i];
        keys[i].expr = remap(o, keys[i].expr, input.map);
        if (!keys[i].expr)
            return (Pruned){0};
    }
    return (Pruned){copy, map};
}

/* Exactly the columns of @need, in their order. */
static PlanNode *exact(Optimiser *o, const PlanNode *node, const bool *need)
{
    Pruned p = prune(o, node, need);
    if (!p.node)
        return NULL;
    uint32_t n = 0;
    uint32_t *columns = opt_alloc(o, node->n_fields, sizeof(*columns));
    PlanField *fields = opt_alloc(o, node->n_fields, sizeof(*fields));
    if (!columns || !fields)
        return NULL;
    bool identity = true;
    for (uint32_t i = 0; i < node->n_fields; i++) {
        if (!need[i])
            continue;
        columns[n] = p.map[i];
        fields[n] = node->fields[i];
        identity &= columns[n] == n;
        n++;
    }
    if (identity && n == p.node->n_fields)
        return p.node;
    return opt_project_columns(o, p.node, columns, fields, n);
}

static Pruned prune_union(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_inputs = node->union_all.n_inputs;
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    PlanNode **inputs = opt_alloc(o, n_inputs, sizeof(*inputs));
    PlanNode *copy = opt_copy(o, node);
    if (!map || !inputs || !copy)
        return (Pruned){0};
    for (uint32_t i = 0; i < n_inputs; i++) {
        inputs[i] = exact(o, node->union_all.inputs[i], need);
        if (!inputs[i])
            return (Pruned){0};
    }
    copy->n_fields = number(map, need, node->n_fields);
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->union_all.inputs = inputs;
    return copy->fields ? (Pruned){copy, map} : (Pruned){0};
}

/* First its readers say what they want, then, when the plan has that, they get it. */
static Pruned prune_shared(Optimiser *o, const PlanNode *node, const bool *need)
{
    SharedColumns *c = node->shared.columns;
    uint32_t n = node->n_fields;
    PlanNode *copy = opt_copy(o, node);
    uint32_t *map = opt_alloc(o, n, sizeof(*map));
    if (!copy || !map)
        return (Pruned){0};
    for (uint32_t i = 0; i < n && !c->pruned; i++) {
        c->need[i] |= need[i];
        c->map[i] = i;
    }
    if (n > 0)
        memcpy(map, c->map, n * sizeof(*map));
    if (!c->pruned)
        return (Pruned){copy, map};
    copy->n_fields = c->plan->node->n_fields;
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    return copy->fields ? (Pruned){copy, map} : (Pruned){0};
}

/* What is shared with only the columns that are read; inner ones last asked, first made. */
static bool prune_shared_plans(Optimiser *o, const PlanNode *node, const bool *all)
{
    SharedColumns *last = NULL;
    if (!exact(o, node, all))
        return false;
    for (SharedColumns *c = o->shared; c; last = c, c = c->next)
        if (!exact(o, c->plan->node, c->need))
            return false;
    for (SharedColumns *c = last; c; c = c->before) {
        uint32_t n_fields = c->plan->node->n_fields;
        PlanNode *made = exact(o, c->plan->node, c->need);
        if (!made)
            return false;
        number(c->map, c->need, n_fields);
        c->plan->node = made;
        c->pruned = true;
    }
    return true;
}

/* All columns, as they are. */
static Pruned prune_distinct(Optimiser *o, const PlanNode *node)
{
    bool *all = opt_alloc(o, node->input->n_fields, sizeof(*all));
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    PlanNode *copy = opt_copy(o, node);
    if (!all || !map || !copy)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->n_fields; i++)
        map[i] = i;
    for (uint32_t i = 0; i < node->input->n_fields; i++)
        all[i] = true;
    copy->input = exact(o, node->input, all);
    return copy->input ? (Pruned){copy, map} : (Pruned){0};
}

/* The ids of the sets stay behind what is left of the input. */
static Pruned prune_expand(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_input = node->input->n_fields, n_ids = node->n_fields - n_input;
    bool *wanted = copy_need(o, need, n_input);
    uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
    uint32_t *keys = opt_alloc(o, node->expand.n_keys, sizeof(*keys));
    if (!wanted || !map || !keys)
        return (Pruned){0};
    for (uint32_t i = 0; i < node->expand.n_keys; i++)
        wanted[node->expand.keys[i]] = true;
    /* Exactly these: a key that only passes a column on must not be that column. */
    PlanNode *input = exact(o, node->input, wanted);
    PlanNode *copy = input ? opt_copy(o, node) : NULL;
    if (!copy)
        return (Pruned){0};
    number(map, wanted, n_input);
    for (uint32_t i = 0; i < node->expand.n_keys; i++)
        keys[i] = map[node->expand.keys[i]];
    for (uint32_t i = 0; i < n_ids; i++)
        map[n_input + i] = input->n_fields + i;
    copy->input = input;
    copy->n_fields = input->n_fields + n_ids;
    copy->fields = keep_fields(o, node, map, copy->n_fields);
    copy->expand.keys = keys;
    return copy->fields ? (Pruned){copy, map} : (Pruned){0};
}

/* All that is generated stays; of the input what is needed, and what the array is made of. */
static Pruned prune_generate(Optimiser *o, const PlanNode *node, const bool *need)
{
    uint32_t n_input = node->input->n_fields, n = node->n_fields;
    bool *wanted = opt_alloc(o, n_input, sizeof(*wanted));
    uint32_t *map = opt_alloc(o, n, sizeof(*map));
    PlanNode *copy = opt_copy(o, node);
    if (!wanted || !map || !copy)
        return (Pruned){0};
    memcpy(wanted, need, n_input * sizeof(*wanted));
    need_columns(wanted, node->generate.array);
    Pruned input = prune(o, node->input, wanted);
    if (!input.node)
        return (Pruned){0};
    uint32_t n_kept = input.node->n_fields;
    copy->input = input.node;
    copy->n_fields = n_kept + n - n_input;
    copy->fields = opt_alloc(o, copy->n_fields, sizeof(*copy->fields));
    bool *unused = opt_alloc(o, copy->n_fields, sizeof(*unused));
    copy->generate.array = remap(o, node->generate.array, input.map);
    if (!copy->fields || !unused || !copy->generate.array)
        return (Pruned){0};
    memcpy(copy->fields, input.node->fields, n_kept * sizeof(*copy->fields));
    memset(unused, true, n_kept * sizeof(*unused));
    for (uint32_t i = 0; i < n; i++) {
        map[i] = i < n_input ? input.map[i] : n_kept + i - n_input;
        if (i >= n_input)
            copy->fields[map[i]] = node->fields[i];
        if (map[i] != GONE)
            unused[map[i]] = !need[i];
    }
    copy->generate.unused = unused;
    return (Pruned){copy, map};
}

static Pruned prune(Optimiser *o, const PlanNode *node, const bool *need)
{
    if (o->result != 0)
        return (Pruned){0};
    switch (node->kind) {
    case PLAN_SCAN:
        return prune_scan(o, node, need);
    case PLAN_VALUES:
        return prune_values(o, node, need);
    case PLAN_FILTER:
        return prune_filter(o, node, need);
    case PLAN_PROJECT:
        return prune_project(o, node, need);
    case PLAN_JOIN:
        return prune_join(o, node, need);
    case PLAN_AGGREGATE:
        return prune_aggregate(o, node, need);
    case PLAN_SORT:
        return prune_sort(o, node, need);
    case PLAN_WINDOW:
        return prune_window(o, node, need);
    case PLAN_LIMIT:
    case PLAN_SAMPLE:
        return over(o, node, prune(o, node->input, need));
    case PLAN_UNION:
        return prune_union(o, node, need);
    case PLAN_DISTINCT:
    case PLAN_REPLICATE:
        return prune_distinct(o, node);
    case PLAN_SHARED:
        return prune_shared(o, node, need);
    case PLAN_EXPAND:
        return prune_expand(o, node, need);
    case PLAN_GENERATE:
        return prune_generate(o, node, need);
    default: { /* RANGE: one column, kept */
        uint32_t *map = opt_alloc(o, node->n_fields, sizeof(*map));
        PlanNode *copy = opt_copy(o, node);
        for (uint32_t i = 0; map && i < node->n_fields; i++)
            map[i] = i;
        return map && copy ? (Pruned){copy, map} : (Pruned){0};
    }
    }
}

PlanNode *opt_prune(Optimiser *o, PlanNode *node)
{
    bool *all = opt_alloc(o, node->n_fields, sizeof(*all));
    for (uint32_t i = 0; all && i < node->n_fields; i++)
        all[i] = true;
    if (!all || (o->shared && !prune_shared_plans(o, node, all)))
        return NULL;
    return exact(o, node, all);
}
