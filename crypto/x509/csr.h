/* PKCS#10 requests (RFC 2986): built from a template and a key (often a provider handle), and read.
 */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

struct csr_template {
    const char *subject;           /* RFC 4514 text; "" means an empty subject */
    const struct strs *names;      /* SAN texts */
    bool server_auth, client_auth; /* requested extended key usage */
};
/* Signed with the key's default scheme. */
int csr_build(const struct csr_template *t, EVP_PKEY *key, OSSL_LIB_CTX *ctx, struct buf *der,
              struct err *e);

struct csr_info {
    char *subject;
    struct strs names;
    struct buf spki; /* DER */
    char *key_alg;
};
/* Parses and checks the self-signature. */
int csr_read(struct blob der, struct csr_info *out, struct err *e);
void csr_info_free(struct csr_info *i);
