/* Proves by handshakes what is served, and observes what a crashed worker left behind. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/deploy/rollback.h"
#include "src/deploy/target.h"
#include "src/deploy/verify.h"

#define FRESH 5 /* connections per name: old workers, several listeners, farms */
#define LATER 2 /* and again after a moment */
#define LATER_MS 2000
#define AGAIN_MS 250

struct want {
    const char *leaf;          /* SHA-256, hex */
    const struct chain *chain; /* or NULL: leaf only */
    const char *key_type;
};

static int probe_once(const struct plan *p, const struct plan_endpoint *at, const struct want *want,
                      int64_t deadline, bool *root_sent, struct err *e)
{
    const struct probe probe = {p->address, at->port, at->name, want->key_type};
    int64_t left = deadline - monotonic_ms();
    OWN(chain_free)
    struct chain served = {0};
    char hex[65];

    if (left <= 0)
        left = 1;
    if (probe_handshake(&probe, left < PROBE_MS ? left : PROBE_MS, &served, e) < 0)
        return -1;
    if (want->chain)
        return probe_compare(&served, want->chain, root_sent, e);
    if (cert_fingerprint(served.v[0], hex, e) < 0)
        return -1;
    return str_eq(hex, want->leaf)
               ? 0
               : err_set(e, ERR_CRYPTO, "served is leaf %.16s, expected %.16s", hex, want->leaf);
}

/* `times` good handshakes in a row; a bad one starts the count again until the deadline. */
static int probe_endpoint(const struct plan *p, const struct plan_endpoint *at,
                          const struct want *want, int times, int64_t deadline, bool *root_sent,
                          struct err *e)
{
    for (int good = 0; good < times;) {
        if (probe_once(p, at, want, deadline, root_sent, e) == 0) {
            good++;
            continue;
        }
        good = 0;
        if (monotonic_ms() + AGAIN_MS >= deadline)
            return err_wrap(e, "port %u%s%s", at->port, at->name[0] ? " as " : "", at->name);
        poll(NULL, 0, AGAIN_MS);
    }
    return 0;
}

static const char *type_of(X509 *leaf)
{
    return EVP_PKEY_is_a(X509_get0_pubkey(leaf), "RSA") ? "RSA" : "EC";
}

int verify_leaf(struct worker *w, const struct plan *p, const char *leaf, struct buf *story,
                struct err *e)
{
    int64_t deadline = monotonic_ms() + (int64_t)w->target->verify_seconds * 1000;
    OWN(chain_free)
    struct chain old = {0};
    struct want want = {.leaf = leaf};
    bool root = false;

    if (p->dual && p->old_pem[0] && chain_parse(blob_str(p->old_pem), &old, e) == 0)
        want.key_type = type_of(old.v[0]);
    if (probe_endpoint(p, &p->endpoint[0], &want, FRESH, deadline, &root, e) < 0)
        return -1;
    buf_addf(story, "port %u as %s: %d handshakes give %.16s\n", p->endpoint[0].port,
             p->endpoint[0].name, FRESH, leaf);
    return 0;
}

int step_verify(struct worker *w, struct step *s, struct err *e)
{
    const struct plan *p = &s->plan;
    const struct want want = {.leaf = p->new_leaf,
                              .chain = &w->chain,
                              .key_type = p->dual ? type_of(w->chain.v[0]) : NULL};
    int64_t deadline = monotonic_ms() + (int64_t)w->target->verify_seconds * 1000;
    bool root_sent = false;

    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < p->endpoints; i++)
            if (probe_endpoint(p, &p->endpoint[i], &want, round ? LATER : FRESH, deadline,
                               &root_sent, e) < 0)
                return step_end(s, OUTCOME_FAILED, CAUSE_VERIFICATION,
                                "The new certificate is not served: %s", e->text);
        if (round == 0)
            poll(NULL, 0, LATER_MS);
    }
    for (uint32_t i = 0; i < p->endpoints; i++)
        buf_addf(&s->evidence, "port %u as %s: %d + %d handshakes give %s\n", p->endpoint[i].port,
                 p->endpoint[i].name, FRESH, LATER, p->new_leaf);
    if (root_sent)
        buf_add_str(&s->evidence, "the root is sent, too: harmless, but not needed\n");
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%u names x %d fresh handshakes serve leaf %.16s",
                    p->endpoints, FRESH + LATER, p->new_leaf);
}

static bool is_served(struct worker *w, const struct plan *p, struct step *s)
{
    const struct want want = {.leaf = p->new_leaf,
                              .key_type = p->dual ? type_of(w->chain.v[0]) : NULL};
    struct err why = {0};
    bool root = false;
    int rc = probe_endpoint(p, &p->endpoint[0], &want, 1, monotonic_ms() + PROBE_MS, &root, &why);

    if (rc < 0)
        buf_addf(&s->evidence, "%s\n", why.text);
    return rc == 0;
}

int step_observe(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(32768);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;
    size_t old = 0, new = 0;

    script_set(&b, "DIR", p->backup_dir);
    buf_add_str(&b, "[ -e \"$DIR/rolled-back\" ] && echo rolled yes\n");
    for (uint32_t i = 0; i < p->files; i++) {
        script_set(&b, "F", p->file[i].final);
        buf_addf(&b, "h=$([ ! -e \"$F\" ] || sha256sum <\"$F\"); echo \"live%u ${h%%%% *}\"\n", i);
    }
    buf_add_str(&b, "exit 0\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    for (uint32_t i = 0; i < p->files; i++) {
        OWN(own_mem)
        char *name = xasprintf("live%u", i);
        OWN(own_mem)
        char *hash = script_get(&o, name);
        old += str_eq(hash, p->file[i].old_sha256);
        new += hash &&hash[0] && str_eq(hash, p->file[i].new_sha256);
        buf_addf(&s->evidence, "%s is %s\n", p->file[i].final,
                 str_eq(hash, p->file[i].old_sha256)   ? "the old file"
                 : str_eq(hash, p->file[i].new_sha256) ? "the new file"
                                                       : "neither old nor new");
    }
    OWN(own_mem)
    char *rolled = script_get(&o, "rolled");
    if (p->files && old == p->files)
        return rolled ? step_end(s, OUTCOME_ROLLED_BACK, CAUSE_NONE,
                                 "The old files were put back already")
                      : step_end(s, OUTCOME_OLD, CAUSE_NONE, "Every live file is the old one");
    if (new != p->files)
        return step_end(s, OUTCOME_MIXED, CAUSE_NONE,
                        "The live files are neither all old nor all new");
    if (is_served(w, p, s))
        return step_end(s, OUTCOME_NEW_SERVED, CAUSE_NONE,
                        "Every live file is the new one and it is served");
    return step_end(s, OUTCOME_NEW, CAUSE_NONE,
                    "Every live file is the new one, but it is not served yet");
}
