/* The account at the CA (RFC 8555, 7.3), and what core keeps of it and of orders. */
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/ca/acme_client.h"
#include "src/ca/memory.h"

#define MEMORY_VERSION 1
#define TOKENS_MAX ACME_AUTHZ_MAX

int acme_memory_decode(struct blob in, struct acme_memory *out, struct err *e)
{
    struct reader r = reader_of(in);
    struct acme_memory m = {0};

    if (in.n > 0) {
        r.failed = read_u8(&r) != MEMORY_VERSION || r.failed;
        m.directory = memory_get_text(&r, 2048);
        m.account = memory_get_text(&r, ACME_URL_MAX);
    }
    if (!reader_done(&r)) {
        acme_memory_free(&m);
        return err_set(e, ERR_STORE,
                       "the memory of the connector is damaged; restore the latest backup");
    }
    *out = m;
    return 0;
}

void acme_memory_encode(const struct acme_memory *m, struct buf *out)
{
    buf_add_u8(out, MEMORY_VERSION);
    memory_put_text(out, m->directory);
    memory_put_text(out, m->account);
}

void acme_memory_free(struct acme_memory *m)
{
    free(m->directory);
    free(m->account);
    *m = (struct acme_memory){0};
}

int acme_placed_decode(struct blob in, struct acme_placed *out, struct err *e)
{
    struct reader r = reader_of(in);
    struct acme_placed p = {0};

    if (in.n > 0) {
        r.failed = read_u8(&r) != MEMORY_VERSION || r.failed;
        p.url = memory_get_text(&r, ACME_URL_MAX);
        const uint16_t n = read_u16(&r);
        r.failed = r.failed || n > TOKENS_MAX;
        for (uint16_t i = 0; i < n && !r.failed; i++) {
            OWN(own_mem)
            char *token = memory_get_text(&r, ACME_TOKEN_MAX);
            if (token)
                strs_add(&p.tokens, token);
        }
    }
    if (!reader_done(&r)) {
        acme_placed_free(&p);
        return err_set(e, ERR_STORE, "the memory of the order is damaged; place a new order");
    }
    *out = p;
    return 0;
}

void acme_placed_encode(const struct acme_placed *p, struct buf *out)
{
    buf_add_u8(out, MEMORY_VERSION);
    memory_put_text(out, p->url);
    buf_add_u16(out, (uint16_t)p->tokens.n);
    for (size_t i = 0; i < p->tokens.n; i++)
        memory_put_text(out, p->tokens.v[i]);
}

void acme_placed_free(struct acme_placed *p)
{
    free(p->url);
    strs_free(&p->tokens);
    *p = (struct acme_placed){0};
}

static int put_binding(const struct acme *a, json_t *body, struct err *e)
{
    const struct blob text = secret_blob(&a->s->eab_key);
    OWN(buf_free)
    struct buf key = BUF_SECRET(1024);
    OWN(buf_free)
    struct buf jws = BUF(8192);

    if (!a->s->eab_id || !*a->s->eab_id) {
        if (a->dir.eab_required)
            return err_set(e, ERR_INPUT,
                           "EAB Key ID: this CA demands external account binding; enter the key "
                           "identifier and key it gave you");
        return 0;
    }
    if (text.n == 0 || dec_base64url(&key, text.p, text.n, NULL) < 0)
        return err_set(e, ERR_INPUT,
                       "EAB Key: expected base64url without padding, as the CA gave it");
    if (jws_bind(a->s->eab_id, buf_blob(&key), a->dir.new_account, a->jwk, &jws, e) < 0)
        return -1;
    json_t *binding = json_parse(buf_blob(&jws), 8192, "binding", e);
    if (!binding)
        return -1;
    json_put_take(body, "externalAccountBinding", binding);
    return 0;
}

static int account_body(const struct acme *a, struct buf *out, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();

    if (a->dir.terms && !a->s->terms_agreed)
        return err_set(e, ERR_INPUT, "Terms of Service: read %.200s and agree to it", a->dir.terms);
    if (a->s->terms_agreed)
        json_put_bool(body, "termsOfServiceAgreed", true);
    if (a->s->contact && *a->s->contact) {
        OWN(own_mem)
        char *mailto = xasprintf("mailto:%s", a->s->contact);
        json_t *list = json_array();
        json_array_append_new(list, json_string(mailto));
        json_put_take(body, "contact", list);
    }
    return put_binding(a, body, e) < 0 ? -1 : json_print(body, out, e);
}

int acme_account_renew(struct acme *a, struct err *e)
{
    OWN(buf_free)
    struct buf body = BUF(16 * 1024);
    OWN(buf_free)
    struct buf memory = BUF(8192);
    OWN(http_response_free)
    struct http_response r = {0};

    free(TAKE(a->account)); /* newAccount is signed under the JWK */
    if (account_body(a, &body, e) < 0 ||
        acme_post(a, a->dir.new_account, buf_blob(&body), &r, e) < 0)
        return err_wrap(e, "account");
    char *url = acme_location(a, &r, e);
    if (!url)
        return err_wrap(e, "account");
    a->account = url;
    acme_memory_encode(&(struct acme_memory){.directory = a->s->base_url, .account = url}, &memory);
    return ca_remember_connector(a->job, buf_blob(&memory), e);
}

int acme_account(struct acme *a, struct err *e)
{
    OWN(acme_memory_free)
    struct acme_memory m = {0};

    if (acme_memory_decode(bytes_blob(&a->job->memory), &m, e) < 0)
        return -1;
    /* Settings that name another CA since then: the account is not there. */
    if (!m.account || !str_eq(m.directory, a->s->base_url) ||
        acme_url_check(m.account, &a->dir.hosts, "account", NULL) < 0)
        return acme_account_renew(a, e);
    a->account = TAKE(m.account);
    return 0;
}
