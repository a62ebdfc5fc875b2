/*
 * One connection, one request: handshake, head, body, answer, end. Each step has a deadline, so a
 * peer that dawdles is dropped and cannot keep a place.
 */
#pragma once
#include <poll.h>

#include "src/rescue/http.h"
#include "src/rescue/server.h"
#include "src/rescue/tls.h"

enum conn_step { CONN_HANDSHAKE, CONN_HEAD, CONN_BODY, CONN_ANSWER, CONN_LINGER, CONN_OVER };

struct conn {
    const struct server *server;
    bool *busy; /* of the server: a body flows */
    int fd;
    mbedtls_ssl_context ssl;
    enum conn_step step;
    int64_t deadline; /* monotonic ms */
    bool write;       /* mbedTLS waits for room */
    uint8_t head[HTTP_HEAD_BYTES];
    size_t head_n;
    struct http_head request;
    const struct route *route;
    uint64_t left; /* bytes of the body that are still to come */
    struct intake intake;
    struct buf body;
    bool refused; /* by an error: what else comes is read and dropped, then `why` is the answer */
    struct err why;
    struct buf out;
    size_t sent;
    bool last; /* the answer ends the server */
};

/* Takes the descriptor; NULL when mbedTLS has no room. */
struct conn *conn_new(const struct server *s, const struct tls *t, bool *busy, int fd);
void conn_free(struct conn *c);
/* Goes on as far as the socket allows. */
void conn_run(struct conn *c);
/* What to poll for. */
short conn_events(const struct conn *c);
/* Bytes are decrypted that the socket will not announce. */
bool conn_pending(const struct conn *c);
