/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: canaries, retries on the version before, pins, probes, and what a pin may not be used
 * for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scheduler/version/version.h"

#define SEC USEC_PER_SEC
#define DAY (24 * 3600 * SEC)

static uint64_t now = SEC;

static Versions *make(uint32_t n_versions)
{
    VersionConfig c = version_config_default();
    Versions *v = NULL;
    c.trial_runs = 0; /* nobody is on trial, unless a test wants it */
    assert_int_equal(versions_new(&c, &v), 0);
    for (uint32_t i = 1; i <= n_versions; i++)
        assert_int_equal(versions_install(v, i), 0);
    return v;
}

static VersionRun run_of(uint32_t uid, uint64_t fingerprint, uint32_t version,
                         VersionOutcome outcome)
{
    VersionRun r = {.outcome = outcome, .cost_usec = SEC, .scan_bytes = 1u << 30};
    r.query.now_usec = now += SEC;
    r.query.uid = uid;
    r.query.fingerprint = fingerprint;
    r.query.version = version;
    r.query.repeatable = true;
    r.error = outcome == VERSION_OUTCOME_ERROR ? 7 : 0;
    return r;
}

static VersionVerdict tell(Versions *v, uint32_t uid, uint64_t fingerprint, uint32_t version,
                           VersionOutcome outcome, uint32_t retry_of)
{
    VersionRun r = run_of(uid, fingerprint, version, outcome);
    r.retry_of = retry_of;
    return versions_outcome(v, &r);
}

static uint32_t ask(Versions *v, uint32_t uid, uint64_t fingerprint, uint32_t version,
                    VersionWhy *ret_why)
{
    VersionRun r = run_of(uid, fingerprint, version, VERSION_OUTCOME_DONE);
    return versions_for_query(v, &r.query, ret_why);
}

/* Crashes on 2, does well on 1. */
static VersionVerdict crash_and_retry(Versions *v, uint32_t uid, uint64_t fingerprint)
{
    VersionVerdict x = tell(v, uid, fingerprint, 2, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_RETRY);
    assert_int_equal(x.version, 1);
    return tell(v, uid, fingerprint, 1, VERSION_OUTCOME_DONE, 2);
}

static void a_crash_is_retried_and_pinned_for_its_workload_alone(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionWhy why;
    assert_int_equal(versions_for_session(v, 1), 2);
    VersionVerdict x = crash_and_retry(v, 1000, 5);
    assert_int_equal(x.step, VERSION_STEP_PIN);
    assert_int_equal(x.version, 1);
    assert_int_equal(x.instead_of, 2);
    assert_non_null(x.reason);
    assert_int_equal(ask(v, 1000, 5, 2, &why), 1);
    assert_int_equal(why, VERSION_WHY_PINNED);
    assert_int_equal(ask(v, 1000, 6, 2, &why), 2); /* another plan */
    assert_int_equal(ask(v, 1001, 5, 2, &why), 2); /* another user */
    assert_int_equal(versions_for_session(v, 1), 2);
}

static void what_fails_on_both_is_not_the_versions_fault(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(3);
    VersionWhy why;
    VersionVerdict x = tell(v, 1000, 5, 3, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.version, 2);
    x = tell(v, 1000, 5, 2, VERSION_OUTCOME_CRASH, 3);
    assert_int_equal(x.step, VERSION_STEP_NONE); /* and it goes no further down */
    /* The next time it is explained, until that has been long ago or the version is another. */
    x = tell(v, 1000, 5, 3, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_NONE);
    assert_int_equal(ask(v, 1000, 5, 3, &why), 3);
    now += 2 * DAY;
    x = tell(v, 1000, 5, 3, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_RETRY);
}

static void only_some_causes_count(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionVerdict x = tell(v, 1000, 5, 2, VERSION_OUTCOME_STRANGE, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_NONE);
    /* An error of a query that nobody knows is the query's. */
    x = tell(v, 1000, 5, 2, VERSION_OUTCOME_ERROR, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_NONE);
    /* One that did well before may have met a wrong one. */
    (void)tell(v, 1000, 6, 1, VERSION_OUTCOME_DONE, VERSION_NONE);
    x = tell(v, 1000, 6, 2, VERSION_OUTCOME_ERROR, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_RETRY);
    /* What cannot be repeated is not. */
    VersionRun r = run_of(1000, 7, 2, VERSION_OUTCOME_CRASH);
    r.query.repeatable = false;
    assert_int_equal(versions_outcome(v, &r).step, VERSION_STEP_NONE);
    /* Nor what has no name. */
    assert_int_equal(tell(v, 1000, 0, 2, VERSION_OUTCOME_CRASH, VERSION_NONE).step,
                     VERSION_STEP_NONE);
}

static void nothing_goes_below_the_floor(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(3);
    VersionWhy why;
    versions_set_floor(v, 3);
    VersionVerdict x = tell(v, 1000, 5, 3, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_NONE);
    versions_set_floor(v, 2);
    now += 2 * DAY;
    x = tell(v, 1000, 6, 3, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.version, 2);
    x = tell(v, 1000, 6, 2, VERSION_OUTCOME_DONE, 3);
    assert_int_equal(x.step, VERSION_STEP_PIN);
    /* A floor that rises takes the pin away, and moves sessions that are open. */
    versions_set_floor(v, 3);
    assert_int_equal(ask(v, 1000, 6, 3, &why), 3);
    assert_int_equal(ask(v, 1000, 6, 2, &why), 3);
    assert_int_equal(why, VERSION_WHY_GONE);
    /* A floor above everything leaves the newest. */
    versions_set_floor(v, 9);
    assert_int_equal(versions_for_session(v, 1), 3);
}

static void nobody_walks_down_step_by_step(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(4);
    uint32_t lowest = 4, at = 4;
    /* Crashes on what it gets, does well on what it is retried on, for a year. */
    for (int i = 0; i < 365; i++) {
        VersionWhy why;
        now += DAY;
        at = ask(v, 1000, 5, 4, &why);
        lowest = MIN(lowest, at);
        VersionVerdict x = tell(v, 1000, 5, at, VERSION_OUTCOME_CRASH, VERSION_NONE);
        if (x.step == VERSION_STEP_RETRY) {
            lowest = MIN(lowest, x.version);
            (void)tell(v, 1000, 5, x.version, VERSION_OUTCOME_DONE, at);
        }
    }
    assert_int_equal(lowest, 3);
}

static void a_pin_expires(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionWhy why;
    assert_int_equal(crash_and_retry(v, 1000, 5).step, VERSION_STEP_PIN);
    now += 31 * DAY;
    assert_int_equal(ask(v, 1000, 5, 2, &why), 2);
    assert_int_equal(why, VERSION_WHY_AS_IT_IS);
}

static void a_pinned_workload_tries_again_and_is_freed_by_a_version_that_does_well(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionWhy why;
    VersionVerdict x = crash_and_retry(v, 1000, 5);
    /* A day later, and it still fails: back, and later still. */
    now += DAY;
    assert_int_equal(ask(v, 1000, 5, 1, &why), 2);
    assert_int_equal(why, VERSION_WHY_PROBED);
    x = tell(v, 1000, 5, 2, VERSION_OUTCOME_CRASH, VERSION_NONE);
    assert_int_equal(x.step, VERSION_STEP_RETRY);
    assert_int_equal(x.version, 1);
    assert_int_equal(tell(v, 1000, 5, 1, VERSION_OUTCOME_DONE, 2).step, VERSION_STEP_NONE);
    now += DAY;
    assert_int_equal(ask(v, 1000, 5, 1, &why), 1);
    /* A new version is tried at once. */
    assert_int_equal(versions_install(v, 3), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(v, 1000, 5, 1, &why), 3);
        VersionRun r = run_of(1000, 5, 3, VERSION_OUTCOME_DONE);
        r.why = why;
        x = versions_outcome(v, &r);
        assert_int_equal(x.step, i < 2 ? VERSION_STEP_NONE : VERSION_STEP_UNPIN);
    }
    assert_int_equal(ask(v, 1000, 5, 3, &why), 3);
    assert_int_equal(why, VERSION_WHY_AS_IT_IS);
}

static VersionVerdict cost(Versions *v, uint32_t version, VersionWhy why, uint64_t cost_usec)
{
    VersionRun r = run_of(1000, 5, version, VERSION_OUTCOME_DONE);
    r.why = why;
    r.cost_usec = cost_usec;
    return versions_outcome(v, &r);
}

static void a_slowdown_is_compared_and_pinned(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionWhy why;
    for (int i = 0; i < 3; i++)
        (void)cost(v, 1, VERSION_WHY_AS_IT_IS, SEC);
    assert_int_equal(cost(v, 2, VERSION_WHY_AS_IT_IS, 5 * SEC).step, VERSION_STEP_NONE);
    assert_int_equal(ask(v, 1000, 5, 2, &why), 1);
    assert_int_equal(why, VERSION_WHY_COMPARED);
    VersionVerdict x = cost(v, 1, why, SEC);
    assert_int_equal(x.step, VERSION_STEP_PIN);
    assert_int_equal(x.version, 1);
}

static void what_has_become_slow_everywhere_stays(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    VersionWhy why;
    for (int i = 0; i < 3; i++)
        (void)cost(v, 1, VERSION_WHY_AS_IT_IS, SEC);
    (void)cost(v, 2, VERSION_WHY_AS_IT_IS, 5 * SEC);
    (void)ask(v, 1000, 5, 2, &why);
    assert_int_equal(cost(v, 1, why, 5 * SEC).step, VERSION_STEP_NONE);
    (void)cost(v, 2, VERSION_WHY_AS_IT_IS, 5 * SEC);
    assert_int_equal(ask(v, 1000, 5, 2, &why), 2); /* explained */
}

static void a_version_on_trial_is_for_few(void **state)
{
    VersionConfig c = version_config_default();
    _cleanup_(versions_freep) Versions *v = NULL;
    assert_int_equal(versions_new(&c, &v), 0);
    assert_int_equal(versions_install(v, 1), 0);
    assert_int_equal(versions_install(v, 2), 0);
    uint32_t n_canaries = 0;
    for (uint64_t s = 1; s <= 10000; s++)
        n_canaries += versions_for_session(v, s) == 2;
    assert_in_range(n_canaries, 800, 1200);
    /* Good runs end the trial. */
    for (uint32_t i = 0; i < c.trial_runs; i++)
        (void)tell(v, 1000, 100 + i, 2, VERSION_OUTCOME_DONE, VERSION_NONE);
    for (uint64_t s = 1; s <= 100; s++)
        assert_int_equal(versions_for_session(v, s), 2);
}

static void pins_of_two_users_halt_a_trial_and_of_one_do_not(void **state)
{
    VersionConfig c = version_config_default();
    _cleanup_(versions_freep) Versions *v = NULL;
    assert_int_equal(versions_new(&c, &v), 0);
    assert_int_equal(versions_install(v, 1), 0);
    assert_int_equal(versions_install(v, 2), 0);
    for (uint64_t f = 1; f <= 50; f++)
        assert_false(crash_and_retry(v, 1000, f).halted);
    assert_true(crash_and_retry(v, 1001, 1).halted);
    for (uint64_t s = 1; s <= 1000; s++)
        assert_int_equal(versions_for_session(v, s), 1);
    VersionInfo info = {0};
    for (size_t i = 0; versions_each(v, &i, &info) && info.version != 2;)
        ;
    assert_true(info.halted);
    assert_int_equal(info.n_pins, 51);
    versions_accept(v, 2);
    assert_int_equal(versions_for_session(v, 1), 2);
}

static void one_user_can_neither_pin_without_end_nor_make_others_forgotten(void **state)
{
    VersionConfig c = version_config_default();
    _cleanup_(versions_freep) Versions *v = NULL;
    VersionWhy why;
    c.workloads_max = 64;
    c.tenant_workloads_max = 16;
    c.tenant_pins_max = 4;
    c.trial_runs = 0;
    assert_int_equal(versions_new(&c, &v), 0);
    assert_int_equal(versions_install(v, 1), 0);
    assert_int_equal(versions_install(v, 2), 0);
    assert_int_equal(crash_and_retry(v, 1001, 1).step, VERSION_STEP_PIN);
    uint32_t n_pins = 0;
    for (uint64_t f = 1; f <= 12; f++)
        n_pins += crash_and_retry(v, 1000, f).step == VERSION_STEP_PIN;
    assert_int_equal(n_pins, 4);
    for (uint64_t f = 100; f < 1000; f++)
        (void)tell(v, 1000, f, 2, VERSION_OUTCOME_DONE, VERSION_NONE);
    assert_int_equal(ask(v, 1001, 1, 2, &why), 1); /* the neighbour's is still there */
}

static void what_is_exported_can_be_imported(void **state)
{
    _cleanup_(versions_freep) Versions *v = make(2);
    _cleanup_(versions_freep) Versions *again = make(2);
    VersionRecord r;
    VersionWhy why;
    uint32_t n = 0;
    assert_int_equal(crash_and_retry(v, 1000, 5).step, VERSION_STEP_PIN);
    (void)tell(v, 1001, 6, 2, VERSION_OUTCOME_DONE, VERSION_NONE);
    for (size_t i = 0; versions_export(v, &i, &r); n++) {
        assert_int_equal(versions_import(again, &r), 0);
        assert_int_equal(versions_import(again, &r), -EEXIST);
    }
    assert_int_equal(n, 2);
    assert_int_equal(ask(again, 1000, 5, 2, &why), 1);
    assert_int_equal(why, VERSION_WHY_PINNED);
    /* What cannot be is not taken. */
    r = (VersionRecord){.fingerprint = 9, .uid = 1000, .pinned = 2, .bad = 1};
    assert_int_equal(versions_import(again, &r), -EINVAL);
    r = (VersionRecord){.uid = 1000};
    assert_int_equal(versions_import(again, &r), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_retried_and_pinned_for_its_workload_alone),
        cmocka_unit_test(what_fails_on_both_is_not_the_versions_fault),
        cmocka_unit_test(only_some_causes_count),
        cmocka_unit_test(nothing_goes_below_the_floor),
        cmocka_unit_test(nobody_walks_down_step_by_step),
        cmocka_unit_test(a_pin_expires),
        cmocka_unit_test(a_pinned_workload_tries_again_and_is_freed_by_a_version_that_does_well),
        cmocka_unit_test(a_slowdown_is_compared_and_pinned),
        cmocka_unit_test(what_has_become_slow_everywhere_stays),
        cmocka_unit_test(a_version_on_trial_is_for_few),
        cmocka_unit_test(pins_of_two_users_halt_a_trial_and_of_one_do_not),
        cmocka_unit_test(one_user_can_neither_pin_without_end_nor_make_others_forgotten),
        cmocka_unit_test(what_is_exported_can_be_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
