/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/session/control_link.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/list.h"

typedef struct Waiter {
    ListNode link;
    uint64_t serial;
    ControlType type;
    ControlFrame *reply;
    bool done;
} Waiter;

struct ControlLink {
    int fd;
    ControlLinkOrder on_order;
    void *userdata;
    pthread_t reader;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t answered;
    ListNode waiters;
    uint64_t last_serial;
    uint64_t last_answer; /* serial of the latest answer that has been taken, or dropped */
    bool gone;
};

/* Hands an answer to whoever waits for it. An answer nobody waits for (asked, then cancelled) is
 * dropped. */
static void deliver(ControlLink *link, const ControlFrame *frame)
{
    bool wanted = false;
    pthread_mutex_lock(&link->lock);
    list_for_each (pos, &link->waiters) {
        Waiter *w = container_of(pos, Waiter, link);
        if (w->serial == frame->header.serial && w->type == frame->header.type) {
            memcpy(w->reply, frame, frame->header.size);
            w->done = wanted = true;
            pthread_cond_broadcast(&link->answered);
            break;
        }
    }
    if (!wanted)
        link->last_answer = frame->header.serial;
    pthread_mutex_unlock(&link->lock);
}

static void *reader_main(void *arg)
{
    ControlLink *link = arg;
    for (;;) {
        ControlFrame frame;
        int fds[CONTROL_FDS_MAX];
        size_t n_fds = 0;
        int r = control_receive(link->fd, CONTROL_SENDER_DAEMON_TO_EXECUTOR, &frame, fds, &n_fds);
        if (r <= 0)
            break;
        for (size_t i = 0; i < n_fds; i++) /* descriptors come with HANDOUT only, which is over */
            (void)fd_close(fds[i]);
        switch (frame.header.type) {
        case CONTROL_QUERY_GRANT:
        case CONTROL_MEMORY_REPLY:
            deliver(link, &frame);
            break;
        case CONTROL_MEMORY_SHRINK:
        case CONTROL_QUERY_CANCEL:
        case CONTROL_QUIT:
            link->on_order(link->userdata, &frame);
            break;
        default:
            break;
        }
    }
    pthread_mutex_lock(&link->lock);
    link->gone = true;
    pthread_cond_broadcast(&link->answered);
    pthread_mutex_unlock(&link->lock);
    link->on_order(link->userdata, NULL);
    return NULL;
}

int control_link_new(int fd, ControlLinkOrder on_order, void *userdata, ControlLink **ret_link)
{
    ControlLink *link = calloc(1, sizeof(*link));
    if (!link) {
        (void)fd_close(fd);
        return -ENOMEM;
    }
    link->fd = fd;
    link->on_order = on_order;
    link->userdata = userdata;
    list_init(&link->waiters);
    pthread_mutex_init(&link->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&link->answered, &attr);
    pthread_condattr_destroy(&attr);
    int r = pthread_create(&link->reader, NULL, reader_main, link);
    if (r != 0) {
        (void)fd_close(fd);
        pthread_cond_destroy(&link->answered);
        pthread_mutex_destroy(&link->lock);
        free(link);
        return -r;
    }
    *ret_link = link;
    return 0;
}

ControlLink *control_link_free(ControlLink *link)
{
    if (!link)
        return NULL;
    (void)shutdown(link->fd, SHUT_RDWR);
    pthread_join(link->reader, NULL);
    assert(list_empty(&link->waiters));
    (void)fd_close(link->fd);
    pthread_cond_destroy(&link->answered);
    pthread_mutex_destroy(&link->lock);
    free(link);
    return NULL;
}

int control_link_tell(ControlLink *link, ControlFrame *frame)
{
    if (frame->header.type == CONTROL_MEMORY_RETURN) {
        /* base/control.h: which answers this end knew when it decided. */
        pthread_mutex_lock(&link->lock);
        frame->header.serial = link->last_answer;
        pthread_mutex_unlock(&link->lock);
    }
    int r = control_send(link->fd, frame, NULL, 0);
    return r == -EPIPE || r == -ECONNRESET ? CONTROL_LINK_E_GONE : r;
}

/* Waits on @answered until @w is done; the lock is held. */
static int wait_answer(ControlLink *link, const Waiter *w, const atomic_bool *cancelled)
{
    while (!w->done) {
        if (link->gone)
            return CONTROL_LINK_E_GONE;
        if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
            return CONTROL_LINK_E_CANCELLED;
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100 * 1000 * 1000;
        if (until.tv_nsec >= 1000 * 1000 * 1000) {
            until.tv_nsec -= 1000 * 1000 * 1000;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&link->answered, &link->lock, &until);
    }
    return 0;
}

int control_link_ask(ControlLink *link, ControlFrame *frame, ControlType reply_type,
                     const atomic_bool *cancelled, ControlFrame *ret_reply)
{
    Waiter w = {.type = reply_type, .reply = ret_reply};
    pthread_mutex_lock(&link->lock);
    w.serial = frame->header.serial = ++link->last_serial;
    list_append(&link->waiters, &w.link);
    pthread_mutex_unlock(&link->lock);

    int r = control_link_tell(link, frame);

    pthread_mutex_lock(&link->lock);
    if (r == 0)
        r = wait_answer(link, &w, cancelled);
    if (w.done)
        link->last_answer = w.serial;
    list_remove(&w.link);
    pthread_mutex_unlock(&link->lock);
    return r;
}
