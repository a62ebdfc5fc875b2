/* The least-recently-used list and its hash table. */
#include "src/key/cache.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pkcs11/object.h"
#include "src/base/own.h"

/* The envelope ends with its MAC, which spreads as well as any hash. */
static struct cache_entry **bucket_of(struct cache *c, struct blob envelope)
{
    uint32_t h = 0;
    if (envelope.n >= sizeof h)
        memcpy(&h, (const uint8_t *)envelope.p + envelope.n - sizeof h, sizeof h);
    return &c->buckets[h % COUNT(c->buckets)];
}

static void unlink_age(struct cache *c, struct cache_entry *x)
{
    *(x->newer ? &x->newer->older : &c->newest) = x->older;
    *(x->older ? &x->older->newer : &c->oldest) = x->newer;
}

static void link_newest(struct cache *c, struct cache_entry *x)
{
    x->newer = NULL;
    x->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = x;
    c->newest = x;
}

static void evict(struct cache *c, struct token *t, struct cache_entry *x)
{
    struct cache_entry **at = bucket_of(c, BLOB(x->bytes, x->bytes_n));
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    unlink_age(c, x);
    c->n--;
    /* A token object is not ours to destroy, and the handles of a lost session are void. */
    if (x->env.kind == ENVELOPE_WRAPPED && t->open && x->generation == t->generation)
        object_drop(t, x->key);
    free(x->bytes);
    free(x);
}

static struct cache_entry *find(struct cache *c, struct blob envelope)
{
    struct cache_entry *x = *bucket_of(c, envelope);
    /* In constant time, as the bytes hold a MAC that a caller might try to guess. */
    while (x && (x->bytes_n != envelope.n || CRYPTO_memcmp(x->bytes, envelope.p, envelope.n) != 0))
        x = x->next;
    return x;
}

struct cache_entry *cache_get(struct cache *c, struct token *t, struct blob envelope)
{
    struct cache_entry *x = find(c, envelope);
    if (!x)
        return NULL;
    if (x->generation != t->generation) {
        evict(c, t, x);
        return NULL;
    }
    if (x != c->newest) {
        unlink_age(c, x);
        link_newest(c, x);
    }
    return x;
}

struct cache_entry *cache_put(struct cache *c, struct token *t, struct blob envelope,
                              CK_OBJECT_HANDLE key)
{
    cache_drop(c, t, envelope);
    while (c->n >= (c->limit ? c->limit : CACHE_KEYS))
        evict(c, t, c->oldest);
    struct cache_entry *x = xcalloc(1, sizeof *x);
    x->generation = t->generation;
    x->key = key;
    x->bytes = xmemdup(envelope.p, envelope.n);
    x->bytes_n = envelope.n;
    int parsed = envelope_parse(BLOB(x->bytes, envelope.n), &x->env, NULL);
    assert(parsed == 0);
    (void)parsed;
    struct cache_entry **bucket = bucket_of(c, envelope);
    x->next = *bucket;
    *bucket = x;
    link_newest(c, x);
    c->n++;
    return x;
}

void cache_drop(struct cache *c, struct token *t, struct blob envelope)
{
    struct cache_entry *x = find(c, envelope);
    if (x)
        evict(c, t, x);
}

void cache_clear(struct cache *c, struct token *t)
{
    for (struct cache_entry *x = c->oldest, *newer; x; x = newer) {
        newer = x->newer;
        evict(c, t, x);
    }
}
