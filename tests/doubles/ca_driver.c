/*
 * Drives the real certkeep-ca for tests of connectors: plays parent, core and key
 * (tests/ca_peers.h) and answers http-01. Reads one JSON object per line, writes one per line:
 *
 *   {"op":"test","settings":{..},"secrets":{"eab_key":".."}}      also sets them for later ones;
 *                                                                 "kind": of connector, acme
 *   {"op":"csr","names":["a.test"]}                              a new key and request
 *   {"op":"enroll"} {"op":"poll"} {"op":"cancel"} {"op":"revoke","reason":4}
 *   {"op":"new_order"}                                           forgets the order, keeps the
 * account
 *   {"op":"forget_account"}                                      a new account key
 *   {"op":"kill_at","count":2}                                   dies at its 2nd CA_REMEMBER from
 * here
 *   {"op":"restart"}  {"op":"state"}
 *
 *   ca_driver PROGRAM HTTP01_PORT
 */
#include <event2/buffer.h>
#include <event2/http.h>

#include "crypto/x509/chain.h"
#include "crypto/x509/csr.h"
#include "src/model/order_state.h"
#include "tests/ca_peers.h"

#define CSR_KEY 7

struct driver {
    struct peers p;
    char kind[20];
    struct buf settings, secrets, keys, csr, leaf;
    unsigned served; /* http-01 answers given */
};

static void on_http(struct evhttp_request *q, void *arg)
{
    static const char prefix[] = "/.well-known/acme-challenge/";
    struct driver *d = arg;
    const char *uri = evhttp_request_get_uri(q);
    struct evbuffer *body = evbuffer_new();
    int status = HTTP_NOTFOUND;

    for (size_t i = 0; str_starts(uri, prefix) && i < d->p.tokens.n; i++) {
        if (!str_eq(uri + strlen(prefix), d->p.tokens.v[i]) || !*d->p.answers.v[i])
            continue;
        evbuffer_add_printf(body, "%s", d->p.answers.v[i]);
        d->served++;
        status = HTTP_OK;
    }
    evhttp_send_reply(q, status, NULL, body);
    evbuffer_free(body);
}

static int set_connector(struct driver *d, const json_t *in, struct err *e)
{
    struct named_blobs sealed = {0};
    const char *name;
    json_t *value;

    if (!json_object_get(in, "settings"))
        return 0;
    if (*json_str(in, "kind"))
        snprintf(d->kind, sizeof(d->kind), "%s", json_str(in, "kind"));
    const struct fields *f = connector_kind_find(d->kind)->fields();
    OWN(own_mem)
    void *s = xcalloc(1, f->size);
    fields_init(f, s);
    if (fields_from_json(f, json_object_get(in, "settings"), false, s, e) < 0)
        return -1;
    buf_clear(&d->settings);
    fields_encode(f, s, &d->settings);
    fields_free(f, s);
    json_object_foreach (json_object_get(in, "secrets"), name, value) {
        OWN(own_mem)
        char *text = xasprintf(SEAL_PREFIX "%s", json_string_value(value));
        if (named_blobs_add(&sealed, name, blob_str(text), BLOB(NULL, 0), e) < 0)
            return -1;
    }
    buf_clear(&d->secrets);
    named_blobs_encode(&sealed, &d->secrets);
    named_blobs_free(&sealed);
    return 0;
}

static int make_csr(struct driver *d, const json_t *in, struct err *e)
{
    OWN(strs_free)
    struct strs names = {0};

    if (json_opt_strs(in, "names", 20, 255, &names, e) < 0)
        return -1;
    EVP_PKEY_free(TAKE(d->p.keys[CSR_KEY]));
    d->p.keys[CSR_KEY] = EVP_EC_gen("P-256");
    buf_clear(&d->csr);
    const struct csr_template t = {.subject = "", .names = &names, .server_auth = true};
    return csr_build(&t, d->p.keys[CSR_KEY], NULL, &d->csr, e);
}

#define CONNECTOR                                                                                  \
    .type = d->kind, .connector = "c1", .settings = buf_blob(&d->settings),                        \
    .secrets = buf_blob(&d->secrets), .keys = buf_blob(&d->keys),                                  \
    .memory = bytes_blob(&d->p.memory)
#define ORDER CONNECTOR, .order = "o1", .order_memory = bytes_blob(&d->p.order_memory)

static int keep_leaf(struct driver *d, struct blob pem, struct err *e)
{
    OWN(chain_free)
    struct chain c = {0};

    buf_clear(&d->leaf);
    return chain_parse(pem, &c, e) < 0 ? -1 : cert_der(c.v[0], &d->leaf, e);
}

static int put_answer(struct driver *d, json_t *out, struct err *e)
{
    struct msg_CA_TESTED tested;
    struct msg_CA_ORDER o;

    if (d->p.reply.msg.type == MSG_CA_TESTED) {
        if (get_CA_TESTED(&d->p.reply.msg, &tested, e) < 0)
            return -1;
        json_put_str(out, "detail", tested.detail);
        return 0;
    }
    if (get_CA_ORDER(&d->p.reply.msg, &o, e) < 0)
        return -1;
    bytes_set(&d->p.order_memory, o.order_memory);
    json_put_str(out, "state", order_state_name(o.state));
    json_put_str(out, "reference", o.reference);
    json_put_str(out, "detail", o.detail);
    json_put_int(out, "retry_after_s", o.retry_after_s);
    OWN(own_mem)
    char *pem = xstrndup(o.chain_pem.p, o.chain_pem.n);
    json_put_str(out, "chain", o.chain_pem.n ? pem : "");
    return o.chain_pem.n ? keep_leaf(d, o.chain_pem, e) : 0;
}

static int call(struct driver *d, const json_t *in, const char *op, struct err *e)
{
    struct peers *p = &d->p;
    const struct blob csr = buf_blob(&d->csr);
    int rc;

    if (str_eq(op, "test"))
        rc = PEERS_CALL(p, CA_TEST, MSG_CA_TESTED, CONNECTOR);
    else if (str_eq(op, "enroll"))
        rc = PEERS_CALL(p, CA_ENROLL, MSG_CA_ORDER, ORDER, .csr = csr,
                        .profile = json_str(in, "profile"), .replaces = json_str(in, "replaces"),
                        .validity_days = 47);
    else if (str_eq(op, "poll"))
        rc = PEERS_CALL(p, CA_POLL, MSG_CA_ORDER, ORDER, .csr = csr);
    else if (str_eq(op, "cancel"))
        rc = PEERS_CALL(p, CA_CANCEL, MSG_CA_ORDER, ORDER, .csr = csr);
    else if (str_eq(op, "revoke"))
        rc = PEERS_CALL(p, CA_REVOKE, MSG_CA_ORDER, ORDER, .cert_der = buf_blob(&d->leaf),
                        .reason = (uint32_t)json_int(in, "reason"),
                        .comments = json_str(in, "comments"));
    else
        return err_set(e, ERR_INPUT, "no operation %.20s", op);
    *e = p->e;
    return rc;
}

static void put_state(struct driver *d, json_t *out)
{
    int64_t live = 0;

    for (size_t i = 0; i < d->p.answers.n; i++)
        live += *d->p.answers.v[i] != '\0';
    json_put_int(out, "published", (int64_t)d->p.published);
    json_put_int(out, "published_now", live);
    json_put_int(out, "served", (int64_t)d->served);
    json_put_int(out, "remembered", (int64_t)d->p.remembered);
    json_put_str(out, "open_context", d->p.open_context);
    json_put_strs(out, "evidence", &d->p.evidence);
    strs_free(&d->p.evidence);
}

static int act(struct driver *d, const json_t *in, json_t *out, struct err *e)
{
    const char *op = json_str(in, "op");

    if (set_connector(d, in, e) < 0)
        return -1;
    if (str_eq(op, "state"))
        return 0;
    if (str_eq(op, "csr"))
        return make_csr(d, in, e);
    if (str_eq(op, "new_order")) {
        bytes_free(&d->p.order_memory);
        return 0;
    }
    if (str_eq(op, "forget_account")) {
        bytes_free(&d->p.memory);
        EVP_PKEY_free(TAKE(d->p.keys[0]));
        buf_clear(&d->keys);
        return peers_role(&d->p, 0, "account", &d->keys);
    }
    if (str_eq(op, "kill_at")) {
        d->p.kill_at = d->p.remembered + (unsigned)json_int(in, "count");
        return 0;
    }
    if (str_eq(op, "restart")) {
        peers_stop(&d->p);
        d->p.kill_at = 0;
        return peers_start(&d->p);
    }
    return call(d, in, op, e) < 0 ? -1 : put_answer(d, out, e);
}

static void line(struct driver *d, const char *text)
{
    struct err e = {0};
    OWN(own_json)
    json_t *in = json_parse(blob_str(text), 1024 * 1024, "line", &e);
    OWN(own_json)
    json_t *out = json_object();
    OWN(buf_free)
    struct buf printed = BUF(1024 * 1024);
    const bool ok = in && act(d, in, out, &e) == 0;

    json_put_bool(out, "ok", ok);
    if (!ok) {
        json_put_str(out, "code", err_code_name(e.code));
        json_put_str(out, "error", e.text);
    }
    put_state(d, out);
    json_print(out, &printed, NULL);
    puts(buf_cstr(&printed));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct driver d = {.kind = "acme",
                       .settings = BUF(1 << 20),
                       .secrets = BUF(1 << 16),
                       .keys = BUF(1 << 16),
                       .csr = BUF(1 << 16),
                       .leaf = BUF(1 << 16)};
    char *text = NULL;
    size_t cap = 0;
    uint32_t port;

    if (argc != 3 || parse_u32(argv[2], 1, 65535, &port, NULL) < 0) {
        fprintf(stderr, "usage: ca_driver PROGRAM HTTP01_PORT\n");
        return 2;
    }
    d.p.loop = loop_new();
    d.p.program = argv[1];
    struct evhttp *http = evhttp_new(loop_base(d.p.loop));
    evhttp_set_gencb(http, on_http, &d);
    if (evhttp_bind_socket(http, "127.0.0.1", (uint16_t)port) < 0 || peers_start(&d.p) < 0 ||
        peers_role(&d.p, 0, "account", &d.keys) < 0)
        return 1;
    while (getline(&text, &cap, stdin) > 0)
        line(&d, text);
    free(text);
    evhttp_free(http);
    peers_done(&d.p);
    buf_free(&d.settings);
    buf_free(&d.secrets);
    buf_free(&d.keys);
    buf_free(&d.csr);
    buf_free(&d.leaf);
    return 0;
}
