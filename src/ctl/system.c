/* The appliance as a whole: state, setup, unlock, lock, health, home. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/prompt.h"
#include "src/ctl/show.h"
#include "src/ctl/signin.h"
#include "src/ctl/verbs.h"

#define INSTEAD "give --stdin or --from FILE with JSON"

static int show_state(struct ctl *c, const json_t *state, struct err *e)
{
    return show_json(c, state) ? 0 : show_record(c, NULL, state, NULL, e);
}

int state_show(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *state = NULL;

    return api_get(c, "/state", &state, e) < 0 ? -1 : show_state(c, state, e);
}

static int ask_secret(json_t *body, const char *name, const char *question, bool twice,
                      struct err *e)
{
    OWN(buf_free)
    struct buf answer = BUF_SECRET(PROMPT_MAX_BYTES);

    if ((twice ? prompt_new_secret(question, INSTEAD, &answer, e)
               : prompt_line(question, true, INSTEAD, &answer, e)) < 0)
        return -1;
    json_put_take(body, name, json_stringn((const char *)answer.p, answer.n));
    return json_object_get(body, name) ? 0 : err_set(e, ERR_INPUT, "%s: expected UTF-8", question);
}

static int setup_answers(struct ctl *c, json_t **out, struct err *e)
{
    static const char *const members[] = {"setup_code", "username", "password", "full_name",
                                          "passphrase", "names",    NULL};
    const char *file = ctl_option(c, OPT_FROM_FILE);
    OWN(own_json)
    json_t *body = NULL;
    OWN(buf_free)
    struct buf name = BUF(256);

    if (file || ctl_option(c, OPT_STDIN))
        return answers_read(file, members, out, e);
    body = json_object();
    if (ask_secret(body, "setup_code", "Setup code (on the console of the appliance)", false, e) <
            0 ||
        prompt_line("User name of the first administrator", false, INSTEAD, &name, e) < 0)
        return -1;
    json_put_str(body, "username", buf_cstr(&name));
    if (ask_secret(body, "password", "Password of this user", true, e) < 0 ||
        ask_secret(body, "passphrase", "Passphrase that opens the key store after each start", true,
                   e) < 0)
        return -1;
    *out = TAKE(body);
    return 0;
}

/*
 * The certificate seen until now was that of the boot; from now on the local CA's root is trusted.
 * It comes over the connection that was checked, so nobody can put another in its place.
 */
static int trust_local_ca(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *page = NULL;
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (api_get(c, "/connectors?limit=2&filter=type%3Aequals%3Alocal", &page, e) < 0)
        return -1;
    const char *id = json_str(json_array_get(json_object_get(page, "items"), 0), "id");
    if (!id_valid(id))
        return err_set(e, ERR_NOT_FOUND, "the appliance has no local CA");
    OWN(own_mem)
    char *path = xasprintf("/ca/%s/root.pem", id);
    if (api_call(c, "GET", path, NULL, NULL, &a, e) < 0)
        return -1;
    if (!strstr(buf_cstr(&a.raw.body), "-----BEGIN CERTIFICATE-----"))
        return err_set(e, ERR_REMOTE, "the root is not PEM");
    free(c->config.ca);
    c->config.ca = xstrdup(buf_cstr(&a.raw.body));
    c->config.pin[0] = 0;
    return 0;
}

int setup_run(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = NULL;
    OWN(own_json)
    json_t *session = NULL;
    struct err why = {0};

    if (setup_answers(c, &body, e) < 0 || signin_begin(c, "/setup", body, &session, e) < 0)
        return -1;
    out_text("The appliance is set up.\n");
    const bool trusted = trust_local_ca(c, &why) == 0;
    if (signin_keep(c, e) < 0)
        return err_wrap(e, "set up, but not signed in");
    out_text("Signed in to %s as %s.\n", c->url,
             json_str(json_object_get(session, "user"), "username"));
    if (!trusted)
        return out_text("The root of the local CA was not fetched (%s): give it with certkeep "
                        "trust --ca FILE.\n",
                        why.text);
    return out_text("From now on the root of its local CA is trusted.\n");
}

int unlock_run(struct ctl *c, struct err *e)
{
    static const char *const members[] = {"passphrase", NULL};
    const char *file = ctl_option(c, OPT_FROM_FILE);
    OWN(own_json)
    json_t *body = NULL;
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (file || ctl_option(c, OPT_STDIN)) {
        if (answers_read(file, members, &body, e) < 0)
            return -1;
    } else {
        body = json_object();
        if (ask_secret(body, "passphrase", "Passphrase", false, e) < 0)
            return -1;
    }
    if (api_call(c, "POST", "/unlock", body, NULL, &a, e) < 0)
        return -1;
    return show_state(c, a.json, e);
}

int lock_run(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (verb_sure(c, "the key store", e) < 0 || api_call(c, "POST", "/lock", NULL, NULL, &a, e) < 0)
        return -1;
    return show_state(c, a.json, e);
}

int health_show(struct ctl *c, struct err *e)
{
    static const char *const columns[] = {"title",  "Part",   "state",  "State", "since", "Since",
                                          "detail", "Detail", "remedy", "To do", NULL};
    OWN(own_json)
    json_t *health = NULL;

    if (api_get(c, "/health", &health, e) < 0)
        return -1;
    if (show_json(c, health))
        return 0;
    return show_items(c, json_object_get(health, "parts"), columns, "state", e);
}

int home_show(struct ctl *c, struct err *e)
{
    static const char *const columns[] = {"severity", "State", "title", "What",   "text",
                                          "Why",      "at",    "When",  "record", "Record",
                                          "id",       "ID",    NULL};
    static const char *const parts[] = {"breaks_next", "Breaks next", "failed", "Failed",
                                        "needs_me",    "Needs you",   NULL};
    OWN(own_json)
    json_t *home = NULL;
    const char *name;
    json_t *v;

    if (api_get(c, "/home", &home, e) < 0)
        return -1;
    if (show_json(c, home))
        return 0;
    for (size_t i = 0; parts[i]; i += 2) {
        const json_t *rows = json_object_get(home, parts[i]);
        out_text("%s%s\n", parts[i + 1], json_array_size(rows) ? "" : ": nothing");
        if (json_array_size(rows) && show_items(c, rows, columns, "severity", e) < 0)
            return -1;
        out_text("\n");
    }
    json_object_foreach (json_object_get(home, "counts"), name, v)
        out_text("%s: %lld\n", name, (long long)json_integer_value(v));
    return 0;
}
