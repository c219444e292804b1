/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside aggregation: groups on disk.
 *
 * A table that must go is written in 16 partitions of its hash, states and all, and begins anew.
 * When input ends with anything on disk, everything goes there, and the source unites one partition
 * at a time; a partition that does not fit is written again by the next four bits of the hash. The
 * values of DISTINCT are united in the same way before, by the hash of group and value, so that one
 * large group does not stand in the way; what is new becomes a state of a group.
 */

#include "exec/op/aggregate.h"
#include "exec/op/pressure.h"

/* Return: 0; mem_arena_error(). */
int aggregate_spill_init(Aggregation *a, MemArena *arena);
void aggregate_spill_done(Aggregation *a);

uint64_t aggregate_part_bytes(const Aggregation *a, const AggregatePart *part);
/* All groups and values of a part go to disk. Return: 0; QUERY_E_*; MEM_E_*. */
int aggregate_spill_part(Aggregation *a, AggregatePart *part, Worker *worker);

bool aggregate_has_spilled(const Aggregation *a);
/* Is something on disk, or must it go there because the parts cannot be merged in memory? */
bool aggregate_wants_disk(Aggregation *a);
int aggregate_disk_finish(Aggregation *a, Worker *worker, uint32_t *ret_n_tasks);
int aggregate_disk_task(Aggregation *a, Worker *worker, uint32_t task);
/**
 * aggregate_disk_next() - the groups of one more partition
 * @table:  out, made anew, for group_table_done(); zeroed at the end
 * Return: 0; OP_E_END; QUERY_E_*; MEM_E_*.
 */
int aggregate_disk_next(Aggregation *a, Worker *worker, GroupTable *table);

/* aggregate_merge.c */
int aggregate_merge_group(Aggregation *a, GroupTable *to, const uint8_t *row, uint32_t number);
int aggregate_find_group(Aggregation *a, GroupTable *to, const uint8_t *row, uint32_t *ret_number);
int aggregate_distinct_value(Aggregation *a, const DistinctSet *set, GroupTable *to,
                             const uint8_t *row, uint8_t *key);
