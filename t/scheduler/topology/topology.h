/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The CPUs and memory of the host by NUMA node, from plain text: the caller reads sysfs (or a test
 * directory with the same layout) and hands the contents of the files in, because scheduler/ makes
 * no system call (D-11).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_CPUS_MAX 1024u
#define SCHED_CPU_WORDS (SCHED_CPUS_MAX / 64u)
#define SCHED_NODES_MAX 64u

/* A set of CPUs: bit n % 64 of word n / 64 is CPU n, the layout of text_parse_cpu_list(). */
typedef struct SchedCpus {
    uint64_t bits[SCHED_CPU_WORDS];
} SchedCpus;

typedef struct SchedNode {
    bool present;
    uint64_t memory_bytes; /* 0: a node without memory */
    SchedCpus cpus;        /* possible CPUs of the node, whether online or not */
} SchedNode;

typedef struct SchedTopology {
    SchedCpus online;
    unsigned n_nodes; /* present ones */
    SchedNode nodes[SCHED_NODES_MAX];
} SchedTopology;

/* The contents of the files of one node. */
typedef struct SchedNodeText {
    unsigned node;       /* the number in nodeN */
    const char *cpulist; /* /sys/devices/system/node/nodeN/cpulist */
    const char
        *meminfo; /* /sys/devices/system/node/nodeN/meminfo; only its MemTotal line is read */
} SchedNodeText;

enum {
    TOPOLOGY_E_MALFORMED = 1, /* a text that is not what the kernel writes */
    TOPOLOGY_E_EMPTY,         /* no node with a CPU that is online */
};

/**
 * topology_parse() - build the topology from the texts of sysfs
 * @online:      /sys/devices/system/cpu/online
 * @nodes:       one entry per nodeN directory; may be empty on a kernel without NUMA
 * @n_nodes:     0..SCHED_NODES_MAX
 * @total_bytes: memory of the host; given to node 0 when @n_nodes is 0, otherwise unused
 *
 * A kernel without NUMA gives one node with all CPUs that are online. A CPU named by two nodes
 * belongs to the first. Return: 0; TOPOLOGY_E_MALFORMED; TOPOLOGY_E_EMPTY. Cannot fail otherwise.
 */
int topology_parse(const char *online, const SchedNodeText *nodes, size_t n_nodes,
                   uint64_t total_bytes, SchedTopology *ret_topology);

/* Number of CPUs in the set. */
unsigned sched_cpus_count(const SchedCpus *cpus);

static inline bool sched_cpus_has(const SchedCpus *cpus, unsigned cpu)
{
    return cpu < SCHED_CPUS_MAX && (cpus->bits[cpu / 64] >> (cpu % 64) & 1);
}

static inline void sched_cpus_add(SchedCpus *cpus, unsigned cpu)
{
    cpus->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}
