/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's server over a data channel, from the client's side: credit bounds what a reader that
 * gives none can cost, more credit lets it go on, a cancel is heard while it waits, every
 * operation has one final frame, and the books are empty when the channel ends (asserted by
 * the pool).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/control.h"
#include "base/data_frame.h"
#include "base/fd.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/session/server.h"

#define FRAME_MAX (UINT64_C(8) << 20) /* more than one frame may overdraw by */
#define QUIET_MSEC 1500
#define PATIENCE_MSEC 60000 /* also under sanitizers on a busy machine */

typedef struct Fixture {
    int peer;
    int berthd; /* the other end of the control socket, in some tests */
    IoContext *io;
    ServerOptions options;
    pthread_t thread;
    int result;
} Fixture;

static void *serve(void *arg)
{
    Fixture *f = arg;
    f->result = server_run(&f->options);
    return NULL;
}

static int setup_with(void **state, bool has_berthd)
{
    Fixture *f = calloc(1, sizeof(*f));
    int control[2] = {-EBADF, -EBADF};
    int pair[2];
    if (!f || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
        io_context_new_pread(&f->io) < 0)
        return -1;
    if (has_berthd && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -1;
    f->peer = pair[0];
    f->berthd = control[0];
    f->options = (ServerOptions){.data_fd = pair[1],
                                 .control_fd = control[1],
                                 .memory_bytes = UINT64_C(256) << 20,
                                 .n_threads = 2,
                                 .io = f->io,
                                 .spill_fd = -EBADF};
    *state = f;
    return pthread_create(&f->thread, NULL, serve, f) == 0 ? 0 : -1;
}

static int setup(void **state)
{
    return setup_with(state, false);
}

static int setup_with_berthd(void **state)
{
    return setup_with(state, true);
}

static int teardown(void **state)
{
    Fixture *f = *state;
    close(f->peer);
    pthread_join(f->thread, NULL);
    if (f->berthd >= 0)
        close(f->berthd);
    io_context_free(f->io);
    int r = f->result;
    free(f);
    return r;
}

static void send_frame(Fixture *f, DataType type, uint64_t operation, uint64_t rows,
                       const void *payload, uint32_t n_payload)
{
    DataHeader h = {.magic = DATA_MAGIC,
                    .type = (uint16_t)type,
                    .operation = operation,
                    .rows = rows,
                    .n_payload = n_payload};
    assert_int_equal(fd_write_all(f->peer, &h, sizeof(h)), 0);
    if (n_payload > 0)
        assert_int_equal(fd_write_all(f->peer, payload, n_payload), 0);
}

/* spark.range(@n), all of it. */
static void send_range(Fixture *f, uint64_t operation, int64_t n)
{
    ProtoWriter w;
    proto_writer_init(&w, 256, NULL, NULL);
    proto_begin(&w, SPARK_PLAN_ROOT);
    proto_begin(&w, SPARK_RELATION_RANGE);
    proto_put_int64(&w, SPARK_RANGE_START, 0);
    proto_put_int64(&w, SPARK_RANGE_END, n);
    proto_put_int64(&w, SPARK_RANGE_STEP, 1);
    proto_end(&w);
    proto_end(&w);
    assert_int_equal(proto_writer_finish(&w), 0);
    send_frame(f, DATA_EXECUTE, operation, 0, w.data, (uint32_t)w.n_bytes);
    proto_writer_done(&w);
}

/* One frame, its payload thrown away. Return: false when none comes. */
static bool receive(Fixture *f, int msec, DataHeader *ret)
{
    struct pollfd p = {.fd = f->peer, .events = POLLIN};
    static char buffer[1 << 16];
    if (poll(&p, 1, msec) <= 0)
        return false;
    assert_int_equal(fd_read_all(f->peer, ret, sizeof(*ret)), 0);
    assert_int_equal(ret->magic, DATA_MAGIC);
    for (uint32_t left = ret->n_payload; left > 0;) {
        uint32_t n = left < sizeof(buffer) ? left : (uint32_t)sizeof(buffer);
        assert_int_equal(fd_read_all(f->peer, buffer, n), 0);
        left -= n;
    }
    return true;
}

static bool is_final(const DataHeader *h)
{
    return h->type == DATA_COMPLETE || h->type == DATA_ERROR || h->type == DATA_ANALYZED;
}

/* Payload of RESPONSE frames until nothing comes any more. */
static uint64_t drain(Fixture *f, uint64_t operation)
{
    DataHeader h;
    uint64_t n_bytes = 0;
    for (int wait = PATIENCE_MSEC; receive(f, wait, &h); wait = QUIET_MSEC) {
        assert_int_equal(h.operation, operation);
        assert_false(is_final(&h));
        n_bytes += h.n_payload;
    }
    return n_bytes;
}

static void credit_is_the_bound(void **state)
{
    Fixture *f = *state;
    DataHeader h;

    send_range(f, 7, 100000000); /* 800 MB */
    uint64_t n_bytes = drain(f, 7);
    assert_in_range(n_bytes, DATA_CREDIT_INITIAL / 2, DATA_CREDIT_INITIAL + FRAME_MAX);

    send_frame(f, DATA_CREDIT, 7, DATA_CREDIT_INITIAL, NULL, 0);
    n_bytes += drain(f, 7);
    assert_in_range(n_bytes, DATA_CREDIT_INITIAL + DATA_CREDIT_INITIAL / 2,
                    2 * DATA_CREDIT_INITIAL + FRAME_MAX);

    /* It waits for credit, and hears that it is not wanted any more. */
    send_frame(f, DATA_CANCEL, 7, 0, NULL, 0);
    do
        assert_true(receive(f, PATIENCE_MSEC, &h));
    while (h.type == DATA_RESPONSE);
    assert_int_equal(h.type, DATA_ERROR);
    assert_int_equal(h.operation, 7);
    assert_false(receive(f, 200, &h));
}

static void operations_do_not_wait_for_each_other(void **state)
{
    Fixture *f = *state;
    DataHeader h;

    send_range(f, 1, 100000000);
    (void)drain(f, 1); /* stands still */
    send_range(f, 2, 10);
    unsigned n_final = 0;
    while (n_final == 0) {
        assert_true(receive(f, PATIENCE_MSEC, &h));
        assert_int_equal(h.operation, 2);
        n_final += is_final(&h);
    }
    assert_int_equal(h.type, DATA_COMPLETE);
    /* The channel ends while the first still waits: teardown joins it. */
}

/* Until its final frame. */
static void finish(Fixture *f, uint64_t operation)
{
    DataHeader h;
    do {
        assert_true(receive(f, PATIENCE_MSEC, &h));
        assert_int_equal(h.operation, operation);
    } while (!is_final(&h));
    assert_int_equal(h.type, DATA_COMPLETE);
}

static ControlFrame hear(Fixture *f)
{
    ControlFrame frame;
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;
    struct pollfd p = {.fd = f->berthd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MSEC), 1);
    assert_int_equal(control_receive(f->berthd, CONTROL_SENDER_EXECUTOR, &frame, fds, &n_fds), 1);
    return frame;
}

/* What is no more work than planning it was waits for nobody; its end is told all the same. */
static void a_slight_query_asks_for_no_grant(void **state)
{
    Fixture *f = *state;

    send_range(f, 1, 10);
    finish(f, 1);
    ControlFrame said = hear(f);
    assert_int_equal(said.header.type, CONTROL_QUERY_END);
    assert_int_equal(said.query_end.rows, 10);
    assert_int_equal(said.query_end.state, QUERY_STATE_DONE);

    send_range(f, 2, 1000000);
    do
        said = hear(f);
    while (said.header.type == CONTROL_MEMORY_RETURN);
    assert_int_equal(said.header.type, CONTROL_QUERY_ESTIMATE);
    ControlFrame reply;
    control_init(&reply, CONTROL_QUERY_GRANT, said.header.serial);
    reply.query_grant.query = said.query_estimate.query;
    reply.query_grant.memory_bytes = f->options.memory_bytes;
    reply.query_grant.n_threads = 1;
    assert_int_equal(control_send(f->berthd, &reply, NULL, 0), 0);
    finish(f, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(credit_is_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(operations_do_not_wait_for_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slight_query_asks_for_no_grant, setup_with_berthd,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
