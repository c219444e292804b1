/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside the hash join: a build side that does not fit in memory.
 *
 * Rows that must go are written in 16 partitions of their hash. When the build side has ended and
 * anything is on disk, all of it goes there, and as many partitions come back as leave room for
 * what follows. The probe joins rows of those as always; its rows of the others are written beside
 * them. Afterwards a source of its own goes through the pairs of partitions: it loads the build
 * rows and pushes the probe rows into the same probe. A pair whose build rows do not fit is divided
 * by other bits of the hash; one that cannot be divided (a key with very many rows) is joined in
 * pieces where the join has no need to know what a probe row met in the others.
 */

#include "exec/op/join.h"
#include "exec/op/pressure.h"

#define JOIN_PARTITIONS 16u

/* What a probe's worker writes. */
typedef struct ProbeDisk {
    uint8_t *memory; /* a buffer for each partition, and some rows */
    size_t n_memory;
    uint8_t *rows;
    SpillWriter writers[JOIN_PARTITIONS];
    SpillRun runs[JOIN_PARTITIONS];
    uint16_t kept[VEC_ROWS_MAX];
} ProbeDisk;

/* Return: 0; mem_arena_error(). Called when the build's layout is made. */
int join_disk_init(JoinBuild *b, MemArena *arena);
void join_disk_done(JoinBuild *b);
bool join_disk_used(const JoinBuild *b);
uint64_t join_disk_rows(const JoinBuild *b);
/* Rows of some blocks to disk. The blocks stay their owner's. */
int join_disk_write(JoinBuild *b, const JoinBlock *blocks, uint32_t n_blocks, Worker *worker);
/* All rows are on disk: choose what comes back, of at most @bytes_max. */
int join_disk_finish(JoinBuild *b, uint64_t bytes_max, uint32_t *ret_n_tasks);
int join_disk_task(JoinBuild *b, Worker *worker, uint32_t task);

/* The table that this worker probes now instead of @b's own, or NULL. */
const JoinBuild *join_disk_current(const JoinBuild *b, const Worker *worker);
/* Rows that come in have been joined: they are to be passed on. */
bool join_disk_passing(const JoinBuild *b, const Worker *worker);
/* Are some partitions not in memory? */
bool join_disk_diverts(const JoinBuild *b);
/**
 * join_disk_divert() - write the probe rows of partitions that are not in memory
 * @rows, @hashes, @n:  in/out, rows with a key; those that were written are taken out
 * @ret_kept:           out, the batch without them; uses pd->kept
 */
int join_disk_divert(JoinBuild *b, ProbeDisk *pd, const Batch *batch, uint16_t *rows,
                     uint64_t *hashes, uint32_t *n, Worker *worker, Batch *ret_kept);
/* The worker's input has ended. */
int join_disk_flush(JoinBuild *b, ProbeDisk *pd, Worker *worker);
void probe_disk_done(JoinBuild *b, ProbeDisk *pd);

/* The source that joins what is on disk; its batches go to @probe. */
int join_disk_source_new(Query *q, Operator *build, Source **ret);
