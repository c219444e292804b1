/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * polkit's question at this terminal. A desktop has an agent that asks for passwords; a terminal
 * has none unless somebody starts one, as systemctl does.
 */

#include <sys/types.h>

/* Starts pkttyagent for this process if it may be of use. Return: its pid, -1 for none. Cannot
 * fail. */
pid_t agent_start(void);
/* Ends it. Accepts -1. */
void agent_stop(pid_t agent);
