/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/core/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/text.h"

#define UID_OVERFLOW 65534u /* what the kernel shows for a user of another user namespace */
#define TCP_STATE_ESTABLISHED 1
#define NSS_BUFFER_MAX (1u << 20)
#define PROC_LINES_MAX 1000000u

typedef struct Endpoint {
    uint8_t family;
    uint16_t port; /* network order */
    uint32_t address[4];
    bool loopback;
} Endpoint;

static bool endpoint_of(const struct sockaddr_storage *sa, Endpoint *ret)
{
    *ret = (Endpoint){.family = (uint8_t)sa->ss_family};
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        ret->port = in->sin_port;
        ret->address[0] = in->sin_addr.s_addr;
        ret->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)sa;
        ret->port = in->sin6_port;
        memcpy(ret->address, &in->sin6_addr, sizeof(ret->address));
        ret->loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
                        (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127);
        return true;
    }
    return false;
}

/*
 * Either end of an IPv4 connection may be a socket of AF_INET6, which writes 127.0.0.1 as
 * ::ffff:127.0.0.1: gRPC clients do, wherever there is IPv6. Endpoints are compared in the shorter
 * form; the kernel lists the socket in the longer one.
 */
static void unmap(Endpoint *e)
{
    if (e->family == AF_INET6 && e->address[0] == 0 && e->address[1] == 0 &&
        e->address[2] == htonl(0xffff)) {
        e->family = AF_INET;
        e->address[0] = e->address[3];
        e->address[1] = e->address[2] = e->address[3] = 0;
    }
}

static Endpoint mapped(const Endpoint *e)
{
    Endpoint m = *e;
    m.family = AF_INET6;
    m.address[3] = e->address[0];
    m.address[2] = htonl(0xffff);
    m.address[0] = m.address[1] = 0;
    return m;
}

static bool is_endpoint(const Endpoint *e, uint8_t family, uint16_t port, const uint32_t address[4])
{
    Endpoint other = {.family = family, .port = port};
    memcpy(other.address, address, family == AF_INET ? sizeof(address[0]) : sizeof(other.address));
    unmap(&other);
    return other.family == e->family && other.port == e->port &&
           memcmp(other.address, e->address, sizeof(e->address)) == 0;
}

static int diag_ask(const Endpoint *peer, const Endpoint *own, struct inet_diag_msg *ret)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 diag;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .diag = {.sdiag_family = peer->family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1u << TCP_STATE_ESTABLISHED,
                 .id = {.idiag_sport = peer->port,
                        .idiag_dport = own->port,
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    union {
        struct nlmsghdr header;
        char bytes[8192];
    } answer;
    struct timeval patience = {.tv_sec = 2};

    memcpy(request.diag.id.idiag_src, peer->address, sizeof(peer->address));
    memcpy(request.diag.id.idiag_dst, own->address, sizeof(own->address));
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(fd, &request, sizeof(request), 0) < 0)
        return -errno;
    ssize_t n = recv(fd, &answer, sizeof(answer), 0);
    if (n < 0)
        return -errno;
    if (!NLMSG_OK(&answer.header, (size_t)n))
        return -EBADMSG;
    if (answer.header.nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = NLMSG_DATA(&answer.header);
        return e->error < 0 ? e->error : -EBADMSG;
    }
    if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(*ret)))
        return -EBADMSG;
    memcpy(ret, NLMSG_DATA(&answer.header), sizeof(*ret));
    return 0;
}

int identity_tcp_by_diag(const struct sockaddr_storage *peer, const struct sockaddr_storage *own,
                         uid_t *ret_uid)
{
    struct inet_diag_msg found;
    Endpoint p, o;

    if (!endpoint_of(peer, &p) || !endpoint_of(own, &o))
        return -EAFNOSUPPORT;
    unmap(&p);
    unmap(&o);
    int r = diag_ask(&p, &o, &found);
    if (r < 0)
        return r == -ENOENT ? IDENTITY_E_UNKNOWN : r;
    /* The kernel falls back to a listening socket, and a socket in TIME_WAIT claims uid 0: neither
     * may pass. */
    if (found.idiag_state != TCP_STATE_ESTABLISHED || found.idiag_inode == 0 ||
        !is_endpoint(&p, found.idiag_family, found.id.idiag_sport, found.id.idiag_src) ||
        !is_endpoint(&o, found.idiag_family, found.id.idiag_dport, found.id.idiag_dst))
        return IDENTITY_E_UNKNOWN;
    *ret_uid = found.idiag_uid;
    return 0;
}

/* "0100007F:3A9A" as proc(5) prints it: words in host order, port in hexadecimal. */
static void format_endpoint(const Endpoint *e, char *buf, size_t size)
{
    unsigned n_words = e->family == AF_INET ? 1 : 4;
    size_t n = 0;

    for (unsigned i = 0; i < n_words; i++)
        n += (size_t)snprintf(buf + n, size - n, "%08X", e->address[i]);
    snprintf(buf + n, size - n, ":%04X", ntohs(e->port));
}

/* Looks for the socket at @peer that is connected to @own in one table, which may be missing. */
static int find_in_table(const char *path, const Endpoint *peer, const Endpoint *own,
                         uid_t *ret_uid)
{
    char want_local[48], want_remote[48], local[48], remote[48], line[512];
    unsigned state, uid;
    unsigned long inode;

    format_endpoint(peer, want_local, sizeof(want_local));
    format_endpoint(own, want_remote, sizeof(want_remote));
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? IDENTITY_E_UNKNOWN : -errno;
    int r = IDENTITY_E_UNKNOWN;
    for (unsigned i = 0; i < PROC_LINES_MAX && fgets(line, sizeof(line), f); i++) {
        if (sscanf(line, " %*u: %47s %47s %x %*s %*s %*s %u %*u %lu", local, remote, &state, &uid,
                   &inode) == 5 &&
            state == TCP_STATE_ESTABLISHED && inode != 0 && strcmp(local, want_local) == 0 &&
            strcmp(remote, want_remote) == 0) {
            *ret_uid = uid;
            r = 0;
            break;
        }
    }
    fclose(f);
    return r;
}

int identity_tcp_by_proc(const struct sockaddr_storage *peer, const struct sockaddr_storage *own,
                         uid_t *ret_uid)
{
    Endpoint p, o;
    int r = IDENTITY_E_UNKNOWN;

    if (!endpoint_of(peer, &p) || !endpoint_of(own, &o))
        return -EAFNOSUPPORT;
    unmap(&p);
    unmap(&o);
    if (p.family == AF_INET) {
        r = find_in_table("/proc/net/tcp", &p, &o, ret_uid);
        p = mapped(&p);
        o = mapped(&o);
    }
    return r == 0 ? 0 : find_in_table("/proc/net/tcp6", &p, &o, ret_uid);
}

static int refuse(char *reason, size_t size, const char *why)
{
    text_copy(reason, size, why);
    return IDENTITY_E_UNKNOWN;
}

/*
 * SO_PEERCRED of a socket that *dialled* names whoever listens there: a gateway that has been taken
 * over could dial a root daemon and hand us its own end. A listener always has a name, so the far
 * end of a socket that was accepted from an ordinary client is the one without.
 */
static int uid_of_unix(int fd, uid_t *ret_uid, char *reason, size_t reason_size)
{
    struct sockaddr_un peer;
    struct ucred creds;
    socklen_t n_peer = sizeof(peer), n = sizeof(creds);

    if (getpeername(fd, (struct sockaddr *)&peer, &n_peer) < 0)
        return refuse(reason, reason_size, "the connection is gone");
    if (n_peer > offsetof(struct sockaddr_un, sun_path))
        return refuse(reason, reason_size, "the far end of the unix socket has a name of its own");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &n) < 0 || creds.pid < 0 ||
        creds.uid == (uid_t)-1)
        return refuse(reason, reason_size, "the kernel names no owner of the peer's socket");
    *ret_uid = creds.uid;
    return 0;
}

static int uid_of_tcp(int fd, uint16_t port, uid_t *ret_uid, char *reason, size_t reason_size)
{
    struct sockaddr_storage own = {}, peer = {};
    socklen_t n_own = sizeof(own), n_peer = sizeof(peer);
    Endpoint e;
    int r;

    if (getsockname(fd, (struct sockaddr *)&own, &n_own) < 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &n_peer) < 0)
        return refuse(reason, reason_size, "the connection is gone");
    if (!endpoint_of(&peer, &e) || !e.loopback || !endpoint_of(&own, &e) || !e.loopback)
        return refuse(reason, reason_size, "TCP identity holds on the loopback address only");
    /* A socket of another network namespace could be given any four-tuple; with the port fixed, it
     * can at most name a user who is connected to that port here. */
    if (ntohs(e.port) != port)
        return refuse(reason, reason_size, "not a connection to the port that clients use");
    r = identity_tcp_by_diag(&peer, &own, ret_uid);
    if (r != 0)
        r = identity_tcp_by_proc(&peer, &own, ret_uid);
    if (r != 0)
        return refuse(reason, reason_size, "the kernel names no owner of the peer's TCP socket");
    return 0;
}

int identity_uid_of_socket(int fd, uint16_t tcp_port, uid_t *ret_uid, char *reason,
                           size_t reason_size)
{
    socklen_t n_int = sizeof(int);
    int domain, type, listening, r;
    uid_t uid;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_int) < 0)
        return refuse(reason, reason_size, "not a socket");
    n_int = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_int) < 0 || type != SOCK_STREAM)
        return refuse(reason, reason_size, "not a stream socket");
    /* SO_PEERCRED of a listening socket names the listener. */
    n_int = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n_int) < 0 || listening)
        return refuse(reason, reason_size, "a listening socket has no peer");
    if (domain == AF_UNIX)
        r = uid_of_unix(fd, &uid, reason, reason_size);
    else if (domain == AF_INET || domain == AF_INET6)
        r = uid_of_tcp(fd, tcp_port, &uid, reason, reason_size);
    else
        r = refuse(reason, reason_size, "neither a unix nor a TCP socket");
    if (r != 0)
        return r;
    if (uid == UID_OVERFLOW)
        return refuse(
            reason, reason_size,
            "uid 65534 stands for users of other user namespaces and may not have sessions");
    *ret_uid = uid;
    return 0;
}

int identity_lookup(uid_t uid, Identity *ret_identity)
{
    Identity id = {.uid = uid, .gid = uid};
    struct passwd entry, *found = NULL;
    gid_t groups[CONTROL_GROUPS_MAX];
    int n_groups = CONTROL_GROUPS_MAX, r = ERANGE;
    _cleanup_free_ char *buffer = NULL;

    for (size_t size = 16384; r == ERANGE && size <= NSS_BUFFER_MAX; size *= 4) {
        free(buffer);
        buffer = malloc(size);
        if (!buffer)
            return -ENOMEM;
        r = getpwuid_r(uid, &entry, buffer, size, &found);
    }
    snprintf(id.user, sizeof(id.user), "%u", uid);
    if (r != 0 && r != ENOENT && r != ESRCH)
        return -r;
    if (found) {
        id.gid = found->pw_gid;
        if (strlen(found->pw_name) < sizeof(id.user))
            text_copy(id.user, sizeof(id.user), found->pw_name);
        if (found->pw_dir && found->pw_dir[0] == '/' &&
            !text_copy(id.home, sizeof(id.home), found->pw_dir))
            id.home[0] = 0;
        /* Too many: glibc fills what fits and returns -1; fewer groups are fewer rights. */
        if (getgrouplist(found->pw_name, found->pw_gid, groups, &n_groups) < 0)
            n_groups = CONTROL_GROUPS_MAX;
        id.n_groups = (uint32_t)n_groups;
        memcpy(id.groups, groups, sizeof(groups[0]) * (size_t)n_groups);
    }
    *ret_identity = id;
    return 0;
}
