/* SPDX-License-Identifier: Apache-2.0 */
#include "client/options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/verbs.h"

enum {
    OPTION_JSON = 256,
    OPTION_NO_LEGEND,
    OPTION_NO_PAGER,
    OPTION_IS_SLOTS,
    OPTION_ONCE,
    OPTION_IS_REASON,
    OPTION_SINCE,
    OPTION_FAILED,
    OPTION_DAYS,
    OPTION_USER,
};

static int wrong(const char *verb, const char *usage)
{
    fprintf(stderr, "usage: berth %s %s\n", verb, usage);
    return EXIT_WRONG_USAGE;
}

static void help(const char *verb, const char *usage, unsigned set)
{
    static const struct {
        const char *option, *what;
        unsigned set; /* 0: whoever names it in its usage */
    } rows[] = {
        {"--slots", "each slot, its CPUs and who holds it", OPTION_SLOTS},
        {"-d, --delay=SECONDS", "time between two pictures, 0.1 to 3600 (default 2)", OPTION_TOP},
        {"--once", "one picture, and no more", OPTION_TOP},
        {"--reason=TEXT", "told to whoever loses the session", OPTION_REASON},
        {"-n, --lines=N", "at most so many rows, 1 to 10000 (default 50)", OPTION_HISTORY},
        {"--since=SPAN", "of the last 30s, 20min, 4h or 7d", OPTION_HISTORY},
        {"--failed", "only what failed", OPTION_HISTORY},
        {"--days=N", "how long it is good (default 90; 0: for ever)", OPTION_TOKEN},
        {"--user=NAME", "root: for somebody else", OPTION_TOKEN},
        {"--json", "one JSON document on standard output", 0},
        {"--no-legend", "no headings", 0},
    };
    const char *summary = verb_summary(verb);
    printf("usage: berth %s %s\n\n%s%s", verb, usage, summary ? summary : "",
           summary ? "\n\n" : "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].set ? (set & rows[i].set) != 0 : strstr(usage, rows[i].option) != NULL)
            printf("  %-20s  %s\n", rows[i].option, rows[i].what);
    printf("  %-20s  %s\n\nberth(1) says more.\n", "-h, --help", "print this");
}

static bool parse_delay(const char *text, uint64_t *ret_usec)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !isfinite(seconds) || seconds < 0.1 || seconds > 3600)
        return false;
    *ret_usec = (uint64_t)(seconds * (double)USEC_PER_SEC);
    return true;
}

bool options_parse_span(const char *text, uint64_t *ret_usec)
{
    static const struct {
        const char *suffix;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    double n = strtod(text, &end);

    if (end == text || !isfinite(n) || n <= 0 || n > 1e6)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].suffix) == 0) {
            *ret_usec = (uint64_t)(n * (double)units[i].seconds * (double)USEC_PER_SEC);
            return true;
        }
    return false;
}

static bool parse_lines(const char *text, uint32_t *ret_lines)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    *ret_lines = (uint32_t)n;
    return *text >= '0' && *text <= '9' && !*end && n >= 1 && n <= 10000;
}

int options_parse(int argc, char **argv, unsigned set, const char *usage, int least, int most,
                  Options *ret_options)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"no-legend", no_argument, NULL, OPTION_NO_LEGEND},
        {"no-pager", no_argument, NULL, OPTION_NO_PAGER},
        {"slots", no_argument, NULL, OPTION_IS_SLOTS},
        {"delay", required_argument, NULL, 'd'},
        {"once", no_argument, NULL, OPTION_ONCE},
        {"reason", required_argument, NULL, OPTION_IS_REASON},
        {"lines", required_argument, NULL, 'n'},
        {"since", required_argument, NULL, OPTION_SINCE},
        {"failed", no_argument, NULL, OPTION_FAILED},
        {"days", required_argument, NULL, OPTION_DAYS},
        {"user", required_argument, NULL, OPTION_USER},
        {NULL, 0, NULL, 0},
    };
    Options o = {.legend = true, .interval_usec = 2 * USEC_PER_SEC, .reason = ""};
    const char *verb = argv[0];
    bool known = true;

    optind = 0; /* the GNU way to begin anew */
    for (int c; (c = getopt_long(argc, argv, "hd:n:", long_options, NULL)) >= 0;) {
        if (c == 'h') {
            help(verb, usage, set);
            return EXIT_SUCCESS;
        } else if (c == OPTION_JSON) {
            o.json = true;
        } else if (c == OPTION_NO_LEGEND) {
            o.legend = false;
        } else if (c == OPTION_NO_PAGER) {
            ;
        } else if (c == OPTION_IS_SLOTS) {
            o.slots = true;
            known = set & OPTION_SLOTS;
        } else if (c == OPTION_ONCE) {
            o.once = true;
            known = set & OPTION_TOP;
        } else if (c == 'd') {
            known = set & OPTION_TOP;
            if (known && !parse_delay(optarg, &o.interval_usec)) {
                fprintf(stderr, "berth %s: --delay takes 0.1 to 3600 seconds, not \"%s\"\n", verb,
                        optarg);
                return EXIT_WRONG_USAGE;
            }
        } else if (c == 'n') {
            known = set & OPTION_HISTORY;
            if (known && !parse_lines(optarg, &o.lines)) {
                fprintf(stderr, "berth %s: --lines takes 1 to 10000, not \"%s\"\n", verb, optarg);
                return EXIT_WRONG_USAGE;
            }
        } else if (c == OPTION_SINCE) {
            known = set & OPTION_HISTORY;
            if (known && !options_parse_span(optarg, &o.since_usec)) {
                fprintf(stderr,
                        "berth %s: --since takes a time as in 30s, 20min, 4h or 7d, not \"%s\"\n",
                        verb, optarg);
                return EXIT_WRONG_USAGE;
            }
        } else if (c == OPTION_FAILED) {
            o.failed = true;
            known = set & OPTION_HISTORY;
        } else if (c == OPTION_IS_REASON) {
            o.reason = optarg;
            known = set & OPTION_REASON;
        } else if (c == OPTION_DAYS || c == OPTION_USER) {
            *(c == OPTION_DAYS ? &o.days : &o.user) = optarg;
            known = set & OPTION_TOKEN;
        } else {
            return wrong(verb, usage); /* getopt has said what */
        }
        if (!known) {
            fprintf(stderr, "berth %s: this verb has no such option\n", verb);
            return wrong(verb, usage);
        }
    }
    o.n_words = argc - optind;
    o.words = argv + optind;
    if (o.n_words < least || o.n_words > most) {
        fprintf(stderr, "berth %s: %s\n", verb,
                o.n_words < least ? "something is missing" : "too many words");
        return wrong(verb, usage);
    }
    *ret_options = o;
    return -1;
}

bool options_colors(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}
