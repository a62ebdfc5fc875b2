/*
 * Outgoing HTTPS over libcurl; plain HTTP only for objects that are signed. Always: TLS 1.2 or
 * newer, certificate and host name checked (or the server's key compared with a known one), no
 * redirects, no cookies, no proxy from the environment, a limit on time and on the size of the
 * answer. Any HTTP status is an answer (0 is returned); the caller judges it. Errors say what
 * failed: the name, the connection, the server's certificate, time or size.
 *
 * In a fiber http_perform yields until the answer is there; on the main stack it blocks.
 */
#pragma once
#include "src/base/loop.h"
#include "src/base/str.h"

#define HTTP_BODY_MAX (1024 * 1024)
#define HTTP_CONNECT_MS 10000
#define HTTP_TOTAL_MS 60000

struct http;
struct http *http_new(struct loop *l);
void http_free(struct http *h); /* no request may be under way */

struct http_request {
    const char *method;         /* GET, HEAD or POST */
    const char *url;            /* https; http too for a signed object */
    bool signed_object;         /* the answer proves itself by its signature: a CRL */
    const char *const *headers; /* "Name: value", NULL-ended; or NULL */
    struct blob body;           /* of POST */
    bool once; /* never repeated by itself: libcurl sends again on a kept connection that was cut */
    size_t max_body;            /* 0: HTTP_BODY_MAX */
    const char *anchors;        /* PEM; NULL or "": the system's trust anchors */
    const char *key_sha256;     /* Base64: the server is known by its public key instead; or NULL */
    const char *proxy;          /* URL; NULL or "": none */
    const char *proxy_user;     /* or NULL */
    const char *proxy_password; /* or NULL; copied for the time of the request */
    uint32_t connect_ms;        /* 0: HTTP_CONNECT_MS */
    uint32_t total_ms;          /* 0: HTTP_TOTAL_MS */
};

struct http_response {
    long status;
    struct strs headers; /* "Name: value", at most 100 */
    struct buf body;     /* NUL-terminated by buf_cstr */
};

int http_perform(struct http *h, const struct http_request *q, struct http_response *out,
                 struct err *e);
void http_response_free(struct http_response *r);
const char *http_header(const struct http_response *r, const char *name); /* NULL: absent */
/* Seconds of a Retry-After header (RFC 9110, 10.2.3), number or date, at most `max`; 0: none. */
uint32_t http_retry_after(const struct http_response *r, uint32_t max);
