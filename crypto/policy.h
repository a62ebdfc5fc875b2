/*
 * The tables of what is allowed: key algorithms, signature schemes, key policies and purposes.
 * Every number that crosses a process boundary or lies in an envelope is named here; numbers are
 * never reused.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

enum key_alg {
    KEY_RSA_2048 = 1,
    KEY_RSA_3072 = 2,
    KEY_RSA_4096 = 3,
    KEY_P256 = 4,
    KEY_P384 = 5,
    KEY_ED25519 = 6,
};

/* Where a private key lives and whether it may ever leave. */
enum key_policy {
    KEY_POLICY_TOKEN = 1,      /* a token object, never wrapped */
    KEY_POLICY_SEALED = 2,     /* wrapped under the sealed KEK: can never leave the token */
    KEY_POLICY_DEPLOYABLE = 3, /* wrapped under the deployable KEK: may be exported to a worker */
};

/* What a key may sign; one bit each, checked by `key` on every call together with who asks. */
enum key_purpose {
    PURPOSE_TLS_SERVER = 1 << 0, /* TLS 1.3 server CertificateVerify (RFC 8446, 4.4.3); web */
    PURPOSE_CSR = 1 << 1,        /* CertificationRequestInfo (RFC 2986, 4.1) of this very key; ca */
    PURPOSE_CERT = 1 << 2,       /* TBSCertificate (RFC 5280, 4.1); ca */
    PURPOSE_CRL = 1 << 3,        /* TBSCertList (RFC 5280, 5.1); ca */
    PURPOSE_JWS = 1 << 4,        /* JWS signing input (RFC 7515, 5.1); ca */
    PURPOSE_AUDIT = 1 << 5,      /* audit head (docs/formats/audit.md); core */
    PURPOSE_TLS_CLIENT = 1 << 6, /* TLS client CertificateVerify; ca */
};

/* Signature schemes; output form as X.509 and TLS want it (ECDSA: DER). */
enum sign_scheme {
    SIGN_RSA_PKCS1_SHA256 = 1,
    SIGN_RSA_PKCS1_SHA384 = 2,
    SIGN_RSA_PSS_SHA256 = 3, /* salt as long as the hash */
    SIGN_RSA_PSS_SHA384 = 4,
    SIGN_ECDSA_SHA256 = 5,
    SIGN_ECDSA_SHA384 = 6,
    SIGN_ED25519 = 7,
};

struct alg_info {
    enum key_alg alg;
    const char *name;  /* "rsa-2048", "p-256", "ed25519": API and CLI */
    const char *title; /* "RSA 2048", "EC P-256": people */
    int bits;
    enum sign_scheme default_scheme;
};
const struct alg_info *alg_find(enum key_alg alg);    /* NULL if unknown */
const struct alg_info *alg_by_name(const char *name); /* NULL if unknown */
extern const struct alg_info alg_table[];
extern const size_t alg_table_n;

const char *policy_name(enum key_policy p); /* "token", "sealed", "deployable" */
int policy_by_name(const char *name, enum key_policy *out, struct err *e);
bool scheme_fits(enum key_alg alg, enum sign_scheme scheme);
const char *scheme_name(enum sign_scheme scheme);
