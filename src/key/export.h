/*
 * A deployable key on its way to the one worker that installs it: unwrapped, put into the form the
 * server reads, in guarded memory only, and sealed to the worker's one-shot key.
 */
#pragma once
#include "src/key/vault.h"

struct export_request {
    struct blob envelope;
    const char *format;    /* "pem": PKCS#8 in PEM */
    struct blob chain_pem; /* empty, or a chain whose first certificate must be for this key */
    const char *context;   /* HPKE info: binds the export to its job */
    struct blob recipient; /* X25519 public key of the worker */
};

int export_key(struct vault *v, const struct export_request *want, struct buf *sealed,
               struct err *e);
