/*
 * Prints what the reader of nginx configurations makes of a dump (nginx -T, standard input):
 * "file PATH" and "block FILE:LINE" for what it found, and for each "ADDRESS PORT NAME" argument
 * "select PORT NAME CERTFILES" or "none ...: why".
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_config.h"

static void print_choice(const struct ngx_config *c, const char *address, const char *port,
                         const char *name)
{
    const struct ngx_server *s = NULL;
    struct err e = {0};
    uint32_t number = 0;

    if (parse_u32(port, 1, 65535, &number, &e) < 0 ||
        ngx_config_select(c, address, number, str_eq(name, "-") ? "" : name, &s, &e) < 0) {
        printf("none %s %s: %s\n", port, name, e.text);
        return;
    }
    printf("select %s %s", port, name);
    for (size_t i = 0; i < s->pairs; i++)
        printf("\t%s", s->pair[i].cert);
    puts("");
}

int main(int argc, char **argv)
{
    OWN(buf_free)
    struct buf in = BUF(64 << 20);
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config c = {0};
    struct err e = {0};
    char block[65536];
    ssize_t n;

    while ((n = read(0, block, sizeof(block))) > 0)
        buf_add(&in, block, (size_t)n);
    if (conf_files_from_dump(buf_blob(&in), &files, &e) < 0 ||
        ngx_config_read(&files, files.v[0].path, true, 0, &c, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    for (size_t i = 0; i < files.n; i++)
        printf("file %s %zu\n", files.v[i].path, files.v[i].text.n);
    for (size_t i = 0; i < c.servers; i++)
        printf("block %s:%u\n", c.server[i].file, c.server[i].line);
    for (int i = 1; i + 2 < argc; i += 3)
        print_choice(&c, argv[i], argv[i + 1], argv[i + 2]);
    return 0;
}
