/* One action on many certificates: each is judged alone, as if it had been called by itself. */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/flow/parts.h"
#include "src/core/policies.h"

#define BATCH_MAX 1000
#define TAGS_MAX 64

struct batch {
    const char *name;
    json_t *settings;
    struct strs tags;
};

/* A call of an operation on one certificate, with the body it would have had by itself. */
static int as_call(struct api *a, json_t *body, api_handler handler, struct err *e)
{
    json_t *whole = a->body;
    a->body = body;
    int rc = handler(a, e);
    a->body = whole;
    return rc;
}

static int configure(struct api *a, const struct batch *b, struct err *e)
{
    return as_call(a, b->settings, on_certs_update, e);
}

static int issue(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_issue, e);
}

static int renew(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_renew, e);
}

static int deploy(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_deploy, e);
}

static int ignore(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_ignore, e);
}

static int unignore(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_unignore, e);
}

static int erase(struct api *a, const struct batch *b, struct err *e)
{
    (void)b;
    return as_call(a, NULL, on_certs_delete, e);
}

/* Adds tags: those that are there stay. */
static int tag(struct api *a, const struct batch *b, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    for (size_t i = 0; i < b->tags.n; i++)
        if (!strs_has(&c.tags, b->tags.v[i]))
            strs_add(&c.tags, b->tags.v[i]);
    if (c.tags.n > TAGS_MAX)
        return err_set(e, ERR_INPUT, "tags: a certificate has at most %d", TAGS_MAX);
    api_edited(&c);
    if (policies_mark(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, "tagged", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 200);
}

static const struct action {
    const char *name;
    int (*run)(struct api *a, const struct batch *b, struct err *e);
} actions[] = {
    {"configure", configure}, {"issue", issue},       {"renew", renew}, {"deploy", deploy},
    {"ignore", ignore},       {"unignore", unignore}, {"tag", tag},     {"delete", erase},
};

static int put_name(struct api *a, const char *name, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    text_set(&c.batch, name);
    api_edited(&c);
    if (row_put(t, TABLE_CERT, &c, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, name, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

/* Read before the action: a certificate that is deleted had a name. */
static void add_name(struct api *a, const char *id, json_t *o)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err gone = {0};
    json_put_str(o, "name", load(a->core, TABLE_CERT, id, &c, &gone) == 0 ? text_of(c.name) : "");
}

static json_t *one(struct api *a, const char *id, const struct batch *b, const struct action *act)
{
    struct err why = {0};
    json_t *o = json_object();
    json_put_str(o, "id", id);
    add_name(a, id, o);
    int rc = str_copy(a->param, sizeof a->param, id, &why);
    if (rc == 0 && b->name[0])
        rc = put_name(a, b->name, &why);
    if (rc == 0)
        rc = act->run(a, b, &why);
    json_put_bool(o, "ok", rc == 0);
    if (rc < 0)
        json_put_str(o, "error", why.text);
    else if (a->status == 202 && str_starts(text_of(a->location), "/api/v1/jobs/"))
        json_put_str(o, "job", a->location + sizeof "/api/v1/jobs/" - 1);
    return o;
}

static int run_all(struct api *a, const struct strs *ids, const struct batch *b,
                   const struct action *act, struct err *e)
{
    json_t *items = json_array();
    int64_t done = 0;
    text_set(&a->if_match, NULL); /* a revision of one record says nothing of many */
    for (size_t i = 0; i < ids->n; i++) {
        json_t *o = one(a, ids->v[i], b, act);
        done += json_bool(o, "ok");
        json_array_append_new(items, o);
    }
    text_set(&a->location, NULL);
    text_set(&a->etag, NULL);
    json_t *o = json_object();
    json_put_take(o, "items", items);
    json_put_int(o, "done", done);
    json_put_int(o, "refused", (int64_t)ids->n - done);
    return api_json(a, 200, o, e);
}

static int check(const struct strs *ids, const struct batch *b, const char *name,
                 const struct action **out, struct err *e)
{
    size_t k = 0;
    while (k < COUNT(actions) && !str_eq(actions[k].name, name))
        k++;
    if (k == COUNT(actions))
        return err_set(e, ERR_INPUT,
                       "action: expected configure, issue, renew, deploy, ignore, unignore, tag or "
                       "delete");
    if (ids->n == 0)
        return err_set(e, ERR_INPUT, "ids: name at least one certificate");
    if (actions[k].run == configure && b->settings == NULL)
        return err_set(e, ERR_INPUT, "settings: needed to configure, as for one certificate");
    if (actions[k].run == configure && b->name[0] == '\0')
        return err_set(
            e, ERR_INPUT,
            "batch_name: needed to configure, so that these certificates are found again");
    if (actions[k].run == tag && b->tags.n == 0)
        return err_set(e, ERR_INPUT, "tags: name at least one");
    *out = &actions[k];
    return 0;
}

static int read_body(struct api *a, struct strs *ids, struct batch *b, const char **action,
                     struct err *e)
{
    static const char *const names[] = {"ids", "action", "batch_name", "settings", "tags", NULL};
    json_t *o;
    if (api_body(a, &o, e) < 0 || json_only(o, names, e) < 0 ||
        json_opt_strs(o, "ids", BATCH_MAX, ID_CHARS, ids, e) < 0 ||
        json_get_str(o, "action", 20, action, e) < 0 ||
        json_opt_str(o, "batch_name", 100, &b->name, e) < 0 ||
        json_opt_strs(o, "tags", TAGS_MAX, 100, &b->tags, e) < 0)
        return -1;
    return json_object_get(o, "settings") ? json_get_obj(o, "settings", &b->settings, e) : 0;
}

int on_certs_batch(struct api *a, struct err *e)
{
    struct strs ids = {0};
    struct batch b = {.name = ""};
    const char *name;
    const struct action *act = NULL;
    int rc = -1;
    if (read_body(a, &ids, &b, &name, e) == 0 && check(&ids, &b, name, &act, e) == 0)
        rc = run_all(a, &ids, &b, act, e);
    strs_free(&ids);
    strs_free(&b.tags);
    return rc;
}
