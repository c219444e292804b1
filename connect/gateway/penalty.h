/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bad logins by address: each costs one of PENALTY_BURST, one comes back each second. An address
 * that has none left is not served, which costs an accept and a close. IPv6 counts by /64, as one
 * customer has as many addresses as he likes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PENALTY_BURST 20u
#define PENALTY_SLOTS 4096u
#define PENALTY_PROBES 8u

typedef struct PenaltySlot {
    uint64_t key; /* 0: free */
    uint64_t last_usec;
    uint32_t n_left_milli; /* thousandths of a login */
} PenaltySlot;

typedef struct PenaltyTable {
    uint64_t seed; /* so that nobody chooses who shares a slot */
    PenaltySlot slots[PENALTY_SLOTS];
} PenaltyTable;

/* The address without its port; never 0. */
uint64_t penalty_key(const PenaltyTable *t, const struct sockaddr_storage *address);
void penalty_add(PenaltyTable *t, uint64_t key, uint64_t now_usec);
/* A login was good: what was taken for it comes back. */
void penalty_forgive(PenaltyTable *t, uint64_t key);
bool penalty_is_served(const PenaltyTable *t, uint64_t key, uint64_t now_usec);
