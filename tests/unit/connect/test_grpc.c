/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client connection and a server connection joined in memory: framing, trailers, limits,
 * back-pressure. (GRPC-1: inbound memory grows with bytes received, not with bytes claimed; GRPC-2:
 * a peer that does not read is sent what its windows take and no more; GRPC-3: each call is closed
 * exactly once; GRPC-4: every buffer is given back to its account.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/grpc/grpc.h"

typedef struct Side {
    GrpcConnection *c;
    GrpcAccount account;
    unsigned n_open, n_messages, n_ended, n_closed;
    size_t n_sent_bytes, last_size;
    GrpcCall *call;
    GrpcCode code;
    char message[4096];
    size_t n_details;
    char header[64];
    int mode; /* of the server: see serve() */
} Side;

enum {
    MODE_ECHO,
    MODE_SILENT,
    MODE_REFUSE,
    MODE_ERROR,
};

static void on_header(void *userdata, GrpcCall *call, const char *name, const char *value)
{
    Side *s = userdata;
    if (strcmp(name, "x-tag") == 0)
        snprintf(s->header, sizeof(s->header), "%s", value);
}
static void on_open(void *userdata, GrpcCall *call)
{
    Side *s = userdata;
    s->n_open++;
    s->call = call;
    if (s->mode == MODE_REFUSE)
        grpc_call_finish(call,
                         &(GrpcStatus){.code = GRPC_UNIMPLEMENTED, .message = "no such method"});
}
static void on_message(void *userdata, GrpcCall *call, GrpcBuffer *message)
{
    Side *s = userdata;
    s->n_messages++;
    s->last_size = grpc_buffer_size(message);
    if (s->mode == MODE_ECHO && s->n_open > 0)
        assert_int_equal(grpc_call_send(call, message), 0);
}
static void on_ended(void *userdata, GrpcCall *call, const GrpcStatus *status)
{
    Side *s = userdata;
    s->n_ended++;
    if (status) {
        s->code = status->code;
        snprintf(s->message, sizeof(s->message), "%s", status->message);
        s->n_details = status->n_details;
        return;
    }
    if (s->mode == MODE_ECHO)
        grpc_call_finish(call, &(GrpcStatus){.code = GRPC_OK});
    if (s->mode == MODE_ERROR)
        grpc_call_finish(call, &(GrpcStatus){.code = GRPC_INTERNAL,
                                             .message = "50% gr\xc3\xbc\xc3\x9f\nline",
                                             .details = (const uint8_t *)"\x08\x0d",
                                             .n_details = 2});
}
static void on_sent(void *userdata, GrpcCall *call, size_t n_bytes)
{
    ((Side *)userdata)->n_sent_bytes += n_bytes;
}
static void on_closed(void *userdata, GrpcCall *call)
{
    Side *s = userdata;
    s->n_closed++;
    if (s->call == call)
        s->call = NULL;
}
static const GrpcHandlers handlers = {.header = on_header,
                                      .open = on_open,
                                      .message = on_message,
                                      .ended = on_ended,
                                      .sent = on_sent,
                                      .closed = on_closed};

typedef struct Pair {
    Side client, server;
} Pair;

static void join(Pair *p, uint32_t max_message)
{
    memset(p, 0, sizeof(*p));
    p->client.account.limit = p->server.account.limit = 512u << 20;
    assert_int_equal(grpc_connection_new(false, &handlers, &p->client, &p->client.account, 1u << 30,
                                         &p->client.c),
                     0);
    assert_int_equal(grpc_connection_new(true, &handlers, &p->server, &p->server.account,
                                         max_message, &p->server.c),
                     0);
}

static void part(Pair *p)
{
    grpc_connection_free(p->client.c);
    grpc_connection_free(p->server.c);
    assert_int_equal(p->client.account.n_bytes, 0);
    assert_int_equal(p->server.account.n_bytes, 0);
}

/* Moves bytes one way. Return: how many. */
static size_t move(Side *from, Side *to)
{
    size_t total = 0;
    for (;;) {
        const uint8_t *data;
        ssize_t n = grpc_connection_send(from->c, &data);
        assert_true(n >= 0);
        if (n == 0)
            return total;
        assert_int_equal(grpc_connection_receive(to->c, data, (size_t)n), 0);
        total += (size_t)n;
    }
}
static void run(Pair *p)
{
    while (move(&p->client, &p->server) + move(&p->server, &p->client) > 0)
        continue;
}

static GrpcCall *start(Pair *p, size_t n_request, uint64_t timeout_usec)
{
    static const char *const metadata[] = {"x-tag", "hello", NULL};
    GrpcCall *call;
    assert_int_equal(
        grpc_call_start(p->client.c, "localhost", "/a.B/C", metadata, timeout_usec, NULL, &call),
        0);
    GrpcBuffer *b = grpc_buffer_new(&p->client.account, 0, n_request);
    assert_non_null(b);
    memset(b->data, 'x', n_request);
    b->tail = n_request;
    assert_int_equal(grpc_call_send(call, b), 0);
    grpc_buffer_unref(b);
    return call;
}

static void test_echo(void **state)
{
    static const size_t sizes[] = {0, 1, 16379, 16384, 65531, 65536, 5 << 20};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        Pair p;
        join(&p, GRPC_MESSAGE_BYTES_MAX);
        grpc_call_finish(start(&p, sizes[i], 0), NULL);
        run(&p);
        assert_int_equal(p.server.n_messages, 1);
        assert_int_equal(p.server.last_size, sizes[i]);
        assert_string_equal(p.server.header, "hello");
        assert_int_equal(p.client.n_messages, 1);
        assert_int_equal(p.client.last_size, sizes[i]);
        assert_int_equal(p.client.code, GRPC_OK);
        assert_true(p.client.n_closed == 1 && p.server.n_closed == 1 && p.client.n_ended == 1);
        assert_int_equal(p.server.n_sent_bytes, sizes[i]);
        part(&p);
    }
}

static void test_status_travels(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_ERROR;
    grpc_call_finish(start(&p, 3, 0), NULL);
    run(&p);
    assert_int_equal(p.client.code, GRPC_INTERNAL);
    assert_string_equal(p.client.message, "50% gr\xc3\xbc\xc3\x9f\nline");
    assert_int_equal(p.client.n_details, 2);
    part(&p);
}

static void test_long_status_is_cut_at_a_character(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_SILENT;
    start(&p, 0, 0);
    run(&p);
    char text[9001];
    for (size_t i = 0; i < 9000; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    text[9000] = 0;
    grpc_call_finish(p.server.call, &(GrpcStatus){.code = GRPC_INTERNAL, .message = text});
    run(&p);
    size_t n = strlen(p.client.message);
    assert_true(n > 1000 && n <= GRPC_STATUS_MESSAGE_MAX && n % 3 == 0);
    assert_memory_equal(p.client.message, text, n);
    part(&p);
}

static void test_refused_before_the_request_is_complete(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_REFUSE;
    start(&p, 4 << 20, 0); /* more than the windows: never sent in full */
    run(&p);
    assert_int_equal(p.client.code, GRPC_UNIMPLEMENTED);
    assert_int_equal(p.server.n_messages, 0);
    assert_true(p.client.n_closed == 1 && p.server.n_closed == 1);
    part(&p);
}

static void test_large_message_is_refused_by_its_prefix(void **state)
{
    Pair p;
    join(&p, 1 << 20);
    start(&p, 40 << 20, 0);
    run(&p);
    assert_int_equal(p.client.code, GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(p.client.message, "41943040"));
    assert_int_equal(p.server.n_messages, 0);
    part(&p);
}

static void test_claims_cost_nothing(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    start(&p, 100 << 20, 0);
    /* Only the first window of it arrives. */
    const uint8_t *data;
    ssize_t n;
    while ((n = grpc_connection_send(p.client.c, &data)) > 0)
        assert_int_equal(grpc_connection_receive(p.server.c, data, (size_t)n), 0);
    assert_true(p.server.account.n_bytes < 4 << 20); /* GRPC-1 */
    part(&p);
}

static void test_full_account_refuses(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.account.limit = 1 << 20;
    grpc_call_finish(start(&p, 5 << 20, 0), NULL);
    run(&p);
    assert_int_equal(p.client.code, GRPC_RESOURCE_EXHAUSTED);
    part(&p);
}

static void test_a_peer_that_does_not_read(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_SILENT;
    grpc_call_finish(start(&p, 0, 0), NULL);
    run(&p);
    GrpcBuffer *b = grpc_buffer_new(&p.server.account, 0, 1 << 20);
    b->tail = 1 << 20;
    memset(b->data, 0, 1 << 20);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(grpc_call_send(p.server.call, b), 0);
    grpc_buffer_unref(b);
    size_t n_wire = 0;
    const uint8_t *data;
    ssize_t n;
    while ((n = grpc_connection_send(p.server.c, &data)) > 0) /* and the client reads none of it */
        n_wire += (size_t)n;
    assert_true(n_wire <= (9 << 20)); /* GRPC-2: the client's stream window and frame headers */
    assert_true(grpc_call_queued_bytes(p.server.call) >= 23u << 20);
    assert_true(p.server.n_sent_bytes <= 8 << 20);
    part(&p);
    assert_int_equal(p.server.n_closed, 1);
}

static void test_deadline(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_SILENT;
    grpc_call_finish(start(&p, 0, 50 * USEC_PER_SEC), NULL);
    run(&p);
    uint64_t now = clock_now_usec();
    uint64_t next = grpc_connection_expire(p.server.c, now);
    assert_true(next > now && next <= now + 50 * USEC_PER_SEC);
    assert_int_equal(grpc_connection_expire(p.server.c, next), UINT64_MAX);
    run(&p);
    assert_int_equal(p.client.code, GRPC_DEADLINE_EXCEEDED);
    part(&p);
}

static void test_compressed_is_refused(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    p.server.mode = MODE_SILENT;
    GrpcCall *call;
    assert_int_equal(grpc_call_start(p.client.c, "x", "/a", NULL, 0, NULL, &call), 0);
    GrpcBuffer *b = grpc_buffer_new(&p.client.account, 0, 4);
    assert_int_equal(grpc_buffer_append(&b, "abcd", 4), 0);
    assert_int_equal(grpc_call_send(call, b), 0);
    grpc_buffer_unref(b);
    /* The flag is the first byte of the first DATA frame: 9 bytes of frame header in front of it.
     */
    const uint8_t *data;
    ssize_t n;
    while ((n = grpc_connection_send(p.client.c, &data)) > 0) {
        uint8_t *copy = malloc((size_t)n);
        assert_non_null(copy);
        memcpy(copy, data, (size_t)n);
        if (n == 9 + 5 + 4 && copy[3] == 0)
            copy[9] = 1;
        assert_int_equal(grpc_connection_receive(p.server.c, copy, (size_t)n), 0);
        free(copy);
    }
    run(&p);
    assert_int_equal(p.client.code, GRPC_UNIMPLEMENTED);
    part(&p);
}

static void test_broken_http2(void **state)
{
    Pair p;
    join(&p, GRPC_MESSAGE_BYTES_MAX);
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(
        grpc_connection_receive(p.server.c, (const uint8_t *)request, sizeof(request) - 1),
        -EPROTO);
    part(&p);
}

static void test_text_forms(void **state)
{
    uint64_t usec;
    assert_int_equal(grpc_timeout_parse("8S", &usec), 0);
    assert_int_equal(usec, 8 * USEC_PER_SEC);
    assert_int_equal(grpc_timeout_parse("99999999H", &usec), 0);
    assert_int_equal(grpc_timeout_parse("1500m", &usec), 0);
    assert_int_equal(usec, 1500000);
    static const char *const bad[] = {"", "S", "8", "8s", "-1S", "123456789S", "8SS"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(grpc_timeout_parse(bad[i], &usec), -EINVAL);

    char text[64];
    assert_int_equal(grpc_percent_encode("a%b\n", text, sizeof(text)), 8);
    assert_string_equal(text, "a%25b%0A");
    grpc_percent_decode(text);
    assert_string_equal(text, "a%b\n");
    strcpy(text, "%zz%4");
    grpc_percent_decode(text);
    assert_string_equal(text, "%zz%4");

    uint8_t bytes[8], back[8];
    for (size_t n = 0; n <= 6; n++) {
        size_t n_back;
        memset(bytes, 0xfe - (int)n, sizeof(bytes));
        size_t k = grpc_base64_encode(bytes, n, text);
        assert_int_equal(grpc_base64_decode(text, k, back, &n_back), 0);
        assert_true(n_back == n && memcmp(back, bytes, n) == 0);
    }
    size_t n_back;
    assert_int_equal(grpc_base64_decode("QQ==", 4, back, &n_back), 0);
    assert_int_equal(grpc_base64_decode("Q", 1, back, &n_back), -EINVAL);
    assert_int_equal(grpc_base64_decode("QQ\0A", 4, back, &n_back), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_status_travels),
        cmocka_unit_test(test_long_status_is_cut_at_a_character),
        cmocka_unit_test(test_refused_before_the_request_is_complete),
        cmocka_unit_test(test_large_message_is_refused_by_its_prefix),
        cmocka_unit_test(test_claims_cost_nothing),
        cmocka_unit_test(test_full_account_refuses),
        cmocka_unit_test(test_a_peer_that_does_not_read),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_compressed_is_refused),
        cmocka_unit_test(test_broken_http2),
        cmocka_unit_test(test_text_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
