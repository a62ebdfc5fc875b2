/*
 * The http-01 listener (RFC 8555, 8.3): plain HTTP, one kind of path. It answers challenges that
 * core set; a browser that came by http is sent to https; everything else is 404. It holds no
 * secret and reaches nothing but this table.
 */
#pragma once
#include <stddef.h>

#include "src/base/err.h"
#include "src/base/loop.h"

struct evhttp;

struct challenge {
    char *token, *answer;
};

struct http01 {
    struct loop *loop;
    struct evhttp *http;
    struct challenge *v;
    size_t n;
};

int http01_start(struct http01 *h, int take_listener, struct err *e);
void http01_stop(struct http01 *h);
int http01_set(struct http01 *h, const char *token, const char *answer, struct err *e);
void http01_clear(struct http01 *h, const char *token); /* "" or NULL: all */
