/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <time.h>

/*
 * A filter's conjuncts refine one selection after the other. Their order adapts: what drops most
 * rows per nanosecond goes first. A conjunct that may raise an error never moves in front of one
 * that stood before it, because people write `x <> 0 AND 1 / x > 2`.
 */

#define SAMPLE_EVERY 16u
#define REORDER_EVERY 64u

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Rows where a boolean vector is true. */
static uint32_t select_true(const ExprState *s, const Vector *v, const uint16_t *sel, uint32_t n,
                            uint16_t *out)
{
    const uint8_t *pass = v->values;
    uint32_t k = 0;

    if (v->encoding == VEC_CONST) {
        if (vec_row_is_null(v, 0) || pass[0] != 1)
            return 0;
        for (uint32_t i = 0; i < n; i++)
            out[i] = sel ? sel[i] : (uint16_t)i;
        return n;
    }
    if (v->has_nulls) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = sel ? sel[i] : i;
            out[k] = (uint16_t)row;
            k += vec_bit(v->valid, row) && pass[vec_index(v, row)] == 1;
        }
        return k;
    }
    if (v->encoding == VEC_DICT)
        return sel ? s->kern->select_codes_sel(pass, v->codes, sel, n, out)
                   : s->kern->select_codes(pass, v->codes, n, out);
    return sel ? s->kern->select_bytes_sel(pass, sel, n, out) : s->kern->select_bytes(pass, n, out);
}

/* Nanoseconds that a row costs here for each row that it saves later. */
static double conjunct_rank(const ConjunctStats *c)
{
    if (c->rows_in == 0 || c->rows_timed == 0)
        return 1e9;
    double cost = (double)c->nanoseconds / (double)c->rows_timed;
    double dropped = 1.0 - (double)c->rows_out / (double)c->rows_in;
    return cost / (dropped > 1e-3 ? dropped : 1e-3);
}

static void reorder(ExprState *s)
{
    ConjunctStats *c = s->conjuncts;
    uint32_t n = s->program->n_conjuncts;

    for (uint32_t i = 1; i < n; i++) {
        ConjunctStats moving = c[i];
        uint32_t at = i;
        if (s->program->steps[moving.step].can_fail)
            continue;
        while (at > 0 && !s->program->steps[c[at - 1].step].can_fail &&
               conjunct_rank(&c[at - 1]) > conjunct_rank(&moving)) {
            c[at] = c[at - 1];
            at--;
        }
        c[at] = moving;
    }
    for (uint32_t i = 0; i < n; i++) {
        c[i].rows_in /= 2;
        c[i].rows_out /= 2;
    }
}

int expr_select(ExprState *s, const Batch *batch, uint16_t *sel_out, uint32_t *ret_n,
                QueryError *error)
{
    uint32_t n_conjuncts = s->program->n_conjuncts;
    bool timed = n_conjuncts > 1 && s->n_selects % SAMPLE_EVERY == 0;
    Scope *scopes;

    expr_begin(s, batch);
    s->error = error;
    if (n_conjuncts > 1 && ++s->n_selects % REORDER_EVERY == 0)
        reorder(s);
    scopes = mem_arena_new_array(s->strings, Scope, n_conjuncts + 1);
    if (!scopes)
        return mem_arena_error(s->strings);

    /* Each scope lies inside the one before, so registers that are there stay good. */
    scopes[0] = s->base;
    uint32_t n = s->base.n;
    for (uint32_t i = 0; i < n_conjuncts && n > 0; i++) {
        ConjunctStats *c = &s->conjuncts[i];
        Reg *reg;
        uint64_t start = timed ? now_ns() : 0;
        int r = expr_step(s, c->step, &scopes[i], &reg);
        if (r) {
            s->error = NULL;
            return r;
        }
        uint32_t left = select_true(s, &reg->v, scopes[i].sel, n, sel_out);
        if (timed) {
            c->nanoseconds += now_ns() - start;
            c->rows_timed += n;
        }
        c->rows_in += n;
        c->rows_out += left;
        scopes[i + 1] = left == n ? scopes[i] : expr_scope(s, &scopes[i], sel_out, left);
        n = left;
    }
    if (n > 0 && n == s->base.n)
        for (uint32_t i = 0; i < n; i++)
            sel_out[i] = s->base.sel ? s->base.sel[i] : (uint16_t)i;
    s->error = NULL;
    *ret_n = n;
    return 0;
}
