/* SPDX-License-Identifier: Apache-2.0 */

/* Expression.Window: a function, its partition, order and frame. */

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "exec/connect/decode.h"

#define KEYS_MAX 64u

/* Distances come as expressions, as a rule literals whose sign says the direction. */
static bool take_offset(Decoder *d, UExpr *e, UWindowBound *bound)
{
    bound->kind = WINDOW_FOLLOWING;
    bound->offset = e;
    if (!e || e->kind != UEXPR_LITERAL || e->literal.is_null || !type_is_integral(e->type))
        return e != NULL;
    int64_t n = e->literal.i;
    if (n == 0)
        *bound = (UWindowBound){.kind = WINDOW_CURRENT_ROW};
    if (n < 0) {
        bound->kind = WINDOW_PRECEDING;
        bound->offset = uexpr_int(d->b, n == INT64_MIN ? INT64_MAX : -n);
    }
    return n >= 0 || bound->offset;
}

static bool decode_bound(Decoder *d, ProtoReader r, bool is_end, UWindowBound *bound)
{
    ProtoField f;
    ProtoReader inner;
    int n;

    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_CURRENT_ROW) {
            bound->kind = WINDOW_CURRENT_ROW;
        } else if (f.number == SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_UNBOUNDED) {
            bound->kind = is_end ? WINDOW_UNBOUNDED_FOLLOWING : WINDOW_UNBOUNDED_PRECEDING;
        } else if (f.number == SPARK_WINDOW_WINDOW_FRAME_FRAME_BOUNDARY_VALUE) {
            UExpr *e = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
            if (!take_offset(d, e, bound))
                return false;
        }
    }
    return n == 0;
}

static bool decode_frame(Decoder *d, ProtoReader r, UWindow *w)
{
    ProtoField f;
    ProtoReader inner;
    int n;

    w->has_frame = true;
    while ((n = decode_next(d, &r, &f)) > 0) {
        bool ok = true;
        if (f.number == SPARK_WINDOW_WINDOW_FRAME_FRAME_TYPE)
            w->range = f.value == SPARK_FRAME_TYPE_RANGE;
        else if (f.number == SPARK_WINDOW_WINDOW_FRAME_LOWER)
            ok = decode_enter(d, &r, &f, &inner) && decode_bound(d, inner, false, &w->start);
        else if (f.number == SPARK_WINDOW_WINDOW_FRAME_UPPER)
            ok = decode_enter(d, &r, &f, &inner) && decode_bound(d, inner, true, &w->end);
        if (!ok)
            return false;
    }
    return n == 0;
}

UExpr *decode_window(Decoder *d, ProtoReader r)
{
    UWindow *w = ubuilder_alloc(d->b, 1, sizeof(*w));
    bool *descending = ubuilder_alloc(d->b, KEYS_MAX, sizeof(bool));
    bool *nulls_first = ubuilder_alloc(d->b, KEYS_MAX, sizeof(bool));
    UExpr *args[1 + 2 * KEYS_MAX] = {0}, *order[KEYS_MAX];
    ProtoField f;
    ProtoReader inner;
    int n;

    if (!w || !descending || !nulls_first)
        return NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (!decode_enter(d, &r, &f, &inner))
            return NULL;
        if (f.number == SPARK_WINDOW_FRAME_SPEC) {
            if (!decode_frame(d, inner, w))
                return NULL;
        } else if (f.number == SPARK_WINDOW_WINDOW_FUNCTION) {
            args[0] = decode_expression(d, inner);
        } else if (w->n_partition == KEYS_MAX || w->n_order == KEYS_MAX) {
            return decode_unsupported(d, "so many keys of a window");
        } else if (f.number == SPARK_WINDOW_PARTITION_SPEC) {
            args[1 + w->n_partition] = decode_expression(d, inner);
            if (!args[1 + w->n_partition++])
                return NULL;
        } else if (f.number == SPARK_WINDOW_ORDER_SPEC) {
            USortKey key = {0};
            if (!decode_sort_order(d, inner, &key))
                return NULL;
            order[w->n_order] = key.expr;
            descending[w->n_order] = key.descending;
            nulls_first[w->n_order++] = key.nulls_first;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!args[0] || args[0]->kind != UEXPR_CALL)
        return decode_malformed(d);
    for (uint32_t i = 0; i < w->n_order; i++)
        args[1 + w->n_partition + i] = order[i];
    w->descending = descending;
    w->nulls_first = nulls_first;
    UExpr *e = uexpr_new(d->b, UEXPR_WINDOW, args, 1 + w->n_partition + w->n_order);
    if (e)
        e->window = w;
    return e;
}
