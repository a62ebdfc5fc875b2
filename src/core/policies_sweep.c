/*
 * Keeping the outcome of the policies on every certificate: a change of policies leaves the mark
 * "policy.sweep" in the store, and a fiber walks the certificates from there in short transactions,
 * writing those whose outcome changed. The mark moves with each, so a restart goes on where it was.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/parts.h"
#include "src/core/policies.h"

#define MARK "policy.sweep"  /* id of the certificate judged last; "-": none yet */
#define AS_OF "policy.as_of" /* time for which limits were judged */
#define BATCH 200

int policies_changed(struct txn *t, struct err *e)
{
    OWN(own_mem)
    char *now = xasprintf("%lld", (long long)now_s());

    return setting_put(t, MARK, "-", e) < 0 || setting_put(t, AS_OF, now, e) < 0 ? -1 : 0;
}

static int make_first(struct txn *t, struct policy *p, bool *made, struct err *e)
{
    OWN(own_policy)
    struct policy there = {0};
    struct err gone = {0};

    if (row_find(t, TABLE_POLICY, "builtin", p->builtin, &there, &gone) == 0)
        return 0;
    if (gone.code != ERR_NOT_FOUND)
        return err_set(e, gone.code, "%s", gone.text);
    if (row_put(t, TABLE_POLICY, p, e) < 0)
        return -1;
    OWN(own_mem)
    char *object = xasprintf("policy/%s", p->id);
    struct audit_entry a = {.actor = "system",
                            .client = "",
                            .action = "policies.create",
                            .object = object,
                            .name = p->name,
                            .result = "ok",
                            .detail = "built in"};
    *made = true;
    return audit_add(t, &a, e);
}

int policies_begin(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    bool made = false;

    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    for (size_t i = 0;; i++) {
        OWN(own_policy)
        struct policy p = {0};
        fields_init(&policy_fields, &p);
        if (!policy_first(i, &p))
            break;
        if (make_first(t, &p, &made, e) < 0)
            return err_wrap(e, "policy %s", p.name);
    }
    if (!made)
        return 0;
    return policies_changed(t, e) < 0 ? -1 : txn_commit(&t, e);
}

struct sweep {
    struct txn *t;
    const char *after;
    char last[ID_CHARS + 1];
    size_t seen;
};

static bool same_list(const struct strs *a, const struct strs *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = str_eq(a->v[i], b->v[i]);
    return same;
}

static bool same_outcome(const struct cert *a, const struct cert *b)
{
    return str_eq(a->policy, b->policy) && same_list(&a->policy_findings, &b->policy_findings) &&
           same_list(&a->refused_by, &b->refused_by) && a->renew_at == b->renew_at &&
           a->policy_renew_percent == b->policy_renew_percent &&
           a->policy_renew_days == b->policy_renew_days;
}

static int judge_one(void *record, void *arg, struct err *e)
{
    struct cert *was = record;
    struct sweep *s = arg;
    OWN(own_cert)
    struct cert c = {0};

    if (str_eq(was->id, s->after))
        return 0;
    if (s->seen++ == BATCH)
        return 1;
    if (str_copy(s->last, sizeof(s->last), was->id, e) < 0 ||
        row_get(s->t, TABLE_CERT, was->id, &c, e) < 0 || policies_mark(s->t, &c, e) < 0 ||
        cert_settle(s->t, &c, e) < 0)
        return -1;
    return same_outcome(was, &c) ? 0 : row_put(s->t, TABLE_CERT, &c, e);
}

/* 1: there is more; 0: all are judged. */
static int sweep_batch(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *mark = NULL;
    struct err none = {0};

    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    if (setting_get(t, MARK, &mark, &none) < 0)
        return none.code == ERR_NOT_FOUND ? 0 : err_set(e, none.code, "%s", none.text);
    struct sweep s = {.t = t, .after = mark};
    if (row_each(t, TABLE_CERT, NULL, mark[0] == '-' ? NULL : mark, judge_one, &s, e) < 0)
        return -1;
    bool more = s.seen > BATCH;
    if (setting_put(t, MARK, more ? s.last : NULL, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return more;
}

static void sweep_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};
    int more;

    while ((more = sweep_batch(core, &e)) > 0)
        ;
    core->judging = false;
    if (more < 0)
        log_error("policies.sweep", "error=%s", log_q(e.text));
}

void policies_kick(struct core *core)
{
    if (core->judging)
        return; /* it reads the mark anew for each batch */
    core->judging = true;
    fiber_start(core->loop, sweep_fiber, core);
}

/* Has a limit of some policy changed by its date since the certificates were judged? 1, 0, -1. */
static int stepped(struct txn *t, struct err *e)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    OWN(own_mem)
    char *as_of = NULL;
    int64_t from = 0;
    bool any = false;

    if (setting_get(t, AS_OF, &as_of, e) < 0 || parse_i64(as_of, 0, INT64_MAX, &from, e) < 0 ||
        policies_load(t, &s, e) < 0)
        return -1;
    for (size_t i = 0; i < s.n; i++)
        any = any || policy_steps_between(&s.v[i], from, now_s());
    return any;
}

static int begin_again(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(core->db, true, &t, e) < 0 || policies_changed(t, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int policies_tick(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *mark = NULL;
    struct err none = {0};

    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    int any = stepped(t, e);
    bool begun = setting_get(t, MARK, &mark, &none) == 0;
    txn_abort(&t);
    t = NULL;
    if (any < 0 || (any && begin_again(core, e) < 0))
        return -1;
    if (any || begun)
        policies_kick(core);
    return 0;
}
