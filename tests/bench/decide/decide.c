/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one event costs the scheduler: sched_event(), all actions that follow and the question for
 * the next timer, measured from outside, against the size of the host. The host around it is as
 * simple as can be: limits are written at once, sessions think, ask, want more memory now and then,
 * end. The pace is such that the slots are nearly all in use and some queries wait; in the rows
 * marked "short" memory is a quarter of what the sessions would like.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scheduler/scheduler.h"

#define MIB (UINT64_C(1) << 20)
#define SAMPLES_MAX 4000000u

typedef struct Host {
    const char *name;
    uint32_t n_nodes, n_cpus; /* of each node */
    uint64_t memory_bytes;    /* of all */
    uint32_t n_sessions;
} Host;

static const Host hosts[] = {
    {"2 CPUs, 8 GiB", 1, 2, 8192 * MIB, 10},
    {"16 CPUs, 64 GiB", 1, 16, 65536 * MIB, 100},
    {"2 x 32 CPUs, 512 GiB", 2, 32, 524288 * MIB, 1000},
    {"8 x 64 CPUs, 2 TiB", 8, 64, 2097152 * MIB, 5000},
    {"8 x 128 CPUs, 4 TiB", 8, 128, 4194304 * MIB, 10000},
};

typedef enum Due { DUE_OPEN, DUE_ASK, DUE_MORE, DUE_END, DUE_SEND, DUE_TIMER } Due;

typedef struct Pending {
    uint64_t at;
    Due due;
    uint32_t session;
    SchedEvent event; /* DUE_SEND */
} Pending;

typedef struct Bench {
    uint64_t rng, now, serial, timer_at, query_usec, think_usec, memory_most;
    Sched *sched;
    Pending *heap;
    size_t n_heap, heap_size;
    uint64_t *grants, *queries;
    uint32_t n_sessions;
    uint32_t *samples; /* nanoseconds */
    size_t n_samples;
    uint64_t n_waiting, n_actions, n_granted, n_refused;
} Bench;

static uint64_t between(Bench *b, uint64_t low, uint64_t high)
{
    b->rng ^= b->rng << 13;
    b->rng ^= b->rng >> 7;
    b->rng ^= b->rng << 17;
    return low + b->rng % (high - low + 1);
}

/* Mostly small, sometimes sixteen times as much: half of all are below an eighth of @mean. */
static uint64_t tailed(Bench *b, uint64_t mean)
{
    uint64_t most = (mean * 4) >> between(b, 0, 6);
    return between(b, most / 2 + 1, most + 1);
}

static void push(Bench *b, uint64_t delay, Due due, uint32_t session, const SchedEvent *event)
{
    if (b->n_heap == b->heap_size) {
        b->heap_size = b->heap_size ? 2 * b->heap_size : 4096;
        b->heap = realloc(b->heap, b->heap_size * sizeof(*b->heap));
        assert(b->heap);
    }
    Pending p = {.at = b->now + delay, .due = due, .session = session};
    if (event)
        p.event = *event;
    size_t i = b->n_heap++;
    for (; i > 0 && p.at < b->heap[(i - 1) / 2].at; i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = p;
}

static Pending pop(Bench *b)
{
    Pending top = b->heap[0], last = b->heap[--b->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < b->n_heap; i = child) {
        if (child + 1 < b->n_heap && b->heap[child + 1].at < b->heap[child].at)
            child++;
        if (last.at <= b->heap[child].at)
            break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

static void answer(Bench *b, const SchedAction *a)
{
    SchedEvent event = {.session = a->session};
    uint32_t i = (uint32_t)a->session - 1;
    b->n_actions++;
    switch (a->type) {
    case SCHED_ACTION_SPAWN:
        event = (SchedEvent){.type = SCHED_EVENT_EXECUTOR_READY};
        event.ready.executor = a->executor;
        push(b, 5 * USEC_PER_MSEC, DUE_SEND, 0, &event);
        break;
    case SCHED_ACTION_STOP:
        event = (SchedEvent){.type = SCHED_EVENT_EXECUTOR_EXIT};
        event.exit.executor = a->executor;
        event.exit.cause = a->cause;
        push(b, 5 * USEC_PER_MSEC, DUE_SEND, 0, &event);
        break;
    case SCHED_ACTION_PLACE:
        push(b, between(b, 1, b->think_usec), DUE_ASK, i, NULL);
        break;
    case SCHED_ACTION_RESIZE:
        event.type = SCHED_EVENT_RESIZED;
        event.resized.executor = a->executor;
        event.resized.serial = a->serial;
        event.resized.high_bytes = a->high_bytes;
        event.resized.max_bytes = a->max_bytes;
        push(b, 50, DUE_SEND, 0, &event);
        break;
    case SCHED_ACTION_GRANT:
        b->grants[i] = a->grant_bytes;
        b->n_granted++;
        if (between(b, 0, 3) == 0)
            push(b, b->query_usec / 8, DUE_MORE, i, NULL);
        else
            push(b, tailed(b, b->query_usec), DUE_END, i, NULL);
        break;
    case SCHED_ACTION_MEMORY_REPLY:
        b->grants[i] = a->grant_bytes;
        push(b, tailed(b, b->query_usec), DUE_END, i, NULL);
        break;
    case SCHED_ACTION_REFUSE_QUERY:
        b->n_refused++;
        push(b, b->think_usec, DUE_ASK, i, NULL);
        break;
    case SCHED_ACTION_SHRINK:
        event.type = SCHED_EVENT_MEMORY_RETURN;
        event.returned.total_bytes = a->grant_bytes;
        push(b, USEC_PER_MSEC, DUE_SEND, 0, &event);
        break;
    case SCHED_ACTION_REFUSE_SESSION:
    case SCHED_ACTION_LOST:
        push(b, USEC_PER_SEC, DUE_OPEN, i, NULL);
        break;
    default:
        break;
    }
}

static void send(Bench *b, SchedEvent *event, bool measured)
{
    static SchedAction actions[65536];
    size_t n = 0;
    struct timespec from, to;
    event->now_usec = b->now;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    sched_event(b->sched, event);
    while (n < ARRAY_SIZE(actions) && sched_next_action(b->sched, &actions[n]))
        n++;
    uint64_t next = sched_next_timer(b->sched);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    if (measured && b->n_samples < SAMPLES_MAX) {
        SchedTotals t;
        int64_t ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
        b->samples[b->n_samples++] = (uint32_t)MIN(ns, (int64_t)UINT32_MAX);
        sched_totals(b->sched, &t);
        b->n_waiting += t.n_queued;
    }
    for (size_t i = 0; i < n; i++)
        answer(b, &actions[i]);
    if (next != SCHED_NEVER && (next < b->timer_at || b->timer_at <= b->now)) {
        b->timer_at = next;
        push(b, next > b->now ? next - b->now : 1, DUE_TIMER, 0, NULL);
    }
}

static void happen(Bench *b, Pending *p, bool measured)
{
    SchedEvent event = {.session = p->session + 1};
    switch (p->due) {
    case DUE_OPEN:
        event.type = SCHED_EVENT_SESSION_OPENED;
        event.opened.tenant = 1000 + p->session / 4;
        break;
    case DUE_ASK:
        event.type = SCHED_EVENT_QUERY_ESTIMATE;
        event.estimate.serial = ++b->serial;
        event.estimate.query = b->queries[p->session] = b->serial;
        event.estimate.scan_bytes = tailed(b, 256 * MIB);
        event.estimate.memory_peak_bytes = tailed(b, b->memory_most);
        event.estimate.fingerprint = between(b, 1, 5000);
        event.estimate.parallelism = 16;
        break;
    case DUE_MORE:
        event.type = SCHED_EVENT_MEMORY_REQUEST;
        event.request.serial = ++b->serial;
        event.request.query = b->queries[p->session];
        event.request.total_bytes = b->grants[p->session] + tailed(b, b->memory_most);
        event.request.minimum_bytes = b->grants[p->session];
        break;
    case DUE_END:
        event.type = SCHED_EVENT_QUERY_END;
        event.end.query = b->queries[p->session];
        event.end.state = QUERY_STATE_DONE;
        event.end.memory_peak_bytes = tailed(b, b->memory_most);
        event.end.elapsed_usec = b->query_usec;
        push(b, between(b, 1, 2 * b->think_usec), DUE_ASK, p->session, NULL);
        break;
    case DUE_SEND:
        event = p->event;
        break;
    case DUE_TIMER:
        if (p->at != b->timer_at)
            return;
        event = (SchedEvent){.type = SCHED_EVENT_TIMER};
        b->timer_at = b->now;
        break;
    }
    send(b, &event, measured);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(const Host *h, bool is_short, uint64_t n_events, bool json, uint32_t *samples)
{
    Bench b = {.rng = 88172645463325252u, .now = USEC_PER_SEC, .samples = samples};
    SchedTopology topology = {0};
    for (uint32_t n = 0; n < h->n_nodes; n++) {
        topology.nodes[n].present = true;
        topology.nodes[n].memory_bytes = h->memory_bytes / h->n_nodes;
        topology.n_nodes++;
        for (uint32_t i = n * h->n_cpus; i < (n + 1) * h->n_cpus; i++) {
            sched_cpus_add(&topology.nodes[n].cpus, i);
            sched_cpus_add(&topology.online, i);
        }
    }
    SchedConfig config = sched_config_default(h->memory_bytes);
    config.sessions_max = h->n_sessions;
    config.n_warm = MIN(h->n_sessions / 4, 64u);
    int r = sched_new(&config, &topology, &b.sched);
    assert(r == 0);
    /* Leases hold about four slots: as many sessions run at a time as keep three quarters busy. */
    uint64_t running = (uint64_t)h->n_nodes * h->n_cpus * config.slots_per_cpu[0] / 4 + 1;
    b.n_sessions = h->n_sessions;
    b.query_usec = 400 * USEC_PER_MSEC;
    b.think_usec = b.query_usec * MAX(h->n_sessions / running, UINT64_C(1));
    b.memory_most = config.memory_budget_bytes / h->n_sessions * (is_short ? 4 : 1) / 2;
    b.grants = calloc(h->n_sessions, sizeof(*b.grants));
    b.queries = calloc(h->n_sessions, sizeof(*b.queries));
    assert(b.grants && b.queries);
    for (uint32_t i = 0; i < h->n_sessions; i++)
        push(&b, between(&b, 1, 2 * USEC_PER_SEC), DUE_OPEN, i, NULL);
    for (uint64_t i = 0; i < n_events && b.n_heap > 0; i++) {
        Pending p = pop(&b);
        b.now = p.at;
        happen(&b, &p, i >= n_events / 4); /* the first quarter only fills the host */
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < b.n_samples; i++)
        sum += b.samples[i];
    qsort(b.samples, b.n_samples, sizeof(*b.samples), by_size);
    SchedTotals t;
    sched_totals(b.sched, &t);
    size_t n = b.n_samples;
    double mean = (double)sum / (double)n / 1e3, p50 = b.samples[n / 2] / 1e3,
           p99 = b.samples[n * 99 / 100] / 1e3, p999 = b.samples[n * 999 / 1000] / 1e3;
    if (json)
        printf("%s{\"host\": \"%s\", \"memory_short\": %s, \"sessions\": %u, \"mean_usec\": %.2f, "
               "\"p50_usec\": %.2f, \"p99_usec\": %.2f, \"p999_usec\": %.2f}",
               h == hosts && !is_short ? "" : ", ", h->name, is_short ? "true" : "false",
               t.n_sessions, mean, p50, p99, p999);
    else
        printf("%-22s %6u %-6s %8.2f %8.2f %8.2f %8.2f %9u %9.1f %8.2f\n", h->name, t.n_sessions,
               is_short ? "short" : "", mean, p50, p99, p999, t.n_running,
               (double)b.n_waiting / (double)n, (double)b.n_actions / (double)n_events);
    b.sched = sched_free(b.sched);
    free(b.heap);
    free(b.grants);
    free(b.queries);
}

int main(int argc, char **argv)
{
    uint64_t n_events = 400000;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strncmp(argv[i], "--events=", 9) == 0)
            n_events = strtoull(argv[i] + 9, NULL, 10);
        else
            return 2;
    }
    n_events = MIN(MAX(n_events, UINT64_C(10000)), (uint64_t)SAMPLES_MAX);
    uint32_t *samples = calloc(SAMPLES_MAX, sizeof(*samples));
    assert(samples);
    if (json)
        printf("{\"hosts\": [");
    else
        printf("%-22s %6s %-6s %8s %8s %8s %8s %9s %9s %8s\n", "host", "open", "memory", "mean us",
               "p50", "p99", "p99.9", "running", "waiting", "actions");
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
        for (int is_short = 0; is_short <= 1; is_short++) {
            run(&hosts[i], is_short, n_events, json, samples);
            (void)fflush(stdout);
        }
    if (json)
        printf("]}\n");
    free(samples);
    return 0;
}
