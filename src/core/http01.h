/* Answers to http-01 challenges: kept while an order needs them, given to web, also after it
 * restarts. */
#pragma once
#include "src/core/core.h"

/* An empty answer takes the token away. At most 500 at a time. */
int http01_set(struct core *core, const char *token, const char *answer, struct err *e);
void http01_send_all(struct core *core);
