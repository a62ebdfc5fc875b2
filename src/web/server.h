/*
 * The HTTPS server: evhttp behind the gate. A connection's bytes go to the gate first; only a head
 * that it took, whole and alone, and the bytes of its body reach evhttp. A refused head is replaced
 * by one harmless request whose answer is the refusal, and the connection ends with it.
 */
#pragma once
#include <event2/http.h>

#include "src/base/loop.h"
#include "src/ipc/channel.h"
#include "src/web/asset.h"
#include "src/web/kept.h"
#include "src/web/request.h"
#include "src/web/tls.h"

struct conn;
struct stream;

struct server {
    struct loop *loop;
    struct channel *core;
    struct tls *tls;
    struct kept kept;
    const struct assets *assets;
    struct strs names; /* beside those of the certificate */
    struct evhttp *http;
    struct conn *conns; /* all that are open */
    size_t conn_count;
    struct stream *streams;
    uint32_t next_stream;
};

int server_start(struct server *s, int take_listener, struct err *e);
void server_stop(struct server *s);

/* One request on its way to its answer. `req` is NULL once the client is gone. */
struct exchange {
    struct server *server;
    struct evhttp_request *req;
    struct request *request; /* owned */
    char client[48];         /* address */
    void (*gone)(void *arg); /* the client went away before the answer; may be NULL */
    void *gone_arg;
};
/* Its answer is complete or about to be: the connection goes on to the next head after it. */
void exchange_release(struct exchange *x);
void exchange_free(struct exchange *x);
