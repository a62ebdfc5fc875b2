/* Brings nginx's configuration over: as nginx reports it, or file by file when nginx refuses it. */
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx.h"

#define ROUNDS_MAX 12 /* includes nest at most ten deep */

static void add_command(const struct plan *p, const char *option, struct buf *b)
{
    buf_add_shell(b, p->program);
    buf_addf(b, " %s", option);
    if (p->config_args[0]) {
        buf_add_str(b, " -c ");
        buf_add_shell(b, p->config_args);
    }
    buf_add_str(b, " </dev/null\n");
}

/* A file that holds a line like nginx's own marker would be cut in two: sizes tell. */
static int check_sizes(struct worker *w, const struct conf_files *l, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(16 << 20);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    for (size_t i = 0; i < l->n; i++) {
        buf_add_str(&b, "stat -Lc %s -- ");
        buf_add_shell(&b, l->v[i].path);
        buf_add_str(&b, " || echo none\n");
    }
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    struct strs lines = {0};
    strs_split(&lines, buf_cstr(&o.out), "\n");
    int rc = 0;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        uint64_t size = 0;
        if (i >= lines.n || parse_u64(lines.v[i], 0, UINT64_MAX, &size, NULL) < 0 ||
            size != l->v[i].text.n)
            rc = err_set(
                e, ERR_CONFLICT,
                "%s: nginx reports %zu bytes and the file has %s: changed while it was read?",
                l->v[i].path, l->v[i].text.n, i < lines.n ? lines.v[i] : "none");
    }
    strs_free(&lines);
    return rc;
}

/* Output: "@ size path", the bytes, a newline, for every file that matches. */
static int take_files(struct via_out *o, struct conf_files *files, size_t *added, struct err *e)
{
    struct reader r = reader_of(buf_blob(&o->out));

    while (r.at < r.n) {
        const char *line = (const char *)r.p + r.at;
        const char *nl = memchr(line, '\n', r.n - r.at);
        OWN(own_mem)
        char *head = nl ? xstrndup(line, (size_t)(nl - line)) : NULL;
        char *path = head && str_starts(head, "@ ") ? strchr(head + 2, ' ') : NULL;
        uint32_t size = 0;
        if (!path)
            return err_set(e, ERR_REMOTE, "the server's files cannot be told apart");
        *path++ = 0;
        if (parse_u32(head + 2, 0, CONF_FILE_MAX, &size, e) < 0)
            return err_wrap(e, "size of %s", path);
        r.at += (size_t)(nl - line) + 1;
        struct blob text = read_bytes(&r, size);
        read_u8(&r);
        if (r.failed)
            return err_set(e, ERR_REMOTE, "%s: shorter than it said", path);
        if (!conf_files_find(files, path)) {
            if (conf_files_add(files, path, text, e) < 0)
                return -1;
            ++*added;
        }
    }
    return 0;
}

static int fetch(struct worker *w, const struct strs *patterns, struct conf_files *files,
                 size_t *added, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(1 << 20);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, "one() { [ -f \"$1\" ] || return 0; s=$(stat -Lc %s -- \"$1\") && [ \"$s\" -le "
                    "4194304 ] || return 0\n"
                    "printf '@ %s %s\\n' \"$s\" \"$1\"; head -c \"$s\" -- \"$1\"; echo; }\n"
                    "some() { d=$1; IFS=; for f in $1; do one \"$f\"; done; unset IFS; }\n");
    for (size_t i = 0; i < patterns->n; i++) {
        buf_add_str(&b, "some ");
        buf_add_shell(&b, patterns->v[i]);
        buf_addc(&b, '\n');
    }
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    return take_files(&o, files, added, e);
}

static int read_by_file(struct worker *w, const struct plan *p, struct conf_files *files,
                        struct ngx_config *c, struct err *e)
{
    struct strs first = {0};
    size_t added = 0;

    strs_add(&first, p->config);
    int rc = fetch(w, &first, files, &added, e);
    strs_free(&first);
    for (int round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
        OWN(ngx_config_free)
        struct ngx_config got = {0};
        if (ngx_config_read(files, p->config, false, ngx_version(p->version), &got, e) < 0)
            return -1;
        added = 0;
        if (got.missing.n && fetch(w, &got.missing, files, &added, e) < 0)
            return -1;
        if (added == 0) {
            *c = got;
            got = (struct ngx_config){0};
            return 0;
        }
    }
    return rc < 0 ? -1 : err_set(e, ERR_LIMIT, "%s: includes nested too deep", p->config);
}

int nginx_read(struct worker *w, struct plan *p, struct conf_files *files, struct ngx_config *c,
               bool *valid, struct buf *why_invalid, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(8192);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    add_command(p, "-T", &b);
    if (buf_check(&b, "script", e) < 0 || via_run(w->via, buf_cstr(&b), &o, e) < 0)
        return -1;
    *valid = o.status == 0;
    if (!*valid) {
        buf_add_str(why_invalid, buf_cstr(&o.err));
        return read_by_file(w, p, files, c, e);
    }
    if (hash_hex(buf_blob(&o.out), &p->config_sha256, e) < 0 ||
        conf_files_from_dump(buf_blob(&o.out), files, e) < 0 || check_sizes(w, files, e) < 0)
        return -1;
    return ngx_config_read(files, p->config, true, ngx_version(p->version), c, e);
}
