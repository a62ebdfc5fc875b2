/* The gate: what it takes, what it refuses, and with which status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/web/request.h"

#define H "Host: a\r\n"
#define LINE "GET /x HTTP/1.1\r\n"
#define POST "POST /x HTTP/1.1\r\n" H
#define JSON "Content-Type: application/json\r\n"
#define E "\r\n"

/* status 0: taken */
static const struct {
    const char *head;
    int status;
} heads[] = {
    {LINE H E, 0},
    {"HEAD / HTTP/1.1\r\n" H E, 0},
    {"DELETE /api/v1/x HTTP/1.1\r\n" H E, 0},
    {"PATCH /api/v1/x HTTP/1.1\r\n" H JSON "Content-Length: 2\r\n" E, 0},
    {POST JSON "Transfer-Encoding: chunked\r\n" E, 0},
    {POST JSON "Transfer-Encoding: CHUNKED\r\n" E, 0},
    {POST "Content-Type: application/json; charset=utf-8\r\nContent-Length: 1\r\n" E, 0},
    {POST "Content-Length: 0\r\n" E, 0},
    {POST JSON "Content-Length: 1048576\r\n" E, 0},
    {LINE H "X-Any:\tvalue \t\r\n" E, 0},
    {LINE H "X-Empty:\r\n" E, 0},
    {LINE H "Connection: keep-alive\r\n" E, 0},
    {LINE H "X-Many: 1\r\nX-Many: 2\r\n" E, 0},
    {LINE H "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n" E, 0},
    {"POST /x HTTP/1.1\r\n" H "Sec-Fetch-Site: same-origin\r\nOrigin: https://a\r\n" E, 0},
    {"GET /x?filter=a%3Ab&q=%C3%A9 HTTP/1.1\r\n" H E, 0},
    {"GET /~a/b-c_d.e HTTP/1.1\r\n" H E, 0},
    /* lines */
    {LINE "Host: a\n\r\n", 400},
    {"GET /x HTTP/1.1\nHost: a\r\n" E, 400},
    {LINE "Host: a\rb\r\n" E, 400},
    {"\r\n" LINE H E, 400},
    {E, 400},
    {LINE, 400},
    {LINE H, 400},
    {LINE H E "x", 400},
    {LINE H E E, 400},
    /* request line */
    {"GET /x\r\n" H E, 400},
    {"GET  /x HTTP/1.1\r\n" H E, 505},
    {"GET /x HTTP/1.1 \r\n" H E, 505},
    {"GET /x HTTP/1.0\r\n" H E, 505},
    {"GET /x HTTP/2.0\r\n" H E, 505},
    {"GET /x http/1.1\r\n" H E, 505},
    {"get /x HTTP/1.1\r\n" H E, 405},
    {"PUT /x HTTP/1.1\r\n" H E, 405},
    {"CONNECT a:443 HTTP/1.1\r\n" H E, 405},
    {"OPTIONS * HTTP/1.1\r\n" H E, 405},
    {"G(T /x HTTP/1.1\r\n" H E, 400},
    /* path */
    {"GET x HTTP/1.1\r\n" H E, 400},
    {"GET http://a/x HTTP/1.1\r\n" H E, 400},
    {"GET //x HTTP/1.1\r\n" H E, 400},
    {"GET /a/../b HTTP/1.1\r\n" H E, 400},
    {"GET /a/./b HTTP/1.1\r\n" H E, 400},
    {"GET /.git HTTP/1.1\r\n" H E, 400},
    {"GET /%2e%2e/b HTTP/1.1\r\n" H E, 400},
    {"GET /a%2fb HTTP/1.1\r\n" H E, 400},
    {"GET /a%00 HTTP/1.1\r\n" H E, 400},
    {"GET /a\\b HTTP/1.1\r\n" H E, 400},
    {"GET /a;b HTTP/1.1\r\n" H E, 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H E, 400},
    /* query */
    {"GET /x?a=%0 HTTP/1.1\r\n" H E, 400},
    {"GET /x?a=%zz HTTP/1.1\r\n" H E, 400},
    {"GET /x?a=%00 HTTP/1.1\r\n" H E, 400},
    {"GET /x?a=%0a HTTP/1.1\r\n" H E, 400},
    {"GET /x?a=%ff HTTP/1.1\r\n" H E, 400},
    {"GET /x?a#b HTTP/1.1\r\n" H E, 400},
    {"GET /x?\x7f HTTP/1.1\r\n" H E, 400},
    /* headers */
    {LINE E, 400},
    {LINE "Host:\r\n" E, 400},
    {LINE H H E, 400},
    {LINE H "host: b\r\n" E, 400},
    {LINE H " folded\r\n" E, 400},
    {LINE H "X-A: 1\r\n\tfolded\r\n" E, 400},
    {LINE H "X-A : 1\r\n" E, 400},
    {LINE H ": 1\r\n" E, 400},
    {LINE H "X-A\r\n" E, 400},
    {LINE H "X(A: 1\r\n" E, 400},
    {LINE H "X-A: \x01\r\n" E, 400},
    {LINE H "X-A: \xff\r\n" E, 400},
    {LINE H "Upgrade: h2c\r\n" E, 400},
    {LINE H "Connection: upgrade\r\n" E, 400},
    {LINE H "Connection: close, Host\r\n" E, 400},
    {LINE H "Expect: 200-ok\r\n" E, 417},
    /* where the body ends */
    {POST JSON "Content-Length: 2\r\nContent-Length: 2\r\n" E, 400},
    {POST JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" E, 400},
    {POST JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E, 400},
    {POST JSON "Transfer-Encoding: gzip, chunked\r\n" E, 501},
    {POST JSON "Transfer-Encoding: identity\r\n" E, 501},
    {POST JSON "Content-Length: +2\r\n" E, 400},
    {POST JSON "Content-Length: -2\r\n" E, 400},
    {POST JSON "Content-Length: 0x2\r\n" E, 400},
    {POST JSON "Content-Length: 2, 2\r\n" E, 400},
    {POST JSON "Content-Length:\r\n" E, 400},
    {POST JSON "Content-Length: 99999999999999999999\r\n" E, 400},
    {POST JSON "Content-Length: 1048577\r\n" E, 413},
    {LINE H "Content-Length: 2\r\n" E, 400},
    {LINE H "Transfer-Encoding: chunked\r\n" E, 400},
    /* type, origin, credentials */
    {POST "Content-Length: 2\r\n" E, 415},
    {POST "Content-Type: text/plain\r\nContent-Length: 2\r\n" E, 415},
    {POST "Content-Type: application/octet-stream\r\nContent-Length: 2\r\n" E, 415},
    {POST "Content-Type: application/jsonx\r\nContent-Length: 2\r\n" E, 415},
    {POST "Content-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n" E, 415},
    {"POST /api/v1/system/update/pieces/1 HTTP/1.1\r\n" H JSON "Content-Length: 2\r\n" E, 415},
    {POST "Sec-Fetch-Site: cross-site\r\n" E, 403},
    {POST "Sec-Fetch-Site: same-site\r\n" E, 403},
    {POST "Origin: https://evil.example\r\n" E, 403},
    {POST "Origin: http://a\r\n" E, 403},
    {POST "Origin: null\r\n" E, 403},
    {LINE H "Authorization: Basic YTpi\r\n" E, 401},
    {LINE H "Authorization: Bearer a b\r\n" E, 401},
    {LINE H "Authorization: Bearer \r\n" E, 401},
    {LINE H "Authorization: Bearer a\r\nCookie: __Host-certkeep=b\r\n" E, 400},
    {LINE H "Cookie: __Host-certkeep=a; __Host-certkeep=b\r\n" E, 400},
    {LINE H "Cookie: __Host-certkeep=\r\n" E, 401},
};

static void test_request_parse_takes_and_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct refusal why = {};
        struct request *r = request_parse(blob_str(heads[i].head), &why);
        if (why.status != heads[i].status || !r != !!heads[i].status)
            fail_msg("head %zu: %d, expected %d: %s", i, why.status, heads[i].status,
                     heads[i].head);
        assert_true(r || why.text[0]);
        request_free(r);
    }
}

static void test_request_parse_reads_everything(void **state)
{
    struct refusal why;
    struct request *r = request_parse(
        blob_str(
            "POST /api/v1/servers?a=1 HTTP/1.1\r\nhOsT: ui.example:8443\r\nX-CSRF-Token: c\r\n"
            "Cookie: a=1; __Host-certkeep=s3; b=2\r\nAccept: text/csv\r\nIdempotency-Key: k\r\n"
            "If-Match: \"3\"\r\nIf-None-Match: \"e\"\r\nLast-Event-ID: 9\r\n"
            "Accept-Encoding: br\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"),
        &why);

    (void)state;
    assert_non_null(r);
    assert_string_equal(r->method, "POST");
    assert_string_equal(r->path, "/api/v1/servers");
    assert_string_equal(r->query, "a=1");
    assert_string_equal(r->host, "ui.example:8443");
    assert_string_equal(r->csrf, "c");
    assert_string_equal(r->credential, "s3");
    assert_string_equal(r->accept, "text/csv");
    assert_string_equal(r->accept_encoding, "br");
    assert_string_equal(r->idempotency_key, "k");
    assert_string_equal(r->if_match, "\"3\"");
    assert_string_equal(r->if_none_match, "\"e\"");
    assert_string_equal(r->last_event_id, "9");
    assert_int_equal(r->content_length, 12);
    assert_false(r->chunked);
    request_free(r);
}

static void test_request_parse_absent_is_empty(void **state)
{
    struct refusal why;
    struct request *r = request_parse(blob_str(LINE H E), &why);

    (void)state;
    assert_non_null(r);
    assert_string_equal(r->credential, "");
    assert_string_equal(r->query, "");
    assert_string_equal(r->csrf, "");
    assert_string_equal(r->last_event_id, "");
    request_free(r);
}

static void test_request_parse_refuses_nul(void **state)
{
    static const char head[] = "GET /x HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    struct refusal why;

    (void)state;
    assert_null(request_parse(BLOB(head, sizeof(head) - 1), &why));
    assert_int_equal(why.status, 400);
}

static void test_request_parse_limits(void **state)
{
    OWN(buf_free)
    struct buf head = BUF(64 * 1024);
    struct refusal why;

    (void)state;
    buf_add_str(&head, LINE H);
    for (int i = 0; i < REQUEST_HEADERS_MAX; i++)
        buf_addf(&head, "X-%d: a\r\n", i);
    buf_add_str(&head, E);
    assert_null(request_parse(buf_blob(&head), &why));
    assert_int_equal(why.status, 431);
    buf_clear(&head);
    buf_add_str(&head, LINE H "X-A: ");
    while (head.n < REQUEST_HEAD_MAX)
        buf_addc(&head, 'a');
    buf_add_str(&head, "\r\n\r\n");
    assert_null(request_parse(buf_blob(&head), &why));
    assert_int_equal(why.status, 431);
    buf_clear(&head);
    buf_add_str(&head, "GET /");
    for (int i = 0; i < REQUEST_PATH_MAX; i++)
        buf_addc(&head, 'a');
    buf_add_str(&head, " HTTP/1.1\r\n" H E);
    assert_null(request_parse(buf_blob(&head), &why));
    assert_int_equal(why.status, 400);
}

static void test_request_head_end_finds(void **state)
{
    (void)state;
    assert_int_equal(request_head_end((const uint8_t *)"a\r\n\r\nb", 6), 5);
    assert_int_equal(request_head_end((const uint8_t *)"a\r\n\r", 4), 0);
    assert_int_equal(request_head_end((const uint8_t *)"a\n\nb", 4), 0);
}

static void test_request_check_host_knows(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"ui.example", 0},
        {"UI.Example", 0},
        {"ui.example:443", 0},
        {"ui.example:8443", 0},
        {"localhost", 0},
        {"localhost:8443", 0},
        {"10.1.2.3", 0},
        {"10.1.2.3:443", 0},
        {"[::1]", 0},
        {"[::1]:8443", 0},
        {"evil.example", 421},
        {"ui.example.evil", 421},
        {"ui.example:0", 400},
        {"ui.example:x", 400},
        {"a b", 400},
        {"a@ui.example", 400},
        {"ui.example:443:1", 400},
        {"[::1", 400},
        {"::1", 400},
        {",", 400},
    };
    struct strs names = {};

    (void)state;
    strs_add(&names, "ui.example");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request *r = xcalloc(1, sizeof(*r));
        struct refusal why = {};
        r->host = cases[i].host;
        const int rc = request_check_host(r, &names, &why);
        if (why.status != cases[i].status || (rc < 0) != (cases[i].status != 0))
            fail_msg("host %s: %d, expected %d", cases[i].host, why.status, cases[i].status);
        request_free(r);
    }
    strs_free(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_parse_takes_and_refuses),
        cmocka_unit_test(test_request_parse_reads_everything),
        cmocka_unit_test(test_request_parse_absent_is_empty),
        cmocka_unit_test(test_request_parse_refuses_nul),
        cmocka_unit_test(test_request_parse_limits),
        cmocka_unit_test(test_request_head_end_finds),
        cmocka_unit_test(test_request_check_host_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
