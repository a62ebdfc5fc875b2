/* Authorizations of an order: proving each name by http-01 (RFC 8555, 7.5 and 8.3). */
#pragma once
#include "src/ca/acme_client.h"

/* Publishes the answer of every pending authorization, then tells the CA to look. */
int acme_authz_answer(struct acme *a, struct acme_placed *p, const struct acme_order *o,
                      struct err *e);
/* Takes all published answers away; forgets them once they are. */
int acme_authz_unpublish(struct acme *a, struct acme_placed *p, struct err *e);
/* The first failed authorization in words, into why->text; "" when none failed. */
int acme_authz_why(struct acme *a, const struct acme_order *o, struct err *why, struct err *e);
int acme_authz_deactivate(struct acme *a, const struct acme_order *o, struct err *e);
/* Remembers the order. */
int acme_placed_save(struct acme *a, const struct acme_placed *p, struct err *e);
