/* Which of our algorithms a public key (or provider handle) is. */
#pragma once
#include <openssl/evp.h>

#include "crypto/policy.h"

/* NULL when it is none of the table's. */
const struct alg_info *keyinfo_alg(const EVP_PKEY *key);
/* alg_info.name when known, else OpenSSL's name of the curve or the kind; malloc'ed. */
char *keyinfo_name(const EVP_PKEY *key);
/* The digest of the key's default scheme, as X509_sign() wants it; NULL for Ed25519. */
const EVP_MD *keyinfo_digest(const struct alg_info *alg);
