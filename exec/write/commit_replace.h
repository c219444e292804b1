/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Partitions of a staging directory in the places of those of the target. */

#include <stdbool.h>
#include <stdint.h>

/**
 * replace_partitions() - each partition below @from_fd into its place below @to_fd
 * @id:    what stands in the names of files that are new: a folder with such files is a partition
 * @look:  only see whether it could be done; nothing changes
 * @ret_n: out, partitions that were there
 * @moved: called after each, nullable
 *
 * One rename for each partition: a new one appears, one that is there changes its place with the
 * new one, and lies below @from_fd then. So it can be called again where it was broken off. Links
 * are not followed. Return: 0 or negative errno, of the first that failed.
 */
int replace_partitions(int from_fd, int to_fd, const char *id, bool look, uint32_t *ret_n,
                       void (*moved)(void *userdata), void *userdata);
