/* One certificate: parsed strictly, described fully. */
#include "tests/unit/crypto/pki.h"

static X509 *sample(const char *alg, EVP_PKEY **key)
{
    *key = pki_key(alg);
    return pki_cert((struct pki_spec){.subject = "CN=shop.example,O=Example Ltd,C=DE",
                                      .names = "shop.example *.shop.example 192.0.2.1",
                                      .key = *key,
                                      .server = true});
}

static void test_cert_describe(void **state)
{
    (void)state;
    static const struct {
        const char *alg, *key_alg, *sig_alg;
        int bits;
    } cases[] = {
        {"rsa-2048", "rsa-2048", "SHA256RSA", 2048}, {"rsa-1024", "RSA", "SHA256RSA", 1024},
        {"p-256", "p-256", "SHA256ECDSA", 256},      {"p-384", "p-384", "SHA256ECDSA", 384},
        {"ed25519", "ed25519", "ED25519", 256},      {"secp256k1", "secp256k1", "SHA256ECDSA", 256},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = NULL;
        OWN(own_x509)
        X509 *cert = sample(cases[i].alg, &key);
        OWN(cert_info_free)
        struct cert_info info = {0};
        struct err e = {0};
        assert_int_equal(cert_describe(cert, &info, &e), 0);
        OWN(own_mem)
        char *names = strs_join(&info.names, " ");
        assert_string_equal(info.common_name, "shop.example");
        assert_string_equal(info.subject, "CN=shop.example,O=Example Ltd,C=DE");
        assert_string_equal(info.issuer, info.subject);
        assert_string_equal(info.issuer_name, "shop.example");
        assert_string_equal(info.organization, "Example Ltd");
        assert_string_equal(names, "shop.example *.shop.example IP:192.0.2.1");
        assert_string_equal(info.key_alg, cases[i].key_alg);
        assert_string_equal(info.sig_alg, cases[i].sig_alg);
        assert_int_equal(info.key_bits, cases[i].bits);
        assert_int_equal(info.not_before, PKI_NOW - PKI_DAY);
        assert_int_equal(info.not_after, PKI_NOW + 90 * PKI_DAY);
        assert_true(info.self_signed && info.server_auth);
        assert_false(info.is_ca || info.client_auth);
        assert_int_equal(strlen(info.fingerprint), 64);
        assert_string_equal(info.aki, "");
        OWN(buf_free)
        struct buf spki = BUF(8192);
        char hex[65];
        pki_spki(key, &spki);
        assert_int_equal(spki_sha256(buf_blob(&spki), hex, NULL), 0);
        assert_string_equal(info.spki_sha256, hex);
    }
}

static void test_cert_describe_without_common_name(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_x509)
    X509 *cert = pki_cert(
        (struct pki_spec){.subject = "O=Only An Organization", .names = "a.example", .key = key});
    OWN(cert_info_free)
    struct cert_info info = {0};
    assert_int_equal(cert_describe(cert, &info, NULL), 0);
    assert_string_equal(info.common_name, "a.example");
    assert_string_equal(info.issuer_name, "Only An Organization");
    assert_true(info.server_auth && info.client_auth); /* no extended key usage: both */
}

static void test_cert_parse_refuses(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = NULL;
    OWN(own_x509)
    X509 *cert = sample("p-256", &key);
    OWN(buf_free)
    struct buf der = BUF(65536);
    X509 *out = NULL;
    struct err e = {0};
    assert_int_equal(cert_der(cert, &der, NULL), 0);
    for (size_t n = 0; n < der.n; n++)
        assert_int_equal(cert_parse(BLOB(der.p, n), &out, NULL), -1);
    buf_addc(&der, 0);
    assert_int_equal(cert_parse(buf_blob(&der), &out, &e), -1);
    assert_string_equal(e.text, "certificate: bytes follow its end");
    static uint8_t large[CERT_MAX_BYTES + 1];
    assert_int_equal(cert_parse(BLOB(large, sizeof large), &out, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(out);
}

static void test_cert_text_is_readable(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = NULL;
    OWN(own_x509)
    X509 *cert = sample("rsa-2048", &key);
    OWN(buf_free)
    struct buf text = BUF(65536);
    assert_int_equal(cert_text(cert, &text, NULL), 0);
    assert_non_null(strstr(buf_cstr(&text), "DNS:*.shop.example"));
    assert_non_null(strstr(buf_cstr(&text), "O = Example Ltd"));
    assert_true(text_clean((const char *)text.p, text.n, "\n\t"));
}

/* A subject in an old string type may hold U+0085, which terminals take for a line end. */
static void test_cert_text_hides_c1_controls(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = NULL;
    OWN(own_x509)
    X509 *cert = sample("p-256", &key);
    OWN(own_x509_name)
    X509_NAME *name = X509_NAME_new();
    OWN(buf_free)
    struct buf text = BUF(65536);
    struct cert_info info = {0};
    struct err e = {0};
    X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_T61STRING,
                               (const unsigned char *)"a\x85z", 3, -1, 0);
    X509_set_subject_name(cert, name);
    assert_int_equal(cert_text(cert, &text, NULL), 0);
    assert_true(text_clean((const char *)text.p, text.n, "\n\t"));
    assert_non_null(strstr(buf_cstr(&text), "CN = a..z"));
    assert_int_equal(cert_describe(cert, &info, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_describe),
        cmocka_unit_test(test_cert_describe_without_common_name),
        cmocka_unit_test(test_cert_parse_refuses),
        cmocka_unit_test(test_cert_text_is_readable),
        cmocka_unit_test(test_cert_text_hides_c1_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
