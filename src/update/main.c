/*
 * certkeep-update: one call, one step of an update. Statically linked, with mbedTLS as its only
 * library: it shares no code with the service whose next version it judges. Bytes come on standard
 * input, results leave as key=value lines on standard output, errors as one line on standard error
 * with the exit status of their code.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sandbox/narrow.h"
#include "src/update/install.h"

static const char usage[] =
    "certkeep-update --slots DIR --trust FILE --board NAME COMMAND\n"
    "  head       begin with piece 0 of a bundle, read from standard input, or go on\n"
    "  piece N    write piece N\n"
    "  commit     read the whole slot again and make it the one that starts next\n"
    "  bless      the running system is healthy\n"
    "  check SLOT compare every byte of slot a or b with its signed manifest\n"
    "  status     what the slots hold, and the update under way\n"
    "DIR has the partitions control, boot-a, boot-b, root-a and root-b.\n";

struct call {
    struct updater u;
    const char *arg;
};

/* All of standard input, at most one piece. */
static int input(uint8_t *p, size_t *n, struct err *e)
{
    size_t got = 0;

    for (;;) {
        uint8_t over;
        void *to = got < PIECE_BYTES ? p + got : &over;
        ssize_t r = read(STDIN_FILENO, to, got < PIECE_BYTES ? PIECE_BYTES - got : 1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_sys(e, "standard input");
        if (r == 0)
            break;
        if (got == PIECE_BYTES)
            return err_set(e, ERR_LIMIT, "standard input: more than a piece of %u bytes",
                           PIECE_BYTES);
        got += (size_t)r;
    }
    *n = got;
    return 0;
}

static int do_head(const struct call *k, struct err *e)
{
    OWN(own_mem)
    uint8_t *p = xmalloc(PIECE_BYTES);
    size_t n = 0;
    uint32_t next = 0;

    if (input(p, &n, e) < 0 || update_begin(&k->u, p, n, &next, e) < 0)
        return -1;
    printf("next=%u\n", next);
    return 0;
}

static int do_piece(const struct call *k, struct err *e)
{
    OWN(own_mem)
    uint8_t *p = xmalloc(PIECE_BYTES);
    size_t n = 0;
    uint32_t i = 0;
    uint32_t next = 0;

    if (parse_u32(k->arg, 1, PIECES_MAX, &i, e) < 0)
        return err_wrap(e, "piece");
    if (input(p, &n, e) < 0 || update_piece(&k->u, i, p, n, &next, e) < 0)
        return -1;
    printf("next=%u\n", next);
    return 0;
}

static int do_commit(const struct call *k, struct err *e)
{
    enum slot_id target = SLOT_NONE;

    if (update_commit(&k->u, &target, e) < 0)
        return -1;
    printf("committed=%s\n", slot_name(target));
    return 0;
}

static int do_bless(const struct call *k, struct err *e)
{
    return update_bless(&k->u, e);
}

static void print_manifest(const char *prefix, const struct manifest *m)
{
    printf("%sversion=%s\n%sbuilt=%llu\n%srollback=%llu\n%sbytes=%llu\n", prefix, m->version,
           prefix, (unsigned long long)m->built, prefix, (unsigned long long)m->rollback, prefix,
           (unsigned long long)manifest_payload(m));
}

static int do_check(const struct call *k, struct err *e)
{
    const struct disk *d = k->u.disk;
    struct policy policy = {.trust = k->u.trust, .board = k->u.board};
    struct manifest m;
    enum slot_why why;

    if (!str_eq(k->arg, "a") && !str_eq(k->arg, "b"))
        return err_set(e, ERR_INPUT, "slot: expected a or b");
    enum slot_id id = str_eq(k->arg, "a") ? SLOT_A : SLOT_B;
    if (slot_read(d, id, &policy, &m, &why, e) < 0)
        return -1;
    if (slot_check(&d->boot[id], &d->root[id], &m, NULL, e) < 0)
        return err_wrap(e, "slot %s", slot_name(id));
    print_manifest("", &m);
    return 0;
}

static void print_slot(const struct call *k, const struct control *c, enum slot_id id)
{
    const struct control_slot *s = &c->slot[id];
    struct policy policy = {.trust = k->u.trust, .board = k->u.board, .floor = c->floor};
    char prefix[16];
    struct manifest m;
    enum slot_why why;
    struct err e = {0};

    snprintf(prefix, sizeof(prefix), "slot.%s.", slot_name(id));
    printf("%scommit=%llu\n%stries=%u\n%sblessed=%s\n", prefix, (unsigned long long)s->commit,
           prefix, s->tries, prefix, s->blessed ? "true" : "false");
    if (s->why != WHY_NONE)
        printf("%swhy=%s\n", prefix, slot_why_text(s->why));
    if (s->commit == 0)
        return;
    if (slot_read(k->u.disk, id, &policy, &m, &why, &e) < 0)
        printf("%serror=%s\n", prefix, e.text);
    else
        print_manifest(prefix, &m);
}

static int do_status(const struct call *k, struct err *e)
{
    struct control c;
    struct journal j;

    if (control_load(&k->u.disk->control, &c, e) < 0 ||
        journal_load(&k->u.disk->control, &j, e) < 0)
        return -1;
    printf("running=%s\nhealthy=%s\nfloor=%llu\n", slot_name(c.running),
           control_healthy(&c, c.running) ? "true" : "false", (unsigned long long)c.floor);
    print_slot(k, &c, SLOT_A);
    print_slot(k, &c, SLOT_B);
    struct manifest m;
    if (j.target != SLOT_NONE && update_pending(&k->u, &m, NULL) == 0)
        print_manifest("update.", &m);
    if (j.target != SLOT_NONE)
        printf("update.slot=%s\nupdate.pieces=%u\nupdate.next=%u\n", slot_name(j.target), j.pieces,
               j.written + 1);
    return 0;
}

static const struct {
    const char *name;
    int args;
    int (*run)(const struct call *k, struct err *e);
} commands[] = {
    {"head", 0, do_head},   {"piece", 1, do_piece}, {"commit", 0, do_commit},
    {"bless", 0, do_bless}, {"check", 1, do_check}, {"status", 0, do_status},
};

static int trust_load(const char *path, struct trust *out, struct err *e)
{
    uint8_t p[TRUST_BYTES_MAX + 1];
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, path);
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(p) && (got = read(fd, p + n, sizeof(p) - n)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, path);
        n += (size_t)got;
    }
    if (trust_parse(p, n, out, e) < 0)
        return err_wrap(e, "%s", path);
    return 0;
}

/* One call at a time: two would write over each other's pieces. */
static int work(const char *slots, const char *trust_file, const char *board, char **args,
                struct err *e)
{
    struct trust trust;
    struct call k = {.u = {.trust = &trust, .board = board}, .arg = args[1]};
    OWN(disk_close)
    struct disk disk = {0};

    size_t i = 0;
    while (i < COUNT(commands) && !str_eq(args[0], commands[i].name))
        i++;
    int count = 0;
    while (args[count])
        count++;
    if (i == COUNT(commands) || count != 1 + commands[i].args)
        return err_set(e, ERR_INPUT, "usage: %s", usage);
    if (firmware_start(e) < 0 || trust_load(trust_file, &trust, e) < 0 ||
        disk_open(slots, &disk, e) < 0)
        return -1;
    if (flock(disk.control.fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? err_set(e, ERR_CONFLICT, "another update step is running")
                                    : err_sys(e, "lock");
    k.u.disk = &disk;
    if (confine_narrow(&(struct narrow){.name = "certkeep-update"}, e) < 0)
        return -1;
    return commands[i].run(&k, e);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"slots", required_argument, NULL, 's'},
                                            {"trust", required_argument, NULL, 't'},
                                            {"board", required_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    const char *slots = NULL;
    const char *trust = NULL;
    const char *board = NULL;
    struct err e = {0};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            slots = optarg;
            break;
        case 't':
            trust = optarg;
            break;
        case 'b':
            board = optarg;
            break;
        default:
            fputs(usage, stderr);
            return err_exit_status(ERR_INPUT);
        }
    }
    if (!slots || !trust || !board || optind == argc) {
        fputs(usage, stderr);
        return err_exit_status(ERR_INPUT);
    }
    int done = work(slots, trust, board, argv + optind, &e);
    if (done == 0 && fflush(stdout) != 0)
        done = err_sys(&e, "standard output");
    if (done < 0)
        fprintf(stderr, "%s\n", e.text);
    return done < 0 ? err_exit_status(e.code) : 0;
}
