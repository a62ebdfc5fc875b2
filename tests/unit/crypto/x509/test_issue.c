/* The local CA: what it issues passes OpenSSL's verifier, extension by extension. */
#include "crypto/x509/issue.h"
#include "tests/unit/crypto/pki.h"

static const uint8_t serial_bytes[16] = {0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define SERIAL BLOB(serial_bytes, sizeof serial_bytes)

static struct {
    struct pki_signer signer;
    OSSL_LIB_CTX *ctx;
    EVP_PKEY *key, *handle; /* of the root */
    X509 *root;
} fx;

static X509 *parse(struct buf *der)
{
    X509 *x = NULL;
    assert_int_equal(cert_parse(buf_blob(der), &x, NULL), 0);
    return x;
}

static X509 *make_root(EVP_PKEY *key, const char *permitted)
{
    OWN(buf_free)
    struct buf der = BUF(65536);
    OWN(strs_free)
    struct strs dns = {0};
    struct err e = {0};
    strs_split(&dns, permitted, " ");
    const struct root_template t = {.serial = SERIAL,
                                    .subject = "CN=Certkeep Local CA,O=Example",
                                    .not_before = PKI_NOW,
                                    .not_after = PKI_NOW + 3650LL * PKI_DAY,
                                    .permitted_dns = &dns};
    assert_int_equal(issue_root(&t, key, fx.ctx, &der, &e), 0);
    return parse(&der);
}

static int set_up(void **state)
{
    (void)state;
    fx.ctx = provider_context(pki_sign, &fx.signer, NULL);
    fx.key = pki_key("p-384");
    fx.handle = pki_handle(fx.ctx, fx.key, PURPOSE_CERT);
    fx.signer = (struct pki_signer){.key = fx.key};
    fx.root = make_root(fx.handle, "example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(fx.root);
    EVP_PKEY_free(fx.handle);
    EVP_PKEY_free(fx.key);
    provider_context_free(fx.ctx);
    return 0;
}

struct order {
    const char *subject, *names, *alg;
    int64_t to;
    bool client;
};

static int issue(struct order o, struct buf *der, struct err *e)
{
    OWN(own_pkey)
    EVP_PKEY *key = pki_key(o.alg ? o.alg : "p-256");
    OWN(buf_free)
    struct buf spki = BUF(8192);
    OWN(strs_free)
    struct strs names = {0};
    pki_spki(key, &spki);
    strs_split(&names, o.names, " ");
    const struct issue_template t = {.serial = SERIAL,
                                     .subject = o.subject,
                                     .names = &names,
                                     .spki = buf_blob(&spki),
                                     .not_before = PKI_NOW,
                                     .not_after = o.to ? o.to : PKI_NOW + 47 * PKI_DAY,
                                     .client_auth = o.client,
                                     .crl_url = "http://ca.example/crl"};
    return issue_tls(&t, fx.root, fx.handle, fx.ctx, der, e);
}

static int verify(X509 *leaf, X509_CRL *crl, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, fx.root);
    if (crl)
        X509_STORE_add_crl(store, crl);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, PKI_NOW + PKI_DAY);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | (crl ? X509_V_FLAG_CRL_CHECK : 0));
    if (host)
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    int result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

static bool critical(const X509 *x, int nid)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    assert_true(at >= 0);
    return X509_EXTENSION_get_critical(X509_get_ext(x, at)) == 1;
}

static void test_issue_root_profile(void **state)
{
    (void)state;
    assert_int_equal(X509_self_signed(fx.root, 1), 1);
    assert_int_equal(X509_get_pathlen(fx.root), 0);
    assert_int_equal(X509_get_key_usage(fx.root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_true(critical(fx.root, NID_basic_constraints));
    assert_true(critical(fx.root, NID_key_usage));
    assert_true(critical(fx.root, NID_name_constraints));
    assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(fx.root)), 20);
    assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(fx.root)), 16);
}

static void test_issue_root_every_key(void **state)
{
    (void)state;
    static const char *const algs[] = {"rsa-2048", "p-256", "ed25519"};
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i]);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CERT);
        fx.signer.key = key;
        OWN(own_x509)
        X509 *root = make_root(handle, "");
        fx.signer.key = fx.key;
        assert_int_equal(X509_self_signed(root, 1), 1);
        assert_int_equal(X509_get_ext_by_NID(root, NID_name_constraints, -1), -1);
    }
}

static void test_issue_tls_profile(void **state)
{
    (void)state;
    static const struct {
        struct order order;
        uint32_t usage, extended;
        bool san_critical;
    } cases[] = {
        {{"CN=www.example", "www.example", "p-256", 0, false},
         KU_DIGITAL_SIGNATURE,
         XKU_SSL_SERVER,
         false},
        {{"", "www.example", "ed25519", 0, false}, KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER, true},
        {{"CN=www.example", "www.example", "rsa-2048", 0, true},
         KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
         XKU_SSL_SERVER | XKU_SSL_CLIENT,
         false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf der = BUF(65536);
        struct err e = {0};
        assert_int_equal(issue(cases[i].order, &der, &e), 0);
        OWN(own_x509)
        X509 *x = parse(&der);
        assert_int_equal(verify(x, NULL, "www.example"), X509_V_OK);
        assert_int_equal(X509_get_key_usage(x), cases[i].usage);
        assert_int_equal(X509_get_extended_key_usage(x), cases[i].extended);
        assert_true(critical(x, NID_key_usage));
        assert_true(critical(x, NID_basic_constraints));
        assert_int_equal(critical(x, NID_subject_alt_name), cases[i].san_critical);
        assert_int_equal(X509_check_ca(x), 0);
        assert_int_equal(
            ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x), X509_get0_subject_key_id(fx.root)),
            0);
        assert_non_null(X509_get0_subject_key_id(x));
        OWN(buf_free)
        struct buf text = BUF(65536);
        assert_int_equal(cert_text(x, &text, NULL), 0);
        assert_non_null(strstr(buf_cstr(&text), "URI:http://ca.example/crl"));
    }
}

static void test_issue_tls_refuses(void **state)
{
    (void)state;
    static const struct {
        struct order order;
        enum err_code code;
    } cases[] = {
        {{"CN=www.example", "", NULL, 0, false}, ERR_INPUT},
        {{"CN=www.other", "www.other", NULL, 0, false}, ERR_DENIED},
        {{"CN=www.example", "www.example", "rsa-1024", 0, false}, ERR_INPUT},
        {{"CN=www.example", "www.example", "secp256k1", 0, false}, ERR_INPUT},
        {{"CN=www.example", "www.example", NULL, PKI_NOW, false}, ERR_INPUT},
        {{"CN=www.example", "www.example", NULL, PKI_NOW + 9999LL * PKI_DAY, false}, ERR_INPUT},
        {{"CN=www.example", "under_score.example", NULL, 0, false}, ERR_INPUT},
        {{"CN=www.example", "www.example www.other", NULL, 0, false}, ERR_DENIED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf der = BUF(65536);
        struct err e = {0};
        assert_int_equal(issue(cases[i].order, &der, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_int_equal(der.n, 0);
    }
}

static void test_issue_tls_keeps_wrong_signature_in(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf der = BUF(65536);
    struct err e = {0};
    OWN(own_pkey)
    EVP_PKEY *wrong = pki_key("p-384");
    fx.signer.key = wrong;
    assert_int_equal(
        issue((struct order){"CN=www.example", "www.example", NULL, 0, false}, &der, &e), -1);
    fx.signer.key = fx.key;
    assert_int_equal(e.code, ERR_CRYPTO);
    fx.signer.fail = true;
    assert_int_equal(
        issue((struct order){"CN=www.example", "www.example", NULL, 0, false}, &der, &e), -1);
    fx.signer.fail = false;
    assert_int_equal(e.code, ERR_TOKEN);
    assert_int_equal(der.n, 0);
}

static void test_serials_that_are_refused(void **state)
{
    (void)state;
    static const uint8_t zero_first[16] = {0, 1}, negative[16] = {0x80, 1}, short_one[8] = {1},
                         long_one[21] = {1};
    const struct blob bad[] = {BLOB(zero_first, 16), BLOB(negative, 16), BLOB(short_one, 8),
                               BLOB(long_one, 21)};
    for (size_t i = 0; i < COUNT(bad); i++) {
        OWN(buf_free)
        struct buf der = BUF(65536);
        struct err e = {0};
        const struct root_template t = {
            .serial = bad[i], .subject = "CN=x", .not_before = 1, .not_after = 2};
        assert_int_equal(issue_root(&t, fx.handle, fx.ctx, &der, &e), -1);
        assert_int_equal(e.code, ERR_BUG);
    }
}

static X509_CRL *make_crl(const struct crl_entry *entries, size_t n)
{
    OWN(buf_free)
    struct buf der = BUF(1 << 20);
    struct err e = {0};
    assert_int_equal(issue_crl(entries, n, 7, PKI_NOW, PKI_NOW + 7 * PKI_DAY, fx.root, fx.handle,
                               fx.ctx, &der, &e),
                     0);
    const unsigned char *p = der.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
    assert_non_null(crl);
    return crl;
}

static void test_issue_crl_revokes(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf der = BUF(65536);
    assert_int_equal(
        issue((struct order){"CN=www.example", "www.example", NULL, 0, false}, &der, NULL), 0);
    OWN(own_x509)
    X509 *leaf = parse(&der);
    OWN(own_x509_crl)
    X509_CRL *empty = make_crl(NULL, 0);
    assert_int_equal(verify(leaf, empty, NULL), X509_V_OK);
    static const uint8_t other[16] = {1, 2, 3};
    const struct crl_entry entries[] = {{SERIAL, PKI_NOW, 1}, {BLOB(other, 16), PKI_NOW, 0}};
    OWN(own_x509_crl)
    X509_CRL *crl = make_crl(entries, 2);
    assert_int_equal(verify(leaf, crl, NULL), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(X509_CRL_get_version(crl), 1);
    X509_REVOKED *r = NULL;
    assert_int_equal(X509_CRL_get0_by_cert(crl, &r, leaf), 1);
    ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
    assert_int_equal(ASN1_ENUMERATED_get(reason), 1);
    ASN1_ENUMERATED_free(reason);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    assert_int_equal(ASN1_INTEGER_get(number), 7);
    ASN1_INTEGER_free(number);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
}

static void test_issue_crl_refuses_reasons(void **state)
{
    (void)state;
    static const int bad[] = {-1, 7, 8, 11};
    for (size_t i = 0; i < COUNT(bad); i++) {
        OWN(buf_free)
        struct buf der = BUF(65536);
        struct err e = {0};
        const struct crl_entry entry = {SERIAL, PKI_NOW, bad[i]};
        assert_int_equal(
            issue_crl(&entry, 1, 1, PKI_NOW, PKI_NOW + 1, fx.root, fx.handle, fx.ctx, &der, &e),
            -1);
        assert_int_equal(e.code, ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_root_profile),
        cmocka_unit_test(test_issue_root_every_key),
        cmocka_unit_test(test_issue_tls_profile),
        cmocka_unit_test(test_issue_tls_refuses),
        cmocka_unit_test(test_issue_tls_keeps_wrong_signature_in),
        cmocka_unit_test(test_serials_that_are_refused),
        cmocka_unit_test(test_issue_crl_revokes),
        cmocka_unit_test(test_issue_crl_refuses_reasons),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
