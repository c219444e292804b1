/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"

struct Worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    ListNode queued, finished; /* under @mutex */
    bool quit;                 /* under @mutex */
    unsigned n_open;           /* loop only: submitted and not yet done() */
    int event_fd;
};

static void *worker_main(void *userdata)
{
    Worker *w = userdata;

    pthread_mutex_lock(&w->mutex);
    for (;;) {
        while (list_empty(&w->queued) && !w->quit)
            pthread_cond_wait(&w->wake, &w->mutex);
        if (list_empty(&w->queued))
            break;
        WorkerJob *job = container_of(w->queued.next, WorkerJob, node);
        list_remove(&job->node);
        pthread_mutex_unlock(&w->mutex);
        job->run(job);
        pthread_mutex_lock(&w->mutex);
        list_append(&w->finished, &job->node);
        uint64_t one = 1;
        (void)!write(w->event_fd, &one, sizeof(one));
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

int worker_new(const char *name, Worker **ret_worker)
{
    _cleanup_free_ Worker *w = calloc(1, sizeof(*w));
    sigset_t all, before;

    if (!w)
        return -ENOMEM;
    list_init(&w->queued);
    list_init(&w->finished);
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->event_fd < 0)
        return -errno;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->wake, NULL);
    /* Signals belong to the loop's signalfd. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int r = -pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0) {
        fd_close(w->event_fd);
        return r;
    }
    (void)pthread_setname_np(w->thread, name);
    *ret_worker = TAKE_PTR(w);
    return 0;
}

void worker_submit(Worker *w, WorkerJob *job)
{
    assert(job->run && job->done);
    w->n_open++;
    pthread_mutex_lock(&w->mutex);
    list_append(&w->queued, &job->node);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
}

int worker_fd(const Worker *w)
{
    return w->event_fd;
}

void worker_dispatch(Worker *w)
{
    uint64_t count;

    (void)!read(w->event_fd, &count, sizeof(count));
    for (;;) {
        WorkerJob *job = NULL;
        pthread_mutex_lock(&w->mutex);
        if (!list_empty(&w->finished)) {
            job = container_of(w->finished.next, WorkerJob, node);
            list_remove(&job->node);
        }
        pthread_mutex_unlock(&w->mutex);
        if (!job)
            return;
        w->n_open--;
        job->done(job);
    }
}

bool worker_idle(const Worker *w)
{
    return w->n_open == 0;
}

Worker *worker_free(Worker *w)
{
    if (!w)
        return NULL;
    pthread_mutex_lock(&w->mutex);
    w->quit = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    worker_dispatch(w);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    fd_close(w->event_fd);
    free(w);
    return NULL;
}
