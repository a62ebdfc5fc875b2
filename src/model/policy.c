/* What a set of policies says to a request: findings, and the limits that are left (policy.h). */
#include "src/model/policy.h"

#include <string.h>

#include "crypto/policy.h"
#include "src/base/str.h"
#include "src/model/policy_match.h"
#include "src/model/policy_window.h"

void policy_set_free(struct policy_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        fields_free(&policy_fields, &s->v[i]);
    free(s->v);
    *s = (struct policy_set){0};
}

void policy_findings_free(struct policy_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].policy);
        free(f->v[i].policy_name);
        free(f->v[i].text);
    }
    free(f->v);
    *f = (struct policy_findings){0};
}

static bool any_name_like(const struct strs *patterns, const struct strs *names)
{
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < patterns->n; k++)
            if (policy_pattern_matches(patterns->v[k], names->v[i]))
                return true;
    return false;
}

static bool any_tag(const struct strs *wanted, const struct strs *tags)
{
    for (size_t i = 0; i < tags->n; i++)
        if (strs_has(wanted, tags->v[i]))
            return true;
    return false;
}

bool policy_applies(const struct policy *p, const struct policy_request *q)
{
    return (p->for_names.n == 0 || any_name_like(&p->for_names, q->names)) &&
           (p->for_tags.n == 0 || any_tag(&p->for_tags, q->tags)) &&
           (p->for_connectors.n == 0 || strs_has(&p->for_connectors, text_of(q->connector))) &&
           (p->for_ca_types.n == 0 || strs_has(&p->for_ca_types, text_of(q->ca_type)));
}

/* The checks. Each returns the finding without its label, malloc'ed, or NULL when the limit holds.
 */
static char *check_connector(const struct policy *p, const struct policy_request *q)
{
    if (p->connectors.n == 0 || text_of(q->connector)[0] == '\0' ||
        strs_has(&p->connectors, q->connector))
        return NULL;
    return xasprintf("policy %s does not allow this connector; choose one of its Allowed "
                     "Connectors",
                     p->name);
}

static char *not_in(const struct policy *p, const struct strs *allowed, const char *value)
{
    if (allowed->n == 0 || text_of(value)[0] == '\0' || strs_has(allowed, value))
        return NULL;
    OWN(own_mem)
    char *all = strs_join(allowed, ", ");
    return xasprintf("policy %s does not allow %.40s; choose one of %s", p->name, value, all);
}

static char *check_key_alg(const struct policy *p, const struct policy_request *q)
{
    return not_in(p, &p->key_algs, q->key_alg);
}

static char *check_custody(const struct policy *p, const struct policy_request *q)
{
    return not_in(p, &p->custodies, q->key_policy);
}

static char *check_validity(const struct policy *p, const struct policy_request *q)
{
    const int64_t max = policy_max_days(p, q->at);

    if (max == 0 || q->days <= max)
        return NULL;
    return xasprintf("%lld days; policy %s allows at most %lld, choose %lld or fewer",
                     (long long)q->days, p->name, (long long)max, (long long)max);
}

static char *check_wildcards(const struct policy *p, const struct policy_request *q)
{
    for (size_t i = 0; !p->wildcards && i < q->names->n; i++)
        if (strchr(q->names->v[i], '*'))
            return xasprintf(
                "%.253s: policy %s allows no wildcard names; list the names one by one",
                q->names->v[i], p->name);
    return NULL;
}

static bool covered(const struct strs *domains, const char *name)
{
    for (size_t i = 0; i < domains->n; i++)
        if (policy_domain_covers(domains->v[i], name))
            return true;
    return domains->n == 0;
}

static char *check_domains(const struct policy *p, const struct policy_request *q)
{
    for (size_t i = 0; i < q->names->n; i++) {
        if (covered(&p->suffixes, q->names->v[i]))
            continue;
        OWN(own_mem)
        char *all = strs_join(&p->suffixes, ", ");
        return xasprintf("%.253s: policy %s allows only names below %.150s; take the name out",
                         q->names->v[i], p->name, all);
    }
    return NULL;
}

static char *check_count(const struct policy *p, const struct policy_request *q)
{
    if (p->max_names == 0 || (int64_t)q->names->n <= p->max_names)
        return NULL;
    return xasprintf("%zu names; policy %s allows at most %lld, part them into more certificates",
                     q->names->n, p->name, (long long)p->max_names);
}

static const struct {
    const char *field; /* of cert.def */
    char *(*check)(const struct policy *p, const struct policy_request *q);
} checks[] = {
    {"connector", check_connector}, {"key_alg", check_key_alg},
    {"key_policy", check_custody},  {"validity_days", check_validity},
    {"names", check_wildcards},     {"names", check_domains},
    {"names", check_count},
};

static const char *label_of(const char *field)
{
    for (size_t i = 0; i < cert_fields.n; i++)
        if (str_eq(cert_fields.v[i].name, field))
            return cert_fields.v[i].label;
    return field;
}

static void add(struct policy_findings *out, const struct policy *p, const char *field,
                const char *text)
{
    out->v = xrealloc(out->v, (out->n + 1) * sizeof(*out->v));
    out->v[out->n++] = (struct policy_finding){.policy = xstrdup(text_of(p->id)),
                                               .policy_name = xstrdup(text_of(p->name)),
                                               .field = field,
                                               .text = xasprintf("%s: %s", label_of(field), text)};
}

void policy_judge(const struct policy_set *s, const struct policy_request *q,
                  struct policy_findings *out)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; policy_applies(&s->v[i], q) && k < COUNT(checks); k++) {
            OWN(own_mem)
            char *text = checks[k].check(&s->v[i], q);
            if (text)
                add(out, &s->v[i], checks[k].field, text);
        }
}

static const char *const approvals[] = {"as configured", "required", "four eyes"};

const char *policy_approval_name(enum policy_approval a)
{
    return approvals[a];
}

static enum policy_approval approval_of(const struct policy *p)
{
    unsigned a = COUNT(approvals) - 1;

    while (a > 0 && !str_eq(approvals[a], p->approval))
        a--;
    return (enum policy_approval)a;
}

/* 0 is no limit, so it gives way to any. */
static void lower(int64_t *limit, int64_t to)
{
    if (to && (*limit == 0 || to < *limit))
        *limit = to;
}

static void raise(int64_t *limit, int64_t to)
{
    if (to > *limit)
        *limit = to;
}

static void keep_only(struct strs *left, const struct strs *allowed)
{
    struct strs both = {0};

    for (size_t i = 0; i < left->n; i++)
        if (allowed->n == 0 || strs_has(allowed, left->v[i]))
            strs_add(&both, left->v[i]);
    strs_free(left);
    *left = both;
}

/* The next time at which a window of the policy is open. */
static int64_t opens(const struct policy *p, int64_t at)
{
    int64_t first = -1;

    for (size_t i = 0; i < p->windows.n; i++) {
        struct policy_window w;
        if (policy_window_parse(p->windows.v[i], &w, NULL) < 0)
            continue;
        int64_t one = policy_window_opens(&w, at);
        if (first < 0 || one < first)
            first = one;
    }
    return first < 0 ? at : first;
}

#define WEEKS_S (15 * 86400) /* windows repeat each week: what did not meet in two never does */

/* Each policy moves the time on until all agree. */
static void find_opening(const struct policy_set *s, const struct policy_request *q,
                         struct policy_limits *out)
{
    int64_t at = q->at, before;

    do {
        before = at;
        for (size_t i = 0; i < s->n; i++) {
            if (s->v[i].windows.n == 0 || !policy_applies(&s->v[i], q))
                continue;
            int64_t one = opens(&s->v[i], at);
            if (one > at || out->opens_by == NULL)
                text_set(&out->opens_by, s->v[i].name);
            at = one;
        }
    } while (at != before && at - q->at < WEEKS_S);
    out->opens = at - q->at < WEEKS_S ? at : -1;
}

void policy_limits(const struct policy_set *s, const struct policy_request *q,
                   struct policy_limits *out)
{
    *out = (struct policy_limits){.wildcards = true};
    for (size_t i = 0; i < alg_table_n; i++)
        strs_add(&out->key_algs, alg_table[i].name);
    for (int k = KEY_POLICY_DEPLOYABLE; k >= KEY_POLICY_TOKEN; k--)
        strs_add(&out->custodies, policy_name((enum key_policy)k));
    for (size_t i = 0; i < s->n; i++) {
        const struct policy *p = &s->v[i];
        if (!policy_applies(p, q))
            continue;
        strs_add(&out->policies, p->name);
        lower(&out->max_days, policy_max_days(p, q->at));
        lower(&out->max_names, p->max_names);
        raise(&out->renew_percent, p->renew_percent);
        raise(&out->renew_days, p->renew_days);
        out->wildcards = out->wildcards && p->wildcards;
        keep_only(&out->key_algs, &p->key_algs);
        keep_only(&out->custodies, &p->custodies);
        if (approval_of(p) > out->approval) {
            out->approval = approval_of(p);
            text_set(&out->approval_by, p->name);
        }
    }
    find_opening(s, q, out);
}

void policy_limits_free(struct policy_limits *l)
{
    strs_free(&l->policies);
    strs_free(&l->key_algs);
    strs_free(&l->custodies);
    free(l->approval_by);
    free(l->opens_by);
}
