/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/account/account.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct Account {
    ListNode node;
    AccountBooks *books;
    uid_t uid;
    unsigned n_refs;
    uint64_t used[_CHARGE_KIND_MAX];
};

void account_books_init(AccountBooks *books)
{
    *books = (AccountBooks){};
    list_init(&books->accounts);
}

void account_books_done(AccountBooks *books)
{
    assert(list_empty(&books->accounts));
}

int account_ref(AccountBooks *books, uid_t uid, Account **ret_account)
{
    list_for_each (n, &books->accounts) {
        Account *a = container_of(n, Account, node);
        if (a->uid == uid) {
            a->n_refs++;
            *ret_account = a;
            return 0;
        }
    }
    Account *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->books = books;
    a->uid = uid;
    a->n_refs = 1;
    list_append(&books->accounts, &a->node);
    *ret_account = a;
    return 0;
}

Account *account_unref(Account *account)
{
    if (!account)
        return NULL;
    assert(account->n_refs > 0);
    if (--account->n_refs > 0)
        return NULL;
    for (unsigned i = 0; i < _CHARGE_KIND_MAX; i++)
        assert(account->used[i] == 0);
    list_remove(&account->node);
    free(account);
    return NULL;
}

uid_t account_uid(const Account *account)
{
    return account->uid;
}

uint64_t account_used(const Account *account, ChargeKind kind)
{
    return account->used[kind];
}

int charge_enter(Account *account, ChargeKind kind, uint64_t amount, Charge *ret_charge)
{
    uint64_t limit = account->books->limit[kind];

    assert(!ret_charge->account);
    if (limit > 0 && (amount > limit || account->used[kind] > limit - amount))
        return CHARGE_E_QUOTA;
    account->used[kind] += amount;
    account->n_refs++;
    *ret_charge = (Charge){.account = account, .kind = kind, .amount = amount};
    return 0;
}

void charge_change(Charge *charge, uint64_t amount)
{
    if (!charge->account)
        return;
    assert(charge->account->used[charge->kind] >= charge->amount);
    charge->account->used[charge->kind] += amount - charge->amount;
    charge->amount = amount;
}

void charge_cancel(Charge *charge)
{
    if (!charge->account)
        return;
    charge_change(charge, 0);
    charge->account = account_unref(charge->account);
}
