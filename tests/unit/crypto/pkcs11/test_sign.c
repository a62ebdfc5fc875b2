/* Every algorithm with every scheme that fits it, checked by OpenSSL with the public key alone. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/pkcs11/keygen.h"
#include "crypto/pkcs11/sign.h"
#include "src/base/own.h"
#include "tests/softhsm.h"

static struct token token;

static const struct {
    enum sign_scheme scheme;
    const char *hash;
    bool pss;
} verify_table[] = {
    {SIGN_RSA_PKCS1_SHA256, "SHA256", false},
    {SIGN_RSA_PKCS1_SHA384, "SHA384", false},
    {SIGN_RSA_PSS_SHA256, "SHA256", true},
    {SIGN_RSA_PSS_SHA384, "SHA384", true},
    {SIGN_ECDSA_SHA256, "SHA256", false},
    {SIGN_ECDSA_SHA384, "SHA384", false},
    {SIGN_ED25519, NULL, false},
};

static bool openssl_verifies(const struct buf *spki, size_t row, const char *text,
                             const struct buf *sig)
{
    const uint8_t *p = spki->p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki->n);
    assert_non_null(key);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    assert_int_equal(
        EVP_DigestVerifyInit_ex(md, &ctx, verify_table[row].hash, NULL, NULL, key, NULL), 1);
    if (verify_table[row].pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    int rc = EVP_DigestVerify(md, sig->p, sig->n, (const uint8_t *)text, strlen(text));
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return rc == 1;
}

static void test_sign_tbs_every_alg_and_scheme(void **state)
{
    (void)state;
    for (size_t a = 0; a < alg_table_n; a++) {
        enum key_alg alg = alg_table[a].alg;
        struct err e = {0};
        OWN(buf_free)
        struct buf spki = BUF(2048);
        CK_OBJECT_HANDLE key = 0;
        assert_true(keygen_can(&token, alg));
        if (keygen_session(&token, alg, &key, &spki, &e) < 0)
            fail_msg("%s: %s", alg_table[a].name, e.text);
        size_t fits = 0;
        for (size_t r = 0; r < COUNT(verify_table); r++) {
            if (!scheme_fits(alg, verify_table[r].scheme))
                continue;
            fits++;
            /* Many rounds for EC: r or s with leading zeros or a high bit come up. */
            for (int round = 0; round < (alg == KEY_P256 || alg == KEY_P384 ? 100 : 1); round++) {
                char text[64];
                snprintf(text, sizeof text, "message %d", round);
                OWN(buf_free)
                struct buf sig = BUF(SIGNATURE_MAX_BYTES);
                if (sign_tbs(&token, key, verify_table[r].scheme, blob_str(text), &sig, &e) < 0)
                    fail_msg("%s: %s", alg_table[a].name, e.text);
                assert_true(openssl_verifies(&spki, r, text, &sig));
                assert_false(openssl_verifies(&spki, r, "another", &sig));
            }
        }
        assert_true(fits > 0);
        assert_int_equal(object_destroy(&token, key, &e), 0);
    }
}

static void test_sign_tbs_refuses_unknown_scheme(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf sig = BUF(SIGNATURE_MAX_BYTES);
    assert_int_equal(sign_tbs(&token, 1, 99, blob_str("x"), &sig, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
}

static void test_sign_mac_is_stable_and_keyed(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t a[MAC_BYTES], b[MAC_BYTES], c[MAC_BYTES];
    assert_int_equal(sign_mac(&token, blob_str("envelope"), a, &e), 0);
    assert_int_equal(sign_mac(&token, blob_str("envelope"), b, &e), 0);
    assert_int_equal(sign_mac(&token, blob_str("envelopf"), c, &e), 0);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void test_keygen_token_is_found_by_id_and_stays(void **state)
{
    (void)state;
    struct err e = {0};
    static const uint8_t id[KEY_ID_BYTES] = "0123456789abcde";
    CK_OBJECT_HANDLE made, found;
    OWN(buf_free)
    struct buf spki = BUF(2048);
    assert_int_equal(
        keygen_token(&token, KEY_ED25519, BLOB(id, sizeof id), "local ca", &made, &spki, &e), 0);
    assert_int_equal(object_private_key(&token, BLOB(id, sizeof id), &found, &e), 0);
    OWN(buf_free)
    struct buf value = BUF(1024);
    assert_int_equal(object_read(&token, found, CKA_VALUE, &value, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_int_equal(object_destroy(&token, found, &e), 0);
    assert_int_equal(object_private_key(&token, BLOB(id, sizeof id), &found, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
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
        cmocka_unit_test(test_sign_tbs_every_alg_and_scheme),
        cmocka_unit_test(test_sign_tbs_refuses_unknown_scheme),
        cmocka_unit_test(test_sign_mac_is_stable_and_keyed),
        cmocka_unit_test(test_keygen_token_is_found_by_id_and_stays),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
