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

bool nginx_concrete(const char *name)
{
    return name[0] && name[0] != '~' && name[0] != '.' && !strchr(name, '*') && strchr(name, '.');
}

/* A name a client could send: a wildcard is asked for by one of the names it stands for. */
char *nginx_sendable(const char *name)
{
    bool pattern = name[0] == '~' || name[0] == '.' || strchr(name, '*') || str_eq(name, "_");

    if (str_starts(name, "*."))
        return xasprintf("certkeep-check%s", name + 1);
    return xstrdup(pattern ? "" : name);
}

static char *first_name(const struct ngx_server *s)
{
    for (size_t i = 0; i < s->names.n; i++)
        if (nginx_concrete(s->names.v[i]))
            return xstrdup(s->names.v[i]);
    return s->names.n ? nginx_sendable(s->names.v[0]) : xstrdup("");
}

const char *nginx_verify_address(const struct worker *w)
{
    const char *a = w->server.verify_address;

    return a && a[0] ? a : w->server.address;
}

char *nginx_served(const struct worker *w, uint32_t port, const char *name, const char *key_type,
                   bool *dead)
{
    struct probe p = {nginx_verify_address(w), port, name, key_type};
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

static bool is_path(const char *value)
{
    return value[0] && !str_starts(value, "data:") && !str_starts(value, "engine:") &&
           !str_starts(value, "store:");
}

bool nginx_by_variable(const struct ngx_pair *p)
{
    return !p->plain && is_path(p->cert) && is_path(p->key);
}

const char *nginx_problem(const struct ngx_server *s)
{
    if (s->reject_handshake)
        return "handshakes are rejected here on purpose (ssl_reject_handshake)";
    if (!s->pairs)
        return "the server block names no certificate yet: a deployment creates the files and "
               "names them there";
    if (s->keys != s->pairs)
        return "ssl_certificate and ssl_certificate_key do not come in pairs";
    if (nginx_by_variable(&s->pair[0]))
        return "the certificate is named by a variable: a deployment gives the block its own files";
    if (!s->pair[0].plain)
        return "the certificate is named by data, an engine or a store, not by a path";
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
    plan_set(&f->problem, nginx_problem(b));
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
        char *pem = nginx_served(w, port, name, NULL, &dead);
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

/* The one fault a first deployment mends: "listen ... ssl" was prepared, the files are to come. */
static bool lacks_a_pair(const char *said)
{
    const char *first = strstr(said, "[emerg] ");

    return first && str_starts(first, "[emerg] no \"ssl_certificate\" is defined for") &&
           !strstr(first + 1, "[emerg]");
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

/* What is known so far, for the server's page. */
static void add_warnings(const struct plan *p, struct buf *out)
{
    struct strs lines = {0};

    strs_split(&lines, p->risks, "\n");
    for (size_t i = 0; i < lines.n; i++)
        buf_addf(out, "warning: %s\n", lines.v[i] + (str_starts(lines.v[i], "! ") ? 2 : 0));
    if (p->problem[0])
        buf_addf(out, "warning: %s\n", p->problem);
    strs_free(&lines);
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
    add_warnings(&s->plan, &s->evidence);
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
    if (!valid && w->chain.n && lacks_a_pair(buf_cstr(&invalid))) {
        int rc = nginx_endpoint(w, s, &files, &c, &pems, e);
        if (rc < 0 || s->plan.edits)
            return rc;
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
        return nginx_endpoint(w, s, &files, &c, &pems, e);
    tell_found(w, s);
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%s with %zu TLS endpoints", s->plan.version,
                    s->findings.n);
}
