/* SPDX-License-Identifier: Apache-2.0 */
/* org.berth.Berth1.Manager: what waits and why, what has been, what workloads use. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/history/records.h"

/* Everybody sees who waits, as in ListQueries; whose operation it is, its owner only. */
static int list_queue(Manager *m, sd_bus_message *call, uid_t caller, bool all)
{
    sd_bus_message *reply = NULL;
    uint64_t now = clock_now_usec();
    int r = sd_bus_message_new_method_return(call, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(stsusuttts)");
    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        bool own = all || s->identity.uid == caller;
        char id[24];
        snprintf(id, sizeof(id), "%" PRIu64, s->id);
        for (size_t i = 0; r >= 0 && i < SCHED_QUERIES_PER_SESSION; i++) {
            const SessionQuery *q = &s->queries[i];
            if (q->used && q->grant_bytes == 0)
                r = sd_bus_message_append(reply, "(stsusuttts)", id, q->estimate.query,
                                          own ? q->estimate.operation_id : "", s->identity.uid,
                                          s->identity.user, q->position,
                                          q->estimate.memory_peak_bytes, q->estimate.scan_bytes,
                                          now - q->asked_usec, own ? q->reason : "");
        }
    }
    return bus_send_list(reply, r);
}

int bus_method_list_queue(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_list_for(userdata, call, list_queue);
}

/* --- from the file: asked for on another thread, so the call waits --- */

static int append_query(sd_bus_message *reply, const HistoryRecord *q)
{
    static const char *const states[_QUERY_STATE_MAX] = {"done", "failed", "cancelled"};

    return sd_bus_message_append(reply, "(ttttussssttttttttttsu)", q->id, q->start_usec, q->session,
                                 q->query, q->uid, states[q->state],
                                 session_cause_to_string(q->cause), q->version, q->operation,
                                 q->fingerprint, q->rows, q->scan_bytes, q->estimate_bytes,
                                 q->grant_bytes, q->peak_bytes, q->limit_bytes, q->cpu_usec,
                                 q->queued_usec, q->elapsed_usec, q->operator_name, q->generation);
}

static int append_workload(sd_bus_message *reply, const HistoryWorkload *w)
{
    return sd_bus_message_append(reply, "(utstttttttttttt)", w->uid, w->fingerprint, w->version,
                                 w->n, w->n_failed, w->n_oom, w->first_usec, w->last_usec,
                                 w->estimate_bytes, w->grant_bytes, w->peak_bytes,
                                 w->last_peak_bytes, w->elapsed_usec, w->cpu_usec, w->queued_usec);
}

static void on_answer(Manager *m, void *userdata, const RecordsAnswer *answer)
{
    sd_bus_message *call = userdata, *reply = NULL;
    const char *row = answer->workloads ? "(utstttttttttttt)" : "(ttttussssttttttttttsu)";

    if (answer->error < 0 && answer->error != -EUCLEAN) {
        (void)sd_bus_reply_method_errorf(
            call, SD_BUS_ERROR_FAILED, "The history cannot be read: %s.",
            answer->error == -EAGAIN ? "its file cannot be opened" : strerror(-answer->error));
        sd_bus_message_unref(call);
        return;
    }
    int r = sd_bus_message_new_method_return(call, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', row);
    for (size_t i = 0; r >= 0 && i < answer->n; i++)
        r = answer->workloads ? append_workload(reply, &answer->workloads[i])
                              : append_query(reply, &answer->queries[i]);
    if (bus_send_list(reply, r) < 0)
        (void)sd_bus_reply_method_errno(call, r, NULL);
    sd_bus_message_unref(call);
}

/* Without the right to read all, everybody's own. */
static int ask(Manager *m, sd_bus_message *call, uid_t caller, bool all)
{
    bool workloads = sd_bus_message_is_method_call(call, NULL, "ListWorkloads") > 0;
    HistoryFilter filter = {.uid = all ? UINT32_MAX : caller};
    uint64_t since = 0;
    uint32_t max = 0;
    int failed = 0;

    if (!all && caller == BUS_NOBODY)
        return bus_refuse(call, "read the history");
    if (sd_bus_message_rewind(call, true) < 0 ||
        sd_bus_message_read(call, "tub", &since, &max, &failed) <= 0)
        return -EINVAL;
    if (!m->records)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_NOT_SUPPORTED,
                                          "No history is kept: HistoryDirectory= is empty.");
    filter.since_usec = since;
    filter.failed_only = failed;
    int r = records_ask(m->records, &filter, workloads, max ? max : HISTORY_LIST_MAX, on_answer,
                        sd_bus_message_ref(call));
    if (r < 0)
        sd_bus_message_unref(call);
    if (r == -EBUSY)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "Too many questions to the history are waiting.");
    return r < 0 ? r : 1;
}

int bus_method_list_history(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_authorize(((Manager *)userdata)->bus, call, BUS_NOBODY, BUS_READ_ALL, ask);
}
