/*
 * libevent's core behind five kinds of watch. A watch may be freed from its own callback; nothing
 * touches it afterwards. Timers count monotonic time.
 */
#include "src/base/loop.h"

#include <event2/event.h>
#include <sched.h>
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/time.h"

struct loop {
    struct event_base *base;
    bool stop; /* also remembered when asked for before loop_run */
    struct loop_hook *hooks;
    int64_t linger_until_us;
};

struct watch {
    struct loop *loop;
    struct event *event;
    int fd;
    watch_fn on_fd;
    timer_fn on_timer;
    signal_fn on_signal;
    void *arg;
};

static void *need(void *made)
{
    if (!made)
        abort(); /* out of memory or of descriptors: the process cannot do its work */
    return made;
}

struct loop *loop_new(void)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    struct event_config *how = need(event_config_new());

    /* No descriptor that is watched is ever copied, so the kernel is told once a turn. */
    event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    l->base = need(event_base_new_with_config(how));
    event_config_free(how);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    event_base_free(l->base);
    free(l);
}

/* One look at what is ready; it waits for something to be, unless the loop lingers. */
static int look(struct loop *l)
{
    const bool lingers = l->linger_until_us && monotonic_us() < l->linger_until_us;

    if (lingers)
        sched_yield(); /* who we wait for may need this very processor */
    else
        l->linger_until_us = 0;
    return event_base_loop(l->base,
                           EVLOOP_NO_EXIT_ON_EMPTY | (lingers ? EVLOOP_NONBLOCK : EVLOOP_ONCE));
}

int loop_run(struct loop *l, struct err *e)
{
    int got = 0;

    while (!l->stop && got >= 0)
        got = look(l);
    l->stop = false;
    loop_before_wait(l);
    if (got < 0)
        return err_set(e, ERR_SYSTEM, "the event loop failed");
    return 0;
}

void loop_stop(struct loop *l)
{
    l->stop = true;
    event_base_loopbreak(l->base);
}

void loop_linger(struct loop *l, uint64_t us)
{
    l->linger_until_us = monotonic_us() + (int64_t)us;
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
    h->next = l->hooks;
    l->hooks = h;
}

void loop_hook_remove(struct loop *l, struct loop_hook *h)
{
    for (struct loop_hook **at = &l->hooks; *at; at = &(*at)->next) {
        if (*at == h) {
            *at = h->next;
            return;
        }
    }
}

void loop_before_wait(struct loop *l)
{
    for (struct loop_hook *h = l->hooks; h; h = h->next)
        h->fn(h->arg);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

static struct watch *watch_new(struct loop *l, void *arg)
{
    struct watch *w = xcalloc(1, sizeof(*w));

    w->loop = l;
    w->fd = -1;
    w->arg = arg;
    return w;
}

static short fd_events(bool read, bool write)
{
    return (short)(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));
}

static void fd_ready(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;

    w->on_fd(fd, what & EV_READ, what & EV_WRITE, w->arg);
}

struct watch *loop_watch(struct loop *l, int fd, bool read, bool write, watch_fn fn, void *arg)
{
    struct watch *w = watch_new(l, arg);

    w->fd = fd;
    w->on_fd = fn;
    w->event = need(event_new(l->base, fd, fd_events(read, write), fd_ready, w));
    if ((read || write) && event_add(w->event, NULL) < 0)
        abort(); /* a descriptor that cannot be watched is a bug of the caller */
    return w;
}

void watch_update(struct watch *w, bool read, bool write)
{
    event_del(w->event);
    if (event_assign(w->event, w->loop->base, w->fd, fd_events(read, write), fd_ready, w) < 0)
        abort();
    if ((read || write) && event_add(w->event, NULL) < 0)
        abort();
}

static void timer_ready(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;

    (void)fd;
    (void)what;
    w->on_timer(w->arg);
}

struct watch *loop_timer(struct loop *l, uint64_t ms, timer_fn fn, void *arg)
{
    struct watch *w = watch_new(l, arg);

    w->on_timer = fn;
    w->event = need(event_new(l->base, -1, 0, timer_ready, w));
    watch_again(w, ms);
    return w;
}

void watch_again(struct watch *w, uint64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    if (event_add(w->event, &tv) < 0)
        abort();
}

struct watch *loop_soon(struct loop *l, timer_fn fn, void *arg)
{
    struct watch *w = watch_new(l, arg);

    w->on_timer = fn;
    w->event = need(event_new(l->base, -1, 0, timer_ready, w));
    return w;
}

void watch_soon(struct watch *w)
{
    event_active(w->event, EV_TIMEOUT, 0); /* once in the queue, however often it is called */
}

static void signal_ready(evutil_socket_t signo, short what, void *arg)
{
    struct watch *w = arg;

    (void)what;
    w->on_signal(signo, w->arg);
}

struct watch *loop_signal(struct loop *l, int signo, signal_fn fn, void *arg)
{
    struct watch *w = watch_new(l, arg);

    w->on_signal = fn;
    w->event = need(event_new(l->base, signo, EV_SIGNAL | EV_PERSIST, signal_ready, w));
    if (event_add(w->event, NULL) < 0)
        abort();
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    event_free(w->event);
    free(w);
}
