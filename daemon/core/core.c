/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core/core.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/core/executor.h"
#include "daemon/log.h"

#define TICK_MSEC 100                 /* while something waits for its time */
#define STOP_USEC (25 * USEC_PER_SEC) /* for the manager; it gives its executors 20 s */
#define END_USEC (10 * USEC_PER_SEC)

int core_watch(Core *core, CoreSource *source, int fd, void (*call)(CoreSource *, uint32_t))
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    *source = (CoreSource){.call = call, .fd = fd};
    if (epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    source->fd = -EBADF;
    return -errno;
}

void core_unwatch(Core *core, CoreSource *source)
{
    if (source->fd >= 0)
        (void)epoll_ctl(core->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = -EBADF;
}

void core_submit(Core *core, WorkerKind kind, WorkerJob *job)
{
    worker_submit(core->workers[kind].worker, job);
}

static void kill_manager(Core *core, const char *why)
{
    log_line(LOG_CRIT, "berthd's manager is ended: %s", why);
    if (core->manager_pidfd >= 0)
        (void)pidfd_send_signal(core->manager_pidfd, SIGKILL, NULL, 0);
    core_unwatch(core, &core->channel_source);
    core->channel_fd = fd_close(core->channel_fd);
}

void core_send(Core *core, const ControlFrame *frame, const int *fds, size_t n_fds)
{
    if (core->channel_fd < 0)
        return;
    int r = control_send(core->channel_fd, frame, fds, n_fds);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        kill_manager(core, r == -EAGAIN ? "it does not read" : strerror(-r));
}

/* ---- what the manager asks for --------------------------------------------------------------- */

static void reload(Core *core, uint64_t serial)
{
    _cleanup_close_ int fd = -EBADF;
    ConfigRef *next = NULL;
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_CONFIG, serial);
    int r = core_load_config(core->config_path, &next);
    if (r == 0) {
        /* Sockets, users and the cgroup root were taken at start; the rest holds for what comes. */
        const Config *old = &core->config->config;
        text_copy(next->config.gateway_socket, CONFIG_PATH_MAX, old->gateway_socket);
        text_copy(next->config.spill_directory, CONFIG_PATH_MAX, old->spill_directory);
        config_unref(core->offered);
        core->offered = next;
        fd = core_config_file(&next->config);
        r = MIN(fd, 0);
    }
    frame.core_config.result = r;
    core_send(core, &frame, &fd, fd >= 0 ? 1 : 0);
}

static void config_taken(Core *core, const ControlCoreConfigTaken *frame)
{
    if (!core->offered)
        return;
    if (frame->taken) {
        uint64_t budget = config_share_of(core->offered->config.budget, core->memory_bound_bytes);
        core->memory_bound_bytes = MAX(core->memory_bound_bytes, budget);
        config_unref(core->config);
        core->config = TAKE_PTR(core->offered);
        log_set_level((int)core->config->config.log_level);
    }
    core->offered = config_unref(core->offered);
}

static const char *notify(const ControlCoreNotify *frame)
{
    char text[CONTROL_STATUS_MAX + 64];

    for (const char *p = frame->status; *p; p++)
        if ((unsigned char)*p < ' ')
            return "a status with a control character";
    switch (frame->notice) {
    case CORE_NOTICE_READY:
        core_notify("READY=1");
        break;
    case CORE_NOTICE_RELOADING:
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_usec());
        core_notify(text);
        break;
    case CORE_NOTICE_WATCHDOG:
        core_notify("WATCHDOG=1");
        break;
    default:
        snprintf(text, sizeof(text), "STATUS=%s", frame->status);
        core_notify(text);
        break;
    }
    return NULL;
}

/* Return: NULL, or what it may not have. */
static const char *take_frame(Core *core, const ControlFrame *frame, int *fds)
{
    switch (frame->header.type) {
    case CONTROL_CORE_SPAWN:
        return executor_spawn(core, &frame->core_spawn);
    case CONTROL_CORE_KILL:
        return executor_kill(core, &frame->core_kill);
    case CONTROL_CORE_PLACE:
        return executor_place(core, &frame->core_place);
    case CONTROL_CORE_MOVE:
        return executor_move(core, &frame->core_move);
    case CONTROL_CORE_RESIZE:
        return executor_resize(core, &frame->core_resize);
    case CONTROL_CORE_IDENTIFY:
        lookups_ask(core->lookups, frame->header.serial, frame->core_identify.keep,
                    &frame->core_identify.token, TAKE_FD(fds[0]));
        return NULL;
    case CONTROL_CORE_RELEASE:
        lookups_release(core->lookups, frame->core_release.ticket);
        return NULL;
    case CONTROL_CORE_RELOAD:
        reload(core, frame->header.serial);
        return NULL;
    case CONTROL_CORE_CONFIG_TAKEN:
        config_taken(core, &frame->core_config_taken);
        return NULL;
    default:
        return notify(&frame->core_notify);
    }
}

static void on_channel(CoreSource *source, uint32_t events)
{
    Core *core = container_of(source, Core, channel_source);
    int fds[CONTROL_FDS_MAX];
    ControlFrame frame;
    size_t n_fds = 0;
    char why[256];
    int r = control_receive(core->channel_fd, CONTROL_SENDER_MANAGER, &frame, fds, &n_fds);

    if (r == 1) {
        const char *wrong = take_frame(core, &frame, fds);
        for (size_t i = 0; i < n_fds; i++)
            fd_close(fds[i]);
        if (!wrong)
            return;
        snprintf(why, sizeof(why), "it asked by %s for %s",
                 control_type_to_string(frame.header.type), wrong);
        kill_manager(core, why);
    } else if (r == -EPROTO)
        kill_manager(core, "a malformed frame");
    else if (r != -EAGAIN) {
        /* It is ending: its pidfd says how. */
        core_unwatch(core, &core->channel_source);
        core->channel_fd = fd_close(core->channel_fd);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/*
 * The manager has ended. After an orderly stop nothing is left; else its sessions end with it.
 * (Here a new one could be started instead: the core has every executor, its socket and its ticket.
 * What it lacks is what the scheduler knew.)
 */
static void on_manager(CoreSource *source, uint32_t events)
{
    Core *core = container_of(source, Core, manager_source);
    siginfo_t info = {};

    if (waitid(P_PIDFD, (id_t)core->manager_pidfd, &info, WEXITED | WNOHANG) < 0 ||
        info.si_pid == 0)
        return;
    core_unwatch(core, source);
    core->manager_pid = 0;
    core->ending = true;
    core->give_up_usec = clock_now_usec() + END_USEC;
    if (info.si_code != CLD_EXITED)
        log_line(LOG_CRIT, "berthd's manager was killed by signal %d; all sessions end",
                 info.si_status);
    core->exit_code = info.si_code == CLD_EXITED && info.si_status == 0 && core->stopping ? 0 : 1;
    core_unlisten(core);
    executor_kill_all(core);
}

static void on_signal(CoreSource *source, uint32_t events)
{
    Core *core = container_of(source, Core, signal_source);
    struct signalfd_siginfo info;
    ControlFrame frame;

    if (read(core->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        reload(core, 0);
        return;
    }
    if (core->stopping)
        return;
    core->stopping = true;
    core->give_up_usec = clock_now_usec() + STOP_USEC;
    core_notify("STOPPING=1\nSTATUS=Ending all sessions");
    core_unlisten(core);
    control_init(&frame, CONTROL_CORE_STOP, 0);
    core_send(core, &frame, NULL, 0);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_worker(CoreSource *source, uint32_t events)
{
    worker_dispatch(container_of(source, CoreWorker, source)->worker);
}

static int start_workers(Core *core)
{
    static const char *const names[_WORKER_KIND_MAX] = {"urgent", "slow", "birth", "lookup"};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < _WORKER_KIND_MAX; i++) {
        CoreWorker *w = &core->workers[i];
        r = worker_new(names[i], &w->worker);
        if (r == 0)
            r = core_watch(core, &w->source, worker_fd(w->worker), on_worker);
    }
    return r;
}

static int start(Core *core)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    core->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    core->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (core->epoll_fd < 0 || core->signal_fd < 0)
        return -errno;
    int r = core_watch(core, &core->signal_source, core->signal_fd, on_signal);
    if (r == 0)
        r = core_prepare(core);
    if (r == 0)
        r = lookups_new(core, &core->lookups);
    if (r == 0)
        r = start_workers(core);
    if (r == 0)
        r = core_start_manager(core);
    if (r == 0)
        r = core_watch(core, &core->channel_source, core->channel_fd, on_channel);
    if (r == 0)
        r = core_watch(core, &core->manager_source, core->manager_pidfd, on_manager);
    return r;
}

static bool waits(const Core *core)
{
    return core->stopping || core->ending || core->n_retries > 0;
}

static bool all_idle(const Core *core)
{
    for (unsigned i = 0; i < _WORKER_KIND_MAX; i++)
        if (!worker_idle(core->workers[i].worker))
            return false;
    return true;
}

static void loop(Core *core)
{
    for (;;) {
        struct epoll_event event;
        /* One at a time: what it does may end the source of the next. */
        int n = epoll_wait(core->epoll_fd, &event, 1, waits(core) ? TICK_MSEC : -1);
        if (n > 0) {
            CoreSource *source = event.data.ptr;
            source->call(source, event.events);
        }
        if (core->ending && list_empty(&core->executors) && all_idle(core))
            return;
        if (!waits(core))
            continue;
        uint64_t now = clock_now_usec();
        executor_retry(core, now);
        if (core->ending && now > core->give_up_usec) {
            core->exit_code = 1;
            return;
        }
        if (core->stopping && core->manager_pid > 0 && now > core->give_up_usec &&
            core->channel_fd >= 0)
            kill_manager(core, "it does not stop");
    }
}

static void finish(Core *core)
{
    for (unsigned i = 0; i < _WORKER_KIND_MAX; i++)
        core->workers[i].worker = worker_free(core->workers[i].worker);
    list_for_each (n, &core->executors) {
        const CoreExecutor *e = container_of(n, CoreExecutor, node);
        log_line(LOG_ERR, "executor %" PRIu64 " (pid %d) could not be ended", e->id, e->pid);
    }
    core_unlisten(core);
    bool clean = list_empty(&core->executors);
    if (clean)
        cgroup_root_close(&core->cgroup);
    core->lookups = lookups_free(core->lookups);
    fd_close(core->channel_fd);
    fd_close(core->manager_pidfd);
    fd_close(core->pressure_fd);
    fd_close(core->signal_fd);
    fd_close(core->epoll_fd);
    config_unref(core->offered);
    config_unref(core->config);
    if (clean && core->stopping) {
        LogRecord record = log_record(LOG_EVENT_STOPPED, LOG_NOTICE);
        log_send(&record, "berthd has stopped and left nothing behind");
    }
}

int core_run(ConfigRef *config, const char *config_path)
{
    Core core = {.config = config,
                 .config_path = config_path,
                 .epoll_fd = -EBADF,
                 .signal_fd = -EBADF,
                 .channel_fd = -EBADF,
                 .manager_pidfd = -EBADF,
                 .cgroup = {.fd = -EBADF},
                 .pressure_fd = -EBADF,
                 .listen_fd = -EBADF,
                 .signal_source = {.fd = -EBADF},
                 .channel_source = {.fd = -EBADF},
                 .manager_source = {.fd = -EBADF}};

    list_init(&core.executors);
    int r = start(&core);
    if (r == 0)
        loop(&core);
    else if (core.manager_pid > 0) {
        kill_manager(&core, "it could not be started");
        (void)waitpid(core.manager_pid, NULL, 0);
    }
    finish(&core);
    return r < 0 ? 1 : core.exit_code;
}
