/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/write/text.h"

/*
 * CSV as Spark writes it: white space around values is left out, null is nothing, an empty string
 * is "", and quotes stand where a value could be misread. Numbers, dates and timestamps come as
 * text (prepare.c); binary values are shown as [41 42].
 */

struct FormatFile {
    TextFile text;
};

static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

static bool must_quote(const WriteText *o, const char *s, size_t n, bool first)
{
    size_t n_delimiter = strlen(o->delimiter);
    if (o->quote_all || s[0] == o->quote || (first && s[0] == '#'))
        return true;
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\n' || s[i] == '\r' || (s[i] == o->quote && o->escape_quotes) ||
            (s[i] == o->delimiter[0] && n - i >= n_delimiter &&
             memcmp(s + i, o->delimiter, n_delimiter) == 0))
            return true;
    return false;
}

static int put_quoted(Bytes *to, const WriteText *o, const char *s, size_t n)
{
    int r = bytes_reserve(to, 2 * n + 2);
    if (r != 0)
        return r;
    uint8_t *at = to->data + to->n;
    *at++ = (uint8_t)o->quote;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == o->quote || s[i] == o->escape)
            *at++ = (uint8_t)o->escape;
        *at++ = (uint8_t)s[i];
    }
    *at++ = (uint8_t)o->quote;
    to->n = (size_t)(at - to->data);
    return 0;
}

/* A value that is there. */
static int put_text(Bytes *to, const WriteText *o, const char *s, size_t n, bool first)
{
    while (o->ignore_leading && n > 0 && is_space(*s)) {
        s++;
        n--;
    }
    while (o->ignore_trailing && n > 0 && is_space(s[n - 1]))
        n--;
    if (n == 0) {
        /* What stands for it is no value and is quoted only when everything is. */
        bool quoted = o->quote_all && strcmp(o->empty_value, "\"\"") != 0;
        return quoted ? put_quoted(to, o, o->empty_value, strlen(o->empty_value))
                      : bytes_add_text(to, o->empty_value);
    }
    return must_quote(o, s, n, first) ? put_quoted(to, o, s, n) : bytes_add(to, s, n);
}

static int put_null(Bytes *to, const WriteText *o)
{
    return o->quote_all && *o->null_value ? put_quoted(to, o, o->null_value, strlen(o->null_value))
                                          : bytes_add_text(to, o->null_value);
}

static int put_binary(Bytes *to, const VecString *s)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *data = (const uint8_t *)vec_string_data(s);
    int r = bytes_reserve(to, 3 * (size_t)s->length + 2);
    if (r != 0)
        return r;
    uint8_t *at = to->data + to->n;
    *at++ = '[';
    for (uint32_t i = 0; i < s->length; i++) {
        if (i > 0)
            *at++ = ' ';
        *at++ = (uint8_t)digits[data[i] >> 4];
        *at++ = (uint8_t)digits[data[i] & 15];
    }
    *at++ = ']';
    to->n = (size_t)(at - to->data);
    return 0;
}

static int put_header(TextFile *t)
{
    const WriteText *o = &t->spec->text;
    int r = 0;
    for (uint32_t c = 0; r == 0 && c < t->spec->n_fields; c++) {
        const char *name = t->spec->fields[c].name;
        if (c > 0)
            r = bytes_add_text(&t->raw, o->delimiter);
        if (r == 0)
            r = put_text(&t->raw, o, name, strlen(name), c == 0);
    }
    return r ? r : bytes_add_text(&t->raw, o->line_separator);
}

static int csv_open(const WriteSpec *spec, MemPool *pool, Output *out, uint64_t bytes_max,
                    FormatFile **ret_file)
{
    FormatFile *file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    int r = text_open(spec, pool, out, &file->text);
    if (r == 0 && spec->text.header)
        r = put_header(&file->text);
    if (r != 0) {
        text_done(&file->text);
        free(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

static int put_cell(TextFile *t, const Vector *v, uint32_t row, uint32_t column)
{
    const WriteText *o = &t->spec->text;
    if (vec_row_is_null(v, row))
        return put_null(&t->raw, o);
    const VecString *s = (const VecString *)v->values + vec_index(v, row);
    return v->type.kind == TYPE_BINARY
               ? put_binary(&t->raw, s)
               : put_text(&t->raw, o, vec_string_data(s), s->length, column == 0);
}

static int csv_add(FormatFile *file, const Batch *batch, const uint16_t *rows, uint32_t n,
                   QueryError *error)
{
    TextFile *t = &file->text;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        for (uint32_t c = 0; r == 0 && c < t->spec->n_fields; c++) {
            if (c > 0)
                r = bytes_add_text(&t->raw, t->spec->text.delimiter);
            if (r == 0)
                r = put_cell(t, &batch->columns[c], rows[i], c);
        }
        if (r == 0)
            r = bytes_add_text(&t->raw, t->spec->text.line_separator);
        if (r == 0)
            r = text_step(t);
    }
    return r;
}

static int csv_flush(FormatFile *file)
{
    return text_flush(&file->text);
}

static uint64_t csv_bytes(const FormatFile *file)
{
    return file->text.raw.n;
}

static void csv_free(FormatFile *file)
{
    text_done(&file->text);
    free(file);
}

const WriteFormat write_csv = {
    .name = "csv",
    .title = "CSV",
    .extension = ".csv",
    .open = csv_open,
    .add = csv_add,
    .flush = csv_flush,
    .finish = csv_flush,
    .bytes = csv_bytes,
    .free = csv_free,
};
