/* What several flows share: loading their records, asking `ca`, and marking the certificate. */
#pragma once
#include "src/core/flow/jobs.h"
#include "src/ipc/call.h"

/* A CA_* request is the connector's record as ca wants it: these buffers outlive the call. */
struct ca_args {
    struct connector connector;
    struct buf settings, secrets, keys;
};
enum ca_use {
    CA_SERVE,    /* ERR_NETWORK when its state is not one to be used in */
    CA_ANYWAY,   /* in any state */
    CA_VALIDATE, /* in any state, with the settings that wait for validation if there are any */
};
int ca_args_load(struct core *core, const char *connector_id, enum ca_use use, struct ca_args *out,
                 struct err *e);
void ca_args_free(struct ca_args *a);

int load(struct core *core, enum table table, const char *id, void *record, struct err *e);
/* The certificate as it is now: others may have changed its row while the flow waited. */
int cert_reread(struct txn *t, struct cert *c, struct err *e);
/* Stores a changed record by itself, keeping `rev` right. */
int save(struct core *core, enum table table, void *record, struct err *e);

/* Failure as it shows on the certificate's row. */
int cert_mark_failed(struct core *core, const char *cert_id, const char *status,
                     enum deploy_cause cause, const char *text, struct err *e);
/* Derives readiness (S3) and the time of renewal from the record's other members. */
void cert_derive(struct cert *c, bool last_job_failed);
/* The same failure, when its job is tried again by itself: pending, not failed. */
int cert_mark_retrying(struct core *core, const char *cert_id, enum deploy_cause cause,
                       const char *text, struct err *e);
/* Does the job bring its certificate to the server? A revocation or a dry run does not.
 * readiness.c */
bool job_brings(const struct job *j);
/* Derives again, from the record and its latest job: failed only while nothing tries it again.
 * readiness.c */
int cert_settle(struct txn *t, struct cert *c, struct err *e);
/* After a person moved a job: its certificate, settled; a job that runs again becomes its latest
 * one. ERR_CONFLICT while another job works on the certificate. readiness.c */
int cert_follow_job(struct txn *t, const struct job *j, struct err *e);
/* After a flow ended a job: its certificate, settled. readiness.c */
int cert_settle_job(struct run *r, struct err *e);
/* Whether an issued certificate is deployed without asking. */
bool cert_may_deploy(const struct cert *c);
/* The dry run of an issue, to its end: Failed when the connector cannot be used. issue_plan.c */
int plan_issue(struct run *r, const struct cert *c, struct err *e);
/* Fills the members that describe a certificate (issuer, validity, serial, ...) from a PEM chain.
 */
int cert_describe_chain(struct cert *c, const char *chain_pem, struct err *e);
/* "time": now, RFC 3339 with milliseconds: how every trail entry begins. */
void json_put_now(json_t *o);
/* An event of the certificate's timeline. */
int timeline_add(struct txn *t, const char *cert_id, const char *event, const char *text,
                 const char *job, struct err *e);
