/* Walks the parsed files of an nginx configuration and collects its TLS server blocks. */
#include "src/deploy/target/nginx_config.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_version.h"

#define INCLUDE_DEPTH_MAX 10
#define SERVERS_MAX 20000

/* What a level passes on to the blocks within. */
struct level {
    const struct conf_node *cert[16], *key[16];
    size_t certs, keys;
    bool reject, ssl_on;
    enum ngx_kind kind;
    bool in_http;              /* within http, stream or mail */
    struct ngx_server *server; /* the block being filled, or NULL */
    /* server blocks of this http block: read last, for nginx merges when the block ends */
    const struct conf_node **later;
    size_t laters;
};

struct walk {
    const struct conf_files *files;
    struct ngx_config *out;
    char *folder;
    bool complete;
    uint32_t version;
    unsigned depth;
    size_t files_read;
};

static char *absolute(const struct walk *w, const char *path)
{
    return path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", w->folder, path);
}

static int walk_children(struct walk *w, const struct conf_node *d, struct level *l, struct err *e);
static int walk_protocol(struct walk *w, const struct conf_node *d, struct err *e);

static int walk_file(struct walk *w, const struct conf_file *f, struct level *l, struct err *e)
{
    struct ngx_config *c = w->out;

    if (w->depth > INCLUDE_DEPTH_MAX)
        return err_set(e, ERR_REMOTE, "%s: includes nested deeper than %d", f->path,
                       INCLUDE_DEPTH_MAX);
    if (++w->files_read > CONF_FILES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d configuration files", CONF_FILES_MAX);
    OWN(conf_free)
    struct conf_node root = {0};
    if (conf_parse(f->path, BLOB(f->text.p, f->text.n), &root, e) < 0)
        return -1;
    /* The tree keeps the words alive; its children do not move when the list of roots grows. */
    if ((c->trees & (c->trees - 1)) == 0)
        c->tree = xrealloc(c->tree, (c->trees ? c->trees * 2 : 1) * sizeof(*c->tree));
    c->tree[c->trees++] = root;
    struct conf_node copy = root;
    root = (struct conf_node){0};
    w->depth++;
    int rc = walk_children(w, &copy, l, e);
    w->depth--;
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct conf_file *const *)a)->path,
                  (*(const struct conf_file *const *)b)->path);
}

static int walk_include(struct walk *w, const struct conf_node *d, struct level *l, struct err *e)
{
    if (d->words != 2 || d->block)
        return err_set(e, ERR_REMOTE, "%s:%u: include: expected one path", d->file, d->line);
    OWN(own_mem)
    char *pattern = absolute(w, d->word[1].text);
    OWN(own_mem)
    const struct conf_file **hits = xcalloc(w->files->n + 1, sizeof(*hits));
    bool glob = strpbrk(pattern, "*?[") != NULL;
    size_t n = 0;

    for (size_t i = 0; i < w->files->n; i++)
        if (glob ? fnmatch(pattern, w->files->v[i].path, FNM_PATHNAME | FNM_PERIOD) == 0
                 : str_eq(pattern, w->files->v[i].path))
            hits[n++] = &w->files->v[i];
    if (!w->complete && !strs_has(&w->out->missing, pattern) && (glob || n == 0))
        strs_add(&w->out->missing, pattern);
    if (n == 0 && !glob && w->complete)
        return err_set(e, ERR_REMOTE, "%s:%u: include %s: no such file in what nginx reports",
                       d->file, d->line, pattern);
    qsort(hits, n, sizeof(*hits), by_path);
    for (size_t i = 0; i < n; i++)
        if (walk_file(w, hits[i], l, e) < 0)
            return -1;
    return 0;
}

static int add_listen(struct ngx_server *s, const struct conf_node *d, struct err *e)
{
    if (d->words < 2)
        return err_set(e, ERR_REMOTE, "%s:%u: listen: expected an address or port", d->file,
                       d->line);
    const char *text = d->word[1].text;
    const char *colon = text[0] == '[' ? strchr(text, ']') : text;
    struct ngx_listen l = {0};
    struct err why = {0};

    colon = colon ? strrchr(colon, ':') : NULL;
    const char *port = colon ? colon + 1 : strspn(text, "0123456789") == strlen(text) ? text : "80";
    size_t n = colon ? (size_t)(colon - text) : port == text ? 0 : strlen(text);
    if (!str_starts(text, "unix:") && !strchr(port, '-') &&
        parse_u32(port, 1, 65535, &l.port, &why) < 0)
        return err_set(e, ERR_REMOTE, "%s:%u: listen %s: port: %s", d->file, d->line, text,
                       why.text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']')
        l.address = xstrndup(text + 1, n - 2);
    else
        l.address = n ? xstrndup(text, n) : xstrdup("");
    l.ipv6 = text[0] == '[';
    if (str_eq(l.address, "*") || str_eq(l.address, "0.0.0.0") || str_eq(l.address, "::"))
        l.address[0] = 0;
    for (size_t i = 2; i < d->words; i++) {
        const char *o = d->word[i].text;
        l.ssl |= str_eq(o, "ssl") || str_eq(o, "quic");
        l.default_server |= str_eq(o, "default_server") || str_eq(o, "default");
        l.proxy_protocol |= str_eq(o, "proxy_protocol");
    }
    s->listen = xrealloc(s->listen, (s->listens + 1) * sizeof(l));
    s->listen[s->listens++] = l;
    return 0;
}

static bool plain_path(const struct walk *w, const char *s)
{
    return s[0] && !(strchr(s, '$') && ngx_has(w->version, NGX_HAS_PATH_VARIABLES)) &&
           !str_starts(s, "data:") && !str_starts(s, "engine:") && !str_starts(s, "store:");
}

static void end_server(struct walk *w, struct level *l)
{
    struct ngx_server *s = l->server;

    s->reject_handshake = l->reject;
    for (size_t i = 0; i < s->listens; i++)
        s->listen[i].ssl |= l->ssl_on;
    s->keys = l->keys;
    for (size_t i = 0; i < l->certs; i++) {
        const struct conf_node *c = l->cert[i], *k = i < l->keys ? l->key[i] : NULL;
        const char *key = k ? k->word[1].text : "";
        struct ngx_pair p = {.file = c->file, .line = c->line, .cert_node = c, .key_node = k};
        p.plain = plain_path(w, c->word[1].text) && plain_path(w, key);
        p.cert = plain_path(w, c->word[1].text) ? absolute(w, c->word[1].text)
                                                : xstrdup(c->word[1].text);
        p.key = plain_path(w, key) ? absolute(w, key) : xstrdup(key);
        s->pair = xrealloc(s->pair, (s->pairs + 1) * sizeof(p));
        s->pair[s->pairs++] = p;
    }
}

static int walk_server(struct walk *w, const struct conf_node *d, const struct level *up,
                       struct err *e)
{
    struct ngx_config *c = w->out;
    struct level own = {
        .kind = up->kind, .in_http = true, .reject = up->reject, .ssl_on = up->ssl_on};

    if (c->servers == SERVERS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d server blocks", SERVERS_MAX);
    if ((c->servers & (c->servers - 1)) == 0)
        c->server = xrealloc(c->server, (c->servers ? c->servers * 2 : 1) * sizeof(*c->server));
    own.server = &c->server[c->servers++];
    *own.server =
        (struct ngx_server){.kind = up->kind, .file = d->file, .line = d->line, .node = d};
    if (walk_children(w, d, &own, e) < 0)
        return -1;
    /* Each list is inherited as a whole, and only when the block has none of its own. */
    own.server->inherited = !own.certs && !own.keys && up->certs;
    if (!own.certs) {
        memcpy(own.cert, up->cert, sizeof(own.cert));
        own.certs = up->certs;
    }
    if (!own.keys) {
        memcpy(own.key, up->key, sizeof(own.key));
        own.keys = up->keys;
    }
    end_server(w, &own);
    return 0;
}

static int add_pair_half(const struct conf_node *d, const struct conf_node **list, size_t *n,
                         struct err *e)
{
    if (d->words != 2 || d->block)
        return err_set(e, ERR_REMOTE, "%s:%u: %s: expected one value", d->file, d->line,
                       d->word[0].text);
    if (*n == 16)
        return err_set(e, ERR_LIMIT, "%s:%u: more than 16 certificates for one server", d->file,
                       d->line);
    list[(*n)++] = d;
    return 0;
}

static int walk_one(struct walk *w, const struct conf_node *d, struct level *l, struct err *e)
{
    const char *name = d->word[0].text;

    if (str_eq(name, "include"))
        return walk_include(w, d, l, e);
    if (!l->in_http)
        return d->block ? walk_protocol(w, d, e) : 0;
    if (str_eq(name, "ssl_certificate"))
        return add_pair_half(d, l->cert, &l->certs, e);
    if (str_eq(name, "ssl_certificate_key"))
        return add_pair_half(d, l->key, &l->keys, e);
    if (str_eq(name, "ssl_reject_handshake") && ngx_has(w->version, NGX_HAS_REJECT_HANDSHAKE))
        l->reject = d->words > 1 && str_ieq(d->word[1].text, "on");
    if (str_eq(name, "ssl") && ngx_has(w->version, NGX_HAS_SSL_ON))
        l->ssl_on = d->words > 1 && str_ieq(d->word[1].text, "on");
    if (!l->server && str_eq(name, "server") && d->block) {
        l->later = xrealloc(l->later, (l->laters + 1) * sizeof(*l->later));
        l->later[l->laters++] = d;
    }
    if (!l->server)
        return 0;
    if (str_eq(name, "listen"))
        return add_listen(l->server, d, e);
    if (str_eq(name, "server_name"))
        for (size_t i = 1; i < d->words; i++)
            strs_add(&l->server->names, d->word[i].text);
    return 0;
}

static int walk_children(struct walk *w, const struct conf_node *d, struct level *l, struct err *e)
{
    for (size_t i = 0; i < d->children; i++)
        if (walk_one(w, &d->child[i], l, e) < 0)
            return -1;
    return 0;
}

/* A block of the main level: http, stream and mail hold servers. */
static int walk_protocol(struct walk *w, const struct conf_node *d, struct err *e)
{
    static const char *const names[] = {
        [NGX_HTTP] = "http", [NGX_STREAM] = "stream", [NGX_MAIL] = "mail"};
    struct level l = {.in_http = true};
    size_t kind = 0;

    while (kind < COUNT(names) && !str_eq(names[kind], d->word[0].text))
        kind++;
    if (kind == COUNT(names))
        return 0;
    l.kind = (enum ngx_kind)kind;
    int rc = walk_children(w, d, &l, e);
    for (size_t i = 0; i < l.laters && rc == 0; i++)
        rc = walk_server(w, l.later[i], &l, e);
    free(l.later);
    return rc;
}

/* "ssl" on one listen is true for every block with the same address and port. */
static void share_ssl(struct ngx_config *c)
{
    struct strs on = {0};

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < c->servers; i++)
            for (size_t k = 0; k < c->server[i].listens; k++) {
                struct ngx_listen *l = &c->server[i].listen[k];
                OWN(own_mem)
                char *at = xasprintf("%d %s %u", c->server[i].kind, l->address, l->port);
                if (pass == 0 && l->ssl && !strs_has(&on, at))
                    strs_add(&on, at);
                else if (pass == 1 && !l->ssl)
                    l->ssl = strs_has(&on, at);
            }
    strs_free(&on);
}

int ngx_config_read(const struct conf_files *files, const char *main_file, bool complete,
                    uint32_t version, struct ngx_config *out, struct err *e)
{
    OWN(ngx_config_free)
    struct ngx_config got = {0};
    const char *slash = strrchr(main_file, '/');
    OWN(own_mem)
    char *folder = xstrndup(main_file, slash ? (size_t)(slash - main_file) : 0);
    struct walk w = {
        .files = files, .out = &got, .folder = folder, .complete = complete, .version = version};
    struct level top = {0};
    const struct conf_file *f = conf_files_find(files, main_file);

    if (!f)
        return err_set(e, ERR_NOT_FOUND, "%s: no such configuration file", main_file);
    if (walk_file(&w, f, &top, e) < 0)
        return -1;
    share_ssl(&got);
    *out = got;
    got = (struct ngx_config){0};
    return 0;
}

void ngx_config_free(struct ngx_config *c)
{
    for (size_t i = 0; i < c->servers; i++) {
        struct ngx_server *s = &c->server[i];
        for (size_t k = 0; k < s->listens; k++)
            free(s->listen[k].address);
        for (size_t k = 0; k < s->pairs; k++) {
            free(s->pair[k].cert);
            free(s->pair[k].key);
        }
        free(s->listen);
        free(s->pair);
        strs_free(&s->names);
    }
    for (size_t i = 0; i < c->trees; i++)
        conf_free(&c->tree[i]);
    free(c->server);
    free(c->tree);
    strs_free(&c->missing);
    *c = (struct ngx_config){0};
}
