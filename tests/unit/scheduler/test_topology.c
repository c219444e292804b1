/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of sysfs become nodes; what the kernel would not write is refused; a 4-node host is
 * placed right. */
#include "tests/unit/scheduler/bed.h"

static void reads_two_nodes(void **state)
{
    SchedTopology t;
    SchedNodeText nodes[] = {
        {.node = 0,
         .cpulist = "0-1\n",
         .meminfo = "Node 0 MemTotal:  1024 kB\nNode 0 MemFree: 1 kB\n"},
        {.node = 2, .cpulist = "2-3,6\n", .meminfo = "Node 2 MemTotal:\t2048 kB\n"},
    };
    assert_int_equal(topology_parse("0-3,6\n", nodes, 2, 0, &t), 0);
    assert_int_equal(t.n_nodes, 2);
    assert_false(t.nodes[1].present);
    assert_int_equal(t.nodes[2].memory_bytes, 2048 * 1024);
    assert_int_equal(sched_cpus_count(&t.nodes[2].cpus), 3);
    assert_true(sched_cpus_has(&t.nodes[2].cpus, 6));
}

static void one_node_without_numa(void **state)
{
    SchedTopology t;
    assert_int_equal(topology_parse("0-3", NULL, 0, GIB, &t), 0);
    assert_int_equal(t.n_nodes, 1);
    assert_int_equal(t.nodes[0].memory_bytes, GIB);
    assert_int_equal(sched_cpus_count(&t.nodes[0].cpus), 4);
}

static void a_cpu_belongs_to_one_node(void **state)
{
    SchedTopology t;
    SchedNodeText nodes[] = {{0, "0-2", "MemTotal: 8 kB"}, {1, "2-3", "MemTotal: 8 kB"}};
    assert_int_equal(topology_parse("0-3", nodes, 2, 0, &t), 0);
    assert_int_equal(sched_cpus_count(&t.nodes[0].cpus), 3);
    assert_int_equal(sched_cpus_count(&t.nodes[1].cpus), 1);
}

static void refuses_what_no_kernel_writes(void **state)
{
    SchedTopology t;
    const SchedNodeText bad[] = {
        {64, "0", "MemTotal: 8 kB"},
        {0, "0-", "MemTotal: 8 kB"},
        {0, "0", "MemFree: 8 kB"},
        {0, "0", "MemTotal: 8"},
        {0, "0", "MemTotal: kB"},
        {0, "0-1024", "MemTotal: 8 kB"},
        {0, "0", "MemTotal: 99999999999999999999 kB"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(topology_parse("0-3", &bad[i], 1, 0, &t), TOPOLOGY_E_MALFORMED);
    const SchedNodeText twice[] = {{0, "0", "MemTotal: 8 kB"}, {0, "1", "MemTotal: 8 kB"}};
    assert_int_equal(topology_parse("0-3", twice, 2, 0, &t), TOPOLOGY_E_MALFORMED);
    assert_int_equal(topology_parse("x", NULL, 0, 0, &t), TOPOLOGY_E_MALFORMED);
    assert_int_equal(topology_parse("", NULL, 0, 0, &t), TOPOLOGY_E_EMPTY);
    const SchedNodeText offline[] = {{0, "5", "MemTotal: 8 kB"}};
    assert_int_equal(topology_parse("0-3", offline, 1, 0, &t), TOPOLOGY_E_EMPTY);
}

static void read_text(const char *name, char *buf, size_t size)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/topology-4node/%s", getenv("BERTH_TEST_DATA"), name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    buf[fread(buf, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Four sessions take four nodes, and all they get lies in their own. */
static void places_on_four_nodes(void **state)
{
    char online[64], cpulist[4][64], meminfo[4][1024], name[64];
    SchedNodeText nodes[4];
    read_text("cpu/online", online, sizeof(online));
    for (unsigned n = 0; n < 4; n++) {
        (void)snprintf(name, sizeof(name), "node/node%u/cpulist", n);
        read_text(name, cpulist[n], sizeof(cpulist[n]));
        (void)snprintf(name, sizeof(name), "node/node%u/meminfo", n);
        read_text(name, meminfo[n], sizeof(meminfo[n]));
        nodes[n] = (SchedNodeText){.node = n, .cpulist = cpulist[n], .meminfo = meminfo[n]};
    }
    Bed *b = bed_new(1, 1, 250 * GIB);
    assert_int_equal(topology_parse(online, nodes, 4, 0, &b->topology), 0);
    bed_start(b);
    uint64_t seen = 0;
    for (uint64_t s = 1; s <= 4; s++) {
        bed_open(b, s, 1000 + (uint32_t)s);
        bed_estimate(b, s, 1, GIB, 100 * GIB, 64);
        SchedSessionInfo info = bed_session(b, s);
        assert_int_equal(info.mems, UINT64_C(1) << info.node);
        assert_int_equal(info.n_slots, 8); /* the whole node, as nobody else is there */
        assert_memory_equal(&info.cpus, &b->topology.nodes[info.node].cpus, sizeof(info.cpus));
        seen |= info.mems;
    }
    assert_int_equal(seen, 0xf);
    SchedPoolInfo pool;
    size_t n_pools = 0;
    for (size_t i = 0; sched_each_pool(b->sched, &i, &pool); n_pools++)
        assert_int_equal(pool.n_leased, pool.class == SCHED_CLASS_BATCH ? 8 : 0);
    assert_int_equal(n_pools, 8);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_two_nodes),
        cmocka_unit_test(one_node_without_numa),
        cmocka_unit_test(a_cpu_belongs_to_one_node),
        cmocka_unit_test(refuses_what_no_kernel_writes),
        cmocka_unit_test(places_on_four_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
