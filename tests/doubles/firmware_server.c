/*
 * firmware_server: the HTTPS server of src/rescue with a page, a form and an upload whose SHA-256
 * it tells. Prints "port=N fingerprint=HEX" and serves until /end was asked for.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "crypto/firmware/hash.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/rescue/server.h"

#define UPLOAD_MAX (64u * 1024 * 1024)

struct upload {
    psa_hash_operation_t hash;
    uint64_t bytes;
};

static int show(void *ctx, struct blob body, struct page *page, struct err *e)
{
    static const struct page_fact facts[] = {{"Version", "1.2 <3>"}, {"Reason", "a & b"}};
    static const struct page_field fields[] = {
        {INPUT_SECRET, "passphrase", "Passphrase", "That of the set-up"}};
    static const struct page_form form = {"/form", "Unlock", fields, COUNT(fields)};

    (void)ctx;
    (void)body;
    (void)e;
    page_start(page, "Locked");
    page_note(page, TONE_PLAIN, "Enter <the> passphrase.");
    page_facts(page, facts, COUNT(facts));
    page_form(page, &form);
    return 0;
}

static int take_form(void *ctx, struct blob body, struct page *page, struct err *e)
{
    OWN(buf_free)
    struct buf given = BUF_SECRET(64);

    (void)ctx;
    if (form_field(body, "passphrase", &given, e) < 0)
        return -1;
    if (!str_eq(buf_cstr(&given), "open sesame"))
        return err_set(e, ERR_DENIED, "the passphrase is not the right one: try again");
    page_start(page, "Unlocked");
    page_note(page, TONE_OK, "It is open.");
    return 0;
}

static int on_begin(void *ctx, uint64_t bytes, struct err *e)
{
    struct upload *u = ctx;

    u->bytes = bytes;
    u->hash = (psa_hash_operation_t)PSA_HASH_OPERATION_INIT;
    return bytes == 0 ? err_set(e, ERR_INPUT, "no file was chosen") : hash_begin(&u->hash, e);
}

static int on_part(void *ctx, struct blob part, struct err *e)
{
    struct upload *u = ctx;
    return hash_add(&u->hash, part.p, part.n, e);
}

static void on_end(void *ctx)
{
    struct upload *u = ctx;
    psa_hash_abort(&u->hash);
}

static int tell(void *ctx, struct blob body, struct page *page, struct err *e)
{
    struct upload *u = ctx;
    uint8_t sum[SHA256_BYTES];

    (void)body;
    if (hash_end(&u->hash, sum, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(sum, sizeof(sum)));
    page_start(page, "Taken");
    page_note(page, TONE_OK, hex);
    return 0;
}

static int end(void *ctx, struct blob body, struct page *page, struct err *e)
{
    (void)ctx;
    (void)body;
    (void)e;
    page_start(page, "End");
    page->last = true;
    return 0;
}

int main(void)
{
    static const struct stream stream = {on_begin, on_part, on_end};
    static const struct route routes[] = {
        {"GET", "/", 0, NULL, show},
        {"POST", "/form", 256, NULL, take_form},
        {"POST", "/file", UPLOAD_MAX, &stream, tell},
        {"PUT", "/file", UPLOAD_MAX, &stream, tell},
        {"GET", "/end", 0, NULL, end},
    };
    struct upload upload = {};
    struct identity id;
    struct sockaddr_in6 at = {};
    socklen_t at_n = sizeof(at);
    char fingerprint[65];
    struct server s = {
        .identity = &id, .routes = routes, .routes_n = COUNT(routes), .ctx = &upload};
    struct err e;

    if (firmware_start(&e) < 0 || identity_make("certkeep", &id, &e) < 0 ||
        identity_fingerprint(&id, fingerprint, &e) < 0 || server_listen(0, &s.listener, &e) < 0 ||
        getsockname(s.listener, (struct sockaddr *)&at, &at_n) < 0)
        return 1;
    printf("port=%u fingerprint=%s\n", ntohs(at.sin6_port), fingerprint);
    fflush(stdout);
    if (server_run(&s, &e) == 0)
        return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}
