/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

int window_compare(const WindowChunk *c, const uint8_t *a, const uint8_t *b, uint32_t from,
                   uint32_t to)
{
    for (uint32_t k = from; k < to; k++) {
        const SortKey *key = &c->node->window.keys[k];
        uint32_t column = key->expr->column;
        bool null_a = row_is_null(c->layout, a, column), null_b = row_is_null(c->layout, b, column);
        if (null_a || null_b) {
            if (null_a != null_b)
                return null_a == key->nulls_first ? -1 : 1;
            continue;
        }
        uint64_t x[2] __attribute__((aligned(16))), y[2] __attribute__((aligned(16)));
        size_t size = phys_size(c->layout->phys[column]);
        memcpy(x, a + c->layout->offsets[column], size);
        memcpy(y, b + c->layout->offsets[column], size);
        int order = vec_value_compare(c->layout->phys[column], x, y);
        if (order)
            return key->descending ? -order : order;
    }
    return 0;
}

/* --- peers --- */

static int find_peers(const WindowPartition *p)
{
    WindowChunk *c = p->chunk;
    uint32_t from = c->node->window.n_partition, to = c->node->window.n_keys, first = p->first;

    if (!c->peer_first) {
        c->peer_first = mem_arena_alloc(c->arena, sizeof(uint32_t) * c->n_rows, 4);
        c->peer_end = mem_arena_zalloc(c->arena, sizeof(uint32_t) * c->n_rows, 4);
        if (!c->peer_first || !c->peer_end)
            return mem_arena_error(c->arena);
    }
    if (c->peer_end[p->first])
        return 0;
    for (uint32_t i = p->first + 1; i <= p->end; i++) {
        if (i < p->end && window_compare(c, c->rows[i - 1], c->rows[i], from, to) == 0)
            continue;
        for (uint32_t k = first; k < i; k++) {
            c->peer_first[k] = first;
            c->peer_end[k] = i;
        }
        first = i;
    }
    return 0;
}

/* --- frames --- */

static bool needs_peers(const WindowFunction *f)
{
    return f->range && (f->start.kind == WINDOW_CURRENT_ROW || f->end.kind == WINDOW_CURRENT_ROW ||
                        f->start.value || f->end.value);
}

/* A row moved by some rows, held inside of the partition. */
static uint32_t move(const WindowPartition *p, uint32_t row, int64_t by)
{
    int64_t at = 0;
    if (__builtin_add_overflow((int64_t)row, by, &at))
        return by < 0 ? p->first : p->end;
    return at < p->first ? p->first : at > p->end ? p->end : (uint32_t)at;
}

/* Does the order key of row @at stand in front of @value (@or_equal: or where it is)? */
static bool key_before(const WindowChunk *c, uint32_t at, const uint8_t *value, bool or_equal)
{
    const SortKey *key = &c->node->window.keys[c->node->window.n_partition];
    uint64_t x[2] __attribute__((aligned(16))), y[2] __attribute__((aligned(16)));
    PhysKind phys = c->layout->phys[key->expr->column];

    if (window_is_null(c, key->expr, at))
        return key->nulls_first;
    memcpy(x, window_value(c, key->expr, at), phys_size(phys));
    memcpy(y, value, phys_size(phys));
    int order = vec_value_compare(phys, x, y);
    order = key->descending ? -order : order;
    return order < 0 || (or_equal && order == 0);
}

/* One edge of all rows; the values of an order are an order, so one pointer goes along. */
static void edges(const WindowPartition *p, const WindowFunction *f, const WindowEdge *edge,
                  bool is_end, uint32_t *out)
{
    const WindowChunk *c = p->chunk;
    uint32_t at = p->first;

    for (uint32_t i = p->first; i < p->end; i++) {
        uint32_t *to = &out[i - p->first];
        switch (edge->kind) {
        case WINDOW_UNBOUNDED_PRECEDING:
            *to = p->first;
            continue;
        case WINDOW_UNBOUNDED_FOLLOWING:
            *to = p->end;
            continue;
        case WINDOW_CURRENT_ROW:
            *to = f->range ? (is_end ? c->peer_end[i] : c->peer_first[i]) : i + is_end;
            continue;
        default:
            break;
        }
        if (!f->range) {
            int64_t by = edge->kind == WINDOW_PRECEDING ? -edge->offset : edge->offset;
            *to = move(p, i, is_end && by < INT64_MAX ? by + 1 : by);
        } else if (window_is_null(c, edge->value, i)) {
            *to = is_end ? c->peer_end[i] : c->peer_first[i];
        } else {
            const uint8_t *value = window_value(c, edge->value, i);
            while (at < p->end && key_before(c, at, value, is_end))
                at++;
            *to = at;
        }
    }
}

int window_frames(const WindowPartition *p, const WindowFunction *f, uint32_t **ret_low,
                  uint32_t **ret_high)
{
    MemArena *arena = p->chunk->arena;
    uint32_t n = p->end - p->first;
    uint32_t *low = mem_arena_alloc(arena, sizeof(uint32_t) * n, 4);
    uint32_t *high = mem_arena_alloc(arena, sizeof(uint32_t) * n, 4);

    if (!low || !high)
        return mem_arena_error(arena);
    int r = needs_peers(f) ? find_peers(p) : 0;
    if (r)
        return r;
    edges(p, f, &f->start, false, low);
    edges(p, f, &f->end, true, high);
    for (uint32_t i = 0; i < n; i++)
        high[i] = high[i] < low[i] ? low[i] : high[i];
    *ret_low = low;
    *ret_high = high;
    return 0;
}

/* --- functions of the place of a row --- */

static void put_int(WindowOutput *out, uint32_t row, int32_t value)
{
    memcpy(out->values + (size_t)row * 4, &value, 4);
}

static void put_double(WindowOutput *out, uint32_t row, double value)
{
    memcpy(out->values + (size_t)row * 8, &value, 8);
}

static void number_rows(const WindowPartition *p, const WindowFunction *f, WindowOutput *out)
{
    const WindowChunk *c = p->chunk;
    double n = p->end - p->first;
    int32_t dense = 0;

    for (uint32_t i = p->first; i < p->end; i++) {
        int32_t number = (int32_t)(i - p->first) + 1;
        bool ranks = f->id != WINDOW_ROW_NUMBER;
        uint32_t first = ranks ? c->peer_first[i] : i;
        dense += first == i;
        switch (f->id) {
        case WINDOW_ROW_NUMBER:
            put_int(out, i, number);
            break;
        case WINDOW_RANK:
            put_int(out, i, (int32_t)(first - p->first) + 1);
            break;
        case WINDOW_DENSE_RANK:
            put_int(out, i, dense);
            break;
        case WINDOW_PERCENT_RANK:
            put_double(out, i, n > 1 ? (first - p->first) / (n - 1) : 0);
            break;
        default: /* CUME_DIST */
            put_double(out, i, (c->peer_end[i] - p->first) / n);
        }
    }
}

/* Buckets that differ by one row at most, the larger ones first. */
static void number_buckets(const WindowPartition *p, const WindowFunction *f, WindowOutput *out)
{
    uint64_t n = p->end - p->first, buckets = (uint64_t)f->offset, size = n / buckets;
    uint64_t n_larger = n % buckets, in_larger = n_larger * (size + 1);

    for (uint64_t i = 0; i < n; i++) {
        uint64_t bucket = i < in_larger ? i / (size + 1) : n_larger + (i - in_larger) / size;
        put_int(out, p->first + (uint32_t)i, (int32_t)bucket + 1);
    }
}

/* --- functions that pick a row --- */

static void put_value(const WindowChunk *c, const Expr *column, uint32_t from, WindowOutput *out,
                      uint32_t row)
{
    size_t size = phys_size(out->phys);
    uint8_t *to = out->values + (size_t)row * size;

    if (window_is_null(c, column, from)) {
        memset(to, 0, size);
        window_set_null(out, row);
    } else {
        memcpy(to, window_value(c, column, from), size);
    }
}

static void put_null(WindowOutput *out, uint32_t row)
{
    size_t size = phys_size(out->phys);
    memset(out->values + (size_t)row * size, 0, size);
    window_set_null(out, row);
}

/* Rows whose argument is not null: their numbers, and how many stand in front of each row. */
static int count_values(const WindowPartition *p, const Expr *column, uint32_t **ret_rows,
                        uint32_t **ret_before)
{
    MemArena *arena = p->chunk->arena;
    uint32_t n = p->end - p->first, k = 0;
    uint32_t *rows = mem_arena_alloc(arena, sizeof(uint32_t) * n, 4);
    uint32_t *before = mem_arena_alloc(arena, sizeof(uint32_t) * (n + 1), 4);

    if (!rows || !before)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        before[i] = k;
        rows[k] = p->first + i;
        k += !window_is_null(p->chunk, column, p->first + i);
    }
    before[n] = k;
    *ret_rows = rows;
    *ret_before = before;
    return 0;
}

static void put_otherwise(const WindowPartition *p, const WindowFunction *f, WindowOutput *out,
                          uint32_t row)
{
    if (f->otherwise)
        put_value(p->chunk, f->otherwise, row, out, row);
    else
        put_null(out, row);
}

static int shift(const WindowPartition *p, const WindowFunction *f, WindowOutput *out)
{
    uint32_t *rows = NULL, *before = NULL;
    int r = f->ignore_nulls ? count_values(p, f->arg, &rows, &before) : 0;

    for (uint32_t i = p->first; r == 0 && i < p->end; i++) {
        int64_t at;
        if (!f->ignore_nulls) {
            bool inside = !__builtin_add_overflow((int64_t)i, f->offset, &at) && at >= p->first &&
                          at < p->end;
            if (inside)
                put_value(p->chunk, f->arg, (uint32_t)at, out, i);
            else
                put_otherwise(p, f, out, i);
            continue;
        }
        /* The |offset|-th value in front of the row, or behind it. */
        uint32_t local = i - p->first, n = before[p->end - p->first];
        int64_t k = f->offset == 0  ? -1
                    : f->offset < 0 ? (int64_t)before[local] + f->offset
                                    : (int64_t)before[local + 1] + f->offset - 1;
        if (f->offset == 0)
            put_value(p->chunk, f->arg, i, out, i);
        else if (k >= 0 && k < n)
            put_value(p->chunk, f->arg, rows[k], out, i);
        else
            put_otherwise(p, f, out, i);
    }
    return r;
}

static int pick(const WindowPartition *p, const WindowFunction *f, WindowOutput *out)
{
    uint32_t *low, *high, *rows = NULL, *before = NULL;
    int r = window_frames(p, f, &low, &high);

    if (r == 0 && f->ignore_nulls)
        r = count_values(p, f->arg, &rows, &before);
    for (uint32_t i = p->first; r == 0 && i < p->end; i++) {
        uint64_t from = low[i - p->first], to = high[i - p->first];
        if (f->ignore_nulls) {
            from = before[from - p->first];
            to = before[to - p->first];
        }
        uint64_t at = f->id == WINDOW_FIRST_VALUE  ? from
                      : f->id == WINDOW_LAST_VALUE ? to - 1
                                                   : from + (uint64_t)f->offset - 1;
        if (from >= to || at < from || at >= to)
            put_null(out, i);
        else
            put_value(p->chunk, f->arg, f->ignore_nulls ? rows[at] : (uint32_t)at, out, i);
    }
    return r;
}

int window_evaluate(const WindowPartition *p, const WindowFunction *f, WindowOutput *out,
                    QueryError *error)
{
    int r = 0;

    switch (f->id) {
    case WINDOW_AGGREGATE:
        return window_aggregate(p, f, out, error);
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST:
        r = find_peers(p);
        if (r)
            return r;
        number_rows(p, f, out);
        return 0;
    case WINDOW_ROW_NUMBER:
        number_rows(p, f, out);
        return 0;
    case WINDOW_NTILE:
        number_buckets(p, f, out);
        return 0;
    case WINDOW_SHIFT:
        return shift(p, f, out);
    default:
        return pick(p, f, out);
    }
}
