/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TLS for connections from other hosts: OpenSSL, servers only, TLS 1.2 and later, HTTP/2 by ALPN.
 * The certificate and the key are read once, before the gateway confines itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "connect/grpc/grpc.h"

typedef struct TlsServer TlsServer;
typedef struct Tls Tls;

/**
 * tls_server_new() - what all connections share
 * @certificate, @key: PEM files; the chain follows the certificate
 * @reason: out, a sentence when it fails
 * Return: 0; -EINVAL: the files do not fit; -ENOMEM.
 */
int tls_server_new(const char *certificate, const char *key, TlsServer **ret_server, char *reason,
                   size_t reason_size);
TlsServer *tls_server_free(TlsServer *s);

/* @fd: borrowed. Return: 0; -ENOMEM. */
int tls_new(TlsServer *s, int fd, Tls **ret_tls);
Tls *tls_free(Tls *t);

/**
 * tls_handshake() - go on with it
 * @ret_wants_write: out: it waits for POLLOUT instead of POLLIN
 * Return: 0 when it is complete; -EAGAIN; -EPROTO: the peer speaks something else.
 */
int tls_handshake(Tls *t, bool *ret_wants_write);
bool tls_is_ready(const Tls *t);

/* For grpc_connection_set_transport(), with a Tls as data. */
extern const GrpcTransport tls_transport;
