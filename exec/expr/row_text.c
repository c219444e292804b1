/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <libdeflate.h>
#include <stdio.h>

#include "exec/expr/utf8.h"
#include "exec/kernel/find.h"
#include "exec/vec/nested.h"
#include "exec/vec/ops.h"

/* Strings. Characters are UTF-8 code points. */

/* Bytes of the first @n characters. */
static uint32_t bytes_of(const char *text, uint32_t length, int64_t n)
{
    uint32_t at = 0;
    for (; n > 0 && at < length; n--)
        at = utf8_next(text, length, at);
    return at;
}

static int row_pad(RowCall *c)
{
    const VecString *text = row_string(c, 0), *pad = row_string(c, 2);
    const char *bytes = vec_string_data(text), *fill = vec_string_data(pad);
    int64_t wanted = row_int(c, 1), have = utf8_count(bytes, text->length);
    int64_t n_pad = utf8_count(fill, pad->length);
    bool left = c->step->function == FN_LPAD;
    int r;

    if (wanted <= 0)
        return row_set_part(c, vec_string("", 0));
    if (have >= wanted || n_pad == 0)
        return row_set_part(c, vec_string(bytes, bytes_of(bytes, text->length, wanted)));
    uint64_t whole = (uint64_t)((wanted - have) / n_pad);
    uint32_t part = bytes_of(fill, pad->length, (wanted - have) % n_pad);
    uint64_t n_fill = whole * pad->length + part;
    char *out = row_bytes(c, n_fill + text->length, &r);
    if (!out)
        return r;
    char *to = left ? out : out + text->length;
    for (uint64_t i = 0; i < whole; i++)
        memcpy(to + i * pad->length, fill, pad->length);
    memcpy(to + whole * pad->length, fill, part);
    memcpy(left ? out + n_fill : out, bytes, text->length);
    return row_set_part(c, vec_string(out, (uint32_t)(n_fill + text->length)));
}

static int row_repeat(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    int64_t n = row_int(c, 1);
    int r;

    if (n <= 0 || text->length == 0)
        return row_set_part(c, vec_string("", 0));
    char *out = row_bytes(c, (uint64_t)n * text->length, &r);
    if (!out)
        return r;
    for (int64_t i = 0; i < n; i++)
        memcpy(out + (size_t)i * text->length, vec_string_data(text), text->length);
    return row_set_part(c, vec_string(out, (uint32_t)n * text->length));
}

static int row_translate(RowCall *c)
{
    const VecString *text = row_string(c, 0), *from = row_string(c, 1), *with = row_string(c, 2);
    const char *bytes = vec_string_data(text), *f = vec_string_data(from),
               *w = vec_string_data(with);
    uint32_t n = 0;
    int r;
    char *out = row_bytes(c, (uint64_t)text->length * 4, &r);

    if (!out)
        return r;
    for (uint32_t at = 0, next; at < text->length; at = next) {
        next = utf8_next(bytes, text->length, at);
        const char *put = bytes + at;
        uint32_t n_put = next - at;
        /* The first place of the character in @from counts. */
        for (uint32_t i = 0, k = 0, i_next; i < from->length; i = i_next) {
            i_next = utf8_next(f, from->length, i);
            uint32_t k_next = k < with->length ? utf8_next(w, with->length, k) : k;
            if (i_next - i == next - at && memcmp(f + i, bytes + at, next - at) == 0) {
                put = w + k;
                n_put = k_next - k;
                break;
            }
            k = k_next;
        }
        memcpy(out + n, put, n_put);
        n += n_put;
    }
    return row_set_part(c, vec_string(out, n));
}

static int row_initcap(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const char *bytes = vec_string_data(text);
    bool first = true;
    uint32_t n = 0;
    int r;
    char *out = row_bytes(c, (uint64_t)text->length * 2 + 8, &r);

    if (!out)
        return r;
    for (uint32_t at = 0, next; at < text->length; at = next) {
        next = utf8_next(bytes, text->length, at);
        n += utf8_map_case(bytes + at, next - at, first, out + n);
        first = bytes[at] == ' ';
    }
    return row_set_part(c, vec_string(out, n));
}

/* What stands between separators, in the order of the arguments; arrays give each element. */
typedef struct Texts {
    RowCall *c;
    const VecString *separator;
    char *to; /* NULL: only counted */
    uint64_t n;
    bool any;
} Texts;

static void texts_put(Texts *t, const VecString *s)
{
    const VecString *parts[2] = {t->any ? t->separator : NULL, s};
    for (int i = 0; i < 2; i++) {
        if (!parts[i])
            continue;
        if (t->to)
            memcpy(t->to + t->n, vec_string_data(parts[i]), parts[i]->length);
        t->n += parts[i]->length;
    }
    t->any = true;
}

static void texts_all(Texts *t)
{
    RowCall *c = t->c;
    t->n = 0;
    t->any = false;
    for (uint32_t i = 1; i < c->n_args; i++) {
        if (row_null(c, i))
            continue;
        const VecString *s = row_string(c, i);
        if (c->v[i]->type.kind != TYPE_ARRAY) {
            texts_put(t, s);
            continue;
        }
        NestedItem item;
        for (uint32_t k = 0, n = nested_count(s); k < n; k++) {
            nested_element(c->v[i]->type.children[0].type, s, k, &item);
            if (!item.is_null)
                texts_put(t, &item.value.s);
        }
    }
}

static int row_concat_ws(RowCall *c)
{
    if (row_null(c, 0))
        return row_set_null(c);
    Texts t = {.c = c, .separator = row_string(c, 0)};
    int r;

    texts_all(&t);
    t.to = row_bytes(c, t.n, &r);
    if (!t.to)
        return r;
    texts_all(&t);
    return row_set_part(c, vec_string(t.to, (uint32_t)t.n));
}

/* The @n-th place of a delimiter, from the front or, below 0, from the end; the text's end or
 * beginning when there are fewer. */
static const char *nth_place(const VecString *text, const VecString *delimiter, int64_t n,
                             bool *ret_found)
{
    const char *begin = vec_string_data(text), *end = begin + text->length, *at = begin;
    const char *d = vec_string_data(delimiter);

    *ret_found = true;
    for (; n > 0; n--) {
        at = find_bytes(at, (size_t)(end - at), d, delimiter->length);
        if (!at)
            return *ret_found = false, end;
        if (n == 1)
            return at;
        at += delimiter->length;
    }
    for (at = end - delimiter->length; at >= begin; at--)
        if (memcmp(at, d, delimiter->length) == 0 && ++n == 0)
            return at;
    return *ret_found = false, begin;
}

static int row_substring_index(RowCall *c)
{
    const VecString *text = row_string(c, 0), *delimiter = row_string(c, 1);
    int64_t n = row_int(c, 2);
    const char *begin = vec_string_data(text);
    bool found;

    if (n == 0 || delimiter->length == 0 || text->length == 0)
        return row_set_part(c, vec_string("", 0));
    if (text->length < delimiter->length)
        return row_set_part(c, *text);
    const char *at = nth_place(text, delimiter, n, &found);
    if (!found)
        return row_set_part(c, *text);
    if (n > 0)
        return row_set_text(c, begin, (size_t)(at - begin));
    at += delimiter->length;
    return row_set_text(c, at, (size_t)(begin + text->length - at));
}

static int row_split_part(RowCall *c)
{
    const VecString *text = row_string(c, 0), *delimiter = row_string(c, 1);
    const char *begin = vec_string_data(text), *end = begin + text->length, *at = begin, *d;
    int64_t n = row_int(c, 2), count = 1;

    if (n == 0)
        return row_fail(c, DATA_ERROR_RUNTIME, "INVALID_INDEX_OF_ZERO", "22003",
                        "The index 0 is invalid. An index shall be either < 0 or > 0 (the first "
                        "element has index 1).");
    d = vec_string_data(delimiter);
    if (delimiter->length == 0)
        return n == 1 || n == -1 ? row_set_part(c, *text) : row_set_part(c, vec_string("", 0));
    for (const char *p = at; (p = find_bytes(p, (size_t)(end - p), d, delimiter->length));
         p += delimiter->length)
        count++;
    n = n < 0 ? count + n + 1 : n;
    if (n < 1 || n > count)
        return row_set_part(c, vec_string("", 0));
    for (; n > 1; n--)
        at = find_bytes(at, (size_t)(end - at), d, delimiter->length) + delimiter->length;
    const char *to = find_bytes(at, (size_t)(end - at), d, delimiter->length);
    return row_set_text(c, at, (size_t)((to ? to : end) - at));
}

/* Where a part first stands, from a place on. A place that is NULL is before all. */
static int row_locate(RowCall *c)
{
    if (row_null(c, 2))
        return row_set_int(c, 0);
    if (row_null(c, 0) || row_null(c, 1))
        return row_set_null(c);
    const VecString *part = row_string(c, 0), *text = row_string(c, 1);
    const char *begin = vec_string_data(text);
    int64_t from = row_int(c, 2);

    if (from < 1)
        return row_set_int(c, 0);
    if (part->length == 0)
        return row_set_int(c, 1);
    uint32_t at = bytes_of(begin, text->length, from - 1);
    const char *found =
        find_bytes(begin + at, text->length - at, vec_string_data(part), part->length);
    return row_set_int(c, found ? (int64_t)utf8_count(begin, (uint32_t)(found - begin)) + 1 : 0);
}

static int row_ascii(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    const unsigned char *p = (const unsigned char *)vec_string_data(text);
    static const uint8_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    int64_t code;

    if (text->length == 0)
        return row_set_int(c, 0);
    uint32_t n = utf8_next((const char *)p, text->length, 0);
    code = p[0] & masks[n <= 4 ? n - 1 : 0];
    for (uint32_t i = 1; i < n && n <= 4; i++)
        code = code << 6 | (p[i] & 0x3f);
    return row_set_int(c, code);
}

static int row_chr(RowCall *c)
{
    int64_t n = row_int(c, 0);
    uint8_t low = (uint8_t)n;
    char two[2] = {(char)(0xc0 | low >> 6), (char)(0x80 | (low & 0x3f))};

    if (n < 0)
        return row_set_part(c, vec_string("", 0));
    return low < 0x80 ? row_set_text(c, (const char *)&low, 1) : row_set_text(c, two, 2);
}

static int row_find_in_set(RowCall *c)
{
    const VecString *word = row_string(c, 0), *list = row_string(c, 1);
    const char *w = vec_string_data(word), *at = vec_string_data(list), *end = at + list->length;

    if (memchr(w, ',', word->length))
        return row_set_int(c, 0);
    for (int64_t number = 1;; number++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t n = (size_t)((comma ? comma : end) - at);
        if (n == word->length && memcmp(at, w, n) == 0)
            return row_set_int(c, number);
        if (!comma)
            return row_set_int(c, 0);
        at = comma + 1;
    }
}

#define LEVENSHTEIN_MAX 8192u

static int row_levenshtein(RowCall *c)
{
    const VecString *a = row_string(c, 0), *b = row_string(c, 1);
    const char *p = vec_string_data(a), *q = vec_string_data(b);
    uint32_t n = utf8_count(q, b->length), i = 0;
    int r;

    if (c->n_args == 3 && row_int(c, 2) < 0)
        return row_set_int(c, -1);
    if (a->length > LEVENSHTEIN_MAX || b->length > LEVENSHTEIN_MAX)
        return row_fail(c, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                        "levenshtein() takes texts of up to %u bytes.", LEVENSHTEIN_MAX);
    char *room = row_bytes(c, ((uint64_t)n + 1) * sizeof(uint32_t) + 8, &r);
    if (!room)
        return r;
    uint32_t *line = (uint32_t *)(((uintptr_t)room + 7) & ~(uintptr_t)7);
    for (uint32_t k = 0; k <= n; k++)
        line[k] = k;
    for (uint32_t at = 0, next; at < a->length; at = next) {
        next = utf8_next(p, a->length, at);
        uint32_t diagonal = line[0], k = 0;
        line[0] = ++i;
        for (uint32_t bt = 0, b_next; bt < b->length; bt = b_next, k++) {
            b_next = utf8_next(q, b->length, bt);
            bool same = next - at == b_next - bt && memcmp(p + at, q + bt, next - at) == 0;
            uint32_t best = diagonal + !same, above = line[k + 1] + 1, before = line[k] + 1;
            diagonal = line[k + 1];
            best = above < best ? above : best;
            line[k + 1] = before < best ? before : best;
        }
    }
    bool beyond = c->n_args == 3 && line[n] > row_int(c, 2);
    return row_set_int(c, beyond ? -1 : line[n]);
}

static int row_octet_length(RowCall *c)
{
    return row_set_int(c, row_string(c, 0)->length);
}

static int row_crc32(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    return row_set_int(c, libdeflate_crc32(0, vec_string_data(text), text->length));
}

static int row_overlay(RowCall *c)
{
    const VecString *text = row_string(c, 0), *other = row_string(c, 1);
    const char *bytes = vec_string_data(text);
    int64_t from = row_int(c, 2), n = row_int(c, 3);
    int r;

    if (n < 0)
        n = utf8_count(vec_string_data(other), other->length);
    uint32_t begin = bytes_of(bytes, text->length, from - 1);
    uint32_t end = bytes_of(bytes, text->length, from - 1 + n);
    end = end < begin ? begin : end;
    uint64_t size = (uint64_t)begin + other->length + text->length - end;
    char *out = row_bytes(c, size, &r);
    if (!out)
        return r;
    memcpy(out, bytes, begin);
    memcpy(out + begin, vec_string_data(other), other->length);
    memcpy(out + begin + other->length, bytes + end, text->length - end);
    return row_set_part(c, vec_string(out, (uint32_t)size));
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_text[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(LPAD) = {.row = row_pad},
    AT(RPAD) = {.row = row_pad},
    AT(REPEAT) = {.row = row_repeat},
    AT(TRANSLATE) = {.row = row_translate},
    AT(INITCAP) = {.row = row_initcap},
    AT(CONCAT_WS) = {.row = row_concat_ws, .flags = ROW_NULLS},
    AT(SUBSTRING_INDEX) = {.row = row_substring_index},
    AT(LOCATE) = {.row = row_locate, .flags = ROW_SAFE | ROW_NULLS},
    AT(ASCII) = {.row = row_ascii, .flags = ROW_SAFE},
    AT(CHR) = {.row = row_chr, .flags = ROW_SAFE},
    AT(SPLIT_PART) = {.row = row_split_part},
    AT(FIND_IN_SET) = {.row = row_find_in_set, .flags = ROW_SAFE},
    AT(LEVENSHTEIN) = {.row = row_levenshtein},
    AT(OCTET_LENGTH) = {.row = row_octet_length, .flags = ROW_SAFE},
    AT(CRC32) = {.row = row_crc32, .flags = ROW_SAFE},
    AT(OVERLAY) = {.row = row_overlay},
};
