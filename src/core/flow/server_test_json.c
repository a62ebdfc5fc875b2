/* The result of a connection test as the API shows it: steps, host keys, endpoints. */
#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/core/flow/server_test_inside.h"

static void put_time(json_t *o, const char *name, int64_t at_ms)
{
    char text[TIME_TEXT_BYTES];

    time_print_ms(at_ms, text);
    json_put_str(o, name, at_ms ? text : NULL);
}

static const char *state_of(const struct server_test *t, enum deploy_part part)
{
    if (part < t->passed)
        return "done";
    if (part == t->passed && t->running)
        return "running";
    if (part == t->passed && t->failed)
        return "failed";
    return t->running ? "waiting" : "skipped";
}

static json_t *steps_of(const struct server_test *t)
{
    json_t *list = json_array();

    for (enum deploy_part p = 0; p < PART_COUNT; p++) {
        const char *state = state_of(t, p);
        const bool begun = p <= t->passed, failed = str_eq(state, "failed");
        const int64_t from = p ? t->part[p - 1].at_ms : t->started_ms;
        json_t *o = json_object();
        json_put_str(o, "name", deploy_part_title(p));
        json_put_str(o, "title", deploy_part_title(p));
        json_put_str(o, "state", state);
        put_time(o, "started_at", begun ? from : 0);
        put_time(o, "finished_at", failed ? t->finished_ms : t->part[p].at_ms);
        json_put_str(o, "text", failed ? text_of(t->error) : text_of(t->part[p].text));
        json_array_append_new(list, o);
    }
    return list;
}

/* Whose certificate is at an endpoint: the served one, else the configured one. */
static void put_cert(json_t *o, const char *pem)
{
    OWN(chain_free)
    struct chain chain = {0};
    OWN(cert_info_free)
    struct cert_info info = {0};
    struct err none = {0};

    if (!pem[0] || chain_parse(blob_str(pem), &chain, &none) < 0 ||
        cert_describe(chain.v[0], &info, &none) < 0) {
        json_put_str(o, "subject", "");
        json_put_str(o, "issuer", "");
        put_time(o, "not_after", 0);
        return;
    }
    json_put_str(o, "subject", info.common_name);
    json_put_str(o, "issuer", info.issuer_name);
    put_time(o, "not_after", info.not_after * 1000);
}

static json_t *endpoints_of(const struct server_test *t)
{
    json_t *list = json_array();

    for (size_t i = 0; i < t->findings.n; i++) {
        const struct deploy_finding *f = &t->findings.v[i];
        json_t *o = json_object();
        json_put_int(o, "port", f->port);
        json_put_strs(o, "names", &f->server_names);
        json_put_str(o, "config_file", f->config_file);
        json_put_int(o, "config_line", f->config_line);
        json_put_str(o, "cert_path", f->cert_path);
        json_put_str(o, "key_path", f->key_path);
        json_put_bool(o, "served", f->served_pem[0] != '\0');
        put_cert(o, f->served_pem[0] ? f->served_pem : f->configured_pem);
        json_put_str(o, "problem", f->problem);
        json_array_append_new(list, o);
    }
    return list;
}

json_t *server_test_result(const struct server_test *t)
{
    const bool host_key = t->offered.n > 0;
    json_t *o = json_object();

    json_put_str(o, "id", t->id);
    json_put_str(o, "state", t->running ? "Running" : t->failed ? "Failed" : "Done");
    json_put_str(o, "address", t->server.address);
    json_put_int(o, "port", t->server.port);
    put_time(o, "started_at", t->started_ms);
    put_time(o, "finished_at", t->finished_ms);
    json_put_take(o, "steps", steps_of(t));
    json_put_str(o, "error", text_of(t->error));
    json_put_str(o, "cause", cause_names[t->cause]);
    json_put_str(o, "advice",
                 !t->failed ? ""
                 : host_key
                     ? "Compare the fingerprints with the server's console, then pin what is "
                       "equal and test again. Nothing was sent to the server."
                     : "Correct what the failed step names, then test again.");
    json_put_strs(o, "offered_keys", &t->offered);
    json_put_str(o, "detected_version", text_of(t->version));
    json_put_take(o, "endpoints", endpoints_of(t));
    return o;
}
