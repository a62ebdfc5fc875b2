/* Answers: status, the headers every answer has, and problems (RFC 9457) for what web itself
 * refuses. */
#pragma once
#include "src/web/server.h"

struct answer {
    int status;
    const char *type;
    struct blob body;
    const char *location, *etag, *filename, *encoding; /* NULL or "": none */
    uint32_t retry_after_s;
    struct blob set_session; /* with age 0: the cookie is taken away */
    uint32_t session_age_s;
    bool for_ever;  /* may be cached: its name has a hash */
    bool ask_again; /* may be kept, and asked for by its ETag */
    bool close;
};

/* Sends and lets go of x->req; a client that is gone is no error. */
void reply_send(struct exchange *x, const struct answer *a);
void reply_problem(struct exchange *x, int status, enum err_code code, const char *detail,
                   bool close);
void reply_error(struct exchange *x, const struct err *e);
/* The security headers alone, for a stream. */
void reply_headers(struct evhttp_request *req, const char *type);
