/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/gateway_link.h"
#include "daemon/log.h"
#include "daemon/session/executor.h"

struct CoreLink {
    Manager *manager;
    sd_event_source *source;
    Outbox outbox;
};

int core_link_start(ControlCoreStart *ret_start, int *ret_fds)
{
    ControlFrame frame;
    size_t n_fds;
    int r = control_receive(CONTROL_MANAGER_FD, CONTROL_SENDER_CORE, &frame, ret_fds, &n_fds);

    if (r <= 0)
        return r < 0 ? r : -EPIPE;
    if (frame.header.type != CONTROL_CORE_START ||
        n_fds != 2u + frame.core_start.has_cgroup + frame.core_start.has_pressure)
        return -EPROTO;
    *ret_start = frame.core_start;
    return 0;
}

int core_link_read_config(int fd, ConfigRef **ret_config)
{
    _cleanup_free_ ConfigRef *ref = calloc(1, sizeof(*ref));
    struct stat st;

    if (!ref)
        return -ENOMEM;
    if (fstat(fd, &st) < 0)
        return -errno;
    /* Both halves come from one build. */
    if (st.st_size != sizeof(ref->config))
        return -EPROTO;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    int r = fd_read_all(fd, &ref->config, sizeof(ref->config));
    if (r < 0)
        return r;
    ref->n_refs = 1;
    *ret_config = TAKE_PTR(ref);
    return 0;
}

static void core_is_gone(CoreLink *link, const char *why)
{
    log_line(LOG_CRIT, "berthd's core %s, ending", why);
    (void)sd_event_exit(link->manager->event, 1);
}

static void take_config(CoreLink *link, const ControlFrame *frame, int *fds)
{
    ConfigRef *config = NULL;
    int r = frame->core_config.result;

    if (r == 0)
        r = core_link_read_config(fds[0], &config);
    manager_reloaded(link->manager, frame->header.serial, r, config);
}

static void take_frame(CoreLink *link, const ControlFrame *frame, int *fds)
{
    Manager *m = link->manager;

    switch (frame->header.type) {
    case CONTROL_CORE_START:
        core_is_gone(link, "starts twice");
        break;
    case CONTROL_CORE_CONFIG:
        take_config(link, frame, fds);
        break;
    case CONTROL_CORE_STOP:
        manager_stop(m);
        break;
    case CONTROL_CORE_IDENTITY:
        gateway_identified(m, &frame->core_identity);
        break;
    default:
        executor_core_frame(m, frame, fds);
        break;
    }
}

static int on_core(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    CoreLink *link = userdata;
    int fds[CONTROL_FDS_MAX];
    ControlFrame frame;
    size_t n_fds = 0;

    if (events & EPOLLOUT && outbox_flush(&link->outbox) < 0) {
        core_is_gone(link, "is gone");
        return 0;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    int r = control_receive(fd, CONTROL_SENDER_CORE, &frame, fds, &n_fds);
    if (r == -EAGAIN)
        return 0;
    if (r <= 0) {
        core_is_gone(link, r == -EPROTO ? "sends what it must not" : "is gone");
        return 0;
    }
    take_frame(link, &frame, fds);
    for (size_t i = 0; i < n_fds; i++)
        fd_close(fds[i]);
    return 0;
}

int core_link_new(Manager *m, CoreLink **ret_link)
{
    CoreLink *link = calloc(1, sizeof(*link));

    if (!link)
        return -ENOMEM;
    link->manager = m;
    int r = fd_set_nonblock(CONTROL_MANAGER_FD, true);
    if (r == 0)
        r = sd_event_add_io(m->event, &link->source, CONTROL_MANAGER_FD, EPOLLIN, on_core, link);
    if (r >= 0)
        r = sd_event_source_set_priority(link->source, SD_EVENT_PRIORITY_IMPORTANT);
    if (r < 0) {
        sd_event_source_disable_unref(link->source);
        free(link);
        return r;
    }
    outbox_init(&link->outbox, CONTROL_MANAGER_FD, link->source);
    *ret_link = link;
    return 0;
}

CoreLink *core_link_free(CoreLink *link)
{
    if (!link)
        return NULL;
    outbox_done(&link->outbox);
    sd_event_source_disable_unref(link->source);
    free(link);
    return NULL;
}

void core_link_send(Manager *m, const ControlFrame *frame, int fd)
{
    int r = outbox_send(&m->core->outbox, frame, fd);

    if (r < 0)
        core_is_gone(m->core, r == -ENOBUFS ? "does not read" : "is gone");
}

void core_link_identify(Manager *m, uint64_t serial, bool keep, const ControlToken *token, int fd)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_IDENTIFY, serial);
    frame.core_identify.keep = keep;
    frame.core_identify.token = *token;
    core_link_send(m, &frame, fd);
}

void core_link_release(Manager *m, uint64_t ticket)
{
    ControlFrame frame;

    if (ticket == 0)
        return;
    control_init(&frame, CONTROL_CORE_RELEASE, 0);
    frame.core_release.ticket = ticket;
    core_link_send(m, &frame, -EBADF);
}

void core_link_reload(Manager *m, uint64_t serial)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_RELOAD, serial);
    core_link_send(m, &frame, -EBADF);
}

void core_link_config_taken(Manager *m, uint64_t serial, bool taken)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_CONFIG_TAKEN, serial);
    frame.core_config_taken.taken = taken;
    core_link_send(m, &frame, -EBADF);
}

void core_link_notify(Manager *m, CoreNotice notice, const char *status)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_NOTIFY, 0);
    frame.core_notify.notice = notice;
    text_copy(frame.core_notify.status, sizeof(frame.core_notify.status), status);
    core_link_send(m, &frame, -EBADF);
}
