/* Which of our algorithms a public key (or provider handle) is. */
#pragma once
#include <openssl/evp.h>

#include "crypto/policy.h"

/* NULL when it is none of the table's. */
const struct alg_info *keyinfo_alg(const EVP_PKEY *key);
/* alg_info.name when known, else OpenSSL's name of the curve or the kind; malloc'ed. */
char *keyinfo_name(const EVP_PKEY *key);
/* Digest name of the key's default scheme for X.509 ("SHA256"); NULL for Ed25519. */
const char *keyinfo_digest(const struct alg_info *alg);
