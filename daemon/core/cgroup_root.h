/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The delegated piece of the cgroup v2 tree: ROOT/supervisor holds berthd, ROOT/executor-N one
 * executor each. A leaf is made before anybody knows whose it will be and cannot be renamed, so its
 * name holds no uid; org.berth.Berth1 shows who has which.
 *
 * Source: systemd's CGROUP_DELEGATION.md: only below the own node, no process in an inner node.
 */

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_ROOT_PATH_MAX 1024u
#define UNENFORCED_MAX 8u

typedef struct CgroupRoot {
    int fd; /* -EBADF: no cgroup v2 here, and the configuration allows it */
    uint32_t controllers;
    char path[CGROUP_ROOT_PATH_MAX]; /* as in /proc/PID/cgroup; "" without */
    /* One sentence for each promise that this host cannot keep. */
    const char *unenforced[UNENFORCED_MAX];
    unsigned n_unenforced;
} CgroupRoot;

/**
 * cgroup_root_open() - find the own node, move berthd to supervisor/, enable the controllers
 * @configured: CgroupRoot= (below /sys/fs/cgroup or in full), or ""
 * @required:   RequireCgroup=
 * Started in the very root of the tree, it makes /berth. Removes leaves that an earlier berthd
 * left, with whatever runs in them. Logs. Return: 0; negative errno.
 */
int cgroup_root_open(const char *configured, bool required, CgroupRoot *ret_root);

/* Leaves supervisor/ and removes the tree, unless it is the cgroup that berthd was started in. */
void cgroup_root_close(CgroupRoot *root);
