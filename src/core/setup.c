/*
 * First run. Parts in order: token and its keys, administrator, local CA connector with its root,
 * certificate of the admin UI. "provisioned" is written last, with the administrator, so a set-up
 * that was cut off starts again and finds what it did.
 */
#include "src/core/setup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypto/kdf.h"
#include "crypto/x509/chain.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/audit_sign.h"
#include "src/core/connector_store.h"
#include "src/core/flow/parts.h"
#include "src/core/named_key.h"
#include "src/model/order_state.h"

#define UI_DAYS 47
#define LOCAL_CA_NAME "Local CA"

void setup_code_new(struct core *core)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t raw[12];
    struct err e = {0};
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        abort();
    size_t at = 0;
    for (size_t i = 0; i < sizeof raw; i++) {
        if (i > 0 && i % 4 == 0)
            core->setup_code[at++] = '-';
        core->setup_code[at++] = alphabet[raw[i] % 32];
    }
    core->setup_code[at] = '\0';
    OWN(own_mem)
    char *line = xasprintf("setup code: %s", core->setup_code);
    struct msg_CONSOLE m = {.text = line};
    if (send_CONSOLE(core->parent, &m, &e) < 0)
        log_error("setup.console", "error=%s", log_q(e.text));
}

static int init_token(struct core *core, struct blob passphrase, struct err *e)
{
    struct msg_KEY_STATUS ask = {};
    struct msg_KEY_STATE s;
    OWN(reply_done)
    struct reply state = {0}, done = {0};
    if (call_KEY_STATUS(core->key, &ask, MSG_KEY_STATE, KEY_TIMEOUT_MS, &state, e) < 0 ||
        get_KEY_STATE(&state.msg, &s, e) < 0)
        return -1;
    if (s.state == TOKEN_OPEN)
        return 0;
    if (s.state == TOKEN_LOCKED) {
        struct msg_KEY_UNLOCK m = {.passphrase = passphrase};
        return call_KEY_UNLOCK(core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &done, e);
    }
    struct msg_KEY_TOKEN_INIT m = {.passphrase = passphrase};
    return call_KEY_TOKEN_INIT(core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &done, e);
}

static int find_local(struct core *core, struct connector *c, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    return row_find(t, TABLE_CONNECTOR, "name", LOCAL_CA_NAME, c, e);
}

static int make_local(struct core *core, struct connector *c, struct err *e)
{
    OWN(own_json)
    json_t *settings = json_object();
    fields_init(&connector_fields, c);
    text_set(&c->name, LOCAL_CA_NAME);
    text_set(&c->type, "local");
    text_set(&c->state, "Validating");
    if (save(core, TABLE_CONNECTOR, c, e) < 0 ||
        connector_take_settings(core, c, settings, false, e) < 0)
        return -1;
    return save(core, TABLE_CONNECTOR, c, e);
}

/* Makes the root by the connector's own test, here and now, not as a job: nothing runs jobs yet. */
static int validate_local(struct core *core, struct connector *c, struct err *e)
{
    struct ca_args a;
    if (ca_args_load(core, c->id, CA_VALIDATE, &a, e) < 0)
        return -1;
    struct msg_CA_TEST m = {.type = "local",
                            .connector = c->id,
                            .settings = buf_blob(&a.settings),
                            .secrets = buf_blob(&a.secrets),
                            .keys = buf_blob(&a.keys),
                            .memory = bytes_blob(&a.connector.memory)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_CA_TESTED ok;
    int rc = call_CA_TEST(core->ca, &m, MSG_CA_TESTED, CA_TIMEOUT_MS, &r, e);
    ca_args_free(&a);
    if (rc < 0 || get_CA_TESTED(&r.msg, &ok, e) < 0)
        return -1;
    OWN(own_connector)
    struct connector fresh = {0};
    if (load(core, TABLE_CONNECTOR, c->id, &fresh, e) < 0)
        return -1;
    if (ok.memory.n)
        bytes_set(&fresh.memory, ok.memory);
    text_set(&fresh.state, "Active");
    text_set(&fresh.detail, ok.detail);
    fresh.last_check = now_s();
    return save(core, TABLE_CONNECTOR, &fresh, e);
}

static int local_ca(struct core *core, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    struct err none = {0};
    if (find_local(core, &c, &none) < 0) {
        if (none.code != ERR_NOT_FOUND)
            return err_set(e, none.code, "%s", none.text);
        if (make_local(core, &c, e) < 0)
            return -1;
    } else if (str_eq(c.state, "Active")) {
        return 0;
    } else if (text_of(c.keys)[0] == '\0') {
        OWN(own_json)
        json_t *settings = json_object();
        if (connector_take_settings(core, &c, settings, false, e) < 0 ||
            save(core, TABLE_CONNECTOR, &c, e) < 0)
            return -1;
    }
    return validate_local(core, &c, e);
}

static char *default_names(void)
{
    char host[256] = "", clean[254];
    struct err e = {0};
    if (gethostname(host, sizeof host - 1) < 0 ||
        parse_host(host, false, clean, sizeof clean, &e) < 0)
        return xstrdup("localhost\n127.0.0.1\n::1");
    return xasprintf("%s\nlocalhost\n127.0.0.1\n::1", clean);
}

char *setup_ui_names(struct core *core)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct err e = {0};
    char *names = NULL;
    if (txn_begin(core->db, false, &t, &e) == 0 && setting_get(t, "ui.names", &names, &e) == 0)
        return names;
    return default_names();
}

int setup_keep_names(struct core *core, const struct strs *names, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (names == NULL || names->n == 0)
        return 0;
    for (size_t i = 0; i < names->n; i++) {
        char clean[254];
        struct err no = {0};
        if (parse_ip(names->v[i], clean, sizeof clean, &no) < 0 &&
            parse_host(names->v[i], true, clean, sizeof clean, e) < 0)
            return err_wrap(e, "names: %s", names->v[i]);
    }
    OWN(own_mem)
    char *text = strs_join(names, "\n");
    if (txn_begin(core->db, true, &t, e) < 0 || setting_put(t, "ui.names", text, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int setup_ui_csr(struct core *core, const struct named_key *k, struct buf *csr, struct err *e)
{
    OWN(own_mem)
    char *names = setup_ui_names(core);
    struct msg_CA_CSR m = {.subject = "CN=Certkeep admin UI",
                           .names = names,
                           .envelope = bytes_blob(&k->envelope),
                           .spki = bytes_blob(&k->spki),
                           .flags = 1};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_CA_CSR_MADE made;
    if (call_CA_CSR(core->ca, &m, MSG_CA_CSR_MADE, CA_TIMEOUT_MS, &r, e) < 0 ||
        get_CA_CSR_MADE(&r.msg, &made, e) < 0)
        return -1;
    buf_add_blob(csr, made.csr);
    return buf_check(csr, "CSR", e);
}

/* The order of the UI's own certificate is an order like any other, without a provisioning row. */
static int ui_order(struct core *core, const char *connector, struct blob csr, struct order *o,
                    struct err *e)
{
    fields_init(&order_fields, o);
    text_set(&o->name, "Certkeep admin UI");
    text_set(&o->connector, connector);
    text_set(&o->connector_name, LOCAL_CA_NAME);
    text_set(&o->state, order_state_name(ORDER_QUEUED));
    text_set(&o->requested_by, "system");
    o->validity_days = UI_DAYS;
    bytes_set(&o->csr, csr);
    return save(core, TABLE_ORDER, o, e);
}

static int ui_enroll(struct core *core, struct order *o, struct buf *chain_pem, struct err *e)
{
    struct ca_args a;
    if (ca_args_load(core, o->connector, CA_ANYWAY, &a, e) < 0)
        return -1;
    struct msg_CA_ENROLL m = {.type = "local",
                              .connector = o->connector,
                              .settings = buf_blob(&a.settings),
                              .secrets = buf_blob(&a.secrets),
                              .keys = buf_blob(&a.keys),
                              .memory = bytes_blob(&a.connector.memory),
                              .order = o->id,
                              .order_memory = bytes_blob(&o->memory),
                              .csr = bytes_blob(&o->csr),
                              .validity_days = UI_DAYS};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_CA_ORDER got;
    int rc = call_CA_ENROLL(core->ca, &m, MSG_CA_ORDER, CA_TIMEOUT_MS, &r, e);
    ca_args_free(&a);
    if (rc < 0 || get_CA_ORDER(&r.msg, &got, e) < 0)
        return -1;
    if (got.state != ORDER_ISSUED)
        return err_set(e, ERR_REMOTE,
                       "the local CA did not issue the certificate of the admin UI: %s",
                       text_of(got.detail));
    OWN(own_order)
    struct order fresh = {0};
    OWN(own_mem)
    char *pem = xstrndup(got.chain_pem.p, got.chain_pem.n);
    if (load(core, TABLE_ORDER, o->id, &fresh, e) < 0)
        return -1;
    text_set(&fresh.state, order_state_name(ORDER_ISSUED));
    text_set(&fresh.reference, got.reference);
    text_set(&fresh.chain, pem);
    fresh.submitted_at = fresh.issued_at = now_s();
    buf_add_blob(chain_pem, got.chain_pem);
    return save(core, TABLE_ORDER, &fresh, e);
}

static int write_public(struct core *core, const char *name, struct blob text, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", core->public_dir, name);
    OWN(own_mem)
    char *staged = xasprintf("%s/.%s.new", core->public_dir, name);
    OWN(own_fd)
    int fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return err_sys(e, staged);
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, (const char *)text.p + at, text.n - at);
        if (n < 0)
            return err_sys(e, staged);
        at += (size_t)n;
    }
    if (fsync(fd) < 0 || rename(staged, path) < 0)
        return err_sys(e, path);
    return 0;
}

static int publish_root(struct core *core, const struct chain *c, struct err *e)
{
    OWN(buf_free)
    struct buf pem = BUF(65536);
    struct chain root = {.v = {c->v[c->n - 1]}, .n = 1};
    if (chain_pem(&root, &pem, e) < 0)
        return -1;
    return write_public(core, "root.pem", buf_blob(&pem), e);
}

int setup_keep_ui(struct core *core, const char *pem, int64_t renew_at, const char *imported,
                  struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *at = xasprintf("%lld", (long long)renew_at);
    if (txn_begin(core->db, true, &t, e) < 0 || setting_put(t, "ui.chain", pem, e) < 0 ||
        setting_put(t, "ui.renew_at", at, e) < 0 || setting_put(t, "ui.imported", imported, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int setup_ui_certificate(struct core *core, struct err *e)
{
    OWN(own_connector)
    struct connector ca = {0};
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(own_order)
    struct order o = {0};
    OWN(chain_free)
    struct chain got = {0}, ordered = {0};
    OWN(buf_free)
    struct buf csr = BUF(32768), pem = BUF(65536), served = BUF(65536);
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *when = NULL;
    struct err none = {0};
    int64_t renew_at = 0;
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    if (setting_get(t, "ui.renew_at", &when, &none) == 0 &&
        parse_i64(when, 0, INT64_MAX, &renew_at, e) < 0)
        return -1;
    txn_abort(&t);
    t = NULL;
    if (renew_at > now_s())
        return 0;
    if (find_local(core, &ca, e) < 0 ||
        named_key_make(core, SETUP_UI_KEY, KEY_P256, PURPOSE_TLS_SERVER | PURPOSE_CSR, &k, e) < 0 ||
        setup_ui_csr(core, &k, &csr, e) < 0 || ui_order(core, ca.id, buf_blob(&csr), &o, e) < 0 ||
        ui_enroll(core, &o, &pem, e) < 0 || chain_parse(buf_blob(&pem), &got, e) < 0 ||
        chain_order(&got, bytes_blob(&k.spki), false, &ordered, e) < 0 ||
        publish_root(core, &ordered, e) < 0)
        return err_wrap(e, "certificate of the admin UI");
    X509_free(ordered.v[--ordered.n]); /* the root is not served */
    ordered.v[ordered.n] = NULL;
    if (chain_pem(&ordered, &served, e) < 0 ||
        setup_keep_ui(core, buf_cstr(&served), now_s() + (int64_t)UI_DAYS * 86400 * 2 / 3, NULL,
                      e) < 0)
        return -1;
    appliance_publish_identity(core);
    return 0;
}

static int admin_make(struct core *core, const struct setup_request *q, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    OWN(own_mem)
    char *phc = NULL;
    OWN(txn_abort)
    struct txn *t = NULL;
    static const char *const roles[] = {"viewer",          "operator",         "approver",
                                        "connector-admin", "security-officer", "auditor"};
    fields_init(&user_fields, &u);
    if (password_hash(q->password, argon2_login, &phc, e) < 0)
        return -1;
    text_set(&u.username, q->username);
    text_set(&u.full_name, q->full_name);
    text_set(&u.phc, phc);
    for (size_t i = 0; i < COUNT(roles); i++)
        strs_add(&u.roles, roles[i]);
    struct audit_entry a = {.actor = q->username,
                            .client = "",
                            .action = "setup",
                            .object = "appliance",
                            .name = "",
                            .result = "ok",
                            .detail = "appliance provisioned"};
    if (txn_begin(core->db, true, &t, e) < 0 || row_put(t, TABLE_USER, &u, e) < 0 ||
        setting_put(t, "provisioned", "yes", e) < 0 || audit_add(t, &a, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int setup_appliance(struct core *core, const struct setup_request *q, struct err *e)
{
    if (setup_keep_names(core, q->names, e) < 0)
        return -1;
    if (init_token(core, q->passphrase, e) < 0)
        return err_wrap(e, "HSM token");
    if (local_ca(core, e) < 0)
        return err_wrap(e, "local CA");
    if (setup_ui_certificate(core, e) < 0 || admin_make(core, q, e) < 0)
        return -1;
    core->setup_code[0] = '\0';
    appliance_refresh(core);
    if (audit_sign_head(core, e) < 0)
        return err_wrap(e, "first signature of the audit chain");
    return 0;
}
