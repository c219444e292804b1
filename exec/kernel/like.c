/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/like.h"

#include "exec/kernel/find.h"

#include <string.h>

int like_compile(const char *pattern, uint32_t n, int escape, MemArena *arena,
                 LikePattern *ret_pattern)
{
    if (n > LIKE_PATTERN_MAX)
        return LIKE_E_TOO_LONG;

    char *bytes = mem_arena_alloc(arena, n + 1, 1);
    uint8_t *any = mem_arena_zalloc(arena, n + 1, 1);
    LikeSegment *segments = mem_arena_new_array(arena, LikeSegment, n + 1);
    if (!bytes || !any || !segments)
        return mem_arena_error(arena);

    LikePattern p = {.segments = segments};
    uint32_t at = 0, start = 0;
    bool has_any = false;
    for (uint32_t i = 0; i <= n; i++) {
        if (i == n || (pattern[i] == '%' && (unsigned char)pattern[i] != escape)) {
            segments[p.n_segments++] = (LikeSegment){
                .bytes = bytes + start, .any = has_any ? any + start : NULL, .length = at - start};
            start = at;
            has_any = false;
            continue;
        }
        if ((unsigned char)pattern[i] == escape) {
            if (++i == n)
                return LIKE_E_ESCAPE_END;
            if (pattern[i] != '%' && pattern[i] != '_' && (unsigned char)pattern[i] != escape)
                return LIKE_E_ESCAPE_MIDDLE;
        } else if (pattern[i] == '_') {
            any[at] = 1;
            has_any = true;
        }
        bytes[at++] = pattern[i];
    }
    p.min_length = at;
    *ret_pattern = p;
    return 0;
}

/* Bytes after the character that starts at @at. A byte that is no start counts as one. */
static uint32_t skip_character(const char *text, uint32_t n, uint32_t at)
{
    at++;
    while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* Does @s match at @at? Return: where it ends, or UINT32_MAX. */
static uint32_t match_at(const LikeSegment *s, const char *text, uint32_t n, uint32_t at)
{
    if (!s->any) {
        if (n - at < s->length || memcmp(text + at, s->bytes, s->length) != 0)
            return UINT32_MAX;
        return at + s->length;
    }
    for (uint32_t i = 0; i < s->length; i++) {
        if (at >= n)
            return UINT32_MAX;
        if (s->any[i])
            at = skip_character(text, n, at);
        else if (text[at++] != s->bytes[i])
            return UINT32_MAX;
    }
    return at;
}

bool like_match(const LikePattern *p, const char *text, uint32_t n)
{
    if (n < p->min_length)
        return false;
    const LikeSegment *first = &p->segments[0], *last = &p->segments[p->n_segments - 1];
    uint32_t at = match_at(first, text, n, 0);
    if (p->n_segments == 1)
        return at == n;
    if (at == UINT32_MAX)
        return false;

    /* The leftmost match of each segment leaves most to the next, so there is no going back. */
    for (const LikeSegment *s = first + 1; s < last; s++) {
        if (s->length == 0)
            continue;
        if (!s->any) {
            const char *hit = find_bytes(text + at, n - at, s->bytes, s->length);
            if (!hit)
                return false;
            at = (uint32_t)(hit - text) + s->length;
            continue;
        }
        uint32_t end = UINT32_MAX;
        for (uint32_t i = at; i < n && end == UINT32_MAX; i++)
            end = match_at(s, text, n, i);
        if (end == UINT32_MAX)
            return false;
        at = end;
    }

    if (last->length == 0)
        return true;
    if (!last->any)
        return n - at >= last->length &&
               memcmp(text + n - last->length, last->bytes, last->length) == 0;
    for (uint32_t i = at; i < n; i++)
        if (match_at(last, text, n, i) == n)
            return true;
    return false;
}
