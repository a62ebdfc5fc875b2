/*
 * The boot identity: an ephemeral P-256 key in this process's memory and a self-signed certificate
 * (CN=certkeep, localhost, 30 days), so that the admin UI can speak TLS before the token is open.
 * Good for PURPOSE_TLS_SERVER by `web` only; gone with the process.
 */
#pragma once
#include <openssl/evp.h>

#include "src/key/envelope.h"

struct boot {
    EVP_PKEY *key; /* NULL: not made yet */
    struct buf envelope, spki, cert_pem;
    struct envelope parsed; /* loans of `envelope` */
};

/* Makes it on the first call. */
int boot_make(struct boot *b, struct err *e);
bool boot_is(const struct boot *b, struct blob envelope);
int boot_sign(const struct boot *b, enum sign_scheme scheme, struct blob tbs, struct buf *signature,
              struct err *e);
void boot_done(struct boot *b);
