/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The books: what each tenant (uid) holds of the host. A Charge is entered before the thing is
 * obtained and cancelled after it is gone; when the last reference to an account goes, every column
 * must be zero (D-12, asserted).
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

typedef enum ChargeKind {
    CHARGE_SESSIONS,
    CHARGE_EXECUTORS,
    CHARGE_MEMORY, /* bytes of memory.max of the tenant's leaves */
    CHARGE_DESCRIPTORS,
    _CHARGE_KIND_MAX,
} ChargeKind;

typedef struct Account Account;

/* All accounts of one berthd. Zero-initialise with account_books_init(). */
typedef struct AccountBooks {
    ListNode accounts;
    uint64_t limit[_CHARGE_KIND_MAX]; /* per account; 0: none */
} AccountBooks;

typedef struct Charge {
    Account *account; /* NULL: nothing charged */
    ChargeKind kind;
    uint64_t amount;
} Charge;

enum {
    CHARGE_E_QUOTA = 1, /* the tenant's limit */
};

void account_books_init(AccountBooks *books);
/* Asserts that nobody holds anything. */
void account_books_done(AccountBooks *books);

/* Finds or makes the account of @uid and takes a reference. Return: 0; -ENOMEM. */
int account_ref(AccountBooks *books, uid_t uid, Account **ret_account);
/* Accepts NULL. Return: NULL. With the last reference the account must be zero (asserted). */
Account *account_unref(Account *account);

uid_t account_uid(const Account *account);
uint64_t account_used(const Account *account, ChargeKind kind);

/**
 * charge_enter() - charge @amount to @account
 * @ret_charge: out, empty before
 * Holds a reference to the account until charge_cancel(). Return: 0; CHARGE_E_QUOTA.
 */
int charge_enter(Account *account, ChargeKind kind, uint64_t amount, Charge *ret_charge);
/* Another amount for a live charge. Not checked against the limit: the scheduler has decided. */
void charge_change(Charge *charge, uint64_t amount);
/* Accepts an empty charge. */
void charge_cancel(Charge *charge);
