/*
 * What can be done with keys and sealed values. Every operation finds the token open or fails with
 * "the token is locked", and is done once more when the token's session was lost meanwhile.
 */
#pragma once
#include "crypto/pkcs11/seal.h"
#include "crypto/pkcs11/sign.h"
#include "src/ipc/process.h"
#include "src/key/vault.h"

struct keys_request {
    enum key_alg alg;
    enum key_policy policy;
    uint32_t purposes;
    const char *label;
};
/* `policy` is what it became: a key that the token cannot wrap is kept as a token object. */
int keys_generate(struct vault *v, const struct keys_request *want, struct buf *envelope,
                  struct buf *spki, enum key_policy *policy, struct err *e);
int keys_sign(struct vault *v, enum process caller, uint32_t purpose, enum sign_scheme scheme,
              struct blob envelope, struct blob tbs, struct buf *signature, struct err *e);
int keys_destroy(struct vault *v, struct blob envelope, struct err *e);

int keys_seal(struct vault *v, const char *context, struct blob plain, struct buf *sealed,
              struct err *e);
int keys_open(struct vault *v, const char *context, struct blob sealed, struct secret *plain,
              struct err *e);
/* Opens, and seals to a worker's one-shot key by HPKE with the context as info. */
int keys_reseal(struct vault *v, const char *context, struct blob sealed, struct blob recipient,
                struct buf *out, struct err *e);
