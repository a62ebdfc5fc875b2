/*
 * A deploy worker, as core sees it: one process for one job, started by parent, with the server's
 * secrets resealed to its one-shot key. It ends when the flow lets go of it.
 */
#pragma once
#include "src/core/flow/parts.h"

struct worker;

/* Whom a worker works for. It outlives the worker. */
struct worker_for {
    struct core *core;
    const char *id; /* of the job: what the worker is sent is bound to it */
    void (*log)(void *arg, const char *line);
    void (*part)(void *arg, enum deploy_part part, const char *text); /* it has passed */
    void *arg;
};
/* A job: lines and parts go to its log. */
struct worker_for worker_for_run(struct run *r);

/* In a fiber: starts the process, waits for its hello, sends it the job. */
int worker_start(const struct worker_for *who, const struct server *s, struct blob request,
                 struct blob chain_pem, struct blob spki, struct worker **out, struct err *e);
void worker_stop(struct worker *w); /* accepts NULL */

struct step_result {
    enum deploy_outcome outcome;
    enum deploy_cause cause;
    char *text, *evidence;
    struct bytes plan, findings;
};
void step_result_free(struct step_result *s);
/* One step; -1 only when the worker or core itself is at fault, never when the step failed. */
int worker_step(struct worker *w, enum deploy_step step, struct blob plan, struct blob bundle,
                struct step_result *out, struct err *e);
/* The key of the certificate as PEM, sealed by `key` to this worker. */
int worker_export_key(struct worker *w, const struct key *k, struct blob chain_pem,
                      struct buf *bundle, struct err *e);
/* parent: a worker process has ended. */
void worker_ended(struct core *core, uint32_t instance, uint32_t status);
