/*
 * The event loop: descriptors, timers, signals, over libevent's core. One loop per process, one
 * thread. Nothing in core, web, ca blocks, but the synchronous KEY_SIGN in a handshake.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

struct loop;
struct event_base;
struct watch;

typedef void (*watch_fn)(int fd, bool readable, bool writable, void *arg);
typedef void (*timer_fn)(void *arg);
typedef void (*signal_fn)(int signo, void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *l);
int loop_run(struct loop *l, struct err *e); /* until loop_stop */
void loop_stop(struct loop *l);
/*
 * From now on looks again for so long before it sleeps: for a process whose peer is likely to ask
 * once more at once, and whose work is shorter than waking a processor.
 */
void loop_linger(struct loop *l, uint64_t us);
/* For evhttp and other libevent users. */
struct event_base *loop_base(struct loop *l);

/* Level-triggered. The watch is freed by watch_free; the descriptor stays the caller's. */
struct watch *loop_watch(struct loop *l, int fd, bool read, bool write, watch_fn fn, void *arg);
void watch_update(struct watch *w, bool read, bool write);
/* One shot after `ms`; freed by watch_free, also after it fired. watch_again re-arms it. */
struct watch *loop_timer(struct loop *l, uint64_t ms, timer_fn fn, void *arg);
void watch_again(struct watch *w, uint64_t ms);
/* One shot without a wait: after the callbacks that are due when watch_soon is called. */
struct watch *loop_soon(struct loop *l, timer_fn fn, void *arg);
void watch_soon(struct watch *w);
struct watch *loop_signal(struct loop *l, int signo, signal_fn fn, void *arg);
void watch_free(struct watch *w); /* accepts NULL */

/*
 * Work put off to the end of a turn must not wait for longer: the hooks run before a wait outside
 * the loop (whoever waits calls loop_before_wait), and when loop_run returns.
 */
struct loop_hook {
    timer_fn fn;
    void *arg;
    struct loop_hook *next;
};
void loop_hook_add(struct loop *l, struct loop_hook *h); /* a loan until loop_hook_remove */
void loop_hook_remove(struct loop *l, struct loop_hook *h);
void loop_before_wait(struct loop *l);
