/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who is at the other end of a client's socket? Only the kernel is asked: SO_PEERCRED on AF_UNIX;
 * on loopback TCP the uid that owns the peer's socket, found by the exact 4-tuple with
 * sock_diag(7), or in /proc/net/tcp{,6} where the kernel lacks inet_diag. Everything else has no
 * identity.
 */

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/control.h"

typedef struct Identity {
    uid_t uid;
    gid_t gid;
    uint32_t n_groups;
    gid_t groups[CONTROL_GROUPS_MAX];
    char user[32];  /* the account's name, or the number in digits */
    char home[256]; /* "" when there is none or it is too long */
} Identity;

enum {
    IDENTITY_E_UNKNOWN = 1, /* the kernel does not name an owner; the reason says why */
};

/**
 * identity_uid_of_socket() - the uid at the other end of @fd
 * @tcp_port: the port that clients connect to; a TCP socket of another is refused
 * @reason:   out, a sentence when the answer is not 0
 *
 * Holds also against a gateway that has been taken over and makes sockets of its own: refused are
 * a unix socket whose far end has a name (it dialled, so the kernel would name the listener) and
 * another TCP port. May read a long /proc/net/tcp: call from the look-up thread. Refuses an end in
 * another user namespace (overflow uid 65534) and a connection that is not established any more.
 * Return: 0; IDENTITY_E_UNKNOWN; negative errno.
 */
int identity_uid_of_socket(int fd, uint16_t tcp_port, uid_t *ret_uid, char *reason,
                           size_t reason_size);

/**
 * identity_lookup() - gid, groups, name and home of @uid by NSS
 * May block on a name service: look-up thread only. A uid without an account gets its number as
 * name, gid equal to the uid and no groups. More than CONTROL_GROUPS_MAX groups: the first ones.
 * Return: 0; negative errno.
 */
int identity_lookup(uid_t uid, Identity *ret_identity);

/* Two implementations of one question, public for their tests. @peer is the far end, @own the near
 * one. */
int identity_tcp_by_diag(const struct sockaddr_storage *peer, const struct sockaddr_storage *own,
                         uid_t *ret_uid);
int identity_tcp_by_proc(const struct sockaddr_storage *peer, const struct sockaddr_storage *own,
                         uid_t *ret_uid);
