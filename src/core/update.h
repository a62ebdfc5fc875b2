/*
 * Updating the appliance: what certkeep-update does, step by step, as the API's callers ask for it.
 * docs/update.md. Nothing is remembered here but how the last check ended: the disk is the state.
 */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"

/* GET /system/update. The caller owns *out. All in a fiber. */
int update_state(struct core *core, json_t **out, struct err *e);
/* Piece 0 is the head: it begins, or goes on. *lines is what the updater said; malloc'ed. */
int update_take(struct core *core, uint32_t piece, struct blob bytes, char **lines, struct err *e);
/* Begins to read the slot again and to commit it; GET says how it ended. ERR_CONFLICT: not now. */
int update_commit_start(struct core *core, const char *actor, const char *client, struct err *e);
/* Restarts the machine into the committed version, once the answer is out. ERR_CONFLICT: there is
 * none. */
int update_restart(struct core *core, struct err *e);
