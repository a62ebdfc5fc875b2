/* Tests under way and their results (server_test.h): a fixed number of slots, the oldest goes. */
#include "src/core/flow/server_test.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/server_test_inside.h"

#define TESTS_MAX 32
#define RUNNING_MAX 4
#define KEEP_MS (30 * 60 * 1000)
#define FINGERPRINT_LEAST 40 /* less of a fingerprint than this is not compared, but guessed */

static struct server_test tests[TESTS_MAX];

static void forget(struct server_test *t)
{
    fields_free(&server_fields, &t->server);
    for (size_t i = 0; i < PART_COUNT; i++)
        free(t->part[i].text);
    free(t->username);
    free(t->client);
    free(t->error);
    free(t->version);
    strs_free(&t->offered);
    findings_free(&t->findings);
    *t = (struct server_test){0};
}

static void on_log(void *arg, const char *line)
{
    (void)arg;
    (void)line; /* the parts say it in fewer words */
}

static void pass(struct server_test *t, enum deploy_part part, const char *text)
{
    free(t->part[part].text);
    t->part[part].text = xstrdup(text);
    t->part[part].at_ms = now_ms();
    if (t->passed <= part)
        t->passed = part + 1;
}

static void on_part(void *arg, enum deploy_part part, const char *text)
{
    if (part < PART_COUNT)
        pass(arg, part, text);
}

static void fail(struct server_test *t, enum deploy_cause cause, const char *text)
{
    t->failed = true;
    t->cause = cause;
    text_set(&t->error, text);
}

/* One step of the worker into the result; false: the test ends here. */
static bool take(struct server_test *t, const struct step_result *res)
{
    struct err e = {0};

    if (res->outcome == OUTCOME_HOST_KEY) {
        if (t->passed < PART_HOST_KEY)
            pass(t, PART_NETWORK, "an SSH server answers");
        strs_split(&t->offered, text_of(res->evidence), "\n");
    }
    if (res->outcome != OUTCOME_OK) {
        fail(t, res->cause, text_of(res->text));
        return false;
    }
    if (res->findings.n && findings_decode(bytes_blob(&res->findings), &t->findings, &e) < 0)
        fail(t, CAUSE_INTERNAL, e.text);
    text_set(&t->version, text_of(res->text));
    return !t->failed;
}

static int run_steps(struct server_test *t, struct worker **w, struct err *e)
{
    static const enum deploy_step steps[] = {DEPLOY_CONNECT, DEPLOY_DISCOVER};
    const struct worker_for who = {
        .core = t->core, .id = t->id, .log = on_log, .part = on_part, .arg = t};
    struct deploy_request q = {0};
    OWN(buf_free)
    struct buf request = BUF(65536);

    fields_init(&deploy_request_fields, &q);
    q.dry_run = true;
    fields_encode(&deploy_request_fields, &q, &request);
    fields_free(&deploy_request_fields, &q);
    if (buf_check(&request, "deployment request", e) < 0 ||
        worker_start(&who, &t->server, buf_blob(&request), BLOB("", 0), BLOB(NULL, 0), w, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(steps); i++) {
        OWN(step_result_free)
        struct step_result res = {0};
        if (worker_step(*w, steps[i], BLOB(NULL, 0), BLOB(NULL, 0), &res, e) < 0)
            return -1;
        if (!take(t, &res))
            return 0;
    }
    for (enum deploy_part p = t->passed; p < PART_COUNT; p++)
        pass(t, p, "");
    return 0;
}

/* The one trace that stays. */
static void audit_end(const struct server_test *t)
{
    OWN(txn_abort)
    struct txn *txn = NULL;
    struct err e = {0};
    OWN(own_mem)
    char *detail = t->failed ? xasprintf("%s failed: %s", deploy_part_title(t->passed), t->error)
                             : xasprintf("passed: %s", text_of(t->version));
    OWN(own_mem)
    char *where = xasprintf("%s port %lld as %s", t->server.address, (long long)t->server.port,
                            t->server.username);
    struct audit_entry entry = {.actor = t->username,
                                .client = t->client,
                                .action = "server.test",
                                .object = "server",
                                .name = where,
                                .result = t->failed ? "failed" : "ok",
                                .detail = detail};
    if (txn_begin(t->core->db, true, &txn, &e) < 0 || audit_add(txn, &entry, &e) < 0 ||
        txn_commit(&txn, &e) < 0)
        log_error("server.test", "error=%s", log_q(e.text));
}

static void forget_secrets(struct server *s)
{
    bytes_free(&s->sealed_password);
    bytes_free(&s->sealed_ssh_key);
    bytes_free(&s->sealed_sudo);
}

static void test_fiber(void *arg)
{
    struct server_test *t = arg;
    struct worker *w = NULL;
    struct err e = {0};

    if (run_steps(t, &w, &e) < 0)
        fail(t, CAUSE_INTERNAL, e.text);
    worker_stop(w);
    forget_secrets(&t->server);
    audit_end(t);
    t->finished_ms = now_ms();
    t->running = false;
}

/* A free slot, or that of the test that ended longest ago. */
static struct server_test *slot(void)
{
    struct server_test *oldest = NULL;

    for (size_t i = 0; i < TESTS_MAX; i++) {
        struct server_test *t = &tests[i];
        if (!t->running && (!oldest || t->finished_ms < oldest->finished_ms))
            oldest = t;
    }
    return oldest;
}

static size_t running(void)
{
    size_t n = 0;

    for (size_t i = 0; i < TESTS_MAX; i++)
        n += tests[i].running;
    return n;
}

int server_test_start(struct core *core, struct server *take_server,
                      const struct server_test_request *q, char id[ID_CHARS + 1], struct err *e)
{
    if (running() >= RUNNING_MAX)
        return err_set(e, ERR_LIMIT, "%d connection tests run already: wait for one of them to end",
                       RUNNING_MAX);
    struct server_test *t = slot();
    forget(t);
    *t = (struct server_test){.core = core, .running = true, .started_ms = now_ms()};
    t->server = *take_server;
    *take_server = (struct server){0};
    t->username = xstrdup(q->username);
    t->client = xstrdup(q->client);
    id_new(t->id);
    if (str_copy(t->user, sizeof t->user, q->user_id, e) < 0)
        return -1;
    memcpy(id, t->id, sizeof t->id);
    fiber_start(core->loop, test_fiber, t);
    return 0;
}

static bool is_kept(const struct server_test *t, const char *user_id)
{
    return t->id[0] && str_eq(t->user, user_id) &&
           (t->running || t->finished_ms + KEEP_MS > now_ms());
}

int server_test_json(const char *id, const char *user_id, json_t **out, struct err *e)
{
    for (size_t i = 0; i < TESTS_MAX; i++)
        if (is_kept(&tests[i], user_id) && str_eq(tests[i].id, id)) {
            *out = server_test_result(&tests[i]);
            return 0;
        }
    return err_set(e, ERR_NOT_FOUND,
                   "there is no connection test %s; a result is kept for %d minutes", id,
                   KEEP_MS / 60000);
}

const char *server_test_offered(const char *user_id, const char *address, int64_t port,
                                const char *text)
{
    for (size_t i = 0; i < TESTS_MAX; i++) {
        const struct server_test *t = &tests[i];
        if (!is_kept(t, user_id) || t->server.port != port || !str_eq(t->server.address, address))
            continue;
        for (size_t k = 0; k < t->offered.n; k++) {
            const char *key = t->offered.v[k];
            if (str_eq(key, text) || (strlen(text) >= FINGERPRINT_LEAST && str_ends(key, text)))
                return key;
        }
    }
    return NULL;
}
