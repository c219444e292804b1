/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events and actions as the simulator prints them; "unknown" for others. */

#include "scheduler/scheduler.h"

const char *event_name(SchedEventType type);
const char *action_name(SchedActionType type);
