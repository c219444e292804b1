/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the pooled and the embedded start of an executor. */

#include "sandbox/sandbox.h"

/* Tries the ring and fills io_mode, ring_restricted, ring_errno and landlock_abi. A missing ring is
 * no failure. */
void confine_make_ring(const RingOptions *options, Ring *ret_ring, ControlExecutorHello *ret_hello);
