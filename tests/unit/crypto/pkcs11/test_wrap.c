/* What the token itself promises about wrapped keys, and sealed values. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/pkcs11/keygen.h"
#include "crypto/pkcs11/seal.h"
#include "crypto/pkcs11/sign.h"
#include "crypto/pkcs11/wrap.h"
#include "src/base/own.h"
#include "tests/softhsm.h"

static struct token token;

static void make_wrapped(enum key_alg alg, enum key_policy policy, struct buf *spki,
                         struct buf *wrapped)
{
    struct err e = {0};
    CK_OBJECT_HANDLE key;
    if (keygen_session(&token, alg, &key, spki, &e) < 0 ||
        wrap_key(&token, policy, key, wrapped, &e) < 0)
        fail_msg("%s", e.text);
    object_drop(&token, key);
}

static void test_wrap_unwrap_signs_again(void **state)
{
    (void)state;
    static const enum key_alg algs[] = {KEY_RSA_2048, KEY_P256, KEY_P384};
    for (size_t i = 0; i < COUNT(algs); i++) {
        for (enum key_policy p = KEY_POLICY_SEALED; p <= KEY_POLICY_DEPLOYABLE; p++) {
            struct err e = {0};
            OWN(buf_free)
            struct buf spki = BUF(2048);
            OWN(buf_free)
            struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
            OWN(buf_free)
            struct buf sig = BUF(SIGNATURE_MAX_BYTES);
            make_wrapped(algs[i], p, &spki, &wrapped);
            CK_OBJECT_HANDLE key;
            assert_int_equal(wrap_unwrap(&token, p, algs[i], buf_blob(&wrapped), false, &key, &e),
                             0);
            assert_int_equal(
                sign_tbs(&token, key, alg_find(algs[i])->default_scheme, blob_str("x"), &sig, &e),
                0);
            object_drop(&token, key);
        }
    }
}

static void test_wrap_unwrap_sealed_never_extractable(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf spki = BUF(2048);
    OWN(buf_free)
    struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
    make_wrapped(KEY_P256, KEY_POLICY_SEALED, &spki, &wrapped);
    CK_OBJECT_HANDLE key;
    assert_int_equal(
        wrap_unwrap(&token, KEY_POLICY_SEALED, KEY_P256, buf_blob(&wrapped), true, &key, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_int_equal(token.last, CKR_TEMPLATE_INCONSISTENT);
    /* Nor under the other key-encryption key. */
    assert_int_equal(
        wrap_unwrap(&token, KEY_POLICY_DEPLOYABLE, KEY_P256, buf_blob(&wrapped), true, &key, &e),
        -1);
}

static void test_wrap_unwrap_refuses_damage(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf spki = BUF(2048);
    OWN(buf_free)
    struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
    make_wrapped(KEY_P256, KEY_POLICY_DEPLOYABLE, &spki, &wrapped);
    for (size_t i = 0; i < wrapped.n; i += 7) {
        CK_OBJECT_HANDLE key;
        wrapped.p[i] ^= 1;
        assert_int_equal(wrap_unwrap(&token, KEY_POLICY_DEPLOYABLE, KEY_P256, buf_blob(&wrapped),
                                     false, &key, &e),
                         -1);
        wrapped.p[i] ^= 1;
    }
}

static void test_wrap_read_pkcs8_matches_public_key(void **state)
{
    (void)state;
    static const enum key_alg algs[] = {KEY_RSA_2048, KEY_P256, KEY_P384};
    for (size_t i = 0; i < COUNT(algs); i++) {
        struct err e = {0};
        OWN(buf_free)
        struct buf spki = BUF(2048);
        OWN(buf_free)
        struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
        make_wrapped(algs[i], KEY_POLICY_DEPLOYABLE, &spki, &wrapped);
        CK_OBJECT_HANDLE key;
        OWN(secret_free)
        struct secret pkcs8 = {0};
        assert_int_equal(
            wrap_unwrap(&token, KEY_POLICY_DEPLOYABLE, algs[i], buf_blob(&wrapped), true, &key, &e),
            0);
        if (wrap_read_pkcs8(&token, key, &pkcs8, &e) < 0)
            fail_msg("%s", e.text);
        object_drop(&token, key);
        const uint8_t *p = pkcs8.p;
        EVP_PKEY *evp = d2i_AutoPrivateKey(NULL, &p, (long)pkcs8.n);
        assert_non_null(evp);
        assert_ptr_equal(p, pkcs8.p + pkcs8.n);
        uint8_t *der = NULL;
        int n = i2d_PUBKEY(evp, &der);
        assert_int_equal(n, spki.n);
        assert_memory_equal(der, spki.p, spki.n);
        OPENSSL_free(der);
        EVP_PKEY_free(evp);
    }
}

static void test_wrap_read_pkcs8_refuses_unextractable(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf spki = BUF(2048);
    OWN(buf_free)
    struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
    make_wrapped(KEY_P256, KEY_POLICY_DEPLOYABLE, &spki, &wrapped);
    CK_OBJECT_HANDLE key;
    OWN(secret_free)
    struct secret pkcs8 = {0};
    assert_int_equal(
        wrap_unwrap(&token, KEY_POLICY_DEPLOYABLE, KEY_P256, buf_blob(&wrapped), false, &key, &e),
        0);
    assert_int_equal(wrap_read_pkcs8(&token, key, &pkcs8, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_null(pkcs8.p);
    object_drop(&token, key);
}

static void test_wrap_key_ed25519_is_not_wrappable(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf spki = BUF(2048);
    OWN(buf_free)
    struct buf wrapped = BUF(WRAPPED_MAX_BYTES);
    CK_OBJECT_HANDLE key;
    assert_false(keygen_wrappable(&token, KEY_ED25519));
    assert_int_equal(keygen_session(&token, KEY_ED25519, &key, &spki, &e), 0);
    assert_int_equal(wrap_key(&token, KEY_POLICY_SEALED, key, &wrapped, &e), -1);
    assert_int_equal(token.last, CKR_KEY_NOT_WRAPPABLE);
    object_drop(&token, key);
}

static void test_seal_value_opens_only_in_its_context(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf sealed = BUF(1024);
    OWN(secret_free)
    struct secret plain = {0};
    assert_int_equal(seal_value(&token, "server/1/password", blob_str("hunter2"), &sealed, &e), 0);
    assert_int_equal(sealed.n, 7 + SEAL_OVERHEAD);
    assert_int_equal(seal_open(&token, "server/1/password", buf_blob(&sealed), &plain, &e), 0);
    assert_int_equal(plain.n, 7);
    assert_memory_equal(plain.p, "hunter2", 7);
    OWN(secret_free)
    struct secret none = {0};
    assert_int_equal(seal_open(&token, "server/2/password", buf_blob(&sealed), &none, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    assert_null(none.p);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 0x40;
        assert_int_equal(seal_open(&token, "server/1/password", buf_blob(&sealed), &none, &e), -1);
        assert_int_equal(e.code, ERR_CRYPTO);
        sealed.p[i] ^= 0x40;
    }
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(seal_open(&token, "server/1/password", BLOB(sealed.p, n), &none, &e), -1);
    assert_int_equal(seal_value(&token, "", blob_str("x"), &sealed, &e), -1);
    assert_int_equal(seal_value(&token, "c", BLOB("", 0), &sealed, &e), -1);
}

static int setup(void **state)
{
    (void)state;
    softhsm_open(&token);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_close(&token);
    softhsm_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrap_unwrap_signs_again),
        cmocka_unit_test(test_wrap_unwrap_sealed_never_extractable),
        cmocka_unit_test(test_wrap_unwrap_refuses_damage),
        cmocka_unit_test(test_wrap_read_pkcs8_matches_public_key),
        cmocka_unit_test(test_wrap_read_pkcs8_refuses_unextractable),
        cmocka_unit_test(test_wrap_key_ed25519_is_not_wrappable),
        cmocka_unit_test(test_seal_value_opens_only_in_its_context),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
