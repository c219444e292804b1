/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/*
 * A sample without replacement: each row draws a number in [0, 1) and stays when it is in the
 * range. The generator is Spark's (Marsaglia, "Xorshift RNGs", 2003; seeded through MurmurHash3),
 * one for each morsel, as Spark has one for each partition: the same rows come out whatever the
 * threads, and the same as Spark's where it has one partition for one morsel.
 */

typedef struct Sample {
    Operator op;
} Sample;

typedef struct SampleLocal {
    uint64_t state;
    uint64_t position;
    bool seeded;
    uint16_t sel[VEC_ROWS_MAX];
} SampleLocal;

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* MurmurHash3 for 32 bits (Appleby, public domain) of the eight bytes of a number, highest first.
 */
static uint32_t murmur(uint64_t value, uint32_t seed)
{
    uint32_t h = seed;
    for (int i = 0; i < 2; i++) {
        uint32_t word = __builtin_bswap32((uint32_t)(i == 0 ? value >> 32 : value));
        word *= 0xcc9e2d51u;
        word = rotate(word, 15);
        word *= 0x1b873593u;
        h ^= word;
        h = rotate(h, 13);
        h = h * 5 + 0xe6546b64u;
    }
    h ^= 8;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    return h;
}

static uint64_t seed_state(uint64_t seed)
{
    uint32_t low = murmur(seed, 0x3c074a61u);
    return (uint64_t)murmur(seed, low) << 32 | low;
}

static uint64_t next_bits(uint64_t *state, int bits)
{
    uint64_t x = *state;
    x ^= x << 21;
    x ^= x >> 35;
    x ^= x << 4;
    *state = x;
    return x & ((UINT64_C(1) << bits) - 1);
}

static double next_double(uint64_t *state)
{
    uint64_t high = next_bits(state, 26);
    return (double)((high << 27) + next_bits(state, 27)) * 0x1.0p-53;
}

static int sample_local_new(Operator *op, Worker *worker, void **ret_local)
{
    int r = mem_block_alloc(op->context->pool, sizeof(SampleLocal), "sample", ret_local);
    if (r == 0)
        ((SampleLocal *)*ret_local)->seeded = false;
    return r;
}

static void sample_local_free(Operator *op, void *local)
{
    mem_block_free(op->context->pool, local, sizeof(SampleLocal));
}

static int sample_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    const PlanNode *node = op->node;
    SampleLocal *l = local;
    uint32_t n = batch_rows(batch), kept = 0;

    if (!l->seeded || l->position != worker->position) {
        l->seeded = true;
        l->position = worker->position;
        l->state = seed_state((uint64_t)node->sample.seed + worker->position);
    }
    for (uint32_t i = 0; i < n; i++) {
        double x = next_double(&l->state);
        l->sel[kept] = batch->sel ? batch->sel[i] : (uint16_t)i;
        kept += x >= node->sample.low && x < node->sample.high;
    }
    if (kept == 0)
        return 0;
    Batch out = *batch;
    out.sel = l->sel;
    out.n_selected = kept;
    return op_emit(op, worker, &out);
}

static void sample_close(Operator *op)
{
}

static const OperatorClass sample_class = {
    .name = "sample",
    .local_new = sample_local_new,
    .execute = sample_execute,
    .local_free = sample_local_free,
    .close = sample_close,
};

int sample_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Sample *s = mem_arena_new_of(q->context.arena, Sample);
    if (!s)
        return mem_arena_error(q->context.arena);
    operator_init(&s->op, &sample_class, q, node, next);
    *ret = &s->op;
    return query_add_operator(q, &s->op);
}
