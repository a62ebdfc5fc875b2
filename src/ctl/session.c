/* Who: trust, login, logout, whoami, one-time codes, tokens. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/prompt.h"
#include "src/ctl/record.h"
#include "src/ctl/show.h"
#include "src/ctl/signin.h"

#define INSTEAD "give --stdin or --from FILE with JSON"

/* Shows the certificate of an unknown appliance; a person, or --yes, says that it is the one. */
static int first_use(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *state = NULL;

    if (ctl_option(c, OPT_CA) || ctl_option(c, OPT_PIN))
        return err_set(e, ERR_INPUT, "--first-use: not together with --ca or --pin");
    if (api_open(c, true, e) < 0)
        return -1;
    buf_clear(&c->token);
    if (api_get(c, "/state", &state, e) < 0)
        return -1;
    out_text("The certificate of %s has SHA-256\n  %s\nCompare it with what the console of the "
             "appliance shows.\n",
             c->url, web_seen(c->web));
    if (!ctl_option(c, OPT_YES) && prompt_sure("trust it?", e) < 0)
        return -1;
    free(TAKE(c->config.ca));
    return config_pin(web_seen(c->web), c->config.pin, e);
}

int trust_run(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *state = NULL;

    if (ctl_option(c, OPT_FIRST_USE)) {
        if (first_use(c, e) < 0)
            return -1;
    } else if (api_get(c, "/state", &state, e) < 0) {
        return -1;
    }
    api_keep_trust(c);
    if (config_save(&c->config, e) < 0)
        return -1;
    return out_text("%s is stored; its certificate is checked against %s.\n", c->url,
                    c->config.pin[0] ? "the pinned fingerprint"
                    : c->config.ca   ? "the root you gave"
                                     : "this computer's trusted roots");
}

static int ask(json_t *body, const char *name, const char *question, bool hidden, struct err *e)
{
    OWN(buf_free)
    struct buf answer = BUF_SECRET(PROMPT_MAX_BYTES);

    if (prompt_line(question, hidden, INSTEAD, &answer, e) < 0)
        return -1;
    json_put_take(body, name, json_stringn((const char *)answer.p, answer.n));
    return json_object_get(body, name) ? 0 : err_set(e, ERR_INPUT, "%s: expected UTF-8", question);
}

static int credentials(struct ctl *c, json_t **out, struct err *e)
{
    static const char *const members[] = {"username", "password", "code", NULL};
    const char *file = ctl_option(c, OPT_FROM_FILE);
    OWN(own_json)
    json_t *body = NULL;

    if (file || ctl_option(c, OPT_STDIN))
        return answers_read(file, members, out, e);
    body = json_object();
    if (ctl_option(c, OPT_CODE)) {
        if (ask(body, "code", "One-time code", true, e) < 0)
            return -1;
    } else {
        if (ctl_word(c, 0))
            json_put_str(body, "username", ctl_word(c, 0));
        else if (ask(body, "username", "User name", false, e) < 0)
            return -1;
        if (ask(body, "password", "Password", true, e) < 0)
            return -1;
    }
    *out = TAKE(body);
    return 0;
}

int login_run(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = NULL;
    OWN(own_json)
    json_t *session = NULL;

    if (credentials(c, &body, e) < 0 || signin_begin(c, "/session", body, &session, e) < 0 ||
        signin_keep(c, e) < 0)
        return -1;
    return out_text("Signed in to %s as %s.\n", c->url,
                    json_str(json_object_get(session, "user"), "username"));
}

int logout_run(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    struct err why = {0};

    if (api_open(c, false, e) < 0)
        return -1;
    if (!str_eq(c->config.token_url, c->url))
        return err_set(e, ERR_AUTH, "no token is stored for %s", c->url);
    OWN(own_mem)
    char *path = xasprintf("/tokens/%s", c->config.token_id);
    const int r = api_call(c, "DELETE", path, NULL, NULL, &a, &why);
    c->config.token_url[0] = c->config.token_id[0] = 0;
    if (config_token_delete(e) < 0 || config_save(&c->config, e) < 0)
        return -1;
    if (r < 0 && why.code != ERR_AUTH && why.code != ERR_NOT_FOUND)
        return err_set(e, why.code, "the token is forgotten here, but not revoked: %s", why.text);
    return out_text("Signed out of %s.\n", c->url);
}

int whoami_show(struct ctl *c, struct err *e)
{
    static const char *const skip[] = {"user", "csrf", NULL};
    OWN(own_json)
    json_t *session = NULL;
    OWN(own_json)
    json_t *shown = NULL;

    if (api_get(c, "/session", &session, e) < 0)
        return -1;
    json_object_del(session, "csrf");
    if (show_json(c, session))
        return 0;
    shown = json_object();
    json_object_set(shown, "User Name",
                    json_object_get(json_object_get(session, "user"), "username"));
    json_object_update(shown, session);
    return show_record(c, NULL, shown, skip, e);
}

/* minutes=NUMBER is the only setting, and has no schema. */
int code_make(struct ctl *c, struct err *e)
{
    const char *minutes = ctl_word(c, 1);
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_json)
    json_t *body = json_object();
    uint32_t n;

    json_put_str(body, "user", ctl_word(c, 0));
    if (minutes) {
        if (!str_starts(minutes, "minutes=") || parse_u32(minutes + 8, 1, 1440, &n, e) < 0)
            return err_set(e, ERR_INPUT, "expected minutes=1 to minutes=1440");
        json_put_int(body, "minutes", n);
    }
    if (api_call(c, "POST", "/sign-in-codes", body, NULL, &a, e) < 0)
        return -1;
    if (show_json(c, a.json))
        return 0;
    return out_text("%s\nGood once, until %s.\n", json_str(a.json, "code"),
                    json_str(a.json, "expires_at"));
}

int token_create(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    json_put_str(body, "label", ctl_word(c, 0));
    if (c->args.words.n > 1 &&
        (record_schema(c, "token", &schema, e) < 0 || settings_read(c, schema, 1, body, e) < 0))
        return -1;
    if (api_call(c, "POST", "/tokens", body, NULL, &a, e) < 0)
        return -1;
    if (ctl_option(c, OPT_OUT))
        return show_file(c, blob_str(json_str(a.json, "token")), false, 0600, e);
    if (show_json(c, a.json))
        return 0;
    return out_text("%s\n", json_str(a.json, "token"));
}
