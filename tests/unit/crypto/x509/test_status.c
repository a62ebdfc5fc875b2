/* What a list says of a certificate, and which lists say nothing. */
#include "crypto/x509/status.h"
#include "tests/unit/crypto/pki.h"

static struct {
    EVP_PKEY *key, *other;
    X509 *root, *leaf;
} fx;

static X509 *leaf_with(const char *points)
{
    X509 *x = pki_cert((struct pki_spec){.subject = "CN=www.example",
                                         .names = "www.example",
                                         .key = fx.other,
                                         .issuer = fx.root,
                                         .issuer_key = fx.key,
                                         .server = true});
    if (points) {
        pki_set_ext(x, "crlDistributionPoints", points);
        assert_true(X509_sign(x, fx.key, EVP_sha256()) > 0);
    }
    return x;
}

static int set_up(void **state)
{
    (void)state;
    fx.key = pki_key("p-256");
    fx.other = pki_key("p-256");
    fx.root = pki_cert((struct pki_spec){.subject = "CN=Root", .key = fx.key, .ca = true});
    fx.leaf = leaf_with(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(fx.root);
    X509_free(fx.leaf);
    EVP_PKEY_free(fx.key);
    EVP_PKEY_free(fx.other);
    return 0;
}

struct wanted {
    const char *issuer;
    EVP_PKEY *signer;
    int64_t from, to;
    bool revokes;
    const char *scope; /* issuingDistributionPoint */
};

static X509_CRL *make(struct wanted w)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = NULL;
    ASN1_TIME *t = ASN1_TIME_new();
    assert_int_equal(name_parse(w.issuer, &name, NULL), 0);
    assert_int_equal(X509_CRL_set_version(crl, 1), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
    X509_NAME_free(name);
    ASN1_TIME_set(t, (time_t)w.from);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
    ASN1_TIME_set(t, (time_t)w.to);
    assert_int_equal(X509_CRL_set1_nextUpdate(crl, t), 1);
    if (w.revokes) {
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_TIME_set(t, PKI_NOW - 500);
        assert_int_equal(X509_REVOKED_set_revocationDate(r, t), 1);
        assert_int_equal(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(fx.leaf)), 1);
        assert_int_equal(X509_CRL_add0_revoked(crl, r), 1);
    }
    if (w.scope) {
        X509_EXTENSION *x = X509V3_EXT_nconf(NULL, NULL, "issuingDistributionPoint", w.scope);
        assert_non_null(x);
        assert_int_equal(X509_CRL_add_ext(crl, x, -1), 1);
        X509_EXTENSION_free(x);
    }
    ASN1_TIME_free(t);
    assert_true(X509_CRL_sign(crl, w.signer, EVP_sha256()) > 0);
    unsigned char *der = NULL; /* as it comes from outside: its caches are made when it is read */
    OWN(buf_free)
    struct buf bytes = BUF(65536);
    int n = i2d_X509_CRL(crl, &der);
    assert_int_equal(buf_take_der(&bytes, der, n, "crl", NULL), 0);
    X509_CRL_free(crl);
    assert_int_equal(crl_read(buf_blob(&bytes), &crl, NULL), 0);
    return crl;
}

static void test_crl_says(void **state)
{
    (void)state;
    const int64_t from = PKI_NOW - 1000, to = PKI_NOW + 1000;
    const struct {
        const char *what;
        struct wanted list;
        int want;
        const char *why;
    } rows[] = {
        {"not on it", {"CN=Root", fx.key, from, to, false, NULL}, 0, ""},
        {"on it", {"CN=Root", fx.key, from, to, true, NULL}, 1, ""},
        {"another key", {"CN=Root", fx.other, from, to, false, NULL}, -1, "signature"},
        {"another issuer", {"CN=Other", fx.key, from, to, false, NULL}, -1, "unable to get"},
        {"late", {"CN=Root", fx.key, from, PKI_NOW - 1, false, NULL}, -1, "expired"},
        {"early", {"CN=Root", fx.key, PKI_NOW + 500, to, false, NULL}, -1, "not yet valid"},
        {"of CAs only", {"CN=Root", fx.key, from, to, false, "critical,onlyCA:TRUE"}, -1, "scope"},
        {"of others", {"CN=Root", fx.key, from, to, true, "critical,indirectCRL:TRUE"}, -1, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_x509_crl)
        X509_CRL *crl = make(rows[i].list);
        struct err e = {0};
        int64_t since = 0, a = 0, b = 0;
        int got = crl_says(fx.leaf, fx.root, crl, PKI_NOW, &since, &e);
        if (got != rows[i].want || !strstr(e.text, rows[i].why))
            fail_msg("%s: %d, %s", rows[i].what, got, e.text);
        assert_int_equal(since, rows[i].want == 1 ? PKI_NOW - 500 : 0);
        assert_int_equal(crl_dates(crl, &a, &b, &e), 0);
        assert_int_equal(a, rows[i].list.from);
        assert_int_equal(b, rows[i].list.to);
    }
}

static void test_crl_read_refuses(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf der = BUF(65536);
    OWN(own_x509_crl)
    X509_CRL *crl = NULL;
    struct err e = {0};
    assert_int_equal(cert_der(fx.root, &der, NULL), 0);
    assert_int_equal(crl_read(BLOB(NULL, 0), &crl, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(crl_read(buf_blob(&der), &crl, &e), -1); /* a certificate */
    assert_int_equal(crl_read(blob_str("no list"), &crl, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    OWN(own_x509_crl)
    X509_CRL *good = make((struct wanted){"CN=Root", fx.key, PKI_NOW, PKI_NOW + 1, false, NULL});
    unsigned char *p = NULL;
    int n = i2d_X509_CRL(good, &p);
    buf_clear(&der);
    assert_int_equal(buf_take_der(&der, p, n, "crl", NULL), 0);
    buf_addc(&der, 'x');
    assert_int_equal(crl_read(buf_blob(&der), &crl, &e), -1);
    assert_non_null(strstr(e.text, "bytes follow"));
    assert_null(crl);
}

static void test_cert_crl_url_takes_the_first_web_address(void **state)
{
    (void)state;
    static const struct {
        const char *points, *want;
    } rows[] = {
        {NULL, NULL},
        {"URI:http://a.example/x.crl", "http://a.example/x.crl"},
        {"URI:ldap://a.example/cn=x,URI:https://b.example/y.crl", "https://b.example/y.crl"},
        {"URI:ldap://a.example/cn=x", NULL},
        {"URI:file:///etc/passwd", NULL},
        {"URI:http://a.example/x y", "http://a.example/x y"}, /* libcurl refuses it */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_x509)
        X509 *x = leaf_with(rows[i].points);
        OWN(own_mem)
        char *url = cert_crl_url(x);
        if (rows[i].want ? !url || strcmp(url, rows[i].want) != 0 : url != NULL)
            fail_msg("%s: %s", rows[i].points, url ? url : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crl_says),
        cmocka_unit_test(test_crl_read_refuses),
        cmocka_unit_test(test_cert_crl_url_takes_the_first_web_address),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
