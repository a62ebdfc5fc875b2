/* Servers: add, change, check, approve host keys, disable, delete (contract I, S6). */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/api/server_form.h"
#include "src/core/flow/jobs.h"
#include "src/core/flow/server_test.h"

static int get(struct api *a, struct txn *t, struct server *s, struct err *e)
{
    return row_get(t, TABLE_SERVER, a->param, s, e);
}

/* has_* come from the sealed members: the record in the store has no plain secret. */
static int answer(struct api *a, uint32_t status, const struct server *s, struct err *e)
{
    if (api_record(a, status, TABLE_SERVER, s, e) < 0)
        return -1;
    OWN(own_json)
    json_t *o = json_parse(buf_blob(&a->out), a->out.n, "record", e);
    if (o == NULL)
        return -1;
    json_put_bool(o, "has_password", s->sealed_password.n > 0);
    json_put_bool(o, "has_ssh_key", s->sealed_ssh_key.n > 0);
    json_put_bool(o, "has_sudo_password", s->sealed_sudo.n > 0);
    return api_json(a, status, TAKE(o), e);
}

int on_servers_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_SERVER, e);
}

int on_servers_get(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_server)
    struct server s = {0};
    if (txn_begin(a->core->db, false, &t, e) < 0 || get(a, t, &s, e) < 0)
        return -1;
    return answer(a, 200, &s, e);
}

int on_servers_create(struct api *a, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    if (api_body(a, &b, e) < 0 || server_form_new(a, b, &s, e) < 0 ||
        txn_begin(a->core->db, true, &t, e) < 0 || row_put(t, TABLE_SERVER, &s, e) < 0 ||
        api_audit(a, t, "server", s.id, s.description, s.address, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    a->location = xasprintf("/api/v1/servers/%s", s.id);
    return answer(a, 201, &s, e);
}

int on_servers_update(struct api *a, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    if (txn_begin(a->core->db, false, &t, e) < 0 || get(a, t, &s, e) < 0)
        return -1;
    txn_abort(&t);
    t = NULL;
    if (api_edit(a, &s, e) < 0 || api_body(a, &b, e) < 0 || server_form_change(a, b, &s, e) < 0 ||
        txn_begin(a->core->db, true, &t, e) < 0 || row_put(t, TABLE_SERVER, &s, e) < 0 ||
        api_audit(a, t, "server", s.id, s.description, "changed", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return answer(a, 200, &s, e);
}

static int used_by(struct txn *t, const char *server, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err none = {0};
    if (row_find(t, TABLE_CERT, "server", server, &c, &none) < 0)
        return none.code == ERR_NOT_FOUND ? 0 : err_set(e, none.code, "%s", none.text);
    return err_set(e, ERR_CONFLICT,
                   "certificate %s is deployed to this server: delete it or move it first", c.name);
}

int on_servers_delete(struct api *a, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || get(a, t, &s, e) < 0 ||
        api_check_match(a, s.edits, e) < 0 || used_by(t, s.id, e) < 0 ||
        row_delete(t, TABLE_SERVER, s.id, e) < 0 ||
        api_audit(a, t, "server", s.id, s.description, "deleted", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}

int on_servers_test(struct api *a, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    char job[ID_CHARS + 1];
    if (txn_begin(a->core->db, true, &t, e) < 0 || get(a, t, &s, e) < 0)
        return -1;
    struct job_request q = {.kind = JOB_SERVER_CHECK,
                            .server = s.id,
                            .subject = s.description,
                            .requested_by = api_user(a)};
    if (job_create(t, &q, job, e) < 0 ||
        api_audit(a, t, "server", s.id, s.description, job, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_accepted(a, job, e);
}

/* The key as the server offered it: in its last check, or to this user's test before it was saved.
 */
static const char *offered_as(struct api *a, const struct server *s, const char *text)
{
    if (strs_has(&s->offered_keys, text))
        return text;
    return server_test_offered(a->caller.user.id, s->address, s->port, text);
}

/* Pins what a person compared: only keys the server really offered can be approved. */
int on_servers_approve_host_keys(struct api *a, struct err *e)
{
    static const char *const names[] = {"fingerprints", NULL};
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    struct strs wanted = {0};
    json_t *b;
    int rc = -1;
    if (api_body(a, &b, e) == 0 && json_only(b, names, e) == 0 &&
        json_opt_strs(b, "fingerprints", 20, 400, &wanted, e) == 0 &&
        txn_begin(a->core->db, true, &t, e) == 0 && get(a, t, &s, e) == 0)
        rc = 0;
    if (rc == 0 && wanted.n == 0)
        rc = err_set(e, ERR_INPUT, "fingerprints: name the offered host keys you compared");
    for (size_t i = 0; rc == 0 && i < wanted.n; i++)
        if (offered_as(a, &s, wanted.v[i]) == NULL)
            rc = err_set(
                e, ERR_CONFLICT,
                "fingerprints: %s was not offered by the server; check it again and compare",
                wanted.v[i]);
    if (rc == 0) {
        strs_free(&s.host_keys);
        for (size_t i = 0; i < wanted.n; i++)
            strs_add(&s.host_keys, offered_as(a, &s, wanted.v[i]));
        strs_free(&s.offered_keys);
        text_set(&s.state, "Unverified");
        text_set(&s.last_error, "");
        api_edited(&s);
        OWN(own_mem)
        char *detail = strs_join(&s.host_keys, ", ");
        rc = row_put(t, TABLE_SERVER, &s, e) < 0 ||
                     api_audit(a, t, "server", s.id, s.description, detail, e) < 0 ||
                     txn_commit(&t, e) < 0
                 ? -1
                 : 0;
    }
    strs_free(&wanted);
    return rc < 0 ? -1 : answer(a, 200, &s, e);
}

static int set_state(struct api *a, const char *state, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || get(a, t, &s, e) < 0)
        return -1;
    text_set(&s.state, state);
    api_edited(&s);
    if (row_put(t, TABLE_SERVER, &s, e) < 0 ||
        api_audit(a, t, "server", s.id, s.description, state, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return answer(a, 200, &s, e);
}

int on_servers_disable(struct api *a, struct err *e)
{
    return set_state(a, "Disabled", e);
}

int on_servers_enable(struct api *a, struct err *e)
{
    return set_state(a, "Unverified", e);
}
