/* Requests: built by remote keys, accepted by OpenSSL's default context, refused when touched. */
#include "crypto/x509/csr.h"
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

static void build(const char *subject, const char *names, EVP_PKEY *key, struct buf *der)
{
    OWN(strs_free)
    struct strs list = {0};
    struct err e = {0};
    strs_split(&list, names, " ");
    const struct csr_template t = {.subject = subject, .names = &list, .server_auth = true};
    assert_int_equal(csr_build(&t, key, fx.ctx, der, &e), 0);
}

static void test_csr_build_every_remote_key(void **state)
{
    (void)state;
    static const char *const algs[] = {"rsa-2048", "rsa-3072", "p-256", "p-384", "ed25519"};
    for (size_t i = 0; i < COUNT(algs); i++) {
        OWN(own_pkey)
        EVP_PKEY *key = pki_key(algs[i]);
        OWN(own_pkey)
        EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
        OWN(buf_free)
        struct buf der = BUF(65536);
        fx.signer = (struct pki_signer){.key = key};
        build("CN=shop.example,O=Example Ltd,C=DE", "shop.example *.shop.example 192.0.2.1", handle,
              &der);
        assert_int_equal(fx.signer.calls, 1);
        assert_int_equal(fx.signer.purpose, PURPOSE_CSR);
        const unsigned char *p = der.p;
        OWN(own_x509_req)
        X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
        assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
        OWN(csr_info_free)
        struct csr_info info = {0};
        OWN(buf_free)
        struct buf spki = BUF(8192);
        OWN(own_mem)
        char *names = NULL;
        assert_int_equal(csr_read(buf_blob(&der), &info, NULL), 0);
        pki_spki(key, &spki);
        names = strs_join(&info.names, " ");
        assert_string_equal(info.subject, "CN=shop.example,O=Example Ltd,C=DE");
        assert_string_equal(names, "shop.example *.shop.example IP:192.0.2.1");
        assert_string_equal(info.key_alg, algs[i]);
        assert_true(blob_eq(buf_blob(&info.spki), buf_blob(&spki)));
    }
}

static void test_csr_build_with_empty_subject(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(buf_free)
    struct buf der = BUF(65536);
    OWN(csr_info_free)
    struct csr_info info = {0};
    build("", "a.example", key, &der); /* a plain key works as well as a handle */
    assert_int_equal(csr_read(buf_blob(&der), &info, NULL), 0);
    assert_string_equal(info.subject, "");
}

static void test_csr_build_refuses(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *weak = pki_key("rsa-1024");
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(own_pkey)
    EVP_PKEY *handle = pki_handle(fx.ctx, key, PURPOSE_CSR);
    OWN(buf_free)
    struct buf der = BUF(65536);
    const struct strs none = {0};
    struct err e = {0};
    struct csr_template t = {.subject = "CN=a.example", .names = &none};
    assert_int_equal(csr_build(&t, weak, NULL, &der, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    t.subject = "";
    assert_int_equal(csr_build(&t, key, NULL, &der, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    t.subject = "CN=a.example,XX=1";
    assert_int_equal(csr_build(&t, key, NULL, &der, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    t.subject = "CN=a.example";
    fx.signer = (struct pki_signer){.key = key, .fail = true};
    assert_int_equal(csr_build(&t, handle, fx.ctx, &der, &e), -1);
    assert_int_equal(e.code, ERR_TOKEN);
    assert_string_equal(e.text, "sign request: token: PIN locked");
    fx.signer = (struct pki_signer){.key = weak};
    fx.signer.nonsense = true; /* a wrong signature is noticed before the CA sees it */
    assert_int_equal(csr_build(&t, handle, fx.ctx, &der, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    assert_int_equal(der.n, 0);
}

static void test_csr_read_refuses_changes(void **state)
{
    (void)state;
    OWN(own_pkey)
    EVP_PKEY *key = pki_key("p-256");
    OWN(buf_free)
    struct buf der = BUF(65536);
    struct csr_info info = {0};
    build("CN=shop.example", "shop.example", key, &der);
    for (size_t n = 0; n < der.n; n++)
        assert_int_equal(csr_read(BLOB(der.p, n), &info, NULL), -1);
    for (size_t i = 0; i < der.n; i++) {
        der.p[i] ^= 0x01;
        assert_int_equal(csr_read(buf_blob(&der), &info, NULL), -1);
        der.p[i] ^= 0x01;
    }
    buf_addc(&der, 0);
    assert_int_equal(csr_read(buf_blob(&der), &info, NULL), -1);
    assert_null(info.subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csr_build_every_remote_key),
        cmocka_unit_test(test_csr_build_with_empty_subject),
        cmocka_unit_test(test_csr_build_refuses),
        cmocka_unit_test(test_csr_read_refuses_changes),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
