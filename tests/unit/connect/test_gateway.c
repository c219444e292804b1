/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of berth-gateway that need no process around them: configuration, errors, ids, and the
 * life of an operation over a socket pair that plays the executor (GW-3, GW-4, GW-5, GW-6).
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
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define SESSION_ID "00112233-4455-6677-8899-aabbccddeeff"

static void test_config(void **state)
{
    Config c = {0}, copy = {0};
    assert_string_equal(config_get(&c, "spark.sql.session.timeZone"), "UTC");
    assert_null(config_get(&c, "no.such"));
    assert_int_equal(config_set(&c, "b", "1"), 0);
    assert_int_equal(config_set(&c, "a", "2"), 0);
    assert_int_equal(config_set(&c, "b", "3"), 0);
    assert_int_equal(c.n_entries, 2);
    assert_string_equal(config_get(&c, "b"), "3");
    assert_int_equal(config_copy(&copy, &c), 0);
    config_unset(&c, "b");
    config_unset(&c, "b");
    assert_null(config_get(&c, "b"));
    assert_string_equal(config_get(&copy, "b"), "3");
    assert_null(config_check("spark.sql.ansi.enabled", "TRUE"));
    assert_string_equal(config_check("spark.sql.ansi.enabled", "1"), "boolean");
    assert_null(config_check("spark.sql.session.localRelationCacheThreshold", "-1"));
    assert_non_null(config_check("spark.sql.session.localRelationCacheThreshold", "1x"));
    assert_non_null(config_check("spark.sql.session.timeZone", "../etc"));
    assert_null(config_check("spark.sql.session.timeZone", "+02:00"));
    assert_null(config_check("no.such", "anything"));
    assert_int_equal(config_set(&c, "", "x"), -EINVAL);
    char key[CONFIG_KEY_MAX + 2];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = 0;
    assert_int_equal(config_set(&c, key, "x"), -E2BIG);
    for (unsigned i = c.n_entries; i < CONFIG_ENTRIES_MAX; i++) {
        snprintf(key, sizeof(key), "key.%u", i);
        assert_int_equal(config_set(&c, key, "x"), 0);
    }
    assert_int_equal(config_set(&c, "one.more", "x"), -E2BIG);
    config_done(&c);
    config_done(&copy);
}

static size_t error_frame(uint8_t *out, uint32_t kind, const char *error_class, const char *state,
                          const char *message, const char *parameters)
{
    DataError d = {.kind = kind,
                   .n_class = (uint32_t)strlen(error_class),
                   .n_sqlstate = (uint32_t)strlen(state),
                   .n_message = (uint32_t)strlen(message),
                   .n_parameters = (uint32_t)strlen(parameters),
                   .position_line = 1};
    memcpy(out, &d, sizeof(d));
    return sizeof(d) + (size_t)sprintf((char *)out + sizeof(d), "%s%s%s%s", error_class, state,
                                       message, parameters);
}

static void test_error_frame(void **state)
{
    uint8_t frame[1024];
    GatewayError e = {0};
    size_t n =
        error_frame(frame, DATA_ERROR_ARITHMETIC, "DIVIDE_BY_ZERO", "22012", "By zero\xff.", "{}");
    assert_int_equal(gateway_error_from_frame(&e, frame, n), 0);
    assert_string_equal(e.message, "[DIVIDE_BY_ZERO] By zero?. SQLSTATE: 22012");
    assert_int_equal(gateway_error_from_frame(&e, frame, n - 1), -EBADMSG);
    assert_int_equal(gateway_error_from_frame(&e, frame, sizeof(DataError) - 1), -EBADMSG);
    n = error_frame(frame, _DATA_ERROR_KIND_MAX, "X", "22012", "", "");
    assert_int_equal(gateway_error_from_frame(&e, frame, n), -EBADMSG);
    n = error_frame(frame, DATA_ERROR_PARSE, "X", "1234567890", "", "");
    assert_int_equal(gateway_error_from_frame(&e, frame, n), -EBADMSG);
    gateway_error_done(&e);
}

static void test_error_details(void **state)
{
    ProtoWriter w = {0};
    ProtoField f;
    GatewayError e = {0};
    gateway_error_set(&e, GRPC_INTERNAL, DATA_ERROR_PARSE, "PARSE_SYNTAX_ERROR", "42601", "near %s",
                      "x");
    e.parameters = strdup("{\"error\": \"'x' \\u00fc\\n\", \"hint\":\"\"}");
    proto_writer_init(&w, 4096, NULL, NULL);
    gateway_error_write_details(&e, &w);
    assert_int_equal(proto_writer_finish(&w), 0);
    assert_non_null(memmem(w.data, w.n_bytes, "'x' \xc3\xbc\n", 7));
    assert_non_null(memmem(w.data, w.n_bytes, "ParseException", 14));
    assert_non_null(memmem(w.data, w.n_bytes, "[PARSE_SYNTAX_ERROR] near x SQLSTATE: 42601", 43));
    ProtoReader r = proto_reader(w.data, w.n_bytes);
    assert_int_equal(proto_next(&r, &f), 1);
    assert_int_equal(f.number, SPARK_ERROR_DETAILS_ROOT_ERROR_IDX);
    proto_writer_done(&w);
    gateway_error_done(&e);
}

static void test_uuid(void **state)
{
    char text[UUID_TEXT], other[UUID_TEXT];
    uuid_generate(text);
    assert_true(uuid_parse((ProtoBytes){(const uint8_t *)text, 36}, other));
    assert_string_equal(text, other);
    assert_true(uuid_parse(
        (ProtoBytes){(const uint8_t *)"00112233-4455-6677-8899-AABBCCDDEEFF", 36}, other));
    assert_string_equal(other, SESSION_ID);
    static const char *const bad[] = {
        "", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefg",
        "0011223344556677-8899-aabbccddeeff---", "../../../../../../../../etc/passwd00"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(uuid_parse((ProtoBytes){(const uint8_t *)bad[i], strlen(bad[i])}, other));
}

/* ---- an operation with a socket in the executor's place ---- */

typedef struct World {
    Gateway gateway;
    Tenant *tenant;
    Session *session;
    Operation *operation;
    int executor;
} World;

static void set_up(World *w)
{
    int pair[2];
    memset(w, 0, sizeof(*w));
    assert_int_equal(gateway_init(&w->gateway, "/nowhere"), 0);
    w->tenant = tenant_acquire(&w->gateway, 1000, "user");
    assert_non_null(w->tenant);
    GrpcBuffer *request = grpc_buffer_new(&w->tenant->inbound, 0, 4);
    assert_int_equal(grpc_buffer_append(&request, "plan", 4), 0);
    assert_int_equal(session_new(&w->gateway, w->tenant, SESSION_ID, &w->session), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    w->executor = pair[1];
    assert_int_equal(channel_open(&w->session->channel, w->session, pair[0]), 0);
    w->session->state = SESSION_STATE_READY;
    assert_int_equal(operation_new(w->session, SESSION_ID, DATA_EXECUTE, request,
                                   (ProtoBytes){grpc_buffer_bytes(request), 4}, &w->operation),
                     0);
    w->operation->reattachable = true;
    grpc_buffer_unref(request);
    operation_dispatch(w->operation);
}

static void tear_down(World *w)
{
    fd_close(w->executor);
    gateway_done(&w->gateway);
    assert_true(list_empty(&w->gateway.tenants)); /* GW-6 */
}

/* The next frame that the executor gets; its payload, if any, is read away. Return: -1 when there
 * is none. */
static int next_frame(World *w, DataHeader *h)
{
    char payload[64];
    ssize_t n = recv(w->executor, h, sizeof(*h), MSG_DONTWAIT);
    if (n < 0)
        return -1;
    assert_int_equal(n, sizeof(*h));
    assert_true(h->n_payload <= sizeof(payload));
    if (h->n_payload > 0)
        assert_int_equal(fd_read_all(w->executor, payload, h->n_payload), 0);
    return h->type;
}

static void answer(World *w, DataType type, uint16_t flags, uint64_t rows, const char *payload)
{
    DataHeader h = {.magic = DATA_MAGIC,
                    .type = (uint16_t)type,
                    .flags = flags,
                    .operation = w->operation->number,
                    .rows = rows,
                    .n_payload = (uint32_t)strlen(payload)};
    assert_int_equal(fd_write_all(w->executor, &h, sizeof(h)), 0);
    assert_int_equal(fd_write_all(w->executor, payload, h.n_payload), 0);
    assert_int_equal(loop_run(&w->gateway.loop, 0), 0);
}

static unsigned n_responses(const World *w)
{
    unsigned n = 0;
    list_for_each (pos, &w->operation->responses)
        n++;
    return n;
}

static void test_responses_are_numbered_and_released(void **state)
{
    World w;
    DataHeader h;
    uint64_t sequence;
    set_up(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    answer(&w, DATA_RESPONSE, 0, 0, "schema");
    answer(&w, DATA_RESPONSE, 0, 5, "rows");
    answer(&w, DATA_COMPLETE, 0, 0, "");
    assert_int_equal(n_responses(&w), 3); /* with result_complete */
    assert_int_equal(w.operation->state, OPERATION_STATE_DONE);

    const Response *first = container_of(w.operation->responses.next, Response, node);
    ProtoReader r = proto_reader(grpc_buffer_bytes(first->buffer), grpc_buffer_size(first->buffer));
    ProtoBytes id = {0};
    const ProtoRow row = {.number = SPARK_RESPONSE_RESPONSE_ID, .kind = PROTO_KIND_BYTES};
    ProtoField f;
    for (int i = 0; i < 4 && proto_next(&r, &f) > 0; i++)
        if (f.number == row.number)
            id = f.bytes;
    assert_true(operation_parse_response_id(w.operation, id, &sequence));
    assert_int_equal(sequence, 1);
    assert_false(operation_parse_response_id(
        w.operation, (ProtoBytes){(const uint8_t *)SESSION_ID, UUID_TEXT - 1}, &sequence));
    operation_release_until(w.operation, 2);
    assert_int_equal(n_responses(&w), 1);
    assert_int_equal(w.operation->n_released, 2);
    tear_down(&w);
}

static void lose_executor(World *w)
{
    int pair[2];
    channel_close(&w->session->channel);
    fd_close(w->executor);
    operation_prepare_restart(w->operation);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    w->executor = pair[1];
    assert_int_equal(channel_open(&w->session->channel, w->session, pair[0]), 0);
    operation_dispatch(w->operation);
}

static void test_second_run_skips_what_is_there(void **state)
{
    World w;
    DataHeader h;
    set_up(&w);
    answer(&w, DATA_RESPONSE, 0, 0, "schema");
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 5, "five");
    assert_true(operation_may_restart(w.operation));
    lose_executor(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    answer(&w, DATA_RESPONSE, 0, 0, "schema");
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 3, "three");
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 2, "two");
    assert_int_equal(n_responses(&w), 2); /* nothing new yet (GW-4) */
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 7, "seven");
    assert_int_equal(n_responses(&w), 3);
    assert_int_equal(w.operation->n_rows, 12);
    tear_down(&w);
}

/* Signs of progress are for who looks, and a second run gives others: they do not count as
 * messages. */
static void test_progress_is_not_part_of_the_result(void **state)
{
    World w;
    DataHeader h;
    set_up(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    answer(&w, DATA_RESPONSE, 0, 0, "schema");
    answer(&w, DATA_RESPONSE, DATA_FLAG_PROGRESS, 0, "half");
    assert_int_equal(n_responses(&w), 1); /* nobody shows it */
    assert_int_equal(next_frame(&w, &h), DATA_CREDIT);
    assert_int_equal(h.rows, 4);
    lose_executor(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    answer(&w, DATA_RESPONSE, 0, 0, "schema");
    answer(&w, DATA_RESPONSE, DATA_FLAG_PROGRESS, 0, "half");
    answer(&w, DATA_RESPONSE, 0, 0, "metrics");
    assert_int_equal(n_responses(&w), 2);
    tear_down(&w);
}

static void test_second_run_with_other_batches_fails(void **state)
{
    World w;
    set_up(&w);
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 5, "five");
    lose_executor(&w);
    answer(&w, DATA_RESPONSE, DATA_FLAG_DETERMINISTIC, 6, "six");
    assert_true(w.operation->failed);
    assert_string_equal(w.operation->error.error_class, "BERTH_RESULT_CHANGED");
    tear_down(&w);
}

static void test_what_may_not_run_again(void **state)
{
    World w;
    set_up(&w);
    answer(&w, DATA_RESPONSE, 0, 5, "rows in no order");
    assert_false(operation_may_restart(w.operation));
    tear_down(&w);
    set_up(&w);
    answer(&w, DATA_RESPONSE, DATA_FLAG_EFFECT, 0, "");
    assert_int_equal(n_responses(&w), 0);
    assert_false(operation_may_restart(w.operation));
    tear_down(&w);
    set_up(&w);
    w.operation->not_repeatable = true;
    assert_false(operation_may_restart(w.operation));
    tear_down(&w);
    set_up(&w);
    operation_interrupt(w.operation);
    assert_false(operation_may_restart(w.operation));
    tear_down(&w);
}

static void test_history_is_kept_once(void **state)
{
    World w;
    set_up(&w);
    answer(&w, DATA_COMPLETE, DATA_FLAG_REPLAY, 0, "");
    assert_int_equal(w.session->n_history, 1);
    GrpcBuffer *request = grpc_buffer_new(&w.tenant->inbound, 0, 4);
    assert_int_equal(grpc_buffer_append(&request, "plan", 4), 0);
    assert_int_equal(operation_new(w.session, "10112233-4455-6677-8899-aabbccddeeff", DATA_EXECUTE,
                                   request, (ProtoBytes){grpc_buffer_bytes(request), 4},
                                   &w.operation),
                     0);
    grpc_buffer_unref(request);
    operation_dispatch(w.operation);
    answer(&w, DATA_COMPLETE, DATA_FLAG_REPLAY, 0, "");
    assert_int_equal(w.session->n_history, 1); /* the same statement: its last run counts */
    tear_down(&w);
}

static void test_bad_frames_end_the_channel(void **state)
{
    World w;
    set_up(&w);
    DataHeader h = {.magic = DATA_MAGIC + 1, .type = DATA_RESPONSE};
    assert_int_equal(fd_write_all(w.executor, &h, sizeof(h)), 0);
    assert_int_equal(loop_run(&w.gateway.loop, 0), 0);
    assert_int_equal(w.session->channel.fd, -EBADF);
    assert_int_equal(w.session->state, SESSION_STATE_LOST);
    tear_down(&w);
    set_up(&w);
    h = (DataHeader){.magic = DATA_MAGIC, .type = DATA_RESPONSE, .n_payload = DATA_PAYLOAD_MAX + 1};
    assert_int_equal(fd_write_all(w.executor, &h, sizeof(h)), 0);
    assert_int_equal(loop_run(&w.gateway.loop, 0), 0);
    assert_int_equal(w.session->channel.fd, -EBADF);
    tear_down(&w);
}

static void test_full_account_pauses_the_executor(void **state)
{
    World w;
    set_up(&w);
    w.tenant->outbound.limit = 1024;
    char payload[601];
    memset(payload, 'x', 600);
    payload[600] = 0;
    answer(&w, DATA_RESPONSE, 0, 1, payload);
    assert_int_equal(n_responses(&w), 1);
    answer(&w, DATA_RESPONSE, 0, 1, payload);
    assert_int_equal(n_responses(&w), 1);
    assert_true(w.session->channel.paused);
    operation_release_until(w.operation, 1);
    channel_resume(&w.session->channel);
    assert_int_equal(loop_run(&w.gateway.loop, 0), 0);
    assert_int_equal(n_responses(&w), 1);
    assert_int_equal(w.operation->n_rows, 2);
    tear_down(&w);
}

static void test_releasing_a_running_operation_cancels_it(void **state)
{
    World w;
    DataHeader h;
    set_up(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    operation_free(w.operation);
    assert_int_equal(next_frame(&w, &h), DATA_CANCEL);
    assert_true(session_operation_was(w.session, SESSION_ID)); /* GW-3 */
    tear_down(&w);
}

static void test_detached_operation_is_dropped_in_time(void **state)
{
    World w;
    DataHeader h;
    uint64_t now = clock_now_usec();
    set_up(&w);
    assert_int_equal(next_frame(&w, &h), DATA_EXECUTE);
    w.operation->detached_usec = now; /* its client has gone */
    session_tick(w.session, now + DETACHED_USEC - 1);
    assert_int_equal(w.session->n_operations, 1);
    session_tick(w.session, now + DETACHED_USEC + 1);
    assert_int_equal(w.session->n_operations, 0);
    assert_int_equal(next_frame(&w, &h), DATA_CANCEL);
    session_tick(w.session, clock_now_usec() + IDLE_SESSION_USEC - USEC_PER_SEC);
    assert_int_equal(w.session->state, SESSION_STATE_READY);
    session_tick(w.session, clock_now_usec() + IDLE_SESSION_USEC + USEC_PER_SEC);
    assert_int_equal(w.session->state, SESSION_STATE_CLOSED);
    tear_down(&w);
}

static void test_interrupt_wins_over_the_loss_of_the_executor(void **state)
{
    World w;
    _cleanup_error_ GatewayError lost = {.code = GRPC_INTERNAL,
                                         .error_class = "BERTH_EXECUTOR_LOST"};
    set_up(&w);
    operation_interrupt(w.operation); /* the executor is told, and dies before it answers */
    assert_int_equal(w.operation->state, OPERATION_STATE_RUNNING);
    operation_fail(w.operation, &lost);
    assert_string_equal(w.operation->error.error_class, "OPERATION_CANCELED");
    tear_down(&w);

    set_up(&w);
    channel_close(&w.session->channel);
    operation_interrupt(w.operation); /* nobody is there to be told */
    assert_string_equal(w.operation->error.error_class, "OPERATION_CANCELED");
    tear_down(&w);
}

/* GW-1: the socket that opened the session has another owner than the one who asked. */
static void test_another_owner_is_refused(void **state)
{
    World w;
    int none = -EBADF;
    ControlSessionReady ready = {.header.serial = 5, .session = 9, .uid = 1001, .generation = 1};
    set_up(&w);
    channel_close(&w.session->channel);
    w.session->state = SESSION_STATE_OPENING;
    w.session->serial = 5;
    session_on_ready(&w.gateway, &ready, &none);
    assert_true(w.operation->failed);
    assert_int_equal(w.operation->error.code, GRPC_UNAUTHENTICATED);
    assert_int_equal(w.session->state, SESSION_STATE_NEW);
    assert_int_equal(w.session->handle, 0);
    tear_down(&w);
}

static void test_descriptors_are_divided(void **state)
{
    Gateway g = {0};
    gateway_set_limits(&g, OTHER_FDS + 200);
    assert_int_equal(g.max_clients, 100);
    assert_int_equal(g.max_sessions, 100);
    gateway_set_limits(&g, 8);
    assert_int_equal(g.max_clients, 1);
    gateway_set_limits(&g, UINT64_MAX);
    assert_int_equal(g.max_clients, CLIENTS_MAX);
    assert_int_equal(g.max_sessions, SESSIONS_MAX);
}

/* ---- a call, without sockets ---- */

static void on_ended(void *userdata, GrpcCall *call, const GrpcStatus *status)
{
    *(GrpcCode *)userdata = status->code;
}

static void exchange(GrpcConnection *a, GrpcConnection *b)
{
    for (bool moved = true; moved;) {
        const uint8_t *out;
        ssize_t n;
        moved = false;
        while ((n = grpc_connection_send(a, &out)) > 0)
            moved = grpc_connection_receive(b, out, (size_t)n) == 0 || moved;
        while ((n = grpc_connection_send(b, &out)) > 0)
            moved = grpc_connection_receive(a, out, (size_t)n) == 0 || moved;
    }
}

static GrpcCode release_session(Client *c, const char *id)
{
    static const GrpcHandlers handlers = {.ended = on_ended};
    GrpcCode code = _GRPC_CODE_MAX;
    GrpcAccount account = {.limit = 1 << 20};
    GrpcConnection *peer;
    GrpcCall *call;
    uint8_t request[2 + UUID_TEXT - 1] = {0x0a, UUID_TEXT - 1};
    memcpy(request + 2, id, UUID_TEXT - 1);
    assert_int_equal(grpc_connection_new(false, &handlers, &code, &account, 1 << 20, &peer), 0);
    assert_int_equal(
        grpc_connection_new(true, &rpc_handlers, c, &c->tenant->inbound, 1 << 20, &c->connection),
        0);
    assert_int_equal(grpc_call_start(peer, "x", "/spark.connect.SparkConnectService/ReleaseSession",
                                     NULL, 0, NULL, &call),
                     0);
    GrpcBuffer *b = grpc_buffer_new(NULL, 0, sizeof(request));
    assert_int_equal(grpc_buffer_append(&b, request, sizeof(request)), 0);
    assert_int_equal(grpc_call_send(call, b), 0);
    grpc_buffer_unref(b);
    grpc_call_finish(call, NULL);
    exchange(peer, c->connection);
    c->connection = grpc_connection_free(c->connection);
    grpc_connection_free(peer);
    return code;
}

/* What waits for its reader is the reader's (GW-5), answers to small calls included. */
static void test_answers_are_on_the_account(void **state)
{
    World w;
    set_up(&w);
    Client c = {.gateway = &w.gateway,
                .fd = -EBADF,
                .source.fd = -EBADF,
                .tenant = w.tenant,
                .identity = IDENTITY_STATE_KNOWN};
    list_init(&c.dirty);
    assert_int_equal(release_session(&c, "00000000-0000-4000-8000-000000000000"), GRPC_OK);
    w.tenant->outbound.limit = 8;
    assert_int_equal(release_session(&c, "00000000-0000-4000-8000-000000000000"),
                     GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(w.tenant->outbound.n_bytes, 0);
    list_remove(&c.dirty);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_error_frame),
        cmocka_unit_test(test_error_details),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_responses_are_numbered_and_released),
        cmocka_unit_test(test_second_run_skips_what_is_there),
        cmocka_unit_test(test_progress_is_not_part_of_the_result),
        cmocka_unit_test(test_second_run_with_other_batches_fails),
        cmocka_unit_test(test_what_may_not_run_again),
        cmocka_unit_test(test_history_is_kept_once),
        cmocka_unit_test(test_bad_frames_end_the_channel),
        cmocka_unit_test(test_full_account_pauses_the_executor),
        cmocka_unit_test(test_releasing_a_running_operation_cancels_it),
        cmocka_unit_test(test_detached_operation_is_dropped_in_time),
        cmocka_unit_test(test_interrupt_wins_over_the_loss_of_the_executor),
        cmocka_unit_test(test_another_owner_is_refused),
        cmocka_unit_test(test_descriptors_are_divided),
        cmocka_unit_test(test_answers_are_on_the_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
