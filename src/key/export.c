/*
 * The only way a private key leaves the token. Refuses sealed and token keys with ERR_DENIED (the
 * token would refuse them as well), and a chain that is not for this key. Every export is logged.
 */
#include "src/key/export.h"

#include "crypto/bundle/pem.h"
#include "crypto/hpke.h"
#include "crypto/ossl.h"
#include "crypto/pkcs11/object.h"
#include "crypto/pkcs11/wrap.h"
#include "crypto/x509/cert.h"
#include "src/base/log.h"
#include "src/base/str.h"

struct job {
    const struct export_request *want;
    struct secret pkcs8;
    char label[ENVELOPE_LABEL_MAX + 1];
};

/* For pem_each: the first certificate must be for the key; the rest is not ours to judge. */
struct leaf {
    struct blob spki;
    bool seen;
};

static int check_leaf(const char *label, struct blob der, void *arg, struct err *e)
{
    struct leaf *leaf = arg;
    if (leaf->seen || !str_eq(label, "CERTIFICATE"))
        return 0;
    OWN(own_x509)
    X509 *cert = NULL;
    OWN(buf_free)
    struct buf spki = BUF(ENVELOPE_SPKI_MAX);
    if (cert_parse(der, &cert, e) < 0 || cert_spki(cert, &spki, e) < 0)
        return -1;
    if (!blob_eq(buf_blob(&spki), leaf->spki))
        return err_set(e, ERR_INPUT, "chain: its first certificate is for another key");
    leaf->seen = true;
    return 0;
}

static int check_chain(struct blob chain_pem, struct blob spki, struct err *e)
{
    struct leaf leaf = {.spki = spki};
    if (chain_pem.n == 0)
        return 0;
    if (pem_each(chain_pem, check_leaf, &leaf, e) < 0)
        return -1;
    return leaf.seen ? 0 : err_set(e, ERR_INPUT, "chain: expected a certificate in PEM");
}

/* What came out must be the private half of what the envelope says. */
static int check_pair(const struct secret *pkcs8, struct blob spki, struct err *e)
{
    const uint8_t *p = pkcs8->p;
    OWN(own_pkey)
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)pkcs8->n);
    uint8_t *der = NULL;
    int n = key ? i2d_PUBKEY(key, &der) : -1;
    bool same = n > 0 && blob_eq(BLOB(der, (size_t)n), spki);
    OPENSSL_free(der);
    return same ? 0 : err_set(e, ERR_CRYPTO, "the key that came out is not the envelope's");
}

static int read_key(struct token *t, void *arg, struct err *e)
{
    struct job *job = arg;
    struct envelope env;
    CK_OBJECT_HANDLE key;
    if (envelope_open(t, job->want->envelope, &env, e) < 0)
        return -1;
    if (env.policy != KEY_POLICY_DEPLOYABLE)
        return err_set(e, ERR_DENIED,
                       "key %s: its policy is %s, and only a deployable key may "
                       "leave the token",
                       env.label, policy_name(env.policy));
    if (check_chain(job->want->chain_pem, env.spki, e) < 0 ||
        wrap_unwrap(t, env.policy, env.alg, env.body, true, &key, e) < 0)
        return -1;
    secret_free(&job->pkcs8);
    int rc = wrap_read_pkcs8(t, key, &job->pkcs8, e);
    object_drop(t, key);
    if (rc < 0 || check_pair(&job->pkcs8, env.spki, e) < 0)
        return -1;
    return str_copy(job->label, sizeof job->label, env.label, e);
}

int export_key(struct vault *v, const struct export_request *want, struct buf *sealed,
               struct err *e)
{
    if (!str_eq(want->format, "pem"))
        return err_set(e, ERR_INPUT, "export: format: expected pem");
    if (!want->context || !want->context[0])
        return err_set(e, ERR_INPUT, "export: context: expected the job's context");
    struct job job = {.want = want};
    OWN(buf_free)
    struct buf pem = BUF_SECRET(PEM_MAX_BYTES);
    int rc = token_retry(&v->token, read_key, &job, e);
    if (rc == 0)
        rc = pem_private_key(secret_blob(&job.pkcs8), &pem, e);
    secret_free(&job.pkcs8);
    if (rc < 0 || hpke_seal(want->recipient, want->context, buf_blob(&pem), sealed, e) < 0)
        return err_wrap(e, "export");
    log_info("key.exported", "label=%s format=%s context=%s", log_q(job.label), want->format,
             log_q(want->context));
    return 0;
}
