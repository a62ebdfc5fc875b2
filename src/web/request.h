/*
 * The gate: bytes from outside become a request, or are refused before anything else reads them.
 * HTTP/1.1 only (RFC 9112), read once and strictly: no bare LF, no folded lines, no two headers
 * that say where a body ends, no path that two programs may read as two. What the gate lets through
 * is canonical, so evhttp behind it cannot come to another reading.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

#define REQUEST_HEAD_MAX ((size_t)16 * 1024)
#define REQUEST_BODY_MAX ((size_t)1024 * 1024)
#define REQUEST_HEADERS_MAX 64
#define REQUEST_PATH_MAX 1024
#define REQUEST_COOKIE "__Host-certkeep"

/* Why not, for the answer. */
struct refusal {
    int status;
    char text[200];
};

/* All strings are loans of `text`, and "" when the request did not have them. */
struct request {
    const char *method, *path, *query, *host;
    const char *credential; /* of the cookie, or after "Bearer" */
    const char *csrf, *content_type, *accept, *accept_encoding, *idempotency_key, *if_match,
        *if_none_match, *last_event_id;
    size_t content_length;
    bool chunked;
    size_t text_bytes;
    char text[];
};

/* Where the empty line of the head ends, 0 when it has not come yet. */
size_t request_head_end(const uint8_t *p, size_t n);
/* The whole head with its empty line. NULL with `why` when refused; free with request_free. */
struct request *request_parse(struct blob head, struct refusal *why);
void request_free(struct request *r); /* wipes: the credential was in it */
/* The Host is an address, localhost, or one of `names`. -1 with `why`. */
int request_check_host(const struct request *r, const struct strs *names, struct refusal *why);
/* Of the body that a path takes. */
static inline const char *request_body_type(const char *path)
{
    return str_starts(path, "/api/v1/system/update/pieces/") ? "application/octet-stream"
                                                             : "application/json";
}
/* Its value; -1 for another character. */
int request_hex_digit(char c);
