/* The parts of an issue that are not its steps: what the policies say before it, and how it ends.
 */
#pragma once
#include "src/core/flow/parts.h"
#include "src/model/order_state.h"

bool order_is_final(enum order_state s);
/* The CA has never heard of it: a connector remembers an order before it sends it. */
bool issue_unsent(const struct order *o);
/* Seconds until what is served now ends: the certificate itself, or the one it renews. */
int64_t issue_time_left(struct core *core, const struct cert *c);
/* The order's trouble, by category, before it waits or ends. */
int issue_fault(struct core *core, const char *order_id, enum err_code code, struct err *e);
/* Tells the CA, and ends the run when that is done. issue_cancel.c */
int issue_cancel(struct run *r, const struct order *o, struct err *e);
/* 1: the policies refuse, and `words` (malloc'ed) say why; 0: they allow it; -1. */
int issue_refused(struct run *r, const struct cert *c, char **words, struct err *e);
/* 1: the policies allow the order, or it was sent already; 0: they refuse, the run has ended; -1.
 */
int issue_allowed(struct run *r, const struct cert *c, struct err *e);
/* Ends order, certificate and run. o: NULL when there is no order yet. */
int issue_end(struct run *r, const struct order *o, const char *state, enum deploy_cause cause,
              const char *text, struct err *e);
