/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/gateway/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct TlsServer {
    SSL_CTX *context;
};

struct Tls {
    SSL *ssl;
    bool ready;
};

static void explain(char *reason, size_t size, const char *what)
{
    char text[160] = "no reason given";
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, text, sizeof(text));
    snprintf(reason, size, "%s: %s", what, text);
    ERR_clear_error();
}

/* HTTP/2 or nothing: no other protocol is served here. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned n_offered, void *userdata)
{
    static const unsigned char h2[] = "\x02h2";
    unsigned char *found;
    if (SSL_select_next_proto(&found, ret_n, h2, 3, offered, n_offered) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = found;
    return SSL_TLSEXT_ERR_OK;
}

static int no_password(char *buf, int size, int writing, void *userdata)
{
    return 0; /* a key with a password cannot be used: nobody is there to type it */
}

int tls_server_new(const char *certificate, const char *key, TlsServer **ret_server, char *reason,
                   size_t reason_size)
{
    TlsServer *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->context = SSL_CTX_new(TLS_server_method());
    if (!s->context) {
        free(s);
        return -ENOMEM;
    }
    SSL_CTX_set_min_proto_version(s->context, TLS1_2_VERSION);
    SSL_CTX_set_options(s->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(s->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(s->context, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(s->context, no_password);
    const char *what = NULL;
    if (SSL_CTX_use_certificate_chain_file(s->context, certificate) != 1)
        what = "the certificate cannot be used";
    else if (SSL_CTX_use_PrivateKey_file(s->context, key, SSL_FILETYPE_PEM) != 1)
        what = "the key cannot be used";
    else if (SSL_CTX_check_private_key(s->context) != 1)
        what = "the key is not the certificate's";
    if (what) {
        explain(reason, reason_size, what);
        tls_server_free(s);
        return -EINVAL;
    }
    *ret_server = s;
    return 0;
}

TlsServer *tls_server_free(TlsServer *s)
{
    if (s)
        SSL_CTX_free(s->context);
    free(s);
    return NULL;
}

int tls_new(TlsServer *s, int fd, Tls **ret_tls)
{
    Tls *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->ssl = SSL_new(s->context);
    if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
        tls_free(t);
        return -ENOMEM;
    }
    SSL_set_accept_state(t->ssl);
    *ret_tls = t;
    return 0;
}

Tls *tls_free(Tls *t)
{
    if (t)
        SSL_free(t->ssl);
    free(t);
    return NULL;
}

bool tls_is_ready(const Tls *t)
{
    return t->ready;
}

int tls_handshake(Tls *t, bool *ret_wants_write)
{
    *ret_wants_write = false;
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) {
        t->ready = true;
        return 0;
    }
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_WRITE:
        *ret_wants_write = true;
        return -EAGAIN;
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    default:
        ERR_clear_error();
        return -EPROTO;
    }
}

static ssize_t result_of(Tls *t, int r)
{
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return -EPIPE;
    }
}

static ssize_t read_tls(void *data, void *buf, size_t n_bytes)
{
    Tls *t = data;
    ERR_clear_error();
    int r = SSL_read(t->ssl, buf, (int)MIN(n_bytes, (size_t)INT_MAX));
    return r > 0 ? r : result_of(t, r);
}

static ssize_t write_tls(void *data, const void *buf, size_t n_bytes)
{
    Tls *t = data;
    ERR_clear_error();
    int r = SSL_write(t->ssl, buf, (int)MIN(n_bytes, (size_t)INT_MAX));
    if (r > 0)
        return r;
    ssize_t result = result_of(t, r);
    return result == 0 ? -EPIPE : result;
}

const GrpcTransport tls_transport = {.read = read_tls, .write = write_tls};
