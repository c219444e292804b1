/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/regex_literal.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define UNKNOWN UINT32_MAX

/* The run of plain characters that is being read, and the longest so far. */
typedef struct Runs {
    char run[REGEX_LITERAL_MAX];
    uint32_t n;
    char *best;
    uint32_t n_best;
} Runs;

static void end_run(Runs *r)
{
    if (r->n > r->n_best) {
        memcpy(r->best, r->run, r->n);
        r->n_best = r->n;
    }
    r->n = 0;
}

static void add(Runs *r, char c)
{
    if (r->n == REGEX_LITERAL_MAX)
        end_run(r);
    r->run[r->n++] = c;
}

/* Behind the class that starts at @at. Return: UNKNOWN when it is not looked into. */
static uint32_t skip_class(const char *p, uint32_t n, uint32_t at)
{
    at++;
    if (at < n && p[at] == '^')
        at++;
    if (at < n && p[at] == ']')
        at++;
    while (at < n && p[at] != ']') {
        if (p[at] == '[') /* [:alpha:], or a set within a set */
            return UNKNOWN;
        at += p[at] == '\\' ? 2 : 1;
    }
    return at < n ? at + 1 : UNKNOWN;
}

/* Behind the group that starts at @at. */
static uint32_t skip_group(const char *p, uint32_t n, uint32_t at)
{
    uint32_t depth = 0;

    while (at < n) {
        if (p[at] == '\\') {
            at += 2;
            continue;
        }
        if (p[at] == '[') {
            at = skip_class(p, n, at);
            continue;
        }
        depth += p[at] == '(';
        if (p[at] == ')' && --depth == 0)
            return at + 1;
        at++;
    }
    return UNKNOWN;
}

/* Behind the numbers of a quantifier in braces; in any other place a brace is a character. */
static uint32_t skip_braces(const char *p, uint32_t n, uint32_t at)
{
    for (at++; at < n && (isdigit((unsigned char)p[at]) || p[at] == ','); at++)
        ;
    return at < n && p[at] == '}' ? at + 1 : UNKNOWN;
}

uint32_t regex_required_literal(const char *p, uint32_t n, char *out)
{
    Runs r = {.best = out};

    for (uint32_t at = 0; at + 1 < n; at++) /* flags may change what everything else means */
        if (p[at] == '(' && (p[at + 1] == '?' || p[at + 1] == '*'))
            return 0;
    for (uint32_t at = 0; at < n;) {
        unsigned char c = (unsigned char)p[at];
        switch (c) {
        case '|':
            return 0;
        case '\\':
            if (at + 1 == n)
                return 0;
            c = (unsigned char)p[at + 1];
            at += 2;
            if (c >= 0x80)
                return 0;
            if (!isalnum(c)) {
                add(&r, (char)c);
                continue;
            }
            if (!strchr("dDwWsSbBAzZnrt", c))
                return 0;
            end_run(&r);
            continue;
        case '(':
            end_run(&r);
            at = skip_group(p, n, at);
            if (at == UNKNOWN)
                return 0;
            continue;
        case '[':
            end_run(&r);
            at = skip_class(p, n, at);
            if (at == UNKNOWN)
                return 0;
            continue;
        case '*':
        case '?':
        case '{': /* of what was just read there may be none */
            if (r.n > 0)
                r.n--;
            end_run(&r);
            at = c == '{' ? skip_braces(p, n, at) : at + 1;
            if (at == UNKNOWN)
                return 0;
            continue;
        case '+':
        case '.':
        case '^':
        case '$':
        case ')':
        case ']':
        case '}':
            end_run(&r);
            at++;
            continue;
        default:
            /* A quantifier would take back the whole character, not its last byte. */
            if (c >= 0x80)
                end_run(&r);
            else
                add(&r, (char)c);
            at++;
        }
    }
    end_run(&r);
    return r.n_best;
}
