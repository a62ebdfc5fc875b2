/* DEPLOY_* messages in, answers out. */
#pragma once
#include "src/deploy/worker.h"

extern const struct channel_events run_events; /* of the channel to core; arg: struct worker */
/* Makes the one-shot key and tells core its public half. */
int run_hello(struct worker *w, struct err *e);
