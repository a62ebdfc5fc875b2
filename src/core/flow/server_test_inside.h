/* One connection test with unsaved settings: shared by server_test.c and server_test_json.c. */
#pragma once
#include "src/base/json.h"
#include "src/core/flow/worker.h"
#include "src/model/deploy_request.h"

struct server_test {
    struct core *core;
    char id[ID_CHARS + 1], user[ID_CHARS + 1];
    char *username, *client; /* for the audit */
    struct server server;    /* its sealed secrets only while the test runs */
    int64_t started_ms, finished_ms;
    bool running, failed;
    enum deploy_part passed; /* how many parts have */
    struct {
        char *text;
        int64_t at_ms;
    } part[PART_COUNT];
    char *error, *version;
    enum deploy_cause cause;
    struct strs offered;
    struct deploy_findings findings;
};
json_t *server_test_result(const struct server_test *t);
