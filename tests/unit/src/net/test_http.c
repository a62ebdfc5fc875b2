/* Headers of an answer, Retry-After, and failures in words. Transfers are tested end to end. */
#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/net/http.h"
#include "src/net/http_error.h"

static void test_http_header_is_found_whatever_its_case(void **state)
{
    (void)state;
    char *v[] = {"Content-Type: text/plain", "replay-nonce:\tabc", "Location:"};
    const struct http_response r = {.headers = {v, COUNT(v)}};

    assert_string_equal(http_header(&r, "Replay-Nonce"), "abc");
    assert_string_equal(http_header(&r, "content-type"), "text/plain");
    assert_string_equal(http_header(&r, "Location"), "");
    assert_null(http_header(&r, "Replay"));
}

static void test_http_retry_after(void **state)
{
    (void)state;
    static const struct {
        char *header;
        uint32_t want;
    } cases[] = {
        {"Retry-After: 120", 120},
        {"Retry-After: 1.5", 1},
        {"Retry-After: 99999999999", 3600},
        {"Retry-After: -1", 0},
        {"Retry-After: soon", 0},
        {"Retry-After:", 0},
        {"Retry-After: Thu, 01 Jan 2026 00:01:00 GMT", 60},
        {"Retry-After: Wed, 31 Dec 2025 00:00:00 GMT", 0},
        {"Retry-After: 999999999999999999999999", 0},
    };
    const int64_t now = 1767225600000; /* 2026-01-01 */

    clock_replace(&now);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *v[] = {cases[i].header};
        assert_int_equal(http_retry_after(&(struct http_response){.headers = {v, 1}}, 3600),
                         cases[i].want);
    }
    assert_int_equal(http_retry_after(&(struct http_response){0}, 3600), 0);
    clock_replace(NULL);
}

static void test_http_failed_says_what_and_where(void **state)
{
    (void)state;
    static const struct {
        struct http_failure f;
        enum err_code code;
        const char *text;
    } cases[] = {
        {{.code = CURLE_COULDNT_RESOLVE_HOST}, ERR_NETWORK, "DNS: ca.example:8443 has no address"},
        {{.code = CURLE_COULDNT_CONNECT}, ERR_NETWORK, "connect: ca.example:8443"},
        {{.code = CURLE_OPERATION_TIMEDOUT}, ERR_NETWORK, "did not take the connection"},
        {{.code = CURLE_OPERATION_TIMEDOUT, .connected = true},
         ERR_NETWORK,
         "did not answer completely"},
        {{.code = CURLE_PEER_FAILED_VERIFICATION, .verify = X509_V_ERR_CERT_HAS_EXPIRED},
         ERR_CRYPTO,
         "has expired"},
        {{.code = CURLE_PEER_FAILED_VERIFICATION, .verify = X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN},
         ERR_CRYPTO,
         "trusted anchor"},
        {{.code = CURLE_PEER_FAILED_VERIFICATION}, ERR_CRYPTO, "another name"},
        {{.code = CURLE_RECV_ERROR}, ERR_NETWORK, "cut the connection"},
        {{.code = CURLE_WRITE_ERROR, .too_large = true, .max_body = 9},
         ERR_REMOTE,
         "larger than 9 bytes"},
        {{.code = CURLE_SSL_CONNECT_ERROR}, ERR_NETWORK, "handshake"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_failure f = cases[i].f;
        struct err e = {0};
        f.url = "https://ca.example:8443/path?token=hidden";
        f.text = "";
        assert_int_equal(http_failed(&f, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.text, cases[i].text));
        assert_null(strstr(e.text, "hidden"));
    }
}

static void test_http_perform_takes_https_only(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct http *h = http_new(l);
    struct http_response r = {0};
    struct err e = {0};

    assert_int_equal(
        http_perform(h, &(struct http_request){.method = "GET", .url = "http://127.0.0.1/"}, &r,
                     &e),
        -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(
        http_perform(h, &(struct http_request){.method = "GET", .url = "https://127.0.0.1:1/"}, &r,
                     &e),
        -1);
    assert_int_equal(e.code, ERR_NETWORK);
    http_free(h);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_header_is_found_whatever_its_case),
        cmocka_unit_test(test_http_retry_after),
        cmocka_unit_test(test_http_failed_says_what_and_where),
        cmocka_unit_test(test_http_perform_takes_https_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
