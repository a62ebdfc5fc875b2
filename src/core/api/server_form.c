/* Forms of servers (server_form.h). */
#include "src/core/api/server_form.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/flow/server_test.h"

/* A secret of the form becomes a sealed member of the record, bound to the record's id. */
static int seal(struct api *a, const char *id, const char *name, const char *label,
                const struct secret *plain, struct bytes *out, struct err *e)
{
    OWN(own_mem)
    char *context = xasprintf("server/%s/%s", id, name);
    struct msg_KEY_SEAL m = {.context = context, .plain = secret_blob(plain)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_SEALED got;
    if (plain->n == 0)
        return 0;
    if (call_KEY_SEAL(a->core->key, &m, MSG_KEY_SEALED, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_SEALED(&r.msg, &got, e) < 0)
        return err_wrap(e, "%s", label);
    bytes_set(out, got.sealed);
    return 0;
}

static int seal_all(struct api *a, struct server *s, struct err *e)
{
    if (seal(a, s->id, "password", "Password", &s->password, &s->sealed_password, e) < 0 ||
        seal(a, s->id, "ssh_key", "SSH Private Key", &s->ssh_key, &s->sealed_ssh_key, e) < 0)
        return -1;
    return seal(a, s->id, "sudo_password", "sudo Password", &s->sudo_password, &s->sealed_sudo, e);
}

static int check_login(const struct server *s, struct err *e)
{
    bool key = str_eq(s->login, "key");
    if (key && s->ssh_key.n == 0 && s->sealed_ssh_key.n == 0)
        return err_set(e, ERR_INPUT, "SSH Private Key: needed for login by key");
    if (!key && s->password.n == 0 && s->sealed_password.n == 0)
        return err_set(e, ERR_INPUT, "Password: needed for login by %s", s->login);
    for (size_t i = 0; i < s->ports.n; i++) {
        uint32_t port;
        if (parse_u32(s->ports.v[i], 1, 65535, &port, e) < 0)
            return err_wrap(e, "Ports");
    }
    return 0;
}

int server_form_new(struct api *a, const json_t *settings, struct server *out, struct err *e)
{
    char id[ID_CHARS + 1];
    fields_init(&server_fields, out);
    if (fields_from_json(&server_fields, settings, false, out, e) < 0 || check_login(out, e) < 0)
        return -1;
    if (out->ports.n == 0)
        strs_add(&out->ports, "443");
    id_new(id); /* before the record: the secrets are sealed to it */
    text_set(&out->id, id);
    return seal_all(a, out, e);
}

int server_form_change(struct api *a, const json_t *settings, struct server *s, struct err *e)
{
    OWN(own_mem)
    char *address = xstrdup(s->address);
    if (fields_from_json(&server_fields, settings, true, s, e) < 0 || check_login(s, e) < 0 ||
        seal_all(a, s, e) < 0)
        return -1;
    if (!str_eq(address, s->address)) { /* another machine until its key says otherwise */
        text_set(&s->state, "Unverified");
        strs_free(&s->host_keys);
        strs_free(&s->offered_keys);
    }
    return 0;
}

int server_form_pins(struct api *a, const struct strs *wanted, struct server *s, struct err *e)
{
    if (wanted->n == 0)
        return 0;
    if (!api_may(a, PERM_HOST_KEY_APPROVE))
        return err_set(e, ERR_DENIED,
                       "host_keys: your roles do not include the permission HOST_KEY_APPROVE");
    strs_free(&s->host_keys);
    for (size_t i = 0; i < wanted->n; i++) {
        const char *key = server_test_offered(a->caller.user.id, s->address, s->port, wanted->v[i]);
        if (key == NULL)
            return err_set(e, ERR_CONFLICT,
                           "host_keys: %s was not offered by %s to a test of yours; test and "
                           "compare again",
                           wanted->v[i], s->address);
        strs_add(&s->host_keys, key);
    }
    return 0;
}
