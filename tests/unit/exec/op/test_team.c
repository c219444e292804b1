/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec/op/team.[ch]: every member runs once, nobody waits for those who did not begin, threads
 * are kept from one job to the next, several callers share a team.
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

static void test_all_members_work_at_once(void **state)
{
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    for (uint32_t n = 1; n <= 8; n++) {
        Count c = {.wait_for = n};

        exec_team_run(team, n, count_member, &c);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(c.begun[i], i < n);
    }
    (void)exec_team_free(team);
}

static void test_threads_stay(void **state)
{
    Count first = {.wait_for = 3};
    ExecTeam *team;

    assert_int_equal(exec_team_new(&team), 0);
    exec_team_run(team, 3, count_member, &first);
    for (int round = 0; round < 50; round++) {
        Count c = {.wait_for = 3};

        exec_team_run(team, 3, count_member, &c);
        for (uint32_t i = 0; i < 3; i++) {
            bool known = false;

            for (uint32_t k = 0; k < 3; k++)
                known |= pthread_equal(c.threads[i], first.threads[k]);
            assert_true(known);
            assert_false(pthread_equal(c.threads[i], pthread_self()));
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

        exec_team_run(team, 8, count_member, &c);
        n = atomic_load(&c.n);
        assert_in_range(n, 1, 8);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(c.begun[i], i < n);
    }
    (void)exec_team_free(team);
}

static void *call_often(void *userdata)
{
    for (int round = 0; round < 300; round++) {
        Count c = {.wait_for = round % 3 == 0 ? 4 : 0};

        exec_team_run(userdata, 4, count_member, &c);
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
        cmocka_unit_test(test_several_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
