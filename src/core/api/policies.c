/* Policies: list, add, change, delete, and asking what they allow (contract 009). */
#include "src/core/policies.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/flow/parts.h"

int on_policies_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_POLICY, e);
}

int on_policies_get(struct api *a, struct err *e)
{
    OWN(own_policy)
    struct policy p = {0};
    if (load(a->core, TABLE_POLICY, a->param, &p, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_POLICY, &p, e);
}

static int demand_connectors(struct txn *t, const char *label, const struct strs *ids,
                             struct err *e)
{
    for (size_t i = 0; i < ids->n; i++) {
        OWN(own_connector)
        struct connector c = {0};
        struct err none = {0};
        if (row_get(t, TABLE_CONNECTOR, ids->v[i], &c, &none) == 0)
            continue;
        if (none.code == ERR_NOT_FOUND)
            return err_set(e, ERR_INPUT, "%s: there is no connector %s", label, ids->v[i]);
        return err_set(e, none.code, "%s", none.text);
    }
    return 0;
}

static int check(struct txn *t, const struct policy *p, struct err *e)
{
    if (policy_check(p, e) < 0 ||
        demand_connectors(t, "For Connectors", &p->for_connectors, e) < 0 ||
        demand_connectors(t, "Allowed Connectors", &p->connectors, e) < 0)
        return -1;
    return 0;
}

/* Stores it, audits, and has every certificate judged again. */
static int keep(struct api *a, struct txn **t, struct policy *p, const char *what, struct err *e)
{
    if (check(*t, p, e) < 0 || row_put(*t, TABLE_POLICY, p, e) < 0 || policies_changed(*t, e) < 0 ||
        api_audit(a, *t, "policy", p->id, p->name, what, e) < 0 || txn_commit(t, e) < 0)
        return -1;
    policies_kick(a->core);
    return 0;
}

int on_policies_create(struct api *a, struct err *e)
{
    OWN(own_policy)
    struct policy p = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    uint64_t n = 0;
    json_t *b;
    fields_init(&policy_fields, &p);
    if (api_body(a, &b, e) < 0 || fields_from_json(&policy_fields, b, false, &p, e) < 0 ||
        txn_begin(a->core->db, true, &t, e) < 0 ||
        row_count(t, TABLE_POLICY, NULL, NULL, &n, e) < 0)
        return -1;
    if (n >= POLICIES_MAX)
        return err_set(e, ERR_LIMIT, "there are %d policies, the most there can be", POLICIES_MAX);
    if (keep(a, &t, &p, "added", e) < 0)
        return -1;
    a->location = xasprintf("/api/v1/policies/%s", p.id);
    return api_record(a, 201, TABLE_POLICY, &p, e);
}

int on_policies_update(struct api *a, struct err *e)
{
    OWN(own_policy)
    struct policy p = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    if (api_body(a, &b, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_POLICY, a->param, &p, e) < 0 || api_edit(a, &p, e) < 0 ||
        fields_from_json(&policy_fields, b, true, &p, e) < 0 || keep(a, &t, &p, "changed", e) < 0)
        return -1;
    return api_record(a, 200, TABLE_POLICY, &p, e);
}

int on_policies_delete(struct api *a, struct err *e)
{
    OWN(own_policy)
    struct policy p = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_POLICY, a->param, &p, e) < 0 ||
        api_check_match(a, p.edits, e) < 0)
        return -1;
    if (text_of(p.builtin)[0])
        return err_set(e, ERR_CONFLICT, "%s is built in: change its limits instead", p.name);
    if (row_delete(t, TABLE_POLICY, p.id, e) < 0 || policies_changed(t, e) < 0 ||
        api_audit(a, t, "policy", p.id, p.name, "deleted", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    policies_kick(a->core);
    return api_empty(a, 204);
}

static json_t *findings_json(const struct policy_findings *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) {
        json_t *o = json_object();
        json_put_str(o, "policy", f->v[i].policy);
        json_put_str(o, "policy_name", f->v[i].policy_name);
        json_put_str(o, "field", f->v[i].field);
        json_put_str(o, "text", f->v[i].text);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *limits_json(const struct policy_limits *l)
{
    json_t *o = json_object();
    char opens[TIME_TEXT_BYTES];
    json_put_int(o, "max_days", l->max_days);
    json_put_int(o, "max_names", l->max_names);
    json_put_bool(o, "wildcards", l->wildcards);
    json_put_strs(o, "key_algs", &l->key_algs);
    json_put_strs(o, "custodies", &l->custodies);
    json_put_int(o, "renew_percent", l->renew_percent);
    json_put_int(o, "renew_days", l->renew_days);
    json_put_str(o, "approval", policy_approval_name(l->approval));
    if (l->opens >= 0)
        time_print(l->opens, opens);
    json_put_take(o, "deploys_at", l->opens < 0 ? json_null() : json_string(opens));
    json_put_bool(o, "deploys_now", l->opens >= 0 && l->opens <= now_s());
    return o;
}

/* The body is what a certificate would be configured with. */
int on_policies_check(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(policy_findings_free)
    struct policy_findings f = {0};
    OWN(policy_limits_free)
    struct policy_limits l = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    a->keeps_nothing = true;
    fields_init(&cert_fields, &c);
    if (api_body(a, &b, e) < 0 || fields_from_json(&cert_fields, b, true, &c, e) < 0)
        return -1;
    if (c.names.n == 0 && text_of(c.name)[0])
        strs_add(&c.names, c.name);
    if (txn_begin(a->core->db, false, &t, e) < 0 || policies_judge(t, &c, &f, &l, e) < 0)
        return -1;
    json_t *o = json_object();
    json_put_bool(o, "allowed", f.n == 0);
    json_put_take(o, "findings", findings_json(&f));
    json_put_strs(o, "policies", &l.policies);
    json_put_take(o, "limits", limits_json(&l));
    return api_json(a, 200, o, e);
}
