/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to berthd: each answer reaches its asker, a cancel and a vanished daemon end the wait
 * (SES-3). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/session/control_link.h"

typedef struct Fixture {
    int daemon;
    ControlLink *link;
    atomic_int n_orders, n_ends;
} Fixture;

static void on_order(void *userdata, const ControlFrame *order)
{
    Fixture *f = userdata;
    atomic_fetch_add(order ? &f->n_orders : &f->n_ends, 1);
}

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    f->daemon = pair[0];
    *state = f;
    return control_link_new(pair[1], on_order, f, &f->link);
}

static int teardown(void **state)
{
    Fixture *f = *state;
    control_link_free(f->link);
    if (f->daemon >= 0)
        close(f->daemon);
    free(f);
    return 0;
}

/* A berthd that answers the first two questions in the wrong order, an order between them. */
static void *answer_backwards(void *arg)
{
    Fixture *f = arg;
    ControlFrame asked[2], reply;
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;
    for (int i = 0; i < 2; i++)
        if (control_receive(f->daemon, CONTROL_SENDER_EXECUTOR, &asked[i], fds, &n_fds) != 1)
            return NULL;
    for (int i = 1; i >= 0; i--) {
        control_init(&reply, CONTROL_MEMORY_REPLY, asked[i].header.serial);
        reply.memory_reply.total_bytes = asked[i].memory_request.total_bytes * 2;
        (void)control_send(f->daemon, &reply, NULL, 0);
        control_init(&reply, CONTROL_MEMORY_SHRINK, 0);
        (void)control_send(f->daemon, &reply, NULL, 0);
    }
    return NULL;
}

typedef struct Asker {
    Fixture *f;
    uint64_t bytes, got;
    int r;
} Asker;

static void *ask(void *arg)
{
    Asker *a = arg;
    ControlFrame frame, reply;
    control_init(&frame, CONTROL_MEMORY_REQUEST, 0);
    frame.memory_request.total_bytes = a->bytes;
    a->r = control_link_ask(a->f->link, &frame, CONTROL_MEMORY_REPLY, NULL, &reply);
    a->got = a->r == 0 ? reply.memory_reply.total_bytes : 0;
    return NULL;
}

static void answers_reach_their_askers(void **state)
{
    Fixture *f = *state;
    pthread_t daemon, threads[2];
    Asker askers[2] = {{f, 10, 0, -1}, {f, 20, 0, -1}};
    pthread_create(&daemon, NULL, answer_backwards, f);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, ask, &askers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_join(daemon, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(askers[i].r, 0);
        assert_int_equal(askers[i].got, askers[i].bytes * 2);
    }
}

static void a_cancel_ends_the_wait(void **state)
{
    Fixture *f = *state;
    atomic_bool cancelled;
    atomic_init(&cancelled, true);
    ControlFrame frame, reply;
    control_init(&frame, CONTROL_MEMORY_REQUEST, 0);
    assert_int_equal(control_link_ask(f->link, &frame, CONTROL_MEMORY_REPLY, &cancelled, &reply),
                     CONTROL_LINK_E_CANCELLED);
}

static void a_vanished_daemon_ends_the_wait(void **state)
{
    Fixture *f = *state;
    close(f->daemon);
    f->daemon = -1;
    ControlFrame frame, reply;
    control_init(&frame, CONTROL_MEMORY_REQUEST, 0);
    assert_int_equal(control_link_ask(f->link, &frame, CONTROL_MEMORY_REPLY, NULL, &reply),
                     CONTROL_LINK_E_GONE);
    for (int i = 0; i < 100 && atomic_load(&f->n_ends) == 0; i++)
        usleep(10 * 1000);
    assert_int_equal(atomic_load(&f->n_ends), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_reach_their_askers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancel_ends_the_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_vanished_daemon_ends_the_wait, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
