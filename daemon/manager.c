/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manager.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus.h"
#include "daemon/core_link.h"
#include "daemon/gateway_link.h"
#include "daemon/history/records.h"
#include "daemon/host.h"
#include "daemon/log.h"
#include "daemon/session/executor.h"
#include "daemon/session/session.h"

#define HOUSE_USEC (5 * USEC_PER_SEC)
#define STOP_USEC (20 * USEC_PER_SEC)
/* After the core's trigger: every 2 s until avg10 is back below. */
#define PRESSURE_AGAIN_USEC (2 * USEC_PER_SEC)
#define PRESSURE_SOME_PERMYRIAD 1000u
#define PRESSURE_FULL_PERMYRIAD 500u

typedef struct FedEvent {
    ListNode node;
    SchedEvent event;
} FedEvent;

int manager_timer(Manager *m, sd_event_source **source, uint64_t at_usec,
                  sd_event_time_handler_t handler, void *userdata)
{
    *source = sd_event_source_disable_unref(*source);
    int r = sd_event_add_time(m->event, source, CLOCK_MONOTONIC, at_usec, USEC_PER_MSEC, handler,
                              userdata);
    return r < 0 ? r : 0;
}

Session *manager_find_session(Manager *m, uint64_t id)
{
    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        if (s->id == id)
            return s;
    }
    return NULL;
}

Executor *manager_find_executor(Manager *m, uint64_t id)
{
    list_for_each (n, &m->executors) {
        Executor *e = container_of(n, Executor, node);
        if (e->id == id)
            return e;
    }
    return NULL;
}

static int on_sched_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    SchedEvent event = {.type = SCHED_EVENT_TIMER};

    manager_feed(userdata, &event);
    return 0;
}

/* D-1, from what is known to be in force; the scheduler asserts the same of its own books. */
static void check_budget(Manager *m)
{
    uint64_t sum = 0;
    SchedTotals totals;

    sched_totals(m->sched, &totals);
    list_for_each (n, &m->executors) {
        Executor *e = container_of(n, Executor, node);
        sum += e->removed ? 0 : e->max_bytes;
    }
    if (sum > totals.budget_bytes)
        log_line(LOG_CRIT, "the sum of memory.max is %" PRIu64 ", above the budget of %" PRIu64,
                 sum, totals.budget_bytes);
}

void manager_feed(Manager *m, const SchedEvent *event)
{
    FedEvent *fed = malloc(sizeof(*fed));
    SchedAction action;

    if (!fed) {
        /* An event that the scheduler never hears of would leave its books wrong for ever. */
        log_line(LOG_CRIT, "out of memory, giving up");
        abort();
    }
    fed->event = *event;
    list_append(&m->events, &fed->node);
    if (m->feeding)
        return;
    m->feeding = true;
    while (!list_empty(&m->events)) {
        fed = container_of(m->events.next, FedEvent, node);
        list_remove(&fed->node);
        fed->event.now_usec = clock_now_usec();
        sched_event(m->sched, &fed->event);
        while (sched_next_action(m->sched, &action))
            session_carry_out(m, &action);
        free(fed);
    }
    m->feeding = false;
    check_budget(m);
    uint64_t next = sched_next_timer(m->sched);
    if (next == SCHED_NEVER)
        m->sched_timer = sd_event_source_disable_unref(m->sched_timer);
    else if (manager_timer(m, &m->sched_timer, next, on_sched_timer, m) < 0)
        log_line(LOG_ERR, "no memory for the scheduler's timer");
}

/* A small query begins and ends sooner than a watcher could look: both are told at once, and not
 * while the query waits for its grant. */
#define CHANGES_TOGETHER_USEC (20 * USEC_PER_MSEC)

static int on_changed(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;
    SchedTotals totals;

    m->changed_source = sd_event_source_disable_unref(m->changed_source);
    sched_totals(m->sched, &totals);
    if (!m->stopping) {
        char status[CONTROL_STATUS_MAX];
        snprintf(status, sizeof(status),
                 "%u sessions, %u queries running, %u queued, %u warm executors", m->n_sessions,
                 totals.n_running, totals.n_queued, totals.n_warm);
        core_link_notify(m, CORE_NOTICE_STATUS, status);
    }
    bus_flush_changes(m);
    return 0;
}

void manager_changed(Manager *m)
{
    if (!m->changed_source)
        (void)sd_event_add_time_relative(m->event, &m->changed_source, CLOCK_MONOTONIC,
                                         CHANGES_TOGETHER_USEC, USEC_PER_MSEC, on_changed, m);
}

static SchedConfig make_sched_config(const Config *c, uint64_t host_bytes)
{
    SchedConfig s = sched_config_default(host_bytes);

    s.memory_budget_bytes = config_share_of(c->budget, host_bytes);
    s.memory_reserve_bytes = config_share_of(c->reserve, s.memory_budget_bytes);
    s.floor_bytes = c->session_floor;
    s.session_memory_max_bytes = config_share_of(c->session_max, s.memory_budget_bytes);
    s.tenant_memory_max_bytes = config_share_of(c->user_max, s.memory_budget_bytes);
    s.sessions_max = c->sessions_max;
    s.tenant_sessions_max = c->user_sessions_max;
    s.n_warm = c->warm_pool;
    s.idle_timeout_usec = c->idle_timeout_usec;
    s.statement_timeout_usec = c->query_timeout_usec;
    s.warn_usec = c->timeout_warning_usec;
    if (c->user_queries_max > 0)
        s.tenant_queries_max = c->user_queries_max;
    if (c->queue_max > 0)
        s.queue_max = c->queue_max;
    if (c->slot_cpus > 0)
        s.slot_cpus = c->slot_cpus;
    if (c->interactive_slots > 0)
        s.slots_per_cpu[SCHED_CLASS_INTERACTIVE] = c->interactive_slots;
    if (c->batch_slots > 0)
        s.slots_per_cpu[SCHED_CLASS_BATCH] = c->batch_slots;
    return s;
}

/* Return: 0; -EINVAL: it cannot be had while berthd runs (logged). */
static int take_config(Manager *m, uint64_t serial, ConfigRef *ref)
{
    SchedConfig next = make_sched_config(&ref->config, m->host_memory_bytes);
    const SchedConfig *old = &m->sched_config;
    SchedEvent event = {.type = SCHED_EVENT_CONFIG};
    char reason[256];

    if (next.sessions_max != old->sessions_max || next.n_warm != old->n_warm ||
        next.slot_cpus != old->slot_cpus ||
        memcmp(next.slots_per_cpu, old->slots_per_cpu, sizeof(next.slots_per_cpu)) != 0)
        log_line(LOG_WARNING, "Max=, WarmPool=, SlotCPUs= and the slots of [Sessions] change with "
                              "a restart only");
    next.sessions_max = old->sessions_max;
    next.n_warm = old->n_warm;
    next.slot_cpus = old->slot_cpus;
    memcpy(next.slots_per_cpu, old->slots_per_cpu, sizeof(next.slots_per_cpu));
    int r = sched_config_check(&next, reason, sizeof(reason));
    if (r < 0) {
        log_line(LOG_ERR, "configuration not taken over: %s", reason);
        return r;
    }
    /* Before what it makes the scheduler order. */
    core_link_config_taken(m, serial, true);
    m->sched_config = next;
    config_unref(m->config);
    m->config = config_ref(ref);
    m->books.limit[CHARGE_SESSIONS] = ref->config.user_sessions_max;
    log_set_level((int)ref->config.log_level);
    event.config = &m->sched_config;
    manager_feed(m, &event);
    /* Roots, rings or I/O of what waits may be those of before. */
    event = (SchedEvent){.type = SCHED_EVENT_VIEW_CHANGED};
    manager_feed(m, &event);
    return 0;
}

void manager_reloaded(Manager *m, uint64_t serial, int result, ConfigRef *config)
{
    core_link_notify(m, CORE_NOTICE_RELOADING, "");
    if (result == 0)
        result = take_config(m, serial, config);
    config_unref(config);
    if (result == 0) {
        log_line(LOG_NOTICE, "configuration read again");
        manager_changed(m);
    } else {
        core_link_config_taken(m, serial, false);
        log_line(LOG_ERR, "the configuration stays as it was");
    }
    core_link_notify(m, CORE_NOTICE_READY, "");
    bus_reloaded(m, serial, result);
}

static int on_pressure_again(sd_event_source *source, uint64_t usec, void *userdata);

static void feed_pressure(Manager *m)
{
    SchedEvent event = {.type = SCHED_EVENT_PSI};
    uint32_t some = 0, full = 0;

    if (cgroup_pressure_read(-EBADF, CGROUP_PRESSURE_MEMORY, &some, &full) < 0)
        return;
    event.psi.level = full >= PRESSURE_FULL_PERMYRIAD   ? SCHED_PRESSURE_FULL
                      : some >= PRESSURE_SOME_PERMYRIAD ? SCHED_PRESSURE_SOME
                                                        : SCHED_PRESSURE_NONE;
    m->pressure_timer = sd_event_source_disable_unref(m->pressure_timer);
    if (event.psi.level != SCHED_PRESSURE_NONE)
        (void)manager_timer(m, &m->pressure_timer, clock_now_usec() + PRESSURE_AGAIN_USEC,
                            on_pressure_again, m);
    manager_feed(m, &event);
}

static int on_pressure_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    feed_pressure(userdata);
    return 0;
}

static int on_pressure(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Manager *m = userdata;

    if (events & EPOLLERR && !(events & EPOLLPRI))
        m->pressure_source = sd_event_source_disable_unref(m->pressure_source);
    else
        feed_pressure(m);
    return 0;
}

static int on_house(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;
    SchedEvent event = {.type = SCHED_EVENT_CPU_CHANGED};

    if (host_online(m->config->config.topology_directory, &event.online) == 0 &&
        memcmp(&event.online, &m->topology.online, sizeof(event.online)) != 0) {
        m->topology.online = event.online;
        log_line(LOG_NOTICE, "CPUs went on- or offline: %u are online",
                 sched_cpus_count(&event.online));
        manager_feed(m, &event);
    }
    return manager_timer(m, &m->house_timer, clock_now_usec() + HOUSE_USEC, on_house, m);
}

/* --- quotas and drain --- */

typedef struct QuotaJob {
    WorkerJob job;
    char *text;
    int result;
    char directory[CONFIG_PATH_MAX];
} QuotaJob;

static void run_quota(WorkerJob *job)
{
    QuotaJob *j = container_of(job, QuotaJob, job);

    j->result = quotas_write(j->directory, j->text);
}

static void done_quota(WorkerJob *job)
{
    QuotaJob *j = container_of(job, QuotaJob, job);

    if (j->result < 0)
        log_line(LOG_ERR, "quotas hold until berthd ends: %s/" QUOTAS_FILE ": %s", j->directory,
                 strerror(-j->result));
    free(j->text);
    free(j);
}

static void keep_quotas(Manager *m)
{
    if (!m->records) {
        log_line(LOG_WARNING, "quotas hold until berthd ends: HistoryDirectory= is empty");
        return;
    }
    QuotaJob *j = calloc(1, sizeof(*j));
    char *text = quotas_format(&m->quotas);
    if (!j || !text) {
        log_line(LOG_ERR, "quotas hold until berthd ends: no memory to keep them");
        free(text);
        free(j);
        return;
    }
    *j = (QuotaJob){.job = {.run = run_quota, .done = done_quota}, .text = text};
    text_copy(j->directory, sizeof(j->directory), records_directory(m->records));
    records_submit(m->records, &j->job);
}

static void feed_quota(Manager *m, bool group, uint32_t id, const SchedQuota *quota)
{
    SchedEvent event = {.type = SCHED_EVENT_QUOTA_SET};

    event.quota.group = group;
    event.quota.id = id;
    event.quota.quota = *quota;
    manager_feed(m, &event);
}

int manager_set_quota(Manager *m, bool group, uint32_t id, const SchedQuota *quota)
{
    int r = quotas_set(&m->quotas, group, id, quota);

    if (r < 0)
        return r;
    feed_quota(m, group, id, quota);
    keep_quotas(m);
    return 0;
}

static void on_quota_fault(void *userdata, unsigned line, const char *why)
{
    const Manager *m = userdata;

    log_line(LOG_WARNING, "%s/" QUOTAS_FILE ":%u: %s: the line is left out",
             m->config->config.history_directory, line, why);
}

/* At the start, before anybody waits for the loop. */
static int load_quotas(Manager *m)
{
    const char *directory = m->config->config.history_directory;
    _cleanup_free_ char *text = NULL;

    if (directory[0] == 0)
        return 0;
    int r = quotas_read(directory, &text);
    if (r < 0) {
        log_line(LOG_WARNING, "%s/" QUOTAS_FILE " cannot be read, so there are no quotas: %s",
                 directory, strerror(-r));
        return 0;
    }
    return quotas_parse(&m->quotas, text, strlen(text), on_quota_fault, m);
}

void manager_drain(Manager *m, bool on, uint64_t usec)
{
    SchedEvent event = {.type = SCHED_EVENT_DRAIN};

    event.drain.on = on;
    event.drain.deadline_usec = on && usec > 0 ? clock_now_usec() + usec : 0;
    m->draining = on;
    manager_feed(m, &event);
    manager_changed(m);
}

static int start_scheduler(Manager *m)
{
    const Config *c = &m->config->config;
    char reason[256];
    int r = host_memory(m->cgroup.fd, &m->host_memory_bytes);

    if (r == 0)
        r = host_topology(c->topology_directory, m->host_memory_bytes, &m->topology);
    if (r < 0) {
        log_line(LOG_ERR, "cannot learn memory and CPUs of the host from %s: %s",
                 c->topology_directory, strerror(-r));
        return r;
    }
    m->sched_config = make_sched_config(c, m->host_memory_bytes);
    r = sched_config_check(&m->sched_config, reason, sizeof(reason));
    if (r < 0) {
        log_line(LOG_ERR, "refusing to start: %s", reason);
        return r;
    }
    m->books.limit[CHARGE_SESSIONS] = c->user_sessions_max;
    return sched_new(&m->sched_config, &m->topology, &m->sched);
}

/* Sentences, each ended by a newline. */
static void take_unenforced(Manager *m, const char *text)
{
    for (const char *end; (end = strchr(text, '\n')) && m->cgroup.n_unenforced < UNENFORCED_MAX;
         text = end + 1)
        snprintf(m->cgroup.unenforced[m->cgroup.n_unenforced++], sizeof(m->cgroup.unenforced[0]),
                 "%.*s", (int)(end - text), text);
}

static int start(Manager *m)
{
    int r = sd_event_new(&m->event);

    if (r >= 0)
        r = core_link_new(m, &m->core);
    if (r >= 0)
        r = start_scheduler(m);
    if (r >= 0 && m->pressure_fd >= 0)
        r = sd_event_add_io(m->event, &m->pressure_source, m->pressure_fd, EPOLLPRI, on_pressure,
                            m);
    if (r >= 0) {
        mount_watch_start(m);
        r = gateway_listen(m);
    }
    if (r >= 0)
        r = bus_new(m);
    if (r >= 0)
        r = records_new(m);
    if (r >= 0)
        r = load_quotas(m);
    for (unsigned i = 0; r >= 0 && i < m->cgroup.n_unenforced; i++) {
        LogRecord record = log_record(LOG_EVENT_UNENFORCED, LOG_WARNING);
        log_send(&record, "not enforced on this host: %s", m->cgroup.unenforced[i]);
    }
    return r;
}

int manager_new(const ControlCoreStart *s, int *fds, Manager **ret_manager)
{
    Manager *m = calloc(1, sizeof(*m));
    int r = m ? 0 : -ENOMEM;

    if (r == 0)
        r = core_link_read_config(fds[0], &m->config);
    fds[0] = fd_close(fds[0]);
    if (r < 0) {
        free(m);
        return r;
    }
    log_set_level((int)m->config->config.log_level);
    m->gateway_uid = s->gateway_uid;
    m->watchdog_usec = s->watchdog_usec / 2;
    m->cgroup.controllers = s->controllers;
    text_copy(m->cgroup.path, sizeof(m->cgroup.path), s->cgroup_path);
    take_unenforced(m, s->unenforced);
    m->listen_fd = TAKE_FD(fds[1]);
    m->cgroup.fd = s->has_cgroup ? TAKE_FD(fds[2]) : -EBADF;
    m->pressure_fd = s->has_pressure ? TAKE_FD(fds[2 + s->has_cgroup]) : -EBADF;
    m->mounts.fd = -EBADF;
    account_books_init(&m->books);
    list_init(&m->events);
    list_init(&m->sessions);
    list_init(&m->executors);
    list_init(&m->peers);
    list_init(&m->lookups);
    r = start(m);
    if (r < 0) {
        manager_free(m);
        return r;
    }
    *ret_manager = m;
    return 0;
}

/* The service manager hears that this loop turns, by way of the core: so that one turns, too. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;

    core_link_notify(m, CORE_NOTICE_WATCHDOG, "");
    return manager_timer(m, &m->watchdog_timer, clock_now_usec() + m->watchdog_usec, on_watchdog,
                         m);
}

int manager_run(Manager *m)
{
    SchedEvent event = {.type = SCHED_EVENT_TIMER};
    char budget[32];

    LogRecord record = log_record(LOG_EVENT_STARTED, LOG_NOTICE);
    log_field(&record, "VERSION", "%s", BERTH_VERSION);
    log_field(&record, "CGROUP", "%s", m->cgroup.path);
    log_field(&record, "BUDGET_BYTES", "%" PRIu64, m->sched_config.memory_budget_bytes);
    log_send(&record, "berthd %s is ready: %s for sessions, %u NUMA nodes, %u CPUs", BERTH_VERSION,
             text_format_bytes(budget, sizeof(budget), m->sched_config.memory_budget_bytes),
             m->topology.n_nodes, sched_cpus_count(&m->topology.online));
    core_link_notify(m, CORE_NOTICE_READY, "");
    if (m->watchdog_usec > 0)
        (void)manager_timer(m, &m->watchdog_timer, clock_now_usec(), on_watchdog, m);
    for (size_t i = 0; i < m->quotas.n; i++)
        feed_quota(m, m->quotas.rows[i].group, m->quotas.rows[i].id, &m->quotas.rows[i].quota);
    manager_feed(m, &event); /* the scheduler starts its warm executors */
    manager_changed(m);
    (void)manager_timer(m, &m->house_timer, clock_now_usec() + HOUSE_USEC, on_house, m);
    return sd_event_loop(m->event);
}

static int on_post(sd_event_source *source, void *userdata)
{
    Manager *m = userdata;

    return list_empty(&m->executors) ? sd_event_exit(m->event, 0) : 0;
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;

    list_for_each (n, &m->executors) {
        Executor *e = container_of(n, Executor, node);
        log_line(LOG_ERR, "executor %" PRIu64 " (pid %d) could not be ended", e->id, e->pid);
    }
    return sd_event_exit(m->event, 1);
}

void manager_stop(Manager *m)
{
    if (m->stopping)
        return;
    m->stopping = true;
    gateway_unlisten(m);
    while (!list_empty(&m->sessions))
        session_close(container_of(m->sessions.next, Session, node), SESSION_CAUSE_SHUTDOWN,
                      "berthd is stopping");
    executor_stop_all(m);
    if (sd_event_add_post(m->event, NULL, on_post, m) < 0 ||
        manager_timer(m, &m->stop_timer, clock_now_usec() + STOP_USEC, on_stop_timeout, m) < 0)
        (void)sd_event_exit(m->event, 1);
}

Manager *manager_free(Manager *m)
{
    if (!m)
        return NULL;
    bool clean = list_empty(&m->executors) && list_empty(&m->sessions);
    gateway_unlisten(m);
    gateway_close_all(m);
    m->records = records_free(m->records);
    quotas_done(&m->quotas);
    m->bus = bus_free(m->bus);
    sd_event_source **const sources[] = {&m->sched_timer,   &m->pressure_source, &m->pressure_timer,
                                         &m->house_timer,   &m->stop_timer,      &m->changed_source,
                                         &m->watchdog_timer};
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
        *sources[i] = sd_event_source_disable_unref(*sources[i]);
    mount_watch_stop(&m->mounts);
    fd_close(m->pressure_fd);
    m->sched = sched_free(m->sched);
    if (clean)
        account_books_done(&m->books);
    fd_close(m->cgroup.fd);
    m->core = core_link_free(m->core);
    sd_event_unref(m->event);
    config_unref(m->config);
    free(m);
    return NULL;
}
