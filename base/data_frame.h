/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clang-format off */
/*
 * The data channel between a client side (berth-gateway, or `berth` in embedded mode) and one executor:
 * AF_UNIX SOCK_STREAM, a 40-byte header and a payload per frame, many operations interleaved.
 *
 * Payloads of requests are Spark Connect messages as the client sent them, opaque to the gateway. Payloads
 * of replies are *partial* Connect messages: the serialized fields that the executor knows. Protobuf merges
 * concatenated messages, so the gateway puts session_id, operation_id and response_id in front and sends the
 * rest on untouched.
 *
 *   to the executor     payload
 *   DATA_EXECUTE        spark.connect.Plan; @rows > 0: the client takes an Arrow stream in chunks of so many bytes
 *   DATA_ANALYZE        spark.connect.AnalyzePlanRequest
 *   DATA_CONFIG         key NUL value NUL ...; a key followed by DATA_CONFIG_UNSET as value is unset
 *   DATA_CANCEL         none; the operation still ends with one final frame
 *   DATA_CREDIT         none; @rows more payload bytes may be sent for this operation
 *   DATA_ARTIFACT       the answer to DATA_FETCH: a piece of the artifact from the offset that was asked for on;
 *                       @rows is the size of the whole. DATA_FLAG_MISSING: there is no such artifact
 *
 *   from the executor
 *   DATA_RESPONSE       partial ExecutePlanResponse; @rows counts rows of an arrow_batch in it, where chunks of one
 *                       are counted with the first
 *   DATA_COMPLETE       none; final. @flags DATA_FLAG_REPLAY: the request changed session state and must be
 *                       sent again, with DATA_FLAG_REPLAY, to a replacement executor
 *   DATA_ANALYZED       partial AnalyzePlanResponse; final
 *   DATA_ERROR          DataError below, then its texts; final
 *   DATA_CONFIG         as above, operation 0: SQL (SET, RESET) has changed these keys; sent before the final
 *                       frame of that statement
 *   DATA_FETCH          the name of an artifact ("cache/..."); @rows is the offset to begin at. One at a time for
 *                       each operation
 *
 * Every operation ends in exactly one final frame (D-8). The executor sends at most the credit it was given:
 * DATA_CREDIT_INITIAL at the start plus each DATA_CREDIT, counted in payload bytes of DATA_RESPONSE frames,
 * where one frame may overdraw. So a client that does not read costs a bounded amount of memory.
 */
/* clang-format on */

#include <stdint.h>

#define DATA_MAGIC UINT32_C(0x42455254) /* "BERT" */
#define DATA_PAYLOAD_MAX (UINT32_C(128) << 20)
#define DATA_CREDIT_INITIAL (UINT64_C(16) << 20)
#define DATA_PIECE_MAX (UINT32_C(16) << 20) /* of one DATA_ARTIFACT */
#define DATA_NAME_MAX 1024u
#define DATA_CONFIG_UNSET "\x01"

typedef enum DataType {
    DATA_EXECUTE = 1,
    DATA_ANALYZE,
    DATA_CONFIG,
    DATA_CANCEL,
    DATA_CREDIT,
    DATA_ARTIFACT,
    DATA_RESPONSE = 32,
    DATA_COMPLETE,
    DATA_ANALYZED,
    DATA_ERROR,
    DATA_FETCH,
} DataType;

enum {
    DATA_FLAG_REPLAY = 1u << 0,
    /* On RESPONSE: a rerun would give these rows in this order. */
    DATA_FLAG_DETERMINISTIC = 1u << 1,
    /* On RESPONSE, whose payload may be empty: from here on the operation changes something outside
     * the session (files), so it must never run again. */
    DATA_FLAG_EFFECT = 1u << 2,
    /* On RESPONSE without rows: a sign of progress. Nobody misses it: it may be dropped, and a
     * rerun gives others. */
    DATA_FLAG_PROGRESS = 1u << 3,
    /* On ARTIFACT. */
    DATA_FLAG_MISSING = 1u << 4,
};

typedef struct DataHeader {
    uint32_t magic;
    uint16_t type; /* DataType */
    uint16_t flags;
    uint64_t operation; /* chosen by the client side, unique on this channel */
    uint64_t rows;
    uint32_t n_payload; /* bytes that follow, at most DATA_PAYLOAD_MAX */
    uint32_t reserved;
    uint64_t reserved2;
} DataHeader;

_Static_assert(sizeof(DataHeader) == 40, "the data header is 40 bytes");

/*
 * Payload of DATA_ERROR: this struct and then four texts without NUL, in this order: error class
 * ("DIVIDE_BY_ZERO"), SQLSTATE ("22012"), message, message parameters as a JSON object.
 * @kind tells which exception of Spark it becomes.
 */
typedef enum DataErrorKind {
    DATA_ERROR_ANALYSIS,    /* org.apache.spark.sql.AnalysisException */
    DATA_ERROR_PARSE,       /* org.apache.spark.sql.catalyst.parser.ParseException */
    DATA_ERROR_ARITHMETIC,  /* SparkArithmeticException */
    DATA_ERROR_RUNTIME,     /* SparkRuntimeException */
    DATA_ERROR_ILLEGAL,     /* IllegalArgumentException */
    DATA_ERROR_UNSUPPORTED, /* SparkUnsupportedOperationException */
    DATA_ERROR_CANCELLED,   /* OPERATION_CANCELED */
    DATA_ERROR_MEMORY,      /* out of memory by grant, not by kill */
    DATA_ERROR_CAST,        /* SparkNumberFormatException / SparkDateTimeException by class */
    DATA_ERROR_DATETIME,
    DATA_ERROR_INDEX, /* SparkArrayIndexOutOfBoundsException */
    DATA_ERROR_FILE,  /* a data file that cannot be read: SparkException */
    _DATA_ERROR_KIND_MAX,
} DataErrorKind;

typedef struct DataError {
    uint32_t kind; /* DataErrorKind */
    uint32_t n_class, n_sqlstate, n_message, n_parameters;
    uint32_t position_line, position_column; /* 1.. ; 0 when there is no SQL text */
    uint32_t position_start, position_stop;  /* byte offsets in the SQL text */
} DataError;
