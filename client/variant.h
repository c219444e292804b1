/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "client/bus.h"
#include "client/options.h"

/* Not to be met in a text that people read. */
#define VARIANT_SEPARATOR "\x1f"

/* One value out of a{sv}. */
typedef struct Variant {
    const char *key;
    char type;         /* as in D-Bus; 'a' for an array of texts or numbers, joined in @text */
    char item;         /* of an array: s or u */
    uint64_t number;   /* b, u, t, and i (as int64_t) */
    const char *text;  /* s, o, a; borrowed from the reply or from @joined */
    char joined[4096]; /* items with VARIANT_SEPARATOR between; cut when it is longer */
} Variant;

/**
 * variant_next() - the next entry of a{sv}, into which the message has been entered
 * Values of other types are skipped. Return: 1, 0 at the end, negative errno, told.
 */
int variant_next(sd_bus_message *reply, Variant *ret_variant);

/* Prints a whole a{sv}: `Key: value` lines, or a JSON object whose keys are as on the bus. Return:
 * 0 or told. */
int variant_print_dictionary(sd_bus_message *reply, const Options *options);

/* Prints text from the bus to standard output, control characters as spaces. */
void variant_put_text(const char *text);
