/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Values whose form on the wire is not the one that columns have. */

#include "connect/arrow/format_internal.h"
#include "connect/arrow/schema_internal.h"

typedef struct ArrowConvert {
    ArrowMemory memory;
    ArrowReason *reason;
} ArrowConvert;

/* Bytes of one value on the wire, of types with neither offsets nor bits. */
size_t arrow_node_width(const ArrowNode *node);
/**
 * arrow_convert() - c->data from the wire's form into that of f->type
 * It has c->length values of arrow_node_width(). Where the forms are one, nothing is done.
 * Return: 0; -EBADMSG for a value that our form cannot hold; -ENOMEM.
 */
int arrow_convert(ArrowConvert *convert, const ArrowField *f, const ArrowNode *node,
                  ArrowColumn *c);
