/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arrow IPC files and streams: where their messages lie. The bytes of batches are read when a
 * worker comes to them (rows.c).
 */

#include "connect/arrow/arrow.h"
#include "exec/io/io.h"
#include "exec/vec/nested.h"

#define ARROW_PARTS_MAX (1u << 20) /* messages of one file */

/* A batch or a dictionary. */
typedef struct ArrowExtent {
    uint64_t offset, n_body;
    uint32_t n_metadata; /* from @offset on, the prefix included; the body is behind */
    int64_t n_rows;
    union {
        uint32_t n_before; /* of a batch: dictionaries that it may use */
        uint32_t number;   /* of a dictionary */
    };
    bool is_delta; /* more values for a dictionary, not others */
} ArrowExtent;

#define ARROW_NO_FIELD UINT32_MAX

/* Const once opened; lives in the arena that it was opened with. */
typedef struct ArrowFile {
    IoIdentity identity;
    const ArrowSchema *schema;
    const ArrowField *fields;
    uint32_t n_fields;
    Type *types;
    const char **unreadable; /* per field, as arrow_type_of() */
    ArrowExtent *batches, *dictionaries;
    uint32_t n_batches, n_dictionaries;
    uint64_t n_rows, n_bytes;
    const uint32_t *columns; /* per column of the source: a field or ARROW_NO_FIELD; the plan's */
} ArrowFile;

/**
 * arrow_file_open() - read the schema and find all batches
 * @file:  of the file format, or a stream, also of before version 0.15
 * Return: 0; QUERY_E_FAILED (FAILED_READ_FILE); MEM_E_*; -ENOMEM.
 */
int arrow_file_open(IoFile *file, MemPool *pool, MemArena *arena, ArrowFile **ret_file,
                    QueryError *error);

/* FAILED_READ_FILE with what @r or @reason say. As context: -ENOMEM and positive codes pass. */
int arrow_file_failed(const char *path, int r, const ArrowReason *reason, QueryError *error);

/* Memory of messages and columns: an arena. */
ArrowMemory arrow_arena_memory(MemArena *arena);
/* -ENOMEM of a function that was given that memory as what the arena says. */
int arrow_arena_result(const MemArena *arena, int r);
