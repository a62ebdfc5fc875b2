/*
 * Signing with a remote key. The whole message goes to the callback, which hashes and signs where
 * the key is: streamed input is collected, up to a bound. There is no verify and no raw signing of
 * a hash, so nothing can be signed that the key's process has not seen in full.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/policy.h"
#include "crypto/provider/internal.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define TBS_MAX (1024 * 1024)

enum digest { DIGEST_NONE, DIGEST_SHA256, DIGEST_SHA384 };

struct sign_ctx {
    struct provider *provider;
    struct remote_key *key;
    enum digest digest;
    bool pss;
    struct buf tbs;
};

/* AlgorithmIdentifiers in DER: RFC 8017, A.2.4; RFC 5758, 3.2; RFC 8410, 3. */
#define ID(der) (sizeof(der) - 1), der
#define ID_RSA_SHA256 ID("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
#define ID_RSA_SHA384 ID("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00")
#define ID_ECDSA_SHA256 ID("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define ID_ECDSA_SHA384 ID("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")
#define ID_ED25519 ID("\x30\x05\x06\x03\x2b\x65\x70")
/* RSA-PSS is for TLS here: certificates and requests are signed with PKCS #1. */
#define ID_NONE ID("")

static const struct scheme {
    const char *kind;
    enum sign_scheme scheme;
    enum digest digest;
    bool pss;
    size_t id_n;
    const char *id;
} schemes[] = {
    {"RSA", SIGN_RSA_PKCS1_SHA256, DIGEST_SHA256, false, ID_RSA_SHA256},
    {"RSA", SIGN_RSA_PKCS1_SHA384, DIGEST_SHA384, false, ID_RSA_SHA384},
    {"RSA", SIGN_RSA_PSS_SHA256, DIGEST_SHA256, true, ID_NONE},
    {"RSA", SIGN_RSA_PSS_SHA384, DIGEST_SHA384, true, ID_NONE},
    {"EC", SIGN_ECDSA_SHA256, DIGEST_SHA256, false, ID_ECDSA_SHA256},
    {"EC", SIGN_ECDSA_SHA384, DIGEST_SHA384, false, ID_ECDSA_SHA384},
    {"ED25519", SIGN_ED25519, DIGEST_NONE, false, ID_ED25519},
};

static const struct scheme *scheme_of(const struct sign_ctx *c)
{
    for (size_t i = 0; c->key && i < COUNT(schemes); i++)
        if (schemes[i].digest == c->digest && schemes[i].pss == c->pss &&
            EVP_PKEY_is_a(c->key->pub, schemes[i].kind))
            return &schemes[i];
    return NULL;
}

static const char *digest_name(enum digest d)
{
    return d == DIGEST_SHA256 ? "SHA2-256" : d == DIGEST_SHA384 ? "SHA2-384" : "";
}

static bool digest_parse(const char *name, enum digest *out)
{
    static const struct {
        const char *name;
        enum digest digest;
    } names[] = {
        {"SHA256", DIGEST_SHA256}, {"SHA2-256", DIGEST_SHA256}, {"SHA-256", DIGEST_SHA256},
        {"SHA384", DIGEST_SHA384}, {"SHA2-384", DIGEST_SHA384}, {"SHA-384", DIGEST_SHA384},
        {"", DIGEST_NONE},         {"UNDEF", DIGEST_NONE},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_ieq(names[i].name, name)) {
            *out = names[i].digest;
            return true;
        }
    }
    return false;
}

static int refuse(struct sign_ctx *c, enum err_code code, const char *text)
{
    err_set(&c->provider->last, code, "%s", text);
    ERR_raise_data(ERR_LIB_PROV, ERR_R_UNSUPPORTED, "%s", text);
    return 0;
}

static void *ctx_new(void *provctx, const char *propq)
{
    (void)propq;
    struct sign_ctx *c = xcalloc(1, sizeof *c);
    c->provider = provctx;
    c->tbs = BUF(TBS_MAX);
    return c;
}

static void ctx_free(void *ctx)
{
    struct sign_ctx *c = ctx;
    if (!c)
        return;
    remote_key_free(c->key);
    buf_free(&c->tbs);
    free(c);
}

static void *ctx_dup(void *ctx)
{
    const struct sign_ctx *from = ctx;
    struct sign_ctx *c = xcalloc(1, sizeof *c);
    *c = *from;
    c->key = remote_key_ref(from->key);
    c->tbs = BUF(TBS_MAX);
    buf_add_blob(&c->tbs, buf_blob(&from->tbs));
    c->tbs.failed |= from->tbs.failed;
    return c;
}

/* By number or by name, as callers may set it either way. */
static bool is_pss(const OSSL_PARAM *p, bool *pss)
{
    int mode = 0;
    const char *name = NULL;
    if (p->data_type == OSSL_PARAM_INTEGER && OSSL_PARAM_get_int(p, &mode) == 1) {
        *pss = mode == RSA_PKCS1_PSS_PADDING;
        return *pss || mode == RSA_PKCS1_PADDING;
    }
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return false;
    *pss = str_eq(name, OSSL_PKEY_RSA_PAD_MODE_PSS);
    return *pss || str_eq(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
}

static bool is_digest_salt(const struct sign_ctx *c, const OSSL_PARAM *p)
{
    int bytes = 0;
    const char *name = NULL;
    if (p->data_type == OSSL_PARAM_INTEGER && OSSL_PARAM_get_int(p, &bytes) == 1)
        return bytes == RSA_PSS_SALTLEN_DIGEST || bytes == (c->digest == DIGEST_SHA384 ? 48 : 32);
    return OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 &&
           str_eq(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
}

static int ctx_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct sign_ctx *c = ctx;
    const OSSL_PARAM *p;
    const char *name = NULL;
    enum digest digest;
    if (!params)
        return 1;
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST)) &&
        (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || !digest_parse(name, &c->digest)))
        return refuse(c, ERR_INPUT, "sign: only SHA-256 and SHA-384 are offered");
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) && !is_pss(p, &c->pss))
        return refuse(c, ERR_INPUT, "sign: only PKCS #1 and PSS padding are offered");
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) &&
        !is_digest_salt(c, p))
        return refuse(c, ERR_INPUT, "sign: the PSS salt must be as long as the hash");
    if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) &&
        (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || !digest_parse(name, &digest) ||
         digest != c->digest))
        return refuse(c, ERR_INPUT, "sign: the PSS mask must use the same hash");
    return 1;
}

static const OSSL_PARAM *ctx_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)ctx;
    (void)provctx;
    return types;
}

static int ctx_get_params(void *ctx, OSSL_PARAM params[])
{
    struct sign_ctx *c = ctx;
    OSSL_PARAM *p;
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID))) {
        const struct scheme *s = scheme_of(c);
        if (!s || s->id_n == 0)
            return refuse(c, ERR_INPUT, "sign: this key cannot sign certificates in this way");
        if (OSSL_PARAM_set_octet_string(p, s->id, s->id_n) != 1)
            return 0;
    }
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST)) &&
        OSSL_PARAM_set_utf8_string(p, digest_name(c->digest)) != 1)
        return 0;
    return 1;
}

static const OSSL_PARAM *ctx_gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)ctx;
    (void)provctx;
    return types;
}

static int sign_init(void *ctx, const char *mdname, void *keydata, const OSSL_PARAM params[])
{
    struct sign_ctx *c = ctx;
    if (keydata) {
        remote_key_free(c->key);
        c->key = remote_key_ref(keydata);
    }
    if (!c->key)
        return refuse(c, ERR_BUG, "sign: no key");
    buf_clear(&c->tbs);
    c->pss = false;
    if (!digest_parse(mdname ? mdname : "", &c->digest))
        return refuse(c, ERR_INPUT, "sign: only SHA-256 and SHA-384 are offered");
    return ctx_set_params(c, params);
}

static int sign_update(void *ctx, const unsigned char *data, size_t n)
{
    struct sign_ctx *c = ctx;
    buf_add(&c->tbs, data, n);
    return buf_ok(&c->tbs) ? 1 : refuse(c, ERR_LIMIT, "sign: more than 1 MiB to sign");
}

static int sign_bytes(struct sign_ctx *c, unsigned char *sig, size_t *sig_n, size_t room,
                      struct blob tbs)
{
    int size = c->key ? EVP_PKEY_get_size(c->key->pub) : 0;
    if (size <= 0)
        return refuse(c, ERR_BUG, "sign: no key");
    if (!sig) {
        *sig_n = (size_t)size;
        return 1;
    }
    const struct scheme *s = scheme_of(c);
    if (!s)
        return refuse(c, ERR_INPUT, "sign: the hash does not fit the key");
    if (tbs.n > TBS_MAX)
        return refuse(c, ERR_LIMIT, "sign: more than 1 MiB to sign");
    OWN(buf_free)
    struct buf made = BUF((size_t)size);
    struct provider *p = c->provider;
    struct err e = {0};
    p->last = e;
    if (p->sign(p->arg, c->key->purpose, s->scheme, buf_blob(&c->key->envelope), tbs, &made, &e) <
        0)
        return refuse(c, e.code ? e.code : ERR_BUG, e.text);
    if (!buf_ok(&made) || made.n == 0 || made.n > room)
        return refuse(c, ERR_BUG, "sign: a signature of impossible length came back");
    memcpy(sig, made.p, made.n);
    *sig_n = made.n;
    return 1;
}

static int sign_final(void *ctx, unsigned char *sig, size_t *sig_n, size_t room)
{
    struct sign_ctx *c = ctx;
    return sign_bytes(c, sig, sig_n, room, buf_blob(&c->tbs));
}

static int sign_once(void *ctx, unsigned char *sig, size_t *sig_n, size_t room,
                     const unsigned char *tbs, size_t n)
{
    return sign_bytes(ctx, sig, sig_n, room, BLOB(tbs, n));
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))ctx_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))ctx_free},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))ctx_dup},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (void (*)(void))sign_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (void (*)(void))sign_final},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sign_once},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))ctx_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))ctx_settable},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))ctx_get_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))ctx_gettable},
    OSSL_DISPATCH_END,
};

const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=" PROVIDER_NAME, functions, "remote"},
    {"ECDSA", "provider=" PROVIDER_NAME, functions, "remote"},
    {"ED25519:1.3.101.112", "provider=" PROVIDER_NAME, functions, "remote"},
    {NULL, NULL, NULL, NULL},
};
