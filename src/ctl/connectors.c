/* CA connectors: their settings are those of their kind (schema connector.KIND). */
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/progress.h"
#include "src/ctl/record.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

static int kind_schema(struct ctl *c, const char *kind, json_t **out, struct err *e)
{
    OWN(own_mem)
    char *record = xasprintf("connector.%s", kind);

    if (!kind || !*kind || strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(kind))
        return err_set(e, ERR_INPUT, "kind: expected one of those certkeep connector kinds lists");
    return record_schema(c, record, out, e);
}

int connector_show(struct ctl *c, struct err *e)
{
    static const char *const skip[] = {"settings", NULL};
    OWN(own_json)
    json_t *record = NULL;
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *kind = NULL;
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || api_get(c, path, &record, e) < 0)
        return -1;
    if (show_json(c, record))
        return 0;
    if (record_schema(c, "connector", &schema, e) < 0 ||
        kind_schema(c, json_str(record, "type"), &kind, e) < 0 ||
        show_record(c, schema, record, skip, e) < 0)
        return -1;
    out_text("\nSettings:\n");
    return show_record(c, kind, json_object_get(record, "settings"), NULL, e);
}

int connector_kinds(struct ctl *c, struct err *e)
{
    static const char *const fields[] = {"name",     "Setting",  "kind",    "Kind",
                                         "required", "Required", "initial", "Default",
                                         "help",     "Meaning",  NULL};
    OWN(own_json)
    json_t *kinds = NULL;
    size_t i;
    json_t *one;

    if (api_get(c, "/connector-kinds", &kinds, e) < 0)
        return -1;
    if (show_json(c, kinds))
        return 0;
    json_array_foreach (json_object_get(kinds, "items"), i, one) {
        out_text("%s%s: %s (%s). %s\n", i ? "\n" : "", json_str(one, "name"),
                 json_str(one, "title"), json_str(one, "ca_type"), json_str(one, "help"));
        if (show_items(c, json_object_get(one, "fields"), fields, NULL, e) < 0)
            return -1;
    }
    return 0;
}

/* The connector as made or changed, then its validation. */
static int validated(struct ctl *c, const struct api_answer *a, const char *done, struct err *e)
{
    const char *job = json_str(a->json, "job");

    if (*job && !ctl_option(c, OPT_NO_WAIT)) {
        if (!ctl_option(c, OPT_JSON) && verb_report(c, a->json, done, e) < 0)
            return -1;
        return progress_wait(c, job, e);
    }
    return verb_report(c, a->json, done, e);
}

int connector_create(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    json_t *settings = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    json_put_str(body, "name", ctl_word(c, 0));
    json_put_str(body, "type", ctl_word(c, 1));
    json_put_take(body, "settings", settings);
    if (kind_schema(c, ctl_word(c, 1), &schema, e) < 0 ||
        settings_read(c, schema, 2, settings, e) < 0 ||
        api_call(c, "POST", "/connectors", body, NULL, &a, e) < 0)
        return -1;
    return validated(c, &a, "added", e);
}

/* name=... renames the connector; all other words are settings of its kind. */
int connector_edit(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *was = NULL;
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_json)
    json_t *settings = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || api_get(c, path, &was, e) < 0 ||
        kind_schema(c, json_str(was, "type"), &schema, e) < 0)
        return -1;
    for (size_t i = 1; i < c->args.words.n; i++) {
        const char *word = ctl_word(c, i);
        if (str_starts(word, "name="))
            json_put_str(body, "name", word + strlen("name="));
        else if (setting_read(c, schema, word, settings, e) < 0)
            return -1;
    }
    if (json_object_size(settings))
        json_object_set(body, "settings", settings);
    if (verb_patch(c, path, body, &a, e) < 0)
        return -1;
    return validated(c, &a, "changed", e);
}
