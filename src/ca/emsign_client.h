/*
 * One conversation with the emSign Hub API: every call carries a `meta` block signed by the access
 * key, with a new time and transaction number each time it is sent. Lives for one job.
 */
#pragma once
#include "src/ca/connector.h"
#include "src/ca/emsign_parse.h"

struct emsign {
    struct ca_job *job;
    const struct emsign_settings *s;
    struct emsign_meta meta; /* of the last answer */
    bool refused;            /* the last request was judged, and did nothing at the CA */
};

/* authKey: lower-case hex SHA-256 of access key, time and transaction number. */
int emsign_auth_key(struct blob access_key, const char *ts, const char *txn, char out[65],
                    struct err *e);
/* `value` (taken, may be NULL) goes as member `block`. The answer is a success; NULL: error. */
json_t *emsign_call(struct emsign *c, const char *endpoint, const char *block, json_t *value,
                    struct err *e);

/* The order's memory (docs/formats/emsign.md). */
struct emsign_order {
    int64_t sent_at; /* 0: no request is on its way */
    uint8_t refusals;
    struct emsign_placed at;
};
int emsign_order_decode(struct blob in, struct emsign_order *out, struct err *e);
int emsign_order_save(struct ca_job *job, const struct emsign_order *o, struct err *e);

/* The body of GenerateOrderSSL; NULL: error. emsign_body.c */
json_t *emsign_order_body(const struct emsign *c, struct err *e);
/* The settings that only an order needs. */
int emsign_order_settings(const struct emsign_settings *s, struct err *e);
/* How the order is found again: its tag at the CA; malloc'ed. */
char *emsign_tag(const struct ca_job *job);
/* Looks for a sent order whose answer was lost. 1: found, written to `o`; 0: it never came there;
 * ERR_LIMIT while that cannot be known yet. */
int emsign_find_lost(struct emsign *c, struct emsign_order *o, struct err *e);
/* Places the order, or takes up the one that is there. emsign_order.c */
int emsign_place(struct emsign *c, struct emsign_order *o, struct err *e);
/* Its state, and its certificates when they are there. */
int emsign_follow(struct emsign *c, const struct emsign_order *o, bool prove, struct ca_result *out,
                  struct err *e);
int emsign_track(struct emsign *c, const char *number, struct emsign_track *out, struct err *e);
