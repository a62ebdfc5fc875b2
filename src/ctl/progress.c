/* Live progress of a job (progress.h). */
#include "src/ctl/progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ctl/show.h"

#define POLL_FIRST_MS 200
#define POLL_MOST_MS 2000
#define FOLLOWERS_MAX 20
#define STEPS_MAX 64

static void pause_ms(uint32_t ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

bool job_ended(const json_t *job)
{
    static const char *const ends[] = {"Done", "No Change", "Failed", "Rolled Back", "Cancelled"};

    for (size_t i = 0; i < COUNT(ends); i++)
        if (str_eq(json_str(job, "state"), ends[i]))
            return true;
    return false;
}

static bool step_ended(const json_t *step)
{
    const char *state = json_str(step, "state");

    return !str_eq(state, "waiting") && !str_eq(state, "running");
}

/* "✓ done          Connect            2 s  nginx 1.26.3" */
static int print_step(struct ctl *c, const json_t *step, struct err *e)
{
    OWN(buf_free)
    struct buf line = BUF(65536);
    const char *state = json_str(step, "state"), *text = json_str(step, "text");
    const size_t wide = strlen("rolled back"), n = text_width(state);
    int64_t from, to;

    state_shown(&c->out, &line, state);
    buf_addf(&line, "%*s  ", (int)(n < wide ? wide - n : 0), "");
    text_shown(&line, *json_str(step, "title") ? json_str(step, "title") : json_str(step, "name"),
               false);
    if (time_parse(json_str(step, "started_at"), &from, NULL) == 0 &&
        time_parse(json_str(step, "finished_at"), &to, NULL) == 0 && to >= from)
        buf_addf(&line, "  %lld s", (long long)(to - from));
    if (*text) {
        buf_add_str(&line, "  ");
        text_shown(&line, text, false);
    }
    buf_addc(&line, '\n');
    return out_write(buf_blob(&line), e);
}

static int print_plan(const json_t *job)
{
    const char *plan = json_str(job, "plan_text");
    size_t i;
    json_t *one;

    if (!*plan)
        return 0;
    out_text("\nPlan:\n%s%s", plan, str_ends(plan, "\n") ? "" : "\n");
    json_array_foreach (json_object_get(job, "risks"), i, one)
        out_text("Risk: %s\n", json_string_value(one) ? json_string_value(one) : "");
    return 0;
}

int progress_steps(struct ctl *c, const json_t *job, struct err *e)
{
    size_t i;
    json_t *one;

    json_array_foreach (json_object_get(job, "steps"), i, one)
        if (print_step(c, one, e) < 0)
            return -1;
    return print_plan(job);
}

int progress_new_steps(struct ctl *c, const json_t *job, uint64_t *printed, struct err *e)
{
    size_t i;
    json_t *one;

    json_array_foreach (json_object_get(job, "steps"), i, one) {
        if (i >= STEPS_MAX || !step_ended(one) || (*printed >> i & 1))
            continue;
        if (print_step(c, one, e) < 0)
            return -1;
        *printed |= UINT64_C(1) << i;
    }
    return 0;
}

int progress_log(struct ctl *c, const char *job, int64_t *next, const char *prefix, struct err *e)
{
    OWN(own_json)
    json_t *log = NULL;
    OWN(own_mem)
    char *path = xasprintf("/jobs/%s/log?from=%lld", job, (long long)*next);
    size_t i;
    json_t *one;

    if (api_get(c, path, &log, e) < 0)
        return -1;
    json_array_foreach (json_object_get(log, "items"), i, one)
        out_text("%s%s  %s\n", prefix, json_str(one, "time"), json_str(one, "line"));
    if (json_int(log, "next") > *next)
        *next = json_int(log, "next");
    return 0;
}

/* How the job ended, as the exit status says it. */
static int verdict(const json_t *job, struct err *e)
{
    const char *state = json_str(job, "state"), *error = json_str(job, "error");
    const char *advice = json_str(job, "advice"), *id = json_str(job, "id");

    if (str_eq(state, "Done") || str_eq(state, "No Change"))
        return 0;
    if (str_eq(state, "Needs Approval"))
        return err_set(e, ERR_CONFLICT,
                       "the job waits for a person to approve its plan; read it with certkeep job "
                       "show %s, then certkeep job approve %s",
                       id, id);
    if (str_eq(state, "Cancelled"))
        return err_set(e, ERR_CONFLICT, "the job was cancelled");
    return err_set(e, ERR_REMOTE, "the job ended as %s: %s%s%s", state,
                   *error ? error : "no reason", *advice ? "; " : "", advice);
}

static int watch_one(struct ctl *c, const char *id, json_t **last, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("/jobs/%s", id);
    const bool quiet = ctl_option(c, OPT_JSON);
    uint64_t printed = 0;
    int64_t next = 1;
    uint32_t wait = POLL_FIRST_MS;
    OWN(own_mem)
    char *was = NULL;

    for (;;) {
        OWN(own_json)
        json_t *job = NULL;
        if (api_get(c, path, &job, e) < 0)
            return -1;
        const char *state = json_str(job, "state");
        if (!quiet && !was)
            out_text("Job %s: %s\n", id, json_str(job, "title"));
        if (!quiet && (progress_log(c, id, &next, "    | ", e) < 0 ||
                       progress_new_steps(c, job, &printed, e) < 0))
            return -1;
        const bool waiting = str_eq(state, "Waiting") || str_eq(state, "Queued");
        if (!quiet && waiting && !str_eq(was, state))
            out_text("%s%s%s\n", state, *json_str(job, "next_at") ? "; next run " : "",
                     json_str(job, "next_at"));
        if (job_ended(job) || str_eq(state, "Needs Approval")) {
            *last = TAKE(job);
            return 0;
        }
        free(was);
        was = xstrdup(state);
        pause_ms(wait);
        wait = wait * 3 / 2 > POLL_MOST_MS ? POLL_MOST_MS : wait * 3 / 2;
    }
}

/* The state of the job, its plan when that is what was wanted. */
static int finish(struct ctl *c, const json_t *job, struct err *e)
{
    OWN(buf_free)
    struct buf line = BUF(4096);

    if (ctl_option(c, OPT_JSON))
        return out_json(job, e) < 0 ? -1 : verdict(job, e);
    if (json_bool(job, "dry_run") || str_eq(json_str(job, "state"), "Needs Approval"))
        print_plan(job);
    state_shown(&c->out, &line, json_str(job, "state"));
    buf_addc(&line, '\n');
    return out_write(buf_blob(&line), e) < 0 ? -1 : verdict(job, e);
}

int progress_wait(struct ctl *c, const char *job, struct err *e)
{
    OWN(strs_free)
    struct strs queue = {0};

    strs_add(&queue, job);
    for (size_t k = 0; k < queue.n && k < FOLLOWERS_MAX; k++) {
        OWN(own_json)
        json_t *last = NULL;
        size_t i;
        json_t *one;
        if (!id_valid(queue.v[k]))
            return err_set(e, ERR_REMOTE, "the answer names no job; is this a Certkeep?");
        if (watch_one(c, queue.v[k], &last, e) < 0 || finish(c, last, e) < 0)
            return -1;
        json_array_foreach (json_object_get(last, "follows_up"), i, one) {
            if (json_is_string(one) && !strs_has(&queue, json_string_value(one)))
                strs_add(&queue, json_string_value(one));
        }
    }
    return 0;
}

int progress_answer(struct ctl *c, const struct api_answer *a, struct err *e)
{
    const char *job = json_str(a->json, "job");

    if (a->status != 202 && a->status != 201)
        return 0;
    if (!*job)
        return a->status == 201 ? 0 : err_set(e, ERR_REMOTE, "the answer names no job");
    if (!ctl_option(c, OPT_NO_WAIT))
        return progress_wait(c, job, e);
    return show_json(c, a->json) ? 0 : out_text("Job %s\n", job);
}
