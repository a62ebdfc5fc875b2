/* Decodes requests, opens their secrets and lends out their keys (job.h). */
#include "src/ca/job.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/provider/provider.h"
#include "src/base/own.h"
#include "src/ca/ca.h"
#include "src/ipc/keyclient.h"

#define OPEN_MS 15000
#define MEMORY_MAX (256 * 1024)
#define REDACT_MIN 4 /* shorter values would star out ordinary words */

/* What all five requests begin with. */
struct head {
    const char *type, *connector, *order;
    struct blob settings, secrets, keys, memory, order_memory;
};
#define HEAD(m)                                                                                    \
    ((struct head){.type = (m).type,                                                               \
                   .connector = (m).connector,                                                     \
                   .order = "",                                                                    \
                   .settings = (m).settings,                                                       \
                   .secrets = (m).secrets,                                                         \
                   .keys = (m).keys,                                                               \
                   .memory = (m).memory})
#define ORDER_HEAD(h, m) ((h).order = (m).order, (h).order_memory = (m).order_memory)

static int decode_enroll(const struct msg *in, struct ca_job *job, struct head *h, struct err *e)
{
    struct msg_CA_ENROLL m;

    if (get_CA_ENROLL(in, &m, e) < 0)
        return -1;
    *h = HEAD(m);
    ORDER_HEAD(*h, m);
    job->csr = m.csr;
    job->profile = m.profile;
    job->validity_days = m.validity_days;
    job->replaces = m.replaces;
    return 0;
}

static int decode_poll(const struct msg *in, struct ca_job *job, struct head *h, struct err *e)
{
    struct msg_CA_POLL m;

    if (get_CA_POLL(in, &m, e) < 0)
        return -1;
    *h = HEAD(m);
    ORDER_HEAD(*h, m);
    job->csr = m.csr;
    return 0;
}

static int decode_revoke(const struct msg *in, struct ca_job *job, struct head *h, struct err *e)
{
    struct msg_CA_REVOKE m;

    if (get_CA_REVOKE(in, &m, e) < 0)
        return -1;
    *h = HEAD(m);
    ORDER_HEAD(*h, m);
    job->cert = m.cert_der;
    job->reason = m.reason;
    job->comments = m.comments;
    return 0;
}

static int decode(const struct msg *in, struct ca_job *job, struct head *h, struct err *e)
{
    struct msg_CA_TEST test;
    struct msg_CA_CANCEL cancel;

    switch (in->type) {
    case MSG_CA_TEST:
        if (get_CA_TEST(in, &test, e) < 0)
            return -1;
        *h = HEAD(test);
        return 0;
    case MSG_CA_CANCEL:
        if (get_CA_CANCEL(in, &cancel, e) < 0)
            return -1;
        *h = HEAD(cancel);
        ORDER_HEAD(*h, cancel);
        job->csr = cancel.csr;
        return 0;
    case MSG_CA_ENROLL:
        return decode_enroll(in, job, h, e);
    case MSG_CA_POLL:
        return decode_poll(in, job, h, e);
    case MSG_CA_REVOKE:
        return decode_revoke(in, job, h, e);
    default:
        return err_set(e, ERR_BUG, "ca has no use for %s", msg_name(in->type));
    }
}

int job_decode(struct ca *ca, const struct msg *m, struct job *out, struct err *e)
{
    struct job j = {.job = {.ca = ca, .profile = "", .replaces = "", .comments = ""}};
    struct head h = {0};

    if (decode(m, &j.job, &h, e) < 0)
        return -1;
    j.job.kind = connector_kind_find(h.type);
    if (!j.job.kind)
        return err_set(e, ERR_BUG, "there is no connector kind %.40s", h.type);
    if (h.memory.n > MEMORY_MAX || h.order_memory.n > MEMORY_MAX)
        return err_set(e, ERR_BUG, "the connector's memory is larger than %d bytes", MEMORY_MAX);
    j.settings = xcalloc(1, j.job.kind->fields()->size);
    j.job.settings = j.settings;
    j.job.connector = h.connector;
    j.job.order = h.order;
    if (fields_decode(j.job.kind->fields(), h.settings, j.settings, e) < 0 ||
        named_blobs_decode(h.secrets, &j.secrets, e) < 0 ||
        named_blobs_decode(h.keys, &j.job.keys, e) < 0 ||
        (j.job.csr.n > 0 && csr_read(j.job.csr, &j.job.request, e) < 0)) {
        job_free(&j);
        return -1;
    }
    bytes_set(&j.job.memory, h.memory);
    bytes_set(&j.job.order_memory, h.order_memory);
    *out = j;
    return 0;
}

static struct secret *find_secret(const struct job *j, const char *name)
{
    const struct field *f;

    for (size_t at = 0; (f = fields_next_secret(j->job.kind->fields(), &at));)
        if (str_eq(f->name, name))
            return (struct secret *)((uint8_t *)j->settings + f->offset);
    return NULL;
}

static int open_secret(struct job *j, const struct named_blob *b, struct err *e)
{
    struct secret *to = find_secret(j, b->name);
    OWN(own_mem)
    char *context = xasprintf("connector/%s/%s", j->job.connector, b->name);
    const struct msg_KEY_OPEN m = {.context = context, .sealed = bytes_blob(&b->a)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_OPENED got;

    if (!to)
        return err_set(e, ERR_BUG, "%s has no secret %.40s", j->job.kind->title, b->name);
    if (call_KEY_OPEN(j->job.ca->key, &m, MSG_KEY_OPENED, OPEN_MS, &r, e) < 0 ||
        get_KEY_OPENED(&r.msg, &got, e) < 0)
        return err_wrap(e, "%s", b->name);
    secret_free(to);
    return got.plain.n ? secret_copy(to, got.plain.p, got.plain.n, e) : 0;
}

int job_open_secrets(struct job *j, struct err *e)
{
    for (size_t i = 0; i < j->secrets.n; i++)
        if (open_secret(j, &j->secrets.v[i], e) < 0)
            return -1;
    return 0;
}

void job_free(struct job *j)
{
    if (j->settings)
        fields_free(j->job.kind->fields(), j->settings);
    free(TAKE(j->settings));
    named_blobs_free(&j->secrets);
    named_blobs_free(&j->job.keys);
    csr_info_free(&j->job.request);
    bytes_free(&j->job.memory);
    bytes_free(&j->job.order_memory);
}

void job_redact(const struct ca_job *job, char *text)
{
    const struct field *f;

    for (size_t at = 0; (f = fields_next_secret(job->kind->fields(), &at));) {
        const struct secret *s =
            (const struct secret *)((const uint8_t *)job->settings + f->offset);
        char *p = text;
        while (s->n >= REDACT_MIN && (p = memmem(p, strlen(p), s->p, s->n))) {
            memset(p, '*', s->n);
            p += s->n;
        }
    }
    if (!text_clean(text, strlen(text), ""))
        for (; *text; text++)
            if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
                *text = '?';
}

const struct named_blob *ca_key_blob(const struct ca_job *job, const char *role, struct err *e)
{
    const struct named_blob *k = named_blobs_find(&job->keys, role);

    if (!k)
        err_set(e, ERR_BUG, "the connector has no key \"%s\"", role);
    return k;
}

EVP_PKEY *ca_key(const struct ca_job *job, const char *role, uint32_t purpose, struct err *e)
{
    const struct named_blob *k = ca_key_blob(job, role, e);

    return k ? provider_key(job->ca->ctx, bytes_blob(&k->b), bytes_blob(&k->a), purpose, e) : NULL;
}

int ca_sign(const struct ca_job *job, const char *role, uint32_t purpose, uint32_t scheme,
            struct blob tbs, struct buf *signature, struct err *e)
{
    const struct named_blob *k = ca_key_blob(job, role, e);

    if (!k)
        return -1;
    return keyclient_sign(job->ca->key, purpose, scheme, bytes_blob(&k->a), tbs, signature, e);
}

OSSL_LIB_CTX *ca_context(const struct ca_job *job)
{
    return job->ca->ctx;
}

struct loop *ca_loop(const struct ca_job *job)
{
    return job->ca->loop;
}
