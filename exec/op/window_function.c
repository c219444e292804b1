/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

/* --- an evaluation --- */

int window_eval_init(WindowState *s, WindowEval *e, const WindowFunction *f)
{
    *e = (WindowEval){.f = f, .held_row = UINT64_MAX};
    e->out.phys = (uint8_t)type_phys(f->type);
    e->out.values = mem_arena_alloc(s->arena, phys_size(e->out.phys) * VEC_ROWS_MAX, 64);
    e->out.valid = mem_arena_alloc(s->arena, VEC_VALID_WORDS * 8, 64);
    if (!e->out.values || !e->out.valid)
        return mem_arena_error(s->arena);
    window_cursor_init(&e->edge, &s->rows);
    window_cursor_init(&e->low_cursor, &s->rows);
    window_cursor_init(&e->high_cursor, &s->rows);
    window_cursor_init(&e->here, &s->rows);
    window_cursor_init(&e->pick, &s->rows);
    window_cursor_init(&e->known.counting, &s->rows);
    window_cursor_init(&e->known.seeking, &s->rows);
    return f->id == WINDOW_AGGREGATE ? window_sum_init(s, e) : 0;
}

void window_eval_done(WindowState *s, WindowEval *e)
{
    if (e->held_bytes)
        mem_block_free(s->context->pool, e->held_bytes, e->n_held_bytes);
    e->held_bytes = NULL;
    window_sum_done(s, e);
}

/* A partition begins. */
static void forget(WindowState *s, WindowEval *e)
{
    uint64_t first = s->piece.first;

    e->dense = 0;
    e->held_row = UINT64_MAX;
    e->held_in_batch = false;
    e->known.at = e->known.seek = first;
    e->known.count = e->known.seek_count = 0;
    e->known.found = e->known.found_number = e->known.last = UINT64_MAX;
}

int window_eval_carry(WindowState *s, WindowEval *e)
{
    VecString held;

    if (e->held_in_batch) {
        memcpy(&held, e->held, sizeof(held));
        if (e->n_held_bytes < held.length) {
            void *bytes;
            size_t n = ALIGN_UP((size_t)held.length, (size_t)64);
            int r = mem_block_alloc(s->context->pool, n, "window", &bytes);
            if (r)
                return r;
            if (e->held_bytes)
                mem_block_free(s->context->pool, e->held_bytes, e->n_held_bytes);
            e->held_bytes = bytes;
            e->n_held_bytes = n;
        }
        memcpy(e->held_bytes, held.ptr, held.length);
        held.ptr = e->held_bytes;
        memcpy(e->held, &held, sizeof(held));
        e->held_in_batch = false;
    }
    return e->sum ? window_sum_carry(s, e) : 0;
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

static void number_rows(const WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    const WindowPeers *peers = e->peers;
    WindowOutput *out = &e->out;
    double n = (double)(p->end - p->first);

    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t row = p->at + i;
        bool ranks = e->f->id != WINDOW_ROW_NUMBER;
        uint64_t first = ranks ? peers->first[i] : row;
        uint32_t to = p->to + i;
        switch (e->f->id) {
        case WINDOW_ROW_NUMBER:
        case WINDOW_RANK:
            put_int(out, to, (int32_t)(first - p->first) + 1);
            break;
        case WINDOW_DENSE_RANK:
            e->dense += first == row;
            put_int(out, to, e->dense);
            break;
        case WINDOW_PERCENT_RANK:
            put_double(out, to, n > 1 ? (double)(first - p->first) / (n - 1) : 0);
            break;
        default: /* CUME_DIST */
            put_double(out, to, (double)(peers->end[i] - p->first) / n);
        }
    }
}

/* Buckets that differ by one row at most, the larger ones first. */
static void number_buckets(const WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    uint64_t n = p->end - p->first, buckets = (uint64_t)e->f->offset, size = n / buckets;
    uint64_t n_larger = n % buckets, in_larger = n_larger * (size + 1);

    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t k = p->at + i - p->first;
        uint64_t bucket = k < in_larger ? k / (size + 1) : n_larger + (k - in_larger) / size;
        put_int(&e->out, p->to + i, (int32_t)bucket + 1);
    }
}

/* --- functions that pick a row --- */

/* A long string of a block that its cursor may leave; in a list of rows it stays where it is. */
static bool must_copy(const WindowState *s, PhysKind phys, const void *value)
{
    uint32_t length;

    if (phys != PHYS_STRING || s->rows.list)
        return false;
    memcpy(&length, value, sizeof(length));
    return length > VEC_STRING_INLINE;
}

static void copy_string(WindowState *s, void *value)
{
    VecString string;

    memcpy(&string, value, sizeof(string));
    char *bytes = mem_arena_alloc(s->batch, string.length, 1);
    if (!bytes) {
        s->rows.result = s->rows.result ? s->rows.result : mem_arena_error(s->batch);
        string = vec_string("", 0);
    } else {
        memcpy(bytes, string.ptr, string.length);
        string.ptr = bytes;
    }
    memcpy(value, &string, sizeof(string));
}

static void put_value(WindowState *s, WindowEval *e, const Expr *column, const uint8_t *row,
                      uint32_t to)
{
    WindowOutput *out = &e->out;
    size_t size = phys_size(out->phys);
    uint8_t *value = out->values + to * size;

    if (window_is_null(s, column, row)) {
        memset(value, 0, size);
        window_set_null(out, to);
        return;
    }
    memcpy(value, window_value(s, column, row), size);
    if (must_copy(s, out->phys, value))
        copy_string(s, value);
}

static void put_null(WindowOutput *out, uint32_t to)
{
    size_t size = phys_size(out->phys);
    memset(out->values + to * size, 0, size);
    window_set_null(out, to);
}

static void hold(WindowState *s, WindowEval *e, uint64_t row, WindowCursor *cursor)
{
    if (e->held_row == row)
        return;
    const uint8_t *from = window_row(cursor, row);
    e->held_row = row;
    e->held_in_batch = false;
    e->held_null = window_is_null(s, e->f->arg, from);
    if (e->held_null)
        return;
    memcpy(e->held, window_value(s, e->f->arg, from), phys_size(e->out.phys));
    if (must_copy(s, e->out.phys, e->held)) {
        copy_string(s, e->held);
        e->held_in_batch = s->rows.result == 0;
    }
}

static void put_held(WindowEval *e, uint32_t to)
{
    size_t size = phys_size(e->out.phys);

    if (e->held_null)
        put_null(&e->out, to);
    else
        memcpy(e->out.values + to * size, e->held, size);
}

/* --- rows whose argument is not null --- */

static void count_to(const WindowState *s, WindowEval *e, uint64_t row)
{
    WindowKnown *k = &e->known;

    for (; k->at < row; k->at++)
        if (!window_is_null(s, e->f->arg, window_row(&k->counting, k->at))) {
            k->count++;
            k->last = k->at;
        }
}

/* The row in front of @end that has value number @number, from 0; numbers never fall. */
static bool find_known(const WindowState *s, WindowEval *e, uint64_t number, uint64_t end)
{
    WindowKnown *k = &e->known;

    for (; k->found_number != number && k->seek < end; k->seek++) {
        if (window_is_null(s, e->f->arg, window_row(&k->seeking, k->seek)))
            continue;
        if (k->seek_count++ == number) {
            k->found = k->seek;
            k->found_number = number;
        }
    }
    return k->found_number == number && k->found < end;
}

static void put_otherwise(WindowState *s, WindowEval *e, uint32_t i)
{
    const WindowPiece *p = &s->piece;

    if (e->f->otherwise)
        put_value(s, e, e->f->otherwise, window_row(&e->here, p->at + i), p->to + i);
    else
        put_null(&e->out, p->to + i);
}

static void shift(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    int64_t by = e->f->offset;
    uint64_t back = by < 0 ? (uint64_t)0 - (uint64_t)by : 0;

    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t row = p->at + i;
        bool inside = by < 0 ? row - p->first >= back : p->end - row > (uint64_t)by;
        if (inside)
            put_value(s, e, e->f->arg, window_row(&e->pick, row + (uint64_t)by), p->to + i);
        else
            put_otherwise(s, e, i);
    }
    uint64_t next = p->at + p->n;
    e->keep = by >= 0 ? next : next - p->first >= back ? next - back : p->first;
}

/* The |offset|-th value in front of the row, or behind it. */
static void shift_known(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    int64_t by = e->f->offset;

    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t row = p->at + i, back = by < 0 ? (uint64_t)0 - (uint64_t)by : 0;
        count_to(s, e, by > 0 ? row + 1 : row);
        bool inside = by < 0 ? e->known.count >= back : true;
        uint64_t number = by < 0 ? e->known.count - back : e->known.count + (uint64_t)by - 1;
        if (by == 0)
            put_value(s, e, e->f->arg, window_row(&e->pick, row), p->to + i);
        else if (inside && find_known(s, e, number, p->end)) {
            hold(s, e, e->known.found, &e->pick);
            put_held(e, p->to + i);
        } else {
            put_otherwise(s, e, i);
        }
    }
    e->keep = by == 0 ? p->at + p->n : MIN(e->known.at, e->known.seek);
}

static void pick(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    uint64_t nth = e->f->id == WINDOW_NTH_VALUE ? (uint64_t)e->f->offset - 1 : 0;

    window_frames(s, e);
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t low = s->low[i], high = s->high[i];
        if (high - low <= nth) {
            put_null(&e->out, p->to + i);
            continue;
        }
        hold(s, e, e->f->id == WINDOW_LAST_VALUE ? high - 1 : low + nth, &e->pick);
        put_held(e, p->to + i);
    }
}

static void pick_last_known(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;

    for (uint32_t i = 0; i < p->n; i++) {
        count_to(s, e, s->high[i]);
        if (e->known.last != UINT64_MAX)
            hold(s, e, e->known.last, &e->known.counting);
        if (e->known.last != UINT64_MAX && e->known.last >= s->low[i] && s->high[i] > s->low[i])
            put_held(e, p->to + i);
        else
            put_null(&e->out, p->to + i);
    }
    e->keep = e->known.at;
}

static void pick_known(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;
    uint64_t nth = e->f->id == WINDOW_NTH_VALUE ? (uint64_t)e->f->offset - 1 : 0;

    window_frames(s, e);
    if (e->f->id == WINDOW_LAST_VALUE) {
        pick_last_known(s, e);
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        count_to(s, e, s->low[i]);
        if (find_known(s, e, e->known.count + nth, s->high[i])) {
            hold(s, e, e->known.found, &e->pick);
            put_held(e, p->to + i);
        } else {
            put_null(&e->out, p->to + i);
        }
    }
    /* In frames that begin with the partition it is found once. */
    if (e->f->start.kind != WINDOW_UNBOUNDED_PRECEDING) {
        e->keep = MIN(e->keep, e->known.at);
        e->keep = MIN(e->keep, e->known.seek);
    } else if (e->held_row == UINT64_MAX) {
        e->keep = e->known.seek;
    }
}

int window_evaluate(WindowState *s, WindowEval *e)
{
    e->keep = s->piece.at + s->piece.n;
    if (s->piece.at == s->piece.first)
        forget(s, e);
    switch (e->f->id) {
    case WINDOW_AGGREGATE:
        return window_aggregate(s, e);
    case WINDOW_ROW_NUMBER:
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST:
        number_rows(s, e);
        return 0;
    case WINDOW_NTILE:
        number_buckets(s, e);
        return 0;
    case WINDOW_SHIFT:
        if (e->f->ignore_nulls)
            shift_known(s, e);
        else
            shift(s, e);
        return 0;
    default:
        if (e->f->ignore_nulls)
            pick_known(s, e);
        else
            pick(s, e);
        return 0;
    }
}
