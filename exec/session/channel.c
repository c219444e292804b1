/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/session/channel.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/fd.h"

struct Channel {
    int fd;
    MemPool *pool;
    pthread_mutex_t write_lock;
};

int channel_new(int fd, MemPool *pool, Channel **ret_channel)
{
    Channel *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)fd_close(fd);
        return -ENOMEM;
    }
    c->fd = fd;
    c->pool = pool;
    pthread_mutex_init(&c->write_lock, NULL);
    *ret_channel = c;
    return 0;
}

Channel *channel_free(Channel *c)
{
    if (!c)
        return NULL;
    (void)fd_close(c->fd);
    pthread_mutex_destroy(&c->write_lock);
    free(c);
    return NULL;
}

void channel_shutdown(Channel *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
}

static int end_or(int r)
{
    return r == -ENODATA || r == -ECONNRESET || r == -EPIPE ? CHANNEL_E_END : r;
}

/* Reads and forgets, so that the frames behind a refused payload are still understood. */
static int discard(int fd, size_t n_bytes)
{
    char buf[16384];
    while (n_bytes > 0) {
        size_t n = MIN(n_bytes, sizeof(buf));
        int r = fd_read_all(fd, buf, n);
        if (r < 0)
            return r == -ENODATA ? -EPROTO : r;
        n_bytes -= n;
    }
    return 0;
}

int channel_read(Channel *c, DataHeader *ret_header, uint8_t **ret_payload)
{
    DataHeader h;
    int r = fd_read_all(c->fd, &h, sizeof(h));
    if (r < 0)
        return end_or(r);
    if (h.magic != DATA_MAGIC || h.n_payload > DATA_PAYLOAD_MAX || h.type < DATA_EXECUTE ||
        h.type > DATA_ARTIFACT)
        return -EPROTO;
    void *payload = NULL;
    if (h.n_payload > 0) {
        r = mem_block_alloc(c->pool, h.n_payload, "request", &payload);
        if (r != 0) {
            r = discard(c->fd, h.n_payload);
            *ret_header = h;
            *ret_payload = NULL;
            return r < 0 ? r : CHANNEL_E_REFUSED;
        }
        r = fd_read_all(c->fd, payload, h.n_payload);
        if (r < 0) {
            mem_block_free(c->pool, payload, h.n_payload);
            return end_or(r);
        }
    }
    *ret_header = h;
    *ret_payload = payload;
    return 0;
}

void channel_payload_free(Channel *c, uint8_t *payload, uint32_t n_payload)
{
    if (payload)
        mem_block_free(c->pool, payload, n_payload);
}

static int send_all(int fd, struct iovec *iov, int n_iov)
{
    while (n_iov > 0) {
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n_iov};
        ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        for (; n_iov > 0 && (size_t)n >= iov->iov_len; iov++, n_iov--)
            n -= (ssize_t)iov->iov_len;
        if (n_iov > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

int channel_write(Channel *c, DataType type, uint16_t flags, uint64_t operation, uint64_t rows,
                  const void *payload, size_t n_payload)
{
    assert(n_payload <= DATA_PAYLOAD_MAX);
    DataHeader h = {.magic = DATA_MAGIC,
                    .type = (uint16_t)type,
                    .flags = flags,
                    .operation = operation,
                    .rows = rows,
                    .n_payload = (uint32_t)n_payload};
    struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)payload, n_payload}};
    pthread_mutex_lock(&c->write_lock);
    int r = send_all(c->fd, iov, n_payload > 0 ? 2 : 1);
    pthread_mutex_unlock(&c->write_lock);
    return r;
}
