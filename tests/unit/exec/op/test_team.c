/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec/op/team.[ch]: every member runs once, nobody waits for those who did not begin, threads
 * are kept from one job to the next, rounds do not overlap, several callers share a team.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "exec/op/team.h"

typedef struct Count {
    uint32_t n_rounds, members; /* left; of each */
    atomic_uint begun[8];
    atomic_uint n, wait_for; /* members that must have begun before one returns */
    pthread_t threads[8];
} Count;

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void count_member(void *userdata, uint32_t member)
{
    Count *c = userdata;

    atomic_fetch_add(&c->begun[member], 1);
    c->threads[member] = pthread_self();
    atomic_fetch_add(&c->n, 1);
    while (atomic_load(&c->n) < atomic_load(&c->wait_for))
        pause_shortly();
}

static uint32_t next_round(void *userdata)
{
    Count *c = userdata;

    if (c->n_rounds == 0)
        return 0;
    c->n_rounds--;
    return c->members;
}

static const TeamRounds counting = {.next = next_round, .work = count_member};

static void run_once(ExecTeam *team, uint32_t members, Count *c)
{
    c->n_rounds = 1;
    c->members = members;
    exec_team_run(team, &counting, c);
}

static void test_all_members_work_at_once(void **state)
{
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (uint32_t n = 1; n <= 8; n++) {
        Count c = {.wait_for = n};

        run_once(team, n, &c);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(c.begun[i], i < n);
    }
    (void)exec_team_free(team);
}

static void test_threads_stay(void **state)
{
    pthread_t seen[8];
    uint32_t n_seen = 0;
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (int round = 0; round < 50; round++) {
        Count c = {.wait_for = 3};

        run_once(team, 3, &c);
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t k = 0;

            while (k < n_seen && !pthread_equal(c.threads[i], seen[k]))
                k++;
            if (k == n_seen) {
                assert_true(n_seen < 4); /* the caller and three of the team */
                seen[n_seen++] = c.threads[i];
            }
        }
    }
    (void)exec_team_free(team);
}

/* The first one ends at once: whoever comes later is not waited for, and does not begin. */
static void test_late_members_are_left_out(void **state)
{
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (int round = 0; round < 2000; round++) {
        Count c = {0};
        uint32_t n;

        run_once(team, 8, &c);
        n = atomic_load(&c.n);
        assert_in_range(n, 1, 8);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(c.begun[i], i < n);
    }
    (void)exec_team_free(team);
}

/* Rounds of one, two and no more than four members: none overlaps another. */
typedef struct Chain {
    uint32_t round;
    atomic_int inside, others; /* of this round, of an earlier one */
    atomic_uint members[200];
} Chain;

static uint32_t chain_next(void *userdata)
{
    Chain *c = userdata;

    if (atomic_exchange(&c->inside, 0) != 0)
        atomic_fetch_add(&c->others, 1);
    return ++c->round == ARRAY_SIZE(c->members) ? 0 : 1 + c->round * 7 % 4;
}

static void chain_work(void *userdata, uint32_t member)
{
    Chain *c = userdata;
    uint32_t round = c->round;

    atomic_fetch_add(&c->inside, 1);
    atomic_fetch_add(&c->members[round], 1);
    if (round % 5 == member)
        pause_shortly();
    if (c->round != round)
        atomic_fetch_add(&c->others, 1);
    atomic_fetch_sub(&c->inside, 1);
}

static void test_rounds_follow_each_other(void **state)
{
    static const TeamRounds class = {.next = chain_next, .work = chain_work};
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (int i = 0; i < 20; i++) {
        Chain c = {0};

        exec_team_run(team, &class, &c);
        assert_int_equal(c.others, 0);
        assert_int_equal(c.round, ARRAY_SIZE(c.members));
        for (uint32_t k = 1; k < c.round; k++)
            assert_in_range(c.members[k], 1, 1 + k * 7 % 4);
    }
    (void)exec_team_free(team);
}

static void *call_often(void *userdata)
{
    for (int round = 0; round < 300; round++) {
        Count c = {.wait_for = round % 3 == 0 ? 4 : 0};

        run_once(userdata, 4, &c);
        if (atomic_load(&c.n) == 0)
            return userdata;
    }
    return NULL;
}

static void test_several_callers(void **state)
{
    pthread_t callers[4];
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, team), 0);
    for (int i = 0; i < 4; i++) {
        void *result;

        pthread_join(callers[i], &result);
        assert_null(result);
    }
    (void)exec_team_free(team);
    (void)exec_team_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_members_work_at_once),
        cmocka_unit_test(test_threads_stay),
        cmocka_unit_test(test_late_members_are_left_out),
        cmocka_unit_test(test_rounds_follow_each_other),
        cmocka_unit_test(test_several_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
