/* The checks a person or the clock asks for: a server (reach, identity, login, configuration) and a
 * CA connector. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/connector_store.h"
#include "src/core/flow/deploy.h"
#include "src/core/flow/discover.h"
#include "src/model/ca_fault.h"

static const char *server_state_for(enum deploy_cause cause)
{
    return cause == CAUSE_PERMISSION ? "Auth Failed" : "Unreachable";
}

/* Lines "warning: ..." of the step's evidence, joined. */
static char *warnings_of(const char *evidence)
{
    static const char head[] = "warning: ";
    struct strs lines = {0}, all = {0};

    strs_split(&lines, evidence, "\n");
    for (size_t i = 0; i < lines.n; i++)
        if (str_starts(lines.v[i], head))
            strs_add(&all, lines.v[i] + strlen(head));
    char *text = strs_join(&all, "; ");
    strs_free(&lines);
    strs_free(&all);
    return text;
}

static int server_mark(struct core *core, const char *id, const char *state, const char *error,
                       const struct step_result *found, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_server)
    struct server s = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_SERVER, id, &s, e) < 0)
        return -1;
    if (!str_eq(s.state, "Disabled"))
        text_set(&s.state, state);
    text_set(&s.last_error, error);
    if (found) {
        OWN(own_mem)
        char *warning = warnings_of(text_of(found->evidence));
        text_set(&s.detected_version, text_of(found->text));
        text_set(&s.warning, warning);
    }
    s.last_check = now_s();
    if (row_put(t, TABLE_SERVER, &s, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int check_failed(struct deploy *d, const struct step_result *res, struct err *e)
{
    struct run *r = d->run;
    const char *text = text_of(res->text);
    if (res->outcome == OUTCOME_HOST_KEY) {
        if (server_keep_offer(r->core, d->server.id, res->evidence, text, e) < 0)
            return -1;
        return run_finish(
            r, "Failed", CAUSE_CONNECTIVITY, text,
            "Compare the fingerprints with the server's console, then approve its host key.", e);
    }
    if (server_mark(r->core, d->server.id, server_state_for(res->cause), text, NULL, e) < 0)
        return -1;
    return run_finish(r, "Failed", res->cause, text,
                      "Correct what the failed step names, then check again.", e);
}

int flow_server_check(struct run *r, struct err *e)
{
    OWN(deploy_done)
    struct deploy d = {.run = r};
    static const enum deploy_step steps[] = {DEPLOY_CONNECT, DEPLOY_DISCOVER};
    if (load(r->core, TABLE_SERVER, r->job.server, &d.server, e) < 0)
        return err_wrap(e, "server");
    fields_init(&cert_fields, &d.cert);
    if (deploy_connect(&d, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(steps); i++) {
        OWN(step_result_free)
        struct step_result res = {0};
        if (deploy_step_run(&d, steps[i], BLOB(NULL, 0), &res, e) < 0)
            return -1;
        if (res.outcome != OUTCOME_OK && res.outcome != OUTCOME_NEEDS_REVIEW)
            return check_failed(&d, &res, e);
        if (steps[i] != DEPLOY_DISCOVER)
            continue;
        if (discover_keep(r, &d.server, bytes_blob(&res.findings), e) < 0 ||
            server_mark(r->core, d.server.id, "Active", "", &res, e) < 0)
            return -1;
    }
    return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
}

static void mark_passed(struct connector *c, const struct msg_CA_TESTED *ok)
{
    if (!str_eq(c->state, "Inactive"))
        text_set(&c->state, "Active");
    text_set(&c->error, "");
    text_set(&c->category, "");
    text_set(&c->remedy, "");
    text_set(&c->detail, ok->detail);
    if (ok->memory.n)
        bytes_set(&c->memory, ok->memory);
}

/* Of a connector in use, a change that fails is not taken: what served goes on serving. */
static void mark_failed(struct connector *c, const struct err *why)
{
    OWN(own_mem)
    char *text = xasprintf(
        "%s%s",
        connector_has_next(c) ? "the change was not taken, the former settings serve on: " : "",
        why->text);
    bool was_draft = str_eq(c->state, "Draft") || str_eq(c->state, "Validating");
    if (connector_has_next(c))
        connector_drop_next(c);
    else if (!str_eq(c->state, "Inactive"))
        text_set(&c->state, was_draft && c->memory.n == 0 ? "Draft" : "Error");
    text_set(&c->error, text);
    text_set(&c->category, ca_fault_words(why->code));
    text_set(&c->remedy, ca_fault_remedy(why->code));
}

/*
 * The outcome into the record. When settings changed again since `tested` was loaded, the outcome
 * is not theirs: the validation that followed that change decides.
 */
static int connector_mark(struct run *r, const struct connector *tested, const struct err *why,
                          const struct msg_CA_TESTED *ok, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_connector)
    struct connector c = {0};
    if (txn_begin(r->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CONNECTOR, r->job.connector, &c, e) < 0)
        return -1;
    bool next = connector_has_next(&c);
    if (!str_eq(text_of(tested->settings), text_of(next ? c.next_settings : c.settings)) ||
        !str_eq(text_of(tested->secrets), text_of(next ? c.next_secrets : c.secrets)))
        return 0;
    c.last_check = now_s();
    if (ok && next && connector_take_next(&c, e) < 0)
        return -1;
    if (ok)
        mark_passed(&c, ok);
    else
        mark_failed(&c, why);
    if (row_put(t, TABLE_CONNECTOR, &c, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int flow_connector_check(struct run *r, struct err *e)
{
    struct ca_args a;
    struct err why = {0};
    if (ca_args_load(r->core, r->job.connector, CA_VALIDATE, &a, e) < 0)
        return -1;
    struct msg_CA_TEST m = {.type = a.connector.type,
                            .connector = a.connector.id,
                            .settings = buf_blob(&a.settings),
                            .secrets = buf_blob(&a.secrets),
                            .keys = buf_blob(&a.keys),
                            .memory = bytes_blob(&a.connector.memory)};
    OWN(reply_done)
    struct reply rep = {0};
    struct msg_CA_TESTED ok;
    int rc = run_intent(r, "test", e);
    bool passed = rc == 0 &&
                  call_CA_TEST(r->core->ca, &m, MSG_CA_TESTED, CA_TIMEOUT_MS, &rep, &why) == 0 &&
                  get_CA_TESTED(&rep.msg, &ok, &why) == 0;
    if (rc == 0)
        rc = connector_mark(r, &a.connector, &why, passed ? &ok : NULL, e);
    ca_args_free(&a);
    if (rc < 0)
        return -1;
    if (!passed && run_interrupted(r)) {
        *e = why;
        return -1;
    }
    if (!passed) {
        if (run_step_failed(r, "test", why.text, e) < 0)
            return -1;
        return run_finish(r, "Failed", CAUSE_CA, why.text,
                          *ca_fault_remedy(why.code)
                              ? ca_fault_remedy(why.code)
                              : "Correct the connector's settings, then test again.",
                          e);
    }
    if (run_done(r, "test", ok.detail, e) < 0)
        return -1;
    jobs_kick(r->core); /* orders that waited for it */
    return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
}
