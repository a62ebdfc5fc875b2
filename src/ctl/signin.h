/* Signing in with a session that lasts as long as the command, and what is done with it. */
#pragma once
#include "src/ctl/api.h"

/* POST of credentials to /session or /setup; later calls use the session. */
int signin_begin(struct ctl *c, const char *path, const json_t *body, json_t **session,
                 struct err *e);
/* Makes an API token named after this host, stores it with address and trust, revokes the one
 * before, and ends the session. */
int signin_keep(struct ctl *c, struct err *e);
