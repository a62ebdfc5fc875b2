/*
 * Sends an update bundle piece by piece. The appliance knows how far it is: after a cut connection,
 * a restart of the tool or of the appliance, it is asked and the rest is sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"

#define PIECE_BYTES ((size_t)1024 * 1024)
#define AGAIN_MAX 30
#define AGAIN_S 2
#define BAR_COLUMNS 40
#define PATH "/system/update"

static const char magic[8] = "CKSLOT\0\1";

struct sending {
    struct ctl *ctl;
    const char *name;
    int fd;
    int64_t bytes;
    int64_t next, pieces;
};

static int open_bundle(struct sending *s, struct err *e)
{
    struct stat st;
    char start[sizeof(magic)];

    s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return err_sys(e, s->name);
    s->bytes = (int64_t)st.st_size;
    if ((size_t)st.st_size <= PIECE_BYTES ||
        pread(s->fd, start, sizeof(start), 0) != sizeof(start) ||
        memcmp(start, magic, sizeof(magic)) != 0)
        return err_set(e, ERR_INPUT, "%s: is no update bundle", s->name);
    return 0;
}

/* 0, or -1 with ERR_NETWORK when it may be tried again. */
static int send_piece(struct sending *s, int64_t piece, json_t **state, struct err *e)
{
    OWN(own_mem)
    uint8_t *bytes = xmalloc(PIECE_BYTES);
    OWN(api_answer_free)
    struct api_answer a = {0};
    OWN(own_mem)
    char *path = xasprintf(PATH "/pieces/%lld", (long long)piece);

    const ssize_t n = pread(s->fd, bytes, PIECE_BYTES, (off_t)piece * (off_t)PIECE_BYTES);
    if (n < 0)
        return err_sys(e, s->name);
    if (n == 0)
        return err_set(e, ERR_INPUT, "%s: ends before piece %lld: it is cut off", s->name,
                       (long long)piece);
    if (api_post_bytes(s->ctl, path, BLOB(bytes, (size_t)n), &a, e) < 0)
        return -1;
    *state = TAKE(a.json);
    return 0;
}

static void take_state(struct sending *s, const json_t *state)
{
    s->next = json_int(state, "next");
    s->pieces = json_int(state, "pieces");
}

static int show_bar(const struct sending *s, struct err *e)
{
    char bar[BAR_COLUMNS + 1], line[128];
    const int64_t done = s->next - 1;

    if (!s->ctl->out.tty || ctl_option(s->ctl, OPT_JSON))
        return 0;
    for (int i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < (int)(done * BAR_COLUMNS / s->pieces) ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    snprintf(line, sizeof(line), "\r[%s] %3lld %%  %lld of %lld MiB%s", bar,
             (long long)(done * 100 / s->pieces), (long long)done, (long long)s->pieces,
             done == s->pieces ? "\n" : "");
    return out_write(blob_str(line), e);
}

static int ask(struct sending *s, json_t **state, struct err *e)
{
    if (api_get(s->ctl, PATH, state, e) < 0)
        return -1;
    take_state(s, *state);
    return 0;
}

/* After a cut: waits, asks where it is. Any answer will do; silence ends after a minute. */
static int find_again(struct sending *s, struct err *e)
{
    for (int i = 0; i < AGAIN_MAX; i++) {
        OWN(own_json)
        json_t *state = NULL;
        sleep(AGAIN_S);
        if (ask(s, &state, e) == 0)
            return 0;
        if (e->code != ERR_NETWORK)
            return -1;
    }
    return -1;
}

static int send_rest(struct sending *s, struct err *e)
{
    while (s->next <= s->pieces) {
        OWN(own_json)
        json_t *state = NULL;
        if (show_bar(s, e) < 0)
            return -1;
        if (send_piece(s, s->next, &state, e) == 0)
            take_state(s, state);
        else if (e->code != ERR_NETWORK || find_again(s, e) < 0)
            return -1;
        if (s->pieces == 0)
            return err_set(e, ERR_CONFLICT,
                           "another update began meanwhile, or this one was given "
                           "up: start again");
    }
    return show_bar(s, e);
}

static int begin(struct sending *s, struct err *e)
{
    OWN(own_json)
    json_t *state = NULL;

    if (send_piece(s, 0, &state, e) < 0)
        return -1;
    take_state(s, state);
    if (s->bytes > (s->pieces + 1) * (int64_t)PIECE_BYTES ||
        s->bytes <= s->pieces * (int64_t)PIECE_BYTES)
        return err_set(e, ERR_INPUT, "%s: %lld bytes, expected %lld pieces: it is cut off", s->name,
                       (long long)s->bytes, (long long)s->pieces + 1);
    if (ctl_option(s->ctl, OPT_JSON))
        return 0;
    OWN(own_mem)
    char *on =
        xasprintf(", goes on with piece %lld of %lld", (long long)s->next, (long long)s->pieces);
    return out_text("Version %s for slot %s, %lld MiB%s\n", json_str(state, "version"),
                    json_str(state, "slot"), (long long)s->pieces, s->next > 1 ? on : "");
}

static int commit(struct sending *s, json_t **state, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (!ctl_option(s->ctl, OPT_JSON) && out_text("Checking every byte on the disk...\n") < 0)
        return -1;
    if (api_call(s->ctl, "POST", PATH "/commit", NULL, NULL, &a, e) < 0)
        return -1;
    for (;;) {
        json_t *now = NULL;
        sleep(1);
        if (ask(s, &now, e) < 0 && (e->code != ERR_NETWORK || find_again(s, e) < 0))
            return -1;
        if (now && !str_eq(json_str(now, "phase"), "checking")) {
            *state = now;
            break;
        }
        json_decref(now);
    }
    if (str_eq(json_str(*state, "phase"), "committed"))
        return 0;
    return err_set(e, ERR_CRYPTO, "the check failed: %s", json_str(*state, "problem"));
}

static int restart(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (verb_sure(c, "and restart the appliance", e) < 0 ||
        api_call(c, "POST", PATH "/restart", NULL, NULL, &a, e) < 0)
        return -1;
    return ctl_option(c, OPT_JSON)
               ? 0
               : out_text("The appliance restarts. See then: certkeep system show\n");
}

static void own_sending(struct sending *s)
{
    own_fd(&s->fd);
}

int machine_update(struct ctl *c, struct err *e)
{
    const char *file = ctl_word(c, 0);
    OWN(own_sending)
    struct sending s = {.ctl = c, .name = file ? file : "", .fd = -1};
    OWN(own_json)
    json_t *state = NULL;

    if (open_bundle(&s, e) < 0 || begin(&s, e) < 0 || send_rest(&s, e) < 0 ||
        commit(&s, &state, e) < 0)
        return -1;
    if (!show_json(c, state) &&
        out_text("Version %s is committed: it runs from the next start on.\n",
                 json_str(state, "version")) < 0)
        return -1;
    return ctl_option(c, OPT_RESTART) ? restart(c, e) : 0;
}

int machine_restart(struct ctl *c, struct err *e)
{
    return restart(c, e);
}
