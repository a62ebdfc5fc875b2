/* Why a transfer failed, in words that say whose move it is; from libcurl's code and OpenSSL's
 * verdict. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct http_failure {
    const char *url;
    int code;       /* CURLcode */
    long verify;    /* X509_V_* of the server's certificate */
    bool connected; /* TLS was up */
    bool too_large;
    size_t max_body;
    const char *proxy; /* or NULL */
    long proxy_status; /* of its answer to CONNECT; 0: none */
    const char *text;  /* libcurl's own words */
};

int http_failed(const struct http_failure *f, struct err *e); /* -1 */
