/* Looks the settings up by name, for each kind has a struct of its own (line.h). */
#include "src/ca/line.h"

#include <string.h>

#include "src/base/own.h"

static const void *member(const struct ca_job *job, const char *name)
{
    const struct fields *f = job->kind->fields();

    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->v[i].name, name))
            return (const uint8_t *)job->settings + f->v[i].offset;
    return NULL;
}

static const char *text(const struct ca_job *job, const char *name)
{
    char *const *p = member(job, name);

    return p && *p && **p ? *p : NULL;
}

void line_of(const struct ca_job *job, struct line *out)
{
    const struct secret *password = member(job, "proxy_password");
    const int64_t *per_s = member(job, "requests_per_s");

    *out = (struct line){.trust = text(job, "trust"),
                         .proxy = text(job, "proxy"),
                         .user = text(job, "proxy_user"),
                         .per_s = per_s ? (unsigned)*per_s : 0};
    if (password && password->n)
        out->password = xstrndup((const char *)password->p, password->n);
}

void line_free(struct line *l)
{
    own_wiped_str(&l->password);
}
