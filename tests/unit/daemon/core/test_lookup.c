/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: given for a socket that the kernel names an owner of, one for each question that wants
 * one, gone when they are released, and bounded. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/core/core.h"
#include "daemon/core/identity.h"

#define MORE 1024u /* tickets beyond Max= */

typedef struct Fixture {
    Core core;
    ConfigRef *config;
    Lookups *lookups;
    int manager_fd; /* the other end of the channel */
    int client[2];
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    int pair[2];

    f->config = calloc(1, sizeof(*f->config));
    config_defaults(&f->config->config);
    f->config->config.sessions_max = 1;
    f->core.config = f->config;
    assert_int_equal(worker_new("lookup", &f->core.workers[WORKER_LOOKUP].worker), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->client), 0);
    f->core.channel_fd = pair[0];
    f->manager_fd = pair[1];
    assert_int_equal(lookups_new(&f->core, &f->lookups), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    worker_free(f->core.workers[WORKER_LOOKUP].worker);
    lookups_free(f->lookups);
    fd_close(f->core.channel_fd);
    fd_close(f->manager_fd);
    fd_close(f->client[0]);
    fd_close(f->client[1]);
    free(f->config);
    free(f);
    return 0;
}

static ControlCoreIdentity ask(Fixture *f, uint64_t serial, bool keep, int fd)
{
    Worker *worker = f->core.workers[WORKER_LOOKUP].worker;
    int fds[CONTROL_FDS_MAX];
    ControlFrame frame;
    size_t n_fds;

    lookups_ask(f->lookups, serial, keep, &(ControlToken){0}, dup(fd));
    while (!worker_idle(worker)) {
        struct pollfd p = {.fd = worker_fd(worker), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        worker_dispatch(worker);
    }
    assert_int_equal(control_receive(f->manager_fd, CONTROL_SENDER_CORE, &frame, fds, &n_fds), 1);
    assert_int_equal(frame.header.type, CONTROL_CORE_IDENTITY);
    assert_int_equal(frame.header.serial, serial);
    return frame.core_identity;
}

static void a_ticket_names_its_owner_until_it_is_released(void **state)
{
    Fixture *f = *state;
    ControlCoreIdentity one = ask(f, 7, true, f->client[0]), two = ask(f, 8, true, f->client[0]);

    assert_int_equal(one.result, 0);
    assert_int_equal(one.uid, geteuid());
    assert_true(one.ticket > 0 && two.ticket > 0 && one.ticket != two.ticket);
    const Identity *identity = lookups_find(f->lookups, one.ticket);
    assert_non_null(identity);
    assert_int_equal(identity->uid, geteuid());
    lookups_release(f->lookups, one.ticket);
    assert_null(lookups_find(f->lookups, one.ticket));
    lookups_release(f->lookups, one.ticket); /* a second time is no fault */
    assert_non_null(lookups_find(f->lookups, two.ticket));
    /* A number is not given twice. */
    assert_true(ask(f, 9, true, f->client[0]).ticket > two.ticket);
}

static void a_question_alone_gives_no_ticket(void **state)
{
    Fixture *f = *state;
    ControlCoreIdentity answer = ask(f, 1, false, f->client[0]);

    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.ticket, 0);
    assert_null(lookups_find(f->lookups, 0));
    assert_null(lookups_find(f->lookups, 1));
}

static void no_owner_no_ticket(void **state)
{
    Fixture *f = *state;
    int pipe_fds[2];

    assert_int_equal(pipe(pipe_fds), 0);
    ControlCoreIdentity answer = ask(f, 1, true, pipe_fds[0]);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_int_equal(answer.result, IDENTITY_E_UNKNOWN);
    assert_int_equal(answer.ticket, 0);
    assert_int_equal(answer.uid, UINT32_MAX);
    assert_true(answer.reason[0] != 0);
    assert_null(lookups_find(f->lookups, 1));
}

static void tickets_are_bounded(void **state)
{
    Fixture *f = *state;

    for (unsigned i = 0; i < 1 + MORE; i++)
        assert_int_equal(ask(f, i, true, f->client[0]).result, 0);
    ControlCoreIdentity answer = ask(f, 1, true, f->client[0]);
    assert_int_equal(answer.result, -EBUSY);
    assert_int_equal(answer.ticket, 0);
    lookups_release(f->lookups, 5);
    assert_int_equal(ask(f, 1, true, f->client[0]).result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ticket_names_its_owner_until_it_is_released, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_question_alone_gives_no_ticket, setup, teardown),
        cmocka_unit_test_setup_teardown(no_owner_no_ticket, setup, teardown),
        cmocka_unit_test_setup_teardown(tickets_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
