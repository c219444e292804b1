/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/grpc/client.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"

/* What one client may hold of answers that its program has not taken yet. */
#define CLIENT_BYTES_MAX (SIZE_MAX / 2)

struct GrpcClient {
    int fd;
    GrpcConnection *connection;
    GrpcAccount account;
    char authority[256];
    int error; /* the connection is gone */
    bool wants_write;
};

typedef struct Arrived {
    ListNode node;
    GrpcBuffer *buffer;
} Arrived;

struct GrpcStream {
    GrpcClient *client;
    GrpcCall *call; /* NULL once it is closed */
    ListNode arrived;
    bool ended, failed;
    GrpcStatus status;
    char *message;
    uint8_t *details;
};

/* ---- what the connection tells ---- */

static void on_message(void *userdata, GrpcCall *call, GrpcBuffer *message)
{
    GrpcStream *s = grpc_call_data(call);
    Arrived *a = s ? malloc(sizeof(*a)) : NULL;
    if (!a) {
        if (s)
            s->failed = true;
        grpc_call_cancel(call);
        return;
    }
    a->buffer = grpc_buffer_ref(message);
    list_append(&s->arrived, &a->node);
}

static void on_ended(void *userdata, GrpcCall *call, const GrpcStatus *status)
{
    GrpcStream *s = grpc_call_data(call);
    if (!s)
        return;
    s->ended = true;
    s->message = strdup(status->message ? status->message : "");
    if (status->n_details > 0 && (s->details = malloc(status->n_details)))
        memcpy(s->details, status->details, status->n_details);
    s->status = (GrpcStatus){.code = status->code,
                             .message = s->message ? s->message : "",
                             .details = s->details,
                             .n_details = s->details ? status->n_details : 0};
    if (s->failed)
        s->status = (GrpcStatus){.code = GRPC_RESOURCE_EXHAUSTED, .message = "out of memory"};
}

static void on_closed(void *userdata, GrpcCall *call)
{
    GrpcStream *s = grpc_call_data(call);
    if (s)
        s->call = NULL;
}

static const GrpcHandlers handlers = {
    .message = on_message, .ended = on_ended, .closed = on_closed};

/* ---- connecting ---- */

static int connect_within(int fd, const struct sockaddr *address, socklen_t n_address,
                          uint64_t timeout_usec)
{
    if (connect(fd, address, n_address) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    uint64_t deadline = clock_now_usec() + timeout_usec;
    for (;;) {
        uint64_t now = clock_now_usec();
        if (now >= deadline)
            return -ETIMEDOUT;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int n = poll(&p, 1, (int)MIN((deadline - now) / USEC_PER_MSEC + 1, (uint64_t)INT32_MAX));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            break;
    }
    int error = 0;
    socklen_t n_error = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n_error) < 0)
        return -errno;
    return -error;
}

static int connect_unix(const char *path, uint64_t timeout_usec, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
        return -EINVAL;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int r = connect_within(fd, (const struct sockaddr *)&address, sizeof(address), timeout_usec);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int connect_tcp(const char *host_port, uint64_t timeout_usec, int *ret_fd)
{
    char host[256];
    const char *colon = strrchr(host_port, ':');
    if (!colon || colon == host_port || (size_t)(colon - host_port) >= sizeof(host) || !colon[1])
        return -EINVAL;
    memcpy(host, host_port, (size_t)(colon - host_port));
    host[colon - host_port] = 0;

    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
        return -EINVAL;
    int r = -EINVAL;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        _cleanup_close_ int fd =
            socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            r = -errno;
            continue;
        }
        r = connect_within(fd, a->ai_addr, a->ai_addrlen, timeout_usec);
        if (r < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        *ret_fd = TAKE_FD(fd);
        break;
    }
    freeaddrinfo(list);
    return r;
}

int grpc_client_connect(const char *address, uint64_t timeout_usec, uint32_t max_message_bytes,
                        GrpcClient **ret_client)
{
    _cleanup_grpc_client_ GrpcClient *c = calloc(1, sizeof(*c));
    int r;
    if (!c)
        return -ENOMEM;
    c->fd = -EBADF;
    c->account.limit = CLIENT_BYTES_MAX;
    text_copy(c->authority, sizeof(c->authority), "localhost");
    if (strncmp(address, "unix:", 5) == 0) {
        r = connect_unix(address + 5, timeout_usec, &c->fd);
    } else if (address[0] == '/') {
        r = connect_unix(address, timeout_usec, &c->fd);
    } else if (strncmp(address, "tcp:", 4) == 0) {
        text_copy(c->authority, sizeof(c->authority), address + 4);
        r = connect_tcp(address + 4, timeout_usec, &c->fd);
    } else {
        r = -EINVAL;
    }
    if (r < 0)
        return r;
    r = grpc_connection_new(false, &handlers, c, &c->account, max_message_bytes, &c->connection);
    if (r < 0)
        return r;
    *ret_client = TAKE_PTR(c);
    return 0;
}

GrpcClient *grpc_client_free(GrpcClient *c)
{
    if (!c)
        return NULL;
    grpc_connection_free(c->connection);
    fd_close(c->fd);
    free(c);
    return NULL;
}

int grpc_client_fd(const GrpcClient *c)
{
    return c->fd;
}

/* ---- running ---- */

/* Ends every call that is left: the connection does so when it goes. */
static int lose(GrpcClient *c, int error)
{
    c->error = error;
    c->connection = grpc_connection_free(c->connection);
    return -EPIPE;
}

int grpc_client_step(GrpcClient *c, uint64_t wait_usec)
{
    if (c->error < 0)
        return -EPIPE;
    int r = grpc_connection_pump(c->connection, c->fd, false, &c->wants_write);
    if (r < 0)
        return lose(c, r);
    struct pollfd p = {.fd = c->fd, .events = POLLIN | (c->wants_write ? POLLOUT : 0)};
    uint64_t msec = MIN((wait_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (uint64_t)INT32_MAX);
    int n = poll(&p, 1, (int)msec);
    if (n < 0)
        return errno == EINTR ? -EINTR : lose(c, -errno);
    if (n == 0)
        return 0;
    r = grpc_connection_pump(c->connection, c->fd, (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0,
                             &c->wants_write);
    return r < 0 ? lose(c, r) : 0;
}

int grpc_client_open(GrpcClient *c, const char *path, const char *const *metadata,
                     const void *request, size_t n_request, uint64_t timeout_usec,
                     GrpcStream **ret_stream)
{
    if (c->error < 0)
        return -EPIPE;
    _cleanup_grpc_stream_ GrpcStream *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->client = c;
    list_init(&s->arrived);
    _cleanup_grpc_buffer_ GrpcBuffer *message = grpc_buffer_new(NULL, 0, n_request);
    if (!message || grpc_buffer_append(&message, request, n_request) < 0)
        return -ENOMEM;
    int r = grpc_call_start(c->connection, c->authority, path, metadata, timeout_usec, s, &s->call);
    if (r < 0)
        return r;
    r = grpc_call_send(s->call, message);
    if (r < 0)
        return r;
    grpc_call_finish(s->call, NULL);
    r = grpc_client_step(c, 0);
    if (r == -ENOMEM)
        return r;
    *ret_stream = TAKE_PTR(s);
    return 0;
}

int grpc_stream_next(GrpcStream *s, uint64_t wait_usec, GrpcBuffer **ret_message)
{
    uint64_t deadline = clock_now_usec() + wait_usec;
    for (bool last = false;;) {
        if (!list_empty(&s->arrived)) {
            Arrived *a = container_of(s->arrived.next, Arrived, node);
            list_remove(&a->node);
            *ret_message = a->buffer;
            free(a);
            return 1;
        }
        if (s->ended)
            return 0;
        if (!s->call) {
            s->ended = true;
            s->status =
                (GrpcStatus){.code = GRPC_UNAVAILABLE, .message = "the connection was lost"};
            return 0;
        }
        if (last)
            return -EAGAIN;
        uint64_t now = clock_now_usec();
        last = now >= deadline;
        int r = grpc_client_step(s->client, last ? 0 : deadline - now);
        if (r == -EINTR)
            return r;
    }
}

const GrpcStatus *grpc_stream_status(const GrpcStream *s)
{
    assert(s->ended);
    return &s->status;
}

GrpcStream *grpc_stream_free(GrpcStream *s)
{
    if (!s)
        return NULL;
    if (s->call) {
        grpc_call_set_data(s->call, NULL);
        if (!s->ended)
            grpc_call_cancel(s->call);
        if (s->client->error == 0)
            (void)grpc_client_step(s->client, 0);
    }
    list_for_each_safe (pos, &s->arrived) {
        Arrived *a = container_of(pos, Arrived, node);
        grpc_buffer_unref(a->buffer);
        free(a);
    }
    free(s->message);
    free(s->details);
    free(s);
    return NULL;
}

int grpc_client_unary(GrpcClient *c, const char *path, const char *const *metadata,
                      const void *request, size_t n_request, uint64_t timeout_usec,
                      GrpcBuffer **ret_reply, GrpcCode *ret_code, char *message, size_t n_message)
{
    _cleanup_grpc_stream_ GrpcStream *s = NULL;
    _cleanup_grpc_buffer_ GrpcBuffer *reply = NULL;
    GrpcStatus status = {.code = GRPC_UNAVAILABLE, .message = "the connection was lost"};
    uint64_t wait_usec = timeout_usec > 0 ? timeout_usec + USEC_PER_SEC : UINT64_MAX / 4;

    int r = grpc_client_open(c, path, metadata, request, n_request, timeout_usec, &s);
    if (r == -ENOMEM)
        return r;
    while (r == 0) {
        GrpcBuffer *next = NULL;
        int k = grpc_stream_next(s, wait_usec, &next);
        if (k == -EINTR)
            return k;
        if (k == 0)
            status = *grpc_stream_status(s);
        if (k == -EAGAIN)
            status = (GrpcStatus){.code = GRPC_DEADLINE_EXCEEDED, .message = "no answer in time"};
        if (k <= 0)
            break;
        grpc_buffer_unref(reply);
        reply = next;
    }
    if (message && n_message > 0)
        text_copy(message, n_message, status.message ? status.message : "");
    if (status.code == GRPC_OK && ret_reply)
        *ret_reply = TAKE_PTR(reply);
    else if (ret_reply)
        *ret_reply = NULL;
    *ret_code = status.code;
    return 0;
}
