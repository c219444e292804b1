/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the reader keeps of a schema beside its ArrowFields: how each of them lies on the wire. */

#include "connect/arrow/arrow.h"
#include "connect/arrow/flatbuffer_internal.h"

typedef struct ArrowNode ArrowNode;

/* The twin of the ArrowField at the same place. */
struct ArrowNode {
    uint8_t wire;  /* WIRE_* of the values */
    uint8_t width; /* INT, FLOAT, DECIMAL, DATE, INTERVAL, TIME: bytes of a value */
    uint8_t unit;  /* TIMESTAMP, DURATION, INTERVAL */
    bool is_signed;
    bool is_dense; /* UNION */
    uint32_t size; /* FIXED_SIZE_*: bytes or elements */
    /* Dictionary-encoded: a batch holds indices, the rest is about the dictionary's values. */
    bool is_encoded, index_signed;
    uint8_t index_width;
    int64_t id;
    const ArrowNode *children;
    uint32_t n_children;
};

struct ArrowSchema {
    const ArrowField *fields;
    const ArrowNode *nodes; /* [n_fields] */
    uint32_t n_fields, n_dictionaries;
    struct ArrowSlot {
        const ArrowField *field;
        const ArrowNode *node;
    } slots[ARROW_DICTIONARIES_MAX];
};

int arrow_refuse(ArrowReason *reason, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* -EBADMSG, with what was malformed. */
int arrow_malformed(ArrowReason *reason, const char *what);

/* Reads the table Schema. As arrow_schema_read(). */
int arrow_schema_of(const FlatTable *table, ArrowForms forms, ArrowMemory memory,
                    ArrowSchema **ret_schema, ArrowReason *reason);
/* The table RecordBatch of a message. 0; -EBADMSG. */
int arrow_batch_table(const ArrowMessage *message, FlatTable *ret);

static inline void *arrow_take(ArrowMemory memory, size_t n_items, size_t item_size)
{
    size_t n_bytes;

    if (__builtin_mul_overflow(n_items, item_size, &n_bytes))
        return NULL;
    return memory.take(memory.userdata, n_bytes);
}
