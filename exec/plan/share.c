/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a plan computes twice is computed once: a common table expression or a view that is read
 * more than once, a DataFrame that is joined to something made of itself, the same subquery in two
 * places. All of them are equal subtrees once filters are where they belong, so that is what is
 * looked for; the largest first. Columns need not agree: opt_prune() comes later, and gives the
 * shared plan those that any reader wants.
 *
 * It pays where computing costs more than keeping and reading the rows: an aggregation, a join; not
 * a scan, however often it is filtered, since each reader has its own runtime filters there.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

#define SHARE_WORK_MIN 100000.0 /* rows looked at; below, computing again is cheap */
#define SHARE_STORE_COST 1.5    /* of a row, written and read, beside one looked at */
#define SHARE_NODES_MAX 4096u   /* of a plan; comparing costs their square at worst */
#define SHARE_PLANS_MAX 64u

/* ---- equal plans ---- */

static bool expr_same(const Expr *a, const Expr *b)
{
    return a && b ? expr_equal(a, b) : a == b;
}

static bool exprs_equal(Expr *const *a, Expr *const *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!expr_equal(a[i], b[i]))
            return false;
    return true;
}

bool aggregate_equal(const Aggregate *a, const Aggregate *b)
{
    return a->id == b->id && a->distinct == b->distinct && type_equal(a->type, b->type) &&
           expr_same(a->arg, b->arg) && expr_same(a->filter, b->filter);
}

static bool keys_equal(const SortKey *a, const SortKey *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].descending != b[i].descending || a[i].nulls_first != b[i].nulls_first ||
            !expr_equal(a[i].expr, b[i].expr))
            return false;
    return true;
}

/* The same file, with the same values of folder names and the same columns left out. */
static bool file_equal(const ScanFile *a, const ScanFile *b, const SourceInfo *source)
{
    if (a->source != b->source || strcmp(a->path, b->path) != 0 || !a->columns != !b->columns)
        return false;
    for (uint32_t i = 0; a->columns && i < source->n_columns; i++) {
        if (a->columns[i] != b->columns[i])
            return false;
        if (a->columns[i] == SCAN_MISSING || a->columns[i] < SCAN_PARTITION)
            continue;
        uint32_t k = a->columns[i] - SCAN_PARTITION;
        if (!literal_equal(source->columns[i].type, &a->partition[k], &b->partition[k]))
            return false;
    }
    return true;
}

static bool scan_equal(const PlanScan *a, const PlanScan *b, uint32_t n_fields)
{
    if (a->n_files != b->n_files || a->n_filters != b->n_filters ||
        strcmp(a->format, b->format) != 0 ||
        memcmp(a->columns, b->columns, n_fields * sizeof(*a->columns)) != 0)
        return false;
    const SourceInfo *source = a->source, *other = b->source;
    if (!source || !other || source->n_columns != other->n_columns)
        return false;
    for (uint32_t i = 0; i < a->n_files; i++)
        if (!file_equal(&a->files[i], &b->files[i], source))
            return false;
    if (a->source && b->source && !source_same(a->source, b->source))
        return false;
    return exprs_equal(a->filters, b->filters, a->n_filters);
}

static bool edge_equal(const WindowEdge *a, const WindowEdge *b)
{
    return a->kind == b->kind && a->offset == b->offset && expr_same(a->value, b->value);
}

static bool functions_equal(const WindowFunction *a, const WindowFunction *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].id != b[i].id || a[i].ignore_nulls != b[i].ignore_nulls ||
            a[i].range != b[i].range || a[i].keys_less != b[i].keys_less ||
            a[i].offset != b[i].offset || !expr_same(a[i].arg, b[i].arg) ||
            !expr_same(a[i].otherwise, b[i].otherwise) || !edge_equal(&a[i].start, &b[i].start) ||
            !edge_equal(&a[i].end, &b[i].end) || !aggregate_equal(&a[i].aggregate, &b[i].aggregate))
            return false;
    return true;
}

static bool body_equal(const PlanNode *a, const PlanNode *b)
{
    switch ((PlanKind)a->kind) {
    case PLAN_SCAN:
        return scan_equal(&a->scan, &b->scan, a->n_fields);
    case PLAN_RANGE:
        return memcmp(&a->range, &b->range, sizeof(a->range)) == 0;
    case PLAN_VALUES:
        return a->values.n_batches == b->values.n_batches &&
               a->values.recursion == b->values.recursion &&
               a->values.level_before == b->values.level_before &&
               (a->values.n_batches == 0 || a->values.batches == b->values.batches);
    case PLAN_FILTER:
        return expr_equal(a->filter.condition, b->filter.condition);
    case PLAN_PROJECT:
        return exprs_equal(a->project.exprs, b->project.exprs, a->n_fields);
    case PLAN_JOIN:
        return a->join.type == b->join.type && a->join.n_keys == b->join.n_keys &&
               a->join.null_aware == b->join.null_aware &&
               expr_same(a->join.residual, b->join.residual) &&
               exprs_equal(a->join.left_keys, b->join.left_keys, a->join.n_keys) &&
               exprs_equal(a->join.right_keys, b->join.right_keys, a->join.n_keys);
    case PLAN_AGGREGATE:
        if (a->aggregate.n_groups != b->aggregate.n_groups ||
            a->aggregate.n_aggregates != b->aggregate.n_aggregates ||
            !exprs_equal(a->aggregate.groups, b->aggregate.groups, a->aggregate.n_groups))
            return false;
        for (uint32_t i = 0; i < a->aggregate.n_aggregates; i++)
            if (!aggregate_equal(&a->aggregate.aggregates[i], &b->aggregate.aggregates[i]))
                return false;
        return true;
    case PLAN_SORT:
        return a->sort.n_keys == b->sort.n_keys && a->sort.limit == b->sort.limit &&
               a->sort.offset == b->sort.offset &&
               keys_equal(a->sort.keys, b->sort.keys, a->sort.n_keys);
    case PLAN_LIMIT:
        return a->limit.limit == b->limit.limit && a->limit.offset == b->limit.offset;
    case PLAN_UNION:
        return a->union_all.n_inputs == b->union_all.n_inputs;
    case PLAN_DISTINCT:
    case PLAN_REPLICATE:
        return true;
    case PLAN_EXPAND:
        return a->expand.n_keys == b->expand.n_keys && a->expand.n_sets == b->expand.n_sets &&
               memcmp(a->expand.keys, b->expand.keys, a->expand.n_keys * sizeof(uint32_t)) == 0 &&
               memcmp(a->expand.sets, b->expand.sets, a->expand.n_sets * sizeof(uint64_t)) == 0 &&
               memcmp(a->expand.ids, b->expand.ids, a->expand.n_sets * sizeof(int64_t)) == 0;
    case PLAN_GENERATE:
        return a->generate.outer == b->generate.outer &&
               a->generate.position == b->generate.position &&
               a->generate.unpack == b->generate.unpack &&
               expr_equal(a->generate.array, b->generate.array);
    case PLAN_WINDOW:
        return a->window.n_keys == b->window.n_keys &&
               a->window.n_partition == b->window.n_partition &&
               a->window.n_functions == b->window.n_functions &&
               a->window.limit == b->window.limit && a->window.limited_by == b->window.limited_by &&
               keys_equal(a->window.keys, b->window.keys, a->window.n_keys) &&
               functions_equal(a->window.functions, b->window.functions, a->window.n_functions);
    default: /* SAMPLE draws anew; SHARED is not there yet */
        return false;
    }
}

bool plan_equal(const PlanNode *a, const PlanNode *b)
{
    if (a->kind != b->kind || a->n_fields != b->n_fields || !a->input != !b->input ||
        !a->right != !b->right)
        return false;
    for (uint32_t i = 0; i < a->n_fields; i++)
        if (!type_equal(a->fields[i].type, b->fields[i].type))
            return false;
    if (!body_equal(a, b))
        return false;
    for (uint32_t i = 0; a->kind == PLAN_UNION && i < a->union_all.n_inputs; i++)
        if (!plan_equal(a->union_all.inputs[i], b->union_all.inputs[i]))
            return false;
    return (!a->input || plan_equal(a->input, b->input)) &&
           (!a->right || plan_equal(a->right, b->right));
}

/* ---- the nodes of a plan, in order ---- */

typedef struct Place {
    PlanNode *node;
    uint64_t hash;
    uint32_t size; /* places of the subtree: it is followed by what is below it */
    double work;   /* rows looked at in it */
    bool may;      /* worth a thought */
    bool gone;     /* inside a part that is read from elsewhere */
    SharedColumns *shared;
} Place;

typedef struct Share {
    Optimiser *o;
    Place *places;
    uint32_t n;
    uint32_t n_plans;
} Share;

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 31;
}

static uint64_t body_hash(const PlanNode *node)
{
    uint64_t h = mix(node->kind, node->n_fields);

    switch (node->kind) {
    case PLAN_SCAN:
        h = mix(h, node->scan.n_files ? (uintptr_t)node->scan.files[0].source : 0);
        return mix(h, node->scan.n_filters);
    case PLAN_FILTER:
        return mix(h, expr_hash(node->filter.condition));
    case PLAN_JOIN:
        return mix(mix(h, node->join.type), node->join.n_keys);
    case PLAN_AGGREGATE:
        return mix(mix(h, node->aggregate.n_groups), node->aggregate.n_aggregates);
    default:
        return h;
    }
}

/*
 * A join below another one is left to that: its keys filter the scans. So is one below a LIMIT,
 * which ends it early. What must see all of its rows first may always be shared.
 */
static bool may_share(const PlanNode *node, bool cut_short)
{
    switch (node->kind) {
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
    case PLAN_WINDOW:
        return true;
    case PLAN_SORT:
        return node->sort.limit >= 0;
    case PLAN_JOIN:
        return !cut_short;
    default:
        return false;
    }
}

static double own_work(const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN: {
        const SourceInfo *source = node->scan.source;
        return node->rows + 0.2 * (source ? (double)source->rows : 0);
    }
    case PLAN_JOIN:
        return node->input->rows + 2 * node->right->rows + node->rows;
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
        return 2 * node->input->rows + 4 * node->rows; /* a new group costs more than a kept row */
    case PLAN_SORT:
    case PLAN_WINDOW:
        return 3 * node->input->rows;
    default:
        return node->rows;
    }
}

/* Does a join's key or a LIMIT above leave out some of the work below @node? */
static bool cuts_short(const PlanNode *node, bool cut_short)
{
    switch (node->kind) {
    case PLAN_JOIN:
        return node->join.type != JOIN_LEFT && node->join.type != JOIN_ANTI &&
               node->join.type != JOIN_FULL;
    case PLAN_LIMIT:
        return true;
    case PLAN_PROJECT:
    case PLAN_FILTER:
    case PLAN_UNION:
        return cut_short;
    default:
        return false;
    }
}

static void number_places(Share *s, PlanNode *node, bool cut_short)
{
    bool below = cuts_short(node, cut_short);
    uint32_t at = s->n++;
    s->places[at] =
        (Place){.node = node, .may = may_share(node, cut_short), .work = own_work(node)};
    uint32_t first = s->n;
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            number_places(s, node->union_all.inputs[i], below);
    if (node->input)
        number_places(s, node->input, below);
    if (node->right)
        number_places(s, node->right, below);
    Place *place = &s->places[at];
    place->size = s->n - at;
    place->hash = body_hash(node);
    for (uint32_t i = first; i < s->n; i += s->places[i].size) {
        place->hash = mix(place->hash, s->places[i].hash);
        place->work += s->places[i].work;
    }
}

static bool pays(const Place *place, uint32_t n_readers)
{
    double saved = place->work * (n_readers - 1);
    double store = place->node->rows * (1 + n_readers) * SHARE_STORE_COST;
    return place->work >= SHARE_WORK_MIN && saved > store;
}

static bool same_place(const Place *a, const Place *b)
{
    return b->may && !b->gone && !b->shared && a->hash == b->hash && a->size == b->size &&
           plan_equal(a->node, b->node);
}

/* In the list of what is shared, the largest first: a part of another comes after it. */
static SharedColumns *add_shared(Share *s, const Place *place, uint32_t n_readers)
{
    Optimiser *o = s->o;
    SharedColumns *c = opt_alloc(o, 1, sizeof(*c));
    if (!c)
        return NULL;
    c->plan = opt_alloc(o, 1, sizeof(*c->plan));
    c->need = opt_alloc(o, place->node->n_fields, sizeof(*c->need));
    c->map = opt_alloc(o, place->node->n_fields, sizeof(*c->map));
    if (!c->plan || !c->need || !c->map)
        return NULL;
    *c->plan = (SharedPlan){.n_readers = n_readers, .number = s->n_plans++};
    return c;
}

static bool share_place(Share *s, uint32_t at)
{
    Place *place = &s->places[at];
    uint32_t n_readers = 1;

    for (uint32_t i = at + place->size; i < s->n; i++)
        n_readers += same_place(place, &s->places[i]);
    if (n_readers == 1 || !pays(place, n_readers))
        return true;
    SharedColumns *c = add_shared(s, place, n_readers);
    if (!c)
        return false;
    for (uint32_t i = at + place->size; i < s->n; i++) {
        if (!same_place(place, &s->places[i]))
            continue;
        s->places[i].shared = c;
        for (uint32_t k = 1; k < s->places[i].size; k++)
            s->places[i + k].gone = true;
    }
    place->shared = c;
    return true;
}

/* ---- the plan with readers ---- */

static PlanNode *reader(Optimiser *o, const PlanNode *node, SharedColumns *c)
{
    PlanNode *made = opt_alloc(o, 1, sizeof(*made));
    if (!made)
        return NULL;
    *made = (PlanNode){.kind = PLAN_SHARED,
                       .n_fields = node->n_fields,
                       .fields = node->fields,
                       .rows = node->rows,
                       .bytes_per_row = node->bytes_per_row};
    made->shared.plan = c->plan;
    made->shared.columns = c;
    return made;
}

static PlanNode *rebuild(Share *s, uint32_t at, bool as_reader)
{
    const Place *place = &s->places[at];
    if (as_reader && place->shared)
        return reader(s->o, place->node, place->shared);
    PlanNode *copy = opt_copy(s->o, place->node);
    uint32_t below = at + 1;
    if (!copy)
        return NULL;
    if (copy->kind == PLAN_UNION) {
        uint32_t n = copy->union_all.n_inputs;
        PlanNode **inputs = opt_alloc(s->o, n, sizeof(*inputs));
        for (uint32_t i = 0; inputs && i < n; i++) {
            inputs[i] = rebuild(s, below, true);
            below += s->places[below].size;
        }
        copy->union_all.inputs = inputs;
    }
    if (copy->input) {
        copy->input = rebuild(s, below, true);
        below += s->places[below].size;
    }
    if (copy->right)
        copy->right = rebuild(s, below, true);
    return s->o->result == 0 ? copy : NULL;
}

/* What reads others in front of them: by size. */
static bool order_shared(Share *s)
{
    for (uint32_t size = s->n; size > 0; size--)
        for (uint32_t i = 0; i < s->n; i++) {
            Place *place = &s->places[i];
            SharedColumns *c = place->shared;
            if (place->size != size || !c || c->plan->node)
                continue;
            c->plan->node = rebuild(s, i, false);
            if (!c->plan->node)
                return false;
            SharedColumns **last = &s->o->shared, *before = NULL;
            for (; *last; last = &(*last)->next)
                before = *last;
            c->before = before;
            *last = c;
        }
    return true;
}

PlanNode *opt_share(Optimiser *o, PlanNode *node)
{
    uint32_t n = plan_count_nodes(node);
    Share s = {.o = o};
    bool any = false;

    if (n < 4 || n > SHARE_NODES_MAX)
        return node;
    s.places = opt_alloc(o, n, sizeof(*s.places));
    if (!s.places)
        return NULL;
    opt_estimate_tree(node);
    number_places(&s, node, false);
    for (uint32_t i = 0; i < s.n && s.n_plans < SHARE_PLANS_MAX; i++) {
        if (!s.places[i].may || s.places[i].gone || s.places[i].shared)
            continue;
        if (!share_place(&s, i))
            return NULL;
        any |= s.places[i].shared != NULL;
    }
    if (!any)
        return node;
    return order_shared(&s) ? rebuild(&s, 0, true) : NULL;
}
