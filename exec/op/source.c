/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/* Sources that read no file: RANGE and VALUES. */

#define RANGE_MORSEL_ROWS (UINT64_C(16) * VEC_ROWS_MAX)

typedef struct RangeSource {
    Source source;
    uint64_t rows;
    _Atomic uint64_t next_morsel;
} RangeSource;

typedef struct RangeLocal {
    uint64_t at, end; /* rows of the morsel that are left */
    uint64_t morsel;
    Batch batch;
    Vector column;
    int64_t values[VEC_ROWS_MAX] __attribute__((aligned(64)));
} RangeLocal;

static int range_local_new(Source *source, Worker *worker, void **ret_local)
{
    void *block;
    int r = mem_block_alloc(source->context->pool, sizeof(RangeLocal), "range", &block);
    if (r)
        return r;
    RangeLocal *l = block;
    l->at = l->end = 0;
    *ret_local = l;
    return 0;
}

static void range_local_free(Source *source, void *local)
{
    mem_block_free(source->context->pool, local, sizeof(RangeLocal));
}

static int range_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    RangeSource *s = (RangeSource *)source;
    RangeLocal *l = local;

    if (l->at == l->end) {
        l->morsel = atomic_fetch_add(&s->next_morsel, 1);
        l->at = l->morsel * RANGE_MORSEL_ROWS;
        if (l->at >= s->rows) {
            l->at = l->end = s->rows;
            return OP_E_END;
        }
        l->end = MIN(l->at + RANGE_MORSEL_ROWS, s->rows);
    }
    uint32_t n = (uint32_t)MIN(l->end - l->at, (uint64_t)VEC_ROWS_MAX);
    int64_t start = source->node->range.start, step = source->node->range.step;
    for (uint32_t i = 0; i < n; i++)
        l->values[i] = (int64_t)((uint64_t)start + (l->at + i) * (uint64_t)step);
    l->at += n;
    l->column = (Vector){.type = TYPE(LONG), .phys = PHYS_I64, .values = l->values};
    l->batch = (Batch){
        .n_rows = n, .n_selected = n, .n_columns = 1, .columns = &l->column, .position = l->morsel};
    atomic_fetch_add_explicit(&source->context->progress->rows_scanned, n, memory_order_relaxed);
    *ret_batch = &l->batch;
    return 0;
}

static void no_close(Source *source)
{
}

static const SourceClass range_class = {
    .name = "range",
    .local_new = range_local_new,
    .next = range_next,
    .local_free = range_local_free,
    .close = no_close,
};

int range_source_new(Query *q, const PlanNode *node, Source **ret)
{
    RangeSource *s = mem_arena_new_of(q->context.arena, RangeSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    __int128 span = (__int128)node->range.end - node->range.start, step = node->range.step;
    if (step == 0)
        return -EINVAL;
    if ((span > 0) == (step > 0) && span != 0)
        s->rows = (uint64_t)((span + step + (step > 0 ? -1 : 1)) / step);
    s->source = (Source){
        .class = &range_class,
        .context = &q->context,
        .node = node,
        .ordered = true,
        .rows_total = s->rows,
    };
    *ret = &s->source;
    return 0;
}

/* --- VALUES --- */

typedef struct ValuesSource {
    Source source;
    _Atomic uint32_t next_batch;
} ValuesSource;

static int values_local_new(Source *source, Worker *worker, void **ret_local)
{
    return mem_block_alloc(source->context->pool, sizeof(Batch), "values", ret_local);
}

static void values_local_free(Source *source, void *local)
{
    mem_block_free(source->context->pool, local, sizeof(Batch));
}

static int values_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    ValuesSource *s = (ValuesSource *)source;
    Batch *batch = local;
    uint32_t i = atomic_fetch_add(&s->next_batch, 1);

    if (i >= source->node->values.n_batches)
        return OP_E_END;
    *batch = source->node->values.batches[i];
    batch->position = i;
    atomic_fetch_add_explicit(&source->context->progress->rows_scanned, batch_rows(batch),
                              memory_order_relaxed);
    *ret_batch = batch;
    return 0;
}

static const SourceClass values_class = {
    .name = "values",
    .local_new = values_local_new,
    .next = values_next,
    .local_free = values_local_free,
    .close = no_close,
};

int values_source_new(Query *q, const PlanNode *node, Source **ret)
{
    ValuesSource *s = mem_arena_new_of(q->context.arena, ValuesSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->source =
        (Source){.class = &values_class, .context = &q->context, .node = node, .ordered = true};
    for (uint32_t i = 0; i < node->values.n_batches; i++)
        s->source.rows_total += batch_rows(&node->values.batches[i]);
    *ret = &s->source;
    return 0;
}
