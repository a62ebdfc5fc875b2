/* The facts of the files that are to be replaced (section "Linux file rules" of
 * docs/formats/plan.md). */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target.h"

/* Prints facts as "name value"; the key's content never leaves, only its hash. */
static const char facts[] =
    "room() { printf 'free%s %s\\n' \"$1\" \"$(df -Pk -- \"$2/\" | awk 'NR==2{print $4}')\"\n"
    "[ -w \"$2/\" ] || printf 'ro%s 1\\n' \"$1\"; }\n"
    /* No file: its folder, or the folder's own, must be there. */
    "absent() {\n"
    "d=${2%/*}; up=${d%/*}\n"
    "if [ -d \"$d/\" ]; then d=$(readlink -f -- \"$d/\"); r=$d\n"
    "elif [ -d \"$up/\" ] && [ ! -e \"$d\" ]; then r=$(readlink -f -- \"$up/\"); d=$r/${d##*/}\n"
    "printf 'folder%s %s\\n' \"$1\" \"$d\"\n"
    "else return 0; fi\n"
    "printf 'absent%s %s\\n' \"$1\" \"$d/${2##*/}\"\n"
    "room \"$1\" \"$r\"\n"
    "}\n"
    "fact() {\n"
    "if [ ! -e \"$2\" ] && [ ! -L \"$2\" ]; then absent \"$1\" \"$2\"; return; fi\n"
    "f=$(readlink -f -- \"$2\") || f=\n"
    "printf 'final%s %s\\n' \"$1\" \"$f\"\n"
    "[ -f \"$f\" ] || return 0\n"
    "printf 'stat%s %s\\n' \"$1\" \"$(stat -c '%u %g %a %h' -- \"$f\")\"\n"
    "h=$(sha256sum <\"$f\") && printf 'sha%s %s\\n' \"$1\" \"${h%% *}\"\n"
    "case $(lsattr -d -- \"$f\" 2>/dev/null | cut -d' ' -f1) in *i*) printf 'fixed%s 1\\n' "
    "\"$1\";; esac\n"
    "[ \"$(findmnt -T \"$f\" -no TARGET 2>/dev/null)\" = \"$f\" ] && printf 'mount%s 1\\n' \"$1\"\n"
    "c=$(stat -c %C -- \"$f\" 2>/dev/null); case $c in *:*) printf 'context%s %s\\n' \"$1\" "
    "\"$c\";; esac\n"
    "room \"$1\" \"${f%/*}\"\n"
    "}\n";

static char *get(struct via_out *o, const char *name, uint32_t i)
{
    OWN(own_mem)
    char *full = xasprintf("%s%u", name, i);

    return script_get(o, full);
}

static void add_risk(struct plan *p, const char *why, const char *what)
{
    OWN(own_mem)
    char *line = xasprintf("! %s: %s", what, why);

    plan_add_risk(p, line);
}

/* What another program manages is not ours to write. */
static void flag_file(struct plan *p, struct via_out *o, uint32_t i, uint64_t links)
{
    static const char *const foreign[] = {"/etc/letsencrypt/", "/var/lib/acme", "/..data/",
                                          "/.acme.sh/"};
    struct plan_file *f = &p->file[i];
    OWN(own_mem)
    char *mount = get(o, "mount", i);

    for (size_t k = 0; k < COUNT(foreign); k++)
        if (strstr(f->final, foreign[k]) || strstr(f->path, foreign[k]))
            add_risk(p, "another agent keeps its certificates there", f->path);
    if (links > 1)
        add_risk(p, "the file has more than one name; the others keep the old content", f->path);
    f->in_place = mount != NULL;
    if (mount)
        add_risk(p, "the file is a mount of its own: it is written over, which is not atomic",
                 f->path);
}

static int read_owner(struct plan_file *f, const char *stat, uint32_t *links)
{
    struct strs part = {0};
    uint32_t mode = 0;

    strs_split(&part, stat, " ");
    bool good = part.n == 4 && parse_u32(part.v[0], 0, UINT32_MAX, &f->uid, NULL) == 0 &&
                parse_u32(part.v[1], 0, UINT32_MAX, &f->gid, NULL) == 0 &&
                parse_u32(part.v[2], 0, 7777, &mode, NULL) == 0 &&
                parse_u32(part.v[3], 1, UINT32_MAX, links, NULL) == 0;
    strs_free(&part);
    f->mode = mode / 1000 * 512 + mode / 100 % 10 * 64 + mode / 10 % 10 * 8 +
              mode % 10; /* octal digits */
    return good ? 0 : -1;
}

/* What is there: content, owner, mode, label, and what stands in the way. */
static int read_present(struct plan *p, struct via_out *o, uint32_t i, struct err *e)
{
    struct plan_file *f = &p->file[i];
    OWN(own_mem)
    char *final = get(o, "final", i);
    OWN(own_mem)
    char *stat = get(o, "stat", i);
    OWN(own_mem)
    char *sha = get(o, "sha", i);
    OWN(own_mem)
    char *context = get(o, "context", i);
    OWN(own_mem)
    char *fixed = get(o, "fixed", i);
    uint32_t links = 0;

    if (!final || final[0] != '/' || !stat)
        return err_set(e, ERR_NOT_FOUND,
                       "%s: named by the configuration, but there is no such file", f->path);
    if (f->created)
        return err_set(e, ERR_CONFLICT,
                       "%s exists already and the configuration does not name it: remove it, or "
                       "name another Certificate File and Key File",
                       f->path);
    if (!sha || strlen(sha) != 64)
        return err_set(e, ERR_DENIED, "%s cannot be read by this account", f->path);
    if (read_owner(f, stat, &links) < 0)
        return err_set(e, ERR_REMOTE, "%s: owner and mode cannot be read", f->path);
    if (f->kind == PLAN_CONFIG && !str_eq(f->old_sha256, sha))
        return err_set(e, ERR_CONFLICT, "%s changed while it was read", f->path);
    plan_set(&f->final, final);
    plan_set(&f->old_sha256, sha);
    plan_set(&f->context, context ? context : "");
    if (fixed)
        return err_set(e, ERR_DENIED, "%s is immutable (chattr +i): take that away first",
                       f->final);
    flag_file(p, o, i, links);
    return 0;
}

/* A file that is made: nobody but root reads a key. */
static int read_absent(struct plan *p, struct via_out *o, uint32_t i, struct err *e)
{
    struct plan_file *f = &p->file[i];
    OWN(own_mem)
    char *final = get(o, "absent", i);
    OWN(own_mem)
    char *folder = get(o, "folder", i);

    if (!final || final[0] != '/')
        return err_set(e, ERR_NOT_FOUND,
                       "%s: neither its folder nor the folder above is there: correct Key Store "
                       "Folder Path, or make it",
                       f->path);
    if (folder && p->new_folder[0] && !str_eq(folder, p->new_folder))
        return err_set(e, ERR_CONFLICT, "two folders would have to be made: %s and %s",
                       p->new_folder, folder);
    if (folder)
        plan_set(&p->new_folder, folder);
    plan_set(&f->final, final);
    f->mode = f->kind == PLAN_KEY ? 0600 : 0644;
    return 0;
}

static int read_facts(struct plan *p, struct via_out *o, uint32_t i, struct err *e)
{
    struct plan_file *f = &p->file[i];
    OWN(own_mem)
    char *present = get(o, "final", i);
    OWN(own_mem)
    char *readonly = get(o, "ro", i);
    OWN(own_mem)
    char *room = get(o, "free", i);
    uint32_t free_kb = UINT32_MAX;
    int rc = present || !f->created ? read_present(p, o, i, e) : read_absent(p, o, i, e);

    if (rc < 0)
        return -1;
    if (readonly)
        return err_set(e, ERR_DENIED,
                       "the folder of %s cannot be written: read-only file system, or no rights",
                       f->final);
    if (room && parse_u32(room, 0, UINT32_MAX, &free_kb, NULL) == 0 && free_kb < 10240)
        return err_set(e, ERR_LIMIT, "the file system of %s has less than 10 MiB left", f->final);
    const char *base = strrchr(f->final, '/') + 1;
    free(f->staged);
    f->staged = xasprintf("%.*s.%s.cd-%s", (int)(base - f->final), f->final, base, p->job);
    free(f->backup);
    f->backup = xasprintf("%u-%s", i, base);
    return 0;
}

int files_inspect(struct worker *w, struct plan *p, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(32768);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, facts);
    for (uint32_t i = 0; i < p->files; i++) {
        buf_addf(&b, "fact %u ", i);
        buf_add_shell(&b, p->file[i].path);
        buf_addc(&b, '\n');
    }
    buf_add_str(&b, "exit 0\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    for (uint32_t i = 0; i < p->files; i++)
        if (read_facts(p, &o, i, e) < 0)
            return -1;
    if (p->files >= 2 && str_eq(p->file[0].final, p->file[1].final))
        return err_set(e, ERR_CONFLICT, "%s and %s are the same file", p->file[0].path,
                       p->file[1].path);
    return 0;
}
