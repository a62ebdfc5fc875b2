/* A CA_* message made into a ca_job: decoded settings, opened secrets, the keys it may use. */
#pragma once
#include "src/ca/connector.h"
#include "src/ipc/msg.h"

struct job {
    struct ca_job job;
    void *settings;             /* struct KIND_settings */
    struct named_blobs secrets; /* sealed */
};

/* `m` is lent until job_free. */
int job_decode(struct ca *ca, const struct msg *m, struct job *out, struct err *e);
int job_open_secrets(struct job *j, struct err *e); /* KEY_OPEN for each */
void job_free(struct job *j);                       /* wipes the secrets */
/* Overwrites every secret of the job in `text` by stars, and what no message may carry by '?'. */
void job_redact(const struct ca_job *job, char *text);
