/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside op/: the parts of aggregation. aggregate.c takes rows in, aggregate_merge.c unites what
 * the workers have and puts it out, aggregate_make.c lays out the rows. */

#include "exec/op/accumulate.h"
#include "exec/op/group_dense.h"
#include "exec/op/key_hash.h"
#include "exec/op/key_ids.h"
#include "exec/op/pipeline.h"

#define AGGREGATE_PARTITIONS 16u
#define AGGREGATE_PARTITION_SHIFT 60

/* DISTINCT: the values that a group has seen, as a table of (group key, value). */
typedef struct DistinctSet {
    RowLayout layout; /* head: hash of all, hash of the group key */
    uint32_t state;   /* what its values go into */
} DistinctSet;

/* What one worker found. */
typedef struct AggregatePart {
    GroupTable table;
    GroupTable *distinct; /* [n_distinct] */
    MemArena *arena;      /* this struct and the lists below */
    uint32_t *order;      /* groups sorted by partition; NULL: not partitioned */
    uint32_t starts[AGGREGATE_PARTITIONS + 1];
    GroupDense dense;      /* covers all groups when the table has no slots */
    uint8_t *is_elsewhere; /* per group: an earlier part has taken it in; NULL: none */
    uint32_t n_elsewhere;  /* under the aggregation's lock */
} AggregatePart;

typedef struct Aggregation {
    Operator op;
    ExprProgram *program; /* groups, then arguments and filters */
    uint32_t n_groups;
    Type *group_types;
    RowLayout keys;
    uint32_t row_size;
    uint32_t n_states;
    State *states;
    uint32_t n_aggregates;
    const Aggregate *aggregates;
    uint32_t *aggregate_state; /* per aggregate */
    uint32_t n_distinct;
    DistinctSet *distinct;

    pthread_mutex_t lock;
    AggregatePart **parts;
    uint32_t n_parts, parts_capacity;

    struct AggregateDisk *disk; /* NULL: nothing of it may be written to disk */
    bool from_disk;             /* the results are united by the source */

    bool in_place; /* the results are the parts, each without what is elsewhere */
    MemArena *task_strings[AGGREGATE_PARTITIONS]; /* in place: for states that keep strings */
    uint32_t n_results;                           /* 1 or AGGREGATE_PARTITIONS */
    GroupTable results[AGGREGATE_PARTITIONS];
} Aggregation;

extern const OperatorClass aggregate_class;
int aggregate_finish(Operator *op, Worker *worker, uint32_t *ret_n_tasks);
int aggregate_finish_task(Operator *op, Worker *worker, uint32_t task);
/* The integer key of a group. Return: false when it is null. */
bool aggregate_dense_key(const Aggregation *a, const uint8_t *row, int64_t *ret_value);
void aggregate_part_free(Aggregation *a, AggregatePart *part);
