/* Signing in and out, and the one-time codes that do it once. */
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/auth/throttle.h"

/* The same words whether the user or the password is wrong; and about the same time. */
static int wrong(struct err *e)
{
    return err_set(e, ERR_AUTH, "User Name or Password is not right");
}

static int by_password(struct api *a, const char *name, const char *password, struct user *u,
                       struct err *e)
{
    static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    struct txn *t = NULL;
    struct err none = {0};
    int rc = txn_begin(a->core->db, false, &t, e);
    if (rc < 0)
        return -1;
    rc = row_find(t, TABLE_USER, "username", name, u, &none);
    txn_abort(&t);
    const char *phc = rc == 0 && text_of(u->phc)[0] ? u->phc : nobody;
    if (password_verify(blob_str(password), phc, &none) < 0 || rc < 0 || u->disabled)
        return wrong(e);
    return 0;
}

static json_t *me(const struct user *u, const struct session *s, uint32_t permissions)
{
    json_t *o = json_object();
    json_t *list = json_array();
    json_put_take(o, "user", api_user_json(u));
    json_put_strs(o, "roles", &u->roles);
    for (unsigned p = 0; p < PERM_COUNT; p++)
        if (p != PERM_NONE && p != PERM_ANY && permission_in(permissions, (enum permission)p))
            json_array_append_new(list, json_string(permission_name(p)));
    json_put_take(o, "permissions", list);
    json_put_str(o, "csrf", str_eq(s->kind, "browser") ? s->csrf : "");
    char at[TIME_TEXT_BYTES];
    time_print(s->expires_at, at);
    json_put_str(o, "expires_at", at);
    return o;
}

static int sign_in(struct api *a, struct user *u, const char *how, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_session)
    struct session s = {0};
    OWN(own_wiped_str)
    char *secret = NULL;
    struct session_request q = {.kind = "browser",
                                .user = u->id,
                                .label = how,
                                .client = a->client,
                                .age_s = SESSION_AGE_S};
    if (txn_begin(a->core->db, true, &t, e) < 0 || session_make(t, &q, &secret, &s, e) < 0)
        return -1;
    OWN(own_user)
    struct user fresh = {0};
    if (row_get(t, TABLE_USER, u->id, &fresh, e) < 0)
        return -1;
    fresh.last_sign_in = now_s();
    struct audit_entry entry = {.actor = u->username,
                                .client = text_of(a->client),
                                .action = "sign in",
                                .object = "session",
                                .name = u->username,
                                .result = "ok",
                                .detail = how};
    if (row_put(t, TABLE_USER, &fresh, e) < 0 || audit_add(t, &entry, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    a->set_session = TAKE(secret);
    a->session_age_s = SESSION_AGE_S;
    a->keeps_nothing = true;
    return api_json(a, 201, me(u, &s, role_permissions(&u->roles)), e);
}

static void audit_failed(struct api *a, const char *name, const char *why)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct err e = {0};
    struct audit_entry entry = {.actor = name,
                                .client = text_of(a->client),
                                .action = "sign in",
                                .object = "session",
                                .name = name,
                                .result = "denied",
                                .detail = why};
    if (txn_begin(a->core->db, true, &t, &e) == 0 && audit_add(t, &entry, &e) == 0)
        (void)txn_commit(&t, &e);
}

int session_begin(struct api *a, const char *username, const char *how, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    struct txn *t = NULL;
    if (txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    int rc = row_find(t, TABLE_USER, "username", username, &u, e);
    txn_abort(&t);
    return rc < 0 ? -1 : sign_in(a, &u, how, e);
}

int on_session_create(struct api *a, struct err *e)
{
    static const char *const names[] = {"username", "password", "code", NULL};
    const char *name = "", *password = "", *code = "";
    OWN(own_user)
    struct user u = {0};
    json_t *b;
    uint32_t wait;
    if (a->core->state != STATE_OPERATIONAL && a->core->state != STATE_DEGRADED)
        return appliance_demand_operational(a->core, e);
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_opt_str(b, "username", 64, &name, e) < 0 ||
        json_opt_str(b, "password", 256, &password, e) < 0 ||
        json_opt_str(b, "code", 40, &code, e) < 0)
        return -1;
    if (code[0] == '\0' && (name[0] == '\0' || password[0] == '\0'))
        return err_set(e, ERR_INPUT,
                       "User Name and Password, or a one-time Code, are needed to sign in");
    const char *who = code[0] ? "one-time code" : name;
    if (throttle_check(a->core->throttle, text_of(a->client), who, &wait, e) < 0) {
        a->retry_after_s = wait;
        return -1;
    }
    int rc =
        code[0] ? session_take_code(a->core, code, &u, e) : by_password(a, name, password, &u, e);
    if (rc < 0) {
        if (e->code == ERR_AUTH) {
            throttle_failed(a->core->throttle, text_of(a->client), who);
            audit_failed(a, who, e->text);
        }
        return -1;
    }
    throttle_passed(a->core->throttle, text_of(a->client), who);
    return sign_in(a, &u, code[0] ? "by one-time code" : "by password", e);
}

int on_session_get(struct api *a, struct err *e)
{
    return api_json(a, 200, me(&a->caller.user, &a->caller.session, a->caller.permissions), e);
}

int on_session_delete(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        row_delete(t, TABLE_SESSION, a->caller.session.id, e) < 0 ||
        api_audit(a, t, "session", NULL, api_user(a), "signed out", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    a->set_session = xstrdup("-"); /* with age 0 */
    return api_empty(a, 204);
}

static int code_user(struct txn *t, const char *name, struct user *u, struct err *e)
{
    struct err none = {0};
    if (row_find(t, TABLE_USER, "username", name, u, &none) == 0)
        return 0;
    if (row_get(t, TABLE_USER, name, u, e) == 0)
        return 0;
    if (e->code == ERR_NOT_FOUND)
        err_set(e, ERR_NOT_FOUND, "user: there is no user %s", name);
    return -1;
}

int on_sign_in_codes_create(struct api *a, struct err *e)
{
    static const char *const names[] = {"user", "minutes", NULL};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_session)
    struct session s = {0};
    OWN(own_user)
    struct user u = {0};
    OWN(own_wiped_str)
    char *secret = NULL;
    const char *name;
    int64_t minutes = CODE_AGE_S / 60;
    json_t *b;
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_get_str(b, "user", 64, &name, e) < 0 ||
        json_opt_int(b, "minutes", 1, 1440, &minutes, e) < 0 ||
        txn_begin(a->core->db, true, &t, e) < 0 || code_user(t, name, &u, e) < 0)
        return -1;
    struct session_request q = {.kind = "code",
                                .user = u.id,
                                .label = "one-time sign-in",
                                .client = a->client,
                                .age_s = minutes * 60};
    if (session_make(t, &q, &secret, &s, e) < 0 ||
        api_audit(a, t, "session", s.id, u.username, "one-time code made", e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    time_print(s.expires_at, at);
    json_put_str(o, "code", secret);
    json_put_str(o, "expires_at", at);
    a->keeps_nothing = true;
    return api_json(a, 201, o, e);
}
