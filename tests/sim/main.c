/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seeded simulation of a host under the scheduler, in virtual time: clients, executors, the
 * worker that writes limits, the kernel's reaction to them, CPUs that go offline, configuration
 * that changes. The world keeps its own books, so that what is checked is what would be in force,
 * not what the scheduler believes.
 *
 *     sim --seed N [--events M] [--trace]   one run; prints the hash of all actions
 *     sim --seeds FROM-TO [--events M]      many; every tenth twice: the same seed must give the
 *                                           same hash (D-11)
 *     sim --caught --seeds FROM-TO          of a scheduler with a fault: some seed must notice
 *
 * A seed decides everything, the number of events too unless one is asked for. What is checked:
 * watch.c from outside, check.c from inside.
 */
#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/caught.h"
#include "tests/sim/world.h"

uint64_t current_seed;
static char repeat[96]; /* the line that on_fatal() writes */

/* Most invariants are asserted by the scheduler itself, which knows nothing of seeds. */
static void on_fatal(int sig)
{
    (void)!write(STDERR_FILENO, repeat, strlen(repeat));
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

/* No more queries, no more faults: everything that was begun must come to its end. */
static void drain(World *w)
{
    SchedEvent calm = {.type = SCHED_EVENT_PSI};
    uint64_t deadline = w->now + 20000 * USEC_PER_SEC;
    w->draining = true;
    send(w, &calm);
    for (uint32_t i = 0; i < w->n_sessions; i++) {
        /* Results are read, spilled files go. */
        SchedEvent usage = {.type = SCHED_EVENT_USAGE, .session = w->sessions[i].id};
        if (w->sessions[i].open)
            send(w, &usage);
    }
    w->drains = chance(w, 500);
    if (w->drains) {
        w->drain = (SchedEvent){.type = SCHED_EVENT_DRAIN};
        w->drain.drain.on = true;
        w->drain.drain.deadline_usec = chance(w, 500) ? 0 : w->now + skewed(w, 600 * USEC_PER_SEC);
        send(w, &w->drain);
    }
    /* What is being stopped or started when the last one leaves has its time, too. */
    for (uint64_t until = w->now + 200 * USEC_PER_SEC;
         w->n_heap > 0 && (w->n_open > 0 || w->now < until);) {
        Pending p = pop(w);
        CHECK(p.at < deadline);
        w->now = p.at;
        happen(w, &p);
        if (w->n_open > 0)
            until = w->now + 200 * USEC_PER_SEC;
    }
    watch_end(w);
}

static uint64_t run(uint64_t seed, uint64_t n_events, bool trace, bool verbose)
{
    World *w = calloc(1, sizeof(*w));
    assert(w);
    char with_events[40] = "";
    current_seed = seed;
    if (n_events > 0)
        (void)snprintf(with_events, sizeof(with_events), " --events %" PRIu64, n_events);
    (void)snprintf(repeat, sizeof(repeat),
                   "failed; to see it again: sim --seed %" PRIu64 "%s --trace\n", seed,
                   with_events);
    w->rng = seed * UINT64_C(0xd1342543de82ef95) + 1;
    w->hash = UINT64_C(0xcbf29ce484222325);
    w->trace = trace;
    make_world(w);
    CHECK(sched_new(&w->config, &w->topology, &w->sched) == 0);
    /* Enough for everybody to come and ask. */
    static const uint64_t usual[] = {1500, 4000, 60000};
    if (n_events == 0)
        n_events = usual[w->shape];
    while (w->n_heap > 0 && w->n_events < n_events) {
        Pending p = pop(w);
        w->now = p.at;
        happen(w, &p);
    }
    drain(w);
    if (verbose)
        printf("seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
               " s, %u sessions, %" PRIu64 " queries: %" PRIu64 " done, %" PRIu64
               " failed, %" PRIu64 " refused, %" PRIu64 " lost, %" PRIu64 " cancelled; %" PRIu64
               " raises, %" PRIu64 " oom kills, %" PRIu64 " restarts, %" PRIu64
               " takeovers, %" PRIu64 " time-outs; longest wait %" PRIu64 " ms\n",
               seed, w->hash, w->n_events, w->now / USEC_PER_SEC, w->n_sessions, w->n_queries,
               w->n_done, w->n_failed, w->n_refused, w->n_lost, w->n_cancelled, w->n_raised,
               w->n_oom, w->n_restarts, w->n_takeovers, w->n_timed_out, w->wait_max / MSEC);
    uint64_t hash = w->hash;
    (void)sched_free(w->sched);
    lookup_done(&w->executor_ids);
    free(w->heap);
    free(w->sessions);
    free(w->executors);
    free(w->ran_before);
    free(w->tenants);
    free(w);
    return hash;
}

static uint64_t caught_events;

static void run_to_be_caught(uint64_t seed)
{
    (void)run(seed, caught_events, false, false);
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 1, n_events = 0;
    bool trace = false, many = false, caught = false;
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {"seeds", required_argument, NULL, 'm'},
        {"events", required_argument, NULL, 'e'}, {"trace", no_argument, NULL, 't'},
        {"caught", no_argument, NULL, 'c'},       {NULL, 0, NULL, 0},
    };
    (void)signal(SIGABRT, on_fatal);
    (void)signal(SIGSEGV, on_fatal);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 's') {
            from = to = strtoull(optarg, NULL, 10);
        } else if (c == 'm') {
            many = true;
            if (sscanf(optarg, "%" SCNu64 "-%" SCNu64, &from, &to) != 2)
                return 2;
        } else if (c == 'e') {
            n_events = strtoull(optarg, NULL, 10);
        } else if (c == 't') {
            trace = true;
        } else if (c == 'c') {
            caught = true;
        } else {
            fprintf(stderr,
                    "usage: sim [--seed N | [--caught] --seeds FROM-TO] [--events M] [--trace]\n");
            return 2;
        }
    }
    caught_events = n_events;
    if (caught)
        return is_caught(from, to, run_to_be_caught) ? 0 : 1;
    for (uint64_t seed = from; seed <= to; seed++) {
        uint64_t hash = run(seed, n_events, trace, !many);
        if (many && seed % 10 == 0 && run(seed, n_events, false, false) != hash) {
            fprintf(stderr, "seed %" PRIu64 ": two runs gave different actions\n", seed);
            return 1;
        }
    }
    if (many)
        printf("%" PRIu64 " seeds to their end: all invariants held\n", to - from + 1);
    return 0;
}
