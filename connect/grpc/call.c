/* SPDX-License-Identifier: Apache-2.0 */
/* One call: its status, and the messages that it sends. What arrives is connection.c's. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/grpc/grpc_internal.h"

/* ---- calls ---- */

GrpcCall *grpc_call_new(GrpcConnection *c, int32_t stream)
{
    GrpcCall *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->connection = c;
    call->stream = stream;
    call->deadline_usec = UINT64_MAX;
    list_init(&call->queue);
    list_append(&c->calls, &call->node);
    c->n_calls++;
    return call;
}

static void drop_queue(GrpcCall *call)
{
    list_for_each_safe (pos, &call->queue) {
        Message *m = container_of(pos, Message, node);
        list_remove(&m->node);
        grpc_buffer_unref(m->buffer);
        free(m);
    }
    call->n_queued = 0;
    call->n_sent = 0;
}

void grpc_call_free(GrpcCall *call)
{
    GrpcConnection *c = call->connection;
    NOTIFY(c, closed, call);
    drop_queue(call);
    grpc_buffer_unref(call->arriving);
    list_remove(&call->node);
    c->n_calls--;
    free(call->message);
    free(call->details);
    free(call);
}

const char *grpc_call_path(const GrpcCall *call)
{
    return call->path;
}
GrpcConnection *grpc_call_connection(const GrpcCall *call)
{
    return call->connection;
}
uint64_t grpc_call_deadline_usec(const GrpcCall *call)
{
    return call->deadline_usec;
}
void grpc_call_set_data(GrpcCall *call, void *call_data)
{
    call->data = call_data;
}
void *grpc_call_data(const GrpcCall *call)
{
    return call->data;
}
size_t grpc_call_queued_bytes(const GrpcCall *call)
{
    return call->n_queued;
}

/* ---- status ---- */

/* The length of the longest prefix that ends at a character and whose two encodings fit. */
static size_t fitting_length(const char *message, size_t n_details)
{
    size_t n_left = GRPC_TRAILER_BYTES_MAX;
    size_t n_base64 = (n_details * 4 + 2) / 3;
    n_left = n_left > n_base64 ? n_left - n_base64 : 0;

    size_t n = 0, n_encoded = 0, at_character = 0;
    for (; message[n] && n < GRPC_STATUS_MESSAGE_MAX; n++) {
        uint8_t byte = (uint8_t)message[n];
        if ((byte & 0xc0) != 0x80)
            at_character = n;
        n_encoded += byte >= 0x20 && byte <= 0x7e && byte != '%' ? 1 : 3;
        if (n_encoded > n_left)
            return at_character;
    }
    while (message[n] && n > 0 && ((uint8_t)message[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static int keep_status(GrpcCall *call, const GrpcStatus *status)
{
    const char *text = status->message ? status->message : "";
    size_t n_details =
        (status->n_details * 4 + 2) / 3 <= GRPC_TRAILER_BYTES_MAX ? status->n_details : 0;
    size_t n_text = fitting_length(text, n_details);

    free(call->message);
    free(call->details);
    call->details = NULL;
    call->n_details = 0;
    call->message = strndup(text, n_text);
    if (n_details > 0) {
        call->details = malloc(n_details);
        if (call->details) {
            memcpy(call->details, status->details, n_details);
            call->n_details = n_details;
        }
    }
    call->code = status->code;
    call->has_code = true;
    return call->message && (n_details == 0 || call->details) ? 0 : -ENOMEM;
}

/* grpc-status and its companions; the texts go into *@ret_text, which the caller frees. */
static size_t status_headers(const GrpcCall *call, char code[16], char **ret_text, nghttp2_nv nv[3])
{
    size_t n = 0;
    snprintf(code, 16, "%u", (unsigned)call->code);
    nv[n++] = header_of("grpc-status", code, strlen(code));

    const char *message = call->message ? call->message : "";
    size_t n_message_max = 3 * strlen(message) + 1,
           n_details_max = 4 * ((call->n_details + 2) / 3) + 1;
    char *text = malloc(n_message_max + n_details_max);
    *ret_text = text;
    if (!text)
        return n;
    if (*message) {
        size_t k = grpc_percent_encode(message, text, n_message_max);
        nv[n++] = header_of("grpc-message", text, k);
    }
    if (call->n_details > 0) {
        char *details = text + n_message_max;
        size_t k = grpc_base64_encode(call->details, call->n_details, details);
        nv[n++] = header_of("grpc-status-details-bin", details, k);
    }
    return n;
}

/* ---- outbound data ---- */

/* Copies what is queued into the frame that nghttp2 prepares. */
ssize_t grpc_call_read_data(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                            uint32_t *data_flags, nghttp2_data_source *source, void *userdata)
{
    GrpcCall *call = source->ptr;
    GrpcConnection *c = call->connection;
    size_t n = 0;

    while (n < length && !list_empty(&call->queue)) {
        Message *m = container_of(call->queue.next, Message, node);
        size_t n_message = grpc_buffer_size(m->buffer), n_whole = GRPC_PREFIX_BYTES + n_message;
        const uint8_t prefix[GRPC_PREFIX_BYTES] = {0, (uint8_t)(n_message >> 24),
                                                   (uint8_t)(n_message >> 16),
                                                   (uint8_t)(n_message >> 8), (uint8_t)n_message};
        if (call->n_sent < GRPC_PREFIX_BYTES) {
            size_t k = MIN(length - n, GRPC_PREFIX_BYTES - call->n_sent);
            memcpy(buf + n, prefix + call->n_sent, k);
            n += k;
            call->n_sent += k;
        }
        size_t k = MIN(length - n, n_whole - call->n_sent);
        if (k > 0 && call->n_sent >= GRPC_PREFIX_BYTES) {
            memcpy(buf + n, grpc_buffer_bytes(m->buffer) + call->n_sent - GRPC_PREFIX_BYTES, k);
            n += k;
            call->n_sent += k;
        }
        if (call->n_sent == n_whole) {
            list_remove(&m->node);
            call->n_queued -= n_message;
            call->n_sent = 0;
            grpc_buffer_unref(m->buffer);
            free(m);
            NOTIFY(c, sent, call, n_message);
        }
    }
    if (!list_empty(&call->queue))
        return (ssize_t)n;
    if (call->end == CALL_END_OPEN)
        return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;

    *data_flags |= NGHTTP2_DATA_FLAG_EOF;
    call->end = CALL_END_SENT;
    if (c->is_server) {
        char code[16];
        _cleanup_free_ char *text = NULL;
        nghttp2_nv nv[3];
        size_t n_nv = status_headers(call, code, &text, nv);
        *data_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream, nv, n_nv) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

static int submit_response(GrpcCall *call)
{
    nghttp2_nv nv[2] = {header_of(":status", "200", 3),
                        header_of("content-type", "application/grpc", 16)};
    nghttp2_data_provider provider = {.source = {.ptr = call},
                                      .read_callback = grpc_call_read_data};
    call->responded = true;
    int r = nghttp2_submit_response(call->connection->session, call->stream, nv, ARRAY_SIZE(nv),
                                    &provider);
    return r == 0 ? 0 : r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
}

/* Headers and status in one frame: nothing was sent before. */
static int submit_trailers_only(GrpcCall *call)
{
    char code[16];
    _cleanup_free_ char *text = NULL;
    nghttp2_nv nv[5] = {header_of(":status", "200", 3),
                        header_of("content-type", "application/grpc", 16)};
    size_t n_nv = 2 + status_headers(call, code, &text, nv + 2);
    call->responded = true;
    call->end = CALL_END_SENT;
    int r = nghttp2_submit_response(call->connection->session, call->stream, nv, n_nv, NULL);
    return r == 0 ? 0 : r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
}

int grpc_call_send(GrpcCall *call, GrpcBuffer *message)
{
    GrpcConnection *c = call->connection;
    assert(grpc_buffer_size(message) <= UINT32_MAX);
    if (call->end != CALL_END_OPEN)
        return -EPIPE;
    Message *m = malloc(sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->buffer = grpc_buffer_ref(message);
    list_append(&call->queue, &m->node);
    call->n_queued += grpc_buffer_size(message);

    int r = 0;
    if (c->is_server && !call->responded)
        r = submit_response(call);
    else if (call->responded)
        (void)nghttp2_session_resume_data(c->session,
                                          call->stream); /* fails when it was not deferred */
    grpc_mark_dirty(c);
    return r;
}

void grpc_call_finish(GrpcCall *call, const GrpcStatus *status)
{
    GrpcConnection *c = call->connection;
    if (call->end != CALL_END_OPEN)
        return;
    call->end = CALL_END_WANTED;
    if (c->is_server) {
        call->discard = true; /* what the client may still send is of no use any more */
        call->arriving = grpc_buffer_unref(call->arriving);
        if (keep_status(call, status) < 0)
            call->n_details = 0;
        if (!call->responded) {
            if (submit_trailers_only(call) < 0)
                grpc_call_cancel(call);
            grpc_mark_dirty(c);
            return;
        }
    }
    (void)nghttp2_session_resume_data(c->session, call->stream);
    grpc_mark_dirty(c);
}

void grpc_call_abort(GrpcCall *call, const GrpcStatus *status)
{
    if (call->end == CALL_END_SENT)
        return;
    /* A message that is half on the wire cannot be taken back: gRPC has no mark for it but a reset.
     */
    if (call->n_sent > 0) {
        grpc_call_cancel(call);
        return;
    }
    drop_queue(call);
    call->end = CALL_END_OPEN;
    grpc_call_finish(call, status);
}

void grpc_call_cancel(GrpcCall *call)
{
    GrpcConnection *c = call->connection;
    (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    call->end = CALL_END_SENT;
    call->discard = true;
    grpc_mark_dirty(c);
}
