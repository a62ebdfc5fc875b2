/*
 * Keys kept unwrapped in the token, the least recently used leaving first. An entry is found by the
 * envelope's MAC and then compared byte by byte: it was verified when it came in, so equal bytes
 * need no second look. Entries of an older token generation (lost session) count as absent.
 */
#pragma once
#include "src/key/envelope.h"

#define CACHE_KEYS 1024

struct cache_entry {
    uint64_t generation;
    CK_OBJECT_HANDLE key;
    struct envelope env; /* its blobs point into bytes */
    uint8_t *bytes;
    size_t bytes_n;
    struct cache_entry *next; /* in the bucket */
    struct cache_entry *newer, *older;
};

struct cache {
    struct cache_entry *buckets[2 * CACHE_KEYS];
    struct cache_entry *newest, *oldest;
    size_t n;
    size_t limit; /* CACHE_KEYS when 0; tests make it small */
};

/* NULL: not there. The entry is a loan until the next cache_put, cache_drop or cache_clear. */
struct cache_entry *cache_get(struct cache *c, struct token *t, struct blob envelope);
/* Takes the handle; copies the envelope's bytes, which must parse. */
struct cache_entry *cache_put(struct cache *c, struct token *t, struct blob envelope,
                              CK_OBJECT_HANDLE key);
/* Forgets one key, and destroys its session object. */
void cache_drop(struct cache *c, struct token *t, struct blob envelope);
void cache_clear(struct cache *c, struct token *t);
