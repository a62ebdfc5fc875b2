/*
 * The local CA: a root whose key is a token object. Its memory (src/model/local_ca.h) is the whole
 * CA: root, CRL, revocations. An order issues once: serial and validity are remembered before the
 * signature, so a repeated order gives the same certificate again.
 */
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/x509/chain.h"
#include "crypto/x509/issue.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ca/connector.h"
#include "src/ca/local_rules.h"
#include "src/model/local_ca.h"

#define DAY 86400
#define BACKDATE_S 300 /* clocks of clients may be late */
#define CRL_LIFE_S (7 * DAY)
#define CRL_REFRESH_S (1 * DAY) /* a test signs a new one when the old is older */
#define DER_MAX (16 * 1024)
#define CRL_MAX (160 * 1024)

/* 127 random bits: positive, no leading zero octet (RFC 5280, 4.1.2.2). */
static int new_serial(uint8_t out[LOCAL_ORDER_SERIAL], struct err *e)
{
    if (RAND_bytes(out, LOCAL_ORDER_SERIAL) != 1)
        return err_openssl(e, ERR_CRYPTO, "serial number");
    out[0] = (uint8_t)((out[0] & 0x3f) | 0x40);
    return 0;
}

static int load_root(const struct local_ca *ca, X509 **root, struct err *e)
{
    if (ca->root.n == 0)
        return err_set(e, ERR_CONFLICT,
                       "the local CA has no root yet; validate the connector first");
    return cert_parse(bytes_blob(&ca->root), root, e);
}

static int save(struct ca_job *job, const struct local_ca *ca, struct err *e)
{
    OWN(buf_free)
    struct buf memory = BUF(LOCAL_CA_MAX_BYTES);

    if (local_ca_encode(ca, &memory, e) < 0)
        return -1;
    return ca_remember_connector(job, buf_blob(&memory), e);
}

static int make_root(struct ca_job *job, const struct local_settings *s, struct local_ca *ca,
                     struct err *e)
{
    uint8_t serial[LOCAL_ORDER_SERIAL];
    const int64_t now = now_s();
    const struct root_template t = {.serial = BLOB(serial, sizeof(serial)),
                                    .subject = s->subject,
                                    .not_before = now - BACKDATE_S,
                                    .not_after = now + s->root_days * DAY,
                                    .permitted_dns = &s->permitted};
    OWN(buf_free)
    struct buf der = BUF(DER_MAX);
    OWN(own_pkey)
    EVP_PKEY *key = ca_key(job, "ca", PURPOSE_CERT, e);

    if (!key || new_serial(serial, e) < 0 || issue_root(&t, key, ca_context(job), &der, e) < 0)
        return err_wrap(e, "root");
    bytes_set(&ca->root, buf_blob(&der));
    return 0;
}

/* A root belongs to its key: another key under the same memory would sign what nobody verifies. */
static int check_key(const struct ca_job *job, const X509 *root, struct err *e)
{
    const struct named_blob *k = ca_key_blob(job, "ca", e);
    OWN(buf_free)
    struct buf spki = BUF(DER_MAX);

    if (!k || cert_spki(root, &spki, e) < 0)
        return -1;
    if (!blob_eq(buf_blob(&spki), bytes_blob(&k->b)))
        return err_set(e, ERR_CRYPTO,
                       "the key of this connector is not the key of its root; restore the backup "
                       "that belongs to this token");
    return 0;
}

/* Signs the list as it is now into ca->crl; expired certificates leave it. */
static int sign_crl(struct ca_job *job, struct local_ca *ca, const X509 *root, struct err *e)
{
    OWN(own_mem)
    struct crl_entry *entries = xcalloc(ca->n + 1, sizeof(*entries));
    const int64_t now = now_s();
    OWN(buf_free)
    struct buf der = BUF(CRL_MAX);
    OWN(own_pkey)
    EVP_PKEY *key = ca_key(job, "ca", PURPOSE_CRL, e);

    for (size_t i = 0; i < ca->n; i++)
        entries[i] = (struct crl_entry){BLOB(ca->revoked[i].serial, ca->revoked[i].serial_n),
                                        ca->revoked[i].revoked_at, ca->revoked[i].reason};
    if (!key || issue_crl(entries, ca->n, ca->crl_number + 1, now, now + CRL_LIFE_S, root, key,
                          ca_context(job), &der, e) < 0)
        return err_wrap(e, "CRL");
    bytes_set(&ca->crl, buf_blob(&der));
    ca->crl_number++;
    ca->crl_this = now;
    ca->crl_next = now + CRL_LIFE_S;
    local_rules_prune(ca, now); /* after it was listed once more: RFC 5280, 3.3 */
    return 0;
}

static int describe(const X509 *root, const struct local_ca *ca, struct ca_result *out,
                    struct err *e)
{
    struct cert_info i;

    if (cert_describe(root, &i, e) < 0)
        return -1;
    snprintf(out->detail, sizeof(out->detail), "%s, SHA-256 %s, CRL %lld with %zu entries",
             i.subject, i.fingerprint, (long long)ca->crl_number, ca->n);
    cert_info_free(&i);
    return 0;
}

static int prepare(struct ca_job *job, struct local_ca *ca, struct ca_result *out, struct err *e)
{
    OWN(own_x509)
    X509 *root = NULL;
    const bool first = ca->root.n == 0;

    ca_evidence(job, "Root", "running", "%s",
                first ? "making the root in the token" : "reading the root");
    if ((first && make_root(job, job->settings, ca, e) < 0) || load_root(ca, &root, e) < 0 ||
        check_key(job, root, e) < 0) {
        ca_evidence(job, "Root", "failed", "%s", e->text);
        return -1;
    }
    ca_evidence(job, "Root", "ok", "%s", first ? "made" : "matches the key in the token");
    if (first || now_s() >= ca->crl_this + CRL_REFRESH_S) {
        if (sign_crl(job, ca, root, e) < 0 || save(job, ca, e) < 0) {
            ca_evidence(job, "CRL", "failed", "%s", e->text);
            return -1;
        }
    }
    ca_evidence(job, "CRL", "ok", "number %lld", (long long)ca->crl_number);
    return describe(root, ca, out, e);
}

static int test(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(local_ca_free)
    struct local_ca ca = {0};

    if (local_ca_decode(bytes_blob(&job->memory), &ca, e) < 0)
        return -1;
    return prepare(job, &ca, out, e);
}

/* Fixes what the certificate will be, once. */
static int plan_order(struct ca_job *job, const X509 *root, struct local_order *o, struct err *e)
{
    const struct local_settings *s = job->settings;
    const int64_t now = now_s();
    OWN(buf_free)
    struct buf memory = BUF(64);

    if (job->order_memory.n > 0)
        return local_order_decode(bytes_blob(&job->order_memory), o, e);
    struct local_order planned = {.not_before = now - BACKDATE_S};
    if (local_rules_names(&job->request, &s->permitted, e) < 0 ||
        local_rules_end(job->validity_days, s->max_days, now, root, &planned.not_after, e) < 0 ||
        new_serial(planned.serial, e) < 0)
        return -1;
    local_order_encode(&planned, &memory);
    if (ca_remember_order(job, buf_blob(&memory), e) < 0)
        return -1;
    *o = planned;
    return 0;
}

static int issue(struct ca_job *job, const struct local_order *o, const X509 *root,
                 struct buf *chain, struct err *e)
{
    const struct local_settings *s = job->settings;
    const struct issue_template t = {.serial = BLOB(o->serial, sizeof(o->serial)),
                                     .subject = job->request.subject,
                                     .names = &job->request.names,
                                     .spki = buf_blob(&job->request.spki),
                                     .not_before = o->not_before,
                                     .not_after = o->not_after,
                                     .client_auth = s->client_auth,
                                     .crl_url = s->crl_url && *s->crl_url ? s->crl_url : NULL};
    OWN(own_pkey)
    EVP_PKEY *key = ca_key(job, "ca", PURPOSE_CERT, e);
    OWN(buf_free)
    struct buf leaf = BUF(DER_MAX);

    if (!key || issue_tls(&t, root, key, ca_context(job), &leaf, e) < 0)
        return err_wrap(e, "issue");
    buf_add_blob(chain, buf_blob(&leaf));
    return cert_der(root, chain, e);
}

static int enroll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(local_ca_free)
    struct local_ca ca = {0};
    OWN(own_x509)
    X509 *root = NULL;
    struct local_order o;

    if (local_ca_decode(bytes_blob(&job->memory), &ca, e) < 0 || load_root(&ca, &root, e) < 0 ||
        check_key(job, root, e) < 0 || plan_order(job, root, &o, e) < 0 ||
        issue(job, &o, root, &out->chain, e) < 0)
        return -1;
    out->state = ORDER_ISSUED;
    out->reference = hex_str(BLOB(o.serial, sizeof(o.serial)));
    log_info("local.signed", "order=%s serial=%s", log_q(job->order), out->reference);
    return 0;
}

/* Nothing waits at this CA: asked again, it issues what was planned. */
static int poll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    if (job->order_memory.n == 0)
        return err_set(e, ERR_NOT_FOUND, "the local CA never got this order; place it again");
    return enroll(job, out, e);
}

static int cancel(struct ca_job *job, struct ca_result *out, struct err *e)
{
    (void)job;
    (void)e;
    out->state = ORDER_CANCELLED;
    return 0;
}

static int revoke_cert(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(local_ca_free)
    struct local_ca ca = {0};
    OWN(own_x509)
    X509 *root = NULL;
    OWN(own_x509)
    X509 *cert = NULL;
    bool added = false;

    if (local_ca_decode(bytes_blob(&job->memory), &ca, e) < 0 || load_root(&ca, &root, e) < 0 ||
        check_key(job, root, e) < 0 || cert_parse(job->cert, &cert, e) < 0)
        return -1;
    if (X509_verify(cert, X509_get0_pubkey(root)) != 1)
        return err_set(
            e, ERR_INPUT,
            "the certificate was not issued by this CA; choose the connector that issued it");
    if (local_rules_revoke(&ca, cert, (int)job->reason, now_s(), &added, e) < 0)
        return -1;
    if (added && (sign_crl(job, &ca, root, e) < 0 || save(job, &ca, e) < 0))
        return -1;
    out->state = ORDER_REVOKED;
    snprintf(out->detail, sizeof(out->detail), "%s CRL %lld", added ? "on" : "was already on",
             (long long)ca.crl_number);
    return 0;
}

const struct connector connector_local = {
    .test = test, .enroll = enroll, .poll = poll, .cancel = cancel, .revoke = revoke_cert};
