/* ACME answers: what is taken, and every URL, token and status that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ca/acme_parse.h"

#define DIR_URL "https://ca.example/dir"
#define DIRECTORY                                                                                  \
    "{\"newNonce\":\"https://ca.example/n\",\"newAccount\":\"https://ca.example/a\","              \
    "\"newOrder\":\"https://api.ca.example:8443/o\",\"revokeCert\":\"https://ca.example/r\","      \
    "\"renewalInfo\":\"https://ca.example/i\",\"x\":{},"                                           \
    "\"meta\":{\"termsOfService\":\"https://ca.example/t\",\"externalAccountRequired\":true,"      \
    "\"profiles\":{\"short\":\"seven days\"}}}"

static void test_acme_directory_parse(void **state)
{
    (void)state;
    struct acme_directory d;

    assert_int_equal(acme_directory_parse(blob_str(DIRECTORY), DIR_URL, &d, NULL), 0);
    assert_string_equal(d.new_order, "https://api.ca.example:8443/o");
    assert_string_equal(d.terms, "https://ca.example/t");
    assert_true(d.eab_required && d.has_renewal_info);
    assert_true(strs_has(&d.profiles, "short"));
    assert_int_equal(d.hosts.n, 2);
    acme_directory_free(&d);
}

static void test_acme_directory_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"newNonce\":1}",
        "{\"newNonce\":\"http://ca.example/n\",\"newAccount\":\"https://ca.example/a\","
        "\"newOrder\":\"https://ca.example/o\",\"revokeCert\":\"https://ca.example/r\"}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct acme_directory d;
        struct err e = {0};
        assert_int_equal(acme_directory_parse(blob_str(bad[i]), DIR_URL, &d, &e), -1);
        assert_int_equal(e.code, ERR_REMOTE);
    }
}

static void test_acme_url_check(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"https://ca.example/x", true},
        {"https://ca.example", true},
        {"https://ca.example/x?y=1", true},
        {"http://ca.example/x", false},
        {"https://ca.example:444/x", false},
        {"https://evil.example/x", false},
        {"https://ca.example@evil.example/", false},
        {"https://ca.example.evil.example/", false},
        {"https:///x", false},
        {"https://evil.example/https://ca.example/", false},
        {"https://ca.example/a b", false},
        {"https://ca.example\\@evil.example/", false},
        {"https://ca.example/\r\nX: y", false},
        {"", false},
    };
    char *host[] = {"ca.example"};
    const struct strs hosts = {host, 1};

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(acme_url_check(cases[i].url, &hosts, "order", NULL),
                         cases[i].good ? 0 : -1);
}

static void test_acme_order_parse(void **state)
{
    (void)state;
    char *host[] = {"ca.example"};
    const struct strs hosts = {host, 1};
    struct acme_order o;
    struct err e = {0};

    assert_int_equal(
        acme_order_parse(
            blob_str("{\"status\":\"valid\",\"authorizations\":[\"https://ca.example/z\"],"
                     "\"finalize\":\"https://ca.example/f\","
                     "\"certificate\":\"https://ca.example/c\"}"),
            &hosts, &o, &e),
        0);
    assert_int_equal(o.status, ACME_VALID);
    assert_string_equal(o.certificate, "https://ca.example/c");
    assert_int_equal(o.authorizations.n, 1);
    acme_order_free(&o);
    assert_int_equal(acme_order_parse(blob_str("{\"status\":\"done\",\"authorizations\":[],"
                                               "\"finalize\":\"https://ca.example/f\"}"),
                                      &hosts, &o, &e),
                     -1);
    assert_non_null(strstr(e.text, "done"));
    assert_int_equal(acme_order_parse(blob_str("{\"status\":\"ready\",\"authorizations\":[7],"
                                               "\"finalize\":\"https://ca.example/f\"}"),
                                      &hosts, &o, &e),
                     -1);
}

#define AUTHZ(token)                                                                               \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"              \
    "\"challenges\":["                                                                             \
    "{\"type\":\"dns-01\",\"url\":\"x\",\"token\":\"../..\",\"status\":\"pending\"},"              \
    "{\"type\":\"http-01\",\"url\":\"https://ca.example/"                                          \
    "h\",\"status\":\"invalid\",\"token\":\"" token "\","                                          \
    "\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"no route\"}}]}"

static void test_acme_authz_parse(void **state)
{
    (void)state;
    static const char *const bad[] = {AUTHZ("short"), AUTHZ("../../../../../../etc/passwd"),
                                      AUTHZ("aaaaaaaaaaaaaaaaaaaaaaaa/b"),
                                      AUTHZ("aaaaaaaaaaaaaaaaaaaaaaaaaaa=")};
    char *host[] = {"ca.example"};
    const struct strs hosts = {host, 1};
    struct acme_authz z;

    assert_int_equal(
        acme_authz_parse(blob_str(AUTHZ("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowy_jxAjEuX")), &hosts, &z,
                         NULL),
        0);
    assert_true(z.has_http01);
    assert_string_equal(z.name, "a.test");
    assert_int_equal(z.challenge, ACME_INVALID);
    assert_string_equal(z.error, "connection: no route");
    acme_authz_free(&z);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(acme_authz_parse(blob_str(bad[i]), &hosts, &z, NULL), -1);
}

static void test_acme_problem_parse_keeps_subproblems(void **state)
{
    (void)state;
    struct acme_problem p;

    acme_problem_parse(
        blob_str("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"two\\nnames\","
                 "\"subproblems\":[{\"type\":\"x\",\"detail\":\"no dot\","
                 "\"identifier\":{\"type\":\"dns\",\"value\":\"_x\"}}]}"),
        &p);
    assert_string_equal(p.type, "malformed");
    assert_string_equal(p.text, "malformed: two names; _x: no dot");
    acme_problem_parse(blob_str("<html>"), &p);
    assert_string_equal(p.type, "");
    assert_string_equal(p.text, "");
}

static void test_acme_refused_says_whose_move_it_is(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *type;
        enum err_code code;
    } cases[] = {
        {400, "badCSR", ERR_INPUT},
        {403, "unauthorized", ERR_AUTH},
        {401, "", ERR_AUTH},
        {403, "", ERR_AUTH},
        {404, "", ERR_NOT_FOUND},
        {409, "alreadyReplaced", ERR_CONFLICT},
        {429, "", ERR_LIMIT},
        {429, "rateLimited", ERR_LIMIT},
        {403, "rateLimited", ERR_LIMIT},
        {500, "serverInternal", ERR_NETWORK},
        {503, "", ERR_NETWORK},
        {400, "somethingNew", ERR_REMOTE},
        {400, "rejectedIdentifier", ERR_INPUT},
        {403, "externalAccountRequired", ERR_AUTH},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct acme_problem p = {.text = "why"};
        struct err e = {0};
        assert_int_equal(str_copy(p.type, sizeof(p.type), cases[i].type, NULL), 0);
        assert_int_equal(acme_refused(cases[i].status, &p, 90, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.text, "why; try again after 90 s"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acme_directory_parse),
        cmocka_unit_test(test_acme_directory_parse_refuses),
        cmocka_unit_test(test_acme_url_check),
        cmocka_unit_test(test_acme_order_parse),
        cmocka_unit_test(test_acme_authz_parse),
        cmocka_unit_test(test_acme_problem_parse_keeps_subproblems),
        cmocka_unit_test(test_acme_refused_says_whose_move_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
