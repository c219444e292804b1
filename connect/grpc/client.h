/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The client side of gRPC for a command-line program: blocking, with a timeout for each wait,
 * several calls at once on one connection (an Interrupt beside the stream that it interrupts).
 */

#include "connect/grpc/grpc.h"

typedef struct GrpcClient GrpcClient;
typedef struct GrpcStream GrpcStream;

/**
 * grpc_client_connect() - connect to a gRPC server without TLS
 * @address: "unix:/run/berth/connect.sock", "tcp:127.0.0.1:15002", or an absolute path
 * @timeout_usec: for connecting
 * @max_message_bytes: inbound
 * Return: 0; -EINVAL for an address of another form; -ETIMEDOUT; negative errno of connect(2).
 */
int grpc_client_connect(const char *address, uint64_t timeout_usec, uint32_t max_message_bytes,
                        GrpcClient **ret_client);
GrpcClient *grpc_client_free(GrpcClient *c);
/* To wait for input together with other descriptors; then call grpc_client_step(). */
int grpc_client_fd(const GrpcClient *c);

/**
 * grpc_client_open() - start a call with one request message
 * @path:     "/spark.connect.SparkConnectService/ExecutePlan"
 * @metadata: pairs name, value, ended by NULL; may be NULL
 * @timeout_usec: 0: none
 * Return: 0; -EPIPE the connection is gone; -ENOMEM.
 */
int grpc_client_open(GrpcClient *c, const char *path, const char *const *metadata,
                     const void *request, size_t n_request, uint64_t timeout_usec,
                     GrpcStream **ret_stream);

/**
 * grpc_stream_next() - the next message of the answer
 * @wait_usec:   how long to wait; 0: only what is there
 * @ret_message: out: one reference
 * Return: 1 a message; 0 the answer has ended, see grpc_stream_status(); -EAGAIN nothing in that
 * time; -EINTR a signal came. A lost connection ends every stream with UNAVAILABLE.
 */
int grpc_stream_next(GrpcStream *s, uint64_t wait_usec, GrpcBuffer **ret_message);
/* Borrowed; valid after grpc_stream_next() gave 0. */
const GrpcStatus *grpc_stream_status(const GrpcStream *s);
/* Cancels it when it still runs. */
GrpcStream *grpc_stream_free(GrpcStream *s);

/**
 * grpc_client_unary() - one request, one answer
 * @ret_reply:  out, nullable: one reference; NULL when the call failed
 * @ret_code:   out: how it ended
 * @message, @n_message: room for the text of a failure; may be NULL and 0
 * Return: 0, also when the call failed: look at *@ret_code; -EINTR; -ENOMEM.
 */
int grpc_client_unary(GrpcClient *c, const char *path, const char *const *metadata,
                      const void *request, size_t n_request, uint64_t timeout_usec,
                      GrpcBuffer **ret_reply, GrpcCode *ret_code, char *message, size_t n_message);

/* Reads and writes what is ready, waiting at most @wait_usec. Return: 0; -EINTR; -EPIPE. */
int grpc_client_step(GrpcClient *c, uint64_t wait_usec);

static inline void grpc_client_freep(GrpcClient **c)
{
    grpc_client_free(*c);
}
#define _cleanup_grpc_client_ __attribute__((cleanup(grpc_client_freep)))
static inline void grpc_stream_freep(GrpcStream **s)
{
    grpc_stream_free(*s);
}
#define _cleanup_grpc_stream_ __attribute__((cleanup(grpc_stream_freep)))
