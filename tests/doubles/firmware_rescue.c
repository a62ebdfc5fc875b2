/*
 * firmware_rescue DIR TRUST BOARD: the rescue page over a disk made of files, confined as in
 * stage-0. Prints "port=N fingerprint=HEX" and ends once a bundle is installed.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/rescue/server.h"
#include "src/sandbox/narrow.h"
#include "src/stage0/rescue.h"

static int read_trust(const char *path, struct trust *out, struct err *e)
{
    uint8_t keys[TRUST_BYTES_MAX];
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, keys, sizeof(keys));

    return n < 0 ? err_sys(e, path) : trust_parse(keys, (size_t)n, out, e);
}

static int serve(struct rescue *r, char **argv, struct err *e)
{
    struct identity id;
    struct disk disk;
    struct trust trust;
    struct control control;
    struct sockaddr_in6 at;
    socklen_t at_n = sizeof(at);
    char fingerprint[65];

    if (firmware_start(e) < 0 || read_trust(argv[2], &trust, e) < 0 ||
        disk_open(argv[1], &disk, e) < 0 || control_load(&disk.control, &control, e) < 0 ||
        identity_make("certkeep", &id, e) < 0 || identity_fingerprint(&id, fingerprint, e) < 0 ||
        server_listen(0, &r->listener, e) < 0)
        return -1;
    if (getsockname(r->listener, (struct sockaddr *)&at, &at_n) < 0)
        return err_sys(e, "port");
    printf("port=%u fingerprint=%s\n", ntohs(at.sin6_port), fingerprint);
    fflush(stdout);
    r->disk = &disk;
    r->trust = &trust;
    r->board = argv[3];
    r->control = &control;
    r->identity = &id;
    if (confine_narrow(&(struct narrow){.name = "rescue", .accepts = true}, e) < 0)
        return -1;
    return rescue_serve(r, e);
}

int main(int argc, char **argv)
{
    struct rescue r = {};
    struct err e = {};

    if (argc == 4 && serve(&r, argv, &e) == 0)
        return 0;
    fprintf(stderr, "firmware_rescue: %s\n", e.text);
    return 1;
}
