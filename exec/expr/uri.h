/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The parts of a URI. Source: RFC 2396 with the literal IPv6 addresses of RFC 2732; characters
 * outside ASCII stand wherever escapes may, as java.net.URI has it.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct UriPart {
    uint32_t from, n;
    bool is_there;
} UriPart;

typedef struct Uri {
    UriPart scheme, authority, user, host, path, query, fragment;
} Uri;

/* Return: false when it is no URI. */
bool uri_parse(const char *text, uint32_t n, Uri *ret);
