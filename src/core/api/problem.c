/*
 * Errors as problems (RFC 9457). Errors of a body begin with the name of a member, or with the
 * label a form shows for it: from that comes `field`, so that a form can mark the input.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/model/connectors.h"
#include "src/model/network.h"
#include "src/model/retention.h"

static const char *by_label(const struct fields *f, const char *label)
{
    for (size_t i = 0; f && i < f->n; i++)
        if (str_eq(f->v[i].label, label))
            return f->v[i].name;
    return NULL;
}

/* The member with this label in the tables whose forms send the bodies of this path. */
static const char *labelled(const char *path, const char *label)
{
    static const struct {
        const char *path;
        const struct fields *fields;
    } forms[] = {
        {"/api/v1/servers", &server_fields},
        {"/api/v1/server-tests", &server_fields},
        {"/api/v1/certificates", &cert_fields},
        {"/api/v1/connectors", &connector_fields},
        {"/api/v1/policies/check", &cert_fields},
        {"/api/v1/policies", &policy_fields},
        {"/api/v1/users", &user_fields},
        {"/api/v1/settings/retention", &retention_fields},
        {"/api/v1/system/network", &network_fields},
        {"/api/v1/system/network", &interface_fields},
    };
    const char *name = NULL;
    for (size_t i = 0; i < COUNT(forms) && !name; i++)
        if (str_starts(path, forms[i].path))
            name = by_label(forms[i].fields, label);
    return name;
}

/* A setting of a connector, whatever its kind: equal labels have equal names. */
static char *setting_named(const char *label)
{
    for (size_t i = 0; i < connector_kinds_n; i++) {
        const char *name = by_label(connector_kinds[i].fields(), label);
        if (name)
            return xasprintf("settings.%s", name);
    }
    return NULL;
}

static bool is_member_name(const char *s)
{
    return s[0] && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

/* NULL when the error names no member. */
static char *field_of(const struct api *a, const struct err *why)
{
    size_t n = strcspn(why->text, ":[");
    if (!json_is_object(a->body) || why->text[n] == '\0' || why->code == ERR_BUG)
        return NULL;
    OWN(own_mem)
    char *named = xstrndup(why->text, n);
    const char *name = labelled(text_of(a->path), named);
    if (name)
        return xstrdup(name);
    if (json_object_get(a->body, "settings")) {
        char *setting = setting_named(named);
        if (setting)
            return setting;
    }
    for (char *p = named; *p; p++)
        *p = *p == ' ' ? '_' : *p >= 'A' && *p <= 'Z' ? (char)(*p | 32) : *p;
    if (json_object_get(json_object_get(a->body, "settings"), named))
        return xasprintf("settings.%s", named);
    bool known = json_object_get(a->body, named) || why->code == ERR_INPUT;
    return known && is_member_name(named) ? TAKE(named) : NULL;
}

void api_problem(struct api *a, const struct err *why)
{
    struct err e = {0};
    OWN(own_json)
    json_t *o = json_object();
    OWN(own_mem)
    char *type = xasprintf("urn:certkeep:error:%s", err_code_name(why->code));
    OWN(own_mem)
    char *field = field_of(a, why);
    a->status = a->precondition ? 412 : (uint32_t)err_http_status(why->code);
    json_put_str(o, "type", type);
    json_put_str(o, "title", err_code_title(why->code));
    json_put_int(o, "status", a->status);
    json_put_str(o, "detail", why->text);
    json_put_str(o, "instance", text_of(a->path));
    if (field)
        json_put_str(o, "field", field);
    if (why->code == ERR_CONFLICT && a->core->state != STATE_OPERATIONAL)
        json_put_str(o, "state", appliance_state_name(a->core->state));
    buf_clear(&a->out);
    if (json_print(o, &a->out, &e) < 0)
        log_error("api.problem", "error=%s", log_q(e.text));
    a->content_type_out = "application/problem+json";
    if (why->code == ERR_BUG || why->code == ERR_STORE || why->code == ERR_SYSTEM)
        log_error("api.failed", "method=%s path=%s error=%s", log_q(a->method), log_q(a->path),
                  log_q(why->text));
}
