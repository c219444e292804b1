/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The executor's end of the data channel (base/data_frame.h). One thread reads; any thread writes
 * whole frames. Payloads that arrive are charged to the pool before they are allocated.
 */

#include "base/data_frame.h"
#include "exec/memory/memory.h"

typedef struct Channel Channel;

enum {
    CHANNEL_E_END = 1, /* the client side closed the channel */
    CHANNEL_E_REFUSED =
        2, /* payload not covered by the grant; it was read and thrown away, header is valid */
};

/* @fd is owned from now on, also on failure. Return: 0 or -ENOMEM. */
int channel_new(int fd, MemPool *pool, Channel **ret_channel);
/* Wakes a reader and closes. Accepts NULL. */
Channel *channel_free(Channel *channel);
/* Makes channel_read() return CHANNEL_E_END; from any thread. */
void channel_shutdown(Channel *channel);

/**
 * channel_read() - the next frame
 * @ret_payload:  out, n_payload bytes or NULL for none; channel_payload_free() it
 * Return: 0; CHANNEL_E_END; CHANNEL_E_REFUSED; -EPROTO for a header that breaks the rules; negative
 * errno.
 */
int channel_read(Channel *channel, DataHeader *ret_header, uint8_t **ret_payload);
void channel_payload_free(Channel *channel, uint8_t *payload, uint32_t n_payload);

/* Writes one frame whole. Blocks while the socket is full. Return: 0; -EPIPE; negative errno. */
int channel_write(Channel *channel, DataType type, uint16_t flags, uint64_t operation,
                  uint64_t rows, const void *payload, size_t n_payload);
