/*
 * Sessions of one command (signin.h). Cookie and CSRF token stay in memory; what is stored is an
 * API token of this host's own, which can be seen and revoked in the list of tokens.
 */
#include "src/ctl/signin.h"

#include <string.h>
#include <unistd.h>

#include "src/base/own.h"

#define COOKIE "__Host-certkeep="

int signin_begin(struct ctl *c, const char *path, const json_t *body, json_t **session,
                 struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    buf_clear(&c->token); /* an old token must not go along */
    if (api_open(c, false, e) < 0)
        return -1;
    buf_clear(&c->token);
    if (api_call(c, "POST", path, body, NULL, &a, e) < 0)
        return -1;
    for (size_t i = 0; i < a.raw.headers.n; i++) {
        const char *h = a.raw.headers.v[i];
        if (strncasecmp(h, "Set-Cookie:", 11) != 0)
            continue;
        h += 11 + strspn(h + 11, " ");
        if (str_starts(h, COOKIE) && !c->cookie.n)
            buf_add(&c->cookie, h, strcspn(h, ";"));
    }
    buf_add_str(&c->csrf, json_str(a.json, "csrf"));
    if (!c->cookie.n || !c->csrf.n)
        return err_set(e, ERR_REMOTE, "the answer holds no session; is this a Certkeep?");
    *session = TAKE(a.json);
    return 0;
}

static int end_session(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    const int r = api_call(c, "DELETE", "/session", NULL, NULL, &a, e);

    buf_clear(&c->cookie);
    buf_clear(&c->csrf);
    return r;
}

static void forget_old_token(struct ctl *c)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = xasprintf("/tokens/%s", c->config.token_id);

    if (c->config.token_id[0] && str_eq(c->config.token_url, c->url))
        (void)api_call(c, "DELETE", path, NULL, NULL, &a, NULL); /* gone already is as good */
}

int signin_keep(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_json)
    json_t *body = json_object();
    const char *token, *id;
    char host[65] = "this host";

    gethostname(host, sizeof(host) - 1);
    OWN(own_mem)
    char *label = xasprintf("certkeep on %s", host);
    json_put_str(body, "label", label);
    if (api_call(c, "POST", "/tokens", body, NULL, &a, e) < 0)
        return err_wrap(e, "make a token");
    if (json_get_str(a.json, "token", 512, &token, e) < 0 ||
        json_get_str(a.json, "id", sizeof(c->config.token_id) - 1, &id, e) < 0)
        return err_wrap(e, "make a token");
    forget_old_token(c);
    api_keep_trust(c);
    snprintf(c->config.token_url, sizeof(c->config.token_url), "%s", c->url);
    if (str_copy(c->config.token_id, sizeof(c->config.token_id), id, e) < 0 ||
        config_token_save(blob_str(token), e) < 0 || config_save(&c->config, e) < 0)
        return -1;
    return end_session(c, e);
}
