/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by connection.c and call.c only. */

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "base/list.h"
#include "connect/grpc/grpc.h"

typedef struct Message {
    ListNode node;
    GrpcBuffer *buffer;
} Message;

typedef enum CallEnd {
    CALL_END_OPEN,
    CALL_END_WANTED, /* finish was called: the rest of the queue, then the end */
    CALL_END_SENT,
} CallEnd;

struct GrpcCall {
    ListNode node; /* of the connection */
    GrpcConnection *connection;
    int32_t stream;
    void *data;
    char path[GRPC_PATH_MAX];
    size_t n_headers; /* bytes of names and values so far */
    bool is_grpc, is_post, opened, ended, discard, responded;
    uint64_t deadline_usec;

    /* inbound: the message that is arriving */
    uint8_t prefix[GRPC_PREFIX_BYTES];
    size_t n_prefix;
    uint32_t n_expected;
    GrpcBuffer *arriving;

    /* outbound */
    ListNode queue; /* of Message; the first one may be half sent */
    size_t n_sent;  /* of the first one, prefix included */
    size_t n_queued;
    CallEnd end;

    /* the status: to send (server) or received (client) */
    GrpcCode code;
    bool has_code;
    char *message;
    uint8_t *details;
    size_t n_details;
};

struct GrpcConnection {
    nghttp2_session *session;
    const GrpcHandlers *handlers;
    void *userdata;
    GrpcAccount *account;
    uint32_t max_message_bytes;
    const GrpcTransport *transport; /* NULL: the socket itself */
    void *transport_data;
    bool is_server, pumping;
    bool held;      /* see grpc_connection_hold(): what came behind the headers waits here */
    bool broken;    /* what had waited was no HTTP/2 */
    uint8_t *chunk; /* of a call's data, */
    size_t n_chunk;
    int32_t chunk_stream;
    uint8_t *unread; /* and what follows it */
    size_t n_unread;
    ListNode calls;
    uint32_t n_calls;
    uint64_t n_started;
    const uint8_t *pending; /* framed, not yet written */
    size_t n_pending;
};

#define NOTIFY(c, handler, ...)                                                                    \
    do {                                                                                           \
        if ((c)->handlers->handler)                                                                \
            (c)->handlers->handler((c)->userdata, __VA_ARGS__);                                    \
    } while (0)

/* Something waits to be sent: who pumps is told, unless it is pumping. */
static inline void grpc_mark_dirty(GrpcConnection *c)
{
    if (!c->pumping)
        NOTIFY(c, dirty, c);
}

static inline nghttp2_nv header_of(const char *name, const char *value, size_t n_value)
{
    return (nghttp2_nv){.name = (uint8_t *)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)value,
                        .valuelen = n_value};
}

/* Return: NULL when memory is out. */
GrpcCall *grpc_call_new(GrpcConnection *c, int32_t stream);
/* Its owner is told. */
void grpc_call_free(GrpcCall *call);

/* nghttp2's read callback of a call's messages; source->ptr is the call. */
ssize_t grpc_call_read_data(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                            uint32_t *data_flags, nghttp2_data_source *source, void *userdata);
