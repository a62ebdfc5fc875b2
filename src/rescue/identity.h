/* Key and self-signed certificate of a server: P-256, in DER, so that a caller can keep them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define IDENTITY_KEY_BYTES 256u
#define IDENTITY_CERT_BYTES 768u

struct identity {
    uint8_t key[IDENTITY_KEY_BYTES]; /* SEC 1, ECPrivateKey: a secret; wipe it */
    uint8_t cert[IDENTITY_CERT_BYTES];
    size_t key_n, cert_n;
};

/* A new one; `name` becomes the common name and the DNS name of the certificate. */
int identity_make(const char *name, struct identity *out, struct err *e);
/* SHA-256 of the certificate in hexadecimal: what a person compares. */
int identity_fingerprint(const struct identity *id, char out[65], struct err *e);
