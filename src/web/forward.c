/* Carries requests to core. Judges nothing: who may do what is core's. Repeats only what reads. */
#include "src/web/forward.h"

#include <event2/buffer.h>
#include <string.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/ipc/call.h"
#include "src/web/limits.h"
#include "src/web/reply.h"

/* The body may hold a password: it is taken out of evhttp's memory and wiped there. */
static void take_body(struct evhttp_request *req, struct buf *out)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    const size_t n = evbuffer_get_length(in);
    uint8_t *p = n ? evbuffer_pullup(in, -1) : NULL;

    if (!p)
        return;
    buf_add(out, p, n);
    wipe(p, n);
    evbuffer_drain(in, n);
}

static bool reads_only(const struct request *r)
{
    return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static int call_core(struct exchange *x, struct blob body, struct reply *got, struct err *e)
{
    const struct request *r = x->request;
    const struct msg_API_CALL call = {.client = x->client,
                                      .credential = blob_str(r->credential),
                                      .csrf = r->csrf,
                                      .method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method,
                                      .path = r->path,
                                      .query = r->query,
                                      .content_type = r->content_type,
                                      .accept = r->accept,
                                      .idempotency_key = r->idempotency_key,
                                      .if_match = r->if_match,
                                      .body = body};
    int rc = call_API_CALL(x->server->core, &call, MSG_API_REPLY, WEB_API_MS, got, e);

    /* core died meanwhile: a read may be asked of the next one, which parent starts. */
    if (rc < 0 && e->code == ERR_NETWORK && reads_only(r) && !channel_open(x->server->core))
        rc = call_API_CALL(x->server->core, &call, MSG_API_REPLY, WEB_API_MS, got, e);
    return rc;
}

static void answer(struct exchange *x, const struct msg_API_REPLY *m)
{
    const struct answer a = {.status = (int)m->status,
                             .type = m->content_type,
                             .body = m->body,
                             .location = m->location,
                             .etag = m->etag,
                             .filename = m->filename,
                             .retry_after_s = m->retry_after_s,
                             .set_session = m->set_session,
                             .session_age_s = m->session_age_s};

    if (m->status < 200 || m->status > 599)
        reply_problem(x, 500, ERR_BUG, "core answered without a status", false);
    else
        reply_send(x, &a);
    kept_add(&x->server->kept, x->request, m);
}

static bool answer_kept(struct exchange *x)
{
    const struct kept_answer *k = kept_find(&x->server->kept, x->request);

    if (!k)
        return false;
    const struct answer a = {
        .status = 200, .type = k->type, .body = buf_blob(&k->body), .etag = k->etag};
    reply_send(x, &a);
    exchange_free(x);
    return true;
}

static void forward(void *arg)
{
    struct exchange *x = arg;
    OWN(buf_free)
    struct buf body = BUF_SECRET(REQUEST_BODY_MAX);
    OWN(reply_done)
    struct reply got = {};
    struct msg_API_REPLY m;
    struct err e;

    take_body(x->req, &body);
    if (call_core(x, buf_blob(&body), &got, &e) < 0 || get_API_REPLY(&got.msg, &m, &e) < 0) {
        log_warn("web.api", "method=%s path=%s why=%s", x->request->method, x->request->path,
                 log_q(e.text));
        if (e.code == ERR_NETWORK)
            reply_problem(x, 503, ERR_NETWORK,
                          "the appliance's core is restarting; try again in a moment", false);
        else
            reply_error(x, &e);
    } else {
        answer(x, &m);
    }
    exchange_free(x);
}

void forward_start(struct exchange *take_x)
{
    if (!answer_kept(take_x))
        fiber_start(take_x->server->loop, forward, take_x);
}
