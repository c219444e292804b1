/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A cluster of inner and cross joins, taken apart into relations and predicates and put together by
 * size: always the pair whose join gives the fewest rows, the smaller one built (greedy operator
 * ordering; Fegaras, "A New Heuristic for Optimizing Large Queries", 1998).
 *
 * Columns of the whole cluster are numbered through, in the order in which it was written.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

#define RELATIONS_MAX 60u
#define DISJUNCTS_MAX 64u
#define DERIVED_MAX 256u

typedef struct Relation {
    PlanNode *node;
    uint32_t base;    /* number of its first column */
    ExprList filters; /* over the cluster's columns */
} Relation;

typedef struct Predicate {
    Expr *expr;
    uint64_t relations;
    bool is_key; /* left = right, each side of other relations */
    uint64_t left, right;
    bool done;
} Predicate;

typedef struct Component {
    PlanNode *node;
    uint64_t relations;
    uint32_t *columns; /* per output column: its number in the cluster */
} Component;

typedef struct Cluster {
    Optimiser *o;
    Relation relations[RELATIONS_MAX];
    uint32_t n_relations;
    uint32_t n_columns;
    ExprList predicates;
} Cluster;

/* ---- taking apart ---- */

static bool add_predicates(Cluster *c, Expr *e, uint32_t base)
{
    e = base ? expr_shift(c->o->arena, e, base) : e;
    return e && expr_split(c->o->arena, FN_AND, e, &c->predicates);
}

static bool is_inner(const PlanNode *node)
{
    return node->kind == PLAN_JOIN &&
           (node->join.type == JOIN_INNER || node->join.type == JOIN_CROSS);
}

/* Does a filter stand over an inner join? */
static const PlanNode *join_below(const PlanNode *node)
{
    while (node->kind == PLAN_FILTER)
        node = node->input;
    return is_inner(node) ? node : NULL;
}

/* @waiting: inputs of joins above that are still to come, each of one relation at least. */
static bool take_apart(Cluster *c, PlanNode *node, uint32_t waiting)
{
    uint32_t base = c->n_columns;
    if (node->kind == PLAN_FILTER && join_below(node))
        return take_apart(c, node->input, waiting) &&
               add_predicates(c, node->filter.condition, base);
    if (!is_inner(node) || c->n_relations + waiting + 2 > RELATIONS_MAX) {
        if (c->n_relations == RELATIONS_MAX)
            return false;
        c->relations[c->n_relations++] = (Relation){.node = node, .base = base};
        c->n_columns += node->n_fields;
        return true;
    }
    uint32_t n_left = node->input->n_fields;
    if (!take_apart(c, node->input, waiting + 1) || !take_apart(c, node->right, waiting))
        return false;
    for (uint32_t i = 0; i < node->join.n_keys; i++) {
        Expr *left = expr_shift(c->o->arena, node->join.left_keys[i], base);
        Expr *right = expr_shift(c->o->arena, node->join.right_keys[i], (int64_t)base + n_left);
        Expr *same = expr_compare(c->o->arena, FN_EQ, left, right);
        if (!expr_list_add(c->o->arena, &c->predicates, same))
            return false;
    }
    return !node->join.residual || add_predicates(c, node->join.residual, base);
}

static uint32_t relation_of(const Cluster *c, uint32_t column)
{
    uint32_t i = c->n_relations - 1;
    while (c->relations[i].base > column)
        i--;
    return i;
}

typedef struct Mask {
    const Cluster *cluster;
    uint64_t bits;
} Mask;

static bool visit_mask(void *userdata, uint32_t column)
{
    Mask *m = userdata;
    m->bits |= UINT64_C(1) << relation_of(m->cluster, column);
    return true;
}

static uint64_t relations_of(const Cluster *c, const Expr *e)
{
    Mask m = {c, 0};
    expr_each_column(e, visit_mask, &m);
    return m.bits;
}

static bool is_single(uint64_t mask)
{
    return mask != 0 && (mask & (mask - 1)) == 0;
}

/* ---- what disjunctions imply ---- */

static bool list_has(const ExprList *list, const Expr *e)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (expr_equal(list->items[i], e))
            return true;
    return false;
}

/*
 * (a AND x) OR (a AND y) is a AND (x OR y); and each relation for which every arm has conditions of
 * its own may be filtered by the OR of those. So TPC-H's Q19 gets its join key and its filters.
 */
static bool factor_or(Cluster *c, Expr *e, ExprList *out)
{
    MemArena *arena = c->o->arena;
    ExprList arms = {0};
    if (!expr_split(arena, FN_OR, e, &arms))
        return false;
    if (arms.n > DISJUNCTS_MAX)
        return expr_list_add(arena, out, e);
    ExprList parts[DISJUNCTS_MAX] = {0}, common = {0};
    for (uint32_t i = 0; i < arms.n; i++)
        if (!expr_split(arena, FN_AND, arms.items[i], &parts[i]))
            return false;
    for (uint32_t k = 0; k < parts[0].n; k++) {
        bool everywhere = true;
        for (uint32_t i = 1; i < arms.n && everywhere; i++)
            everywhere = list_has(&parts[i], parts[0].items[k]);
        if (everywhere && !list_has(&common, parts[0].items[k]) &&
            !expr_list_add(arena, &common, parts[0].items[k]))
            return false;
    }
    for (uint32_t k = 0; k < common.n; k++)
        if (!expr_list_add(arena, out, common.items[k]))
            return false;
    ExprList rest = {0};
    for (uint32_t i = 0; i < arms.n; i++) {
        ExprList left = {0};
        for (uint32_t k = 0; k < parts[i].n; k++)
            if (!list_has(&common, parts[i].items[k]) &&
                !expr_list_add(arena, &left, parts[i].items[k]))
                return false;
        if (left.n == 0)
            return true; /* an arm that is only the common part: the OR says nothing more */
        if (!expr_list_add(arena, &rest, expr_balanced(arena, FN_AND, left.items, left.n)))
            return false;
    }
    Expr *remaining = expr_balanced(arena, FN_OR, rest.items, rest.n);
    if (!expr_list_add(arena, out, remaining))
        return false;
    if (is_single(relations_of(c, remaining)))
        return true;
    for (uint32_t r = 0; r < c->n_relations; r++) {
        uint64_t bit = UINT64_C(1) << r;
        ExprList implied = {0};
        bool all = true;
        for (uint32_t i = 0; i < arms.n && all; i++) {
            ExprList own = {0};
            for (uint32_t k = 0; k < parts[i].n; k++)
                if (relations_of(c, parts[i].items[k]) == bit &&
                    !list_has(&common, parts[i].items[k]) &&
                    !expr_list_add(arena, &own, parts[i].items[k]))
                    return false;
            all = own.n > 0;
            if (all &&
                !expr_list_add(arena, &implied, expr_balanced(arena, FN_AND, own.items, own.n)))
                return false;
        }
        if (all &&
            !expr_list_add(arena, out, expr_balanced(arena, FN_OR, implied.items, implied.n)))
            return false;
    }
    return true;
}

/* ---- what equalities imply ---- */

typedef struct Only {
    uint32_t column;
    bool any, other;
} Only;

static bool visit_only(void *userdata, uint32_t column)
{
    Only *only = userdata;
    if (only->any && only->column != column)
        only->other = true;
    only->any = true;
    only->column = column;
    return !only->other;
}

/* a = b and a condition on a alone give the same condition on b. */
static bool derive(Cluster *c, ExprList *all)
{
    MemArena *arena = c->o->arena;
    uint32_t n = all->n, n_derived = 0;
    for (uint32_t i = 0; i < n; i++) {
        const Expr *eq = all->items[i];
        if (eq->kind != EXPR_CALL || eq->function != FN_EQ || eq->args[0]->kind != EXPR_COLUMN ||
            eq->args[1]->kind != EXPR_COLUMN || !type_equal(eq->args[0]->type, eq->args[1]->type) ||
            eq->args[0]->type.kind == TYPE_FLOAT || eq->args[0]->type.kind == TYPE_DOUBLE)
            continue;
        for (uint32_t k = 0; k < n && n_derived < DERIVED_MAX; k++) {
            Only only = {0};
            expr_each_column(all->items[k], visit_only, &only);
            if (!only.any || only.other)
                continue;
            for (int side = 0; side < 2; side++) {
                const Expr *from = eq->args[side], *to = eq->args[1 - side];
                if (from->column != only.column)
                    continue;
                Expr *made =
                    expr_shift(arena, all->items[k], (int64_t)to->column - (int64_t)from->column);
                if (!made)
                    return false;
                if (!list_has(all, made)) {
                    n_derived++;
                    if (!expr_list_add(arena, all, made))
                        return false;
                }
            }
        }
    }
    return true;
}

/* ---- putting together ---- */

static bool classify(Cluster *c, const ExprList *all, Predicate *predicates, uint32_t *ret_n,
                     ExprList *constant)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++) {
        Expr *e = all->items[i];
        uint64_t mask = relations_of(c, e);
        if (mask == 0) {
            if (!expr_list_add(c->o->arena, constant, e))
                return false;
            continue;
        }
        if (is_single(mask)) {
            Relation *r = &c->relations[__builtin_ctzll(mask)];
            if (!list_has(&r->filters, e) && !expr_list_add(c->o->arena, &r->filters, e))
                return false;
            continue;
        }
        Predicate p = {.expr = e, .relations = mask};
        if (e->kind == EXPR_CALL && e->function == FN_EQ) {
            p.left = relations_of(c, e->args[0]);
            p.right = relations_of(c, e->args[1]);
            p.is_key = p.left && p.right && (p.left & p.right) == 0;
        }
        predicates[n++] = p;
    }
    *ret_n = n;
    return true;
}

/* Rows of a join of two components, or -1 when no key connects them. */
static double candidate_rows(const Cluster *c, const Component *a, const Component *b,
                             const Predicate *predicates, uint32_t n)
{
    double rows = a->node->rows * b->node->rows;
    bool connected = false;
    KeyCombinations keys;
    opt_keys_begin(&keys);
    for (uint32_t i = 0; i < n; i++) {
        const Predicate *p = &predicates[i];
        if (p->done || !p->is_key || (p->relations & ~(a->relations | b->relations)))
            continue;
        bool straight = !(p->left & ~a->relations) && !(p->right & ~b->relations);
        bool crossed = !(p->left & ~b->relations) && !(p->right & ~a->relations);
        if (!straight && !crossed)
            continue;
        connected = true;
        /* Distinct values of the sides, asked of the relations that they come from. */
        Expr local[2];
        const PlanNode *nodes[2];
        bool simple = true;
        for (int side = 0; side < 2; side++) {
            const Expr *e = p->expr->args[side];
            uint64_t mask = side ? p->right : p->left;
            simple &= is_single(mask) && e->kind == EXPR_COLUMN;
            if (!simple)
                break;
            const Relation *r = &c->relations[__builtin_ctzll(mask)];
            local[side] = *e;
            local[side].column -= r->base;
            nodes[side] = r->node;
        }
        if (!simple)
            rows /= MAX(MIN(a->node->rows, b->node->rows), 1);
        else if (straight)
            opt_keys_add(&keys, nodes[0], &local[0], nodes[1], &local[1]);
        else
            opt_keys_add(&keys, nodes[1], &local[1], nodes[0], &local[0]);
    }
    rows /= opt_keys_distinct(&keys);
    return connected ? rows : -1;
}

static Expr *to_local(Cluster *c, Expr *e, const Component *a, const Component *b)
{
    uint32_t *map = opt_alloc(c->o, c->n_columns, sizeof(*map));
    if (!map)
        return NULL;
    for (uint32_t i = 0; i < a->node->n_fields; i++)
        map[a->columns[i]] = i;
    for (uint32_t i = 0; b && i < b->node->n_fields; i++)
        map[b->columns[i]] = a->node->n_fields + i;
    Expr *made = expr_remap(c->o->arena, e, map);
    return made ? made : opt_fail(c->o);
}

static bool join_components(Cluster *c, Component *a, Component *b, Predicate *predicates,
                            uint32_t n_predicates)
{
    Optimiser *o = c->o;
    /* The smaller side is built: right. */
    if (a->node->rows * (a->node->bytes_per_row + 16) <
        b->node->rows * (b->node->bytes_per_row + 16)) {
        Component swap = *a;
        *a = *b;
        *b = swap;
    }
    uint32_t n_left = a->node->n_fields, n_right = b->node->n_fields;
    PlanNode *join = opt_alloc(o, 1, sizeof(*join));
    uint32_t *columns = opt_alloc(o, n_left + n_right, sizeof(*columns));
    PlanField *fields = opt_alloc(o, n_left + n_right, sizeof(*fields));
    if (!join || !columns || !fields)
        return false;
    memcpy(fields, a->node->fields, n_left * sizeof(*fields));
    memcpy(fields + n_left, b->node->fields, n_right * sizeof(*fields));
    memcpy(columns, a->columns, n_left * sizeof(*columns));
    memcpy(columns + n_left, b->columns, n_right * sizeof(*columns));
    *join = (PlanNode){.kind = PLAN_JOIN,
                       .fields = fields,
                       .n_fields = n_left + n_right,
                       .input = a->node,
                       .right = b->node};
    ExprList left_keys = {0}, right_keys = {0}, residual = {0};
    uint64_t both = a->relations | b->relations;
    for (uint32_t i = 0; i < n_predicates; i++) {
        Predicate *p = &predicates[i];
        if (p->done || (p->relations & ~both))
            continue;
        p->done = true;
        bool straight = p->is_key && !(p->left & ~a->relations) && !(p->right & ~b->relations);
        bool crossed = p->is_key && !(p->left & ~b->relations) && !(p->right & ~a->relations);
        Expr *e = to_local(c, p->expr, a, b);
        if (!e)
            return false;
        bool ok;
        if (straight || crossed)
            ok = expr_list_add(o->arena, &left_keys, e->args[straight ? 0 : 1]) &&
                 expr_list_add(o->arena, &right_keys,
                               expr_shift(o->arena, e->args[straight ? 1 : 0], -(int64_t)n_left));
        else
            ok = expr_list_add(o->arena, &residual, e);
        if (!ok)
            return opt_fail(o), false;
    }
    join->join.left_keys = left_keys.items;
    join->join.right_keys = right_keys.items;
    join->join.n_keys = left_keys.n;
    if (residual.n > 0)
        join->join.residual = expr_balanced(o->arena, FN_AND, residual.items, residual.n);
    join->join.type = left_keys.n || residual.n ? JOIN_INNER : JOIN_CROSS;
    opt_estimate(join);
    *a = (Component){join, both, columns};
    return true;
}

/* The best pair: fewest rows among the connected; else the two smallest. */
static void choose(const Cluster *c, const Component *components, uint32_t n,
                   const Predicate *predicates, uint32_t n_predicates, uint32_t *ret_a,
                   uint32_t *ret_b)
{
    double best = -1, best_size = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = i + 1; k < n; k++) {
            double rows =
                candidate_rows(c, &components[i], &components[k], predicates, n_predicates);
            if (rows < 0)
                continue;
            double size = components[i].node->rows + components[k].node->rows;
            if (best < 0 || rows < best || (rows == best && size < best_size)) {
                best = rows;
                best_size = size;
                *ret_a = i;
                *ret_b = k;
            }
        }
    }
    if (best >= 0)
        return;
    *ret_a = 0;
    *ret_b = 1;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = i + 1; k < n; k++) {
            double rows = components[i].node->rows * components[k].node->rows;
            if (best < 0 || rows < best) {
                best = rows;
                *ret_a = i;
                *ret_b = k;
            }
        }
    }
}

static PlanNode *assemble(Cluster *c, Predicate *predicates, uint32_t n_predicates)
{
    Optimiser *o = c->o;
    Component *components = opt_alloc(o, c->n_relations, sizeof(*components));
    if (!components)
        return NULL;
    for (uint32_t i = 0; i < c->n_relations; i++) {
        Relation *r = &c->relations[i];
        ExprList local = {0};
        for (uint32_t k = 0; k < r->filters.n; k++)
            if (!expr_list_add(o->arena, &local,
                               expr_shift(o->arena, r->filters.items[k], -(int64_t)r->base)))
                return opt_fail(o);
        r->node = opt_push(o, r->node, &local);
        if (!r->node)
            return NULL;
        opt_estimate_tree(r->node);
        uint32_t *columns = opt_alloc(o, r->node->n_fields, sizeof(*columns));
        if (!columns)
            return NULL;
        for (uint32_t k = 0; k < r->node->n_fields; k++)
            columns[k] = r->base + k;
        components[i] = (Component){r->node, UINT64_C(1) << i, columns};
    }
    uint32_t n = c->n_relations;
    while (n > 1) {
        uint32_t a = 0, b = 1;
        choose(c, components, n, predicates, n_predicates, &a, &b);
        if (!join_components(c, &components[a], &components[b], predicates, n_predicates))
            return NULL;
        components[b] = components[--n];
    }
    /* The columns as they were written. */
    uint32_t *columns = opt_alloc(o, c->n_columns, sizeof(*columns));
    PlanField *fields = opt_alloc(o, c->n_columns, sizeof(*fields));
    if (!columns || !fields)
        return NULL;
    bool identity = true;
    for (uint32_t i = 0; i < c->n_columns; i++) {
        columns[components[0].columns[i]] = i;
        fields[components[0].columns[i]] = components[0].node->fields[i];
        identity &= components[0].columns[i] == i;
    }
    return identity ? components[0].node
                    : opt_project_columns(o, components[0].node, columns, fields, c->n_columns);
}

PlanNode *opt_join_cluster(Optimiser *o, PlanNode *node, ExprList *conjuncts)
{
    Cluster *c = opt_alloc(o, 1, sizeof(*c));
    if (!c)
        return NULL;
    c->o = o;
    if (!take_apart(c, node, 0))
        return opt_fail(o);
    for (uint32_t i = 0; i < conjuncts->n; i++)
        if (!expr_split(o->arena, FN_AND, conjuncts->items[i], &c->predicates))
            return opt_fail(o);
    ExprList all = {0}, constant = {0};
    for (uint32_t i = 0; i < c->predicates.n; i++) {
        Expr *e = opt_fold(o, c->predicates.items[i]);
        if (!e)
            return NULL;
        bool is_or = e->kind == EXPR_CALL && e->function == FN_OR;
        bool ok = is_or               ? factor_or(c, e, &all)
                  : list_has(&all, e) ? true
                                      : expr_list_add(o->arena, &all, e);
        if (!ok)
            return opt_fail(o);
    }
    if (!derive(c, &all))
        return opt_fail(o);
    Predicate *predicates = opt_alloc(o, all.n, sizeof(*predicates));
    uint32_t n = 0;
    if (!predicates)
        return NULL;
    if (!classify(c, &all, predicates, &n, &constant))
        return opt_fail(o);
    PlanNode *made = assemble(c, predicates, n);
    return made ? opt_filter(o, made, constant.items, constant.n) : NULL;
}
