/* Compares two plans member by member (plan_diff.h). */
#include "src/deploy/plan_diff.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

#define SHOWN 64 /* of a value in a line */

struct diff {
    struct buf *lines;
    size_t n;
};

static void changed(struct diff *d, const char *what, const char *was, const char *is)
{
    buf_addf(d->lines, "%s: %.*s, was %.*s\n", what, SHOWN, is[0] ? is : "none", SHOWN,
             was[0] ? was : "none");
    d->n++;
}

static void said(struct diff *d, const char *what, const char *text)
{
    buf_addf(d->lines, "%s %s\n", what, text);
    d->n++;
}

/* Values worth showing, and those that only say that something changed. */
static const struct {
    size_t at;
    const char *what;
    bool shown;
} texts[] = {
    {offsetof(struct plan, address), "address of the handshakes", true},
    {offsetof(struct plan, version), "server program", true},
    {offsetof(struct plan, program), "path of the server program", true},
    {offsetof(struct plan, config), "configuration file", true},
    {offsetof(struct plan, config_args), "configuration it was started with", true},
    {offsetof(struct plan, unit), "systemd unit", true},
    {offsetof(struct plan, where), "place of the certificate in the configuration", true},
    {offsetof(struct plan, config_sha256), "the server's configuration", false},
    {offsetof(struct plan, old_leaf), "certificate in the file", true},
    {offsetof(struct plan, served_leaf), "certificate that is served", true},
    {offsetof(struct plan, new_leaf), "new certificate", true},
    {offsetof(struct plan, risks), "the risks", false},
    {offsetof(struct plan, diff), "the edit of the configuration", false},
    {offsetof(struct plan, new_folder), "folder to make", true},
};

static const struct {
    size_t at;
    const char *what;
} numbers[] = {
    {offsetof(struct plan, rollback_seconds), "seconds of the rollback timer"},
    {offsetof(struct plan, dual), "several key types at the endpoint"},
    {offsetof(struct plan, root), "root rights"},
};

static const char *text_at(const struct plan *p, size_t at)
{
    return *(char *const *)((const char *)p + at);
}

static uint32_t number_at(const struct plan *p, size_t at)
{
    return *(const uint32_t *)((const char *)p + at);
}

static void compare_members(struct diff *d, const struct plan *was, const struct plan *is)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *a = text_at(was, texts[i].at), *b = text_at(is, texts[i].at);
        if (str_eq(a, b))
            continue;
        if (texts[i].shown)
            changed(d, texts[i].what, a, b);
        else
            said(d, texts[i].what, "changed");
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        uint32_t a = number_at(was, numbers[i].at), b = number_at(is, numbers[i].at);
        OWN(own_mem)
        char *x = xasprintf("%u", a);
        OWN(own_mem)
        char *y = xasprintf("%u", b);
        if (a != b)
            changed(d, numbers[i].what, x, y);
    }
}

static const struct plan_file *file_of(const struct plan *p, const char *final)
{
    for (uint32_t i = 0; i < p->files; i++)
        if (str_eq(p->file[i].final, final))
            return &p->file[i];
    return NULL;
}

static void compare_file(struct diff *d, const struct plan_file *was, const struct plan_file *is)
{
    OWN(own_mem)
    char *a = xasprintf("%u:%u %04o%s%s", was->uid, was->gid, was->mode, was->context[0] ? " " : "",
                        was->context);
    OWN(own_mem)
    char *b = xasprintf("%u:%u %04o%s%s", is->uid, is->gid, is->mode, is->context[0] ? " " : "",
                        is->context);

    if (!str_eq(was->old_sha256, is->old_sha256))
        said(d, is->final, "has other content");
    if (!str_eq(a, b))
        changed(d, is->final, a, b);
    if (!str_eq(was->path, is->path))
        changed(d, "name of the file in the configuration", was->path, is->path);
    if (was->kind != is->kind)
        said(d, is->final, "changed its part: certificate, key or configuration");
    if (was->created != is->created)
        said(d, is->final, is->created ? "is to be created" : "is there already");
    if (was->in_place != is->in_place)
        said(d, is->final, "is written in another way");
}

static void compare_files(struct diff *d, const struct plan *was, const struct plan *is)
{
    for (uint32_t i = 0; i < is->files; i++) {
        const struct plan_file *old = file_of(was, is->file[i].final);
        if (old)
            compare_file(d, old, &is->file[i]);
        else
            said(d, is->file[i].final, "is to be replaced, too");
    }
    for (uint32_t i = 0; i < was->files; i++)
        if (!file_of(is, was->file[i].final))
            said(d, was->file[i].final, "is not to be replaced any more");
}

static bool has_endpoint(const struct plan *p, const struct plan_endpoint *e)
{
    for (uint32_t i = 0; i < p->endpoints; i++)
        if (p->endpoint[i].port == e->port && str_eq(p->endpoint[i].name, e->name))
            return true;
    return false;
}

static void compare_endpoints(struct diff *d, const struct plan *one, const struct plan *other,
                              const char *what)
{
    for (uint32_t i = 0; i < one->endpoints; i++) {
        const struct plan_endpoint *e = &one->endpoint[i];
        OWN(own_mem)
        char *name = xasprintf("port %u [%s]", e->port, e->name);
        if (!has_endpoint(other, e))
            said(d, name, what);
    }
}

size_t plan_differences(const struct plan *approved, const struct plan *now, struct buf *lines)
{
    struct diff d = {.lines = lines};

    compare_members(&d, approved, now);
    compare_files(&d, approved, now);
    compare_endpoints(&d, now, approved, "uses this certificate, too");
    compare_endpoints(&d, approved, now, "does not use this certificate any more");
    return d.n;
}
