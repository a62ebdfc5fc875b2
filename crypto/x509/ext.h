/* Extensions as the local CA and our requests write them (RFC 5280, 4.2), and signing them. */
#pragma once
#include <openssl/x509v3.h>

#include "crypto/x509/cert.h"

#define SKI_BYTES 20

/* RFC 7093, 2 (1): the left-most 160 bits of SHA-256 over the key's bits. */
int ext_ski(X509 *cert, struct err *e);
int ext_basic_constraints(X509 *cert, bool ca, struct err *e);
/* `bits`: KU_DIGITAL_SIGNATURE and its like. Critical. */
int ext_key_usage(X509 *cert, unsigned bits, struct err *e);
EXTENDED_KEY_USAGE *ext_eku(bool server_auth, bool client_auth);
/* The issuer's key identifier; refuses an issuer that has none. Caller frees. */
AUTHORITY_KEYID *ext_aki(const X509 *issuer, struct err *e);
int ext_crl_url(X509 *cert, const char *url, struct err *e);
int ext_permitted_dns(X509 *cert, const struct strs *names, struct err *e);
/* 16 to 20 bytes, first one 01..7f, so the INTEGER is positive and no longer than given. */
int serial_set(ASN1_INTEGER *out, struct blob serial, struct err *e);
