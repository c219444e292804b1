/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose is this socket, or this token? The answer goes to the manager as a uid to show and to count
 * by, and stays here as a ticket: an executor is made its client's by ticket, so the manager can
 * hand one out to nobody whom the kernel has not named, be it as the owner of a socket or of a
 * token's file. A ticket lives as long as its session.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/core/core.h"
#include "daemon/core/identity.h"

#define ASKED_MAX 1024u /* sockets that are being looked up */
#define RECENT_MAX 16u
#define RECENT_USEC (5 * USEC_PER_SEC)
#define TICKETS_MORE 1024u /* beyond one for each session */

typedef struct Ticket {
    ListNode node;
    uint64_t number;
    Identity identity;
} Ticket;

/* Somebody whom NSS was asked about a moment ago. */
typedef struct Recent {
    uint64_t usec; /* monotonic; 0: empty */
    Identity identity;
} Recent;

struct Lookups {
    Core *core;
    unsigned n_asked;
    Recent recent[RECENT_MAX];
    unsigned n_recent;
    ListNode tickets;
    unsigned n_tickets;
    uint64_t last_ticket;
};

typedef struct LookupJob {
    WorkerJob job;
    Lookups *lookups;
    uint64_t serial;
    bool keep;
    int fd;
    ControlToken token;
    uint16_t tcp_port;
    int result;
    Identity identity;
    char reason[CONTROL_REASON_MAX];
} LookupJob;

int lookups_new(Core *core, Lookups **ret_lookups)
{
    Lookups *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->core = core;
    list_init(&l->tickets);
    *ret_lookups = l;
    return 0;
}

Lookups *lookups_free(Lookups *l)
{
    if (!l)
        return NULL;
    list_for_each_safe (n, &l->tickets)
        free(container_of(n, Ticket, node));
    free(l);
    return NULL;
}

static Ticket *find_ticket(const Lookups *l, uint64_t number)
{
    list_for_each (n, &l->tickets) {
        Ticket *t = container_of(n, Ticket, node);
        if (t->number == number)
            return t;
    }
    return NULL;
}

const Identity *lookups_find(const Lookups *l, uint64_t number)
{
    const Ticket *t = find_ticket(l, number);

    return t ? &t->identity : NULL;
}

void lookups_release(Lookups *l, uint64_t number)
{
    Ticket *t = find_ticket(l, number);

    if (!t)
        return;
    list_remove(&t->node);
    l->n_tickets--;
    free(t);
}

/* Return: its number; 0: there is no room. */
static uint64_t new_ticket(Lookups *l, const Identity *identity)
{
    if (l->n_tickets >= l->core->config->config.sessions_max + TICKETS_MORE)
        return 0;
    Ticket *t = calloc(1, sizeof(*t));
    if (!t)
        return 0;
    t->number = ++l->last_ticket;
    t->identity = *identity;
    list_append(&l->tickets, &t->node);
    l->n_tickets++;
    return t->number;
}

static void answer(Lookups *l, const LookupJob *j)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_CORE_IDENTITY, j->serial);
    ControlCoreIdentity *i = &frame.core_identity;
    i->result = j->result;
    i->uid = UINT32_MAX;
    text_copy(i->reason, sizeof(i->reason), j->reason);
    if (j->result == 0 && j->keep) {
        i->ticket = new_ticket(l, &j->identity);
        if (i->ticket == 0) {
            i->result = -EBUSY;
            text_copy(i->reason, sizeof(i->reason), "too many sessions are open");
        }
    }
    if (i->result == 0) {
        i->uid = j->identity.uid;
        i->gid = j->identity.gid;
        i->n_groups = j->identity.n_groups;
        memcpy(i->groups, j->identity.groups, sizeof(i->groups));
        text_copy(i->user, sizeof(i->user), j->identity.user);
    }
    core_send(l->core, &frame, NULL, 0);
}

/* Nobody learns which of its parts was wrong. */
static int uid_of_token(const Token *token, uid_t *ret_uid, char *reason, size_t reason_size)
{
    _cleanup_close_ int directory = open(TOKEN_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = token_check(directory, token, (uint64_t)time(NULL) * USEC_PER_SEC, ret_uid);
    if (r == 0)
        return 0;
    text_copy(reason, reason_size,
              r == TOKEN_E_EXPIRED ? "the token has expired" : "no such token");
    return IDENTITY_E_UNKNOWN;
}

static void lookup_run(WorkerJob *job)
{
    LookupJob *j = container_of(job, LookupJob, job);
    uid_t uid;

    j->result =
        j->token.is_given
            ? uid_of_token(&j->token.token, &uid, j->reason, sizeof(j->reason))
            : identity_uid_of_socket(j->fd, j->tcp_port, &uid, j->reason, sizeof(j->reason));
    explicit_bzero(&j->token, sizeof(j->token));
    if (j->result == 0)
        j->result = identity_lookup(uid, &j->identity);
    if (j->result < 0)
        text_copy(j->reason, sizeof(j->reason), strerror(-j->result));
}

static void lookup_done(WorkerJob *job)
{
    LookupJob *j = container_of(job, LookupJob, job);
    Lookups *l = j->lookups;

    l->n_asked--;
    if (j->result == 0)
        l->recent[l->n_recent++ % RECENT_MAX] =
            (Recent){.usec = clock_now_usec(), .identity = j->identity};
    answer(l, j);
    fd_close(j->fd);
    free(j);
}

/*
 * A client that has just been identified opens its session next: then NSS has been asked already,
 * and on a unix socket the kernel's answer takes no time. Rights that were taken from a user in
 * between count RECENT_USEC later.
 */
static bool known(Lookups *l, LookupJob *j, int fd)
{
    int domain = 0;
    socklen_t n = sizeof(domain);
    uid_t uid;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != AF_UNIX ||
        identity_uid_of_socket(fd, 0, &uid, j->reason, sizeof(j->reason)) != 0)
        return false;
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        const Recent *r = &l->recent[i];
        if (r->usec > 0 && r->identity.uid == uid && clock_now_usec() - r->usec < RECENT_USEC) {
            j->identity = r->identity;
            return true;
        }
    }
    return false;
}

void lookups_ask(Lookups *l, uint64_t serial, bool keep, const ControlToken *token, int fd_taken)
{
    _cleanup_close_ int fd = fd_taken;
    LookupJob now = {.serial = serial, .keep = keep};

    if (!token->is_given && known(l, &now, fd)) {
        answer(l, &now);
        return;
    }
    LookupJob *j = l->n_asked < ASKED_MAX ? calloc(1, sizeof(*j)) : NULL;
    if (!j) {
        now.result = -EBUSY;
        text_copy(now.reason, sizeof(now.reason), "too many connections are being identified");
        answer(l, &now);
        return;
    }
    *j = (LookupJob){.job = {.run = lookup_run, .done = lookup_done},
                     .lookups = l,
                     .serial = serial,
                     .keep = keep,
                     .fd = TAKE_FD(fd),
                     .token = *token,
                     .tcp_port = (uint16_t)l->core->config->config.client_port};
    l->n_asked++;
    core_submit(l->core, WORKER_LOOKUP, &j->job);
}
