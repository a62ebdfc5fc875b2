/* Asking what the policies allow. */
#include "src/base/own.h"
#include "src/ctl/record.h"
#include "src/ctl/show.h"

static void limits_shown(const json_t *answer)
{
    OWN(buf_free)
    struct buf text = BUF(8192);
    const json_t *l = json_object_get(answer, "limits");

    buf_add_str(&text, "Policies:      ");
    value_shown(&text, json_object_get(answer, "policies"));
    buf_add_str(&text, "\nKeys:          ");
    value_shown(&text, json_object_get(l, "key_algs"));
    buf_add_str(&text, "\nCustody:       ");
    value_shown(&text, json_object_get(l, "custodies"));
    if (json_int(l, "max_days"))
        buf_addf(&text, "\nValidity:      at most %lld days", (long long)json_int(l, "max_days"));
    if (json_int(l, "max_names"))
        buf_addf(&text, "\nNames:         at most %lld", (long long)json_int(l, "max_names"));
    buf_addf(&text, "\nPlan approval: %s", json_str(l, "approval"));
    if (!json_bool(l, "deploys_now"))
        buf_addf(&text, "\nDeploys from:  %s",
                 json_is_null(json_object_get(l, "deploys_at")) ? "never: the windows do not meet"
                                                                : json_str(l, "deploys_at"));
    out_text("%s\n", buf_cstr(&text));
}

int policy_ask(struct ctl *c, struct err *e)
{
    static const char *const columns[] = {"policy_name", "Policy", "text", "Finding", NULL};
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (record_schema(c, "cert", &schema, e) < 0 || settings_read(c, schema, 0, body, e) < 0 ||
        api_call(c, "POST", "/policies/check", body, NULL, &a, e) < 0)
        return -1;
    const bool allowed = json_bool(a.json, "allowed");
    if (!show_json(c, a.json)) {
        if (!allowed && show_items(c, json_object_get(a.json, "findings"), columns, NULL, e) < 0)
            return -1;
        limits_shown(a.json);
        if (allowed)
            return out_text("Allowed\n");
    }
    const json_t *first = json_array_get(json_object_get(a.json, "findings"), 0);
    return allowed ? 0 : err_set(e, ERR_CONFLICT, "%s", json_str(first, "text"));
}
