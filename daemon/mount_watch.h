/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notices when file systems are mounted or unmounted at or below the data roots. A warm executor
 * has its copy of the mounts from when it was born; after a change the scheduler is told
 * (SCHED_EVENT_VIEW_CHANGED) and replaces those that wait. Running sessions keep what they have.
 *
 * Users may cause changes (FUSE in their homes), so looking is limited to once in a few seconds.
 */

#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "daemon/config/config.h"

typedef struct Manager Manager;

typedef struct MountWatch {
    int fd; /* of mountinfo; -EBADF: none */
    sd_event_source *source, *timer;
    uint64_t seen; /* mount_watch_hash() of the table that the scheduler knows */
    uint64_t looked_usec;
} MountWatch;

/* Starts to watch. A kernel or a sandbox without the file is no error: then nothing is noticed. */
void mount_watch_start(Manager *m);
void mount_watch_stop(MountWatch *w);

/**
 * mount_watch_hash() - the lines of a mount table that concern @roots
 * @table:  in the form of proc_pid_mountinfo(5); read to its end
 * Counted are mount points that are a root, lie below one, or hold one. Order matters, as it does
 * for mounts on top of each other. Return: a hash; 0 is as likely as any other.
 */
uint64_t mount_watch_hash(FILE *table, const Config *config);
