/*
 * For a deployment the one endpoint it is about (rules 1 and 7): which server block answers there,
 * whether the files it names are replaced or it gets its own, and who else is touched.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_edit.h"

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
                if (nginx_concrete(s->names.v[n]) &&
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

static int review(struct step *s, const struct ngx_server *b, const char *why)
{
    return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION, "%s:%u: %s", b->file, b->line,
                    why);
}

/* What the endpoint serves now, and what it is to serve. */
static int fill_leaves(struct worker *w, struct plan *p, const char *configured, bool by_variable,
                       struct err *e)
{
    bool dead = false;
    char hex[65];

    plan_set(&p->old_pem, configured);
    fingerprint_of(p->old_pem, &p->old_leaf);
    OWN(own_mem)
    char *served = nginx_served(w, p->endpoint[0].port, p->endpoint[0].name,
                                p->dual ? leaf_key_type(p->old_pem) : NULL, &dead);
    fingerprint_of(served, &p->served_leaf);
    if (by_variable) { /* no path to read: what is served stands for the old file */
        plan_set(&p->old_pem, served);
        fingerprint_of(served, &p->old_leaf);
    }
    if (cert_fingerprint(w->chain.v[0], hex, e) < 0)
        return -1;
    plan_set(&p->new_leaf, hex);
    return 0;
}

static int fill_replace(struct worker *w, struct step *s, const struct ngx_config *c,
                        const struct ngx_server *b, const struct pems *pems, struct err *e)
{
    struct plan *p = &s->plan;
    const struct ngx_pair *pair = choose_pair(w, b, pems);
    const char *bad = nginx_problem(b);

    if (bad[0] || !pair)
        return review(s, b,
                      bad[0] ? bad
                             : "the server block does not name the certificate file of this "
                               "request, or several of one kind");
    if (w->request.key_path && w->request.key_path[0] && !str_eq(w->request.key_path, pair->key))
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION,
                        "%s:%u: the key file is %s, the request says %s", pair->file, pair->line,
                        pair->key, w->request.key_path);
    free(p->where);
    p->where = xasprintf("%s:%u", pair->file, pair->line);
    p->dual = b->pairs > 1;
    if (fill_leaves(w, p, pem_of(pems, pair->cert), false, e) < 0)
        return -1;
    add_endpoints(w, p, c, pair->cert);
    if (w->request.redeploy || !str_eq(p->old_leaf, p->new_leaf)) {
        struct plan_file *cert = plan_add_file(p), *key = plan_add_file(p);
        plan_set(&cert->path, pair->cert);
        plan_set(&key->path, pair->key);
        key->kind = PLAN_KEY;
    }
    return compare_leaves(w, s);
}

/* A block that shares a pair or reads one by a variable had a certificate; its names stay covered.
 */
static int fill_own(struct worker *w, struct step *s, const struct conf_files *files,
                    const struct ngx_config *c, const struct ngx_need *need,
                    const struct pems *pems, struct err *e)
{
    struct plan *p = &s->plan;
    const struct ngx_server *b = need->server;
    OWN(ngx_config_free)
    struct ngx_config after = {0};
    const bool had = b->pairs && !need->listen; /* what a plain block inherits nobody served */
    const bool shared = had && b->pair[0].plain;
    OWN(own_mem)
    char *configured = xstrdup(shared ? pem_of(pems, b->pair[0].cert) : "");

    free(p->where);
    p->where = xasprintf("%s:%u", b->file, b->line);
    if (fill_leaves(w, p, configured, had && !shared, e) < 0)
        return -1;
    if (nginx_plan_edit(w, p, files, c, need, &after, e) < 0)
        return e->code == ERR_CONFLICT || e->code == ERR_INPUT ? review(s, b, e->text) : -1;
    add_endpoints(w, p, &after, p->file[0].path);
    return shared ? compare_leaves(w, s) : 0;
}

static bool covers(const struct strs *names, const char *name)
{
    struct strs one = {0}, lost = {0};

    strs_add(&one, name);
    bool good = cert_names_lost(&one, names, &lost) == 0 && lost.n == 0;
    strs_free(&one);
    strs_free(&lost);
    return good;
}

static int names_of(X509 *leaf, struct strs *out)
{
    OWN(cert_info_free)
    struct cert_info i = {0};

    if (cert_describe(leaf, &i, NULL) < 0)
        return -1;
    for (size_t k = 0; k < i.names.n; k++)
        strs_add(out, i.names.v[k]);
    return 0;
}

/* Another block uses the same files for a name that the old certificate covers and the new does
 * not. */
static bool harms_others(const struct worker *w, const struct ngx_config *c,
                         const struct ngx_server *s, const struct pems *pems)
{
    struct strs old = {0}, new = {0};
    bool harm = false;
    const char *pem = pem_of(pems, s->pair[0].cert);
    OWN(chain_free)
    struct chain was = {0};

    if (pem[0] && chain_parse(blob_str(pem), &was, NULL) == 0 && names_of(was.v[0], &old) == 0 &&
        names_of(w->chain.v[0], &new) == 0)
        for (size_t i = 0; i < c->servers; i++) {
            const struct ngx_server *o = &c->server[i];
            bool uses = false;
            for (size_t k = 0; o != s && k < o->pairs; k++)
                uses |= str_eq(o->pair[k].cert, s->pair[0].cert);
            for (size_t k = 0; uses && ngx_has_tls(o) && k < o->names.n; k++)
                harm |= nginx_concrete(o->names.v[k]) && covers(&old, o->names.v[k]) &&
                        !covers(&new, o->names.v[k]);
        }
    strs_free(&old);
    strs_free(&new);
    return harm;
}

/* Which block, and what it needs. Only a block that claims the name gets files of its own. */
static int choose(const struct worker *w, const struct ngx_config *c, uint32_t port,
                  const char *name, const struct pems *pems, struct ngx_need *need, struct err *e)
{
    struct err why = {0};
    const struct ngx_server *tls = NULL, *plain = NULL;
    int rc = ngx_config_select(c, w->server.address, port, name, &tls, &why);

    if (rc == 0 ? !ngx_claims(tls, name) : why.code == ERR_NOT_FOUND)
        if (ngx_config_find_plain(c, name, &plain, e) < 0)
            return -1;
    if (rc < 0 && !plain)
        return err_set(e, why.code, "%s", why.text);
    need->server = plain ? plain : tls;
    need->listen = plain != NULL;
    const struct ngx_server *s = need->server;
    if (plain && s->pairs && !s->inherited)
        return err_set(e, ERR_CONFLICT,
                       "%s:%u: the block names a certificate but does not listen with TLS: add "
                       "\"ssl\" to its listen",
                       s->file, s->line);
    need->own =
        plain || (!s->reject_handshake && !s->pairs && !s->keys) ||
        (s->pairs == 1 && s->keys == 1 &&
         (nginx_by_variable(&s->pair[0]) || (s->pair[0].plain && harms_others(w, c, s, pems))));
    return 0;
}

int nginx_endpoint(struct worker *w, struct step *s, const struct conf_files *files,
                   const struct ngx_config *c, const struct pems *pems, struct err *e)
{
    struct plan *p = &s->plan;
    struct ngx_need need = {0};
    const uint32_t port = (uint32_t)w->request.port;
    OWN(own_mem)
    char *name = nginx_sendable(w->request.sni ? w->request.sni : "");

    plan_add_endpoint(p, port, name);
    plan_set(&p->address, nginx_verify_address(w));
    if (choose(w, c, port, name, pems, &need, e) < 0)
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION, "%s", e->text);
    if (p->problem[0])
        return review(s, need.server, p->problem);
    int rc = need.own ? fill_own(w, s, files, c, &need, pems, e)
                      : fill_replace(w, s, c, need.server, pems, e);
    if (rc < 0 || s->text.n)
        return rc;
    if (files_inspect(w, p, e) < 0)
        return -1;
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%s; %s port %u is %s", p->version,
                    name[0] ? name : "default site", port, p->where);
}
