/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of every verb but sql: the same few options before or after the verb's own
 * words. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Options {
    bool json, legend, slots, once;
    uint64_t interval_usec;
    bool failed;
    uint32_t lines;      /* 0: as many as the verb thinks best */
    uint64_t since_usec; /* so long ago; 0: everything */
    const char *reason;
    const char *days, *user; /* NULL: not given */
    int n_words;             /* what is left after the options */
    char **words;
} Options;

/* Which options a verb knows beside --help, --json, --no-legend and --no-pager (accepted, as there
 * is no pager). */
typedef enum OptionSet {
    OPTIONS_NONE = 0,
    OPTION_SLOTS = 1u << 0,   /* --slots */
    OPTION_TOP = 1u << 1,     /* -d, --delay=SECONDS, --once */
    OPTION_REASON = 1u << 2,  /* --reason=TEXT */
    OPTION_HISTORY = 1u << 3, /* -n, --lines=N, --since=SPAN, --failed */
    OPTION_TOKEN = 1u << 4,   /* --days=N, --user=NAME */
} OptionSet;

/**
 * options_parse() - parse and complain
 * @usage: what follows the verb, printed by --help and after a mistake
 * @least, @most: how many words the verb takes
 * Return: -1 to go on, otherwise the exit status: --help was asked, or something is wrong and has
 * been said.
 */
int options_parse(int argc, char **argv, unsigned set, const char *usage, int least, int most,
                  Options *ret_options);

/* "4h", "20min"; a number alone is seconds. Return: false when it is none. */
bool options_parse_span(const char *text, uint64_t *ret_usec);

/* Colours? Standard output is a terminal that has them, and NO_COLOR is not set. */
bool options_colors(void);
