/* One certificate: parse, describe, compare. Parsers of outside bytes: limits first. */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define CERT_MAX_BYTES (64 * 1024)
#define CHAIN_MAX_CERTS 10

DEFINE_OWN(X509 *, x509, X509_free)
DEFINE_OWN(EVP_PKEY *, pkey, EVP_PKEY_free)

/* What lists, pages and checks need to know of a certificate. Strings are owned. */
struct cert_info {
    char *common_name;  /* or the first SAN */
    struct strs names;  /* SANs as text, san_to_strs */
    char *subject;      /* RFC 4514 */
    char *issuer;       /* RFC 4514 */
    char *issuer_name;  /* issuer's CN, else O */
    char *organization; /* subject O or "" */
    char *serial;       /* hex */
    char *fingerprint;  /* SHA-256 of the DER, hex */
    char *spki_sha256;  /* SHA-256 of SubjectPublicKeyInfo, hex */
    char *sig_alg;      /* "SHA256RSA", "SHA384ECDSA", "ED25519": as the contract writes it */
    char *key_alg;      /* alg_info.name when known, else OpenSSL's */
    int key_bits;
    int64_t not_before, not_after;
    bool is_ca, self_signed, server_auth, client_auth;
    char *aki; /* authority key identifier, hex, or "" */
};

int cert_parse(struct blob der, X509 **out, struct err *e);
int cert_describe(const X509 *cert, struct cert_info *out, struct err *e);
void cert_info_free(struct cert_info *i);
int cert_der(const X509 *cert, struct buf *out, struct err *e);
int cert_spki(const X509 *cert, struct buf *out, struct err *e); /* DER */
int cert_fingerprint(const X509 *cert, char hex[65], struct err *e);
int spki_sha256(struct blob spki, char hex[65], struct err *e);
/* Decoded text for "View Certificate". */
int cert_text(const X509 *cert, struct buf *out, struct err *e);
/* Names on the old certificate that the new one lacks (rule 1 of the deployer); wildcard aware. */
int cert_names_lost(const struct strs *old_names, const struct strs *new_names, struct strs *lost);
bool cert_name_covers(const char *san, const char *host); /* RFC 9525, 6.3 */
/* "Vulnerable" findings (contract 155), one line of text each; empty: none. now in seconds. */
int cert_findings(const X509 *cert, int64_t now, struct strs *out, struct err *e);
