/* Event streams: browsers that listen, and what core tells them. A slow reader is cut off. */
#include "src/web/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/call.h"
#include "src/web/limits.h"
#include "src/web/reply.h"

struct stream {
    struct stream *next, **from;
    struct server *server;
    struct exchange *x; /* x->req is NULL when the client is gone */
    struct watch *beat;
    char *last_event_id;
    uint32_t number;
    bool opened; /* core takes it, and the head was sent */
    bool beaten; /* a beat passed before core said anything */
};

static struct stream *find(struct server *s, uint32_t number)
{
    struct stream *t = s->streams;

    while (t && t->number != number)
        t = t->next;
    return t;
}

static void stream_free(struct stream *t)
{
    watch_free(t->beat);
    *t->from = t->next;
    if (t->next)
        t->next->from = t->from;
    exchange_free(t->x);
    free(t->last_event_id);
    free(t);
}

/* Ends the answer if the client is still there. */
static void stream_end(struct stream *t)
{
    struct evhttp_request *req = t->x->req;

    if (req && t->opened) {
        exchange_release(t->x);
        evhttp_send_reply_end(req);
    }
    stream_free(t);
}

static void tell_core(struct stream *t)
{
    const struct msg_STREAM_CLOSE m = {.stream = t->number};

    send_STREAM_CLOSE(t->server->core, &m, NULL); /* a core that is gone has forgotten it already */
}

static void on_gone(void *arg)
{
    struct stream *t = arg;

    tell_core(t);
    stream_end(t);
}

/* False when the client reads too slowly: the stream is ended. */
static bool stream_write(struct stream *t, const struct buf *text)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(t->x->req);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);

    if (evbuffer_get_length(bufferevent_get_output(bev)) > WEB_STREAM_BACKLOG_BYTES) {
        log_info("web.stream", "client=%s why=\"reads too slowly\"", t->x->client);
        tell_core(t);
        stream_end(t);
        return false;
    }
    struct evbuffer *chunk = evbuffer_new();
    evbuffer_add(chunk, text->p, text->n);
    evhttp_send_reply_chunk(t->x->req, chunk);
    evbuffer_free(chunk);
    return true;
}

static void stream_refuse(struct stream *t, int status, enum err_code code, const char *why)
{
    if (t->x->req)
        reply_problem(t->x, status, code, why, true);
    stream_end(t);
}

static void on_beat(void *arg)
{
    struct stream *t = arg;
    OWN(buf_free)
    struct buf text = BUF(16);

    watch_again(t->beat, (uint64_t)WEB_STREAM_BEAT_SECONDS * 1000);
    buf_add_str(&text, ":\n\n");
    if (t->opened) {
        stream_write(t, &text);
    } else if (t->beaten) {
        tell_core(t);
        stream_refuse(t, 503, ERR_NETWORK,
                      "the appliance's core does not answer; try again in a moment");
    } else {
        t->beaten = true;
    }
}

static void stream_head(struct stream *t)
{
    const struct timeval write_limit = {.tv_sec = WEB_STREAM_BEAT_SECONDS * 4};
    struct evhttp_request *req = t->x->req;

    reply_headers(req, "text/event-stream");
    evhttp_add_header(evhttp_request_get_output_headers(req), "Cache-Control", "no-store");
    evhttp_send_reply_start(req, 200, NULL);
    /* A browser that listens says nothing for hours. */
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)),
                             NULL, &write_limit);
    t->opened = true;
}

/* core answers with a first event, or with STREAM_CLOSE. One that is not there is told later. */
static void announce(struct stream *t)
{
    const struct request *r = t->x->request;
    const struct msg_STREAM_OPEN m = {.stream = t->number,
                                      .client = t->x->client,
                                      .credential = blob_str(r->credential),
                                      .path = r->path,
                                      .query = r->query,
                                      .last_event_id = t->last_event_id};
    struct err e;

    if (channel_open(t->server->core) && send_STREAM_OPEN(t->server->core, &m, &e) < 0)
        log_warn("web.stream", "why=%s", log_q(e.text));
}

void stream_start(struct exchange *take_x)
{
    struct server *s = take_x->server;
    size_t count = 0;

    for (const struct stream *t = s->streams; t; t = t->next)
        count++;
    if (count >= WEB_STREAMS_MAX) {
        reply_problem(take_x, 429, ERR_LIMIT, "too many event streams are open; close a window",
                      true);
        exchange_free(take_x);
        return;
    }
    struct stream *t = xcalloc(1, sizeof(*t));
    t->server = s;
    t->x = take_x;
    t->number = ++s->next_stream;
    t->last_event_id = xstrdup(take_x->request->last_event_id);
    t->next = s->streams;
    t->from = &s->streams;
    if (t->next)
        t->next->from = &t->next;
    s->streams = t;
    t->beat = loop_timer(s->loop, (uint64_t)WEB_STREAM_BEAT_SECONDS * 1000, on_beat, t);
    take_x->gone = on_gone;
    take_x->gone_arg = t;
    announce(t);
}

void stream_event(struct server *s, const struct msg_STREAM_EVENT *m)
{
    struct stream *t = find(s, m->stream);
    OWN(buf_free)
    struct buf text = BUF(WEB_STREAM_BACKLOG_BYTES);
    const char *p = m->data.p, *end = p + m->data.n;

    if (!t)
        return;
    if (!t->opened)
        stream_head(t);
    if (*m->id) {
        buf_addf(&text, "id: %s\n", m->id);
        free(t->last_event_id);
        t->last_event_id = xstrdup(m->id);
    }
    if (*m->event)
        buf_addf(&text, "event: %s\n", m->event);
    while (p < end) { /* one line of data each */
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        buf_add_str(&text, "data: ");
        buf_add(&text, p, (size_t)(stop - p));
        buf_addc(&text, '\n');
        p = stop + 1;
    }
    buf_addc(&text, '\n');
    if (buf_ok(&text))
        stream_write(t, &text);
}

void stream_close(struct server *s, uint32_t number)
{
    struct stream *t = find(s, number);

    if (!t)
        return;
    if (t->opened)
        stream_end(t);
    else
        stream_refuse(t, 401, ERR_AUTH,
                      "the event stream was refused; sign in, or close other windows");
}

void streams_announce(struct server *s)
{
    for (struct stream *t = s->streams; t; t = t->next)
        announce(t);
}

void streams_end(struct server *s)
{
    for (struct stream *t = s->streams, *next; t; t = next) {
        next = t->next;
        stream_end(t);
    }
}
