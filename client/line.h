/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lines for the shell. On a terminal with libedit: editing and a history in
 * $XDG_STATE_HOME/berth/history; else plain reading (line_fallback.c).
 */

#include <stdbool.h>
#include <stdio.h>

typedef struct LineReader LineReader;

/* @in is borrowed. NULL: no memory. */
LineReader *line_reader_new(FILE *in, bool interactive);
LineReader *line_reader_free(LineReader *reader);
/**
 * line_read() - the next line, with its line end
 * @prompt:   for people only
 * @ret_line: valid until the next call
 * Return: 1; 0 at the end; -EINTR: a signal came, and what had been typed is gone.
 */
int line_read(LineReader *reader, const char *prompt, const char **ret_line);
