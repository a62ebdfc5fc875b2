/* Home: what breaks next, what failed, what needs me. Each list is a short walk of an index. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"

#define SHOWN 8
#define DAY_S 86400
#define LOOK 200 /* records looked at per list at most */

struct list {
    json_t *items;
    size_t looked;
    int64_t now, until;
};

static void add(struct list *l, const char *what, const char *record, const char *id,
                const char *title, const char *text, int64_t at, const char *severity)
{
    json_t *o = json_object();
    char when[TIME_TEXT_BYTES];
    time_print(at, when);
    json_put_str(o, "what", what);
    json_put_str(o, "record", record);
    json_put_str(o, "id", id);
    json_put_str(o, "title", text_of(title));
    json_put_str(o, "text", text_of(text));
    json_put_str(o, "at", at ? when : NULL);
    json_put_str(o, "severity", severity);
    json_array_append_new(l->items, o);
}

static bool full(struct list *l)
{
    return json_array_size(l->items) >= SHOWN || ++l->looked > LOOK;
}

static int expiring(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct list *l = arg;
    (void)e;
    if (c->not_after > l->until || full(l))
        return 1;
    if (c->ignored || c->superseded || c->revoked)
        return 0;
    const char *text = text_of(c->failure)[0]     ? c->failure
                       : text_of(c->successor)[0] ? "its successor is on the way"
                       : str_eq(c->renewal, "automatic")
                           ? "renews by itself when it is configured and deployed"
                           : "renewal is manual";
    add(l, "expires", "cert", c->id, c->name, text, c->not_after,
        c->not_after < l->now + 3 * 86400 ? "bad" : "warn");
    return 0;
}

static int failed_cert(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct list *l = arg;
    (void)e;
    if (!str_eq(c->readiness, "Deployment Failed") || full(l))
        return 1;
    add(l, "failed", "cert", c->id, c->name, c->failure, c->last_provisioned, "bad");
    return 0;
}

static int waiting_job(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct list *l = arg;
    (void)e;
    if (!str_eq(j->state, "Needs Approval") || full(l))
        return 1;
    add(l, "approve", "job", j->id, j->title,
        text_of(j->error)[0] ? j->error : "its plan waits for your approval", j->updated_at,
        "info");
    return 0;
}

static int server_trouble(void *record, void *arg, struct err *e)
{
    const struct server *s = record;
    struct list *l = arg;
    (void)e;
    if (full(l))
        return 1;
    if (s->offered_keys.n)
        add(l, "host-key", "server", s->id, s->description,
            s->host_keys.n ? "its host key changed: compare and approve, or refuse"
                           : "compare and approve its host key",
            s->last_check, s->host_keys.n ? "bad" : "info");
    return 0;
}

static int connector_trouble(void *record, void *arg, struct err *e)
{
    const struct connector *c = record;
    struct list *l = arg;
    (void)e;
    if (full(l))
        return 1;
    if (str_eq(c->state, "Error") || str_eq(c->state, "Draft"))
        add(l, "connector", "connector", c->id, c->name, c->error, c->last_check, "bad");
    return 0;
}

static const struct {
    const char *member;
    enum table table;
    const char *column, *from;
    row_fn fn;
} walks[] = {
    {"breaks_next", TABLE_CERT, "not_after", "1", expiring},
    {"failed", TABLE_CERT, "readiness", "Deployment Failed", failed_cert},
    {"needs_me", TABLE_JOB, "state", "Needs Approval", waiting_job},
    {"needs_me", TABLE_SERVER, NULL, NULL, server_trouble},
    {"failed", TABLE_CONNECTOR, NULL, NULL, connector_trouble},
};

static const struct {
    const char *member;
    enum table table;
    const char *column, *value;
} counts[] = {
    {"certificates", TABLE_CERT, NULL, NULL},
    {"bot_unassigned", TABLE_CERT, "readiness", "Bot Unassigned"},
    {"configuration_pending", TABLE_CERT, "readiness", "Configuration Pending"},
    {"deployment_pending", TABLE_CERT, "readiness", "Deployment Pending"},
    {"deployment_failed", TABLE_CERT, "readiness", "Deployment Failed"},
    {"deployed", TABLE_CERT, "status", "Deployed"},
    {"servers", TABLE_SERVER, NULL, NULL},
    {"mapped_servers", TABLE_SERVER, NULL, NULL}, /* each server belongs to the built-in bot */
    {"active_servers", TABLE_SERVER, "state", "Active"},
    {"connectors", TABLE_CONNECTOR, NULL, NULL},
    {"orders_open", TABLE_ORDER, "state", "Queued"},
    {"orders_open", TABLE_ORDER, "state", "CSR Pending"},
    {"orders_open", TABLE_ORDER, "state", "Validation Pending"},
    {"orders_open", TABLE_ORDER, "state", "Approval Pending"},
    {"jobs_running", TABLE_JOB, "state", "Running"},
    {"jobs_waiting", TABLE_JOB, "state", "Waiting"},
    {"jobs_waiting", TABLE_JOB, "state", "Needs Approval"},
    {"jobs_failed", TABLE_JOB, "state", "Failed"},
    {"jobs_failed", TABLE_JOB, "state", "Rolled Back"},
    {"keys", TABLE_KEY, NULL, NULL},
};

/* Certificates by the days they have left; the first second of a day is in it. */
static const struct {
    const char *member;
    int64_t from, to; /* days from now */
} ends[] = {
    {"expired", -1000000, 0},
    {"expiring_7d", 0, 7},
    {"expiring_30d", 0, 30},
};

static int count_ends(struct txn *t, json_t *o, struct err *e)
{
    int64_t now = now_s();
    for (size_t i = 0; i < COUNT(ends); i++) {
        int64_t from = now + ends[i].from * DAY_S;
        uint64_t n;
        if (row_count_range(t, TABLE_CERT, "not_after", from < 1 ? 1 : from,
                            now + ends[i].to * DAY_S, &n, e) < 0)
            return -1;
        json_put_int(o, ends[i].member, (int64_t)n);
    }
    return 0;
}

static json_t *counts_json(struct txn *t, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    for (size_t i = 0; i < COUNT(counts); i++) {
        const char *member = counts[i].member;
        uint64_t n;
        if (row_count(t, counts[i].table, counts[i].column, counts[i].value, &n, e) < 0)
            return NULL;
        json_put_int(o, member, (int64_t)n + json_int(o, member));
    }
    uint64_t seq;
    uint8_t hash[32];
    if (audit_head(t, &seq, hash, e) < 0)
        return NULL;
    json_put_int(o, "audit", (int64_t)seq);
    return count_ends(t, o, e) < 0 ? NULL : TAKE(o);
}

int on_home_get(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_json)
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    if (txn_begin(a->core->db, false, &t, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(walks); i++) {
        json_t *items = json_object_get(o, walks[i].member);
        if (items == NULL) {
            items = json_array();
            json_put_take(o, walks[i].member, items);
        }
        struct list l = {.items = items, .now = now_s(), .until = now_s() + 30 * 86400};
        if (row_each(t, walks[i].table, walks[i].column, walks[i].from, walks[i].fn, &l, e) < 0)
            return -1;
    }
    json_t *n = counts_json(t, e);
    if (n == NULL)
        return -1;
    json_put_take(o, "counts", n);
    time_print(now_s(), at);
    json_put_str(o, "as_of", at);
    return api_json(a, 200, TAKE(o), e);
}
