/* The head of a request: what is taken, and everything that could be read in two ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/rescue/http.h"

static int parse(const char *text, struct http_head *out, struct err *e)
{
    return http_head_parse((const uint8_t *)text, strlen(text), out, e);
}

static void test_http_head_parse_takes_a_browsers_request(void **state)
{
    (void)state;
    struct http_head h;
    struct err e = {};

    assert_int_equal(
        parse("POST /bundle HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
              "content-length:  17 \r\nContent-Type: multipart/form-data; boundary=x\r\n"
              "Accept: text/html,application/xhtml+xml\r\n"
              "Origin: https://[2001:db8::1]:443\r\nUser-Agent: \xc3\xa4\r\n\r\n",
              &h, &e),
        0);
    assert_string_equal(h.method, "POST");
    assert_string_equal(h.path, "/bundle");
    assert_string_equal(h.host, "[2001:db8::1]:443");
    assert_string_equal(h.type, "multipart/form-data; boundary=x");
    assert_string_equal(h.origin, "https://[2001:db8::1]:443");
    assert_int_equal(h.length, 17);
    assert_true(h.html);
    assert_false(h.expects);
}

static void test_http_head_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%2e HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /../a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET //a HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a",
    };
    struct http_head h;

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct err e = {};
        if (parse(bad[i], &h, &e) == 0 || e.code != ERR_INPUT)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_http_head_parse_counts_fields(void **state)
{
    (void)state;
    char text[HTTP_HEAD_BYTES] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t n = strlen(text);
    struct http_head h;

    for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++, n += 6)
        memcpy(text + n, "x: y\r\n", 6);
    memcpy(text + n, "\r\n", 3);
    assert_int_equal(parse(text, &h, NULL), 0);
    memcpy(text + n, "x: y\r\n\r\n", 9);
    assert_int_equal(parse(text, &h, NULL), -1);
}

static void test_http_head_bytes_finds_the_empty_line(void **state)
{
    (void)state;
    const uint8_t *text = (const uint8_t *)"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";

    assert_int_equal(http_head_bytes(text, 31), 27);
    for (size_t n = 0; n < 27; n++)
        assert_int_equal(http_head_bytes(text, n), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_head_parse_takes_a_browsers_request),
        cmocka_unit_test(test_http_head_parse_refuses),
        cmocka_unit_test(test_http_head_parse_counts_fields),
        cmocka_unit_test(test_http_head_bytes_finds_the_empty_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
