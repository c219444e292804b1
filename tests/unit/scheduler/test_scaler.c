/* SPDX-License-Identifier: Apache-2.0 */
/* The memory ladder: reserve first, trip wire, squeeze, restart larger, say no clearly (D-1, D-2,
 * D-10). */
#include "tests/unit/scheduler/bed.h"

static Bed *one_session(void)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, 64 * MIB, MIB, 4);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    return b;
}

static void limits_and_grants_agree(void **state)
{
    uint64_t high, max;
    for (uint64_t g = MIB; g < 64 * GIB; g += g / 3 + 12345) {
        sched_limits(g, &high, &max);
        assert_true(g + 24 * MIB <= high && high + 32 * MIB <= max);
        uint64_t back = sched_grant_for_max(max);
        assert_true(back <= g + g / 1000 + MIB && back + MIB >= g);
        sched_limits(back, &high, &max);
        uint64_t again;
        sched_limits(g, &high, &again);
        assert_true(max <= again);
    }
    assert_int_equal(sched_grant_for_max(0), 0);
}

static void a_request_is_granted_after_the_raise(void **state)
{
    Bed *b = one_session();
    bed_forget(b);
    b->hold_acks = true;
    bed_request(b, 1, GIB, 512 * MIB);
    const SchedAction *resize = bed_last(b, SCHED_ACTION_RESIZE, 1);
    assert_non_null(resize);
    assert_true(resize->grant_bytes >= GIB);
    assert_null(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 1)); /* not before the limit is in force */
    SchedEvent e = {.type = SCHED_EVENT_RESIZED};
    e.resized.executor = resize->executor;
    e.resized.serial = resize->serial;
    e.resized.high_bytes = resize->high_bytes;
    e.resized.max_bytes = resize->max_bytes;
    bed_send(b, e);
    const SchedAction *reply = bed_last(b, SCHED_ACTION_MEMORY_REPLY, 1);
    assert_non_null(reply);
    assert_int_equal(reply->serial, b->serial);
    assert_int_equal(reply->verdict, MEMORY_VERDICT_GRANTED);
    assert_true(reply->grant_bytes >= GIB);
    bed_free(b);
}

static void a_crossed_wire_raises_both_limits(void **state)
{
    Bed *b = one_session();
    SchedSessionInfo before = bed_session(b, 1);
    bed_forget(b);
    bed_high(b, 1, before.high_bytes + MIB);
    const SchedAction *resize = bed_last(b, SCHED_ACTION_RESIZE, 1);
    assert_non_null(resize);
    assert_true(resize->high_bytes > before.high_bytes + MIB);
    assert_true(resize->max_bytes > before.max_bytes && resize->max_bytes > resize->high_bytes);
    assert_int_equal(bed_session(b, 1).n_raises, 1);
    bed_free(b);
}

static void a_wire_that_was_moved_meanwhile_is_no_news(void **state)
{
    Bed *b = one_session();
    SchedSessionInfo before = bed_session(b, 1);
    bed_request(b, 1, GIB, GIB);
    bed_forget(b);
    bed_high(b, 1, before.high_bytes);
    assert_null(bed_last(b, SCHED_ACTION_RESIZE, 1));
    bed_free(b);
}

/* The executor goes on while its wire is moved, crosses the new one, and that is heard of first. */
static void a_new_wire_crossed_before_it_is_told_is_raised_again(void **state)
{
    Bed *b = one_session();
    uint64_t high = bed_session(b, 1).high_bytes;
    b->hold_acks = true;
    bed_high(b, 1, high);
    SchedAction first = *bed_last(b, SCHED_ACTION_RESIZE, 1);
    SchedEvent crossed = {.type = SCHED_EVENT_MEMORY_HIGH, .session = 1};
    crossed.high.high_bytes = first.high_bytes;
    crossed.high.current_bytes = first.high_bytes + MIB;
    bed_send(b, crossed);
    bed_forget(b);
    SchedEvent done = {.type = SCHED_EVENT_RESIZED};
    done.resized.executor = first.executor;
    done.resized.serial = first.serial;
    done.resized.high_bytes = first.high_bytes;
    done.resized.max_bytes = first.max_bytes;
    done.resized.current_bytes = high; /* read by the writer, before that */
    bed_send(b, done);
    const SchedAction *second = bed_last(b, SCHED_ACTION_RESIZE, 1);
    assert_non_null(second);
    assert_true(second->high_bytes > first.high_bytes);
    bed_free(b);
}

/* Reading files fills the leaf with page cache, and the wire is crossed again and again: no reason
 * to grow. */
static void page_cache_alone_raises_nothing(void **state)
{
    Bed *b = one_session();
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_HIGH, .session = 1};
    e.high.high_bytes = bed_session(b, 1).high_bytes;
    e.high.current_bytes = e.high.high_bytes / 2;
    bed_forget(b);
    for (int i = 0; i < 100; i++)
        bed_send(b, e);
    assert_int_equal(b->n_actions, 0);
    bed_free(b);
}

static void both_limits_count_until_the_write_is_acknowledged(void **state)
{
    Bed *b = one_session();
    SchedTotals before, during;
    sched_totals(b->sched, &before);
    b->hold_acks = true;
    bed_request(b, 1, GIB, GIB);
    sched_totals(b->sched, &during);
    const SchedAction *resize = bed_last(b, SCHED_ACTION_RESIZE, 1);
    assert_int_equal(bed_session(b, 1).max_bytes, resize->max_bytes);
    assert_true(during.committed_bytes > before.committed_bytes + GIB / 2);
    bed_free(b);
}

static void a_write_that_failed_leaves_the_old_grant(void **state)
{
    Bed *b = one_session();
    SchedSessionInfo before = bed_session(b, 1);
    b->hold_acks = true;
    bed_request(b, 1, 4 * GIB, 16 * MIB);
    const SchedAction *resize = bed_last(b, SCHED_ACTION_RESIZE, 1);
    b->config.session_memory_max_bytes = before.max_bytes; /* so that it is not tried again */
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_CONFIG, .config = &b->config});
    SchedEvent e = {.type = SCHED_EVENT_RESIZED};
    e.resized.executor = resize->executor;
    e.resized.serial = resize->serial;
    e.resized.high_bytes = before.high_bytes;
    e.resized.max_bytes = before.max_bytes;
    bed_send(b, e);
    const SchedAction *reply = bed_last(b, SCHED_ACTION_MEMORY_REPLY, 1);
    assert_int_equal(reply->verdict, MEMORY_VERDICT_PARTLY);
    assert_int_equal(reply->grant_bytes, before.grant_bytes);
    bed_free(b);
}

static void an_idle_session_gives_back_and_is_lowered_after_that(void **state)
{
    Bed *b = one_session();
    bed_request(b, 1, 4 * GIB, GIB);
    bed_end(b, 1, 1);
    bed_forget(b);
    bed_wait(b, 3 * USEC_PER_SEC);
    const SchedAction *shrink = bed_last(b, SCHED_ACTION_SHRINK, 1);
    assert_non_null(shrink);
    assert_int_equal(shrink->grant_bytes, b->config.floor_bytes);
    assert_null(bed_last(b, SCHED_ACTION_RESIZE, 1)); /* D-2: not while it may still use it */
    bed_return(b, 1, 100 * MIB);
    const SchedAction *resize = bed_last(b, SCHED_ACTION_RESIZE, 1);
    assert_non_null(resize);
    assert_int_equal(resize->grant_bytes, 100 * MIB);
    bed_free(b);
}

static void a_return_that_crossed_an_answer_is_ignored(void **state)
{
    Bed *b = one_session();
    uint64_t known = b->serial;
    bed_request(b, 1, 2 * GIB, GIB);
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_RETURN, .session = 1};
    e.returned.serial = known;
    e.returned.total_bytes = 0;
    bed_send(b, e);
    assert_true(bed_session(b, 1).grant_bytes >= 2 * GIB);
    e.returned.serial = b->serial;
    bed_send(b, e);
    assert_int_equal(bed_session(b, 1).grant_bytes, b->config.floor_bytes);
    bed_free(b);
}

/* What a session keeps makes its next query quicker, and nobody else has a use for it. */
static void an_idle_session_keeps_its_grant_on_a_half_empty_host(void **state)
{
    Bed *b = one_session();
    bed_request(b, 1, GIB / 2, GIB / 2);
    bed_end(b, 1, 1);
    bed_return(b, 1, GIB / 2); /* of its own accord */
    bed_forget(b);
    bed_wait(b, 20 * USEC_PER_SEC);
    assert_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    bed_wait(b, 20 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    bed_free(b);
}

static void a_cache_grows_on_a_half_empty_host_only(void **state)
{
    Bed *b = one_session();
    bed_end(b, 1, 1);
    bed_estimate_useful(b, 1, 2, 64 * MIB, GIB);
    assert_int_equal(bed_last(b, SCHED_ACTION_GRANT, 1)->grant_bytes, GIB);
    bed_end(b, 1, 2);
    /* Never more than half of what is free of the first half. */
    bed_estimate_useful(b, 1, 3, 64 * MIB, 7 * GIB);
    uint64_t most = bed_last(b, SCHED_ACTION_GRANT, 1)->grant_bytes;
    assert_true(most >= GIB && most < 3 * GIB);
    bed_open(b, 2, 1001);
    bed_estimate(b, 2, 1, 64 * MIB, MIB, 1);
    bed_request(b, 2, 2 * GIB, 2 * GIB);
    assert_non_null(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 2));
    uint64_t before = bed_session(b, 2).grant_bytes;
    bed_end(b, 2, 1);
    bed_estimate_useful(b, 2, 2, 64 * MIB, 7 * GIB);
    assert_int_equal(bed_last(b, SCHED_ACTION_GRANT, 2)->grant_bytes, before);
    bed_free(b);
}

/* An executor keeps some memory between queries: it is not asked for that again and again. */
static void what_cannot_be_had_is_not_asked_for_again(void **state)
{
    Bed *b = one_session();
    bed_end(b, 1, 1);
    bed_forget(b);
    bed_wait(b, 40 * USEC_PER_SEC);
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    bed_return(b, 1, 90 * MIB);
    bed_forget(b);
    bed_wait(b, 60 * USEC_PER_SEC);
    assert_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    assert_true(sched_next_timer(b->sched) > b->now + 60 * USEC_PER_SEC);
    bed_free(b);
}

static void the_idle_are_squeezed_for_who_asks(void **state)
{
    Bed *b = one_session();
    bed_request(b, 1, 3 * GIB, GIB);
    bed_end(b, 1, 1);
    bed_open(b, 2, 1001);
    bed_estimate(b, 2, 1, 64 * MIB, MIB, 1);
    bed_forget(b);
    bed_request(b, 2, 4 * GIB, 3 * GIB);
    assert_null(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 2));
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1)); /* at once, not after its two seconds */
    bed_return(b, 1, 0);
    const SchedAction *reply = bed_last(b, SCHED_ACTION_MEMORY_REPLY, 2);
    assert_non_null(reply);
    assert_int_equal(reply->verdict, MEMORY_VERDICT_GRANTED);
    bed_free(b);
}

static uint32_t count_shrinks(const Bed *b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < b->n_actions; i++)
        n += b->actions[i].type == SCHED_ACTION_SHRINK;
    return n;
}

/* What idle sessions keep is dear to them: no more of it is taken than somebody waits for. */
static void no_more_idle_are_squeezed_than_needed(void **state)
{
    Bed *b = bed_new(1, 4, 27 * GIB / 4);
    bed_start(b);
    for (uint64_t i = 1; i <= 4; i++) {
        bed_open(b, i, 1000 + (uint32_t)i);
        bed_estimate(b, i, 1, MIB, MIB, 1);
        bed_request(b, i, GIB, GIB);
        bed_end(b, i, 1);
        bed_wait(b, 10 * USEC_PER_MSEC);
    }
    bed_open(b, 5, 2000);
    bed_estimate(b, 5, 1, MIB, MIB, 1);
    bed_forget(b);
    bed_request(b, 5, GIB, GIB);
    assert_int_equal(count_shrinks(b), 1);
    const SchedAction *shrink = bed_last(b, SCHED_ACTION_SHRINK, 1); /* idle for the longest time */
    assert_non_null(shrink);
    assert_true(shrink->grant_bytes > b->config.floor_bytes); /* and what it need not give stays */
    bed_wait(b, 50 * USEC_PER_MSEC);
    assert_int_equal(count_shrinks(b), 1);
    bed_wait(b, 100 * USEC_PER_MSEC); /* no answer: the next one */
    assert_int_equal(count_shrinks(b), 2);
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 2));
    bed_return(b, 2, 0);
    assert_int_equal(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 5)->verdict, MEMORY_VERDICT_GRANTED);
    assert_int_equal(count_shrinks(b), 2);
    bed_free(b);
}

/* Nor one whose query waits for its turn, for the mere passing of time. */
static void who_waits_for_a_slot_keeps_its_grant(void **state)
{
    Bed *b = bed_new(1, 1, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    bed_request(b, 1, 4 * GIB, GIB);
    bed_end(b, 1, 1);
    for (uint64_t i = 2; i <= 3; i++) { /* both interactive slots */
        bed_open(b, i, 1000 + (uint32_t)i);
        bed_estimate(b, i, 1, MIB, MIB, 1);
    }
    bed_estimate(b, 1, 2, MIB, MIB, 1);
    bed_forget(b);
    bed_wait(b, 60 * USEC_PER_SEC);
    assert_int_equal(count_shrinks(b), 0);
    bed_free(b);
}

/* One user's quota is nobody else's affair. */
static void a_quota_squeezes_its_own_user_only(void **state)
{
    Bed *b = bed_new(1, 4, 16 * GIB);
    b->config.tenant_memory_max_bytes = 2 * GIB;
    bed_start(b);
    for (uint64_t s = 1; s <= 3; s++) {
        bed_open(b, s, s == 2 ? 2000 : 1000);
        bed_estimate(b, s, 1, MIB, MIB, 1);
    }
    bed_request(b, 1, GIB, GIB / 2);
    bed_request(b, 2, GIB, GIB / 2);
    bed_end(b, 1, 1);
    bed_end(b, 2, 1);
    bed_forget(b);
    bed_request(b, 3, GIB, GIB);
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1));
    assert_null(bed_last(b, SCHED_ACTION_SHRINK, 2));
    assert_null(bed_last(b, SCHED_ACTION_STOP, 0)); /* no warm executor either */
    bed_return(b, 1, 0);
    assert_int_equal(bed_last(b, SCHED_ACTION_MEMORY_REPLY, 3)->verdict, MEMORY_VERDICT_GRANTED);
    bed_free(b);
}

static void an_oom_kill_restarts_with_twice_the_peak(void **state)
{
    Bed *b = one_session();
    uint64_t executor = bed_session(b, 1).executor;
    bed_forget(b);
    bed_exit(b, executor, SESSION_CAUSE_OOM, GIB);
    const SchedAction *lost = bed_last(b, SCHED_ACTION_LOST, 1);
    assert_non_null(lost);
    assert_true(lost->may_retry);
    assert_int_equal(lost->cause, SESSION_CAUSE_OOM);
    assert_int_equal(lost->peak_bytes, GIB);
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_RETRY, .session = 1});
    const SchedAction *place = bed_last(b, SCHED_ACTION_PLACE, 1);
    assert_non_null(place);
    assert_int_equal(place->generation, 2);
    assert_int_not_equal(place->executor, executor); /* D-7 */
    bed_estimate(b, 1, 1, 64 * MIB, MIB, 1);
    const SchedAction *grant = bed_last(b, SCHED_ACTION_GRANT, 1);
    assert_non_null(grant);
    assert_true(grant->grant_bytes >= 2 * GIB);
    bed_free(b);
}

static void what_has_been_seen_corrects_the_next_estimate(void **state)
{
    Bed *b = one_session();
    SchedEvent e = {.type = SCHED_EVENT_QUERY_ESTIMATE, .session = 1};
    e.estimate.query = 2;
    e.estimate.fingerprint = 77;
    e.estimate.memory_peak_bytes = MIB;
    bed_send(b, e);
    SchedEvent end = {.type = SCHED_EVENT_QUERY_END, .session = 1};
    end.end.query = 2;
    end.end.state = QUERY_STATE_DONE;
    end.end.memory_peak_bytes = 3 * GIB;
    bed_send(b, end);
    bed_forget(b);
    e.estimate.query = 3;
    bed_send(b, e);
    assert_true(bed_last(b, SCHED_ACTION_GRANT, 1)->grant_bytes >= 3 * GIB);
    bed_free(b);
}

static void a_refusal_names_peak_limit_operator_and_remedy(void **state)
{
    Bed *b = one_session();
    bed_forget(b);
    bed_request(b, 1, 100 * GIB, 50 * GIB);
    const SchedAction *reply = bed_last(b, SCHED_ACTION_MEMORY_REPLY, 1);
    assert_non_null(reply);
    assert_int_equal(reply->verdict, MEMORY_VERDICT_REFUSED);
    assert_non_null(strstr(reply->reason, "hash join"));
    assert_non_null(strstr(reply->reason, "50.0 GiB"));
    assert_non_null(strstr(reply->reason, "memory budget of this host"));
    assert_non_null(strstr(reply->reason, "To mend it"));
    bed_free(b);
}

static void a_peak_that_no_slot_can_hold_is_not_tried_again(void **state)
{
    Bed *b = one_session();
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_LIMIT_SET, .session = 1, .limit.max_bytes = GIB});
    bed_exit(b, bed_session(b, 1).executor, SESSION_CAUSE_OOM, GIB);
    const SchedAction *lost = bed_last(b, SCHED_ACTION_LOST, 1);
    assert_false(lost->may_retry);
    assert_non_null(strstr(lost->reason, "peak 1.0 GiB"));
    assert_non_null(strstr(lost->reason, "operator hash join"));
    assert_non_null(strstr(lost->reason, "berth limit"));
    SchedSessionInfo info;
    assert_false(sched_get_session(b->sched, 1, &info));
    bed_free(b);
}

static void restarts_are_counted(void **state)
{
    Bed *b = one_session();
    const SchedAction *lost = NULL;
    for (uint32_t i = 0; i <= b->config.restarts_max; i++) {
        bed_exit(b, bed_session(b, 1).executor, SESSION_CAUSE_CRASH, MIB);
        lost = bed_last(b, SCHED_ACTION_LOST, 1);
        assert_int_equal(lost->may_retry, i < b->config.restarts_max);
        bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_RETRY, .session = 1});
    }
    assert_non_null(strstr(lost->reason, "too often"));
    bed_free(b);
}

static void a_death_by_seccomp_is_final(void **state)
{
    Bed *b = one_session();
    bed_exit(b, bed_session(b, 1).executor, SESSION_CAUSE_SECCOMP, MIB);
    assert_false(bed_last(b, SCHED_ACTION_LOST, 1)->may_retry); /* D-9 */
    bed_free(b);
}

static void above_the_wire_for_too_long_means_restart(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    b->config.session_memory_max_bytes = GIB;
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, 600 * MIB, MIB, 1);
    bed_request(b, 1, GIB, MIB); /* all that a session may have */
    uint64_t high = bed_session(b, 1).high_bytes;
    bed_forget(b);
    for (int i = 0; i < 300 && !bed_last(b, SCHED_ACTION_LOST, 1); i++) {
        bed_high(b, 1, high + MIB);
        bed_return(b, 1, 0); /* says so, but stays above */
        bed_wait(b, 10 * USEC_PER_MSEC);
    }
    assert_non_null(bed_last(b, SCHED_ACTION_SHRINK, 1)); /* asked to spill before */
    assert_non_null(bed_last(b, SCHED_ACTION_STOP, 0));
    assert_non_null(bed_last(b, SCHED_ACTION_LOST, 1));
    bed_free(b);
}

static void a_smaller_budget_is_reached_without_breaking_use(void **state)
{
    Bed *b = one_session();
    SchedTotals t;
    bed_request(b, 1, 4 * GIB, GIB);
    b->config.memory_budget_bytes = 2 * GIB;
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_CONFIG, .config = &b->config});
    sched_totals(b->sched, &t);
    assert_true(t.budget_bytes > 2 * GIB); /* cannot be taken from under it */
    bed_end(b, 1, 1);
    bed_wait(b, 3 * USEC_PER_SEC);
    bed_return(b, 1, 0);
    sched_totals(b->sched, &t);
    assert_int_equal(t.budget_bytes, 2 * GIB);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_grants_agree),
        cmocka_unit_test(a_request_is_granted_after_the_raise),
        cmocka_unit_test(a_crossed_wire_raises_both_limits),
        cmocka_unit_test(a_wire_that_was_moved_meanwhile_is_no_news),
        cmocka_unit_test(a_new_wire_crossed_before_it_is_told_is_raised_again),
        cmocka_unit_test(page_cache_alone_raises_nothing),
        cmocka_unit_test(both_limits_count_until_the_write_is_acknowledged),
        cmocka_unit_test(a_write_that_failed_leaves_the_old_grant),
        cmocka_unit_test(an_idle_session_gives_back_and_is_lowered_after_that),
        cmocka_unit_test(an_idle_session_keeps_its_grant_on_a_half_empty_host),
        cmocka_unit_test(a_cache_grows_on_a_half_empty_host_only),
        cmocka_unit_test(a_return_that_crossed_an_answer_is_ignored),
        cmocka_unit_test(what_cannot_be_had_is_not_asked_for_again),
        cmocka_unit_test(the_idle_are_squeezed_for_who_asks),
        cmocka_unit_test(no_more_idle_are_squeezed_than_needed),
        cmocka_unit_test(who_waits_for_a_slot_keeps_its_grant),
        cmocka_unit_test(a_quota_squeezes_its_own_user_only),
        cmocka_unit_test(an_oom_kill_restarts_with_twice_the_peak),
        cmocka_unit_test(what_has_been_seen_corrects_the_next_estimate),
        cmocka_unit_test(a_refusal_names_peak_limit_operator_and_remedy),
        cmocka_unit_test(a_peak_that_no_slot_can_hold_is_not_tried_again),
        cmocka_unit_test(restarts_are_counted),
        cmocka_unit_test(a_death_by_seccomp_is_final),
        cmocka_unit_test(above_the_wire_for_too_long_means_restart),
        cmocka_unit_test(a_smaller_budget_is_reached_without_breaking_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
