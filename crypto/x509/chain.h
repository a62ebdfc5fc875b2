/* Chains: ordered by issuer whatever order they came in, each signature checked. */
#pragma once
#include "crypto/x509/cert.h"

/* certs[0] is the leaf; owned. */
struct chain {
    X509 *v[CHAIN_MAX_CERTS];
    size_t n;
};
void chain_free(struct chain *c);
/* Certificates of a PEM text or of DER bytes, in the order found; other PEM blocks are refused. */
int chain_parse(struct blob in, struct chain *out, struct err *e);
/*
 * Finds the certificate whose key is `spki` (leaf), then its issuers by name and signature.
 * Drops the self-signed root when drop_root. Fails naming the missing or wrong link.
 */
int chain_order(const struct chain *in, struct blob spki, bool drop_root, struct chain *out,
                struct err *e);
/* Rule 1: key of leaf == spki, order, signatures, validity at `now`, serverAuth, covers `names`. */
int chain_check(const struct chain *c, struct blob spki, const struct strs *names, int64_t now,
                struct err *e);
/* Whether the name and the key of `issuer` issued it. */
bool cert_issued_by(const X509 *cert, const X509 *issuer);
/* The leaf, then its issuers as far as `pool` has them; the root too. At most CHAIN_MAX_CERTS. */
void chain_gather(X509 *leaf, X509 *const *pool, size_t n, struct chain *out);
int chain_pem(const struct chain *c, struct buf *out, struct err *e);
