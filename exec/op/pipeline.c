/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/join_disk.h"

/* From a plan to pipelines. A node builds itself on top of where its rows go. */

int query_add_operator(Query *q, Operator *op)
{
    if (q->n_operators == q->operators_capacity) {
        uint32_t capacity = q->operators_capacity ? q->operators_capacity * 2 : 16;
        Operator **list = mem_arena_new_array(q->context.arena, Operator *, capacity);
        if (!list)
            return mem_arena_error(q->context.arena);
        if (q->n_operators)
            memcpy(list, q->operators, sizeof(*list) * q->n_operators);
        q->operators = list;
        q->operators_capacity = capacity;
    }
    q->operators[q->n_operators++] = op;
    return 0;
}

int query_add_pipeline(Query *q, Source *source, Operator *first, bool finishes)
{
    if (q->n_pipelines == q->pipelines_capacity) {
        uint32_t capacity = q->pipelines_capacity ? q->pipelines_capacity * 2 : 8;
        Pipeline *list = mem_arena_new_array(q->context.arena, Pipeline, capacity);
        if (!list) {
            source->class->close(source);
            return mem_arena_error(q->context.arena);
        }
        if (q->n_pipelines)
            memcpy(list, q->pipelines, sizeof(*list) * q->n_pipelines);
        q->pipelines = list;
        q->pipelines_capacity = capacity;
    }
    q->pipelines[q->n_pipelines++] = (Pipeline){
        .source = source, .first = first, .depth = first->number + 1, .finishes = finishes};
    return 0;
}

static int add_pending_filter(Query *q, const PlanNode *scan, RuntimeFilter *filter)
{
    if (q->n_filters == q->filters_capacity) {
        uint32_t capacity = q->filters_capacity ? q->filters_capacity * 2 : 8;
        PendingFilter *list = mem_arena_new_array(q->context.arena, PendingFilter, capacity);
        if (!list)
            return mem_arena_error(q->context.arena);
        if (q->n_filters)
            memcpy(list, q->filters, sizeof(*list) * q->n_filters);
        q->filters = list;
        q->filters_capacity = capacity;
    }
    q->filters[q->n_filters++] = (PendingFilter){.scan = scan, .filter = filter};
    return 0;
}

/* Follow a column down to the scan that reads it. Only where dropping its row early drops nothing
 * that the nodes on the way would have shown. */
static const PlanNode *find_scan(const PlanNode *node, uint32_t column, uint32_t *ret_column)
{
    for (;;) {
        switch (node->kind) {
        case PLAN_SCAN:
            *ret_column = column;
            return node;
        case PLAN_FILTER:
            node = node->input;
            continue;
        case PLAN_PROJECT:
            if (node->project.exprs[column]->kind != EXPR_COLUMN)
                return NULL;
            column = node->project.exprs[column]->column;
            node = node->input;
            continue;
        case PLAN_JOIN:
            if (join_is_right_only(node->join.type)) {
                node = node->right;
                continue;
            }
            if (column < node->input->n_fields) {
                if (node->join.type == JOIN_RIGHT || node->join.type == JOIN_FULL)
                    return NULL;
                node = node->input;
                continue;
            }
            if (node->join.type != JOIN_INNER && node->join.type != JOIN_CROSS)
                return NULL;
            column -= node->input->n_fields;
            node = node->right;
            continue;
        case PLAN_AGGREGATE: /* a group is dropped as a whole, or not at all */
            if (column >= node->aggregate.n_groups ||
                node->aggregate.groups[column]->kind != EXPR_COLUMN)
                return NULL;
            column = node->aggregate.groups[column]->column;
            node = node->input;
            continue;
        case PLAN_DISTINCT:
            node = node->input;
            continue;
        default:
            return NULL;
        }
    }
}

/* Does the build side leave anything out? Keys of a whole table seldom drop a foreign key. */
static bool is_selective(const PlanNode *node)
{
    for (;;) {
        switch (node->kind) {
        case PLAN_SCAN:
            return node->scan.n_filters > 0;
        case PLAN_PROJECT:
            node = node->input;
            continue;
        case PLAN_AGGREGATE:
        case PLAN_DISTINCT:
            node = node->input;
            continue;
        default:
            return true;
        }
    }
}

static int add_runtime_filters(Query *q, const PlanNode *node, Operator *build)
{
    if (node->join.type != JOIN_INNER && node->join.type != JOIN_SEMI &&
        node->join.type != JOIN_RIGHT && !join_is_right_only(node->join.type))
        return 0;
    if (!is_selective(node->right))
        return 0;
    for (uint32_t i = 0; i < node->join.n_keys; i++) {
        const Expr *key = node->join.left_keys[i];
        PhysKind phys = type_phys(key->type);
        uint32_t column;
        if (key->kind != EXPR_COLUMN || phys < PHYS_I8 || phys > PHYS_I64)
            continue;
        const PlanNode *scan = find_scan(node->input, key->column, &column);
        if (!scan)
            continue;
        RuntimeFilter *filter = mem_arena_new_of(q->context.arena, RuntimeFilter);
        if (!filter)
            return mem_arena_error(q->context.arena);
        filter->column = column;
        int r = join_build_add_filter(build, i, filter);
        if (r == 0)
            r = add_pending_filter(q, scan, filter);
        if (r)
            return r;
    }
    return 0;
}

static int build_node(Query *q, const PlanNode *node, Operator *next, uint32_t depth,
                      bool finishes);

static int build_source(Query *q, const PlanNode *node, Operator *next, bool finishes)
{
    Source *source = NULL;
    int r;

    switch (node->kind) {
    case PLAN_SCAN:
        r = q->run->scan_new ? q->run->scan_new(&q->context, node, &source) : -EOPNOTSUPP;
        break;
    case PLAN_RANGE:
        r = range_source_new(q, node, &source);
        break;
    default:
        r = values_source_new(q, node, &source);
        break;
    }
    if (r)
        return r;
    for (uint32_t i = 0; i < q->n_filters; i++)
        if (q->filters[i].scan == node && source->n_filters < SOURCE_RUNTIME_FILTERS_MAX)
            source->filters[source->n_filters++] = q->filters[i].filter;
    return query_add_pipeline(q, source, next, finishes);
}

static int build_join(Query *q, const PlanNode *node, Operator *next, uint32_t depth, bool finishes)
{
    Operator *build, *probe;
    Source *unmatched;
    bool keeps_right = node->join.type == JOIN_RIGHT || node->join.type == JOIN_FULL ||
                       join_is_right_only(node->join.type);
    /* What is on disk comes last. */
    bool disk = q->context.spill && node->join.n_keys > 0;
    int r = join_build_new(q, node, &build);

    if (r == 0)
        r = add_runtime_filters(q, node, build);
    if (r == 0)
        r = build_node(q, node->right, build, depth + 1, true);
    if (r == 0)
        r = join_probe_new(q, node, build, next, &probe);
    if (r == 0)
        r = build_node(q, node->input, probe, depth + 1, finishes && !keeps_right && !disk);
    if (r == 0 && keeps_right)
        r = join_unmatched_new(q, build, &unmatched);
    if (r == 0 && keeps_right)
        r = query_add_pipeline(q, unmatched, next, finishes && !disk);
    if (r || !disk)
        return r;
    r = join_disk_source_new(q, build, &unmatched);
    return r ? r : query_add_pipeline(q, unmatched, probe, finishes);
}

/* The scan of the same pipeline that a top-N's first key comes from. */
static const PlanNode *find_streaming_scan(const PlanNode *node, uint32_t column,
                                           uint32_t *ret_column)
{
    for (;;) {
        if (node->kind == PLAN_PROJECT && node->project.exprs[column]->kind == EXPR_COLUMN)
            column = node->project.exprs[column]->column;
        else if (node->kind == PLAN_JOIN &&
                 (column >= node->input->n_fields || node->join.type == JOIN_RIGHT ||
                  node->join.type == JOIN_FULL || join_is_right_only(node->join.type)))
            return NULL;
        else if (node->kind == PLAN_SCAN || (node->kind != PLAN_FILTER && node->kind != PLAN_JOIN))
            break;
        node = node->input;
    }
    *ret_column = column;
    return node->kind == PLAN_SCAN ? node : NULL;
}

static int add_moving_bound(Query *q, const PlanNode *node, Operator *sort)
{
    const SortKey *key = &node->sort.keys[0];
    PhysKind phys = node->sort.n_keys > 0 ? type_phys(key->expr->type) : PHYS_STRING;
    uint32_t column;

    if (phys < PHYS_I8 || phys > PHYS_I64 || key->expr->kind != EXPR_COLUMN)
        return 0;
    const PlanNode *scan = find_streaming_scan(node->input, key->expr->column, &column);
    if (!scan)
        return 0;
    RuntimeFilter *filter = mem_arena_new_of(q->context.arena, RuntimeFilter);
    if (!filter)
        return mem_arena_error(q->context.arena);
    filter->column = column;
    filter->moving = true;
    filter->nulls_pass = key->nulls_first;
    atomic_init(&filter->moving_min, INT64_MIN);
    atomic_init(&filter->moving_max, INT64_MAX);
    atomic_init(&filter->ready, true);
    return sort_set_bound(sort, filter) ? add_pending_filter(q, scan, filter) : 0;
}

static int build_blocking(Query *q, const PlanNode *node, Operator *next, uint32_t depth,
                          bool finishes)
{
    bool sort = node->kind == PLAN_SORT;
    Operator *sink;
    Source *source;
    int r = sort ? sort_new(q, node, &sink) : aggregate_new(q, node, &sink);

    if (r == 0 && sort)
        r = add_moving_bound(q, node, sink);
    if (r == 0)
        r = build_node(q, node->input, sink, depth + 1, true);
    if (r == 0)
        r = sort ? sort_source_new(q, sink, &source) : aggregate_source_new(q, sink, &source);
    return r ? r : query_add_pipeline(q, source, next, finishes);
}

/* A sort by partition and order, then one pass over what comes out of it. */
static int build_window(Query *q, const PlanNode *node, Operator *next, uint32_t depth,
                        bool finishes)
{
    PlanNode *order = mem_arena_new_of(q->context.arena, PlanNode);
    Operator *sink;
    Source *source;
    int r;

    if (!order)
        return mem_arena_error(q->context.arena);
    *order = (PlanNode){.kind = PLAN_SORT,
                        .input = node->input,
                        .fields = node->input->fields,
                        .n_fields = node->input->n_fields,
                        .rows = node->rows,
                        .id = node->id};
    order->sort.keys = node->window.keys;
    order->sort.n_keys = node->window.n_keys;
    order->sort.limit = -1;
    r = window_sort_new(q, node, order, &sink);
    if (r == 0)
        r = build_node(q, node->input, sink, depth + 1, true);
    if (r == 0)
        r = window_source_new(q, node, sink, &source);
    return r ? r : query_add_pipeline(q, source, next, finishes);
}

/* The store of a shared plan; whoever reads it first has its pipelines put in front of its own. */
static int find_store(Query *q, const PlanNode *reader, uint32_t depth, Operator **ret)
{
    const SharedPlan *plan = reader->shared.plan;

    for (const StoreEntry *e = q->stores; e; e = e->next)
        if (e->plan == plan) {
            *ret = e->store;
            return 0;
        }
    StoreEntry *entry = mem_arena_new_of(q->context.arena, StoreEntry);
    if (!entry)
        return mem_arena_error(q->context.arena);
    int r = store_new(q, reader, ret);
    if (r == 0)
        r = build_node(q, plan->node, *ret, depth + 1, true);
    if (r)
        return r;
    *entry = (StoreEntry){plan, *ret, q->stores};
    q->stores = entry;
    return 0;
}

static int build_shared(Query *q, const PlanNode *node, Operator *next, uint32_t depth,
                        bool finishes)
{
    Operator *store;
    Source *source;
    int r = find_store(q, node, depth, &store);

    if (r == 0)
        r = store_source_new(q, store, node, &source);
    return r ? r : query_add_pipeline(q, source, next, finishes);
}

static int build_node(Query *q, const PlanNode *node, Operator *next, uint32_t depth, bool finishes)
{
    Operator *op;
    int r;

    if (depth > EXEC_PLAN_DEPTH_MAX)
        return query_error_set(&q->workers[0].error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                               "0A000", "The plan is nested deeper than %u.", EXEC_PLAN_DEPTH_MAX);
    switch (node->kind) {
    case PLAN_SCAN:
    case PLAN_RANGE:
    case PLAN_VALUES:
        return build_source(q, node, next, finishes);
    case PLAN_FILTER:
        r = filter_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_PROJECT:
        r = project_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_GENERATE:
        r = generate_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_SAMPLE:
        r = sample_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_EXPAND:
        r = expand_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_REPLICATE:
        r = replicate_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_LIMIT:
        r = limit_new(q, node, next, &op);
        return r ? r : build_node(q, node->input, op, depth + 1, finishes);
    case PLAN_JOIN:
        return build_join(q, node, next, depth, finishes);
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
    case PLAN_SORT:
        return build_blocking(q, node, next, depth, finishes);
    case PLAN_WINDOW:
        return build_window(q, node, next, depth, finishes);
    case PLAN_SHARED:
        return build_shared(q, node, next, depth, finishes);
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++) {
            r = build_node(q, node->union_all.inputs[i], next, depth + 1,
                           finishes && i + 1 == node->union_all.n_inputs);
            if (r)
                return r;
        }
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

int query_build(Query *q, const PlanNode *plan)
{
    Operator *result;
    int r = q->run->sink_new ? q->run->sink_new(&q->context, plan, q->run->userdata, &result)
                             : result_new(q, plan, &result);
    return r ? r : build_node(q, plan, result, 0, true);
}
