/*
 * Certificates out of a file somebody has: PEM with one or many, DER, PKCS#7 in either form. What
 * holds a private key is refused as a whole, in words that say so, before anything of it is read.
 */
#pragma once
#include "crypto/x509/cert.h"

#define CERTS_MAX_BYTES (512 * 1024)
#define CERTS_MAX 1000

struct certs {
    X509 **v; /* owned */
    size_t n;
};
void certs_free(struct certs *c);
/* Appends what `file` holds, in its order; at most CERTS_MAX altogether. */
int certs_read(struct blob file, struct certs *out, struct err *e);
