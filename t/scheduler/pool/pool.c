/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/pool/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool group_online(const SlotGroup *g, const SchedCpus *online)
{
    for (unsigned i = 0; i < g->n_cpus; i++)
        if (sched_cpus_has(online, g->cpus[i]))
            return true;
    return false;
}

static void build_node(SlotTable *t, const SchedNode *node, uint32_t number, uint32_t slot_cpus,
                       const uint32_t *layers)
{
    uint32_t first_group = t->n_groups;
    for (unsigned cpu = 0; cpu < SCHED_CPUS_MAX; cpu++) {
        if (!sched_cpus_has(&node->cpus, cpu))
            continue;
        if (t->n_groups == first_group || t->groups[t->n_groups - 1].n_cpus == slot_cpus)
            t->n_groups++;
        SlotGroup *g = &t->groups[t->n_groups - 1];
        g->cpus[g->n_cpus++] = (uint16_t)cpu;
    }
    for (uint32_t class = 0; class < SLOT_CLASSES; class ++) {
        SlotPool *p = &t->pools[t->n_pools++];
        *p = (SlotPool){.node = number, .class = class, .first = t->n_slots};
        for (uint32_t layer = 0; layer < layers[class]; layer++)
            for (uint32_t g = first_group; g < t->n_groups; g++)
                t->slots[t->n_slots++] = (Slot){.owner = SLOT_FREE, .group = g};
        p->n_slots = t->n_slots - p->first;
    }
}

int slot_table_init(SlotTable *table, const SchedTopology *topology, uint32_t slot_cpus,
                    const uint32_t *layers)
{
    assert(slot_cpus >= 1 && slot_cpus <= SLOT_CPUS_MAX);
    SlotTable t = {.online = topology->online};
    size_t n_cpus = 0;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        n_cpus += sched_cpus_count(&topology->nodes[n].cpus);
    t.groups = calloc(n_cpus + 1, sizeof(*t.groups));
    t.slots = calloc(n_cpus * SLOT_CLASSES * SLOT_LAYERS_MAX + 1, sizeof(*t.slots));
    if (!t.groups || !t.slots) {
        slot_table_done(&t);
        return -ENOMEM;
    }
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        if (topology->nodes[n].present)
            build_node(&t, &topology->nodes[n], n, slot_cpus, layers);
    for (uint32_t g = 0; g < t.n_groups; g++)
        t.groups[g].online = group_online(&t.groups[g], &t.online);
    *table = t;
    return 0;
}

void slot_table_done(SlotTable *table)
{
    free(table->groups);
    free(table->slots);
    *table = (SlotTable){0};
}

const SlotPool *slot_table_pool(const SlotTable *table, uint32_t node, uint32_t class)
{
    for (uint32_t i = 0; i < table->n_pools; i++)
        if (table->pools[i].node == node && table->pools[i].class == class)
            return &table->pools[i];
    return NULL;
}

bool slot_pool_acquire(SlotTable *table, const SlotPool *pool, uint32_t owner)
{
    Slot *best = NULL;
    for (uint32_t i = pool->first; i < pool->first + pool->n_slots; i++) {
        Slot *slot = &table->slots[i];
        const SlotGroup *g = &table->groups[slot->group];
        if (slot->owner != SLOT_FREE || !g->online)
            continue;
        if (!best || g->n_leased < table->groups[best->group].n_leased)
            best = slot;
    }
    if (!best)
        return false;
    best->owner = owner;
    table->groups[best->group].n_leased++;
    return true;
}

static void slot_free(SlotTable *table, Slot *slot)
{
    assert(table->groups[slot->group].n_leased > 0);
    table->groups[slot->group].n_leased--;
    slot->owner = SLOT_FREE;
}

uint32_t slot_pool_release(SlotTable *table, const SlotPool *pool, uint32_t owner, uint32_t keep)
{
    for (;;) {
        Slot *busiest = NULL;
        uint32_t n = 0;
        for (uint32_t i = pool->first; i < pool->first + pool->n_slots; i++) {
            Slot *slot = &table->slots[i];
            if (slot->owner != owner)
                continue;
            n++;
            if (!busiest ||
                table->groups[slot->group].n_leased > table->groups[busiest->group].n_leased)
                busiest = slot;
        }
        if (n <= keep)
            return n;
        slot_free(table, busiest);
    }
}

uint32_t slot_pool_n_online(const SlotTable *table, const SlotPool *pool)
{
    uint32_t n = 0;
    for (uint32_t i = pool->first; i < pool->first + pool->n_slots; i++)
        n += table->groups[table->slots[i].group].online;
    return n;
}

uint32_t slot_pool_n_free(const SlotTable *table, const SlotPool *pool)
{
    uint32_t n = 0;
    for (uint32_t i = pool->first; i < pool->first + pool->n_slots; i++)
        n += table->slots[i].owner == SLOT_FREE && table->groups[table->slots[i].group].online;
    return n;
}

void slot_pool_cpus(const SlotTable *table, const SlotPool *pool, uint32_t owner, SchedCpus *cpus)
{
    for (uint32_t i = pool->first; i < pool->first + pool->n_slots; i++) {
        const SlotGroup *g = &table->groups[table->slots[i].group];
        for (unsigned c = 0; table->slots[i].owner == owner && c < g->n_cpus; c++)
            if (sched_cpus_has(&table->online, g->cpus[c]))
                sched_cpus_add(cpus, g->cpus[c]);
    }
}

void slot_table_set_online(SlotTable *table, const SchedCpus *online,
                           void (*lost)(void *userdata, uint32_t owner), void *userdata)
{
    table->online = *online;
    for (uint32_t g = 0; g < table->n_groups; g++)
        table->groups[g].online = group_online(&table->groups[g], online);
    for (uint32_t i = 0; i < table->n_slots; i++) {
        Slot *slot = &table->slots[i];
        if (slot->owner == SLOT_FREE || table->groups[slot->group].online)
            continue;
        uint32_t owner = slot->owner;
        slot_free(table, slot);
        lost(userdata, owner);
    }
}
