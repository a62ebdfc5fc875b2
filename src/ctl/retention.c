/* How long ended work is kept. */
#include "src/base/own.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define PATH "/settings/retention"

static int show(struct ctl *c, const json_t *schema, const json_t *record, struct err *e)
{
    return show_json(c, record) ? 0 : show_record(c, schema, record, NULL, e);
}

int retention_show(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *record = NULL;

    if (record_schema(c, "retention", &schema, e) < 0 || api_get(c, PATH, &record, e) < 0)
        return -1;
    return show(c, schema, record, e);
}

int retention_edit(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (record_schema(c, "retention", &schema, e) < 0 || settings_read(c, schema, 0, body, e) < 0 ||
        verb_patch(c, PATH, body, &a, e) < 0)
        return -1;
    return show(c, schema, a.json, e);
}
