/*
 * A small HTTPS server for the two moments when the service does not run: rescue (src/stage0) and
 * the locked page of an attended boot. TLS 1.3 by mbedTLS, one request a connection, a table of
 * routes, one page that needs no script. Single-threaded; a handler may take its time, for there
 * is nothing else to do.
 *
 *     static int show(void *ctx, struct blob body, struct page *page, struct err *e);
 *     static int unlock(void *ctx, struct blob body, struct page *page, struct err *e)
 *     {
 *         struct buf passphrase = BUF_SECRET(256);
 *         if (form_field(body, "passphrase", &passphrase, e) < 0) ...
 *         page_start(page, "Unlocked");
 *         page->last = true;
 *         return 0;
 *     }
 *     static const struct route routes[] = {
 *         {"GET", "/", 0, NULL, show},
 *         {"POST", "/unlock", 1024, NULL, unlock},
 *     };
 *     firmware_start(&e);
 *     identity_make("certkeep", &identity, &e);
 *     server_listen(443, &fd, &e);
 *     server_run(&(struct server){.listener = fd, .identity = &identity, .routes = routes,
 *                                 .routes_n = COUNT(routes), .ctx = &mine}, &e);
 *
 * A handler that fails leaves its error as the page: the text, the HTTP status of its code, and a
 * way back to "/". A request whose Origin is another one is refused before a handler sees it.
 */
#pragma once
#include "src/rescue/form.h"
#include "src/rescue/identity.h"
#include "src/rescue/intake.h"
#include "src/rescue/page.h"

struct route {
    const char *method, *path; /* "GET", "POST", "PUT"; compared exactly */
    uint64_t body_max;
    /* NULL: the body is collected, wiped afterwards, and given to answer; keep body_max small.
     * Else it flows there, and answer gets an empty body. One body flows at a time. */
    const struct stream *stream;
    /* Calls page_start and fills the page; on -1 the page is left alone. */
    int (*answer)(void *ctx, struct blob body, struct page *page, struct err *e);
};

struct server {
    int listener; /* of server_listen, or one like it: listening and non-blocking */
    const struct identity *identity;
    const struct route *routes;
    size_t routes_n;
    void *ctx;
    void (*tick)(void *ctx); /* about once a second; NULL: never */
};

/* A listening socket for IPv6 and IPv4. */
int server_listen(uint16_t port, int *out, struct err *e);
/* Serves until a page with `last` was sent; -1 only when nothing can be served any more. */
int server_run(const struct server *s, struct err *e);
