/* SPDX-License-Identifier: Apache-2.0 */
/* berth kill, limit, status. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "client/agent.h"
#include "client/table.h"
#include "client/variant.h"
#include "client/verbs.h"

static void print_done(const Options *o, const char *what, const char *session)
{
    JsonWriter w;
    if (!o->json)
        return;
    json_init(&w, stdout);
    json_begin_object(&w);
    json_key(&w, what);
    json_string(&w, session);
    json_end_object(&w);
    putchar('\n');
}

int verb_kill(int argc, char **argv)
{
    Options o;
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = options_parse(argc, argv, OPTION_REASON, "[--json] [--reason=TEXT] SESSION", 1, 1, &o);
    if (r >= 0)
        return r;
    pid_t agent = agent_start();
    r = bus_connect(&bus);
    if (r >= 0)
        r = bus_call(bus, "KillSession", &reply, "sst", o.words[0], o.reason, UINT64_C(0));
    agent_stop(agent);
    if (r < 0)
        return EXIT_FAILURE;
    print_done(&o, "killed", o.words[0]);
    return EXIT_SUCCESS;
}

/* "memory=2G", "memory=none". Return: false when it is neither. */
static bool parse_limit(const char *text, uint64_t *ret_bytes)
{
    static const char key[] = "memory=";
    if (strncmp(text, key, strlen(key)) != 0)
        return false;
    text += strlen(key);
    if (strcmp(text, "none") == 0) {
        *ret_bytes = 0;
        return true;
    }
    return text_parse_bytes(text, ret_bytes) == 0 && *ret_bytes > 0;
}

int verb_limit(int argc, char **argv)
{
    Options o;
    uint64_t bytes;
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json] SESSION memory=SIZE|none", 2, 2, &o);
    if (r >= 0)
        return r;
    if (!parse_limit(o.words[1], &bytes)) {
        fprintf(stderr,
                "berth limit: expected memory=SIZE, as in memory=2G, or memory=none; not \"%s\"\n",
                o.words[1]);
        return EXIT_WRONG_USAGE;
    }
    pid_t agent = agent_start();
    r = bus_connect(&bus);
    if (r >= 0)
        r = bus_call(bus, "SetLimit", &reply, "sa{sv}", o.words[0], 1, "MemoryMaxBytes", "t",
                     bytes);
    agent_stop(agent);
    if (r < 0)
        return EXIT_FAILURE;
    print_done(&o, "limited", o.words[0]);
    return EXIT_SUCCESS;
}

typedef struct Status {
    char version[64], cgroup_root[256];
    uint64_t n_sessions, n_queries, n_queued, n_warm, budget_bytes, granted_bytes;
    char unenforced[4096];
} Status;

static int read_status(sd_bus_message *reply, Status *ret_status)
{
    Status s = {0};
    Variant v;
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    if (r <= 0)
        return bus_malformed(r);
    while ((r = variant_next(reply, &v)) > 0) {
        const struct {
            const char *key;
            uint64_t *number;
            char *text;
            size_t size;
        } fields[] = {
            {"Version", .text = s.version, .size = sizeof(s.version)},
            {"CgroupRoot", .text = s.cgroup_root, .size = sizeof(s.cgroup_root)},
            {"Unenforced", .text = s.unenforced, .size = sizeof(s.unenforced)},
            {"NSessions", &s.n_sessions},
            {"NQueries", &s.n_queries},
            {"NQueued", &s.n_queued},
            {"NWarm", &s.n_warm},
            {"MemoryBudgetBytes", &s.budget_bytes},
            {"MemoryGrantedBytes", &s.granted_bytes},
        };
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
            if (strcmp(v.key, fields[i].key) != 0)
                continue;
            if (fields[i].text && v.text)
                (void)text_copy(fields[i].text, fields[i].size, v.text);
            else if (fields[i].number && !v.text)
                *fields[i].number = v.number;
        }
    }
    if (r == 0)
        *ret_status = s;
    return r;
}

static void print_status(const Status *s)
{
    char budget[32], granted[32];
    const char *on = options_colors() ? "\033[32m" : "", *off = options_colors() ? "\033[0m" : "";
    printf("%s*%s berthd ", on, off);
    variant_put_text(s->version);
    printf("\n   Sessions: %" PRIu64 ", %" PRIu64 " warm executors\n", s->n_sessions, s->n_warm);
    printf("    Queries: %" PRIu64 ", %" PRIu64 " of them queued\n", s->n_queries, s->n_queued);
    printf("     Memory: %s of %s\n", text_format_bytes(granted, sizeof(granted), s->granted_bytes),
           text_format_bytes(budget, sizeof(budget), s->budget_bytes));
    fputs("     Cgroup: ", stdout);
    variant_put_text(*s->cgroup_root ? s->cgroup_root : "none");
    if (*s->unenforced) {
        fputs("\nNot enforced: ", stdout);
        variant_put_text(s->unenforced);
    }
    putchar('\n');
}

int verb_status(int argc, char **argv)
{
    Options o;
    Status s;
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json]", 0, 0, &o);
    if (r >= 0)
        return r;
    r = bus_connect(&bus);
    if (r >= 0)
        r = bus_properties(bus, &reply);
    if (r < 0)
        return EXIT_FAILURE;
    if (o.json)
        return variant_print_dictionary(reply, &o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (read_status(reply, &s) < 0)
        return EXIT_FAILURE;
    print_status(&s);
    return EXIT_SUCCESS;
}
