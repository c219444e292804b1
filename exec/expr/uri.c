/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/uri.h"

#include <string.h>

#include "exec/expr/utf8.h"

/* Which characters stand where, beside letters and digits. */
#define MARK "_-!.~'()*"
#define USER_CHARS MARK ";:&=+$,%"
#define REGISTRY_CHARS MARK "$,;:@&=+%"
#define SERVER_CHARS USER_CHARS "@[]"
#define PATH_CHARS MARK ":@&=+$,;/%"
#define ANY_CHARS MARK ";/?:@&=+$,[]%"

static bool is_alpha(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_hex(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
}

/* Does [@at, @end) hold letters, digits, characters of @more, whole escapes and what is not ASCII?
 */
static bool all_of(const char *text, uint32_t at, uint32_t end, const char *more)
{
    while (at < end) {
        char ch = text[at];
        if ((unsigned char)ch >= 0x80) {
            uint32_t code = utf8_code(text, end, &at);
            /* Neither control characters nor blanks. */
            if (code < 0xa1 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
                code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
                code == 0x3000)
                return false;
            continue;
        }
        if (!is_alpha(ch) && !is_digit(ch) && !(ch && strchr(more, ch)))
            return false;
        if (ch == '%' && (at + 2 >= end || !is_hex(text[at + 1]) || !is_hex(text[at + 2])))
            return false;
        at++;
    }
    return true;
}

/* The first of @stops from @at on, or @end. */
static uint32_t find_any(const char *text, uint32_t at, uint32_t end, const char *stops)
{
    while (at < end && !(text[at] && strchr(stops, text[at])))
        at++;
    return at;
}

static UriPart part(uint32_t from, uint32_t to)
{
    return (UriPart){from, to - from, true};
}

static bool is_ipv4(const char *text, uint32_t at, uint32_t end)
{
    for (int i = 0; i < 4; i++) {
        uint32_t value = 0, digits = 0;
        for (; at < end && is_digit(text[at]) && digits < 4; at++, digits++)
            value = value * 10 + (uint32_t)(text[at] - '0');
        if (digits == 0 || digits > 3 || value > 255)
            return false;
        if (i < 3 && (at == end || text[at++] != '.'))
            return false;
    }
    return at == end;
}

/* Labels of letters, digits and inner dashes between dots; the last begins with a letter unless it
 * is the only one. */
static bool is_host_name(const char *text, uint32_t at, uint32_t end)
{
    uint32_t start = at, label = at;
    bool any = false;

    while (at < end) {
        uint32_t stop = at;
        while (stop < end && (is_alpha(text[stop]) || is_digit(text[stop]) || text[stop] == '-'))
            stop++;
        if (stop == at)
            break;
        if (text[at] == '-' || text[stop - 1] == '-')
            return false;
        label = at;
        any = true;
        at = stop;
        if (at == end || text[at] != '.')
            break;
        at++;
    }
    return any && at == end && (label == start || is_alpha(text[label]));
}

static bool is_ipv6(const char *text, uint32_t at, uint32_t end)
{
    uint32_t colons = 0, scope = find_any(text, at, end, "%");
    if (scope < end && scope + 1 == end)
        return false;
    for (uint32_t i = at; i < scope; i++) {
        colons += text[i] == ':';
        if (!is_hex(text[i]) && text[i] != ':' && text[i] != '.')
            return false;
    }
    return colons >= 2 && colons <= 8;
}

/* user@host:port; nothing is set when it is not that. */
static bool parse_server(const char *text, uint32_t at, uint32_t end, Uri *uri)
{
    uint32_t sign = find_any(text, at, end, "@"), host, stop;
    bool has_user = sign < end;

    if (has_user && !all_of(text, at, sign, USER_CHARS))
        return false;
    host = has_user ? sign + 1 : at;
    if (host < end && text[host] == '[') {
        stop = find_any(text, host, end, "]");
        if (stop == end || !is_ipv6(text, host + 1, stop))
            return false;
        stop++;
    } else {
        stop = find_any(text, host, end, ":");
        if (!is_ipv4(text, host, stop) && !is_host_name(text, host, stop))
            return false;
    }
    if (stop < end && text[stop] != ':')
        return false;
    uint64_t port = 0;
    for (uint32_t i = stop + 1; i < end; i++) {
        if (!is_digit(text[i]))
            return false;
        port = port * 10 + (uint64_t)(text[i] - '0');
        if (port > INT32_MAX)
            return false;
    }
    uri->host = part(host, stop);
    if (has_user)
        uri->user = part(at, sign);
    return true;
}

/* A server, or any name of a registry. */
static bool parse_authority(const char *text, uint32_t at, uint32_t end, Uri *uri)
{
    uri->authority = part(at, end);
    /* In an IPv6 address a percent sign begins the scope. */
    bool server = find_any(text, at, end, "]") < end || all_of(text, at, end, SERVER_CHARS);
    return (server && parse_server(text, at, end, uri)) || all_of(text, at, end, REGISTRY_CHARS);
}

static bool parse_fragment(const char *text, uint32_t at, uint32_t n, Uri *uri)
{
    if (at == n)
        return true;
    uri->fragment = part(at + 1, n);
    return all_of(text, at + 1, n, ANY_CHARS);
}

static bool parse_hierarchical(const char *text, uint32_t at, uint32_t n, Uri *uri)
{
    if (at + 1 < n && text[at] == '/' && text[at + 1] == '/') {
        uint32_t end = find_any(text, at + 2, n, "/?#");
        if (end > at + 2) {
            if (!parse_authority(text, at + 2, end, uri))
                return false;
        } else if (end == n) {
            return false;
        }
        at = end;
    }
    uint32_t end = find_any(text, at, n, "?#");
    uri->path = part(at, end);
    if (!all_of(text, at, end, PATH_CHARS))
        return false;
    if (end < n && text[end] == '?') {
        at = end + 1;
        end = find_any(text, at, n, "#");
        uri->query = part(at, end);
        if (!all_of(text, at, end, ANY_CHARS))
            return false;
    }
    return parse_fragment(text, end, n, uri);
}

bool uri_parse(const char *text, uint32_t n, Uri *ret)
{
    *ret = (Uri){0};
    uint32_t colon = find_any(text, 0, n, "/?#:");
    if (colon == n || text[colon] != ':')
        return parse_hierarchical(text, 0, n, ret);
    if (colon == 0 || !is_alpha(text[0]))
        return false;
    for (uint32_t i = 0; i < colon; i++)
        if (!is_alpha(text[i]) && !is_digit(text[i]) && !strchr("+-.", text[i]))
            return false;
    ret->scheme = part(0, colon);
    uint32_t at = colon + 1;
    if (at < n && text[at] == '/')
        return parse_hierarchical(text, at, n, ret);
    uint32_t end = find_any(text, at, n, "#");
    return end > at && all_of(text, at, end, ANY_CHARS) && parse_fragment(text, end, n, ret);
}
