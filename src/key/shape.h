/*
 * The shapes of bytes to be signed (RFC 8446 4.4.3, RFC 5246 7.4.8, RFC 2986, RFC 5280, RFC 7515).
 * Each returns -1 with ERR_DENIED when the bytes are not of that shape, or are not about this key.
 * No bytes fit two shapes.
 */
#pragma once
#include "src/key/envelope.h"

typedef int (*shape_fn)(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                        struct err *e);

int shape_tls_server(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                     struct err *e);
int shape_tls_client(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                     struct err *e);
int shape_jws(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e);
int shape_audit(const struct envelope *env, enum sign_scheme scheme, struct blob tbs,
                struct err *e);
/* shape_x509.c */
int shape_csr(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e);
int shape_cert(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e);
int shape_crl(const struct envelope *env, enum sign_scheme scheme, struct blob tbs, struct err *e);
