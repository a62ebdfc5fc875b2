/* The dry run of an issue: says what would be done, and does none of it. */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/flow/issue.h"

int plan_issue(struct run *r, const struct cert *c, struct err *e)
{
    struct ca_args a;
    struct err why = {0};
    OWN(own_mem)
    char *names = strs_join(&c->names, ", ");
    OWN(own_mem)
    char *refusal = NULL;
    int refused = issue_refused(r, c, &refusal, e);
    if (refused < 0)
        return -1;
    if (refused)
        return run_finish(r, "Failed", CAUSE_POLICY, refusal,
                          "Change the certificate's configuration or the policy.", e);
    if (ca_args_load(r->core, c->connector, CA_SERVE, &a, &why) < 0)
        return run_finish(r, "Failed", CAUSE_CA, why.text, "Test the CA connector.", e);
    OWN(own_mem)
    char *plan =
        xasprintf("Make a %s key in the HSM, custody %s\n"
                  "Order %s at %s for %lld days\n%s\n",
                  c->key_alg, c->key_policy, names, a.connector.name, (long long)c->validity_days,
                  cert_may_deploy(c) ? "Deploy it to the server and prove it by a handshake"
                                     : "Keep it here: it is not deployed by itself");
    ca_args_free(&a);
    text_set(&r->job.plan_text, plan);
    return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
}
