/* The appliance's state (design, section 3) and what becoming Operational sets going. */
#include <stdio.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/changes.h"
#include "src/core/core.h"
#include "src/core/events.h"
#include "src/core/flow/jobs.h"
#include "src/core/named_key.h"

static const char *const names[] = {
    [STATE_STARTING] = "Starting", [STATE_UNPROVISIONED] = "Unprovisioned",
    [STATE_LOCKED] = "Locked",     [STATE_OPERATIONAL] = "Operational",
    [STATE_DEGRADED] = "Degraded",
};

const char *appliance_state_name(enum appliance_state s)
{
    return names[s];
}

int appliance_demand_operational(const struct core *core, struct err *e)
{
    if (core->state == STATE_OPERATIONAL)
        return 0;
    return err_set(e, ERR_CONFLICT, "the appliance is %s%s%s", names[core->state],
                   core->state_detail[0] ? ": " : "", core->state_detail);
}

static bool provisioned(struct core *core)
{
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *value = NULL;
    return txn_begin(core->db, false, &t, &e) == 0 &&
           setting_get(t, "provisioned", &value, &e) == 0;
}

static enum appliance_state judge(struct core *core, const struct msg_KEY_STATE *s)
{
    core->state_detail[0] = '\0';
    if (!provisioned(core))
        return STATE_UNPROVISIONED;
    if (s->state == TOKEN_OPEN)
        return STATE_OPERATIONAL;
    if (s->state == TOKEN_LOCKED)
        return STATE_LOCKED;
    snprintf(core->state_detail, sizeof core->state_detail,
             "the HSM does not answer as it should: %s",
             s->detail && s->detail[0] ? s->detail : "no token");
    return STATE_DEGRADED;
}

void appliance_publish_identity(struct core *core)
{
    struct err e = {0};
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(own_mem)
    char *chain = NULL;
    struct txn *t = NULL;
    if (core->state != STATE_OPERATIONAL || !channel_open(core->web))
        return;
    int rc = txn_begin(core->db, false, &t, &e);
    if (rc == 0)
        rc = setting_get(t, "ui.chain", &chain, &e);
    txn_abort(&t);
    if (rc < 0 || named_key_get(core, "tls-ui", &k, &e) < 0)
        return;
    struct msg_TLS_IDENTITY m = {.envelope = bytes_blob(&k.envelope),
                                 .spki = bytes_blob(&k.spki),
                                 .chain_pem = blob_str(chain)};
    if (send_TLS_IDENTITY(core->web, &m, &e) < 0)
        log_warn("identity.send", "error=%s", log_q(e.text));
}

/* A closed token signs no handshake: web goes back to the identity that `key` keeps in memory. */
static void withdraw_identity(struct core *core)
{
    struct err e = {0};
    if (channel_open(core->web) &&
        send_TLS_IDENTITY(core->web, &(struct msg_TLS_IDENTITY){}, &e) < 0)
        log_warn("identity.send", "error=%s", log_q(e.text));
}

static void show_state(struct core *core)
{
    struct err e = {0};
    OWN(own_mem)
    char *line = xasprintf("state: %s%s%s", names[core->state], core->state_detail[0] ? ": " : "",
                           core->state_detail);
    if (send_CONSOLE(core->parent, &(struct msg_CONSOLE){.text = line}, &e) < 0)
        log_warn("appliance.console", "error=%s", log_q(e.text));
}

void appliance_refresh(struct core *core)
{
    struct err e = {0};
    struct msg_KEY_STATUS ask = {};
    struct msg_KEY_STATE s;
    OWN(reply_done)
    struct reply r = {0};
    const int rc = call_KEY_STATUS(core->key, &ask, MSG_KEY_STATE, KEY_TIMEOUT_MS, &r, &e);
    const enum appliance_state before = core->state; /* another fiber may have set it meanwhile */
    if (rc < 0 || get_KEY_STATE(&r.msg, &s, &e) < 0) {
        core->state = provisioned(core) ? STATE_DEGRADED : STATE_UNPROVISIONED;
        snprintf(core->state_detail, sizeof core->state_detail,
                 "the key process does not answer: %.120s", e.text);
    } else {
        core->state = judge(core, &s);
    }
    if (core->state == before)
        return;
    changes_count(core);
    log_info("appliance.state", "from=%s to=%s detail=%s", names[before], names[core->state],
             log_q(core->state_detail));
    show_state(core);
    events_state(core->events, names[core->state]);
    if (core->state == STATE_OPERATIONAL) {
        appliance_publish_identity(core);
        jobs_kick(core);
    } else if (core->state == STATE_LOCKED) {
        withdraw_identity(core);
    }
}
