/* The certificate of the UI. */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/ctl/show.h"

#define PATH "/system/identity"
#define CHAIN_MAX 65536

static int show(struct ctl *c, const json_t *identity, struct err *e)
{
    static const char *const skip[] = {"certificates", "warnings", NULL};
    static const char *const columns[] = {"subject",     "Subject",   "issuer",
                                          "Issuer",      "not_after", "Ends",
                                          "fingerprint", "SHA-256",   NULL};
    const json_t *w;
    size_t i;

    if (show_json(c, identity))
        return 0;
    json_array_foreach (json_object_get(identity, "warnings"), i, w)
        out_text("! %s\n", json_string_value(w));
    if (show_record(c, NULL, identity, skip, e) < 0)
        return -1;
    return show_items(c, json_object_get(identity, "certificates"), columns, NULL, e);
}

int identity_show(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *identity = NULL;

    return api_get(c, PATH, &identity, e) < 0 ? -1 : show(c, identity, e);
}

static int post(struct ctl *c, const char *tail, const json_t *body, json_t **out, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = xasprintf(PATH "/%s", tail);

    if (api_call(c, "POST", path, body, NULL, &a, e) < 0)
        return -1;
    *out = json_incref(a.json);
    return 0;
}

static json_t *names_body(const struct ctl *c)
{
    json_t *body = json_object(), *names = json_array();

    for (size_t i = 0; ctl_word(c, i); i++)
        json_array_append_new(names, json_string(ctl_word(c, i)));
    json_put_take(body, "names", names);
    return body;
}

int identity_request(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = names_body(c);
    OWN(own_json)
    json_t *made = NULL;

    if (post(c, "request", body, &made, e) < 0)
        return -1;
    return show_json(c, made) ? 0 : show_file(c, blob_str(json_str(made, "csr")), false, 0644, e);
}

int identity_import(struct ctl *c, struct err *e)
{
    OWN(buf_free)
    struct buf chain = BUF(CHAIN_MAX);
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_json)
    json_t *identity = NULL;

    if (file_read(ctl_word(c, 0), false, &chain, e) < 0)
        return -1;
    json_put_str(body, "chain", buf_cstr(&chain));
    return post(c, "import", body, &identity, e) < 0 ? -1 : show(c, identity, e);
}

int identity_renew(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = names_body(c);
    OWN(own_json)
    json_t *identity = NULL;

    return post(c, "renew", body, &identity, e) < 0 ? -1 : show(c, identity, e);
}
