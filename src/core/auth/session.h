/*
 * Who is this? Browser sessions, API tokens and one-time codes are one record kind; only the
 * SHA-256 of their secret is stored, so a copy of the store signs nobody in.
 */
#pragma once
#include "src/core/core.h"
#include "src/model/permissions.h"

#define SESSION_AGE_S (12 * 3600)
#define SESSION_IDLE_S 3600
#define CODE_AGE_S (15 * 60)
#define TOKEN_AGE_MAX_S (366 * 86400)

/* The one who asks: an anonymous caller has no user name. */
struct caller {
    struct user user;
    struct session session;
    uint32_t permissions; /* bits of enum permission */
    bool known;
};
void caller_free(struct caller *c);
/* ERR_AUTH when the credential is unknown, ended or its user is disabled. Touches last_used at most
 * once a minute. */
int caller_find(struct core *core, struct blob credential, const char *client, struct caller *out,
                struct err *e);

/* Makes a session in the caller's transaction; `secret` is shown once and never stored. */
struct session_request {
    const char *kind; /* "browser", "token", "code" */
    const char *user, *label, *client;
    int64_t age_s;
    const struct strs *roles; /* of a token; NULL: the user's */
};
int session_make(struct txn *t, const struct session_request *q, char **secret, struct session *out,
                 struct err *e);
/* A code is used up by this. */
int session_take_code(struct core *core, const char *code, struct user *user, struct err *e);
