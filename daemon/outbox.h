/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Frames for a peer whose socket is full at the moment: kept in order, bounded, sent when it can be
 * written. */

#include <systemd/sd-event.h>

#include "base/control.h"
#include "base/list.h"

#define OUTBOX_FRAMES_MAX 4096u

typedef struct Outbox {
    int fd; /* borrowed */
    sd_event_source
        *source; /* borrowed: the peer's IO source, whose EPOLLOUT this turns on and off */
    ListNode frames;
    unsigned n_frames;
} Outbox;

void outbox_init(Outbox *box, int fd, sd_event_source *source);
void outbox_done(Outbox *box);

/**
 * outbox_send() - send @frame now, or keep it
 * @fd: descriptor to go with it, or -EBADF; taken in every case
 * Return: 0; -ENOBUFS when the peer is OUTBOX_FRAMES_MAX behind; negative errno: close the peer.
 */
int outbox_send(Outbox *box, const ControlFrame *frame, int fd);

/* Call on EPOLLOUT. Return: 0 or negative errno: close the peer. */
int outbox_flush(Outbox *box);
