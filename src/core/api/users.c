/* Users and API tokens. */
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/flow/parts.h"

#define PASSWORD_MIN 12
#define TOKEN_AGE_S (90 * 86400)

int on_users_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_USER, e);
}

static int answer(struct api *a, uint32_t status, const struct user *u, struct err *e)
{
    api_etag(a, TABLE_USER, u);
    return api_json(a, status, api_user_json(u), e);
}

int on_users_get(struct api *a, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    if (load(a->core, TABLE_USER, a->param, &u, e) < 0)
        return -1;
    return answer(a, 200, &u, e);
}

static int check_user(struct user *u, struct err *e)
{
    if (u->roles.n == 0)
        return err_set(e, ERR_INPUT, "Roles: choose at least one");
    for (size_t i = 0; i < u->roles.n; i++)
        if (role_find(u->roles.v[i]) == NULL)
            return err_set(e, ERR_INPUT, "Roles: '%s' is not a role", u->roles.v[i]);
    if (u->password.n == 0)
        return 0;
    if (u->password.n < PASSWORD_MIN)
        return err_set(e, ERR_INPUT, "Password: expected at least %d characters", PASSWORD_MIN);
    OWN(own_mem)
    char *phc = NULL;
    if (password_hash(secret_blob(&u->password), argon2_login, &phc, e) < 0)
        return -1;
    text_set(&u->phc, phc);
    return 0;
}

int on_users_create(struct api *a, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    fields_init(&user_fields, &u);
    if (api_body(a, &b, e) < 0 || fields_from_json(&user_fields, b, false, &u, e) < 0 ||
        check_user(&u, e) < 0)
        return -1;
    if (text_of(u.phc)[0] == '\0')
        return err_set(e, ERR_INPUT, "Password: needed, at least %d characters", PASSWORD_MIN);
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_put(t, TABLE_USER, &u, e) < 0 ||
        api_audit(a, t, "user", u.id, u.username, "added", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    a->location = xasprintf("/api/v1/users/%s", u.id);
    return answer(a, 201, &u, e);
}

struct admins {
    const char *but;
    bool found;
};

static int find_admin(void *record, void *arg, struct err *e)
{
    const struct user *u = record;
    struct admins *x = arg;
    (void)e;
    if (!u->disabled && !str_eq(u->id, x->but) &&
        permission_in(role_permissions(&u->roles), PERM_USER_ADMIN))
        x->found = true;
    return x->found ? 1 : 0;
}

/* The last one who can manage users cannot be lost. */
static int demand_other_admin(struct txn *t, const struct user *u, struct err *e)
{
    struct admins x = {.but = u->id};
    if (!u->disabled && permission_in(role_permissions(&u->roles), PERM_USER_ADMIN))
        return 0;
    if (row_each(t, TABLE_USER, NULL, NULL, find_admin, &x, e) < 0)
        return -1;
    return x.found ? 0
                   : err_set(e, ERR_CONFLICT,
                             "nobody else can manage users: give another user the role "
                             "security-officer first");
}

int on_users_update(struct api *a, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    if (api_body(a, &b, e) < 0 || load(a->core, TABLE_USER, a->param, &u, e) < 0 ||
        api_edit(a, &u, e) < 0 || fields_from_json(&user_fields, b, true, &u, e) < 0 ||
        check_user(&u, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        demand_other_admin(t, &u, e) < 0 || row_put(t, TABLE_USER, &u, e) < 0 ||
        api_audit(a, t, "user", u.id, u.username, "changed", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return answer(a, 200, &u, e);
}

int on_users_delete(struct api *a, struct err *e)
{
    OWN(own_user)
    struct user u = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_USER, a->param, &u, e) < 0 ||
        api_check_match(a, u.edits, e) < 0)
        return -1;
    OWN(own_mem)
    char *name = xstrdup(u.username);
    u.disabled = true;
    if (demand_other_admin(t, &u, e) < 0 || row_delete(t, TABLE_USER, u.id, e) < 0 ||
        api_audit(a, t, "user", u.id, name, "deleted", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}

/* Own tokens, or everybody's with USER_ADMIN: a filter put in front of the caller's. */
int on_tokens_list(struct api *a, struct err *e)
{
    char *mine = api_may(a, PERM_USER_ADMIN)
                     ? xasprintf("filter=kind:equals:token%s%s", a->query[0] ? "&" : "", a->query)
                     : xasprintf("filter=kind:equals:token&filter=user:equals:%s%s%s",
                                 a->caller.user.id, a->query[0] ? "&" : "", a->query);
    free(a->query);
    a->query = mine;
    return api_list(a, TABLE_SESSION, e);
}

static int token_roles(const struct api *a, struct strs *granted, struct err *e)
{
    const struct strs *own =
        a->caller.session.roles.n ? &a->caller.session.roles : &a->caller.user.roles;
    if (granted->n == 0)
        for (size_t i = 0; i < own->n; i++)
            strs_add(granted, own->v[i]);
    for (size_t i = 0; i < granted->n; i++)
        if (!strs_has(own, granted->v[i]))
            return err_set(e, ERR_DENIED,
                           "roles: a token can have only roles of yours; '%s' is not one",
                           granted->v[i]);
    return 0;
}

static int make_token(struct api *a, const char *label, const struct strs *granted, int64_t age,
                      struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_session)
    struct session s = {0};
    OWN(own_wiped_str)
    char *secret = NULL;
    struct session_request q = {.kind = "token",
                                .user = a->caller.user.id,
                                .label = label,
                                .client = a->client,
                                .age_s = age,
                                .roles = granted};
    if (txn_begin(a->core->db, true, &t, e) < 0 || session_make(t, &q, &secret, &s, e) < 0 ||
        api_audit(a, t, "token", s.id, label, "made", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    time_print(s.expires_at, at);
    json_put_str(o, "id", s.id);
    json_put_str(o, "label", label);
    json_put_str(o, "token", secret);
    json_put_strs(o, "roles", granted);
    json_put_str(o, "expires_at", at);
    a->keeps_nothing = true;
    a->location = xasprintf("/api/v1/tokens/%s", s.id);
    return api_json(a, 201, o, e);
}

int on_tokens_create(struct api *a, struct err *e)
{
    static const char *const names[] = {"label", "roles", "expires_at", NULL};
    const char *label, *until = "";
    struct strs granted = {0};
    json_t *b;
    int64_t end = now_s() + TOKEN_AGE_S;
    int rc = -1;
    if (api_body(a, &b, e) == 0 && json_only(b, names, e) == 0 &&
        json_get_str(b, "label", 100, &label, e) == 0 &&
        json_opt_strs(b, "roles", 10, 30, &granted, e) == 0 &&
        json_opt_str(b, "expires_at", 40, &until, e) == 0 && token_roles(a, &granted, e) == 0)
        rc = until[0] ? time_parse(until, &end, e) : 0;
    if (rc == 0 && (end <= now_s() || end > now_s() + TOKEN_AGE_MAX_S))
        rc = err_set(e, ERR_INPUT, "expires_at: expected a time from now to a year from now");
    if (rc == 0)
        rc = make_token(a, label, &granted, end - now_s(), e);
    strs_free(&granted);
    return rc;
}

int on_tokens_delete(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_session)
    struct session s = {0};
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_SESSION, a->param, &s, e) < 0)
        return -1;
    if (!str_eq(s.user, a->caller.user.id) && !api_may(a, PERM_USER_ADMIN))
        return err_set(e, ERR_DENIED, "this token is another user's");
    if (row_delete(t, TABLE_SESSION, s.id, e) < 0 ||
        api_audit(a, t, "token", s.id, s.label, "revoked", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}
