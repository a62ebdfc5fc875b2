/*
 * What a CA connector is, and all it may use. run.c calls it in a fiber with settings decoded and
 * secrets opened, so it waits in straight code; what every connector must do (limits, the check of
 * the certificate against the request, redaction) is done by run.c and cannot be left out.
 *
 * A connector keeps no state: what it needs later goes to core by ca_remember_* before it acts on
 * the CA. A failure is the error; run.c sends it. ERR_NETWORK and ERR_LIMIT mean "again later",
 * all others are final.
 */
#pragma once
#include <openssl/types.h>

#include "crypto/x509/csr.h"
#include "src/model/connectors.h"
#include "src/model/order_state.h"
#include "src/net/http.h"

struct ca;
struct connector;

/* One request of core. Everything is a loan for the time of the call. */
struct ca_job {
    struct ca *ca;
    const struct connector_kind *kind;
    const struct connector *connector_code;
    const char *connector; /* id */
    const void *settings;  /* struct KIND_settings, secrets in clear */
    struct named_blobs keys;
    struct bytes memory; /* of the connector */
    const char *order;   /* id; "" in a test */
    struct bytes order_memory;
    struct blob csr; /* enroll, poll, cancel */
    struct csr_info request;
    const char *profile; /* enroll */
    uint32_t validity_days;
    const char *replaces; /* enroll: RFC 9773 certificate identifier, or "" */
    struct blob cert;     /* revoke: DER */
    uint32_t reason;      /* RFC 5280, 5.3.1 */
    const char *comments;
    bool line_failed; /* by ca_http or ca_unusable: nobody judged the request */
};

struct ca_result {
    enum order_state state;
    char *reference;  /* the CA's own number; malloc'ed, or NULL */
    struct buf chain; /* PEM or DER in any order, when ISSUED */
    uint32_t retry_after_s;
    char detail[ERR_TEXT_BYTES];
};

struct connector {
    int (*test)(struct ca_job *job, struct ca_result *out, struct err *e); /* only detail is used */
    int (*enroll)(struct ca_job *job, struct ca_result *out, struct err *e);
    int (*poll)(struct ca_job *job, struct ca_result *out, struct err *e);
    int (*cancel)(struct ca_job *job, struct ca_result *out, struct err *e); /* NULL: not offered */
    int (*revoke)(struct ca_job *job, struct ca_result *out, struct err *e); /* NULL: not offered */
};
/* connector_local, connector_acme, ... */
#define CONNECTOR(name, title, ca_type, help, reasons, members, keys)                              \
    extern const struct connector connector_##name;
#include "src/model/connectors.def"
#undef CONNECTOR

/* Committed by core when it returns; job's memory is then the new one. Write first, send second. */
int ca_remember_connector(struct ca_job *job, struct blob memory, struct err *e);
int ca_remember_order(struct ca_job *job, struct blob memory, struct err *e);
/* A step of a test, for the person who watches it; state: running, ok, failed. */
void ca_evidence(const struct ca_job *job, const char *step, const char *state, const char *fmt,
                 ...) __attribute__((format(printf, 4, 5)));
/* Answers http-01 on port 80 (RFC 8555, 8.3) until called with an empty answer. */
int ca_publish(struct ca_job *job, const char *token, const char *answer, struct err *e);
/*
 * One HTTPS request: inside the connector's rate limit, through its proxy, under its trust anchors.
 * A failure of the line (TLS, an answer too large) never ends an order: run.c makes it one to try
 * again. So it does with what ca_unusable says.
 */
int ca_http(struct ca_job *job, const struct http_request *q, struct http_response *out,
            struct err *e);
/* The CA answered what makes no sense (ERR_REMOTE): a proxy's page, a cut text. Returns -1. */
int ca_unusable(struct ca_job *job, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A token key by its role in connectors.def: as a handle that signs for one purpose, or one
 * signature. */
EVP_PKEY *ca_key(const struct ca_job *job, const char *role, uint32_t purpose, struct err *e);
int ca_sign(const struct ca_job *job, const char *role, uint32_t purpose, uint32_t scheme,
            struct blob tbs, struct buf *signature, struct err *e);
const struct named_blob *ca_key_blob(const struct ca_job *job, const char *role, struct err *e);
OSSL_LIB_CTX *ca_context(const struct ca_job *job);
struct loop *ca_loop(const struct ca_job *job);
