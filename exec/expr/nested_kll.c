/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sketches of quantiles: Karnin, Lang, Liberty, "Optimal quantile approximation in streams", FOCS
 * 2016. An item on level h stands for 2^h values; a level that is too full is sorted, and every
 * other item goes one level up. Whether the odd or the even ones go is drawn from the counts, so
 * that the same values give the same sketch. With up to k values it is exact. The bytes are Berth's
 * own:
 *
 *   0  "BK", SketchValue, number of levels
 *   4  u32 k
 *   8  u64 number of values
 *  16  u32 for each level: its items; then these, 8 bytes each, level 0 first
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/expr/nested_sketch.h"

#define HEAD_BYTES 16u
#define LEVELS_MAX 60u
#define K_MIN 8
#define K_MAX 65535

typedef union KllItem {
    int64_t i;
    double d;
} KllItem;

typedef struct Kll {
    SketchValue value;
    uint32_t k, n_levels;
    uint64_t n;
    KllItem *items[LEVELS_MAX];
    uint32_t n_items[LEVELS_MAX];
} Kll;

static int bad_sketch(NestedCall *c)
{
    return nested_fail_value(c, "KLL_INVALID_INPUT_SKETCH_BUFFER", "22546",
                             "Invalid call to KLL: the bytes are no sketch of this kind.");
}

static int read_kll(NestedCall *c, const VecString *bytes, SketchValue value, Kll *ret)
{
    const uint8_t *at = (const uint8_t *)vec_string_data(bytes);
    Kll s = {.value = value};
    if (bytes->length < HEAD_BYTES || memcmp(at, "BK", 2) != 0 || at[2] != value ||
        at[3] > LEVELS_MAX)
        return bad_sketch(c);
    s.n_levels = at[3];
    memcpy(&s.k, at + 4, sizeof(s.k));
    memcpy(&s.n, at + 8, sizeof(s.n));
    uint64_t offset = HEAD_BYTES + 4ull * s.n_levels, n = 0;
    if (offset > bytes->length || s.k < K_MIN || s.k > K_MAX)
        return bad_sketch(c);
    for (uint32_t h = 0; h < s.n_levels; h++) {
        memcpy(&s.n_items[h], at + HEAD_BYTES + 4ull * h, sizeof(uint32_t));
        if ((bytes->length - offset) / sizeof(KllItem) < s.n_items[h] || s.n_items[h] > (s.n >> h))
            return bad_sketch(c);
        s.items[h] = mem_arena_alloc(c->arena, sizeof(KllItem) * (s.n_items[h] + 1ull), 8);
        if (!s.items[h])
            return mem_arena_error(c->arena);
        memcpy(s.items[h], at + offset, s.n_items[h] * sizeof(KllItem));
        offset += s.n_items[h] * sizeof(KllItem);
        n += (uint64_t)s.n_items[h] << h;
    }
    if (offset != bytes->length || n != s.n)
        return bad_sketch(c);
    *ret = s;
    return 0;
}

static int write_kll(NestedCall *c, const Kll *s, NestedItem *ret)
{
    uint64_t n_bytes = HEAD_BYTES + 4ull * s->n_levels;
    for (uint32_t h = 0; h < s->n_levels; h++)
        n_bytes += sizeof(KllItem) * (uint64_t)s->n_items[h];
    if (n_bytes > INT32_MAX)
        return -EMSGSIZE;
    char *at = mem_arena_alloc(c->arena, n_bytes, 1);
    if (!at)
        return mem_arena_error(c->arena);
    memcpy(at, "BK", 2);
    at[2] = (char)s->value;
    at[3] = (char)s->n_levels;
    memcpy(at + 4, &s->k, sizeof(s->k));
    memcpy(at + 8, &s->n, sizeof(s->n));
    memcpy(at + HEAD_BYTES, s->n_items, 4ull * s->n_levels);
    uint64_t offset = HEAD_BYTES + 4ull * s->n_levels;
    for (uint32_t h = 0; h < s->n_levels; h++) {
        memcpy(at + offset, s->items[h], s->n_items[h] * sizeof(KllItem));
        offset += s->n_items[h] * sizeof(KllItem);
    }
    ret->value.s = vec_string(at, (uint32_t)n_bytes);
    return 0;
}

static int compare_longs(const void *a, const void *b)
{
    int64_t x = ((const KllItem *)a)->i, y = ((const KllItem *)b)->i;
    return x < y ? -1 : x > y;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = ((const KllItem *)a)->d, y = ((const KllItem *)b)->d;
    return x < y ? -1 : x > y;
}

static void sort_items(const Kll *s, KllItem *items, uint32_t n)
{
    qsort(items, n, sizeof(*items), s->value == SKETCH_LONG ? compare_longs : compare_doubles);
}

/* k on the top level, two thirds of the level above on each below. */
static uint32_t room(const Kll *s, uint32_t h)
{
    double wanted = s->k * pow(2.0 / 3.0, (double)(s->n_levels - h - 1));
    return wanted < 8 ? 8 : (uint32_t)ceil(wanted);
}

/* Half of level @h goes up; of an odd number one stays. */
static int compact(NestedCall *c, Kll *s, uint32_t h)
{
    if (h + 1 == s->n_levels) {
        if (s->n_levels == LEVELS_MAX)
            return -EMSGSIZE;
        s->items[s->n_levels] = NULL;
        s->n_items[s->n_levels++] = 0;
    }
    uint32_t n = s->n_items[h], kept = n & 1, up = n / 2, above = s->n_items[h + 1];
    KllItem *grown = mem_arena_alloc(c->arena, sizeof(*grown) * ((uint64_t)above + up + 1), 8);
    if (!grown)
        return mem_arena_error(c->arena);
    if (above > 0)
        memcpy(grown, s->items[h + 1], above * sizeof(*grown));
    uint64_t draw = (s->n ^ (uint64_t)n << 20 ^ h) * UINT64_C(0x9E3779B97F4A7C15);
    sort_items(s, s->items[h] + kept, n - kept);
    for (uint32_t i = 0; i < up; i++)
        grown[above + i] = s->items[h][kept + 2 * i + (draw >> 63)];
    s->items[h + 1] = grown;
    s->n_items[h + 1] = above + up;
    s->n_items[h] = kept;
    return 0;
}

static int settle(NestedCall *c, Kll *s)
{
    for (;;) {
        uint64_t n = 0, limit = 0;
        for (uint32_t h = 0; h < s->n_levels; h++) {
            n += s->n_items[h];
            limit += room(s, h);
        }
        if (n <= MAX(limit, (uint64_t)s->k))
            return 0;
        for (uint32_t h = 0; h < s->n_levels; h++)
            if (s->n_items[h] > room(s, h)) {
                int r = compact(c, s, h);
                if (r != 0)
                    return r;
                break;
            }
    }
}

static int check_k(NestedCall *c, int32_t k)
{
    char message[120];
    if (k >= K_MIN && k <= K_MAX)
        return 0;
    (void)snprintf(message, sizeof(message),
                   "Invalid call to KLL: k must be between %d and %d (inclusive): %d.", K_MIN,
                   K_MAX, (int)k);
    return nested_fail_value(c, "KLL_SKETCH_K_OUT_OF_RANGE", "22003", message);
}

static KllItem item_of(SketchValue value, Type type, const NestedItem *item)
{
    KllItem r;
    int64_t i = type.kind == TYPE_LONG ? item->value.i64 : item->value.i32;
    if (value == SKETCH_LONG)
        r.i = i;
    else
        r.d = type.kind == TYPE_FLOAT ? (double)item->value.f32 : item->value.f64;
    return r;
}

static int make(NestedCall *c, const NestedItem *args, SketchValue value, NestedItem *ret)
{
    const VecString *array = &args[1].value.s;
    Type element = c->types[1].children[0].type;
    uint32_t n = nested_count(array);
    Kll s = {.value = value, .k = (uint32_t)args[2].value.i32, .n_levels = 1};
    int r = check_k(c, args[2].value.i32);
    if (r != 0)
        return r;
    s.items[0] = mem_arena_alloc(c->arena, sizeof(KllItem) * (n + 1ull), 8);
    if (!s.items[0])
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item;
        nested_element(element, array, i, &item);
        KllItem got = item_of(value, element, &item);
        if (!item.is_null && (value == SKETCH_LONG || !isnan(got.d)))
            s.items[0][s.n_items[0]++] = got;
    }
    s.n = s.n_items[0];
    r = settle(c, &s);
    return r ? r : write_kll(c, &s, ret);
}

static int add(NestedCall *c, Kll *to, const Kll *from)
{
    for (uint32_t h = 0; h < from->n_levels; h++) {
        uint32_t n = h < to->n_levels ? to->n_items[h] : 0;
        KllItem *grown =
            mem_arena_alloc(c->arena, sizeof(*grown) * ((uint64_t)n + from->n_items[h] + 1), 8);
        if (!grown)
            return mem_arena_error(c->arena);
        if (n > 0)
            memcpy(grown, to->items[h], n * sizeof(*grown));
        if (from->n_items[h] > 0)
            memcpy(grown + n, from->items[h], from->n_items[h] * sizeof(*grown));
        to->items[h] = grown;
        to->n_items[h] = n + from->n_items[h];
    }
    to->n_levels = MAX(to->n_levels, from->n_levels);
    to->n += from->n;
    return settle(c, to);
}

/* As large as the smallest of them, unless @args say how large. */
static int merge(NestedCall *c, const NestedItem *args, SketchValue value, NestedItem *ret)
{
    const VecString *array = &args[1].value.s;
    Type element = c->types[1].children[0].type;
    bool given = args[2].value.i32 > 0;
    Kll s = {.value = value, .k = given ? (uint32_t)args[2].value.i32 : 200, .n_levels = 1};
    bool any = false;
    int r = given ? check_k(c, args[2].value.i32) : 0;
    for (uint32_t i = 0, n = nested_count(array); r == 0 && i < n; i++) {
        NestedItem item;
        Kll one = {0};
        nested_element(element, array, i, &item);
        if (item.is_null)
            continue;
        r = read_kll(c, &item.value.s, value, &one);
        if (r == 0 && !given)
            s.k = any ? MIN(s.k, one.k) : one.k;
        if (r == 0 && one.n > INT64_MAX - s.n)
            r = bad_sketch(c);
        if (r == 0)
            r = add(c, &s, &one);
        any = true;
    }
    return r ? r : write_kll(c, &s, ret);
}

/* ---- answers ---- */

typedef struct Weighted {
    KllItem item;
    uint64_t weight;
} Weighted;

static int by_long(const void *a, const void *b)
{
    return compare_longs(&((const Weighted *)a)->item, &((const Weighted *)b)->item);
}

static int by_double(const void *a, const void *b)
{
    return compare_doubles(&((const Weighted *)a)->item, &((const Weighted *)b)->item);
}

/* All items with what they stand for, in order. */
static int spread(NestedCall *c, const Kll *s, Weighted **ret, uint32_t *ret_n)
{
    uint64_t n = 0;
    for (uint32_t h = 0; h < s->n_levels; h++)
        n += s->n_items[h];
    Weighted *all = mem_arena_alloc(c->arena, sizeof(*all) * (n + 1), 8);
    if (!all)
        return mem_arena_error(c->arena);
    *ret_n = 0;
    for (uint32_t h = 0; h < s->n_levels; h++)
        for (uint32_t i = 0; i < s->n_items[h]; i++)
            all[(*ret_n)++] = (Weighted){s->items[h][i], UINT64_C(1) << h};
    qsort(all, *ret_n, sizeof(*all), s->value == SKETCH_LONG ? by_long : by_double);
    *ret = all;
    return 0;
}

/* The least value with at least so many at or below it. */
static int quantile(NestedCall *c, const Kll *s, double rank, NestedItem *ret)
{
    Weighted *all = NULL;
    uint32_t n = 0;
    if (!(rank >= 0 && rank <= 1))
        return nested_fail_value(c, "KLL_SKETCH_INVALID_QUANTILE_RANGE", "22003",
                                 "Invalid call to KLL: the rank must be between 0 and 1.");
    if (s->n == 0) {
        ret->is_null = true;
        return 0;
    }
    int r = spread(c, s, &all, &n);
    if (r != 0)
        return r;
    double wanted = ceil(rank * (double)s->n);
    uint64_t seen = 0;
    uint32_t at = 0;
    for (; at + 1 < n; at++) {
        seen += all[at].weight;
        if ((double)seen >= wanted)
            break;
    }
    if (s->value == SKETCH_LONG)
        ret->value.i64 = all[at].item.i;
    else if (s->value == SKETCH_FLOAT)
        ret->value.f32 = (float)all[at].item.d;
    else
        ret->value.f64 = all[at].item.d;
    return 0;
}

static int rank_of(NestedCall *c, const Kll *s, KllItem item, NestedItem *ret)
{
    uint64_t below = 0;
    if (s->n == 0) {
        ret->is_null = true;
        return 0;
    }
    for (uint32_t h = 0; h < s->n_levels; h++)
        for (uint32_t i = 0; i < s->n_items[h]; i++)
            if (s->value == SKETCH_LONG ? s->items[h][i].i <= item.i : s->items[h][i].d <= item.d)
                below += UINT64_C(1) << h;
    ret->value.f64 = (double)below / (double)s->n;
    return 0;
}

static int to_text(NestedCall *c, const Kll *s, NestedItem *ret)
{
    static const char *const names[] = {"bigint", "float", "double"};
    uint64_t kept = 0;
    char *text = mem_arena_alloc(c->arena, 256, 1);
    if (!text)
        return mem_arena_error(c->arena);
    for (uint32_t h = 0; h < s->n_levels; h++)
        kept += s->n_items[h];
    int n = snprintf(
        text, 256, "KLL sketch of %s\n  k: %u\n  values: %llu\n  items: %llu\n  levels: %u\n",
        names[s->value], s->k, (unsigned long long)s->n, (unsigned long long)kept, s->n_levels);
    ret->value.s = vec_string(text, (uint32_t)n);
    return 0;
}

int nested_kll(NestedCall *c, const NestedItem *args, SketchOp op, SketchValue value,
               NestedItem *ret)
{
    Kll s = {0};
    if (op == SKETCH_KLL_MAKE)
        return make(c, args, value, ret);
    if (op == SKETCH_KLL_MERGE)
        return merge(c, args, value, ret);
    int r = read_kll(c, &args[1].value.s, value, &s);
    if (r != 0)
        return r;
    switch (op) {
    case SKETCH_KLL_N:
        ret->value.i64 = (int64_t)s.n;
        return 0;
    case SKETCH_KLL_QUANTILE:
        return quantile(c, &s, args[2].value.f64, ret);
    case SKETCH_KLL_RANK:
        return rank_of(c, &s, item_of(value, c->types[2], &args[2]), ret);
    default:
        return to_text(c, &s, ret);
    }
}
