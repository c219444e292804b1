/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/arrow/dictionary.h"

/*
 * A part is a batch of the file, which is held as it lies there while it is cut into batches of
 * ours. Numbers without nulls are pointers into it, codes of dictionaries stay codes.
 */

typedef struct Column {
    uint8_t *block; /* values or codes, then bits */
    size_t n_block;
} Column;

typedef struct Reader {
    RowRequest request;
    Column *columns; /* per output column */
    bool *wanted;    /* per field of @file */
    const ArrowFile *file;
    const char *path;
    ArrowMessageReader message;
    ArrowDictionaries *dictionaries;
    MemArena *arena; /* nested values of this batch of ours */
    int64_t first, n_left;
    uint32_t n_rows;
} Reader;

/* A column of nulls alone. */
static uint64_t null_words[2];

static void reader_free(void *userdata)
{
    Reader *r = userdata;

    if (!r)
        return;
    for (uint32_t i = 0; r->columns && i < r->request.n_columns; i++)
        mem_block_free(r->request.pool, r->columns[i].block, r->columns[i].n_block);
    arrow_message_reader_done(&r->message);
    (void)arrow_dictionaries_free(r->dictionaries);
    if (r->arena)
        (void)mem_arena_free(r->arena);
    free(r->columns);
    free(r->wanted);
    free(r);
}

static int reader_new(const RowRequest *request, void **ret_reader)
{
    Reader *reader = calloc(1, sizeof(*reader));
    int r;

    if (!reader)
        return -ENOMEM;
    reader->request = *request;
    reader->columns = calloc((size_t)request->n_columns + 1, sizeof(Column));
    r = reader->columns ? arrow_message_reader_init(&reader->message, request->pool) : -ENOMEM;
    if (r == 0)
        r = arrow_dictionaries_new(request->pool, &reader->dictionaries);
    if (r == 0)
        r = mem_arena_new(request->pool, "Arrow", &reader->arena);
    if (r != 0) {
        reader_free(reader);
        return r;
    }
    *ret_reader = reader;
    return 0;
}

static uint32_t n_parts(const void *source)
{
    return ((const ArrowFile *)source)->n_batches;
}

static int _printf_(3, 4) failed(const Reader *reader, QueryError *error, const char *format, ...)
{
    ArrowReason reason;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason.text, sizeof(reason.text), format, args);
    va_end(args);
    return arrow_file_failed(reader->path, -EBADMSG, &reason, error);
}

/* The field that an output column is, or ARROW_NO_FIELD. */
static uint32_t field_of(const Reader *reader, uint32_t column)
{
    uint32_t number = reader->request.columns[column].number;

    return number == ROW_NO_COLUMN ? ARROW_NO_FIELD : reader->file->columns[number];
}

/* What is wanted of this file, and whether it can be had. */
static int use_file(Reader *reader, const ArrowFile *file, QueryError *error)
{
    char buf[2][100];

    free(reader->wanted);
    reader->file = NULL;
    reader->wanted = calloc((size_t)file->n_fields + 1, sizeof(bool));
    if (!reader->wanted)
        return -ENOMEM;
    reader->file = file;
    for (uint32_t i = 0; i < reader->request.n_columns; i++) {
        uint32_t field = field_of(reader, i);
        Type type = reader->request.columns[i].type;
        const char *name;
        int r = 0;

        if (field == ARROW_NO_FIELD)
            continue;
        name = file->fields[field].name;
        if (file->unreadable[field])
            r = failed(reader, error, "the type of column %.60s (%.60s) is not supported", name,
                       file->unreadable[field]);
        else if (!type_same_bytes(file->types[field], type))
            r = failed(reader, error, "column %.60s is of another type: %.100s", name,
                       type_format(file->types[field], buf[0], sizeof(buf[0])));
        if (r != 0) {
            reader->file = NULL;
            return r;
        }
        reader->wanted[field] = true;
    }
    return 0;
}

static bool same_file(IoIdentity a, IoIdentity b)
{
    return a.device == b.device && a.inode == b.inode && a.size_bytes == b.size_bytes &&
           a.mtime_nsec == b.mtime_nsec && a.ctime_nsec == b.ctime_nsec;
}

static int begin_part(void *userdata, IoFile *io, const void *source, uint32_t part,
                      uint64_t *ret_bytes, QueryError *error)
{
    Reader *reader = userdata;
    const ArrowFile *file = source;
    int r = 0;

    reader->path = io_file_path(io);
    reader->n_left = 0;
    if (!same_file(io_file_identity(io), file->identity))
        return arrow_file_failed(reader->path, -ESTALE, NULL, error);
    if (reader->file != file)
        r = use_file(reader, file, error);
    if (r == 0)
        r = arrow_dictionaries_load(reader->dictionaries, io, file, part, reader->wanted, error);
    if (r == 0)
        r = arrow_message_reader_read(&reader->message, io, file, &file->batches[part],
                                      reader->wanted,
                                      arrow_dictionaries_sizes(reader->dictionaries), error);
    if (r != 0)
        return r;
    if (reader->message.batch.is_dictionary)
        return arrow_file_failed(reader->path, -ESTALE, NULL, error);
    reader->first = 0;
    reader->n_rows = 0;
    reader->n_left = reader->message.batch.n_rows;
    *ret_bytes = reader->message.n_bytes;
    return 0;
}

static int next(void *userdata, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                QueryError *error)
{
    Reader *reader = userdata;

    mem_arena_reset(reader->arena);
    reader->first += reader->n_rows;
    reader->n_rows = (uint32_t)MIN(reader->n_left, (int64_t)VEC_ROWS_MAX);
    reader->n_left -= reader->n_rows;
    *ret_n = *ret_n_sel = reader->n_rows;
    *ret_sel = NULL;
    return 0;
}

/* ---- columns ---- */

static int column_room(Reader *reader, uint32_t i, size_t size)
{
    Column *c = &reader->columns[i];
    size_t n = size * VEC_ROWS_MAX + VEC_VALID_WORDS * sizeof(uint64_t) + IO_SLOP;
    void *block;
    int r;

    if (c->n_block >= n)
        return 0;
    mem_block_free(reader->request.pool, c->block, c->n_block);
    *c = (Column){0};
    r = mem_block_alloc(reader->request.pool, n, "Arrow", &block);
    if (r != 0)
        return r;
    memset(block, 0, n);
    *c = (Column){block, n};
    return 0;
}

static void all_null(Type type, Vector *ret)
{
    *ret = (Vector){.type = type,
                    .phys = (uint8_t)type_phys(type),
                    .encoding = VEC_CONST,
                    .has_nulls = true,
                    .values = null_words,
                    .valid = null_words};
}

/* Codes as they are; a null of the dictionary is a null of the row. */
static int coded_column(Reader *reader, uint32_t i, const ArrowField *f, const ArrowColumn *c,
                        Vector *ret)
{
    const ArrowDictionary *d = &arrow_dictionaries_values(reader->dictionaries)[f->dictionary];
    int r = column_room(reader, i, sizeof(uint32_t));
    uint32_t *codes;
    uint64_t *valid;

    if (r != 0)
        return r;
    codes = (uint32_t *)(void *)reader->columns[i].block;
    valid = (uint64_t *)(void *)(codes + VEC_ROWS_MAX);
    memcpy(codes, c->codes + c->offset + reader->first, reader->n_rows * sizeof(*codes));
    memset(valid, 0xFF, VEC_VALID_WORDS * sizeof(*valid));
    *ret = (Vector){.type = reader->request.columns[i].type,
                    .phys = (uint8_t)type_phys(reader->request.columns[i].type),
                    .encoding = VEC_DICT,
                    .values = d->values,
                    .valid = valid,
                    .codes = codes,
                    .n_dict = d->n,
                    .dict_id = arrow_dictionaries_id(reader->dictionaries, f->dictionary)};
    for (uint32_t row = 0; row < reader->n_rows && (c->validity || d->has_nulls); row++) {
        if (arrow_is_valid(c, c->offset + reader->first + row) &&
            (!d->has_nulls || vec_bit(d->valid, codes[row])))
            continue;
        vec_bit_clear(valid, row);
        codes[row] = 0;
        ret->has_nulls = true;
    }
    return 0;
}

/* Where the bytes are as a vector has them, and there are all of a batch: no copy. */
static bool borrow(const Reader *reader, const ArrowColumn *c, Type type, Vector *ret)
{
    PhysKind phys = type_phys(type);

    if (c->validity || c->codes || phys == PHYS_STRING || type.kind == TYPE_DECIMAL ||
        type.kind == TYPE_BOOLEAN || reader->n_rows < VEC_ROWS_MAX)
        return false;
    *ret = (Vector){
        .type = type,
        .phys = (uint8_t)phys,
        .encoding = VEC_FLAT,
        .values = (char *)c->data + (size_t)(c->offset + reader->first) * phys_size(phys),
    };
    return true;
}

static int column(void *userdata, uint32_t i, const uint16_t *sel, uint32_t n, Vector *ret,
                  QueryError *error)
{
    Reader *reader = userdata;
    uint32_t field = field_of(reader, i);
    Type type = reader->request.columns[i].type;
    size_t size = phys_size(type_phys(type));
    ArrowRead read = {reader->arena, arrow_dictionaries_values(reader->dictionaries), false};
    const ArrowField *f;
    const ArrowColumn *c;
    bool has_nulls;
    uint64_t *valid;
    int r;

    if (field == ARROW_NO_FIELD || type.kind == TYPE_NULL) {
        all_null(type, ret);
        return 0;
    }
    f = &reader->file->fields[field];
    c = &reader->message.columns[field];
    if (c->codes && read.dictionaries[f->dictionary].n > 0)
        return coded_column(reader, i, f, c, ret);
    if (borrow(reader, c, type, ret))
        return 0;
    r = column_room(reader, i, size);
    if (r != 0)
        return r;
    valid = (uint64_t *)(void *)(reader->columns[i].block + size * VEC_ROWS_MAX);
    r = arrow_values(&read, f, type, c, reader->first, sel, n, reader->columns[i].block, valid,
                     &has_nulls);
    if (r == -EMSGSIZE || r == -EBADMSG)
        return failed(reader, error, "column %.60s has %s", f->name,
                      r == -EMSGSIZE ? "a nested value of more than 2 GiB"
                                     : "a null as a key, or a decimal with too many digits");
    *ret = (Vector){.type = type,
                    .phys = (uint8_t)type_phys(type),
                    .encoding = VEC_FLAT,
                    .has_nulls = r == 0 && has_nulls,
                    .values = reader->columns[i].block,
                    .valid = valid};
    return r;
}

const RowFormat arrow_rows = {
    .name = "arrow",
    .n_parts = n_parts,
    .begin_part = begin_part,
    .reader_new = reader_new,
    .reader_free = reader_free,
    .next = next,
    .column = column,
};
