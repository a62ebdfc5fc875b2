/* The token goes away in several ways behind our back; work goes on. */
#include "crypto/pkcs11/keygen.h"
#include "crypto/pkcs11/seal.h"
#include "src/base/own.h"
#include "tests/softhsm.h"

static struct token token;

struct work {
    struct buf sealed;
    int calls;
};

static int seal_one(struct token *t, void *arg, struct err *e)
{
    struct work *w = arg;
    w->calls++;
    buf_clear(&w->sealed);
    return seal_value(t, "context", blob_str("value"), &w->sealed, e);
}

static void close_all(void)
{
    assert_int_equal(token.m->f->C_CloseAllSessions(token.slot), CKR_OK);
}

static void log_out(void)
{
    assert_int_equal(token.m->f->C_Logout(token.home), CKR_OK);
}

static void nothing(void)
{
}

static void test_token_retry_recovers(void **state)
{
    (void)state;
    static const struct {
        void (*harm)(void);
        int calls;
    } cases[] = {{nothing, 1}, {close_all, 2}, {nothing, 1}, {log_out, 2}, {close_all, 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        struct work w = {.sealed = BUF(1024)};
        uint64_t before = token.generation;
        cases[i].harm();
        if (token_retry(&token, seal_one, &w, &e) < 0)
            fail_msg("case %zu: %s", i, e.text);
        assert_int_equal(w.calls, cases[i].calls);
        assert_int_equal(token.generation - before, cases[i].calls - 1);
        buf_free(&w.sealed);
    }
}

static int always_gone(struct token *t, void *arg, struct err *e)
{
    ++*(int *)arg;
    return token_fail(t, CKR_DEVICE_REMOVED, "C_Sign", e);
}

static int plain_failure(struct token *t, void *arg, struct err *e)
{
    ++*(int *)arg;
    return token_fail(t, CKR_DATA_INVALID, "C_Sign", e);
}

static void test_token_retry_tries_twice_at_most(void **state)
{
    (void)state;
    struct err e = {0};
    int calls = 0;
    assert_int_equal(token_retry(&token, always_gone, &calls, &e), -1);
    assert_int_equal(calls, 2);
    assert_int_equal(e.code, ERR_TOKEN);
    calls = 0;
    assert_int_equal(token_retry(&token, plain_failure, &calls, &e), -1);
    assert_int_equal(calls, 1);
}

static void set_pin(char *from, char *to)
{
    assert_int_equal(token.m->f->C_SetPIN(token.home, (unsigned char *)from, strlen(from),
                                          (unsigned char *)to, strlen(to)),
                     CKR_OK);
}

static void test_token_retry_never_repeats_a_refused_pin(void **state)
{
    (void)state;
    struct err e = {0};
    struct work w = {.sealed = BUF(1024)};
    char ours[] = TEST_PIN, theirs[] = "changed-behind-us";
    CK_SLOT_ID slot = token.slot;
    set_pin(ours, theirs);
    close_all();
    assert_int_equal(token_retry(&token, seal_one, &w, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(w.calls, 1);
    assert_false(token.open);
    assert_null(token.pin.p);
    assert_int_equal(token_retry(&token, seal_one, &w, &e), -1);
    assert_non_null(strstr(e.text, "locked"));
    assert_int_equal(token_open(&token, &softhsm_module, slot, blob_str(theirs), &e), 0);
    set_pin(theirs, ours);
    buf_free(&w.sealed);
}

static void test_token_retry_locked_says_so(void **state)
{
    (void)state;
    struct err e = {0};
    struct token shut = {.m = &softhsm_module};
    int calls = 0;
    assert_int_equal(token_retry(&shut, always_gone, &calls, &e), -1);
    assert_int_equal(calls, 0);
    assert_string_equal(e.text, "the token is locked: give the unlock passphrase");
}

static void test_session_give_bounds_the_pool(void **state)
{
    (void)state;
    struct err e = {0};
    CK_SESSION_HANDLE s[POOL_MAX + 3];
    for (size_t i = 0; i < COUNT(s); i++)
        assert_int_equal(session_take(&token, &s[i], &e), 0);
    for (size_t i = 0; i < COUNT(s); i++)
        session_give(&token, s[i], true);
    assert_int_equal(token.pool_n, POOL_MAX);
}

static void test_object_find_logged_out_is_not_missing(void **state)
{
    (void)state;
    struct err e = {0};
    static const uint8_t id[KEY_ID_BYTES] = "none of this id";
    CK_OBJECT_HANDLE found;
    assert_int_equal(object_private_key(&token, BLOB(id, sizeof id), &found, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    log_out();
    assert_int_equal(object_private_key(&token, BLOB(id, sizeof id), &found, &e), -1);
    assert_int_equal(e.code, ERR_TOKEN);
    assert_int_equal(token.last, CKR_USER_NOT_LOGGED_IN);
}

static int setup(void **state)
{
    (void)state;
    softhsm_open(&token);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_close(&token);
    softhsm_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_retry_recovers),
        cmocka_unit_test(test_token_retry_tries_twice_at_most),
        cmocka_unit_test(test_token_retry_never_repeats_a_refused_pin),
        cmocka_unit_test(test_token_retry_locked_says_so),
        cmocka_unit_test(test_session_give_bounds_the_pool),
        cmocka_unit_test(test_object_find_logged_out_is_not_missing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
