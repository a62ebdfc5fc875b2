/* What an edit does to the whole configuration: read again and compared, block by block. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_edit.h"

static bool same_listens(const struct ngx_server *a, const struct ngx_server *b)
{
    if (a->listens != b->listens)
        return false;
    for (size_t k = 0; k < a->listens; k++)
        if (!str_eq(a->listen[k].address, b->listen[k].address) ||
            a->listen[k].port != b->listen[k].port || a->listen[k].ssl != b->listen[k].ssl ||
            a->listen[k].ipv6 != b->listen[k].ipv6)
            return false;
    return true;
}

static bool same_pairs(const struct ngx_server *a, const struct ngx_server *b)
{
    if (a->pairs != b->pairs || a->keys != b->keys)
        return false;
    for (size_t k = 0; k < a->pairs; k++)
        if (!str_eq(a->pair[k].cert, b->pair[k].cert) || !str_eq(a->pair[k].key, b->pair[k].key))
            return false;
    return true;
}

static int check_others(const struct ngx_config *before, const struct ngx_config *after,
                        size_t index, struct err *e)
{
    if (before->servers != after->servers)
        return err_set(e, ERR_CONFLICT, "the edit would change the number of server blocks");
    for (size_t i = 0; i < before->servers; i++) {
        const struct ngx_server *a = &before->server[i], *b = &after->server[i];
        if (i != index && (!same_pairs(a, b) || !same_listens(a, b)))
            return err_set(e, ERR_CONFLICT,
                           "the same lines also serve %s:%u: give each server block its own "
                           "ssl_certificate by hand",
                           a->file, a->line);
    }
    return 0;
}

static int check_target(const struct plan *p, const struct ngx_server *s, struct err *e)
{
    bool tls = false;

    for (size_t k = 0; k < s->listens; k++)
        tls |= s->listen[k].ssl && s->listen[k].port == p->endpoint[0].port;
    if (tls && s->pairs == 1 && s->keys == 1 && str_eq(s->pair[0].cert, p->file[0].path) &&
        str_eq(s->pair[0].key, p->file[1].path))
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "%s:%u: the edit would not give the block its certificate: edit it by hand",
                   s->file, s->line);
}

int nginx_effect(const struct plan *p, const struct ngx_config *before,
                 const struct conf_files *files, const char *file, struct blob changed,
                 size_t index, struct ngx_config *after, struct err *e)
{
    OWN(own_mem)
    struct conf_file *v = xcalloc(files->n, sizeof(*v));
    struct conf_files edited = {v, files->n, files->bytes};
    OWN(ngx_config_free)
    struct ngx_config got = {0};

    for (size_t i = 0; i < files->n; i++) {
        v[i] = files->v[i];
        if (str_eq(v[i].path, file))
            v[i].text = (struct bytes){(void *)changed.p, changed.n}; /* a loan */
    }
    if (ngx_config_read(&edited, p->config, true, ngx_version(p->version), &got, e) < 0)
        return err_wrap(e, "the edited configuration");
    if (check_others(before, &got, index, e) < 0 || check_target(p, &got.server[index], e) < 0)
        return -1;
    *after = got;
    got = (struct ngx_config){0};
    return 0;
}
