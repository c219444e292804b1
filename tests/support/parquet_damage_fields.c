/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number set to an extreme value: in the footer; in the header of a page; in the indexes and
 * the Bloom filter's header. What is not in the footer is changed in a copy behind the data, of the
 * whole column chunk where it is a page, to which the footer is made to point, so that all else of
 * the file stays where it was.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/support/parquet_damage.h"
#include "tests/support/thrift_rewrite.h"

#define PIECES_MAX 4096u

typedef enum PieceKind {
    PIECE_PAGES,
    PIECE_OFFSET_INDEX,
    PIECE_COLUMN_INDEX,
    PIECE_BLOOM_FILTER,
    _PIECE_KIND_MAX,
} PieceKind;

typedef struct Piece {
    int64_t group, column;
    PieceKind kind;
    int64_t offset, length;    /* PAGES: first page, all of them */
    int64_t dictionary_offset; /* PAGES */
    size_t at;                 /* PAGES: the header that is changed */
} Piece;

typedef struct Fields {
    Damage *d;
    Piece *pieces;
    uint32_t n_pieces;
    uint64_t n_numbers; /* met so far in the walk that goes on */
    uint64_t target;    /* the number that is changed */
    int64_t value;      /* to this */
    int64_t was;        /* out */
    const Piece *moved; /* the footer is to point to its copy */
    int64_t moved_by, longer_by;
} Fields;

/* --- finding ---------------------------------------------------------------------------------- */

static Piece *piece_of(Fields *f, int64_t group, int64_t column, PieceKind kind)
{
    for (uint32_t i = f->n_pieces; i > 0; i--) {
        Piece *p = &f->pieces[i - 1];

        if (p->group == group && p->column == column && p->kind == kind)
            return p;
    }
    if (f->n_pieces == PIECES_MAX)
        return &f->pieces[PIECES_MAX - 1];
    f->pieces[f->n_pieces] = (Piece){.group = group, .column = column, .kind = kind};
    return &f->pieces[f->n_pieces++];
}

/* row_groups[g].columns[c], field @path[4]; of its metadata, field @path[5] */
static bool is_chunk_field(const int64_t *path, uint32_t depth, int64_t field, int64_t inner)
{
    return path[0] == 4 && path[2] == 1 && path[4] == field &&
           (inner ? depth == 6 && path[5] == inner : depth == 5);
}

static int64_t find_hook(void *userdata, const int64_t *path, uint32_t depth, ThriftNumber kind,
                         int64_t value)
{
    static const struct {
        int64_t field, inner;
        PieceKind kind;
        size_t place;
    } table[] = {
        {3, 9, PIECE_PAGES, offsetof(Piece, offset)},
        {3, 7, PIECE_PAGES, offsetof(Piece, length)},
        {3, 11, PIECE_PAGES, offsetof(Piece, dictionary_offset)},
        {3, 14, PIECE_BLOOM_FILTER, offsetof(Piece, offset)},
        {3, 15, PIECE_BLOOM_FILTER, offsetof(Piece, length)},
        {4, 0, PIECE_OFFSET_INDEX, offsetof(Piece, offset)},
        {5, 0, PIECE_OFFSET_INDEX, offsetof(Piece, length)},
        {6, 0, PIECE_COLUMN_INDEX, offsetof(Piece, offset)},
        {7, 0, PIECE_COLUMN_INDEX, offsetof(Piece, length)},
    };
    Fields *f = userdata;

    f->n_numbers++;
    for (size_t i = 0; kind == THRIFT_NUMBER_INT && i < ARRAY_SIZE(table); i++)
        if (is_chunk_field(path, depth, table[i].field, table[i].inner))
            memcpy((uint8_t *)piece_of(f, path[1], path[3], table[i].kind) + table[i].place, &value,
                   sizeof(value));
    return value;
}

static void settle_pieces(Fields *f)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n_pieces; i++) {
        Piece *p = &f->pieces[i];

        if (p->kind == PIECE_PAGES && p->dictionary_offset >= 4 && p->dictionary_offset < p->offset)
            p->offset = p->dictionary_offset;
        if (p->kind == PIECE_BLOOM_FILTER && p->length == 0)
            p->length = MIN((int64_t)(f->d->footer) - p->offset, 4096);
        if (p->offset >= 4 && p->length > 0 && (uint64_t)(p->offset + p->length) <= f->d->footer)
            f->pieces[n++] = *p;
    }
    f->n_pieces = n;
}

/* --- changing --------------------------------------------------------------------------------- */

static int64_t count_hook(void *userdata, const int64_t *path, uint32_t depth, ThriftNumber kind,
                          int64_t value)
{
    ((Fields *)userdata)->n_numbers++;
    return value;
}

static int64_t change_hook(void *userdata, const int64_t *path, uint32_t depth, ThriftNumber kind,
                           int64_t value)
{
    Fields *f = userdata;

    if (f->n_numbers++ != f->target)
        return value;
    f->was = value;
    return kind == THRIFT_NUMBER_BOOL ? 3 - value : f->value;
}

/* The footer that points to the copy of f->moved. */
static int64_t move_hook(void *userdata, const int64_t *path, uint32_t depth, ThriftNumber kind,
                         int64_t value)
{
    static const struct {
        int64_t offset, length;
    } indexes[_PIECE_KIND_MAX] = {
        [PIECE_OFFSET_INDEX] = {4, 5},
        [PIECE_COLUMN_INDEX] = {6, 7},
    };
    const Fields *f = userdata;
    const Piece *p = f->moved;
    bool is_first = p->at == (size_t)p->offset;

    if (kind != THRIFT_NUMBER_INT || path[0] != 4 || depth < 5 || path[1] != p->group ||
        path[3] != p->column)
        return value;
    if (p->kind == PIECE_PAGES) {
        if (is_chunk_field(path, depth, 3, 7))
            return value + f->longer_by;
        if (is_chunk_field(path, depth, 3, 11))
            return value + f->moved_by;
        if (is_chunk_field(path, depth, 3, 9)) /* behind the dictionary, whose header grew */
            return value + f->moved_by + (is_first && value > p->offset ? f->longer_by : 0);
        return value;
    }
    if (p->kind == PIECE_BLOOM_FILTER)
        return is_chunk_field(path, depth, 3, 14)   ? value + f->moved_by
               : is_chunk_field(path, depth, 3, 15) ? value + f->longer_by
                                                    : value;
    return is_chunk_field(path, depth, indexes[p->kind].offset, 0)   ? value + f->moved_by
           : is_chunk_field(path, depth, indexes[p->kind].length, 0) ? value + f->longer_by
                                                                     : value;
}

/* --- one copy --------------------------------------------------------------------------------- */

static size_t put_tail(uint8_t *at, size_t n_footer)
{
    uint32_t n = (uint32_t)n_footer;

    memcpy(at, &n, 4);
    memcpy(at + 4, "PAR1", 4);
    return 8;
}

static bool change_footer(Fields *f, const char *what)
{
    Damage *d = f->d;
    size_t n_footer, at = d->footer;

    f->n_numbers = 0;
    memcpy(d->bytes, d->good, at);
    n_footer = thrift_rewrite(d->good + at, d->n_good - 8 - at, d->bytes + at,
                              DAMAGE_ROOM(d->n_good) - at - 8, change_hook, f, NULL);
    if (n_footer == 0)
        return true;
    at += n_footer;
    return damage_try(d, at + put_tail(d->bytes + at, n_footer), what, f->target);
}

/* Of @piece, the struct at @piece->at. */
static bool change_piece(Fields *f, const Piece *piece, const char *what)
{
    Damage *d = f->d;
    size_t before = piece->at - (size_t)piece->offset, read, n, at, n_footer;
    size_t end = (size_t)(piece->offset + piece->length), room = DAMAGE_ROOM(d->n_good) - 8;

    memcpy(d->bytes, d->good, d->footer);
    at = d->footer;
    memcpy(d->bytes + at, d->good + piece->offset, before);
    at += before;
    f->n_numbers = 0;
    n = thrift_rewrite(d->good + piece->at, end - piece->at, d->bytes + at, room - at, change_hook,
                       f, &read);
    if (n == 0)
        return true;
    at += n;
    memcpy(d->bytes + at, d->good + piece->at + read, end - piece->at - read);
    at += end - piece->at - read;
    f->moved = piece;
    f->moved_by = (int64_t)d->footer - piece->offset;
    f->longer_by = (int64_t)n - (int64_t)read;
    n_footer = thrift_rewrite(d->good + d->footer, d->n_good - 8 - d->footer, d->bytes + at,
                              room - at, move_hook, f, NULL);
    if (n_footer == 0)
        return true;
    at += n_footer;
    return damage_try(d, at + put_tail(d->bytes + at, n_footer), what, f->target);
}

/* --- all of them ------------------------------------------------------------------------------ */

typedef struct Spread {
    uint64_t wanted, n_all;
    bool counting;
} Spread;

/* Every number of one struct, which is the footer (NULL) or in a piece, at every extreme. */
static bool change_all(Fields *f, Spread *spread, const Piece *piece, uint64_t n_numbers)
{
    const int64_t size = (int64_t)f->d->n_good;
    const int64_t values[] = {
        0,         1,          -1,        2,         9,        255,  65536,   INT32_MAX,
        INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN, size - 8, size, 1 << 24, (int64_t)1 << 40};

    for (uint64_t i = 0; i < n_numbers; i++)
        for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
            if (spread->counting) {
                spread->n_all++;
                continue;
            }
            if (damage_random(f->d, spread->n_all) >= spread->wanted)
                continue;
            f->target = i;
            f->value = values[k];
            if (!(piece ? change_piece(f, piece, "in a page or index, number")
                        : change_footer(f, "in the footer, number")))
                return false;
        }
    return true;
}

static uint64_t count_numbers(Fields *f, const Piece *p, size_t *ret_read, int64_t *ret_body)
{
    uint8_t out[65536];
    size_t end = (size_t)(p->offset + p->length);

    f->n_numbers = 0;
    *ret_body = 0;
    if (thrift_rewrite(f->d->good + p->at, end - p->at, out, sizeof(out), count_hook, f,
                       ret_read) == 0)
        return 0;
    uint64_t n = f->n_numbers;
    if (p->kind == PIECE_PAGES && n >= 3) { /* type, size, compressed size */
        f->n_numbers = 0;
        f->target = 2;
        f->value = 0;
        (void)thrift_rewrite(f->d->good + p->at, end - p->at, out, sizeof(out), change_hook, f,
                             NULL);
        *ret_body = f->was;
    }
    return n;
}

static bool change_structs(Fields *f, Spread *spread, uint64_t n_footer)
{
    if (!change_all(f, spread, NULL, n_footer))
        return false;
    for (uint32_t i = 0; i < f->n_pieces; i++) {
        Piece p = f->pieces[i];

        p.at = (size_t)p.offset;
        while (p.at < (size_t)(p.offset + p.length)) {
            size_t read = 0;
            int64_t body;
            uint64_t n = count_numbers(f, &p, &read, &body);

            if (n == 0)
                break;
            if (!change_all(f, spread, &p, n))
                return false;
            if (p.kind != PIECE_PAGES || body < 0)
                break;
            p.at += read + (size_t)body;
        }
    }
    return true;
}

bool damage_fields(Damage *d, uint64_t rounds)
{
    Fields f = {.d = d, .pieces = calloc(PIECES_MAX, sizeof(Piece))};
    Spread spread = {.wanted = rounds, .counting = true};
    uint8_t *out = malloc(DAMAGE_ROOM(d->n_good));
    bool fine = false;

    if (f.pieces && out &&
        thrift_rewrite(d->good + d->footer, d->n_good - 8 - d->footer, out, DAMAGE_ROOM(d->n_good),
                       find_hook, &f, NULL) > 0) {
        uint64_t n_footer = f.n_numbers;

        settle_pieces(&f);
        fine = change_structs(&f, &spread, n_footer);
        spread.counting = false;
        fine = fine && change_structs(&f, &spread, n_footer);
    }
    free(f.pieces);
    free(out);
    return fine;
}
