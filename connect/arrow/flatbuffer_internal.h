/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * As much of FlatBuffers as Arrow's metadata needs.
 *
 * Writing goes forward, parents before children: offsets in FlatBuffers point forward only, so a
 * table is written with holes and each hole is filled when its target has its place. A FlatWriter
 * without memory only counts; the same calls then write into memory of exactly that size, so
 * nothing can fail.
 *
 * Reading checks each position against the buffer before it is used.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FlatWriter {
    uint8_t *data; /* NULL: count only */
    size_t n_bytes;
} FlatWriter;

/* One slot of a table: @size 0 (absent), 1, 2, 4 or 8 bytes. Offsets have size 4 and value 0. */
typedef struct FlatSlot {
    uint8_t size;
    uint64_t value;
    size_t at; /* out: where it was put */
} FlatSlot;

#define FLAT_OFFSET                                                                                \
    {                                                                                              \
        .size = 4                                                                                  \
    }

/* Return: position of the table, for flat_fill(). */
size_t flat_put_table(FlatWriter *w, FlatSlot *slots, size_t n_slots);
size_t flat_put_string(FlatWriter *w, const char *text);
/* Reserves zeroed elements; the first lies at the returned position + 4. @align: 4 or 8. */
size_t flat_put_vector(FlatWriter *w, uint32_t n_items, size_t item_size, size_t align);
/* The offset at @at points to @target, which was put later. */
void flat_fill(FlatWriter *w, size_t at, size_t target);
void flat_store(FlatWriter *w, size_t at, uint64_t value, size_t size);

typedef struct FlatBuffer {
    const uint8_t *data;
    size_t n_bytes;
} FlatBuffer;

typedef struct FlatTable {
    FlatBuffer buffer;
    size_t at, vtable;
    uint16_t n_vtable, n_table;
} FlatTable;

typedef struct FlatVector {
    FlatBuffer buffer;
    size_t at; /* of the first element */
    uint32_t n_items;
} FlatVector;

/* All of these return 0 or -EBADMSG; absent values give the default, absent tables -ENODATA. */
int flat_read_root(FlatBuffer buffer, FlatTable *ret_table);
int flat_read_table(const FlatTable *t, unsigned slot, FlatTable *ret_table);
/* @item_size: the vector must lie in the buffer. Absent: no items. */
int flat_read_vector(const FlatTable *t, unsigned slot, size_t item_size, FlatVector *ret_vector);
/* The table that element @i of a vector of offsets points to. */
int flat_read_item_table(const FlatVector *v, uint32_t i, FlatTable *ret_table);
/* Not NUL-terminated. Absent: @ret_text NULL. */
int flat_read_string(const FlatTable *t, unsigned slot, const char **ret_text, size_t *ret_n_bytes);
int flat_read_u8(const FlatTable *t, unsigned slot, uint8_t fallback, uint8_t *ret_value);
int flat_read_i16(const FlatTable *t, unsigned slot, int16_t fallback, int16_t *ret_value);
int flat_read_i32(const FlatTable *t, unsigned slot, int32_t fallback, int32_t *ret_value);
int flat_read_i64(const FlatTable *t, unsigned slot, int64_t fallback, int64_t *ret_value);
bool flat_has(const FlatTable *t, unsigned slot);
int64_t flat_item_i64(const FlatVector *v, uint32_t i, size_t item_size, size_t offset);
