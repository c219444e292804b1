/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/gateway/penalty.h"

#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"

#define MILLI 1000u
#define USEC_PER_MILLI 1000u

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

uint64_t penalty_key(const PenaltyTable *t, const struct sockaddr_storage *address)
{
    uint64_t prefix = 0;
    if (address->ss_family == AF_INET) {
        prefix = UINT64_C(1) << 32 | ((const struct sockaddr_in *)address)->sin_addr.s_addr;
    } else if (address->ss_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)address)->sin6_addr;
        uint32_t v4;
        memcpy(&v4, a->s6_addr + 12, sizeof(v4));
        if (IN6_IS_ADDR_V4MAPPED(a))
            prefix = UINT64_C(1) << 32 | v4;
        else
            memcpy(&prefix, a->s6_addr, sizeof(prefix));
    }
    uint64_t key = mix(mix(prefix ^ t->seed) + t->seed);
    return key ? key : 1;
}

static uint32_t left_now(const PenaltySlot *s, uint64_t now_usec)
{
    const uint64_t most = (uint64_t)PENALTY_BURST * MILLI;
    uint64_t back = now_usec > s->last_usec ? (now_usec - s->last_usec) / USEC_PER_MILLI : 0;
    uint64_t n_left = s->n_left_milli + MIN(back, most);
    return (uint32_t)MIN(n_left, most);
}

static const PenaltySlot *find(const PenaltyTable *t, uint64_t key)
{
    for (unsigned i = 0; i < PENALTY_PROBES; i++) {
        const PenaltySlot *s = &t->slots[(key + i) % PENALTY_SLOTS];
        if (s->key == key)
            return s;
    }
    return NULL;
}

void penalty_add(PenaltyTable *t, uint64_t key, uint64_t now_usec)
{
    PenaltySlot *s = (PenaltySlot *)find(t, key);
    if (!s) { /* a free one, or the one whose last sin is longest ago */
        s = &t->slots[key % PENALTY_SLOTS];
        for (unsigned i = 1; i < PENALTY_PROBES && s->key != 0; i++) {
            PenaltySlot *other = &t->slots[(key + i) % PENALTY_SLOTS];
            if (other->key == 0 || other->last_usec < s->last_usec)
                s = other;
        }
        *s =
            (PenaltySlot){.key = key, .last_usec = now_usec, .n_left_milli = PENALTY_BURST * MILLI};
    }
    uint32_t n_left = left_now(s, now_usec);
    s->n_left_milli = n_left > MILLI ? n_left - MILLI : 0;
    s->last_usec = now_usec;
}

void penalty_forgive(PenaltyTable *t, uint64_t key)
{
    PenaltySlot *s = (PenaltySlot *)find(t, key);
    if (s)
        s->n_left_milli = MIN(s->n_left_milli + MILLI, PENALTY_BURST * MILLI);
}

bool penalty_is_served(const PenaltyTable *t, uint64_t key, uint64_t now_usec)
{
    const PenaltySlot *s = find(t, key);
    return !s || left_now(s, now_usec) >= MILLI;
}
