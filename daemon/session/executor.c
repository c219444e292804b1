/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/session/executor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/bus/bus.h"
#include "daemon/log.h"
#include "daemon/session/jobs.h"
#include "daemon/session/session.h"

#define CLOSED_GRACE_USEC (USEC_PER_SEC)
#define BIRTH_BACKOFF_USEC (100 * USEC_PER_MSEC)
#define BIRTH_PAUSE_USEC (5 * USEC_PER_MSEC)
#define BIRTH_PAUSES_MAX 4u
#define REMOVE_RETRY_USEC (USEC_PER_SEC)
#define FILTER_STAGES 2
/* A query sends three frames and one for each growth of its memory. */
#define FRAMES_USEC (50 * USEC_PER_MSEC)
#define FRAMES_MAX 25u

static void executor_free(Executor *e);

static const char trip_wire[] = "trip-wire";

const char *executor_state_to_string(ExecutorState state)
{
    static const char *const names[_EXECUTOR_STATE_MAX] = {
        "spawning", "starting", "warm", "placing", "handout", "running", "ending"};
    return state < _EXECUTOR_STATE_MAX ? names[state] : "unknown";
}

static int disable_source(sd_event_source **source)
{
    *source = sd_event_source_disable_unref(*source);
    return 0;
}

static LogRecord executor_record(const Executor *e, LogEvent event, int level)
{
    LogRecord record = log_record(event, level);

    log_field(&record, "EXECUTOR", "%" PRIu64, e->id);
    if (e->session) {
        log_field(&record, "SESSION", "%" PRIu64, e->session->id);
        log_field(&record, "UID", "%u", e->session->identity.uid);
    }
    log_field(&record, "CGROUP", "%s/%s", e->manager->cgroup.path, e->leaf);
    return record;
}

void executor_read_memory(Executor *e)
{
    CgroupMemory memory;

    if (e->leaf_fd >= 0 && cgroup_memory_read(e->leaf_fd, &memory) == 0)
        e->memory = memory;
}

/* The end, step 3: everything is gone; the scheduler may count on it. */
static void report_exit(Executor *e)
{
    SchedEvent event = {.type = SCHED_EVENT_EXECUTOR_EXIT,
                        .session = e->session ? e->session->id : 0};
    SessionCause cause = death_classify(&e->death, e->verdict, e->hello.header.size > 0);

    event.exit.executor = e->id;
    event.exit.cause = cause;
    event.exit.peak_bytes = e->memory.peak_bytes;
    text_copy(event.exit.operator_name, sizeof(event.exit.operator_name), e->operator_name);
    if (e->session) {
        e->session->last_cause = cause;
        e->session->last_signal = e->death.code == CLD_EXITED ? 0 : (uint32_t)e->death.status;
        e->session->executor = NULL;
        e->session = NULL;
    }
    charge_cancel(&e->charge_executor);
    charge_cancel(&e->charge_memory);
    charge_cancel(&e->charge_fds);
    e->removed = true;
    Manager *m = e->manager;
    if (e->n_jobs == 0)
        executor_free(e);
    manager_feed(m, &event);
}

static int on_late_exit(sd_event_source *source, uint64_t usec, void *userdata)
{
    report_exit(userdata);
    return 0;
}

static void log_death(Executor *e, SessionCause cause)
{
    bool wanted = cause == SESSION_CAUSE_CLOSED || cause == SESSION_CAUSE_ADMIN ||
                  cause == SESSION_CAUSE_SHUTDOWN;
    LogEvent kind = cause == SESSION_CAUSE_OOM        ? LOG_EVENT_OUT_OF_MEMORY
                    : cause == SESSION_CAUSE_SECCOMP  ? LOG_EVENT_SECCOMP
                    : cause == SESSION_CAUSE_PROTOCOL ? LOG_EVENT_PROTOCOL
                                                      : LOG_EVENT_EXECUTOR_LOST;
    LogRecord record = executor_record(e, kind, wanted ? LOG_DEBUG : LOG_WARNING);
    char how[64];

    log_field(&record, "CAUSE", "%s", session_cause_to_string(cause));
    log_field(&record, "SIGNAL", "%d", e->death.code == CLD_EXITED ? 0 : e->death.status);
    log_field(&record, "PEAK_BYTES", "%" PRIu64, e->memory.peak_bytes);
    log_field(&record, "LIMIT_BYTES", "%" PRIu64, e->max_bytes);
    log_field(&record, "OPERATOR", "%s", e->operator_name);
    log_field(&record, "REASON", "%s", e->reason);
    log_send(&record, "executor %" PRIu64 " %s: %s%s%s", e->id,
             death_describe(&e->death, how, sizeof(how)), session_cause_to_string(cause),
             e->reason[0] ? ", " : "", e->reason);
}

/* The end, step 2. */
static void remove_done(WorkerJob *job)
{
    RemoveJob *j = container_of(job, RemoveJob, job);
    Executor *e = j->executor;
    int r = j->result;

    e->n_jobs--;
    if (j->memory.peak_bytes > 0 || j->memory.n_oom_kill > 0)
        e->memory = j->memory;
    config_unref(j->config);
    free(j);
    if (r < 0) {
        log_line(LOG_ERR, "cannot remove cgroup %s yet: %s", e->leaf, strerror(-r));
        e->removing = false;
        (void)manager_timer(e->manager, &e->deadline, clock_now_usec() + REMOVE_RETRY_USEC,
                            executor_on_remove_retry, e);
        return;
    }
    e->death.n_oom_kill = e->memory.n_oom_kill;
    e->death.n_oom_group_kill = e->memory.n_oom_group_kill;
    log_death(e, death_classify(&e->death, e->verdict, e->hello.header.size > 0));
    report_exit(e);
}

static void begin_removal(Executor *e)
{
    RemoveJob *j = calloc(1, sizeof(*j));

    e->removing = true;
    if (!j) {
        (void)manager_timer(e->manager, &e->deadline, clock_now_usec() + REMOVE_RETRY_USEC,
                            executor_on_remove_retry, e);
        return;
    }
    disable_source(&e->deadline);
    *j = (RemoveJob){.job = {.run = job_remove, .done = remove_done},
                     .executor = e,
                     .config = config_ref(e->manager->config),
                     .root_fd = e->manager->cgroup.fd,
                     .leaf_fd = e->leaf_fd};
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    e->n_jobs++;
    worker_submit(e->manager->workers[WORKER_BIRTH], &j->job);
}

int executor_on_remove_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    begin_removal(userdata);
    return 0;
}

/*
 * The end, step 1: the process is gone. While it is being placed it stays a zombie: the job names
 * it by its pid, which must not become another's, and may still make the directory that removal is
 * to find.
 */
static int on_pid(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Executor *e = userdata;
    siginfo_t info = {};

    if (e->place_job) {
        disable_source(&e->pid_source);
        e->reap_later = true;
        return 0;
    }
    if (waitid(P_PIDFD, (id_t)e->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return 0;
    e->exited = true;
    e->death.code = info.si_code;
    e->death.status = info.si_status;
    e->state = EXECUTOR_ENDING;
    disable_source(&e->pid_source);
    disable_source(&e->control_source);
    disable_source(&e->watch_source);
    executor_read_memory(e);
    begin_removal(e);
    return 0;
}

void executor_kill(Executor *e, SessionCause cause, const char *reason)
{
    if (e->verdict == SESSION_CAUSE_NONE) {
        e->verdict = cause;
        text_copy(e->reason, sizeof(e->reason), reason);
    }
    if (e->state != EXECUTOR_SPAWNING)
        e->state = EXECUTOR_ENDING;
    if (e->exited || e->pidfd < 0)
        return; /* SPAWNING: birth_done() sees the verdict */
    /* Whatever it still says counts no more; and a closed socket is readable for ever. */
    disable_source(&e->control_source);
    disable_source(&e->deadline);
    /* It is the init of its pid namespace: with it goes everything inside. The leaf's cgroup.kill
     * follows. */
    if (pidfd_send_signal(e->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        log_line(LOG_ERR, "cannot kill executor %" PRIu64 ": %m", e->id);
}

void executor_stop_all(Manager *m)
{
    list_for_each_safe (n, &m->executors) {
        Executor *e = container_of(n, Executor, node);
        executor_kill(e, SESSION_CAUSE_SHUTDOWN, "");
        /* A failed birth that waits to be told, or a removal that waits for its next attempt. */
        if (e->exited && !e->removing && e->pidfd < 0)
            report_exit(e);
        else if (e->exited && !e->removing)
            begin_removal(e);
    }
}

void executor_send(Executor *e, const ControlFrame *frame)
{
    if (e->state == EXECUTOR_ENDING || e->control_fd < 0)
        return;
    int r = control_send(e->control_fd, frame, NULL, 0);
    if (r == -EAGAIN)
        executor_kill(e, SESSION_CAUSE_PROTOCOL, "it does not read its control socket");
    /* Any other failure means it is gone, and its pidfd says so better. */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    Executor *e = userdata;

    executor_kill(e, e->state == EXECUTOR_STARTING ? SESSION_CAUSE_SPAWN : SESSION_CAUSE_PROTOCOL,
                  e->state == EXECUTOR_STARTING  ? "no HELLO within StartTimeout="
                  : e->state == EXECUTOR_HANDOUT ? "no LOCKED within StartTimeout="
                                                 : "it closed its control socket and went on");
    return 0;
}

static void start_deadline(Executor *e, uint64_t usec)
{
    if (manager_timer(e->manager, &e->deadline, clock_now_usec() + usec, on_deadline, e) < 0)
        executor_kill(e, SESSION_CAUSE_SPAWN, "out of memory");
}

/* How many filters a process has; those of berthd's own, which its unit loads, are inherited. */
static int count_filters(const char *status)
{
    static const char key[] = "\nSeccomp_filters:\t";
    const char *at = strstr(status, key);
    return at ? atoi(at + strlen(key)) : -1;
}

/* Does the kernel agree with what LOCKED says? A frame alone proves nothing about its sender (D-6).
 */
static bool locked_is_true(Executor *e)
{
    const struct {
        const char *key, *want;
    } rows[] = {{"\nCapInh:\t", "0000000000000000"},
                {"\nCapPrm:\t", "0000000000000000"},
                {"\nCapEff:\t", "0000000000000000"},
                {"\nCapBnd:\t", "0000000000000000"},
                {"\nNoNewPrivs:\t", "1"},
                {"\nSeccomp:\t", "2\n"}};
    char path[64], status[8192], own[8192], uids[64];

    if (fd_read_file_at(AT_FDCWD, "/proc/self/status", own, sizeof(own)) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/status", e->pid);
    if (fd_read_file_at(AT_FDCWD, path, status, sizeof(status)) < 0)
        return false;
    uint32_t uid = e->session ? e->session->identity.uid : e->locked.uid;
    snprintf(uids, sizeof(uids), "\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    if (!strstr(status, uids) || e->locked.uid != uid || e->locked.capabilities != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *at = strstr(status, rows[i].key);
        if (!at || strncmp(at + strlen(rows[i].key), rows[i].want, strlen(rows[i].want)) != 0)
            return false;
    }
    /* The first stage was there when it was warm. */
    return count_filters(status) == count_filters(own) + FILTER_STAGES;
}

static void hello(Executor *e, const ControlFrame *frame)
{
    SchedEvent event = {.type = SCHED_EVENT_EXECUTOR_READY, .ready = {.executor = e->id}};

    e->hello = frame->executor_hello;
    e->state = EXECUTOR_WARM;
    e->manager->n_failed_births = 0;
    disable_source(&e->deadline);
    manager_feed(e->manager, &event);
}

static void locked(Executor *e, const ControlFrame *frame)
{
    e->locked = frame->executor_locked;
    disable_source(&e->deadline);
    if (!locked_is_true(e)) {
        executor_kill(e, SESSION_CAUSE_PROTOCOL,
                      "it reports a lock-down that the kernel does not confirm");
        return;
    }
    e->state = EXECUTOR_RUNNING;
    if (e->session)
        session_ready(e->session);
}

/* Return: false when the frame has no place in this state. */
static bool take_frame(Executor *e, const ControlFrame *frame)
{
    char reason[CONTROL_REASON_MAX];

    switch (frame->header.type) {
    case CONTROL_EXECUTOR_HELLO:
        if (e->state != EXECUTOR_STARTING)
            return false;
        hello(e, frame);
        return true;
    case CONTROL_EXECUTOR_LOCKED:
        if (e->state != EXECUTOR_HANDOUT)
            return false;
        locked(e, frame);
        return true;
    case CONTROL_EXECUTOR_FAILED:
        snprintf(reason, sizeof(reason), "step %u: %.480s", frame->executor_failed.step,
                 frame->executor_failed.reason);
        executor_kill(e, e->state == EXECUTOR_RUNNING ? SESSION_CAUSE_CRASH : SESSION_CAUSE_SPAWN,
                      reason);
        return true;
    default:
        if (e->state != EXECUTOR_RUNNING)
            return false;
        if (frame->header.type == CONTROL_MEMORY_REQUEST)
            text_copy(e->operator_name, sizeof(e->operator_name),
                      frame->memory_request.operator_name);
        if (e->session)
            session_executor_frame(e->session, frame);
        return true;
    }
}

static int on_control(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Executor *e = userdata;
    ControlFrame frame;
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;
    int r = control_receive(fd, CONTROL_SENDER_EXECUTOR, &frame, fds, &n_fds);

    if (r == -EAGAIN || r == -EINTR)
        return 0;
    if (r == 1 && take_frame(e, &frame))
        return 0;
    if (r == 1 || r == -EPROTO) {
        snprintf(e->reason, sizeof(e->reason), "%s in state %s",
                 r == 1 ? control_type_to_string(frame.header.type) : "a malformed frame",
                 executor_state_to_string(e->state));
        executor_kill(e, SESSION_CAUSE_PROTOCOL, e->reason);
        return 0;
    }
    /* Closed: most likely it is dying, and its exit status says why. Give that a moment. */
    disable_source(&e->control_source);
    start_deadline(e, CLOSED_GRACE_USEC);
    return 0;
}

static int on_memory(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Executor *e = userdata;
    uint64_t told = e->n_high_told;

    if (cgroup_watch_rearm(fd) != 0)
        return disable_source(&e->watch_source);
    /* Not compared with what was last read: a reader on D-Bus may have seen the crossing first. */
    executor_read_memory(e);
    e->n_high_told = e->memory.n_high;
    if (e->n_high_told == told || !e->session || e->state != EXECUTOR_RUNNING)
        return 0;
    SchedEvent event = {.type = SCHED_EVENT_MEMORY_HIGH, .session = e->session->id};
    event.high.current_bytes = cgroup_memory_held(&e->memory);
    event.high.high_bytes = e->memory.high_bytes;
    if (!e->asked_cause) {
        e->asked_cause = trip_wire;
        e->asked_usec = clock_now_usec();
    }
    manager_feed(e->manager, &event);
    /* Page cache, which the kernel has dropped: the next crossing is not measured from here. */
    if (e->asked_cause == trip_wire && event.high.current_bytes < event.high.high_bytes)
        e->asked_cause = NULL;
    return 0;
}

static int watch_born(Executor *e)
{
    sd_event *event = e->manager->event;
    int r = sd_event_add_io(event, &e->pid_source, e->pidfd, EPOLLIN, on_pid, e);

    if (r >= 0)
        r = sd_event_add_io(event, &e->control_source, e->control_fd, EPOLLIN, on_control, e);
    /* Or one that sends all the time would keep the loop from seeing how others end. */
    if (r >= 0)
        r = sd_event_source_set_ratelimit(e->control_source, FRAMES_USEC, FRAMES_MAX);
    /* What it said before it died is read before its death is looked at. */
    if (r >= 0)
        r = sd_event_source_set_priority(e->pid_source, SD_EVENT_PRIORITY_NORMAL + 10);
    if (r >= 0 && e->watch_fd >= 0) {
        r = sd_event_add_io(event, &e->watch_source, e->watch_fd, EPOLLPRI, on_memory, e);
        if (r >= 0)
            r = sd_event_source_set_priority(e->watch_source, SD_EVENT_PRIORITY_IMPORTANT);
    }
    return r;
}

static void birth_failed(Executor *e, int error, SandboxStep step)
{
    Manager *m = e->manager;
    uint64_t wait = BIRTH_BACKOFF_USEC << MIN(m->n_failed_births, 7u);

    m->n_failed_births++;
    e->state = EXECUTOR_ENDING;
    e->exited = true;
    if (e->verdict == SESSION_CAUSE_NONE) {
        e->verdict = SESSION_CAUSE_SPAWN;
        snprintf(e->reason, sizeof(e->reason), "%s: %s", sandbox_step_to_string(step),
                 strerror(-error));
    }
    LogRecord record = executor_record(e, LOG_EVENT_EXECUTOR_LOST, LOG_ERR);
    log_field(&record, "CAUSE", "spawn");
    log_field(&record, "REASON", "%s", e->reason);
    log_send(&record, "executor %" PRIu64 " could not be started: %s (%s)", e->id, e->reason,
             m->config->config.executor_path);
    /* Told later, so that a host that cannot start anything is not asked in a tight loop. */
    if (m->stopping || manager_timer(m, &e->deadline, clock_now_usec() + wait, on_late_exit, e) < 0)
        report_exit(e);
}

static void birth_done(WorkerJob *job)
{
    BirthJob *j = container_of(job, BirthJob, job);
    Executor *e = j->executor;

    e->n_jobs--;
    e->birth = NULL;
    e->leaf_fd = j->leaf_fd;
    e->watch_fd = j->watch_fd;
    e->pidfd = j->pidfd;
    e->pid = j->pid;
    memcpy(e->namespaces, j->namespaces, sizeof(e->namespaces));
    fd_close(j->child_fd);
    config_unref(j->config);
    int r = j->result;
    SandboxStep step = j->report.step;
    free(j);
    if (r < 0) {
        birth_failed(e, r, step);
        return;
    }
    e->state = EXECUTOR_STARTING;
    r = watch_born(e);
    if (r < 0 || e->verdict != SESSION_CAUSE_NONE)
        executor_kill(e, SESSION_CAUSE_SPAWN, "it could not be watched");
    else
        start_deadline(e, e->manager->config->config.start_timeout_usec);
}

/*
 * Births make way for hand-outs: a client waits for those, and making namespaces slows down what
 * the executor being handed out does at the same time. Not for long, because somebody may wait for
 * this one, too.
 */
static int on_birth(sd_event_source *source, uint64_t usec, void *userdata)
{
    Executor *e = userdata;
    Manager *m = e->manager;
    bool handing_out = false;

    list_for_each (n, &m->executors) {
        ExecutorState state = container_of(n, Executor, node)->state;
        handing_out |= state == EXECUTOR_PLACING || state == EXECUTOR_HANDOUT;
    }
    if (handing_out && !m->stopping && e->n_pauses++ < BIRTH_PAUSES_MAX)
        return manager_timer(m, &e->deadline, clock_now_usec() + BIRTH_PAUSE_USEC, on_birth, e);
    disable_source(&e->deadline);
    worker_submit(m->workers[WORKER_BIRTH], &e->birth->job);
    return 0;
}

void executor_spawn(Manager *m, const SchedAction *action)
{
    Executor *e = calloc(1, sizeof(*e));
    BirthJob *j = calloc(1, sizeof(*j));
    int pair[2] = {-EBADF, -EBADF};

    if (!e || !j || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        SchedEvent event = {.type = SCHED_EVENT_EXECUTOR_EXIT};
        event.exit.executor = action->executor;
        event.exit.cause = SESSION_CAUSE_SPAWN;
        free(e);
        free(j);
        manager_feed(m, &event);
        return;
    }
    (void)fd_set_nonblock(pair[0], true);
    *e = (Executor){.manager = m,
                    .id = action->executor,
                    .leaf_fd = -EBADF,
                    .pidfd = -EBADF,
                    .watch_fd = -EBADF,
                    .control_fd = pair[0],
                    .birth = j,
                    .grant_bytes = action->grant_bytes,
                    .high_bytes = action->high_bytes,
                    .max_bytes = action->max_bytes,
                    .node_id = SCHED_NONE,
                    .n_jobs = 1};
    snprintf(e->leaf, sizeof(e->leaf), "executor-%" PRIu64, e->id);
    list_append(&m->executors, &e->node);
    *j = (BirthJob){.job = {.run = job_birth, .done = birth_done},
                    .executor = e,
                    .config = config_ref(m->config),
                    .root_fd = m->cgroup.fd,
                    .controllers = m->cgroup.controllers,
                    .high_bytes = action->high_bytes,
                    .max_bytes = action->max_bytes,
                    .child_fd = pair[1],
                    .leaf_fd = -EBADF,
                    .watch_fd = -EBADF,
                    .pidfd = -EBADF};
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    /* By timer, so that the PLACE of the same event comes first. */
    if (manager_timer(m, &e->deadline, clock_now_usec(), on_birth, e) < 0)
        worker_submit(m->workers[WORKER_BIRTH], &j->job);
}

static void send_handout(Executor *e, PlaceJob *j)
{
    Session *s = e->session;
    int pair[2], fds[2], n_fds = 1;
    ControlFrame frame;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        executor_kill(e, SESSION_CAUSE_SPAWN, "no descriptor left for a data channel");
        return;
    }
    control_init(&frame, CONTROL_HANDOUT, 0);
    ControlHandout *h = &frame.handout;
    h->session = s->id;
    h->uid = s->identity.uid;
    h->gid = s->identity.gid;
    h->n_groups = s->identity.n_groups;
    memcpy(h->groups, s->identity.groups, sizeof(h->groups[0]) * h->n_groups);
    h->n_threads = MAX(j->n_threads, 1u);
    h->numa_node = e->node_id;
    h->memory_grant_bytes = e->grant_bytes;
    h->has_spill = j->spill_fd >= 0;
    text_copy(h->home, sizeof(h->home), s->identity.home);
    fds[0] = pair[0];
    if (j->spill_fd >= 0)
        fds[n_fds++] = j->spill_fd;
    e->state = EXECUTOR_HANDOUT;
    int r = control_send(e->control_fd, &frame, fds, (size_t)n_fds);
    fd_close(pair[0]);
    s->channel_fd = pair[1];
    if (r < 0)
        executor_kill(e, SESSION_CAUSE_PROTOCOL, "it takes no HANDOUT");
    else
        start_deadline(e, e->manager->config->config.start_timeout_usec);
}

static void place_done(WorkerJob *job)
{
    PlaceJob *j = container_of(job, PlaceJob, job);
    Executor *e = j->executor;

    e->n_jobs--;
    e->place_job = false;
    if (e->reap_later) {
        (void)on_pid(NULL, e->pidfd, EPOLLIN, e);
    } else if (e->state == EXECUTOR_PLACING) {
        if (j->result < 0)
            log_line(LOG_WARNING, "executor %" PRIu64 ": placement incomplete: %s", e->id,
                     strerror(-j->result));
        if (!e->session)
            executor_kill(e, SESSION_CAUSE_CLOSED, "the session ended while it was placed");
        else
            send_handout(e, j);
        if (e->later_move && e->state != EXECUTOR_ENDING)
            executor_move(e, e->later_move);
    }
    fd_close(j->spill_fd);
    config_unref(j->config);
    free(j);
}

void executor_place(Executor *e, Session *s, const SchedAction *action)
{
    PlaceJob *j = calloc(1, sizeof(*j));

    if (e->state != EXECUTOR_WARM || !j) {
        free(j);
        executor_kill(e, SESSION_CAUSE_SPAWN, j ? "it is not warm" : "out of memory");
        return;
    }
    e->state = EXECUTOR_PLACING;
    e->session = s;
    s->executor = e;
    (void)charge_enter(s->account, CHARGE_EXECUTORS, 1, &e->charge_executor);
    (void)charge_enter(s->account, CHARGE_MEMORY, e->max_bytes, &e->charge_memory);
    (void)charge_enter(s->account, CHARGE_DESCRIPTORS, 5, &e->charge_fds);
    e->grant_bytes = action->grant_bytes;
    e->node_id = action->node;
    e->cpu_weight = action->cpu_weight;
    e->cpus = action->cpus;
    e->mems = action->mems;
    *j = (PlaceJob){.job = {.run = job_place, .done = place_done},
                    .executor = e,
                    .config = config_ref(e->manager->config),
                    .controllers = e->manager->cgroup.controllers,
                    .leaf_fd = e->leaf_fd,
                    .pid = e->pid,
                    .cpus = action->cpus,
                    .mems = action->mems,
                    .write_mems = true,
                    .write_cpus = true,
                    .cpu_weight = action->cpu_weight,
                    .n_threads = action->n_threads,
                    .make_spill = true,
                    .uid = s->identity.uid,
                    .gid = s->identity.gid,
                    .spill_fd = -EBADF};
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    e->n_jobs++;
    e->place_job = true;
    worker_submit(e->manager->workers[WORKER_URGENT], &j->job);
}

static void move_done(WorkerJob *job)
{
    PlaceJob *j = container_of(job, PlaceJob, job);
    Executor *e = j->executor;

    e->n_jobs--;
    if (j->result < 0 && !e->exited)
        log_line(LOG_WARNING, "executor %" PRIu64 ": move incomplete: %s", e->id,
                 strerror(-j->result));
    if (e->removed && e->n_jobs == 0)
        executor_free(e);
    config_unref(j->config);
    free(j);
}

static void submit_move(Executor *e, WorkerKind worker, bool cpus, bool mems)
{
    PlaceJob *j = calloc(1, sizeof(*j));

    if (!j)
        return; /* a placement that is late costs speed, nothing else */
    *j = (PlaceJob){.job = {.run = job_place, .done = move_done},
                    .executor = e,
                    .config = config_ref(e->manager->config),
                    .controllers = e->manager->cgroup.controllers,
                    .leaf_fd = e->leaf_fd,
                    .pid = -1,
                    .cpus = e->cpus,
                    .mems = e->mems,
                    .write_cpus = cpus,
                    .write_mems = mems,
                    .cpu_weight = e->cpu_weight,
                    .spill_fd = -EBADF};
    e->n_jobs++;
    worker_submit(e->manager->workers[worker], &j->job);
}

void executor_move(Executor *e, const SchedAction *action)
{
    if (e->state == EXECUTOR_ENDING)
        return;
    if (e->state == EXECUTOR_PLACING && action != e->later_move) {
        if (!e->later_move)
            e->later_move = malloc(sizeof(*action));
        if (e->later_move)
            *e->later_move = *action;
        return;
    }
    bool new_mems = action->mems != e->mems;
    e->node_id = action->node;
    e->cpus = action->cpus;
    e->mems = action->mems;
    e->cpu_weight = action->cpu_weight;
    /* Migrating pages takes seconds; the CPUs must not wait for that. */
    submit_move(e, WORKER_URGENT, true, false);
    if (new_mems)
        submit_move(e, WORKER_SLOW, false, true);
    if (e->session)
        bus_session_changed(e->manager, e->session);
}

static void log_resize(Executor *e, uint64_t old_bytes, const char *cause, uint64_t latency_usec)
{
    LogRecord record = executor_record(e, LOG_EVENT_LIMIT_RESIZED, LOG_INFO);
    char before[32], after[32];

    log_field(&record, "OLD_BYTES", "%" PRIu64, old_bytes);
    log_field(&record, "NEW_BYTES", "%" PRIu64, e->max_bytes);
    log_field(&record, "CAUSE", "%s", cause);
    log_field(&record, "LATENCY_USEC", "%" PRIu64, latency_usec);
    log_send(&record, "limit resized: executor %" PRIu64 " from %s to %s, %s, %" PRIu64 " usec",
             e->id, text_format_bytes(before, sizeof(before), old_bytes),
             text_format_bytes(after, sizeof(after), e->max_bytes), cause, latency_usec);
    if (e->session) {
        e->session->n_resizes++;
        bus_limit_resized(e->manager, e->session, old_bytes, e->max_bytes, cause, latency_usec);
    }
}

static void tell_resized(Executor *e, uint64_t serial, uint64_t high_bytes, uint64_t max_bytes,
                         uint64_t current_bytes, const char *cause, uint64_t since_usec)
{
    SchedEvent event = {.type = SCHED_EVENT_RESIZED, .session = e->session ? e->session->id : 0};
    uint64_t old = e->max_bytes;

    e->high_bytes = high_bytes;
    e->max_bytes = max_bytes;
    charge_change(&e->charge_memory, max_bytes);
    event.resized.executor = e->id;
    event.resized.serial = serial;
    event.resized.high_bytes = high_bytes;
    event.resized.max_bytes = max_bytes;
    event.resized.current_bytes = current_bytes;
    if (old != max_bytes)
        log_resize(e, old, cause, clock_now_usec() - since_usec);
    manager_feed(e->manager, &event);
}

static void resize_done(WorkerJob *job)
{
    ResizeJob *j = container_of(job, ResizeJob, job);
    Executor *e = j->executor;

    e->n_jobs--;
    if (j->result < 0)
        log_line(LOG_ERR, "executor %" PRIu64 ": cannot set its memory limits: %s", e->id,
                 strerror(-j->result));
    if (!e->removed)
        tell_resized(e, j->serial, j->high_bytes, j->max_bytes, j->current_bytes, j->cause,
                     j->since_usec);
    else if (e->n_jobs == 0)
        executor_free(e);
    free(j);
}

void executor_resize(Executor *e, const SchedAction *action)
{
    bool raise = action->max_bytes > e->max_bytes;
    bool asked = raise && e->asked_cause;
    const char *cause = asked ? e->asked_cause : raise ? "raise" : "shrink";
    uint64_t since = asked ? e->asked_usec : clock_now_usec();
    ResizeJob *j = NULL;

    e->grant_bytes = action->grant_bytes;
    if (raise)
        e->asked_cause = NULL;
    if (e->leaf_fd >= 0 && e->manager->cgroup.controllers & CGROUP_CONTROLLER_MEMORY)
        j = calloc(1, sizeof(*j));
    if (!j) {
        /* No leaf to write to: the figures are an agreement between scheduler and executor only. */
        tell_resized(e, action->serial, action->high_bytes, action->max_bytes, 0, cause, since);
        return;
    }
    *j = (ResizeJob){.job = {.run = job_resize, .done = resize_done},
                     .executor = e,
                     .leaf_fd = e->leaf_fd,
                     .serial = action->serial,
                     .raise = raise,
                     .high_bytes = action->high_bytes,
                     .max_bytes = action->max_bytes,
                     .old_high_bytes = e->high_bytes,
                     .old_max_bytes = e->max_bytes,
                     .cause = cause,
                     .since_usec = since};
    e->n_jobs++;
    worker_submit(e->manager->workers[raise ? WORKER_URGENT : WORKER_SLOW], &j->job);
}

static void executor_free(Executor *e)
{
    assert(e->n_jobs == 0 && !e->session);
    disable_source(&e->control_source);
    disable_source(&e->pid_source);
    disable_source(&e->watch_source);
    disable_source(&e->deadline);
    fd_close(e->leaf_fd);
    fd_close(e->pidfd);
    fd_close(e->control_fd);
    fd_close(e->watch_fd);
    free(e->later_move);
    list_remove(&e->node);
    free(e);
}
