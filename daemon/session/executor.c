/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/session/executor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/bus/bus.h"
#include "daemon/core_link.h"
#include "daemon/log.h"
#include "daemon/session/session.h"
#include "sandbox/sandbox.h"

#define DRAIN_FRAMES 64u
#define CLOSED_GRACE_USEC (USEC_PER_SEC)
#define BIRTH_BACKOFF_USEC (100 * USEC_PER_MSEC)
#define BIRTH_PAUSE_USEC (5 * USEC_PER_MSEC)
#define BIRTH_PAUSES_MAX 4u
/* A query sends three frames and one for each growth of its memory. */
#define FRAMES_USEC (50 * USEC_PER_MSEC)
#define FRAMES_MAX 25u
#define LAST_FRAMES_MAX 1024u /* that are read of one that has died */

static void executor_free(Executor *e);

static const char trip_wire[] = "trip-wire";

const char *executor_state_to_string(ExecutorState state)
{
    static const char *const names[_EXECUTOR_STATE_MAX] = {"spawning", "starting", "warm",
                                                           "placing",  "running",  "ending"};
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

static void ask_core(Executor *e, ControlFrame *frame, ControlType type)
{
    control_init(frame, type, 0);
    frame->core_kill.executor = e->id; /* in the same place in all that are about one */
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

/* The end, step 2: the core has removed its leaf, and all that was in it. */
static void gone(Executor *e, const ControlCoreGone *frame)
{
    if (frame->peak_bytes > 0 || frame->n_oom_kill > 0) {
        e->memory.peak_bytes = frame->peak_bytes;
        e->memory.n_oom_kill = frame->n_oom_kill;
        e->memory.n_oom_group_kill = frame->n_oom_group_kill;
    }
    e->death.n_oom_kill = e->memory.n_oom_kill;
    e->death.n_oom_group_kill = e->memory.n_oom_group_kill;
    log_death(e, death_classify(&e->death, e->verdict, e->hello.header.size > 0));
    report_exit(e);
}

static bool read_control(Executor *e);

/* The end, step 1: the process is gone. What it said before it died comes first. */
static void exited(Executor *e, const ControlCoreExited *frame)
{
    for (unsigned i = 0; i < LAST_FRAMES_MAX && e->control_source && read_control(e); i++)
        ;
    e->exited = true;
    e->death.code = frame->code;
    e->death.status = frame->status;
    e->state = EXECUTOR_ENDING;
    disable_source(&e->control_source);
    disable_source(&e->watch_source);
    disable_source(&e->deadline);
    executor_read_memory(e);
}

void executor_kill(Executor *e, SessionCause cause, const char *reason)
{
    ControlFrame frame;

    if (e->verdict == SESSION_CAUSE_NONE) {
        e->verdict = cause;
        text_copy(e->reason, sizeof(e->reason), reason);
    }
    if (e->state != EXECUTOR_SPAWNING)
        e->state = EXECUTOR_ENDING;
    if (e->exited || !e->ordered)
        return; /* not ordered yet: on_birth() sees the verdict */
    /* Whatever it still says counts no more; and a closed socket is readable for ever. */
    disable_source(&e->control_source);
    disable_source(&e->deadline);
    ask_core(e, &frame, CONTROL_CORE_KILL);
    core_link_send(e->manager, &frame, -EBADF);
}

void executor_stop_all(Manager *m)
{
    list_for_each_safe (n, &m->executors) {
        Executor *e = container_of(n, Executor, node);
        executor_kill(e, SESSION_CAUSE_SHUTDOWN, "");
        /* A failed birth that waits to be told. */
        if (e->exited && e->pid == 0)
            report_exit(e);
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
                  : e->state == EXECUTOR_PLACING ? "no LOCKED within StartTimeout="
                                                 : "it closed its control socket and went on");
    return 0;
}

static void start_deadline(Executor *e, uint64_t usec)
{
    if (manager_timer(e->manager, &e->deadline, clock_now_usec() + usec, on_deadline, e) < 0)
        executor_kill(e, SESSION_CAUSE_SPAWN, "out of memory");
}

static void hello(Executor *e, const ControlExecutorHello *hello)
{
    SchedEvent event = {.type = SCHED_EVENT_EXECUTOR_READY, .ready = {.executor = e->id}};

    if (e->state != EXECUTOR_STARTING)
        return; /* it is being killed */
    e->hello = *hello;
    e->state = EXECUTOR_WARM;
    e->manager->n_failed_births = 0;
    disable_source(&e->deadline);
    manager_feed(e->manager, &event);
}

/* Return: false when the frame has no place in this state. */
static bool take_frame(Executor *e, const ControlFrame *frame)
{
    char reason[CONTROL_REASON_MAX];

    switch (frame->header.type) {
    case CONTROL_EXECUTOR_HELLO:
    case CONTROL_EXECUTOR_LOCKED:
        return false;
    case CONTROL_EXECUTOR_FAILED:
        snprintf(reason, sizeof(reason), "step %u: %.480s", frame->executor_failed.step,
                 frame->executor_failed.reason);
        executor_kill(e, SESSION_CAUSE_CRASH, reason);
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

/* Return: false when there is nothing to be read at the moment, or never again. */
static bool read_control(Executor *e)
{
    ControlFrame frame;
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;
    int r = control_receive(e->control_fd, CONTROL_SENDER_EXECUTOR, &frame, fds, &n_fds);

    if (r == -EAGAIN || r == -EINTR)
        return false;
    if (r == 1 && take_frame(e, &frame))
        return true;
    if (r == 1 || r == -EPROTO) {
        snprintf(e->reason, sizeof(e->reason), "%s in state %s",
                 r == 1 ? control_type_to_string(frame.header.type) : "a malformed frame",
                 executor_state_to_string(e->state));
        executor_kill(e, SESSION_CAUSE_PROTOCOL, e->reason);
        return false;
    }
    /* Closed: most likely it is dying, and its exit status says why. Give that a moment. */
    disable_source(&e->control_source);
    start_deadline(e, CLOSED_GRACE_USEC);
    return false;
}

void executor_drain(Executor *e)
{
    for (unsigned i = 0; i < DRAIN_FRAMES && e->state == EXECUTOR_RUNNING && read_control(e); i++)
        ;
}

static int on_control(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    (void)read_control(userdata);
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

static void born(Executor *e, const ControlCoreBorn *frame, int *fds)
{
    unsigned n = 0;
    int r = 0;

    e->pid = frame->pid;
    memcpy(e->namespaces, frame->namespaces, sizeof(e->namespaces));
    if (e->manager->cgroup.fd >= 0)
        e->leaf_fd = TAKE_FD(fds[n++]);
    if (frame->has_watch)
        e->watch_fd = TAKE_FD(fds[n]);
    if (e->verdict != SESSION_CAUSE_NONE) {
        e->state = EXECUTOR_ENDING; /* the core kills it already */
        return;
    }
    e->state = EXECUTOR_STARTING;
    if (e->watch_fd >= 0) {
        r = sd_event_add_io(e->manager->event, &e->watch_source, e->watch_fd, EPOLLPRI, on_memory,
                            e);
        if (r >= 0)
            r = sd_event_source_set_priority(e->watch_source, SD_EVENT_PRIORITY_IMPORTANT);
    }
    if (r < 0)
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
    ControlFrame frame;

    if (e->verdict != SESSION_CAUSE_NONE) { /* nobody wants it any more */
        report_exit(e);
        return 0;
    }
    list_for_each (n, &m->executors) {
        ExecutorState state = container_of(n, Executor, node)->state;
        handing_out |= state == EXECUTOR_PLACING;
    }
    if (handing_out && !m->stopping && e->n_pauses++ < BIRTH_PAUSES_MAX)
        return manager_timer(m, &e->deadline, clock_now_usec() + BIRTH_PAUSE_USEC, on_birth, e);
    disable_source(&e->deadline);
    e->ordered = true;
    ask_core(e, &frame, CONTROL_CORE_SPAWN);
    frame.core_spawn.high_bytes = e->high_bytes;
    frame.core_spawn.max_bytes = e->max_bytes;
    core_link_send(m, &frame, -EBADF);
    return 0;
}

void executor_spawn(Manager *m, const SchedAction *action)
{
    Executor *e = calloc(1, sizeof(*e));

    if (!e) {
        SchedEvent event = {.type = SCHED_EVENT_EXECUTOR_EXIT};
        event.exit.executor = action->executor;
        event.exit.cause = SESSION_CAUSE_SPAWN;
        manager_feed(m, &event);
        return;
    }
    *e = (Executor){.manager = m,
                    .id = action->executor,
                    .leaf_fd = -EBADF,
                    .watch_fd = -EBADF,
                    .control_fd = -EBADF,
                    .grant_bytes = action->grant_bytes,
                    .high_bytes = action->high_bytes,
                    .max_bytes = action->max_bytes,
                    .node_id = SCHED_NONE};
    snprintf(e->leaf, sizeof(e->leaf), "executor-%" PRIu64, e->id);
    list_append(&m->executors, &e->node);
    /* By timer, so that the PLACE of the same event comes first. */
    if (manager_timer(m, &e->deadline, clock_now_usec(), on_birth, e) < 0)
        (void)on_birth(NULL, 0, e);
}

/* It is its client's now, and its socket ours. */
static void locked(Executor *e, const ControlExecutorLocked *locked, int *fds)
{
    int r;

    if (e->state != EXECUTOR_PLACING)
        return; /* it is being killed */
    e->locked = *locked;
    disable_source(&e->deadline);
    if (!e->session) {
        executor_kill(e, SESSION_CAUSE_CLOSED, "the session ended while it was placed");
        return;
    }
    e->control_fd = TAKE_FD(fds[0]);
    e->session->channel_fd = TAKE_FD(fds[1]);
    r = sd_event_add_io(e->manager->event, &e->control_source, e->control_fd, EPOLLIN, on_control,
                        e);
    /* Or one that sends all the time would keep the loop from seeing how others end. */
    if (r >= 0)
        r = sd_event_source_set_ratelimit(e->control_source, FRAMES_USEC, FRAMES_MAX);
    if (r < 0) {
        executor_kill(e, SESSION_CAUSE_SPAWN, "it could not be watched");
        return;
    }
    e->state = EXECUTOR_RUNNING;
    if (e->later_move)
        executor_move(e, e->later_move);
    session_ready(e->session);
}

void executor_place(Executor *e, Session *s, const SchedAction *action)
{
    ControlFrame frame;

    if (e->state != EXECUTOR_WARM) {
        executor_kill(e, SESSION_CAUSE_SPAWN, "it is not warm");
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
    ask_core(e, &frame, CONTROL_CORE_PLACE);
    ControlCorePlace *p = &frame.core_place;
    p->ticket = s->identity.ticket;
    p->session = s->id;
    p->grant_bytes = action->grant_bytes;
    p->mems = action->mems;
    memcpy(p->cpus, action->cpus.bits, sizeof(p->cpus));
    p->cpu_weight = action->cpu_weight;
    p->n_threads = action->n_threads;
    p->numa_node = action->node;
    core_link_send(e->manager, &frame, -EBADF);
    start_deadline(e, e->manager->config->config.start_timeout_usec);
}

void executor_move(Executor *e, const SchedAction *action)
{
    ControlFrame frame;

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
    ask_core(e, &frame, CONTROL_CORE_MOVE);
    ControlCoreMove *f = &frame.core_move;
    f->mems = e->mems;
    memcpy(f->cpus, e->cpus.bits, sizeof(f->cpus));
    f->cpu_weight = e->cpu_weight;
    f->new_mems = new_mems;
    core_link_send(e->manager, &frame, -EBADF);
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

static void resized(Executor *e, const ControlCoreResized *frame)
{
    if (frame->result < 0)
        log_line(LOG_ERR, "executor %" PRIu64 ": cannot set its memory limits: %s", e->id,
                 strerror(-frame->result));
    tell_resized(e, frame->header.serial, frame->high_bytes, frame->max_bytes, frame->current_bytes,
                 e->resize_cause, e->resize_usec);
}

void executor_resize(Executor *e, const SchedAction *action)
{
    bool raise = action->max_bytes > e->max_bytes;
    bool asked = raise && e->asked_cause;
    const char *cause = asked ? e->asked_cause : raise ? "raise" : "shrink";
    uint64_t since = asked ? e->asked_usec : clock_now_usec();
    ControlFrame frame;

    e->grant_bytes = action->grant_bytes;
    if (raise)
        e->asked_cause = NULL;
    if (e->leaf_fd < 0 || !(e->manager->cgroup.controllers & CGROUP_CONTROLLER_MEMORY)) {
        /* No leaf to write to: the figures are an agreement between scheduler and executor only. */
        tell_resized(e, action->serial, action->high_bytes, action->max_bytes, 0, cause, since);
        return;
    }
    e->resize_cause = cause;
    e->resize_usec = since;
    ask_core(e, &frame, CONTROL_CORE_RESIZE);
    frame.header.serial = action->serial;
    frame.core_resize.high_bytes = action->high_bytes;
    frame.core_resize.max_bytes = action->max_bytes;
    core_link_send(e->manager, &frame, -EBADF);
}

static void fault(Executor *e, const ControlCoreFault *frame)
{
    if (frame->cause != SESSION_CAUSE_NONE)
        executor_kill(e, frame->cause, frame->reason);
    else if (e->state != EXECUTOR_ENDING)
        start_deadline(e, CLOSED_GRACE_USEC);
}

void executor_core_frame(Manager *m, const ControlFrame *frame, int *fds)
{
    Executor *e = manager_find_executor(m, frame->core_kill.executor);

    if (!e)
        return;
    switch (frame->header.type) {
    case CONTROL_CORE_BORN:
        born(e, &frame->core_born, fds);
        break;
    case CONTROL_CORE_NOT_BORN:
        birth_failed(e, frame->core_not_born.error, (SandboxStep)frame->core_not_born.step);
        break;
    case CONTROL_CORE_WARM:
        hello(e, &frame->core_warm.hello);
        break;
    case CONTROL_CORE_LOCKED:
        locked(e, &frame->core_locked.locked, fds);
        break;
    case CONTROL_CORE_FAULT:
        fault(e, &frame->core_fault);
        break;
    case CONTROL_CORE_RESIZED:
        resized(e, &frame->core_resized);
        break;
    case CONTROL_CORE_EXITED:
        exited(e, &frame->core_exited);
        break;
    case CONTROL_CORE_GONE:
        gone(e, &frame->core_gone);
        break;
    }
}

static void executor_free(Executor *e)
{
    assert(!e->session);
    disable_source(&e->control_source);
    disable_source(&e->watch_source);
    disable_source(&e->deadline);
    fd_close(e->leaf_fd);
    fd_close(e->control_fd);
    fd_close(e->watch_fd);
    free(e->later_move);
    list_remove(&e->node);
    free(e);
}
