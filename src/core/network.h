/*
 * The network settings of an appliance image. A change is tried before it is kept: sys puts it into
 * force, and unless somebody confirms it in time the stored settings come back by themselves. Only
 * a confirmed change is stored, so a restart in between also brings the old ones back.
 */
#pragma once
#include "src/core/core.h"
#include "src/model/network.h"

/* The stored settings and the revision of their record (0: never set, those of the image). */
int network_get(struct txn *t, struct network *out, int64_t *rev, struct err *e);
int network_put(struct txn *t, const struct network *n, struct err *e);

/* The change under way; NULL: none. until: when the old settings come back, seconds UTC. */
const struct network *network_pending(int64_t *until);
/* Puts the settings into force once the call is answered, and waits for a confirmation. */
void network_try(struct core *core, struct network *take_n);
/* Ends the waiting; what was tried is the caller's to store. ERR_CONFLICT when nothing waits. */
int network_take_pending(struct network *out, struct err *e);
/* The stored settings come back once the call is answered. */
void network_revert(struct core *core);
/*
 * sys was started (again), or the console set the network: what the console set is stored, and what
 * is to be in force is handed to sys.
 */
void network_started(struct core *core);
