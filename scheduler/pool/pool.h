/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Slots and pools. A slot is a fixed set of CPUs of one NUMA node; a pool is the slots of one node
 * for one class. Both classes cover all CPUs of the node, so neither leaves the other's CPUs idle;
 * what they get of a busy CPU is the business of cpu.weight. `slots_per_cpu` slots of a class share
 * the same CPUs.
 *
 * An owner is a session's index. It owns slots of one pool at a time (the caller's care).
 *
 * Free slots with a CPU online stand in bitmaps by how much their CPUs are leased already, and an
 * owner's slots in a list, so that leasing and giving back costs the same on every host.
 */

#include "scheduler/topology/topology.h"

#define SLOT_CPUS_MAX 16u
#define SLOT_LAYERS_MAX 4u
#define SLOT_CLASSES 2u
#define SLOT_LEVELS (SLOT_CLASSES * SLOT_LAYERS_MAX)
#define SLOT_FREE UINT32_MAX

/* CPUs that are always leased together. */
typedef struct SlotGroup {
    uint16_t cpus[SLOT_CPUS_MAX];
    uint16_t n_cpus;
    uint16_t n_leased; /* slots of both classes on these CPUs that have an owner */
    uint32_t node;
    bool online; /* at least one CPU is */
} SlotGroup;

typedef struct Slot {
    uint32_t owner;
    uint32_t group;
    uint32_t prev, next; /* of the same owner; SLOT_FREE: none */
} Slot;

typedef struct SlotPool {
    uint32_t node, class;
    uint32_t first, n_slots; /* in the table of slots */
    uint32_t first_group, n_groups;
    uint32_t n_online, n_free; /* with a CPU that is online; and without an owner */
    uint32_t n_words;          /* of each bitmap */
    uint64_t *free;            /* SLOT_LEVELS bitmaps */
    uint32_t n_at[SLOT_LEVELS];
} SlotPool;

typedef struct SlotTable {
    SlotGroup *groups;
    Slot *slots;
    uint64_t *words; /* of all bitmaps */
    uint32_t *owned; /* by owner: the first of its slots */
    uint32_t n_groups, n_slots, n_pools;
    SlotPool pools[SCHED_NODES_MAX * SLOT_CLASSES];
    SlotPool *by_place[SCHED_NODES_MAX][SLOT_CLASSES];
    SchedCpus online;
} SlotTable;

/* Owners are below @n_owners. The table stays where it is made. Return: 0, -ENOMEM. A node without
 * CPUs gets empty pools. */
int slot_table_init(SlotTable *table, const SchedTopology *topology, uint32_t slot_cpus,
                    const uint32_t *layers, uint32_t n_owners);
void slot_table_done(SlotTable *table);

/* NULL for a node that is not there. */
static inline const SlotPool *slot_table_pool(const SlotTable *table, uint32_t node, uint32_t class)
{
    return table->by_place[node][class];
}

/* Takes one free slot for @owner, on the least leased CPUs. Return: false when the pool has none.
 */
bool slot_pool_acquire(SlotTable *table, const SlotPool *pool, uint32_t owner);
/* Gives back slots of @owner until @keep are left, those on the most leased CPUs first. Return: how
 * many are left. */
uint32_t slot_pool_release(SlotTable *table, const SlotPool *pool, uint32_t owner, uint32_t keep);

/* Adds the online CPUs of @owner's slots to @cpus. */
void slot_pool_cpus(const SlotTable *table, uint32_t owner, SchedCpus *cpus);

/*
 * Other CPUs are online now: slots that have none left lose their owner.
 * @lost: called for each of them with the owner
 */
void slot_table_set_online(SlotTable *table, const SchedCpus *online,
                           void (*lost)(void *userdata, uint32_t owner), void *userdata);
