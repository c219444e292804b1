/* SPDX-License-Identifier: Apache-2.0 */
/* berth quota, drain, fit: what an administrator sets while berthd runs, and what would become of a
 * query. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "client/agent.h"
#include "client/bus.h"
#include "client/table.h"
#include "client/verbs.h"

#define QUOTA_USAGE                                                                                \
    "[--json] [--no-legend] [USER|@GROUP none|KEY=VALUE...]\n\n"                                   \
    "Keys: sessions, running, queued (numbers), memory (a size), weight (percent, up to 1000).\n"  \
    "A value of none takes a bound away, none alone all of them."
#define FIT_USAGE                                                                                  \
    "[--json] [memory=SIZE] [scan=SIZE] [threads=N] [profile=interactive|batch] [workload=HEX]"

/* A word of the command line and the key and type of its value on D-Bus. */
typedef struct Key {
    const char *word, *key;
    char type; /* 'u' a number, 't' a size, 's' a text, 'x' 64 bits in hexadecimal */
} Key;

static const Key quota_keys[] = {{"sessions", "SessionsMax", 'u'},
                                 {"running", "RunningMax", 'u'},
                                 {"queued", "QueuedMax", 'u'},
                                 {"weight", "CPUWeightPercent", 'u'},
                                 {"memory", "MemoryMaxBytes", 't'}};
static const Key fit_keys[] = {{"memory", "MemoryBytes", 't'},
                               {"scan", "ScanBytes", 't'},
                               {"threads", "Threads", 'u'},
                               {"profile", "Profile", 's'},
                               {"workload", "Workload", 'x'}};

static int append(sd_bus_message *call, const Key *k, const char *text, bool none_is_zero)
{
    uint64_t value = 0;
    char *end;
    bool none = none_is_zero && strcmp(text, "none") == 0;

    if (k->type == 's')
        return sd_bus_message_append(call, "{sv}", k->key, "s", text);
    if (k->type == 'x') {
        value = strtoull(text, &end, 16);
        if (!*text || *end)
            return -EINVAL;
    } else if (!none && (k->type == 'u' ? text_parse_u64(text, UINT32_MAX, &value)
                                        : text_parse_bytes(text, &value)) < 0) {
        return -EINVAL;
    }
    return k->type == 'u' ? sd_bus_message_append(call, "{sv}", k->key, "u", (uint32_t)value)
                          : sd_bus_message_append(call, "{sv}", k->key, "t", value);
}

/* The words from @first on as a dictionary. Return: 0; negative errno, told. */
static int append_words(sd_bus_message *call, const char *verb, const Options *o, int first,
                        const Key *keys, size_t n_keys, bool none_is_zero)
{
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    for (int i = first; r >= 0 && i < o->n_words; i++) {
        const char *equals = strchr(o->words[i], '=');
        size_t k = 0;
        while (k < n_keys &&
               !(equals && strlen(keys[k].word) == (size_t)(equals - o->words[i]) &&
                 strncmp(keys[k].word, o->words[i], (size_t)(equals - o->words[i])) == 0))
            k++;
        r = k < n_keys ? append(call, &keys[k], equals + 1, none_is_zero) : -EINVAL;
        if (r == -EINVAL)
            fprintf(stderr, "berth %s: \"%s\" is not understood; berth %s --help\n", verb,
                    o->words[i], verb);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0 && r != -EINVAL)
        fprintf(stderr, "berth %s: %s\n", verb, strerror(-r));
    return r;
}

static const char *account_name(bool group, uint32_t id, char *buf, size_t size)
{
    const struct group *g = group ? getgrgid(id) : NULL;
    const struct passwd *p = group ? NULL : getpwuid(id);

    (void)snprintf(buf, size, "%s%" PRIu32, group ? "@" : "", id);
    if (g)
        (void)snprintf(buf, size, "@%s", g->gr_name);
    else if (p)
        (void)snprintf(buf, size, "%s", p->pw_name);
    return buf;
}

static int list_quotas(const Options *o)
{
    static const TableColumn columns[] = {
        {"WHO", "who"},
        {"SESSIONS", "sessions_max", .right = true},
        {"RUNNING", "running_max", .right = true},
        {"QUEUED", "queued_max", .right = true},
        {"WEIGHT", "cpu_weight_percent", .right = true},
        {"MEMORY", "memory_max_bytes", .right = true},
        {"KIND", "kind"},
        {"ID", "id", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    uint32_t id, sessions, running, queued, weight;
    uint64_t memory;
    const char *kind;
    char who[64];
    int r = bus_connect(&bus);

    if (r >= 0)
        r = bus_call(bus, "ListQuotas", &reply, "");
    if (r >= 0 && sd_bus_message_enter_container(reply, 'a', "(suuuuut)") <= 0)
        r = bus_malformed(0);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = sd_bus_message_read(reply, "(suuuuut)", &kind, &id, &sessions, &running,
                                              &queued, &weight, &memory)) > 0) {
        table_row(t);
        table_text(t, account_name(*kind == 'g', id, who, sizeof(who)));
        table_number_if(t, sessions, sessions > 0);
        table_number_if(t, running, running > 0);
        table_number_if(t, queued, queued > 0);
        table_number_if(t, weight, weight > 0);
        table_bytes(t, memory);
        table_text(t, kind);
        table_number(t, id);
    }
    return r < 0 ? r : table_print(t);
}

/* "alice", "@users", "2001", "@100". Return: false when there is none, told. */
static bool find_account(const char *text, bool *ret_group, uint32_t *ret_id)
{
    uint64_t number;

    *ret_group = *text == '@';
    text += *ret_group;
    const struct group *g = *ret_group ? getgrnam(text) : NULL;
    const struct passwd *p = *ret_group ? NULL : getpwnam(text);
    if (g || p) {
        *ret_id = g ? g->gr_gid : p->pw_uid;
        return true;
    }
    if (text_parse_u64(text, UINT32_MAX - 1, &number) == 0) {
        *ret_id = (uint32_t)number;
        return true;
    }
    fprintf(stderr, "berth quota: there is no %s \"%s\"\n", *ret_group ? "group" : "user", text);
    return false;
}

static int set_quota(const Options *o)
{
    static char all[][24] = {"sessions=none", "running=none", "queued=none", "weight=none",
                             "memory=none"};
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    Options words = *o;
    char *none[ARRAY_SIZE(all) + 1] = {o->words[0]};
    uint32_t id;
    bool group;

    if (!find_account(o->words[0], &group, &id))
        return -ENOENT;
    if (o->n_words == 2 && strcmp(o->words[1], "none") == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
            none[i + 1] = all[i];
        words.words = none;
        words.n_words = (int)ARRAY_SIZE(none);
    }
    pid_t agent = agent_start();
    int r = bus_connect(&bus);
    if (r >= 0)
        r = bus_begin(bus, "SetQuota", &call);
    if (r >= 0)
        r = sd_bus_message_append(call, "su", group ? "group" : "user", id);
    if (r >= 0)
        r = append_words(call, "quota", &words, 1, quota_keys, ARRAY_SIZE(quota_keys), true);
    if (r >= 0)
        r = bus_finish(bus, call, &reply);
    agent_stop(agent);
    return r;
}

int verb_quota(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTIONS_NONE, QUOTA_USAGE, 0, 16, &o);

    if (r >= 0)
        return r;
    if (o.n_words == 1) {
        fputs("berth quota: and what of it? berth quota --help\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    r = o.n_words == 0 ? list_quotas(&o) : set_quota(&o);
    return r == -EINVAL ? EXIT_WRONG_USAGE : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verb_drain(int argc, char **argv)
{
    Options o;
    uint64_t usec = 0;
    bool off;
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[SPAN|off]", 0, 1, &o);

    if (r >= 0)
        return r;
    off = o.n_words == 1 && strcmp(o.words[0], "off") == 0;
    if (o.n_words == 1 && !off && !options_parse_span(o.words[0], &usec)) {
        fprintf(stderr, "berth drain: \"%s\" is neither off nor a time as in 30s, 20min, 4h\n",
                o.words[0]);
        return EXIT_WRONG_USAGE;
    }
    pid_t agent = agent_start();
    r = bus_connect(&bus);
    if (r >= 0)
        r = bus_call(bus, "Drain", &reply, "bt", (int)!off, usec);
    agent_stop(agent);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_fit(const Options *o, const char *fit, uint32_t position, uint64_t grant,
                      uint32_t threads, const char *class, const char *reason)
{
    char size[32];
    JsonWriter w;

    if (!o->json) {
        (void)text_format_bytes(size, sizeof(size), grant);
        if (strcmp(fit, "now") == 0)
            printf("now: %s, %s, %" PRIu32 " threads\n", class, size, threads);
        else if (position > 0)
            printf("%s, place %" PRIu32 ": %s\n", fit, position, reason);
        else
            printf("%s: %s\n", fit, reason);
        return;
    }
    json_init(&w, stdout);
    json_begin_object(&w);
    json_key(&w, "fit");
    json_string(&w, fit);
    json_key(&w, "queue_position");
    json_u64(&w, position);
    json_key(&w, "grant_bytes");
    json_u64(&w, grant);
    json_key(&w, "threads");
    json_u64(&w, threads);
    json_key(&w, "class");
    json_string(&w, class);
    json_key(&w, "reason");
    json_string(&w, reason);
    json_end_object(&w);
    putchar('\n');
}

int verb_fit(int argc, char **argv)
{
    Options o;
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    const char *fit, *class, *reason;
    uint32_t position, threads;
    uint64_t grant;
    int r = options_parse(argc, argv, OPTIONS_NONE, FIT_USAGE, 0, 8, &o);

    if (r >= 0)
        return r;
    r = bus_connect(&bus);
    if (r >= 0)
        r = bus_begin(bus, "WouldFit", &call);
    if (r >= 0)
        r = append_words(call, "fit", &o, 0, fit_keys, ARRAY_SIZE(fit_keys), false);
    if (r == -EINVAL)
        return EXIT_WRONG_USAGE;
    if (r >= 0)
        r = bus_finish(bus, call, &reply);
    if (r < 0)
        return EXIT_FAILURE;
    if (sd_bus_message_read(reply, "sutuss", &fit, &position, &grant, &threads, &class, &reason) <=
        0)
        return bus_malformed(0) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    print_fit(&o, fit, position, grant, threads, class, reason);
    return EXIT_SUCCESS;
}
