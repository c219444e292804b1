/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Directories of files, as commits need them: synced, moved, removed, locked. */

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_STAGING "_temporary-"   /* and 32 hexadecimal digits: being written */
#define TREE_COMMITTED "_committed-" /* and the same: counts, and is being moved up */
#define TREE_REPLACING "_replacing-" /* and the same: its partitions are taking their places */
#define TREE_DEPTH_MAX 32u
#define TREE_NAME_BYTES 64u

/* "_temporary-0123..." */
bool tree_is_named(const char *name, const char *prefix);
/* Opens a directory below another, not through a link. Return: descriptor or negative errno. */
int tree_open(int parent_fd, const char *name);
/**
 * tree_lock() - says that somebody is at work in the directory, as long as @fd is open
 * Return: 0; -EWOULDBLOCK somebody else is.
 */
int tree_lock(int fd);
/* fsync() of all directories below and the directory itself; files have been synced when they were
 * closed. Counts regular files. Return: 0 or negative errno. */
int tree_sync(int fd, uint32_t depth, uint64_t *n_files);
/* Everything below @fd and, with @name, the directory itself. Goes on after failures. Return: the
 * first failure, or 0. */
int tree_remove(int parent_fd, const char *name);
/**
 * tree_discard() - removes a folder unless somebody reads it
 * @guard_fd: the folder that its readers hold (io_hold()); below 0: it is the one
 * What stays goes with the next tree_sweep().
 */
void tree_discard(int parent_fd, const char *name, int guard_fd);
/* A folder that nothing names any more, or nothing should: its name goes, at once, and then it is
 * discarded. With @guard_fd, a folder above, it is set aside there. */
void tree_dispose(int parent_fd, const char *name, int guard_fd);
/**
 * tree_move_up() - files below @from_fd to the same places below @to_fd
 * Directories are made there as needed and removed here. A name that is taken stays where it is:
 * -EEXIST.
 * @moved:  called after each file, nullable
 */
int tree_move_up(int from_fd, int to_fd, uint32_t depth, void (*moved)(void *userdata),
                 void *userdata);
/* A stream over a directory whose descriptor stays the caller's. NULL: errno says why. */
DIR *tree_stream(int fd);
void tree_streamp(DIR **dir);
bool tree_is_directory(int fd, const struct dirent *entry);
/* The identifier in the form that names of files have it, of the 32 digits in a directory's name.
 * @buf has 37 bytes. */
void tree_uuid(const char *digits, char *buf);
/* Removes staging directories of user @own in @fd that nobody is at work in, moves up what is
 * committed, and puts partitions in their places. */
void tree_sweep(int fd, uid_t own);
