/* The network and the power of an appliance image. */
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/ctl/record.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define PATH "/system/network"

static int show_settings(struct ctl *c, const char *head, const json_t *settings, struct err *e)
{
    static const char *const skip[] = {"interfaces", NULL};
    static const char *const columns[] = {"name",     "Interface",    "ipv4",    "IPv4", "address",
                                          "Address",  "gateway",      "Gateway", "ipv6", "IPv6",
                                          "address6", "IPv6 address", NULL};
    OWN(own_json)
    json_t *schema = NULL;
    const json_t *list = json_object_get(settings, "interfaces");

    if (record_schema(c, "network", &schema, e) < 0)
        return -1;
    out_text("%s\n", head);
    if (show_record(c, schema, settings, skip, e) < 0)
        return -1;
    return json_array_size(list) ? show_items(c, list, columns, NULL, e)
                                 : out_text("Every interface: DHCP.\n");
}

static int show(struct ctl *c, const json_t *network, struct err *e)
{
    static const char *const skip[] = {"interfaces", NULL};
    static const char *const columns[] = {"name",      "Interface", "up",      "Up",
                                          "addresses", "Addresses", "routers", "Routers",
                                          "hardware",  "Hardware",  NULL};
    const json_t *pending = json_object_get(network, "pending"), *w;
    const json_t *seen = json_object_get(network, "in_force");
    size_t i;

    if (show_json(c, network))
        return 0;
    if (show_settings(c, json_bool(network, "of_image") ? "Set (by the image)" : "Set",
                      json_object_get(network, "settings"), e) < 0)
        return -1;
    if (json_is_object(pending)) {
        out_text("\n");
        if (show_settings(c, "Tried now", pending, e) < 0)
            return -1;
        out_text("Confirm before %s: certkeep system network-confirm\n",
                 json_str(network, "until"));
    }
    json_array_foreach (json_object_get(network, "warnings"), i, w)
        out_text("! %s\n", json_string_value(w));
    out_text("\nIn force\n");
    if (show_record(c, NULL, seen, skip, e) < 0)
        return -1;
    return show_items(c, json_object_get(seen, "interfaces"), columns, NULL, e);
}

int network_show(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *network = NULL;

    return api_get(c, PATH, &network, e) < 0 ? -1 : show(c, network, e);
}

/* Words without a first interface name are settings of the machine, words behind one are its own.
 */
int network_set(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};
    const char *first = ctl_word(c, 0);
    const bool interface = first && !strchr(first, '=');

    if (record_schema(c, interface ? "interface" : "network", &schema, e) < 0)
        return -1;
    if (interface) {
        json_t *one = json_object(), *list = json_array();
        json_put_str(one, "name", first);
        json_array_append_new(list, one);
        json_put_take(body, "interfaces", list);
        if (settings_read(c, schema, 1, one, e) < 0)
            return -1;
    } else if (settings_read(c, schema, 0, body, e) < 0) {
        return -1;
    }
    return verb_patch(c, PATH, body, &a, e) < 0 ? -1 : show(c, a.json, e);
}

static int post(struct ctl *c, const char *path, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    return api_call(c, "POST", path, NULL, NULL, &a, e) < 0 ? -1 : show(c, a.json, e);
}

int network_keep(struct ctl *c, struct err *e)
{
    return post(c, PATH "/confirm", e);
}

int network_back(struct ctl *c, struct err *e)
{
    return post(c, PATH "/revert", e);
}

static int power(struct ctl *c, const char *act, const char *done, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_json)
    json_t *now = NULL;
    OWN(api_answer_free)
    struct api_answer a = {0};
    const json_t *job;
    size_t i;

    if (api_get(c, "/system/power", &now, e) < 0)
        return -1;
    json_array_foreach (json_object_get(now, "jobs"), i, job)
        out_text("At work, goes on after the next start: %s\n", json_str(job, "title"));
    json_put_str(body, "act", act);
    if (verb_sure(c, "the appliance", e) < 0 ||
        api_call(c, "POST", "/system/power", body, NULL, &a, e) < 0)
        return -1;
    return show_json(c, a.json) ? 0 : out_text("%s\n", done);
}

int power_restart(struct ctl *c, struct err *e)
{
    return power(c, "restart", "The appliance restarts.", e);
}

int power_off(struct ctl *c, struct err *e)
{
    return power(c, "off", "The appliance switches itself off.", e);
}
