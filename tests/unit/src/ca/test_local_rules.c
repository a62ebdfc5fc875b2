/* What the local CA issues and revokes, without keys: names, ends, the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/ossl.h"
#include "src/base/own.h"
#include "src/ca/local_rules.h"

#define DAY 86400

static void test_local_rules_names(void **state)
{
    (void)state;
    static const struct {
        const char *permitted, *name;
        bool good;
    } cases[] = {
        {"", "any.example", true},
        {"", "IP:10.0.0.1", true},
        {"corp.example", "corp.example", true},
        {"corp.example", "a.b.CORP.example", true},
        {"corp.example", "*.corp.example", true},
        {".corp.example", "a.corp.example", true},
        {".corp.example", "corp.example", false},
        {"corp.example", "evilcorp.example", false},
        {"corp.example", "corp.example.evil.example", false},
        {"corp.example", "IP:10.0.0.1", false},
        {"corp.example", "10.0.0.1", false},
        {"corp.example", "email:a@corp.example", false},
        {"corp.example", "URI:https://corp.example", false},
        {"other.example corp.example", "a.corp.example", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct csr_info request = {0};
        struct strs permitted = {0};
        struct err e = {0};
        strs_add(&request.names, cases[i].name);
        strs_split(&permitted, cases[i].permitted, " ");
        assert_int_equal(local_rules_names(&request, &permitted, &e), cases[i].good ? 0 : -1);
        assert_int_equal(e.code, cases[i].good ? ERR_NONE : ERR_INPUT);
        strs_free(&request.names);
        strs_free(&permitted);
    }
    assert_int_equal(local_rules_names(&(struct csr_info){0}, &(struct strs){0}, NULL), -1);
}

static X509 *cert(int64_t not_after, uint64_t serial)
{
    X509 *x = X509_new();
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), not_after));
    assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial), 1);
    return x;
}

static void test_local_rules_end(void **state)
{
    (void)state;
    const int64_t now = 1767225600;
    static const struct {
        uint32_t days;
        int64_t max_days, root_days, want_days;
    } cases[] = {{47, 90, 3650, 47}, {825, 90, 3650, 90}, {0, 90, 3650, 90}, {47, 90, 10, 10}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_x509)
        X509 *root = cert(now + cases[i].root_days * DAY, 1);
        int64_t end = 0;
        assert_int_equal(local_rules_end(cases[i].days, cases[i].max_days, now, root, &end, NULL),
                         0);
        assert_int_equal(end, now + cases[i].want_days * DAY);
    }
    OWN(own_x509)
    X509 *expired = cert(now - 1, 1);
    int64_t end = 7;
    struct err e = {0};
    assert_int_equal(local_rules_end(47, 90, now, expired, &end, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(end, 7);
}

static void test_local_rules_revoke_once_and_until_expiry(void **state)
{
    (void)state;
    struct local_ca ca = {0};
    OWN(own_x509)
    X509 *a = cert(1000, 7);
    OWN(own_x509)
    X509 *b = cert(2000, 8);
    bool added = false;

    assert_int_equal(local_rules_revoke(&ca, a, 4, 500, &added, NULL), 0);
    assert_true(added);
    assert_int_equal(local_rules_revoke(&ca, a, 1, 600, &added, NULL), 0);
    assert_false(added);
    assert_int_equal(ca.revoked[0].revoked_at, 500);
    assert_int_equal(local_rules_revoke(&ca, b, 6, 600, &added, NULL), -1); /* no holds */
    assert_int_equal(local_rules_revoke(&ca, b, 11, 600, &added, NULL), -1);
    assert_int_equal(local_rules_revoke(&ca, b, 1, 600, &added, NULL), 0);
    assert_int_equal(ca.n, 2);
    local_rules_prune(&ca, 1500);
    assert_int_equal(ca.n, 1);
    assert_int_equal(ca.revoked[0].serial[0], 8);
    local_ca_free(&ca);
}

static void test_local_rules_revoke_when_full(void **state)
{
    (void)state;
    struct local_ca ca = {.n = LOCAL_REVOKED_MAX,
                          .revoked = xcalloc(LOCAL_REVOKED_MAX, sizeof(struct local_revoked))};
    OWN(own_x509)
    X509 *x = cert(5000, 9);
    bool added = false;
    struct err e = {0};

    for (size_t i = 0; i < ca.n; i++)
        ca.revoked[i].not_after = 3000;
    assert_int_equal(local_rules_revoke(&ca, x, 1, 2000, &added, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(local_rules_revoke(&ca, x, 1, 4000, &added, &e),
                     0); /* the expired ones made room */
    assert_int_equal(ca.n, 1);
    local_ca_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_rules_names),
        cmocka_unit_test(test_local_rules_end),
        cmocka_unit_test(test_local_rules_revoke_once_and_until_expiry),
        cmocka_unit_test(test_local_rules_revoke_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
