/* The plan as bytes and back. One list of members serves both, so they cannot differ. */
#include "src/deploy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

#define MAGIC 0x434B5032U /* "CKP2" */

/* Members in the order of docs/formats/plan.md: tables, aligned by hand. */
/* clang-format off */
#define PLAN_TEXTS(X)                                                                              \
    X(job) X(address) X(version) X(program) X(config) X(config_args) X(unit)                       \
    X(where) X(config_sha256) X(backup_dir)                                                        \
    X(old_leaf) X(new_leaf) X(served_leaf) X(timer)                                                \
    X(old_pem) X(problem) X(risks) X(diff) X(new_folder)
#define PLAN_NUMBERS(X) X(rollback_seconds) X(dual) X(root) X(clock_ahead) X(clock_behind)
#define FILE_TEXTS(X) X(path) X(final) X(staged) X(backup) X(old_sha256) X(new_sha256) X(context)
#define FILE_NUMBERS(X) X(uid) X(gid) X(mode) X(kind) X(created) X(in_place)
/* clang-format on */

void plan_set(char **member, const char *text)
{
    char *copy = xstrdup(text);

    free(*member);
    *member = copy;
}

void plan_add_risk(struct plan *p, const char *line)
{
    OWN(own_mem)
    char *all = xasprintf("%s%s\n", p->risks, line);

    plan_set(&p->risks, all);
}

void plan_init(struct plan *p)
{
    *p = (struct plan){0};
#define X(m) p->m = xstrdup("");
    PLAN_TEXTS(X)
#undef X
}

struct plan_file *plan_add_file(struct plan *p)
{
    if (p->files == PLAN_FILES_MAX)
        return NULL;
    struct plan_file *f = &p->file[p->files++];
    *f = (struct plan_file){0};
#define X(m) f->m = xstrdup("");
    FILE_TEXTS(X)
#undef X
    return f;
}

int plan_add_edit(struct plan *p, uint32_t at, uint32_t drop, const char *text)
{
    if (p->edits == PLAN_EDITS_MAX)
        return -1;
    p->edit[p->edits++] = (struct plan_edit){at, drop, xstrdup(text)};
    return 0;
}

int plan_add_endpoint(struct plan *p, uint32_t port, const char *name)
{
    for (uint32_t i = 0; i < p->endpoints; i++)
        if (p->endpoint[i].port == port && str_eq(p->endpoint[i].name, name))
            return 0;
    if (p->endpoints == PLAN_ENDPOINTS_MAX)
        return -1;
    p->endpoint[p->endpoints++] = (struct plan_endpoint){port, xstrdup(name)};
    return 0;
}

void plan_free(struct plan *p)
{
    for (uint32_t i = 0; i < p->files; i++) {
        struct plan_file *f = &p->file[i];
#define X(m) free(f->m);
        FILE_TEXTS(X)
#undef X
    }
    for (uint32_t i = 0; i < p->edits; i++)
        free(p->edit[i].text);
    for (uint32_t i = 0; i < p->endpoints; i++)
        free(p->endpoint[i].name);
#define X(m) free(p->m);
    PLAN_TEXTS(X)
#undef X
    *p = (struct plan){0};
}

static void put_text(struct buf *out, const char *s)
{
    struct blob b = blob_str(s ? s : "");

    buf_add_u32(out, (uint32_t)b.n);
    buf_add_blob(out, b);
}

void plan_encode(const struct plan *p, struct buf *out)
{
    buf_add_u32(out, MAGIC);
#define X(m) put_text(out, p->m);
    PLAN_TEXTS(X)
#undef X
#define X(m) buf_add_u32(out, p->m);
    PLAN_NUMBERS(X)
#undef X
    buf_add_u32(out, p->files);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
#define X(m) put_text(out, f->m);
        FILE_TEXTS(X)
#undef X
#define X(m) buf_add_u32(out, f->m);
        FILE_NUMBERS(X)
#undef X
    }
    buf_add_u32(out, p->edits);
    for (uint32_t i = 0; i < p->edits; i++) {
        buf_add_u32(out, p->edit[i].at);
        buf_add_u32(out, p->edit[i].drop);
        put_text(out, p->edit[i].text);
    }
    buf_add_u32(out, p->endpoints);
    for (uint32_t i = 0; i < p->endpoints; i++) {
        buf_add_u32(out, p->endpoint[i].port);
        put_text(out, p->endpoint[i].name);
    }
}

static void get_allowed(struct reader *r, const char *allow, char **member)
{
    struct blob b = read_bytes(r, read_u32(r));

    if (r->failed || !text_clean(b.p, b.n, allow)) {
        r->failed = true;
        return;
    }
    free(*member);
    *member = b.n ? xstrndup(b.p, b.n) : xstrdup("");
}

static void get_text(struct reader *r, char **member)
{
    get_allowed(r, "\n\t", member);
}

static void get_file(struct reader *r, struct plan *p)
{
    struct plan_file *f = plan_add_file(p);

    if (!f) {
        r->failed = true;
        return;
    }
#define X(m) get_text(r, &f->m);
    FILE_TEXTS(X)
#undef X
#define X(m) f->m = read_u32(r);
    FILE_NUMBERS(X)
#undef X
    if (f->kind > PLAN_CONFIG)
        r->failed = true;
}

static void get_edit(struct reader *r, struct plan *p)
{
    OWN(own_mem)
    char *text = NULL;
    uint32_t at = read_u32(r), drop = read_u32(r);

    get_allowed(r, "\r\n\t", &text); /* the line ends of the file */
    if (!r->failed && plan_add_edit(p, at, drop, text) < 0)
        r->failed = true;
}

static void get_endpoint(struct reader *r, struct plan *p)
{
    OWN(own_mem)
    char *name = NULL;
    uint32_t port = read_u32(r), before = p->endpoints;

    get_text(r, &name);
    if (!r->failed && (plan_add_endpoint(p, port, name) < 0 || p->endpoints == before))
        r->failed = true;
}

int plan_decode(struct blob in, struct plan *out, struct err *e)
{
    struct reader r = reader_of(in);
    OWN(plan_free)
    struct plan p;

    plan_init(&p);
    if (in.n) {
        if (read_u32(&r) != MAGIC)
            r.failed = true;
#define X(m) get_text(&r, &p.m);
        PLAN_TEXTS(X)
#undef X
#define X(m) p.m = read_u32(&r);
        PLAN_NUMBERS(X)
#undef X
        uint32_t files = read_u32(&r);
        for (uint32_t i = 0; i < files && !r.failed; i++)
            get_file(&r, &p);
        uint32_t edits = read_u32(&r);
        for (uint32_t i = 0; i < edits && !r.failed; i++)
            get_edit(&r, &p);
        uint32_t endpoints = read_u32(&r);
        for (uint32_t i = 0; i < endpoints && !r.failed; i++)
            get_endpoint(&r, &p);
    }
    if (!reader_done(&r) || in.n > PLAN_MAX_BYTES)
        return err_set(e, ERR_BUG,
                       "the plan is not well formed: expected version 2 of docs/formats/plan.md");
    *out = p;
    p = (struct plan){0};
    return 0;
}
