/* CA connectors: create validates, a failed one stays Draft, delete is guarded (contract P, S7). */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/connector_store.h"
#include "src/core/evidence.h"
#include "src/core/flow/parts.h"
#include "src/core/policies.h"

int on_connectors_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_CONNECTOR, e);
}

static int answer(struct api *a, uint32_t status, const struct connector *c, const char *job,
                  struct err *e)
{
    json_t *settings = connector_settings_json(c, e);
    if (settings == NULL)
        return -1;
    json_t *o = api_record_json(TABLE_CONNECTOR, c);
    json_put_take(o, "settings", settings);
    if (job)
        json_put_str(o, "job", job);
    api_etag(a, TABLE_CONNECTOR, c);
    return api_json(a, status, o, e);
}

int on_connectors_get(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    if (load(a->core, TABLE_CONNECTOR, a->param, &c, e) < 0)
        return -1;
    return answer(a, 200, &c, NULL, e);
}

/* The validation that follows each save. */
static int start_check(struct api *a, struct txn *t, const struct connector *c,
                       char job[ID_CHARS + 1], struct err *e)
{
    struct job_request q = {.kind = JOB_CONNECTOR_CHECK,
                            .connector = c->id,
                            .subject = c->name,
                            .requested_by = api_user(a)};
    evidence_clear(c->id);
    return job_create(t, &q, job, e);
}

/* Saves, audits, starts the validation, answers. */
static int keep(struct api *a, struct connector *c, uint32_t status, const char *detail,
                struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    char job[ID_CHARS + 1];
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_put(t, TABLE_CONNECTOR, c, e) < 0 ||
        start_check(a, t, c, job, e) < 0 ||
        api_audit(a, t, "connector", c->id, c->name, detail, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return status == 202 ? api_accepted(a, job, e) : answer(a, status, c, job, e);
}

static int read_body(struct api *a, const char **name, const char **type, json_t **settings,
                     struct err *e)
{
    static const char *const names[] = {"name", "type", "settings", NULL};
    json_t *b;
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_opt_str(b, "name", 100, name, e) < 0 || json_opt_str(b, "type", 20, type, e) < 0)
        return -1;
    if (json_object_get(b, "settings") == NULL)
        return 0;
    return json_get_obj(b, "settings", settings, e);
}

static int name_is_free(struct api *a, const char *name, const char *but, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_connector)
    struct connector other = {0};
    struct err none = {0};
    if (txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    if (row_find(t, TABLE_CONNECTOR, "name", name, &other, &none) < 0 || str_eq(other.id, but))
        return 0;
    return err_set(e, ERR_CONFLICT, "Name: another connector is called %s; choose another", name);
}

int on_connectors_create(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    const char *name = "", *type = "";
    json_t *settings = NULL;
    char id[ID_CHARS + 1];
    fields_init(&connector_fields, &c);
    if (read_body(a, &name, &type, &settings, e) < 0)
        return -1;
    if (name[0] == '\0' || !text_clean(name, strlen(name), ""))
        return err_set(e, ERR_INPUT, "Name: needed, one line of at most 100 characters");
    if (settings == NULL)
        return err_set(e, ERR_INPUT,
                       "settings: expected an object; GET /api/v1/schema/connector.%s describes it",
                       type);
    if (name_is_free(a, name, "", e) < 0)
        return -1;
    id_new(id); /* secrets are sealed to it */
    text_set(&c.id, id);
    text_set(&c.name, name);
    text_set(&c.type, type);
    text_set(&c.state, "Validating");
    if (connector_take_settings(a->core, &c, settings, false, e) < 0)
        return -1;
    a->location = xasprintf("/api/v1/connectors/%s", c.id);
    return keep(a, &c, 201, "created", e);
}

/*
 * New settings are judged over those that wait, else over those that serve. A connector in use
 * keeps serving with the old ones until the new are validated; any other takes them at once.
 */
static int change_settings(struct api *a, struct connector *c, const json_t *settings,
                           struct err *e)
{
    OWN(own_connector)
    struct connector changed = {0};
    bool waits = connector_has_next(c);
    if (load(a->core, TABLE_CONNECTOR, c->id, &changed, e) < 0 ||
        (waits && connector_take_next(&changed, e) < 0))
        return -1;
    bool in_use = waits || str_eq(c->state, "Active") || str_eq(c->state, "Error");
    if (!in_use) {
        if (str_eq(c->state, "Draft"))
            text_set(&c->state, "Validating");
        return connector_take_settings(a->core, c, settings, true, e);
    }
    if (connector_take_settings(a->core, &changed, settings, true, e) < 0)
        return -1;
    text_set(&c->keys, changed.keys);
    connector_propose(c, &changed);
    return 0;
}

int on_connectors_update(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    const char *name = "", *type = "";
    json_t *settings = NULL;
    if (load(a->core, TABLE_CONNECTOR, a->param, &c, e) < 0 || api_edit(a, &c, e) < 0 ||
        read_body(a, &name, &type, &settings, e) < 0)
        return -1;
    if (type[0] && !str_eq(type, c.type))
        return err_set(e, ERR_INPUT, "Type: a connector keeps its type; create another one");
    if (name[0] && name_is_free(a, name, c.id, e) < 0)
        return -1;
    if (name[0])
        text_set(&c.name, name);
    if (settings && change_settings(a, &c, settings, e) < 0)
        return -1;
    return keep(a, &c, 200, "changed", e);
}

struct use {
    const char *connector;
    char name[256];
};

static int use_one(void *record, void *arg, struct err *e)
{
    const struct order *o = record;
    struct use *u = arg;
    static const char *const open[] = {"Draft", "Queued", "CSR Pending", "Validation Pending",
                                       "Approval Pending"};
    if (!str_eq(o->connector, u->connector))
        return 1;
    for (size_t i = 0; i < COUNT(open); i++)
        if (str_eq(o->state, open[i]))
            return str_copy(u->name, sizeof u->name, text_of(o->name), e) < 0 ? -1 : 1;
    return 0;
}

static int cert_use(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct use *u = arg;
    if (!str_eq(c->connector, u->connector))
        return 1;
    return str_copy(u->name, sizeof u->name, text_of(c->name), e) < 0 ? -1 : 1;
}

static int named_by_policy(struct txn *t, const char *connector, struct err *e)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    if (policies_load(t, &s, e) < 0)
        return -1;
    for (size_t i = 0; i < s.n; i++)
        if (strs_has(&s.v[i].connectors, connector) || strs_has(&s.v[i].for_connectors, connector))
            return err_set(e, ERR_CONFLICT,
                           "policy %s names this connector: take it out of the policy first",
                           s.v[i].name);
    return 0;
}

/* Certificates configured for it, open orders and policies stand in the way. */
static int used_by(struct txn *t, const char *connector, struct err *e)
{
    struct use u = {.connector = connector};
    if (row_each(t, TABLE_CERT, "connector", connector, cert_use, &u, e) < 0)
        return -1;
    if (u.name[0])
        return err_set(
            e, ERR_CONFLICT,
            "certificate %s is configured for this connector: choose another CA there first",
            u.name);
    if (row_each(t, TABLE_ORDER, "connector", connector, use_one, &u, e) < 0)
        return -1;
    if (u.name[0])
        return err_set(e, ERR_CONFLICT, "an order for %s is open: cancel it or wait for its end",
                       u.name);
    return named_by_policy(t, connector, e);
}

int on_connectors_delete(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CONNECTOR, a->param, &c, e) < 0 || api_check_match(a, c.edits, e) < 0)
        return -1;
    if (str_eq(c.state, "Active") || str_eq(c.state, "Validating"))
        return err_set(e, ERR_CONFLICT, "%s is %s: disable it first", c.name, c.state);
    if (used_by(t, c.id, e) < 0 || row_delete(t, TABLE_CONNECTOR, c.id, e) < 0 ||
        api_audit(a, t, "connector", c.id, c.name, "deleted, its secrets and keys destroyed", e) <
            0 ||
        txn_commit(&t, e) < 0)
        return -1;
    if (connector_destroy_keys(a->core, &c, e) < 0)
        return err_wrap(e, "the connector is deleted, but");
    return api_empty(a, 204);
}

int on_connectors_test(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    char job[ID_CHARS + 1];
    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CONNECTOR, a->param, &c, e) < 0 || start_check(a, t, &c, job, e) < 0 ||
        api_audit(a, t, "connector", c.id, c.name, job, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_accepted(a, job, e);
}

int on_connectors_disable(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CONNECTOR, a->param, &c, e) < 0)
        return -1;
    text_set(&c.state, "Inactive");
    api_edited(&c);
    if (row_put(t, TABLE_CONNECTOR, &c, e) < 0 ||
        api_audit(a, t, "connector", c.id, c.name, "disabled", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return answer(a, 200, &c, NULL, e);
}

int on_connectors_reactivate(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    if (load(a->core, TABLE_CONNECTOR, a->param, &c, e) < 0)
        return -1;
    if (!str_eq(c.state, "Inactive"))
        return err_set(e, ERR_CONFLICT, "%s is %s, not Inactive", c.name, c.state);
    text_set(&c.state, "Validating");
    api_edited(&c);
    return keep(a, &c, 202, "reactivated", e);
}

int on_connectors_evidence(struct api *a, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    if (load(a->core, TABLE_CONNECTOR, a->param, &c, e) < 0)
        return -1;
    json_t *o = json_object();
    json_put_take(o, "items", evidence_list(c.id));
    return api_json(a, 200, o, e);
}
