/*
 * An order at an ACME server from newOrder to the certificate (RFC 8555, 7.4). Short waits are
 * waited here, longer ones go back to core with the time to ask again. An order whose URL is
 * remembered is continued and never placed twice.
 */
#pragma once
#include "src/ca/acme_client.h"

/* Places the order (or takes up the remembered one) and drives it. */
int acme_order_run(struct acme *a, bool may_place, struct ca_result *out, struct err *e);
/* Gives up its pending authorizations and takes its answers away. */
int acme_order_cancel(struct acme *a, struct err *e);
