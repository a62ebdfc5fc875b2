/*
 * Stored keys: made by the real `key`, wrapped, and committed to real stores that hold none, 10,000
 * and SIZE keys already; signatures with stored keys in the first and the last; and what there
 * would be without wrapping: token objects. The stores take turns, as the machine drifts.
 *
 *   core_keys SIZE FOLDER [SECONDS of each turn, default 2]
 */
#include <time.h>

#include "crypto/pkcs11/keygen.h"
#include "crypto/x509/cert.h"
#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/str.h"
#include "src/core/store/inside.h"
#include "tests/bench/key_process.h"
#include "tests/softhsm.h"

#define UNDER_WAY 64
#define ROUNDS 3
#define WARM 100
#define FILL_BATCH 10000
#define TOKEN_OBJECTS 300

enum { STORE_EMPTY, STORE_SOME, STORE_FULL, STORES };

static struct key_process keyp;
static struct db *stores[STORES];
static char ids[STORES][WARM][ID_CHARS + 1]; /* of the same keys in each store */
static struct {
    int store;
    void (*once)(void);
    unsigned done, running, next;
    double end;
} turn;

static double now_real(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "core_keys: %s\n", e->text);
    exit(1);
}

static void key_record(struct key *k, struct blob envelope, struct blob spki, const char *hash)
{
    fields_init(&key_fields, k);
    text_set(&k->label, "host.bench.example");
    text_set(&k->alg, "p-256");
    text_set(&k->policy, "deployable");
    text_set(&k->spki_sha256, hash);
    bytes_set(&k->envelope, envelope);
    bytes_set(&k->spki, spki);
}

static void make_key(struct reply *r, struct msg_KEY_MADE *made)
{
    struct err e = {0};
    const struct msg_KEY_GENERATE m = {.alg = KEY_P256,
                                       .policy = KEY_POLICY_SEALED,
                                       .purposes = PURPOSE_TLS_SERVER,
                                       .label = "host.bench.example"};
    must(call_KEY_GENERATE(keyp.core, &m, MSG_KEY_MADE, 60000, r, &e), &e);
    must(get_KEY_MADE(&r->msg, made, &e), &e);
}

static void keep_key(struct db *db, const struct msg_KEY_MADE *made, char id[ID_CHARS + 1])
{
    struct err e = {0};
    char hash[65];
    OWN(own_key)
    struct key k = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    must(spki_sha256(made->spki, hash, &e), &e);
    key_record(&k, made->envelope, made->spki, hash);
    must(txn_begin(db, true, &t, &e), &e);
    must(row_put(t, TABLE_KEY, &k, &e), &e);
    must(txn_commit(&t, &e), &e);
    if (id)
        memcpy(id, k.id, ID_CHARS + 1);
}

static void store_one(void)
{
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_MADE made;
    make_key(&r, &made);
    keep_key(stores[turn.store], &made, NULL);
}

/* As a handshake or a CSR does: the record is read, its key signs. */
static void sign_one(void)
{
    struct err e = {0};
    OWN(own_key)
    struct key k = {0};
    OWN(reply_done)
    struct reply r = {0};
    uint8_t tbs[64 + 34 + 32]; /* RFC 8446, 4.4.3 */
    struct txn *t = NULL;
    memset(tbs, ' ', sizeof tbs);
    memcpy(tbs + 64, "TLS 1.3, server CertificateVerify", 34);
    must(txn_begin(stores[turn.store], false, &t, &e), &e);
    must(row_get(t, TABLE_KEY, ids[turn.store][turn.next++ % WARM], &k, &e), &e);
    txn_abort(&t);
    const struct msg_KEY_SIGN m = {.purpose = PURPOSE_TLS_SERVER,
                                   .scheme = SIGN_ECDSA_SHA256,
                                   .envelope = bytes_blob(&k.envelope),
                                   .tbs = BLOB(tbs, sizeof tbs)};
    must(call_KEY_SIGN(keyp.web, &m, MSG_KEY_SIGNED, 60000, &r, &e), &e);
}

static void worker(void *arg)
{
    (void)arg;
    while (now_real() < turn.end) {
        turn.once();
        turn.done++;
    }
    if (--turn.running == 0)
        loop_stop(keyp.loop);
}

static double run_turn(int store, void (*once)(void), double seconds)
{
    struct err e = {0};
    const double begin = now_real();
    turn.store = store;
    turn.once = once;
    turn.done = 0;
    turn.end = begin + seconds;
    turn.running = UNDER_WAY;
    for (int i = 0; i < UNDER_WAY; i++)
        fiber_start(keyp.loop, worker, NULL);
    must(loop_run(keyp.loop, &e), &e);
    return turn.done / (now_real() - begin);
}

/* Copies of one real key under other hashes: the store cannot tell, and `key` never sees them. */
static void fill(struct db *db, uint32_t rows)
{
    struct err e = {0};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_MADE made;
    make_key(&r, &made);
    for (uint32_t i = 0; i < rows; i += FILL_BATCH) {
        struct txn *t = NULL;
        must(txn_begin(db, true, &t, &e), &e);
        for (uint32_t n = i; n < i + FILL_BATCH && n < rows; n++) {
            OWN(own_key)
            struct key k = {0};
            char hash[65];
            snprintf(hash, sizeof hash, "%08x%056x", n * 2654435761u, n);
            key_record(&k, made.envelope, made.spki, hash);
            must(row_put(t, TABLE_KEY, &k, &e), &e);
        }
        must(txn_commit(&t, &e), &e);
    }
}

static void prepare(const char *dir, const uint32_t rows[STORES])
{
    struct err e = {0};
    for (int s = 0; s < STORES; s++) {
        OWN(own_mem)
        char *path = xasprintf("%s/store-%d", dir, s);
        must(mkdir(path, 0700) < 0 ? err_sys(&e, path) : 0, &e);
        must(db_open(path, &stores[s], &e), &e);
        fill(stores[s], rows[s]);
    }
    for (int i = 0; i < WARM; i++) {
        OWN(reply_done)
        struct reply r = {0};
        struct msg_KEY_MADE made;
        make_key(&r, &made);
        for (int s = 0; s < STORES; s++)
            keep_key(stores[s], &made, ids[s][i]);
    }
    for (int s = 0; s < STORES; s++)
        db_group_commits(stores[s], keyp.loop);
}

/* Keys as token objects, one after the other: what the design decided against. */
static void token_objects(double *first, double *last)
{
    struct err e = {0};
    struct token t = {0};
    double begin, middle = 0;
    softhsm_open(&t);
    begin = now_real();
    for (uint32_t i = 0; i < TOKEN_OBJECTS; i++) {
        uint8_t id[KEY_ID_BYTES] = {(uint8_t)(i >> 8), (uint8_t)i};
        CK_OBJECT_HANDLE key;
        OWN(buf_free)
        struct buf spki = BUF(1024);
        must(keygen_token(&t, KEY_P256, BLOB(id, sizeof id), "bench", &key, &spki, &e), &e);
        if (i + 1 == TOKEN_OBJECTS / 2)
            middle = now_real();
    }
    *first = TOKEN_OBJECTS / 2.0 / (middle - begin);
    *last = TOKEN_OBJECTS / 2.0 / (now_real() - middle);
    softhsm_stop();
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_turns(const char *what, void (*once)(void), double seconds)
{
    double v[STORES][ROUNDS];
    static const char *const names[STORES] = {"empty", "some", "full"};
    for (int round = 0; round < ROUNDS; round++)
        for (int s = 0; s < STORES; s++)
            v[s][round] = run_turn(s, once, seconds);
    for (int s = 0; s < STORES; s++) {
        qsort(v[s], ROUNDS, sizeof v[s][0], by_value);
        printf("%s_%s %.1f\n", what, names[s], v[s][ROUNDS / 2]);
    }
}

int main(int argc, char **argv)
{
    struct err e = {0};
    uint32_t rows[STORES] = {0, 10000, 0};
    double first, last;
    if (argc < 3) {
        fputs("usage: core_keys SIZE FOLDER [SECONDS]\n", stderr);
        return 2;
    }
    uint32_t seconds = 2;
    if (argc > 3)
        must(parse_u32(argv[3], 1, 600, &seconds, &e), &e);
    must(parse_u32(argv[1], 0, 10000000, &rows[STORE_FULL], &e), &e);
    log_open("bench", false);
    must(key_process_start(&keyp, argv[2], &e), &e);
    prepare(argv[2], rows);
    print_turns("sign", sign_one, seconds); /* the first store still has its 100 keys only */
    print_turns("store", store_one, seconds);
    key_process_end(&keyp);
    token_objects(&first, &last);
    printf("token_first %.1f\ntoken_last %.1f\n", first, last);
    fflush(stdout);
    _exit(0); /* the module is not unloaded */
}
