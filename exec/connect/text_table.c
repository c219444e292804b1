/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/text_table.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"

static const char null_cell[] = "\x01null";

int table_row(TextTable *t, const char *const *cells)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const char *text = cells[i] ? cells[i] : null_cell;
        char *copy = cells[i] ? ubuilder_strndup(&t->q->builder, text, strlen(text)) : (char *)text;
        if (!decode_add(&t->q->decoder, &t->cells, copy))
            return t->q->builder.result;
    }
    return 0;
}

int table_put(TextTable *t, ProtoWriter *w)
{
    Query *q = t->q;
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    _cleanup_(reply_writer_freep) ReplyWriter *writer = NULL;
    int r = reply_writer_new(q->pool, t->fields, t->n_columns, NULL, INT32_MAX, NULL, NULL,
                             q->error, &writer);
    uint32_t n_rows = t->n_columns ? t->cells.n / t->n_columns : 0;
    for (uint32_t row = 0; r == 0 && row < n_rows; row++) {
        VecString values[TABLE_COLUMNS_MAX];
        uint8_t bools[TABLE_COLUMNS_MAX];
        uint64_t valid[TABLE_COLUMNS_MAX];
        Vector vectors[TABLE_COLUMNS_MAX];
        for (uint32_t i = 0; i < t->n_columns; i++) {
            const char *text = t->cells.items[(size_t)row * t->n_columns + i];
            bool is_null = text == null_cell, is_bool = t->fields[i].type.kind == TYPE_BOOLEAN;
            valid[i] = !is_null;
            bools[i] = strcmp(text, "true") == 0;
            values[i] = vec_string(text, (uint32_t)strlen(text));
            vectors[i] = (Vector){.type = t->fields[i].type,
                                  .phys = is_bool ? PHYS_BOOL : PHYS_STRING,
                                  .has_nulls = is_null,
                                  .values = is_bool ? (void *)&bools[i] : (void *)&values[i],
                                  .valid = &valid[i]};
        }
        Batch batch = {.n_rows = 1, .n_selected = 1, .n_columns = t->n_columns, .columns = vectors};
        r = reply_writer_add(writer, &batch);
    }
    _cleanup_free_ uint8_t *data = NULL;
    size_t n_data;
    if (r == 0)
        r = reply_writer_take_stream(writer, &data, &n_data);
    if (r != 0)
        return query_result(q, r);
    proto_begin(w, SPARK_RELATION_LOCAL_RELATION);
    proto_put_bytes(w, SPARK_LOCAL_RELATION_DATA, data, n_data);
    proto_end(w);
    return 0;
}

bool text_pattern_matches(const char *pattern, const char *name)
{
    if (!pattern)
        return true;
    char one[256];
    while (*pattern) {
        size_t n = strcspn(pattern, "|");
        if (n < sizeof(one)) {
            memcpy(one, pattern, n);
            one[n] = '\0';
            if (fnmatch(one, name, FNM_CASEFOLD) == 0)
                return true;
        }
        pattern += n + (pattern[n] == '|');
    }
    return false;
}
