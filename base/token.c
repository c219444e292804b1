/* SPDX-License-Identifier: Apache-2.0 */
#include "base/token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char digits[] = "0123456789abcdef";

void token_format_id(const Token *t, char text[TOKEN_ID_TEXT])
{
    for (unsigned i = 0; i < sizeof(t->id); i++) {
        text[2 * i] = digits[t->id[i] >> 4];
        text[2 * i + 1] = digits[t->id[i] & 15];
    }
    text[TOKEN_ID_TEXT - 1] = 0;
}

bool token_equal(const void *a, const void *b, size_t n_bytes)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differs = 0;
    for (size_t i = 0; i < n_bytes; i++)
        differs |= x[i] ^ y[i];
    return differs == 0;
}

int token_check(int directory, const Token *t, uint64_t now_usec, uid_t *ret_uid)
{
    char name[TOKEN_ID_TEXT];
    uint8_t hash[SHA256_BYTES];
    TokenRecord record;
    struct stat st;

    sha256_short(t->secret, sizeof(t->secret), hash);
    token_format_id(t, name);
    _cleanup_close_ int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? TOKEN_E_UNKNOWN : -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || (st.st_mode & 022) ||
        st.st_uid == 0 || st.st_size != (off_t)sizeof(record) ||
        read(fd, &record, sizeof(record)) != (ssize_t)sizeof(record) ||
        record.magic != TOKEN_MAGIC || record.version != TOKEN_VERSION ||
        !token_equal(record.hash, hash, sizeof(hash)))
        return TOKEN_E_UNKNOWN;
    if (record.expires_usec != 0 && record.expires_usec <= now_usec)
        return TOKEN_E_EXPIRED;
    *ret_uid = st.st_uid;
    return 0;
}
