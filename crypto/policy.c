/* The tables behind policy.h. What is not named here is not allowed. */
#include "crypto/policy.h"

#include "src/base/own.h"
#include "src/base/str.h"

const struct alg_info alg_table[] = {
    {KEY_RSA_2048, "rsa-2048", "RSA 2048", 2048, SIGN_RSA_PKCS1_SHA256},
    {KEY_RSA_3072, "rsa-3072", "RSA 3072", 3072, SIGN_RSA_PKCS1_SHA256},
    {KEY_RSA_4096, "rsa-4096", "RSA 4096", 4096, SIGN_RSA_PKCS1_SHA256},
    {KEY_P256, "p-256", "EC P-256", 256, SIGN_ECDSA_SHA256},
    {KEY_P384, "p-384", "EC P-384", 384, SIGN_ECDSA_SHA384},
    {KEY_ED25519, "ed25519", "Ed25519", 256, SIGN_ED25519},
};
const size_t alg_table_n = COUNT(alg_table);

static const struct {
    enum key_policy policy;
    const char *name;
} policies[] = {
    {KEY_POLICY_TOKEN, "token"},
    {KEY_POLICY_SEALED, "sealed"},
    {KEY_POLICY_DEPLOYABLE, "deployable"},
};

static const struct {
    enum sign_scheme scheme;
    const char *name;
} schemes[] = {
    {SIGN_RSA_PKCS1_SHA256, "rsa-pkcs1-sha256"},
    {SIGN_RSA_PKCS1_SHA384, "rsa-pkcs1-sha384"},
    {SIGN_RSA_PSS_SHA256, "rsa-pss-sha256"},
    {SIGN_RSA_PSS_SHA384, "rsa-pss-sha384"},
    {SIGN_ECDSA_SHA256, "ecdsa-sha256"},
    {SIGN_ECDSA_SHA384, "ecdsa-sha384"},
    {SIGN_ED25519, "ed25519"},
};

const struct alg_info *alg_find(enum key_alg alg)
{
    for (size_t i = 0; i < alg_table_n; i++)
        if (alg_table[i].alg == alg)
            return &alg_table[i];
    return NULL;
}

const struct alg_info *alg_by_name(const char *name)
{
    for (size_t i = 0; name && i < alg_table_n; i++)
        if (str_eq(alg_table[i].name, name))
            return &alg_table[i];
    return NULL;
}

const char *policy_name(enum key_policy p)
{
    for (size_t i = 0; i < COUNT(policies); i++)
        if (policies[i].policy == p)
            return policies[i].name;
    return "unknown";
}

int policy_by_name(const char *name, enum key_policy *out, struct err *e)
{
    for (size_t i = 0; name && i < COUNT(policies); i++) {
        if (str_eq(policies[i].name, name)) {
            *out = policies[i].policy;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "key policy: expected token, sealed or deployable");
}

bool scheme_fits(enum key_alg alg, enum sign_scheme scheme)
{
    switch (alg) {
    case KEY_RSA_2048:
    case KEY_RSA_3072:
    case KEY_RSA_4096:
        return scheme >= SIGN_RSA_PKCS1_SHA256 && scheme <= SIGN_RSA_PSS_SHA384;
    case KEY_P256:
        return scheme == SIGN_ECDSA_SHA256;
    case KEY_P384:
        return scheme == SIGN_ECDSA_SHA384;
    case KEY_ED25519:
        return scheme == SIGN_ED25519;
    }
    return false;
}

const char *scheme_name(enum sign_scheme scheme)
{
    for (size_t i = 0; i < COUNT(schemes); i++)
        if (schemes[i].scheme == scheme)
            return schemes[i].name;
    return "unknown";
}
