/*
 * HTTPS to the appliance, blocking, one connection that is kept: TLS 1.3, the certificate checked
 * against a PEM root, or compared with a pinned SHA-256, or else against the system's anchors. No
 * redirects, no proxy, no cookies kept. src/net/http.c is not used, since it neither pins nor
 * knows PATCH and DELETE.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

#define WEB_BODY_MAX (64u * 1024 * 1024)

struct web;
/* `ca` PEM or NULL, `pin` 64 lower-case hex digits or "". probe: accept any certificate, to show
 * its fingerprint; nothing secret may be sent then. */
struct web *web_new(const char *url, const char *ca, const char *pin, bool probe);
void web_free(struct web *w);
/* Fingerprint of the certificate of the latest handshake; "" when it was not compared. */
const char *web_seen(const struct web *w);

struct web_answer {
    long status;
    struct strs headers; /* "Name: value" */
    struct buf body;     /* wiped when freed */
};
/* Any status is an answer. Headers and body may hold secrets: they are wiped or never copied. */
int web_perform(struct web *w, const char *method, const char *path, const struct strs *headers,
                struct blob body, struct web_answer *out, struct err *e);
const char *web_header(const struct web_answer *a, const char *name); /* NULL: absent */
void web_answer_free(struct web_answer *a);
void own_wiped_strs(struct strs *s); /* OWN(own_wiped_strs): wipes and frees */
