/* Writes answers. Nothing that came from outside gets into a header but what is checked here. */
#include "src/web/reply.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/own.h"
#include "src/base/secret.h"

/* On every answer. The UI needs nothing from elsewhere and no inline script or style. */
static const struct {
    const char *name, *value;
} always[] = {
    {"Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; "
                                "frame-ancestors 'none'; object-src 'none'"},
    {"Strict-Transport-Security", "max-age=31536000"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {"X-Frame-Options", "DENY"},
};

static void add(struct evhttp_request *req, const char *name, const char *value)
{
    if (value && *value)
        evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void add_number(struct evhttp_request *req, const char *name, size_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", value);
    add(req, name, text);
}

void reply_headers(struct evhttp_request *req, const char *type)
{
    for (size_t i = 0; i < COUNT(always); i++)
        add(req, always[i].name, always[i].value);
    add(req, "Content-Type", type);
}

static void add_file_name(struct evhttp_request *req, const char *name)
{
    char text[160];
    const size_t good =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (!*name || name[good] || good > 120)
        name = "download";
    snprintf(text, sizeof(text), "attachment; filename=\"%s\"", name);
    add(req, "Content-Disposition", text);
}

/* RFC 6265bis: the __Host- prefix binds the cookie to this host, the whole path, and TLS. */
static void add_cookie(struct evhttp_request *req, struct blob session, uint32_t age_s)
{
    char text[400];

    if (!session.n || session.n > 256)
        return;
    snprintf(text, sizeof(text),
             REQUEST_COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%u",
             (int)session.n, (const char *)session.p, age_s);
    add(req, "Set-Cookie", text);
    wipe(text, sizeof(text));
}

static void add_all(struct exchange *x, const struct answer *a)
{
    reply_headers(x->req, a->type);
    add(x->req, "Cache-Control",
        a->for_ever    ? "public, max-age=31536000, immutable"
        : a->ask_again ? "no-cache"
                       : "no-store");
    add(x->req, "Location", a->location);
    add(x->req, "ETag", a->etag);
    add(x->req, "Content-Encoding", a->encoding);
    if (a->for_ever || a->ask_again)
        add(x->req, "Vary", "Accept-Encoding");
    if (a->filename && *a->filename)
        add_file_name(x->req, a->filename);
    if (a->retry_after_s)
        add_number(x->req, "Retry-After", a->retry_after_s);
    if (a->status == 401)
        add(x->req, "WWW-Authenticate", "Bearer");
    add_cookie(x->req, a->set_session, a->session_age_s);
    if (a->close)
        add(x->req, "Connection", "close");
}

void reply_send(struct exchange *x, const struct answer *a)
{
    struct evhttp_request *req = x->req;

    if (!req)
        return;
    const bool head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
    add_all(x, a);
    if (head)
        add_number(req, "Content-Length", a->body.n);
    else if (a->body.n && a->status != 304)
        evbuffer_add(evhttp_request_get_output_buffer(req), a->body.p, a->body.n);
    exchange_release(x);
    evhttp_send_reply(req, a->status, NULL, NULL);
}

void reply_problem(struct exchange *x, int status, enum err_code code, const char *detail,
                   bool close)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(own_mem)
    char *type = xasprintf("urn:certkeep:error:%s", err_code_name(code));
    OWN(buf_free)
    struct buf body = BUF(64 * 1024);

    json_put_str(o, "type", type);
    json_put_str(o, "title", err_code_title(code));
    json_put_int(o, "status", status);
    json_put_str(o, "detail", detail);
    if (x->request)
        json_put_str(o, "instance", x->request->path);
    if (json_print(o, &body, NULL) < 0)
        buf_clear(&body);
    const struct answer a = {.status = status,
                             .type = "application/problem+json",
                             .body = buf_blob(&body),
                             .retry_after_s = code == ERR_NETWORK ? 2 : 0,
                             .close = close};
    reply_send(x, &a);
}

void reply_error(struct exchange *x, const struct err *e)
{
    reply_problem(x, err_http_status(e->code), e->code, e->text, false);
}
