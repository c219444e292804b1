/* SPDX-License-Identifier: Apache-2.0 */
/* Identity comes from the kernel or not at all. Runs as any user; as root it also connects as
 * another uid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/core/identity.h"

#define OTHER_UID 54321

typedef struct Pair {
    int listener, client, server;
    uint16_t port;
} Pair;

static void pair_done(Pair *p)
{
    fd_close(p->listener);
    fd_close(p->client);
    fd_close(p->server);
}

/* 127.0.0.1 for a socket of AF_INET6. */
static const struct in6_addr loopback_mapped = {.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}};

static Pair tcp_pair(int family, bool dual_stack, uid_t uid)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    Pair p;

    if (family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    p.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p.listener >= 0);
    if (bind(p.listener, (struct sockaddr *)&address, n) < 0)
        skip(); /* no IPv6 here */
    assert_int_equal(listen(p.listener, 1), 0);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&address, &n), 0);
    p.port = ntohs(((struct sockaddr_in *)&address)->sin_port); /* where AF_INET6 has it too */
    if (dual_stack) {
        family = AF_INET6;
        n = sizeof(struct sockaddr_in6);
        *(struct sockaddr_in6 *)&address = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(p.port), .sin6_addr = loopback_mapped};
    }
    /* Only this thread, and only while the socket is made: it keeps the uid it was made with. */
    assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
    p.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p.client < 0)
        skip(); /* no IPv6 here */
    assert_int_equal(connect(p.client, (struct sockaddr *)&address, n), 0);
    assert_int_equal(syscall(SYS_setresuid, -1, getuid(), -1), 0);
    p.server = accept(p.listener, NULL, NULL);
    assert_true(p.server >= 0);
    return p;
}

static void check_family(int family, bool dual_stack)
{
    uid_t uid = getuid() == 0 ? OTHER_UID : getuid(), found = (uid_t)-1;
    struct sockaddr_storage peer, own;
    socklen_t n_peer = sizeof(peer), n_own = sizeof(own);
    Pair p = tcp_pair(family, dual_stack, uid);
    char reason[128];

    assert_int_equal(identity_uid_of_socket(p.server, p.port, &found, reason, sizeof(reason)), 0);
    assert_int_equal(found, uid);
    /* Both ways of asking agree. */
    assert_int_equal(getpeername(p.server, (struct sockaddr *)&peer, &n_peer), 0);
    assert_int_equal(getsockname(p.server, (struct sockaddr *)&own, &n_own), 0);
    found = (uid_t)-1;
    assert_int_equal(identity_tcp_by_proc(&peer, &own, &found), 0);
    assert_int_equal(found, uid);
    int r = identity_tcp_by_diag(&peer, &own, &found);
    if (r == 0) /* a kernel may lack inet_diag */
        assert_int_equal(found, uid);
    /* Of another port than clients use, nobody is named. */
    assert_int_equal(identity_uid_of_socket(p.server, p.port ^ 1, &found, reason, sizeof(reason)),
                     IDENTITY_E_UNKNOWN);
    /* A client that has gone names nobody, above all not root. */
    p.client = fd_close(p.client);
    assert_int_equal(identity_uid_of_socket(p.server, p.port, &found, reason, sizeof(reason)),
                     IDENTITY_E_UNKNOWN);
    pair_done(&p);
}

static void test_tcp4(void **state)
{
    check_family(AF_INET, false);
}

static void test_tcp6(void **state)
{
    check_family(AF_INET6, false);
}

/* gRPC dials an IPv4 address from a socket of AF_INET6, wherever there is IPv6. */
static void test_tcp4_dual_stack(void **state)
{
    check_family(AF_INET, true);
}

static void test_unix(void **state)
{
    int pair[2];
    uid_t uid;
    char reason[128];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(identity_uid_of_socket(pair[0], 0, &uid, reason, sizeof(reason)), 0);
    assert_int_equal(uid, geteuid());
    close(pair[0]);
    close(pair[1]);
}

/* A gateway that has been taken over dials somebody's daemon and hands in its own end: the kernel
 * would name the listener. */
static void test_unix_that_dialled(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char reason[128];
    uid_t uid;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(address);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, n), 0);
    int server = accept(listener, NULL, NULL);
    assert_int_equal(identity_uid_of_socket(client, 0, &uid, reason, sizeof(reason)),
                     IDENTITY_E_UNKNOWN);
    assert_int_equal(identity_uid_of_socket(server, 0, &uid, reason, sizeof(reason)), 0);
    assert_int_equal(uid, geteuid());
    close(server);
    close(client);
    close(listener);
}

static void test_refused(void **state)
{
    int fds[2], sockets[4] = {socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0),
                              socket(AF_INET, SOCK_STREAM, 0), -1};
    char reason[128];
    uid_t uid;

    assert_int_equal(pipe(fds), 0);
    sockets[3] = fds[0];
    for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
        reason[0] = 0;
        assert_int_equal(identity_uid_of_socket(sockets[i], 0, &uid, reason, sizeof(reason)),
                         IDENTITY_E_UNKNOWN);
        assert_true(strlen(reason) > 0);
        close(sockets[i]);
    }
    close(fds[1]);
}

static void test_lookup(void **state)
{
    Identity id;

    assert_int_equal(identity_lookup(0, &id), 0);
    assert_string_equal(id.user, "root");
    assert_string_equal(id.home, "/root");
    assert_true(id.n_groups >= 1 && id.n_groups <= CONTROL_GROUPS_MAX);
    assert_int_equal(identity_lookup(3999999999u, &id), 0);
    assert_string_equal(id.user, "3999999999");
    assert_int_equal(id.gid, 3999999999u);
    assert_int_equal(id.n_groups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp4),
        cmocka_unit_test(test_tcp6),
        cmocka_unit_test(test_tcp4_dual_stack),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_unix_that_dialled),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
