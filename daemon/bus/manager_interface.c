/* SPDX-License-Identifier: Apache-2.0 */
/* org.berth.Berth1.Manager. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/core_link.h"
#include "daemon/log.h"
#include "sandbox/cgroup/cgroup.h"

static int method_get_session(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    char path[BUS_PATH_MAX];
    const char *id;
    int r = sd_bus_message_read(call, "s", &id);

    if (r < 0)
        return r;
    Session *s = bus_find_session(userdata, id);
    if (!s)
        return sd_bus_reply_method_errorf(call, BUS_ERROR_NO_SUCH_SESSION,
                                          "There is no such session.");
    bus_session_path(s, path);
    return sd_bus_reply_method_return(call, "o", path);
}

/* Whose sessions there are, if all are one user's: then nobody has to be asked about the list. */
static uid_t only_owner(const Manager *m)
{
    uid_t owner = BUS_NOBODY;

    list_for_each (n, &m->sessions) {
        uid_t uid = container_of(n, Session, node)->identity.uid;
        if (owner != BUS_NOBODY && uid != owner)
            return BUS_NOBODY;
        owner = uid;
    }
    return owner;
}

static int append_session(sd_bus_message *reply, Session *s, bool full)
{
    Executor *e = s->executor;
    char id[24], path[BUS_PATH_MAX];
    CgroupMemory memory = {};

    if (e) {
        executor_read_memory(e);
        memory = e->memory;
    }
    snprintf(id, sizeof(id), "%" PRIu64, s->id);
    bus_session_path(s, path);
    return sd_bus_message_append(reply, "(sussssittttuuto)", id, s->identity.uid, s->identity.user,
                                 full ? s->client_id : "", session_state_to_string(s->state),
                                 latency_profile_to_string(s->profile),
                                 e ? (int32_t)e->node_id : -1, e ? e->grant_bytes : 0,
                                 e ? e->max_bytes : 0, memory.current_bytes, memory.peak_bytes,
                                 s->n_queries, s->generation, s->started_usec, path);
}

int bus_send_list(sd_bus_message *reply, int r)
{
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 1;
}

static int open_list(sd_bus_message *call, const char *row, sd_bus_message **ret_reply)
{
    int r = sd_bus_message_new_method_return(call, ret_reply);

    return r < 0 ? r : sd_bus_message_open_container(*ret_reply, 'a', row);
}

static int list_sessions(Manager *m, sd_bus_message *call, uid_t caller, bool all)
{
    sd_bus_message *reply = NULL;
    int r = open_list(call, "(sussssittttuuto)", &reply);

    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        if (r >= 0)
            r = append_session(reply, s, all || s->identity.uid == caller);
    }
    return bus_send_list(reply, r);
}

/* Asks about the caller only where there is something to hide from somebody. */
int bus_list_for(Manager *m, sd_bus_message *call, AuthContinuation list)
{
    return list_empty(&m->sessions)
               ? list(m, call, BUS_NOBODY, false)
               : bus_authorize(m->bus, call, only_owner(m), BUS_READ_ALL, list);
}

static int method_list_sessions(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_list_for(userdata, call, list_sessions);
}

static int list_queries(Manager *m, sd_bus_message *call, uid_t caller, bool all)
{
    sd_bus_message *reply = NULL;
    int r = open_list(call, "(stsussuttttut)", &reply);

    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        char id[24];
        snprintf(id, sizeof(id), "%" PRIu64, s->id);
        for (size_t i = 0; r >= 0 && i < SCHED_QUERIES_PER_SESSION; i++) {
            const SessionQuery *q = &s->queries[i];
            if (q->used)
                r = sd_bus_message_append(
                    reply, "(stsussuttttut)", id, q->estimate.query,
                    all || s->identity.uid == caller ? q->estimate.operation_id : "",
                    s->identity.uid, s->identity.user, q->grant_bytes > 0 ? "running" : "queued",
                    q->position, q->estimate.scan_bytes, q->estimate.memory_peak_bytes,
                    q->grant_bytes, q->estimate.rows, q->n_threads, q->started_usec);
        }
    }
    return bus_send_list(reply, r);
}

static int method_list_queries(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_list_for(userdata, call, list_queries);
}

static int method_list_pools(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    Manager *m = userdata;
    sd_bus_message *reply = NULL;
    SchedPoolInfo pool;
    char cpus[4096];
    size_t index = 0;
    int r = open_list(call, "(ussuutts)", &reply);

    while (r >= 0 && sched_each_pool(m->sched, &index, &pool)) {
        if (text_format_cpu_list(m->topology.nodes[pool.node].cpus.bits, SCHED_CPUS_MAX, cpus,
                                 sizeof(cpus)) < 0)
            cpus[0] = 0;
        r = sd_bus_message_append(reply, "(ussuutts)", pool.node, sched_class_to_string(pool.class),
                                  cpus, pool.n_slots, pool.n_leased, pool.memory_bytes,
                                  pool.memory_used_bytes, BERTH_VERSION);
    }
    return bus_send_list(reply, r);
}

static int method_list_slots(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    Manager *m = userdata;
    sd_bus_message *reply = NULL;
    SchedSlotInfo slot;
    SchedPoolInfo pool;
    size_t index = 0, pool_index;
    char cpus[4096], id[24];
    int r = open_list(call, "(uusstsu)", &reply);

    while (r >= 0 && sched_each_slot(m->sched, &index, &slot)) {
        const Session *s = manager_find_session(m, slot.session);
        uint64_t memory = 0;
        for (pool_index = 0; sched_each_pool(m->sched, &pool_index, &pool);)
            if (pool.node == slot.node && pool.class == slot.class && pool.n_slots > 0)
                memory = pool.memory_bytes / pool.n_slots;
        if (text_format_cpu_list(slot.cpus.bits, SCHED_CPUS_MAX, cpus, sizeof(cpus)) < 0)
            cpus[0] = 0;
        snprintf(id, sizeof(id), "%" PRIu64, slot.session);
        r = sd_bus_message_append(reply, "(uusstsu)", slot.index, slot.node,
                                  sched_class_to_string(slot.class), cpus, memory, s ? id : "",
                                  s ? s->identity.uid : UINT32_MAX);
    }
    return bus_send_list(reply, r);
}

static int add_text(sd_bus_message *reply, const char *key, const char *value)
{
    return sd_bus_message_append(reply, "{sv}", key, "s", value);
}

static int add_u32(sd_bus_message *reply, const char *key, uint32_t value)
{
    return sd_bus_message_append(reply, "{sv}", key, "u", value);
}

static int add_u64(sd_bus_message *reply, const char *key, uint64_t value)
{
    return sd_bus_message_append(reply, "{sv}", key, "t", value);
}

static int add_bool(sd_bus_message *reply, const char *key, bool value)
{
    return sd_bus_message_append(reply, "{sv}", key, "b", (int)value);
}

static int describe_session(sd_bus_message *reply, const Session *s)
{
    char id[24];
    int r;

    snprintf(id, sizeof(id), "%" PRIu64, s->id);
    r = add_text(reply, "Id", id);
    r = r < 0 ? r : add_u32(reply, "Uid", s->identity.uid);
    r = r < 0 ? r : add_text(reply, "User", s->identity.user);
    r = r < 0 ? r : add_text(reply, "ClientSession", s->client_id);
    r = r < 0 ? r : add_text(reply, "State", session_state_to_string(s->state));
    r = r < 0 ? r : add_text(reply, "Profile", latency_profile_to_string(s->profile));
    r = r < 0 ? r : add_bool(reply, "Performance", s->performance);
    r = r < 0 ? r : add_u32(reply, "Generation", s->generation);
    r = r < 0 ? r : add_u64(reply, "StartedUSec", s->started_usec);
    r = r < 0 ? r : add_u32(reply, "NResizes", s->n_resizes);
    r = r < 0 ? r : add_u32(reply, "NRestarts", s->n_restarts);
    r = r < 0 ? r : add_u32(reply, "NQueries", s->n_queries);
    return r < 0 ? r : add_text(reply, "LastCause", session_cause_to_string(s->last_cause));
}

static int describe_sandbox(sd_bus_message *reply, const Executor *e)
{
    static const char *const namespaces[6] = {"NamespaceMount", "NamespacePid", "NamespaceNet",
                                              "NamespaceIpc",   "NamespaceUts", "NamespaceCgroup"};
    static const char *const io_modes[] = {"none", "ring", "pread"};
    int r = add_u32(reply, "Pid", (uint32_t)e->pid);

    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
        r = r < 0 ? r : add_u64(reply, namespaces[i], e->namespaces[i]);
    r = r < 0 ? r : add_text(reply, "ExecutorVersion", e->hello.executor_version);
    r = r < 0 ? r : add_u32(reply, "SeccompMode", e->locked.seccomp_mode);
    r = r < 0 ? r : add_u32(reply, "SeccompCalls", e->locked.n_seccomp_calls);
    r = r < 0 ? r : add_bool(reply, "NoNewPrivs", e->locked.no_new_privs);
    r = r < 0 ? r : add_u64(reply, "Capabilities", e->locked.capabilities);
    r = r < 0 ? r : add_u32(reply, "LandlockAbi", e->locked.landlock_abi);
    r = r < 0 ? r : add_text(reply, "IoMode", io_modes[MIN(e->locked.io_mode, 2u)]);
    r = r < 0 ? r : add_bool(reply, "RingRestricted", e->locked.ring_restricted);
    return r < 0 ? r : add_u32(reply, "OpenFds", e->locked.n_open_fds);
}

static int add_slots(Manager *m, sd_bus_message *reply, uint64_t session)
{
    uint32_t slots[SCHED_CPUS_MAX];
    size_t n = 0, index = 0;
    SchedSlotInfo slot;

    while (n < ARRAY_SIZE(slots) && sched_each_slot(m->sched, &index, &slot))
        if (slot.session == session)
            slots[n++] = slot.index;
    int r = sd_bus_message_open_container(reply, 'e', "sv");
    r = r < 0 ? r : sd_bus_message_append(reply, "s", "Slots");
    r = r < 0 ? r : sd_bus_message_open_container(reply, 'v', "au");
    r = r < 0 ? r : sd_bus_message_append_array(reply, 'u', slots, n * sizeof(slots[0]));
    r = r < 0 ? r : sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int describe_place(Manager *m, sd_bus_message *reply, const Session *s, Executor *e)
{
    char cgroup[CONTROL_PATH_MAX + CGROUP_NAME_MAX + 2], cpus[4096] = "", mems[512] = "";

    snprintf(cgroup, sizeof(cgroup), e->leaf_fd >= 0 ? "%s/%s" : "", m->cgroup.path, e->leaf);
    /* The kernel's view where there is one: what was written may not be what holds. */
    if (e->leaf_fd < 0 ||
        cgroup_cpuset_read(e->leaf_fd, cpus, sizeof(cpus), mems, sizeof(mems)) != 0) {
        if (text_format_cpu_list(e->cpus.bits, SCHED_CPUS_MAX, cpus, sizeof(cpus)) < 0)
            cpus[0] = 0;
        if (text_format_cpu_list(&e->mems, 64, mems, sizeof(mems)) < 0)
            mems[0] = 0;
    }
    executor_read_memory(e);
    int r = add_text(reply, "Cgroup", cgroup);
    r = r < 0 ? r : sd_bus_message_append(reply, "{sv}", "NumaNode", "i", (int32_t)e->node_id);
    r = r < 0 ? r : add_slots(m, reply, s->id);
    r = r < 0 ? r : add_text(reply, "Cpus", cpus);
    r = r < 0 ? r : add_text(reply, "Mems", mems);
    r = r < 0 ? r : add_u64(reply, "MemoryGrantBytes", e->grant_bytes);
    r = r < 0 ? r : add_u64(reply, "MemoryHighBytes", e->high_bytes);
    r = r < 0 ? r : add_u64(reply, "MemoryLimitBytes", e->max_bytes);
    r = r < 0 ? r : add_u64(reply, "MemoryCurrentBytes", e->memory.current_bytes);
    return r < 0 ? r : add_u64(reply, "MemoryPeakBytes", e->memory.peak_bytes);
}

static Session *session_argument(Manager *m, sd_bus_message *call)
{
    const char *id;

    if (sd_bus_message_rewind(call, true) < 0 || sd_bus_message_read(call, "s", &id) <= 0)
        return NULL;
    return bus_find_session(m, id);
}

static int describe_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    Session *s = session_argument(m, call);
    sd_bus_message *reply = NULL;

    if (!allowed)
        return bus_refuse(call, "read the details of this session");
    if (!s)
        return sd_bus_reply_method_errorf(call, BUS_ERROR_NO_SUCH_SESSION,
                                          "There is no such session.");
    int r = open_list(call, "{sv}", &reply);
    r = r < 0 ? r : describe_session(reply, s);
    if (s->executor) {
        r = r < 0 ? r : describe_sandbox(reply, s->executor);
        r = r < 0 ? r : describe_place(m, reply, s, s->executor);
    }
    return bus_send_list(reply, r);
}

static int method_describe(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    Manager *m = userdata;
    Session *s = session_argument(m, call);

    if (!s)
        return sd_bus_reply_method_errorf(call, BUS_ERROR_NO_SUCH_SESSION,
                                          "There is no such session.");
    return bus_authorize(m->bus, call, s->identity.uid, BUS_READ_ALL, describe_allowed);
}

static int reload_allowed(Manager *m, sd_bus_message *call, uid_t caller, bool allowed)
{
    if (!allowed)
        return bus_refuse(call, "reload the configuration");
    for (unsigned i = 0; i < BUS_RELOADS_MAX; i++)
        if (!m->bus->reloads[i]) {
            m->bus->reloads[i] = sd_bus_message_ref(call);
            core_link_reload(m, i + 1);
            return 1;
        }
    return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                      "Too many reloads are under way.");
}

static int method_reload(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    return bus_authorize(((Manager *)userdata)->bus, call, BUS_NOBODY, BUS_NAME ".reload",
                         reload_allowed);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Manager *m = userdata;

    return sd_bus_message_append(reply, "s",
                                 strcmp(property, "Version") == 0 ? BERTH_VERSION : m->cgroup.path);
}

static int get_unenforced(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *ret_error)
{
    const Manager *m = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "s");

    for (unsigned i = 0; r >= 0 && i < m->cgroup.n_unenforced; i++)
        r = sd_bus_message_append(reply, "s", m->cgroup.unenforced[i]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_draining(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    return sd_bus_message_append(reply, "b", (int)((const Manager *)userdata)->draining);
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Manager *m = userdata;
    SchedTotals totals;

    sched_totals(m->sched, &totals);
    return sd_bus_message_append(reply, "u",
                                 strcmp(property, "NSessions") == 0  ? m->n_sessions
                                 : strcmp(property, "NQueries") == 0 ? totals.n_running
                                 : strcmp(property, "NQueued") == 0  ? totals.n_queued
                                                                     : totals.n_warm);
}

static int get_bytes(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    const Manager *m = userdata;
    SchedTotals totals;

    sched_totals(m->sched, &totals);
    return sd_bus_message_append(
        reply, "t",
        strcmp(property, "MemoryBudgetBytes") == 0 ? totals.budget_bytes : totals.committed_bytes);
}

#define EVERYBODY SD_BUS_VTABLE_UNPRIVILEGED /* polkit decides, in the handler */
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("ListSessions", SD_BUS_NO_ARGS,
                            SD_BUS_RESULT("a(sussssittttuuto)", sessions), method_list_sessions,
                            EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("GetSession", SD_BUS_ARGS("s", session), SD_BUS_RESULT("o", path),
                            method_get_session, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListPools", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ussuutts)", pools),
                            method_list_pools, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListSlots", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(uusstsu)", slots),
                            method_list_slots, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListQueries", SD_BUS_NO_ARGS,
                            SD_BUS_RESULT("a(stsussuttttut)", queries), method_list_queries,
                            EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListQueue", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(stsusuttts)", queries),
                            bus_method_list_queue, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListHistory", SD_BUS_ARGS("t", since_usec, "u", max, "b", failed_only),
                            SD_BUS_RESULT("a(ttttussssttttttttttsu)", queries),
                            bus_method_list_history, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS(
        "ListWorkloads", SD_BUS_ARGS("t", since_usec, "u", max, "b", failed_only),
        SD_BUS_RESULT("a(utstttttttttttt)", workloads), bus_method_list_history, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("SetQuota", SD_BUS_ARGS("s", kind, "u", id, "a{sv}", bounds),
                            SD_BUS_NO_RESULT, bus_method_set_quota, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("ListQuotas", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(suuuuut)", quotas),
                            bus_method_list_quotas, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("Drain", SD_BUS_ARGS("b", on, "t", usec), SD_BUS_NO_RESULT,
                            bus_method_drain, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("WouldFit", SD_BUS_ARGS("a{sv}", wish),
                            SD_BUS_RESULT("s", fit, "u", position, "t", grant_bytes, "u", threads,
                                          "s", class, "s", reason),
                            bus_method_would_fit, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("KillSession", SD_BUS_ARGS("s", session, "s", reason, "t", flags),
                            SD_BUS_NO_RESULT, bus_method_kill, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("SetLimit", SD_BUS_ARGS("s", session, "a{sv}", limits),
                            SD_BUS_NO_RESULT, bus_method_set_limit, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("DescribeSession", SD_BUS_ARGS("s", session),
                            SD_BUS_RESULT("a{sv}", description), method_describe, EVERYBODY),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, EVERYBODY),
    SD_BUS_SIGNAL_WITH_ARGS("SessionAdded", SD_BUS_ARGS("s", session, "o", path), 0),
    SD_BUS_SIGNAL_WITH_ARGS("SessionRemoved", SD_BUS_ARGS("s", session, "o", path, "s", cause), 0),
    SD_BUS_SIGNAL_WITH_ARGS(
        "LimitResized",
        SD_BUS_ARGS("s", session, "t", old_bytes, "t", new_bytes, "s", cause, "t", latency_usec),
        0),
    SD_BUS_SIGNAL_WITH_ARGS(
        "OutOfMemory", SD_BUS_ARGS("s", session, "t", peak_bytes, "t", limit_bytes, "s", outcome),
        0),
    SD_BUS_SIGNAL_WITH_ARGS("Drained", SD_BUS_NO_ARGS, 0),
    SD_BUS_PROPERTY("Draining", "b", get_draining, 0, CHANGES),
    SD_BUS_PROPERTY("Version", "s", get_text, 0, CONST),
    SD_BUS_PROPERTY("CgroupRoot", "s", get_text, 0, CONST),
    SD_BUS_PROPERTY("Unenforced", "as", get_unenforced, 0, CONST),
    SD_BUS_PROPERTY("NSessions", "u", get_count, 0, CHANGES),
    SD_BUS_PROPERTY("NQueries", "u", get_count, 0, CHANGES),
    SD_BUS_PROPERTY("NQueued", "u", get_count, 0, CHANGES),
    SD_BUS_PROPERTY("NWarm", "u", get_count, 0, CHANGES),
    SD_BUS_PROPERTY("MemoryBudgetBytes", "t", get_bytes, 0, CHANGES),
    SD_BUS_PROPERTY("MemoryGrantedBytes", "t", get_bytes, 0, CHANGES),
    SD_BUS_VTABLE_END,
};
