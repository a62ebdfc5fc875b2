/*
 * Waiting for a job: asks for it again and again, prints each step once it has ended, and the new
 * lines of its log. Jobs that it started are waited for too. Control-C ends the watching, not the
 * job.
 */
#pragma once
#include "src/ctl/api.h"

/* How a job ended: 0 for Done and No Change; else the err that tells why, with what to do. */
int progress_wait(struct ctl *c, const char *job, struct err *e);
/* After an answer that may have begun work: waits for its job, or prints its id. */
int progress_answer(struct ctl *c, const struct api_answer *a, struct err *e);
/* Steps that ended since `printed`, a bit per step. */
int progress_new_steps(struct ctl *c, const json_t *job, uint64_t *printed, struct err *e);
/* One line per step, and the plan. */
int progress_steps(struct ctl *c, const json_t *job, struct err *e);
/* Log lines from *next on; moves *next. prefix: before each line. */
int progress_log(struct ctl *c, const char *job, int64_t *next, const char *prefix, struct err *e);
bool job_ended(const json_t *job);
