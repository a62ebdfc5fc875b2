/*
 * token-sign: one ECDSA signature by a P-384 key in a PKCS#11 token, for tools/firmware-sign. The
 * URI (RFC 7512) names module-path, token, object and pin-source (file:/path). Not part of an
 * image.
 *
 *   token-sign public URI           SubjectPublicKeyInfo on standard output
 *   token-sign sign URI <MESSAGE    DER signature over its SHA-384 on standard output
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/pkcs11/object.h"
#include "crypto/pkcs11/sign.h"
#include "crypto/pkcs11/spki.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define MESSAGE_MAX_BYTES 65536
#define PIN_MAX_BYTES 256

static int read_all(int fd, const char *what, struct buf *out, struct err *e)
{
    uint8_t part[1024];
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, what);
        buf_add(out, part, (size_t)n);
    }
    explicit_bzero(part, sizeof(part));
    return buf_check(out, what, e);
}

static int read_pin(const struct module *m, struct buf *pin, struct err *e)
{
    const char *source = p11_kit_uri_get_pin_source(m->uri);

    if (!source || !str_starts(source, "file:"))
        return err_set(e, ERR_INPUT, "the URI: pin-source: expected file:/path of the token's PIN");
    const char *path = source + strlen("file:");
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, path);
    if (read_all(fd, path, pin, e) < 0)
        return -1;
    while (pin->n > 0 && pin->p[pin->n - 1] == '\n')
        pin->n--;
    return 0;
}

static int find(struct token *t, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out, struct err *e)
{
    struct template match = {0};
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(t->m->uri, CKA_LABEL);
    const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(t->m->uri, CKA_ID);

    if (!label && !id)
        return err_set(e, ERR_INPUT, "the URI: expected object= or id= of the key");
    template_ulong(&match, CKA_CLASS, class);
    if (label)
        template_bytes(&match, CKA_LABEL, BLOB(label->pValue, label->ulValueLen));
    if (id)
        template_bytes(&match, CKA_ID, BLOB(id->pValue, id->ulValueLen));
    return object_find(t, &match, out, e);
}

static int run(const char *command, struct token *t, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf message = BUF(MESSAGE_MAX_BYTES);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    if (str_eq(command, "public")) {
        if (find(t, CKO_PUBLIC_KEY, &key, e) < 0)
            return err_wrap(e, "public key");
        return spki_of_public_key(t, KEY_P384, key, out, e);
    }
    if (read_all(STDIN_FILENO, "message", &message, e) < 0)
        return -1;
    if (find(t, CKO_PRIVATE_KEY, &key, e) < 0)
        return err_wrap(e, "private key");
    return sign_tbs(t, key, SIGN_ECDSA_SHA384, buf_blob(&message), out, e);
}

static int work(const char *command, const char *uri, struct err *e)
{
    OWN(buf_free)
    struct buf pin = BUF_SECRET(PIN_MAX_BYTES);
    OWN(buf_free)
    struct buf out = BUF(MESSAGE_MAX_BYTES);
    struct module m = {0};
    struct slot slot = {0};
    struct token t = {0};

    if (module_load(uri, &m, e) < 0 || module_find(&m, &slot, e) < 0 || read_pin(&m, &pin, e) < 0 ||
        token_open(&t, &m, slot.id, buf_blob(&pin), e) < 0)
        return -1;
    int done = run(command, &t, &out, e);
    token_close(&t);
    if (done == 0 && (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0))
        return err_sys(e, "standard output");
    return done;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    int status = 0;

    if (argc != 3 || (!str_eq(argv[1], "public") && !str_eq(argv[1], "sign"))) {
        fputs("token-sign public|sign URI\n", stderr);
        return err_exit_status(ERR_INPUT);
    }
    if (work(argv[1], argv[2], &e) < 0) {
        fprintf(stderr, "token-sign: %s\n", e.text);
        status = err_exit_status(e.code);
    }
    _exit(status); /* a token module is never unloaded: see crypto/pkcs11/module.h */
}
