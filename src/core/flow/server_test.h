/*
 * A connection test with settings that are not stored: the steps of a server check, run with a
 * record that exists in memory only. Results live in memory too, for half an hour, and only for
 * whoever asked. The record's secrets are sealed values, as in the store.
 */
#pragma once
#include "src/base/enc.h"
#include "src/base/json.h"
#include "src/core/core.h"

struct server_test_request {
    const char *user_id, *username, *client;
};
/* Starts the test and writes its id; takes what is in `s`. ERR_LIMIT while too many run. */
int server_test_start(struct core *core, struct server *take_server,
                      const struct server_test_request *q, char id[ID_CHARS + 1], struct err *e);
/* As docs/api.yaml has it; ERR_NOT_FOUND for an unknown one and for somebody else's. */
int server_test_json(const char *id, const char *user_id, json_t **out, struct err *e);
/*
 * The host key that a test of this user found at address and port: `text` is it, or its
 * fingerprint. NULL when no test of the last half hour did. A loan until the next test starts.
 */
const char *server_test_offered(const char *user_id, const char *address, int64_t port,
                                const char *text);
