/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is made of an aggregate's value: of the bytes that max_by() kept, or of all values that
 * AGG_COLLECT gathered; and what packs several arguments into the one that an aggregate takes.
 */

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/expr/nested.h"
#include "exec/kernel/decimal.h"

/* ---- packing ---- */

/* Two doubles in the 16 bytes of a DECIMAL(38, 0). */
static int do_pair(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    (void)c;
    memcpy(&ret->value, &args[0].value.f64, sizeof(double));
    memcpy((char *)&ret->value + sizeof(double), &args[1].value.f64, sizeof(double));
    return 0;
}

/* u32 bytes of the key; the key; the rest. */
static int do_keyed(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    const VecString *key = &args[0].value.s, *value = &args[1].value.s;
    uint64_t n = sizeof(uint32_t) + (uint64_t)key->length + value->length;
    if (n > INT32_MAX)
        return -EMSGSIZE;
    char *bytes = mem_arena_alloc(c->arena, n, 1);
    if (!bytes)
        return mem_arena_error(c->arena);
    memcpy(bytes, &key->length, sizeof(uint32_t));
    memcpy(bytes + sizeof(uint32_t), vec_string_data(key), key->length);
    memcpy(bytes + sizeof(uint32_t) + key->length, vec_string_data(value), value->length);
    ret->value.s = vec_string(bytes, (uint32_t)n);
    return 0;
}

static int do_keyed_value(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    const VecString *s = &args[0].value.s;
    const char *bytes = vec_string_data(s);
    uint32_t key;
    memcpy(&key, bytes, sizeof(key));
    uint32_t from = (uint32_t)sizeof(key) + key, n = s->length - from;
    char *copy = mem_arena_alloc(c->arena, n, 1); /* @s may hold its bytes itself */
    if (!copy)
        return mem_arena_error(c->arena);
    memcpy(copy, bytes + from, n);
    ret->value.s = vec_string(copy, n);
    return 0;
}

/* ---- mode ---- */

/* array, int: 0 any, 1 the least, 2 the greatest of the values that are there most often */
static int do_mode(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type element = c->types[0].children[0].type;
    int32_t which = args[1].value.i32;
    NestedItem *items = NULL;
    uint32_t n = 0;
    int r = nested_unpack(c, element, &args[0].value.s, &items, &n);
    NestedItem *scratch = r == 0 ? nested_items(c, n) : NULL;
    if (!scratch)
        return r ? r : mem_arena_error(c->arena);
    ret->is_null = n == 0;
    nested_sort(element, items, scratch, n, which == 2, true);
    uint32_t best = 0, best_n = 0;
    for (uint32_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && nested_compare(element, &items[i].value, &items[k].value) == 0;)
            k++;
        if (k - i > best_n) {
            best = i;
            best_n = k - i;
        }
    }
    if (n > 0)
        ret->value = items[best].value;
    return 0;
}

/* ---- percentiles ---- */

static double as_double(Type type, const NestedValue *value)
{
    switch (type_phys(type)) {
    case PHYS_BOOL:
    case PHYS_I8:
        return value->i8;
    case PHYS_I16:
        return value->i16;
    case PHYS_I32:
        return value->i32;
    case PHYS_I64:
        return type.kind == TYPE_DECIMAL ? dec_to_double(value->i64, type.scale)
                                         : (double)value->i64;
    case PHYS_F32:
        return (double)value->f32;
    case PHYS_F64:
        return value->f64;
    default:
        return dec_to_double(value->i128, type.kind == TYPE_DECIMAL ? type.scale : 0);
    }
}

/* A number as Java's narrowing casts make it. */
static int64_t to_integer(double x, int64_t min, int64_t max)
{
    if (isnan(x))
        return 0;
    if (x <= (double)min)
        return min;
    return x >= (double)max ? max : (int64_t)x;
}

static void of_double(Type type, double x, NestedValue *ret)
{
    switch (type_phys(type)) {
    case PHYS_BOOL:
    case PHYS_I8:
        ret->i8 = (int8_t)to_integer(x, INT32_MIN, INT32_MAX);
        break;
    case PHYS_I16:
        ret->i16 = (int16_t)to_integer(x, INT32_MIN, INT32_MAX);
        break;
    case PHYS_I32:
        ret->i32 = (int32_t)to_integer(x, INT32_MIN, INT32_MAX);
        break;
    case PHYS_F32:
        ret->f32 = (float)x;
        break;
    case PHYS_F64:
        ret->f64 = x;
        break;
    case PHYS_I64:
        if (type.kind != TYPE_DECIMAL) {
            ret->i64 = to_integer(x, INT64_MIN, INT64_MAX);
            break;
        }
        ret->i64 = (int64_t)llround(x * pow(10, type.scale));
        break;
    default:
        ret->i128 = (__int128)roundl((long double)x * powl(10, type.scale));
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return x < y ? -1 : x > y;
}

typedef struct Weighed {
    double value;
    int64_t n; /* rows with it; then those with all values up to it */
} Weighed;

_Static_assert(offsetof(Weighed, value) == 0, "compared by what is in front");

static int compare_weighed_down(const void *a, const void *b)
{
    return compare_doubles(b, a);
}

/* The values of the array with their frequencies. Return: 0; QUERY_E_FAILED; MEM_E_*. */
static int weigh(NestedCall *c, const NestedItem *array, Weighed **ret, uint32_t *ret_n)
{
    Type element = c->types[0].children[0].type;
    bool pairs = element.kind == TYPE_STRUCT;
    uint32_t n = nested_count(&array->value.s), k = 0;
    Weighed *list = mem_arena_alloc(c->arena, sizeof(*list) * (n + 1ull), 16);
    if (!list)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item, value = {0}, frequency = {.value.i64 = 1};
        nested_element(element, &array->value.s, i, &item);
        if (pairs) {
            nested_field(element, &item.value.s, 0, &value);
            nested_field(element, &item.value.s, 1, &frequency);
        }
        if (frequency.value.i64 < 0)
            return nested_fail_value(c, "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION", "22003",
                                     "Found a negative value of the frequency, but expected a "
                                     "positive integral value.");
        list[k] = (Weighed){as_double(pairs ? element.children[0].type : element,
                                      pairs ? &value.value : &item.value),
                            frequency.value.i64};
        k += frequency.value.i64 > 0;
    }
    *ret = list;
    *ret_n = k;
    return 0;
}

/* The first value with at least @n rows up to it. */
static double at_rank(const Weighed *list, uint32_t n_list, int64_t n)
{
    uint32_t low = 0, high = n_list - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list[middle].n >= n)
            high = middle;
        else
            low = middle + 1;
    }
    return list[low].value;
}

static double percentile_of(const Weighed *list, uint32_t n, double p, bool disc)
{
    int64_t total = list[n - 1].n;
    if (disc)
        return at_rank(list, n, (int64_t)ceil((double)total * p));
    double position = (double)(total - 1) * p;
    int64_t lower = (int64_t)floor(position), higher = (int64_t)ceil(position);
    double a = at_rank(list, n, lower + 1);
    if (higher == lower)
        return a;
    double b = at_rank(list, n, higher + 1);
    if (compare_doubles(&a, &b) == 0)
        return a;
    return ((double)higher - position) * a + (position - (double)lower) * b;
}

/* One result, or an array of them: whichever the percentages are. */
typedef double (*Quantile)(const void *userdata, double p);

static int for_percentages(NestedCall *c, const NestedItem *percentages, Type of, Quantile quantile,
                           const void *userdata, NestedItem *ret)
{
    if (c->types[1].kind != TYPE_ARRAY) {
        of_double(of, quantile(userdata, percentages->value.f64), &ret->value);
        return 0;
    }
    uint32_t n = nested_count(&percentages->value.s);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    ret->is_null = n == 0;
    for (uint32_t i = 0; i < n; i++) {
        NestedItem p;
        nested_element(TYPE(DOUBLE), &percentages->value.s, i, &p);
        items[i] = (NestedItem){0};
        of_double(of, quantile(userdata, p.value.f64), &items[i].value);
    }
    return nested_array(c->arena, of, items, n, &ret->value.s);
}

typedef struct Exact {
    const Weighed *list;
    uint32_t n;
    bool disc;
} Exact;

static double exact_quantile(const void *userdata, double p)
{
    const Exact *x = userdata;
    return percentile_of(x->list, x->n, p, x->disc);
}

/* array of values, or of (value, frequency); percentages; int: 1 a value that is there, 2 from the
 * greatest down */
static int do_percentile(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    int32_t flags = args[2].value.i32;
    Type of = c->step->type.kind == TYPE_ARRAY ? c->step->type.children[0].type : c->step->type;
    Weighed *list = NULL;
    uint32_t n = 0;
    int r = weigh(c, &args[0], &list, &n);
    if (r)
        return r;
    if (n == 0) {
        ret->is_null = true;
        return 0;
    }
    qsort(list, n, sizeof(*list), flags & 2 ? compare_weighed_down : compare_doubles);
    for (uint32_t i = 1; i < n; i++)
        if (__builtin_add_overflow(list[i].n, list[i - 1].n, &list[i].n))
            list[i].n = INT64_MAX;
    Exact x = {list, n, flags & 1};
    return for_percentages(c, &args[1], of, exact_quantile, &x, ret);
}

/* ---- approximate percentiles: Greenwald and Khanna, in Spark's steps ---- */

#define HEAD_VALUES 50000u
#define SAMPLES_KEPT 10000u

typedef struct Sample {
    double value;
    int64_t g, delta;
} Sample;

typedef struct Summary {
    Sample *samples, *other; /* room for all that @n can become */
    uint32_t n;
    int64_t count;
    double error;
} Summary;

/* @values, sorted, among the samples. */
static void summary_insert(Summary *s, const double *values, uint32_t n)
{
    uint32_t at = 0, k = 0;
    for (uint32_t i = 0; i < n; i++) {
        while (at < s->n && compare_doubles(&s->samples[at].value, &values[i]) <= 0)
            s->other[k++] = s->samples[at++];
        s->count++;
        bool border = k == 0 || (at == s->n && i == n - 1);
        int64_t delta = border ? 0 : (int64_t)floor(2.0 * s->error * (double)s->count);
        s->other[k++] = (Sample){values[i], 1, delta};
    }
    while (at < s->n)
        s->other[k++] = s->samples[at++];
    Sample *old = s->samples;
    s->samples = s->other;
    s->other = old;
    s->n = k;
}

/* From the greatest down: what may be one sample becomes one. The ends stay. */
static void summary_compress(Summary *s)
{
    double threshold = 2 * s->error * (double)s->count;
    if (s->n == 0)
        return;
    uint32_t k = s->n; /* kept ones go to the end */
    Sample head = s->samples[s->n - 1], first = s->samples[0];
    for (uint32_t i = s->n - 1; i-- > 1;) {
        const Sample *x = &s->samples[i];
        if ((double)(x->g + head.g + head.delta) < threshold) {
            head.g += x->g;
        } else {
            s->other[--k] = head;
            head = *x;
        }
    }
    s->other[--k] = head;
    if (first.value <= head.value && s->n > 1)
        s->other[--k] = first;
    s->n -= k;
    memmove(s->samples, s->other + k, sizeof(Sample) * s->n);
}

static double summary_quantile(const void *userdata, double p)
{
    const Summary *s = userdata;
    int64_t widest = 0;
    if (p <= s->error || s->n == 1)
        return s->samples[0].value;
    if (p >= 1 - s->error)
        return s->samples[s->n - 1].value;
    for (uint32_t i = 0; i < s->n; i++)
        widest = MAX(widest, s->samples[i].g + s->samples[i].delta);
    double slack = (double)widest / 2, rank = ceil(p * (double)s->count);
    int64_t low = s->samples[0].g;
    for (uint32_t i = 0; i + 1 < s->n; i++) {
        if ((double)(low + s->samples[i].delta) - slack <= rank && rank <= (double)low + slack)
            return s->samples[i].value;
        low += s->samples[i + 1].g;
    }
    return s->samples[s->n - 1].value;
}

/* array, percentages, double: the error */
static int do_percentile_approx(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type of = c->types[0].children[0].type;
    uint32_t n = nested_count(&args[0].value.s);
    if (n == 0) {
        ret->is_null = true;
        return 0;
    }
    Summary s = {.error = args[2].value.f64};
    double *head = mem_arena_alloc(c->arena, sizeof(double) * MIN(n, HEAD_VALUES), 8);
    s.samples = mem_arena_alloc(c->arena, sizeof(Sample) * ((uint64_t)n + 1), 8);
    s.other = mem_arena_alloc(c->arena, sizeof(Sample) * ((uint64_t)n + 1), 8);
    if (!head || !s.samples || !s.other)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0, k = 0; i < n; i++) {
        NestedItem item;
        nested_element(of, &args[0].value.s, i, &item);
        head[k++] = as_double(of, &item.value);
        if (k < HEAD_VALUES && i + 1 < n)
            continue;
        qsort(head, k, sizeof(double), compare_doubles);
        summary_insert(&s, head, k);
        if (k == HEAD_VALUES && s.n >= SAMPLES_KEPT)
            summary_compress(&s);
        k = 0;
    }
    summary_compress(&s);
    return for_percentages(c, &args[1], of, summary_quantile, &s, ret);
}

/* ---- listagg ---- */

/* Two structs by their first fields. @orders: per field 'a' or 'd', then nulls 'f' or 'l'. */
static int compare_ordered(Type type, const NestedItem *a, const NestedItem *b, const char *orders,
                           uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        NestedItem x, y;
        nested_field(type, &a->value.s, k, &x);
        nested_field(type, &b->value.s, k, &y);
        if (x.is_null || y.is_null) {
            if (x.is_null != y.is_null)
                return x.is_null == (orders[2 * k + 1] == 'f') ? -1 : 1;
            continue;
        }
        int order = nested_compare(type.children[k].type, &x.value, &y.value);
        if (order != 0)
            return orders[2 * k] == 'd' ? -order : order;
    }
    return 0;
}

/* By halves; stable. */
static void sort_ordered(Type type, NestedItem *items, NestedItem *scratch, uint32_t n,
                         const char *orders, uint32_t n_orders)
{
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t at = 0; at < n; at += 2 * width) {
            uint64_t i = at, middle = MIN(at + width, (uint64_t)n), k = at;
            uint64_t j = middle, end = MIN(at + 2 * width, (uint64_t)n);
            while (i < middle || j < end) {
                bool left = j == end || (i < middle && compare_ordered(type, &items[i], &items[j],
                                                                       orders, n_orders) <= 0);
                scratch[k++] = items[left ? i++ : j++];
            }
        }
        memcpy(items, scratch, sizeof(*items) * n);
    }
}

/* array of structs, the text last; delimiter; string: the orders of the fields before it */
static int do_listagg(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type element = c->types[0].children[0].type;
    uint32_t last = element.n_children - 1, n = 0;
    NestedItem *items = NULL;
    int r = nested_unpack(c, element, &args[0].value.s, &items, &n);
    NestedItem *scratch = r == 0 ? nested_items(c, n) : NULL;
    if (!scratch)
        return r ? r : mem_arena_error(c->arena);
    ret->is_null = n == 0;
    if (n == 0)
        return 0;
    sort_ordered(element, items, scratch, n, vec_string_data(&args[2].value.s),
                 args[2].value.s.length / 2);
    const VecString *between = &args[1].value.s;
    uint64_t bytes = (uint64_t)between->length * (n - 1);
    for (uint32_t i = 0; i < n; i++) {
        nested_field(element, &items[i].value.s, last, &scratch[i]);
        bytes += scratch[i].value.s.length;
    }
    if (bytes > INT32_MAX)
        return -EMSGSIZE;
    char *text = mem_arena_alloc(c->arena, bytes + 1, 1), *to = text;
    if (!text)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) {
            memcpy(to, vec_string_data(between), between->length);
            to += between->length;
        }
        memcpy(to, vec_string_data(&scratch[i].value.s), scratch[i].value.s.length);
        to += scratch[i].value.s.length;
    }
    ret->value.s = vec_string(text, (uint32_t)bytes);
    return 0;
}

/* ---- histogram_numeric ---- */

typedef struct Bin {
    double x, y;
} Bin;

/* java.util.Random: which of several equal gaps is closed depends on it. */
static double random_double(uint64_t *seed)
{
    const uint64_t mask = (UINT64_C(1) << 48) - 1;
    *seed = (*seed * UINT64_C(0x5DEECE66D) + 11) & mask;
    uint64_t high = *seed >> 22;
    *seed = (*seed * UINT64_C(0x5DEECE66D) + 11) & mask;
    return (double)((high << 27) + (*seed >> 21)) * 0x1p-53;
}

/* The two closest bins become one. */
static void close_gap(Bin *bins, uint32_t n, uint64_t *seed)
{
    double least = bins[1].x - bins[0].x;
    uint32_t at = 0, equal = 1;
    for (uint32_t i = 1; i + 1 < n; i++) {
        double gap = bins[i + 1].x - bins[i].x;
        if (gap < least) {
            least = gap;
            at = i;
            equal = 1;
        } else if (gap == least && random_double(seed) <= 1.0 / ++equal) {
            at = i;
        }
    }
    double y = bins[at].y + bins[at + 1].y;
    bins[at] = (Bin){bins[at].x * (bins[at].y / y) + bins[at + 1].x / y * bins[at + 1].y, y};
    memmove(&bins[at + 1], &bins[at + 2], sizeof(Bin) * (n - at - 2));
}

/* array, int: bins */
static int do_histogram(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type of = c->types[0].children[0].type, record = c->step->type.children[0].type;
    uint32_t n = nested_count(&args[0].value.s), k = 0;
    uint32_t most = (uint32_t)args[1].value.i32;
    uint64_t seed = (UINT64_C(31183) ^ UINT64_C(0x5DEECE66D)) & ((UINT64_C(1) << 48) - 1);
    Bin *bins = mem_arena_alloc(c->arena, sizeof(Bin) * (MIN(n, most) + 2ull), 16);
    if (!bins)
        return mem_arena_error(c->arena);
    ret->is_null = n == 0;
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item;
        nested_element(of, &args[0].value.s, i, &item);
        double x = as_double(of, &item.value);
        uint32_t low = 0, high = k;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (compare_doubles(&bins[middle].x, &x) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < k && bins[low].x == x) {
            bins[low].y++;
            continue;
        }
        memmove(&bins[low + 1], &bins[low], sizeof(Bin) * (k - low));
        bins[low] = (Bin){x, 1};
        if (++k > most)
            close_gap(bins, k--, &seed);
    }
    NestedItem *items = nested_items(c, k);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < k; i++) {
        NestedItem fields[2] = {{{0}}, {{0}}};
        of_double(of, bins[i].x, &fields[0].value);
        fields[1].value.f64 = bins[i].y;
        items[i] = (NestedItem){0};
        int r = nested_record(c->arena, record, fields, &items[i].value.s);
        if (r)
            return r;
    }
    return nested_array(c->arena, record, items, k, &ret->value.s);
}

/*
 * array of structs of one value, int: the values whose counters are left when each value that finds
 * none free lowers all of them (Karp, Shenker and Papadimitriou, 2003): all that are more frequent
 * than one in so many.
 */
static int do_frequent(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type record = c->types[0].children[0].type, of = record.children[0].type;
    uint32_t n = nested_count(&args[0].value.s), most = (uint32_t)args[1].value.i32, k = 0;
    NestedItem *items = nested_items(c, most);
    int64_t *counts = mem_arena_alloc(c->arena, sizeof(*counts) * (most + 1ull), 16);
    if (!items || !counts)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem whole, item;
        uint32_t at = 0;
        nested_element(record, &args[0].value.s, i, &whole);
        nested_field(record, &whole.value.s, 0, &item);
        while (at < k && nested_compare_items(of, &items[at], &item) != 0)
            at++;
        if (at < k) {
            counts[at]++;
        } else if (k < most) {
            items[k] = item;
            counts[k++] = 1;
        } else {
            uint32_t left = 0;
            for (at = 0; at < k; at++) {
                if (counts[at] == 1)
                    continue;
                items[left] = items[at];
                counts[left++] = counts[at] - 1;
            }
            k = left;
        }
    }
    return nested_array(c->arena, of, items, k, &ret->value.s);
}

#define BITMAP_BYTES 4096u

/* array of positions, or of bitmaps */
static int do_bitmap(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type of = c->types[0].children[0].type;
    uint32_t n = nested_count(&args[0].value.s);
    uint8_t *bits = mem_arena_zalloc(c->arena, BITMAP_BYTES, 16);
    if (!bits)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem item;
        nested_element(of, &args[0].value.s, i, &item);
        if (item.is_null)
            continue;
        if (of.kind != TYPE_LONG) {
            const uint8_t *other = (const uint8_t *)vec_string_data(&item.value.s);
            for (uint32_t k = 0; k < MIN(item.value.s.length, BITMAP_BYTES); k++)
                bits[k] |= other[k];
            continue;
        }
        int64_t at = item.value.i64;
        if (at < 0 || at >= BITMAP_BYTES * 8)
            return query_error_set(c->s->error, DATA_ERROR_INDEX, "INVALID_BITMAP_POSITION",
                                   "22003",
                                   "The 0-indexed bitmap position %lld is out of bounds. The "
                                   "bitmap has %u bits (%u bytes).",
                                   (long long)at, BITMAP_BYTES * 8, BITMAP_BYTES);
        bits[at / 8] |= (uint8_t)(1u << at % 8);
    }
    ret->value.s = vec_string((const char *)bits, BITMAP_BYTES);
    return 0;
}

NestedRowFunction nested_aggregate_function(FunctionId id, bool *ret_nulls)
{
    *ret_nulls = false;
    switch (id) {
    case FN_PAIR:
        return do_pair;
    case FN_KEYED:
        return do_keyed;
    case FN_KEYED_VALUE:
        return do_keyed_value;
    case FN_MODE:
        return do_mode;
    case FN_BEST:
        return nested_best;
    case FN_PERCENTILE:
        return do_percentile;
    case FN_PERCENTILE_APPROX:
        return do_percentile_approx;
    case FN_LISTAGG:
        return do_listagg;
    case FN_HISTOGRAM:
        return do_histogram;
    case FN_FREQUENT:
        return do_frequent;
    case FN_BITMAP:
        return do_bitmap;
    default:
        return NULL;
    }
}
