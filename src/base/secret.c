/*
 * Memory for secrets: [guard page | pages locked, undumpable, wiped on fork | guard page]. The
 * bytes end at the second guard page, so that a read or write past them faults at once.
 */
#include "src/base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SECRET_MAX_BYTES (1024 * 1024)
#define SECRET_ALIGN 16

void wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

int secret_new(struct secret *s, size_t n, struct err *e)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (n == 0 || n > SECRET_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "secret of %zu bytes: expected 1 to %d", n, SECRET_MAX_BYTES);
    size_t used = round_up(n, SECRET_ALIGN), body = round_up(used, page);
    size_t map_n = body + 2 * page;
    uint8_t *map = mmap(NULL, map_n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return err_sys(e, "memory for a secret");
    uint8_t *data = map + page;
    if (mprotect(data, body, PROT_READ | PROT_WRITE) < 0 || mlock(data, body) < 0 ||
        madvise(data, body, MADV_DONTDUMP) < 0 || madvise(data, body, MADV_WIPEONFORK) < 0) {
        err_sys(e, "locked memory for a secret");
        munmap(map, map_n);
        return -1;
    }
    *s = (struct secret){.p = data + (body - used), .n = n, .map_n = map_n};
    return 0;
}

int secret_copy(struct secret *s, const void *p, size_t n, struct err *e)
{
    if (secret_new(s, n, e) < 0)
        return -1;
    memcpy(s->p, p, n);
    return 0;
}

int secret_random(struct secret *s, size_t n, struct err *e)
{
    struct secret made = {0};

    if (secret_new(&made, n, e) < 0)
        return -1;
    for (size_t at = 0; at < n;) {
        ssize_t got = getrandom(made.p + at, n - at, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            err_sys(e, "random bytes");
            secret_free(&made);
            return -1;
        }
        at += (size_t)got;
    }
    *s = made;
    return 0;
}

void secret_free(struct secret *s)
{
    if (s->p) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        /* The bytes begin in the first page behind the guard: less than a page is unused. */
        uint8_t *data = s->p - (uintptr_t)s->p % page;
        wipe(data, s->map_n - 2 * page);
        munmap(data - page, s->map_n);
    }
    *s = (struct secret){0};
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
    volatile uint8_t differ = 0; /* volatile: no early exit may be invented */

    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        differ = (uint8_t)(differ | (a->p[i] ^ b->p[i]));
    return differ == 0;
}

struct blob secret_blob(const struct secret *s)
{
    return BLOB(s->p, s->n);
}

void own_wiped_str(char **s)
{
    if (*s)
        wipe(*s, strlen(*s));
    free(*s);
}
