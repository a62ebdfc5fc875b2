/*
 * What `key` costs on top of the bare module: P-256 signatures by C_Sign alone, through the layer
 * of functions, and through messages to the real process (one at a time, and many under way), in
 * turns in one run; and keys made and wrapped per second. Prints a table, asserts nothing. On a
 * machine that does other work the rates are noise: there the processor time that the signing
 * process spent on each signature tells more.
 *
 *   bench_key [SECONDS per row, default 2]
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/str.h"
#include "src/ipc/call.h"
#include "src/key/activate.h"
#include "src/key/keys.h"
#include "tests/softhsm.h"
#include "tests/unit/src/key/tbs.h"

#define PASSPHRASE "a long enough passphrase"
#define UNDER_WAY 32

static struct vault vault;
static struct buf envelope, spki, tbs;
static uint32_t seconds = 2;

static struct {
    struct loop *loop;
    struct channel *parent, *web, *core;
    pid_t pid;
    struct buf envelope;
    unsigned done, running;
    double end;
} ipc;

static double read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bench_key: %s\n", e->text);
    exit(1);
}

/* What a row shows: how many in a second, and the processor time of each in its process. */
struct rate {
    double per_second, cpu_us;
};

/* `cpu` is the clock of the process that does the work. */
static struct rate rate(void (*once)(void), clockid_t cpu)
{
    unsigned n = 0;
    double used = read_clock(cpu), begin = now(), took = 0;
    while (took < seconds) {
        for (int i = 0; i < 16; i++)
            once();
        n += 16;
        took = now() - begin;
    }
    return (struct rate){n / took, 1e6 * (read_clock(cpu) - used) / n};
}

/* ---- the bare module ---- */

static CK_OBJECT_HANDLE bare_key;
static CK_SESSION_HANDLE bare_session;

static void bare_sign(void)
{
    uint8_t hash[32] = {1}, out[64];
    CK_ULONG n = sizeof out;
    CK_MECHANISM how = {.mechanism = CKM_ECDSA};
    CK_FUNCTION_LIST *f = vault.module.f;
    if (f->C_SignInit(bare_session, &how, bare_key) != CKR_OK ||
        f->C_Sign(bare_session, hash, sizeof hash, out, &n) != CKR_OK)
        exit(1);
}

/* ---- the layer of functions ---- */

static void layer_sign(void)
{
    struct err e = {0};
    OWN(buf_free)
    struct buf sig = BUF(SIGNATURE_MAX_BYTES);
    must(keys_sign(&vault, PROC_WEB, PURPOSE_TLS_SERVER, SIGN_ECDSA_SHA256, buf_blob(&envelope),
                   buf_blob(&tbs), &sig, &e),
         &e);
}

static void layer_generate(void)
{
    struct err e = {0};
    enum key_policy policy;
    OWN(buf_free)
    struct buf made = BUF(ENVELOPE_MAX_BYTES);
    OWN(buf_free)
    struct buf pub = BUF(ENVELOPE_SPKI_MAX);
    const struct keys_request want = {KEY_P256, KEY_POLICY_SEALED, PURPOSE_CSR, "bench"};
    must(keys_generate(&vault, &want, &made, &pub, &policy, &e), &e);
}

/* ---- messages to the real process ---- */

static void ipc_sign(void)
{
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    const struct msg_KEY_SIGN m = {.purpose = PURPOSE_TLS_SERVER,
                                   .scheme = SIGN_ECDSA_SHA256,
                                   .envelope = buf_blob(&ipc.envelope),
                                   .tbs = buf_blob(&tbs)};
    must(call_KEY_SIGN(ipc.web, &m, MSG_KEY_SIGNED, 10000, &r, &e), &e);
}

static void ipc_worker(void *arg)
{
    (void)arg;
    while (now() < ipc.end) {
        ipc_sign();
        ipc.done++;
    }
    if (--ipc.running == 0)
        loop_stop(ipc.loop);
}

static struct rate ipc_bulk_rate(clockid_t cpu)
{
    struct err e = {0};
    double used = read_clock(cpu), begin = now();
    ipc.done = 0;
    ipc.end = begin + seconds;
    ipc.running = UNDER_WAY;
    for (int i = 0; i < UNDER_WAY; i++)
        fiber_start(ipc.loop, ipc_worker, NULL);
    must(loop_run(ipc.loop, &e), &e);
    return (struct rate){ipc.done / (now() - begin), 1e6 * (read_clock(cpu) - used) / ipc.done};
}

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)m;
    (void)arg; /* READY, PIN_KEEP: the calls below wait for what matters */
}

static void run_program(int control, const char *state)
{
    char exe[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    char *cut = strstr(exe, "/tests/bench/");
    if (!cut || dup2(control, CONTROL_FD) < 0 || fcntl(CONTROL_FD, F_SETFD, 0) < 0)
        _exit(90);
    *cut = 0;
    snprintf(path, sizeof path, "%s/bin/certkeep-key", exe);
    execl(path, "certkeep-key", "--state", state, (char *)NULL);
    _exit(91);
}

static struct channel *give_peer(enum process self)
{
    static const struct channel_events events = {.message = on_message};
    struct err e = {0};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        exit(1);
    const struct msg_PEER m = {.process = self, .fd = ends[1]};
    must(send_PEER(ipc.parent, &m, &e), &e);
    close(ends[1]);
    return channel_new(ipc.loop, self, PROC_KEY, 0, ends[0], &events, NULL);
}

static void ipc_start(const char *state)
{
    static const struct channel_events events = {.message = on_message};
    struct err e = {0};
    int control[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        exit(1);
    ipc.pid = fork();
    if (ipc.pid == 0)
        run_program(control[1], state);
    close(control[1]);
    ipc.loop = loop_new();
    ipc.parent = channel_new(ipc.loop, PROC_PARENT, PROC_KEY, 0, control[0], &events, NULL);
    ipc.core = give_peer(PROC_CORE);
    ipc.web = give_peer(PROC_WEB);

    OWN(reply_done)
    struct reply done = {0};
    OWN(reply_done)
    struct reply made = {0};
    struct msg_KEY_MADE key;
    const struct msg_KEY_TOKEN_INIT init = {.passphrase = blob_str(PASSPHRASE)};
    const struct msg_KEY_GENERATE want = {.alg = KEY_P256,
                                          .policy = KEY_POLICY_SEALED,
                                          .purposes = PURPOSE_TLS_SERVER,
                                          .label = "bench"};
    must(call_KEY_TOKEN_INIT(ipc.core, &init, MSG_DONE, 60000, &done, &e), &e);
    must(call_KEY_GENERATE(ipc.core, &want, MSG_KEY_MADE, 10000, &made, &e), &e);
    must(get_KEY_MADE(&made.msg, &key, &e), &e);
    ipc.envelope = BUF(ENVELOPE_MAX_BYTES);
    buf_add_blob(&ipc.envelope, key.envelope);
}

static void prepare(void)
{
    struct err e = {0};
    enum key_policy policy;
    const struct keys_request want = {KEY_P256, KEY_POLICY_SEALED, PURPOSE_TLS_SERVER, "bench"};
    softhsm_start();
    vault_init(&vault, softhsm_dir);
    vault.cost = (struct argon2_cost){.memory_kib = 64, .passes = 1, .lanes = 1};
    vault_load(&vault, TOKEN_URI_DEFAULT);
    must(vault.loaded ? 0 : -1, &vault.trouble);
    must(activate_setup(&vault, blob_str(PASSPHRASE), &e), &e);
    envelope = BUF(ENVELOPE_MAX_BYTES);
    spki = BUF(ENVELOPE_SPKI_MAX);
    tbs = BUF(512);
    must(keys_generate(&vault, &want, &envelope, &spki, &policy, &e), &e);
    tbs_tls13("TLS 1.3, server CertificateVerify", 32, &tbs);
    layer_sign(); /* now the key is open: sign with the very same one */
    bare_key = vault.cache.newest->key;
    must(session_take(&vault.token, &bare_session, &e), &e);
}

static void print_row(const char *what, struct rate r, struct rate bare)
{
    printf("%-44s %10.0f %7.1f%% %8.1f %7.1f%%\n", what, r.per_second,
           100 * r.per_second / bare.per_second, r.cpu_us, 100 * bare.cpu_us / r.cpu_us);
}

int main(int argc, char **argv)
{
    static char state[] = "/tmp/certkeep-bench-XXXXXX";
    struct err e = {0};
    if (argc > 1)
        must(parse_u32(argv[1], 1, 3600, &seconds, &e), &e);
    log_open("bench", false);
    if (!mkdtemp(state) ||
        (geteuid() == 0 && chown(state, PROCESS_UID_BASE + 1, PROCESS_UID_BASE + 1) < 0))
        return 1;
    ipc_start(state);
    prepare();

    /* The bare module is measured before and after the others, as the machine drifts. */
    const clockid_t here = CLOCK_PROCESS_CPUTIME_ID;
    clockid_t there;
    if (clock_getcpuclockid(ipc.pid, &there) != 0)
        return 1;
    struct rate bare = rate(bare_sign, here);
    const struct rate layer = rate(layer_sign, here);
    const struct rate one = rate(ipc_sign, there);
    const struct rate bulk = ipc_bulk_rate(there);
    const struct rate again = rate(bare_sign, here);
    const struct rate made = rate(layer_generate, here);
    bare.per_second = (bare.per_second + again.per_second) / 2;
    bare.cpu_us = (bare.cpu_us + again.cpu_us) / 2;
    printf("%-44s %10s %8s %8s %8s\n", "P-256", "per second", "to bare", "cpu us", "to bare");
    print_row("bare module, C_SignInit and C_Sign", bare, bare);
    print_row("key's functions (judge, hash, sign, DER)", layer, bare);
    print_row("messages, 32 under way", bulk, bare);
    print_row("messages, one at a time", one, bare);
    printf("%-44s %+9.1f us each\n", "", 1e6 / one.per_second - 1e6 / bare.per_second);
    printf("%-44s %10.0f\n", "keys made, wrapped, in an envelope", made.per_second);
    kill(ipc.pid, SIGKILL);
    waitpid(ipc.pid, NULL, 0);
    nftw(state, softhsm_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    softhsm_stop();
    fflush(stdout);
    _exit(0); /* the module is not unloaded */
}
