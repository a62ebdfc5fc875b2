/*
 * Keys of the provider. The public half lives in the default provider and answers for us; export
 * fails as soon as the private half is selected, which sends OpenSSL back here to sign.
 */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "crypto/provider/internal.h"
#include "src/base/own.h"

static void *key_new(void *provctx)
{
    struct remote_key *k = xcalloc(1, sizeof *k);
    k->provider = provctx;
    k->envelope = BUF(ENVELOPE_MAX);
    k->refs = 1;
    return k;
}

struct remote_key *remote_key_ref(struct remote_key *k)
{
    if (k)
        atomic_fetch_add(&k->refs, 1);
    return k;
}

void remote_key_free(struct remote_key *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    EVP_PKEY_free(k->pub);
    buf_free(&k->envelope);
    free(k);
}

static void key_free(void *keydata)
{
    remote_key_free(keydata);
}

static int key_has(const void *keydata, int selection)
{
    const struct remote_key *k = keydata;
    (void)selection; /* both halves are usable: the private one by its handle */
    return k && k->pub;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct remote_key *x = a, *y = b;
    (void)selection;
    return x->pub && y->pub && EVP_PKEY_eq(x->pub, y->pub) == 1;
}

static const OSSL_PARAM *key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(PARAM_SPKI, NULL, 0),
        OSSL_PARAM_octet_string(PARAM_ENVELOPE, NULL, 0),
        OSSL_PARAM_uint32(PARAM_PURPOSE, NULL),
        OSSL_PARAM_END,
    };
    (void)selection;
    return types;
}

/* Only provider_key() can make such parameters: keys of other providers are refused here. */
static int key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct remote_key *k = keydata;
    const OSSL_PARAM *spki = OSSL_PARAM_locate_const(params, PARAM_SPKI);
    const OSSL_PARAM *envelope = OSSL_PARAM_locate_const(params, PARAM_ENVELOPE);
    const OSSL_PARAM *purpose = OSSL_PARAM_locate_const(params, PARAM_PURPOSE);
    const void *der = NULL, *bytes = NULL;
    size_t der_n = 0, n = 0;
    (void)selection;
    if (k->pub || !spki || !envelope || !purpose ||
        OSSL_PARAM_get_octet_string_ptr(spki, &der, &der_n) != 1 ||
        OSSL_PARAM_get_octet_string_ptr(envelope, &bytes, &n) != 1 ||
        OSSL_PARAM_get_uint32(purpose, &k->purpose) != 1)
        return 0;
    const unsigned char *at = der;
    k->pub = d2i_PUBKEY_ex(NULL, &at, (long)der_n, k->provider->libctx, "provider=default");
    buf_add(&k->envelope, bytes, n);
    return k->pub && buf_ok(&k->envelope);
}

static const OSSL_PARAM *key_export_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };
    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

static int key_export(void *keydata, int selection, OSSL_CALLBACK *give, void *arg)
{
    const struct remote_key *k = keydata;
    OSSL_PARAM *params = NULL;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || !k->pub ||
        EVP_PKEY_todata(k->pub, selection, &params) != 1)
        return 0;
    int ok = give(params, arg);
    OSSL_PARAM_free(params);
    return ok;
}

static const OSSL_PARAM *key_gettable(void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)provctx;
    return types;
}

static int key_get_params(void *keydata, OSSL_PARAM params[])
{
    const struct remote_key *k = keydata;
    return k->pub && EVP_PKEY_get_params(k->pub, params);
}

static const char *rsa_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *ed25519_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ED25519" : NULL;
}

#define KEYMGMT(operation)                                                                         \
    {                                                                                              \
        {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new},                                          \
        {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},                                        \
        {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},                                          \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},                                      \
        {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},                                    \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types},                        \
        {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},                                    \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_export_types},                        \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},                            \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable},                         \
        {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))operation},                       \
        OSSL_DISPATCH_END,                                                                         \
    }

static const OSSL_DISPATCH rsa_functions[] = KEYMGMT(rsa_operation);
static const OSSL_DISPATCH ec_functions[] = KEYMGMT(ec_operation);
static const OSSL_DISPATCH ed25519_functions[] = KEYMGMT(ed25519_operation);

const OSSL_ALGORITHM keymgmt_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=" PROVIDER_NAME, rsa_functions, "remote"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=" PROVIDER_NAME, ec_functions, "remote"},
    {"ED25519:1.3.101.112", "provider=" PROVIDER_NAME, ed25519_functions, "remote"},
    {NULL, NULL, NULL, NULL},
};
