/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as sketches: every operation on one, and on a set of two, reads inside of them, ends,
 * and what it makes is a sketch again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exec/expr/nested_sketch.h"

#define BYTES_MAX 65536u
#define MEMORY_MAX (UINT64_C(64) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct Bench {
    MemArena *arena;
    QueryError error;
    ExprState state;
    Expr expr;
    Step step;
    NestedCall call;
    Type types[4];
} Bench;

static int run(Bench *b, SketchOp op, SketchValue value, const NestedItem *args, NestedItem *ret)
{
    *ret = (NestedItem){0};
    b->error = (QueryError){0};
    int r = op < SKETCH_KLL_MAKE      ? nested_sketch(&b->call, args, op, value, ret)
            : op == SKETCH_BITMAP_AND ? nested_bitmap_and(&b->call, args, ret)
                                      : nested_kll(&b->call, args, op, value, ret);
    assert(r != QUERY_E_FAILED || (b->error.error_class[0] && b->error.message[0]));
    return r;
}

/* args[2] and args[3] by what the operation takes there. */
static void set_params(SketchOp op, NestedItem args[static 5])
{
    static const VecString sum = {.length = 3, .prefix = "sum"};
    memset(&args[2], 0, 3 * sizeof(args[2]));
    if (op == SKETCH_TUPLE_COMMON || op == SKETCH_TUPLE_SUMMARY)
        args[2].value.s = sum;
    else if (op == SKETCH_KLL_QUANTILE)
        args[2].value.f64 = 0.3;
    else if (op == SKETCH_KLL_RANK || op == SKETCH_KLL_MERGE)
        args[2].value.i64 = 0;
    else
        args[2].value.i32 = 8;
    args[3].value.s = sum;
}

static bool makes_sketch(SketchOp op)
{
    return op == SKETCH_THETA_UNION || op == SKETCH_THETA_COMMON || op == SKETCH_THETA_WITHOUT ||
           op == SKETCH_HLL_UNION || op == SKETCH_TUPLE_UNION || op == SKETCH_TUPLE_COMMON ||
           op == SKETCH_TUPLE_WITHOUT || op == SKETCH_KLL_MERGE;
}

static SketchOp reader_of(SketchOp op)
{
    return op <= SKETCH_THETA_ESTIMATE  ? SKETCH_THETA_ESTIMATE
           : op <= SKETCH_HLL_ESTIMATE  ? SKETCH_HLL_ESTIMATE
           : op <= SKETCH_TUPLE_SUMMARY ? SKETCH_TUPLE_ESTIMATE
                                        : SKETCH_KLL_N;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MemPool *pool;
    Bench b = {0};
    TypeField element = {.name = "element", .type = TYPE(BINARY), .nullable = true};
    NestedItem args[5] = {0}, items[2] = {0}, ret, again;
    if (n < 3 || n > BYTES_MAX)
        return 0;
    assert(mem_pool_new(MEMORY_MAX, NULL, NULL, &pool) == 0);
    assert(mem_arena_new(pool, "fuzz", &b.arena) == 0);
    b.state.error = &b.error;
    b.step.expr = &b.expr;
    b.call = (NestedCall){.s = &b.state, .step = &b.step, .types = b.types, .arena = b.arena};
    SketchOp op = (SketchOp)(data[0] % _SKETCH_MAX);
    SketchValue value = (SketchValue)(data[1] % 3);
    uint32_t rest = (uint32_t)n - 3, first = rest * data[2] / 255;
    items[0].value.s = vec_string((const char *)data + 3, first);
    items[1].value.s = vec_string((const char *)data + 3 + first, rest - first);
    bool make = op == SKETCH_THETA_MAKE || op == SKETCH_HLL_MAKE || op == SKETCH_TUPLE_MAKE ||
                op == SKETCH_KLL_MAKE;
    bool one = op == SKETCH_THETA_ESTIMATE || op == SKETCH_HLL_ESTIMATE ||
               op == SKETCH_TUPLE_ESTIMATE || op == SKETCH_TUPLE_THETA ||
               op == SKETCH_TUPLE_SUMMARY || op >= SKETCH_KLL_N;
    set_params(op, args);
    b.types[1] = (Type){.kind = TYPE_ARRAY, .n_children = 1, .children = &element};
    b.types[2] = value == SKETCH_LONG ? TYPE(LONG) : TYPE(DOUBLE);
    if (one && op != SKETCH_BITMAP_AND)
        args[1] = items[0];
    else if (nested_array(b.arena, TYPE(BINARY), items, 2, &args[1].value.s) != 0)
        make = true;
    if (!make && run(&b, op, value, args, &ret) == 0 && makes_sketch(op)) {
        args[1] = ret;
        op = reader_of(op);
        set_params(op, args);
        assert(run(&b, op, value, args, &again) == 0);
    }
    mem_arena_free(b.arena);
    mem_pool_free(pool);
    return 0;
}
