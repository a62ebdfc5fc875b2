/* Server-sent events to open streams: topics chosen at opening, each event sent as it happens. */
#include "src/core/events.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/auth/session.h"

#define STREAMS_MAX 128
#define TOPICS_MAX 16

struct stream {
    uint32_t id;
    bool used;
    uint32_t permissions;
    struct strs topics; /* empty: every list, and state */
};

struct events {
    struct core *core;
    struct stream streams[STREAMS_MAX];
};

static void drop(struct stream *s)
{
    strs_free(&s->topics);
    *s = (struct stream){0};
}

static void send_event(struct events *ev, struct stream *s, const char *event, const char *id,
                       const char *data)
{
    struct err e = {0};
    struct msg_STREAM_EVENT m = {.stream = s->id, .id = id, .event = event, .data = blob_str(data)};
    if (send_STREAM_EVENT(ev->core->web, &m, &e) < 0) {
        log_debug("events.send", "error=%s", log_q(e.text));
        drop(s);
    }
}

static bool wants(const struct stream *s, const char *topic)
{
    return s->topics.n == 0 || strs_has(&s->topics, topic);
}

/* Who may know that a record of a table changed: those who may read it. */
static bool may_see(const struct stream *s, const char *table)
{
    static const struct {
        const char *table;
        enum permission need;
    } needs[] = {
        {"server", PERM_SERVER_READ},
        {"cert", PERM_CERT_READ},
        {"order", PERM_CERT_READ},
        {"key", PERM_CERT_READ},
        {"job", PERM_JOB_READ},
        {"user", PERM_USER_ADMIN},
        {"connector", PERM_CONNECTOR_READ},
        {"policy", PERM_POLICY_READ},
        {"system", PERM_ANY},
    };
    for (size_t i = 0; i < COUNT(needs); i++)
        if (str_eq(needs[i].table, table))
            return permission_in(s->permissions, needs[i].need);
    return false;
}

static void broadcast(struct events *ev, const char *event, const char *topic, const char *table,
                      const json_t *o)
{
    OWN(buf_free)
    struct buf text = BUF(64 * 1024);
    struct err e = {0};
    if (ev == NULL || json_print(o, &text, &e) < 0)
        return;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        struct stream *s = &ev->streams[i];
        if (s->used && wants(s, topic) && (table == NULL || may_see(s, table)))
            send_event(ev, s, event, "", buf_cstr(&text));
    }
}

void events_changed(struct events *ev, const char *table, const char *id, bool deleted)
{
    OWN(own_json)
    json_t *o = json_object();
    json_put_str(o, "record", table);
    json_put_str(o, "id", id);
    json_put_bool(o, "deleted", deleted);
    broadcast(ev, "change", table, table, o);
}

void events_state(struct events *ev, const char *state)
{
    OWN(own_json)
    json_t *o = json_object();
    json_put_str(o, "state", state);
    broadcast(ev, "state", "state", NULL, o);
}

void events_log_line(struct events *ev, const char *job, uint64_t seq, const json_t *line)
{
    OWN(own_json)
    json_t *o = json_deep_copy(line);
    OWN(buf_free)
    struct buf text = BUF(64 * 1024);
    OWN(own_mem)
    char *topic = xasprintf("job:%s", job);
    OWN(own_mem)
    char *id = xasprintf("%llu", (unsigned long long)seq);
    struct err e = {0};
    json_put_str(o, "id", job);
    json_put_int(o, "seq", (int64_t)seq);
    if (ev == NULL || json_print(o, &text, &e) < 0)
        return;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        struct stream *s = &ev->streams[i];
        if (s->used && strs_has(&s->topics, topic) && permission_in(s->permissions, PERM_JOB_READ))
            send_event(ev, s, "log", id, buf_cstr(&text));
    }
}

static void on_change(enum table table, const char *id, bool deleted, void *arg)
{
    if (table != TABLE_SESSION && table != TABLE_SETTING)
        events_changed(arg, table_name(table), id, deleted);
}

struct events *events_new(struct core *core)
{
    struct events *ev = xcalloc(1, sizeof *ev);
    ev->core = core;
    db_on_change(core->db, on_change, ev);
    return ev;
}

static void refuse(struct events *ev, uint32_t stream)
{
    struct err e = {0};
    struct msg_STREAM_CLOSE m = {.stream = stream};
    if (send_STREAM_CLOSE(ev->core->web, &m, &e) < 0)
        log_debug("events.close", "error=%s", log_q(e.text));
}

/* topics=a,b,job:ID; a colon may come percent-encoded, as EventSource users write it. */
static void topics_of(const char *query, struct strs *out)
{
    OWN(buf_free)
    struct buf text = BUF(4096);
    const char *p = strstr(query, "topics=");
    if (p == NULL || (p != query && p[-1] != '&'))
        return;
    for (p += strlen("topics="); *p && *p != '&'; p++) {
        bool colon = strncmp(p, "%3A", 3) == 0 || strncmp(p, "%3a", 3) == 0;
        bool comma = strncmp(p, "%2C", 3) == 0 || strncmp(p, "%2c", 3) == 0;
        buf_addc(&text, colon ? ':' : comma ? ',' : *p);
        p += colon || comma ? 2 : 0;
    }
    strs_split(out, buf_cstr(&text), ",");
}

void events_open(struct events *ev, const struct msg_STREAM_OPEN *m)
{
    struct err e = {0};
    struct caller who = {0};
    struct stream s = {.id = m->stream, .used = true};
    int rc = caller_find(ev->core, m->credential, m->client, &who, &e);
    s.permissions = who.permissions;
    caller_free(&who);
    topics_of(text_of(m->query), &s.topics);
    for (size_t i = 0; rc == 0 && s.topics.n <= TOPICS_MAX && i < STREAMS_MAX; i++)
        if (!ev->streams[i].used) {
            ev->streams[i] = s;
            OWN(own_json)
            json_t *o = json_object();
            OWN(buf_free)
            struct buf text = BUF(1024);
            json_put_str(o, "state", appliance_state_name(ev->core->state));
            if (json_print(o, &text, &e) == 0)
                send_event(ev, &ev->streams[i], "state", "", buf_cstr(&text));
            return;
        }
    strs_free(&s.topics);
    refuse(ev, m->stream);
}

void events_close(struct events *ev, uint32_t stream)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (ev->streams[i].used && ev->streams[i].id == stream)
            drop(&ev->streams[i]);
}

void events_web_gone(struct events *ev)
{
    for (size_t i = 0; ev && i < STREAMS_MAX; i++)
        drop(&ev->streams[i]);
}
