/* The tokenizer, the configuration reader and the choice of a block over any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"", "a.test", "www.a.test"};
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config c = {0};
    OWN(conf_free)
    struct conf_node root = {0};
    const struct ngx_server *s;

    if (size > 65536)
        return 0;
    if (conf_parse("f", BLOB(data, size), &root, NULL) == 0)
        for (size_t i = 0; i < root.children; i++)
            for (size_t k = 0; k < root.child[i].words; k++)
                if (root.child[i].word[k].start > root.child[i].word[k].end ||
                    root.child[i].word[k].end > size)
                    abort();
    if (conf_files_from_dump(BLOB(data, size), &files, NULL) < 0 &&
        conf_files_add(&files, "/f", BLOB(data, size), NULL) < 0)
        return 0;
    if (ngx_config_read(&files, files.v[0].path, size & 1, 0, &c, NULL) < 0)
        return 0;
    for (size_t i = 0; i < COUNT(names); i++)
        if (ngx_config_select(&c, "192.0.2.1", 443, names[i], &s, NULL) == 0 &&
            (s < c.server || s >= c.server + c.servers))
            abort();
    return 0;
}
