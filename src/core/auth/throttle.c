/* Sign-in throttling: a small table of recent failures, oldest entry replaced when it is full. */
#include "src/core/auth/throttle.h"

#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"

#define ENTRIES 1024
#define FREE_TRIES 5
#define WAIT_MAX_S 300
#define FORGET_MS (15 * 60 * 1000)

struct entry {
    uint64_t who; /* hash of "a:address" or "u:user"; 0: free */
    uint32_t failures;
    int64_t last_ms;
};

struct throttle {
    struct entry v[ENTRIES];
};

struct throttle *throttle_new(void)
{
    return xcalloc(1, sizeof(struct throttle));
}

static uint64_t name_hash(char kind, const char *name)
{
    uint64_t h = 1469598103934665603u ^ (uint8_t)kind;
    for (const char *p = name; *p; p++)
        h = (h ^ (uint8_t)*p) * 1099511628211u;
    return h ? h : 1;
}

static struct entry *find(struct throttle *t, uint64_t who, bool make)
{
    struct entry *oldest = &t->v[0];
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *x = &t->v[i];
        if (x->who == who) {
            if (monotonic_ms() - x->last_ms > FORGET_MS)
                x->failures = 0;
            return x;
        }
        if (x->last_ms < oldest->last_ms)
            oldest = x;
    }
    if (!make)
        return NULL;
    *oldest = (struct entry){.who = who};
    return oldest;
}

static int64_t wait_ms(const struct entry *x)
{
    if (x == NULL || x->failures < FREE_TRIES)
        return 0;
    uint32_t shift = x->failures - FREE_TRIES;
    int64_t s = shift > 8 ? WAIT_MAX_S : (int64_t)2 << shift;
    if (s > WAIT_MAX_S)
        s = WAIT_MAX_S;
    int64_t left = x->last_ms + s * 1000 - monotonic_ms();
    return left > 0 ? left : 0;
}

int throttle_check(struct throttle *t, const char *client, const char *user, uint32_t *wait_s,
                   struct err *e)
{
    int64_t a = wait_ms(find(t, name_hash('a', client), false));
    int64_t u = wait_ms(find(t, name_hash('u', user), false));
    int64_t left = a > u ? a : u;
    if (left == 0)
        return 0;
    *wait_s = (uint32_t)((left + 999) / 1000);
    return err_set(e, ERR_LIMIT, "too many failed sign-ins: wait %u seconds, then try again",
                   *wait_s);
}

static void fail_one(struct throttle *t, uint64_t who)
{
    struct entry *x = find(t, who, true);
    x->failures++;
    x->last_ms = monotonic_ms();
}

void throttle_failed(struct throttle *t, const char *client, const char *user)
{
    fail_one(t, name_hash('a', client));
    fail_one(t, name_hash('u', user));
}

void throttle_passed(struct throttle *t, const char *client, const char *user)
{
    struct entry *x = find(t, name_hash('u', user), false);
    if (x)
        x->failures = 0;
    x = find(t, name_hash('a', client), false);
    if (x)
        x->failures = 0;
}
