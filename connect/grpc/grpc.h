/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * gRPC over HTTP/2, both sides, without a thread and without a loop of its own; TLS, if there is
 * any, is the owner's GrpcTransport.
 *
 * A GrpcConnection turns bytes into calls and calls into bytes; grpc_connection_pump() moves the
 * bytes over a non-blocking socket, and tests and the fuzzer feed it from memory. HTTP/2 itself is
 * libnghttp2's affair; here are the framing of messages, the trailers, deadlines, and the limits.
 *
 * Memory: messages are GrpcBuffers, counted in a GrpcAccount. Inbound they grow with the bytes that
 * really arrive, never with the length that a prefix claims. Outbound nothing is pulled from a
 * call's queue that the socket and the peer's windows do not take, and the owner learns by @sent
 * when a message is gone, so a peer that does not read costs what the owner chose to queue.
 *
 * Sources: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, RFC 9113, nghttp2 1.52.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GRPC_PREFIX_BYTES 5u /* compressed flag, length of the message big-endian */
#define GRPC_MESSAGE_BYTES_MAX (UINT32_C(128) << 20)
#define GRPC_STREAMS_MAX 256u
#define GRPC_HEADER_BYTES_MAX (32u << 10) /* names and values of one request */
#define GRPC_PATH_MAX 256u
/* Clients take 8 KiB of trailers for certain; the message travels in them twice. */
#define GRPC_STATUS_MESSAGE_MAX 2048u
#define GRPC_TRAILER_BYTES_MAX 7168u

typedef enum GrpcCode {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
    _GRPC_CODE_MAX,
} GrpcCode;

/* "UNAVAILABLE". Never NULL. */
const char *grpc_code_to_string(GrpcCode code);

/* ---- memory ---- */

typedef struct GrpcAccount {
    size_t n_bytes, limit;
} GrpcAccount;

/* Bytes with room in front, counted, shared by reference. */
typedef struct GrpcBuffer {
    uint32_t n_refs;
    GrpcAccount *account;
    size_t head; /* first byte in use */
    size_t tail; /* behind the last */
    size_t capacity;
    uint8_t data[];
} GrpcBuffer;

/**
 * grpc_buffer_new() - an empty buffer with @headroom free bytes in front and room for @n_bytes
 * @account: charged for the buffer's life; outlives it; NULL: not counted
 * Return: NULL when there is no memory or the account is full.
 */
GrpcBuffer *grpc_buffer_new(GrpcAccount *account, size_t headroom, size_t n_bytes);
GrpcBuffer *grpc_buffer_ref(GrpcBuffer *b);
GrpcBuffer *grpc_buffer_unref(GrpcBuffer *b);
/* @n_bytes more at the end. The buffer may move, so it must have one reference. Return: 0; -ENOMEM.
 */
int grpc_buffer_append(GrpcBuffer **b, const void *data, size_t n_bytes);
/* Gives back what is not used at the end, if it is worth it; the buffer may move, so one reference.
 */
void grpc_buffer_trim(GrpcBuffer **b);
/* Writes in front of what is there; asserts that the headroom suffices. */
void grpc_buffer_prepend(GrpcBuffer *b, const void *data, size_t n_bytes);

static inline const uint8_t *grpc_buffer_bytes(const GrpcBuffer *b)
{
    return b->data + b->head;
}
static inline size_t grpc_buffer_size(const GrpcBuffer *b)
{
    return b->tail - b->head;
}

/* ---- connections ---- */

typedef struct GrpcConnection GrpcConnection;
typedef struct GrpcCall GrpcCall;

/* How a call ended. Text and details are borrowed. */
typedef struct GrpcStatus {
    GrpcCode code;
    const char *message;    /* UTF-8; NULL is "" */
    const uint8_t *details; /* serialized google.rpc.Status, or NULL */
    size_t n_details;
} GrpcStatus;

/*
 * What a connection tells its owner. All may be NULL. Inside them calls may be answered and
 * finished, and the connection must not be freed.
 */
typedef struct GrpcHandlers {
    /* server: a header that is not of the transport; @name in lower case. Comes before @open. */
    void (*header)(void *userdata, GrpcCall *call, const char *name, const char *value);
    /* server: the headers are complete. A finish in here refuses the call. */
    void (*open)(void *userdata, GrpcCall *call);
    /* One whole message, borrowed; keep it with grpc_buffer_ref(). */
    void (*message)(void *userdata, GrpcCall *call, GrpcBuffer *message);
    /* server: no more messages will come. client: the answer has ended, with this status. */
    void (*ended)(void *userdata, GrpcCall *call, const GrpcStatus *status);
    /* A queued message of @n_bytes has left for the socket. */
    void (*sent)(void *userdata, GrpcCall *call, size_t n_bytes);
    /* The call is gone; nothing may touch it after this. @call_data as set. Always the last. */
    void (*closed)(void *userdata, GrpcCall *call);
    /* There is something to send: pump when the socket is writable. Not called during the pump
     * itself. */
    void (*dirty)(void *userdata, GrpcConnection *connection);
} GrpcHandlers;

/**
 * grpc_connection_new() - one end of a connection
 * @is_server:  else client
 * @handlers:   borrowed for life
 * @account:    for inbound messages; borrowed for life
 * @max_message_bytes: inbound; a longer one ends its call with RESOURCE_EXHAUSTED and is not kept
 * Return: 0; -ENOMEM.
 */
int grpc_connection_new(bool is_server, const GrpcHandlers *handlers, void *userdata,
                        GrpcAccount *account, uint32_t max_message_bytes,
                        GrpcConnection **ret_connection);
/* Calls @closed for every call that is left. NULL is allowed. */
GrpcConnection *grpc_connection_free(GrpcConnection *c);

/* Another way to the peer than the bare socket. Both return the number of bytes, or a negative
 * errno; -EAGAIN as a socket would; read 0 at the end. */
typedef struct GrpcTransport {
    ssize_t (*read)(void *data, void *buf, size_t n_bytes);
    ssize_t (*write)(void *data, const void *buf, size_t n_bytes);
} GrpcTransport;

/* For grpc_connection_pump(). Both are borrowed for the connection's life. */
void grpc_connection_set_transport(GrpcConnection *c, const GrpcTransport *transport, void *data);
/* Messages are charged to @account from here on; none may have begun to arrive. */
void grpc_connection_set_account(GrpcConnection *c, GrpcAccount *account);
/* While it holds, nothing is read, and of what has been read no message and no end of one is looked
 * at: for a decision that has to come from elsewhere, called inside @open. Let go of, it goes on
 * where it stood. */
void grpc_connection_hold(GrpcConnection *c, bool hold);
bool grpc_connection_is_held(const GrpcConnection *c);
/* Server: grpc_call_abort() for all that are open. */
void grpc_connection_abort_calls(GrpcConnection *c, const GrpcStatus *status);

/**
 * grpc_connection_receive() - bytes of the peer
 * Return: 0; -EPROTO: the peer broke HTTP/2, close it (after sending what is left); -ENOMEM.
 */
int grpc_connection_receive(GrpcConnection *c, const uint8_t *data, size_t n_bytes);

/**
 * grpc_connection_send() - the next bytes for the peer
 * @ret_data: borrowed until the next call here
 * Return: number of bytes; 0 nothing to send now; -EPROTO; -ENOMEM.
 */
ssize_t grpc_connection_send(GrpcConnection *c, const uint8_t **ret_data);

/**
 * grpc_connection_pump() - read and write a non-blocking socket until it would block
 * @can_read:  try to read
 * @ret_wants_write: out: bytes are left, wait for POLLOUT
 * Reads at most 1 MiB per call, so that one connection cannot hold the loop.
 * Return: 0; -EPIPE the peer has closed; -EPROTO; negative errno of the socket. After an error:
 * free it.
 */
int grpc_connection_pump(GrpcConnection *c, int fd, bool can_read, bool *ret_wants_write);

/* More is waiting for a peer that does not read than calls of its own account for (resets,
 * refusals): read no more from it until it has read. */
bool grpc_connection_is_congested(const GrpcConnection *c);
/* Nothing further will be read or written: both sides said good-bye. */
bool grpc_connection_is_finished(const GrpcConnection *c);
/* GOAWAY: no new calls; present ones go on. */
void grpc_connection_shutdown(GrpcConnection *c);
/* Calls whose headers were complete, ever; and open now. */
uint64_t grpc_connection_calls_started(const GrpcConnection *c);
uint32_t grpc_connection_calls_open(const GrpcConnection *c);
/* Server: finishes calls whose grpc-timeout has passed. Return: earliest deadline left, UINT64_MAX:
 * none. */
uint64_t grpc_connection_expire(GrpcConnection *c, uint64_t now_usec);
void *grpc_connection_userdata(const GrpcConnection *c);

/* ---- calls ---- */

/* "/spark.connect.SparkConnectService/Config" */
const char *grpc_call_path(const GrpcCall *call);
GrpcConnection *grpc_call_connection(const GrpcCall *call);
/* Deadline by grpc-timeout in CLOCK_MONOTONIC; UINT64_MAX: none. */
uint64_t grpc_call_deadline_usec(const GrpcCall *call);
void grpc_call_set_data(GrpcCall *call, void *call_data);
void *grpc_call_data(const GrpcCall *call);
/* Bytes queued by grpc_call_send() and not yet sent. */
size_t grpc_call_queued_bytes(const GrpcCall *call);

/**
 * grpc_call_send() - queue one message
 * @message: its bytes are the serialized protobuf; a reference is taken. The gRPC prefix is not
 * part of it, so that one buffer can be sent more than once. Return: 0; -EPIPE after finish or when
 * the peer reset the call; -ENOMEM.
 */
int grpc_call_send(GrpcCall *call, GrpcBuffer *message);

/**
 * grpc_call_finish() - server: end with a status, after everything queued. client: no more
 * messages. A status whose message or details would not fit the trailers is cut, the message at a
 * character. Safe to repeat: the first one counts.
 */
void grpc_call_finish(GrpcCall *call, const GrpcStatus *status);
/* Server: drop what is queued and end now with this status. */
void grpc_call_abort(GrpcCall *call, const GrpcStatus *status);
/* RST_STREAM(CANCEL). */
void grpc_call_cancel(GrpcCall *call);

/**
 * grpc_call_start() - client: a new call
 * @path, @authority: copied
 * @metadata:  pairs name, value, ended by NULL; may be NULL
 * @timeout_usec: 0: none
 * Return: 0; -ENOMEM; -EPIPE when the server has said good-bye.
 */
int grpc_call_start(GrpcConnection *c, const char *authority, const char *path,
                    const char *const *metadata, uint64_t timeout_usec, void *call_data,
                    GrpcCall **ret_call);

/* ---- text forms ---- */

/* "8S", "100m" -> microseconds. Return: 0; -EINVAL. */
int grpc_timeout_parse(const char *text, uint64_t *ret_usec);
/* @buf of at least 16. */
void grpc_timeout_format(uint64_t usec, char *buf, size_t size);
/* grpc-message: bytes outside 0x20..0x7e and '%' as %XX. Return: length, without the NUL; cut to
 * fit. */
size_t grpc_percent_encode(const char *text, char *buf, size_t size);
/* In place. What is no valid escape stays as it is. */
void grpc_percent_decode(char *text);
/* Without padding, as gRPC wants. @buf of at least 4 * ((n + 2) / 3) + 1. Return: length. */
size_t grpc_base64_encode(const uint8_t *data, size_t n_bytes, char *buf);
/* With or without padding. @ret of at least 3 * n / 4. Return: 0; -EINVAL. */
int grpc_base64_decode(const char *text, size_t n, uint8_t *ret, size_t *ret_n);

static inline void grpc_buffer_unrefp(GrpcBuffer **b)
{
    grpc_buffer_unref(*b);
}
#define _cleanup_grpc_buffer_ __attribute__((cleanup(grpc_buffer_unrefp)))
