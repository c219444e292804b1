/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/cleanup.h"
#include "exec/text/csv.h"

/*
 * Cutting a text into records and fields. 64 bytes at a time are compared with the four characters
 * that matter; the bits of that are walked. A field that begins with a quote leaves that path, as
 * do separators of several characters (only their first is looked for).
 */

struct CsvScan {
    const CsvOptions *options;
    MemArena *arena; /* unescaped texts */
    const uint8_t *text, *end, *at;
    bool begun; /* the header of the file is behind us */
    /* The block of 64 bytes that is being walked. */
    const uint8_t *block;
    uint64_t bits;
};

int csv_scan_new(const CsvOptions *options, MemPool *pool, CsvScan **ret_scan)
{
    CsvScan *scan = calloc(1, sizeof(*scan));
    int r = scan ? mem_arena_new(pool, "CSV", &scan->arena) : -ENOMEM;

    if (r != 0) {
        free(scan);
        return r;
    }
    scan->options = options;
    *ret_scan = scan;
    return 0;
}

CsvScan *csv_scan_free(CsvScan *scan)
{
    if (scan) {
        (void)mem_arena_free(scan->arena);
        free(scan);
    }
    return NULL;
}

void csv_scan_forget(CsvScan *scan)
{
    mem_arena_reset(scan->arena);
}

/* --- characters that matter ------------------------------------------------------------------- */

static uint64_t special_bits(const CsvScan *scan, const uint8_t *at)
{
    const CsvOptions *o = scan->options;
    uint64_t bits = 0;
#if defined(__SSE2__)
    const __m128i separator = _mm_set1_epi8(o->separator[0]);
    const __m128i quote = _mm_set1_epi8(o->quote ? o->quote : '\n');
    const __m128i feed = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r');

    for (uint32_t i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, separator), _mm_cmpeq_epi8(v, quote)),
                         _mm_or_si128(_mm_cmpeq_epi8(v, feed), _mm_cmpeq_epi8(v, back)));

        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * i);
    }
#else
    for (uint32_t i = 0; i < 64; i++)
        bits |= (uint64_t)(at[i] == (uint8_t)o->separator[0] || at[i] == '\n' || at[i] == '\r' ||
                           (o->quote && at[i] == (uint8_t)o->quote))
                << i;
#endif
    return bits;
}

/* Go on at @at. */
static void scan_seek(CsvScan *scan, const uint8_t *at)
{
    if (at >= scan->end) {
        scan->block = scan->end;
        scan->bits = 0;
    } else if (at >= scan->block && at < scan->block + 64) {
        scan->bits &= ~UINT64_C(0) << (at - scan->block);
    } else {
        scan->block = at;
        scan->bits = special_bits(scan, at);
    }
}

/* The next of them, or the end. */
static inline const uint8_t *scan_next(CsvScan *scan)
{
    const uint8_t *found;

    while (scan->bits == 0) {
        if (scan->end - scan->block <= 64)
            return scan->end;
        scan->block += 64;
        scan->bits = special_bits(scan, scan->block);
    }
    found = scan->block + __builtin_ctzll(scan->bits);
    scan->bits &= scan->bits - 1;
    return found < scan->end ? found : scan->end;
}

static bool at_separator(const CsvScan *scan, const uint8_t *at)
{
    const CsvOptions *o = scan->options;

    return (size_t)(scan->end - at) >= o->n_separator &&
           memcmp(at, o->separator, o->n_separator) == 0;
}

static const uint8_t *line_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

static const uint8_t *after_line(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n')
        return at + 2;
    return at < end ? at + 1 : end;
}

uint64_t row_line_end(const uint8_t *text, uint64_t at, uint64_t n)
{
    return (uint64_t)(after_line(line_end(text + at, text + n), text + n) - text);
}

/* --- fields ----------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
    return c <= ' ';
}

static void trim(const CsvOptions *o, CsvField *field)
{
    while (o->trim_leading && field->n > 0 && is_space(*field->text)) {
        field->text++;
        field->n--;
    }
    while (o->trim_trailing && field->n > 0 && is_space(field->text[field->n - 1]))
        field->n--;
}

/* Nothing between two separators is no value; nothing between two quotes is the empty one. */
static void put_plain(const CsvOptions *o, const uint8_t *from, const uint8_t *to, CsvField *ret)
{
    *ret = (CsvField){from, (uint32_t)(to - from)};
    if (o->trim_leading || o->trim_trailing)
        trim(o, ret);
    if (ret->n == 0)
        ret->text = NULL;
}

/* Takes the escapes out of [@from, @to), behind @n_front bytes of @front. */
static int unescape(CsvScan *scan, const uint8_t *from, const uint8_t *to, const uint8_t *rest,
                    const uint8_t *rest_end, bool with_quote, CsvField *ret)
{
    const CsvOptions *o = scan->options;
    size_t room = (size_t)(to - from) + (size_t)(rest_end - rest) + 2, n = 0;
    uint8_t *out;

    if (room > INT32_MAX)
        return -E2BIG;
    out = mem_arena_alloc(scan->arena, room, 1);
    if (!out)
        return mem_arena_error(scan->arena);
    if (with_quote)
        out[n++] = (uint8_t)o->quote;
    while (from < to) {
        bool escaped = o->escape && *from == (uint8_t)o->escape && from + 1 < to &&
                       (from[1] == (uint8_t)o->quote || from[1] == (uint8_t)o->escape);

        from += escaped;
        out[n++] = *from++;
    }
    if (rest_end > rest)
        memcpy(out + n, rest, (size_t)(rest_end - rest));
    n += (size_t)(rest_end - rest);
    *ret = (CsvField){out, (uint32_t)n};
    return 0;
}

/* Behind a quote that nobody closed, up to the next separator. */
static const uint8_t *to_separator(const CsvScan *scan, const uint8_t *at, const uint8_t *limit)
{
    while (at < limit && *at != '\n' && *at != '\r' && !at_separator(scan, at))
        at++;
    return at;
}

/*
 * A field that begins with a quote at @from. @ret_end: what ends it, a separator, a line end or
 * @limit. A quote inside that is followed by anything else ends nothing: then the field is what
 * stands there up to the next separator, its quotes included.
 */
static int quoted_field(CsvScan *scan, const uint8_t *from, const uint8_t *limit, CsvField *ret,
                        const uint8_t **ret_end)
{
    const CsvOptions *o = scan->options;
    const uint8_t *at = from + 1, *after;
    bool escapes = false;
    int r = 0;

    for (; at < limit; at++) {
        if (o->escape && *at == (uint8_t)o->escape && at + 1 < limit &&
            (at[1] == (uint8_t)o->quote ||
             (o->escape != o->quote && at[1] == (uint8_t)o->escape))) {
            escapes = true;
            at++;
        } else if (*at == (uint8_t)o->quote) {
            break;
        }
    }
    if ((size_t)(limit - from) > INT32_MAX)
        return -E2BIG;
    after = at + (at < limit);
    while (after < limit && is_space(*after) && *after != '\n' && *after != '\r' &&
           !at_separator(scan, after))
        after++;
    if (at < limit && after < limit && *after != '\n' && *after != '\r' &&
        !at_separator(scan, after)) {
        after = to_separator(scan, at + 1, limit);
        *ret_end = after;
        if (escapes)
            r = unescape(scan, from + 1, at, at, after, true, ret);
        else
            *ret = (CsvField){from, (uint32_t)(after - from)};
        if (r == 0)
            trim(&(CsvOptions){.trim_trailing = o->trim_trailing}, ret);
        return r;
    }
    *ret_end = after;
    if (escapes)
        r = unescape(scan, from + 1, at, at, at, false, ret);
    else
        *ret = (CsvField){from + 1, (uint32_t)(at - from - 1)};
    if (r == 0 && ret->n == 0)
        *ret = (CsvField){(const uint8_t *)o->empty_value, (uint32_t)strlen(o->empty_value)};
    return r;
}

/* --- records ---------------------------------------------------------------------------------- */

/* Lines of spaces and comments are no records. Return: false at the end of the text. */
static bool skip_empty(CsvScan *scan)
{
    const CsvOptions *o = scan->options;

    while (scan->at < scan->end) {
        const uint8_t *at = scan->at;

        if (o->comment && *at == (uint8_t)o->comment) {
            scan->at = after_line(line_end(at, scan->end), scan->end);
            continue;
        }
        while (at < scan->end && is_space(*at) && *at != '\n' && *at != '\r')
            at++;
        if (at < scan->end && *at != '\n' && *at != '\r')
            return true;
        scan->at = after_line(at, scan->end);
    }
    return false;
}

static inline void put_field(CsvField *fields, uint32_t n_room, uint32_t k, const CsvField *field)
{
    if (k < n_room)
        fields[k] = *field;
}

static int read_record(CsvScan *scan, CsvField *fields, uint32_t n_room, uint32_t *ret_n,
                       CsvField *ret_text)
{
    const CsvOptions *o = scan->options;
    const uint8_t *from = scan->at, *start = scan->at, *end;
    CsvField field;
    uint32_t k = 0;
    int r;

    scan_seek(scan, from);
    for (;;) {
        end = scan_next(scan);
        if (end < scan->end && o->quote && *end == (uint8_t)o->quote &&
            *end != (uint8_t)o->separator[0]) {
            const uint8_t *first = from;

            while (o->trim_leading && first < end && is_space(*first))
                first++;
            if (first != end)
                continue; /* inside of a plain field it is like any other */
            r = quoted_field(scan, end, o->text.multi_line ? scan->end : line_end(end, scan->end),
                             &field, &end);
            if (r != 0)
                return r;
            scan_seek(scan, end);
            (void)scan_next(scan); /* @end itself */
        } else if (end < scan->end && *end != '\n' && *end != '\r' && !at_separator(scan, end)) {
            continue;
        } else {
            put_plain(o, from, end, &field);
        }
        put_field(fields, n_room, k++, &field);
        if (end == scan->end || *end == '\n' || *end == '\r')
            break;
        if (k == CSV_COLUMNS_MAX)
            return -E2BIG;
        from = end + o->n_separator;
        if (o->n_separator > 1)
            scan_seek(scan, from);
    }
    *ret_text = (CsvField){start, (uint32_t)MIN((size_t)(end - start), (size_t)INT32_MAX)};
    *ret_n = k;
    scan->at = after_line(end, scan->end);
    for (; k < n_room; k++)
        fields[k] = (CsvField){0};
    return 0;
}

int csv_scan_record(CsvScan *scan, CsvField *fields, uint32_t n_room, uint32_t *ret_n,
                    CsvField *ret_text)
{
    if (!skip_empty(scan))
        return -ENODATA;
    if (!scan->begun) {
        int r;

        scan->begun = true;
        if (scan->options->header) {
            r = read_record(scan, fields, 0, ret_n, ret_text);
            if (r != 0)
                return r;
            if (!skip_empty(scan))
                return -ENODATA;
        }
    }
    return read_record(scan, fields, n_room, ret_n, ret_text);
}

void csv_scan_begin(CsvScan *scan, const uint8_t *text, uint64_t n, bool is_first)
{
    uint64_t skip = is_first ? row_mark_bytes(text, n) : 0;

    scan->text = scan->at = text + skip;
    scan->end = text + n;
    scan->begun = !is_first;
    scan->block = scan->end;
    scan->bits = 0;
}
