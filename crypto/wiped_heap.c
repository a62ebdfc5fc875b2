/* The three allocation functions of OpenSSL over malloc (wiped_heap.h). */
#include "crypto/wiped_heap.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/secret.h"

static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n ? malloc(n) : NULL; /* OpenSSL reports what could not be had */
}

static void give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

static void *move(void *p, size_t n, const char *file, int line)
{
    const size_t had = p ? malloc_usable_size(p) : 0;
    if (n > 0 && n <= had)
        return p;
    void *to = take(n, file, line);
    if (n > 0 && !to)
        return NULL; /* the old place stays, as with realloc */
    if (n > 0 && had > 0)
        memcpy(to, p, had);
    give(p, file, line);
    return to;
}

int wiped_heap(struct err *e)
{
    if (CRYPTO_set_mem_functions(take, move, give) != 1)
        return err_set(e, ERR_BUG, "OpenSSL has allocated already: its heap can no longer be set");
    return 0;
}
