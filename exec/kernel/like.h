/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SQL LIKE: '%' any characters, '_' one UTF-8 character, an escape character in front of '%', '_'
 * or itself. Patterns without '_' between their '%' run on memcmp() and memmem().
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"

#define LIKE_PATTERN_MAX 65536u

enum {
    LIKE_E_ESCAPE_END = 101,    /* the escape character is the last */
    LIKE_E_ESCAPE_MIDDLE = 102, /* the escape character stands before an ordinary character */
    LIKE_E_TOO_LONG = 103,
};

/* What stands between two '%'. */
typedef struct LikeSegment {
    const char *bytes;
    const uint8_t *any; /* per byte: 1 when it is a '_'; NULL when none is */
    uint32_t length;
} LikeSegment;

typedef struct LikePattern {
    uint32_t n_segments; /* 1: no '%' at all */
    LikeSegment *segments;
    uint32_t min_length; /* bytes that any match has at least */
} LikePattern;

/* @escape: a byte below 128, or -1 for none. Return: 0; LIKE_E_*; MEM_E_*; negative errno. */
int like_compile(const char *pattern, uint32_t n, int escape, MemArena *arena,
                 LikePattern *ret_pattern);
bool like_match(const LikePattern *pattern, const char *text, uint32_t n);
