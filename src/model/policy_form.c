/* A policy as it is written: what its lists hold, the dates in it, and the ones a new appliance
 * has. */
#include <string.h>

#include "crypto/policy.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/model/policy.h"
#include "src/model/policy_match.h"
#include "src/model/policy_window.h"

#define DAYS_MAX 825 /* as Validity of a certificate */

/* "2027-03-15 100" */
static int step_parse(const char *text, int64_t *from, int64_t *days, struct err *e)
{
    OWN(strs_free)
    struct strs part = {0};

    strs_split(&part, text, " ");
    if (part.n != 2 || time_parse(part.v[0], from, NULL) < 0 ||
        parse_i64(part.v[1], 1, DAYS_MAX, days, NULL) < 0)
        return err_set(e, ERR_INPUT, "%s: expected a date and 1 to %d days, such as 2027-03-15 100",
                       text, DAYS_MAX);
    return 0;
}

int64_t policy_max_days(const struct policy *p, int64_t at)
{
    int64_t max = p->max_days, since = INT64_MIN, step = 0;

    for (size_t i = 0; i < p->max_days_from.n; i++) {
        int64_t from, days;
        if (step_parse(p->max_days_from.v[i], &from, &days, NULL) < 0 || from > at || from < since)
            continue;
        since = from;
        step = days;
    }
    return step && (max == 0 || step < max) ? step : max;
}

bool policy_steps_between(const struct policy *p, int64_t from, int64_t to)
{
    for (size_t i = 0; i < p->max_days_from.n; i++) {
        int64_t at, days;
        if (step_parse(p->max_days_from.v[i], &at, &days, NULL) == 0 && at > from && at <= to)
            return true;
    }
    return false;
}

static int check_pattern(const char *text, struct err *e)
{
    return policy_pattern_check(text, e);
}

static int check_step(const char *text, struct err *e)
{
    int64_t from, days;

    return step_parse(text, &from, &days, e);
}

static int check_domain(const char *text, struct err *e)
{
    char host[254];

    return parse_host(text + (*text == '.'), false, host, sizeof(host), e);
}

static int check_window(const char *text, struct err *e)
{
    struct policy_window w;

    return policy_window_parse(text, &w, e);
}

int policy_check(const struct policy *p, struct err *e)
{
    const struct {
        const char *label;
        const struct strs *list;
        int (*check)(const char *text, struct err *e);
    } lists[] = {
        {"For Names", &p->for_names, check_pattern},
        {"Longest Validity From", &p->max_days_from, check_step},
        {"Allowed Domains", &p->suffixes, check_domain},
        {"Deployment Windows", &p->windows, check_window},
    };
    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t k = 0; k < lists[i].list->n; k++)
            if (lists[i].check(lists[i].list->v[k], e) < 0)
                return err_wrap(e, "%s", lists[i].label);
    return 0;
}

/* CA/Browser Forum, Baseline Requirements for TLS, 6.3.2: dates and days as of ballot SC-081v3. */
static const char *const public_tls_steps[] = {"2020-09-01 398", "2026-03-15 200", "2027-03-15 100",
                                               "2029-03-15 47"};

bool policy_first(size_t number, struct policy *out)
{
    if (number == 0) {
        text_set(&out->builtin, "default");
        text_set(&out->name, "Default");
        text_set(&out->description, "Holds for every certificate");
        for (size_t i = 0; i < alg_table_n; i++)
            strs_add(&out->key_algs, alg_table[i].name);
        out->max_days = DAYS_MAX;
        return true;
    }
    if (number > 1)
        return false;
    text_set(&out->builtin, "public-tls");
    text_set(&out->name, "Public TLS");
    text_set(&out->description, "Validity that browsers accept (CA/Browser Forum)");
    strs_add(&out->for_ca_types, "Public");
    for (size_t i = 0; i < COUNT(public_tls_steps); i++)
        strs_add(&out->max_days_from, public_tls_steps[i]);
    return true;
}
