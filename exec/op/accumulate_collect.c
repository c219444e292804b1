/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/accumulate_collect.h"

#include <errno.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

#define COLLECT_BYTES_MIN 16u

_Static_assert(sizeof(Collected) == 24, "a collected state is a string and a number");

/* @n bytes behind what is there. */
static int append(uint8_t *state, const void *head, uint32_t n_head, const void *bytes, uint32_t n,
                  MemArena *strings)
{
    Collected c;
    memcpy(&c, state, sizeof(c));
    uint32_t length = c.bytes.length;
    uint64_t wanted = (uint64_t)length + n_head + n;
    char inline_bytes[VEC_STRING_INLINE], *to = inline_bytes;
    if (wanted > INT32_MAX)
        return -EMSGSIZE;
    if (wanted > VEC_STRING_INLINE && length > VEC_STRING_INLINE && wanted <= c.capacity) {
        to = (char *)c.bytes.ptr;
    } else {
        if (wanted > VEC_STRING_INLINE) {
            uint64_t capacity = COLLECT_BYTES_MIN;
            while (capacity < wanted)
                capacity *= 2;
            to = mem_arena_alloc(strings, capacity, 8);
            if (!to)
                return mem_arena_error(strings);
            c.capacity = (uint32_t)MIN(capacity, (uint64_t)INT32_MAX);
        }
        memcpy(to, vec_string_data(&c.bytes), length);
    }
    if (n_head > 0)
        memcpy(to + length, head, n_head);
    if (n > 0)
        memcpy(to + length + n_head, bytes, n);
    c.bytes = vec_string(to, (uint32_t)wanted);
    memcpy(state, &c, sizeof(c));
    return 0;
}

int collect_update(const State *st, const StateInput *in)
{
    const Vector *v = in->v;
    size_t size = phys_size(v->phys);

    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t row = in->sel ? in->sel[i] : i;
        if (vec_row_is_null(v, row))
            continue;
        uint8_t *state = (in->rows ? in->rows[i] : in->single) + st->offset;
        const void *x = (const uint8_t *)v->values + (size_t)vec_index(v, row) * size;
        int r;
        if (v->phys == PHYS_STRING) {
            VecString s;
            memcpy(&s, x, sizeof(s));
            r = append(state, &s.length, sizeof(s.length), vec_string_data(&s), s.length,
                       in->strings);
        } else if (v->phys != st->phys) { /* narrow decimal */
            i128 wide = *(const int64_t *)x;
            r = append(state, NULL, 0, &wide, sizeof(wide), in->strings);
        } else {
            r = append(state, NULL, 0, x, (uint32_t)size, in->strings);
        }
        if (r)
            return r;
    }
    return 0;
}

int collect_merge(const State *st, uint8_t *to, const uint8_t *from, MemArena *strings)
{
    Collected c;
    memcpy(&c, from + st->offset, sizeof(c));
    return append(to + st->offset, NULL, 0, vec_string_data(&c.bytes), c.bytes.length, strings);
}
