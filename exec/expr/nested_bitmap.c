/* SPDX-License-Identifier: Apache-2.0 */

/* bitmap_and_agg(): 32,768 bits, of which those remain that are set in all bitmaps of a group. */

#include <string.h>

#include "exec/expr/nested_sketch.h"

#define BITMAP_BYTES 4096u

int nested_bitmap_and(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    const VecString *bitmaps = &args[1].value.s;
    Type element = c->types[1].children[0].type;
    char *bits = mem_arena_alloc(c->arena, BITMAP_BYTES, 8);
    if (!bits)
        return mem_arena_error(c->arena);
    memset(bits, 0xFF, BITMAP_BYTES);
    for (uint32_t i = 0, n = nested_count(bitmaps); i < n; i++) {
        NestedItem item;
        nested_element(element, bitmaps, i, &item);
        if (item.is_null)
            continue;
        /* Bytes that a shorter one does not have are zero. */
        const char *at = vec_string_data(&item.value.s);
        for (uint32_t k = 0; k < BITMAP_BYTES; k++)
            bits[k] &= k < item.value.s.length ? at[k] : 0;
    }
    ret->value.s = vec_string(bits, BITMAP_BYTES);
    return 0;
}
