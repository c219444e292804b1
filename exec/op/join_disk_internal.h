/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside join_disk.c and join_disk_source.c. */

#include "exec/op/join_disk.h"

#define PROBE_BUFFER_BYTES (32u << 10)

/* A pair of partitions that waits to be joined. */
typedef struct JoinPiece {
    struct JoinPiece *next;
    SpillRun build, probe;
    uint32_t level; /* which bits of the hash chose it */
    bool whole;     /* dividing it gains nothing */
} JoinPiece;

typedef struct JoinDisk {
    SpillShape shape; /* of build rows */
    atomic_bool used;
    SpillRun build[JOIN_PARTITIONS]; /* under the build's lock */
    uint16_t mask;                   /* partitions that are not in memory; const while probed */

    RowLayout left; /* probe rows: the hash in front */
    SpillShape left_shape;
    uint32_t *left_columns;          /* per column of @left: of the input */
    uint32_t *left_place;            /* and back; UINT32_MAX: nobody reads it */
    SpillRun probe[JOIN_PARTITIONS]; /* under the build's lock */

    JoinBuild **current; /* per worker */
    bool *passing;
    JoinPiece *pieces; /* under the build's lock */
} JoinDisk;

uint32_t join_partition(uint64_t hash, uint32_t level);
int join_load_block(JoinBuild *b, const SpillBlock *block, Worker *worker, JoinBlock *ret_block);
