/* A fixed clock, five certificates and pages of them, for the tests of lists. */
#pragma once
#include "src/base/time.h"
#include "src/core/store/query_inside.h"
#include "tests/unit/src/core/store/store_test.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1795219200) /* 2026-11-21 */

static const int64_t now_fixed = NOW * 1000;

static inline int setup(void **state)
{
    clock_replace(&now_fixed);
    return temp_setup(state);
}

static inline int teardown(void **state)
{
    clock_replace(NULL);
    return temp_teardown(state);
}

static inline json_t *run(struct txn *t, enum table table, const char *text)
{
    OWN(own_query)
    struct query *q = NULL;
    json_t *page = NULL;

    OK(query_parse(table, text, &q, &e));
    OK(query_run(t, q, &page, &e));
    return page;
}

/* Names of the items, parted by spaces. */
static inline void names(const json_t *page, struct buf *out)
{
    json_t *item;
    size_t i;

    buf_clear(out);
    json_array_foreach (json_object_get(page, "items"), i, item)
        buf_addf(out, "%s%s", i ? " " : "", json_str(item, "name"));
}

static inline void five_certs(struct txn *t)
{
    static const struct {
        const char *name, *status, *tag;
        int64_t not_after, port;
        bool ignored;
    } rows[] = {
        {"alpha.example", "Issued", "env=prod", NOW + 10 * DAY, 443, false},
        {"Beta.example", "Deployed", "env=test", NOW + 30 * DAY, 8443, false},
        {"gamma.test", "Deployed", NULL, NOW - 5 * DAY, 443, true},
        {"=2+5", "Discovered", "team=a", 0, 0, false},
        {"delta.example", "Rolled Back", "env=prod", NOW + 90 * DAY, 9443, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_cert)
        struct cert c = {0};
        fields_init(&cert_fields, &c);
        c.name = xstrdup(rows[i].name);
        free(c.status);
        c.status = xstrdup(rows[i].status);
        if (rows[i].tag)
            strs_add(&c.tags, rows[i].tag);
        c.not_after = rows[i].not_after;
        c.port = rows[i].port;
        c.ignored = rows[i].ignored;
        c.server = xstrdup(i % 2 ? "00000000000000000001" : "00000000000000000002");
        OK(row_put(t, TABLE_CERT, &c, &e));
    }
}
