/* Findings: each rule fires on its fault and on nothing else. */
#include "src/base/time.h"
#include "tests/unit/crypto/pki.h"

static EVP_PKEY *ca_key;
static X509 *ca;

static int set_up(void **state)
{
    (void)state;
    ca_key = pki_key("p-256");
    ca = pki_cert((struct pki_spec){
        .subject = "CN=Test CA", .key = ca_key, .ca = true, .to = PKI_NOW + 3650LL * PKI_DAY});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return 0;
}

static char *findings(struct pki_spec s, const char *alg)
{
    OWN(own_pkey)
    EVP_PKEY *key = pki_key(alg);
    OWN(strs_free)
    struct strs found = {0};
    s.key = key;
    s.subject = "CN=a.example";
    OWN(own_x509)
    X509 *cert = pki_cert(s);
    assert_int_equal(cert_findings(cert, PKI_NOW, &found, NULL), 0);
    return strs_join(&found, "|");
}

static void test_cert_findings_each_rule(void **state)
{
    (void)state;
    const struct {
        const char *alg;
        struct pki_spec spec;
        const char *want;
    } cases[] = {
        {"p-256", {.names = "a.example", .server = true}, ""},
        {"ed25519", {.names = "a.example", .server = true}, ""},
        {"rsa-2048", {.names = "a.example", .server = true}, ""},
        {"rsa-1024",
         {.names = "a.example", .server = true},
         "weak key: RSA 1024, at least 2048 needed"},
        {"secp256k1",
         {.names = "a.example", .server = true},
         "weak curve: secp256k1, P-256 or P-384 needed"},
        {"p-256",
         {.names = "a.example", .server = true, .md = EVP_sha1()},
         "weak signature: SHA1, SHA-256 or better needed"},
        {"p-256", {.server = true}, "no subject alternative name: browsers refuse it"},
        {"p-256",
         {.names = "a.example", .server = true, .client = true},
         "clientAuth in a TLS server certificate: public CAs no longer issue it"},
        {"p-256", {.names = "a.example", .client = true}, ""},
        {"p-256",
         {.names = "a.example", .server = true, .to = PKI_NOW - 3600},
         "expired on 2025-12-31"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pki_spec s = cases[i].spec;
        s.issuer = ca;
        s.issuer_key = ca_key;
        OWN(own_mem)
        char *got = findings(s, cases[i].alg);
        assert_string_equal(got, cases[i].want);
    }
}

static void test_cert_findings_self_signed(void **state)
{
    (void)state;
    OWN(own_mem)
    char *got = findings((struct pki_spec){.names = "a.example", .server = true}, "p-256");
    assert_string_equal(got, "self-signed: no client can check who issued it");
}

static void test_cert_findings_spare_a_root(void **state)
{
    (void)state;
    OWN(strs_free)
    struct strs found = {0};
    assert_int_equal(cert_findings(ca, PKI_NOW, &found, NULL), 0);
    assert_int_equal(found.n, 0);
}

static void test_cert_findings_validity_by_date_of_issue(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int days;
        bool fine;
    } cases[] = {
        {"2018-02-28", 1100, true}, {"2018-03-01", 825, true},  {"2018-03-01", 826, false},
        {"2020-08-31", 825, true},  {"2020-09-01", 398, true},  {"2020-09-01", 399, false},
        {"2026-03-14", 398, true},  {"2026-03-15", 200, true},  {"2026-03-15", 201, false},
        {"2027-03-15", 100, true},  {"2027-03-15", 101, false}, {"2029-03-14", 100, true},
        {"2029-03-15", 47, true},   {"2029-03-15", 48, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t from = 0;
        assert_int_equal(time_parse(cases[i].from, &from, NULL), 0);
        OWN(own_pkey)
        EVP_PKEY *key = pki_key("p-256");
        /* the last second counts, so a whole number of days ends one second earlier */
        OWN(own_x509)
        X509 *cert = pki_cert((struct pki_spec){.subject = "CN=a.example",
                                                .names = "a.example",
                                                .key = key,
                                                .issuer = ca,
                                                .issuer_key = ca_key,
                                                .server = true,
                                                .from = from,
                                                .to = from + cases[i].days * (int64_t)PKI_DAY - 1});
        OWN(strs_free)
        struct strs found = {0};
        assert_int_equal(cert_findings(cert, from, &found, NULL), 0);
        if ((found.n == 0) != cases[i].fine)
            fail_msg("%s for %d days", cases[i].from, cases[i].days);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_findings_each_rule),
        cmocka_unit_test(test_cert_findings_self_signed),
        cmocka_unit_test(test_cert_findings_spare_a_root),
        cmocka_unit_test(test_cert_findings_validity_by_date_of_issue),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
