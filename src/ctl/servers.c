/* Host keys of servers: shown in full and approved by a person, never by default. */
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/verbs.h"

static int add_offered(struct ctl *c, const json_t *server, json_t *list, struct err *e)
{
    const json_t *offered = json_object_get(server, "offered_keys");
    size_t i;
    json_t *one;

    if (json_array_size(offered) == 0)
        return err_set(e, ERR_CONFLICT,
                       "the server has shown no host key that is not pinned; "
                       "certkeep server test asks it");
    out_text("Keys that %s shows; compare them with the server's own console:\n",
             json_str(server, "description"));
    json_array_foreach (offered, i, one)
        out_text("  %s\n", json_string_value(one) ? json_string_value(one) : "");
    json_array_extend(list, (json_t *)offered);
    return ctl_option(c, OPT_YES) ? err_set(e, ERR_INPUT,
                                            "--yes approves only fingerprints that "
                                            "are given as words")
                                  : verb_sure(c, "these", e);
}

/* "ssh-ed25519 SHA256:..." may be given whole or as the fingerprint alone. */
static const char *offered_as(const json_t *server, const char *text)
{
    size_t i;
    json_t *one;

    json_array_foreach (json_object_get(server, "offered_keys"), i, one) {
        const char *key = json_string_value(one);
        if (key && (str_eq(key, text) || (str_ends(key, text) && strlen(text) >= 40)))
            return key;
    }
    return NULL;
}

int server_approve(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *server = NULL;
    OWN(own_json)
    json_t *body = json_object();
    json_t *list = json_array();
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    json_put_take(body, "fingerprints", list);
    if (!path || api_get(c, path, &server, e) < 0)
        return -1;
    for (size_t i = 1; i < c->args.words.n; i++) {
        const char *key = offered_as(server, ctl_word(c, i));
        if (!key)
            return err_set(e, ERR_INPUT,
                           "%.120s: the server has not shown this key; certkeep "
                           "server show lists what it shows",
                           ctl_word(c, i));
        json_array_append_new(list, json_string(key));
    }
    if (json_array_size(list) == 0 && add_offered(c, server, list, e) < 0)
        return -1;
    return verb_post(c, "host-keys/approve", body, e);
}
