/* The thread, its queue, and the way back to the loop. Holds no lock while it signs or answers. */
#include "src/key/signer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "crypto/pkcs11/sign.h"
#include "src/base/own.h"

struct signer_job {
    struct signer_job *next; /* in free, todo or finished */
    struct channel *c;       /* NULL: its peer is gone */
    struct msg m;
    void *body;
    struct sign_work work;
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    CK_RV rv;
};

static void *run(void *arg)
{
    struct signer *s = arg;
    const struct module *m = &s->vault->module;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->todo) {
            s->busy = false;
            pthread_cond_signal(&s->idle);
            pthread_cond_wait(&s->work, &s->lock);
        }
        struct signer_job *j = s->todo;
        s->busy = true;
        s->todo = j->next;
        if (!s->todo)
            s->todo_end = &s->todo;
        pthread_mutex_unlock(&s->lock);
        j->rv = sign_run(m, j->session, j->key, &j->work);
        pthread_mutex_lock(&s->lock);
        const bool first = !s->finished;
        j->next = NULL;
        *s->finished_end = j;
        s->finished_end = &j->next;
        if (first)
            eventfd_write(s->wake_fd, 1);
    }
    return NULL;
}

/* Until the thread uses no handle. What it finished is answered from the loop. */
static void quiet(void *arg)
{
    struct signer *s = arg;

    pthread_mutex_lock(&s->lock);
    while (s->todo || s->busy)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static bool have_session(struct signer *s)
{
    struct token *t = &s->vault->token;

    if (s->generation == t->generation)
        return true;
    if (session_take(t, &s->session, NULL) < 0)
        return false;
    s->generation = t->generation;
    return true;
}

/* An operation may have been left open in it. */
static void drop_session(struct signer *s, const struct signer_job *failed)
{
    if (s->generation != s->vault->token.generation || failed->session != s->session)
        return;
    quiet(s);
    session_give(&s->vault->token, s->session, false);
    s->generation = 0;
}

static void answer(struct signer *s, struct signer_job *j)
{
    OWN(own_mem)
    void *body = TAKE(j->body);
    struct channel *c = j->c;

    s->under_way--;
    if (j->rv != CKR_OK)
        drop_session(s, j);
    if (c)
        s->done(c, &j->m, j->rv == CKR_OK ? &j->work : NULL, s->arg);
    j->c = NULL;
    j->next = s->free;
    s->free = j;
}

static void on_wake(int fd, bool readable, bool writable, void *arg)
{
    struct signer *s = arg;
    eventfd_t count;

    (void)readable;
    (void)writable;
    eventfd_read(fd, &count);
    pthread_mutex_lock(&s->lock);
    struct signer_job *list = TAKE(s->finished);
    s->finished_end = &s->finished;
    pthread_mutex_unlock(&s->lock);
    while (list) {
        struct signer_job *j = list;
        list = j->next;
        if (list && j->c)
            channel_gather(j->c);
        answer(s, j);
    }
}

int signer_start(struct signer *s, struct loop *l, struct vault *v, signer_done done, void *arg,
                 struct err *e)
{
    sigset_t all, before;

    *s = (struct signer){.vault = v, .done = done, .arg = arg};
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        return err_sys(e, "signer: eventfd");
    s->watch = loop_watch(l, s->wake_fd, true, false, on_wake, s);
    s->todo_end = &s->todo;
    s->finished_end = &s->finished;
    s->jobs = xcalloc(SIGNER_JOBS, sizeof(*s->jobs));
    for (size_t i = 0; i < SIGNER_JOBS; i++) {
        s->jobs[i].next = s->free;
        s->free = &s->jobs[i];
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->idle, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    const int rc = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return err_set(e, ERR_SYSTEM, "signer: no thread: error %d", rc);
    v->token.quiet = quiet;
    v->token.quiet_arg = s;
    s->running = true;
    return 0;
}

bool signer_give(struct signer *s, struct channel *c, const struct msg *m,
                 const struct sign_work *work, CK_OBJECT_HANDLE key)
{
    struct signer_job *j = s->free;

    /* A message that the token hashes is a loan, and cannot wait. */
    if (!s->running || !j || !work->hashed_n || !have_session(s))
        return false;
    s->under_way++;
    s->free = j->next;
    j->next = NULL;
    j->c = c;
    j->m = *m;
    j->body = xmemdup(m->body.p, m->body.n);
    j->m.body = BLOB(j->body, m->body.n);
    j->work.how = work->how;
    j->work.hashed_n = work->hashed_n;
    memcpy(j->work.hashed, work->hashed, work->hashed_n);
    j->key = key;
    j->session = s->session;
    pthread_mutex_lock(&s->lock);
    *s->todo_end = j;
    s->todo_end = &j->next;
    if (!s->busy)
        pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    return true;
}

void signer_forget(struct signer *s, struct channel *c)
{
    for (size_t i = 0; s->jobs && i < SIGNER_JOBS; i++)
        if (s->jobs[i].c == c)
            s->jobs[i].c = NULL;
}
