/* SPDX-License-Identifier: Apache-2.0 */
/* The executor's data channel: bounds (SES-4), charges before allocation (D-10), refusals that keep
 * the stream. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "exec/session/channel.h"

typedef struct Fixture {
    int peer;
    MemPool *pool;
    Channel *channel;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    f->peer = pair[0];
    *state = f;
    return mem_pool_new(1 << 20, NULL, NULL, &f->pool) == 0 &&
                   channel_new(pair[1], f->pool, &f->channel) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    channel_free(f->channel);
    mem_pool_free(f->pool); /* asserts that nothing is charged */
    if (f->peer >= 0)
        close(f->peer);
    free(f);
    return 0;
}

static void send_header(Fixture *f, uint32_t magic, uint16_t type, uint32_t n_payload)
{
    DataHeader h = {.magic = magic, .type = type, .operation = 5, .n_payload = n_payload};
    assert_int_equal(fd_write_all(f->peer, &h, sizeof(h)), 0);
}

static void reads_what_was_sent(void **state)
{
    Fixture *f = *state;
    send_header(f, DATA_MAGIC, DATA_EXECUTE, 3);
    assert_int_equal(fd_write_all(f->peer, "abc", 3), 0);
    DataHeader h;
    uint8_t *payload;
    assert_int_equal(channel_read(f->channel, &h, &payload), 0);
    assert_int_equal(h.operation, 5);
    assert_memory_equal(payload, "abc", 3);
    assert_true(mem_pool_reserved(f->pool) >= 3);
    channel_payload_free(f->channel, payload, h.n_payload);
    assert_int_equal(mem_pool_reserved(f->pool), 0);
}

static void refuses_bad_headers(void **state)
{
    static const struct {
        uint32_t magic, n_payload;
        uint16_t type;
    } bad[] = {
        {DATA_MAGIC + 1, 0, DATA_EXECUTE},
        {DATA_MAGIC, DATA_PAYLOAD_MAX + 1, DATA_EXECUTE},
        {DATA_MAGIC, 0, DATA_RESPONSE}, /* ours to send */
        {DATA_MAGIC, 0, 0},
    };
    Fixture *f = *state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        send_header(f, bad[i].magic, bad[i].type, bad[i].n_payload);
        DataHeader h;
        uint8_t *payload;
        assert_int_equal(channel_read(f->channel, &h, &payload), -EPROTO);
    }
}

static void a_refused_payload_leaves_the_next_frame_readable(void **state)
{
    Fixture *f = *state;
    size_t n = 2 << 20; /* above the pool's limit, which nobody can raise */
    char *block = calloc(1, n);
    pid_t writer = fork();
    if (writer == 0) {
        send_header(f, DATA_MAGIC, DATA_EXECUTE, (uint32_t)n);
        (void)fd_write_all(f->peer, block, n);
        send_header(f, DATA_MAGIC, DATA_CANCEL, 0);
        _exit(0);
    }
    DataHeader h;
    uint8_t *payload;
    assert_int_equal(channel_read(f->channel, &h, &payload), CHANNEL_E_REFUSED);
    assert_int_equal(h.operation, 5);
    assert_int_equal(channel_read(f->channel, &h, &payload), 0);
    assert_int_equal(h.type, DATA_CANCEL);
    free(block);
}

static void the_end_is_told_apart_from_a_cut(void **state)
{
    Fixture *f = *state;
    assert_int_equal(fd_write_all(f->peer, "xx", 2), 0);
    close(f->peer);
    f->peer = -1;
    DataHeader h;
    uint8_t *payload;
    assert_int_equal(channel_read(f->channel, &h, &payload), -EPROTO);
    assert_int_equal(channel_read(f->channel, &h, &payload), CHANNEL_E_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_payload_leaves_the_next_frame_readable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_end_is_told_apart_from_a_cut, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
