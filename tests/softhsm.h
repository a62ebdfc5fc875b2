/*
 * A real SoftHSM token in a folder of its own, for tests: softhsm_start makes the folder, points
 * the module at it and loads it; softhsm_open also initialises and opens the token with its keys.
 */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/pkcs11/module.h"
#include "crypto/pkcs11/rootkeys.h"
#include "crypto/pkcs11/session.h"

#define TEST_PIN "correct-horse"
#define TEST_SO_PIN "battery-staple"

/*
 * The module is never finalised (its teardown is not safe), and it leaks the curve it parsed with
 * each Ed25519 key: neither is ours. The slow unwinder is needed to see the module in a stack that
 * passes through libcrypto, which has no frame pointers.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libsofthsm2.so\n";
}

static char softhsm_dir[64];
static struct module softhsm_module;

static int softhsm_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void softhsm_stop(void)
{
    nftw(softhsm_dir, softhsm_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void softhsm_start(void)
{
    snprintf(softhsm_dir, sizeof softhsm_dir, "/tmp/certkeep-hsm-XXXXXX");
    assert_non_null(mkdtemp(softhsm_dir));
    char path[128];
    snprintf(path, sizeof path, "%s/tokens", softhsm_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/softhsm2.conf", softhsm_dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
            softhsm_dir);
    fclose(f);
    setenv("SOFTHSM2_CONF", path, 1);
    struct err e = {0};
    if (module_load(TOKEN_URI_DEFAULT, &softhsm_module, &e) < 0)
        fail_msg("%s", e.text);
}

/* Initialises the token, opens it and makes its root keys. */
static inline void softhsm_open(struct token *t)
{
    struct err e = {0};
    struct slot slot;
    softhsm_start();
    if (module_find(&softhsm_module, &slot, &e) < 0 ||
        module_init_token(&softhsm_module, slot.id, TEST_SO_PIN, TEST_PIN, &e) < 0 ||
        module_find(&softhsm_module, &slot, &e) < 0 ||
        token_open(t, &softhsm_module, slot.id, blob_str(TEST_PIN), &e) < 0 ||
        rootkeys_create(t, &e) < 0)
        fail_msg("%s", e.text);
}
