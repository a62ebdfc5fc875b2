/* Forms and columns: what the browser and the console tool build their forms and lists from. */
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/store/query.h"
#include "src/model/connectors.h"
#include "src/model/network.h"
#include "src/model/retention.h"

/* Settings have a form, and no list. */
static const struct fields *const settings[] = {&retention_fields, &network_fields,
                                                &interface_fields};

int on_schema_get(struct api *a, struct err *e)
{
    static const char prefix[] = "connector.";
    json_t *o;
    if (str_starts(a->param, prefix)) {
        const struct connector_kind *k = connector_kind_find(a->param + strlen(prefix));
        if (k == NULL)
            return err_set(e, ERR_NOT_FOUND, "no CA connector of type '%s'",
                           a->param + strlen(prefix));
        o = fields_schema(k->fields());
        json_put_take(o, "columns", json_array());
        return api_json(a, 200, o, e);
    }
    for (size_t i = 0; i < COUNT(settings); i++)
        if (str_eq(a->param, settings[i]->name)) {
            o = fields_schema(settings[i]);
            json_put_take(o, "columns", json_array());
            return api_json(a, 200, o, e);
        }
    enum table table = str_eq(a->param, "token") ? TABLE_SESSION : table_by_name(a->param);
    if (table == 0 || table == TABLE_SETTING ||
        (table == TABLE_SESSION && !str_eq(a->param, "token")))
        return err_set(e, ERR_NOT_FOUND, "no record named '%s'", a->param);
    o = fields_schema(table_fields(table));
    json_put_take(o, "columns", query_columns(table));
    return api_json(a, 200, o, e);
}

static json_t *reasons_json(uint32_t reasons)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < 32; i++)
        if (reasons & REASON(i))
            json_array_append_new(list, json_integer(i));
    return list;
}

int on_connector_kinds_list(struct api *a, struct err *e)
{
    json_t *o = json_object();
    json_t *items = json_array();
    for (size_t i = 0; i < connector_kinds_n; i++) {
        const struct connector_kind *k = &connector_kinds[i];
        OWN(own_json)
        json_t *schema = fields_schema(k->fields());
        json_t *x = json_object();
        json_put_str(x, "name", k->name);
        json_put_str(x, "title", k->title);
        json_put_str(x, "ca_type", k->ca_type);
        json_put_str(x, "help", k->help);
        json_put_take(x, "revoke_reasons", reasons_json(k->reasons));
        json_object_set(x, "fields", json_object_get(schema, "fields"));
        json_array_append_new(items, x);
    }
    json_put_take(o, "items", items);
    return api_json(a, 200, o, e);
}

int on_events_stream(struct api *a, struct err *e)
{
    (void)a;
    return err_set(e, ERR_INPUT,
                   "Accept: this is a stream of server-sent events; ask for text/event-stream");
}
