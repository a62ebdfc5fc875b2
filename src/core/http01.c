/* http-01 answers lie in settings ("http01.<token>"), so they survive a restart of either process.
 */
#include "src/core/http01.h"

#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define PREFIX "http01."
#define TOKEN_MAX 50 /* setting names are at most 64 bytes; ACME tokens are 43 */

static int check_token(const char *token, struct err *e)
{
    size_t n = strlen(token);
    if (n == 0 || n > TOKEN_MAX ||
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != n)
        return err_set(e, ERR_REMOTE, "challenge token: expected 1 to %d base64url characters",
                       TOKEN_MAX);
    return 0;
}

int http01_set(struct core *core, const char *token, const char *answer, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *name = xasprintf(PREFIX "%s", token);
    struct err lost = {0};
    if (check_token(token, e) < 0 || txn_begin(core->db, true, &t, e) < 0 ||
        setting_put(t, name, answer && answer[0] ? answer : NULL, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    if (answer && answer[0]) {
        struct msg_HTTP01_SET m = {.token = token, .answer = answer};
        if (send_HTTP01_SET(core->web, &m, &lost) < 0)
            log_warn("http01.send", "error=%s",
                     log_q(lost.text)); /* WEB_HELLO brings it when web is back */
    } else {
        struct msg_HTTP01_CLEAR m = {.token = token};
        if (send_HTTP01_CLEAR(core->web, &m, &lost) < 0)
            log_warn("http01.send", "error=%s", log_q(lost.text));
    }
    return 0;
}

static int send_one(void *record, void *arg, struct err *e)
{
    const struct setting *s = record;
    struct core *core = arg;
    if (!str_starts(s->name, PREFIX))
        return 1;
    struct msg_HTTP01_SET m = {.token = s->name + strlen(PREFIX), .answer = s->value};
    return send_HTTP01_SET(core->web, &m, e);
}

void http01_send_all(struct core *core)
{
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(core->db, false, &t, &e) < 0 ||
        row_each(t, TABLE_SETTING, "name", PREFIX, send_one, core, &e) < 0)
        log_warn("http01.send_all", "error=%s", log_q(e.text));
}
