/*
 * Commands that are the same for every record: list, show, add, edit, delete, and actions. The
 * first word says which record (nouns.def), the second is the action's name in the API.
 */
#include "src/ctl/verbs.h"

#include <string.h>

#include "src/base/own.h"
#include "src/ctl/progress.h"
#include "src/ctl/prompt.h"
#include "src/ctl/show.h"

char *verb_path(struct ctl *c, const char *tail, struct err *e)
{
    const struct noun *n = noun_of(c);
    char id[ID_TEXT_BYTES];

    if (record_find(c, n, ctl_word(c, 0), id, e) < 0)
        return NULL;
    return xasprintf("/%s/%s%s", n->path, id, tail);
}

int verb_sure(struct ctl *c, const char *what, struct err *e)
{
    OWN(own_mem)
    char *question = xasprintf("%s %s?", c->args.command->words, what);

    return ctl_option(c, OPT_YES) ? 0 : prompt_sure(question, e);
}

int verb_list(struct ctl *c, struct err *e)
{
    return show_list(c, noun_of(c), e);
}

int verb_show(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *record = NULL;
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || api_get(c, path, &record, e) < 0)
        return -1;
    if (show_json(c, record))
        return 0;
    if (record_schema(c, noun_of(c)->schema, &schema, e) < 0)
        return -1;
    return show_record(c, schema, record, NULL, e);
}

/* What came back from add and edit: the whole record as JSON, or one line. */
int verb_report(struct ctl *c, const json_t *record, const char *done, struct err *e)
{
    (void)e;
    if (show_json(c, record))
        return 0;
    return out_text("%s %s: %s (%s)\n", noun_of(c)->word, json_str(record, noun_of(c)->name_column),
                    done, json_str(record, "id"));
}

int verb_add(struct ctl *c, struct err *e)
{
    const struct noun *n = noun_of(c);
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = xasprintf("/%s", n->path);

    if (record_schema(c, n->schema, &schema, e) < 0 || settings_read(c, schema, 0, body, e) < 0 ||
        api_call(c, "POST", path, body, NULL, &a, e) < 0)
        return -1;
    return verb_report(c, a.json, "added", e);
}

int verb_patch(struct ctl *c, const char *path, const json_t *body, struct api_answer *out,
               struct err *e)
{
    OWN(api_answer_free)
    struct api_answer was = {0};

    if (api_call(c, "GET", path, NULL, NULL, &was, e) < 0)
        return -1;
    return api_call(c, "PATCH", path, body, web_header(&was.raw, "ETag"), out, e);
}

int verb_edit(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || record_schema(c, noun_of(c)->schema, &schema, e) < 0 ||
        settings_read(c, schema, 1, body, e) < 0 || verb_patch(c, path, body, &a, e) < 0)
        return -1;
    return verb_report(c, a.json, "changed", e);
}

int verb_delete(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = NULL;

    if (verb_sure(c, ctl_word(c, 0), e) < 0 || !(path = verb_path(c, "", e)) ||
        api_call(c, "DELETE", path, NULL, NULL, &a, e) < 0)
        return -1;
    return ctl_option(c, OPT_JSON) ? 0
                                   : out_text("%s %s: deleted\n", noun_of(c)->word, ctl_word(c, 0));
}

int verb_post(struct ctl *c, const char *action, const json_t *body, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *tail = xasprintf("/%s", action);
    OWN(own_mem)
    char *path = verb_path(c, tail, e);

    if (!path || api_call(c, "POST", path, body, NULL, &a, e) < 0)
        return -1;
    if (a.status == 202)
        return progress_answer(c, &a, e);
    if (show_json(c, a.json))
        return 0;
    const char *state = json_str(a.json, "state");
    if (!*state)
        state = json_bool(a.json, "ignored") ? "ignored" : json_str(a.json, "readiness");
    return out_text("%s %s: %s\n", noun_of(c)->word, ctl_word(c, 0), *state ? state : "done");
}

int verb_act(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = NULL;

    if (ctl_option(c, OPT_DRY_RUN)) {
        body = json_object();
        json_put_bool(body, "dry_run", true);
    }
    return verb_post(c, verb_of(c), body, e);
}

int verb_act_sure(struct ctl *c, struct err *e)
{
    return verb_sure(c, ctl_word(c, 0), e) < 0 ? -1 : verb_post(c, verb_of(c), NULL, e);
}

/* Timelines and evidence: lines with time and text. */
int verb_events(struct ctl *c, struct err *e)
{
    static const char *const timeline[] = {"time",   "Time", "actor", "Who", "action",
                                           "Action", "text", "What",  NULL};
    static const char *const evidence[] = {"time",  "Time", "step", "Step", "state",
                                           "State", "text", "What", NULL};
    OWN(own_json)
    json_t *answer = NULL;
    OWN(own_mem)
    char *tail = xasprintf("/%s", verb_of(c));
    OWN(own_mem)
    char *path = verb_path(c, tail, e);

    if (!path || api_get(c, path, &answer, e) < 0)
        return -1;
    if (show_json(c, answer))
        return 0;
    const bool steps = str_eq(verb_of(c), "evidence");
    return show_items(c, json_object_get(answer, "items"), steps ? evidence : timeline,
                      steps ? "state" : NULL, e);
}
