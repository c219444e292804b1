/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/accumulate_collect.h"
#include "exec/op/accumulate_moments.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

uint32_t state_size(StateKind kind)
{
    switch (kind) {
    case STATE_COUNT:
        return 8;
    case STATE_SUM_INT:
        return sizeof(SumInt);
    case STATE_SUM_F64:
        return sizeof(SumFloat);
    case STATE_VARIANCE:
        return sizeof(Variance);
    case STATE_MOMENTS:
        return sizeof(Moments);
    case STATE_COVARIANCE:
        return sizeof(Covariance);
    case STATE_COLLECT:
        return sizeof(Collected);
    default:
        return sizeof(Extreme);
    }
}

bool state_shows_order(StateKind kind)
{
    switch (kind) {
    case STATE_FIRST:
    case STATE_FIRST_KNOWN:
    case STATE_LAST:
    case STATE_LAST_KNOWN:
    case STATE_MIN_BY:
    case STATE_MAX_BY:
    case STATE_COLLECT:
        return true;
    default:
        return false;
    }
}

static inline void sum_add(uint8_t *state, i128 x)
{
    SumInt *s = (SumInt *)(void *)state;
    i128 sum;
    bool overflowed = __builtin_add_overflow((i128)s->sum, x, &sum);
    s->sum = sum;
    s->count = (s->count + 1) | (overflowed ? SUM_OVERFLOWED : 0);
}

void sum_add_many(SumInt *s, int64_t sum, int64_t count)
{
    i128 total;
    bool overflowed = __builtin_add_overflow((i128)s->sum, (i128)sum, &total);
    s->sum = total;
    s->count = (s->count + count) | (overflowed ? SUM_OVERFLOWED : 0);
}

/* No number of rows that a machine holds makes 64-bit values overflow 128 bits. */
static inline void sum_add_i64(uint8_t *state, int64_t x)
{
    SumInt *s = (SumInt *)(void *)state;
    s->sum += x;
    s->count++;
}

static inline uint8_t *target(const StateInput *in, uint32_t i, uint32_t offset)
{
    return (in->rows ? in->rows[i] : in->single) + offset;
}

#define FOR_VALUES(in, i, row)                                                                     \
    for (uint32_t i = 0, row; i < (in)->n && ((row = (in)->sel ? (in)->sel[i] : i), true); i++)    \
        if (!(in)->v->has_nulls || !vec_row_is_null((in)->v, row))

static i128 load_int(const Vector *v, uint32_t at)
{
    switch (v->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        return ((const int8_t *)v->values)[at];
    case PHYS_I16:
        return ((const int16_t *)v->values)[at];
    case PHYS_I32:
        return ((const int32_t *)v->values)[at];
    case PHYS_I64:
        return ((const int64_t *)v->values)[at];
    default:
        return ((const i128 *)v->values)[at];
    }
}

double state_load_float(const Vector *v, uint32_t at)
{
    switch (v->phys) {
    case PHYS_F32:
        return (double)((const float *)v->values)[at];
    case PHYS_F64:
        return ((const double *)v->values)[at];
    default:
        return dec_to_double(load_int(v, at), v->type.kind == TYPE_DECIMAL ? v->type.scale : 0);
    }
}

/* One group: add up in 64 bits what cannot overflow there. */
static bool sum_single(const State *st, const StateInput *in)
{
    const Vector *v = in->v;
    int64_t limit = INT64_MAX / (int64_t)VEC_ROWS_MAX;

    if (v->phys != PHYS_I64 || v->encoding == VEC_CONST || v->has_nulls || !in->bounded ||
        in->lo < -limit || in->hi > limit)
        return false;
    const int64_t *values = v->values;
    int64_t sum = 0;
    if (v->encoding == VEC_FLAT && !in->sel)
        sum = in->kern->sum_i64(values, in->n);
    else if (v->encoding == VEC_FLAT)
        for (uint32_t i = 0; i < in->n; i++)
            sum += values[in->sel[i]];
    else if (in->sel)
        for (uint32_t i = 0; i < in->n; i++)
            sum += values[v->codes[in->sel[i]]];
    else
        for (uint32_t i = 0; i < in->n; i++)
            sum += values[v->codes[i]];
    sum_add_many((SumInt *)(void *)(in->single + st->offset), sum, in->n);
    return true;
}

static void update_sum_int(const State *st, const StateInput *in)
{
    const Vector *v = in->v;

    if (!in->rows && sum_single(st, in))
        return;
    if (v->phys == PHYS_I64 && st->phys != PHYS_I128) {
        const int64_t *values = v->values;
        if (in->rows && !v->has_nulls && v->encoding == VEC_FLAT) {
            for (uint32_t i = 0; i < in->n; i++)
                sum_add_i64(in->rows[i] + st->offset, values[in->sel ? in->sel[i] : i]);
        } else if (in->rows && !v->has_nulls && v->encoding == VEC_DICT) {
            for (uint32_t i = 0; i < in->n; i++)
                sum_add_i64(in->rows[i] + st->offset, values[v->codes[in->sel ? in->sel[i] : i]]);
        } else {
            FOR_VALUES(in, i, row)
            sum_add_i64(target(in, i, st->offset), values[vec_index(v, row)]);
        }
        return;
    }
    if (st->phys != PHYS_I128) {
        FOR_VALUES(in, i, row)
        sum_add_i64(target(in, i, st->offset), (int64_t)load_int(v, vec_index(v, row)));
        return;
    }
    FOR_VALUES(in, i, row)
    sum_add(target(in, i, st->offset), load_int(v, vec_index(v, row)));
}

static void update_sum_f64(const State *st, const StateInput *in)
{
    const Vector *v = in->v;
    FOR_VALUES(in, i, row)
    {
        SumFloat *s = (SumFloat *)(void *)target(in, i, st->offset);
        s->sum += state_load_float(v, vec_index(v, row));
        s->count++;
    }
}

static void update_count(const State *st, const StateInput *in)
{
    if (!in->v || !in->v->has_nulls) {
        if (!in->rows) {
            *(int64_t *)(void *)(in->single + st->offset) += in->n;
            return;
        }
        for (uint32_t i = 0; i < in->n; i++)
            ++*(int64_t *)(void *)(in->rows[i] + st->offset);
        return;
    }
    FOR_VALUES(in, i, row)
    ++*(int64_t *)(void *)target(in, i, st->offset);
}

/* By the keys in front. */
static int compare_keyed(const void *x, const void *y)
{
    VecString a, b;
    uint32_t n_a, n_b;

    memcpy(&a, x, sizeof(a));
    memcpy(&b, y, sizeof(b));
    const char *p = vec_string_data(&a), *q = vec_string_data(&b);
    memcpy(&n_a, p, sizeof(n_a));
    memcpy(&n_b, q, sizeof(n_b));
    int order = memcmp(p + sizeof(n_a), q + sizeof(n_b), MIN(n_a, n_b));
    return order != 0 ? order : (n_a > n_b) - (n_a < n_b);
}

/* Is @x to replace what the state holds? */
static bool extreme_wants(const State *st, const Extreme *e, PhysKind phys, const void *x)
{
    if (e->seen == SEEN_NOTHING || st->kind == STATE_LAST || st->kind == STATE_LAST_KNOWN)
        return true;
    if (st->kind == STATE_FIRST || st->kind == STATE_FIRST_KNOWN)
        return false;
    if (st->kind == STATE_MIN_BY)
        return compare_keyed(x, e->value) <= 0;
    if (st->kind == STATE_MAX_BY)
        return compare_keyed(x, e->value) >= 0;
    int order = vec_value_compare(phys, x, e->value);
    return st->kind == STATE_MIN ? order < 0 : order > 0;
}

/* The bytes of @e that may be written over; NULL: none. */
static char *extreme_held(const State *st, const Extreme *e)
{
    VecString s;

    if (!st->own_bytes || e->capacity == 0)
        return NULL;
    memcpy(&s, e->value, sizeof(s));
    return (char *)s.ptr;
}

/* Room for a string that replaces another, again and again perhaps. */
static char *extreme_room(const State *st, Extreme *e, char *held, uint32_t n, MemArena *strings)
{
    if (held && e->capacity >= n)
        return held;
    e->capacity = st->own_bytes && n <= INT32_MAX ? MAX(n, 2 * (held ? e->capacity : 0)) : 0;
    return mem_arena_alloc(strings, MAX(n, e->capacity), 1);
}

/* Bits or a product: two values become one. */
static void take_into(const State *st, uint8_t *state, const void *x)
{
    Extreme *e = (Extreme *)(void *)state;
    uint64_t bits = 0;

    memcpy(&bits, x, phys_size(st->phys));
    if (st->kind == STATE_PRODUCT && e->seen) {
        double so_far, factor;
        memcpy(&so_far, e->value, sizeof(so_far));
        memcpy(&factor, x, sizeof(factor));
        so_far *= factor;
        memcpy(e->value, &so_far, sizeof(so_far));
    } else if (!e->seen)
        e->value[0] = bits;
    else if (st->kind == STATE_BIT_AND)
        e->value[0] &= bits;
    else if (st->kind == STATE_BIT_OR)
        e->value[0] |= bits;
    else
        e->value[0] ^= bits;
    e->seen = SEEN_VALUE;
}

static int extreme_take(const State *st, uint8_t *state, PhysKind phys, const void *x,
                        MemArena *strings)
{
    if (st->kind == STATE_BIT_AND || st->kind == STATE_BIT_OR || st->kind == STATE_BIT_XOR ||
        st->kind == STATE_PRODUCT) {
        take_into(st, state, x);
        return 0;
    }
    Extreme e;
    memcpy(&e, state, sizeof(e));
    if (!extreme_wants(st, &e, phys, x))
        return 0;
    char *held = extreme_held(st, &e);
    memcpy(e.value, x, phys_size(phys));
    if (phys == PHYS_STRING) {
        VecString s;
        memcpy(&s, x, sizeof(s));
        if (s.length > VEC_STRING_INLINE) {
            char *bytes = extreme_room(st, &e, held, s.length, strings);
            if (!bytes)
                return mem_arena_error(strings);
            memcpy(bytes, s.ptr, s.length);
            s.ptr = bytes;
            memcpy(e.value, &s, sizeof(s));
        } else {
            e.capacity = 0;
        }
    }
    e.seen = SEEN_VALUE;
    memcpy(state, &e, sizeof(e));
    return 0;
}

/* MIN and MAX of integers in one group each: a load, a compare, seldom a store. */
#define EXTREME_LOOP(type)                                                                         \
    do {                                                                                           \
        const type *values = v->values;                                                            \
        FOR_VALUES(in, i, row)                                                                     \
        {                                                                                          \
            Extreme *e = (Extreme *)(void *)target(in, i, st->offset);                             \
            type x = values[vec_index(v, row)], now;                                               \
            memcpy(&now, e->value, sizeof(now));                                                   \
            if (!e->seen || (st->kind == STATE_MIN ? x < now : x > now)) {                         \
                memcpy(e->value, &x, sizeof(x));                                                   \
                e->seen = 1;                                                                       \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static bool update_extreme_int(const State *st, const StateInput *in)
{
    const Vector *v = in->v;

    if ((st->kind != STATE_MIN && st->kind != STATE_MAX) || v->phys != st->phys)
        return false;
    switch (v->phys) {
    case PHYS_I8:
        EXTREME_LOOP(int8_t);
        return true;
    case PHYS_I16:
        EXTREME_LOOP(int16_t);
        return true;
    case PHYS_I32:
        EXTREME_LOOP(int32_t);
        return true;
    case PHYS_I64:
        EXTREME_LOOP(int64_t);
        return true;
    default:
        return false;
    }
}

/* FIRST or LAST meets a null. */
static void extreme_take_null(const State *st, uint8_t *state)
{
    Extreme *e = (Extreme *)(void *)state;

    if (st->kind == STATE_LAST || e->seen == SEEN_NOTHING)
        e->seen = SEEN_NULL; /* what it holds may be written over later */
}

static int update_extreme(const State *st, const StateInput *in)
{
    const Vector *v = in->v;
    size_t size = phys_size(v->phys);

    if (update_extreme_int(st, in))
        return 0;

    bool nulls = st->kind == STATE_FIRST || st->kind == STATE_LAST;
    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t row = in->sel ? in->sel[i] : i;
        if (v->has_nulls && vec_row_is_null(v, row)) {
            if (nulls)
                extreme_take_null(st, target(in, i, st->offset));
            continue;
        }
        const void *x = (const uint8_t *)v->values + (size_t)vec_index(v, row) * size;
        i128 wide;
        PhysKind phys = v->phys;
        if (v->phys != st->phys) { /* narrow decimal */
            wide = *(const int64_t *)x;
            x = &wide;
            phys = PHYS_I128;
        }
        int r = extreme_take(st, target(in, i, st->offset), phys, x, in->strings);
        if (r)
            return r;
    }
    return 0;
}

int state_update(const State *st, const StateInput *in)
{
    switch (st->kind) {
    case STATE_COUNT:
        update_count(st, in);
        return 0;
    case STATE_SUM_INT:
        update_sum_int(st, in);
        return 0;
    case STATE_SUM_F64:
        update_sum_f64(st, in);
        return 0;
    case STATE_VARIANCE:
    case STATE_MOMENTS:
    case STATE_COVARIANCE:
        moments_update(st, in);
        return 0;
    case STATE_COLLECT:
        return collect_update(st, in);
    default:
        return update_extreme(st, in);
    }
}

int state_merge(const State *st, uint8_t *to, const uint8_t *from, MemArena *strings)
{
    if (st->kind == STATE_COLLECT)
        return collect_merge(st, to, from, strings);
    to += st->offset;
    from += st->offset;
    switch (st->kind) {
    case STATE_COUNT:
        *(int64_t *)(void *)to += *(const int64_t *)(const void *)from;
        return 0;
    case STATE_SUM_INT: {
        SumInt *a = (SumInt *)(void *)to;
        const SumInt *b = (const SumInt *)(const void *)from;
        i128 sum;
        bool overflowed = __builtin_add_overflow((i128)a->sum, (i128)b->sum, &sum);
        int64_t flag = (a->count | b->count) & SUM_OVERFLOWED;
        a->sum = sum;
        a->count = ((a->count & ~SUM_OVERFLOWED) + (b->count & ~SUM_OVERFLOWED)) | flag |
                   (overflowed ? SUM_OVERFLOWED : 0);
        return 0;
    }
    case STATE_SUM_F64: {
        SumFloat *a = (SumFloat *)(void *)to;
        const SumFloat *b = (const SumFloat *)(const void *)from;
        a->sum += b->sum;
        a->count += b->count;
        return 0;
    }
    case STATE_VARIANCE:
    case STATE_MOMENTS:
    case STATE_COVARIANCE:
        moments_merge(st, to, from);
        return 0;
    default: {
        Extreme e;
        memcpy(&e, from, sizeof(e));
        if (e.seen == SEEN_NULL)
            extreme_take_null(st, to);
        return e.seen == SEEN_VALUE ? extreme_take(st, to, st->phys, e.value, strings) : 0;
    }
    }
}

/* --- results --- */

static int fail_sum(QueryError *error, Type type)
{
    char name[64];
    if (type.kind == TYPE_DECIMAL)
        return query_error_set(error, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003",
                               "Overflow in sum of decimals. The result does not fit %s.",
                               type_format(type, name, sizeof(name)));
    return query_error_set(error, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003",
                           "%s overflow in 'sum'. Use 'try_sum' to tolerate overflow and return "
                           "NULL instead.",
                           type_format(type, name, sizeof(name)));
}

static bool is_avg(const Aggregate *a)
{
    return a->id == AGG_AVG || a->id == AGG_TRY_AVG;
}

static int store_sum(const Aggregate *a, i128 x, void *values, uint32_t i, QueryError *error)
{
    if (a->type.kind == TYPE_DECIMAL) {
        if (!dec_fits(x, a->type.precision))
            return fail_sum(error, a->type);
    } else if (x != (int64_t)x || (a->type.kind == TYPE_INTERVAL_YM && x != (int32_t)x)) {
        return fail_sum(error, a->type);
    }
    if (type_phys(a->type) == PHYS_I128)
        ((i128 *)values)[i] = x;
    else if (type_phys(a->type) == PHYS_I32) /* months */
        ((int32_t *)values)[i] = (int32_t)x;
    else
        ((int64_t *)values)[i] = (int64_t)x;
    return 0;
}

static int finalize_sum_int(const Aggregate *a, const State *st, const uint8_t *row, void *values,
                            uint32_t i, bool *ret_null, QueryError *error)
{
    SumInt s;
    uint32_t scale = st->type.kind == TYPE_DECIMAL ? st->type.scale : 0;

    memcpy(&s, row + st->offset, sizeof(s));
    *ret_null = s.count == 0;
    if (s.count == 0)
        return 0;
    if (s.count & SUM_OVERFLOWED)
        return fail_sum(error, a->type);
    if (a->type.kind == TYPE_DOUBLE || a->type.kind == TYPE_FLOAT) {
        double d = dec_to_double(s.sum, scale);
        d = is_avg(a) ? d / (double)s.count : d;
        ((double *)values)[i] = d;
        return 0;
    }
    i128 x = s.sum;
    if (is_avg(a)) {
        int shift = (int)a->type.scale - (int)scale;
        if (!(shift >= 0
                  ? dec_divide(x, s.count, (uint32_t)shift, &x)
                  : dec_rescale(x, (uint32_t)-shift, 0, &x) && dec_divide(x, s.count, 0, &x)))
            return fail_sum(error, a->type);
    } else if (!dec_rescale(x, scale, a->type.kind == TYPE_DECIMAL ? a->type.scale : 0, &x)) {
        return fail_sum(error, a->type);
    }
    return store_sum(a, x, values, i, error);
}

/* try_sum() and try_avg() have no value where the others have an error. */
static int try_sum_int(const Aggregate *a, const State *st, const uint8_t *row, void *values,
                       uint32_t i, bool *ret_null, QueryError *error)
{
    bool may_fail = a->id != AGG_TRY_SUM && a->id != AGG_TRY_AVG;
    int r = finalize_sum_int(a, st, row, values, i, ret_null, may_fail ? error : NULL);

    if (r != QUERY_E_FAILED || may_fail)
        return r;
    *ret_null = true;
    return 0;
}

static int finalize_row(const Aggregate *a, const State *st, const uint8_t *row, void *values,
                        uint32_t i, bool *ret_null, QueryError *error)
{
    *ret_null = false;
    switch (st->kind) {
    case STATE_COUNT:
        memcpy((int64_t *)values + i, row + st->offset, 8);
        return 0;
    case STATE_SUM_INT:
        return try_sum_int(a, st, row, values, i, ret_null, error);
    case STATE_SUM_F64: {
        const SumFloat *s = (const SumFloat *)(const void *)(row + st->offset);
        *ret_null = s->count == 0;
        double d = is_avg(a) && s->count ? s->sum / (double)s->count : s->sum;
        if (type_phys(a->type) == PHYS_F32)
            ((float *)values)[i] = (float)d;
        else
            ((double *)values)[i] = d;
        return 0;
    }
    case STATE_COLLECT:
        memcpy((VecString *)values + i, row + st->offset, sizeof(VecString));
        return 0;
    case STATE_VARIANCE:
    case STATE_MOMENTS:
    case STATE_COVARIANCE:
        return moments_finalize(a, st, row, (double *)values + i, ret_null, error);
    default: {
        Extreme e;
        size_t size = phys_size(st->phys);
        memcpy(&e, row + st->offset, sizeof(e));
        *ret_null = e.seen != SEEN_VALUE;
        memcpy((uint8_t *)values + (size_t)i * size, e.value, size);
        return 0;
    }
    }
}

int aggregate_finalize(const Aggregate *a, const State *st, const uint8_t *const *rows, uint32_t n,
                       void *values, uint64_t *valid, Vector *ret_vector, QueryError *error)
{
    bool nulls = false;

    memset(valid, 0xff, VEC_VALID_WORDS * 8);
    for (uint32_t i = 0; i < n; i++) {
        bool null;
        int r = finalize_row(a, st, rows[i], values, i, &null, error);
        if (r)
            return r;
        if (null) {
            vec_bit_clear(valid, i);
            nulls = true;
        }
    }
    *ret_vector = (Vector){
        .type = a->type,
        .phys = (uint8_t)type_phys(a->type),
        .encoding = VEC_FLAT,
        .has_nulls = nulls,
        .values = values,
        .valid = nulls ? valid : NULL,
    };
    return 0;
}
