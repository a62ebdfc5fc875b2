/*
 * Orders by the clock: Certificate Issued becomes Expired when the certificate has ended. The times
 * lie in two indexes, one for those to come and one for those that were, so that only what is due
 * is looked at; the second takes back what a clock that ran ahead has ended.
 */
#pragma once
#include "src/core/core.h"

/* From now on the clock looks at the order. */
int expire_at(struct txn *t, const char *order, int64_t not_after, struct err *e);
/* In a fiber, from the schedule. */
int expire_due(struct core *core, struct err *e);
