/* SPDX-License-Identifier: Apache-2.0 */
/* org.berth.Berth1.Session, and the calls that the manager's interface shares with it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/log.h"

#define LIMITS_MAX 16u
#define LIMIT_SMALLEST (UINT64_C(64) << 20)

/* The session of a call: its first argument, or the object it was sent to. */
static Session *session_of_call(Manager *m, sd_bus_message *call, bool *ret_by_path)
{
    const char *path = sd_bus_message_get_path(call), *id = NULL;

    *ret_by_path =
        path && strncmp(path, BUS_SESSION_PREFIX "/", strlen(BUS_SESSION_PREFIX "/")) == 0;
    if (*ret_by_path)
        id = path + strlen(BUS_SESSION_PREFIX "/");
    else if (sd_bus_message_read(call, "s", &id) <= 0)
        return NULL;
    return bus_find_session(m, id);
}

static int no_such_session(sd_bus_message *call)
{
    return sd_bus_reply_method_errorf(call, BUS_ERROR_NO_SUCH_SESSION, "There is no such session.");
}

static int kill_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    char told[BUS_REASON_MAX + 64];
    const char *reason;
    uint64_t flags;
    bool by_path;
    int r = sd_bus_message_rewind(call, true);

    if (r < 0)
        return r;
    Session *s = session_of_call(m, call, &by_path);
    if (!allowed)
        return bus_refuse(call, "end this session");
    if (!s)
        return no_such_session(call);
    r = sd_bus_message_read(call, "st", &reason, &flags);
    if (r < 0)
        return r;
    snprintf(told, sizeof(told), "ended by uid %u%s%.200s", caller, reason[0] ? ": " : "", reason);
    session_close(s, SESSION_CAUSE_ADMIN, told);
    return sd_bus_reply_method_return(call, NULL);
}

int bus_method_kill(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    bool by_path = strcmp(sd_bus_message_get_path(call), BUS_PATH) != 0;
    Manager *m = by_path ? ((Session *)userdata)->manager : userdata;
    Session *s = session_of_call(m, call, &by_path);
    const char *reason;
    uint64_t flags;

    if (!s)
        return no_such_session(call);
    int r = sd_bus_message_read(call, "st", &reason, &flags);
    if (r < 0)
        return r;
    if (flags != 0)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "flags must be 0.");
    return bus_authorize(m->bus, call, s->identity.uid, BUS_NAME ".kill-session", kill_allowed);
}

/* Return: 1 and the limit; 0 answered with an error; negative errno. */
static int read_limits(sd_bus_message *call, uint64_t *ret_max_bytes)
{
    const char *key;
    bool found = false;
    int r = sd_bus_message_enter_container(call, 'a', "{sv}");

    for (unsigned n = 0; r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0; n++) {
        r = sd_bus_message_read(call, "s", &key);
        if (r < 0)
            return r;
        if (n == LIMITS_MAX || strcmp(key, "MemoryMaxBytes") != 0) {
            r = sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                           "Unknown limit '%.60s'.", key);
            return r < 0 ? r : 0;
        }
        r = sd_bus_message_read(call, "v", "t", ret_max_bytes);
        if (r >= 0)
            r = sd_bus_message_exit_container(call);
        found = true;
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(call);
    if (r < 0)
        return r;
    if (found && (*ret_max_bytes == 0 || *ret_max_bytes >= LIMIT_SMALLEST))
        return 1;
    r = sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                   found ? "MemoryMaxBytes is 0 or at least 64 MiB."
                                         : "No limit is given.");
    return r < 0 ? r : 0;
}

static int limit_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    SchedEvent event = {.type = SCHED_EVENT_LIMIT_SET};
    bool by_path;
    int r = sd_bus_message_rewind(call, true);

    if (r < 0)
        return r;
    Session *s = session_of_call(m, call, &by_path);
    if (!allowed)
        return bus_refuse(call, "set limits");
    if (!s)
        return no_such_session(call);
    r = read_limits(call, &event.limit.max_bytes);
    if (r <= 0)
        return r;
    event.session = s->id;
    if (s->executor) {
        s->executor->asked_cause = "admin";
        s->executor->asked_usec = clock_now_usec();
    }
    log_line(LOG_NOTICE, "limit of session %" PRIu64 " set to %" PRIu64 " bytes by uid %u", s->id,
             event.limit.max_bytes, caller);
    manager_feed(m, &event);
    return sd_bus_reply_method_return(call, NULL);
}

int bus_method_set_limit(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    bool by_path = strcmp(sd_bus_message_get_path(call), BUS_PATH) != 0;
    Manager *m = by_path ? ((Session *)userdata)->manager : userdata;
    uint64_t max_bytes;

    if (!session_of_call(m, call, &by_path))
        return no_such_session(call);
    int r = read_limits(call, &max_bytes);
    if (r <= 0)
        return r < 0 ? r : 1;
    return bus_authorize(m->bus, call, BUS_NOBODY, BUS_NAME ".set-limit", limit_allowed);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Session *s = userdata;
    char text[CONTROL_PATH_MAX + CGROUP_NAME_MAX + 2] = "";

    if (strcmp(property, "Id") == 0)
        snprintf(text, sizeof(text), "%" PRIu64, s->id);
    else if (strcmp(property, "User") == 0)
        text_copy(text, sizeof(text), s->identity.user);
    else if (strcmp(property, "State") == 0)
        text_copy(text, sizeof(text), session_state_to_string(s->state));
    else if (s->executor && s->executor->leaf_fd >= 0)
        snprintf(text, sizeof(text), "%s/%s", s->manager->cgroup.path, s->executor->leaf);
    return sd_bus_message_append(reply, "s", text);
}

static int get_u32(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Session *s = userdata;
    uint32_t value = strcmp(property, "Uid") == 0          ? s->identity.uid
                     : strcmp(property, "Generation") == 0 ? s->generation
                     : strcmp(property, "NQueries") == 0   ? s->n_queries
                     : s->executor                         ? (uint32_t)s->executor->pid
                                                           : 0;
    return sd_bus_message_append(reply, "u", value);
}

static int get_node(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Session *s = userdata;

    return sd_bus_message_append(reply, "i", s->executor ? (int32_t)s->executor->node_id : -1);
}

static int get_u64(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Session *s = userdata;
    Executor *e = s->executor;
    uint64_t value = 0;

    if (strcmp(property, "StartedUSec") == 0)
        value = s->started_usec;
    else if (e) {
        executor_read_memory(e);
        value = strcmp(property, "MemoryGrantBytes") == 0     ? e->grant_bytes
                : strcmp(property, "MemoryLimitBytes") == 0   ? e->max_bytes
                : strcmp(property, "MemoryCurrentBytes") == 0 ? e->memory.current_bytes
                                                              : e->memory.peak_bytes;
    }
    return sd_bus_message_append(reply, "t", value);
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable session_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("s", reason, "t", flags), SD_BUS_NO_RESULT,
                            bus_method_kill, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("SetLimit", SD_BUS_ARGS("a{sv}", limits), SD_BUS_NO_RESULT,
                            bus_method_set_limit, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Id", "s", get_text, 0, CONST),
    SD_BUS_PROPERTY("Uid", "u", get_u32, 0, CONST),
    SD_BUS_PROPERTY("User", "s", get_text, 0, CONST),
    SD_BUS_PROPERTY("StartedUSec", "t", get_u64, 0, CONST),
    SD_BUS_PROPERTY("State", "s", get_text, 0, CHANGES),
    SD_BUS_PROPERTY("Generation", "u", get_u32, 0, CHANGES),
    SD_BUS_PROPERTY("Pid", "u", get_u32, 0, CHANGES),
    SD_BUS_PROPERTY("Cgroup", "s", get_text, 0, CHANGES),
    SD_BUS_PROPERTY("NumaNode", "i", get_node, 0, CHANGES),
    SD_BUS_PROPERTY("NQueries", "u", get_u32, 0, CHANGES),
    SD_BUS_PROPERTY("MemoryGrantBytes", "t", get_u64, 0, CHANGES),
    SD_BUS_PROPERTY("MemoryLimitBytes", "t", get_u64, 0, CHANGES),
    SD_BUS_PROPERTY("MemoryCurrentBytes", "t", get_u64, 0, 0),
    SD_BUS_PROPERTY("MemoryPeakBytes", "t", get_u64, 0, 0),
    SD_BUS_VTABLE_END,
};
