/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the formats of text have in common when their schema is looked for. */

#include "exec/plan/source_format.h"
#include "exec/text/csv.h"

typedef struct TextWindow {
    const uint8_t *text; /* whole lines, IO_SLOP readable bytes behind */
    uint64_t n;
    bool is_first; /* of its file */
} TextWindow;

/* Return: 0; 1 to stop; an error. */
typedef int (*TextEach)(void *userdata, const TextWindow *window, QueryError *error);

/**
 * source_text_each() - the content of the files, in windows of whole lines
 * @whole:  one window for each file
 * Return: 0; what @each returned; QUERY_E_FAILED (FAILED_READ_FILE); MEM_E_*.
 */
int source_text_each(SourceLoad *load, const SourceInfo *source, bool whole, TextEach each,
                     void *userdata);
/* What CSV and JSON are told alike; n_columns is left for later. Return: 0; QUERY_E_FAILED: an
 * option that is not known. @refused: the format's own such, as source_text_refuse(). */
int source_text_options(const SourceRequest *request, const char *const *refused, TextOptions *ret,
                        QueryError *error);
/* Options that would change the result and are not known. @refused: key, value that is fine or
 * NULL, ..., NULL. Return: 0; QUERY_E_FAILED. */
int source_text_refuse(const SourceRequest *request, const char *const *refused, QueryError *error);
/* The schema that the request gives, every column nullable; *ret_corrupt: which is for malformed
 * records, or ROW_NO_COLUMN. */
int source_text_given(SourceLoad *load, SourceInfo *source, uint32_t *ret_corrupt);
/* The column for malformed records. */
const char *source_text_corrupt_name(const SourceRequest *request);
bool source_text_same_name(const SourceRequest *request, const char *a, const char *b);
/* As SourceFormat.load: columns by number; rows are guessed from bytes. */
int source_text_load(SourceLoad *load, SourceInfo *source);
