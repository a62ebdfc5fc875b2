/* Which server block answers: nginx's own order (ngx_http_find_virtual_server), without guessing.
 */
#include <string.h>

#include "src/deploy/target/nginx_config.h"

enum match { MATCH_NONE, MATCH_REGEX, MATCH_TAIL, MATCH_HEAD, MATCH_EXACT };

struct candidate {
    const struct ngx_server *server;
    const struct ngx_listen *listen;
};

static enum match match_name(const char *configured, const char *name)
{
    size_t c = strlen(configured), n = strlen(name);

    if (configured[0] == '~')
        return MATCH_REGEX;
    if (str_ieq(configured, name) || (configured[0] == '.' && str_ieq(configured + 1, name)))
        return c ? MATCH_EXACT : MATCH_NONE;
    const char *tail = str_starts(configured, "*.") ? configured + 1
                       : configured[0] == '.'       ? configured
                                                    : NULL;
    if (tail && n > strlen(tail) && str_ieq(name + n - strlen(tail), tail))
        return MATCH_HEAD; /* "*.example": longest first */
    if (c > 2 && str_ends(configured, ".*")) {
        const char *p = configured;
        size_t k = 0;
        while (k < c - 1 && k < n && (p[k] | 32) == (name[k] | 32))
            k++;
        if (k == c - 1 && n > k)
            return MATCH_TAIL;
    }
    return MATCH_NONE;
}

bool ngx_name_matches(const char *configured, const char *name)
{
    return match_name(configured, name) > MATCH_REGEX;
}

bool ngx_claims(const struct ngx_server *s, const char *name)
{
    for (size_t i = 0; i < s->names.n; i++)
        if (ngx_name_matches(s->names.v[i], name))
            return true;
    return false;
}

bool ngx_has_tls(const struct ngx_server *s)
{
    for (size_t k = 0; k < s->listens; k++)
        if (s->listen[k].ssl)
            return true;
    return false;
}

static bool has_name(const struct ngx_server *s, const char *name)
{
    for (size_t i = 0; i < s->names.n; i++)
        if (match_name(s->names.v[i], name) == MATCH_EXACT)
            return true;
    return false;
}

int ngx_config_find_plain(const struct ngx_config *c, const char *name,
                          const struct ngx_server **out, struct err *e)
{
    bool exact = false;

    *out = NULL;
    for (size_t i = 0; name[0] && i < c->servers; i++) {
        const struct ngx_server *s = &c->server[i];
        bool is_exact = has_name(s, name);
        if (s->kind != NGX_HTTP || ngx_has_tls(s) || !ngx_claims(s, name) || (exact && !is_exact))
            continue;
        if (*out && exact == is_exact)
            return err_set(
                e, ERR_CONFLICT,
                "%s:%u and %s:%u both claim %s without TLS: add a listen with ssl to the "
                "one that is meant",
                (*out)->file, (*out)->line, s->file, s->line, name);
        *out = s;
        exact = is_exact;
    }
    return 0;
}

/* Listens at the very address shadow the ones at any address. */
static bool address_of(const struct ngx_config *c, const char *address, uint32_t port, bool *exact)
{
    bool any = false;

    *exact = false;
    for (size_t i = 0; i < c->servers; i++)
        for (size_t k = 0; k < c->server[i].listens; k++) {
            const struct ngx_listen *l = &c->server[i].listen[k];
            if (c->server[i].kind != NGX_HTTP || l->port != port)
                continue;
            any |= l->ssl;
            *exact |= l->ssl && str_eq(l->address, address);
        }
    return any;
}

static const struct ngx_listen *listens_at(const struct ngx_server *s, const char *address,
                                           uint32_t port)
{
    for (size_t k = 0; s->kind == NGX_HTTP && k < s->listens; k++)
        if (s->listen[k].ssl && s->listen[k].port == port && str_eq(s->listen[k].address, address))
            return &s->listen[k];
    return NULL;
}

int ngx_config_select(const struct ngx_config *c, const char *address, uint32_t port,
                      const char *name, const struct ngx_server **out, struct err *e)
{
    const struct ngx_server *best = NULL, *first = NULL, *fallback = NULL;
    enum match best_match = MATCH_NONE;
    size_t best_length = 0;
    const char *regex = NULL;
    bool exact;

    if (!address_of(c, address, port, &exact))
        return err_set(e, ERR_NOT_FOUND, "no server block listens on port %u with TLS", port);
    for (size_t i = 0; i < c->servers; i++) {
        const struct ngx_server *s = &c->server[i];
        const struct ngx_listen *l = listens_at(s, exact ? address : "", port);
        if (!l)
            continue;
        first = first ? first : s;
        if (l->default_server)
            fallback = s;
        for (size_t k = 0; name[0] && k < s->names.n; k++) {
            enum match m = match_name(s->names.v[k], name);
            size_t length = strlen(s->names.v[k]);
            if (m == MATCH_REGEX) {
                regex = regex ? regex : s->names.v[k];
            } else if (m > best_match || (m == best_match && m && length > best_length)) {
                best = s;
                best_match = m;
                best_length = length;
            } else if (m && m == best_match && length == best_length && best != s) {
                return err_set(e, ERR_CONFLICT,
                               "%s:%u and %s:%u both claim %s on port %u: remove one", best->file,
                               best->line, s->file, s->line, name, port);
            }
        }
    }
    if (!best && regex)
        return err_set(
            e, ERR_CONFLICT,
            "%s on port %u may be matched by the regular expression %s: name it in a server_name",
            name, port, regex);
    if (!first)
        return err_set(e, ERR_NOT_FOUND, "no server block listens on %s:%u with TLS", address,
                       port);
    *out = best ? best : fallback ? fallback : first;
    return 0;
}
