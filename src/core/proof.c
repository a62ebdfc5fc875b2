/*
 * The proof is made twice with a pause, and no process may have died between: one that dies again
 * and again looks well each time it was just started.
 */
#include "src/core/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/audit.h"
#include "src/core/audit_sign.h"
#include "src/core/machine.h"
#include "src/core/named_key.h"
#include "src/model/audit_verify.h"
#include "src/model/version.h"

#define PAUSE_MS 3000
#define PROBE_CALL_MS 15000
/* So long a Locked appliance waits for somebody, before it is judged by what needs no passphrase.
 */
#define LOCKED_S 180

static int chain_text(struct core *core, uint64_t *signed_up_to, uint64_t *last, struct buf *out,
                      struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *text = NULL;
    struct err none = {0};
    uint8_t hash[32];

    *signed_up_to = 0;
    if (txn_begin(core->db, false, &t, e) < 0 || audit_head(t, last, hash, e) < 0)
        return -1;
    if (setting_get(t, "audit.signed", &text, &none) == 0 &&
        parse_u64(text, 1, UINT64_MAX, signed_up_to, e) < 0)
        return -1;
    return *last == 0 ? 0 : audit_export(t, *signed_up_to ? *signed_up_to : 1, 0, out, e);
}

int proof_chain(struct core *core, uint64_t *signed_up_to, struct err *e)
{
    OWN(buf_free)
    struct buf file = BUF(EXPORT_MAX);
    struct audit_report report;
    uint64_t last;

    if (chain_text(core, signed_up_to, &last, &file, e) < 0)
        return err_wrap(e, "audit chain");
    if (last == 0)
        return 0;
    if (audit_verify(buf_blob(&file), BLOB(NULL, 0), &report, e) < 0)
        return err_wrap(e, "audit chain");
    if (report.last != last || report.signed_up_to < *signed_up_to)
        return err_set(e, ERR_CRYPTO, "audit chain: record %llu is the last one, %llu is expected",
                       (unsigned long long)report.last, (unsigned long long)last);
    return 0;
}

/* The public key of the certificate that the UI shows now. */
static int ui_key(struct core *core, struct buf *spki, struct err *e)
{
    const struct msg_KEY_BOOT_IDENTITY ask = {};
    struct msg_KEY_BOOT_READY boot;
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(reply_done)
    struct reply r = {0};

    if (core->state == STATE_OPERATIONAL) {
        if (named_key_get(core, "tls-ui", &k, e) < 0)
            return -1;
        buf_add_blob(spki, bytes_blob(&k.spki));
    } else {
        if (call_KEY_BOOT_IDENTITY(core->key, &ask, MSG_KEY_BOOT_READY, KEY_TIMEOUT_MS, &r, e) <
                0 ||
            get_KEY_BOOT_READY(&r.msg, &boot, e) < 0)
            return -1;
        buf_add_blob(spki, boot.spki);
    }
    return buf_check(spki, "key of the admin UI", e);
}

/* Where a process of this machine reaches the listener: any address is loopback's, too. */
static int ui_url(const char *listens, char *out, size_t out_size, struct err *e)
{
    char host[256];
    uint16_t port;

    if (parse_host_port(listens, host, sizeof(host), &port, e) < 0)
        return -1;
    const char *at = str_eq(host, "0.0.0.0") ? "127.0.0.1" : str_eq(host, "::") ? "::1" : host;
    const bool v6 = strchr(at, ':') != NULL;
    snprintf(out, out_size, "https://%s%s%s:%u/api/v1/state", v6 ? "[" : "", at, v6 ? "]" : "",
             port);
    return 0;
}

static int https_answers(struct core *core, struct err *e)
{
    OWN(buf_free)
    struct buf spki = BUF(1024);
    OWN(buf_free)
    struct buf pin = BUF(64);
    OWN(reply_done)
    struct reply r = {0};
    uint8_t hash[32];
    char url[300];

    if (ui_key(core, &spki, e) < 0 || sha256(buf_blob(&spki), hash, e) < 0 ||
        ui_url(core->https, url, sizeof(url), e) < 0)
        return err_wrap(e, "admin UI");
    enc_base64(&pin, BLOB(hash, sizeof(hash)));
    const struct msg_CA_PROBE m = {.url = url, .key_sha256 = buf_cstr(&pin)};
    if (call_CA_PROBE(core->ca, &m, MSG_DONE, PROBE_CALL_MS, &r, e) < 0)
        return err_wrap(e, "admin UI");
    return 0;
}

int proof_try(struct core *core, bool sign, struct err *e)
{
    uint64_t before, after;

    if (proof_chain(core, &before, e) < 0)
        return -1;
    if (sign) {
        /* Its record was written at this start: the head that covers it is a signature of today. */
        if (audit_sign_head(core, e) < 0 || proof_chain(core, &after, e) < 0)
            return err_wrap(e, "HSM");
        if (after < core->start_record)
            return err_set(e, ERR_TOKEN, "HSM: the head of the audit chain was not signed");
    }
    return https_answers(core, e);
}

static int write_record(struct core *core, const char *action, const char *result,
                        const char *detail, uint64_t *seq, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    uint8_t hash[32];
    const struct audit_entry entry = {.actor = "system",
                                      .action = action,
                                      .object = "system",
                                      .name = "Certkeep " CERTKEEP_VERSION,
                                      .result = result,
                                      .detail = detail};

    if (txn_begin(core->db, true, &t, e) < 0 || audit_add(t, &entry, e) < 0 ||
        audit_head(t, seq, hash, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

/* Whether now is the time, and with a signature or without. A person may have to come first. */
static bool due(const struct core *core, bool *sign)
{
    *sign = core->state == STATE_OPERATIONAL;
    return core->state == STATE_OPERATIONAL || core->state == STATE_UNPROVISIONED ||
           (core->state == STATE_LOCKED && now_s() - core->started_at >= LOCKED_S);
}

static int prove(struct core *core, struct err *e)
{
    const uint64_t lost = core->lost + core->web_lost;
    bool sign;

    if (!due(core, &sign))
        return err_set(e, ERR_CONFLICT, "the appliance is %s", appliance_state_name(core->state));
    if (proof_try(core, sign, e) < 0)
        return -1;
    fiber_sleep(core->loop, PAUSE_MS);
    if (proof_try(core, sign, e) < 0)
        return -1;
    if (lost != core->lost + core->web_lost)
        return err_set(e, ERR_CONFLICT, "a process ended meanwhile");
    return 0;
}

static int bless(struct core *core, struct err *e)
{
    const struct msg_SYS_UPDATE m = {.step = UPDATE_BLESS};
    OWN(reply_done)
    struct reply r = {0};
    uint64_t seq;

    if (call_SYS_UPDATE(core->sys, &m, MSG_SYS_UPDATED, UPDATE_STEP_MS, &r, e) < 0)
        return -1;
    return write_record(core, "system.blessed", "ok", "this version proved healthy", &seq, e);
}

static void set_unproven(struct core *core, const char *why)
{
    if (str_eq(core->unproven, why))
        return;
    snprintf(core->unproven, sizeof(core->unproven), "%s", why);
    if (why[0])
        log_warn("proof.waits", "why=%s", log_q(why));
}

/* Whether it was proven in this start of the machine already; else the start is recorded. */
static int begin(struct core *core, bool *proven, struct err *e)
{
    OWN(own_json)
    json_t *facts = NULL;

    if (machine_facts(core, &facts, e) < 0)
        return -1;
    *proven = machine_running_is(facts, "healthy");
    if (*proven)
        return 0;
    OWN(own_mem)
    char *told = machine_last_start(facts);
    if (write_record(core, "system.started", machine_fell_back(facts) ? "failed" : "ok", told,
                     &core->start_record, e) < 0)
        return -1;
    /* Restarting helps only a version that never worked, when there is another one to fall back to.
     */
    if (!machine_running_is(facts, "blessed") && machine_has_fallback(facts))
        return 0;
    return machine_act(core, MACHINE_STAY, "", e);
}

static void proof_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};
    bool proven = false;

    set_unproven(core, "the proof has just begun");
    while (begin(core, &proven, &e) < 0) {
        set_unproven(core, e.text);
        fiber_sleep(core->loop, PAUSE_MS);
    }
    while (!proven) {
        proven = prove(core, &e) == 0 && bless(core, &e) == 0;
        set_unproven(core, proven ? "" : e.text);
        if (!proven)
            fiber_sleep(core->loop, PAUSE_MS);
    }
    set_unproven(core, "");
    log_info("proof.proven", "version=%s", CERTKEEP_VERSION);
}

void proof_start(struct core *core)
{
    fiber_start(core->loop, proof_fiber, core);
}
