/*
 * An OpenSSL provider whose keys are a handle and a public half; the private half is elsewhere and
 * signs through a callback. Export of the private part fails, so OpenSSL comes back here to sign.
 * Good for TLS 1.3 server and client, CSR, certificate and CRL signing, and EVP_DigestSign.
 */
#pragma once
#include <openssl/evp.h>

#include "src/base/buf.h"
#include "src/base/err.h"

typedef int (*remote_sign_fn)(void *arg, uint32_t purpose, uint32_t scheme, struct blob envelope,
                              struct blob tbs, struct buf *signature, struct err *e);

/* Loads the default provider and ours into a new library context. One per process, for its life. */
OSSL_LIB_CTX *provider_context(remote_sign_fn sign, void *arg, struct err *e);
/* For an orderly end: every key, certificate and SSL_CTX of the context must be gone. Accepts NULL.
 */
void provider_context_free(OSSL_LIB_CTX *ctx);
/* A key handle. spki is DER; envelope is what the callback gets; purpose is sent with each
 * signature. */
EVP_PKEY *provider_key(OSSL_LIB_CTX *ctx, struct blob spki, struct blob envelope, uint32_t purpose,
                       struct err *e);
/* The story of the last failed signature of this context (OpenSSL's own error stack is poor in
 * words). */
const char *provider_last_error(OSSL_LIB_CTX *ctx);
/* The same as an error: its code and story if the callback failed, else OpenSSL's. Returns -1. */
int provider_err(OSSL_LIB_CTX *ctx, const char *what, struct err *e);
