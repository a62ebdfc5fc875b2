/*
 * The real certkeep-key process, confined, between scripted peers: parent, core, web and ca are
 * this test. It is killed and started again, as parent would do.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/policy.h"
#include "src/base/fiber.h"
#include "src/ipc/call.h"
#include "tests/ipc/key_program.h"
#include "tests/unit/src/key/tbs.h"

#define PASSPHRASE "a long enough passphrase"
#define WAIT_MS 60000

enum { CORE, WEB, CA, PEERS };
static const enum process peer_names[PEERS] = {PROC_CORE, PROC_WEB, PROC_CA};

static struct {
    struct loop *loop;
    struct channel *parent, *peer[PEERS];
    pid_t pid;
    int pin_fd;
    bool ready;
    char dir[KEY_PROGRAM_DIR_BYTES];
    struct buf envelope, spki;
} t = {.pin_fd = -1};

static void on_parent_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)arg;
    if (m->type == MSG_READY) {
        t.ready = true;
    } else if (m->type == MSG_PIN_KEEP) {
        if (t.pin_fd >= 0)
            close(t.pin_fd);
        t.pin_fd = take_fd(&m->fd);
    } else {
        fail_msg("unexpected %s", msg_name(m->type));
    }
    loop_stop(t.loop);
}

static void on_other_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)arg;
    fail_msg("unexpected %s", msg_name(m->type));
}

static void on_late(void *arg)
{
    (void)arg;
    loop_stop(t.loop);
}

/* Runs the loop until the next message of key to parent. */
static void wait_parent_message(void)
{
    struct err e = {0};
    struct watch *late = loop_timer(t.loop, WAIT_MS, on_late, NULL);
    assert_int_equal(loop_run(t.loop, &e), 0);
    watch_free(late);
}

static void start(void)
{
    static const struct channel_events parent_events = {.message = on_parent_message};
    static const struct channel_events events = {.message = on_other_message};
    struct err e = {0};
    t.ready = false;
    t.parent = channel_new(t.loop, PROC_PARENT, PROC_KEY, 0, key_program_start(t.dir, &t.pid),
                           &parent_events, NULL);
    for (size_t i = 0; i < PEERS; i++) {
        int ends[2];
        key_program_pair(ends);
        t.peer[i] = channel_new(t.loop, peer_names[i], PROC_KEY, 0, ends[0], &events, NULL);
        const struct msg_PEER m = {.process = peer_names[i], .instance = 0, .fd = ends[1]};
        assert_int_equal(send_PEER(t.parent, &m, &e), 0);
        close(ends[1]);
    }
    wait_parent_message();
    assert_true(t.ready);
}

static int stop(int signo)
{
    int status = 0;
    if (signo)
        assert_int_equal(kill(t.pid, signo), 0);
    else
        assert_int_equal(send_STOP(t.parent, &(struct msg_STOP){{}}, NULL), 0);
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    channel_free(TAKE(t.parent));
    for (size_t i = 0; i < PEERS; i++)
        channel_free(TAKE(t.peer[i]));
    return status;
}

static uint32_t token_state(void)
{
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_STATE state;
    if (call_KEY_STATUS(t.peer[CORE], &(struct msg_KEY_STATUS){{}}, MSG_KEY_STATE, WAIT_MS, &r,
                        &e) < 0 ||
        get_KEY_STATE(&r.msg, &state, &e) < 0)
        fail_msg("%s", e.text);
    return state.state;
}

static int unlock(const char *passphrase, struct err *e)
{
    OWN(reply_done)
    struct reply r = {0};
    const struct msg_KEY_UNLOCK m = {.passphrase = blob_str(passphrase)};
    return call_KEY_UNLOCK(t.peer[CORE], &m, MSG_DONE, WAIT_MS, &r, e);
}

/* Signs a request about our key, and checks it with the public half. */
static int sign_csr(struct channel *caller, struct err *e)
{
    const uint8_t *p = t.spki.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)t.spki.n), *other = EVP_EC_gen("P-256");
    OWN(buf_free)
    struct buf tbs = BUF(8192);
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_SIGNED got;
    assert_non_null(key);
    tbs_csr(key, other, &tbs);
    const struct msg_KEY_SIGN m = {.purpose = PURPOSE_CSR,
                                   .scheme = SIGN_ECDSA_SHA256,
                                   .envelope = buf_blob(&t.envelope),
                                   .tbs = buf_blob(&tbs)};
    int rc = call_KEY_SIGN(caller, &m, MSG_KEY_SIGNED, WAIT_MS, &r, e);
    if (rc == 0) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        assert_int_equal(get_KEY_SIGNED(&r.msg, &got, e), 0);
        assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_DigestVerify(md, got.signature.p, got.signature.n, tbs.p, tbs.n), 1);
        EVP_MD_CTX_free(md);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return rc;
}

static void test_key_boot_identity_before_the_token_exists(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(reply_done)
    struct reply made = {0};
    OWN(reply_done)
    struct reply sig = {0};
    OWN(buf_free)
    struct buf tbs = BUF(512);
    struct msg_KEY_BOOT_READY boot;
    assert_int_equal(token_state(), TOKEN_UNINITIALISED);
    if (call_KEY_BOOT_IDENTITY(t.peer[WEB], &(struct msg_KEY_BOOT_IDENTITY){{}}, MSG_KEY_BOOT_READY,
                               WAIT_MS, &made, &e) < 0 ||
        get_KEY_BOOT_READY(&made.msg, &boot, &e) < 0)
        fail_msg("%s", e.text);
    tbs_tls13("TLS 1.3, server CertificateVerify", 32, &tbs);
    const struct msg_KEY_SIGN m = {.purpose = PURPOSE_TLS_SERVER,
                                   .scheme = SIGN_ECDSA_SHA256,
                                   .envelope = boot.envelope,
                                   .tbs = buf_blob(&tbs)};
    if (call_KEY_SIGN(t.peer[WEB], &m, MSG_KEY_SIGNED, WAIT_MS, &sig, &e) < 0)
        fail_msg("%s", e.text);
}

static void test_key_sets_up_generates_and_signs(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(reply_done)
    struct reply done = {0};
    OWN(reply_done)
    struct reply reply = {0};
    struct msg_KEY_MADE made;
    const struct msg_KEY_TOKEN_INIT init = {.passphrase = blob_str(PASSPHRASE)};
    if (call_KEY_TOKEN_INIT(t.peer[CORE], &init, MSG_DONE, WAIT_MS, &done, &e) < 0)
        fail_msg("%s", e.text);
    wait_parent_message();
    assert_true(t.pin_fd >= 0);
    assert_int_equal(token_state(), TOKEN_OPEN);
    const struct msg_KEY_GENERATE want = {
        .alg = KEY_P256, .policy = KEY_POLICY_SEALED, .purposes = PURPOSE_CSR, .label = "www"};
    if (call_KEY_GENERATE(t.peer[CORE], &want, MSG_KEY_MADE, WAIT_MS, &reply, &e) < 0 ||
        get_KEY_MADE(&reply.msg, &made, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(made.policy, KEY_POLICY_SEALED);
    buf_add_blob(&t.envelope, made.envelope);
    buf_add_blob(&t.spki, made.spki);
    if (sign_csr(t.peer[CA], &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(sign_csr(t.peer[WEB], &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
}

static void test_key_seals_for_core_and_opens_for_ca(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    OWN(reply_done)
    struct reply o = {0};
    struct msg_KEY_SEALED sealed;
    struct msg_KEY_OPENED opened;
    const struct msg_KEY_SEAL seal = {.context = "connector/1/secret", .plain = blob_str("s3cret")};
    if (call_KEY_SEAL(t.peer[CORE], &seal, MSG_KEY_SEALED, WAIT_MS, &r, &e) < 0 ||
        get_KEY_SEALED(&r.msg, &sealed, &e) < 0)
        fail_msg("%s", e.text);
    const struct msg_KEY_OPEN open_it = {.context = "connector/1/secret", .sealed = sealed.sealed};
    if (call_KEY_OPEN(t.peer[CA], &open_it, MSG_KEY_OPENED, WAIT_MS, &o, &e) < 0 ||
        get_KEY_OPENED(&o.msg, &opened, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(blob_eq(opened.plain, blob_str("s3cret")));
}

static void test_key_restarts_open_with_the_pin_given_back(void **state)
{
    (void)state;
    struct err e = {0};
    assert_true(WIFSIGNALED(stop(SIGKILL)));
    start();
    assert_int_equal(token_state(), TOKEN_LOCKED);
    assert_int_equal(send_PIN_BACK(t.parent, &(struct msg_PIN_BACK){.fd = t.pin_fd}, &e), 0);
    wait_parent_message(); /* PIN_KEEP again */
    assert_int_equal(token_state(), TOKEN_OPEN);
    if (sign_csr(t.peer[CA], &e) < 0)
        fail_msg("%s", e.text);
}

#define MANY 64

static struct {
    unsigned under_way, signed_, locked;
} many;

static void sign_in_fiber(void *arg)
{
    struct err e = {0};
    (void)arg;
    if (sign_csr(t.peer[CA], &e) == 0)
        many.signed_++;
    else if (strstr(e.text, "the token is locked"))
        many.locked++;
    else
        fail_msg("%s", e.text);
    if (--many.under_way == 0)
        loop_stop(t.loop);
}

static void start_many(void)
{
    many.signed_ = many.locked = 0;
    many.under_way = MANY;
    for (size_t i = 0; i < MANY; i++)
        fiber_start(t.loop, sign_in_fiber, NULL);
}

static void run_many(void)
{
    struct err e = {0};
    assert_int_equal(loop_run(t.loop, &e), 0);
    assert_int_equal(many.under_way, 0);
}

static void test_key_signs_with_many_under_way(void **state)
{
    (void)state;
    start_many();
    run_many();
    assert_int_equal(many.signed_, MANY);
}

/* Locked in the middle: each is signed or refused, and then the token opens as ever. */
static void test_key_locks_with_many_under_way(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    start_many();
    assert_int_equal(
        call_KEY_LOCK(t.peer[CORE], &(struct msg_KEY_LOCK){{}}, MSG_DONE, WAIT_MS, &r, &e), 0);
    run_many();
    assert_int_equal(many.signed_ + many.locked, MANY);
    assert_int_equal(token_state(), TOKEN_LOCKED);
    if (unlock(PASSPHRASE, &e) < 0)
        fail_msg("%s", e.text);
    wait_parent_message();
    if (sign_csr(t.peer[CA], &e) < 0)
        fail_msg("%s", e.text);
}

static void test_key_locks_refuses_and_unlocks(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    struct stat st;
    assert_int_equal(
        call_KEY_LOCK(t.peer[CORE], &(struct msg_KEY_LOCK){{}}, MSG_DONE, WAIT_MS, &r, &e), 0);
    assert_int_equal(fstat(t.pin_fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(token_state(), TOKEN_LOCKED);
    assert_int_equal(sign_csr(t.peer[CA], &e), -1);
    assert_int_equal(e.code, ERR_TOKEN);
    assert_non_null(strstr(e.text, "the token is locked: give the unlock passphrase"));
    assert_int_equal(unlock("a wrong passphrase", &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(unlock(PASSPHRASE, &e), -1); /* at once: too soon */
    assert_int_equal(e.code, ERR_LIMIT);
    /* A new process has not seen the wrong one. */
    assert_int_equal(stop(0), 0);
    start();
    if (unlock(PASSPHRASE, &e) < 0)
        fail_msg("%s", e.text);
    wait_parent_message();
    if (sign_csr(t.peer[CA], &e) < 0)
        fail_msg("%s", e.text);
}

static int setup(void **state)
{
    (void)state;
    t.loop = loop_new();
    t.envelope = BUF(16384);
    t.spki = BUF(2048);
    key_program_make_dir(t.dir);
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (t.parent)
        assert_int_equal(stop(0), 0);
    close(t.pin_fd);
    buf_free(&t.envelope);
    buf_free(&t.spki);
    loop_free(t.loop);
    key_program_remove_dir(t.dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_boot_identity_before_the_token_exists),
        cmocka_unit_test(test_key_sets_up_generates_and_signs),
        cmocka_unit_test(test_key_seals_for_core_and_opens_for_ca),
        cmocka_unit_test(test_key_restarts_open_with_the_pin_given_back),
        cmocka_unit_test(test_key_signs_with_many_under_way),
        cmocka_unit_test(test_key_locks_with_many_under_way),
        cmocka_unit_test(test_key_locks_refuses_and_unlocks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
