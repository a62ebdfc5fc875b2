/* How an issue ends without a certificate (issue.h). */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/issue.h"
#include "src/core/policies.h"
#include "src/model/ca_fault.h"

bool order_is_final(enum order_state s)
{
    return s == ORDER_ISSUED || s == ORDER_REJECTED || s == ORDER_CANCELLED || s == ORDER_FAILED;
}

static int end_order(struct core *core, const char *id, const char *state, const char *text,
                     struct err *e)
{
    OWN(own_order)
    struct order stored = {0};

    if (load(core, TABLE_ORDER, id, &stored, e) < 0)
        return -1;
    if (!order_is_final(order_state_parse(stored.state)))
        text_set(&stored.state, state);
    text_set(&stored.error, text);
    stored.next_at = 0;
    return save(core, TABLE_ORDER, &stored, e);
}

int64_t issue_time_left(struct core *core, const struct cert *c)
{
    OWN(own_cert)
    struct cert old = {0};
    struct err gone = {0};
    int64_t end = c->not_after;
    if (end == 0 && text_of(c->predecessor)[0] &&
        load(core, TABLE_CERT, c->predecessor, &old, &gone) == 0)
        end = old.not_after;
    return end > now_s() ? end - now_s() : INT64_MAX;
}

int issue_fault(struct core *core, const char *order_id, enum err_code code, struct err *e)
{
    OWN(own_order)
    struct order stored = {0};

    if (load(core, TABLE_ORDER, order_id, &stored, e) < 0)
        return -1;
    text_set(&stored.category, ca_fault_words(code));
    text_set(&stored.remedy, ca_fault_remedy(code));
    return save(core, TABLE_ORDER, &stored, e);
}

int issue_end(struct run *r, const struct order *o, const char *state, enum deploy_cause cause,
              const char *text, struct err *e)
{
    static const char *const advice[] = {
        "Correct what the CA objects to (names, key, profile, account), then issue again: a new "
        "order is placed, the old certificate keeps being served.",
        "Change the certificate's configuration, or have a security officer change the policy, "
        "then retry; the old certificate keeps being served.",
    };

    if ((o && end_order(r->core, o->id, state, text, e) < 0) ||
        cert_mark_failed(r->core, r->job.cert, "Initiated", cause, text, e) < 0)
        return -1;
    return run_finish(r, str_eq(state, "Cancelled") ? "Cancelled" : "Failed", cause, text,
                      advice[cause == CAUSE_POLICY], e);
}

bool issue_unsent(const struct order *o)
{
    return order_state_parse(o->state) == ORDER_QUEUED && o->submitted_at == 0 && o->memory.n == 0;
}

int issue_refused(struct run *r, const struct cert *c, char **words, struct err *e)
{
    OWN(policy_findings_free)
    struct policy_findings f = {0};
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(r->core->db, false, &t, e) < 0 || policies_judge(t, c, &f, NULL, e) < 0)
        return -1;
    *words = f.n ? policies_words(&f) : NULL;
    return f.n != 0;
}

int issue_allowed(struct run *r, const struct cert *c, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    OWN(own_mem)
    char *words = NULL;
    bool ordered = text_of(r->job.order)[0] != '\0';

    if (ordered && load(r->core, TABLE_ORDER, r->job.order, &o, e) < 0)
        return -1;
    if (ordered && !issue_unsent(&o))
        return 1;
    int refused = issue_refused(r, c, &words, e);
    if (refused != 1)
        return refused < 0 ? -1 : 1;
    return issue_end(r, ordered ? &o : NULL, "Failed", CAUSE_POLICY, words, e);
}
