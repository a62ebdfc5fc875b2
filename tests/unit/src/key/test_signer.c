/* The second thread: what it gives back, what it refuses, and what it must not answer. */
#include <sys/socket.h>

#include "crypto/pkcs11/keygen.h"
#include "src/key/signer.h"
#include "tests/unit/src/key/vault.h"

static struct {
    struct loop *loop;
    struct signer signer;
    struct channel *c;
    int sock;
    unsigned signed_, failed;
    struct sign_work work;
    CK_OBJECT_HANDLE key;
} t;

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)arg;
    fail_msg("unexpected %s", msg_name(m->type));
}

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    (void)why;
    (void)arg;
    signer_forget(&t.signer, c);
}

static void on_done(struct channel *c, struct msg *m, const struct sign_work *work, void *arg)
{
    (void)arg;
    assert_ptr_equal(c, t.c);
    assert_true(blob_eq(m->body, blob_str("request"))); /* a copy, for the message is gone */
    if (work) {
        assert_int_equal(work->raw_n, 64);
        t.signed_++;
    } else {
        t.failed++;
    }
}

static bool give(CK_OBJECT_HANDLE key)
{
    char request[] = "request";
    struct msg m = {.type = MSG_KEY_SIGN, .id = 1, .body = blob_str(request), .fd = -1};
    const bool taken = signer_give(&t.signer, t.c, &m, &t.work, key);
    explicit_bzero(request, sizeof request);
    return taken;
}

static void stop(void *arg)
{
    (void)arg;
    loop_stop(t.loop);
}

/* All is finished, and answered. */
static void finish(void)
{
    struct err e = {0};
    token_quiet(&vault.token);
    struct watch *end = loop_timer(t.loop, 20, stop, NULL);
    assert_int_equal(loop_run(t.loop, &e), 0);
    watch_free(end);
}

static int setup(void **state)
{
    static const struct channel_events events = {.message = on_message, .closed = on_closed};
    struct err e = {0};
    struct buf spki = BUF(ENVELOPE_SPKI_MAX);
    int ends[2];
    vault_setup(state);
    t.loop = loop_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    t.c = channel_new(t.loop, PROC_KEY, PROC_WEB, 0, ends[0], &events, NULL);
    t.sock = ends[1];
    assert_int_equal(signer_start(&t.signer, t.loop, &vault, on_done, NULL, &e), 0);
    assert_int_equal(keygen_session(&vault.token, KEY_P256, &t.key, &spki, &e), 0);
    assert_int_equal(sign_prepare(SIGN_ECDSA_SHA256, blob_str("tbs"), &t.work, &e), 0);
    buf_free(&spki);
    return 0;
}

static int teardown(void **state)
{
    channel_free(t.c);
    close(t.sock);
    return vault_teardown(state); /* the thread has no end of its own: the process exits */
}

static void start_counting(void)
{
    t.signed_ = t.failed = 0;
}

static void test_signer_takes_no_more_than_its_jobs(void **state)
{
    (void)state;
    start_counting();
    for (size_t i = 0; i < SIGNER_JOBS; i++)
        assert_true(give(t.key));
    assert_false(give(t.key));
    finish();
    assert_int_equal(t.signed_, SIGNER_JOBS);
    assert_true(give(t.key));
    finish();
    assert_int_equal(t.signed_, SIGNER_JOBS + 1);
}

static void test_signer_hands_back_what_fails(void **state)
{
    (void)state;
    start_counting();
    assert_true(give(t.key));
    assert_true(give(0)); /* no such key */
    assert_true(give(t.key));
    finish();
    assert_int_equal(t.signed_, 2);
    assert_int_equal(t.failed, 1);
    assert_true(give(t.key)); /* in a new session */
    finish();
    assert_int_equal(t.signed_, 3);
}

static void test_signer_refuses_what_the_token_hashes(void **state)
{
    (void)state;
    const struct sign_work hashed = t.work;
    struct err e = {0};
    assert_int_equal(sign_prepare(SIGN_ED25519, blob_str("tbs"), &t.work, &e), 0);
    assert_false(give(t.key));
    t.work = hashed;
}

static void test_signer_does_not_answer_a_successor(void **state)
{
    (void)state;
    struct err e = {0};
    int ends[2];
    start_counting();
    assert_true(give(t.key));
    assert_true(give(t.key));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(channel_attach(t.c, ends[0], &e), 0);
    close(t.sock);
    t.sock = ends[1];
    finish();
    assert_int_equal(t.signed_ + t.failed, 0);
    assert_true(give(t.key));
    finish();
    assert_int_equal(t.signed_, 1);
}

static void test_signer_starts_anew_after_the_token_was_closed(void **state)
{
    (void)state;
    struct err e = {0};
    start_counting();
    for (size_t i = 0; i < SIGNER_JOBS; i++)
        assert_true(give(t.key));
    activate_lock(&vault); /* waits for them */
    finish();
    assert_int_equal(t.signed_, SIGNER_JOBS);
    assert_int_equal(activate_unlock(&vault, blob_str(PASSPHRASE), &e), 0);
    struct buf spki = BUF(ENVELOPE_SPKI_MAX);
    assert_int_equal(keygen_session(&vault.token, KEY_P256, &t.key, &spki, &e), 0);
    buf_free(&spki);
    assert_true(give(t.key));
    finish();
    assert_int_equal(t.signed_, SIGNER_JOBS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signer_takes_no_more_than_its_jobs),
        cmocka_unit_test(test_signer_hands_back_what_fails),
        cmocka_unit_test(test_signer_refuses_what_the_token_hashes),
        cmocka_unit_test(test_signer_does_not_answer_a_successor),
        cmocka_unit_test(test_signer_starts_anew_after_the_token_was_closed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
