/*
 * One conversation with an ACME server: its directory, the account, nonces, signed requests. Lives
 * for one job. A POST whose nonce is refused is sent again with the fresh one (RFC 8555, 6.5); any
 * other refusal is an error whose problem type stays readable.
 */
#pragma once
#include "src/ca/acme_jws.h"
#include "src/ca/acme_parse.h"
#include "src/ca/connector.h"

#define ACME_RETRY_AFTER_MAX (24 * 3600)

struct acme {
    struct ca_job *job;
    const struct acme_settings *s;
    struct acme_directory dir;
    char *jwk;
    char thumbprint[JWS_THUMBPRINT_CHARS + 1];
    char *account;               /* its URL; NULL: requests carry the JWK */
    char *nonce;                 /* the next one, or NULL */
    struct acme_problem problem; /* of the last refusal */
};

/* Reads the directory. acme_close accepts what a failed open left. */
int acme_open(struct ca_job *job, struct acme *a, struct err *e);
void acme_close(struct acme *a);
/* The account: remembered, or made (newAccount gives the known one to a known key). */
int acme_account(struct acme *a, struct err *e);
/* The CA does not know the remembered account: make it anew. */
int acme_account_renew(struct acme *a, struct err *e);
/* payload empty: POST-as-GET. The answer's status is below 400. */
int acme_post(struct acme *a, const char *url, struct blob payload, struct http_response *out,
              struct err *e);
/* The Location of an answer, checked; malloc'ed. */
char *acme_location(const struct acme *a, const struct http_response *r, struct err *e);

/* The connector's memory: which account at which directory (docs/formats/acme.md). */
struct acme_memory {
    char *directory, *account;
};
int acme_memory_decode(struct blob in, struct acme_memory *out, struct err *e);
void acme_memory_encode(const struct acme_memory *m, struct buf *out);
void acme_memory_free(struct acme_memory *m);

/* The order's memory: where it is, and which tokens are published for it. */
struct acme_placed {
    char *url; /* "": newOrder is being sent, its answer not yet known */
    struct strs tokens;
};
int acme_placed_decode(struct blob in, struct acme_placed *out, struct err *e);
void acme_placed_encode(const struct acme_placed *p, struct buf *out);
void acme_placed_free(struct acme_placed *p);
