/*
 * What an ACME server answers (RFC 8555, 7.1 and 6.7), parsed into structs. Nothing a server says
 * is trusted: texts are bounded and clean, URLs are https and on a host that the directory (which
 * the administrator chose) or its own entries name, tokens are base64url.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

#define ACME_ANSWER_MAX (128 * 1024)
#define ACME_URL_MAX 1024
#define ACME_AUTHZ_MAX 100
#define ACME_TOKEN_MAX 128

enum acme_status {
    ACME_PENDING,
    ACME_READY,
    ACME_PROCESSING,
    ACME_VALID,
    ACME_INVALID,
    ACME_DEACTIVATED,
    ACME_EXPIRED,
    ACME_REVOKED,
    ACME_STATUS_COUNT
};

struct acme_directory {
    char *new_nonce, *new_account, *new_order, *revoke_cert;
    bool has_renewal_info; /* RFC 9773: orders may say what they replace */
    char *terms;           /* URL or NULL */
    bool eab_required;
    struct strs profiles;
    struct strs hosts; /* "host" or "host:port" that later URLs may be on */
};
struct acme_order {
    enum acme_status status;
    struct strs authorizations;
    char *finalize, *certificate; /* certificate: NULL until valid */
    char *error;                  /* text of the problem, or NULL */
};
struct acme_authz {
    enum acme_status status;
    char *name;
    bool has_http01;
    enum acme_status challenge;
    char *url, *token; /* of http-01 */
    char *error;       /* text of its challenge's problem, or NULL */
};
struct acme_problem {
    char type[64]; /* without urn:ietf:params:acme:error: ; "" unknown */
    char text[ERR_TEXT_BYTES];
};

int acme_directory_parse(struct blob body, const char *url, struct acme_directory *out,
                         struct err *e);
void acme_directory_free(struct acme_directory *d);
int acme_order_parse(struct blob body, const struct strs *hosts, struct acme_order *out,
                     struct err *e);
void acme_order_free(struct acme_order *o);
int acme_authz_parse(struct blob body, const struct strs *hosts, struct acme_authz *out,
                     struct err *e);
void acme_authz_free(struct acme_authz *a);
/* Never fails: what is no problem document gives an empty type and the text "". */
void acme_problem_parse(struct blob body, struct acme_problem *out);
/* ERR_REMOTE naming `what` unless the URL may be used. */
int acme_url_check(const char *url, const struct strs *hosts, const char *what, struct err *e);
/* The error of an HTTP answer >= 400; retry_after_s 0: none was given. Returns -1. */
int acme_refused(long status, const struct acme_problem *p, uint32_t retry_after_s, struct err *e);
