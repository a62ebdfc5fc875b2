/*
 * The endpoints of an nginx: what the configuration names, what the files hold, what is served; and
 * for a deployment, the one endpoint it is about (rules 1 and 7).
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx.h"
#include "src/deploy/verify.h"

#define PROBES_MAX 200
#define FINDINGS_BYTES (8U << 20) /* half of what a message may hold */

static bool concrete(const char *name)
{
    return name[0] && name[0] != '~' && name[0] != '.' && !strchr(name, '*') && strchr(name, '.');
}

/* A name a client could send: a wildcard is asked for by one of the names it stands for. */
static char *sendable(const char *name)
{
    bool pattern = name[0] == '~' || name[0] == '.' || strchr(name, '*') || str_eq(name, "_");

    if (str_starts(name, "*."))
        return xasprintf("certkeep-check%s", name + 1);
    return xstrdup(pattern ? "" : name);
}

static char *first_name(const struct ngx_server *s)
{
    for (size_t i = 0; i < s->names.n; i++)
        if (concrete(s->names.v[i]))
            return xstrdup(s->names.v[i]);
    return s->names.n ? sendable(s->names.v[0]) : xstrdup("");
}

static const char *verify_address(const struct worker *w)
{
    const char *a = w->server.verify_address;

    return a && a[0] ? a : w->server.address;
}

static char *served_pem(const struct worker *w, uint32_t port, const char *name,
                        const char *key_type, bool *dead)
{
    struct probe p = {verify_address(w), port, name, key_type};
    OWN(chain_free)
    struct chain served = {0};
    OWN(buf_free)
    struct buf pem = BUF(1 << 20);
    struct err why = {0};

    if (probe_handshake(&p, PROBE_MS, &served, &why) < 0) {
        *dead = why.code == ERR_NETWORK;
        return xstrdup("");
    }
    return chain_pem(&served, &pem, NULL) == 0 ? buf_take_str(&pem) : xstrdup("");
}

static const char *problem_of(const struct ngx_server *s)
{
    if (s->reject_handshake)
        return "handshakes are rejected here on purpose (ssl_reject_handshake)";
    if (!s->pairs)
        return "the server block has no ssl_certificate: name a file there first";
    if (s->keys != s->pairs)
        return "ssl_certificate and ssl_certificate_key do not come in pairs";
    if (!s->pair[0].plain)
        return "the certificate is named by a variable, an engine or a store, not by a path";
    if (str_eq(s->pair[0].cert, s->pair[0].key))
        return "certificate and key are in one file: name two files";
    return "";
}

static void add_finding(struct worker *w, struct step *s, const struct ngx_server *b, uint32_t port,
                        const struct pems *pems, struct strs *dead_ports, size_t *probes)
{
    struct deploy_finding *f = findings_add(&s->findings);
    OWN(own_mem)
    char *port_text = xasprintf("%u", port);
    bool dead = false;

    if (!f)
        return;
    f->port = port;
    for (size_t i = 0; i < b->names.n; i++)
        strs_add(&f->server_names, b->names.v[i]);
    f->config_line = b->pairs ? b->pair[0].line : b->line;
    plan_set(&f->config_file, b->pairs ? b->pair[0].file : b->file);
    plan_set(&f->problem, problem_of(b));
    if (b->pairs && b->pair[0].plain) {
        plan_set(&f->cert_path, b->pair[0].cert);
        plan_set(&f->key_path, b->pair[0].key);
        plan_set(&f->configured_pem, pem_of(pems, b->pair[0].cert));
    }
    if (!b->reject_handshake && *probes < PROBES_MAX && !strs_has(dead_ports, port_text)) {
        ++*probes;
        OWN(own_mem)
        char *name = first_name(b);
        OWN(own_mem)
        char *pem = served_pem(w, port, name, NULL, &dead);
        plan_set(&f->served_pem, pem);
        if (dead)
            strs_add(dead_ports, port_text); /* no answer is no answer for the other names, too */
    }
}

static void find_all(struct worker *w, struct step *s, const struct ngx_config *c,
                     const struct pems *pems)
{
    struct strs dead_ports = {0};
    size_t probes = 0;

    for (size_t i = 0; i < c->servers; i++) {
        uint32_t last = 0;
        for (size_t k = 0; k < c->server[i].listens; k++) {
            const struct ngx_listen *l = &c->server[i].listen[k];
            if (l->ssl && l->port &&
                l->port != last) /* IPv4 and IPv6 of one port are one endpoint */
                add_finding(w, s, &c->server[i], l->port, pems, &dead_ports, &probes);
            last = l->ssl ? l->port : last;
        }
    }
    strs_free(&dead_ports);
    for (;;) {
        OWN(buf_free)
        struct buf b = BUF(FINDINGS_BYTES);
        findings_encode(&s->findings, &b);
        if (buf_ok(&b))
            return;
        size_t keep = s->findings.n / 2;
        worker_log(w, "too many endpoints for one answer: %zu of %zu are reported", keep,
                   s->findings.n);
        findings_truncate(&s->findings, keep);
    }
}

static const char *leaf_key_type(const char *pem)
{
    OWN(chain_free)
    struct chain c = {0};

    if (!pem[0] || chain_parse(blob_str(pem), &c, NULL) < 0)
        return NULL;
    return EVP_PKEY_is_a(X509_get0_pubkey(c.v[0]), "RSA") ? "RSA" : "EC";
}

/* With several pairs: the one the request names, else the only one with the new key's type. */
static const struct ngx_pair *choose_pair(const struct worker *w, const struct ngx_server *s,
                                          const struct pems *pems)
{
    const char *want =
        w->request.cert_path && w->request.cert_path[0] ? w->request.cert_path : NULL;
    const char *type = EVP_PKEY_is_a(X509_get0_pubkey(w->chain.v[0]), "RSA") ? "RSA" : "EC";
    const struct ngx_pair *hit = NULL;

    if (s->pairs == 1 && !want)
        return &s->pair[0];
    for (size_t i = 0; i < s->pairs; i++)
        if (want ? str_eq(s->pair[i].cert, want)
                 : str_eq(leaf_key_type(pem_of(pems, s->pair[i].cert)), type))
            hit = hit ? hit : &s->pair[i];
    return hit;
}

static void add_endpoints(struct worker *w, struct plan *p, const struct ngx_config *c,
                          const char *cert)
{
    size_t left_out = 0;

    for (size_t i = 0; i < c->servers; i++) {
        const struct ngx_server *s = &c->server[i], *chosen = NULL;
        bool uses = false;
        for (size_t k = 0; k < s->pairs; k++)
            uses |= str_eq(s->pair[k].cert, cert);
        for (size_t k = 0; uses && s->kind == NGX_HTTP && k < s->listens; k++) {
            uint32_t port = s->listen[k].port;
            if (!s->listen[k].ssl || !port || s->listen[k].proxy_protocol)
                continue;
            for (size_t n = 0; n < s->names.n; n++)
                if (concrete(s->names.v[n]) &&
                    ngx_config_select(c, w->server.address, port, s->names.v[n], &chosen, NULL) ==
                        0 &&
                    chosen == s)
                    left_out += plan_add_endpoint(p, port, s->names.v[n]) < 0;
            if (ngx_config_select(c, w->server.address, port, "", &chosen, NULL) == 0 &&
                chosen == s)
                left_out += plan_add_endpoint(p, port, "") < 0;
        }
    }
    if (left_out)
        worker_log(w, "%zu more names use this certificate; %d are verified", left_out,
                   PLAN_ENDPOINTS_MAX);
}

static void fingerprint_of(const char *pem, char **out)
{
    OWN(chain_free)
    struct chain c = {0};
    char hex[65] = "";

    if (pem[0] && chain_parse(blob_str(pem), &c, NULL) == 0)
        cert_fingerprint(c.v[0], hex, NULL);
    plan_set(out, hex);
}

/* Rule 7: the leaf we found in the file must be the one that is served, or one we know about. */
static int compare_leaves(struct worker *w, struct step *s)
{
    struct plan *p = &s->plan;
    bool ours =
        strs_has(&w->request.own_fingerprints, p->old_leaf) || str_eq(p->old_leaf, p->new_leaf);

    if (!p->old_leaf[0])
        plan_set(&p->problem,
                 "the configured certificate file holds no certificate that can be read");
    else if (!p->served_leaf[0] || str_eq(p->old_leaf, p->served_leaf) || ours)
        return 0;
    else
        return step_end(
            s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION,
            "The certificate in the file is not the one that is served: configured %s, served %s. "
            "Either the configuration was misread or another agent is at work; reload nginx or end "
            "that agent.",
            p->old_leaf, p->served_leaf);
    return 0;
}

static int fill_plan(struct worker *w, struct step *s, const struct ngx_config *c,
                     const struct ngx_server *b, const struct pems *pems, struct err *e)
{
    struct plan *p = &s->plan;
    const struct ngx_pair *pair = choose_pair(w, b, pems);
    const char *bad = problem_of(b);
    bool dead = false;

    if (bad[0] && !(s->plan.problem[0]))
        plan_set(&p->problem, bad);
    if (!pair && !bad[0])
        plan_set(&p->problem, "the server block does not name the certificate file of this "
                              "request, or several of one kind");
    if (!pair || p->problem[0])
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION, "%s:%u: %s", b->file, b->line,
                        p->problem);
    if (w->request.key_path && w->request.key_path[0] && !str_eq(w->request.key_path, pair->key))
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION,
                        "%s:%u: the key file is %s, the request says %s", pair->file, pair->line,
                        pair->key, w->request.key_path);
    plan_set(&p->address, verify_address(w));
    free(p->where);
    p->where = xasprintf("%s:%u", pair->file, pair->line);
    p->dual = b->pairs > 1;
    plan_set(&p->old_pem, pem_of(pems, pair->cert));
    fingerprint_of(p->old_pem, &p->old_leaf);
    OWN(own_mem)
    char *served = served_pem(w, p->endpoint[0].port, p->endpoint[0].name,
                              p->dual ? leaf_key_type(p->old_pem) : NULL, &dead);
    fingerprint_of(served, &p->served_leaf);
    char hex[65];
    if (cert_fingerprint(w->chain.v[0], hex, e) < 0)
        return -1;
    plan_set(&p->new_leaf, hex);
    add_endpoints(w, p, c, pair->cert);
    if (w->request.redeploy || !str_eq(p->old_leaf, p->new_leaf)) {
        struct plan_file *cert = plan_add_file(p), *key = plan_add_file(p);
        plan_set(&cert->path, pair->cert);
        plan_set(&key->path, pair->key);
        key->is_key = 1;
    }
    if (compare_leaves(w, s) < 0 || s->outcome != OUTCOME_OK)
        return 0;
    return files_inspect(w, p, e);
}

static int discover_endpoint(struct worker *w, struct step *s, const struct ngx_config *c,
                             const struct pems *pems, struct err *e)
{
    const struct ngx_server *b = NULL;
    OWN(own_mem)
    char *name = sendable(w->request.sni ? w->request.sni : "");

    plan_add_endpoint(&s->plan, (uint32_t)w->request.port, name);
    if (ngx_config_select(c, w->server.address, (uint32_t)w->request.port, name, &b, e) < 0)
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION, "%s", e->text);
    if (fill_plan(w, s, c, b, pems, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK || s->text.n)
        return 0;
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%s; %s port %u is %s", s->plan.version,
                    name[0] ? name : "default site", (uint32_t)w->request.port, s->plan.where);
}

static void tell_located(struct worker *w, const struct plan *p)
{
    const char *named =
        w->server.service_name && w->server.service_name[0] ? w->server.service_name : "nginx";
    OWN(own_mem)
    char *path = xasprintf("%s, %s, configuration %s", p->version, p->program, p->config);
    OWN(own_mem)
    char *service = p->unit[0]
                        ? xasprintf("unit %s runs it and reloads it", p->unit)
                        : xasprintf("no unit %s runs it: it is told itself to reload", named);

    worker_part(w, PART_PATH, path);
    worker_part(w, PART_SERVICE, service);
}

static void tell_found(struct worker *w, const struct step *s)
{
    OWN(own_mem)
    char *text = xasprintf("%zu TLS endpoint%s", s->findings.n, s->findings.n == 1 ? "" : "s");

    worker_part(w, PART_ENDPOINTS, text);
}

int nginx_discover(struct worker *w, struct step *s, struct err *e)
{
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config c = {0};
    OWN(pems_free)
    struct pems pems = {0};
    OWN(buf_free)
    struct buf invalid = BUF(4096);
    bool valid = false;

    if (nginx_locate(w, &s->plan, e) < 0)
        return -1;
    tell_located(w, &s->plan);
    buf_addf(&s->evidence, "version: %s\nconfiguration: %s\n", s->plan.version, s->plan.config);
    if (nginx_read(w, &s->plan, &files, &c, &valid, &invalid, e) < 0)
        return e->code == ERR_NETWORK
                   ? -1
                   : step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION,
                              "The configuration was not understood: %s", e->text);
    if (nginx_read_certs(w, &c, &pems, e) < 0)
        return -1;
    if (valid)
        worker_part(w, PART_CONFIG, "read whole, and nginx accepts it");
    buf_addf(&s->evidence, "files: %zu\n", files.n);
    if (!w->chain.n || !valid) { /* a deployment shakes hands with its own endpoint only */
        find_all(w, s, &c, &pems);
        buf_addf(&s->evidence, "endpoints: %zu\n", s->findings.n);
    }
    if (!valid) {
        buf_addf(&s->evidence, "%s\n", buf_cstr(&invalid));
        const char *all = buf_cstr(&invalid), *emerg = strstr(all, "[emerg]");
        const char *said = emerg ? emerg : all; /* warnings may come before it */
        return step_end(s, OUTCOME_FAILED, CAUSE_CONFIGURATION,
                        "nginx refuses its own configuration; it was broken before, nothing was "
                        "changed: mend it (nginx -t) and try again. It says: %.*s",
                        (int)strcspn(said, "\n"), said);
    }
    if (w->chain.n)
        return discover_endpoint(w, s, &c, &pems, e);
    tell_found(w, s);
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%s with %zu TLS endpoints", s->plan.version,
                    s->findings.n);
}
