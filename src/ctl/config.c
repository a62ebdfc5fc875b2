/* Files of the console tool (config.h): written whole under another name, then renamed. */
#include "src/ctl/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define CONFIG_MAX_BYTES (256 * 1024)
#define TOKEN_MAX_BYTES 1024
#define PATH_BYTES 4096

int file_read(const char *path, bool private, struct buf *out, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    uint8_t part[4096];
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, path);
    if (!S_ISREG(st.st_mode) && private)
        return err_set(e, ERR_INPUT, "%.200s: expected a plain file", path);
    if (private && (st.st_uid != geteuid() || (st.st_mode & 077)))
        return err_set(e, ERR_INPUT,
                       "%.200s: others may read or change this file, or it is not yours; "
                       "expected mode 0600 (chmod 600), and change the secret if others saw it",
                       path);
    while ((n = read(fd, part, sizeof(part))) > 0)
        buf_add(out, part, (size_t)n);
    explicit_bzero(part, sizeof(part));
    if (n < 0)
        return err_sys(e, path);
    return buf_check(out, path, e);
}

static int write_all(int fd, struct blob b)
{
    const uint8_t *p = b.p;

    for (size_t at = 0; at < b.n;) {
        const ssize_t n = write(fd, p + at, b.n - at);
        if (n < 0 && errno != EINTR)
            return -1;
        at += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

int file_write_new(const char *path, unsigned mode, struct blob content, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_CONFLICT, "%.300s: exists already; choose another name", path);
    if (fd < 0)
        return err_sys(e, path);
    if (fchmod(fd, mode) == 0 && write_all(fd, content) == 0)
        return 0;
    err_sys(e, path);
    unlink(path);
    return -1;
}

/* The path of a file of ours; makes the folder when `make`. */
static int config_path(const char *name, bool make, char out[PATH_BYTES], struct err *e)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char folder[PATH_BYTES - 64];
    int n;

    if (base && *base == '/')
        n = snprintf(folder, sizeof(folder), "%s", base);
    else if (home && *home == '/')
        n = snprintf(folder, sizeof(folder), "%s/.config", home);
    else
        return err_set(e, ERR_SYSTEM, "HOME is not set: there is no place for the configuration");
    if (n < 0 || (size_t)n >= sizeof(folder) - sizeof("/certkeep"))
        return err_set(e, ERR_LIMIT, "HOME or XDG_CONFIG_HOME is too long");
    if (make && mkdir(folder, 0700) < 0 && errno != EEXIST)
        return err_sys(e, folder);
    snprintf(out, PATH_BYTES, "%s/certkeep", folder);
    if (make && mkdir(out, 0700) < 0 && errno != EEXIST)
        return err_sys(e, out);
    snprintf(out, PATH_BYTES, "%s/certkeep/%s", folder, name);
    return 0;
}

static int replace(const char *name, struct blob content, struct err *e)
{
    char path[PATH_BYTES], fresh[PATH_BYTES], fresh_name[64];

    snprintf(fresh_name, sizeof(fresh_name), "%s.new.%d", name, (int)getpid());
    if (config_path(name, true, path, e) < 0 || config_path(fresh_name, true, fresh, e) < 0)
        return -1;
    unlink(fresh); /* left by an earlier process of this id */
    if (file_write_new(fresh, 0600, content, e) < 0)
        return -1;
    if (rename(fresh, path) == 0)
        return 0;
    err_sys(e, path);
    unlink(fresh);
    return -1;
}

static int member(const json_t *j, const char *name, char *out, size_t size, struct err *e)
{
    const char *text = NULL;

    if (json_opt_str(j, name, size - 1, &text, e) < 0)
        return -1;
    return text ? str_copy(out, size, text, e) : 0;
}

int config_load(struct config *out, struct err *e)
{
    struct config c = {0};
    char path[PATH_BYTES];
    const char *ca = NULL;
    struct err why = {0};
    OWN(buf_free)
    struct buf text = BUF(CONFIG_MAX_BYTES);

    if (config_path("config.json", false, path, e) < 0)
        return -1;
    if (file_read(path, true, &text, &why) < 0) {
        if (why.code == ERR_NOT_FOUND) {
            *out = c;
            return 0;
        }
        return err_set(e, why.code, "%s", why.text);
    }
    OWN(own_json)
    json_t *j = json_parse(buf_blob(&text), CONFIG_MAX_BYTES, "config.json", e);
    if (!j || member(j, "url", c.url, sizeof(c.url), e) < 0 ||
        member(j, "pin", c.pin, sizeof(c.pin), e) < 0 ||
        member(j, "token_url", c.token_url, sizeof(c.token_url), e) < 0 ||
        member(j, "token_id", c.token_id, sizeof(c.token_id), e) < 0 ||
        json_opt_str(j, "ca", CONFIG_MAX_BYTES, &ca, e) < 0)
        return err_wrap(e, "%.200s", path);
    c.ca = xstrdup(ca);
    *out = c;
    return 0;
}

int config_save(const struct config *c, struct err *e)
{
    OWN(own_json)
    json_t *j = json_object();
    OWN(buf_free)
    struct buf text = BUF(CONFIG_MAX_BYTES);

    json_put_str(j, "url", c->url);
    if (c->pin[0])
        json_put_str(j, "pin", c->pin);
    if (c->ca)
        json_put_str(j, "ca", c->ca);
    if (c->token_url[0])
        json_put_str(j, "token_url", c->token_url);
    if (c->token_id[0])
        json_put_str(j, "token_id", c->token_id);
    if (json_print(j, &text, e) < 0)
        return -1;
    buf_addc(&text, '\n');
    return replace("config.json", buf_blob(&text), e);
}

void config_free(struct config *c)
{
    free(TAKE(c->ca));
}

int config_token_load(const struct config *c, const char *url, struct buf *out, struct err *e)
{
    char path[PATH_BYTES];
    struct err why = {0};

    if (!str_eq(c->token_url, url))
        return 0;
    if (config_path("token", false, path, e) < 0)
        return -1;
    OWN(buf_free)
    struct buf text = BUF_SECRET(TOKEN_MAX_BYTES);
    if (file_read(path, true, &text, &why) < 0)
        return why.code == ERR_NOT_FOUND ? 0 : err_set(e, why.code, "%s", why.text);
    while (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return err_set(e, ERR_INPUT, "%.200s: is not a token; run certkeep login", path);
    buf_add_blob(out, buf_blob(&text));
    return 0;
}

int config_token_save(struct blob token, struct err *e)
{
    return replace("token", token, e);
}

int config_token_delete(struct err *e)
{
    char path[PATH_BYTES];

    if (config_path("token", false, path, e) < 0)
        return -1;
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(e, path);
}

int config_url(const char *text, char out[CONFIG_URL_BYTES], struct err *e)
{
    char host[256], copy[CONFIG_URL_BYTES];
    uint16_t port = 443;
    const char *bad = "address of the appliance: expected https://HOST or https://HOST:PORT";

    if (!str_starts(text, "https://") || str_copy(copy, sizeof(copy), text + 8, NULL) < 0)
        return err_set(e, ERR_INPUT, "%s", bad);
    size_t n = strlen(copy);
    if (n && copy[n - 1] == '/')
        copy[n - 1] = 0;
    const bool bare = !strrchr(copy, ':') || copy[strlen(copy) - 1] == ']';
    char *with = xasprintf("%s%s", copy, bare ? ":443" : "");
    const int ok = parse_host_port(with, host, sizeof(host), &port, e);
    free(with);
    if (ok < 0)
        return err_wrap(e, "%s", bad);
    const bool v6 = strchr(host, ':') != NULL;
    snprintf(out, CONFIG_URL_BYTES, "https://%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "");
    if (port != 443) {
        n = strlen(out);
        snprintf(out + n, CONFIG_URL_BYTES - n, ":%u", port);
    }
    return 0;
}

int config_pin(const char *text, char out[CONFIG_PIN_CHARS + 1], struct err *e)
{
    char hex[CONFIG_PIN_CHARS + 1];
    size_t n = 0;

    for (const char *p = text; *p; p++) {
        if (*p == ':')
            continue;
        const char low = *p >= 'A' && *p <= 'F' ? (char)(*p + 32) : *p;
        if (n == CONFIG_PIN_CHARS || !strchr("0123456789abcdef", low)) {
            n = 0;
            break;
        }
        hex[n++] = low;
    }
    if (n != CONFIG_PIN_CHARS)
        return err_set(e, ERR_INPUT, "pin: expected a SHA-256 fingerprint: 64 hex digits");
    memcpy(out, hex, n);
    out[n] = 0;
    return 0;
}
