/*
 * The audit chain: append-only records, each with the hash of the one before, written in the same
 * transaction as the change they tell of; heads signed by a token key (docs/formats/audit.md).
 */
#pragma once
#include "src/core/store/store.h"

struct audit_entry {
    const char *actor;  /* user name, "scheduler", "system" */
    const char *client; /* address, or "" */
    const char *action; /* "server.create", "job.step" */
    const char *object; /* "server/<id>" or "" */
    const char *name;   /* the object's name for people */
    const char *result; /* "ok", "denied", "failed" */
    const char *detail; /* no secret, one line */
};
int audit_add(struct txn *t, const struct audit_entry *a, struct err *e);
/* The newest sequence number and hash (zeros when empty): what a head signs. */
int audit_head(struct txn *t, uint64_t *seq, uint8_t hash[32], struct err *e);
/* The bytes to sign for a head: magic "certkeep audit head v1\n", then seq, time, hash. */
void audit_head_tbs(uint64_t seq, int64_t time, const uint8_t hash[32], struct buf *out);
int audit_store_head(struct txn *t, uint64_t seq, int64_t time, const uint8_t hash[32],
                     struct blob signature, struct blob spki, struct err *e);
/* {"items":[...],"next":...}: newest first; filters as in query.h on actor, action, object, result,
 * time. */
int audit_list(struct txn *t, const char *query_text, json_t **out, struct err *e);
/* JSON lines: every record and signed head from `from` to `to` (0: newest), for audit verify. */
/* All that the query selects, newest first, as CSV or JSON lines. */
int audit_list_export(struct txn *t, const char *query_text, bool csv, struct buf *out,
                      struct err *e);
int audit_export(struct txn *t, uint64_t from, uint64_t to, struct buf *out, struct err *e);
