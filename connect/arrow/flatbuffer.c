/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/arrow/flatbuffer_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define VTABLE_SLOTS_MAX 16u

void flat_store(FlatWriter *w, size_t at, uint64_t value, size_t size)
{
    if (!w->data)
        return;
    for (size_t i = 0; i < size; i++)
        w->data[at + i] = (uint8_t)(value >> (8 * i));
}

/* Zero bytes up to a position p with p % align == rest. */
static void pad(FlatWriter *w, size_t align, size_t rest)
{
    while (w->n_bytes % align != rest) {
        flat_store(w, w->n_bytes, 0, 1);
        w->n_bytes++;
    }
}

size_t flat_put_table(FlatWriter *w, FlatSlot *slots, size_t n_slots)
{
    assert(n_slots <= VTABLE_SLOTS_MAX);
    uint16_t place[VTABLE_SLOTS_MAX] = {0};
    uint16_t n_table = 4;

    /* Largest first: the table starts at 4 modulo 8, so its first field is aligned for 8 bytes. */
    for (uint8_t size = 8; size > 0; size /= 2) {
        for (size_t i = 0; i < n_slots; i++) {
            if (slots[i].size != size)
                continue;
            place[i] = n_table;
            n_table += size;
        }
    }

    pad(w, 2, 0);
    size_t vtable = w->n_bytes;
    flat_store(w, vtable, 4 + 2 * n_slots, 2);
    flat_store(w, vtable + 2, n_table, 2);
    for (size_t i = 0; i < n_slots; i++)
        flat_store(w, vtable + 4 + 2 * i, place[i], 2);
    w->n_bytes += 4 + 2 * n_slots;

    pad(w, 8, 4);
    size_t table = w->n_bytes;
    flat_store(w, table, table - vtable, 4);
    for (size_t i = 0; i < n_slots; i++) {
        if (slots[i].size == 0)
            continue;
        slots[i].at = table + place[i];
        flat_store(w, slots[i].at, slots[i].value, slots[i].size);
    }
    w->n_bytes += n_table;
    return table;
}

size_t flat_put_string(FlatWriter *w, const char *text)
{
    size_t n = strlen(text);
    pad(w, 4, 0);
    size_t at = w->n_bytes;
    flat_store(w, at, n, 4);
    if (w->data)
        memcpy(w->data + at + 4, text, n + 1);
    w->n_bytes += 4 + n + 1;
    return at;
}

size_t flat_put_vector(FlatWriter *w, uint32_t n_items, size_t item_size, size_t align)
{
    pad(w, align, align == 8 ? 4 : 0);
    size_t at = w->n_bytes;
    flat_store(w, at, n_items, 4);
    if (w->data)
        memset(w->data + at + 4, 0, n_items * item_size);
    w->n_bytes += 4 + n_items * item_size;
    return at;
}

void flat_fill(FlatWriter *w, size_t at, size_t target)
{
    assert(target > at);
    flat_store(w, at, target - at, 4);
}

/* ---- reading ---- */

static bool inside(FlatBuffer b, size_t at, size_t n)
{
    return at <= b.n_bytes && n <= b.n_bytes - at;
}

static uint64_t load(FlatBuffer b, size_t at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)b.data[at + i] << (8 * i);
    return value;
}

static int table_at(FlatBuffer b, size_t at, FlatTable *ret)
{
    if (!inside(b, at, 4))
        return -EBADMSG;
    int64_t vtable = (int64_t)at - (int32_t)load(b, at, 4);
    if (vtable < 0 || !inside(b, (size_t)vtable, 4))
        return -EBADMSG;
    FlatTable t = {.buffer = b,
                   .at = at,
                   .vtable = (size_t)vtable,
                   .n_vtable = (uint16_t)load(b, (size_t)vtable, 2),
                   .n_table = (uint16_t)load(b, (size_t)vtable + 2, 2)};
    if (t.n_vtable < 4 || t.n_vtable % 2 || !inside(b, t.vtable, t.n_vtable) || t.n_table < 4 ||
        !inside(b, at, t.n_table))
        return -EBADMSG;
    *ret = t;
    return 0;
}

/* Follows the offset at @at, which lies inside. */
static int follow(FlatBuffer b, size_t at, size_t *ret_target)
{
    size_t distance = (size_t)load(b, at, 4);
    if (distance == 0 || !inside(b, at, distance))
        return -EBADMSG;
    *ret_target = at + distance;
    return 0;
}

/* Return: 1 and the place of a slot of @size bytes, 0 absent, -EBADMSG. */
static int slot_at(const FlatTable *t, unsigned slot, size_t size, size_t *ret_at)
{
    size_t entry = 4 + 2 * (size_t)slot;
    if (entry + 2 > t->n_vtable)
        return 0;
    size_t offset = (size_t)load(t->buffer, t->vtable + entry, 2);
    if (offset == 0)
        return 0;
    if (offset < 4 || offset + size > t->n_table)
        return -EBADMSG;
    *ret_at = t->at + offset;
    return 1;
}

int flat_read_root(FlatBuffer buffer, FlatTable *ret_table)
{
    size_t target;
    if (!inside(buffer, 0, 4) || follow(buffer, 0, &target) < 0)
        return -EBADMSG;
    return table_at(buffer, target, ret_table);
}

int flat_read_table(const FlatTable *t, unsigned slot, FlatTable *ret_table)
{
    size_t at, target;
    int r = slot_at(t, slot, 4, &at);
    if (r <= 0)
        return r < 0 ? r : -ENODATA;
    if (follow(t->buffer, at, &target) < 0)
        return -EBADMSG;
    return table_at(t->buffer, target, ret_table);
}

int flat_read_vector(const FlatTable *t, unsigned slot, size_t item_size, FlatVector *ret_vector)
{
    size_t at, target;
    int r = slot_at(t, slot, 4, &at);
    if (r < 0)
        return r;
    if (r == 0) {
        *ret_vector = (FlatVector){.buffer = t->buffer};
        return 0;
    }
    if (follow(t->buffer, at, &target) < 0 || !inside(t->buffer, target, 4))
        return -EBADMSG;
    FlatVector v = {
        .buffer = t->buffer, .at = target + 4, .n_items = (uint32_t)load(t->buffer, target, 4)};
    if ((uint64_t)v.n_items * item_size > t->buffer.n_bytes - v.at)
        return -EBADMSG;
    *ret_vector = v;
    return 0;
}

int flat_read_item_table(const FlatVector *v, uint32_t i, FlatTable *ret_table)
{
    size_t target;
    assert(i < v->n_items);
    if (follow(v->buffer, v->at + 4 * (size_t)i, &target) < 0)
        return -EBADMSG;
    return table_at(v->buffer, target, ret_table);
}

int flat_read_string(const FlatTable *t, unsigned slot, const char **ret_text, size_t *ret_n_bytes)
{
    FlatVector v;
    int r = flat_read_vector(t, slot, 1, &v);
    if (r < 0)
        return r;
    *ret_text = v.at ? (const char *)v.buffer.data + v.at : NULL;
    *ret_n_bytes = v.n_items;
    return 0;
}

bool flat_has(const FlatTable *t, unsigned slot)
{
    size_t at;
    return slot_at(t, slot, 1, &at) != 0;
}

static int read_scalar(const FlatTable *t, unsigned slot, size_t size, uint64_t fallback,
                       uint64_t *ret)
{
    size_t at;
    int r = slot_at(t, slot, size, &at);
    if (r < 0)
        return r;
    *ret = r > 0 ? load(t->buffer, at, size) : fallback;
    return 0;
}

#define DEFINE_READ(name, type)                                                                    \
    int flat_read_##name(const FlatTable *t, unsigned slot, type fallback, type *ret_value)        \
    {                                                                                              \
        uint64_t value;                                                                            \
        int r = read_scalar(t, slot, sizeof(type), (uint64_t)fallback, &value);                    \
        if (r < 0)                                                                                 \
            return r;                                                                              \
        *ret_value = (type)value;                                                                  \
        return 0;                                                                                  \
    }
DEFINE_READ(u8, uint8_t)
DEFINE_READ(i16, int16_t)
DEFINE_READ(i32, int32_t)
DEFINE_READ(i64, int64_t)

int64_t flat_item_i64(const FlatVector *v, uint32_t i, size_t item_size, size_t offset)
{
    assert(i < v->n_items);
    return (int64_t)load(v->buffer, v->at + i * item_size + offset, 8);
}
