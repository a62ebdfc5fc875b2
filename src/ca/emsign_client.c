/* The envelope of the emSign Hub API (emsign_client.h). */
#include "src/ca/emsign_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"

#define BODY_MAX (128 * 1024)

int emsign_auth_key(struct blob access_key, const char *ts, const char *txn, char out[65],
                    struct err *e)
{
    OWN(buf_free)
    struct buf in = BUF_SECRET(1024);
    uint8_t sum[32];

    buf_add_blob(&in, access_key);
    buf_add_str(&in, ts);
    buf_add_str(&in, txn);
    if (buf_check(&in, "access key", e) < 0 || sha256(buf_blob(&in), sum, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(sum, sizeof(sum)));
    return str_copy(out, 65, hex, e);
}

/* A new one for every request: the CA refuses a transaction number it has seen. */
static json_t *meta(const struct emsign *c, struct err *e)
{
    char ts[TIME_TEXT_BYTES + 8], txn[ID_CHARS + 1], key[65];

    time_print(now_s(), ts);
    ts[strcspn(ts, "Z")] = '\0';
    snprintf(ts + strlen(ts), 7, "+00:00"); /* it wants the offset in digits */
    id_new(txn);
    if (emsign_auth_key(secret_blob(&c->s->access_key), ts, txn, key, e) < 0)
        return NULL;
    json_t *m = json_object();
    json_put_str(m, "ver", "1.0");
    json_put_str(m, "ts", ts);
    json_put_str(m, "txn", txn);
    json_put_str(m, "accountNumber", c->s->account_number);
    json_put_str(m, "authKey", key);
    return m;
}

static int judge_status(struct emsign *c, long status, struct err *e)
{
    if (status == 200)
        return 0;
    c->refused = status >= 400 && status < 500;
    if (status == 401 || status == 403)
        return err_set(e, ERR_AUTH,
                       "emSign answered %ld: check Account Number and AccessKey, and whether the "
                       "account admits this appliance's address",
                       status);
    if (status == 404)
        return err_set(e, ERR_NOT_FOUND,
                       "emSign answered 404: no such API there; check the emSign API Base URL");
    if (status == 429)
        return err_set(e, ERR_LIMIT, "emSign answered 429: too many requests");
    if (status >= 500)
        return err_set(e, ERR_NETWORK, "emSign answered %ld: it is in trouble; tried again later",
                       status);
    return ca_unusable(c->job, e, "emSign answered %ld; expected 200, check the Base URL", status);
}

static int send_once(struct emsign *c, const char *endpoint, json_t *body, struct http_response *r,
                     struct err *e)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const char *base = c->s->base_url;
    size_t n = strlen(base);
    OWN(buf_free)
    struct buf text = BUF(BODY_MAX);

    while (n > 0 && base[n - 1] == '/')
        n--;
    OWN(own_mem)
    char *url = xasprintf("%.*s/%s", (int)n, base, endpoint);
    if (json_print(body, &text, e) < 0)
        return -1;
    const struct http_request q = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .body = buf_blob(&text),
                                   .once = true,
                                   .max_body = EMSIGN_ANSWER_MAX};
    return ca_http(c->job, &q, r, e);
}

static json_t *exchange(struct emsign *c, const char *endpoint, json_t *body, struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};
    struct err why = {0};

    c->refused = false;
    c->meta = (struct emsign_meta){0};
    if (send_once(c, endpoint, body, &r, e) < 0 || judge_status(c, r.status, e) < 0)
        return NULL;
    json_t *answer = emsign_answer_parse(buf_blob(&r.body), &c->meta, &why);
    if (!answer)
        (void)ca_unusable(c->job, e, "%s; check the emSign API Base URL", why.text);
    return answer;
}

/* A refusal without a known code may be of the credentials: the plainest call says. */
static int doubt_credentials(struct emsign *c, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    const struct emsign_meta said = c->meta;
    json_t *m = meta(c, e);

    if (!m)
        return -1;
    json_put_take(body, "meta", m);
    OWN(own_json)
    json_t *answer = exchange(c, "ValidateCredentials", body, e);
    const bool bad = answer && !c->meta.ok && !emsign_throttled(&c->meta);
    c->meta = said;
    c->refused = true;
    return bad ? err_set(e, ERR_AUTH,
                         "emSign refuses the account: %.200s; check Account Number and AccessKey",
                         said.text[0] ? said.text : "no explanation")
               : emsign_refused(&said, e);
}

json_t *emsign_call(struct emsign *c, const char *endpoint, const char *block, json_t *value,
                    struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    json_t *m = meta(c, e);

    if (!m) {
        json_decref(value);
        return NULL;
    }
    json_put_take(body, "meta", m);
    if (value)
        json_put_take(body, block, value);
    OWN(own_json)
    json_t *answer = exchange(c, endpoint, body, e);
    if (!answer) {
        err_wrap(e, "%s", endpoint);
        return NULL;
    }
    if (c->meta.ok)
        return TAKE(answer);
    c->refused = true;
    log_info("emsign.refused", "call=%s code=%s", endpoint, log_q(c->meta.code));
    if (emsign_refused(&c->meta, e) < 0 && e && e->code == ERR_DENIED && !c->meta.code[0])
        (void)doubt_credentials(c, e);
    err_wrap(e, "%s", endpoint);
    return NULL;
}
