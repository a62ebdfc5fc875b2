/* State, first run, unlock, lock, health. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/auth/throttle.h"
#include "src/core/setup.h"
#include "src/model/version.h"

int on_state_get(struct api *a, struct err *e)
{
    json_t *o = json_object();
    if (a->core->state == STATE_STARTING)
        appliance_refresh(a->core);
    json_put_str(o, "state", appliance_state_name(a->core->state));
    json_put_str(o, "detail", a->core->state_detail);
    json_put_str(o, "version", CERTKEEP_VERSION);
    struct strs names = {0};
    OWN(own_mem)
    char *list = setup_ui_names(a->core);
    strs_split(&names, list, "\n");
    json_put_strs(o, "names", &names);
    strs_free(&names);
    return api_json(a, 200, o, e);
}

static int check_code(struct api *a, const char *typed, struct err *e)
{
    const char *want = a->core->setup_code;
    uint32_t wait;
    if (throttle_check(a->core->throttle, text_of(a->client), "setup", &wait, e) < 0) {
        a->retry_after_s = wait;
        return -1;
    }
    if (want[0] && strlen(typed) == strlen(want) && CRYPTO_memcmp(typed, want, strlen(want)) == 0)
        return 0;
    throttle_failed(a->core->throttle, text_of(a->client), "setup");
    return err_set(e, ERR_DENIED, "Setup code: not the one on the appliance's console");
}

static int check_password(const char *label, const char *text, size_t min, struct err *e)
{
    if (strlen(text) < min)
        return err_set(e, ERR_INPUT, "%s: expected at least %zu characters", label, min);
    return 0;
}

int on_setup_run(struct api *a, struct err *e)
{
    static const char *const names[] = {"setup_code", "username", "full_name", "password",
                                        "passphrase", "names",    NULL};
    json_t *b;
    const char *code, *user, *full = "", *password, *passphrase;
    if (a->core->state != STATE_UNPROVISIONED)
        return err_set(e, ERR_CONFLICT, "the appliance is %s: it was set up already",
                       appliance_state_name(a->core->state));
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_get_str(b, "setup_code", 40, &code, e) < 0 ||
        json_get_str(b, "username", 64, &user, e) < 0 ||
        json_opt_str(b, "full_name", 100, &full, e) < 0 ||
        json_get_str(b, "password", 256, &password, e) < 0 ||
        json_get_str(b, "passphrase", 256, &passphrase, e) < 0 || check_code(a, code, e) < 0 ||
        check_password("Password", password, 12, e) < 0 ||
        check_password("Passphrase", passphrase, 12, e) < 0)
        return -1;
    struct strs ui_names = {0};
    int rc = json_opt_strs(b, "names", 20, 253, &ui_names, e);
    struct setup_request q = {.username = user,
                              .full_name = full,
                              .password = blob_str(password),
                              .passphrase = blob_str(passphrase),
                              .names = &ui_names};
    if (rc == 0)
        rc = setup_appliance(a->core, &q, e);
    strs_free(&ui_names);
    if (rc < 0)
        return -1;
    return session_begin(a, user, "first run", e);
}

static int passphrase_of(struct api *a, const char **out, struct err *e)
{
    static const char *const names[] = {"passphrase", NULL};
    json_t *b;
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0)
        return -1;
    return json_get_str(b, "passphrase", 256, out, e);
}

int on_unlock_run(struct api *a, struct err *e)
{
    const char *passphrase;
    uint32_t wait;
    OWN(reply_done)
    struct reply r = {0};
    if (a->core->state != STATE_LOCKED)
        return err_set(e, ERR_CONFLICT, "the appliance is %s, not Locked",
                       appliance_state_name(a->core->state));
    if (passphrase_of(a, &passphrase, e) < 0)
        return -1;
    if (throttle_check(a->core->throttle, text_of(a->client), "unlock", &wait, e) < 0) {
        a->retry_after_s = wait;
        return -1;
    }
    struct msg_KEY_UNLOCK m = {.passphrase = blob_str(passphrase)};
    if (call_KEY_UNLOCK(a->core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &r, e) < 0) {
        if (e->code == ERR_AUTH)
            throttle_failed(a->core->throttle, text_of(a->client), "unlock");
        return -1;
    }
    appliance_refresh(a->core);
    return on_state_get(a, e);
}

int on_lock_run(struct api *a, struct err *e)
{
    OWN(reply_done)
    struct reply r = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    struct msg_KEY_LOCK m = {};
    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        api_audit(a, t, "appliance", NULL, NULL, "locked", e) < 0 || txn_commit(&t, e) < 0 ||
        call_KEY_LOCK(a->core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &r, e) < 0)
        return -1;
    appliance_refresh(a->core);
    return on_state_get(a, e);
}

/* state: "ok", "warn" or "failed"; the worst of the parts is the whole. */
static void part(json_t *list, const char *name, const char *title, const char *state,
                 const char *detail, const char *remedy, int64_t since)
{
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    time_print(since, at);
    json_put_str(o, "name", name);
    json_put_str(o, "title", title);
    json_put_str(o, "state", state);
    json_put_str(o, "since", at);
    json_put_str(o, "detail", detail);
    json_put_str(o, "remedy", remedy);
    json_array_append_new(list, o);
}

static void key_part(struct core *core, json_t *list)
{
    struct msg_KEY_STATUS ask = {};
    struct msg_KEY_STATE s;
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    if (call_KEY_STATUS(core->key, &ask, MSG_KEY_STATE, KEY_TIMEOUT_MS, &r, &e) < 0 ||
        get_KEY_STATE(&r.msg, &s, &e) < 0) {
        part(list, "hsm", "HSM", "failed", e.text,
             "Wait for the key process; if it stays so, look at the log.", core->started_at);
        return;
    }
    OWN(own_mem)
    char *text = xasprintf("%s, token %s, serial %s, %u sessions%s%s", s.module, s.token, s.serial,
                           s.sessions, text_of(s.detail)[0] ? ": " : "", text_of(s.detail));
    bool open = s.state == TOKEN_OPEN;
    part(list, "hsm", "HSM", open ? "ok" : "failed", text, open ? "" : "Unlock the appliance.",
         core->started_at);
}

static int store_part(struct core *core, json_t *list, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    uint64_t certs, jobs, seq;
    uint8_t hash[32];
    if (txn_begin(core->db, false, &t, e) < 0 ||
        row_count(t, TABLE_CERT, NULL, NULL, &certs, e) < 0 ||
        row_count(t, TABLE_JOB, NULL, NULL, &jobs, e) < 0 || audit_head(t, &seq, hash, e) < 0)
        return -1;
    OWN(own_mem)
    char *store = xasprintf("%llu certificates, %llu jobs", (unsigned long long)certs,
                            (unsigned long long)jobs);
    OWN(own_mem)
    char *audit = xasprintf("%llu records", (unsigned long long)seq);
    part(list, "store", "Store", "ok", store, "", core->started_at);
    part(list, "audit", "Audit chain", "ok", audit, "", core->started_at);
    return 0;
}

static const char *worst(const json_t *list)
{
    const char *found = "ok";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_str(json_array_get(list, i), "state");
        if (str_eq(s, "failed"))
            return "failed";
        if (str_eq(s, "warn"))
            found = "warn";
    }
    return found;
}

int on_health_get(struct api *a, struct err *e)
{
    OWN(own_json)
    json_t *list = json_array();
    struct core *core = a->core;
    struct err trouble = {0};
    bool good = core->state == STATE_OPERATIONAL;
    part(list, "appliance", "Appliance", good ? "ok" : "failed", appliance_state_name(core->state),
         core->state_detail, core->started_at);
    key_part(core, list);
    part(list, "ca", "CA process", channel_open(core->ca) ? "ok" : "warn",
         channel_open(core->ca) ? "running" : "restarting", "", core->started_at);
    if (store_part(core, list, &trouble) < 0)
        part(list, "store", "Store", "failed", trouble.text, "Free disk space, then restart.",
             core->started_at);
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    time_print(now_s(), at);
    json_put_str(o, "state", worst(list));
    json_put_str(o, "as_of", at);
    json_put_take(o, "parts", json_incref(list));
    return api_json(a, 200, o, e);
}
