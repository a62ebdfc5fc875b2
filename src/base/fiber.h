/*
 * Fibers: a request that waits for a peer, a CA or a timer is written as straight code on a stack
 * of its own, while the process stays one thread with one loop. A fiber runs until it yields; what
 * it waits for resumes it from the loop. Nothing may be held across a yield that others need: an
 * open store transaction raises the no-yield count, and a yield then is a bug that ends the
 * process.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "src/base/loop.h"

struct fiber;
typedef void (*fiber_fn)(void *arg);

#define FIBER_STACK_BYTES                                                                          \
    ((size_t)256 * 1024) /* address space; only touched pages are resident                         \
                          */

/*
 * Starts `fn` now, on a new stack with a guard page; returns at its first yield or its end. A bug
 * that ends the process while yields are forbidden.
 */
void fiber_start(struct loop *l, fiber_fn fn, void *arg);
struct fiber *fiber_self(void); /* NULL on the main stack */
void fiber_yield(void);         /* until fiber_resume */
void fiber_resume(
    struct fiber *f); /* from the main stack, or from another fiber: runs it from the loop, soon */
void fiber_sleep(struct loop *l, uint64_t ms); /* in a fiber */
void fiber_forbid_yield(void);                 /* counts up */
void fiber_allow_yield(void);                  /* counts down */
size_t fiber_count(void);                      /* alive, for tests and Health */
