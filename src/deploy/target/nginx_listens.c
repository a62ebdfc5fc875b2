/* The listen directives of a server block that had plain HTTP only. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_edit.h"

static const struct ngx_listen *find(const struct ngx_config *c, enum ngx_kind kind, uint32_t port,
                                     const struct ngx_listen *like, size_t *family)
{
    const struct ngx_listen *hit = NULL;

    for (size_t i = 0; i < c->servers; i++)
        for (size_t k = 0; k < c->server[i].listens; k++) {
            const struct ngx_listen *l = &c->server[i].listen[k];
            if (c->server[i].kind != kind || l->port != port)
                continue;
            if (!like || (str_eq(l->address, like->address) && l->ipv6 == like->ipv6))
                hit = hit ? hit : l;
            if (family && like)
                *family += l->ipv6 == like->ipv6;
        }
    return hit;
}

/* The port must be free, or speak TLS over TCP to everybody. */
static int check_port(const struct ngx_config *c, const struct ngx_server *s, uint32_t port,
                      struct err *e)
{
    if (find(c, NGX_STREAM, port, NULL, NULL) || find(c, NGX_MAIL, port, NULL, NULL))
        return err_set(e, ERR_CONFLICT, "port %u belongs to a stream or mail server", port);
    for (size_t i = 0; i < c->servers; i++)
        for (size_t k = 0; k < c->server[i].listens; k++) {
            const struct ngx_server *o = &c->server[i];
            if (o->kind != NGX_HTTP || o->listen[k].port != port)
                continue;
            if (!o->listen[k].ssl)
                return err_set(e, ERR_CONFLICT,
                               "%s:%u: port %u speaks plain HTTP: choose another port, or make it "
                               "TLS by hand",
                               o->file, o->line, port);
            if (o->listen[k].proxy_protocol)
                return err_set(e, ERR_CONFLICT, "%s:%u: port %u is behind a proxy (proxy_protocol)",
                               o->file, o->line, port);
        }
    for (size_t k = 0; k < s->listens; k++)
        if (s->listen[k].proxy_protocol)
            return err_set(e, ERR_CONFLICT, "%s:%u: the site is behind a proxy (proxy_protocol)",
                           s->file, s->line);
    return 0;
}

static char *value_of(const struct ngx_listen *l, uint32_t port)
{
    if (l->ipv6)
        return xasprintf("[%s]:%u", l->address[0] ? l->address : "::", port);
    return l->address[0] ? xasprintf("%s:%u", l->address, port) : xasprintf("%u", port);
}

int nginx_listens(const struct ngx_config *c, const struct ngx_server *s, uint32_t port,
                  struct strs *values, struct err *e)
{
    char none[1] = "";
    const struct ngx_listen any = {.address = none};

    if (check_port(c, s, port, e) < 0)
        return -1;
    for (size_t k = 0; k < (s->listens ? s->listens : 1); k++) {
        const struct ngx_listen *l = s->listens ? &s->listen[k] : &any; /* as nginx: *:80 */
        size_t family = 0;
        if (s->listens && !l->port)
            continue;
        /* A listen at one address takes its connections from those at any, and is hidden by none.
         */
        if (!find(c, NGX_HTTP, port, l, &family) && family)
            return err_set(e, ERR_CONFLICT,
                           "%s:%u: the site listens at %s, other sites of port %u at other "
                           "addresses: add its listen by hand",
                           s->file, s->line, l->address[0] ? l->address : "any address", port);
        OWN(own_mem)
        char *value = value_of(l, port);
        if (!strs_has(values, value))
            strs_add(values, value);
    }
    return values->n ? 0
                     : err_set(e, ERR_CONFLICT, "%s:%u: the site has no listen with a port",
                               s->file, s->line);
}
