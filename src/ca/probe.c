/*
 * Whether the appliance's own UI answers over HTTPS: asked here, since this is the process that may
 * connect. The listener is known by its public key, for its certificate names no loopback address.
 */
#include "src/base/own.h"
#include "src/ca/ca.h"

#define PROBE_MS 10000
#define ANSWER_MAX 65536

int ca_probe(struct ca *ca, const struct msg *m, struct err *e)
{
    struct msg_CA_PROBE ask;
    struct http_response answer = {0};
    const struct msg_DONE done = {};

    if (get_CA_PROBE(m, &ask, e) < 0)
        return -1;
    const struct http_request q = {.method = "GET",
                                   .url = ask.url,
                                   .key_sha256 = ask.key_sha256,
                                   .max_body = ANSWER_MAX,
                                   .total_ms = PROBE_MS};
    if (http_perform(ca->http, &q, &answer, e) < 0)
        return -1;
    const long status = answer.status;
    http_response_free(&answer);
    if (status != 200)
        return err_set(e, ERR_REMOTE, "the admin UI answers with status %ld, expected 200", status);
    return reply_DONE(ca->core, m->id, &done, e);
}
