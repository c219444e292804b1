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
            t->groups[t->n_groups++].node = number;
        SlotGroup *g = &t->groups[t->n_groups - 1];
        g->cpus[g->n_cpus++] = (uint16_t)cpu;
    }
    for (uint32_t class = 0; class < SLOT_CLASSES; class ++) {
        SlotPool *p = &t->pools[t->n_pools++];
        *p = (SlotPool){.node = number,
                        .class = class,
                        .first = t->n_slots,
                        .first_group = first_group,
                        .n_groups = t->n_groups - first_group};
        for (uint32_t layer = 0; layer < layers[class]; layer++)
            for (uint32_t g = first_group; g < t->n_groups; g++)
                t->slots[t->n_slots++] =
                    (Slot){.owner = SLOT_FREE, .group = g, .prev = SLOT_FREE, .next = SLOT_FREE};
        p->n_slots = t->n_slots - p->first;
        p->n_words = (p->n_slots + 63) / 64;
        t->by_place[number][class] = p;
    }
}

/* In or out of the bitmap of its level; a slot without CPUs or with an owner is in none. */
static void mark(SlotTable *t, SlotPool *p, uint32_t slot, bool in)
{
    const Slot *sl = &t->slots[slot];
    const SlotGroup *g = &t->groups[sl->group];
    if (sl->owner != SLOT_FREE || !g->online)
        return;
    uint32_t at = slot - p->first, level = MIN((uint32_t)g->n_leased, SLOT_LEVELS - 1);
    uint64_t *word = &p->free[(size_t)level * p->n_words + at / 64];
    uint64_t bit = UINT64_C(1) << (at % 64);
    assert(((*word & bit) != 0) != in);
    *word ^= bit;
    p->n_at[level] += in ? 1 : UINT32_MAX;
    p->n_free += in ? 1 : UINT32_MAX;
}

/* All slots on the CPUs of one group. */
static void mark_group(SlotTable *t, uint32_t group, bool in)
{
    for (uint32_t class = 0; class < SLOT_CLASSES; class ++) {
        SlotPool *p = t->by_place[t->groups[group].node][class];
        for (uint32_t i = p->first + (group - p->first_group); i < p->first + p->n_slots;
             i += p->n_groups)
            mark(t, p, i, in);
    }
}

/* Everything again: at the start, and when other CPUs are online. */
static void mark_all(SlotTable *t)
{
    for (uint32_t i = 0; i < t->n_pools; i++) {
        SlotPool *p = &t->pools[i];
        p->n_online = p->n_free = 0;
        memset(p->n_at, 0, sizeof(p->n_at));
        if (p->n_words > 0)
            memset(p->free, 0, SLOT_LEVELS * p->n_words * sizeof(*p->free));
        for (uint32_t k = p->first; k < p->first + p->n_slots; k++) {
            p->n_online += t->groups[t->slots[k].group].online;
            mark(t, p, k, true);
        }
    }
}

int slot_table_init(SlotTable *table, const SchedTopology *topology, uint32_t slot_cpus,
                    const uint32_t *layers, uint32_t n_owners)
{
    assert(slot_cpus >= 1 && slot_cpus <= SLOT_CPUS_MAX);
    SlotTable *t = table;
    size_t n_cpus = 0, n_words = 0;
    *t = (SlotTable){.online = topology->online};
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        n_cpus += sched_cpus_count(&topology->nodes[n].cpus);
    t->groups = calloc(n_cpus + 1, sizeof(*t->groups));
    t->slots = calloc(n_cpus * SLOT_CLASSES * SLOT_LAYERS_MAX + 1, sizeof(*t->slots));
    t->owned = calloc(n_owners, sizeof(*t->owned));
    if (!t->groups || !t->slots || !t->owned)
        goto fail;
    for (uint32_t i = 0; i < n_owners; i++)
        t->owned[i] = SLOT_FREE;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        if (topology->nodes[n].present)
            build_node(t, &topology->nodes[n], n, slot_cpus, layers);
    for (uint32_t i = 0; i < t->n_pools; i++)
        n_words += SLOT_LEVELS * t->pools[i].n_words;
    t->words = calloc(n_words + 1, sizeof(*t->words));
    if (!t->words)
        goto fail;
    n_words = 0;
    for (uint32_t i = 0; i < t->n_pools; i++) {
        t->pools[i].free = t->words + n_words;
        n_words += SLOT_LEVELS * t->pools[i].n_words;
    }
    for (uint32_t g = 0; g < t->n_groups; g++)
        t->groups[g].online = group_online(&t->groups[g], &t->online);
    mark_all(t);
    return 0;
fail:
    slot_table_done(t);
    return -ENOMEM;
}

void slot_table_done(SlotTable *table)
{
    free(table->groups);
    free(table->slots);
    free(table->owned);
    free(table->words);
    *table = (SlotTable){0};
}

static void slot_take(SlotTable *t, uint32_t slot, uint32_t owner)
{
    Slot *sl = &t->slots[slot];
    mark_group(t, sl->group, false);
    sl->owner = owner;
    sl->prev = SLOT_FREE;
    sl->next = t->owned[owner];
    if (sl->next != SLOT_FREE)
        t->slots[sl->next].prev = slot;
    t->owned[owner] = slot;
    t->groups[sl->group].n_leased++;
    mark_group(t, sl->group, true);
}

static void slot_unlink(SlotTable *t, uint32_t slot)
{
    Slot *sl = &t->slots[slot];
    assert(t->groups[sl->group].n_leased > 0);
    if (sl->prev == SLOT_FREE)
        t->owned[sl->owner] = sl->next;
    else
        t->slots[sl->prev].next = sl->next;
    if (sl->next != SLOT_FREE)
        t->slots[sl->next].prev = sl->prev;
    sl->owner = sl->prev = sl->next = SLOT_FREE;
    t->groups[sl->group].n_leased--;
}

static void slot_free(SlotTable *t, uint32_t slot)
{
    uint32_t group = t->slots[slot].group;
    mark_group(t, group, false);
    slot_unlink(t, slot);
    mark_group(t, group, true);
}

bool slot_pool_acquire(SlotTable *table, const SlotPool *pool, uint32_t owner)
{
    for (uint32_t level = 0; level < SLOT_LEVELS; level++) {
        if (pool->n_at[level] == 0)
            continue;
        const uint64_t *words = pool->free + (size_t)level * pool->n_words;
        uint32_t w = 0;
        while (words[w] == 0)
            w++;
        slot_take(table, pool->first + w * 64 + (uint32_t)__builtin_ctzll(words[w]), owner);
        return true;
    }
    return false;
}

uint32_t slot_pool_release(SlotTable *table, const SlotPool *pool, uint32_t owner, uint32_t keep)
{
    uint32_t n = 0;
    for (uint32_t i = table->owned[owner]; i != SLOT_FREE; i = table->slots[i].next)
        n += i >= pool->first && i < pool->first + pool->n_slots;
    while (n > keep) {
        uint32_t busiest = table->owned[owner];
        for (uint32_t i = busiest; keep > 0 && i != SLOT_FREE; i = table->slots[i].next)
            if (table->groups[table->slots[i].group].n_leased >
                table->groups[table->slots[busiest].group].n_leased)
                busiest = i;
        slot_free(table, busiest);
        n--;
    }
    return n;
}

void slot_pool_cpus(const SlotTable *table, uint32_t owner, SchedCpus *cpus)
{
    for (uint32_t i = table->owned[owner]; i != SLOT_FREE; i = table->slots[i].next) {
        const SlotGroup *g = &table->groups[table->slots[i].group];
        for (unsigned c = 0; c < g->n_cpus; c++)
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
        uint32_t owner = table->slots[i].owner;
        if (owner == SLOT_FREE || table->groups[table->slots[i].group].online)
            continue;
        slot_unlink(table, i);
        lost(userdata, owner);
    }
    mark_all(table);
}
