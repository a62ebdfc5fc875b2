/* Starting an issue: on the row itself the first time, on a successor row when the row is deployed.
 */
#pragma once
#include "src/core/flow/parts.h"

/* ERR_CONFLICT while a job works on the certificate. */
int cert_demand_idle(struct txn *t, const struct cert *c, struct err *e);
/*
 * Makes the issue job (and the successor row when the certificate is Deployed: the old one keeps
 * serving until the new one is), and the audit record. client may be NULL.
 */
int renew_start(struct core *core, const char *cert_id, const char *requested_by,
                const char *client, char job[ID_CHARS + 1], struct err *e);
/* The same as a dry run: a job that says what would be done, and changes nothing. */
int renew_plan(struct core *core, const char *cert_id, const char *requested_by,
               char job[ID_CHARS + 1], struct err *e);
