/*
 * TLS of the listener: 1.3 only, HTTP/1.1 by ALPN, hybrid ML-KEM first. The private key is in
 * `key`; here it is a handle of our provider. A new identity takes effect for new connections, and
 * those that are open go on with the one they have.
 */
#pragma once
#include <openssl/ssl.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"
#include "src/ipc/channel.h"

struct tls;

int tls_new(struct channel *key, struct tls **out, struct err *e);
void tls_free(struct tls *t);
/* Takes effect when it returns 0; otherwise the old identity stays. chain_pem: leaf first. */
int tls_set_identity(struct tls *t, struct blob envelope, struct blob spki, struct blob chain_pem,
                     struct err *e);
bool tls_ready(const struct tls *t);
/* Names of the present certificate: a loan until the next identity. */
const struct strs *tls_names(const struct tls *t);
/* SHA-256 of the present certificate, hex. */
int tls_fingerprint(const struct tls *t, char hex[65], struct err *e);
/* A new session; `owner` is told by `gone` when OpenSSL frees it. NULL without an identity. */
SSL *tls_accept(struct tls *t, void *owner, void (*gone)(void *owner));
void *tls_owner(const struct tls *t, const SSL *ssl);
