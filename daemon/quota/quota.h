/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bounds of users and groups that an administrator has set while berthd runs, kept over restarts in
 * a text file of the manager's own. One line for each:
 *
 *     user 2001 sessions=4 running=2 queued=10 weight=50 memory=8589934592
 *
 * Without I/O on the loop: what is to be written is a text, and who writes it a control thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scheduler/scheduler.h"

#define QUOTAS_MAX 1024u /* as many as the scheduler holds */
#define QUOTAS_FILE "quotas"
#define QUOTAS_TEXT_MAX (1u << 20)

typedef struct QuotaRow {
    bool group; /* @id is a gid, else a uid */
    uint32_t id;
    SchedQuota quota;
} QuotaRow;

/* Users first, each kind by number. */
typedef struct Quotas {
    QuotaRow *rows;
    size_t n;
} Quotas;

void quotas_done(Quotas *q);

/* NULL when there is none. */
const SchedQuota *quotas_find(const Quotas *q, bool group, uint32_t id);

/* All zero takes it away. Return: 0; -ENOMEM; -ENOSPC: QUOTAS_MAX. */
int quotas_set(Quotas *q, bool group, uint32_t id, const SchedQuota *quota);

/* The first of these groups that has a quota; 0: none. */
uint32_t quotas_group_of(const Quotas *q, gid_t gid, const uint32_t *groups, size_t n_groups);

/* Called for each line that cannot be taken, which is left out. */
typedef void (*QuotaComplain)(void *userdata, unsigned line, const char *why);

/**
 * quotas_parse() - adds what @text says
 * Return: 0, also after complaints; -ENOMEM.
 */
int quotas_parse(Quotas *q, const char *text, size_t n_bytes, QuotaComplain complain,
                 void *userdata);

/* All of them as quotas_parse() reads it; free(). NULL: out of memory. */
char *quotas_format(const Quotas *q);

/* The file in @dir, at once or not at all. Return: 0 or negative errno. */
int quotas_write(const char *dir, const char *text);
/* Return: 0, with @ret_text to be freed, "" without a file; -EFBIG; negative errno. */
int quotas_read(const char *dir, char **ret_text);
