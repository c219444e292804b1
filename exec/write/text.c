/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/text.h"

#include <stdlib.h>

#include "base/cleanup.h"

/* Lines: one column of strings. JSON comes as such a column, too. */

struct FormatFile {
    TextFile text;
};

int text_open(const WriteSpec *spec, MemPool *pool, Output *out, TextFile *ret)
{
    *ret = (TextFile){.spec = spec, .pool = pool, .out = out};
    bytes_init(&ret->raw, pool);
    bytes_init(&ret->packed, pool);
    return compressor_init(&ret->compressor, pool, spec->codec);
}

int text_flush(TextFile *t)
{
    int r;
    if (t->raw.n == 0)
        return 0;
    if (t->spec->codec == WRITE_CODEC_NONE) {
        r = output_write(t->out, t->raw.data, t->raw.n);
    } else {
        t->packed.n = 0;
        r = compress_add(&t->compressor, t->spec->codec, t->raw.data, t->raw.n, &t->packed);
        if (r == 0)
            r = output_write(t->out, t->packed.data, t->packed.n);
    }
    t->raw.n = 0;
    return r;
}

void text_done(TextFile *t)
{
    bytes_done(&t->raw);
    bytes_done(&t->packed);
    compressor_done(&t->compressor);
}

static int lines_open(const WriteSpec *spec, MemPool *pool, Output *out, uint64_t bytes_max,
                      FormatFile **ret_file)
{
    FormatFile *file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    int r = text_open(spec, pool, out, &file->text);
    if (r != 0) {
        free(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

static int lines_add(FormatFile *file, const Batch *batch, const uint16_t *rows, uint32_t n,
                     QueryError *error)
{
    TextFile *t = &file->text;
    const Vector *v = &batch->columns[0];
    const char *end = t->spec->text.line_separator;
    size_t n_end = strlen(end);
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        if (!vec_row_is_null(v, rows[i])) {
            const VecString *s = (const VecString *)v->values + vec_index(v, rows[i]);
            r = bytes_add(&t->raw, vec_string_data(s), s->length);
        }
        if (r == 0)
            r = bytes_add(&t->raw, end, n_end);
        if (r == 0)
            r = text_step(t);
    }
    return r;
}

static int lines_flush(FormatFile *file)
{
    return text_flush(&file->text);
}

static uint64_t lines_bytes(const FormatFile *file)
{
    return file->text.raw.n;
}

static void lines_free(FormatFile *file)
{
    text_done(&file->text);
    free(file);
}

const WriteFormat write_text = {
    .name = "text",
    .title = "Text",
    .extension = ".txt",
    .open = lines_open,
    .add = lines_add,
    .flush = lines_flush,
    .finish = lines_flush,
    .bytes = lines_bytes,
    .free = lines_free,
};

const WriteFormat write_json = {
    .name = "json",
    .title = "JSON",
    .extension = ".json",
    .open = lines_open,
    .add = lines_add,
    .flush = lines_flush,
    .finish = lines_flush,
    .bytes = lines_bytes,
    .free = lines_free,
};
