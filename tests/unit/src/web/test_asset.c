/* Files of the UI: what is loaded, found, and chosen. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/web/asset.h"

static char folder[] = "/tmp/test_asset.XXXXXX";

static void put(const char *name, const char *text)
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", folder, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    OWN(own_mem)
    char *below = NULL;
    if (!mkdtemp(folder))
        return -1;
    below = xasprintf("%s/assets", folder);
    return mkdir(below, 0700);
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"assets/app-1.js",
                                        "assets/app-1.js.gz",
                                        "assets/app-1.js.br",
                                        "assets/lost.css.gz",
                                        ".hidden",
                                        "index.html",
                                        "assets",
                                        "link",
                                        ""};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", folder, names[i]);
        remove(path);
    }
    return 0;
}

static void test_assets_load_needs_an_index(void **state)
{
    struct assets a;
    struct err e;

    (void)state;
    assert_int_equal(assets_load(folder, &a, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(assets_load("/nowhere", &a, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(assets_load(NULL, &a, &e), 0);
    assert_null(assets_find(&a, "/"));
}

static void test_assets_find_and_choose(void **state)
{
    struct assets a;

    (void)state;
    put("index.html", "<!doctype html>");
    put("assets/app-1.js", "aaaaaaaaaaaaaaaaaaaa");
    put("assets/app-1.js.gz", "gggggggg");
    put("assets/app-1.js.br", "bbbb");
    put("assets/lost.css.gz", "g");
    put(".hidden", "x");
    assert_int_equal(assets_load(folder, &a, NULL), 0);
    assert_int_equal(a.n, 2);
    const struct asset *index = assets_find(&a, "/"), *app = assets_find(&a, "/assets/app-1.js");
    assert_non_null(index);
    assert_non_null(app);
    assert_ptr_equal(assets_find(&a, "/certificates/abc"), index);
    assert_null(assets_find(&a, "/assets/lost.css"));
    assert_null(assets_find(&a, "/.hidden"));
    assert_false(index->for_ever);
    assert_true(app->for_ever);
    assert_string_equal(app->type, "text/javascript; charset=utf-8");
    assert_int_equal(strlen(app->etag), 34);
    assert_int_equal(asset_choose(app, ""), ASSET_PLAIN);
    assert_int_equal(asset_choose(app, "gzip, deflate, br"), ASSET_BROTLI);
    assert_int_equal(asset_choose(app, "gzip;q=0.5"), ASSET_GZIP);
    assert_int_equal(asset_choose(app, "gzip;q=0, br;q=0"), ASSET_PLAIN);
    assert_int_equal(asset_choose(app, "xbr"), ASSET_PLAIN);
    assert_int_equal(asset_choose(index, "gzip"), ASSET_PLAIN);
    assets_free(&a);
}

static void test_assets_load_refuses_links(void **state)
{
    OWN(own_mem)
    char *path = xasprintf("%s/link", folder);
    struct assets a;
    struct err e;

    (void)state;
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(assets_load(folder, &a, &e), -1);
    assert_int_equal(e.code, ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assets_load_needs_an_index),
        cmocka_unit_test(test_assets_find_and_choose),
        cmocka_unit_test(test_assets_load_refuses_links),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
