/*
 * A second thread that signs, in a session of its own. It gets a key handle and a hash, and gives
 * back a signature: all that decides about a request, and all other use of the token, stays on the
 * main thread. At most SIGNER_JOBS wait; the main thread signs itself when they do. What fails
 * here is done again by the main thread from the beginning, which may recover the token.
 */
#pragma once
#include <pthread.h>

#include "crypto/pkcs11/sign.h"
#include "src/ipc/channel.h"
#include "src/key/vault.h"

#define SIGNER_JOBS 16

struct signer_job;

/* Ends a request: `work` is the signature, or NULL: handle the message anew. Main thread. */
typedef void (*signer_done)(struct channel *c, struct msg *m, const struct sign_work *work,
                            void *arg);

struct signer {
    struct vault *vault;
    signer_done done;
    void *arg;
    struct watch *watch;
    int wake_fd; /* eventfd: something is finished */
    bool running;
    pthread_t thread;
    /* Of the main thread: the session, and what is not answered yet. */
    CK_SESSION_HANDLE session;
    uint64_t generation; /* of the session; 0: there is none */
    struct signer_job *jobs, *free;
    unsigned under_way;
    /* Shared. */
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    struct signer_job *todo, **todo_end, *finished, **finished_end;
    bool busy;
};

/* After confine(), so that the thread is confined too. */
int signer_start(struct signer *s, struct loop *l, struct vault *v, signer_done done, void *arg,
                 struct err *e);
/* Takes the job, and copies m's body; false: all are under way, or there is no session. */
bool signer_give(struct signer *s, struct channel *c, const struct msg *m,
                 const struct sign_work *work, CK_OBJECT_HANDLE key);
/* The peer is gone: its requests are not answered. */
void signer_forget(struct signer *s, struct channel *c);
