/*
 * The head of an HTTP/1.1 request, read strictly (RFC 9112): what could be read in two ways is
 * refused. No transfer codings, no queries, no escapes in the path, one Host, at most one length.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define HTTP_HEAD_BYTES 8192u
#define HTTP_FIELDS_MAX 64u

struct http_head {
    char method[8];
    char path[64];
    char host[256];
    char type[256];   /* Content-Type; "" when there is none */
    char origin[272]; /* Origin; "" when there is none */
    uint64_t length;  /* Content-Length; 0 when there is none */
    bool html;        /* Accept names text/html: a browser asks */
    bool expects;     /* waits for 100 Continue */
};

/* Bytes of the head that begins at p, its empty line included; 0 while that is not there yet. */
size_t http_head_bytes(const uint8_t *p, size_t n);
/* `n` is what http_head_bytes said. */
int http_head_parse(const uint8_t *p, size_t n, struct http_head *out, struct err *e);
