/*
 * The other ends of certkeep-ca for tests: parent, core and key in one process, around the real
 * program. The key double signs with keys in memory; the core double commits what it is told to
 * remember, and can kill the program right after it did, which is what a crash looks like.
 */
#pragma once
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/ossl.h"
#include "crypto/x509/cert.h"
#include "src/base/fiber.h"
#include "src/base/str.h"
#include "src/ipc/call.h"
#include "src/model/connectors.h"

#define PEER_KEYS 8
#define SEAL_PREFIX "sealed:"

struct peers {
    struct loop *loop;
    const char *program;
    pid_t pid;
    struct channel *parent, *core, *key;
    EVP_PKEY *keys[PEER_KEYS]; /* envelope: one byte, the index */
    unsigned signatures, opened;
    char *open_context;
    bool key_refuses;
    struct bytes memory, order_memory; /* of the one connector and order in play */
    unsigned remembered, hellos;
    unsigned
        kill_at; /* at this many CA_REMEMBER: committed, then the program is killed; 0: never */
    struct strs evidence;        /* "step state text" */
    struct strs tokens, answers; /* published now; an answer taken away is "" */
    unsigned published;
    /* the call under way */
    struct reply reply;
    struct err e;
    int rc;
};

static inline int peers_sign(EVP_PKEY *key, struct blob tbs, struct buf *out)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t sig[512];
    size_t n = sizeof(sig);
    const int ok = EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                   EVP_DigestSign(c, sig, &n, tbs.p, tbs.n) == 1;
    EVP_MD_CTX_free(c);
    if (ok)
        buf_add(out, sig, n);
    return ok ? 0 : -1;
}

static inline void peers_key_message(struct channel *c, struct msg *m, void *arg)
{
    struct peers *p = arg;
    struct msg_KEY_SIGN sign;
    struct msg_KEY_OPEN open;
    OWN(buf_free)
    struct buf out = BUF(1024);

    if (m->type == MSG_KEY_SIGN && get_KEY_SIGN(m, &sign, NULL) == 0) {
        const size_t i = sign.envelope.n == 1 ? *(const uint8_t *)sign.envelope.p : PEER_KEYS;
        p->signatures++;
        if (p->key_refuses || i >= PEER_KEYS || !p->keys[i] ||
            peers_sign(p->keys[i], sign.tbs, &out) < 0) {
            reply_failed(c, m->id, &(struct err){ERR_TOKEN, "token is locked"});
            return;
        }
        reply_KEY_SIGNED(c, m->id, &(struct msg_KEY_SIGNED){.signature = buf_blob(&out)}, NULL);
    } else if (m->type == MSG_KEY_OPEN && get_KEY_OPEN(m, &open, NULL) == 0) {
        const size_t n = strlen(SEAL_PREFIX);
        p->opened++;
        free(p->open_context);
        p->open_context = xstrdup(open.context);
        if (open.sealed.n < n || memcmp(open.sealed.p, SEAL_PREFIX, n) != 0) {
            reply_failed(c, m->id, &(struct err){ERR_CRYPTO, "sealed value is damaged"});
            return;
        }
        const struct blob plain = BLOB((const char *)open.sealed.p + n, open.sealed.n - n);
        reply_KEY_OPENED(c, m->id, &(struct msg_KEY_OPENED){.plain = plain}, NULL);
    }
}

static inline void peers_stop(struct peers *p)
{
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    p->pid = 0;
}

static inline void peers_remember(struct peers *p, struct channel *c, struct msg *m)
{
    struct msg_CA_REMEMBER r;

    if (get_CA_REMEMBER(m, &r, NULL) < 0)
        return;
    bytes_set(*r.order ? &p->order_memory : &p->memory, r.memory);
    p->remembered++;
    if (p->kill_at && p->remembered == p->kill_at)
        peers_stop(p);
    else
        reply_DONE(c, m->id, &(struct msg_DONE){}, NULL);
}

static inline void peers_http01(struct peers *p, struct channel *c, struct msg *m)
{
    struct msg_CA_HTTP01 h;

    if (get_CA_HTTP01(m, &h, NULL) < 0)
        return;
    size_t i = 0;
    while (i < p->tokens.n && !str_eq(p->tokens.v[i], h.token))
        i++;
    if (i == p->tokens.n) {
        strs_add(&p->tokens, h.token);
        strs_add(&p->answers, h.answer);
        p->published++;
    } else {
        free(p->answers.v[i]);
        p->answers.v[i] = xstrdup(h.answer);
    }
    reply_DONE(c, m->id, &(struct msg_DONE){}, NULL);
}

static inline void peers_core_message(struct channel *c, struct msg *m, void *arg)
{
    struct peers *p = arg;
    struct msg_CA_EVIDENCE v;

    if (m->type == MSG_CA_REMEMBER)
        peers_remember(p, c, m);
    else if (m->type == MSG_CA_HTTP01)
        peers_http01(p, c, m);
    else if (m->type == MSG_CA_HELLO)
        p->hellos++;
    else if (m->type == MSG_CA_EVIDENCE && get_CA_EVIDENCE(m, &v, NULL) == 0) {
        OWN(own_mem)
        char *line = xasprintf("%s %s %s", v.step, v.state, v.text);
        strs_add(&p->evidence, line);
    }
}

static inline void peers_parent_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    if (m->type == MSG_READY)
        loop_stop(((struct peers *)arg)->loop);
}

static inline void peers_gone(struct channel *c, const struct err *why, void *arg)
{
    (void)c;
    (void)why;
    loop_stop(((struct peers *)arg)->loop);
}

static inline void peers_exec(struct peers *p, int control)
{
    p->pid = fork();
    if (p->pid != 0)
        return;
    if (dup2(control, CONTROL_FD) < 0)
        _exit(126);
    execl(p->program, p->program, (char *)NULL);
    _exit(127);
}

/* Starts the program (again); returns when it is ready. */
static inline int peers_start(struct peers *p)
{
    static const struct channel_events parent_events = {peers_parent_message, peers_gone, NULL};
    static const struct channel_events core_events = {peers_core_message, NULL, NULL};
    static const struct channel_events key_events = {peers_key_message, NULL, NULL};
    int fd[3][2];
    struct err e;

    for (int i = 0; i < 3; i++)
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd[i]) < 0)
            return -1;
    channel_free(p->parent);
    channel_free(p->core);
    channel_free(p->key);
    peers_exec(p, fd[0][1]);
    close(fd[0][1]);
    p->parent = channel_new(p->loop, PROC_PARENT, PROC_CA, 0, fd[0][0], &parent_events, p);
    p->core = channel_new(p->loop, PROC_CORE, PROC_CA, 0, fd[1][0], &core_events, p);
    p->key = channel_new(p->loop, PROC_KEY, PROC_CA, 0, fd[2][0], &key_events, p);
    if (send_PEER(p->parent, &(struct msg_PEER){.process = PROC_CORE, .fd = fd[1][1]}, &e) < 0 ||
        send_PEER(p->parent, &(struct msg_PEER){.process = PROC_KEY, .fd = fd[2][1]}, &e) < 0) {
        fprintf(stderr, "PEER: %s\n", e.text);
        return -1;
    }
    close(fd[1][1]);
    close(fd[2][1]);
    return loop_run(p->loop, NULL);
}

static inline void peers_done(struct peers *p)
{
    peers_stop(p);
    reply_done(&p->reply);
    channel_free(p->parent);
    channel_free(p->core);
    channel_free(p->key);
    for (size_t i = 0; i < PEER_KEYS; i++)
        EVP_PKEY_free(p->keys[i]);
    bytes_free(&p->memory);
    bytes_free(&p->order_memory);
    strs_free(&p->evidence);
    strs_free(&p->tokens);
    strs_free(&p->answers);
    free(p->open_context);
    loop_free(p->loop);
}

/* A call of core, in a fiber, for key and core must answer meanwhile; the loop runs until it is
 * over. */
struct peers_call {
    struct peers *p;
    enum msg_type type, want;
    const struct buf *body;
};
static inline void peers_call_fiber(void *arg)
{
    struct peers_call *k = arg;

    k->p->rc = call_raw(k->p->core, k->type, k->body, -1, k->want, 300000, &k->p->reply, &k->p->e);
    loop_stop(k->p->loop);
}
static inline int peers_call(struct peers *p, enum msg_type type, const struct buf *body,
                             enum msg_type want)
{
    struct peers_call k = {p, type, want, body};

    reply_done(&p->reply);
    p->e = (struct err){0};
    p->rc = -2;
    fiber_start(p->loop, peers_call_fiber, &k);
    while (p->rc == -2)
        loop_run(p->loop, NULL);
    return p->rc;
}
#define PEERS_CALL(p, NAME, want, ...)                                                             \
    __extension__({                                                                                \
        OWN(buf_free)                                                                              \
        struct buf body_ = BUF(1024 * 1024);                                                       \
        put_##NAME(&body_, &(struct msg_##NAME){__VA_ARGS__});                                     \
        peers_call((p), MSG_##NAME, &body_, (want));                                               \
    })

/* Makes key `i` and lists it under its role. */
static inline int peers_key(struct peers *p, uint8_t i, struct buf *spki)
{
    unsigned char *der = NULL;

    if (!p->keys[i])
        p->keys[i] = EVP_EC_gen("P-256");
    const int n = i2d_PUBKEY(p->keys[i], &der);
    return buf_take_der(spki, der, n, "key", NULL);
}
static inline int peers_role(struct peers *p, uint8_t i, const char *role, struct buf *keys)
{
    struct named_blobs list = {0};
    OWN(buf_free)
    struct buf spki = BUF(1024);

    if (peers_key(p, i, &spki) < 0 ||
        named_blobs_add(&list, role, BLOB(&i, 1), buf_blob(&spki), NULL) < 0)
        return -1;
    named_blobs_encode(&list, keys);
    named_blobs_free(&list);
    return 0;
}
