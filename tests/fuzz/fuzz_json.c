/* SPDX-License-Identifier: Apache-2.0 */
/* JSON texts: nodes are well formed and lie inside the text, strings come back as they were. The
 * same bytes as a nested value: what nested_check() lets pass can be read, ordered and rebuilt. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/kernel/json.h"
#include "exec/vec/nested.h"
#include "exec/vec/ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define BYTES_MAX 4096u

static void want(bool ok)
{
    if (!ok)
        abort();
}

static void try_json(const char *text, uint32_t n)
{
    static JsonNode nodes[BYTES_MAX + 1];
    static char out[BYTES_MAX + 4], again[6 * BYTES_MAX + 8];
    uint32_t n_nodes, end;

    if (json_parse(text, n, nodes, BYTES_MAX + 1, &n_nodes, &end) != 0)
        return;
    want(end <= n && n_nodes > 0 && nodes[0].next == n_nodes);
    for (uint32_t i = 0; i < n_nodes; i++) {
        const JsonNode *node = &nodes[i];
        want(node->next > i && node->next <= n_nodes);
        want(node->start <= n && node->n <= n - node->start);
        if (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT) {
            uint32_t count = 0, k = i + 1;
            for (; k < node->next; k = nodes[k].next)
                count++;
            want(k == node->next && count == node->count * (node->kind == JSON_OBJECT ? 2 : 1));
        }
        if (node->kind != JSON_STRING)
            continue;
        uint32_t length = json_unescape(text + node->start, node->n, out);
        want(length <= node->n);
        uint64_t escaped = json_escape(out, length, NULL);
        want(escaped <= 6ull * length && json_escape(out, length, again) == escaped);
        want(json_unescape(again, (uint32_t)escaped, again) == length &&
             memcmp(again, out, length) == 0);
    }
    /* With too little room it says so. */
    want(json_parse(text, n, nodes, n_nodes - 1, &n_nodes, &end) == -ENOSPC);
}

static Type make_type(MemArena *arena, const uint8_t **at, const uint8_t *end, uint32_t depth)
{
    static const uint8_t leaves[] = {TYPE_BOOLEAN, TYPE_INT, TYPE_LONG, TYPE_DOUBLE, TYPE_STRING};
    uint8_t shape = *at < end ? *(*at)++ : 0;
    if (depth == 0 || shape % 4 == 0)
        return (Type){.kind = leaves[shape / 4 % sizeof(leaves)]};
    uint8_t n = shape % 4 == 1 ? 1 : shape % 4 == 2 ? 2 : shape / 4 % 10;
    TypeField *fields = mem_arena_new_array(arena, TypeField, n + 1);
    want(fields != NULL);
    for (uint8_t i = 0; i < n; i++)
        fields[i] = (TypeField){"f", make_type(arena, at, end, depth - 1), true};
    return (Type){.kind = shape % 4 == 1   ? TYPE_ARRAY
                          : shape % 4 == 2 ? TYPE_MAP
                                           : TYPE_STRUCT,
                  .n_children = n,
                  .children = fields};
}

static void try_nested(const uint8_t *data, size_t n_bytes)
{
    MemPool *pool = NULL;
    MemArena *arena = NULL;
    const uint8_t *at = data, *end = data + n_bytes;

    want(mem_pool_new(1 << 26, NULL, NULL, &pool) == 0 && mem_arena_new(pool, "fuzz", &arena) == 0);
    Type type = make_type(arena, &at, end, 3);
    VecString value = vec_string((const char *)at, (uint32_t)(end - at)), key, back, second;
    if (type_is_nested(type) && nested_check(type, &value)) {
        NestedValue a = {.s = value}, b;
        want(nested_key(arena, type, &value, &key) == 0);
        want(nested_unkey(arena, type, &key, &back) == 0 && nested_check(type, &back));
        want(nested_key(arena, type, &back, &second) == 0);
        b.s = back;
        if (!type_contains(type, TYPE_MAP)) { /* keys may repeat in bytes that nobody built */
            want(vec_string_equal(&key, &second));
            want(nested_compare(type, &a, &b) == 0);
            want(nested_hash(type, &a) == nested_hash(type, &b));
        }
    }
    mem_arena_free(arena);
    mem_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes > BYTES_MAX)
        return 0;
    try_json((const char *)data, (uint32_t)n_bytes);
    try_nested(data, n_bytes);
    return 0;
}
