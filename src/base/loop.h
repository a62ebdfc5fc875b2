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
/* For evhttp and other libevent users. */
struct event_base *loop_base(struct loop *l);

/* Level-triggered. The watch is freed by watch_free; the descriptor stays the caller's. */
struct watch *loop_watch(struct loop *l, int fd, bool read, bool write, watch_fn fn, void *arg);
void watch_update(struct watch *w, bool read, bool write);
/* One shot after `ms`; freed by watch_free, also after it fired. watch_again re-arms it. */
struct watch *loop_timer(struct loop *l, uint64_t ms, timer_fn fn, void *arg);
void watch_again(struct watch *w, uint64_t ms);
struct watch *loop_signal(struct loop *l, int signo, signal_fn fn, void *arg);
void watch_free(struct watch *w); /* accepts NULL */
