/* SPDX-License-Identifier: Apache-2.0 */
/* org.berth.Berth1.Manager: quotas, drain, and "would this fit?". */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/log.h"

#define SET_QUOTA BUS_NAME ".set-quota"
#define DRAIN BUS_NAME ".drain"
#define KEYS_MAX 16u
#define DRAIN_MOST_USEC (UINT64_C(366) * 86400 * USEC_PER_SEC)

/* A dictionary's key and its number, whichever of the two widths. Return: 1, 0 at the end, negative
 * errno. */
static int next_number(sd_bus_message *call, const char **ret_key, uint64_t *ret_value,
                       const char **ret_text)
{
    const char *contents;
    uint32_t narrow;
    char type;
    int r = sd_bus_message_enter_container(call, 'e', "sv");

    *ret_text = NULL;
    if (r <= 0)
        return r;
    r = sd_bus_message_read(call, "s", ret_key);
    r = r < 0 ? r : sd_bus_message_peek_type(call, &type, &contents);
    if (r < 0)
        return r;
    if (strcmp(contents, "t") == 0) {
        r = sd_bus_message_read(call, "v", "t", ret_value);
    } else if (strcmp(contents, "u") == 0) {
        r = sd_bus_message_read(call, "v", "u", &narrow);
        *ret_value = narrow;
    } else if (strcmp(contents, "s") == 0) {
        r = sd_bus_message_read(call, "v", "s", ret_text);
    } else {
        return -EINVAL;
    }
    r = r < 0 ? r : sd_bus_message_exit_container(call);
    return r < 0 ? r : 1;
}

static int wrong_key(sd_bus_message *call, const char *key)
{
    return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                      "Unknown key '%.60s', or not a value for it.", key);
}

/* --- quotas --- */

/* Return: 1; 0 answered with an error; negative errno. */
static int read_quota(sd_bus_message *call, SchedQuota *quota)
{
    const char *key, *text;
    uint64_t value = 0;
    int r = sd_bus_message_enter_container(call, 'a', "{sv}");

    for (unsigned n = 0; r >= 0 && (r = next_number(call, &key, &value, &text)) > 0; n++) {
        const struct {
            const char *key;
            uint32_t *narrow;
            uint64_t *wide;
            uint64_t most;
        } keys[] = {
            {"SessionsMax", &quota->sessions_max, NULL, UINT32_MAX},
            {"RunningMax", &quota->running_max, NULL, UINT32_MAX},
            {"QueuedMax", &quota->queued_max, NULL, UINT32_MAX},
            {"CPUWeightPercent", &quota->cpu_weight_percent, NULL, 1000},
            {"MemoryMaxBytes", NULL, &quota->memory_max_bytes, UINT64_MAX},
        };
        size_t i = 0;
        while (i < ARRAY_SIZE(keys) && strcmp(keys[i].key, key) != 0)
            i++;
        if (n == KEYS_MAX || i == ARRAY_SIZE(keys) || text || value > keys[i].most) {
            r = wrong_key(call, key);
            return r < 0 ? r : 0;
        }
        if (keys[i].narrow)
            *keys[i].narrow = (uint32_t)value;
        else
            *keys[i].wide = value;
    }
    return r < 0 ? r : 1;
}

static int quota_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    const char *kind;
    uint32_t id;

    if (!allowed)
        return bus_refuse(call, "set quotas");
    int r = sd_bus_message_rewind(call, true);
    r = r < 0 ? r : sd_bus_message_read(call, "su", &kind, &id);
    if (r < 0)
        return r;
    bool group = strcmp(kind, "group") == 0;
    if ((!group && strcmp(kind, "user") != 0) || id == UINT32_MAX)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                          "A quota is of a user or of a group.");
    const SchedQuota *before = quotas_find(&m->quotas, group, id);
    SchedQuota quota = before ? *before : (SchedQuota){};
    r = read_quota(call, &quota);
    if (r <= 0)
        return r;
    r = manager_set_quota(m, group, id, &quota);
    if (r == -ENOSPC)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "There are too many quotas.");
    if (r < 0)
        return r;
    log_line(LOG_NOTICE, "uid %u has set the quota of %s %u", caller, kind, id);
    return sd_bus_reply_method_return(call, NULL);
}

int bus_method_set_quota(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_authorize(((Manager *)userdata)->bus, call, BUS_NOBODY, SET_QUOTA, quota_allowed);
}

int bus_method_list_quotas(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    Manager *m = userdata;
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(suuuuut)");
    for (size_t i = 0; r >= 0 && i < m->quotas.n; i++) {
        const QuotaRow *q = &m->quotas.rows[i];
        r = sd_bus_message_append(reply, "(suuuuut)", q->group ? "group" : "user", q->id,
                                  q->quota.sessions_max, q->quota.running_max, q->quota.queued_max,
                                  q->quota.cpu_weight_percent, q->quota.memory_max_bytes);
    }
    return bus_send_list(reply, r);
}

/* --- drain --- */

static int drain_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    uint64_t usec;
    int on, r;

    if (!allowed)
        return bus_refuse(call, "drain this host");
    r = sd_bus_message_rewind(call, true);
    r = r < 0 ? r : sd_bus_message_read(call, "bt", &on, &usec);
    if (r < 0)
        return r;
    if (usec > DRAIN_MOST_USEC)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                          "A drain ends within a year, or has no end.");
    log_line(LOG_NOTICE, "uid %u %s", caller,
             on ? "drains this host: no session is opened any more" : "has ended the drain");
    manager_drain(m, on, usec);
    return sd_bus_reply_method_return(call, NULL);
}

int bus_method_drain(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_authorize(((Manager *)userdata)->bus, call, BUS_NOBODY, DRAIN, drain_allowed);
}

void bus_drained(Manager *m)
{
    if (m->bus && m->bus->bus)
        (void)sd_bus_emit_signal(m->bus->bus, BUS_PATH, BUS_MANAGER_INTERFACE, "Drained", "");
}

/* --- would this fit? --- */

/* Everybody may ask about a session of their own that does not exist yet. */
static int fit(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    static const char *const words[_SCHED_FIT_MAX] = {"now", "later", "refused"};
    SchedWish wish = {.tenant = caller};
    const char *key = "", *text;
    uint64_t value = 0;
    SchedAnswer answer;

    if (caller == BUS_NOBODY)
        return bus_refuse(call, "ask");
    int r = sd_bus_message_rewind(call, true);
    r = r < 0 ? r : sd_bus_message_enter_container(call, 'a', "{sv}");
    for (unsigned n = 0; r >= 0 && (r = next_number(call, &key, &value, &text)) > 0; n++) {
        bool taken = n < KEYS_MAX;
        if (strcmp(key, "MemoryBytes") == 0 && !text)
            wish.memory_peak_bytes = value;
        else if (strcmp(key, "ScanBytes") == 0 && !text)
            wish.scan_bytes = value;
        else if (strcmp(key, "Workload") == 0 && !text)
            wish.fingerprint = value;
        else if (strcmp(key, "Threads") == 0 && !text && value <= 1024)
            wish.parallelism = (uint32_t)value;
        else if (strcmp(key, "Profile") == 0 && text &&
                 (strcmp(text, "batch") == 0 || strcmp(text, "interactive") == 0))
            wish.profile = *text == 'b' ? LATENCY_PROFILE_BATCH : LATENCY_PROFILE_INTERACTIVE;
        else
            taken = false;
        if (!taken)
            return wrong_key(call, key);
    }
    if (r < 0)
        return r;
    SchedFit f = sched_would_fit(m->sched, &wish, &answer);
    return sd_bus_reply_method_return(call, "sutuss", words[f], answer.position, answer.grant_bytes,
                                      answer.n_threads, sched_class_to_string(answer.class),
                                      answer.reason);
}

int bus_method_would_fit(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_authorize(((Manager *)userdata)->bus, call, BUS_NOBODY, BUS_READ_ALL, fit);
}
