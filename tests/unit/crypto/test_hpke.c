/* HPKE: what is sealed opens with the right key and context, and with nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/hpke.h"
#include "src/base/own.h"

static const char plain_text[] = "the password of a server";

struct fixture {
    struct hpke_key *key;
    struct buf pub, sealed;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.pub = BUF(64), .sealed = BUF(4096)};
    *state = &f;
    return hpke_key_new(&f.key, NULL) < 0 || hpke_public(f.key, &f.pub, NULL) < 0 ||
           hpke_seal(buf_blob(&f.pub), "job/1", blob_str(plain_text), &f.sealed, NULL) < 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    hpke_key_free(f->key);
    buf_free(&f->pub);
    buf_free(&f->sealed);
    return 0;
}

static void assert_closed(const struct fixture *f, const char *info, struct blob sealed)
{
    struct secret out = {0};
    struct err e = {0};
    assert_int_equal(hpke_open(f->key, info, sealed, &out, &e), -1);
    assert_true(e.code == ERR_CRYPTO || e.code == ERR_INPUT);
    assert_null(out.p);
}

static void test_hpke_round_trip(void **state)
{
    struct fixture *f = *state;
    OWN(secret_free)
    struct secret out = {0};
    struct err e = {0};
    assert_int_equal(f->pub.n, 32);
    assert_int_equal(f->sealed.n, 32 + strlen(plain_text) + 16);
    assert_int_equal(hpke_open(f->key, "job/1", buf_blob(&f->sealed), &out, &e), 0);
    assert_true(blob_eq(secret_blob(&out), blob_str(plain_text)));
}

static void test_hpke_open_refuses_other_context(void **state)
{
    struct fixture *f = *state;
    assert_closed(f, "job/2", buf_blob(&f->sealed));
    assert_closed(f, "", buf_blob(&f->sealed));
}

static void test_hpke_open_refuses_other_key(void **state)
{
    struct fixture *f = *state;
    struct hpke_key *other = NULL;
    assert_int_equal(hpke_key_new(&other, NULL), 0);
    struct fixture g = *f;
    g.key = other;
    assert_closed(&g, "job/1", buf_blob(&f->sealed));
    hpke_key_free(other);
}

static void test_hpke_open_refuses_every_truncation(void **state)
{
    struct fixture *f = *state;
    for (size_t n = 0; n < f->sealed.n; n++)
        assert_closed(f, "job/1", BLOB(f->sealed.p, n));
}

static void test_hpke_open_refuses_every_flipped_byte(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->sealed.n; i++) {
        f->sealed.p[i] ^= 0x10;
        assert_closed(f, "job/1", buf_blob(&f->sealed));
        f->sealed.p[i] ^= 0x10;
    }
}

static void test_hpke_seal_refuses_bad_input(void **state)
{
    struct fixture *f = *state;
    OWN(buf_free)
    struct buf out = BUF(4096);
    assert_int_equal(hpke_seal(BLOB(f->pub.p, 31), "x", blob_str("y"), &out, NULL), -1);
    assert_int_equal(hpke_seal(buf_blob(&f->pub), "x", BLOB(NULL, 0), &out, NULL), -1);
    static const uint8_t zero[32]; /* a point of small order: RFC 9180, 7.1.4 */
    assert_int_equal(hpke_seal(BLOB(zero, 32), "x", blob_str("y"), &out, NULL), -1);
    assert_int_equal(out.n, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hpke_round_trip),
        TEST(test_hpke_open_refuses_other_context),
        TEST(test_hpke_open_refuses_other_key),
        TEST(test_hpke_open_refuses_every_truncation),
        TEST(test_hpke_open_refuses_every_flipped_byte),
        TEST(test_hpke_seal_refuses_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
