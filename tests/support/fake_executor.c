/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An executor without an engine: the real sandbox and the real control channel, and on the data
 * channel commands of a test, one a line, each answered by one line:
 *
 *   who                    uid and pid
 *   grow MIB               allocate and touch, in steps of 1 MiB
 *   estimate QUERY MIB     QUERY_ESTIMATE; answers "grant BYTES THREADS REFUSED"
 *   request QUERY MIB      MEMORY_REQUEST; answers "reply VERDICT BYTES"
 *   return MIB             MEMORY_RETURN
 *   end QUERY              QUERY_END
 *   hello                  EXECUTOR_HELLO again, which has no place there
 *   garbage                a datagram that is no frame
 *   flood                  sends frames without pause until it is ended
 *   hangup                 closes the control socket and goes on
 *   segv, sys, exit N      dies
 *
 * A data root named fake-silent, fake-early or fake-liar makes it say nothing at all, send a query
 * while it is warm, or report a lock-down that it has not done.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "tests/support/sandbox_peer.h"

static bool has_root(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strstr(argv[i], name))
            return true;
    return false;
}

static void say(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

static void tell(ControlFrame *frame)
{
    (void)control_send(CONTROL_EXECUTOR_FD, frame, NULL, 0);
}

static void flood(void)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_MEMORY_RETURN, UINT64_MAX);
    while (control_send(CONTROL_EXECUTOR_FD, &frame, NULL, 0) == 0)
        ;
}

/* Waits for @type; shrinks are answered on the way as an executor would. */
static bool await(ControlType type, ControlFrame *frame)
{
    int fds[CONTROL_FDS_MAX];
    size_t n_fds;

    while (control_receive(CONTROL_EXECUTOR_FD, CONTROL_SENDER_DAEMON_TO_EXECUTOR, frame, fds,
                           &n_fds) == 1) {
        if (frame->header.type == type)
            return true;
        if (frame->header.type == CONTROL_MEMORY_SHRINK) {
            ControlFrame answer;
            control_init(&answer, CONTROL_MEMORY_RETURN, 0);
            answer.memory_return.total_bytes = frame->memory_shrink.total_bytes;
            tell(&answer);
        }
    }
    return false;
}

static void grow(unsigned long mib)
{
    for (unsigned long i = 0; i < mib; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED)
            memset(p, 1, 1 << 20);
    }
}

static void estimate(int fd, unsigned long query, unsigned long mib)
{
    ControlFrame frame;
    char line[128];

    control_init(&frame, CONTROL_QUERY_ESTIMATE, 100 + query);
    frame.query_estimate.query = query;
    frame.query_estimate.memory_peak_bytes = mib << 20;
    frame.query_estimate.scan_bytes = mib << 20;
    frame.query_estimate.rows = 1000;
    frame.query_estimate.parallelism = 4;
    snprintf(frame.query_estimate.operation_id, sizeof(frame.query_estimate.operation_id),
             "operation-%lu", query);
    tell(&frame);
    if (!await(CONTROL_QUERY_GRANT, &frame))
        return;
    snprintf(line, sizeof(line), "grant %llu %u %u\n",
             (unsigned long long)frame.query_grant.memory_bytes, frame.query_grant.n_threads,
             frame.query_grant.refused);
    say(fd, line);
}

static void request(int fd, unsigned long query, unsigned long mib)
{
    ControlFrame frame;
    char line[128];

    control_init(&frame, CONTROL_MEMORY_REQUEST, 200 + query);
    frame.memory_request.query = query;
    frame.memory_request.total_bytes = mib << 20;
    frame.memory_request.minimum_bytes = mib << 20;
    snprintf(frame.memory_request.operator_name, sizeof(frame.memory_request.operator_name),
             "fake join");
    tell(&frame);
    if (!await(CONTROL_MEMORY_REPLY, &frame))
        return;
    snprintf(line, sizeof(line), "reply %u %llu\n", frame.memory_reply.verdict,
             (unsigned long long)frame.memory_reply.total_bytes);
    say(fd, line);
}

static void obey(const PeerInside *inside, const char *line)
{
    int fd = inside->data_fd;
    volatile int *volatile nowhere = NULL;
    unsigned long a = 0, b = 0;
    ControlFrame frame;
    char answer[128];

    if (strcmp(line, "who") == 0) {
        snprintf(answer, sizeof(answer), "%u %d\n", inside->uid, getpid());
        say(fd, answer);
    } else if (sscanf(line, "grow %lu", &a) == 1) {
        grow(a);
        say(fd, "grown\n");
    } else if (sscanf(line, "estimate %lu %lu", &a, &b) == 2)
        estimate(fd, a, b);
    else if (sscanf(line, "request %lu %lu", &a, &b) == 2)
        request(fd, a, b);
    else if (sscanf(line, "return %lu", &a) == 1) {
        control_init(&frame, CONTROL_MEMORY_RETURN, 0);
        frame.memory_return.total_bytes = a << 20;
        tell(&frame);
        say(fd, "returned\n");
    } else if (sscanf(line, "end %lu", &a) == 1) {
        control_init(&frame, CONTROL_QUERY_END, 0);
        frame.query_end.query = a;
        tell(&frame);
        say(fd, "ended\n");
    } else if (strcmp(line, "hello") == 0) {
        control_init(&frame, CONTROL_EXECUTOR_HELLO, 0);
        tell(&frame);
    } else if (strcmp(line, "garbage") == 0)
        (void)!write(CONTROL_EXECUTOR_FD, "garbage", 7);
    else if (strcmp(line, "flood") == 0)
        flood();
    else if (strcmp(line, "hangup") == 0)
        close(CONTROL_EXECUTOR_FD);
    else if (strcmp(line, "segv") == 0)
        *nowhere = 1;
    else if (strcmp(line, "sys") == 0)
        (void)syscall(SYS_ptrace, 0, 0, 0, 0);
    else if (sscanf(line, "exit %lu", &a) == 1)
        _exit((int)a);
    else
        say(fd, "what?\n");
}

static void lie(void)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_EXECUTOR_HELLO, 0);
    tell(&frame);
    if (!await(CONTROL_HANDOUT, &frame))
        _exit(1);
    uint32_t uid = frame.handout.uid;
    control_init(&frame, CONTROL_EXECUTOR_LOCKED, 0);
    frame.executor_locked.uid = uid;
    frame.executor_locked.seccomp_mode = 2;
    frame.executor_locked.no_new_privs = 1;
    tell(&frame);
    (void)sleep(60);
}

int main(int argc, char **argv)
{
    PeerInside inside;
    char line[256];
    size_t n = 0;

    if (has_root(argc, argv, "fake-silent"))
        return (int)sleep(60);
    if (has_root(argc, argv, "fake-liar"))
        lie();
    if (has_root(argc, argv, "fake-early")) {
        ControlFrame frame;
        control_init(&frame, CONTROL_EXECUTOR_HELLO, 0);
        tell(&frame);
        control_init(&frame, CONTROL_QUERY_ESTIMATE, 1);
        tell(&frame);
    }
    if (peer_inside(argc, argv, 0, &inside) != 0)
        return 1;
    for (char c; read(inside.data_fd, &c, 1) == 1;) {
        if (c != '\n' && n < sizeof(line) - 1) {
            line[n++] = c;
            continue;
        }
        line[n] = 0;
        n = 0;
        obey(&inside, line);
    }
    return 0;
}
