/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/cleanup.h"
#include "exec/write/parquet_leaf.h"

/* Minima and maxima, in the order that parquet.thrift defines for each type: numbers as numbers,
 * byte arrays as unsigned bytes. */

static int compare_bytes(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
    int c = memcmp(a, b, MIN(n_a, n_b));
    return c ? c : n_a < n_b ? -1 : n_a > n_b;
}

static int compare_values(Type type, const NestedValue *a, const NestedValue *b)
{
    switch (type_phys(type)) {
    case PHYS_BOOL:
        return (a->b > b->b) - (a->b < b->b);
    case PHYS_I8:
        return (a->i8 > b->i8) - (a->i8 < b->i8);
    case PHYS_I16:
        return (a->i16 > b->i16) - (a->i16 < b->i16);
    case PHYS_I32:
        return (a->i32 > b->i32) - (a->i32 < b->i32);
    case PHYS_I64:
        return (a->i64 > b->i64) - (a->i64 < b->i64);
    case PHYS_I128:
        return (a->i128 > b->i128) - (a->i128 < b->i128);
    case PHYS_F32:
        return (a->f32 > b->f32) - (a->f32 < b->f32);
    default:
        return (a->f64 > b->f64) - (a->f64 < b->f64);
    }
}

int bounds_compare_min(const Leaf *leaf, const LeafBounds *a, const LeafBounds *b)
{
    return leaf->physical == PARQUET_BYTE_ARRAY
               ? compare_bytes(a->min_bytes, a->n_min, b->min_bytes, b->n_min)
               : compare_values(leaf->type, &a->min, &b->min);
}

int bounds_compare_max(const Leaf *leaf, const LeafBounds *a, const LeafBounds *b)
{
    return leaf->physical == PARQUET_BYTE_ARRAY
               ? compare_bytes(a->max_bytes, a->n_max, b->max_bytes, b->n_max)
               : compare_values(leaf->type, &a->max, &b->max);
}

static void take_min(LeafBounds *to, const LeafBounds *from)
{
    to->min = from->min;
    to->cut_min = from->cut_min;
    to->n_min = from->n_min;
    memcpy(to->min_bytes, from->min_bytes, from->n_min);
}

static void take_max(LeafBounds *to, const LeafBounds *from)
{
    to->max = from->max;
    to->cut_max = from->cut_max;
    to->n_max = from->n_max;
    memcpy(to->max_bytes, from->max_bytes, from->n_max);
}

void bounds_merge(const Leaf *leaf, LeafBounds *to, const LeafBounds *from)
{
    if (!from->any)
        return;
    int low = to->any ? bounds_compare_min(leaf, from, to) : -1;
    int high = to->any ? bounds_compare_max(leaf, from, to) : 1;
    if (low < 0)
        take_min(to, from);
    else if (low == 0)
        to->cut_min |= from->cut_min;
    if (high > 0)
        take_max(to, from);
    else if (high == 0)
        to->cut_max |= from->cut_max;
    to->any = true;
}

/* Prefixes of the same bytes bound the same values: a value that is cut is known by its first
 * PARQUET_WRITE_BOUND bytes alone. */
static void add_string(LeafBounds *b, const VecString *s)
{
    const uint8_t *data = (const uint8_t *)vec_string_data(s);
    uint8_t n = (uint8_t)MIN(s->length, PARQUET_WRITE_BOUND);
    bool cut = s->length > n;
    int low = b->any ? compare_bytes(data, n, b->min_bytes, b->n_min) : -1;
    int high = b->any ? compare_bytes(data, n, b->max_bytes, b->n_max) : 1;
    if (low < 0) {
        memcpy(b->min_bytes, data, n);
        b->n_min = n;
    }
    if (high > 0) {
        memcpy(b->max_bytes, data, n);
        b->n_max = n;
    }
    b->cut_min = low < 0 ? cut : b->cut_min || (low == 0 && cut);
    b->cut_max = high > 0 ? cut : b->cut_max || (high == 0 && cut);
    b->any = true;
}

void bounds_add(LeafBounds *b, Type type, const NestedValue *value)
{
    switch (type_phys(type)) {
    case PHYS_STRING:
        add_string(b, &value->s);
        return;
    case PHYS_F32:
        if (isnan(value->f32))
            return;
        break;
    case PHYS_F64:
        if (isnan(value->f64))
            return;
        break;
    default:
        break;
    }
    if (!b->any || compare_values(type, value, &b->min) < 0)
        b->min = *value;
    if (!b->any || compare_values(type, value, &b->max) > 0)
        b->max = *value;
    b->any = true;
}

/* Something not below any value that begins with these bytes. Return: its length; -1: none. */
static int next_prefix(bool text, uint8_t *bytes, uint32_t n)
{
    /* Text stays text: only ASCII is counted up, and what stands behind it is dropped. */
    while (n > 0 && bytes[n - 1] >= (text ? 0x7F : 0xFF))
        n--;
    if (n == 0)
        return -1;
    bytes[n - 1]++;
    return (int)n;
}

/* Not within a character. */
static uint32_t whole_characters(const uint8_t *bytes, uint32_t n)
{
    uint32_t at = n;
    while (at > 0 && n - at < 4 && (bytes[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0 || n - at >= 4)
        return n; /* no UTF-8 */
    uint8_t lead = bytes[at - 1];
    uint32_t want = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return n - (at - 1) >= want ? n : at - 1;
}

static int bytes_bound(const Leaf *leaf, const LeafBounds *b, bool max, uint8_t *buf, bool *exact)
{
    uint32_t n = max ? b->n_max : b->n_min;
    bool text = leaf->type.kind == TYPE_STRING;
    memcpy(buf, max ? b->max_bytes : b->min_bytes, n);
    *exact = !(max ? b->cut_max : b->cut_min);
    if (*exact)
        return (int)n;
    if (text)
        n = whole_characters(buf, n);
    return max ? next_prefix(text, buf, n) : (int)n;
}

int leaf_bound(const Leaf *leaf, const LeafBounds *b, bool max, uint8_t buf[PARQUET_WRITE_BOUND],
               bool *ret_exact)
{
    NestedValue v = max ? b->max : b->min;
    *ret_exact = true;
    if (!b->any)
        return -1;
    if (leaf->physical == PARQUET_BYTE_ARRAY)
        return bytes_bound(leaf, b, max, buf, ret_exact);
    int32_t narrow;
    switch (type_phys(leaf->type)) {
    case PHYS_BOOL:
        buf[0] = v.b;
        return 1;
    case PHYS_I8:
        narrow = v.i8;
        break;
    case PHYS_I16:
        narrow = v.i16;
        break;
    case PHYS_I32:
        narrow = v.i32;
        break;
    case PHYS_I64:
        if (leaf->physical != PARQUET_INT32) {
            memcpy(buf, &v.i64, 8);
            return 8;
        }
        narrow = (int32_t)v.i64;
        break;
    case PHYS_I128:
        for (uint32_t i = 0; i < leaf->width; i++)
            buf[i] = (uint8_t)(v.i128 >> 8 * (leaf->width - 1 - i));
        return leaf->width;
    case PHYS_F32: { /* a zero bounds both zeros */
        float f = v.f32 == 0 ? (max ? 0.0f : -0.0f) : v.f32;
        memcpy(buf, &f, 4);
        return 4;
    }
    default: {
        double d = v.f64 == 0 ? (max ? 0.0 : -0.0) : v.f64;
        memcpy(buf, &d, 8);
        return 8;
    }
    }
    memcpy(buf, &narrow, 4);
    return 4;
}
