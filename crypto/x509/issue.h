/* What the local CA signs: root, TLS certificates and CRLs (RFC 5280). Keys are EVP_PKEY handles.
 */
#pragma once
#include "crypto/x509/cert.h"

struct issue_template {
    struct blob serial; /* 16..20 bytes, positive */
    const char *subject;
    const struct strs *names;      /* SANs */
    struct blob spki;              /* subject's public key, DER */
    int64_t not_before, not_after; /* seconds */
    bool client_auth;              /* besides serverAuth */
    const char *crl_url;           /* or NULL */
};
struct root_template {
    struct blob serial;
    const char *subject;
    int64_t not_before, not_after;
    const struct strs *permitted_dns; /* name constraints, or empty */
};
int issue_root(const struct root_template *t, EVP_PKEY *key, OSSL_LIB_CTX *ctx, struct buf *der,
               struct err *e);
int issue_tls(const struct issue_template *t, const X509 *issuer, EVP_PKEY *issuer_key,
              OSSL_LIB_CTX *ctx, struct buf *der, struct err *e);

struct crl_entry {
    struct blob serial;
    int64_t revoked_at;
    int reason; /* RFC 5280, 5.3.1 */
};
int issue_crl(const struct crl_entry *entries, size_t n, int64_t number, int64_t this_update,
              int64_t next_update, const X509 *issuer, EVP_PKEY *issuer_key, OSSL_LIB_CTX *ctx,
              struct buf *der, struct err *e);
