/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "scheduler/lookup.h"
#include "scheduler/version/version.h"

#define WORKLOAD_NONE UINT32_MAX

typedef struct Version {
    uint32_t number;
    bool on_trial, halted;
    uint32_t n_good;
    uint32_t first_pin_uid; /* whose pin away from it was the first in its trial */
    uint32_t n_trial_pins;
    bool others_pinned; /* and so did somebody else */
} Version;

typedef struct Workload {
    VersionRecord r;
    ListNode by_age;    /* Book.by_age, or .unused */
    ListNode in_tenant; /* oldest first */
    uint32_t tenant;
} Workload;

typedef struct VersionTenant {
    uint32_t uid;
    uint32_t n_workloads, n_pins;
    ListNode workloads;
    ListNode unused;
} VersionTenant;

/* Workloads by (uid, fingerprint). Who fills it forgets its own first, not its neighbour's. */
typedef struct Book {
    Workload *workloads;
    VersionTenant *tenants;
    uint32_t n_max, tenant_max;
    Lookup keys, uids;
    ListNode by_age, unused, unused_tenants;
} Book;

struct Versions {
    VersionConfig config;
    uint32_t floor;
    uint32_t n_versions;
    Version versions[VERSIONS_MAX]; /* oldest first */
    Book book;
};

int book_init(Book *b, uint32_t n_max, uint32_t tenant_max);
void book_done(Book *b);
/* NULL: not known. */
Workload *book_find(const Book *b, uint32_t uid, uint64_t fingerprint);
/* The one that is known, or a fresh one; it is now the youngest. */
Workload *book_open(Book *b, uint32_t uid, uint64_t fingerprint);
VersionTenant *book_tenant(const Book *b, const Workload *w);
/* Every change of a pin: VERSION_NONE sets it free. */
void book_pin(Book *b, Workload *w, uint32_t pinned, uint32_t bad);
