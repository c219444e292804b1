/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth queue: what waits, and why. berth history: what has been. berth advise: what the history
 * says about what was asked for and what was used.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "client/manager.h"
#include "client/table.h"
#include "client/verbs.h"

#define USAGE "[--json] [--no-legend] [-n, --lines=N] [--since=SPAN] [--failed]"
#define ADVICE_MAX 256u
#define WASTE_LEAST (UINT64_C(256) << 20) /* less is not worth a word */
#define WASTE_FACTOR 4u
#define WAIT_LEAST USEC_PER_SEC

/* The account's name; the number in digits when it has none. */
static const char *user_name(uint32_t uid, char *buf, size_t size)
{
    const struct passwd *entry = getpwuid(uid);

    (void)snprintf(buf, size, "%" PRIu32, uid);
    if (entry)
        (void)text_copy(buf, size, entry->pw_name);
    return buf;
}

static int list_queue(const Options *o)
{
    static const TableColumn columns[] = {
        {"POSITION", "queue_position", .right = true},
        {"SESSION", "session", .right = true},
        {"QUERY", "query", .right = true},
        {"USER", "user"},
        {"WAITED", "waited_usec", .right = true},
        {"ESTIMATE", "estimate_bytes", .right = true},
        {"SCAN", "scan_bytes", .right = true},
        {"REASON", "reason", .cut = true},
        {"OPERATION", "operation", .cut = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    QueueRow w;
    int r = bus_connect(&bus);

    if (r >= 0)
        r = manager_list(bus, "ListQueue", MANAGER_QUEUE_TYPE, &reply);
    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_queued(reply, &w)) > 0) {
        table_row(t);
        table_number_if(t, w.position, w.position > 0);
        table_text(t, w.session);
        table_number(t, w.query);
        table_text(t, w.user);
        table_span(t, w.waited_usec);
        table_bytes(t, w.estimate_bytes);
        table_bytes(t, w.scan_bytes);
        table_text(t, w.reason);
        table_text(t, w.operation);
        table_number(t, w.uid);
    }
    return r < 0 ? r : table_print(t);
}

int verb_queue(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json] [--no-legend]", 0, 0, &o);

    if (r >= 0)
        return r;
    return list_queue(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* As a method of the manager that takes since, max, failed_only. */
static int ask(const char *method, const char *row_type, const Options *o, uint32_t max,
               sd_bus **ret_bus, sd_bus_message **ret_reply)
{
    uint64_t now = clock_realtime_usec();
    char contents[64];
    int r = bus_connect(ret_bus);

    if (r >= 0)
        r = bus_call(*ret_bus, method, ret_reply, "tub",
                     o->since_usec && o->since_usec < now ? now - o->since_usec : 0, max,
                     (int)o->failed);
    if (r < 0)
        return r;
    (void)snprintf(contents, sizeof(contents), "(%s)", row_type);
    r = sd_bus_message_enter_container(*ret_reply, 'a', contents);
    return r <= 0 ? bus_malformed(r) : 0;
}

static int list_history(const Options *o)
{
    static const TableColumn columns[] = {
        {"STARTED", "started_usec", .right = true},
        {"USER", "user"},
        {"SESSION", "session", .right = true},
        {"QUERY", "query", .right = true},
        {"STATE", "state"},
        {"CAUSE", "cause"},
        {"WAITED", "queued_usec", .right = true},
        {"TOOK", "elapsed_usec", .right = true},
        {"CPU", "cpu_usec", .right = true},
        {"ESTIMATE", "estimate_bytes", .right = true},
        {"GRANT", "grant_bytes", .right = true},
        {"PEAK", "peak_bytes", .right = true},
        {"LIMIT", "limit_bytes", .right = true},
        {"SCAN", "scan_bytes", .right = true},
        {"ROWS", "rows", .right = true},
        {"VERSION", "executor_version"},
        {"WORKLOAD", "workload"},
        {"HELD BY", "operator", .cut = true},
        {"OPERATION", "operation", .cut = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    char user[64], workload[24], number[24];
    HistoryRow w;
    int r = ask("ListHistory", MANAGER_HISTORY_TYPE, o, o->lines ? o->lines : 50, &bus, &reply);

    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_history(reply, &w)) > 0) {
        (void)snprintf(workload, sizeof(workload), "%016" PRIx64, w.fingerprint);
        (void)snprintf(number, sizeof(number), "%" PRIu64, w.session);
        table_row(t);
        table_since(t, w.started_usec);
        table_text(t, user_name(w.uid, user, sizeof(user)));
        table_text(t, number);
        table_number(t, w.query);
        table_word(t, w.state, strcmp(w.state, "failed") == 0 ? "red" : NULL);
        table_text(t, strcmp(w.cause, "none") == 0 ? "" : w.cause);
        table_span(t, w.queued_usec);
        table_span(t, w.elapsed_usec);
        table_span(t, w.cpu_usec);
        table_bytes(t, w.estimate_bytes);
        table_bytes(t, w.grant_bytes);
        table_bytes(t, w.peak_bytes);
        table_bytes(t, w.limit_bytes);
        table_bytes(t, w.scan_bytes);
        table_number(t, w.rows);
        table_text(t, w.version);
        table_text(t, workload);
        table_text(t, w.operator_name);
        table_text(t, w.operation);
        table_number(t, w.uid);
    }
    return r < 0 ? r : table_print(t);
}

int verb_history(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTION_HISTORY, USAGE, 0, 0, &o);

    if (r >= 0)
        return r;
    return list_history(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* One sentence, the most urgent; "" when all is well. */
static const char *advice(const WorkloadRow *w, char *buf, size_t size)
{
    char grant[32], peak[32], waited[32], ran[32];
    uint64_t n = MAX(w->n, UINT64_C(1)), wait = w->queued_usec / n, run = w->elapsed_usec / n;

    (void)text_format_bytes(grant, sizeof(grant), w->grant_bytes);
    (void)text_format_bytes(peak, sizeof(peak), w->peak_bytes);
    buf[0] = 0;
    if (w->n_oom > 0)
        (void)snprintf(buf, size,
                       "killed for lack of memory %" PRIu64 " times, at %s: raise SessionMax= or "
                       "UserMax=, or let it read less",
                       w->n_oom, peak);
    else if (w->n_failed > 0)
        (void)snprintf(buf, size,
                       "%" PRIu64 " of %" PRIu64 " failed: berth history --failed says how",
                       w->n_failed, n);
    else if (w->grant_bytes >= WASTE_LEAST && w->grant_bytes / WASTE_FACTOR > w->peak_bytes)
        (void)snprintf(buf, size, "asked %s, used %s: the next one gets what it used", grant, peak);
    else if (wait >= WAIT_LEAST && wait > run / 2)
        (void)snprintf(buf, size,
                       "waited %s and ran %s on average: the host or the user's share is too "
                       "small at that time",
                       table_format_span(waited, sizeof(waited), wait),
                       table_format_span(ran, sizeof(ran), run));
    return buf;
}

static int list_advice(const Options *o)
{
    static const TableColumn columns[] = {
        {"WORKLOAD", "workload"},
        {"USER", "user"},
        {"VERSION", "executor_version"},
        {"QUERIES", "queries", .right = true},
        {"FAILED", "failed", .right = true},
        {"LAST", "last_usec", .right = true},
        {"ASKED", "grant_bytes", .right = true},
        {"USED", "peak_bytes", .right = true},
        {"TOOK", "elapsed_usec", .right = true},
        {"ADVICE", "advice", .cut = true},
        {"UID", "uid", .right = true},
    };
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(table_freep) Table *t = NULL;
    char user[64], workload[24], text[ADVICE_MAX];
    uint64_t shown = 0;
    WorkloadRow w;
    int r = ask("ListWorkloads", MANAGER_WORKLOAD_TYPE, o, 0, &bus, &reply);

    if (r >= 0)
        r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    while (r >= 0 && (r = manager_next_workload(reply, &w)) > 0) {
        if (!*advice(&w, text, sizeof(text)) || (o->lines && shown >= o->lines))
            continue;
        shown++;
        (void)snprintf(workload, sizeof(workload), "%016" PRIx64, w.fingerprint);
        table_row(t);
        table_text(t, workload);
        table_text(t, user_name(w.uid, user, sizeof(user)));
        table_text(t, w.version);
        table_number(t, w.n);
        table_number(t, w.n_failed);
        table_since(t, w.last_usec);
        table_bytes(t, w.grant_bytes);
        table_bytes(t, w.peak_bytes);
        table_span(t, w.elapsed_usec / MAX(w.n, UINT64_C(1)));
        table_text(t, text);
        table_number(t, w.uid);
    }
    return r < 0 ? r : table_print(t);
}

int verb_advise(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTION_HISTORY, USAGE, 0, 0, &o);

    if (r >= 0)
        return r;
    return list_advice(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
