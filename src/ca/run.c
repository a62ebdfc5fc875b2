/*
 * One request of core from message to answer, in a fiber: settings decoded, secrets opened, the
 * connector called, and what every connector owes checked here: the certificate is for the key of
 * the request, the chain is in order, and no secret is in any text that leaves.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ca/ca.h"
#include "src/ca/job.h"
#include "src/ca/line.h"
#include "src/ca/status.h"

#define CALL_MS 15000
#define REQUESTS_MAX 256
#define BURST 3 /* seconds' worth of requests that may go at once */

static const struct {
    const char *name;
    const struct connector *connector;
} connectors[] = {
#define CONNECTOR(name, title, ca_type, help, reasons, members, keys) {#name, &connector_##name},
#include "src/model/connectors.def"
#undef CONNECTOR
};

static const struct connector *find_connector(const char *type)
{
    for (size_t i = 0; i < COUNT(connectors); i++)
        if (str_eq(connectors[i].name, type))
            return connectors[i].connector;
    return NULL;
}

/* A request, kept until it is answered: the message itself is gone after its handler. */
struct request {
    struct ca *ca;
    struct msg msg;
    uint8_t *body;
};

typedef int (*operation)(struct ca_job *job, struct ca_result *out, struct err *e);

static operation operation_of(const struct connector *c, enum msg_type type)
{
    switch (type) {
    case MSG_CA_TEST:
        return c->test;
    case MSG_CA_ENROLL:
        return c->enroll;
    case MSG_CA_POLL:
        return c->poll;
    case MSG_CA_CANCEL:
        return c->cancel;
    case MSG_CA_REVOKE:
        return c->revoke;
    default:
        return NULL;
    }
}

static void result_free(struct ca_result *r)
{
    free(r->reference);
    buf_free(&r->chain);
}

/* The issued chain as core stores it: the leaf of this request first, then its issuers, PEM. */
static int finish_chain(const struct ca_job *job, struct ca_result *r, struct err *e)
{
    OWN(chain_free)
    struct chain found = {0};
    OWN(chain_free)
    struct chain ordered = {0};
    OWN(buf_free)
    struct buf pem = BUF(CHAIN_MAX_CERTS * 2 * CERT_MAX_BYTES);

    if (r->state != ORDER_ISSUED)
        return 0;
    if (chain_parse(buf_blob(&r->chain), &found, e) < 0 ||
        chain_order(&found, buf_blob(&job->request.spki), false, &ordered, e) < 0 ||
        chain_pem(&ordered, &pem, e) < 0)
        return err_wrap(e, "issued certificate");
    buf_free(&r->chain);
    r->chain = pem;
    pem = (struct buf){0};
    return 0;
}

static int send_result(const struct request *q, const struct ca_job *job, struct ca_result *r,
                       struct err *e)
{
    job_redact(job, r->detail);
    if (q->msg.type == MSG_CA_TEST) {
        const struct msg_CA_TESTED m = {.memory = bytes_blob(&job->memory), .detail = r->detail};
        return reply_CA_TESTED(q->ca->core, q->msg.id, &m, e);
    }
    const struct msg_CA_ORDER m = {.state = r->state,
                                   .reference = r->reference,
                                   .order_memory = bytes_blob(&job->order_memory),
                                   .chain_pem = buf_blob(&r->chain),
                                   .retry_after_s = r->retry_after_s,
                                   .detail = r->detail};
    return reply_CA_ORDER(q->ca->core, q->msg.id, &m, e);
}

static int run_alone(const struct request *q, operation op, struct ca_job *job, struct ca_result *r,
                     struct err *e)
{
    const bool writes_connector = q->msg.type == MSG_CA_TEST || q->msg.type == MSG_CA_REVOKE;
    struct busy me;

    if (busy_enter(&q->ca->busy, &me, writes_connector ? job->connector : job->order, e) < 0)
        return -1;
    const int got = op(job, r, e);
    busy_leave(&q->ca->busy, &me);
    return got;
}

static int run_connector(const struct request *q, struct ca_job *job, const struct connector *c,
                         struct err *e)
{
    const operation op = operation_of(c, q->msg.type);
    OWN(result_free)
    struct ca_result r = {.chain = BUF(CHAIN_MAX_CERTS * CERT_MAX_BYTES)};

    if (!op && q->msg.type == MSG_CA_CANCEL) {
        r.state = ORDER_CANCELLED;
        snprintf(r.detail, sizeof(r.detail),
                 "cancelled here; %s has no way to cancel an order, and may still issue it",
                 job->kind->title);
        return send_result(q, job, &r, e);
    }
    if (!op)
        return err_set(e, ERR_CONFLICT, "%s does not offer this operation", job->kind->title);
    if (run_alone(q, op, job, &r, e) < 0) {
        if (job->line_failed && q->msg.type != MSG_CA_TEST &&
            (e->code == ERR_CRYPTO || e->code == ERR_REMOTE))
            e->code = ERR_NETWORK; /* nobody judged the request: later */
        job_redact(job, e->text);
        return -1;
    }
    if (finish_chain(job, &r, e) < 0) {
        job_redact(job, e->text);
        return -1;
    }
    log_info("ca.answer", "op=%s connector=%s order=%s state=%s", msg_name(q->msg.type),
             log_q(job->connector), log_q(job->order),
             q->msg.type == MSG_CA_TEST ? "tested" : order_state_name(r.state));
    return send_result(q, job, &r, e);
}

static int run_job(const struct request *q, struct err *e)
{
    OWN(job_free)
    struct job j = {0};

    if (job_decode(q->ca, &q->msg, &j, e) < 0)
        return -1;
    const struct connector *c = find_connector(j.job.kind->name);
    if (!c)
        return err_set(e, ERR_BUG, "connector kind %s has no code", j.job.kind->name);
    j.job.connector_code = c;
    if (job_open_secrets(&j, e) < 0)
        return err_wrap(e, "secrets of the connector");
    return run_connector(q, &j.job, c, e);
}

static void run_request(void *arg)
{
    struct request *q = arg;
    struct err e = {0};
    struct msg_CA_CSR csr;
    struct msg_CA_STATUS status;
    int got;

    if (q->msg.type == MSG_CA_STATUS)
        got =
            get_CA_STATUS(&q->msg, &status, &e) < 0 ? -1 : ca_status(q->ca, q->msg.id, &status, &e);
    else if (q->msg.type == MSG_CA_PROBE)
        got = ca_probe(q->ca, &q->msg, &e);
    else if (q->msg.type == MSG_CA_CSR)
        got = get_CA_CSR(&q->msg, &csr, &e) < 0 ? -1 : ca_make_csr(q->ca, q->msg.id, &csr, &e);
    else
        got = run_job(q, &e);
    if (got < 0) {
        log_warn("ca.failed", "op=%s code=%s why=%s", msg_name(q->msg.type), err_code_name(e.code),
                 log_q(e.text));
        reply_failed(q->ca->core, q->msg.id, &e);
    }
    free(q->body);
    free(q);
}

void ca_message(struct channel *from, struct msg *m, void *arg)
{
    if (fiber_count() >= REQUESTS_MAX) {
        reply_failed(
            from, m->id,
            &(struct err){ERR_LIMIT, "too many requests to CAs at once: try again in a moment"});
        return;
    }
    struct request *q = xcalloc(1, sizeof(*q));
    q->ca = arg;
    q->msg = *m;
    q->msg.fd = -1;
    q->body = xmemdup(m->body.p, m->body.n);
    q->msg.body.p = q->body;
    fiber_start(q->ca->loop, run_request, q);
}

static int remember(struct ca_job *job, const char *order, struct blob memory, struct bytes *kept,
                    struct err *e)
{
    const struct msg_CA_REMEMBER m = {
        .connector = job->connector, .order = order, .memory = memory};
    OWN(reply_done)
    struct reply r = {0};

    if (call_CA_REMEMBER(job->ca->core, &m, MSG_DONE, CALL_MS, &r, e) < 0)
        return err_wrap(e, "remember");
    bytes_set(kept, memory);
    return 0;
}

int ca_remember_connector(struct ca_job *job, struct blob memory, struct err *e)
{
    return remember(job, "", memory, &job->memory, e);
}

int ca_remember_order(struct ca_job *job, struct blob memory, struct err *e)
{
    return remember(job, job->order, memory, &job->order_memory, e);
}

void ca_evidence(const struct ca_job *job, const char *step, const char *state, const char *fmt,
                 ...)
{
    char text[ERR_TEXT_BYTES];
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    job_redact(job, text);
    const struct msg_CA_EVIDENCE m = {
        .subject = job->connector, .step = step, .state = state, .text = text};
    if (send_CA_EVIDENCE(job->ca->core, &m, &e) < 0)
        log_warn("ca.evidence", "why=%s", log_q(e.text));
}

int ca_publish(struct ca_job *job, const char *token, const char *answer, struct err *e)
{
    const struct msg_CA_HTTP01 m = {.token = token, .answer = answer};
    OWN(reply_done)
    struct reply r = {0};

    if (call_CA_HTTP01(job->ca->core, &m, MSG_DONE, CALL_MS, &r, e) < 0)
        return err_wrap(e, "publish the http-01 answer");
    return 0;
}

int ca_http(struct ca_job *job, const struct http_request *q, struct http_response *out,
            struct err *e)
{
    OWN(line_free)
    struct line line = {0};
    struct http_request sent = *q;

    job->line_failed = false;
    line_of(job, &line);
    const uint64_t wait_ms =
        limits_take(&job->ca->limits, job->connector, line.per_s, line.per_s * BURST);
    if (wait_ms > 0)
        fiber_sleep(job->ca->loop, wait_ms);
    sent.anchors = line.trust;
    sent.proxy = line.proxy;
    sent.proxy_user = line.user;
    sent.proxy_password = line.password;
    if (http_perform(job->ca->http, &sent, out, e) == 0)
        return 0;
    job->line_failed = true;
    return -1;
}

int ca_unusable(struct ca_job *job, struct err *e, const char *fmt, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    job->line_failed = true;
    return err_set(e, ERR_REMOTE, "%s", text);
}
