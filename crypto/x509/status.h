/*
 * Revocation by list (RFC 5280, 5 and 6.3): where the list of a certificate is, and what the list
 * says of it. A list is a signed object: it may come over plain HTTP.
 */
#pragma once
#include "crypto/x509/cert.h"

#define CRL_MAX_BYTES (4 * 1024 * 1024)

/* The first http or https address of its CRL distribution points; malloc'ed, NULL: it names none.
 */
char *cert_crl_url(const X509 *cert);
/* DER or PEM, at most CRL_MAX_BYTES. */
int crl_read(struct blob in, X509_CRL **out, struct err *e);
int crl_dates(const X509_CRL *crl, int64_t *this_update, int64_t *next_update, struct err *e);
/*
 * 1: the list revokes the certificate, `since` says when; 0: it does not. -1: the list is of no
 * use for it: another signer, another scope, out of date at `now`.
 */
int crl_says(const X509 *cert, const X509 *issuer, X509_CRL *crl, int64_t now, int64_t *since,
             struct err *e);
