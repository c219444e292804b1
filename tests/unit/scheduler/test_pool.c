/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: a lease spreads over CPUs, both classes cover all of them, and an offline CPU takes its
 * slots along. */
#include "scheduler/pool/pool.h"
#include "tests/unit/scheduler/bed.h"

static const uint32_t layers[] = {2, 1};

static void setup_table(SlotTable *t, uint32_t slot_cpus)
{
    Bed *b = bed_new(2, 4, GIB);
    assert_int_equal(slot_table_init(t, &b->topology, slot_cpus, layers, 16), 0);
    bed_free(b);
}

static void both_classes_cover_the_node(void **state)
{
    SlotTable t;
    setup_table(&t, 2);
    assert_int_equal(slot_table_pool(&t, 0, SCHED_CLASS_INTERACTIVE)->n_online, 4);
    assert_int_equal(slot_table_pool(&t, 1, SCHED_CLASS_BATCH)->n_online, 2);
    assert_null(slot_table_pool(&t, 2, 0));
    slot_table_done(&t);
}

static void a_lease_takes_the_quietest_cpus(void **state)
{
    SlotTable t;
    setup_table(&t, 1);
    const SlotPool *interactive = slot_table_pool(&t, 0, 0), *batch = slot_table_pool(&t, 0, 1);
    SchedCpus first = {0}, second = {0};
    for (int i = 0; i < 2; i++)
        assert_true(slot_pool_acquire(&t, batch, 7));
    for (int i = 0; i < 2; i++)
        assert_true(slot_pool_acquire(&t, interactive, 8));
    slot_pool_cpus(&t, 7, &first);
    slot_pool_cpus(&t, 8, &second);
    assert_int_equal(sched_cpus_count(&first), 2);
    assert_int_equal(sched_cpus_count(&second), 2);
    assert_int_equal(first.bits[0] & second.bits[0], 0);
    assert_int_equal(slot_pool_release(&t, batch, 7, 1), 1);
    assert_int_equal(batch->n_free, 3);
    assert_int_equal(slot_pool_release(&t, batch, 7, 0), 0);
    slot_table_done(&t);
}

static void count_lost(void *userdata, uint32_t owner)
{
    assert_int_equal(owner, 3);
    (*(unsigned *)userdata)++;
}

static void an_offline_cpu_takes_its_slots_along(void **state)
{
    SlotTable t;
    unsigned n_lost = 0;
    setup_table(&t, 1);
    const SlotPool *pool = slot_table_pool(&t, 1, SCHED_CLASS_BATCH);
    for (int i = 0; i < 4; i++)
        assert_true(slot_pool_acquire(&t, pool, 3));
    assert_false(slot_pool_acquire(&t, pool, 4));
    SchedCpus online = {.bits = {0x3f}}; /* 6 and 7 are gone */
    slot_table_set_online(&t, &online, count_lost, &n_lost);
    assert_int_equal(n_lost, 2);
    assert_int_equal(pool->n_online, 2);
    assert_int_equal(pool->n_free, 0);
    slot_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_classes_cover_the_node),
        cmocka_unit_test(a_lease_takes_the_quietest_cpus),
        cmocka_unit_test(an_offline_cpu_takes_its_slots_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
