/*
 * Verifies an audit export: `audit_check FILE [KEY.der]` prints "RECORDS SIGNED_UP_TO" or why not.
 * The same function as the console tool's `audit verify`, with nothing around it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/model/audit_verify.h"

#define FILE_MAX_BYTES (64u << 20)

static int read_all(const char *path, struct buf *out, struct err *e)
{
    char block[65536];
    ssize_t n;
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, path);
    while ((n = read(fd, block, sizeof(block))) > 0)
        buf_add(out, block, (size_t)n);
    return n < 0 ? err_sys(e, path) : buf_check(out, path, e);
}

int main(int argc, char **argv)
{
    OWN(buf_free)
    struct buf file = BUF(FILE_MAX_BYTES), key = BUF(4096);
    struct audit_report r;
    struct err e = {0};

    if (argc < 2) {
        fprintf(stderr, "usage: audit_check FILE [KEY.der]\n");
        return 2;
    }
    if (read_all(argv[1], &file, &e) < 0 || (argc > 2 && read_all(argv[2], &key, &e) < 0) ||
        audit_verify(buf_blob(&file), buf_blob(&key), &r, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    printf("%llu %llu\n", (unsigned long long)r.records, (unsigned long long)r.signed_up_to);
    return 0;
}
