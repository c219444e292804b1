/* SPDX-License-Identifier: Apache-2.0 */
/* berth-gateway: options, sockets by activation or of its own, and what it can do to itself before
 * it serves. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"

#define CONTROL_PATH_DEFAULT "/run/berth/gateway.sock"
#define ACTIVATION_FD_FIRST 3
#define OPEN_FILES (CLIENTS_MAX + SESSIONS_MAX + OTHER_FDS)
#define BACKLOG 128

static void usage(FILE *out)
{
    fputs("berth-gateway [OPTION...]\n"
          "\n"
          "Serves Spark Connect on sockets and hands each session to an executor of berthd.\n"
          "\n"
          "  --listen unix:PATH          listen on a unix socket, may be repeated\n"
          "  --listen tcp:ADDRESS:PORT   listen on a loopback address, may be repeated\n"
          "  --listen tls:ADDRESS:PORT   listen with TLS on any address; clients show a token\n"
          "  --certificate PATH, --key PATH\n"
          "                              PEM files for TLS (default: the credentials "
          "tls.certificate\n"
          "                              and tls.key of the service)\n"
          "  --control PATH              socket of berthd (default " CONTROL_PATH_DEFAULT ")\n"
          "  --version, --help\n"
          "\n"
          "Sockets passed by socket activation (LISTEN_FDS) are used as well.\n",
          out);
}

/* ---- sockets ---- */

static int listen_unix(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path); /* of an earlier run */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    /* Anybody may connect; who it is, the kernel says. */
    if (chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Without TLS only loopback: beyond this host the kernel cannot name the owner of a socket. */
static int listen_tcp(const char *host_port, bool with_tls, int *ret_fd)
{
    char host[64];
    uint64_t port;
    const char *colon = strrchr(host_port, ':');
    if (!colon || (size_t)(colon - host_port) >= sizeof(host) ||
        text_parse_u64(colon + 1, 65535, &port) < 0)
        return -EINVAL;
    memcpy(host, host_port, (size_t)(colon - host_port));
    host[colon - host_port] = 0;

    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is_v6 = strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0;
    if (is_v6)
        v6.sin6_addr = in6addr_loopback;
    else if (with_tls && strcmp(host, "[::]") == 0)
        is_v6 = true;
    else if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                       &v4.sin_addr) != 1)
        return -EINVAL;
    else if (!with_tls && ntohl(v4.sin_addr.s_addr) >> 24 != 127)
        return -EACCES;

    _cleanup_close_ int fd =
        socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    const struct sockaddr *address =
        is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    if (bind(fd, address, is_v6 ? sizeof(v6) : sizeof(v4)) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int add_listener(Gateway *g, const char *where)
{
    int fd = -EBADF, r;
    bool with_tls = strncmp(where, "tls:", 4) == 0;
    if (strncmp(where, "unix:", 5) == 0)
        r = listen_unix(where + 5, &fd);
    else if (strncmp(where, "tcp:", 4) == 0)
        r = listen_tcp(where + 4, false, &fd);
    else if (with_tls)
        r = g->tls ? listen_tcp(where + 4, true, &fd) : -ENOKEY;
    else
        r = -EINVAL;
    if (r == 0)
        r = gateway_add_listener(g, fd, with_tls);
    if (r < 0)
        fprintf(stderr, "berth-gateway: cannot listen on %s: %s\n", where,
                r == -EACCES && where[0] == 't' ? "only loopback addresses are allowed without TLS"
                : r == -ENOKEY                  ? "there is no certificate"
                                                : strerror(-r));
    return r;
}

/* The protocol of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, descriptors from 3 on. */
static int add_activated(Gateway *g)
{
    const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t pid, n;
    if (!pid_text || !n_text || text_parse_u64(pid_text, INT32_MAX, &pid) < 0 ||
        (pid_t)pid != getpid() || text_parse_u64(n_text, LISTEN_MAX, &n) < 0)
        return 0;
    for (uint64_t i = 0; i < n; i++) {
        int fd = ACTIVATION_FD_FIRST + (int)i, listening = 0;
        socklen_t size = sizeof(listening);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening) {
            fprintf(stderr, "berth-gateway: descriptor %d of %s is no listening socket\n", fd,
                    names ? names : "LISTEN_FDS");
            return -EINVAL;
        }
        int flags = fcntl(fd, F_GETFL);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || flags < 0 ||
            fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
            return -errno;
        /* FileDescriptorName=tls in the socket's unit. */
        size_t n_name = names ? strcspn(names, ":") : 0;
        bool with_tls = n_name == 3 && memcmp(names, "tls", 3) == 0;
        names = names && names[n_name] ? names + n_name + 1 : NULL;
        if (with_tls && !g->tls) {
            fputs("berth-gateway: a socket for TLS was passed, and there is no certificate\n",
                  stderr);
            return -EINVAL;
        }
        int r = gateway_add_listener(g, fd, with_tls);
        if (r < 0)
            return r;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

/* From the options, or from systemd's LoadCredential=. */
static int load_tls(Gateway *g, const char *certificate, const char *key)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char own_certificate[PATH_MAX], own_key[PATH_MAX], why[256];
    if (!certificate && !key && folder) {
        snprintf(own_certificate, sizeof(own_certificate), "%s/tls.certificate", folder);
        snprintf(own_key, sizeof(own_key), "%s/tls.key", folder);
        if (access(own_certificate, R_OK) == 0) {
            certificate = own_certificate;
            key = own_key;
        }
    }
    if (!certificate && !key)
        return 0;
    if (!certificate || !key) {
        fputs("berth-gateway: --certificate and --key belong together\n", stderr);
        return -EINVAL;
    }
    int r = tls_server_new(certificate, key, &g->tls, why, sizeof(why));
    if (r == -EINVAL)
        fprintf(stderr, "berth-gateway: %s\n", why);
    return r;
}

/* The protocol of sd_notify(3): one datagram to the socket that the manager names. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = 0; /* the abstract namespace */
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

/* ---- what it gives up ---- */

/*
 * The unit does the rest (user, namespaces, system calls). Without it these still hold: nothing
 * that it starts could gain rights, nobody of the same uid can read its memory, no core, no
 * process. Limits are best effort: a unit that forbids to change them has set them.
 */
static int confine(Gateway *g)
{
    const struct rlimit none = {0, 0}, one = {1, 1};
    struct rlimit now;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    (void)setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &now) == 0) {
        rlim_t n = MIN(now.rlim_max, (rlim_t)OPEN_FILES);
        const struct rlimit files = {n, n};
        gateway_set_limits(g, setrlimit(RLIMIT_NOFILE, &files) == 0 ? n : now.rlim_cur);
    }
    if (geteuid() != 0)
        (void)setrlimit(RLIMIT_NPROC, &one);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"control", required_argument, NULL, 'c'},
        {"certificate", required_argument, NULL, 'C'},
        {"key", required_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *control_path = CONTROL_PATH_DEFAULT, *certificate = NULL, *key = NULL;
    const char *listen_on[LISTEN_MAX];
    unsigned n_listen = 0;
    static Gateway gateway;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        switch (c) {
        case 'l':
            if (n_listen == LISTEN_MAX) {
                fprintf(stderr, "berth-gateway: at most %u sockets\n", LISTEN_MAX);
                return 2;
            }
            listen_on[n_listen++] = optarg;
            break;
        case 'c':
            control_path = optarg;
            break;
        case 'C':
            certificate = optarg;
            break;
        case 'k':
            key = optarg;
            break;
        case 'V':
            puts("berth-gateway " BERTH_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    int r = gateway_init(&gateway, control_path);
    if (r == 0)
        r = load_tls(&gateway, certificate, key);
    if (r == 0)
        r = add_activated(&gateway);
    for (unsigned i = 0; i < n_listen && r == 0; i++)
        r = add_listener(&gateway, listen_on[i]);
    if (r == 0 && gateway.n_listeners == 0) {
        fputs("berth-gateway: no socket to listen on; see --help\n", stderr);
        gateway_done(&gateway);
        return 2;
    }
    if (r == 0)
        r = confine(&gateway);
    if (r == 0) {
        notify("READY=1");
        r = gateway_run(&gateway);
        notify("STOPPING=1");
    }
    gateway_done(&gateway);
    if (r < 0) {
        fprintf(stderr, "berth-gateway: %s\n", strerror(-r));
        return 1;
    }
    return 0;
}
