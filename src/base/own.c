/*
 * Allocators that end the process instead of returning NULL (parent restarts it), and the release
 * functions for OWN(). Sizes from outside are checked against a limit before they come here.
 */
#include "src/base/own.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *p)
{
    static const char text[] = "out of memory\n";

    if (!p) {
        /* log.c formats into memory; this line must not need any. */
        ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)n;
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return need(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return need(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return need(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return s ? need(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return s ? need(strndup(s, n)) : NULL;
}

char *xasprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return need(n < 0 ? NULL : s);
}

void *xmemdup(const void *p, size_t n)
{
    return n ? memcpy(xmalloc(n), p, n) : NULL;
}

void own_mem(void *pp)
{
    void *p;

    memcpy(&p, pp, sizeof(p)); /* pp points at a pointer of any type */
    free(p);
}

void own_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
