/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as people have them: texts. Nothing of it is linked into a root process. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/token_text.h"

static const char digits[] = "0123456789abcdef";
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int token_generate(Token *t)
{
    ssize_t n = getrandom(t, sizeof(*t), 0);
    return n == (ssize_t)sizeof(*t) ? 0 : n < 0 ? -errno : -EIO;
}

void token_format(const Token *t, char text[TOKEN_TEXT])
{
    char *p = stpcpy(text, TOKEN_PREFIX);
    token_format_id(t, p);
    p += TOKEN_ID_TEXT - 1;
    *p++ = '_';
    for (unsigned i = 0; i < 43; i++) { /* six bits each; the last has two of nothing */
        unsigned bit = 6 * i, at = bit / 8;
        unsigned pair =
            (unsigned)t->secret[at] << 8 | (at + 1 < TOKEN_SECRET_BYTES ? t->secret[at + 1] : 0);
        *p++ = letters[pair >> (10 - bit % 8) & 63];
    }
    *p = 0;
}

static int value_of(const char *alphabet, char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

bool token_parse(const char *text, Token *ret_token)
{
    Token t = {0};
    if (strlen(text) != TOKEN_TEXT - 1 || strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0)
        return false;
    text += strlen(TOKEN_PREFIX);
    for (unsigned i = 0; i < TOKEN_ID_TEXT - 1; i++) {
        int v = value_of(digits, text[i]);
        if (v < 0)
            return false;
        t.id[i / 2] = (uint8_t)(t.id[i / 2] << 4 | v);
    }
    text += TOKEN_ID_TEXT - 1;
    if (*text++ != '_')
        return false;
    uint32_t bits = 0;
    unsigned n_bits = 0, n = 0;
    for (unsigned i = 0; i < 43; i++) {
        int v = value_of(letters, text[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            t.secret[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    if (bits & ((1u << n_bits) - 1)) /* one text for each token */
        return false;
    *ret_token = t;
    return true;
}
