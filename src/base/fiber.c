/*
 * Stackful coroutines over ucontext. Only the loop, on the main stack, resumes a fiber, so fibers
 * never nest except for the first run inside fiber_start. Used stacks are kept for the next fiber,
 * emptied: what a request left on its stack is not there for the next one.
 */
#include "src/base/fiber.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FIBER_ASAN 1
#endif
#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define SPARE_STACKS 16

/* A place to switch from and to: a fiber's, or the main stack's. */
struct place {
    ucontext_t uc;
    const void *bottom; /* of its stack, for AddressSanitizer */
    size_t size;
    void *fake_stack;
};

struct fiber {
    struct place place;
    struct place *back; /* who runs us now: there we go at a yield */
    struct fiber *outer;
    struct event *wake;
    void *stack;
    fiber_fn fn;
    void *arg;
    bool done;
};

/* Fibers are of the process, like its stack: the one running, the main stack, unused stacks. */
static struct {
    struct place main;
    struct fiber *current;
    void *spare[SPARE_STACKS];
    size_t spares;
    size_t alive;
    unsigned forbidden;
} state;

static void bug(const char *event)
{
    log_error(event, "fibers=%zu forbidden=%u", state.alive, state.forbidden);
    abort();
}

static size_t guard_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The lowest page is the guard: a stack that grows into it faults. */
static void *stack_new(void)
{
    if (state.spares)
        return state.spare[--state.spares];
    uint8_t *map = mmap(NULL, guard_bytes() + FIBER_STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || mprotect(map, guard_bytes(), PROT_NONE) < 0)
        bug("fiber.no_stack");
    madvise(map, guard_bytes() + FIBER_STACK_BYTES, MADV_DONTDUMP);
    return map + guard_bytes();
}

static void stack_free(void *stack)
{
#ifdef FIBER_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack, FIBER_STACK_BYTES);
#endif
    if (state.spares < SPARE_STACKS && madvise(stack, FIBER_STACK_BYTES, MADV_DONTNEED) == 0)
        state.spare[state.spares++] = stack;
    else
        munmap((uint8_t *)stack - guard_bytes(), guard_bytes() + FIBER_STACK_BYTES);
}

/* Leaves `from` for `to`; returns when somebody switches back. `last`: nobody will. */
static void switch_place(struct place *from, struct place *to, bool last)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->bottom, to->size);
#else
    (void)last;
#endif
    if (swapcontext(&from->uc, &to->uc) < 0)
        bug("fiber.switch_failed");
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

static void fiber_main(void)
{
    struct fiber *f = state.current;

#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(NULL, &f->back->bottom, &f->back->size);
#endif
    f->fn(f->arg);
    if (state.forbidden)
        bug("fiber.ended_inside_transaction");
    f->done = true;
    switch_place(&f->place, f->back, true);
}

static void fiber_free(struct fiber *f)
{
    event_free(f->wake);
    stack_free(f->stack);
    free(f);
    state.alive--;
}

/* Runs f until it yields or ends. */
static void fiber_run(struct fiber *f)
{
    f->outer = state.current;
    f->back = f->outer ? &f->outer->place : &state.main;
    state.current = f;
    switch_place(f->back, &f->place, false);
    state.current = f->outer;
    if (f->done)
        fiber_free(f);
}

static void fiber_woken(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    if (state.current)
        bug("fiber.loop_inside_fiber");
    fiber_run(arg);
}

void fiber_start(struct loop *l, fiber_fn fn, void *arg)
{
    struct fiber *f = xcalloc(1, sizeof(*f));

    if (state.forbidden)
        bug("fiber.start_inside_transaction"); /* its first yield would come back in here */
    f->fn = fn;
    f->arg = arg;
    f->stack = stack_new();
    f->place.bottom = f->stack;
    f->place.size = FIBER_STACK_BYTES;
    f->wake = event_new(loop_base(l), -1, 0, fiber_woken, f);
    if (!f->wake || getcontext(&f->place.uc) < 0)
        bug("fiber.start_failed");
    f->place.uc.uc_stack.ss_sp = f->stack;
    f->place.uc.uc_stack.ss_size = FIBER_STACK_BYTES;
    makecontext(&f->place.uc, fiber_main, 0);
    state.alive++;
    fiber_run(f);
}

struct fiber *fiber_self(void)
{
    return state.current;
}

void fiber_yield(void)
{
    struct fiber *f = state.current;

    if (!f)
        bug("fiber.yield_on_main_stack");
    if (state.forbidden)
        bug("fiber.yield_inside_transaction");
    switch_place(&f->place, f->back, false);
}

void fiber_resume(struct fiber *f)
{
    event_active(f->wake, EV_TIMEOUT, 0); /* once in the queue, however often it is called */
}

struct nap {
    struct fiber *fiber;
    bool over;
};

static void nap_over(void *arg)
{
    struct nap *nap = arg;

    nap->over = true;
    fiber_resume(nap->fiber);
}

void fiber_sleep(struct loop *l, uint64_t ms)
{
    struct nap nap = {.fiber = state.current};
    struct watch *timer;

    if (!nap.fiber)
        bug("fiber.sleep_on_main_stack");
    timer = loop_timer(l, ms, nap_over, &nap);
    while (!nap.over) /* a late resume by an earlier wait does not cut the sleep short */
        fiber_yield();
    watch_free(timer);
}

void fiber_forbid_yield(void)
{
    state.forbidden++;
}

void fiber_allow_yield(void)
{
    if (state.forbidden == 0)
        bug("fiber.allow_without_forbid");
    state.forbidden--;
}

size_t fiber_count(void)
{
    return state.alive;
}
