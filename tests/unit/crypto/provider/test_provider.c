/* The provider: what it signs verifies in OpenSSL's default context; what it must refuse, it does.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/provider/provider.h"
#include "tests/unit/crypto/pki.h"

static struct {
    struct pki_signer signer;
    OSSL_LIB_CTX *ctx;
} fx;

static int open_context(void **state)
{
    (void)state;
    fx.ctx = provider_context(pki_sign, &fx.signer, NULL);
    return fx.ctx ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    provider_context_free(fx.ctx);
    return 0;
}

struct alg_case {
    const char *alg, *md;
    bool pss;
    enum sign_scheme want;
};

static const struct alg_case cases[] = {
    {"rsa-2048", "SHA256", false, SIGN_RSA_PKCS1_SHA256},
    {"rsa-2048", "SHA2-384", false, SIGN_RSA_PKCS1_SHA384},
    {"rsa-2048", "SHA2-256", true, SIGN_RSA_PSS_SHA256},
    {"rsa-2048", "SHA384", true, SIGN_RSA_PSS_SHA384},
    {"p-256", "SHA256", false, SIGN_ECDSA_SHA256},
    {"p-384", "SHA384", false, SIGN_ECDSA_SHA384},
    {"ed25519", NULL, false, SIGN_ED25519},
};

static void set_pss(EVP_PKEY_CTX *pctx)
{
    assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0);
}

static void assert_verifies(const struct alg_case *c, EVP_PKEY *key, struct blob sig,
                            struct blob tbs)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx, c->md, NULL, NULL, key, NULL), 1);
    if (c->pss)
        set_pss(pctx);
    assert_int_equal(EVP_DigestVerify(ctx, sig.p, sig.n, tbs.p, tbs.n), 1);
    EVP_MD_CTX_free(ctx);
}

static void test_digest_sign_every_scheme(void **state)
{
    (void)state;
    static const char tbs[] = "what is to be signed";
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(cases[i].alg);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_JWS);
        fx.signer = (struct pki_signer){.key = key};
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx = NULL;
        uint8_t sig[1024];
        size_t n = 0;
        assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, cases[i].md, fx.ctx, NULL, handle, NULL),
                         1);
        if (cases[i].pss)
            set_pss(pctx);
        assert_int_equal(EVP_DigestSign(ctx, NULL, &n, (const uint8_t *)tbs, sizeof tbs), 1);
        assert_true(n <= sizeof sig);
        assert_int_equal(fx.signer.calls, 0); /* asking for the size signs nothing */
        assert_int_equal(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)tbs, sizeof tbs), 1);
        EVP_MD_CTX_free(ctx);
        assert_int_equal(fx.signer.calls, 1);
        assert_int_equal(fx.signer.scheme, cases[i].want);
        assert_int_equal(fx.signer.purpose, PURPOSE_JWS);
        assert_int_equal(fx.signer.tbs_n, sizeof tbs);
        assert_string_equal(fx.signer.envelope, "envelope");
        assert_verifies(&cases[i], key, BLOB(sig, n), BLOB(tbs, sizeof tbs));
    }
}

static void test_digest_sign_streamed(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
    fx.signer = (struct pki_signer){.key = key};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[256];
    size_t n = sizeof sig;
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", fx.ctx, NULL, handle, NULL), 1);
    assert_int_equal(EVP_DigestSignUpdate(ctx, "one ", 4), 1);
    assert_int_equal(EVP_DigestSignUpdate(ctx, "two", 3), 1);
    assert_int_equal(EVP_DigestSignFinal(ctx, sig, &n), 1);
    EVP_MD_CTX_free(ctx);
    assert_int_equal(fx.signer.tbs_n, 7);
    const struct alg_case c = {"p-256", "SHA256", false, SIGN_ECDSA_SHA256};
    assert_verifies(&c, key, BLOB(sig, n), blob_str("one two"));
}

static void test_digest_sign_update_is_bounded(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    static uint8_t block[64 * 1024];
    int ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", fx.ctx, NULL, handle, NULL);
    for (int i = 0; i < 16; i++)
        ok &= EVP_DigestSignUpdate(ctx, block, sizeof block);
    assert_int_equal(ok, 1);
    assert_int_not_equal(EVP_DigestSignUpdate(ctx, "x", 1), 1);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
}

static void test_init_refuses_what_is_not_offered(void **state)
{
    (void)state;
    static const struct {
        const char *alg, *md;
    } bad[] = {{"p-256", "SHA512"}, {"rsa-2048", "SHA1"}, {"rsa-2048", "MD5"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(bad[i].alg);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_int_not_equal(
            EVP_DigestSignInit_ex(ctx, NULL, bad[i].md, fx.ctx, NULL, handle, NULL), 1);
        EVP_MD_CTX_free(ctx);
    }
    ERR_clear_error();
}

static void test_private_half_is_never_exported(void **state)
{
    (void)state;
    static const char *const algs[] = {"rsa-2048", "p-256", "ed25519"};
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i]);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
        OSSL_PARAM *params = NULL;
        unsigned char *der = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_not_equal(EVP_PKEY_todata(handle, EVP_PKEY_KEYPAIR, &params), 1);
        assert_true(i2d_PrivateKey(handle, &der) <= 0);
        assert_int_not_equal(PEM_write_bio_PrivateKey(bio, handle, NULL, NULL, 0, NULL, NULL), 1);
        BIO_free(bio);
        /* the public half is */
        assert_int_equal(EVP_PKEY_todata(handle, EVP_PKEY_PUBLIC_KEY, &params), 1);
        OSSL_PARAM_free(params);
        OWN(buf_free)
        struct buf a = BUF(8192);
        OWN(buf_free)
        struct buf b = BUF(8192);
        pki_spki(key, &a);
        pki_spki(handle, &b);
        assert_true(blob_eq(buf_blob(&a), buf_blob(&b)));
        assert_int_equal(EVP_PKEY_eq(key, handle), 1);
    }
    ERR_clear_error();
}

static void test_failed_signature_tells_its_story(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
    fx.signer = (struct pki_signer){.key = key, .fail = true};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[256];
    size_t n = sizeof sig;
    struct err e = {0};
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", fx.ctx, NULL, handle, NULL), 1);
    assert_int_not_equal(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)"x", 1), 1);
    assert_string_equal(provider_last_error(fx.ctx), "token: PIN locked");
    assert_int_equal(provider_err(fx.ctx, "sign request", &e), -1);
    assert_int_equal(e.code, ERR_TOKEN);
    assert_string_equal(e.text, "sign request: token: PIN locked");
    fx.signer.fail = false;
    n = sizeof sig;
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", fx.ctx, NULL, handle, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)"x", 1), 1);
    assert_string_equal(provider_last_error(fx.ctx), "");
    EVP_MD_CTX_free(ctx);
}

static void test_provider_key_refuses(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(own_pkey)
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    OWN(own_pkey)
    EVP_PKEY *good = pki_key("p-256");
    OWN(buf_free)
    struct buf spki = BUF(8192);
    pki_spki(x25519, &spki);
    assert_null(provider_key(fx.ctx, buf_blob(&spki), blob_str("e"), 1, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_null(provider_key(fx.ctx, blob_str("no DER"), blob_str("e"), 1, &e));
    assert_int_equal(e.code, ERR_INPUT);
    buf_clear(&spki);
    pki_spki(good, &spki);
    assert_null(provider_key(fx.ctx, buf_blob(&spki), BLOB(NULL, 0), 1, &e));
    assert_int_equal(e.code, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_sign_every_scheme),
        cmocka_unit_test(test_digest_sign_streamed),
        cmocka_unit_test(test_digest_sign_update_is_bounded),
        cmocka_unit_test(test_init_refuses_what_is_not_offered),
        cmocka_unit_test(test_private_half_is_never_exported),
        cmocka_unit_test(test_failed_signature_tells_its_story),
        cmocka_unit_test(test_provider_key_refuses),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
