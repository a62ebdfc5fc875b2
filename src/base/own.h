/*
 * Ownership by scope: OWN(free_function) frees a variable when its scope ends; TAKE() moves the
 * value out, visibly. Allocation that fails ends the process (parent restarts it), so the x*
 * allocators never return NULL; sizes from outside are checked against a limit before.
 */
#pragma once
#include <stddef.h>
#include <unistd.h>

#define OWN(release) __attribute__((cleanup(release)))
/* Moves a pointer out of its variable, which becomes NULL. */
#define TAKE(var)                                                                                  \
    __extension__({                                                                                \
        __typeof__(var) taken_ = (var);                                                            \
        (var) = NULL;                                                                              \
        taken_;                                                                                    \
    })
/* Defines own_NAME(T *p) for OWN(own_NAME) from a free function that takes the value. */
#define DEFINE_OWN(type, name, free_fn)                                                            \
    static inline void own_##name(type *p)                                                         \
    {                                                                                              \
        if (*p)                                                                                    \
            free_fn(*p);                                                                           \
    }

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s); /* NULL stays NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *xmemdup(const void *p, size_t n); /* n == 0 gives NULL */

void own_mem(void *pp); /* OWN(own_mem) char *s: free */
void own_fd(int *fd);   /* OWN(own_fd) int fd = -1: close */
static inline int take_fd(int *fd)
{
    int got = *fd;
    *fd = -1;
    return got;
}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
