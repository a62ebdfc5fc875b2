/* One TLS connection: its place among the limits, the gate before evhttp, its deadlines. */
#pragma once
#include <event2/bufferevent.h>

#include "src/web/server.h"

/* For evhttp: the next connection's bufferevent. Never NULL: over the limit it is closed at once.
 */
struct bufferevent *conn_new(struct server *s);
struct conn *conn_of(struct server *s, struct bufferevent *bev);
const char *conn_address(const struct conn *c);
/* The request that evhttp now has, or NULL with `why`: answer that and close. */
struct request *conn_take_request(struct conn *c, struct refusal *why);
/* It was answered: the next head may pass. */
void conn_next(struct conn *c);
