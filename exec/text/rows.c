/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/rows.h"

#include <string.h>

#include "base/cleanup.h"

uint64_t row_mark_bytes(const uint8_t *text, uint64_t n)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};

    return n >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
}

bool row_next_line(RowLines *lines, const uint8_t **ret_text, uint64_t *ret_n)
{
    uint64_t left = (uint64_t)(lines->end - lines->at), n;

    if (left == 0)
        return false;
    n = lines->whole ? left : row_line_end(lines->at, 0, left);
    *ret_text = lines->at;
    lines->at += n;
    while (n > 0 && !lines->whole && ((*ret_text)[n - 1] == '\n' || (*ret_text)[n - 1] == '\r'))
        n--;
    *ret_n = n;
    return true;
}

int row_vector_new(MemPool *pool, Type type, const char *operator_name, RowVector *ret)
{
    size_t size = phys_size(type_phys(type));
    size_t n = size * VEC_ROWS_MAX + VEC_VALID_WORDS * sizeof(uint64_t) + IO_SLOP;
    void *block;
    int r = mem_block_alloc(pool, n, operator_name, &block);

    if (r != 0)
        return r;
    memset(block, 0, n);
    *ret = (RowVector){
        .block = block,
        .n_block = n,
        .size = size,
        .vector = {.type = type,
                   .phys = (uint8_t)type_phys(type),
                   .encoding = VEC_FLAT,
                   .values = block,
                   .valid = (uint64_t *)(void *)((uint8_t *)block + size * VEC_ROWS_MAX)},
    };
    return 0;
}

void row_vector_free(MemPool *pool, RowVector *v)
{
    mem_block_free(pool, v->block, v->n_block);
    *v = (RowVector){0};
}

int row_malformed(const char *path, const uint8_t *text, uint32_t n, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file://%s. "
                           "[MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records are "
                           "detected in record parsing: %.*s. Parse Mode: FAILFAST. To process "
                           "malformed records as null result, try setting the option 'mode' as "
                           "'PERMISSIVE'.",
                           path, (int)MIN(n, 200u), (const char *)text);
}
