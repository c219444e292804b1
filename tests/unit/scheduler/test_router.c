/* SPDX-License-Identifier: Apache-2.0 */
/* Places, turns and queues: nodes, classes, even shares, fairness between tenants, the bound on
 * overtaking. */
#include "tests/unit/scheduler/bed.h"

static void two_sessions_take_two_nodes(void **state)
{
    Bed *b = bed_new(2, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1001);
    const SchedAction *first = bed_last(b, SCHED_ACTION_PLACE, 1),
                      *second = bed_last(b, SCHED_ACTION_PLACE, 2);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_not_equal(first->node, second->node);
    assert_int_equal(first->cpus.bits[0] & second->cpus.bits[0], 0);
    assert_int_equal(first->mems | second->mems, 3);
    bed_free(b);
}

static void a_warm_executor_is_handed_out_and_replaced(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    SchedTotals t;
    bed_start(b);
    sched_totals(b->sched, &t);
    assert_int_equal(t.n_warm, b->config.n_warm);
    uint64_t newest = bed_last(b, SCHED_ACTION_SPAWN, 0)->executor;
    bed_open(b, 1, 1000);
    assert_true(bed_last(b, SCHED_ACTION_PLACE, 1)->executor <= newest);
    sched_totals(b->sched, &t);
    assert_int_equal(t.n_warm, b->config.n_warm);
    assert_int_equal(t.n_executors, b->config.n_warm + 1);
    bed_free(b);
}

static void a_small_query_is_interactive_and_a_large_one_batch(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    bed_estimate(b, 1, 1, MIB, 10 * MIB, 4);
    bed_estimate(b, 2, 1, MIB, 100 * GIB, 4);
    assert_int_equal(bed_session(b, 1).class, SCHED_CLASS_INTERACTIVE);
    assert_int_equal(bed_session(b, 1).n_slots,
                     1); /* standard mode: ten MiB are worth one thread */
    assert_int_equal(bed_session(b, 2).class, SCHED_CLASS_BATCH);
    assert_int_equal(bed_session(b, 2).n_slots, 4);
    bed_free(b);
}

static void a_long_query_leaves_the_interactive_pool(void **state)
{
    Bed *b = bed_new(1, 4, 8 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, 10 * MIB, 4);
    bed_forget(b);
    bed_wait(b, b->config.interactive_usec + USEC_PER_SEC);
    assert_int_equal(bed_session(b, 1).class, SCHED_CLASS_BATCH);
    assert_int_equal(bed_last(b, SCHED_ACTION_MOVE, 1)->cpu_weight,
                     b->config.cpu_weight[SCHED_CLASS_BATCH]);
    assert_non_null(bed_last(b, SCHED_ACTION_NOTICE, 1));
    bed_free(b);
}

static void a_late_comer_gets_an_even_share(void **state)
{
    Bed *b = bed_new(1, 8, 32 * GIB);
    bed_start(b);
    for (uint64_t s = 1; s <= 4; s++) {
        bed_open(b, s, 1000 + (uint32_t)s);
        bed_estimate(b, s, 1, MIB, 100 * GIB, 8);
    }
    for (uint64_t s = 1; s <= 4; s++)
        assert_in_range(bed_session(b, s).n_slots, 1, 3);
    bed_end(b, 2, 1);
    bed_end(b, 3, 1);
    bed_end(b, 4, 1);
    assert_int_equal(bed_session(b, 1).n_slots, 8); /* and gets them back */
    bed_free(b);
}

static void a_full_pool_queues_with_position_and_reason(void **state)
{
    Bed *b = bed_new(1, 2, 16 * GIB);
    bed_start(b);
    for (uint64_t s = 1; s <= 4; s++) {
        bed_open(b, s, 1000 + (uint32_t)s);
        bed_estimate(b, s, 1, MIB, 100 * GIB, 2);
    }
    const SchedAction *queue = bed_last(b, SCHED_ACTION_QUEUE, 4);
    assert_non_null(queue);
    assert_int_equal(queue->position, 2);
    assert_non_null(strstr(queue->reason, "slot of the batch pool"));
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 3));
    bed_end(b, 1, 1);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 3));
    bed_free(b);
}

static void a_session_without_a_slot_at_home_moves(void **state)
{
    Bed *b = bed_new(2, 1, 8 * GIB);
    bed_start(b);
    for (uint64_t s = 1; s <= 3; s++)
        bed_open(b, s, 1000);
    uint32_t home = bed_session(b, 1).node;
    assert_int_equal(bed_session(b, 3).node, home);
    bed_estimate(b, 1, 1, MIB, 100 * GIB, 1);
    bed_estimate(b, 3, 1, MIB, 100 * GIB, 1);
    assert_int_not_equal(bed_session(b, 3).node, home);
    assert_int_equal(bed_last(b, SCHED_ACTION_MOVE, 3)->mems, UINT64_C(1) << (1 - home));
    bed_free(b);
}

static void the_tenant_with_less_goes_first(void **state)
{
    Bed *b = bed_new(1, 1, 16 * GIB);
    b->config.slots_per_cpu[SCHED_CLASS_BATCH] = 2;
    bed_start(b);
    for (uint64_t s = 1; s <= 3; s++) {
        bed_open(b, s, 1000);
        bed_estimate(b, s, 1, MIB, 100 * GIB, 1);
    }
    bed_open(b, 4, 2000);
    bed_estimate(b, 4, 1, MIB, 100 * GIB, 1);
    bed_forget(b);
    bed_end(b, 1, 1);
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 4));
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 3));
    bed_free(b);
}

/* A query that asks for nearly all memory would wait for ever behind small ones. */
static void nobody_is_overtaken_for_ever(void **state)
{
    Bed *b = bed_new(1, 4, 16 * GIB);
    bed_start(b);
    for (uint64_t s = 1; s <= 3; s++)
        bed_open(b, s, 1000 + (uint32_t)s);
    bed_exit(b, bed_session(b, 1).executor, SESSION_CAUSE_OOM, 6 * GIB);
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_RETRY, .session = 1});
    bed_estimate(b, 2, 1, GIB, MIB, 1);
    bed_forget(b);
    bed_estimate(b, 1, 1, MIB, MIB, 1); /* wants 12 GiB by what was seen */
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    unsigned n = 0;
    /* Sessions 2 and 3 keep the host busy in turn, never both idle. */
    for (uint64_t q = 2; q < 60 && !bed_last(b, SCHED_ACTION_GRANT, 1); q++) {
        uint64_t comes = 2 + q % 2 == 2 ? 3 : 2, goes = 5 - comes;
        bed_estimate(b, comes, q, 3 * GIB, MIB, 1);
        const SchedAction *grant = bed_last(b, SCHED_ACTION_GRANT, comes);
        n += grant && grant->query == q;
        bed_end(b, goes, q - 1);
        bed_wait(b, USEC_PER_SEC);
        bed_return(b, goes, 0);
    }
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 1));
    assert_in_range(n, 1, 17);
    bed_free(b);
}

static void many_queries_of_one_session_share_its_lease(void **state)
{
    Bed *b = bed_new(1, 2, 16 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    for (uint64_t q = 1; q <= SCHED_QUERIES_PER_SESSION + 1; q++)
        bed_estimate(b, 1, q, 64 * MIB, 100 * GIB, 2);
    assert_int_equal(bed_session(b, 1).n_running, SCHED_QUERIES_PER_SESSION);
    assert_true(bed_session(b, 1).grant_bytes >= SCHED_QUERIES_PER_SESSION * 64 * MIB);
    const SchedAction *refuse = bed_last(b, SCHED_ACTION_REFUSE_QUERY, 1);
    assert_int_equal(refuse->query, SCHED_QUERIES_PER_SESSION + 1);
    assert_non_null(strstr(refuse->reason, "queries in one session"));
    for (uint64_t q = 1; q <= SCHED_QUERIES_PER_SESSION; q++)
        bed_end(b, 1, q);
    assert_int_equal(bed_session(b, 1).n_slots, 0); /* a lease only while there is work */
    bed_free(b);
}

static void caps_refuse_with_a_reason(void **state)
{
    Bed *b = bed_new(1, 2, 16 * GIB);
    b->config.tenant_sessions_max = 1;
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1000);
    const SchedAction *refuse = bed_last(b, SCHED_ACTION_REFUSE_SESSION, 2);
    assert_non_null(refuse);
    assert_int_equal(refuse->cause, SESSION_CAUSE_QUOTA);
    assert_non_null(strstr(refuse->reason, "sessions per user is 1"));
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_CLOSED, .session = 1});
    bed_open(b, 3, 1000);
    assert_non_null(bed_last(b, SCHED_ACTION_PLACE, 3));
    bed_free(b);
}

static void running_sessions_survive_the_loss_of_their_cpus(void **state)
{
    Bed *b = bed_new(2, 2, 16 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_estimate(b, 1, 1, MIB, 100 * GIB, 2);
    uint32_t home = bed_session(b, 1).node;
    SchedEvent e = {.type = SCHED_EVENT_CPU_CHANGED};
    e.online.bits[0] = home == 0 ? 0xc : 0x3; /* the other node only */
    bed_send(b, e);
    SchedSessionInfo info = bed_session(b, 1);
    assert_int_not_equal(info.node, home);
    assert_int_equal(info.cpus.bits[0], e.online.bits[0]);
    assert_int_equal(bed_last(b, SCHED_ACTION_MOVE, 1)->cpus.bits[0], e.online.bits[0]);
    bed_free(b);
}

/* More moves than the queue of actions holds: the rest follows when those have been taken. */
static void four_hundred_sessions_are_all_told(void **state)
{
    Bed *b = bed_new(4, 64, 256 * GIB);
    b->config.sessions_max = 400;
    b->config.tenant_sessions_max = 400;
    bed_start(b);
    for (uint64_t s = 1; s <= 400; s++)
        bed_open(b, s, 1000);
    bed_forget(b);
    SchedEvent e = {.type = SCHED_EVENT_CPU_CHANGED, .online = b->topology.online};
    e.online.bits[0] &= ~UINT64_C(1);
    bed_send(b, e);
    for (uint64_t s = 1; s <= 400; s++)
        assert_non_null(bed_last(b, SCHED_ACTION_MOVE, s));
    bed_free(b);
}

static void pressure_holds_batch_back(void **state)
{
    Bed *b = bed_new(1, 4, 16 * GIB);
    bed_start(b);
    bed_open(b, 1, 1000);
    bed_open(b, 2, 1001);
    bed_open(b, 3, 1002);
    bed_estimate(b, 1, 1, MIB, MIB, 1);
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_PSI, .psi.level = SCHED_PRESSURE_FULL});
    bed_estimate(b, 2, 1, MIB, 100 * GIB, 1);
    bed_estimate(b, 3, 1, MIB, MIB, 1);
    assert_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    assert_non_null(strstr(bed_last(b, SCHED_ACTION_QUEUE, 2)->reason, "short of memory"));
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 3)); /* the interactive one goes on */
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_PSI, .psi.level = SCHED_PRESSURE_NONE});
    assert_non_null(bed_last(b, SCHED_ACTION_GRANT, 2));
    bed_free(b);
}

static void an_executor_that_never_comes_is_refused_in_the_end(void **state)
{
    Bed *b = bed_new(1, 4, 16 * GIB);
    b->config.n_warm = 0;
    bed_start(b);
    SchedAction a;
    SchedEvent open = {.type = SCHED_EVENT_SESSION_OPENED, .session = 1, .now_usec = b->now};
    sched_event(b->sched, &open);
    assert_true(sched_next_action(b->sched, &a));
    assert_int_equal(a.type, SCHED_ACTION_SPAWN);
    bed_wait(b, b->config.open_wait_usec + USEC_PER_SEC);
    assert_int_equal(bed_last(b, SCHED_ACTION_REFUSE_SESSION, 1)->cause, SESSION_CAUSE_SPAWN);
    assert_int_equal(bed_last(b, SCHED_ACTION_STOP, 0)->executor, a.executor);
    bed_free(b);
}

static void impossible_values_are_named(void **state)
{
    char reason[128];
    SchedConfig c = sched_config_default(8 * GIB);
    assert_int_equal(sched_config_check(&c, reason, sizeof(reason)), 0);
    c.slot_cpus = 0;
    assert_int_equal(sched_config_check(&c, reason, sizeof(reason)), -EINVAL);
    assert_non_null(strstr(reason, "CPUs per slot"));
    c = sched_config_default(256 * MIB);
    assert_int_equal(sched_config_check(&c, reason, sizeof(reason)), -EINVAL);
    assert_non_null(strstr(reason, "memory budget"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sessions_take_two_nodes),
        cmocka_unit_test(a_warm_executor_is_handed_out_and_replaced),
        cmocka_unit_test(a_small_query_is_interactive_and_a_large_one_batch),
        cmocka_unit_test(a_long_query_leaves_the_interactive_pool),
        cmocka_unit_test(a_late_comer_gets_an_even_share),
        cmocka_unit_test(a_full_pool_queues_with_position_and_reason),
        cmocka_unit_test(a_session_without_a_slot_at_home_moves),
        cmocka_unit_test(the_tenant_with_less_goes_first),
        cmocka_unit_test(nobody_is_overtaken_for_ever),
        cmocka_unit_test(many_queries_of_one_session_share_its_lease),
        cmocka_unit_test(caps_refuse_with_a_reason),
        cmocka_unit_test(running_sessions_survive_the_loss_of_their_cpus),
        cmocka_unit_test(four_hundred_sessions_are_all_told),
        cmocka_unit_test(pressure_holds_batch_back),
        cmocka_unit_test(an_executor_that_never_comes_is_refused_in_the_end),
        cmocka_unit_test(impossible_values_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
