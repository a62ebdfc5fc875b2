/* Jobs: steps, log, waiting, approval, report. */
#include <string.h>
#include <time.h>

#include "src/base/own.h"
#include "src/ctl/progress.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define FOLLOW_MS 500

int job_show(struct ctl *c, struct err *e)
{
    static const char *const skip[] = {"steps",     "journal", "log", "follows_up",
                                       "plan_text", "risks",   NULL};
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *job = NULL;
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || api_get(c, path, &job, e) < 0)
        return -1;
    if (show_json(c, job))
        return 0;
    if (record_schema(c, "job", &schema, e) < 0 || show_record(c, schema, job, skip, e) < 0)
        return -1;
    out_text("\nSteps:\n");
    return progress_steps(c, job, e);
}

static int job_id(struct ctl *c, char id[ID_TEXT_BYTES], struct err *e)
{
    return record_find(c, noun_find("job"), ctl_word(c, 0), id, e);
}

int job_log(struct ctl *c, struct err *e)
{
    char id[ID_TEXT_BYTES];
    int64_t next = 1, was;

    if (job_id(c, id, e) < 0)
        return -1;
    OWN(own_mem)
    char *path = xasprintf("/jobs/%s", id);
    for (;;) {
        OWN(own_json)
        json_t *job = NULL;
        if (ctl_option(c, OPT_FOLLOW) && api_get(c, path, &job, e) < 0)
            return -1; /* the state first: no line of an ended job is missed */
        do {
            was = next;
            if (progress_log(c, id, &next, "", e) < 0)
                return -1;
        } while (next > was);
        if (!job || job_ended(job))
            return 0;
        nanosleep(&(struct timespec){0, FOLLOW_MS * 1000000L}, NULL);
    }
}

int job_wait(struct ctl *c, struct err *e)
{
    char id[ID_TEXT_BYTES];

    return job_id(c, id, e) < 0 ? -1 : progress_wait(c, id, e);
}

/* Nobody approves what they have not seen: the plan is printed before the question. */
int job_approve(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *job = NULL;
    OWN(api_answer_free)
    struct api_answer a = {0};
    char id[ID_TEXT_BYTES];

    if (job_id(c, id, e) < 0)
        return -1;
    OWN(own_mem)
    char *path = xasprintf("/jobs/%s", id);
    OWN(own_mem)
    char *approve = xasprintf("/jobs/%s/approve", id);
    if (api_get(c, path, &job, e) < 0)
        return -1;
    if (!ctl_option(c, OPT_JSON) && progress_steps(c, job, e) < 0)
        return -1;
    OWN(own_mem)
    char *seen = xasprintf("\"%lld\"", (long long)json_int(job, "rev"));
    if (verb_sure(c, json_str(job, "title"), e) < 0 ||
        api_call(c, "POST", approve, NULL, seen, &a, e) < 0)
        return -1;
    if (!ctl_option(c, OPT_NO_WAIT))
        return progress_wait(c, id, e);
    return show_json(c, a.json) ? 0 : out_text("job %s: approved\n", id);
}

int job_retry(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = NULL;

    if (ctl_option(c, OPT_STEP)) {
        body = json_object();
        json_put_str(body, "step", ctl_option(c, OPT_STEP));
    }
    return verb_post(c, "retry", body, e);
}

int job_report(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = verb_path(c, "/report", e);

    if (!path || api_call(c, "GET", path, NULL, NULL, &a, e) < 0)
        return -1;
    return show_file(c, buf_blob(&a.raw.body), false, 0644, e);
}
