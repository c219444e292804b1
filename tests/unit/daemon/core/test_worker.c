/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread: jobs run in order, elsewhere, and end on the loop; and the outbox, which
 * keeps order as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/outbox.h"
#include "daemon/worker.h"

#define N_JOBS 1000

typedef struct Numbered {
    WorkerJob job;
    unsigned number;
    pthread_t ran_on;
} Numbered;

/* Written by the worker's thread, read after it was joined. */
static unsigned ran[N_JOBS], n_ran;
static unsigned done[N_JOBS], n_done;

static void run(WorkerJob *job)
{
    Numbered *n = container_of(job, Numbered, job);
    n->ran_on = pthread_self();
    ran[n_ran++] = n->number;
}

static void finish(WorkerJob *job)
{
    Numbered *n = container_of(job, Numbered, job);
    assert_false(pthread_equal(n->ran_on, pthread_self()));
    done[n_done++] = n->number;
}

static void test_order(void **state)
{
    static Numbered jobs[N_JOBS];
    Worker *w;

    assert_int_equal(worker_new("test", &w), 0);
    assert_true(worker_idle(w));
    for (unsigned i = 0; i < N_JOBS; i++) {
        jobs[i] = (Numbered){.job = {.run = run, .done = finish}, .number = i};
        worker_submit(w, &jobs[i].job);
    }
    assert_false(worker_idle(w));
    while (n_done < N_JOBS / 2) {
        struct pollfd p = {.fd = worker_fd(w), .events = POLLIN};
        assert_true(poll(&p, 1, 10000) == 1);
        worker_dispatch(w);
    }
    assert_null(worker_free(w)); /* the rest ends with it */
    assert_int_equal(n_ran, N_JOBS);
    assert_int_equal(n_done, N_JOBS);
    for (unsigned i = 0; i < N_JOBS; i++) {
        assert_int_equal(ran[i], i);
        assert_int_equal(done[i], i);
    }
}

static int ignore(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    return 0;
}

static void test_outbox(void **state)
{
    int pair[2], fds[CONTROL_FDS_MAX], spare, r = 0;
    sd_event_source *source = NULL;
    sd_event *event = NULL;
    ControlFrame frame;
    size_t n_fds;
    Outbox box;
    uint32_t events;
    uint64_t sent = 0, received = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    assert_true(sd_event_new(&event) >= 0);
    assert_true(sd_event_add_io(event, &source, pair[0], POLLIN, ignore, NULL) >= 0);
    outbox_init(&box, pair[0], source);
    /* Until the socket is full and the box, too: then it says so, and loses nothing that it took.
     */
    while (r == 0) {
        control_init(&frame, CONTROL_SESSION_READY, ++sent);
        spare = sent % 7 == 0 ? dup(0) : -EBADF;
        frame.session_ready.has_channel = spare >= 0;
        r = outbox_send(&box, &frame, spare);
    }
    assert_int_equal(r, -ENOBUFS);
    assert_true(sd_event_source_get_io_events(source, &events) >= 0);
    assert_true(events & POLLOUT);
    while (received < sent - 1) {
        r = control_receive(pair[1], CONTROL_SENDER_DAEMON_TO_GATEWAY, &frame, fds, &n_fds);
        if (r == -EAGAIN) {
            assert_int_equal(outbox_flush(&box), 0);
            continue;
        }
        assert_int_equal(r, 1);
        assert_int_equal(frame.header.serial, ++received);
        assert_int_equal(n_fds, received % 7 == 0);
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
    }
    assert_int_equal(outbox_flush(&box), 0);
    assert_true(sd_event_source_get_io_events(source, &events) >= 0);
    assert_false(events & POLLOUT);
    outbox_done(&box);
    sd_event_source_unref(source);
    sd_event_unref(event);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_outbox)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
