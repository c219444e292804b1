/* SPDX-License-Identifier: Apache-2.0 */
/* berth: the table of verbs. */
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "client/verbs.h"

typedef struct Verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *words, *summary;
} Verb;

static const Verb verbs[] = {
    {"sql", verb_sql, "[STATEMENT...]", "run SQL: a shell, or one statement after the other"},
    {"sessions", verb_sessions, "[SESSION]", "sessions and what they hold; or all about one"},
    {"queries", verb_queries, "", "queries that wait or run"},
    {"queue", verb_queue, "", "queries that wait, for how long, and why"},
    {"history", verb_history, "[-n N] [--since=SPAN]", "queries that have ended"},
    {"advise", verb_advise, "[-n N] [--since=SPAN]",
     "what workloads asked for beside what they used"},
    {"pools", verb_pools, "[--slots]", "slot pools of each NUMA node, or their slots"},
    {"top", verb_top, "[-d SECONDS] [--once]", "sessions by memory, refreshed; q quits"},
    {"status", verb_status, "", "the daemon, its budget, and what this host cannot enforce"},
    {"kill", verb_kill, "SESSION", "end a session and everything in it"},
    {"limit", verb_limit, "SESSION memory=SIZE|none",
     "set or take away the memory limit of a session"},
    {"token", verb_token, "make|list|revoke ID", "tokens for clients on other hosts"},
    {"quota", verb_quota, "[USER|@GROUP KEY=VALUE...]", "bounds of users and groups; or set them"},
    {"drain", verb_drain, "[SPAN|off]", "no new sessions; after SPAN the others end"},
    {"fit", verb_fit, "[memory=SIZE] [scan=SIZE]",
     "would such a query begin now, wait, be refused?"},
    {"doctor", verb_doctor, "", "look at this host and say how to mend what is missing"},
};

const char *verb_summary(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return verbs[i].summary;
    return NULL;
}

static void print_help(FILE *out)
{
    fputs("usage: berth [--json] VERB ...\n\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        fprintf(out, "  %-9s %-26s %s\n", verbs[i].name, verbs[i].words, verbs[i].summary);
    fputs("\n  --json       for programs: JSON on standard output\n"
          "  --no-legend  no headings\n"
          "  --no-pager   accepted; output is never paged\n"
          "  --version    print the version\n"
          "  --help       print this; after a verb, how the verb is used\n\n"
          "Exit status: 0 done, 1 it failed or berthd cannot be reached, 2 wrong usage.\n",
          out);
}

static int unknown_verb(const char *name)
{
    fprintf(stderr, "berth: unknown verb \"%s\"", name);
    /* The first letters may be enough to guess. */
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (name[0] == verbs[i].name[0] && strncmp(name, verbs[i].name, 2) == 0) {
            fprintf(stderr, "; did you mean \"%s\"?", verbs[i].name);
            break;
        }
    fputs("\n`berth --help` lists the verbs.\n", stderr);
    return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv)
{
    static const char *const passed_on[] = {"--json", "--no-legend", "--no-pager"};
    char *before[ARRAY_SIZE(passed_on)];
    int n_before = 0, i = 1;

    (void)setlocale(LC_ALL, "");
    (void)setlocale(LC_NUMERIC, "C"); /* sizes are read and written with a point */
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        bool known = false;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("berth " BERTH_VERSION);
            return EXIT_SUCCESS;
        }
        for (size_t k = 0; k < ARRAY_SIZE(passed_on); k++)
            known = known || strcmp(argv[i], passed_on[k]) == 0;
        if (!known || n_before == ARRAY_SIZE(before)) {
            fprintf(stderr, "berth: unknown option %s\n`berth --help` lists them.\n", argv[i]);
            return EXIT_WRONG_USAGE;
        }
        before[n_before++] = argv[i];
    }
    if (i >= argc) {
        print_help(stderr);
        return EXIT_WRONG_USAGE;
    }
    for (size_t k = 0; k < ARRAY_SIZE(verbs); k++) {
        if (strcmp(argv[i], verbs[k].name) != 0)
            continue;
        /* `berth --json sessions` is `berth sessions --json`: the verb's name comes first, then the
         * options. */
        char *name = argv[i];
        argv[i - n_before] = name;
        for (int n = 0; n < n_before; n++)
            argv[i - n_before + 1 + n] = before[n];
        return verbs[k].run(argc - i + n_before, argv + i - n_before);
    }
    return unknown_verb(argv[i]);
}
