/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sketches of distinct values: the least hashes of what was seen (Bar-Yossef et al., "Counting
 * distinct elements in a data stream", 2002; Beyer et al., SIGMOD 2007). Below 2^lg_k different
 * values they are exact, which is all that anybody can rely on: the bytes are Berth's own, and no
 * other program's sketch is read.
 *
 *   0  "BS", kind, lg_k
 *   4  u32 number of entries
 *   8  u64 theta: every hash below it is here
 *  16  entries, ascending: u64 hash, and of tuples 8 bytes of summary
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "exec/expr/nested_sketch.h"

#define HEAD_BYTES 16u
#define THETA_ALL UINT64_MAX
#define LG_K_MIN 4
#define LG_K_MAX 26

typedef enum SketchKind {
    KIND_THETA = 1,
    KIND_HLL,
    KIND_TUPLE_LONG,
    KIND_TUPLE_DOUBLE,
} SketchKind;

typedef enum SummaryMode {
    MODE_SUM,
    MODE_MIN,
    MODE_MAX,
    MODE_ONE,
    _MODE_MAX,
} SummaryMode;

typedef union Summary {
    int64_t i;
    double d;
} Summary;

typedef struct Entry {
    uint64_t hash;
    Summary summary;
} Entry;

typedef struct Sketch {
    SketchKind kind;
    uint32_t lg_k, n;
    uint64_t theta;
    Entry *entries;
} Sketch;

static bool is_tuple(SketchKind kind)
{
    return kind == KIND_TUPLE_LONG || kind == KIND_TUPLE_DOUBLE;
}

/* ---- bytes ---- */

static const char *family(SketchKind kind)
{
    return kind == KIND_THETA ? "THETA" : kind == KIND_HLL ? "HLL" : "TUPLE";
}

static int bad_sketch(NestedCall *c, SketchKind kind)
{
    char class[64], message[120];
    (void)snprintf(class, sizeof(class), "%s_INVALID_INPUT_SKETCH_BUFFER", family(kind));
    (void)snprintf(message, sizeof(message),
                   "Invalid call to %s: the bytes are no sketch of this "
                   "kind.",
                   family(kind));
    return nested_fail_value(c, class, "22546", message);
}

static int read_sketch(NestedCall *c, const VecString *bytes, SketchKind kind, Sketch *ret)
{
    const uint8_t *at = (const uint8_t *)vec_string_data(bytes);
    size_t width = is_tuple(kind) ? sizeof(Entry) : sizeof(uint64_t);
    Sketch s = {.kind = kind};
    if (bytes->length < HEAD_BYTES || memcmp(at, "BS", 2) != 0 || at[2] != kind)
        return bad_sketch(c, kind);
    s.lg_k = at[3];
    memcpy(&s.n, at + 4, sizeof(s.n));
    memcpy(&s.theta, at + 8, sizeof(s.theta));
    if (s.lg_k < LG_K_MIN || s.lg_k > LG_K_MAX || (bytes->length - HEAD_BYTES) % width != 0 ||
        (bytes->length - HEAD_BYTES) / width != s.n)
        return bad_sketch(c, kind);
    s.entries = mem_arena_alloc(c->arena, sizeof(Entry) * (s.n + 1ull), 8);
    if (!s.entries)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < s.n; i++) {
        s.entries[i] = (Entry){0};
        memcpy(&s.entries[i], at + HEAD_BYTES + i * width, width);
        if (s.entries[i].hash >= s.theta || (i > 0 && s.entries[i].hash <= s.entries[i - 1].hash))
            return bad_sketch(c, kind);
    }
    *ret = s;
    return 0;
}

static int write_sketch(NestedCall *c, const Sketch *s, NestedItem *ret)
{
    size_t width = is_tuple(s->kind) ? sizeof(Entry) : sizeof(uint64_t);
    uint64_t n_bytes = HEAD_BYTES + (uint64_t)s->n * width;
    if (n_bytes > INT32_MAX)
        return -EMSGSIZE;
    char *at = mem_arena_alloc(c->arena, n_bytes, 1);
    if (!at)
        return mem_arena_error(c->arena);
    memcpy(at, "BS", 2);
    at[2] = (char)s->kind;
    at[3] = (char)s->lg_k;
    memcpy(at + 4, &s->n, sizeof(s->n));
    memcpy(at + 8, &s->theta, sizeof(s->theta));
    for (uint32_t i = 0; i < s->n; i++)
        memcpy(at + HEAD_BYTES + i * width, &s->entries[i], width);
    ret->value.s = vec_string(at, (uint32_t)n_bytes);
    return 0;
}

/* ---- summaries ---- */

static int read_mode(NestedCall *c, const VecString *text, SummaryMode *ret)
{
    static const char *const names[_MODE_MAX] = {"sum", "min", "max", "alwaysone"};
    char message[200];
    for (uint32_t i = 0; i < _MODE_MAX; i++)
        if (text->length == strlen(names[i]) &&
            strncasecmp(vec_string_data(text), names[i], text->length) == 0) {
            *ret = i;
            return 0;
        }
    (void)snprintf(message, sizeof(message),
                   "Invalid mode '%.*s': it must be one of sum, min, max, alwaysone.",
                   (int)MIN(text->length, 60u), vec_string_data(text));
    return nested_fail_value(c, "TUPLE_INVALID_MODE", "22546", message);
}

static Summary join_summaries(SketchKind kind, SummaryMode mode, Summary a, Summary b)
{
    Summary r = a;
    bool real = kind == KIND_TUPLE_DOUBLE;
    switch (mode) {
    case MODE_SUM:
        if (real)
            r.d = a.d + b.d;
        else
            r.i = (int64_t)((uint64_t)a.i + (uint64_t)b.i);
        break;
    case MODE_MIN:
        if (real ? b.d < a.d : b.i < a.i)
            r = b;
        break;
    case MODE_MAX:
        if (real ? b.d > a.d : b.i > a.i)
            r = b;
        break;
    default:
        if (real)
            r.d = 1;
        else
            r.i = 1;
    }
    return r;
}

/* What an entry without a summary brings along. */
static Summary no_summary(SketchKind kind, SummaryMode mode)
{
    bool real = kind == KIND_TUPLE_DOUBLE;
    Summary s = {0};
    if (mode == MODE_ONE && real)
        s.d = 1;
    else if (mode == MODE_ONE)
        s.i = 1;
    else if (mode == MODE_MIN && real)
        s.d = INFINITY;
    else if (mode == MODE_MIN)
        s.i = INT32_MAX;
    else if (mode == MODE_MAX && real)
        s.d = -INFINITY;
    else if (mode == MODE_MAX)
        s.i = INT32_MIN;
    return s;
}

/* ---- making ---- */

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = ((const Entry *)a)->hash, y = ((const Entry *)b)->hash;
    return x < y ? -1 : x > y;
}

/* Sorts, joins entries of one hash, keeps the least 2^lg_k. */
static void settle(Sketch *s, SummaryMode mode)
{
    uint32_t n = 0;
    qsort(s->entries, s->n, sizeof(*s->entries), compare_entries);
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->entries[i].hash >= s->theta)
            break;
        if (n > 0 && s->entries[n - 1].hash == s->entries[i].hash)
            s->entries[n - 1].summary =
                join_summaries(s->kind, mode, s->entries[n - 1].summary, s->entries[i].summary);
        else
            s->entries[n++] = s->entries[i];
    }
    s->n = n;
    if (n > UINT32_C(1) << s->lg_k) {
        s->n = UINT32_C(1) << s->lg_k;
        s->theta = s->entries[s->n].hash;
    }
}

static uint64_t hash_value(Type type, const NestedItem *item)
{
    int64_t i = 0;
    double d;
    switch (type_phys(type)) {
    case PHYS_STRING:
        return XXH3_64bits(vec_string_data(&item->value.s), item->value.s.length);
    case PHYS_F32:
    case PHYS_F64:
        d = type_phys(type) == PHYS_F32 ? (double)item->value.f32 : item->value.f64;
        d = d == 0 ? 0 : isnan(d) ? NAN : d;
        return XXH3_64bits_withSeed(&d, sizeof(d), 1);
    case PHYS_I8:
        i = item->value.i8;
        break;
    case PHYS_I16:
        i = item->value.i16;
        break;
    case PHYS_I32:
        i = item->value.i32;
        break;
    default:
        i = item->value.i64;
    }
    return XXH3_64bits(&i, sizeof(i));
}

static Summary summary_of(SketchKind kind, Type type, const NestedItem *item)
{
    Summary s = {0};
    bool real = type.kind == TYPE_FLOAT || type.kind == TYPE_DOUBLE;
    double d = type.kind == TYPE_FLOAT ? (double)item->value.f32 : item->value.f64;
    int64_t i = type.kind == TYPE_LONG ? item->value.i64 : item->value.i32;
    if (kind == KIND_TUPLE_DOUBLE)
        s.d = real ? d : (double)i;
    else
        s.i = i;
    return s;
}

static int make(NestedCall *c, const NestedItem *array, SketchKind kind, uint32_t lg_k,
                SummaryMode mode, NestedItem *ret)
{
    Type element = c->types[1].children[0].type;
    uint32_t n = nested_count(&array->value.s);
    Sketch s = {.kind = kind, .lg_k = lg_k, .theta = THETA_ALL};
    s.entries = mem_arena_alloc(c->arena, sizeof(Entry) * (n + 1ull), 8);
    if (!s.entries)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item, key, value = {0};
        nested_element(element, &array->value.s, i, &item);
        if (item.is_null)
            continue;
        key = item;
        if (is_tuple(kind)) {
            nested_field(element, &item.value.s, 0, &key);
            nested_field(element, &item.value.s, 1, &value);
            if (key.is_null || value.is_null)
                continue;
        }
        Type type = is_tuple(kind) ? element.children[0].type : element;
        Entry *e = &s.entries[s.n++];
        *e = (Entry){.hash = hash_value(type, &key)};
        if (is_tuple(kind))
            e->summary = mode == MODE_ONE ? no_summary(kind, mode)
                                          : summary_of(kind, element.children[1].type, &value);
        e->hash -= e->hash == THETA_ALL;
    }
    settle(&s, mode);
    return write_sketch(c, &s, ret);
}

/* ---- sets of them ---- */

static int read_all(NestedCall *c, const NestedItem *array, SketchKind kind, Sketch **ret,
                    uint32_t *ret_n)
{
    Type element = c->types[1].children[0].type;
    uint32_t n = nested_count(&array->value.s);
    Sketch *all = mem_arena_alloc(c->arena, sizeof(*all) * (n + 1ull), 8);
    if (!all)
        return mem_arena_error(c->arena);
    *ret_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item;
        nested_element(element, &array->value.s, i, &item);
        if (item.is_null)
            continue;
        /* Among tuples there may be a sketch of theta's. */
        const VecString *bytes = &item.value.s;
        bool plain =
            is_tuple(kind) && bytes->length > 2 && vec_string_data(bytes)[2] == (char)KIND_THETA;
        int r = read_sketch(c, bytes, plain ? KIND_THETA : kind, &all[*ret_n]);
        if (r != 0)
            return r;
        (*ret_n)++;
    }
    *ret = all;
    return 0;
}

static int unite(NestedCall *c, const Sketch *all, uint32_t n_all, SketchKind kind, uint32_t lg_k,
                 SummaryMode mode, NestedItem *ret)
{
    Sketch s = {.kind = kind, .lg_k = lg_k, .theta = THETA_ALL};
    uint64_t total = 0;
    for (uint32_t i = 0; i < n_all; i++) {
        total += all[i].n;
        s.theta = MIN(s.theta, all[i].theta);
    }
    if (total > UINT32_MAX)
        return -EMSGSIZE;
    s.entries = mem_arena_alloc(c->arena, sizeof(Entry) * (total + 1), 8);
    if (!s.entries)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n_all; i++)
        for (uint32_t k = 0; k < all[i].n; k++) {
            s.entries[s.n] = all[i].entries[k];
            if (is_tuple(kind) && !is_tuple(all[i].kind))
                s.entries[s.n].summary = no_summary(kind, mode);
            s.n++;
        }
    settle(&s, mode);
    return write_sketch(c, &s, ret);
}

/* Entries of @a that are, or are not, in @b. */
static void keep_those(Sketch *a, const Sketch *b, bool common, SummaryMode mode)
{
    uint32_t n = 0, k = 0;
    a->theta = MIN(a->theta, b->theta);
    for (uint32_t i = 0; i < a->n && a->entries[i].hash < a->theta; i++) {
        while (k < b->n && b->entries[k].hash < a->entries[i].hash)
            k++;
        bool found = k < b->n && b->entries[k].hash == a->entries[i].hash;
        if (found != common)
            continue;
        Entry e = a->entries[i];
        if (found && is_tuple(b->kind))
            e.summary = is_tuple(a->kind)
                            ? join_summaries(a->kind, mode, e.summary, b->entries[k].summary)
                            : b->entries[k].summary;
        a->entries[n++] = e;
    }
    a->n = n;
}

static int combine(NestedCall *c, const NestedItem *array, SketchKind kind, bool common,
                   SummaryMode mode, NestedItem *ret)
{
    Sketch *all = NULL;
    uint32_t n = 0;
    int r = read_all(c, array, kind, &all, &n);
    if (r != 0)
        return r;
    Sketch s = {.kind = kind, .lg_k = 12, .theta = THETA_ALL};
    if (n > 0)
        s = all[0];
    for (uint32_t i = 1; i < n; i++)
        keep_those(&s, &all[i], common, mode);
    s.kind = kind;
    return write_sketch(c, &s, ret);
}

/* ---- answers ---- */

static double estimate(const Sketch *s)
{
    double share = s->theta == THETA_ALL ? 1.0 : (double)s->theta / 18446744073709551616.0;
    return share > 0 ? s->n / share : 0;
}

static int summarise(NestedCall *c, const Sketch *s, const VecString *text, NestedItem *ret)
{
    SummaryMode mode;
    int r = read_mode(c, text, &mode);
    if (r != 0)
        return r;
    Summary sum = s->n > 0 ? s->entries[0].summary : no_summary(s->kind, MODE_SUM);
    for (uint32_t i = 1; i < s->n; i++)
        sum = mode == MODE_ONE
                  ? join_summaries(s->kind, MODE_SUM, sum, no_summary(s->kind, MODE_ONE))
                  : join_summaries(s->kind, mode, sum, s->entries[i].summary);
    if (s->kind == KIND_TUPLE_DOUBLE)
        ret->value.f64 = sum.d;
    else
        ret->value.i64 = sum.i;
    return 0;
}

static int check_lg_k(NestedCall *c, SketchKind kind, int32_t lg_k)
{
    char class[64], message[160];
    int32_t max = kind == KIND_HLL ? 21 : LG_K_MAX;
    if (lg_k >= LG_K_MIN && lg_k <= max)
        return 0;
    (void)snprintf(class, sizeof(class), "%s_INVALID_LG_%s", family(kind),
                   kind == KIND_HLL ? "K" : "NOM_ENTRIES");
    (void)snprintf(message, sizeof(message),
                   "Invalid number of entries: the binary logarithm must be between %d and %d "
                   "(inclusive): %d.",
                   LG_K_MIN, max, (int)lg_k);
    return nested_fail_value(c, class, "22546", message);
}

static int unite_hll(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Sketch *all = NULL;
    uint32_t n = 0, lg_k = 12;
    int r = read_all(c, &args[1], KIND_HLL, &all, &n);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        if (i > 0 && all[i].lg_k != all[0].lg_k && !args[2].value.b)
            r = nested_fail_value(c, "HLL_UNION_DIFFERENT_LG_K", "22000",
                                  "Sketches have different `lgConfigK` values. Set the "
                                  "`allowDifferentLgConfigK` parameter to true to call the "
                                  "function with different `lgConfigK` values.");
        lg_k = i == 0 ? all[i].lg_k : MIN(lg_k, all[i].lg_k);
    }
    return r ? r : unite(c, all, n, KIND_HLL, lg_k, MODE_SUM, ret);
}

/* args[0] is the number of the operation; args[1] what it works on. */
int nested_sketch(NestedCall *c, const NestedItem *args, SketchOp op, SketchValue value,
                  NestedItem *ret)
{
    SketchKind tuple = value == SKETCH_DOUBLE ? KIND_TUPLE_DOUBLE : KIND_TUPLE_LONG;
    SketchKind kind = op <= SKETCH_THETA_ESTIMATE ? KIND_THETA
                      : op <= SKETCH_HLL_ESTIMATE ? KIND_HLL
                                                  : tuple;
    SummaryMode mode = MODE_SUM;
    Sketch s = {0};
    uint32_t n = 0;
    Sketch *all = NULL;
    int r = 0;
    switch (op) {
    case SKETCH_THETA_MAKE:
    case SKETCH_HLL_MAKE:
    case SKETCH_TUPLE_MAKE:
        r = check_lg_k(c, kind, args[2].value.i32);
        if (r == 0 && op == SKETCH_TUPLE_MAKE)
            r = read_mode(c, &args[3].value.s, &mode);
        return r ? r : make(c, &args[1], kind, (uint32_t)args[2].value.i32, mode, ret);
    case SKETCH_THETA_UNION:
    case SKETCH_TUPLE_UNION:
        r = check_lg_k(c, kind, args[2].value.i32);
        if (r == 0 && op == SKETCH_TUPLE_UNION)
            r = read_mode(c, &args[3].value.s, &mode);
        if (r == 0)
            r = read_all(c, &args[1], kind, &all, &n);
        return r ? r : unite(c, all, n, kind, (uint32_t)args[2].value.i32, mode, ret);
    case SKETCH_HLL_UNION:
        return unite_hll(c, args, ret);
    case SKETCH_TUPLE_COMMON:
        r = read_mode(c, &args[2].value.s, &mode);
        return r ? r : combine(c, &args[1], kind, true, mode, ret);
    case SKETCH_THETA_COMMON:
        return combine(c, &args[1], kind, true, mode, ret);
    case SKETCH_THETA_WITHOUT:
    case SKETCH_TUPLE_WITHOUT:
        return combine(c, &args[1], kind, false, mode, ret);
    default:
        break;
    }
    r = read_sketch(c, &args[1].value.s, kind, &s);
    if (r != 0)
        return r;
    if (op == SKETCH_TUPLE_SUMMARY)
        return summarise(c, &s, &args[2].value.s, ret);
    if (op == SKETCH_TUPLE_THETA)
        ret->value.f64 = s.theta == THETA_ALL ? 1.0 : (double)s.theta / 18446744073709551616.0;
    else if (op == SKETCH_TUPLE_ESTIMATE)
        ret->value.f64 = estimate(&s);
    else
        ret->value.i64 = llround(estimate(&s));
    return 0;
}
