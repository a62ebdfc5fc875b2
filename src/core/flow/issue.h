/* The parts of an issue that are not its steps: what the policies say before it, and how it ends.
 */
#pragma once
#include "src/core/flow/parts.h"
#include "src/model/order_state.h"

bool order_is_final(enum order_state s);
/* 1: the policies refuse, and `words` (malloc'ed) say why; 0: they allow it; -1. */
int issue_refused(struct run *r, const struct cert *c, char **words, struct err *e);
/* 1: the policies allow the order, or it was sent already; 0: they refuse, the run has ended; -1.
 */
int issue_allowed(struct run *r, const struct cert *c, struct err *e);
/* Ends order, certificate and run. o: NULL when there is no order yet. */
int issue_end(struct run *r, const struct order *o, const char *state, enum deploy_cause cause,
              const char *text, struct err *e);
