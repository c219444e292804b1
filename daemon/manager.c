/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manager.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus.h"
#include "daemon/gateway_link.h"
#include "daemon/host.h"
#include "daemon/log.h"
#include "daemon/session/executor.h"
#include "daemon/session/jobs.h"
#include "daemon/session/session.h"

#define HOUSE_USEC (5 * USEC_PER_SEC)
#define STOP_USEC (20 * USEC_PER_SEC)
/* Some task stalled for 150 ms in a second: the host is short; then every 2 s until avg10 is back
 * below. */
#define PRESSURE_STALL_USEC (150 * USEC_PER_MSEC)
#define PRESSURE_WINDOW_USEC (1000 * USEC_PER_MSEC)
#define PRESSURE_AGAIN_USEC (2 * USEC_PER_SEC)
#define PRESSURE_SOME_PERMYRIAD 1000u
#define PRESSURE_FULL_PERMYRIAD 500u

typedef struct FedEvent {
    ListNode node;
    SchedEvent event;
} FedEvent;

ConfigRef *config_ref(ConfigRef *ref)
{
    ref->n_refs++;
    return ref;
}

ConfigRef *config_unref(ConfigRef *ref)
{
    if (ref && --ref->n_refs == 0)
        free(ref);
    return NULL;
}

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
    if (!m->stopping)
        (void)sd_notifyf(0, "STATUS=%u sessions, %u queries running, %u queued, %u warm executors",
                         m->n_sessions, totals.n_running, totals.n_queued, totals.n_warm);
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

static void on_config_report(void *userdata, ConfigLevel level, const char *file, unsigned line,
                             const char *message)
{
    LogRecord record = log_record(LOG_EVENT_CONFIG, level == CONFIG_ERROR ? LOG_ERR : LOG_WARNING);

    log_field(&record, "FILE", "%s", file);
    log_field(&record, "LINE", "%u", line);
    if (line > 0)
        log_send(&record, "%s:%u: %s", file, line, message);
    else
        log_send(&record, "%s: %s", file, message);
}

int manager_load_config(const char *path, ConfigRef **ret_config)
{
    ConfigRef *ref = calloc(1, sizeof(*ref));

    if (!ref)
        return -ENOMEM;
    ref->n_refs = 1;
    int r = config_load(&ref->config, "", path, on_config_report, NULL);
    if (r < 0) {
        config_unref(ref);
        return r;
    }
    *ret_config = ref;
    return 0;
}

int manager_reload(Manager *m)
{
    ConfigRef *ref;
    SchedEvent event = {.type = SCHED_EVENT_CONFIG};
    char reason[256];

    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_usec());
    int r = manager_load_config(m->config_path, &ref);
    if (r == 0) {
        SchedConfig next = make_sched_config(&ref->config, m->host_memory_bytes);
        const SchedConfig *old = &m->sched_config;
        if (next.sessions_max != old->sessions_max || next.n_warm != old->n_warm ||
            next.slot_cpus != old->slot_cpus ||
            memcmp(next.slots_per_cpu, old->slots_per_cpu, sizeof(next.slots_per_cpu)) != 0)
            log_line(LOG_WARNING,
                     "Max=, WarmPool=, SlotCPUs= and the slots of [Sessions] change with a "
                     "restart only");
        next.sessions_max = old->sessions_max;
        next.n_warm = old->n_warm;
        next.slot_cpus = old->slot_cpus;
        memcpy(next.slots_per_cpu, old->slots_per_cpu, sizeof(next.slots_per_cpu));
        r = sched_config_check(&next, reason, sizeof(reason));
        if (r < 0) {
            log_line(LOG_ERR, "configuration not taken over: %s", reason);
            config_unref(ref);
        } else
            m->sched_config = next;
    }
    if (r == 0) {
        /* Sockets, users and the cgroup root were taken at start; the rest holds for what comes. */
        text_copy(ref->config.gateway_socket, CONFIG_PATH_MAX, m->config->config.gateway_socket);
        text_copy(ref->config.spill_directory, CONFIG_PATH_MAX, m->config->config.spill_directory);
        config_unref(m->config);
        m->config = ref;
        m->books.limit[CHARGE_SESSIONS] = ref->config.user_sessions_max;
        log_set_level((int)ref->config.log_level);
        event.config = &m->sched_config;
        manager_feed(m, &event);
        /* Roots, rings or I/O of what waits may be those of before. */
        event = (SchedEvent){.type = SCHED_EVENT_VIEW_CHANGED};
        manager_feed(m, &event);
        log_line(LOG_NOTICE, "configuration read again");
        manager_changed(m);
    }
    (void)sd_notify(0, "READY=1");
    return r;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
    Manager *m = userdata;

    if (si->ssi_signo == SIGHUP) {
        if (manager_reload(m) < 0)
            log_line(LOG_ERR, "the configuration stays as it was");
        return 0;
    }
    manager_stop(m);
    return 0;
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    worker_dispatch(userdata);
    return 0;
}

static int start_workers(Manager *m)
{
    static const char *const names[_WORKER_KIND_MAX] = {"urgent", "slow", "birth", "lookup"};
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < _WORKER_KIND_MAX; i++) {
        r = worker_new(names[i], &m->workers[i]);
        if (r >= 0)
            r = sd_event_add_io(m->event, &m->worker_sources[i], worker_fd(m->workers[i]), EPOLLIN,
                                on_worker, m->workers[i]);
    }
    if (r >= 0)
        r = sd_event_source_set_priority(m->worker_sources[WORKER_URGENT],
                                         SD_EVENT_PRIORITY_IMPORTANT);
    return r;
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

static void watch_pressure(Manager *m)
{
    int r = cgroup_pressure_watch(-EBADF, CGROUP_PRESSURE_MEMORY, PRESSURE_STALL_USEC,
                                  PRESSURE_WINDOW_USEC, &m->pressure_fd);

    if (r == 0)
        r = sd_event_add_io(m->event, &m->pressure_source, m->pressure_fd, EPOLLPRI, on_pressure,
                            m);
    if (r != 0 && m->cgroup.n_unenforced < UNENFORCED_MAX)
        m->cgroup.unenforced[m->cgroup.n_unenforced++] =
            "Reaction to memory pressure of the whole host: the kernel has no PSI.";
}

static int on_house(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *m = userdata;
    SchedEvent event = {.type = SCHED_EVENT_CPU_CHANGED};

    session_close_idle(m);
    if (host_online(m->config->config.topology_directory, &event.online) == 0 &&
        memcmp(&event.online, &m->topology.online, sizeof(event.online)) != 0) {
        m->topology.online = event.online;
        log_line(LOG_NOTICE, "CPUs went on- or offline: %u are online",
                 sched_cpus_count(&event.online));
        manager_feed(m, &event);
    }
    return manager_timer(m, &m->house_timer, clock_now_usec() + HOUSE_USEC, on_house, m);
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

static int find_gateway_user(Manager *m)
{
    struct passwd *entry = getpwnam(m->config->config.gateway_user);

    if (!entry) {
        log_line(LOG_ERR, "GatewayUser=%s does not exist", m->config->config.gateway_user);
        return -ENOENT;
    }
    m->gateway_uid = entry->pw_uid;
    return 0;
}

static int start(Manager *m)
{
    const Config *c = &m->config->config;
    int r = find_gateway_user(m);

    if (r == 0)
        r = cgroup_root_open(c->cgroup_root, c->require_cgroup, &m->cgroup);
    if (r == 0) {
        r = spill_clean(c->spill_directory);
        if (r < 0)
            log_line(LOG_ERR, "SpillDirectory=%s: %s", c->spill_directory, strerror(-r));
    }
    if (r == 0)
        r = start_scheduler(m);
    if (r == 0)
        r = start_workers(m);
    if (r >= 0) {
        watch_pressure(m);
        mount_watch_start(m);
        r = gateway_listen(m);
    }
    if (r >= 0)
        r = bus_new(m);
    for (unsigned i = 0; r >= 0 && i < m->cgroup.n_unenforced; i++) {
        LogRecord record = log_record(LOG_EVENT_UNENFORCED, LOG_WARNING);
        log_send(&record, "not enforced on this host: %s", m->cgroup.unenforced[i]);
    }
    return r;
}

int manager_new(ConfigRef *config, const char *config_path, Manager **ret_manager)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    Manager *m = calloc(1, sizeof(*m));
    sigset_t set;

    if (!m) {
        config_unref(config);
        return -ENOMEM;
    }
    m->config = config;
    m->config_path = config_path;
    m->cgroup.fd = m->listen_fd = m->pressure_fd = m->mounts.fd = -EBADF;
    account_books_init(&m->books);
    list_init(&m->events);
    list_init(&m->sessions);
    list_init(&m->executors);
    list_init(&m->peers);
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaddset(&set, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = sd_event_new(&m->event);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
        r = sd_event_add_signal(m->event, NULL, signals[i], on_signal, m);
    if (r >= 0)
        r = start(m);
    if (r < 0) {
        manager_free(m);
        return r;
    }
    *ret_manager = m;
    return 0;
}

int manager_run(Manager *m)
{
    SchedEvent event = {.type = SCHED_EVENT_TIMER};
    char budget[32];

    (void)sd_event_set_watchdog(m->event, true);
    LogRecord record = log_record(LOG_EVENT_STARTED, LOG_NOTICE);
    log_field(&record, "VERSION", "%s", BERTH_VERSION);
    log_field(&record, "CGROUP", "%s", m->cgroup.path);
    log_field(&record, "BUDGET_BYTES", "%" PRIu64, m->sched_config.memory_budget_bytes);
    log_send(&record, "berthd %s is ready: %s for sessions, %u NUMA nodes, %u CPUs", BERTH_VERSION,
             text_format_bytes(budget, sizeof(budget), m->sched_config.memory_budget_bytes),
             m->topology.n_nodes, sched_cpus_count(&m->topology.online));
    (void)sd_notify(0, "READY=1");
    manager_feed(m, &event); /* the scheduler starts its warm executors */
    manager_changed(m);
    (void)manager_timer(m, &m->house_timer, clock_now_usec() + HOUSE_USEC, on_house, m);
    return sd_event_loop(m->event);
}

static bool all_idle(const Manager *m)
{
    for (unsigned i = 0; i < _WORKER_KIND_MAX; i++)
        if (!worker_idle(m->workers[i]))
            return false;
    return list_empty(&m->executors);
}

static int on_post(sd_event_source *source, void *userdata)
{
    Manager *m = userdata;

    return all_idle(m) ? sd_event_exit(m->event, 0) : 0;
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
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Ending all sessions");
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
    m->bus = bus_free(m->bus);
    for (unsigned i = 0; i < _WORKER_KIND_MAX; i++) {
        m->workers[i] = worker_free(m->workers[i]);
        m->worker_sources[i] = sd_event_source_disable_unref(m->worker_sources[i]);
    }
    sd_event_source **const sources[] = {&m->sched_timer, &m->pressure_source, &m->pressure_timer,
                                         &m->house_timer, &m->stop_timer,      &m->changed_source};
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
        *sources[i] = sd_event_source_disable_unref(*sources[i]);
    mount_watch_stop(&m->mounts);
    fd_close(m->pressure_fd);
    m->sched = sched_free(m->sched);
    if (clean) {
        account_books_done(&m->books);
        cgroup_root_close(&m->cgroup);
        LogRecord record = log_record(LOG_EVENT_STOPPED, LOG_NOTICE);
        if (m->stopping)
            log_send(&record, "berthd has stopped and left nothing behind");
    }
    sd_event_unref(m->event);
    config_unref(m->config);
    free(m);
    return NULL;
}
