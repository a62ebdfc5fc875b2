/*
 * What every file over OpenSSL needs: its error stack as one of our errors, its memory BIO as a
 * buf, its times as seconds, and owners for the types it hands out.
 */
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/own.h"

DEFINE_OWN(BIO *, bio, BIO_free_all)
DEFINE_OWN(X509_NAME *, x509_name, X509_NAME_free)
DEFINE_OWN(X509_REQ *, x509_req, X509_REQ_free)
DEFINE_OWN(X509_CRL *, x509_crl, X509_CRL_free)
DEFINE_OWN(GENERAL_NAMES *, general_names, GENERAL_NAMES_free)

/* "what: OpenSSL's last reason"; empties OpenSSL's error stack. Returns -1. */
int err_openssl(struct err *e, enum err_code code, const char *what);
/* Appends what was written to a memory BIO. */
void buf_add_bio(struct buf *out, BIO *bio);
/* Appends an i2d form: call with the length and a malloc'ed encoding; frees it. */
int buf_take_der(struct buf *out, unsigned char *der, int n, const char *what, struct err *e);
int time_from_asn1(const ASN1_TIME *t, const char *what, int64_t *out, struct err *e);
