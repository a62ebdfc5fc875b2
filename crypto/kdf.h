/* Argon2id (RFC 9106) for passwords and the unlock passphrase; HKDF-SHA256 (RFC 5869) for derived
 * keys. */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/secret.h"

struct argon2_cost {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};
extern const struct argon2_cost argon2_login;  /* 19 MiB, 2 passes: per sign-in */
extern const struct argon2_cost argon2_unlock; /* 256 MiB, 3 passes: per boot */

int kdf_argon2id(struct blob password, struct blob salt, struct argon2_cost cost, size_t out_bytes,
                 struct secret *out, struct err *e);
int kdf_hkdf(struct blob secret, struct blob salt, const char *info, size_t out_bytes,
             struct secret *out, struct err *e);
/* PHC string "$argon2id$v=19$m=..,t=..,p=..$salt$hash" with a new random salt; malloc'ed. */
int password_hash(struct blob password, struct argon2_cost cost, char **phc, struct err *e);
/* 0: matches; -1 with ERR_AUTH: does not; other codes: the PHC string is broken. Constant time. */
int password_verify(struct blob password, const char *phc, struct err *e);
int sha256(struct blob in, uint8_t out[32], struct err *e);
int hmac_sha256(struct blob key, struct blob in, uint8_t out[32], struct err *e);
