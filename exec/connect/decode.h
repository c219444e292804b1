/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spark Connect messages to the unresolved tree. The bytes come from a client: every length is
 * checked by the reader, nesting is bounded there (PROTO_DEPTH_MAX) and by the tree's constructors,
 * and a message that we do not know is refused by its name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connect/proto/proto.h"
#include "exec/plan/unresolved.h"

#define DECODE_REFERENCES_MAX 1024u

typedef struct DecodeReference {
    int64_t plan_id;
    URel *rel;
} DecodeReference;

typedef struct DecodeList {
    void **items;
    uint32_t n, capacity;
} DecodeList;

/* df.observe(): aggregates over what @input gives. */
typedef struct DecodeObservation {
    const char *name;
    URel *input;
    DecodeList metrics; /* UExpr * */
} DecodeObservation;

/* A checkpoint is a view of this name; no identifier of SQL begins so. */
#define DECODE_REMOTE_PREFIX "\001checkpoint."
#define DECODE_REMOTE_ID_MAX 64u
#define DECODE_REMOTE_NAME_MAX 96u

typedef struct SqlStatement SqlStatement;

typedef struct Decoder {
    UBuilder *b;
    const struct ServiceOperation *operation; /* whom to ask for what was uploaded; NULL: nobody */
    MemPool *pool;                            /* for that, while it is being read */
    /* The struct that holds all JSON records in the strings of @input, in @arena; runs it. NULL:
     * cannot be asked for. Return: 0; QUERY_E_*; as mem_charge(). */
    int (*infer_json)(void *userdata, const URel *input, MemArena *arena, Type *ret);
    void *infer_userdata;
    /* The last SQL text inside, and how many there were: positions mean something for one only. */
    const char *sql_text;
    size_t n_sql_text;
    uint32_t n_sql_texts;
    DecodeReference *references; /* WithRelations: plans that subquery expressions name */
    uint32_t n_references;
    DecodeList observations; /* DecodeObservation * */
    /* What is no query but gives rows runs while it is decoded, and leaves a relation: a Catalog
     * message, a statement. NULL: it is refused. */
    int (*run_catalog)(void *userdata, ProtoReader r, ProtoWriter *ret_relation);
    int (*run_statement)(void *userdata, const SqlStatement *statement, ProtoWriter *ret_relation);
    void *run_userdata;
} Decoder;

/* @r stands in the message. Return: NULL after a failure, which the builder has. */
URel *decode_relation(Decoder *d, ProtoReader r);
UExpr *decode_expression(Decoder *d, ProtoReader r);
UExpr *decode_literal(Decoder *d, ProtoReader r);
/* decode_nested.c: literals of nested types, lambdas, changed structs; @number is the message's. */
UExpr *decode_nested_literal(Decoder *d, ProtoReader r, uint32_t number);
UExpr *decode_lambda(Decoder *d, ProtoReader r);
UExpr *decode_lambda_variable(Decoder *d, ProtoReader r);
UExpr *decode_update_fields(Decoder *d, ProtoReader r);
/* decode_statistic.c */
URel *decode_corr(Decoder *d, ProtoReader r, bool covariance);
URel *decode_approx_quantile(Decoder *d, ProtoReader r);
/* decode_table.c */
URel *decode_crosstab(Decoder *d, ProtoReader r);
URel *decode_freq_items(Decoder *d, ProtoReader r);
URel *decode_sample_by(Decoder *d, ProtoReader r);
/* decode_frame.c */
URel *decode_table_function(Decoder *d, ProtoReader r);
URel *decode_collect_metrics(Decoder *d, ProtoReader r);
URel *decode_transpose(Decoder *d, ProtoReader r);
URel *decode_cached_remote(Decoder *d, ProtoReader r);
UExpr *decode_regex(Decoder *d, ProtoReader r);
/* distributed_sequence_id(): 0, 1, 2, ... */
UExpr *decode_sequence_id(Decoder *d);
/* A CachedRemoteRelation: the name of its view. */
bool decode_remote_id(Decoder *d, ProtoReader r, char ret[static DECODE_REMOTE_NAME_MAX]);
/* decode_window.c */
UExpr *decode_window(Decoder *d, ProtoReader r);
/* A SortOrder message (decode_relation.c). */
bool decode_sort_order(Decoder *d, ProtoReader r, USortKey *key);
bool decode_type(Decoder *d, ProtoReader r, Type *ret_type);
/* decode_source.c: a Catalog message. */
URel *decode_catalog(Decoder *d, ProtoReader r);
/* LocalRelation: an Arrow stream and a schema (DDL or JSON), both optional. */
URel *decode_local_relation(Decoder *d, ProtoReader r);
/* cached_relation.c: rows that were uploaded before. */
URel *decode_cached_local(Decoder *d, ProtoReader r);
URel *decode_chunked_local(Decoder *d, ProtoReader r);
/* Relation.SQL, without running anything: text and parameters. */
typedef struct SqlParameters SqlParameters;
bool decode_sql_parameters(Decoder *d, ProtoReader r, const char **ret_text, size_t *ret_n,
                           SqlParameters *ret_parameters);
/* A schema as JSON text ({"type":"struct","fields":[...]}) or DDL. */
/* A type as JSON text: NULL AS that type. */
UExpr *decode_json_type(Decoder *d, const char *text, size_t n);
bool decode_schema_text(Decoder *d, const char *text, size_t n, PlanField **ret_fields,
                        uint32_t *ret_n);

/* An entry of a map of strings; the value may be missing. */
bool decode_entry(Decoder *d, ProtoReader r, char **ret_key, char **ret_value);

/* ---- pieces shared by the decoder's files ---- */

/* A malformed message. Return: NULL. */
void *decode_malformed(Decoder *d);
void *decode_unsupported(Decoder *d, const char *what);
/* The next field: 1, 0 at the end, -1 after a failure. */
int decode_next(Decoder *d, ProtoReader *r, ProtoField *ret_field);
/* A reader of a nested message. */
bool decode_enter(Decoder *d, const ProtoReader *r, const ProtoField *field,
                  ProtoReader *ret_reader);
/* A string field, checked and copied with a NUL. */
char *decode_string(Decoder *d, const ProtoField *field);

bool decode_add(Decoder *d, DecodeList *list, void *item);
