/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Results as parts of ExecutePlanResponse: schema, Arrow batches, metrics. */

#include <stdbool.h>
#include <stdint.h>

#include "connect/proto/proto.h"
#include "exec/connect/service.h"
#include "exec/plan/plan.h"

/* A DataType message as field @number. */
void reply_put_type(ProtoWriter *w, uint32_t number, Type type);
/* A struct type of the fields. */
void reply_put_struct(ProtoWriter *w, uint32_t number, const PlanField *fields, uint32_t n);

typedef struct ReplyWriter ReplyWriter;

/* Where finished bytes go: as ServiceOperation.emit. */
typedef int (*ReplyEmit)(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows);

/**
 * reply_writer_new() - collect rows into Arrow batches
 * @pool:    charged for the buffers
 * @fields:  of the result; borrowed
 * @tail:    keep only the last so many rows, and emit nothing before the end; -1: all
 * Return: 0; QUERY_E_FAILED (a column of a type that has no Arrow form here); -ENOMEM.
 */
int reply_writer_new(MemPool *pool, const PlanField *fields, uint32_t n_fields,
                     const char *time_zone, int64_t tail, ReplyEmit emit, void *userdata,
                     QueryError *error, ReplyWriter **ret_writer);
ReplyWriter *reply_writer_free(ReplyWriter *w);
/* A batch of more than @bytes leaves in chunks; only the first is said to have rows. 0: whole. */
void reply_writer_set_chunks(ReplyWriter *w, uint32_t bytes);
/* Return: 0; what @emit gave; MEM_E_*; negative errno. */
int reply_writer_add(ReplyWriter *w, const Batch *batch);
/* The rest; one batch without rows when there was none at all. */
int reply_writer_finish(ReplyWriter *w);
uint64_t reply_writer_rows(const ReplyWriter *w);
/* Rows so far as one Arrow stream, for free(3), instead of finish: for LocalRelation. */
int reply_writer_take_stream(ReplyWriter *w, uint8_t **ret_data, size_t *ret_n);
static inline void reply_writer_freep(ReplyWriter **w)
{
    reply_writer_free(*w);
}
