/* A deployment under way: what flow/deploy.c drives and flow/deploy_records.c reads and writes. */
#pragma once
#include "src/core/flow/worker.h"

struct deploy {
    struct run *run;
    struct cert cert;
    struct server server;
    struct key key;
    struct worker *worker;
};

int deploy_load(struct run *r, struct deploy *d, struct err *e);
void deploy_done(struct deploy *d);
int deploy_connect(struct deploy *d, struct err *e);
int deploy_step_run(struct deploy *d, enum deploy_step step, struct blob bundle,
                    struct step_result *res, struct err *e);

/* deploy_advice.c */
const char *deploy_advice(enum deploy_cause cause); /* NULL: none is needed */

/* deploy_policy.c */
/* Is `who` neither who asked for the deployment nor who configured the certificate? */
bool deploy_second_person(const struct cert *c, const struct job *j, const char *who);
/* `why` (malloc'ed) says whose approval a policy still wants; NULL: none's. */
int deploy_approval(struct deploy *d, char **why, struct err *e);
/* 1: the server may be changed now; 0: the run waits for the window of a policy; -1. */
int deploy_window(struct deploy *d, struct err *e);

/* deploy_records.c */
int deploy_request_of(struct deploy *d, struct buf *out, struct err *e);
/* evidence: of the last step, which may name other files; or NULL */
int deploy_mark_deployed(struct deploy *d, const char *evidence,
                         struct err *e); /* and the predecessor Superseded */
int deploy_mark_rolled_back(struct deploy *d, const char *evidence,
                            struct err *e); /* the former certificate serves again */
int deploy_last_plan(struct deploy *d,
                     struct err *e); /* of the certificate's latest deployment, into the job */
/* The server showed a key that is not pinned: keep what it offered, mark the server, end the job.
 */
int deploy_host_key(struct deploy *d, const struct step_result *res, struct err *e);
int server_keep_offer(struct core *core, const char *server_id, const char *evidence,
                      const char *why, struct err *e);
