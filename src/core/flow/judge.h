/*
 * Chain, dates, names and revocation of a certificate in one word and in detail: the part of
 * validate.h that needs no store and no other process.
 */
#pragma once
#include "crypto/x509/chain.h"
#include "src/model/records.h"
#include "src/model/revocation.h"

/* What is known from elsewhere. */
struct known_revocation {
    enum revocation state;
    int64_t as_of, next; /* seconds; 0: not known */
    char text[ERR_TEXT_BYTES];
};

/* Sets status, detail and times of the certificate's row. `root` is its local CA's, or NULL. */
int judge_certificate(struct cert *c, const struct chain *chain, const X509 *root,
                      const struct known_revocation *r, int64_t now, struct err *e);
