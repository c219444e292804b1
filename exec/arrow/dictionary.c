/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

/*
 * A dictionary is its last message that is no delta, and the deltas behind that. Messages are taken
 * in the order of the file, so those that values of another dictionary need come before it. Batches
 * are mostly asked for in their order: then what is loaded is kept and deltas are added.
 */

#define NO_MESSAGE UINT32_MAX
#define VALUES_MAX ((uint64_t)1 << 27) /* of one dictionary */

typedef struct Slot {
    bool wanted, is_loaded;
    /* Messages: the first and the last that are loaded, and those that should be. */
    uint32_t base, applied;
    uint32_t want_base, want_last;
    MemArena *arena; /* texts and nested values */
    void *block;     /* values, then bits */
    size_t n_block;
    uint32_t n_room;
    uint64_t id;
} Slot;

struct ArrowDictionaries {
    MemPool *pool;
    ArrowMessageReader reader;
    const ArrowFile *file;
    uint32_t n_seen; /* messages that want_base and want_last are after */
    uint32_t n;
    Slot *slots;             /* per number */
    ArrowDictionary *values; /* likewise */
    uint32_t *sizes;
};

int arrow_dictionaries_new(MemPool *pool, ArrowDictionaries **ret_dictionaries)
{
    ArrowDictionaries *d = calloc(1, sizeof(*d));
    int r = d ? arrow_message_reader_init(&d->reader, pool) : -ENOMEM;

    if (r != 0) {
        free(d);
        return r;
    }
    d->pool = pool;
    *ret_dictionaries = d;
    return 0;
}

static void drop_slot(ArrowDictionaries *d, uint32_t i)
{
    Slot *s = &d->slots[i];

    mem_block_free(d->pool, s->block, s->n_block);
    if (s->arena)
        (void)mem_arena_free(s->arena);
    *s = (Slot){.wanted = s->wanted, .want_base = s->want_base, .want_last = s->want_last};
    d->values[i] = (ArrowDictionary){0};
    d->sizes[i] = 0;
}

static void drop_all(ArrowDictionaries *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        drop_slot(d, i);
    free(d->slots);
    free(d->values);
    free(d->sizes);
    d->slots = NULL;
    d->values = NULL;
    d->sizes = NULL;
    d->file = NULL;
    d->n = d->n_seen = 0;
}

ArrowDictionaries *arrow_dictionaries_free(ArrowDictionaries *d)
{
    if (!d)
        return NULL;
    drop_all(d);
    arrow_message_reader_done(&d->reader);
    free(d);
    return NULL;
}

const ArrowDictionary *arrow_dictionaries_values(const ArrowDictionaries *d)
{
    return d->values;
}

const uint32_t *arrow_dictionaries_sizes(const ArrowDictionaries *d)
{
    return d->sizes;
}

uint64_t arrow_dictionaries_id(const ArrowDictionaries *d, uint32_t number)
{
    return d->slots[number].id;
}

/* ---- which ---- */

/* Bounded recursion, as the schema was checked; a dictionary is gone into once. */
static void mark(ArrowDictionaries *d, const ArrowField *f)
{
    if (f->is_encoded) {
        if (d->slots[f->dictionary].wanted)
            return;
        d->slots[f->dictionary].wanted = true;
    }
    for (uint32_t i = 0; i < f->n_children; i++)
        mark(d, &f->children[i]);
}

static int use_file(ArrowDictionaries *d, const ArrowFile *file, const bool *wanted)
{
    uint32_t n = arrow_schema_dictionaries(file->schema);

    if (d->file == file)
        return 0;
    drop_all(d);
    d->slots = calloc((size_t)n + 1, sizeof(*d->slots));
    d->values = calloc((size_t)n + 1, sizeof(*d->values));
    d->sizes = calloc((size_t)n + 1, sizeof(*d->sizes));
    if (!d->slots || !d->values || !d->sizes)
        return -ENOMEM;
    d->n = n;
    d->file = file;
    for (uint32_t i = 0; i < n; i++)
        d->slots[i].want_base = d->slots[i].want_last = NO_MESSAGE;
    for (uint32_t i = 0; i < file->n_fields; i++)
        if (wanted[i])
            mark(d, &file->fields[i]);
    return 0;
}

/* ---- values ---- */

static int grow(ArrowDictionaries *d, uint32_t number, Type type, uint64_t n_more)
{
    Slot *s = &d->slots[number];
    ArrowDictionary *v = &d->values[number];
    size_t size = phys_size(type_phys(type));
    uint64_t n = v->n + n_more, n_room;
    void *block;
    int r;

    if (n > VALUES_MAX)
        return -E2BIG;
    if (s->block && n <= s->n_room)
        return 0;
    n_room = ALIGN_UP(MAX(n, (uint64_t)s->n_room * 2), UINT64_C(64)) + 64;
    r = mem_block_alloc(d->pool, n_room * size + n_room / 8, "Arrow dictionary", &block);
    if (r != 0)
        return r;
    memset(block, 0, n_room * size + n_room / 8);
    if (v->n > 0) {
        memcpy(block, v->values, v->n * size);
        memcpy((uint8_t *)block + n_room * size, v->valid, (v->n + 63u) / 64 * 8);
    }
    mem_block_free(d->pool, s->block, s->n_block);
    s->block = v->values = block;
    s->n_block = n_room * size + n_room / 8;
    s->n_room = (uint32_t)n_room;
    v->valid = (uint64_t *)(void *)((uint8_t *)block + n_room * size);
    return 0;
}

/* Values behind those that are there, a batch at a time: bits are set from a word's beginning. */
static int append(ArrowDictionaries *d, uint32_t number, Type type)
{
    const ArrowField *f = arrow_schema_dictionary(d->file->schema, number);
    ArrowDictionary *v = &d->values[number];
    size_t size = phys_size(type_phys(type));
    ArrowRead read = {d->slots[number].arena, d->values, true};
    uint64_t valid[VEC_VALID_WORDS], n = (uint64_t)d->reader.batch.n_rows;
    int r = grow(d, number, type, n);

    for (uint64_t first = 0; first < n && r == 0; first += VEC_ROWS_MAX) {
        uint32_t m = (uint32_t)MIN(n - first, (uint64_t)VEC_ROWS_MAX);
        bool has_nulls = false;

        if (type.kind == TYPE_NULL) {
            memset(valid, 0, sizeof(valid));
            has_nulls = true;
        } else {
            r = arrow_values(&read, f, type, d->reader.columns, (int64_t)first, NULL, m,
                             (char *)v->values + v->n * size, valid, &has_nulls);
        }
        for (uint32_t k = 0; k < m && r == 0; k++)
            if (vec_bit(valid, k))
                vec_bit_set(v->valid, v->n + k);
        v->has_nulls |= has_nulls;
        v->n += r == 0 ? m : 0;
    }
    d->sizes[number] = v->n;
    return r;
}

static int load_message(ArrowDictionaries *d, IoFile *io, uint32_t message, QueryError *error)
{
    const ArrowExtent *extent = &d->file->dictionaries[message];
    uint32_t number = extent->number;
    Slot *s = &d->slots[number];
    const char *unreadable;
    Type type;
    int r = arrow_message_reader_read(&d->reader, io, d->file, extent, NULL, d->sizes, error);

    if (r == 0 && !s->arena)
        r = mem_arena_new(d->pool, "Arrow dictionary", &s->arena);
    if (r != 0)
        return r;
    if (d->reader.message.kind != ARROW_MESSAGE_DICTIONARY || d->reader.batch.dictionary != number)
        return arrow_file_failed(io_file_path(io), -ESTALE, NULL, error);
    r = arrow_type_of(s->arena, arrow_schema_dictionary(d->file->schema, number), &type,
                      &unreadable);
    if (r == 0)
        r = append(d, number, type);
    if (r == -E2BIG || r == -EMSGSIZE || r == -EBADMSG) {
        ArrowReason reason = {"a dictionary whose values are too large or not of its type"};

        r = arrow_file_failed(io_file_path(io), -EBADMSG, &reason, error);
    }
    if (!s->is_loaded)
        s->base = message;
    s->is_loaded = true;
    s->applied = message;
    s->id = vec_dict_id_next();
    return r;
}

/* What each dictionary should be after the first @n messages. */
static void look_ahead(ArrowDictionaries *d, uint32_t n)
{
    if (n < d->n_seen) {
        d->n_seen = 0;
        for (uint32_t i = 0; i < d->n; i++)
            d->slots[i].want_base = d->slots[i].want_last = NO_MESSAGE;
    }
    for (; d->n_seen < n; d->n_seen++) {
        const ArrowExtent *e = &d->file->dictionaries[d->n_seen];
        Slot *s = &d->slots[e->number];

        if (s->want_base == NO_MESSAGE || !e->is_delta)
            s->want_base = d->n_seen;
        s->want_last = d->n_seen;
    }
}

/* Whether the slot lacks messages; *from: the first of them, or what it was when that is before. */
static bool needs(const Slot *s, uint32_t *from)
{
    uint32_t first = s->is_loaded ? s->applied + 1 : s->want_base;

    if (!s->wanted || s->want_base == NO_MESSAGE || (s->is_loaded && s->applied == s->want_last))
        return false;
    *from = MIN(*from, first);
    return true;
}

int arrow_dictionaries_load(ArrowDictionaries *d, IoFile *io, const ArrowFile *file, uint32_t batch,
                            const bool *wanted, QueryError *error)
{
    uint32_t n = file->batches[batch].n_before, from = n;
    int r = use_file(d, file, wanted);

    if (r == 0)
        look_ahead(d, n);
    for (uint32_t i = 0; i < d->n && r == 0; i++) {
        const Slot *s = &d->slots[i];

        if (s->is_loaded && (s->base != s->want_base || s->applied > s->want_last))
            drop_slot(d, i);
        (void)needs(s, &from);
    }
    for (uint32_t m = from; m < n && r == 0; m++) {
        const Slot *s = &d->slots[file->dictionaries[m].number];
        uint32_t first = n;

        if (needs(s, &first) && m >= first)
            r = load_message(d, io, m, error);
    }
    arrow_message_reader_reset(&d->reader);
    if (r != 0)
        drop_all(d);
    return r;
}
