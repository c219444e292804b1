/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tokens as people have them. No root process reads or writes such a text. */

#include "base/token.h"

#define TOKEN_PREFIX "berth_"
#define TOKEN_TEXT 67u /* with NUL */

/* Return: 0; negative errno of the random generator. */
int token_generate(Token *t);
void token_format(const Token *t, char text[TOKEN_TEXT]);
/* Nothing but a token may stand in @text. Return: whether it is one by its form. */
bool token_parse(const char *text, Token *ret_token);
