/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An intrusive, circular, doubly linked list. A node that is in no list points at itself. */

#include <stdbool.h>
#include <stddef.h>

typedef struct ListNode ListNode;
struct ListNode {
    ListNode *prev, *next;
};

#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        &(head), &(head)                                                                           \
    }
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(ListNode *n)
{
    n->prev = n->next = n;
}

static inline bool list_empty(const ListNode *head)
{
    return head->next == head;
}

static inline void list_append(ListNode *head, ListNode *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

static inline void list_remove(ListNode *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define list_for_each(pos, head) for (ListNode *pos = (head)->next; pos != (head); pos = pos->next)
/* @pos may be removed inside the loop. */
#define list_for_each_safe(pos, head)                                                              \
    for (ListNode *pos = (head)->next, *pos##_next = pos->next; pos != (head);                     \
         pos = pos##_next, pos##_next = pos->next)
