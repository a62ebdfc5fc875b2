/*
 * Policies in the store: judging a certificate's record by them, keeping the outcome on it, and the
 * ones that are there from the first start. How they judge is src/model/policy.h.
 */
#pragma once
#include "crypto/x509/cert.h"
#include "src/core/core.h"
#include "src/model/policy.h"

int policies_load(struct txn *t, struct policy_set *out, struct err *e);
/* What the policies would refuse today, and what they leave; either may be NULL. */
int policies_judge(struct txn *t, const struct cert *c, struct policy_findings *findings,
                   struct policy_limits *limits, struct err *e);
/* Policy, Policy Findings, Refused By and the times of renewal, into the record. */
int policies_mark(struct txn *t, struct cert *c, struct err *e);
/* Marks it, and refuses a finding that was not among `before`. ERR_INPUT names the field. */
int policies_demand(struct txn *t, struct cert *c, const struct policy_findings *before,
                    struct err *e);
/* A certificate that came: its names, its life and its key against the policies. ERR_DENIED. */
int policies_accept(struct core *core, const struct cert *c, const X509 *leaf, struct err *e);
/* "policy Default: Validity: ...; and 2 more", of findings that are some. */
char *policies_words(const struct policy_findings *f);

/* Makes the policies of a new appliance that are not there. */
int policies_begin(struct core *core, struct err *e);
/* In the transaction of a change: every certificate is judged again. Then call policies_kick. */
int policies_changed(struct txn *t, struct err *e);
/* Judges the certificates that are still to be judged, in a fiber of its own. */
void policies_kick(struct core *core);
/* The clock's part: a limit that changes with its date, and a judgement that a restart cut short.
 */
int policies_tick(struct core *core, struct err *e);
