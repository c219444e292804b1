/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection: libnghttp2's callbacks on one side, calls on the other. The life of a
 * call:
 *
 *   server: HEADERS -> open -> DATA -> message* -> END_STREAM -> ended; send* finish -> trailers ->
 * closed client: start -> send* finish -> END_STREAM; DATA -> message*; trailers -> ended -> closed
 */
#include "connect/grpc/grpc_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

#define WINDOW_STREAM (1 << 20)
/* A client receives results: with room for several batches, and in few frames. */
#define WINDOW_CLIENT_STREAM (8 << 20)
#define CLIENT_FRAME_BYTES (256u << 10)
#define WINDOW_CONNECTION (8 << 20)
#define READ_PER_PUMP (1u << 20)
#define READ_BYTES (64u << 10)
#define FRAME_BYTES_MAX (256u << 10)
/* What a claimed length alone is worth. */
#define FIRST_BYTES 4096u
/* PING and SETTINGS that wait for our answer; beyond it the peer is flooding. */
#define OUTBOUND_ACKS_MAX 1000u
/* Frames other than DATA that wait for the socket: some for each call, and spare. */
#define OUTBOUND_FRAMES_MAX (8u * GRPC_STREAMS_MAX)

static void refuse(GrpcCall *call, GrpcCode code, const char *message)
{
    grpc_call_finish(call, &(GrpcStatus){.code = code, .message = message});
}

/* ---- inbound ---- */

static GrpcCall *call_of(GrpcConnection *c, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(c->session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
    GrpcConnection *c = userdata;
    if (frame->hd.type != NGHTTP2_HEADERS || !c->is_server ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    GrpcCall *call = grpc_call_new(c, frame->hd.stream_id);
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(session, call->stream, call);
    return 0;
}

static bool is_name(nghttp2_vec name, const char *text)
{
    return name.len == strlen(text) && memcmp(name.base, text, name.len) == 0;
}

static void client_header(GrpcCall *call, nghttp2_vec name, const char *value, size_t n_value)
{
    if (is_name(name, "grpc-status")) {
        unsigned long code = strtoul(value, NULL, 10);
        call->code = code < _GRPC_CODE_MAX ? (GrpcCode)code : GRPC_UNKNOWN;
        call->has_code = true;
    } else if (is_name(name, "grpc-message")) {
        free(call->message);
        call->message = strndup(value, n_value);
        if (call->message)
            grpc_percent_decode(call->message);
    } else if (is_name(name, "grpc-status-details-bin")) {
        free(call->details);
        call->n_details = 0;
        call->details = malloc(n_value + 1);
        if (call->details &&
            grpc_base64_decode(value, n_value, call->details, &call->n_details) < 0)
            call->n_details = 0;
    } else if (is_name(name, ":status") &&
               !is_name((nghttp2_vec){(uint8_t *)value, n_value}, "200")) {
        if (!call->has_code) { /* a proxy, or no gRPC server at all */
            call->code = GRPC_UNAVAILABLE;
            call->has_code = true;
        }
    }
}

static int server_header(GrpcCall *call, nghttp2_vec name, const char *value, size_t n_value)
{
    GrpcConnection *c = call->connection;
    if (is_name(name, ":path")) {
        if (!text_copy(call->path, sizeof(call->path), value))
            call->path[0] = 0; /* no service of ours has a path that long: UNIMPLEMENTED */
    } else if (is_name(name, ":method")) {
        call->is_post = strcmp(value, "POST") == 0;
    } else if (is_name(name, "content-type")) {
        call->is_grpc = strncmp(value, "application/grpc", 16) == 0;
    } else if (is_name(name, "grpc-timeout")) {
        uint64_t usec;
        if (grpc_timeout_parse(value, &usec) == 0)
            call->deadline_usec = clock_now_usec() + usec;
    } else if (name.len > 0 && name.base[0] != ':' && name.len < 128) {
        char text[128];
        memcpy(text, name.base, name.len);
        text[name.len] = 0;
        NOTIFY(c, header, call, text, value);
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
                     void *userdata)
{
    GrpcConnection *c = userdata;
    GrpcCall *call = call_of(c, frame->hd.stream_id);
    if (!call)
        return 0;
    call->n_headers += n_name + n_value + 32; /* as RFC 9113 6.5.2 counts */
    if (call->n_headers > GRPC_HEADER_BYTES_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    /* nghttp2 ends both with a NUL that it does not count. */
    nghttp2_vec n = {.base = (uint8_t *)name, .len = n_name};
    if (c->is_server)
        return server_header(call, n, (const char *)value, n_value);
    client_header(call, n, (const char *)value, n_value);
    return 0;
}

static void headers_complete(GrpcCall *call)
{
    GrpcConnection *c = call->connection;
    call->opened = true;
    c->n_started++;
    if (!call->is_post || !call->is_grpc) {
        nghttp2_nv nv[] = {header_of(":status", call->is_post ? "415" : "405", 3)};
        call->discard = true;
        call->responded = true;
        call->end = CALL_END_SENT;
        (void)nghttp2_submit_response(c->session, call->stream, nv, ARRAY_SIZE(nv), NULL);
        return;
    }
    NOTIFY(c, open, call);
}

static void client_ended(GrpcCall *call)
{
    GrpcConnection *c = call->connection;
    if (call->ended)
        return;
    call->ended = true;
    GrpcStatus status = {
        .code = call->has_code ? call->code : GRPC_UNAVAILABLE,
        .message = call->message ? call->message
                                 : (call->has_code ? "" : "the server ended without a status"),
        .details = call->details,
        .n_details = call->n_details};
    NOTIFY(c, ended, call, &status);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
    GrpcConnection *c = userdata;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    GrpcCall *call = call_of(c, frame->hd.stream_id);
    if (!call)
        return 0;
    if (c->is_server && frame->hd.type == NGHTTP2_HEADERS && !call->opened)
        headers_complete(call);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || call->ended)
        return 0;
    if (!c->is_server) {
        client_ended(call);
        return 0;
    }
    call->ended = true;
    if (call->discard)
        return 0;
    if (call->n_prefix > 0)
        refuse(call, GRPC_INVALID_ARGUMENT, "the request ends inside a message");
    else
        NOTIFY(c, ended, call, NULL);
    return 0;
}

/* The five bytes are there. Return: false when the call has been refused. */
static bool begin_message(GrpcCall *call)
{
    GrpcConnection *c = call->connection;
    const uint8_t *p = call->prefix;
    call->n_expected = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];

    if (p[0] != 0) {
        refuse(call, GRPC_UNIMPLEMENTED,
               "compressed gRPC messages are not supported; send identity");
        return false;
    }
    if (call->n_expected > c->max_message_bytes) {
        char text[128];
        snprintf(text, sizeof(text), "a message of %u bytes is larger than the limit of %u bytes",
                 call->n_expected, c->max_message_bytes);
        refuse(call, GRPC_RESOURCE_EXHAUSTED, text);
        return false;
    }
    call->arriving = grpc_buffer_new(c->account, 0, MIN(call->n_expected, FIRST_BYTES));
    if (!call->arriving) {
        refuse(call, GRPC_RESOURCE_EXHAUSTED, "no memory left for incoming messages");
        return false;
    }
    return true;
}

static void take_data(GrpcConnection *c, int32_t stream, const uint8_t *data, size_t n_bytes)
{
    GrpcCall *call = call_of(c, stream);

    while (call && !call->discard) {
        if (call->n_prefix < GRPC_PREFIX_BYTES) {
            if (n_bytes == 0)
                break;
            size_t k = MIN(n_bytes, GRPC_PREFIX_BYTES - call->n_prefix);
            memcpy(call->prefix + call->n_prefix, data, k);
            call->n_prefix += k;
            data += k;
            n_bytes -= k;
            if (call->n_prefix < GRPC_PREFIX_BYTES || !begin_message(call))
                break;
        }
        size_t k = MIN(n_bytes, call->n_expected - grpc_buffer_size(call->arriving));
        if (grpc_buffer_append(&call->arriving, data, k) < 0) {
            refuse(call, GRPC_RESOURCE_EXHAUSTED, "no memory left for incoming messages");
            break;
        }
        data += k;
        n_bytes -= k;
        if (grpc_buffer_size(call->arriving) < call->n_expected)
            break;
        _cleanup_grpc_buffer_ GrpcBuffer *message = TAKE_PTR(call->arriving);
        call->n_prefix = 0;
        NOTIFY(c, message, call, message);
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
                         const uint8_t *data, size_t n_bytes, void *userdata)
{
    GrpcConnection *c = userdata;
    if (!c->held) {
        take_data(c, stream, data, n_bytes);
        return 0;
    }
    /* One at a time: nothing is fed in before it has been taken. */
    assert(!c->chunk);
    c->chunk = malloc(MAX(n_bytes, (size_t)1));
    if (!c->chunk)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(c->chunk, data, n_bytes);
    c->n_chunk = n_bytes;
    c->chunk_stream = stream;
    return NGHTTP2_ERR_PAUSE;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error_code,
                           void *userdata)
{
    GrpcConnection *c = userdata;
    GrpcCall *call = call_of(c, stream);
    if (!call)
        return 0;
    if (!c->is_server) {
        if (error_code == NGHTTP2_CANCEL && !call->has_code) {
            call->code = GRPC_CANCELLED;
            call->has_code = true;
        }
        client_ended(call);
    }
    (void)nghttp2_session_set_stream_user_data(session, stream, NULL);
    grpc_call_free(call);
    return 0;
}

/* A call that was answered before its request was complete: tell the client to stop sending. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
    GrpcConnection *c = userdata;
    if (!c->is_server || frame->hd.type != NGHTTP2_HEADERS ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    GrpcCall *call = call_of(c, frame->hd.stream_id);
    if (call && !call->ended)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_NO_ERROR);
    return 0;
}

/* As large as both windows and the peer allow, up to a bound, so that a result needs few frames. */
static ssize_t on_read_length(nghttp2_session *session, uint8_t frame_type, int32_t stream,
                              int32_t session_window, int32_t stream_window,
                              uint32_t max_frame_size, void *userdata)
{
    int32_t n = MIN(session_window, stream_window);
    n = MIN(n, (int32_t)FRAME_BYTES_MAX);
    return MIN(n, (int32_t)MIN(max_frame_size, (uint32_t)INT32_MAX));
}

/* ---- connection ---- */

static int make_session(GrpcConnection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -ENOMEM;
    if (nghttp2_option_new(&option) != 0) {
        nghttp2_session_callbacks_del(callbacks);
        return -ENOMEM;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_read_length);
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS_MAX);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, GRPC_STREAMS_MAX);

    int r = c->is_server ? nghttp2_session_server_new2(&c->session, callbacks, c, option)
                         : nghttp2_session_client_new2(&c->session, callbacks, c, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return r == 0 ? 0 : -ENOMEM;
}

int grpc_connection_new(bool is_server, const GrpcHandlers *handlers, void *userdata,
                        GrpcAccount *account, uint32_t max_message_bytes,
                        GrpcConnection **ret_connection)
{
    GrpcConnection *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    *c = (GrpcConnection){.handlers = handlers,
                          .userdata = userdata,
                          .account = account,
                          .max_message_bytes = max_message_bytes,
                          .is_server = is_server};
    list_init(&c->calls);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, GRPC_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, is_server ? WINDOW_STREAM : WINDOW_CLIENT_STREAM},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_BYTES_MAX},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, CLIENT_FRAME_BYTES},
    };
    size_t n_settings = ARRAY_SIZE(settings) - (is_server ? 2 : 0);
    int r = make_session(c);
    if (r == 0 &&
        (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, n_settings) != 0 ||
         nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                               WINDOW_CONNECTION) != 0))
        r = -ENOMEM;
    if (r < 0) {
        grpc_connection_free(c);
        return r;
    }
    *ret_connection = c;
    return 0;
}

GrpcConnection *grpc_connection_free(GrpcConnection *c)
{
    if (!c)
        return NULL;
    c->pumping = true; /* nobody shall be told to send */
    list_for_each_safe (pos, &c->calls) {
        GrpcCall *call = container_of(pos, GrpcCall, node);
        call->end = CALL_END_SENT;
        if (!c->is_server)
            client_ended(call);
    }
    while (!list_empty(&c->calls)) /* a closed handler may have changed the list */
        grpc_call_free(container_of(c->calls.next, GrpcCall, node));
    nghttp2_session_del(c->session);
    free(c->chunk);
    free(c->unread);
    free(c);
    return NULL;
}

static int error_of(ssize_t r)
{
    return r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
}

int grpc_connection_receive(GrpcConnection *c, const uint8_t *data, size_t n_bytes)
{
    bool was_pumping = c->pumping;
    c->pumping = true;
    ssize_t n = nghttp2_session_mem_recv(c->session, data, n_bytes);
    c->pumping = was_pumping;
    if (!was_pumping && nghttp2_session_want_write(c->session))
        grpc_mark_dirty(c);
    if (n < 0)
        return error_of(n);
    if ((size_t)n == n_bytes)
        return 0;
    assert(c->held && !c->unread);
    c->unread = malloc(n_bytes - (size_t)n);
    if (!c->unread)
        return -ENOMEM;
    c->n_unread = n_bytes - (size_t)n;
    memcpy(c->unread, data + n, c->n_unread);
    return 0;
}

ssize_t grpc_connection_send(GrpcConnection *c, const uint8_t **ret_data)
{
    bool was_pumping = c->pumping;
    c->pumping = true;
    ssize_t n = nghttp2_session_mem_send(c->session, ret_data);
    c->pumping = was_pumping;
    return n < 0 ? error_of(n) : n;
}

void grpc_connection_set_transport(GrpcConnection *c, const GrpcTransport *transport, void *data)
{
    c->transport = transport;
    c->transport_data = data;
}

void grpc_connection_set_account(GrpcConnection *c, GrpcAccount *account)
{
    c->account = account;
}

void grpc_connection_abort_calls(GrpcConnection *c, const GrpcStatus *status)
{
    list_for_each_safe (pos, &c->calls) {
        GrpcCall *call = container_of(pos, GrpcCall, node);
        call->discard = true;
        grpc_call_abort(call, status);
    }
}

void grpc_connection_hold(GrpcConnection *c, bool hold)
{
    if (hold || !c->held) {
        c->held = hold;
        return;
    }
    c->held = false;
    _cleanup_free_ uint8_t *chunk = TAKE_PTR(c->chunk), *unread = TAKE_PTR(c->unread);
    size_t n_chunk = c->n_chunk, n_unread = c->n_unread;
    c->n_chunk = c->n_unread = 0;
    bool was_pumping = c->pumping;
    c->pumping = true;
    if (n_chunk > 0)
        take_data(c, c->chunk_stream, chunk, n_chunk);
    c->pumping = was_pumping;
    if (n_unread > 0 && grpc_connection_receive(c, unread, n_unread) < 0)
        c->broken = true;
    grpc_mark_dirty(c);
}

bool grpc_connection_is_held(const GrpcConnection *c)
{
    return c->held;
}

static ssize_t read_socket(GrpcConnection *c, int fd, void *buf, size_t n_bytes)
{
    if (c->transport)
        return c->transport->read(c->transport_data, buf, n_bytes);
    ssize_t n = recv(fd, buf, n_bytes, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static ssize_t write_socket(GrpcConnection *c, int fd)
{
    if (c->transport)
        return c->transport->write(c->transport_data, c->pending, c->n_pending);
    ssize_t n = send(fd, c->pending, c->n_pending, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static int write_pending(GrpcConnection *c, int fd)
{
    for (;;) {
        if (c->n_pending == 0) {
            ssize_t n = grpc_connection_send(c, &c->pending);
            if (n <= 0)
                return (int)n;
            c->n_pending = (size_t)n;
        }
        ssize_t n = write_socket(c, fd);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        c->pending += n;
        c->n_pending -= (size_t)n;
    }
}

static bool queue_is_long(const GrpcConnection *c)
{
    return nghttp2_session_get_outbound_queue_size(c->session) > OUTBOUND_FRAMES_MAX;
}

bool grpc_connection_is_congested(const GrpcConnection *c)
{
    return c->n_pending > 0 && queue_is_long(c);
}

static int read_some(GrpcConnection *c, int fd)
{
    uint8_t buf[READ_BYTES];
    for (size_t n_total = 0; n_total < READ_PER_PUMP && !c->held;) {
        ssize_t n = read_socket(c, fd, buf, sizeof(buf));
        if (n == -EINTR)
            continue;
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        if (n == 0)
            return -EPIPE;
        int r = grpc_connection_receive(c, buf, (size_t)n);
        if (r < 0)
            return r;
        n_total += (size_t)n;
        /* A transport gives a record at a time and may hold others back: read on until it has none.
         */
        if ((!c->transport && (size_t)n < sizeof(buf)) || queue_is_long(c))
            break;
    }
    return 0;
}

int grpc_connection_pump(GrpcConnection *c, int fd, bool can_read, bool *ret_wants_write)
{
    c->pumping = true;
    int r = c->broken ? -EPROTO : can_read ? read_some(c, fd) : 0;
    int k = write_pending(c, fd); /* also after a broken protocol: the GOAWAY says why */
    c->pumping = false;
    *ret_wants_write = c->n_pending > 0;
    return r < 0 ? r : k;
}

bool grpc_connection_is_finished(const GrpcConnection *c)
{
    return c->n_pending == 0 && !nghttp2_session_want_read(c->session) &&
           !nghttp2_session_want_write(c->session);
}

void grpc_connection_shutdown(GrpcConnection *c)
{
    (void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(c->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
    grpc_mark_dirty(c);
}

uint64_t grpc_connection_calls_started(const GrpcConnection *c)
{
    return c->n_started;
}

uint32_t grpc_connection_calls_open(const GrpcConnection *c)
{
    return c->n_calls;
}

uint64_t grpc_connection_expire(GrpcConnection *c, uint64_t now_usec)
{
    uint64_t earliest = UINT64_MAX;
    list_for_each_safe (pos, &c->calls) {
        GrpcCall *call = container_of(pos, GrpcCall, node);
        if (call->end == CALL_END_SENT || call->deadline_usec == UINT64_MAX)
            continue;
        if (call->deadline_usec <= now_usec) {
            call->deadline_usec = UINT64_MAX;
            call->discard = true;
            grpc_call_abort(call, &(GrpcStatus){.code = GRPC_DEADLINE_EXCEEDED,
                                                .message = "the deadline of the call has passed"});
        } else {
            earliest = MIN(earliest, call->deadline_usec);
        }
    }
    return earliest;
}

void *grpc_connection_userdata(const GrpcConnection *c)
{
    return c->userdata;
}

/* ---- client ---- */

#define METADATA_MAX 16u

int grpc_call_start(GrpcConnection *c, const char *authority, const char *path,
                    const char *const *metadata, uint64_t timeout_usec, void *call_data,
                    GrpcCall **ret_call)
{
    char timeout[16];
    nghttp2_nv nv[8 + METADATA_MAX];
    size_t n = 0;
    assert(!c->is_server);
    nv[n++] = header_of(":method", "POST", 4);
    nv[n++] = header_of(":scheme", "http", 4);
    nv[n++] = header_of(":path", path, strlen(path));
    nv[n++] = header_of(":authority", authority, strlen(authority));
    nv[n++] = header_of("te", "trailers", 8);
    nv[n++] = header_of("content-type", "application/grpc", 16);
    nv[n++] = header_of("user-agent", "berth/" BERTH_VERSION, strlen("berth/" BERTH_VERSION));
    if (timeout_usec > 0) {
        grpc_timeout_format(timeout_usec, timeout, sizeof(timeout));
        nv[n++] = header_of("grpc-timeout", timeout, strlen(timeout));
    }
    for (; metadata && metadata[0] && n < ARRAY_SIZE(nv); metadata += 2)
        nv[n++] = header_of(metadata[0], metadata[1], strlen(metadata[1]));

    GrpcCall *call = grpc_call_new(c, 0);
    if (!call)
        return -ENOMEM;
    text_copy(call->path, sizeof(call->path), path);
    call->data = call_data;
    call->responded = true;
    nghttp2_data_provider provider = {.source = {.ptr = call},
                                      .read_callback = grpc_call_read_data};
    int32_t stream = nghttp2_submit_request(c->session, NULL, nv, n, &provider, call);
    if (stream < 0) {
        list_remove(&call->node);
        c->n_calls--;
        free(call);
        return stream == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
    }
    call->stream = stream;
    c->n_started++;
    grpc_mark_dirty(c);
    *ret_call = call;
    return 0;
}
