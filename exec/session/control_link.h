/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The executor's end of its control socket to berthd (base/control.h): questions with an answer,
 * from any thread, and orders that arrive unasked. One reader thread owns the socket's incoming
 * side.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "base/control.h"

typedef struct ControlLink ControlLink;

enum {
    CONTROL_LINK_E_GONE = 1,      /* berthd closed the socket */
    CONTROL_LINK_E_CANCELLED = 2, /* *cancelled became true while waiting */
};

/* Called on the reader thread for MEMORY_SHRINK, QUERY_CANCEL and QUIT, and with NULL when the
 * socket ended. */
typedef void (*ControlLinkOrder)(void *userdata, const ControlFrame *order);

/**
 * control_link_new() - take over the control socket
 * @fd:  owned from now on, also on failure
 * Return: 0 or negative errno.
 */
int control_link_new(int fd, ControlLinkOrder on_order, void *userdata, ControlLink **ret_link);

/* Ends the reader thread. Accepts NULL. */
ControlLink *control_link_free(ControlLink *link);

/* Sends a frame nobody answers. Return: 0; CONTROL_LINK_E_GONE; negative errno. */
int control_link_tell(ControlLink *link, ControlFrame *frame);

/**
 * control_link_ask() - send @frame with a fresh serial and wait for the frame that carries it back
 * @cancelled:  looked at ten times a second while waiting, or NULL
 * @ret_reply:  out, of type @reply_type
 * Return: 0; CONTROL_LINK_E_GONE; CONTROL_LINK_E_CANCELLED; negative errno.
 */
int control_link_ask(ControlLink *link, ControlFrame *frame, ControlType reply_type,
                     const atomic_bool *cancelled, ControlFrame *ret_reply);
