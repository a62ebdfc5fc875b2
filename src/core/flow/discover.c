/* Findings of a server check become rows of the provisioning list (contract 121, 456). */
#include "src/core/flow/discover.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/policies.h"
#include "src/model/deploy_request.h"

struct known {
    const struct server *server;
    const struct deploy_finding *finding;
    char id[ID_CHARS + 1];
};

/* A row is the same entry when server, port, certificate file and binding are. */
static int known_one(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct known *k = arg;
    if (!str_eq(c->server, k->server->id)) /* the walk goes on behind this server's rows */
        return 1;
    const char *binding = k->finding->server_names.n ? k->finding->server_names.v[0] : "";
    if (c->port != k->finding->port || !str_eq(c->cert_path, k->finding->cert_path) ||
        !str_eq(text_of(c->sni), binding) || text_of(c->successor)[0])
        return 0;
    if (str_copy(k->id, sizeof k->id, c->id, e) < 0)
        return -1;
    return 1;
}

static void fill_new(struct cert *c, const struct server *s, const struct deploy_finding *f)
{
    text_set(&c->server, s->id);
    text_set(&c->cert_path, f->cert_path);
    text_set(&c->key_path, f->key_path);
    text_set(&c->sni, f->server_names.n ? f->server_names.v[0] : "");
    text_set(&c->discovery_bot, "built-in");
    text_set(&c->status, "Discovered");
    c->port = f->port;
    for (size_t i = 0; i < s->tags.n; i++)
        strs_add(&c->tags, s->tags.v[i]);
}

static void fill_seen(struct cert *c, const struct server *s, const struct deploy_finding *f)
{
    OWN(own_mem)
    char *location = xasprintf("%s:%u", s->address, f->port);
    text_set(&c->location, location);
    text_set(&c->scan_ip, s->address);
    c->scan_port = f->port;
    if (f->problem[0])
        text_set(&c->failure, f->problem);
}

static int keep_one(struct txn *t, struct run *r, const struct server *s,
                    const struct deploy_finding *f, struct err *e)
{
    struct known k = {.server = s, .finding = f};
    OWN(own_cert)
    struct cert c = {0};
    const char *pem = f->served_pem[0] ? f->served_pem : f->configured_pem;
    if (row_each(t, TABLE_CERT, "server", s->id, known_one, &k, e) < 0)
        return -1;
    bool is_new = k.id[0] == '\0';
    if (is_new) {
        fields_init(&cert_fields, &c);
        fill_new(&c, s, f);
    } else if (row_get(t, TABLE_CERT, k.id, &c, e) < 0) {
        return -1;
    }
    fill_seen(&c, s, f);
    struct err unread = {0};
    /* A row that has a certificate of ours keeps it: what is served there is the deployment's
     * business. */
    if (pem[0] && text_of(c.key)[0] == '\0' && cert_describe_chain(&c, pem, &unread) < 0)
        text_set(&c.failure, unread.text);
    if (text_of(c.name)[0] == '\0')
        text_set(&c.name, f->server_names.n ? f->server_names.v[0] : c.location);
    if (policies_mark(t, &c, e) < 0 || cert_settle(t, &c, e) < 0 ||
        row_put(t, TABLE_CERT, &c, e) < 0)
        return -1;
    return is_new ? timeline_add(t, c.id, "discovered", c.location, r->job.id, e) : 0;
}

static void own_findings(struct deploy_findings *l)
{
    findings_free(l);
}

int discover_keep(struct run *r, const struct server *s, struct blob findings, struct err *e)
{
    OWN(own_findings)
    struct deploy_findings l = {0};
    if (findings_decode(findings, &l, e) < 0)
        return err_wrap(e, "findings of the worker");
    for (size_t i = 0; i < l.n; i++) {
        OWN(txn_abort)
        struct txn *t = NULL;
        if (txn_begin(r->core->db, true, &t, e) < 0 || keep_one(t, r, s, &l.v[i], e) < 0 ||
            txn_commit(&t, e) < 0)
            return err_wrap(e, "keep what was found on %s", s->description);
    }
    run_log(r, "found %zu TLS endpoint%s", l.n, l.n == 1 ? "" : "s");
    return 0;
}
