/* From API_CALL to API_REPLY: copy, run in a fiber, answer. */
#include "src/core/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define BODY_MAX (1024 * 1024)
#define ANSWER_MAX (14 * 1024 * 1024)

static void api_free(struct api *a)
{
    char **texts[] = {&a->client, &a->method,          &a->path,     &a->query, &a->content_type,
                      &a->accept, &a->idempotency_key, &a->if_match, &a->csrf,  &a->location,
                      &a->etag,   &a->filename};
    for (size_t i = 0; i < COUNT(texts); i++)
        free(*texts[i]);
    own_wiped_str(&a->set_session);
    secret_free(&a->credential);
    wipe(a->raw_body.p, a->raw_body.n);
    bytes_free(&a->raw_body);
    json_decref(a->body);
    caller_free(&a->caller);
    buf_free(&a->out);
    free(a);
}

static void answer(struct api *a)
{
    struct err e = {0};
    struct msg_API_REPLY r = {.status = a->status,
                              .content_type = a->content_type_out,
                              .location = a->location,
                              .etag = a->etag,
                              .filename = a->filename,
                              .retry_after_s = a->retry_after_s,
                              .set_session =
                                  a->set_session ? blob_str(a->set_session) : BLOB(NULL, 0),
                              .session_age_s = a->session_age_s,
                              .changes = a->may_be_kept ? a->changes : 0,
                              .body = buf_blob(&a->out)};
    if (reply_API_REPLY(a->web, a->request, &r, &e) < 0)
        log_warn("api.reply", "path=%s error=%s", log_q(a->path), log_q(e.text));
}

static void api_fiber(void *arg)
{
    struct api *a = arg;
    struct err e = {0};
    if (api_run(a, &e) < 0)
        api_problem(a, &e);
    answer(a);
    api_free(a);
}

static int take_body(struct api *a, struct blob body, struct err *e)
{
    bytes_set(&a->raw_body, body);
    if (body.n == 0)
        return 0;
    if (str_starts(a->path, "/api/v1/system/update/pieces/"))
        return str_eq(a->content_type, "application/octet-stream")
                   ? 0
                   : err_set(e, ERR_INPUT, "Content-Type: expected application/octet-stream");
    if (!str_starts(text_of(a->content_type), "application/json") &&
        !str_starts(text_of(a->content_type), "application/merge-patch+json"))
        return err_set(e, ERR_INPUT, "Content-Type: expected application/json");
    a->body = json_parse(body, BODY_MAX, "body", e);
    return a->body ? 0 : -1;
}

void api_serve(struct core *core, struct channel *web, const struct msg *m)
{
    struct msg_API_CALL c;
    struct err e = {0};
    if (get_API_CALL(m, &c, &e) < 0) {
        log_error("api.call", "error=%s", log_q(e.text));
        return;
    }
    struct api *a = xcalloc(1, sizeof *a);
    a->core = core;
    a->web = web;
    a->request = m->id;
    a->out = BUF_SECRET(ANSWER_MAX);
    a->content_type_out = "";
    a->client = xstrdup(c.client);
    a->method = xstrdup(c.method);
    a->path = xstrdup(c.path);
    a->query = xstrdup(c.query);
    a->content_type = xstrdup(c.content_type);
    a->accept = xstrdup(c.accept);
    a->idempotency_key = xstrdup(c.idempotency_key);
    a->if_match = xstrdup(c.if_match);
    a->csrf = xstrdup(c.csrf);
    if ((c.credential.n && secret_copy(&a->credential, c.credential.p, c.credential.n, &e) < 0) ||
        take_body(a, c.body, &e) < 0) {
        api_problem(a, &e);
        answer(a);
        api_free(a);
        return;
    }
    fiber_start(core->loop, api_fiber, a);
}
