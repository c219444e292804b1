/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core/executor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/core/identity.h"
#include "daemon/core/jobs.h"
#include "daemon/log.h"

#define REMOVE_RETRY_USEC (USEC_PER_SEC)
#define FILTER_STAGES 2
#define WARM_MAX 1024u /* executors beyond one for each session */

static const char *state_name(CoreState state)
{
    static const char *const names[_CORE_STATE_MAX] = {"spawning", "starting", "warm",  "placing",
                                                       "handout",  "running",  "ending"};
    return names[state];
}

static CoreExecutor *find_any(Core *core, uint64_t id)
{
    list_for_each (n, &core->executors) {
        CoreExecutor *e = container_of(n, CoreExecutor, node);
        if (e->id == id)
            return e;
    }
    return NULL;
}

/* Return: NULL also for one that is gone: frames cross. */
static CoreExecutor *find(Core *core, uint64_t id)
{
    CoreExecutor *e = find_any(core, id);

    return e && !e->removed ? e : NULL;
}

static bool within_bound(const Core *core, uint64_t without, uint64_t high_bytes,
                         uint64_t max_bytes)
{
    uint64_t sum = max_bytes;

    if (high_bytes > max_bytes || max_bytes == 0 || max_bytes > core->memory_bound_bytes)
        return false;
    list_for_each (n, &core->executors) {
        const CoreExecutor *e = container_of(n, CoreExecutor, node);
        if (!e->removed)
            sum += e->promised_bytes;
    }
    return sum - without <= core->memory_bound_bytes;
}

static void send_about(CoreExecutor *e, ControlFrame *frame, const int *fds, size_t n_fds)
{
    /* Each of these frames has its executor's number there. */
    static_assert(offsetof(ControlCoreGone, executor) == sizeof(ControlHeader), "");
    frame->core_gone.executor = e->id;
    core_send(e->core, frame, fds, n_fds);
}

static void executor_free(CoreExecutor *e)
{
    assert(e->n_jobs == 0);
    core_unwatch(e->core, &e->control_source);
    core_unwatch(e->core, &e->pid_source);
    fd_close(e->leaf_fd);
    fd_close(e->pidfd);
    fd_close(e->control_fd);
    fd_close(e->channel_fd);
    list_remove(&e->node);
    e->core->n_executors--;
    free(e);
}

static void kill_now(CoreExecutor *e)
{
    e->killed = true;
    if (e->pidfd < 0 || e->state == CORE_STATE_EXITED)
        return; /* SPAWNING: birth_done() sees it */
    core_unwatch(e->core, &e->control_source);
    /* It is the init of its pid namespace: with it goes everything inside. The leaf's cgroup.kill
     * follows. */
    if (pidfd_send_signal(e->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        log_line(LOG_ERR, "cannot kill executor %" PRIu64 ": %m", e->id);
}

/* Cause NONE: only told. */
static void fault(CoreExecutor *e, SessionCause cause, const char *reason)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_FAULT, 0);
    frame.core_fault.cause = cause;
    text_copy(frame.core_fault.reason, sizeof(frame.core_fault.reason), reason);
    send_about(e, &frame, NULL, 0);
    if (cause != SESSION_CAUSE_NONE)
        kill_now(e);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void begin_removal(CoreExecutor *e);

static void executor_gone(CoreExecutor *e, const CgroupMemory *memory)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_GONE, 0);
    frame.core_gone.peak_bytes = memory->peak_bytes;
    frame.core_gone.n_oom_kill = memory->n_oom_kill;
    frame.core_gone.n_oom_group_kill = memory->n_oom_group_kill;
    send_about(e, &frame, NULL, 0);
    e->removed = true;
    if (e->n_jobs == 0)
        executor_free(e);
}

static void wait_removal(CoreExecutor *e)
{
    e->retry_usec = clock_now_usec() + REMOVE_RETRY_USEC;
    e->core->n_retries++;
}

static void remove_done(WorkerJob *job)
{
    RemoveJob *j = container_of(job, RemoveJob, job);
    CoreExecutor *e = j->executor;

    e->n_jobs--;
    e->remove_job = false;
    if (j->result < 0) {
        log_line(LOG_ERR, "cannot remove cgroup %s yet: %s", e->leaf, strerror(-j->result));
        wait_removal(e);
    } else
        executor_gone(e, &j->memory);
    config_unref(j->config);
    free(j);
}

static void begin_removal(CoreExecutor *e)
{
    RemoveJob *j = calloc(1, sizeof(*j));

    if (!j) {
        wait_removal(e);
        return;
    }
    *j = (RemoveJob){.job = {.run = job_remove, .done = remove_done},
                     .executor = e,
                     .config = config_ref(e->core->config),
                     .root_fd = e->core->cgroup.fd,
                     .leaf_fd = e->leaf_fd};
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    e->n_jobs++;
    e->remove_job = true;
    core_submit(e->core, WORKER_BIRTH, &j->job);
}

void executor_retry(Core *core, uint64_t now_usec)
{
    list_for_each_safe (n, &core->executors) {
        CoreExecutor *e = container_of(n, CoreExecutor, node);
        if (e->retry_usec == 0 || (e->retry_usec > now_usec && !core->ending))
            continue;
        e->retry_usec = 0;
        core->n_retries--;
        begin_removal(e);
    }
}

static bool read_control(CoreExecutor *e);

/*
 * The process is gone. While it is being placed it stays a zombie: the job names it by its pid,
 * which must not become another's, and may still make the directory that removal is to find.
 */
static void executor_exited(CoreExecutor *e)
{
    ControlFrame frame;

    if (e->place_job) {
        core_unwatch(e->core, &e->pid_source);
        e->reap_later = true;
        return;
    }
    /* What it said before it died comes first. */
    while (e->control_source.fd >= 0 && read_control(e))
        ;
    if (waitid(P_PIDFD, (id_t)e->pidfd, &e->death, WEXITED | WNOHANG) < 0 || e->death.si_pid == 0)
        return;
    e->state = CORE_STATE_EXITED;
    core_unwatch(e->core, &e->pid_source);
    core_unwatch(e->core, &e->control_source);
    control_init(&frame, CONTROL_CORE_EXITED, 0);
    frame.core_exited.code = e->death.si_code;
    frame.core_exited.status = e->death.si_status;
    send_about(e, &frame, NULL, 0);
    begin_removal(e);
}

static void on_pid(CoreSource *source, uint32_t events)
{
    executor_exited(container_of(source, CoreExecutor, pid_source));
}

const char *executor_kill(Core *core, const ControlCoreKill *frame)
{
    CoreExecutor *e = find(core, frame->executor);

    if (e)
        kill_now(e);
    return NULL;
}

void executor_kill_all(Core *core)
{
    list_for_each (n, &core->executors)
        kill_now(container_of(n, CoreExecutor, node));
    executor_retry(core, clock_now_usec());
}

/* ---- what it says before it is locked -------------------------------------------------------- */

/* How many filters a process has; those of berthd's own, which its unit loads, are inherited. */
static int count_filters(const char *status)
{
    static const char key[] = "\nSeccomp_filters:\t";
    const char *at = strstr(status, key);
    return at ? atoi(at + strlen(key)) : -1;
}

/* Does the kernel agree with what LOCKED says? A frame alone proves nothing about its sender (D-6).
 */
static bool locked_is_true(const CoreExecutor *e, const ControlExecutorLocked *locked)
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
    uint32_t uid = e->handout.uid;

    if (fd_read_file_at(AT_FDCWD, "/proc/self/status", own, sizeof(own)) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/status", e->pid);
    if (fd_read_file_at(AT_FDCWD, path, status, sizeof(status)) < 0)
        return false;
    snprintf(uids, sizeof(uids), "\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    if (!strstr(status, uids) || locked->uid != uid || locked->capabilities != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *at = strstr(status, rows[i].key);
        if (!at || strncmp(at + strlen(rows[i].key), rows[i].want, strlen(rows[i].want)) != 0)
            return false;
    }
    /* The first stage was there when it was warm. */
    return count_filters(status) == count_filters(own) + FILTER_STAGES;
}

static void take_hello(CoreExecutor *e, const ControlExecutorHello *hello)
{
    ControlFrame frame;

    e->state = CORE_STATE_WARM;
    control_init(&frame, CONTROL_CORE_WARM, 0);
    frame.core_warm.hello = *hello;
    send_about(e, &frame, NULL, 0);
}

static void take_locked(CoreExecutor *e, const ControlExecutorLocked *locked)
{
    ControlFrame frame;

    if (!locked_is_true(e, locked)) {
        fault(e, SESSION_CAUSE_PROTOCOL, "it reports a lock-down that the kernel does not confirm");
        return;
    }
    e->state = CORE_STATE_LOCKED;
    core_unwatch(e->core, &e->control_source);
    control_init(&frame, CONTROL_CORE_LOCKED, 0);
    frame.core_locked.locked = *locked;
    send_about(e, &frame, (int[]){e->control_fd, e->channel_fd}, 2);
    e->channel_fd = fd_close(e->channel_fd);
}

/* Return: false when there is nothing to be read at the moment. */
static bool read_control(CoreExecutor *e)
{
    char reason[CONTROL_REASON_MAX];
    int fds[CONTROL_FDS_MAX];
    ControlFrame frame;
    size_t n_fds;
    int r = control_receive(e->control_fd, CONTROL_SENDER_EXECUTOR, &frame, fds, &n_fds);
    unsigned type = r == 1 ? frame.header.type : 0;

    if (type == CONTROL_EXECUTOR_HELLO && e->state == CORE_STATE_STARTING)
        take_hello(e, &frame.executor_hello);
    else if (type == CONTROL_EXECUTOR_LOCKED && e->state == CORE_STATE_HANDOUT)
        take_locked(e, &frame.executor_locked);
    else if (type == CONTROL_EXECUTOR_FAILED) {
        snprintf(reason, sizeof(reason), "step %u: %.480s", frame.executor_failed.step,
                 frame.executor_failed.reason);
        fault(e, SESSION_CAUSE_SPAWN, reason);
    } else if (r == 1 || r == -EPROTO) {
        snprintf(reason, sizeof(reason), "%s in state %s",
                 r == 1 ? control_type_to_string(type) : "a malformed frame", state_name(e->state));
        fault(e, SESSION_CAUSE_PROTOCOL, reason);
    } else if (r != -EAGAIN) {
        /* Closed: most likely it is dying, and its exit status says why. */
        core_unwatch(e->core, &e->control_source);
        fault(e, SESSION_CAUSE_NONE, "");
    }
    return r != -EAGAIN;
}

static void on_control(CoreSource *source, uint32_t events)
{
    (void)read_control(container_of(source, CoreExecutor, control_source));
}

/* ---- birth ----------------------------------------------------------------------------------- */

static void not_born(CoreExecutor *e, int error, SandboxStep step)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_NOT_BORN, 0);
    frame.core_not_born.error = error;
    frame.core_not_born.step = step;
    send_about(e, &frame, NULL, 0);
    executor_free(e);
}

static void birth_done(WorkerJob *job)
{
    BirthJob *j = container_of(job, BirthJob, job);
    CoreExecutor *e = j->executor;
    _cleanup_close_ int watch_fd = j->watch_fd;
    int fds[2], n_fds = 0, r = j->result;
    SandboxStep step = j->report.step;
    ControlFrame frame;

    e->n_jobs--;
    e->leaf_fd = j->leaf_fd;
    e->pidfd = j->pidfd;
    e->pid = j->pid;
    control_init(&frame, CONTROL_CORE_BORN, 0);
    frame.core_born.pid = j->pid;
    memcpy(frame.core_born.namespaces, j->namespaces, sizeof(j->namespaces));
    fd_close(j->child_fd);
    config_unref(j->config);
    free(j);
    if (r < 0) {
        not_born(e, r, step);
        return;
    }
    e->state = CORE_STATE_STARTING;
    if (e->leaf_fd >= 0)
        fds[n_fds++] = e->leaf_fd;
    if (watch_fd >= 0)
        fds[n_fds++] = watch_fd;
    frame.core_born.has_watch = watch_fd >= 0;
    send_about(e, &frame, fds, (size_t)n_fds);
    if (core_watch(e->core, &e->pid_source, e->pidfd, on_pid) < 0 ||
        core_watch(e->core, &e->control_source, e->control_fd, on_control) < 0)
        fault(e, SESSION_CAUSE_SPAWN, "it could not be watched");
    if (e->killed)
        kill_now(e);
}

const char *executor_spawn(Core *core, const ControlCoreSpawn *frame)
{
    int pair[2] = {-EBADF, -EBADF};

    if (find_any(core, frame->executor))
        return "a number that an executor has";
    if (core->n_executors >= core->config->config.sessions_max + WARM_MAX)
        return "more executors than Max= of [Sessions] can need";
    if (!within_bound(core, 0, frame->high_bytes, frame->max_bytes))
        return "more memory than there is";
    CoreExecutor *e = calloc(1, sizeof(*e));
    BirthJob *j = calloc(1, sizeof(*j));
    if (!e || !j || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        ControlFrame answer;
        control_init(&answer, CONTROL_CORE_NOT_BORN, 0);
        answer.core_not_born.executor = frame->executor;
        answer.core_not_born.error = e && j ? -errno : -ENOMEM;
        answer.core_not_born.step = SANDBOX_STEP_DESCRIPTORS;
        core_send(core, &answer, NULL, 0);
        free(e);
        free(j);
        return NULL;
    }
    (void)fd_set_nonblock(pair[0], true);
    *e = (CoreExecutor){.core = core,
                        .id = frame->executor,
                        .n_jobs = 1,
                        .leaf_fd = -EBADF,
                        .pidfd = -EBADF,
                        .control_fd = pair[0],
                        .channel_fd = -EBADF,
                        .control_source = {.fd = -EBADF},
                        .pid_source = {.fd = -EBADF},
                        .high_bytes = frame->high_bytes,
                        .max_bytes = frame->max_bytes,
                        .promised_bytes = frame->max_bytes};
    snprintf(e->leaf, sizeof(e->leaf), "executor-%" PRIu64, e->id);
    list_append(&core->executors, &e->node);
    core->n_executors++;
    *j = (BirthJob){.job = {.run = job_birth, .done = birth_done},
                    .executor = e,
                    .config = config_ref(core->config),
                    .root_fd = core->cgroup.fd,
                    .controllers = core->cgroup.controllers,
                    .high_bytes = frame->high_bytes,
                    .max_bytes = frame->max_bytes,
                    .child_fd = pair[1],
                    .leaf_fd = -EBADF,
                    .watch_fd = -EBADF,
                    .pidfd = -EBADF};
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    core_submit(core, WORKER_BIRTH, &j->job);
    return NULL;
}

/* ---- placing --------------------------------------------------------------------------------- */

static void send_handout(CoreExecutor *e, int spill_fd)
{
    int pair[2], fds[2], n_fds = 1;
    ControlFrame frame;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        fault(e, SESSION_CAUSE_SPAWN, "no descriptor left for a data channel");
        return;
    }
    e->handout.has_spill = spill_fd >= 0;
    frame.handout = e->handout;
    fds[0] = pair[0];
    if (spill_fd >= 0)
        fds[n_fds++] = spill_fd;
    e->state = CORE_STATE_HANDOUT;
    int r = control_send(e->control_fd, &frame, fds, (size_t)n_fds);
    fd_close(pair[0]);
    e->channel_fd = pair[1];
    if (r < 0)
        fault(e, SESSION_CAUSE_PROTOCOL, "it takes no HANDOUT");
}

static void place_done(WorkerJob *job)
{
    PlaceJob *j = container_of(job, PlaceJob, job);
    CoreExecutor *e = j->executor;

    e->n_jobs--;
    e->place_job = false;
    if (e->reap_later)
        executor_exited(e);
    else if (e->state == CORE_STATE_PLACING && !e->killed) {
        if (j->result < 0)
            log_line(LOG_WARNING, "executor %" PRIu64 ": placement incomplete: %s", e->id,
                     strerror(-j->result));
        send_handout(e, j->spill_fd);
    }
    fd_close(j->spill_fd);
    config_unref(j->config);
    free(j);
}

static PlaceJob *new_place_job(CoreExecutor *e, const uint64_t *cpus, uint64_t mems,
                               uint32_t cpu_weight)
{
    PlaceJob *j = calloc(1, sizeof(*j));

    if (!j)
        return NULL;
    *j = (PlaceJob){.executor = e,
                    .config = config_ref(e->core->config),
                    .controllers = e->core->cgroup.controllers,
                    .leaf_fd = e->leaf_fd,
                    .pid = -1,
                    .mems = mems,
                    .cpu_weight = cpu_weight,
                    .spill_fd = -EBADF};
    memcpy(j->cpus, cpus, sizeof(j->cpus));
    text_copy(j->leaf, sizeof(j->leaf), e->leaf);
    e->n_jobs++;
    return j;
}

const char *executor_place(Core *core, const ControlCorePlace *frame)
{
    CoreExecutor *e = find(core, frame->executor);
    const Identity *who = lookups_find(core->lookups, frame->ticket);
    ControlFrame f;

    if (!who)
        return "an executor for somebody whom the kernel has not named";
    if (!e || e->killed || e->state == CORE_STATE_EXITED)
        return NULL;
    if (e->state != CORE_STATE_WARM)
        return "an executor a second time";
    PlaceJob *j = new_place_job(e, frame->cpus, frame->mems, frame->cpu_weight);
    if (!j) {
        fault(e, SESSION_CAUSE_SPAWN, "out of memory");
        return NULL;
    }
    j->job = (WorkerJob){.run = job_place, .done = place_done};
    j->pid = e->pid;
    j->write_cpus = j->write_mems = j->make_spill = true;
    j->uid = who->uid;
    j->gid = who->gid;
    control_init(&f, CONTROL_HANDOUT, 0);
    ControlHandout *h = &f.handout;
    h->session = frame->session;
    h->uid = who->uid;
    h->gid = who->gid;
    h->n_groups = who->n_groups;
    memcpy(h->groups, who->groups, sizeof(h->groups[0]) * h->n_groups);
    h->n_threads = MAX(frame->n_threads, 1u);
    h->numa_node = frame->numa_node;
    h->memory_grant_bytes = frame->grant_bytes;
    text_copy(h->home, sizeof(h->home), who->home);
    e->handout = *h;
    e->state = CORE_STATE_PLACING;
    e->place_job = true;
    core_submit(core, WORKER_URGENT, &j->job);
    return NULL;
}

static void move_done(WorkerJob *job)
{
    PlaceJob *j = container_of(job, PlaceJob, job);
    CoreExecutor *e = j->executor;

    e->n_jobs--;
    if (j->result < 0 && e->state != CORE_STATE_EXITED)
        log_line(LOG_WARNING, "executor %" PRIu64 ": move incomplete: %s", e->id,
                 strerror(-j->result));
    if (e->removed && e->n_jobs == 0)
        executor_free(e);
    config_unref(j->config);
    free(j);
}

static void submit_move(CoreExecutor *e, const ControlCoreMove *frame, bool mems)
{
    PlaceJob *j = new_place_job(e, frame->cpus, frame->mems, frame->cpu_weight);

    if (!j)
        return; /* a placement that is late costs speed, nothing else */
    j->job = (WorkerJob){.run = job_place, .done = move_done};
    j->write_cpus = !mems;
    j->write_mems = mems;
    core_submit(e->core, mems ? WORKER_SLOW : WORKER_URGENT, &j->job);
}

const char *executor_move(Core *core, const ControlCoreMove *frame)
{
    CoreExecutor *e = find(core, frame->executor);

    if (!e || e->killed || e->state == CORE_STATE_EXITED)
        return NULL;
    if (e->state < CORE_STATE_PLACING)
        return "a move of an executor that has no place";
    /* Migrating pages takes seconds; the CPUs must not wait for that. */
    submit_move(e, frame, false);
    if (frame->new_mems)
        submit_move(e, frame, true);
    return NULL;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void send_resized(CoreExecutor *e, uint64_t serial, int result, uint64_t current_bytes)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_RESIZED, serial);
    frame.core_resized.high_bytes = e->high_bytes;
    frame.core_resized.max_bytes = e->max_bytes;
    frame.core_resized.current_bytes = current_bytes;
    frame.core_resized.result = result;
    send_about(e, &frame, NULL, 0);
}

static void resize_done(WorkerJob *job)
{
    ResizeJob *j = container_of(job, ResizeJob, job);
    CoreExecutor *e = j->executor;

    e->n_jobs--;
    e->resize_job = false;
    e->high_bytes = j->high_bytes;
    e->max_bytes = e->promised_bytes = j->max_bytes;
    if (!e->removed)
        send_resized(e, j->serial, j->result, j->current_bytes);
    else if (e->n_jobs == 0)
        executor_free(e);
    free(j);
}

const char *executor_resize(Core *core, const ControlCoreResize *frame)
{
    CoreExecutor *e = find(core, frame->executor);

    if (!e)
        return NULL;
    if (e->resize_job || e->state == CORE_STATE_SPAWNING)
        return "a limit that is just being set";
    if (e->leaf_fd < 0)
        return "a limit where there is no cgroup";
    if (!within_bound(core, e->promised_bytes, frame->high_bytes, frame->max_bytes))
        return "more memory than there is";
    ResizeJob *j = calloc(1, sizeof(*j));
    if (!j) {
        send_resized(e, frame->header.serial, -ENOMEM, 0);
        return NULL;
    }
    *j = (ResizeJob){.job = {.run = job_resize, .done = resize_done},
                     .executor = e,
                     .leaf_fd = e->leaf_fd,
                     .serial = frame->header.serial,
                     .raise = frame->max_bytes > e->max_bytes,
                     .high_bytes = frame->high_bytes,
                     .max_bytes = frame->max_bytes,
                     .old_high_bytes = e->high_bytes,
                     .old_max_bytes = e->max_bytes};
    e->n_jobs++;
    e->resize_job = true;
    e->promised_bytes = MAX(e->max_bytes, frame->max_bytes);
    core_submit(core, j->raise ? WORKER_URGENT : WORKER_SLOW, &j->job);
    return NULL;
}
