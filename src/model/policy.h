/*
 * Policies (contract 009): pure judgement. Every policy that applies to a request must hold, so the
 * strictest wins, and each finding says which policy refuses what, and the remedy. The same
 * function judges a certificate's configuration, an order about to be sent, and a certificate that
 * came.
 */
#pragma once
#include "src/model/records.h"

#define POLICIES_MAX 100

struct policy_set {
    struct policy *v;
    size_t n;
};
void policy_set_free(struct policy_set *s);

/* What is unknown is empty or 0, and not judged. Loans. */
struct policy_request {
    const struct strs *names, *tags;
    const char *connector; /* id */
    const char *ca_type;   /* Public, Private */
    const char *key_alg, *key_policy;
    int64_t days; /* of validity */
    int64_t at;   /* now */
};

struct policy_finding {
    char *policy, *policy_name; /* id and name of the policy that refuses */
    const char *field;          /* of the certificate's record */
    char *text;                 /* begins with the label of the field */
};
struct policy_findings {
    struct policy_finding *v;
    size_t n;
};
void policy_findings_free(struct policy_findings *f);

bool policy_applies(const struct policy *p, const struct policy_request *q);
/* The limit of validity at a time; 0: none. */
int64_t policy_max_days(const struct policy *p, int64_t at);
void policy_judge(const struct policy_set *s, const struct policy_request *q,
                  struct policy_findings *out);

enum policy_approval { APPROVAL_AS_CONFIGURED, APPROVAL_REQUIRED, APPROVAL_FOUR_EYES };
/* What the policies that apply leave, taken together. */
struct policy_limits {
    struct strs policies;                                   /* names of those that apply */
    int64_t max_days, max_names, renew_percent, renew_days; /* 0: none */
    bool wildcards;
    struct strs key_algs, custodies;
    enum policy_approval approval;
    char *approval_by; /* name of the policy that asks for it */
    int64_t opens;     /* when all windows are open: `at`, later, or -1 for never */
    char *opens_by;    /* name of the policy that opens last; NULL: none has windows */
};
void policy_limits(const struct policy_set *s, const struct policy_request *q,
                   struct policy_limits *out);
void policy_limits_free(struct policy_limits *l);
const char *policy_approval_name(enum policy_approval a);

/* Before a policy is kept: patterns, domains, dates and windows can be read. */
int policy_check(const struct policy *p, struct err *e);
/* Is there a date in (from, to] at which a limit changes by itself? */
bool policy_steps_between(const struct policy *p, int64_t from, int64_t to);
/* The policies of a new appliance, by number; false behind the last. `out` is inited. */
bool policy_first(size_t number, struct policy *out);
