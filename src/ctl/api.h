/*
 * One call of the REST API: address and trust from options, environment and configuration, the
 * token when the address is the one it was made for, JSON in and out, problems (RFC 9457) as err.
 */
#pragma once
#include "src/base/json.h"
#include "src/ctl/ctl.h"
#include "src/ctl/http.h"

struct api_answer {
    long status;
    json_t *json; /* NULL: the answer is no JSON, or empty */
    struct web_answer raw;
};
void api_answer_free(struct api_answer *a);

/* Path behind /api/v1, with its query. body and etag may be NULL. -1 for every status from 400. */
int api_call(struct ctl *c, const char *method, const char *path, const json_t *body,
             const char *etag, struct api_answer *out, struct err *e);
/* POST of bytes, which may be sent again. */
int api_post_bytes(struct ctl *c, const char *path, struct blob bytes, struct api_answer *out,
                   struct err *e);
/* GET of JSON; the caller owns *out. */
int api_get(struct ctl *c, const char *path, json_t **out, struct err *e);
/* Finds out url and trust, and opens; done by api_call too. ERR_INPUT when there is no address. */
int api_open(struct ctl *c, bool probe, struct err *e);
/* Puts url and trust in use into the configuration (not yet on disk). */
void api_keep_trust(struct ctl *c);
void api_close(struct ctl *c);
/* Percent-encodes all but unreserved characters (RFC 3986, 2.3). */
void url_add(struct buf *out, const char *text);
/* The err of an answer from 400 on. */
int api_problem(const struct api_answer *a, struct err *e);
