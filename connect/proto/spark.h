/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The whole of Spark Connect that Berth knows by number. One header per part; include what you
 * need.
 *
 * Numbers are interface facts, read from the descriptors that the installed client carries;
 * tests/conformance/test_field_numbers.py compares every one of them again.
 */

#include "connect/proto/spark_command.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "connect/proto/spark_types.h"

/* google.protobuf.Any and google.rpc: how an error travels in the trailer grpc-status-details-bin.
 */
enum {
    RPC_STATUS_CODE = 1,    /* int32 */
    RPC_STATUS_MESSAGE = 2, /* string */
    RPC_STATUS_DETAILS = 3, /* Any[] */
};

enum {
    RPC_ANY_TYPE_URL = 1, /* string */
    RPC_ANY_VALUE = 2,    /* bytes */
};

enum {
    RPC_ERROR_INFO_REASON = 1,   /* string */
    RPC_ERROR_INFO_DOMAIN = 2,   /* string */
    RPC_ERROR_INFO_METADATA = 3, /* map of string to string */
};

enum {
    RPC_RETRY_INFO_DELAY = 1, /* Duration */
};

enum {
    RPC_DURATION_SECONDS = 1, /* int64 */
    RPC_DURATION_NANOS = 2,   /* int32 */
};
