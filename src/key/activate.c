/* The passphrase's way to the token. Holds no copy of it, and the PIN in guarded memory only. */
#include "src/key/activate.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/pkcs11/rootkeys.h"
#include "src/base/enc.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/key/statefile.h"

#define SALT_FILE "unlock.salt"
#define CHECK_FILE "unlock.check"
#define SALT_FILE_BYTES 32
#define CHECK_BYTES 32
#define WAIT_MAX_S 300
#define PIN_MAX_BYTES 255

static const char magic[4] = {'C', 'K', 'U', '1'};

/* What the passphrase gives; PINs are NUL-terminated inside their secret. */
struct derived {
    struct secret user_pin, so_pin;
    uint8_t check[CHECK_BYTES];
};

static void derived_done(struct derived *d)
{
    secret_free(&d->user_pin);
    secret_free(&d->so_pin);
    wipe(d, sizeof *d);
}

static int pin_from(const struct secret *master, const char *info, struct secret *pin,
                    struct err *e)
{
    OWN(secret_free)
    struct secret raw = {0};
    OWN(buf_free)
    struct buf text = BUF_SECRET(128);
    if (kdf_hkdf(secret_blob(master), BLOB(NULL, 0), info, 32, &raw, e) < 0)
        return -1;
    enc_base64url(&text, secret_blob(&raw));
    buf_addc(&text, 0);
    return buf_check(&text, "pin", e) < 0 ? -1 : secret_copy(pin, text.p, text.n, e);
}

static int derive(struct blob salt_file, struct blob passphrase, struct derived *out, struct err *e)
{
    struct reader r = reader_of(salt_file);
    struct blob m = read_bytes(&r, sizeof magic);
    struct argon2_cost cost;
    cost.memory_kib = read_u32(&r);
    cost.passes = read_u32(&r);
    cost.lanes = read_u32(&r);
    struct blob salt = read_bytes(&r, 16);
    if (!reader_done(&r) || !blob_eq(m, BLOB(magic, sizeof magic)))
        return err_set(e, ERR_STORE, SALT_FILE ": damaged: restore it from a backup");
    OWN(secret_free)
    struct secret master = {0};
    OWN(secret_free)
    struct secret check_key = {0};
    OWN(derived_done)
    struct derived d = {0};
    if (kdf_argon2id(passphrase, salt, cost, 32, &master, e) < 0 ||
        pin_from(&master, "certkeep token user pin", &d.user_pin, e) < 0 ||
        pin_from(&master, "certkeep token so pin", &d.so_pin, e) < 0 ||
        kdf_hkdf(secret_blob(&master), BLOB(NULL, 0), "certkeep unlock check", 32, &check_key, e) <
            0 ||
        hmac_sha256(secret_blob(&check_key), salt_file, d.check, e) < 0)
        return -1;
    *out = d;
    d = (struct derived){0};
    return 0;
}

static int read_salt(struct vault *v, struct buf *out, struct err *e)
{
    return statefile_read(v->state, SALT_FILE, out, e);
}

static int make_salt(struct vault *v, struct buf *out, struct err *e)
{
    struct err why = {0};
    if (read_salt(v, out, &why) == 0)
        return 0; /* of a first run that was interrupted */
    if (why.code != ERR_NOT_FOUND)
        return err_set(e, why.code, "%s", why.text);
    OWN(secret_free)
    struct secret salt = {0};
    if (secret_random(&salt, 16, e) < 0)
        return -1;
    buf_clear(out);
    buf_add(out, magic, sizeof magic);
    buf_add_u32(out, v->cost.memory_kib);
    buf_add_u32(out, v->cost.passes);
    buf_add_u32(out, v->cost.lanes);
    buf_add_blob(out, secret_blob(&salt));
    return statefile_write(v->state, SALT_FILE, buf_blob(out), e);
}

/* 1: complete, 0: not yet. */
static int is_complete(struct vault *v, struct buf *check, struct err *e)
{
    struct err why = {0};
    if (statefile_read(v->state, CHECK_FILE, check, &why) == 0)
        return check->n == CHECK_BYTES
                   ? 1
                   : err_set(e, ERR_STORE, CHECK_FILE ": damaged: restore it from a backup");
    return why.code == ERR_NOT_FOUND ? 0 : err_set(e, why.code, "%s", why.text);
}

static int look(struct token *t, void *arg, struct err *e)
{
    (void)arg;
    CK_SESSION_INFO info;
    CK_RV rv = t->m->f->C_GetSessionInfo(t->home, &info);
    if (rv == CKR_OK && info.state != CKS_RW_USER_FUNCTIONS)
        rv = CKR_USER_NOT_LOGGED_IN;
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_GetSessionInfo", e);
}

enum token_state activate_state(struct vault *v, struct err *detail)
{
    *detail = (struct err){0};
    if (!v->loaded) {
        *detail = v->trouble;
        return TOKEN_FAILED;
    }
    if (v->token.open)
        return token_retry(&v->token, look, NULL, detail) == 0 ? TOKEN_OPEN : TOKEN_FAILED;
    OWN(buf_free)
    struct buf check = BUF(CHECK_BYTES);
    struct slot slot;
    if (module_find(&v->module, &slot, detail) < 0)
        return detail->code == ERR_NOT_FOUND ? TOKEN_ABSENT : TOKEN_FAILED;
    memcpy(v->serial, slot.serial, sizeof v->serial);
    int complete = is_complete(v, &check, detail);
    if (complete < 0)
        return TOKEN_FAILED;
    if (!complete)
        return TOKEN_UNINITIALISED;
    if (!slot.initialised) {
        err_set(detail, ERR_TOKEN, "the token that was set up here is gone: connect it again");
        return TOKEN_ABSENT;
    }
    if (slot.pin_locked) {
        err_set(detail, ERR_TOKEN, "the PIN is locked: unlock it with the vendor's tool");
        return TOKEN_FAILED;
    }
    return TOKEN_LOCKED;
}

/* Shared by parent and us: emptying it here empties it there. */
static int keep_pin(struct vault *v, struct blob pin, struct err *e)
{
    OWN(own_fd)
    int fd = memfd_create("pin", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0)
        return err_sys(e, "memfd for the PIN");
    if (pwrite(fd, pin.p, pin.n, 0) != (ssize_t)pin.n)
        return err_sys(e, "memfd for the PIN");
    if (v->pin_fd >= 0)
        close(v->pin_fd);
    v->pin_fd = take_fd(&fd);
    return 0;
}

static int open_token(struct vault *v, const struct secret *pin, struct err *e)
{
    struct slot slot;
    struct blob text = BLOB(pin->p, pin->n - 1);
    if (module_find(&v->module, &slot, e) < 0)
        return -1;
    if (!slot.initialised)
        return err_set(e, ERR_TOKEN, "the token that was set up here is gone: connect it again");
    memcpy(v->serial, slot.serial, sizeof v->serial);
    if (token_open(&v->token, &v->module, slot.id, text, e) < 0)
        return -1;
    if (keep_pin(v, text, e) < 0) {
        token_close(&v->token);
        return -1;
    }
    return 0;
}

static int check_length(struct blob passphrase, struct err *e)
{
    if (passphrase.n < PASSPHRASE_MIN_BYTES || passphrase.n > PASSPHRASE_MAX_BYTES)
        return err_set(e, ERR_INPUT, "passphrase: expected %d to %d bytes", PASSPHRASE_MIN_BYTES,
                       PASSPHRASE_MAX_BYTES);
    return 0;
}

static int expect_state(struct vault *v, enum token_state want, const char *otherwise,
                        struct err *e)
{
    struct err detail;
    enum token_state is = activate_state(v, &detail);
    if (is == want)
        return 0;
    if (is == TOKEN_ABSENT || is == TOKEN_FAILED)
        return err_set(e, ERR_TOKEN, "%s", detail.text);
    return err_set(e, ERR_CONFLICT, "%s", otherwise);
}

static int init_token(struct vault *v, const struct derived *d, struct err *e)
{
    struct slot slot;
    if (module_find(&v->module, &slot, e) < 0)
        return -1;
    struct err why = {0};
    if (module_init_token(&v->module, slot.id, (const char *)d->so_pin.p,
                          (const char *)d->user_pin.p, &why) == 0)
        return 0;
    if (slot.initialised && why.code == ERR_AUTH)
        return err_set(e, ERR_AUTH,
                       "an earlier set-up was interrupted: give the passphrase of "
                       "that time, or reset the appliance");
    return err_set(e, why.code, "%s", why.text);
}

int activate_setup(struct vault *v, struct blob passphrase, struct err *e)
{
    OWN(buf_free)
    struct buf salt = BUF(SALT_FILE_BYTES);
    OWN(derived_done)
    struct derived d = {0};
    if (check_length(passphrase, e) < 0 ||
        expect_state(v, TOKEN_UNINITIALISED, "the token is set up already: unlock it", e) < 0 ||
        make_salt(v, &salt, e) < 0 || derive(buf_blob(&salt), passphrase, &d, e) < 0 ||
        init_token(v, &d, e) < 0 || open_token(v, &d.user_pin, e) < 0)
        return -1;
    if (rootkeys_create(&v->token, e) < 0 ||
        statefile_write(v->state, CHECK_FILE, BLOB(d.check, sizeof d.check), e) < 0) {
        activate_lock(v);
        return -1;
    }
    return 0;
}

static void count_failure(struct vault *v)
{
    unsigned shift = v->failures < 16 ? v->failures : 16;
    int64_t wait_s = (int64_t)1 << shift;
    v->failures++;
    v->next_try_ms = monotonic_ms() + 1000 * (wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S);
}

int activate_unlock(struct vault *v, struct blob passphrase, struct err *e)
{
    OWN(buf_free)
    struct buf check = BUF(CHECK_BYTES);
    OWN(buf_free)
    struct buf salt = BUF(SALT_FILE_BYTES);
    OWN(derived_done)
    struct derived d = {0};
    if (v->token.open)
        return err_set(e, ERR_CONFLICT, "the token is open already");
    if (expect_state(v, TOKEN_LOCKED, "the token is not set up yet", e) < 0)
        return -1;
    int64_t left_ms = v->next_try_ms - monotonic_ms();
    if (left_ms > 0)
        return err_set(e, ERR_LIMIT, "wrong passphrases before: try again in %lld s",
                       (long long)(left_ms + 999) / 1000);
    if (check_length(passphrase, e) < 0 || is_complete(v, &check, e) < 0 ||
        read_salt(v, &salt, e) < 0 || derive(buf_blob(&salt), passphrase, &d, e) < 0)
        return -1;
    if (check.n != CHECK_BYTES || CRYPTO_memcmp(check.p, d.check, CHECK_BYTES) != 0) {
        count_failure(v);
        return err_set(e, ERR_AUTH, "the unlock passphrase is wrong");
    }
    v->failures = 0;
    return open_token(v, &d.user_pin, e);
}

int activate_resume(struct vault *v, int take_pin_fd, struct err *e)
{
    OWN(own_fd)
    int fd = take_pin_fd;
    OWN(secret_free)
    struct secret raw = {0};
    OWN(secret_free)
    struct secret pin = {0};
    if (secret_new(&raw, PIN_MAX_BYTES, e) < 0)
        return -1;
    ssize_t n = pread(fd, raw.p, raw.n, 0);
    if (n < 0)
        return err_sys(e, "memfd of the PIN");
    if (n == 0)
        return err_set(e, ERR_CONFLICT, "the token was locked on purpose");
    if (expect_state(v, TOKEN_LOCKED, "the token is not locked", e) < 0)
        return -1;
    if (secret_new(&pin, (size_t)n + 1, e) < 0)
        return -1;
    memcpy(pin.p, raw.p, (size_t)n);
    return open_token(v, &pin, e);
}

void activate_lock(struct vault *v)
{
    static const uint8_t zeros[PIN_MAX_BYTES];
    cache_clear(&v->cache, &v->token);
    token_close(&v->token);
    if (v->pin_fd < 0)
        return;
    /* Overwrite, then cut: the pages are gone behind parent's descriptor as well. */
    if (pwrite(v->pin_fd, zeros, sizeof zeros, 0) < 0 || ftruncate(v->pin_fd, 0) < 0)
        log_error("key.lock", "why=\"the PIN could not be wiped: restart the appliance\"");
    close(v->pin_fd);
    v->pin_fd = -1;
}
