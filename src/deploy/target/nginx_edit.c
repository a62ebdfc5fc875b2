/* Files of its own for one server block: where they lie, and the edit that names them. */
#include "src/deploy/target/nginx_edit.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/edit/change.h"

#define ADDS_MAX 18 /* listens of one block, and the pair */
#define CHANGES_MAX 2

/* Everything an edit is made of. */
struct work {
    const struct conf_file *file;
    const struct conf_node *root;
    struct strs add[ADDS_MAX];
    struct conf_change change[CHANGES_MAX];
    struct conf_edit edit[CHANGES_MAX];
    size_t changes;
    struct buf changed;
};

static void work_free(struct work *k)
{
    for (size_t i = 0; i < COUNT(k->add); i++)
        strs_free(&k->add[i]);
    for (size_t i = 0; i < COUNT(k->edit); i++)
        free(k->edit[i].text);
    buf_free(&k->changed);
}

/* "*.shop.example" -> "_.shop.example": no name of a file says more than a host name may. */
static char *base_name(const struct worker *w, const struct ngx_server *s)
{
    const char *name = w->request.sni ? w->request.sni : "";

    if (!name[0] && s->names.n)
        name = s->names.v[0];
    char *base = xstrdup(name[0] && name[0] != '~' ? name : "default");
    for (char *c = base; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *c))
            *c = '_';
    if (base[0] == '.')
        base[0] = '_';
    return base;
}

static char *folder_of(const struct worker *w, const struct plan *p)
{
    const char *set = w->server.keystore_path ? w->server.keystore_path : "";
    size_t n = strlen(set);

    while (n > 1 && set[n - 1] == '/')
        n--;
    if (n)
        return xstrndup(set, n);
    return xasprintf("%.*s/tls", (int)(strrchr(p->config, '/') - p->config), p->config);
}

/* As the certificate's configuration says, else named after the site in the Key Store Folder. */
static void add_own_files(const struct worker *w, struct plan *p, const struct ngx_server *s)
{
    const char *cert = w->request.cert_path ? w->request.cert_path : "";
    const char *key = w->request.key_path ? w->request.key_path : "";
    bool same = s->pairs && (str_eq(cert, s->pair[0].cert) || str_eq(key, s->pair[0].key));
    OWN(own_mem)
    char *folder = folder_of(w, p);
    OWN(own_mem)
    char *base = base_name(w, s);
    OWN(own_mem)
    char *cert_path = cert[0] && !same ? xstrdup(cert) : xasprintf("%s/%s.crt", folder, base);
    OWN(own_mem)
    char *key_path = key[0] && !same ? xstrdup(key) : xasprintf("%s/%s.key", folder, base);
    struct plan_file *a = plan_add_file(p), *b = plan_add_file(p);

    plan_set(&a->path, cert_path);
    plan_set(&b->path, key_path);
    a->created = b->created = 1;
    a->kind = PLAN_CHAIN;
    b->kind = PLAN_KEY;
}

static bool holds(const struct conf_node *d, const struct conf_node *node)
{
    for (size_t i = 0; i < d->children; i++)
        if (&d->child[i] == node || holds(&d->child[i], node))
            return true;
    return false;
}

/* A file that is included twice was read twice: the tree that holds the node is meant. */
static int find_tree(struct work *k, const struct conf_files *files, const struct ngx_config *c,
                     const struct conf_node *node, struct err *e)
{
    k->file = conf_files_find(files, node->file);
    for (size_t i = 0; i < c->trees && !k->root; i++)
        if (holds(&c->tree[i], node))
            k->root = &c->tree[i];
    return k->file && k->root ? 0 : err_set(e, ERR_BUG, "%s: the tree is lost", node->file);
}

static int replace_pair(struct work *k, const struct plan *p, const struct ngx_pair *pair,
                        struct err *e)
{
    const struct conf_word *cert = &pair->cert_node->word[1], *key = &pair->key_node->word[1];
    bool cert_first = cert->start < key->start;

    if (!holds(k->root, pair->key_node))
        return err_set(e, ERR_CONFLICT,
                       "%s:%u: certificate and key are named in two files: edit them by hand",
                       pair->file, pair->line);
    k->change[!cert_first] = (struct conf_change){.word = cert, .value = p->file[0].path};
    k->change[cert_first] = (struct conf_change){.word = key, .value = p->file[1].path};
    k->changes = 2;
    return 0;
}

/* Behind the last listen of the block itself, else behind its server_name, else at its beginning.
 */
static size_t place_in(const struct conf_node *block)
{
    static const char *const anchors[] = {"listen", "server_name"};

    for (size_t a = 0; a < COUNT(anchors); a++)
        for (size_t i = block->children; i > 0; i--)
            if (str_eq(block->child[i - 1].word[0].text, anchors[a]))
                return i;
    return 0;
}

static int insert_pair(struct work *k, const struct plan *p, const struct ngx_config *c,
                       const struct ngx_need *need, struct err *e)
{
    static const char *const names[] = {"ssl_certificate", "ssl_certificate_key"};
    struct strs listens = {0};
    size_t n = 0;
    int rc = need->listen ? nginx_listens(c, need->server, p->endpoint[0].port, &listens, e) : 0;

    if (rc == 0 && listens.n > ADDS_MAX - 2)
        rc = err_set(e, ERR_LIMIT, "the site has more than %d listens", ADDS_MAX - 2);
    for (size_t i = 0; rc == 0 && i < listens.n; i++, n++) {
        strs_add(&k->add[n], "listen");
        strs_add(&k->add[n], listens.v[i]);
        strs_add(&k->add[n], "ssl");
    }
    strs_free(&listens);
    for (size_t i = 0; rc == 0 && i < COUNT(names); i++, n++) {
        strs_add(&k->add[n], names[i]);
        strs_add(&k->add[n], p->file[i].path);
    }
    const struct conf_node *block = need->server->node;
    k->change[0] =
        (struct conf_change){.block = block, .index = place_in(block), .add = k->add, .adds = n};
    k->changes = 1;
    return rc;
}

/* The statement alone: what else is on its line may be nobody's business. */
static void add_line(struct buf *b, const char *mark, const char *text, size_t n)
{
    while (n && strchr(" \t\r\n", *text)) {
        text++;
        n--;
    }
    bool clean = n < 1000 && text_clean(text, n, "\t");
    buf_addf(b, "  %s %.*s\n", mark, clean ? (int)n : 14, clean ? text : "(is not text) ");
}

static void add_replaced(struct buf *b, const struct work *k, const struct ngx_pair *pair)
{
    const char *text = (const char *)k->file->text.p;
    const struct conf_node *nodes[] = {pair->cert_node, pair->key_node};

    buf_addf(b, "  %s:%u\n", k->file->path, pair->line);
    for (size_t i = 0; i < COUNT(nodes); i++) {
        const struct conf_node *d = nodes[i];
        const struct conf_change *v = &k->change[k->change[0].word != &d->word[1]];
        OWN(own_mem)
        char *now = xasprintf("%s %s;", d->word[0].text, v->value);
        add_line(b, "-", text + d->word[0].start, d->end - d->word[0].start);
        add_line(b, "+", now, strlen(now));
    }
}

static void add_inserted(struct buf *b, const struct work *k)
{
    const char *text = (const char *)k->file->text.p;
    const struct conf_change *c = &k->change[0];

    buf_addf(b, "  %s:%u\n", k->file->path, c->block->line);
    if (c->index) {
        const struct conf_node *d = &c->block->child[c->index - 1];
        add_line(b, " ", text + d->word[0].start, d->end - d->word[0].start);
    }
    for (size_t i = 0; i < c->adds; i++) {
        OWN(own_mem)
        char *words = strs_join(&c->add[i], " ");
        OWN(own_mem)
        char *line = xasprintf("%s;", words);
        add_line(b, "+", line, strlen(line));
    }
}

/* Who answered before for what the block answers now. */
static void add_answer_risks(const struct worker *w, struct plan *p, const struct ngx_config *c,
                             const struct ngx_config *after, const struct ngx_server *s)
{
    uint32_t port = p->endpoint[0].port;

    for (size_t i = 0; i <= s->names.n; i++) {
        const char *name = i ? s->names.v[i - 1] : "";
        const struct ngx_server *was = NULL, *is = NULL;
        if (ngx_config_select(c, w->server.address, port, name, &was, NULL) < 0 ||
            ngx_config_select(after, w->server.address, port, name, &is, NULL) < 0 ||
            was - c->server == is - after->server || (i && !ngx_claims(was, name)))
            continue;
        OWN(own_mem)
        char *line = xasprintf("! %s%s is answered by %s:%u on port %u now, then by %s:%u",
                               i ? "" : "an unknown name", name, was->file, was->line, port,
                               is->file, is->line);
        plan_add_risk(p, line);
    }
}

static int keep_edit(const struct worker *w, struct plan *p, struct work *k,
                     const struct ngx_need *need, struct err *e)
{
    struct plan_file *f = plan_add_file(p);
    OWN(buf_free)
    struct buf diff = BUF(32768);
    OWN(own_mem)
    char *risk =
        xasprintf("%sthe configuration file %s is edited%s", w->request.allow_edit ? "" : "! ",
                  k->file->path, w->request.allow_edit ? ", as Configuration Edits allows" : "");

    plan_set(&f->path, k->file->path);
    f->kind = PLAN_CONFIG;
    for (size_t i = 0; i < k->changes; i++)
        plan_add_edit(p, (uint32_t)k->edit[i].at, (uint32_t)k->edit[i].drop, k->edit[i].text);
    if (k->change[0].word)
        add_replaced(&diff, k, &need->server->pair[0]);
    else
        add_inserted(&diff, k);
    plan_set(&p->diff, buf_cstr(&diff));
    plan_add_risk(p, risk);
    return buf_check(&diff, "difference", e) < 0 ||
                   hash_hex(BLOB(k->file->text.p, k->file->text.n), &f->old_sha256, e) < 0
               ? -1
               : hash_hex(buf_blob(&k->changed), &f->new_sha256, e);
}

int nginx_plan_edit(struct worker *w, struct plan *p, const struct conf_files *files,
                    const struct ngx_config *c, const struct ngx_need *need,
                    struct ngx_config *after, struct err *e)
{
    const struct ngx_server *s = need->server;
    const bool replace = s->pairs && !s->inherited;
    OWN(work_free)
    struct work k = {.changed = BUF(CONF_FILE_MAX)};

    add_own_files(w, p, s);
    if (find_tree(&k, files, c, replace ? s->pair[0].cert_node : s->node, e) < 0)
        return -1;
    int rc = replace ? replace_pair(&k, p, &s->pair[0], e) : insert_pair(&k, p, c, need, e);
    if (rc < 0 || conf_change(BLOB(k.file->text.p, k.file->text.n), k.root, k.change, k.changes,
                              k.edit, &k.changed, e) < 0)
        return -1;
    if (nginx_effect(p, c, files, k.file->path, buf_blob(&k.changed), (size_t)(s - c->server),
                     after, e) < 0)
        return -1;
    if (need->listen)
        add_answer_risks(w, p, c, after, s);
    return keep_edit(w, p, &k, need, e);
}
