/* Every caller asks for every purpose with bytes of every shape: only the rows of the table pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/x509/issue.h"
#include "src/key/purpose.h"
#include "tests/unit/src/key/tbs.h"

enum shape {
    TLS_SERVER,
    TLS_CLIENT,
    TLS12_CLIENT,
    CSR,
    ROOT,
    LEAF,
    CRL,
    JWS,
    AUDIT,
    RAW,
    EMPTY,
    SHAPES
};

static EVP_PKEY *ours, *theirs;
static struct buf spki;
static struct buf shapes[SHAPES];
static struct envelope env;

static const struct {
    uint32_t purpose;
    enum process caller;
    unsigned shapes;
} allowed[] = {
    {PURPOSE_TLS_SERVER, PROC_WEB, 1 << TLS_SERVER},
    {PURPOSE_CSR, PROC_CA, 1 << CSR},
    {PURPOSE_CERT, PROC_CA, 1 << ROOT | 1 << LEAF},
    {PURPOSE_CRL, PROC_CA, 1 << CRL},
    {PURPOSE_JWS, PROC_CA, 1 << JWS},
    {PURPOSE_AUDIT, PROC_CORE, 1 << AUDIT},
    {PURPOSE_TLS_CLIENT, PROC_CA, 1 << TLS_CLIENT | 1 << TLS12_CLIENT},
};

static bool may(enum process caller, uint32_t purpose, unsigned shape)
{
    for (size_t i = 0; i < COUNT(allowed); i++) {
        if (allowed[i].purpose == purpose && allowed[i].caller == caller)
            return allowed[i].shapes & (1u << shape);
    }
    return false;
}

static bool passes(enum process caller, uint32_t purpose, const struct buf *tbs, struct err *e)
{
    *e = (struct err){0};
    return purpose_check(caller, purpose, SIGN_ECDSA_SHA256, &env, buf_blob(tbs), e) == 0;
}

static void test_purpose_check_whole_matrix(void **state)
{
    (void)state;
    size_t passed = 0;
    for (enum process caller = 0; caller < PROC_COUNT; caller++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            for (unsigned shape = 0; shape < SHAPES; shape++) {
                struct err e;
                bool ok = passes(caller, 1u << bit, &shapes[shape], &e);
                if (ok != may(caller, 1u << bit, shape))
                    fail_msg("%s, purpose bit %u, shape %u: %s", process_name(caller), bit, shape,
                             ok ? "allowed" : e.text);
                passed += ok;
            }
        }
    }
    assert_int_equal(passed, 9);
}

static void test_purpose_check_needs_the_keys_own_purpose(void **state)
{
    (void)state;
    struct err e;
    for (size_t i = 0; i < COUNT(allowed); i++) {
        env.purposes = PURPOSES_ALL & ~allowed[i].purpose;
        for (unsigned shape = 0; shape < SHAPES; shape++)
            assert_false(passes(allowed[i].caller, allowed[i].purpose, &shapes[shape], &e));
        env.purposes = PURPOSES_ALL;
    }
    assert_false(passes(PROC_CA, PURPOSE_CSR | PURPOSE_CERT, &shapes[CSR], &e));
    assert_false(passes(PROC_CA, 0, &shapes[CSR], &e));
}

static void test_purpose_check_refuses_scheme_of_another_algorithm(void **state)
{
    (void)state;
    struct blob tbs = buf_blob(&shapes[TLS_SERVER]);
    struct envelope rsa = env;
    rsa.alg = KEY_RSA_2048;
    const struct {
        const struct envelope *env;
        enum sign_scheme scheme;
        int rc;
    } cases[] = {
        {&env, SIGN_ECDSA_SHA256, 0},
        {&env, SIGN_RSA_PSS_SHA256, -1},
        {&rsa, SIGN_RSA_PSS_SHA256, 0},
        {&rsa, SIGN_RSA_PKCS1_SHA256, -1}, /* not in TLS 1.3 (RFC 8446, 4.2.3) */
        {&rsa, SIGN_ECDSA_SHA256, -1},
        {&rsa, 99, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            purpose_check(PROC_WEB, PURPOSE_TLS_SERVER, cases[i].scheme, cases[i].env, tbs, NULL),
            cases[i].rc);
}

static void test_shapes_refuse_cuts_and_tails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(allowed); i++) {
        for (unsigned shape = 0; shape < JWS; shape++) {
            if (!(allowed[i].shapes & (1u << shape)))
                continue;
            struct err e;
            struct buf *tbs = &shapes[shape];
            size_t n = tbs->n;
            for (tbs->n = 0; tbs->n < n; tbs->n++)
                assert_false(passes(allowed[i].caller, allowed[i].purpose, tbs, &e));
            buf_addc(tbs, 0);
            assert_false(passes(allowed[i].caller, allowed[i].purpose, tbs, &e));
            tbs->n = n;
        }
    }
}

static void test_shape_cert_refuses_what_would_make_a_ca(void **state)
{
    (void)state;
    const char *ca = "Certkeep CA";
    const struct tbs_cert bad[] = {
        {theirs, ours, "Evil CA", ca, "critical,CA:TRUE", "keyCertSign", ours, 0},
        {theirs, ours, "Evil CA", ca, NULL, "keyCertSign", ours, 0},
        {theirs, ours, "Evil CA", ca, "CA:FALSE", "cRLSign,digitalSignature", ours, 0},
        {theirs, ours, ca, ca, "critical,CA:TRUE", "keyCertSign", NULL, 0},   /* not our key */
        {theirs, ours, "www", ca, "CA:FALSE", "digitalSignature", theirs, 0}, /* not our AKI */
        {theirs, ours, "www", ca, NULL, NULL, NULL, X509_VERSION_2},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct err e;
        OWN(buf_free)
        struct buf tbs = BUF(8192);
        tbs_certificate(&bad[i], &tbs);
        if (passes(PROC_CA, PURPOSE_CERT, &tbs, &e))
            fail_msg("case %zu was allowed", i);
        assert_int_equal(e.code, ERR_DENIED);
    }
    /* Another algorithm inside than the one asked for. */
    assert_int_equal(purpose_check(PROC_CA, PURPOSE_CERT, SIGN_ECDSA_SHA384, &env,
                                   buf_blob(&shapes[LEAF]), NULL),
                     -1);
}

static void test_shape_csr_and_crl_refuse_strangers(void **state)
{
    (void)state;
    struct err e;
    OWN(buf_free)
    struct buf csr = BUF(8192);
    OWN(buf_free)
    struct buf endless = BUF(8192);
    OWN(buf_free)
    struct buf foreign = BUF(8192);
    tbs_csr(theirs, theirs, &csr);
    tbs_crl(ours, false, ours, &endless);
    tbs_crl(ours, true, theirs, &foreign);
    assert_false(passes(PROC_CA, PURPOSE_CSR, &csr, &e));
    assert_non_null(strstr(e.text, "another key"));
    assert_false(passes(PROC_CA, PURPOSE_CRL, &endless, &e));
    assert_false(passes(PROC_CA, PURPOSE_CRL, &foreign, &e));
}

/* What the local CA really writes must pass: the two sides are written apart. */
static void test_shapes_accept_what_the_local_ca_issues(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(strs_free)
    struct strs names = {0};
    OWN(own_x509)
    X509 *root = NULL;
    struct buf der[3] = {BUF(65536), BUF(65536), BUF(65536)};
    const struct blob serial = BLOB("\1abcdefghijklmno", 16);
    const struct root_template r = {
        .serial = serial, .subject = "CN=Certkeep CA", .not_before = 1, .not_after = 86400};
    strs_add(&names, "www.example.com");
    if (issue_root(&r, ours, NULL, &der[0], &e) < 0 || cert_parse(buf_blob(&der[0]), &root, &e) < 0)
        fail_msg("%s", e.text);
    const struct issue_template leaf = {.serial = serial,
                                        .subject = "CN=www.example.com",
                                        .names = &names,
                                        .spki = buf_blob(&spki),
                                        .not_before = 1,
                                        .not_after = 3600};
    if (issue_tls(&leaf, root, ours, NULL, &der[1], &e) < 0 ||
        issue_crl(NULL, 0, 1, 1, 3600, root, ours, NULL, &der[2], &e) < 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < COUNT(der); i++) {
        OWN(buf_free)
        struct buf tbs = BUF(65536);
        tbs_of(OPENSSL_memdup(der[i].p, der[i].n), (int)der[i].n, &tbs);
        if (!passes(PROC_CA, i == 2 ? PURPOSE_CRL : PURPOSE_CERT, &tbs, &e))
            fail_msg("%zu: %s", i, e.text);
        buf_free(&der[i]);
    }
}

static void test_shape_texts(void **state)
{
    (void)state;
    static const struct {
        uint32_t purpose;
        enum process caller;
        const char *text;
        int rc;
    } cases[] = {
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ.eyJiIjoyfQ", 0},
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ.", 0}, /* POST-as-GET (RFC 8555, 6.3) */
        {PURPOSE_JWS, PROC_CA, ".eyJiIjoyfQ", -1},
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ", -1},
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ.a.b", -1},
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ.a b", -1},
        {PURPOSE_JWS, PROC_CA, "eyJhIjoxfQ.a+b", -1},
        {PURPOSE_JWS, PROC_CA, "WzFd.YQ", -1}, /* the header is an array */
        {PURPOSE_AUDIT, PROC_CORE, "certkeep audit head v1\nx", 0},
        {PURPOSE_AUDIT, PROC_CORE, "certkeep audit head v1\n", -1},
        {PURPOSE_AUDIT, PROC_CORE, "certkeep audit head v2\nx", -1},
        {PURPOSE_AUDIT, PROC_CORE, " certkeep audit head v1\nx", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int rc = purpose_check(cases[i].caller, cases[i].purpose, SIGN_ECDSA_SHA256, &env,
                               blob_str(cases[i].text), NULL);
        if (rc != cases[i].rc)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
}

static void test_shape_tls13_lengths_and_contexts(void **state)
{
    (void)state;
    static const struct {
        const char *context;
        size_t hash_n;
        bool server, client;
    } cases[] = {
        {"TLS 1.3, server CertificateVerify", 32, true, false},
        {"TLS 1.3, server CertificateVerify", 48, true, false},
        {"TLS 1.3, server CertificateVerify", 47, false, false},
        {"TLS 1.3, server CertificateVerify", 64, false, false},
        {"TLS 1.3, client CertificateVerify", 48, false, true},
        {"TLS 1.3, Server CertificateVerify", 32, false, false},
        {"TLS 1.3, server CertificateVerifx", 32, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e;
        OWN(buf_free)
        struct buf tbs = BUF(512);
        tbs_tls13(cases[i].context, cases[i].hash_n, &tbs);
        assert_int_equal(passes(PROC_WEB, PURPOSE_TLS_SERVER, &tbs, &e), cases[i].server);
        assert_int_equal(passes(PROC_CA, PURPOSE_TLS_CLIENT, &tbs, &e), cases[i].client);
        tbs.p[5] = 'x';
        assert_false(passes(PROC_WEB, PURPOSE_TLS_SERVER, &tbs, &e));
    }
}

static void test_shape_tls12_client_order(void **state)
{
    (void)state;
    static const struct {
        uint8_t types[12];
        size_t n;
        bool ok;
    } cases[] = {
        {{1, 2, 11, 12, 13, 14, 11, 16}, 8, true},
        {{1, 2, 11, 22, 12, 13, 14, 11, 16}, 9, true},
        {{2, 1, 11, 12, 13, 14, 11, 16}, 8, false},
        {{1, 2, 11, 12, 14, 11, 16}, 7, false},         /* nobody asked for a certificate */
        {{1, 2, 11, 12, 13, 14, 11}, 7, false},         /* not yet */
        {{1, 2, 11, 12, 13, 14, 11, 16, 20}, 9, false}, /* too late */
        {{1, 2, 1, 12, 13, 14, 11, 16}, 8, false},
        {{1, 2, 11, 11, 11, 11, 11, 12, 13, 14, 11, 16}, 12, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e;
        OWN(buf_free)
        struct buf tbs = BUF(512);
        tbs_tls12(cases[i].types, cases[i].n, &tbs);
        if (passes(PROC_CA, PURPOSE_TLS_CLIENT, &tbs, &e) != cases[i].ok)
            fail_msg("case %zu", i);
    }
}

static int setup(void **state)
{
    (void)state;
    static const uint8_t handshake[] = {1, 2, 11, 12, 13, 14, 11, 16};
    uint8_t *der = NULL;
    ours = EVP_EC_gen("P-256");
    theirs = EVP_EC_gen("P-256");
    for (size_t i = 0; i < SHAPES; i++)
        shapes[i] = BUF(8192);
    spki = BUF(1024);
    int n = i2d_PUBKEY(ours, &der);
    buf_add(&spki, der, (size_t)n);
    OPENSSL_free(der);
    env = (struct envelope){.kind = ENVELOPE_WRAPPED,
                            .alg = KEY_P256,
                            .policy = KEY_POLICY_SEALED,
                            .purposes = PURPOSES_ALL,
                            .label = "x",
                            .spki = buf_blob(&spki)};
    const struct tbs_cert root = {
        ours, ours, "Certkeep CA", "Certkeep CA", "critical,CA:TRUE", "keyCertSign,cRLSign",
        ours, 0};
    const struct tbs_cert leaf = {
        theirs, ours, "www", "Certkeep CA", "CA:FALSE", "digitalSignature", ours, 0};
    tbs_tls13("TLS 1.3, server CertificateVerify", 32, &shapes[TLS_SERVER]);
    tbs_tls13("TLS 1.3, client CertificateVerify", 32, &shapes[TLS_CLIENT]);
    tbs_tls12(handshake, sizeof handshake, &shapes[TLS12_CLIENT]);
    tbs_csr(ours, ours, &shapes[CSR]);
    tbs_certificate(&root, &shapes[ROOT]);
    tbs_certificate(&leaf, &shapes[LEAF]);
    tbs_crl(ours, true, ours, &shapes[CRL]);
    buf_add_str(&shapes[JWS], "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ");
    buf_add_str(&shapes[AUDIT], "certkeep audit head v1\nseq=1 hash=00\n");
    buf_add_str(&shapes[RAW], "0123456789abcdef0123456789abcdef");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        buf_free(&shapes[i]);
    buf_free(&spki);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_purpose_check_whole_matrix),
        cmocka_unit_test(test_purpose_check_needs_the_keys_own_purpose),
        cmocka_unit_test(test_purpose_check_refuses_scheme_of_another_algorithm),
        cmocka_unit_test(test_shapes_refuse_cuts_and_tails),
        cmocka_unit_test(test_shape_cert_refuses_what_would_make_a_ca),
        cmocka_unit_test(test_shape_csr_and_crl_refuse_strangers),
        cmocka_unit_test(test_shapes_accept_what_the_local_ca_issues),
        cmocka_unit_test(test_shape_texts),
        cmocka_unit_test(test_shape_tls13_lengths_and_contexts),
        cmocka_unit_test(test_shape_tls12_client_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
