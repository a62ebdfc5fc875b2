/* What a form of a server brings: settings over a record, its secrets sealed and bound to it. */
#pragma once
#include "src/core/api/api.h"

/* A new record with an id. The settings are those of POST /servers. */
int server_form_new(struct api *a, const json_t *settings, struct server *out, struct err *e);
/* Changes over a stored record: secrets left out stay; another address is another machine. */
int server_form_change(struct api *a, const json_t *settings, struct server *s, struct err *e);
/* The keys a person compared, found in a test of this user: for hosts that may be pinned. */
int server_form_pins(struct api *a, const struct strs *wanted, struct server *s, struct err *e);
