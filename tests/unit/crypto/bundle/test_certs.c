/* Files to import: every form certificates come in; keys are refused in every form. */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include "crypto/bundle/certs.h"
#include "crypto/bundle/pem.h"
#include "crypto/x509/chain.h"
#include "tests/unit/crypto/pki.h"

struct world {
    EVP_PKEY *ca_key, *key;
    X509 *ca, *leaf;
};

static struct world world(void)
{
    struct world w = {.ca_key = pki_key("p-256"), .key = pki_key("p-256")};
    w.ca = pki_cert((struct pki_spec){.subject = "CN=Test CA", .key = w.ca_key, .ca = true});
    w.leaf = pki_cert((struct pki_spec){.subject = "CN=shop.example",
                                        .names = "shop.example",
                                        .key = w.key,
                                        .issuer = w.ca,
                                        .issuer_key = w.ca_key,
                                        .server = true});
    return w;
}

static void end(struct world *w)
{
    X509_free(w->ca);
    X509_free(w->leaf);
    EVP_PKEY_free(w->key);
    EVP_PKEY_free(w->ca_key);
}

static void add_pem(struct buf *out, const X509 *cert)
{
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);
    assert_int_equal(cert_der(cert, &der, NULL), 0);
    pem_write(out, "CERTIFICATE", buf_blob(&der));
}

/* A bundle of the two, by OpenSSL. */
static void pkcs7_of(const struct world *w, struct buf *der)
{
    PKCS7 *p7 = PKCS7_new();
    unsigned char *bytes = NULL;
    assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
    assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
    assert_int_equal(PKCS7_add_certificate(p7, w->leaf), 1);
    assert_int_equal(PKCS7_add_certificate(p7, w->ca), 1);
    int n = i2d_PKCS7(p7, &bytes);
    assert_int_equal(buf_take_der(der, bytes, n, "pkcs7", NULL), 0);
    PKCS7_free(p7);
}

static void expect(struct blob file, size_t n, const X509 *first)
{
    OWN(certs_free)
    struct certs c = {0};
    struct err e = {0};
    int rc = certs_read(file, &c, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(rc, 0);
    assert_int_equal(c.n, n);
    assert_int_equal(X509_cmp(c.v[0], first), 0);
}

static void refuse(struct blob file, const char *says)
{
    OWN(certs_free)
    struct certs c = {0};
    struct err e = {0};
    assert_int_equal(certs_read(file, &c, &e), -1);
    assert_non_null(strstr(e.text, says));
    assert_int_equal(c.n, 0);
}

static void test_certs_read_every_form(void **state)
{
    (void)state;
    struct world w = world();
    OWN(buf_free)
    struct buf pem = BUF(65536), der = BUF(65536), p7 = BUF(65536), p7_pem = BUF(65536);
    buf_add_str(&pem, "issuer=CN = Test CA\nsome words before\n");
    add_pem(&pem, w.leaf);
    add_pem(&pem, w.ca);
    assert_int_equal(cert_der(w.leaf, &der, NULL), 0);
    pkcs7_of(&w, &p7);
    pem_write(&p7_pem, "PKCS7", buf_blob(&p7));
    expect(buf_blob(&pem), 2, w.leaf);
    expect(buf_blob(&der), 1, w.leaf);
    expect(buf_blob(&p7), 2, w.leaf);
    expect(buf_blob(&p7_pem), 2, w.leaf);
    end(&w);
}

static void refuse_key_der(const unsigned char *p, int n)
{
    OWN(buf_free)
    struct buf der = BUF(65536);
    assert_true(n > 0);
    buf_add(&der, p, (size_t)n);
    refuse(buf_blob(&der), "private key");
}

static void test_certs_read_refuses_keys_in_every_form(void **state)
{
    (void)state;
    struct world w = world();
    unsigned char *p = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(w.key);
    int n = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
    refuse_key_der(p, n);
    OPENSSL_free(p);
    p = NULL;
    n = i2d_PrivateKey(w.key, &p); /* RFC 5915: shorter than 128 bytes */
    refuse_key_der(p, n);
    OPENSSL_free(p);
    p = NULL;
    X509_SIG *sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), "password", 8, NULL, 0, 1000, info);
    n = i2d_X509_SIG(sealed, &p);
    refuse_key_der(p, n);
    OPENSSL_free(p);
    p = NULL;
    PKCS12 *p12 = PKCS12_create("password", "shop", w.key, w.leaf, NULL, 0, 0, 1000, 1000, 0);
    n = i2d_PKCS12(p12, &p);
    refuse_key_der(p, n);
    OPENSSL_free(p);
    PKCS12_free(p12);
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(info);
    OWN(buf_free)
    struct buf pem = BUF(65536);
    add_pem(&pem, w.leaf); /* a good certificate before it does not help */
    buf_add_str(&pem, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n"
                      "-----END RSA PRIVATE KEY-----\n");
    refuse(buf_blob(&pem), "private key");
    refuse(BLOB("\xfe\xed\xfe\xed\0\0\0\2", 8), "private key");
    end(&w);
}

static void test_certs_read_refuses_the_rest(void **state)
{
    (void)state;
    struct world w = world();
    OWN(buf_free)
    struct buf pem = BUF(65536), der = BUF(65536);
    refuse(BLOB("", 0), "empty");
    refuse(blob_str("no certificate at all"), "no certificate found");
    refuse(
        blob_str("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        "found CERTIFICATE REQUEST");
    add_pem(&pem, w.leaf);
    pem.n -= 40;
    refuse(buf_blob(&pem), "cut off");
    assert_int_equal(cert_der(w.leaf, &der, NULL), 0);
    refuse(BLOB(der.p, der.n - 3), "expected a certificate");
    OWN(own_mem)
    char *large = xcalloc(CERTS_MAX_BYTES + 1, 1);
    refuse(BLOB(large, CERTS_MAX_BYTES + 1), "at most");
    end(&w);
}

static void test_certs_read_has_a_limit(void **state)
{
    (void)state;
    struct world w = world();
    OWN(buf_free)
    struct buf pem = BUF(CERTS_MAX_BYTES);
    OWN(certs_free)
    struct certs c = {0};
    struct err e = {0};
    for (int i = 0; i < 400; i++)
        add_pem(&pem, w.ca);
    assert_int_equal(certs_read(buf_blob(&pem), &c, &e), 0);
    assert_int_equal(certs_read(buf_blob(&pem), &c, &e), 0);
    assert_int_equal(certs_read(buf_blob(&pem), &c, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(c.n, 800); /* nothing of the file that went beyond */
    end(&w);
}

static void test_chain_gather_follows_the_pool(void **state)
{
    (void)state;
    struct world w = world();
    X509 *stranger = pki_cert((struct pki_spec){.subject = "CN=Test CA", .key = w.key, .ca = true});
    X509 *pool[] = {stranger, w.ca};
    OWN(chain_free)
    struct chain both = {0};
    OWN(chain_free)
    struct chain alone = {0};
    chain_gather(w.leaf, pool, 2, &both);
    assert_int_equal(both.n, 2); /* the root ends it, and a namesake did not sign */
    assert_ptr_equal(both.v[1], w.ca);
    chain_gather(w.leaf, pool, 1, &alone);
    assert_int_equal(alone.n, 1);
    assert_true(cert_issued_by(w.leaf, w.ca) && !cert_issued_by(w.leaf, stranger));
    X509_free(stranger);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certs_read_every_form),
        cmocka_unit_test(test_certs_read_refuses_keys_in_every_form),
        cmocka_unit_test(test_certs_read_refuses_the_rest),
        cmocka_unit_test(test_certs_read_has_a_limit),
        cmocka_unit_test(test_chain_gather_follows_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
