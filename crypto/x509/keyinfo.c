/* EVP_PKEY -> the algorithm table. Asks by name only, so provider handles answer too. */
#include "crypto/x509/keyinfo.h"

#include <openssl/err.h>

#include "src/base/own.h"
#include "src/base/str.h"

static bool group_name(const EVP_PKEY *key, char *out, size_t n)
{
    size_t got = 0;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, out, n, &got) == 1;
}

static const struct alg_info *rsa_alg(int bits)
{
    for (size_t i = 0; i < alg_table_n; i++)
        if (alg_table[i].bits == bits && scheme_fits(alg_table[i].alg, SIGN_RSA_PKCS1_SHA256))
            return &alg_table[i];
    return NULL;
}

const struct alg_info *keyinfo_alg(const EVP_PKEY *key)
{
    char group[80];
    if (!key)
        return NULL;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return alg_find(KEY_ED25519);
    if (EVP_PKEY_is_a(key, "RSA"))
        return rsa_alg(EVP_PKEY_get_bits(key));
    if (!group_name(key, group, sizeof group)) {
        ERR_clear_error();
        return NULL;
    }
    if (str_eq(group, "prime256v1") || str_eq(group, "P-256"))
        return alg_find(KEY_P256);
    if (str_eq(group, "secp384r1") || str_eq(group, "P-384"))
        return alg_find(KEY_P384);
    return NULL;
}

char *keyinfo_name(const EVP_PKEY *key)
{
    const struct alg_info *alg = keyinfo_alg(key);
    char group[80];
    if (alg)
        return xstrdup(alg->name);
    if (key && group_name(key, group, sizeof group))
        return xstrdup(group);
    ERR_clear_error();
    const char *kind = key ? EVP_PKEY_get0_type_name(key) : NULL;
    return xstrdup(kind ? kind : "unknown");
}

const EVP_MD *keyinfo_digest(const struct alg_info *alg)
{
    switch (alg->default_scheme) {
    case SIGN_RSA_PKCS1_SHA256:
    case SIGN_RSA_PSS_SHA256:
    case SIGN_ECDSA_SHA256:
        return EVP_sha256();
    case SIGN_RSA_PKCS1_SHA384:
    case SIGN_RSA_PSS_SHA384:
    case SIGN_ECDSA_SHA384:
        return EVP_sha384();
    case SIGN_ED25519:
        return NULL;
    }
    return NULL;
}
