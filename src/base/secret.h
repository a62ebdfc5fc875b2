/*
 * Secret bytes: guard pages around them, locked in memory, left out of core dumps, wiped on fork
 * and on free. A secret has no printf form and no JSON writer, so it cannot be logged by mistake.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

struct secret {
    uint8_t *p;
    size_t n;
    size_t map_n; /* whole mapping, guard pages included */
};

/* Allocates n bytes (1 .. 1 MiB), zeroed. Fails with ERR_LIMIT or ERR_SYSTEM (mlock refused). */
int secret_new(struct secret *s, size_t n, struct err *e);
int secret_copy(struct secret *s, const void *p, size_t n, struct err *e);
int secret_random(struct secret *s, size_t n, struct err *e); /* getrandom */
void secret_free(struct secret *s);
bool secret_eq(const struct secret *a, const struct secret *b); /* constant time in the content */
struct blob secret_blob(const struct secret *s);
void wipe(void *p, size_t n); /* explicit_bzero */
/* Wipes and frees a malloc'ed C string; for JSON text that held a secret. */
void own_wiped_str(char **s);
