/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

/*
 * Keys of the rows of a window, and the frames that they make. The edges of frames of one function
 * never go back from one row to the next, so each is a place that moves on.
 */

/* --- keys --- */

static bool same_value(PhysKind phys, const uint8_t *a, const uint8_t *b)
{
    uint64_t x[2] __attribute__((aligned(16))), y[2] __attribute__((aligned(16)));

    switch (phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        return *a == *b;
    case PHYS_I16:
        return memcmp(a, b, 2) == 0;
    case PHYS_I32:
        return memcmp(a, b, 4) == 0;
    case PHYS_I64:
        return memcmp(a, b, 8) == 0;
    case PHYS_I128:
        return memcmp(a, b, 16) == 0;
    default:
        memcpy(x, a, phys_size(phys));
        memcpy(y, b, phys_size(phys));
        return phys == PHYS_STRING ? vec_string_equal((const void *)x, (const void *)y)
                                   : vec_value_compare(phys, x, y) == 0;
    }
}

bool window_same_keys(const RowLayout *l, const SortKey *keys, const uint8_t *a, const uint8_t *b,
                      uint32_t from, uint32_t to)
{
    for (uint32_t k = from; k < to; k++) {
        uint32_t column = keys[k].expr->column;
        bool null = row_is_null(l, a, column);
        if (null != row_is_null(l, b, column))
            return false;
        if (!null && !same_value(l->phys[column], a + l->offsets[column], b + l->offsets[column]))
            return false;
    }
    return true;
}

/* Does the order key of @row stand in front of @value (@or_equal: or where it is)? */
static bool key_before(const WindowState *s, const uint8_t *row, const uint8_t *value,
                       bool or_equal)
{
    const SortKey *key = &s->node->window.keys[s->node->window.n_partition];
    uint64_t x[2] __attribute__((aligned(16))), y[2] __attribute__((aligned(16)));
    PhysKind phys = s->layout->phys[key->expr->column];

    if (window_is_null(s, key->expr, row))
        return key->nulls_first;
    memcpy(x, window_value(s, key->expr, row), phys_size(phys));
    memcpy(y, value, phys_size(phys));
    int order = vec_value_compare(phys, x, y);
    order = key->descending ? -order : order;
    return order < 0 || (or_equal && order == 0);
}

/* --- how far ahead --- */

static int64_t edge_by(const WindowEdge *edge)
{
    return edge->kind == WINDOW_PRECEDING ? -edge->offset : edge->offset;
}

static uint64_t function_ahead(const WindowFunction *f)
{
    int64_t by;

    switch (f->id) {
    case WINDOW_ROW_NUMBER:
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
        return 0;
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST:
    case WINDOW_NTILE:
        return UINT64_MAX;
    case WINDOW_SHIFT:
        if (f->offset <= 0)
            return 0;
        return f->ignore_nulls ? UINT64_MAX : (uint64_t)f->offset;
    default:
        break;
    }
    if (f->end.kind == WINDOW_UNBOUNDED_FOLLOWING)
        return UINT64_MAX;
    if (f->range || (f->end.kind != WINDOW_PRECEDING && f->end.kind != WINDOW_FOLLOWING))
        return 0;
    by = edge_by(&f->end);
    return by > 0 ? (uint64_t)by : 0;
}

uint64_t window_rows_ahead(const PlanNode *node)
{
    uint64_t ahead = 0;

    for (uint32_t i = 0; i < node->window.n_functions; i++)
        ahead = MAX(ahead, function_ahead(&node->window.functions[i]));
    return ahead;
}

static bool has_frame(const WindowFunction *f)
{
    return f->id == WINDOW_AGGREGATE || f->id == WINDOW_FIRST_VALUE || f->id == WINDOW_LAST_VALUE ||
           f->id == WINDOW_NTH_VALUE;
}

bool window_frame_ends(const WindowState *s, const WindowFunction *f, const uint8_t *row,
                       const uint8_t *last)
{
    if (!has_frame(f) || !f->range)
        return true;
    if (f->end.kind == WINDOW_CURRENT_ROW || (f->end.value && window_is_null(s, f->end.value, row)))
        return !window_same(s, row, last, s->node->window.n_partition,
                            s->node->window.n_keys - f->keys_less);
    return !f->end.value || !key_before(s, last, window_value(s, f->end.value, row), true);
}

/* --- peers --- */

static bool wants_firsts(const WindowFunction *f)
{
    if (f->id == WINDOW_RANK || f->id == WINDOW_DENSE_RANK || f->id == WINDOW_PERCENT_RANK)
        return true;
    return has_frame(f) && f->range && (f->start.kind == WINDOW_CURRENT_ROW || f->start.value);
}

static bool wants_ends(const WindowFunction *f)
{
    if (f->id == WINDOW_CUME_DIST)
        return true;
    return has_frame(f) && f->range && (f->end.kind == WINDOW_CURRENT_ROW || f->end.value);
}

static int add_peers(WindowState *s, uint32_t n_keys, WindowPeers **ret)
{
    for (uint32_t i = 0; i < s->n_peers; i++)
        if (s->peers[i].n_keys == n_keys) {
            *ret = &s->peers[i];
            return 0;
        }
    WindowPeers *p = &s->peers[s->n_peers];
    p->n_keys = n_keys;
    p->first = mem_arena_new_array(s->arena, uint64_t, VEC_ROWS_MAX);
    p->end = mem_arena_new_array(s->arena, uint64_t, VEC_ROWS_MAX);
    if (!p->first || !p->end)
        return mem_arena_error(s->arena);
    window_cursor_init(&p->before, &s->rows);
    window_cursor_init(&p->here, &s->rows);
    window_cursor_init(&p->ahead_before, &s->rows);
    window_cursor_init(&p->ahead, &s->rows);
    s->n_peers++;
    *ret = p;
    return 0;
}

int window_peers_init(WindowState *s)
{
    uint32_t n = s->node->window.n_functions;

    s->peers = mem_arena_new_array(s->arena, WindowPeers, n + 1);
    if (!s->peers)
        return mem_arena_error(s->arena);
    for (uint32_t i = 0; i < n; i++) {
        const WindowFunction *f = &s->node->window.functions[i];
        WindowPeers *p = NULL;
        if (!wants_firsts(f) && !wants_ends(f))
            continue;
        int r = add_peers(s, s->node->window.n_keys - f->keys_less, &p);
        if (r)
            return r;
        p->wants_ends |= wants_ends(f);
        s->evals[i].peers = p;
    }
    return 0;
}

static void find_peers(WindowState *s, WindowPeers *p)
{
    const WindowPiece *piece = &s->piece;
    uint32_t from = s->node->window.n_partition, to = p->n_keys;

    for (uint32_t i = 0; i < piece->n; i++) {
        uint64_t row = piece->at + i;
        if (row == piece->first ||
            !window_same(s, window_row(&p->before, row - 1), window_row(&p->here, row), from, to))
            p->first_now = row;
        p->first[i] = p->first_now;
    }
    if (!p->wants_ends)
        return;
    if (piece->at == piece->first)
        p->end_now = piece->first;
    for (uint32_t i = 0; i < piece->n; i++) {
        if (piece->at + i >= p->end_now) {
            uint64_t end = piece->at + i + 1;
            while (end < piece->end && window_same(s, window_row(&p->ahead_before, end - 1),
                                                   window_row(&p->ahead, end), from, to))
                end++;
            p->end_now = end;
        }
        p->end[i] = p->end_now;
    }
}

void window_find_peers(WindowState *s)
{
    for (uint32_t i = 0; i < s->n_peers; i++)
        find_peers(s, &s->peers[i]);
}

/* --- frames --- */

/* A row moved by some rows, held inside of what is there of the partition. */
static uint64_t move(const WindowPiece *p, uint64_t row, int64_t by)
{
    if (by < 0) {
        uint64_t back = (uint64_t)0 - (uint64_t)by;
        return back > row - p->first ? p->first : row - back;
    }
    return (uint64_t)by > p->end - row ? p->end : row + (uint64_t)by;
}

static void by_rows(const WindowPiece *p, int64_t by, uint64_t *out)
{
    for (uint32_t i = 0; i < p->n; i++)
        out[i] = move(p, p->at + i, by);
}

static void fill(uint64_t *out, uint32_t n, uint64_t value)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = value;
}

static void by_value(WindowState *s, WindowEval *e, const WindowEdge *edge, bool is_end,
                     uint64_t *out)
{
    const WindowPiece *p = &s->piece;
    uint64_t *at = is_end ? &e->high : &e->low;
    WindowCursor *cursor = is_end ? &e->high_cursor : &e->low_cursor;

    if (p->at == p->first)
        *at = p->first;
    for (uint32_t i = 0; i < p->n; i++) {
        const uint8_t *row = window_row(&e->edge, p->at + i);
        if (window_is_null(s, edge->value, row)) {
            out[i] = is_end ? e->peers->end[i] : e->peers->first[i];
            continue;
        }
        const uint8_t *value = window_value(s, edge->value, row);
        while (*at < p->end && key_before(s, window_row(cursor, *at), value, is_end))
            ++*at;
        out[i] = *at;
    }
}

static void find_edges(WindowState *s, WindowEval *e, const WindowEdge *edge, bool is_end,
                       uint64_t *out)
{
    const WindowPiece *p = &s->piece;
    int64_t by;

    switch (edge->kind) {
    case WINDOW_UNBOUNDED_PRECEDING:
        fill(out, p->n, p->first);
        return;
    case WINDOW_UNBOUNDED_FOLLOWING:
        fill(out, p->n, p->end);
        return;
    case WINDOW_CURRENT_ROW:
        if (e->f->range)
            memcpy(out, is_end ? e->peers->end : e->peers->first, sizeof(*out) * p->n);
        else
            by_rows(p, is_end, out);
        return;
    default:
        if (e->f->range) {
            by_value(s, e, edge, is_end, out);
            return;
        }
        by = edge_by(edge);
        by_rows(p, is_end && by < INT64_MAX ? by + 1 : by, out);
    }
}

void window_frames(WindowState *s, WindowEval *e)
{
    const WindowPiece *p = &s->piece;

    find_edges(s, e, &e->f->start, false, s->low);
    find_edges(s, e, &e->f->end, true, s->high);
    for (uint32_t i = 0; i < p->n; i++)
        s->high[i] = MAX(s->high[i], s->low[i]);
    /* Frames that begin with the partition are looked at from their ends on. */
    uint64_t *edges = e->f->start.kind == WINDOW_UNBOUNDED_PRECEDING ? s->high : s->low;
    e->keep = edges[p->n - 1];
    if (edges == s->low && e->f->range && e->f->start.value)
        e->keep = MIN(e->keep, e->low);
    if (e->f->range && e->f->end.value)
        e->keep = MIN(e->keep, e->high);
}
