/* PEM: what is written reads back; odd blocks are refused; text around is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/bundle/pem.h"
#include "src/base/own.h"
#include "src/base/str.h"

struct seen {
    struct strs labels;
    struct buf last;
};

static int remember(const char *label, struct blob der, void *arg, struct err *e)
{
    (void)e;
    struct seen *s = arg;
    strs_add(&s->labels, label);
    buf_clear(&s->last);
    buf_add_blob(&s->last, der);
    return 0;
}

static void seen_done(struct seen *s)
{
    strs_free(&s->labels);
    buf_free(&s->last);
}

static void test_pem_round_trip_of_every_length(void **state)
{
    (void)state;
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        OWN(buf_free)
        struct buf text = BUF(4096);
        OWN(seen_done)
        struct seen s = {.last = BUF(4096)};
        pem_write(&text, "CERTIFICATE", BLOB(bytes, n));
        assert_int_equal(pem_each(buf_blob(&text), remember, &s, NULL), 0);
        assert_int_equal(s.labels.n, 1);
        assert_true(blob_eq(buf_blob(&s.last), BLOB(bytes, n)));
    }
}

static void test_pem_each_accepts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t blocks;
    } cases[] = {
        {"", 0},
        {"no block here", 0},
        {"-----BEGIN A-----\nYWJj\n-----END A-----", 1},
        {"-----BEGIN A-----\r\nYW\r\nJj  \r\n\r\n-----END A-----\r\n", 1},
        {"\xef\xbb\xbf-----BEGIN A-----\nYWJj\n-----END A-----\n", 1},
        {"Subject: x\n-----BEGIN A-----\nYWJj\n-----END A-----\nmore: text\n"
         "-----BEGIN B C-----\nYWJj\n-----END B C-----\n",
         2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(seen_done)
        struct seen s = {.last = BUF(64)};
        struct err e = {0};
        assert_int_equal(pem_each(blob_str(cases[i].text), remember, &s, &e), 0);
        assert_int_equal(s.labels.n, cases[i].blocks);
        if (s.labels.n)
            assert_true(blob_eq(buf_blob(&s.last), blob_str("abc")));
    }
}

static void test_pem_each_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "-----BEGIN A-----\nYWJj\n",
        "-----BEGIN A-----\nYWJj\n-----END B-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "-----BEGIN A-----\nYWJ\n-----END A-----\n",
        "-----BEGIN A-----\nYW J j\n-----END A-----\n",
        "-----BEGIN A-----\nYWI=\nYWJj\n-----END A-----\n",
        "-----BEGIN A-----\nYWJj*\n-----END A-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nYWJj\n-----END RSA PRIVATE "
        "KEY-----\n",
        "-----BEGIN A-----\n-----BEGIN A-----\nYWJj\n-----END A-----\n",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(seen_done)
        struct seen s = {.last = BUF(64)};
        struct err e = {0};
        assert_int_equal(pem_each(blob_str(cases[i]), remember, &s, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(s.labels.n, 0);
    }
}

static void test_pem_private_key_wants_secret_buf(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(buf_free)
    struct buf open = BUF(4096);
    assert_int_equal(pem_private_key(blob_str("key"), &open, &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    OWN(buf_free)
    struct buf kept = BUF_SECRET(4096);
    assert_int_equal(pem_private_key(blob_str("key"), &kept, &e), 0);
    assert_string_equal(buf_cstr(&kept),
                        "-----BEGIN PRIVATE KEY-----\na2V5\n-----END PRIVATE KEY-----\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pem_round_trip_of_every_length),
        cmocka_unit_test(test_pem_each_accepts),
        cmocka_unit_test(test_pem_each_refuses),
        cmocka_unit_test(test_pem_private_key_wants_secret_buf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
