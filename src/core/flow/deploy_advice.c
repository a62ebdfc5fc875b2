/* What a person can do about each cause of a failed deployment. */
#include "src/core/flow/deploy.h"

const char *deploy_advice(enum deploy_cause cause)
{
    static const char *const advice[CAUSE_COUNT] = {
        [CAUSE_PERMISSION] =
            "Give the account the right named above on the server (or set Elevation), then retry.",
        [CAUSE_CONNECTIVITY] =
            "Check address, port, firewall and that the SSH server runs, then retry.",
        [CAUSE_FORMAT] = "The server cannot use this certificate or key: choose another key "
                         "algorithm or correct the "
                         "chain, issue again and deploy.",
        [CAUSE_CONFIGURATION] =
            "Correct the server's configuration named above until its own test passes, then retry.",
        [CAUSE_VERIFICATION] =
            "Another process may own the port, or the reload did not happen: look at the server, "
            "then retry.",
        [CAUSE_CA] = "Issue the certificate again.",
        [CAUSE_POLICY] = "Change the certificate's configuration or have the plan approved.",
        [CAUSE_INTERNAL] = "Copy the report of this job and send it to support.",
    };
    return cause < CAUSE_COUNT ? advice[cause] : NULL;
}
