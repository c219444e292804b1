/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

#include "exec/op/window_sort.h"

/*
 * Window functions: rows come sorted by partition and order, and go out in batches of pieces of
 * partitions. Of a partition no more is read than its functions look ahead, and nothing is kept
 * that none of them looks back to. When the sort was in memory its rows are used where they lie;
 * when it was on disk they are kept in blocks, which go to disk again when a function must see more
 * of a partition than fits.
 */

typedef struct WindowSource {
    Source source;
    Sort *parts;
    uint32_t n_parts;
    bool sorted;      /* the runs of the parts are */
    atomic_uint next; /* part that no worker has taken up */
    uint64_t ahead;   /* rows that its functions look at behind a row */
} WindowSource;

typedef struct WindowLocal {
    MemArena *arena;
    Worker *worker;
    WindowState state;
    /* Input: a part; a list of all its rows, or a merge, whose next row is @pending. */
    Sort *sort; /* NULL: none is taken up */
    SortMerge merge;
    bool input_over;
    SortEntry *list; /* our own, or NULL */
    uint64_t n_list;
    const uint8_t *pending;
    /* The partition: rows [first, end) are there, row @at comes next; @whole: those are all. */
    bool inside, whole;
    uint64_t first, at, end;
    WindowCursor current, look;
    /* One batch. */
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
} WindowLocal;

static void drop_list(WindowLocal *l)
{
    if (l->list)
        mem_block_free(l->state.context->pool, l->list, sizeof(*l->list) * l->n_list);
    l->list = NULL;
}

static void window_local_free(Source *source, void *local)
{
    WindowLocal *l = local;

    l->worker->give_userdata = NULL;
    for (uint32_t i = 0; l->state.evals && i < source->node->window.n_functions; i++)
        window_eval_done(&l->state, &l->state.evals[i]);
    if (l->state.context) {
        window_rows_done(&l->state.rows);
        drop_list(l);
    }
    sort_merge_close(&l->merge);
    mem_arena_free(l->state.batch);
    mem_arena_free(l->arena);
}

static int state_init(WindowSource *w, WindowState *s, MemArena *arena)
{
    const PlanNode *node = w->source.node;
    uint32_t n = node->window.n_functions;

    s->node = node;
    s->layout = &w->parts->layout;
    s->arena = arena;
    int r = window_rows_init(&s->rows, w->source.context, &w->parts->op, s->layout, arena);
    if (r)
        return r;
    s->context = w->source.context;
    r = mem_arena_new(s->context->pool, "window", &s->batch);
    if (r)
        return r;
    s->low = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    s->high = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    s->results = mem_arena_alloc(arena, (size_t)WINDOW_STATE_BYTES * VEC_ROWS_MAX, 64);
    s->result_rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    s->result_values = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * 16, 64);
    s->result_valid = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
    s->scratch = mem_arena_alloc(arena, (size_t)VEC_ROWS_MAX * 16, 64);
    WindowEval *evals = mem_arena_new_array(arena, WindowEval, n + 1);
    if (!s->low || !s->high || !s->results || !s->result_rows || !s->result_values ||
        !s->result_valid || !s->scratch || !evals)
        return mem_arena_error(arena);
    s->evals = evals;
    for (uint32_t i = 0; r == 0 && i < n; i++)
        r = window_eval_init(s, &evals[i], &node->window.functions[i]);
    return r ? r : window_peers_init(s);
}

static int window_local_new(Source *source, Worker *worker, void **ret_local)
{
    WindowSource *w = (WindowSource *)source;
    const RowLayout *layout = &w->parts->layout;
    uint32_t n = source->node->n_fields;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "window", &arena);
    if (r)
        return r;
    WindowLocal *l = mem_arena_new_of(arena, WindowLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->worker = worker;
    l->columns = mem_arena_new_array(arena, Vector, n + 1);
    l->values = mem_arena_new_array(arena, void *, n + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, n + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < w->parts->n_columns; c++) {
        l->values[c] = mem_arena_alloc(arena, phys_size(layout->phys[c]) * VEC_ROWS_MAX, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    r = state_init(w, &l->state, arena);
    if (r)
        return r;
    window_cursor_init(&l->current, &l->state.rows);
    window_cursor_init(&l->look, &l->state.rows);
    l->state.rows.worker = worker;
    l->state.error = &worker->error;
    worker->give = window_rows_give;
    worker->give_userdata = &l->state.rows;
    return 0;
}

/* --- input --- */

static int get_list(WindowLocal *l, uint64_t n)
{
    const ExecContext *context = l->state.context;
    void *list;

    l->worker->can_retry = context->spill;
    int r = mem_block_alloc(context->pool, sizeof(SortEntry) * n, "window", &list);
    l->worker->can_retry = false;
    if (r)
        return r;
    l->list = list;
    l->n_list = n;
    return 0;
}

/* The runs of a part are sorted all at once. */
static int sort_rows(WindowLocal *l, uint64_t n)
{
    Sort *sort = l->sort;
    SortRun *only = sort->n_runs == 1 && sort->runs[0]->has_room ? sort->runs[0] : NULL;
    SortEntry *entries, *sorted;
    int r = only ? 0 : get_list(l, 2 * n);

    if (r)
        return r;
    entries = only ? only->entries : l->list;
    for (uint64_t i = 0, at = 0; !only && i < sort->n_runs; at += sort->runs[i++]->n)
        memcpy(entries + at, sort->runs[i]->entries, sizeof(SortEntry) * sort->runs[i]->n);
    r = window_sort_entries(sort, entries, entries + (only ? only->capacity : n), n, &sorted);
    l->state.rows.list = sorted;
    return r;
}

/* Rows in memory go to disk: they would stand in the way of those that are kept. */
static int open_merge(WindowLocal *l)
{
    Sort *sort = l->sort;

    for (uint32_t i = 0; i < sort->n_runs; i++) {
        window_set_prefixes(sort, sort->runs[i]);
        int r = sort_spill_run(sort, sort->runs[i], l->worker);
        if (r)
            return r;
    }
    return sort_merge_open(sort, l->worker, &l->merge);
}

static int open_part(WindowLocal *l)
{
    Sort *sort = l->sort;
    WindowRows *rows = &l->state.rows;
    uint64_t n = 0;
    int r = MEM_E_SPILL;

    for (uint32_t i = 0; i < sort->n_runs; i++)
        n += sort->runs[i]->n;
    if (sort->n_spilled == 0)
        r = n == 0 ? 0 : sort_rows(l, n);
    if (r == 0) {
        rows->n = n;
        l->input_over = n == 0;
    } else if (sort->op.context->spill && (r == MEM_E_SPILL || r == MEM_E_REFUSED)) {
        rows->list = NULL;
        drop_list(l);
        r = open_merge(l);
    }
    return r;
}

/* Gives back what only this part needed. */
static void close_part(WindowLocal *l)
{
    Sort *sort = l->sort;

    sort_merge_close(&l->merge);
    window_rows_clear(&l->state.rows);
    drop_list(l);
    for (uint32_t i = 0; i < sort->n_runs; i++)
        sort_run_free(sort->runs[i]);
    for (uint32_t i = 0; i < sort->n_spilled; i++)
        spill_run_done(&sort->spilled[i], sort->op.context->spill);
    sort->n_runs = sort->n_spilled = 0;
    l->first = l->at = l->end = 0;
    l->inside = l->input_over = false;
    l->pending = NULL;
    l->sort = NULL;
}

/* Return: 0; OP_E_END: none is left; an error. */
static int next_part(WindowSource *w, WindowLocal *l)
{
    if (l->sort)
        close_part(l);
    uint32_t i = atomic_fetch_add(&w->next, 1);
    if (i >= w->n_parts)
        return OP_E_END;
    l->sort = &w->parts[i];
    return open_part(l);
}

/* The next row of the merge is at l->pending, or NULL: there is none. */
static int pull(WindowLocal *l, Worker *worker)
{
    while (!l->pending && !l->input_over) {
        l->pending = sort_merge_next(&l->merge);
        if (l->pending)
            break;
        l->input_over = sort_merge_ended(&l->merge);
        int r = context_stopped(l->state.context) ? QUERY_E_CANCELLED
                : l->input_over                   ? 0
                                                  : sort_merge_begin(&l->merge, worker);
        if (r)
            return r;
    }
    return 0;
}

static int take_pending(WindowLocal *l)
{
    int r = window_rows_append(&l->state.rows, l->pending);
    if (r)
        return r;
    l->pending = NULL;
    l->end++;
    return 0;
}

/* Until rows in front of @wanted are there, or all of the partition. */
static int extend(WindowLocal *l, uint64_t wanted, Worker *worker)
{
    WindowState *s = &l->state;
    uint32_t n = s->node->window.n_partition;

    if (s->rows.list) {
        const SortEntry *list = s->rows.list;
        for (; !l->whole && l->end < wanted; l->end += !l->whole)
            l->whole = l->end == s->rows.n ||
                       !window_same(s, list[l->end - 1].row, list[l->end].row, 0, n);
        return 0;
    }
    while (!l->whole && l->end < wanted) {
        int r = pull(l, worker);
        if (r)
            return r;
        if (!l->pending || !window_same(s, s->rows.last, l->pending, 0, n)) {
            l->whole = true;
            break;
        }
        r = take_pending(l);
        if (r)
            return r;
    }
    return 0;
}

/* --- partitions --- */

/* Return: 0; OP_E_END: there is none; an error. */
static int begin_partition(WindowLocal *l, Worker *worker)
{
    WindowState *s = &l->state;

    l->first = l->at = l->end;
    if (s->rows.list) {
        if (l->end == s->rows.n)
            return OP_E_END;
        l->end++;
    } else {
        int r = pull(l, worker);
        if (r)
            return r;
        if (!l->pending)
            return OP_E_END;
        r = take_pending(l);
        if (r)
            return r;
    }
    l->inside = true;
    l->whole = false;
    return 0;
}

static const uint8_t *last_row(const WindowLocal *l)
{
    const WindowRows *rows = &l->state.rows;
    return rows->list ? rows->list[l->end - 1].row : rows->last;
}

/* Until all frames of row @row, and so of those in front of it, end among the rows that are there.
 */
static int extend_frames(WindowSource *w, WindowLocal *l, uint64_t row, Worker *worker)
{
    const PlanNode *node = w->source.node;

    for (uint32_t i = 0; i < node->window.n_functions; i++) {
        const WindowFunction *f = &node->window.functions[i];
        while (!l->whole &&
               !window_frame_ends(&l->state, f, window_row(&l->look, row), last_row(l))) {
            int r = extend(l, l->end + VEC_ROWS_MAX / 4, worker);
            if (r)
                return r;
        }
    }
    return 0;
}

/* Some rows of the partition behind @to that are in the batch already. @ret_n: 0: no more. */
static int next_piece(WindowSource *w, WindowLocal *l, uint32_t to, Worker *worker, uint32_t *ret_n)
{
    WindowState *s = &l->state;
    /* One row more, so that the piece that ends the partition is known to. */
    uint64_t n = VEC_ROWS_MAX - to, wanted = l->at + n + 1;
    int r;

    *ret_n = 0;
    /* The batch's rows must stay where they are: one block. */
    if (to > 0 && window_cursor_room(&l->current, l->at) == 0)
        return 0;
    r = extend(l, w->ahead > UINT64_MAX - wanted ? UINT64_MAX : wanted + w->ahead, worker);
    if (r)
        return r;
    n = MIN(n, l->end - l->at - (l->whole ? 0 : w->ahead + 1));
    (void)window_row(&l->current, l->at);
    n = MIN(n, window_cursor_room(&l->current, l->at));
    assert(n > 0);
    r = s->rows.result ? s->rows.result : extend_frames(w, l, l->at + n - 1, worker);
    if (r)
        return r;
    s->piece =
        (WindowPiece){.first = l->first, .at = l->at, .end = l->end, .n = (uint32_t)n, .to = to};
    for (uint32_t i = 0; i < n; i++)
        l->rows[to + i] = window_row(&l->current, l->at + i);
    window_find_peers(s);
    for (uint32_t i = 0; r == 0 && i < s->node->window.n_functions; i++)
        r = window_evaluate(s, &s->evals[i]);
    l->at += n;
    l->inside = !l->whole || l->at < l->end;
    *ret_n = (uint32_t)n;
    return r ? r : s->rows.result;
}

/* The batch before this one has been used. */
static int begin_batch(WindowLocal *l)
{
    WindowState *s = &l->state;
    uint64_t keep = l->at > l->first ? l->at - 1 : l->at; /* compared with the next one */

    for (uint32_t i = 0; i < s->node->window.n_functions; i++) {
        WindowEval *e = &s->evals[i];
        int r = window_eval_carry(s, e);
        if (r)
            return r;
        memset(e->out.valid, 0xff, VEC_VALID_WORDS * 8);
        e->out.has_nulls = false;
        if (l->inside)
            keep = MIN(keep, e->keep);
    }
    if (l->inside || l->end > 0)
        window_rows_forget(&s->rows, l->inside ? keep : l->end);
    mem_arena_reset(s->batch);
    return 0;
}

static void fill_batch(WindowSource *w, WindowLocal *l, uint32_t n)
{
    const PlanNode *node = w->source.node;
    uint32_t n_in = w->parts->n_columns;

    for (uint32_t c = 0; c < n_in; c++)
        row_gather(&w->parts->layout, c, l->rows, n, NULL, l->values[c], l->valid[c],
                   &l->columns[c]);
    for (uint32_t i = 0; i < node->window.n_functions; i++) {
        const WindowOutput *out = &l->state.evals[i].out;
        l->columns[n_in + i] = (Vector){
            .type = node->window.functions[i].type,
            .phys = out->phys,
            .encoding = VEC_FLAT,
            .has_nulls = out->has_nulls,
            .values = out->values,
            .valid = out->has_nulls ? out->valid : NULL,
        };
    }
    l->batch =
        (Batch){.n_rows = n, .n_selected = n, .n_columns = node->n_fields, .columns = l->columns};
}

/* Return: 0; OP_E_END: no row of the part is left; an error. */
static int next_rows(WindowSource *w, WindowLocal *l, uint32_t *ret_n)
{
    uint32_t n = 0;
    int r = begin_batch(l);

    for (uint32_t k = 1; r == 0 && k > 0 && n < VEC_ROWS_MAX; n += k) {
        if (!l->inside)
            r = begin_partition(l, l->worker);
        k = 0;
        if (r == 0)
            r = next_piece(w, l, n, l->worker, &k);
    }
    *ret_n = n;
    return r == OP_E_END && n > 0 ? 0 : r;
}

static int window_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    WindowSource *w = (WindowSource *)source;
    WindowLocal *l = local;
    uint32_t n = 0;
    int r = l->sort ? next_rows(w, l, &n) : OP_E_END;

    while (r == OP_E_END) {
        r = next_part(w, l);
        if (r)
            return r;
        r = next_rows(w, l, &n);
    }
    if (r)
        return r;
    fill_batch(w, l, n);
    *ret_batch = &l->batch;
    return 0;
}

/* --- the source --- */

/* The sort may be closed much later. */
static void window_close(Source *source)
{
    WindowSource *w = (WindowSource *)source;

    for (uint32_t k = 0; k < w->n_parts; k++) {
        for (uint32_t i = 0; i < w->parts[k].n_runs; i++)
            sort_run_free(w->parts[k].runs[i]);
        w->parts[k].n_runs = 0;
    }
}

static const SourceClass window_class = {
    .name = "window",
    .local_new = window_local_new,
    .next = window_next,
    .local_free = window_local_free,
    .close = window_close,
};

int window_source_new(Query *q, const PlanNode *node, Operator *sort, Source **ret)
{
    WindowSource *w = mem_arena_new_of(q->context.arena, WindowSource);

    if (!w)
        return mem_arena_error(q->context.arena);
    w->parts = window_sort_parts(sort, &w->n_parts);
    w->ahead = window_rows_ahead(node);
    w->source = (Source){
        .class = &window_class,
        .context = &q->context,
        .node = node,
        .n_workers_max = w->n_parts,
        .ordered = w->n_parts == 1,
    };
    *ret = &w->source;
    return 0;
}
