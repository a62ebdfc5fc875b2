/*
 * A captured web: somebody else's code behind web's socket to the real certkeep-key. It sends every
 * message there is, and asks for every purpose with every envelope and blob it could have seen. All
 * it gets is what web itself gets: a TLS 1.3 server signature with the UI's own key.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/policy.h"
#include "src/ipc/call.h"
#include "src/ipc/packet.h"
#include "tests/ipc/key_program.h"
#include "tests/unit/src/key/tbs.h"

#define WAIT_MS 60000
#define NOTHING MSG_COUNT       /* key closed the channel */
#define SILENCE (MSG_COUNT + 1) /* no answer at all */

enum { E_UI, E_CSR, E_AUDIT, E_SEALED, E_JUNK, ENVELOPES };
enum { T_SERVER, T_CLIENT, T_REQUEST, T_HEAD, T_SHORT, TEXTS };

static struct {
    struct loop *loop;
    struct channel *parent, *core;
    pid_t pid;
    int web;
    uint32_t id;
    char dir[KEY_PROGRAM_DIR_BYTES];
    struct buf envelope[ENVELOPES], text[TEXTS];
} t;

static void on_parent_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)arg;
    if (m->type == MSG_PIN_KEEP)
        close(take_fd(&m->fd));
    loop_stop(t.loop);
}

static int give_peer(enum process who)
{
    struct err e = {0};
    int ends[2];
    key_program_pair(ends);
    const struct msg_PEER m = {.process = who, .instance = 0, .fd = ends[1]};
    assert_int_equal(send_PEER(t.parent, &m, &e), 0);
    close(ends[1]);
    return ends[0];
}

/* A new socket of web's, as parent hands it out when web was restarted. */
static void new_web(void)
{
    if (t.web >= 0)
        close(t.web);
    t.web = give_peer(PROC_WEB);
}

static void raw_send(enum msg_type type, const struct buf *body)
{
    OWN(buf_free)
    struct buf packet = BUF(PACKET_HEADER_BYTES + PACKET_INLINE_MAX);
    buf_add_u16(&packet, (uint16_t)type);
    buf_add_u16(&packet, 0);
    buf_add_u32(&packet, t.id += 2); /* odd: a request of this side */
    buf_add_blob(&packet, buf_blob(body));
    assert_true(buf_ok(&packet));
    assert_int_equal(send(t.web, packet.p, packet.n, MSG_NOSIGNAL), (ssize_t)packet.n);
}

/* The type of the answer, its request id being the last one's; NOTHING when key hung up. */
static unsigned raw_answer(void)
{
    static uint8_t packet[PACKET_HEADER_BYTES + PACKET_INLINE_MAX];
    struct pollfd p = {.fd = t.web, .events = POLLIN};
    if (poll(&p, 1, WAIT_MS / 6) != 1)
        return SILENCE;
    ssize_t n = recv(t.web, packet, sizeof packet, 0);
    if (n <= 0)
        return NOTHING;
    struct reader r = reader_of(BLOB(packet, (size_t)n));
    return read_u16(&r);
}

static void generate(uint32_t purposes, struct buf *envelope, struct buf *spki)
{
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_MADE made;
    const struct msg_KEY_GENERATE want = {.alg = KEY_P256,
                                          .policy = purposes == PURPOSE_CSR ? KEY_POLICY_DEPLOYABLE
                                                                            : KEY_POLICY_TOKEN,
                                          .purposes = purposes,
                                          .label = "captured"};
    if (call_KEY_GENERATE(t.core, &want, MSG_KEY_MADE, WAIT_MS, &r, &e) < 0 ||
        get_KEY_MADE(&r.msg, &made, &e) < 0)
        fail_msg("%s", e.text);
    buf_add_blob(envelope, made.envelope);
    buf_add_blob(spki, made.spki);
}

static void make_texts(struct buf *spki)
{
    const uint8_t *p = spki->p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki->n), *other = EVP_EC_gen("P-256");
    assert_non_null(key);
    tbs_tls13("TLS 1.3, server CertificateVerify", 32, &t.text[T_SERVER]);
    tbs_tls13("TLS 1.3, client CertificateVerify", 32, &t.text[T_CLIENT]);
    tbs_csr(key, other, &t.text[T_REQUEST]);
    buf_add_str(&t.text[T_HEAD], "certkeep audit head v1\n");
    for (int i = 0; i < 48; i++)
        buf_add_u8(&t.text[T_HEAD], (uint8_t)(i == 7));
    buf_add_str(&t.text[T_SHORT], "sign this, please");
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void make_envelopes(void)
{
    struct err e = {0};
    OWN(reply_done)
    struct reply boot = {0};
    OWN(reply_done)
    struct reply r = {0};
    OWN(buf_free)
    struct buf spki = BUF(2048), unused = BUF(2048);
    struct msg_KEY_SEALED sealed;
    const struct msg_KEY_SEAL seal = {.context = "server/1/password", .plain = blob_str("s3cret")};
    generate(PURPOSE_CSR, &t.envelope[E_CSR], &spki);
    generate(PURPOSE_TLS_SERVER, &t.envelope[E_UI], &unused);
    generate(PURPOSE_AUDIT, &t.envelope[E_AUDIT], &unused);
    if (call_KEY_SEAL(t.core, &seal, MSG_KEY_SEALED, WAIT_MS, &r, &e) < 0 ||
        get_KEY_SEALED(&r.msg, &sealed, &e) < 0)
        fail_msg("%s", e.text);
    buf_add_blob(&t.envelope[E_SEALED], sealed.sealed);
    buf_add_str(&t.envelope[E_JUNK], "no envelope at all");
    make_texts(&spki);
}

static int setup(void **state)
{
    static const struct channel_events parent_events = {.message = on_parent_message};
    static const struct channel_events no_events = {0};
    struct err e = {0};
    (void)state;
    t.web = -1;
    t.id = 1;
    t.loop = loop_new();
    for (size_t i = 0; i < ENVELOPES; i++)
        t.envelope[i] = BUF(16384);
    for (size_t i = 0; i < TEXTS; i++)
        t.text[i] = BUF(8192);
    key_program_make_dir(t.dir);
    t.parent = channel_new(t.loop, PROC_PARENT, PROC_KEY, 0, key_program_start(t.dir, &t.pid),
                           &parent_events, NULL);
    assert_int_equal(loop_run(t.loop, &e), 0); /* READY */
    t.core = channel_new(t.loop, PROC_CORE, PROC_KEY, 0, give_peer(PROC_CORE), &no_events, NULL);
    OWN(reply_done)
    struct reply done = {0};
    const struct msg_KEY_TOKEN_INIT init = {.passphrase = blob_str("a long enough passphrase")};
    if (call_KEY_TOKEN_INIT(t.core, &init, MSG_DONE, WAIT_MS, &done, &e) < 0)
        fail_msg("%s", e.text);
    make_envelopes();
    return 0;
}

static int teardown(void **state)
{
    int status;
    (void)state;
    assert_int_equal(kill(t.pid, SIGTERM), 0);
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    close(t.web);
    channel_free(t.core);
    channel_free(t.parent);
    for (size_t i = 0; i < ENVELOPES; i++)
        buf_free(&t.envelope[i]);
    for (size_t i = 0; i < TEXTS; i++)
        buf_free(&t.text[i]);
    loop_free(t.loop);
    key_program_remove_dir(t.dir);
    return 0;
}

/* Bodies that would do harm if key listened to web. */
static void body_of(enum msg_type type, struct buf *out)
{
    const struct blob envelope = buf_blob(&t.envelope[E_CSR]),
                      sealed = buf_blob(&t.envelope[E_SEALED]);
    const struct msg_KEY_EXPORT take = {
        .envelope = envelope, .format = "pem", .context = "job/1/key"};
    const struct msg_KEY_OPEN open_it = {.context = "server/1/password", .sealed = sealed};
    const struct msg_KEY_RESEAL again = {.context = "server/1/password", .sealed = sealed};
    const struct msg_KEY_SEAL seal = {.context = "server/1/password", .plain = blob_str("mine")};
    const struct msg_KEY_GENERATE make = {
        .alg = KEY_P256, .policy = KEY_POLICY_DEPLOYABLE, .purposes = PURPOSE_CSR, .label = "mine"};
    const struct msg_KEY_UNLOCK unlock = {.passphrase = blob_str("a long enough passphrase")};
    const struct msg_KEY_TOKEN_INIT init = {.passphrase = blob_str("a token of my own")};
    if (type == MSG_KEY_EXPORT)
        put_KEY_EXPORT(out, &take);
    else if (type == MSG_KEY_OPEN)
        put_KEY_OPEN(out, &open_it);
    else if (type == MSG_KEY_RESEAL)
        put_KEY_RESEAL(out, &again);
    else if (type == MSG_KEY_SEAL)
        put_KEY_SEAL(out, &seal);
    else if (type == MSG_KEY_GENERATE)
        put_KEY_GENERATE(out, &make);
    else if (type == MSG_KEY_UNLOCK)
        put_KEY_UNLOCK(out, &unlock);
    else if (type == MSG_KEY_TOKEN_INIT)
        put_KEY_TOKEN_INIT(out, &init);
    else if (type == MSG_KEY_DESTROY)
        put_KEY_DESTROY(out, &(struct msg_KEY_DESTROY){.envelope = envelope});
}

static bool may_ask(unsigned type)
{
    return type == MSG_KEY_STATUS || type == MSG_KEY_BOOT_IDENTITY || type == MSG_KEY_SIGN;
}

static void test_captured_web_gets_no_answer_to_messages_of_others(void **state)
{
    (void)state;
    unsigned tried = 0;
    for (unsigned type = 0; type <= MSG_COUNT; type++) {
        OWN(buf_free)
        struct buf body = BUF(32768);
        OWN(buf_free)
        struct buf none = BUF(8);
        if (may_ask(type) || type == MSG_DONE || type == MSG_FAILED)
            continue; /* answers nobody waits for are dropped: the next test sends them */
        new_web();
        body_of((enum msg_type)type, &body);
        raw_send((enum msg_type)type, &body);
        unsigned got = raw_answer();
        if (got != NOTHING)
            fail_msg("%s is answered with %s", type < MSG_COUNT ? msg_name(type) : "a wrong type",
                     got < MSG_COUNT ? msg_name(got) : "silence");
        tried++;
    }
    assert_true(tried > 40);
    new_web(); /* and key still serves those who keep to the rules */
    raw_send(MSG_KEY_STATUS, &(struct buf){0});
    assert_int_equal(raw_answer(), MSG_KEY_STATE);
}

static void test_captured_web_gets_only_tls_server_signatures(void **state)
{
    (void)state;
    unsigned signed_ = 0, refused = 0;
    new_web();
    for (unsigned bit = 0; bit <= 33; bit++)
        for (unsigned scheme = 0; scheme <= SIGN_ED25519 + 1; scheme++)
            for (size_t v = 0; v < ENVELOPES; v++)
                for (size_t x = 0; x < TEXTS; x++) {
                    OWN(buf_free)
                    struct buf body = BUF(32768);
                    uint32_t purpose = bit < 32 ? 1u << bit : bit == 32 ? 0 : UINT32_MAX;
                    const struct msg_KEY_SIGN m = {.purpose = purpose,
                                                   .scheme = scheme,
                                                   .envelope = buf_blob(&t.envelope[v]),
                                                   .tbs = buf_blob(&t.text[x])};
                    put_KEY_SIGN(&body, &m);
                    raw_send(MSG_KEY_SIGN, &body);
                    unsigned got = raw_answer();
                    bool own = purpose == PURPOSE_TLS_SERVER && v == E_UI && x == T_SERVER &&
                               scheme == SIGN_ECDSA_SHA256;
                    if (got != (own ? MSG_KEY_SIGNED : MSG_FAILED))
                        fail_msg("purpose 0x%x scheme %u envelope %zu text %zu: %s", purpose,
                                 scheme, v, x, got >= MSG_COUNT ? "no answer" : msg_name(got));
                    signed_ += own;
                    refused += !own;
                }
    assert_int_equal(signed_, 1);
    assert_true(refused > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured_web_gets_no_answer_to_messages_of_others),
        cmocka_unit_test(test_captured_web_gets_only_tls_server_signatures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
