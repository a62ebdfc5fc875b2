/* The request's field table, and findings <-> bytes. */
#include "src/model/deploy_request.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/as_fields.h"
#define RECORD struct deploy_request
static const struct field request_v[] = {
#include "src/model/deploy_request.def"
};
#undef RECORD
#include "src/model/as_end.h"

const struct fields deploy_request_fields = {"deploy_request", sizeof(struct deploy_request),
                                             request_v, COUNT(request_v)};

struct deploy_finding *findings_add(struct deploy_findings *l)
{
    if (l->n == FINDINGS_MAX)
        return NULL;
    l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n] = (struct deploy_finding){
        .config_file = xstrdup(""),
        .cert_path = xstrdup(""),
        .key_path = xstrdup(""),
        .configured_pem = xstrdup(""),
        .served_pem = xstrdup(""),
        .problem = xstrdup(""),
    };
    return &l->v[l->n++];
}

static void finding_free(struct deploy_finding *f)
{
    strs_free(&f->server_names);
    free(f->config_file);
    free(f->cert_path);
    free(f->key_path);
    free(f->configured_pem);
    free(f->served_pem);
    free(f->problem);
}

void findings_truncate(struct deploy_findings *l, size_t n)
{
    while (l->n > n)
        finding_free(&l->v[--l->n]);
}

void findings_free(struct deploy_findings *l)
{
    findings_truncate(l, 0);
    free(l->v);
    *l = (struct deploy_findings){0};
}

static void put_text(struct buf *out, const char *s)
{
    struct blob b = blob_str(s);

    buf_add_u32(out, (uint32_t)b.n);
    buf_add_blob(out, b);
}

void findings_encode(const struct deploy_findings *l, struct buf *out)
{
    buf_add_u32(out, (uint32_t)l->n);
    for (size_t i = 0; i < l->n; i++) {
        const struct deploy_finding *f = &l->v[i];
        buf_add_u32(out, f->port);
        buf_add_u32(out, (uint32_t)f->server_names.n);
        for (size_t k = 0; k < f->server_names.n; k++)
            put_text(out, f->server_names.v[k]);
        put_text(out, f->config_file);
        buf_add_u32(out, f->config_line);
        put_text(out, f->cert_path);
        put_text(out, f->key_path);
        put_text(out, f->configured_pem);
        put_text(out, f->served_pem);
        put_text(out, f->problem);
    }
}

static void get_text(struct reader *r, char **out)
{
    struct blob b = read_bytes(r, read_u32(r));

    if (r->failed || !text_clean(b.p, b.n, "\n\t")) {
        r->failed = true;
        return;
    }
    free(*out);
    *out = b.n ? xstrndup(b.p, b.n) : xstrdup("");
}

static void get_finding(struct reader *r, struct deploy_finding *f)
{
    f->port = read_u32(r);
    size_t names = read_u32(r);
    for (size_t k = 0; k < names && !r->failed; k++) {
        OWN(own_mem)
        char *name = NULL;
        get_text(r, &name);
        if (!r->failed)
            strs_add(&f->server_names, name);
    }
    get_text(r, &f->config_file);
    f->config_line = read_u32(r);
    get_text(r, &f->cert_path);
    get_text(r, &f->key_path);
    get_text(r, &f->configured_pem);
    get_text(r, &f->served_pem);
    get_text(r, &f->problem);
}

int findings_decode(struct blob in, struct deploy_findings *out, struct err *e)
{
    struct reader r = reader_of(in);
    OWN(findings_free)
    struct deploy_findings got = {0};
    size_t n = in.n == 0 ? 0 : read_u32(&r);

    for (size_t i = 0; i < n && !r.failed; i++) {
        struct deploy_finding *f = findings_add(&got);
        if (f)
            get_finding(&r, f);
        else
            r.failed = true;
    }
    if (!reader_done(&r))
        return err_set(e, ERR_BUG, "the findings of a deploy worker are not well formed");
    *out = got;
    got = (struct deploy_findings){0};
    return 0;
}
