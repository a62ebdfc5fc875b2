/* emSign's answers: what is taken, and what no number, text or shape may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ca/emsign_client.h"

static json_t *answer(const char *text)
{
    struct emsign_meta m = {0};
    struct err e = {0};
    json_t *a = emsign_answer_parse(blob_str(text), &m, &e);

    assert_non_null(a);
    return a;
}

/* The vector of the vendor's scheme: key, time and number with nothing between. */
static void test_emsign_auth_key(void **state)
{
    (void)state;
    char key[65];

    assert_int_equal(emsign_auth_key(blob_str("ABCDEF0123456789"), "2024-04-04T11:36:55+05:30",
                                     "0123456789abcdef0123456789abcdef", key, NULL),
                     0);
    assert_string_equal(key, "82672b10b49ef40e0b3dc7c97ee09a37df768b833eefec0e78ee20fb3e4d3be7");
}

static void test_emsign_answer_parse_needs_meta(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "null",         "[]",
                                      "{}", "{\"meta\":1}", "<html>maintenance</html>"};
    struct emsign_meta m;

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct err e = {0};
        assert_null(emsign_answer_parse(blob_str(bad[i]), &m, &e));
        assert_int_equal(e.code, ERR_REMOTE);
    }
}

static void test_emsign_answer_parse_takes_numbers_as_text(void **state)
{
    (void)state;
    struct emsign_meta m = {0};
    OWN(own_json)
    json_t *a = emsign_answer_parse(blob_str("{\"meta\":{\"status\":1}}"), &m, NULL);

    assert_true(a && m.ok);
}

static void test_emsign_refused(void **state)
{
    (void)state;
    static const struct {
        struct emsign_meta meta;
        enum err_code is;
    } v[] = {
        {{.code = "EMS-1162", .text = "Invalid product code"}, ERR_NOT_FOUND},
        {{.code = "EMS-939"}, ERR_LIMIT},
        {{.code = "EMS-1099"}, ERR_CONFLICT},
        {{.code = "EMS-1091"}, ERR_INPUT},
        {{.text = "Inactive Account User."}, ERR_LIMIT},
        {{.code = "EMS-1", .text = "No"}, ERR_DENIED},
        {{.code = ""}, ERR_DENIED},
    };

    for (size_t i = 0; i < COUNT(v); i++) {
        struct err e = {0};
        assert_int_equal(emsign_refused(&v[i].meta, &e), -1);
        assert_int_equal(e.code, v[i].is);
    }
}

static enum order_state state_of(const char *order, const char *cert, const char *proofs)
{
    OWN(own_mem)
    char *text = xasprintf("{\"meta\":{},\"orderDetails\":{\"orderStatusId\":%s,"
                           "\"certificateStatusId\":%s,\"domainVerification\":{%s}}}",
                           order, cert, proofs);
    OWN(own_json)
    json_t *a = answer(text);
    struct emsign_track t = {0};

    assert_int_equal(emsign_track_parse(a, &t, NULL), 0);
    const enum order_state s = t.state;
    emsign_track_free(&t);
    return s;
}

static void test_emsign_track_parse_states(void **state)
{
    (void)state;
    static const char open[] = "\"status\":\"0\",\"a.example\":{\"dcvStatus\":\"0\"}";
    static const char done[] = "\"status\":\"1\",\"a.example\":{\"dcvStatus\":1}";

    assert_int_equal(state_of("\"6\"", "\"20\"", ""), ORDER_ISSUED);
    assert_int_equal(state_of("\"6\"", "9", ""), ORDER_ISSUED);
    assert_int_equal(state_of("\"3\"", "\"24\"", open), ORDER_VALIDATION_PENDING);
    assert_int_equal(state_of("\"3\"", "\"24\"", done), ORDER_APPROVAL_PENDING);
    assert_int_equal(state_of("\"7\"", "\"2\"", ""), ORDER_APPROVAL_PENDING);
    assert_int_equal(state_of("4", "\"\"", ""), ORDER_REJECTED);
    assert_int_equal(state_of("\"5\"", "\"2\"", ""), ORDER_CANCELLED);
    assert_int_equal(state_of("\"4\"", "\"20\"", ""), ORDER_ISSUED); /* the certificate's wins */
    assert_int_equal(state_of("\"6\"", "\"22\"", ""), ORDER_REJECTED);
    assert_int_equal(state_of("\"3\"", "\"4294967295\"", ""), ORDER_APPROVAL_PENDING);
}

static void test_emsign_track_parse_revocation(void **state)
{
    (void)state;
    OWN(own_json)
    json_t *a = answer("{\"meta\":{},\"orderDetails\":{\"orderStatusId\":\"6\","
                       "\"certificateStatusId\":\"20\",\"revocationDetails\":"
                       "{\"revokeRequestStatusId\":\"4\"}}}");
    struct emsign_track t = {0};

    assert_int_equal(emsign_track_parse(a, &t, NULL), 0);
    assert_int_equal(t.revocation, REVOCATION_ASKED);
    emsign_track_free(&t);
}

static void test_emsign_placed_parse_wants_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int rc;
    } v[] = {
        {"{\"meta\":{},\"orderDetails\":{\"orderNumber\":\"5512\",\"requestNumber\":7}}", 0},
        {"{\"meta\":{},\"orderDetails\":{\"requestNumber\":\"7\"}}", 0}, /* a draft */
        {"{\"meta\":{},\"orderDetails\":{}}", -1},
        {"{\"meta\":{}}", -1},
        {"{\"meta\":{},\"orderDetails\":{\"orderNumber\":\"../55\"}}", -1},
    };

    for (size_t i = 0; i < COUNT(v); i++) {
        OWN(own_json)
        json_t *a = answer(v[i].body);
        struct emsign_placed p = {0};
        assert_int_equal(emsign_placed_parse(a, &p, NULL), v[i].rc);
    }
}

static void test_emsign_report_parse(void **state)
{
    (void)state;
    OWN(own_json)
    json_t *a = answer("{\"meta\":{},\"orderDetails\":{\"noOfPages\":\"2\",\"ordersArray\":["
                       "{\"orderNumber\":12,\"tags\":[\"a\",3]},{\"orderNumber\":\"\"},7]}}");
    OWN(emsign_report_free)
    struct emsign_report r = {0};

    assert_int_equal(emsign_report_parse(a, &r, NULL), 0);
    assert_int_equal(r.pages, 2);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.v[0].number, "12");
    assert_true(strs_has(&r.v[0].tags, "a") && r.v[0].tags.n == 1);
    assert_string_equal(r.v[1].number, "");
}

static void test_emsign_certificate_parse_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "AAAA", "-----BEGIN CERTIFICATE-----", "%%%"};

    for (size_t i = 0; i < COUNT(bad); i++) {
        OWN(own_mem)
        char *text = xasprintf(
            "{\"meta\":{},\"certificateDetails\":{\"endEntityCertificate\":\"%s\"}}", bad[i]);
        OWN(own_json)
        json_t *a = answer(text);
        OWN(buf_free)
        struct buf out = BUF(65536);
        assert_int_equal(emsign_certificate_parse(a, &out, NULL), -1);
    }
}

static void test_emsign_order_decode(void **state)
{
    (void)state;
    struct emsign_order o;
    struct err e = {0};

    assert_int_equal(emsign_order_decode(BLOB(NULL, 0), &o, NULL), 0);
    assert_int_equal(o.sent_at, 0);
    assert_int_equal(emsign_order_decode(BLOB("\x02", 1), &o, &e), -1);
    assert_int_equal(e.code, ERR_STORE);
    static const char kept[] = "\x01\x02\0\0\0\0\0\0\0\x09\0\x02"
                               "55\0\x01"
                               "7";
    assert_int_equal(emsign_order_decode(BLOB(kept, sizeof(kept) - 1), &o, NULL), 0);
    assert_int_equal(o.sent_at, 9);
    assert_int_equal(o.refusals, 2);
    assert_string_equal(o.at.order, "55");
    assert_string_equal(o.at.request, "7");
    assert_int_equal(emsign_order_decode(BLOB(kept, sizeof(kept) - 2), &o, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emsign_auth_key),
        cmocka_unit_test(test_emsign_answer_parse_needs_meta),
        cmocka_unit_test(test_emsign_answer_parse_takes_numbers_as_text),
        cmocka_unit_test(test_emsign_refused),
        cmocka_unit_test(test_emsign_track_parse_states),
        cmocka_unit_test(test_emsign_track_parse_revocation),
        cmocka_unit_test(test_emsign_placed_parse_wants_a_number),
        cmocka_unit_test(test_emsign_report_parse),
        cmocka_unit_test(test_emsign_certificate_parse_refuses_what_is_none),
        cmocka_unit_test(test_emsign_order_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
