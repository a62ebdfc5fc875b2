/*
 * Decodes, calls, answers. Who may send what is checked by the channel; who may use which key for
 * what is checked by purpose.c. Nothing here knows more than one message.
 */
#include "src/key/serve.h"

#include "crypto/x509/cert.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/key/activate.h"
#include "src/key/export.h"
#include "src/key/keys.h"

#define SEALED_MAX_BYTES (SEAL_MAX_BYTES + 1024)
#define LINGER_US 50 /* handshakes come in bursts, and from one caller one after the other */

/* 0: answered. -1: the caller answers with the error. */
typedef int (*handler)(struct service *s, struct channel *c, struct msg *m, struct err *e);

static int done(struct channel *c, const struct msg *m, struct err *e)
{
    return reply_DONE(c, m->id, &(struct msg_DONE){{}}, e);
}

static int on_status(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct vault *v = s->vault;
    struct err detail;
    enum token_state state = activate_state(v, &detail);
    struct msg_KEY_STATE answer = {
        .state = state,
        .module = v->module.name,
        .token = state == TOKEN_OPEN || state == TOKEN_LOCKED ? TOKEN_LABEL : "",
        .serial = v->serial,
        .sessions = v->token.open ? (uint32_t)v->token.pool_n + 1 : 0,
        .detail = detail.text,
    };
    return reply_KEY_STATE(c, m->id, &answer, e);
}

/* Parent keeps a second descriptor of the PIN's memfd for the process that comes after us. */
static void hand_over_pin(struct service *s)
{
    struct err why = {0};
    if (send_PIN_KEEP(s->parent, &(struct msg_PIN_KEEP){.fd = s->vault->pin_fd}, &why) < 0)
        log_warn("key.pin_keep", "why=%s", log_q(why.text));
}

static int on_token_init(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_TOKEN_INIT in;
    if (get_KEY_TOKEN_INIT(m, &in, e) < 0 || activate_setup(s->vault, in.passphrase, e) < 0)
        return -1;
    log_info("key.token_made", "serial=%s", log_q(s->vault->serial));
    hand_over_pin(s);
    return done(c, m, e);
}

static int on_unlock(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_UNLOCK in;
    if (get_KEY_UNLOCK(m, &in, e) < 0)
        return -1;
    if (activate_unlock(s->vault, in.passphrase, e) < 0) {
        log_warn("key.unlock_refused", "failures=%u why=%s", s->vault->failures, log_q(e->text));
        return -1;
    }
    log_info("key.unlocked", "serial=%s", log_q(s->vault->serial));
    hand_over_pin(s);
    return done(c, m, e);
}

static int on_lock(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    activate_lock(s->vault);
    log_info("key.locked", "by=%s", process_name(m->from));
    return done(c, m, e);
}

static int on_boot_identity(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct boot *b = &s->vault->boot;
    if (boot_make(b, e) < 0)
        return -1;
    struct msg_KEY_BOOT_READY answer = {
        .envelope = buf_blob(&b->envelope),
        .spki = buf_blob(&b->spki),
        .cert_pem = buf_blob(&b->cert_pem),
    };
    return reply_KEY_BOOT_READY(c, m->id, &answer, e);
}

static int on_generate(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_GENERATE in;
    OWN(buf_free)
    struct buf envelope = BUF(ENVELOPE_MAX_BYTES);
    OWN(buf_free)
    struct buf spki = BUF(ENVELOPE_SPKI_MAX);
    enum key_policy policy;
    if (get_KEY_GENERATE(m, &in, e) < 0)
        return -1;
    struct keys_request want = {in.alg, in.policy, in.purposes, in.label};
    if (keys_generate(s->vault, &want, &envelope, &spki, &policy, e) < 0)
        return -1;
    struct msg_KEY_MADE answer = {
        .envelope = buf_blob(&envelope), .spki = buf_blob(&spki), .policy = policy};
    return reply_KEY_MADE(c, m->id, &answer, e);
}

static int reply_signed(struct channel *c, uint32_t id, const struct buf *signature, struct err *e)
{
    return reply_KEY_SIGNED(c, id, &(struct msg_KEY_SIGNED){.signature = buf_blob(signature)}, e);
}

static int on_sign(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_SIGN in;
    OWN(buf_free)
    struct buf signature = BUF(SIGNATURE_MAX_BYTES);
    if (get_KEY_SIGN(m, &in, e) < 0)
        return -1;
    if (keys_sign(s->vault, m->from, in.purpose, in.scheme, in.envelope, in.tbs, &signature, e) <
        0) {
        if (e->code == ERR_DENIED)
            log_warn("key.sign_denied", "from=%s purpose=0x%x why=%s", process_name(m->from),
                     in.purpose, log_q(e->text));
        return -1;
    }
    if (reply_signed(c, m->id, &signature, e) < 0)
        return -1;
    if (!channel_busy(c))
        loop_linger(channel_loop(c), LINGER_US);
    return 0;
}

static int on_destroy(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_DESTROY in;
    if (get_KEY_DESTROY(m, &in, e) < 0 || keys_destroy(s->vault, in.envelope, e) < 0)
        return -1;
    return done(c, m, e);
}

static int on_export(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_EXPORT in;
    OWN(buf_free)
    struct buf sealed = BUF(SEALED_MAX_BYTES);
    if (get_KEY_EXPORT(m, &in, e) < 0)
        return -1;
    struct export_request want = {in.envelope, in.format, in.chain_pem, in.context, in.recipient};
    if (export_key(s->vault, &want, &sealed, e) < 0) {
        log_warn("key.export_refused", "context=%s why=%s", log_q(in.context), log_q(e->text));
        return -1;
    }
    return reply_KEY_EXPORTED(c, m->id, &(struct msg_KEY_EXPORTED){.sealed = buf_blob(&sealed)}, e);
}

static int on_seal(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_SEAL in;
    OWN(buf_free)
    struct buf sealed = BUF(SEALED_MAX_BYTES);
    if (get_KEY_SEAL(m, &in, e) < 0 || keys_seal(s->vault, in.context, in.plain, &sealed, e) < 0)
        return -1;
    return reply_KEY_SEALED(c, m->id, &(struct msg_KEY_SEALED){.sealed = buf_blob(&sealed)}, e);
}

static int on_open(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_OPEN in;
    OWN(secret_free)
    struct secret plain = {0};
    if (get_KEY_OPEN(m, &in, e) < 0 || keys_open(s->vault, in.context, in.sealed, &plain, e) < 0)
        return -1;
    return reply_KEY_OPENED(c, m->id, &(struct msg_KEY_OPENED){.plain = secret_blob(&plain)}, e);
}

static int on_reseal(struct service *s, struct channel *c, struct msg *m, struct err *e)
{
    struct msg_KEY_RESEAL in;
    OWN(buf_free)
    struct buf out = BUF(SEALED_MAX_BYTES);
    if (get_KEY_RESEAL(m, &in, e) < 0 ||
        keys_reseal(s->vault, in.context, in.sealed, in.recipient, &out, e) < 0)
        return -1;
    return reply_KEY_RESEALED(c, m->id, &(struct msg_KEY_RESEALED){.sealed = buf_blob(&out)}, e);
}

static const handler handlers[MSG_COUNT] = {
    [MSG_KEY_STATUS] = on_status,
    [MSG_KEY_TOKEN_INIT] = on_token_init,
    [MSG_KEY_UNLOCK] = on_unlock,
    [MSG_KEY_LOCK] = on_lock,
    [MSG_KEY_BOOT_IDENTITY] = on_boot_identity,
    [MSG_KEY_GENERATE] = on_generate,
    [MSG_KEY_SIGN] = on_sign,
    [MSG_KEY_DESTROY] = on_destroy,
    [MSG_KEY_EXPORT] = on_export,
    [MSG_KEY_SEAL] = on_seal,
    [MSG_KEY_OPEN] = on_open,
    [MSG_KEY_RESEAL] = on_reseal,
};

void serve_message(struct channel *c, struct msg *m, void *arg)
{
    struct service *s = arg;
    struct err e = {0};
    int rc = handlers[m->type] ? handlers[m->type](s, c, m, &e)
                               : err_set(&e, ERR_BUG, "key does not know %s", msg_name(m->type));
    if (rc < 0 && reply_failed(c, m->id, &e) < 0)
        log_warn("key.answer", "to=%s why=%s", process_name(m->from), log_q(e.text));
}

void serve_parent(struct service *s, struct msg *m)
{
    struct err e = {0};
    if (m->type != MSG_PIN_BACK) {
        log_warn("key.unexpected", "message=%s", msg_name(m->type));
        return;
    }
    if (activate_resume(s->vault, take_fd(&m->fd), &e) < 0) {
        log_warn("key.resume", "why=%s", log_q(e.text));
        return;
    }
    log_info("key.resumed", "serial=%s", log_q(s->vault->serial));
    hand_over_pin(s);
}
