/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the host has, read for the scheduler, which reads nothing itself (D-11). */

#include <stdint.h>

#include "scheduler/topology/topology.h"

/**
 * host_topology() - CPUs and nodes
 * @directory:    laid out as /sys/devices/system
 * @memory_bytes: of the host, for a kernel without NUMA
 * Return: 0; -EBADMSG for texts that no kernel writes; negative errno.
 */
int host_topology(const char *directory, uint64_t memory_bytes, SchedTopology *ret_topology);

/* CPUs that are online now. Return: 0 or negative errno. */
int host_online(const char *directory, SchedCpus *ret_online);

/* MemTotal of /proc/meminfo, or what the kernel lets @cgroup_fd (or -EBADF) have, if that is less.
 */
int host_memory(int cgroup_fd, uint64_t *ret_bytes);
