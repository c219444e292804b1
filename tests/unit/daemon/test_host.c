/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs, nodes and memory from files with the layout of sysfs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/host.h"

static int build(void **state)
{
    char template[] = "/tmp/berth-host-XXXXXX", command[1024];

    *state = strdup(mkdtemp(template));
    snprintf(command, sizeof(command),
             "cd %s && mkdir -p cpu node/node0 node/node2 && echo 0-3 >cpu/online && echo 0-1 "
             ">node/node0/cpulist && "
             "echo 2-3 >node/node2/cpulist && "
             "for n in 0 2; do echo \"Node $n MemTotal:  1048576 kB\" >node/node$n/meminfo; done",
             (char *)*state);
    return system(command);
}

static int drop(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    int r = system(command);
    free(*state);
    return r;
}

static void test_topology(void **state)
{
    _cleanup_free_ SchedTopology *t = calloc(1, sizeof(*t));
    SchedCpus online = {};

    assert_int_equal(host_topology(*state, UINT64_C(8) << 30, t), 0);
    assert_int_equal(t->n_nodes, 2);
    assert_true(t->nodes[0].present && !t->nodes[1].present && t->nodes[2].present);
    assert_int_equal(t->nodes[2].memory_bytes, UINT64_C(1) << 30);
    assert_int_equal(sched_cpus_count(&t->nodes[2].cpus), 2);
    assert_int_equal(host_online(*state, &online), 0);
    assert_int_equal(sched_cpus_count(&online), 4);
    assert_int_equal(host_topology("/nowhere", 1, t), -ENOENT);
    assert_int_equal(host_topology("/tmp", 1, t), -ENOENT);
}

static void test_memory(void **state)
{
    uint64_t bytes = 0;

    assert_int_equal(host_memory(-EBADF, &bytes), 0);
    assert_true(bytes > UINT64_C(64) << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_topology, build, drop),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
