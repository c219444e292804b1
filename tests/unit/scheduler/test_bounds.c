/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas of users and groups, time-outs with a warning before, drain, "would this fit?", and what a
 * scheduler is told that starts while executors run. */
#include "tests/unit/scheduler/bed.h"

static void set_quota(Bed *b, bool group, uint32_t id, SchedQuota quota)
{
    SchedEvent e = {.type = SCHED_EVENT_QUOTA_SET};
    e.quota.group = group;
    e.quota.id = id;
    e.quota.quota = quota;
    bed_send(b, e);
}

static void open_in_group(Bed *b, uint64_t session, uint32_t tenant, uint32_t group)
{
    SchedEvent e = {.type = SCHED_EVENT_SESSION_OPENED, .session = session};
    e.opened.tenant = tenant;
    e.opened.group = group;
    bed_send(b, e);
}

static void usage(Bed *b, uint64_t session, uint64_t spilled, uint64_t undelivered)
{
    SchedEvent e = {.type = SCHED_EVENT_USAGE, .session = session};
    e.usage.spill_bytes = spilled;
    e.usage.undelivered_bytes = undelivered;
    bed_send(b, e);
}

static void a_group_has_fewer_sessions_than_its_users(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    set_quota(b, true, 50, (SchedQuota){.sessions_max = 2});
    open_in_group(b, 1, 1000, 50);
    open_in_group(b, 2, 1001, 50);
    open_in_group(b, 3, 1002, 50);
    open_in_group(b, 4, 1002, 51);
    assert_null(bed_last(b, SCHED_ACTION_PLACE, 3));
    const SchedAction *refused = bed_last(b, SCHED_ACTION_REFUSE_SESSION, 3);
    assert_non_null(refused);
    assert_int_equal(refused->cause, SESSION_CAUSE_QUOTA);
    assert_non_null(strstr(refused->reason, "group"));
    assert_non_null(bed_last(b, SCHED_ACTION_PLACE, 4));
    /* Taken away: it holds no more. */
    set_quota(b, true, 50, (SchedQuota){0});
    open_in_group(b, 5, 1002, 50);
    assert_non_null(bed_last(b, SCHED_ACTION_PLACE, 5));
    bed_free(b);
}

static void one_query_at_a_time_and_few_that_wait(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    bed_open(b, 3, 1001);
    set_quota(b, false, 1000, (SchedQuota){.running_max = 1, .queued_max = 1});
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    bed_estimate(b, 2, 2, MIB, MIB, 1);
    bed_estimate(b, 1, 3, MIB, MIB, 1);
    bed_estimate(b, 3, 4, MIB, MIB, 1);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    assert_non_null(strstr(bed_last(b, SCHED_ACTION_QUEUE, 2)->reason, "query of its user"));
    assert_int_equal(bed_last(b, SCHED_ACTION_REFUSE_QUERY, 1)->query, 3);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 3)); /* somebody else's */
    bed_end(b, 1, 1);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    bed_free(b);
}

static void a_memory_quota_of_a_group_squeezes_the_group_alone(void **state)
{
    Bed *b = bed_new(1, 4, 16 * GIB);
    bed_start(b);
    set_quota(b, true, 50, (SchedQuota){.memory_max_bytes = 3 * GIB});
    open_in_group(b, 1, 1000, 50);
    open_in_group(b, 2, 1001, 50);
    bed_open(b, 3, 1002);
    for (uint64_t s = 1; s <= 3; s += 2) {
        bed_estimate(b, s, s, 1200 * MIB, MIB, 1);
        bed_end(b, s, s);
    }
    bed_forget(b);
    bed_estimate(b, 2, 2, 1500 * MIB, MIB, 1);
    bed_wait(b, USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    assert_null(bed_last(b, SCHED_ACTION_SHRINK, 3));
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    bed_return(b, 1, b->config.floor_bytes);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    bed_free(b);
}

static void a_share_of_the_cpu(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    uint32_t before = bed_last(b, SCHED_ACTION_MOVE, 1)->cpu_weight;
    set_quota(b, false, 1000, (SchedQuota){.cpu_weight_percent = 50});
    assert_int_equal(bed_last(b, SCHED_ACTION_MOVE, 1)->cpu_weight, before / 2);
    bed_free(b);
}

static void spilling_beyond_the_quota_ends_the_query(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    set_quota(b, false, 1000, (SchedQuota){.spill_max_bytes = GIB});
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    usage(b, 1, 900 * MIB, 0);
    assert_null(bed_last(b, SCHED_ACTION_CANCEL, 0));
    usage(b, 1, 1100 * MIB, 0);
    const SchedAction *cancel = bed_last(b, SCHED_ACTION_CANCEL, 1);
    assert_non_null(cancel);
    assert_int_equal(cancel->query, 1);
    assert_non_null(strstr(cancel->reason, "spilled"));
    /* Once, and nobody of that user begins before the files are gone. */
    bed_forget(b);
    usage(b, 1, 1200 * MIB, 0);
    assert_null(bed_last(b, SCHED_ACTION_CANCEL, 0));
    bed_end(b, 1, 1);
    bed_estimate(b, 2, 2, MIB, MIB, 1);
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    usage(b, 1, 0, 0);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    bed_free(b);
}

static void who_does_not_read_waits(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    set_quota(b, false, 1000, (SchedQuota){.undelivered_max_bytes = MIB});
    usage(b, 1, 0, 2 * MIB);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    assert_non_null(strstr(bed_last(b, SCHED_ACTION_QUEUE, 1)->reason, "read"));
    usage(b, 1, 0, 0);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    bed_free(b);
}

static void a_statement_is_warned_then_cancelled_then_ended(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    b->config.statement_timeout_usec = 60 * USEC_PER_SEC;
    b->config.warn_usec = 10 * USEC_PER_SEC;
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    bed_wait(b, 49 * USEC_PER_SEC);
    const SchedAction *notice = bed_last(b, SCHED_ACTION_NOTICE, 1);
    assert_true(!notice || notice->query == 0); /* that it moved to batch */
    bed_wait(b, 2 * USEC_PER_SEC);
    assert_int_equal(bed_last(b, SCHED_ACTION_NOTICE, 1)->query, 1);
    assert_null(bed_last(b, SCHED_ACTION_CANCEL, 1));
    bed_wait(b, 10 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_CANCEL, 1));
    assert_null(bed_last(b, SCHED_ACTION_STOP, 0));
    /* It does not heed it. */
    bed_wait(b, 11 * USEC_PER_SEC);
    const SchedAction *lost = bed_last(b, SCHED_ACTION_LOST, 1);
    assert_non_null(lost);
    assert_false(lost->may_retry);
    assert_non_null(strstr(lost->reason, "did not end"));
    bed_free(b);
}

static void a_waiting_statement_is_refused_when_its_time_is_over(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    b->config.statement_timeout_usec = 5 * USEC_PER_SEC;
    bed_start(b);
    bed_open(b, 1, 1000);
    set_quota(b, false, 1000, (SchedQuota){.undelivered_max_bytes = 1});
    usage(b, 1, 0, 1);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    bed_wait(b, 6 * USEC_PER_SEC);
    assert_int_equal(bed_last(b, SCHED_ACTION_REFUSE_QUERY, 1)->query, 1);
    assert_int_equal(bed_session(b, 1).n_queued, 0);
    bed_free(b);
}

static void an_idle_session_is_warned_then_ended(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    b->config.idle_timeout_usec = 100 * USEC_PER_SEC;
    b->config.warn_usec = 10 * USEC_PER_SEC;
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    bed_wait(b, 91 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_NOTICE, 1));
    bed_estimate(b, 2, 1, MIB, MIB, 1); /* this one has woken up */
    bed_end(b, 2, 1);
    bed_wait(b, 10 * USEC_PER_SEC);
    assert_non_null(strstr(bed_last(b, SCHED_ACTION_LOST, 1)->reason, "idle"));
    assert_null(bed_last(b, SCHED_ACTION_LOST, 2));
    bed_wait(b, 100 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_LOST, 2));
    bed_free(b);
}

static void a_drained_host_takes_nobody_and_says_when_it_is_empty(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    SchedTotals t;
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    SchedEvent drain = {.type = SCHED_EVENT_DRAIN};
    drain.drain.on = true;
    drain.drain.deadline_usec = b->now + 100 * USEC_PER_SEC;
    bed_send(b, drain);
    bed_open(b, 3, 1000);
    assert_int_equal(bed_last(b, SCHED_ACTION_REFUSE_SESSION, 3)->cause, SESSION_CAUSE_SHUTDOWN);
    bed_end(b, 1, 1); /* what ran went on */
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_CLOSED,
                             .session = 1,
                             .closed.cause = SESSION_CAUSE_CLOSED});
    bed_wait(b, 80 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_NOTICE, 2));
    assert_null(bed_last(b, SCHED_ACTION_DRAINED, 0));
    bed_wait(b, 30 * USEC_PER_SEC);
    assert_int_equal(bed_last(b, SCHED_ACTION_LOST, 2)->cause, SESSION_CAUSE_SHUTDOWN);
    assert_non_null(bed_last(b, SCHED_ACTION_DRAINED, 0));
    sched_totals(b->sched, &t);
    assert_int_equal(t.n_executors, 0);
    drain.drain.on = false;
    bed_send(b, drain);
    bed_open(b, 4, 1000);
    assert_non_null(bed_last(b, SCHED_ACTION_PLACE, 4));
    bed_free(b);
}

static void would_this_fit(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    SchedAnswer a;
    bed_start(b);
    bed_open(b, 1, 1000);
    SchedWish wish = {.session = 1, .scan_bytes = MIB, .memory_peak_bytes = GIB, .parallelism = 1};
    uint64_t before = check_digest(b->sched);
    assert_int_equal(sched_would_fit(b->sched, &wish, &a), SCHED_FIT_NOW);
    assert_in_range(a.grant_bytes, GIB, 2 * GIB);
    SchedWish fresh = {.tenant = 1001, .memory_peak_bytes = GIB, .parallelism = 1};
    assert_int_equal(sched_would_fit(b->sched, &fresh, &a), SCHED_FIT_NOW);
    assert_int_equal(check_digest(b->sched), before);
    bed_estimate(b, 1, 1, GIB, MIB, 1);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 1));

    set_quota(b, false, 1000, (SchedQuota){.running_max = 1, .queued_max = 1, .sessions_max = 1});
    assert_int_equal(sched_would_fit(b->sched, &wish, &a), SCHED_FIT_LATER);
    assert_int_equal(a.position, 1);
    assert_non_null(strstr(a.reason, "another query"));
    fresh.tenant = 1000;
    assert_int_equal(sched_would_fit(b->sched, &fresh, &a), SCHED_FIT_REFUSED);
    bed_estimate(b, 1, 2, MIB, MIB, 1);
    assert_int_equal(sched_would_fit(b->sched, &wish, &a), SCHED_FIT_REFUSED);
    wish.session = 99;
    assert_int_equal(sched_would_fit(b->sched, &wish, &a), SCHED_FIT_REFUSED);
    bed_free(b);
}

static void what_survived_is_adopted(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    SchedTotals t;
    uint64_t high, max;
    assert_int_equal(sched_new(&b->config, &b->topology, &b->sched), 0);
    sched_limits(GIB, &high, &max);
    SchedEvent e = {.type = SCHED_EVENT_SESSION_ADOPTED, .session = 7};
    e.adopted.tenant = 1000;
    e.adopted.generation = 3;
    e.adopted.executor = 41;
    e.adopted.grant_bytes = GIB;
    e.adopted.high_bytes = high;
    e.adopted.max_bytes = max;
    bed_send(b, e);
    SchedEvent q = {.type = SCHED_EVENT_QUERY_ADOPTED, .session = 7};
    q.estimate.query = 5;
    q.estimate.memory_peak_bytes = GIB;
    q.estimate.parallelism = 1;
    bed_send(b, q);
    assert_null(bed_last(b, SCHED_ACTION_SPAWN, 0)); /* nothing yet */
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_TIMER});
    assert_true(bed_last(b, SCHED_ACTION_SPAWN, 0)->executor > 41);
    assert_non_null(bed_last(b, SCHED_ACTION_MOVE, 7));
    SchedSessionInfo info = bed_session(b, 7);
    assert_int_equal(info.n_running, 1);
    assert_int_equal(info.n_slots, 1);
    assert_int_equal(info.generation, 3);
    assert_int_equal(info.max_bytes, max);
    sched_totals(b->sched, &t);
    assert_in_range(t.committed_bytes, max, b->config.memory_budget_bytes);
    bed_request(b, 7, 2 * GIB, 2 * GIB);
    assert_in_range(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 7)->grant_bytes, 2 * GIB, 8 * GIB);
    bed_end(b, 7, 5);
    assert_int_equal(bed_session(b, 7).n_slots, 0);
    bed_free(b);
}

static void a_request_ends_with_its_query(void **state)
{
    Bed *b = bed_new(1, 4, 2 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_REQUEST, .session = 1};
    e.request.serial = 77;
    e.request.query = 1;
    e.request.total_bytes = e.request.minimum_bytes = 64 * GIB / 64 + 300 * MIB;
    b->hold_acks = true;
    bed_send(b, e);
    bed_end(b, 1, 1);
    bed_forget(b);
    bed_wait(b, b->config.request_wait_usec + USEC_PER_SEC);
    assert_null(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 1));
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_has_fewer_sessions_than_its_users),
        cmocka_unit_test(one_query_at_a_time_and_few_that_wait),
        cmocka_unit_test(a_memory_quota_of_a_group_squeezes_the_group_alone),
        cmocka_unit_test(a_share_of_the_cpu),
        cmocka_unit_test(spilling_beyond_the_quota_ends_the_query),
        cmocka_unit_test(who_does_not_read_waits),
        cmocka_unit_test(a_statement_is_warned_then_cancelled_then_ended),
        cmocka_unit_test(a_waiting_statement_is_refused_when_its_time_is_over),
        cmocka_unit_test(an_idle_session_is_warned_then_ended),
        cmocka_unit_test(a_drained_host_takes_nobody_and_says_when_it_is_empty),
        cmocka_unit_test(would_this_fit),
        cmocka_unit_test(what_survived_is_adopted),
        cmocka_unit_test(a_request_ends_with_its_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
