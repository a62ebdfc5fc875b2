/* Makes, uses and destroys keys. Which key-encryption key, which session, is decided below. */
#include "src/key/keys.h"

#include <string.h>
#include <sys/random.h>

#include "crypto/hpke.h"
#include "crypto/pkcs11/keygen.h"
#include "crypto/pkcs11/wrap.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/key/purpose.h"

struct generate {
    const struct keys_request *want;
    struct envelope env;
    struct buf *envelope, *spki;
};

static int check_request(const struct keys_request *want, struct err *e)
{
    if (!alg_find(want->alg))
        return err_set(e, ERR_INPUT, "alg: unknown algorithm %u", (unsigned)want->alg);
    if (want->policy < KEY_POLICY_TOKEN || want->policy > KEY_POLICY_DEPLOYABLE)
        return err_set(e, ERR_INPUT, "policy: unknown policy %u", (unsigned)want->policy);
    if (want->purposes == 0 || (want->purposes & ~PURPOSES_ALL))
        return err_set(e, ERR_INPUT, "purposes: expected bits of 0x%x", PURPOSES_ALL);
    if (want->policy == KEY_POLICY_DEPLOYABLE && want->purposes != PURPOSE_CSR)
        return err_set(e, ERR_INPUT, "purposes: a deployable key is for certificate requests only");
    size_t n = want->label ? strlen(want->label) : 0;
    if (n == 0 || n > ENVELOPE_LABEL_MAX || !text_clean(want->label, n, ""))
        return err_set(e, ERR_INPUT, "label: expected 1 to %d clean characters",
                       ENVELOPE_LABEL_MAX);
    return 0;
}

static int generate_wrapped(struct token *t, struct generate *g, struct buf *body, struct err *e)
{
    CK_OBJECT_HANDLE key;
    if (keygen_session(t, g->env.alg, &key, g->spki, e) < 0)
        return -1;
    int rc = wrap_key(t, g->env.policy, key, body, e);
    object_drop(t, key);
    return rc;
}

static int generate_token(struct token *t, struct generate *g, struct buf *body, struct err *e)
{
    uint8_t id[ENVELOPE_ID_BYTES];
    CK_OBJECT_HANDLE key;
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return err_sys(e, "getrandom");
    buf_add(body, id, sizeof id);
    return keygen_token(t, g->env.alg, BLOB(id, sizeof id), g->env.label, &key, g->spki, e);
}

static int generate(struct token *t, void *arg, struct err *e)
{
    struct generate *g = arg;
    OWN(buf_free)
    struct buf body = BUF(ENVELOPE_BODY_MAX);
    buf_clear(g->spki);
    bool wrapped = g->want->policy != KEY_POLICY_TOKEN && keygen_wrappable(t, g->want->alg);
    g->env.policy = wrapped ? g->want->policy : KEY_POLICY_TOKEN;
    g->env.kind = wrapped ? ENVELOPE_WRAPPED : ENVELOPE_TOKEN;
    if ((wrapped ? generate_wrapped : generate_token)(t, g, &body, e) < 0)
        return -1;
    g->env.spki = buf_blob(g->spki);
    g->env.body = buf_blob(&body);
    return envelope_seal(t, &g->env, g->envelope, e);
}

int keys_generate(struct vault *v, const struct keys_request *want, struct buf *envelope,
                  struct buf *spki, enum key_policy *policy, struct err *e)
{
    if (check_request(want, e) < 0)
        return -1;
    struct generate g = {.want = want, .envelope = envelope, .spki = spki};
    g.env.alg = want->alg;
    g.env.purposes = want->purposes;
    if (str_copy(g.env.label, sizeof g.env.label, want->label, e) < 0)
        return -1;
    if (token_retry(&v->token, generate, &g, e) < 0)
        return err_wrap(e, "generate");
    *policy = g.env.policy;
    return 0;
}

struct use {
    struct vault *v;
    enum process caller;
    uint32_t purpose;
    enum sign_scheme scheme;
    struct blob envelope, tbs;
    struct buf *signature;
};

static int open_key(struct token *t, const struct envelope *env, CK_OBJECT_HANDLE *key,
                    struct err *e)
{
    if (env->kind == ENVELOPE_TOKEN)
        return object_private_key(t, env->body, key, e);
    return wrap_unwrap(t, env->policy, env->alg, env->body, false, key, e);
}

static int sign(struct token *t, void *arg, struct err *e)
{
    struct use *u = arg;
    struct envelope env;
    CK_OBJECT_HANDLE key;
    struct cache_entry *known = cache_get(&u->v->cache, t, u->envelope);
    if (!known && envelope_open(t, u->envelope, &env, e) < 0)
        return -1;
    if (purpose_check(u->caller, u->purpose, u->scheme, known ? &known->env : &env, u->tbs, e) < 0)
        return -1;
    if (!known) {
        if (open_key(t, &env, &key, e) < 0)
            return err_wrap(e, "key %s", env.label);
        known = cache_put(&u->v->cache, t, u->envelope, key);
    }
    return sign_tbs(t, known->key, u->scheme, u->tbs, u->signature, e);
}

int keys_sign(struct vault *v, enum process caller, uint32_t purpose, enum sign_scheme scheme,
              struct blob envelope, struct blob tbs, struct buf *signature, struct err *e)
{
    if (boot_is(&v->boot, envelope)) {
        if (purpose_check(caller, purpose, scheme, &v->boot.parsed, tbs, e) < 0)
            return err_wrap(e, "sign");
        return boot_sign(&v->boot, scheme, tbs, signature, e);
    }
    struct use u = {.v = v,
                    .caller = caller,
                    .purpose = purpose,
                    .scheme = scheme,
                    .envelope = envelope,
                    .tbs = tbs,
                    .signature = signature};
    return token_retry(&v->token, sign, &u, e) < 0 ? err_wrap(e, "sign") : 0;
}

static int destroy(struct token *t, void *arg, struct err *e)
{
    struct use *u = arg;
    struct envelope env;
    CK_OBJECT_HANDLE key;
    if (envelope_open(t, u->envelope, &env, e) < 0)
        return -1;
    if (env.kind != ENVELOPE_TOKEN)
        return 0; /* it exists in the envelope only */
    struct err why = {0};
    if (object_private_key(t, env.body, &key, &why) < 0) {
        /* Destroyed before the answer was lost: asked again, the work is done. */
        return why.code == ERR_NOT_FOUND ? 0 : err_set(e, why.code, "%s", why.text);
    }
    return object_destroy(t, key, e);
}

int keys_destroy(struct vault *v, struct blob envelope, struct err *e)
{
    struct use u = {.v = v, .envelope = envelope};
    if (token_retry(&v->token, destroy, &u, e) < 0)
        return err_wrap(e, "destroy");
    cache_drop(&v->cache, &v->token, envelope);
    return 0;
}

struct sealing {
    const char *context;
    struct blob in;
    struct buf *sealed;
    struct secret *plain;
};

static int seal(struct token *t, void *arg, struct err *e)
{
    struct sealing *s = arg;
    return seal_value(t, s->context, s->in, s->sealed, e);
}

static int open_sealed(struct token *t, void *arg, struct err *e)
{
    struct sealing *s = arg;
    return seal_open(t, s->context, s->in, s->plain, e);
}

int keys_seal(struct vault *v, const char *context, struct blob plain, struct buf *sealed,
              struct err *e)
{
    struct sealing s = {.context = context, .in = plain, .sealed = sealed};
    return token_retry(&v->token, seal, &s, e);
}

int keys_open(struct vault *v, const char *context, struct blob sealed, struct secret *plain,
              struct err *e)
{
    struct sealing s = {.context = context, .in = sealed, .plain = plain};
    return token_retry(&v->token, open_sealed, &s, e);
}

int keys_reseal(struct vault *v, const char *context, struct blob sealed, struct blob recipient,
                struct buf *out, struct err *e)
{
    OWN(secret_free)
    struct secret plain = {0};
    if (keys_open(v, context, sealed, &plain, e) < 0)
        return -1;
    return hpke_seal(recipient, context, secret_blob(&plain), out, e);
}
