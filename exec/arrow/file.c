/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/arrow/values.h"

/*
 * A file has a footer that names its messages; of a stream each message is looked at. In both each
 * one's metadata is read, for its number of rows: a count(*) needs no more.
 */

#define WINDOW_BYTES 4096u
static const char magic[6] = "ARROW1";

typedef struct Opening {
    IoFile *file;
    MemPool *pool;
    MemArena *arena;
    ArrowFile *made;
    ArrowReason reason;
    uint8_t *block; /* bytes of the file */
    size_t n_block;
    uint32_t n_room; /* parts that there is place for, in @made->batches and @made->dictionaries */
    uint32_t n_dictionary_room;
} Opening;

static void *arena_take(void *userdata, size_t n_bytes)
{
    return mem_arena_zalloc(userdata, n_bytes, 16);
}

ArrowMemory arrow_arena_memory(MemArena *arena)
{
    return (ArrowMemory){arena_take, arena};
}

int arrow_arena_result(const MemArena *arena, int r)
{
    return r == -ENOMEM && mem_arena_error(arena) != 0 ? mem_arena_error(arena) : r;
}

int arrow_file_failed(const char *path, int r, const ArrowReason *reason, QueryError *error)
{
    bool ours = r == -EBADMSG || r == -EOPNOTSUPP || r == -E2BIG;

    if (r == -ENOMEM || r >= 0)
        return r;
    return query_error_set(error, DATA_ERROR_FILE, "FAILED_READ_FILE.NO_HINT", "KD001",
                           "Encountered error while reading file file://%s: %s.", path,
                           ours && reason->text[0] ? reason->text
                           : r == -ENODATA         ? "it became shorter while it was read"
                           : r == -ESTALE          ? "it was replaced while it was read"
                                                   : strerror(-r));
}

static int malformed(Opening *o, const char *what)
{
    (void)snprintf(o->reason.text, sizeof(o->reason.text), "malformed Arrow data: %s", what);
    return -EBADMSG;
}

/* The bytes [@offset, @offset + @n), which lie within the file, into the block. */
static int fill(Opening *o, uint64_t offset, uint64_t n)
{
    void *block;
    int r;

    if (n + IO_SLOP > o->n_block) {
        mem_block_free(o->pool, o->block, o->n_block);
        o->block = NULL;
        o->n_block = 0;
        r = mem_block_alloc(o->pool, n + IO_SLOP, "Arrow", &block);
        if (r != 0)
            return r;
        o->block = block;
        o->n_block = n + IO_SLOP;
    }
    return n > 0 ? io_read(o->file, offset, n, o->block) : 0;
}

/* ---- parts ---- */

/* The next one of an array that doubles. */
static ArrowExtent *add_part(Opening *o, ArrowExtent **parts, uint32_t *n, uint32_t *n_room)
{
    if (*n == *n_room) {
        uint32_t room = MAX(*n_room * 2, 16u);
        ArrowExtent *grown = mem_arena_new_array(o->arena, ArrowExtent, room);

        if (!grown)
            return NULL;
        if (*n > 0)
            memcpy(grown, *parts, *n * sizeof(*grown));
        *parts = grown;
        *n_room = room;
    }
    return &(*parts)[(*n)++];
}

/* @part: of what it says of its place; the rest is the message's. */
static int note_message(Opening *o, const ArrowMessage *m, ArrowExtent part)
{
    ArrowFile *f = o->made;
    ArrowExtent *added;
    bool is_batch = m->kind == ARROW_MESSAGE_BATCH;

    if (f->n_batches + f->n_dictionaries >= ARROW_PARTS_MAX)
        return malformed(o, "more than 1048576 messages");
    part.n_body = m->n_body;
    part.n_rows = m->n_rows;
    part.n_before = f->n_dictionaries;
    if (!is_batch && !arrow_schema_find_dictionary(f->schema, m->dictionary_id, &part.number))
        return 0; /* nobody's */
    part.is_delta = m->is_delta;
    added = is_batch ? add_part(o, &f->batches, &f->n_batches, &o->n_room)
                     : add_part(o, &f->dictionaries, &f->n_dictionaries, &o->n_dictionary_room);
    if (!added)
        return mem_arena_error(o->arena);
    *added = part;
    if (is_batch) {
        f->n_rows += (uint64_t)m->n_rows;
        f->n_bytes += m->n_body;
    }
    return 0;
}

/* ---- streams ---- */

/*
 * The message at @at, its metadata in the block; the end of the stream is one of kind 0. @limit:
 * bytes from @at on that it may have.
 */
static int next_message(Opening *o, uint64_t at, uint64_t limit, ArrowMessage *ret,
                        ArrowExtent *ret_part)
{
    uint64_t n = MIN(limit, (uint64_t)WINDOW_BYTES);
    uint32_t n_prefix, n_metadata;
    uint8_t prefix[8] = {0};
    int r = fill(o, at, n);

    *ret = (ArrowMessage){0};
    if (r != 0)
        return r;
    memcpy(prefix, o->block, MIN(n, (uint64_t)sizeof(prefix)));
    arrow_prefix_read(prefix, &n_prefix, &n_metadata);
    if (n_metadata == 0)
        return 0;
    if (n < 8 || n_metadata > limit - n_prefix)
        return malformed(o, "length of the metadata");
    if ((uint64_t)n_prefix + n_metadata > n) {
        r = fill(o, at, (uint64_t)n_prefix + n_metadata);
        if (r != 0)
            return r;
    }
    r = arrow_message_read(o->block + n_prefix, n_metadata, ret, &o->reason);
    if (r != 0)
        return r;
    if (ret->n_body > limit - n_prefix - n_metadata)
        return malformed(o, "length of a body");
    *ret_part = (ArrowExtent){.offset = at, .n_metadata = n_prefix + n_metadata};
    return 0;
}

static int read_schema(Opening *o, const ArrowMessage *m)
{
    ArrowSchema *schema;
    int r = m->kind == 0 ? malformed(o, "it does not start with a schema")
                         : arrow_schema_read(m, ARROW_ANY, arrow_arena_memory(o->arena), &schema,
                                             &o->reason);

    if (r == 0)
        o->made->schema = schema;
    return arrow_arena_result(o->arena, r);
}

static int open_stream(Opening *o)
{
    uint64_t size = io_file_size(o->file);
    bool first = true;

    for (uint64_t at = 0; at < size || first;) {
        ArrowMessage m;
        ArrowExtent part;
        int r = next_message(o, at, size - at, &m, &part);

        if (r == 0 && first)
            r = read_schema(o, &m);
        else if (r == 0 && m.kind == ARROW_MESSAGE_SCHEMA)
            r = malformed(o, "a second schema");
        else if (r == 0 && (m.kind == ARROW_MESSAGE_BATCH || m.kind == ARROW_MESSAGE_DICTIONARY))
            r = note_message(o, &m, part);
        if (r != 0 || m.kind == 0)
            return r;
        first = false;
        at += part.n_metadata + m.n_body;
    }
    return 0;
}

/* ---- files ---- */

static int open_block(Opening *o, const ArrowBlock *block, ArrowMessageKind kind)
{
    uint64_t size = io_file_size(o->file);
    ArrowMessage m;
    ArrowExtent part;
    int r;

    if (block->offset > size || block->n_metadata > size - block->offset ||
        block->n_body > size - block->offset - block->n_metadata)
        return malformed(o, "a block outside the file");
    r = next_message(o, block->offset, block->n_metadata + block->n_body, &m, &part);
    if (r != 0)
        return r;
    if (m.kind != kind || part.n_metadata > block->n_metadata || m.n_body > block->n_body)
        return malformed(o, "a block that is not what the footer says");
    part.n_metadata = block->n_metadata;
    return note_message(o, &m, part);
}

/* All blocks together have no more bytes than the file: one that is named often costs its rows
 * each time. */
static int check_blocks(Opening *o, const ArrowBlock *blocks, uint32_t n, uint64_t *left)
{
    for (uint32_t i = 0; i < n; i++) {
        if (blocks[i].n_body > *left || blocks[i].n_metadata > *left - blocks[i].n_body)
            return malformed(o, "blocks that share their bytes");
        *left -= blocks[i].n_body + blocks[i].n_metadata;
    }
    return 0;
}

/* magic, padding, messages, footer, its length, magic */
static int open_file(Opening *o)
{
    const uint64_t n_end = sizeof(uint32_t) + sizeof(magic);
    uint64_t size = io_file_size(o->file), left = size;
    ArrowFooter footer;
    uint32_t n_footer;
    int r;

    if (size < 8 + n_end)
        return malformed(o, "it is cut");
    r = fill(o, size - n_end, n_end);
    if (r != 0)
        return r;
    if (memcmp(o->block + sizeof(uint32_t), magic, sizeof(magic)) != 0)
        return malformed(o, "it does not end as it began");
    memcpy(&n_footer, o->block, sizeof(n_footer));
    if (n_footer > size - n_end - 8)
        return malformed(o, "length of the footer");
    r = fill(o, size - n_end - n_footer, n_footer);
    if (r == 0)
        r = arrow_footer_read(o->block, n_footer, ARROW_ANY, arrow_arena_memory(o->arena), &footer,
                              &o->reason);
    if (r != 0)
        return arrow_arena_result(o->arena, r);
    o->made->schema = footer.schema;
    r = check_blocks(o, footer.dictionaries, footer.n_dictionaries, &left);
    if (r == 0)
        r = check_blocks(o, footer.batches, footer.n_batches, &left);
    for (uint32_t i = 0; r == 0 && i < footer.n_dictionaries; i++)
        r = open_block(o, &footer.dictionaries[i], ARROW_MESSAGE_DICTIONARY);
    for (uint32_t i = 0; r == 0 && i < footer.n_batches; i++)
        r = open_block(o, &footer.batches[i], ARROW_MESSAGE_BATCH);
    return r;
}

/* ---- both ---- */

static int open_types(Opening *o)
{
    ArrowFile *f = o->made;

    f->fields = arrow_schema_fields(f->schema, &f->n_fields);
    f->types = mem_arena_new_array(o->arena, Type, f->n_fields + 1u);
    f->unreadable = mem_arena_new_array(o->arena, const char *, f->n_fields + 1u);
    if (!f->types || !f->unreadable)
        return mem_arena_error(o->arena);
    for (uint32_t i = 0; i < f->n_fields; i++) {
        int r = arrow_type_of(o->arena, &f->fields[i], &f->types[i], &f->unreadable[i]);

        if (r != 0)
            return r;
    }
    return 0;
}

static int open_any(Opening *o)
{
    uint64_t size = io_file_size(o->file);
    bool is_file;
    int r = fill(o, 0, MIN(size, (uint64_t)sizeof(magic)));

    if (r != 0)
        return r;
    if (size >= 4 && memcmp(o->block, "FEA1", 4) == 0)
        return malformed(o, "it is of the first version of Feather, which is not read");
    is_file = size >= sizeof(magic) && memcmp(o->block, magic, sizeof(magic)) == 0;
    r = is_file ? open_file(o) : open_stream(o);
    return r == 0 ? open_types(o) : r;
}

int arrow_file_open(IoFile *file, MemPool *pool, MemArena *arena, ArrowFile **ret_file,
                    QueryError *error)
{
    Opening o = {.file = file, .pool = pool, .arena = arena};
    int r;

    o.made = mem_arena_new_of(arena, ArrowFile);
    if (!o.made)
        return mem_arena_error(arena);
    o.made->identity = io_file_identity(file);
    r = open_any(&o);
    mem_block_free(pool, o.block, o.n_block);
    if (r != 0)
        return arrow_file_failed(io_file_path(file), r, &o.reason, error);
    *ret_file = o.made;
    return 0;
}
