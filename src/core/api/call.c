/* One call, judged: route, state, session, CSRF, permission, repetition; then its handler. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/api/repeat.h"
#include "src/core/changes.h"

static const api_handler handlers[ROUTE_COUNT] = {
#define ROUTE(method, path, name, permission) [ROUTE_##name] = on_##name,
#include "src/model/routes.def"
#undef ROUTE
};

static int find_route(struct api *a, struct err *e)
{
    struct route_match m;
    if (route_find(a->method, a->path, &m, e) < 0)
        return -1;
    a->route = &routes[m.id];
    return str_copy(a->param, sizeof a->param, m.arg, e);
}

static bool changes(const struct api *a)
{
    return !str_eq(a->method, "GET") && !str_eq(a->method, "HEAD");
}

/* Reads go on while Degraded; everything else that needs a sign-in wants an Operational appliance.
 */
static int check_state(const struct api *a, struct err *e)
{
    enum appliance_state s = a->core->state;
    if (a->route->permission == PERM_NONE || s == STATE_OPERATIONAL ||
        (s == STATE_DEGRADED && !changes(a)))
        return 0;
    return appliance_demand_operational(a->core, e);
}

static int check_csrf(const struct api *a, struct err *e)
{
    if (!changes(a) || !str_eq(a->caller.session.kind, "browser"))
        return 0;
    const char *want = text_of(a->caller.session.csrf), *got = text_of(a->csrf);
    if (want[0] && strlen(want) == strlen(got) && CRYPTO_memcmp(want, got, strlen(want)) == 0)
        return 0;
    return err_set(e, ERR_DENIED,
                   "X-CSRF-Token: missing or not this session's; reload the page and try again");
}

static int check_caller(struct api *a, struct err *e)
{
    enum permission need = a->route->permission;
    struct err none = {0};
    if (a->credential.n &&
        caller_find(a->core, secret_blob(&a->credential), a->client, &a->caller, &none) < 0 &&
        need != PERM_NONE)
        return err_set(e, none.code, "%s", none.text);
    if (need == PERM_NONE)
        return 0;
    if (!a->caller.known)
        return err_set(e, ERR_AUTH, "sign in first");
    if (check_csrf(a, e) < 0)
        return -1;
    if (need == PERM_ANY || api_may(a, need))
        return 0;
    return err_set(e, ERR_DENIED, "your roles do not include the permission %s",
                   permission_name(need));
}

/* Refusals of known users are of interest to an auditor; those of strangers are counted by the
 * throttle. */
static void audit_refusal(struct api *a, const struct err *why)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct err e = {0};
    if (a->route == NULL || !a->caller.known || !changes(a))
        return;
    struct audit_entry entry = {.actor = api_user(a),
                                .client = text_of(a->client),
                                .action = a->route->name,
                                .object = a->path,
                                .name = "",
                                .result = why->code == ERR_DENIED ? "denied" : "failed",
                                .detail = why->text};
    if (txn_begin(a->core->db, true, &t, &e) < 0 || audit_add(t, &entry, &e) < 0 ||
        txn_commit(&t, &e) < 0)
        log_error("audit.refusal", "error=%s", log_q(e.text));
}

int api_run(struct api *a, struct err *e)
{
    int rc = -1;
    bool replayed = false;
    a->changes = changes_now(a->core); /* before the caller is judged: that may end, too */
    if (find_route(a, e) == 0 && check_state(a, e) == 0 && check_caller(a, e) == 0 &&
        repeat_find(a, &replayed, e) == 0)
        rc = 0;
    if (rc == 0 && replayed)
        return 0;
    if (rc == 0) {
        rc = handlers[a->route - routes](a, e);
        if (rc == 0)
            rc = repeat_keep(a, e);
    }
    if (rc < 0)
        audit_refusal(a, e);
    return rc;
}
