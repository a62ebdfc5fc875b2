/* Servers added and changed; with --test-only nothing is stored, and a real connection is tried. */
#include <string.h>
#include <time.h>

#include "src/base/own.h"
#include "src/ctl/progress.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define POLL_MS 200

static json_t *keys_given(struct ctl *c)
{
    OWN(strs_free)
    struct strs keys = {0};
    json_t *list = json_array();

    strs_split(&keys, ctl_option(c, OPT_HOST_KEY), ",");
    for (size_t i = 0; i < keys.n; i++)
        json_array_append_new(list, json_string(keys.v[i] + strspn(keys.v[i], " ")));
    return list;
}

static int read_settings(struct ctl *c, size_t first, json_t *body, struct err *e)
{
    OWN(own_json)
    json_t *schema = NULL;

    return record_schema(c, "server", &schema, e) < 0 ? -1
                                                      : settings_read(c, schema, first, body, e);
}

static int print_endpoints(struct ctl *c, const json_t *test, struct err *e)
{
    static const char *const columns[] = {
        "port",        "Port",      "names",      "Names",     "subject",
        "Certificate", "not_after", "Expires On", "cert_path", "Certificate File",
        "problem",     "Problem",   NULL};
    const json_t *list = json_object_get(test, "endpoints");

    return json_array_size(list) ? show_items(c, list, columns, NULL, e) : 0;
}

static int verdict(struct ctl *c, const json_t *test, struct err *e)
{
    const json_t *keys = json_object_get(test, "offered_keys");
    const char *at = "", *error = json_str(test, "error"), *advice = json_str(test, "advice");
    size_t i;
    json_t *one;

    if (!ctl_option(c, OPT_JSON) && json_array_size(keys)) {
        out_text("Host keys that %s shows:\n", json_str(test, "address"));
        json_array_foreach (keys, i, one)
            out_text("  %s\n", json_string_value(one) ? json_string_value(one) : "");
        out_text("--host-key takes those you compared as pinned.\n");
    }
    if (!str_eq(json_str(test, "state"), "Failed"))
        return 0;
    json_array_foreach (json_object_get(test, "steps"), i, one)
        if (str_eq(json_str(one, "state"), "failed"))
            at = json_str(one, "title");
    return err_set(e, ERR_REMOTE, "the test failed at %s: %s%s%s", at, error, *advice ? "; " : "",
                   advice);
}

/* Until it has ended; each step is printed as it has. */
static int watch(struct ctl *c, const char *id, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("/server-tests/%s", id);
    const bool quiet = ctl_option(c, OPT_JSON);
    uint64_t printed = 0;

    for (;;) {
        OWN(own_json)
        json_t *test = NULL;
        if (api_get(c, path, &test, e) < 0)
            return -1;
        const bool ended = !str_eq(json_str(test, "state"), "Running");
        if (!quiet && progress_new_steps(c, test, &printed, e) < 0)
            return -1;
        if (!ended) {
            nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
            continue;
        }
        if (!show_json(c, test) && print_endpoints(c, test, e) < 0)
            return -1;
        return verdict(c, test, e);
    }
}

static int test_only(struct ctl *c, const char *server, json_t *settings, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (server)
        json_put_str(body, "server", server);
    json_object_set(body, "settings", settings);
    if (ctl_option(c, OPT_HOST_KEY))
        json_put_take(body, "host_keys", keys_given(c));
    if (api_call(c, "POST", "/server-tests", body, NULL, &a, e) < 0)
        return -1;
    return watch(c, json_str(a.json, "id"), e);
}

/* The record is stored: its host keys, which a test showed, are pinned with it. */
static int stored(struct ctl *c, const json_t *record, const char *done, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_mem)
    char *path = xasprintf("/servers/%s/host-keys/approve", json_str(record, "id"));

    if (!ctl_option(c, OPT_HOST_KEY))
        return verb_report(c, record, done, e);
    json_put_take(body, "fingerprints", keys_given(c));
    if (api_call(c, "POST", path, body, NULL, &a, e) < 0)
        return err_wrap(e, "the server is stored, but --host-key was refused");
    return verb_report(c, a.json, done, e);
}

int server_add(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (read_settings(c, 0, body, e) < 0)
        return -1;
    if (ctl_option(c, OPT_TEST_ONLY))
        return test_only(c, NULL, body, e);
    if (api_call(c, "POST", "/servers", body, NULL, &a, e) < 0)
        return -1;
    return stored(c, a.json, "added", e);
}

int server_edit(struct ctl *c, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = verb_path(c, "", e);

    if (!path || read_settings(c, 1, body, e) < 0)
        return -1;
    if (ctl_option(c, OPT_TEST_ONLY))
        return test_only(c, path + strlen("/servers/"), body, e);
    if (verb_patch(c, path, body, &a, e) < 0)
        return -1;
    return stored(c, a.json, "changed", e);
}
