/* What several flows share. */
#include "src/core/flow/parts.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/connector_store.h"

int load(struct core *core, enum table table, const char *id, void *record, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    return row_get(t, table, text_of(id), record, e);
}

int cert_reread(struct txn *t, struct cert *c, struct err *e)
{
    OWN(own_mem)
    char *id = xstrdup(c->id);
    fields_free(&cert_fields, c);
    return row_get(t, TABLE_CERT, id, c, e);
}

int save(struct core *core, enum table table, void *record, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(core->db, true, &t, e) < 0 || row_put(t, table, record, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int ca_args_load(struct core *core, const char *connector_id, enum ca_use use, struct ca_args *out,
                 struct err *e)
{
    struct ca_args a = {
        .settings = BUF(MSG_MAX_BYTES), .secrets = BUF(MSG_MAX_BYTES), .keys = BUF(MSG_MAX_BYTES)};
    if (load(core, TABLE_CONNECTOR, connector_id, &a.connector, e) < 0)
        return err_wrap(e, "CA connector");
    const char *state = a.connector.state;
    bool serves = str_eq(state, "Active") || str_eq(state, "Error") ||
                  (str_eq(state, "Validating") && connector_has_next(&a.connector));
    if (use == CA_SERVE && !serves) {
        err_set(e, ERR_NETWORK, "CA connector %s is %s: orders wait until it is active again",
                a.connector.name, a.connector.state);
        ca_args_free(&a);
        return -1;
    }
    if (use == CA_VALIDATE && connector_has_next(&a.connector) &&
        connector_take_next(&a.connector, e) < 0) {
        ca_args_free(&a);
        return -1;
    }
    if (connector_wire(&a.connector, &a.settings, &a.secrets, &a.keys, e) < 0) {
        ca_args_free(&a);
        return -1;
    }
    *out = a;
    return 0;
}

void ca_args_free(struct ca_args *a)
{
    fields_free(&connector_fields, &a->connector);
    buf_free(&a->settings);
    buf_free(&a->secrets);
    buf_free(&a->keys);
}

static const char *readiness(const struct cert *c, bool last_job_failed)
{
    bool material = c->chain && c->chain[0] && c->key && c->key[0];
    if (c->ignored)
        return "Ignored";
    if (text_of(c->bot)[0] == '\0')
        return "Bot Unassigned";
    if (text_of(c->server)[0] == '\0' || text_of(c->cert_path)[0] == '\0' ||
        text_of(c->connector)[0] == '\0')
        return "Configuration Pending";
    if (last_job_failed)
        return "Deployment Failed";
    if (str_eq(c->status, "Deployed"))
        return "Ready";
    return material ? "Deployment Pending" : "Configuration Pending";
}

/* Renewal starts at one third of life left, or at the day count if life is longer, or earlier when
 * the policies say so; jitter of up to 1/60 of life, by id. */
static int64_t renewal_time(const struct cert *c)
{
    int64_t life = c->not_after - c->not_before;
    if (!str_eq(c->renewal, "automatic") || life <= 0 || c->superseded || c->revoked ||
        c->ignored || !str_eq(c->status, "Deployed") || text_of(c->successor)[0])
        return 0;
    int64_t at = 0 < c->renew_days && c->renew_days * 86400 < life
                     ? c->not_after - c->renew_days * 86400
                     : c->not_after - life / 3;
    if (c->policy_renew_percent && at > c->not_after - life / 100 * c->policy_renew_percent)
        at = c->not_after - life / 100 * c->policy_renew_percent;
    if (c->policy_renew_days * 86400 < life && at > c->not_after - c->policy_renew_days * 86400)
        at = c->not_after - c->policy_renew_days * 86400;
    uint32_t h = 2166136261u;
    for (const char *p = text_of(c->id); *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    return at - (int64_t)(h % (uint32_t)(life / 60 + 1));
}

void cert_derive(struct cert *c, bool last_job_failed)
{
    text_set(&c->readiness, readiness(c, last_job_failed));
    c->renew_at = renewal_time(c);
}

void json_put_now(json_t *o)
{
    char at[TIME_TEXT_BYTES];
    time_print_ms(now_ms(), at);
    json_put_str(o, "time", at);
}

int timeline_add(struct txn *t, const char *cert_id, const char *event, const char *text,
                 const char *job, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf line = BUF(8192);
    json_put_now(o);
    json_put_str(o, "action", event);
    json_put_str(o, "text", text_of(text));
    json_put_str(o, "job", text_of(job));
    if (json_print(o, &line, e) < 0)
        return -1;
    return trail_add(t, TRAIL_TIMELINE, cert_id, buf_blob(&line), NULL, e);
}

static int mark(struct core *core, const char *cert_id, const char *status, enum deploy_cause cause,
                const char *text, bool again, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (text_of(cert_id)[0] == '\0')
        return 0;
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, cert_id, &c, e) < 0)
        return -1;
    if (status)
        text_set(&c.status, status);
    text_set(&c.failure, text);
    text_set(&c.failure_cause, cause_names[cause]);
    c.last_provisioned = now_s();
    cert_derive(&c, !again && cause != CAUSE_NONE);
    if (row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, cert_id, again ? "failed, tried again" : "failed", text, c.job, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int cert_mark_failed(struct core *core, const char *cert_id, const char *status,
                     enum deploy_cause cause, const char *text, struct err *e)
{
    return mark(core, cert_id, status, cause, text, false, e);
}

int cert_mark_retrying(struct core *core, const char *cert_id, enum deploy_cause cause,
                       const char *text, struct err *e)
{
    return mark(core, cert_id, NULL, cause, text, true, e);
}
