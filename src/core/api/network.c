/* The network of an appliance image: what is set, what is tried, what is in force. */
#include "src/core/network.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/machine.h"

#define LOOK_MS 10000
#define WORDS_MAX 8
#define AUDIT_DETAIL_MAX 2000

static json_t *interface_named(json_t *list, const char *name)
{
    size_t i;
    json_t *o;

    json_array_foreach (list, i, o)
        if (str_eq(json_str(o, "name"), name))
            return o;
    return NULL;
}

static void add_interface(json_t *list, const struct strs *w)
{
    json_t *o = json_object();

    json_put_str(o, "name", w->v[1]);
    json_put_str(o, "hardware", w->v[2]);
    json_put_bool(o, "up", str_eq(w->v[3], "up"));
    json_put_take(o, "addresses", json_array());
    json_put_take(o, "routers", json_array());
    json_put_take(o, "lease", json_null());
    json_array_append_new(list, o);
}

static void add_lease(json_t *interface, const struct strs *w)
{
    json_t *o = json_object();
    int64_t seconds = 0, since = 0;
    char at[TIME_TEXT_BYTES];

    if (parse_i64(w->v[3], 0, INT64_MAX, &seconds, NULL) < 0 ||
        parse_i64(w->v[4], 0, INT64_MAX, &since, NULL) < 0) {
        json_decref(o);
        return;
    }
    time_print(since, at);
    json_put_str(o, "server", w->v[2]);
    json_put_int(o, "seconds", seconds);
    json_put_str(o, "since", at);
    json_put_take(interface, "lease", o);
}

/* A line of src/sys/look.h. */
static void add_line(json_t *seen, const struct strs *w)
{
    json_t *list = json_object_get(seen, "interfaces");
    json_t *i = w->n > 1 ? interface_named(list, w->v[1]) : NULL;

    if (w->n == 2 && str_eq(w->v[0], "host"))
        json_put_str(seen, "host_name", w->v[1]);
    else if (w->n == 4 && str_eq(w->v[0], "interface"))
        add_interface(list, w);
    else if (w->n == 3 && i && str_eq(w->v[0], "address"))
        json_array_append_new(json_object_get(i, "addresses"), json_string(w->v[2]));
    else if (w->n == 3 && i && str_eq(w->v[0], "route"))
        json_array_append_new(json_object_get(i, "routers"), json_string(w->v[2]));
    else if (w->n == 5 && i && str_eq(w->v[0], "lease"))
        add_lease(i, w);
    else if (w->n == 2 && str_eq(w->v[0], "dns"))
        json_array_append_new(json_object_get(seen, "dns"), json_string(w->v[1]));
    else if (w->n == 2 && str_eq(w->v[0], "search"))
        json_put_str(seen, "search", w->v[1]);
}

static int look(struct core *core, json_t **out, struct err *e)
{
    const struct msg_SYS_LOOK ask = {};
    struct msg_SYS_SEEN seen;
    OWN(reply_done)
    struct reply r = {0};
    OWN(strs_free)
    struct strs lines = {0};

    if (call_SYS_LOOK(core->sys, &ask, MSG_SYS_SEEN, LOOK_MS, &r, e) < 0 ||
        get_SYS_SEEN(&r.msg, &seen, e) < 0)
        return err_wrap(e, "network");
    json_t *o = json_object();
    json_put_str(o, "host_name", "");
    json_put_str(o, "search", "");
    json_put_take(o, "dns", json_array());
    json_put_take(o, "interfaces", json_array());
    strs_split(&lines, seen.lines, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        OWN(strs_free)
        struct strs words = {0};
        strs_split(&words, lines.v[i], " ");
        if (words.n > 0 && words.n <= WORDS_MAX)
            add_line(o, &words);
    }
    *out = o;
    return 0;
}

static bool sets_address(const struct network *n, const char *interface, const char *address)
{
    for (size_t i = 0; n && i < n->n; i++) {
        const struct interface *x = &n->interfaces[i];
        const bool v6 = strchr(address, ':');
        if (!str_eq(x->name, interface))
            continue;
        if (v6)
            return !str_eq(x->ipv6, "off") &&
                   (!str_eq(x->ipv6, "static") || str_eq(x->address6, address));
        return str_eq(x->ipv4, "static") ? str_eq(x->address, address) : !str_eq(x->ipv4, "off");
    }
    return true; /* by DHCP it most likely stays */
}

static void warn_of(json_t *warnings, const struct network *next, const json_t *seen)
{
    const json_t *i, *a;
    size_t n, m;
    bool servers = next->general.dns.n > 0 || next->n == 0;

    json_array_foreach (json_object_get(seen, "interfaces"), n, i)
        json_array_foreach (json_object_get(i, "addresses"), m, a) {
            const char *address = json_string_value(a);
            if (str_starts(address, "fe80:") || sets_address(next, json_str(i, "name"), address))
                continue;
            json_array_append_new(
                warnings, json_sprintf("%s gives up %s: a connection to that address ends. Open "
                                       "the UI at the new address and confirm there.",
                                       json_str(i, "name"), address));
        }
    for (size_t k = 0; k < next->n; k++) {
        servers |= str_eq(next->interfaces[k].ipv4, "dhcp");
        if (!interface_named(json_object_get(seen, "interfaces"), next->interfaces[k].name))
            json_array_append_new(warnings, json_sprintf("The machine has no interface %s.",
                                                         next->interfaces[k].name));
    }
    if (!servers)
        json_array_append_new(warnings, json_string("No DNS server: none is set, and no interface "
                                                    "asks DHCP. CAs and servers are not found "
                                                    "by name."));
}

/* The answer of all four: settings, what waits, what is in force. `before`: in force until now. */
static int answer(struct api *a, const json_t *before, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(network_free)
    struct network n = {0};
    OWN(own_json)
    json_t *seen = NULL;
    int64_t rev, until;
    char at[TIME_TEXT_BYTES];

    if (txn_begin(a->core->db, false, &t, e) < 0 || network_get(t, &n, &rev, e) < 0)
        return -1;
    txn_abort(&t);
    if (look(a->core, &seen, e) < 0)
        return -1;
    const struct network *next = network_pending(&until);
    json_t *o = json_object(), *warnings = json_array();
    json_put_take(o, "settings", network_json(&n));
    json_put_bool(o, "of_image", rev == 0);
    json_put_take(o, "pending", next ? network_json(next) : json_null());
    time_print(next ? until : 0, at);
    json_put_str(o, "until", next ? at : NULL);
    if (next)
        warn_of(warnings, next, before ? before : seen);
    json_put_take(o, "warnings", warnings);
    json_put_take(o, "in_force", json_incref(seen));
    free(a->etag);
    a->etag = xasprintf("\"%lld\"", (long long)rev);
    return api_json(a, 200, o, e);
}

int on_network_get(struct api *a, struct err *e)
{
    return machine_demand(a->core, e) < 0 ? -1 : answer(a, NULL, e);
}

static char *in_words(const struct network *n)
{
    OWN(buf_free)
    struct buf b = BUF(AUDIT_DETAIL_MAX);
    OWN(own_json)
    json_t *o = network_json(n);

    return json_print(o, &b, NULL) < 0 ? xstrdup("") : buf_take_str(&b);
}

static int audited(struct api *a, const char *detail, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        api_audit(a, t, "setting/network", NULL, "Network", detail, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

/* What is laid over: the change that waits, or what is stored. */
static int base_of(struct api *a, struct network *out, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(buf_free)
    struct buf b = BUF(16384);
    int64_t rev, until;
    const struct network *next = network_pending(&until);

    if (txn_begin(a->core->db, false, &t, e) < 0 || network_get(t, out, &rev, e) < 0 ||
        api_check_match(a, rev, e) < 0)
        return -1;
    if (!next)
        return 0;
    network_free(out);
    network_init(out);
    network_encode(next, &b);
    return network_decode(buf_blob(&b), out, e);
}

int on_network_update(struct api *a, struct err *e)
{
    OWN(network_free)
    struct network n = {0};
    OWN(own_json)
    json_t *before = NULL;
    json_t *b;

    if (machine_demand(a->core, e) < 0 || api_body(a, &b, e) < 0 || base_of(a, &n, e) < 0 ||
        network_patch(&n, b, e) < 0 || look(a->core, &before, e) < 0)
        return -1;
    OWN(own_mem)
    char *detail = in_words(&n);
    OWN(own_mem)
    char *tried = xasprintf("tried: %s", detail);
    if (audited(a, tried, e) < 0)
        return -1;
    network_try(a->core, &n);
    return answer(a, before, e);
}

int on_network_confirm(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(network_free)
    struct network n = {0};

    if (machine_demand(a->core, e) < 0 || network_take_pending(&n, e) < 0)
        return -1;
    OWN(own_mem)
    char *detail = in_words(&n);
    if (txn_begin(a->core->db, true, &t, e) < 0 || network_put(t, &n, e) < 0 ||
        api_audit(a, t, "setting/network", NULL, "Network", detail, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return answer(a, NULL, e);
}

int on_network_revert(struct api *a, struct err *e)
{
    int64_t until;

    if (machine_demand(a->core, e) < 0)
        return -1;
    if (!network_pending(&until))
        return err_set(e, ERR_CONFLICT, "no change of the network waits: nothing to take back");
    if (audited(a, "the change was taken back", e) < 0)
        return -1;
    network_revert(a->core);
    return answer(a, NULL, e);
}
