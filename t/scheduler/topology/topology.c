/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/topology/topology.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* "Node 0 MemTotal:       16315428 kB" among other lines. Return: bytes; -1 when it is not there.
 */
static int64_t meminfo_total(const char *meminfo)
{
    static const char key[] = "MemTotal:";
    const char *p = strstr(meminfo, key);
    if (!p)
        return -1;
    uint64_t kib = 0;
    unsigned n_digits = 0;
    for (p += strlen(key); *p == ' ' || *p == '\t'; p++)
        ;
    for (; *p >= '0' && *p <= '9'; p++, n_digits++) {
        if (kib > UINT64_C(1) << 50)
            return -1;
        kib = kib * 10 + (uint64_t)(*p - '0');
    }
    if (n_digits == 0 || strncmp(p, " kB", 3) != 0)
        return -1;
    return (int64_t)(kib > INT64_MAX / 1024 ? INT64_MAX : kib * 1024);
}

unsigned sched_cpus_count(const SchedCpus *cpus)
{
    unsigned n = 0;
    for (unsigned i = 0; i < SCHED_CPU_WORDS; i++)
        n += (unsigned)__builtin_popcountll(cpus->bits[i]);
    return n;
}

int topology_parse(const char *online, const SchedNodeText *nodes, size_t n_nodes,
                   uint64_t total_bytes, SchedTopology *ret_topology)
{
    SchedTopology t = {0};
    SchedCpus seen = {0};
    bool usable = false;

    if (n_nodes > SCHED_NODES_MAX || text_parse_cpu_list(online, t.online.bits, SCHED_CPUS_MAX) < 0)
        return TOPOLOGY_E_MALFORMED;
    if (n_nodes == 0) {
        t.nodes[0] = (SchedNode){.present = true, .memory_bytes = total_bytes, .cpus = t.online};
        t.n_nodes = 1;
        usable = sched_cpus_count(&t.online) > 0;
    }
    for (size_t i = 0; i < n_nodes; i++) {
        if (nodes[i].node >= SCHED_NODES_MAX || t.nodes[nodes[i].node].present)
            return TOPOLOGY_E_MALFORMED;
        SchedNode *n = &t.nodes[nodes[i].node];
        int64_t bytes = meminfo_total(nodes[i].meminfo);
        /* A node of memory only has an empty list. */
        int r = text_parse_cpu_list(nodes[i].cpulist, n->cpus.bits, SCHED_CPUS_MAX);
        if (bytes < 0 || r < 0)
            return TOPOLOGY_E_MALFORMED;
        n->present = true;
        n->memory_bytes = (uint64_t)bytes;
        t.n_nodes++;
        for (unsigned w = 0; w < SCHED_CPU_WORDS; w++) {
            n->cpus.bits[w] &= ~seen.bits[w];
            seen.bits[w] |= n->cpus.bits[w];
            usable = usable || (n->cpus.bits[w] & t.online.bits[w]);
        }
    }
    if (!usable)
        return TOPOLOGY_E_EMPTY;
    *ret_topology = t;
    return 0;
}
