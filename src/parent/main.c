/*
 * certkeep-parent: arguments, folders, listening sockets, then supervision until SIGTERM. Runs as
 * root, for every other process becomes a user of its own. As the machine's first program it takes
 * its arguments from the image and switches the machine off at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/parent/console.h"
#include "src/parent/init.h"
#include "src/parent/machine.h"
#include "src/parent/parent.h"
#include "src/sandbox/confine.h"

#define MODULE "pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so"

static const char usage[] =
    "certkeep-parent --state DIR --listen-https ADDR:PORT [--listen-http01 ADDR:PORT]\n"
    "                [--bin DIR] [--static DIR] [--module URI] [--debug]\n"
    "                [--board NAME [--slots DIR] [--trust FILE] [--prove-within SECONDS] (of an "
    "appliance image)]\n";

#define RESTART_AFTER_S 30
#define PROVE_WITHIN_S "300"

static struct parent parent;

static int folder(const char *path, uid_t uid, mode_t mode, struct err *e)
{
    struct stat st;

    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_sys(e, path);
    if (lstat(path, &st) < 0)
        return err_sys(e, path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_SYSTEM, "%s: is not a folder", path);
    if (lchown(path, uid, uid) < 0 || chmod(path, mode) < 0)
        return err_sys(e, path);
    return 0;
}

static int folders(const struct parent *p, struct err *e)
{
    const struct {
        const char *name;
        uid_t uid;
        mode_t mode;
    } list[] = {
        {"", 0, 0711},
        {"/core", process_uid(PROC_CORE), 0700},
        {"/key", process_uid(PROC_KEY), 0700},
        {"/public", process_uid(PROC_CORE), 0755},
        {"/run", 0, 0755},
    };

    for (size_t i = 0; i < COUNT(list); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s%s", p->state, list[i].name);
        if (folder(path, list[i].uid, list[i].mode, e) < 0)
            return err_wrap(e, "state folder");
    }
    return 0;
}

static int open_listener(const char *where, int *out, struct err *e)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    char host[256], ip[64];
    uint16_t port;
    const int on = 1;

    if (parse_host_port(where, host, sizeof(host), &port, e) < 0 ||
        parse_ip(host, ip, sizeof(ip), e) < 0)
        return err_wrap(e, "listen at %s", where);
    const bool is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1)
        return err_set(e, ERR_INPUT, "listen at %s: expected ADDR:PORT", where);
    v4.sin_port = v6.sin6_port = htons(port);
    OWN(own_fd)
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr *at = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, at, is_v4 ? sizeof(v4) : sizeof(v6)) < 0 || listen(fd, 128) < 0) {
        err_sys(e, where);
        return err_wrap(e, "listen");
    }
    *out = take_fd(&fd);
    return 0;
}

static int parse_args(struct parent *p, int argc, char **argv, const char *where[PARENT_SERVICES],
                      struct err *e)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},
        {"listen-https", required_argument, NULL, 'l'},
        {"listen-http01", required_argument, NULL, 'h'},
        {"bin", required_argument, NULL, 'b'},
        {"static", required_argument, NULL, 'w'},
        {"module", required_argument, NULL, 'm'},
        {"board", required_argument, NULL, 'o'},
        {"slots", required_argument, NULL, 'p'},
        {"trust", required_argument, NULL, 't'},
        {"prove-within", required_argument, NULL, 'v'},
        {"debug", no_argument, NULL, 'd'},
#ifdef CERTKEEP_TEST
        {"fault", required_argument, NULL, 'f'},
#endif
        {},
    };
    const char *within = PROVE_WITHIN_S;
    const char **const texts[] = {
        ['s'] = &p->state,
        ['l'] = &where[LISTEN_HTTPS],
        ['h'] = &where[LISTEN_HTTP01],
        ['b'] = &p->bin,
        ['w'] = &p->web_files,
        ['m'] = &p->module,
        ['o'] = &p->board,
        ['p'] = &p->slots,
        ['t'] = &p->trust,
        ['v'] = &within,
        ['f'] = &p->fault,
    };
    uint32_t prove_s;
    int o;

    p->bin = "/usr/lib/certkeep";
    p->web_files = "/usr/share/certkeep/web";
    p->module = MODULE;
    p->slots = "/dev/part";
    p->trust = "/usr/share/certkeep/firmware.keys";
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'd')
            p->debug = true;
        else if ((size_t)o < COUNT(texts) && texts[o])
            *texts[o] = optarg;
        else
            return err_set(e, ERR_INPUT, "usage: %s", usage);
    }
    if (parse_u32(within, 1, 86400, &prove_s, e) < 0)
        return err_wrap(e, "--prove-within");
    p->prove_ms = (uint64_t)prove_s * 1000;
    p->https = where[LISTEN_HTTPS];
    if (optind != argc || !p->state || p->state[0] != '/' || !where[LISTEN_HTTPS])
        return err_set(e, ERR_INPUT, "--state (an absolute path) and --listen-https are needed\n%s",
                       usage);
    return 0;
}

static int prepare(struct parent *p, int argc, char **argv, struct err *e)
{
    const char *where[PARENT_SERVICES] = {};
    char notice[256];

    if (parse_args(p, argc, argv, where, e) < 0)
        return -1;
    if (geteuid() != 0)
        return err_set(
            e, ERR_DENIED,
            "certkeep-parent must run as root: it gives every process a user of its own");
    log_open("parent", p->debug);
    if (folders(p, e) < 0 || (p->board && machine_prepare(p, e) < 0))
        return -1;
    p->pin = -1;
    for (size_t s = 0; s < PARENT_SERVICES; s++) {
        p->listen[s] = -1;
        if (where[s] && open_listener(where[s], &p->listen[s], e) < 0)
            return -1;
    }
    p->loop = loop_new();
    for (size_t i = 0; i < PROC_COUNT; i++)
        p->children[i] = (struct child){.parent = p, .process = (enum process)i};
    if (supervise_signals(p) < 0)
        return err_sys(e, "signals");
    return confine(PROC_PARENT, NULL, notice, e);
}

/* The first program of a machine cannot end: it restarts the machine, which costs the slot a try.
 */
static int fail(const struct parent *p, const struct err *e)
{
    if (!p->first) {
        fprintf(stderr, "certkeep-parent: %s\n", e->text);
        return err_exit_status(e->code);
    }
    printf("certkeep-parent: %s\nrestarting in %d seconds\n", e->text, RESTART_AFTER_S);
    fflush(stdout);
    sleep(RESTART_AFTER_S);
    power_end(true);
}

/* Fills the machine's own part of p; argv becomes what the image says. */
static int prepare_first(struct strs *argv, struct err *e)
{
    strs_add(argv, "certkeep-parent");
    return init_start(argv, e);
}

static int start_first(struct parent *p, struct err *e)
{
    p->console = console_new(p->loop, e);
    if (!p->console)
        return -1;
    power_watch(p);
    dhcp_start(p);
    return 0;
}

static void release(struct parent *p)
{
    for (size_t i = 0; i < PROC_COUNT; i++) {
        watch_free(p->children[i].restart);
        channel_free(p->children[i].control);
    }
    for (size_t s = 0; s < PARENT_SERVICES; s++)
        own_fd(&p->listen[s]);
    own_fd(&p->pin);
    watch_free(p->on_child);
    watch_free(p->on_term);
    watch_free(p->on_int);
    watch_free(p->stop_timer);
    watch_free(p->prove);
    loop_free(p->loop);
}

int main(int argc, char **argv)
{
    struct parent *p = &parent;
    struct strs own = {}; /* kept: p points into it */
    struct err e;

    umask(022);
    p->first = init_is_first(argc, argv);
    if (p->first && prepare_first(&own, &e) < 0)
        return fail(p, &e);
    if (prepare(p, p->first ? (int)own.n : argc, p->first ? own.v : argv, &e) < 0)
        return fail(p, &e);
    if (p->first && start_first(p, &e) < 0)
        return fail(p, &e);
    supervise_start(p);
    if (loop_run(p->loop, &e) < 0)
        return fail(p, &e);
    if (p->first)
        power_end(p->restart);
    release(p);
    strs_free(&own);
    return 0;
}
