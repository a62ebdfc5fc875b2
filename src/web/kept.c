/* A small table, searched from end to end; the answer that was not used for longest makes room. */
#include "src/web/kept.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "crypto/kdf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/ipc/changes.h"

static void empty(struct kept_answer *a)
{
    buf_free(&a->body);
    *a = (struct kept_answer){};
}

static void forget(struct kept *k)
{
    for (size_t i = 0; i < KEPT_COUNT; i++)
        empty(&k->v[i]);
}

void kept_drop(struct kept *k)
{
    forget(k);
    if (k->changes)
        munmap((void *)k->changes, CHANGES_BYTES);
    k->changes = NULL;
}

int kept_attach(struct kept *k, int take_page, struct err *e)
{
    OWN(own_fd)
    int fd = take_page;
    struct stat st;

    kept_drop(k);
    if (fstat(fd, &st) < 0 || st.st_size != CHANGES_BYTES)
        return err_set(e, ERR_BUG, "changes: not a page of %d bytes", CHANGES_BYTES);
    void *page = mmap(NULL, CHANGES_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_sys(e, "changes: map the page");
    k->changes = page;
    return 0;
}

/* What decides the answer. Its parts hold no NUL, so their ends are marks enough. */
static int question_of(const struct request *r, uint8_t out[32])
{
    const char *parts[] = {r->credential, r->path, r->query, r->accept};
    OWN(buf_free)
    struct buf text = BUF_SECRET(REQUEST_HEAD_MAX + COUNT(parts));

    for (size_t i = 0; i < COUNT(parts); i++)
        buf_add(&text, parts[i], strlen(parts[i]) + 1);
    return buf_ok(&text) ? sha256(buf_blob(&text), out, NULL) : -1;
}

static struct kept_answer *find(struct kept *k, const uint8_t question[32])
{
    for (size_t i = 0; i < KEPT_COUNT; i++)
        if (k->v[i].changes && memcmp(k->v[i].question, question, 32) == 0)
            return &k->v[i];
    return NULL;
}

/* HEAD is asked as GET. */
static bool reads(const struct request *r)
{
    return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

const struct kept_answer *kept_find(struct kept *k, const struct request *r)
{
    uint8_t question[32];

    if (!k->changes || !reads(r) || question_of(r, question) < 0)
        return NULL;
    struct kept_answer *a = find(k, question);
    if (!a)
        return NULL;
    if (a->changes != atomic_load(k->changes) || monotonic_ms() >= a->until_ms) {
        empty(a);
        return NULL;
    }
    a->used = ++k->clock;
    return a;
}

static struct kept_answer *make_room(struct kept *k)
{
    struct kept_answer *oldest = &k->v[0];

    for (size_t i = 0; i < KEPT_COUNT; i++)
        if (k->v[i].used < oldest->used)
            oldest = &k->v[i];
    return oldest;
}

void kept_add(struct kept *k, const struct request *r, const struct msg_API_REPLY *m)
{
    uint8_t question[32];

    if (!k->changes || !m->changes || m->status != 200 || m->body.n > KEPT_BYTES_MAX ||
        m->changes != atomic_load(k->changes) || !reads(r) || question_of(r, question) < 0)
        return;
    struct kept_answer *a = find(k, question);
    if (!a)
        a = make_room(k);
    empty(a);
    if (str_copy(a->type, sizeof(a->type), m->content_type, NULL) < 0 ||
        str_copy(a->etag, sizeof(a->etag), m->etag, NULL) < 0)
        return;
    memcpy(a->question, question, sizeof(a->question));
    a->body = BUF_SECRET(KEPT_BYTES_MAX);
    buf_add_blob(&a->body, m->body);
    a->until_ms = monotonic_ms() + KEPT_MS;
    a->used = ++k->clock;
    a->changes = m->changes;
}
