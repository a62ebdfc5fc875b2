/*
 * Process 1 stays what it is and opens nothing to the network: dhcpcd gets addresses as its own
 * user, and a process that can open nothing more serves. Both are started again when they end.
 */
#include "src/stage0/rescue_machine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/firmware/hash.h"
#include "src/base/addresses.h"
#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/base/str.h"
#include "src/rescue/server.h"
#include "src/sandbox/foreign.h"
#include "src/sandbox/narrow.h"

#define DHCP "/usr/sbin/dhcpcd"
#define DHCP_UID 61090
#define LOADER "/usr/lib64/ld-linux-x86-64.so.2"
#define LOOK_US 500000
#define PAUSE_LOOKS 10 /* until what ended is started again */
#define SHOWN_MAX 1024

struct machine {
    const struct rescue *rescue;
    pid_t dhcp, server;
    unsigned dhcp_pause, server_pause;
    char *shown; /* the addresses on the console */
};

bool rescue_is_there(void)
{
    return access(DHCP, X_OK) == 0;
}

static int folders(struct err *e)
{
    static const struct {
        const char *path;
        uid_t uid;
    } list[] = {{"/run", 0}, {"/run/dhcpcd", DHCP_UID}, {"/var", 0}, {"/var/lib", 0}};

    for (size_t i = 0; i < COUNT(list); i++)
        if ((mkdir(list[i].path, 0755) < 0 && access(list[i].path, F_OK) < 0) ||
            chown(list[i].path, list[i].uid, list[i].uid) < 0)
            return err_sys(e, list[i].path);
    if (symlink("/run/dhcpcd", "/var/lib/dhcpcd") < 0 && access("/var/lib/dhcpcd", F_OK) < 0)
        return err_sys(e, "/var/lib/dhcpcd");
    return 0;
}

static void become_dhcp(void)
{
    static const struct foreign confinement = {
        .uid = DHCP_UID,
        .capabilities = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW | 1u << CAP_NET_BIND_SERVICE,
        .reads = "/etc /usr/lib /proc /sys/class /sys/devices /dev/null /dev/urandom",
        .writes = "/run/dhcpcd /proc/sys/net",
        .runs = DHCP " " LOADER,
    };
    char *const argv[] = {(char[]){DHCP},       (char[]){"--nobackground"}, (char[]){"--quiet"},
                          (char[]){"--script"}, (char[]){"/dev/null"},      NULL};
    char *const env[] = {(char[]){"LANG=C.UTF-8"}, NULL};
    struct err e = {};

    /* What it says is for the kernel's log, not for the console. */
    const int log = open("/dev/kmsg", O_WRONLY);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || log < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
        _exit(126);
    if (confine_foreign(&confinement, &e) < 0)
        fprintf(stderr, "rescue: dhcpcd: %s\n", e.text);
    else
        execve(DHCP, argv, env);
    _exit(126);
}

static void become_server(const struct rescue *r)
{
    static const struct narrow narrow = {.name = "rescue", .uid = RESCUE_UID, .accepts = true};
    struct err e = {};

    mbedtls_psa_crypto_free(); /* lest two of these draw the same random numbers */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && firmware_start(&e) == 0 &&
        confine_narrow(&narrow, &e) == 0 && rescue_serve(r, &e) == 0)
        _exit(0);
    fprintf(stderr, "rescue: %s\n", e.text);
    _exit(1);
}

/* Starts what does not run and has waited long enough. */
static void start(struct machine *m)
{
    if (m->dhcp == 0 && m->dhcp_pause-- == 0) {
        m->dhcp = fork();
        if (m->dhcp == 0)
            become_dhcp();
    }
    if (m->server == 0 && m->server_pause-- == 0) {
        m->server = fork();
        if (m->server == 0)
            become_server(m->rescue);
    }
}

/* True when the server ended because a bundle is installed. */
static bool reap(struct machine *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == m->server && WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return true;
        if (pid == m->server) {
            m->server = 0;
            m->server_pause = PAUSE_LOOKS;
        }
        if (pid == m->dhcp) {
            m->dhcp = 0;
            m->dhcp_pause = PAUSE_LOOKS;
        }
    }
    return false;
}

static void show_addresses(struct machine *m)
{
    OWN(buf_free)
    struct buf b = BUF(SHOWN_MAX);

    addresses_add(&b, "rescue");
    if (b.n == 0)
        buf_add_str(&b, "rescue: no address yet\n");
    if (!buf_ok(&b) || str_eq(m->shown, buf_cstr(&b)))
        return;
    own_mem(&m->shown);
    m->shown = buf_take_str(&b);
    fputs(m->shown, stderr);
}

int rescue_run(const struct rescue *r, struct err *e)
{
    struct rescue full = *r;
    struct machine m = {.rescue = &full};
    struct identity id;
    char fingerprint[65];

    if (folders(e) < 0 || identity_make("certkeep", &id, e) < 0 ||
        identity_fingerprint(&id, fingerprint, e) < 0 ||
        server_listen(RESCUE_PORT, &full.listener, e) < 0)
        return err_wrap(e, "rescue");
    full.identity = &id;
    fprintf(stderr, "rescue: certificate SHA-256 fingerprint: %s\n", fingerprint);
    do {
        start(&m);
        show_addresses(&m);
        usleep(LOOK_US);
    } while (!reap(&m));
    wipe(id.key, sizeof(id.key));
    own_mem(&m.shown);
    return 0;
}
