/* The steps of a job: which there are, and what its journal says of each. */
#include "src/core/api/job_steps.h"

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/deploy.h"

struct step {
    const char *name, *title;
};

static const struct step issue_steps[] = {{"key", "Make key in the HSM"},
                                          {"csr", "Sign request"},
                                          {"order", "Order at the CA"},
                                          {"check", "Check answer"}};
static const struct step check_steps[] = {{"test", "Test"}};
static const struct step revoke_steps[] = {{"revoke", "Revoke"}};
static const struct step server_steps[] = {{"Connect", "Connect"}, {"Discover", "Discover"}};
static const struct step rollback_steps[] = {{"Connect", "Connect"}, {"Roll back", "Roll back"}};
static const struct step deploy_steps[] = {
#define STEP(NAME, number, title, changes) {title, title},
    DEPLOY_STEPS(STEP)
#undef STEP
};
#define DEPLOY_SHOWN DEPLOY_COMMIT /* later steps are shown when they happened */

static const struct {
    const char *kind;
    const struct step *v;
    size_t n, always;
} plans[] = {
    {"issue", issue_steps, COUNT(issue_steps), COUNT(issue_steps)},
    {"deploy", deploy_steps, COUNT(deploy_steps), DEPLOY_SHOWN},
    {"rollback", rollback_steps, COUNT(rollback_steps), COUNT(rollback_steps)},
    {"server check", server_steps, COUNT(server_steps), COUNT(server_steps)},
    {"connector check", check_steps, COUNT(check_steps), COUNT(check_steps)},
    {"revoke", revoke_steps, COUNT(revoke_steps), COUNT(revoke_steps)},
};

static const char *state_of(const struct job *j, const char *event)
{
    if (str_eq(event, "after"))
        return "done";
    if (str_eq(event, "failed"))
        return "failed";
    return str_eq(j->state, "Running") ? "running" : "waiting";
}

/* What the journal says of one step; NULL when nothing. */
static json_t *step_json(const struct job *j, const struct step *s, const json_t *journal)
{
    const json_t *first = NULL, *last = NULL;
    for (size_t i = 0; i < json_array_size(journal); i++) {
        const json_t *x = json_array_get(journal, i);
        if (!str_eq(json_str(x, "step"), s->name))
            continue;
        if (str_eq(json_str(x, "event"), "before"))
            first = x;
        last = x;
    }
    json_t *o = json_object();
    json_put_str(o, "name", s->name);
    json_put_str(o, "title", s->title);
    json_put_str(o, "state", last ? state_of(j, json_str(last, "event")) : "waiting");
    json_put_str(o, "started_at", first ? json_str(first, "time") : NULL);
    json_put_str(o, "finished_at",
                 last && !str_eq(json_str(last, "event"), "before") ? json_str(last, "time")
                                                                    : NULL);
    json_put_str(o, "text", last ? json_str(last, "text") : "");
    json_put_bool(o, "seen", last != NULL);
    return o;
}

json_t *job_steps(const struct job *j, const json_t *journal)
{
    json_t *out = json_array();
    for (size_t k = 0; k < COUNT(plans); k++) {
        if (!str_eq(plans[k].kind, j->kind))
            continue;
        for (size_t i = 0; i < plans[k].n; i++) {
            json_t *o = step_json(j, &plans[k].v[i], journal);
            bool seen = json_bool(o, "seen");
            json_object_del(o, "seen");
            if (!seen && j->finished_at)
                json_put_str(o, "state", "skipped");
            if (seen || i < plans[k].always)
                json_array_append_new(out, o);
            else
                json_decref(o);
        }
    }
    return out;
}

bool job_has_step(const struct job *j, const char *name)
{
    for (size_t k = 0; k < COUNT(plans); k++)
        for (size_t i = 0; str_eq(plans[k].kind, j->kind) && i < plans[k].n; i++)
            if (str_eq(plans[k].v[i].name, name))
                return true;
    return false;
}
