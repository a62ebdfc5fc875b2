/* The steps of a job as its page shows them, from its kind and its journal. */
#pragma once
#include "src/base/json.h"
#include "src/model/records.h"

/* A new array of {name,title,state,started_at,finished_at,text}. */
json_t *job_steps(const struct job *j, const json_t *journal);
bool job_has_step(const struct job *j, const char *name);
