/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrades in virtual time: a hundred workloads of several users that did well on version 1 meet
 * version 2, in which a crash, a wrong error and a fivefold slowdown are planted for some of them,
 * then version 3, which mends all. One more user crashes on purpose, on whatever it gets.
 *
 *     sim_versions [--caught] --seeds FROM-TO
 *
 * Checked: no client of the hundred sees a failure; on 2 exactly those with a planted fault are
 * pinned to 1, and 3 frees them all; nobody ever runs below the floor; the one who crashes does
 * not move anybody else, nor itself further down than one; records survive an export.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scheduler/version/version.h"
#include "tests/sim/caught.h"
#include "tests/sim/seed.h"

#define N_WORKLOADS 100u
#define CRASHER 4242u
#define HOUR (3600 * USEC_PER_SEC)

uint64_t current_seed;

typedef enum Fault { FAULT_NONE, FAULT_CRASH, FAULT_ERROR, FAULT_SLOW } Fault;

typedef struct Load {
    uint32_t uid;
    uint64_t fingerprint, cost_usec, scan_bytes;
    Fault fault; /* on version 2 */
} Load;

typedef struct Upgrade {
    uint64_t rng, now;
    uint32_t floor, session;
    Versions *v;
    Load loads[N_WORKLOADS];
} Upgrade;

static uint64_t between(Upgrade *u, uint64_t low, uint64_t high)
{
    uint64_t z = (u->rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return low + z % (high - low + 1);
}

/* What the executor of @version makes of it. */
static void execute(Upgrade *u, const Load *l, VersionRun *run)
{
    bool planted = run->query.version == 2;
    run->outcome = VERSION_OUTCOME_DONE;
    run->scan_bytes = l->scan_bytes;
    run->cost_usec = l->cost_usec * between(u, 80, 130) / 100;
    if (planted && l->fault == FAULT_SLOW)
        run->cost_usec *= 5;
    if (planted && l->fault == FAULT_CRASH)
        run->outcome = VERSION_OUTCOME_CRASH;
    if (planted && l->fault == FAULT_ERROR) {
        run->outcome = VERSION_OUTCOME_ERROR;
        run->error = 17;
    }
    /* Somebody's kill, a quota, a client that goes away. */
    if (between(u, 1, 100) == 1)
        run->outcome = VERSION_OUTCOME_STRANGE;
}

/* One query of it, as its client sees it. */
static VersionRun query(Upgrade *u, const Load *l, bool on_purpose)
{
    VersionRun run = {0};
    u->now += between(u, USEC_PER_SEC, 60 * USEC_PER_SEC);
    run.query.now_usec = u->now;
    run.query.uid = l->uid;
    run.query.fingerprint = l->fingerprint;
    run.query.version = versions_for_session(u->v, ++u->session);
    run.query.repeatable = true;
    run.query.version = versions_for_query(u->v, &run.query, &run.why);
    for (int tries = 1;; tries++) {
        CHECK(run.query.version >= u->floor && run.query.version != VERSION_NONE);
        CHECK(tries <= 2);
        execute(u, l, &run);
        if (on_purpose)
            run.outcome = between(u, 0, tries == 1) ? VERSION_OUTCOME_CRASH : VERSION_OUTCOME_DONE;
        VersionVerdict verdict = versions_outcome(u->v, &run);
        CHECK((verdict.step == VERSION_STEP_NONE) == (verdict.reason == NULL));
        if (verdict.step != VERSION_STEP_RETRY)
            return run;
        CHECK(verdict.version < run.query.version);
        run.retry_of = run.query.version;
        run.query.version = verdict.version;
        run.why = VERSION_WHY_AS_IT_IS;
    }
}

static void one_round(Upgrade *u)
{
    for (uint32_t i = 0; i < N_WORKLOADS; i++) {
        VersionRun run = query(u, &u->loads[i], false);
        CHECK(run.outcome == VERSION_OUTCOME_DONE || run.outcome == VERSION_OUTCOME_STRANGE);
        if (between(u, 0, 9) != 0)
            continue;
        Load crasher = {.uid = CRASHER, .fingerprint = between(u, 1, 5), .cost_usec = 1000};
        run = query(u, &crasher, true);
    }
}

static uint32_t pinned(const Versions *v, const Load *l)
{
    VersionRecord r;
    for (size_t i = 0; versions_export(v, &i, &r);)
        if (r.uid == l->uid && r.fingerprint == l->fingerprint)
            return r.pinned;
    return VERSION_NONE;
}

/* Another process goes on with what this one has kept. */
static void start_again(Upgrade *u, const VersionConfig *c, uint32_t n_versions)
{
    Versions *next;
    VersionRecord r;
    CHECK(versions_new(c, &next) == 0);
    for (uint32_t i = 1; i <= n_versions; i++)
        CHECK(versions_install(next, i) == 0);
    versions_set_floor(next, u->floor);
    for (size_t i = 0; versions_export(u->v, &i, &r);)
        CHECK(versions_import(next, &r) == 0);
    u->v = versions_free(u->v);
    u->v = next;
}

static void run(uint64_t seed)
{
    Upgrade u = {.rng = seed, .now = HOUR, .floor = 1};
    VersionConfig c = version_config_default();
    current_seed = seed;
    c.trial_runs = between(&u, 0, 1) ? 0 : (uint32_t)between(&u, 1, 300);
    c.canary_permille = (uint32_t)between(&u, 50, 500);
    c.halt_pins = 1000; /* so that all get to meet it */
    c.probe_usec = between(&u, HOUR, 48 * HOUR);
    CHECK(versions_new(&c, &u.v) == 0);
    CHECK(versions_install(u.v, 1) == 0);
    for (uint32_t i = 0; i < N_WORKLOADS; i++) {
        uint64_t r = between(&u, 0, 9);
        u.loads[i] = (Load){.uid = 1000 + i % 7,
                            .fingerprint = 100 + i,
                            .cost_usec = between(&u, 100, 5000) * USEC_PER_MSEC,
                            .scan_bytes = between(&u, 0, UINT64_C(1) << 33),
                            .fault = r < 4 ? (Fault)r : FAULT_NONE};
    }
    for (int i = 0; i < 6; i++)
        one_round(&u);
    CHECK(versions_install(u.v, 2) == 0);
    for (int i = 0; i < 5; i++)
        one_round(&u);
    versions_accept(u.v, 2);
    for (int i = 0; i < 20; i++)
        one_round(&u);
    for (uint32_t i = 0; i < N_WORKLOADS; i++)
        CHECK(pinned(u.v, &u.loads[i]) == (u.loads[i].fault == FAULT_NONE ? VERSION_NONE : 1));
    start_again(&u, &c, 2);
    versions_accept(u.v, 2);
    one_round(&u);
    if (between(&u, 0, 1)) {
        /* 1 turns out to be unsafe: nobody gets it any more, failures or not. */
        u.floor = 2;
        versions_set_floor(u.v, u.floor);
        for (uint32_t i = 0; i < N_WORKLOADS; i++)
            (void)query(&u, &u.loads[i], false);
    }
    CHECK(versions_install(u.v, 3) == 0);
    versions_accept(u.v, 3);
    for (int i = 0; i < 12; i++)
        one_round(&u);
    for (uint32_t i = 0; i < N_WORKLOADS; i++)
        CHECK(pinned(u.v, &u.loads[i]) == VERSION_NONE);
    u.v = versions_free(u.v);
}

int main(int argc, char **argv)
{
    uint64_t from, to;
    bool caught = argc == 4 && strcmp(argv[1], "--caught") == 0;
    if (argc != 3 + caught || strcmp(argv[argc - 2], "--seeds") != 0 ||
        sscanf(argv[argc - 1], "%" SCNu64 "-%" SCNu64, &from, &to) != 2)
        return 2;
    if (caught)
        return is_caught(from, to, run) ? 0 : 1;
    for (uint64_t seed = from; seed <= to; seed++)
        run(seed);
    printf("%" PRIu64 " upgrades of %u workloads: nobody noticed\n", to - from + 1, N_WORKLOADS);
    return 0;
}
