/* The files of an nginx configuration as text, and the output of `nginx -T` taken apart. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_config.h"

#define MARK "# configuration file "

int conf_files_add(struct conf_files *l, const char *path, struct blob text, struct err *e)
{
    if (l->n == CONF_FILES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d configuration files", CONF_FILES_MAX);
    if (text.n > CONF_FILE_MAX || l->bytes + text.n > CONF_TOTAL_MAX)
        return err_set(
            e, ERR_LIMIT,
            "%s: the configuration is too large to read: at most %u MiB per file, %u MiB in all",
            path, CONF_FILE_MAX >> 20, CONF_TOTAL_MAX >> 20);
    if ((l->n & (l->n - 1)) == 0)
        l->v = xrealloc(l->v, (l->n ? l->n * 2 : 1) * sizeof(*l->v));
    struct conf_file *f = &l->v[l->n++];
    *f = (struct conf_file){.path = xstrdup(path)};
    bytes_set(&f->text, text);
    l->bytes += text.n;
    return 0;
}

const struct conf_file *conf_files_find(const struct conf_files *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].path, path))
            return &l->v[i];
    return NULL;
}

void conf_files_free(struct conf_files *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].path);
        bytes_free(&l->v[i].text);
    }
    free(l->v);
    *l = (struct conf_files){0};
}

/* A line "# configuration file /path:"; gives the path's length or 0. */
static size_t mark_at(const char *p, size_t n)
{
    const size_t head = sizeof(MARK) - 1;
    const char *nl = memchr(p, '\n', n);
    size_t len = nl ? (size_t)(nl - p) : n;

    if (!nl || len < head + 2 || memcmp(p, MARK "/", head + 1) != 0 || p[len - 1] != ':')
        return 0;
    return len - head - 1;
}

/* nginx writes a newline behind each file, which is not the file's. */
int conf_files_from_dump(struct blob dump, struct conf_files *out, struct err *e)
{
    OWN(conf_files_free)
    struct conf_files got = {0};
    const char *p = dump.p, *end = p + dump.n;
    size_t path_n = dump.n ? mark_at(p, dump.n) : 0;

    if (!path_n)
        return err_set(e, ERR_REMOTE,
                       "nginx -T: the output does not begin with a configuration file");
    while (p < end) {
        OWN(own_mem)
        char *path = xstrndup(p + sizeof(MARK) - 1, path_n);
        const char *text = p + sizeof(MARK) - 1 + path_n + 2, *stop = text;
        for (path_n = 0; stop < end && !(path_n = mark_at(stop, (size_t)(end - stop)));) {
            const char *nl = memchr(stop, '\n', (size_t)(end - stop));
            stop = nl ? nl + 1 : end;
        }
        size_t n = (size_t)(stop - text);
        if (conf_files_add(&got, path, BLOB(text, n && text[n - 1] == '\n' ? n - 1 : n), e) < 0)
            return -1;
        p = stop;
    }
    *out = got;
    got = (struct conf_files){0};
    return 0;
}
