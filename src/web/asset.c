/* Static files in memory. Reads one folder at start, follows no link, and refuses what is too
 * large. */
#include "src/web/asset.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/web/limits.h"

#define DEPTH_MAX 8

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const struct {
    const char *suffix, *coding;
} forms[ASSET_FORMS] = {
    [ASSET_PLAIN] = {NULL, NULL}, [ASSET_GZIP] = {".gz", "gzip"}, [ASSET_BROTLI] = {".br", "br"}};

struct loading {
    struct assets *assets;
    size_t bytes;
};

static void own_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_ends(path, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}

static struct asset *find_exact(const struct assets *a, const char *path)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].path, path) == 0)
            return &a->v[i];
    return NULL;
}

static struct asset *asset_of(struct assets *a, const char *path)
{
    struct asset *got = find_exact(a, path);

    if (got)
        return got;
    a->v = xrealloc(a->v, (a->n + 1) * sizeof(*a->v));
    got = &a->v[a->n++];
    *got = (struct asset){
        .path = xstrdup(path), .type = type_of(path), .for_ever = str_starts(path, "/assets/")};
    return got;
}

static int read_file(int fd, const char *path, struct loading *l, struct buf *out, struct err *e)
{
    uint8_t block[16384];
    ssize_t got;

    *out = BUF(WEB_ASSET_BYTES_MAX - l->bytes);
    while ((got = read(fd, block, sizeof(block))) > 0)
        buf_add(out, block, (size_t)got);
    if (got < 0)
        return err_sys(e, path);
    if (buf_check(out, path, e) < 0)
        return err_wrap(e, "static files: at most 32 MiB together");
    l->bytes += out->n;
    return 0;
}

static int add_file(struct loading *l, int fd, const char *path, struct err *e)
{
    enum asset_form form = ASSET_PLAIN;
    OWN(own_mem)
    char *name = xstrdup(path);

    for (int f = ASSET_GZIP; f < ASSET_FORMS; f++) {
        if (!str_ends(name, forms[f].suffix))
            continue;
        name[strlen(name) - strlen(forms[f].suffix)] = 0;
        form = (enum asset_form)f;
        break;
    }
    if (l->assets->n >= WEB_ASSET_FILES_MAX)
        return err_set(e, ERR_LIMIT, "static files: at most %d", WEB_ASSET_FILES_MAX);
    return read_file(fd, path, l, &asset_of(l->assets, name)->form[form], e);
}

static int load_folder(struct loading *l, int take_folder, const char *under, int depth,
                       struct err *e)
{
    OWN(own_dir)
    DIR *dir = fdopendir(take_folder);

    if (!dir) {
        close(take_folder);
        return err_sys(e, "static files");
    }
    const int at = dirfd(dir);
    if (at < 0)
        return err_sys(e, "static files");
    if (depth > DEPTH_MAX)
        return err_set(e, ERR_LIMIT, "static files: folders deeper than %d", DEPTH_MAX);
    /* cppcheck-suppress readdirCalled ; one thread, and glibc's is safe for one stream each */
    for (const struct dirent *d; (d = readdir(dir));) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", under, d->d_name);
        struct stat st;
        if (d->d_name[0] == '.')
            continue;
        OWN(own_fd)
        int fd = openat(at, d->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
            return err_sys(e, path);
        if (S_ISDIR(st.st_mode) && load_folder(l, take_fd(&fd), path, depth + 1, e) < 0)
            return -1;
        if (S_ISREG(st.st_mode) && add_file(l, fd, path, e) < 0)
            return -1;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct asset *)a)->path, ((const struct asset *)b)->path);
}

/* Forms without their plain file are dropped; the ETag is of the plain bytes. */
static void settle(struct assets *a)
{
    size_t kept = 0;

    for (size_t i = 0; i < a->n; i++) {
        struct asset *one = &a->v[i];
        uint8_t hash[32];
        if (!one->form[ASSET_PLAIN].n) {
            for (int f = 0; f < ASSET_FORMS; f++)
                buf_free(&one->form[f]);
            free(one->path);
            continue;
        }
        if (!EVP_Digest(one->form[ASSET_PLAIN].p, one->form[ASSET_PLAIN].n, hash, NULL,
                        EVP_sha256(), NULL))
            abort();
        OWN(buf_free)
        struct buf tag = BUF(sizeof(one->etag) - 1);
        buf_addc(&tag, '"');
        enc_hex(&tag, BLOB(hash, 16));
        buf_addc(&tag, '"');
        memcpy(one->etag, buf_cstr(&tag), tag.n + 1);
        a->v[kept++] = *one;
    }
    a->n = kept;
    if (a->n)
        qsort(a->v, a->n, sizeof(*a->v), compare);
}

int assets_load(const char *folder, struct assets *out, struct err *e)
{
    struct assets made = {};
    struct loading l = {.assets = &made};

    *out = made;
    if (!folder)
        return 0;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, folder);
    const int rc = load_folder(&l, fd, "", 0, e);
    settle(&made);
    if (rc < 0 || !find_exact(&made, "/index.html")) {
        assets_free(&made);
        return rc < 0 ? -1
                      : err_set(e, ERR_INPUT,
                                "%s: expected an index.html in it; build the UI first", folder);
    }
    *out = made;
    return 0;
}

void assets_free(struct assets *a)
{
    for (size_t i = 0; i < a->n; i++) {
        for (int f = 0; f < ASSET_FORMS; f++)
            buf_free(&a->v[i].form[f]);
        free(a->v[i].path);
    }
    free(a->v);
    *a = (struct assets){};
}

const struct asset *assets_find(const struct assets *a, const char *path)
{
    const char *last = strrchr(path, '/');

    if (!a->n)
        return NULL;
    if (!last || !strchr(last, '.'))
        path = "/index.html";
    const struct asset wanted = {.path = (char *)path};
    return bsearch(&wanted, a->v, a->n, sizeof(*a->v), compare);
}

/* Whether the list names the coding, without "q=0". */
static bool takes(const char *accept_encoding, const char *coding)
{
    OWN(strs_free)
    struct strs parts = {};

    strs_split(&parts, accept_encoding, ",");
    for (size_t i = 0; i < parts.n; i++) {
        const char *part = parts.v[i] + strspn(parts.v[i], " \t");
        const size_t n = strcspn(part, "; \t");
        if (n == strlen(coding) && strncasecmp(part, coding, n) == 0)
            return !strstr(part + n, "q=0") || strstr(part + n, "q=0.");
    }
    return false;
}

enum asset_form asset_choose(const struct asset *a, const char *accept_encoding)
{
    enum asset_form best = ASSET_PLAIN;

    for (int f = ASSET_GZIP; f < ASSET_FORMS; f++)
        if (a->form[f].n && a->form[f].n < a->form[best].n &&
            takes(accept_encoding, forms[f].coding))
            best = (enum asset_form)f;
    return best;
}

const char *asset_encoding(enum asset_form form)
{
    return forms[form].coding;
}
