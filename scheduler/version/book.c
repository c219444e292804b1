/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of workloads, in a bounded book. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "scheduler/version/version_internal.h"

int book_init(Book *b, uint32_t n_max, uint32_t tenant_max)
{
    *b = (Book){.n_max = n_max, .tenant_max = tenant_max};
    list_init(&b->by_age);
    list_init(&b->unused);
    list_init(&b->unused_tenants);
    b->workloads = calloc(n_max, sizeof(*b->workloads));
    b->tenants = calloc(n_max, sizeof(*b->tenants));
    if (!b->workloads || !b->tenants || lookup_init(&b->keys, n_max) < 0 ||
        lookup_init(&b->uids, n_max) < 0) {
        book_done(b);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n_max; i++) {
        list_append(&b->unused, &b->workloads[i].by_age);
        list_append(&b->unused_tenants, &b->tenants[i].unused);
    }
    return 0;
}

void book_done(Book *b)
{
    free(b->workloads);
    free(b->tenants);
    lookup_done(&b->keys);
    lookup_done(&b->uids);
    *b = (Book){0};
}

/* Two different workloads may have the same key; then the one that comes later is not known. */
static uint64_t key_of(uint32_t uid, uint64_t fingerprint)
{
    uint64_t z = fingerprint + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)uid + 1);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z ? z : 1;
}

static bool is_of(const Workload *w, uint32_t uid, uint64_t fingerprint)
{
    return w->r.uid == uid && w->r.fingerprint == fingerprint;
}

Workload *book_find(const Book *b, uint32_t uid, uint64_t fingerprint)
{
    uint32_t i = lookup_get(&b->keys, key_of(uid, fingerprint));
    if (i == LOOKUP_NONE || !is_of(&b->workloads[i], uid, fingerprint))
        return NULL;
    return &b->workloads[i];
}

VersionTenant *book_tenant(const Book *b, const Workload *w)
{
    return &b->tenants[w->tenant];
}

static void forget(Book *b, Workload *w)
{
    VersionTenant *t = book_tenant(b, w);
    book_pin(b, w, VERSION_NONE, VERSION_NONE);
    lookup_remove(&b->keys, key_of(w->r.uid, w->r.fingerprint));
    list_remove(&w->in_tenant);
    list_remove(&w->by_age);
    list_append(&b->unused, &w->by_age);
    if (--t->n_workloads > 0)
        return;
    lookup_remove(&b->uids, (uint64_t)t->uid + 1);
    list_append(&b->unused_tenants, &t->unused);
}

static VersionTenant *open_tenant(Book *b, uint32_t uid)
{
    uint32_t i = lookup_get(&b->uids, (uint64_t)uid + 1);
    if (i != LOOKUP_NONE)
        return &b->tenants[i];
    /* As many as workloads, and one is about to have none. */
    assert(!list_empty(&b->unused_tenants));
    VersionTenant *t = container_of(b->unused_tenants.next, VersionTenant, unused);
    list_remove(&t->unused);
    *t = (VersionTenant){.uid = uid};
    list_init(&t->workloads);
    list_init(&t->unused);
    lookup_put(&b->uids, (uint64_t)uid + 1, (uint32_t)(t - b->tenants));
    return t;
}

/* Somebody has to go: the user's own oldest when it has as many as it may, else the oldest of all.
 */
static void make_room(Book *b, uint32_t uid)
{
    uint32_t i = lookup_get(&b->uids, (uint64_t)uid + 1);
    if (i != LOOKUP_NONE && b->tenants[i].n_workloads >= b->tenant_max)
        forget(b, container_of(b->tenants[i].workloads.next, Workload, in_tenant));
    else if (list_empty(&b->unused))
        forget(b, container_of(b->by_age.next, Workload, by_age));
}

Workload *book_open(Book *b, uint32_t uid, uint64_t fingerprint)
{
    uint64_t key = key_of(uid, fingerprint);
    uint32_t i = lookup_get(&b->keys, key);
    Workload *w = i == LOOKUP_NONE ? NULL : &b->workloads[i];
    if (w && !is_of(w, uid, fingerprint)) {
        forget(b, w);
        w = NULL;
    }
    if (!w) {
        make_room(b, uid);
        w = container_of(b->unused.next, Workload, by_age);
        list_remove(&w->by_age);
        VersionTenant *t = open_tenant(b, uid);
        *w = (Workload){.r = {.uid = uid, .fingerprint = fingerprint},
                        .tenant = (uint32_t)(t - b->tenants)};
        list_init(&w->by_age);
        list_init(&w->in_tenant);
        t->n_workloads++;
        lookup_put(&b->keys, key, (uint32_t)(w - b->workloads));
    }
    list_remove(&w->by_age);
    list_append(&b->by_age, &w->by_age);
    list_remove(&w->in_tenant);
    list_append(&book_tenant(b, w)->workloads, &w->in_tenant);
    return w;
}

void book_pin(Book *b, Workload *w, uint32_t pinned, uint32_t bad)
{
    VersionTenant *t = book_tenant(b, w);
    t->n_pins -= w->r.pinned != VERSION_NONE;
    t->n_pins += pinned != VERSION_NONE;
    w->r.pinned = pinned;
    w->r.bad = bad;
    w->r.n_probes = w->r.tried = 0;
}
