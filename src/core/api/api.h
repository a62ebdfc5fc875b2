/*
 * One API call (docs/api.yaml): web hands over the request, core judges session, state and
 * permission from routes.def, runs the handler in a fiber, and answers once. A handler returns 0
 * after one of the api_* answers, or -1 with an error that becomes an RFC 9457 problem. Handlers
 * may wait (for key, ca): they must not hold a transaction meanwhile.
 */
#pragma once
#include <stdlib.h>

#include "src/base/enc.h"
#include "src/core/audit.h"
#include "src/core/auth/session.h"
#include "src/core/core.h"
#include "src/model/routes.h"

struct api {
    struct core *core;
    struct channel *web;
    uint32_t request;
    char *client, *method, *path, *query, *content_type, *accept, *idempotency_key, *if_match,
        *csrf;
    struct secret credential;
    struct bytes raw_body; /* wiped */
    json_t *body;          /* parsed; NULL when there is none */
    const struct route *route;
    char param[ROUTE_ARG_BYTES]; /* what stood for {id}, {record} or {connector} */
    struct caller caller;
    /* the answer */
    uint32_t status;
    struct buf out;
    const char *content_type_out;
    char *location, *etag, *filename;
    uint32_t retry_after_s;
    char *set_session; /* NULL: leave the cookie; with age 0: take it away */
    uint32_t session_age_s;
    uint64_t changes;   /* the count before the call was judged */
    bool may_be_kept;   /* the answer depends on store, state, caller and the day's clock alone */
    bool precondition;  /* If-Match did not hold: 412 */
    bool keeps_nothing; /* not kept for a repeated request: a secret is shown, or nothing stored */
};

typedef int (*api_handler)(struct api *a, struct err *e);
#define ROUTE(method, path, name, permission) int on_##name(struct api *a, struct err *e);
#include "src/model/routes.def"
#undef ROUTE

/* From serve.c: takes an API_CALL. */
void api_serve(struct core *core, struct channel *web, const struct msg *m);
/* Runs the call: session, state, permission, handler. api_call.c */
int api_run(struct api *a, struct err *e);

/* The error as a problem (RFC 9457), with the member of the body it is about. problem.c */
void api_problem(struct api *a, const struct err *why);

/* Answers. Each sets status and body once. json is taken. */
int api_json(struct api *a, uint32_t status, json_t *take_json, struct err *e);
int api_empty(struct api *a, uint32_t status);
int api_text(struct api *a, const char *content_type, const char *filename, struct blob body,
             struct err *e);
/* 202 and the job's address. */
int api_accepted(struct api *a, const char *job, struct err *e);
void api_etag(struct api *a, enum table table, const void *record);
/* A record, hidden members and secrets left out, with its ETag. */
int api_record(struct api *a, uint32_t status, enum table table, const void *record, struct err *e);
json_t *api_record_json(enum table table, const void *record);
json_t *api_user_json(const struct user *u);
/* GET of a list with the common grammar, export included. */
int api_list(struct api *a, enum table table, struct err *e);
#define EXPORT_MAX (12 * 1024 * 1024)
/* A list's query without what only says how to answer. */
struct list_call {
    char *query;
    bool file, csv; /* as a file; CSV, else JSON lines */
};
int api_list_call(const struct api *a, struct list_call *out, struct err *e);
static inline void list_call_free(struct list_call *c)
{
    free(c->query);
}
int api_export(struct api *a, const char *table, bool csv, const struct buf *rows, struct err *e);
/* Signs the user in and answers 201 with the session. session.c */
int session_begin(struct api *a, const char *username, const char *how, struct err *e);
/* A member of the URL query, decoded; NULL when absent. malloc'ed. */
char *api_query_get(const struct api *a, const char *name);

/* The body as an object; ERR_INPUT when there is none. */
int api_body(struct api *a, json_t **out, struct err *e);
/* ERR_CONFLICT, answered as 412, when If-Match names another revision. */
int api_check_match(struct api *a, int64_t rev, struct err *e);
/* The same for a change of a record with an edited_head, which it counts. What the appliance finds
 * out by itself is not counted there, so nobody's form is refused for it. */
int api_edit(struct api *a, void *record, struct err *e);
void api_edited(void *record); /* counts only */
/* The audit record of this call, in the transaction of its change. object: "server/<id>". */
int api_audit(struct api *a, struct txn *t, const char *object, const char *id, const char *name,
              const char *detail, struct err *e);
const char *api_user(const struct api *a);
bool api_may(const struct api *a, enum permission p);
