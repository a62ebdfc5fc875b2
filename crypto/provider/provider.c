/*
 * The provider itself: two operation tables, and the context that holds them next to OpenSSL's
 * default provider. The default one is preferred for everything that does not start from our keys.
 */
#include "crypto/provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/provider/internal.h"
#include "crypto/x509/cert.h"

DEFINE_OWN(OSSL_LIB_CTX *, lib_ctx, OSSL_LIB_CTX_free)
DEFINE_OWN(OSSL_PROVIDER *, provider, OSSL_PROVIDER_unload)
DEFINE_OWN(EVP_PKEY_CTX *, pkey_ctx, EVP_PKEY_CTX_free)

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return keymgmt_algorithms;
    case OSSL_OP_SIGNATURE:
        return signature_algorithms;
    default:
        return NULL;
    }
}

static void teardown(void *provctx)
{
    free(provctx);
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
        OSSL_DISPATCH_END,
    };
    (void)handle;
    (void)in;
    *provctx = xcalloc(1, sizeof(struct provider));
    *out = functions;
    return 1;
}

static int find_ours(OSSL_PROVIDER *provider, void *found)
{
    if (strcmp(OSSL_PROVIDER_get0_name(provider), PROVIDER_NAME) == 0)
        *(struct provider **)found = OSSL_PROVIDER_get0_provider_ctx(provider);
    return 1;
}

static const struct provider *provider_of(OSSL_LIB_CTX *ctx)
{
    struct provider *p = NULL;
    if (ctx)
        OSSL_PROVIDER_do_all(ctx, find_ours, &p);
    return p;
}

OSSL_LIB_CTX *provider_context(remote_sign_fn sign, void *arg, struct err *e)
{
    OWN(own_lib_ctx)
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OWN(own_provider)
    OSSL_PROVIDER *base = ctx ? OSSL_PROVIDER_load(ctx, "default") : NULL;
    OWN(own_provider)
    OSSL_PROVIDER *self = NULL;
    if (base && OSSL_PROVIDER_add_builtin(ctx, PROVIDER_NAME, provider_init) == 1)
        self = OSSL_PROVIDER_load(ctx, PROVIDER_NAME);
    if (!self || EVP_set_default_properties(ctx, "?provider=default") != 1) {
        err_openssl(e, ERR_CRYPTO, "cryptographic provider");
        return NULL;
    }
    struct provider *p = OSSL_PROVIDER_get0_provider_ctx(self);
    *p = (struct provider){.libctx = ctx, .sign = sign, .arg = arg};
    p->self = TAKE(self);
    p->base = TAKE(base);
    return TAKE(ctx);
}

void provider_context_free(OSSL_LIB_CTX *ctx)
{
    const struct provider *p = provider_of(ctx);
    OSSL_PROVIDER *self = p ? p->self : NULL, *base = p ? p->base : NULL; /* p goes with self */
    OSSL_PROVIDER_unload(self);
    OSSL_PROVIDER_unload(base);
    OSSL_LIB_CTX_free(ctx);
}

static const char *kind_of(const EVP_PKEY *pub)
{
    static const char *const kinds[] = {"RSA", "EC", "ED25519"};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (EVP_PKEY_is_a(pub, kinds[i]))
            return kinds[i];
    return NULL;
}

EVP_PKEY *provider_key(OSSL_LIB_CTX *ctx, struct blob spki, struct blob envelope, uint32_t purpose,
                       struct err *e)
{
    const unsigned char *at = spki.p;
    OWN(own_pkey)
    EVP_PKEY *pub = d2i_PUBKEY_ex(NULL, &at, (long)spki.n, ctx, "provider=default");
    if (!pub) {
        err_openssl(e, ERR_INPUT, "public key");
        return NULL;
    }
    const char *kind = kind_of(pub);
    if (!kind || envelope.n == 0 || envelope.n > ENVELOPE_MAX) {
        err_set(e, ERR_INPUT, "key handle: expected an RSA, EC or Ed25519 key and its envelope");
        return NULL;
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(PARAM_SPKI, (void *)spki.p, spki.n),
        OSSL_PARAM_construct_octet_string(PARAM_ENVELOPE, (void *)envelope.p, envelope.n),
        OSSL_PARAM_construct_uint32(PARAM_PURPOSE, &purpose),
        OSSL_PARAM_construct_end(),
    };
    OWN(own_pkey_ctx)
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(ctx, kind, "provider=" PROVIDER_NAME);
    EVP_PKEY *key = NULL;
    if (!make || EVP_PKEY_fromdata_init(make) != 1 ||
        EVP_PKEY_fromdata(make, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        err_openssl(e, ERR_CRYPTO, "key handle");
        return NULL;
    }
    return key;
}

const char *provider_last_error(OSSL_LIB_CTX *ctx)
{
    const struct provider *p = provider_of(ctx);
    return p && p->last.code != ERR_NONE ? p->last.text : "";
}

int provider_err(OSSL_LIB_CTX *ctx, const char *what, struct err *e)
{
    const struct provider *p = provider_of(ctx);
    if (!p || p->last.code == ERR_NONE)
        return err_openssl(e, ERR_CRYPTO, what);
    ERR_clear_error();
    return err_set(e, p->last.code, "%s: %s", what, p->last.text);
}
