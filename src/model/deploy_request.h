/*
 * What core asks of a deploy worker and what the worker found, beside the opaque plan.
 *
 * `request` of DEPLOY_BEGIN is fields_encode of struct deploy_request. `findings` of DEPLOY_RESULT
 * is a list of the TLS endpoints DISCOVER found in the server's configuration (empty in all other
 * steps); core makes certificate rows of it. Bytes: docs/formats/plan.md.
 */
#pragma once
#include "src/base/field.h"
#include "src/model/as_members.h"
struct deploy_request {
#include "src/model/deploy_request.def"
};
#include "src/model/as_end.h"

extern const struct fields deploy_request_fields;
static inline void own_deploy_request(struct deploy_request *r)
{
    fields_free(&deploy_request_fields, r);
}

#define FINDINGS_MAX 2000

/* One endpoint: a port and the server block that answers there. Strings are owned, never NULL. */
struct deploy_finding {
    uint32_t port;
    struct strs server_names; /* as configured: "shop.example", "*.shop.example", "~regex" */
    char *config_file;        /* where the certificate is named: file and line */
    uint32_t config_line;
    char *cert_path, *key_path; /* as configured, made absolute; "" when not a plain path */
    char *configured_pem;       /* chain in the file, "" when unreadable */
    char *served_pem;           /* chain of the handshake with the first name, "" when none */
    char *problem;              /* why it cannot be deployed to as it is, or "" */
};

struct deploy_findings {
    struct deploy_finding *v;
    size_t n;
};
/* Appends an empty finding; NULL when FINDINGS_MAX is reached. */
struct deploy_finding *findings_add(struct deploy_findings *l);
void findings_truncate(struct deploy_findings *l, size_t n); /* drops all behind the first n */
void findings_free(struct deploy_findings *l);
void findings_encode(const struct deploy_findings *l, struct buf *out);
/* Refuses what findings_encode does not write. Empty bytes are an empty list. */
int findings_decode(struct blob in, struct deploy_findings *out, struct err *e);
