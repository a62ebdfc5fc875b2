/*
 * What the policies ask of a deployment: that its plan is approved, perhaps by a second person, and
 * that the server is changed in a window. Looked up anew each time, for they may have changed.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/deploy.h"
#include "src/core/policies.h"

#define LOOK_AGAIN_S 3600 /* a window may be moved meanwhile */

static int limits_of(struct deploy *d, struct policy_limits *l, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(d->run->core->db, false, &t, e) < 0)
        return -1;
    return policies_judge(t, &d->cert, NULL, l, e);
}

bool deploy_second_person(const struct cert *c, const struct job *j, const char *who)
{
    return !str_eq(who, j->requested_by) && !str_eq(who, c->configured_by);
}

int deploy_approval(struct deploy *d, char **why, struct err *e)
{
    OWN(policy_limits_free)
    struct policy_limits l = {0};
    const struct job *j = &d->run->job;

    *why = NULL;
    if (limits_of(d, &l, e) < 0)
        return -1;
    if (l.approval == APPROVAL_FOUR_EYES &&
        !(j->approved && deploy_second_person(&d->cert, j, j->approved_by)))
        *why = xasprintf("policy %s: another person than who configured the certificate or asked "
                         "for the deployment approves the plan",
                         l.approval_by);
    else if (l.approval == APPROVAL_REQUIRED && !j->approved)
        *why = xasprintf("policy %s: a person approves the plan", l.approval_by);
    return 0;
}

int deploy_window(struct deploy *d, struct err *e)
{
    OWN(policy_limits_free)
    struct policy_limits l = {0};
    char at[TIME_TEXT_BYTES];
    const int64_t now = now_s();

    if (limits_of(d, &l, e) < 0)
        return -1;
    if (l.opens >= 0 && l.opens <= now)
        return 1;
    time_print(l.opens, at);
    OWN(own_mem)
    char *text =
        l.opens < 0 ? xasprintf("the deployment windows of the policies (%s and others) never meet",
                                l.opens_by)
                    : xasprintf("policy %s: waits for its deployment window at %s", l.opens_by, at);
    const int64_t again =
        l.opens < 0 || l.opens > now + LOOK_AGAIN_S ? now + LOOK_AGAIN_S : l.opens;
    return run_wait(d->run, "Waiting", again, CAUSE_POLICY, text, e);
}
