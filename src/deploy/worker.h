/*
 * The worker: one job, one server. It keeps the login of the job and nothing else between steps;
 * what a step must know comes with it as the plan, and what it learned goes back the same way.
 */
#pragma once
#include "crypto/hpke.h"
#include "crypto/x509/chain.h"
#include "src/deploy/plan.h"
#include "src/deploy/via/via.h"
#include "src/ipc/channel.h"
#include "src/model/deploy.h"
#include "src/model/deploy_request.h"
#include "src/model/records.h"

struct target;

struct worker {
    struct loop *loop;
    struct channel *core;
    struct hpke_key *key; /* one-shot: what core sends is sealed to it */
    bool begun;
    char *job;
    const struct target *target;
    struct server server;
    struct deploy_request request;
    struct secret password, ssh_key, sudo_password;
    struct chain chain; /* new: leaf first, without root; n 0 in a server check */
    struct bytes spki;
    struct via *via; /* NULL until CONNECT */
};
void worker_free(struct worker *w);
/* On failure the worker stays without a job. */
int worker_begin(struct worker *w, const struct msg_DEPLOY_BEGIN *m, struct err *e);
/* A line for the job's log: never a secret, never a byte of a key. */
void worker_log(struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* To core: this part of a check has passed. */
void worker_part(struct worker *w, enum deploy_part part, const char *text);

/* One step: what comes in, and the answer it becomes. */
struct step {
    enum deploy_step step;
    struct plan plan;
    struct blob bundle; /* STAGE: the key, sealed */
    enum deploy_outcome outcome;
    enum deploy_cause cause;
    struct buf text, evidence;
    struct deploy_findings findings;
};
void step_free(struct step *s);
/* Sets the answer; returns 0, for `return step_end(...)`. */
int step_end(struct step *s, enum deploy_outcome outcome, enum deploy_cause cause, const char *fmt,
             ...) __attribute__((format(printf, 4, 5)));
/*
 * Runs one step and always leaves an answer. The functions below return -1 with `e` for what the
 * caller turns into FAILED with its usual cause (RETRY when the network is the reason), and 0 when
 * they set an answer themselves.
 */
void step_run(struct worker *w, struct step *s);

int step_connect(struct worker *w, struct step *s, struct err *e);
int step_plan(struct worker *w, struct step *s, struct err *e);
int step_backup(struct worker *w, struct step *s, struct err *e);
int step_stage(struct worker *w, struct step *s, struct err *e);
int step_validate(struct worker *w, struct step *s, struct err *e);
int step_arm(struct worker *w, struct step *s, struct err *e);
int step_switch(struct worker *w, struct step *s, struct err *e);
int step_activate(struct worker *w, struct step *s, struct err *e);
int step_verify(struct worker *w, struct step *s, struct err *e);
int step_commit(struct worker *w, struct step *s, struct err *e);
int step_rollback(struct worker *w, struct step *s, struct err *e);
int step_observe(struct worker *w, struct step *s, struct err *e);
int step_clean(struct worker *w, struct step *s, struct err *e);

/* Runs a script on the target; another status than 0 is an error that ends with what it said. */
int target_run(struct worker *w, const char *script, struct via_out *o, enum err_code code,
               struct err *e);
/* Five fresh handshakes in a row give this leaf at the first endpoint, before the verify deadline.
 */
int verify_leaf(struct worker *w, const struct plan *p, const char *leaf, struct buf *story,
                struct err *e);
/* SHA-256 of some bytes, in hex, as the new value of a member of the plan. */
int hash_hex(struct blob text, char **hex, struct err *e);
/* VAR=value for a script; value quoted. */
void script_set(struct buf *b, const char *variable, const char *value);
/* Value of the first line "name value" in a script's output; malloc'ed, NULL when absent. */
char *script_get(struct via_out *o, const char *name);
